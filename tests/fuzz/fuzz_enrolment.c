/* What a newcomer and its inviter exchange: tokens as text, join and joined, and the two files. The first byte chooses. A token's array gets its check byte,
 * letters and their checks here, for no fuzzer finds the check characters of twenty-five groups. */
#include "tests/fuzz/fuzz.h"

enum { CHECK_BYTES = 1, GROUP = 4 /* characters before their check */ };

/* A text that is accepted names the same token as the text that hoi would have written. */
static bool check_text(struct bytes text) {
    struct token token, again;
    struct buffer memory, memory_again, out;
    buffer_init(&memory, TOKEN_MEMORY_MAX);
    buffer_init(&memory_again, TOKEN_MEMORY_MAX);
    buffer_init(&out, 4 * TOKEN_BYTES_MAX);
    bool accepted = token_decode(&token, text, &memory) == STATUS_OK;
    if (accepted) {
        FUZZ_REQUIRE(token_encode(&token, &out) == STATUS_OK && out.data[out.len - 1] == '\0');
        FUZZ_REQUIRE(token_decode(&again, bytes_of(out.data, out.len - 1), &memory_again) == STATUS_OK);
        FUZZ_REQUIRE(bytes_equal(buffer_bytes(&memory), buffer_bytes(&memory_again)));
        FUZZ_REQUIRE(again.address_count == token.address_count && memcmp(again.bond, token.bond, sizeof token.bond) == 0);
    }
    buffer_fini(&memory);
    buffer_fini(&memory_again);
    buffer_fini(&out);
    return accepted;
}

/* A group's check by another way than the product's: each value times x to its place from the end, in the field of 32. */
static unsigned check_of(unsigned number, const unsigned *values, size_t count) {
    static const unsigned POWERS[] = {1, 2, 4, 8, 16, 5}; /* of x; its fifth is x^2 + 1 */
    unsigned sum = 0;
    for (size_t i = 0; i <= count; i++) {
        unsigned value = i == 0 ? number % 32 : values[i - 1], power = POWERS[count + 1 - i];
        for (unsigned bit = 0; bit < 5; bit++) {
            sum ^= (value >> bit & 1) != 0 ? power : 0;
            power = (power << 1 & 31) ^ ((power & 16) != 0 ? 5u : 0u);
        }
    }
    return sum;
}

/* The token whose array is `in`, as text: the array with its check byte in base32, in groups. Accepted exactly if the array is canonical and in bounds, never
 * by chance. */
static void check_array(struct bytes in) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct hash hash;
    struct buffer bytes, text;
    unsigned values[GROUP], number = 0;
    size_t count = 0;
    keys_hash(&hash, "token", NULL, in, (struct bytes){0});
    buffer_init(&bytes, in.len + CHECK_BYTES);
    buffer_init(&text, 2 * in.len + in.len / 2 + 64);
    enum status status = in.len > 0 ? buffer_append(&bytes, in.data, in.len) : STATUS_OK;
    FUZZ_REQUIRE(status == STATUS_OK && buffer_append(&bytes, hash.b, CHECK_BYTES) == STATUS_OK && buffer_append(&text, "hoi1-", 5) == STATUS_OK);
    for (size_t bit = 0; bit < 8 * bytes.len; bit += 5) {
        size_t at = bit / 8;
        unsigned two = (unsigned)bytes.data[at] << 8 | (at + 1 < bytes.len ? bytes.data[at + 1] : 0u);
        values[count] = two >> (11 - bit % 8) & 31;
        FUZZ_REQUIRE(buffer_append(&text, &letters[values[count++]], 1) == STATUS_OK);
        if (count == GROUP || bit + 5 >= 8 * bytes.len) {
            FUZZ_REQUIRE(buffer_append(&text, &letters[check_of(++number, values, count)], 1) == STATUS_OK);
            count = 0;
        }
    }
    FUZZ_REQUIRE(!check_text(buffer_bytes(&text)) || (codec_check(in) == STATUS_OK && bytes.len <= TOKEN_BYTES_MAX));
    buffer_fini(&bytes);
    buffer_fini(&text);
}

/* A join that is well-formed can be asked for its signature, whatever its keys are. */
static void check_join(struct bytes in) {
    struct join join;
    if (join_decode(&join, in) == STATUS_OK) {
        const uint8_t bond[TOKEN_BOND_BYTES] = {0}, inviter_key[32] = {0};
        enum status status = join_verify(&join, bond, inviter_key);
        FUZZ_REQUIRE(status == STATUS_OK || status == STATUS_SIGNATURE_BAD);
    }
    (void)fuzz_recode(recode_join, in);
}

static void check_joined(struct bytes in) {
    (void)fuzz_recode(recode_joined, in);
}

static void check_request(struct bytes in) {
    (void)fuzz_recode(recode_join_request, in);
}

static void check_admission(struct bytes in) {
    (void)fuzz_recode(recode_join_admission, in);
}

static void check_any_text(struct bytes in) {
    (void)check_text(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const checks[])(struct bytes in) = {check_any_text, check_array,   check_join,
                                                      check_joined,   check_request, check_admission}; /* the order of seed.py's ENROLMENT */
    struct bytes in = bytes_of(data, size);
    FUZZ_REQUIRE(keys_init() == STATUS_OK);
    unsigned choice = fuzz_choice(&in, sizeof checks / sizeof checks[0]);
    checks[choice](in);
    return 0;
}
