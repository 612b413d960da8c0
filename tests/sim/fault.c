/* What befalls machines, disks and lines. */
#include "store/internal.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- disks ---- */

static void relief_later(struct world *world, unsigned place, int64_t ms_max) {
    world->offices[place].trouble = true;
    queue_add(world, (struct event){.kind = EVENT_RELIEF, .place = place}, world->now + random_between(&world->random, 5000, ms_max));
}

static void fill_disk(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    disk_capacity(office->disk, disk_used(office->disk) + random_between(&world->random, 0, random_chance(&world->random, 500) ? 4096 : 200000));
    office->fault = (struct disk_fault){0};
    relief_later(world, place, 120000);
}

static void break_disk(struct world *world, unsigned place) {
    static const unsigned sets[] = {1U << DISK_READ, 1U << DISK_WRITE, 1U << DISK_SYNC, 1U << DISK_WRITE | 1U << DISK_SYNC, DISK_CHANGES, DISK_EVERY};
    struct office *office = &world->offices[place];
    office->fault = (struct disk_fault){.operations = sets[random_below(&world->random, sizeof sets / sizeof sets[0])],
                                        .nth = 1 + random_below(&world->random, 30),
                                        .lasting = random_chance(&world->random, 500),
                                        .trouble = DISK_IO_ERROR};
    disk_fault(office->disk, office->fault);
    relief_later(world, place, 40000);
}

void fault_relief(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (!office->trouble) {
        return;
    }
    world_trace(world, "n%u's disk is well again", place);
    office_note(office);
    disk_fault(office->disk, (struct disk_fault){0});
    disk_capacity(office->disk, -1);
    office->trouble = false;
    office->fault = (struct disk_fault){0};
}

/* ---- backups ---- */

static bool held_elsewhere(struct world *world, unsigned place, size_t at, enum holding what) {
    for (unsigned i = 0; i < world->office_count; i++) {
        if (i != place && office_serves(world, i) && (world->offices[i].held[at] & 3) >= what) {
            return true;
        }
    }
    return false;
}

/* The backup remembers less than the office does now. What of it nobody else holds is gone for ever: marked so, if `mark`. False if that were structure, or of
 * the office's own structure anything: a tree without its trunk is another story. */
static bool count_losses(struct world *world, unsigned place, const uint8_t *then, bool mark) {
    struct office *office = &world->offices[place];
    for (size_t i = 0; i < world->written_count; i++) {
        struct written *written = &world->ledger[i];
        enum holding now = office->held[i];
        bool lost = now > HOLDS_NOTHING && then[i] == HOLDS_NOTHING && !held_elsewhere(world, place, i, HOLDS_HEADER);
        bool body_lost = now == HOLDS_BODY && then[i] < HOLDS_BODY && !held_elsewhere(world, place, i, HOLDS_BODY);
        bool own = now > then[i] && written->author == place;
        if ((lost || body_lost || own) && written->facts.cls == CLASS_CONTROL) {
            return false;
        }
        if (mark) {
            written->lost = written->lost || lost;
            written->body_lost = written->body_lost || body_lost;
        }
    }
    return true;
}

static void back_up(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    char root[PATH_TEXT];
    snprintf(root, sizeof root, "/b%u", place);
    if (office->spare == NULL) {
        office->spare = disk_new(root);
    }
    disk_copy(office->spare, office->disk);
    free(office->backup_held);
    office->backup_held = malloc(world->written_count + 1);
    if (office->backup_held == NULL) {
        abort();
    }
    memcpy(office->backup_held, office->held, world->written_count);
    office->backup_count = world->written_count;
    world_trace(world, "n%u is backed up", place);
}

/* The PC goes on from its backup: `hoi restore` does it, or somebody copies it back behind hoi's back and works on before the office hears of what it has
 * forgotten. Either way no number is given twice. */
static void restore(struct world *world, unsigned place, bool clone) {
    struct office *office = &world->offices[place];
    if (office->spare == NULL || (clone && office->admits)) {
        return;
    }
    uint8_t *then = calloc(world->written_capacity + 1, 1);
    if (then == NULL) {
        abort();
    }
    memcpy(then, office->backup_held, office->backup_count);
    if (count_losses(world, place, then, false) && world_fault(world, clone ? FAULT_CLONE : FAULT_RESTORE, 900)) {
        (void)count_losses(world, place, then, true);
        world_trace(world, "n%u is %s", place, clone ? "put back: an old copy goes on" : "restored from its backup");
        office_cut(world, place, false, 1000);
        disk_power_on(office->disk, true);
        disk_copy(office->disk, office->spare);
        memcpy(office->held, then, world->written_count);
        office->last_entry = 0;
        json_decref(office->undecided); /* it was told to another */
        office->undecided = NULL;
        office->restored = true;
        office_start(world, place);
        if (office_up(world, place) && clone) {
            work_record(world, place); /* before it hears of what it has forgotten */
        }
    }
    free(then);
}

/* ---- lines and machines ---- */

static void befall_line(struct world *world) {
    unsigned place = (unsigned)random_below(&world->random, world->link_count);
    struct link *link = &world->links[place];
    if (link->gone) {
        return;
    }
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
}

static void befall_disk(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (!office->trouble && world_fault(world, FAULT_DISK_FULL, 80)) {
        fill_disk(world, place);
    } else if (!office->trouble && world_fault(world, FAULT_DISK_ERROR, 80)) {
        break_disk(world, place);
    }
}

void fault_once(struct world *world) {
    unsigned place = (unsigned)random_below(&world->random, world->office_count);
    struct office *office = &world->offices[place];
    if (world->link_count > 0) {
        befall_line(world);
    }
    if (office->kind == OFFICE_HONEST && !office->gone) {
        befall_disk(world, place);
    }
    if (!office_up(world, place) || !office_serves(world, place)) {
        return;
    }
    if (world_fault(world, FAULT_KILL, 50)) {
        office_cut(world, place, true, random_between(&world->random, 1000, 30000));
    } else if (world_fault(world, FAULT_POWER, 80)) {
        office_cut(world, place, false, random_between(&world->random, 1000, 60000));
    } else if (random_chance(&world->random, 250)) {
        office_idle(world, place);
    } else if (!office->trouble && (world->faults & (FEATURE(FAULT_RESTORE) | FEATURE(FAULT_CLONE))) != 0) {
        if (random_chance(&world->random, 120)) {
            back_up(world, place);
        } else if (random_chance(&world->random, 150)) {
            restore(world, place, random_chance(&world->random, 500));
        }
    }
}
