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
struct db {
    sqlite3 *sqlite;
    bool begun, saved;
    enum status failed; /* not OK: the file or the disk has failed in a way after which this process writes no more */
    enum status lost;   /* the error by which the open transaction was lost */
    size_t statement_count;
    struct statement statements[DB_STATEMENTS];
};

enum status db_status(struct db *db, int code);
/* Not OK: a transaction was begun, and SQLite has given it up since. */
enum status db_standing(const struct db *db);

#endif
