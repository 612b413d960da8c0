/* The names of things: ids, logs and references, as fixed arrays of bytes. Sizes and meaning: docs/protocol.md section 2. */
#ifndef PROTOCOL_TYPES_H
#define PROTOCOL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct association_id {
    uint8_t b[32];
};
struct unit_id {
    uint8_t b[16];
};
struct node_id {
    uint8_t b[16];
};
struct epoch {
    uint8_t b[8];
};
struct hash {
    uint8_t b[32];
};
struct short_hash {
    uint8_t b[16];
}; /* the first half of a struct hash, as references carry it */
struct batch_id {
    uint8_t b[16];
};

/* Bytes that belong to somebody else; data may be NULL only where len is 0. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

enum log_kind { LOG_REPORT = 1, LOG_DIRECTIVE = 2, LOG_RECOVERY = 3 };

struct log_id {
    struct node_id node;
    uint8_t kind;
    struct epoch epoch;
};
struct ref {
    struct log_id log;
    uint64_t seq;
    struct short_hash hash;
};

enum entry_class { CLASS_CONTROL = 1, CLASS_RECORD = 2, CLASS_DOCUMENT = 3 };

#define ID_EQUAL(x, y) (memcmp((x)->b, (y)->b, sizeof(x)->b) == 0) /* for two of the structs above that hold only bytes */
#define ID_COMPARE(x, y) (memcmp((x)->b, (y)->b, sizeof(x)->b))

/* The order of section 2: node's bytes, kind, epoch's bytes. Negative, zero or positive. */
int log_id_compare(const struct log_id *a, const struct log_id *b);
static inline bool log_id_equal(const struct log_id *a, const struct log_id *b) {
    return log_id_compare(a, b) == 0;
}
int ref_compare(const struct ref *a, const struct ref *b);
struct short_hash hash_short(const struct hash *hash);

static inline struct bytes bytes_of(const void *data, size_t len) {
    return (struct bytes){data, len};
}
bool bytes_equal(struct bytes a, struct bytes b);
int bytes_compare(struct bytes a, struct bytes b); /* as memcmp, the shorter first among equals */

#endif
