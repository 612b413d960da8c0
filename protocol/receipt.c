#include "protocol/receipt.h"

#include "protocol/parts.h"

enum { RECEIPT_VALUES = 13 };

enum status receipt_decode(struct receipt *out, struct bytes bytes) {
    struct reader reader;
    *out = (struct receipt){0};
    reader_init(&reader, bytes);
    if (bytes.len > RECEIPT_BYTES_MAX) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    size_t count = reader_array(&reader, 2, MEMBERS_MAX);
    parts_read_version(&reader, count, RECEIPT_VALUES);
    reader_fixed(&reader, out->holder.b, sizeof out->holder.b);
    parts_read_log(&reader, &out->log);
    out->seq = parts_read_seq(&reader);
    reader_fixed(&reader, out->hash.b, sizeof out->hash.b);
    out->bodies = reader_uint(&reader, out->seq);
    out->applied = reader_uint(&reader, out->bodies);
    out->aside = reader_uint(&reader, out->seq);
    out->time = reader_int(&reader, INT64_MIN, INT64_MAX);
    bool critical = parts_read_extensions(&reader, &out->extensions);
    reader_close(&reader);
    enum status status = parts_end(&reader, bytes, critical);
    if (status != STATUS_OK) {
        *out = (struct receipt){0};
    }
    return status;
}

enum status receipt_encode(const struct receipt *receipt, struct buffer *out) {
    struct writer writer;
    struct receipt check;
    writer_init(&writer, out);
    writer_array(&writer, RECEIPT_VALUES);
    parts_write_version(&writer);
    parts_write_fixed(&writer, receipt->holder.b, sizeof receipt->holder.b);
    parts_write_log(&writer, &receipt->log);
    writer_uint(&writer, receipt->seq);
    parts_write_fixed(&writer, receipt->hash.b, sizeof receipt->hash.b);
    writer_uint(&writer, receipt->bodies);
    writer_uint(&writer, receipt->applied);
    writer_uint(&writer, receipt->aside);
    writer_int(&writer, receipt->time);
    parts_write_extensions(&writer, receipt->extensions);
    writer_fail(&writer, receipt_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

int receipt_compare(const struct receipt *a, const struct receipt *b) {
    const uint64_t left[] = {a->seq, a->bodies, a->applied}, right[] = {b->seq, b->bodies, b->applied};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (left[i] != right[i]) {
            return left[i] < right[i] ? -1 : 1;
        }
    }
    return 0;
}
