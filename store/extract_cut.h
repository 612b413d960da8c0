/* Cutting extracts (docs/protocol.md 6.2): what this node, where its unit is the last to have a record's bodies, sends on of them under its own signature. */
#ifndef STORE_EXTRACT_CUT_H
#define STORE_EXTRACT_CUT_H

#include "store/internal.h"

/* In a transaction of its own: writes the extracts that are due, and applies them. count (may be NULL): change-sets written. Cheap where no form asks for extracts, and where nothing has
 * changed since the last call. Does nothing while this node may not go on in its directive log without a new epoch: that is for a peer to say first. */
CHECKED enum status extract_cut(struct store *store, size_t *count);
/* The unit whose nodes cut the unit's extracts of a form with this reach; TREE_NONE: nobody does, as the records go to the root, or none of those they go to has a node. */
uint32_t extract_boundary(const struct tree *tree, uint32_t unit, uint8_t reach);

#endif
