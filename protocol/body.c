#include "protocol/person.h"

#include "protocol/parts.h"
#include "protocol/planted.h"

enum { NONCE_BYTES = 16 };

void body_hash(struct hash *out, const struct association_id *association, const uint8_t salt[SALT_BYTES], struct bytes body) {
    keys_hash(out, "body", association, bytes_of(salt, PLANTED("salt-not-hashed") ? 0 : SALT_BYTES), body);
}

enum status body_verify(const struct association_id *association, const struct header *header, struct bytes salt, struct bytes body) {
    if (salt.len != SALT_BYTES || body.len != header->body_bytes) {
        return STATUS_MALFORMED;
    }
    struct hash hash;
    body_hash(&hash, association, salt.data, body);
    return ID_EQUAL(&hash, &header->body_hash) ? STATUS_OK : STATUS_HASH_MISMATCH;
}

enum status body_open(struct body_reader *out, struct bytes body, uint8_t cls) {
    struct reader *reader = &out->reader;
    *out = (struct body_reader){.cls = cls};
    reader_init(reader, body);
    if (body.len > BODY_BYTES_MAX) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    reader_array(reader, 2, 2);
    out->has_nonce = parts_read_optional_fixed(reader, out->nonce, sizeof out->nonce);
    if (out->has_nonce != (cls == CLASS_CONTROL)) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    out->count = reader_array(reader, 1, CHANGES_MAX);
    return reader->status;
}

bool body_next(struct body_reader *body, struct change *out) {
    struct reader *reader = &body->reader;
    *out = (struct change){0};
    if (body->place == body->count || reader->status != STATUS_OK) {
        return false;
    }
    reader_array(reader, 2, 2);
    uint64_t kind = reader_uint(reader, UINT64_MAX);
    if (change_class(kind) != body->cls || body->cls == 0 || reader_peek(reader) != VALUE_ARRAY) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    if (!PLANTED("person-anywhere") && (body->person_seen || (person_is(kind) && body->place == 0))) { /* last, and of something */
        reader_fail(reader, STATUS_MALFORMED);
    }
    body->person_seen = person_is(kind);
    struct bytes payload = reader_skip(reader);
    reader_close(reader);
    if (reader->status != STATUS_OK) {
        return false;
    }
    *out = (struct change){.kind = kind, .place = (uint32_t)body->place, .payload = payload};
    body->place++;
    return true;
}

bool body_only(struct body_reader *body, struct change *out) {
    struct reader *reader = &body->reader;
    *out = (struct change){0};
    if (body->count != 1 || body->place != 0) {
        return false;
    }
    reader_array(reader, 2, 2);
    uint64_t kind = reader_uint(reader, UINT64_MAX);
    if (reader->status != STATUS_OK || change_class(kind) != body->cls || body->cls == 0) {
        return false;
    }
    *out = (struct change){.kind = kind, .payload = bytes_of(reader->at, (size_t)(reader->end - reader->at))};
    return true;
}

enum status body_close(struct body_reader *body) {
    struct change rest;
    while (body_next(body, &rest)) { /* a walk stopped early says nothing of what it did not see */
    }
    reader_close(&body->reader); /* changes */
    reader_close(&body->reader); /* body */
    return reader_end(&body->reader);
}

/* Judges a body as a receiver will. */
static enum status check(struct bytes body, uint8_t cls) {
    struct body_reader reader;
    enum status status = body_open(&reader, body, cls);
    return status != STATUS_OK ? status : body_close(&reader);
}

enum status body_encode(struct buffer *out, const uint8_t *nonce, const struct change *changes, size_t count) {
    struct writer writer;
    if (count == 0 || count > CHANGES_MAX) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, 2);
    parts_write_optional_fixed(&writer, nonce != NULL, nonce, NONCE_BYTES);
    writer_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_array(&writer, 2);
        writer_uint(&writer, changes[i].kind);
        writer_raw(&writer, changes[i].payload);
    }
    struct bytes body = writer_written(&writer);
    writer_fail(&writer, body.len > BODY_BYTES_MAX ? STATUS_TOO_LARGE : check(body, change_class(changes[0].kind)));
    return writer_end(&writer);
}
