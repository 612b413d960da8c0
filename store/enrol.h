/* Enrolment: open tokens, and admissions written for them (docs/protocol.md section 11). Secrets are kept as hashes only. */
#ifndef STORE_ENROL_H
#define STORE_ENROL_H

#include "store/internal.h"

/* Inside the open transaction: opens a token for a unit of the own subtree; fills its members but for the addresses. OUTSIDE_AUTHORITY (not steward, or the unit is not in the own
 * subtree), LINE_BROKEN (the own node or the unit does not stand in the own views: synchronise first). */
CHECKED enum status enrol_invite(struct store *store, uint32_t unit, int64_t expires, struct token *out);

#endif
