/* The server of the local control sockets, DIR/control.sock and an installed service's: who is at the other side, connections, frames, order, bounds. What a request means is the service's. A slow or silent client costs
 * its own connection at most: each has one request under way, one place in the round, and bounded bytes. */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "daemon/service.h"

struct control;

enum { CONTROL_CLIENTS_MAX = 32, CONTROL_FDS_MAX = CONTROL_CLIENTS_MAX + 2 };

/* Listens at path. STORE_LOCKED: another daemon serves there. NO_MEMORY, PERMISSION, DISK_*. */
CHECKED enum status control_open(struct control **out, struct service *service, const char *path);
/* Listens also at path, for the members of a group (where this PC has none of that name: of the group that this process runs under). The same errors; then only the first is listened at. */
CHECKED enum status control_share(struct control *control, const char *path, const char *group);
/* Tries to hand over what is written already, closes everything, removes the socket's file. NULL harmless. */
void control_close(struct control *control);
/* What to wait for; as many as are returned, at most CONTROL_FDS_MAX. */
size_t control_fds(const struct control *control, struct pollfd *fds);
/* Serves what came: fds as filled by control_fds and then waited for. At most one request of each client. */
void control_serve(struct control *control, const struct pollfd *fds, size_t count, int64_t now_ms);
/* Answers waiting requests that have become answerable, drops clients that stopped in the middle. The time of the next call; now_ms where a request waits already. */
int64_t control_tick(struct control *control, int64_t now_ms);

#endif
