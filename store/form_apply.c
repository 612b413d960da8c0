/* A form version that has come: judged against the version it follows, written into the view, and what waited for it tried again. */
#include "protocol/planted.h"
#include "store/apply.h"
#include "store/form_follow.h"
#include "store/form_view.h"
#include "store/record_load.h"

#include <stdlib.h>

static void no_one(void *ctx, const struct form_mistake *mistake) {
    (void)ctx;
    (void)mistake;
}

/* A steward who writes rival versions without end must harm only himself. */
static enum status room(struct store *store, const struct form *form, const struct hash *version) {
    uint8_t form_id[16];
    keys_form_id(form_id, &store->founding.association, &form->issuer, form->name);
    return form_view_room(store, form_id, version, form);
}

/* OK to write it; else why it is set aside, *waits_for filled where it may stand once that version has come. */
static enum status judge(struct store *store, const struct header *header, const struct form *form, const struct hash *version, struct bytes *waits_for) {
    uint32_t node = tree_node(store->tree, &header->log.node);
    uint32_t unit = node != TREE_NONE ? tree_node_at(store->tree, node)->unit : TREE_NONE;
    if (unit == TREE_NONE || !ID_EQUAL(tree_unit_id(store->tree, unit), &form->issuer))
        return STATUS_OUTSIDE_AUTHORITY;
    if (!form->has_previous)
        return room(store, form, version);
    const struct form_family *family;
    const struct form_version_view *previous;
    enum status status = form_view_version(store, &form->previous, &family, &previous);
    if (status == STATUS_NOT_FOUND) {
        *waits_for = bytes_of(form->previous.b, sizeof form->previous.b);
        return STATUS_FORM_UNKNOWN;
    }
    if (status == STATUS_OK)
        status = form_follow_check(&previous->form, form, no_one, NULL);
    return status == STATUS_OK ? room(store, form, version) : status;
}

static enum status write_row(struct store *store, const struct stored_entry *entry, uint32_t place, const struct form *form, struct bytes payload,
                             const struct hash *version) {
    uint8_t form_id[16];
    keys_form_id(form_id, &store->founding.association, &form->issuer, form->name);
    struct query query =
        db_query(store->db, "INSERT INTO form(version, form_id, issuer, name, label, previous, entry, place, payload) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
                            " ON CONFLICT(version) DO NOTHING"); /* one version written twice is one */
    query_bind_blob(&query, bytes_of(version->b, sizeof version->b));
    query_bind_blob(&query, bytes_of(form_id, sizeof form_id));
    query_bind_blob(&query, bytes_of(form->issuer.b, sizeof form->issuer.b));
    query_bind_text(&query, form->name);
    query_bind_int(&query, (int64_t)(form->label & INT64_MAX));
    if (form->has_previous)
        query_bind_blob(&query, bytes_of(form->previous.b, sizeof form->previous.b));
    else
        query_bind_null(&query);
    query_bind_int(&query, entry->id);
    query_bind_int(&query, place);
    query_bind_blob(&query, payload);
    return query_run(&query);
}

/* One of those that wait for the version: taken off the list first, it goes back there by itself if it still has to wait. Returns OK with *found false where
 * nobody waits. */
static enum status take_waiting(struct store *store, const struct hash *version, bool *found, int64_t *entry, uint32_t *place) {
    struct query query = db_query(store->db, "SELECT entry, place FROM set_aside WHERE reason = ? AND detail = ? LIMIT 1");
    query_bind_int(&query, STATUS_FORM_UNKNOWN);
    query_bind_blob(&query, bytes_of(version->b, sizeof version->b));
    *found = query_next(&query);
    *entry = *found ? query_int(&query, 0) : 0;
    *place = *found ? (uint32_t)query_int(&query, 1) : 0;
    enum status status = query_end(&query);
    if (status != STATUS_OK || !*found)
        return status;
    return apply_take_back(store, *entry, *place);
}

/* Versions that have come and may be waited for. A list, not a recursion: as many may wait in a row for one another as somebody cares to write. */
struct arrivals {
    struct hash *items;
    size_t count, capacity;
};

static enum status arrive(struct arrivals *arrivals, const struct hash *version) {
    if (arrivals->count == arrivals->capacity) {
        size_t capacity = arrivals->capacity > 0 ? arrivals->capacity * 2 : 8;
        struct hash *grown = realloc(arrivals->items, capacity * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        arrivals->items = grown;
        arrivals->capacity = capacity;
    }
    arrivals->items[arrivals->count++] = *version;
    return STATUS_OK;
}

/* Writes the version, or sets it aside. */
static enum status take(struct store *store, const struct stored_entry *entry, const struct header *header, const struct change *change,
                        struct arrivals *arrivals) {
    struct form form;
    struct hash version;
    struct bytes waits_for = {0};
    form_version(&version, &store->founding.association, change->payload);
    enum status status = form_decode(&form, change->payload);
    if (status == STATUS_OK)
        status = judge(store, header, &form, &version, &waits_for);
    if (status == STATUS_OK) {
        status = write_row(store, entry, change->place, &form, change->payload, &version);
        if (status == STATUS_OK && !PLANTED("form-awaited-in-vain"))
            status = arrive(arrivals, &version);
    } else if (status == STATUS_MALFORMED || status == STATUS_TRUNCATED || status == STATUS_TRAILING || status == STATUS_CRITICAL_EXTENSION ||
               status == STATUS_OUTSIDE_AUTHORITY || status == STATUS_FORM_UNKNOWN || status == STATUS_FORM_CHANGED || status == STATUS_TOO_LARGE) {
        status = apply_set_aside(store, entry->id, change->place, status, waits_for);
    }
    form_fini(&form);
    return status;
}

/* The change at a place of a control body. */
static enum status again(struct store *store, const struct stored_entry *entry, const struct header *header, uint32_t place, struct arrivals *arrivals) {
    struct body_reader body;
    struct change change, found = {0};
    enum status status = body_open(&body, entry->entry.body, header->cls);
    while (status == STATUS_OK && body_next(&body, &change)) {
        if (change.place == place)
            found = change;
    }
    return found.kind == CHANGE_FORM ? take(store, entry, header, &found, arrivals) : STATUS_OK;
}

static enum status retry(struct store *store, int64_t entry_id, uint32_t place, struct arrivals *arrivals) {
    struct stored_entry entry;
    struct header *header = malloc(sizeof *header);
    struct buffer memory = {0};
    enum status status = header != NULL ? record_load_entry(store, entry_id, &memory, &entry, header) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = header->cls == CLASS_RECORD ? record_apply(store, &entry, header) : again(store, &entry, header, place, arrivals);
    buffer_fini(&memory);
    free(header);
    return status;
}

enum status form_apply(struct store *store, const struct stored_entry *entry, const struct header *header, const struct change *change) {
    struct arrivals arrivals = {0};
    enum status status = take(store, entry, header, change, &arrivals);
    while (status == STATUS_OK && arrivals.count > 0) {
        int64_t waiting;
        uint32_t place;
        bool found;
        status = take_waiting(store, &arrivals.items[arrivals.count - 1], &found, &waiting, &place);
        if (status == STATUS_OK && !found)
            arrivals.count--;
        else if (status == STATUS_OK)
            status = retry(store, waiting, place, &arrivals);
    }
    free(arrivals.items);
    return status;
}
