#include "store/beside.h"
#include "store/bounds.h"
#include "store/branch.h"
#include "store/ground.h"
#include "store/lane.h"
#include "store/log.h"

#include <stdlib.h>

static void bind_log(struct query *query, const struct log_id *log) {
    query_bind_blob(query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(query, log->kind);
    query_bind_blob(query, bytes_of(log->epoch.b, sizeof log->epoch.b));
}

static uint64_t replica_version(void *ctx) {
    return store_version(ctx);
}

static uint64_t replica_views_version(void *ctx) {
    return store_views_version(ctx);
}

/* A node begins a log at most as often as its PC is put back or comes up alone; with more, every list of logs would grow by somebody's will. */
static bool epoch_has_room(struct store *store, const struct log_id *log) {
    enum { LOGS_OF_A_NODE_MAX = 10000 };
    struct log_row row;
    enum status status = log_row(store, log, &row);
    if (status != STATUS_NOT_FOUND)
        return true; /* held already; or what is wrong with the disk shows when it is written */
    struct query query = db_query(store->db, "SELECT count(*) FROM log WHERE node = ?");
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    int64_t count = query_next(&query) ? query_int(&query, 0) : 0;
    return query_end(&query) != STATUS_OK || count < LOGS_OF_A_NODE_MAX;
}

static bool replica_may_hold_log(void *ctx, const struct unit_id *unit, const struct log_id *log) {
    struct store *store = ctx;
    return tree_may_hold_log(store->tree, unit, log) && epoch_has_room(store, log);
}

static bool replica_may_accept_log(void *ctx, const struct unit_id *peer, const struct log_id *log) {
    struct store *store = ctx;
    bool accepted = tree_may_accept_log(store->tree, &store->unit, log) || tree_hands_up(store->tree, peer, &store->unit, log);
    return accepted && epoch_has_room(store, log);
}

/* The body of an entry held that a standing erasure names is nobody's. One that is not held yet is dropped when it comes (store/persist.c). */
static bool erased(struct store *store, const struct header *header) {
    struct ref ref = {.log = header->log, .seq = header->seq};
    struct hash hash;
    struct query query =
        db_query(store->db, "SELECT e.hash FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    bind_log(&query, &header->log);
    query_bind_int(&query, (int64_t)header->seq);
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        ref.hash = hash_short(&hash);
    }
    return query_end(&query) == STATUS_OK && found && tree_erased(store->tree, &ref);
}

static bool replica_may_hold_body(void *ctx, const struct unit_id *unit, const struct header *header) {
    struct store *store = ctx;
    return tree_may_hold_body(store->tree, unit, header) && !(header->cls != CLASS_CONTROL && tree_erases(store->tree) && erased(store, header));
}

static bool replica_may_hold_receipt(void *ctx, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log) {
    const struct store *store = ctx;
    return tree_may_hold_receipt(store->tree, unit, holder, log);
}

/* ---- shared logs ---- */

struct shared_log {
    struct log_head head;
    uint32_t author; /* handle in the tree; TREE_NONE: the recovery keys, or a node that waits */
};
/* Evidence: the headers at the lowest forked seq of a log, in the table of forks and in the log itself. */
static const char SELECT_EVIDENCE_OF_LOG[] =
    "SELECT f.hash, f.header, f.signature FROM fork f WHERE f.log = ?1 UNION SELECT e.hash, e.header, e.signature FROM entry e WHERE e.log = ?1"
    " AND e.seq = (SELECT min(seq) FROM fork WHERE log = ?1)";

struct gather {
    struct store *store;
    const struct unit_id *peer;
    struct shared_log *logs;
    size_t count, capacity;
    enum status status;
};

/* Takes the rows that a query gives (node, kind, epoch, head_seq, head_hash), those that both may hold. Ends the query. */
static void gather_rows(struct gather *gather, struct query *query) {
    struct store *store = gather->store;
    while (gather->status == STATUS_OK && query_next(query)) {
        struct shared_log log = {.author = TREE_NONE};
        struct hash hash;
        query_fixed(query, 0, log.head.log.node.b, sizeof log.head.log.node.b);
        log.head.log.kind = (uint8_t)query_int(query, 1);
        query_fixed(query, 2, log.head.log.epoch.b, sizeof log.head.log.epoch.b);
        log.head.seq = (uint64_t)query_int(query, 3);
        query_fixed(query, 4, hash.b, sizeof hash.b);
        log.head.hash = hash_short(&hash);
        if (log.head.log.kind != LOG_RECOVERY)
            log.author = tree_node(store->tree, &log.head.log.node);
        if (log.head.seq == 0 || !tree_may_accept_log(store->tree, &store->unit, &log.head.log) || !tree_may_hold_log(store->tree, gather->peer, &log.head.log))
            continue; /* also a log whose author is not admitted here */
        log.head.named = !tree_may_hold_log(store->tree, &store->unit, &log.head.log);
        if (query_int(query, 5) > 0 && (gather->status = branch_fork_mark(store, &log.head.log, &log.head.fork)) != STATUS_OK)
            break;
        if (gather->count == gather->capacity) {
            size_t capacity = gather->capacity > 0 ? gather->capacity * 2 : 64;
            struct shared_log *grown = realloc(gather->logs, capacity * sizeof *grown);
            if (grown == NULL) {
                gather->status = STATUS_NO_MEMORY;
                break;
            }
            gather->logs = grown;
            gather->capacity = capacity;
        }
        gather->logs[gather->count++] = log;
    }
    enum status status = query_end(query);
    if (gather->status == STATUS_OK)
        gather->status = status;
}

static void gather_node(struct gather *gather, const struct node_id *node) {
    struct query query =
        db_query(gather->store->db, "SELECT node, kind, epoch, head_seq, head_hash, (SELECT min(seq) FROM fork WHERE log = log.id) FROM log WHERE node = ?");
    query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
    gather_rows(gather, &query);
}

static bool gather_unit(void *arg, uint32_t unit, unsigned depth) {
    struct gather *gather = arg;
    struct tree *tree = gather->store->tree;
    const uint32_t *nodes;
    (void)depth;
    size_t count = tree_unit_nodes(tree, unit, &nodes);
    for (size_t i = 0; gather->status == STATUS_OK && i < count; i++)
        gather_node(gather, &tree_node_at(tree, nodes[i])->id);
    return gather->status == STATUS_OK;
}

/* What two units share lies in what either may hold: its subtree, its line, and whoever a move has made part of that. Of a parent and one of 3,321 children,
 * the child's is a handful. So a session costs what its peer may see, not what this node holds. */
static void gather_all(struct gather *gather) {
    struct store *store = gather->store;
    static const struct node_id recovery;
    gather_node(gather, &recovery);
    uint32_t own = tree_unit(store->tree, &store->unit), peer = tree_unit(store->tree, gather->peer);
    if (peer == TREE_NONE && own == TREE_NONE)
        return;
    uint32_t lower = peer == TREE_NONE || (own != TREE_NONE && tree_is_under(store->tree, own, peer, TREE_TODAY)) ? own : peer;
    enum status status = tree_each_above(store->tree, lower, gather_unit, gather);
    if (gather->status == STATUS_OK)
        gather->status = status;
    tree_walk(store->tree, lower, TREE_TODAY, gather_unit, gather);
    if (lower == own)
        tree_each_named(store->tree, own, gather_unit, gather);
    const uint32_t *waiting;
    size_t count = tree_waiting_nodes(store->tree, &waiting);
    for (size_t i = 0; gather->status == STATUS_OK && i < count; i++)
        gather_node(gather, &tree_node_at(store->tree, waiting[i])->id);
}

static void gather_since(struct gather *gather, uint64_t since) {
    struct query query =
        db_query(gather->store->db, "SELECT node, kind, epoch, head_seq, head_hash, (SELECT min(seq) FROM fork WHERE log = log.id) FROM log WHERE version > ?");
    query_bind_int(&query, since > INT64_MAX ? INT64_MAX : (int64_t)since);
    gather_rows(gather, &query);
}

/* The recovery log, then by the author's seniority, then those that wait; the directive log before the report log, then epochs. */
static int shared_log_order(const void *x, const void *y, void *arg) {
    const struct shared_log *a = x, *b = y;
    const struct tree *tree = arg;
    bool a_recovery = a->head.log.kind == LOG_RECOVERY, b_recovery = b->head.log.kind == LOG_RECOVERY;
    if (a_recovery || b_recovery)
        return (int)b_recovery - (int)a_recovery;
    bool a_waits = a->author == TREE_NONE, b_waits = b->author == TREE_NONE;
    if (a_waits != b_waits)
        return (int)a_waits - (int)b_waits;
    if (a_waits && !ID_EQUAL(&a->head.log.node, &b->head.log.node))
        return ID_COMPARE(&a->head.log.node, &b->head.log.node);
    if (a->author != b->author)
        return tree_seniority(tree, a->author, b->author);
    if (a->head.log.kind != b->head.log.kind)
        return a->head.log.kind == LOG_DIRECTIVE ? -1 : 1;
    return ID_COMPARE(&a->head.log.epoch, &b->head.log.epoch);
}

/* Which logs go before others. */
static enum status mark_cuts(struct gather *gather) {
    const struct tree *tree = gather->store->tree;
    uint8_t *cutters = calloc(tree_node_count(tree), 1);
    if (cutters == NULL)
        return STATUS_NO_MEMORY;
    bool any = tree_cutters(tree, cutters);
    for (size_t i = 0; any && i < gather->count; i++)
        gather->logs[i].head.cuts = gather->logs[i].author != TREE_NONE && cutters[gather->logs[i].author] != 0;
    free(cutters);
    return STATUS_OK;
}

static enum status replica_each_shared_log(void *ctx, const struct unit_id *peer, uint64_t since, log_head_fn fn, void *arg) {
    struct store *store = ctx;
    struct gather gather = {.store = store, .peer = peer, .status = store_tree_ready(store)};
    if (gather.status != STATUS_OK)
        return gather.status;
    if (since > 0)
        gather_since(&gather, since);
    else
        gather_all(&gather);
    if (gather.status == STATUS_OK && gather.count > 0)
        gather.status = mark_cuts(&gather);
    if (gather.status == STATUS_OK && gather.count > 0) {
        qsort_r(gather.logs, gather.count, sizeof gather.logs[0], shared_log_order, store->tree);
        for (size_t i = 0; i < gather.count && fn(arg, &gather.logs[i].head); i++) {}
    }
    free(gather.logs);
    return gather.status;
}

static enum status replica_head(void *ctx, const struct log_id *log, struct log_head *out) {
    struct log_row row;
    memset(out, 0, sizeof *out);
    enum status status = log_row(ctx, log, &row);
    if (status != STATUS_OK)
        return status;
    *out = (struct log_head){.log = *log, .seq = row.head_seq, .hash = hash_short(&row.head_hash)};
    return STATUS_OK;
}

/* ---- entries ---- */

static enum status replica_entry(void *ctx, const struct log_id *log, uint64_t seq, struct entry *out) {
    struct store *store = ctx;
    struct stored_entry stored;
    enum status status = log_read_at(store, log, seq, &store->replica_entry, &stored);
    *out = stored.entry;
    return status;
}

static enum status replica_evidence(void *ctx, const struct log_id *log, const struct short_hash *wanted, struct entry *out) {
    struct store *store = ctx;
    struct buffer *memory = &store->replica_evidence;
    struct log_row row;
    size_t header_len = 0;
    *out = (struct entry){0};
    buffer_clear(memory);
    enum status status = log_row(store, log, &row);
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(store->db, SELECT_EVIDENCE_OF_LOG);
    query_bind_int(&query, row.id);
    while (status == STATUS_OK && memory->len == 0 && query_next(&query)) {
        struct bytes hash = query_blob(&query, 0);
        if (hash.len < sizeof wanted->b || memcmp(hash.data, wanted->b, sizeof wanted->b) != 0)
            continue;
        struct bytes header = query_blob(&query, 1);
        header_len = header.len;
        status = buffer_append(memory, header.data, header.len);
        struct bytes signature = query_blob(&query, 2);
        if (status == STATUS_OK)
            status = buffer_append(memory, signature.data, signature.len);
    }
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    if (status == STATUS_OK && memory->len == 0)
        return STATUS_NOT_FOUND;
    if (status == STATUS_OK)
        *out = (struct entry){.header = bytes_of(memory->data, header_len), .signature = bytes_of(memory->data + header_len, memory->len - header_len)};
    return status;
}

static bool replica_wanted(void *ctx, const struct log_id *log, uint64_t *upto) {
    const struct store *store = ctx;
    struct ref ref = {.seq = 0};
    bool wanted = tree_wanted(store->tree, log, &ref);
    *upto = ref.seq;
    return wanted;
}

static enum status replica_beside(void *ctx, const struct log_id *log, uint64_t seq, const struct short_hash *first, uint64_t *upto, struct hash *last) {
    return beside_tip(ctx, log, seq, first, upto, last);
}

static enum status replica_each_gap(void *ctx, const struct log_id *log, gap_fn fn, void *arg) {
    struct store *store = ctx;
    struct query query = db_query(store->db, "SELECT e.seq FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND l.gaps "
                                             "> 0 AND e.body_state = 2 ORDER BY e.seq");
    bind_log(&query, log);
    uint64_t from = 0, to = 0;
    bool going = true;
    while (going && query_next(&query)) {
        uint64_t seq = (uint64_t)query_int(&query, 0);
        if (from != 0 && seq == to + 1) {
            to = seq;
            continue;
        }
        if (from != 0)
            going = fn(arg, from, to);
        from = to = seq;
    }
    enum status status = query_end(&query);
    if (status == STATUS_OK && going && from != 0)
        (void)fn(arg, from, to);
    return status;
}

static uint32_t replica_partial(void *ctx, const struct log_id *log, uint64_t seq, struct bytes *held) {
    struct store *store = ctx;
    struct buffer *memory = &store->replica_part;
    struct query query = db_query(store->db, "SELECT p.body FROM log l JOIN entry e ON e.log = l.id JOIN part p ON p.entry = e.id"
                                             " WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ? AND e.body_state IN (2, 3)");
    bind_log(&query, log);
    query_bind_int(&query, (int64_t)seq);
    buffer_clear(memory);
    enum status status = STATUS_OK;
    if (query_next(&query)) {
        struct bytes body = query_blob(&query, 0);
        status = buffer_append(memory, body.data, body.len);
    }
    enum status ended = query_end(&query);
    if (status != STATUS_OK || ended != STATUS_OK)
        buffer_clear(memory); /* then it is asked for from its start */
    if (held != NULL)
        *held = buffer_bytes(memory);
    return (uint32_t)memory->len;
}

static enum status replica_node(void *ctx, const struct node_id *node, uint8_t signing_key[32], struct unit_id *unit) {
    const struct store *store = ctx;
    uint32_t at = tree_held_node(store->tree, node);
    if (at == TREE_NONE) {
        memset(signing_key, 0, 32);
        memset(unit, 0, sizeof *unit);
        return STATUS_AUTHOR_UNKNOWN;
    }
    const struct tree_node *found = tree_node_at(store->tree, at);
    memcpy(signing_key, found->signing_key, 32);
    const struct log_id log = {.node = *node, .kind = LOG_DIRECTIVE};
    *unit = *tree_unit_id(store->tree, tree_author_unit(store->tree, &log));
    return STATUS_OK;
}

/* ---- the lane of a revoked key ---- */

static bool replica_revoked(void *ctx, const struct node_id *node) {
    return lane_revoked(ctx, node);
}

static enum status replica_each_lane_log(void *ctx, const struct node_id *node, log_head_fn fn, void *arg) {
    return lane_each_log(ctx, node, fn, arg);
}

static unsigned replica_no_room(void *ctx, const struct header *header, uint64_t entries, uint64_t bytes) {
    return bounds_no_room(ctx, header, entries, bytes);
}

/* ---- beyond what both may hold ---- */

static enum status replica_each_ground(void *ctx, const struct unit_id *peer, const struct ref *claimed, size_t count, ground_fn fn, void *arg) {
    const struct ground_of of = {.peer = peer, .claimed = claimed, .count = count};
    return ground_each(ctx, &of, fn, arg);
}

static bool replica_takes_ground(void *ctx, const struct node_id *peer, const struct log_id *log, const struct ref *of, size_t taken) {
    return ground_taken(ctx, peer, log, of, taken);
}

static enum status replica_each_handed(void *ctx, const struct unit_id *peer, log_head_fn fn, void *arg) {
    return ground_each_handed(ctx, peer, fn, arg);
}

static bool replica_hands_up(void *ctx, const struct unit_id *lower, const struct unit_id *upper, const struct log_id *log) {
    const struct store *store = ctx;
    return tree_hands_up(store->tree, lower, upper, log);
}

static bool replica_hands_body(void *ctx, const struct unit_id *lower, const struct unit_id *upper, const struct header *header) {
    struct store *store = ctx;
    return tree_hands_body(store->tree, lower, upper, header) && !(header->cls != CLASS_CONTROL && tree_erases(store->tree) && erased(store, header));
}

static enum status replica_each_handed_gap(void *ctx, const struct unit_id *lower, const struct log_id *log, gap_fn fn, void *arg) {
    return ground_each_handed_gap(ctx, lower, log, fn, arg);
}

/* ---- receipts ---- */

/* Gives the rows (bytes, signature) of a query to fn, those that both this node and the peer may hold. Ends the query. */
static enum status receipts_give(struct store *store, const struct unit_id *peer, struct query *query, receipt_fn fn, void *arg) {
    enum status status = STATUS_OK;
    bool going = true;
    while (going && status == STATUS_OK && query_next(query)) {
        struct receipt receipt;
        struct signed_receipt bytes = {.receipt = query_blob(query, 0)};
        query_fixed(query, 1, bytes.signature, sizeof bytes.signature);
        if (receipt_decode(&receipt, bytes.receipt) != STATUS_OK)
            status = STATUS_STORE_DAMAGED;
        else if (tree_may_hold_receipt(store->tree, peer, &receipt.holder, &receipt.log) &&
                 tree_may_hold_receipt(store->tree, &store->unit, &receipt.holder, &receipt.log))
            going = fn(arg, &receipt, &bytes);
    }
    enum status ended = query_end(query);
    return ended != STATUS_OK ? ended : status;
}

static enum status replica_each_receipt(void *ctx, const struct unit_id *peer, const struct log_id *log, receipt_fn fn, void *arg) {
    struct store *store = ctx;
    struct query query = db_query(store->db, "SELECT bytes, signature FROM receipt WHERE node = ? AND kind = ? AND epoch = ? ORDER BY holder");
    bind_log(&query, log);
    return receipts_give(store, peer, &query, fn, arg);
}

static enum status replica_each_receipt_since(void *ctx, const struct unit_id *peer, uint64_t since, receipt_fn fn, void *arg) {
    struct store *store = ctx;
    struct query query = db_query(store->db, "SELECT bytes, signature FROM receipt WHERE version > ? ORDER BY version");
    query_bind_int(&query, since > INT64_MAX ? INT64_MAX : (int64_t)since);
    return receipts_give(store, peer, &query, fn, arg);
}

static enum status replica_receipt(void *ctx, const struct node_id *holder, const struct log_id *log, struct receipt *out, struct signed_receipt *bytes) {
    struct store *store = ctx;
    struct buffer *memory = &store->replica_receipt;
    struct signed_receipt found = {0};
    memset(out, 0, sizeof *out);
    buffer_clear(memory);
    struct query query = db_query(store->db, "SELECT bytes, signature FROM receipt WHERE node = ? AND kind = ? AND epoch = ? AND holder = ?");
    bind_log(&query, log);
    query_bind_blob(&query, bytes_of(holder->b, sizeof holder->b));
    enum status status = STATUS_NOT_FOUND;
    if (query_next(&query)) {
        struct bytes kept = query_blob(&query, 0);
        query_fixed(&query, 1, found.signature, sizeof found.signature);
        status = buffer_append(memory, kept.data, kept.len);
    }
    enum status ended = query_end(&query);
    if (ended != STATUS_OK)
        status = ended;
    found.receipt = buffer_bytes(memory);
    if (status == STATUS_OK && receipt_decode(out, found.receipt) != STATUS_OK)
        status = STATUS_STORE_DAMAGED;
    if (status != STATUS_OK)
        found = (struct signed_receipt){0};
    if (bytes != NULL)
        *bytes = found;
    return status;
}

static const struct replica_ops replica_table = {
    .version = replica_version,
    .views_version = replica_views_version,
    .each_shared_log = replica_each_shared_log,
    .head = replica_head,
    .may_hold_log = replica_may_hold_log,
    .may_accept_log = replica_may_accept_log,
    .may_hold_body = replica_may_hold_body,
    .entry = replica_entry,
    .evidence = replica_evidence,
    .wanted = replica_wanted,
    .beside = replica_beside,
    .each_gap = replica_each_gap,
    .revoked = replica_revoked,
    .each_lane_log = replica_each_lane_log,
    .no_room = replica_no_room,
    .each_ground = replica_each_ground,
    .takes_ground = replica_takes_ground,
    .each_handed = replica_each_handed,
    .hands_up = replica_hands_up,
    .hands_body = replica_hands_body,
    .each_handed_gap = replica_each_handed_gap,
    .partial = replica_partial,
    .node = replica_node,
    .each_receipt = replica_each_receipt,
    .each_receipt_since = replica_each_receipt_since,
    .receipt = replica_receipt,
    .may_hold_receipt = replica_may_hold_receipt,
};

void store_replica(struct store *store, struct replica *out) {
    *out = (struct replica){.ops = &replica_table, .ctx = store, .founding = &store->founding, .self = store->self, .unit = store->unit};
}
