/* Erasures: a body that a standing erasure names is nobody's. It goes from the log and from what was begun of it, out of the views too: registers fall back as if it had
 * been withheld, and what it wrote stays seen. What comes later is dropped on sight (store/persist.c). Inside the open transaction. */
#ifndef STORE_ERASE_H
#define STORE_ERASE_H

#include "store/internal.h"

/* Carries out what the tree says is erased and is not yet: when the tree has changed. */
CHECKED enum status erase_review(struct store *store);

#endif
