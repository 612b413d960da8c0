/* A set of change-sets as lines of text (tests/oracle/lines.py), read into memory: its entries, and of each log the branches that it has and the one that is held. */
#ifndef TESTS_ORACLE_SET_LINES_H
#define TESTS_ORACLE_SET_LINES_H

#include "store/tree.h"

struct said { char *tokens[16]; size_t count; };
struct item { /* an entry of the set */
    struct header header;
    struct hash hash;
    struct said *changes;
    size_t change_count, first_kid, next_kid, before; /* by place in the set; SIZE_MAX: none */
};
struct chain { /* a log, and the branch of it that is held */
    struct log_id id;
    size_t *leaves, leaf_count, leaf, *held, held_count;
};
struct set {
    struct item *items;
    size_t count, capacity;
    struct chain *chains;
    size_t chain_count;
    struct founding founding;
    uint64_t random;
};

void *more(void *memory, size_t bytes); /* realloc, or the end */
uint64_t set_random(struct set *set, uint64_t below);
void set_read(struct set *set, const char *path);
void set_free(struct set *set);

struct chain *set_chain(const struct set *set, const struct log_id *log); /* NULL: none */
size_t set_find(const struct set *set, const struct log_id *log, uint64_t seq, const uint8_t *hash, size_t len); /* by the first bytes of the hash; SIZE_MAX: none */
void set_hold(struct set *set, struct chain *chain, size_t leaf); /* the branch that ends in this leaf is held from now on */
uint32_t set_continued(const struct set *set, size_t at);         /* how many epochs the epoch of an entry continues */
/* What a tree asks; ctx is the set, an entry's id its place in the set and one. */
enum status set_seen(void *ctx, int64_t a, int64_t b, bool *out);
enum status set_holds(void *ctx, const struct ref *ref, bool *out);
/* Gives one change to the tree. */
CHECKED enum status set_give(const struct set *set, struct tree *tree, size_t at, uint32_t place);

#endif
