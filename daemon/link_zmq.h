/* The wire: one ROUTER for the level below, one DEALER to the level above, CURVE and ZAP, behind events and calls that never block. The only module that knows
 * ZeroMQ. It knows nothing of sessions, stores or who is admitted: it says by which transport key a message came, and whoever drives it decides.
 *
 * Identity: routing ids are never set and never trusted (an id can be taken over, a key cannot). Each message of a child carries the key that CURVE proved. */
#ifndef DAEMON_LINK_ZMQ_H
#define DAEMON_LINK_ZMQ_H

#include "protocol/codec.h"

#include <poll.h>

struct link;

/* The way back to one connection of the ROUTER, given by it; never used twice. */
struct link_route { uint8_t b[5]; };
/* May a connection with this key end its handshake? Called from inside link_next and link_wait. */
typedef bool link_admit_fn(void *arg, const uint8_t key[32]);

struct link_config {
    const uint8_t *transport_secret, *transport_public; /* 32 bytes each, copied */
    bool metered;                                       /* spare heartbeats */
    link_admit_fn *admit;
    void *admit_arg;
};

enum { LINK_ADDRESS_BYTES = 256 };

enum link_event_kind {
    LINK_UPLINK_CONNECTED = 1, /* fd: TCP stands, the handshake begins */
    LINK_UPLINK_OPEN,          /* the handshake is done: messages may go */
    LINK_UPLINK_LOST,          /* the connection ended or could not be made; nothing more will come: dial anew */
    LINK_UPLINK_REFUSED,       /* as LOST: the other side does not accept our key */
    LINK_UPLINK_MESSAGE,       /* fd, message */
    LINK_CHILD_ACCEPTED,       /* fd: a connection came in, nothing is known of it yet */
    LINK_CHILD_GONE,           /* fd */
    LINK_CHILD_MESSAGE         /* fd, route, key, message */
};
struct link_event {
    enum link_event_kind kind;
    bool malformed;            /* of a message: not exactly one part, or without a key. message is empty then; key and route may be zero */
    int fd;                    /* its socket, for the connection guard only; -1 unknown */
    struct link_route route;
    uint8_t key[32];
    struct bytes message;      /* borrowed until the next link_next */
};

/* Makes context and ZAP handler; no socket yet. INTERNAL (library too old or without CURVE), NO_MEMORY. */
CHECKED enum status link_open(struct link **out, const struct link_config *config);
void link_close(struct link *link); /* NULL harmless */

/* Listens at tcp://ADDRESS:PORT (port * or 0: the system chooses). *bound: what it became. ADDRESS_INVALID, ADDRESS_IN_USE, PERMISSION, INTERNAL. */
CHECKED enum status link_listen(struct link *link, const char *address, char bound[LINK_ADDRESS_BYTES]);
/* Dials once, dropping what was dialled before; how it goes comes as events. A connection that could not even be begun (a name that does not resolve) gives no
 * event: the caller keeps a deadline. ADDRESS_INVALID, INTERNAL. */
CHECKED enum status link_dial(struct link *link, const char *address, const uint8_t server_key[32]);
void link_hang_up(struct link *link); /* harmless when nothing is dialled */

/* Waits until something can be done or timeout_ms (-1: no bound) have passed; fills revents of fds, as poll does. */
void link_wait(struct link *link, struct pollfd *fds, size_t count, int64_t timeout_ms);
/* The next event; false: none now. Events of a connection come in the order in which they happened. */
bool link_next(struct link *link, struct link_event *out);

/* Sends one message. BUSY: its queue is full, nothing was taken: try again soon. NOT_FOUND: no such connection (any more). */
CHECKED enum status link_send_up(struct link *link, struct bytes message);
CHECKED enum status link_send_down(struct link *link, const struct link_route *route, struct bytes message);

#endif
