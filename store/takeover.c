#include "store/takeover.h"

#include <stdlib.h>

enum { BATCH_ITEMS = 128, BATCH_BYTES = 4 * 1024 * 1024, ROUNDS_MAX = 64 /* the longest chain of admissions that a salvage follows */ };

/* What is about to be persisted: items[i] points into memory[i]. */
struct batch {
    struct store *into;
    struct persist items[BATCH_ITEMS];
    struct buffer memory[BATCH_ITEMS];
    size_t count, bytes;
    struct takeover *out;
};

static enum status flush(struct batch *batch) {
    enum status status = store_persist(batch->into, batch->items, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        buffer_fini(&batch->memory[i]);
    batch->out->taken += status == STATUS_OK ? (int64_t)batch->count : 0;
    batch->count = batch->bytes = 0;
    return status;
}

/* One log of the other store, entry by entry. */
struct walk {
    struct batch *batch;
    struct log_id log;
    struct header *header;
    uint64_t next; /* the seq that can be appended here */
    struct hash prev;
    const uint8_t *key; /* NULL: the recovery log */
    bool broken;        /* what follows does not fit: the rest of the log stays */
    struct buffer body;
};

struct row {
    uint64_t seq;
    struct hash hash;
    struct bytes header, signature, salt, body;
};

/* Is the row what its author signed, and the body what the header says? A body that is not is left out. */
static bool row_proves(struct walk *walk, struct row *row) {
    struct store *into = walk->batch->into;
    struct hash hash;
    header_hash(&hash, &into->founding.association, row->header);
    if (!ID_EQUAL(&hash, &row->hash) || header_decode(walk->header, row->header) != STATUS_OK || walk->header->seq != row->seq ||
        !log_id_equal(&walk->header->log, &walk->log))
        return false;
    if (row->salt.len > 0 && (row->salt.len != SALT_BYTES || body_verify(&into->founding.association, walk->header, row->salt, row->body) != STATUS_OK))
        row->salt = row->body = (struct bytes){0};
    return true;
}

static enum status keep(struct buffer *memory, struct bytes *part) {
    size_t at = memory->len;
    enum status status = part->len > 0 ? buffer_append(memory, part->data, part->len) : STATUS_OK;
    part->data = (const uint8_t *)at; /* an offset until all of it is there: memory moves as it grows */
    return status;
}

static enum status batch_add(struct batch *batch, const struct walk *walk, const struct row *row, uint8_t kind) {
    struct buffer *memory = &batch->memory[batch->count];
    struct bytes parts[4] = {row->header, row->signature, row->salt, row->body};
    enum status status = STATUS_OK;
    buffer_init(memory, HEADER_BYTES_MAX + SIGNATURE_BYTES_MAX + SALT_BYTES + BODY_BYTES_MAX);
    for (size_t i = 0; i < 4 && status == STATUS_OK; i++)
        status = keep(memory, &parts[i]);
    if (status != STATUS_OK) {
        buffer_fini(memory);
        return status;
    }
    for (size_t i = 0; i < 4; i++)
        parts[i] = parts[i].len > 0 ? bytes_of(memory->data + (size_t)parts[i].data, parts[i].len) : (struct bytes){0};
    struct persist *item = &batch->items[batch->count++];
    *item = (struct persist){.kind = kind, .log = walk->log, .seq = row->seq, .hash = row->hash, .entry = {parts[0], parts[1], parts[2], parts[3]}};
    batch->bytes += memory->len;
    return batch->count == BATCH_ITEMS || batch->bytes >= BATCH_BYTES ? flush(batch) : STATUS_OK;
}

/* An entry at or below the head here: only its body may be new. Another entry at its place ends the walk: two branches are no matter of taking over. */
static enum status known_entry(struct walk *walk, const struct row *row) {
    struct query query = db_query(walk->batch->into->db, "SELECT e.hash, e.body_state FROM log l JOIN entry e ON e.log = l.id AND e.seq = ?"
                                                         " WHERE l.node = ? AND l.kind = ? AND l.epoch = ?");
    struct hash held = {0};
    query_bind_int(&query, (int64_t)row->seq);
    query_bind_blob(&query, bytes_of(walk->log.node.b, sizeof walk->log.node.b));
    query_bind_int(&query, walk->log.kind);
    query_bind_blob(&query, bytes_of(walk->log.epoch.b, sizeof walk->log.epoch.b));
    bool missing = false;
    if (query_next(&query)) {
        query_fixed(&query, 0, held.b, sizeof held.b);
        missing = query_int(&query, 1) == BODY_MISSING || query_int(&query, 1) == BODY_WITHHELD;
    }
    enum status status = query_end(&query);
    walk->broken = status == STATUS_OK && !ID_EQUAL(&held, &row->hash);
    return status == STATUS_OK && !walk->broken && missing && row->salt.len > 0 ? batch_add(walk->batch, walk, row, PERSIST_BODY) : status;
}

static enum status walk_row(struct walk *walk, struct row *row) {
    if (!row_proves(walk, row)) {
        walk->batch->out->unreadable = walk->broken = true;
        return STATUS_OK;
    }
    if (row->seq < walk->next)
        return known_entry(walk, row);
    bool follows = row->seq == walk->next && (row->seq == 1 || ID_EQUAL(&walk->header->prev, &walk->prev));
    if (!follows || header_verify(&walk->batch->into->founding, walk->header, row->header, row->signature, walk->key) != STATUS_OK) {
        walk->broken = true;
        return STATUS_OK;
    }
    walk->next++;
    walk->prev = row->hash;
    return batch_add(walk->batch, walk, row, PERSIST_ENTRY);
}

/* The rows of one log, as long as they can be read. */
static enum status walk_log(struct walk *walk, struct db *from, int64_t log_row_id) {
    struct query query = db_query(from, "SELECT seq, hash, header, signature, salt, body FROM entry WHERE log = ? ORDER BY seq");
    enum status status = STATUS_OK;
    query_bind_int(&query, log_row_id);
    while (status == STATUS_OK && !walk->broken && query_next(&query)) {
        struct row row = {
            .seq = (uint64_t)query_int(&query, 0), .header = query_blob(&query, 2), .signature = query_blob(&query, 3), .salt = query_blob(&query, 4)};
        query_fixed(&query, 1, row.hash.b, sizeof row.hash.b);
        buffer_clear(&walk->body);
        if (row.salt.len > 0 && log_take_body(walk->batch->into, query_blob(&query, 5), &walk->body) == STATUS_OK)
            row.body = buffer_bytes(&walk->body);
        else
            row.salt = (struct bytes){0};
        status = walk_row(walk, &row);
    }
    if (query_end(&query) != STATUS_OK)
        walk->batch->out->unreadable = true;
    enum status flushed = status == STATUS_OK ? flush(walk->batch) : STATUS_OK;
    return status != STATUS_OK ? status : flushed;
}

struct other_log {
    int64_t id, entries;
    struct log_id log;
    bool done;
};

static enum status other_logs(struct db *from, struct other_log **out, size_t *count, bool *unreadable) {
    size_t capacity = 0;
    enum status status = STATUS_OK;
    *out = NULL;
    *count = 0;
    struct query query = db_query(from, "SELECT id, node, kind, epoch, head_seq FROM log ORDER BY id");
    while (status == STATUS_OK && query_next(&query)) {
        if (*count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            struct other_log *grown = realloc(*out, capacity * sizeof **out);
            if (grown == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            *out = grown;
        }
        struct other_log *log = &(*out)[(*count)++];
        *log = (struct other_log){.id = query_int(&query, 0), .entries = query_int(&query, 4)};
        query_fixed(&query, 1, log->log.node.b, sizeof log->log.node.b);
        log->log.kind = (uint8_t)query_int(&query, 2);
        query_fixed(&query, 3, log->log.epoch.b, sizeof log->log.epoch.b);
    }
    *unreadable = query_end(&query) != STATUS_OK;
    return status;
}

/* One log whose author is known here, from its first entry on. *known: he is. */
static enum status take_log(struct batch *batch, struct db *from, const struct other_log *other, bool *known) {
    struct store *into = batch->into;
    uint8_t key[32];
    struct log_row row;
    bool recovery = other->log.kind == LOG_RECOVERY, self = ID_EQUAL(&other->log.node, &into->self);
    uint32_t node = tree_node(into->tree, &other->log.node);
    *known = recovery || self || node != TREE_NONE;
    if (!*known)
        return STATUS_OK;
    if (!recovery)
        memcpy(key, node != TREE_NONE ? tree_node_at(into->tree, node)->signing_key : into->keys->signing_public, sizeof key);
    enum status status = log_row(into, &other->log, &row);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    struct walk walk = {.batch = batch,
                        .log = other->log,
                        .next = row.head_seq + 1,
                        .prev = row.head_hash,
                        .key = recovery ? NULL : key,
                        .header = malloc(sizeof *walk.header)};
    buffer_init(&walk.body, BODY_BYTES_MAX);
    status = walk.header == NULL ? STATUS_NO_MEMORY : walk_log(&walk, from, other->id);
    buffer_fini(&walk.body);
    free(walk.header);
    return status;
}

enum status takeover_entries(struct store *into, struct db *from, struct takeover *out) {
    struct other_log *logs;
    size_t count;
    *out = (struct takeover){0};
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return STATUS_NO_MEMORY;
    batch->into = into;
    batch->out = out;
    enum status status = other_logs(from, &logs, &count, &out->unreadable);
    /* A round may bring the admission that the next one needs. */
    bool more = true;
    for (int round = 0; status == STATUS_OK && more && round < ROUNDS_MAX; round++) {
        more = false;
        for (size_t i = 0; status == STATUS_OK && i < count; i++) {
            if (!logs[i].done) {
                status = take_log(batch, from, &logs[i], &logs[i].done);
                more |= logs[i].done;
            }
        }
    }
    for (size_t i = 0; i < count; i++)
        out->left += logs[i].done ? 0 : logs[i].entries;
    free(logs);
    free(batch);
    return status;
}

/* ---- settings ---- */

/* Two texts of a row of the other's into a statement of ours. Where the other's table is of another shape, or cannot be read, nothing comes of it. */
static enum status copy_config(struct store *into, struct db *from) {
    enum status status = STATUS_OK;
    struct query query = db_query(from, "SELECT key, value FROM config");
    while (status == STATUS_OK && query_next(&query)) {
        struct query put = db_query(into->db, "INSERT INTO config(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value");
        query_bind_text(&put, query_text(&query, 0));
        query_bind_text(&put, query_text(&query, 1));
        status = query_run(&put);
    }
    enum status ended = query_end(&query);
    (void)ended;
    return status;
}

static enum status copy_invitations(struct store *into, struct db *from) {
    enum status status = STATUS_OK;
    struct query query = db_query(from, "SELECT secret_hash, unit, expires, nonce, invited, root FROM invitation WHERE signing_key IS NULL");
    while (status == STATUS_OK && query_next(&query)) {
        struct query put =
            db_query(into->db, "INSERT INTO invitation(secret_hash, unit, expires, nonce, invited, root) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
        query_bind_blob(&put, query_blob(&query, 0));
        query_bind_blob(&put, query_blob(&query, 1));
        query_bind_int(&put, query_int(&query, 2));
        query_bind_blob(&put, query_blob(&query, 3));
        query_bind_int(&put, query_int(&query, 4));
        query_bind_blob(&put, query_blob(&query, 5));
        status = query_run(&put);
    }
    enum status ended = query_end(&query);
    (void)ended;
    return status;
}

enum status takeover_settings(struct store *into, struct db *from) {
    struct buffer uplink;
    enum status status = copy_config(into, from);
    if (status == STATUS_OK)
        status = copy_invitations(into, from);
    buffer_init(&uplink, 64);
    if (status == STATUS_OK && store_meta(from, "uplink", &uplink) == STATUS_OK && uplink.len > 0)
        status = store_meta_put(into->db, "uplink", buffer_bytes(&uplink));
    buffer_fini(&uplink);
    return status;
}
