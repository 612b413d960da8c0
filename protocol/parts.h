/* The pieces that many structures are made of: logs, refs, lines, dates, texts, version and extensions (docs/protocol.md sections 1, 2, 5), each read and
 * written in one place. Inside protocol/ only. Reading follows the reader's rule: the first error stays in the reader, what is returned after it is zero. */
#ifndef PROTOCOL_PARTS_H
#define PROTOCOL_PARTS_H

#include "protocol/change.h"

/* Three values in the enclosing array: node, kind, epoch. A log of kind recovery has a node and an epoch of zeroes. */
void parts_write_log(struct writer *writer, const struct log_id *log);
void parts_read_log(struct reader *reader, struct log_id *out);
/* From 1 to SEQ_MAX. */
uint64_t parts_read_seq(struct reader *reader);
/* An array of five. */
void parts_write_ref(struct writer *writer, const struct ref *ref);
void parts_read_ref(struct reader *reader, struct ref *out);
/* A ref or nil. */
void parts_write_optional_ref(struct writer *writer, bool present, const struct ref *ref);
bool parts_read_optional_ref(struct reader *reader, struct ref *out);
/* A list, strictly ascending, of at most max. */
void parts_write_refs(struct writer *writer, const struct ref *refs, size_t count, size_t max);
size_t parts_read_refs(struct reader *reader, struct ref *out, size_t max);

/* A bin of exactly len bytes, or of none. */
void parts_write_optional_fixed(struct writer *writer, bool present, const void *data, size_t len);
bool parts_read_optional_fixed(struct reader *reader, void *out, size_t len);
/* Copies a bin of exactly len bytes out of bytes. */
void parts_write_fixed(struct writer *writer, const void *data, size_t len);

void parts_write_date(struct writer *writer, struct date date);
struct date parts_read_date(struct reader *reader);

/* Units, no one of them twice. */
void parts_write_line(struct writer *writer, const struct line *line);
void parts_read_line(struct reader *reader, struct line *out);
bool parts_line_holds(const struct line *line, const struct unit_id *unit);

/* [[lang, text]…], languages strictly ascending. */
void parts_write_texts(struct writer *writer, const struct texts *texts);
void parts_read_texts(struct reader *reader, struct texts *out);

/* Two values: version and suite, VERSION_UNKNOWN for any but 1. Another version may have another length: the array is opened for MEMBERS_MAX, and its count
 * judged here, after the version. */
void parts_write_version(struct writer *writer);
void parts_read_version(struct reader *reader, size_t count, size_t count_wanted);
/* A structure's extensions are kept as their encoded bytes; empty bytes are written as no extensions. parts_read_extensions says whether one is critical: no
 * number is known to this version. */
void parts_write_extensions(struct writer *writer, struct bytes extensions);
bool parts_read_extensions(struct reader *reader, struct bytes *out);
/* Ends a structure that stands alone in bytes. What is malformed is MALFORMED even of an unknown version (not canonical) or with a critical extension
 * (anything): VERSION_UNKNOWN and CRITICAL_EXTENSION are said of what has no other fault, so that every reader says the same. */
CHECKED enum status parts_end(struct reader *reader, struct bytes bytes, bool critical);

/* The first value of every message (section 9): opens the array of count values, its type first; refuses another type. */
void parts_open_message(struct writer *writer, struct buffer *out, size_t count, unsigned type);
void parts_read_type(struct reader *reader, unsigned type);

#endif
