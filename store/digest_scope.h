/* Which units a digest speaks of, and which unit a change concerns. */
#ifndef STORE_DIGEST_SCOPE_H
#define STORE_DIGEST_SCOPE_H

#include "store/internal.h"

/* The lower of two units with all below and all above it, ascending by id. */
struct digest_scope {
    uint32_t unit, with, lower;
    size_t count;
    uint32_t *units;
    bool *has; /* by handle */
    size_t has_count;
};
/* UNIT_OUTSIDE: neither stands above the other. NO_MEMORY. *out needs digest_scope_fini also after an error. */
CHECKED enum status digest_scope_init(struct digest_scope *out, const struct tree *tree, uint32_t unit, uint32_t with);
void digest_scope_fini(struct digest_scope *scope);
bool digest_scope_has(const struct digest_scope *scope, uint32_t unit);
/* A change that is set aside; place 0 and MALFORMED or, of the header's extension, CRITICAL_EXTENSION: the whole body. */
struct digest_aside {
    int64_t entry;
    uint32_t place;
    enum status reason;
};
/* Does it concern a unit in the scope? Of a whole body of control changes, and of a change of an unknown kind, the author's unit is taken. header: room for the
 * entry's. */
CHECKED enum status digest_scope_concerns(struct store *store, const struct digest_scope *scope, const struct digest_aside *aside, struct header *header, bool *out);

#endif
