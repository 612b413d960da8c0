/* A peer that the link is measured against: SQLite's session extension. The sender records its changes to a table of wide rows as change-sets; they are packed
 * with zstd -3 and applied durably by another database. No signatures, no encryption and no second process: that the peer is spared.
 *
 *   peer_session DIR UNITS CHANGESETS ROWS
 *
 * Prints seconds and bytes sent, and for the 1 % variant the same: "fresh_s fresh_bytes changed_s changed_bytes". Time begins when the sender has its rows (as
 * a daemon has its log) and ends when the receiver has committed them. */
#define SQLITE_ENABLE_SESSION
#define SQLITE_ENABLE_PREUPDATE_HOOK
#include "tests/bench/bench.h"
#include "tests/bench/workload.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { LEVEL = 3, CACHE_KIB = 4096, SQL_BYTES = 1000 };

struct result {
    double seconds;
    size_t bytes;
};

static void need(int code, const char *what) {
    bench_right(code == SQLITE_OK, what);
}

static void run(sqlite3 *db, const char *sql) {
    need(sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

/* The settings of the store. */
static sqlite3 *open_table(const char *dir, const char *name) {
    char path[PATH_MAX], sql[SQL_BYTES];
    sqlite3 *db;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    need(sqlite3_open(path, &db), path);
    (void)snprintf(sql, sizeof sql, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-%d", CACHE_KIB);
    run(db, sql);
    size_t len = (size_t)snprintf(sql, sizeof sql, "CREATE TABLE record(unit INTEGER, period INTEGER, row TEXT");
    for (unsigned i = 1; i <= WORKLOAD_FIELDS; i++) {
        len += (size_t)snprintf(sql + len, sizeof sql - len, ", f%02u INTEGER", i);
    }
    (void)snprintf(sql + len, sizeof sql - len, ", PRIMARY KEY(unit, period, row)) WITHOUT ROWID");
    run(db, sql);
    return db;
}

static sqlite3_session *record(sqlite3 *db) {
    sqlite3_session *session;
    need(sqlite3session_create(db, "main", &session), "session");
    need(sqlite3session_attach(session, "record"), "session");
    return session;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt;
    need(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), sql);
    return stmt;
}

static void step(sqlite3_stmt *stmt) {
    bench_right(sqlite3_step(stmt) == SQLITE_DONE, "a row");
    need(sqlite3_reset(stmt), "a row");
}

static void insert_all(sqlite3 *db, const struct workload_shape *shape) {
    sqlite3_stmt *stmt = prepare(db, "INSERT INTO record VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    static_assert(WORKLOAD_FIELDS == 20, "the statement above has so many, and three for the key");
    run(db, "BEGIN");
    for (size_t unit = 0; unit < shape->units; unit++) {
        for (size_t i = 0; i < shape->changesets * shape->rows; i++) {
            char text[WORKLOAD_ROW_BYTES + 1];
            size_t changeset = i / shape->rows, row = i % shape->rows;
            struct record_key key = workload_key(changeset, row, text);
            need(sqlite3_bind_int64(stmt, 1, (sqlite3_int64)unit), "bind");
            need(sqlite3_bind_int64(stmt, 2, key.period), "bind");
            need(sqlite3_bind_text(stmt, 3, text, -1, SQLITE_STATIC), "bind");
            for (size_t field = 0; field < WORKLOAD_FIELDS; field++) {
                need(sqlite3_bind_int64(stmt, (int)field + 4, workload_value(shape, unit, changeset, row, field, false)), "bind");
            }
            step(stmt);
        }
    }
    run(db, "COMMIT");
    sqlite3_finalize(stmt);
}

static void change_row(sqlite3 *db, const struct workload_shape *shape, size_t unit, size_t index) {
    size_t changeset, row, fields[WORKLOAD_CHANGED_FIELDS];
    char text[WORKLOAD_ROW_BYTES + 1], sql[SQL_BYTES];
    workload_changed_row(shape, unit, index, &changeset, &row, fields);
    struct record_key key = workload_key(changeset, row, text);
    size_t len = (size_t)snprintf(sql, sizeof sql, "UPDATE record SET");
    for (size_t i = 0; i < WORKLOAD_CHANGED_FIELDS; i++) {
        len += (size_t)snprintf(sql + len, sizeof sql - len, "%s f%02zu = %lld", i > 0 ? "," : "", fields[i] + 1,
                                (long long)workload_value(shape, unit, changeset, row, fields[i], true));
    }
    (void)snprintf(sql + len, sizeof sql - len, " WHERE unit = %zu AND period = %u AND row = '%s'", unit, (unsigned)key.period, text);
    run(db, sql);
    bench_right(sqlite3_changes(db) == 1, "a row to change");
}

static void change_some(sqlite3 *db, const struct workload_shape *shape) {
    run(db, "BEGIN");
    for (size_t unit = 0; unit < shape->units; unit++) {
        for (size_t i = 0; i < workload_changed_rows(shape); i++) {
            change_row(db, shape, unit, i);
        }
    }
    run(db, "COMMIT");
}

static int on_conflict(void *arg, int conflict, sqlite3_changeset_iter *change) {
    (void)arg;
    (void)conflict;
    (void)change;
    return SQLITE_CHANGESET_ABORT;
}

/* What was recorded, to the receiver. */
static struct result sync(sqlite3_session *session, sqlite3 *receiver) {
    double began = bench_seconds();
    int len;
    void *changes;
    need(sqlite3session_changeset(session, &len, &changes), "changeset");
    size_t room = ZSTD_compressBound((size_t)len);
    void *packed = malloc(room), *unpacked = malloc((size_t)len);
    bench_right(packed != NULL && unpacked != NULL, "memory");
    size_t packed_len = ZSTD_compress(packed, room, changes, (size_t)len, LEVEL);
    bench_right(!ZSTD_isError(packed_len) && ZSTD_decompress(unpacked, (size_t)len, packed, packed_len) == (size_t)len, "packing");
    need(sqlite3changeset_apply(receiver, len, unpacked, NULL, on_conflict, NULL), "applying");
    double took = bench_seconds() - began;
    sqlite3_free(changes);
    free(packed);
    free(unpacked);
    sqlite3session_delete(session);
    return (struct result){took, packed_len};
}

static int64_t sum(sqlite3 *db) {
    sqlite3_stmt *stmt = prepare(db, "SELECT total(f01 + 3 * f07 + 5 * f20 + 7 * f13) FROM record");
    bench_right(sqlite3_step(stmt) == SQLITE_ROW, "sum");
    int64_t total = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return total;
}

int main(int argc, char **argv) {
    bench_right(argc == 5, "usage: see the head of tests/bench/peer_session.c");
    const struct workload_shape shape = {strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10)};
    sqlite3 *sender = open_table(argv[1], "sender.db"), *receiver = open_table(argv[1], "receiver.db");
    sqlite3_session *session = record(sender);
    insert_all(sender, &shape);
    struct result fresh = sync(session, receiver);
    session = record(sender);
    change_some(sender, &shape);
    struct result changed = sync(session, receiver);
    bench_right(sum(sender) == sum(receiver) && sum(sender) > 0, "the receiver has what the sender has");
    printf("%.6f %zu %.6f %zu\n", fresh.seconds, fresh.bytes, changed.seconds, changed.bytes);
    sqlite3_close(sender);
    sqlite3_close(receiver);
    return 0;
}
