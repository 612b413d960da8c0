/* Forks of logs as this store keeps them: the evidence, given to the tree, and the branches that fell. Inside the open transaction, but for what only
 * reads.  Which branch stands the tree says (tree_log_standing, tree_other_branch). Where a senior has pinned a branch that is not the one held, what is
 * held from the fork on makes room: out of the log and out of the views, into the table `fallen`, where it stays. The log's head goes back, and the
 * exchange brings the pinned branch by itself; if it fell here before, it comes back from `fallen`. A log's branch falls only by a pin of a senior, and
 * an entry is kept once: so `fallen` holds no more than what was once accepted. */
#ifndef STORE_BRANCH_H
#define STORE_BRANCH_H

#include "protocol/message.h"
#include "store/internal.h"

/* Gives evidence of forks to the tree, of all logs or of one row; of one row again when its log has grown, as a pin may name what is held now. It takes effect
 * when the tree is settled. */
CHECKED enum status branch_evidence_load(struct store *store);
CHECKED enum status branch_evidence_give(struct store *store, int64_t log_row_id);
/* tree_holds_fn; ctx is the store. */
enum status branch_holds(void *ctx, const struct ref *ref, bool *holds);
/* Branches that have to make room do. *anew: some did; the tree was made anew, and all views have to be: a pin that chose another branch is the rarest
 * of things, and anything may rest on it. header: room for one. */
CHECKED enum status branch_review(struct store *store, struct header *header, bool *anew);
/* What is known of a fork of the log, in the two lowest hashes at its lowest seq; seq 0: nothing. */
CHECKED enum status branch_fork_mark(struct store *store, const struct log_id *log, struct fork_mark *out);
/* Is an entry of this hash one of a branch of the log that fell? Is there evidence of a fork of the log; did a branch of it fall? */
CHECKED enum status branch_has_fallen(struct store *store, int64_t log_row_id, uint64_t seq, const struct hash *hash, bool *out);
CHECKED enum status branch_marks(struct store *store, int64_t log_row_id, bool *forked, bool *fallen);
/* An entry of a branch that fell has come again, and it follows the log's head: where a pinned entry is still wanted, of whichever branch, it comes back
 * from `fallen` with all that is kept behind it. *returned false: it stays where it is. */
CHECKED enum status branch_return(struct store *store, int64_t log_row_id, const struct ref *ref, const struct hash *hash, struct header *header, bool *returned);
/* Has this node's own log of the kind, in the epoch that it writes now, fallen or been ended by a cut or fork? Then it must begin another epoch. */
CHECKED enum status branch_log_fallen(struct store *store, uint8_t kind, bool *out);

#endif
