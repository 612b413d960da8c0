/* Structure changes: unit, unit-set, level table (docs/protocol.md 5.1, 5.2, 5.5). Each encoder ends by asking its decoder whether it would take what was
 * written, so that every rule stands once. */
#include "protocol/parts.h"

enum { UNIT_VALUES = 6, UNIT_SET_VALUES = 4 };

enum status unit_change_decode(struct unit_change *out, struct bytes payload) {
    struct reader reader;
    *out = (struct unit_change){0};
    reader_init(&reader, payload);
    reader_array(&reader, UNIT_VALUES, UNIT_VALUES);
    reader_fixed(&reader, out->parent.b, sizeof out->parent.b);
    out->level = (uint8_t)reader_uint(&reader, LEVEL_MAX);
    out->code = reader_str(&reader, 0, UNIT_CODE_BYTES_MAX);
    out->name = reader_str(&reader, 1, UNIT_NAME_BYTES_MAX);
    out->effective = parts_read_date(&reader);
    parts_read_line(&reader, &out->line);
    reader_close(&reader);
    if (out->level == 0 || out->line.count == 0 || !ID_EQUAL(&out->line.units[0], &out->parent)) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct unit_change){0};
    }
    return status;
}

enum status unit_change_encode(const struct unit_change *change, struct buffer *out) {
    struct writer writer;
    struct unit_change check;
    writer_init(&writer, out);
    writer_array(&writer, UNIT_VALUES);
    parts_write_fixed(&writer, change->parent.b, sizeof change->parent.b);
    writer_uint(&writer, change->level);
    writer_str(&writer, change->code);
    writer_str(&writer, change->name);
    parts_write_date(&writer, change->effective);
    parts_write_line(&writer, &change->line);
    writer_fail(&writer, unit_change_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

enum status unit_set_change_decode(struct unit_set_change *out, struct bytes payload) {
    struct reader reader;
    *out = (struct unit_set_change){0};
    reader_init(&reader, payload);
    reader_array(&reader, UNIT_SET_VALUES, UNIT_SET_VALUES);
    reader_fixed(&reader, out->unit.b, sizeof out->unit.b);
    out->attribute = (uint8_t)reader_uint(&reader, UNIT_LEVEL);
    switch (out->attribute) {
    case UNIT_CODE:
        out->text = reader_str(&reader, 0, UNIT_CODE_BYTES_MAX);
        break;
    case UNIT_NAME:
        out->text = reader_str(&reader, 1, UNIT_NAME_BYTES_MAX);
        break;
    case UNIT_LEVEL:
        out->level = (uint8_t)reader_uint(&reader, LEVEL_MAX);
        break;
    default:
        reader_fail(&reader, STATUS_MALFORMED);
    }
    out->effective = parts_read_date(&reader);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct unit_set_change){0};
    }
    return status;
}

enum status unit_set_change_encode(const struct unit_set_change *change, struct buffer *out) {
    struct writer writer;
    struct unit_set_change check;
    writer_init(&writer, out);
    writer_array(&writer, UNIT_SET_VALUES);
    parts_write_fixed(&writer, change->unit.b, sizeof change->unit.b);
    writer_uint(&writer, change->attribute);
    if (change->attribute == UNIT_LEVEL) {
        writer_uint(&writer, change->level);
    } else {
        writer_str(&writer, change->text);
    }
    parts_write_date(&writer, change->effective);
    writer_fail(&writer, unit_set_change_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

enum status level_table_decode(struct level_table *out, struct bytes payload) {
    struct reader reader;
    *out = (struct level_table){0};
    reader_init(&reader, payload);
    reader_array(&reader, 1, 1);
    out->count = reader_array(&reader, 0, LEVEL_MAX + 1);
    for (size_t i = 0; i < out->count; i++) {
        struct level_name *level = &out->levels[i];
        reader_array(&reader, 2, 2);
        level->number = (uint8_t)reader_uint(&reader, LEVEL_MAX);
        parts_read_texts(&reader, &level->names);
        if (i > 0 && level[-1].number >= level->number) {
            reader_fail(&reader, STATUS_MALFORMED);
        }
        reader_close(&reader);
    }
    reader_close(&reader);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct level_table){0};
    }
    return status;
}

enum status level_table_encode(const struct level_table *table, struct buffer *out) {
    struct writer writer;
    struct level_table check;
    if (table->count > LEVEL_MAX + 1) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, 1);
    writer_array(&writer, table->count);
    for (size_t i = 0; i < table->count; i++) {
        writer_array(&writer, 2);
        writer_uint(&writer, table->levels[i].number);
        parts_write_texts(&writer, &table->levels[i].names);
    }
    writer_fail(&writer, level_table_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}
