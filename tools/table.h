/* Tables on a terminal: columns aligned by display width (Vietnamese letters may be several bytes, or a letter and a mark), wrapped and divided into blocks so
 * that no line is longer than the screen. Knows nothing of what stands in them. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TABLE_LEFT = 0, TABLE_RIGHT = 1, TABLE_WRAP = 2 /* or-ed: may be wrapped where the line would be too long */ };
enum { TABLE_COLUMNS_MAX = 320 };

struct table;
struct table *table_new(void); /* never NULL: the program ends when memory is out */
void table_free(struct table *table);
/* Columns first, then rows. The first key_columns are repeated in every block where the others do not fit beside one another (0: the table is never divided).
 */
void table_column(struct table *table, const char *header, int flags);
void table_keys(struct table *table, size_t key_columns);
/* Cells are copied. Missing ones at the end of a row are empty. */
void table_cell(struct table *table, const char *text);
void table_row_end(struct table *table);
void table_rule(struct table *table); /* a line between the rows before and after */
size_t table_rows(const struct table *table);
/* headers: with the header line. width 0: table_screen_width(). */
void table_print(const struct table *table, FILE *out, bool headers, size_t width);

size_t table_width(const char *text); /* cells of a terminal that the text takes */
size_t table_screen_width(void);      /* of standard output's terminal; 80 where it is none */
/* Text wrapped at the screen's width, every line but the first indented. */
void table_paragraph(FILE *out, const char *text, size_t indent);

/* The same on a terminal; elsewhere the text as it is, for programs that look for it. A line feed at the end of text is not needed. */
void table_say(FILE *out, const char *text, size_t indent);

#endif
