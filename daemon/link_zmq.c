#include "daemon/link_zmq.h"

#include "protocol/planted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

/* Not in zmq.h outside draft builds, but honoured by the library since 4.3.1: a server without an answering ZAP handler admits nobody, instead of everybody. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

/* Not in zmq.h outside draft builds either. Without it each part of a message that came in a packet of its own keeps the 8 KiB buffer that it was read into: a
 * message in parts of a few bytes without end took a hundred times as much memory as it had bytes. */
#ifndef ZMQ_ZERO_COPY_RECV
#define ZMQ_ZERO_COPY_RECV 10
#endif

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN "hoi"
#define USER_ID "User-Id"

enum {
    LISTENER = 1,
    DIALER = 2,
    BOTH = LISTENER | DIALER,
    CURVE_OVERHEAD_BYTES = 256, /* the limit counts sealed frames: 33 bytes more than what is in them, and room for the library to change its mind */
    ZAP_FRAMES = 7,             /* version, request id, domain, address, routing id, mechanism, client key */
    ZAP_REQUESTS_AT_ONCE = 64,
    SOCKETS_MAX = 16, /* six are ours, the rest is reserve */
    FDS_MAX = 128
};

/* Every option that matters, set on purpose; the reason stands above each. Milliseconds, unless said. */
struct option {
    int name, value, metered; /* metered: the value on lines that are paid by the byte */
    unsigned sides;
};
static const struct option OPTIONS[] = {
    /* What is unsent at the end is in our log; waiting for an unreachable peer would hang the stop for ever. */
    {ZMQ_LINGER, 0, 0, BOTH},
    /* In messages, of 64 KiB as a rule: 1 MiB a peer. The default of 1000 messages of up to 1 MiB each would be 1 GiB. */
    {ZMQ_SNDHWM, 16, 16, BOTH},
    {ZMQ_RCVHWM, 16, 16, BOTH},
    /* Nothing here may ever block: a DEALER that was refused would block its sender for ever. */
    {ZMQ_SNDTIMEO, 0, 0, BOTH},
    {ZMQ_RCVTIMEO, 0, 0, BOTH},
    /* Bytes. A larger kernel buffer would put minutes of a slow line between a heartbeat and its answer. */
    {ZMQ_SNDBUF, 128 * 1024, 64 * 1024, BOTH},
    /* Second net below the heartbeats: lines that a NAT forgot. Seconds; dead 140 s after the last sign of life. */
    {ZMQ_TCP_KEEPALIVE, 1, 1, BOTH},
    {ZMQ_TCP_KEEPALIVE_IDLE, 60, 240, BOTH},
    {ZMQ_TCP_KEEPALIVE_INTVL, 20, 20, BOTH},
    {ZMQ_TCP_KEEPALIVE_CNT, 4, 4, BOTH},
    /* Bytes unacknowledged for so long: the line is dead, whatever is queued on it. */
    {ZMQ_TCP_MAXRT, 90000, 90000, BOTH},
    /* At 1 KB/s and 3 s round trip a CURVE handshake takes 11.3 s: 10 s would never connect, 0 would mean no bound. The guard bounds silent connections
       besides. */
    {ZMQ_HANDSHAKE_IVL, 45000, 45000, DIALER},
    {ZMQ_HANDSHAKE_IVL, 30000, 30000, LISTENER},
    /* The system's own 130 s would cost the other addresses their turn. */
    {ZMQ_CONNECT_TIMEOUT, 20000, 20000, DIALER},
    /* Never by itself: it would not come back after a refusal (libzmq #2329), and knows one address only and no jitter. uplink.c dials. */
    {ZMQ_RECONNECT_IVL, -1, -1, DIALER},
    /* No queue before there is a connection: such a queue is lost with it. */
    {ZMQ_IMMEDIATE, 1, 1, DIALER},
    /* Below the 60 s after which the meanest 3G NAT forgets; a metered line may be forgotten and dial anew. */
    {ZMQ_HEARTBEAT_IVL, 20000, 120000, DIALER},
    /* Three times 64 KiB at 1 KB/s: an answer may queue behind so much. Dead lines are found by TCP_MAXRT first. */
    {ZMQ_HEARTBEAT_TIMEOUT, 200000, 300000, DIALER},
    /* The listening side gives the connection up after so long without a sign. */
    {ZMQ_HEARTBEAT_TTL, 240000, 600000, DIALER},
    /* Children ping and we answer: both sides learn, for half the traffic, and thousands of idle children cost no pings. */
    {ZMQ_HEARTBEAT_IVL, 0, 0, LISTENER},
    /* A few hundred children may come back in the same second. */
    {ZMQ_BACKLOG, 256, 256, LISTENER},
    /* With 1, anybody with a key could take over another's routing id. */
    {ZMQ_ROUTER_HANDOVER, 0, 0, LISTENER},
    /* Else messages to a peer that is gone or slow vanish in silence. */
    {ZMQ_ROUTER_MANDATORY, 1, 1, LISTENER},
    /* Fail closed: without an answering handler nobody is let in. */
    {ZMQ_ZAP_ENFORCE_DOMAIN, 1, 1, LISTENER},
    {ZMQ_CURVE_SERVER, 1, 1, LISTENER},
};

struct link {
    uint8_t secret[32], public[32];
    bool metered;
    link_admit_fn *admit;
    void *admit_arg;
    /* Two contexts, because a dead resolver stalls the I/O thread of its own for half a minute (libzmq #2961): it must not be the children's. */
    void *down_context, *up_context;
    void *zap, *router, *router_monitor, *dealer, *dealer_monitor;
    unsigned dialled;       /* makes the name of each dealer's monitor its own */
    bool resolving;         /* dialled, and no event yet: the uplink's thread may sit in the resolver */
    bool uplink_turn;       /* the uplink and the children take turns */
    bool has_message, held; /* message holds something; event waits until what happened before it has been told */
    zmq_msg_t message;
    struct link_event event;
};

/* ---- sockets ---- */

static bool set_int(void *socket, int name, int value) {
    return zmq_setsockopt(socket, name, &value, sizeof value) == 0;
}

static bool set_key(void *socket, int name, const uint8_t key[32]) {
    return zmq_setsockopt(socket, name, key, 32) == 0;
}

/* A socket of one side with every option set, or NULL: none may be missing. */
static void *socket_make(const struct link *link, void *context, int type, unsigned side, const char *address) {
    void *socket = zmq_socket(context, type);
    if (socket == NULL) {
        return NULL;
    }
    int64_t message_bytes_max = MESSAGE_BYTES_MAX + CURVE_OVERHEAD_BYTES; /* the default, no bound, lets one unauthenticated peer take all memory */
    bool fine = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof message_bytes_max) == 0;
    for (size_t i = 0; fine && i < sizeof OPTIONS / sizeof OPTIONS[0]; i++) {
        if ((OPTIONS[i].sides & side) != 0) {
            fine = set_int(socket, OPTIONS[i].name, link->metered ? OPTIONS[i].metered : OPTIONS[i].value);
        }
    }
    /* Numeric IPv6 only where it is asked for: with it on, a name that has both kinds of address would be dialled over a line that may not be there. */
    fine = fine && set_int(socket, ZMQ_IPV6, strchr(address, '[') != NULL) && set_key(socket, ZMQ_CURVE_SECRETKEY, link->secret);
    if (!fine) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

/* Opens the stream of a socket's events. Its queue is not bounded: a full one would block the I/O thread, and with it us. */
static void *monitor_open(void *context, void *socket, const char *endpoint, int events) {
    if (zmq_socket_monitor(socket, endpoint, events) != 0) {
        return NULL;
    }
    void *monitor = zmq_socket(context, ZMQ_PAIR);
    if (monitor != NULL && set_int(monitor, ZMQ_RCVHWM, 0) && set_int(monitor, ZMQ_LINGER, 0) && zmq_connect(monitor, endpoint) == 0) {
        return monitor;
    }
    if (monitor != NULL) {
        zmq_close(monitor);
    }
    return NULL;
}

static void socket_close(void **socket, void **monitor) {
    if (*socket != NULL) {
        (void)zmq_socket_monitor(*socket, NULL, 0);
    }
    if (*monitor != NULL) {
        zmq_close(*monitor);
        *monitor = NULL;
    }
    if (*socket != NULL) {
        zmq_close(*socket);
        *socket = NULL;
    }
}

static void *context_make(void) {
    void *context = zmq_ctx_new();
    if (context != NULL && (zmq_ctx_set(context, ZMQ_IO_THREADS, 1) != 0 || zmq_ctx_set(context, ZMQ_ZERO_COPY_RECV, 0) != 0 ||
                            zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) != 0 || zmq_ctx_set(context, ZMQ_BLOCKY, 0) != 0)) {
        zmq_ctx_term(context);
        return NULL;
    }
    return context;
}

enum status link_open(struct link **out, const struct link_config *config) {
    *out = NULL;
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    if (major * 10000 + minor * 100 + patch < 40304 || zmq_has("curve") != 1) {
        return STATUS_INTERNAL;
    }
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(link->secret, config->transport_secret, 32);
    memcpy(link->public, config->transport_public, 32);
    link->metered = config->metered;
    link->admit = config->admit;
    link->admit_arg = config->admit_arg;
    link->down_context = context_make();
    link->up_context = context_make();
    /* The handler of handshakes stands before any listener can: there is no moment at which one would go unasked. */
    if (link->down_context != NULL && link->up_context != NULL) {
        link->zap = zmq_socket(link->down_context, ZMQ_REP);
    }
    if (link->zap == NULL || !set_int(link->zap, ZMQ_LINGER, 0) || zmq_bind(link->zap, ZAP_ENDPOINT) != 0) {
        link_close(link);
        return STATUS_INTERNAL;
    }
    *out = link;
    return STATUS_OK;
}

void link_close(struct link *link) {
    if (link == NULL) {
        return;
    }
    if (link->has_message) {
        zmq_msg_close(&link->message);
    }
    socket_close(&link->dealer, &link->dealer_monitor);
    socket_close(&link->router, &link->router_monitor);
    if (link->zap != NULL) {
        zmq_close(link->zap);
    }
    if (link->down_context != NULL) {
        zmq_ctx_term(link->down_context);
    }
    if (link->up_context != NULL && !link->resolving) {
        zmq_ctx_term(link->up_context);
    } else if (link->up_context != NULL) {
        zmq_ctx_shutdown(link->up_context); /* not waited for: a dead resolver would hold the stop up for half a minute */
    }
    volatile uint8_t *secret = link->secret;
    for (size_t i = 0; i < sizeof link->secret; i++) {
        secret[i] = 0;
    }
    free(link);
}

/* Why a bind or a connect failed, in our words. */
static enum status address_status(int error) {
    switch (error) {
    case EADDRINUSE:
        return STATUS_ADDRESS_IN_USE;
    case EACCES:
        return STATUS_PERMISSION;
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
    case EADDRNOTAVAIL:
    case ENODEV:
        return STATUS_ADDRESS_INVALID;
    default:
        return STATUS_INTERNAL;
    }
}

/* tcp://HOST:PORT, nothing else: an ipc:// or inproc:// address from a token or a setting would reach into this machine, and what follows a ';' would bind
 * there. */
static bool address_valid(const char *address, bool listens) {
    const char *port = strrchr(address, ':');
    if (strncmp(address, "tcp://", 6) != 0 || strlen(address) >= LINK_ADDRESS_BYTES || strpbrk(address, " ;") != NULL || port <= address + 6) {
        return false;
    }
    if (listens && strcmp(port, ":*") == 0) {
        return true;
    }
    size_t digits = strspn(port + 1, "0123456789");
    long number = digits >= 1 && digits <= 5 && port[1 + digits] == 0 ? strtol(port + 1, NULL, 10) : -1;
    return number >= (listens ? 0 : 1) && number <= 65535;
}

enum status link_listen(struct link *link, const char *address, char bound[LINK_ADDRESS_BYTES]) {
    bound[0] = 0;
    if (!address_valid(address, true)) {
        return STATUS_ADDRESS_INVALID;
    }
    socket_close(&link->router, &link->router_monitor);
    void *router = socket_make(link, link->down_context, ZMQ_ROUTER, LISTENER, address);
    if (router == NULL || zmq_setsockopt(router, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) != 0) {
        if (router != NULL) {
            zmq_close(router);
        }
        return STATUS_INTERNAL;
    }
    link->router = router;
    link->router_monitor = monitor_open(link->down_context, router, "inproc://router-events", ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
    size_t size = LINK_ADDRESS_BYTES;
    if (link->router_monitor == NULL || zmq_bind(router, address) != 0 || zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, bound, &size) != 0) {
        enum status status = address_status(zmq_errno());
        socket_close(&link->router, &link->router_monitor);
        return status;
    }
    return STATUS_OK;
}

enum status link_dial(struct link *link, const char *address, const uint8_t server_key[32]) {
    link_hang_up(link);
    if (!address_valid(address, false)) {
        return STATUS_ADDRESS_INVALID;
    }
    void *dealer = socket_make(link, link->up_context, ZMQ_DEALER, DIALER, address);
    if (dealer == NULL) {
        return STATUS_INTERNAL;
    }
    link->dealer = dealer;
    link->resolving = true;
    if (!set_key(dealer, ZMQ_CURVE_PUBLICKEY, link->public) || !set_key(dealer, ZMQ_CURVE_SERVERKEY, server_key)) {
        link_hang_up(link);
        return STATUS_INTERNAL;
    }
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://dealer-events-%u", link->dialled++);
    link->dealer_monitor = monitor_open(link->up_context, dealer, endpoint, ZMQ_EVENT_ALL);
    if (link->dealer_monitor == NULL || zmq_connect(dealer, address) != 0) {
        enum status status = address_status(zmq_errno());
        link_hang_up(link);
        return status;
    }
    return STATUS_OK;
}

void link_hang_up(struct link *link) {
    if (link->held && link->event.kind == LINK_UPLINK_MESSAGE) {
        link->held = false; /* it came over the connection that is dropped here */
    }
    socket_close(&link->dealer, &link->dealer_monitor);
}

/* ---- the handshake handler ---- */

/* Reads one whole message of at most max frames; further ones are read and thrown away. The number of frames there were; 0: none waits. */
static size_t frames_receive(void *socket, zmq_msg_t *frames, size_t max) {
    size_t count = 0;
    for (bool more = true; more; count++) {
        zmq_msg_t spare, *frame = count < max ? &frames[count] : &spare;
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            break;
        }
        more = zmq_msg_more(frame) != 0;
        if (frame == &spare) {
            zmq_msg_close(&spare);
        }
    }
    return count;
}

static bool frame_is(zmq_msg_t *frame, const char *text) {
    return zmq_msg_size(frame) == strlen(text) && memcmp(zmq_msg_data(frame), text, strlen(text)) == 0;
}

/* Answers one request (RFC 27). Only CURVE in our domain is let in, with the key as the user's id; any other mechanism is refused. */
static bool zap_serve(struct link *link) {
    zmq_msg_t frames[ZAP_FRAMES];
    size_t count = frames_receive(link->zap, frames, ZAP_FRAMES);
    if (count == 0) {
        return false;
    }
    char user[65] = "";
    const char *code = "400", *text = "not admitted";
    if (count == ZAP_FRAMES && frame_is(&frames[0], "1.0") && frame_is(&frames[2], ZAP_DOMAIN) && frame_is(&frames[5], "CURVE") &&
        zmq_msg_size(&frames[6]) == 32 && (link->admit(link->admit_arg, zmq_msg_data(&frames[6])) || PLANTED("refused-key-let-in"))) {
        const uint8_t *key = zmq_msg_data(&frames[6]);
        for (size_t i = 0; i < 32; i++) {
            snprintf(user + 2 * i, 3, "%02x", key[i]);
        }
        code = "200";
        text = "OK";
    }
    const void *id = count > 1 ? zmq_msg_data(&frames[1]) : "";
    size_t id_len = count > 1 ? zmq_msg_size(&frames[1]) : 0;
    const struct bytes reply[] = {bytes_of("1.0", 3),           bytes_of(id, id_len),         bytes_of(code, 3),
                                  bytes_of(text, strlen(text)), bytes_of(user, strlen(user)), bytes_of("", 0)};
    for (size_t i = 0; i < 6; i++) {
        /* Should an answer be lost, the handshake times out: refused, never let in. */
        if (zmq_send(link->zap, reply[i].data, reply[i].len, ZMQ_DONTWAIT | (i < 5 ? ZMQ_SNDMORE : 0)) < 0) {
            break;
        }
    }
    for (size_t i = 0; i < count && i < ZAP_FRAMES; i++) {
        zmq_msg_close(&frames[i]);
    }
    return true;
}

/* ---- events ---- */

/* One event of a monitor: its number and value. False: none waits. */
static bool monitor_take(void *monitor, uint16_t *event, int32_t *value) {
    zmq_msg_t frames[2];
    size_t count = monitor == NULL ? 0 : frames_receive(monitor, frames, 2);
    bool fine = count > 0 && zmq_msg_size(&frames[0]) == sizeof *event + sizeof *value;
    if (fine) {
        const uint8_t *data = zmq_msg_data(&frames[0]);
        memcpy(event, data, sizeof *event);
        memcpy(value, data + sizeof *event, sizeof *value);
    }
    for (size_t i = 0; i < count && i < 2; i++) {
        zmq_msg_close(&frames[i]);
    }
    return fine;
}

/* What the events of the dealer mean to us; all others are steps on the way. */
static const struct {
    uint16_t event;
    enum link_event_kind kind;
} UPLINK_EVENTS[] = {
    {ZMQ_EVENT_CONNECTED, LINK_UPLINK_CONNECTED},
    {ZMQ_EVENT_HANDSHAKE_SUCCEEDED, LINK_UPLINK_OPEN},
    {ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, LINK_UPLINK_REFUSED},
    {ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, LINK_UPLINK_LOST},
    {ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, LINK_UPLINK_LOST},
    {ZMQ_EVENT_DISCONNECTED, LINK_UPLINK_LOST},
    {ZMQ_EVENT_CLOSED, LINK_UPLINK_LOST},
};

static bool uplink_event(struct link *link, struct link_event *out) {
    uint16_t event;
    int32_t value;
    while (monitor_take(link->dealer_monitor, &event, &value)) {
        for (size_t i = 0; i < sizeof UPLINK_EVENTS / sizeof UPLINK_EVENTS[0]; i++) {
            if (UPLINK_EVENTS[i].event == event) {
                link->resolving = false;
                *out = (struct link_event){.kind = UPLINK_EVENTS[i].kind, .fd = event == ZMQ_EVENT_CONNECTED ? value : -1};
                return true;
            }
        }
    }
    return false;
}

static bool child_event(struct link *link, struct link_event *out) {
    uint16_t event;
    int32_t value;
    while (monitor_take(link->router_monitor, &event, &value)) {
        if (event == ZMQ_EVENT_ACCEPTED || event == ZMQ_EVENT_DISCONNECTED) {
            *out = (struct link_event){.kind = event == ZMQ_EVENT_ACCEPTED ? LINK_CHILD_ACCEPTED : LINK_CHILD_GONE, .fd = value};
            return true;
        }
    }
    return false;
}

/* The key that CURVE proved for this message, as our own handshake handler wrote it. */
static bool message_key(zmq_msg_t *message, uint8_t key[32]) {
    const char *user = zmq_msg_gets(message, USER_ID);
    if (user == NULL || strlen(user) != 64) {
        return false;
    }
    for (size_t i = 0; i < 32; i++) {
        unsigned value;
        if (sscanf(user + 2 * i, "%2x", &value) != 1) {
            return false;
        }
        key[i] = (uint8_t)value;
    }
    return true;
}

/* Keeps a received payload as the event to be told next, once all that happened before it has been. */
static void hold(struct link *link, enum link_event_kind kind, zmq_msg_t *payload, bool malformed) {
    link->event.kind = kind;
    link->event.malformed = malformed;
    zmq_msg_init(&link->message);
    zmq_msg_move(&link->message, payload);
    zmq_msg_close(payload);
    link->has_message = true;
    if (!malformed) {
        link->event.message = bytes_of(zmq_msg_data(&link->message), zmq_msg_size(&link->message));
    }
    link->held = true;
}

static bool uplink_receive(struct link *link) {
    zmq_msg_t frames[1];
    size_t count = link->dealer == NULL ? 0 : frames_receive(link->dealer, frames, 1);
    if (count == 0) {
        return false;
    }
    link->event = (struct link_event){.fd = zmq_msg_get(&frames[0], ZMQ_SRCFD)};
    hold(link, LINK_UPLINK_MESSAGE, &frames[0], count != 1);
    return true;
}

static bool child_receive(struct link *link) {
    zmq_msg_t frames[2];
    size_t count = link->router == NULL ? 0 : frames_receive(link->router, frames, 2);
    if (count == 0) {
        return false;
    }
    link->event = (struct link_event){.fd = -1};
    if (count == 1) { /* a routing id alone: a peer that sent no part at all cannot be, but must not be believed either */
        zmq_msg_init(&frames[1]);
    }
    /* The router's own routing ids are five bytes and begin with 0. A peer that brought another one breaks the protocol. */
    const uint8_t *route = zmq_msg_data(&frames[0]);
    bool own = zmq_msg_size(&frames[0]) == sizeof link->event.route.b && route[0] == 0;
    if (own) {
        memcpy(link->event.route.b, route, sizeof link->event.route.b);
    }
    zmq_msg_t *payload = &frames[1];
    bool keyed = message_key(payload, link->event.key);
    link->event.fd = zmq_msg_get(payload, ZMQ_SRCFD);
    zmq_msg_close(&frames[0]);
    hold(link, LINK_CHILD_MESSAGE, payload, count != 2 || !own || !keyed);
    return true;
}

bool link_next(struct link *link, struct link_event *out) {
    if (link->has_message && !link->held) {
        zmq_msg_close(&link->message);
        link->has_message = false;
    }
    for (int i = 0; i < ZAP_REQUESTS_AT_ONCE && zap_serve(link); i++) {}
    /* A message is read first and told last: whatever its connection did before it waits in the monitor by then. */
    if (!link->held && !link->has_message) {
        link->uplink_turn = !link->uplink_turn;
        bool (*const receive[2])(struct link *) = {uplink_receive, child_receive};
        if (!receive[link->uplink_turn](link)) {
            (void)receive[!link->uplink_turn](link);
        }
    }
    if (uplink_event(link, out) || child_event(link, out)) {
        return true;
    }
    if (link->held) {
        link->held = false;
        *out = link->event;
        return true;
    }
    return false;
}

void link_wait(struct link *link, struct pollfd *fds, size_t count, int64_t timeout_ms) {
    zmq_pollitem_t items[FDS_MAX + 5];
    assert(count <= FDS_MAX);
    for (size_t i = 0; i < count; i++) {
        short events = (short)(((fds[i].events & POLLIN) != 0 ? ZMQ_POLLIN : 0) | ((fds[i].events & POLLOUT) != 0 ? ZMQ_POLLOUT : 0));
        items[i] = (zmq_pollitem_t){.fd = fds[i].fd, .events = events};
        fds[i].revents = 0;
    }
    size_t total = count;
    void *const sockets[] = {link->zap, link->router, link->router_monitor, link->dealer, link->dealer_monitor};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        if (sockets[i] != NULL) {
            items[total++] = (zmq_pollitem_t){.socket = sockets[i], .events = ZMQ_POLLIN};
        }
    }
    if (zmq_poll(items, (int)total, link->held ? 0 : (long)timeout_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        short events = items[i].revents;
        fds[i].revents =
            (short)(((events & ZMQ_POLLIN) != 0 ? POLLIN : 0) | ((events & ZMQ_POLLOUT) != 0 ? POLLOUT : 0) | ((events & ZMQ_POLLERR) != 0 ? POLLERR : 0));
    }
}

/* ---- sending ---- */

static enum status send_status(int error) {
    return error == EAGAIN || error == EINTR ? STATUS_BUSY : STATUS_NOT_FOUND;
}

enum status link_send_up(struct link *link, struct bytes message) {
    if (link->dealer == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (zmq_send(link->dealer, message.data, message.len, ZMQ_DONTWAIT) >= 0) {
        return STATUS_OK;
    }
    /* The library may not have looked yet at the connection that it has just announced: asking for its state makes it look. */
    int events;
    size_t size = sizeof events;
    if (zmq_errno() == EAGAIN && zmq_getsockopt(link->dealer, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLOUT) != 0 &&
        zmq_send(link->dealer, message.data, message.len, ZMQ_DONTWAIT) >= 0) {
        return STATUS_OK;
    }
    return send_status(zmq_errno());
}

enum status link_send_down(struct link *link, const struct link_route *route, struct bytes message) {
    if (link->router == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (zmq_send(link->router, route->b, sizeof route->b, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        return send_status(zmq_errno());
    }
    /* The first part has chosen the connection and found room; the second goes the same way, or is dropped with it. */
    return zmq_send(link->router, message.data, message.len, ZMQ_DONTWAIT) >= 0 ? STATUS_OK : send_status(zmq_errno());
}
