/* What the evidence of a fork does to a store: both branches wait; a senior's decision or pin lets one stand, and where it is not the one that is held, that
 * one makes room, is kept, and comes back if it is pinned after all. */
#include "store_trust.h"

#include "store/branch.h"

struct forks {
    struct offices *offices;
    struct stored honest[3]; /* of the child's report log, as the child wrote it */
    struct forged copied[2]; /* at seq 2 and 3, by somebody with a copy of its key; the first has the higher hash */
};

static struct log_id report(const struct forks *forks) {
    return forks->honest[0].ref.log;
}

static struct hash full_hash(struct store *store, const struct ref *ref) {
    struct persist item = offices_item(store, &ref->log, ref->seq);
    return item.hash;
}

static int begin(void **state) {
    struct forks *forks = calloc(1, sizeof *forks);
    assert_non_null(forks);
    offices_setup((void **)&forks->offices);
    struct offices *offices = forks->offices;
    struct store *child = offices->child, *root = offices->root;
    offices_introduce(offices);
    for (size_t i = 0; i < 3; i++)
        forks->honest[i] = offices_document(child, LOG_REPORT, &root->unit, "thư", 1);
    const struct log_id log = report(forks);
    struct hash first = full_hash(child, &forks->honest[0].ref);
    uint8_t mark = 1;
    forge(&forks->copied[0], child, &log, 2, &first, &root->unit, mark++);
    while (memcmp(forks->copied[0].hash.b, forks->honest[1].hash.b, sizeof first.b) < 0) {
        forged_free(&forks->copied[0]);
        forge(&forks->copied[0], child, &log, 2, &first, &root->unit, mark++);
    }
    forge(&forks->copied[1], child, &log, 3, &forks->copied[0].hash, &root->unit, mark);
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_int_equal(offices_carry(child, root, &log, seq, true), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 3);
    *state = forks;
    return 0;
}

static int end(void **state) {
    struct forks *forks = *state;
    forged_free(&forks->copied[0]);
    forged_free(&forks->copied[1]);
    void *offices = forks->offices;
    offices_teardown(&offices);
    free(forks);
    return 0;
}

static uint64_t head(struct store *store, const struct log_id *log) {
    struct replica replica;
    struct log_head out = {.seq = 0};
    store_replica(store, &replica);
    assert_int_equal(replica.ops->head(replica.ctx, log, &out), STATUS_OK);
    return out.seq;
}

static void assert_state(struct store *store, const struct log_id *log, uint64_t seq, int64_t documents, int64_t forked, int64_t fallen) {
    assert_int_equal(head(store, log), seq);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM document"), documents);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM set_aside WHERE reason = 305"), forked);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM fallen"), fallen);
    assert_sound(store);
}

static void both_branches_wait(void **state) {
    struct forks *forks = *state;
    struct store *root = forks->offices->root;
    const struct log_id log = report(forks);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    assert_state(root, &log, 3, 1, 2, 0);
    /* It is kept: the same after a start, whatever comes behind. */
    store_close(root);
    root = forks->offices->root = scratch_open(forks->offices->root_dir);
    assert_state(root, &log, 3, 1, 2, 0);
    struct stored later = offices_document(forks->offices->child, LOG_REPORT, &root->unit, "bốn", 1);
    assert_int_equal(offices_carry(forks->offices->child, root, &log, later.ref.seq, true), STATUS_OK);
    assert_state(root, &log, 4, 1, 3, 0);
}

static void a_decision_ends_the_log_where_it_says(void **state) {
    struct forks *forks = *state;
    struct store *root = forks->offices->root;
    const struct log_id log = report(forks);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    trust_decide(root, &forks->honest[1].ref, &forks->copied[0].ref, 1);
    assert_state(root, &log, 3, 2, 0, 0);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside WHERE reason = 313"), 1);
}

static void a_pin_of_what_is_held_lets_it_stand(void **state) {
    struct forks *forks = *state;
    struct store *root = forks->offices->root;
    const struct log_id log = report(forks);
    trust_pin(root, &forks->honest[2].ref, 1);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK); /* evidence only */
    assert_state(root, &log, 3, 3, 0, 0);
}

static void the_pinned_branch_comes_in_place_of_the_held(void **state) {
    struct forks *forks = *state;
    struct store *root = forks->offices->root, *child = forks->offices->child;
    const struct log_id log = report(forks);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    trust_pin(root, &forks->copied[0].ref, 1);
    assert_state(root, &log, 1, 1, 0, 2); /* room is made, and nothing is lost */
    assert_int_equal(scratch_count(root, "SELECT bodies FROM log WHERE kind = 1"), 1);
    assert_int_equal(scratch_count(root, "SELECT applied FROM log WHERE kind = 1"), 1);
    struct receipt receipt;
    struct replica replica;
    store_replica(root, &replica);
    assert_int_equal(replica.ops->receipt(replica.ctx, &root->self, &log, &receipt, NULL), STATUS_OK);
    assert_int_equal(receipt.seq, 1);
    /* Who still holds the other branch sends it again: it stays where it is. */
    assert_int_equal(offices_carry(child, root, &log, 2, true), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &log, 3, true), STATUS_OK);
    assert_state(root, &log, 1, 1, 0, 2);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(forged_give(root, &forks->copied[1], PERSIST_ENTRY), STATUS_OK);
    assert_state(root, &log, 3, 3, 0, 2);
    /* The child learns that its log is not its own any more. */
    bool fallen = true;
    assert_int_equal(branch_log_fallen(child, LOG_REPORT, &fallen), STATUS_OK);
    assert_false(fallen);
    const struct log_id directive = forks->offices->directive;
    for (uint64_t seq = head(child, &directive) + 1; seq <= head(root, &directive); seq++)
        assert_int_equal(offices_carry(root, child, &directive, seq, true), STATUS_OK);
    assert_int_equal(forged_give(child, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    assert_state(child, &log, 1, 1, 0, 2);
    assert_int_equal(branch_log_fallen(child, LOG_REPORT, &fallen), STATUS_OK);
    assert_true(fallen);
    assert_int_equal(branch_log_fallen(child, LOG_DIRECTIVE, &fallen), STATUS_OK);
    assert_false(fallen);
}

/* Of two pins of one author the one that comes first in the order of refs holds: here that of the branch that had fallen. It comes back by itself. */
static void a_branch_comes_back(void **state) {
    struct forks *forks = *state;
    struct store *root = forks->offices->root;
    const struct log_id log = report(forks);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    trust_pin(root, &forks->copied[0].ref, 1);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(forged_give(root, &forks->copied[1], PERSIST_ENTRY), STATUS_OK);
    assert_state(root, &log, 3, 3, 0, 2);
    trust_pin(root, &forks->honest[1].ref, 2);
    assert_state(root, &log, 3, 3, 0, 2);
    struct persist held = offices_item(root, &log, 3);
    assert_memory_equal(held.hash.b, forks->honest[2].hash.b, sizeof held.hash.b);
    store_close(root);
    root = forks->offices->root = scratch_open(forks->offices->root_dir);
    assert_state(root, &log, 3, 3, 0, 2);
}

/* The everyday theft: the thief's entries came first, and a revocation names as last good an entry of the office's own branch that nobody here has. Whichever
 * branch is shown has its turn. */
static void the_branch_of_a_pin_that_is_not_held_has_its_turn(void **state) {
    struct forks *forks = *state;
    struct offices *offices = forks->offices;
    struct store *root = offices->root;
    const struct log_id log = report(forks);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    trust_revoke(root, &offices->child->self, &forks->copied[1].ref, 1, 1); /* names seq 3 of the other branch */
    assert_int_equal(head(root, &log), 1);                                  /* as seq 3 is held, and another */
    for (uint64_t seq = 2; seq <= 3; seq++)
        assert_int_equal(offices_carry(offices->child, root, &log, seq, true), STATUS_OK);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(forged_give(root, &forks->copied[1], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(head(root, &log), 3);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM document"), 3);
    struct persist held = offices_item(root, &log, 3);
    assert_memory_equal(held.hash.b, forks->copied[1].hash.b, sizeof held.hash.b);
    assert_sound(root);
}

/* The evidence first, then the entries; the pin before, between or after: one digest. */
static void the_order_makes_no_difference(void **state) {
    struct forks *forks = *state;
    struct offices *offices = forks->offices;
    struct store *root = offices->root;
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    trust_pin(root, &forks->copied[0].ref, 1);
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(forged_give(root, &forks->copied[1], PERSIST_ENTRY), STATUS_OK);
    struct hash swapped = trust_digest(root, &offices->unit, &root->unit);
    /* The child holds the other branch, hears of the pin, then of the evidence, then gets the entries. */
    const struct log_id directive = offices->directive;
    for (uint64_t seq = head(offices->child, &directive) + 1; seq <= head(root, &directive); seq++)
        assert_int_equal(offices_carry(root, offices->child, &directive, seq, true), STATUS_OK);
    assert_int_equal(forged_give(offices->child, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    assert_int_equal(forged_give(offices->child, &forks->copied[0], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(forged_give(offices->child, &forks->copied[1], PERSIST_ENTRY), STATUS_OK);
    struct hash other = trust_digest(offices->child, &offices->unit, &root->unit);
    assert_memory_equal(swapped.b, other.b, sizeof other.b);
}

/* What fell may come back: check looks at it as at what stands. */
static void what_fell_is_checked(void **state) {
    static const struct {
        const char *damage, *found;
    } DAMAGES[] = {
        {"UPDATE fallen SET salt = zeroblob(32) WHERE seq = 2", "body damaged"},
        {"UPDATE fallen SET signature = zeroblob(64) WHERE seq = 2", "signature bad"},
        {"UPDATE fallen SET header = CAST(substr(header, 1, length(header) - 1) || x'01' AS BLOB) WHERE seq = 2", "header damaged"},
        {"DELETE FROM fallen WHERE seq = 2", "chain broken"},
    };
    struct forks *forks = *state;
    struct store *root = forks->offices->root;
    struct check_counts counts;
    assert_int_equal(forged_give(root, &forks->copied[0], PERSIST_FORK), STATUS_OK);
    trust_pin(root, &forks->copied[0].ref, 1);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM fallen"), 2);
    assert_sound(root);
    for (size_t i = 0; i < sizeof DAMAGES / sizeof *DAMAGES; i++) {
        json_t *findings = json_array();
        assert_int_equal(db_begin(root->db), STATUS_OK);
        assert_int_equal(db_script(root->db, DAMAGES[i].damage), STATUS_OK);
        assert_int_equal(db_commit(root->db), STATUS_OK);
        assert_int_equal(check_run(root, findings, &counts), STATUS_OK);
        bool found = false;
        for (size_t k = 0; k < json_array_size(findings); k++)
            found |= strcmp(json_string_value(json_object_get(json_array_get(findings, k), "what")), DAMAGES[i].found) == 0;
        if (!found)
            fail_msg("%s: %s", DAMAGES[i].damage, json_dumps(findings, 0));
        json_decref(findings);
    }
}

/* Two offices hold one branch each of a fork that nobody has settled; of both the entry would be set aside whatever became of its log. */
static void an_open_fork_says_nothing_in_a_digest(void **state) {
    static const uint8_t CRITICAL[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00}; /* [[1, true, ""]] */
    struct forks *forks = *state;
    struct offices *offices = forks->offices;
    struct store *root = offices->root, *child = offices->child;
    struct hash last = full_hash(child, &forks->honest[2].ref);
    struct forged branches[2];
    for (uint8_t i = 0; i < 2; i++)
        forge_extended(&branches[i], child, &forks->honest[0].ref.log, 4, &last, &root->unit, i, bytes_of(CRITICAL, sizeof CRITICAL));
    assert_int_equal(forged_give(root, &branches[0], PERSIST_ENTRY), STATUS_OK);
    assert_int_equal(forged_give(child, &branches[1], PERSIST_ENTRY), STATUS_OK);
    struct hash one = trust_digest(root, &offices->unit, &root->unit), other = trust_digest(child, &offices->unit, &root->unit);
    assert_memory_not_equal(one.b, other.b, sizeof one.b); /* neither has heard of the other branch */
    assert_int_equal(forged_give(root, &branches[1], PERSIST_FORK), STATUS_OK);
    assert_int_equal(forged_give(child, &branches[0], PERSIST_FORK), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside WHERE reason = 205"), 1);
    one = trust_digest(root, &offices->unit, &root->unit);
    other = trust_digest(child, &offices->unit, &root->unit);
    assert_memory_equal(one.b, other.b, sizeof one.b);
    forged_free(&branches[0]);
    forged_free(&branches[1]);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(both_branches_wait),
        TEST(a_decision_ends_the_log_where_it_says),
        TEST(a_pin_of_what_is_held_lets_it_stand),
        TEST(the_pinned_branch_comes_in_place_of_the_held),
        TEST(a_branch_comes_back),
        TEST(the_branch_of_a_pin_that_is_not_held_has_its_turn),
        TEST(the_order_makes_no_difference),
        TEST(an_open_fork_says_nothing_in_a_digest),
        TEST(what_fell_is_checked),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
