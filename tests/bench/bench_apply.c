/* Goal a: W verified, stored durably and applied in 50 transactions, by the store and by a bare loop over the same SQLite settings, tables and indexes. The
 * loop verifies the same signatures and hashes and inserts the same entries and the same packed rows, which it is given: it decodes nothing and decides
 * nothing. And part of goal f: the store file beside the values as row-wise msgpack. */
#include "tests/bench/bench.h"
#include "tests/bench/receiver.h"
#include "tests/bench/workload.h"

#include "store/db_internal.h"
#include "store/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSACTIONS = 50 };

/* A row of the record table as the store writes it. */
struct row {
    int64_t form, period, unit, sum;
    struct bytes key, state;
};

struct trial {
    const struct workload *workload;
    const struct workload_entries *entries;
    struct hash *bodies; /* what each entry's header says of its body */
    struct row *rows;    /* what each entry makes of records, from a store that has applied them all */
    size_t at_once;
};

/* ---- the store ---- */

static double run_store(const struct trial *trial, const char *dir, unsigned long *syncs) {
    struct receiver receiver;
    receiver_open(&receiver, dir);
    unsigned long before = bench_syncs();
    double began = bench_seconds();
    for (size_t i = 0; i < trial->entries->count; i += trial->at_once)
        receiver_take(&receiver, trial->entries->items + i, trial->at_once);
    double took = bench_seconds() - began;
    *syncs = bench_syncs() - before;
    receiver_close(&receiver);
    return took;
}

/* ---- the bare loop ---- */

struct loop {
    const struct trial *trial;
    struct db *db; /* for its settings: everything else is asked of SQLite itself */
    sqlite3_stmt *begin, *commit, *log, *head, *entry, *record;
};

static void expect(int code, int expected) {
    bench_right(code == expected, "what SQLite answered the bare loop");
}

static sqlite3_stmt *prepared(const struct loop *loop, const char *sql) {
    sqlite3_stmt *stmt;
    expect(sqlite3_prepare_v3(loop->db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL), SQLITE_OK);
    return stmt;
}

static void run(sqlite3_stmt *stmt) {
    expect(sqlite3_step(stmt), SQLITE_DONE);
    expect(sqlite3_reset(stmt), SQLITE_OK);
}

static void bind_blob(sqlite3_stmt *stmt, int place, struct bytes bytes) {
    expect(sqlite3_bind_blob64(stmt, place, bytes.data, bytes.len, SQLITE_STATIC), SQLITE_OK);
}

static void bind_int(sqlite3_stmt *stmt, int place, int64_t value) {
    expect(sqlite3_bind_int64(stmt, place, value), SQLITE_OK);
}

static void loop_open(struct loop *loop, const struct trial *trial, const char *dir) {
    char path[BENCH_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%.180s/store.db", dir);
    loop->trial = trial;
    bench_must(db_open(&loop->db, path, false, NULL), "open");
    loop->begin = prepared(loop, "BEGIN IMMEDIATE");
    loop->commit = prepared(loop, "COMMIT");
    loop->log = prepared(loop, "INSERT INTO log(node, kind, epoch, head_seq, head_hash, bodies, gaps, applied, version, receipt_due)"
                               " VALUES(?, ?, ?, 0, zeroblob(32), 0, 0, 0, 0, 0)");
    loop->head = prepared(loop, "UPDATE log SET head_seq = ?1, head_hash = ?2, bodies = ?1, applied = ?1 WHERE id = ?3");
    loop->entry = prepared(loop, "INSERT INTO entry(log, seq, hash, header, signature, salt, body, body_state) VALUES(?, ?, ?, ?, ?, ?, ?, 1)");
    loop->record = prepared(loop, "INSERT INTO record(form, period, unit, row, state, sum, contested) VALUES(?, ?, ?, ?, ?, ?, 0)");
}

static void loop_close(struct loop *loop) {
    sqlite3_stmt *all[] = {loop->begin, loop->commit, loop->log, loop->head, loop->entry, loop->record};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sqlite3_finalize(all[i]);
    db_close(loop->db);
}

static void loop_verify(const struct trial *trial, size_t entry) {
    const struct workload *workload = trial->workload;
    const struct persist *item = &trial->entries->items[entry];
    const struct workload_office *office = &workload->communes[entry / workload->shape.changesets];
    struct hash hash;
    bench_must(keys_verify(item->entry.signature.data, "header", &workload->association, item->entry.header, office->keys.signing_public), "signature");
    header_hash(&hash, &workload->association, item->entry.header);
    bench_right(ID_EQUAL(&hash, &item->hash), "the hash of a header");
    body_hash(&hash, &workload->association, item->entry.salt.data, item->entry.body);
    bench_right(ID_EQUAL(&hash, &trial->bodies[entry]), "the hash of a body");
}

static int64_t loop_log(struct loop *loop, const struct log_id *log) {
    bind_blob(loop->log, 1, bytes_of(log->node.b, sizeof log->node.b));
    bind_int(loop->log, 2, log->kind);
    bind_blob(loop->log, 3, bytes_of(log->epoch.b, sizeof log->epoch.b));
    run(loop->log);
    return sqlite3_last_insert_rowid(loop->db->sqlite);
}

static void loop_entry(struct loop *loop, int64_t log, const struct persist *item) {
    const struct entry *entry = &item->entry;
    const struct bytes parts[] = {bytes_of(item->hash.b, sizeof item->hash.b), entry->header, entry->signature, entry->salt, entry->body};
    bind_int(loop->entry, 1, log);
    bind_int(loop->entry, 2, (int64_t)item->seq);
    for (int i = 0; i < 5; i++)
        bind_blob(loop->entry, 3 + i, parts[i]);
    run(loop->entry);
}

static void loop_row(struct loop *loop, const struct row *row) {
    bind_int(loop->record, 1, row->form);
    bind_int(loop->record, 2, row->period);
    bind_int(loop->record, 3, row->unit);
    expect(sqlite3_bind_text(loop->record, 4, (const char *)row->key.data, (int)row->key.len, SQLITE_STATIC), SQLITE_OK);
    bind_blob(loop->record, 5, row->state);
    bind_int(loop->record, 6, row->sum);
    run(loop->record);
}

static void loop_head(struct loop *loop, int64_t log, const struct persist *last) {
    bind_int(loop->head, 1, (int64_t)last->seq);
    bind_blob(loop->head, 2, bytes_of(last->hash.b, sizeof last->hash.b));
    bind_int(loop->head, 3, log);
    run(loop->head);
}

static double run_loop(const struct trial *trial, const char *dir) {
    struct loop loop;
    size_t rows = trial->workload->shape.rows;
    int64_t log = 0;
    loop_open(&loop, trial, dir);
    double began = bench_seconds();
    for (size_t i = 0; i < trial->entries->count; i++) {
        const struct persist *item = &trial->entries->items[i];
        if (i % trial->at_once == 0) {
            for (size_t j = i; j < i + trial->at_once; j++)
                loop_verify(trial, j);
            run(loop.begin);
        }
        if (item->seq == 1)
            log = loop_log(&loop, &item->log);
        loop_entry(&loop, log, item);
        for (size_t j = 0; j < rows; j++)
            loop_row(&loop, &trial->rows[i * rows + j]);
        if ((i + 1) % trial->at_once == 0) {
            loop_head(&loop, log, item);
            run(loop.commit);
        }
    }
    double took = bench_seconds() - began;
    loop_close(&loop);
    return took;
}

/* ---- what the loop is given, and whether both did the same ---- */

static struct bytes copy_of(struct bytes bytes) {
    uint8_t *copy = malloc(bytes.len + 1);
    bench_right(copy != NULL, "memory");
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    return bytes_of(copy, bytes.len);
}

/* Every record, in the order of the entries that wrote them. */
static size_t read_rows(const char *dir, struct row *rows, size_t most) {
    char path[BENCH_PATH_BYTES];
    struct db *db;
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%.180s/store.db", dir);
    bench_must(db_open(&db, path, false, NULL), "open");
    struct query query = db_query(db, "SELECT form, period, unit, row, state, sum FROM record ORDER BY unit, period, row");
    for (; query_next(&query) && count < most; count++)
        rows[count] = (struct row){.form = query_int(&query, 0),
                                   .period = query_int(&query, 1),
                                   .unit = query_int(&query, 2),
                                   .key = copy_of(query_text(&query, 3)),
                                   .state = copy_of(query_blob(&query, 4)),
                                   .sum = query_int(&query, 5)};
    bench_must(query_end(&query), "records");
    db_close(db);
    return count;
}

static void free_rows(struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free((void *)rows[i].key.data);
        free((void *)rows[i].state.data);
    }
    free(rows);
}

static void compare_rows(const struct trial *trial, const char *dir, size_t count) {
    struct row *rows = calloc(count, sizeof *rows);
    bench_right(rows != NULL && read_rows(dir, rows, count) == count, "as many records as were sent");
    for (size_t i = 0; i < count; i++)
        bench_right(bytes_equal(rows[i].state, trial->rows[i].state) && bytes_equal(rows[i].key, trial->rows[i].key), "the same records");
    free_rows(rows, count);
}

static void prepare(struct trial *trial, const char *dir, size_t count) {
    unsigned long syncs;
    struct header *header = malloc(sizeof *header);
    trial->rows = calloc(count, sizeof *trial->rows);
    trial->bodies = calloc(trial->entries->count, sizeof *trial->bodies);
    bench_right(header != NULL && trial->rows != NULL && trial->bodies != NULL, "memory");
    for (size_t i = 0; i < trial->entries->count; i++) {
        bench_must(header_decode(header, trial->entries->items[i].entry.header), "header");
        trial->bodies[i] = header->body_hash;
    }
    (void)run_store(trial, dir, &syncs);
    bench_right(read_rows(dir, trial->rows, count) == count, "as many records as were sent");
    free(header);
}

/* ---- the rows of the table ---- */

static void print_file(const struct workload_shape *shape, const char *dir) {
    char path[BENCH_PATH_BYTES];
    struct buffer bytes;
    (void)snprintf(path, sizeof path, "%.180s/store.db", dir);
    workload_msgpack(shape, false, &bytes);
    double file = (double)bench_file_bytes(path), ratio = file / (double)bytes.len;
    struct bench_row row = {.id = "f", .what = "store file of W beside its row-wise msgpack", .goal = "at most 2", .has_goal = true, .met = ratio <= 2};
    BENCH_TEXT(row.figure, "%.2f MB", file / 1e6);
    BENCH_TEXT(row.baseline, "%.2f MB", (double)bytes.len / 1e6);
    BENCH_TEXT(row.ratio, "%.2f", ratio);
    bench_row(&row);
    buffer_fini(&bytes);
}

static void measure(const struct bench *bench, struct trial *trial, const char *empty) {
    char at[BENCH_PATH_BYTES];
    double store[BENCH_RUNS_MAX], loop[BENCH_RUNS_MAX];
    unsigned long syncs = 0;
    size_t count = trial->entries->count * trial->workload->shape.rows;
    bench_path(bench, "first", at);
    bench_copy(empty, at);
    prepare(trial, at, count);
    if (!bench->smoke)
        print_file(&trial->workload->shape, at);
    bench_path(bench, "trial", at);
    for (size_t i = 0; i < bench->runs; i++) {
        bench_copy(empty, at);
        loop[i] = run_loop(trial, at);
        compare_rows(trial, at, count);
        bench_remove(at);
        bench_copy(empty, at);
        store[i] = run_store(trial, at, &syncs);
        compare_rows(trial, at, count);
        bench_remove(at);
    }
    bench_row_speed("a", "W verified, stored and applied in 50 transactions; the bare loop", bench_median(store, bench->runs), bench_median(loop, bench->runs),
                    bench->smoke ? 0 : 0.8);
    bench_row_bound("a", "syncs for it", "%.0f", (double)syncs, bench->smoke ? 0 : 60);
    free_rows(trial->rows, count);
    free(trial->bodies);
}

int main(int argc, char **argv) {
    struct bench bench;
    struct workload workload;
    struct workload_entries entries;
    char root[BENCH_PATH_BYTES];
    bench_begin(&bench, argc, argv);
    const struct workload_shape shape = bench.smoke ? WORKLOAD_SMOKE : WORKLOAD_W;
    bench_path(&bench, "root", root);
    workload_found(&workload, &(struct workload_place){.root = root}, &shape);
    workload_entries(&workload, &entries);
    struct trial trial = {.workload = &workload, .entries = &entries, .at_once = bench.smoke ? 1 : entries.count / TRANSACTIONS};
    measure(&bench, &trial, root);
    workload_entries_fini(&entries);
    workload_fini(&workload);
    return bench_end(&bench);
}
