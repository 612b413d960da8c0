/* What the logs of each author come to. Each row of `log` says what its entries up to the seq `counted` come to, so that only what has come since is read. */
#include "store/bounds.h"
#include "store/log.h"

#include <stdlib.h>

struct bounds_weight bounds_weight_of(const struct header *header, size_t header_bytes, int body_state) {
    bool wanted = body_state == BODY_HELD || body_state == BODY_MISSING;
    struct bounds_weight weight = {.bytes = header_bytes + (wanted ? header->body_bytes : 0)};
    weight.control = header->cls == CLASS_CONTROL ? weight.bytes : 0;
    return weight;
}

struct counted {
    int64_t id;
    struct node_id author;
    uint64_t counted, head;
    struct bounds_weight weight;
};
struct counted_list {
    struct counted *items;
    size_t count, capacity;
};

static enum status list_add(struct counted_list *list, const struct counted *item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        struct counted *grown = realloc(list->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = *item;
    return STATUS_OK;
}

static enum status read_list(struct store *store, struct counted_list *list) {
    struct query query = db_query(store->db, "SELECT id, node, counted, head_seq, bytes, control FROM log WHERE kind < 3");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct counted item = {.id = query_int(&query, 0),
                               .counted = (uint64_t)query_int(&query, 2),
                               .head = (uint64_t)query_int(&query, 3),
                               .weight = {(uint64_t)query_int(&query, 4), (uint64_t)query_int(&query, 5)}};
        query_fixed(&query, 1, item.author.b, sizeof item.author.b);
        status = list_add(list, &item);
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

/* Ends the query (header, body_state). */
static enum status add_rows(struct query *query, struct header *header, struct counted *log, uint64_t *rows) {
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        struct bytes bytes = query_blob(query, 0);
        status = header_decode(header, bytes) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        if (status == STATUS_OK) {
            struct bounds_weight weight = bounds_weight_of(header, bytes.len, (int)query_int(query, 1));
            log->weight.bytes += weight.bytes;
            log->weight.control += weight.control;
            ++*rows;
        }
    }
    enum status ended = query_end(query);
    return status != STATUS_OK ? status : ended;
}

/* Branches that fell, and those on their way, count with their log; of them not every one is counted by itself, so that with them all is. */
static enum status count_one(struct store *store, struct header *header, struct counted *log, uint64_t *uncounted) {
    enum status status = STATUS_OK;
    if (log->counted == 0) {
        struct query query = db_query(store->db, "SELECT header, body_state FROM fallen WHERE log = ?");
        query_bind_int(&query, log->id);
        status = add_rows(&query, header, log, uncounted);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct query query = db_query(store->db, "SELECT header, body_state FROM entry WHERE log = ? AND seq > ?");
    query_bind_int(&query, log->id);
    query_bind_int(&query, (int64_t)log->counted);
    return add_rows(&query, header, log, uncounted);
}

static enum status save_one(struct store *store, const struct counted *log) {
    struct query query = db_query(store->db, "UPDATE log SET counted = head_seq, bytes = ?, control = ? WHERE id = ?");
    query_bind_int(&query, (int64_t)log->weight.bytes);
    query_bind_int(&query, (int64_t)log->weight.control);
    query_bind_int(&query, log->id);
    return query_run(&query);
}

enum status bounds_count(struct store *store, bool save, bounds_fn *fn, void *arg, uint64_t *uncounted) {
    struct counted_list list = {0};
    struct header *header = malloc(sizeof *header);
    enum status status = header == NULL ? STATUS_NO_MEMORY : read_list(store, &list);
    *uncounted = 0;
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        struct counted *log = &list.items[i];
        bool behind = log->counted < log->head || log->counted == 0;
        status = behind ? count_one(store, header, log, uncounted) : STATUS_OK;
        if (status == STATUS_OK && save && behind) {
            status = save_one(store, log);
        }
        if (status == STATUS_OK) {
            fn(arg, &log->author, &log->weight);
        }
    }
    free(list.items);
    free(header);
    return status;
}

enum status bounds_recount(struct store *store, int64_t log_row_id) {
    struct query query = db_query(store->db, "UPDATE log SET counted = 0, bytes = 0, control = 0 WHERE id = ?");
    query_bind_int(&query, log_row_id);
    bounds_forget(store);
    return query_run(&query);
}
