#include "tools/sheet.h"

#include "protocol/codec.h"
#include "protocol/planted.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"

#include <csv.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct sheet {
    char *path;
    FILE *file;
    struct csv_parser parser;
    bool parser_ready;
    char delimiter;
    int64_t bytes, line; /* line: of the file, the one read last */
    bool ended, row_ready, row_open;
    enum status status;
    struct buffer text;  /* the physical line being read */
    struct buffer cells; /* of the row being built, each ended by NUL */
    size_t starts[SHEET_COLUMNS_MAX], count;
    int64_t row_line;
    struct sheet_row header;
    struct buffer header_cells;
    int64_t body_offset, body_line;
};

static void fail(struct sheet *sheet, enum status status) {
    if (sheet->status == STATUS_OK) {
        sheet->status = status;
    }
}

/* ---- lines ---- */

/* One line with its end (LF, CR or CR LF) into text; false at the end of the file and on error. */
static bool read_line(struct sheet *sheet) {
    buffer_clear(&sheet->text);
    for (int byte = getc_unlocked(sheet->file); byte != EOF; byte = getc_unlocked(sheet->file)) {
        uint8_t one = (uint8_t)byte;
        fail(sheet, buffer_append(&sheet->text, &one, 1));
        if (sheet->status != STATUS_OK) {
            return false;
        }
        if (byte == '\n') {
            break;
        }
        if (byte == '\r') {
            int next = getc_unlocked(sheet->file);
            if (next == '\n') {
                fail(sheet, buffer_append(&sheet->text, "\n", 1));
            } else if (next != EOF) {
                ungetc(next, sheet->file);
            }
            break;
        }
    }
    if (ferror(sheet->file) != 0) {
        fail(sheet, STATUS_DISK_ERROR);
    }
    if (sheet->text.len == 0 || sheet->status != STATUS_OK) {
        return false;
    }
    sheet->line++;
    if (!codec_utf8_valid(buffer_bytes(&sheet->text))) {
        fail(sheet, STATUS_TEXT_INVALID);
    }
    return sheet->status == STATUS_OK;
}

static bool line_blank(const struct buffer *line) {
    for (size_t i = 0; i < line->len; i++) {
        if (!isspace(line->data[i])) {
            return false;
        }
    }
    return true;
}

/* ---- rows ---- */

static void on_cell(void *text, size_t len, void *context) {
    struct sheet *sheet = context;
    if (sheet->count == SHEET_COLUMNS_MAX) {
        fail(sheet, STATUS_TOO_LARGE);
        return;
    }
    sheet->starts[sheet->count++] = sheet->cells.len;
    if (len > 0) {
        fail(sheet, buffer_append(&sheet->cells, text, len));
    }
    fail(sheet, buffer_append(&sheet->cells, "", 1));
}

static void on_row(int end, void *context) {
    (void)end;
    ((struct sheet *)context)->row_ready = true;
}

static bool parser_begin(struct sheet *sheet) {
    if (sheet->parser_ready) {
        csv_free(&sheet->parser);
    }
    sheet->parser_ready = csv_init(&sheet->parser, CSV_STRICT | CSV_STRICT_FINI) == 0;
    if (sheet->parser_ready) {
        csv_set_delim(&sheet->parser, (unsigned char)sheet->delimiter);
    } else {
        fail(sheet, STATUS_NO_MEMORY);
    }
    sheet->row_open = sheet->row_ready = false;
    return sheet->parser_ready;
}

static void feed(struct sheet *sheet) {
    if (!sheet->row_open) {
        sheet->row_line = sheet->line;
    }
    if (csv_parse(&sheet->parser, sheet->text.data, sheet->text.len, on_cell, on_row, sheet) != sheet->text.len) {
        fail(sheet, csv_error(&sheet->parser) == CSV_ENOMEM ? STATUS_NO_MEMORY : STATUS_FILE_REJECTED);
    }
    sheet->row_open = !sheet->row_ready;
    if (sheet->row_open && csv_get_buffer_size(&sheet->parser) > SHEET_ROW_BYTES_MAX) {
        fail(sheet, STATUS_TOO_LARGE);
    }
}

/* The end of the file also ends a row without a line end. An open quote is a mistake: the rest of the table was swallowed by one cell. */
static void feed_end(struct sheet *sheet) {
    sheet->ended = true;
    if (csv_fini(&sheet->parser, on_cell, on_row, sheet) != 0) {
        fail(sheet, STATUS_FILE_REJECTED);
    }
}

static bool read_row(struct sheet *sheet, struct sheet_row *out) {
    buffer_clear(&sheet->cells);
    sheet->count = 0;
    sheet->row_ready = false;
    while (!sheet->row_ready && !sheet->ended && sheet->status == STATUS_OK) {
        if (!read_line(sheet)) {
            if (sheet->status == STATUS_OK) {
                feed_end(sheet);
            }
        } else if (sheet->row_open || !line_blank(&sheet->text)) {
            feed(sheet);
        }
    }
    if (sheet->status != STATUS_OK || !sheet->row_ready || sheet->count == 0) {
        return false;
    }
    out->line = sheet->row_line;
    out->count = sheet->count;
    for (size_t i = 0; i < sheet->count; i++) {
        out->cells[i] = (const char *)sheet->cells.data + sheet->starts[i];
    }
    return true;
}

bool sheet_next(struct sheet *sheet, struct sheet_row *out) {
    while (read_row(sheet, out)) {
        for (size_t i = 0; i < out->count; i++) {
            if (*out->cells[i] != '\0') {
                return true;
            }
        }
    }
    return false;
}

/* ---- the beginning of a file ---- */

/* What the first bytes say: UTF-8 with or without its mark, or something else. */
static bool skip_mark(struct sheet *sheet) {
    uint8_t first[3] = {0};
    size_t len = fread(first, 1, sizeof first, sheet->file);
    bool utf16 = len >= 2 && ((first[0] == 0xff && first[1] == 0xfe) || (first[0] == 0xfe && first[1] == 0xff));
    bool mark = len == 3 && memcmp(first, "\xef\xbb\xbf", 3) == 0;
    if (utf16) {
        fail(sheet, STATUS_TEXT_INVALID);
        sheet->line = 1;
    } else if (fseeko(sheet->file, mark ? 3 : 0, SEEK_SET) != 0) {
        fail(sheet, STATUS_DISK_ERROR);
    }
    return sheet->status == STATUS_OK;
}

/* "sep=;" as spreadsheets write it, with or without quotes; 0: it is another line. */
static char said_delimiter(const struct buffer *line) {
    const char *text = (const char *)line->data;
    size_t at = line->len > 0 && text[0] == '"' ? 1 : 0;
    return line->len > at + 4 && strncasecmp(text + at, "sep=", 4) == 0 ? text[at + 4] : '\0';
}

static char found_delimiter(const struct buffer *line) {
    static const char DELIMITERS[] = ",;\t|";
    size_t counts[sizeof DELIMITERS] = {0}, best = 0;
    bool quoted = false;
    for (size_t i = 0; i < line->len; i++) {
        const char *at = line->data[i] != '\0' ? strchr(DELIMITERS, line->data[i]) : NULL;
        quoted = line->data[i] == '"' ? !quoted : quoted;
        if (at != NULL && !quoted) {
            counts[at - DELIMITERS]++;
        }
    }
    for (size_t i = 1; i < sizeof DELIMITERS - 1; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    return DELIMITERS[best];
}

/* Workbooks of Excel (.xlsx, .xls) and LibreOffice (.ods), which people take for tables. */
static bool is_workbook(struct sheet *sheet) {
    static const unsigned char ZIP[4] = {'P', 'K', 3, 4}, OLD[4] = {0xd0, 0xcf, 0x11, 0xe0};
    unsigned char start[4];
    bool whole = fread(start, 1, sizeof start, sheet->file) == sizeof start;
    rewind(sheet->file);
    return whole && (memcmp(start, ZIP, sizeof ZIP) == 0 || memcmp(start, OLD, sizeof OLD) == 0);
}

static bool read_header(struct sheet *sheet) {
    int64_t start = (int64_t)ftello(sheet->file);
    bool any = read_line(sheet);
    while (any && line_blank(&sheet->text)) {
        start = (int64_t)ftello(sheet->file);
        any = read_line(sheet);
    }
    if (!any) {
        fail(sheet, STATUS_HEADER_LINE_INVALID); /* an empty file */
        return false;
    }
    sheet->delimiter = said_delimiter(&sheet->text);
    if (sheet->delimiter == '\0') {
        sheet->delimiter = found_delimiter(&sheet->text);
        sheet->line--;
        if (fseeko(sheet->file, start, SEEK_SET) != 0) {
            fail(sheet, STATUS_DISK_ERROR);
        }
    }
    if (!parser_begin(sheet) || !sheet_next(sheet, &sheet->header)) {
        fail(sheet, STATUS_HEADER_LINE_INVALID);
        return false;
    }
    /* The cells move to a place of their own: the next row uses theirs again. */
    sheet->header_cells = sheet->cells;
    buffer_init(&sheet->cells, SHEET_ROW_BYTES_MAX);
    sheet->body_offset = (int64_t)ftello(sheet->file);
    sheet->body_line = sheet->line;
    return true;
}

static enum status tell(const struct sheet *sheet) {
    char line[24];
    const char *what = NULL, *name = sheet_name(sheet);
    snprintf(line, sizeof line, "%lld", (long long)(sheet->row_open ? sheet->row_line : sheet->line));
    if (sheet->status == STATUS_FILE_REJECTED) {
        what = sheet->ended ? _("a quotation mark (\") is opened and never closed")
                            : _("a quotation mark (\") stands where none belongs; inside quoted cells it is written twice");
    }
    if (sheet->status == STATUS_HEADER_LINE_INVALID) {
        what = _("the file is empty");
    }
    if (sheet->status == STATUS_TOO_LARGE) {
        what = _("a row of the table; perhaps a quotation mark (\") is never closed");
    }
    return refusal_say(sheet->status, "file", name, "line", sheet->line > 0 ? line : NULL, "what", what, NULL);
}

enum status sheet_open(struct sheet **out, const char *path) {
    struct stat about;
    struct sheet *sheet = calloc(1, sizeof *sheet);
    *out = NULL;
    if (sheet == NULL) {
        return refusal_tell(STATUS_NO_MEMORY, NULL);
    }
    buffer_init(&sheet->text, SHEET_ROW_BYTES_MAX);
    buffer_init(&sheet->cells, SHEET_ROW_BYTES_MAX);
    sheet->path = strdup(path);
    sheet->file = sheet->path != NULL ? fopen(path, "rb") : NULL;
    if (sheet->path == NULL || (sheet->file == NULL && errno == ENOMEM)) {
        sheet_close(sheet);
        return refusal_tell(STATUS_NO_MEMORY, NULL);
    }
    if (sheet->file == NULL || fstat(fileno(sheet->file), &about) != 0 || !S_ISREG(about.st_mode)) {
        const char *why = sheet->file == NULL ? output_errno(errno) : _("it is no ordinary file");
        refusal_say(STATUS_FILE_UNREADABLE, "file", path, "reason", why, NULL);
        sheet_close(sheet);
        return STATUS_FILE_UNREADABLE;
    }
    sheet->bytes = (int64_t)about.st_size;
    if (is_workbook(sheet)) {
        refusal_say(STATUS_FILE_UNREADABLE, "file", path, "reason",
                    _("it is an Excel workbook; open it in Excel and save it with “Save as”, type “CSV UTF-8 (comma delimited)”"), NULL);
        sheet_close(sheet);
        return STATUS_FILE_UNREADABLE;
    }
    if (!skip_mark(sheet) || !read_header(sheet)) {
        enum status status = tell(sheet);
        sheet_close(sheet);
        return status;
    }
    *out = sheet;
    return STATUS_OK;
}

void sheet_close(struct sheet *sheet) {
    if (sheet == NULL) {
        return;
    }
    if (sheet->file != NULL) {
        fclose(sheet->file);
    }
    if (sheet->parser_ready) {
        csv_free(&sheet->parser);
    }
    buffer_fini(&sheet->text);
    buffer_fini(&sheet->cells);
    buffer_fini(&sheet->header_cells);
    free(sheet->path);
    free(sheet);
}

const struct sheet_row *sheet_header(const struct sheet *sheet) {
    return &sheet->header;
}

const char *sheet_name(const struct sheet *sheet) {
    const char *slash = strrchr(sheet->path, '/');
    return slash != NULL ? slash + 1 : sheet->path;
}

enum status sheet_end(struct sheet *sheet) {
    return sheet->status == STATUS_OK ? STATUS_OK : tell(sheet);
}

enum status sheet_rewind(struct sheet *sheet) {
    sheet->ended = false;
    sheet->line = sheet->body_line;
    if (fseeko(sheet->file, sheet->body_offset, SEEK_SET) != 0) {
        fail(sheet, STATUS_DISK_ERROR);
    }
    parser_begin(sheet);
    return sheet_end(sheet);
}

int64_t sheet_bytes(const struct sheet *sheet) {
    return sheet->bytes;
}

int64_t sheet_position(const struct sheet *sheet) {
    return (int64_t)ftello(sheet->file);
}

void sheet_write_cell(FILE *out, const char *text, bool guard) {
    bool formula = guard && !PLANTED("formula-not-guarded") && *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    if (!formula && strpbrk(text, ",;\"\t\r\n|") == NULL) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    if (formula) {
        fputc('\'', out);
    }
    for (; *text != '\0'; text++) {
        if (*text == '"' && !PLANTED("quote-not-doubled")) {
            fputc('"', out);
        }
        fputc(*text, out);
    }
    fputc('"', out);
}
