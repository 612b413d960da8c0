/* States: the digest of all that both may hold, told and heard; whether both sides are in step; and when vectors have to be compared.
 *
 * A comparison belongs to one pair of states, the one told last and the one heard last, and no pair is compared twice: whatever the peer does, the number of
 * vectors that go out is bounded by the number of changes. A state goes out only when nothing is on its way: after our entries it ends them ("close"), after
 * entries of the peer it waits for the peer's close. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

#include <stdlib.h>

/* ---- digests ---- */

struct gathered {
    struct session *session;
    struct held_receipt *receipts;
    size_t count, capacity;
};

static bool gather_receipt(void *arg, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct gathered *gathered = arg;
    (void)bytes;
    if (!session_grow(gathered->session, &gathered->receipts, gathered->count, &gathered->capacity, sizeof gathered->receipts[0])) {
        return false;
    }
    gathered->receipts[gathered->count++] =
        (struct held_receipt){.holder = receipt->holder, .seq = receipt->seq, .bodies = receipt->bodies, .applied = receipt->applied};
    return true;
}

static bool count_gap(void *arg, uint64_t from, uint64_t to) {
    *(uint64_t *)arg += to - from + 1;
    return true;
}

/* The log's elements: one for each LOG_STATE_RECEIPTS_MAX receipts, and one if there is none. */
static void digest_log(struct session *session, struct hash_stream *stream, struct bucket *bucket, const struct session_log *log) {
    struct gathered gathered = {.session = session};
    struct buffer element;
    if (!session->cut) {
        session_fail(session, ASK(session, each_receipt, &session->config.peer_unit, &log->log, gather_receipt, &gathered));
    }
    session_fail(session, log->yields ? STATUS_OK : ASK(session, each_gap, &log->log, count_gap, &bucket->missing));
    buffer_init(&element, MESSAGE_BYTES_MAX);
    size_t done = 0;
    do {
        size_t count = gathered.count - done < LOG_STATE_RECEIPTS_MAX ? gathered.count - done : LOG_STATE_RECEIPTS_MAX;
        struct short_hash head;
        const struct bucket_element said = {.log = log->log,
                                            .seq = session_fork_told(log, &head),
                                            .hash = head,
                                            .receipts = count > 0 ? gathered.receipts + done : NULL,
                                            .receipt_count = count,
                                            .fork = log->fork};
        buffer_clear(&element);
        session_fail(session, bucket_element_encode(&said, &element));
        hash_stream_add(stream, buffer_bytes(&element));
        done += count;
    } while (done < gathered.count && !session_failed(session));
    buffer_fini(&element);
    free(gathered.receipts);
}

static void digest_bucket(struct session *session, struct bucket *bucket) {
    struct hash_stream stream;
    struct hash hash;
    bool any = false;
    bucket->missing = 0;
    bucket->dirty = false;
    memset(bucket->digest, 0, sizeof bucket->digest);
    hash_stream_init(&stream, "bucket", &session->config.replica.founding->association);
    for (size_t i = 0; i < bucket->count; i++) {
        struct short_hash head;
        if (bucket->logs[i]->shared && session_fork_told(bucket->logs[i], &head) > 0) {
            digest_log(session, &stream, bucket, bucket->logs[i]);
            any = true;
        }
    }
    hash_stream_end(&stream, &hash);
    if (any) {
        memcpy(bucket->digest, hash.b, sizeof bucket->digest);
    }
}

void session_state_refresh(struct session *session) {
    struct bucket_digests digests;
    bool dirty = !session->looked;
    session_log_look(session);
    session->fresh.missing = 0;
    for (size_t b = 0; b < BUCKETS && !session_failed(session); b++) {
        struct bucket *bucket = &session->buckets[b];
        if (bucket->dirty) {
            dirty = true;
            digest_bucket(session, bucket);
        }
        session->fresh.missing += bucket->missing;
        memcpy(digests.b[b], bucket->digest, sizeof bucket->digest);
    }
    if (dirty) {
        state_of_buckets(&session->fresh.digest, &session->config.replica.founding->association, &digests);
    }
}

uint64_t session_state_missing_mask(const struct session *session) {
    uint64_t mask = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        if (session->buckets[b].missing > 0) {
            mask |= UINT64_C(1) << b;
        }
    }
    return mask;
}

/* ---- telling and hearing ---- */

static bool same(const struct told *a, const struct told *b) {
    return ID_EQUAL(&a->digest, &b->digest) && a->missing == b->missing;
}

void session_state_told(struct session *session) {
    session->told = session->fresh;
    session->has_told = true;
    for (size_t b = 0; b < BUCKETS; b++) {
        struct bucket *bucket = &session->buckets[b];
        for (size_t i = 0; i < bucket->count; i++) {
            struct short_hash head;
            bucket->logs[i]->told_seq = bucket->logs[i]->shared ? session_fork_told(bucket->logs[i], &head) : 0;
            bucket->logs[i]->told_fork = bucket->logs[i]->fork;
        }
    }
}

void session_state_heard(struct session *session, const struct state_digest *digest, uint64_t missing) {
    session->heard = (struct told){.digest = *digest, .missing = missing};
    session->has_heard = true;
    session->pending = true;
    session->peer_burst = session->awaiting_close = false;
    /* What is still on its way the peer did not know of when it told this. */
    session->sent_since_heard = session->line.progressed < session->line.entries_mark;
}

static void tell(struct session *session) {
    struct buffer *message = session_message(session);
    if (message != NULL) {
        session_sent(session, state_encode(&session->fresh.digest, session->fresh.missing, message));
    }
    session->close_due = false;
    session_state_told(session);
}

/* ---- comparing ---- */

/* The peer holds all that the state last told speaks of: what has come since is news. */
static void know_all(struct session *session) {
    for (size_t b = 0; b < BUCKETS; b++) {
        struct bucket *bucket = &session->buckets[b];
        bucket->known = true;
        for (size_t i = 0; i < bucket->count; i++) {
            struct session_log *log = bucket->logs[i];
            log->blocked = log->yields; /* the branch that is held here is not the peer's */
            log->probing = false;
            log->peer_fork = log->told_fork;
            if (log->peer_seq < log->told_seq) {
                log->peer_seq = log->told_seq;
            }
            if (session->heard.missing == 0 && !session_log_in_flight(session, log)) {
                session_log_unwant(session, log);
            }
        }
    }
    session->rescan = true;
}

static bool new_pair(struct session *session) {
    if (session->has_compared && same(&session->compared_told, &session->told) && same(&session->compared_heard, &session->heard) &&
        !PLANTED("compare-again")) {
        return false;
    }
    session->has_compared = true;
    session->compared_told = session->told;
    session->compared_heard = session->heard;
    session->have_sent = 0;
    return true;
}

void session_state_join_comparison(struct session *session) {
    if (session->has_told && session->has_heard) {
        (void)new_pair(session);
    }
}

static void compare(struct session *session) {
    bool equal = ID_EQUAL(&session->told.digest, &session->heard.digest);
    if (!new_pair(session)) {
        return;
    }
    if (equal) {
        know_all(session);
        if (session->told.missing > 0) {
            session_have_send(session, session_state_missing_mask(session));
        }
    } else if (session->shared_count <= HAVE_AT_ONCE_LOGS_MAX) {
        session_have_send(session, UINT64_MAX);
    } else {
        session_have_send_buckets(session);
    }
}

bool session_state_settled(const struct session *session) {
    return session->phase == PHASE_OPEN && !session->receiving.active && session_send_idle(session) && session->line.progressed >= session->line.entries_mark;
}

bool session_state_settle(struct session *session) {
    if (!session_state_settled(session) || session_failed(session)) {
        return false;
    }
    bool told = false;
    if (session->close_due || !session->peer_burst) {
        session_state_refresh(session);
        if (!session_state_settled(session)) {
            return true; /* looking found more to send */
        }
        /* What was heard before our last messages is stale: a state of ours lets the peer compare. */
        bool stale = session->pending && session->sent_since_heard;
        told = session->close_due || stale || !same(&session->fresh, &session->told);
        if (told) {
            tell(session);
        }
    }
    bool due = session->pending && !session->sent_since_heard;
    session->pending = false;
    /* Without a word from the peer only equal states are compared: of different ones the peer is about to hear, and answers. */
    if (due || (told && session->has_heard && ID_EQUAL(&session->told.digest, &session->heard.digest))) {
        compare(session);
    }
    return session->rescan;
}

bool session_state_in_step(const struct session *session) {
    const struct replica *replica = &session->config.replica;
    return session_state_settled(session) && session->has_told && session->has_heard && !session->pending && !session->close_due && !session->peer_burst &&
           !session->awaiting_close && session->retry_mask == 0 && !session_offer_open(session) && ID_EQUAL(&session->told.digest, &session->heard.digest) &&
           same(&session->fresh, &session->told) && session->seen_version == replica->ops->version(replica->ctx) &&
           session->seen_views == replica->ops->views_version(replica->ctx);
}
