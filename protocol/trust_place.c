/* Move, close, same (docs/protocol.md 5.6): one shape, to which a closing adds the units that go on with what the closed one did. */
#include "protocol/parts.h"
#include "protocol/trust.h"

enum { PLACING_VALUES = 4, CLOSE_VALUES = 5 };

static bool placing_kind(uint64_t kind) {
    return kind == CHANGE_MOVE || kind == CHANGE_CLOSE || kind == CHANGE_SAME;
}

static void read_line(struct reader *reader, const struct unit_id *unit, struct line *out) {
    parts_read_line(reader, out);
    if (out->count == 0 || parts_line_holds(out, unit)) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

static bool successor_before(const struct placing *placing, size_t place) {
    for (size_t i = 0; i < place; i++) {
        if (ID_EQUAL(&placing->successors[i], &placing->successors[place])) {
            return true;
        }
    }
    return false;
}

static void read_successors(struct reader *reader, struct placing *out) {
    out->successor_count = reader_array(reader, 0, SUCCESSORS_MAX);
    for (size_t i = 0; i < out->successor_count; i++) {
        reader_fixed(reader, out->successors[i].b, sizeof out->successors[i].b);
        if (ID_EQUAL(&out->successors[i], &out->unit) || successor_before(out, i)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    if (out->successor_count > 0 && !ID_EQUAL(&out->successors[0], &out->line.units[0])) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    reader_close(reader);
}

static void write_successors(struct writer *writer, const struct placing *placing) {
    if (placing->successor_count > SUCCESSORS_MAX) {
        writer_fail(writer, STATUS_MALFORMED);
        return;
    }
    writer_array(writer, placing->successor_count);
    for (size_t i = 0; i < placing->successor_count; i++) {
        parts_write_fixed(writer, placing->successors[i].b, sizeof placing->successors[i].b);
    }
}

enum status placing_decode(struct placing *out, uint64_t kind, struct bytes payload) {
    struct reader reader;
    size_t count = kind == CHANGE_CLOSE ? CLOSE_VALUES : PLACING_VALUES;
    assert(placing_kind(kind));
    *out = (struct placing){0};
    reader_init(&reader, payload);
    reader_array(&reader, count, count);
    reader_fixed(&reader, out->unit.b, sizeof out->unit.b);
    out->effective = parts_read_date(&reader);
    read_line(&reader, &out->unit, &out->line);
    read_line(&reader, &out->unit, &out->former);
    if (kind == CHANGE_CLOSE) {
        read_successors(&reader, out);
    }
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct placing){0};
    }
    return status;
}

enum status placing_encode(const struct placing *placing, uint64_t kind, struct buffer *out) {
    struct writer writer;
    struct placing check;
    assert(placing_kind(kind));
    assert(kind == CHANGE_CLOSE || placing->successor_count == 0);
    writer_init(&writer, out);
    writer_array(&writer, kind == CHANGE_CLOSE ? CLOSE_VALUES : PLACING_VALUES);
    parts_write_fixed(&writer, placing->unit.b, sizeof placing->unit.b);
    parts_write_date(&writer, placing->effective);
    parts_write_line(&writer, &placing->line);
    parts_write_line(&writer, &placing->former);
    if (kind == CHANGE_CLOSE) {
        write_successors(&writer, placing);
    }
    writer_fail(&writer, placing_decode(&check, kind, writer_written(&writer)));
    return writer_end(&writer);
}
