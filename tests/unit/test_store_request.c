/* Requests about units, nodes, documents and care: what they answer, what they refuse, and that a refusal or a repetition changes nothing. */
#include "store_scratch.h"

#include <time.h>

struct office {
    char dir[SCRATCH_PATH], root[SCRATCH_PATH];
    struct store *store;
};

static int office_setup(void **state) {
    struct office *office = calloc(1, sizeof *office);
    assert_non_null(office);
    assert_int_equal(keys_init(), STATUS_OK);
    scratch_make(office->dir);
    scratch_path(office->root, office->dir, "root");
    scratch_found(office->root);
    office->store = scratch_open(office->root);
    *state = office;
    return 0;
}

static int office_teardown(void **state) {
    struct office *office = *state;
    store_close(office->store);
    scratch_remove(office->dir);
    free(office);
    return 0;
}

/* args as JSON text with ' for ". */
static json_t *parse(const char *text) {
    char *copy = strdup(text);
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    json_t *parsed = json_loads(copy, 0, NULL);
    assert_non_null(parsed);
    free(copy);
    return parsed;
}

static json_t *ask_with(struct store *store, const char *verb, const char *id, json_t *args) {
    const struct store_caller caller = {.uid = 0};
    json_t *request = json_pack("{s:s, s:o}", "do", verb, "args", args);
    if (id != NULL) {
        json_object_set_new(request, "id", json_string(id));
    }
    json_t *response = store_request(store, &caller, request);
    json_decref(request);
    assert_non_null(response);
    return response;
}

static enum status status_of(const json_t *response) {
    return (enum status)json_integer_value(json_object_get(response, "status"));
}

/* The result of a request that must succeed; borrowed from *response. */
static json_t *ask(struct store *store, const char *verb, const char *args, json_t **response) {
    *response = ask_with(store, verb, NULL, parse(args));
    if (status_of(*response) != STATUS_OK) {
        print_message("%s\n", json_string_value(json_object_get(*response, "name")));
    }
    assert_int_equal(status_of(*response), STATUS_OK);
    return json_object_get(*response, "result");
}

static void done(struct store *store, const char *verb, const char *args) {
    json_t *response;
    ask(store, verb, args, &response);
    json_decref(response);
}

static int64_t entries(struct store *store) {
    return scratch_count(store, "SELECT count(*) FROM entry");
}

/* A refusal: its status, one of its arguments, and nothing written. */
static void refused(struct store *store, const char *verb, const char *args, enum status status, const char *key, const char *value) {
    int64_t before = entries(store);
    uint64_t version = tree_version(store->tree);
    json_t *response = ask_with(store, verb, NULL, parse(args));
    assert_int_equal(status_of(response), status);
    assert_string_equal(json_string_value(json_object_get(response, "name")), status_name(status));
    if (key != NULL) {
        const char *found = json_string_value(json_object_get(json_object_get(response, "args"), key));
        assert_non_null(found);
        assert_string_equal(found, value);
    }
    assert_int_equal(entries(store), before);
    assert_int_equal(tree_version(store->tree), version);
    json_decref(response);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "(none)" : text;
}

/* ---- the dispatcher ---- */

static void test_what_is_no_request(void **state) {
    struct store *store = ((struct office *)*state)->store;
    static const struct {
        const char *request;
        enum status status;
    } cases[] = {
        {"{}", STATUS_BAD_REQUEST},
        {"[]", STATUS_BAD_REQUEST},
        {"{'do': 5}", STATUS_BAD_REQUEST},
        {"{'do': 'unit.list', 'args': []}", STATUS_BAD_REQUEST},
        {"{'do': 'unit.list', 'id': 'short'}", STATUS_BAD_REQUEST},
        {"{'do': 'unit.list', 'id': 12345678}", STATUS_BAD_REQUEST},
        {"{'do': 'unit.lost'}", STATUS_UNKNOWN_REQUEST},
        {"{'do': 'sync'}", STATUS_NO_DAEMON},
        {"{'do': 'stop'}", STATUS_NO_DAEMON},
        {"{'do': 'hello'}", STATUS_OK},
    };
    const struct store_caller caller = {.uid = 0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *request = parse(cases[i].request), *response = store_request(store, &caller, request);
        assert_int_equal(status_of(response), cases[i].status);
        json_decref(request);
        json_decref(response);
    }
}

static void test_the_same_id_gets_the_same_answer(void **state) {
    struct store *store = ((struct office *)*state)->store;
    const char *args = "{'code': '01', 'name': 'Hà Nội', 'level': '1'}", *other = "{'code': '02', 'name': 'Hà Giang', 'level': '1'}";
    json_t *first = ask_with(store, "unit.add", "request-1", parse(args)), *again = ask_with(store, "unit.add", "request-1", parse(other));
    assert_int_equal(status_of(first), STATUS_OK);
    assert_true(json_equal(first, again));
    assert_int_equal(tree_standing_count(store->tree), 2);
    json_decref(first);
    json_decref(again);
    first = ask_with(store, "unit.add", "request-2", parse(args)); /* a refusal is not kept: what was wrong may be put right */
    assert_int_equal(status_of(first), STATUS_UNIT_EXISTS);
    json_decref(first);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM request"), 1);
    for (int i = 0; i < 1010; i++) {
        char id[32];
        snprintf(id, sizeof id, "config-%06d", i);
        json_decref(ask_with(store, "config", id, parse("{}")));
    }
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM request"), 1000);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM request WHERE id = 'config-001009'"), 1);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM request WHERE id = 'config-000005'"), 0);
}

/* ---- units ---- */

static void test_units_are_added_and_shown(void **state) {
    struct store *store = ((struct office *)*state)->store;
    json_t *response, *result = ask(store, "unit.add", "{'code': '01', 'name': '  Hà Nội ', 'level': 'province'}", &response);
    assert_string_equal(text_of(result, "code"), "01");
    assert_string_equal(text_of(result, "name"), "Hà Nội");
    assert_int_equal(json_integer_value(json_object_get(result, "level")), 1);
    assert_int_equal(strlen(text_of(result, "id")), 32);
    json_decref(response);
    done(store, "unit.add", "{'code': '0101', 'name': 'Xa\\u0303 A', 'level': '3', 'parent': '01', 'effective': '01/07/2025'}");
    done(store, "unit.add", "{'code': '', 'name': 'Chi hội 1', 'level': '4', 'parent': '0101'}");
    result = ask(store, "unit.show", "{'unit': '0101/Chi hội 1'}", &response);
    assert_int_equal(json_array_size(json_object_get(result, "line")), 3);
    assert_string_equal(text_of(json_array_get(json_object_get(result, "line"), 0), "code"), "0101");
    json_decref(response);
    result = ask(store, "unit.show", "{'unit': '0101', 'as_of': '2025-07-01'}", &response);
    assert_string_equal(text_of(result, "name"), "Xã A"); /* composed at entry */
    assert_int_equal(json_integer_value(json_object_get(result, "children")), 1);
    assert_string_equal(text_of(json_array_get(json_object_get(result, "history"), 0), "effective"), "2025-07-01");
    char by_id[64];
    snprintf(by_id, sizeof by_id, "{'unit': '%.6s'}", text_of(result, "id"));
    json_decref(response);
    result = ask(store, "unit.show", by_id, &response);
    assert_string_equal(text_of(result, "code"), "0101");
    json_decref(response);
    refused(store, "unit.show", "{'unit': '0101', 'as_of': '2025-06-30'}", STATUS_UNIT_UNKNOWN, "unit", "0101");
    result = ask(store, "unit.list", "{'as_of': '2025-06-30'}", &response);
    assert_string_equal(text_of(result, "as_of"), "2025-06-30");
    assert_int_equal(json_array_size(json_object_get(result, "units")), 2);
    json_decref(response);
    result = ask(store, "unit.list", "{'under': '01'}", &response);
    assert_int_equal(json_array_size(json_object_get(result, "units")), 3);
    json_decref(response);
    result = ask(store, "level.list", "{}", &response);
    assert_string_equal(text_of(json_object_get(json_array_get(json_object_get(result, "levels"), 3), "names"), "en"), "commune");
    json_decref(response);
}

static void test_what_unit_add_refuses(void **state) {
    struct store *store = ((struct office *)*state)->store;
    done(store, "unit.add", "{'code': '01', 'name': 'Hà Nội', 'level': '1'}");
    done(store, "unit.add", "{'code': '', 'name': 'Chi hội', 'level': '4', 'parent': '01'}");
    done(store, "unit.add", "{'code': '02', 'name': 'Chi hội', 'level': '1'}");
    refused(store, "unit.add", "{'code': '01', 'name': 'Khác', 'level': '1'}", STATUS_UNIT_EXISTS, "name", "Hà Nội");
    refused(store, "unit.add", "{'code': '', 'name': 'Chi hội', 'level': '4', 'parent': '01'}", STATUS_UNIT_EXISTS, "name", "Chi hội");
    refused(store, "unit.add", "{'code': '03', 'name': 'A', 'level': '1', 'parent': '01'}", STATUS_LEVEL_WRONG, "parent_level", "1");
    refused(store, "unit.add", "{'code': '03', 'name': 'A', 'level': '0'}", STATUS_LEVEL_WRONG, "level", "0");
    refused(store, "unit.add", "{'code': '03', 'name': 'A', 'level': 'làng'}", STATUS_LEVEL_UNKNOWN, "level", "làng");
    refused(store, "unit.add", "{'code': '03', 'name': 'A'}", STATUS_LEVEL_UNKNOWN, NULL, NULL);
    refused(store, "unit.add", "{'code': '03', 'name': '  ', 'level': '1'}", STATUS_VALUE_INVALID, "field", "name");
    refused(store, "unit.add", "{'code': '03', 'name': 'a\\nb', 'level': '1'}", STATUS_VALUE_INVALID, "field", "name");
    refused(store, "unit.add", "{'code': '0/3', 'name': 'A', 'level': '1'}", STATUS_VALUE_INVALID, "field", "code");
    refused(store, "unit.add", "{'code': '012345678901234567890123456789012', 'name': 'A', 'level': '1'}", STATUS_VALUE_INVALID, "field", "code");
    refused(store, "unit.add", "{'code': '03', 'name': 'A', 'level': '1', 'parent': '99'}", STATUS_UNIT_UNKNOWN, "unit", "99");
    refused(store, "unit.add", "{'code': '03', 'name': 'A', 'level': '1', 'effective': 'hôm nay'}", STATUS_DATE_INVALID, "read", "hôm nay");
    refused(store, "unit.add", "{'code': '03', 'name': 5, 'level': '1'}", STATUS_BAD_REQUEST, "what", "name");
}

/* The tree of 2024: 10,795 rows with their root. */
static json_t *country(void) {
    FILE *file = fopen(SOURCE_DIR "/tests/data/units-2024.csv", "r");
    assert_non_null(file);
    json_t *rows = json_array();
    char line[512];
    for (json_int_t number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        char *cells[4], *rest = line;
        line[strcspn(line, "\r\n")] = '\0';
        for (size_t i = 0; i < 4; i++) {
            cells[i] = strsep(&rest, ",");
        }
        if (number > 1) {
            json_array_append_new(rows, json_pack("[I, s, s, s, s]", number, cells[0], cells[1], cells[2], cells[3]));
        }
    }
    fclose(file);
    return rows;
}

static json_t *import(struct store *store, json_t *rows) {
    return ask_with(store, "unit.import", NULL, json_pack("{s:O}", "rows", rows));
}

static void test_a_country_is_imported_in_any_order(void **state) {
    struct office *office = *state;
    struct timespec start, end;
    json_t *rows = country(), *backwards = json_array();
    for (size_t i = json_array_size(rows); i-- > 0;) {
        json_array_append(backwards, json_array_get(rows, i));
    }
    json_t *response = import(office->store, backwards);
    assert_int_equal(status_of(response), STATUS_FILE_REJECTED); /* the root's code is 00, not VN */
    assert_int_equal(json_array_size(json_object_get(response, "problems")), 1);
    json_decref(response);
    json_array_set_new(json_array_get(backwards, json_array_size(backwards) - 1), 1, json_string("00"));
    for (size_t i = 0; i < json_array_size(backwards); i++) {
        json_t *row = json_array_get(backwards, i);
        if (strcmp(json_string_value(json_array_get(row, 2)), "VN") == 0) {
            json_array_set_new(row, 2, json_string("00"));
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    response = import(office->store, backwards);
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_int_equal(status_of(response), STATUS_OK);
    json_int_t count = (json_int_t)json_array_size(rows) - 1;
    assert_int_equal(json_integer_value(json_object_get(json_object_get(response, "result"), "added")), count);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(response, "result"), "unchanged")), 1);
    json_decref(response);
    assert_int_equal(tree_standing_count(office->store->tree), count + 1);
    assert_true(entries(office->store) <= 12); /* few change-sets, each as large as allowed */
    assert_int_equal(scratch_count(office->store, "SELECT count(*) FROM set_aside"), 0);
    assert_true(end.tv_sec - start.tv_sec < 20);
    print_message("imported in %.3f s, %lld entries\n", (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
                  (long long)entries(office->store));
    response = import(office->store, backwards); /* once more: nothing */
    assert_int_equal(json_integer_value(json_object_get(json_object_get(response, "result"), "unchanged")), count + 1);
    json_decref(response);
    assert_true(entries(office->store) <= 12);
    uint32_t unit;
    assert_int_equal(tree_by_code(office->store->tree, bytes_of("00001", 5), TREE_TODAY, &unit, 1), 1);
    assert_int_equal(tree_level(office->store->tree, unit, TREE_TODAY), 3);
    store_close(office->store); /* and the same after opening again */
    clock_gettime(CLOCK_MONOTONIC, &start);
    office->store = scratch_open(office->root);
    clock_gettime(CLOCK_MONOTONIC, &end);
    print_message("opened in %.3f s\n", (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    assert_int_equal(tree_standing_count(office->store->tree), count + 1);
    json_t *list, *result = ask(office->store, "unit.list", "{}", &list);
    assert_int_equal(json_array_size(json_object_get(result, "units")), count + 1);
    json_decref(list);
    json_decref(rows);
    json_decref(backwards);
}

static void test_every_mistake_of_an_import_is_told(void **state) {
    struct store *store = ((struct office *)*state)->store;
    done(store, "unit.add", "{'code': '90', 'name': 'Có rồi', 'level': '1'}");
    json_t *rows =
        parse("[[2, '01', '00', '1', 'A'], [3, '01', '00', '1', 'B'], [4, '02', '77', '1', 'C'], [5, '03', '00', 'làng', 'D'], [6, '04', '00', '1', ''],"
              " [7, '05', '01', '1', 'E'], [8, '90', '00', '1', 'Khác'], [9, '06', '', '1', 'F'], [10, '07', '00', '1', 'Đúng'], [11, '0 8', '00', '1', 'G']]");
    static const struct {
        int line;
        const char *column;
        enum status status;
    } expected[] = {
        {3, "code", STATUS_CELL_DUPLICATE},      {5, "level", STATUS_LEVEL_UNKNOWN},      {6, "name", STATUS_VALUE_INVALID},
        {11, "code", STATUS_VALUE_INVALID},      {4, "parent_code", STATUS_UNIT_UNKNOWN}, {8, "name", STATUS_UNIT_EXISTS},
        {9, "parent_code", STATUS_UNIT_UNKNOWN}, {7, "level", STATUS_LEVEL_WRONG},
    };
    int64_t before = entries(store);
    json_t *response = import(store, rows), *problems = json_object_get(response, "problems");
    assert_int_equal(status_of(response), STATUS_FILE_REJECTED);
    assert_int_equal(json_array_size(problems), sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        json_t *problem = json_array_get(problems, i), *args = json_object_get(problem, "args");
        assert_int_equal(json_integer_value(json_object_get(args, "line")), expected[i].line);
        assert_string_equal(text_of(args, "column"), expected[i].column);
        assert_int_equal(status_of(problem), expected[i].status);
    }
    assert_int_equal(entries(store), before);
    assert_int_equal(tree_standing_count(store->tree), 2);
    json_decref(response);
    json_decref(rows);
    refused(store, "unit.import", "{'rows': []}", STATUS_BAD_REQUEST, "what", "rows");
    refused(store, "unit.import", "{'rows': [[1, 2, 3, 4, 5]]}", STATUS_BAD_REQUEST, NULL, NULL);
    json_t *tried, *result = ask(store, "unit.import", "{'rows': [[2, '01', '00', '1', 'A']], 'dry_run': true}", &tried);
    assert_int_equal(json_integer_value(json_object_get(result, "added")), 1);
    json_decref(tried);
    assert_int_equal(entries(store), before);
    done(store, "unit.import", "{'rows': [[2, '01', '00', '1', 'A'], [3, '', '01', '4', 'Chi hội'], [4, '0102', '01', '3', 'Xã']]}");
    result = ask(store, "unit.import", "{'rows': [[3, '', '01', '4', 'Chi hội'], [4, '0102', '01', '3', 'Xã']]}", &tried);
    assert_int_equal(json_integer_value(json_object_get(result, "unchanged")), 2);
    json_decref(tried);
    refused(store, "unit.import", "{'rows': [[3, '', '01', '4', 'Mới'], [4, '', '01', '4', 'Mới']]}", STATUS_FILE_REJECTED, NULL, NULL);
}

/* ---- documents ---- */

static void test_letters(void **state) {
    struct store *store = ((struct office *)*state)->store;
    done(store, "unit.import", "{'rows': [[2, '01', '00', '1', 'A'], [3, '02', '00', '1', 'B'], [4, '0101', '01', '3', 'C'], [5, '0102', '01', '3', 'D']]}");
    static const struct {
        const char *to;
        int units;
    } cases[] = {{"01", 1}, {"01/*", 3}, {"00/level:3", 2}, {"00/level:commune", 2}, {"01/*, 02", 4}, {"01,01", 1}, {"00/*", 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *response = ask_with(
            store, "send", NULL, json_pack("{s:s, s:s, s:s, s:s}", "to", cases[i].to, "title", "Về việc", "text", "dòng một\ndòng hai", "due", "2025-12-31"));
        assert_int_equal(status_of(response), STATUS_OK);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(response, "result"), "units")), cases[i].units);
        json_decref(response);
    }
    json_t *response, *result = ask(store, "inbox", "{'all': true}", &response), *first = json_array_get(json_object_get(result, "documents"), 0);
    assert_int_equal(json_array_size(json_object_get(result, "documents")), sizeof cases / sizeof cases[0]);
    assert_string_equal(text_of(first, "title"), "Về việc");
    assert_string_equal(text_of(first, "text"), "dòng một\ndòng hai");
    assert_string_equal(text_of(first, "due"), "2025-12-31");
    assert_string_equal(text_of(json_object_get(first, "from"), "code"), "00");
    json_decref(response);
    result = ask(store, "inbox", "{}", &response); /* what one sent oneself is no news */
    assert_int_equal(json_array_size(json_object_get(result, "documents")), 0);
    json_decref(response);
    refused(store, "send", "{'to': '99', 'title': 't', 'text': ''}", STATUS_UNIT_UNKNOWN, "unit", "99");
    refused(store, "send", "{'to': '', 'title': 't', 'text': ''}", STATUS_SELECTOR_INVALID, "selector", "");
    refused(store, "send", "{'to': '01,,02', 'title': 't', 'text': ''}", STATUS_SELECTOR_INVALID, "selector", "01,,02");
    refused(store, "send", "{'to': '01/level:làng', 'title': 't', 'text': ''}", STATUS_LEVEL_UNKNOWN, "level", "làng");
    refused(store, "send", "{'to': '01', 'title': '', 'text': ''}", STATUS_VALUE_INVALID, "field", "title");
}

/* ---- care ---- */

static void test_status_log_and_the_rest(void **state) {
    struct office *office = *state;
    struct store *store = office->store;
    done(store, "unit.import", "{'rows': [[2, '01', '00', '1', 'A'], [3, '02', '00', '1', 'B']]}");
    done(store, "send", "{'to': '01', 'title': 'Về việc', 'text': '', 'number': '05-CT'}");
    json_t *response, *result = ask(store, "status", "{}", &response);
    static const char *const keys[] = {"node",        "unit", "uplinks", "log",      "set_aside",     "conflicts",
                                       "association", "disk", "inbox",   "practice", "recovery_keys", "aside_above"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(json_object_get(result, keys[i]));
    }
    json_int_t written = json_integer_value(json_object_get(json_object_get(result, "log"), "written"));
    assert_int_equal(written, entries(store));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(result, "log"), "at_root")), written);
    assert_int_equal(json_array_size(json_object_get(result, "set_aside")), 0);
    assert_true(json_integer_value(json_object_get(json_object_get(result, "disk"), "store")) > 0);
    assert_string_equal(text_of(result, "recovery"), "none");
    assert_true(json_is_false(json_object_get(result, "listening"))); /* no daemon serves this */
    assert_int_equal(json_integer_value(json_object_get(result, "children")), 0);
    json_decref(response);

    result = ask(store, "log", "{'limit': 2}", &response);
    json_t *log = json_object_get(result, "entries"), *letter = json_array_get(log, 0), *units = json_array_get(log, 1);
    assert_int_equal(json_array_size(log), 2);
    assert_string_equal(text_of(letter, "class"), "document");
    assert_string_equal(text_of(letter, "state"), "applied");
    assert_string_equal(text_of(json_array_get(json_object_get(letter, "changes"), 0), "what"), "05-CT Về việc");
    assert_int_equal(json_array_size(json_object_get(units, "changes")), 2);
    assert_string_equal(text_of(json_array_get(json_object_get(units, "changes"), 1), "kind"), "unit");
    assert_string_equal(text_of(json_array_get(json_object_get(units, "changes"), 1), "what"), "02 B");
    json_decref(response);
    result = ask(store, "log", "{'unit': '01'}", &response);
    assert_int_equal(json_array_size(json_object_get(result, "entries")), 0);
    json_decref(response);
    refused(store, "log", "{'node': 'xyz'}", STATUS_NOT_FOUND, "what", "xyz");

    result = ask(store, "node.list", "{}", &response);
    assert_int_equal(json_array_size(json_object_get(result, "nodes")), 1);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(result, "nodes"), 0), "self")));
    json_decref(response);
    result = ask(store, "digest", "{}", &response);
    char *before = strdup(text_of(result, "state"));
    assert_int_equal(strlen(before), 64);
    json_decref(response);
    result = ask(store, "rebuild", "{}", &response);
    assert_int_equal(json_integer_value(json_object_get(result, "entries")), entries(store));
    json_decref(response);
    result = ask(store, "digest", "{}", &response);
    assert_string_equal(text_of(result, "state"), before);
    json_decref(response);
    free(before);
    result = ask(store, "check", "{}", &response);
    assert_int_equal(json_integer_value(json_object_get(result, "units")), 3);
    json_decref(response);
}

static void test_settings(void **state) {
    struct store *store = ((struct office *)*state)->store;
    json_t *response, *result;
    done(store, "config", "{'key': 'listen', 'value': 'tcp://0.0.0.0:7400'}");
    done(store, "config", "{'key': 'advertise', 'value': 'tcp://a.example:7400,tcp://[2001:db8::1]:7400'}");
    done(store, "config", "{'key': 'metered', 'value': 'yes'}");
    result = ask(store, "config", "{}", &response);
    assert_int_equal(json_object_size(json_object_get(result, "config")), 3);
    json_decref(response);
    done(store, "config", "{'key': 'metered', 'value': ''}");
    result = ask(store, "config", "{'key': 'metered'}", &response);
    assert_int_equal(json_object_size(json_object_get(result, "config")), 0);
    json_decref(response);
    refused(store, "config", "{'key': 'nothing'}", STATUS_CONFIG_UNKNOWN, "key", "nothing");
    refused(store, "config", "{'key': 'listen', 'value': 'tcp://0.0.0.0'}", STATUS_CONFIG_INVALID, "value", "tcp://0.0.0.0");
    refused(store, "config", "{'key': 'listen', 'value': 'tcp://0.0.0.0:65536'}", STATUS_CONFIG_INVALID, "key", "listen");
    refused(store, "config", "{'key': 'uplink', 'value': 'tcp://*:7400'}", STATUS_CONFIG_INVALID, "key", "uplink");
    refused(store, "config", "{'key': 'metered', 'value': 'maybe'}", STATUS_CONFIG_INVALID, "key", "metered");
    json_decref(ask_with(store, "unit.add", NULL, parse("{'code': '01', 'name': 'A', 'level': '1'}")));
    done(store, "invite", "{'unit': '01'}"); /* the addresses of the setting */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, office_setup, office_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_no_request),
        TEST(test_the_same_id_gets_the_same_answer),
        TEST(test_units_are_added_and_shown),
        TEST(test_what_unit_add_refuses),
        TEST(test_a_country_is_imported_in_any_order),
        TEST(test_every_mistake_of_an_import_is_told),
        TEST(test_letters),
        TEST(test_status_log_and_the_rest),
        TEST(test_settings),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
