#include "protocol/person.h"

#include "protocol/parts.h"

enum { PERSON_VALUES = 3 };

enum status person_decode(struct person *out, struct bytes payload) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, PERSON_VALUES, PERSON_VALUES);
    out->account = reader_str(&reader, 1, PERSON_ACCOUNT_BYTES_MAX);
    out->name = reader_str(&reader, 0, PERSON_TEXT_BYTES_MAX);
    out->role = reader_str(&reader, 0, PERSON_TEXT_BYTES_MAX);
    reader_close(&reader);
    enum status status = parts_end(&reader, payload, false);
    if (status != STATUS_OK) {
        *out = (struct person){0};
    }
    return status;
}

enum status person_encode(const struct person *person, struct buffer *out) {
    struct writer writer;
    struct person check;
    writer_init(&writer, out);
    writer_array(&writer, PERSON_VALUES);
    writer_str(&writer, person->account);
    writer_str(&writer, person->name);
    writer_str(&writer, person->role);
    writer_fail(&writer, person_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

uint64_t person_kind(uint8_t cls) {
    return cls == CLASS_RECORD ? CHANGE_RECORD_PERSON : cls == CLASS_DOCUMENT ? CHANGE_DOCUMENT_PERSON : 0;
}

bool person_is(uint64_t kind) {
    return kind == CHANGE_RECORD_PERSON || kind == CHANGE_DOCUMENT_PERSON;
}

bool person_of(struct person *out, struct bytes body, uint8_t cls) {
    struct body_reader reader;
    struct change change;
    bool found = false;
    *out = (struct person){0};
    if (body_open(&reader, body, cls) != STATUS_OK) {
        return false;
    }
    while (!found && body_next(&reader, &change)) {
        found = person_is(change.kind);
    }
    found = found && person_decode(out, change.payload) == STATUS_OK && body_close(&reader) == STATUS_OK;
    if (!found) {
        *out = (struct person){0};
    }
    return found;
}

bool person_body_only(struct bytes body, uint8_t cls, struct change *out) {
    struct body_reader reader;
    struct change second;
    struct person person;
    if (body_open(&reader, body, cls) != STATUS_OK) {
        return false;
    }
    if (reader.count == 1) {
        return body_only(&reader, out);
    }
    return reader.count == 2 && body_next(&reader, out) && body_next(&reader, &second) && person_is(second.kind) &&
           person_decode(&person, second.payload) == STATUS_OK && body_close(&reader) == STATUS_OK;
}
