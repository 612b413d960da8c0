/* The reconciliation engine in small situations: what goes over the link stands in transcripts (tests/sim/ram_pair.h). A is a commune, B the root above it. */
#include "session_fixture.h"

/* ---- the ordinary run ---- */

static void first_load(void **state) {
    struct fixture *fixture = *state;
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A hello\nB hello\nB have\nA have\nB entries d1+\nA state\nA receipts d1\nA progress\nB state\nA state\n");
    assert_in_step(fixture);
    assert_non_null(fixture_held(&fixture->commune, &fixture->root, LOG_DIRECTIVE, 1));
}

static void in_step_costs_one_message_each_way(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A hello\nB hello\n");
    assert_true(fixture->pair.bytes[0] <= 300 && fixture->pair.bytes[1] <= 300);
    assert_in_step(fixture);
    pair_wait(&fixture->pair, 24 * 3600 * 1000);
    assert_string_equal(fixture->pair.transcript, "A hello\nB hello\n");
}

static void asking_in_step_costs_one_message_each_way(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    uint64_t before[2] = {fixture->pair.bytes[0], fixture->pair.bytes[1]};
    pair_event(&fixture->pair, 0, SESSION_ASK);
    assert_false(session_in_step(fixture->pair.session[0]));
    pair_event(&fixture->pair, 0, SESSION_ASK); /* once is enough */
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A have\nB state\n");
    assert_true(fixture->pair.bytes[0] - before[0] <= 30 && fixture->pair.bytes[1] - before[1] <= 30);
    assert_in_step(fixture);
}

/* An exchange under way answers by itself. */
static void asking_out_of_step_sends_nothing(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture->pair.held[1] = true;
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_event(&fixture->pair, 0, SESSION_ASK);
    assert_string_equal(fixture->pair.transcript, "A entries r1+\n");
    fixture->pair.held[1] = false;
    pair_run(&fixture->pair);
    assert_in_step(fixture);
}

static void push_on_append(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    assert_false(session_in_step(fixture->pair.session[0]));
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A entries r1+\nB receipts r1\nB progress\nA state\nB state\n");
    assert_in_step(fixture);
}

static void both_push_at_once(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    fixture_write_document(fixture, &fixture->root, &fixture->commune.replica.unit, 50);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_event(&fixture->pair, 1, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body &&
                fixture_held(&fixture->commune, &fixture->root, LOG_DIRECTIVE, 2)->has_body);
    assert_null(strstr(fixture->pair.transcript, "have"));
}

static void many_logs_go_by_buckets(void **state) {
    struct fixture *fixture = *state;
    for (uint8_t i = 0; i <= HAVE_AT_ONCE_LOGS_MAX; i++) {
        struct ram_draft draft = {.log = {.kind = LOG_REPORT, .epoch = {{i}}}, .cls = CLASS_RECORD, .audience_count = 1};
        draft.audience[0].unit = fixture->commune.replica.unit;
        fixture_write(fixture, &fixture->commune, draft, 30);
    }
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 30, 0);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript,
                        "A hello\nB hello\nB buckets\nA buckets\nB have\nA have\nB state\nA entries r2+\nB receipts r2\nB progress\nA state\nB state\n");
    assert_in_step(fixture);
}

/* ---- bodies ---- */

static void private_body_stays(void **state) {
    struct fixture *fixture = *state;
    fixture_write_record(fixture, &fixture->commune, 100, REACH_PRIVATE);
    connect_in_step(fixture);
    assert_non_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1));
    assert_false(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
}

static void large_body_resumes(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 60000, 0);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    assert_string_equal(fixture->pair.transcript, "A entries r1 r1@0\nA entries r1@16079\n");
    pair_deliver(&fixture->pair, 1);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_non_null(strstr(fixture->pair.transcript, "\nA entries r1@16079\n"));
    assert_null(strstr(fixture->pair.transcript, "@0"));
    assert_in_step(fixture);
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
    assert_int_equal(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->part.len, 0);
}

/* What was begun does not fit to the rest: it is forgotten, and comes again from its start. */
static void spoilt_part_is_forgotten(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 60000, 0);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_deliver(&fixture->pair, 1);
    fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->part.data[7] ^= 1;
    pair_run(&fixture->pair);
    assert_non_null(strstr(fixture->pair.transcript, "B refused r1:3"));
    assert_non_null(strstr(fixture->pair.transcript, "B have\nA entries r1@0"));
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
    assert_in_step(fixture);
}

/* A header goes at once; its body, which the sender does not have yet, when it comes. */
static void body_follows_when_it_comes(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 1)->has_body = false;
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_false(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
    assert_in_step(fixture); /* nobody misses what the other has */
    pair_forget(&fixture->pair);
    struct ram_entry *entry = fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 1);
    struct buffer body = entry->body;
    struct persist persist = {.kind = PERSIST_BODY, .log = {.node = fixture->commune.replica.self, .kind = LOG_REPORT}, .seq = 1};
    persist.entry = (struct entry){.salt = bytes_of(entry->salt, SALT_BYTES), .body = buffer_bytes(&body)};
    entry->body = (struct buffer){0};
    ram_replica_persist(&fixture->commune, &persist, 1);
    buffer_fini(&body);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);

    assert_true(strncmp(fixture->pair.transcript, "A entries r1@0\nB receipts r1\nB progress\n", 40) == 0);
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
    assert_in_step(fixture);
}

/* A restored body store, or a reach that widened: equal heads, but a body is missing. */
static void missing_body_is_asked_for(void **state) {
    struct fixture *fixture = *state;
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    connect_in_step(fixture);
    fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body = false;
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A hello\nB hello\nB have\nA entries r1@0\nB progress\nA state\nB state\n");
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
    assert_in_step(fixture);
}

/* ---- the line ---- */

static void window_is_respected(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 40; i++) {
        fixture_write_record(fixture, &fixture->commune, 9000, 0);
    }
    pair_close(&fixture->pair);
    pair_open_sized(&fixture->pair, &fixture->commune, &fixture->root, WINDOW_BYTES_LEAST, 0);
    for (size_t i = 0; i < 3; i++) {
        pair_deliver(&fixture->pair, 1); /* hello; later A's have and state */
        pair_deliver(&fixture->pair, 0);
    }
    fixture->pair.held[1] = true;
    pair_run(&fixture->pair);
    assert_true(fixture->pair.bytes[0] > 9000 && fixture->pair.bytes[0] <= WINDOW_BYTES_LEAST + 2000);
    pair_event(&fixture->pair, 0, SESSION_TICK);
    uint64_t before = fixture->pair.bytes[0];
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    assert_int_equal(fixture->pair.bytes[0], before);
    fixture->pair.held[1] = false;
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    assert_non_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 40));
}

static void messages_adapt_to_the_line(void **state) {
    struct fixture *fixture = *state;
    struct session_stats stats;
    for (size_t i = 0; i < 40; i++) {
        fixture_write_record(fixture, &fixture->commune, 3000, 0);
    }
    fixture_connect(fixture);
    fixture->pair.delay = 8000; /* ms a message: about 2 KB a second at first */
    pair_run(&fixture->pair);
    session_stats(fixture->pair.session[0], &stats);
    assert_int_equal(stats.message_target, MESSAGE_BYTES_LEAST);
    fixture->pair.delay = 1;
    for (size_t i = 0; i < 6; i++) {
        fixture_write_record(fixture, &fixture->commune, 20000, 0);
        pair_event(&fixture->pair, 0, SESSION_CHANGED);
        pair_run(&fixture->pair);
    }
    session_stats(fixture->pair.session[0], &stats);
    assert_int_equal(stats.message_target, MESSAGE_BYTES_WANTED);
    assert_in_step(fixture);
}

/* A window that is full must not be filled up again by crumbs: each would be answered by room for one as small, for ever. */
static void full_window_opens_for_whole_messages(void **state) {
    enum { RECORDS = 600, RECORD_BYTES = 6000, MESSAGES_MAX = RECORDS * RECORD_BYTES / MESSAGE_BYTES_WANTED * 3 / 2 };
    struct fixture *fixture = *state;
    struct session_stats stats;
    connect_in_step(fixture);
    for (size_t i = 0; i < RECORDS; i++) {
        fixture_write_record(fixture, &fixture->commune, RECORD_BYTES, 0);
    }
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    fixture->pair.delay = 1;
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    session_stats(fixture->pair.session[0], &stats);
    assert_int_equal(stats.entries_out, RECORDS);
    assert_in_range(stats.messages_out, 1, MESSAGES_MAX);
}

/* ---- receipts ---- */

/* Of a burst that comes fast only the last receipts count, and they go as soon as it ends. */
static void burst_is_receipted_now_and_then(void **state) {
    enum { RECORDS = 300 };
    struct fixture *fixture = *state;
    struct session_stats stats;
    struct receipt receipt;
    const struct replica *commune = &fixture->commune.replica;
    const struct log_id log = {.node = commune->self, .kind = LOG_REPORT};
    connect_in_step(fixture);
    for (size_t i = 0; i < RECORDS; i++) {
        fixture_write_record(fixture, &fixture->commune, 6000, 0);
    }
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    session_stats(fixture->pair.session[1], &stats);
    assert_in_range(stats.receipts_out, 1, 3);
    assert_int_equal(commune->ops->receipt(commune->ctx, &fixture->root.replica.self, &log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, RECORDS);
}

/* A burst that stops without a word is receipted all the same. */
static void broken_burst_is_receipted_in_time(void **state) {
    struct fixture *fixture = *state;
    struct receipt receipt;
    const struct replica *commune = &fixture->commune.replica;
    const struct log_id log = {.node = commune->self, .kind = LOG_REPORT};
    connect_in_step(fixture);
    for (size_t i = 0; i < 2; i++) {
        fixture_write_record(fixture, &fixture->commune, 12000, 0);
        pair_event(&fixture->pair, 0, SESSION_CHANGED);
    }
    assert_true(pair_deliver(&fixture->pair, 1) && pair_deliver(&fixture->pair, 1));
    while (pair_deliver(&fixture->pair, 0)) {}
    fixture->pair.held[1] = true; /* nothing more comes from the commune */
    assert_int_equal(commune->ops->receipt(commune->ctx, &fixture->root.replica.self, &log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, 1);
    pair_wait(&fixture->pair, 100);
    assert_int_equal(commune->ops->receipt(commune->ctx, &fixture->root.replica.self, &log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, 2);
}

static void own_receipt_replaces(void **state) {
    struct fixture *fixture = *state;
    struct ram_replica backup;
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    connect_in_step(fixture);
    pair_close(&fixture->pair);
    ram_replica_copy(&backup, &fixture->root);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    connect_in_step(fixture);
    struct receipt receipt;
    const struct replica *commune = &fixture->commune.replica;
    const struct log_id log = {.node = commune->self, .kind = LOG_REPORT};
    assert_int_equal(commune->ops->receipt(commune->ctx, &fixture->root.replica.self, &log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, 2);
    /* The root is put back, and the commune does not answer yet: it learns what the root holds now. */
    pair_close(&fixture->pair);
    ram_replica_fini(&fixture->root);
    ram_replica_copy(&fixture->root, &backup);
    ram_replica_fini(&backup);
    fixture_connect(fixture);
    pair_deliver(&fixture->pair, 1);
    pair_deliver(&fixture->pair, 0);
    pair_deliver(&fixture->pair, 0);
    fixture->pair.held[1] = true;
    assert_int_equal(commune->ops->receipt(commune->ctx, &fixture->root.replica.self, &log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, 2);
    fixture->pair.held[1] = false;
    pair_run(&fixture->pair);
    assert_non_null(strstr(fixture->pair.transcript, "B receipts r1\n"));
    assert_in_step(fixture);
    assert_int_equal(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 2)->seq, 2);
}

/* 70 offices below the commune have acknowledged the root's directive: more than one log state can list. */
static void more_receipts_than_a_list_holds(void **state) {
    struct fixture *fixture = *state;
    enum { OFFICES = 70 };
    const struct log_id log = {.node = fixture->root.replica.self, .kind = LOG_DIRECTIVE};
    connect_in_step(fixture);
    pair_close(&fixture->pair);
    struct ram_entry *directive = fixture_held(&fixture->root, &fixture->root, LOG_DIRECTIVE, 1);
    for (size_t i = 0; i < OFFICES; i++) {
        struct persist persist = {.kind = PERSIST_ENTRY, .log = log, .seq = 1, .hash = directive->hash};
        persist.entry = (struct entry){buffer_bytes(&directive->header), buffer_bytes(&directive->signature), bytes_of(directive->salt, SALT_BYTES),
                                       buffer_bytes(&directive->body)};
        fixture_admit(fixture, &fixture->commune, false, &fixture->third);
        ram_replica_persist(&fixture->third, &persist, 1);
        struct replica *office = &fixture->third.replica;
        persist = (struct persist){.kind = PERSIST_RECEIPT, .log = log, .seq = 1};
        assert_int_equal(office->ops->receipt(office->ctx, &office->self, &log, &persist.receipt, &persist.receipt_bytes), STATUS_OK);
        ram_replica_persist(&fixture->commune, &persist, 1);
        ram_replica_fini(&fixture->third);
    }
    connect_in_step(fixture);
    assert_int_equal(fixture->root.receipt_count, fixture->commune.receipt_count);
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A hello\nB hello\n");
}

/* ---- whom the newcomer does not know ---- */

/* The commune dials the third node, which invited it from above its parent. It takes that node for one of another unit: the hello alone can know better. */
static void dial_inviter(struct fixture *fixture) {
    struct pair *pair = &fixture->pair;
    const struct replica *commune = &fixture->commune.replica, *third = &fixture->third.replica;
    struct session_config down = {.replica = *third, .peer = commune->self, .peer_unit = commune->unit};
    struct session_config up = {.replica = *commune, .peer = third->self, .peer_unit = {{0xd1}}, .dials = true};
    struct unit_id unit;
    uint8_t key[32];
    assert_int_equal(commune->ops->node(commune->ctx, &third->self, key, &unit), STATUS_AUTHOR_UNKNOWN);
    *pair = (struct pair){.ram = {&fixture->commune, &fixture->third}, .now = 1000};
    assert_int_equal(session_open(&pair->session[0], &up), STATUS_OK);
    assert_int_equal(session_open(&pair->session[1], &down), STATUS_OK);
    pair_event(pair, 1, SESSION_START);
    pair_event(pair, 0, SESSION_START);
}

/* A second node of the root, which knows all. */
static void make_inviter(struct fixture *fixture) {
    fixture_admit(fixture, &fixture->root, true, &fixture->third);
    pair_open(&fixture->pair, &fixture->third, &fixture->root);
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    pair_close(&fixture->pair);
}

static void the_hello_of_an_unknown_node_tells_its_unit(void **state) {
    struct fixture *fixture = *state;
    const struct replica *commune = &fixture->commune.replica;
    struct unit_id unit;
    uint8_t key[32];
    make_inviter(fixture);
    dial_inviter(fixture);
    pair_run(&fixture->pair);
    assert_false(fixture->pair.closed[0]);
    assert_in_step(fixture);
    assert_int_equal(commune->ops->node(commune->ctx, &fixture->third.replica.self, key, &unit), STATUS_OK);
    assert_true(ID_EQUAL(&unit, &fixture->root.replica.unit));
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_non_null(fixture_held(&fixture->third, &fixture->commune, LOG_REPORT, 1));
}

/* It says another unit than its admission names: as soon as that is known, the session ends. */
static void a_hello_that_lied_ends_the_session(void **state) {
    struct fixture *fixture = *state;
    struct buffer message = {.max = MESSAGE_BYTES_MAX};
    make_inviter(fixture);
    dial_inviter(fixture);
    const struct hello hello = {.association = fixture->founding.association,
                                .node = fixture->third.replica.self,
                                .unit = fixture->commune.replica.unit,
                                .window = WINDOW_BYTES,
                                .message_max = MESSAGE_BYTES_WANTED};
    assert_int_equal(hello_encode(&hello, &message), STATUS_OK);
    pair_message(&fixture->pair, 0, buffer_bytes(&message));
    assert_false(fixture->pair.closed[0]);
    for (uint64_t seq = 1; fixture_held(&fixture->root, &fixture->root, LOG_DIRECTIVE, seq) != NULL; seq++) {
        struct ram_entry *held = fixture_held(&fixture->root, &fixture->root, LOG_DIRECTIVE, seq);
        struct persist persist = {.kind = PERSIST_ENTRY, .log = {.node = fixture->root.replica.self, .kind = LOG_DIRECTIVE}, .seq = seq, .hash = held->hash};
        persist.entry =
            (struct entry){buffer_bytes(&held->header), buffer_bytes(&held->signature), bytes_of(held->salt, SALT_BYTES), buffer_bytes(&held->body)};
        ram_replica_persist(&fixture->commune, &persist, 1);
    }
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    assert_true(fixture->pair.closed[0]);
    assert_int_equal(fixture->pair.reason[0], STATUS_PEER_PROTOCOL);
    buffer_fini(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SESSION_TEST(first_load),
        SESSION_TEST(in_step_costs_one_message_each_way),
        SESSION_TEST(asking_in_step_costs_one_message_each_way),
        SESSION_TEST(asking_out_of_step_sends_nothing),
        SESSION_TEST(push_on_append),
        SESSION_TEST(both_push_at_once),
        SESSION_TEST(many_logs_go_by_buckets),
        SESSION_TEST(private_body_stays),
        SESSION_TEST(large_body_resumes),
        SESSION_TEST(spoilt_part_is_forgotten),
        SESSION_TEST(body_follows_when_it_comes),
        SESSION_TEST(missing_body_is_asked_for),
        SESSION_TEST(window_is_respected),
        SESSION_TEST(messages_adapt_to_the_line),
        SESSION_TEST(full_window_opens_for_whole_messages),
        SESSION_TEST(burst_is_receipted_now_and_then),
        SESSION_TEST(broken_burst_is_receipted_in_time),
        SESSION_TEST(own_receipt_replaces),
        SESSION_TEST(more_receipts_than_a_list_holds),
        SESSION_TEST(the_hello_of_an_unknown_node_tells_its_unit),
        SESSION_TEST(a_hello_that_lied_ends_the_session),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
