/* Sheets: all or nothing, every mistake with its line, as many change-sets as needed, and nothing written twice. */
#include "store_ask.h"
#include "store_offices.h"

#include "store/digest.h"

#define VALUE(text) "{'state':'value','value':'" text "'}"
#define FORM \
    "{'form':{'name':'f','period':'month','levels':[1],'fields':[{'name':'a','type':'integer','maximum':1000000},{'name':'b','type':'text'},{'name':'s','" \
    "type':'computed','formula':'a'}]}}"

static int begin(void **state) {
    offices_setup(state);
    struct store *root = ((struct offices *)*state)->root;
    ask_done(root, "unit.add", "{'code':'02','name':'Huế','level':'1'}");
    ask_done(root, "unit.add", "{'code':'03','name':'Đà Nẵng','level':'1'}");
    ask_done(root, "form.add", FORM);
    return 0;
}

static void start(struct store *store, char id[33], const char *args) {
    json_t *begun = ask_ok(store, "import.begin", args);
    (void)snprintf(id, 33, "%s", json_string_value(member_of(begun, "import")));
    json_decref(begun);
}

/* rows: JSON text. */
static void add(struct store *store, const char *id, const char *rows) {
    json_t *response = ask(store, "import.rows", json_pack("{s:s, s:o}", "import", id, "rows", ask_json(rows)));
    if (json_integer_value(member_of(response, "status")) != 0)
        fail_msg("%s", json_dumps(response, JSON_COMPACT));
    json_decref(response);
}

static json_t *commit(struct store *store, const char *id) {
    return ask(store, "import.commit", json_pack("{s:s}", "import", id));
}

static void a_sheet_is_written_with_one_batch(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33];
    int64_t before = scratch_count(root, "SELECT count(*) FROM entry");
    start(root, id, "{'form':'f','columns':['b','a']}");
    add(root, id,
        "[[2,'02','2025-06',null,[" VALUE("x") "," VALUE("5") "]],[3,'03','tháng 6/2025','',[null," VALUE("7") "]],[4,'02','2025-05',null,[null," VALUE(
            "4") "]]]");
    json_t *response = commit(root, id);
    assert_json(member_of(response, "result.records"), "3");
    assert_json(member_of(response, "result.entries"), "2"); /* one a unit */
    assert_json(member_of(response, "result.dry_run"), "false");
    const char *batch = json_string_value(member_of(response, "result.batch"));
    assert_int_equal(strlen(batch), 32);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM entry"), before + 2);
    json_t *shown = ask_ok(root, "show", "{'form':'f','period':'2025-06','unit':'02'}");
    assert_json(member_of(shown, "rows.0.fields.a.value"), "'5'");
    assert_json(member_of(shown, "rows.0.fields.b.value"), "'x'");
    assert_string_equal(json_string_value(member_of(shown, "rows.0.entries.0.batch")), batch);
    json_decref(shown);
    json_decref(response);
    response = commit(root, id); /* it is over */
    assert_json(member_of(response, "status"), "104");
    json_decref(response);
}

static void the_same_sheet_again_writes_nothing(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33];
    for (int round = 0; round < 2; round++) {
        start(root, id, "{'form':'f','columns':['a'],'on_behalf':true}");
        add(root, id, "[[2,'02','2025-06',null,[" VALUE("5") "]],[3,'03','2025-06',null,[" VALUE("7") "]]]");
        json_t *response = commit(root, id);
        assert_json(member_of(response, "result.records"), round == 0 ? "2" : "0");
        assert_json(member_of(response, "result.entries"), round == 0 ? "2" : "0");
        json_decref(response);
    }
    start(root, id, "{'form':'f','columns':['a']}");
    add(root, id, "[[2,'02','2025-06',null,[" VALUE("5") "]],[3,'03','2025-06',null,[" VALUE("8") "]]]");
    json_t *response = commit(root, id);
    assert_json(member_of(response, "result.records"), "1"); /* only what changed */
    json_decref(response);
}

static void one_bad_cell_and_nothing_is_written(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33];
    int64_t before = scratch_count(root, "SELECT count(*) FROM entry");
    start(root, id, "{'form':'f','columns':['a','b']}");
    add(root, id,
        "[[2,'02','2025-06',null,[" VALUE("5") ",null]],[3,'99','2025-06',null,[" VALUE("7") ",null]],[4,'03','2025-13',null,[null,null]],[5,'03','2025-06',"
                                                                                             "null,[" VALUE("1,5") ",{'state':'value','value':'x','qualifier':'"
                                                                                                                   "over'}]],"
                                                                                                                   "[6,'02','2025-06',null,[" VALUE(
                                                                                                                       "6") ",null]],[7,'00','2025-06',null,"
                                                                                                                            "[" VALUE("6") ",null]],[8,'02','"
                                                                                                                                           "2025-07','row',"
                                                                                                                                           "[" VALUE("6") ",nul"
                                                                                                                                                          "l]],"
                                                                                                                                                          "[9,'"
                                                                                                                                                          "03',"
                                                                                                                                                          "'202"
                                                                                                                                                          "5-"
                                                                                                                                                          "06',"
                                                                                                                                                          "null"
                                                                                                                                                          ",[{'"
                                                                                                                                                          "stat"
                                                                                                                                                          "e':'"
                                                                                                                                                          "valu"
                                                                                                                                                          "e','"
                                                                                                                                                          "valu"
                                                                                                                                                          "e':'"
                                                                                                                                                          "1000"
                                                                                                                                                          "001'"
                                                                                                                                                          ",'"
                                                                                                                                                          "raw'"
                                                                                                                                                          ":'1."
                                                                                                                                                          "000."
                                                                                                                                                          "001'"
                                                                                                                                                          "},"
                                                                                                                                                          "null"
                                                                                                                                                          "]]"
                                                                                                                                                          "]");
    json_t *response = commit(root, id);
    static const struct {
        enum status status;
        int line;
        const char *column, *read;
    } expected[] = {{STATUS_UNIT_UNKNOWN, 3, "unit", "99"}, {STATUS_PERIOD_INVALID, 4, "period", "2025-13"}, {STATUS_VALUE_INVALID, 5, "a", "1,5"},
                    {STATUS_VALUE_INVALID, 5, "b", "x"},    {STATUS_CELL_DUPLICATE, 6, "unit", ""},          {STATUS_UNIT_NOT_REPORTING, 7, "unit", "00"},
                    {STATUS_ROW_UNWANTED, 8, "row", "row"}, {STATUS_VALUE_RANGE, 9, "a", "1.000.001"}};
    assert_int_equal(json_integer_value(member_of(response, "status")), STATUS_FILE_REJECTED);
    assert_json(member_of(response, "args.problems"), "'8'");
    assert_int_equal(json_array_size(member_of(response, "problems")), 8);
    for (size_t i = 0; i < 8; i++) {
        const json_t *problem = json_array_get(member_of(response, "problems"), i);
        assert_int_equal(json_integer_value(member_of(problem, "status")), expected[i].status);
        assert_int_equal(json_integer_value(member_of(problem, "args.line")), expected[i].line);
        assert_string_equal(json_string_value(member_of(problem, "args.column")), expected[i].column);
        assert_string_equal(json_string_value(member_of(problem, "args.read")), expected[i].read);
        json_t *first_line = member_of(problem, "args.first_line");
        assert_int_equal(json_integer_value(first_line), expected[i].status == STATUS_CELL_DUPLICATE ? 2 : 0);
    }
    json_decref(response);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM entry"), before);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record"), 0);
    start(root, id, "{'form':'f','columns':['a']}"); /* its rows are forgotten, too */
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM temp.spool"), 0);
}

static void a_period_of_another_kind_says_which_is_wanted(void **state) {
    struct offices *offices = *state;
    char id[33];
    start(offices->root, id, "{'form':'f','columns':['a']}");
    add(offices->root, id, "[[2,'02','2025',null,[" VALUE("5") "]]]");
    json_t *response = commit(offices->root, id);
    assert_json(member_of(response, "problems.0.args"), "{'line':2,'column':'period','read':'2025','expected':'month'}");
    assert_json(member_of(response, "problems.0.name"), "'PERIOD_WRONG_KIND'");
    json_decref(response);
}

static void more_mistakes_than_anybody_reads_are_counted(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33];
    start(root, id, "{'form':'f','columns':['a']}");
    for (int block = 0; block < 2; block++) {
        json_t *rows = json_array();
        for (int i = 0; i < 1000; i++)
            json_array_append_new(rows, json_pack("[i,s,s,n,[{s:s,s:s}]]", i, "02", "2025-06", "state", "value", "value", "x"));
        json_decref(ask(root, "import.rows", json_pack("{s:s, s:o}", "import", id, "rows", rows)));
    }
    json_t *response = commit(root, id);
    assert_json(member_of(response, "args.problems"), "'2000'");
    assert_int_equal(json_array_size(member_of(response, "problems")), 1000);
    json_decref(response);
}

static void what_may_not_be_written_is_found_at_the_commit(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33];
    start(root, id, "{'form':'f','columns':['a'],'on_behalf':true}");
    add(root, id, "[[2,'01','2025-06',null,[" VALUE("5") "]]]");
    json_t *response = commit(root, id);
    assert_json(member_of(response, "result.records"), "1");
    json_decref(response);
    start(root, id, "{'form':'f','columns':['a'],'on_behalf':true}"); /* 01 has a node of its own: its figure may only be corrected */
    add(root, id, "[[2,'01','2025-06',null,[" VALUE("6") "]],[3,'02','2025-06',null,[" VALUE("6") "]]]");
    int64_t before = scratch_count(root, "SELECT count(*) FROM entry");
    response = commit(root, id);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM entry"), before); /* nor is the other row's entry there to be applied one day */
    assert_json(member_of(response, "problems.0.status"), "422");
    assert_json(member_of(response, "problems.0.args.line"), "2");
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record"), 1);
    json_decref(response);
    start(root, id, "{'form':'f','columns':['a'],'reason':'counted again'}");
    add(root, id, "[[2,'01','2025-06',null,[" VALUE("6") "]]]");
    response = commit(root, id);
    assert_json(member_of(response, "result.records"), "1");
    json_decref(response);
}

static void trying_it_writes_nothing(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33];
    int64_t before = scratch_count(root, "SELECT count(*) FROM entry");
    start(root, id, "{'form':'f','columns':['a'],'dry_run':true}");
    add(root, id, "[[2,'02','2025-06',null,[" VALUE("5") "]]]");
    json_t *response = commit(root, id);
    assert_json(member_of(response, "result.records"), "1");
    assert_json(member_of(response, "result.dry_run"), "true");
    assert_true(json_is_null(member_of(response, "result.batch")));
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM entry"), before);
    json_decref(response);
}

static void columns_are_checked_at_once(void **state) {
    struct offices *offices = *state;
    json_t *response = ask_refused(offices->root, "import.begin", "{'form':'f','columns':['a','zz','s','a']}", STATUS_COLUMN_UNKNOWN);
    assert_json(member_of(response, "problems.0.args.column"), "'zz'");
    assert_json(member_of(response, "problems.1.status"), "417");
    assert_json(member_of(response, "problems.2.status"), "434");
    json_decref(response);
    ask_fails(offices->root, "import.begin", "{'form':'nothing','columns':['a']}", STATUS_FORM_UNKNOWN);
    ask_fails(offices->root, "import.rows", "{'import':'nothing','rows':[]}", STATUS_NOT_FOUND);
    ask_fails(offices->root, "import.commit", "{'import':'nothing'}", STATUS_NOT_FOUND);
}

static void an_abandoned_import_gives_way(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    char ids[5][33];
    for (int i = 0; i < 5; i++) {
        start(root, ids[i], "{'form':'f','columns':['a']}");
        add(root, ids[i], "[[2,'02','2025-06',null,[" VALUE("5") "]]]");
    }
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM temp.spool"), 4);
    json_t *response = commit(root, ids[0]);
    assert_json(member_of(response, "status"), "104");
    json_decref(response);
    json_decref(ask(root, "import.abort", json_pack("{s:s}", "import", ids[1])));
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM temp.spool"), 3);
    response = commit(root, ids[4]);
    assert_json(member_of(response, "result.records"), "1");
    json_decref(response);
}

/* A code that means another unit today. */
static void a_code_that_changed_its_meaning_is_refused(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    struct unit_id hue;
    char id[33];
    uint32_t unit;
    assert_int_equal(tree_by_code(root->tree, bytes_of("02", 2), TREE_TODAY, &unit, 1), 1);
    hue = *tree_unit_id(root->tree, unit);
    struct buffer payload = offices_buffer();
    const struct unit_set_change set = {.unit = hue, .attribute = UNIT_CODE, .text = bytes_of("46", 2), .effective = {true, 20270}}; /* 2025-07-01 */
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)};
    const uint8_t nonce[16] = {1};
    offices_control(root, nonce, &change, 1);
    buffer_fini(&payload);
    ask_done(root, "unit.add", "{'code':'02','name':'Another','level':'1','effective':'2025-07-01'}");
    start(root, id, "{'form':'f','columns':['a']}");
    add(root, id, "[[2,'02','2025-06',null,[" VALUE("5") "]]]");
    json_t *response = commit(root, id);
    assert_json(member_of(response, "problems.0.status"), "427");
    assert_non_null(strstr(json_string_value(member_of(response, "problems.0.args.then")), "Huế"));
    assert_non_null(strstr(json_string_value(member_of(response, "problems.0.args.now")), "Another"));
    json_decref(response);
    ask_fails(root, "put", "{'form':'f','period':'2025-06','unit':'02','cells':{'a':" VALUE("1") "}}", STATUS_CODE_CHANGED_MEANING);
    start(root, id, "{'form':'f','columns':['a'],'codes_as_of':'2025-06-30'}");
    add(root, id, "[[2,'02','2025-06',null,[" VALUE("5") "]]]");
    response = commit(root, id);
    assert_json(member_of(response, "result.records"), "1");
    json_decref(response);
    ask_fails(root, "show", "{'form':'f','period':'2025-06','unit':'46'}", STATUS_UNIT_UNKNOWN); /* nobody bore that code then */
}

/* Of all entries, by their ids from 1. */
static size_t longest_body(struct store *store) {
    size_t longest = 0;
    for (int64_t id = 1; id <= scratch_count(store, "SELECT max(id) FROM entry"); id++) {
        struct stored_entry entry;
        assert_int_equal(log_read(store, id, &entry, NULL), STATUS_OK);
        longest = entry.entry.body.len > longest ? entry.entry.body.len : longest;
    }
    return longest;
}

static void many_rows_take_as_many_change_sets_as_they_need(void **state) {
    enum { BLOCKS = 5, ROWS = 1000 };
    struct offices *offices = *state;
    struct store *root = offices->root;
    char id[33], key[32];
    ask_done(root, "form.add",
             "{'form':{'name':'l','period':'year','levels':[0],'list':true,'fields':[{'name':'a','type':'integer'},{'name':'b','type':'text'}]}}");
    start(root, id, "{'form':'l','columns':['a','b']}");
    for (int block = 0; block < BLOCKS; block++) {
        json_t *rows = json_array();
        for (int i = 0; i < ROWS; i++) {
            (void)snprintf(key, sizeof key, "hộ %06d", (i * 7919 + block) % ROWS * BLOCKS + block);
            json_array_append_new(rows, json_pack("[i,s,s,s,[{s:s,s:s},{s:s,s:s,s:s}]]", block * ROWS + i, "", "2025", key, "state", "value", "value", "1",
                                                  "state", "value", "value",
                                                  "một dòng chữ dài để cho một lần ghi đầy trước một nghìn dòng: Hũ thóc tình thương, Cho đi là còn mãi, Nồi "
                                                  "cháo từ thiện, Tiếp sức cho học sinh nghèo",
                                                  "raw", "Hũ thóc tình thương"));
        }
        json_t *response = ask(root, "import.rows", json_pack("{s:s, s:o}", "import", id, "rows", rows));
        assert_json(member_of(response, "status"), "0");
        json_decref(response);
    }
    json_t *response = commit(root, id);
    assert_json(member_of(response, "result.records"), "5000");
    assert_true(json_integer_value(member_of(response, "result.entries")) > BLOCKS); /* 256 KiB come before 1,000 rows */
    json_decref(response);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record"), BLOCKS * ROWS);
    size_t longest = longest_body(root);
    assert_true(longest <= BODY_BYTES_MAX && longest > BODY_BYTES_MAX / 2);
    json_t *total = ask_ok(root, "rollup", "{'form':'l','period':'2025'}");
    assert_json(member_of(total, "fields.a.value"), "'5000'");
    json_decref(total);
}

/* Rows of a sheet go in many at once; one that is there already makes no difference to the others, nor does what comes twice. */
static void one_row_of_many_that_is_there_already(void **state) {
    enum { ROWS = 60 };
    struct offices *offices = *state;
    struct store *root = offices->root;
    ask_done(root, "form.add",
             "{'form':{'name':'l','period':'year','levels':[0],'list':true,'fields':[{'name':'a','type':'integer'},{'name':'b','type':'integer'}]}}");
    ask_done(root, "put", "{'form':'l','period':'2025','row':'17','cells':{'a':" VALUE("5") ",'b':" VALUE("6") "}}");
    json_t *begun = ask_ok(root, "import.begin", "{'form':'l','columns':['a']}");
    json_t *rows = json_array(), *import = json_object_get(begun, "import");
    for (int i = 0; i < ROWS; i++) {
        char key[12], number[12];
        (void)snprintf(key, sizeof key, "%02d", i);
        (void)snprintf(number, sizeof number, "%d", 100 + i);
        json_array_append_new(rows, json_pack("[i,s,s,s,[{s:s,s:s}]]", i + 1, "", "2025", key, "state", "value", "value", number));
    }
    json_decref(ask(root, "import.rows", json_pack("{s:O, s:o}", "import", import, "rows", rows)));
    json_decref(ask(root, "import.commit", json_pack("{s:O}", "import", import)));
    json_decref(begun);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record"), ROWS);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record_write"), 2); /* both writers of the one row */
    json_t *total = ask_ok(root, "rollup", "{'form':'l','period':'2025'}");
    assert_json(member_of(total, "fields.a.value"), "'7770'");
    assert_json(member_of(total, "fields.b.value"), "'6'");
    json_decref(total);
    struct hash before, after;
    assert_int_equal(digest_of(root, 0, 0, &before), STATUS_OK);
    assert_int_equal(store_begin(root), STATUS_OK); /* applied once more */
    assert_int_equal(db_script(root->db, "UPDATE log SET applied = 0"), STATUS_OK);
    assert_int_equal(apply_pending(root), STATUS_OK);
    assert_int_equal(digest_of(root, 0, 0, &after), STATUS_OK);
    assert_memory_equal(before.b, after.b, sizeof before.b);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record_write"), 2);
    store_rollback(root);
    json_t *checked = ask_ok(root, "check", "{}");
    assert_int_equal(json_array_size(member_of(checked, "findings")), 0);
    json_decref(checked);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_sheet_is_written_with_one_batch),
        TEST(the_same_sheet_again_writes_nothing),
        TEST(one_bad_cell_and_nothing_is_written),
        TEST(a_period_of_another_kind_says_which_is_wanted),
        TEST(more_mistakes_than_anybody_reads_are_counted),
        TEST(what_may_not_be_written_is_found_at_the_commit),
        TEST(trying_it_writes_nothing),
        TEST(columns_are_checked_at_once),
        TEST(an_abandoned_import_gives_way),
        TEST(a_code_that_changed_its_meaning_is_refused),
        TEST(many_rows_take_as_many_change_sets_as_they_need),
        TEST(one_row_of_many_that_is_there_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
