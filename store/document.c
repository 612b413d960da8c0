/* Documents: who they come from and what they are called, for the inbox. The text stays in its entry. */
#include "store/document.h"

#include "protocol/person.h"
#include "protocol/trust.h"
#include "store/apply.h"

#include <stdlib.h>

static enum status keep(struct store *store, const struct stored_entry *entry, const struct header *header, uint32_t place, struct bytes title) {
    uint32_t unit;
    uint8_t roles;
    enum status status = apply_author(store, &header->log, &unit, &roles);
    if (status != STATUS_OK) {
        return status;
    }
    const struct unit_id *id = tree_unit_id(store->tree, unit);
    struct query query = db_query(store->db, "INSERT OR REPLACE INTO document(entry, place, unit, time, title) VALUES(?, ?, ?, ?, ?)");
    query_bind_int(&query, entry->id);
    query_bind_int(&query, place);
    query_bind_blob(&query, bytes_of(id->b, sizeof id->b));
    query_bind_int(&query, header->time);
    query_bind_text(&query, title);
    return query_run(&query);
}

#ifdef HOI_TEST_KIND
static enum status test_title(struct bytes payload, struct bytes *title) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, 2, 2);
    *title = reader_str(&reader, 1, DOCUMENT_TITLE_BYTES_MAX);
    reader_str(&reader, 0, DOCUMENT_TEXT_BYTES_MAX);
    reader_close(&reader);
    return reader_end(&reader);
}
#endif

/* The title of a change that is shown as a document; empty for one that is not. */
static enum status title_of(const struct change *change, struct document *room, struct bytes *title) {
    *title = (struct bytes){0};
    if (person_is(change->kind)) {
        struct person person;
        return person_decode(&person, change->payload);
    }
#ifdef HOI_TEST_KIND
    if (change->kind == APPLY_TEST_KIND) {
        return test_title(change->payload, title);
    }
#endif
    if (change->kind == CHANGE_REASON) {
        struct bytes text;
        return reason_decode(&text, change->payload); /* shown with what names it */
    }
    if (change->kind != CHANGE_DOCUMENT) {
        return STATUS_OK;
    }
    enum status status = document_decode(room, change->payload);
    *title = room->title;
    return status;
}

/* Two walks: all known changes are well formed, then each is kept. */
static enum status walk(struct store *store, const struct stored_entry *entry, const struct header *header, struct document *room, bool check) {
    struct body_reader reader;
    struct change change;
    struct bytes title;
    enum status status = body_open(&reader, entry->entry.body, CLASS_DOCUMENT);
    while (status == STATUS_OK && body_next(&reader, &change)) {
        if (!apply_knows(change.kind)) {
            status = check ? STATUS_OK : apply_set_aside(store, entry->id, change.place, STATUS_CHANGE_UNKNOWN, (struct bytes){0});
            continue;
        }
        status = title_of(&change, room, &title);
        if (status == STATUS_CRITICAL_EXTENSION) {
            status = check ? STATUS_OK : apply_set_aside(store, entry->id, change.place, status, (struct bytes){0});
        } else if (status == STATUS_OK && !check && title.len > 0) {
            status = keep(store, entry, header, change.place, title);
        }
    }
    return status == STATUS_OK ? body_close(&reader) : status;
}

enum status document_apply(struct store *store, const struct stored_entry *entry, const struct header *header) {
    struct document *room = malloc(sizeof *room);
    if (room == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = walk(store, entry, header, room, true);
    if (status != STATUS_OK) {
        status = apply_whole_aside(store, entry->id, STATUS_MALFORMED);
    } else {
        status = walk(store, entry, header, room, false);
    }
    free(room);
    return status;
}

/* ---- reading ---- */

static bool addressed(const struct store *store, const struct header *header, const struct unit_id *from) {
    uint32_t unit = tree_unit(store->tree, &store->unit);
    return unit != TREE_NONE && !ID_EQUAL(from, &store->unit) && tree_selected(store->tree, header->audience, header->audience_count, unit);
}

/* The change at a place of an entry's body, decoded as a document. */
static enum status decode_at(struct bytes body, uint32_t place, struct document *out) {
    struct body_reader reader;
    struct change change;
    enum status status = body_open(&reader, body, CLASS_DOCUMENT);
    bool found = false;
    while (status == STATUS_OK && !found && body_next(&reader, &change)) {
        found = change.place == place;
    }
    if (status != STATUS_OK || !found) {
        return STATUS_STORE_DAMAGED;
    }
#ifdef HOI_TEST_KIND
    if (change.kind == APPLY_TEST_KIND) {
        *out = (struct document){0};
        return test_title(change.payload, &out->title);
    }
#endif
    return document_decode(out, change.payload) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
}

enum status document_each(struct store *store, bool (*fn)(void *arg, const struct document_item *item), void *arg) {
    struct document *document = malloc(sizeof *document);
    struct header *header = malloc(sizeof *header);
    enum status status = document == NULL || header == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    bool more = true;
    struct query query = db_query(store->db, "SELECT entry, place, unit, time FROM document ORDER BY time DESC, entry DESC, place");
    while (status == STATUS_OK && more && query_next(&query)) {
        struct stored_entry entry;
        struct document_item item = {.time = query_int(&query, 3), .document = document};
        query_fixed(&query, 2, item.from.b, sizeof item.from.b);
        status = log_read(store, query_int(&query, 0), &entry, header);
        if (status == STATUS_OK && entry.entry.salt.len > 0) {
            header_ref(&item.ref, header, &entry.hash);
            item.addressed = addressed(store, header, &item.from);
            status = decode_at(entry.entry.body, (uint32_t)query_int(&query, 1), document);
            more = status != STATUS_OK || fn(arg, &item);
        }
    }
    enum status ended = query_end(&query);
    free(document);
    free(header);
    return status != STATUS_OK ? status : ended;
}

enum status document_count(struct store *store, int64_t *out) {
    struct header *header = malloc(sizeof *header);
    enum status status = header == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    struct query query = db_query(store->db, "SELECT d.unit, e.header FROM document d JOIN entry e ON e.id = d.entry");
    *out = 0;
    while (status == STATUS_OK && query_next(&query)) {
        struct unit_id from;
        query_fixed(&query, 0, from.b, sizeof from.b);
        status = header_decode(header, query_blob(&query, 1)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        *out += status == STATUS_OK && addressed(store, header, &from);
    }
    enum status ended = query_end(&query);
    free(header);
    return status != STATUS_OK ? status : ended;
}
