/* A small association in which somebody moves, revokes, pins: changes in logs, one change an entry, given to a tree in whatever order a test likes. Everybody has seen all that
 * was written before, but where a test says otherwise. */
#ifndef TESTS_UNIT_VERDICT_WORLD_H
#define TESTS_UNIT_VERDICT_WORLD_H

#include "store/tree.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES_MAX = 256, NODES_MAX = 64, DEPTH_TOLD = 31 };

struct said { /* an entry with its one change */
    uint64_t kind;
    struct fact fact;
    bool blind; /* has seen nothing but its own log */
    struct unit_id unit_id;
    struct node_id node_id;
    struct unit_change unit;
    struct unit_set_change set;
    struct admission *admission;
    struct placing *placing;
    struct handover *handover;
    struct revocation *revocation;
    struct fork_decision *decision;
    struct refs *refs;
};
struct author_log { struct node_id node; uint64_t seq; }; /* the directive log of a node, epoch 0 */
struct verdict_world {
    struct founding founding;
    struct buffer statement;
    struct said *said;
    size_t count, writer_count;
    struct author_log writers[NODES_MAX];
    struct ref absent[4]; /* entries that are not held, with what is held at their places if `other` */
    size_t absent_count;
    bool other, forks_given;
    struct log_id forked;
    uint64_t forked_at;
};

static inline struct bytes text(const char *string) {
    return bytes_of(string, strlen(string));
}

static inline int verdict_setup(void **state) {
    struct verdict_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(keys_init(), STATUS_OK);
    world->said = calloc(ENTRIES_MAX, sizeof *world->said);
    assert_non_null(world->said);
    buffer_init(&world->statement, FOUNDING_BYTES_MAX);
    struct founding founding = {.name = text("Hội"), .signing_key = {1}, .transport_key = {2}, .nonce = {255}};
    assert_int_equal(founding_encode(&founding, &world->statement), STATUS_OK);
    assert_int_equal(founding_decode(&world->founding, buffer_bytes(&world->statement)), STATUS_OK);
    *state = world;
    return 0;
}

static inline int verdict_teardown(void **state) {
    struct verdict_world *world = *state;
    for (size_t i = 0; i < world->count; i++) {
        free(world->said[i].admission);
        free(world->said[i].placing);
        free(world->said[i].handover);
        free(world->said[i].revocation);
        free(world->said[i].decision);
        free(world->said[i].refs);
    }
    free(world->said);
    buffer_fini(&world->statement);
    free(world);
    return 0;
}

static inline void *made(size_t bytes) {
    void *memory = calloc(1, bytes);
    assert_non_null(memory);
    return memory;
}

/* ---- writing ---- */

static inline struct log_id log_of(const struct node_id *node) {
    return (struct log_id){.node = *node, .kind = LOG_DIRECTIVE};
}

static inline struct said *say(struct verdict_world *world, const struct node_id *author, uint64_t kind) {
    size_t i = 0;
    assert_true(world->count < ENTRIES_MAX);
    for (; i < world->writer_count && !ID_EQUAL(&world->writers[i].node, author); i++) {
    }
    if (i == world->writer_count) {
        assert_true(i < NODES_MAX);
        world->writers[world->writer_count++].node = *author;
    }
    struct said *said = &world->said[world->count++];
    static const struct node_id recovery;
    said->kind = kind;
    said->fact = (struct fact){.log = log_of(author), .seq = ++world->writers[i].seq, .entry_id = (int64_t)world->count};
    said->fact.log.kind = ID_EQUAL(author, &recovery) ? LOG_RECOVERY : LOG_DIRECTIVE;
    said->fact.hash.b[0] = (uint8_t)(world->count * 37);
    said->fact.hash.b[1] = (uint8_t)world->count;
    return said;
}

static inline struct ref ref_to(const struct said *said) {
    return (struct ref){said->fact.log, said->fact.seq, hash_short(&said->fact.hash)};
}

static inline struct unit_id say_unit(struct verdict_world *world, const struct node_id *author, const struct unit_id *parent, uint8_t nonce) {
    struct said *said = say(world, author, CHANGE_UNIT);
    const uint8_t bytes[16] = {nonce};
    keys_unit_id(&said->unit_id, &world->founding.association, bytes, 0);
    said->unit = (struct unit_change){.parent = *parent, .level = 1, .name = text("tên")};
    return said->unit_id;
}

static inline struct node_id say_node(struct verdict_world *world, const struct node_id *inviter, const struct unit_id *unit, uint8_t key, uint8_t roles) {
    struct said *said = say(world, inviter, CHANGE_ADMISSION);
    said->admission = made(sizeof *said->admission);
    *said->admission = (struct admission){.inviter = *inviter, .unit = *unit, .signing_key = {key}, .transport_key = {key}, .roles = roles};
    admission_node_id(&said->node_id, &world->founding.association, said->admission);
    return said->node_id;
}

/* A new key of the inviter's own unit takes the inviter's place. */
static inline struct node_id say_successor(struct verdict_world *world, const struct node_id *inviter, const struct unit_id *unit, uint8_t key) {
    struct said *said = say(world, inviter, CHANGE_ADMISSION);
    said->admission = made(sizeof *said->admission);
    *said->admission = (struct admission){
        .inviter = *inviter, .unit = *unit, .signing_key = {key}, .transport_key = {key}, .roles = 3, .has_succeeds = true, .succeeds = *inviter};
    admission_node_id(&said->node_id, &world->founding.association, said->admission);
    return said->node_id;
}

static inline struct said *say_name(struct verdict_world *world, const struct node_id *author, const struct unit_id *unit, const char *name) {
    struct said *said = say(world, author, CHANGE_UNIT_SET);
    said->set = (struct unit_set_change){.unit = *unit, .attribute = UNIT_NAME, .text = text(name)};
    return said;
}

/* line: where to; former: where from; nearest first, the root last, NULL behind it. */
static inline struct said *say_placing(struct verdict_world *world, const struct node_id *author, uint64_t kind, const struct unit_id *unit,
                                       const struct unit_id *const *line, const struct unit_id *const *former) {
    struct said *said = say(world, author, kind);
    said->placing = made(sizeof *said->placing);
    said->placing->unit = *unit;
    for (; *line != NULL; line++) {
        said->placing->line.units[said->placing->line.count++] = **line;
    }
    for (; *former != NULL; former++) {
        said->placing->former.units[said->placing->former.count++] = **former;
    }
    return said;
}
#define LINE(...) ((const struct unit_id *const[]){__VA_ARGS__, NULL})

static inline struct said *say_handover(struct verdict_world *world, const struct node_id *author, const struct unit_id *unit, const struct unit_id *parent,
                                        const struct said *upto) {
    struct said *said = say(world, author, CHANGE_HANDOVER);
    said->handover = made(sizeof *said->handover);
    said->handover->unit = *unit;
    said->handover->parent = *parent;
    if (upto != NULL) {
        said->handover->upto.items[said->handover->upto.count++] = ref_to(upto);
    }
    return said;
}

/* upto NULL: the directive log is cut at 0. */
static inline struct said *say_revocation(struct verdict_world *world, const struct node_id *author, const struct node_id *node, const struct said *upto) {
    struct said *said = say(world, author, CHANGE_REVOCATION);
    said->revocation = made(sizeof *said->revocation);
    said->revocation->node = *node;
    if (upto != NULL) {
        said->revocation->upto.items[said->revocation->upto.count++] = ref_to(upto);
    }
    return said;
}

/* Pins, accepts, erases what one ref names. */
static inline struct said *say_ref(struct verdict_world *world, const struct node_id *author, uint64_t kind, const struct ref *ref) {
    struct said *said = say(world, author, kind);
    said->refs = made(sizeof *said->refs);
    said->refs->items[said->refs->count++] = *ref;
    return said;
}

static inline struct said *say_decision(struct verdict_world *world, const struct node_id *author, const struct ref *keeps, const struct ref *rival) {
    struct said *said = say(world, author, CHANGE_FORK_DECISION);
    said->decision = made(sizeof *said->decision);
    *said->decision = (struct fork_decision){*keeps, *rival};
    return said;
}

/* ---- giving ---- */

static inline void give(struct tree *tree, const struct said *said) {
    enum status status = STATUS_INTERNAL;
    switch (said->kind) {
    case CHANGE_UNIT:
        status = tree_add_unit(tree, &said->fact, &said->unit_id, &said->unit);
        break;
    case CHANGE_UNIT_SET:
        status = tree_add_attribute(tree, &said->fact, &said->set);
        break;
    case CHANGE_ADMISSION:
        status = tree_add_admission(tree, &said->fact, &said->node_id, said->admission);
        break;
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
        status = tree_add_placing(tree, &said->fact, said->kind, said->placing);
        break;
    case CHANGE_HANDOVER:
        status = tree_add_handover(tree, &said->fact, said->handover);
        break;
    case CHANGE_REVOCATION:
        status = tree_add_revocation(tree, &said->fact, said->revocation);
        break;
    case CHANGE_PIN:
        status = tree_add_pins(tree, &said->fact, said->refs);
        break;
    case CHANGE_FORK_DECISION:
        status = tree_add_fork_decision(tree, &said->fact, said->decision);
        break;
    case CHANGE_ERASE: {
        struct erasure *erasure = made(sizeof *erasure);
        erasure->entries = *said->refs;
        status = tree_add_erasure(tree, &said->fact, erasure);
        free(erasure);
        break;
    }
    case CHANGE_ACCEPT:
        status = tree_add_acceptance(tree, &said->fact, said->refs);
        break;
    default:
        fail();
    }
    assert_int_equal(status, STATUS_OK);
}

static inline enum status sees(void *ctx, int64_t a, int64_t b, bool *seen) {
    const struct verdict_world *world = ctx;
    *seen = a > b && !world->said[a - 1].blind;
    return STATUS_OK;
}

static inline enum status holds(void *ctx, const struct ref *ref, bool *held) {
    const struct verdict_world *world = ctx;
    *held = false;
    for (size_t i = 0; i < world->count; i++) {
        const struct fact *fact = &world->said[i].fact;
        if (fact->seq == ref->seq && log_id_equal(&fact->log, &ref->log)) {
            *held = memcmp(fact->hash.b, ref->hash.b, sizeof ref->hash.b) == 0;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

static inline struct tree *empty_tree(struct verdict_world *world) {
    struct tree *tree;
    assert_int_equal(tree_new(&tree, &world->founding), STATUS_OK);
    tree_set_seen(tree, sees, world);
    tree_set_holds(tree, holds, world);
    return tree;
}

static inline void give_from(struct verdict_world *world, struct tree *tree, size_t first) {
    for (size_t i = first; i < world->count; i++) {
        give(tree, &world->said[i]);
    }
    assert_int_equal(tree_settle(tree), STATUS_OK);
}

static inline struct tree *full_tree(struct verdict_world *world) {
    struct tree *tree = empty_tree(world);
    give_from(world, tree, 0);
    return tree;
}

/* Of everything: judged again from the start in one go, with what power somebody else has. */
static inline enum status verdict_of(const struct tree *tree, const struct said *said) {
    return tree_verdict(tree, said->fact.entry_id, 0);
}
static inline enum status judged(const struct tree *tree, const struct said *said) {
    return tree_judged(tree, said->fact.entry_id, 0);
}
static inline struct said *last(struct verdict_world *world) {
    return &world->said[world->count - 1];
}
static inline uint32_t parent_today(const struct tree *tree, const struct unit_id *unit) {
    return tree_parent(tree, tree_unit(tree, unit), TREE_TODAY);
}

/* The verdict on an entry of class record in a log of the node at a seq. */
static inline enum status record_at(const struct tree *tree, const struct node_id *author, uint8_t kind, const struct unit_id *unit, uint64_t seq) {
    static struct header header;
    const struct hash hash = {{(uint8_t)seq, 99}};
    header = (struct header){.log = {.node = *author, .kind = kind}, .seq = seq, .cls = CLASS_RECORD, .audience_count = 1};
    header.audience[0].unit = *unit;
    return tree_entry_verdict(tree, &header, &hash);
}

#endif
