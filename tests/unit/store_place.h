/* A directory of its own for each test, and the paths of what may come to be in it. */
#ifndef TESTS_UNIT_STORE_PLACE_H
#define TESTS_UNIT_STORE_PLACE_H

#include "store_scratch.h"

struct place {
    char dir[SCRATCH_PATH], key[SCRATCH_PATH], db[SCRATCH_PATH], file[SCRATCH_PATH];
};

static inline int place_setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    assert_int_equal(keys_init(), STATUS_OK);
    scratch_make(place->dir);
    scratch_path(place->key, place->dir, "node.key");
    scratch_path(place->db, place->dir, "store.db");
    scratch_path(place->file, place->dir, "file");
    *state = place;
    return 0;
}

static inline int place_teardown(void **state) {
    struct place *place = *state;
    scratch_remove(place->dir);
    free(place);
    return 0;
}

/* One test with a place of its own. */
#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

#endif
