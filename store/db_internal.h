/* What db.c and query.c share: the connection and its statements. Nobody else includes this, nor sqlite3.h. */
#ifndef STORE_DB_INTERNAL_H
#define STORE_DB_INTERNAL_H

#include "store/db.h"

#include <sqlite3.h>

enum { DB_STATEMENTS = 1024 }; /* a power of two, several times the literals there are in store/ */

struct statement {
    const char *sql; /* by its address; NULL: free */
    sqlite3_stmt *stmt;
    bool used;
};
/* What begins and ends transactions: prepared at open, so that giving one up needs no memory. */
enum db_step { DB_BEGIN, DB_COMMIT, DB_ROLLBACK, DB_SAVEPOINT, DB_BACK, DB_RELEASE, DB_STEPS };

struct db {
    sqlite3 *sqlite;
    sqlite3_stmt *steps[DB_STEPS];
    bool begun, saved;
    enum status failed; /* not OK: the file or the disk has failed in a way after which this process writes no more */
    enum status lost;   /* the error by which the open transaction was lost */
    enum status spoiled; /* not OK: something refused is in the open transaction still, which is therefore never committed */
    size_t statement_count;
    struct statement statements[DB_STATEMENTS];
};

enum status db_status(struct db *db, int code);
/* Not OK: a transaction was begun, and SQLite has given it up since, or it can only be rolled back. */
enum status db_standing(const struct db *db);

#endif
