/* Many seeds and what happened in them; and a failing one made small. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { PERCENT_MIN = 20, PERCENT_RARE = 5, SEEDS_JUDGED = 100 /* fewer say nothing of how often */, AGAIN_EVERY = 25, TRIES_MAX = 40 };

void seeds_command(const struct options *options, char *out, size_t size) {
    size_t len = (size_t)snprintf(out, size, "sim --seed %llu", (unsigned long long)options->seed);
    if (options->offices > 0) {
        len += (size_t)snprintf(out + len, size - len, " --offices %u", options->offices);
    }
    if (options->jobs > 0) {
        len += (size_t)snprintf(out + len, size - len, " --jobs %u", options->jobs);
    }
    if (options->minutes > 0) {
        len += (size_t)snprintf(out + len, size - len, " --minutes %u", options->minutes);
    }
    if (options->faults != UINT32_MAX) {
        len += (size_t)snprintf(out + len, size - len, " --faults %x", options->faults);
    }
    (void)snprintf(out + len, size - len, " --trace");
}

/* ---- making small ---- */

struct shrinking {
    struct options best;
    struct run run;
    unsigned tries;
};

static bool still_fails(struct shrinking *shrinking, const struct options *options) {
    struct run run;
    if (shrinking->tries++ >= TRIES_MAX) {
        return false;
    }
    run_seed(options, &run);
    if (run.failed) {
        shrinking->best = *options;
        shrinking->run = run;
    }
    return run.failed;
}

static void halve(struct shrinking *shrinking, unsigned begin, unsigned least, size_t member) {
    for (unsigned value = begin / 2; value >= least; value /= 2) {
        struct options options = shrinking->best;
        *(unsigned *)(void *)((char *)&options + member) = value;
        if (!still_fails(shrinking, &options)) {
            break;
        }
    }
}

/* Halves of the faults go as long as one of them can; then single ones. */
static void fewer_faults(struct shrinking *shrinking) {
    for (unsigned width = FAULTS / 2; width > 0; width /= 2) {
        for (unsigned from = 0; from < FAULTS; from += width) {
            struct options options = shrinking->best;
            options.faults &= (UINT32_C(1) << FAULTS) - 1;
            uint32_t without = options.faults & ~(((UINT32_C(1) << width) - 1) << from);
            if (without != options.faults) {
                options.faults = without;
                (void)still_fails(shrinking, &options);
            }
        }
    }
}

void seeds_make_small(const struct options *options) {
    enum { OFFICES_BEGIN = 8, JOBS_BEGIN = 96, MINUTES_BEGIN = 32 };
    struct shrinking shrinking = {.best = *options};
    char command[200];
    halve(&shrinking, options->offices > 0 ? options->offices : OFFICES_BEGIN, 1, offsetof(struct options, offices));
    halve(&shrinking, options->jobs > 0 ? options->jobs : JOBS_BEGIN, 1, offsetof(struct options, jobs));
    halve(&shrinking, options->minutes > 0 ? options->minutes : MINUTES_BEGIN, 1, offsetof(struct options, minutes));
    fewer_faults(&shrinking);
    if (shrinking.run.failed) {
        seeds_command(&shrinking.best, command, sizeof command);
        printf("    smaller: %s\n        step %llu: %s\n", command, (unsigned long long)shrinking.run.step, shrinking.run.failure);
    }
    fflush(stdout);
}

/* ---- many ---- */

static void say_failed(const struct options *options, const struct run *run) {
    char command[200];
    seeds_command(options, command, sizeof command);
    printf("seed %llu, step %llu: %s\n    replay:  %s\n", (unsigned long long)options->seed, (unsigned long long)run->step, run->failure, command);
    fflush(stdout);
}

static struct options whole(uint64_t seed) {
    return (struct options){.seed = seed, .faults = UINT32_MAX};
}

struct totals {
    unsigned counts[FEATURES], failed, in_step, new_lines;
    uint64_t messages, entries;
    int64_t slowest_ms;
};

static void add_run(struct totals *totals, const struct run *run) {
    totals->failed += run->failed;
    totals->in_step += run->in_step;
    totals->new_lines += run->new_lines;
    totals->messages += run->messages;
    totals->entries += run->entries;
    totals->slowest_ms = run->converged_ms > totals->slowest_ms ? run->converged_ms : totals->slowest_ms;
    for (size_t i = 0; i < FEATURES; i++) {
        totals->counts[i] += (unsigned)(run->happened >> i & 1);
    }
}

/* The same seed, the same run: or a failure could not be looked into. */
static bool runs_again(const struct options *options, const struct run *run) {
    struct run again;
    run_seed(options, &again);
    if (again.hash != run->hash || again.step != run->step) {
        printf("seed %llu: two runs differ\n", (unsigned long long)options->seed);
        return false;
    }
    return true;
}

/* What takes long to come right, or needs something else to have happened, may be rarer. */
static unsigned percent_least(enum feature feature) {
    switch (feature) {
    case FAULT_ROOT_LOST:
    case FAULT_REPLAY:
    case FAULT_WITHHOLD:
    case FAULT_BACKDATE:
    case FAULT_EQUIVOCATE:
    case FAULT_DUEL:
    case EVENT_FALLEN:
    case EVENT_REISSUED:
    case EVENT_ROTATION:
        return PERCENT_RARE;
    default:
        return PERCENT_MIN;
    }
}

/* What needs somebody hostile, or people who act on it. */
static bool is_hostile(enum feature feature) {
    return (feature >= FAULTS_PLAIN && feature < FAULTS) || feature >= EVENT_FORK;
}

int seeds_many(uint64_t from, uint64_t count, bool hostile) {
    struct totals totals = {0};
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct options options = whole(seed);
        options.faults = hostile ? UINT32_MAX : (uint32_t)FEATURE(FAULTS_PLAIN) - 1;
        struct run run;
        run_seed(&options, &run);
        if (run.failed) {
            say_failed(&options, &run);
            seeds_make_small(&options);
        } else if (seed % AGAIN_EVERY == 0) {
            run.failed = !runs_again(&options, &run);
        }
        add_run(&totals, &run);
    }
    for (size_t i = 0; i < FEATURES; i++) {
        unsigned percent = (unsigned)(totals.counts[i] * 100 / count);
        bool rare = percent < percent_least((enum feature)i) && count >= SEEDS_JUDGED && (hostile || !is_hostile((enum feature)i));
        printf("%-22s %3u %% of seeds%s\n", feature_names[i], percent, rare ? "   TOO RARE" : "");
        totals.failed += rare;
    }
    printf("garbled sessions that only a new connection healed: in %u seeds\n", totals.new_lines);
    printf("in the end all lines were in step in %u of %llu seeds (the others had lost something for good, or left a fork open)\n", totals.in_step,
           (unsigned long long)count);
    printf("%llu seeds, %llu entries, %llu messages, slowest convergence %llu s, %u failed\n", (unsigned long long)count, (unsigned long long)totals.entries,
           (unsigned long long)totals.messages, (unsigned long long)(totals.slowest_ms / 1000), totals.failed);
    return totals.failed == 0 ? 0 : 1;
}

int seeds_first(uint64_t from, uint64_t count) {
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct options options = whole(seed);
        struct run run;
        run_seed(&options, &run);
        if (run.failed) {
            say_failed(&options, &run);
            return 1;
        }
    }
    return 0;
}
