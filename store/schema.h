/* Every table of the store, and its version. Nobody else writes DDL. */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/db.h"

/* Makes the tables in an empty database, or checks the version of an existing one. STORE_NEWER, STORE_DAMAGED (not a store of ours). */
CHECKED enum status schema_ready(struct db *db);
/* Empties every view (never the logs): rebuild derives them anew. Inside a transaction. */
CHECKED enum status schema_clear_views(struct db *db);
/* The temporary table in which an import's rows wait for its commit (store/request_import.c). Outside or inside a transaction. */
CHECKED enum status schema_spool_ready(struct db *db);

#endif
