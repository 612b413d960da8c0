/* Making the views anew from the logs. The views are a function of the change-sets held: what was there before and what comes out are equal, unless the disk
 * has changed a row. */
#ifndef STORE_REBUILD_H
#define STORE_REBUILD_H

#include "store/internal.h"
#include "store/schema.h"

/* Inside the open transaction: drops every view and applies all entries again. After an error, or to take it back, store_rollback. */
CHECKED enum status rebuild_views(struct store *store);

#endif
