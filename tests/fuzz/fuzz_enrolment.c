/* What a newcomer and its inviter exchange: tokens as text, join and joined. The first byte chooses. A token's array gets its check bytes and letters here, for
 * no fuzzer finds four bytes of a hash. */
#include "tests/fuzz/fuzz.h"

enum { CHECK_BYTES = 4, ASSOCIATION_AT = 4 /* array, version, head of a bin of 32 */ };

/* A text that is accepted names the same token as the text that hoi would have written. */
static bool check_text(struct bytes text) {
    struct token token, again;
    struct buffer memory, memory_again, out;
    buffer_init(&memory, TOKEN_BYTES_MAX);
    buffer_init(&memory_again, TOKEN_BYTES_MAX);
    buffer_init(&out, 4 * TOKEN_BYTES_MAX);
    bool accepted = token_decode(&token, text, &memory) == STATUS_OK;
    if (accepted) {
        FUZZ_REQUIRE(token_encode(&token, &out) == STATUS_OK && out.data[out.len - 1] == '\0');
        FUZZ_REQUIRE(token_decode(&again, bytes_of(out.data, out.len - 1), &memory_again) == STATUS_OK);
        FUZZ_REQUIRE(bytes_equal(buffer_bytes(&memory), buffer_bytes(&memory_again)));
        FUZZ_REQUIRE(again.address_count == token.address_count && again.expires == token.expires);
    }
    buffer_fini(&memory);
    buffer_fini(&memory_again);
    buffer_fini(&out);
    return accepted;
}

/* The token whose array is `in`, as text: the array with its check bytes in base32. Accepted exactly if the array is canonical and in bounds, never by chance.
 */
static void check_array(struct bytes in) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct association_id association = {{0}};
    struct hash hash;
    struct buffer bytes, text;
    if (in.len >= ASSOCIATION_AT + sizeof association.b) {
        memcpy(association.b, in.data + ASSOCIATION_AT, sizeof association.b);
    }
    keys_hash(&hash, "token", &association, in, (struct bytes){0});
    buffer_init(&bytes, in.len + CHECK_BYTES);
    buffer_init(&text, 2 * in.len + 64);
    enum status status = in.len > 0 ? buffer_append(&bytes, in.data, in.len) : STATUS_OK;
    FUZZ_REQUIRE(status == STATUS_OK && buffer_append(&bytes, hash.b, CHECK_BYTES) == STATUS_OK && buffer_append(&text, "hoi1-", 5) == STATUS_OK);
    for (size_t bit = 0; bit < 8 * bytes.len; bit += 5) {
        size_t at = bit / 8;
        unsigned two = (unsigned)bytes.data[at] << 8 | (at + 1 < bytes.len ? bytes.data[at + 1] : 0);
        FUZZ_REQUIRE(buffer_append(&text, &letters[two >> (11 - bit % 8) & 31], 1) == STATUS_OK);
    }
    FUZZ_REQUIRE(!check_text(buffer_bytes(&text)) || (codec_check(in) == STATUS_OK && bytes.len <= TOKEN_BYTES_MAX));
    buffer_fini(&bytes);
    buffer_fini(&text);
}

/* A join that is well-formed can be asked for its signature, whatever its keys are. */
static void check_join(struct bytes in) {
    struct join join;
    if (join_decode(&join, in) == STATUS_OK) {
        const struct node_id inviter = {{0}};
        enum status status = join_verify(&join, &inviter);
        FUZZ_REQUIRE(status == STATUS_OK || status == STATUS_SIGNATURE_BAD);
    }
    (void)fuzz_recode(recode_join, in);
}

static void check_joined(struct bytes in) {
    (void)fuzz_recode(recode_joined, in);
}

static void check_any_text(struct bytes in) {
    (void)check_text(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const checks[])(struct bytes in) = {check_any_text, check_array, check_join, check_joined}; /* the order of seed.py's ENROLMENT */
    struct bytes in = bytes_of(data, size);
    FUZZ_REQUIRE(keys_init() == STATUS_OK);
    unsigned choice = fuzz_choice(&in, sizeof checks / sizeof checks[0]);
    checks[choice](in);
    return 0;
}
