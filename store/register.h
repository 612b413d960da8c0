/* The registers of one record, packed into one blob: for each field the writes of it that no later write of it has seen (its heads), each with its cell.
 * Pure: knows no table, no form, no unit. Fields go by numbers that the caller gives to names and never takes back; entries by the store's own ids.
 *
 * Rules: a head of a field is a standing write of it that no other standing write of it has seen. Heads that are equal agree; heads that differ are a conflict.
 * Two writes that claim to have seen one another (only a liar makes such) have not seen one another; where a ring of liars leaves no head, every write of it is
 * one. So the registers are a function of the set of writes and of who has seen whom, not of the order in which they came. */
#ifndef STORE_REGISTER_H
#define STORE_REGISTER_H

#include "protocol/put.h"

enum {
    REGISTER_FIELDS_MAX = 4096, /* names one form may have had over all its versions */
    REGISTER_HEADS_MAX = 16     /* writes of one field that have not seen one another: more only somebody makes who means harm */
};

/* What one entry wrote into one record: cells (never untouched) of fields in strictly ascending order. A choice is given as its code (CELL_TEXT): places may
 * differ between versions. */
struct register_write {
    int64_t entry;
    size_t count;
    const uint16_t *fields;
    const struct cell *cells;
};

/* Has entry a seen entry b? A failure ends the merge and is returned by it. */
typedef enum status (*register_seen_fn)(void *ctx, int64_t a, int64_t b, bool *out);

/* Each appends a state to out and says whether a field of it is contested. On error out is as it was: NO_MEMORY, TOO_LARGE, or what seen returned. */
/* The only write: never contested. stride: from one of its cells to the next, so that a record's can be taken from the columns of a put. */
CHECKED enum status register_first(const struct register_write *write, size_t stride, struct buffer *out);
/* The write has seen every standing write of the record: its fields are replaced, the others stay. STORE_DAMAGED: state is none. */
CHECKED enum status register_replace(struct bytes state, const struct register_write *write, struct buffer *out, bool *contested);
/* From all standing writes, in any order. TOO_LARGE also where a field has more than REGISTER_HEADS_MAX heads. */
CHECKED enum status register_merge(const struct register_write *writes, size_t count, register_seen_fn seen, void *ctx, struct buffer *out, bool *contested);

/* ---- reading ---- */

/* The heads in order of field, then entry. index counts within the field from 0 to count - 1. Texts are borrowed from the state. */
struct register_head {
    uint16_t field, index, count;
    int64_t entry;
    struct cell cell;
};
struct register_walk {
    const uint8_t *at, *end, *codes;
    int64_t entry;
    uint32_t fields, field, heads, head, entry_count;
    const uint8_t *entries;
    bool general;
    enum status status;
};
/* Walks a state: begin, then next until false; status OK or STORE_DAMAGED stands in the walk. */
void register_begin(struct register_walk *walk, struct bytes state);
bool register_next(struct register_walk *walk, struct register_head *out);
/* The one entry whose write the whole state is; 0: several. */
int64_t register_only_entry(struct bytes state);

/* The common case at once, for adding up: a state that is one write, its figures laid out by field. plain: every field below count is a number without a
 * qualifier, from 0 to REGISTER_PLAIN_MAX, and kinds are not filled in. Else a field without a number (nothing written, missing, a text) has that state and type, and number 0 (a text is a
 * value of type CELL_TEXT). False: several writes, or damaged; then walk it. */
#define REGISTER_PLAIN_MAX ((INT64_C(1) << 48) - 1)
struct register_flat {
    uint32_t count;
    bool plain;
    int64_t numbers[REGISTER_FIELDS_MAX];
    struct register_kind {
        uint8_t state, type, qualifier;
    } kinds[REGISTER_FIELDS_MAX];
};
bool register_flatten(struct bytes state, struct register_flat *out);
/* One field of it, whichever it is. */
struct register_number {
    int64_t number;
    uint8_t state, type, qualifier;
};
struct register_number register_number_at(const struct register_flat *flat, uint32_t field);

/* Same state, type, value and qualifier? Notes do not count. */
bool register_cell_equal(const struct cell *a, const struct cell *b);
bool register_heads_differ(const struct register_head *heads, size_t count);

/* ---- what a contested field counts as until it is settled ---- */

/* Where a head's author stands: in the reporting unit itself, or depth units below the root. */
struct register_author {
    bool own;
    unsigned depth;
};
/* The preferred side by the form's policy: POLICY_OWNER the reporting unit's own heads, POLICY_UPPER those of the unit nearest the root; a side that only says
 * "missing" gives way to the next. True: *out is the one value of that side. False: a tie inside it; in_side[i] marks its heads, and register_base says what
 * counts. */
bool register_side(const struct register_head *heads, const struct register_author *authors, size_t count, uint8_t policy, bool *in_side, struct cell *out);
/* The last value written before the side parted: of the writes of the field that every head in the side has seen, the heads; CELL_MISSING unless they are of
 * one value. */
CHECKED enum status register_base(const struct register_write *writes, size_t count, uint16_t field, const int64_t *side, size_t side_count,
                                  register_seen_fn seen, void *ctx, struct cell *out);

#endif
