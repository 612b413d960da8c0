/* Which figures of a roll-up a file that leaves the program does not show (docs/forms.md 8): counts of people so small that they may say who they are, and as many others beside them as it takes so that
 * nobody works the small ones out again from the totals. Computes; knows no request. */
#ifndef STORE_ROLLUP_SUPPRESS_H
#define STORE_ROLLUP_SUPPRESS_H

#include "store/rollup_query.h"

/* SMALL: from 1 to below - 1. HIDDEN: for the sake of a small one. */
enum suppress_mark { SUPPRESS_SHOWN = 0, SUPPRESS_SMALL, SUPPRESS_HIDDEN };

/* One column: figures that somebody adds up, or (additive false) that have nothing to do with their total. given false: there is none. small: it is one that has to be suppressed. */
struct suppress_cell {
    bool given, small;
    int64_t number;
    enum suppress_mark mark; /* out */
};
/* Marks rows and total. Of an additive column so many are hidden, from the first on and at last the total, that by all that is shown, and by what the marks say, every number from 1 to below - 1 is
 * possible for each small row. (Of several that are hidden, who knows this rule may conclude that fewer would not have been enough: docs/forms.md 8.) */
void suppress_column(struct suppress_cell *rows, size_t count, struct suppress_cell *total, bool additive, int64_t below);

/* One mark for each field of each group: the total's by ordinal, then those of the rows, row by row. NULL in *out where the form asks for none. To be freed by the caller. NO_MEMORY. */
CHECKED enum status rollup_suppress(const struct rollup_query *query, const struct rollup_result *result, uint8_t **out);

#endif
