/* Goal g: a daemon's start with a million records, and what it takes when nothing is to be done; beside it what the care of such a store takes. */
#include "tests/bench/ask.h"
#include "tests/bench/bench.h"
#include "tests/bench/daemon.h"
#include "tests/bench/workload.h"

#include "store/internal.h"

#include <stdio.h>
#include <unistd.h>

enum { IDLE_S = 10, SETTLE_S = 2 };

static void make_store(const char *dir, const struct workload_shape *shape) {
    struct workload workload;
    struct workload_entries entries;
    struct store *store;
    workload_found(&workload, &(struct workload_place){.root = dir}, shape);
    workload_entries(&workload, &entries);
    bench_must(store_open(&store, dir, 0, NULL), "open");
    workload_persist(store, entries.items, entries.count, 50);
    store_close(store);
    workload_entries_fini(&entries);
    workload_fini(&workload);
}

/* ---- the daemon ---- */

/* As after a cut of the power: the mark of an open store stands, and the write-ahead log is full. */
static void make_unclean(const char *dir, const char *to) {
    struct store *store;
    bench_must(store_open(&store, dir, 0, NULL), "open");
    ask_done(store, "config", json_pack("{s:s, s:s}", "key", "metered", "value", "no"));
    ask_done(store, "form.add",
             json_pack("{s:{s:s, s:s, s:[{s:s, s:s}]}}", "form", "name", "other", "period", "year", "fields", "name", "a", "type", "integer"));
    bench_copy(dir, to);
    store_close(store);
}

static void measure_starts(const struct bench *bench, const char *dir) {
    char unclean[BENCH_PATH_BYTES], copy[BENCH_PATH_BYTES];
    double clean[BENCH_RUNS_MAX], after_cut[BENCH_RUNS_MAX];
    struct daemon daemon;
    bench_path(bench, "unclean", unclean);
    bench_path(bench, "copy", copy);
    make_unclean(dir, unclean);
    for (size_t i = 0; i < bench->runs; i++) {
        daemon_start(&daemon, HOID, dir, bench->dir);
        clean[i] = daemon.ready_s;
        daemon_stop(&daemon);
        bench_copy(unclean, copy);
        daemon_start(&daemon, HOID, copy, bench->dir);
        after_cut[i] = daemon.ready_s;
        daemon_stop(&daemon);
        bench_remove(copy);
    }
    bench_row_bound("g", "start to ready with 1,000,000 records", "%.3f s", bench_median(clean, bench->runs), bench->smoke ? 0 : 0.5);
    bench_row_bound("-", "the same after a cut of the power", "%.3f s", bench_median(after_cut, bench->runs), 0);
}

static void measure_idle(const struct bench *bench, const char *dir) {
    struct daemon daemon;
    daemon_start(&daemon, HOID, dir, bench->dir);
    (void)sleep(bench->smoke ? 0 : SETTLE_S);
    double before = daemon_processor_s(&daemon);
    (void)sleep(bench->smoke ? 0 : IDLE_S);
    double computed = daemon_processor_s(&daemon) - before, memory = daemon_memory(&daemon);
    daemon_stop(&daemon);
    bench_row_bound("g", "an idle daemon, resident", "%.1f MB", memory / 1e6, bench->smoke ? 0 : 12);
    bench_row_bound("g", "processor time of 10 s without a heartbeat", "%.1f ms", computed * 1e3, bench->smoke ? 0 : 1);
}

/* ---- care ---- */

static double timed(struct store *store, const char *verb, json_t *args) {
    double began = bench_seconds();
    ask_done(store, verb, args);
    return bench_seconds() - began;
}

static void measure_care(const struct bench *bench, const char *dir, const struct workload_shape *shape) {
    struct store *store;
    double show[BENCH_RUNS_MAX];
    bench_must(store_open(&store, dir, 0, NULL), "open");
    for (size_t i = 0; i < bench->runs; i++)
        show[i] = timed(store, "show", json_pack("{s:s, s:s, s:s, s:s}", "form", "figures", "period", "2015-03", "unit", "00001", "row", "003"));
    bench_row_speed("-", "show of one record of 1,000,000", bench_median(show, bench->runs), 0, 0);
    bench_row_speed("-", "digest of 1,000,000 records", timed(store, "digest", json_object()), 0, 0);
    bench_row_speed("-", "check of 1,000,000 records", timed(store, "check", json_object()), 0, 0);
    double began = bench_seconds();
    json_t *rebuilt = ask(store, "rebuild", json_object());
    bench_row_speed("-", "rebuild of 1,000,000 records", bench_seconds() - began, 0, 0);
    bench_right((size_t)json_integer_value(json_object_get(rebuilt, "records")) == workload_values(shape) / WORKLOAD_FIELDS, "the records after a rebuild");
    json_decref(rebuilt);
    store_close(store);
}

int main(int argc, char **argv) {
    struct bench bench;
    char root[BENCH_PATH_BYTES];
    bench_begin(&bench, argc, argv);
    const struct workload_shape shape = bench.smoke ? (struct workload_shape){1, 5, 10} : (struct workload_shape){100, 100, 100};
    bench_path(&bench, "root", root);
    make_store(root, &shape);
    measure_starts(&bench, root);
    measure_idle(&bench, root);
    measure_care(&bench, root, &shape);
    return bench_end(&bench);
}
