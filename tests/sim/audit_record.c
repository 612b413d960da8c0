/* The auditor's verdicts on entries of records and documents (docs/protocol.md section 12), and the cells that puts which stand have written: their heads,
 * whether they are contested, and what counts meanwhile (docs/forms.md 6). */
#include "tests/sim/audit_parts.h"

#include <stdlib.h>

/* ---- verdicts ---- */

static int standing_unit(const struct audit *audit, const struct unit_id *id) {
    int unit = audit_unit_index(audit, id);
    return unit != NOBODY && audit->units[unit].stands ? unit : NOBODY;
}

/* May somebody of this unit write about it in such a log? */
static bool within_authority(const struct audit *audit, const struct audit_item *item, int author_unit, const struct term *term) {
    int unit = standing_unit(audit, &term->unit);
    if (item->cls == CLASS_RECORD) {
        return item->log.kind == LOG_REPORT ? unit == author_unit : audit_is_under(audit, unit, author_unit);
    }
    return audit_is_under(audit, unit, author_unit) || (term->scope == SCOPE_UNIT && audit_is_under(audit, author_unit, unit));
}

static enum status judge_whole(const struct audit *audit, const struct audit_item *item) {
    if (item->critical) {
        return STATUS_CRITICAL_EXTENSION;
    }
    if (!audit_author_stands(audit, item->author)) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    if (!audit_author_may(audit, item->author, ROLE_WRITER)) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    bool lawful = false, stands = false; /* a record has one term; of a document's one is enough */
    for (size_t i = 0; i < item->audience_count; i++) {
        bool it_stands = standing_unit(audit, &item->audience[i].unit) != NOBODY;
        stands |= it_stands;
        lawful |= it_stands && within_authority(audit, item, audit_author_unit(audit, item->author), &item->audience[i]);
    }
    if (!lawful) {
        return stands && item->cls == CLASS_RECORD ? STATUS_OUTSIDE_AUTHORITY : STATUS_UNIT_UNKNOWN;
    }
    return item->malformed ? STATUS_MALFORMED : STATUS_OK;
}

static bool level_named(const struct form *form, int level) {
    for (size_t i = 0; i < form->level_count; i++) {
        if (form->levels[i] == level) {
            return true;
        }
    }
    return form->level_count == 0;
}

static enum status judge_put(const struct audit *audit, const struct audit_change *change) {
    const struct audit_form *version = audit_form_of(audit, &change->put.form_version);
    if (version == NULL) {
        return STATUS_FORM_UNKNOWN;
    }
    const struct form *form = &version->change->form;
    int unit = standing_unit(audit, &change->item->audience[0].unit);
    if (!audit_is_under(audit, unit, audit_unit_index(audit, &form->issuer))) { /* not in force for the unit, whose offices may not know it */
        return STATUS_FORM_UNKNOWN;
    }
    if (!audit_put_fits(&change->put, form)) {
        return STATUS_MALFORMED;
    }
    for (size_t r = 0; r < change->put.record_count; r++) {
        int32_t day = audit_last_day(form, change->put.keys[r].period);
        if (!level_named(form, audit_is_there(audit, unit, day) ? audit_level(audit, unit, day) : -1)) { /* one that is not there yet has none */
            return STATUS_UNIT_NOT_REPORTING;
        }
    }
    return STATUS_OK;
}

/* ---- cells ---- */

/* A value as it means the same in every version of the form: a choice by its code. */
static struct cell meaning(const struct cell *cell, const struct form_field *field) {
    struct cell out = {.state = cell->state};
    if (cell->state == CELL_VALUE) {
        out.type = cell->type;
        out.qualifier = cell->qualifier;
        out.number = cell->number;
        out.text = cell->text;
    }
    if (cell->state == CELL_VALUE && field->type == FIELD_CHOICE) {
        out.type = CELL_TEXT;
        out.number = 0;
        out.text = field->choices[cell->number].code;
    }
    return out;
}

static bool same_value(const struct cell *a, const struct cell *b) {
    return a->state == b->state && a->type == b->type && a->qualifier == b->qualifier && (a->type == CELL_TEXT || a->number == b->number) &&
           bytes_equal(a->text, b->text);
}

static void add_cells(struct audit *audit, struct audit_change *change) {
    const struct put *put = &change->put;
    const struct audit_form *version = audit_form_of(audit, &put->form_version);
    for (size_t i = 0; i < put->column_count * put->record_count; i++) {
        if (put->cells[i].state != CELL_UNTOUCHED) {
            const struct form_field *field = &version->change->form.fields[put->ordinals[i / put->record_count]];
            const struct record_key *key = &put->keys[i % put->record_count];
            audit->cells = AUDIT_ROOM(audit->cells, audit->cell_count);
            audit->cells[audit->cell_count++] = (struct audit_cell_write){.change = change,
                                                                          .unit = standing_unit(audit, &change->item->audience[0].unit),
                                                                          .unit_id = change->item->audience[0].unit,
                                                                          .form = version->id,
                                                                          .period = key->period,
                                                                          .row = key->row,
                                                                          .field = field->name,
                                                                          .cell = meaning(&put->cells[i], field)};
        }
    }
}

static void judge_change(struct audit *audit, struct audit_change *change) {
    if (change->item->cls == CLASS_CONTROL) {
        return;
    }
    if (change->kind == CHANGE_PUT) {
        change->aside = judge_put(audit, change);
        if (change->aside == STATUS_OK) {
            add_cells(audit, change);
        }
    } else {
        change->aside = change_known(change->kind) ? change->decoded : STATUS_CHANGE_UNKNOWN;
    }
}

static int compare_records(const struct audit_cell_write *a, const struct audit_cell_write *b) {
    int order = memcmp(a->form, b->form, 16);
    order = order != 0 ? order : (a->period > b->period) - (a->period < b->period);
    order = order != 0 ? order : ID_COMPARE(&a->unit_id, &b->unit_id);
    return order != 0 ? order : bytes_compare(a->row, b->row);
}

static int by_register(const void *a, const void *b) {
    const struct audit_cell_write *x = a, *y = b;
    int order = compare_records(x, y);
    order = order != 0 ? order : bytes_compare(x->field, y->field);
    order = order != 0 ? order : ID_COMPARE(&x->change->item->hash, &y->change->item->hash);
    return order != 0 ? order : (x->change->place > y->change->place) - (x->change->place < y->change->place);
}

bool audit_same_record(const struct audit_cell_write *a, const struct audit_cell_write *b) {
    return compare_records(a, b) == 0;
}

bool audit_same_register(const struct audit_cell_write *a, const struct audit_cell_write *b) {
    return compare_records(a, b) == 0 && bytes_equal(a->field, b->field);
}

void audit_conclude_records(struct audit *audit) {
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        if (item->cls != CLASS_CONTROL && item->has_body) { /* of a body that is not here nothing is set aside */
            item->whole = judge_whole(audit, item);
        }
    }
    audit_each_change(audit, judge_change);
    if (audit->cell_count > 0) {
        qsort(audit->cells, audit->cell_count, sizeof *audit->cells, by_register);
    }
}

/* Where a ring of liars leaves none, each is one. */
void audit_heads(const struct audit *audit, const struct audit_cell_write *writes, size_t count, const bool *count_in, bool *heads) {
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        heads[i] = count_in[i];
        for (size_t k = 0; k < count && heads[i]; k++) {
            heads[i] = !count_in[k] || k == i || !audit_overtakes(audit, writes[k].change, writes[i].change);
        }
        any |= heads[i];
    }
    if (!any) {
        memcpy(heads, count_in, count * sizeof *heads);
    }
}

/* ---- what counts ---- */

static bool all_alike(const struct audit_cell_write *writes, size_t count, const bool *which, const struct cell **value) {
    *value = NULL;
    for (size_t i = 0; i < count; i++) {
        if (which[i] && *value != NULL && !same_value(*value, &writes[i].cell)) {
            return false;
        }
        if (which[i] && *value == NULL) {
            *value = &writes[i].cell;
        }
    }
    return true;
}

/* The last value written before the writes of a side parted: of those that all of them have seen the heads, if they are alike. A text counts as missing then.
 */
static struct cell before_parting(const struct audit *audit, const struct audit_cell_write *writes, size_t count, const bool *side) {
    bool *common = audit_memory(count, sizeof *common), *last = audit_memory(count, sizeof *last);
    const struct cell *value;
    for (size_t i = 0; i < count; i++) {
        common[i] = true;
        for (size_t k = 0; k < count; k++) {
            common[i] = common[i] && (!side[k] || (k != i && audit_overtakes(audit, writes[k].change, writes[i].change)));
        }
    }
    audit_heads(audit, writes, count, common, last);
    bool alike = all_alike(writes, count, last, &value);
    bool counts = alike && value != NULL && value->type != CELL_TEXT;
    struct cell out = counts ? *value : (struct cell){.state = CELL_MISSING};
    free(common);
    free(last);
    return out;
}

/* What the heads by authors of one unit say. False: nothing, or "missing". */
static bool side_counts(const struct audit *audit, const struct audit_cell_write *writes, size_t count, const bool *heads, int unit, struct cell *out) {
    bool *side = audit_memory(count, sizeof *side), says = false;
    const struct cell *value;
    for (size_t i = 0; i < count; i++) {
        side[i] = heads[i] && audit_author_unit(audit, writes[i].change->item->author) == unit;
        says |= side[i] && writes[i].cell.state != CELL_MISSING;
    }
    *out = (struct cell){.state = CELL_MISSING};
    if (says) {
        *out = all_alike(writes, count, side, &value) ? *value : before_parting(audit, writes, count, side);
    }
    free(side);
    return says;
}

static uint8_t policy_of(const struct audit *audit, const uint8_t form[16]) {
    for (size_t i = 0; i < audit->form_count; i++) {
        if (audit->forms[i].newest && memcmp(audit->forms[i].id, form, 16) == 0) {
            return audit->forms[i].change->form.policy;
        }
    }
    return POLICY_OWNER;
}

/* owner: the unit itself, then those above it from the root downward. upper: from the root downward, the unit itself last. */
static struct cell provisional(const struct audit *audit, const struct audit_cell_write *writes, size_t count, const bool *heads) {
    int owner = writes[0].unit, line[LINE_UNITS_MAX + 1];
    size_t depth = 0;
    for (int at = audit->units[owner].parent; at != NOBODY; at = audit->units[at].parent) {
        line[depth++] = at;
    }
    struct cell out;
    bool owner_first = policy_of(audit, writes[0].form) == POLICY_OWNER;
    if (owner_first && side_counts(audit, writes, count, heads, owner, &out)) {
        return out;
    }
    while (depth > 0) {
        if (side_counts(audit, writes, count, heads, line[--depth], &out)) {
            return out;
        }
    }
    if (!owner_first && side_counts(audit, writes, count, heads, owner, &out)) {
        return out;
    }
    return (struct cell){.state = CELL_MISSING};
}

void audit_each_cell(const struct audit *audit, audit_cell_fn *fn, void *arg) {
    for (size_t from = 0, to; from < audit->cell_count; from = to) {
        const struct audit_cell_write *writes = &audit->cells[from];
        for (to = from + 1; to < audit->cell_count && audit_same_register(writes, &audit->cells[to]); to++) {}
        size_t count = to - from;
        bool *all = audit_memory(count, sizeof *all), *heads = audit_memory(count, sizeof *heads);
        memset(all, true, count);
        audit_heads(audit, writes, count, all, heads);
        struct audit_cell cell = {.unit = &writes->change->item->audience[0].unit, .period = writes->period, .row = writes->row, .field = writes->field};
        memcpy(cell.form, writes->form, sizeof cell.form);
        for (size_t i = 0; i < count; i++) {
            cell.heads += heads[i] ? 1 : 0;
        }
        const struct cell *value;
        cell.contested = !all_alike(writes, count, heads, &value);
        cell.counted = cell.contested ? provisional(audit, writes, count, heads) : *value;
        fn(arg, &cell);
        free(all);
        free(heads);
    }
}
