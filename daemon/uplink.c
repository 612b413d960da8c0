#include "daemon/uplink.h"

#include "daemon/logger.h"
#include "store/os.h"

#include <stdio.h>

enum {
    BACKOFF_MS = 1000,
    BACKOFF_MS_MAX = 120 * 1000,
    STABLE_MS = 30 * 1000,    /* a link that stood so long was a success: the next back-off begins anew */
    CONNECT_MS = 25 * 1000,   /* a name that does not resolve gives no event at all */
    HANDSHAKE_MS = 50 * 1000, /* longer than libzmq's own bound, which names the reason */
    ANSWER_MS = 20 * 1000,    /* what was asked because somebody waits must be answered within this, or the line is taken for dead */
    LIVELY_MS = 2000,         /* a message so recent proves an idle line without a question */
    CONNECTIONS_MAX = 2,      /* one, and the one before it that is on its way out */
    SILENT_MS = 30 * 1000     /* an exchange under way on the worst line hears something within this */
};

static const char *const STATES[] = {"none", "waiting", "connecting", "connected", "refused"};

static int64_t random_below(int64_t bound) {
    uint64_t value;
    os_random(&value, sizeof value);
    return (int64_t)(value % (uint64_t)bound);
}

enum status uplink_init(struct uplink *uplink, struct driver *driver, const char *address_given, int64_t start_delay_ms, int64_t now_ms) {
    *uplink = (struct uplink){.driver = driver, .address_given = address_given, .state = UPLINK_NONE, .fd = -1, .guard_ms = INT64_MAX};
    uplink->peer.uplink = true;
    uplink->due_ms = now_ms + (start_delay_ms > 0 ? random_below(start_delay_ms) : 0);
    return guard_open(&uplink->guard, CONNECTIONS_MAX);
}

void uplink_close(struct uplink *uplink) {
    guard_close(uplink->guard);
    uplink->guard = NULL;
}

/* ---- what the connection may make us hold ---- */

static void look_by(struct uplink *uplink, int64_t due_ms) {
    uplink->guard_ms = due_ms < uplink->guard_ms ? due_ms : uplink->guard_ms;
}

static void watch_connection(struct uplink *uplink, int fd, int64_t now_ms) {
    guard_forget(uplink->guard, uplink->fd);
    uplink->fd = fd;
    if (fd >= 0) {
        guard_accepted(uplink->guard, fd, now_ms);
        look_by(uplink, now_ms);
    }
}

static void hang_up(struct uplink *uplink) {
    driver_drop(uplink->driver, &uplink->peer);
    link_hang_up(uplink->driver->link);
    guard_forget(uplink->guard, uplink->fd);
    uplink->fd = -1;
}

int uplink_traffic_fd(const struct uplink *uplink) {
    return guard_traffic_fd(uplink->guard);
}

void uplink_traffic(struct uplink *uplink, int64_t now_ms) {
    look_by(uplink, guard_traffic(uplink->guard, now_ms));
}

/* ---- dialling ---- */

/* What may be dialled: the store's uplink, its addresses replaced by the one on the command line. */
static enum status addresses(const struct uplink *uplink, struct store_uplink *out) {
    enum status status = store_uplink(uplink->driver->store, out);
    if (status == STATUS_OK && uplink->address_given != NULL) {
        out->address_count = 1;
        out->addresses[0] = uplink->address_given;
    }
    return status == STATUS_OK && out->address_count == 0 ? STATUS_NO_UPLINK : status;
}

/* Ends what is there and waits. The other addresses have their turn soon; after a whole round it is a random time between half and the whole of a delay that
 * doubles from 1 s to 120 s. */
static void back_off(struct uplink *uplink, enum uplink_state state, const char *reason, int64_t now_ms) {
    bool stable = uplink->state == UPLINK_CONNECTED && now_ms - uplink->since_ms >= STABLE_MS;
    uplink->last_contact = stable ? os_time() : uplink->last_contact;
    hang_up(uplink);
    bool round_over = uplink->count < 2 || ++uplink->place % uplink->count == 0;
    if (stable) {
        uplink->delay_ms = 0;
    }
    if (round_over) {
        uplink->delay_ms = uplink->delay_ms == 0 ? BACKOFF_MS : uplink->delay_ms * 2;
        uplink->delay_ms = uplink->delay_ms > BACKOFF_MS_MAX ? BACKOFF_MS_MAX : uplink->delay_ms;
    }
    int64_t delay_ms = round_over ? uplink->delay_ms : BACKOFF_MS;
    int64_t wait_ms = delay_ms / 2 + random_below(delay_ms / 2 + 1);
    uplink->state = state;
    uplink->asked_ms = 0;
    uplink->due_ms = now_ms + wait_ms;
    logger_line(LOGGER_INFO, "uplink_down", "address=%s reason=%s again_in_ms=%lld", logger_safe(uplink->address).text, reason, (long long)wait_ms);
}

static void dial(struct uplink *uplink, int64_t now_ms) {
    struct store_uplink above;
    enum status status = addresses(uplink, &above);
    if (status != STATUS_OK) {
        uplink->state = UPLINK_NONE;
        uplink->due_ms = INT64_MAX;
        if (status != STATUS_NO_UPLINK) {
            logger_line(LOGGER_ERROR, "uplink_unreadable", "status=%s", status_name(status));
        }
        return;
    }
    uplink->count = above.address_count;
    bool successor = above.has_successor && uplink->tries++ / above.address_count % 2 == 1; /* both keys at every address */
    uplink->peer.node = successor ? above.successor : above.node;
    uplink->peer.unit = above.unit;
    snprintf(uplink->address, sizeof uplink->address, "%s", above.addresses[uplink->place % above.address_count]);
    uplink->state = UPLINK_CONNECTING;
    uplink->due_ms = now_ms + CONNECT_MS;
    status = link_dial(uplink->driver->link, uplink->address, successor ? above.successor_key : above.transport_key);
    if (status != STATUS_OK) {
        back_off(uplink, UPLINK_WAITING, status_name(status), now_ms);
    }
}

/* The handshake is done: a new session begins with every connection. */
static void open_session(struct uplink *uplink, int64_t now_ms) {
    const struct link_event shaken = {.fd = uplink->fd}; /* the level above has proved its key before its first word, and may have much to say */
    guard_heard(uplink->guard, &shaken, true);
    uplink->state = UPLINK_CONNECTED;
    uplink->since_ms = now_ms;
    uplink->due_ms = INT64_MAX;
    uplink->last_contact = os_time();
    enum status status = driver_begin(uplink->driver, &uplink->peer, now_ms);
    if (status != STATUS_OK) {
        back_off(uplink, UPLINK_WAITING, status_name(status), now_ms);
        return;
    }
    logger_line(LOGGER_INFO, "uplink_up", "address=%s node=%s", logger_safe(uplink->address).text, logger_hex(uplink->peer.node.b).text);
}

static void message(struct uplink *uplink, const struct link_event *event, int64_t now_ms) {
    guard_heard(uplink->guard, event, true);
    if (uplink->peer.session == NULL) {
        return; /* it came after the session over this connection had ended */
    }
    unsigned reason = BYE_CLOSING;
    bool farewell = !event->malformed && message_type(event->message) == MESSAGE_BYE && bye_decode(&reason, event->message) == STATUS_OK;
    enum status why = STATUS_PEER_PROTOCOL;
    uplink->last_contact = os_time();
    uplink->asked_ms = 0;
    if (!event->malformed && driver_message(uplink->driver, &uplink->peer, event->message, now_ms, &why)) {
        return;
    }
    if (farewell && reason == BYE_NOT_ADMITTED) {
        logger_line(LOGGER_WARN, "uplink_refused", "address=%s node=%s next=ask_the_level_above", logger_safe(uplink->address).text,
                    logger_hex(uplink->peer.node.b).text);
        back_off(uplink, UPLINK_REFUSED, "not_admitted", now_ms);
        return;
    }
    back_off(uplink, UPLINK_WAITING, farewell ? "bye" : status_name(why), now_ms);
}

void uplink_event(struct uplink *uplink, const struct link_event *event, int64_t now_ms) {
    switch (event->kind) {
    case LINK_UPLINK_CONNECTED:
        uplink->due_ms = now_ms + HANDSHAKE_MS;
        watch_connection(uplink, event->fd, now_ms);
        break;
    case LINK_UPLINK_OPEN:
        open_session(uplink, now_ms);
        break;
    case LINK_UPLINK_REFUSED:
        logger_line(LOGGER_WARN, "uplink_refused", "address=%s next=ask_the_level_above", logger_safe(uplink->address).text);
        back_off(uplink, UPLINK_REFUSED, "handshake_refused", now_ms);
        break;
    case LINK_UPLINK_LOST:
        back_off(uplink, UPLINK_WAITING, uplink->state == UPLINK_CONNECTED ? "line_lost" : "unreachable", now_ms);
        break;
    case LINK_UPLINK_MESSAGE:
        message(uplink, event, now_ms);
        break;
    default:
        break;
    }
}

/* Everything that is due but the guard; when the next is. */
static int64_t tick(struct uplink *uplink, int64_t now_ms) {
    if (uplink->state == UPLINK_CONNECTED) {
        if (uplink->asked_ms != 0 && now_ms - uplink->asked_ms >= ANSWER_MS) {
            back_off(uplink, UPLINK_WAITING, "no_answer", now_ms);
        } else if (!driver_tick(uplink->driver, &uplink->peer, now_ms)) {
            back_off(uplink, UPLINK_WAITING, "session_ended", now_ms);
        }
    } else if (now_ms >= uplink->due_ms) {
        if (uplink->state == UPLINK_CONNECTING) {
            back_off(uplink, UPLINK_WAITING, "timeout", now_ms);
        } else {
            dial(uplink, now_ms);
        }
    }
    if (uplink->state != UPLINK_CONNECTED) {
        return uplink->due_ms;
    }
    int64_t due = driver_due(&uplink->peer);
    return uplink->asked_ms != 0 && uplink->asked_ms + ANSWER_MS < due ? uplink->asked_ms + ANSWER_MS : due;
}

int64_t uplink_tick(struct uplink *uplink, int64_t now_ms) {
    int64_t due = tick(uplink, now_ms);
    look_by(uplink, guard_trim_due(uplink->guard, now_ms));
    if (now_ms >= uplink->guard_ms) {
        uplink->guard_ms = guard_tick(uplink->guard, now_ms);
    }
    return due < uplink->guard_ms ? due : uplink->guard_ms;
}

void uplink_changed(struct uplink *uplink, int64_t now_ms) {
    if (uplink->peer.session != NULL && !driver_changed(uplink->driver, &uplink->peer, now_ms)) {
        back_off(uplink, UPLINK_WAITING, "session_ended", now_ms);
    }
}

/* A question over the line that stands: answered, or the line is dead. In step it is for the peer's state. An exchange under way is let be as long as it moves;
 * one that has fallen silent is begun anew with a fresh hello. */
static void probe(struct uplink *uplink, int64_t now_ms) {
    int64_t silent_ms = now_ms - uplink->peer.heard_ms;
    bool in_step = session_in_step(uplink->peer.session);
    if (silent_ms < (in_step ? LIVELY_MS : SILENT_MS) || uplink->asked_ms != 0) {
        return;
    }
    uplink->asked_ms = now_ms;
    if (in_step) {
        if (!driver_ask(uplink->driver, &uplink->peer, now_ms)) {
            back_off(uplink, UPLINK_WAITING, "session_ended", now_ms);
        }
        return;
    }
    enum status status = driver_begin(uplink->driver, &uplink->peer, now_ms);
    if (status != STATUS_OK) {
        back_off(uplink, UPLINK_WAITING, status_name(status), now_ms);
    }
}

enum status uplink_wake(struct uplink *uplink, int64_t now_ms) {
    struct store_uplink above;
    enum status status = addresses(uplink, &above);
    if (status != STATUS_OK) {
        return status;
    }
    bool same = false;
    for (size_t i = 0; i < above.address_count; i++) {
        same = same || strcmp(above.addresses[i], uplink->address) == 0;
    }
    bool busy = uplink->state == UPLINK_CONNECTING || uplink->state == UPLINK_CONNECTED;
    uplink->delay_ms = 0;
    if (!busy || !same) { /* a line to an address that is no longer wanted is dropped */
        hang_up(uplink);
        uplink->state = UPLINK_WAITING;
        uplink->due_ms = now_ms;
        uplink->asked_ms = 0;
    } else if (uplink->state == UPLINK_CONNECTED) {
        probe(uplink, now_ms);
    }
    return STATUS_OK;
}

void uplink_watch(struct uplink *uplink, int64_t now_ms) {
    if (uplink->state == UPLINK_CONNECTED && !session_in_step(uplink->peer.session)) {
        probe(uplink, now_ms);
    }
}

bool uplink_in_step(const struct uplink *uplink) {
    return uplink->peer.session != NULL && uplink->asked_ms == 0 && session_in_step(uplink->peer.session);
}

bool uplink_refused(const struct uplink *uplink) {
    return uplink->state == UPLINK_REFUSED;
}

json_t *uplink_report(const struct uplink *uplink) {
    json_t *report = json_array();
    struct store_uplink above;
    if (report == NULL || addresses(uplink, &above) != STATUS_OK) {
        return report;
    }
    for (size_t i = 0; i < above.address_count; i++) {
        bool current = strcmp(above.addresses[i], uplink->address) == 0;
        enum uplink_state state = current && uplink->state != UPLINK_NONE ? uplink->state : UPLINK_WAITING;
        json_t *entry = json_pack("{s:s, s:s}", "address", above.addresses[i], "state", STATES[state]);
        if (entry != NULL) {
            int64_t contact = !current ? 0 : state == UPLINK_CONNECTED ? os_time() : uplink->last_contact; /* heartbeats prove a line that stands */
            (void)json_object_set_new(entry, "last_contact", contact != 0 ? json_integer(contact) : json_null());
        }
        (void)json_array_append_new(report, entry);
    }
    return report;
}

void uplink_stop(struct uplink *uplink, int64_t now_ms) {
    driver_end(uplink->driver, &uplink->peer, now_ms);
    hang_up(uplink);
    uplink->state = UPLINK_NONE;
    uplink->due_ms = INT64_MAX;
}
