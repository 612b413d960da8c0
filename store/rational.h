/* Exact fractions in 128 bits, for sums, averages and computed fields: no rounding before the end, and an overflow is an error, never a wrong number. Pure. */
#ifndef STORE_RATIONAL_H
#define STORE_RATIONAL_H

#include "protocol/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

/* over / under in lowest terms, under at least 1. */
struct rational {
    wide over, under;
};

struct rational rational_of(int64_t number, unsigned places); /* number / 10^places */
/* Each: SUM_OVERFLOW where 128 bits do not hold the exact result; *out is then not changed. */
CHECKED enum status rational_add(struct rational *out, const struct rational *a, const struct rational *b);
CHECKED enum status rational_subtract(struct rational *out, const struct rational *a, const struct rational *b);
CHECKED enum status rational_multiply(struct rational *out, const struct rational *a, const struct rational *b);
/* b not zero (asserted). */
CHECKED enum status rational_divide(struct rational *out, const struct rational *a, const struct rational *b);
/* Negative, zero, positive. */
CHECKED enum status rational_compare(int *out, const struct rational *a, const struct rational *b);
/* Plain decimal text with so many places, rounded once, half away from zero ("-12.50"; never "-0"). SUM_OVERFLOW. */
enum { RATIONAL_TEXT_MAX = 56 };
CHECKED enum status rational_text(char out[RATIONAL_TEXT_MAX], const struct rational *number, unsigned places);

#endif
