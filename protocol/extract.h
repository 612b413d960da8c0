/* The extract (docs/protocol.md 6.2): what goes on of records whose own bodies stop at a level, written by that level: the sums alone, and which entries they were cut from. Its figures have the
 * shape of a put. Knows the shape, not the form: whether the figures fit a form is asked with extract_fits. */
#ifndef PROTOCOL_EXTRACT_H
#define PROTOCOL_EXTRACT_H

#include "protocol/put.h"

/* put: without flags, reason, texts, notes; every value is an int. contested: ordinals, ascending, of columns whose figures count provisionally. */
struct extract {
    size_t cut_count, contested_count;
    struct ref cut[TRUST_REFS_MAX]; /* at least 1, strictly ascending */
    uint16_t contested[FORM_FIELDS_MAX];
    struct put put;
};
/* out needs extract_fini also after an error. MALFORMED, TRUNCATED, TRAILING, NO_MEMORY. */
CHECKED enum status extract_decode(struct extract *out, struct bytes payload);
void extract_fini(struct extract *extract);
CHECKED enum status extract_encode(const struct extract *extract, struct buffer *out);

/* Does the form ask for extracts (its reach being one that ends at a level), and is it summable in it all that the extract names: numbers that are summed over units? A list's rows are
 * joined in the one row EXTRACT_ROW. OK or MALFORMED. */
#define EXTRACT_ROW "*"
CHECKED enum status extract_fits(const struct extract *extract, const struct form *form);
bool extract_wanted(const struct form *form);
bool extract_summable(const struct form_field *field);

/* A count of people so small that it may say who they are: of an integer field, from 1 to below - 1. Such a one is written as under `below`. */
bool extract_small(const struct form *form, const struct form_field *field, int64_t number);

#endif
