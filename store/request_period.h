/* Arguments that name a period, a form for it, and a unit by the code it bore then. */
#ifndef STORE_REQUEST_PERIOD_H
#define STORE_REQUEST_PERIOD_H

#include "store/form_view.h"
#include "store/period.h"
#include "store/request.h"

/* PERIOD_INVALID, refused with what was read. */
CHECKED enum status request_period_read(struct request *request, const char *key, struct period *out);
/* The unit that bears the code on `day`; one that the code names no more, because it means another unit today, is refused with both (CODE_CHANGED_MEANING).
 * codes_as_of: the day by which codes are meant, INT32_MIN where nobody said so; then nothing is refused. Else as request_unit. */
CHECKED enum status request_period_unit(struct request *request, const char *text, int32_t day, int32_t codes_as_of, uint32_t *unit);
/* Form, period and unit of a request, by its arguments form, period, unit, codes_as_of. entering: as form_view_find. The period is of the form's kind
 * (PERIOD_WRONG_KIND, refused with the kind that is expected). */
struct request_period {
    const struct form_family *family;
    struct period period;
    uint32_t unit;
    int32_t first, last;
};
CHECKED enum status request_period_all(struct request *request, bool entering, struct request_period *out);
/* Only the form, as the unit sees it: FORM_UNKNOWN, FORM_AMBIGUOUS, refused with what was read. */
CHECKED enum status request_period_form(struct request *request, uint32_t unit, bool entering, const struct form_family **out);

#endif
