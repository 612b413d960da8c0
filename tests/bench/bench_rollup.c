/* Goal e: a roll-up of one form and period over the 10,035 communes of 2024, 20 fields each, beside a bare sum over the same packed blobs of the same table,
 * and beside SQL's GROUP BY over a row a cell. All of it is in memory, so that processor time is taken. */
#include "tests/bench/ask.h"
#include "tests/bench/bench.h"

#include "store/db_internal.h"
#include "store/internal.h"
#include "store/record.h"
#include "store/rollup_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 20, CODE_BYTES = 16, REPEATS = 20 };

struct commune {
    char code[CODE_BYTES];
};
struct world {
    struct store *store;
    struct commune *communes;
    size_t commune_count;
    const struct form_family *family;
    int64_t form; /* its number in the tables */
};

static int64_t value_at(size_t commune, size_t field) {
    uint64_t mixed = (commune * FIELDS + field + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 20;
    return field < 12 ? (mixed % 5 < 2 ? 0 : (int64_t)(mixed % 9)) : field < 17 ? 200 + (int64_t)(mixed % 500) : 65536 + (int64_t)(mixed % 131072);
}

/* ---- the country ---- */

static void import_units(struct world *world, json_t **rows) {
    if (json_array_size(*rows) == 0)
        return;
    ask_done(world->store, "unit.import", json_pack("{s:o}", "rows", *rows));
    *rows = json_array();
}

/* The units of tests/data/units-2024.csv: code, parent's code, level, name. most: of communes. */
static void read_units(struct world *world, size_t most) {
    FILE *file = fopen(SOURCE_DIR "/tests/data/units-2024.csv", "r");
    char text[400];
    json_t *rows = json_array();
    world->communes = calloc(most, sizeof *world->communes);
    bench_right(file != NULL && world->communes != NULL && fgets(text, sizeof text, file) != NULL, "tests/data/units-2024.csv");
    for (int line = 2; fgets(text, sizeof text, file) != NULL; line++) {
        char *save, *code = strtok_r(text, ",", &save), *parent = strtok_r(NULL, ",", &save), *level = strtok_r(NULL, ",", &save),
                    *name = strtok_r(NULL, "\n", &save);
        if (name == NULL) /* the root has no parent */
            continue;
        if (strcmp(level, "3") == 0) {
            if (world->commune_count == most)
                continue;
            (void)snprintf(world->communes[world->commune_count++].code, CODE_BYTES, "%.15s", code);
        }
        (void)json_array_append_new(rows, json_pack("[i, s, s, s, s]", line, code, strcmp(parent, "VN") == 0 ? "00" : parent, level, name));
    }
    import_units(world, &rows);
    json_decref(rows);
    (void)fclose(file);
}

/* One period's report of a commune. */
static json_t *sheet_row(const void *ctx, size_t commune) {
    const struct world *world = ctx;
    json_t *cells = json_array();
    for (size_t field = 0; field < FIELDS; field++)
        (void)json_array_append_new(cells, ask_cell(value_at(commune, field)));
    return json_pack("[i, s, s, s, o]", (int)commune + 2, world->communes[commune].code, "2025-06", "", cells);
}

static void make_world(struct world *world, const struct bench *bench) {
    char dir[BENCH_PATH_BYTES];
    const struct store_founding founding = {.name = "Hội", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    *world = (struct world){0};
    bench_path(bench, "root", dir);
    bench_must(keys_init(), "libsodium");
    bench_must(store_found(dir, &founding), "found");
    bench_must(store_open(&world->store, dir, 0, NULL), "open");
    read_units(world, bench->smoke ? 10 : 20000);
    ask_form(world->store, "members", false, FIELDS);
    (void)ask_sheet(world->store, "members", FIELDS, false, world->commune_count, sheet_row, world);
    bench_must(form_view_find(world->store, bytes_of("members", 7), 0, true, &world->family), "form");
    bench_must(record_form_number(world->store, world->family->form_id, false, &world->form), "form");
}

static uint32_t month(void) {
    return 12 * 2025 + 5;
}

/* ---- the roll-up ---- */

static double run_rollup(const struct world *world, int64_t sums[FIELDS]) {
    const struct period period = {PERIOD_MONTH, month()};
    const struct rollup_query query = {.family = world->family, .from = period, .to = period, .as_of = INT32_MIN};
    struct rollup_result result;
    double began = bench_processor_seconds();
    bench_must(rollup_query_run(world->store, &query, &result), "roll-up");
    double took = bench_processor_seconds() - began;
    bench_right(result.total.reported == world->commune_count && result.total.expected >= result.total.reported, "who reported");
    for (size_t i = 0; i < FIELDS; i++)
        sums[i] = (int64_t)result.total.fields[i].sum;
    rollup_query_fini(&result);
    return took;
}

/* As a person asks it: the answer as JSON. */
static double run_request(const struct world *world) {
    double began = bench_processor_seconds();
    ask_done(world->store, "rollup", json_pack("{s:s, s:s}", "form", "members", "period", "2025-06"));
    return bench_processor_seconds() - began;
}

/* ---- the bare sum ---- */

static sqlite3_stmt *prepared(const struct world *world, const char *sql) {
    sqlite3_stmt *stmt;
    bench_right(sqlite3_prepare_v2(world->store->db->sqlite, sql, -1, &stmt, NULL) == SQLITE_OK, sql);
    return stmt;
}

static const uint8_t *varint(const uint8_t *at, uint64_t *out) {
    uint64_t value = 0;
    unsigned shift = 0;
    for (; *at >= 0x80; shift += 7)
        value |= (uint64_t)(*at++ & 0x7f) << shift;
    *out = value | (uint64_t)*at++ << shift;
    return at;
}

/* A state of one write whose fields are all numbers of at most four bytes (store/register_state.c): what is there in this bench. */
static void add_state(const uint8_t *at, int64_t sums[FIELDS]) {
    uint64_t number;
    at = varint(at + 1, &number);
    const uint8_t *codes = varint(at, &number);
    at = codes + FIELDS / 2;
    for (size_t i = 0; i < FIELDS; i++) {
        unsigned code = codes[i / 2] >> (i % 2 * 4) & 15, bytes = code < 11 ? 0 : code == 14 ? 6 : code - 10;
        uint32_t value = bytes == 0 ? code : bytes == 1 ? 10 : 0;
        for (unsigned j = 0; j < bytes; j++)
            value += (uint32_t)*at++ << 8 * j;
        sums[i] += value;
    }
}

static double run_bare(const struct world *world, sqlite3_stmt *stmt, int64_t sums[FIELDS]) {
    memset(sums, 0, FIELDS * sizeof *sums);
    double began = bench_processor_seconds();
    (void)sqlite3_bind_int64(stmt, 1, world->form);
    (void)sqlite3_bind_int64(stmt, 2, month());
    while (sqlite3_step(stmt) == SQLITE_ROW)
        add_state(sqlite3_column_blob(stmt, 0), sums);
    (void)sqlite3_reset(stmt);
    return bench_processor_seconds() - began;
}

/* ---- GROUP BY over cells ---- */

static void make_cells(const struct world *world) {
    sqlite3 *sqlite = world->store->db->sqlite;
    bench_right(sqlite3_exec(sqlite,
                             "BEGIN; CREATE TABLE cell (form INTEGER, period INTEGER, unit INTEGER, field INTEGER, value INTEGER,"
                             " PRIMARY KEY(form, period, unit, field)) WITHOUT ROWID",
                             NULL, NULL, NULL) == SQLITE_OK,
                "a table of cells");
    sqlite3_stmt *stmt = prepared(world, "INSERT INTO cell VALUES(?, ?, ?, ?, ?)");
    for (size_t i = 0; i < world->commune_count * FIELDS; i++) {
        const int64_t values[] = {world->form, month(), (int64_t)(i / FIELDS), (int64_t)(i % FIELDS), value_at(i / FIELDS, i % FIELDS)};
        for (int j = 0; j < 5; j++)
            (void)sqlite3_bind_int64(stmt, j + 1, values[j]);
        bench_right(sqlite3_step(stmt) == SQLITE_DONE && sqlite3_reset(stmt) == SQLITE_OK, "a cell");
    }
    sqlite3_finalize(stmt);
    bench_right(sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "a table of cells");
}

static double run_cells(const struct world *world, sqlite3_stmt *stmt, int64_t sums[FIELDS]) {
    memset(sums, 0, FIELDS * sizeof *sums);
    double began = bench_processor_seconds();
    (void)sqlite3_bind_int64(stmt, 1, world->form);
    (void)sqlite3_bind_int64(stmt, 2, month());
    while (sqlite3_step(stmt) == SQLITE_ROW)
        sums[sqlite3_column_int(stmt, 0)] = sqlite3_column_int64(stmt, 1);
    (void)sqlite3_reset(stmt);
    return bench_processor_seconds() - began;
}

/* ---- the rows of the table ---- */

int main(int argc, char **argv) {
    struct bench bench;
    struct world world;
    int64_t sums[FIELDS], other[FIELDS];
    double rollup[REPEATS], request[REPEATS], bare[REPEATS], cells[REPEATS];
    bench_begin(&bench, argc, argv);
    make_world(&world, &bench);
    make_cells(&world);
    sqlite3_stmt *states = prepared(&world, "SELECT state FROM record WHERE form = ? AND period = ?");
    sqlite3_stmt *groups = prepared(&world, "SELECT field, sum(value) FROM cell WHERE form = ? AND period = ? GROUP BY field");
    size_t runs = bench.smoke ? 1 : REPEATS; /* each takes milliseconds: more of them than elsewhere */
    for (size_t i = 0; i < runs; i++) {
        bare[i] = run_bare(&world, states, sums);
        rollup[i] = run_rollup(&world, other);
        bench_right(memcmp(sums, other, sizeof sums) == 0, "the roll-up's sums");
        cells[i] = run_cells(&world, groups, other);
        bench_right(memcmp(sums, other, sizeof sums) == 0, "the sums of cells");
        request[i] = run_request(&world);
    }
    double took = bench_median(rollup, runs);
    bench_row_speed("e", "roll-up of 10,035 communes, 20 fields; a bare sum of the blobs", took, bench_median(bare, runs), bench.smoke ? 0 : 0.5);
    bench_row_speed("e", "the same; GROUP BY over a row a cell", took, bench_median(cells, runs), bench.smoke ? 0 : 10);
    bench_row_speed("-", "the same as a request, answered in JSON", bench_median(request, runs), 0, 0);
    sqlite3_finalize(states);
    sqlite3_finalize(groups);
    store_close(world.store);
    free(world.communes);
    return bench_end(&bench);
}
