#include "store/schema.h"

#include <stdio.h>

/* "hoi1", so that `file` and a support person can tell the file. */
enum { SCHEMA_APPLICATION_ID = 0x686f6931 };
/* Far more than any version had. */
enum { TABLES_MAX = 64, TABLE_NAME_BYTES_MAX = 40 };

/* The truth: logs as received. schema_renew knows these tables by name. */
static const char schema_logs[] =
    /* key, value: founding statement, own node id, line hint, change counter, clean-close mark */
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID;"
    "CREATE TABLE config (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    /* One row a log held. version: the store's change counter when it last changed. gaps: entitled bodies not held. applied: every entry up to it is applied or
     * set aside; controlled: of its control changes those up to it are, which go ahead of the rest. stands, why: up to where it stood, and what ended it there
     * (0: nothing does), when its entries were last judged. brought: the peer that brought it as what refutes what the views said, where they did not let this node hold it. counted,
     * bytes, control: what its entries up to this seq come to, and control entries among them (store/bounds_count.c). */
    "CREATE TABLE log (id INTEGER PRIMARY KEY, node BLOB NOT NULL CHECK(length(node)=16), kind INTEGER NOT NULL, epoch BLOB NOT NULL CHECK(length(epoch)=8),"
    " head_seq INTEGER NOT NULL, head_hash BLOB NOT NULL CHECK(length(head_hash)=32), bodies INTEGER NOT NULL, gaps INTEGER NOT NULL, applied INTEGER NOT NULL,"
    " version INTEGER NOT NULL, receipt_due INTEGER NOT NULL, controlled INTEGER NOT NULL DEFAULT 0, stands INTEGER NOT NULL DEFAULT 9223372036854775807,"
    " why INTEGER NOT NULL DEFAULT 0, brought BLOB,"
    " counted INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, control INTEGER NOT NULL DEFAULT 0, UNIQUE(node, kind, epoch)) STRICT;"
    "CREATE INDEX log_brought ON log(brought) WHERE brought IS NOT NULL;"
    "CREATE INDEX log_version ON log(version);"
    "CREATE INDEX log_due ON log(id) WHERE receipt_due = 1;"
    "CREATE INDEX log_pending ON log(id) WHERE applied < head_seq;"
    "CREATE INDEX log_ahead ON log(id) WHERE controlled < head_seq AND kind > 1;"
    /* body_state: 1 held, 2 entitled but missing, 3 not entitled, 4 erased. */
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL CHECK(length(hash)=32), header BLOB NOT NULL,"
    " signature BLOB NOT NULL, salt BLOB, body BLOB, body_state INTEGER NOT NULL, UNIQUE(log, seq)) STRICT;"
    "CREATE INDEX entry_missing ON entry(log, seq) WHERE body_state = 2;"
    "CREATE INDEX entry_withheld ON entry(log, seq) WHERE body_state = 3;"
    "CREATE INDEX entry_erased ON entry(log, seq) WHERE body_state = 4;"
    "CREATE TABLE part (entry INTEGER PRIMARY KEY, salt BLOB NOT NULL, held INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
    /* Evidence: another header at a seq held. */
    "CREATE TABLE fork (log INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, header BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY(log, seq, "
    "hash))"
    " STRICT, WITHOUT ROWID;"
    /* What stood in the log until a senior pinned another branch: kept, shown, and no part of the log any more. And (peer: who brought it) what is on its way to an
     * entry that a senior has pinned, of a branch that is not held. */
    "CREATE TABLE fallen (log INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL CHECK(length(hash)=32), header BLOB NOT NULL, signature BLOB NOT NULL,"
    " salt BLOB, body BLOB, body_state INTEGER NOT NULL, peer BLOB, PRIMARY KEY(log, seq, hash)) STRICT;"
    "CREATE TABLE receipt (holder BLOB NOT NULL, node BLOB NOT NULL, kind INTEGER NOT NULL, epoch BLOB NOT NULL, seq INTEGER NOT NULL, bodies INTEGER NOT NULL,"
    " applied INTEGER NOT NULL, aside INTEGER NOT NULL, time INTEGER NOT NULL, bytes BLOB NOT NULL, signature BLOB NOT NULL, version INTEGER NOT NULL,"
    " PRIMARY KEY(node, kind, epoch, holder)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX receipt_version ON receipt(version);"
    /* Answers to changing requests, by their id; the oldest are dropped past a bound. */
    "CREATE TABLE request (id TEXT PRIMARY KEY, time INTEGER NOT NULL, response TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX request_time ON request(time);"
    /* Open and used join tokens: the secret's hash; the keys that used it, entry: the admission's; when it was made, the root's head that it stands for (NULL:
     * of version 2 or before, which nobody can use any more). */
    "CREATE TABLE invitation (secret_hash BLOB PRIMARY KEY, unit BLOB NOT NULL, expires INTEGER NOT NULL, nonce BLOB NOT NULL, signing_key BLOB, transport_key "
    "BLOB,"
    " entry INTEGER, invited INTEGER NOT NULL DEFAULT 0, root BLOB) STRICT, WITHOUT ROWID;";

/* Views: derived from the logs alone, dropped and made anew by rebuild. */
static const char schema_views[] =
    /* Control facts as given to the tree, in the order they came (the tree does not depend on it): loaded at open. */
    "CREATE TABLE fact (entry INTEGER NOT NULL, place INTEGER NOT NULL, kind INTEGER NOT NULL, PRIMARY KEY(entry, place)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX fact_kind ON fact(kind);"
    "CREATE TABLE form (id INTEGER PRIMARY KEY, version BLOB NOT NULL UNIQUE, form_id BLOB NOT NULL, issuer BLOB NOT NULL, name TEXT NOT NULL, label INTEGER "
    "NOT NULL,"
    " previous BLOB, entry INTEGER NOT NULL, place INTEGER NOT NULL, payload BLOB NOT NULL) STRICT;"
    "CREATE INDEX form_by_id ON form(form_id);"
    /* Numbers for what the wide tables refer to: a form id (all versions), a unit concerned. Assigned on first use; only local. */
    "CREATE TABLE form_key (id INTEGER PRIMARY KEY, form_id BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE unit_key (id INTEGER PRIMARY KEY, unit BLOB NOT NULL UNIQUE) STRICT;"
    /* One packed register state a record (store/register.h); sum: record_sum over key and state (store/record.c). */
    "CREATE TABLE record (form INTEGER NOT NULL, period INTEGER NOT NULL, unit INTEGER NOT NULL, row TEXT NOT NULL, state BLOB NOT NULL, sum INTEGER NOT NULL,"
    " contested INTEGER NOT NULL, PRIMARY KEY(form, period, unit, row)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX record_contested ON record(contested) WHERE contested = 1;"
    /* Which standing puts wrote a record: only where there are two or more (else the state names the one). */
    "CREATE TABLE record_write (form INTEGER NOT NULL, period INTEGER NOT NULL, unit INTEGER NOT NULL, row TEXT NOT NULL, entry INTEGER NOT NULL,"
    " PRIMARY KEY(form, period, unit, row, entry)) STRICT, WITHOUT ROWID;"
    /* Extracts (store/extract.h): one row a record of a change, beside the records and never among them. */
    "CREATE TABLE extract (form INTEGER NOT NULL, period INTEGER NOT NULL, unit INTEGER NOT NULL, row TEXT NOT NULL, entry INTEGER NOT NULL, place INTEGER NOT NULL,"
    " state BLOB NOT NULL, sum INTEGER NOT NULL, contested BLOB NOT NULL, cut BLOB NOT NULL, PRIMARY KEY(form, period, unit, row, entry, place)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX extract_entry ON extract(entry);"
    "CREATE TABLE document (entry INTEGER NOT NULL, place INTEGER NOT NULL, unit BLOB NOT NULL, time INTEGER NOT NULL, title TEXT NOT NULL, PRIMARY KEY(entry, "
    "place))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE set_aside (entry INTEGER NOT NULL, place INTEGER NOT NULL, reason INTEGER NOT NULL, detail BLOB, PRIMARY KEY(entry, place)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE INDEX set_aside_reason ON set_aside(reason, detail);";

/* ---- versions ---- */

static enum status number(struct query query, int64_t *out) {
    *out = query_next(&query) ? query_int(&query, 0) : 0;
    return query_end(&query);
}

static enum status make(struct db *db) {
    enum status status = db_begin(db);
    if (status == STATUS_OK)
        status = db_script(db, schema_logs);
    if (status == STATUS_OK)
        status = db_script(db, schema_views);
    if (status == STATUS_OK) {
        static_assert(SCHEMA_APPLICATION_ID == 1752131889 && SCHEMA_VERSION == 3, "the pragmas below say the same");
        status = db_script(db, "PRAGMA application_id = 1752131889; PRAGMA user_version = 3");
    }
    if (status == STATUS_OK)
        return db_commit(db);
    db_rollback(db);
    return status;
}

enum status schema_ready(struct db *db, int64_t *version) {
    int64_t application;
    *version = SCHEMA_VERSION;
    enum status status = number(db_query(db, "PRAGMA application_id"), &application);
    if (status == STATUS_OK)
        status = number(db_query(db, "PRAGMA user_version"), version);
    if (status != STATUS_OK)
        return status;
    if (application == SCHEMA_APPLICATION_ID)
        return *version > SCHEMA_VERSION ? STATUS_STORE_NEWER : STATUS_OK;
    if (application != 0 || *version != 0)
        return STATUS_STORE_DAMAGED;
    *version = SCHEMA_VERSION;
    return make(db);
}

/* One that is no log; NOT_FOUND: none is left. */
static enum status view_left(struct db *db, char name[TABLE_NAME_BYTES_MAX + 1]) {
    struct query query = db_query(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN"
                                      " ('meta', 'config', 'log', 'entry', 'part', 'fork', 'fallen', 'receipt', 'request', 'invitation') LIMIT 1");
    enum status status = STATUS_NOT_FOUND;
    if (query_next(&query)) {
        struct bytes text = query_text(&query, 0);
        status = text.len <= TABLE_NAME_BYTES_MAX ? STATUS_OK : STATUS_STORE_DAMAGED;
        for (size_t i = 0; status == STATUS_OK && i < text.len; i++)
            if ((text.data[i] < 'a' || text.data[i] > 'z') && text.data[i] != '_')
                status = STATUS_STORE_DAMAGED; /* names are put into a statement below: only such as we give */
        if (status == STATUS_OK)
            (void)snprintf(name, TABLE_NAME_BYTES_MAX + 1, "%.*s", (int)text.len, (const char *)text.data);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

enum status schema_renew(struct db *db) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i <= TABLES_MAX; i++) {
        char name[TABLE_NAME_BYTES_MAX + 1], drop[TABLE_NAME_BYTES_MAX + 16];
        status = i < TABLES_MAX ? view_left(db, name) : STATUS_STORE_DAMAGED;
        if (status != STATUS_OK)
            break;
        (void)snprintf(drop, sizeof drop, "DROP TABLE %s", name);
        status = db_script(db, drop);
    }
    if (status == STATUS_NOT_FOUND)
        status = db_script(db, schema_views);
    if (status == STATUS_OK) {
        static_assert(SCHEMA_VERSION == 3, "the pragma below says the same");
        status = db_script(db, "UPDATE log SET applied = 0, controlled = 0, stands = 9223372036854775807, why = 0; PRAGMA user_version = 3");
    }
    return status;
}

/* ---- emptying ---- */

enum status schema_clear_views(struct db *db) {
    return db_script(
        db,
        "DELETE FROM fact; DELETE FROM form; DELETE FROM form_key; DELETE FROM unit_key; DELETE FROM record; DELETE FROM record_write; DELETE FROM extract; DELETE FROM document;"
        "DELETE FROM set_aside; UPDATE log SET applied = 0, controlled = 0, stands = 9223372036854775807, why = 0, receipt_due = 1;");
}

enum status schema_spool_ready(struct db *db) {
    /* Rows of sheets under import: in a temporary file of SQLite's own, gone with the connection. cells: as store/entry_cells.c packs them. */
    return db_script(db, "CREATE TEMP TABLE IF NOT EXISTS spool (import INTEGER NOT NULL, unit BLOB NOT NULL, period INTEGER NOT NULL, row TEXT NOT NULL, "
                         "line INTEGER NOT NULL,"
                         " cells BLOB NOT NULL, PRIMARY KEY(import, unit, period, row)) STRICT, WITHOUT ROWID;");
}
