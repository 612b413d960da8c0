/* Structure: what stands from the founding on, dated attributes, lookups, the walk, and that a whole country is quick. */
#include "store_world.h"

#include <stdio.h>
#include <time.h>

static void test_founding_stands(void **state) {
    struct world *world = *state;
    struct tree *tree = tree_of(world);
    const struct level_name *levels;
    unsigned level;
    assert_int_equal(tree_unit(tree, &world->founding.root), 0);
    assert_int_equal(tree_node(tree, &world->founding.founder), 0);
    assert_int_equal(tree_standing_count(tree), 1);
    assert_int_equal(tree_parent(tree, 0, TREE_TODAY), TREE_NONE);
    assert_int_equal(tree_node_by_transport(tree, world->founding.transport_key), 0);
    assert_int_equal(tree_levels(tree, &levels), 5);
    assert_int_equal(tree_level_number(tree, text("Commune"), &level), STATUS_OK);
    assert_int_equal(level, 3);
    assert_int_equal(tree_level_number(tree, text("xã"), &level), STATUS_OK);
    assert_int_equal(level, 3);
    assert_int_equal(tree_level_number(tree, text("5"), &level), STATUS_LEVEL_UNKNOWN);
    tree_free(tree);
}

static void test_attributes_are_dated(void **state) {
    struct world *world = *state;
    struct unit_id unit = add_unit(world, &world->founding.founder, &world->founding.root, 1, "01");
    world->facts[0].unit.effective = (struct date){true, 100};
    struct unit_id below = add_unit(world, &world->founding.founder, &unit, 2, "0101");
    set_text(world, &world->founding.founder, &unit, UNIT_CODE, "99")->set.effective = (struct date){true, 200};
    set_text(world, &world->founding.founder, &unit, UNIT_CODE, "98")->set.effective = (struct date){true, 150};
    set_text(world, &world->founding.founder, &unit, UNIT_CODE, "97")->set.effective =
        (struct date){true, 150}; /* later in one log: it has seen the one before */
    struct given *level = set_text(world, &world->founding.founder, &unit, UNIT_LEVEL, "");
    level->set.level = 2;
    level->set.effective = (struct date){true, 160};
    struct tree *tree = tree_with_all(world);
    uint32_t handle = tree_unit(tree, &unit), found;
    assert_false(tree_exists(tree, handle, 99));
    assert_true(tree_exists(tree, handle, 100));
    assert_false(tree_exists(tree, tree_unit(tree, &below), 99)); /* nothing is before what it stands under */
    assert_int_equal(tree_parent(tree, handle, 99), TREE_NONE);
    assert_int_equal(tree_parent(tree, handle, 100), 0);
    assert_text(tree_code(tree, handle, 149), "01");
    assert_text(tree_code(tree, handle, 150), "97");
    assert_text(tree_code(tree, handle, 199), "97");
    assert_text(tree_code(tree, handle, 200), "99");
    assert_text(tree_code(tree, handle, TREE_TODAY), "99");
    assert_int_equal(tree_level(tree, handle, 159), 1);
    assert_int_equal(tree_level(tree, handle, 160), 2);
    assert_int_equal(tree_by_code(tree, text("97"), 160, &found, 1), 1);
    assert_int_equal(found, handle);
    assert_int_equal(tree_by_code(tree, text("98"), 160, &found, 1), 0);
    assert_int_equal(tree_by_code(tree, text("97"), 200, &found, 1), 0);
    assert_int_equal(tree_by_code(tree, text("01"), 99, &found, 1), 0);
    assert_int_equal(tree_by_code(tree, text(""), 200, &found, 1), 0);
    assert_true(tree_next_relevelled(tree, &found));
    assert_int_equal(found, handle);
    assert_false(tree_next_relevelled(tree, &found));
    tree_free(tree);
}

/* Two epochs of one author, neither of which has seen the other (a disk was copied): the lower hash holds, whichever came first. */
static void test_of_two_epochs_the_lower_hash_holds(void **state) {
    struct world *world = *state;
    const struct node_id *founder = &world->founding.founder;
    struct unit_id unit = add_unit(world, founder, &world->founding.root, 1, "01");
    for (uint8_t epoch = 1; epoch <= 2; epoch++) {
        struct given *given = set_text(world, founder, &unit, UNIT_NAME, epoch == 1 ? "high" : "low");
        given->fact.log.epoch.b[0] = epoch;
        given->fact.hash.b[0] = epoch == 1 ? 200 : 100;
        world->seen[world->seen_count].a = given->fact.entry_id; /* the creation both have */
        world->seen[world->seen_count++].b = 1;
    }
    for (int order = 0; order < 2; order++) {
        struct tree *tree = tree_of(world);
        give(tree, &world->facts[0]);
        give(tree, &world->facts[1 + order]);
        give(tree, &world->facts[2 - order]);
        assert_int_equal(tree_settle(tree), STATUS_OK);
        assert_text(tree_name(tree, tree_unit(tree, &unit), TREE_TODAY), "low");
        tree_free(tree);
    }
}

static bool note_code(void *arg, uint32_t unit, unsigned depth) {
    struct {
        const struct tree *tree;
        char out[200];
    } *walk = arg;
    struct bytes code = tree_code(walk->tree, unit, TREE_TODAY), name = tree_name(walk->tree, unit, TREE_TODAY), shown = code.len > 0 ? code : name;
    size_t at = strlen(walk->out);
    (void)snprintf(walk->out + at, sizeof walk->out - at, "%u%.*s ", depth, (int)shown.len, (const char *)shown.data);
    return strstr(walk->out, "stop") == NULL;
}

static void test_walk_goes_by_code_those_without_last(void **state) {
    struct world *world = *state;
    const struct node_id *founder = &world->founding.founder;
    struct unit_id b = add_unit(world, founder, &world->founding.root, 1, "02");
    add_unit(world, founder, &world->founding.root, 2, "");
    world->facts[1].unit.name = text("b");
    add_unit(world, founder, &world->founding.root, 3, "");
    world->facts[2].unit.name = text("a");
    add_unit(world, founder, &world->founding.root, 4, "01");
    add_unit(world, founder, &b, 5, "10");
    add_unit(world, founder, &b, 6, "09");
    set_text(world, founder, &world->founding.root, UNIT_CODE, "VN");
    struct {
        const struct tree *tree;
        char out[200];
    } walk = {tree_with_all(world), ""};
    tree_walk(walk.tree, 0, TREE_TODAY, note_code, &walk);
    assert_string_equal(walk.out, "0VN 101 102 209 210 1a 1b ");
    walk.out[0] = '\0';
    tree_walk(walk.tree, tree_unit(walk.tree, &b), TREE_TODAY, note_code, &walk);
    assert_string_equal(walk.out, "002 109 110 ");
    tree_free((struct tree *)(uintptr_t)walk.tree);
}

/* What is given at once before anything is judged: every node must find its place in the index of transport keys when all of them begin to stand. */
static void test_many_admissions_stand_at_once(void **state) {
    struct world *world = *state;
    enum { ADMISSIONS = 300 };
    struct tree *tree = tree_of(world);
    for (unsigned i = 0; i < ADMISSIONS; i++) {
        struct admission admission = {.inviter = world->founding.founder, .unit = world->founding.root, .roles = ROLE_WRITER};
        const struct fact fact = {.log = {.node = world->founding.founder, .kind = LOG_DIRECTIVE}, .seq = 1, .entry_id = 1, .place = i};
        struct node_id id;
        admission.transport_key[0] = (uint8_t)i;
        admission.transport_key[1] = (uint8_t)(1 + i / 256);
        admission_node_id(&id, &world->founding.association, &admission);
        assert_int_equal(tree_add_admission(tree, &fact, &id, &admission), STATUS_OK);
    }
    assert_int_equal(tree_settle(tree), STATUS_OK);
    for (unsigned i = 0; i < ADMISSIONS; i++) {
        const uint8_t key[32] = {(uint8_t)i, (uint8_t)(1 + i / 256)};
        assert_int_equal(tree_verdict(tree, 1, i), STATUS_OK);
        uint32_t node = tree_node_by_transport(tree, key);
        assert_int_not_equal(node, TREE_NONE);
        assert_memory_equal(tree_node_at(tree, node)->transport_key, key, sizeof key);
    }
    assert_int_equal(tree_node_by_transport(tree, (const uint8_t[32]){1, 99}), TREE_NONE); /* the search for a stranger ends */
    tree_free(tree);
}

/* ---- size ---- */

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 63 provinces, 11 districts each, 15 communes each: the country. Nothing in it may take quadratic time: the bound is fifty times what is measured. */
static void test_a_country_is_quick(void **state) {
    struct world *world = *state;
    enum { PROVINCES = 63, DISTRICTS = 11, COMMUNES = 15, UNITS = PROVINCES * (1 + DISTRICTS * (1 + COMMUNES)) };
    struct tree *tree = tree_of(world);
    struct fact fact = {.log = {.node = world->founding.founder, .kind = LOG_DIRECTIVE}, .seq = 1, .entry_id = 1};
    struct unit_id parents[3] = {world->founding.root};
    double start = seconds_now();
    uint32_t made = 0;
    for (unsigned i = 0; i < PROVINCES * DISTRICTS * COMMUNES; i++) {
        unsigned first = i % COMMUNES == 0 ? (i % (COMMUNES * DISTRICTS) == 0 ? 0 : 1) : 2;
        for (unsigned depth = first; depth < 3; depth++, made++) {
            char code[16];
            struct unit_id id;
            const uint8_t nonce[16] = {1, (uint8_t)(fact.place >> 8), (uint8_t)fact.place};
            (void)snprintf(code, sizeof code, "%u", made);
            keys_unit_id(&id, &world->founding.association, nonce, fact.place);
            const struct unit_change change = {
                .parent = parents[depth], .level = (uint8_t)(depth + 1), .code = text(code), .name = text("Xã Tân Thành, một cái tên dài")};
            assert_int_equal(tree_add_unit(tree, &fact, &id, &change), STATUS_OK);
            if (depth < 2) {
                parents[depth + 1] = id;
            }
            fact.place++;
        }
    }
    assert_int_equal(tree_settle(tree), STATUS_OK);
    assert_int_equal(made, UNITS);
    assert_int_equal(tree_standing_count(tree), UNITS + 1);
    uint32_t found;
    for (uint32_t i = 0; i < made; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%u", i);
        assert_int_equal(tree_by_code(tree, text(code), TREE_TODAY, &found, 1), 1);
    }
    assert_true(seconds_now() - start < 5.0);
    tree_free(tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_founding_stands),
        WORLD_TEST(test_attributes_are_dated),
        WORLD_TEST(test_of_two_epochs_the_lower_hash_holds),
        WORLD_TEST(test_walk_goes_by_code_those_without_last),
        WORLD_TEST(test_many_admissions_stand_at_once),
        WORLD_TEST(test_a_country_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
