/* The canonical codec: what the reader must take, what it must refuse, and that the writer writes nothing else. */
#include "protocol/keys.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Bytes written as hex; the buffer is the caller's. */
static struct bytes unhex(const char *hex, uint8_t *out) {
    size_t len = 0;
    for (; hex[0] != '\0'; hex += 2, len++) {
        unsigned value;
        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        out[len] = (uint8_t)value;
    }
    return bytes_of(out, len);
}

static void integers_take_one_form(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int64_t value;
    } GOOD[] = {
        {"00", 0},
        {"7f", 127},
        {"cc80", 128},
        {"ccff", 255},
        {"cd0100", 256},
        {"cdffff", 65535},
        {"ce00010000", 65536},
        {"ceffffffff", 4294967295},
        {"cf0000000100000000", 4294967296},
        {"cf7fffffffffffffff", INT64_MAX},
        {"ff", -1},
        {"e0", -32},
        {"d0df", -33},
        {"d080", -128},
        {"d1ff7f", -129},
        {"d18000", -32768},
        {"d2ffff7fff", -32769},
        {"d280000000", -2147483648},
        {"d3ffffffff7fffffff", -2147483649},
        {"d38000000000000000", INT64_MIN},
    };
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct reader reader;
        struct writer writer;
        struct buffer out;
        struct bytes in = unhex(GOOD[i].hex, bytes);
        reader_init(&reader, in);
        assert_int_equal(reader_int(&reader, INT64_MIN, INT64_MAX), GOOD[i].value);
        assert_int_equal(reader_end(&reader), STATUS_OK);
        buffer_init(&out, 16);
        writer_init(&writer, &out);
        writer_int(&writer, GOOD[i].value);
        assert_int_equal(writer_end(&writer), STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&out), in));
        buffer_fini(&out);
    }
    static const char *const BAD[] = {
        "cc00",   "cc7f",       "cd00ff",     "ce0000ffff",         "cf00000000ffffffff", "d000", "d07f", "d0e0", "d0ff", "d100ff", "d1ff80",
        "d1ffff", "d2ffff8000", "d200000001", "d3ffffffff80000000", "d30000000000000001"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(codec_check(unhex(BAD[i], bytes)), STATUS_MALFORMED);
    }
}

static void bounds_of_numbers_are_held(void **state) {
    (void)state;
    static const uint8_t LARGEST[] = {0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, NEGATIVE[] = {0xff}, NINE[] = {9};
    struct reader reader;
    reader_init(&reader, bytes_of(LARGEST, sizeof LARGEST));
    assert_true(reader_uint(&reader, UINT64_MAX) == UINT64_MAX);
    assert_int_equal(reader_end(&reader), STATUS_OK);
    reader_init(&reader, bytes_of(LARGEST, sizeof LARGEST));
    assert_int_equal(reader_int(&reader, INT64_MIN, INT64_MAX), 0); /* past int64 */
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);
    reader_init(&reader, bytes_of(NEGATIVE, 1));
    assert_int_equal(reader_uint(&reader, UINT64_MAX), 0);
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);
    reader_init(&reader, bytes_of(NINE, 1));
    assert_int_equal(reader_uint(&reader, 8), 0);
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);
    reader_init(&reader, bytes_of(NINE, 1));
    assert_int_equal(reader_int(&reader, 10, 20), 0);
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);
}

/* Every first byte that begins no value of the subset, and every one that does. */
static void first_bytes(void **state) {
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        bool whole = first <= 0x7f || first == 0x90 || first == 0xa0 || first == 0xc0 || first == 0xc2 || first == 0xc3 || first >= 0xe0;
        bool begins = whole || (first >= 0x91 && first <= 0xbf) || (first >= 0xc4 && first <= 0xc6) || (first >= 0xcc && first <= 0xd3) ||
                      (first >= 0xd9 && first <= 0xdd);
        assert_int_equal(codec_check(bytes_of(&byte, 1)), whole ? STATUS_OK : begins ? STATUS_TRUNCATED : STATUS_MALFORMED);
        struct reader reader;
        reader_init(&reader, bytes_of(&byte, 1));
        assert_int_equal(reader_peek(&reader) != VALUE_NONE, begins);
    }
    assert_int_equal(codec_check((struct bytes){0}), STATUS_TRUNCATED);
}

static void lengths_take_one_form(void **state) {
    (void)state;
    static const size_t LENGTHS[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 70000};
    uint8_t *data = calloc(1, 70000);
    memset(data, 'x', 70000);
    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        size_t len = LENGTHS[i];
        struct buffer out;
        struct writer writer;
        struct reader reader;
        buffer_init(&out, 300000);
        writer_init(&writer, &out);
        writer_str(&writer, bytes_of(data, len));
        writer_bin(&writer, bytes_of(data, len));
        writer_array(&writer, len);
        for (size_t j = 0; j < len; j++) {
            writer_nil(&writer);
        }
        assert_int_equal(writer_end(&writer), STATUS_OK);
        size_t str = len < 32 ? 1 : len < 256 ? 2 : len < 65536 ? 3 : 5, bin = len < 256 ? 2 : len < 65536 ? 3 : 5, array = len < 16 ? 1 : len < 65536 ? 3 : 5;
        assert_int_equal(out.len, str + bin + array + 3 * len);
        reader_init(&reader, buffer_bytes(&out));
        assert_int_equal(reader_str(&reader, len, len).len, len);
        assert_int_equal(reader_bin(&reader, len, len).len, len);
        assert_int_equal(reader_array(&reader, len, len), len);
        for (size_t j = 0; j < len; j++) {
            assert_true(reader_take_nil(&reader));
        }
        reader_close(&reader);
        assert_int_equal(reader_end(&reader), STATUS_OK);
        buffer_fini(&out);
    }
    free(data);
    static const char *const BAD[] = {"d900",       "d91f",       "da0020", "da00ff", "db00000100", "c50001",    "c500ff",
                                      "c600000001", "c60000ffff", "dc0000", "dc000f", "dd0000000f", "dd0000ffff"};
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(codec_check(unhex(BAD[i], bytes)), STATUS_MALFORMED);
    }
    /* A length past what can be there is cut short, and nothing was allocated by it. */
    assert_int_equal(codec_check(unhex("ddffffffff", bytes)), STATUS_TRUNCATED);
    assert_int_equal(codec_check(unhex("dbffffffff", bytes)), STATUS_TRUNCATED);
    assert_int_equal(codec_check(unhex("c6ffffffff00", bytes)), STATUS_TRUNCATED);
}

static void text_is_well_formed(void **state) {
    (void)state;
    static const char *const GOOD[] = {"", "41", "7f", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf", "e1baa741e1baa5"};
    static const char *const BAD[] = {"00",       "4100",     "80",       "bf",     "c0af", "c1bf",   "c2",       "c241",
                                      "e08080",   "e09fbf",   "eda080",   "edbfbf", "e180", "e18041", "f0808080", "f08fbfbf",
                                      "f4908080", "f5808080", "f8888080", "ff",     "fe",   "f09080", "41e1ba",   "f0908041"};
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        assert_true(codec_utf8_valid(unhex(GOOD[i], bytes)));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        uint8_t text[16];
        struct bytes bad = unhex(BAD[i], bytes);
        struct buffer out;
        struct writer writer;
        assert_false(codec_utf8_valid(bad));
        text[0] = (uint8_t)(0xa0 | bad.len);
        memcpy(text + 1, bad.data, bad.len);
        assert_int_equal(codec_check(bytes_of(text, bad.len + 1)), STATUS_MALFORMED);
        buffer_init(&out, 64);
        writer_init(&writer, &out);
        writer_str(&writer, bad);
        assert_int_equal(writer_end(&writer), STATUS_MALFORMED);
        assert_int_equal(out.len, 0);
        buffer_fini(&out);
    }
}

static void depth_is_bounded(void **state) {
    (void)state;
    uint8_t bytes[DEPTH_MAX + 2];
    memset(bytes, 0x91, sizeof bytes);
    bytes[DEPTH_MAX] = 0xc0;
    assert_int_equal(codec_check(bytes_of(bytes, DEPTH_MAX + 1)), STATUS_OK);
    bytes[DEPTH_MAX] = 0x91;
    bytes[DEPTH_MAX + 1] = 0xc0;
    assert_int_equal(codec_check(bytes_of(bytes, DEPTH_MAX + 2)), STATUS_MALFORMED);
    bytes[DEPTH_MAX] = 0x90; /* an empty array is an array */
    assert_int_equal(codec_check(bytes_of(bytes, DEPTH_MAX + 1)), STATUS_MALFORMED);
    /* What is open already counts: a value passed over inside an array has one level less. */
    struct reader reader;
    bytes[0] = 0x91;
    bytes[DEPTH_MAX] = 0x91;
    bytes[DEPTH_MAX + 1] = 0xc0;
    reader_init(&reader, bytes_of(bytes, DEPTH_MAX + 2));
    assert_int_equal(reader_array(&reader, 1, 1), 1);
    assert_int_equal(reader_skip(&reader).len, 0);
    assert_int_equal(reader.status, STATUS_MALFORMED);
}

static void errors_stick(void **state) {
    (void)state;
    static const uint8_t BYTES[] = {0x93, 0x05, 0xc3, 0xa1, 'x'};
    struct reader reader;
    uint8_t fixed[4] = {1, 2, 3, 4};
    reader_init(&reader, bytes_of(BYTES, sizeof BYTES));
    assert_int_equal(reader_array(&reader, 3, 3), 3);
    assert_false(reader_bool(&reader)); /* a number stands there */
    assert_int_equal(reader.status, STATUS_MALFORMED);
    assert_int_equal(reader_peek(&reader), VALUE_NONE);
    assert_int_equal(reader_uint(&reader, 10), 0);
    assert_int_equal(reader_str(&reader, 0, 10).len, 0);
    assert_int_equal(reader_array(&reader, 0, 10), 0);
    assert_false(reader_take_nil(&reader));
    reader_fixed(&reader, fixed, sizeof fixed);
    assert_int_equal(fixed[0] | fixed[1] | fixed[2] | fixed[3], 0);
    reader_fail(&reader, STATUS_TRAILING);
    reader_close(&reader);
    assert_int_equal(reader_end(&reader), STATUS_MALFORMED);

    reader_init(&reader, bytes_of(BYTES + 1, 2));
    assert_int_equal(reader_uint(&reader, 10), 5);
    reader_fail(&reader, STATUS_OK); /* no error */
    assert_int_equal(reader_end(&reader), STATUS_TRAILING);
}

static void a_buffer_keeps_its_bound(void **state) {
    (void)state;
    struct buffer out;
    struct writer writer;
    buffer_init(&out, 10);
    assert_int_equal(buffer_append(&out, "12345", 5), STATUS_OK);
    assert_int_equal(buffer_append(&out, "678901", 6), STATUS_TOO_LARGE);
    assert_int_equal(out.len, 5);
    writer_init(&writer, &out);
    writer_array(&writer, 2);
    writer_str(&writer, bytes_of("abcdef", 6));
    writer_nil(&writer);
    assert_int_equal(writer_written(&writer).len, 0);
    assert_int_equal(writer_end(&writer), STATUS_TOO_LARGE);
    assert_int_equal(out.len, 5); /* cut back to where it began */
    assert_memory_equal(out.data, "12345", 5);
    assert_int_equal(buffer_append(&out, "67890", 5), STATUS_OK);
    assert_true(out.capacity <= 10);
    buffer_clear(&out);
    assert_int_equal(buffer_append(&out, NULL, 0), STATUS_OK);
    assert_int_equal(out.len, 0);
    buffer_fini(&out);
    buffer_fini(&out);
}

/* ---- random values ---- */

static const char *const WORDS[] = {"", "x", "Hội", "ấ", "\xf0\x9f\x8c\xbe", "a somewhat longer text than thirty-one bytes"};

/* One value; an array holds fewer than two others on average, so that it ends. */
static void write_random(struct writer *writer, struct chance *chance, unsigned depth) {
    uint8_t bytes[300];
    size_t count = chance_below(chance, 5);
    const char *word = WORDS[chance_below(chance, sizeof WORDS / sizeof WORDS[0])];
    switch (chance_below(chance, depth == DEPTH_MAX ? 6 : 9)) {
    case 0:
        writer_nil(writer);
        break;
    case 1:
        writer_bool(writer, count % 2 == 1);
        break;
    case 2:
        writer_uint(writer, chance_next(chance) >> chance_below(chance, 64));
        break;
    case 3:
        writer_int(writer, -(int64_t)(chance_next(chance) >> (1 + chance_below(chance, 63))));
        break;
    case 4:
        writer_str(writer, bytes_of(word, strlen(word)));
        break;
    case 5:
        chance_fill(chance, bytes, sizeof bytes);
        writer_bin(writer, bytes_of(bytes, chance_below(chance, sizeof bytes)));
        break;
    default:
        writer_array(writer, count);
        for (size_t i = 0; i < count; i++) {
            write_random(writer, chance, depth + 1);
        }
    }
}

static void random_values_come_back(void **state) {
    (void)state;
    struct chance chance = {1};
    for (unsigned i = 0; i < 500; i++) {
        struct buffer out, again;
        struct writer writer;
        buffer_init(&out, 1u << 20);
        buffer_init(&again, 1u << 20);
        writer_init(&writer, &out);
        writer_array(&writer, 12);
        for (unsigned j = 0; j < 12; j++) {
            write_random(&writer, &chance, 2);
        }
        assert_int_equal(writer_end(&writer), STATUS_OK);
        assert_int_equal(recode_value(buffer_bytes(&out), &again), STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&again)));
        for (size_t len = 0; len < out.len; len++) { /* cut anywhere, it is cut short, and never seen as something else */
            uint8_t *prefix = malloc(len + 1);
            memcpy(prefix, out.data, len);
            enum status status = codec_check(bytes_of(prefix, len));
            assert_int_equal(status, STATUS_TRUNCATED);
            free(prefix);
        }
        struct recode_tally tally = recode_try(recode_value, buffer_bytes(&out), 40, i);
        assert_int_equal(tally.failed, 0);
        buffer_fini(&out);
        buffer_fini(&again);
    }
}

/* ---- hashes, keys, statuses ---- */

static void hashes_are_over_tag_and_association(void **state) {
    (void)state;
    struct association_id association;
    struct hash whole, parts, other;
    struct hash_stream stream;
    memset(association.b, 7, sizeof association.b);
    keys_hash(&whole, "body", &association, bytes_of("salt", 4), bytes_of("body", 4));
    hash_stream_init(&stream, "body", &association);
    hash_stream_add(&stream, bytes_of("sa", 2));
    hash_stream_add(&stream, (struct bytes){0});
    hash_stream_add(&stream, bytes_of("ltbody", 6));
    hash_stream_end(&stream, &parts);
    assert_memory_equal(whole.b, parts.b, sizeof whole.b);
    keys_hash(&other, "bodi", &association, bytes_of("salt", 4), bytes_of("body", 4));
    assert_memory_not_equal(whole.b, other.b, sizeof whole.b);
    keys_hash(&other, "body", NULL, bytes_of("salt", 4), bytes_of("body", 4));
    assert_memory_not_equal(whole.b, other.b, sizeof whole.b);
    /* BLAKE2b-256 of "hoi/header/v1", 00, 32 zero bytes and "abc", as coreutils' b2sum -l 256 prints it. */
    static const char KNOWN[] = "fc00ffe09307bdbdb18d6a0b860b26fcc54df3af69c8ee35b8437ed5ef6901cd";
    uint8_t expected[32];
    keys_hash(&other, "header", NULL, bytes_of("abc", 3), (struct bytes){0});
    unhex(KNOWN, expected);
    assert_memory_equal(other.b, expected, sizeof expected);
}

static void signatures_are_over_tag_and_association(void **state) {
    (void)state;
    struct association_id association = {{1}}, elsewhere = {{2}};
    struct node_keys keys, stranger;
    uint8_t seed[32] = {1}, other_seed[32] = {2}, signature[64];
    struct bytes message = bytes_of("message", 7);
    assert_int_equal(keys_from_seeds(&keys, seed, other_seed), STATUS_OK);
    assert_int_equal(keys_from_seeds(&stranger, other_seed, seed), STATUS_OK);
    keys_sign(signature, "receipt", &association, message, &keys);
    assert_int_equal(keys_verify(signature, "receipt", &association, message, keys.signing_public), STATUS_OK);
    assert_int_equal(keys_verify(signature, "header", &association, message, keys.signing_public), STATUS_SIGNATURE_BAD);
    assert_int_equal(keys_verify(signature, "receipt", &elsewhere, message, keys.signing_public), STATUS_SIGNATURE_BAD);
    assert_int_equal(keys_verify(signature, "receipt", &association, bytes_of("massage", 7), keys.signing_public), STATUS_SIGNATURE_BAD);
    assert_int_equal(keys_verify(signature, "receipt", &association, message, stranger.signing_public), STATUS_SIGNATURE_BAD);
    signature[63] ^= 0x10;
    assert_int_equal(keys_verify(signature, "receipt", &association, message, keys.signing_public), STATUS_SIGNATURE_BAD);
    uint8_t *large = calloc(1, HEADER_BYTES_MAX + 1);
    assert_int_equal(keys_verify(signature, "receipt", &association, bytes_of(large, HEADER_BYTES_MAX + 1), keys.signing_public), STATUS_SIGNATURE_BAD);
    free(large);
    keys_wipe(&keys);
    for (size_t i = 0; i < sizeof keys; i++) {
        assert_int_equal(((const uint8_t *)&keys)[i], 0);
    }
}

/* Section 2: signatures are taken as libsodium takes them. Each forgery here satisfies the bare equation S B = R + h A. */
static void signatures_have_one_form(void **state) {
    (void)state;
    static const uint8_t ORDER[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    static const uint8_t NEUTRAL[3][32] = {{1}, {1, [31] = 0x80}, {0xee, [31] = 0x7f}}; /* the second and third in forms that are not canonical */
    static const struct bytes DATA = {(const uint8_t *)"data", 4};
    struct node_keys keys;
    uint8_t seed[32] = {1}, good[64], forged[64];
    assert_int_equal(keys_from_seeds(&keys, seed, seed), STATUS_OK);
    keys_sign(good, "header", NULL, DATA, &keys);
    assert_int_equal(keys_verify(good, "header", NULL, DATA, keys.signing_public), STATUS_OK);
    memcpy(forged, good, sizeof forged);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) { /* S and the order: the same scalar, written otherwise */
        carry += (unsigned)forged[32 + i] + ORDER[i];
        forged[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(keys_verify(forged, "header", NULL, DATA, keys.signing_public), STATUS_SIGNATURE_BAD);

    uint8_t scalar[32] = {7}, wide[64] = {0}, secret[64], message[4 + 6 + 4 + 32 + 4] = "hoi/header/v1";
    memcpy(message + sizeof message - DATA.len, DATA.data, DATA.len);
    crypto_hash_sha512(secret, seed, sizeof seed);
    secret[0] &= 248;
    secret[31] = (uint8_t)((secret[31] & 127) | 64);
    for (size_t i = 0; i < 3; i++) {
        uint8_t neutral[32];
        memcpy(neutral, NEUTRAL[i], 32);
        if (i == 2) {
            memset(neutral + 1, 0xff, 30);
        }
        /* As public key: S B is R, whatever was signed. */
        assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(forged, scalar), 0);
        memcpy(forged + 32, scalar, 32);
        assert_int_equal(keys_verify(forged, "header", NULL, DATA, neutral), STATUS_SIGNATURE_BAD);
        /* As R: S is h times the secret scalar. */
        crypto_hash_sha512_state hash;
        crypto_hash_sha512_init(&hash);
        crypto_hash_sha512_update(&hash, neutral, 32);
        crypto_hash_sha512_update(&hash, keys.signing_public, 32);
        crypto_hash_sha512_update(&hash, message, sizeof message);
        crypto_hash_sha512_final(&hash, wide);
        memcpy(forged, neutral, 32);
        crypto_core_ed25519_scalar_reduce(forged + 32, wide);
        crypto_core_ed25519_scalar_mul(forged + 32, forged + 32, secret);
        assert_int_equal(keys_verify(forged, "header", NULL, DATA, keys.signing_public), STATUS_SIGNATURE_BAD);
    }
}

static void statuses_have_one_name_and_number_each(void **state) {
    (void)state;
    static const enum status ALL[] = {
#define ONE(name, number, exit_status, text) STATUS_##name,
        STATUS_TABLE(ONE)
#undef ONE
    };
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        assert_true(status_exit(ALL[i]) >= 0 && status_exit(ALL[i]) <= 4);
        assert_true(strlen(status_text(ALL[i])) > 0);
        assert_string_not_equal(status_name(ALL[i]), "UNKNOWN");
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ALL[i], ALL[j]);
        }
    }
    assert_string_equal(status_name((enum status)9999), "UNKNOWN");
    assert_int_equal(status_exit((enum status)9999), 4);
    assert_string_equal(status_name(STATUS_FORM_UNKNOWN), "FORM_UNKNOWN");
}

static void logs_and_refs_are_ordered(void **state) {
    (void)state;
    struct ref a = {.log = {.node = {{1}}, .kind = LOG_DIRECTIVE, .epoch = {{9}}}, .seq = 5, .hash = {{5}}}, b = a;
    assert_int_equal(ref_compare(&a, &b), 0);
    b.hash.b[15] = 1;
    assert_true(ref_compare(&a, &b) < 0);
    b.seq = 4; /* seq before hash */
    assert_true(ref_compare(&a, &b) > 0);
    b.log.epoch.b[7] = 1; /* epoch before seq */
    assert_true(ref_compare(&a, &b) < 0);
    b.log.kind = LOG_REPORT; /* kind before epoch */
    assert_true(ref_compare(&a, &b) > 0);
    b.log.node.b[0] = 2; /* node before kind */
    assert_true(ref_compare(&a, &b) < 0);
    assert_false(log_id_equal(&a.log, &b.log));
    assert_true(bytes_compare(bytes_of("ab", 2), bytes_of("abc", 3)) < 0);
    assert_true(bytes_compare(bytes_of("\xff", 1), bytes_of("a", 1)) > 0);
    assert_true(bytes_equal((struct bytes){0}, bytes_of("", 0)));
}

/* Section 13 of the page is the same table as limits.h: every limit stands there with its value. */
static void the_page_states_every_limit(void **state) {
    (void)state;
    static const struct {
        const char *name;
        long value;
        /* clang-format off */
    } LIMITS[] = {
#define ROW(name) {#name, name}
        ROW(DEPTH_MAX), ROW(HEADER_BYTES_MAX), ROW(BODY_BYTES_MAX), ROW(SIGNATURE_BYTES_MAX), ROW(SALT_BYTES), ROW(FOUNDING_BYTES_MAX),
        ROW(RECEIPT_BYTES_MAX), ROW(SEEN_REFS_MAX), ROW(AUDIENCE_TERMS_MAX), ROW(CHANGES_MAX), ROW(EXTENSIONS_MAX), ROW(EXTENSION_BYTES_MAX),
        ROW(LINE_UNITS_MAX), ROW(PINS_MAX), ROW(TRUST_REFS_MAX), ROW(SUCCESSORS_MAX), ROW(ADMISSION_CORE_BYTES_MAX), ROW(LEVEL_MAX), ROW(REACH_PRIVATE),
        ROW(RECOVERY_KEYS_MAX),
        ROW(ASSOCIATION_NAME_BYTES_MAX), ROW(UNIT_CODE_BYTES_MAX), ROW(UNIT_NAME_BYTES_MAX), ROW(FORM_NAME_BYTES_MAX), ROW(FORM_FIELDS_MAX),
        ROW(FORM_CHOICES_MAX), ROW(FORM_RULES_MAX), ROW(FORM_LANGUAGES_MAX), ROW(LANGUAGE_BYTES_MIN), ROW(LANGUAGE_BYTES_MAX),
        ROW(FORM_TEXT_BYTES_MAX), ROW(FORM_FORMULA_BYTES_MAX), ROW(FORM_PLACES_MAX), ROW(FORM_CHOICE_CODE_BYTES_MAX), ROW(FORM_DUE_DAYS_MAX), ROW(FORM_SUPPRESS_BELOW_MAX),
        ROW(PUT_RECORDS_MAX), ROW(ROW_KEY_BYTES_MAX), ROW(TEXT_VALUE_BYTES_MAX), ROW(NOTE_BYTES_MAX), ROW(REASON_BYTES_MAX),
        ROW(DOCUMENT_TITLE_BYTES_MAX), ROW(DOCUMENT_TEXT_BYTES_MAX), ROW(DOCUMENT_NUMBER_BYTES_MAX), ROW(ATTACHMENTS_MAX),
        ROW(ATTACHMENT_NAME_BYTES_MAX), ROW(MESSAGE_BYTES_MAX), ROW(MESSAGE_BYTES_WANTED), ROW(MESSAGE_BYTES_LEAST), ROW(RAW_BYTES_MAX),
        ROW(ITEMS_MAX), ROW(WINDOW_BYTES), ROW(WINDOW_BYTES_LEAST), ROW(WINDOW_BYTES_MOST), ROW(RECEIPTS_PER_MESSAGE_MAX), ROW(BUCKETS),
        ROW(HAVE_AT_ONCE_LOGS_MAX), ROW(GAP_PAIRS_MAX), ROW(PARTIAL_PAIRS_MAX), ROW(GROUNDS_MAX), ROW(LOG_STATE_RECEIPTS_MAX), ROW(TOKEN_ADDRESSES_MAX),
        ROW(ADDRESS_BYTES_MAX), ROW(TOKEN_BYTES_MAX), ROW(DATE_MIN), ROW(DATE_MAX),
#undef ROW
    };
    /* clang-format on */
    char *page = calloc(1, 1 << 20), row[128];
    FILE *file = fopen(SOURCE_DIR "/docs/protocol.md", "rb");
    assert_non_null(file);
    assert_true(fread(page, 1, (1 << 20) - 1, file) > 10000);
    fclose(file);
    for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++) {
        snprintf(row, sizeof row, "| `%s` | %ld |", LIMITS[i].name, LIMITS[i].value);
        if (strstr(page, row) == NULL) {
            fail_msg("docs/protocol.md lacks %s", row);
        }
    }
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_take_one_form),
        cmocka_unit_test(bounds_of_numbers_are_held),
        cmocka_unit_test(first_bytes),
        cmocka_unit_test(lengths_take_one_form),
        cmocka_unit_test(text_is_well_formed),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(errors_stick),
        cmocka_unit_test(a_buffer_keeps_its_bound),
        cmocka_unit_test(random_values_come_back),
        cmocka_unit_test(hashes_are_over_tag_and_association),
        cmocka_unit_test(signatures_are_over_tag_and_association),
        cmocka_unit_test(signatures_have_one_form),
        cmocka_unit_test(statuses_have_one_name_and_number_each),
        cmocka_unit_test(logs_and_refs_are_ordered),
        cmocka_unit_test(the_page_states_every_limit),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
