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

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_who_may_hold_logs),
        WORLD_TEST(test_who_may_hold_bodies),
        WORLD_TEST(test_who_may_hold_receipts),
        WORLD_TEST(test_a_newcomer_may_hold_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
