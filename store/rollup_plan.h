/* Which units belong to a roll-up and to which row of it. Kept from one roll-up to the next: to walk a country's tree takes longer than to add up its figures,
 * and it changes seldom. Knows no record. */
#ifndef STORE_ROLLUP_PLAN_H
#define STORE_ROLLUP_PLAN_H

#include "store/rollup_query.h"

enum { ROLLUP_NOWHERE = -1 };

struct rollup_member {
    uint32_t unit;
    int32_t row;           /* the row it is part of; ROLLUP_NOWHERE: of none */
    bool expected, at_end; /* stands in the tree at the range's end: only then its last value is one */
};
struct rollup_row {
    uint32_t unit;
    bool own; /* the unit's own record beside its children's */
};
struct rollup_plan {
    size_t member_count;
    struct rollup_member *members; /* in tree order */
    size_t row_count;
    struct rollup_row *rows;
    size_t number_count;
    int32_t *by_number; /* by unit_key number: index of the member, ROLLUP_NOWHERE */
};

/* as_of: the tree of that day; ends: the range's last day. *out lives until the next call, or until the tree changes. NO_MEMORY, STORE_DAMAGED, DISK_ERROR. */
CHECKED enum status rollup_plan_get(struct store *store, const struct rollup_query *query, int32_t as_of, int32_t ends, const struct rollup_plan **out);

#endif
