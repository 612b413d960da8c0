/* Structure, authority, dated attributes and entitlement: rules one by one, and that no order of the facts makes a difference. */
#include "store/tree.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FACTS_MAX = 64, SEEN_MAX = 8, DUMP_BYTES = 64 * 1024 };

/* A fact as it will be given, in whatever order. */
struct given {
    uint8_t kind;
    struct fact fact;
    struct unit_id unit_id;
    struct node_id node_id;
    struct unit_change unit;
    struct unit_set_change set;
    struct admission admission;
    struct level_table levels;
};

struct world {
    struct founding founding;
    struct buffer statement;
    struct given *facts;
    size_t count;
    struct {
        int64_t a, b;
    } seen[SEEN_MAX];
    size_t seen_count;
};

static struct bytes text(const char *string) {
    return bytes_of(string, strlen(string));
}

static int world_setup(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(keys_init(), STATUS_OK);
    world->facts = calloc(FACTS_MAX, sizeof *world->facts);
    buffer_init(&world->statement, 4096);
    struct founding founding = {.name = text("Hội"), .signing_key = {1}, .transport_key = {2}, .nonce = {255}};
    assert_int_equal(founding_encode(&founding, &world->statement), STATUS_OK);
    assert_int_equal(founding_decode(&world->founding, buffer_bytes(&world->statement)), STATUS_OK);
    *state = world;
    return 0;
}

static int world_teardown(void **state) {
    struct world *world = *state;
    free(world->facts);
    buffer_fini(&world->statement);
    free(world);
    return 0;
}

/* The next entry of the author's directive log: one fact an entry, so that entry ids number the facts from 1. */
static struct given *next_fact(struct world *world, const struct node_id *author, uint8_t epoch) {
    assert_true(world->count < FACTS_MAX);
    struct given *given = &world->facts[world->count];
    given->fact =
        (struct fact){.log = {.node = *author, .kind = LOG_DIRECTIVE, .epoch = {{epoch}}}, .seq = world->count + 1, .entry_id = (int64_t)world->count + 1};
    given->fact.hash.b[0] = (uint8_t)(world->count * 37);
    given->fact.hash.b[1] = (uint8_t)world->count;
    world->count++;
    return given;
}

static struct unit_id add_unit(struct world *world, const struct node_id *author, const struct unit_id *parent, uint8_t nonce, const char *code) {
    struct given *given = next_fact(world, author, 0);
    const uint8_t bytes[16] = {nonce};
    given->kind = CHANGE_UNIT;
    keys_unit_id(&given->unit_id, &world->founding.association, bytes, 0);
    given->unit = (struct unit_change){.parent = *parent, .level = 1, .code = text(code), .name = text("tên")};
    return given->unit_id;
}

static struct node_id add_node(struct world *world, const struct node_id *inviter, const struct unit_id *unit, uint8_t key) {
    struct given *given = next_fact(world, inviter, 0);
    given->kind = CHANGE_ADMISSION;
    given->admission =
        (struct admission){.inviter = *inviter, .unit = *unit, .signing_key = {key}, .transport_key = {key}, .roles = ROLE_WRITER | ROLE_STEWARD};
    admission_node_id(&given->node_id, &world->founding.association, &given->admission);
    return given->node_id;
}

static struct given *set_text(struct world *world, const struct node_id *author, const struct unit_id *unit, uint8_t attribute, const char *value) {
    struct given *given = next_fact(world, author, 0);
    given->kind = CHANGE_UNIT_SET;
    given->set = (struct unit_set_change){.unit = *unit, .attribute = attribute, .text = text(value)};
    return given;
}

static void give(struct tree *tree, const struct given *given) {
    enum status status = STATUS_INTERNAL;
    switch (given->kind) {
    case CHANGE_UNIT:
        status = tree_add_unit(tree, &given->fact, &given->unit_id, &given->unit);
        break;
    case CHANGE_UNIT_SET:
        status = tree_add_attribute(tree, &given->fact, &given->set);
        break;
    case CHANGE_ADMISSION:
        status = tree_add_admission(tree, &given->fact, &given->node_id, &given->admission);
        break;
    case CHANGE_LEVEL_TABLE:
        status = tree_set_levels(tree, &given->fact, &given->levels);
        break;
    default:
        fail();
    }
    assert_int_equal(status, STATUS_OK);
}

static enum status seen_pairs(void *ctx, int64_t a, int64_t b, bool *seen) {
    const struct world *world = ctx;
    *seen = false;
    for (size_t i = 0; i < world->seen_count; i++) {
        *seen |= world->seen[i].a == a && world->seen[i].b == b;
    }
    return STATUS_OK;
}

static struct tree *tree_of(struct world *world) {
    struct tree *tree;
    assert_int_equal(tree_new(&tree, &world->founding), STATUS_OK);
    tree_set_seen(tree, seen_pairs, world);
    return tree;
}

static struct tree *tree_with_all(struct world *world) {
    struct tree *tree = tree_of(world);
    for (size_t i = 0; i < world->count; i++) {
        give(tree, &world->facts[i]);
    }
    assert_int_equal(tree_settle(tree), STATUS_OK);
    return tree;
}

static void assert_text(struct bytes bytes, const char *expected) {
    assert_int_equal(bytes.len, strlen(expected));
    if (bytes.len > 0) {
        assert_memory_equal(bytes.data, expected, bytes.len);
    }
}

static enum status verdict(const struct tree *tree, const struct given *given) {
    return tree_verdict(tree, given->fact.entry_id, given->fact.place);
}

/* ---- rules one by one ---- */

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

/* ---- copied nonces ---- */

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

/* ---- entitlement ---- */

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
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_founding_stands),
        TEST(test_what_is_not_lawful_yet_waits),
        TEST(test_nobody_writes_outside_the_own_subtree),
        TEST(test_attributes_are_dated),
        TEST(test_of_rival_writes_the_senior_holds),
        TEST(test_walk_goes_by_code_those_without_last),
        TEST(test_seniority),
        TEST(test_a_copied_transport_key_gains_nothing),
        TEST(test_many_admissions_stand_at_once),
        TEST(test_a_copied_nonce_gains_nothing),
        TEST(test_thousand_orders_are_one),
        TEST(test_thousand_orders_with_thefts_are_one),
        TEST(test_who_may_hold_logs),
        TEST(test_who_may_hold_bodies),
        TEST(test_who_may_hold_receipts),
        TEST(test_a_newcomer_may_hold_its_line),
        TEST(test_a_country_is_quick),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
