/* A roll-up over the records held here: which units of the tree belong to it, what they reported, what it adds up to and what is missing. Arithmetic:
 * store/rollup.h. */
#ifndef STORE_ROLLUP_QUERY_H
#define STORE_ROLLUP_QUERY_H

#include "store/form_view.h"
#include "store/period.h"
#include "store/rollup.h"

enum rollup_query_by { ROLLUP_TOTAL = 0, ROLLUP_BY_UNIT, ROLLUP_BY_PERIOD, ROLLUP_BY_LEVEL };
struct rollup_query {
    const struct form_family *family;
    uint32_t unit;          /* the subtree */
    struct period from, to; /* of any kind: the form's periods that lie within */
    int32_t as_of;          /* the tree of that day; INT32_MIN: the last day of the range, by the form's window */
    enum rollup_query_by by;
    unsigned level; /* ROLLUP_BY_LEVEL */
};

/* A total, or a row of it. own: the unit's own record beside its children's. */
struct rollup_group {
    uint32_t unit, period;
    bool own;
    struct rollup_units *fields; /* one a field of the newest version, by ordinal */
    uint32_t expected, reported, contested;
    size_t missing_count;
    uint32_t *missing; /* expected units without a counted value, in tree order */
};
struct rollup_result {
    int32_t as_of;
    uint32_t first, last;      /* ordinals of the form's kind */
    struct rollup_rule *rules; /* by ordinal */
    struct rollup_group total;
    size_t row_count;
    struct rollup_group *rows;
    uint32_t failed_unit; /* SUM_OVERFLOW, STORE_DAMAGED: where */
};
/* out needs rollup_query_fini also after an error. PERIOD_WRONG_KIND, PERIOD_INVALID, SUM_OVERFLOW, STORE_DAMAGED (a record that is not what was written),
 * NO_MEMORY. */
CHECKED enum status rollup_query_run(struct store *store, const struct rollup_query *query, struct rollup_result *out);
void rollup_query_fini(struct rollup_result *result);
/* The range as people read it: "2025-06", "2025-Q2", "2025-04..2025-06". */
enum { ROLLUP_PERIOD_TEXT_MAX = 2 * PERIOD_TEXT_MAX + 2 };
void rollup_query_period(char out[ROLLUP_PERIOD_TEXT_MAX], const struct rollup_query *query);

#endif
