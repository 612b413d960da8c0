/* What a side believes by views that are behind is refuted to it by those whose views are not: it gets the logs by which it can see that, as far as it needs
 * them, and nothing newer; and takes no more of them than there is a reason for. Over real links. */
#include "store_network.h"

#include "store/ground.h"

enum { ROOT, RIVAL, PROVINCE, COMMUNE };

/* Two provinces. The second made a commune; somebody in the first, which is the senior, copied the commune's nonce and made the same unit under itself. That
 * one holds, wherever both are known. */
struct contest {
    struct network *network;
    struct log_id rival, province, commune; /* directive logs */
    struct ref copied;
};

static int begin(void **state) {
    struct contest *contest = calloc(1, sizeof *contest);
    assert_non_null(contest);
    network_setup((void **)&contest->network);
    struct network *network = contest->network;
    assert_int_equal(network_add(network, ROOT, ROOT), RIVAL);
    assert_int_equal(network_add(network, ROOT, ROOT), PROVINCE);
    assert_true(network_sync(network, RIVAL, ROOT));
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_int_equal(network_add(network, PROVINCE, PROVINCE), COMMUNE);
    const uint8_t nonce[16] = {0x42, network->nonce};
    assert_true(network_sync(network, COMMUNE, PROVINCE));
    contest->commune = offices_document(at(network, COMMUNE), LOG_DIRECTIVE, &network->offices[COMMUNE].unit, "thư", 1).ref.log;
    assert_true(network_sync(network, COMMUNE, PROVINCE));
    assert_true(network_sync(network, PROVINCE, ROOT));
    const uint8_t other[16] = {0x99};
    (void)network_create(network, RIVAL, &network->offices[RIVAL].unit, other); /* something before it */
    struct stored stored = network_create(network, RIVAL, &network->offices[RIVAL].unit, nonce);
    contest->copied = stored.ref;
    contest->rival = stored.ref.log;
    assert_true(network_sync(network, RIVAL, ROOT));
    *state = contest;
    return 0;
}

static int end(void **state) {
    struct contest *contest = *state;
    void *network = contest->network;
    network_teardown(&network);
    free(contest);
    return 0;
}

static bool under(struct network *network, size_t office, size_t unit, size_t above) {
    const struct tree *tree = at(network, office)->tree;
    uint32_t below = tree_unit(tree, &network->offices[unit].unit), over = tree_unit(tree, &network->offices[above].unit);
    return below != TREE_NONE && over != TREE_NONE && tree_is_under(tree, below, over, TREE_TODAY);
}

static struct ref entry_ref(struct network *network, size_t office, const struct log_id *log, uint64_t seq) {
    struct persist item = offices_item(at(network, office), log, seq);
    return (struct ref){.log = *log, .seq = seq, .hash = hash_short(&item.hash)};
}

/* The province holds its own log, in which its creation stands, and the commune's: the root shows it which creation holds. */
static void what_lost_is_shown_what_it_lost_to(void **state) {
    struct contest *contest = *state;
    struct network *network = contest->network;
    assert_true(under(network, ROOT, COMMUNE, RIVAL));
    assert_true(under(network, PROVINCE, COMMUNE, PROVINCE));
    offices_document(at(network, RIVAL), LOG_DIRECTIVE, &network->offices[RIVAL].unit, "riêng", 1);
    assert_true(network_sync(network, RIVAL, ROOT));
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_false(under(network, PROVINCE, COMMUNE, PROVINCE));
    assert_int_equal(network_head(network, PROVINCE, &contest->rival), contest->copied.seq); /* nothing newer */
    assert_true(network_holds(network, PROVINCE, &contest->copied));
    assert_int_equal(scratch_count(at(network, PROVINCE), "SELECT count(*) FROM log WHERE brought IS NOT NULL"), 1);
    struct hash one = trust_digest(at(network, ROOT), &network->offices[PROVINCE].unit, &network->offices[ROOT].unit);
    struct hash other = trust_digest(at(network, PROVINCE), &network->offices[PROVINCE].unit, &network->offices[ROOT].unit);
    assert_memory_equal(one.b, other.b, sizeof one.b);
    /* Then it is known on both sides: over a new link nothing goes but the offer, as nobody can know what the other knows. */
    struct network_link *link = network_open(network, PROVINCE, ROOT);
    network_run(link, 60 * 1000);
    assert_true(network_in_step(link));
    struct session_stats stats;
    session_stats(link->session[0], &stats);
    assert_int_equal(stats.entries_in, 1);
    network_close(link);
}

/* The same to a link that stands, when the root gets to know of it. */
static void on_a_link_that_stands(void **state) {
    struct contest *contest = *state;
    struct network *network = contest->network;
    assert_true(network_sync(network, PROVINCE, ROOT));
    struct network_link *link = network_open(network, PROVINCE, ROOT);
    network_run(link, 60 * 1000);
    assert_int_equal(network_add(network, PROVINCE, PROVINCE), COMMUNE + 1);
    const uint8_t nonce[16] = {0x42, network->nonce};
    network_changed(link, 0);
    assert_true(under(network, ROOT, COMMUNE + 1, PROVINCE));
    (void)network_create(network, RIVAL, &network->offices[RIVAL].unit, nonce);
    assert_true(network_sync(network, RIVAL, ROOT));
    network_changed(link, 1);
    assert_true(network_in_step(link));
    assert_false(under(network, PROVINCE, COMMUNE + 1, PROVINCE));
    network_close(link);
}

/* A node of the root, whose key was stolen, moves a commune under the rival; the founder undoes it. Who still believes it holds the rival's log, and says so:
 * it comes to know better, and gets nothing of that log any more. */
static void what_is_believed_no_longer(void **state) {
    struct contest *contest = *state;
    struct network *network = contest->network;
    const struct unit_id *root = &network->offices[ROOT].unit, *province = &network->offices[PROVINCE].unit;
    assert_int_equal(network_admit(network, ROOT, NULL, root), COMMUNE + 1); /* the second node */
    assert_true(network_sync(network, COMMUNE + 1, ROOT));
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_int_equal(network_add(network, PROVINCE, PROVINCE), COMMUNE + 2);
    assert_true(network_sync(network, COMMUNE + 2, PROVINCE));
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_true(network_sync(network, COMMUNE + 1, ROOT));
    network_move(network, COMMUNE + 1, &network->offices[COMMUNE + 2].unit, province, &network->offices[RIVAL].unit);
    assert_true(network_sync(network, COMMUNE + 1, ROOT));
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_true(network_sync(network, COMMUNE + 2, PROVINCE));
    assert_true(under(network, COMMUNE + 2, COMMUNE + 2, RIVAL));
    uint64_t held = network_head(network, COMMUNE + 2, &contest->rival);
    assert_true(held > 0);
    trust_revoke(at(network, ROOT), &at(network, COMMUNE + 1)->self, NULL, 0, 9);
    struct ref last = entry_ref(network, ROOT, &contest->rival, network_head(network, ROOT, &contest->rival));
    offices_document(at(network, RIVAL), LOG_DIRECTIVE, &network->offices[RIVAL].unit, "riêng", 1);
    trust_pin(at(network, ROOT), &last, 10);
    network_tell(network, PROVINCE);
    assert_true(under(network, PROVINCE, COMMUNE + 2, PROVINCE));
    assert_true(network_sync(network, COMMUNE + 2, PROVINCE));
    assert_true(under(network, COMMUNE + 2, COMMUNE + 2, PROVINCE));
    assert_int_equal(network_head(network, COMMUNE + 2, &contest->rival), held);
    assert_true(network_sync(network, COMMUNE + 2, PROVINCE));
}

/* ---- what is taken ---- */

static bool takes(struct contest *contest, const struct log_id *log, const struct ref *of, size_t taken) {
    struct replica replica;
    store_replica(at(contest->network, PROVINCE), &replica);
    return replica.ops->takes_ground(replica.ctx, &at(contest->network, ROOT)->self, log, of, taken);
}

static void only_with_a_reference_to_what_is_held(void **state) {
    struct contest *contest = *state;
    struct network *network = contest->network;
    struct ref held = entry_ref(network, PROVINCE, &contest->commune, 1);
    assert_true(takes(contest, &contest->rival, &held, 0));
    assert_true(takes(contest, &contest->rival, &held, GROUNDS_MAX - 1));
    assert_false(takes(contest, &contest->rival, &held, GROUNDS_MAX));
    struct ref other = held;
    other.hash.b[0] ^= 1;
    assert_false(takes(contest, &contest->rival, &other, 0));
    other = held;
    other.seq = 2;
    assert_false(takes(contest, &contest->rival, &other, 0));
    other = contest->copied; /* held nowhere here */
    assert_false(takes(contest, &contest->rival, &other, 0));
}

/* Of one peer so many are kept that the views still do not let this node hold. */
static void one_peer_brings_so_many(void **state) {
    struct contest *contest = *state;
    struct network *network = contest->network;
    struct store *province = at(network, PROVINCE), *rival = at(network, RIVAL);
    struct ref held = entry_ref(network, PROVINCE, &contest->commune, 1);
    struct log_id log = contest->rival;
    const struct hash none = {{0}};
    for (uint8_t i = 0; i < GROUNDS_MAX; i++) {
        struct forged forged;
        log.epoch.b[0] = i;
        assert_true(takes(contest, &log, &held, 0));
        forge(&forged, rival, &log, 1, &none, &network->offices[RIVAL].unit, i);
        struct persist item = forged_item(&forged, PERSIST_ENTRY);
        item.entry.salt = item.entry.body = (struct bytes){0};
        item.ground = true;
        item.peer = at(network, ROOT)->self;
        assert_int_equal(store_persist(province, &item, 1), STATUS_OK);
        forged_free(&forged);
    }
    log.epoch.b[0] = GROUNDS_MAX;
    assert_false(takes(contest, &log, &held, 0));
    log.epoch.b[0] = 1; /* one of those that are here may grow */
    assert_true(takes(contest, &log, &held, 0));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_lost_is_shown_what_it_lost_to),    TEST(on_a_link_that_stands),   TEST(what_is_believed_no_longer),
        TEST(only_with_a_reference_to_what_is_held), TEST(one_peer_brings_so_many),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
