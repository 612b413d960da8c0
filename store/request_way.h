/* How far entries have got on their way up, by signed receipts alone (docs/protocol.md section 8). Knows receipts and the tree, no link: what no receipt proves
 * is not known. */
#ifndef STORE_REQUEST_WAY_H
#define STORE_REQUEST_WAY_H

#include "store/request.h"

/* Into object: "way", a list of the units above the author where, by a receipt of one of their nodes, all of the entry is stored that the unit may hold; the
 * nearest first:
 *   {"unit": UNIT, "counted": true | false | null, "meant": bool}
 * counted: it was applied there and is not set aside; null: not known, for the receipt says how many entries of the log are set aside there, not which. meant
 * false: the contents are not for that unit, only the header goes there. And "stored_above", "counted_above" (by any of them), "at_root" (counted there): what
 * is known to be so. Of what the root writes all three are true: above it is nobody. */
CHECKED enum status request_way(struct store *store, const struct stored_entry *entry, json_t *object);
/* The same for all that this node has written, as numbers: [{"unit": UNIT, "stored": n, "counted": n, "set_aside": n}], the nearest first. A new reference in
 * *out. */
CHECKED enum status request_way_counts(struct store *store, json_t **out);

#endif
