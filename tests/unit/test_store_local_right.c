/* The people of one PC: what each account may ask, who may say so, and what is written down of who asked. */
#include "store/local_right.h"
#include "store/request_person.h"
#include "store_ask.h"
#include "store_place.h"

enum { STRANGER = 4711, OWNER_NOBODY = 4712 };

static struct store *office_of(void **state) {
    const struct place *place = *state;
    scratch_found(place->dir);
    return scratch_open(place->dir);
}

static json_t *ask_as(struct store *store, const struct store_caller *caller, const char *verb, const char *args) {
    json_t *request = json_pack("{s:s, s:o}", "do", verb, "args", ask_json(args)), *response = store_request(store, caller, request);
    assert_non_null(response);
    json_decref(request);
    return response;
}

static void assert_answer(struct store *store, const struct store_caller *caller, const char *verb, const char *args, enum status expected) {
    json_t *response = ask_as(store, caller, verb, args);
    if (json_integer_value(json_object_get(response, "status")) != (json_int_t)expected) {
        char *text = json_dumps(response, JSON_COMPACT);
        fail_msg("%s: %s instead of %s", verb, text, status_name(expected));
    }
    json_decref(response);
}

/* The walk over all verbs there are: one without a line in the table of rights fails here, and so is shut to everybody but the owner until it has one. */
static void every_request_names_the_right_it_needs(void **state) {
    (void)state;
    size_t count = 0;
    for (const char *verb; (verb = request_verb_name(count)) != NULL; count++) {
        if (!local_right_named(verb))
            fail_msg("%s has no line in the table of store/local_right.c", verb);
        assert_int_equal(local_right_needed(verb, NULL) & RIGHT_OWNER, 0);
    }
    assert_true(count >= 25);
    assert_false(local_right_named("no.such"));
    assert_int_equal(local_right_needed("no.such", NULL), RIGHT_OWNER);
    assert_int_equal(local_right_needed("hello", NULL), RIGHTS_NONE);
}

/* And again with a caller who has no right at all: hello answers, nothing else, whatever the arguments are. */
static void who_has_no_right_is_told_nothing(void **state) {
    struct store *store = office_of(state);
    const struct store_caller stranger = {.uid = STRANGER, .account = "lan"};
    const char *verb;
    for (size_t i = 0; (verb = request_verb_name(i)) != NULL; i++)
        assert_answer(store, &stranger, verb, "{}", strcmp(verb, "hello") == 0 ? STATUS_OK : STATUS_RIGHT_MISSING);
    json_t *refused = ask_as(store, &stranger, "form.add", "{'form': {}}");
    assert_json(json_object_get(refused, "args"), "{'account': 'lan', 'owner': 'root', 'request': 'form.add', 'right': 'form', 'give': 'read,form'}");
    json_decref(refused);
    store_close(store);
}

static void rights_are_given_by_account(void **state) {
    struct store *store = office_of(state);
    const struct store_caller root = {.uid = 0}, lan = {.uid = STRANGER, .account = "lan"}, minh = {.uid = OWNER_NOBODY, .account = "minh"},
                              member = {.uid = STRANGER, .account = "lan", .member = true};
    ask_done(store, "config", "{'key': 'local.lan', 'value': 'unit, enter'}");
    assert_answer(store, &lan, "unit.add", "{'code': '01', 'name': 'Tỉnh', 'level': '1'}", STATUS_OK);
    assert_answer(store, &lan, "status", "{}", STATUS_OK); /* whoever has a right may read */
    assert_answer(store, &lan, "send", "{}", STATUS_RIGHT_MISSING);
    assert_answer(store, &minh, "status", "{}", STATUS_RIGHT_MISSING);
    /* A member of the group reads and enters; what is said of the account by name comes first, also where it is less. */
    ask_done(store, "config", "{'key': 'local.lan', 'value': ''}");
    assert_answer(store, &member, "status", "{}", STATUS_OK);
    assert_answer(store, &member, "put", "{}", STATUS_PERIOD_INVALID); /* asked, and found wanting */
    assert_answer(store, &member, "invite", "{'unit': '01'}", STATUS_RIGHT_MISSING);
    ask_done(store, "config", "{'key': 'local.lan', 'value': 'none'}");
    assert_answer(store, &member, "status", "{}", STATUS_RIGHT_MISSING);
    ask_done(store, "config", "{'key': 'local.lan', 'value': 'all'}");
    assert_answer(store, &lan, "rebuild", "{}", STATUS_OK);
    assert_answer(store, &root, "rebuild", "{}", STATUS_OK);
    store_close(store);
}

/* Who may change settings is not who may give rights: he would give himself all. */
static void rights_are_the_owners_to_give(void **state) {
    struct store *store = office_of(state);
    const struct store_caller lan = {.uid = STRANGER, .account = "lan"};
    ask_done(store, "config", "{'key': 'local.lan', 'value': 'all'}");
    assert_answer(store, &lan, "config", "{'key': 'metered', 'value': 'yes'}", STATUS_OK);
    assert_answer(store, &lan, "config", "{}", STATUS_OK);
    json_t *refused = ask_as(store, &lan, "config", "{'key': 'local.minh', 'value': 'all'}");
    assert_int_equal(json_integer_value(json_object_get(refused, "status")), STATUS_RIGHT_MISSING);
    assert_json(json_object_get(refused, "args"), "{'account': 'lan', 'owner': 'root', 'request': 'config'}"); /* no right that could be given */
    json_decref(refused);
    ask_done(store, "config", "{'key': 'local.lan', 'value': 'read'}");
    assert_answer(store, &lan, "config", "{}", STATUS_OK);
    assert_answer(store, &lan, "config", "{'key': 'metered', 'value': 'no'}", STATUS_RIGHT_MISSING);
    json_t *shown = ask_ok(store, "config", "{}");
    assert_json(json_object_get(shown, "config"), "{'metered': 'yes', 'local.lan': 'read'}");
    json_decref(shown);
    store_close(store);
}

static void the_owner_of_the_directory_may_all(void **state) {
    struct store *store = office_of(state);
    const struct place *place = *state;
    const struct store_caller owner = {.uid = STRANGER, .account = "lan"};
    assert_answer(store, &owner, "rebuild", "{}", STATUS_RIGHT_MISSING);
    if (geteuid() != 0)
        skip(); /* only root can give a directory away */
    assert_int_equal(chown(place->dir, STRANGER, (gid_t)-1), 0);
    assert_answer(store, &owner, "rebuild", "{}", STATUS_OK);
    assert_answer(store, &owner, "config", "{'key': 'local.minh', 'value': 'read'}", STATUS_OK);
    assert_int_equal(chown(place->dir, 0, (gid_t)-1), 0);
    store_close(store);
}

static void rights_are_words(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        const char *again;
    } CASES[] = {
        {"read", true, "read"},      {"enter", true, "read,enter"}, {" send ,enter ,  read", true, "read,enter,send"},
        {"all", true, "all"},        {"none", true, "none"},        {"read,enter,submit,lock,send,form,unit,invite,revoke,export,config,care", true, "all"},
        {"", false, NULL},           {"read,", false, NULL},        {",read", false, NULL},
        {"read enter", false, NULL}, {"all,read", false, NULL},     {"Read", false, NULL},
        {"owner", false, NULL},      {"reads", false, NULL},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[LOCAL_RIGHT_TEXT_BYTES];
        unsigned rights = 77;
        if (local_right_parse(CASES[i].text, &rights) != CASES[i].good)
            fail_msg("“%s”", CASES[i].text);
        assert_int_equal(rights & RIGHT_OWNER, 0);
        local_right_text(text, rights);
        assert_string_equal(text, CASES[i].good ? CASES[i].again : "none");
    }
    assert_true(local_right_key("local.lan") && local_right_key("local.0") && local_right_key("local.Lan@xa"));
    assert_false(local_right_key("local.") || local_right_key("local") || local_right_key("local.a b") || local_right_key("local.a,b") ||
                 local_right_key("local.0123456789012345678901234567890123456789012345678901234567890123456"));
}

static void a_setting_of_rights_is_checked(void **state) {
    struct store *store = office_of(state);
    ask_fails(store, "config", "{'key': 'local.lan', 'value': 'write'}", STATUS_CONFIG_INVALID);
    ask_fails(store, "config", "{'key': 'local.', 'value': 'read'}", STATUS_CONFIG_UNKNOWN);
    /* What a later version wrote, with words of its own, gives nothing here. */
    struct query query = db_query(store->db, "INSERT INTO config(key, value) VALUES('local.lan', 'read,fly')");
    assert_int_equal(query_run(&query), STATUS_OK);
    const struct store_caller lan = {.uid = STRANGER, .account = "lan", .member = true};
    assert_answer(store, &lan, "status", "{}", STATUS_RIGHT_MISSING);
    store_close(store);
}

/* ---- who it was ---- */

static const char form_file[] =
    "{'form': {'name': 'm', 'period': 'month', 'levels': [0], 'fields': [{'name': 'a', 'type': 'integer', 'over_units': 'sum', 'over_time': 'last'}]}}";

static json_t *person_at(struct store *store, const char *verb, const char *args, const char *path) {
    json_t *result = ask_ok(store, verb, args), *person = json_incref(member_of(result, path));
    json_decref(result);
    return person;
}

static void what_is_written_names_who_wrote_it(void **state) {
    struct store *store = office_of(state);
    const struct store_caller lan = {.uid = 0, .account = "lan.nt"};
    ask_done(store, "form.add", form_file);
    assert_answer(store, &lan, "put",
                  "{'form': 'm', 'period': '2025-06', 'cells': {'a': {'state': 'value', 'value': '5'}}, 'by': ' Nguyễn Thị Lan ', 'role': 'Chủ tịch'}",
                  STATUS_OK);
    json_t *person = person_at(store, "show", "{'form': 'm', 'period': '2025-06', 'history': true}", "rows.0.entries.0.person");
    assert_json(person, "{'account': 'lan.nt', 'name': 'Nguyễn Thị Lan', 'role': 'Chủ tịch'}");
    json_decref(person);
    person = person_at(store, "log", "{'limit': 1}", "entries.0.person");
    assert_json(person, "{'account': 'lan.nt', 'name': 'Nguyễn Thị Lan', 'role': 'Chủ tịch'}");
    json_decref(person);
    json_t *log = ask_ok(store, "log", "{'limit': 1}");
    assert_int_equal(json_array_size(member_of(log, "entries.0.changes")), 1); /* who did it is no second thing that was done */
    json_decref(log);
    /* The account alone; a sheet; a document. */
    assert_answer(store, &lan, "put", "{'form': 'm', 'period': '2025-07', 'cells': {'a': {'state': 'value', 'value': '6'}}}", STATUS_OK);
    person = person_at(store, "log", "{'limit': 1}", "entries.0.person");
    assert_json(person, "{'account': 'lan.nt', 'name': '', 'role': ''}");
    json_decref(person);
    json_t *begun = ask_ok(store, "import.begin", "{'form': 'm', 'columns': ['a']}");
    char args[200];
    (void)snprintf(args, sizeof args, "{'import': '%s', 'rows': [[2, '', '2025-08', '', [{'state': 'value', 'value': '7'}]]]}",
                   json_string_value(json_object_get(begun, "import")));
    ask_done(store, "import.rows", args);
    (void)snprintf(args, sizeof args, "{'import': '%s', 'by': 'Minh'}", json_string_value(json_object_get(begun, "import")));
    json_decref(begun);
    assert_answer(store, &lan, "import.commit", args, STATUS_OK);
    person = person_at(store, "log", "{'limit': 1}", "entries.0.person");
    assert_json(person, "{'account': 'lan.nt', 'name': 'Minh', 'role': ''}");
    json_decref(person);
    assert_answer(store, &lan, "send", "{'to': '00/*', 'title': 'x', 'by': 'Lan'}", STATUS_OK);
    person = person_at(store, "log", "{'limit': 1}", "entries.0.person");
    assert_json(person, "{'account': 'lan.nt', 'name': 'Lan', 'role': ''}");
    json_decref(person);
    /* Nothing of it is set aside, the figures stand, and are there after a rebuild. */
    ask_done(store, "rebuild", "{}");
    json_t *status = ask_ok(store, "status", "{}");
    assert_int_equal(json_array_size(json_object_get(status, "set_aside")), 0);
    json_decref(status);
    json_t *rollup = ask_ok(store, "rollup", "{'form': 'm', 'period': '2025-08'}");
    assert_string_equal(json_string_value(member_of(rollup, "fields.a.value")), "7");
    json_decref(rollup);
    store_close(store);
}

static void a_person_is_held_to_bounds(void **state) {
    struct store *store = office_of(state);
    const struct store_caller lan = {.uid = 0, .account = "lan"};
    ask_done(store, "form.add", form_file);
    char args[400], name[120] = {0};
    memset(name, 'n', 101);
    (void)snprintf(args, sizeof args, "{'form': 'm', 'period': '2025-06', 'cells': {'a': {'state': 'value', 'value': '5'}}, 'by': '%s'}", name);
    assert_answer(store, &lan, "put", args, STATUS_VALUE_INVALID);
    assert_answer(store, &lan, "put", "{'form': 'm', 'period': '2025-06', 'cells': {'a': {'state': 'value', 'value': '5'}}, 'role': 'a\\u0007'}",
                  STATUS_VALUE_INVALID);
    assert_answer(store, &lan, "send", "{'to': '00/*', 'title': 'x', 'by': 5}", STATUS_BAD_REQUEST);
    json_t *log = ask_ok(store, "log", "{}");
    json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(log, "entries"), i, entry) {
        assert_null(json_object_get(entry, "person"));
    }
    json_decref(log);
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_names_the_right_it_needs),
        cmocka_unit_test_setup_teardown(who_has_no_right_is_told_nothing, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(rights_are_given_by_account, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(rights_are_the_owners_to_give, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(the_owner_of_the_directory_may_all, place_setup, place_teardown),
        cmocka_unit_test(rights_are_words),
        cmocka_unit_test_setup_teardown(a_setting_of_rights_is_checked, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(what_is_written_names_who_wrote_it, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_person_is_held_to_bounds, place_setup, place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
