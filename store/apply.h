/* Between the files that apply entries (apply, control, document): what apply.c offers them beside store/internal.h. Inside the open transaction. */
#ifndef STORE_APPLY_H
#define STORE_APPLY_H

#include "store/internal.h"

/* Sets the whole entry aside: its body is malformed, or its header asks for what this version does not know. */
CHECKED enum status apply_whole_aside(struct store *store, int64_t entry_id, enum status reason);
/* What was set aside stands now. Harmless where it was not. */
CHECKED enum status apply_take_back(struct store *store, int64_t entry_id, uint32_t place);
/* The same for all of an entry, before it is judged anew. */
CHECKED enum status apply_take_back_all(struct store *store, int64_t entry_id);
/* Does this version apply changes of the kind? (change_known, and in a test build one more.) */
bool apply_knows(uint64_t kind);
/* The author's unit and roles. AUTHOR_UNKNOWN: it does not stand; unit TREE_NONE for the recovery log. */
CHECKED enum status apply_author(const struct store *store, const struct log_id *log, uint32_t *unit, uint8_t *roles);

#ifdef HOI_TEST_KIND            /* 1 in a test build (-DHOI_TEST_KIND); a unit test makes it a variable, to play two versions */
enum { APPLY_TEST_KIND = 127 }; /* a document of a later version: [title: str, text: str] */
#endif

/* store/control.c: may the form stand? OK, OUTSIDE_AUTHORITY, AUTHOR_UNKNOWN. Then it is applied. Again when it waited. */
CHECKED enum status control_retry(struct store *store, const struct stored_entry *entry, const struct header *header, uint32_t place);

#endif
