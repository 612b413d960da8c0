/* Entries messages: items gathered, compressed where that is shorter, and taken apart again (docs/protocol.md section 9). */
#include "protocol/message.h"

#include "protocol/compress.h"
#include "protocol/parts.h"
#include "protocol/planted.h"

enum { ENTRIES_VALUES = 4, ENTRY_VALUES = 5, PART_VALUES = 8, EVIDENCE_VALUES = 4, OFFER_VALUES = 6, NODE_SIGNATURE_BYTES = 64, RECOVERY_PART_BYTES = 65 };
enum codec { CODEC_NONE = 0, CODEC_ZSTD = 1 };

/* ---- items ---- */

static void read_header(struct reader *reader, struct entry *out) {
    out->header = reader_bin(reader, 1, HEADER_BYTES_MAX);
    out->signature = reader_bin(reader, NODE_SIGNATURE_BYTES, SIGNATURE_BYTES_MAX);
    if (out->signature.len != NODE_SIGNATURE_BYTES && out->signature.len % RECOVERY_PART_BYTES != 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

static void read_entry(struct reader *reader, struct entry *out) {
    read_header(reader, out);
    out->salt = reader_bin(reader, 0, SALT_BYTES);
    out->body = reader_bin(reader, 0, BODY_BYTES_MAX);
    if ((out->salt.len != 0 && out->salt.len != SALT_BYTES) || (out->salt.len == 0 && out->body.len != 0)) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

static void read_part(struct reader *reader, struct item *out) {
    parts_read_log(reader, &out->log);
    out->seq = parts_read_seq(reader);
    out->salt = reader_bin(reader, SALT_BYTES, SALT_BYTES);
    out->offset = (uint32_t)reader_uint(reader, BODY_BYTES_MAX);
    out->part = reader_bin(reader, 1, BODY_BYTES_MAX);
    if (out->part.len > BODY_BYTES_MAX - out->offset) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

static void read_item(struct reader *reader, struct item *out) {
    *out = (struct item){0};
    size_t count = reader_array(reader, EVIDENCE_VALUES, PART_VALUES);
    out->kind = (uint8_t)reader_uint(reader, ITEM_OFFER);
    if (out->kind == ITEM_ENTRY && count == ENTRY_VALUES) {
        read_entry(reader, &out->entry);
    } else if (out->kind == ITEM_PART && count == PART_VALUES) {
        read_part(reader, out);
    } else if (out->kind == ITEM_EVIDENCE && count == EVIDENCE_VALUES) {
        read_header(reader, &out->entry);
        out->own = reader_bool(reader);
    } else if (out->kind == ITEM_OFFER && count == OFFER_VALUES) {
        parts_read_log(reader, &out->log);
        out->seq = parts_read_seq(reader);
        out->has_of = parts_read_optional_ref(reader, &out->of);
    } else {
        reader_fail(reader, STATUS_MALFORMED);
    }
    reader_close(reader);
    if (reader->status != STATUS_OK) {
        *out = (struct item){0};
    }
}

enum status item_encode(const struct item *item, struct buffer *raw) {
    static const size_t VALUES[] = {[ITEM_ENTRY] = ENTRY_VALUES, [ITEM_PART] = PART_VALUES, [ITEM_EVIDENCE] = EVIDENCE_VALUES, [ITEM_OFFER] = OFFER_VALUES};
    struct writer writer;
    writer_init(&writer, raw);
    writer_array(&writer, item->kind < sizeof VALUES / sizeof VALUES[0] ? VALUES[item->kind] : ENTRY_VALUES);
    writer_uint(&writer, item->kind);
    if (item->kind == ITEM_OFFER) {
        parts_write_log(&writer, &item->log);
        writer_uint(&writer, item->seq);
        parts_write_optional_ref(&writer, item->has_of, &item->of);
    } else if (item->kind == ITEM_PART) {
        parts_write_log(&writer, &item->log);
        writer_uint(&writer, item->seq);
        writer_bin(&writer, item->salt);
        writer_uint(&writer, item->offset);
        writer_bin(&writer, item->part);
    } else {
        writer_bin(&writer, item->entry.header);
        writer_bin(&writer, item->entry.signature);
    }
    if (item->kind == ITEM_EVIDENCE) {
        writer_bool(&writer, item->own);
    } else if (item->kind == ITEM_ENTRY) {
        writer_bin(&writer, item->entry.salt);
        writer_bin(&writer, item->entry.body);
    }
    if (writer.status == STATUS_OK) {
        struct reader reader;
        struct item check;
        reader_init(&reader, writer_written(&writer));
        read_item(&reader, &check);
        writer_fail(&writer, reader_end(&reader));
    }
    return writer_end(&writer);
}

/* ---- packing ---- */

/* The array of items, in one piece. */
static enum status gather(struct buffer *raw, struct bytes items, size_t count) {
    struct writer writer;
    buffer_init(raw, RAW_BYTES_MAX);
    writer_init(&writer, raw);
    writer_array(&writer, count);
    writer_raw(&writer, items);
    writer_fail(&writer, codec_check(writer_written(&writer)));
    return writer_end(&writer);
}

static enum status pack(struct bytes raw, struct bytes packed, struct buffer *out) {
    struct writer writer;
    parts_open_message(&writer, out, ENTRIES_VALUES, MESSAGE_ENTRIES);
    writer_uint(&writer, packed.len > 0 ? CODEC_ZSTD : CODEC_NONE);
    writer_uint(&writer, raw.len);
    writer_bin(&writer, packed.len > 0 ? packed : raw);
    return writer_end(&writer);
}

enum status entries_encode(struct bytes items, size_t count, struct buffer *out) {
    struct buffer raw = {0}, packed = {0};
    if (count == 0 || count > ITEMS_MAX || items.len == 0) {
        return STATUS_MALFORMED;
    }
    enum status status = gather(&raw, items, count);
    if (status == STATUS_OK) {
        buffer_init(&packed, raw.len);
        status = compress_frame(NULL, buffer_bytes(&raw), raw.len - 1, &packed); /* empty where the items go as they are */
    }
    if (status == STATUS_OK) {
        status = pack(buffer_bytes(&raw), buffer_bytes(&packed), out);
    }
    buffer_fini(&raw);
    buffer_fini(&packed);
    return status;
}

/* ---- unpacking ---- */

enum status entries_open(struct entries *out, struct bytes message) {
    struct reader reader;
    *out = (struct entries){0};
    reader_init(&reader, message);
    reader_array(&reader, ENTRIES_VALUES, ENTRIES_VALUES);
    parts_read_type(&reader, MESSAGE_ENTRIES);
    uint64_t codec = reader_uint(&reader, CODEC_ZSTD);
    size_t raw_len = (size_t)reader_uint(&reader, PLANTED("unpacked-without-limit") ? UINT32_MAX : RAW_BYTES_MAX);
    struct bytes data = reader_bin(&reader, 1, RAW_BYTES_MAX);
    reader_close(&reader);
    if (raw_len == 0 || (codec == CODEC_NONE ? data.len != raw_len : data.len >= raw_len)) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    enum status status = reader_end(&reader);
    if (status == STATUS_OK && codec == CODEC_ZSTD) {
        buffer_init(&out->raw, raw_len);
        status = compress_expand(NULL, data, raw_len, &out->raw);
        data = buffer_bytes(&out->raw);
    }
    if (status != STATUS_OK) {
        entries_fini(out);
        out->rest.status = status;
        return status;
    }
    reader_init(&out->rest, data);
    out->count = reader_array(&out->rest, 1, ITEMS_MAX);
    return out->rest.status;
}

bool entries_next(struct entries *entries, struct item *out) {
    if (entries->place == entries->count || entries->rest.status != STATUS_OK) {
        *out = (struct item){0};
        return false;
    }
    read_item(&entries->rest, out);
    entries->place++;
    return entries->rest.status == STATUS_OK;
}

enum status entries_close(struct entries *entries) {
    struct item rest;
    while (entries_next(entries, &rest)) { /* a message is well-formed as a whole or not at all */
    }
    reader_close(&entries->rest);
    return reader_end(&entries->rest);
}

void entries_fini(struct entries *entries) {
    buffer_fini(&entries->raw);
    *entries = (struct entries){0};
}
