/* The full judgement (docs/protocol.md 5.11): moves, handovers, revocations, erasures, rule by rule; and that no order of what is given makes a difference.
 * What the rules come to together, the model says beside this (tests/oracle). */
#include "verdict_world.h"

/* A founder at the root; provinces p and q with a steward each; a district d under p with one, a commune c under d. */
struct country {
    struct unit_id root, p, q, d, c;
    struct node_id f, np, nq, nd, nc;
};

static struct country found(struct verdict_world *world) {
    struct country at = {.root = world->founding.root, .f = world->founding.founder};
    at.p = say_unit(world, &at.f, &at.root, 1);
    at.q = say_unit(world, &at.f, &at.root, 2);
    at.np = say_node(world, &at.f, &at.p, 10, 3);
    at.nq = say_node(world, &at.f, &at.q, 11, 3);
    at.d = say_unit(world, &at.np, &at.p, 3);
    at.nd = say_node(world, &at.np, &at.d, 12, 3);
    at.c = say_unit(world, &at.nd, &at.d, 4);
    at.nc = say_node(world, &at.nd, &at.c, 13, ROLE_WRITER);
    return at;
}

/* ---- revocations ---- */

static void test_a_revocation_cuts_what_it_names_and_all_that_it_does_not(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *good = say_name(world, &at.nd, &at.c, "tốt");
    const struct said *bad = say_name(world, &at.nd, &at.c, "xấu");
    struct node_id thief = say_node(world, &at.nd, &at.d, 66, 3);
    const struct said *rests = say_name(world, &thief, &at.c, "trộm");
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, rests), STATUS_OK);
    uint64_t version = tree_version(tree), retractions = tree_retractions(tree);
    const struct said *cut = say_revocation(world, &at.np, &at.nd, good);
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, cut), STATUS_OK);
    assert_int_equal(verdict_of(tree, good), STATUS_OK);
    assert_int_equal(verdict_of(tree, bad), STATUS_AUTHOR_CUT);
    assert_int_equal(verdict_of(tree, rests), STATUS_AUTHOR_UNKNOWN);
    assert_int_equal(tree_node(tree, &thief), TREE_NONE);
    assert_true(bytes_equal(tree_name(tree, tree_unit(tree, &at.c), TREE_TODAY), text("tốt")));
    assert_true(tree_version(tree) > version);
    assert_true(tree_retractions(tree) > retractions);
    struct tree_standing standing;
    struct log_id log = good->fact.log;
    tree_log_standing(tree, &log, &standing);
    assert_int_equal(standing.upto, good->fact.seq);
    assert_int_equal(standing.why, STATUS_AUTHOR_CUT);
    log.kind = LOG_REPORT; /* not named: cut at 0 */
    tree_log_standing(tree, &log, &standing);
    assert_int_equal(standing.upto, 0);
    assert_int_equal(record_at(tree, &at.nd, LOG_REPORT, &at.d, 1), STATUS_AUTHOR_CUT);
    assert_int_equal(record_at(tree, &at.nc, LOG_REPORT, &at.c, 1), STATUS_OK);
    int64_t entry;
    assert_true(tree_revoked(tree, tree_node(tree, &at.nd), &entry));
    assert_int_equal(entry, cut->fact.entry_id);
    assert_false(tree_revoked(tree, tree_node(tree, &at.nc), &entry));
    tree_free(tree);
}

static void test_a_pin_takes_nothing_back(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    struct tree *tree = full_tree(world);
    uint64_t retractions = tree_retractions(tree);
    const struct ref pin = ref_to(&world->said[7]);
    say_ref(world, &at.np, CHANGE_PIN, &pin);
    give_from(world, tree, world->count - 1);
    assert_int_equal(tree_retractions(tree), retractions);
    say_revocation(world, &at.np, &at.nd, &world->said[7]); /* at its head; other logs of the node there may be */
    give_from(world, tree, world->count - 1);
    assert_true(tree_retractions(tree) > retractions);
    tree_free(tree);
}

static void test_about_a_senior_it_is_a_request(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *revocation = say_revocation(world, &at.nd, &at.np, NULL);
    const struct ref ref = ref_to(&world->said[4]);
    const struct said *pin = say_ref(world, &at.nd, CHANGE_PIN, &ref);
    const struct said *sideways = say_revocation(world, &at.np, &at.nq, NULL); /* junior, and of no unit below */
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, revocation), STATUS_REQUEST_ONLY);
    assert_int_equal(verdict_of(tree, pin), STATUS_REQUEST_ONLY);
    assert_int_equal(verdict_of(tree, sideways), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(verdict_of(tree, &world->said[6]), STATUS_OK);
    tree_free(tree);
}

static void test_a_node_may_always_cut_itself_and_no_verdict_falls(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *own = say_revocation(world, &at.nc, &at.nc, NULL); /* a writer only */
    const struct said *name = say_name(world, &at.nd, &at.c, "xã");
    say_revocation(world, &at.nd, &at.nd, &world->said[6]); /* up to the creation of c */
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, own), STATUS_AUTHOR_CUT); /* it stands past its own cut, and cuts all the same */
    assert_int_equal(judged(tree, own), STATUS_OK);
    assert_int_equal(judged(tree, name), STATUS_OK);
    assert_int_equal(verdict_of(tree, name), STATUS_AUTHOR_CUT);
    assert_int_not_equal(tree_node(tree, &at.nc), TREE_NONE); /* admitted in what was cut off since: judged is judged */
    assert_int_equal(record_at(tree, &at.nc, LOG_REPORT, &at.c, 1), STATUS_AUTHOR_CUT);
    assert_true(bytes_equal(tree_name(tree, tree_unit(tree, &at.c), TREE_TODAY), text("tên")));
    tree_free(tree);
}

static void test_no_cut_goes_below_a_seniors_pin(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *pinned = say_name(world, &at.nd, &at.c, "tên hai");
    const struct said *after = say_name(world, &at.nd, &at.c, "tên ba");
    struct node_id second = say_node(world, &at.f, &at.p, 14, 3); /* junior to np, senior to nd */
    const struct ref ref = ref_to(pinned);
    say_ref(world, &at.f, CHANGE_PIN, &ref);
    say_revocation(world, &at.np, &at.nd, NULL);
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, pinned), STATUS_OK);
    assert_int_equal(verdict_of(tree, after), STATUS_AUTHOR_CUT);
    tree_free(tree);
    const struct ref higher = ref_to(after); /* by a junior of the one who cuts: holds nothing up */
    say_ref(world, &second, CHANGE_PIN, &higher);
    tree = full_tree(world);
    assert_int_equal(verdict_of(tree, after), STATUS_AUTHOR_CUT);
    tree_free(tree);
}

static void test_a_cut_holds_until_its_author_or_a_senior_replaces_it(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *one = say_name(world, &at.nd, &at.c, "một"), *two = say_name(world, &at.nd, &at.c, "hai"), *three = say_name(world, &at.nd, &at.c, "ba");
    say_revocation(world, &at.np, &at.nd, one);
    say_revocation(world, &at.np, &at.nd, two); /* in its own log: it has seen the first */
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, two), STATUS_OK);
    assert_int_equal(verdict_of(tree, three), STATUS_AUTHOR_CUT);
    tree_free(tree);
    struct node_id junior = say_node(world, &at.f, &at.p, 14, 3); /* to np, not to nd */
    say_revocation(world, &junior, &at.nd, three);
    tree = full_tree(world);
    assert_int_equal(verdict_of(tree, three), STATUS_AUTHOR_CUT);
    tree_free(tree);
    struct said *lower = say_revocation(world, &junior, &at.nd, one); /* the junior's cut goes not below what the senior calls good */
    tree = full_tree(world);
    assert_int_equal(verdict_of(tree, two), STATUS_OK);
    tree_free(tree);
    lower->blind = true;
    say_revocation(world, &at.f, &at.nd, three); /* a senior has seen them all */
    tree = full_tree(world);
    assert_int_equal(verdict_of(tree, three), STATUS_OK);
    last(world)->blind = true; /* or none: then his pin holds them up all the same */
    tree_free(tree);
    tree = full_tree(world);
    assert_int_equal(verdict_of(tree, three), STATUS_OK);
    tree_free(tree);
}

/* ---- moves ---- */

static void test_a_move_names_two_lines_and_takes_one_above_both(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct unit_id *const *to = LINE(&at.q, &at.root), *const *from = LINE(&at.p, &at.root);
    const struct said *below = say_placing(world, &at.np, CHANGE_MOVE, &at.d, to, from);
    const struct said *wrong = say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.q, &at.c, &at.root), from);
    const struct said *never = say_placing(world, &at.f, CHANGE_MOVE, &at.d, to, LINE(&at.q, &at.root));
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, below), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(verdict_of(tree, wrong), STATUS_LINE_BROKEN);
    assert_int_equal(verdict_of(tree, never), STATUS_LINE_BROKEN);
    uint32_t p = tree_unit(tree, &at.p), q = tree_unit(tree, &at.q), d = tree_unit(tree, &at.d), c = tree_unit(tree, &at.c);
    assert_int_equal(parent_today(tree, &at.d), p);
    uint64_t retractions = tree_retractions(tree);
    const struct said *move = say_placing(world, &at.f, CHANGE_MOVE, &at.d, to, from);
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, move), STATUS_OK);
    assert_int_equal(parent_today(tree, &at.d), q);
    assert_true(tree_retractions(tree) > retractions);
    assert_true(tree_over(tree, q, c) && !tree_over(tree, p, c));
    assert_true(tree_ever_over(tree, q, c) && tree_ever_over(tree, p, c) && !tree_ever_over(tree, q, p));
    const uint32_t *parents;
    assert_int_equal(tree_ever_parents(tree, d, &parents), 2);
    assert_int_equal(verdict_of(tree, never), STATUS_OK); /* the root writes it again, as it were: now the unit has stood under q */
    tree_free(tree);
}

static void test_a_closed_unit_hangs_under_its_successor_until_it_is_moved_again(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    say_placing(world, &at.f, CHANGE_CLOSE, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    struct tree *tree = full_tree(world);
    uint32_t d = tree_unit(tree, &at.d);
    assert_true(tree_closed(tree, d));
    assert_int_equal(parent_today(tree, &at.d), tree_unit(tree, &at.q));
    say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.p, &at.root), LINE(&at.q, &at.root));
    give_from(world, tree, world->count - 1);
    assert_false(tree_closed(tree, d));
    say_placing(world, &at.f, CHANGE_SAME, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    give_from(world, tree, world->count - 1);
    assert_true(tree_closed(tree, d));
    tree_free(tree);
}

static void test_of_moves_into_a_circle_the_most_junior_is_set_aside(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    struct node_id second = say_node(world, &at.f, &at.root, 20, 3);
    const struct said *senior = say_placing(world, &at.f, CHANGE_MOVE, &at.p, LINE(&at.q, &at.root), LINE(&at.root));
    struct said *junior = say_placing(world, &second, CHANGE_MOVE, &at.q, LINE(&at.p, &at.root), LINE(&at.root));
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, senior), STATUS_OK);
    assert_int_equal(verdict_of(tree, junior), STATUS_STRUCTURE_CYCLE);
    assert_int_equal(judged(tree, junior), STATUS_OK);
    assert_int_equal(parent_today(tree, &at.p), tree_unit(tree, &at.q));
    assert_int_equal(parent_today(tree, &at.q), 0); /* what it had before holds again */
    assert_int_equal(tree_standing_count(tree), 5);
    tree_free(tree);
}

static void test_no_move_puts_a_unit_deeper_than_a_line_is_long(void **state) {
    struct verdict_world *world = *state;
    struct unit_id root = world->founding.root, chain[LINE_UNITS_MAX], tail[3];
    struct node_id f = world->founding.founder;
    for (uint8_t i = 0; i < LINE_UNITS_MAX; i++) {
        chain[i] = say_unit(world, &f, i == 0 ? &root : &chain[i - 1], (uint8_t)(100 + i));
    }
    for (uint8_t i = 0; i < 3; i++) {
        tail[i] = say_unit(world, &f, i == 0 ? &root : &tail[i - 1], (uint8_t)(50 + i));
    }
    const struct said *deep = last(world);
    const struct unit_id *line[LINE_UNITS_MAX + 1];
    for (size_t i = 0; i < LINE_UNITS_MAX - 2; i++) {
        line[i] = &chain[LINE_UNITS_MAX - 3 - i];
    }
    line[LINE_UNITS_MAX - 2] = &root;
    line[LINE_UNITS_MAX - 1] = NULL;
    const struct said *move = say_placing(world, &f, CHANGE_MOVE, &tail[0], line, LINE(&root));
    struct tree *tree = full_tree(world);
    assert_int_equal(judged(tree, move), STATUS_OK);
    assert_int_equal(verdict_of(tree, deep), STATUS_LINE_BROKEN); /* its third below: one too deep */
    uint32_t above[LINE_UNITS_MAX];
    assert_int_equal(tree_line(tree, tree_unit(tree, &tail[1]), TREE_TODAY, above), LINE_UNITS_MAX);
    assert_int_equal(tree_unit(tree, &tail[2]), TREE_NONE);
    tree_free(tree);
}

static void test_a_unit_may_outlive_its_creation(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    say_revocation(world, &at.np, &at.np, NULL); /* it made d, and takes all that it wrote out of the views */
    struct tree *tree = full_tree(world);
    uint32_t d = tree_unit(tree, &at.d);
    assert_int_equal(parent_today(tree, &at.d), tree_unit(tree, &at.q));
    assert_int_equal(tree_name(tree, d, TREE_TODAY).len, 0);
    assert_true(tree_exists(tree, d, 0));
    assert_int_equal(parent_today(tree, &at.c), d);
    tree_free(tree);
}

/* ---- handovers ---- */

static void test_a_handover_ends_the_old_line_and_nobody_else(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *before = say_name(world, &at.np, &at.c, "trước");
    say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    const struct said *handover = say_handover(world, &at.f, &at.d, &at.q, before);
    const struct said *empty = say_handover(world, &at.f, &at.c, &at.q, NULL);
    struct said *old = say_name(world, &at.np, &at.c, "cũ");
    const struct said *fresh = say_name(world, &at.nq, &at.c, "mới"), *inside = say_name(world, &at.nd, &at.c, "trong");
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, handover), STATUS_OK);
    assert_int_equal(verdict_of(tree, empty), STATUS_HANDOVER_EMPTY);
    assert_int_equal(verdict_of(tree, before), STATUS_OK);
    assert_int_equal(verdict_of(tree, old), STATUS_HANDED_OVER);
    assert_int_equal(verdict_of(tree, fresh), STATUS_OK);
    assert_int_equal(verdict_of(tree, inside), STATUS_OK);
    assert_int_equal(record_at(tree, &at.np, LOG_DIRECTIVE, &at.c, old->fact.seq), STATUS_HANDED_OVER);
    assert_int_equal(record_at(tree, &at.np, LOG_DIRECTIVE, &at.p, old->fact.seq), STATUS_OK);
    assert_int_equal(record_at(tree, &at.nq, LOG_DIRECTIVE, &at.c, 9), STATUS_OK);
    struct ref ref = ref_to(old); /* the new line accepts it: nq is senior neither to np nor junior to it by chance of order */
    const struct said *accept = say_ref(world, &at.f, CHANGE_ACCEPT, &ref);
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, accept), STATUS_OK);
    assert_int_equal(verdict_of(tree, old), STATUS_OK);
    tree_free(tree);
}

static void test_a_later_move_back_ends_a_handover(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    say_handover(world, &at.f, &at.d, &at.q, NULL);
    const struct said *old = say_name(world, &at.np, &at.c, "cũ");
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, old), STATUS_HANDED_OVER);
    struct said *back = say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.p, &at.root), LINE(&at.q, &at.root));
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, old), STATUS_OK);
    tree_free(tree);
    assert_int_equal(back->kind, CHANGE_MOVE);
}

/* The old line, moved to below what it handed over, has no say there by that. */
static void test_the_old_line_below_the_moved_unit_stays_bound(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct said *good = say_name(world, &at.np, &at.c, "trước");
    say_placing(world, &at.f, CHANGE_MOVE, &at.d, LINE(&at.q, &at.root), LINE(&at.p, &at.root));
    say_handover(world, &at.f, &at.d, &at.q, good);
    const struct said *waits = say_name(world, &at.np, &at.c, "cũ"), *cut = say_revocation(world, &at.np, &at.nd, NULL);
    const struct said *own = say_name(world, &at.np, &at.p, "của mình");
    struct unit_id below = say_unit(world, &at.np, &at.p, 7);
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, waits), STATUS_HANDED_OVER);
    assert_int_equal(verdict_of(tree, cut), STATUS_HANDED_OVER);
    say_placing(world, &at.f, CHANGE_MOVE, &at.p, LINE(&at.d, &at.q, &at.root), LINE(&at.root));
    give_from(world, tree, world->count - 1);
    assert_int_equal(verdict_of(tree, last(world)), STATUS_OK);
    assert_int_equal(verdict_of(tree, waits), STATUS_HANDED_OVER);
    assert_int_equal(verdict_of(tree, cut), STATUS_HANDED_OVER);
    assert_int_equal(verdict_of(tree, own), STATUS_OK); /* of its own unit, and of what is its own without the moved one, it speaks on */
    assert_true(tree_stands(tree, tree_unit_known(tree, &below)));
    assert_int_equal(record_at(tree, &at.np, LOG_DIRECTIVE, &at.p, 99), STATUS_OK);
    assert_int_equal(record_at(tree, &at.np, LOG_DIRECTIVE, &at.c, 99), STATUS_HANDED_OVER);
    tree_free(tree);
}

/* ---- a new key in the place of the old one ---- */

static void test_a_successor_ranks_behind_whom_it_succeeds_alone(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    struct node_id sp = say_successor(world, &at.np, &at.p, 20);
    struct node_id late = say_node(world, &at.np, &at.d, 21, 3), child = say_node(world, &sp, &at.d, 22, 3), again = say_successor(world, &sp, &at.p, 23);
    const struct node_id order[] = {at.f, at.np, sp, again, at.nq, at.nd, late, child, at.nc};
    const struct ref pinned = ref_to(&world->said[0]);
    for (int power = 0; power < 2; power++) { /* fact by fact, and judged from the root downward */
        struct tree *tree = full_tree(world);
        for (size_t i = 0; i + 1 < sizeof order / sizeof *order; i++) {
            assert_true(tree_seniority(tree, tree_node(tree, &order[i]), tree_node(tree, &order[i + 1])) < 0);
            assert_true(tree_seniority(tree, tree_node(tree, &order[i + 1]), tree_node(tree, &order[i])) > 0);
        }
        tree_free(tree);
        say_ref(world, &at.f, CHANGE_PIN, &pinned);
    }
    const struct said *cut = say_revocation(world, &again, &at.nd, NULL), *back = say_revocation(world, &at.nd, &again, NULL);
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, cut), STATUS_OK);
    assert_int_equal(verdict_of(tree, back), STATUS_AUTHOR_CUT);
    tree_free(tree);
}

static void test_who_succeeds_another_unit_or_another_key_is_but_invited(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    struct node_id below = say_successor(world, &at.np, &at.d, 30); /* of another unit than its inviter */
    struct node_id other = say_node(world, &at.np, &at.p, 31, 3);   /* no successor at all */
    last(world)->admission->has_succeeds = true;
    last(world)->admission->succeeds = at.nd; /* nor of its inviter */
    struct tree *tree = full_tree(world);
    assert_true(tree_seniority(tree, tree_node(tree, &at.nd), tree_node(tree, &below)) < 0);
    assert_true(tree_seniority(tree, tree_node(tree, &below), tree_node(tree, &other)) < 0);
    assert_true(tree_seniority(tree, tree_node(tree, &at.nq), tree_node(tree, &at.nd)) < 0);
    tree_free(tree);
}

/* ---- roles, erasures, records ---- */

static void test_who_is_no_steward_steers_nothing_and_who_is_no_writer_writes_nothing(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    struct node_id steward = say_node(world, &at.nd, &at.c, 15, ROLE_STEWARD);
    const struct ref ref = ref_to(&world->said[0]);
    const struct said *named[] = {say_name(world, &at.nc, &at.c, "x"), say_ref(world, &at.nc, CHANGE_ACCEPT, &ref)};
    struct tree *tree = full_tree(world);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(verdict_of(tree, named[i]), STATUS_OUTSIDE_AUTHORITY);
    }
    assert_int_equal(record_at(tree, &steward, LOG_REPORT, &at.c, 1), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(record_at(tree, &at.nc, LOG_REPORT, &at.c, 1), STATUS_OK);
    assert_int_equal(record_at(tree, &at.nc, LOG_REPORT, &at.d, 1), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(record_at(tree, &at.np, LOG_DIRECTIVE, &at.c, 9), STATUS_OK);
    assert_int_equal(record_at(tree, &at.nq, LOG_DIRECTIVE, &at.c, 9), STATUS_OUTSIDE_AUTHORITY);
    const struct unit_id unknown = {{77}};
    assert_int_equal(record_at(tree, &at.np, LOG_DIRECTIVE, &unknown, 9), STATUS_UNIT_UNKNOWN);
    const struct node_id nobody = {{78}};
    assert_int_equal(record_at(tree, &nobody, LOG_REPORT, &at.c, 1), STATUS_AUTHOR_UNKNOWN);
    tree_free(tree);
}

static void test_an_erasure_stands_while_its_entry_does(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    const struct ref ref = {{.node = at.nc, .kind = LOG_REPORT}, 1, {{9}}}, other = {{.node = at.nq, .kind = LOG_REPORT}, 1, {{9}}};
    const struct said *erasure = say_ref(world, &at.nd, CHANGE_ERASE, &ref), *outside = say_ref(world, &at.nd, CHANGE_ERASE, &other);
    struct tree *tree = full_tree(world);
    assert_int_equal(verdict_of(tree, erasure), STATUS_OK);
    assert_int_equal(verdict_of(tree, outside), STATUS_OUTSIDE_AUTHORITY);
    assert_true(tree_erased(tree, &ref));
    assert_false(tree_erased(tree, &other));
    say_revocation(world, &at.np, &at.nd, &world->said[7]);
    give_from(world, tree, world->count - 1);
    assert_false(tree_erased(tree, &ref));
    tree_free(tree);
}

/* ---- the recovery keys ---- */

static void test_the_recovery_keys_stand_above_the_founder(void **state) {
    struct verdict_world *world = *state;
    struct country at = found(world);
    static const struct node_id recovery;
    struct unit_id late = say_unit(world, &at.f, &at.root, 9);
    struct node_id heir = say_node(world, &recovery, &at.root, 30, 3);
    say_revocation(world, &recovery, &at.f, &world->said[3]); /* up to the admission of nq */
    const struct said *name = say_name(world, &heir, &at.p, "tỉnh");
    const struct said *against = say_revocation(world, &at.np, &heir, NULL);
    struct tree *tree = full_tree(world);
    assert_int_equal(tree_unit(tree, &late), TREE_NONE);
    assert_int_equal(verdict_of(tree, name), STATUS_OK);
    assert_int_equal(verdict_of(tree, against), STATUS_REQUEST_ONLY);
    assert_true(tree_seniority(tree, tree_node(tree, &at.f), tree_node(tree, &heir)) < 0);
    assert_true(tree_seniority(tree, tree_node(tree, &heir), tree_node(tree, &at.np)) < 0);
    tree_free(tree);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, verdict_setup, verdict_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_revocation_cuts_what_it_names_and_all_that_it_does_not),
        TEST(test_a_pin_takes_nothing_back),
        TEST(test_about_a_senior_it_is_a_request),
        TEST(test_a_node_may_always_cut_itself_and_no_verdict_falls),
        TEST(test_no_cut_goes_below_a_seniors_pin),
        TEST(test_a_cut_holds_until_its_author_or_a_senior_replaces_it),
        TEST(test_a_move_names_two_lines_and_takes_one_above_both),
        TEST(test_a_closed_unit_hangs_under_its_successor_until_it_is_moved_again),
        TEST(test_of_moves_into_a_circle_the_most_junior_is_set_aside),
        TEST(test_no_move_puts_a_unit_deeper_than_a_line_is_long),
        TEST(test_a_unit_may_outlive_its_creation),
        TEST(test_a_handover_ends_the_old_line_and_nobody_else),
        TEST(test_a_later_move_back_ends_a_handover),
        TEST(test_the_old_line_below_the_moved_unit_stays_bound),
        TEST(test_a_successor_ranks_behind_whom_it_succeeds_alone),
        TEST(test_who_succeeds_another_unit_or_another_key_is_but_invited),
        TEST(test_who_is_no_steward_steers_nothing_and_who_is_no_writer_writes_nothing),
        TEST(test_an_erasure_stands_while_its_entry_does),
        TEST(test_the_recovery_keys_stand_above_the_founder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
