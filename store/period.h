/* Reporting periods: ordinals of docs/protocol.md section 6, the canonical text (2025-06, 2025-Q2, 2025-H1, 2025-9M, 2025, 2021-2026, 2025-SY, 2025-06-30),
 * what people write, and windows. Pure: no clock. */
#ifndef STORE_PERIOD_H
#define STORE_PERIOD_H

#include "protocol/change.h"

struct period {
    uint8_t kind;
    uint32_t ordinal;
};
enum { PERIOD_TEXT_MAX = 16 };

/* Canonical text and what people write ("tháng 6/2025", "T6/2025", "quý II/2025", "6 tháng đầu năm 2025", "9 tháng năm 2024", "năm 2025", "nhiệm kỳ 2021-2026",
 * "năm học 2025-2026"). A day ("2025-06-30", "30/6/2025") is an ad hoc period. PERIOD_INVALID. */
CHECKED enum status period_parse(struct period *out, struct bytes text);
void period_text(char out[PERIOD_TEXT_MAX], const struct period *period);
bool period_valid(uint8_t kind, uint32_t ordinal);
/* First and last day (days since 1970-01-01), by the form's window. A term and a school year have calendar windows only: whole years, and 1 September to 31
 * August. */
void period_window(const struct period *period, uint8_t window, int32_t *first, int32_t *last);
/* Does the whole of inner lie within outer (calendar)? For ranges and coarser periods over finer records. */
bool period_within(const struct period *inner, const struct period *outer);
/* The ordinals of kind from the first to the last that lie within from .. to (of any kinds): PERIOD_WRONG_KIND where none does (a month asked of a quarterly
 * form), PERIOD_INVALID where to ends before from begins. */
CHECKED enum status period_span(uint8_t kind, const struct period *from, const struct period *to, uint32_t *first, uint32_t *last);
/* The ordinal after this one; 0: there is none. */
uint32_t period_next(uint8_t kind, uint32_t ordinal);

int32_t period_days(int year, unsigned month, unsigned day);            /* to days since 1970-01-01 */
void period_date_text(char out[11], int32_t days);                      /* YYYY-MM-DD; days between DATE_MIN and DATE_MAX */
CHECKED enum status period_date_parse(int32_t *out, struct bytes text); /* YYYY-MM-DD, d/m/yyyy, d-m-yyyy, d.m.yyyy, "ngày 16 tháng 6 năm 2025". DATE_INVALID */

#endif
