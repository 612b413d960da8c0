/* The table of logs: what is held here and may be shared, what the peer is known to hold of it. It grows with the logs and receipts that both may hold, by
 * nothing else. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

#include <stdlib.h>

/* The place of a log in its bucket, or where it would stand. */
static size_t place_of(const struct bucket *bucket, const struct log_id *log, bool *found) {
    size_t low = 0, high = bucket->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = log_id_compare(&bucket->logs[middle]->log, log);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct session_log *session_log_find(struct session *session, const struct log_id *log) {
    bool found;
    struct bucket *bucket = &session->buckets[bucket_of(log)];
    size_t place = place_of(bucket, log, &found);
    return found ? bucket->logs[place] : NULL;
}

struct session_log *session_log_add(struct session *session, const struct log_id *log) {
    bool found;
    struct bucket *bucket = &session->buckets[bucket_of(log)];
    size_t place = place_of(bucket, log, &found);
    if (found) {
        return bucket->logs[place];
    }
    struct session_log *added = calloc(1, sizeof *added);
    if (added == NULL || !session_grow(session, &bucket->logs, bucket->count, &bucket->capacity, sizeof bucket->logs[0])) {
        free(added);
        session_fail(session, STATUS_NO_MEMORY);
        return NULL;
    }
    added->log = *log;
    memmove(&bucket->logs[place + 1], &bucket->logs[place], (bucket->count - place) * sizeof bucket->logs[0]);
    bucket->logs[place] = added;
    bucket->count++;
    return added;
}

void session_log_clear(struct session *session) {
    session_send_clear_lanes(session);
    for (size_t b = 0; b < BUCKETS; b++) {
        struct bucket *bucket = &session->buckets[b];
        for (size_t i = 0; i < bucket->count; i++) {
            free(bucket->logs[i]->wanted);
            free(bucket->logs[i]->receipts);
            free(bucket->logs[i]);
        }
        free(bucket->logs);
        *bucket = (struct bucket){0};
    }
    session_offer_clear(session);
    session->shared_count = 0;
    session->wanted_pairs = 0;
    session->looked = false;
}

bool session_log_in_flight(const struct session *session, const struct session_log *log) {
    return session->line.progressed < log->sent_mark;
}

/* ---- receipts ---- */

struct known_receipt *session_log_receipt(struct session *session, struct session_log *log, const struct node_id *holder, bool add) {
    size_t low = 0, high = log->receipt_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = ID_COMPARE(&log->receipts[middle].holder, holder);
        if (order == 0) {
            return &log->receipts[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (!add || !session_grow(session, &log->receipts, log->receipt_count, &log->receipt_capacity, sizeof log->receipts[0])) {
        return NULL;
    }
    memmove(&log->receipts[low + 1], &log->receipts[low], (log->receipt_count - low) * sizeof log->receipts[0]);
    log->receipts[low] = (struct known_receipt){.holder = *holder};
    log->receipt_count++;
    return &log->receipts[low];
}

void session_log_receipt_known(struct known_receipt *known, struct session_log *log, struct receipt_mark there) {
    if (known->due) {
        known->due = false;
        log->due_count--;
    }
    known->known = true;
    known->there = there;
}

static int compare_mark(const struct receipt *ours, const struct receipt_mark *mark) {
    const struct receipt theirs = {.seq = mark->seq, .bodies = mark->bodies, .applied = mark->applied};
    return receipt_compare(ours, &theirs);
}

bool session_log_receipt_news(const struct session *session, const struct receipt *ours, const struct known_receipt *known) {
    if (ID_EQUAL(&ours->holder, &session->config.peer)) {
        return false; /* it knows best what it holds itself */
    }
    if (known == NULL || !known->known || PLANTED("echo-receipts")) {
        return true;
    }
    int order = compare_mark(ours, &known->there);
    bool own = ID_EQUAL(&ours->holder, &session->config.replica.self);
    return order > 0 || (order < 0 && own && !(known->sent && compare_mark(ours, &known->said) == 0));
}

/* ---- bodies the peer lacks ---- */

void session_log_want(struct session *session, struct session_log *log, struct wanted wanted) {
    struct wanted *last = log->wanted_count > 0 ? &log->wanted[log->wanted_count - 1] : NULL;
    if (last != NULL && last->to + 1 == wanted.from && wanted.offset == 0) {
        last->to = wanted.to;
        return;
    }
    /* Past the bound it is forgotten: the peer misses the body all the same and says so when states are compared. */
    if (session->wanted_pairs >= WANTED_PAIRS_MAX || !session_grow(session, &log->wanted, log->wanted_count, &log->wanted_capacity, sizeof log->wanted[0])) {
        return;
    }
    log->wanted[log->wanted_count++] = wanted;
    session->wanted_pairs++;
}

void session_log_unwant(struct session *session, struct session_log *log) {
    session->wanted_pairs -= log->wanted_count;
    free(log->wanted);
    log->wanted = NULL;
    log->wanted_count = log->wanted_capacity = log->wanted_at = 0;
    log->urgent = false;
}

void session_log_has_body(struct session *session, const struct log_id *id, uint64_t seq) {
    struct session_log *log = session_log_find(session, id);
    for (size_t i = 0; log != NULL && i < log->wanted_count; i++) {
        struct wanted *wanted = &log->wanted[i];
        if (seq < wanted->from || seq > wanted->to) {
            continue;
        }
        struct wanted rest = {.from = seq + 1, .to = wanted->to};
        if (seq == wanted->from && seq < wanted->to) {
            *wanted = rest;
        } else if (seq > wanted->from) {
            wanted->to = seq - 1;
            if (rest.from <= rest.to) {
                session_log_want(session, log, rest);
            }
        } else {
            memmove(wanted, wanted + 1, (log->wanted_count - i - 1) * sizeof *wanted);
            log->wanted_count--;
            session->wanted_pairs--;
            log->wanted_at -= log->wanted_at > i ? 1 : 0;
        }
        return;
    }
}

/* ---- looking ---- */

struct look {
    struct session *session;
    bool full;
};

void session_log_share(struct session *session, struct session_log *log, bool shared) {
    if (log->shared == shared) {
        return;
    }
    log->shared = shared;
    session->buckets[bucket_of(&log->log)].dirty = true;
    if (shared) {
        session->shared_count++;
        session->offers_stale = session->offers_stale || log->claimed || log->offered;
    } else {
        session->shared_count--;
        session_log_unwant(session, log);
    }
}

static bool look_at_head(void *arg, const struct log_head *head) {
    struct look *look = arg;
    struct session *session = look->session;
    struct session_log *log = session_log_add(session, &head->log);
    if (log == NULL) {
        return false;
    }
    log->named = head->named;
    session_log_share(session, log, !log->named || log->peer_lists);
    log->walk = session->walk;
    bool replaced = session_fork_replaced(session, log, head), forked = log->forked;
    if (head->seq < log->head_seq) { /* a branch has made room for the one that a senior has pinned */
        session_fork_ended(log);
        log->blocked = false;
    }
    log->head_seq = head->seq;
    log->head_hash = head->hash;
    log->fork = head->fork;
    log->cuts = head->cuts;
    log->wanted_at = 0; /* a body it waits for may have come */
    if (log->forked) {
        session_fork_look(session, log);
    }
    if (replaced && log->forked == forked && log->shared) { /* what the peer has was compared with what is not held any more: it is compared anew */
        session_fork_ended(log);
        log->blocked = true;
        session->buckets[bucket_of(&head->log)].dirty = true;
    }
    if (!look->full) {
        session->buckets[bucket_of(&head->log)].dirty = true;
    }
    session_send_consider(session, log);
    return true;
}

static bool look_at_receipt(void *arg, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct session *session = ((struct look *)arg)->session;
    (void)bytes;
    struct session_log *log = session_log_find(session, &receipt->log);
    if (log == NULL || !log->shared) {
        return true; /* it will be compared with the log, if that is ever shared */
    }
    session->buckets[bucket_of(&receipt->log)].dirty = true;
    struct known_receipt *known = session_log_receipt(session, log, &receipt->holder, false);
    if (!session_log_receipt_news(session, receipt, known) || (known != NULL && known->due)) {
        return true;
    }
    known = session_log_receipt(session, log, &receipt->holder, true);
    if (known == NULL) {
        return false;
    }
    known->due = true;
    log->due_count++;
    session_send_consider(session, log);
    return true;
}

/* All shared logs in order of seniority: the lanes are filled anew, in that order. */
static void walk_all(struct session *session, struct look *look) {
    look->full = true;
    session->walk++;
    session_send_clear_lanes(session);
    if (session->cut) {
        session_fail(session, ASK(session, each_lane_log, &session->config.peer, look_at_head, look));
    } else {
        session_fail(session, ASK(session, each_shared_log, &session->config.peer_unit, 0, look_at_head, look));
    }
}

/* Entitlement may have changed: a log not met is not shared any more. */
static void drop_unshared(struct session *session) {
    for (size_t b = 0; b < BUCKETS; b++) {
        struct bucket *bucket = &session->buckets[b];
        bucket->dirty = true;
        for (size_t i = 0; i < bucket->count; i++) {
            struct session_log *log = bucket->logs[i];
            if (log->walk != session->walk) {
                log->named = false;
                session_log_share(session, log, false);
            }
        }
    }
}

/* Once the views know the peer's node, the unit of this session has to be theirs: a hello was believed only while they did not (session.c). */
static bool unit_holds(struct session *session) {
    struct unit_id unit;
    uint8_t key[32];
    bool known = ASK(session, node, &session->config.peer, key, &unit) == STATUS_OK;
    if (known && !ID_EQUAL(&unit, &session->config.peer_unit)) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return false;
    }
    return true;
}

void session_log_look(struct session *session) {
    const struct replica *replica = &session->config.replica;
    struct look look = {.session = session};
    uint64_t version = replica->ops->version(replica->ctx), views = replica->ops->views_version(replica->ctx);
    session->cut = ASK(session, revoked, &session->config.peer) && !PLANTED("revoked-as-before");
    bool views_changed =
        !session->looked || views != session->seen_views || session->cut != session->seen_cut || (session->cut && version != session->seen_version);
    bool changed = session->looked && version != session->seen_version;
    if (views_changed && !unit_holds(session)) {
        return;
    }
    if (changed && !views_changed) {
        session_fail(session, ASK(session, each_shared_log, &session->config.peer_unit, session->seen_version, look_at_head, &look));
    }
    if (views_changed || session->rescan) {
        walk_all(session, &look);
    }
    if (views_changed) {
        drop_unshared(session);
    }
    if (views_changed || changed || session->offers_stale) {
        session_offer_look(session, views_changed);
    }
    session_offer_consider(session);
    if (changed && !session->cut) {
        session_fail(session, ASK(session, each_receipt_since, &session->config.peer_unit, session->seen_version, look_at_receipt, &look));
    }
    session->looked = true;
    session->rescan = false;
    session->seen_version = version;
    session->seen_views = views;
    session->seen_cut = session->cut;
}
