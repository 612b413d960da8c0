/* Stores of older versions, for tests of the migration: versions 1 and 2 as they were really written (tests/data/store-v1.sql, store-v2.sql), and a version 0 that never was, whose
 * tables differ from it in whatever tables can: bodies apart from entries, columns that are missing or are named otherwise, settings among the rest, other
 * views. A program with this file knows the step from 0 to 1. Needs `disk`. */
#ifndef TESTS_SWEEP_OLDER_STORE_H
#define TESTS_SWEEP_OLDER_STORE_H

#include <sqlite3.h>
#include <stdint.h>

/* Makes the directory with key and database. version: 0, 1 or 2. */
void older_store_make(const char *dir, int64_t version);
/* Runs statements on a closed store's database. */
void older_store_sql(const char *path, const char *sql);
/* The database of a closed store; to be closed by sqlite3_close. */
sqlite3 *older_store_open(const char *path);

#endif
