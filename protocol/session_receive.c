/* Entries and receipts messages on their way from check to disk. A message is kept while it is worked off; what of it has been checked is made durable run by
 * run; when all of it is durable or refused the peer is told, not before. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

#include <stdlib.h>

void session_receive_fini(struct session *session) {
    struct receiving *receiving = &session->receiving;
    uint64_t done = receiving->done, reported = receiving->reported;
    entries_fini(&receiving->entries);
    buffer_fini(&receiving->inbox);
    buffer_fini(&receiving->whole);
    free(receiving->run);
    free(receiving->refused);
    *receiving = (struct receiving){.done = done, .reported = reported};
}

struct persist *session_receive_add(struct session *session, uint8_t kind) {
    struct receiving *receiving = &session->receiving;
    if (!session_grow(session, &receiving->run, receiving->run_count, &receiving->run_capacity, sizeof receiving->run[0])) {
        return NULL;
    }
    struct persist *persist = &receiving->run[receiving->run_count++];
    *persist = (struct persist){.kind = kind};
    return persist;
}

/* ---- refusing ---- */

bool session_receive_is_refused(const struct session *session, const struct log_id *log) {
    for (size_t i = session->receiving.refused_count; i > 0; i--) {
        if (log_id_equal(&session->receiving.refused[i - 1], log)) {
            return true;
        }
    }
    return false;
}

/* What was refused by views that have changed since may be tried again, though not at every change. */
static void plan_by_views(struct session *session) {
    uint64_t views = session->config.replica.ops->views_version(session->config.replica.ctx);
    if (session->views_mask == 0 || views == session->refused_views) {
        return;
    }
    if (session->retry_mask == 0) {
        session->retry_at_ms = session->retried_ms + RETRY_MS_MIN;
    }
    session->retry_mask |= session->views_mask;
    session->views_mask = 0;
}

/* When our have goes out again, so that the peer tries once more. */
static void plan_retry(struct session *session, const struct log_id *log, unsigned reason) {
    uint64_t bit = UINT64_C(1) << bucket_of(log);
    if (reason == REFUSED_AUTHOR_UNKNOWN || reason == REFUSED_NOT_ENTITLED) {
        plan_by_views(session);
        session->views_mask |= bit;
        session->refused_views = session->config.replica.ops->views_version(session->config.replica.ctx);
        return;
    }
    if (reason == REFUSED_NO_ROOM || reason == REFUSED_QUOTA) {
        session->retry_delay_ms = session->retry_delay_ms < NO_ROOM_MS_MIN ? NO_ROOM_MS_MIN : session->retry_delay_ms;
    } else if (reason == REFUSED_FORK || reason == REFUSED_CUT || session->retries >= RETRIES_MAX) {
        return;
    }
    if (session->retry_mask == 0) {
        session->retry_at_ms = session->now_ms + session->retry_delay_ms;
    }
    session->retry_mask |= bit;
}

void session_receive_refuse(struct session *session, const struct log_id *log, uint64_t seq, unsigned reason) {
    struct receiving *receiving = &session->receiving;
    if (session_receive_is_refused(session, log) ||
        !session_grow(session, &receiving->refused, receiving->refused_count, &receiving->refused_capacity, sizeof receiving->refused[0])) {
        return;
    }
    receiving->refused[receiving->refused_count++] = *log;
    struct buffer *message = session_message(session);
    if (message != NULL) {
        session_sent(session, refused_encode(log, seq, reason, message));
    }
    session->stats.refused_out++;
    plan_retry(session, log, reason);
}

void session_receive_retry(struct session *session) {
    plan_by_views(session);
    if (session->retry_mask == 0 || session->now_ms < session->retry_at_ms || session->receiving.active) {
        return;
    }
    uint64_t mask = session->retry_mask;
    session->retry_mask = 0;
    session->retried_ms = session->now_ms;
    session->retries++;
    session->retry_delay_ms = 2 * session->retry_delay_ms < RETRY_MS_MAX ? 2 * session->retry_delay_ms : RETRY_MS_MAX;
    session_state_refresh(session);
    session_have_send(session, mask);
}

/* ---- working a message off ---- */

void session_receive_progress(struct session *session) {
    struct receiving *receiving = &session->receiving;
    struct buffer *message = session_message(session);
    if (message != NULL) {
        session_sent(session, progress_encode(receiving->done, message));
        receiving->reported = receiving->done;
    }
}

/* All of it is durable or refused. Receipts go before progress: when the peer knows that nothing of its own is on its way, it knows ours too. */
static void finish(struct session *session) {
    struct receiving *receiving = &session->receiving;
    bool entries = receiving->type == MESSAGE_ENTRIES;
    if (entries && entries_close(&receiving->entries) != STATUS_OK) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    if (!PLANTED("ack-before-persist") || !entries) {
        receiving->done += receiving->inbox.len;
    }
    session_receive_fini(session);
    session_log_look(session);
    session_send_receipts(session);
    if (entries || receiving->done - receiving->reported >= LAZY_PROGRESS_BYTES) {
        session_receive_progress(session);
    }
    session_offer_answer(session); /* after progress: so that the peer knows that the offer has been heard */
}

/* After the disk refused a run: what the item is about is refused, too. */
static void refuse_item(struct session *session) {
    const struct item *item = &session->receiving.item;
    struct scratch *scratch = session_scratch(session);
    if (item->kind == ITEM_PART) {
        session_receive_refuse(session, &item->log, item->seq, REFUSED_NO_ROOM);
    } else if (item->kind == ITEM_ENTRY && scratch != NULL && header_decode(&scratch->header, item->entry.header) == STATUS_OK) {
        session_receive_refuse(session, &scratch->header.log, scratch->header.seq, REFUSED_NO_ROOM);
    }
}

/* Checks items until there is something to be made durable, or the message is at its end. */
static void work_entries(struct session *session) {
    struct receiving *receiving = &session->receiving;
    while (!session_failed(session) && !receiving->run_full && receiving->run_count < RUN_ITEMS_MAX) {
        if (!receiving->again && !entries_next(&receiving->entries, &receiving->item)) {
            break;
        }
        if (receiving->failed) {
            receiving->again = false;
            refuse_item(session);
            continue;
        }
        session->stats.entries_in += receiving->again ? 0 : 1;
        receiving->again = session_check_item(session) == VERDICT_PERSIST_FIRST;
        if (receiving->again) {
            assert(receiving->run_count > 0);
            return;
        }
    }
    if (receiving->run_count == 0 && !session_failed(session)) {
        finish(session);
    }
}

static void work_receipts(struct session *session) {
    struct receiving *receiving = &session->receiving;
    struct receipts receipts;
    struct signed_receipt receipt;
    enum status status = receipts_open(&receipts, buffer_bytes(&receiving->inbox));
    while (status == STATUS_OK && receipts_next(&receipts, &receipt) && !session_failed(session)) {
        session->stats.receipts_in++;
        session_check_receipt(session, &receipt);
    }
    if (status != STATUS_OK || receipts_close(&receipts) != STATUS_OK) {
        receiving->run_count = 0;
        session_fail(session, STATUS_PEER_PROTOCOL);
    } else if (receiving->run_count == 0 && !session_failed(session)) {
        finish(session);
    }
}

void session_receive_message(struct session *session, unsigned type, struct bytes message) {
    struct receiving *receiving = &session->receiving;
    buffer_init(&receiving->inbox, MESSAGE_BYTES_MAX);
    session_fail(session, buffer_append(&receiving->inbox, message.data, message.len));
    if (session_failed(session)) {
        return;
    }
    receiving->active = true;
    receiving->type = type;
    session->run++;
    if (type == MESSAGE_RECEIPTS) {
        work_receipts(session);
        return;
    }
    if (!session->peer_burst) {
        session->peer_burst = true;
        session->receipts_ms = 0; /* its first receipts leave at once */
    }
    enum status status = entries_open(&receiving->entries, buffer_bytes(&receiving->inbox));
    if (status != STATUS_OK) {
        session_fail(session, status == STATUS_NO_MEMORY ? status : STATUS_PEER_PROTOCOL);
        return;
    }
    if (PLANTED("ack-before-persist")) {
        receiving->done += receiving->inbox.len;
        session_receive_progress(session);
    }
    work_entries(session);
}

/* ---- what became of a run ---- */

static void run_durable(struct session *session) {
    struct receiving *receiving = &session->receiving;
    for (size_t i = 0; i < receiving->run_count; i++) {
        const struct persist *persist = &receiving->run[i];
        struct session_log *log = persist->kind == PERSIST_ENTRY ? session_log_find(session, &persist->log) : NULL;
        if (log != NULL && log->peer_seq < persist->seq) {
            log->peer_seq = persist->seq; /* the peer has what it sent */
        }
        struct session_log *beside = persist->kind == PERSIST_BESIDE ? session_log_find(session, &persist->log) : NULL;
        if (beside != NULL) {
            session_fork_look(session, beside);
        }
        if ((persist->kind == PERSIST_ENTRY || persist->kind == PERSIST_BODY) && persist->entry.salt.len > 0) {
            session_log_has_body(session, &persist->log, persist->seq);
        }
    }
    session->retries = 0;
    session->retry_delay_ms = RETRY_MS_MIN;
}

static void run_lost(struct session *session) {
    struct receiving *receiving = &session->receiving;
    receiving->failed = true;
    for (size_t i = 0; i < receiving->run_count; i++) {
        const struct persist *persist = &receiving->run[i];
        struct session_log *beside = persist->kind == PERSIST_BESIDE ? session_log_find(session, &persist->log) : NULL;
        if (beside != NULL) {
            beside->yields = false; /* what is kept of it is asked anew */
            session_fork_look(session, beside);
        }
        if (persist->kind == PERSIST_RECEIPT) {
            plan_retry(session, &persist->log, REFUSED_NO_ROOM);
        } else if (!PLANTED("ack-before-persist")) {
            session_receive_refuse(session, &persist->log, persist->seq, REFUSED_NO_ROOM);
        }
    }
}

void session_receive_persisted(struct session *session, enum status status) {
    struct receiving *receiving = &session->receiving;
    assert(receiving->active && receiving->run_count > 0);
    if (status == STATUS_OK) {
        run_durable(session);
    } else {
        run_lost(session);
    }
    receiving->run_count = 0;
    receiving->run_full = false;
    session->run++;
    if (receiving->type == MESSAGE_RECEIPTS) {
        finish(session);
    } else {
        work_entries(session);
    }
}
