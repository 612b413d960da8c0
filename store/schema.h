/* Every table of the store, and its version. Nobody else writes DDL but the steps from older versions (store/migrate.c). */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/db.h"

/* Of the tables and of what stands in them. Raised with every change that another version of the program would take for damage or would damage: with a step in
 * store/migrate.c from the version before, which may be empty where only views changed (a migration makes all of them anew). */
enum { SCHEMA_VERSION = 3 };

/* Makes the tables in an empty database, or looks at an existing one: *version is what it was made by, SCHEMA_VERSION or (store/migrate.h) older. STORE_NEWER,
 * STORE_DAMAGED (not a store of ours). */
CHECKED enum status schema_ready(struct db *db, int64_t *version);
/* The last step of every migration, inside its transaction: drops each table that is no log (whatever the older version had for views), makes this version's
 * views, empty and with nothing applied, and says that the database is of this version. STORE_DAMAGED: a table of a name that no version ever had. */
CHECKED enum status schema_renew(struct db *db);
/* Empties every view (never the logs): rebuild derives them anew. Inside a transaction. */
CHECKED enum status schema_clear_views(struct db *db);
/* The temporary table in which an import's rows wait for its commit (store/request_import.c). Outside or inside a transaction. */
CHECKED enum status schema_spool_ready(struct db *db);

#endif
