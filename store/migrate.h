/* Brings a store of an older version of the program to the present one: all of it, in one transaction, with a copy beside it before; or it stays as it was.
 *
 *   1. The store opens under its lock, its pages are checked where its last end was unclean (store_open).
 *   2. Is there room for the copy and for the change? Else DISK_FULL, nothing is touched.
 *   3. A copy beside it (VACUUM INTO): DIR/store.db.v1 for version 1, whole and durable before anything is changed.
 *   4. One transaction: the steps from its version upwards, which carry the logs over; all views are dropped and made anew, empty (schema_renew); store_open
 *      applies every entry into them and commits. Whatever ends it earlier leaves the older store whole, and the next try begins anew.
 *   5. The copy goes at the first opening of the store, in this version, after an end that was clean.
 *
 * Logs are bytes under signatures: a step never changes those, only the tables around them. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/internal.h"

/* From one version to the next. Either may be NULL: only views have changed. script goes first. */
struct migration { int64_t from; const char *script; enum status (*run)(struct db *db); };

/* 2 to 4 up to the empty views, for the version that schema_ready gave: on OK the transaction is open, and the caller's. DISK_FULL, DISK_ERROR, NO_MEMORY;
 * STORE_DAMAGED: a version that no program ever wrote, or not what that version writes. On failure nothing is changed. */
CHECKED enum status migrate_begin(struct store *store, int64_t version);
/* The transaction was rolled back: the copy is of no use. */
void migrate_undone(struct store *store, int64_t version);
/* The same for a database in which no node lives (an init or join that was broken off, by an older program): no copy, and committed. */
CHECKED enum status migrate_empty(struct store *store, int64_t version);
/* Copies of older versions go; harmless where there are none. */
void migrate_forget(struct store *store);

#endif
