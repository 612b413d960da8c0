/* A new key for this node: a new node that succeeds it (docs/protocol.md 5.3), in this same store. Owns the steps, so that the power may go at any of them:
 *
 *   1. rotate_begin     draws the new keys (DIR/node.key.next) and admits them in the own directive log. The node works on under its old key.
 *   2. the level above applies that admission, and its receipt says so (the root needs nobody).
 *   3. rotate_complete  at the next opening: the old key cuts itself at its last entries, and the store is the new node's from then on; DIR/node.key becomes the new key's. What the old
 *                       node wrote and has not sent goes up like all that a unit's node holds. The new node's logs are its own: its first entries begin them.
 *
 * From 3 on nothing that bears the old key is needed; whoever else has it (a copy of the disk) can add nothing that counts. */
#ifndef STORE_ROTATE_H
#define STORE_ROTATE_H

#include "store/internal.h"

enum rotate_state { ROTATE_NONE, ROTATE_WAITS /* for the level above */, ROTATE_READY /* at the next opening */ };
CHECKED enum status rotate_state(struct store *store, enum rotate_state *out);
/* Inside the open transaction. Again, while one is under way, is the same one. *node: the new one. LINE_BROKEN, OUTSIDE_AUTHORITY (no steward), PERMISSION (the service manager keeps the
 * key), DISK_*. */
CHECKED enum status rotate_begin(struct store *store, struct node_id *node);
/* At opening, when everything stands; does nothing where nothing is ready. */
CHECKED enum status rotate_complete(struct store *store);
/* The keys in the directory are not those of the node that the store belongs to: are those that wait? Then they take their place, in store->keys too. KEY_DAMAGED. */
CHECKED enum status rotate_keys(struct store *store, const uint8_t signing[32], const uint8_t transport[32]);

#endif
