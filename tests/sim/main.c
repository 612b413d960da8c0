/* sim --seed S [--trace] | --seeds FROM COUNT | --first FROM COUNT: whole associations in virtual time. See sim.h. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORK_MS_MIN = 10 * 60000,
    WORK_MS_MAX = 30 * 60000,
    FAULT_EVERY_MS = 12000,
    CHECK_EVERY_MS = 10000,
    CONVERGE_MS_MAX = 4 * 3600 * 1000, /* a line of 1 KB/s carries the largest seeds in less */
    MESSAGES_MAX = 40000,              /* in all; a seed of these sizes takes a thousand */
    NEW_LINES_MS = 3600 * 1000,
    QUIET_MS = 1200 * 1000, /* twice the longest pause between two tries of anything */
    IDLE_MS = 3600 * 1000,
    GREET_MS = 120 * 1000,
    GREETING_BYTES_MAX = 300,
    PERCENT_MIN = 20,
};

struct run {
    uint64_t hash;
    uint32_t happened;
    uint64_t messages, entries;
    int64_t converged_ms;
    bool failed, in_step, new_lines;
};

/* Takes events until the virtual time, or until something fails. */
static void run_until(struct world *world, int64_t until) {
    struct event event;
    while (!world->failed && world->event_count > 0 && world->events[0].at <= until && queue_take(world, &event)) {
        world->now = event.at;
        if (event.kind == EVENT_WORK) {
            work_once(world);
        } else if (event.kind == EVENT_FAULT) {
            work_fault(world);
            if (!world->calm) {
                queue_add(world, (struct event){.kind = EVENT_FAULT}, world->now + FAULT_EVERY_MS);
            }
        } else {
            drive_event(world, &event);
        }
        buffer_fini(&event.message);
        if (world->messages > MESSAGES_MAX) {
            world_fail(world, "more than %d messages", MESSAGES_MAX);
        }
    }
    if (!world->failed) {
        world->now = until;
    }
}

/* Over TCP messages do not change places: what that did to a session may last as long as the session. */
static void drop_hostile(struct world *world) {
    for (unsigned i = 0; i < world->link_count; i++) {
        if (world->links[i].up && world->links[i].hostile) {
            drive_drop(world, i);
        }
    }
}

static void converge(struct world *world, struct run *run) {
    int64_t began = world->now;
    world->calm = true;
    world_trace(world, "---- calm ----");
    for (unsigned i = 0; i < world->link_count; i++) {
        world->links[i].cut_until = 0;
        world->links[i].sides[0].stalled_until = world->links[i].sides[1].stalled_until = 0;
    }
    while (!world->failed && !oracle_converged(world, false)) {
        if (world->now - began >= NEW_LINES_MS && !run->new_lines) {
            run->new_lines = true;
            drop_hostile(world);
        }
        if (world->now - began > CONVERGE_MS_MAX) {
            (void)oracle_converged(world, true); /* says why */
        }
        run_until(world, world->now + CHECK_EVERY_MS);
    }
    run->converged_ms = world->now - began;
}

/* What is still under way after the convergence (the last states; all of a cloned office's own logs, which convergence leaves out) comes to rest, and then
 * there is silence. */
static void idle(struct world *world) {
    uint64_t messages;
    int64_t began = world->now;
    do {
        messages = world->messages;
        run_until(world, world->now + QUIET_MS);
        if (world->now - began > CONVERGE_MS_MAX) {
            world_fail(world, "no rest");
        }
    } while (world->messages != messages && !world->failed);
    run_until(world, world->now + IDLE_MS);
    if (world->messages != messages && !world->failed) {
        world_fail(world, "%llu messages although nothing happens", (unsigned long long)(world->messages - messages));
    }
}

/* In step, a new connection costs one message each way. */
static void greet(struct world *world, struct run *run) {
    run->in_step = true;
    for (unsigned i = 0; i < world->link_count && !world->failed; i++) {
        struct link *link = &world->links[i];
        bool in_step = session_in_step(link->sides[0].session) && session_in_step(link->sides[1].session);
        uint64_t before[2][2];
        run->in_step = run->in_step && in_step;
        for (unsigned side = 0; side < 2; side++) {
            before[side][0] = link->sides[side].messages;
            before[side][1] = link->sides[side].bytes;
        }
        drive_drop(world, i);
        run_until(world, world->now + GREET_MS);
        for (unsigned side = 0; side < 2 && in_step && !world->failed; side++) {
            uint64_t messages = link->sides[side].messages - before[side][0], bytes = link->sides[side].bytes - before[side][1];
            /* A body that cannot be had from here is asked for once more. */
            if (messages > 3 || (messages == 1 && bytes > GREETING_BYTES_MAX)) {
                world_fail(world, "%llu messages of %llu bytes for a connection in step", (unsigned long long)messages, (unsigned long long)bytes);
            }
        }
        if (in_step && !world->failed && !session_in_step(link->sides[0].session)) {
            world_fail(world, "n%u and n%u are not in step after a new connection", link->sides[0].office, link->sides[1].office);
        }
    }
}

static void run_seed(uint64_t seed, bool tracing, struct run *run) {
    struct world *world = malloc(sizeof *world);
    if (world == NULL) {
        abort();
    }
    *run = (struct run){0};
    world_init(world, seed, tracing);
    work_begin(world);
    int64_t work_ms = random_between(&world->random, WORK_MS_MIN, WORK_MS_MAX);
    size_t jobs = 25 + random_below(&world->random, 50) + (world->many_logs ? 40 : 0);
    for (size_t i = 0; i < jobs; i++) {
        queue_add(world, (struct event){.kind = EVENT_WORK}, random_between(&world->random, 0, work_ms));
    }
    queue_add(world, (struct event){.kind = EVENT_FAULT}, FAULT_EVERY_MS);
    run_until(world, work_ms);
    oracle_whole(world);
    if (!world->failed) {
        converge(world, run);
        oracle_whole(world);
        idle(world);
        greet(world, run);
    }
    run->failed = world->failed;
    run->hash = world->hash;
    run->happened = world->happened;
    run->messages = world->messages;
    run->entries = world->written_count;
    if (world->failed) {
        printf("seed %llu: %s\n    replay: sim --seed %llu --trace\n", (unsigned long long)seed, world->failure, (unsigned long long)seed);
    }
    world_fini(world);
    free(world);
}

static int run_seeds(uint64_t from, uint64_t count) {
    enum { AGAIN_EVERY = 25 };
    unsigned counts[FEATURES] = {0}, failed = 0, in_step = 0, new_lines = 0;
    uint64_t messages = 0, entries = 0;
    int64_t slowest = 0;
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct run run, again;
        run_seed(seed, false, &run);
        if (seed % AGAIN_EVERY == 0) {
            run_seed(seed, false, &again);
            if (again.hash != run.hash) {
                printf("seed %llu: two runs differ\n", (unsigned long long)seed);
                run.failed = true;
            }
        }
        failed += run.failed;
        in_step += run.in_step;
        new_lines += run.new_lines;
        messages += run.messages;
        entries += run.entries;
        slowest = run.converged_ms > slowest ? run.converged_ms : slowest;
        for (size_t i = 0; i < FEATURES; i++) {
            counts[i] += run.happened >> i & 1;
        }
    }
    for (size_t i = 0; i < FEATURES; i++) {
        unsigned percent = (unsigned)(counts[i] * 100 / count);
        bool rare = percent < PERCENT_MIN && count >= 100;
        printf("%-22s %3u %% of seeds%s\n", feature_names[i], percent, rare ? "   TOO RARE" : "");
        failed += rare;
    }
    printf("garbled sessions that only a new connection healed: in %u seeds\n", new_lines);
    printf("in the end all lines were in step in %u of %llu seeds (the others had lost something for good, or a cloned office)\n", in_step,
           (unsigned long long)count);
    printf("%llu seeds, %llu entries, %llu messages, slowest convergence %llu s, %u failed\n", (unsigned long long)count, (unsigned long long)entries,
           (unsigned long long)messages, (unsigned long long)(slowest / 1000), failed);
    return failed == 0 ? 0 : 1;
}

/* Up to the first seed that fails. */
static int run_to_first(uint64_t from, uint64_t count) {
    for (uint64_t seed = from; seed < from + count; seed++) {
        struct run run;
        run_seed(seed, false, &run);
        if (run.failed) {
            return 1;
        }
    }
    return 0;
}

static int usage(void) {
    fprintf(stderr, "usage: sim --seed S [--trace]    one seed; with a readable transcript\n"
                    "       sim --seeds FROM COUNT     many, with statistics\n"
                    "       sim --first FROM COUNT     many, up to the first that fails\n");
    return 2;
}

int main(int argc, char **argv) {
    if (keys_init() != STATUS_OK) {
        return 4;
    }
    if (argc == 4 && strcmp(argv[1], "--seeds") == 0) {
        return run_seeds(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    }
    if (argc == 4 && strcmp(argv[1], "--first") == 0) {
        return run_to_first(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    }
    if (argc >= 3 && strcmp(argv[1], "--seed") == 0) {
        struct run run;
        run_seed(strtoull(argv[2], NULL, 10), argc == 4 && strcmp(argv[3], "--trace") == 0, &run);
        printf("seed %s: trace hash %016llx, %llu entries, %llu messages, converged in %llu s: %s\n", argv[2], (unsigned long long)run.hash,
               (unsigned long long)run.entries, (unsigned long long)run.messages, (unsigned long long)(run.converged_ms / 1000),
               run.failed ? "FAILED" : "passed");
        return run.failed ? 1 : 0;
    }
    return usage();
}
