/* The only file that includes msgpack.h: its packer chooses the shortest form of every integer and length, which is what section 1 asks. */
#include "protocol/codec.h"

#include <msgpack.h>

/* msgpack's packer hands over bytes here. The first failure stays; what follows it is dropped. */
static int write_bytes(void *data, const char *bytes, size_t len) {
    struct writer *writer = data;
    if (writer->status == STATUS_OK) {
        writer->status = buffer_append(writer->out, bytes, len);
    }
    return writer->status == STATUS_OK ? 0 : -1;
}

static msgpack_packer packer_for(struct writer *writer) {
    msgpack_packer packer;
    msgpack_packer_init(&packer, writer, write_bytes);
    return packer;
}

static bool length_fits(struct writer *writer, size_t len) {
    if (len > UINT32_MAX && writer->status == STATUS_OK) {
        writer->status = STATUS_TOO_LARGE;
    }
    return writer->status == STATUS_OK;
}

void writer_init(struct writer *writer, struct buffer *out) {
    *writer = (struct writer){.out = out, .start = out->len, .status = STATUS_OK};
}

void writer_nil(struct writer *writer) {
    msgpack_packer packer = packer_for(writer);
    msgpack_pack_nil(&packer);
}

void writer_bool(struct writer *writer, bool value) {
    msgpack_packer packer = packer_for(writer);
    if (value) {
        msgpack_pack_true(&packer);
    } else {
        msgpack_pack_false(&packer);
    }
}

void writer_uint(struct writer *writer, uint64_t value) {
    msgpack_packer packer = packer_for(writer);
    msgpack_pack_uint64(&packer, value);
}

void writer_int(struct writer *writer, int64_t value) {
    msgpack_packer packer = packer_for(writer);
    msgpack_pack_int64(&packer, value);
}

void writer_str(struct writer *writer, struct bytes text) {
    if (!codec_utf8_valid(text)) {
        writer_fail(writer, STATUS_MALFORMED);
    }
    if (length_fits(writer, text.len)) {
        msgpack_packer packer = packer_for(writer);
        msgpack_pack_str(&packer, text.len);
        write_bytes(writer, (const char *)text.data, text.len);
    }
}

void writer_bin(struct writer *writer, struct bytes data) {
    if (length_fits(writer, data.len)) {
        msgpack_packer packer = packer_for(writer);
        msgpack_pack_bin(&packer, data.len);
        write_bytes(writer, (const char *)data.data, data.len);
    }
}

void writer_array(struct writer *writer, size_t count) {
    if (length_fits(writer, count)) {
        msgpack_packer packer = packer_for(writer);
        msgpack_pack_array(&packer, count);
    }
}

void writer_raw(struct writer *writer, struct bytes canonical) {
    write_bytes(writer, (const char *)canonical.data, canonical.len);
}

void writer_fail(struct writer *writer, enum status status) {
    if (writer->status == STATUS_OK) {
        writer->status = status;
    }
}

struct bytes writer_written(const struct writer *writer) {
    if (writer->status != STATUS_OK || writer->out->len == writer->start) {
        return (struct bytes){0};
    }
    return bytes_of(writer->out->data + writer->start, writer->out->len - writer->start);
}

enum status writer_end(struct writer *writer) {
    if (writer->status != STATUS_OK) {
        writer->out->len = writer->start;
    }
    return writer->status;
}
