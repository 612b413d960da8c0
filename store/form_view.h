/* Form versions as held here, decoded once: looked up by version, by id, by what people write. */
#ifndef STORE_FORM_VIEW_H
#define STORE_FORM_VIEW_H

#include "store/internal.h"

/* One version. numbers[ordinal] is the field's number in the family: the same for one name in all versions. */
struct form_version_view {
    struct form form;
    struct hash version;
    struct buffer payload;
    int64_t entry;
    uint32_t place;
    uint16_t *numbers;
    struct node_id author;
    bool followed; /* another version names it as the one before */
};
/* All versions of one form id. fields: names by number, borrowed from the versions. newest: the version that nothing follows; of rivals the one of the senior
 * author, then the lower hash. */
struct form_family {
    uint8_t form_id[16];
    struct unit_id issuer;
    size_t version_count, field_count;
    struct form_version_view **versions;
    struct bytes *fields;
    const struct form_version_view *newest;
    bool stale; /* newest is to be chosen anew */
};

/* Of one form a node keeps so many versions, and REGISTER_FIELDS_MAX field names over all of them. No office needs a part of it; whoever writes more finds the
 * rest set aside (of rivals whichever came last), and nobody else is held up. */
enum { FORM_VIEW_VERSIONS_MAX = 256 };

/* Pointers live until a form version is written or a transaction is rolled back. Each: NOT_FOUND, STORE_DAMAGED, NO_MEMORY. */
CHECKED enum status form_view_version(struct store *store, const struct hash *version, const struct form_family **family, const struct form_version_view **out);
CHECKED enum status form_view_family(struct store *store, const uint8_t form_id[16], const struct form_family **out);
/* Is there room for the version within these bounds (or does it stand already)? TOO_LARGE. */
CHECKED enum status form_view_room(struct store *store, const uint8_t form_id[16], const struct hash *version, const struct form *form);
/* All families, by name, then issuer's id. */
CHECKED enum status form_view_all(struct store *store, const struct form_family *const **out, size_t *count);
/* NAME or NAME@CODE (the issuer's code today, or its id). entering: only forms in force for the unit (its own or of a unit above); else any held here where
 * none of that name is in force. FORM_UNKNOWN, FORM_AMBIGUOUS. */
CHECKED enum status form_view_find(struct store *store, struct bytes text, uint32_t unit, bool entering, const struct form_family **out);
/* The field's place in the version; -1 where there is none of that name. */
int form_view_field(const struct form *form, struct bytes name);
/* Does the form name the level that the unit has at the date (or, naming none, expect every unit without children)? */
bool form_view_expects(const struct store *store, const struct form *form, uint32_t unit, int32_t date);

#endif
