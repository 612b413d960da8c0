/* Without a goal: a sheet of 50,000 rows and a million figures, imported at the root on behalf of its communes; checked, written, signed and applied. */
#include "tests/bench/ask.h"
#include "tests/bench/bench.h"
#include "tests/bench/workload.h"

#include <stdio.h>

static json_t *sheet_row(const void *ctx, size_t index) {
    const struct workload_shape *shape = ctx;
    size_t row = index % shape->rows, changeset = index / shape->rows % shape->changesets, unit = index / shape->rows / shape->changesets;
    char code[12], period[12], key[WORKLOAD_ROW_BYTES + 1];
    unsigned month = (unsigned)(WORKLOAD_FIRST_MONTH + changeset);
    json_t *cells = json_array();
    (void)snprintf(code, sizeof code, "%05u", (unsigned)(unit + 1));
    (void)snprintf(period, sizeof period, "%04u-%02u", month / 12 % 10000, month % 12 + 1);
    (void)workload_key(changeset, row, key);
    for (size_t field = 0; field < WORKLOAD_FIELDS; field++)
        (void)json_array_append_new(cells, ask_cell(workload_value(shape, unit, changeset, row, field, false)));
    return json_pack("[i, s, s, s, o]", (int)index + 2, code, period, key, cells);
}

int main(int argc, char **argv) {
    struct bench bench;
    struct workload workload;
    char root[BENCH_PATH_BYTES];
    double took[BENCH_RUNS_MAX];
    bench_begin(&bench, argc, argv);
    const struct workload_shape shape = bench.smoke ? WORKLOAD_SMOKE : WORKLOAD_W;
    bench_path(&bench, "root", root);
    for (size_t i = 0; i < bench.runs; i++) {
        struct store *store;
        workload_found(&workload, &(struct workload_place){.root = root}, &shape);
        bench_must(store_open(&store, root, 0, NULL), "open");
        took[i] = ask_sheet(store, "figures", WORKLOAD_FIELDS, true, workload_values(&shape) / WORKLOAD_FIELDS, sheet_row, &shape);
        store_close(store);
        workload_fini(&workload);
        bench_remove(root);
    }
    bench_row_speed("-", "a sheet of 50,000 rows imported", bench_median(took, bench.runs), 0, 0);
    return bench_end(&bench);
}
