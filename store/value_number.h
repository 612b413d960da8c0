/* Numbers as people write them (docs/forms.md): thousands and decimals by dot, comma or blank, signs, percent. Pure; works on folded text (store/text_fold.h).
 */
#ifndef STORE_VALUE_NUMBER_H
#define STORE_VALUE_NUMBER_H

#include "store/value_text.h"

/* What kind of number the place takes, which decides between the readings of "4.731". */
enum number_kind { NUMBER_WHOLE /* a count: separators before three digits are thousands */, NUMBER_SCALED /* before "triệu", "tỷ" */, NUMBER_DECIMAL };

/* A number read: digits without separators, the last `decimals` of them behind the decimal sign. */
struct number {
    bool negative, grouped;
    size_t digits, decimals;
    char text[40];
};

/* Reads the number at the start of text; *used its bytes (also where it can't be read). VALUE_INVALID: none, or separators that fit no style; VALUE_AMBIGUOUS:
 * two readings and style does not say which; VALUE_RANGE: more digits than any value has. */
CHECKED enum status value_number_read(struct number *out, const char *text, size_t *used, enum number_kind kind, enum number_style style);
/* Times 10^exponent as an integer with `places` decimals: VALUE_INVALID where digits other than 0 would be lost, VALUE_RANGE beyond 64 bits. */
CHECKED enum status value_number_scale(int64_t *out, const struct number *number, unsigned exponent, unsigned places);
enum number_style value_number_style(const char *text);

#endif
