#include "store/branch.h"

#include "store/apply.h"
#include "store/beside.h"
#include "store/bounds.h"
#include "store/log.h"
#include "store/record_apply.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- evidence ---- */

/* Of one log, or of all where row is 0. What is held at the seq is one of the two headers; after a branch has made room there may be nothing. */
static enum status evidence(struct store *store, int64_t row) {
    struct query query = db_query(store->db, "SELECT l.node, l.kind, l.epoch, f.seq, f.hash, e.hash, f.log FROM fork f JOIN log l ON l.id = f.log"
                                             " LEFT JOIN entry e ON e.log = f.log AND e.seq = f.seq WHERE ?1 = 0 OR f.log = ?1 ORDER BY f.log, f.seq, f.hash");
    query_bind_int(&query, row);
    enum status status = STATUS_OK;
    struct hash before = {0};
    int64_t log_before = 0;
    uint64_t seq_before = 0;
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log = {.kind = (uint8_t)query_int(&query, 1)};
        struct hash hash, held;
        uint64_t seq = (uint64_t)query_int(&query, 3);
        query_fixed(&query, 0, log.node.b, sizeof log.node.b);
        query_fixed(&query, 2, log.epoch.b, sizeof log.epoch.b);
        query_fixed(&query, 4, hash.b, sizeof hash.b);
        if (query_blob(&query, 5).len == sizeof held.b) {
            query_fixed(&query, 5, held.b, sizeof held.b);
            status = ID_EQUAL(&held, &hash) ? STATUS_OK : tree_add_fork(store->tree, &log, seq, &held, &hash);
        }
        if (status == STATUS_OK && log_before == query_int(&query, 6) && seq_before == seq) {
            status = tree_add_fork(store->tree, &log, seq, &before, &hash);
        }
        before = hash;
        log_before = query_int(&query, 6);
        seq_before = seq;
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

enum status branch_evidence_load(struct store *store) {
    return evidence(store, 0);
}

enum status branch_evidence_give(struct store *store, int64_t log_row_id) {
    store->tree_touched = true;
    return evidence(store, log_row_id);
}

enum status branch_fork_mark(struct store *store, const struct log_id *log, struct fork_mark *out) {
    struct log_row row;
    struct short_hash *const hashes[] = {&out->one, &out->other};
    size_t count = 0;
    *out = (struct fork_mark){0};
    enum status status = log_row(store, log, &row);
    if (status != STATUS_OK) {
        return status;
    }
    struct query query =
        db_query(store->db, "SELECT seq, hash FROM (SELECT f.seq, f.hash FROM fork f WHERE f.log = ?1 UNION SELECT e.seq, e.hash FROM entry e WHERE e.log = ?1)"
                            " WHERE seq = (SELECT min(seq) FROM fork WHERE log = ?1) ORDER BY hash LIMIT 2");
    query_bind_int(&query, row.id);
    for (; count < 2 && query_next(&query); count++) {
        struct hash hash;
        out->seq = (uint64_t)query_int(&query, 0);
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        *hashes[count] = hash_short(&hash);
    }
    status = query_end(&query);
    if (status != STATUS_OK || count < 2) {
        *out = (struct fork_mark){0};
    }
    return status;
}

enum status branch_holds(void *ctx, const struct ref *ref, bool *holds) {
    struct store *store = ctx;
    struct query query =
        db_query(store->db, "SELECT e.hash FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    query_bind_blob(&query, bytes_of(ref->log.node.b, sizeof ref->log.node.b));
    query_bind_int(&query, ref->log.kind);
    query_bind_blob(&query, bytes_of(ref->log.epoch.b, sizeof ref->log.epoch.b));
    query_bind_int(&query, (int64_t)ref->seq);
    struct hash hash;
    bool found = query_next(&query);
    *holds = false;
    if (found) {
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        *holds = memcmp(hash.b, ref->hash.b, sizeof ref->hash.b) == 0;
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

/* ---- what fell ---- */

enum status branch_has_fallen(struct store *store, int64_t log_row_id, uint64_t seq, const struct hash *hash, bool *out) {
    struct query query = db_query(store->db, "SELECT 1 FROM fallen WHERE log = ? AND seq = ? AND hash = ?");
    query_bind_int(&query, log_row_id);
    query_bind_int(&query, (int64_t)seq);
    query_bind_blob(&query, bytes_of(hash->b, sizeof hash->b));
    *out = query_next(&query);
    return query_end(&query);
}

enum status branch_marks(struct store *store, int64_t log_row_id, bool *forked, bool *fallen) {
    struct query query = db_query(store->db, "SELECT EXISTS (SELECT 1 FROM fork WHERE log = ?1), EXISTS (SELECT 1 FROM fallen WHERE log = ?1)");
    query_bind_int(&query, log_row_id);
    bool found = query_next(&query);
    *forked = found && query_int(&query, 0) != 0;
    *fallen = found && query_int(&query, 1) != 0;
    return query_end(&query);
}

enum status branch_log_fallen(struct store *store, uint8_t kind, bool *out) {
    struct log_id log = {.node = store->self, .kind = kind};
    struct log_row row;
    struct tree_standing standing;
    struct buffer epoch;
    char key[16];
    *out = false;
    (void)snprintf(key, sizeof key, "epoch.%u", (unsigned)kind);
    buffer_init(&epoch, sizeof log.epoch.b);
    enum status status = store_meta(store->db, key, &epoch);
    if (status == STATUS_OK && epoch.len == sizeof log.epoch.b) {
        memcpy(log.epoch.b, epoch.data, sizeof log.epoch.b);
        status = log_row(store, &log, &row);
    }
    buffer_fini(&epoch);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* not begun */
    }
    tree_log_standing(store->tree, &log, &standing);
    bool forked, fallen = false;
    status = branch_marks(store, row.id, &forked, &fallen);
    *out = fallen || standing.upto < SEQ_MAX;
    return status;
}

/* ---- making room ---- */

struct branch {
    int64_t row;
    struct log_id log;
    uint64_t from;
};

/* One statement with the log's row and the seq from which it speaks. */
static enum status run(struct store *store, const char *sql, const struct branch *branch) {
    struct query query = db_query(store->db, sql);
    query_bind_int(&query, branch->row);
    query_bind_int(&query, (int64_t)branch->from);
    return query_run(&query);
}

/* Out of the views, entry by entry, while their bodies can be read. */
static enum status withdraw_all(struct store *store, const struct branch *branch, struct header *header) {
    struct query query = db_query(store->db, "SELECT id, header, body_state FROM entry WHERE log = ?1 AND seq >= ?2");
    query_bind_int(&query, branch->row);
    query_bind_int(&query, (int64_t)branch->from);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        int64_t id = query_int(&query, 0);
        if (header_decode(header, query_blob(&query, 1)) != STATUS_OK) {
            status = STATUS_STORE_DAMAGED;
            break;
        }
        if (header->cls != CLASS_CONTROL && query_int(&query, 2) == BODY_HELD) {
            status = apply_withdraw(store, id, header);
        }
        if (status == STATUS_OK) {
            status = apply_take_back_all(store, id);
        }
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

/* Each with ?1 the log's row, ?2 the first seq that falls. The header that falls is evidence as the other was; of three at one seq the two lowest are kept. */
static const char *const making_room[] = {
    "INSERT INTO fork(log, seq, hash, header, signature) SELECT log, seq, hash, header, signature FROM entry WHERE log = ?1 AND seq = ?2 ON CONFLICT DO "
    "NOTHING",
    "DELETE FROM fallen WHERE log = ?1 AND seq >= ?2 AND peer IS NOT NULL AND hash IN (SELECT hash FROM entry WHERE log = ?1 AND seq >= ?2)",
    "DELETE FROM fork WHERE log = ?1 AND seq = ?2 AND hash NOT IN (SELECT hash FROM fork WHERE log = ?1 AND seq = ?2 ORDER BY hash LIMIT 2)",
    "INSERT INTO fallen(log, seq, hash, header, signature, salt, body, body_state) SELECT log, seq, hash, header, signature, salt, body, body_state"
    " FROM entry WHERE log = ?1 AND seq >= ?2 ON CONFLICT DO NOTHING",
    "DELETE FROM part WHERE entry IN (SELECT id FROM entry WHERE log = ?1 AND seq >= ?2)",
    "DELETE FROM fact WHERE entry IN (SELECT id FROM entry WHERE log = ?1 AND seq >= ?2)",
    "DELETE FROM entry WHERE log = ?1 AND seq >= ?2",
    "UPDATE log SET head_seq = ?2 - 1, head_hash = coalesce((SELECT hash FROM entry WHERE log = ?1 AND seq = ?2 - 1), zeroblob(32)),"
    " applied = min(applied, ?2 - 1), controlled = min(controlled, ?2 - 1) WHERE id = ?1",
};

static enum status make_room(struct store *store, const struct branch *branch, struct header *header) {
    enum status status = withdraw_all(store, branch, header);
    store->fresh_count = 0; /* ids may be given again to entries that come back */
    for (size_t i = 0; status == STATUS_OK && i < sizeof making_room / sizeof *making_room; i++) {
        status = run(store, making_room[i], branch);
    }
    if (status == STATUS_OK) {
        status = bounds_recount(store, branch->row);
    }
    return status == STATUS_OK ? log_changed(store, branch->row) : status;
}

/* ---- coming back ---- */

/* The entry of `fallen` that follows the log's head, if one does: back into the log. At the fork itself it is the one of `first`. */
static enum status come_back_one(struct store *store, const struct branch *branch, const struct hash *first, struct header *header, bool *came) {
    struct log_row row;
    struct hash found = {0};
    *came = false;
    enum status status = log_row(store, &branch->log, &row);
    if (status != STATUS_OK) {
        return status;
    }
    struct query query = db_query(store->db, "SELECT hash, header FROM fallen WHERE log = ? AND seq = ? ORDER BY hash");
    query_bind_int(&query, branch->row);
    query_bind_int(&query, (int64_t)row.head_seq + 1);
    while (status == STATUS_OK && !*came && query_next(&query)) {
        query_fixed(&query, 0, found.b, sizeof found.b);
        status = header_decode(header, query_blob(&query, 1)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        bool follows = row.head_seq == 0 || ID_EQUAL(&header->prev, &row.head_hash);
        *came = status == STATUS_OK && follows && (row.head_seq + 1 > branch->from || ID_EQUAL(&found, first));
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    static const char *const steps[] = {
        ("INSERT INTO entry(log, seq, hash, header, signature, salt, body, body_state) SELECT log, seq, hash, header, signature, salt, body, body_state FROM "
         "fallen"
         " WHERE log = ?1 AND seq = ?2 AND hash = ?3"),
        "DELETE FROM fallen WHERE log = ?1 AND seq = ?2 AND hash = ?3",
        "UPDATE log SET head_seq = ?2, head_hash = ?3 WHERE id = ?1",
    };
    for (size_t i = 0; status == STATUS_OK && *came && i < sizeof steps / sizeof *steps; i++) {
        query = db_query(store->db, steps[i]);
        query_bind_int(&query, branch->row);
        query_bind_int(&query, (int64_t)row.head_seq + 1);
        query_bind_blob(&query, bytes_of(found.b, sizeof found.b));
        status = query_run(&query);
    }
    return status;
}

static enum status come_back(struct store *store, const struct branch *branch, const struct hash *first, struct header *header) {
    bool came = true;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && came) {
        status = come_back_one(store, branch, first, header, &came);
    }
    if (status == STATUS_OK) {
        status = bounds_recount(store, branch->row);
    }
    return status == STATUS_OK ? log_changed(store, branch->row) : status;
}

/* The first header of a branch kept in `fallen`, in the order of hashes after `after` (all zeros: from the start). NOT_FOUND. */
static enum status next_first(struct store *store, const struct branch *branch, struct hash *after) {
    struct query query = db_query(store->db, "SELECT hash FROM fallen WHERE log = ? AND seq = ? AND hash > ? ORDER BY hash LIMIT 1");
    query_bind_int(&query, branch->row);
    query_bind_int(&query, (int64_t)branch->from);
    query_bind_blob(&query, bytes_of(after->b, sizeof after->b));
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, after->b, sizeof after->b);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

/* One that fell before may be the one that is pinned now: the tree is asked of each. fell: the first header of the one that has just made room. */
static enum status try_fallen(struct store *store, const struct branch *branch, const struct hash *fell, struct header *header) {
    struct hash first = {0};
    for (;;) {
        enum status status = next_first(store, branch, &first);
        if (status == STATUS_OK && ID_EQUAL(&first, fell)) {
            continue;
        }
        uint64_t from;
        if (status == STATUS_OK) {
            status = come_back(store, branch, &first, header);
        }
        if (status == STATUS_OK) {
            status = store_load_tree(store);
        }
        if (status == STATUS_NOT_FOUND) {
            return STATUS_OK;
        }
        if (status != STATUS_OK || !tree_other_branch(store->tree, &branch->log, &from)) {
            return status;
        }
        status = make_room(store, branch, header);
        if (status == STATUS_OK) {
            status = store_load_tree(store);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
}

/* Is there, in the chain that `fallen` keeps from this entry on, another entry where the wanted one would stand? Then it is not the branch that is wanted. */
static enum status is_other(struct store *store, const struct branch *branch, const struct hash *first, const struct ref *wanted, struct header *header,
                            bool *out) {
    struct hash at = *first;
    enum status status = STATUS_OK;
    bool more = true;
    *out = false;
    for (uint64_t seq = branch->from; status == STATUS_OK && more && seq <= wanted->seq; seq++) {
        struct hash next;
        *out = seq == wanted->seq && memcmp(at.b, wanted->hash.b, sizeof wanted->hash.b) != 0;
        status = beside_next(store, branch->row, seq, &at, header, &next, &more);
        at = next;
    }
    return status;
}

enum status branch_return(struct store *store, int64_t log_row_id, const struct ref *ref, const struct hash *hash, struct header *header, bool *returned) {
    const struct branch branch = {.row = log_row_id, .log = ref->log, .from = ref->seq};
    struct ref wanted;
    bool other = true;
    *returned = false;
    if (!tree_wanted(store->tree, &ref->log, &wanted) || wanted.seq < ref->seq) {
        return STATUS_OK;
    }
    enum status status = is_other(store, &branch, hash, &wanted, header, &other);
    *returned = status == STATUS_OK && !other;
    return *returned ? come_back(store, &branch, hash, header) : status;
}

/* ---- all together ---- */

/* A log that makes room: for whatever is pinned, or for the branch of this first entry, which leads to an entry that is wanted. */
struct leaving {
    struct branch branch;
    bool leads;
    struct hash first;
};

/* Has what is held to make room? forked: where the log forks. */
static enum status makes_room(struct store *store, struct leaving *leaving, uint64_t forked, struct header *header, bool *out) {
    struct branch *branch = &leaving->branch;
    struct ref wanted;
    leaving->leads = false;
    *out = tree_other_branch(store->tree, &branch->log, &branch->from);
    if (*out || !tree_wanted(store->tree, &branch->log, &wanted)) {
        return STATUS_OK;
    }
    branch->from = forked;
    enum status status = beside_leads(store, branch->row, forked, &wanted, header, &leaving->first, &leaving->leads);
    *out = leaving->leads;
    return status;
}

/* The next log by row that has to make room. */
static enum status next_branch(struct store *store, struct leaving *leaving, struct header *header, bool *found) {
    struct branch *branch = &leaving->branch;
    struct query query = db_query(
        store->db,
        "SELECT l.id, l.node, l.kind, l.epoch, l.head_seq, min(f.seq) FROM fork f JOIN log l ON l.id = f.log WHERE l.id > ? GROUP BY l.id ORDER BY l.id");
    query_bind_int(&query, branch->row);
    enum status status = STATUS_OK;
    *found = false;
    while (status == STATUS_OK && !*found && query_next(&query)) {
        branch->row = query_int(&query, 0);
        query_fixed(&query, 1, branch->log.node.b, sizeof branch->log.node.b);
        branch->log.kind = (uint8_t)query_int(&query, 2);
        query_fixed(&query, 3, branch->log.epoch.b, sizeof branch->log.epoch.b);
        status = makes_room(store, leaving, (uint64_t)query_int(&query, 5), header, found);
        *found = *found && branch->from >= 1 && (leaving->leads || branch->from <= (uint64_t)query_int(&query, 4));
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

static enum status hash_at(struct store *store, const struct branch *branch, struct hash *out) {
    struct query query = db_query(store->db, "SELECT hash FROM entry WHERE log = ? AND seq = ?");
    query_bind_int(&query, branch->row);
    query_bind_int(&query, (int64_t)branch->from);
    if (query_next(&query)) {
        query_fixed(&query, 0, out->b, sizeof out->b);
    }
    return query_end(&query);
}

static enum status take_place(struct store *store, const struct leaving *leaving, struct header *header) {
    const struct branch *branch = &leaving->branch;
    struct hash fell = {0};
    enum status status = hash_at(store, branch, &fell);
    if (status == STATUS_OK) {
        status = make_room(store, branch, header);
    }
    if (status == STATUS_OK && leaving->leads) {
        status = come_back(store, branch, &leaving->first, header);
    }
    if (status == STATUS_OK) {
        status = store_load_tree(store);
    }
    return status == STATUS_OK && !leaving->leads ? try_fallen(store, branch, &fell, header) : status;
}

enum status branch_review(struct store *store, struct header *header, bool *anew) {
    struct leaving leaving = {0};
    bool found;
    enum status status = next_branch(store, &leaving, header, &found);
    while (status == STATUS_OK && found) {
        *anew = true;
        store->tree_touched = true;
        status = take_place(store, &leaving, header);
        if (status == STATUS_OK) {
            status = next_branch(store, &leaving, header, &found);
        }
    }
    return status;
}
