/* Formulas of computed fields: + - * / and parentheses over field names and decimal constants, evaluated exactly after adding up. Pure. */
#ifndef STORE_FORMULA_H
#define STORE_FORMULA_H

#include "protocol/put.h"
#include "store/rational.h"

/* What a name or a whole formula comes to. state: CELL_VALUE, CELL_MISSING or CELL_NOT_APPLICABLE; qualified: some part was no exact figure. */
struct formula_value {
    uint8_t state;
    bool qualified;
    struct rational number;
};
/* The value of a field; false: there is no such field. */
typedef bool (*formula_lookup_fn)(void *ctx, struct bytes name, struct formula_value *out);

/* A part that is missing makes the whole missing, one that is not applicable (a division by zero among them) makes it not applicable.
 * VALUE_INVALID: not a formula; FIELD_UNKNOWN: a name that is no field; *at is then the byte where. SUM_OVERFLOW. */
CHECKED enum status formula_evaluate(struct formula_value *out, struct bytes formula, formula_lookup_fn lookup, void *ctx, size_t *at);

#endif
