/* What happens to messages on the way: a line delays, swaps, doubles and garbles them. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

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

/* For whoever listens to some line, and says it again elsewhere. */
static void keep(struct world *world, struct bytes message) {
    buffer_fini(&world->heard);
    buffer_init(&world->heard, MESSAGE_BYTES_MAX);
    enum status status = buffer_append(&world->heard, message.data, message.len);
    assert(status == STATUS_OK);
}

void line_send(struct world *world, unsigned place, unsigned from, struct bytes message) {
    static const char *const names[] = {"?", "hello", "state", "buckets", "have", "entries", "receipts", "progress", "refused", "bye"};
    struct link *link = &world->links[place];
    struct side *side = &link->sides[from];
    unsigned type = message_type(message);
    world_trace(world, "n%u -> n%u  %-8s %zu bytes", side->office, link->sides[1 - from].office, type < 10 ? names[type] : "?", message.len);
    world_hash(world, &world->now, sizeof world->now);
    world_hash(world, &place, sizeof place);
    world_hash(world, message.data, message.len);
    world->messages++;
    side->messages++;
    side->bytes += message.len;
    link->said_at = world->now;
    if (world->offices[side->office].kind != OFFICE_THIEF) {
        oracle_sent(world, place, from, message);
    } else if (world->heard.len > 0 && world_fault(world, FAULT_REPLAY, 150)) {
        put_on_line(world, place, from, buffer_bytes(&world->heard));
    }
    put_on_line(world, place, from, message);
    if (world->trust && random_chance(&world->fate, 60)) {
        keep(world, message);
    }
}
