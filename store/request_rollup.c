/* The roll-up as people and scripts get it: the shape stands in docs/control.md. The same bytes on every node that holds the same. */
#include "store/form_words.h"
#include "store/request_period.h"
#include "store/rollup_query.h"
#include "store/rollup_suppress.h"

#include <stdio.h>
#include <stdlib.h>

struct shown {
    struct request *request;
    const struct form *form;
    const struct rollup_result *result;
    const struct rollup_group *group;
    const bool *wanted;   /* by ordinal; NULL: all that add up */
    const uint8_t *marks; /* of all groups (store/rollup_suppress.h); NULL: everything is shown */
    uint32_t contested; /* of what a formula has looked at */
};

static const char *const qualifier_words[] = {"", "over", "under", "about", "at_least", "at_most"};

static char *text_of(struct bytes text, char *out, size_t max) {
    (void)snprintf(out, max, "%.*s", (int)text.len, text.data == NULL ? "" : (const char *)text.data);
    return out;
}

static int ordinal_of(const struct form *form, struct bytes name) {
    return form_view_field(form, name);
}

/* A field's total in the group, for formulas. */
static bool lookup(void *ctx, struct bytes name, struct formula_value *out) {
    struct shown *shown = ctx;
    uint8_t qualifier;
    int ordinal = ordinal_of(shown->form, name);
    *out = (struct formula_value){.state = CELL_MISSING, .number = {0, 1}};
    if (ordinal < 0)
        return false;
    shown->contested += shown->group->fields[ordinal].contested;
    return rollup_units_value(&shown->group->fields[ordinal], &shown->result->rules[ordinal], out, &qualifier) == STATUS_OK;
}

static enum status value_of(struct shown *shown, size_t ordinal, struct formula_value *out, uint8_t *qualifier) {
    const struct form_field *field = &shown->form->fields[ordinal];
    const struct rollup_units *units = &shown->group->fields[ordinal];
    shown->contested = units->contested;
    if (field->type != FIELD_COMPUTED)
        return rollup_units_value(units, &shown->result->rules[ordinal], out, qualifier);
    size_t at;
    enum status status = formula_evaluate(out, field->formula, lookup, shown, &at);
    *qualifier = out->qualified ? QUALIFIER_ABOUT : QUALIFIER_NONE;
    if (status != STATUS_OK && status != STATUS_SUM_OVERFLOW) { /* a formula that this version cannot read: no figure */
        *out = (struct formula_value){.state = CELL_MISSING, .number = {0, 1}};
        return STATUS_OK;
    }
    return status;
}

/* The number as text; a date as a date. */
static enum status number_text(const struct form_field *field, const struct rollup_rule *rule, const struct formula_value *value, char out[RATIONAL_TEXT_MAX]) {
    bool date = field->type == FIELD_DATE && rule->over_units != UNITS_COUNT;
    if (date && value->number.over >= DATE_MIN && value->number.over <= DATE_MAX) {
        period_date_text(out, (int32_t)value->number.over);
        return STATUS_OK;
    }
    return rational_text(out, &value->number, rule->over_units == UNITS_COUNT ? 0 : field->places);
}

/* Of the group being shown. */
static enum suppress_mark mark_of(const struct shown *shown, size_t ordinal) {
    size_t group = shown->group == &shown->result->total ? 0 : (size_t)(shown->group - shown->result->rows) + 1;
    return shown->marks == NULL ? SUPPRESS_SHOWN : (enum suppress_mark)shown->marks[group * shown->form->field_count + ordinal];
}

/* Nothing of the figure: neither the value nor what is said about it. */
static json_t *suppressed_json(const struct shown *shown, enum suppress_mark mark) {
    return mark == SUPPRESS_SMALL ? json_pack("{s:n, s:i, s:s, s:i}", "value", "contested", 0, "suppressed", "small", "below", (int)shown->form->suppress_below)
                                  : json_pack("{s:n, s:i, s:s}", "value", "contested", 0, "suppressed", "beside");
}

static enum status add_field(struct shown *shown, size_t ordinal, json_t *fields) {
    const struct form_field *field = &shown->form->fields[ordinal];
    const struct rollup_units *units = &shown->group->fields[ordinal];
    struct formula_value value;
    uint8_t qualifier;
    char text[RATIONAL_TEXT_MAX], name[FORM_NAME_BYTES_MAX + 1];
    enum suppress_mark mark = mark_of(shown, ordinal);
    if (mark != SUPPRESS_SHOWN)
        return json_object_set_new(fields, text_of(field->name, name, sizeof name), suppressed_json(shown, mark)) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    enum status status = value_of(shown, ordinal, &value, &qualifier);
    if (status == STATUS_OK && value.state == CELL_VALUE)
        status = number_text(field, &shown->result->rules[ordinal], &value, text);
    if (status != STATUS_OK)
        return status;
    json_t *object = json_object();
    json_object_set_new(object, "value", value.state == CELL_VALUE ? json_string(text) : json_null());
    json_object_set_new(object, "contested", json_integer(shown->contested));
    if (value.state == CELL_NOT_APPLICABLE)
        json_object_set_new(object, "state", json_string("na"));
    if (value.state == CELL_VALUE && qualifier != QUALIFIER_NONE)
        json_object_set_new(object, "qualifier", json_string(qualifier_words[qualifier]));
    if (units->carried > 0)
        json_object_set_new(object, "stale", json_integer(units->carried));
    return json_object_set_new(fields, text_of(field->name, name, sizeof name), object) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

/* What is shown without being asked for: what adds up, and of retired fields those that have figures. */
static bool is_shown(const struct shown *shown, size_t ordinal) {
    const struct form_field *field = &shown->form->fields[ordinal];
    const struct rollup_units *units = &shown->result->total.fields[ordinal];
    if (shown->wanted != NULL)
        return shown->wanted[ordinal];
    if (field->type == FIELD_COMPUTED)
        return !field->retired;
    return field->over_units != AGGREGATE_NONE && (!field->retired || units->count > 0 || units->contested > 0);
}

static json_t *unit_code(struct shown *shown, uint32_t unit) {
    const struct tree *tree = shown->request->store->tree;
    struct bytes code = tree_code(tree, unit, shown->result->as_of);
    char hex[33];
    if (code.len > 0)
        return json_stringn((const char *)code.data, code.len);
    request_hex(hex, tree_unit_id(tree, unit)->b, sizeof tree_unit_id(tree, unit)->b);
    return json_string(hex);
}

static void add_unit(struct shown *shown, uint32_t unit, json_t *object) {
    const struct tree *tree = shown->request->store->tree;
    char hex[33];
    request_hex(hex, tree_unit_id(tree, unit)->b, sizeof tree_unit_id(tree, unit)->b);
    struct bytes name = tree_name(tree, unit, shown->result->as_of);
    json_object_set_new(object, "unit", unit_code(shown, unit));
    json_object_set_new(object, "unit_id", json_string(hex));
    json_object_set_new(object, "unit_name", json_stringn(name.data == NULL ? "" : (const char *)name.data, name.len));
}

static json_t *completeness(struct shown *shown) {
    const struct rollup_group *group = shown->group;
    json_t *missing = json_array();
    for (size_t i = 0; i < group->missing_count; i++)
        json_array_append_new(missing, unit_code(shown, group->missing[i]));
    return json_pack("{s:i,s:i,s:i,s:i,s:o,s:i}", "expected", (int)group->expected, "reported", (int)group->reported, "submitted", 0, "late", 0, "missing",
                     missing, "contested", (int)group->contested);
}

static enum status add_group(struct shown *shown, const struct rollup_group *group, json_t *object, json_t *form_id) {
    json_t *fields = json_object();
    enum status status = STATUS_OK;
    shown->group = group;
    for (size_t i = 0; i < shown->form->field_count && status == STATUS_OK; i++) {
        if (is_shown(shown, i))
            status = add_field(shown, i, fields);
    }
    json_object_set_new(object, "fields", fields);
    if (form_id != NULL)
        json_object_set_new(object, "form_id", form_id);
    json_object_set_new(object, "completeness", completeness(shown));
    return status;
}

static enum status add_rows(struct shown *shown, const struct rollup_query *query, json_t *object) {
    json_t *rows = json_array();
    enum status status = STATUS_OK;
    for (size_t i = 0; i < shown->result->row_count && status == STATUS_OK; i++) {
        const struct rollup_group *group = &shown->result->rows[i];
        json_t *row = json_object();
        char text[PERIOD_TEXT_MAX];
        if (query->by == ROLLUP_BY_PERIOD) {
            period_text(text, &(struct period){shown->form->period, group->period});
            json_object_set_new(row, "period", json_string(text));
        } else {
            add_unit(shown, group->unit, row);
        }
        if (group->own)
            json_object_set_new(row, "own", json_true());
        status = add_group(shown, group, row, NULL);
        json_array_append_new(rows, row);
    }
    json_object_set_new(object, "rows", rows);
    return status;
}

static enum status show(struct shown *shown, const struct rollup_query *query) {
    char period[ROLLUP_PERIOD_TEXT_MAX], date[11], name[FORM_NAME_BYTES_MAX + 1], form_id[33];
    json_t *out = json_object();
    rollup_query_period(period, query);
    period_date_text(date, shown->result->as_of);
    request_hex(form_id, query->family->form_id, sizeof query->family->form_id);
    json_object_set_new(out, "form", json_string(text_of(shown->form->name, name, sizeof name)));
    json_object_set_new(out, "period", json_string(period));
    add_unit(shown, query->unit, out);
    json_object_set_new(out, "as_of", json_string(date));
    enum status status = add_group(shown, &shown->result->total, out, json_string(form_id));
    if (status == STATUS_OK && query->by != ROLLUP_TOTAL)
        status = add_rows(shown, query, out);
    if (status == STATUS_OK)
        shown->request->result = out;
    else
        json_decref(out);
    return status;
}

/* ---- the arguments ---- */

static struct bytes bytes_of_text(const char *text) {
    return bytes_of(text, strlen(text));
}

static enum status read_periods(struct request *request, struct rollup_query *query) {
    enum status status = request_period_read(request, "period", &query->from);
    query->to = query->from;
    return status == STATUS_OK && request_text(request, "period_to") != NULL ? request_period_read(request, "period_to", &query->to) : status;
}

static enum status read_by(struct request *request, struct rollup_query *query) {
    static const struct {
        const char *word;
        enum rollup_query_by by;
    } words[] = {{"unit", ROLLUP_BY_UNIT}, {"period", ROLLUP_BY_PERIOD}, {"level", ROLLUP_BY_LEVEL}};
    const char *by = request_text(request, "by");
    if (by == NULL)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, by) == 0)
            query->by = words[i].by;
    }
    if (query->by == ROLLUP_TOTAL)
        return request_refuse(request, STATUS_BAD_REQUEST, "by", by, NULL);
    const json_t *number = json_object_get(request->args, "level");
    if (query->by != ROLLUP_BY_LEVEL)
        return STATUS_OK;
    if (!json_is_integer(number) || json_integer_value(number) < 0 || json_integer_value(number) > LEVEL_MAX)
        return request_level(request, request_text(request, "level"), &query->level);
    query->level = (unsigned)json_integer_value(number);
    return STATUS_OK;
}

/* The unit: by the code it bore on the range's last day, or on a day that was named for codes or for the tree. */
static enum status read_unit(struct request *request, struct rollup_query *query) {
    int32_t codes, first, last;
    enum status status = request_date(request, "as_of", &query->as_of);
    if (status == STATUS_OK)
        status = request_date(request, "codes_as_of", &codes);
    if (status != STATUS_OK)
        return status;
    period_window(&query->to, WINDOW_CALENDAR, &first, &last);
    return request_period_unit(request, request_text(request, "unit"), last, codes != INT32_MIN ? codes : query->as_of, &query->unit);
}

static enum status read_fields(struct request *request, const struct form *form, bool **out) {
    const json_t *list = json_object_get(request->args, "fields");
    *out = NULL;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return STATUS_OK;
    bool *wanted = calloc(form->field_count, sizeof *wanted);
    if (wanted == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int ordinal = name != NULL ? form_view_field(form, bytes_of_text(name)) : -1;
        if (ordinal < 0) {
            free(wanted);
            return request_refuse(request, STATUS_FIELD_UNKNOWN, "field", name == NULL ? "" : name, NULL);
        }
        wanted[ordinal] = true;
    }
    *out = wanted;
    return STATUS_OK;
}

static enum status refuse_run(struct request *request, enum status status, const struct rollup_query *query, const struct rollup_result *result) {
    char period[ROLLUP_PERIOD_TEXT_MAX], code[UNIT_CODE_BYTES_MAX + 34], name[FORM_NAME_BYTES_MAX + 1];
    const struct tree *tree = request->store->tree;
    rollup_query_period(period, query);
    text_of(query->family->newest->form.name, name, sizeof name);
    code[0] = 0;
    if (result->failed_unit != TREE_NONE) {
        text_of(tree_code(tree, result->failed_unit, TREE_TODAY), code, sizeof code);
        if (code[0] == 0)
            request_hex(code, tree_unit_id(tree, result->failed_unit)->b, 16);
    }
    if (status == STATUS_NO_MEMORY || status == STATUS_DISK_ERROR)
        return status;
    const char *expected = status == STATUS_PERIOD_WRONG_KIND ? form_words_text(form_words_period, query->family->newest->form.period) : NULL;
    return request_refuse(request, status, "form", name, "period", period, "unit", code, expected != NULL ? "expected" : NULL, expected, NULL);
}

static enum status handle_rollup(struct request *request) {
    struct rollup_query query = {0};
    struct rollup_result result = {.failed_unit = TREE_NONE};
    bool *wanted = NULL;
    uint8_t *marks = NULL;
    enum status status = read_periods(request, &query);
    if (status == STATUS_OK)
        status = read_by(request, &query);
    if (status == STATUS_OK)
        status = read_unit(request, &query);
    if (status == STATUS_OK)
        status = request_period_form(request, query.unit, false, &query.family);
    if (status != STATUS_OK)
        return status;
    status = read_fields(request, &query.family->newest->form, &wanted);
    if (status != STATUS_OK)
        return status;
    status = rollup_query_run(request->store, &query, &result);
    if (status == STATUS_OK && request_flag(request, "suppress"))
        status = rollup_suppress(&query, &result, &marks);
    if (status == STATUS_OK) {
        struct shown shown = {.request = request, .form = &query.family->newest->form, .result = &result, .wanted = wanted, .marks = marks};
        status = show(&shown, &query);
        result.failed_unit = status == STATUS_SUM_OVERFLOW ? query.unit : TREE_NONE;
    }
    if (status != STATUS_OK)
        status = refuse_run(request, status, &query, &result);
    rollup_query_fini(&result);
    free(wanted);
    free(marks);
    return status;
}

const struct request_verb request_rollup_verbs[] = {{"rollup", handle_rollup, false}, {NULL, NULL, false}};
