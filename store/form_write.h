/* A form as its file's JSON object, complete: what store/form_json.h reads gives the same form. */
#ifndef STORE_FORM_WRITE_H
#define STORE_FORM_WRITE_H

#include "protocol/change.h"

#include <jansson.h>

/* New references; NULL where memory is out. */
json_t *form_write_json(const struct form *form);
json_t *form_write_texts(const struct texts *texts); /* {LANG: TEXT} */

#endif
