/* The reconciliation engine with an author who is trusted no more: forks, found where they begin, and their evidence; the lane of a revoked key. A is a
 * commune, B the root above it. */
#include "session_making.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- forks ---- */

/* The commune's disk was copied: both copies wrote a second entry. Both sides get to know both; other logs go on. */
static void fork_is_kept_as_evidence(void **state) {
    struct fixture *fixture = *state;
    struct ram_replica copy;
    fixture_write_record(fixture, &fixture->commune, 50, 0);
    connect_in_step(fixture);
    ram_replica_copy(&copy, &fixture->commune);
    fixture_write_record(fixture, &fixture->commune, 51, 0);
    connect_in_step(fixture);
    pair_close(&fixture->pair);
    ram_replica_fini(&fixture->commune);
    ram_replica_copy(&fixture->commune, &copy);
    ram_replica_fini(&copy);
    fixture_write_record(fixture, &fixture->commune, 52, 0);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_int_equal(fixture->root.fork_count, 1);
    assert_int_equal(fixture->commune.fork_count, 1);
    assert_int_equal(fixture->root.forks[0].seq, 2);
    assert_non_null(strstr(fixture->pair.transcript, "B entries r2?"));
    assert_non_null(strstr(fixture->pair.transcript, "A entries r2?"));
    assert_false(session_in_step(fixture->pair.session[0]));
    /* Nothing more is said of it, and nobody else is stopped. */
    pair_forget(&fixture->pair);
    pair_wait(&fixture->pair, 24 * 3600 * 1000);
    assert_string_equal(fixture->pair.transcript, "");
    fixture_write_document(fixture, &fixture->root, &fixture->commune.replica.unit, 50);
    pair_event(&fixture->pair, 1, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_true(fixture_held(&fixture->commune, &fixture->root, LOG_DIRECTIVE, 2)->has_body);
    assert_int_equal(fixture->root.fork_count, 1);
}

/* The commune's PC was copied after its third entry, and both copies wrote on before either was heard of again. */
static void part_ways(struct fixture *fixture, unsigned here, unsigned there) {
    struct ram_replica copy;
    for (unsigned i = 0; i < 3; i++) {
        fixture_write_record(fixture, &fixture->commune, 50, 0);
    }
    connect_in_step(fixture);
    ram_replica_copy(&copy, &fixture->commune);
    for (unsigned i = 0; i < there; i++) {
        fixture_write_record(fixture, &fixture->commune, 51, 0);
    }
    connect_in_step(fixture);
    pair_close(&fixture->pair);
    ram_replica_fini(&fixture->commune);
    ram_replica_copy(&fixture->commune, &copy);
    ram_replica_fini(&copy);
    for (unsigned i = 0; i < here; i++) {
        fixture_write_record(fixture, &fixture->commune, 52, 0);
    }
    pair_forget(&fixture->pair);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
}

static struct ram_log *report_log(struct ram_replica *ram) {
    for (size_t i = 0; i < ram->log_count; i++) {
        if (ID_EQUAL(&ram->logs[i].id.node, &ram->replica.self) && ram->logs[i].id.kind == LOG_REPORT) {
            return &ram->logs[i];
        }
    }
    return NULL;
}

static struct fork_mark mark_of(struct ram_replica *ram, struct ram_replica *author) {
    return ram_replica_fork(ram, ram_replica_log(ram, &report_log(author)->id));
}

/* Where two long branches part is found by halves, whichever is longer; then both sides know the same two headers, and no more is said. */
static void forks_are_found_where_they_begin(void **state) {
    static const unsigned LENGTHS[][2] = {{1, 1}, {1, 2}, {2, 1}, {40, 37}, {37, 40}, {40, 40}, {1, 100}, {100, 1}};
    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        struct fixture *fixture = *state;
        if (i > 0) {
            session_tear_down(state);
            session_set_up(state);
            fixture = *state;
        }
        part_ways(fixture, LENGTHS[i][0], LENGTHS[i][1]);
        struct fork_mark above = mark_of(&fixture->root, &fixture->commune), below = mark_of(&fixture->commune, &fixture->commune);
        assert_int_equal(above.seq, 4);
        assert_int_equal(fork_mark_compare(&above, &below), 0);
        assert_true(fixture->root.fork_count <= 12);
        pair_forget(&fixture->pair);
        pair_wait(&fixture->pair, 24 * 3600 * 1000);
        assert_string_equal(fixture->pair.transcript, "");
    }
}

/* What one side has come to know elsewhere of a fork of a log that both hold alike travels, and nothing stops. */
static void evidence_travels(void **state) {
    struct fixture *fixture = *state;
    struct ram_replica copy;
    for (unsigned side = 0; side < 2; side++) {
        if (side > 0) {
            session_tear_down(state);
            session_set_up(state);
            fixture = *state;
        }
        struct ram_replica *knows = side == 0 ? &fixture->root : &fixture->commune, *learns = side == 0 ? &fixture->commune : &fixture->root;
        fixture_write_record(fixture, &fixture->commune, 50, 0);
        connect_in_step(fixture);
        ram_replica_copy(&copy, &fixture->commune);
        fixture_write_record(fixture, &copy, 51, 0);
        fixture_write_record(fixture, &fixture->commune, 52, 0);
        connect_in_step(fixture);
        const struct ram_entry *other = fixture_held(&copy, &fixture->commune, LOG_REPORT, 2);
        const struct persist fork = {.kind = PERSIST_FORK,
                                     .log = report_log(&copy)->id,
                                     .seq = 2,
                                     .hash = other->hash,
                                     .entry = {.header = buffer_bytes(&other->header), .signature = buffer_bytes(&other->signature)}};
        ram_replica_persist(knows, &fork, 1);
        pair_event(&fixture->pair, side == 0 ? 1 : 0, SESSION_CHANGED);
        pair_run(&fixture->pair);
        assert_int_equal(learns->fork_count, 1);
        assert_true(session_in_step(fixture->pair.session[0]) && session_in_step(fixture->pair.session[1]));
        fixture_write_record(fixture, &fixture->commune, 53, 0);
        pair_event(&fixture->pair, 0, SESSION_CHANGED);
        pair_run(&fixture->pair);
        assert_non_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 3));
        /* In a new session it is in step from the first word. */
        pair_close(&fixture->pair);
        pair_forget(&fixture->pair);
        connect_in_step(fixture);
        assert_null(strstr(fixture->pair.transcript, "?"));
        ram_replica_fini(&copy);
    }
}

/* ---- revoked keys ---- */

static void revoke(struct fixture *fixture, uint64_t room_seq) {
    fixture->root.has_revoked = true;
    fixture->root.revoked = fixture->commune.replica.self;
    fixture->root.room_seq = room_seq;
}

/* What it had not sent yet it hands in, as far as there is room; it is told why, and nothing else. */
static void revoked_key_has_one_lane(void **state) {
    struct fixture *fixture = *state;
    fixture_write_record(fixture, &fixture->commune, 50, 0);
    connect_in_step(fixture);
    pair_close(&fixture->pair);
    revoke(fixture, 3);
    for (unsigned i = 0; i < 4; i++) {
        fixture_write_record(fixture, &fixture->commune, 50, 0);
    }
    fixture_write_document(fixture, &fixture->root, &fixture->commune.replica.unit, 50);
    pair_forget(&fixture->pair);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_non_null(strstr(fixture->pair.transcript, "B refused r4:7"));
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 3)->has_body);
    assert_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 4));
    /* The log in which it can read that it is revoked comes, the document does not. */
    assert_non_null(fixture_held(&fixture->commune, &fixture->root, LOG_DIRECTIVE, 2));
    assert_false(fixture_held(&fixture->commune, &fixture->root, LOG_DIRECTIVE, 2)->has_body);
    assert_null(strstr(fixture->pair.transcript, "B receipts"));
    pair_forget(&fixture->pair);
    pair_wait(&fixture->pair, 24 * 3600 * 1000);
    assert_string_equal(fixture->pair.transcript, "");
}

/* A link that stands is cut down with the next message. */
static void revoked_key_is_cut_down_live(void **state) {
    struct fixture *fixture = *state;
    fixture_write_record(fixture, &fixture->commune, 50, 0);
    connect_in_step(fixture);
    revoke(fixture, 1);
    give_entry(fixture, 1, fixture_held(&fixture->root, &fixture->root, LOG_DIRECTIVE, 1)); /* of another author */
    assert_non_null(strstr(fixture->pair.transcript, "B refused d1:2"));
    pair_forget(&fixture->pair);
    fixture_write_record(fixture, &fixture->commune, 50, 0);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_non_null(strstr(fixture->pair.transcript, "B refused r2:7"));
    fixture_write_document(fixture, &fixture->root, &fixture->commune.replica.unit, 50);
    pair_event(&fixture->pair, 1, SESSION_CHANGED);
    pair_run(&fixture->pair);
    const struct ram_entry *document = fixture_held(&fixture->commune, &fixture->root, LOG_DIRECTIVE, 2);
    assert_true(document == NULL || !document->has_body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SESSION_TEST(fork_is_kept_as_evidence), SESSION_TEST(forks_are_found_where_they_begin), SESSION_TEST(evidence_travels),
        SESSION_TEST(revoked_key_has_one_lane), SESSION_TEST(revoked_key_is_cut_down_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
