/* Tokens as people copy them, and as they read them out over a telephone. */
#include "protocol/keys.h"
#include "protocol/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { GROUP = 5, PREFIX = 5 };

static struct token good_token(void) {
    struct token token = {.transport_key = {4, 99, 7}, .secret = {5, 200}, .bond = {6, 33}, .address_count = 1};
    token.addresses[0] = bytes_of("tcp://192.0.2.1:5670", 20);
    return token;
}

static char *text_of(const struct token *token, struct buffer *text) {
    buffer_init(text, 4096);
    assert_int_equal(token_encode(token, text), STATUS_OK);
    assert_int_equal(strlen((char *)text->data), text->len - 1);
    return (char *)text->data;
}

static enum status read_text(const char *text, struct token *out) {
    static struct buffer memory;
    if (memory.max == 0) {
        buffer_init(&memory, TOKEN_MEMORY_MAX);
    }
    return token_decode(out, bytes_of(text, strlen(text)), &memory);
}

static void refused_at(const char *text, unsigned group) {
    struct token read;
    assert_int_equal(read_text(text, &read), STATUS_TOKEN_MALFORMED);
    if (read.wrong_group != group) {
        fail_msg("group %u instead of %u: %s", read.wrong_group, group, text);
    }
}

static unsigned group_at(size_t place) {
    return (unsigned)((place - PREFIX) / (GROUP + 1)) + 1;
}

/* What must be read out: five rows of five groups for the usual address. */
static void a_token_is_short(void **state) {
    (void)state;
    struct token token = good_token(), read;
    struct buffer text;
    char *letters = text_of(&token, &text);
    assert_memory_equal(letters, "hoi1-", PREFIX);
    assert_int_equal(strlen(letters), PREFIX + 25 * (GROUP + 1) - 1);
    assert_int_equal(read_text(letters, &read), STATUS_OK);
    assert_memory_equal(read.transport_key, token.transport_key, sizeof token.transport_key);
    assert_memory_equal(read.secret, token.secret, sizeof token.secret);
    assert_memory_equal(read.bond, token.bond, sizeof token.bond);
    assert_int_equal(read.address_count, 1);
    assert_true(bytes_equal(read.addresses[0], token.addresses[0]));
    buffer_fini(&text);
}

/* Capitals, hyphens gone, blanks and line ends in between, digits for the letters they look like. */
static void a_token_survives_people(void **state) {
    (void)state;
    struct token token = good_token(), read;
    struct buffer text;
    char *letters = text_of(&token, &text), typed[1024], *to = typed;
    unsigned alike = 0;
    to += sprintf(to, "  \n");
    for (size_t i = 0; letters[i] != '\0'; i++) {
        char letter = letters[i];
        const char *found = i >= PREFIX ? strchr("olb", letter) : NULL;
        if (letter == '-' && i >= PREFIX) {
            to += sprintf(to, i % 3 == 0 ? " \r\n" : "");
        } else if (found != NULL) {
            *to++ = letter == 'o' ? '0' : letter == 'l' ? '1' : '8';
            alike++;
        } else {
            *to++ = letter >= 'a' && letter <= 'z' && i % 2 == 0 ? (char)(letter - 'a' + 'A') : letter;
        }
    }
    *to = '\0';
    assert_true(alike > 0);
    assert_int_equal(read_text(typed, &read), STATUS_OK);
    assert_true(bytes_equal(read.addresses[0], token.addresses[0]));
    static const char BLANKS[] = " \t\r\n\v\f\xa0_"; /* the first four are such, the others not */
    for (size_t i = 0; i < sizeof BLANKS - 1; i++) {
        char with[1024];
        snprintf(with, sizeof with, "%c%s", BLANKS[i], letters);
        assert_int_equal(read_text(with, &read), i < 4 ? STATUS_OK : STATUS_TOKEN_MALFORMED);
        snprintf(with, sizeof with, "%.20s%c%s", letters, BLANKS[i], letters + 20);
        assert_int_equal(read_text(with, &read), i < 4 ? STATUS_OK : STATUS_TOKEN_MALFORMED);
    }
    buffer_fini(&text);
}

/* Every letter of every group made every other letter: that group is named. */
static void a_wrong_letter_names_its_group(void **state) {
    (void)state;
    static const char others[] = "abcdefghijklmnopqrstuvwxyz234567!";
    struct token token = good_token();
    struct buffer text;
    char *letters = text_of(&token, &text);
    size_t slips = 0;
    for (size_t i = PREFIX; letters[i] != '\0'; i++) {
        char held = letters[i];
        for (const char *other = others; held != '-' && *other != '\0'; other++) {
            letters[i] = *other;
            if (*other != held) {
                refused_at(letters, group_at(i));
                slips++;
            }
        }
        letters[i] = held;
    }
    assert_true(slips == 125 * 32);
    letters[0] = 'x';
    refused_at(letters, 0);
    buffer_fini(&text);
}

static void swap(char *a, char *b, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char held = a[i];
        a[i] = b[i];
        b[i] = held;
    }
}

/* Two letters of a group that changed places, two groups that did, a group said twice or left out, a letter left out or too many. */
static void what_people_do_with_groups_is_named(void **state) {
    (void)state;
    struct token token = good_token(), read;
    struct buffer text;
    char *letters = text_of(&token, &text), other[1024];
    size_t len = strlen(letters);
    for (size_t at = PREFIX; at < len; at += GROUP + 1) {
        for (size_t i = 0; i < GROUP; i++) {
            for (size_t j = i + 1; j < GROUP; j++) {
                if (letters[at + i] != letters[at + j]) {
                    swap(letters + at + i, letters + at + j, 1);
                    refused_at(letters, group_at(at));
                    swap(letters + at + i, letters + at + j, 1);
                }
            }
        }
        for (size_t next = at + GROUP + 1; next < len; next += GROUP + 1) {
            swap(letters + at, letters + next, GROUP);
            refused_at(letters, group_at(at));
            swap(letters + at, letters + next, GROUP);
        }
        snprintf(other, sizeof other, "%.*s%s", (int)at, letters, letters + (at + GROUP + 1 < len ? at + GROUP + 1 : len));
        refused_at(other, at + GROUP + 1 < len ? group_at(at) : 0); /* the last one left out: each of the others is right */
        snprintf(other, sizeof other, "%.*s-%s", (int)(at + GROUP), letters, letters + at);
        refused_at(other, group_at(at) + 1);
    }
    for (size_t at = 0; at < len; at++) { /* broken off: never taken, and no earlier group is called wrong */
        snprintf(other, sizeof other, "%.*s", (int)at, letters);
        assert_int_equal(read_text(other, &read), STATUS_TOKEN_MALFORMED);
        assert_true(read.wrong_group == 0 || read.wrong_group == group_at(at));
    }
    snprintf(other, sizeof other, "%sa", letters);
    refused_at(other, 26);
    buffer_fini(&text);
}

/* Whoever changes two letters of one group may pass its check, once in 32 times: the check of the whole then finds most of them. */
static void two_slips_in_a_group_seldom_pass(void **state) {
    (void)state;
    struct token token = good_token(), read;
    struct buffer text;
    char *letters = text_of(&token, &text);
    size_t passed = 0, tried = 0, named = 0;
    const size_t len = strlen(letters);
    for (size_t at = PREFIX; at + 1 < len; at += GROUP + 1) {
        char first = letters[at], second = letters[at + 1];
        for (char a = 'a'; a <= 'z'; a++) {
            for (char b = 'a'; b <= 'z'; b++) {
                letters[at] = a;
                letters[at + 1] = b;
                if (a != first && b != second) {
                    bool bad = read_text(letters, &read) != STATUS_OK;
                    tried++;
                    passed += !bad;
                    named += bad && read.wrong_group == group_at(at);
                }
            }
        }
        letters[at] = first;
        letters[at + 1] = second;
    }
    assert_true(named > tried * 9 / 10);
    assert_true(passed < tried / 1000);
    buffer_fini(&text);
}

static void tokens_name_addresses(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool good;
    } CASES[] = {{"tcp://a:1", true},
                 {"tcp://[2001:db8::1]:65535", true},
                 {"tcp://192.0.2.1:0", true},
                 {"tcp://255.255.255.255:65535", true},
                 {"tcp://192.0.2.1:65536", true}, /* whoever dials judges these: they are kept as they stand */
                 {"tcp://192.0.2.01:1", true},
                 {"tcp://192.0.2.256:1", true},
                 {"tcp://192.0.2:1", true},
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
        struct token token = good_token(), read;
        token.addresses[0] = bytes_of(CASES[i].address, strlen(CASES[i].address));
        buffer_clear(&text);
        assert_int_equal(token_encode(&token, &text), CASES[i].good ? STATUS_OK : STATUS_TOKEN_MALFORMED);
        if (CASES[i].good) {
            assert_int_equal(read_text((char *)text.data, &read), STATUS_OK);
            assert_true(bytes_equal(read.addresses[0], token.addresses[0]));
        }
    }
    struct token token = good_token(), read;
    token.address_count = 0;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    token.address_count = TOKEN_ADDRESSES_MAX + 1;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    char longest[ADDRESS_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "tcp://", 6);
    memcpy(longest + ADDRESS_BYTES_MAX - 5, ":5670", 5);
    token.address_count = TOKEN_ADDRESSES_MAX;
    for (size_t i = 0; i < TOKEN_ADDRESSES_MAX; i++) {
        token.addresses[i] = bytes_of(longest, ADDRESS_BYTES_MAX);
    }
    buffer_clear(&text);
    assert_int_equal(token_encode(&token, &text), STATUS_OK);
    assert_int_equal(read_text((char *)text.data, &read), STATUS_OK);
    for (size_t i = 0; i < TOKEN_ADDRESSES_MAX; i++) {
        assert_true(bytes_equal(read.addresses[i], token.addresses[i]));
    }
    token.addresses[1].len++;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    buffer_fini(&text);
}

/* The bond stands for each of its terms. */
static void the_bond_is_of_all_its_terms(void **state) {
    (void)state;
    struct token token = good_token();
    struct token_terms terms = {.association = {{1}}, .inviter = {{2}}, .unit = {{3}}, .root = {.log = {.kind = LOG_DIRECTIVE}, .seq = 1}};
    uint8_t bond[TOKEN_BOND_BYTES], other[TOKEN_BOND_BYTES];
    uint8_t *const parts[] = {token.secret, token.transport_key,   terms.association.b,    terms.inviter.b,
                              terms.unit.b, terms.root.log.node.b, terms.root.log.epoch.b, terms.root.hash.b};
    assert_int_equal(token_bond(bond, &token, &terms), STATUS_OK);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        parts[i][0] ^= 1;
        assert_int_equal(token_bond(other, &token, &terms), STATUS_OK);
        assert_memory_not_equal(bond, other, sizeof bond);
        parts[i][0] ^= 1;
    }
    terms.root.seq++;
    assert_int_equal(token_bond(other, &token, &terms), STATUS_OK);
    assert_memory_not_equal(bond, other, sizeof bond);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_short),
        cmocka_unit_test(a_token_survives_people),
        cmocka_unit_test(a_wrong_letter_names_its_group),
        cmocka_unit_test(what_people_do_with_groups_is_named),
        cmocka_unit_test(two_slips_in_a_group_seldom_pass),
        cmocka_unit_test(tokens_name_addresses),
        cmocka_unit_test(the_bond_is_of_all_its_terms),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
