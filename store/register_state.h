/* A record's registers as bytes: packing them, and reading what was packed. Between register.c, which decides what stands, and register_state.c, which knows the
 * form. What everybody may use of it is in store/register.h. */
#ifndef STORE_REGISTER_STATE_H
#define STORE_REGISTER_STATE_H

#include "store/register.h"

/* Heads in order of field, then entry; index and count of each need not be set. */
struct register_list {
    struct register_head *items;
    size_t count;
};
/* How many of the list are of the field of the one at first. */
size_t register_group_length(const struct register_list *list, size_t first);
/* Appends the state, and says whether a field of it is contested. On error out is as it was: NO_MEMORY, TOO_LARGE. */
CHECKED enum status register_pack(const struct register_list *list, struct buffer *out, bool *contested);

#endif
