/* Authority: rules one by one, seniority, what a theft gains, and that no order of the facts makes a difference. */
#include "store_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { DUMP_BYTES = 64 * 1024 };

/* ---- rules one by one ---- */

/* Given in reverse, each fact waits for the one before it. */
static void test_what_is_not_lawful_yet_waits(void **state) {
    struct world *world = *state;
    struct unit_id province = add_unit(world, &world->founding.founder, &world->founding.root, 1, "01");
    struct node_id node = add_node(world, &world->founding.founder, &province, 10);
    struct unit_id commune = add_unit(world, &node, &province, 2, "0101");
    struct given *rename = set_text(world, &node, &commune, UNIT_NAME, "Xã A");
    struct tree *tree = tree_of(world);
    static const enum status waiting[] = {STATUS_UNIT_UNKNOWN, STATUS_UNIT_UNKNOWN, STATUS_AUTHOR_UNKNOWN, STATUS_AUTHOR_UNKNOWN};
    for (size_t i = world->count; i-- > 1;) {
        give(tree, &world->facts[i]);
        assert_int_equal(tree_settle(tree), STATUS_OK);
        assert_int_equal(verdict(tree, &world->facts[i]), waiting[i]);
        assert_int_equal(tree_standing_count(tree), 1);
    }
    uint64_t version = tree_version(tree);
    give(tree, &world->facts[0]);
    assert_int_equal(tree_settle(tree), STATUS_OK);
    for (size_t i = 0; i < world->count; i++) {
        assert_int_equal(verdict(tree, &world->facts[i]), STATUS_OK);
    }
    assert_true(tree_version(tree) > version);
    assert_int_equal(tree_standing_count(tree), 3);
    assert_text(tree_name(tree, tree_unit(tree, &commune), TREE_TODAY), "Xã A");
    assert_int_equal(tree_verdict(tree, 99, 0), STATUS_NOT_FOUND);
    assert_int_equal(verdict(tree, rename), STATUS_OK);
    version = tree_version(tree);
    give(tree, rename); /* the same fact again is no other */
    assert_int_equal(tree_settle(tree), STATUS_OK);
    assert_int_equal(tree_version(tree), version);
    tree_free(tree);
}

static void test_nobody_writes_outside_the_own_subtree(void **state) {
    struct world *world = *state;
    struct unit_id a = add_unit(world, &world->founding.founder, &world->founding.root, 1, "01"),
                   b = add_unit(world, &world->founding.founder, &world->founding.root, 2, "02");
    struct node_id node = add_node(world, &world->founding.founder, &a, 10);
    size_t first = world->count;
    add_unit(world, &node, &b, 3, "0201");                  /* under a sibling */
    add_unit(world, &node, &world->founding.root, 4, "03"); /* under the unit above */
    add_node(world, &node, &b, 11);                         /* for a sibling */
    set_text(world, &node, &b, UNIT_NAME, "của tôi");       /* a sibling's name */
    set_text(world, &node, &world->founding.root, UNIT_NAME, "của tôi");
    struct given *stranger = next_fact(world, &node, 0); /* an admission in a log that is not its inviter's */
    *stranger = (struct given){.kind = CHANGE_ADMISSION, .fact = stranger->fact};
    stranger->admission = (struct admission){.inviter = world->founding.founder, .unit = a, .signing_key = {12}, .roles = ROLE_STEWARD};
    admission_node_id(&stranger->node_id, &world->founding.association, &stranger->admission);
    struct given *levels = next_fact(world, &node, 0); /* the level table is the root's */
    levels->kind = CHANGE_LEVEL_TABLE;
    levels->levels = (struct level_table){.count = 1, .levels = {{0, {.count = 1, .items = {{text("en"), text("mine")}}}}}};
    struct given *writer = next_fact(world, &world->founding.founder, 0); /* a writer is no steward */
    writer->kind = CHANGE_ADMISSION;
    writer->admission = (struct admission){.inviter = world->founding.founder, .unit = a, .signing_key = {13}, .roles = ROLE_WRITER};
    admission_node_id(&writer->node_id, &world->founding.association, &writer->admission);
    add_unit(world, &writer->node_id, &a, 5, "0102");
    struct tree *tree = tree_with_all(world);
    for (size_t i = first; i < world->count; i++) {
        assert_int_equal(verdict(tree, &world->facts[i]), &world->facts[i] == writer ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY);
    }
    assert_int_equal(tree_standing_count(tree), 3);
    assert_text(tree_name(tree, 0, TREE_TODAY), "");
    tree_free(tree);
}

/* Of writes that have not seen each other the more senior author's holds; one that has seen the other holds whoever wrote it. */
static void test_of_rival_writes_the_senior_holds(void **state) {
    struct world *world = *state;
    struct unit_id unit = add_unit(world, &world->founding.founder, &world->founding.root, 1, "01");
    struct node_id node = add_node(world, &world->founding.founder, &unit, 10);
    int64_t junior = set_text(world, &node, &unit, UNIT_NAME, "em")->fact.entry_id,
            senior = set_text(world, &world->founding.founder, &unit, UNIT_NAME, "anh")->fact.entry_id;
    struct tree *tree = tree_with_all(world);
    assert_text(tree_name(tree, tree_unit(tree, &unit), TREE_TODAY), "anh");
    tree_free(tree);
    world->seen[0].a = junior;
    world->seen[0].b = senior;
    world->seen[1].a = junior;
    world->seen[1].b = 1;
    world->seen_count = 2;
    tree = tree_with_all(world);
    assert_text(tree_name(tree, tree_unit(tree, &unit), TREE_TODAY), "em");
    tree_free(tree);
}

static void test_seniority(void **state) {
    struct world *world = *state;
    const struct node_id *founder = &world->founding.founder;
    struct unit_id a = add_unit(world, founder, &world->founding.root, 1, "01");
    struct node_id first = add_node(world, founder, &a, 10), second = add_node(world, founder, &a, 11);
    struct node_id of_second = add_node(world, &second, &a, 12), of_first = add_node(world, &first, &a, 13);
    struct tree *tree = tree_with_all(world);
    const struct node_id *order[] = {founder, &first, &second, &of_first, &of_second};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            int order_of = tree_seniority(tree, tree_node(tree, order[i]), tree_node(tree, order[j]));
            assert_true(i < j ? order_of < 0 : i > j ? order_of > 0 : order_of == 0);
        }
    }
    tree_free(tree);
}

/* ---- thefts ---- */

/* Two nodes with one transport key: the more senior is who a link belongs to. */
static void test_a_copied_transport_key_gains_nothing(void **state) {
    struct world *world = *state;
    struct unit_id a = add_unit(world, &world->founding.founder, &world->founding.root, 1, "01");
    struct node_id node = add_node(world, &world->founding.founder, &a, 10);
    struct node_id thief = add_node(world, &node, &a, 11);
    struct node_id victim = add_node(world, &world->founding.founder, &a, 12);
    memset(world->facts[2].admission.transport_key, 0, 32);
    world->facts[2].admission.transport_key[0] = 12; /* the thief's admission names the victim's key */
    admission_node_id(&thief, &world->founding.association, &world->facts[2].admission);
    world->facts[2].node_id = thief;
    const uint8_t key[32] = {12};
    struct tree *tree = tree_with_all(world);
    assert_int_not_equal(tree_node(tree, &thief), TREE_NONE);
    assert_int_equal(tree_node_by_transport(tree, key), tree_node(tree, &victim));
    tree_free(tree);
}

/* A commune's node, admitted by the founder himself and so senior to the province's second node, makes that node's unit again under the commune. */
static void test_a_copied_nonce_gains_nothing(void **state) {
    struct world *world = *state;
    const struct node_id *founder = &world->founding.founder;
    struct unit_id province = add_unit(world, founder, &world->founding.root, 1, "01");
    struct node_id node = add_node(world, founder, &province, 10), second = add_node(world, &node, &province, 11);
    struct unit_id commune = add_unit(world, founder, &province, 2, "0101");
    struct node_id thief = add_node(world, founder, &commune, 12);
    struct unit_id victim = add_unit(world, &second, &province, 3, "0102");
    size_t honest = world->count - 1;
    struct unit_id below = add_unit(world, &second, &victim, 4, "010201");
    struct unit_id stolen = add_unit(world, &thief, &commune, 3, "0102");
    size_t copied = world->count - 1;
    assert_true(ID_EQUAL(&stolen, &victim));
    add_unit(world, &thief, &victim, 5, "evil"); /* what would rest on the theft */
    struct tree *tree = tree_with_all(world);
    assert_true(tree_seniority(tree, tree_node(tree, &thief), tree_node(tree, &second)) < 0);
    assert_int_equal(verdict(tree, &world->facts[honest]), STATUS_OK);
    assert_int_equal(verdict(tree, &world->facts[copied]), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(verdict(tree, &world->facts[copied + 1]), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(tree_parent(tree, tree_unit(tree, &victim), TREE_TODAY), tree_unit(tree, &province));
    assert_int_not_equal(tree_unit(tree, &below), TREE_NONE);
    assert_false(tree_over(tree, tree_unit(tree, &commune), tree_unit(tree, &victim)));
    tree_free(tree);

    tree = tree_of(world); /* the copy came first, and stood until the original was here */
    give(tree, &world->facts[copied]);
    for (size_t i = 0; i < world->count; i++) {
        if (i != copied && i != honest) {
            give(tree, &world->facts[i]);
        }
    }
    assert_int_equal(tree_settle(tree), STATUS_OK);
    assert_int_equal(verdict(tree, &world->facts[copied]), STATUS_OK);
    assert_int_equal(verdict(tree, &world->facts[copied + 1]), STATUS_OK);
    assert_int_equal(tree_retractions(tree), 0);
    give(tree, &world->facts[honest]);
    assert_int_equal(tree_settle(tree), STATUS_OK);
    assert_int_equal(tree_retractions(tree), 1);
    assert_int_equal(verdict(tree, &world->facts[honest]), STATUS_OK);
    assert_int_equal(verdict(tree, &world->facts[copied]), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(verdict(tree, &world->facts[copied + 1]), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(tree_parent(tree, tree_unit(tree, &victim), TREE_TODAY), tree_unit(tree, &province));
    tree_free(tree);
}

/* ---- no order makes a difference ---- */

static int compare_ids(const void *a, const void *b) {
    return memcmp(*(const uint8_t *const *)a, *(const uint8_t *const *)b, 16);
}

static void print_text(FILE *out, struct bytes bytes) {
    fprintf(out, "[%.*s]", (int)bytes.len, bytes.len > 0 ? (const char *)bytes.data : "");
}

static void print_id(FILE *out, const uint8_t *id) {
    for (size_t i = 0; i < 16; i++) {
        fprintf(out, "%02x", id[i]);
    }
}

static void print_unit(FILE *out, const struct tree *tree, uint32_t unit) {
    static const int32_t dates[] = {-30000, 100, 150, 200, TREE_TODAY};
    print_id(out, tree_unit_id(tree, unit)->b);
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        uint32_t parent = tree_parent(tree, unit, dates[i]);
        fprintf(out, " %d:%d %u ", dates[i], tree_exists(tree, unit, dates[i]), tree_level(tree, unit, dates[i]));
        print_text(out, tree_code(tree, unit, dates[i]));
        print_text(out, tree_name(tree, unit, dates[i]));
        if (parent != TREE_NONE) {
            print_id(out, tree_unit_id(tree, parent)->b);
        }
    }
    fputc('\n', out);
}

/* Everything that the tree says, by ids only, in an order of its own. */
static void dump(struct world *world, const struct tree *tree, char *text_out) {
    const uint8_t *ids[FACTS_MAX * 2];
    size_t count = 0;
    const struct level_name *levels;
    FILE *out = fmemopen(text_out, DUMP_BYTES, "w");
    assert_non_null(out);
    for (uint32_t i = 0; i < tree_unit_count(tree); i++) {
        if (tree_stands(tree, i)) {
            ids[count++] = tree_unit_id(tree, i)->b;
        }
    }
    assert_int_equal(count, tree_standing_count(tree));
    qsort(ids, count, sizeof ids[0], compare_ids);
    for (size_t i = 0; i < count; i++) {
        print_unit(out, tree, tree_unit(tree, (const struct unit_id *)(const void *)ids[i]));
    }
    for (size_t i = 0; i < world->count; i++) {
        fprintf(out, "%zu %d\n", i, verdict(tree, &world->facts[i]));
    }
    count = 0;
    for (uint32_t i = 0; i < tree_node_count(tree); i++) {
        if (tree_node_at(tree, i)->unit != TREE_NONE) {
            ids[count++] = tree_node_at(tree, i)->id.b;
        }
    }
    qsort(ids, count, sizeof ids[0], compare_ids);
    for (size_t i = 0; i < count; i++) {
        uint32_t node = tree_node(tree, (const struct node_id *)(const void *)ids[i]);
        print_id(out, ids[i]);
        fprintf(out, " roles %u entry %lld above", tree_node_at(tree, node)->roles, (long long)tree_node_at(tree, node)->entry_id);
        for (size_t j = 0; j < count; j++) {
            fprintf(out, "%d", tree_seniority(tree, node, tree_node(tree, (const struct node_id *)(const void *)ids[j])) < 0);
        }
        print_id(out, tree_unit_id(tree, tree_node_at(tree, node)->unit)->b);
        fputc('\n', out);
    }
    fprintf(out, "levels %zu ", tree_levels(tree, &levels));
    print_text(out, levels[0].names.items[0].text);
    assert_int_equal(fclose(out), 0);
}

/* Waiting chains, rivals, dates, a second place for one admission, duplicates of a creation; and two thefts. */
static void make_trouble(struct world *world, bool thefts) {
    const struct node_id *founder = &world->founding.founder;
    struct unit_id root = world->founding.root, p = add_unit(world, founder, &root, 1, "01"), q = add_unit(world, founder, &root, 2, "02");
    struct node_id pn = add_node(world, founder, &p, 10), qn = add_node(world, founder, &q, 20), pn2 = add_node(world, &pn, &p, 11);
    struct unit_id d = add_unit(world, &pn, &p, 3, "011");
    world->facts[world->count - 1].unit.effective = (struct date){true, 120};
    struct node_id dn = add_node(world, &pn2, &d, 12);
    struct unit_id c = add_unit(world, &dn, &d, 4, "0111"), c2 = add_unit(world, &pn2, &d, 5, "0112");
    struct node_id cn = add_node(world, founder, &c, 13), cn2 = add_node(world, &cn, &c, 14);
    int64_t one = set_text(world, &pn, &d, UNIT_NAME, "Huyện một")->fact.entry_id, two = set_text(world, founder, &d, UNIT_NAME, "Huyện hai")->fact.entry_id;
    int64_t three = set_text(world, &pn2, &d, UNIT_NAME, "Huyện ba")->fact.entry_id;
    set_text(world, &pn, &d, UNIT_NAME, "Huyện một lại");
    set_text(world, &pn2, &d, UNIT_CODE, "019")->set.effective = (struct date){true, 150};
    set_text(world, &pn, &d, UNIT_CODE, "018")->set.effective = (struct date){true, 150};
    set_text(world, &pn, &d, UNIT_LEVEL, "")->set.level = 2;
    set_text(world, &qn, &d, UNIT_NAME, "không được");
    add_unit(world, &qn, &d, 6, "0113");
    struct given *again = next_fact(world, &pn2, 1); /* dn's admission at a second place, in an epoch that comes before the other */
    again->kind = CHANGE_ADMISSION;
    again->admission = world->facts[6].admission;
    again->node_id = world->facts[6].node_id;
    assert_true(ID_EQUAL(&again->node_id, &dn));
    again->fact.continued = 0;
    world->facts[6].fact.log.epoch.b[0] = 9;
    struct node_id en = add_node(world, &pn2, &d, 15); /* senior to dn by that one's first place, junior by its second; both make one unit */
    world->facts[world->count - 1].fact.log.epoch.b[0] = 5;
    add_unit(world, &dn, &d, 8, "0114 by dn");
    add_unit(world, &en, &d, 8, "0114 by en");
    struct unit_id same = add_unit(world, &dn, &d, 5, "0112b"); /* c2 issued again by another node under the same parent */
    assert_true(ID_EQUAL(&same, &c2));
    set_text(world, &pn2, &d, UNIT_NAME, "Huyện ba lại"); /* does not name what its log's earlier write had seen */
    if (thefts) {
        struct unit_id stolen = add_unit(world, &cn, &c, 5, "0112"); /* c2 again, under another parent */
        assert_true(ID_EQUAL(&stolen, &c2));
        add_unit(world, &cn2, &c2, 7, "on theft");
        add_unit(world, &qn, &q, 3, "021"); /* d again, by another province */
        add_node(world, &qn, &d, 30);
    }
    struct given *levels = next_fact(world, founder, 0);
    levels->kind = CHANGE_LEVEL_TABLE;
    levels->levels = (struct level_table){.count = 1, .levels = {{0, {.count = 1, .items = {{text("en"), text("top")}}}}}};
    world->seen[0].a = two;
    world->seen[0].b = one;
    world->seen[1].a = three;
    world->seen[1].b = two;
    world->seen_count = 2;
}

static void thousand_orders(struct world *world, size_t refused_least) {
    char *expected = calloc(1, DUMP_BYTES), *found = calloc(1, DUMP_BYTES);
    struct tree *tree = tree_with_all(world);
    dump(world, tree, expected);
    tree_free(tree);
    size_t refused = 0;
    for (char *at = expected; (at = strstr(at, " 306\n")) != NULL; at++) {
        refused++;
    }
    assert_true(refused >= refused_least);
    srand(7);
    for (int run = 0; run < 1000; run++) {
        size_t order[FACTS_MAX];
        for (size_t i = 0; i < world->count; i++) {
            order[i] = i;
        }
        for (size_t i = world->count; i-- > 1;) {
            size_t j = (size_t)rand() % (i + 1), keep = order[i];
            order[i] = order[j];
            order[j] = keep;
        }
        tree = tree_of(world);
        for (size_t i = 0; i < world->count; i++) {
            give(tree, &world->facts[order[i]]);
            if (rand() % 3 == 0) {
                give(tree, &world->facts[order[(size_t)rand() % (i + 1)]]);
                assert_int_equal(tree_settle(tree), STATUS_OK);
            }
        }
        assert_int_equal(tree_settle(tree), STATUS_OK);
        memset(found, 0, DUMP_BYTES);
        dump(world, tree, found);
        tree_free(tree);
        assert_string_equal(found, expected);
    }
    free(expected);
    free(found);
}

static void test_thousand_orders_are_one(void **state) {
    make_trouble(*state, false);
    thousand_orders(*state, 2);
}

static void test_thousand_orders_with_thefts_are_one(void **state) {
    make_trouble(*state, true);
    thousand_orders(*state, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_what_is_not_lawful_yet_waits),
        WORLD_TEST(test_nobody_writes_outside_the_own_subtree),
        WORLD_TEST(test_of_rival_writes_the_senior_holds),
        WORLD_TEST(test_seniority),
        WORLD_TEST(test_a_copied_transport_key_gains_nothing),
        WORLD_TEST(test_a_copied_nonce_gains_nothing),
        WORLD_TEST(test_thousand_orders_are_one),
        WORLD_TEST(test_thousand_orders_with_thefts_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
