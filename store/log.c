#include "store/log.h"

#include "protocol/compress.h"
#include "protocol/planted.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    EPOCHS_MAX = 10000,    /* continuations followed: more than any office will ever have; ends a chain that a damaged store has bent into a ring */
    KEPT_WHOLE_BYTES = 256 /* a body shorter than this is kept as it is: a frame has a head of its own */
};

/* ---- bodies as they are kept ---- */

enum status log_keep_body(struct store *store, struct bytes body, struct bytes *kept) {
    enum status status = STATUS_OK;
    *kept = body;
    if (body.len < KEPT_WHOLE_BYTES)
        return STATUS_OK;
    if (store->compressor == NULL)
        status = compressor_new(&store->compressor);
    store->kept_body.max = BODY_BYTES_MAX;
    if (status == STATUS_OK)
        status = compress_frame(store->compressor, body, body.len - body.len / 8, &store->kept_body);
    if (status == STATUS_OK && store->kept_body.len > 0)
        *kept = buffer_bytes(&store->kept_body);
    return status;
}

enum status log_take_body(struct store *store, struct bytes kept, struct buffer *out) {
    size_t len = compress_frame_bytes(kept);
    if (len == 0)
        return buffer_append(out, kept.data, kept.len);
    enum status status = len > BODY_BYTES_MAX ? STATUS_STORE_DAMAGED : STATUS_OK;
    if (status == STATUS_OK && store->compressor == NULL)
        status = compressor_new(&store->compressor);
    if (status == STATUS_OK)
        status = compress_expand(store->compressor, kept, len, out);
    return status == STATUS_COMPRESSION_BAD ? STATUS_STORE_DAMAGED : status;
}

/* ---- reading ---- */

/* Copies the row's bytes (columns first to first + 3: header, signature, salt, body) into memory and points *out there. */
static enum status entry_copy(struct store *store, struct query *query, int first, struct buffer *memory, struct entry *out) {
    struct bytes *parts[4] = {&out->header, &out->signature, &out->salt, &out->body};
    size_t ends[4];
    enum status status = STATUS_OK;
    buffer_clear(memory);
    for (int i = 0; i < 4 && status == STATUS_OK; i++) {
        struct bytes part = query_blob(query, first + i);
        if (i == 3)
            status = log_take_body(store, part, memory);
        else
            status = part.len > 0 ? buffer_append(memory, part.data, part.len) : STATUS_OK;
        ends[i] = memory->len;
    }
    for (int i = 0; i < 4 && status == STATUS_OK; i++) {
        size_t start = i > 0 ? ends[i - 1] : 0;
        *parts[i] = ends[i] > start ? bytes_of(memory->data + start, ends[i] - start) : (struct bytes){0};
    }
    return status == STATUS_TOO_LARGE ? STATUS_STORE_DAMAGED : status;
}

/* A header or body that is not what its hash says was changed on the disk: it is never handed on. */
static enum status entry_prove(struct store *store, const struct stored_entry *stored, struct header *header) {
    struct hash hash;
    header_hash(&hash, &store->founding.association, stored->entry.header);
    if (!ID_EQUAL(&hash, &stored->hash) || header_decode(header, stored->entry.header) != STATUS_OK)
        return STATUS_STORE_DAMAGED;
    if (header->seq != stored->seq || !log_id_equal(&header->log, &stored->log))
        return STATUS_STORE_DAMAGED;
    if (stored->entry.salt.len == 0)
        return stored->entry.body.len == 0 ? STATUS_OK : STATUS_STORE_DAMAGED;
    return body_verify(&store->founding.association, header, stored->entry.salt, stored->entry.body) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
}

#define ENTRY_COLUMNS "e.id, e.seq, e.hash, l.node, l.kind, l.epoch, e.header, e.signature, e.salt, e.body"

/* Ends the query with the one entry it gives. */
static enum status entry_take(struct store *store, struct query *query, struct buffer *memory, struct stored_entry *out, struct header *header) {
    memset(out, 0, sizeof *out);
    enum status status = STATUS_NOT_FOUND;
    if (query_next(query)) {
        out->id = query_int(query, 0);
        out->seq = (uint64_t)query_int(query, 1);
        query_fixed(query, 2, out->hash.b, sizeof out->hash.b);
        query_fixed(query, 3, out->log.node.b, sizeof out->log.node.b);
        out->log.kind = (uint8_t)query_int(query, 4);
        query_fixed(query, 5, out->log.epoch.b, sizeof out->log.epoch.b);
        status = entry_copy(store, query, 6, memory, &out->entry);
    }
    enum status ended = query_end(query);
    if (ended != STATUS_OK)
        status = ended;
    if (status == STATUS_OK)
        status = entry_prove(store, out, header);
    if (status != STATUS_OK)
        memset(out, 0, sizeof *out);
    return status;
}

static int by_id(const void *key, const void *item) {
    int64_t id = *(const int64_t *)key, other = ((const struct fresh *)item)->id;
    return (id > other) - (id < other);
}

/* What came in the open transaction was verified before it was written: it is taken as it came. */
static bool take_fresh(struct store *store, int64_t entry_id, struct stored_entry *out, struct header *header) {
    const struct fresh *fresh = store->fresh_count > 0 ? bsearch(&entry_id, store->fresh, store->fresh_count, sizeof *fresh, by_id) : NULL;
    if (fresh == NULL || header_decode(header, fresh->item->entry.header) != STATUS_OK)
        return false;
    *out = (struct stored_entry){entry_id, fresh->item->log, fresh->item->seq, fresh->item->hash, fresh->item->entry};
    return true;
}

enum status log_read(struct store *store, int64_t entry_id, struct stored_entry *out, struct header *header) {
    if (take_fresh(store, entry_id, out, header != NULL ? header : store->seen_header))
        return STATUS_OK;
    struct query query = db_query(store->db, "SELECT " ENTRY_COLUMNS " FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
    query_bind_int(&query, entry_id);
    return entry_take(store, &query, &store->read_bytes, out, header != NULL ? header : store->seen_header);
}

static void bind_log(struct query *query, const struct log_id *log) {
    query_bind_blob(query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(query, log->kind);
    query_bind_blob(query, bytes_of(log->epoch.b, sizeof log->epoch.b));
}

enum status log_read_at(struct store *store, const struct log_id *log, uint64_t seq, struct buffer *memory, struct stored_entry *out) {
    struct query query =
        db_query(store->db, "SELECT " ENTRY_COLUMNS " FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    bind_log(&query, log);
    query_bind_int(&query, (int64_t)seq);
    return entry_take(store, &query, memory, out, store->seen_header);
}

enum status log_find(struct store *store, const struct log_id *log, uint64_t seq, int64_t *entry_id) {
    *entry_id = 0;
    if (seq == 0 || seq > INT64_MAX)
        return STATUS_NOT_FOUND;
    struct query query =
        db_query(store->db, "SELECT e.id FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    bind_log(&query, log);
    query_bind_int(&query, (int64_t)seq);
    bool found = query_next(&query);
    *entry_id = query_int(&query, 0);
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

enum status log_row(struct store *store, const struct log_id *log, struct log_row *out) {
    memset(out, 0, sizeof *out);
    struct query query = db_query(store->db, "SELECT id, head_seq, head_hash, bodies FROM log WHERE node = ? AND kind = ? AND epoch = ?");
    bind_log(&query, log);
    bool found = query_next(&query);
    if (found) {
        out->id = query_int(&query, 0);
        out->head_seq = (uint64_t)query_int(&query, 1);
        query_fixed(&query, 2, out->head_hash.b, sizeof out->head_hash.b);
        out->bodies = (uint64_t)query_int(&query, 3);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

enum status log_applied_ref(struct store *store, const struct log_id *log, struct ref *out) {
    memset(out, 0, sizeof *out);
    struct query query = db_query(
        store->db, "SELECT e.seq, e.hash FROM log l JOIN entry e ON e.log = l.id AND e.seq = l.applied WHERE l.node = ? AND l.kind = ? AND l.epoch = ?");
    bind_log(&query, log);
    bool found = query_next(&query);
    if (found) {
        struct hash hash;
        out->log = *log;
        out->seq = (uint64_t)query_int(&query, 0);
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        out->hash = hash_short(&hash);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

/* ---- what has been seen ---- */

/* Log and seq of an entry, and its log's row. */
static enum status place_of(struct store *store, int64_t entry_id, struct log_id *log, uint64_t *seq) {
    struct query query = db_query(store->db, "SELECT l.node, l.kind, l.epoch, e.seq FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
    query_bind_int(&query, entry_id);
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, log->node.b, sizeof log->node.b);
        log->kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, log->epoch.b, sizeof log->epoch.b);
        *seq = (uint64_t)query_int(&query, 3);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

/* The header of (log, seq), into store->seen_header. */
static enum status header_at(struct store *store, const struct log_id *log, uint64_t seq) {
    struct query query =
        db_query(store->db, "SELECT e.header FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    bind_log(&query, log);
    query_bind_int(&query, (int64_t)seq);
    enum status status = STATUS_NOT_FOUND;
    if (query_next(&query))
        status = header_decode(store->seen_header, query_blob(&query, 0)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* Does the epoch that `log` is continue, directly or through others, `target` up to seq or later? */
static enum status continues(struct store *store, struct log_id log, const struct log_id *target, uint64_t seq, bool *out) {
    for (int i = 0; i < EPOCHS_MAX; i++) {
        enum status status = header_at(store, &log, 1);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* an epoch not held: nothing more is known to be seen */
        if (!store->seen_header->has_continues)
            return STATUS_OK;
        const struct ref *ref = &store->seen_header->continues;
        if (log_id_equal(&ref->log, target)) {
            *out = seq <= ref->seq || PLANTED("continued-epoch-whole");
            return STATUS_OK;
        }
        log = ref->log;
    }
    return STATUS_OK;
}

enum status log_has_seen(struct store *store, int64_t a, int64_t b, bool *out) {
    *out = false;
    if (a == b)
        return STATUS_OK;
    struct log_id log_a = {0}, log_b = {0};
    uint64_t seq_a = 0, seq_b = 0;
    enum status status = place_of(store, a, &log_a, &seq_a);
    if (status == STATUS_OK)
        status = place_of(store, b, &log_b, &seq_b);
    if (status != STATUS_OK)
        return status;
    if (log_id_equal(&log_a, &log_b)) {
        *out = seq_b < seq_a;
        return STATUS_OK;
    }
    /* 1. What a's header names. 2. The epochs that a's own log continues: only logs of one author and kind can be such. */
    status = header_at(store, &log_a, seq_a);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < store->seen_header->seen_count; i++) {
        const struct ref *ref = &store->seen_header->seen[i];
        if (log_id_equal(&ref->log, &log_b) && seq_b <= ref->seq + PLANTED("seen-one-too-many")) {
            *out = true;
            return STATUS_OK;
        }
    }
    if (!ID_EQUAL(&log_a.node, &log_b.node) || log_a.kind != log_b.kind)
        return STATUS_OK;
    return continues(store, log_a, &log_b, seq_b, out);
}

/* ---- appending ---- */

enum status log_begin(struct store *store, const struct log_id *log, int64_t *id) {
    struct query query = db_query(store->db, "INSERT INTO log(node, kind, epoch, head_seq, head_hash, bodies, gaps, applied, version, receipt_due)"
                                             " VALUES(?, ?, ?, 0, zeroblob(32), 0, 0, 0, 0, 0)");
    bind_log(&query, log);
    enum status status = query_run(&query);
    *id = db_last_id(store->db);
    return status;
}

enum status log_add(struct store *store, const struct log_row *row, const struct stored_entry *entry, int body_state, int64_t *id) {
    struct bytes body = {0};
    enum status status = body_state == BODY_HELD ? log_keep_body(store, entry->entry.body, &body) : STATUS_OK;
    *id = 0;
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(store->db, "INSERT INTO entry(log, seq, hash, header, signature, salt, body, body_state) VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
    query_bind_int(&query, row->id);
    query_bind_int(&query, (int64_t)entry->seq);
    query_bind_blob(&query, bytes_of(entry->hash.b, sizeof entry->hash.b));
    query_bind_blob(&query, entry->entry.header);
    query_bind_blob(&query, entry->entry.signature);
    if (body_state == BODY_HELD) {
        query_bind_blob(&query, entry->entry.salt);
        query_bind_blob(&query, body);
    } else {
        query_bind_null(&query);
        query_bind_null(&query);
    }
    query_bind_int(&query, body_state);
    status = query_run(&query);
    *id = db_last_id(store->db);
    if (status != STATUS_OK)
        return status;
    query = db_query(store->db, "UPDATE log SET head_seq = ?, head_hash = ? WHERE id = ?");
    query_bind_int(&query, (int64_t)entry->seq);
    query_bind_blob(&query, bytes_of(entry->hash.b, sizeof entry->hash.b));
    query_bind_int(&query, row->id);
    return query_run(&query);
}

enum status log_changed(struct store *store, int64_t log_row_id) {
    struct query query = db_query(store->db, "UPDATE log SET gaps = (SELECT count(*) FROM entry e WHERE e.log = log.id AND e.body_state = 2),"
                                             " bodies = coalesce((SELECT min(e.seq) - 1 FROM entry e WHERE e.log = log.id AND e.body_state = 2), head_seq),"
                                             " version = ?, receipt_due = 1 WHERE id = ?");
    query_bind_int(&query, (int64_t)store->version);
    query_bind_int(&query, log_row_id);
    return query_run(&query);
}

/* A new entry must never be signed on top of a tail that the disk has changed. */
static enum status tail_prove(struct store *store, const struct log_id *log, const struct log_row *row) {
    if (row->head_seq == 0)
        return STATUS_OK;
    struct query query = db_query(store->db, "SELECT header FROM entry WHERE log = ? AND seq = ?");
    query_bind_int(&query, row->id);
    query_bind_int(&query, (int64_t)row->head_seq);
    enum status status = STATUS_STORE_DAMAGED;
    if (query_next(&query)) {
        struct bytes bytes = query_blob(&query, 0);
        struct hash hash;
        header_hash(&hash, &store->founding.association, bytes);
        bool whole = ID_EQUAL(&hash, &row->head_hash) && header_decode(store->seen_header, bytes) == STATUS_OK && store->seen_header->seq == row->head_seq &&
                     log_id_equal(&store->seen_header->log, log);
        status = whole || PLANTED("tail-not-proved") ? STATUS_OK : STATUS_STORE_DAMAGED;
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* An entry to be written: where, and what its epoch continues, where it is the first of one that does. */
struct appending {
    struct log_id log;
    struct log_row row;
    bool has_continues;
    struct ref continues;
};

/* What the epoch continues is seen without saying, and may not be said. */
static void header_see(struct header *header, const struct draft *draft) {
    for (size_t i = 0; i < draft->seen_count; i++)
        if (!header->has_continues || !log_id_equal(&draft->seen[i].log, &header->continues.log))
            header->seen[header->seen_count++] = draft->seen[i];
}

static void header_of_draft(struct header *header, const struct draft *draft, const struct appending *appending) {
    const struct log_row *row = &appending->row;
    *header = (struct header){.log = appending->log,
                              .seq = row->head_seq == 1 && PLANTED("reuse-seq") ? 1 : row->head_seq + 1,
                              .prev = row->head_hash,
                              .has_continues = appending->has_continues,
                              .cls = draft->cls,
                              .reach = draft->reach,
                              .audience_count = draft->audience_count,
                              .body_bytes = (uint32_t)draft->body.len,
                              .has_batch = draft->batch != NULL,
                              .time = os_time()};
    if (PLANTED("wrong-prev"))
        header->prev.b[0] ^= 1;
    assert(draft->audience_count <= AUDIENCE_TERMS_MAX && draft->seen_count <= SEEN_REFS_MAX);
    if (draft->audience_count > 0)
        memcpy(header->audience, draft->audience, draft->audience_count * sizeof header->audience[0]);
    if (appending->has_continues)
        header->continues = appending->continues;
    header_see(header, draft);
    if (draft->batch != NULL)
        header->batch = *draft->batch;
}

/* Makes, signs and writes the entry that follows the row's head. */
static enum status append_signed(struct store *store, const struct draft *draft, const struct appending *appending, struct header *header, struct stored *out) {
    uint8_t salt[SALT_BYTES], signature[64];
    struct buffer bytes;
    buffer_init(&bytes, HEADER_BYTES_MAX);
    header_of_draft(header, draft, appending);
    os_random(salt, sizeof salt);
    body_hash(&header->body_hash, &store->founding.association, salt, draft->body);
    enum status status = header_encode(header, &bytes);
    if (status == STATUS_OK) {
        header_sign(signature, &store->founding.association, buffer_bytes(&bytes), store->keys);
        header_hash(&out->hash, &store->founding.association, buffer_bytes(&bytes));
        header_ref(&out->ref, header, &out->hash);
        const struct stored_entry entry = {
            .log = appending->log,
            .seq = header->seq,
            .hash = out->hash,
            .entry = {
                .header = buffer_bytes(&bytes), .signature = bytes_of(signature, sizeof signature), .salt = bytes_of(salt, sizeof salt), .body = draft->body}};
        status = log_add(store, &appending->row, &entry, BODY_HELD, &out->id);
    }
    buffer_fini(&bytes);
    return status == STATUS_OK ? log_changed(store, appending->row.id) : status;
}

enum status log_append(struct store *store, const struct draft *draft, struct stored *out) {
    memset(out, 0, sizeof *out);
    assert(db_in_transaction(store->db) && (draft->kind == LOG_REPORT || draft->kind == LOG_DIRECTIVE));
    if (draft->body.len > BODY_BYTES_MAX)
        return STATUS_TOO_LARGE;
    enum status status = store_disk_room(store, STORE_OWN);
    if (status != STATUS_OK)
        return status;
    struct appending appending;
    struct log_row *row = &appending.row;
    status = life_log(store, draft->kind, &appending.log, &appending.has_continues, &appending.continues);
    if (status == STATUS_OK)
        status = log_row(store, &appending.log, row);
    if (status == STATUS_NOT_FOUND)
        status = log_begin(store, &appending.log, &row->id);
    if (status == STATUS_OK)
        status = tail_prove(store, &appending.log, row);
    if (status == STATUS_OK)
        status = store_touch(store);
    if (status != STATUS_OK)
        return status;
    store->tree_touched |= draft->cls == CLASS_CONTROL;
    struct header *header = malloc(sizeof *header);
    if (header == NULL)
        return STATUS_NO_MEMORY;
    status = append_signed(store, draft, &appending, header, out);
    store->life.said = true;
    free(header);
    if (status != STATUS_OK)
        memset(out, 0, sizeof *out);
    return status;
}
