/* Extracts between two real stores: a province whose records stop there, and the centre, which gets their headers and the extracts. */
#include "store_ask.h"
#include "store_trust.h"

#include "store/extract.h"
#include "store/extract_cut.h"

#define FORM \
    "{'form':{'name':'f','period':'month','levels':[1],'reach':1,'extract':true,'fields':[{'name':'a','type':'integer'},{'name':'b','type':'money'}," \
    "{'name':'t','type':'text'},{'name':'top','type':'integer','over_units':'max'}]}}"
#define LIST "{'form':{'name':'l','period':'month','levels':[1],'reach':1,'extract':true,'list':true,'fields':[{'name':'a','type':'integer'}]}}"
#define ROLLUP "{'form':'f','period':'%s','unit':'00'}"

static uint64_t held_of(struct store *store, const struct log_id *log) {
    struct replica replica;
    struct log_head out = {.seq = 0};
    store_replica(store, &replica);
    (void)!replica.ops->head(replica.ctx, log, &out);
    return out.seq;
}

static struct log_id log_of(struct store *store, uint8_t kind) {
    struct query query = db_query(store->db, "SELECT epoch FROM log WHERE kind = ? AND node = ? ORDER BY id DESC");
    struct log_id log = {.node = store->self, .kind = kind};
    query_bind_int(&query, kind);
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    assert_true(query_next(&query));
    query_fixed(&query, 0, log.epoch.b, sizeof log.epoch.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    return log;
}

static void carry(struct store *from, struct store *to, const struct log_id *log, bool bodies) {
    for (uint64_t seq = held_of(to, log) + 1; seq <= held_of(from, log); seq++)
        assert_int_equal(offices_carry(from, to, log, seq, bodies), STATUS_OK);
    assert_int_equal(to->apply_status, STATUS_OK);
}

/* As a link would: of the reports the headers alone, as the centre may have no more. */
static void go_up(struct offices *offices) {
    const struct log_id report = log_of(offices->child, LOG_REPORT), directive = log_of(offices->child, LOG_DIRECTIVE);
    carry(offices->child, offices->root, &report, false);
    carry(offices->child, offices->root, &directive, true);
}

static size_t cut(struct store *store) {
    size_t count;
    assert_int_equal(extract_cut(store, &count), STATUS_OK);
    return count;
}

static void put(struct store *store, const char *period, const char *cells) {
    char args[400];
    (void)snprintf(args, sizeof args, "{'form':'f','period':'%s','unit':'01','cells':{%s}}", period, cells);
    ask_done(store, "put", args);
}

static void assert_total(struct store *store, const char *period, const char *field, const char *expected) {
    char args[200], path[64];
    (void)snprintf(args, sizeof args, ROLLUP, period);
    (void)snprintf(path, sizeof path, "fields.%s.value", field);
    json_t *rolled = ask_ok(store, "rollup", args);
    const char *found = json_string_value(member_of(rolled, path));
    if ((found == NULL) != (expected == NULL) || (found != NULL && strcmp(found, expected) != 0))
        fail_msg("%s %s: %s instead of %s", period, field, found, expected);
    json_decref(rolled);
}

static void assert_agree(struct offices *offices) {
    struct hash a = trust_digest(offices->root, &offices->unit, &offices->root->unit), b = trust_digest(offices->child, &offices->unit, &offices->root->unit);
    assert_memory_equal(a.b, b.b, sizeof a.b);
}

static int begin(void **state) {
    offices_setup(state);
    struct offices *offices = *state;
    offices_introduce(offices);
    ask_done(offices->root, "form.add", FORM);
    ask_done(offices->root, "form.add", LIST);
    carry(offices->root, offices->child, &offices->directive, true);
    put(offices->child, "2025-06",
        "'a':{'state':'value','value':'120'},'b':{'state':'value','value':'9'},'t':{'state':'value','value':'thư'},'top':{'state':'value','value':'7'}");
    return 0;
}

#define VALUE(field, number) "'" field "':{'state':'value','value':'" number "'}"

static void sums_go_on_and_nothing_else(void **state) {
    struct offices *offices = *state;
    assert_int_equal(cut(offices->child), 1);
    assert_int_equal(cut(offices->child), 0);            /* nothing has changed but by the cut itself */
    assert_total(offices->child, "2025-06", "a", "120"); /* where the record is, the record counts, once */
    go_up(offices);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM record"), 0);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 0);
    assert_total(offices->root, "2025-06", "a", "120");
    assert_total(offices->root, "2025-06", "b", "9");
    assert_total(offices->root, "2025-06", "top", NULL); /* the greatest of all says whose it is */
    json_t *rolled = ask_ok(offices->root, "rollup", "{'form':'f','period':'2025-Q2','unit':'00','by':'period'}");
    assert_json(member_of(rolled, "rows.2.fields.a.value"), "'120'");
    assert_json(member_of(rolled, "completeness.reported"), "1");
    json_decref(rolled);
    json_t *shown = ask_ok(offices->root, "show", "{'form':'f','period':'2025-06','unit':'01'}"),
           *at_home = ask_ok(offices->child, "show", "{'form':'f','period':'2025-06'}");
    assert_json(member_of(shown, "rows"), "[]");
    assert_json(member_of(shown, "extract.fields"),
                "{'a':{'state':'value','value':'120','contested':false},'b':{'state':'value','value':'9','contested':false}}");
    assert_json(member_of(shown, "extract.unit.code"), "'01'");
    assert_null(member_of(at_home, "extract"));
    json_decref(shown);
    json_decref(at_home);
    assert_agree(offices);
    assert_sound(offices->root);
    assert_sound(offices->child);
    assert_total(offices->root, "2025-06", "a", "120");
}

static void a_newer_version_replaces(void **state) {
    struct offices *offices = *state;
    assert_int_equal(cut(offices->child), 1);
    put(offices->child, "2025-06", VALUE("a", "121"));
    put(offices->child, "2025-07", VALUE("a", "5"));
    assert_int_equal(cut(offices->child), 1); /* both months in one change-set */
    go_up(offices);
    assert_total(offices->root, "2025-06", "a", "121");
    assert_total(offices->root, "2025-07", "a", "5");
    assert_int_equal(scratch_count(offices->root, "SELECT count(DISTINCT entry) FROM extract"), 2);
    put(offices->child, "2025-06", "'a':{'state':'missing'},'b':{'state':'na'}");
    assert_int_equal(cut(offices->child), 1);
    go_up(offices);
    assert_total(offices->root, "2025-06", "a", NULL);
    assert_total(offices->root, "2025-06", "b", NULL);
    assert_agree(offices);
    assert_sound(offices->root);
    /* What says nothing of its sums changes nothing above. */
    put(offices->child, "2025-07", "'t':{'state':'value','value':'khác'}");
    assert_int_equal(cut(offices->child), 0);
}

static void what_it_was_cut_from_takes_it_along(void **state) {
    struct offices *offices = *state;
    const struct log_id report = log_of(offices->child, LOG_REPORT);
    put(offices->child, "2025-07", VALUE("a", "5"));
    assert_int_equal(cut(offices->child), 1);
    go_up(offices);
    assert_total(offices->root, "2025-06", "a", "120");
    struct persist item = offices_item(offices->child, &report, 1);
    const struct ref first = {.log = report, .seq = 1, .hash = hash_short(&item.hash)};
    trust_erase(offices->root, &first, 1);
    assert_total(offices->root, "2025-06", "a", NULL);
    assert_total(offices->root, "2025-07", "a", "5");
    assert_sound(offices->root);
    carry(offices->root, offices->child, &offices->directive, true);
    assert_total(offices->child, "2025-06", "a", NULL);
    assert_agree(offices);
    assert_int_equal(cut(offices->child), 0); /* of a record that is no more, nothing is cut */
}

/* The reports past the cut fall, and the extract of them with them, though it stands in a log that is not cut there. */
static void a_cut_version_takes_it_along(void **state) {
    struct offices *offices = *state;
    const struct log_id report = log_of(offices->child, LOG_REPORT);
    assert_int_equal(cut(offices->child), 1);
    put(offices->child, "2025-07", VALUE("a", "5"));
    assert_int_equal(cut(offices->child), 1);
    go_up(offices);
    assert_total(offices->root, "2025-07", "a", "5");
    const struct log_id directive = log_of(offices->child, LOG_DIRECTIVE);
    struct persist item = offices_item(offices->child, &report, 1);
    struct ref upto[2] = {{.log = report, .seq = 1, .hash = hash_short(&item.hash)}};
    item = offices_item(offices->child, &directive, 2);
    upto[1] = (struct ref){.log = directive, .seq = 2, .hash = hash_short(&item.hash)};
    if (ref_compare(&upto[0], &upto[1]) > 0) {
        const struct ref other = upto[0];
        upto[0] = upto[1];
        upto[1] = other;
    }
    trust_revoke(offices->root, &offices->child->self, upto, 2, 2);
    assert_total(offices->root, "2025-06", "a", "120");
    assert_total(offices->root, "2025-07", "a", NULL);
    assert_sound(offices->root);
}

static void a_list_goes_on_as_one_line(void **state) {
    struct offices *offices = *state;
    for (int i = 1; i <= 3; i++) {
        char args[200];
        (void)snprintf(args, sizeof args, "{'form':'l','period':'2025-06','unit':'01','row':'r%d','cells':{'a':{'state':'value','value':'%d'%s}}}", i, 10 * i,
                       i == 2 ? ",'qualifier':'over'" : "");
        ask_done(offices->child, "put", args);
    }
    assert_int_equal(cut(offices->child), 2); /* one for each form */
    go_up(offices);
    json_t *rolled = ask_ok(offices->root, "rollup", "{'form':'l','period':'2025-06','unit':'00'}");
    assert_json(member_of(rolled, "fields.a"), "{'value':'60','contested':0,'qualifier':'over'}");
    json_decref(rolled);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM extract x JOIN form_key f ON f.id = x.form WHERE x.row = '*'"), 1);
    assert_agree(offices);
}

/* ---- extracts as another node of the office might write them ---- */

/* What the child would say of period 2025-06, were a this and its record cut from those entries: appended to its own log. seen: the logs that the header says
 * it has seen. */
static void say(struct store *store, int64_t a, const struct ref *cut_from, size_t count, bool bad) {
    const struct form_family *family;
    struct buffer payload = offices_buffer(), body = offices_buffer();
    struct extract *extract = calloc(1, sizeof *extract);
    struct record_key key = {.period = 12 * 2025 + 5};
    uint16_t ordinal = bad ? 3 : 0; /* the field top is not summed */
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT, .number = a};
    struct stored stored;
    assert_non_null(extract);
    assert_int_equal(form_view_find(store, bytes_of("f", 1), 0, false, &family), STATUS_OK);
    extract->put =
        (struct put){.form_version = family->newest->version, .record_count = 1, .column_count = 1, .keys = &key, .ordinals = &ordinal, .cells = &cell};
    extract->cut_count = count;
    memcpy(extract->cut, cut_from, count * sizeof *cut_from);
    assert_int_equal(extract_encode(extract, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_EXTRACT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    const struct term audience = {store->unit, SCOPE_UNIT};
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_RECORD, .audience_count = 1, .audience = &audience, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&payload);
    buffer_fini(&body);
    free(extract);
}

/* An extract cut from more than is here is not gone back behind: whoever cut it knows more. */
static void who_knows_less_does_not_cut(void **state) {
    struct offices *offices = *state;
    const struct log_id report = log_of(offices->child, LOG_REPORT);
    assert_int_equal(cut(offices->child), 1);
    const struct ref unknown = {.log = report, .seq = 9, .hash = {{1}}};
    say(offices->child, 130, &unknown, 1, false);
    assert_int_equal(cut(offices->child), 0);
    assert_total(offices->child, "2025-06", "a", "130"); /* the newest word, of what is not here yet */
    go_up(offices);
    assert_total(offices->root, "2025-06", "a", "130");
    assert_agree(offices);
}

static void what_does_not_fit_is_set_aside(void **state) {
    struct offices *offices = *state;
    const struct log_id report = log_of(offices->child, LOG_REPORT);
    struct persist item = offices_item(offices->child, &report, 1);
    const struct ref first = {.log = report, .seq = 1, .hash = hash_short(&item.hash)};
    say(offices->child, 130, &first, 1, true);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside WHERE reason = 201"), 1);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM extract"), 0);
    say(offices->child, 130, &first, 1, false); /* a lie about the own record: where that is known, it counts nowhere */
    assert_total(offices->child, "2025-06", "a", "120");
    assert_int_equal(cut(offices->child), 1); /* and is put right */
    go_up(offices);
    assert_total(offices->root, "2025-06", "a", "120");
    assert_agree(offices);
    assert_sound(offices->root);
}

/* ---- who cuts ---- */

static void whose_it_is_to_cut(void **state) {
    struct offices *offices = *state;
    const struct tree *tree = offices->root->tree;
    uint32_t child = tree_unit(tree, &offices->unit);
    assert_int_equal(extract_boundary(tree, child, 1), child);
    assert_int_equal(extract_boundary(tree, child, 2), child);     /* its own, whatever its level */
    assert_int_equal(extract_boundary(tree, child, 0), TREE_NONE); /* to the root */
    assert_int_equal(extract_boundary(tree, 0, 1), TREE_NONE);     /* the root's own */
    ask_done(offices->root, "unit.add", "{'code':'0101','name':'Xã','level':'3','parent':'01'}");
    uint32_t commune;
    assert_int_equal(tree_by_code(tree, bytes_of("0101", 4), TREE_TODAY, &commune, 1), 1);
    assert_int_equal(extract_boundary(tree, commune, 1), child);
    assert_int_equal(extract_boundary(tree, commune, 3), TREE_NONE); /* it stays there, where nobody is */
    assert_int_equal(cut(offices->root), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(sums_go_on_and_nothing_else), TEST(a_newer_version_replaces),    TEST(what_it_was_cut_from_takes_it_along), TEST(a_cut_version_takes_it_along),
        TEST(a_list_goes_on_as_one_line),  TEST(who_knows_less_does_not_cut), TEST(what_does_not_fit_is_set_aside),      TEST(whose_it_is_to_cut),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
