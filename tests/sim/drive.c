/* Drives the sessions as the daemon does (persist, then the session again, then send), over lines that lose, delay and garble. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void handle(struct world *world, unsigned place, unsigned side_place, struct session_event event);

static void hash_in(struct world *world, const void *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        world->hash = (world->hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
}

/* ---- connections ---- */

void drive_drop(struct world *world, unsigned place) {
    struct link *link = &world->links[place];
    for (unsigned i = 0; i < 2; i++) {
        struct side *side = &link->sides[i];
        session_free(side->session);
        side->session = NULL;
        side->sent = side->progressed = 0;
        side->shipped_count = side->refused_count = 0;
    }
    link->generation++;
    if (link->up) {
        link->up = false;
        world_trace(world, "line n%u-n%u is down", link->sides[0].office, link->sides[1].office);
        queue_add(world, (struct event){.kind = EVENT_DIAL, .place = place}, world->now + random_between(&world->random, 500, 8000));
    }
}

void drive_dial(struct world *world, unsigned place) {
    struct link *link = &world->links[place];
    if (link->up) {
        return;
    }
    if (!world->offices[link->sides[0].office].up || !world->offices[link->sides[1].office].up || link->cut_until > world->now) {
        queue_add(world, (struct event){.kind = EVENT_DIAL, .place = place}, world->now + random_between(&world->random, 500, 8000));
        return;
    }
    link->up = true;
    link->hostile = link->stood_still = false;
    link->generation++;
    world_trace(world, "line n%u-n%u is up", link->sides[0].office, link->sides[1].office);
    for (unsigned i = 0; i < 2; i++) {
        struct side *side = &link->sides[i], *other = &link->sides[1 - i];
        struct office *office = &world->offices[side->office];
        struct session_config config = {.replica = office->ram.replica,
                                        .peer = world->offices[other->office].ram.replica.self,
                                        .peer_unit = *world_unit(world, other->office),
                                        .dials = i == 0,
                                        .window = office->window,
                                        .message_max = office->message_max};
        memcpy(config.incarnation, &office->starts, sizeof config.incarnation);
        side->delivered_at = side->stalled_until = 0;
        enum status status = session_open(&side->session, &config);
        assert(status == STATUS_OK);
    }
    uint64_t generation = link->generation;
    for (unsigned i = 0; i < 2 && link->generation == generation; i++) {
        handle(world, place, i, (struct session_event){.kind = SESSION_START, .time = world->now / 1000});
    }
}

void drive_crash(struct world *world, unsigned office, int64_t down_ms) {
    world_trace(world, "n%u crashes", office);
    world->offices[office].up = false;
    world->offices[office].starts++;
    for (unsigned i = 0; i < world->link_count; i++) {
        if (world->links[i].up && (world->links[i].sides[0].office == office || world->links[i].sides[1].office == office)) {
            drive_drop(world, i);
        }
    }
    queue_add(world, (struct event){.kind = EVENT_RESTART, .place = office}, world->now + down_ms);
}

/* ---- the line ---- */

/* An item of an entries message made false: another header, another body, or one left out. */
static bool forge(struct world *world, struct bytes message, struct buffer *out) {
    struct entries entries;
    struct item item;
    struct buffer items = {.max = RAW_BYTES_MAX}, header = {.max = HEADER_BYTES_MAX}, body = {.max = BODY_BYTES_MAX};
    size_t count = 0, victim = 0;
    bool forged = false;
    enum status status = entries_open(&entries, message);
    assert(status == STATUS_OK);
    if (entries.count > 0) {
        victim = random_below(&world->random, entries.count);
    }
    unsigned how = (unsigned)random_below(&world->random, 3);
    for (size_t i = 0; entries_next(&entries, &item); i++) {
        if (i == victim && item.kind == ITEM_ENTRY && how == 0 && header_decode(world->header, item.entry.header) == STATUS_OK) {
            world->header->time++;
            status = header_encode(world->header, &header);
            item.entry.header = buffer_bytes(&header);
            forged = true;
        } else if (i == victim && how == 1 && (item.part.len > 0 || item.entry.body.len > 0)) {
            struct bytes *bytes = item.part.len > 0 ? &item.part : &item.entry.body;
            status = buffer_append(&body, bytes->data, bytes->len);
            assert(status == STATUS_OK);
            body.data[random_below(&world->random, body.len)] ^= 1;
            *bytes = buffer_bytes(&body);
            forged = true;
        } else if (i == victim && entries.count > 1 && how == 2) {
            forged = true;
            continue;
        }
        status = item_encode(&item, &items);
        assert(status == STATUS_OK);
        count++;
    }
    if (forged) {
        status = entries_encode(buffer_bytes(&items), count, out);
        assert(status == STATUS_OK);
    }
    entries_fini(&entries);
    buffer_fini(&items);
    buffer_fini(&header);
    buffer_fini(&body);
    return forged;
}

static void put_on_line(struct world *world, unsigned place, unsigned from, struct bytes message) {
    struct link *link = &world->links[place];
    struct side *to = &link->sides[1 - from];
    struct event event = {.kind = EVENT_DELIVER, .place = place, .side = (uint8_t)(1 - from), .generation = link->generation};
    int64_t at = world->now > link->sides[from].stalled_until ? world->now : link->sides[from].stalled_until;
    at = (at > to->delivered_at - link->latency_ms ? at : to->delivered_at - link->latency_ms) + link->latency_ms;
    at += (int64_t)(message.len * 1000 / link->rate);
    if (world_fault(world, FAULT_REORDER, 15)) {
        link->hostile = true;
        at += random_between(&world->random, 1, 5000); /* those after it overtake it */
    } else {
        to->delivered_at = at;
    }
    buffer_init(&event.message, MESSAGE_BYTES_MAX);
    bool forged = message_type(message) == MESSAGE_ENTRIES && world_fault(world, FAULT_FORGERY, 60) && forge(world, message, &event.message);
    link->hostile = link->hostile || forged;
    enum status status = forged ? STATUS_OK : buffer_append(&event.message, message.data, message.len);
    assert(status == STATUS_OK);
    if (world_fault(world, FAULT_DUPLICATE, 15)) {
        struct event twice = event;
        link->hostile = true;
        buffer_init(&twice.message, MESSAGE_BYTES_MAX);
        status = buffer_append(&twice.message, event.message.data, event.message.len);
        assert(status == STATUS_OK);
        queue_add(world, twice, at + random_between(&world->random, 0, 2000));
    }
    queue_add(world, event, at);
}

static void send(struct world *world, unsigned place, unsigned from, struct bytes message) {
    static const char *const names[] = {"?", "hello", "state", "buckets", "have", "entries", "receipts", "progress", "refused", "bye"};
    struct link *link = &world->links[place];
    struct side *side = &link->sides[from];
    unsigned type = message_type(message);
    world_trace(world, "n%u -> n%u  %-8s %zu bytes", side->office, link->sides[1 - from].office, type < 10 ? names[type] : "?", message.len);
    hash_in(world, &world->now, sizeof world->now);
    hash_in(world, &place, sizeof place);
    hash_in(world, message.data, message.len);
    world->messages++;
    side->messages++;
    side->bytes += message.len;
    oracle_sent(world, place, from, message);
    put_on_line(world, place, from, message);
}

/* ---- stepping ---- */

/* Makes the items durable, or does not. False: the office is gone. */
static bool persist(struct world *world, unsigned office, const struct session_output *output, enum status *status) {
    struct ram_replica *ram = &world->offices[office].ram;
    if (world_fault(world, FAULT_CRASH_BEFORE_PERSIST, 12)) {
        drive_crash(world, office, random_between(&world->random, 1000, 60000));
        return false;
    }
    *status = world_fault(world, FAULT_DISK, 15) ? STATUS_DISK_ERROR : STATUS_OK;
    if (*status == STATUS_OK) {
        oracle_persisted(world, office, output->persist, output->persist_count);
        ram->time = world->now / 1000;
        ram_replica_persist(ram, output->persist, output->persist_count);
        if (world_fault(world, FAULT_CRASH_BEFORE_SEND, 12)) {
            drive_crash(world, office, random_between(&world->random, 1000, 60000));
            return false;
        }
    }
    return true;
}

void drive_changed(struct world *world, unsigned office, unsigned except_link) {
    for (unsigned i = 0; i < world->link_count; i++) {
        for (unsigned side = 0; side < 2; side++) {
            if (i != except_link && world->links[i].sides[side].office == office && world->links[i].sides[side].session != NULL) {
                handle(world, i, side, (struct session_event){.kind = SESSION_CHANGED});
            }
        }
    }
}

static void handle(struct world *world, unsigned place, unsigned side_place, struct session_event event) {
    struct link *link = &world->links[place];
    struct side *side = &link->sides[side_place];
    struct session_output output;
    bool changed = false;
    event.now_ms = world->now;
    session_step(side->session, &event, &output);
    while (output.persist_count > 0) {
        struct session_event persisted = {.kind = SESSION_PERSISTED, .now_ms = world->now};
        if (!persist(world, side->office, &output, &persisted.status)) {
            return;
        }
        changed = changed || persisted.status == STATUS_OK;
        session_step(side->session, &persisted, &output);
    }
    for (size_t i = 0; i < output.send_count; i++) {
        send(world, place, side_place, output.send[i]);
    }
    side->tick_at = output.wait_ms < 0 ? -1 : world->now + output.wait_ms;
    if (output.wait_ms >= 0) {
        queue_add(world, (struct event){.kind = EVENT_TICK, .place = place, .side = (uint8_t)side_place, .generation = link->generation}, side->tick_at);
    }
    unsigned office = side->office;
    if (output.closed) {
        world_trace(world, "n%u closes: %s%s", office, status_name(output.reason), link->hostile ? ", on a line that garbled" : "");
        bool late = output.reason == STATUS_TIMEOUT && link->stood_still;
        if (!link->hostile && !late && output.reason != STATUS_OK) {
            world_fail(world, "n%u closed an honest session: %s", office, status_name(output.reason));
        }
        drive_drop(world, place);
    }
    if (changed) {
        drive_changed(world, office, place);
    }
}

static void note_progress(struct link *link, const struct event *event) {
    struct side *side = &link->sides[event->side];
    uint64_t bytes;
    if (message_type(buffer_bytes(&event->message)) == MESSAGE_PROGRESS && progress_decode(&bytes, buffer_bytes(&event->message)) == STATUS_OK &&
        bytes > side->progressed) {
        side->progressed = bytes;
    }
}

void drive_event(struct world *world, struct event *event) {
    struct link *link = &world->links[event->place];
    switch (event->kind) {
    case EVENT_DIAL:
        drive_dial(world, event->place);
        break;
    case EVENT_RESTART:
        world_trace(world, "n%u is back", event->place);
        world->offices[event->place].up = true;
        break;
    case EVENT_TICK:
        if (link->generation == event->generation && link->sides[event->side].tick_at == event->at) {
            handle(world, event->place, event->side, (struct session_event){.kind = SESSION_TICK});
        }
        break;
    default:
        if (link->generation == event->generation) {
            note_progress(link, event);
            handle(world, event->place, event->side, (struct session_event){.kind = SESSION_MESSAGE, .message = buffer_bytes(&event->message)});
        }
    }
}
