/* One seed: work and faults, then calm, in which everything has to come right. */
#include "tests/sim/dump.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORK_MS_MIN = 10 * 60000,
    WORK_MS_MAX = 30 * 60000,
    FAULT_EVERY_MS = 12000,
    LOOK_EVERY_MS = 60000,
    CHECK_EVERY_MS = 10000,
    CONVERGE_MS_MAX = 4 * 3600 * 1000, /* a line of 1 KB/s carries the largest seeds in less */
    MESSAGES_MAX = 40000,              /* in all; a seed of these sizes takes a thousand */
    NEW_LINES_MS = 3600 * 1000,
    QUIET_MS = 1200 * 1000, /* twice the longest pause between two tries of anything */
    IDLE_MS = 3600 * 1000,
    GREET_MS = 120 * 1000,
    GREETING_BYTES_MAX = 300,
};

static void take(struct world *world, struct event *event) {
    switch (event->kind) {
    case EVENT_DIAL:
        drive_dial(world, event->place);
        break;
    case EVENT_TICK:
        drive_tick(world, event);
        break;
    case EVENT_START:
        office_start(world, event->place);
        break;
    case EVENT_JOIN:
        join_try(world, event->place);
        break;
    case EVENT_WORK:
        work_once(world);
        break;
    case EVENT_RELIEF:
        fault_relief(world, event->place);
        break;
    case EVENT_FAULT:
        if (!world->calm) {
            fault_once(world);
            queue_add(world, (struct event){.kind = EVENT_FAULT}, world->now + FAULT_EVERY_MS);
        }
        break;
    case EVENT_TRUST:
        trust_once(world);
        oracle_links(world);
        break;
    case EVENT_LOOK:
        oracle_look(world, (unsigned)random_below(&world->random, world->office_count));
        if (!world->calm) {
            queue_add(world, (struct event){.kind = EVENT_LOOK}, world->now + LOOK_EVERY_MS);
        }
        break;
    default:
        drive_message(world, event);
    }
}

void run_until(struct world *world, int64_t until) {
    struct event event;
    while (!world->failed && world->event_count > 0 && world->events[0].at <= until && queue_take(world, &event)) {
        world->now = event.at;
        world->step++;
        take(world, &event);
        office_mind(world);
        buffer_fini(&event.message);
        if (world->messages > MESSAGES_MAX) {
            world_fail(world, "more than %d messages", MESSAGES_MAX);
        }
        if (world->options.until > 0 && world->step >= world->options.until && !world->failed) {
            world_fail(world, "stopped at step %llu, as asked", (unsigned long long)world->step);
        }
    }
    if (!world->failed) {
        world->now = until;
    }
}

/* Over TCP messages do not change places: what that did to a session may last as long as the session. */
static void drop_hostile(struct world *world) {
    for (unsigned i = 0; i < world->link_count; i++) {
        if (world->links[i].up && world->links[i].hostile && !world->links[i].gone) {
            drive_drop(world, i);
        }
    }
}

static void calm(struct world *world) {
    world->calm = true;
    world_trace(world, "---- calm ----");
    for (unsigned i = 0; i < world->link_count; i++) {
        world->links[i].cut_until = 0;
        world->links[i].sides[0].stalled_until = world->links[i].sides[1].stalled_until = 0;
    }
    for (unsigned i = 0; i < world->office_count; i++) {
        fault_relief(world, i);
    }
}

static void converge(struct world *world, struct run *run) {
    calm(world);
    trust_mend(world);
    int64_t began = world->now;
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
    run->converged_ms = world->now - began > run->converged_ms ? world->now - began : run->converged_ms;
}

/* All are well, and each takes a figure more. */
static void live(struct world *world) {
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (office_serves(world, i)) {
            oracle_life(world, i);
        }
    }
}

/* What is still under way after the convergence (the last states; what cut keys wrote, which convergence leaves out) comes to rest, and then
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
        if (link->gone) {
            continue;
        }
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

static int64_t schedule(struct world *world) {
    int64_t work_ms = random_between(&world->random, WORK_MS_MIN, WORK_MS_MAX);
    size_t jobs = 25 + random_below(&world->random, 50) + (world->many_logs ? 40 : 0);
    if (world->options.minutes > 0 && work_ms > world->options.minutes * INT64_C(60000)) {
        work_ms = world->options.minutes * INT64_C(60000);
    }
    if (world->options.jobs > 0 && jobs > world->options.jobs) {
        jobs = world->options.jobs;
    }
    for (size_t i = 0; i < jobs; i++) {
        queue_add(world, (struct event){.kind = EVENT_WORK}, random_between(&world->random, 0, work_ms));
    }
    queue_add(world, (struct event){.kind = EVENT_FAULT}, FAULT_EVERY_MS);
    queue_add(world, (struct event){.kind = EVENT_LOOK}, LOOK_EVERY_MS);
    queue_add(world, (struct event){.kind = EVENT_TRUST}, LOOK_EVERY_MS);
    return work_ms;
}

void run_seed(const struct options *options, struct run *run) {
    struct world *world = malloc(sizeof *world);
    if (world == NULL) {
        abort();
    }
    *run = (struct run){0};
    main_running(options);
    world_init(world, options);
    if (!world->failed) {
        work_begin(world);
    }
    if (!world->failed) {
        run_until(world, schedule(world));
    }
    if (!world->failed) {
        converge(world, run);
    }
    if (!world->failed) {
        live(world);
        converge(world, run);
    }
    if (!world->failed) {
        idle(world);
    }
    if (!world->failed) {
        greet(world, run);
    }
    if (!world->failed) {
        oracle_judge(world);
    }
    if (!world->failed && options->dump != NULL) {
        dump_world(world, options->dump);
    }
    run->failed = world->failed;
    run->hash = world->hash;
    run->happened = world->happened;
    run->step = world->step;
    run->messages = world->messages;
    run->entries = world->written_count;
    memcpy(run->failure, world->failure, sizeof run->failure);
    world_fini(world);
    free(world);
}
