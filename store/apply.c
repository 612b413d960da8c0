/* Applying entries to the views, in an order that does not matter: what cannot stand yet is set aside and tried again when what it waits for has come.
 *
 * 1. Logs are taken by the seniority of their authors, so that most of what an entry needs stands before it. Within a log entries go by seq; the first whose
 * body this node is entitled to and lacks ends that log for now. `applied` is where it ended.
 * 2. When the tree has grown, what waits for a unit or an author is judged again.
 * 3. When the tree has taken something back (tree_retractions), views may rest on it: they are dropped and made anew from all entries, with the tree as it now
 * is. */
#include "store/apply.h"
#include "protocol/planted.h"
#include "store/form_view.h"
#include "store/log.h"
#include "store/schema.h"

#include <assert.h>
#include <stdlib.h>

enum { KINDS_BYTES = 16, ANEW_MAX = 4 };

bool apply_knows(uint64_t kind) {
#ifdef HOI_TEST_KIND
    if (HOI_TEST_KIND && kind == APPLY_TEST_KIND) {
        return true;
    }
#endif
    return change_known(kind);
}

/* ---- setting aside ---- */

static enum status receipt_is_due(struct store *store, int64_t entry_id) {
    struct query query = db_query(store->db, "UPDATE log SET receipt_due = 1 WHERE id = (SELECT log FROM entry WHERE id = ?)");
    query_bind_int(&query, entry_id);
    return query_run(&query);
}

enum status apply_set_aside(struct store *store, int64_t entry_id, uint32_t place, enum status reason, struct bytes detail) {
    struct query query = db_query(store->db, "INSERT OR REPLACE INTO set_aside(entry, place, reason, detail) VALUES(?, ?, ?, ?)");
    query_bind_int(&query, entry_id);
    query_bind_int(&query, place);
    query_bind_int(&query, reason);
    if (detail.len > 0) {
        query_bind_blob(&query, detail);
    } else {
        query_bind_null(&query);
    }
    enum status status = query_run(&query);
    return status == STATUS_OK ? receipt_is_due(store, entry_id) : status;
}

enum status apply_whole_aside(struct store *store, int64_t entry_id, enum status reason) {
    return apply_set_aside(store, entry_id, 0, reason, (struct bytes){0});
}

enum status apply_take_back(struct store *store, int64_t entry_id, uint32_t place) {
    struct query query = db_query(store->db, "DELETE FROM set_aside WHERE entry = ? AND place = ?");
    query_bind_int(&query, entry_id);
    query_bind_int(&query, place);
    enum status status = query_run(&query);
    return status == STATUS_OK && db_changes(store->db) > 0 ? receipt_is_due(store, entry_id) : status;
}

enum status apply_take_back_all(struct store *store, int64_t entry_id) {
    struct query query = db_query(store->db, "DELETE FROM set_aside WHERE entry = ?");
    query_bind_int(&query, entry_id);
    enum status status = query_run(&query);
    return status == STATUS_OK && db_changes(store->db) > 0 ? receipt_is_due(store, entry_id) : status;
}

/* ---- authority over records and documents ---- */

enum status apply_author(const struct store *store, const struct log_id *log, uint32_t *unit, uint8_t *roles) {
    *unit = TREE_NONE;
    *roles = ROLE_WRITER | ROLE_STEWARD;
    if (log->kind == LOG_RECOVERY) {
        return STATUS_OK;
    }
    uint32_t node = tree_node(store->tree, &log->node);
    if (node == TREE_NONE) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    *unit = tree_node_at(store->tree, node)->unit;
    *roles = tree_node_at(store->tree, node)->roles;
    return STATUS_OK;
}

/* A node writes records of its own unit in its report log, and of its own and the units below in its directive log. */
static enum status record_lawful(const struct store *store, const struct header *header, uint32_t author) {
    uint32_t unit = tree_unit(store->tree, &header->audience[0].unit);
    if (unit == TREE_NONE) {
        return STATUS_UNIT_UNKNOWN;
    }
    bool lawful = header->log.kind == LOG_REPORT ? unit == author || PLANTED("report-of-another-unit") : tree_over(store->tree, author, unit);
    return lawful ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
}

/* A document may be for any units below its author's, and for single units above. It stands where one of those that its author may write to is known: the
 * others are passed over. A unit of another branch and one that nobody made are the same to offices that never hear of either: so all offices say of both that
 * they wait. */
static enum status document_lawful(const struct store *store, const struct header *header, uint32_t author) {
    for (size_t i = 0; i < header->audience_count; i++) {
        uint32_t unit = tree_unit(store->tree, &header->audience[i].unit);
        if (unit != TREE_NONE && (tree_over(store->tree, author, unit) || (header->audience[i].scope == SCOPE_UNIT && tree_over(store->tree, unit, author)))) {
            return STATUS_OK;
        }
    }
    return STATUS_UNIT_UNKNOWN;
}

static enum status lawful(const struct store *store, const struct header *header) {
    uint32_t author;
    uint8_t roles;
    enum status status = apply_author(store, &header->log, &author, &roles);
    if (status != STATUS_OK) {
        return status;
    }
    if (author == TREE_NONE || (roles & ROLE_WRITER) == 0 || header->audience_count == 0) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    return header->cls == CLASS_RECORD ? record_lawful(store, header, author) : document_lawful(store, header, author);
}

/* As if it came now, whatever was set aside of it before. What stands already is taken once: facts, forms, documents and records know the same entry again. */
static enum status apply_entry(struct store *store, const struct stored_entry *entry, const struct header *header) {
    enum status status = apply_take_back_all(store, entry->id);
    if (status != STATUS_OK) {
        return status;
    }
    if (header->critical_unknown) {
        return apply_whole_aside(store, entry->id, STATUS_CRITICAL_EXTENSION);
    }
    if (header->cls == CLASS_CONTROL) {
        return control_apply(store, entry, header);
    }
    enum status verdict = lawful(store, header);
    if (verdict != STATUS_OK) {
        return apply_whole_aside(store, entry->id, verdict);
    }
    return header->cls == CLASS_RECORD ? record_apply(store, entry, header) : document_apply(store, entry, header);
}

/* ---- 1. what has come ---- */

struct pending {
    int64_t id;
    struct log_id log;
    uint64_t applied, head;
    uint32_t author; /* TREE_NONE: does not stand */
    bool waits;      /* for the epoch that it continues */
};
struct pending_list {
    struct pending *items;
    size_t count, capacity;
    const struct tree *tree;
};

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

static enum status pending_read(struct store *store, struct pending_list *list) {
    struct query query = db_query(store->db, "SELECT id, node, kind, epoch, applied, head_seq FROM log WHERE applied < head_seq");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
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
        *item = (struct pending){.id = query_int(&query, 0), .applied = (uint64_t)query_int(&query, 4), .head = (uint64_t)query_int(&query, 5)};
        query_fixed(&query, 1, item->log.node.b, sizeof item->log.node.b);
        item->log.kind = (uint8_t)query_int(&query, 2);
        query_fixed(&query, 3, item->log.epoch.b, sizeof item->log.epoch.b);
        item->author = tree_node(store->tree, &item->log.node);
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

static enum status entry_at(struct store *store, int64_t log, uint64_t seq, int64_t *id, int64_t *body_state) {
    struct query query = db_query(store->db, "SELECT id, body_state FROM entry WHERE log = ? AND seq = ?");
    query_bind_int(&query, log);
    query_bind_int(&query, (int64_t)seq);
    bool found = query_next(&query);
    *id = query_int(&query, 0);
    *body_state = query_int(&query, 1);
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_STORE_DAMAGED : status;
}

/* Is the epoch's first header here, and the entry that it continues not, or not begun to be applied? Seniority and what has been seen rest on the whole chain
 * of epochs: what is judged before the chain is here would be judged otherwise on another node. A ring of epochs, which only a liar makes, waits for ever. */
static enum status chain_waits(struct store *store, struct pending *log, struct header *header) {
    struct query query = db_query(store->db, "SELECT header FROM entry WHERE log = ? AND seq = 1");
    query_bind_int(&query, log->id);
    bool sound = query_next(&query) && header_decode(header, query_blob(&query, 0)) == STATUS_OK;
    enum status status = query_end(&query);
    log->waits = false;
    if (status != STATUS_OK || !sound || !header->has_continues) {
        return status != STATUS_OK || sound ? status : STATUS_STORE_DAMAGED;
    }
    query = db_query(store->db, "SELECT e.hash FROM log l JOIN entry e ON e.log = l.id"
                                " WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ? AND l.applied > 0");
    const struct ref *ref = &header->continues;
    query_bind_blob(&query, bytes_of(ref->log.node.b, sizeof ref->log.node.b));
    query_bind_int(&query, ref->log.kind);
    query_bind_blob(&query, bytes_of(ref->log.epoch.b, sizeof ref->log.epoch.b));
    query_bind_int(&query, (int64_t)ref->seq);
    log->waits = !PLANTED("epoch-not-awaited");
    if (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        log->waits = memcmp(hash.b, ref->hash.b, sizeof ref->hash.b) != 0;
    }
    return query_end(&query);
}

static enum status apply_log(struct store *store, struct pending *log, struct header *header) {
    uint64_t before = log->applied;
    enum status status = before == 0 ? chain_waits(store, log, header) : STATUS_OK;
    while (status == STATUS_OK && log->applied < log->head && !log->waits) {
        int64_t id, body_state;
        struct stored_entry entry;
        status = entry_at(store, log->id, log->applied + 1, &id, &body_state);
        if (status != STATUS_OK || (body_state == BODY_MISSING && !PLANTED("applied-past-a-gap"))) {
            break;
        }
        if (body_state == BODY_HELD) {
            status = log_read(store, id, &entry, header);
            if (status == STATUS_OK) {
                status = apply_entry(store, &entry, header);
            }
        }
        log->applied += status == STATUS_OK;
    }
    if (status != STATUS_OK || log->applied == before) {
        return status;
    }
    struct query query = db_query(store->db, "UPDATE log SET applied = ?, receipt_due = 1 WHERE id = ?");
    query_bind_int(&query, (int64_t)log->applied);
    query_bind_int(&query, log->id);
    return query_run(&query);
}

static enum status apply_logs(struct store *store, struct header *header) {
    struct pending_list list = {0};
    enum status status = pending_read(store, &list);
    if (status == STATUS_OK && list.count > 1) {
        qsort_r(list.items, list.count, sizeof *list.items, pending_order, store->tree);
    }
    /* Again as long as an epoch has begun that others wait for. */
    for (bool begun = true; begun && status == STATUS_OK;) {
        bool waiting = false;
        begun = false;
        for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
            struct pending *log = &list.items[i];
            uint64_t before = log->applied;
            status = before < log->head ? apply_log(store, log, header) : STATUS_OK;
            begun |= before == 0 && log->applied > 0;
            waiting |= log->waits;
        }
        begun = begun && waiting;
    }
    free(list.items);
    return status;
}

/* ---- 2. what waits ---- */

struct waiting {
    int64_t entry;
    uint32_t place;
    bool fact;
};
struct waiting_list {
    struct waiting *items;
    size_t count, capacity;
};

static enum status waiting_take(struct query *query, struct waiting_list *list) {
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        if (list->count == list->capacity) {
            size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
            struct waiting *items = realloc(list->items, capacity * sizeof *items);
            if (items == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            list->items = items;
            list->capacity = capacity;
        }
        list->items[list->count++] = (struct waiting){query_int(query, 0), (uint32_t)query_int(query, 1), query_int(query, 2) != 0};
    }
    enum status ended = query_end(query);
    return status != STATUS_OK ? status : ended;
}

/* A record, a document, a form, or a change that this version has come to know: judged as if it came now. */
static enum status retry_entry(struct store *store, const struct waiting *item, struct header *header) {
    struct stored_entry entry;
    enum status status = log_read(store, item->entry, &entry, header);
    if (status != STATUS_OK) {
        return status;
    }
    if (entry.entry.salt.len == 0) {
        return STATUS_OK; /* erased meanwhile */
    }
    return header->cls == CLASS_CONTROL ? control_retry(store, &entry, header, item->place) : apply_entry(store, &entry, header);
}

static enum status retry_list(struct store *store, const struct waiting_list *list, struct header *header) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        const struct waiting *item = &list->items[i];
        if (!item->fact) {
            status = retry_entry(store, item, header);
            continue;
        }
        enum status verdict = tree_verdict(store->tree, item->entry, item->place);
        status = verdict == STATUS_OK ? apply_take_back(store, item->entry, item->place)
                                      : apply_set_aside(store, item->entry, item->place, verdict, (struct bytes){0});
    }
    return status;
}

static enum status retry_waiting(struct store *store, struct header *header) {
    static_assert(STATUS_UNIT_UNKNOWN == 401 && STATUS_AUTHOR_UNKNOWN == 302, "the statement below says the same");
    struct waiting_list list = {0};
    struct query query =
        db_query(store->db, "SELECT s.entry, s.place, f.kind IS NOT NULL FROM set_aside s LEFT JOIN fact f ON f.entry = s.entry AND f.place = s.place"
                            " WHERE s.reason IN (302, 401) ORDER BY s.entry, s.place");
    enum status status = waiting_take(&query, &list);
    if (status == STATUS_OK) {
        status = retry_list(store, &list, header);
    }
    free(list.items);
    return status;
}

/* ---- kinds that a newer version has come to know ---- */

static void known_kinds(uint8_t out[KINDS_BYTES]) {
    memset(out, 0, KINDS_BYTES);
    for (unsigned kind = 1; kind < KINDS_BYTES * 8; kind++) {
        if (apply_knows(kind)) {
            out[kind / 8] |= (uint8_t)(1U << kind % 8);
        }
    }
}

/* An entry set aside for a kind or an extension that the version which wrote the store did not know is applied as if it came now. Entries are whole again
 * afterwards: what of them stood already stands (facts, rows and registers take the same thing twice as once). */
static enum status retry_unknown(struct store *store, struct header *header) {
    static_assert(STATUS_CHANGE_UNKNOWN == 208 && STATUS_CRITICAL_EXTENSION == 205, "the statement below says the same");
    uint8_t kinds[KINDS_BYTES];
    struct buffer written;
    buffer_init(&written, KINDS_BYTES);
    known_kinds(kinds);
    enum status status = store_meta(store->db, "kinds", &written);
    bool same = status == STATUS_OK && bytes_equal(buffer_bytes(&written), bytes_of(kinds, sizeof kinds));
    buffer_fini(&written);
    if (same || (status != STATUS_OK && status != STATUS_NOT_FOUND && status != STATUS_TOO_LARGE)) {
        return status;
    }
    struct waiting_list list = {0};
    struct query query = db_query(store->db, "SELECT DISTINCT entry, 0, 0 FROM set_aside WHERE reason IN (205, 208) ORDER BY entry");
    status = waiting_take(&query, &list);
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++) {
        struct stored_entry entry;
        status = log_read(store, list.items[i].entry, &entry, header);
        if (status == STATUS_OK && entry.entry.salt.len > 0) {
            status = apply_entry(store, &entry, header);
        }
    }
    free(list.items);
    return status == STATUS_OK ? store_meta_put(store->db, "kinds", bytes_of(kinds, sizeof kinds)) : status;
}

/* ---- all together ---- */

static enum status apply_round(struct store *store, struct header *header) {
    uint64_t before = tree_version(store->tree);
    enum status status = apply_logs(store, header);
    if (status == STATUS_OK && tree_version(store->tree) != before && !PLANTED("waits-for-ever")) {
        status = retry_waiting(store, header);
    }
    return status;
}

/* Receipts. They judge anew which bodies this node is entitled to: where one at or below `applied` is now missed, its log is taken up again from there. */
static enum status finish(struct store *store) {
    uint64_t reviewed = store->views_reviewed;
    enum status status = receipt_refresh(store);
    if (status != STATUS_OK || store->views_reviewed == reviewed) {
        return status;
    }
    struct query query = db_query(store->db, "UPDATE log SET applied = bodies WHERE applied > bodies");
    return query_run(&query);
}

enum status apply_pending(struct store *store) {
    assert(db_in_transaction(store->db));
    struct header *header = malloc(sizeof *header);
    if (header == NULL) {
        return STATUS_NO_MEMORY;
    }
    uint64_t retractions = tree_retractions(store->tree);
    enum status status = retry_unknown(store, header);
    if (status == STATUS_OK) {
        status = apply_round(store, header);
    }
    for (int i = 0; status == STATUS_OK && tree_retractions(store->tree) != retractions && i < ANEW_MAX; i++) {
        retractions = tree_retractions(store->tree);
        status = schema_clear_views(store->db);
        form_view_close(store);
        if (status == STATUS_OK) {
            status = apply_round(store, header);
        }
    }
    free(header);
    return status == STATUS_OK ? finish(store) : status;
}

/* Applying may fail by our own fault or for want of something; what was received must stand all the same, or the sender would send it for ever. It is tried
 * again with the next. */
enum status apply_apart(struct store *store) {
    enum status status = db_savepoint(store->db);
    if (status != STATUS_OK) {
        return status;
    }
    store->apply_status = apply_pending(store);
    if (store->apply_status == STATUS_OK) {
        return db_release(store->db);
    }
    db_back(store->db);
    form_view_close(store);
    status = store_load_tree(store);
    return status == STATUS_OK ? receipt_refresh(store) : status;
}
