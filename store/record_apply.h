/* Puts into records. record_apply itself is declared in store/internal.h; here is what undoes it. Inside the open transaction. */
#ifndef STORE_RECORD_APPLY_H
#define STORE_RECORD_APPLY_H

#include "store/internal.h"

/* The entry stands no longer (its author was cut, its place came to wait): its cells go, and the nearest standing writes before it return. Harmless for one not
 * applied. */
CHECKED enum status record_apply_withdraw(struct store *store, int64_t entry_id);
/* A unit's level has changed: its puts are judged anew by the rule of levels; some may come to stand, some may be set aside. */
CHECKED enum status record_apply_rejudge(struct store *store, uint32_t unit);

#endif
