/* Looking after the store: the digest, the check that finds what the disk has changed, and the rebuild. */
#include "store_offices.h"

#include "protocol/trust.h"
#include "store/check.h"
#include "store/digest.h"

static struct hash digest(struct store *store, const struct unit_id *unit, const struct unit_id *with) {
    struct hash hash;
    uint32_t a = tree_unit(store->tree, unit), b = tree_unit(store->tree, with);
    assert_int_equal(digest_of(store, a, b, &hash), STATUS_OK);
    return hash;
}

static void assert_same(struct hash a, struct hash b) {
    assert_memory_equal(a.b, b.b, sizeof a.b);
}

static void assert_other(struct hash a, struct hash b) {
    assert_int_not_equal(memcmp(a.b, b.b, sizeof a.b), 0);
}

/* Carries all that the other lacks of a log. */
static void carry_all(struct store *from, struct store *to, const struct log_id *log) {
    struct replica replica;
    struct log_head head, held = {.seq = 0};
    store_replica(from, &replica);
    assert_int_equal(replica.ops->head(replica.ctx, log, &head), STATUS_OK);
    store_replica(to, &replica);
    (void)!replica.ops->head(replica.ctx, log, &held);
    for (uint64_t seq = held.seq + 1; seq <= head.seq; seq++)
        assert_int_equal(offices_carry(from, to, log, seq, true), STATUS_OK);
}

static void two_that_hold_as_much_agree(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    const struct unit_id *unit = &offices->unit, *top = &root->unit;
    offices_introduce(offices);
    struct hash before = digest(root, unit, top);
    assert_same(before, digest(child, unit, top));
    assert_same(before, digest(root, top, unit)); /* the lower of the two, whichever is named first */
    /* What the one knows and the other does not yet: */
    struct stored stored = offices_document(child, LOG_REPORT, top, "x", 1);
    assert_other(before, digest(child, unit, top));
    carry_all(child, root, &stored.ref.log);
    assert_same(digest(child, unit, top), digest(root, unit, top));
    /* What the other may not hold does not enter: */
    before = digest(root, unit, top);
    offices_document(root, LOG_DIRECTIVE, top, "among ourselves", 1);
    assert_same(before, digest(root, unit, top));
    assert_other(before, digest(root, top, top));
    offices_rename(root, "Another");
    carry_all(root, child, &offices->directive);
    assert_other(before, digest(root, unit, top));
    assert_same(digest(child, unit, top), digest(root, unit, top));
}

/* An entry of class document that has no document in it is one all the same (docs/protocol.md 12, item 6). */
static void a_reason_alone_is_in_the_digest(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    struct buffer payload = offices_buffer(), body = offices_buffer();
    struct stored stored;
    offices_introduce(offices);
    struct hash before = digest(child, &offices->unit, &offices->unit);
    assert_int_equal(reason_encode(bytes_of("lost", 4), &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_REASON, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    const struct term audience = {.unit = offices->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_DOCUMENT, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(child), STATUS_OK);
    assert_int_equal(log_append(child, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(child), STATUS_OK);
    assert_int_equal(store_commit(child), STATUS_OK);
    assert_other(before, digest(child, &offices->unit, &offices->unit));
    buffer_fini(&payload);
    buffer_fini(&body);
}

static void units_apart_have_no_digest(void **state) {
    struct offices *offices = *state;
    struct buffer payload = offices_buffer();
    const uint8_t nonce[16] = {77};
    const struct unit_change creation = {
        .parent = offices->root->unit, .level = 1, .code = bytes_of("02", 2), .name = bytes_of("Huế", strlen("Huế")), .line = {1, {offices->root->unit}}};
    assert_int_equal(unit_change_encode(&creation, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_UNIT, .payload = buffer_bytes(&payload)};
    offices_control(offices->root, nonce, &change, 1);
    struct unit_id sibling;
    struct hash hash;
    keys_unit_id(&sibling, &offices->root->founding.association, nonce, 0);
    struct tree *tree = offices->root->tree;
    assert_int_equal(digest_of(offices->root, tree_unit(tree, &sibling), tree_unit(tree, &offices->unit), &hash), STATUS_UNIT_OUTSIDE);
    buffer_fini(&payload);
}

static void a_rebuild_comes_to_the_same(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    offices_document(root, LOG_DIRECTIVE, &offices->unit, "x", 1);
    offices_rename(root, "Another");
    struct hash before = digest(root, &root->unit, &root->unit);
    uint64_t version = store_version(root);
    int64_t entries = 0, records = -1;
    assert_int_equal(db_script(root->db, "DELETE FROM document; DELETE FROM fact WHERE entry = 1"), STATUS_OK);
    assert_other(before, digest(root, &root->unit, &root->unit));
    assert_int_equal(rebuild_run(root, &entries, &records), STATUS_OK);
    assert_int_equal(entries, 4);
    assert_int_equal(records, 0);
    assert_true(store_version(root) > version);
    assert_same(before, digest(root, &root->unit, &root->unit));
    assert_true(bytes_equal(tree_name(root->tree, 0, TREE_TODAY), bytes_of("Another", 7)));
}

/* What is set aside is derived like everything else, and still there to be tried again. */
static void a_rebuild_sets_aside_again(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    offices_document(offices->child, LOG_REPORT, &offices->root->unit, "one that stands", 1);
    const struct unit_id nobody = {{99}};
    struct stored stored = offices_document(offices->child, LOG_REPORT, &nobody, "for a unit that is not known", 1);
    assert_int_equal(scratch_count(offices->child, "SELECT reason FROM set_aside"), STATUS_UNIT_UNKNOWN);
    assert_int_equal(rebuild_run(offices->child, NULL, NULL), STATUS_OK);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside"), 1);
    assert_int_equal(scratch_count(offices->child, "SELECT entry FROM set_aside"), stored.id);
}

/* ---- check ---- */

static size_t findings(struct store *store, const char *expected, bool *as_expected) {
    struct check_counts counts;
    json_t *list = json_array();
    assert_int_equal(check_run(store, list, &counts), STATUS_OK);
    size_t count = json_array_size(list);
    *as_expected = false;
    for (size_t i = 0; i < count; i++)
        *as_expected |= expected != NULL && strcmp(json_string_value(json_object_get(json_array_get(list, i), "what")), expected) == 0;
    json_decref(list);
    return count;
}

static void a_whole_store_has_no_findings(void **state) {
    struct offices *offices = *state;
    bool found;
    assert_int_equal(findings(offices->child, NULL, &found), 0); /* before it has heard anything */
    offices_introduce(offices);
    struct stored stored = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "x", 1);
    carry_all(offices->child, offices->root, &stored.ref.log);
    assert_int_equal(findings(offices->child, NULL, &found), 0);
    assert_int_equal(findings(offices->root, NULL, &found), 0);
    struct check_counts counts;
    json_t *list = json_array();
    assert_int_equal(check_run(offices->root, list, &counts), STATUS_OK);
    assert_int_equal(counts.entries, 3);
    assert_int_equal(counts.units, 2);
    json_decref(list);
    /* And it has changed nothing, nor left anything open. */
    assert_false(db_in_transaction(offices->root->db));
    offices_rename(offices->root, "After");
}

/* Each with what it must be found as; the statement changes one thing in the root's store. */
static const struct damage {
    const char *sql, *what;
} damages[] = {
    {"UPDATE entry SET header = CAST(substr(header, 1, length(header) - 1) || x'01' AS BLOB) WHERE id = 1", "header damaged"},
    {"UPDATE entry SET signature = zeroblob(64) WHERE id = 1", "signature bad"},
    {"UPDATE entry SET salt = zeroblob(32) WHERE id = 3", "body damaged"},
    {"DELETE FROM entry WHERE id = 2", "chain broken"},
    {"UPDATE log SET head_seq = head_seq + 1 WHERE id = 1", "head of the log is not its last entry"},
    {"UPDATE log SET bodies = 0 WHERE id = 1", "count of bodies wrong"},
    {"UPDATE receipt SET signature = zeroblob(64)", "receipt damaged"},
    {"DELETE FROM document", "views are not what the logs say: run rebuild"},
    {"INSERT INTO fork VALUES(1, 1, zeroblob(32), x'01', zeroblob(64))", "evidence of a fork damaged"},
};

static void each_damage_is_found(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct stored stored = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "x", 1);
    carry_all(offices->child, offices->root, &stored.ref.log);
    offices_document(offices->root, LOG_DIRECTIVE, &offices->unit, "x", 1);
    store_close(offices->root);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char copy[SCRATCH_PATH];
        bool found;
        (void)snprintf(copy, sizeof copy, "%.120s/copy-%zu", offices->dir, i);
        scratch_copy(offices->root_dir, copy);
        struct store *store = scratch_open(copy);
        assert_int_equal(db_script(store->db, damages[i].sql), STATUS_OK);
        assert_true(findings(store, damages[i].what, &found) > 0);
        if (!found)
            print_error("not found: %s\n", damages[i].what);
        assert_true(found);
        store_close(store);
    }
    offices->root = scratch_open(offices->root_dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_that_hold_as_much_agree, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_reason_alone_is_in_the_digest, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(units_apart_have_no_digest, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_rebuild_comes_to_the_same, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_rebuild_sets_aside_again, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_whole_store_has_no_findings, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(each_damage_is_found, offices_setup, offices_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
