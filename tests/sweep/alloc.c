#include "tests/sweep/alloc.h"

#include <errno.h>
#include <execinfo.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECES = 1 << 18, SHOWN_MAX = 4, FRAMES_MAX = 24, LABELS = 4096, LABEL_BYTES = 64 };

/* What is given, by address: open addressing, never more than half full. */
static struct piece {
    uintptr_t address; /* 0: free */
    uint64_t number;
    size_t len;
    uint32_t label;
} pieces[PIECES];
static size_t piece_count;
static uint64_t next_number = 1, mark;
static size_t since_mark; /* pieces with numbers from mark on */

static bool armed, lasting, traced;
static bool paused, prepare_is_short, script_is_short, within, counted_one;
static uint64_t refused_at;
static char labels[LABELS][LABEL_BYTES]; /* the last ones */
static uint32_t label_now;
static struct alloc_count counted;

/* ---- what is given ---- */

static size_t place_of(uintptr_t address) {
    return (size_t)((address * UINT64_C(0x9e3779b97f4a7c15)) >> 46);
}
_Static_assert(PIECES == 1 << (64 - 46), "the hash gives the top bits");

static size_t find(uintptr_t address) {
    size_t at = place_of(address);
    while (pieces[at].address != 0 && pieces[at].address != address)
        at = (at + 1) % PIECES;
    return at;
}

void *alloc_given(void *memory, size_t len) {
    if (memory == NULL)
        return NULL;
    if (++piece_count > PIECES / 2)
        abort();
    since_mark++;
    pieces[find((uintptr_t)memory)] = (struct piece){(uintptr_t)memory, next_number++, len, label_now};
    return memory;
}

/* Takes a piece out, and moves those behind it that would not be found any more. */
static struct piece take(const void *memory) {
    size_t hole = find((uintptr_t)memory);
    struct piece taken = pieces[hole];
    if (memory == NULL || taken.address == 0)
        return (struct piece){0};
    for (size_t at = (hole + 1) % PIECES; pieces[at].address != 0; at = (at + 1) % PIECES) {
        size_t home = place_of(pieces[at].address);
        if ((at - home) % PIECES >= (at - hole) % PIECES) {
            pieces[hole] = pieces[at];
            hole = at;
        }
    }
    pieces[hole].address = 0;
    piece_count--;
    since_mark -= taken.number >= mark;
    return taken;
}

void alloc_taken(const void *memory) {
    (void)take(memory);
}

/* What was never noted (it was there before) is not noted now. */
void alloc_moved(const void *from, void *to, size_t len) {
    struct piece piece = take(from);
    if (from == NULL || piece.address != 0)
        (void)alloc_given(to, len);
}

void alloc_mark(void) {
    mark = next_number;
    since_mark = 0;
}

void alloc_label(const char *label) {
    label_now = (label_now + 1) % LABELS;
    (void)snprintf(labels[label_now], LABEL_BYTES, "%s", label);
}

size_t alloc_kept(void) {
    size_t kept = 0;
    for (size_t i = 0; i < PIECES && kept < since_mark; i++) {
        struct piece *piece = &pieces[i];
        if (piece->address == 0 || piece->number < mark)
            continue;
        piece->number = 0;
        if (++kept <= SHOWN_MAX)
            (void)printf("    not freed: %zu bytes of %s\n", piece->len, labels[piece->label]);
    }
    return kept;
}

/* ---- what is refused ---- */

static void trace(void) {
    void *frames[FRAMES_MAX];
    armed = false;
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
    armed = true;
}

bool alloc_denied(void) {
    if (!armed || paused)
        return false;
    if (within && counted_one && (counted.refused == 0 || !lasting))
        return false;
    counted_one = within;
    counted.asked++;
    if (refused_at == 0 || (lasting ? counted.asked < refused_at : counted.asked != refused_at))
        return false;
    if (counted.refused++ == 0 && traced)
        trace();
    errno = ENOMEM;
    return true;
}

void alloc_refuse(uint64_t nth, bool from_then_on) {
    refused_at = nth;
    lasting = from_then_on;
    counted = (struct alloc_count){0};
    armed = true;
}

struct alloc_count alloc_back(void) {
    armed = false;
    return counted;
}

void alloc_pause(void) {
    paused = true;
}

void alloc_resume(void) {
    paused = false;
}

void alloc_short(bool prepare, bool script) {
    prepare_is_short = prepare;
    script_is_short = script;
}

int __real_sqlite3_prepare_v2(sqlite3 *sqlite, const char *sql, int len, sqlite3_stmt **out, const char **rest);
int __wrap_sqlite3_prepare_v2(sqlite3 *sqlite, const char *sql, int len, sqlite3_stmt **out, const char **rest) {
    within = prepare_is_short;
    counted_one = false;
    int code = __real_sqlite3_prepare_v2(sqlite, sql, len, out, rest);
    within = false;
    return code;
}

int __real_sqlite3_prepare_v3(sqlite3 *sqlite, const char *sql, int len, unsigned flags, sqlite3_stmt **out, const char **rest);
int __wrap_sqlite3_prepare_v3(sqlite3 *sqlite, const char *sql, int len, unsigned flags, sqlite3_stmt **out, const char **rest) {
    within = prepare_is_short;
    counted_one = false;
    int code = __real_sqlite3_prepare_v3(sqlite, sql, len, flags, out, rest);
    within = false;
    return code;
}

int __real_sqlite3_exec(sqlite3 *sqlite, const char *sql, int (*fn)(void *, int, char **, char **), void *arg, char **message);
int __wrap_sqlite3_exec(sqlite3 *sqlite, const char *sql, int (*fn)(void *, int, char **, char **), void *arg, char **message) {
    within = script_is_short;
    counted_one = false;
    int code = __real_sqlite3_exec(sqlite, sql, fn, arg, message);
    within = false;
    return code;
}

int __real_sqlite3_step(sqlite3_stmt *stmt);
int __wrap_sqlite3_step(sqlite3_stmt *stmt) {
    within = script_is_short && strncmp(sqlite3_sql(stmt), "VACUUM", 6) == 0; /* a script of SQLite's own */
    counted_one = false;
    int code = __real_sqlite3_step(stmt);
    within = false;
    return code;
}

void alloc_begin(void) {
    void *frames[1];
    (void)backtrace(frames, 1); /* the first call loads a library */
    traced = getenv("ALLOC_TRACE") != NULL;
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    alloc_hook();
}
