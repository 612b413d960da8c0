/* Applying entries to the views, in an order that does not matter: what cannot stand yet is set aside and tried again when what it waits for has come.
 *
 * 1. Control entries of all logs go first, ahead of whatever is missing before them, into the tree, which is then settled once (`controlled` is where each log
 * ended). A branch that a senior's pin has judged to fall makes room (store/branch.h).
 * 2. Everything else, log by log by the seniority of their authors, so that most of what an entry needs stands before it. Within a log entries go by seq; the
 * first whose body this node is entitled to and lacks ends that log for now. `applied` is where it ended.
 * 3. When the tree has changed, what was judged by it before is judged anew (store/apply_review.c).
 * 4. When something has fallen on which views rest of which nobody keeps a list (a form, the place of a unit), all views are dropped and made anew from all
 * entries, with the tree as it now is. */
#include "store/apply.h"
#include "protocol/planted.h"
#include "store/branch.h"
#include "store/form_view.h"
#include "store/log.h"
#include "store/record_apply.h"
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

enum status apply_lawful(const struct store *store, const struct header *header, const struct hash *hash) {
    return tree_entry_verdict(store->tree, header, hash);
}

enum status apply_entry(struct store *store, const struct stored_entry *entry, const struct header *header) {
    if (header->cls == CLASS_CONTROL && !header->critical_unknown) {
        return control_retry(store, entry, header, UINT32_MAX);
    }
    enum status status = apply_take_back_all(store, entry->id);
    if (status != STATUS_OK) {
        return status;
    }
    if (header->critical_unknown) {
        return apply_whole_aside(store, entry->id, STATUS_CRITICAL_EXTENSION);
    }
    enum status verdict = apply_lawful(store, header, &entry->hash);
    if (verdict != STATUS_OK) {
        status = apply_withdraw(store, entry->id, header); /* it may stand since its log was taken up again from before it */
        return status == STATUS_OK ? apply_whole_aside(store, entry->id, verdict) : status;
    }
    return header->cls == CLASS_RECORD ? record_apply(store, entry, header) : document_apply(store, entry, header);
}

enum status apply_withdraw(struct store *store, int64_t entry_id, const struct header *header) {
    if (header->cls == CLASS_RECORD) {
        return record_apply_withdraw(store, entry_id);
    }
    struct query query = db_query(store->db, "DELETE FROM document WHERE entry = ?");
    query_bind_int(&query, entry_id);
    return query_run(&query);
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

static enum status unknown_list(struct store *store, int64_t **out, size_t *count) {
    size_t capacity = 0;
    struct query query = db_query(store->db, "SELECT DISTINCT entry FROM set_aside WHERE reason IN (205, 208) ORDER BY entry");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        if (*count == capacity) {
            capacity = capacity == 0 ? 16 : capacity * 2;
            int64_t *grown = realloc(*out, capacity * sizeof *grown);
            if (grown == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            *out = grown;
        }
        (*out)[(*count)++] = query_int(&query, 0);
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

/* A control entry is given again with the others of its log. */
static enum status retry_one(struct store *store, int64_t id, struct header *header) {
    struct stored_entry entry;
    enum status status = log_read(store, id, &entry, header);
    if (status != STATUS_OK || entry.entry.salt.len == 0) {
        return status;
    }
    if (header->cls != CLASS_CONTROL || header->critical_unknown) {
        return apply_entry(store, &entry, header);
    }
    status = apply_take_back_all(store, id);
    struct query query = db_query(store->db, "UPDATE log SET controlled = min(controlled, ?1 - 1) WHERE id = (SELECT log FROM entry WHERE id = ?2)");
    query_bind_int(&query, (int64_t)header->seq);
    query_bind_int(&query, id);
    return status == STATUS_OK ? query_run(&query) : query_end(&query);
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
    int64_t *entries = NULL;
    size_t count = 0;
    status = unknown_list(store, &entries, &count);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = retry_one(store, entries[i], header);
    }
    free(entries);
    return status == STATUS_OK ? store_meta_put(store->db, "kinds", bytes_of(kinds, sizeof kinds)) : status;
}

/* ---- all together ---- */

/* Has anybody been cut off, pinned or forked? Else only a copied nonce takes something back, and what rests on it nobody has listed. */
static enum status any_trust(struct store *store, bool *out) {
    static_assert(CHANGE_HANDOVER == 6 && CHANGE_REVOCATION == 8 && CHANGE_PIN == 9 && CHANGE_FORK_DECISION == 10, "the statement below says the same");
    struct query query = db_query(store->db, "SELECT EXISTS (SELECT 1 FROM fact WHERE kind IN (3, 4, 5, 6, 8, 9, 10, 22)) OR EXISTS (SELECT 1 FROM fork)");
    *out = query_next(&query) && query_int(&query, 0) != 0;
    return query_end(&query);
}

/* How the tree stood when views were last in step with it. */
struct round {
    uint64_t version, retractions;
    bool changed, anew;
    struct apply_since since;
};

static enum status apply_round(struct store *store, struct round *round, struct header *header) {
    bool trust;
    enum status status = apply_control_entries(store, header, &round->since);
    if (status == STATUS_OK) {
        status = branch_review(store, header, &round->anew);
    }
    if (status != STATUS_OK || round->anew) {
        return status;
    }
    status = apply_logs(store, header);
    bool taken_back = tree_retractions(store->tree) != round->retractions;
    if (status != STATUS_OK || (!taken_back && !round->changed && tree_version(store->tree) == round->version)) {
        return status;
    }
    status = any_trust(store, &trust);
    round->anew = taken_back && !trust;
    round->version = tree_version(store->tree);
    round->retractions = tree_retractions(store->tree);
    round->changed = false;
    return status == STATUS_OK && !round->anew ? apply_review(store, header, taken_back, &round->since, &round->anew) : status;
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
    struct round round = {.version = tree_version(store->tree), .retractions = tree_retractions(store->tree)};
    enum status status = retry_unknown(store, header);
    if (status == STATUS_OK) {
        status = apply_round(store, &round, header);
    }
    for (int i = 0; status == STATUS_OK && round.anew && i < ANEW_MAX; i++) {
        round.anew = false;
        round.changed = true; /* what the new views are made with is what everything is to be compared with */
        status = schema_clear_views(store->db);
        form_view_close(store);
        if (status == STATUS_OK) {
            status = apply_round(store, &round, header);
        }
    }
    apply_since_fini(&round.since);
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
