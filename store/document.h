/* Documents held here, newest first, and how many of them are for this unit. */
#ifndef STORE_DOCUMENT_H
#define STORE_DOCUMENT_H

#include "store/internal.h"

struct document_item {
    struct ref ref;
    struct unit_id from;
    int64_t time;
    bool addressed;                  /* its audience names the own unit, and another unit sent it */
    const struct document *document; /* borrowed for the call; a kind of a test build has only title and text */
};
/* fn returns false to stop. STORE_DAMAGED and the like. */
CHECKED enum status document_each(struct store *store, bool (*fn)(void *arg, const struct document_item *item), void *arg);
/* How many are addressed to this unit, by headers alone. */
CHECKED enum status document_count(struct store *store, int64_t *out);

#endif
