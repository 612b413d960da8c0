/* Forks, pins and fork decisions (docs/protocol.md 5.11, "Walking a log"); and that no order of what is given makes a difference. */
#include "verdict_world.h"

enum { ORDERS = 1000, DUMP_BYTES = 32 * 1024 };

/* A founder; provinces p and q with a steward each; a district d under p with one. Its log forks behind its first entry. */
struct forked {
    struct unit_id root, p, q, d, c;
    struct node_id f, np, nq, nd;
    const struct said *first, *held, *after;
    struct hash rival;
};

static struct forked fork_world(struct verdict_world *world) {
    struct forked at = {.root = world->founding.root, .f = world->founding.founder, .rival = {{200}}};
    at.p = say_unit(world, &at.f, &at.root, 1);
    at.q = say_unit(world, &at.f, &at.root, 2);
    at.np = say_node(world, &at.f, &at.p, 10, 3);
    at.nq = say_node(world, &at.f, &at.q, 11, 3);
    at.d = say_unit(world, &at.np, &at.p, 3);
    at.nd = say_node(world, &at.np, &at.d, 12, 3);
    at.c = say_unit(world, &at.nd, &at.d, 4);
    at.first = last(world);
    say_name(world, &at.nd, &at.c, "hai");
    at.held = last(world);
    say_name(world, &at.nd, &at.c, "ba");
    at.after = last(world);
    return at;
}

static void give_fork(struct tree *tree, const struct forked *at) {
    assert_int_equal(tree_add_fork(tree, &at->held->fact.log, at->held->fact.seq, &at->held->fact.hash, &at->rival), STATUS_OK);
}

static struct tree *forked_tree(struct verdict_world *world, const struct forked *at) {
    struct tree *tree = empty_tree(world);
    give_fork(tree, at);
    give_from(world, tree, 0);
    return tree;
}

static struct ref rival_at(const struct forked *at, uint64_t seq) {
    return (struct ref){at->held->fact.log, seq, hash_short(&at->rival)};
}

static void test_a_fork_ends_a_log_until_a_senior_pins_a_branch(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, at.after), STATUS_OK);
    uint64_t retractions = tree_retractions(tree);
    give_fork(tree, &at);
    assert_int_equal(tree_settle(tree), STATUS_OK); /* evidence alone, and no new fact */
    assert_true(tree_retractions(tree) > retractions);
    assert_int_equal(verdict_of(tree, at.first), STATUS_OK);
    assert_int_equal(verdict_of(tree, at.held), STATUS_FORK);
    assert_int_equal(verdict_of(tree, at.after), STATUS_FORK);
    struct tree_standing standing;
    tree_log_standing(tree, &at.held->fact.log, &standing);
    assert_int_equal(standing.upto, at.first->fact.seq);
    assert_int_equal(standing.why, STATUS_FORK);
    uint64_t from;
    struct ref wanted, ref = ref_to(at.after);
    assert_false(tree_other_branch(tree, &at.held->fact.log, &from));
    assert_false(tree_wanted(tree, &at.held->fact.log, &wanted));
    say_ref(world, &at.nd, CHANGE_PIN, &ref); /* whoever holds the copied key has no say */
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, at.held), STATUS_FORK);
    say_ref(world, &at.np, CHANGE_PIN, &ref);
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, at.after), STATUS_OK);
    tree_log_standing(tree, &at.held->fact.log, &standing);
    assert_int_equal(standing.upto, SEQ_MAX);
    tree_free(tree);
}

static void test_a_pinned_branch_that_is_not_held_is_wanted(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    const struct ref other = rival_at(&at, at.held->fact.seq), far = rival_at(&at, 40), past = rival_at(&at, at.after->fact.seq);
    const struct ref *const pins[] = {&other, &far, &past};
    const bool elsewhere[] = {true, false, true}; /* of the one far off the branch held may yet be */
    for (size_t i = 0; i < 3; i++) {
        say_ref(world, &at.np, CHANGE_PIN, pins[i]);
        struct tree *tree = forked_tree(world, &at);
        struct ref wanted;
        uint64_t from = 0;
        assert_int_equal(verdict_of(tree, at.held), STATUS_FORK);
        assert_true(tree_wanted(tree, &at.held->fact.log, &wanted));
        assert_int_equal(ref_compare(&wanted, pins[i]), 0);
        assert_int_equal(tree_other_branch(tree, &at.held->fact.log, &from), elsewhere[i]);
        assert_int_equal(from, elsewhere[i] ? at.held->fact.seq : 0);
        tree_free(tree);
        free(last(world)->refs);
        world->count--;
    }
}

static void test_the_more_senior_pin_is_followed(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    const struct ref mine = ref_to(at.held), other = rival_at(&at, at.held->fact.seq);
    say_ref(world, &at.np, CHANGE_PIN, &other);
    say_ref(world, &at.f, CHANGE_PIN, &mine);
    struct tree *tree = forked_tree(world, &at);
    uint64_t from;
    assert_int_equal(verdict_of(tree, at.after), STATUS_OK);
    assert_false(tree_other_branch(tree, &at.held->fact.log, &from));
    tree_free(tree);
}

static void test_a_fork_decision_pins_and_cuts_one_log(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    const struct ref keeps = ref_to(at.held), rival = rival_at(&at, at.held->fact.seq);
    say_decision(world, &at.np, &keeps, &rival);
    struct tree *tree = forked_tree(world, &at);
    assert_int_equal(verdict_of(tree, last(world)), STATUS_OK);
    assert_int_equal(verdict_of(tree, at.held), STATUS_OK);
    assert_int_equal(verdict_of(tree, at.after), STATUS_AUTHOR_CUT);
    assert_int_equal(record_at(tree, &at.nd, LOG_REPORT, &at.d, 7), STATUS_OK); /* no other log */
    int64_t entry;
    assert_false(tree_revoked(tree, tree_node(tree, &at.nd), &entry));
    tree_free(tree);
    /* The entry before the fork: both branches fall, and what is past the cut is cut, no fork. */
    const struct ref before = ref_to(at.first);
    say_decision(world, &at.np, &before, &rival);
    tree = forked_tree(world, &at);
    assert_int_equal(verdict_of(tree, at.first), STATUS_OK);
    assert_int_equal(verdict_of(tree, at.held), STATUS_AUTHOR_CUT);
    tree_free(tree);
}

static void test_a_decision_against_what_is_held_makes_it_give_room(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    const struct ref keeps = rival_at(&at, 40), rival = ref_to(at.after); /* the kept branch is long, and nothing so far is held */
    say_decision(world, &at.np, &keeps, &rival);
    struct tree *tree = forked_tree(world, &at);
    uint64_t from = 0;
    assert_true(tree_other_branch(tree, &at.held->fact.log, &from));
    assert_int_equal(from, at.held->fact.seq);
    tree_free(tree);
}

static void test_an_admissions_pins_count_whatever_becomes_of_it(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    const struct unit_id unknown = {{99}};
    say_node(world, &at.np, &unknown, 50, 3);
    last(world)->admission->pins[last(world)->admission->pin_count++] = ref_to(at.held);
    struct tree *tree = forked_tree(world, &at);
    assert_int_equal(verdict_of(tree, last(world)), STATUS_UNIT_UNKNOWN);
    assert_int_equal(verdict_of(tree, at.after), STATUS_OK);
    tree_free(tree);
}

/* Of a forked log each holds another branch: what a node is admitted by there says nothing until a pin does. */
static void test_nobody_is_known_by_an_admission_past_an_open_fork(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    struct node_id stray = say_node(world, &at.nd, &at.c, 60, 3);
    const struct said *revocation = say_revocation(world, &at.np, &stray, NULL);
    struct tree *tree = forked_tree(world, &at);
    assert_int_equal(verdict_of(tree, revocation), STATUS_UNIT_UNKNOWN);
    tree_free(tree);
    const struct ref ref = ref_to(at.held);
    say_ref(world, &at.f, CHANGE_PIN, &ref);
    tree = forked_tree(world, &at);
    assert_int_equal(verdict_of(tree, revocation), STATUS_OK);
    tree_free(tree);
}

/* What a node pins counts from its next change on: else what was written past a fork that only he can settle would be out of his reach for good. */
static void test_who_settles_a_fork_reaches_what_was_written_past_it(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    struct unit_id late = say_unit(world, &at.nd, &at.d, 40);
    struct node_id there = say_node(world, &at.nd, &late, 41, 3);
    const struct ref ref = ref_to(last(world));
    const struct said *before = say_name(world, &at.np, &late, "trước");
    say_ref(world, &at.np, CHANGE_PIN, &ref);
    const struct said *after = say_name(world, &at.np, &late, "sau"), *revocation = say_revocation(world, &at.np, &there, NULL);
    struct tree *tree = forked_tree(world, &at);
    assert_int_equal(verdict_of(tree, before), STATUS_UNIT_UNKNOWN);
    assert_int_equal(verdict_of(tree, after), STATUS_OK);
    assert_int_equal(verdict_of(tree, revocation), STATUS_OK);
    tree_free(tree);
}

/* ---- orders ---- */

static size_t dump_unit(const struct tree *tree, uint32_t unit, char *out, size_t max) {
    struct bytes name = tree_name(tree, unit, TREE_TODAY);
    const uint32_t *parents;
    uint32_t parent = tree_parent(tree, unit, TREE_TODAY);
    int len = snprintf(out, max, "%.*s %d %d;", (int)name.len, name.len > 0 ? (const char *)name.data : "",
                       parent == TREE_NONE ? -1 : tree_unit_id(tree, parent)->b[0], tree_closed(tree, unit));
    size_t at = (size_t)len, count = tree_ever_parents(tree, unit, &parents);
    unsigned sum = 0; /* in whatever order they stand */
    for (size_t i = 0; i < count; i++) {
        sum += tree_unit_id(tree, parents[i])->b[0];
    }
    return at + (size_t)snprintf(out + at, max - at, "%zu %u\n", count, sum);
}

/* All that a tree says of the world, in the order in which it was written. */
static char *dump(const struct verdict_world *world, const struct tree *tree) {
    char *out = made(DUMP_BYTES);
    size_t at = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct said *said = &world->said[i];
        struct tree_standing standing;
        tree_log_standing(tree, &said->fact.log, &standing);
        at += (size_t)snprintf(out + at, DUMP_BYTES - at, "%d %d %llu ", verdict_of(tree, said), judged(tree, said), (unsigned long long)standing.upto);
        if (said->kind == CHANGE_UNIT) {
            uint32_t unit = tree_unit(tree, &said->unit_id);
            at += unit == TREE_NONE ? (size_t)snprintf(out + at, DUMP_BYTES - at, "-\n") : dump_unit(tree, unit, out + at, DUMP_BYTES - at);
        } else if (said->kind == CHANGE_ADMISSION) {
            uint32_t node = tree_node(tree, &said->node_id), senior = 0;
            for (uint32_t other = 0; other < tree_node_count(tree) && node != TREE_NONE; other++) {
                senior += tree_node_at(tree, other)->unit != TREE_NONE && tree_seniority(tree, other, node) < 0;
            }
            at += (size_t)snprintf(out + at, DUMP_BYTES - at, "%u\n", senior);
        }
        assert_true(at < DUMP_BYTES);
    }
    return out;
}

/* Something of everything: moves that cross, handovers, a cut that goes deep, a pinned fork, an accept, a copied nonce. */
static struct forked rich_world(struct verdict_world *world) {
    struct forked at = fork_world(world);
    struct node_id second = say_node(world, &at.f, &at.root, 20, 3), thief = say_node(world, &at.nd, &at.d, 66, 3);
    say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    say_handover(world, &at.f, &at.d, &at.q, at.first);
    say_name(world, &at.np, &at.c, "cũ");
    struct ref waiting = ref_to(last(world)), held = ref_to(at.held), second_pin;
    say_placing(world, &second, CHANGE_MOVE, &at.q, LINE(&at.p, &at.root), LINE(&at.root));
    last(world)->blind = true;
    say_placing(world, &at.f, CHANGE_MOVE, &at.p, LINE(&at.q, &at.root), LINE(&at.root));
    last(world)->blind = true;
    say_unit(world, &thief, &at.d, 9);
    say_name(world, &thief, &at.c, "trộm");
    say_unit(world, &thief, &at.c, 2); /* q's nonce, copied */
    second_pin = ref_to(last(world));
    say_ref(world, &at.np, CHANGE_PIN, &held);
    say_ref(world, &at.nq, CHANGE_PIN, &second_pin);
    say_revocation(world, &at.nq, &thief, NULL);
    say_revocation(world, &at.f, &at.np, at.first);
    say_ref(world, &at.f, CHANGE_ACCEPT, &waiting);
    say_revocation(world, &at.f, &at.np, &world->said[5]);
    say_placing(world, &at.f, CHANGE_CLOSE, &at.c, LINE(&at.d, &at.q, &at.root), LINE(&at.d, &at.p, &at.root));
    return at;
}

static void test_a_thousand_orders_give_one_state(void **state) {
    struct verdict_world *world = *state;
    struct forked at = rich_world(world);
    struct tree *tree = forked_tree(world, &at);
    char *expected = dump(world, tree);
    tree_free(tree);
    uint64_t random = 88172645463325252U;
    for (int order = 0; order < ORDERS; order++) {
        size_t places[ENTRIES_MAX];
        for (size_t i = 0; i <= world->count; i++) { /* the last: the evidence */
            places[i] = i;
        }
        tree = empty_tree(world);
        for (size_t left = world->count + 1; left > 0; left--) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            size_t chosen = (size_t)(random % left), place = places[chosen];
            places[chosen] = places[left - 1];
            if (place == world->count) {
                give_fork(tree, &at);
            } else {
                give(tree, &world->said[place]);
            }
            if ((random >> 32) % 4 == 0) {
                assert_int_equal(tree_settle(tree), STATUS_OK);
            }
        }
        assert_int_equal(tree_settle(tree), STATUS_OK);
        char *found = dump(world, tree);
        assert_string_equal(found, expected);
        free(found);
        tree_free(tree);
    }
    free(expected);
}

/* While nobody has more power than to add, a tree is judged fact by fact; the full judgement has to come to the same. */
static void test_both_ways_of_judging_agree_where_nobody_moves_anything(void **state) {
    struct verdict_world *world = *state;
    struct forked at = fork_world(world);
    const struct unit_id unknown = {{99}};
    struct node_id writer = say_node(world, &at.nd, &at.c, 30, ROLE_WRITER), stray = say_node(world, &at.np, &unknown, 31, 3);
    say_name(world, &writer, &at.c, "không được");
    say_name(world, &stray, &at.c, "không biết");
    say_name(world, &at.nq, &at.c, "ngoài");
    say_unit(world, &at.nd, &unknown, 5);
    say_unit(world, &at.nd, &at.c, 2); /* a copied nonce */
    say_unit(world, &at.np, &at.p, 3); /* issued again */
    say_name(world, &at.f, &at.c, "một");
    last(world)->blind = true;
    for (uint8_t i = 0; i < LINE_UNITS_MAX; i++) {
        struct unit_id above = i == 0 ? at.c : last(world)->unit_id;
        say_unit(world, &at.f, &above, (uint8_t)(100 + i));
    }
    struct tree *plain = full_tree(world);
    char *expected = dump(world, plain);
    tree_free(plain);
    const struct log_id nobody = {.node = {{7}}, .kind = LOG_REPORT};
    struct tree *full = empty_tree(world);
    assert_int_equal(tree_add_fork(full, &nobody, 1, &at.rival, &at.held->fact.hash), STATUS_OK); /* of nobody's log: it changes nothing */
    give_from(world, full, 0);
    char *found = dump(world, full);
    assert_string_equal(found, expected);
    free(found);
    free(expected);
    tree_free(full);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, verdict_setup, verdict_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_fork_ends_a_log_until_a_senior_pins_a_branch),
        TEST(test_a_pinned_branch_that_is_not_held_is_wanted),
        TEST(test_the_more_senior_pin_is_followed),
        TEST(test_a_fork_decision_pins_and_cuts_one_log),
        TEST(test_a_decision_against_what_is_held_makes_it_give_room),
        TEST(test_an_admissions_pins_count_whatever_becomes_of_it),
        TEST(test_nobody_is_known_by_an_admission_past_an_open_fork),
        TEST(test_who_settles_a_fork_reaches_what_was_written_past_it),
        TEST(test_a_thousand_orders_give_one_state),
        TEST(test_both_ways_of_judging_agree_where_nobody_moves_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
