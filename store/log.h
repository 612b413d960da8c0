/* How logs and entries are kept, for those files that write and prove them (persist, replica, check). What everybody may ask of logs is in store/internal.h. */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "store/internal.h"

enum body_state { BODY_HELD = 1, BODY_MISSING = 2 /* entitled, not here */, BODY_WITHHELD = 3 /* not entitled */, BODY_ERASED = 4 };

struct log_row {
    int64_t id;
    uint64_t head_seq, bodies;
    struct hash head_hash;
};
CHECKED enum status log_row(struct store *store, const struct log_id *log, struct log_row *out); /* NOT_FOUND: *out zeroed */
/* Inside the open transaction, after store_touch: an empty log; an entry after the row's head (verified by the caller; salt and body only where BODY_HELD);
 * and, after all changes of a log, its counts of bodies, its version, and that a receipt is due. */
CHECKED enum status log_begin(struct store *store, const struct log_id *log, int64_t *id);
CHECKED enum status log_add(struct store *store, const struct log_row *row, const struct stored_entry *entry, int body_state, int64_t *id);
CHECKED enum status log_changed(struct store *store, int64_t log_row_id);
/* A body as its row keeps it: one zstd frame where that is shorter. A body begins with an array, a frame with a number, so that the row need not say which it is.
 * log_keep_body: *kept lives until the next call, and as long as body. log_take_body appends; STORE_DAMAGED. */
CHECKED enum status log_keep_body(struct store *store, struct bytes body, struct bytes *kept);
CHECKED enum status log_take_body(struct store *store, struct bytes kept, struct buffer *out);
/* As log_read, by log and seq, the bytes copied into memory. */
CHECKED enum status log_read_at(struct store *store, const struct log_id *log, uint64_t seq, struct buffer *memory, struct stored_entry *out);

/* Bodies that the views entitle to since they changed become missing ones; missing ones that they entitle to no longer are waited for no more. What is held
 * stays. Does nothing where the views are those of the last call (store/bodies.c). */
CHECKED enum status bodies_review(struct store *store);

/* Writes one receipt in place of what stands of its holder and log, inside the open transaction after store_touch (store/receipt_store.c). */
CHECKED enum status receipt_store(struct store *store, const struct receipt *receipt, const struct signed_receipt *bytes);

#endif
