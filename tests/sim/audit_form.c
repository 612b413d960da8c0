/* The auditor's forms: which versions stand (docs/protocol.md 5.4, 12), which of a form is the newest (docs/forms.md 2), what a put must fit (section 6), and
 * when a period ends. */
#include "tests/sim/audit_parts.h"

#include <stdlib.h>

/* ---- verdicts ---- */

static const struct form_field *field_of(const struct form *form, struct bytes name) {
    for (size_t i = 0; i < form->field_count; i++) {
        if (bytes_equal(form->fields[i].name, name)) {
            return &form->fields[i];
        }
    }
    return NULL;
}

static bool has_choice(const struct form_field *field, struct bytes code) {
    for (size_t i = 0; i < field->choice_count; i++) {
        if (bytes_equal(field->choices[i].code, code)) {
            return true;
        }
    }
    return false;
}

/* Does what stood keep its meaning? */
static bool follows(const struct form *form, const struct form *before) {
    if (!ID_EQUAL(&form->issuer, &before->issuer) || !bytes_equal(form->name, before->name) || form->period != before->period ||
        form->window != before->window || form->list != before->list || form->reach > before->reach) {
        return false;
    }
    for (size_t i = 0; i < before->field_count; i++) {
        const struct form_field *old = &before->fields[i], *field = field_of(form, old->name);
        if (field == NULL || field->type != old->type || !bytes_equal(field->measure, old->measure) ||
            (old->type != FIELD_COMPUTED && field->places != old->places)) {
            return false;
        }
        for (size_t c = 0; c < old->choice_count; c++) {
            if (!has_choice(field, old->choices[c].code)) {
                return false;
            }
        }
    }
    return true;
}

static enum status judge(const struct audit *audit, const struct audit_change *change) {
    int author = change->item->author;
    if (change->decoded == STATUS_CRITICAL_EXTENSION) {
        return STATUS_CRITICAL_EXTENSION;
    }
    if (!audit_author_stands(audit, author)) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    if (author == RECOVERY || !audit_author_may(audit, author, ROLE_STEWARD) ||
        audit_unit_index(audit, &change->form.issuer) != audit_author_unit(audit, author)) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    if (change->form.has_previous) {
        const struct audit_form *before = audit_form_of(audit, &change->form.previous);
        if (before == NULL) {
            return STATUS_FORM_UNKNOWN;
        }
        return follows(&change->form, &before->change->form) ? STATUS_OK : STATUS_FORM_CHANGED;
    }
    return STATUS_OK;
}

static void stand(struct audit *audit, struct audit_change *change) {
    size_t at = 0;
    while (at < audit->form_count && ID_COMPARE(&audit->forms[at].version, &change->version) < 0) {
        at++;
    }
    if (at < audit->form_count && ID_EQUAL(&audit->forms[at].version, &change->version)) {
        struct audit_change **held = &audit->forms[at].change;
        int order = audit_compare_authors(audit, change->item->author, (*held)->item->author);
        *held = order < 0 ? change : *held;
        return;
    }
    audit->forms = AUDIT_ROOM(audit->forms, audit->form_count);
    memmove(audit->forms + at + 1, audit->forms + at, (audit->form_count - at) * sizeof *audit->forms);
    audit->form_count++;
    audit->forms[at] = (struct audit_form){.version = change->version, .change = change};
    keys_form_id(audit->forms[at].id, &audit->founding->association, &change->form.issuer, change->form.name);
}

static void judge_change(struct audit *audit, struct audit_change *change) {
    if (change->kind == CHANGE_FORM) {
        change->aside = judge(audit, change);
        if (change->aside == STATUS_OK) {
            stand(audit, change);
        }
    }
}

/* ---- the newest ---- */

static bool is_followed(const struct audit *audit, const struct audit_form *form) {
    for (size_t i = 0; i < audit->form_count; i++) {
        const struct form *other = &audit->forms[i].change->form;
        if (other->has_previous && ID_EQUAL(&other->previous, &form->version)) {
            return true;
        }
    }
    return false;
}

/* Of those of a form that no other follows the most senior author's, then the lower hash (they ascend by it). */
static void choose_newest(struct audit *audit) {
    for (size_t i = 0; i < audit->form_count; i++) {
        struct audit_form *form = &audit->forms[i];
        bool newest = !is_followed(audit, form);
        for (size_t k = 0; k < audit->form_count && newest; k++) {
            const struct audit_form *other = &audit->forms[k];
            if (k != i && memcmp(other->id, form->id, sizeof form->id) == 0 && !is_followed(audit, other)) {
                int order = audit_compare_authors(audit, other->change->item->author, form->change->item->author);
                newest = order > 0 || (order == 0 && i < k);
            }
        }
        form->newest = newest;
    }
}

/* A version may stand in a log that is read before that of the version it follows: judged until nothing more comes to stand. */
void audit_conclude_forms(struct audit *audit) {
    size_t before;
    do {
        before = audit->form_count;
        audit_each_change(audit, judge_change);
    } while (audit->form_count > before);
    choose_newest(audit);
}

const struct audit_form *audit_form_of(const struct audit *audit, const struct hash *version) {
    for (size_t i = 0; i < audit->form_count; i++) {
        if (ID_EQUAL(&audit->forms[i].version, version)) {
            return &audit->forms[i];
        }
    }
    return NULL;
}

bool audit_newest_form(const struct audit *audit, const uint8_t form[16], struct hash *version) {
    for (size_t i = 0; i < audit->form_count; i++) {
        if (audit->forms[i].newest && memcmp(audit->forms[i].id, form, 16) == 0) {
            *version = audit->forms[i].version;
            return true;
        }
    }
    return false;
}

/* ---- periods ---- */

static bool is_leap(uint64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_of_month(uint64_t year, uint64_t month) {
    return month == 2 ? (is_leap(year) ? 29 : 28) : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Days since 1970-01-01, counted year by year and month by month. */
static int32_t day_number(uint64_t year, uint64_t month, uint64_t day) {
    int32_t days = (int32_t)day - 1;
    for (uint64_t y = 1970; y < year; y++) {
        days += is_leap(y) ? 366 : 365;
    }
    for (uint64_t y = year; y < 1970; y++) {
        days -= is_leap(y) ? 366 : 365;
    }
    for (uint64_t m = 1; m < month; m++) {
        days += (int32_t)days_of_month(year, m);
    }
    return days;
}

/* The last year and month of a period, but for an ad hoc one. */
static void last_month(uint8_t kind, uint64_t period, uint64_t *year, uint64_t *month) {
    switch (kind) {
    case PERIOD_MONTH:
        *year = period / 12;
        *month = period % 12 + 1;
        break;
    case PERIOD_QUARTER:
        *year = period / 4;
        *month = (period % 4 + 1) * 3;
        break;
    case PERIOD_HALF:
        *year = period / 2;
        *month = (period % 2 + 1) * 6;
        break;
    case PERIOD_TERM:
        *year = period / 1000 + period % 1000;
        *month = 12;
        break;
    case PERIOD_SCHOOL_YEAR:
        *year = period + 1;
        *month = 8;
        break;
    default:
        *year = period;
        *month = kind == PERIOD_NINE_MONTHS ? 9 : 12;
        break;
    }
}

int32_t audit_last_day(const struct form *form, uint64_t period) {
    uint64_t year, month;
    if (form->period == PERIOD_AD_HOC) {
        return day_number(period / 10000, period / 100 % 100, period % 100);
    }
    last_month(form->period, period, &year, &month);
    bool official = form->window == WINDOW_OFFICIAL && form->period != PERIOD_TERM && form->period != PERIOD_SCHOOL_YEAR;
    return day_number(year, month, official ? 14 : days_of_month(year, month));
}

static bool period_fits(uint8_t kind, uint64_t period) {
    if (kind == PERIOD_AD_HOC) {
        uint64_t year = period / 10000, month = period / 100 % 100, day = period % 100;
        return year >= 1900 && year <= 2099 && month >= 1 && month <= 12 && day >= 1 && day <= days_of_month(year, month);
    }
    if (kind == PERIOD_TERM) {
        return period / 1000 >= 1900 && period / 1000 + period % 1000 <= 2099;
    }
    uint64_t a_year = kind == PERIOD_MONTH ? 12 : kind == PERIOD_QUARTER ? 4 : kind == PERIOD_HALF ? 2 : 1;
    return period / a_year >= 1900 && period / a_year <= 2099;
}

/* ---- what a put must fit ---- */

static bool cell_fits(const struct cell *cell, const struct form_field *field) {
    bool is_number = field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL || field->type == FIELD_MONEY;
    if (field->type == FIELD_COMPUTED) {
        return false;
    }
    if (cell->state != CELL_VALUE) {
        return true;
    }
    if (cell->qualifier != QUALIFIER_NONE && !is_number) {
        return false;
    }
    switch (field->type) {
    case FIELD_TEXT:
        return cell->type == CELL_TEXT;
    case FIELD_YESNO:
        return cell->type == CELL_BOOL;
    case FIELD_CHOICE:
        return cell->type == CELL_INT && cell->number >= 0 && cell->number < (int64_t)field->choice_count;
    case FIELD_DATE:
        return cell->type == CELL_INT && cell->number >= DATE_MIN && cell->number <= DATE_MAX;
    default:
        return cell->type == CELL_INT;
    }
}

bool audit_put_fits(const struct put *put, const struct form *form) {
    for (size_t r = 0; r < put->record_count; r++) {
        if (!period_fits(form->period, put->keys[r].period) || (put->keys[r].row.len > 0) != form->list) {
            return false;
        }
    }
    for (size_t c = 0; c < put->column_count; c++) {
        if (put->ordinals[c] >= form->field_count) {
            return false;
        }
        for (size_t r = 0; r < put->record_count; r++) {
            if (!cell_fits(&put->cells[c * put->record_count + r], &form->fields[put->ordinals[c]])) {
                return false;
            }
        }
    }
    return true;
}
