/* A sheet read against a form: which column is what, the file's number style, and rows as the import requests want them (docs/control.md). Sends nothing,
 * prints nothing but what is wrong with the header line. */
#ifndef TOOLS_IMPORT_SHEET_H
#define TOOLS_IMPORT_SHEET_H

#include "tools/fields.h"
#include "tools/sheet.h"

enum { IMPORT_PROBLEMS_MAX = 10000 }; /* kept and shown; the rest is counted */

enum import_column_kind { IMPORT_IGNORED, IMPORT_UNIT, IMPORT_PERIOD, IMPORT_ROW, IMPORT_FIELD };
struct import_column {
    enum import_column_kind kind;
    size_t field;
};

struct import_sheet {
    const struct fields *fields;
    struct sheet *sheet;
    const char *period; /* of --period, or NULL */
    bool ignore_columns;
    struct import_column columns[SHEET_COLUMNS_MAX];
    size_t column_count;
    size_t unit_at, period_at, row_at; /* SIZE_MAX: no such column */
    enum number_style style;
    json_t *problems;            /* an array, sorted when shown */
    int64_t problems_more, rows; /* rows: counted by import_sheet_check */
};

/* Finds out what the columns are. Told: HEADER_LINE_INVALID, PERIOD_INVALID (no period anywhere), COLUMN_UNKNOWN, FIELD_COMPUTED, CELL_DUPLICATE, ROW_NEEDED,
 * ROW_UNWANTED. */
CHECKED enum status import_sheet_columns(struct import_sheet *import);
/* First pass: how the file writes decimals. */
CHECKED enum status import_sheet_style(struct import_sheet *import);
/* Second pass: reads every cell once; what is wrong is added to problems. */
CHECKED enum status import_sheet_check(struct import_sheet *import);
/* [line, unit, period, row, [cells...]] of the row; cells that cannot be read are null. bytes: about how long its JSON is. problems: add what is wrong, or pass
 * over it (it is known). */
json_t *import_sheet_row(struct import_sheet *import, const struct sheet_row *row, bool problems, size_t *bytes);
/* Is the row's unit or row key blank, where the file has such a column? It is told by import_sheet_check, and must not be sent: the store would take it for the
 * own unit. */
bool import_sheet_nameless(const struct import_sheet *import, const struct sheet_row *row);
/* The field names, in the order in which rows give their cells. */
json_t *import_sheet_fields(const struct import_sheet *import);
/* A problem of the store names a field, or unit, period, row: gives it the file's column number and heading. */
void import_sheet_place(const struct import_sheet *import, json_t *problem);

#endif
