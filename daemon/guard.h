/* The connection guard: how many connections there may be, how long one may stay without showing an admitted key, and what one may make us hold. The listening
 * side has one for all its children, the dialling side one for its uplink. Owns a table of connections by socket number, and ends one by shutting its socket
 * down: libzmq then closes it in order (it has no such call itself). Linux only (TCP_INFO, /proc). Knows no message and no session.
 *
 * Why: a peer that sends the parts of one message without end fills our memory before the message is ever seen; a silent one holds a descriptor; at the limit
 * of descriptors libzmq spins. A socket's number may already mean another connection when we shut it down: that one then dials again, nothing else happens. */
#ifndef DAEMON_GUARD_H
#define DAEMON_GUARD_H

#include "daemon/link_zmq.h"

struct guard;

CHECKED enum status guard_open(struct guard **out, size_t connections_max); /* NO_MEMORY */
void guard_close(struct guard *guard);

void guard_accepted(struct guard *guard, int fd, int64_t now_ms);
/* The connection is gone. True, with route and key, if it had shown an admitted key. */
bool guard_gone(struct guard *guard, int fd, struct link_route *route, uint8_t key[32]);
/* We have hung up ourselves. -1 is harmless. */
void guard_forget(struct guard *guard, int fd);
/* A whole message came: of an admitted key, or (admitted false) of one that only reaches the enrolment lane. */
void guard_heard(struct guard *guard, const struct link_event *event, bool admitted);
/* Shuts the connection down at the first guard_tick that is delay_ms from now or later, so that a last message can still leave. fd -1 is harmless. */
void guard_end(struct guard *guard, int fd, int64_t now_ms, int64_t delay_ms);
/* Is this key shut out for a while, because its connection made us hold too much? */
bool guard_denied(const struct guard *guard, const uint8_t key[32], int64_t now_ms);
/* When memory is to be given back that messages and connections have freed; INT64_MAX: there is too little. To be asked after each turn of events, none of
 * which need be traffic: what is queued outlives its connection. guard_tick does it. */
int64_t guard_trim_due(struct guard *guard, int64_t now_ms);
/* Does what is due; the time of the next call, INT64_MAX where it is due only after traffic. */
int64_t guard_tick(struct guard *guard, int64_t now_ms);
/* Readable when bytes come in on a connection: then guard_traffic says when to look. -1 while a look is due anyway. So a daemon whose connections are silent
 * sleeps. */
int guard_traffic_fd(const struct guard *guard);
int64_t guard_traffic(struct guard *guard, int64_t now_ms);
size_t guard_connections(const struct guard *guard);

#endif
