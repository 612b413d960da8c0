/* What a cut does to a store: everything past it is set aside, with all that rests on it; what stood before returns; and it all comes back when the cut does
 * not hold any more. And: control changes go ahead of whatever is missing before them. */
#include "store_ask.h"
#include "store_trust.h"

#define FORM "{'form':{'name':'%s','period':'month','levels':[0,1],'fields':[{'name':'a','type':'integer'}]}}"
#define PUT "{'form':'%s','period':'2025-06','cells':{'a':{'state':'value','value':'%s'}}}"

static struct ref head_of(struct store *store, const struct node_id *node, uint8_t kind) {
    struct query query = db_query(store->db, "SELECT epoch, head_seq, head_hash FROM log WHERE node = ? AND kind = ?");
    query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
    query_bind_int(&query, kind);
    struct ref ref = {.log = {.node = *node, .kind = kind}};
    struct hash hash;
    assert_true(query_next(&query));
    query_fixed(&query, 0, ref.log.epoch.b, sizeof ref.log.epoch.b);
    ref.seq = (uint64_t)query_int(&query, 1);
    query_fixed(&query, 2, hash.b, sizeof hash.b);
    ref.hash = hash_short(&hash);
    assert_int_equal(query_end(&query), STATUS_OK);
    return ref;
}

/* All that the other lacks of one log. */
static void carry(struct store *from, struct store *to, const struct node_id *node, uint8_t kind) {
    struct ref head = head_of(from, node, kind);
    struct replica other;
    struct log_head held = {.seq = 0};
    store_replica(to, &other);
    (void)!other.ops->head(other.ctx, &head.log, &held);
    for (uint64_t seq = held.seq + 1; seq <= head.seq; seq++)
        assert_int_equal(offices_carry(from, to, &head.log, seq, true), STATUS_OK);
    assert_int_equal(to->apply_status, STATUS_OK);
}

static void put(struct store *store, const char *form, const char *value) {
    char args[200];
    (void)snprintf(args, sizeof args, PUT, form, value);
    ask_done(store, "put", args);
}

static void add_form(struct store *store, const char *name) {
    char args[200];
    (void)snprintf(args, sizeof args, FORM, name);
    ask_done(store, "form.add", args);
}

/* NULL: nothing. */
static void assert_value(struct store *store, const char *form, const char *value) {
    char args[200];
    (void)snprintf(args, sizeof args, "{'form':'%s','period':'2025-06','unit':'01'}", form);
    json_t *shown = ask_ok(store, "show", args);
    const char *found = json_string_value(member_of(shown, "rows.0.fields.a.value"));
    if ((found == NULL) != (value == NULL) || (value != NULL && strcmp(found, value) != 0))
        fail_msg("%s instead of %s", found, value);
    json_decref(shown);
}

static int64_t aside(struct store *store, enum status reason) {
    struct query query = db_query(store->db, "SELECT count(*) FROM set_aside WHERE reason = ?");
    query_bind_int(&query, reason);
    assert_true(query_next(&query));
    int64_t count = query_int(&query, 0);
    assert_int_equal(query_end(&query), STATUS_OK);
    return count;
}

/* The child has put 5, then 8, by the root's form. */
static int begin(void **state) {
    offices_setup(state);
    struct offices *offices = *state;
    offices_introduce(offices);
    add_form(offices->root, "f");
    carry(offices->root, offices->child, &offices->root->self, LOG_DIRECTIVE);
    put(offices->child, "f", "5");
    put(offices->child, "f", "8");
    carry(offices->child, offices->root, &offices->child->self, LOG_REPORT);
    return 0;
}

static void what_a_cut_leaves_returns(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct ref last = head_of(child, &child->self, LOG_REPORT), first = last;
    struct hash hash;
    struct query query = db_query(child->db, "SELECT hash FROM entry WHERE seq = 1 AND log = (SELECT id FROM log WHERE kind = 1)");
    assert_true(query_next(&query));
    query_fixed(&query, 0, hash.b, sizeof hash.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    first.seq = 1;
    first.hash = hash_short(&hash);
    struct hash before = trust_digest(root, &offices->unit, &root->unit);
    assert_value(root, "f", "8");
    trust_revoke(root, &child->self, &first, 1, 1);
    assert_value(root, "f", "5"); /* the nearest write before it */
    assert_int_equal(aside(root, STATUS_AUTHOR_CUT), 1);
    assert_sound(root);
    struct hash cut = trust_digest(root, &offices->unit, &root->unit);
    assert_memory_not_equal(before.b, cut.b, sizeof cut.b);
    /* Its author sees it by name, with the reason. */
    carry(root, child, &root->self, LOG_DIRECTIVE);
    assert_value(child, "f", "5");
    json_t *status = ask_ok(child, "status", "{}");
    assert_json(member_of(status, "own_aside.0.status"), "313");
    json_decref(status);
    /* Its issuer has thought better of it. */
    trust_revoke(root, &child->self, &last, 1, 2);
    assert_value(root, "f", "8");
    assert_int_equal(aside(root, STATUS_AUTHOR_CUT), 0);
    assert_sound(root);
    carry(root, child, &root->self, LOG_DIRECTIVE);
    assert_value(child, "f", "8");
    /* And at 0 nothing is left. */
    trust_revoke(root, &child->self, NULL, 0, 3);
    assert_value(root, "f", NULL);
    assert_int_equal(aside(root, STATUS_AUTHOR_CUT), 2);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM record"), 0);
    assert_sound(root);
}

/* The cut first and the entries after it, or the other way round: one digest. */
static void what_comes_after_the_cut_is_set_aside(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct ref last = head_of(child, &child->self, LOG_REPORT);
    trust_revoke(root, &child->self, &last, 1, 1);
    assert_int_equal(aside(root, STATUS_AUTHOR_CUT), 0);
    put(child, "f", "9");
    offices_document(child, LOG_REPORT, &root->unit, "sau", 1);
    carry(child, root, &child->self, LOG_REPORT);
    assert_value(root, "f", "8");
    assert_int_equal(aside(root, STATUS_AUTHOR_CUT), 2);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 0);
    assert_sound(root);
    struct hash late = trust_digest(root, &offices->unit, &root->unit);
    carry(root, child, &root->self, LOG_DIRECTIVE);
    assert_value(child, "f", "8");
    struct hash early = trust_digest(child, &offices->unit, &root->unit);
    assert_memory_equal(late.b, early.b, sizeof late.b);
    struct receipt receipt;
    struct replica replica;
    store_replica(root, &replica);
    assert_int_equal(replica.ops->receipt(replica.ctx, &root->self, &last.log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.applied, last.seq + 2);
    assert_int_equal(receipt.aside, 2);
}

/* A form past the cut falls, the figures under it wait for it, and come back with it. */
static void forms_and_what_rests_on_them_fall(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    add_form(child, "own");
    put(child, "own", "3");
    carry(child, root, &child->self, LOG_DIRECTIVE);
    carry(child, root, &child->self, LOG_REPORT);
    assert_value(root, "own", "3");
    struct ref report = head_of(child, &child->self, LOG_REPORT), both[2] = {head_of(child, &child->self, LOG_DIRECTIVE), report};
    if (ref_compare(&both[0], &both[1]) > 0) {
        both[1] = both[0];
        both[0] = report;
    }
    trust_revoke(root, &child->self, &report, 1, 1); /* the directive log at 0 */
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM form"), 1);
    assert_int_equal(aside(root, STATUS_AUTHOR_CUT), 1);
    assert_int_equal(aside(root, STATUS_FORM_UNKNOWN), 1);
    assert_value(root, "f", "8");
    assert_sound(root);
    trust_revoke(root, &child->self, both, 2, 2);
    assert_value(root, "own", "3");
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside"), 0);
    assert_sound(root);
}

/* ---- ahead ---- */

/* A body of a record or document that is missing holds up records and documents behind it; control changes go ahead, whether the one or the other comes first.
 */
static void control_goes_ahead_of_missing_bodies(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct unit_id above = root->unit;
    struct stored letter = offices_document(child, LOG_DIRECTIVE, &above, "thư", 1);
    add_form(child, "own");
    struct stored second = offices_document(child, LOG_DIRECTIVE, &above, "nữa", 1);
    assert_int_equal(offices_carry(child, root, &letter.ref.log, 1, false), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &letter.ref.log, 2, true), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &letter.ref.log, 3, true), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM form"), 2);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 0);
    struct receipt receipt;
    struct replica replica;
    store_replica(root, &replica);
    assert_int_equal(replica.ops->receipt(replica.ctx, &root->self, &letter.ref.log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, 3);
    assert_int_equal(receipt.applied, 0); /* all up to it, not what went ahead */
    assert_sound(root);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM form"), 2);
    assert_int_equal(offices_carry(child, root, &letter.ref.log, 1, true), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 2);
    assert_int_equal(replica.ops->receipt(replica.ctx, &root->self, &letter.ref.log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.applied, second.ref.seq);
    assert_sound(root);
}

/* Of control bodies each may change what those behind it are worth: there the order is kept. */
static void a_missing_control_body_holds_up_control(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    add_form(child, "own");
    add_form(child, "other");
    struct ref head = head_of(child, &child->self, LOG_DIRECTIVE);
    assert_int_equal(offices_carry(child, root, &head.log, 1, false), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &head.log, 2, true), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM form"), 1);
    assert_int_equal(offices_carry(child, root, &head.log, 1, true), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM form"), 3);
    assert_sound(root);
}

/* The cut is there before the log that it cuts, and nothing else of weight is said until another one replaces it. */
static void what_came_behind_its_cut_stands_when_that_is_replaced(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct stored first = offices_document(child, LOG_DIRECTIVE, &offices->unit, "một", 1);
    struct stored second = offices_document(child, LOG_DIRECTIVE, &offices->unit, "hai", 1);
    trust_revoke(root, &child->self, &first.ref, 1, 1);
    carry(child, root, &child->self, LOG_DIRECTIVE);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 1);
    trust_revoke(root, &child->self, &second.ref, 1, 2);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 2);
    assert_sound(root);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_a_cut_leaves_returns),
        TEST(what_comes_after_the_cut_is_set_aside),
        TEST(forms_and_what_rests_on_them_fall),
        TEST(control_goes_ahead_of_missing_bodies),
        TEST(a_missing_control_body_holds_up_control),
        TEST(what_came_behind_its_cut_stands_when_that_is_replaced),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
