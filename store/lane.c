#include "store/lane.h"

#include "protocol/planted.h"
#include "store/log.h"

#include <stdlib.h>

bool lane_revoked(struct store *store, const struct node_id *node) {
    int64_t entry;
    uint32_t at = tree_node(store->tree, node);
    return at != TREE_NONE && tree_revoked(store->tree, at, &entry);
}

/* ---- what it fetches ---- */

struct lane_walk {
    struct store *store;
    log_head_fn fn;
    const struct node_id *node;
    void *arg;
    bool going;
    enum status status;
};

static bool give(struct lane_walk *walk, const struct log_head *head) {
    walk->going = walk->going && walk->fn(walk->arg, head);
    return walk->going;
}

/* A log as if it ended with the last entry concerned. */
static bool give_ground(void *arg, const struct log_id *log, uint64_t upto) {
    struct lane_walk *walk = arg;
    struct log_head head = {.log = *log, .seq = upto, .cuts = true};
    struct log_row row;
    struct hash hash = {0};
    if (ID_EQUAL(&log->node, walk->node)) {
        return true; /* its own logs are given whole, below */
    }
    enum status status = log_row(walk->store, log, &row);
    if (status == STATUS_NOT_FOUND) {
        return true;
    }
    if (status == STATUS_OK && row.head_seq < upto) {
        return true; /* a branch has made room: what stood there speaks no more */
    }
    if (status == STATUS_OK) {
        struct query query = db_query(walk->store->db, "SELECT hash FROM entry WHERE log = ? AND seq = ?");
        query_bind_int(&query, row.id);
        query_bind_int(&query, (int64_t)upto);
        bool found = query_next(&query);
        if (found) {
            query_fixed(&query, 0, hash.b, sizeof hash.b);
        }
        status = query_end(&query);
        if (status == STATUS_OK && !found) {
            return true;
        }
    }
    walk->status = status;
    head.hash = hash_short(&hash);
    return status == STATUS_OK && give(walk, &head);
}

static void give_own(struct lane_walk *walk, const struct node_id *node) {
    struct query query = db_query(walk->store->db, "SELECT kind, epoch, head_seq, head_hash FROM log WHERE node = ? AND head_seq > 0 ORDER BY kind, epoch");
    query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
    while (walk->going && query_next(&query)) {
        struct log_head head = {.log = {.node = *node}};
        struct hash hash;
        head.log.kind = (uint8_t)query_int(&query, 0);
        query_fixed(&query, 1, head.log.epoch.b, sizeof head.log.epoch.b);
        head.seq = (uint64_t)query_int(&query, 2);
        query_fixed(&query, 3, hash.b, sizeof hash.b);
        head.hash = hash_short(&hash);
        give(walk, &head);
    }
    enum status status = query_end(&query);
    if (walk->status == STATUS_OK) {
        walk->status = status;
    }
}

enum status lane_each_log(struct store *store, const struct node_id *node, log_head_fn fn, void *arg) {
    struct lane_walk walk = {.store = store, .node = node, .fn = fn, .arg = arg, .going = true, .status = store_tree_ready(store)};
    const struct log_id any = {.node = *node, .kind = LOG_DIRECTIVE};
    if (walk.status == STATUS_OK) {
        enum status status = tree_each_ground(store->tree, &any, NULL, give_ground, &walk);
        walk.status = walk.status == STATUS_OK ? status : walk.status;
    }
    if (walk.status == STATUS_OK) {
        give_own(&walk, node);
    }
    return walk.status;
}

/* ---- what it hands in ---- */

/* What is kept of one log past its cut. */
static enum status count_past(struct store *store, int64_t log, uint64_t upto, uint64_t *entries, uint64_t *bytes) {
    struct query query =
        db_query(store->db, "SELECT count(*), coalesce(sum(length(header) + coalesce(length(body), 0)), 0) FROM entry WHERE log = ? AND seq > ?");
    query_bind_int(&query, log);
    query_bind_int(&query, (int64_t)upto);
    if (query_next(&query)) {
        *entries += (uint64_t)query_int(&query, 0);
        *bytes += (uint64_t)query_int(&query, 1);
    }
    return query_end(&query);
}

bool lane_has_room(struct store *store, const struct log_id *log, uint64_t seq, uint64_t entries, uint64_t bytes) {
    struct tree_standing standing;
    tree_log_standing(store->tree, log, &standing);
    if (seq <= standing.upto || standing.why != STATUS_AUTHOR_CUT || PLANTED("past-cut-without-bound")) {
        return true;
    }
    struct query query = db_query(store->db, "SELECT id, kind, epoch FROM log WHERE node = ?");
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id each = {.node = log->node, .kind = (uint8_t)query_int(&query, 1)};
        query_fixed(&query, 2, each.epoch.b, sizeof each.epoch.b);
        tree_log_standing(store->tree, &each, &standing);
        if (standing.why == STATUS_AUTHOR_CUT) {
            status = count_past(store, query_int(&query, 0), standing.upto, &entries, &bytes);
        }
    }
    enum status ended = query_end(&query);
    return status == STATUS_OK && ended == STATUS_OK && entries < LANE_ENTRIES_MAX && bytes < LANE_BYTES_MAX;
}
