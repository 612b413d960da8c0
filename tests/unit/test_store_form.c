/* Forms: the file and its mistakes, versions and what they may change, finding one by what people write. */
#include "store_ask.h"
#include "store_offices.h"

#include "store/form_json.h"
#include "store/form_view.h"
#include "store/form_write.h"
#include "store/register.h"

#define MEMBERS \
    "'name':'members','title':{'vi':'Hội viên','en':'Members'},'period':'month','levels':[3],'fields':[{'name':'total','type':'integer','over_time':'last'}," \
    "{'name':'added','type':'integer'},{'name':'rice','type':'decimal','places':1,'measure':'kg'}"

static void form_is_added_once(void **state) {
    struct offices *offices = *state;
    json_t *first = ask_ok(offices->root, "form.add", "{'form':{" MEMBERS "]}}");
    assert_json(member_of(first, "label"), "1");
    assert_true(json_is_true(member_of(first, "changed")));
    json_t *again = ask_ok(offices->root, "form.add", "{'form':{" MEMBERS "]}}");
    assert_true(json_is_false(member_of(again, "changed")));
    assert_true(json_equal(member_of(first, "version"), member_of(again, "version")));
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM form"), 1);
    json_decref(first);
    json_decref(again);
}

static void checking_writes_nothing(void **state) {
    struct offices *offices = *state;
    int64_t before = scratch_count(offices->root, "SELECT count(*) FROM entry");
    json_t *checked = ask_ok(offices->root, "form.check", "{'form':{" MEMBERS "]}}");
    assert_true(json_is_true(member_of(checked, "changed")));
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM entry"), before);
    json_t *added = ask_ok(offices->root, "form.add", "{'form':{" MEMBERS "]}}");
    assert_true(json_equal(member_of(checked, "version"), member_of(added, "version")));
    json_decref(checked);
    json_decref(added);
}

static void a_changed_form_is_the_next_version(void **state) {
    struct offices *offices = *state;
    ask_done(offices->root, "form.add", "{'form':{" MEMBERS "]}}");
    json_t *next = ask_ok(offices->root, "form.add", "{'form':{" MEMBERS ",{'name':'more','type':'text'}]}}");
    assert_json(member_of(next, "label"), "2");
    json_decref(next);
    json_t *shown = ask_ok(offices->root, "form.show", "{'form':'members'}");
    assert_int_equal(json_array_size(member_of(shown, "form.fields")), 4);
    /* What is shown can be added again, and is the same. */
    json_t *args = json_pack("{s:O}", "form", member_of(shown, "form")), *response = ask(offices->root, "form.add", args);
    assert_true(json_is_false(member_of(response, "result.changed")));
    json_decref(response);
    json_decref(shown);
    const struct form_family *family;
    assert_int_equal(form_view_find(offices->root, bytes_of("members", 7), 0, true, &family), STATUS_OK);
    assert_int_equal(family->version_count, 2);
    assert_int_equal(family->newest->form.label, 2);
    assert_int_equal(family->field_count, 4);
    assert_int_equal(family->newest->numbers[3], 3);
}

/* Every path that the refusal names, in order, joined by a blank. */
static void assert_paths(struct store *store, const char *verb, const char *args, enum status status, const char *expected) {
    json_t *response = ask_refused(store, verb, args, status), *problem;
    char paths[1000] = "";
    size_t index;
    json_array_foreach(member_of(response, "problems"), index, problem) {
        size_t len = strlen(paths);
        (void)snprintf(paths + len, sizeof paths - len, "%s%s", index > 0 ? " " : "", json_string_value(member_of(problem, "args.path")));
    }
    assert_string_equal(paths, expected);
    json_decref(response);
}

static void every_mistake_is_told_by_its_path(void **state) {
    struct offices *offices = *state;
    struct store *store = offices->root;
    assert_paths(
        store, "form.add",
        "{'form':{'name':'A','period':'fortnight','levels':[3,'xóm',3],'reach':'far','fields':[{'name':'x','type':'number','colour':1},{'type':'integer'}]}}",
        STATUS_FORM_INVALID, "name period reach levels[1] levels[2] fields[0].colour fields[0].type fields[1].name");
    assert_paths(store, "form.check", "{'form':[]}", STATUS_FORM_INVALID, "");
    assert_paths(store, "form.check", "{'form':{}}", STATUS_FORM_INVALID, "name period fields");
    assert_paths(store, "form.check", "{'form':{'name':'a','period':'month','fields':[]}}", STATUS_FORM_INVALID, "fields");
#define FIELD(field) "{'form':{'name':'a','period':'month','fields':[{'name':'n','type':'integer'},{'name':'x'," field "}]}}"
    assert_paths(store, "form.check", FIELD("'type':'integer','places':2"), STATUS_FORM_INVALID, "fields[1].places");
    assert_paths(store, "form.check", FIELD("'type':'decimal','places':10"), STATUS_FORM_INVALID, "fields[1].places");
    assert_paths(store, "form.check", FIELD("'type':'text','over_units':'sum'"), STATUS_FORM_INVALID, "fields[1].over_units");
    assert_paths(store, "form.check", FIELD("'type':'text','over_time':'sum'"), STATUS_FORM_INVALID, "fields[1].over_time");
    assert_paths(store, "form.check", FIELD("'type':'integer','over_units':'average','weight':'y'"), STATUS_FORM_INVALID, "fields[1].weight");
    assert_paths(store, "form.check", FIELD("'type':'integer','weight':'n'"), STATUS_FORM_INVALID, "fields[1].weight");
    assert_paths(store, "form.check", FIELD("'type':'integer','minimum':5,'maximum':4"), STATUS_FORM_INVALID, "fields[1].maximum");
    assert_paths(store, "form.check", FIELD("'type':'integer','minimum':0.5"), STATUS_FORM_INVALID, "fields[1].minimum");
    assert_paths(store, "form.check", FIELD("'type':'text','minimum':1"), STATUS_FORM_INVALID, "fields[1].minimum");
    assert_paths(store, "form.check", FIELD("'type':'choice'"), STATUS_FORM_INVALID, "fields[1].choices");
    assert_paths(store, "form.check", FIELD("'type':'choice','choices':['a','a']"), STATUS_FORM_INVALID, "fields[1].choices[1]");
    assert_paths(store, "form.check", FIELD("'type':'integer','choices':['a']"), STATUS_FORM_INVALID, "fields[1].choices");
    assert_paths(store, "form.check", FIELD("'type':'computed'"), STATUS_FORM_INVALID, "fields[1].formula");
    assert_paths(store, "form.check", FIELD("'type':'computed','formula':'n +'"), STATUS_FORM_INVALID, "fields[1].formula");
    assert_paths(store, "form.check", FIELD("'type':'computed','formula':'n + z'"), STATUS_FORM_INVALID, "fields[1].formula");
    assert_paths(store, "form.check", FIELD("'type':'computed','formula':'x + 1'"), STATUS_FORM_INVALID, "fields[1].formula");
    assert_paths(store, "form.check", FIELD("'type':'integer','formula':'n'"), STATUS_FORM_INVALID, "fields[1].formula");
    assert_paths(store, "form.check", FIELD("'type':'integer','label':{'VI':'x','en':5}"), STATUS_FORM_INVALID, "fields[1].label.VI fields[1].label.en");
    assert_paths(store, "form.check", "{'form':{'name':'a','period':'month','fields':[{'name':'x','type':'text'},{'name':'x','type':'text'}]}}",
                 STATUS_FORM_INVALID, "fields[1].name");
    assert_paths(store, "form.check", "{'form':{'name':'a','period':'month','due':{'3':'soon','nowhere':1},'list':3,'fields':[{'name':'x','type':'text'}]}}",
                 STATUS_FORM_INVALID, "list due.3 due.nowhere");
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM form"), 0);
}

static void what_stands_keeps_its_meaning(void **state) {
    struct offices *offices = *state;
    struct store *store = offices->root;
    ask_done(store, "form.add", "{'form':{" MEMBERS ",{'name':'kind','type':'choice','choices':['a','b']}],'reach':1}}");
    assert_paths(
        store, "form.add",
        "{'form':{'name':'members','period':'quarter','window':'official','list':true,'reach':2,'levels':[3],'fields':[{'name':'total','type':'money'},"
        "{'name':'rice','type':'decimal','places':2,'measure':'tấn'},{'name':'kind','type':'choice','choices':['b','c']}]}}",
        STATUS_FORM_CHANGED, "period window list reach fields[0].type fields fields[1].places fields[1].measure fields[2].choices");
    /* Wider reach, retired instead of gone, one more choice, another order: all of these may be. */
    ask_done(store, "form.add",
             "{'form':{'name':'members','period':'month','fields':[{'name':'kind','type':'choice','choices':['c','b','a']},{'name':'rice','type':'decimal','"
             "places':1,'measure':'kg'},"
             "{'name':'added','type':'integer','retired':true},{'name':'total','type':'integer'}]}}");
    const struct form_family *family;
    assert_int_equal(form_view_find(store, bytes_of("members", 7), 0, true, &family), STATUS_OK);
    assert_int_equal(family->newest->numbers[0], 3); /* a name keeps its number, wherever it stands */
    assert_int_equal(family->newest->numbers[3], 0);
}

static void defaults_are_those_of_the_page(void **state) {
    struct offices *offices = *state;
    ask_done(offices->root, "form.add",
             "{'form':{'name':'a','period':'month','fields':[{'name':'n','type':'integer'},{'name':'t','type':'text'},{'name':'d','type':'date'},{'name':'y','"
             "type':'yesno'},"
             "{'name':'m','type':'money'},{'name':'c','type':'computed','formula':'n'}]}}");
    json_t *shown = ask_ok(offices->root, "form.show", "{'form':'a'}");
    assert_json(member_of(shown, "form"), "{'name':'a','title':{'vi':'a'},'period':'month','window':'calendar','reach':0,'policy':'owner','fields':[{'name':'n'"
                                          ",'type':'integer','label':{},'over_units':'sum','over_time':'sum'},"
                                          "{'name':'t','type':'text','label':{},'over_units':'none','over_time':'last'},{'name':'d','type':'date','label':{},'"
                                          "over_units':'none','over_time':'last'},"
                                          "{'name':'y','type':'yesno','label':{},'over_units':'none','over_time':'last'},{'name':'m','type':'money','label':{},"
                                          "'over_units':'sum','over_time':'sum'},"
                                          "{'name':'c','type':'computed','label':{},'places':0,'formula':'n'}]}");
    json_decref(shown);
}

static void the_forms_that_come_with_the_program_are_sound(void **state) {
    static const char *const files[] = {"members", "loans"};
    struct offices *offices = *state;
    for (size_t i = 0; i < 2; i++) {
        char path[300];
        (void)snprintf(path, sizeof path, "%s/tools/forms/%s.json", SOURCE_DIR, files[i]);
        json_t *form = json_load_file(path, 0, NULL);
        assert_non_null(form);
        json_t *response = ask(offices->root, "form.add", json_pack("{s:O}", "form", form));
        assert_json(member_of(response, "status"), "0");
        char args[80];
        (void)snprintf(args, sizeof args, "{'form':'%s'}", files[i]);
        json_t *shown = ask_ok(offices->root, "form.show", args);
        json_t *field;
        size_t index;
        json_array_foreach(member_of(shown, "form.fields"), index, field) {
            assert_true(json_string_length(member_of(field, "label.vi")) > 0);
            assert_true(json_string_length(member_of(field, "label.en")) > 0);
        }
        assert_int_equal(json_array_size(member_of(shown, "form.fields")), json_array_size(json_object_get(form, "fields")));
        json_decref(shown);
        json_decref(response);
        json_decref(form);
    }
}

static void names_are_found_for_a_unit(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct form_family *family;
    offices_introduce(offices);
    ask_done(child, "form.add", "{'form':{" MEMBERS "]}}");
    assert_int_equal(form_view_find(child, bytes_of("members", 7), tree_unit(child->tree, &offices->unit), true, &family), STATUS_OK);
    assert_int_equal(form_view_find(child, bytes_of("member", 6), tree_unit(child->tree, &offices->unit), true, &family), STATUS_FORM_UNKNOWN);
    assert_int_equal(form_view_find(child, bytes_of("members", 7), 0, true, &family), STATUS_FORM_UNKNOWN); /* not in force above its issuer: */
    assert_int_equal(form_view_find(child, bytes_of("members", 7), 0, false, &family), STATUS_OK);          /* to be read all the same */
    /* The root's form of the same name comes down: for the child's unit there are two now. */
    ask_done(root, "form.add", "{'form':{" MEMBERS "]}}");
    assert_int_equal(offices_carry(root, child, &offices->directive, 3, true), STATUS_OK);
    uint32_t unit = tree_unit(child->tree, &offices->unit);
    assert_int_equal(form_view_find(child, bytes_of("members", 7), unit, true, &family), STATUS_FORM_AMBIGUOUS);
    assert_int_equal(form_view_find(child, bytes_of("members@00", 10), unit, true, &family), STATUS_OK);
    assert_true(ID_EQUAL(&family->issuer, &root->unit));
    assert_int_equal(form_view_find(child, bytes_of("members@01", 10), unit, true, &family), STATUS_OK);
    assert_true(ID_EQUAL(&family->issuer, &offices->unit));
    ask_fails(child, "form.show", "{'form':'members'}", STATUS_FORM_AMBIGUOUS);
    json_t *list = ask_ok(child, "form.list", "{}");
    assert_int_equal(json_array_size(member_of(list, "forms")), 2);
    json_decref(list);
}

static void a_form_only_stewards_add(void **state) {
    struct offices *offices = *state; /* the child does not know its own admission yet */
    ask_fails(offices->child, "form.add", "{'form':{" MEMBERS "]}}", STATUS_OUTSIDE_AUTHORITY);
}

/* Rival first versions, each with three hundred names of its own: as no tool would write them. */
static void more_names_than_numbers_are_set_aside(void **state) {
    enum { VERSIONS = 15, NAMES = 300 };
    struct offices *offices = *state;
    struct store *root = offices->root;
    struct form_field *fields = calloc(NAMES, sizeof *fields);
    char(*names)[16] = calloc(NAMES, sizeof *names);
    struct buffer payload = offices_buffer();
    assert_true(fields != NULL && names != NULL);
    for (unsigned version = 0; version < VERSIONS; version++) {
        struct form form = {.issuer = root->unit,
                            .name = bytes_of("f", 1),
                            .label = 1,
                            .period = PERIOD_MONTH,
                            .window = WINDOW_CALENDAR,
                            .policy = POLICY_OWNER,
                            .field_count = NAMES,
                            .fields = fields};
        for (unsigned i = 0; i < NAMES; i++) {
            (void)snprintf(names[i], sizeof names[i], "v%u_%u", version % 100, i);
            fields[i] = (struct form_field){.name = bytes_of(names[i], strlen(names[i])), .type = FIELD_INTEGER};
        }
        buffer_clear(&payload);
        assert_int_equal(form_encode(&form, &payload), STATUS_OK);
        const struct change change = {.kind = CHANGE_FORM, .payload = buffer_bytes(&payload)};
        uint8_t nonce[16] = {(uint8_t)version};
        offices_control(root, nonce, &change, 1);
    }
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM form"), REGISTER_FIELDS_MAX / NAMES);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside WHERE reason = 107"), VERSIONS - REGISTER_FIELDS_MAX / NAMES);
    ask_done(root, "form.list", "{}");
    free(fields);
    free(names);
    buffer_fini(&payload);
}

static void a_refused_request_leaves_no_form_in_memory(void **state) {
    struct offices *offices = *state;
    struct store *store = offices->root;
    const struct form_family *const *families;
    size_t count;
    ask_done(store, "form.add", "{'form':{" MEMBERS "]}}");
    assert_int_equal(form_view_all(store, &families, &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(db_script(store->db, "UPDATE form SET version = zeroblob(32)"), STATUS_OK);
    assert_int_equal(form_view_all(store, &families, &count), STATUS_STORE_DAMAGED); /* a row that is not what its hash says is never used */
    store_rollback(store);
    assert_int_equal(form_view_all(store, &families, &count), STATUS_OK);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(form_is_added_once, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(checking_writes_nothing, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_changed_form_is_the_next_version, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(every_mistake_is_told_by_its_path, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(what_stands_keeps_its_meaning, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(defaults_are_those_of_the_page, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(the_forms_that_come_with_the_program_are_sound, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(names_are_found_for_a_unit, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_form_only_stewards_add, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(more_names_than_numbers_are_set_aside, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_refused_request_leaves_no_form_in_memory, offices_setup, offices_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
