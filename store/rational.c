#include "store/rational.h"

#include "protocol/planted.h"

#include <assert.h>

static unsigned_wide magnitude(wide value) {
    return value < 0 ? 0 - (unsigned_wide)value : (unsigned_wide)value;
}

static unsigned_wide common_divisor(unsigned_wide a, unsigned_wide b) {
    while (b != 0) {
        unsigned_wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static wide power_of_ten(unsigned exponent) {
    wide power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* Lowest terms; the sign stands above. */
static struct rational reduced(wide over, wide under) {
    wide divisor = (wide)common_divisor(magnitude(over), magnitude(under));
    if (divisor > 1) {
        over /= divisor;
        under /= divisor;
    }
    return (struct rational){over, under};
}

struct rational rational_of(int64_t number, unsigned places) {
    return places == 0 ? (struct rational){number, 1} : reduced(number, power_of_ten(places));
}

/* a + b or a - b. Over one denominator, the usual case, nothing is multiplied. */
static enum status sum(struct rational *out, const struct rational *a, const struct rational *b, bool subtract) {
    wide divisor = a->under == b->under ? a->under : (wide)common_divisor((unsigned_wide)a->under, (unsigned_wide)b->under);
    wide x, y, over, under;
    if (__builtin_mul_overflow(a->over, b->under / divisor, &x) || __builtin_mul_overflow(b->over, a->under / divisor, &y) ||
        __builtin_mul_overflow(a->under, b->under / divisor, &under))
        return STATUS_SUM_OVERFLOW;
    if (subtract ? __builtin_sub_overflow(x, y, &over) : __builtin_add_overflow(x, y, &over))
        return STATUS_SUM_OVERFLOW;
    *out = under == 1 ? (struct rational){over, 1} : reduced(over, under);
    return STATUS_OK;
}

enum status rational_add(struct rational *out, const struct rational *a, const struct rational *b) {
    return sum(out, a, b, false);
}

enum status rational_subtract(struct rational *out, const struct rational *a, const struct rational *b) {
    return sum(out, a, b, true);
}

enum status rational_multiply(struct rational *out, const struct rational *a, const struct rational *b) {
    struct rational left = reduced(a->over, b->under), right = reduced(b->over, a->under); /* crosswise first: the products stay small */
    wide over, under;
    if (__builtin_mul_overflow(left.over, right.over, &over) || __builtin_mul_overflow(left.under, right.under, &under))
        return STATUS_SUM_OVERFLOW;
    *out = reduced(over, under);
    return STATUS_OK;
}

enum status rational_divide(struct rational *out, const struct rational *a, const struct rational *b) {
    wide over = b->under, under = b->over;
    assert(under != 0);
    if (under < 0 && (__builtin_sub_overflow((wide)0, over, &over) || __builtin_sub_overflow((wide)0, under, &under)))
        return STATUS_SUM_OVERFLOW;
    struct rational inverse = {over, under};
    return rational_multiply(out, a, &inverse);
}

enum status rational_compare(int *out, const struct rational *a, const struct rational *b) {
    struct rational difference;
    *out = 0;
    enum status status = rational_subtract(&difference, a, b);
    if (status == STATUS_OK)
        *out = (difference.over > 0) - (difference.over < 0);
    return status;
}

enum status rational_text(char out[RATIONAL_TEXT_MAX], const struct rational *number, unsigned places) {
    char digits[RATIONAL_TEXT_MAX];
    size_t count = 0, len = 0;
    out[0] = 0;
    struct rational scaled, power = {power_of_ten(places), 1};
    enum status status = rational_multiply(&scaled, number, &power);
    if (status != STATUS_OK)
        return status;
    unsigned_wide under = (unsigned_wide)scaled.under, whole = magnitude(scaled.over) / under, rest = magnitude(scaled.over) % under;
    whole += rest >= under - rest + PLANTED("half-rounds-down"); /* half away from zero, without doubling what may not fit */
    bool negative = number->over < 0 && whole > 0;
    while (whole > 0 || count <= places) {
        digits[count++] = (char)('0' + (int)(whole % 10));
        whole /= 10;
    }
    if (negative)
        out[len++] = '-';
    while (count > 0) {
        if (count == places)
            out[len++] = '.';
        out[len++] = digits[--count];
    }
    out[len] = 0;
    return STATUS_OK;
}
