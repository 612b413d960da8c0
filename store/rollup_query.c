#include "store/rollup_query.h"

#include "store/record.h"

#include <stdio.h>
#include <stdlib.h>

enum { NOWHERE = -1 };

/* A unit of the roll-up, in tree order. */
struct member {
    uint32_t unit;
    int32_t row;           /* the row it is part of; NOWHERE: of none */
    bool expected, at_end; /* stands in the tree at the range's end: only then its last value is one */
    bool reported, contested;
    struct rollup_time *fields; /* by ordinal; NULL until a record comes */
};

struct working {
    struct store *store;
    const struct rollup_query *query;
    struct rollup_result *out;
    const struct form *form;
    size_t field_count;
    int *ordinals; /* by field number of the family: the newest version's ordinal, NOWHERE */
    size_t number_count;
    struct member *members;
    size_t member_count, member_capacity;
    int32_t *places;    /* by unit handle: index of the member, NOWHERE */
    int32_t *by_number; /* by unit_key number: index of the member, NOWHERE */
    size_t by_number_count;
    enum status status;
    struct register_flat *flat;
    /* while walking the tree */
    unsigned cut_depth; /* below a unit deeper than the form's levels: everything of a greater depth is detail */
    bool cut;
    unsigned row_depth; /* depth of the unit that opened the row under way */
};

static void *make(struct working *working, size_t count, size_t size) {
    void *memory = calloc(count > 0 ? count : 1, size);
    if (memory == NULL)
        working->status = STATUS_NO_MEMORY;
    return memory;
}

/* ---- groups ---- */

static bool group_begin(struct working *working, struct rollup_group *group, uint32_t unit) {
    group->unit = unit;
    group->fields = make(working, working->field_count, sizeof *group->fields);
    for (size_t i = 0; group->fields != NULL && i < working->field_count; i++)
        rollup_units_begin(&group->fields[i]);
    return group->fields != NULL;
}

static int32_t row_begin(struct working *working, uint32_t unit) {
    struct rollup_result *out = working->out;
    struct rollup_group *rows = realloc(out->rows, (out->row_count + 1) * sizeof *rows);
    if (rows == NULL) {
        working->status = STATUS_NO_MEMORY;
        return NOWHERE;
    }
    out->rows = rows;
    rows[out->row_count] = (struct rollup_group){0};
    return group_begin(working, &rows[out->row_count], unit) ? (int32_t)out->row_count++ : NOWHERE;
}

static void group_fini(struct rollup_group *group) {
    free(group->fields);
    free(group->missing);
}

void rollup_query_fini(struct rollup_result *result) {
    group_fini(&result->total);
    for (size_t i = 0; i < result->row_count; i++)
        group_fini(&result->rows[i]);
    free(result->rows);
    free(result->rules);
    *result = (struct rollup_result){0};
}

static bool miss(struct rollup_group *group, uint32_t unit) {
    if ((group->missing_count & (group->missing_count - 1)) == 0) { /* full at every power of two */
        uint32_t *grown = realloc(group->missing, (group->missing_count > 0 ? group->missing_count * 2 : 1) * sizeof *grown);
        if (grown == NULL)
            return false;
        group->missing = grown;
    }
    group->missing[group->missing_count++] = unit;
    return true;
}

/* ---- who belongs to it ---- */

/* The row of a unit at a depth of the walk. Rows by unit: the unit's own, and one a child with all below it. By level: one a unit of the level, with all below
 * it. */
static int32_t row_of(struct working *working, uint32_t unit, unsigned depth, int32_t open) {
    if (working->query->by == ROLLUP_BY_UNIT && depth <= 1) {
        int32_t row = row_begin(working, unit);
        if (row != NOWHERE)
            working->out->rows[row].own = depth == 0;
        return row;
    }
    if (working->query->by == ROLLUP_BY_LEVEL) {
        bool inside = open != NOWHERE && depth > working->row_depth;
        if (inside)
            return open;
        if (tree_level(working->store->tree, unit, working->out->as_of) != working->query->level)
            return NOWHERE;
        working->row_depth = depth;
        return row_begin(working, unit);
    }
    return working->query->by == ROLLUP_BY_UNIT ? open : NOWHERE;
}

static bool add_member(struct working *working, uint32_t unit, unsigned depth) {
    if (working->member_count == working->member_capacity) {
        size_t capacity = working->member_capacity > 0 ? working->member_capacity * 2 : 256;
        struct member *grown = realloc(working->members, capacity * sizeof *grown);
        if (grown == NULL) {
            working->status = STATUS_NO_MEMORY;
            return false;
        }
        working->members = grown;
        working->member_capacity = capacity;
    }
    int32_t open = working->member_count > 0 ? working->members[working->member_count - 1].row : NOWHERE;
    struct member *member = &working->members[working->member_count];
    *member = (struct member){.unit = unit, .row = row_of(working, unit, depth, open)};
    member->expected = form_view_expects(working->store, working->form, unit, working->out->as_of);
    working->places[unit] = (int32_t)working->member_count++;
    return working->status == STATUS_OK;
}

static bool visit(void *arg, uint32_t unit, unsigned depth) {
    struct working *working = arg;
    const struct form *form = working->form;
    if (working->cut && depth > working->cut_depth)
        return true;
    working->cut = form->level_count > 0 && tree_level(working->store->tree, unit, working->out->as_of) > form->levels[form->level_count - 1];
    working->cut_depth = depth;
    return working->cut ? true : add_member(working, unit, depth);
}

/* Local numbers of units to members. */
static void number_members(struct working *working) {
    struct query query = db_query(working->store->db, "SELECT max(id) FROM unit_key");
    working->by_number_count = (query_next(&query) ? (size_t)query_int(&query, 0) : 0) + 1;
    working->status = query_end(&query);
    if (working->status != STATUS_OK)
        return;
    working->by_number = make(working, working->by_number_count, sizeof *working->by_number);
    if (working->by_number == NULL)
        return;
    memset(working->by_number, 0xff, working->by_number_count * sizeof *working->by_number);
    query = db_query(working->store->db, "SELECT id, unit FROM unit_key");
    while (query_next(&query)) {
        struct unit_id id;
        query_fixed(&query, 1, id.b, sizeof id.b);
        uint32_t unit = tree_unit(working->store->tree, &id);
        working->by_number[query_int(&query, 0)] = unit != TREE_NONE ? working->places[unit] : NOWHERE;
    }
    working->status = query_end(&query);
}

/* ---- records ---- */

/* One counted figure into its unit's field. */
static enum status add_number(struct working *working, struct member *member, uint32_t period, int ordinal, const struct register_number *number) {
    const struct rollup_rule *rule = &working->out->rules[ordinal];
    uint8_t type = working->form->fields[ordinal].type;
    bool text = type == FIELD_TEXT || type == FIELD_CHOICE;
    if (number->state != CELL_VALUE || (number->type == CELL_TEXT) != text) /* another type: a rival version's */
        return STATUS_OK;
    member->reported = true;
    if (rule->over_time == TIME_LAST && !member->at_end)
        return STATUS_OK;
    return rollup_time_add(&member->fields[ordinal], rule, period, text ? 1 : number->number, number->qualifier);
}

static enum status add_cell(struct working *working, struct member *member, uint32_t period, int ordinal, const struct cell *cell, bool contested) {
    struct rollup_time *time = &member->fields[ordinal];
    if (contested) {
        member->contested = true;
        if (time->contested < UINT16_MAX)
            time->contested++;
    }
    return add_number(working, member, period, ordinal, &(struct register_number){cell->number, cell->state, cell->type, cell->qualifier});
}

/* The heads of one field, all of them at hand. */
static enum status add_field(struct working *working, struct member *member, const struct record_place *place, const struct register_head *heads,
                             size_t count) {
    int ordinal = heads[0].field < working->number_count ? working->ordinals[heads[0].field] : NOWHERE;
    if (ordinal == NOWHERE)
        return STATUS_OK;
    if (count == 1)
        return add_cell(working, member, place->period, ordinal, &heads[0].cell, false);
    struct cell cell;
    bool contested;
    enum status status = record_counted(working->store, place, member->unit, working->form->policy, heads, count, &cell, &contested);
    return status == STATUS_OK ? add_cell(working, member, place->period, ordinal, &cell, contested) : status;
}

/* A record of several writes, head by head. */
static enum status add_heads(struct working *working, struct member *member, const struct record_place *place, struct bytes state) {
    struct register_walk walk;
    struct register_head head, *heads = NULL;
    enum status status = STATUS_OK;
    register_begin(&walk, state);
    while (status == STATUS_OK && register_next(&walk, &head)) {
        if (head.count == 1) {
            status = add_field(working, member, place, &head, 1);
            continue;
        }
        struct register_head *grown = head.index == 0 ? realloc(heads, head.count * sizeof *heads) : heads;
        if (grown == NULL) {
            status = STATUS_NO_MEMORY;
            break;
        }
        heads = grown;
        heads[head.index] = head;
        if (head.index + 1 == head.count)
            status = add_field(working, member, place, heads, head.count);
    }
    free(heads);
    return status != STATUS_OK ? status : walk.status;
}

static enum status add_record(struct working *working, struct member *member, const struct record_place *place, struct bytes state) {
    if (member->fields == NULL)
        member->fields = make(working, working->field_count, sizeof *member->fields);
    if (member->fields == NULL)
        return STATUS_NO_MEMORY;
    if (!register_flatten(state, working->flat))
        return add_heads(working, member, place, state);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < working->flat->count && i < working->number_count && status == STATUS_OK; i++) {
        if (working->ordinals[i] != NOWHERE)
            status = add_number(working, member, place->period, working->ordinals[i], &working->flat->fields[i]);
    }
    return status;
}

/* All records of the form in first..last, ascending by period. */
static void add_records(struct working *working, int64_t form, uint32_t first, uint32_t last) {
    struct query query =
        db_query(working->store->db, "SELECT period, unit, row, state, sum FROM record WHERE form = ? AND period BETWEEN ? AND ? ORDER BY period, unit, row");
    query_bind_int(&query, form);
    query_bind_int(&query, first);
    query_bind_int(&query, last);
    while (working->status == STATUS_OK && query_next(&query)) {
        struct record_place place = {form, query_int(&query, 1), (uint32_t)query_int(&query, 0), query_text(&query, 2)};
        int32_t index = (size_t)place.unit < working->by_number_count ? working->by_number[place.unit] : NOWHERE;
        if (index == NOWHERE)
            continue;
        struct bytes state = query_blob(&query, 3);
        struct member *member = &working->members[index];
        working->status = record_sound(&place, state, query_int(&query, 4)) ? add_record(working, member, &place, state) : STATUS_STORE_DAMAGED;
        if (working->status != STATUS_OK)
            working->out->failed_unit = member->unit;
    }
    enum status ended = query_end(&query);
    working->status = ended != STATUS_OK ? ended : working->status;
}

/* ---- adding up ---- */

/* One member's fields into a group. */
static enum status add_values(struct working *working, const struct member *member, struct rollup_group *group, uint32_t first, uint32_t last) {
    for (size_t i = 0; member->fields != NULL && i < working->field_count; i++) {
        const struct rollup_rule *rule = &working->out->rules[i];
        struct rollup_value value, weight;
        bool weighed = false;
        group->fields[i].contested += member->fields[i].contested;
        if (!rollup_time_value(&member->fields[i], rule, first, last, &value))
            continue;
        if (rule->weighted) {
            int by = form_view_field(working->form, working->form->fields[i].weight);
            weighed = by >= 0 && rollup_time_value(&member->fields[by], &working->out->rules[by], first, last, &weight);
        }
        enum status status = rollup_units_add(&group->fields[i], rule, &value, weighed ? &weight : NULL);
        if (status != STATUS_OK)
            return status;
    }
    group->expected += member->expected;
    group->reported += member->expected && member->reported;
    group->contested += member->contested;
    return member->expected && !member->reported && !miss(group, member->unit) ? STATUS_NO_MEMORY : STATUS_OK;
}

static void add_members(struct working *working, struct rollup_group *group, bool rows, uint32_t first, uint32_t last) {
    for (size_t i = 0; i < working->member_count && working->status == STATUS_OK; i++) {
        const struct member *member = &working->members[i];
        if (group != NULL)
            working->status = add_values(working, member, group, first, last);
        if (rows && working->status == STATUS_OK && member->row != NOWHERE)
            working->status = add_values(working, member, &working->out->rows[member->row], first, last);
        if (working->status == STATUS_SUM_OVERFLOW)
            working->out->failed_unit = member->unit;
    }
}

static void forget_records(struct working *working) {
    for (size_t i = 0; i < working->member_count; i++) {
        struct member *member = &working->members[i];
        if (member->fields != NULL)
            memset(member->fields, 0, working->field_count * sizeof *member->fields);
        member->reported = member->contested = false;
    }
}

/* The period that gives the next row: every one of the range or, of days, the next on which anything was reported. 0: none. */
static uint32_t next_period(struct working *working, int64_t form, uint32_t from) {
    if (from == 0 || from > working->out->last || working->form->period != PERIOD_AD_HOC)
        return from > working->out->last ? 0 : from;
    struct query query = db_query(working->store->db, "SELECT min(period) FROM record WHERE form = ? AND period BETWEEN ? AND ?");
    query_bind_int(&query, form);
    query_bind_int(&query, from);
    query_bind_int(&query, working->out->last);
    uint32_t period = query_next(&query) ? (uint32_t)query_int(&query, 0) : 0;
    working->status = query_end(&query);
    return period;
}

/* Each period for itself, over the same units. */
static void add_periods(struct working *working, int64_t form) {
    uint32_t ordinal = next_period(working, form, working->out->first);
    while (working->status == STATUS_OK && ordinal != 0) {
        forget_records(working);
        add_records(working, form, ordinal, ordinal);
        int32_t row = working->status == STATUS_OK ? row_begin(working, working->query->unit) : NOWHERE;
        if (row == NOWHERE)
            return;
        working->out->rows[row].period = ordinal;
        add_members(working, &working->out->rows[row], false, ordinal, ordinal);
        ordinal = next_period(working, form, period_next(working->form->period, ordinal));
    }
}

/* ---- the whole ---- */

static void make_rules(struct working *working) {
    const struct form_family *family = working->query->family;
    working->out->rules = make(working, working->field_count, sizeof *working->out->rules);
    working->ordinals = make(working, family->field_count, sizeof *working->ordinals);
    working->number_count = family->field_count;
    working->flat = make(working, 1, sizeof *working->flat);
    if (working->status != STATUS_OK)
        return;
    memset(working->ordinals, 0xff, family->field_count * sizeof *working->ordinals);
    for (size_t i = 0; i < working->field_count; i++) {
        const struct form_field *field = &working->form->fields[i];
        working->ordinals[family->newest->numbers[i]] = field->type != FIELD_COMPUTED ? (int)i : NOWHERE;
        working->out->rules[i] = (struct rollup_rule){field->over_time, field->type != FIELD_COMPUTED ? field->over_units : AGGREGATE_NONE, field->places,
                                                      field->type == FIELD_YESNO, field->over_units == UNITS_AVERAGE && field->weight.len > 0};
    }
}

static void plan(struct working *working) {
    struct rollup_result *out = working->out;
    const struct period last = {working->form->period, out->last};
    int32_t begins, ends;
    period_window(&last, working->form->window, &begins, &ends);
    out->as_of = working->query->as_of == INT32_MIN ? ends : working->query->as_of;
    size_t units = tree_unit_count(working->store->tree);
    working->places = make(working, units, sizeof *working->places);
    if (working->status != STATUS_OK || !group_begin(working, &out->total, working->query->unit))
        return;
    memset(working->places, 0xff, units * sizeof *working->places);
    if (tree_exists(working->store->tree, working->query->unit, out->as_of))
        tree_walk(working->store->tree, working->query->unit, out->as_of, visit, working);
    for (size_t i = 0; i < working->member_count; i++)
        working->members[i].at_end = out->as_of == ends || tree_exists(working->store->tree, working->members[i].unit, ends);
}

static void working_fini(struct working *working) {
    for (size_t i = 0; i < working->member_count; i++)
        free(working->members[i].fields);
    free(working->members);
    free(working->flat);
    free(working->ordinals);
    free(working->places);
    free(working->by_number);
}

/* A row of the unit's own only where it has something of its own to show. */
static void drop_empty_own(struct working *working) {
    struct rollup_result *out = working->out;
    if (working->query->by != ROLLUP_BY_UNIT || out->row_count == 0 || !out->rows[0].own || working->member_count == 0)
        return;
    if (working->members[0].expected || working->members[0].reported || working->members[0].contested)
        return;
    group_fini(&out->rows[0]);
    out->row_count--;
    memmove(out->rows, out->rows + 1, out->row_count * sizeof *out->rows);
}

enum status rollup_query_run(struct store *store, const struct rollup_query *query, struct rollup_result *out) {
    *out = (struct rollup_result){.failed_unit = TREE_NONE};
    const struct form *form = &query->family->newest->form;
    struct working working = {.store = store, .query = query, .out = out, .form = form, .field_count = form->field_count, .status = STATUS_OK};
    int64_t number = 0;
    enum status status = period_span(form->period, &query->from, &query->to, &out->first, &out->last);
    if (status != STATUS_OK)
        return status;
    make_rules(&working);
    if (working.status == STATUS_OK)
        plan(&working);
    if (working.status == STATUS_OK)
        number_members(&working);
    if (working.status == STATUS_OK)
        working.status = record_form_number(store, query->family->form_id, false, &number);
    if (working.status == STATUS_NOT_FOUND) /* nobody has reported it yet */
        working.status = STATUS_OK;
    if (working.status == STATUS_OK)
        add_records(&working, number, out->first, out->last);
    add_members(&working, &out->total, true, out->first, out->last);
    drop_empty_own(&working);
    if (working.status == STATUS_OK && query->by == ROLLUP_BY_PERIOD)
        add_periods(&working, number);
    status = working.status;
    working_fini(&working);
    return status;
}

void rollup_query_period(char out[ROLLUP_PERIOD_TEXT_MAX], const struct rollup_query *query) {
    char from[PERIOD_TEXT_MAX], to[PERIOD_TEXT_MAX];
    period_text(from, &query->from);
    period_text(to, &query->to);
    bool same = query->from.kind == query->to.kind && query->from.ordinal == query->to.ordinal;
    (void)snprintf(out, ROLLUP_PERIOD_TEXT_MAX, same ? "%s" : "%s..%s", from, to);
}
