#include "store/log.h"

#include <stdlib.h>

struct change_of_state {
    int64_t entry, log;
    uint64_t control_seq; /* of a control entry; 0: of another class */
    int state;
};
struct review {
    struct store *store;
    struct change_of_state *changes;
    size_t count, capacity;
};

static enum status note(struct review *review, const struct change_of_state *change) {
    if (review->count == review->capacity) {
        size_t capacity = review->capacity > 0 ? review->capacity * 2 : 64;
        struct change_of_state *grown = realloc(review->changes, capacity * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        review->changes = grown;
        review->capacity = capacity;
    }
    review->changes[review->count++] = *change;
    return STATUS_OK;
}

/* What is neither held nor erased is missing where the views entitle to it; an erased body is nobody's. */
static int state_by_views(const struct store *store, const struct header *header, const struct hash *hash) {
    struct ref ref;
    header_ref(&ref, header, hash);
    if (header->cls != CLASS_CONTROL && tree_erased(store->tree, &ref))
        return BODY_ERASED;
    return header->cls == CLASS_CONTROL || tree_may_hold_body(store->tree, &store->unit, header) ? BODY_MISSING : BODY_WITHHELD;
}

/* Judges the entries that the query gives (id, log, header, hash) anew: those that should not be in `state` are noted. */
static enum status judge(struct review *review, struct query *query, int state) {
    struct store *store = review->store;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        if (header_decode(store->seen_header, query_blob(query, 2)) != STATUS_OK) {
            status = STATUS_STORE_DAMAGED;
            break;
        }
        struct hash hash;
        query_fixed(query, 3, hash.b, sizeof hash.b);
        const struct header *header = store->seen_header;
        int now = state_by_views(store, header, &hash);
        if (now != state)
            status = note(review, &(struct change_of_state){query_int(query, 0), query_int(query, 1), header->cls == CLASS_CONTROL ? header->seq : 0, now});
    }
    enum status ended = query_end(query);
    return ended != STATUS_OK ? ended : status;
}

static enum status make_so(struct review *review) {
    struct store *store = review->store;
    enum status status = review->count > 0 ? store_touch(store) : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < review->count; i++) {
        const struct change_of_state *change = &review->changes[i];
        struct query query = db_query(store->db, "UPDATE entry SET body_state = ? WHERE id = ?");
        query_bind_int(&query, change->state);
        query_bind_int(&query, change->entry);
        status = query_run(&query);
        if (status == STATUS_OK && change->control_seq > 0) {
            query = db_query(store->db, "UPDATE log SET controlled = min(controlled, ?1 - 1) WHERE id = ?2");
            query_bind_int(&query, (int64_t)change->control_seq);
            query_bind_int(&query, change->log);
            status = query_run(&query);
        }
        bool last_of_log = i + 1 == review->count || review->changes[i + 1].log != change->log;
        if (status == STATUS_OK && last_of_log)
            status = log_changed(store, change->log);
    }
    return status;
}

enum status bodies_review(struct store *store) {
    uint64_t views = store_views_version(store);
    if (store->views_reviewed == views)
        return STATUS_OK;
    struct review review = {.store = store};
    struct query query = db_query(store->db, "SELECT id, log, header, hash FROM entry WHERE body_state = 3 ORDER BY log, seq");
    enum status status = judge(&review, &query, BODY_WITHHELD);
    if (status == STATUS_OK) {
        query = db_query(store->db, "SELECT id, log, header, hash FROM entry WHERE body_state = 2 ORDER BY log, seq");
        status = judge(&review, &query, BODY_MISSING);
    }
    if (status == STATUS_OK) {
        query = db_query(store->db, "SELECT id, log, header, hash FROM entry WHERE body_state = 4 ORDER BY log, seq");
        status = judge(&review, &query, BODY_ERASED);
    }
    if (status == STATUS_OK)
        status = make_so(&review);
    if (status == STATUS_OK)
        store->views_reviewed = views;
    free(review.changes);
    return status;
}
