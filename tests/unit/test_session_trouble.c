/* The reconciliation engine when things go wrong: authors unknown, false items, full disks, peers that break the protocol. A is a commune, B the root
 * above it. */
#include "session_making.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- authors ---- */

/* The third node is admitted by the commune. One message holds the admission and what the new node wrote. */
static void admission_and_entries_in_one_message(void **state) {
    struct fixture *fixture = *state;
    struct making making = {0};
    connect_in_step(fixture);
    fixture_admit(fixture, &fixture->commune, false, &fixture->third);
    fixture_write_record(fixture, &fixture->third, 50, 0);
    struct item admission = entry_item(fixture_held(&fixture->commune, &fixture->commune, LOG_DIRECTIVE, 1));
    struct item record = entry_item(fixture_held(&fixture->third, &fixture->third, LOG_REPORT, 1));
    add(&making, &admission);
    add(&making, &record);
    size_t runs = fixture->pair.runs[1];
    give(fixture, 1, &making);
    assert_int_equal(fixture->pair.runs[1] - runs, 2);
    assert_string_equal(fixture->pair.transcript, "B receipts r1 d1\nB progress\n");
    assert_true(fixture_held(&fixture->root, &fixture->third, LOG_REPORT, 1)->has_body);
}

/* The other way round it is refused, and tried again when the views have changed. */
static void refused_log_comes_when_views_change(void **state) {
    struct fixture *fixture = *state;
    struct persist persist = {.kind = PERSIST_ENTRY, .seq = 1};
    connect_in_step(fixture);
    fixture_admit(fixture, &fixture->commune, false, &fixture->third);
    fixture_write_record(fixture, &fixture->third, 50, 0);
    fixture_write_record(fixture, &fixture->third, 50, 0);
    /* The commune holds the new node's log, as if it had come from there, and lost its own admission of it on the way. */
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct ram_entry *record = fixture_held(&fixture->third, &fixture->third, LOG_REPORT, seq);
        persist.log = (struct log_id){.node = fixture->third.replica.self, .kind = LOG_REPORT};
        persist.seq = seq;
        persist.hash = record->hash;
        persist.entry = entry_item(record).entry;
        ram_replica_persist(&fixture->commune, &persist, 1);
    }
    give_entry(fixture, 1, fixture_held(&fixture->third, &fixture->third, LOG_REPORT, 1));
    assert_string_equal(fixture->pair.transcript, "B refused r1:1\nB progress\n");
    assert_null(fixture_held(&fixture->root, &fixture->third, LOG_REPORT, 1));
    /* Now the root learns of the admission elsewhere. */
    struct ram_entry *admission = fixture_held(&fixture->commune, &fixture->commune, LOG_DIRECTIVE, 1);
    persist.log = (struct log_id){.node = fixture->commune.replica.self, .kind = LOG_DIRECTIVE};
    persist.seq = 1;
    persist.hash = admission->hash;
    persist.entry = entry_item(admission).entry;
    ram_replica_persist(&fixture->root, &persist, 1);
    pair_forget(&fixture->pair);
    fixture->pair.queue[0][0].len = fixture->pair.count[0] == 0 ? 0 : fixture->pair.queue[0][0].len;
    fixture->pair.now += 2000;
    pair_event(&fixture->pair, 1, SESSION_CHANGED);
    assert_true(strncmp(fixture->pair.transcript, "B have\n", 7) == 0);
}

static void blocked_log_is_probed(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture->pair.disk[1] = STATUS_DISK_FULL;
    for (size_t i = 0; i < 5; i++) {
        fixture_write_record(fixture, &fixture->commune, 50, 0);
    }
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_string_equal(
        fixture->pair.transcript,
        "A entries r1+ r2+ r3+ r4+ r5+\nB refused r1:8\nB progress\nA state\nB have\nA have\nA entries r1+\nB state\nB refused r1:8\nB progress\nA state\n");
    assert_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1));
    /* As long as the disk is full, one small try after 60 s, 120 s, ... */
    pair_forget(&fixture->pair);
    pair_wait(&fixture->pair, 3600 * 1000);
    size_t tries = 0;
    for (const char *at = fixture->pair.transcript; (at = strstr(at, "A entries r1+\n")) != NULL; at++) {
        tries++;
    }
    assert_in_range(tries, 5, 10);
    assert_null(strstr(fixture->pair.transcript, "r2"));
    /* Then it heals by itself. */
    fixture->pair.disk[1] = STATUS_OK;
    pair_wait(&fixture->pair, 700 * 1000);
    assert_non_null(strstr(fixture->pair.transcript, "A entries r2+ r3+ r4+ r5+\n"));
    assert_in_step(fixture);
}

/* ---- false items ---- */

static void refuses(struct fixture *fixture, struct item *item, const char *refusal) {
    struct making making = {0};
    char expected[64];
    pair_forget(&fixture->pair);
    add(&making, item);
    give(fixture, 1, &making);
    snprintf(expected, sizeof expected, "B refused %s\nB progress\n", refusal);
    assert_string_equal(fixture->pair.transcript, expected);
    assert_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1));
    assert_false(fixture->pair.closed[1]);
}

static void false_items_are_refused(void **state) {
    struct fixture *fixture = *state;
    uint8_t signature[64], body[100];
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    struct ram_entry *entry = fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 1);
    struct item item = entry_item(entry);
    memcpy(signature, item.entry.signature.data, sizeof signature);
    signature[3] ^= 1;
    item.entry.signature.data = signature;
    refuses(fixture, &item, "r1:5");

    item = entry_item(entry);
    memcpy(body, item.entry.body.data, sizeof body);
    body[99] ^= 1;
    item.entry.body.data = body;
    refuses(fixture, &item, "r1:6");

    item = entry_item(fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 2));
    refuses(fixture, &item, "r2:3");

    item = (struct item){.kind = ITEM_PART,
                         .log = {.node = fixture->commune.replica.self, .kind = LOG_REPORT},
                         .seq = 1,
                         .salt = bytes_of(entry->salt, SALT_BYTES),
                         .part = buffer_bytes(&entry->body)};
    refuses(fixture, &item, "r1:3");

    /* And the log itself is none the worse. */
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    give_entry(fixture, 1, entry);
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
}

/* Signed by its author, next in its log, and yet the follower of another entry than the one held: a fork that shows itself one entry late. */
static void entry_that_follows_another_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct making making = {0};
    struct buffer bytes = {.max = HEADER_BYTES_MAX};
    struct header *header = malloc(sizeof *header);
    uint8_t signature[64];
    assert_non_null(header);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    struct item item = entry_item(fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 2));
    assert_int_equal(header_decode(header, item.entry.header), STATUS_OK);
    header->prev.b[0] ^= 1;
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    header_sign(signature, &fixture->founding.association, buffer_bytes(&bytes), &fixture->commune.keys);
    item.entry.header = buffer_bytes(&bytes);
    item.entry.signature.data = signature;
    add(&making, &item);
    give(fixture, 1, &making);
    assert_string_equal(fixture->pair.transcript, "B refused r2:4\nB progress\nB entries r1?\n"); /* and shows where it is sure of its own */
    assert_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 2));
    buffer_fini(&bytes);
    free(header);
}

/* A node of the commune is not the root's secretary: what the root wrote for its own drawer does not belong there. */
static void log_not_entitled_is_refused(void **state) {
    struct fixture *fixture = *state;
    fixture_write_record(fixture, &fixture->root, 40, 0);
    connect_in_step(fixture);
    give_entry(fixture, 0, fixture_held(&fixture->root, &fixture->root, LOG_REPORT, 1));
    assert_string_equal(fixture->pair.transcript, "A refused r1:2\nA progress\n");
    assert_null(fixture_held(&fixture->commune, &fixture->root, LOG_REPORT, 1));
}

static void body_not_entitled_is_left_out(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 100, REACH_PRIVATE);
    give_entry(fixture, 1, fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 1));
    assert_non_null(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1));
    assert_false(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
}

static void entry_held_is_passed_over(void **state) {
    struct fixture *fixture = *state;
    fixture_write_record(fixture, &fixture->commune, 100, 0);
    connect_in_step(fixture);
    size_t runs = fixture->pair.runs[1];
    give_entry(fixture, 1, fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 1));
    assert_int_equal(fixture->pair.runs[1], runs);
    assert_string_equal(fixture->pair.transcript, "B progress\n");
    fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body = false;
    give_entry(fixture, 1, fixture_held(&fixture->commune, &fixture->commune, LOG_REPORT, 1));
    assert_true(fixture_held(&fixture->root, &fixture->commune, LOG_REPORT, 1)->has_body);
}

/* ---- peers that break the protocol ---- */

static void assert_broken(struct fixture *fixture, unsigned side, struct bytes message) {
    pair_forget(&fixture->pair);
    pair_message(&fixture->pair, side, message);
    assert_true(fixture->pair.closed[side]);
    assert_int_equal(fixture->pair.reason[side], STATUS_PEER_PROTOCOL);
    assert_string_equal(fixture->pair.transcript, side == 0 ? "A bye 1\n" : "B bye 1\n");
    /* Closed is closed. */
    pair_message(&fixture->pair, side, message);
    assert_true(fixture->pair.closed[side]);
}

static void broken_messages_close_the_session(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } broken[] = {
        {"", 0},                             /* nothing */
        {"garbage", 7},                      /* no array */
        {"\x92\x07\xff", 3},                 /* progress of -1 */
        {"\x92\x07\xcc\x01", 4},             /* not canonical */
        {"\x92\x07\x00\x00", 4},             /* bytes after the end */
        {"\x92\x07\x01", 3},                 /* more than was sent */
        {"\x92\x10\x00", 3},                 /* of the enrolment lane */
        {"\x92\x06\xc0", 3},                 /* no array of receipts */
        {"\x94\x05\x00\x01\xc4\x01\x90", 7}, /* no items */
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        connect_in_step(fixture);
        assert_broken(fixture, i % 2, bytes_of(broken[i].bytes, broken[i].len));
    }
    fixture_connect(fixture);
    assert_broken(fixture, 1, bytes_of("\x92\x07\x00", 3)); /* before the greeting */
}

static void hello_is_judged(void **state) {
    struct fixture *fixture = *state;
    struct hello good = {.association = fixture->founding.association,
                         .node = fixture->commune.replica.self,
                         .unit = fixture->commune.replica.unit,
                         .window = WINDOW_BYTES,
                         .message_max = MESSAGE_BYTES_WANTED};
    struct {
        struct hello hello;
        enum status reason;
        const char *bye;
    } cases[] = {
        {good, STATUS_OK, NULL},
        {good, STATUS_ASSOCIATION_OTHER, "B bye 2\n"},
        {good, STATUS_PEER_PROTOCOL, "B bye 1\n"},
        {good, STATUS_PEER_PROTOCOL, "B bye 1\n"},
        {good, STATUS_VERSION_UNKNOWN, "B bye 3\n"},
    };
    cases[1].hello.association.b[0] ^= 1;
    cases[2].hello.node.b[0] ^= 1;
    cases[3].hello.unit.b[0] ^= 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer message = {.max = MESSAGE_BYTES_MAX};
        fixture_connect(fixture);
        pair_forget(&fixture->pair);
        assert_int_equal(hello_encode(&cases[i].hello, &message), STATUS_OK);
        if (i == 4) {
            message.data[2] = 2; /* version */
        }
        pair_message(&fixture->pair, 1, buffer_bytes(&message));
        assert_int_equal(fixture->pair.closed[1], cases[i].bye != NULL);
        assert_int_equal(fixture->pair.reason[1], cases[i].reason);
        if (cases[i].bye != NULL) {
            assert_string_equal(fixture->pair.transcript, cases[i].bye);
        }
        buffer_fini(&message);
    }
}

/* The dialling daemon was started again and the listening side did not notice: it begins anew. The other way round cannot be. */
static void hello_again(void **state) {
    struct fixture *fixture = *state;
    struct buffer hello = {.max = MESSAGE_BYTES_MAX};
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->root, 30, 0);
    struct session *old = fixture->pair.session[0];
    struct session_config config = {
        .replica = fixture->commune.replica, .peer = fixture->root.replica.self, .peer_unit = fixture->root.replica.unit, .dials = true};
    assert_int_equal(session_open(&fixture->pair.session[0], &config), STATUS_OK);
    session_free(old);
    pair_event(&fixture->pair, 0, SESSION_START);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A hello\nB hello\n");
    assert_in_step(fixture);
    struct hello again = {.association = fixture->founding.association,
                          .node = fixture->root.replica.self,
                          .unit = fixture->root.replica.unit,
                          .window = WINDOW_BYTES,
                          .message_max = MESSAGE_BYTES_WANTED};
    assert_int_equal(hello_encode(&again, &hello), STATUS_OK);
    assert_broken(fixture, 0, buffer_bytes(&hello));
    buffer_fini(&hello);
}

/* ---- time ---- */

static void silence_ends_a_session(void **state) {
    struct fixture *fixture = *state;
    fixture_connect(fixture);
    fixture->pair.held[0] = fixture->pair.held[1] = true;
    pair_wait(&fixture->pair, 31 * 1000);
    assert_true(fixture->pair.closed[0] && fixture->pair.closed[1]);
    assert_int_equal(fixture->pair.reason[0], STATUS_TIMEOUT);
    connect_in_step(fixture);
    fixture_write_record(fixture, &fixture->commune, 30, 0);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    fixture->pair.held[1] = true;
    pair_wait(&fixture->pair, 299 * 1000);
    assert_false(fixture->pair.closed[0]);
    pair_wait(&fixture->pair, 2 * 1000);
    assert_true(fixture->pair.closed[0]);
    assert_int_equal(fixture->pair.reason[0], STATUS_TIMEOUT);
}

static void stop_says_bye(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    pair_event(&fixture->pair, 0, SESSION_STOP);
    pair_run(&fixture->pair);
    assert_string_equal(fixture->pair.transcript, "A bye 0\n");
    assert_true(fixture->pair.closed[0] && fixture->pair.closed[1]);
    assert_int_equal(fixture->pair.reason[1], STATUS_OK);
}

/* ---- receipts ---- */

/* Gives a side one receipt, signed with these keys, as if its peer had sent it; how many the side holds afterwards. */
static size_t give_receipt(struct fixture *fixture, unsigned side, const struct receipt *receipt, const struct node_keys *keys) {
    struct buffer message = {.max = MESSAGE_BYTES_MAX}, bytes = {.max = RECEIPT_BYTES_MAX};
    struct signed_receipt one;
    assert_int_equal(receipt_encode(receipt, &bytes), STATUS_OK);
    one.receipt = buffer_bytes(&bytes);
    keys_sign(one.signature, "receipt", &fixture->founding.association, one.receipt, keys);
    assert_int_equal(receipts_encode(&one, 1, &message), STATUS_OK);
    pair_message(&fixture->pair, side, buffer_bytes(&message));
    buffer_fini(&message);
    buffer_fini(&bytes);
    return side == 0 ? fixture->commune.receipt_count : fixture->root.receipt_count;
}

/* What the root holds of the receipt's kind: how far it says its holder has applied. */
static uint64_t applied_by(struct fixture *fixture, const struct receipt *receipt) {
    struct receipt held = {0};
    const struct replica *replica = &fixture->root.replica;
    (void)!replica->ops->receipt(replica->ctx, &receipt->holder, &receipt->log, &held, NULL);
    return held.applied;
}

static void false_receipts_are_not_kept(void **state) {
    struct fixture *fixture = *state;
    connect_in_step(fixture);
    fixture_admit(fixture, &fixture->commune, false, &fixture->third);
    pair_event(&fixture->pair, 0, SESSION_CHANGED);
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    /* Of the third node, brought by the commune: signed by another; signed by itself; an older one, which lowers nothing. */
    struct receipt receipt = {
        .holder = fixture->third.replica.self, .log = {.node = fixture->root.replica.self, .kind = LOG_DIRECTIVE}, .seq = 1, .bodies = 1, .applied = 1};
    size_t before = fixture->root.receipt_count;
    assert_int_equal(give_receipt(fixture, 1, &receipt, &fixture->commune.keys), before);
    assert_int_equal(give_receipt(fixture, 1, &receipt, &fixture->third.keys), before + 1);
    assert_int_equal(applied_by(fixture, &receipt), 1);
    receipt.applied = 0;
    (void)give_receipt(fixture, 1, &receipt, &fixture->third.keys);
    assert_int_equal(applied_by(fixture, &receipt), 1);
    /* What the root says of its own log concerns nobody below. */
    before = fixture->commune.receipt_count;
    receipt.holder = fixture->root.replica.self;
    assert_int_equal(give_receipt(fixture, 0, &receipt, &fixture->root.keys), before);
}

/* Who may sign may name epochs without end: of a log that is not here no receipt is kept. */
static void receipts_of_no_log_are_not_kept(void **state) {
    struct fixture *fixture = *state;
    struct buffer message = {.max = MESSAGE_BYTES_MAX}, bytes[20];
    struct signed_receipt receipts[20];
    connect_in_step(fixture);
    size_t before = fixture->root.receipt_count;
    for (uint8_t i = 0; i < 20; i++) {
        struct receipt receipt = {.holder = fixture->commune.replica.self,
                                  .log = {.node = fixture->root.replica.self, .kind = LOG_DIRECTIVE, .epoch = {{0xee, i}}},
                                  .seq = 1,
                                  .bodies = 1,
                                  .applied = 1};
        bytes[i] = (struct buffer){.max = RECEIPT_BYTES_MAX};
        assert_int_equal(receipt_encode(&receipt, &bytes[i]), STATUS_OK);
        receipts[i].receipt = buffer_bytes(&bytes[i]);
        keys_sign(receipts[i].signature, "receipt", &fixture->founding.association, receipts[i].receipt, &fixture->commune.keys);
    }
    assert_int_equal(receipts_encode(receipts, 20, &message), STATUS_OK);
    pair_message(&fixture->pair, 1, buffer_bytes(&message));
    assert_int_equal(fixture->root.receipt_count, before);
    assert_false(fixture->pair.closed[1]);
    buffer_fini(&message);
    for (size_t i = 0; i < 20; i++) {
        buffer_fini(&bytes[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SESSION_TEST(admission_and_entries_in_one_message),
        SESSION_TEST(refused_log_comes_when_views_change),
        SESSION_TEST(blocked_log_is_probed),
        SESSION_TEST(false_items_are_refused),
        SESSION_TEST(entry_that_follows_another_is_refused),
        SESSION_TEST(log_not_entitled_is_refused),
        SESSION_TEST(body_not_entitled_is_left_out),
        SESSION_TEST(entry_held_is_passed_over),
        SESSION_TEST(broken_messages_close_the_session),
        SESSION_TEST(hello_is_judged),
        SESSION_TEST(hello_again),
        SESSION_TEST(silence_ends_a_session),
        SESSION_TEST(stop_says_bye),
        SESSION_TEST(false_receipts_are_not_kept),
        SESSION_TEST(receipts_of_no_log_are_not_kept),
    };
    return cmocka_run_group_tests_name("session trouble", tests, NULL, NULL);
}
