#include "tests/sim/sim.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const feature_names[FEATURES] = {
    "connection dropped",
    "message twice",
    "messages swapped",
    "slow or far line",
    "partition",
    "one way stalled",
    "process killed",
    "power cut",
    "cut before persist",
    "cut before send",
    "cut in an operation",
    "disk full",
    "disk error",
    "wrong clock",
    "forged message",
    "restored backup",
    "copy put back",
    "two PCs, one key",
    "stolen key",
    "equivocation",
    "withholding",
    "replay",
    "backdating",
    "duel",
    "root lost",
    "crash",
    "undecided request",
    "enrolment again",
    "refused for space",
    "store failed",
    "record",
    "sheet",
    "large body",
    "limited reach",
    "document",
    "correction",
    "form changed",
    "large control",
    "new unit",
    "second node",
    "outside authority",
    "conflict",
    "set aside",
    "body resumed",
    "refusal",
    "digests of buckets",
    "fork",
    "fork known",
    "cut",
    "pin",
    "branch made room",
    "written again",
    "new key",
    "key changed",
};

void world_fail(struct world *world, const char *format, ...) {
    if (world->failed) {
        return;
    }
    world->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(world->failure, sizeof world->failure, format, arguments);
    va_end(arguments);
    world_trace(world, "FAILED: %s", world->failure);
}

void world_trace(struct world *world, const char *format, ...) {
    if (!world->options.tracing) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    printf("%6llu %9.3f  ", (unsigned long long)world->step, (double)world->now / 1000);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void world_hash(struct world *world, const void *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        world->hash = (world->hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
}

void world_happened(struct world *world, enum feature feature) {
    world->happened |= FEATURE(feature);
}

bool world_fault(struct world *world, enum feature fault, unsigned permille) {
    struct random *random = fault < FAULTS_PLAIN ? &world->random : &world->fate;
    if (world->calm || (world->faults >> fault & 1) == 0 || !random_chance(random, permille)) {
        return false;
    }
    world_happened(world, fault);
    world_trace(world, "fault: %s", feature_names[fault]);
    return true;
}

const struct unit_id *world_unit(const struct world *world, unsigned office) {
    return &world->offices[office].unit;
}

void world_name(const struct world *world, const struct log_id *log, char out[32]) {
    for (unsigned i = 0; i < world->office_count; i++) {
        if (world->offices[i].joined && ID_EQUAL(&world->offices[i].self, &log->node)) {
            snprintf(out, 32, "n%u/%s/%02x", i, log->kind == LOG_REPORT ? "report" : "directive", log->epoch.b[0]);
            return;
        }
    }
    snprintf(out, 32, log->kind == LOG_RECOVERY ? "recovery" : "?%02x/%s/%02x", log->node.b[0], log->kind == LOG_REPORT ? "report" : "directive",
             log->epoch.b[0]);
}

void world_link(struct world *world, unsigned dialling, unsigned listening) {
    static const uint64_t rates[] = {1000, 8000, 64000, 1000000};
    bool slow = world_fault(world, FAULT_DELAY, 600);
    assert(world->link_count < LINKS_MAX);
    struct link *link = &world->links[world->link_count];
    *link = (struct link){.sides = {{.office = dialling}, {.office = listening}}, .latency_ms = random_between(&world->random, 1, 60), .rate = 1000000};
    if (slow) {
        link->latency_ms = random_between(&world->random, 100, 3000);
        link->rate = rates[random_below(&world->random, 4)];
    }
    queue_add(world, (struct event){.kind = EVENT_DIAL, .place = (unsigned)world->link_count++}, world->now + random_between(&world->random, 1, 2000));
}

/* ---- lifecycle ---- */

enum { TRUST_PERMILLE = 600 }; /* of the seeds */

void world_init(struct world *world, const struct options *options) {
    *world = (struct world){.options = *options, .hash = UINT64_C(0xcbf29ce484222325), .header = malloc(sizeof *world->header), .renews = OFFICES_MAX};
    assert(world->header != NULL);
    disk_begin(options->seed);
    sqlite3_randomness(0, NULL); /* SQLite's own numbers begin anew, from the disk's */
    random_init(&world->random, options->seed);
    for (enum feature fault = 0; fault < FAULTS_PLAIN; fault++) {
        world->faults |= random_chance(&world->random, 600) ? UINT32_C(1) << fault : 0;
    }
    random_init(&world->fate, options->seed ^ UINT64_C(0x5ea1ed5eed));
    bool trust = random_chance(&world->fate, TRUST_PERMILLE);
    for (enum feature fault = FAULTS_PLAIN; fault < FAULTS; fault++) {
        world->faults |= random_chance(&world->fate, 600) && trust ? UINT32_C(1) << fault : 0;
    }
    world->faults &= options->faults;
    world->trust = world->faults >> FAULTS_PLAIN != 0;
    world->many_logs = random_chance(&world->random, 400);
    world->office_limit = 2 + random_below(&world->random, 4);
    if (options->offices > 0 && world->office_limit > options->offices) {
        world->office_limit = options->offices;
    }
    join_found(world);
}

static void office_fini(struct office *office) {
    store_close(office->store);
    json_decref(office->undecided);
    free(office->held);
    free(office->backup_held);
    free(office->token);
}

void world_fini(struct world *world) {
    for (unsigned i = 0; i < world->link_count; i++) {
        drive_drop(world, i);
        for (unsigned side = 0; side < 2; side++) {
            free(world->links[i].sides[side].shipped);
            free(world->links[i].sides[side].refused);
            free(world->links[i].sides[side].heard);
        }
    }
    for (unsigned i = 0; i < world->office_count; i++) {
        office_fini(&world->offices[i]);
    }
    struct event event;
    while (queue_take(world, &event)) {
        buffer_fini(&event.message);
    }
    for (size_t i = 0; i < world->written_count; i++) {
        buffer_fini(&world->ledger[i].header);
        buffer_fini(&world->ledger[i].body);
    }
    free(world->events);
    free(world->ledger);
    free(world->index);
    free(world->header);
    buffer_fini(&world->heard);
    buffer_fini(&world->statement);
    disk_end();
}
