/* What people do in the offices, and what befalls these: entries of all kinds, new units and offices, backups put back, lines cut. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

static struct log_id own_log(struct world *world, unsigned place, uint8_t kind) {
    struct office *office = &world->offices[place];
    if (world->many_logs && random_chance(&world->random, 950)) {
        random_fill(&world->random, &office->epochs[kind], sizeof office->epochs[kind]);
    }
    return (struct log_id){.node = office->ram.replica.self, .kind = kind, .epoch = office->epochs[kind]};
}

static void write_random(struct world *world, unsigned office, struct ram_draft *draft, size_t bytes) {
    uint8_t *body = malloc(bytes);
    assert(body != NULL);
    random_fill(&world->random, body, bytes);
    draft->body = bytes_of(body, bytes);
    world_write(world, office, draft);
    free(body);
}

/* ---- records and documents ---- */

static void write_record(struct world *world, unsigned office, size_t bytes) {
    struct ram_draft draft = {
        .log = own_log(world, office, LOG_REPORT), .cls = CLASS_RECORD, .audience_count = 1, .audience = {{.unit = *world_unit(world, office)}}};
    if (random_chance(&world->random, 300)) {
        draft.reach = random_chance(&world->random, 300) ? REACH_PRIVATE : (uint8_t)random_below(&world->random, 4);
        world_happened(world, EVENT_LIMITED_REACH);
    }
    world_happened(world, bytes > 10000 ? EVENT_LARGE : EVENT_RECORD);
    write_random(world, office, &draft, bytes);
}

static int compare_terms(const void *a, const void *b) {
    const struct term *left = a, *right = b;
    int order = ID_COMPARE(&left->unit, &right->unit);
    return order != 0 ? order : (int)left->scope - (int)right->scope;
}

static void write_document(struct world *world, unsigned office) {
    const struct ram_tree *tree = &world->offices[office].ram.tree;
    struct ram_draft draft = {.log = own_log(world, office, random_chance(&world->random, 700) ? LOG_DIRECTIVE : LOG_REPORT), .cls = CLASS_DOCUMENT};
    size_t wanted = 1 + random_below(&world->random, 3);
    for (size_t i = 0; i < wanted; i++) {
        struct term term = {.unit = tree->units[random_below(&world->random, tree->unit_count)].id, .scope = (uint8_t)random_below(&world->random, 5)};
        bool there = false;
        for (size_t j = 0; j < draft.audience_count; j++) {
            there = there || compare_terms(&draft.audience[j], &term) == 0;
        }
        if (!there) {
            draft.audience[draft.audience_count++] = term;
        }
    }
    qsort(draft.audience, draft.audience_count, sizeof draft.audience[0], compare_terms);
    world_happened(world, EVENT_DOCUMENT);
    write_random(world, office, &draft, 50 + random_below(&world->random, random_chance(&world->random, 150) ? 40000 : 3000));
}

static void write_correction(struct world *world, unsigned office) {
    const struct ram_tree *tree = &world->offices[office].ram.tree;
    for (size_t i = 0; i < tree->unit_count; i++) {
        if (ram_tree_above(tree, world_unit(world, office), &tree->units[i].id)) {
            struct ram_draft draft = {
                .log = own_log(world, office, LOG_DIRECTIVE), .cls = CLASS_RECORD, .audience_count = 1, .audience = {{.unit = tree->units[i].id}}};
            world_happened(world, EVENT_CORRECTION);
            write_random(world, office, &draft, 20 + random_below(&world->random, 200));
            return;
        }
    }
}

/* ---- control ---- */

static void write_control(struct world *world, unsigned office, struct buffer *body) {
    struct ram_draft draft = {.log = own_log(world, office, LOG_DIRECTIVE), .cls = CLASS_CONTROL, .body = buffer_bytes(body)};
    world->offices[office].admits = true;
    world_write(world, office, &draft);
    buffer_fini(body);
}

static void write_renaming(struct world *world, unsigned office, size_t times) {
    struct change *changes = calloc(times, sizeof changes[0]);
    struct buffer payload = {.max = 4096}, body = {.max = BODY_BYTES_MAX};
    uint8_t nonce[16], name[200];
    assert(changes != NULL);
    random_fill(&world->random, nonce, sizeof nonce);
    for (size_t i = 0; i < sizeof name; i++) {
        name[i] = (uint8_t)('a' + random_below(&world->random, 26));
    }
    struct unit_set_change change = {.unit = *world_unit(world, office), .attribute = UNIT_NAME, .text = bytes_of(name, sizeof name)};
    enum status status = unit_set_change_encode(&change, &payload);
    assert(status == STATUS_OK);
    for (size_t i = 0; i < times; i++) {
        changes[i] = (struct change){.kind = CHANGE_UNIT_SET, .place = (uint32_t)i, .payload = buffer_bytes(&payload)};
    }
    status = body_encode(&body, nonce, changes, times);
    assert(status == STATUS_OK);
    write_control(world, office, &body);
    buffer_fini(&payload);
    free(changes);
}

/* Admits a node: of a new unit below the inviter's, in one entry or two, or a second one of the inviter's own unit. */
static void admit(struct world *world, unsigned inviter, bool second) {
    struct buffer bodies[2];
    struct newcomer *newcomer = ram_build_newcomer(&world->offices[inviter].ram, second, &world->random);
    size_t count = ram_build_bodies(newcomer, random_chance(&world->random, 500), &world->random, bodies);
    for (size_t i = 0; i < count; i++) {
        write_control(world, inviter, &bodies[i]);
    }
    world_happened(world, second ? EVENT_SECOND_NODE : EVENT_UNIT);
    drive_changed(world, inviter, OFFICES_MAX);
    world_join(world, inviter, newcomer);
    ram_build_newcomer_free(newcomer);
}

/* ---- what happens when ---- */

void work_begin(struct world *world) {
    while (world->office_count < world->office_limit) {
        admit(world, (unsigned)random_below(&world->random, world->office_count), random_chance(&world->random, 100));
    }
    world->office_limit += random_below(&world->random, 4);
}

void work_once(struct world *world) {
    unsigned office = (unsigned)random_below(&world->random, world->office_count);
    unsigned what = (unsigned)random_below(&world->random, 100);
    if (!world->offices[office].up) {
        return;
    }
    if (what < 42) {
        write_record(world, office, 10 + random_below(&world->random, 400));
    } else if (what < 47) {
        write_record(world, office, 12000 + random_below(&world->random, 100000));
    } else if (what < 65) {
        write_document(world, office);
    } else if (what < 75) {
        write_correction(world, office);
    } else if (what < 80) {
        if (!world->offices[office].cloned) {
            write_renaming(world, office, 1);
        }
    } else if (what < 84) {
        if (!world->offices[office].cloned) {
            write_renaming(world, office, 30 + random_below(&world->random, 250));
            world_happened(world, EVENT_LARGE_CONTROL);
        }
    } else if (world->office_count < world->office_limit && !world->offices[office].cloned) {
        admit(world, office, what >= 95);
        return;
    }
    drive_changed(world, office, OFFICES_MAX);
}

/* ---- restores ---- */

static bool held_elsewhere(struct world *world, unsigned office, const struct written *written, bool body) {
    for (unsigned i = 0; i < world->office_count; i++) {
        const struct ram_entry *entry = i != office ? ram_replica_entry(&world->offices[i].ram, &written->log, written->seq) : NULL;
        if (entry != NULL && ID_EQUAL(&entry->hash, &written->hash) && (!body || entry->has_body)) {
            return true;
        }
    }
    return false;
}

/* What would be gone for ever: marked so, if `mark`. False if that were structure: a tree without its trunk is another story. */
static bool count_losses(struct world *world, unsigned place, bool mark) {
    struct office *office = &world->offices[place];
    for (size_t i = 0; i < world->written_count; i++) {
        struct written *written = &world->ledger[i];
        const struct ram_entry *now = ram_replica_entry(&office->ram, &written->log, written->seq);
        const struct ram_entry *then = ram_replica_entry(&office->backup, &written->log, written->seq);
        bool lost = now != NULL && then == NULL && !held_elsewhere(world, place, written, false);
        bool body_lost = now != NULL && now->has_body && (then == NULL || !then->has_body) && !held_elsewhere(world, place, written, true);
        if ((lost || body_lost) && written->facts.cls == CLASS_CONTROL) {
            return false;
        }
        if (mark) {
            written->lost = written->lost || lost;
            written->body_lost = written->body_lost || body_lost;
        }
    }
    return true;
}

static void restore(struct world *world, unsigned place, bool clone) {
    struct office *office = &world->offices[place];
    if (!office->has_backup || !count_losses(world, place, false) || (clone && office->admits)) {
        return;
    }
    if (!world_fault(world, clone ? FAULT_CLONE : FAULT_RESTORE, 900)) {
        return;
    }
    (void)count_losses(world, place, true);
    world_trace(world, "n%u is %s", place, clone ? "cloned: an old copy goes on" : "restored from its backup");
    drive_crash(world, place, random_between(&world->random, 1000, 30000));
    ram_replica_fini(&office->ram);
    ram_replica_copy(&office->ram, &office->backup);
    office->restored = true;
    if (clone) {
        office->cloned = true;
        write_record(world, place, 100); /* before it hears of what it has forgotten */
    } else {
        random_fill(&world->random, office->epochs, sizeof office->epochs);
    }
}

static void back_up(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (office->has_backup) {
        ram_replica_fini(&office->backup);
    }
    ram_replica_copy(&office->backup, &office->ram);
    office->has_backup = true;
}

/* ---- lines and machines ---- */

void work_fault(struct world *world) {
    unsigned office = (unsigned)random_below(&world->random, world->office_count), place = (unsigned)random_below(&world->random, world->link_count);
    struct link *link = &world->links[place];
    if (link->up && world_fault(world, FAULT_DROP, 120)) {
        drive_drop(world, place);
    }
    if (link->up && world_fault(world, FAULT_PARTITION, 60)) {
        link->cut_until = world->now + random_between(&world->random, 30000, 300000);
        drive_drop(world, place);
    }
    if (link->up && world_fault(world, FAULT_STALL, 100)) {
        link->stood_still = true;
        link->sides[random_below(&world->random, 2)].stalled_until = world->now + random_between(&world->random, 5000, 120000);
    }
    if (world->offices[office].up && world_fault(world, FAULT_CRASH, 80)) {
        drive_crash(world, office, random_between(&world->random, 1000, 60000));
    }
    if ((world->faults & (UINT32_C(1) << FAULT_RESTORE | UINT32_C(1) << FAULT_CLONE)) != 0) {
        if (random_chance(&world->random, 120)) {
            back_up(world, office);
        }
        if (world->offices[office].up && random_chance(&world->random, 150)) {
            restore(world, office, random_chance(&world->random, 500));
        }
    }
}
