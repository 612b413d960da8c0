#include "store/check.h"

#include "store/digest.h"
#include "store/log.h"
#include "store/rebuild.h"
#include "store/record.h"

#include <stdio.h>
#include <stdlib.h>

struct check {
    struct store *store;
    json_t *findings;
    struct check_counts *counts;
    struct header *header;
    struct buffer body; /* of the entry under way */
};

/* Adds one finding; the walk goes on. */
static enum status finding(struct check *check, const char *what, const char *where) {
    if (json_array_size(check->findings) >= CHECK_FINDINGS_MAX)
        return STATUS_OK;
    json_t *item = json_pack("{s:s, s:s}", "what", what, "where", where);
    return item != NULL && json_array_append_new(check->findings, item) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum { WHERE_BYTES = 160 };

/* NODE:KIND:EPOCH:SEQ, as people see references elsewhere. */
static void where_of(char out[WHERE_BYTES], const struct log_id *log, uint64_t seq) {
    static const char *const kinds[] = {"?", "report", "directive", "recovery"};
    char node[33], epoch[17];
    request_hex(node, log->node.b, sizeof log->node.b);
    request_hex(epoch, log->epoch.b, sizeof log->epoch.b);
    (void)snprintf(out, WHERE_BYTES, "%s:%s:%s:%llu", node, kinds[log->kind <= LOG_RECOVERY ? log->kind : 0], epoch, (unsigned long long)seq);
}

static enum status finding_at(struct check *check, const char *what, const struct log_id *log, uint64_t seq) {
    char where[WHERE_BYTES];
    where_of(where, log, seq);
    return finding(check, what, where);
}

/* ---- logs ---- */

struct log_walk {
    int64_t row;
    struct log_id log;
    uint64_t head_seq, last_seq, bodies, missing_from; /* missing_from: lowest seq of an entitled body not held; 0: none */
    struct hash head_hash, last_hash;
    bool has_key;
    uint8_t key[32];
};

/* One entry: bytes, chain, signature, body. */
static enum status entry_check(struct check *check, struct log_walk *walk, uint64_t seq, const struct hash *hash, const struct entry *entry, int state) {
    struct store *store = check->store;
    struct header *header = check->header;
    struct hash computed;
    const char *what = NULL;
    header_hash(&computed, &store->founding.association, entry->header);
    if (!ID_EQUAL(&computed, hash) || header_decode(header, entry->header) != STATUS_OK || header->seq != seq || !log_id_equal(&header->log, &walk->log))
        what = "header damaged";
    else if (seq != walk->last_seq + 1 || (seq > 1 && !ID_EQUAL(&header->prev, &walk->last_hash)))
        what = "chain broken";
    else if (walk->log.kind != LOG_RECOVERY && !walk->has_key)
        what = "author not admitted";
    else if (header_verify(&store->founding, header, entry->header, entry->signature, walk->log.kind == LOG_RECOVERY ? NULL : walk->key) != STATUS_OK)
        what = "signature bad";
    else if (state == BODY_HELD && (entry->salt.len == 0 || body_verify(&store->founding.association, header, entry->salt, entry->body) != STATUS_OK))
        what = "body damaged";
    if (state == BODY_MISSING && walk->missing_from == 0)
        walk->missing_from = seq;
    walk->last_seq = seq;
    walk->last_hash = *hash;
    check->counts->entries++;
    return what != NULL ? finding_at(check, what, &walk->log, seq) : STATUS_OK;
}

static enum status log_check(struct check *check, struct log_walk *walk) {
    enum status status = STATUS_OK;
    struct query query = db_query(check->store->db, "SELECT seq, hash, header, signature, salt, body, body_state FROM entry WHERE log = ? ORDER BY seq");
    query_bind_int(&query, walk->row);
    while (status == STATUS_OK && query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        buffer_clear(&check->body);
        status = log_take_body(check->store, query_blob(&query, 5), &check->body);
        if (status != STATUS_OK && status != STATUS_STORE_DAMAGED && status != STATUS_TOO_LARGE)
            break;
        /* A body that cannot be expanded is left empty, which is not what its hash says. */
        const struct entry entry = {
            .header = query_blob(&query, 2), .signature = query_blob(&query, 3), .salt = query_blob(&query, 4), .body = buffer_bytes(&check->body)};
        status = entry_check(check, walk, (uint64_t)query_int(&query, 0), &hash, &entry, (int)query_int(&query, 6));
    }
    enum status ended = query_end(&query);
    if (status == STATUS_OK)
        status = ended;
    if (status == STATUS_OK && (walk->last_seq != walk->head_seq || !ID_EQUAL(&walk->last_hash, &walk->head_hash)))
        status = finding_at(check, "head of the log is not its last entry", &walk->log, walk->head_seq);
    uint64_t bodies = walk->missing_from > 0 ? walk->missing_from - 1 : walk->head_seq;
    if (status == STATUS_OK && bodies != walk->bodies)
        status = finding_at(check, "count of bodies wrong", &walk->log, walk->bodies);
    return status;
}

static enum status logs_check(struct check *check) {
    struct store *store = check->store;
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT id, node, kind, epoch, head_seq, head_hash, bodies FROM log");
    while (status == STATUS_OK && query_next(&query)) {
        struct log_walk walk = {.row = query_int(&query, 0), .head_seq = (uint64_t)query_int(&query, 4), .bodies = (uint64_t)query_int(&query, 6)};
        query_fixed(&query, 1, walk.log.node.b, sizeof walk.log.node.b);
        walk.log.kind = (uint8_t)query_int(&query, 2);
        query_fixed(&query, 3, walk.log.epoch.b, sizeof walk.log.epoch.b);
        query_fixed(&query, 5, walk.head_hash.b, sizeof walk.head_hash.b);
        uint32_t node = tree_known_node(store->tree, &walk.log.node); /* it need not stand any more: what it wrote is kept */
        walk.has_key = node != TREE_NONE;
        if (walk.has_key)
            memcpy(walk.key, tree_node_at(store->tree, node)->signing_key, sizeof walk.key);
        status = log_check(check, &walk);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* ---- evidence and receipts ---- */

static enum status forks_check(struct check *check) {
    struct store *store = check->store;
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT hash, header, signature FROM fork");
    while (status == STATUS_OK && query_next(&query)) {
        struct hash hash, computed;
        struct bytes header = query_blob(&query, 1);
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        header_hash(&computed, &store->founding.association, header);
        bool whole = ID_EQUAL(&hash, &computed) && header_decode(check->header, header) == STATUS_OK;
        uint32_t node = whole ? tree_known_node(store->tree, &check->header->log.node) : TREE_NONE;
        if (whole && node != TREE_NONE)
            whole = header_verify(&store->founding, check->header, header, query_blob(&query, 2), tree_node_at(store->tree, node)->signing_key) == STATUS_OK;
        if (!whole)
            status = finding(check, "evidence of a fork damaged", "fork");
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* Does what a branch beside its log begins with, or goes on from, stand in the log or beside it? One on its way (peer) may have lost its beginning. */
static enum status fallen_follows(struct check *check, int64_t row, uint64_t seq, const struct hash *prev, bool *out) {
    struct query query = db_query(check->store->db, "SELECT 1 FROM entry WHERE log = ?1 AND seq = ?2 AND hash = ?3 UNION ALL"
                                                    " SELECT 1 FROM fallen WHERE log = ?1 AND seq = ?2 AND hash = ?3 LIMIT 1");
    query_bind_int(&query, row);
    query_bind_int(&query, (int64_t)seq - 1);
    query_bind_blob(&query, bytes_of(prev->b, sizeof prev->b));
    *out = query_next(&query);
    return query_end(&query);
}

/* One row of those below. *what NULL: it is whole. */
static enum status fallen_one(struct check *check, struct query *query, const struct log_id *log, const char **what) {
    struct store *store = check->store;
    struct header *header = check->header;
    const uint64_t seq = (uint64_t)query_int(query, 4);
    struct hash hash, computed;
    struct bytes bytes = query_blob(query, 6);
    uint32_t node = tree_known_node(store->tree, &log->node);
    bool follows = true;
    query_fixed(query, 5, hash.b, sizeof hash.b);
    header_hash(&computed, &store->founding.association, bytes);
    buffer_clear(&check->body);
    enum status status = log_take_body(store, query_blob(query, 9), &check->body);
    if (status != STATUS_OK && status != STATUS_STORE_DAMAGED && status != STATUS_TOO_LARGE)
        return status;
    *what = NULL;
    if (!ID_EQUAL(&computed, &hash) || header_decode(header, bytes) != STATUS_OK || header->seq != seq || !log_id_equal(&header->log, log)) {
        *what = "header damaged";
        return STATUS_OK;
    }
    if (node != TREE_NONE && header_verify(&store->founding, header, bytes, query_blob(query, 7), tree_node_at(store->tree, node)->signing_key) != STATUS_OK)
        *what = "signature bad";
    else if (query_int(query, 10) == BODY_HELD &&
             body_verify(&store->founding.association, header, query_blob(query, 8), buffer_bytes(&check->body)) != STATUS_OK)
        *what = "body damaged";
    if (*what != NULL || seq == 1 || query_int(query, 11) != 0)
        return STATUS_OK;
    status = fallen_follows(check, query_int(query, 0), seq, &header->prev, &follows);
    *what = follows ? NULL : "chain broken";
    return status;
}

/* Branches kept beside their logs: what fell may have to come back. */
static enum status fallen_check(struct check *check) {
    enum status status = STATUS_OK;
    struct query query = db_query(check->store->db, "SELECT l.id, l.node, l.kind, l.epoch, f.seq, f.hash, f.header, f.signature, f.salt, f.body, f.body_state,"
                                                    " f.peer IS NOT NULL FROM fallen f JOIN log l ON l.id = f.log");
    while (status == STATUS_OK && query_next(&query)) {
        const char *what;
        struct log_id log = {.kind = (uint8_t)query_int(&query, 2)};
        query_fixed(&query, 1, log.node.b, sizeof log.node.b);
        query_fixed(&query, 3, log.epoch.b, sizeof log.epoch.b);
        const uint64_t seq = (uint64_t)query_int(&query, 4);
        status = fallen_one(check, &query, &log, &what);
        if (status == STATUS_OK && what != NULL)
            status = finding_at(check, what, &log, seq);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status receipts_check(struct check *check) {
    struct store *store = check->store;
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT bytes, signature, node, kind, epoch, seq FROM receipt");
    while (status == STATUS_OK && query_next(&query)) {
        struct receipt receipt = {0};
        struct log_id log;
        uint8_t signature[64];
        struct bytes bytes = query_blob(&query, 0);
        query_fixed(&query, 1, signature, sizeof signature);
        query_fixed(&query, 2, log.node.b, sizeof log.node.b);
        log.kind = (uint8_t)query_int(&query, 3);
        query_fixed(&query, 4, log.epoch.b, sizeof log.epoch.b);
        bool whole = receipt_decode(&receipt, bytes) == STATUS_OK && log_id_equal(&receipt.log, &log) && receipt.seq == (uint64_t)query_int(&query, 5);
        uint32_t node = whole ? tree_known_node(store->tree, &receipt.holder) : TREE_NONE;
        const uint8_t *key = node != TREE_NONE                         ? tree_node_at(store->tree, node)->signing_key
                             : ID_EQUAL(&receipt.holder, &store->self) ? store->keys->signing_public /* before the own admission has come */
                                                                       : NULL;
        if (whole && key != NULL)
            whole = keys_verify(signature, "receipt", &store->founding.association, bytes, key) == STATUS_OK;
        if (!whole)
            status = finding_at(check, "receipt damaged", &log, (uint64_t)query_int(&query, 5));
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* ---- views ---- */

static enum status record_check(void *arg, const struct record_item *item) {
    struct check *check = arg;
    check->counts->records++;
    if (item->sound)
        return STATUS_OK;
    char unit[33], where[WHERE_BYTES];
    request_hex(unit, item->unit.b, sizeof item->unit.b);
    (void)snprintf(where, sizeof where, "%s, period %u, row %.*s", unit, (unsigned)item->place.period,
                   (int)(item->place.row.len < 64 ? item->place.row.len : 64), item->place.row.len > 0 ? (const char *)item->place.row.data : "");
    return finding(check, "record row damaged", where);
}

/* Are the views what the logs say? They are made anew and compared by their digest, and all of it taken back. */
static enum status views_check(struct check *check) {
    struct store *store = check->store;
    uint32_t unit = tree_unit(store->tree, &store->unit);
    struct hash before, after;
    if (unit == TREE_NONE)
        return STATUS_OK; /* a node that has not heard of its own admission yet has no views to speak of */
    enum status status = digest_of(store, unit, unit, &before);
    bool readable = status != STATUS_STORE_DAMAGED; /* else found already, row by row */
    if (status != STATUS_OK && readable)
        return status;
    status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    status = rebuild_views(store);
    unit = status == STATUS_OK ? tree_unit(store->tree, &store->unit) : TREE_NONE;
    if (unit != TREE_NONE)
        status = digest_of(store, unit, unit, &after);
    store_rollback(store);
    if (status != STATUS_OK)
        return status == STATUS_STORE_DAMAGED ? finding(check, "views cannot be made from the logs", "rebuild") : status;
    if (readable && (unit == TREE_NONE || !ID_EQUAL(&before, &after)))
        return finding(check, "views are not what the logs say: run rebuild", "views");
    return STATUS_OK;
}

enum status check_run(struct store *store, json_t *findings, struct check_counts *counts) {
    struct check check = {.store = store, .findings = findings, .counts = counts, .header = malloc(sizeof *check.header), .body = {.max = BODY_BYTES_MAX}};
    *counts = (struct check_counts){.units = (int64_t)tree_standing_count(store->tree)};
    if (check.header == NULL)
        return STATUS_NO_MEMORY;
    enum status status = db_quick_check(store->db);
    if (status == STATUS_STORE_DAMAGED)
        status = finding(&check, "database pages damaged", "store.db");
    if (status == STATUS_OK)
        status = logs_check(&check);
    if (status == STATUS_OK)
        status = forks_check(&check);
    if (status == STATUS_OK)
        status = fallen_check(&check);
    if (status == STATUS_OK)
        status = receipts_check(&check);
    if (status == STATUS_OK)
        status = record_walk(store, record_check, &check);
    if (status == STATUS_OK)
        status = views_check(&check);
    buffer_fini(&check.body);
    free(check.header);
    return status;
}
