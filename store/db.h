/* The one place that opens the database and prepares statements: settings, transactions, queries. Knows no table (store/schema.c does).
 * One connection, locking_mode=EXCLUSIVE, WAL, synchronous=FULL: it is the only writer and the only checkpointer. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "protocol/codec.h"

struct db;
struct sqlite3_stmt;

/* Opens path (makes it where create is set). STORE_MISSING, STORE_LOCKED, STORE_DAMAGED, DISK_FULL, DISK_ERROR, PERMISSION, NO_MEMORY. vfs NULL: the system's. */
CHECKED enum status db_open(struct db **out, const char *path, bool create, const char *vfs);
void db_close(struct db *db); /* NULL harmless; rolls back what is open */

CHECKED enum status db_begin(struct db *db);   /* BEGIN IMMEDIATE; not nested (asserted) */
CHECKED enum status db_commit(struct db *db);  /* on failure the transaction is rolled back: nothing of it stands */
void db_rollback(struct db *db);               /* harmless where none is open */
bool db_in_transaction(const struct db *db);
enum status db_failed(const struct db *db);    /* not OK: the file or the disk has failed so that nothing more is written here: it is to be opened anew */
CHECKED enum status db_savepoint(struct db *db); /* one level inside a transaction: for what may be refused without losing the rest */
CHECKED enum status db_release(struct db *db);
void db_back(struct db *db);                     /* undo to the savepoint and release it */
CHECKED enum status db_script(struct db *db, const char *sql); /* several statements without results: DDL */

/* ---- queries: one line each way. sql must be a string literal (the prepared statement is kept by its address). A query may not be used again while
 * it is being walked: each place in the code has its own literal or finishes first. Errors are sticky in the query and come out of query_end / query_run. ---- */
struct query { struct db *db; struct sqlite3_stmt *stmt; struct statement *kept; int bound; enum status status; };
struct query db_query(struct db *db, const char *sql);
void query_bind_int(struct query *query, int64_t value);          /* parameters in order */
void query_bind_blob(struct query *query, struct bytes value);    /* must live until the query ends */
void query_bind_text(struct query *query, struct bytes value);
void query_bind_null(struct query *query);
bool query_next(struct query *query);                             /* true: a row stands; false: end or error */
int64_t query_int(struct query *query, int column);               /* of the row that stands; NULL reads as 0 */
bool query_is_null(struct query *query, int column);
struct bytes query_blob(struct query *query, int column);         /* borrowed until query_next or query_end */
struct bytes query_text(struct query *query, int column);
void query_fixed(struct query *query, int column, void *out, size_t len); /* another length: STORE_DAMAGED, out zeroed */
CHECKED enum status query_end(struct query *query);               /* resets the statement; OK or the first error. Needed after every walk, also one left early */
CHECKED enum status query_run(struct query *query);               /* for statements without rows: step and end */
int64_t db_last_id(const struct db *db);
int64_t db_changes(const struct db *db);
/* Backup of the live database into a new file (VACUUM INTO). */
CHECKED enum status db_backup(struct db *db, const char *path);
/* Carries the write-ahead log over into the database and cuts its file; gives some of the free pages, and the memory of the page cache, back to the system. Not within a transaction. */
CHECKED enum status db_tidy(struct db *db);
CHECKED enum status db_quick_check(struct db *db); /* OK, STORE_DAMAGED, NO_MEMORY, DISK_ERROR */

#endif
