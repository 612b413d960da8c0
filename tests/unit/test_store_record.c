/* Records: who may enter what, corrections, conflicts and their settling, what waits, and that no order of arrival matters. */
#include "store_ask.h"
#include "store_offices.h"

#include "store/digest.h"
#include "store/record.h"
#include "store/record_apply.h"

#define FORM \
    "{'form':{'name':'f','period':'month','levels':[0,1],'fields':[{'name':'a','type':'integer','minimum':0,'maximum':1000},{'name':'b','type':'decimal','" \
    "places':1}," \
    "{'name':'m','type':'money'},{'name':'t','type':'text'},{'name':'y','type':'yesno'},{'name':'c','type':'choice','choices':['good','fair']},{'name':'d','" \
    "type':'date'}," \
    "{'name':'s','type':'computed','formula':'a + b'},{'name':'old','type':'integer','retired':true}]}}"
#define VALUE(text) "{'state':'value','value':'" text "'}"

/* Carries all that the other lacks of a node's logs. */
static void carry(struct store *from, struct store *to, uint8_t kind) {
    struct replica replica, other;
    struct log_head head, held;
    struct query query = db_query(from->db, "SELECT node, epoch FROM log WHERE kind = ? ORDER BY id");
    struct log_id logs[8];
    size_t count = 0;
    query_bind_int(&query, kind);
    while (query_next(&query)) {
        logs[count] = (struct log_id){.kind = kind};
        query_fixed(&query, 0, logs[count].node.b, 16);
        query_fixed(&query, 1, logs[count++].epoch.b, 8);
    }
    assert_int_equal(query_end(&query), STATUS_OK);
    store_replica(from, &replica);
    store_replica(to, &other);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(replica.ops->head(replica.ctx, &logs[i], &head), STATUS_OK);
        held = (struct log_head){0};
        (void)!other.ops->head(other.ctx, &logs[i], &held);
        for (uint64_t seq = held.seq + 1; seq <= head.seq; seq++)
            assert_int_equal(offices_carry(from, to, &logs[i], seq, true), STATUS_OK);
    }
}

static void exchange(struct offices *offices) {
    carry(offices->child, offices->root, LOG_DIRECTIVE);
    carry(offices->child, offices->root, LOG_REPORT);
    carry(offices->root, offices->child, LOG_DIRECTIVE);
}

/* The root's form, known to both. */
static int begin(void **state) {
    offices_setup(state);
    struct offices *offices = *state;
    offices_introduce(offices);
    ask_done(offices->root, "form.add", FORM);
    exchange(offices);
    return 0;
}

static void assert_field(struct store *store, const char *unit, const char *field, const char *value, bool contested) {
    char args[200], path[80];
    (void)snprintf(args, sizeof args, "{'form':'f','period':'2025-06','unit':'%s'}", unit);
    json_t *shown = ask_ok(store, "show", args);
    (void)snprintf(path, sizeof path, "rows.0.fields.%s.value", field);
    const char *found = json_string_value(member_of(shown, path));
    if ((found == NULL) != (value == NULL) || (value != NULL && strcmp(found, value) != 0))
        fail_msg("%s of %s is %s, not %s", field, unit, found, value);
    (void)snprintf(path, sizeof path, "rows.0.fields.%s.contested", field);
    assert_int_equal(json_is_true(member_of(shown, path)), contested);
    json_decref(shown);
}

static void assert_agree(struct offices *offices) {
    struct hash a, b;
    struct tree *root = offices->root->tree, *child = offices->child->tree;
    assert_int_equal(digest_of(offices->root, tree_unit(root, &offices->unit), 0, &a), STATUS_OK);
    assert_int_equal(digest_of(offices->child, tree_unit(child, &offices->unit), 0, &b), STATUS_OK);
    assert_memory_equal(a.b, b.b, sizeof a.b);
}

static void every_type_comes_back(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    json_t *put = ask_ok(
        child, "put",
        "{'form':'f','period':'tháng 6/2025','cells':{'a':{'state':'value','value':'74','qualifier':'over','raw':'trên 74','source':'sheet'},"
        "'b':" VALUE("3.5") ",'m':" VALUE("173000000000") ",'t':" VALUE("Hũ thóc") ",'y':" VALUE("yes") ",'c':" VALUE("fair") ",'d':" VALUE("2025-06-30") "}}");
    assert_json(member_of(put, "changed"), "7");
    assert_json(member_of(put, "period"), "'2025-06'");
    assert_json(member_of(put, "unit.code"), "'01'");
    json_decref(put);
    assert_field(child, "01", "a", "74", false);
    assert_field(child, "01", "b", "3.5", false);
    assert_field(child, "01", "m", "173000000000", false);
    assert_field(child, "01", "t", "Hũ thóc", false);
    assert_field(child, "01", "y", "yes", false);
    assert_field(child, "01", "c", "fair", false);
    assert_field(child, "01", "d", "2025-06-30", false);
    json_t *shown = ask_ok(child, "show", "{'form':'f','period':'2025-06'}");
    assert_json(member_of(shown, "rows.0.fields.a.qualifier"), "'over'");
    assert_json(member_of(shown, "rows.0.fields.a.raw"), "'trên 74'");
    assert_json(member_of(shown, "rows.0.fields.a.source"), "'sheet'");
    assert_int_equal(json_array_size(member_of(shown, "rows.0.entries")), 1);
    assert_true(json_is_false(member_of(shown, "rows.0.entries.0.stored_above")));
    json_decref(shown);
    exchange(offices);
    assert_field(offices->root, "01", "m", "173000000000", false);
    assert_agree(offices);
}

/* Equal figures under another period are another state. */
static void the_period_enters_the_digest(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    struct hash before, after;
    struct buffer held = offices_buffer();
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") "}}");
    struct record_place place = {.form = scratch_count(child, "SELECT form FROM record"),
                                 .period = (uint32_t)scratch_count(child, "SELECT period FROM record"),
                                 .unit = scratch_count(child, "SELECT unit FROM record")};
    assert_int_equal(digest_of(child, tree_unit(child->tree, &offices->unit), 0, &before), STATUS_OK);
    assert_int_equal(record_read(child, &place, &held), STATUS_OK);
    place.period++;
    struct query query = db_query(child->db, "UPDATE record SET period = ?, sum = ?");
    query_bind_int(&query, place.period);
    query_bind_int(&query, record_sum(&place, buffer_bytes(&held)));
    assert_int_equal(query_run(&query), STATUS_OK);
    assert_int_equal(digest_of(child, tree_unit(child->tree, &offices->unit), 0, &after), STATUS_OK);
    assert_memory_not_equal(before.b, after.b, sizeof before.b);
    buffer_fini(&held);
}

static void what_changes_nothing_is_not_written(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") ",'c':" VALUE("good") ",'t':" VALUE("x") "}}");
    int64_t before = scratch_count(child, "SELECT count(*) FROM entry");
    json_t *put = ask_ok(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") ",'c':" VALUE("good") ",'b':{'state':'missing'}}}");
    assert_json(member_of(put, "changed"), "0");
    assert_true(json_is_null(member_of(put, "entry")));
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM entry"), before);
    json_decref(put);
    put = ask_ok(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") ",'c':" VALUE("fair") ",'t':{'state':'missing'}}}");
    assert_json(member_of(put, "changed"), "2");
    json_decref(put);
    assert_field(child, "01", "c", "fair", false);
    assert_field(child, "01", "t", NULL, false);
    assert_field(child, "01", "a", "5", false);
}

static void every_mistake_of_a_put_is_told(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    json_t *response =
        ask_refused(child, "put",
                    "{'form':'f','period':'2025-06','cells':{'zz':" VALUE("1") ",'a':" VALUE("1001") ",'b':" VALUE("3.55") ",'m':" VALUE("x") ",'y':" VALUE(
                        "maybe") ",'c':" VALUE("best") ",'d':" VALUE("31/2/2025") ",'s':" VALUE("1") ",'old':" VALUE("1") ",'t':{'state':'value','value':'x','"
                                                                                                                          "qualifier':'over'}}}",
                    STATUS_FIELD_UNKNOWN);
    static const enum status expected[] = {STATUS_FIELD_UNKNOWN, STATUS_VALUE_RANGE,   STATUS_VALUE_INVALID, STATUS_VALUE_INVALID,  STATUS_VALUE_INVALID,
                                           STATUS_VALUE_INVALID, STATUS_VALUE_INVALID, STATUS_DATE_INVALID,  STATUS_FIELD_COMPUTED, STATUS_FIELD_UNKNOWN};
    assert_int_equal(json_array_size(member_of(response, "problems")), 10);
    for (size_t i = 0; i < 10; i++) {
        char path[40];
        (void)snprintf(path, sizeof path, "problems.%zu.status", i);
        assert_int_equal(json_integer_value(member_of(response, path)), expected[i]);
    }
    json_decref(response);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record"), 0);
    ask_fails(child, "put", "{'form':'g','period':'2025-06','cells':{'a':" VALUE("1") "}}", STATUS_FORM_UNKNOWN);
    ask_fails(child, "put", "{'form':'f','period':'2025-13','cells':{'a':" VALUE("1") "}}", STATUS_PERIOD_INVALID);
    response = ask_refused(child, "put", "{'form':'f','period':'2025-Q2','cells':{'a':" VALUE("1") "}}", STATUS_PERIOD_WRONG_KIND);
    assert_json(member_of(response, "args"), "{'form':'f','period':'2025-Q2','expected':'month'}");
    json_decref(response);
    response = ask_refused(child, "show", "{'form':'f','period':'2025'}", STATUS_PERIOD_WRONG_KIND);
    assert_json(member_of(response, "args.expected"), "'month'");
    json_decref(response);
    ask_fails(child, "put", "{'form':'f','period':'2025-06','row':'x','cells':{'a':" VALUE("1") "}}", STATUS_ROW_UNWANTED);
    ask_fails(child, "put", "{'form':'f','period':'2025-06','unit':'00','cells':{'a':" VALUE("1") "}}", STATUS_UNIT_OUTSIDE);
    ask_fails(child, "put", "{'form':'f','period':'2025-06','unit':'nowhere','cells':{'a':" VALUE("1") "}}", STATUS_UNIT_UNKNOWN);
    ask_fails(child, "put", "{'form':'f','period':'2025-06','cells':{}}", STATUS_BAD_REQUEST);
}

static void lists_have_rows(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    ask_done(root, "form.add", "{'form':{'name':'l','period':'year','levels':[0],'list':true,'fields':[{'name':'a','type':'integer'}]}}");
    ask_fails(root, "put", "{'form':'l','period':'2025','cells':{'a':" VALUE("1") "}}", STATUS_ROW_NEEDED);
    ask_done(root, "put", "{'form':'l','period':'2025','row':'Tổ 2','cells':{'a':" VALUE("2") "}}");
    ask_done(root, "put", "{'form':'l','period':'2025','row':'Tổ 1','cells':{'a':" VALUE("1") "}}");
    json_t *shown = ask_ok(root, "show", "{'form':'l','period':'2025'}");
    assert_json(member_of(shown, "rows.0.row"), "'Tổ 1'");
    assert_json(member_of(shown, "rows.1.fields.a.value"), "'2'");
    json_decref(shown);
}

static void levels_that_are_not_named_do_not_report(void **state) {
    struct offices *offices = *state;
    ask_done(offices->root, "form.add", "{'form':{'name':'g','period':'year','levels':[2],'fields':[{'name':'a','type':'integer'}]}}");
    ask_fails(offices->root, "put", "{'form':'g','period':'2025','cells':{'a':" VALUE("1") "}}", STATUS_UNIT_NOT_REPORTING);
    ask_done(offices->root, "form.add", "{'form':{'name':'h','period':'year','fields':[{'name':'a','type':'integer'}]}}");
    /* It names none: figures of its own beside those of the units below, but nobody waits for them. */
    json_t *put = ask_ok(offices->root, "put", "{'form':'h','period':'2025','cells':{'a':" VALUE("1") "}}");
    assert_json(member_of(put, "expected"), "false");
    json_decref(put);
    exchange(offices);
    put = ask_ok(offices->child, "put", "{'form':'h','period':'2025','cells':{'a':" VALUE("1") "}}");
    assert_json(member_of(put, "expected"), "true");
    json_decref(put);
}

static void the_history_tells_what_each_entry_wrote(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    ask_done(child, "put",
             "{'form':'f','period':'2025-06','cells':{'a':{'state':'value','value':'5','qualifier':'over','raw':'trên 5','source':'sheet:2:3'},'c':" VALUE(
                 "good") ",'t':" VALUE("x") "}}");
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'b':" VALUE("3.5") ",'t':{'state':'missing'},'y':{'state':'na'}}}");
    exchange(offices);
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") ",'c':" VALUE("fair") "},'reason':'typo'}");
    exchange(offices);
    json_t *shown = ask_ok(child, "show", "{'form':'f','period':'2025-06','history':true}");
    assert_int_equal(json_array_size(member_of(shown, "rows.0.entries")), 3);
    assert_json(member_of(shown, "rows.0.entries.0.fields"),
                "{'a':{'state':'value','value':'5','qualifier':'over','raw':'trên 5','source':'sheet:2:3'},'c':{'state':'value','value':'good'},"
                "'t':{'state':'value','value':'x'}}");
    assert_json(member_of(shown, "rows.0.entries.1.fields"),
                "{'b':{'state':'value','value':'3.5'},'t':{'state':'missing','value':null},'y':{'state':'na','value':null}}");
    assert_json(member_of(shown, "rows.0.entries.2.fields"), "{'a':{'state':'value','value':'6'},'c':{'state':'value','value':'fair'}}");
    assert_json(member_of(shown, "rows.0.entries.2.reason"), "'typo'");
    assert_json(member_of(shown, "rows.0.fields.a.value"), "'6'"); /* what counts is told as ever */
    json_decref(shown);
    shown = ask_ok(child, "show", "{'form':'f','period':'2025-06'}");
    assert_null(member_of(shown, "rows.0.entries.0.fields")); /* only where it was asked for */
    json_decref(shown);
}

/* However much its rows weigh, a list comes whole, portion by portion, and each portion fits into a frame. */
static void a_heavy_list_comes_in_portions(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    enum { ROWS = 40, WRITES = 35, PORTIONS_MAX = 10, TEXT = TEXT_VALUE_BYTES_MAX - 10 };
    char text[TEXT], args[TEXT + 200], after[40] = "";
    ask_done(root, "form.add", "{'form':{'name':'l','period':'year','levels':[0],'list':true,'fields':[{'name':'a','type':'text'}]}}");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int row = 0; row < ROWS; row++) {
        for (int i = 0; i < WRITES; i++) {
            (void)snprintf(args, sizeof args, "{'form':'l','period':'2025','row':'row %02d','cells':{'a':" VALUE("%d%s") "}}", row, i, text);
            ask_done(root, "put", args);
        }
    }
    size_t rows = 0, portions = 0;
    for (bool more = true; more && portions < PORTIONS_MAX; portions++) {
        (void)snprintf(args, sizeof args, "{'form':'l','period':'2025','history':true%s%s%s}", after[0] != 0 ? ",'after':'" : "", after,
                       after[0] != 0 ? "'" : "");
        json_t *shown = ask_ok(root, "show", args), *list = member_of(shown, "rows");
        char *dumped = json_dumps(shown, JSON_COMPACT);
        assert_true(strlen(dumped) < 8 * 1024 * 1024);
        assert_true(json_array_size(list) > 0);
        rows += json_array_size(list);
        (void)snprintf(after, sizeof after, "%s", json_string_value(json_object_get(json_array_get(list, json_array_size(list) - 1), "row")));
        more = json_is_true(member_of(shown, "more"));
        free(dumped);
        json_decref(shown);
    }
    assert_int_equal(rows, ROWS);
    assert_in_range(portions, 2, PORTIONS_MAX - 1);
}

static void a_correction_stands_beside_and_counts(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") ",'b':" VALUE("1") "}}");
    ask_fails(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "},'reason':'typo'}",
              STATUS_NOT_FOUND); /* not here yet: nothing to correct */
    exchange(offices);
    ask_fails(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "}}", STATUS_REASON_NEEDED);
    ask_fails(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "},'on_behalf':true}", STATUS_RECORD_EXISTS);
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "},'reason':'typo'}");
    exchange(offices);
    assert_field(child, "01", "a", "6", false);
    assert_field(child, "01", "b", "1.0", false);
    json_t *shown = ask_ok(child, "show", "{'form':'f','period':'2025-06'}");
    assert_json(member_of(shown, "rows.0.fields.a.versions.0.reason"), "'typo'");
    assert_json(member_of(shown, "rows.0.fields.a.versions.0.unit.code"), "'00'");
    assert_int_equal(json_array_size(member_of(shown, "rows.0.entries")), 2);
    assert_json(member_of(shown, "rows.0.entries.1.flags"), "1");
    assert_true(json_is_true(member_of(shown, "rows.0.entries.0.flags")) == 0);
    json_decref(shown);
    /* The unit has seen it and writes again: no conflict. */
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") "}}");
    exchange(offices);
    assert_field(root, "01", "a", "7", false);
    assert_agree(offices);
}

static void two_who_have_not_seen_each_other_conflict(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    int64_t contested;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") ",'b':" VALUE("1") "}}");
    exchange(offices);
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("8") ",'b':" VALUE("2") "}}");
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") ",'b':" VALUE("2") "},'reason':'typo'}");
    exchange(offices);
    assert_field(root, "01", "a", "8", true); /* the owner's counts until it is settled */
    assert_field(child, "01", "a", "8", true);
    assert_field(child, "01", "b", "2.0", false); /* both say the same: they agree */
    assert_int_equal(record_contested_count(root, &contested), STATUS_OK);
    assert_int_equal(contested, 1);
    assert_agree(offices);
    /* Settled by either, with a reason. */
    ask_fails(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("8") "}}", STATUS_REASON_NEEDED);
    json_t *put = ask_ok(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("8") ",'b':" VALUE("2") "},'reason':'counted again'}");
    assert_json(member_of(put, "changed"), "1");
    json_decref(put);
    exchange(offices);
    assert_field(root, "01", "a", "8", false);
    assert_int_equal(record_contested_count(root, &contested), STATUS_OK);
    assert_int_equal(contested, 0);
    assert_agree(offices);
}

static void the_upper_side_counts_where_the_form_says_so(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") "}}");
    exchange(offices);
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("8") "}}");
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "},'reason':'typo'}");
    exchange(offices);
    json_t *form = ask_ok(root, "form.show", "{'form':'f'}");
    json_object_set_new(json_object_get(form, "form"), "policy", json_string("upper"));
    json_decref(ask(root, "form.add", json_pack("{s:O}", "form", json_object_get(form, "form"))));
    json_decref(form);
    assert_field(root, "01", "a", "6", true); /* records of all versions share one key, and the newest version's policy holds */
    exchange(offices);
    assert_field(child, "01", "a", "6", true);
    assert_agree(offices);
}

static void entering_for_a_unit_below(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    ask_fails(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "}}", STATUS_REASON_NEEDED);
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','cells':{'a':" VALUE("6") "},'on_behalf':true}");
    /* The unit, which has not heard of it, enters the same and something else. */
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("6") ",'b':" VALUE("1") "}}");
    exchange(offices);
    assert_field(root, "01", "a", "6", false);
    assert_field(root, "01", "b", "1.0", false);
    assert_agree(offices);
    /* A unit without any node: the nearest above enters without flag or reason, and it is marked all the same. */
    ask_done(root, "unit.add", "{'code':'02','name':'Huế','level':'1'}");
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'02','cells':{'a':" VALUE("1") "}}");
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'02','cells':{'a':" VALUE("2") "}}");
    json_t *shown = ask_ok(root, "show", "{'form':'f','period':'2025-06','unit':'02'}");
    assert_json(member_of(shown, "rows.0.entries.0.flags"), "2");
    assert_json(member_of(shown, "rows.0.fields.a.value"), "'2'");
    json_decref(shown);
}

static void a_put_waits_for_its_form(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    ask_done(child, "form.add", "{'form':{'name':'own','period':'month','levels':[1],'fields':[{'name':'a','type':'integer'}]}}");
    ask_done(child, "put", "{'form':'own','period':'2025-06','cells':{'a':" VALUE("5") "}}");
    carry(child, root, LOG_REPORT);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside WHERE reason = 407"), 1);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record"), 0);
    carry(child, root, LOG_DIRECTIVE);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside"), 0);
    json_t *shown = ask_ok(root, "show", "{'form':'own','period':'2025-06','unit':'01'}");
    assert_json(member_of(shown, "rows.0.fields.a.value"), "'5'");
    json_decref(shown);
    assert_agree(offices);
}

/* An entry of the child's, as no tool would write it. */
static void append_put(struct offices *offices, const struct put *puts, size_t count) {
    struct store *child = offices->child;
    struct buffer body = offices_buffer(), payloads[4];
    struct change changes[4];
    struct stored stored;
    for (size_t i = 0; i < count; i++) {
        payloads[i] = offices_buffer();
        assert_int_equal(put_encode(&puts[i], &payloads[i]), STATUS_OK);
        changes[i] = (struct change){.kind = CHANGE_PUT, .place = (uint32_t)i, .payload = buffer_bytes(&payloads[i])};
    }
    assert_int_equal(body_encode(&body, NULL, changes, count), STATUS_OK);
    const struct term audience = {.unit = offices->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(child), STATUS_OK);
    assert_int_equal(log_append(child, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(child), STATUS_OK);
    assert_int_equal(store_commit(child), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        buffer_fini(&payloads[i]);
    buffer_fini(&body);
}

static struct hash newest_version(struct store *store) {
    struct hash version;
    struct query query = db_query(store->db, "SELECT version FROM form ORDER BY id DESC LIMIT 1");
    assert_true(query_next(&query));
    query_fixed(&query, 0, version.b, sizeof version.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    return version;
}

static void what_does_not_fit_is_set_aside_and_shown(void **state) {
    struct offices *offices = *state;
    struct record_key key = {.period = 2025 * 12 + 5};
    uint16_t ordinal = 7; /* computed */
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT, .number = 1};
    struct put put = {.form_version = newest_version(offices->child), .record_count = 1, .column_count = 1, .keys = &key, .ordinals = &ordinal, .cells = &cell};
    append_put(offices, &put, 1);
    ordinal = 0;
    cell.type = CELL_BOOL;
    append_put(offices, &put, 1);
    cell.type = CELL_INT;
    key.period = 99 * 12;
    append_put(offices, &put, 1);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside WHERE reason = 201"), 3);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM record"), 0);
    ask_done(offices->root, "form.add", "{'form':{'name':'g','period':'month','levels':[2],'fields':[{'name':'a','type':'integer'}]}}");
    exchange(offices);
    key.period = 2025 * 12;
    put.form_version = newest_version(offices->child);
    append_put(offices, &put, 1);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside WHERE reason = 420"), 1);
    exchange(offices);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 4);
    assert_agree(offices);
}

static void a_level_that_changes_changes_the_verdict(void **state) {
    struct offices *offices = *state;
    struct record_key key = {.period = 2025 * 12 + 5};
    uint16_t ordinal = 0;
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT, .number = 1};
    ask_done(offices->root, "form.add", "{'form':{'name':'g','period':'month','levels':[2],'fields':[{'name':'a','type':'integer'}]}}");
    exchange(offices);
    const struct put put = {
        .form_version = newest_version(offices->child), .record_count = 1, .column_count = 1, .keys = &key, .ordinals = &ordinal, .cells = &cell};
    append_put(offices, &put, 1);
    exchange(offices);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM record"), 0);
    struct buffer payload = offices_buffer();
    for (uint8_t level = 2; level >= 1; level--) { /* there and back */
        uint8_t nonce[16] = {level};
        const struct unit_set_change set = {.unit = offices->unit, .attribute = UNIT_LEVEL, .level = level};
        buffer_clear(&payload);
        assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
        const struct change change = {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)};
        offices_control(offices->root, nonce, &change, 1);
        exchange(offices);
        assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM record"), level == 2 ? 1 : 0);
        assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM record"), level == 2 ? 1 : 0);
        assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), level == 2 ? 0 : 1);
        assert_agree(offices);
    }
    buffer_fini(&payload);
}

static void of_two_puts_in_one_body_the_later_holds(void **state) {
    struct offices *offices = *state;
    struct record_key key = {.period = 2025 * 12 + 5};
    uint16_t ordinals[] = {0, 1};
    struct cell first[] = {{.state = CELL_VALUE, .type = CELL_INT, .number = 1}, {.state = CELL_VALUE, .type = CELL_INT, .number = 10}},
                second[] = {{.state = CELL_VALUE, .type = CELL_INT, .number = 2}};
    struct put puts[2] = {{.record_count = 1, .column_count = 2, .keys = &key, .ordinals = ordinals, .cells = first},
                          {.record_count = 1, .column_count = 1, .keys = &key, .ordinals = ordinals, .cells = second}};
    puts[0].form_version = puts[1].form_version = newest_version(offices->child);
    append_put(offices, puts, 2);
    exchange(offices);
    assert_field(offices->child, "01", "a", "2", false);
    assert_field(offices->root, "01", "b", "1.0", false);
    assert_agree(offices);
}

static void withdrawn_writes_give_back_what_stood_before(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    struct hash before, after;
    uint32_t unit = tree_unit(child->tree, &offices->unit);
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") ",'b':" VALUE("1") "}}");
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("6") "}}");
    int64_t middle = scratch_count(child, "SELECT max(id) FROM entry");
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") "}}");
    int64_t last = scratch_count(child, "SELECT max(id) FROM entry");
    assert_int_equal(digest_of(child, unit, 0, &before), STATUS_OK);
    assert_int_equal(store_begin(child), STATUS_OK);
    assert_int_equal(record_apply_withdraw(child, last), STATUS_OK);
    assert_field(child, "01", "a", "6", false);
    assert_int_equal(record_apply_withdraw(child, middle), STATUS_OK);
    assert_field(child, "01", "a", "5", false);
    assert_int_equal(record_apply_withdraw(child, middle), STATUS_OK); /* once more: nothing */
    assert_field(child, "01", "a", "5", false);
    struct stored_entry entry;
    struct header *header = malloc(sizeof *header);
    assert_non_null(header);
    assert_int_equal(log_read(child, last, &entry, header), STATUS_OK);
    assert_int_equal(record_apply(child, &entry, header), STATUS_OK);
    assert_int_equal(log_read(child, middle, &entry, header), STATUS_OK);
    assert_int_equal(record_apply(child, &entry, header), STATUS_OK);
    assert_int_equal(record_apply(child, &entry, header), STATUS_OK); /* twice is once */
    assert_field(child, "01", "a", "7", false);
    free(header);
    assert_int_equal(digest_of(child, unit, 0, &after), STATUS_OK);
    assert_memory_equal(before.b, after.b, sizeof before.b);
    int64_t first = scratch_count(child, "SELECT min(entry) FROM record_write");
    assert_int_equal(record_apply_withdraw(child, last), STATUS_OK);
    assert_int_equal(record_apply_withdraw(child, middle), STATUS_OK);
    assert_int_equal(record_apply_withdraw(child, first), STATUS_OK);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record"), 0);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record_write"), 0);
    store_rollback(child);
}

static void a_flipped_bit_is_found(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("5") "}}");
    struct buffer bytes = offices_buffer();
    struct query query = db_query(child->db, "SELECT state FROM record");
    assert_true(query_next(&query));
    struct bytes blob = query_blob(&query, 0);
    assert_int_equal(buffer_append(&bytes, blob.data, blob.len), STATUS_OK);
    assert_int_equal(query_end(&query), STATUS_OK);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        query = db_query(child->db, "UPDATE record SET state = ?");
        query_bind_blob(&query, buffer_bytes(&bytes));
        assert_int_equal(query_run(&query), STATUS_OK);
        json_t *response = ask_refused(child, "show", "{'form':'f','period':'2025-06'}", STATUS_STORE_DAMAGED);
        assert_json(member_of(response, "args.period"), "'2025-06'");
        assert_json(member_of(response, "args.unit"), "'01'");
        json_decref(response);
        ask_fails(child, "rollup", "{'form':'f','period':'2025-06'}", STATUS_STORE_DAMAGED);
        ask_fails(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("6") "}}", STATUS_STORE_DAMAGED);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    query = db_query(child->db, "UPDATE record SET state = ?, period = period + 1"); /* the row of another month */
    query_bind_blob(&query, buffer_bytes(&bytes));
    assert_int_equal(query_run(&query), STATUS_OK);
    ask_fails(child, "show", "{'form':'f','period':'2025-07'}", STATUS_STORE_DAMAGED);
    buffer_fini(&bytes);
}

/* Both write at random, exchange now and then and only in part; in the end they agree, and so does a rebuild. */
static void whatever_the_order_they_agree(void **state) {
    struct offices *offices = *state;
    uint64_t random = 12345;
    for (unsigned step = 0; step < 120; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned dice = (unsigned)(random >> 40);
        char args[300];
        bool upper = dice % 3 == 0;
        (void)snprintf(args, sizeof args, "{'form':'f','period':'2025-0%u','unit':'01','reason':'r','cells':{'%s':" VALUE("%u") "%s}}", 1 + dice / 3 % 3,
                       dice / 9 % 2 == 0 ? "a" : "b", dice / 18 % 4, dice / 72 % 2 == 0 ? ",'y':{'state':'missing'}" : "");
        json_t *response = ask(upper ? offices->root : offices->child, "put", ask_json(args));
        int status = (int)json_integer_value(member_of(response, "status"));
        assert_true(status == 0 || (upper && status == STATUS_NOT_FOUND)); /* a correction of what has not come yet */
        json_decref(response);
        if (dice / 144 % 4 == 0)
            carry(offices->root, offices->child, LOG_DIRECTIVE);
        if (dice / 576 % 4 == 0)
            carry(offices->child, offices->root, LOG_REPORT);
    }
    exchange(offices);
    assert_agree(offices);
    assert_true(scratch_count(offices->root, "SELECT count(*) FROM record WHERE contested = 1") > 0);
    struct hash before, after;
    assert_int_equal(digest_of(offices->root, 0, 0, &before), STATUS_OK);
    assert_int_equal(rebuild_run(offices->root, NULL, NULL), STATUS_OK);
    assert_int_equal(digest_of(offices->root, 0, 0, &after), STATUS_OK);
    assert_memory_equal(before.b, after.b, sizeof before.b);
    json_t *a = ask_ok(offices->root, "rollup", "{'form':'f','period':'2025-Q1','unit':'01','by':'period'}");
    json_t *b = ask_ok(offices->child, "rollup", "{'form':'f','period':'2025-Q1','unit':'01','by':'period'}");
    assert_true(json_equal(a, b));
    json_decref(a);
    json_decref(b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_type_comes_back),
        TEST(the_period_enters_the_digest),
        TEST(what_changes_nothing_is_not_written),
        TEST(every_mistake_of_a_put_is_told),
        TEST(lists_have_rows),
        TEST(levels_that_are_not_named_do_not_report),
        TEST(the_history_tells_what_each_entry_wrote),
        TEST(a_heavy_list_comes_in_portions),
        TEST(a_correction_stands_beside_and_counts),
        TEST(two_who_have_not_seen_each_other_conflict),
        TEST(the_upper_side_counts_where_the_form_says_so),
        TEST(entering_for_a_unit_below),
        TEST(a_put_waits_for_its_form),
        TEST(what_does_not_fit_is_set_aside_and_shown),
        TEST(a_level_that_changes_changes_the_verdict),
        TEST(of_two_puts_in_one_body_the_later_holds),
        TEST(withdrawn_writes_give_back_what_stood_before),
        TEST(a_flipped_bit_is_found),
        TEST(whatever_the_order_they_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
