#include "store/log.h"

#include "protocol/planted.h"
#include "store/beside.h"
#include "store/bounds.h"
#include "store/branch.h"
#include "store/ground.h"

#include <assert.h>
#include <stdlib.h>

enum { PART_BYTES_MAX = BODY_BYTES_MAX };

/* One call of store_persist. */
struct work {
    struct store *store;
    struct header *header;
    struct log_id log; /* whose row stands in `row`: entries come log by log */
    struct log_row row;
    bool row_known, row_forked, row_fallen,
        room_known[2]; /* forked: there is evidence; fallen: a branch of the log fell here; room: for control entries or not */
    int64_t *touched;  /* rows of logs that changed */
    size_t touched_count;
    struct fresh *fresh; /* entries that came with their bodies: applied from here */
    size_t fresh_count;
};

static void touch_log(struct work *work, int64_t id) {
    if (work->touched_count == 0 || work->touched[work->touched_count - 1] != id)
        work->touched[work->touched_count++] = id; /* one at most an item: the array has room for all */
}

/* Control entries are taken when others no longer are, a revocation must come through: of the line above whatever the disk says, as long as it takes them; of
 * other nodes, one of which may be a thief, while there is room for what comes from above. */
static enum status room(struct work *work, const struct log_id *log, uint8_t cls) {
    const struct tree *tree = work->store->tree;
    bool control = cls == CLASS_CONTROL;
    if (work->room_known[control])
        return STATUS_OK;
    uint32_t author = tree_node(tree, &log->node), own = tree_unit(tree, &work->store->unit);
    bool below = author != TREE_NONE && own != TREE_NONE && tree_over(tree, own, tree_node_at(tree, author)->unit);
    if (control && !below)
        return STATUS_OK;
    enum status status = store_disk_room(work->store, control ? STORE_CONTROL : STORE_RECEIVED);
    work->room_known[control] = status == STATUS_OK;
    return status;
}

static enum status row_of(struct work *work, const struct log_id *log, bool make) {
    if (work->row_known && log_id_equal(&work->log, log))
        return STATUS_OK;
    work->log = *log;
    enum status status = log_row(work->store, log, &work->row);
    if (status == STATUS_NOT_FOUND && make)
        status = log_begin(work->store, log, &work->row.id);
    if (status == STATUS_OK)
        status = branch_marks(work->store, work->row.id, &work->row_forked, &work->row_fallen);
    work->row_known = status == STATUS_OK;
    return status;
}

/* ---- bodies ---- */

static enum status part_forget(struct store *store, int64_t entry_id) {
    struct query query = db_query(store->db, "DELETE FROM part WHERE entry = ?");
    query_bind_int(&query, entry_id);
    return query_run(&query);
}

/* The entry whose body came. *id 0: it is none of the log any more, its branch fell between what was asked for and what came. */
static enum status entry_of(struct work *work, const struct persist *item, int64_t *id) {
    struct store *store = work->store;
    enum status status = row_of(work, &item->log, false);
    if (status == STATUS_OK)
        status = log_find(store, &item->log, item->seq, id);
    if (status == STATUS_NOT_FOUND && work->row_known && work->row_fallen)
        return STATUS_OK;
    if (status != STATUS_OK || !work->row_fallen || item->kind != PERSIST_BODY)
        return status;
    struct stored_entry held;
    status = log_read(store, *id, &held, work->header);
    if (status == STATUS_OK && body_verify(&store->founding.association, work->header, item->entry.salt, item->entry.body) != STATUS_OK)
        *id = 0;
    return status;
}

/* A body that was for others when its entry was passed: its log is taken up again from there. */
static enum status take_up_again(struct store *store, int64_t entry_id) {
    struct query query = db_query(store->db, "UPDATE log SET applied = min(applied, e.seq - 1), controlled = min(controlled, e.seq - 1) FROM entry e"
                                             " WHERE e.id = ? AND e.log = log.id AND e.body_state = 3");
    query_bind_int(&query, entry_id);
    return query_run(&query);
}

static enum status body_put(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    struct bytes body;
    int64_t id;
    enum status status = entry_of(work, item, &id);
    if (status != STATUS_OK || id == 0)
        return status;
    status = take_up_again(store, id);
    if (status == STATUS_OK)
        status = log_keep_body(store, item->entry.body, &body);
    if (status != STATUS_OK)
        return status;
    /* A body that was erased stays so, and one that is held is not written again. */
    struct query query = db_query(store->db, "UPDATE entry SET salt = ?, body = ?, body_state = 1 WHERE id = ? AND body_state IN (2, 3)");
    query_bind_blob(&query, item->entry.salt);
    query_bind_blob(&query, body);
    query_bind_int(&query, id);
    status = query_run(&query);
    if (status == STATUS_OK)
        status = part_forget(store, id);
    touch_log(work, work->row.id);
    return status;
}

/* Neither held nor erased? */
static enum status body_wanted(struct store *store, int64_t entry_id, bool *out) {
    struct query query = db_query(store->db, "SELECT body_state FROM entry WHERE id = ?");
    query_bind_int(&query, entry_id);
    int64_t state = query_next(&query) ? query_int(&query, 0) : BODY_HELD;
    *out = state == BODY_MISSING || state == BODY_WITHHELD;
    return query_end(&query);
}

/* What is held is cut at the offset, the part appended: two tries at one body, begun on two links, come out as one. */
static enum status part_put(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    int64_t id;
    bool wanted = true;
    enum status status = room(work, &item->log, CLASS_DOCUMENT);
    if (status == STATUS_OK)
        status = entry_of(work, item, &id);
    if (status == STATUS_OK && id != 0)
        status = body_wanted(store, id, &wanted);
    if (status != STATUS_OK || id == 0 || !wanted)
        return status;
    if (item->part.len == 0)
        return part_forget(store, id);
    struct buffer body;
    buffer_init(&body, PART_BYTES_MAX);
    struct query query = db_query(store->db, "SELECT body FROM part WHERE entry = ? AND salt = ?");
    query_bind_int(&query, id);
    query_bind_blob(&query, item->salt);
    if (query_next(&query)) {
        struct bytes held = query_blob(&query, 0);
        status = buffer_append(&body, held.data, held.len < item->offset || PLANTED("part-not-cut") ? held.len : item->offset);
    }
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    if (status == STATUS_OK && body.len == item->offset)
        status = buffer_append(&body, item->part.data, item->part.len);
    if (status == STATUS_OK && body.len > item->offset) {
        query = db_query(store->db, "INSERT INTO part(entry, salt, held, body) VALUES(?, ?, ?, ?)"
                                    " ON CONFLICT(entry) DO UPDATE SET salt = excluded.salt, held = excluded.held, body = excluded.body");
        query_bind_int(&query, id);
        query_bind_blob(&query, item->salt);
        query_bind_int(&query, (int64_t)body.len);
        query_bind_blob(&query, buffer_bytes(&body));
        status = query_run(&query);
    }
    buffer_fini(&body);
    return status;
}

/* ---- entries ---- */

/* Evidence of a fork, canonically: per log only the lowest forked seq, there only the two lowest hashes. */
static enum status fork_put(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    enum status status = row_of(work, &item->log, false);
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(store->db, "INSERT INTO fork(log, seq, hash, header, signature) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    query_bind_int(&query, work->row.id);
    query_bind_int(&query, (int64_t)item->seq);
    query_bind_blob(&query, bytes_of(item->hash.b, sizeof item->hash.b));
    query_bind_blob(&query, item->entry.header);
    query_bind_blob(&query, item->entry.signature);
    status = query_run(&query);
    touch_log(work, work->row.id); /* those above and below are told, too */
    if (status == STATUS_OK)
        status = life_forgot(store, &item->log);
    if (status != STATUS_OK || PLANTED("evidence-piles-up"))
        return status;
    query = db_query(store->db, "DELETE FROM fork WHERE log = ?1 AND (seq > (SELECT min(seq) FROM fork WHERE log = ?1)"
                                " OR hash NOT IN (SELECT hash FROM fork WHERE log = ?1 ORDER BY seq, hash LIMIT 2))");
    query_bind_int(&query, work->row.id);
    status = query_run(&query);
    work->row_forked = true;
    return status == STATUS_OK && !PLANTED("fork-untold") ? branch_evidence_give(store, work->row.id) : status;
}

/* An entry at or below the head: the one held (then its body may be new), or another, which is evidence. */
static enum status entry_again(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    struct query query = db_query(store->db, "SELECT hash FROM entry WHERE log = ? AND seq = ?");
    query_bind_int(&query, work->row.id);
    query_bind_int(&query, (int64_t)item->seq);
    struct hash held = {0};
    if (query_next(&query))
        query_fixed(&query, 0, held.b, sizeof held.b);
    enum status status = query_end(&query);
    if (status != STATUS_OK)
        return status;
    if (!ID_EQUAL(&held, &item->hash))
        return fork_put(work, item);
    return item->entry.salt.len > 0 ? body_put(work, item) : STATUS_OK;
}

/* What becomes of the body of an entry that has come; one that was erased is dropped on sight. */
static int state_of(struct work *work, struct persist *item) {
    struct store *store = work->store;
    struct ref ref;
    header_ref(&ref, work->header, &item->hash);
    if (work->header->cls != CLASS_CONTROL && tree_erased(store->tree, &ref) && !PLANTED("erased-comes-back")) {
        item->entry.salt = item->entry.body = (struct bytes){0};
        return BODY_ERASED;
    }
    if (item->entry.salt.len > 0)
        return BODY_HELD;
    bool entitled = work->header->cls == CLASS_CONTROL || tree_may_hold_body(store->tree, &store->unit, work->header); /* control goes with the log */
    return entitled || PLANTED("withheld-is-missing") ? BODY_MISSING : BODY_WITHHELD;
}

/* It is kept already, as one of a branch that fell. */
static enum status entry_returns(struct work *work, const struct persist *item) {
    struct ref ref;
    bool returned;
    header_ref(&ref, work->header, &item->hash);
    enum status status = branch_return(work->store, work->row.id, &ref, &item->hash, work->header, &returned);
    if (status == STATUS_OK && returned) {
        touch_log(work, work->row.id);
        status = log_row(work->store, &item->log, &work->row);
    }
    return status == STATUS_OK && returned ? branch_evidence_give(work->store, work->row.id) : status;
}

static enum status entry_put(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    enum status status = header_decode(work->header, item->entry.header);
    if (status == STATUS_OK)
        status = room(work, &item->log, work->header->cls);
    if (status == STATUS_OK)
        status = row_of(work, &item->log, true);
    if (status != STATUS_OK)
        return status;
    if (item->seq <= work->row.head_seq)
        return entry_again(work, item);
    if (item->ground && work->row.head_seq == 0)
        status = ground_brought(store, work->row.id, &item->peer);
    if (status != STATUS_OK)
        return status;
    bool follows = item->seq == work->row.head_seq + 1 && (item->seq == 1 || ID_EQUAL(&work->header->prev, &work->row.head_hash)), fallen = false;
    if (work->row_fallen)
        status = branch_has_fallen(store, work->row.id, item->seq, &item->hash, &fallen);
    if (status == STATUS_OK && fallen && follows)
        return entry_returns(work, item);
    if (status != STATUS_OK || fallen || (work->row_fallen && !follows))
        return status; /* of the branch that fell, which somebody still has: it is kept already, and no part of the log */
    if (!follows)
        return STATUS_GAP;
    struct persist kept = *item; /* as it will stand: without a body that was erased */
    int state = state_of(work, &kept);
    const struct stored_entry entry = {.log = item->log, .seq = item->seq, .hash = item->hash, .entry = kept.entry};
    int64_t id;
    status = log_add(store, &work->row, &entry, state, &id);
    if (status == STATUS_OK)
        status = bounds_note(store, work->header, item->entry.header.len, state);
    if (status == STATUS_OK && state == BODY_HELD)
        work->fresh[work->fresh_count++] = (struct fresh){id, item};
    work->row.head_seq = item->seq;
    work->row.head_hash = item->hash;
    touch_log(work, work->row.id);
    if (status == STATUS_OK && work->row_forked)
        status = branch_evidence_give(store, work->row.id); /* a pin may name what is held now */
    return status == STATUS_OK ? life_forgot(store, &item->log) : status;
}

/* An entry of another branch than is held, on the way to one that a senior has pinned. */
static enum status beside_put(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    bool kept = false;
    enum status status = header_decode(work->header, item->entry.header);
    if (status == STATUS_OK)
        status = room(work, &item->log, work->header->cls);
    if (status == STATUS_OK)
        status = row_of(work, &item->log, false);
    if (status != STATUS_OK)
        return status;
    struct persist come = *item;
    int state = state_of(work, &come);
    status = beside_keep(store, work->row.id, &come, work->header, state, &kept);
    if (status == STATUS_OK && kept)
        work->row_known = false; /* its marks are others */
    return status == STATUS_OK && kept ? bounds_recount(store, work->row.id) : status;
}

/* ---- receipts ---- */

static enum status receipt_put(struct work *work, const struct persist *item) {
    struct store *store = work->store;
    const struct receipt *new = &item->receipt;
    if (ID_EQUAL(&new->holder, &store->self) && !PLANTED("own-receipt-believed"))
        return STATUS_OK; /* what we hold we know better than who repeats it */
    struct query query = db_query(store->db, "SELECT bytes FROM receipt WHERE node = ? AND kind = ? AND epoch = ? AND holder = ?");
    query_bind_blob(&query, bytes_of(new->log.node.b, sizeof new->log.node.b));
    query_bind_int(&query, new->log.kind);
    query_bind_blob(&query, bytes_of(new->log.epoch.b, sizeof new->log.epoch.b));
    query_bind_blob(&query, bytes_of(new->holder.b, sizeof new->holder.b));
    bool take = true;
    if (query_next(&query)) {
        struct receipt held;
        struct bytes bytes = query_blob(&query, 0);
        /* One that the disk has damaged is replaced like a lower one. */
        if (receipt_decode(&held, bytes) == STATUS_OK)
            take = item->direct ? !bytes_equal(bytes, item->receipt_bytes.receipt) : receipt_compare(new, &held) > 0 || PLANTED("relayed-receipt-lowers");
    }
    enum status status = query_end(&query);
    return status != STATUS_OK || !take ? status : receipt_store(store, new, &item->receipt_bytes);
}

/* ---- the whole ---- */

typedef enum status put_fn(struct work *work, const struct persist *item);
static put_fn *const put_by_kind[] = {
    [PERSIST_ENTRY] = entry_put,     [PERSIST_BODY] = body_put, [PERSIST_PART] = part_put,
    [PERSIST_RECEIPT] = receipt_put, [PERSIST_FORK] = fork_put, [PERSIST_BESIDE] = beside_put,
};

static enum status put_all(struct work *work, const struct persist *items, size_t count) {
    enum status status = store_touch(work->store);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        assert(items[i].kind >= PERSIST_ENTRY && items[i].kind <= PERSIST_BESIDE);
        status = put_by_kind[items[i].kind](work, &items[i]);
    }
    for (size_t i = 0; status == STATUS_OK && i < work->touched_count; i++)
        status = log_changed(work->store, work->touched[i]);
    return status;
}

typedef enum status apply_fn(struct store *store);

/* One transaction; on any error nothing of it stands. */
static enum status attempt(struct work *work, const struct persist *items, size_t count, apply_fn *apply) {
    struct store *store = work->store;
    enum status status = store_begin(store);
    work->row_known = false;
    work->touched_count = work->fresh_count = 0;
    if (status != STATUS_OK)
        return status;
    status = put_all(work, items, count);
    if (status == STATUS_OK) {
        store->tree_touched = true;
        store->fresh = work->fresh;
        store->fresh_count = work->fresh_count;
        status = apply(store);
        store->fresh = NULL;
        store->fresh_count = 0;
    }
    if (status == STATUS_OK || PLANTED("half-of-a-run"))
        return store_commit(store);
    store_rollback(store);
    return status;
}

/* First as if all could be applied, which is the rule. A savepoint between what came and what becomes of it would have every page kept beside that changes
 * after it; so it is made only where applying has failed, in a second try. */
enum status store_persist(struct store *store, const struct persist *items, size_t count) {
    if (count == 0)
        return STATUS_OK;
    struct work work = {
        .store = store, .header = malloc(sizeof *work.header), .touched = calloc(count, sizeof *work.touched), .fresh = calloc(count, sizeof *work.fresh)};
    enum status status = STATUS_NO_MEMORY;
    if (work.header != NULL && work.touched != NULL && work.fresh != NULL) {
        status = store->apply_status;
        if (status == STATUS_OK)
            status = attempt(&work, items, count, apply_pending);
        if (status != STATUS_OK)
            status = attempt(&work, items, count, apply_apart);
    }
    free(work.header);
    free(work.touched);
    free(work.fresh);
    return status;
}
