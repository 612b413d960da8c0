#include "store/erase.h"

#include "protocol/trust.h"
#include "store/apply.h"
#include "store/log.h"

#include <stdlib.h>

struct named {
    int64_t entry;
    uint32_t place;
};
struct named_list {
    struct named *items;
    size_t count, capacity;
};

/* Every erasure that was ever written: which entry of it is erased the tree says. */
static enum status named_read(struct store *store, struct named_list *list) {
    struct query query = db_query(store->db, "SELECT entry, place FROM fact WHERE kind = 18");
    enum status status = STATUS_OK;
    static_assert(CHANGE_ERASE == 18, "the statement above says the same");
    while (status == STATUS_OK && query_next(&query)) {
        if (list->count == list->capacity) {
            size_t capacity = list->capacity > 0 ? list->capacity * 2 : 8;
            struct named *grown = realloc(list->items, capacity * sizeof *grown);
            if (grown == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            list->items = grown;
            list->capacity = capacity;
        }
        list->items[list->count++] = (struct named){query_int(&query, 0), (uint32_t)query_int(&query, 1)};
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

/* The change at a place of a control entry, which was well formed when it was taken. */
static enum status erasure_at(struct store *store, const struct named *item, struct header *header, struct erasure *out) {
    struct stored_entry entry;
    struct body_reader reader;
    struct change change;
    enum status status = log_read(store, item->entry, &entry, header);
    if (status == STATUS_OK) {
        status = body_open(&reader, entry.entry.body, CLASS_CONTROL);
    }
    while (status == STATUS_OK && body_next(&reader, &change)) {
        if (change.place == item->place) {
            return erasure_decode(out, change.payload) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        }
    }
    return status == STATUS_OK || status == STATUS_MALFORMED ? STATUS_STORE_DAMAGED : status;
}

/* Of a branch that fell nothing is left either. */
static enum status erase_fallen(struct store *store, int64_t log, const struct ref *ref) {
    struct query query =
        db_query(store->db, "UPDATE fallen SET salt = NULL, body = NULL, body_state = 4 WHERE log = ? AND seq = ? AND substr(hash, 1, 16) = ? AND body_state = 1");
    query_bind_int(&query, log);
    query_bind_int(&query, (int64_t)ref->seq);
    query_bind_blob(&query, bytes_of(ref->hash.b, sizeof ref->hash.b));
    enum status status = query_run(&query);
    store->erased = store->erased || (status == STATUS_OK && db_changes(store->db) > 0);
    return status;
}

/* Out of the views while its body is there to say what it wrote, then the body. */
static enum status erase_entry(struct store *store, int64_t id, int64_t log, int64_t state, struct header *header) {
    enum status status = state == BODY_HELD ? apply_withdraw(store, id, header) : STATUS_OK;
    store->erased = true;
    if (status == STATUS_OK) {
        status = apply_take_back_all(store, id);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct query query = db_query(store->db, "UPDATE entry SET salt = NULL, body = NULL, body_state = 4 WHERE id = ?");
    query_bind_int(&query, id);
    status = query_run(&query);
    if (status == STATUS_OK) {
        query = db_query(store->db, "DELETE FROM part WHERE entry = ?");
        query_bind_int(&query, id);
        status = query_run(&query);
    }
    return status == STATUS_OK ? log_changed(store, log) : status;
}

static enum status erase_ref(struct store *store, const struct ref *ref, struct header *header) {
    struct log_row row;
    enum status status = log_row(store, &ref->log, &row);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* what comes of it is dropped on sight */
    }
    status = erase_fallen(store, row.id, ref);
    struct query query = db_query(store->db, "SELECT id, header, hash, body_state FROM entry WHERE log = ? AND seq = ?");
    query_bind_int(&query, row.id);
    query_bind_int(&query, (int64_t)ref->seq);
    struct hash hash = {0};
    bool found = status == STATUS_OK && query_next(&query);
    int64_t id = query_int(&query, 0), state = query_int(&query, 3);
    if (found) {
        query_fixed(&query, 2, hash.b, sizeof hash.b);
        found = memcmp(hash.b, ref->hash.b, sizeof ref->hash.b) == 0 && state != BODY_ERASED;
        status = header_decode(header, query_blob(&query, 1)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    return status == STATUS_OK && found && header->cls != CLASS_CONTROL ? erase_entry(store, id, row.id, state, header) : status;
}

static enum status carry_out(struct store *store, const struct named *item, struct header *header, struct erasure *erasure) {
    enum status status = erasure_at(store, item, header, erasure);
    for (size_t i = 0; status == STATUS_OK && i < erasure->entries.count; i++) {
        if (tree_erased(store->tree, &erasure->entries.items[i])) {
            status = erase_ref(store, &erasure->entries.items[i], header);
        }
    }
    return status;
}

enum status erase_review(struct store *store) {
    struct named_list list = {0};
    struct header *header = NULL;
    struct erasure *erasure = NULL;
    enum status status = tree_erases(store->tree) ? named_read(store, &list) : STATUS_OK;
    if (status == STATUS_OK && list.count > 0) {
        header = malloc(sizeof *header);
        erasure = malloc(sizeof *erasure);
        status = header == NULL || erasure == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        status = carry_out(store, &list.items[i], header, erasure);
    }
    free(erasure);
    free(header);
    free(list.items);
    return status;
}

/* ---- for people ---- */

static bool tell(const struct store *store, const struct header *header, const struct hash *hash, const struct erasure *erasure, erase_each_fn *fn,
                 void *arg) {
    struct erased_item told = {.reason = erasure->has_reason ? &erasure->reason : NULL, .time = header->time, .first = true};
    header_ref(&told.by, header, hash);
    for (size_t i = 0; i < erasure->entries.count; i++) {
        told.entry = &erasure->entries.items[i];
        if (!tree_erased(store->tree, told.entry)) {
            continue;
        }
        if (!fn(arg, &told)) {
            return false;
        }
        told.first = false;
    }
    return true;
}

enum status erase_each(struct store *store, erase_each_fn *fn, void *arg) {
    struct named_list list = {0};
    struct header *header = malloc(sizeof *header);
    struct erasure *erasure = malloc(sizeof *erasure);
    enum status status = header == NULL || erasure == NULL ? STATUS_NO_MEMORY : tree_erases(store->tree) ? named_read(store, &list) : STATUS_OK;
    bool more = true;
    for (size_t i = list.count; status == STATUS_OK && more && i > 0; i--) {
        struct stored_entry entry;
        const struct named *item = &list.items[i - 1];
        if (tree_verdict(store->tree, item->entry, item->place) != STATUS_OK) {
            continue;
        }
        status = erasure_at(store, item, header, erasure);
        if (status == STATUS_OK) {
            status = log_read(store, item->entry, &entry, NULL);
        }
        if (status == STATUS_OK) {
            more = tell(store, header, &entry.hash, erasure, fn, arg);
        }
    }
    free(list.items);
    free(erasure);
    free(header);
    return status;
}
