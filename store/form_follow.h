/* What a following version of a form may not change: what stands in records already must keep its meaning. Pure. */
#ifndef STORE_FORM_FOLLOW_H
#define STORE_FORM_FOLLOW_H

#include "store/form_json.h"

/* OK, or FORM_CHANGED after every breach has been told (path as in the newer version's file). Breaches: name, issuer, period kind, window or list changed;
 * reach narrowed; a field gone instead of retired; under one field name another type, places or measure, or a choice gone. */
CHECKED enum status form_follow_check(const struct form *older, const struct form *newer, form_mistake_fn mistake, void *ctx);

#endif
