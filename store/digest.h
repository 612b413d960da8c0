/* The digest of the views that two offices may share (docs/protocol.md section 12): two nodes that hold that much and agree get the same. Changes nothing. */
#ifndef STORE_DIGEST_H
#define STORE_DIGEST_H

#include "store/internal.h"

/* unit, with: handles of the tree. Pending work must have been applied (store_open and every persist do). NO_MEMORY, STORE_DAMAGED, DISK_ERROR; *out zeroed
 * then. */
CHECKED enum status digest_of(struct store *store, uint32_t unit, uint32_t with, struct hash *out);

#endif
