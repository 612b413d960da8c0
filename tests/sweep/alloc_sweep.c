#include "tests/sweep/alloc_sweep.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES_MAX = 1000000, WARM_TRIES = 8, SAID_MAX = 6, STRIDE_SANITIZED = 7, PARTING_BEFORE = 60, PARTING_BYTES = 160 };

static char now[64];               /* the try under way */
static unsigned wrong, wrong_here; /* wrong_here: in this sweep */

void sweep_expect(bool holds, const char *format, ...) {
    va_list arguments;
    if (holds)
        return;
    wrong++;
    if (++wrong_here > SAID_MAX)
        return;
    va_start(arguments, format);
    (void)printf("  %s: ", now);
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
}

void sweep_expect_text(const char *text, const char *right, const char *what) {
    size_t same = 0;
    text = text != NULL ? text : "(nothing)";
    right = right != NULL ? right : "(nothing)";
    while (text[same] != '\0' && text[same] == right[same])
        same++;
    size_t from = same > PARTING_BEFORE ? same - PARTING_BEFORE : 0;
    sweep_expect(text[same] == right[same], "%s: ...%.*s... instead of ...%.*s...", what, PARTING_BYTES, text + from, PARTING_BYTES, right + from);
}

unsigned sweep_wrong(void) {
    return wrong;
}

unsigned sweep_stride(void) {
    const char *chosen = getenv("ALLOC_STRIDE");
#ifdef __SANITIZE_ADDRESS__
    unsigned stride = STRIDE_SANITIZED;
#else
    unsigned stride = 1;
#endif
    return chosen != NULL ? (unsigned)strtoul(chosen, NULL, 10) : stride;
}

/* A crash says which try it was. */
static void crashed(int signal_number) {
    (void)!write(STDERR_FILENO, "\nended by a signal: ", 20);
    (void)!write(STDERR_FILENO, now, strlen(now));
    (void)!write(STDERR_FILENO, "\n", 1);
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

struct sweep {
    const struct sweep_subject *subject;
    bool begun;
    uint64_t refused, borne;
    struct alloc_count last;
};

static void begin(struct sweep *sweep) {
    if (sweep->begun)
        return;
    alloc_mark();
    sweep->subject->begin(sweep->subject->ctx);
    sweep->begun = true;
}

static void end(struct sweep *sweep) {
    if (!sweep->begun)
        return;
    sweep->subject->end(sweep->subject->ctx);
    sweep->begun = false;
    size_t kept = alloc_kept();
    sweep_expect(kept == 0, "%zu pieces of memory are not freed", kept);
}

static void try_once(struct sweep *sweep, uint64_t nth, bool lasting) {
    const struct sweep_subject *subject = sweep->subject;
    (void)snprintf(now, sizeof now, "%s, request %llu%s", subject->name, (unsigned long long)nth, lasting ? " and all after it" : "");
    begin(sweep);
    alloc_label(now);
    if (subject->cool != NULL)
        subject->cool(subject->ctx);
    alloc_refuse(nth, lasting);
    enum status status = subject->act(subject->ctx);
    sweep->last = alloc_back();
    sweep->refused += sweep->last.refused > 0;
    sweep->borne += sweep->last.refused > 0 && status == STATUS_OK;
    sweep_expect(status != STATUS_NO_MEMORY || sweep->last.refused > 0, "out of memory with all there is");
    unsigned wrong_before = wrong;
    if (!subject->judge(subject->ctx, status, &sweep->last) || wrong > wrong_before) /* what went wrong once goes wrong no second time by that */
        end(sweep);
}

/* A try that fails late leaves prepared all that can be: only then does a number always mean the same request. */
static void warm(struct sweep *sweep, uint64_t asked, bool lasting) {
    for (uint64_t tries = 0; tries < WARM_TRIES && tries < asked; tries++) {
        try_once(sweep, asked - asked * tries / (2 * WARM_TRIES), lasting);
        if (sweep->begun)
            return;
    }
}

void sweep_run(const struct sweep_subject *subject) {
    struct sweep sweep = {.subject = subject};
    void (*before[2])(int) = {signal(SIGSEGV, crashed), signal(SIGABRT, crashed)};
    uint64_t tries = 0, refused[2];
    clock_t began = clock();
    const unsigned stride = sweep_stride() * (subject->stride > 1 && getenv("ALLOC_STRIDE") == NULL ? subject->stride : 1);
    wrong_here = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        try_once(&sweep, 0, false);
        uint64_t asked = sweep.last.asked;
        for (uint64_t nth = 1; tries < TRIES_MAX && wrong_here <= SAID_MAX; nth += stride, tries++) {
            if (!sweep.begun && subject->warms)
                warm(&sweep, asked, lasting == 1);
            try_once(&sweep, nth, lasting == 1);
            if (sweep.last.refused == 0)
                break;
        }
        end(&sweep);
        refused[lasting] = sweep.refused - (lasting == 1 ? refused[0] : 0);
    }
    (void)snprintf(now, sizeof now, "%s", subject->name);
    sweep_expect(tries < TRIES_MAX, "there is no end to it");
    sweep_expect(wrong_here > 0 || sweep.refused >= subject->refused_min / stride, "only %llu refusals", (unsigned long long)sweep.refused);
    (void)printf("%-40s %6llu refused once, %6llu for good; done all the same %llu; %.1f s\n", subject->name, (unsigned long long)refused[0],
                 (unsigned long long)refused[1], (unsigned long long)sweep.borne, (double)(clock() - began) / CLOCKS_PER_SEC);
    (void)fflush(stdout);
    (void)signal(SIGSEGV, before[0]);
    (void)signal(SIGABRT, before[1]);
}
