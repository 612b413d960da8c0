/* A form as the tool uses it: the answer to form.show, with its fields ready for reading values as people write them, and values ready to be shown.
 * Owns the form's JSON; what a value may look like is store/value_text.h's. */
#ifndef TOOLS_FIELDS_H
#define TOOLS_FIELDS_H

#include "store/value_text.h"
#include "tools/client.h"

struct fields {
    json_t *form; /* the answer to form.show */
    json_t *file; /* the form file's object in it; borrowed */
    struct form_field *items;
    size_t count;
};

/* Asks for the form; a refusal is told. out needs fields_fini also after an error. */
CHECKED enum status fields_load(struct fields *out, struct client *client, const char *form);
void fields_fini(struct fields *fields);

const char *fields_title(const struct fields *fields);
const char *fields_name(const struct fields *fields, size_t index);
const char *fields_label(const struct fields *fields, size_t index);    /* its name where it has none */
char *fields_label_measured(const struct fields *fields, size_t index); /* "Gạo vận động (kg)". malloc */
bool fields_numeric(const struct fields *fields, size_t index);
bool fields_list(const struct fields *fields); /* do records have row keys? */

/* By name, or label in any language (upper and lower case, composed or not, are no difference). FIELD_UNKNOWN, FORM_AMBIGUOUS (several bear the label). */
CHECKED enum status fields_find(const struct fields *fields, const char *text, size_t *index);
/* Text for comparing: NFC, small letters, single blanks. malloc; NULL if it is no UTF-8. */
char *fields_fold(const char *text);

/* A cell object of docs/control.md from text as written. *cell is a new reference, NULL on error. source may be NULL. Statuses of value_text_parse,
 * FIELD_COMPUTED. */
CHECKED enum status fields_cell(const struct fields *fields, size_t index, const char *text, enum number_style style, const char *source, json_t **cell);
/* What a cell of the field may look like, for people. malloc. */
char *fields_expected(const struct fields *fields, size_t index);

/* A FIELDSTATE, cell or roll-up field object as people read it: "trên 173.000.000", "có", a choice's label, "(trống)". malloc. */
char *fields_shown(const struct fields *fields, size_t index, const json_t *state);

#endif
