#include "tools/rollup_screen.h"

#include "tools/output.h"
#include "tools/sheet.h"
#include "tools/table.h"
#include "tools/text.h"

#include <stdlib.h>

enum { MISSING_NAMED_MAX = 10 };

static int64_t count_of(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

/* The unit of a roll-up or of one of its rows, as "22102 Xã Xuân Quang 2". malloc. */
static char *unit_of(const json_t *object) {
    return text_format("{code} {name}", "code", output_text(object, "unit"), "name", output_text(object, "unit_name"), NULL);
}

/* A missing unit, which the roll-up names by code (or id) alone. malloc. */
static char *missing_unit(const struct rollup_screen *screen, const char *code) {
    const json_t *unit = output_unit_named(screen->units, code);
    return unit != NULL ? output_unit(unit) : text_format("{code}", "code", code, NULL);
}

/* Fields that the roll-up gives anything for: text and dates are not added up. */
static bool rolled(const struct rollup_screen *screen, size_t index) {
    return json_object_get(json_object_get(screen->result, "fields"), fields_name(screen->fields, index)) != NULL;
}

static char *value_of(const struct rollup_screen *screen, size_t index, const json_t *fields) {
    return fields_shown(screen->fields, index, json_object_get(fields, fields_name(screen->fields, index)));
}

/* ---- the whole ---- */

/* What is special about a figure: contested values in it, values carried on from an earlier period. malloc. */
static char *note_of(const struct rollup_screen *screen, size_t index) {
    const json_t *field = json_object_get(json_object_get(screen->result, "fields"), fields_name(screen->fields, index));
    int64_t contested = count_of(field, "contested"), stale = count_of(field, "stale");
    char numbers[2][TEXT_SHORT];
    struct text_memory memory;
    text_memory_begin(&memory);
    if (contested > 0) {
        text_print(memory.file, PLURAL("{count} value contested", "{count} values contested", contested), "count", text_count(numbers[0], contested), NULL);
    }
    if (stale > 0) {
        fputs(contested > 0 ? "; " : "", memory.file);
        text_print(memory.file, PLURAL("{count} value of an earlier period", "{count} values of earlier periods", stale), "count",
                   text_count(numbers[1], stale), NULL);
    }
    return text_memory_end(&memory);
}

static void print_figures(const struct rollup_screen *screen, FILE *out) {
    struct table *table = table_new();
    table_column(table, _("Figure"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Total"), TABLE_RIGHT);
    table_column(table, _("Remark"), TABLE_LEFT | TABLE_WRAP);
    for (size_t i = 0; i < screen->fields->count; i++) {
        if (!rolled(screen, i)) {
            continue;
        }
        char *value = value_of(screen, i, json_object_get(screen->result, "fields")), *note = note_of(screen, i),
             *label = fields_label_measured(screen->fields, i);
        table_cell(table, label);
        table_cell(table, value);
        table_cell(table, note);
        table_row_end(table);
        free(label);
        free(note);
        free(value);
    }
    table_print(table, out, true, 0);
    table_free(table);
}

/* ---- rows of --by ---- */

static void rows_row(const struct rollup_screen *screen, struct table *table, const char *first, const json_t *row) {
    char counts[2][TEXT_SHORT];
    const json_t *completeness = json_object_get(row, "completeness");
    table_cell(table, first);
    for (size_t i = 0; i < screen->fields->count; i++) {
        if (rolled(screen, i)) {
            char *value = value_of(screen, i, json_object_get(row, "fields"));
            table_cell(table, value);
            free(value);
        }
    }
    char *reported = text_format("{reported}/{expected}", "reported", text_count(counts[0], count_of(completeness, "reported")), "expected",
                                 text_count(counts[1], count_of(completeness, "expected")), NULL);
    table_cell(table, reported);
    table_row_end(table);
    free(reported);
}

static void print_rows(const struct rollup_screen *screen, FILE *out) {
    const json_t *rows = json_object_get(screen->result, "rows"), *row;
    struct table *table = table_new();
    bool by_period = json_object_get(json_array_get(rows, 0), "period") != NULL && json_object_get(json_array_get(rows, 0), "unit") == NULL;
    size_t i;
    table_column(table, by_period ? _("Period") : _("Unit"), TABLE_LEFT | TABLE_WRAP);
    table_keys(table, 1);
    for (i = 0; i < screen->fields->count; i++) {
        if (rolled(screen, i)) {
            table_column(table, fields_label(screen->fields, i), TABLE_RIGHT);
        }
    }
    table_column(table, _("Reported"), TABLE_RIGHT);
    json_array_foreach(rows, i, row) {
        char *first = by_period ? text_format("{period}", "period", output_text(row, "period"), NULL) : unit_of(row);
        if (json_is_true(json_object_get(row, "own"))) { /* what the unit reported itself, beside those below it */
            char *own = text_format(_("{unit} (itself)"), "unit", first, NULL);
            free(first);
            first = own;
        }
        rows_row(screen, table, first, row);
        free(first);
    }
    table_rule(table);
    rows_row(screen, table, _("Total"), screen->result);
    table_print(table, out, true, 0);
    table_free(table);
}

/* ---- completeness ---- */

static void print_missing(const struct rollup_screen *screen, const json_t *missing, FILE *out) {
    size_t count = json_array_size(missing);
    char number[TEXT_SHORT];
    if (count == 0) {
        return;
    }
    text_print(out, PLURAL("Still missing: {count} unit", "Still missing: {count} units", (int64_t)count), "count", text_count(number, (int64_t)count), NULL);
    fputs(":\n", out);
    for (size_t i = 0; i < count && i < MISSING_NAMED_MAX; i++) {
        const char *code = json_string_value(json_array_get(missing, i));
        char *unit = missing_unit(screen, code != NULL ? code : "?");
        fprintf(out, "  %s\n", unit);
        free(unit);
    }
    if (count > MISSING_NAMED_MAX) {
        text_print(out, _("  … and {count} more (--json names them all)\n"), "count", text_count(number, (int64_t)count - MISSING_NAMED_MAX), NULL);
    }
}

static void print_completeness(const struct rollup_screen *screen, FILE *out) {
    const json_t *completeness = json_object_get(screen->result, "completeness");
    int64_t expected = count_of(completeness, "expected"), reported = count_of(completeness, "reported"), contested = count_of(completeness, "contested");
    char numbers[5][TEXT_SHORT];
    text_print(out, reported == expected ? _("Complete: all {expected} units have reported") : _("Not complete: {reported} of {expected} units have reported"),
               "reported", text_count(numbers[0], reported), "expected", text_count(numbers[1], expected), NULL);
    text_print(out, _("; submitted: {submitted}; late: {late}.\n"), "submitted", text_count(numbers[2], count_of(completeness, "submitted")), "late",
               text_count(numbers[3], count_of(completeness, "late")), NULL);
    if (contested > 0) {
        text_print(out,
                   PLURAL("{count} record is contested: its figures count provisionally until they are settled.\n",
                          "{count} records are contested: their figures count provisionally until they are settled.\n", contested),
                   "count", text_count(numbers[4], contested), NULL);
    }
    print_missing(screen, json_object_get(completeness, "missing"), out);
}

void rollup_screen_print(const struct rollup_screen *screen, FILE *out) {
    char date[TEXT_SHORT];
    char *shown = unit_of(screen->result);
    const char *as_of = output_text(screen->result, "as_of");
    text_print(out, _("{title}\n{unit}, {period}[ (units as of {date})]\n\n"), "title", fields_title(screen->fields), "unit", shown, "period",
               output_text(screen->result, "period"), "date", *as_of != '\0' ? text_date(date, as_of) : NULL, NULL);
    free(shown);
    if (json_array_size(json_object_get(screen->result, "rows")) > 0) {
        print_rows(screen, out);
    } else {
        print_figures(screen, out);
    }
    fputc('\n', out);
    print_completeness(screen, out);
}

/* ---- CSV ---- */

static bool suppressed_text(char out[24], const json_t *field) {
    const char *why = output_text(field, "suppressed");
    snprintf(out, 24, "%s", "×");
    if (strcmp(why, "small") == 0) {
        snprintf(out, 24, "<%lld", (long long)count_of(field, "below"));
    }
    return *why != '\0';
}

static int64_t suppressed_in(const json_t *fields) {
    const char *name;
    json_t *field;
    int64_t count = 0;
    json_object_foreach((json_t *)fields, name, field) {
        count += *output_text(field, "suppressed") != '\0';
    }
    return count;
}

int64_t rollup_screen_suppressed(const struct rollup_screen *screen) {
    const json_t *row;
    size_t i;
    int64_t count = suppressed_in(json_object_get(screen->result, "fields"));
    json_array_foreach(json_object_get(screen->result, "rows"), i, row) {
        count += suppressed_in(json_object_get(row, "fields"));
    }
    return count;
}

static void csv_row(const struct rollup_screen *screen, const json_t *row, FILE *out) {
    const json_t *completeness = json_object_get(row, "completeness"), *unit = json_object_get(row, "unit") != NULL ? row : screen->result;
    const char *period = output_text(row, "period");
    sheet_write_cell(out, output_text(unit, "unit"), true);
    fputc(',', out);
    sheet_write_cell(out, output_text(unit, "unit_name"), true);
    fputc(',', out);
    sheet_write_cell(out, *period != '\0' ? period : output_text(screen->result, "period"), true);
    for (size_t i = 0; i < screen->fields->count; i++) {
        if (rolled(screen, i)) {
            const json_t *field = json_object_get(json_object_get(row, "fields"), fields_name(screen->fields, i));
            char suppressed[24];
            fputc(',', out);
            if (suppressed_text(suppressed, field)) {
                sheet_write_cell(out, suppressed, true);
            } else {
                sheet_write_cell(out, output_text(field, "value"), !fields_numeric(screen->fields, i)); /* a negative number is no formula */
            }
        }
    }
    fprintf(out, ",%lld,%lld\r\n", (long long)count_of(completeness, "expected"), (long long)count_of(completeness, "reported"));
}

void rollup_screen_csv(const struct rollup_screen *screen, FILE *out) {
    const json_t *row;
    size_t i;
    fputs("\xef\xbb\xbf", out); /* the mark by which spreadsheets know UTF-8 */
    if (screen->practice) {
        sheet_write_cell(out, _("*** TRIAL: an association for practice, its figures are not real ***"), false);
        fputs("\r\n", out);
    }
    fputs("unit,name,period", out);
    for (i = 0; i < screen->fields->count; i++) {
        if (rolled(screen, i)) {
            fputc(',', out);
            sheet_write_cell(out, fields_label(screen->fields, i), true);
        }
    }
    fputs(",expected,reported\r\n", out);
    json_array_foreach(json_object_get(screen->result, "rows"), i, row) {
        csv_row(screen, row, out);
    }
    csv_row(screen, screen->result, out);
}
