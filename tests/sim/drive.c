/* Drives the sessions as the daemon does (persist, then the session again, then send), and ends and begins connections. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS_MIN = 500, AGAIN_MS_MAX = 8000, DOWN_MS_MIN = 1000, DOWN_MS_MAX = 60000 };

static void handle(struct world *world, unsigned place, unsigned side_place, struct session_event event);

/* ---- connections ---- */

static void dial_again(struct world *world, unsigned place) {
    if (world->links[place].gone) {
        return;
    }
    queue_add(world, (struct event){.kind = EVENT_DIAL, .place = place}, world->now + random_between(&world->random, AGAIN_MS_MIN, AGAIN_MS_MAX));
}

void drive_drop(struct world *world, unsigned place) {
    struct link *link = &world->links[place];
    for (unsigned i = 0; i < 2; i++) {
        struct side *side = &link->sides[i];
        session_free(side->session);
        side->session = NULL;
        side->sent = side->progressed = 0;
        side->shipped_count = side->refused_count = side->heard_count = 0;
    }
    link->generation++;
    if (link->up) {
        link->up = false;
        world_trace(world, "line n%u-n%u is down", link->sides[0].office, link->sides[1].office);
        dial_again(world, place);
    }
}

void link_retire(struct world *world, unsigned office) {
    for (unsigned i = 0; i < world->link_count; i++) {
        struct link *link = &world->links[i];
        if (link->sides[0].office == office && !link->gone) {
            link->gone = true;
            drive_drop(world, i);
        }
    }
}

void drive_hang_up(struct world *world, unsigned office) {
    for (unsigned i = 0; i < world->link_count; i++) {
        if (world->links[i].up && (world->links[i].sides[0].office == office || world->links[i].sides[1].office == office)) {
            drive_drop(world, i);
        }
    }
}

/* Who the other side is: the dialling one knows it from its token, the listening one by the key of the line. */
static bool knows_peer(struct world *world, unsigned place, unsigned side, struct session_config *config) {
    const struct link *link = &world->links[place];
    const struct office *dialling = &world->offices[link->sides[0].office];
    struct office *office = &world->offices[link->sides[side].office];
    struct store_uplink uplink;
    enum status status;
    office_enter(world, link->sides[side].office);
    if (side == 0 && office->kind == OFFICE_THIEF) {
        status = STATUS_OK;
        config->peer = world->offices[link->sides[1].office].self;
        config->peer_unit = *world_unit(world, link->sides[1].office);
    } else if (side == 0) {
        status = store_uplink(office->store, &uplink);
        config->peer = uplink.node;
        config->peer_unit = uplink.unit;
        if (status == STATUS_OK && uplink.has_successor && ID_EQUAL(&uplink.successor, &world->offices[link->sides[1].office].self)) {
            config->peer = uplink.successor; /* the two are dialled in turn: one answers */
        }
        if (status == STATUS_OK && !ID_EQUAL(&config->peer, &world->offices[link->sides[1].office].self)) {
            status = STATUS_NOT_FOUND; /* whoever listens there has another key */
        }
    } else {
        status = store_peer(office->store, dialling->keys.transport_public, &dialling->self, &config->peer, &config->peer_unit);
    }
    if (!office_leave(world, link->sides[side].office)) {
        return false;
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND && office->kind != OFFICE_THIEF && !office_excused(world, link->sides[side].office, status)) {
        world_fail(world, "n%u cannot say who n%u is: %s", link->sides[side].office, link->sides[1 - side].office, status_name(status));
    }
    return status == STATUS_OK;
}

void drive_dial(struct world *world, unsigned place) {
    struct link *link = &world->links[place];
    struct session_config configs[2] = {{.dials = true}, {.dials = false}};
    if (link->up || link->gone) {
        return;
    }
    if (!office_up(world, link->sides[0].office) || !office_up(world, link->sides[1].office) || link->cut_until > world->now ||
        !knows_peer(world, place, 0, &configs[0]) || !knows_peer(world, place, 1, &configs[1])) {
        dial_again(world, place);
        return;
    }
    link->up = true;
    link->stood_still = link->disk_failed = false;
    link->hostile = link->crooked;
    link->strikes = 0;
    link->said_at = world->now;
    link->generation++;
    world_trace(world, "line n%u-n%u is up", link->sides[0].office, link->sides[1].office);
    for (unsigned i = 0; i < 2; i++) {
        struct side *side = &link->sides[i];
        struct office *office = &world->offices[side->office];
        store_replica(office->store, &configs[i].replica);
        thief_shows(world, side->office, &configs[i].replica);
        configs[i].window = office->window;
        configs[i].message_max = office->message_max;
        memcpy(configs[i].incarnation, &office->starts, sizeof configs[i].incarnation);
        side->delivered_at = side->stalled_until = 0;
        side->peer_unit = configs[i].peer_unit;
        enum status status = session_open(&side->session, &configs[i]);
        assert(status == STATUS_OK);
    }
    uint64_t generation = link->generation;
    for (unsigned i = 0; i < 2 && link->generation == generation; i++) {
        office_enter(world, link->sides[i].office);
        handle(world, place, i, (struct session_event){.kind = SESSION_START, .time = os_time()});
    }
}

/* ---- stepping ---- */

/* What the daemon does when the disk did not take the items: the session is over (a farewell would not get far: the peer dials again whether it hears it or
 * not), and after some failures the process, too. Or the session stays, as the engine allows. */
static bool stays(struct world *world, unsigned place, unsigned office, enum status status) {
    struct link *link = &world->links[place];
    if (!office_excused(world, office, status)) {
        world_fail(world, "n%u does not make durable what came: %s", office, status_name(status));
        return false;
    }
    link->disk_failed = true;
    if (status == STATUS_DISK_FULL && world->offices[office].patient) {
        return true;
    }
    if (!office_fatal(world, office, status)) {
        drive_drop(world, place);
    }
    return false;
}

/* Makes the items durable, or does not. False: the session is gone, and its office may be. */
static bool persist(struct world *world, unsigned place, unsigned side, const struct session_output *output, enum status *status) {
    unsigned office = world->links[place].sides[side].office;
    if (world->offices[office].kind == OFFICE_THIEF) { /* his disk is his own concern */
        *status = store_persist(world->offices[office].store, output->persist, output->persist_count);
        return true;
    }
    if (world_fault(world, FAULT_POWER_PERSIST, 12)) {
        office_cut(world, office, false, random_between(&world->random, DOWN_MS_MIN, DOWN_MS_MAX));
        return false;
    }
    oracle_persisted(world, office, output->persist, output->persist_count);
    office_risk(world, office, 12);
    *status = store_persist(world->offices[office].store, output->persist, output->persist_count);
    if (!office_leave(world, office)) {
        return false;
    }
    if (*status != STATUS_OK) {
        return stays(world, place, office, *status);
    }
    ledger_persisted(world, office, output->persist, output->persist_count);
    ledger_follow(world, office);
    if (world_fault(world, FAULT_POWER_SEND, 12)) {
        office_cut(world, office, false, random_between(&world->random, DOWN_MS_MIN, DOWN_MS_MAX));
        return false;
    }
    return true;
}

bool drive_knows_more(const struct office *office) {
    struct replica replica;
    store_replica(office->store, &replica);
    return replica.ops->version(replica.ctx) != office->version || replica.ops->views_version(replica.ctx) != office->views;
}

void drive_changed(struct world *world, unsigned office, unsigned except_link) {
    struct replica replica;
    store_replica(world->offices[office].store, &replica);
    world->offices[office].version = replica.ops->version(replica.ctx);
    world->offices[office].views = replica.ops->views_version(replica.ctx);
    for (unsigned i = 0; i < world->link_count; i++) {
        for (unsigned side = 0; side < 2; side++) {
            if (i != except_link && world->links[i].sides[side].office == office && world->links[i].sides[side].session != NULL) {
                handle(world, i, side, (struct session_event){.kind = SESSION_CHANGED});
            }
        }
    }
}

/* A session that ends for another reason than a farewell, a garbled line or a disk in trouble, ends wrongly. */
static void closed(struct world *world, unsigned place, unsigned office, enum status reason) {
    struct link *link = &world->links[place];
    world_trace(world, "n%u closes: %s%s", office, status_name(reason), link->hostile ? ", on a line that garbled" : "");
    bool late = reason == STATUS_TIMEOUT && link->stood_still, busy = reason == STATUS_BUSY && link->disk_failed;
    if (!link->hostile && !late && !busy && reason != STATUS_OK && !office_excused(world, office, reason)) {
        world_fail(world, "n%u closed an honest session: %s", office, status_name(reason));
    }
    drive_drop(world, place);
}

static void handle(struct world *world, unsigned place, unsigned side_place, struct session_event event) {
    struct link *link = &world->links[place];
    struct side *side = &link->sides[side_place];
    struct session_output output;
    unsigned office = side->office;
    uint64_t before = store_version(world->offices[office].store);
    event.now_ms = world->now;
    office_enter(world, office);
    session_step(side->session, &event, &output);
    while (output.persist_count > 0) {
        struct session_event persisted = {.kind = SESSION_PERSISTED, .now_ms = world->now};
        if (!persist(world, place, side_place, &output, &persisted.status) || world->failed) {
            return;
        }
        office_enter(world, office);
        session_step(side->session, &persisted, &output);
    }
    for (size_t i = 0; i < output.send_count; i++) {
        line_send(world, place, side_place, output.send[i]);
    }
    if (!output.closed && session_in_step(side->session)) {
        office_enter(world, office);
        store_confirmed(world->offices[office].store, &side->peer_unit);
    }
    side->tick_at = output.wait_ms < 0 ? -1 : world->now + output.wait_ms;
    if (output.wait_ms >= 0) {
        queue_add(world, (struct event){.kind = EVENT_TICK, .place = place, .side = (uint8_t)side_place, .generation = link->generation}, side->tick_at);
    }
    if (output.closed) {
        closed(world, place, office, output.reason);
    }
    if (office_up(world, office) && store_version(world->offices[office].store) != before) {
        drive_changed(world, office, place);
    }
}

/* ---- events ---- */

static void note_progress(struct link *link, const struct event *event) {
    struct side *side = &link->sides[event->side];
    uint64_t bytes;
    if (message_type(buffer_bytes(&event->message)) == MESSAGE_PROGRESS && progress_decode(&bytes, buffer_bytes(&event->message)) == STATUS_OK &&
        bytes > side->progressed) {
        side->progressed = bytes;
    }
}

void drive_tick(struct world *world, const struct event *event) {
    struct link *link = &world->links[event->place];
    if (link->generation == event->generation && link->sides[event->side].tick_at == event->at) {
        handle(world, event->place, event->side, (struct session_event){.kind = SESSION_TICK});
    }
}

void drive_message(struct world *world, struct event *event) {
    struct link *link = &world->links[event->place];
    if (link->generation == event->generation) {
        note_progress(link, event);
        oracle_came(world, event->place, event->side, buffer_bytes(&event->message));
        handle(world, event->place, event->side, (struct session_event){.kind = SESSION_MESSAGE, .message = buffer_bytes(&event->message)});
    }
}
