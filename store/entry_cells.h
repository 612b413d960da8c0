/* Cells on their way in: from a request's cell objects (docs/control.md) by the rules of their field, and packed for waiting in the spool. */
#ifndef STORE_ENTRY_CELLS_H
#define STORE_ENTRY_CELLS_H

#include "store/internal.h"

#include "protocol/put.h"

/* Texts that cells borrow, until cleared. */
struct entry_texts {
    void **blocks;
    size_t count, capacity;
};
void entry_cells_clear(struct entry_texts *texts); /* frees all; harmless on a zeroed or cleared one */

/* What a cell was refused for: the status, and what was expected ("integer", "0..100", a list of choices...), of at most 160 bytes. */
struct entry_refusal {
    enum status status;
    char expected[161];
};
/* The cell of a JSON object for the field, as docs/control.md has it. False: *refusal says why. FIELD_COMPUTED, FIELD_UNKNOWN (retired), VALUE_INVALID,
 * VALUE_RANGE, DATE_INVALID, TEXT_INVALID, TOO_LARGE, BAD_REQUEST, NO_MEMORY. */
bool entry_cells_read(const json_t *object, const struct form_field *field, struct entry_texts *texts, struct cell *out, struct entry_refusal *refusal);
/* The value in the machine form of docs/control.md; appended to out as text. */
CHECKED enum status entry_cells_text(const struct cell *cell, const struct form_field *field, struct buffer *out);
const char *entry_cells_qualifier(uint8_t qualifier); /* the word; "" for none */

/* Packing: cells (never untouched) with their ordinals, and back. What is unpacked borrows from the bytes. cells and ordinals hold FORM_FIELDS_MAX. */
CHECKED enum status entry_cells_pack(const uint16_t *ordinals, const struct cell *cells, size_t count, struct buffer *out);
CHECKED enum status entry_cells_unpack(struct bytes bytes, uint16_t *ordinals, struct cell *cells, size_t *count);

#endif
