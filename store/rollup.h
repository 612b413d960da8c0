/* The arithmetic of roll-ups: first over time inside a unit, then over units. Exact: scaled integers in 128 bits, fractions where averages make them, one
 * rounding at the end by whoever prints. Pure: knows no record, no tree. Missing is not zero: what nobody gave is no value.
 *
 * Qualifiers: a sum of exact figures and figures "over" is "over"; parts qualified differently make "about". A minimum or maximum keeps the qualifier of the
 * figure chosen. */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include "protocol/put.h"
#include "store/formula.h"

/* How one field adds up. yes: a yes/no field, of which UNITS_COUNT counts the yes. weighted: UNITS_AVERAGE by another field. */
struct rollup_rule {
    uint8_t over_time, over_units, places;
    bool yes, weighted;
};

/* One unit's field over a range of periods. Begin zeroed; periods must come ascending; several figures of one period (rows of a list) are joined as over_units
 * says. */
struct rollup_time {
    wide sum;           /* SUM, AVERAGE: so far; else the figure chosen */
    uint32_t periods;   /* that gave a figure; 0: none */
    uint32_t period;    /* the last that did */
    uint16_t contested; /* figures that were contested, also where none came of it */
    uint8_t qualifier;
};
CHECKED enum status rollup_time_add(struct rollup_time *time, const struct rollup_rule *rule, uint32_t period, int64_t number, uint8_t qualifier);

/* What a unit gives to those above: sum / under, scaled by 10^places. carried: of an earlier period than the last of the range. */
struct rollup_value {
    wide sum;
    uint32_t under;
    uint8_t qualifier;
    bool carried;
};
/* False: no value. first, last: the range; a rule without over_time gives a value only where they are the same. */
bool rollup_time_value(const struct rollup_time *time, const struct rollup_rule *rule, uint32_t first, uint32_t last, struct rollup_value *out);

/* A field over units. Begin with rollup_units_begin. */
struct rollup_units {
    wide sum;              /* whole scaled figures */
    struct rational parts; /* fractions, weighted figures */
    struct rational weight;
    uint32_t count, contested, carried;
    uint8_t qualifier;
};
void rollup_units_begin(struct rollup_units *units);
/* weight: the same unit's, where the rule is weighted; NULL: it has none, and is left out. SUM_OVERFLOW. */
CHECKED enum status rollup_units_add(struct rollup_units *units, const struct rollup_rule *rule, const struct rollup_value *value,
                                     const struct rollup_value *weight);
/* state CELL_MISSING where no unit gave a value, CELL_NOT_APPLICABLE for an average over weights of zero. number is not scaled any more. *qualifier beside it.
 */
CHECKED enum status rollup_units_value(const struct rollup_units *units, const struct rollup_rule *rule, struct formula_value *out, uint8_t *qualifier);

uint8_t rollup_qualifier(uint8_t a, uint8_t b); /* of a sum of two figures */

#endif
