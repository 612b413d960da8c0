/* Whether this node may go on in the epochs of its own logs, or has to begin new ones: what a copy of a disk, put back, must not repeat. Owns the two files that say how this copy of the
 * store last ended (DIR/heads, DIR/heads.mark). Knows logs, no peers: who has seen a peer's word tells
 * it here (store_confirmed).
 *
 * A log forks when its author signs two entries of one number. An honest author does that only if his store forgets: an old copy of it is put back. So an epoch is continued
 * only where it is known that nothing was forgotten:
 *
 *   LIFE_OPEN     This copy was written by this system since it started, and by nobody else: the heads in the store are those that DIR/heads says, which every transaction with an own
 *                 entry renews; DIR/heads.mark, which is touched before, is the very file that it was and has not been changed since; and the system has not started anew. Or a peer has
 *                 confirmed the own head since, or the epoch was begun since.
 *   LIFE_WAITING  The system has started anew (the two files may be older than the store then: they are not synced), or the files are not there. A peer that shows the same head opens it.
 *   LIFE_FORGOT   The files are there and say that this copy is another one, put back or copied; or the store was restored; or own entries came from a peer that were not here; or the own
 *                 log is forked. Nobody's word opens it: some other peer may know more.
 *
 * In the last two the next own entry begins a new epoch, which continues the last entry held. Nothing is written for that before there is an entry to write. */
#ifndef STORE_LIFE_H
#define STORE_LIFE_H

#include "protocol/replica.h"

enum life_state { LIFE_WAITING = 0, LIFE_OPEN = 1, LIFE_FORGOT = 2 };
enum { LIFE_KINDS = LOG_DIRECTIVE + 1 };
/* By kind of log. begun, said: what the open transaction has done: begun epochs, written entries. left: the files said at opening that all is as it was left. */
struct life {
    uint8_t states[LIFE_KINDS];
    bool begun[LIFE_KINDS], said, left;
};

struct store;

/* At opening: what the files and the store say. A file that cannot be read is one that is not there. */
CHECKED enum status life_open(struct store *store);
/* Keeps for good what opening has found forgotten: the next start of the system would no longer find it; and writes DIR/heads anew where it does not fit, so that a copy made from now on is
 * noticed. Where that cannot be written, it is found again. */
void life_keep(struct store *store);
/* The log in which the next own entry of the kind is written, inside the open transaction; where it begins a new epoch that continues one, *continues says so. */
CHECKED enum status life_log(struct store *store, uint8_t kind, struct log_id *out, bool *has_continues, struct ref *continues);
/* The transaction has ended: after a commit DIR/heads is renewed. That this fails, or the process ends before, costs a new epoch and nothing else. */
void life_committed(struct store *store);
void life_rolled_back(struct store *store);

/* Inside the open transaction: own entries of this log came from a peer, or evidence that it is forked. */
CHECKED enum status life_forgot(struct store *store, const struct log_id *log);
/* Inside the open transaction: both own logs, whatever is held of them (a restored store). */
CHECKED enum status life_restored(struct store *store);

/* Does the next own entry of the kind see that entry of an own log without saying so (docs/protocol.md 4.1)? */
CHECKED enum status life_sees(struct store *store, uint8_t kind, const struct log_id *log, uint64_t seq, bool *out);

#endif
