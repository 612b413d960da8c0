/* How far entries have got, as receipts prove it: what is said of each level above, and what is not said because no receipt says it. */
#include "store_ask.h"
#include "store_offices.h"

/* A receipt of the root about the child's log, as its node would sign it, taken in by the child. */
static void told(struct offices *offices, const struct stored *head, uint64_t bodies, uint64_t applied, uint64_t aside) {
    struct buffer bytes = offices_buffer();
    struct receipt receipt = {.holder = offices->root->self,
                              .log = head->ref.log,
                              .seq = head->ref.seq,
                              .hash = head->ref.hash,
                              .bodies = bodies,
                              .applied = applied,
                              .aside = aside};
    assert_int_equal(receipt_encode(&receipt, &bytes), STATUS_OK);
    const struct persist item = {
        .kind = PERSIST_RECEIPT, .log = receipt.log, .receipt = receipt, .receipt_bytes = {.receipt = buffer_bytes(&bytes)}, .direct = true};
    assert_int_equal(store_persist(offices->child, &item, 1), STATUS_OK);
    buffer_fini(&bytes);
}

/* The child holds what the root wrote, so that its views know the line. */
static void introduce(struct offices *offices) {
    uint64_t last = (uint64_t)scratch_count(offices->root, "SELECT max(seq) FROM entry");
    for (uint64_t seq = 1; seq <= last; seq++)
        assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, seq, true), STATUS_OK);
}

/* The child's own record of June, entered as people do; a second one of July. */
static struct stored enter(struct offices *offices) {
    struct store *child = offices->child;
    struct stored head = {0};
    ask_done(
        offices->root, "form.add",
        "{'form': {'name': 'm', 'period': 'month', 'levels': [1], 'fields': [{'name': 'a', 'type': 'integer', 'over_units': 'sum', 'over_time': 'last'}]}}");
    introduce(offices);
    ask_done(child, "put", "{'form': 'm', 'period': '2025-06', 'cells': {'a': {'state': 'value', 'value': '5'}}}");
    ask_done(child, "put", "{'form': 'm', 'period': '2025-07', 'cells': {'a': {'state': 'value', 'value': '6'}}}");
    struct query query = db_query(
        child->db, "SELECT l.node, l.kind, l.epoch, e.seq, e.hash FROM entry e JOIN log l ON l.id = e.log WHERE l.node = ? AND l.kind = 1 ORDER BY e.seq DESC");
    struct hash hash;
    query_bind_blob(&query, bytes_of(child->self.b, sizeof child->self.b));
    assert_true(query_next(&query));
    head.ref.log = (struct log_id){.node = child->self, .kind = LOG_REPORT};
    query_fixed(&query, 2, head.ref.log.epoch.b, sizeof head.ref.log.epoch.b);
    head.ref.seq = (uint64_t)query_int(&query, 3);
    query_fixed(&query, 4, hash.b, sizeof hash.b);
    head.ref.hash = hash_short(&hash);
    assert_int_equal(query_end(&query), STATUS_OK);
    assert_int_equal(head.ref.seq, 2);
    return head;
}

/* What show says of an entry of that month: the way, with units left out, and the three words. */
static void assert_way(struct offices *offices, const char *period, const char *way, const char *flags) {
    char args[80], said[40];
    (void)snprintf(args, sizeof args, "{'form': 'm', 'period': '%s'}", period);
    json_t *shown = ask_ok(offices->child, "show", args), *entry = member_of(shown, "rows.0.entries.0"), *step;
    size_t i;
    json_array_foreach(json_object_get(entry, "way"), i, step) {
        assert_string_equal(json_string_value(member_of(step, "unit.code")), "00");
        json_object_del(step, "unit");
    }
    assert_json(json_object_get(entry, "way"), way);
    (void)snprintf(said, sizeof said, "%s%s%s", json_is_true(json_object_get(entry, "stored_above")) ? "stored " : "",
                   json_is_true(json_object_get(entry, "counted_above")) ? "counted " : "", json_is_true(json_object_get(entry, "at_root")) ? "root" : "");
    assert_string_equal(said, flags);
    json_decref(shown);
}

static void assert_counts(struct offices *offices, const char *log, const char *above) {
    json_t *status = ask_ok(offices->child, "status", "{}"), *step;
    size_t i;
    json_array_foreach(json_object_get(status, "above"), i, step) {
        json_object_del(step, "unit");
    }
    assert_json(json_object_get(status, "log"), log);
    assert_json(json_object_get(status, "above"), above);
    json_decref(status);
}

static void each_stage_is_said_when_a_receipt_says_it(void **state) {
    struct offices *offices = *state;
    struct stored head = enter(offices);
    assert_way(offices, "2025-06", "[]", "");
    assert_counts(offices, "{'written': 2, 'stored_above': 0, 'counted_above': 0, 'at_root': 0}", "[]");
    told(offices, &head, 1, 0, 0); /* the first is stored, not applied yet */
    assert_way(offices, "2025-06", "[{'counted': false, 'meant': true}]", "stored ");
    assert_way(offices, "2025-07", "[]", "");
    assert_counts(offices, "{'written': 2, 'stored_above': 1, 'counted_above': 0, 'at_root': 0}", "[{'stored': 1, 'counted': 0, 'set_aside': 0}]");
    told(offices, &head, 2, 1, 0);
    assert_way(offices, "2025-06", "[{'counted': true, 'meant': true}]", "stored counted root");
    assert_way(offices, "2025-07", "[{'counted': false, 'meant': true}]", "stored ");
    assert_counts(offices, "{'written': 2, 'stored_above': 2, 'counted_above': 1, 'at_root': 1}", "[{'stored': 2, 'counted': 1, 'set_aside': 0}]");
}

/* A receipt counts what is set aside and does not name it. */
static void what_a_receipt_does_not_say_is_not_known(void **state) {
    struct offices *offices = *state;
    struct stored head = enter(offices);
    told(offices, &head, 2, 2, 1);
    assert_way(offices, "2025-06", "[{'counted': null, 'meant': true}]", "stored ");
    assert_way(offices, "2025-07", "[{'counted': null, 'meant': true}]", "stored ");
    assert_counts(offices, "{'written': 2, 'stored_above': 2, 'counted_above': 1, 'at_root': 1}", "[{'stored': 2, 'counted': 1, 'set_aside': 1}]");
    told(offices, &head, 2, 2, 2); /* all that was applied is set aside: then it is known of each */
    assert_way(offices, "2025-06", "[{'counted': false, 'meant': true}]", "stored ");
    assert_counts(offices, "{'written': 2, 'stored_above': 2, 'counted_above': 0, 'at_root': 0}", "[{'stored': 2, 'counted': 0, 'set_aside': 2}]");
    told(offices, &head, 2, 2, 0); /* and again none */
    assert_way(offices, "2025-07", "[{'counted': true, 'meant': true}]", "stored counted root");
}

static void a_receipt_of_another_branch_says_nothing(void **state) {
    struct offices *offices = *state;
    struct stored head = enter(offices);
    head.ref.hash.b[0] ^= 1;
    told(offices, &head, 2, 2, 0);
    assert_way(offices, "2025-06", "[]", "");
    assert_counts(offices, "{'written': 2, 'stored_above': 0, 'counted_above': 0, 'at_root': 0}", "[]");
}

/* A record kept to the unit's own nodes: above, only its header is. */
static void what_is_not_for_a_level_does_not_count_there(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    ask_done(offices->root, "form.add",
             "{'form': {'name': 'm', 'period': 'month', 'levels': [1], 'reach': 'private', 'fields': [{'name': 'a', 'type': 'integer', 'over_units': 'sum', "
             "'over_time': 'last'}]}}");
    introduce(offices);
    json_t *put = ask_ok(child, "put", "{'form': 'm', 'period': '2025-06', 'cells': {'a': {'state': 'value', 'value': '5'}}}");
    json_decref(put);
    struct stored head = {.ref = {.log = {.node = child->self, .kind = LOG_REPORT}, .seq = 1}};
    struct query query = db_query(child->db, "SELECT l.epoch, e.hash FROM entry e JOIN log l ON l.id = e.log WHERE l.kind = 1");
    struct hash hash;
    assert_true(query_next(&query));
    query_fixed(&query, 0, head.ref.log.epoch.b, sizeof head.ref.log.epoch.b);
    query_fixed(&query, 1, hash.b, sizeof hash.b);
    head.ref.hash = hash_short(&hash);
    assert_int_equal(query_end(&query), STATUS_OK);
    told(offices, &head, 1, 1, 0);
    assert_way(offices, "2025-06", "[{'counted': false, 'meant': false}]", "");
}

/* Above the root is nobody: what it writes is where it belongs. */
static void the_roots_own_entries_are_at_the_centre(void **state) {
    struct offices *offices = *state;
    ask_done(
        offices->root, "form.add",
        "{'form': {'name': 'r', 'period': 'month', 'levels': [0], 'fields': [{'name': 'a', 'type': 'integer', 'over_units': 'sum', 'over_time': 'last'}]}}");
    ask_done(offices->root, "put", "{'form': 'r', 'period': '2025-06', 'cells': {'a': {'state': 'value', 'value': '5'}}}");
    json_t *shown = ask_ok(offices->root, "show", "{'form': 'r', 'period': '2025-06'}"), *entry = member_of(shown, "rows.0.entries.0");
    assert_json(json_object_get(entry, "way"), "[]");
    assert_true(json_is_true(json_object_get(entry, "stored_above")) && json_is_true(json_object_get(entry, "counted_above")) &&
                json_is_true(json_object_get(entry, "at_root")));
    json_decref(shown);
}

/* What is out of authority is set aside with its reason, and its author reads it in his own status. */
static void an_author_sees_what_of_his_is_set_aside_and_why(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    struct buffer payload = offices_buffer();
    introduce(offices);
    const uint8_t nonce[16] = {77};
    const struct unit_set_change set = {.unit = offices->root->unit, .attribute = UNIT_NAME, .text = bytes_of("Của tôi", strlen("Của tôi"))};
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)};
    offices_control(child, nonce, &change, 1); /* no request would write it: a child renames the root */
    json_t *status = ask_ok(child, "status", "{}"), *own = member_of(status, "own_aside.0");
    assert_string_equal(json_string_value(json_object_get(own, "reason")), "OUTSIDE_AUTHORITY");
    assert_int_equal(json_integer_value(json_object_get(own, "status")), STATUS_OUTSIDE_AUTHORITY);
    assert_json(json_object_get(own, "change"), "{'kind': 'unit_set', 'what': 'name=Của tôi'}");
    assert_int_equal(json_integer_value(json_object_get(status, "own_aside_count")), 1);
    json_decref(status);
    status = ask_ok(offices->root, "status", "{}"); /* it is not the root's */
    assert_int_equal(json_integer_value(json_object_get(status, "own_aside_count")), 0);
    json_decref(status);
    buffer_fini(&payload);
}

int main(void) {
#define OFFICES_TEST(name) cmocka_unit_test_setup_teardown(name, offices_setup, offices_teardown)
    const struct CMUnitTest tests[] = {
        OFFICES_TEST(each_stage_is_said_when_a_receipt_says_it), OFFICES_TEST(what_a_receipt_does_not_say_is_not_known),
        OFFICES_TEST(a_receipt_of_another_branch_says_nothing),  OFFICES_TEST(what_is_not_for_a_level_does_not_count_there),
        OFFICES_TEST(the_roots_own_entries_are_at_the_centre),   OFFICES_TEST(an_author_sees_what_of_his_is_set_aside_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
