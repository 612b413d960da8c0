/* Histories with revocations, pins, moves, handovers, forks, erasures and accepts among everything else, given to stores in many orders, some bodies after
 * their headers: whatever comes first, all conclude the same, and what rebuild concludes. Every store gets all of it, also what a session would not take yet:
 * what a session takes is another matter.
 *
 *     test_store_trust [FIRST [COUNT [ORDERS [ENTRIES]]]]      seeds from FIRST; of each so many orders
 *     test_store_trust 1 1 1000 500                            the long run: five hundred change-sets in a thousand orders
 *
 * Views are compared as they are kept and by the digests of all pairs of units; that each kind of change is there, and counts, is looked at too. */
#include "trust_tell.h"
#include "trust_trial.h"

#include "store/digest.h"

enum { SEEDS = 3, ORDERS = 25, ENTRIES = 200, LARGE_SEED = 1, LARGE_ENTRIES = 500, LARGE_ORDERS = 5, PAIRS_MAX = HISTORY_UNITS * (LINE_UNITS_MAX + 1) };

/* ---- what a store concludes ---- */

struct outcome {
    struct hash digests[PAIRS_MAX]; /* of each unit that stands with itself and each unit above it */
    size_t count;
    char *views, *held;
};

static void outcome_take(struct outcome *out, struct office *office) {
    const struct tree *tree = office->store->tree;
    out->count = 0;
    for (size_t i = 0; i < office->history->unit_count; i++) {
        uint32_t unit = tree_unit(tree, &office->history->units[i].id);
        for (uint32_t above = unit; above != TREE_NONE; above = tree_parent(tree, above, TREE_TODAY))
            assert_int_equal(digest_of(office->store, unit, above, &out->digests[out->count++]), STATUS_OK);
    }
    out->views = tell_views(office);
    out->held = tell_held(office);
}

static void outcome_free(struct outcome *outcome) {
    free(outcome->views);
    free(outcome->held);
    *outcome = (struct outcome){.count = 0};
}

static size_t differences;

static void compare(uint64_t seed, uint64_t order, const char *how, const struct outcome *one, const struct outcome *other) {
    bool same = one->count == other->count && memcmp(one->digests, other->digests, one->count * sizeof *one->digests) == 0;
    if (same && strcmp(one->views, other->views) == 0)
        return;
    print_error("seed %llu, order %llu: %s%s\n", (unsigned long long)seed, (unsigned long long)order, how, same ? ", by the same digests" : "");
    tell_lacking("-", one->views, other->views);
    tell_lacking("+", other->views, one->views);
    tell_lacking("-", one->held, other->held);
    tell_lacking("+", other->held, one->held);
    differences++;
}

/* ---- how much of everything there is ---- */

/* Of each kind of change: how many there are, and of how many nothing is set aside. */
static const struct share {
    const char *what, *sql;
} SHARES[] = {
    {"admissions", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind = 7"},
    {"revocations", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind = 8"},
    {"pins", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind = 9"},
    {"moves", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind IN (3, 4, 5)"},
    {"handovers", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind = 6"},
    {"fork decisions", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind = 10"},
    {"erasures, accepts", "SELECT count(*), sum(s.reason IS NULL) FROM fact f LEFT JOIN set_aside s USING (entry, place) WHERE f.kind IN (18, 22)"},
    {"forked logs, not ended by it",
     "SELECT count(DISTINCT f.log), count(DISTINCT CASE WHEN l.stands >= f.seq THEN l.id END) FROM fork f JOIN log l ON l.id = f.log"},
    {"entries past a cut, a fork",
     "SELECT count(DISTINCT entry) FILTER (WHERE reason = 313), count(DISTINCT entry) FILTER (WHERE reason = 305) FROM set_aside"},
    {"entries past a handover, of records",
     "SELECT count(DISTINCT entry), count(DISTINCT entry) FILTER (WHERE entry NOT IN (SELECT entry FROM fact)) FROM set_aside WHERE reason = 315"},
    {"records, contested", "SELECT count(*), coalesce(sum(contested), 0) FROM record"},
    {"documents", "SELECT count(*), count(DISTINCT entry) FROM document"},
};
enum { SHARE_COUNT = sizeof SHARES / sizeof *SHARES };
static int64_t shares[SHARE_COUNT][2]; /* over all seeds */

static void tell_shares(const struct office *office, uint64_t seed) {
    print_message("seed %llu: %zu change-sets in %zu logs of %zu nodes, %zu units\n", (unsigned long long)seed, office->history->entry_count,
                  office->history->log_count, office->history->node_count, office->history->unit_count);
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        struct query query = db_query(office->store->db, SHARES[i].sql);
        assert_true(query_next(&query));
        int64_t all = query_int(&query, 0), stand = query_int(&query, 1);
        assert_int_equal(query_end(&query), STATUS_OK);
        print_message("    %s: %lld, %lld\n", SHARES[i].what, (long long)all, (long long)stand);
        shares[i][0] += all;
        shares[i][1] += stand;
    }
}

/* ---- all of them ---- */

static void one_order(const struct trial *trial, uint64_t seed, uint64_t order, struct outcome *expected) {
    char dir[SCRATCH_PATH];
    struct outcome found, rebuilt;
    struct office office = {.history = trial->history, .unit = 0, .late = order % 2 == 1};
    random_init(&office.random, seed * 1000003 + order);
    scratch_make(dir);
    office_open(&office, dir);
    give_all(&office, trial);
    outcome_take(&found, &office);
    assert_int_equal(rebuild_run(office.store, NULL, NULL), STATUS_OK);
    outcome_take(&rebuilt, &office);
    compare(seed, order, "rebuild comes to something else", &found, &rebuilt);
    outcome_free(&rebuilt);
    if (order == 0) {
        tell_shares(&office, seed);
        *expected = found;
    } else {
        compare(seed, order, "something else than in order 0", expected, &found);
        outcome_free(&found);
    }
    store_close(office.store);
    scratch_remove(dir);
}

struct runs {
    uint64_t first, seeds, orders, entries;
};
static struct runs asked = {.first = 1, .seeds = SEEDS, .orders = ORDERS, .entries = ENTRIES};

static void run_all(const struct runs *runs) {
    struct trial *trial = malloc(sizeof *trial);
    assert_non_null(trial);
    assert_int_equal(keys_init(), STATUS_OK);
    memset(shares, 0, sizeof shares);
    for (uint64_t seed = runs->first; seed < runs->first + runs->seeds; seed++) {
        struct outcome expected;
        trial_begin(trial, seed, runs->entries);
        for (uint64_t order = 0; order < runs->orders; order++)
            one_order(trial, seed, order, &expected);
        outcome_free(&expected);
        trial_end(trial);
    }
    free(trial);
    assert_int_equal(differences, 0);
}

static void no_order_makes_a_difference(void **state) {
    (void)state;
    run_all(&asked);
}

/* A large history in which everything is: that of the long run. */
static void nor_does_one_of_five_hundred(void **state) {
    const struct runs large = {.first = LARGE_SEED, .seeds = 1, .orders = LARGE_ORDERS, .entries = LARGE_ENTRIES};
    (void)state;
    run_all(&large);
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        if (shares[i][0] == 0 || shares[i][1] == 0)
            fail_msg("of %s there are %lld and %lld: this says nothing", SHARES[i].what, (long long)shares[i][0], (long long)shares[i][1]);
    }
}

int main(int argc, char **argv) {
    uint64_t *const numbers[] = {&asked.first, &asked.seeds, &asked.orders, &asked.entries};
    for (int i = 1; i < argc && i <= 4; i++)
        *numbers[i - 1] = strtoull(argv[i], NULL, 10);
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 0); /* what survives a cut of the power is none of this test's business */
    const struct CMUnitTest asked_for[] = {cmocka_unit_test(no_order_makes_a_difference)};
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_order_makes_a_difference), cmocka_unit_test(nor_does_one_of_five_hundred)};
    return argc > 1 ? cmocka_run_group_tests(asked_for, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
