/* The driver's duty towards the engine (protocol/session.h) in one place: step, persist, step again, send, in that order. Owns the session of one peer and the
 * messages that the wire could not take yet. Knows the store and the wire, not who dials or listens. */
#ifndef DAEMON_DRIVER_H
#define DAEMON_DRIVER_H

#include "daemon/link_zmq.h"
#include "protocol/session.h"
#include "store/store.h"

/* What all sessions share. */
struct driver {
    struct store *store;
    struct link *link;
    uint8_t incarnation[8];
    enum status fatal;      /* anything but OK: the store can no longer be trusted, the process must end */
    size_t queued_bytes;    /* of all peers together */
    bool disk_full;         /* told once, until it is over */
};

/* One peer and, while its link is up, its session. */
struct peer {
    bool uplink;
    struct link_route route;   /* of a child */
    struct node_id node;
    struct unit_id unit;
    struct session *session;   /* NULL: none */
    uint64_t version, views;   /* of the store, as the session last heard of it; the views may be made anew without a change, by a refusal */
    int64_t tick_ms, retry_ms; /* when the session wants a tick, when queued messages are tried again; INT64_MAX: never */
    int64_t heard_ms;          /* monotonic, the last message */
    uint32_t told;             /* what of its refusals the log has said in this session, a bit for each reason: a flood is told once */
    struct buffer queue;       /* messages not sent yet, each after its length; queue_at bytes of it have gone */
    size_t queue_at;
};

/* Begins a session with the peer, ending one that is there without a word. NO_MEMORY: the peer has none then. */
CHECKED enum status driver_begin(struct driver *driver, struct peer *peer, int64_t now_ms);
/* Gives one event to the session. False: the session has ended (and is freed); *reason (may be NULL) says why: OK when the peer said farewell. */
bool driver_message(struct driver *driver, struct peer *peer, struct bytes message, int64_t now_ms, enum status *reason);
/* Tells the session that the store has changed, if it has since the session last heard. */
bool driver_changed(struct driver *driver, struct peer *peer, int64_t now_ms);
/* Asks the peer, if the two are in step as far as is known, whether they are. */
bool driver_ask(struct driver *driver, struct peer *peer, int64_t now_ms);
/* Does what is due: a tick, a new try to send. */
bool driver_tick(struct driver *driver, struct peer *peer, int64_t now_ms);
/* When driver_tick is wanted. */
int64_t driver_due(const struct peer *peer);
/* Ends the session with a farewell, if there is one. */
void driver_end(struct driver *driver, struct peer *peer, int64_t now_ms);
/* Frees session and queue at once; harmless on a peer without. */
void driver_drop(struct driver *driver, struct peer *peer);
/* Says bye to a peer that has no session; whether it arrives does not matter. */
void driver_bye(struct driver *driver, const struct link_route *route, unsigned reason);

#endif
