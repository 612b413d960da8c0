#include "store/reissue.h"

#include "protocol/planted.h"
#include "store/log.h"

#include <stdlib.h>

enum { AT_ONCE = 64 };

/* This node's, or one's with which it goes on. */
#define OWN_LOG "(l.node = ? OR l.node IN (SELECT value FROM meta WHERE key GLOB 'former.*'))"

/* Rows up to this one are written again already. */
static enum status done_get(struct store *store, int64_t *out) {
    struct buffer row;
    *out = 0;
    buffer_init(&row, 8);
    enum status status = store_meta(store->db, "reissued", &row);
    for (size_t i = 0; status == STATUS_OK && i < row.len; i++)
        *out = *out << 8 | row.data[i];
    buffer_fini(&row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status done_put(struct store *store, int64_t done) {
    uint8_t row[8];
    for (int i = 0; i < 8; i++)
        row[i] = (uint8_t)((uint64_t)done >> (56 - 8 * i));
    return store_meta_put(store->db, "reissued", bytes_of(row, sizeof row));
}

static enum status write_again(struct store *store, uint8_t kind, const struct header *header, struct bytes body) {
    struct stored stored;
    const struct draft draft = {.kind = kind,
                                .cls = header->cls,
                                .reach = header->reach,
                                .audience_count = header->audience_count,
                                .audience = header->audience,
                                .seen_count = header->seen_count,
                                .seen = header->seen,
                                .body = body,
                                .batch = header->has_batch ? &header->batch : NULL};
    return log_append(store, &draft, &stored);
}

/* One part of them, in the order in which they fell: lower numbers of a log first. *more: perhaps not all. */
static enum status write_some(struct store *store, struct header *header, size_t *count, bool *more) {
    int64_t last;
    struct buffer body;
    enum status status = done_get(store, &last);
    buffer_init(&body, BODY_BYTES_MAX);
    *count = 0;
    struct query query = db_query(store->db, "SELECT f.rowid, l.kind, f.header, f.body FROM fallen f JOIN log l ON l.id = f.log WHERE " OWN_LOG " AND f.rowid > ? AND f.peer IS NULL AND f.body_state = 1"
                                             " ORDER BY f.rowid LIMIT ?");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    query_bind_int(&query, last);
    query_bind_int(&query, AT_ONCE);
    while (status == STATUS_OK && query_next(&query)) {
        last = query_int(&query, 0);
        buffer_clear(&body);
        status = log_take_body(store, query_blob(&query, 3), &body);
        if (status == STATUS_OK)
            status = header_decode(header, query_blob(&query, 2));
        if (status == STATUS_OK)
            status = write_again(store, (uint8_t)query_int(&query, 1), header, buffer_bytes(&body));
        ++*count;
    }
    enum status ended = query_end(&query);
    buffer_fini(&body);
    *more = *count == AT_ONCE;
    status = status != STATUS_OK ? status : ended;
    return status == STATUS_OK && *count > 0 ? done_put(store, last) : status;
}

static bool anything_fell(struct store *store) {
    int64_t done;
    if (tree_node(store->tree, &store->self) == TREE_NONE || done_get(store, &done) != STATUS_OK)
        return false;
    struct query query = db_query(store->db, "SELECT 1 FROM fallen f JOIN log l ON l.id = f.log WHERE " OWN_LOG " AND f.rowid > ? AND f.peer IS NULL AND f.body_state = 1 LIMIT 1");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    query_bind_int(&query, done);
    bool any = query_next(&query);
    return query_end(&query) == STATUS_OK && any;
}

enum status reissue_for(struct store *store, const struct node_id *former) {
    char key[8 + 2 * sizeof former->b] = "former.";
    request_hex(key + strlen(key), former->b, sizeof former->b);
    return store_meta_put(store->db, key, bytes_of(former->b, sizeof former->b));
}

void reissue(struct store *store, size_t *count) {
    size_t written = 0, now;
    bool more = store->apply_status == STATUS_OK && anything_fell(store) && !PLANTED("fallen-not-written-again");
    struct header *header = more ? malloc(sizeof *header) : NULL;
    while (more && header != NULL && store_begin(store) == STATUS_OK) {
        enum status status = write_some(store, header, &now, &more);
        if (status == STATUS_OK)
            status = apply_pending(store);
        if (status == STATUS_OK)
            status = store_commit(store);
        else
            store_rollback(store);
        more = more && status == STATUS_OK;
        written += status == STATUS_OK ? now : 0;
    }
    free(header);
    if (count != NULL)
        *count = written;
}
