/* One field of a form version (docs/protocol.md 5.4). A part of form.c that is long enough for a file of its own; inside protocol/ only. */
#ifndef PROTOCOL_FORM_FIELD_H
#define PROTOCOL_FORM_FIELD_H

#include "protocol/parts.h"

/* Passes over a field that a later form_field_read judges; how many choices it has. */
size_t form_field_skip(struct reader *reader);
/* Reads a field; its choices go to choices, which has room for as many as form_field_skip said. True if it has a critical extension. Whether its weight names a
 * field of the form, the form's reader knows. */
bool form_field_read(struct reader *reader, struct form_field *out, struct form_choice *choices);
void form_field_write(struct writer *writer, const struct form_field *field);
/* Is it of a type whose values are numbers: may it have limits, and weigh others? */
bool form_field_is_number(const struct form_field *field);
/* Does the text match [a-z][a-z0-9_]*? */
bool form_field_name_valid(struct bytes name);

#endif
