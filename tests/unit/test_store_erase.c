/* Erasing a body: it goes from the log and from the views, figures fall back as if it had been withheld, and it does not come back by any way. */
#include "store_ask.h"
#include "store_trust.h"

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

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_figure_falls_back),
        TEST(it_does_not_come_back),
        TEST(what_was_applied_goes),
        TEST(an_erasure_that_falls),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
