/* How much one author may have others keep: what a stolen key can write lawfully, or so that it waits for ever, has an end. Asked before an entry is taken from
 * a peer; what passes a bound is refused with a reason, stays with who sent it, and is tried again: to the views it is as if it had not come yet, so no order
 * of arrival makes a difference to them.
 *
 * An author counts with all that were admitted by it, directly or through others: its *family*. Else a thief would admit a thousand nodes, each with a bound of
 * its own. Bounds fall by half with each admission, so that one family leaves room for the others of its inviter. A node that has been revoked counts no
 * longer: those whom it admitted go on. Counted is what is held here; each office has its own bounds, after its disk and its place:
 *
 * - control: bytes of control entries, and changes in them that the tree keeps in memory. BOUNDS_CONTROL_BYTES and BOUNDS_CHANGES for the founder's family,
 *   halved with each admission on the way to the author (a key that takes the place of its inviter's is none), never less than the least. Four times that at
 *   the root's offices, which hold the logs of everybody.
 * - bytes of all entries: of authors above this office together half of what the store and the free disk come to; of a family below a quarter, halved with each
 *   admission from there on; of another node of the own unit half.
 * - waiting: entries of records and documents that would be set aside by their author, log or unit (docs/protocol.md 5.11). BOUNDS_WAITING or
 *   BOUNDS_WAITING_BYTES a family.
 *
 * Never bound: the recovery log, and what this node wrote itself. Bytes are those of headers and of bodies as they were signed, whether they have come already
 * or are to come. */
#ifndef STORE_BOUNDS_H
#define STORE_BOUNDS_H

#include "store/internal.h"

enum {
    BOUNDS_CONTROL_BYTES = 32 * 1024 * 1024, /* 145 MiB of memory at the worst, pins of logs that nobody has heard of; MemoryMax of a leaf is 256 MiB */
    BOUNDS_CONTROL_LEAST = 256 * 1024,
    BOUNDS_CHANGES = 200000,
    BOUNDS_CHANGES_LEAST = 1000,
    BOUNDS_ROOT_TIMES = 4,
    BOUNDS_BYTES_LEAST = 16 * 1024 * 1024,
    BOUNDS_WAITING = 50000,
    BOUNDS_WAITING_BYTES = 64 * 1024 * 1024
};

struct bounds;

/* May an entry with this header be taken, if `entries` with `bytes` of the same author are about to be? 0: yes. REFUSED_CUT (store/lane.h), REFUSED_QUOTA. As
 * the replica's no_room. */
unsigned bounds_no_room(struct store *store, const struct header *header, uint64_t entries, uint64_t bytes);
/* An entry has been added, in the open transaction; header_bytes: of its header as encoded; body_state: of its body. A rollback makes it undone
 * (bounds_forget). */
CHECKED enum status bounds_note(struct store *store, const struct header *header, size_t header_bytes, int body_state);
/* What is held of a log has changed otherwise than by an entry at its end: it is counted anew. Inside the open transaction. */
CHECKED enum status bounds_recount(struct store *store, int64_t log_row_id);
/* What is kept in memory is dropped; it is found again when it is asked for. Whenever the tree is made anew, a transaction rolled back, the store closed. */
void bounds_forget(struct store *store);

/* ---- store/bounds_count.c: what the logs come to ---- */

struct bounds_weight {
    uint64_t bytes, control;
};
/* Tells each log held with its author's id; the rows of `log` say how far it was counted before, what has come since is counted now. save: inside the open
 * transaction, and noted there. uncounted: entries that had not been counted. */
typedef void bounds_fn(void *arg, const struct node_id *author, const struct bounds_weight *weight);
CHECKED enum status bounds_count(struct store *store, bool save, bounds_fn *fn, void *arg, uint64_t *uncounted);
/* What an entry counts. */
struct bounds_weight bounds_weight_of(const struct header *header, size_t header_bytes, int body_state);

#endif
