/* Two branches of one log. Where the peer's parts from ours is searched, so that both sides know the fork and keep its evidence. And where a senior has pinned
 * an entry that is not held here, and the peer's branch goes as far, this side lets it come: to this peer it says that it holds what both branches share, and
 * what comes is kept beside the log until the pinned entry is there. Then it takes the place of what was held. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

/* ---- where they part ---- */

static void show(struct session *session, struct session_log *log, uint64_t seq) {
    if (seq == log->shown[0] || seq == log->shown[1]) {
        return;
    }
    log->shown[1] = log->shown[0];
    log->shown[0] = seq;
    log->show[log->show[0] != 0] = seq;
    session->rescan = true;
}

/* The lowest seq at which the branches part is searched by halves. The peer is shown what it has shown, so that it knows as much, and then the middle of what
 * is left: of two sides one begins, and every header shown is news to the other. */
void session_fork_compared(struct session *session, struct session_log *log, const struct compared *compared) {
    uint64_t alike = log->alike, apart = log->apart, seq = compared->seq;
    if (compared->same && seq > alike && (apart == 0 || seq < apart)) {
        alike = seq;
    }
    if (!compared->same && (apart == 0 || seq < apart)) {
        apart = seq;
        log->apart_hash = compared->theirs;
    }
    if (compared->linked && seq == apart) { /* of the entry at `apart` the hash may have been known before its header: only that tells what it follows */
        alike = seq - 1;
    }
    if (!compared->same) {
        log->forked = log->blocked = true;
    }
    if (apart == 0 || (alike == log->alike && apart == log->apart)) {
        return; /* nothing new */
    }
    log->alike = alike < apart ? alike : 0;
    log->apart = apart;
    show(session, log, seq);
    if (apart - log->alike > 1 && !PLANTED("fork-not-searched")) {
        show(session, log, log->alike + (apart - log->alike) / 2);
    }
    session_fork_look(session, log);
}

bool session_fork_lacks_evidence(const struct session *session, const struct session_log *log) {
    return session->buckets[bucket_of(&log->log)].known && log->fork.seq > 0 && log->peer_seq >= log->fork.seq &&
           fork_mark_compare(&log->fork, &log->peer_fork) < 0 && !PLANTED("evidence-kept-home") &&
           !(session->config.dials && PLANTED("evidence-stays-below"));
}

void session_fork_ended(struct session_log *log) {
    log->forked = log->yields = false;
    log->alike = log->apart = 0;
    log->shown[0] = log->shown[1] = 0;
}

/* Our header at seq, its hash; all zeros at 0. */
static bool hash_at(struct session *session, const struct session_log *log, uint64_t seq, struct hash *hash) {
    struct entry entry;
    *hash = (struct hash){0};
    enum status status = seq > 0 ? ASK(session, entry, &log->log, seq, &entry) : STATUS_OK;
    if (status == STATUS_OK && seq > 0) {
        header_hash(hash, &session->config.replica.founding->association, entry.header);
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        session_fail(session, status);
    }
    return status == STATUS_OK;
}

/* Of a log that never forked the new head follows the old one: that is not looked up. */
bool session_fork_replaced(struct session *session, const struct session_log *log, const struct log_head *head) {
    struct hash now;
    if (log->head_seq == 0 || head->seq < log->head_seq || (log->fork.seq == 0 && head->fork.seq == 0)) {
        return false;
    }
    if (head->seq == log->head_seq) {
        return !ID_EQUAL(&head->hash, &log->head_hash);
    }
    if (!hash_at(session, log, log->head_seq, &now)) {
        return false;
    }
    struct short_hash ours = hash_short(&now);
    return !ID_EQUAL(&ours, &log->head_hash);
}

/* ---- the branch that is wanted ---- */

static void change(struct session *session, struct session_log *log, bool yields) {
    if (log->yields != yields) {
        log->yields = yields;
        session->buckets[bucket_of(&log->log)].dirty = true;
    }
}

/* Only to a peer whose branch is known from where it parts, and to have come as far as the entry wanted: one that has not is waiting for that itself. */
void session_fork_look(struct session *session, struct session_log *log) {
    uint64_t upto = 0;
    struct hash held;
    if (!log->forked || log->apart == 0) {
        change(session, log, false);
        return;
    }
    if (hash_at(session, log, log->apart, &held)) {
        struct short_hash ours = hash_short(&held);
        if (ID_EQUAL(&ours, &log->apart_hash)) { /* it has taken the place of what was held */
            session_fork_ended(log);
            log->blocked = false;
            session->buckets[bucket_of(&log->log)].dirty = true;
            return;
        }
    }
    if (log->apart - log->alike != 1 || !ASK(session, wanted, &log->log, &upto) || upto < log->apart || log->peer_head < upto ||
        PLANTED("wanted-not-fetched")) {
        change(session, log, false);
        return;
    }
    log->yield_upto = upto;
    if (!log->yields) {
        enum status status =
            PLANTED("branch-begun-anew") ? STATUS_NOT_FOUND : ASK(session, beside, &log->log, log->apart, &log->apart_hash, &log->yield_seq, &log->yield_hash);
        if (status == STATUS_NOT_FOUND) {
            log->yield_seq = log->alike;
            status = hash_at(session, log, log->alike, &log->yield_hash) ? STATUS_OK : STATUS_INTERNAL;
        }
        session_fail(session, status);
    }
    change(session, log, log->yield_seq < upto); /* else it has come, and it is another branch than the one wanted */
}

void session_fork_beside(struct session *session, struct session_log *log, uint64_t seq, const struct hash *hash) {
    log->yield_seq = seq;
    log->yield_hash = *hash;
    session->buckets[bucket_of(&log->log)].dirty = true;
}

uint64_t session_fork_told(const struct session_log *log, struct short_hash *hash) {
    if (log->yields) {
        *hash = hash_short(&log->yield_hash);
        return log->yield_seq;
    }
    *hash = log->head_hash;
    return log->head_seq;
}
