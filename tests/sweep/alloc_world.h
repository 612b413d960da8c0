/* The stores that the sweeps run on: an association of a root with one office below it, forms, figures, a document, made once a program and copied for each
 * sweep; and what is asked of a store to see that it is well. */
#ifndef TESTS_SWEEP_ALLOC_WORLD_H
#define TESTS_SWEEP_ALLOC_WORLD_H

#include "tests/unit/store_offices.h"

struct alloc_world {
    char place[SCRATCH_PATH], dir[SCRATCH_PATH], root[SCRATCH_PATH], child[SCRATCH_PATH]; /* the stores as they were made, closed */
    struct unit_id root_unit, child_unit;
};
void world_make(struct alloc_world *world);
void world_remove(struct alloc_world *world);
/* The same for cmocka: *state is a world. */
int world_set_up(void **state);
int world_tear_down(void **state);
/* A copy of a store's directory; and away with it. */
void world_copy(const char *from, const char *to);

/* One request with its arguments (single quotes for double ones); new reference, NULL where memory was out. short_of_memory: refusals strike. */
json_t *world_ask(struct store *store, const char *verb, const char *args, bool short_of_memory);
/* A response as text without what differs from run to run (identities, hashes, times, room on the disk): equal texts are equal answers. To be freed. */
char *world_text(const json_t *response);
/* What the store holds, row by row. */
uint64_t world_rows(struct store *store);
/* What its views say, as text (world_text); to be freed. */
char *world_views(struct store *store);
/* Its digest, which is made of the views in memory and on disk; to be freed. */
char *world_digest(struct store *store);
/* `check` finds nothing wrong. */
bool world_sound(struct store *store);
/* All prepared statements are dropped. */
void world_cool(struct store *store);

#endif
