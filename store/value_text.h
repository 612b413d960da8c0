/* Text as people write it into values: numbers in Vietnamese and machine style, amounts of money, dates, yes and no, choices, blanks that mean missing.
 * Pure; used by the tool (typed values, spreadsheets). Sources of the rules: docs/forms.md. */
#ifndef STORE_VALUE_TEXT_H
#define STORE_VALUE_TEXT_H

#include "protocol/put.h"

/* How a file writes decimals, as far as its other cells have shown. */
enum number_style { STYLE_UNKNOWN = 0, STYLE_VIETNAMESE /* 3.359,80 */, STYLE_MACHINE /* 3359.80 */ };

struct value_text {
    uint8_t state, qualifier;             /* enum cell_state (never untouched), enum qualifier */
    char value[TEXT_VALUE_BYTES_MAX + 1]; /* the machine form of docs/control.md, NUL-terminated; NFC; empty unless state is CELL_VALUE */
};

/* Reads one cell of the field. Blank, dotted blanks, "-", "x", "đang cập nhật" are CELL_MISSING; "không áp dụng", "n/a" CELL_NOT_APPLICABLE.
 * integer, money: "4.731", "4,731", "4 731", "04", "không" (0); money also "173 tỉ đồng", "5 tỷ 298,2 triệu"; "trên", "hơn", "dưới", "gần", "khoảng" give
 * qualifiers. decimal: a single "." or "," before exactly three digits is VALUE_AMBIGUOUS unless style says which. VALUE_INVALID, VALUE_AMBIGUOUS, VALUE_RANGE
 * (too large), TEXT_INVALID, TOO_LARGE, DATE_INVALID. */
CHECKED enum status value_text_parse(struct value_text *out, const struct form_field *field, struct bytes text, enum number_style style);
/* What style does this cell's text prove, if any? ("3.359,80" Vietnamese; "28.69" machine.) */
enum number_style value_text_style(struct bytes text);
/* Scaled number to plain decimal text ("-12.50" for -1250, 2 places), and back (VALUE_INVALID: more places than allowed, VALUE_RANGE). */
size_t value_text_plain(char out[48], int64_t number, unsigned places);
CHECKED enum status value_text_scaled(int64_t *out, struct bytes text, unsigned places);
/* NFC, appended to out. TEXT_INVALID, NO_MEMORY, TOO_LARGE. */
CHECKED enum status value_text_nfc(struct bytes text, struct buffer *out);

#endif
