#include "tests/sim/sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const feature_names[FEATURES] = {
    "connection dropped", "message twice", "messages swapped", "slow or far line", "partition",   "one way stalled", "crash",      "crash before persist",
    "crash before send",  "disk error",    "forged message",   "restored backup",  "cloned disk", "record",          "large body", "limited reach",
    "document",           "correction",    "large control",    "new unit",         "second node", "body resumed",    "refusal",    "digests of buckets",
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
    if (!world->tracing) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    printf("%9.3f  ", (double)world->now / 1000);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void world_happened(struct world *world, enum feature feature) {
    world->happened |= UINT32_C(1) << feature;
}

bool world_fault(struct world *world, enum feature fault, unsigned permille) {
    if (world->calm || (world->faults >> fault & 1) == 0 || !random_chance(&world->random, permille)) {
        return false;
    }
    world_happened(world, fault);
    world_trace(world, "fault: %s", feature_names[fault]);
    return true;
}

const struct unit_id *world_unit(const struct world *world, unsigned office) {
    return &world->offices[office].ram.replica.unit;
}

void world_name(const struct world *world, const struct log_id *log, char out[32]) {
    for (unsigned i = 0; i < world->office_count; i++) {
        if (ID_EQUAL(&world->offices[i].ram.replica.self, &log->node)) {
            snprintf(out, 32, "n%u/%s/%02x", i, log->kind == LOG_REPORT ? "report" : "directive", log->epoch.b[0]);
            return;
        }
    }
    snprintf(out, 32, "?%02x", log->node.b[0]);
}

/* ---- the ledger ---- */

struct written *world_written(struct world *world, const struct log_id *log, uint64_t seq, const struct hash *hash) {
    for (size_t i = 0; i < world->written_count; i++) {
        struct written *written = &world->ledger[i];
        if (written->seq == seq && log_id_equal(&written->log, log) && (hash == NULL || ID_EQUAL(&written->hash, hash))) {
            return written;
        }
    }
    return NULL;
}

static void note(struct buffer *out, struct bytes bytes) {
    buffer_init(out, BODY_BYTES_MAX);
    enum status status = buffer_append(out, bytes.data, bytes.len);
    assert(status == STATUS_OK);
}

void world_write(struct world *world, unsigned office, const struct ram_draft *draft) {
    struct ram_replica *ram = &world->offices[office].ram;
    uint8_t salt[SALT_BYTES];
    struct ram_draft salted = *draft;
    char name[32];
    random_fill(&world->random, salt, sizeof salt);
    salted.salt = bytes_of(salt, sizeof salt);
    ram->time = world->now / 1000;
    const struct ram_entry *entry = ram_replica_append(ram, &salted);
    if (world->written_count == world->written_capacity) {
        world->written_capacity = world->written_capacity == 0 ? 64 : 2 * world->written_capacity;
        world->ledger = reallocarray(world->ledger, world->written_capacity, sizeof world->ledger[0]);
        assert(world->ledger != NULL);
    }
    struct written *written = &world->ledger[world->written_count++];
    *written = (struct written){.log = draft->log, .seq = entry->seq, .hash = entry->hash, .facts = entry->facts, .author = office};
    note(&written->header, buffer_bytes(&entry->header));
    note(&written->body, draft->body);
    if (draft->cls == CLASS_CONTROL) {
        ram_tree_apply(&world->truth, &world->founding.association, &ram->replica.self, draft->body);
    }
    world_name(world, &draft->log, name);
    world_trace(world, "n%u writes %s:%llu class %u, %zu bytes", office, name, (unsigned long long)entry->seq, draft->cls, draft->body.len);
}

/* ---- offices ---- */

static struct office *add_office(struct world *world, const struct node_keys *keys, const struct node_id *node, const struct unit_id *unit,
                                 const struct line *line) {
    static const uint32_t message_sizes[] = {4096, 8192, 16384, 65536}, windows[] = {65536, 65536, 131072, 524288};
    assert(world->office_count < OFFICES_MAX);
    struct office *office = &world->offices[world->office_count++];
    *office = (struct office){.up = true, .keys = *keys};
    ram_replica_init(&office->ram, &world->founding, keys, node, unit, line);
    random_fill(&world->random, office->epochs, sizeof office->epochs);
    office->message_max = message_sizes[random_below(&world->random, 4)];
    office->window = windows[random_below(&world->random, 4)];
    return office;
}

static void add_link(struct world *world, unsigned dialling, unsigned listening) {
    static const uint64_t rates[] = {1000, 8000, 64000, 1000000};
    bool slow = world_fault(world, FAULT_DELAY, 600);
    struct link *link = &world->links[world->link_count];
    *link = (struct link){.sides = {{.office = dialling}, {.office = listening}}, .latency_ms = random_between(&world->random, 1, 60), .rate = 1000000};
    if (slow) {
        link->latency_ms = random_between(&world->random, 100, 3000);
        link->rate = rates[random_below(&world->random, 4)];
    }
    queue_add(world, (struct event){.kind = EVENT_DIAL, .place = (unsigned)world->link_count++}, world->now + random_between(&world->random, 1, 2000));
}

void world_join(struct world *world, unsigned inviter, const struct newcomer *newcomer) {
    unsigned place = (unsigned)world->office_count;
    add_office(world, &newcomer->keys, &newcomer->node, &newcomer->admission.unit, &newcomer->admission.line);
    world_trace(world, "n%u joins under n%u", place, inviter);
    add_link(world, place, inviter);
}

/* ---- lifecycle ---- */

void world_init(struct world *world, uint64_t seed, bool tracing) {
    struct node_keys keys;
    *world = (struct world){.seed = seed, .tracing = tracing, .hash = UINT64_C(0xcbf29ce484222325), .header = malloc(sizeof *world->header)};
    assert(world->header != NULL);
    random_init(&world->random, seed);
    for (enum feature fault = 0; fault < FAULTS; fault++) {
        world->faults |= random_chance(&world->random, 600) ? UINT32_C(1) << fault : 0;
    }
    ram_build_keys(&keys, &world->random);
    ram_build_founding(&world->founding, &world->statement, &keys, &world->random);
    ram_tree_init(&world->truth, &world->founding);
    world->many_logs = random_chance(&world->random, 500);
    world->office_limit = 2 + random_below(&world->random, 4);
    add_office(world, &keys, &world->founding.founder, &world->founding.root, &(struct line){0});
}

void world_fini(struct world *world) {
    for (unsigned i = 0; i < world->link_count; i++) {
        drive_drop(world, i);
        for (unsigned side = 0; side < 2; side++) {
            free(world->links[i].sides[side].shipped);
            free(world->links[i].sides[side].refused);
        }
    }
    for (unsigned i = 0; i < world->office_count; i++) {
        ram_replica_fini(&world->offices[i].ram);
        if (world->offices[i].has_backup) {
            ram_replica_fini(&world->offices[i].backup);
        }
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
    free(world->header);
    buffer_fini(&world->statement);
}
