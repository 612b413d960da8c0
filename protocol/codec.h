/* Canonical msgpack (docs/protocol.md section 1): the one writer and the one strict, bounded reader. Knows no structure of hoi's.
 * The reader allocates nothing; what it returns points into the bytes it was given. Both keep the first error ("sticky"):
 * after it every call is harmless and returns zero values, and reader_end / writer_end report it. */
#ifndef PROTOCOL_CODEC_H
#define PROTOCOL_CODEC_H

#include "protocol/limits.h"
#include "protocol/status.h"
#include "protocol/types.h"

/* ---- growing bytes ---- */

/* Owned bytes up to a bound. Zero-initialise with max set, or buffer_init. */
struct buffer {
    uint8_t *data;
    size_t len, capacity, max;
};

void buffer_init(struct buffer *buffer, size_t bytes_max);                              /* allocates nothing yet */
void buffer_fini(struct buffer *buffer);                                                /* harmless on a zeroed or finished one */
void buffer_clear(struct buffer *buffer);                                               /* keeps the memory */
CHECKED enum status buffer_append(struct buffer *buffer, const void *data, size_t len); /* NO_MEMORY, TOO_LARGE past max: unchanged */
static inline struct bytes buffer_bytes(const struct buffer *buffer) {
    return (struct bytes){buffer->data, buffer->len};
}

/* ---- writing ---- */

struct writer {
    struct buffer *out;
    size_t start;
    enum status status;
};

void writer_init(struct writer *writer, struct buffer *out); /* appends to out; out stays the caller's */
void writer_nil(struct writer *writer);
void writer_bool(struct writer *writer, bool value);
void writer_uint(struct writer *writer, uint64_t value);
void writer_int(struct writer *writer, int64_t value);
void writer_str(struct writer *writer, struct bytes text); /* text must be valid by the reader's rule: MALFORMED otherwise */
void writer_bin(struct writer *writer, struct bytes data);
void writer_array(struct writer *writer, size_t count);         /* exactly count values must follow */
void writer_raw(struct writer *writer, struct bytes canonical); /* values already encoded */
void writer_fail(struct writer *writer, enum status status);    /* for the caller's own rules; keeps an earlier error, and OK is none */
struct bytes writer_written(const struct writer *writer);       /* what was written since writer_init; empty after an error */
CHECKED enum status writer_end(struct writer *writer);          /* OK, or the first error; on error out is cut back to where it began */

/* ---- reading ---- */

struct reader {
    const uint8_t *at, *end;
    unsigned depth;
    enum status status;
};

enum value_type { VALUE_NIL, VALUE_BOOL, VALUE_UINT, VALUE_NEGATIVE, VALUE_STR, VALUE_BIN, VALUE_ARRAY, VALUE_NONE /* at the end or after an error */ };

void reader_init(struct reader *reader, struct bytes bytes);
enum value_type reader_peek(const struct reader *reader); /* by the next byte alone; no error is raised. NONE also for a byte that begins no value */
bool reader_take_nil(struct reader *reader);              /* true and consumed if nil is next, else false and nothing consumed */
bool reader_bool(struct reader *reader);
uint64_t reader_uint(struct reader *reader, uint64_t max); /* MALFORMED above max */
int64_t reader_int(struct reader *reader, int64_t min, int64_t max);
struct bytes reader_str(struct reader *reader, size_t len_min, size_t len_max);
struct bytes reader_bin(struct reader *reader, size_t len_min, size_t len_max);
void reader_fixed(struct reader *reader, void *out, size_t len);                /* a bin of exactly len bytes, copied; zeroes on error */
size_t reader_array(struct reader *reader, size_t count_min, size_t count_max); /* opens an array of so many values; 0 on error */
void reader_close(struct reader *reader);                                       /* must follow the last value of each opened array: keeps the depth */
struct bytes reader_skip(struct reader *reader);                                /* any one value, checked in full; its bytes */
void reader_fail(struct reader *reader, enum status status);                    /* for the caller's own rules; keeps an earlier error, and OK is none */
CHECKED enum status reader_end(struct reader *reader);                          /* OK exactly at the end; TRAILING, or the first error */

/* Is all of bytes exactly one canonical value? */
CHECKED enum status codec_check(struct bytes bytes);
/* Well-formed UTF-8 without U+0000? (docs/protocol.md section 1, str) */
bool codec_utf8_valid(struct bytes text);

#endif
