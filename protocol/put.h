/* The put: cells of up to 1,000 records of one unit and one form version, column by column (docs/protocol.md section 6).
 * Knows the shape, not the form: whether ordinals and value types fit a form is asked with put_fits. */
#ifndef PROTOCOL_PUT_H
#define PROTOCOL_PUT_H

#include "protocol/change.h"

enum cell_state { CELL_UNTOUCHED = 0, CELL_MISSING = 1, CELL_NOT_APPLICABLE = 2, CELL_VALUE = 3 };
enum qualifier { QUALIFIER_NONE = 0, QUALIFIER_OVER, QUALIFIER_UNDER, QUALIFIER_ABOUT, QUALIFIER_AT_LEAST, QUALIFIER_AT_MOST };
enum { PUT_CORRECTION = 1, PUT_ON_BEHALF = 2, PUT_SETTLES = 4 };

/* A cell's value as msgpack type: ints for integer, decimal, money, choice, date; bool; text. */
enum cell_type { CELL_INT = 1, CELL_BOOL, CELL_TEXT };
struct cell {
    uint8_t state;            /* enum cell_state */
    uint8_t type;             /* enum cell_type, where state is CELL_VALUE */
    uint8_t qualifier;        /* enum qualifier */
    int64_t number;           /* also 0 or 1 for CELL_BOOL */
    struct bytes text;        /* borrowed */
    struct bytes raw, source; /* the note; both empty: none. Borrowed */
};

struct record_key {
    uint32_t period;
    struct bytes row;
};

/* A decoded put: keys and cells in tables owned by it (put_fini), texts borrowed from the payload. cells[column * record_count + record]. */
struct put {
    struct hash form_version;
    uint8_t flags;
    struct bytes reason;
    size_t record_count, column_count;
    struct record_key *keys;
    uint16_t *ordinals;
    struct cell *cells;
    bool whole; /* decoded: no cell is untouched */
    void *memory;
};
/* out needs put_fini also after an error. MALFORMED, TRUNCATED, TRAILING, NO_MEMORY. Row keys that were delta-coded live in put->memory. */
CHECKED enum status put_decode(struct put *out, struct bytes payload);
void put_fini(struct put *put);
/* Encodes keys (strictly ascending), ordinals (strictly ascending) and cells as laid out above; columns wholly untouched are left out.
 * MALFORMED if a rule of section 6 is broken (a text that is not UTF-8, a record without a touched cell, a correction without a reason), TOO_LARGE if the bytes
 * pass BODY_BYTES_MAX. */
CHECKED enum status put_encode(const struct put *put, struct buffer *out);
/* Do periods, row keys, ordinals, value types and qualifiers (on integer, decimal and money only) fit the form version (computed fields never, retired ones
 * yes)? OK or MALFORMED. */
CHECKED enum status put_fits(const struct put *put, const struct form *form);
int record_key_compare(const struct record_key *a, const struct record_key *b); /* by period, then by the row key's bytes */
/* The rules over all of a put, the same for reading and writing: a reason where the flags ask for one (correction, settles), and of each record a touched cell.
 */
bool put_rules_hold(const struct put *put);
/* How many first bytes a row key repeats of the one before it: as many as are alike, up to a character's boundary. */
size_t put_shared_bytes(struct bytes before, struct bytes row);

#endif
