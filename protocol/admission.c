/* Admissions (docs/protocol.md 5.3). */
#include "protocol/parts.h"

enum { ADMISSION_VALUES = 3, CORE_VALUES = 7, ROLES_MAX = ROLE_WRITER | ROLE_STEWARD };

static void write_core(struct writer *writer, const struct admission *admission) {
    writer_array(writer, CORE_VALUES);
    parts_write_fixed(writer, admission->inviter.b, sizeof admission->inviter.b);
    parts_write_fixed(writer, admission->unit.b, sizeof admission->unit.b);
    parts_write_fixed(writer, admission->signing_key, sizeof admission->signing_key);
    parts_write_fixed(writer, admission->transport_key, sizeof admission->transport_key);
    parts_write_fixed(writer, admission->nonce, sizeof admission->nonce);
    writer_uint(writer, admission->roles);
    parts_write_optional_fixed(writer, admission->has_succeeds, admission->succeeds.b, sizeof admission->succeeds.b);
}

static void read_core(struct reader *reader, struct admission *out) {
    reader_array(reader, CORE_VALUES, CORE_VALUES);
    reader_fixed(reader, out->inviter.b, sizeof out->inviter.b);
    reader_fixed(reader, out->unit.b, sizeof out->unit.b);
    reader_fixed(reader, out->signing_key, sizeof out->signing_key);
    reader_fixed(reader, out->transport_key, sizeof out->transport_key);
    reader_fixed(reader, out->nonce, sizeof out->nonce);
    out->roles = (uint8_t)reader_uint(reader, ROLES_MAX);
    out->has_succeeds = parts_read_optional_fixed(reader, out->succeeds.b, sizeof out->succeeds.b);
    if (out->roles == 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    reader_close(reader);
}

enum status admission_core_decode(struct admission *out, struct bytes core) {
    struct reader reader;
    *out = (struct admission){0};
    reader_init(&reader, core);
    read_core(&reader, out);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct admission){0};
    }
    return status;
}

enum status admission_core_encode(const struct admission *admission, struct buffer *out) {
    struct writer writer;
    struct admission check;
    writer_init(&writer, out);
    write_core(&writer, admission);
    writer_fail(&writer, admission_core_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

enum status admission_decode(struct admission *out, struct bytes payload) {
    struct reader reader;
    *out = (struct admission){0};
    reader_init(&reader, payload);
    reader_array(&reader, ADMISSION_VALUES, ADMISSION_VALUES);
    read_core(&reader, out);
    parts_read_line(&reader, &out->line);
    out->pin_count = parts_read_refs(&reader, out->pins, PINS_MAX);
    if (parts_line_holds(&out->line, &out->unit)) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct admission){0};
    }
    return status;
}

enum status admission_encode(const struct admission *admission, struct buffer *out) {
    struct writer writer;
    struct admission check;
    writer_init(&writer, out);
    writer_array(&writer, ADMISSION_VALUES);
    write_core(&writer, admission);
    parts_write_line(&writer, &admission->line);
    parts_write_refs(&writer, admission->pins, admission->pin_count, PINS_MAX);
    writer_fail(&writer, admission_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

void admission_node_id(struct node_id *out, const struct association_id *association, const struct admission *admission) {
    /* A buffer that has its bound already never allocates, so that naming a node cannot fail. */
    uint8_t memory[ADMISSION_CORE_BYTES_MAX];
    struct buffer core = {.data = memory, .len = 0, .capacity = sizeof memory, .max = sizeof memory};
    struct writer writer;
    writer_init(&writer, &core);
    write_core(&writer, admission);
    enum status status = writer_end(&writer);
    assert(status == STATUS_OK);
    struct hash hash;
    keys_hash(&hash, "node", association, buffer_bytes(&core), (struct bytes){0});
    memcpy(out->b, hash.b, sizeof out->b);
}
