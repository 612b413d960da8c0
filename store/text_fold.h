/* Folding for recognising words that people write: lower case without marks, one blank between words ("Tháng 06  năm 2025" becomes "thang 06 nam 2025"). Never
 * for identity: many names differ by marks alone. Pure. */
#ifndef STORE_TEXT_FOLD_H
#define STORE_TEXT_FOLD_H

#include "protocol/types.h"

/* Writes at most max - 1 bytes and a NUL; returns the length, or max where the text does not fit. Vietnamese letters in composed and decomposed form lose their
 * marks, đ becomes d; dashes of any length become "-", an ellipsis "...", blanks of any kind one space (none at the ends); other characters stay as they are.
 */
size_t text_fold(char *out, size_t max, struct bytes text);
/* One character of UTF-8 (text valid and not empty): its bytes' count, the code point in *out. */
size_t text_fold_next(struct bytes text, uint32_t *out);

#endif
