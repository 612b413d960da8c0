/* What fell of the own logs (table `fallen`: a senior has decided for the other branch of a fork) is written again, with the same bodies, in the epoch that is written now: the ids of units and
 * nodes that a body makes hang on its nonce, so that nothing that rests on them is lost. */
#ifndef STORE_REISSUE_H
#define STORE_REISSUE_H

#include "store/internal.h"

/* In transactions of its own; does nothing where nothing fell. count (may be NULL): entries written. What cannot be done now is done at the next call. */
void reissue(struct store *store, size_t *count);
/* Inside the open transaction: this node goes on with what that one wrote, which has no say any more. What of its logs falls from now on is written again here, too. */
CHECKED enum status reissue_for(struct store *store, const struct node_id *former);

#endif
