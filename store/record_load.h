/* Entries' puts as the writes of a record: what store/register.h merges. */
#ifndef STORE_RECORD_LOAD_H
#define STORE_RECORD_LOAD_H

#include "store/form_view.h"
#include "store/record.h"

/* An entry with its bytes in memory of the caller's own: what log_read has lent to others stays theirs. header may be NULL. As log_read. */
CHECKED enum status record_load_entry(struct store *store, int64_t entry_id, struct buffer *memory, struct stored_entry *out, struct header *header);

/* The columns of a put in order of their fields' numbers. */
struct record_columns {
    size_t count;
    bool as_they_stand; /* already in that order, every cell touched, no choices: a record's cells can be taken from the put itself */
    uint16_t column[FORM_FIELDS_MAX], number[FORM_FIELDS_MAX];
};
void record_load_columns(struct record_columns *out, const struct put *put, const struct form_version_view *version);
/* The touched cells of one record of the put, by number; a choice becomes its code. fields and cells hold columns->count. Returns how many. Texts borrowed from
 * put and version. */
size_t record_load_cells(const struct record_columns *columns, const struct put *put, const struct form_version_view *version, size_t record, uint16_t *fields,
                         struct cell *cells);

/* The writes of one record by some entries, each with the memory its cells borrow from. */
struct record_write {
    struct register_write write;
    struct buffer memory;
    uint16_t *fields;
    struct cell *cells;
};
struct record_writes {
    size_t count;
    struct register_write *writes;
    struct record_write *parts;
};
/* Of each entry all its standing puts of the record, the later place over the earlier. An entry that has none is left out. out needs record_load_fini also
 * after an error. */
CHECKED enum status record_load_writes(struct store *store, const struct record_place *place, const struct form_family *family, const int64_t *entries,
                                       size_t count, struct record_writes *out);
void record_load_fini(struct record_writes *writes);
/* register_seen_fn; ctx is the store. */
enum status record_load_seen(void *ctx, int64_t a, int64_t b, bool *out);

#endif
