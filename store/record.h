/* The records: one row a record with its packed registers (store/register.h), read back, proved and made canonical. Who may write what is judged before
 * (store/apply.c); how a put becomes a row is store/record_apply.c. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/internal.h"
#include "store/register.h"

/* A record's key in the wide tables. form and unit are numbers of this store only (form_key, unit_key); row is empty for forms without rows. */
struct record_place {
    int64_t form, unit;
    uint32_t period;
    struct bytes row;
};

/* The number of a form id or a unit id; make: gives one on first use (inside a transaction). NOT_FOUND. */
CHECKED enum status record_form_number(struct store *store, const uint8_t form_id[16], bool make, int64_t *out);
CHECKED enum status record_unit_number(struct store *store, const struct unit_id *unit, bool make, int64_t *out);

/* The packed state of one record replaces what *state holds, its checksum verified. NOT_FOUND, STORE_DAMAGED. */
CHECKED enum status record_read(struct store *store, const struct record_place *place, struct buffer *state);
/* Is this row what was written? For those who walk the record table themselves. */
bool record_sound(const struct record_place *place, struct bytes state, int64_t sum);
int64_t record_sum(const struct record_place *place, struct bytes state); /* 23 bits: three bytes of the row; of eight million changes by a disk it misses one */
/* Entries whose standing puts wrote the record, ascending by id; *out to be freed by the caller, NULL where the count is 0 or on error. */
CHECKED enum status record_writers(struct store *store, const struct record_place *place, int64_t **out, size_t *count);
CHECKED enum status record_contested_count(struct store *store, int64_t *out); /* records with at least one contested field */

/* What a field counts as: the one value of its heads, or the provisional one. unit: handle of the reporting unit. heads as register_next gave them. */
CHECKED enum status record_counted(struct store *store, const struct record_place *place, uint32_t unit, uint8_t policy, const struct register_head *heads,
                                   size_t count, struct cell *out, bool *contested);

/* ---- walking all records: for check and for the digest ---- */

struct record_item {
    struct record_place place;
    uint8_t form_id[16];
    struct unit_id unit;
    struct bytes state;
    bool sound, several;              /* several: puts wrote it; else the state is that of one */
    const struct form_family *family; /* NULL: no version of the form stands */
};
/* Every record by form id, period, unit id, row: an order that is the same on every node. fn returns OK to go on, anything else ends the walk and is returned.
 * Items live during the call. sound false: the row is not what was written; nothing else of it may be used but place, form_id and unit. */
typedef enum status (*record_walk_fn)(void *arg, const struct record_item *item);
CHECKED enum status record_walk(struct store *store, record_walk_fn fn, void *arg);

/* May both offices that the digest is for hold this entry's body? */
typedef bool (*record_holdable_fn)(void *ctx, int64_t entry_id);
/* Appends the record as canonical msgpack, by what stands outside this store only, and only from holdable writes; appends nothing where there is none:
 *     [unit id: bin 16, form id: bin 16, period: uint, row: str, [[field: str, [[entry hash: bin 16, state: uint, value, qualifier: uint]...]]...]]
 * fields by name, heads by hash; value nil unless the state is CELL_VALUE, a choice as its code. */
CHECKED enum status record_canonical(struct store *store, const struct record_item *item, record_holdable_fn holdable, void *ctx, struct buffer *out);

#endif
