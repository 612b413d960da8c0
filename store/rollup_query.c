#include "store/rollup_query.h"

#include "protocol/planted.h"
#include "store/extract.h"
#include "store/record.h"
#include "store/rollup_plan.h"

#include <stdio.h>
#include <stdlib.h>

/* How far a member of the plan has come. */
struct progress {
    bool reported, contested;
    struct rollup_time *fields; /* by ordinal; NULL until a record comes that is not added up at once */
};

/* Plain numbers added up so far, by family number, in 64 bits: before there are more of them than are sure to fit, they go into the group. records: how many
 * had so many fields. */
enum { SUMS_RECORDS_MAX = 1 << 14 };
static_assert(REGISTER_PLAIN_MAX <= INT64_MAX / SUMS_RECORDS_MAX, "so many of the largest numbers fit");
struct sums {
    int64_t *sums;
    uint32_t *records, all;
};

struct working {
    struct store *store;
    const struct rollup_query *query;
    struct rollup_result *out;
    const struct form *form;
    size_t field_count;
    int *ordinals; /* by field number of the family: the newest version's ordinal, ROLLUP_NOWHERE */
    size_t number_count;
    bool weighted, all_summed; /* some field is averaged by another; every field is a number of which units are added up */
    const struct rollup_plan *plan;
    struct progress *progress; /* by member */
    enum status status;
    struct register_flat *flat;
    struct sums sums;
    size_t first_number; /* the least that the newest version has */
    /* where records of one period go that can be added up at once; rows: to the rows of their members, too */
    struct rollup_group *group;
    bool at_once, rows;
    struct extract_list extracts; /* those that count in place of records, of the periods being added up */
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

static struct rollup_group *row_begin(struct working *working, uint32_t unit) {
    struct rollup_result *out = working->out;
    struct rollup_group *rows = realloc(out->rows, (out->row_count + 1) * sizeof *rows);
    if (rows == NULL) {
        working->status = STATUS_NO_MEMORY;
        return NULL;
    }
    out->rows = rows;
    rows[out->row_count] = (struct rollup_group){0};
    return group_begin(working, &rows[out->row_count], unit) ? &rows[out->row_count++] : NULL;
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

/* ---- records ---- */

/* Does it count for the field? One of another type is a rival version's. */
static bool counts(const struct working *working, int ordinal, const struct register_number *number) {
    uint8_t type = working->form->fields[ordinal].type;
    bool text = type == FIELD_TEXT || type == FIELD_CHOICE;
    bool given = number->state == CELL_VALUE || (number->state == CELL_MISSING && PLANTED("missing-as-zero"));
    return given && (number->type == CELL_TEXT) == text;
}

/* One counted figure into its unit's field. */
static enum status add_number(struct working *working, size_t member, uint32_t period, int ordinal, const struct register_number *number) {
    const struct rollup_rule *rule = &working->out->rules[ordinal];
    if (!counts(working, ordinal, number))
        return STATUS_OK;
    working->progress[member].reported = true;
    if (rule->over_time == TIME_LAST && !working->plan->members[member].at_end)
        return STATUS_OK;
    return rollup_time_add(&working->progress[member].fields[ordinal], rule, period, number->type == CELL_TEXT ? 1 : number->number, number->qualifier);
}

static enum status add_cell(struct working *working, size_t member, uint32_t period, int ordinal, const struct cell *cell, bool contested) {
    struct rollup_time *time = &working->progress[member].fields[ordinal];
    if (contested) {
        working->progress[member].contested = true;
        if (time->contested < UINT16_MAX)
            time->contested++;
    }
    return add_number(working, member, period, ordinal, &(struct register_number){cell->number, cell->state, cell->type, cell->qualifier});
}

/* The heads of one field, all of them at hand. */
static enum status add_field(struct working *working, size_t member, const struct record_place *place, const struct register_head *heads, size_t count) {
    int ordinal = heads[0].field < working->number_count ? working->ordinals[heads[0].field] : ROLLUP_NOWHERE;
    if (ordinal == ROLLUP_NOWHERE)
        return STATUS_OK;
    if (count == 1)
        return add_cell(working, member, place->period, ordinal, &heads[0].cell, false);
    struct cell cell;
    bool contested;
    enum status status = record_counted(working->store, place, working->plan->members[member].unit, working->form->policy, heads, count, &cell, &contested);
    return status == STATUS_OK ? add_cell(working, member, place->period, ordinal, &cell, contested) : status;
}

/* A record of several writes, head by head. */
static enum status add_heads(struct working *working, size_t member, const struct record_place *place, struct bytes state) {
    struct register_walk walk;
    struct register_head head, *heads = NULL;
    enum status status = STATUS_OK;
    register_begin(&walk, state);
    while (status == STATUS_OK && register_next(&walk, &head)) {
        if (head.count == 1 || PLANTED("versions-added-up")) {
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

/* A record that is not added up at once: into its unit's fields. */
static enum status keep_record(struct working *working, size_t member, const struct record_place *place, struct bytes state, bool flat) {
    struct progress *progress = &working->progress[member];
    if (progress->fields == NULL)
        progress->fields = make(working, working->field_count, sizeof *progress->fields);
    if (progress->fields == NULL)
        return STATUS_NO_MEMORY;
    if (!flat)
        return add_heads(working, member, place, state);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < working->flat->count && i < working->number_count && status == STATUS_OK; i++) {
        const struct register_number number = register_number_at(working->flat, i);
        if (working->ordinals[i] != ROLLUP_NOWHERE)
            status = add_number(working, member, place->period, working->ordinals[i], &number);
    }
    return status;
}

/* Once into the group, and begun anew. */
static void settle_sums(struct working *working) {
    struct sums *sums = &working->sums;
    uint32_t records = 0;
    for (size_t i = working->number_count; i-- > 0;) {
        records += sums->records[i + 1];
        if (working->ordinals[i] == ROLLUP_NOWHERE)
            continue;
        struct rollup_units *units = &working->group->fields[working->ordinals[i]];
        units->sum += sums->sums[i];
        units->count += records;
    }
    memset(sums->sums, 0, working->number_count * sizeof *sums->sums);
    memset(sums->records, 0, (working->number_count + 1) * sizeof *sums->records);
    sums->all = 0;
}

/* The commonest record of the commonest form: numbers that are added up as they stand. */
static void add_plain(struct working *working) {
    const struct register_flat *flat = working->flat;
    struct sums *sums = &working->sums;
    for (uint32_t i = 0; i < flat->count; i++)
        sums->sums[i] += flat->numbers[i];
    sums->records[flat->count]++;
    if (++sums->all == SUMS_RECORDS_MAX)
        settle_sums(working);
}

/* What one unit gives in one period, straight into a group. */
static enum status add_flat(const struct working *working, size_t member, struct rollup_group *group, bool *reported) {
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < working->flat->count && i < working->number_count && status == STATUS_OK; i++) {
        const struct register_number number = register_number_at(working->flat, i);
        int ordinal = working->ordinals[i];
        if (ordinal == ROLLUP_NOWHERE || !counts(working, ordinal, &number))
            continue;
        const struct rollup_rule *rule = &working->out->rules[ordinal];
        const struct rollup_value value = {number.type == CELL_TEXT ? 1 : number.number, 1, number.qualifier, false};
        *reported = true;
        if (rule->over_time != TIME_LAST || working->plan->members[member].at_end)
            status = rollup_units_add(&group->fields[ordinal], rule, &value, NULL);
    }
    return status;
}

static enum status add_record(struct working *working, size_t member, const struct record_place *place, struct bytes state) {
    const struct rollup_member *belongs = &working->plan->members[member];
    bool flat = register_flatten(state, working->flat), *reported = &working->progress[member].reported;
    if (!working->at_once || !flat)
        return keep_record(working, member, place, state, flat);
    enum status status = STATUS_OK;
    if (working->flat->plain && working->all_summed && belongs->at_end && working->flat->count <= working->number_count) {
        add_plain(working);
        *reported |= working->flat->count > working->first_number;
    } else {
        status = add_flat(working, member, working->group, reported);
    }
    if (status == STATUS_OK && working->rows && belongs->row != ROLLUP_NOWHERE)
        status = add_flat(working, member, &working->out->rows[belongs->row], reported);
    return status;
}

static int32_t member_of(const struct rollup_plan *plan, int64_t unit) {
    return (size_t)unit < plan->number_count ? plan->by_number[unit] : ROLLUP_NOWHERE;
}

static void take_row(struct working *working, const struct record_place *place, struct bytes state, int64_t sum) {
    const struct rollup_plan *plan = working->plan;
    int32_t member = member_of(plan, place->unit);
    if (member == ROLLUP_NOWHERE || extract_find(&working->extracts, place->period, place->unit) < working->extracts.count)
        return;
    working->status = record_sound(place, state, sum) ? add_record(working, (size_t)member, place, state) : STATUS_STORE_DAMAGED;
    if (working->status != STATUS_OK)
        working->out->failed_unit = plan->members[member].unit;
}

/* An extract in place of its record. What of it counts provisionally says so, as it would there. */
static void take_extract(struct working *working, const struct extract_item *item) {
    int32_t member = member_of(working->plan, item->place.unit);
    if (member == ROLLUP_NOWHERE || working->status != STATUS_OK)
        return;
    working->status = item->contested.len == 0 ? add_record(working, (size_t)member, &item->place, buffer_bytes(&item->state))
                                               : keep_record(working, (size_t)member, &item->place, buffer_bytes(&item->state), false);
    for (size_t i = 0; working->status == STATUS_OK && i + 1 < item->contested.len; i += 2) {
        size_t number = (size_t)(item->contested.data[i] | item->contested.data[i + 1] << 8);
        int ordinal = number < working->number_count ? working->ordinals[number] : ROLLUP_NOWHERE;
        if (ordinal == ROLLUP_NOWHERE)
            continue;
        struct rollup_time *time = &working->progress[member].fields[ordinal];
        working->progress[member].contested = true;
        if (time->contested < UINT16_MAX)
            time->contested++;
    }
    if (working->status != STATUS_OK)
        working->out->failed_unit = working->plan->members[member].unit;
}

/* Those of periods before this one, so that periods come ascending. */
static void take_extracts(struct working *working, size_t *next, uint64_t before) {
    while (*next < working->extracts.count && working->extracts.items[*next].place.period < before)
        take_extract(working, &working->extracts.items[(*next)++]);
}

/* All records of the form in first..last, ascending by period. Of one period and a form without rows nothing else is read than what is added up. */
static void add_records(struct working *working, int64_t form, uint32_t first, uint32_t last) {
    bool single = first == last && !working->form->list;
    size_t next = 0;
    extract_list_fini(&working->extracts);
    working->status = working->status == STATUS_OK ? extract_counted(working->store, form, first, last, &working->extracts) : working->status;
    struct query query =
        single ? db_query(working->store->db, "SELECT unit, state, sum FROM record WHERE form = ? AND period = ?")
               : db_query(working->store->db,
                          "SELECT unit, state, sum, period, row FROM record WHERE form = ? AND period BETWEEN ? AND ? ORDER BY period, unit, row");
    query_bind_int(&query, form);
    query_bind_int(&query, first);
    if (!single)
        query_bind_int(&query, last);
    while (working->status == STATUS_OK && query_next(&query)) {
        struct record_place place = {.form = form, .unit = query_int(&query, 0), .period = first};
        if (!single) {
            place.period = (uint32_t)query_int(&query, 3);
            place.row = query_text(&query, 4);
        }
        take_extracts(working, &next, place.period);
        take_row(working, &place, query_blob(&query, 1), query_int(&query, 2));
    }
    enum status ended = query_end(&query);
    working->status = ended != STATUS_OK ? ended : working->status;
    take_extracts(working, &next, UINT64_MAX);
}

/* ---- adding up ---- */

/* One member's fields into a group, and whether it reported. */
static enum status add_values(struct working *working, size_t index, struct rollup_group *group, uint32_t first, uint32_t last) {
    const struct rollup_member *member = &working->plan->members[index];
    const struct progress *progress = &working->progress[index];
    for (size_t i = 0; progress->fields != NULL && i < working->field_count; i++) {
        const struct rollup_rule *rule = &working->out->rules[i];
        struct rollup_value value, weight;
        bool weighed = false;
        group->fields[i].contested += progress->fields[i].contested;
        if (!rollup_time_value(&progress->fields[i], rule, first, last, &value))
            continue;
        if (rule->weighted) {
            int by = form_view_field(working->form, working->form->fields[i].weight);
            weighed = by >= 0 && rollup_time_value(&progress->fields[by], &working->out->rules[by], first, last, &weight);
        }
        enum status status = rollup_units_add(&group->fields[i], rule, &value, weighed ? &weight : NULL);
        if (status != STATUS_OK)
            return status;
    }
    group->expected += member->expected;
    group->reported += member->expected && progress->reported;
    group->contested += progress->contested;
    return member->expected && !progress->reported && !miss(group, member->unit) ? STATUS_NO_MEMORY : STATUS_OK;
}

static void add_members(struct working *working, struct rollup_group *group, bool rows, uint32_t first, uint32_t last) {
    const struct rollup_plan *plan = working->plan;
    for (size_t i = 0; i < plan->member_count && working->status == STATUS_OK; i++) {
        working->status = add_values(working, i, group, first, last);
        if (rows && working->status == STATUS_OK && plan->members[i].row != ROLLUP_NOWHERE)
            working->status = add_values(working, i, &working->out->rows[plan->members[i].row], first, last);
        if (working->status == STATUS_SUM_OVERFLOW)
            working->out->failed_unit = plan->members[i].unit;
    }
}

static void forget_records(struct working *working) {
    for (size_t i = 0; i < working->plan->member_count; i++) {
        struct progress *progress = &working->progress[i];
        if (progress->fields != NULL)
            memset(progress->fields, 0, working->field_count * sizeof *progress->fields);
        progress->reported = progress->contested = false;
    }
}

/* What of first..last is added up at once goes to group and, where rows is set, to the rows of the members. Averages by weight need the whole of a unit's
 * record, ranges and lists several records of it. */
static void add_up(struct working *working, int64_t form, uint32_t first, uint32_t last, struct rollup_group *group, bool rows) {
    working->group = group;
    working->rows = rows;
    working->at_once = first == last && !working->form->list && !working->weighted && !PLANTED("periods-pile-up");
    add_records(working, form, first, last);
    settle_sums(working);
    add_members(working, group, rows, first, last);
}

/* The period that gives the next row: every one of the range or, of days, the next on which anything was reported. 0: none. */
static uint32_t next_period(struct working *working, int64_t form, uint32_t from) {
    if (from == 0 || from > working->out->last || working->form->period != PERIOD_AD_HOC)
        return from > working->out->last ? 0 : from;
    struct query query = db_query(working->store->db, "SELECT min(period) FROM (SELECT min(period) AS period FROM record WHERE form = ?1 AND period BETWEEN ?2 AND ?3"
                                                     " UNION ALL SELECT min(period) FROM extract WHERE form = ?1 AND period BETWEEN ?2 AND ?3)");
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
        PLANTED("periods-pile-up") ? (void)0 : forget_records(working);
        struct rollup_group *row = row_begin(working, working->query->unit);
        if (row == NULL)
            return;
        row->period = ordinal;
        add_up(working, form, ordinal, ordinal, row, false);
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
    working->sums.sums = make(working, family->field_count, sizeof *working->sums.sums);
    working->sums.records = make(working, family->field_count + 1, sizeof *working->sums.records);
    if (working->status != STATUS_OK)
        return;
    memset(working->ordinals, 0xff, family->field_count * sizeof *working->ordinals);
    working->all_summed = true;
    working->first_number = family->field_count;
    for (size_t i = 0; i < working->field_count; i++) {
        const struct form_field *field = &working->form->fields[i];
        bool computed = field->type == FIELD_COMPUTED, number = field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL || field->type == FIELD_MONEY;
        working->ordinals[family->newest->numbers[i]] = computed ? ROLLUP_NOWHERE : (int)i;
        if (!computed && family->newest->numbers[i] < working->first_number)
            working->first_number = family->newest->numbers[i];
        working->out->rules[i] = (struct rollup_rule){field->over_time, computed ? AGGREGATE_NONE : field->over_units, field->places,
                                                      field->type == FIELD_YESNO, field->over_units == UNITS_AVERAGE && field->weight.len > 0};
        working->weighted |= working->out->rules[i].weighted;
        working->all_summed &= computed || (number && field->over_units == AGGREGATE_SUM);
    }
}

static void plan(struct working *working) {
    struct rollup_result *out = working->out;
    const struct period last = {working->form->period, out->last};
    int32_t begins, ends;
    period_window(&last, working->form->window, &begins, &ends);
    out->as_of = working->query->as_of == INT32_MIN ? (PLANTED("tree-of-the-first-day") ? begins : ends) : working->query->as_of;
    if (!group_begin(working, &out->total, working->query->unit))
        return;
    working->status = rollup_plan_get(working->store, working->query, out->as_of, ends, &working->plan);
    if (working->status == STATUS_OK)
        working->progress = make(working, working->plan->member_count, sizeof *working->progress);
    for (size_t i = 0; working->status == STATUS_OK && i < working->plan->row_count; i++) {
        struct rollup_group *row = row_begin(working, working->plan->rows[i].unit);
        if (row != NULL)
            row->own = working->plan->rows[i].own;
    }
}

static void working_fini(struct working *working) {
    for (size_t i = 0; working->progress != NULL && i < working->plan->member_count; i++)
        free(working->progress[i].fields);
    free(working->progress);
    free(working->flat);
    free(working->sums.sums);
    free(working->sums.records);
    free(working->ordinals);
    extract_list_fini(&working->extracts);
}

/* A row of the unit's own only where it has something of its own to show. */
static void drop_empty_own(struct working *working) {
    struct rollup_result *out = working->out;
    if (working->status != STATUS_OK || working->query->by != ROLLUP_BY_UNIT || out->row_count == 0 || !out->rows[0].own)
        return;
    if (working->plan->members[0].expected || working->progress[0].reported || working->progress[0].contested)
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
        working.status = record_form_number(store, query->family->form_id, false, &number);
    if (working.status == STATUS_NOT_FOUND) /* nobody has reported it yet */
        working.status = STATUS_OK;
    if (working.status == STATUS_OK)
        add_up(&working, number, out->first, out->last, &out->total, true);
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
