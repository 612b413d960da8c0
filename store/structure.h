/* Writing structure under this node's own signature: what every change of units and nodes shares. */
#ifndef STORE_STRUCTURE_H
#define STORE_STRUCTURE_H

#include "store/internal.h"

/* May this node write structure about the unit? OK, UNIT_OUTSIDE, OUTSIDE_AUTHORITY (no steward), LINE_BROKEN (it does not stand in its own views yet). */
CHECKED enum status structure_allowed(const struct store *store, uint32_t unit);
/* The units above a unit, nearest first, the root last; with_self: the unit itself before them (the line of what is made under it). */
void structure_line(const struct tree *tree, uint32_t unit, bool with_self, struct line *out);
/* Appends a control change-set to the own directive log, inside the open transaction; does not apply it. It has seen the heads of the directive logs that wrote about the units
 * (those named by the changes: a parent, the unit of an admission) or a unit above one. Changes as for body_encode. TOO_LARGE: the body does not fit. */
struct structure_draft {
    const uint8_t *nonce; /* 16 bytes */
    const uint32_t *units;
    size_t unit_count;
    const struct change *changes;
    size_t change_count;
};
CHECKED enum status structure_append(struct store *store, const struct structure_draft *draft, struct stored *out);

#endif
