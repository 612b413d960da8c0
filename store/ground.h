/* Logs that a link carries beyond what both sides may hold (docs/protocol.md section 10): what refutes what a peer's views say, what is taken as such from a
 * peer and how much of it, and what is handed up of units that have moved away. Which logs these are the tree says; this adds what is held of them. Reads only,
 * but for ground_brought. */
#ifndef STORE_GROUND_H
#define STORE_GROUND_H

#include "protocol/replica.h"
#include "store/internal.h"

/* As the replica's functions of these names. */
struct ground_of {
    const struct unit_id *peer;
    const struct ref *claimed;
    size_t count;
};
CHECKED enum status ground_each(struct store *store, const struct ground_of *of, ground_fn fn, void *arg);
bool ground_taken(struct store *store, const struct node_id *peer, const struct log_id *log, const struct ref *of, size_t taken);
CHECKED enum status ground_each_handed(struct store *store, const struct unit_id *peer, log_head_fn fn, void *arg);
CHECKED enum status ground_each_handed_gap(struct store *store, const struct unit_id *lower, const struct log_id *log, gap_fn fn, void *arg);

/* Inside the open transaction: the log, of which nothing is held yet, is brought by that peer though the views do not let this node hold it. */
CHECKED enum status ground_brought(struct store *store, int64_t log_row_id, const struct node_id *peer);

#endif
