/* Erasing a body: it goes from the log and from the views, figures fall back as if it had been withheld, and it does not come back by any way. */
#include "store_ask.h"
#include "store_bytes.h"
#include "store_trust.h"

#include "store/request.h"

#define FORM "{'form':{'name':'f','period':'month','levels':[0,1],'fields':[{'name':'a','type':'integer'},{'name':'t','type':'text'}]}}"
#define PUT "{'form':'f','period':'2025-06','cells':{'a':{'state':'value','value':'%s'}}}"

static uint64_t held_of(struct store *store, const struct log_id *log) {
    struct replica replica;
    struct log_head out = {.seq = 0};
    store_replica(store, &replica);
    (void)!replica.ops->head(replica.ctx, log, &out);
    return out.seq;
}

static void carry(struct store *from, struct store *to, const struct log_id *log) {
    for (uint64_t seq = held_of(to, log) + 1; seq <= held_of(from, log); seq++)
        assert_int_equal(offices_carry(from, to, log, seq, true), STATUS_OK);
    assert_int_equal(to->apply_status, STATUS_OK);
}

static struct log_id report_of(struct store *store) {
    struct query query = db_query(store->db, "SELECT epoch FROM log WHERE kind = 1 AND node = ?");
    struct log_id log = {.node = store->self, .kind = LOG_REPORT};
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    assert_true(query_next(&query));
    query_fixed(&query, 0, log.epoch.b, sizeof log.epoch.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    return log;
}

static struct ref ref_at(struct store *store, const struct log_id *log, uint64_t seq) {
    struct persist item = offices_item(store, log, seq);
    return (struct ref){.log = *log, .seq = seq, .hash = hash_short(&item.hash)};
}

static void put(struct store *store, const char *value) {
    char args[200];
    (void)snprintf(args, sizeof args, PUT, value);
    ask_done(store, "put", args);
}

static void assert_value(struct store *store, const char *value) {
    json_t *shown = ask_ok(store, "show", "{'form':'f','period':'2025-06','unit':'01'}");
    const char *found = json_string_value(member_of(shown, "rows.0.fields.a.value"));
    if ((found == NULL) != (value == NULL) || (value != NULL && strcmp(found, value) != 0))
        fail_msg("%s instead of %s", found, value);
    json_decref(shown);
}

/* The child has put 5 and 8, which has seen 5, and written a letter. */
static int begin(void **state) {
    offices_setup(state);
    struct offices *offices = *state;
    offices_introduce(offices);
    ask_done(offices->root, "form.add", FORM);
    carry(offices->root, offices->child, &offices->directive);
    put(offices->child, "5");
    put(offices->child, "8");
    offices_document(offices->child, LOG_REPORT, &offices->root->unit, "thư riêng", 100);
    return 0;
}

static int64_t erased(struct store *store) {
    return scratch_count(store, "SELECT count(*) FROM entry WHERE body_state = 4 AND salt IS NULL AND body IS NULL");
}

static void a_figure_falls_back(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    carry(child, root, &log);
    assert_value(root, "8");
    struct ref second = ref_at(child, &log, 2);
    trust_erase(root, &second, 1);
    assert_int_equal(erased(root), 1);
    assert_value(root, "5");
    assert_int_equal(scratch_count(root, "SELECT applied FROM log WHERE kind = 1"), 3);
    assert_int_equal(scratch_count(root, "SELECT gaps FROM log WHERE kind = 1"), 0);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside"), 0);
    assert_sound(root);
    /* What follows goes by what it has seen: the erased write is closed as any other. */
    put(child, "9");
    carry(child, root, &log);
    assert_value(root, "9");
    assert_sound(root);
    /* And its author erases it, too. */
    carry(root, child, &offices->directive);
    assert_int_equal(erased(child), 1);
    struct hash a = trust_digest(root, &offices->unit, &root->unit), b = trust_digest(child, &offices->unit, &root->unit);
    assert_memory_equal(a.b, b.b, sizeof a.b);
}

static void it_does_not_come_back(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    struct ref letter = ref_at(child, &log, 3);
    /* Header and body on sight. */
    trust_erase(root, &letter, 1);
    carry(child, root, &log);
    assert_int_equal(erased(root), 1);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 0);
    assert_sound(root);
    /* The body alone, and a part of it. */
    struct persist item = offices_item(child, &log, 3);
    item.kind = PERSIST_BODY;
    assert_int_equal(store_persist(root, &item, 1), STATUS_OK);
    struct bytes body = item.entry.body;
    struct persist part = {.kind = PERSIST_PART, .log = log, .seq = 3, .part = bytes_of(body.data, 10), .salt = item.entry.salt};
    assert_int_equal(store_persist(root, &part, 1), STATUS_OK);
    assert_int_equal(erased(root), 1);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM part"), 0);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 0);
    assert_sound(root);
}

/* What was applied before the erasure came, and after a start. */
static void what_was_applied_goes(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    struct ref letter = ref_at(child, &log, 3);
    carry(child, root, &log);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 1);
    trust_erase(root, &letter, 1);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 0);
    struct hash after = trust_digest(root, &offices->unit, &root->unit);
    assert_int_equal(rebuild_run(root, NULL, NULL), STATUS_OK);
    struct hash rebuilt = trust_digest(root, &offices->unit, &root->unit);
    assert_memory_equal(after.b, rebuilt.b, sizeof after.b);
    store_close(root);
    root = offices->root = scratch_open(offices->root_dir);
    assert_int_equal(erased(root), 1);
    assert_sound(root);
}

/* An erasure that stands no longer: the body is wanted again, and comes from who still has it. */
static void an_erasure_that_falls(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    carry(child, root, &log);
    struct ref letter = ref_at(child, &log, 3), cuts[1] = {ref_at(child, &log, 3)};
    struct stored erasure = trust_erase(child, &letter, 1); /* the office itself */
    carry(child, root, &erasure.ref.log);
    assert_int_equal(erased(root), 1);
    trust_revoke(root, &child->self, cuts, 1, 2);
    assert_int_equal(erased(root), 0);
    assert_int_equal(scratch_count(root, "SELECT gaps FROM log WHERE kind = 1"), 1);
    assert_sound(root);
}

/* ---- the request ---- */

#define SECRET "zQ7-Bi-Mat-4Kx"
#define REASON "ghi nhầm cột"

static char *ref_text(struct store *store, const struct log_id *log, uint64_t seq) {
    struct ref ref = ref_at(store, log, seq);
    json_t *json = request_ref_json(&ref);
    char *text = strdup(json_string_value(json));
    json_decref(json);
    assert_non_null(text);
    return text;
}

/* args: what stands beside the entry. */
static json_t *erase(struct store *store, const char *ref, const char *args, enum status expected) {
    char text[400];
    (void)snprintf(text, sizeof text, "{'entries': ['%s'], %s}", ref, args);
    return expected == STATUS_OK ? ask_ok(store, "erase", text) : ask_refused(store, "erase", text, expected);
}

static void erase_fails(struct store *store, const char *ref, const char *args, enum status expected) {
    int64_t before = scratch_count(store, "SELECT count(*) FROM entry");
    json_decref(erase(store, ref, args, expected));
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM entry"), before);
    assert_int_equal(erased(store), 0);
}

/* What was asked for by an office above is nowhere on its disk any more, and on no other that hears of it. */
static void nothing_of_it_is_left_on_the_disk(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    ask_done(child, "put", "{'form':'f','period':'2025-07','cells':{'t':{'state':'value','value':'" SECRET "'}}}");
    carry(child, root, &log);
    assert_true(bytes_on_disk(offices->root_dir, SECRET) > 0);
    assert_true(bytes_on_disk(offices->child_dir, SECRET) > 0);
    char *ref = ref_text(child, &log, 4);
    char args[300];
    (void)snprintf(args, sizeof args, "{'entries': ['%s']}", ref);
    json_t *told = ask_ok(root, "erase.look", args);
    assert_null(json_object_get(told, "written"));
    assert_string_equal(json_string_value(member_of(told, "entries.0.changes.0.what")), "f 2025-07");
    json_decref(told);
    assert_int_equal(erased(root), 0);
    told = erase(root, ref, "'reason': '" REASON "'", STATUS_OK);
    assert_int_equal(json_array_size(json_object_get(told, "written")), 1);
    assert_null(member_of(told, "entries.0.changes")); /* an answer is kept with its id: what is erased would live on in it */
    json_decref(told);
    assert_int_equal(erased(root), 1);
    assert_int_equal(bytes_on_disk(offices->root_dir, SECRET), 0);
    carry(root, child, &offices->directive);
    assert_int_equal(erased(child), 1);
    assert_int_equal(bytes_on_disk(offices->child_dir, SECRET), 0);
    /* Once more writes nothing. */
    int64_t entries = scratch_count(root, "SELECT count(*) FROM entry");
    told = erase(root, ref, "'reason': '" REASON "'", STATUS_OK);
    assert_json(json_object_get(told, "written"), "[]");
    assert_true(json_is_true(member_of(told, "entries.0.erased")));
    json_decref(told);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM entry"), entries);
    assert_sound(root);
    assert_sound(child);
    free(ref);
}

static void everybody_is_told(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    carry(child, root, &log);
    char *figure = ref_text(child, &log, 2), *letter = ref_text(child, &log, 3), args[500];
    json_t *before = ask_ok(root, "show", "{'form':'f','period':'2025-06','unit':'01'}");
    assert_null(json_object_get(before, "erased"));
    json_decref(before);
    (void)snprintf(args, sizeof args, "{'entries': ['%s', '%s', '%s'], 'reason': '" REASON "', 'by': 'Nguyễn Thị Lan'}", figure, letter, figure);
    const struct store_caller lan = {.uid = 0, .account = "lan"};
    json_t *asked = json_pack("{s:s, s:o}", "do", "erase", "args", ask_json(args)), *told = store_request(root, &lan, asked);
    assert_int_equal(json_array_size(member_of(told, "result.entries")), 2);
    assert_int_equal(json_array_size(member_of(told, "result.written")), 1);
    json_decref(told);
    json_decref(asked);
    carry(root, child, &offices->directive);
    for (int i = 0; i < 2; i++) {
        struct store *store = i == 0 ? root : child;
        json_t *status = ask_ok(store, "status", "{}"), *shown = ask_ok(store, "show", "{'form':'f','period':'2025-06','unit':'01'}"),
               *listed = ask_ok(store, "log", "{}");
        assert_int_equal(json_array_size(json_object_get(status, "erased")), 1);
        assert_int_equal(json_integer_value(member_of(status, "erased.0.entries")), 2);
        assert_string_equal(json_string_value(member_of(status, "erased.0.reason")), REASON);
        assert_json(member_of(status, "erased.0.person"), "{'account':'lan','name':'Nguyễn Thị Lan','role':''}");
        assert_string_equal(json_string_value(member_of(status, "erased.0.unit.id")), json_string_value(member_of(listed, "entries.0.unit.id")));
        assert_int_equal(json_integer_value(member_of(shown, "erased.0.entries")), 1); /* the letter is no figure */
        assert_string_equal(json_string_value(member_of(shown, "erased.0.reason")), REASON);
        size_t at, states = 0;
        json_t *entry;
        json_array_foreach(json_object_get(listed, "entries"), at, entry) {
            states += strcmp(json_string_value(json_object_get(entry, "state")), "erased") == 0;
        }
        assert_int_equal(states, 2);
        json_decref(status);
        json_decref(shown);
        json_decref(listed);
    }
    /* The root's own figures had none. */
    json_t *own = ask_ok(root, "show", "{'form':'f','period':'2025-06'}");
    assert_null(json_object_get(own, "erased"));
    json_decref(own);
    free(figure);
    free(letter);
}

static void what_may_not_be_erased(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    carry(child, root, &log);
    put(root, "3"); /* a figure of the root's own */
    const struct log_id own = report_of(root);
    offices_document(root, LOG_DIRECTIVE, &offices->unit, "chỉ thị", 1);
    carry(root, child, &offices->directive);
    char *figure = ref_text(child, &log, 1), *control = ref_text(root, &offices->directive, 1), *above = ref_text(root, &own, 1),
         *letter = ref_text(root, &offices->directive, held_of(root, &offices->directive));
    erase_fails(root, figure, "'reason': ''", STATUS_REASON_NEEDED);
    erase_fails(root, "abc", "'reason': 'x'", STATUS_VALUE_INVALID);
    erase_fails(root, control, "'reason': 'x'", STATUS_VALUE_INVALID);
    erase_fails(child, above, "'reason': 'x'", STATUS_NOT_FOUND); /* not for this office: nothing of it is here */
    erase_fails(child, letter, "'reason': 'x'", STATUS_UNIT_OUTSIDE);
    figure[strlen(figure) - 1] = figure[strlen(figure) - 1] == '0' ? '1' : '0'; /* another entry of that number */
    erase_fails(root, figure, "'reason': 'x'", STATUS_NOT_FOUND);
    ask_fails(root, "erase", "{'reason': 'x'}", STATUS_BAD_REQUEST);
    ask_fails(root, "erase", "{'reason': 'x', 'entries': []}", STATUS_BAD_REQUEST);
    free(figure);
    free(control);
    free(above);
    free(letter);
}

/* An office erases what is its own without asking anybody, and the level above does as it says. */
static void an_office_erases_its_own(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct log_id log = report_of(child);
    carry(child, root, &log);
    char *letter = ref_text(child, &log, 3);
    json_t *told = erase(child, letter, "'reason': 'gửi nhầm'", STATUS_OK);
    struct ref written;
    assert_true(request_ref(json_string_value(member_of(told, "written.0")), &written));
    json_decref(told);
    carry(child, root, &written.log);
    assert_int_equal(erased(root), 1);
    assert_sound(root);
    free(letter);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_figure_falls_back),
        TEST(it_does_not_come_back),
        TEST(what_was_applied_goes),
        TEST(an_erasure_that_falls),
        TEST(nothing_of_it_is_left_on_the_disk),
        TEST(everybody_is_told),
        TEST(what_may_not_be_erased),
        TEST(an_office_erases_its_own),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
