/* What reading and writing a put share, and whether a put fits a form (docs/protocol.md section 6). */
#include "protocol/put.h"

#include "protocol/form_field.h"

#include <stdlib.h>

void put_fini(struct put *put) {
    free(put->memory);
    *put = (struct put){0};
}

int record_key_compare(const struct record_key *a, const struct record_key *b) {
    if (a->period != b->period) {
        return a->period < b->period ? -1 : 1;
    }
    return bytes_compare(a->row, b->row);
}

size_t put_shared_bytes(struct bytes before, struct bytes row) {
    size_t least = before.len < row.len ? before.len : row.len, shared = 0;
    while (shared < least && before.data[shared] == row.data[shared]) {
        shared++;
    }
    /* A byte of the form 10xxxxxx stands within a character: the cut goes before its first byte. */
    while (shared > 0 && shared < row.len && (row.data[shared] & 0xc0) == 0x80) {
        shared--;
    }
    return shared;
}

static bool record_touched(const struct put *put, size_t record) {
    for (size_t i = 0; i < put->column_count; i++) {
        if (put->cells[i * put->record_count + record].state != CELL_UNTOUCHED) {
            return true;
        }
    }
    return false;
}

bool put_rules_hold(const struct put *put) {
    if ((put->flags & (PUT_CORRECTION | PUT_SETTLES)) != 0 && put->reason.len == 0) {
        return false;
    }
    for (size_t i = 0; i < put->record_count; i++) {
        if (!record_touched(put, i)) {
            return false;
        }
    }
    return true;
}

/* ---- periods: ordinals by the form's kind ---- */

enum { YEAR_MIN = 1900, YEAR_MAX = 2099 };

static bool year_fits(uint32_t year) {
    return year >= YEAR_MIN && year <= YEAR_MAX;
}

static bool day_fits(uint32_t ordinal) {
    static const uint8_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t year = ordinal / 10000, month = ordinal / 100 % 100, day = ordinal % 100;
    if (!year_fits(year) || month < 1 || month > 12 || day < 1) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= DAYS[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static bool period_fits(uint8_t kind, uint32_t ordinal) {
    static const uint8_t A_YEAR[] = {
        [PERIOD_MONTH] = 12, [PERIOD_QUARTER] = 4, [PERIOD_HALF] = 2, [PERIOD_NINE_MONTHS] = 1, [PERIOD_YEAR] = 1, [PERIOD_SCHOOL_YEAR] = 1};
    switch (kind) {
    case PERIOD_TERM:
        return year_fits(ordinal / 1000) && year_fits(ordinal / 1000 + ordinal % 1000);
    case PERIOD_AD_HOC:
        return day_fits(ordinal);
    default:
        return year_fits(ordinal / A_YEAR[kind]);
    }
}

/* ---- fitting a form ---- */

/* A value of a field that is no number. */
static bool value_fits(const struct form_field *field, const struct cell *cell) {
    if (cell->qualifier != QUALIFIER_NONE) {
        return false; /* about the 3rd of May, or about the second choice, says nothing that can be added up or compared */
    }
    switch (field->type) {
    case FIELD_TEXT:
        return cell->type == CELL_TEXT;
    case FIELD_YESNO:
        return cell->type == CELL_BOOL;
    case FIELD_CHOICE:
        return cell->type == CELL_INT && cell->number >= 0 && (uint64_t)cell->number < field->choice_count;
    case FIELD_DATE:
        return cell->type == CELL_INT && cell->number >= DATE_MIN && cell->number <= DATE_MAX;
    default:
        return false;
    }
}

static bool column_fits(const struct put *put, size_t column, const struct form *form) {
    if (put->ordinals[column] >= form->field_count) {
        return false;
    }
    const struct form_field *field = &form->fields[put->ordinals[column]];
    if (field->type == FIELD_COMPUTED) {
        return false;
    }
    const struct cell *cells = put->cells + column * put->record_count;
    bool number = form_field_is_number(field);
    for (size_t i = 0; i < put->record_count; i++) {
        if (cells[i].state == CELL_VALUE && (number ? cells[i].type != CELL_INT : !value_fits(field, &cells[i]))) {
            return false;
        }
    }
    return true;
}

enum status put_fits(const struct put *put, const struct form *form) {
    for (size_t i = 0; i < put->record_count; i++) {
        if ((put->keys[i].row.len > 0) != form->list || !period_fits(form->period, put->keys[i].period)) {
            return STATUS_MALFORMED;
        }
    }
    for (size_t i = 0; i < put->column_count; i++) {
        if (!column_fits(put, i, form)) {
            return STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}
