/* A roll-up as people read it: the figures, what is contested, how complete they are and who is missing, by name. Prints what the store answered; computes
 * nothing. */
#ifndef TOOLS_ROLLUP_SCREEN_H
#define TOOLS_ROLLUP_SCREEN_H

#include "tools/fields.h"

struct rollup_screen {
    const struct fields *fields;
    const json_t *result; /* of the request `rollup` */
    const json_t *units;  /* of unit.list at the roll-up's date: for names */
    bool practice;
};

void rollup_screen_print(const struct rollup_screen *screen, FILE *out);
/* How many figures the store has suppressed. */
int64_t rollup_screen_suppressed(const struct rollup_screen *screen);
/* The same figures as a CSV file: one line for each row of --by, then the whole. Cells that a spreadsheet would take for formulas are guarded. A figure that was suppressed as too small stands as
 * "<3", one that was beside it as "×". */
void rollup_screen_csv(const struct rollup_screen *screen, FILE *out);

#endif
