/* A table in a text file, row by row in bounded memory: comma, semicolon, tab or bar between the cells (found on the header line, or said by a first line
 * "sep=;"), quoted cells, any line ends, with or without a byte order mark, in UTF-8. Codes stay text: nothing is read as a number here. Knows no form. */
#ifndef TOOLS_SHEET_H
#define TOOLS_SHEET_H

#include "protocol/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SHEET_COLUMNS_MAX = 1024,          /* three times the widest form */
    SHEET_ROW_BYTES_MAX = 1024 * 1024, /* a quote that is never closed swallows the file up to here, no further */
};

struct sheet;
struct sheet_row {
    int64_t line; /* of the file, from 1, where the row begins */
    size_t count;
    const char *cells[SHEET_COLUMNS_MAX]; /* borrowed until the next sheet_next; blanks around unquoted cells are gone */
};

/* Opens the file and reads its header line. What is wrong is told on standard error: FILE_UNREADABLE, TEXT_INVALID, HEADER_LINE_INVALID, FILE_REJECTED,
 * TOO_LARGE. */
CHECKED enum status sheet_open(struct sheet **out, const char *path);
void sheet_close(struct sheet *sheet); /* NULL harmless */
const struct sheet_row *sheet_header(const struct sheet *sheet);
const char *sheet_name(const struct sheet *sheet); /* the file's name without its folders */

/* The next row that is not wholly empty; false at the end and on error. */
bool sheet_next(struct sheet *sheet, struct sheet_row *out);
/* After the last row: OK, or what went wrong (TEXT_INVALID, TOO_LARGE, FILE_REJECTED for misplaced quotation marks, DISK_ERROR), told on standard error. */
CHECKED enum status sheet_end(struct sheet *sheet);
/* Back to the first row after the header. */
CHECKED enum status sheet_rewind(struct sheet *sheet);
int64_t sheet_bytes(const struct sheet *sheet);    /* of the file */
int64_t sheet_position(const struct sheet *sheet); /* read so far */

/* One cell for writing to a CSV file, quoted where needed. guard: text that a spreadsheet would take for a formula gets an apostrophe before it. */
void sheet_write_cell(FILE *file, const char *text, bool guard);

#endif
