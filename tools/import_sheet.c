#include "tools/import_sheet.h"

#include "protocol/planted.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"

#include <stdlib.h>

/* ---- the header line ---- */

static const struct {
    const char *heading;
    enum import_column_kind kind;
    bool official;
} HEADINGS[] = {
    {"unit", IMPORT_UNIT, true},          {"period", IMPORT_PERIOD, true}, {"row", IMPORT_ROW, true},
    {"mã đơn vị", IMPORT_UNIT, false},    {"đơn vị", IMPORT_UNIT, false},  {"kỳ", IMPORT_PERIOD, false},
    {"kỳ báo cáo", IMPORT_PERIOD, false}, {"dòng", IMPORT_ROW, false},
};

/* The contract's three words come before the fields, their Vietnamese forms after them: a form may well call a field "Đơn vị". */
static enum import_column_kind reserved(const char *heading, bool official) {
    char *folded = fields_fold(heading);
    enum import_column_kind kind = IMPORT_IGNORED;
    for (size_t i = 0; folded != NULL && i < sizeof HEADINGS / sizeof HEADINGS[0]; i++) {
        if (HEADINGS[i].official == official && strcmp(HEADINGS[i].heading, folded) == 0) {
            kind = HEADINGS[i].kind;
        }
    }
    free(folded);
    return kind;
}

static json_t *place_args(const struct import_sheet *import, int64_t line, size_t column) {
    const struct sheet_row *header = sheet_header(import->sheet);
    json_t *args = json_pack("{s:I, s:I}", "line", (json_int_t)line, "column", (json_int_t)column + 1);
    if (column < header->count && *header->cells[column] != '\0') {
        json_object_set_new(args, "column_name", json_string(header->cells[column]));
    }
    return args;
}

static void add_problem(struct import_sheet *import, enum status status, json_t *args) {
    if (json_array_size(import->problems) >= IMPORT_PROBLEMS_MAX) {
        import->problems_more++;
        json_decref(args);
        return;
    }
    json_array_append_new(import->problems, refusal_new_problem(status, args));
}

static void match_column(struct import_sheet *import, size_t at) {
    const struct sheet_row *header = sheet_header(import->sheet);
    const char *heading = header->cells[at];
    struct import_column *column = &import->columns[at];
    column->kind = reserved(heading, true);
    enum status status = STATUS_OK;
    if (column->kind == IMPORT_IGNORED) {
        status = fields_find(import->fields, heading, &column->field);
        column->kind = status == STATUS_OK ? IMPORT_FIELD : reserved(heading, false);
    }
    if (column->kind == IMPORT_FIELD && import->fields->items[column->field].type == FIELD_COMPUTED) {
        column->kind = IMPORT_IGNORED;
        status = STATUS_FIELD_COMPUTED;
    }
    if (column->kind == IMPORT_IGNORED && !import->ignore_columns && !PLANTED("column-passed-over")) {
        status = status == STATUS_FIELD_UNKNOWN ? STATUS_COLUMN_UNKNOWN : status;
        add_problem(import, status, place_args(import, header->line, at));
    }
}

static bool same_column(const struct import_column *a, const struct import_column *b) {
    return a->kind == b->kind && a->kind != IMPORT_IGNORED && (a->kind != IMPORT_FIELD || a->field == b->field);
}

static void note_place(struct import_sheet *import, size_t at) {
    switch (import->columns[at].kind) {
    case IMPORT_UNIT:
        import->unit_at = at;
        break;
    case IMPORT_PERIOD:
        import->period_at = at;
        break;
    case IMPORT_ROW:
        import->row_at = at;
        break;
    default:
        break;
    }
}

enum status import_sheet_columns(struct import_sheet *import) {
    const struct sheet_row *header = sheet_header(import->sheet);
    const char *form = output_text(import->fields->form, "name");
    bool any = false;
    import->column_count = header->count;
    import->unit_at = import->period_at = import->row_at = SIZE_MAX;
    import->problems = json_array();
    for (size_t i = 0; i < header->count; i++) {
        match_column(import, i);
        for (size_t j = 0; j < i; j++) {
            if (same_column(&import->columns[i], &import->columns[j])) {
                add_problem(import, STATUS_CELL_DUPLICATE, place_args(import, header->line, i));
            }
        }
        any = any || import->columns[i].kind == IMPORT_FIELD;
        note_place(import, i);
    }
    if (json_array_size(import->problems) > 0) {
        json_t *first = json_array_get(import->problems, 0), *args = json_object_get(first, "args");
        enum status status = refusal_status(json_integer_value(json_object_get(first, "status")));
        json_object_set_new(args, "file", json_string(sheet_name(import->sheet)));
        refusal_tell(status, args);
        json_object_del(args, "file");
        refusal_problems(stderr, import->problems);
        fputs(_("Correct the header line; columns that are no field can be passed over with --ignore-columns.\n"), stderr);
        return status;
    }
    if (!any) {
        return refusal_say(STATUS_HEADER_LINE_INVALID, "file", sheet_name(import->sheet), "what", _("no column is a field of the form"), NULL);
    }
    if (import->period_at == SIZE_MAX && import->period == NULL) {
        return refusal_say(STATUS_PERIOD_INVALID, "what", _("The file has no column “period”: say which period it is with --period"), "file",
                           sheet_name(import->sheet), NULL);
    }
    if (fields_list(import->fields) != (import->row_at != SIZE_MAX)) {
        return refusal_say(import->row_at == SIZE_MAX ? STATUS_ROW_NEEDED : STATUS_ROW_UNWANTED, "form", form, NULL);
    }
    return STATUS_OK;
}

json_t *import_sheet_fields(const struct import_sheet *import) {
    json_t *names = json_array();
    for (size_t i = 0; i < import->column_count; i++) {
        if (import->columns[i].kind == IMPORT_FIELD) {
            json_array_append_new(names, json_string(fields_name(import->fields, import->columns[i].field)));
        }
    }
    return names;
}

/* ---- rows ---- */

enum status import_sheet_style(struct import_sheet *import) {
    struct sheet_row row;
    bool vietnamese = false, machine = false;
    enum status status = sheet_rewind(import->sheet);
    while (status == STATUS_OK && sheet_next(import->sheet, &row)) {
        for (size_t i = 0; i < import->column_count && i < row.count; i++) {
            if (import->columns[i].kind == IMPORT_FIELD && fields_numeric(import->fields, import->columns[i].field)) {
                enum number_style style = value_text_style(bytes_of(row.cells[i], strlen(row.cells[i])));
                vietnamese = vietnamese || style == STYLE_VIETNAMESE;
                machine = machine || style == STYLE_MACHINE;
            }
        }
    }
    /* A file that writes both ways proves neither: its doubtful cells are refused one by one. */
    import->style = vietnamese == machine ? STYLE_UNKNOWN : vietnamese ? STYLE_VIETNAMESE : STYLE_MACHINE;
    return status == STATUS_OK ? sheet_end(import->sheet) : status;
}

static void cell_problem(struct import_sheet *import, const struct sheet_row *row, size_t column, enum status status, const char *expected) {
    json_t *args = place_args(import, row->line, column);
    json_object_set_new(args, "read", json_string(column < row->count ? row->cells[column] : ""));
    json_object_set_new(args, "expected", json_string(expected));
    add_problem(import, status, args);
}

static json_t *read_cell(struct import_sheet *import, const struct sheet_row *row, size_t column, bool problems) {
    char source[160];
    json_t *cell;
    const char *text = column < row->count ? row->cells[column] : "";
    if (*text == '\0') {
        return json_null(); /* the sheet says nothing about it: what stands stays. A dash or "đang cập nhật" says that it is missing. */
    }
    snprintf(source, sizeof source, "%.100s:%lld:%zu", sheet_name(import->sheet), (long long)row->line, column + 1);
    enum status status = fields_cell(import->fields, import->columns[column].field, text, import->style, source, &cell);
    if (status != STATUS_OK) {
        if (problems) {
            char *expected = fields_expected(import->fields, import->columns[column].field);
            cell_problem(import, row, column, status, expected);
            free(expected);
        }
        return json_null();
    }
    return cell;
}

/* The text of a key column; fallback where there is no such column. A blank cell is a mistake: a total at the foot of a table must not be read as somebody's
 * report. */
static json_t *read_key(struct import_sheet *import, const struct sheet_row *row, size_t at, const char *fallback, bool problems) {
    const char *text = at < row->count ? row->cells[at] : "";
    if (at == SIZE_MAX || (*text == '\0' && at == import->period_at && fallback != NULL)) {
        return fallback != NULL ? json_string(fallback) : json_null();
    }
    if (*text == '\0' && problems) {
        enum status status = at == import->unit_at ? STATUS_UNIT_UNKNOWN : at == import->period_at ? STATUS_PERIOD_INVALID : STATUS_ROW_NEEDED;
        cell_problem(import, row, at, status,
                     at == import->unit_at     ? _("a unit's code")
                     : at == import->period_at ? _("a period, such as 2025-06")
                                               : _("a row key"));
    }
    return json_string(text);
}

json_t *import_sheet_row(struct import_sheet *import, const struct sheet_row *row, bool problems, size_t *bytes) {
    json_t *cells = json_array();
    *bytes = 120;
    for (size_t i = 0; i < import->column_count; i++) {
        if (import->columns[i].kind == IMPORT_FIELD) {
            json_t *cell = read_cell(import, row, i, problems);
            *bytes += json_is_null(cell) ? 5 : 180 + 3 * strlen(row->cells[i]);
            json_array_append_new(cells, cell);
        }
    }
    for (size_t i = import->column_count; problems && i < row->count; i++) {
        if (*row->cells[i] != '\0') {
            cell_problem(import, row, i, STATUS_VALUE_INVALID, _("nothing: the header line has no such column"));
        }
    }
    return json_pack("[I, o, o, o, o]", (json_int_t)row->line, read_key(import, row, import->unit_at, NULL, problems),
                     read_key(import, row, import->period_at, import->period, problems), read_key(import, row, import->row_at, NULL, problems), cells);
}

enum status import_sheet_check(struct import_sheet *import) {
    struct sheet_row row;
    size_t bytes;
    enum status status = sheet_rewind(import->sheet);
    import->rows = 0;
    while (status == STATUS_OK && sheet_next(import->sheet, &row)) {
        json_decref(import_sheet_row(import, &row, true, &bytes));
        import->rows++;
    }
    if (status == STATUS_OK) {
        status = sheet_end(import->sheet);
    }
    if (status == STATUS_OK && import->rows == 0) {
        status = refusal_say(STATUS_HEADER_LINE_INVALID, "file", sheet_name(import->sheet), "what", _("there is no row below it"), NULL);
    }
    return status;
}

bool import_sheet_nameless(const struct import_sheet *import, const struct sheet_row *row) {
    return (import->unit_at != SIZE_MAX && (import->unit_at >= row->count || *row->cells[import->unit_at] == '\0')) ||
           (import->row_at != SIZE_MAX && (import->row_at >= row->count || *row->cells[import->row_at] == '\0'));
}

void import_sheet_place(const struct import_sheet *import, json_t *problem) {
    json_t *args = json_object_get(problem, "args");
    const char *name = json_string_value(json_object_get(args, "column"));
    for (size_t i = 0; name != NULL && i < import->column_count; i++) {
        const struct import_column *column = &import->columns[i];
        bool same = column->kind == IMPORT_FIELD    ? strcmp(name, fields_name(import->fields, column->field)) == 0
                    : column->kind == IMPORT_UNIT   ? strcmp(name, "unit") == 0
                    : column->kind == IMPORT_PERIOD ? strcmp(name, "period") == 0
                    : column->kind == IMPORT_ROW    ? strcmp(name, "row") == 0
                                                    : false;
        if (same) {
            json_object_set_new(args, "column_name", json_string(sheet_header(import->sheet)->cells[i]));
            json_object_set_new(args, "column", json_integer((json_int_t)i + 1));
            return;
        }
    }
    if (name != NULL) { /* the file has none: the own unit, or the period of --period */
        json_object_del(args, "column");
    }
}
