/* Entries messages made by hand, given to a side of a link as if its peer had sent them. */
#ifndef TESTS_UNIT_SESSION_MAKING_H
#define TESTS_UNIT_SESSION_MAKING_H

#include "session_fixture.h"

struct making {
    struct buffer items, message;
    size_t count;
};

static inline struct item entry_item(struct ram_entry *entry) {
    struct item item = {.kind = ITEM_ENTRY};
    item.entry = (struct entry){buffer_bytes(&entry->header), buffer_bytes(&entry->signature), bytes_of(entry->salt, SALT_BYTES), buffer_bytes(&entry->body)};
    return item;
}

static inline void add(struct making *making, const struct item *item) {
    making->items.max = RAW_BYTES_MAX;
    assert_int_equal(item_encode(item, &making->items), STATUS_OK);
    making->count++;
}

/* Gives the items to a side as if its peer had sent them. */
static inline void give(struct fixture *fixture, unsigned side, struct making *making) {
    making->message.max = MESSAGE_BYTES_MAX;
    assert_int_equal(entries_encode(buffer_bytes(&making->items), making->count, &making->message), STATUS_OK);
    pair_message(&fixture->pair, side, buffer_bytes(&making->message));
    buffer_fini(&making->items);
    buffer_fini(&making->message);
    *making = (struct making){0};
}

static inline void give_entry(struct fixture *fixture, unsigned side, struct ram_entry *entry) {
    struct making making = {0};
    struct item item = entry_item(entry);
    add(&making, &item);
    give(fixture, side, &making);
}

#endif
