/* Enrolment: tokens as people copy them, joining. */
#include "protocol/keys.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct token good_token(void) {
    struct token token = {
        .association = {{1}}, .inviter = {{2}}, .unit = {{3}}, .transport_key = {4}, .secret = {5}, .expires = 1735689600, .address_count = 1};
    token.addresses[0] = bytes_of("tcp://192.0.2.1:5670", 20);
    return token;
}

static void tokens_survive_people(void **state) {
    (void)state;
    struct token token = good_token(), read;
    struct buffer text, memory;
    buffer_init(&text, 4096);
    buffer_init(&memory, TOKEN_BYTES_MAX);
    assert_int_equal(token_encode(&token, &text), STATUS_OK);
    char *letters = (char *)text.data;
    assert_int_equal(strlen(letters), text.len - 1);
    assert_memory_equal(letters, "hoi1-", 5);
    assert_int_equal(token_decode(&read, bytes_of(letters, strlen(letters)), &memory), STATUS_OK);
    assert_true(ID_EQUAL(&read.inviter, &token.inviter) && ID_EQUAL(&read.unit, &token.unit) && read.expires == token.expires && read.secret[0] == 5);
    assert_true(bytes_equal(read.addresses[0], token.addresses[0]));

    char typed[8192], *to = typed; /* capitals, hyphens gone, blanks and line ends in between */
    to += sprintf(to, "  \n");
    for (size_t i = 0; letters[i] != '\0'; i++) {
        char letter = letters[i];
        if (letter == '-' && i > 4) {
            to += sprintf(to, i % 3 == 0 ? " \r\n" : "");
        } else {
            *to++ = letter >= 'a' && letter <= 'z' && i % 2 == 0 ? (char)(letter - 'a' + 'A') : letter;
        }
    }
    assert_int_equal(token_decode(&read, bytes_of(typed, (size_t)(to - typed)), &memory), STATUS_OK);
    assert_true(bytes_equal(read.addresses[0], token.addresses[0]));

    size_t slips = 0;
    for (size_t i = 0; letters[i] != '\0'; i++) { /* every letter, another */
        char held = letters[i];
        if (held == '-' && i > 4) {
            continue;
        }
        letters[i] = held == 'x' ? 'y' : 'x';
        assert_int_equal(token_decode(&read, bytes_of(letters, strlen(letters)), &memory), STATUS_TOKEN_MALFORMED);
        letters[i] = held;
        slips++;
    }
    assert_true(slips > 100);
    for (size_t len = 0; len < text.len - 1; len++) {
        assert_int_equal(token_decode(&read, bytes_of(letters, len), &memory), STATUS_TOKEN_MALFORMED);
    }
    static const char BLANKS[] = " \t\r\n\v\f\xa0_"; /* the first four are such, the others not */
    for (size_t i = 0; i < sizeof BLANKS - 1; i++) {
        enum status expected = i < 4 ? STATUS_OK : STATUS_TOKEN_MALFORMED;
        char with[4096];
        snprintf(with, sizeof with, "%c%s", BLANKS[i], letters);
        assert_int_equal(token_decode(&read, bytes_of(with, strlen(with)), &memory), expected);
        snprintf(with, sizeof with, "%.20s%c%s", letters, BLANKS[i], letters + 20);
        assert_int_equal(token_decode(&read, bytes_of(with, strlen(with)), &memory), expected);
    }
    char longer[4096]; /* and one letter too many */
    snprintf(longer, sizeof longer, "%sa", letters);
    assert_int_equal(token_decode(&read, bytes_of(longer, strlen(longer)), &memory), STATUS_TOKEN_MALFORMED);
    buffer_fini(&text);
    buffer_fini(&memory);
}

static void tokens_name_addresses(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool good;
    } CASES[] = {{"tcp://a:1", true},
                 {"tcp://[2001:db8::1]:65535", true},
                 {"tcp://a", false},
                 {"tcp://:1", false},
                 {"udp://a:1", false},
                 {"tcp://a:123456", false},
                 {"tcp://a b:1", false},
                 {"tcp://\xe1\xba\xa5:1", false},
                 {"tcp://!~:1", true},
                 {"tcp://a\x7f:1", false},
                 {"", false},
                 {"tcp://a:1x", false}};
    struct buffer text;
    buffer_init(&text, 4096);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct token token = good_token();
        token.addresses[0] = bytes_of(CASES[i].address, strlen(CASES[i].address));
        assert_int_equal(token_encode(&token, &text), CASES[i].good ? STATUS_OK : STATUS_TOKEN_MALFORMED);
    }
    struct token token = good_token();
    token.address_count = 0;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    token.address_count = TOKEN_ADDRESSES_MAX + 1;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    buffer_fini(&text);
}

static void joining_is_signed_for_one_inviter(void **state) {
    (void)state;
    static const struct node_id inviter = {{1}}, other = {{2}};
    struct node_keys keys;
    uint8_t seed[32] = {1}, transport[32] = {2};
    struct join join = {.association = {{9}}, .secret = {7}}, read;
    struct buffer message;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    assert_int_equal(keys_from_seeds(&keys, seed, transport), STATUS_OK);
    assert_int_equal(join_encode(&join, &inviter, &keys, &message), STATUS_OK);
    assert_int_equal(join_decode(&read, buffer_bytes(&message)), STATUS_OK);
    assert_memory_equal(read.transport_key, keys.transport_public, 32);
    assert_int_equal(join_verify(&read, &inviter), STATUS_OK);
    assert_int_equal(join_verify(&read, &other), STATUS_SIGNATURE_BAD);
    read.secret[0]++;
    assert_int_equal(join_verify(&read, &inviter), STATUS_SIGNATURE_BAD);
    read.secret[0]--;
    read.transport_key[0]++;
    assert_int_equal(join_verify(&read, &inviter), STATUS_SIGNATURE_BAD);
    read.transport_key[0]--;
    read.association.b[0]++;
    assert_int_equal(join_verify(&read, &inviter), STATUS_SIGNATURE_BAD);
    buffer_fini(&message);
}

static void joined_carries_what_can_be_read(void **state) {
    (void)state;
    struct founding founding = {.name = bytes_of("hoi", 3)};
    struct admission admission = {.roles = ROLE_WRITER};
    struct buffer statement, core, message;
    buffer_init(&statement, FOUNDING_BYTES_MAX);
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    buffer_init(&message, MESSAGE_BYTES_MAX);
    assert_int_equal(founding_encode(&founding, &statement), STATUS_OK);
    assert_int_equal(admission_core_encode(&admission, &core), STATUS_OK);
    struct joined joined = {.statement = buffer_bytes(&statement), .core = buffer_bytes(&core), .admission = {.log = {.kind = LOG_DIRECTIVE}, .seq = 1}};
    assert_int_equal(joined_encode(&joined, &message), STATUS_OK);
    assert_int_equal(recode_try(recode_joined, buffer_bytes(&message), 5000, 1).failed, 0);
    joined.statement.len--;
    assert_int_equal(joined_encode(&joined, &message), STATUS_TRUNCATED);
    joined.statement.len++;
    joined.line = (struct line){.count = 1, .units = {{{1}}}};
    assert_int_equal(joined_encode(&joined, &message), STATUS_OK);
    joined.line.units[0] = admission.unit; /* stands above itself */
    assert_int_equal(joined_encode(&joined, &message), STATUS_MALFORMED);
    joined.line.count = 0;
    joined.core = bytes_of("\x90", 1); /* canonical, and no core */
    assert_int_equal(joined_encode(&joined, &message), STATUS_MALFORMED);
    buffer_fini(&statement);
    buffer_fini(&core);
    buffer_fini(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_survive_people),
        cmocka_unit_test(tokens_name_addresses),
        cmocka_unit_test(joining_is_signed_for_one_inviter),
        cmocka_unit_test(joined_carries_what_can_be_read),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
