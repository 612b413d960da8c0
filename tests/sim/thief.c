/* A key on two PCs: honestly, where the folder was copied and nobody knows that it runs twice; and in the hands of a thief, who goes on in its logs as if
 * nothing had been copied. A thief's PC is a real store on a copy of the disk, made to forget that it is a copy; he chooses whom he speaks to, what he shows
 * (thief_lies.c), when he listens, and what he writes (thief_write.c). */
#include "store/internal.h"
#include "store/restore.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITES_AT_ONCE = 3, FROZEN_FROM = 1262304000 /* 2010 */, FROZEN_SECONDS = 10 * 365 * 86400 };

static unsigned copy_of(struct world *world, unsigned victim, enum office_kind kind, const struct disk *from) {
    unsigned place = office_new(world);
    struct office *copy = &world->offices[place], *office = &world->offices[victim];
    disk_copy(copy->disk, from);
    copy->kind = kind;
    copy->heir = victim;
    copy->keys = office->keys;
    copy->self = office->self;
    copy->unit = office->unit;
    copy->enrolled = copy->joined = true;
    return place;
}

/* Whose PC can be copied: one that works, and has begun to. */
static bool some_victim(struct world *world, unsigned *out) {
    unsigned first = (unsigned)random_below(&world->fate, world->office_count);
    for (unsigned i = 0; i < world->office_count; i++) {
        *out = (first + i) % (unsigned)world->office_count;
        if (office_serves(world, *out) && office_up(world, *out) && *out != world->root && !world->offices[*out].trouble &&
            world->offices[*out].undecided == NULL) {
            return true;
        }
    }
    return false;
}

static bool room_for(const struct world *world, unsigned offices) {
    return world->office_count + offices + 6 <= OFFICES_MAX && world->link_count + offices + 8 <= LINKS_MAX;
}

/* ---- twins ---- */

void thief_twin(struct world *world) {
    unsigned victim;
    if (!room_for(world, 1) || !some_victim(world, &victim) || world->keys[key_of(world, victim)].twice) {
        return;
    }
    unsigned place = copy_of(world, victim, OFFICE_TWIN, world->offices[victim].disk);
    world->keys[key_of(world, victim)].twice = true;
    world_happened(world, FAULT_TWIN);
    world_trace(world, "n%u runs a second time, as n%u", victim, place);
    office_start(world, place);
    for (unsigned i = 0; i < world->link_count && office_up(world, place); i++) {
        if (world->links[i].sides[0].office == victim && !world->links[i].gone && !world->links[i].crooked) {
            world_link(world, place, world->links[i].sides[1].office);
            return;
        }
    }
}

/* The second PC has been found: what only it had goes to the first one. */
static void end_twin(struct world *world, unsigned place) {
    struct office *twin = &world->offices[place];
    unsigned heir = office_heir(world, place);
    struct office *office = &world->offices[heir];
    char file[PATH_TEXT + 16];
    struct restored restored;
    if (twin->store != NULL) {
        office_end(world, place, 0);
    } else if (disk_dead(twin->disk)) {
        disk_power_on(twin->disk, twin->lossless);
    }
    link_retire(world, place);
    twin->gone = true;
    if (!office_serves(world, heir)) {
        return;
    }
    if (world->keys[key_of(world, place)].stolen) { /* two branches are no matter of taking over: what only the copy has is given up */
        ledger_give_up(world, place, heir);
        return;
    }
    fault_relief(world, heir);
    if (office->store != NULL) {
        office_end(world, heir, 0);
    } else if (disk_dead(office->disk)) {
        disk_power_on(office->disk, office->lossless);
    }
    snprintf(file, sizeof file, "%s/store.db", twin->dir);
    office_enter(world, heir);
    const struct restoring asked = {.dir = office->dir, .file = file, .findings = json_array()};
    enum status status = store_restore(&asked, &restored);
    if (status != STATUS_OK) {
        char *text = json_dumps(asked.findings, JSON_COMPACT);
        world_fail(world, "n%u does not take over what n%u has: %s %.200s", heir, place, status_name(status), text);
        free(text);
    }
    json_decref(asked.findings);
    world_trace(world, "n%u takes over %lld from n%u", heir, (long long)restored.taken, place);
    office->restored = true;
    office_start(world, heir);
}

/* ---- thieves ---- */

void thief_ready(struct world *world, unsigned place) {
    struct store *store = world->offices[place].store;
    store->life.states[LOG_REPORT] = store->life.states[LOG_DIRECTIVE] = LIFE_OPEN;
}

/* Somebody who may know the key: above, below or beside. */
static unsigned some_peer(struct world *world, unsigned place, unsigned but) {
    unsigned found = place, seen = 0;
    for (unsigned i = 0; i < world->office_count; i++) {
        if (office_serves(world, i) && !ID_EQUAL(&world->offices[i].self, &world->offices[place].self) && i != but && random_below(&world->fate, ++seen) == 0) {
            found = i;
        }
    }
    return found;
}

void thief_follow(struct world *world, unsigned place) {
    struct office *thief = &world->offices[place];
    struct replica replica;
    ledger_own(world, place, false);
    store_replica(thief->store, &replica);
    if (!ID_EQUAL(&replica.self, &thief->self)) {
        thief->self = replica.self;
        world->keys[key_of(world, place)].stolen = true;
        ledger_own(world, place, false);
    }
    thief->keys = *store_keys(thief->store);
}

static void begin_thief(struct world *world, unsigned victim, const struct disk *from, unsigned *peer) {
    unsigned place = copy_of(world, victim, OFFICE_THIEF, from);
    struct office *thief = &world->offices[place];
    if ((world->faults >> FAULT_BACKDATE & 1) != 0) {
        world_happened(world, FAULT_BACKDATE);
        thief->clock = CLOCK_FROZEN;
        thief->clock_frozen = FROZEN_FROM + random_between(&world->fate, 0, FROZEN_SECONDS);
    }
    thief->lies = (world->faults >> FAULT_WITHHOLD & 1) != 0 && random_chance(&world->fate, 700) ? random_next(&world->fate) | 1 : 0;
    if (thief->lies != 0) {
        world_happened(world, FAULT_WITHHOLD);
    }
    office_enter(world, place);
    if (store_open(&thief->store, thief->dir, 0, NULL) != STATUS_OK) {
        thief->store = NULL;
        thief->gone = true;
        return;
    }
    world_trace(world, "n%u is a copy of n%u in a thief's hands", place, victim);
    thief_follow(world, place);
    for (size_t i = 1 + random_below(&world->fate, WRITES_AT_ONCE); i > 0 && office_up(world, place); i--) {
        thief_write(world, place);
    }
    *peer = some_peer(world, place, *peer);
    if (*peer != place) {
        world_link(world, place, *peer);
        world->links[world->link_count - 1].crooked = true;
    }
}

void thief_steal(struct world *world) {
    unsigned victim, peer = OFFICES_MAX, copies = (world->faults >> FAULT_EQUIVOCATE & 1) != 0 ? 2 : 1;
    if (!room_for(world, copies) || !some_victim(world, &victim)) {
        return;
    }
    struct office *office = &world->offices[victim];
    bool old = (world->faults >> FAULT_BACKDATE & 1) != 0 && office->spare != NULL;
    const struct disk *from = old ? office->spare : office->disk; /* two copies are of one moment: what one of them does does not change it */
    if (copies == 2) {
        world_happened(world, FAULT_EQUIVOCATE);
    }
    world_happened(world, FAULT_THEFT);
    world->keys[key_of(world, victim)].stolen = true;
    for (unsigned i = 0; i < copies && !world->failed; i++) {
        begin_thief(world, victim, from, &peer);
    }
}

/* He changes his mind about whom to speak to, and writes. */
static void act(struct world *world, unsigned place) {
    for (unsigned i = 0; i < world->link_count; i++) {
        struct link *link = &world->links[i];
        if (link->sides[0].office != place || !link->crooked || link->gone || !random_chance(&world->fate, 300)) {
            continue;
        }
        unsigned peer = some_peer(world, place, link->sides[1].office);
        if (peer != place) {
            drive_drop(world, i);
            link->sides[1].office = peer;
        }
    }
    if (random_chance(&world->fate, 500)) {
        thief_write(world, place);
    }
}

void thief_once(struct world *world) {
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (world->offices[i].kind == OFFICE_THIEF && office_up(world, i) && random_chance(&world->fate, 250)) {
            act(world, i);
        } else if (world->offices[i].kind == OFFICE_TWIN && !world->offices[i].gone && random_chance(&world->fate, 30) &&
                   !world->offices[office_heir(world, i)].trouble) {
            end_twin(world, i);
        }
    }
}

void thief_end(struct world *world) {
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        struct office *office = &world->offices[i];
        if (office->kind == OFFICE_TWIN && !office->gone) {
            end_twin(world, i);
        } else if (office->kind == OFFICE_THIEF && !office->gone) {
            link_retire(world, i);
            office_enter(world, i);
            store_close(office->store);
            office->store = NULL;
            office->gone = true;
        }
    }
}
