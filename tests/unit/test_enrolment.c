/* The messages of enrolment: who has signed what for whom, and which answer is believed. */
#include "protocol/keys.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void joining_is_signed_for_one_token(void **state) {
    (void)state;
    struct node_keys keys;
    uint8_t seed[32] = {1}, transport[32] = {2};
    const struct token token = {.transport_key = {1}, .secret = {7}, .bond = {3}};
    uint8_t other_bond[TOKEN_BOND_BYTES] = {4}, other_inviter[32] = {2};
    struct join join, read;
    struct buffer message;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    assert_int_equal(keys_from_seeds(&keys, seed, transport), STATUS_OK);
    assert_int_equal(join_encode(&join, &token, &keys, &message), STATUS_OK);
    assert_int_equal(join_decode(&read, buffer_bytes(&message)), STATUS_OK);
    assert_memory_equal(read.transport_key, keys.transport_public, 32);
    assert_int_equal(join_verify(&read, token.bond, token.transport_key), STATUS_OK);
    assert_int_equal(join_verify(&read, other_bond, token.transport_key), STATUS_SIGNATURE_BAD);
    assert_int_equal(join_verify(&read, token.bond, other_inviter), STATUS_SIGNATURE_BAD);
    read.secret[0]++;
    assert_int_equal(join_verify(&read, token.bond, token.transport_key), STATUS_SIGNATURE_BAD);
    read.secret[0]--;
    read.transport_key[0]++;
    assert_int_equal(join_verify(&read, token.bond, token.transport_key), STATUS_SIGNATURE_BAD);
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
    struct joined joined = {.statement = buffer_bytes(&statement),
                            .core = buffer_bytes(&core),
                            .admission = {.log = {.kind = LOG_DIRECTIVE}, .seq = 1},
                            .root = {.log = {.kind = LOG_DIRECTIVE}, .seq = 1}};
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
    joined.root.log.kind = LOG_REPORT;
    assert_int_equal(joined_encode(&joined, &message), STATUS_MALFORMED);
    joined.root.log.kind = LOG_DIRECTIVE;
    joined.core = bytes_of("\x90", 1); /* canonical, and no core */
    assert_int_equal(joined_encode(&joined, &message), STATUS_MALFORMED);
    buffer_fini(&statement);
    buffer_fini(&core);
    buffer_fini(&message);
}

/* The answer of an honest inviter to a token of its own, then the same with one thing changed at a time. */
static void an_answer_is_believed_for_one_token_and_key(void **state) {
    (void)state;
    struct node_keys keys, other, founder;
    const uint8_t seeds[4][32] = {{8}, {16}, {32}, {64}}; /* of a transport key the lowest three bits do not count */
    assert_int_equal(keys_from_seeds(&keys, seeds[0], seeds[1]), STATUS_OK);
    assert_int_equal(keys_from_seeds(&other, seeds[0], seeds[2]), STATUS_OK);
    assert_int_equal(keys_from_seeds(&founder, seeds[2], seeds[3]), STATUS_OK);
    struct founding founding = {.name = bytes_of("hoi", 3)}, read_founding;
    struct admission admission = {.inviter = {{5}}, .unit = {{6}}, .roles = ROLE_WRITER}, read_admission;
    struct buffer statement, core;
    buffer_init(&statement, FOUNDING_BYTES_MAX);
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    memcpy(founding.signing_key, founder.signing_public, 32);
    memcpy(admission.signing_key, keys.signing_public, 32);
    memcpy(admission.transport_key, keys.transport_public, 32);
    assert_int_equal(founding_encode(&founding, &statement), STATUS_OK);
    assert_int_equal(admission_core_encode(&admission, &core), STATUS_OK);
    struct joined joined = {.statement = buffer_bytes(&statement), .core = buffer_bytes(&core), .root = {.log = {.kind = LOG_DIRECTIVE}, .seq = 9}};
    founding_sign(joined.signature, joined.statement, &founder);
    struct token token = {.transport_key = {8}, .secret = {9}};
    const struct token_terms terms = {.association = founding.association, .inviter = admission.inviter, .unit = admission.unit, .root = joined.root};
    assert_int_equal(token_bond(token.bond, &token, &terms), STATUS_OK);

    assert_int_equal(joined_verify(&joined, &keys, &read_founding, &read_admission), STATUS_OK);
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_OK);
    assert_int_equal(joined_verify(&joined, &other, &read_founding, &read_admission), STATUS_JOIN_REFUSED); /* another's transport key */
    joined.signature[0] ^= 1;
    assert_int_equal(joined_verify(&joined, &keys, &read_founding, &read_admission), STATUS_SIGNATURE_BAD);
    joined.signature[0] ^= 1;
    assert_int_equal(joined_verify(&joined, &keys, &read_founding, &read_admission), STATUS_OK);

    joined.root.seq++; /* an older or newer copy of the root's log than the token was made by */
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_JOIN_REFUSED);
    joined.root.seq--;
    read_admission.inviter.b[0]++;
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_JOIN_REFUSED);
    read_admission.inviter.b[0]--;
    read_admission.unit.b[0]++;
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_JOIN_REFUSED);
    read_admission.unit.b[0]--;
    read_founding.association.b[31]++;
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_JOIN_REFUSED);
    read_founding.association.b[31]--;
    token.transport_key[0]++;
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_JOIN_REFUSED);
    token.transport_key[0]--;
    assert_int_equal(joined_bound(&joined, &token, &read_founding, &read_admission), STATUS_OK);
    buffer_fini(&statement);
    buffer_fini(&core);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joining_is_signed_for_one_token),
        cmocka_unit_test(joined_carries_what_can_be_read),
        cmocka_unit_test(an_answer_is_believed_for_one_token_and_key),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
