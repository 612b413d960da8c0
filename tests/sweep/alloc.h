/* Memory that is refused at the n-th request for it, on purpose, and the list of what was given and not taken back yet. Knows neither the store nor any
 * scenario. Single-threaded.
 *
 * In builds without sanitizers alloc_interpose.c stands in the place of malloc for the whole process: our objects, SQLite, jansson, zstd, utf8proc, libcsv and
 * the C library alike. Under sanitizers, which have a malloc of their own, alloc_wrap.c stands before the calls of our own objects (the linker's --wrap), and
 * behind SQLite and jansson by their own hooks; of zstd and utf8proc it refuses the calls that allocate. */
#ifndef TESTS_SWEEP_ALLOC_H
#define TESTS_SWEEP_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before anything else: the libraries' hooks and settings. SQLite keeps no memory aside, so that every piece of it is asked for. */
void alloc_begin(void);

/* From now on the nth request (from 1) is refused, and where lasting every later one too. 0: none is, they are only counted. */
void alloc_refuse(uint64_t nth, bool lasting);
/* Memory is back. */
struct alloc_count {
    uint64_t asked, refused; /* since alloc_refuse */
};
struct alloc_count alloc_back(void);

/* The test's own requests in between are neither counted nor refused. */
void alloc_pause(void);
void alloc_resume(void);

/* Of the requests within one sqlite3_prepare, or one sqlite3_exec or VACUUM (a script), only the first is counted and refused by its turn (once refused for
 * good, all are). All those of a few statements show SQLite's own care; of hundreds of statements what matters is that each may be missing. */
void alloc_short(bool prepare, bool script);

/* From now on it is noted what is given. */
void alloc_mark(void);
/* What is given from now on carries the label: which try it was. */
void alloc_label(const char *label);
/* How many pieces given since the mark were not taken back; says of some what they are. Those then count as taken back. */
size_t alloc_kept(void);

/* ---- for alloc_interpose.c and alloc_wrap.c ---- */

void alloc_hook(void);                       /* what alloc_begin has to tell the libraries */
bool alloc_denied(void);                     /* counts a request; is it to be refused? Then errno is set */
void *alloc_given(void *memory, size_t len); /* notes it (NULL is harmless) and hands it back */
void alloc_taken(const void *memory);        /* what was not noted is harmless */
void alloc_moved(const void *from, void *to, size_t len);

#endif
