#include "store/db.h"

#include "store/db_internal.h"

#include "protocol/keys.h"
#include "protocol/planted.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    VALUE_BYTES_MAX = 16 * 1024 * 1024, /* far above the longest value kept (a body), far below what could hurt */
    BUSY_MS = 0                         /* the store's own lock is what people wait for; a second opener of the database is told at once */
};

/* Every setting made on purpose, in this order (locking_mode before WAL, so that no -shm file is needed and no second process can ever attach), and what it
 * must read back as. WAL with synchronous=FULL: a commit that returned is on the disk. */
static const struct setting {
    const char *set, *read;
    const char *value;
} settings[] = {
    {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA locking_mode", "exclusive"},
    {"PRAGMA journal_mode=WAL", "PRAGMA journal_mode", "wal"},
    {"PRAGMA synchronous=FULL", "PRAGMA synchronous", "2"},
    {"PRAGMA wal_autocheckpoint=1000", "PRAGMA wal_autocheckpoint", "1000"},
    {"PRAGMA journal_size_limit=16777216", "PRAGMA journal_size_limit", "16777216"},
    {"PRAGMA cell_size_check=ON", "PRAGMA cell_size_check", "1"},
    {"PRAGMA trusted_schema=OFF", "PRAGMA trusted_schema", "0"},
    {"PRAGMA foreign_keys=ON", "PRAGMA foreign_keys", "1"},
    {"PRAGMA secure_delete=ON", "PRAGMA secure_delete", "1"}, /* an erased body is gone from the file */
    {"PRAGMA temp_store=FILE", "PRAGMA temp_store", "1"},
    {"PRAGMA cache_size=-4096", "PRAGMA cache_size", "-4096"}, /* 4 MiB */
};

static const struct switch_setting {
    int option, value;
} switches[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},
    {SQLITE_DBCONFIG_DQS_DML, 0},
    {SQLITE_DBCONFIG_DQS_DDL, 0},
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
};

/* ---- errors ---- */

/* Where SQLite could not open or write, the system's own word says more. */
static enum status status_of_system(int error, enum status otherwise) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STATUS_DISK_FULL;
    case ENOENT:
        return STATUS_STORE_MISSING;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_PERMISSION;
    default:
        return otherwise;
    }
}

enum status db_status(struct db *db, int code) {
    enum status status;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return STATUS_OK;
    case SQLITE_NOMEM:
        return STATUS_NO_MEMORY;
    case SQLITE_FULL:
        return STATUS_DISK_FULL;
    case SQLITE_IOERR:
        if (code == SQLITE_IOERR_NOMEM)
            return STATUS_NO_MEMORY;
        status = status_of_system(sqlite3_system_errno(db->sqlite), STATUS_DISK_ERROR);
        status = status == STATUS_DISK_FULL ? status : STATUS_DISK_ERROR;
        /* After a failed sync the system may have forgotten the pages while calling them clean: nothing more is written by this process. */
        if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)
            db->failed = STATUS_DISK_ERROR;
        return status;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        db->failed = STATUS_STORE_DAMAGED;
        return STATUS_STORE_DAMAGED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return STATUS_STORE_LOCKED;
    case SQLITE_CANTOPEN:
        return status_of_system(sqlite3_system_errno(db->sqlite), STATUS_DISK_ERROR);
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return STATUS_PERMISSION;
    case SQLITE_TOOBIG:
        return STATUS_TOO_LARGE;
    default:
        return STATUS_INTERNAL;
    }
}

/* ---- opening ---- */

/* Runs a statement that gives one row of one column; is it value? (NULL: whatever it is.) */
static enum status pragma(struct db *db, const char *sql, const char *value) {
    sqlite3_stmt *stmt = NULL;
    enum status status = db_status(db, sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL));
    if (status != STATUS_OK)
        return status;
    int code = sqlite3_step(stmt);
    status = db_status(db, code);
    if (status == STATUS_OK && value != NULL) {
        const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (text == NULL && sqlite3_errcode(db->sqlite) == SQLITE_NOMEM)
            status = STATUS_NO_MEMORY;
        else if (text == NULL || strcmp(text, value) != 0)
            status = STATUS_INTERNAL;
    }
    sqlite3_finalize(stmt);
    return status;
}

static enum status settings_make(struct db *db, bool create) {
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_limit(db->sqlite, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(db->sqlite, SQLITE_LIMIT_ATTACHED, 0);
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
        int now = -1;
        if (sqlite3_db_config(db->sqlite, switches[i].option, switches[i].value, &now) != SQLITE_OK || now != switches[i].value)
            return STATUS_INTERNAL;
    }
    enum status status = db_status(db, sqlite3_busy_timeout(db->sqlite, BUSY_MS));
    /* Mapped reads turn a disk error into a signal. 0 reads back as no row where mapping is compiled out. */
    if (status == STATUS_OK)
        status = pragma(db, "PRAGMA mmap_size=0", NULL);
    if (status == STATUS_OK)
        status = pragma(db, settings[0].set, settings[0].value);
    /* Only a database without any page takes it; the first page is made by the switch to WAL. */
    if (status == STATUS_OK && create) {
        status = pragma(db, "PRAGMA page_count", "0");
        if (status == STATUS_OK)
            status = pragma(db, "PRAGMA auto_vacuum=INCREMENTAL", NULL);
        else if (status == STATUS_INTERNAL) /* another number */
            status = STATUS_OK;
    }
    for (size_t i = 1; status == STATUS_OK && i < sizeof settings / sizeof settings[0]; i++) {
        status = pragma(db, settings[i].set, NULL);
        if (status == STATUS_OK)
            status = pragma(db, settings[i].read, settings[i].value);
    }
    if (status == STATUS_OK && PLANTED("no-sync"))
        status = pragma(db, "PRAGMA synchronous=OFF", NULL);
    return status;
}

static enum status steps_make(struct db *db) {
    static const char *const sql[DB_STEPS] = {
        [DB_BEGIN] = "BEGIN IMMEDIATE",    [DB_COMMIT] = "COMMIT",         [DB_ROLLBACK] = "ROLLBACK",
        [DB_SAVEPOINT] = "SAVEPOINT part", [DB_BACK] = "ROLLBACK TO part", [DB_RELEASE] = "RELEASE part",
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < DB_STEPS; i++)
        status = db_status(db, sqlite3_prepare_v3(db->sqlite, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &db->steps[i], NULL));
    return status;
}

/* What a process that was killed had written but not synced yet is read like what is durable: nobody may be told of it before it is. Carried over into the
 * database it is, even where a sync has failed before and the system took the log's pages for clean. The log is synced first: what then finds no room stands.
 */
static enum status recovered_make_durable(struct db *db) {
    enum status status = db_status(db, sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
    return status == STATUS_DISK_FULL ? STATUS_OK : status;
}

enum status db_open(struct db **out, const char *path, bool create, const char *vfs) {
    *out = NULL;
    struct db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return STATUS_NO_MEMORY;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (create ? SQLITE_OPEN_CREATE : 0);
    int code = sqlite3_open_v2(path, &db->sqlite, flags, vfs);
    enum status status = db->sqlite == NULL ? STATUS_NO_MEMORY : db_status(db, code);
    if (status == STATUS_OK)
        status = settings_make(db, create);
    if (status == STATUS_OK)
        status = steps_make(db);
    /* The first read recovers the log of an unclean end: a damaged file shows here. */
    if (status == STATUS_OK)
        status = pragma(db, "SELECT count(*) FROM sqlite_schema", NULL);
    /* What cannot be opened for writing, SQLite opens for reading, whatever the reason was: every change would be refused for as long as this process lives.
     * With the log beside it, it does the same; what comes next shows that. */
    if (status == STATUS_OK && sqlite3_db_readonly(db->sqlite, "main") == 1)
        status = STATUS_PERMISSION;
    if (status == STATUS_OK)
        status = recovered_make_durable(db);
    if (status != STATUS_OK) {
        db_close(db);
        return status;
    }
    *out = db;
    return STATUS_OK;
}

void db_close(struct db *db) {
    if (db == NULL)
        return;
    db_rollback(db);
    for (size_t i = 0; i < DB_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i].stmt);
    for (size_t i = 0; i < DB_STEPS; i++)
        sqlite3_finalize(db->steps[i]);
    int code = sqlite3_close(db->sqlite);
    assert(code == SQLITE_OK); /* else somebody walks a query still */
    (void)code;
    free(db);
}

/* ---- transactions ---- */

static enum status execute(struct db *db, const char *sql) {
    return db_status(db, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

static enum status take_step(struct db *db, enum db_step step) {
    enum status status = db_status(db, sqlite3_step(db->steps[step]));
    (void)sqlite3_reset(db->steps[step]); /* repeats the error */
    return status;
}

/* What db_rollback could not roll back is now, before anything is added to it or read of it. */
static enum status rest_rolled_back(struct db *db) {
    return db->begun || sqlite3_get_autocommit(db->sqlite) ? STATUS_OK : take_step(db, DB_ROLLBACK);
}

enum status db_begin(struct db *db) {
    assert(!db->begun);
    if (db->failed != STATUS_OK)
        return db->failed;
    enum status status = rest_rolled_back(db);
    if (status == STATUS_OK)
        status = take_step(db, DB_BEGIN);
    db->begun = status == STATUS_OK;
    db->saved = false;
    return status;
}

/* SQLite ends a transaction by itself on some errors (disk full, for one). What follows must not be taken for a part of it. */
enum status db_standing(const struct db *db) {
    if (!db->begun)
        return STATUS_OK;
    if (sqlite3_get_autocommit(db->sqlite))
        return db->lost != STATUS_OK ? db->lost : STATUS_DISK_ERROR;
    return db->spoiled;
}

enum status db_commit(struct db *db) {
    assert(db->begun && !db->saved);
    enum status status = db_standing(db);
    if (status == STATUS_OK)
        status = db->failed != STATUS_OK ? db->failed : take_step(db, DB_COMMIT);
    if (status != STATUS_OK) {
        db_rollback(db);
        return status;
    }
    db->begun = false;
    return STATUS_OK;
}

void db_rollback(struct db *db) {
    if (db->sqlite != NULL && !sqlite3_get_autocommit(db->sqlite))
        (void)take_step(db, DB_ROLLBACK);
    db->begun = db->saved = false;
    db->lost = db->spoiled = STATUS_OK;
}

enum status db_failed(const struct db *db) {
    return db->failed;
}

bool db_in_transaction(const struct db *db) {
    return db->begun;
}

enum status db_savepoint(struct db *db) {
    assert(db->begun && !db->saved);
    enum status status = db_standing(db);
    if (status == STATUS_OK)
        status = take_step(db, DB_SAVEPOINT);
    db->saved = status == STATUS_OK;
    return status;
}

enum status db_release(struct db *db) {
    assert(db->saved);
    enum status status = db_standing(db);
    if (status == STATUS_OK)
        status = take_step(db, DB_RELEASE);
    if (status != STATUS_OK)
        db_back(db);
    db->saved = false;
    return status;
}

void db_back(struct db *db) {
    assert(db->saved);
    db->saved = false;
    /* If this fails, the transaction is lost as a whole, gone or not, and db_commit says so. */
    enum status status = STATUS_OK;
    if (!sqlite3_get_autocommit(db->sqlite))
        status = take_step(db, DB_BACK);
    if (status == STATUS_OK && !sqlite3_get_autocommit(db->sqlite))
        status = take_step(db, DB_RELEASE);
    if (status != STATUS_OK)
        db->lost = db->spoiled = status;
}

enum status db_script(struct db *db, const char *sql) {
    enum status status = db_standing(db);
    if (status == STATUS_OK)
        status = execute(db, sql);
    if (status != STATUS_OK && db->begun)
        db->lost = status;
    return status;
}

/* ---- statements ---- */

/* Where a literal's statement is kept, or could be. NULL: no room (then it is prepared for one use). */
static struct statement *slot_of(struct db *db, const char *sql) {
    size_t at = ((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 54;
    static_assert(DB_STATEMENTS == 1 << (64 - 54), "the hash gives the top bits");
    for (size_t tries = 0; tries < DB_STATEMENTS; tries++, at = (at + 1) % DB_STATEMENTS) {
        struct statement *slot = &db->statements[at];
        if (slot->sql == sql)
            return slot;
        if (slot->sql == NULL)
            return db->statement_count < DB_STATEMENTS * 3 / 4 ? slot : NULL;
    }
    return NULL;
}

struct query db_query(struct db *db, const char *sql) {
    struct query query = {.db = db, .status = db_standing(db)};
    if (query.status == STATUS_OK)
        query.status = rest_rolled_back(db);
    if (query.status != STATUS_OK)
        return query;
    struct statement *slot = slot_of(db, sql);
    /* Two literals of the same text may be one to the linker: a statement that is being walked is never touched, the second walk gets its own. */
    if (slot == NULL || slot->used) {
        query.status = db_status(db, sqlite3_prepare_v2(db->sqlite, sql, -1, &query.stmt, NULL));
        return query;
    }
    if (slot->stmt == NULL) {
        query.status = db_status(db, sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->stmt, NULL));
        if (query.status != STATUS_OK)
            return query;
        slot->sql = sql;
        db->statement_count++;
    }
    slot->used = true;
    query.kept = slot;
    query.stmt = slot->stmt;
    return query;
}

/* ---- odds and ends ---- */

int64_t db_last_id(const struct db *db) {
    return sqlite3_last_insert_rowid(db->sqlite);
}

int64_t db_changes(const struct db *db) {
    return sqlite3_changes64(db->sqlite);
}

enum status db_backup(struct db *db, const char *path) {
    assert(!db->begun);
    sqlite3_stmt *stmt = NULL;
    /* VACUUM INTO attaches the new file: the one moment at which that is allowed. */
    sqlite3_limit(db->sqlite, SQLITE_LIMIT_ATTACHED, 1);
    enum status status = db_status(db, sqlite3_prepare_v2(db->sqlite, "VACUUM INTO ?", -1, &stmt, NULL));
    if (status == STATUS_OK)
        status = db_status(db, sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC));
    if (status == STATUS_OK)
        status = db_status(db, sqlite3_step(stmt));
    sqlite3_finalize(stmt);
    sqlite3_limit(db->sqlite, SQLITE_LIMIT_ATTACHED, 0);
    return status;
}

enum status db_tidy(struct db *db) {
    assert(!db->begun);
    if (db->failed != STATUS_OK)
        return db->failed;
    enum status status = execute(db, "PRAGMA incremental_vacuum(1000)"); /* 4 MiB at a time: nobody waits long */
    if (status == STATUS_OK)
        status = db_status(db, sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
    (void)sqlite3_db_release_memory(db->sqlite); /* what it held of the file is still in the system's own cache */
    return status;
}

/* A page that could not be read for want of memory, or because the disk failed, is told like a damaged one, with SQLite's code for why. */
static enum status finding_status(struct db *db, const char *finding) {
    const char *why = strstr(finding, "error code");
    int code = why != NULL ? (int)strtol(why + strcspn(why, "0123456789"), NULL, 10) : SQLITE_CORRUPT;
    bool unread = (code & 0xff) == SQLITE_NOMEM || (code & 0xff) == SQLITE_IOERR;
    return unread ? db_status(db, code) : STATUS_STORE_DAMAGED;
}

enum status db_quick_check(struct db *db) {
    sqlite3_stmt *stmt = NULL;
    enum status status = db_status(db, sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &stmt, NULL));
    if (status != STATUS_OK)
        return status;
    int code = sqlite3_step(stmt);
    const char *finding = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    status = db_status(db, code);
    if (status == STATUS_OK && finding == NULL)
        status = code == SQLITE_ROW ? STATUS_NO_MEMORY : STATUS_STORE_DAMAGED;
    else if (status == STATUS_OK && strcmp(finding, "ok") != 0)
        status = finding_status(db, finding);
    sqlite3_finalize(stmt);
    return status;
}
