/* How benchmarks measure and report: a clock, medians of 5, directories of their own, rows of the table in docs/performance.md. Knows nothing of what is
 * measured.
 *
 * A row is a line of seven cells between tabs: id, what, figure, baseline, ratio, goal, "met" or "MISSED" ("-" where there is no goal). tests/bench/run gathers
 * them. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "protocol/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_RUNS_MAX = 5, BENCH_PATH_BYTES = 200 };

/* What the command line says: nothing, or --smoke: a thousandth of the work, once, to see that the bench itself is right. Then nothing is judged by time. */
struct bench {
    bool smoke;
    size_t runs;                /* 5, or 1 */
    const char *program;        /* this program's own path */
    char dir[BENCH_PATH_BYTES]; /* made for this run under TMPDIR, gone after bench_end */
};
void bench_begin(struct bench *bench, int argc, char **argv);
/* What main returns. */
int bench_end(struct bench *bench);
/* A path in bench->dir. */
void bench_path(const struct bench *bench, const char *name, char out[BENCH_PATH_BYTES]);
/* Copies a closed store's directory; removes one. */
void bench_copy(const char *from, const char *to);
void bench_remove(const char *path);

/* Ends the program unless the status is OK: a benchmark has nobody to report to. */
void bench_must(enum status status, const char *what);
/* The same for what has to be true of a result. */
void bench_right(bool right, const char *what);

double bench_seconds(void);                       /* of a clock that only rises */
double bench_processor_seconds(void);             /* that this process has computed: for what waits for nothing, where others would only be measured too */
double bench_median(double *items, size_t count); /* sorts them */
int64_t bench_file_bytes(const char *path);
/* Most memory this process has ever had resident, in KiB; bench_memory_reset begins anew. */
int64_t bench_memory_peak(void);
void bench_memory_reset(void);
/* Calls of fsync and fdatasync by this process so far: by the program's own definitions of both, which count and then ask the kernel. */
unsigned long bench_syncs(void);

/* ---- rows ---- */

struct bench_row {
    const char *id, *what;
    char figure[64], baseline[64], ratio[32], goal[64]; /* empty: "-" */
    bool has_goal, met;
};
void bench_text(char *out, size_t len, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define BENCH_TEXT(cell, ...) bench_text(cell, sizeof(cell), __VA_ARGS__)
void bench_row(const struct bench_row *row);
/* Two durations of the same work, in seconds. The speed of the subject is `goal` times that of the baseline, or more; 0: no goal. */
void bench_row_speed(const char *id, const char *what, double subject, double baseline, double goal);
/* A figure that must not pass a bound; 0: no goal. format is of one double, such as "%.1f MB". */
void bench_row_bound(const char *id, const char *what, const char *format, double figure, double bound);

#endif
