/* What has come, log by log: control entries first, as far as their bodies are held, whatever else is missing before them; then everything else. Authority is
 * thus a matter of headers and control bodies alone. */
#include "protocol/planted.h"
#include "store/apply.h"
#include "store/log.h"

#include <stdlib.h>

enum { EPOCHS_MAX = 10000 }; /* as in log.c: ends a ring of a damaged store */

struct pending {
    int64_t id;
    struct log_id log;
    uint64_t done, head; /* done: up to where it was taken before */
    uint32_t author;     /* TREE_NONE: does not stand */
};
struct pending_list {
    struct pending *items;
    size_t count, capacity;
};

/* Ends the query (id, node, kind, epoch, done, head_seq). */
static enum status pending_read(struct store *store, struct query *query, struct pending_list *list) {
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        if (list->count == list->capacity) {
            size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
            struct pending *items = realloc(list->items, capacity * sizeof *items);
            if (items == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            list->items = items;
            list->capacity = capacity;
        }
        struct pending *item = &list->items[list->count++];
        *item = (struct pending){.id = query_int(query, 0), .done = (uint64_t)query_int(query, 4), .head = (uint64_t)query_int(query, 5)};
        query_fixed(query, 1, item->log.node.b, sizeof item->log.node.b);
        item->log.kind = (uint8_t)query_int(query, 2);
        query_fixed(query, 3, item->log.epoch.b, sizeof item->log.epoch.b);
        item->author = tree_node(store->tree, &item->log.node);
    }
    enum status ended = query_end(query);
    return status != STATUS_OK ? status : ended;
}

/* The first header of the log that continues another: *has false where there is none, or none held. */
static enum status continued_by(struct store *store, const struct log_id *log, struct header *header, bool *has) {
    struct query query =
        db_query(store->db, "SELECT e.header FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = 1");
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(&query, log->kind);
    query_bind_blob(&query, bytes_of(log->epoch.b, sizeof log->epoch.b));
    bool found = query_next(&query), sound = !found || header_decode(header, query_blob(&query, 0)) == STATUS_OK;
    enum status status = query_end(&query);
    *has = found && sound && header->has_continues;
    return status == STATUS_OK && !sound ? STATUS_STORE_DAMAGED : status;
}

/* Is the entry here, or of a log that is forked at it or before? Then it may be of the branch that fell, which no office need have. */
static enum status is_held(struct store *store, const struct ref *ref, bool *held) {
    struct query query =
        db_query(store->db, "SELECT (SELECT hash FROM entry WHERE log = l.id AND seq = ?4), EXISTS (SELECT 1 FROM fork WHERE log = l.id AND seq <= ?4)"
                            " FROM log l WHERE l.node = ?1 AND l.kind = ?2 AND l.epoch = ?3");
    query_bind_blob(&query, bytes_of(ref->log.node.b, sizeof ref->log.node.b));
    query_bind_int(&query, ref->log.kind);
    query_bind_blob(&query, bytes_of(ref->log.epoch.b, sizeof ref->log.epoch.b));
    query_bind_int(&query, (int64_t)ref->seq);
    *held = false;
    if (query_next(&query)) {
        struct bytes hash = query_blob(&query, 0);
        *held = (hash.len == sizeof(struct hash) && memcmp(hash.data, ref->hash.b, sizeof ref->hash.b) == 0) || query_int(&query, 1) != 0;
    }
    return query_end(&query);
}

/* Is an entry not here that the log's epoch continues, or one that this epoch continues in its turn? Seniority and what has been seen rest on the whole chain
 * of epochs: what is judged before the chain is here would be judged otherwise on another node. A ring of epochs, which only a liar makes, waits for ever. */
static enum status chain_waits(struct store *store, const struct log_id *first, struct header *header, bool *waits) {
    struct log_id log = *first;
    *waits = false;
    for (int i = 0; i < EPOCHS_MAX; i++) {
        bool has, held;
        enum status status = continued_by(store, &log, header, &has);
        if (status != STATUS_OK || !has) {
            return status;
        }
        log = header->continues.log;
        status = is_held(store, &header->continues, &held);
        *waits = !PLANTED("epoch-not-awaited") && (!held || log_id_equal(&log, first));
        if (status != STATUS_OK || *waits) {
            return status;
        }
    }
    *waits = true;
    return STATUS_OK;
}

/* ---- control entries ---- */

struct given {
    int64_t *items;
    size_t count, capacity;
};

static enum status note_given(struct given *given, int64_t entry) {
    if (given->count == given->capacity) {
        size_t capacity = given->capacity == 0 ? 16 : given->capacity * 2;
        int64_t *grown = realloc(given->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        given->items = grown;
        given->capacity = capacity;
    }
    given->items[given->count++] = entry;
    return STATUS_OK;
}

static enum status give_one(struct store *store, int64_t id, struct header *header, struct given *given) {
    struct stored_entry entry;
    bool taken = false;
    enum status status = log_read(store, id, &entry, header);
    if (status == STATUS_OK && header->critical_unknown) {
        return apply_whole_aside(store, id, STATUS_CRITICAL_EXTENSION);
    }
    if (status == STATUS_OK) {
        status = control_give(store, &entry, header, &taken);
    }
    return status == STATUS_OK && taken ? note_given(given, id) : status;
}

/* A control body that is not held ends the log for now. */
static enum status give_log(struct store *store, struct pending *log, struct header *header, struct given *given) {
    bool waits = false, missing = false;
    uint64_t before = log->done;
    enum status status = before == 0 ? chain_waits(store, &log->log, header, &waits) : STATUS_OK;
    if (status != STATUS_OK || waits) {
        return status;
    }
    struct query query = db_query(store->db, "SELECT id, seq, header, body_state FROM entry WHERE log = ? AND seq > ? ORDER BY seq");
    query_bind_int(&query, log->id);
    query_bind_int(&query, (int64_t)before);
    while (status == STATUS_OK && !missing && query_next(&query)) {
        int64_t state = query_int(&query, 3);
        if (header_decode(header, query_blob(&query, 2)) != STATUS_OK) {
            status = STATUS_STORE_DAMAGED;
            break;
        }
        bool control = header->cls == CLASS_CONTROL || PLANTED("control-behind-records");
        missing = control && state == BODY_MISSING && !PLANTED("applied-past-a-gap");
        if (header->cls == CLASS_CONTROL && state == BODY_HELD) {
            status = give_one(store, query_int(&query, 0), header, given);
        }
        log->done = missing || status != STATUS_OK ? log->done : (uint64_t)query_int(&query, 1);
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    if (status != STATUS_OK || log->done == before) {
        return status;
    }
    query = db_query(store->db, "UPDATE log SET controlled = ? WHERE id = ?");
    query_bind_int(&query, (int64_t)log->done);
    query_bind_int(&query, log->id);
    return query_run(&query);
}

enum status apply_control_entries(struct store *store, struct header *header, struct apply_since *since) {
    struct pending_list list = {0};
    struct given given = {0};
    struct query query = db_query(store->db, "SELECT id, node, kind, epoch, controlled, head_seq FROM log WHERE controlled < head_seq AND kind > 1");
    enum status status = pending_read(store, &query, &list);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        status = give_log(store, &list.items[i], header, &given);
    }
    if (status == STATUS_OK && given.count > 0) {
        status = apply_since_take(store, since);
    }
    if (status == STATUS_OK) {
        status = tree_settle(store->tree);
    }
    for (size_t i = 0; i < given.count && status == STATUS_OK; i++) {
        struct stored_entry entry;
        status = log_read(store, given.items[i], &entry, header);
        if (status == STATUS_OK) {
            status = control_retry(store, &entry, header, UINT32_MAX);
        }
    }
    free(given.items);
    free(list.items);
    return status;
}

/* ---- everything else ---- */

/* By the seniority of their authors, so that most of what an entry needs stands before it. */
static int pending_order(const void *left, const void *right, void *tree) {
    const struct pending *a = left, *b = right;
    bool recovery_a = a->log.kind == LOG_RECOVERY, recovery_b = b->log.kind == LOG_RECOVERY;
    if (recovery_a != recovery_b) {
        return recovery_a ? -1 : 1;
    }
    if ((a->author == TREE_NONE) != (b->author == TREE_NONE)) {
        return a->author == TREE_NONE ? 1 : -1;
    }
    int order = a->author == TREE_NONE ? 0 : tree_seniority(tree, a->author, b->author);
    if (order != 0) {
        return order;
    }
    if (a->log.kind != b->log.kind) {
        return a->log.kind > b->log.kind ? -1 : 1; /* directive logs before report logs */
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static enum status apply_one(struct store *store, int64_t id, struct header *header) {
    struct stored_entry entry;
    enum status status = log_read(store, id, &entry, header);
    return status == STATUS_OK && header->cls != CLASS_CONTROL ? apply_entry(store, &entry, header) : status;
}

struct apply_standing apply_standing_of(const struct tree *tree, const struct log_id *log) {
    struct tree_standing standing;
    tree_log_standing(tree, log, &standing);
    if (log->kind != LOG_RECOVERY && tree_node(tree, &log->node) == TREE_NONE) {
        return (struct apply_standing){0, STATUS_AUTHOR_UNKNOWN};
    }
    return standing.upto >= INT64_MAX ? (struct apply_standing){INT64_MAX, STATUS_OK} : (struct apply_standing){(int64_t)standing.upto, standing.why};
}

/* From its beginning a log is judged by how it stands now: what makes it stand otherwise later is compared with that. */
static enum status note_standing(struct store *store, const struct pending *log) {
    const struct apply_standing standing = apply_standing_of(store->tree, &log->log);
    struct query query = db_query(store->db, "UPDATE log SET stands = ?, why = ? WHERE id = ?");
    query_bind_int(&query, standing.upto);
    query_bind_int(&query, standing.why);
    query_bind_int(&query, log->id);
    return query_run(&query);
}

/* The first whose body this node is entitled to and lacks ends the log for now. */
static enum status apply_log(struct store *store, struct pending *log, struct header *header) {
    bool waits = false, missing = false;
    uint64_t before = log->done;
    enum status status = before == 0 ? chain_waits(store, &log->log, header, &waits) : STATUS_OK;
    while (status == STATUS_OK && log->done < log->head && !waits && !missing) {
        struct query query = db_query(store->db, "SELECT id, body_state FROM entry WHERE log = ? AND seq = ?");
        query_bind_int(&query, log->id);
        query_bind_int(&query, (int64_t)log->done + 1);
        bool found = query_next(&query);
        int64_t id = query_int(&query, 0), state = query_int(&query, 1);
        status = query_end(&query);
        if (status == STATUS_OK && !found) {
            status = STATUS_STORE_DAMAGED;
        }
        missing = state == BODY_MISSING && !PLANTED("applied-past-a-gap");
        if (status == STATUS_OK && state == BODY_HELD) {
            status = apply_one(store, id, header);
        }
        log->done += status == STATUS_OK && !missing;
    }
    if (status == STATUS_OK && log->done > before && before == 0) {
        status = note_standing(store, log);
    }
    if (status != STATUS_OK || log->done == before) {
        return status;
    }
    struct query query = db_query(store->db, "UPDATE log SET applied = ?, receipt_due = 1 WHERE id = ?");
    query_bind_int(&query, (int64_t)log->done);
    query_bind_int(&query, log->id);
    return query_run(&query);
}

enum status apply_logs(struct store *store, struct header *header) {
    struct pending_list list = {0};
    struct query query = db_query(store->db, "SELECT id, node, kind, epoch, applied, head_seq FROM log WHERE applied < head_seq");
    enum status status = pending_read(store, &query, &list);
    if (status == STATUS_OK && list.count > 1) {
        qsort_r(list.items, list.count, sizeof *list.items, pending_order, store->tree);
    }
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        status = apply_log(store, &list.items[i], header);
    }
    free(list.items);
    return status;
}
