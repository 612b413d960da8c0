/* Entitlement: which units may hold which logs, bodies and receipts. */
#include "store_world.h"

struct offices {
    struct tree *tree;
    struct unit_id root, p, q, d, c;
    struct node_id founder, pn, qn, dn, cn;
};

static void offices_make(struct world *world, struct offices *out) {
    const struct node_id *founder = &world->founding.founder;
    out->root = world->founding.root;
    out->founder = *founder;
    out->p = add_unit(world, founder, &out->root, 1, "01");
    out->q = add_unit(world, founder, &out->root, 2, "02");
    out->d = add_unit(world, founder, &out->p, 3, "011");
    world->facts[world->count - 1].unit.level = 2;
    out->c = add_unit(world, founder, &out->d, 4, "0111");
    world->facts[world->count - 1].unit.level = 3;
    out->pn = add_node(world, founder, &out->p, 10);
    out->qn = add_node(world, founder, &out->q, 11);
    out->dn = add_node(world, founder, &out->d, 12);
    out->cn = add_node(world, founder, &out->c, 13);
    out->tree = tree_with_all(world);
}

/* "rpqdc": which of root, p, q, d, c may. */
static void assert_who(const char *found, const char *expected) {
    assert_string_equal(found, expected);
}

static const char *holders_of_log(const struct offices *offices, const struct node_id *author, uint8_t kind) {
    static char who[6];
    const struct unit_id *units[] = {&offices->root, &offices->p, &offices->q, &offices->d, &offices->c};
    const struct log_id log = {.node = *author, .kind = kind};
    size_t count = 0;
    for (size_t i = 0; i < 5; i++) {
        if (tree_may_hold_log(offices->tree, units[i], &log)) {
            who[count++] = "rpqdc"[i];
        }
    }
    who[count] = '\0';
    return who;
}

static const char *holders_of_body(const struct offices *offices, const struct header *header) {
    static char who[6];
    const struct unit_id *units[] = {&offices->root, &offices->p, &offices->q, &offices->d, &offices->c};
    size_t count = 0;
    for (size_t i = 0; i < 5; i++) {
        if (tree_may_hold_body(offices->tree, units[i], header)) {
            who[count++] = "rpqdc"[i];
        }
    }
    who[count] = '\0';
    return who;
}

static void test_who_may_hold_logs(void **state) {
    struct offices offices;
    offices_make(*state, &offices);
    assert_who(holders_of_log(&offices, &offices.founder, LOG_DIRECTIVE), "rpqdc");
    assert_who(holders_of_log(&offices, &offices.founder, LOG_REPORT), "r");
    assert_who(holders_of_log(&offices, &offices.pn, LOG_DIRECTIVE), "rpdc");
    assert_who(holders_of_log(&offices, &offices.pn, LOG_REPORT), "rp");
    assert_who(holders_of_log(&offices, &offices.dn, LOG_DIRECTIVE), "rpdc");
    assert_who(holders_of_log(&offices, &offices.cn, LOG_REPORT), "rpdc");
    assert_who(holders_of_log(&offices, &offices.qn, LOG_DIRECTIVE), "rq");
    assert_who(holders_of_log(&offices, &(struct node_id){{99}}, LOG_DIRECTIVE), "");
    assert_who(holders_of_log(&offices, &(struct node_id){{0}}, LOG_RECOVERY), "rpqdc");
    tree_free(offices.tree);
}

static void test_who_may_hold_bodies(void **state) {
    struct offices offices;
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    offices_make(*state, &offices);
    *header = (struct header){.log = {.node = offices.cn, .kind = LOG_REPORT}, .cls = CLASS_RECORD, .audience_count = 1, .audience = {{.unit = offices.c}}};
    assert_who(holders_of_body(&offices, header), "rpdc");
    header->reach = 1;
    assert_who(holders_of_body(&offices, header), "pdc");
    header->reach = 2;
    assert_who(holders_of_body(&offices, header), "dc");
    header->reach = REACH_PRIVATE;
    assert_who(holders_of_body(&offices, header), "c");
    header->log = (struct log_id){.node = offices.pn, .kind = LOG_DIRECTIVE}; /* a correction by the province: all above either, whatever the reach */
    assert_who(holders_of_body(&offices, header), "rpdc");
    header->audience[0].unit = offices.d;
    assert_who(holders_of_body(&offices, header), "rpd");
    *header =
        (struct header){.log = {.node = offices.pn, .kind = LOG_DIRECTIVE}, .cls = CLASS_DOCUMENT, .audience_count = 1, .audience = {{offices.c, SCOPE_UNIT}}};
    assert_who(holders_of_body(&offices, header), "rpdc"); /* d is not meant, but passes it on */
    header->audience[0] = (struct term){offices.p, SCOPE_UNIT};
    assert_who(holders_of_body(&offices, header), "rp");
    header->audience[0] = (struct term){offices.p, SCOPE_SUBTREE};
    assert_who(holders_of_body(&offices, header), "rpdc");
    header->audience[0] = (struct term){offices.root, SCOPE_LEVEL + 3};
    assert_who(holders_of_body(&offices, header), "rpdc");
    header->audience[0] = (struct term){offices.root, SCOPE_LEVEL + 2};
    assert_who(holders_of_body(&offices, header), "rpd");
    *header = (struct header){.log = {.node = offices.pn, .kind = LOG_DIRECTIVE}, .cls = CLASS_CONTROL};
    assert_who(holders_of_body(&offices, header), "rpdc");
    /* Whoever it names gets no body of a log that is none of his: q is not in the commune's line. */
    *header = (struct header){.log = {.node = offices.cn, .kind = LOG_REPORT}, .cls = CLASS_RECORD, .audience_count = 1, .audience = {{.unit = offices.q}}};
    assert_who(holders_of_body(&offices, header), "rc");
    *header =
        (struct header){.log = {.node = offices.cn, .kind = LOG_REPORT}, .cls = CLASS_DOCUMENT, .audience_count = 1, .audience = {{offices.q, SCOPE_UNIT}}};
    assert_who(holders_of_body(&offices, header), "rpdc");
    free(header);
    tree_free(offices.tree);
}

static void test_who_may_hold_receipts(void **state) {
    struct offices offices;
    offices_make(*state, &offices);
    const struct log_id report = {.node = offices.cn, .kind = LOG_REPORT}, directive = {.node = offices.pn, .kind = LOG_DIRECTIVE};
    const struct unit_id *units[] = {&offices.root, &offices.p, &offices.q, &offices.d, &offices.c};
    const bool of_parent[] = {false, true, false, true, true}, of_child[] = {false, true, false, true, false};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(tree_may_hold_receipt(offices.tree, units[i], &offices.pn, &report), of_parent[i]);   /* the province holds the commune's report */
        assert_int_equal(tree_may_hold_receipt(offices.tree, units[i], &offices.dn, &directive), of_child[i]); /* the district holds the province's directive */
        assert_false(tree_may_hold_receipt(offices.tree, units[i], &offices.qn, &report));
    }
    tree_free(offices.tree);
}

/* A unit that does not stand yet may hold the root's directives, and by the line in the answer to join those of the units named there. */
static void test_a_newcomer_may_hold_its_line(void **state) {
    struct world *world = *state;
    struct offices offices;
    offices_make(world, &offices);
    const struct unit_id newcomer = {{77}};
    const struct log_id root = {.node = offices.founder, .kind = LOG_DIRECTIVE}, province = {.node = offices.pn, .kind = LOG_DIRECTIVE};
    const struct log_id other = {.node = offices.qn, .kind = LOG_DIRECTIVE}, report = {.node = offices.founder, .kind = LOG_REPORT};
    assert_true(tree_may_hold_log(offices.tree, &newcomer, &root));
    assert_false(tree_may_hold_log(offices.tree, &newcomer, &report));
    assert_false(tree_may_hold_log(offices.tree, &newcomer, &province));
    tree_set_hint(offices.tree, &newcomer, &(struct line){.count = 2, .units = {offices.p, offices.root}});
    assert_true(tree_may_hold_log(offices.tree, &newcomer, &province));
    assert_false(tree_may_hold_log(offices.tree, &newcomer, &other));
    assert_false(tree_may_hold_log(offices.tree, &(struct unit_id){{78}}, &province));
    tree_free(offices.tree);
}

/* Levels need not fall along a line. What a unit on the way may not have does not pass it. */
static void test_levels_that_rise(void **state) {
    struct world *world = *state;
    struct offices offices;
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    offices_make(world, &offices);
    struct given *given = next_fact(world, &offices.founder, 0); /* the district is of level 0 */
    given->kind = CHANGE_UNIT_SET;
    given->set = (struct unit_set_change){.unit = offices.d, .attribute = UNIT_LEVEL, .level = 0};
    give(offices.tree, given);
    assert_int_equal(tree_settle(offices.tree), STATUS_OK);
    *header = (struct header){.log = {.node = offices.cn, .kind = LOG_REPORT}, .cls = CLASS_RECORD, .audience_count = 1, .audience = {{.unit = offices.c}}};
    header->reach = 1;
    assert_who(holders_of_body(&offices, header), "c"); /* not the province, though it is of level 1 */
    header->reach = 0;
    assert_who(holders_of_body(&offices, header), "rpdc");
    *header = (struct header){
        .log = {.node = offices.pn, .kind = LOG_DIRECTIVE}, .cls = CLASS_DOCUMENT, .audience_count = 1, .audience = {{offices.root, SCOPE_LEVEL + 3}}};
    assert_who(holders_of_body(&offices, header), "rpdc"); /* through the district, whatever its number */
    header->audience[0].scope = SCOPE_LEVEL + 1;
    assert_who(holders_of_body(&offices, header), "rp");
    header->audience[0] = (struct term){offices.c, SCOPE_LEVEL + 3};
    assert_who(holders_of_body(&offices, header), "rpdc");
    header->audience[0] = (struct term){offices.c, SCOPE_LEVEL + 2};
    assert_who(holders_of_body(&offices, header), "rp");
    free(header);
    tree_free(offices.tree);
}

/* ---- moves ---- */

struct move {
    const struct node_id *author;
    const struct unit_id *unit;
    struct line line, former;
};

static void give_move(struct world *world, struct tree *tree, const struct move *move) {
    const struct placing placing = {.unit = *move->unit, .line = move->line, .former = move->former};
    struct given *given = next_fact(world, move->author, 0);
    assert_int_equal(tree_add_placing(tree, &given->fact, CHANGE_MOVE, &placing), STATUS_OK);
    assert_int_equal(tree_settle(tree), STATUS_OK);
    assert_int_equal(verdict(tree, given), STATUS_OK);
}

/* The district goes from p to q. */
static void move_district(struct world *world, const struct offices *offices) {
    const struct move move = {
        &offices->founder, &offices->d, {.count = 2, .units = {offices->q, offices->root}}, {.count = 2, .units = {offices->p, offices->root}}};
    give_move(world, offices->tree, &move);
}

static void test_a_move_shows_the_new_line_and_keeps_the_old(void **state) {
    struct offices offices;
    offices_make(*state, &offices);
    assert_who(holders_of_log(&offices, &offices.qn, LOG_DIRECTIVE), "rq");
    move_district(*state, &offices);
    /* Whoever was above follows those above it now: else what they do about it could not be judged there. */
    assert_who(holders_of_log(&offices, &offices.qn, LOG_DIRECTIVE), "rpqdc");
    assert_who(holders_of_log(&offices, &offices.pn, LOG_DIRECTIVE), "rpqdc");
    assert_who(holders_of_log(&offices, &offices.dn, LOG_DIRECTIVE), "rqdc"); /* nothing new of the unit itself for its former level */
    assert_who(holders_of_log(&offices, &offices.cn, LOG_DIRECTIVE), "rqdc");
    assert_who(holders_of_log(&offices, &offices.cn, LOG_REPORT), "rqdc");
    assert_who(holders_of_log(&offices, &offices.pn, LOG_REPORT), "rp");
    assert_who(holders_of_log(&offices, &offices.qn, LOG_REPORT), "rq");
    tree_free(offices.tree);
}

static void test_bodies_follow_the_lines_of_today(void **state) {
    struct offices offices;
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    offices_make(*state, &offices);
    move_district(*state, &offices);
    *header = (struct header){.log = {.node = offices.cn, .kind = LOG_REPORT}, .cls = CLASS_RECORD, .audience_count = 1, .audience = {{.unit = offices.c}}};
    assert_who(holders_of_body(&offices, header), "rqdc");
    header->log = (struct log_id){.node = offices.qn, .kind = LOG_DIRECTIVE}; /* a correction by the new province: p holds the log, not what stands in it */
    assert_who(holders_of_body(&offices, header), "rqdc");
    header->log.node = offices.pn; /* by the old one: the author's unit, the unit concerned, and all above either today */
    assert_who(holders_of_body(&offices, header), "rpqdc");
    header->cls = CLASS_CONTROL;
    header->audience_count = 0;
    assert_who(holders_of_body(&offices, header), "rpqdc");
    free(header);
    tree_free(offices.tree);
}

/* A unit made under the district while it stood under p: what happens to it afterwards nobody at p needs, but who stands above its former parent p follows on.
 */
static void test_above_what_left(void **state) {
    struct world *world = *state;
    struct offices offices;
    offices_make(world, &offices);
    struct unit_id e = add_unit(world, &offices.founder, &offices.q, 9, "021");
    give(offices.tree, &world->facts[world->count - 1]);
    struct node_id en = add_node(world, &offices.founder, &e, 30);
    give(offices.tree, &world->facts[world->count - 1]);
    assert_int_equal(tree_settle(offices.tree), STATUS_OK);
    assert_who(holders_of_log(&offices, &en, LOG_DIRECTIVE), "rq");
    /* The commune leaves the district for e, under q. */
    const struct move move = {
        &offices.founder, &offices.c, {.count = 3, .units = {e, offices.q, offices.root}}, {.count = 3, .units = {offices.d, offices.p, offices.root}}};
    give_move(world, offices.tree, &move);
    assert_who(holders_of_log(&offices, &en, LOG_DIRECTIVE), "rpqdc"); /* p: the district is of its subtree, and the commune was directly under that */
    assert_who(holders_of_log(&offices, &offices.cn, LOG_DIRECTIVE), "rqc");
    assert_who(holders_of_log(&offices, &offices.dn, LOG_DIRECTIVE), "rpqdc");
    tree_free(offices.tree);
}

struct above_list {
    const struct tree *tree;
    const struct unit_id *units[8];
    size_t count;
};

static bool take_above(void *arg, uint32_t unit, unsigned depth) {
    struct above_list *list = arg;
    (void)depth;
    assert_true(list->count < 8);
    list->units[list->count++] = tree_unit_id(list->tree, unit);
    return true;
}

/* The new parent is known only to its own province: whoever the move touches takes the logs by which it can be judged, and nobody else does. */
static void test_what_a_move_names_is_accepted(void **state) {
    struct world *world = *state;
    struct offices offices;
    offices_make(world, &offices);
    struct unit_id e = add_unit(world, &offices.qn, &offices.q, 9, "021"); /* kept from the tree at first */
    const struct given *creation = &world->facts[world->count - 1];
    const struct log_id log = {.node = offices.qn, .kind = LOG_DIRECTIVE}, report = {.node = offices.qn, .kind = LOG_REPORT};
    const struct placing placing = {
        .unit = offices.c, .line = {.count = 3, .units = {e, offices.q, offices.root}}, .former = {.count = 3, .units = {offices.d, offices.p, offices.root}}};
    assert_false(tree_may_accept_log(offices.tree, &offices.c, &log));
    struct given *given = next_fact(world, &offices.founder, 0);
    assert_int_equal(tree_add_placing(offices.tree, &given->fact, CHANGE_MOVE, &placing), STATUS_OK);
    assert_int_equal(tree_settle(offices.tree), STATUS_OK);
    assert_int_not_equal(verdict(offices.tree, given), STATUS_OK);
    const struct unit_id *touched[] = {&offices.c, &offices.d, &offices.p};
    for (size_t i = 0; i < 3; i++) {
        assert_false(tree_may_hold_log(offices.tree, touched[i], &log));
        assert_true(tree_may_accept_log(offices.tree, touched[i], &log));
        assert_false(tree_may_accept_log(offices.tree, touched[i], &report));
    }
    struct above_list named = {.tree = offices.tree};
    tree_each_named(offices.tree, tree_unit(offices.tree, &offices.c), take_above, &named);
    size_t found = 0;
    for (size_t i = 0; i < named.count; i++) {
        found += ID_EQUAL(named.units[i], &offices.q);
    }
    assert_int_equal(found, 1);
    const struct log_id other = {.node = offices.pn, .kind = LOG_DIRECTIVE};
    assert_true(tree_may_accept_log(offices.tree, &offices.q, &other)); /* e will be of its subtree */
    give(offices.tree, creation);
    assert_int_equal(tree_settle(offices.tree), STATUS_OK);
    assert_int_equal(verdict(offices.tree, given), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_true(tree_may_hold_log(offices.tree, touched[i], &log));
    }
    tree_free(offices.tree);
}

/* The same where not the unit itself is moved, but one above it: its new line will be that of all below. */
static void test_what_a_move_of_a_unit_above_names_is_accepted(void **state) {
    struct world *world = *state;
    struct offices offices;
    offices_make(world, &offices);
    struct unit_id e = add_unit(world, &offices.qn, &offices.q, 9, "021"); /* kept from the tree at first */
    const struct given *creation = &world->facts[world->count - 1];
    const struct log_id log = {.node = offices.qn, .kind = LOG_DIRECTIVE};
    const struct placing placing = {
        .unit = offices.d, .line = {.count = 3, .units = {e, offices.q, offices.root}}, .former = {.count = 2, .units = {offices.p, offices.root}}};
    struct given *given = next_fact(world, &offices.founder, 0);
    assert_int_equal(tree_add_placing(offices.tree, &given->fact, CHANGE_MOVE, &placing), STATUS_OK);
    assert_int_equal(tree_settle(offices.tree), STATUS_OK);
    assert_false(tree_may_hold_log(offices.tree, &offices.c, &log));
    assert_true(tree_may_accept_log(offices.tree, &offices.c, &log));
    give(offices.tree, creation);
    assert_int_equal(tree_settle(offices.tree), STATUS_OK);
    assert_true(tree_may_hold_log(offices.tree, &offices.c, &log));
    tree_free(offices.tree);
}

/* The list and the question say the same, for every pair of units. */
static void test_the_list_of_those_above(void **state) {
    struct offices offices;
    offices_make(*state, &offices);
    for (int moved = 0; moved < 2; moved++) {
        const struct unit_id *units[] = {&offices.root, &offices.p, &offices.q, &offices.d, &offices.c};
        const struct node_id *nodes[] = {&offices.founder, &offices.pn, &offices.qn, &offices.dn, &offices.cn};
        for (size_t i = 0; i < 5; i++) {
            struct above_list list = {.tree = offices.tree};
            uint32_t unit = tree_unit(offices.tree, units[i]);
            assert_int_equal(tree_each_above(offices.tree, unit, take_above, &list), STATUS_OK);
            for (size_t j = 0; j < 5; j++) {
                const struct log_id log = {.node = *nodes[j], .kind = LOG_DIRECTIVE};
                size_t named = 0;
                for (size_t k = 0; k < list.count; k++) {
                    named += ID_EQUAL(list.units[k], units[j]);
                }
                bool below = tree_over(offices.tree, unit, tree_unit(offices.tree, units[j]));
                assert_int_equal(named, !below && tree_may_hold_log(offices.tree, units[i], &log) ? 1 : 0);
            }
        }
        if (moved == 0) {
            move_district(*state, &offices);
        }
    }
    tree_free(offices.tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_who_may_hold_logs),
        WORLD_TEST(test_who_may_hold_bodies),
        WORLD_TEST(test_who_may_hold_receipts),
        WORLD_TEST(test_a_newcomer_may_hold_its_line),
        WORLD_TEST(test_levels_that_rise),
        WORLD_TEST(test_a_move_shows_the_new_line_and_keeps_the_old),
        WORLD_TEST(test_bodies_follow_the_lines_of_today),
        WORLD_TEST(test_above_what_left),
        WORLD_TEST(test_what_a_move_names_is_accepted),
        WORLD_TEST(test_what_a_move_of_a_unit_above_names_is_accepted),
        WORLD_TEST(test_the_list_of_those_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
