#include "daemon/driver.h"

#include "daemon/logger.h"
#include "store/os.h"

#include <stdlib.h>

enum {
    QUEUE_BYTES_MAX = 8 * 1024 * 1024,   /* of one peer: a `have` of 1 MiB and some windows of entries */
    QUEUES_BYTES_MAX = 64 * 1024 * 1024, /* of all peers: many slow children at once must not fill the memory */
    RETRY_MS = 25,
    QUEUE_HEAD_BYTES = 4
};

void driver_drop(struct driver *driver, struct peer *peer) {
    session_free(peer->session);
    peer->session = NULL;
    peer->tick_ms = peer->retry_ms = INT64_MAX;
    peer->told = 0;
    driver->queued_bytes -= peer->queue.len;
    buffer_fini(&peer->queue);
    peer->queue_at = 0;
}

/* ---- sending ---- */

static enum status send_now(struct driver *driver, const struct peer *peer, struct bytes message) {
    return peer->uplink ? link_send_up(driver->link, message) : link_send_down(driver->link, &peer->route, message);
}

/* Keeps a message for later. BUSY: no room. */
static enum status queue_add(struct driver *driver, struct peer *peer, struct bytes message) {
    if (driver->queued_bytes + message.len + QUEUE_HEAD_BYTES > QUEUES_BYTES_MAX) {
        return STATUS_BUSY;
    }
    if (peer->queue_at > peer->queue.len / 2) { /* what has gone makes room */
        memmove(peer->queue.data, peer->queue.data + peer->queue_at, peer->queue.len - peer->queue_at);
        peer->queue.len -= peer->queue_at;
        driver->queued_bytes -= peer->queue_at;
        peer->queue_at = 0;
    }
    uint32_t len = (uint32_t)message.len;
    size_t before = peer->queue.len;
    enum status status = buffer_append(&peer->queue, &len, QUEUE_HEAD_BYTES);
    if (status == STATUS_OK) {
        status = buffer_append(&peer->queue, message.data, message.len);
        if (status != STATUS_OK) {
            peer->queue.len = before;
        }
    }
    driver->queued_bytes += peer->queue.len - before;
    return status == STATUS_OK ? STATUS_OK : STATUS_BUSY;
}

/* Sends what is queued, in order, until the wire takes no more. */
static enum status queue_flush(struct driver *driver, struct peer *peer, int64_t now_ms) {
    enum status status = STATUS_OK;
    while (peer->queue_at < peer->queue.len && status == STATUS_OK) {
        uint32_t len;
        memcpy(&len, peer->queue.data + peer->queue_at, QUEUE_HEAD_BYTES);
        status = send_now(driver, peer, bytes_of(peer->queue.data + peer->queue_at + QUEUE_HEAD_BYTES, len));
        if (status == STATUS_OK) {
            peer->queue_at += QUEUE_HEAD_BYTES + len;
        }
    }
    if (peer->queue_at == peer->queue.len) {
        driver->queued_bytes -= peer->queue.len;
        buffer_fini(&peer->queue); /* most peers are idle: they hold no memory for it */
        buffer_init(&peer->queue, QUEUE_BYTES_MAX);
        peer->queue_at = 0;
    }
    peer->retry_ms = peer->queue.len > 0 ? now_ms + RETRY_MS : INT64_MAX;
    return status == STATUS_BUSY ? STATUS_OK : status;
}

/* Sends at once where nothing waits before it, else queues: order is kept. queue_only: what the step still has to make durable comes first. */
static enum status send_all(struct driver *driver, struct peer *peer, const struct session_output *output, bool queue_only) {
    for (size_t i = 0; i < output->send_count; i++) {
        enum status status = peer->queue.len > 0 || queue_only ? STATUS_BUSY : send_now(driver, peer, output->send[i]);
        if (status == STATUS_BUSY) {
            status = queue_add(driver, peer, output->send[i]);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* ---- the duty ---- */

/* Makes a step's items durable. What fails for good ends the process (it starts again and checks its store); what may pass, or is the fault of these items,
 * ends this session only: else one poisonous message could keep the daemon from ever staying up. */
static enum status persist(struct driver *driver, const struct session_output *output) {
    enum status status = store_persist(driver->store, output->persist, output->persist_count);
    if (status == STATUS_OK) {
        if (driver->disk_full) {
            logger_line(LOGGER_INFO, "disk_again", "entries are stored again");
        }
        driver->disk_full = false;
    } else if (status == STATUS_DISK_FULL || status == STATUS_NO_MEMORY) {
        if (!driver->disk_full) {
            logger_line(LOGGER_ERROR, "disk_full", "status=%s next=free_space_then_peers_come_back_by_themselves", status_name(status));
        }
        driver->disk_full = true;
    } else if (status != STATUS_DISK_ERROR && status != STATUS_STORE_DAMAGED) {
        logger_line(LOGGER_ERROR, "items_refused", "status=%s number=%d", status_name(status), (int)status);
    } else {
        logger_line(LOGGER_ERROR, "store_failed", "status=%s number=%d", status_name(status), (int)status);
        driver->fatal = status;
    }
    return status;
}

static void say_bye(struct driver *driver, const struct peer *peer, unsigned reason) {
    struct buffer message;
    buffer_init(&message, 64);
    if (bye_encode(reason, &message) == STATUS_OK) {
        (void)!send_now(driver, peer, buffer_bytes(&message));
    }
    buffer_fini(&message);
}

/* Ends the session for a reason of ours; always false, for `return`. */
static bool give_up(struct driver *driver, struct peer *peer, enum status why, enum status *reason) {
    logger_line(LOGGER_WARN, "session_ended", "node=%s reason=%s", logger_hex(peer->node.b).text, status_name(why));
    if (reason != NULL) {
        *reason = why;
    }
    driver_drop(driver, peer);
    return false;
}

/* ---- what is refused ---- */

/* By the reasons of message.h. What may be nobody's fault (an author not known yet, a gap, a full disk) is no warning. */
static const struct {
    const char *name;
    enum logger_level level;
} REFUSALS[] = {
    [REFUSED_AUTHOR_UNKNOWN] = {"author_unknown", LOGGER_INFO},
    [REFUSED_NOT_ENTITLED] = {"not_entitled", LOGGER_WARN},
    [REFUSED_GAP] = {"gap", LOGGER_INFO},
    [REFUSED_FORK] = {"fork", LOGGER_WARN},
    [REFUSED_SIGNATURE] = {"signature", LOGGER_WARN},
    [REFUSED_MALFORMED] = {"malformed", LOGGER_WARN},
    [REFUSED_CUT] = {"author_cut", LOGGER_WARN},
    [REFUSED_NO_ROOM] = {"no_room", LOGGER_INFO},
    [REFUSED_QUOTA] = {"quota", LOGGER_WARN},
};
enum { RECEIPT_TOLD = 0, OWN_TOLD = 10 /* and the reason: of what the peer refused */, REVOKED_TOLD = 30, FORK_TOLD = 31 }; /* bits of peer.told that no reason has */

/* Is this the first of its kind in the session? */
static bool tell_first(struct peer *peer, unsigned kind) {
    bool first = (peer->told >> kind & 1) == 0;
    peer->told |= UINT32_C(1) << kind;
    return first;
}

/* Says in the log what the session refused of the peer's, the first of each reason, and the first evidence of a fork that it took. */
static void tell_refusals(struct peer *peer, const struct session_output *output) {
    struct session_stats stats;
    struct log_id log;
    uint64_t seq;
    unsigned reason;
    for (size_t i = 0; i < output->send_count; i++) {
        if (message_type(output->send[i]) == MESSAGE_REFUSED && refused_decode(&log, &seq, &reason, output->send[i]) == STATUS_OK &&
            reason < sizeof REFUSALS / sizeof REFUSALS[0] && REFUSALS[reason].name != NULL && tell_first(peer, reason)) {
            logger_line(REFUSALS[reason].level, "entry_refused", "node=%s author=%s kind=%u seq=%llu reason=%s", logger_hex(peer->node.b).text,
                        logger_hex(log.node.b).text, (unsigned)log.kind, (unsigned long long)seq, REFUSALS[reason].name);
        }
    }
    for (size_t i = 0; i < output->persist_count; i++) {
        const struct persist *persist = &output->persist[i];
        if (persist->kind == PERSIST_FORK && tell_first(peer, FORK_TOLD)) {
            logger_line(LOGGER_WARN, "fork_seen", "node=%s author=%s kind=%u seq=%llu", logger_hex(peer->node.b).text, logger_hex(persist->log.node.b).text,
                        (unsigned)persist->log.kind, (unsigned long long)persist->seq);
        }
    }
    session_stats(peer->session, &stats);
    for (reason = 1; reason < sizeof REFUSALS / sizeof REFUSALS[0]; reason++) {
        if ((stats.refused_reasons >> reason & 1) != 0 && tell_first(peer, OWN_TOLD + reason)) {
            logger_line(LOGGER_INFO, "refused_there", "node=%s reason=%s", logger_hex(peer->node.b).text, REFUSALS[reason].name);
        }
    }
    if (stats.receipts_forged > 0 && tell_first(peer, RECEIPT_TOLD)) {
        logger_line(LOGGER_WARN, "receipt_refused", "node=%s reason=not_its_holders", logger_hex(peer->node.b).text);
    }
}

/* Says once a session that this peer's key is revoked: its session goes on, over the one lane that is left to it. */
static void tell_revoked(const struct driver *driver, struct peer *peer) {
    struct replica replica;
    store_replica(driver->store, &replica);
    if (replica.ops->revoked(replica.ctx, &peer->node) && tell_first(peer, REVOKED_TOLD)) {
        logger_line(LOGGER_WARN, "peer_revoked", "node=%s unit=%s reason=revoked", logger_hex(peer->node.b).text, logger_hex(peer->unit.b).text);
    }
}

/* Has the session heard of all that the store holds and makes of it? */
static bool knows_all(const struct driver *driver, const struct peer *peer) {
    struct replica replica;
    store_replica(driver->store, &replica);
    return peer->version == replica.ops->version(replica.ctx) && peer->views == replica.ops->views_version(replica.ctx);
}

static void has_heard(const struct driver *driver, struct peer *peer) {
    struct replica replica;
    store_replica(driver->store, &replica);
    peer->version = replica.ops->version(replica.ctx);
    peer->views = replica.ops->views_version(replica.ctx);
}

/* One event and all that follows from it: 1. step, 2. persist and step again until nothing is left to persist, 3. send. */
static bool step(struct driver *driver, struct peer *peer, struct session_event *event, enum status *reason) {
    bool knew_all = knows_all(driver, peer);
    struct session_output output;
    tell_revoked(driver, peer);
    session_step(peer->session, event, &output);
    tell_refusals(peer, &output);
    while (output.persist_count > 0) {
        enum status status = send_all(driver, peer, &output, true);
        if (status != STATUS_OK) {
            return give_up(driver, peer, status, reason);
        }
        struct session_event done = {.kind = SESSION_PERSISTED, .now_ms = os_monotonic_ms(), .status = persist(driver, &output)};
        if (done.status != STATUS_OK) {
            say_bye(driver, peer, BYE_BUSY);
            return give_up(driver, peer, done.status, reason);
        }
        session_step(peer->session, &done, &output);
        tell_refusals(peer, &output);
    }
    if (knew_all) {
        has_heard(driver, peer); /* all that is new came through this session */
    }
    enum status status = send_all(driver, peer, &output, false);
    if (status == STATUS_OK) {
        status = queue_flush(driver, peer, event->now_ms);
    }
    if (output.closed) {
        if (reason != NULL) {
            *reason = output.reason;
        }
        logger_line(output.reason == STATUS_OK ? LOGGER_INFO : LOGGER_WARN, "session_closed", "node=%s reason=%s", logger_hex(peer->node.b).text,
                    status_name(output.reason));
        driver_drop(driver, peer);
        return false;
    }
    if (status != STATUS_OK) {
        return give_up(driver, peer, status, reason);
    }
    if (session_in_step(peer->session)) {
        store_confirmed(driver->store, &peer->unit);
    }
    peer->tick_ms = output.wait_ms < 0 ? INT64_MAX : event->now_ms + output.wait_ms;
    return true;
}

enum status driver_begin(struct driver *driver, struct peer *peer, int64_t now_ms) {
    driver_drop(driver, peer);
    struct session_config config = {.peer = peer->node, .peer_unit = peer->unit, .dials = peer->uplink};
    store_replica(driver->store, &config.replica);
    memcpy(config.incarnation, driver->incarnation, sizeof config.incarnation);
    enum status status = session_open(&peer->session, &config);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&peer->queue, QUEUE_BYTES_MAX);
    has_heard(driver, peer);
    peer->heard_ms = now_ms;
    struct session_event event = {.kind = SESSION_START, .now_ms = now_ms, .time = os_time()};
    return step(driver, peer, &event, &status) ? STATUS_OK : status;
}

bool driver_message(struct driver *driver, struct peer *peer, struct bytes message, int64_t now_ms, enum status *reason) {
    peer->heard_ms = now_ms;
    struct session_event event = {.kind = SESSION_MESSAGE, .now_ms = now_ms, .message = message};
    return step(driver, peer, &event, reason);
}

bool driver_changed(struct driver *driver, struct peer *peer, int64_t now_ms) {
    if (knows_all(driver, peer)) {
        return true;
    }
    has_heard(driver, peer);
    struct session_event event = {.kind = SESSION_CHANGED, .now_ms = now_ms};
    return step(driver, peer, &event, NULL);
}

bool driver_ask(struct driver *driver, struct peer *peer, int64_t now_ms) {
    struct session_event event = {.kind = SESSION_ASK, .now_ms = now_ms};
    return step(driver, peer, &event, NULL);
}

bool driver_tick(struct driver *driver, struct peer *peer, int64_t now_ms) {
    if (now_ms >= peer->retry_ms && queue_flush(driver, peer, now_ms) != STATUS_OK) {
        return give_up(driver, peer, STATUS_NOT_FOUND, NULL);
    }
    if (now_ms < peer->tick_ms) {
        return true;
    }
    struct session_event event = {.kind = SESSION_TICK, .now_ms = now_ms};
    return step(driver, peer, &event, NULL);
}

int64_t driver_due(const struct peer *peer) {
    return peer->tick_ms < peer->retry_ms ? peer->tick_ms : peer->retry_ms;
}

void driver_end(struct driver *driver, struct peer *peer, int64_t now_ms) {
    if (peer->session != NULL) {
        struct session_event event = {.kind = SESSION_STOP, .now_ms = now_ms};
        (void)step(driver, peer, &event, NULL);
        driver_drop(driver, peer);
    }
}

void driver_bye(struct driver *driver, const struct link_route *route, unsigned reason) {
    struct peer peer = {.route = *route};
    say_bye(driver, &peer, reason);
}
