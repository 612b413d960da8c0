/* The one lane that a revoked key is left (docs/protocol.md section 10): what it may still fetch, and how much of what it still hands in is kept. Reads only.
 */
#ifndef STORE_LANE_H
#define STORE_LANE_H

#include "store/internal.h"

/* Past the cut of a node's logs, all of them together. A PC that was offline for some years has written less. */
enum { LANE_ENTRIES_MAX = 1000, LANE_BYTES_MAX = 8 * 1024 * 1024 };

/* As the replica's functions of these names. */
bool lane_revoked(struct store *store, const struct node_id *node);
CHECKED enum status lane_each_log(struct store *store, const struct node_id *node, log_head_fn fn, void *arg);
bool lane_has_room(struct store *store, const struct log_id *log, uint64_t seq, uint64_t entries, uint64_t bytes);

#endif
