#include "store/log.h"

#include "protocol/planted.h"

#include <stdlib.h>

static void bind_log(struct query *query, const struct log_id *log) {
    query_bind_blob(query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(query, log->kind);
    query_bind_blob(query, bytes_of(log->epoch.b, sizeof log->epoch.b));
}

enum status receipt_store(struct store *store, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct query query = db_query(
        store->db,
        "INSERT INTO receipt(node, kind, epoch, holder, seq, bodies, applied, aside, time, bytes, signature, version)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq, bodies = excluded.bodies, applied = excluded.applied,"
        " aside = excluded.aside, time = excluded.time, bytes = excluded.bytes, signature = excluded.signature, version = excluded.version");
    bind_log(&query, &receipt->log);
    query_bind_blob(&query, bytes_of(receipt->holder.b, sizeof receipt->holder.b));
    query_bind_int(&query, (int64_t)receipt->seq);
    query_bind_int(&query, (int64_t)receipt->bodies);
    query_bind_int(&query, (int64_t)receipt->applied);
    query_bind_int(&query, (int64_t)receipt->aside);
    query_bind_int(&query, receipt->time);
    query_bind_blob(&query, bytes->receipt);
    query_bind_blob(&query, bytes_of(bytes->signature, sizeof bytes->signature));
    query_bind_int(&query, (int64_t)store->version);
    return query_run(&query);
}

/* ---- own receipts ---- */

struct due {
    int64_t id;
    struct receipt receipt;
};

/* The logs whose receipt is due, others' only: about one's own logs nobody asks one's own word. */
static enum status due_list(struct store *store, struct due **out, size_t *count) {
    size_t capacity = 0;
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT id, node, kind, epoch, head_seq, head_hash, bodies, applied FROM log WHERE receipt_due = 1");
    while (status == STATUS_OK && query_next(&query)) {
        if (*count == capacity) {
            capacity = capacity > 0 ? capacity * 2 : 16;
            struct due *grown = realloc(*out, capacity * sizeof *grown);
            if (grown == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            *out = grown;
        }
        struct due *due = &(*out)[*count];
        struct receipt *receipt = &due->receipt;
        struct hash head;
        *due = (struct due){.id = query_int(&query, 0), .receipt = {.holder = store->self, .time = os_time()}};
        query_fixed(&query, 1, receipt->log.node.b, sizeof receipt->log.node.b);
        receipt->log.kind = (uint8_t)query_int(&query, 2);
        query_fixed(&query, 3, receipt->log.epoch.b, sizeof receipt->log.epoch.b);
        receipt->seq = (uint64_t)query_int(&query, 4);
        query_fixed(&query, 5, head.b, sizeof head.b);
        receipt->hash = hash_short(&head);
        receipt->bodies = (uint64_t)query_int(&query, 6);
        if (PLANTED("receipt-too-high"))
            receipt->bodies = receipt->seq;
        uint64_t applied = (uint64_t)query_int(&query, 7);
        receipt->applied = applied < receipt->bodies ? applied : receipt->bodies;
        if (receipt->seq > 0 && !ID_EQUAL(&receipt->log.node, &store->self))
            (*count)++;
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status aside_count(struct store *store, int64_t log_row_id, uint64_t *out) {
    struct query query = db_query(store->db, "SELECT count(DISTINCT s.entry) FROM set_aside s JOIN entry e ON e.id = s.entry WHERE e.log = ?");
    query_bind_int(&query, log_row_id);
    *out = query_next(&query) ? (uint64_t)query_int(&query, 0) : 0;
    return query_end(&query);
}

/* Does the receipt that stands say the same (whatever its time)? */
static enum status says_same(struct store *store, const struct receipt *receipt, bool *same) {
    struct receipt held;
    *same = false;
    struct query query = db_query(store->db, "SELECT bytes FROM receipt WHERE node = ? AND kind = ? AND epoch = ? AND holder = ?");
    bind_log(&query, &receipt->log);
    query_bind_blob(&query, bytes_of(receipt->holder.b, sizeof receipt->holder.b));
    if (query_next(&query) && receipt_decode(&held, query_blob(&query, 0)) == STATUS_OK)
        *same = receipt_compare(&held, receipt) == 0 && held.aside == receipt->aside && ID_EQUAL(&held.hash, &receipt->hash);
    return query_end(&query);
}

static enum status receipt_write(struct store *store, struct due *due, struct buffer *bytes, bool *touched) {
    struct receipt *receipt = &due->receipt;
    enum status status = aside_count(store, due->id, &receipt->aside);
    bool same = false;
    if (status == STATUS_OK)
        status = says_same(store, receipt, &same);
    if (status != STATUS_OK || same)
        return status;
    if (!*touched)
        status = store_touch(store);
    *touched = true;
    buffer_clear(bytes);
    if (status == STATUS_OK)
        status = receipt_encode(receipt, bytes);
    if (status != STATUS_OK)
        return status;
    struct signed_receipt made = {.receipt = buffer_bytes(bytes)};
    keys_sign(made.signature, "receipt", &store->founding.association, made.receipt, store->keys);
    return receipt_store(store, receipt, &made);
}

enum status receipt_refresh(struct store *store) {
    struct due *due = NULL;
    size_t count = 0;
    bool touched = false;
    struct buffer bytes;
    buffer_init(&bytes, RECEIPT_BYTES_MAX);
    enum status status = bodies_review(store);
    if (status == STATUS_OK)
        status = due_list(store, &due, &count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = receipt_write(store, &due[i], &bytes, &touched);
    if (status == STATUS_OK) {
        struct query query = db_query(store->db, "UPDATE log SET receipt_due = 0 WHERE receipt_due = 1");
        status = query_run(&query);
    }
    buffer_fini(&bytes);
    free(due);
    return status;
}

/* ---- how far own entries have got ---- */

struct reach {
    uint64_t stored, counted, root;
};

/* Is the entry that the receipt names ours? A holder of another branch, or of a tail that we have lost, does not hold what we hold. */
static enum status on_our_chain(struct store *store, const struct receipt *receipt, bool *out) {
    struct query query =
        db_query(store->db, "SELECT e.hash FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    bind_log(&query, &receipt->log);
    query_bind_int(&query, (int64_t)receipt->seq);
    *out = false;
    if (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        *out = memcmp(hash.b, receipt->hash.b, sizeof receipt->hash.b) == 0;
    }
    return query_end(&query);
}

/* Counts a receipt about an own log if its holder acts for a unit above. */
static enum status take_receipt(struct store *store, struct bytes bytes, uint32_t own_unit, struct reach *reach) {
    struct receipt receipt;
    if (receipt_decode(&receipt, bytes) != STATUS_OK)
        return STATUS_STORE_DAMAGED;
    uint32_t holder = tree_node(store->tree, &receipt.holder);
    if (holder == TREE_NONE)
        return STATUS_OK;
    uint32_t unit = tree_node_at(store->tree, holder)->unit;
    if (unit == own_unit || (!tree_is_under(store->tree, own_unit, unit, TREE_TODAY) && !PLANTED("stored-below-is-above")))
        return STATUS_OK;
    bool ours;
    enum status status = on_our_chain(store, &receipt, &ours);
    if (status != STATUS_OK || (!ours && !PLANTED("receipt-of-another-branch")))
        return status;
    reach->stored = receipt.bodies > reach->stored ? receipt.bodies : reach->stored;
    uint64_t counted = receipt.applied > receipt.aside ? receipt.applied - receipt.aside : 0; /* what is set aside there does not count there */
    if (PLANTED("aside-is-counted"))
        counted = receipt.applied;
    reach->counted = counted > reach->counted ? counted : reach->counted;
    if (unit == 0)
        reach->root = counted > reach->root ? counted : reach->root;
    return STATUS_OK;
}

static enum status reach_of_log(struct store *store, const struct log_id *log, uint32_t own_unit, struct reach *out) {
    *out = (struct reach){0};
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT bytes FROM receipt WHERE node = ? AND kind = ? AND epoch = ?");
    bind_log(&query, log);
    while (status == STATUS_OK && query_next(&query))
        status = take_receipt(store, query_blob(&query, 0), own_unit, out);
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

enum status store_progress(struct store *store, struct store_progress *out) {
    memset(out, 0, sizeof *out);
    uint32_t own_unit = tree_unit(store->tree, &store->unit);
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT kind, epoch, head_seq FROM log WHERE node = ?");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log = {.node = store->self, .kind = (uint8_t)query_int(&query, 0)};
        query_fixed(&query, 1, log.epoch.b, sizeof log.epoch.b);
        uint64_t head = (uint64_t)query_int(&query, 2);
        out->written += head;
        struct reach reach = {head, head, head}; /* above the root there is nobody: what it writes is where it belongs */
        if (own_unit == TREE_NONE)
            reach = (struct reach){0};
        else if (own_unit != 0)
            status = reach_of_log(store, &log, own_unit, &reach);
        out->stored_above += reach.stored;
        out->counted_above += reach.counted;
        out->at_root += reach.root;
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}
