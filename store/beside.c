#include "store/beside.h"

#include "protocol/planted.h"
#include "store/log.h"

#include <stdlib.h>

/* ---- along a branch ---- */

enum status beside_next(struct store *store, int64_t log_row_id, uint64_t seq, const struct hash *hash, struct header *header, struct hash *next, bool *found) {
    struct query query = db_query(store->db, "SELECT hash, header FROM fallen WHERE log = ? AND seq = ? ORDER BY hash");
    query_bind_int(&query, log_row_id);
    query_bind_int(&query, (int64_t)seq + 1);
    enum status status = STATUS_OK;
    *found = false;
    while (status == STATUS_OK && !*found && query_next(&query)) {
        status = header_decode(header, query_blob(&query, 1)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        *found = status == STATUS_OK && ID_EQUAL(&header->prev, hash);
        if (*found)
            query_fixed(&query, 0, next->b, sizeof next->b);
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

/* On from an entry to the last one that is kept behind it, but not past seq `most`. */
static enum status follow(struct store *store, int64_t log_row_id, uint64_t most, struct header *header, uint64_t *seq, struct hash *at) {
    struct hash next;
    bool found = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && found && *seq < most) {
        status = beside_next(store, log_row_id, *seq, at, header, &next, &found);
        if (status == STATUS_OK && found) {
            *at = next;
            (*seq)++;
        }
    }
    return status;
}

enum status beside_tip(struct store *store, const struct log_id *log, uint64_t seq, const struct short_hash *first, uint64_t *upto, struct hash *last) {
    struct log_row row;
    *upto = 0;
    enum status status = log_row(store, log, &row);
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(store->db, "SELECT hash FROM fallen WHERE log = ? AND seq = ? AND substr(hash, 1, 16) = ?");
    query_bind_int(&query, row.id);
    query_bind_int(&query, (int64_t)seq);
    query_bind_blob(&query, bytes_of(first->b, sizeof first->b));
    bool found = query_next(&query);
    if (found)
        query_fixed(&query, 0, last->b, sizeof last->b);
    status = query_end(&query);
    if (status != STATUS_OK || !found)
        return status != STATUS_OK ? status : STATUS_NOT_FOUND;
    struct header *header = malloc(sizeof *header);
    if (header == NULL)
        return STATUS_NO_MEMORY;
    *upto = seq;
    status = follow(store, row.id, SEQ_MAX, header, upto, last);
    free(header);
    return status;
}

/* The first entry at seq whose hash comes after this one; *found false: none. */
static enum status first_after(struct store *store, int64_t log_row_id, uint64_t seq, struct hash *after, bool *found) {
    struct query query = db_query(store->db, "SELECT hash FROM fallen WHERE log = ? AND seq = ? AND hash > ? ORDER BY hash LIMIT 1");
    query_bind_int(&query, log_row_id);
    query_bind_int(&query, (int64_t)seq);
    query_bind_blob(&query, bytes_of(after->b, sizeof after->b));
    *found = query_next(&query);
    if (*found)
        query_fixed(&query, 0, after->b, sizeof after->b);
    return query_end(&query);
}

enum status beside_leads(struct store *store, int64_t log_row_id, uint64_t seq, const struct ref *ref, struct header *header, struct hash *first, bool *found) {
    bool more = true;
    enum status status = STATUS_OK;
    *first = (struct hash){0};
    *found = false;
    while (status == STATUS_OK && !*found) {
        status = first_after(store, log_row_id, seq, first, &more);
        if (status != STATUS_OK || !more)
            return status;
        struct hash at = *first;
        uint64_t upto = seq;
        status = follow(store, log_row_id, ref->seq, header, &upto, &at);
        *found = status == STATUS_OK && upto == ref->seq && memcmp(at.b, ref->hash.b, sizeof ref->hash.b) == 0;
    }
    return status;
}

/* ---- keeping ---- */

static enum status forked_at(struct store *store, int64_t log_row_id, uint64_t *seq) {
    struct query query = db_query(store->db, "SELECT min(seq) FROM fork WHERE log = ?");
    query_bind_int(&query, log_row_id);
    *seq = query_next(&query) ? (uint64_t)query_int(&query, 0) : 0;
    return query_end(&query);
}

static enum status is_kept(struct store *store, const char *table, int64_t log_row_id, uint64_t seq, const struct hash *hash, bool *out) {
    struct query query = db_query(store->db, table);
    query_bind_int(&query, log_row_id);
    query_bind_int(&query, (int64_t)seq);
    query_bind_blob(&query, bytes_of(hash->b, sizeof hash->b));
    *out = query_next(&query);
    return query_end(&query);
}

/* What the peer brought of this log before was another branch. */
static enum status forget_other(struct store *store, int64_t log_row_id, const struct node_id *peer) {
    struct query query = db_query(store->db, "DELETE FROM fallen WHERE log = ? AND peer = ?");
    query_bind_int(&query, log_row_id);
    query_bind_blob(&query, bytes_of(peer->b, sizeof peer->b));
    return query_run(&query);
}

static enum status insert(struct store *store, int64_t log_row_id, const struct persist *item, int state) {
    struct bytes body = {0};
    enum status status = state == BODY_HELD ? log_keep_body(store, item->entry.body, &body) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct query query =
        db_query(store->db, "INSERT INTO fallen(log, seq, hash, header, signature, salt, body, body_state, peer) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query_bind_int(&query, log_row_id);
    query_bind_int(&query, (int64_t)item->seq);
    query_bind_blob(&query, bytes_of(item->hash.b, sizeof item->hash.b));
    query_bind_blob(&query, item->entry.header);
    query_bind_blob(&query, item->entry.signature);
    if (state == BODY_HELD) {
        query_bind_blob(&query, item->entry.salt);
        query_bind_blob(&query, body);
    } else {
        query_bind_null(&query);
        query_bind_null(&query);
    }
    query_bind_int(&query, state);
    query_bind_blob(&query, bytes_of(item->peer.b, sizeof item->peer.b));
    return query_run(&query);
}

enum status beside_keep(struct store *store, int64_t log_row_id, const struct persist *item, const struct header *header, int state, bool *kept) {
    static const char IN_LOG[] = "SELECT 1 FROM entry WHERE log = ? AND seq = ? AND hash = ?";
    static const char BESIDE[] = "SELECT 1 FROM fallen WHERE log = ? AND seq = ? AND hash = ?";
    struct ref wanted;
    uint64_t forked;
    bool follows = item->seq == 1;
    *kept = false;
    enum status status = forked_at(store, log_row_id, &forked);
    if (status != STATUS_OK || !tree_wanted(store->tree, &item->log, &wanted) || forked == 0 || item->seq < forked || item->seq > wanted.seq)
        return status;
    status = is_kept(store, BESIDE, log_row_id, item->seq, &item->hash, kept);
    if (status != STATUS_OK || *kept)
        return status;
    if (item->seq == forked && !PLANTED("branches-pile-up"))
        status = forget_other(store, log_row_id, &item->peer);
    if (status == STATUS_OK && item->seq > 1)
        status = is_kept(store, item->seq == forked ? IN_LOG : BESIDE, log_row_id, item->seq - 1, &header->prev, &follows);
    if (status != STATUS_OK || !follows)
        return status;
    *kept = true;
    return insert(store, log_row_id, item, state);
}
