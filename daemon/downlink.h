/* The level below: which child a message is from, its session, and the lane for those who are no children yet. Owns one record a child, found by its transport key.
 * Every message is authorised by the key it came with, asked of the store anew each time: an admission or a revocation holds from the next message on. */
#ifndef DAEMON_DOWNLINK_H
#define DAEMON_DOWNLINK_H

#include "daemon/driver.h"
#include "daemon/guard.h"

struct downlink;

/* connections_max bounds connections and sessions. NO_MEMORY. */
CHECKED enum status downlink_open(struct downlink **out, struct driver *driver, size_t connections_max);
void downlink_close(struct downlink *downlink); /* NULL harmless; sessions end without a farewell: the closing sockets tell it */

/* May a connection with this key end its handshake? Unknown keys may: the enrolment lane is for them. */
bool downlink_admit(void *downlink, const uint8_t key[32]);
/* Events of the wire that are the children's. */
void downlink_event(struct downlink *downlink, const struct link_event *event, int64_t now_ms);
/* To be polled for reading, -1: none; when it is readable, downlink_traffic. Connections from below are looked at only when something comes from them. */
int downlink_traffic_fd(const struct downlink *downlink);
void downlink_traffic(struct downlink *downlink, int64_t now_ms);
/* Does what is due, and goes on telling sessions that the store has changed, some of them in a call. The time of the next call: now_ms or less where there is more to do. */
int64_t downlink_tick(struct downlink *downlink, int64_t now_ms);
/* When a node was last heard, seconds since 1970; 0: not since the start. */
int64_t downlink_contact(const struct downlink *downlink, const struct node_id *node);
/* Have two copies of the node's directory been heard, each after the other, since this process began? */
bool downlink_twice(const struct downlink *downlink, const struct node_id *node);

#endif
