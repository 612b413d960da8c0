/* The reconciliation engine for one link (docs/protocol.md section 10): a step function. It owns what it has learned of one peer in one connection, and must not know
 * sockets, clocks, disks or randomness: time, messages and finished writes come in as events; messages to send and items to persist go out.
 *
 * Driver's duty, in this order after every step: (1) make all `persist` items durable in one transaction, apply what can be applied, (2) step again with SESSION_PERSISTED
 * (which may give more), (3) send the messages in order. Borrowed outputs live until the next step. While persist_count is not 0, no event but SESSION_PERSISTED may be given. */
#ifndef PROTOCOL_SESSION_H
#define PROTOCOL_SESSION_H

#include "protocol/replica.h"

struct session;

struct session_config {
    struct replica replica;
    struct node_id peer;         /* as the transport authenticated it */
    struct unit_id peer_unit;
    bool dials;                  /* this side opened the connection: speaks first */
    uint8_t incarnation[8];      /* of this process, random, from the driver */
    uint32_t window, message_max; /* bytes; 0: the defaults of limits.h */
};

enum session_event_kind {
    SESSION_START,     /* the link is up */
    SESSION_MESSAGE,   /* a message came */
    SESSION_TICK,      /* time has passed */
    SESSION_CHANGED,   /* something was appended or persisted here outside this session (or views changed) */
    SESSION_PERSISTED, /* the last step's persist items: status says how it went (anything but OK: none of them is durable) */
    SESSION_STOP,      /* this side closes: a bye goes out */
    SESSION_ASK        /* somebody wants to be sure of the peer: in step, its state is asked for (session_in_step is false until it came); else nothing happens */
};
struct session_event {
    uint8_t kind;
    int64_t now_ms;        /* monotonic milliseconds, with every event */
    int64_t time;          /* seconds since 1970, with SESSION_START (only shown to the peer) */
    struct bytes message;  /* SESSION_MESSAGE, borrowed during the step */
    enum status status;    /* SESSION_PERSISTED */
};

struct session_output {
    size_t send_count; const struct bytes *send;          /* messages, in order */
    size_t persist_count; const struct persist *persist;
    int64_t wait_ms;                                      /* the next tick is wanted no later than this many milliseconds from now; -1: none */
    bool closed;                                          /* the session has ended: after sending, drop the link */
    enum status reason;                                   /* why, where closed: PEER_PROTOCOL, ASSOCIATION_OTHER, VERSION_UNKNOWN, ... ; OK for a bye */
};

/* NO_MEMORY. *out is NULL on failure. */
CHECKED enum status session_open(struct session **out, const struct session_config *config);
void session_free(struct session *session);
/* Never fails as a whole: trouble with the peer closes the session (output.closed), NO_MEMORY closes it too. */
void session_step(struct session *session, const struct session_event *event, struct session_output *output);

/* Both sides said the same state since the last change here, and nobody misses a body the other has. */
bool session_in_step(const struct session *session);
/* Figures for status and tests. */
struct session_stats {
    uint64_t messages_in, messages_out, bytes_in, bytes_out, entries_in, entries_out, receipts_in, receipts_out, refused_in, refused_out;
    uint32_t refused_reasons;  /* bit r: the peer has refused something for reason r (message.h) */
    uint64_t receipts_forged; /* no receipts, or not signed by who they say */
    uint32_t message_target; /* bytes, as adapted to the line */
    bool open;               /* hello received */
};
void session_stats(const struct session *session, struct session_stats *out);

#endif
