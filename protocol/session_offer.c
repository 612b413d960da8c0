/* Logs beyond what both may hold. A side whose views are behind may hold a log, and say so, that it is not entitled to: it is refuted by that log up to its
 * lowest fork and last pin, and by the logs in which stands what its standing rests on. And what this side still holds of a unit that has moved away is handed
 * up its own line. Neither enters the states: such a log is offered (item 4), the peer's have answers how much of it is there already, and what it lacks goes.
 * Where the peer wants none of it, its have does not name it, and it refuses what comes. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

#include <stdlib.h>

/* ---- what is given ---- */

static bool listed(struct session *session, struct session_log *log) {
    if (log->offer_walk == session->offer_walk) {
        return true;
    }
    if (!session_grow(session, &session->offers, session->offer_count, &session->offer_capacity, sizeof session->offers[0])) {
        return false;
    }
    log->offer_walk = session->offer_walk;
    session->offers[session->offer_count++] = log;
    return true;
}

/* As far as the head goes. A log that both may hold is offered only where the peer does not know that it may. */
static bool give(struct session *session, const struct log_head *head, const struct ref *of) {
    struct session_log *log = session_log_add(session, &head->log);
    if (log == NULL || (log->shared && (!log->not_entitled || log->peer_seq >= head->seq)) || log->offer_walk == session->offer_walk) {
        return log != NULL;
    }
    if (!listed(session, log)) {
        return false;
    }
    if (!log->shared) {
        log->head_seq = head->seq;
        log->head_hash = head->hash;
        log->fork = head->fork;
        log->cuts = of != NULL;
    }
    log->handed = of == NULL;
    if (!log->claimed && (!log->offered || log->offer_seq < head->seq)) {
        log->offered = log->offer_due = true;
        log->offer_known = false;
        log->offer_seq = head->seq;
        log->offer_of = of != NULL ? *of : (struct ref){.seq = 0};
    }
    return true;
}

struct giving {
    struct session *session;
    size_t grounds;
};

static bool give_ground(void *arg, const struct log_head *head, const struct ref *of) {
    struct giving *giving = arg;
    return give(giving->session, head, of) && ++giving->grounds < GROUNDS_MAX;
}

static bool give_handed(void *arg, const struct log_head *head) {
    return give(((struct giving *)arg)->session, head, NULL);
}

/* What the peer has named of logs that are not shared. */
static struct ref *claims(struct session *session, size_t *count) {
    size_t capacity = 0;
    struct ref *refs = NULL;
    *count = 0;
    for (size_t b = 0; b < BUCKETS && session->claims_any; b++) {
        struct bucket *bucket = &session->buckets[b];
        for (size_t i = 0; i < bucket->count; i++) {
            struct session_log *log = bucket->logs[i];
            log->claimed = log->claimed && !log->shared;
            if (log->claimed && session_grow(session, &refs, *count, &capacity, sizeof refs[0])) {
                refs[(*count)++] = log->claim;
            }
        }
    }
    session->claims_any = *count > 0;
    return refs;
}

static void withdraw(struct session_log *log) {
    log->offered = log->offer_due = log->offer_known = log->handed = false;
}

/* What refutes rests on views and claims alone: where neither has changed it is not found anew. */
static void give_grounds(struct session *session, struct session_log **before, size_t before_count, bool anew) {
    struct giving giving = {.session = session};
    size_t count;
    for (size_t i = 0; i < before_count && !anew; i++) {
        if (!before[i]->handed) {
            (void)listed(session, before[i]);
        }
    }
    if (anew) {
        struct ref *refs = claims(session, &count);
        session_fail(session, ASK(session, each_ground, &session->config.peer_unit, refs, count, give_ground, &giving));
        free(refs);
    }
}

void session_offer_look(struct session *session, bool views_changed) {
    struct giving giving = {.session = session};
    struct session_log **before = session->offers;
    size_t before_count = session->offer_count;
    bool anew = views_changed || session->offers_stale;
    session->offers = NULL;
    session->offer_count = session->offer_capacity = 0;
    session->offer_walk++;
    session->offers_stale = false;
    if (!session->cut && !PLANTED("never-refuted")) {
        give_grounds(session, before, before_count, anew);
    }
    if (!session->cut && !session_failed(session) && !PLANTED("not-handed-up")) {
        session_fail(session, ASK(session, each_handed, &session->config.peer_unit, give_handed, &giving));
    }
    for (size_t i = 0; i < before_count; i++) {
        if (before[i]->offer_walk != session->offer_walk) {
            withdraw(before[i]);
        }
    }
    free(before);
}

void session_offer_consider(struct session *session) {
    for (size_t i = 0; i < session->offer_count; i++) {
        session_send_consider(session, session->offers[i]);
    }
}

void session_offer_clear(struct session *session) {
    free(session->offers);
    session->offers = NULL;
    session->offer_count = session->offer_capacity = 0;
    session->taken_count = session->taken_grounds = 0;
    session->answer_mask = 0;
    session->offers_stale = session->claims_any = false;
}

bool session_offer_open(const struct session *session) {
    for (size_t i = 0; i < session->offer_count; i++) {
        if (session->offers[i]->offered && !session->offers[i]->offer_known) {
            return true;
        }
    }
    return session->answer_mask != 0;
}

/* Its have may have left before it heard of the offer: then it says nothing of that. */
static bool heard_of(const struct session *session, const struct session_log *log) {
    return log->offered && !log->offer_due && session->line.progressed >= log->offer_mark;
}

uint64_t session_offer_awaited(const struct session *session) {
    uint64_t mask = 0;
    for (size_t i = 0; i < session->offer_count; i++) {
        const struct session_log *log = session->offers[i];
        mask |= heard_of(session, log) && !log->offer_known ? UINT64_C(1) << bucket_of(&log->log) : 0;
    }
    return mask;
}

bool session_offer_body_given(struct session *session, const struct session_log *log, const struct header *header) {
    const struct session_config *config = &session->config;
    if (log->shared) {
        return ASK(session, may_hold_body, &config->peer_unit, header);
    }
    return log->handed && !log->claimed ? ASK(session, hands_body, &config->replica.unit, &config->peer_unit, header) : header->cls == CLASS_CONTROL;
}

/* ---- what the peer says of it ---- */

bool session_offer_named(struct session *session, const struct log_state *state, struct session_log **out) {
    struct session_log *log = session_log_find(session, &state->log);
    struct log_head head;
    *out = NULL;
    if (log != NULL && log->offer_seq > 0 && !log->claimed) { /* also where the offer has been withdrawn: it is no claim */
        session_offer_answered(session, log);
        *out = log->offer_known ? log : NULL;
        return false;
    }
    if (session->cut || state->log.kind != LOG_DIRECTIVE || ASK(session, head, &state->log, &head) != STATUS_OK || head.seq == 0) {
        return true;
    }
    log = session_log_add(session, &state->log);
    if (log == NULL) {
        return true;
    }
    const struct ref claim = {.log = state->log, .seq = state->seq, .hash = state->hash};
    if (!log->claimed || log->claim.seq != claim.seq || !ID_EQUAL(&log->claim.hash, &claim.hash)) {
        log->claimed = session->claims_any = session->offers_stale = true;
        log->claim = claim;
    }
    *out = log;
    return true;
}

void session_offer_answered(struct session *session, struct session_log *log) {
    log->offer_known = log->offer_known || heard_of(session, log);
}

bool session_offer_unnamed(struct session *session, struct session_log *log) {
    bool known = log->offer_known;
    if (log->claimed) {
        log->claimed = false;
        session->offers_stale = true;
    }
    session_offer_answered(session, log);
    return log->offer_known && !known && !log->shared; /* later, what has been given since is there, or was refused */
}

/* ---- what is taken ---- */

void session_offer_take(struct session *session, const struct item *item) {
    const struct session_config *config = &session->config;
    struct session_log *log = session_log_find(session, &item->log);
    struct log_head head;
    session->answer_mask |= UINT64_C(1) << bucket_of(&item->log);
    if (log != NULL && log->taken_seq > 0) {
        log->taken_seq = log->taken_seq < item->seq ? item->seq : log->taken_seq;
        return;
    }
    bool accepted = ASK(session, may_accept_log, &config->peer_unit, &item->log);
    bool ground =
        !accepted && item->has_of && item->log.kind != LOG_REPORT && ASK(session, takes_ground, &config->peer, &item->log, &item->of, session->taken_grounds);
    if (session->cut || (!accepted && !ground) || session->taken_count >= OFFERS_TAKEN_MAX) {
        return;
    }
    log = session_log_add(session, &item->log);
    if (log == NULL) {
        return;
    }
    log->taken_seq = item->seq;
    session->taken_count++;
    session->taken_grounds += ground && ASK(session, head, &item->log, &head) == STATUS_NOT_FOUND ? 1 : 0;
}

bool session_offer_accepts(struct session *session, const struct log_id *id, uint64_t seq, bool *ground) {
    const struct session_log *log = session_log_find(session, id);
    *ground = !ASK(session, may_accept_log, &session->config.peer_unit, id);
    return !*ground || (log != NULL && log->taken_seq >= seq);
}

bool session_offer_body_accepted(struct session *session, const struct header *header) {
    const struct session_config *config = &session->config;
    return header->cls == CLASS_CONTROL || ASK(session, may_hold_body, &config->replica.unit, header) ||
           ASK(session, hands_body, &config->peer_unit, &config->replica.unit, header);
}

void session_offer_answer(struct session *session) {
    uint64_t mask = session->answer_mask;
    session->answer_mask = 0;
    if (mask != 0 && !session_failed(session)) {
        session_have_send(session, mask);
    }
}
