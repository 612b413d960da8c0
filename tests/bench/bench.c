#include "tests/bench/bench.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- the run ---- */

void bench_must(enum status status, const char *what) {
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "bench: %s: %s\n", what, status_name(status));
        exit(1);
    }
}

void bench_right(bool right, const char *what) {
    if (!right) {
        (void)fprintf(stderr, "bench: not as it must be: %s\n", what);
        exit(1);
    }
}

void bench_begin(struct bench *bench, int argc, char **argv) {
    const char *where = getenv("TMPDIR");
    *bench = (struct bench){.smoke = argc == 2 && strcmp(argv[1], "--smoke") == 0, .program = argv[0]};
    bench->runs = bench->smoke ? 1 : BENCH_RUNS_MAX;
    bench_right(argc == 1 || bench->smoke, "usage: bench_NAME [--smoke]");
    (void)snprintf(bench->dir, sizeof bench->dir, "%.100s/hoi-bench-XXXXXX", where != NULL ? where : "/tmp");
    bench_right(mkdtemp(bench->dir) != NULL, "a directory for the run");
}

int bench_end(struct bench *bench) {
    bench_remove(bench->dir);
    return fflush(stdout) == 0 ? 0 : 1;
}

void bench_path(const struct bench *bench, const char *name, char out[BENCH_PATH_BYTES]) {
    (void)snprintf(out, BENCH_PATH_BYTES, "%.140s/%.50s", bench->dir, name);
}

void bench_copy(const char *from, const char *to) {
    char command[3 * BENCH_PATH_BYTES];
    (void)snprintf(command, sizeof command, "cp -a '%s' '%s'", from, to);
    bench_right(system(command) == 0, "a copy of a store");
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

void bench_remove(const char *path) {
    bench_right(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, "removing a directory of the run");
}

/* ---- measures ---- */

static double seconds_of(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_seconds(void) {
    return seconds_of(CLOCK_MONOTONIC);
}

double bench_processor_seconds(void) {
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_size(const void *x, const void *y) {
    const double *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

double bench_median(double *items, size_t count) {
    qsort(items, count, sizeof *items, by_size);
    return items[count / 2];
}

int64_t bench_file_bytes(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 ? (int64_t)about.st_size : 0;
}

int64_t bench_memory_peak(void) {
    char line[200];
    long kilobytes = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && kilobytes < 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmHWM: %ld kB", &kilobytes) != 1)
            kilobytes = -1;
    }
    if (file != NULL)
        (void)fclose(file);
    bench_right(kilobytes >= 0, "memory of this process");
    return kilobytes;
}

void bench_memory_reset(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    bench_right(file != NULL && fputs("5", file) >= 0 && fclose(file) == 0, "peak of memory begun anew");
}

/* ---- syncs: SQLite calls these instead of the C library's ---- */

static unsigned long syncs;

int fsync(int file);
int fdatasync(int file);

int fsync(int file) {
    syncs++;
    return (int)syscall(SYS_fsync, file);
}

int fdatasync(int file) {
    syncs++;
    return (int)syscall(SYS_fdatasync, file);
}

unsigned long bench_syncs(void) {
    return syncs;
}

/* ---- rows ---- */

void bench_text(char *out, size_t len, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(out, len, format, arguments);
    va_end(arguments);
}

static const char *cell(const char *text) {
    return text[0] != 0 ? text : "-";
}

void bench_row(const struct bench_row *row) {
    (void)printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row->id, row->what, cell(row->figure), cell(row->baseline), cell(row->ratio), cell(row->goal),
                 !row->has_goal ? "-"
                 : row->met     ? "met"
                                : "MISSED");
    (void)fflush(stdout);
}

/* Seconds as people read them. */
static void duration(char *out, size_t len, double seconds) {
    if (seconds < 0.001)
        bench_text(out, len, "%.1f µs", seconds * 1e6);
    else if (seconds < 1)
        bench_text(out, len, "%.3g ms", seconds * 1e3);
    else
        bench_text(out, len, "%.2f s", seconds);
}

void bench_row_speed(const char *id, const char *what, double subject, double baseline, double goal) {
    struct bench_row row = {.id = id, .what = what, .has_goal = goal > 0, .met = baseline >= goal * subject};
    duration(row.figure, sizeof row.figure, subject);
    if (baseline > 0) {
        duration(row.baseline, sizeof row.baseline, baseline);
        BENCH_TEXT(row.ratio, "%.2f", baseline / subject);
    }
    if (row.has_goal)
        BENCH_TEXT(row.goal, "at least %g", goal);
    bench_row(&row);
}

void bench_row_bound(const char *id, const char *what, const char *format, double figure, double bound) {
    struct bench_row row = {.id = id, .what = what, .has_goal = bound > 0, .met = figure <= bound};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(row.figure, sizeof row.figure, format, figure);
#pragma GCC diagnostic pop
    if (row.has_goal) {
        char bound_text[48];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(bound_text, sizeof bound_text, format, bound);
#pragma GCC diagnostic pop
        BENCH_TEXT(row.goal, "at most %s", bound_text);
    }
    bench_row(&row);
}
