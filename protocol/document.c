/* Documents (docs/protocol.md section 7). */
#include "protocol/parts.h"

enum { DOCUMENT_VALUES = 10, KIND_MAX = 4, ASK_MAX = 2 };

static bool name_repeated(const struct document *document, size_t place) {
    for (size_t i = 0; i < place; i++) {
        if (bytes_equal(document->attachments[i].name, document->attachments[place].name)) {
            return true;
        }
    }
    return false;
}

static void read_attachments(struct reader *reader, struct document *out) {
    out->attachment_count = reader_array(reader, 0, ATTACHMENTS_MAX);
    for (size_t i = 0; i < out->attachment_count; i++) {
        struct attachment *attachment = &out->attachments[i];
        reader_array(reader, 3, 3);
        attachment->name = reader_str(reader, 1, ATTACHMENT_NAME_BYTES_MAX);
        if (name_repeated(out, i)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        attachment->bytes = reader_uint(reader, UINT64_MAX);
        reader_fixed(reader, attachment->hash.b, sizeof attachment->hash.b);
        reader_close(reader);
    }
    reader_close(reader);
}

enum status document_decode(struct document *out, struct bytes payload) {
    struct reader reader;
    *out = (struct document){0};
    reader_init(&reader, payload);
    reader_array(&reader, DOCUMENT_VALUES, DOCUMENT_VALUES);
    out->kind = (uint8_t)reader_uint(&reader, KIND_MAX);
    out->number = reader_str(&reader, 0, DOCUMENT_NUMBER_BYTES_MAX);
    out->date = parts_read_date(&reader);
    out->title = reader_str(&reader, 1, DOCUMENT_TITLE_BYTES_MAX);
    out->text = reader_str(&reader, 0, DOCUMENT_TEXT_BYTES_MAX);
    out->ask = (uint8_t)reader_uint(&reader, ASK_MAX);
    out->due = parts_read_date(&reader);
    out->has_supersedes = parts_read_optional_ref(&reader, &out->supersedes);
    read_attachments(&reader, out);
    bool critical = parts_read_extensions(&reader, &out->extensions);
    reader_close(&reader);
    enum status status = parts_end(&reader, payload, critical);
    if (status != STATUS_OK) {
        *out = (struct document){0};
    }
    return status;
}

enum status document_encode(const struct document *document, struct buffer *out) {
    struct writer writer;
    struct document check;
    if (document->attachment_count > ATTACHMENTS_MAX) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, DOCUMENT_VALUES);
    writer_uint(&writer, document->kind);
    writer_str(&writer, document->number);
    parts_write_date(&writer, document->date);
    writer_str(&writer, document->title);
    writer_str(&writer, document->text);
    writer_uint(&writer, document->ask);
    parts_write_date(&writer, document->due);
    parts_write_optional_ref(&writer, document->has_supersedes, &document->supersedes);
    writer_array(&writer, document->attachment_count);
    for (size_t i = 0; i < document->attachment_count; i++) {
        const struct attachment *attachment = &document->attachments[i];
        writer_array(&writer, 3);
        writer_str(&writer, attachment->name);
        writer_uint(&writer, attachment->bytes);
        parts_write_fixed(&writer, attachment->hash.b, sizeof attachment->hash.b);
    }
    parts_write_extensions(&writer, document->extensions);
    writer_fail(&writer, document_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}
