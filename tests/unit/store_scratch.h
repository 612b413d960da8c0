/* A directory of its own for each test that needs files, and stores in it. */
#ifndef TESTS_UNIT_STORE_SCRATCH_H
#define TESTS_UNIT_STORE_SCRATCH_H

#include "store/internal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SCRATCH_PATH = 200 };

static inline int scratch_remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void scratch_make(char out[SCRATCH_PATH]) {
    const char *where = getenv("TMPDIR");
    (void)snprintf(out, SCRATCH_PATH, "%.100s/hoi-test-XXXXXX", where != NULL ? where : "/tmp");
    assert_non_null(mkdtemp(out));
}

static inline void scratch_remove(const char *path) {
    assert_int_equal(nftw(path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void scratch_path(char out[SCRATCH_PATH], const char *dir, const char *name) {
    char path[SCRATCH_PATH]; /* the compiler can't know that `dir` is no part of what `out` is a part of */
    (void)snprintf(path, sizeof path, "%.120s/%.60s", dir, name);
    memcpy(out, path, strlen(path) + 1);
}

/* Copies a directory's files as they are at this moment: what a cut of the power would leave, had everything been written. */
static inline void scratch_copy(const char *from, const char *to) {
    char command[3 * SCRATCH_PATH];
    (void)snprintf(command, sizeof command, "cp -a '%s' '%s'", from, to);
    assert_int_equal(system(command), 0);
}

static inline void scratch_flip(const char *path, long at) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_not_equal(byte, EOF);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0x10, file), EOF);
    assert_int_equal(fclose(file), 0);
}

/* An association of trial: its root has the code 00 and the name "Trung ương". */
static inline void scratch_found(const char *dir) {
    const struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    assert_int_equal(store_found(dir, &founding), STATUS_OK);
}

static inline struct store *scratch_open(const char *dir) {
    struct store *store = NULL;
    assert_int_equal(store_open(&store, dir, 0, NULL), STATUS_OK);
    assert_int_equal(store->apply_status, STATUS_OK);
    return store;
}

static inline int64_t scratch_count(struct store *store, const char *sql) {
    struct query query = db_query(store->db, sql);
    assert_true(query_next(&query));
    int64_t count = query_int(&query, 0);
    assert_int_equal(query_end(&query), STATUS_OK);
    return count;
}

/* Appends one control body that renames the root: something lawful to write about. */
static inline struct stored scratch_rename(struct store *store, const char *name) {
    struct buffer payload, body;
    struct stored stored;
    uint8_t nonce[16];
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    os_random(nonce, sizeof nonce);
    const struct unit_set_change set = {.unit = store->founding.root, .attribute = UNIT_NAME, .text = bytes_of(name, strlen(name))};
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, nonce, &change, 1), STATUS_OK);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    buffer_fini(&payload);
    buffer_fini(&body);
    return stored;
}

#endif
