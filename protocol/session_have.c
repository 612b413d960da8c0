/* Vectors: what one side holds of each log, said in full for the buckets that differ. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

#include <stdlib.h>

/* ---- sending ---- */

/* One log's state, encoded at bytes from..to of the arena. */
struct stated {
    const struct session_log *log;
    size_t from, to;
};

struct stating {
    struct session *session;
    struct log_state *state;
    struct buffer arena;
    struct stated *logs;
    size_t count, capacity, bucket_from, pairs;
    uint8_t buckets[BUCKETS / 8];
};

static bool state_gap(void *arg, uint64_t from, uint64_t to) {
    struct stating *stating = arg;
    struct log_state *state = stating->state;
    if (from > state->seq) {
        return false;
    }
    state->gaps[state->gap_count++] = (struct gap){from, to < state->seq ? to : state->seq};
    stating->pairs++;
    return state->gap_count < GAP_PAIRS_MAX && stating->pairs < BUCKET_GAP_PAIRS_MAX;
}

static bool state_receipt(void *arg, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct log_state *state = ((struct stating *)arg)->state;
    (void)bytes;
    state->receipts[state->receipt_count++] =
        (struct held_receipt){.holder = receipt->holder, .seq = receipt->seq, .bodies = receipt->bodies, .applied = receipt->applied};
    return state->receipt_count < LOG_STATE_RECEIPTS_MAX;
}

/* Bodies begun: a body of which parts are held lies in a gap. */
static void state_partials(struct stating *stating, const struct log_id *log) {
    struct log_state *state = stating->state;
    for (size_t i = 0; i < state->gap_count; i++) {
        for (uint64_t seq = state->gaps[i].from; seq <= state->gaps[i].to && seq - state->gaps[i].from < PARTIAL_PAIRS_MAX; seq++) {
            uint32_t bytes = state->partial_count < PARTIAL_PAIRS_MAX ? ASK(stating->session, partial, log, seq, NULL) : 0;
            if (bytes > 0) {
                state->partials[state->partial_count++] = (struct partial){.seq = seq, .bytes = bytes};
            }
        }
    }
}

static void encode_state(struct stating *stating, const struct session_log *log) {
    struct session *session = stating->session;
    size_t from = stating->arena.len;
    session_fail(session, log_state_encode(stating->state, &stating->arena));
    if (session_grow(session, &stating->logs, stating->count, &stating->capacity, sizeof stating->logs[0])) {
        stating->logs[stating->count++] = (struct stated){.log = log, .from = from, .to = stating->arena.len};
    }
}

static void state_log(struct stating *stating, const struct session_log *log) {
    struct session *session = stating->session;
    struct log_state *state = stating->state;
    *state = (struct log_state){.log = log->log, .fork = log->fork};
    state->seq = session_fork_told(log, &state->hash);
    if (state->seq == 0) {
        return; /* as if nothing of it were held */
    }
    if (stating->arena.len - stating->bucket_from < BUCKET_BYTES_MAX) {
        session_fail(session, log->yields ? STATUS_OK : ASK(session, each_gap, &log->log, state_gap, stating));
        if (!session->cut) {
            session_fail(session, ASK(session, each_receipt, &session->config.peer_unit, &log->log, state_receipt, stating));
        }
        state_partials(stating, &log->log);
    }
    if (PLANTED("forget-missing-body")) {
        state->gap_count = state->partial_count = 0;
    }
    encode_state(stating, log);
}

/* A log that the peer has offered, as far as it did: what goes further is not its business. */
static void state_taken(struct stating *stating, const struct session_log *log) {
    struct session *session = stating->session;
    struct log_state *state = stating->state;
    struct log_head head;
    struct entry entry;
    struct hash hash;
    enum status status = ASK(session, head, &log->log, &head);
    if (status != STATUS_OK || head.seq == 0) {
        session_fail(session, status == STATUS_NOT_FOUND ? STATUS_OK : status);
        return;
    }
    *state = (struct log_state){.log = log->log, .seq = head.seq < log->taken_seq ? head.seq : log->taken_seq};
    status = ASK(session, entry, &log->log, state->seq, &entry);
    if (status != STATUS_OK) {
        session_fail(session, status);
        return;
    }
    header_hash(&hash, &session->config.replica.founding->association, entry.header);
    state->hash = hash_short(&hash);
    if (stating->arena.len - stating->bucket_from < BUCKET_BYTES_MAX) {
        bool handed = ASK(session, hands_up, &session->config.peer_unit, &session->config.replica.unit, &log->log);
        session_fail(session, handed ? ASK(session, each_handed_gap, &session->config.peer_unit, &log->log, state_gap, stating)
                                     : ASK(session, each_gap, &log->log, state_gap, stating));
        state_partials(stating, &log->log);
    }
    encode_state(stating, log);
}

static int compare_stated(const void *a, const void *b) {
    return log_id_compare(&((const struct stated *)a)->log->log, &((const struct stated *)b)->log->log);
}

/* What has been stated goes out as one have. */
static void send_stated(struct stating *stating) {
    struct session *session = stating->session;
    struct buffer *message = session_message(session);
    struct buffer sorted;
    if (message == NULL) {
        return;
    }
    buffer_init(&sorted, MESSAGE_BYTES_MAX);
    if (stating->count > 0) {
        qsort(stating->logs, stating->count, sizeof stating->logs[0], compare_stated);
    }
    for (size_t i = 0; i < stating->count; i++) {
        session_fail(session, buffer_append(&sorted, stating->arena.data + stating->logs[i].from, stating->logs[i].to - stating->logs[i].from));
    }
    session_sent(session, have_encode(stating->buckets, buffer_bytes(&sorted), stating->count, message));
    buffer_fini(&sorted);
    buffer_clear(&stating->arena);
    stating->count = 0;
    memset(stating->buckets, 0, sizeof stating->buckets);
}

void session_have_send(struct session *session, uint64_t mask) {
    struct scratch *scratch = session_scratch(session);
    if (scratch == NULL || mask == 0) {
        return;
    }
    struct stating stating = {.session = session, .state = &scratch->state};
    buffer_init(&stating.arena, 2 * MESSAGE_BYTES_MAX);
    for (unsigned b = 0; b < BUCKETS && !session_failed(session); b++) {
        struct bucket *bucket = &session->buckets[b];
        if ((mask >> b & 1) == 0) {
            continue;
        }
        stating.bucket_from = stating.arena.len;
        stating.pairs = 0;
        for (size_t i = 0; i < bucket->count && !session_failed(session); i++) {
            if (bucket->logs[i]->shared) {
                state_log(&stating, bucket->logs[i]);
            } else if (bucket->logs[i]->named) {
                state_log(&stating, bucket->logs[i]);
            } else if (bucket->logs[i]->taken_seq > 0 && !session->cut) {
                state_taken(&stating, bucket->logs[i]);
            }
        }
        stating.buckets[b / 8] = (uint8_t)(stating.buckets[b / 8] | 1U << (b % 8));
        if (stating.arena.len >= HAVE_BYTES || (mask >> b) == 1) {
            send_stated(&stating);
        }
    }
    buffer_fini(&stating.arena);
    free(stating.logs);
    session->have_sent |= mask;
    session->retry_mask &= ~mask;
    session->awaiting_close = true;
}

void session_have_ask(struct session *session) {
    static const uint8_t NONE[BUCKETS / 8];
    struct buffer *message = session_message(session);
    if (message != NULL) {
        session_sent(session, have_encode(NONE, (struct bytes){0}, 0, message));
        session->awaiting_close = true;
    }
}

void session_have_send_buckets(struct session *session) {
    struct bucket_digests digests;
    struct buffer *message = session_message(session);
    if (message == NULL) {
        return;
    }
    for (size_t b = 0; b < BUCKETS; b++) {
        memcpy(digests.b[b], session->buckets[b].digest, sizeof digests.b[b]);
    }
    session_sent(session, buckets_encode(&digests, message));
}

/* ---- taking ---- */

static void note_bodies(struct session *session, struct session_log *log, const struct log_state *state) {
    bool in_flight = session_log_in_flight(session, log);
    if (!in_flight) {
        session_log_unwant(session, log);
    }
    size_t p = 0;
    for (size_t i = 0; i < state->gap_count; i++) {
        struct gap gap = state->gaps[i];
        if (gap.from > log->head_seq) {
            break;
        }
        gap.to = gap.to < log->head_seq ? gap.to : log->head_seq;
        /* What is on its way may have been missing only when the have was written. */
        if (in_flight && gap.to >= log->flight_low) {
            if (gap.from >= log->flight_low) {
                break;
            }
            gap.to = log->flight_low - 1;
        }
        for (; p < state->partial_count && state->partials[p].seq <= gap.to; p++) {
            const struct partial *partial = &state->partials[p];
            if (partial->seq < gap.from) {
                continue;
            }
            if (partial->seq > gap.from) {
                session_log_want(session, log, (struct wanted){.from = gap.from, .to = partial->seq - 1});
            }
            session_log_want(session, log, (struct wanted){.from = partial->seq, .to = partial->seq, .offset = partial->bytes});
            gap.from = partial->seq + 1;
        }
        if (gap.from <= gap.to) {
            session_log_want(session, log, (struct wanted){.from = gap.from, .to = gap.to});
        }
    }
}

/* Is the entry that the peer names as its head (not past ours) the one we have there? */
static bool same_branch(struct session *session, const struct session_log *log, const struct log_state *state) {
    struct short_hash ours = log->head_hash;
    if (state->seq < log->head_seq) {
        struct entry entry;
        struct hash hash;
        enum status status = ASK(session, entry, &log->log, state->seq, &entry);
        if (status != STATUS_OK) {
            session_fail(session, status);
            return true;
        }
        header_hash(&hash, &session->config.replica.founding->association, entry.header);
        ours = hash_short(&hash);
    }
    return ID_EQUAL(&ours, &state->hash);
}

/* Does the peer hold another head than it is told of ours? */
static bool differs_told(const struct session_log *log, const struct log_state *state) {
    struct short_hash hash;
    return session_fork_told(log, &hash) != state->seq || (state->seq > 0 && !ID_EQUAL(&hash, &state->hash));
}

/* What the peer holds of a log of ours; state->seq is 0 where it holds nothing. True if it is less or other than what we hold. */
static bool note_head(struct session *session, struct session_log *log, const struct log_state *state) {
    if (log->blocked || !session_log_in_flight(session, log) || log->peer_seq < state->seq) {
        log->peer_seq = state->seq;
    }
    bool differs = fork_mark_compare(&state->fork, &log->fork) != 0;
    log->peer_fork = state->fork;
    log->peer_head = state->seq;
    if (state->seq > 0 && state->seq <= log->head_seq && !same_branch(session, log, state)) {
        session_fork_compared(session, log, &(struct compared){.seq = state->seq, .theirs = state->hash});
        session_fork_look(session, log);
        return differs_told(log, state) || differs;
    }
    if (state->seq <= log->head_seq && (state->seq > 0 || log->apart == 1)) {
        session_fork_ended(log); /* a branch that was another has made room, or makes room for ours; from the first entry on where it names none */
    } else if (log->forked) {
        session_fork_look(session, log);
    }
    if (log->blocked && !log->forked && !PLANTED("forget-refused")) {
        log->blocked = false;
        log->probing = true;
        log->sent_mark = 0;
    }
    return differs || differs_told(log, state);
}

struct noting {
    struct session *session;
    struct session_log *log;
    const struct log_state *state;
    size_t matched;
    bool differs;
};

/* A cut list says nothing of the holders after its last. */
static bool note_receipt(void *arg, const struct receipt *ours, const struct signed_receipt *bytes) {
    struct noting *noting = arg;
    const struct log_state *state = noting->state;
    const struct held_receipt *theirs = NULL;
    (void)bytes;
    for (size_t i = 0; i < state->receipt_count && theirs == NULL; i++) {
        theirs = ID_EQUAL(&state->receipts[i].holder, &ours->holder) ? &state->receipts[i] : NULL;
    }
    struct known_receipt *known = session_log_receipt(noting->session, noting->log, &ours->holder, true);
    if (known == NULL) {
        return false;
    }
    if (theirs != NULL) {
        noting->matched++;
        session_log_receipt_known(known, noting->log, (struct receipt_mark){theirs->seq, theirs->bodies, theirs->applied});
        noting->differs = noting->differs || theirs->seq != ours->seq || theirs->bodies != ours->bodies || theirs->applied != ours->applied;
    } else {
        known->known = false;
        noting->differs = true;
    }
    if (!known->due && session_log_receipt_news(noting->session, ours, known)) {
        known->due = true;
        noting->log->due_count++;
    }
    return true;
}

static bool note_log(struct session *session, struct session_log *log, const struct log_state *state) {
    struct noting noting = {.session = session, .log = log, .state = state};
    log->listed = session->have_id;
    bool differs = note_head(session, log, state);
    note_bodies(session, log, state);
    if (session->cut) {
        return differs;
    }
    if (!log->shared) {
        return false; /* what is given beyond what both may hold is in no state */
    }
    session_fail(session, ASK(session, each_receipt, &session->config.peer_unit, &log->log, note_receipt, &noting));
    return differs || noting.differs || noting.matched < state->receipt_count;
}

/* Of a marked bucket every shared log is listed: one that is not is not held. */
static bool note_unlisted(struct session *session, unsigned b, struct log_state *nothing) {
    struct bucket *bucket = &session->buckets[b];
    bool differs = false;
    bucket->known = true;
    for (size_t i = 0; i < bucket->count; i++) {
        struct session_log *log = bucket->logs[i];
        if (log->listed != session->have_id && log->named) {
            log->peer_lists = false;
            session_log_share(session, log, false);
        }
        if (log->listed != session->have_id && (session_offer_unnamed(session, log) || log->shared)) {
            *nothing = (struct log_state){.log = log->log};
            (void)note_log(session, log, nothing);
            differs = differs || log->shared;
        }
    }
    return differs;
}

void session_have_take(struct session *session, struct bytes message) {
    struct have have;
    struct scratch *scratch = session_scratch(session);
    uint64_t marked = 0, differing = 0;
    if (scratch == NULL) {
        return;
    }
    enum status status = have_open(&have, message);
    for (unsigned b = 0; b < BUCKETS && status == STATUS_OK; b++) {
        marked |= (uint64_t)(have.buckets[b / 8] >> (b % 8) & 1) << b;
    }
    if (marked == 0 || (marked & ~session_offer_awaited(session)) != 0) {
        session_state_join_comparison(session); /* else it answers offers, and compares nothing */
    }
    session_state_refresh(session);
    session->have_id++;
    while (status == STATUS_OK && have_next(&have, &scratch->state) && !session_failed(session)) {
        struct session_log *log = session_log_find(session, &scratch->state.log);
        bool differs = false;
        if (log != NULL && log->named && !log->shared && log->offer_seq == 0) {
            log->peer_lists = true; /* so the peer's views let both hold it */
            session_log_share(session, log, true);
        }
        if (log != NULL && log->shared) {
            session_offer_answered(session, log);
        } else {
            differs = session_offer_named(session, &scratch->state, &log);
        }
        if ((log != NULL && note_log(session, log, &scratch->state)) || differs) {
            differing |= UINT64_C(1) << bucket_of(&scratch->state.log);
        }
    }
    if (status != STATUS_OK || have_close(&have) != STATUS_OK) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    for (unsigned b = 0; b < BUCKETS && !session_failed(session); b++) {
        if ((marked >> b & 1) != 0 && note_unlisted(session, b, &scratch->state)) {
            differing |= UINT64_C(1) << b;
        }
    }
    session->close_due = true;
    session->rescan = session->rescan || marked != 0;
    session_have_send(session, marked & (differing | session_state_missing_mask(session)) & ~session->have_sent);
}

void session_have_take_buckets(struct session *session, struct bytes message) {
    struct bucket_digests theirs;
    uint64_t differing = 0;
    if (buckets_decode(&theirs, message) != STATUS_OK) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    session_state_join_comparison(session);
    session_state_refresh(session);
    for (unsigned b = 0; b < BUCKETS; b++) {
        struct bucket *bucket = &session->buckets[b];
        if (memcmp(bucket->digest, theirs.b[b], sizeof bucket->digest) != 0) {
            differing |= UINT64_C(1) << b;
            continue;
        }
        bucket->known = true;
        for (size_t i = 0; i < bucket->count; i++) {
            bucket->logs[i]->peer_fork = bucket->logs[i]->fork;
            if (bucket->logs[i]->shared && bucket->logs[i]->peer_seq < bucket->logs[i]->head_seq) {
                bucket->logs[i]->peer_seq = bucket->logs[i]->head_seq;
            }
        }
    }
    session->rescan = true;
    session->close_due = session->close_due || differing == 0; /* the peer has an old state of ours in mind */
    session_have_send(session, (differing | session_state_missing_mask(session)) & ~session->have_sent);
}
