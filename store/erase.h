/* Erasures: a body that a standing erasure names is nobody's. It goes from the log and from what was begun of it, out of the views too: registers fall back as if it had
 * been withheld, and what it wrote stays seen. What comes later is dropped on sight (store/persist.c). Inside the open transaction. */
#ifndef STORE_ERASE_H
#define STORE_ERASE_H

#include "store/internal.h"

/* Carries out what the tree says is erased and is not yet: when the tree has changed. What goes is no longer in any file once the transaction is committed (store_commit). */
CHECKED enum status erase_review(struct store *store);

/* Each entry that a standing erasure names, the erasure that came last first; an entry that two of them name comes twice. first: it is the first one of its erasure. reason: an entry
 * of class document that says why, NULL where none was named. fn returns false to stop; it may read entries. */
struct erased_item {
    const struct ref *entry, *reason;
    struct ref by;
    int64_t time;
    bool first;
};
typedef bool erase_each_fn(void *arg, const struct erased_item *item);
CHECKED enum status erase_each(struct store *store, erase_each_fn *fn, void *arg);

#endif
