/* A small association whose facts are given to a tree in whatever order a test likes. */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include "store/tree.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

enum { FACTS_MAX = 64, SEEN_MAX = 8 };

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

static inline struct bytes text(const char *string) {
    return bytes_of(string, strlen(string));
}

static inline int world_setup(void **state) {
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

static inline int world_teardown(void **state) {
    struct world *world = *state;
    free(world->facts);
    buffer_fini(&world->statement);
    free(world);
    return 0;
}

/* The next entry of the author's directive log: one fact an entry, so that entry ids number the facts from 1. */
static inline struct given *next_fact(struct world *world, const struct node_id *author, uint8_t epoch) {
    assert_true(world->count < FACTS_MAX);
    struct given *given = &world->facts[world->count];
    given->fact =
        (struct fact){.log = {.node = *author, .kind = LOG_DIRECTIVE, .epoch = {{epoch}}}, .seq = world->count + 1, .entry_id = (int64_t)world->count + 1};
    given->fact.hash.b[0] = (uint8_t)(world->count * 37);
    given->fact.hash.b[1] = (uint8_t)world->count;
    world->count++;
    return given;
}

static inline struct unit_id add_unit(struct world *world, const struct node_id *author, const struct unit_id *parent, uint8_t nonce, const char *code) {
    struct given *given = next_fact(world, author, 0);
    const uint8_t bytes[16] = {nonce};
    given->kind = CHANGE_UNIT;
    keys_unit_id(&given->unit_id, &world->founding.association, bytes, 0);
    given->unit = (struct unit_change){.parent = *parent, .level = 1, .code = text(code), .name = text("tên")};
    return given->unit_id;
}

static inline struct node_id add_node(struct world *world, const struct node_id *inviter, const struct unit_id *unit, uint8_t key) {
    struct given *given = next_fact(world, inviter, 0);
    given->kind = CHANGE_ADMISSION;
    given->admission =
        (struct admission){.inviter = *inviter, .unit = *unit, .signing_key = {key}, .transport_key = {key}, .roles = ROLE_WRITER | ROLE_STEWARD};
    admission_node_id(&given->node_id, &world->founding.association, &given->admission);
    return given->node_id;
}

static inline struct given *set_text(struct world *world, const struct node_id *author, const struct unit_id *unit, uint8_t attribute, const char *value) {
    struct given *given = next_fact(world, author, 0);
    given->kind = CHANGE_UNIT_SET;
    given->set = (struct unit_set_change){.unit = *unit, .attribute = attribute, .text = text(value)};
    return given;
}

static inline void give(struct tree *tree, const struct given *given) {
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

static inline enum status seen_pairs(void *ctx, int64_t a, int64_t b, bool *seen) {
    const struct world *world = ctx;
    *seen = false;
    for (size_t i = 0; i < world->seen_count; i++) {
        *seen |= world->seen[i].a == a && world->seen[i].b == b;
    }
    return STATUS_OK;
}

static inline struct tree *tree_of(struct world *world) {
    struct tree *tree;
    assert_int_equal(tree_new(&tree, &world->founding), STATUS_OK);
    tree_set_seen(tree, seen_pairs, world);
    return tree;
}

static inline struct tree *tree_with_all(struct world *world) {
    struct tree *tree = tree_of(world);
    for (size_t i = 0; i < world->count; i++) {
        give(tree, &world->facts[i]);
    }
    assert_int_equal(tree_settle(tree), STATUS_OK);
    return tree;
}

static inline void assert_text(struct bytes bytes, const char *expected) {
    assert_int_equal(bytes.len, strlen(expected));
    if (bytes.len > 0) {
        assert_memory_equal(bytes.data, expected, bytes.len);
    }
}

static inline enum status verdict(const struct tree *tree, const struct given *given) {
    return tree_verdict(tree, given->fact.entry_id, given->fact.place);
}

/* One test with a world of its own. */
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
