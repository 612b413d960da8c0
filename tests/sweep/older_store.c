#include "tests/sweep/older_store.h"

/* The made-up version's step, in the words of version 1. */
static const char step_from_0[] =
    "ALTER TABLE log RENAME TO old_log; ALTER TABLE entry RENAME TO old_entry;"
    "CREATE TABLE log (id INTEGER PRIMARY KEY, node BLOB NOT NULL CHECK(length(node)=16), kind INTEGER NOT NULL, epoch BLOB NOT NULL CHECK(length(epoch)=8),"
    " head_seq INTEGER NOT NULL, head_hash BLOB NOT NULL CHECK(length(head_hash)=32), bodies INTEGER NOT NULL, gaps INTEGER NOT NULL, applied INTEGER NOT NULL,"
    " version INTEGER NOT NULL, receipt_due INTEGER NOT NULL, UNIQUE(node, kind, epoch)) STRICT;"
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL CHECK(length(hash)=32), header BLOB NOT NULL,"
    " signature BLOB NOT NULL, salt BLOB, body BLOB, body_state INTEGER NOT NULL, UNIQUE(log, seq)) STRICT;"
    "INSERT INTO entry SELECT e.id, e.log, e.seq, e.hash, e.header, e.signature, b.salt, b.body, coalesce(b.state, 2) FROM old_entry e LEFT JOIN body b"
    " ON b.entry = e.id;"
    "INSERT INTO log SELECT l.id, l.node, l.kind, l.epoch, (SELECT max(seq) FROM entry WHERE log = l.id),"
    " (SELECT hash FROM entry WHERE log = l.id ORDER BY seq DESC LIMIT 1),"
    " (SELECT coalesce(min(seq) - 1, (SELECT max(seq) FROM entry WHERE log = l.id)) FROM entry WHERE log = l.id AND body_state = 2),"
    " (SELECT count(*) FROM entry WHERE log = l.id AND body_state = 2), 0, l.version, 0 FROM old_log l;"
    "DROP TABLE old_log; DROP TABLE old_entry; DROP TABLE body;"
    "CREATE INDEX log_version ON log(version);"
    "CREATE INDEX log_due ON log(id) WHERE receipt_due = 1;"
    "CREATE INDEX log_pending ON log(id) WHERE applied < head_seq;"
    "CREATE INDEX entry_missing ON entry(log, seq) WHERE body_state = 2;"
    "CREATE INDEX entry_withheld ON entry(log, seq) WHERE body_state = 3;"
    "CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO config SELECT substr(key, 8), CAST(value AS TEXT) FROM meta WHERE key LIKE 'config.%';"
    "DELETE FROM meta WHERE key LIKE 'config.%';";

#define HOI_TEST_MIGRATION \
    { 0, step_from_0, NULL }
#include "store/migrate.c"

#include "tests/unit/store_scratch.h"

/* The other way round: how the made-up version would have kept what version 1 keeps. */
static const char back_to_0[] =
    "ALTER TABLE log RENAME TO new_log; ALTER TABLE entry RENAME TO new_entry;"
    "CREATE TABLE log (id INTEGER PRIMARY KEY, node BLOB NOT NULL, kind INTEGER NOT NULL, epoch BLOB NOT NULL, version INTEGER NOT NULL);"
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB, header BLOB, signature BLOB);"
    "CREATE TABLE body (entry INTEGER PRIMARY KEY, salt BLOB, body BLOB, state INTEGER NOT NULL);"
    "INSERT INTO log SELECT id, node, kind, epoch, version FROM new_log;"
    "INSERT INTO entry SELECT id, log, seq, hash, header, signature FROM new_entry;"
    "INSERT INTO body SELECT id, salt, body, body_state FROM new_entry WHERE body_state <> 2;"
    "INSERT INTO meta SELECT 'config.' || key, CAST(value AS BLOB) FROM config;"
    "DROP TABLE new_log; DROP TABLE new_entry; DROP TABLE config; DROP TABLE set_aside; DROP TABLE document; DROP TABLE record_write; DROP TABLE record;"
    "CREATE TABLE figure (place TEXT PRIMARY KEY, number INTEGER); INSERT INTO figure VALUES('2025-05 02 a', 6);"
    "CREATE INDEX figure_number ON figure(number);"
    "PRAGMA user_version = 0;";

sqlite3 *older_store_open(const char *path) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

void older_store_sql(const char *path, const char *sql) {
    char *message = NULL;
    sqlite3 *db = older_store_open(path);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A real file of the sources; to be freed. */
static struct buffer source(const char *name) {
    char path[1024], chunk[4096];
    struct buffer out;
    buffer_init(&out, 1 << 20);
    (void)snprintf(path, sizeof path, "%s/tests/data/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, file)) > 0;)
        assert_int_equal(buffer_append(&out, chunk, got), STATUS_OK);
    assert_int_equal(fclose(file), 0);
    return out;
}

void older_store_make(const char *dir, int64_t version) {
    char path[SCRATCH_PATH];
    struct buffer key = source("store-v1.key"), sql = source(version == 2 ? "store-v2.sql" : "store-v1.sql");
    assert_int_equal(buffer_append(&sql, "", 1), STATUS_OK);
    assert_int_equal(os_directory_make(dir), STATUS_OK);
    scratch_path(path, dir, "node.key");
    assert_int_equal(os_file_create(path, buffer_bytes(&key), true), STATUS_OK);
    scratch_path(path, dir, "store.db");
    assert_int_equal(os_file_create(path, (struct bytes){0}, true), STATUS_OK);
    older_store_sql(path, (const char *)sql.data);
    if (version == 0)
        older_store_sql(path, back_to_0);
    /* As a process leaves it that used to write ahead. */
    older_store_sql(path, "PRAGMA journal_mode=WAL; PRAGMA wal_checkpoint");
    buffer_fini(&key);
    buffer_fini(&sql);
}
