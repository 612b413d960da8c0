/* One sweep: an act tried again and again, each time with another request for memory refused, alone or with all after it, until one try needs no more. Two
 * outcomes are legal: it was done, or nothing was changed and it says why. Knows the order of things; what is done and what it means is the subject's. */
#ifndef TESTS_SWEEP_ALLOC_SWEEP_H
#define TESTS_SWEEP_ALLOC_SWEEP_H

#include "tests/sweep/alloc.h"

#include "protocol/status.h"

struct sweep_subject {
    const char *name;
    uint64_t refused_min; /* refusals in the whole sweep; fewer, and the sweep tests less than it says */
    void (*begin)(void *ctx);
    enum status (*act)(void *ctx); /* the only one that runs short of memory */
    /* Is what the act came to legal (sweep_expect)? True: all stands as after begin, and the next try may go on with it. */
    bool (*judge)(void *ctx, enum status status, const struct alloc_count *count);
    void (*end)(void *ctx);  /* everything that was allocated since begin is free now */
    void (*cool)(void *ctx); /* NULL, or: what earlier tries left prepared is dropped, before every try */
    unsigned stride;         /* of a long sweep every so many-th request is enough on every day; 0: each; ALLOC_STRIDE=1 in the environment: each of all */
    bool warms;              /* tries leave things prepared: numbers mean the same only after one that went far */
    void *ctx;
};
void sweep_run(const struct sweep_subject *subject);

/* Says what does not hold, with the try. */
void sweep_expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text is the right one; else says where it parts from it. Either may be NULL. */
void sweep_expect_text(const char *text, const char *right, const char *what);
/* What did not hold so far. */
unsigned sweep_wrong(void);
/* 1; under sanitizers, where all is slow, only every so many-th request is refused. ALLOC_STRIDE in the environment sets another. */
unsigned sweep_stride(void);

#endif
