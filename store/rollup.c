#include "store/rollup.h"

#include "protocol/planted.h"

#include <assert.h>

uint8_t rollup_qualifier(uint8_t a, uint8_t b) {
    if (a == b || b == QUALIFIER_NONE)
        return a;
    return a == QUALIFIER_NONE ? b : QUALIFIER_ABOUT;
}

/* The lesser or the greater figure; of equal ones the qualifiers are joined. */
static void choose(wide *sum, uint8_t *qualifier, bool least, wide number, uint8_t other) {
    if (number == *sum) {
        *qualifier = rollup_qualifier(*qualifier, other);
    } else if ((number < *sum) == least) {
        *sum = number;
        *qualifier = other;
    }
}

/* ---- over time ---- */

/* Another figure of the period that stands: rows of a list. */
static enum status join(struct rollup_time *time, uint8_t over_units, int64_t number, uint8_t qualifier) {
    if (over_units == UNITS_MIN || over_units == UNITS_MAX) {
        choose(&time->sum, &time->qualifier, over_units == UNITS_MIN, number, qualifier);
        return STATUS_OK;
    }
    time->qualifier = rollup_qualifier(time->qualifier, qualifier);
    return __builtin_add_overflow(time->sum, (wide)number, &time->sum) ? STATUS_SUM_OVERFLOW : STATUS_OK;
}

enum status rollup_time_add(struct rollup_time *time, const struct rollup_rule *rule, uint32_t period, int64_t number, uint8_t qualifier) {
    bool first = time->periods == 0, same = !first && time->period == period;
    assert(first || period >= time->period);
    time->periods += !same;
    time->period = period;
    if (first) {
        time->sum = number;
        time->qualifier = qualifier;
        return STATUS_OK;
    }
    switch (rule->over_time) {
    case TIME_MIN:
    case TIME_MAX:
        choose(&time->sum, &time->qualifier, rule->over_time == TIME_MIN, number, qualifier);
        return STATUS_OK;
    case TIME_LAST:
    case AGGREGATE_NONE:
        if (same || PLANTED("sum-not-last"))
            return join(time, rule->over_units, number, qualifier);
        time->sum = number;
        time->qualifier = qualifier;
        return STATUS_OK;
    default: /* AGGREGATE_SUM, TIME_AVERAGE */
        return join(time, AGGREGATE_SUM, number, qualifier);
    }
}

bool rollup_time_value(const struct rollup_time *time, const struct rollup_rule *rule, uint32_t first, uint32_t last, struct rollup_value *out) {
    *out = (struct rollup_value){.under = 1};
    if (time->periods == 0 || (rule->over_time == AGGREGATE_NONE && first != last))
        return false;
    out->sum = time->sum;
    out->qualifier = time->qualifier;
    out->carried = rule->over_time == TIME_LAST && time->period != last && !PLANTED("carried-unmarked");
    if (rule->over_time == TIME_AVERAGE)
        out->under = time->periods;
    return true;
}

/* ---- over units ---- */

void rollup_units_begin(struct rollup_units *units) {
    *units = (struct rollup_units){.parts = {0, 1}, .weight = {0, 1}};
}

static enum status fraction(const struct rollup_value *value, struct rational *out) {
    const struct rational over = {value->sum, 1}, under = {value->under, 1};
    return rational_divide(out, &over, &under);
}

static enum status add_exact(struct rollup_units *units, const struct rollup_value *value) {
    if (value->under == 1)
        return __builtin_add_overflow(units->sum, value->sum, &units->sum) ? STATUS_SUM_OVERFLOW : STATUS_OK;
    struct rational part;
    enum status status = fraction(value, &part);
    return status == STATUS_OK ? rational_add(&units->parts, &units->parts, &part) : status;
}

static enum status add_weighted(struct rollup_units *units, const struct rollup_value *value, const struct rollup_value *weight) {
    struct rational figure, heavy;
    enum status status = fraction(value, &figure);
    if (status == STATUS_OK)
        status = fraction(weight, &heavy);
    if (status == STATUS_OK)
        status = rational_add(&units->weight, &units->weight, &heavy);
    if (status == STATUS_OK)
        status = rational_multiply(&figure, &figure, &heavy);
    return status == STATUS_OK ? rational_add(&units->parts, &units->parts, &figure) : status;
}

/* Least and greatest stand in parts, as fractions. */
static enum status add_chosen(struct rollup_units *units, bool least, const struct rollup_value *value) {
    struct rational figure;
    int order = least ? -1 : 1;
    enum status status = fraction(value, &figure);
    if (status == STATUS_OK && units->count > 0)
        status = rational_compare(&order, &figure, &units->parts);
    if (status != STATUS_OK)
        return status;
    if (order == 0) {
        units->qualifier = rollup_qualifier(units->qualifier, value->qualifier);
    } else if ((order < 0) == least) {
        units->parts = figure;
        units->qualifier = value->qualifier;
    }
    return STATUS_OK;
}

enum status rollup_units_add(struct rollup_units *units, const struct rollup_rule *rule, const struct rollup_value *value, const struct rollup_value *weight) {
    enum status status = STATUS_OK;
    bool joined = rule->over_units == AGGREGATE_SUM || rule->over_units == UNITS_AVERAGE;
    if (rule->over_units == AGGREGATE_NONE || (rule->weighted && weight == NULL))
        return STATUS_OK;
    if (rule->over_units == UNITS_COUNT)
        units->sum += !rule->yes || value->sum != 0;
    else if (rule->over_units == UNITS_MIN || rule->over_units == UNITS_MAX)
        status = add_chosen(units, rule->over_units == UNITS_MIN, value);
    else
        status = rule->weighted ? add_weighted(units, value, weight) : add_exact(units, value);
    if (joined)
        units->qualifier = rollup_qualifier(units->qualifier, value->qualifier);
    units->count++;
    units->carried += value->carried;
    return status;
}

/* All figures by the weights, or by the number of units. */
static enum status average(const struct rollup_units *units, bool weighted, struct formula_value *out) {
    struct rational whole = {units->sum, 1}, count = {units->count, 1};
    if (weighted && units->weight.over == 0) {
        out->state = CELL_NOT_APPLICABLE;
        return STATUS_OK;
    }
    enum status status = rational_add(&whole, &whole, &units->parts);
    return status == STATUS_OK ? rational_divide(&out->number, &whole, weighted ? &units->weight : &count) : status;
}

enum status rollup_units_value(const struct rollup_units *units, const struct rollup_rule *rule, struct formula_value *out, uint8_t *qualifier) {
    *out = (struct formula_value){.state = CELL_MISSING, .number = {0, 1}};
    *qualifier = units->qualifier;
    if (units->count == 0)
        return STATUS_OK;
    out->state = CELL_VALUE;
    out->qualified = units->qualifier != QUALIFIER_NONE;
    if (rule->over_units == UNITS_COUNT) {
        out->number.over = units->sum;
        return STATUS_OK;
    }
    struct rational scale = rational_of(1, rule->places), whole = {units->sum, 1};
    enum status status = rule->over_units == UNITS_AVERAGE ? average(units, rule->weighted, out) : rational_add(&out->number, &whole, &units->parts);
    return status == STATUS_OK ? rational_multiply(&out->number, &out->number, &scale) : status;
}
