#include "store/rollup_suppress.h"

#include "protocol/extract.h"
#include "protocol/planted.h"

#include <stdlib.h>

/* ---- one column ---- */

/* Who knows the total and all that is shown knows the sum of what is not. Of that, each small row may be anything from 1 to below - 1 if what is left then fits
 * the others: small ones are at least 1 and at most below - 1, hidden ones at least below. */
static bool is_safe(const struct suppress_cell *rows, size_t count, int64_t below) {
    wide sum = 0, small = 0, hidden = 0;
    for (size_t i = 0; i < count; i++) {
        small += rows[i].mark == SUPPRESS_SMALL;
        hidden += rows[i].mark == SUPPRESS_HIDDEN;
        sum += rows[i].mark != SUPPRESS_SHOWN ? rows[i].number : 0;
    }
    wide least = small - 1 + hidden * below, most = (small - 1) * (below - 1);
    return small == 0 || (sum - (below - 1) >= least && (hidden > 0 || sum - 1 <= most));
}

/* The first row that is shown and not small. Not the least one: who knew that would know of each hidden figure that it is at most the least shown, and with a
 * total that is often enough to tell the small one beside it. NULL: none. */
static struct suppress_cell *first_shown(struct suppress_cell *rows, size_t count, int64_t below) {
    for (size_t i = 0; i < count; i++) {
        if (rows[i].given && rows[i].mark == SUPPRESS_SHOWN && rows[i].number >= below)
            return &rows[i];
    }
    return NULL;
}

void suppress_column(struct suppress_cell *rows, size_t count, struct suppress_cell *total, bool additive, int64_t below) {
    for (size_t i = 0; i < count; i++)
        rows[i].mark = rows[i].given && rows[i].small ? SUPPRESS_SMALL : SUPPRESS_SHOWN;
    total->mark = total->given && total->small ? SUPPRESS_SMALL : SUPPRESS_SHOWN;
    while (additive && total->mark == SUPPRESS_SHOWN && !is_safe(rows, count, below) && !PLANTED("small-by-subtraction")) {
        struct suppress_cell *next = first_shown(rows, count, below);
        (next != NULL ? next : total)->mark = SUPPRESS_HIDDEN;
    }
}

/* ---- a roll-up ---- */

struct work {
    const struct rollup_query *query;
    const struct rollup_result *result;
    const struct form *form;
    uint8_t *marks;
    struct suppress_cell *cells; /* of one column: the rows, then the total */
};

static const struct rollup_group *group_at(const struct work *work, size_t index) {
    return index == 0 ? &work->result->total : &work->result->rows[index - 1];
}

static uint8_t *mark_at(const struct work *work, size_t group, size_t ordinal) {
    return &work->marks[group * work->form->field_count + ordinal];
}

/* A figure with a qualifier is none that anybody counts on; that of an extract, "under 3", says no more than it should. */
static struct suppress_cell cell_of(const struct work *work, size_t group, size_t ordinal) {
    const struct form_field *field = &work->form->fields[ordinal];
    struct formula_value value;
    uint8_t qualifier;
    enum status status = rollup_units_value(&group_at(work, group)->fields[ordinal], &work->result->rules[ordinal], &value, &qualifier);
    bool whole =
        status == STATUS_OK && value.state == CELL_VALUE && value.number.under == 1 && value.number.over >= INT64_MIN && value.number.over <= INT64_MAX;
    struct suppress_cell cell = {.given = whole, .number = whole ? (int64_t)value.number.over : 0};
    cell.small = whole && qualifier == QUALIFIER_NONE && extract_small(work->form, field, cell.number);
    return cell;
}

static void mark_column(struct work *work, size_t ordinal) {
    const struct form_field *field = &work->form->fields[ordinal];
    size_t rows = work->result->row_count;
    bool additive = work->query->by == ROLLUP_BY_PERIOD ? field->over_time == AGGREGATE_SUM : field->over_units == AGGREGATE_SUM;
    for (size_t i = 0; i < rows; i++)
        work->cells[i] = cell_of(work, i + 1, ordinal);
    work->cells[rows] = cell_of(work, 0, ordinal);
    suppress_column(work->cells, rows, &work->cells[rows], additive, work->form->suppress_below);
    for (size_t i = 0; i < rows; i++)
        *mark_at(work, i + 1, ordinal) = (uint8_t)work->cells[i].mark;
    *mark_at(work, 0, ordinal) = (uint8_t)work->cells[rows].mark;
}

/* ---- along a row: what is computed from a figure gives it away ---- */

struct looking {
    const struct work *work;
    size_t group;
    bool suppressed;
};

static bool look(void *ctx, struct bytes name, struct formula_value *out) {
    struct looking *looking = ctx;
    int ordinal = form_view_field(looking->work->form, name);
    *out = (struct formula_value){.state = CELL_VALUE, .number = {1, 1}};
    looking->suppressed = looking->suppressed || (ordinal >= 0 && *mark_at(looking->work, looking->group, (size_t)ordinal) != SUPPRESS_SHOWN);
    return ordinal >= 0;
}

/* An average by weights that are not shown, here or (of the total) in any row, gives them away, too. */
static bool weight_suppressed(const struct work *work, size_t group, const struct form_field *field) {
    int weight = field->weight.len > 0 ? form_view_field(work->form, field->weight) : -1;
    bool suppressed = weight >= 0 && *mark_at(work, group, (size_t)weight) != SUPPRESS_SHOWN;
    for (size_t i = 1; weight >= 0 && group == 0 && i <= work->result->row_count; i++)
        suppressed = suppressed || *mark_at(work, i, (size_t)weight) != SUPPRESS_SHOWN;
    return suppressed;
}

static void mark_row(struct work *work, size_t group) {
    for (size_t i = 0; i < work->form->field_count; i++) {
        const struct form_field *field = &work->form->fields[i];
        struct looking looking = {work, group, weight_suppressed(work, group, field)};
        struct formula_value value;
        size_t at;
        if (field->type == FIELD_COMPUTED)
            (void)!formula_evaluate(&value, field->formula, look, &looking, &at); /* who is asked about is all that is wanted of it */
        if (looking.suppressed && *mark_at(work, group, i) == SUPPRESS_SHOWN && !PLANTED("computed-from-small"))
            *mark_at(work, group, i) = SUPPRESS_HIDDEN;
    }
}

enum status rollup_suppress(const struct rollup_query *query, const struct rollup_result *result, uint8_t **out) {
    struct work work = {.query = query, .result = result, .form = &query->family->newest->form};
    *out = NULL;
    if (work.form->suppress_below == 0)
        return STATUS_OK;
    size_t groups = result->row_count + 1;
    work.marks = calloc(groups * work.form->field_count, 1);
    work.cells = calloc(groups, sizeof *work.cells);
    if (work.marks == NULL || work.cells == NULL) {
        free(work.marks);
        free(work.cells);
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < work.form->field_count; i++)
        if (work.form->fields[i].type == FIELD_INTEGER)
            mark_column(&work, i);
    for (size_t i = 0; i < groups; i++)
        mark_row(&work, i);
    free(work.cells);
    *out = work.marks;
    return STATUS_OK;
}
