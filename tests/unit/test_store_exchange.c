/* Random histories of an association whose units are moved about, whose keys are stolen and shut out, over real stores and real links: whatever came when, in
 * the end every link is in step, and who stands above and below another has the same digest. `test_store_exchange FIRST COUNT` plays other seeds. */
#include "store_network.h"

#include "tests/sim/random.h"

enum { OFFICES = 7, STEPS = 40, ROUNDS_MAX = 8, SEEDS = 10, STOLEN_MAX = 16 };

/* Entries signed with a copied key: one branch a log at most. */
struct theft {
    struct forged forged[STOLEN_MAX];
    size_t count;
    bool robbed[OFFICES], revoked[OFFICES];
    struct ref last[OFFICES]; /* that a robbed office wrote itself: pinned */
};

static unsigned first_seed = 1, seed_count = SEEDS;

/* By whom each office was admitted; links are made along this, and along the tree as the root sees it. */
static const size_t INVITERS[OFFICES] = {0, 0, 0, 1, 1, 2, 3};

static bool over(struct network *network, size_t upper, size_t lower) {
    const struct tree *tree = at(network, 0)->tree;
    uint32_t above = tree_unit(tree, &network->offices[upper].unit), below = tree_unit(tree, &network->offices[lower].unit);
    return above != TREE_NONE && below != TREE_NONE && above != below && tree_parent(tree, below, TREE_TODAY) == above;
}

static bool knows(struct network *network, size_t office, size_t other) {
    return tree_node(at(network, office)->tree, &at(network, other)->self) != TREE_NONE;
}

/* A link that both would make: each knows the other's key, or is the newcomer. Who is revoked is not asked any more. */
static bool linked(struct network *network, const struct theft *theft, size_t lower, size_t upper) {
    return !theft->revoked[lower] && !theft->revoked[upper] && lower != upper && (INVITERS[lower] == upper || over(network, upper, lower)) &&
           knows(network, upper, lower) && (knows(network, lower, upper) || INVITERS[lower] == upper);
}

/* What is not in step: one that dials times 100, and whom; 0: all are. */
static size_t sync_all(struct network *network, const struct theft *theft) {
    size_t apart = 0;
    for (size_t lower = OFFICES; lower-- > 1;)
        for (size_t upper = 0; upper < OFFICES; upper++)
            if (linked(network, theft, lower, upper) && !network_sync(network, lower, upper))
                apart = 100 * lower + upper;
    return apart;
}

static void move_some(struct network *network, struct random *random) {
    size_t by = random_below(random, 3), unit = 1 + random_below(random, OFFICES - 1), to = random_below(random, OFFICES);
    const struct tree *tree = at(network, by)->tree;
    uint32_t moved = tree_unit(tree, &network->offices[unit].unit), target = tree_unit(tree, &network->offices[to].unit),
             actor = tree_unit(tree, &at(network, by)->unit);
    if (moved == TREE_NONE || target == TREE_NONE || actor == TREE_NONE || moved == actor || tree_is_under(tree, target, moved, TREE_TODAY) ||
        !tree_is_under(tree, moved, actor, TREE_TODAY) || !tree_is_under(tree, target, actor, TREE_TODAY))
        return;
    const struct unit_id from = *tree_unit_id(tree, tree_parent(tree, moved, TREE_TODAY));
    network_move(network, by, &network->offices[unit].unit, &from, &network->offices[to].unit);
}

/* Two letters more of the office's report log, in the place of its last one, come to some other office that has that. */
static void steal(struct network *network, struct random *random, struct theft *theft) {
    size_t victim = 3 + random_below(random, OFFICES - 3), to = random_below(random, OFFICES);
    struct store *store = at(network, victim);
    struct query query = db_query(store->db, "SELECT epoch, head_seq FROM log WHERE node = ? AND kind = 1 AND head_seq > 1");
    struct log_id log = {.node = store->self, .kind = LOG_REPORT};
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    bool found = query_next(&query);
    uint64_t seq = found ? (uint64_t)query_int(&query, 1) : 0;
    if (found)
        query_fixed(&query, 0, log.epoch.b, sizeof log.epoch.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    if (!found || theft->robbed[victim] || to == victim || network_head(network, to, &log) != seq - 1 || theft->count + 2 > STOLEN_MAX)
        return;
    struct hash before = offices_item(store, &log, seq - 1).hash;
    for (uint8_t i = 0; i < 2; i++) {
        struct forged *forged = &theft->forged[theft->count++];
        forge(forged, store, &log, seq + i, &before, &at(network, 0)->unit, (uint8_t)(40 + i));
        before = forged->hash;
        assert_int_equal(forged_give(at(network, to), forged, PERSIST_ENTRY), STATUS_OK);
    }
    theft->robbed[victim] = true;
}

/* The founder pins the last entry that the robbed office wrote itself, whoever has that. */
static void decide(struct network *network, struct theft *theft) {
    uint8_t mark = 100;
    for (size_t victim = 0; victim < OFFICES; victim++) {
        struct store *store = at(network, victim);
        struct query query = db_query(
            store->db, "SELECT l.epoch, e.seq, e.hash FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = 1 ORDER BY e.id DESC LIMIT 1");
        struct ref last = {.log = {.node = store->self, .kind = LOG_REPORT}};
        struct hash hash = {0};
        query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
        bool found = query_next(&query);
        if (found) {
            query_fixed(&query, 0, last.log.epoch.b, sizeof last.log.epoch.b);
            last.seq = (uint64_t)query_int(&query, 1);
            query_fixed(&query, 2, hash.b, sizeof hash.b);
        }
        last.hash = hash_short(&hash);
        assert_int_equal(query_end(&query), STATUS_OK);
        theft->last[victim] = last;
        if (found && theft->robbed[victim])
            trust_pin(at(network, 0), &last, mark++);
    }
}

static void play(struct network *network, struct random *random, struct theft *theft) {
    for (unsigned step = 0; step < STEPS; step++) {
        size_t office = random_below(random, OFFICES), other = random_below(random, OFFICES);
        switch (random_below(random, 10)) {
        case 0:
            move_some(network, random);
            break;
        case 1:
            steal(network, random, theft);
            break;
        case 2:
        case 3:
        case 4:
            offices_document(at(network, office), random_below(random, 2) == 0 ? LOG_REPORT : LOG_DIRECTIVE, &at(network, 0)->unit, "thư",
                             1 + random_below(random, 3));
            break;
        default:
            if (linked(network, theft, office, other))
                (void)network_sync(network, office, other);
        }
    }
}

static void assert_agreed(struct network *network, const struct theft *theft, unsigned seed) {
    for (size_t lower = 1; lower < OFFICES; lower++) {
        for (size_t upper = 0; upper < OFFICES; upper++) {
            if (!over(network, upper, lower) || theft->revoked[upper] || theft->revoked[lower])
                continue;
            const struct unit_id *below = &network->offices[lower].unit, *above = &network->offices[upper].unit;
            struct hash one = trust_digest(at(network, lower), below, above), other = trust_digest(at(network, upper), below, above);
            if (memcmp(one.b, other.b, sizeof one.b) != 0)
                fail_msg("seed %u: offices %zu and %zu have different digests", seed, lower, upper);
        }
    }
}

/* What a robbed office wrote has the place of what the thief wrote, wherever the log is held. */
static void assert_restored(struct network *network, const struct theft *theft, unsigned seed) {
    for (size_t victim = 0; victim < OFFICES; victim++)
        for (size_t office = 0; office < OFFICES && theft->robbed[victim] && !theft->revoked[victim]; office++)
            if (!theft->revoked[office] && (office == 0 || network_head(network, office, &theft->last[victim].log) >= theft->last[victim].seq) &&
                !network_holds(network, office, &theft->last[victim]))
                fail_msg("seed %u: %zu holds what was written with the key of %zu", seed, office, victim);
}

static void run_seed(unsigned seed) {
    struct network *network;
    struct random random;
    size_t apart = 0;
    struct theft theft = {.count = 0};
    random_init(&random, seed);
    network_setup((void **)&network);
    for (size_t i = 1; i < OFFICES; i++) {
        assert_int_equal(network_add(network, INVITERS[i], INVITERS[i]), i);
        assert_true(network_sync(network, i, INVITERS[i]));
    }
    play(network, &random, &theft);
    if (random_below(&random, 3) == 0) {
        size_t out = 3 + random_below(&random, OFFICES - 3);
        trust_revoke(at(network, 0), &at(network, out)->self, NULL, 0, 99);
        theft.revoked[out] = true;
    }
    for (unsigned round = 0; round < 2; round++)
        (void)sync_all(network, &theft);
    decide(network, &theft);
    for (unsigned round = 0; round < ROUNDS_MAX; round++)
        apart = sync_all(network, &theft);
    if (apart != 0) {
        network_explain(network, apart / 100, apart % 100);
        fail_msg("seed %u: %zu and %zu are not in step after %d rounds", seed, apart / 100, apart % 100, ROUNDS_MAX);
    }
    assert_restored(network, &theft, seed);
    assert_agreed(network, &theft, seed);
    for (size_t i = 0; i < theft.count; i++)
        forged_free(&theft.forged[i]);
    void *state = network;
    network_teardown(&state);
}

static void all_agree_in_the_end(void **state) {
    (void)state;
    for (unsigned seed = first_seed; seed < first_seed + seed_count; seed++)
        run_seed(seed);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_agree_in_the_end)};
    if (argc == 3) {
        first_seed = (unsigned)strtoul(argv[1], NULL, 10);
        seed_count = (unsigned)strtoul(argv[2], NULL, 10);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
