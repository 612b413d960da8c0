/* How offices come by new keys: a node that makes itself another one, and an office that was shut out, is let in again on another PC and takes over what the
 * old one had. Whoever dialled it is told. */
#include "store/internal.h"
#include "store/restore.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- another PC ---- */

/* Whether the root, as its screen says, knows the office's key as one that stands. */
bool renew_stands(const struct world *world, unsigned place) {
    const struct store *store = world->offices[world->root].store;
    uint32_t node = tree_node(store->tree, &world->offices[place].self);
    int64_t entry;
    return node != TREE_NONE && !tree_revoked(store->tree, node, &entry);
}

/* Does its way up lead over that one? */
static bool hangs_from(const struct world *world, unsigned place, unsigned from) {
    for (unsigned steps = 0; steps < OFFICES_MAX && place != from; steps++) {
        unsigned next = place;
        for (unsigned i = 0; i < world->link_count; i++) {
            const struct link *link = &world->links[i];
            next = !link->gone && !link->crooked && link->sides[0].office == place ? office_heir(world, link->sides[1].office) : next;
        }
        if (next == place) {
            return false;
        }
        place = next;
    }
    return true;
}

static bool some_of(const struct world *world, unsigned place, const struct unit_id *unit, unsigned *out) {
    for (*out = 0; *out < world->office_count; ++*out) {
        if (!hangs_from(world, *out, place) && office_serves(world, *out) && office_up(world, *out) && ID_EQUAL(world_unit(world, *out), unit) &&
            office_up(world, world->root) && renew_stands(world, *out)) {
            return true;
        }
    }
    return false;
}

/* Somebody who can let the office in again: of the same unit, so that what is private comes along, or above, the nearest. */
static bool some_inviter(const struct world *world, unsigned place, unsigned *out) {
    const struct ram_unit *unit = ram_tree_unit(&world->truth, world_unit(world, place));
    bool found = unit != NULL && some_of(world, place, &unit->id, out);
    for (size_t above = 0; !found && unit != NULL && above < unit->above.count; above++) {
        found = some_of(world, place, &unit->above.units[above], out);
    }
    return found;
}

/* A new installation, which takes over what the old one had when it has joined (join.c). */
void renew_office(struct world *world, unsigned place) {
    unsigned inviter;
    for (unsigned i = 0; i < world->office_count; i++) {
        if (world->offices[i].replaces == place && i != place && !world->offices[i].gone) {
            return; /* under way */
        }
    }
    if (world->office_count < OFFICES_MAX && world->link_count + 4 < LINKS_MAX && !world->offices[place].trouble && some_inviter(world, place, &inviter)) {
        unsigned next = (unsigned)world->office_count;
        world->renews = place;
        join_begin(world, inviter, world_unit(world, place));
        world->renews = OFFICES_MAX;
        if (world->office_count > next) {
            world_trace(world, "n%u is to take over from n%u", next, place);
        }
    }
}

void renew_take_over(struct world *world, unsigned place) {
    unsigned before = world->offices[place].replaces;
    struct office *office = &world->offices[place], *old = &world->offices[before];
    char file[PATH_TEXT + 16];
    struct restored restored;
    if (before == place || old->gone) {
        return;
    }
    fault_relief(world, before);
    fault_relief(world, place);
    old->gone = true;
    old->heir = place;
    if (old->store != NULL) {
        office_end(world, before, 0);
    } else if (disk_dead(old->disk)) {
        disk_power_on(old->disk, old->lossless);
    }
    link_retire(world, before);
    office_end(world, place, 0);
    snprintf(file, sizeof file, "%s/store.db", old->dir);
    office_enter(world, place);
    const struct restoring asked = {.dir = office->dir, .file = file, .findings = json_array()};
    enum status status = store_restore(&asked, &restored);
    json_decref(asked.findings);
    if (status != STATUS_OK) {
        world_fail(world, "n%u does not take over what n%u had: %s", place, before, status_name(status));
    }
    world_happened(world, EVENT_NEW_KEY);
    world_trace(world, "n%u has taken over %lld from n%u, %lld are left", place, (long long)restored.taken, before, (long long)restored.left);
    office->restored = true;
    office_start(world, place);
}

static bool dials(struct world *world, unsigned place, const struct node_id *node) {
    struct store_uplink uplink;
    office_enter(world, place);
    office_look(world, place);
    enum status status = store_uplink(world->offices[place].store, &uplink);
    office_looked(world, place);
    return status != STATUS_OK || ID_EQUAL(&uplink.node, node) || (uplink.has_successor && ID_EQUAL(&uplink.successor, node));
}

/* Is that one shut out, as the office itself has heard? */
static bool shuns(const struct world *world, unsigned place, const struct node_id *id) {
    const struct store *store = world->offices[place].store;
    uint32_t node = tree_node(store->tree, id);
    int64_t entry;
    return node != TREE_NONE && tree_revoked(store->tree, node, &entry);
}

/* Whoever dialled a PC that is no more dials the one that has taken over from it: somebody tells each office. */
void renew_follow(struct world *world) {
    for (unsigned i = 0; i < world->link_count && !world->failed; i++) {
        struct link *link = &world->links[i];
        unsigned heir = office_heir(world, link->sides[1].office), from = link->sides[0].office;
        if (link->gone || link->crooked || !office_up(world, heir)) {
            continue;
        }
        if (heir != link->sides[1].office) {
            drive_drop(world, i);
            link->sides[1].office = heir;
        }
        if (world->calm && office_up(world, from) && office_up(world, world->root) && from != world->root && shuns(world, from, &world->offices[heir].self)) {
            heir = world->root; /* who shuns the level above, rightly or not, is told to dial another one */
            drive_drop(world, i);
            link->sides[1].office = heir;
        }
        const struct node_id *node = &world->offices[heir].self;
        if (!office_up(world, from) || dials(world, from, node)) {
            continue;
        }
        char id[33], key[65];
        request_hex(id, node->b, 16);
        request_hex(key, world->offices[heir].keys.transport_public, 32);
        json_decref(office_ask(world, from, "uplink.follow", json_pack("{s:s, s:s, s:s}", "address", "tcp://127.0.0.1:4711", "node", id, "key", key)));
    }
}

/* ---- the same PC ---- */

void renew_rotate(struct world *world, unsigned place) {
    work_asked(world, place, "node.rotate", json_object(), EVENT_ROTATION);
    world->offices[place].rotates = true;
    if (office_up(world, place)) {
        office_end(world, place, 1000);
    }
}

/* A new key comes into force at a start. */
bool renew_start(struct world *world) {
    bool any = false;
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (office_serves(world, i) && office_up(world, i) && world->offices[i].rotates) {
            office_end(world, i, 1000);
            any = true;
        }
    }
    return any;
}

/* ---- in the end ---- */

/* An office whose very unit was made by somebody who had no say any more is given up. */
bool renew_all(struct world *world) {
    bool any = false;
    unsigned count = (unsigned)world->office_count; /* who joins now is known to the root later */
    for (unsigned i = 0; i < count && !world->failed && office_up(world, world->root); i++) {
        if (!office_serves(world, i) || i == world->root || !office_up(world, i) || renew_stands(world, i)) {
            continue;
        }
        any = true;
        if (tree_unit(world->offices[world->root].store->tree, world_unit(world, i)) == TREE_NONE && ++world->offices[i].waited > 2) {
            world_trace(world, "n%u is given up: its unit does not stand", i);
            world->offices[i].gone = world->offices[i].given_up = true;
            link_retire(world, i);
            office_end(world, i, 0);
        } else {
            renew_office(world, i);
        }
    }
    return any;
}
