/* Writing the changes of trust (docs/protocol.md 5.8, 5.9) under this node's own signature: revocations, fork decisions, pins, admissions by which a key follows another. What may be written
 * is asked before, so that nothing is signed that would be set aside. */
#ifndef STORE_TRUST_WRITE_H
#define STORE_TRUST_WRITE_H

#include "store/internal.h"

/* May this node revoke, pin or decide about that one (a handle)? OK; REQUEST_ONLY: it is senior; UNIT_OUTSIDE, OUTSIDE_AUTHORITY, LINE_BROKEN. */
CHECKED enum status trust_allowed(const struct store *store, uint32_t node);
/* Where each log of the node ends by what is applied here, ascending: those that no other held log continues first, should there be more than max. from: entries with which a log is
 * to end before (count of them). */
struct trust_heads { const struct node_id *node; size_t from_count; const struct ref *from; };
CHECKED enum status trust_heads(struct store *store, const struct trust_heads *asked, struct refs *out);

/* All inside the open transaction; none of them applies what it writes. A reason is written before, as an entry of class document for the unit (a handle), with who
 * gave it: control bodies name no person. person: its payload; empty: nobody is named. */
struct trust_said { struct bytes reason, person; };
CHECKED enum status trust_reason(struct store *store, uint32_t unit, const struct trust_said *said, struct ref *out);
CHECKED enum status trust_revoke(struct store *store, uint32_t node, const struct refs *upto, const struct ref *reason, struct stored *out);
CHECKED enum status trust_decide(struct store *store, uint32_t node, const struct fork_decision *decision, struct stored *out);
CHECKED enum status trust_admit_successor(struct store *store, const struct node_keys *keys, struct admission *out, struct stored *stored);
/* Once a month, in a transaction of its own: trust_pin, where this node has anybody to pin. The first month begins with the first call. Cheap where nothing is due. */
CHECKED enum status trust_pin_monthly(struct store *store);
/* Pins the heads of the logs of the nodes directly below that have grown since they were last pinned here. count: how many. */
CHECKED enum status trust_pin(struct store *store, size_t *count);

#endif
