/* Enrolment with a token: open tokens, and who used which (docs/protocol.md section 11). Secrets are kept as hashes only. */
#ifndef STORE_ENROL_H
#define STORE_ENROL_H

#include "store/internal.h"

/* Inside the open transaction: opens a token for a unit of the own subtree until `expires` by this PC's clock; fills its members but for the addresses.
 * OUTSIDE_AUTHORITY (not steward, or the unit is not in the own subtree), LINE_BROKEN (the own node or the unit does not stand in the own views: synchronise
 * first), BUSY (too many are open). */
CHECKED enum status enrol_invite(struct store *store, uint32_t unit, int64_t expires, struct token *out);

/* What the answer to the own enrolment named as the head of the root's log, and what of that log is here. */
enum enrol_root { ENROL_ROOT_NONE, /* nothing was named: the founder's node */ ENROL_ROOT_AWAITED, ENROL_ROOT_HELD, ENROL_ROOT_OTHER };
CHECKED enum status enrol_root(struct store *store, enum enrol_root *out);

#endif
