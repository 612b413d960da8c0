/* The everyday theft, over real links: the branch of a thief came first, and a senior pins an entry of the other one. Whoever holds the thief's fetches the
 * pinned one from whoever has it, whenever the pin came, and however often the line dies. */
#include "store_network.h"

#include "protocol/planted.h"

#include <string.h>

enum { ROOT, DISTRICT, COMMUNE, LETTERS_MAX = 40, SHARED = 2 };

/* After its second letter the commune's key was copied. The district has what the thief wrote on, the commune what it wrote itself. */
struct theft {
    struct network *network;
    struct log_id log;
    struct ref last; /* of the commune's own branch */
    uint64_t honest; /* its seq */
    struct forged thief[LETTERS_MAX];
    size_t thief_count;
};

static void write_letters(struct theft *theft, size_t more, size_t repeats) {
    struct store *commune = at(theft->network, COMMUNE);
    for (size_t i = 0; i < more; i++)
        theft->last = offices_document(commune, LOG_REPORT, &commune->founding.root, "thư ", repeats).ref;
    theft->honest = theft->last.seq;
    theft->log = theft->last.log;
}

/* One entry more of the thief's, which came to an office somehow. */
static void steal(struct theft *theft, size_t office, size_t more) {
    struct store *commune = at(theft->network, COMMUNE);
    for (size_t i = 0; i < more; i++) {
        struct hash before = theft->thief_count > 0 ? theft->thief[theft->thief_count - 1].hash : offices_item(commune, &theft->log, SHARED).hash;
        struct forged *forged = &theft->thief[theft->thief_count];
        assert_true(theft->thief_count < LETTERS_MAX);
        forge(forged, commune, &theft->log, SHARED + 1 + theft->thief_count, &before, &commune->founding.root, (uint8_t)(theft->thief_count + 1));
        theft->thief_count++;
        assert_int_equal(forged_give(at(theft->network, office), forged, PERSIST_ENTRY), STATUS_OK);
    }
}

static int begin(void **state) {
    struct theft *theft = calloc(1, sizeof *theft);
    assert_non_null(theft);
    network_setup((void **)&theft->network);
    struct network *network = theft->network;
    assert_int_equal(network_add(network, ROOT, ROOT), DISTRICT);
    assert_true(network_sync(network, DISTRICT, ROOT));
    assert_int_equal(network_add(network, DISTRICT, DISTRICT), COMMUNE);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    write_letters(theft, SHARED, 1);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_true(network_sync(network, DISTRICT, ROOT));
    *state = theft;
    return 0;
}

static int end(void **state) {
    struct theft *theft = *state;
    void *network = theft->network;
    for (size_t i = 0; i < theft->thief_count; i++)
        forged_free(&theft->thief[i]);
    network_teardown(&network);
    free(theft);
    return 0;
}

/* All of the commune's own letters, and only the thief's beside. */
static void assert_letters_at(struct theft *theft, size_t office, size_t stolen) {
    struct store *store = at(theft->network, office);
    assert_int_equal(network_head(theft->network, office, &theft->log), theft->honest);
    assert_true(network_holds(theft->network, office, &theft->last));
    for (uint64_t seq = 1; seq <= theft->honest; seq++)
        assert_true(network_has_body(theft->network, office, &theft->log, seq));
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM fallen"), stolen);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM fallen WHERE peer IS NOT NULL"), 0);
    assert_sound(store);
}

static void assert_honest_at(struct theft *theft, size_t office) {
    assert_letters_at(theft, office, theft->thief_count);
}

static void assert_thief_at(struct theft *theft, size_t office) {
    assert_int_equal(network_head(theft->network, office, &theft->log), SHARED + theft->thief_count);
    assert_true(network_holds(theft->network, office, &theft->thief[theft->thief_count - 1].ref));
}

/* On a link that stands, both branches having been seen on it. */
static void on_a_link_that_stands(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, DISTRICT, 3);
    write_letters(theft, 5, 1);
    struct network_link *link = network_open(network, COMMUNE, DISTRICT);
    network_run(link, 60 * 1000);
    assert_thief_at(theft, DISTRICT);
    trust_pin(at(network, DISTRICT), &theft->last, 1);
    assert_thief_at(theft, DISTRICT); /* it may be either branch */
    network_changed(link, 1);
    assert_true(network_in_step(link));
    network_close(link);
    assert_honest_at(theft, DISTRICT);
}

/* The revoked key hands in its own letters by the lane that is left to it. */
static void by_the_lane_of_a_revoked_key(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, DISTRICT, 3);
    write_letters(theft, 5, 1);
    (void)network_sync(network, COMMUNE, DISTRICT);
    trust_revoke(at(network, DISTRICT), &at(network, COMMUNE)->self, &theft->last, 1, 1);
    (void)network_sync(network, COMMUNE, DISTRICT);
    assert_honest_at(theft, DISTRICT);
}

/* Who is above gets it from the district as the district did from the commune, the pin with it; a senior's pin came there first. */
static void from_whoever_has_it(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, DISTRICT, 3);
    assert_true(network_sync(network, DISTRICT, ROOT));
    assert_thief_at(theft, ROOT);
    write_letters(theft, 5, 1);
    (void)network_sync(network, COMMUNE, DISTRICT);
    trust_pin(at(network, ROOT), &theft->last, 1);
    (void)network_sync(network, DISTRICT, ROOT); /* the district learns of the pin; neither has the entry */
    assert_thief_at(theft, ROOT);
    assert_thief_at(theft, DISTRICT);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_honest_at(theft, DISTRICT);
    assert_true(network_sync(network, DISTRICT, ROOT));
    assert_honest_at(theft, ROOT);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
}

/* The same while the link upward stands, on which nothing was told of a fork before: what is handed on there follows the branch that has taken the place. */
static void upward_on_a_link_that_stands(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, DISTRICT, 1);
    struct network_link *link = network_open(network, DISTRICT, ROOT);
    network_run(link, 60 * 1000);
    assert_thief_at(theft, ROOT);
    write_letters(theft, 5, 1);
    trust_pin(at(network, ROOT), &theft->last, 1);
    network_changed(link, 1);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_honest_at(theft, DISTRICT);
    network_changed(link, 0);
    assert_true(network_in_step(link));
    network_close(link);
    assert_honest_at(theft, ROOT);
}

/* Both ends of a standing link hold the thief's and know of the fork, and of the pin; the branch wanted comes to one end by another link. What it has more than
 * the other end is no ground to think that both follow one branch. */
static void follow_on_a_link_that_stands(struct theft *theft, size_t stolen, unsigned swapping) {
    struct network *network = theft->network;
    const size_t office = swapping == 0 ? DISTRICT : ROOT;
    steal(theft, DISTRICT, stolen);
    struct network_link *link = network_open(network, DISTRICT, ROOT);
    network_run(link, 60 * 1000);
    assert_thief_at(theft, ROOT);
    write_letters(theft, 5, 1);
    (void)network_sync(network, COMMUNE, office);
    network_changed(link, swapping);
    assert_int_equal(scratch_count(at(network, DISTRICT), "SELECT count(*) FROM fork"), 1);
    assert_int_equal(scratch_count(at(network, ROOT), "SELECT count(*) FROM fork"), 1);
    assert_true(network_in_step(link));
    trust_pin(at(network, ROOT), &theft->last, 1);
    network_changed(link, 1);
    assert_true(network_in_step(link));
    if (SHARED + stolen < theft->honest)
        assert_thief_at(theft, DISTRICT);
    else
        assert_int_equal(network_head(network, DISTRICT, &theft->log), SHARED); /* at the pinned entry's place stood another: room is made at once */
    (void)network_sync(network, COMMUNE, office);
    assert_honest_at(theft, office);
    network_changed(link, swapping);
    assert_true(network_in_step(link));
    assert_honest_at(theft, ROOT);
    assert_honest_at(theft, DISTRICT);
    struct session_stats stats;
    session_stats(link->session[swapping], &stats);
    assert_int_equal(stats.refused_in, 0); /* nothing was sent as if it followed the other branch */
    network_close(link);
}

static void upward_where_the_fork_is_known(void **state) {
    follow_on_a_link_that_stands(*state, 1, 0);
}

static void downward_where_the_fork_is_known(void **state) {
    follow_on_a_link_that_stands(*state, 1, 1);
}

static void upward_where_a_longer_branch_falls(void **state) {
    follow_on_a_link_that_stands(*state, 3, 0);
}

static void upward_where_room_was_made(void **state) {
    follow_on_a_link_that_stands(*state, 5, 0);
}

/* When both compared, the wanted branch went no further than the entry where the two part: what that follows only its header tells. */
static void of_a_branch_that_has_grown(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, ROOT, 2);
    write_letters(theft, 5, 1);
    assert_int_equal(offices_carry(at(network, COMMUNE), at(network, DISTRICT), &theft->log, SHARED + 1, true), STATUS_OK);
    struct network_link *link = network_open(network, DISTRICT, ROOT);
    network_run(link, 60 * 1000);
    for (uint64_t seq = SHARED + 2; seq <= theft->honest; seq++)
        assert_int_equal(offices_carry(at(network, COMMUNE), at(network, DISTRICT), &theft->log, seq, true), STATUS_OK);
    network_changed(link, 0);
    assert_thief_at(theft, ROOT);
    trust_pin(at(network, ROOT), &theft->last, 1);
    network_changed(link, 1);
    assert_true(network_in_step(link));
    network_close(link);
    assert_honest_at(theft, ROOT);
}

/* The theft is of the very first entry: both share nothing. */
static void from_the_first_entry_on(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    struct store *commune = at(network, COMMUNE);
    struct ref last = offices_document(commune, LOG_DIRECTIVE, &commune->founding.root, "thư ", 1).ref;
    struct forged forged;
    forge(&forged, commune, &last.log, 1, &(struct hash){0}, &commune->founding.root, 1);
    assert_int_equal(forged_give(at(network, DISTRICT), &forged, PERSIST_ENTRY), STATUS_OK);
    trust_pin(at(network, DISTRICT), &last, 1);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_true(network_holds(network, DISTRICT, &last));
    forged_free(&forged);
}

/* The one who holds the thief's may be below, too: the office itself, if the thief's copy had been put in its place. */
static void downward(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    write_letters(theft, 5, 1);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    steal(theft, ROOT, 3);
    (void)network_sync(network, DISTRICT, ROOT);
    trust_pin(at(network, ROOT), &theft->last, 1);
    assert_true(network_sync(network, DISTRICT, ROOT));
    assert_honest_at(theft, ROOT);
}

/* The line dies after every message: what has come is not sent again, and nothing of it counts before the pinned entry is there. */
static void over_a_line_that_dies(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, DISTRICT, 3);
    write_letters(theft, 12, 1500); /* 6 KB each */
    (void)network_sync(network, COMMUNE, DISTRICT);
    trust_pin(at(network, DISTRICT), &theft->last, 1);
    int64_t before = 0;
    unsigned links = 0;
    for (; !network_holds(network, DISTRICT, &theft->last); links++) {
        struct network_link *link = network_open(network, COMMUNE, DISTRICT);
        link->to_carry = 4; /* the pin, evidence either way, and one of letters */
        network_run(link, 60 * 1000);
        network_close(link);
        int64_t kept = scratch_count(at(network, DISTRICT), "SELECT count(*) FROM fallen WHERE peer IS NOT NULL");
        assert_true(network_holds(network, DISTRICT, &theft->last) || links == 0 || kept > before); /* each brings more */
        before = kept;
        assert_true(links < 20);
    }
    assert_true(links > 1);
    (void)network_sync(network, COMMUNE, DISTRICT);
    assert_honest_at(theft, DISTRICT);
}

/* What is long comes in parts, once its header has its place. */
static void with_long_bodies(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    steal(theft, DISTRICT, 3);
    write_letters(theft, 4, 20000);
    trust_pin(at(network, DISTRICT), &theft->last, 1);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_honest_at(theft, DISTRICT);
    assert_true(network_sync(network, DISTRICT, ROOT));
    assert_letters_at(theft, ROOT, 0);
}

/* A third branch, longer than the pinned one, comes first: it is not the one, and does not stay in the way. One branch a peer is kept. */
static void another_branch_is_not_the_one(void **state) {
    struct theft *theft = *state;
    struct network *network = theft->network;
    struct store *commune = at(network, COMMUNE), *district = at(network, DISTRICT);
    write_letters(theft, 3, 1);
    steal(theft, DISTRICT, 1);
    (void)network_sync(network, COMMUNE, DISTRICT);
    trust_pin(district, &theft->last, 1);
    for (uint8_t other = 0; other < 3; other++) {
        struct hash before = offices_item(commune, &theft->log, SHARED).hash;
        for (uint64_t seq = SHARED + 1; seq <= theft->honest; seq++) {
            struct forged forged;
            forge(&forged, commune, &theft->log, seq, &before, &commune->founding.root, (uint8_t)(100U + 10U * other + seq));
            struct persist item = forged_item(&forged, PERSIST_BESIDE);
            item.peer.b[0] = 9;
            assert_int_equal(store_persist(district, &item, 1), STATUS_OK);
            before = forged.hash;
            forged_free(&forged);
        }
        assert_int_equal(scratch_count(district, "SELECT count(*) FROM fallen WHERE peer IS NOT NULL"), theft->honest - SHARED);
        assert_thief_at(theft, DISTRICT);
        assert_sound(district);
    }
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_true(network_holds(network, DISTRICT, &theft->last));
    /* Past the pinned entry nothing is kept beside, nor where nothing is wanted any more. */
    struct forged forged;
    struct hash none = {{0}};
    forge(&forged, commune, &theft->log, theft->honest + 1, &none, &commune->founding.root, 7);
    assert_int_equal(forged_give(district, &forged, PERSIST_BESIDE), STATUS_OK);
    forged_free(&forged);
    assert_int_equal(scratch_count(district, "SELECT count(*) FROM fallen WHERE seq > 5"), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(on_a_link_that_stands),
        TEST(by_the_lane_of_a_revoked_key),
        TEST(from_whoever_has_it),
        TEST(downward),
        TEST(upward_on_a_link_that_stands),
        TEST(upward_where_the_fork_is_known),
        TEST(downward_where_the_fork_is_known),
        TEST(upward_where_a_longer_branch_falls),
        TEST(upward_where_room_was_made),
        TEST(of_a_branch_that_has_grown),
        TEST(from_the_first_entry_on),
        TEST(over_a_line_that_dies),
        TEST(with_long_bodies),
        TEST(another_branch_is_not_the_one),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
