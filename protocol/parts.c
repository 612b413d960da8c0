#include "protocol/parts.h"

#include "protocol/planted.h"

enum { VERSION = 1, SUITE = 1 };

void parts_write_fixed(struct writer *writer, const void *data, size_t len) {
    writer_bin(writer, bytes_of(data, len));
}

void parts_write_log(struct writer *writer, const struct log_id *log) {
    parts_write_fixed(writer, log->node.b, sizeof log->node.b);
    writer_uint(writer, log->kind);
    parts_write_fixed(writer, log->epoch.b, sizeof log->epoch.b);
}

void parts_read_log(struct reader *reader, struct log_id *out) {
    static const struct log_id RECOVERY = {.kind = LOG_RECOVERY};
    reader_fixed(reader, out->node.b, sizeof out->node.b);
    out->kind = (uint8_t)reader_uint(reader, LOG_RECOVERY);
    reader_fixed(reader, out->epoch.b, sizeof out->epoch.b);
    if (out->kind == 0 || (out->kind == LOG_RECOVERY && !log_id_equal(out, &RECOVERY))) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

uint64_t parts_read_seq(struct reader *reader) {
    uint64_t seq = reader_uint(reader, SEQ_MAX);
    if (seq == 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    return seq;
}

void parts_write_ref(struct writer *writer, const struct ref *ref) {
    writer_array(writer, 5);
    parts_write_log(writer, &ref->log);
    writer_uint(writer, ref->seq);
    parts_write_fixed(writer, ref->hash.b, sizeof ref->hash.b);
}

void parts_read_ref(struct reader *reader, struct ref *out) {
    reader_array(reader, 5, 5);
    parts_read_log(reader, &out->log);
    out->seq = parts_read_seq(reader);
    reader_fixed(reader, out->hash.b, sizeof out->hash.b);
    reader_close(reader);
}

void parts_write_optional_ref(struct writer *writer, bool present, const struct ref *ref) {
    if (present) {
        parts_write_ref(writer, ref);
    } else {
        writer_nil(writer);
    }
}

bool parts_read_optional_ref(struct reader *reader, struct ref *out) {
    if (reader_take_nil(reader)) {
        return false;
    }
    parts_read_ref(reader, out);
    return true;
}

void parts_write_refs(struct writer *writer, const struct ref *refs, size_t count, size_t max) {
    if (count > max) {
        writer_fail(writer, STATUS_MALFORMED);
        return;
    }
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        parts_write_ref(writer, &refs[i]);
    }
}

size_t parts_read_refs(struct reader *reader, struct ref *out, size_t max) {
    size_t count = reader_array(reader, 0, max);
    for (size_t i = 0; i < count; i++) {
        parts_read_ref(reader, &out[i]);
        if (i > 0 && ref_compare(&out[i - 1], &out[i]) >= 0) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
    return count;
}

void parts_write_optional_fixed(struct writer *writer, bool present, const void *data, size_t len) {
    parts_write_fixed(writer, data, present ? len : 0);
}

bool parts_read_optional_fixed(struct reader *reader, void *out, size_t len) {
    struct bytes bytes = reader_bin(reader, 0, len);
    if (bytes.len != 0 && bytes.len != len) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    if (bytes.len != len) {
        memset(out, 0, len);
        return false;
    }
    memcpy(out, bytes.data, len);
    return true;
}

void parts_write_date(struct writer *writer, struct date date) {
    if (date.set) {
        writer_int(writer, date.days);
    } else {
        writer_nil(writer);
    }
}

struct date parts_read_date(struct reader *reader) {
    if (reader_take_nil(reader)) {
        return (struct date){0};
    }
    return (struct date){.set = true, .days = (int32_t)reader_int(reader, DATE_MIN, DATE_MAX)};
}

void parts_write_line(struct writer *writer, const struct line *line) {
    if (line->count > LINE_UNITS_MAX) {
        writer_fail(writer, STATUS_MALFORMED);
        return;
    }
    writer_array(writer, line->count);
    for (size_t i = 0; i < line->count; i++) {
        parts_write_fixed(writer, line->units[i].b, sizeof line->units[i].b);
    }
}

void parts_read_line(struct reader *reader, struct line *out) {
    out->count = reader_array(reader, 0, LINE_UNITS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        reader_fixed(reader, out->units[i].b, sizeof out->units[i].b);
        for (size_t j = 0; j < i; j++) {
            if (ID_EQUAL(&out->units[j], &out->units[i])) {
                reader_fail(reader, STATUS_MALFORMED);
            }
        }
    }
    reader_close(reader);
}

bool parts_line_holds(const struct line *line, const struct unit_id *unit) {
    for (size_t i = 0; i < line->count; i++) {
        if (ID_EQUAL(&line->units[i], unit)) {
            return true;
        }
    }
    return false;
}

void parts_write_texts(struct writer *writer, const struct texts *texts) {
    if (texts->count > FORM_LANGUAGES_MAX) {
        writer_fail(writer, STATUS_MALFORMED);
        return;
    }
    writer_array(writer, texts->count);
    for (size_t i = 0; i < texts->count; i++) {
        writer_array(writer, 2);
        writer_str(writer, texts->items[i].lang);
        writer_str(writer, texts->items[i].text);
    }
}

static bool lang_valid(struct bytes lang) {
    for (size_t i = 0; i < lang.len; i++) {
        if ((lang.data[i] < 'a' || lang.data[i] > 'z') && lang.data[i] != '-') {
            return false;
        }
    }
    return true;
}

void parts_read_texts(struct reader *reader, struct texts *out) {
    out->count = reader_array(reader, 0, FORM_LANGUAGES_MAX);
    for (size_t i = 0; i < out->count; i++) {
        struct text *text = &out->items[i];
        reader_array(reader, 2, 2);
        text->lang = reader_str(reader, LANGUAGE_BYTES_MIN, LANGUAGE_BYTES_MAX);
        text->text = reader_str(reader, 0, FORM_TEXT_BYTES_MAX);
        if (!lang_valid(text->lang) || (i > 0 && bytes_compare(text[-1].lang, text->lang) >= 0)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        reader_close(reader);
    }
    reader_close(reader);
}

void parts_write_version(struct writer *writer) {
    writer_uint(writer, VERSION);
    writer_uint(writer, SUITE);
}

void parts_read_version(struct reader *reader, size_t count, size_t count_wanted) {
    uint64_t version = reader_uint(reader, UINT64_MAX);
    uint64_t suite = reader_uint(reader, UINT64_MAX);
    if (version != VERSION || suite != SUITE) {
        reader_fail(reader, STATUS_VERSION_UNKNOWN);
    } else if (count != count_wanted) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

void parts_write_extensions(struct writer *writer, struct bytes extensions) {
    if (extensions.len == 0) {
        writer_array(writer, 0);
    } else {
        writer_raw(writer, extensions);
    }
}

bool parts_read_extensions(struct reader *reader, struct bytes *out) {
    const uint8_t *start = reader->at;
    bool critical = false;
    uint64_t previous = 0;
    size_t count = reader_array(reader, 0, EXTENSIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        reader_array(reader, 3, 3);
        uint64_t number = reader_uint(reader, UINT64_MAX);
        critical |= reader_bool(reader);
        reader_bin(reader, 0, EXTENSION_BYTES_MAX);
        if (i > 0 && number <= previous) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        previous = number;
        reader_close(reader);
    }
    reader_close(reader);
    *out = count > 0 && reader->status == STATUS_OK ? (struct bytes){start, (size_t)(reader->at - start)} : (struct bytes){0};
    return critical;
}

enum status parts_end(struct reader *reader, struct bytes bytes, bool critical) {
    enum status status = reader_end(reader);
    if (status == STATUS_VERSION_UNKNOWN && codec_check(bytes) != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    return status == STATUS_OK && critical && !PLANTED("critical-passed-over") ? STATUS_CRITICAL_EXTENSION : status;
}

void parts_open_message(struct writer *writer, struct buffer *out, size_t count, unsigned type) {
    writer_init(writer, out);
    writer_array(writer, count);
    writer_uint(writer, type);
}

void parts_read_type(struct reader *reader, unsigned type) {
    if (reader_uint(reader, UINT64_MAX) != type) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}
