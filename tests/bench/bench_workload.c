/* The workload's own sizes, printed with every table; and that a store which applied it answers with its values. */
#include "tests/bench/ask.h"
#include "tests/bench/bench.h"
#include "tests/bench/workload.h"

#include <stdio.h>

static void print_sizes(const char *what, const struct workload_shape *shape, bool changed) {
    struct buffer bytes;
    workload_msgpack(shape, changed, &bytes);
    struct bench_row row = {.id = "-", .what = what};
    BENCH_TEXT(row.figure, "%zu bytes", bytes.len);
    BENCH_TEXT(row.baseline, "%zu bytes under zstd -3", workload_zstd_bytes(buffer_bytes(&bytes)));
    bench_row(&row);
    buffer_fini(&bytes);
}

/* The text of a figure as `show` gives it. */
static void check_row(struct store *store, const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, bool after) {
    char code[12], period[12], key[WORKLOAD_ROW_BYTES + 1], text[24], name[8];
    unsigned month = (unsigned)(WORKLOAD_FIRST_MONTH + changeset);
    (void)snprintf(code, sizeof code, "%05u", (unsigned)(unit + 1));
    (void)snprintf(period, sizeof period, "%04u-%02u", month / 12 % 10000, month % 12 + 1);
    (void)workload_key(changeset, row, key);
    json_t *result = ask(store, "show", json_pack("{s:s, s:s, s:s, s:s}", "form", "figures", "period", period, "unit", code, "row", key));
    json_t *fields = json_object_get(json_array_get(json_object_get(result, "rows"), 0), "fields");
    for (unsigned field = 0; field < WORKLOAD_FIELDS; field++) {
        (void)snprintf(name, sizeof name, "f%02u", field + 1);
        (void)snprintf(text, sizeof text, "%lld", (long long)workload_value(shape, unit, changeset, row, field, after));
        const char *value = json_string_value(json_object_get(json_object_get(fields, name), "value"));
        bench_right(value != NULL && strcmp(value, text) == 0, "a figure of the store");
    }
    json_decref(result);
}

/* Through both stores: the province holds it all, and the root. */
static void check_store(const char *dir, struct workload *workload, const struct workload_entries *entries, const struct workload_entries *changes) {
    struct store *store;
    bench_must(store_open(&store, dir, 0, NULL), "open");
    workload_persist(store, entries->items, entries->count, 10);
    for (size_t i = 0; i < workload->shape.changesets; i++)
        check_row(store, &workload->shape, 0, i, i % workload->shape.rows, false);
    workload_persist(store, changes->items, changes->count, 10);
    for (size_t i = 0; i < workload_changed_rows(&workload->shape); i++) {
        size_t changeset, row, fields[WORKLOAD_CHANGED_FIELDS];
        workload_changed_row(&workload->shape, 0, i, &changeset, &row, fields);
        check_row(store, &workload->shape, 0, changeset, row, true);
    }
    store_close(store);
}

int main(int argc, char **argv) {
    struct bench bench;
    struct workload workload;
    struct workload_entries entries, changes;
    char root[BENCH_PATH_BYTES], province[BENCH_PATH_BYTES];
    bench_begin(&bench, argc, argv);
    const struct workload_shape shape = bench.smoke ? WORKLOAD_SMOKE : WORKLOAD_W;
    print_sizes("W, row-wise msgpack", &shape, false);
    print_sizes("the changed rows, row-wise msgpack", &shape, true);
    bench_path(&bench, "root", root);
    bench_path(&bench, "province", province);
    const struct workload_place place = {root, province, "tcp://127.0.0.1:1"};
    workload_found(&workload, &place, &shape);
    workload_entries(&workload, &entries);
    workload_changes(&workload, &changes);
    check_store(root, &workload, &entries, &changes);
    check_store(province, &workload, &entries, &changes);
    workload_entries_fini(&entries);
    workload_entries_fini(&changes);
    workload_fini(&workload);
    return bench_end(&bench);
}
