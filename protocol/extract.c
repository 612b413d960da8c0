#include "protocol/extract.h"

#include "protocol/parts.h"

enum { EXTRACT_VALUES = 3 };

static void read_contested(struct reader *reader, struct extract *out) {
    size_t count = reader_array(reader, 0, FORM_FIELDS_MAX);
    for (size_t i = 0; i < count && reader->status == STATUS_OK; i++) {
        out->contested[i] = (uint16_t)reader_uint(reader, FORM_FIELDS_MAX - 1);
        if (i > 0 && out->contested[i - 1] >= out->contested[i]) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
    out->contested_count = count;
}

/* Nothing but figures: who said what, and in which words, stays below. */
static bool only_figures(const struct extract *extract) {
    const struct put *put = &extract->put;
    if (put->flags != 0 || put->reason.len > 0) {
        return false;
    }
    for (size_t i = 0; i < put->record_count * put->column_count; i++) {
        const struct cell *cell = &put->cells[i];
        if ((cell->state == CELL_VALUE && cell->type != CELL_INT) || cell->raw.len + cell->source.len > 0) {
            return false;
        }
    }
    return true;
}

/* Each contested ordinal is that of a column. Both are ascending. */
static bool contested_stand(const struct extract *extract) {
    size_t column = 0;
    for (size_t i = 0; i < extract->contested_count; i++) {
        while (column < extract->put.column_count && extract->put.ordinals[column] < extract->contested[i]) {
            column++;
        }
        if (column == extract->put.column_count || extract->put.ordinals[column] != extract->contested[i]) {
            return false;
        }
    }
    return true;
}

enum status extract_decode(struct extract *out, struct bytes payload) {
    struct reader reader;
    out->put = (struct put){0};
    reader_init(&reader, payload);
    if (payload.len > BODY_BYTES_MAX) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    reader_array(&reader, EXTRACT_VALUES, EXTRACT_VALUES);
    out->cut_count = parts_read_refs(&reader, out->cut, TRUST_REFS_MAX);
    if (out->cut_count == 0) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    read_contested(&reader, out);
    struct bytes put = reader_skip(&reader);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status == STATUS_OK) {
        status = put_decode(&out->put, put);
        status = status == STATUS_TRUNCATED || status == STATUS_TRAILING ? STATUS_MALFORMED : status; /* the whole is neither */
    }
    if (status == STATUS_OK && !(only_figures(out) && contested_stand(out))) {
        status = STATUS_MALFORMED;
    }
    if (status != STATUS_OK) {
        extract_fini(out);
    }
    return status;
}

void extract_fini(struct extract *extract) {
    put_fini(&extract->put);
    extract->cut_count = extract->contested_count = 0;
}

static void write_contested(struct writer *writer, const struct extract *extract) {
    writer_array(writer, extract->contested_count);
    for (size_t i = 0; i < extract->contested_count; i++) {
        if (extract->contested[i] >= FORM_FIELDS_MAX || (i > 0 && extract->contested[i - 1] >= extract->contested[i])) {
            writer_fail(writer, STATUS_MALFORMED);
            return;
        }
        writer_uint(writer, extract->contested[i]);
    }
}

static bool cut_ascends(const struct extract *extract) {
    for (size_t i = 1; i < extract->cut_count; i++) {
        if (ref_compare(&extract->cut[i - 1], &extract->cut[i]) >= 0) {
            return false;
        }
    }
    return extract->cut_count > 0 && extract->cut_count <= TRUST_REFS_MAX;
}

enum status extract_encode(const struct extract *extract, struct buffer *out) {
    struct writer writer;
    struct buffer put;
    if (!cut_ascends(extract) || extract->contested_count > FORM_FIELDS_MAX || !only_figures(extract) || !contested_stand(extract)) {
        return STATUS_MALFORMED;
    }
    buffer_init(&put, BODY_BYTES_MAX);
    enum status status = put_encode(&extract->put, &put);
    if (status == STATUS_OK) {
        writer_init(&writer, out);
        writer_array(&writer, EXTRACT_VALUES);
        parts_write_refs(&writer, extract->cut, extract->cut_count, TRUST_REFS_MAX);
        write_contested(&writer, extract);
        writer_raw(&writer, buffer_bytes(&put));
        if (writer_written(&writer).len > BODY_BYTES_MAX) {
            writer_fail(&writer, STATUS_TOO_LARGE);
        }
        status = writer_end(&writer);
    }
    buffer_fini(&put);
    return status;
}

/* ---- by the form ---- */

bool extract_wanted(const struct form *form) {
    return form->extract && form->reach > 0 && form->reach <= LEVEL_MAX;
}

bool extract_summable(const struct form_field *field) {
    bool number = field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL || field->type == FIELD_MONEY;
    return number && field->over_units == AGGREGATE_SUM;
}

enum status extract_fits(const struct extract *extract, const struct form *form) {
    const struct put *put = &extract->put;
    if (!extract_wanted(form) || put_fits(put, form) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    for (size_t i = 0; i < put->column_count; i++) {
        if (!extract_summable(&form->fields[put->ordinals[i]])) {
            return STATUS_MALFORMED;
        }
    }
    for (size_t i = 0; form->list && i < put->record_count; i++) {
        if (!bytes_equal(put->keys[i].row, bytes_of(EXTRACT_ROW, strlen(EXTRACT_ROW)))) {
            return STATUS_MALFORMED;
        }
    }
    return STATUS_OK;
}

bool extract_small(const struct form *form, const struct form_field *field, int64_t number) {
    return field->type == FIELD_INTEGER && number > 0 && number < form->suppress_below;
}
