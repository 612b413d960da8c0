#include "tools/table.h"

#include "protocol/planted.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

enum { GAP = 2, SCREEN_WIDTH = 80, SCREEN_WIDTH_LEAST = 40, WRAPPED_WIDTH_LEAST = 12, HEADER_WIDTH = 12 };

struct row {
    char **cells;
    size_t count;
    bool rule;
};
struct column {
    char *header;
    int flags;
    size_t width;
};
struct table {
    size_t column_count, key_columns, row_count, row_capacity;
    struct column columns[TABLE_COLUMNS_MAX];
    struct row *rows;
    struct row open;
};

static void *must(void *memory) {
    if (memory == NULL) {
        fputs("hoi: out of memory\n", stderr);
        exit(4);
    }
    return memory;
}

/* ---- widths ---- */

/* The width of the first character of text, and its length in bytes. What is no UTF-8 counts as one cell a byte. */
static size_t character(const char *text, size_t *bytes) {
    utf8proc_int32_t codepoint;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &codepoint);
    if (len <= 0) {
        *bytes = 1;
        return 1;
    }
    *bytes = (size_t)len;
    int width = utf8proc_charwidth(codepoint);
    return PLANTED("width-in-bytes") ? *bytes : width > 0 ? (size_t)width : 0;
}

size_t table_width(const char *text) {
    size_t width = 0, bytes;
    for (; *text != '\0'; text += bytes) {
        width += character(text, &bytes);
    }
    return width;
}

size_t table_screen_width(void) {
    struct winsize size;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col < SCREEN_WIDTH_LEAST ? SCREEN_WIDTH_LEAST : size.ws_col;
    }
    return SCREEN_WIDTH;
}

/* ---- wrapping ---- */

/* One line of at most width cells from text: its bytes in *len, its cells in *cells; returns where the next line begins. A word longer than the line is cut. */
static const char *wrap_line(const char *text, size_t width, size_t *len, size_t *cells) {
    size_t used = 0, bytes, at = 0, break_at = 0, break_cells = 0;
    while (text[at] != '\0' && text[at] != '\n') {
        size_t wide = character(text + at, &bytes);
        if (used + wide > width && at > 0) {
            break;
        }
        if (text[at] == ' ') {
            break_at = at;
            break_cells = used;
        }
        used += wide;
        at += bytes;
    }
    bool cut = text[at] != '\0' && text[at] != '\n' && text[at] != ' ';
    if (cut && break_at > 0) {
        *len = break_at;
        *cells = break_cells;
        return text + break_at + 1;
    }
    *len = at;
    *cells = used;
    return text[at] == '\0' || cut ? text + at : text + at + 1;
}

static size_t longest_word(const char *text) {
    size_t longest = 0, word = 0, bytes;
    for (; *text != '\0'; text += bytes) {
        size_t wide = character(text, &bytes);
        word = *text == ' ' ? 0 : word + wide;
        longest = word > longest ? word : longest;
    }
    return longest;
}

void table_paragraph(FILE *out, const char *text, size_t indent) {
    size_t screen = table_screen_width();
    for (size_t line = 0; line == 0 || *text != '\0'; line++) {
        size_t len, cells;
        const char *next = wrap_line(text, screen - (line > 0 ? indent : 0) - 1, &len, &cells);
        fprintf(out, "%*s%.*s\n", line > 0 ? (int)indent : 0, "", (int)len, text);
        text = next;
    }
}

void table_say(FILE *out, const char *text, size_t indent) {
    if (isatty(fileno(out))) {
        table_paragraph(out, text, indent);
    } else {
        size_t len = strlen(text);
        fprintf(out, "%s%s", text, len > 0 && text[len - 1] == '\n' ? "" : "\n");
    }
}

/* ---- building ---- */

struct table *table_new(void) {
    return must(calloc(1, sizeof(struct table)));
}

static void row_free(struct row *row) {
    for (size_t i = 0; i < row->count; i++) {
        free(row->cells[i]);
    }
    free(row->cells);
}

void table_free(struct table *table) {
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->row_count; i++) {
        row_free(&table->rows[i]);
    }
    row_free(&table->open);
    for (size_t i = 0; i < table->column_count; i++) {
        free(table->columns[i].header);
    }
    free(table->rows);
    free(table);
}

void table_column(struct table *table, const char *header, int flags) {
    assert(table->column_count < TABLE_COLUMNS_MAX);
    table->columns[table->column_count++] = (struct column){.header = must(strdup(header)), .flags = flags};
}

void table_keys(struct table *table, size_t key_columns) {
    table->key_columns = key_columns;
}

void table_cell(struct table *table, const char *text) {
    assert(table->open.count < table->column_count);
    if (table->open.cells == NULL) {
        table->open.cells = must(calloc(table->column_count, sizeof(char *)));
    }
    table->open.cells[table->open.count++] = must(strdup(text));
}

void table_row_end(struct table *table) {
    if (table->row_count == table->row_capacity) {
        table->row_capacity = table->row_capacity > 0 ? 2 * table->row_capacity : 64;
        table->rows = must(realloc(table->rows, table->row_capacity * sizeof *table->rows));
    }
    table->rows[table->row_count++] = table->open;
    table->open = (struct row){0};
}

void table_rule(struct table *table) {
    table->open.rule = true;
    table_row_end(table);
}

size_t table_rows(const struct table *table) {
    return table->row_count;
}

/* ---- printing ---- */

struct layout {
    const struct table *table;
    FILE *out;
    size_t columns[TABLE_COLUMNS_MAX], widths[TABLE_COLUMNS_MAX], count;
};

static size_t natural_width(const struct table *table, size_t column, bool headers, bool whole_headers) {
    size_t width = 0;
    for (size_t i = 0; i < table->row_count; i++) {
        const struct row *row = &table->rows[i];
        size_t cell = column < row->count ? table_width(row->cells[column]) : 0;
        width = cell > width ? cell : width;
    }
    if (headers) {
        const char *header = table->columns[column].header;
        size_t whole = table_width(header), word = longest_word(header), wrapped = word > HEADER_WIDTH ? word : HEADER_WIDTH;
        wrapped = whole < wrapped || whole_headers ? whole : wrapped; /* a long header is written over several lines */
        width = wrapped > width ? wrapped : width;
    }
    return width;
}

static size_t layout_width(const struct layout *layout) {
    size_t width = 0;
    for (size_t i = 0; i < layout->count; i++) {
        width += layout->widths[i] + (i > 0 ? GAP : 0);
    }
    return width;
}

/* Takes what is too much from the widest columns that may be wrapped. */
static void squeeze(struct layout *layout, size_t screen) {
    for (size_t width = layout_width(layout); width > screen; width--) {
        size_t widest = layout->count;
        for (size_t i = 0; i < layout->count; i++) {
            bool may = (layout->table->columns[layout->columns[i]].flags & TABLE_WRAP) != 0 && layout->widths[i] > WRAPPED_WIDTH_LEAST;
            if (may && (widest == layout->count || layout->widths[i] > layout->widths[widest])) {
                widest = i;
            }
        }
        if (widest == layout->count) {
            return;
        }
        layout->widths[widest]--;
    }
}

static void put_spaces(FILE *out, size_t count) {
    fprintf(out, "%*s", (int)count, "");
}

/* A row of cells as so many lines as its longest cell needs. Blanks at the end of a line are not written. */
static void print_cells(const struct layout *layout, const char *const *texts) {
    const char *rest[TABLE_COLUMNS_MAX];
    memcpy(rest, texts, layout->count * sizeof *rest);
    for (bool first = true, more = true; more; first = false) {
        size_t pending = 0;
        more = false;
        for (size_t i = 0; i < layout->count; i++) {
            size_t len = 0, cells = 0, width = layout->widths[i];
            const char *text = rest[i];
            if (first || *text != '\0') {
                rest[i] = wrap_line(text, width, &len, &cells);
            }
            bool right = (layout->table->columns[layout->columns[i]].flags & TABLE_RIGHT) != 0;
            size_t blanks = cells < width ? width - cells : 0;
            pending += right ? blanks : 0;
            if (len > 0) {
                put_spaces(layout->out, pending);
                fprintf(layout->out, "%.*s", (int)len, text);
                pending = 0;
            }
            pending += (right ? 0 : blanks) + GAP;
            more = more || *rest[i] != '\0';
        }
        fputc('\n', layout->out);
    }
}

static void print_rule(const struct layout *layout) {
    for (size_t i = 0; i < layout->count; i++) {
        for (size_t j = 0; j < layout->widths[i]; j++) {
            fputs("─", layout->out);
        }
        fputs(i + 1 < layout->count ? "  " : "\n", layout->out);
    }
}

static void print_block(struct layout *layout, bool headers) {
    const char *texts[TABLE_COLUMNS_MAX];
    const struct table *table = layout->table;
    if (headers) {
        for (size_t i = 0; i < layout->count; i++) {
            texts[i] = table->columns[layout->columns[i]].header;
        }
        print_cells(layout, texts);
        print_rule(layout);
    }
    for (size_t r = 0; r < table->row_count; r++) {
        const struct row *row = &table->rows[r];
        if (row->rule) {
            print_rule(layout);
            continue;
        }
        for (size_t i = 0; i < layout->count; i++) {
            texts[i] = layout->columns[i] < row->count ? row->cells[layout->columns[i]] : "";
        }
        print_cells(layout, texts);
    }
}

void table_print(const struct table *table, FILE *out, bool headers, size_t width) {
    size_t screen = width > 0 ? width : table_screen_width(), natural[TABLE_COLUMNS_MAX];
    size_t all = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        natural[i] = natural_width(table, i, headers, true);
        all += natural[i] + (i > 0 ? GAP : 0);
    }
    for (size_t i = 0; all > screen && i < table->column_count; i++) {
        natural[i] = natural_width(table, i, headers, false);
    }
    for (size_t next = table->key_columns, blocks = 0; blocks == 0 || next < table->column_count; blocks++) {
        struct layout layout = {.table = table, .out = out};
        for (size_t i = 0; i < table->key_columns; i++) {
            layout.widths[layout.count] = natural[i];
            layout.columns[layout.count++] = i;
        }
        size_t room = screen;
        if (table->key_columns > 0) { /* keys may take half the screen; the rest goes to as many columns as fit */
            squeeze(&layout, screen / 2);
            room = screen > layout_width(&layout) ? screen - layout_width(&layout) : 0;
        }
        for (size_t taken = 0, used = 0; next < table->column_count; next++, taken++) {
            used += natural[next] + GAP;
            if (table->key_columns > 0 && taken > 0 && used > room) {
                break;
            }
            layout.widths[layout.count] = natural[next];
            layout.columns[layout.count++] = next;
        }
        squeeze(&layout, screen);
        if (blocks > 0) {
            fputc('\n', out);
        }
        print_block(&layout, headers);
    }
}
