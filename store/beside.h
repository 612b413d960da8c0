/* Branches of forked logs beside the ones that are held, in the table `fallen`: those that fell (store/branch.h), and those that are only coming. Where a
 * senior has pinned an entry that is not held here, a peer's branch is taken up to the seq of that entry; once it has come, store/branch.c lets it take the
 * place of what is held. What turns out to be another branch, or never comes so far, is no part of anything: of one log at most one such branch is kept for
 * each peer, the last one it brought, and of it what lies between the fork and the pinned entry. Inside the open transaction, but for what only reads. */
#ifndef STORE_BESIDE_H
#define STORE_BESIDE_H

#include "store/internal.h"

/* An entry of another branch than is held, decoded and verified (PERSIST_BESIDE); state: of its body. Nothing is kept where no entry of the log is wanted any
 * more, or what it follows is not here: then it comes again by the ordinary way. *kept: its branch has grown, or was here already. */
CHECKED enum status beside_keep(struct store *store, int64_t log_row_id, const struct persist *item, const struct header *header, int state, bool *kept);
/* The entry kept beside the log that follows this one. *found false: none. header: room for one. */
CHECKED enum status beside_next(struct store *store, int64_t log_row_id, uint64_t seq, const struct hash *hash, struct header *header, struct hash *next,
                                bool *found);
/* How far the branch that begins at seq with this hash is kept. NOT_FOUND. */
CHECKED enum status beside_tip(struct store *store, const struct log_id *log, uint64_t seq, const struct short_hash *first, uint64_t *upto, struct hash *last);
/* Is there a branch from `seq` on that leads to the entry of the ref? Its first entry. */
CHECKED enum status beside_leads(struct store *store, int64_t log_row_id, uint64_t seq, const struct ref *ref, struct header *header, struct hash *first,
                                 bool *found);

#endif
