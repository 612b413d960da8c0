#include "store/entry_cells.h"

#include "store/period.h"
#include "store/value_text.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const qualifier_words[] = {"", "over", "under", "about", "at_least", "at_most"};
enum { QUALIFIERS = sizeof qualifier_words / sizeof qualifier_words[0] };

const char *entry_cells_qualifier(uint8_t qualifier) {
    return qualifier < QUALIFIERS ? qualifier_words[qualifier] : "";
}

/* ---- texts ---- */

void entry_cells_clear(struct entry_texts *texts) {
    for (size_t i = 0; i < texts->count; i++)
        free(texts->blocks[i]);
    free(texts->blocks);
    *texts = (struct entry_texts){0};
}

/* Takes over the buffer's memory. */
static bool keep(struct entry_texts *texts, struct buffer *buffer, struct bytes *out) {
    *out = (struct bytes){0};
    if (buffer->len == 0) {
        buffer_fini(buffer);
        return true;
    }
    if (texts->count == texts->capacity) {
        size_t capacity = texts->capacity > 0 ? texts->capacity * 2 : 16;
        void **grown = realloc(texts->blocks, capacity * sizeof *grown);
        if (grown == NULL) {
            buffer_fini(buffer);
            return false;
        }
        texts->blocks = grown;
        texts->capacity = capacity;
    }
    *out = buffer_bytes(buffer);
    texts->blocks[texts->count++] = buffer->data;
    return true;
}

static bool refuse(struct entry_refusal *refusal, enum status status, const char *expected) {
    refusal->status = status;
    (void)snprintf(refusal->expected, sizeof refusal->expected, "%s", expected);
    return false;
}

/* A text in NFC of at most max bytes; cut: a longer one is cut at a character (a note), else refused. */
static bool clean_text(const json_t *value, size_t max, bool cut, struct entry_texts *texts, struct bytes *out, struct entry_refusal *refusal) {
    struct buffer nfc;
    size_t len = json_string_length(value);
    *out = (struct bytes){0};
    if (memchr(json_is_string(value) ? json_string_value(value) : "", 0, len) != NULL)
        return refuse(refusal, STATUS_TEXT_INVALID, "text");
    buffer_init(&nfc, len * 3 + 16);
    enum status status = value_text_nfc(bytes_of(json_is_string(value) ? json_string_value(value) : "", len), &nfc);
    if (status == STATUS_OK && nfc.len > max && !cut) {
        char expected[48];
        (void)snprintf(expected, sizeof expected, "0..%zu UTF-8 bytes", max);
        buffer_fini(&nfc);
        return refuse(refusal, STATUS_TOO_LARGE, expected);
    }
    if (status != STATUS_OK) {
        buffer_fini(&nfc);
        return refuse(refusal, status, "text");
    }
    if (nfc.len > max) {
        nfc.len = max;
        while (nfc.len > 0 && (nfc.data[nfc.len] & 0xc0) == 0x80)
            nfc.len--;
    }
    return keep(texts, &nfc, out) || refuse(refusal, STATUS_NO_MEMORY, "");
}

/* ---- values ---- */

static void limit_text(const struct form_field *field, char *out, size_t max) {
    char least[48] = "", most[48] = "";
    if (field->has_minimum)
        value_text_plain(least, field->minimum, field->places);
    if (field->has_maximum)
        value_text_plain(most, field->maximum, field->places);
    (void)snprintf(out, max, "%s..%s", least, most);
}

static bool read_number(struct bytes text, const struct form_field *field, struct cell *out, struct entry_refusal *refusal) {
    static const char *const names[] = {[FIELD_INTEGER] = "integer", [FIELD_DECIMAL] = "decimal", [FIELD_MONEY] = "money"};
    char expected[120];
    (void)snprintf(expected, sizeof expected, field->places > 0 ? "%s, %u" : "%s", names[field->type], field->places);
    enum status status = value_text_scaled(&out->number, text, field->places);
    if (status != STATUS_OK)
        return refuse(refusal, status, expected);
    limit_text(field, expected, sizeof expected);
    if ((field->has_minimum && out->number < field->minimum) || (field->has_maximum && out->number > field->maximum))
        return refuse(refusal, STATUS_VALUE_RANGE, expected);
    return true;
}

static bool read_choice(struct bytes text, const struct form_field *field, struct cell *out, struct entry_refusal *refusal) {
    char expected[161] = "";
    for (size_t i = 0; i < field->choice_count; i++) {
        struct bytes code = field->choices[i].code;
        if (bytes_equal(code, text)) {
            out->number = (int64_t)i;
            return true;
        }
        size_t len = strlen(expected);
        if (len + code.len + 3 < sizeof expected) /* as many as fit, whole ones */
            (void)snprintf(expected + len, sizeof expected - len, "%s%.*s", i > 0 ? ", " : "", (int)code.len, (const char *)code.data);
    }
    return refuse(refusal, STATUS_VALUE_INVALID, expected);
}

static bool read_value(const json_t *value, const struct form_field *field, struct entry_texts *texts, struct cell *out, struct entry_refusal *refusal) {
    struct bytes text;
    int32_t days;
    if (!clean_text(value, TEXT_VALUE_BYTES_MAX, false, texts, &text, refusal))
        return false;
    out->type = CELL_INT;
    switch (field->type) {
    case FIELD_TEXT:
        out->type = CELL_TEXT;
        out->text = text;
        return true;
    case FIELD_YESNO:
        out->type = CELL_BOOL;
        out->number = bytes_equal(text, bytes_of("yes", 3));
        return out->number == 1 || bytes_equal(text, bytes_of("no", 2)) || refuse(refusal, STATUS_VALUE_INVALID, "yes, no");
    case FIELD_CHOICE:
        return read_choice(text, field, out, refusal);
    case FIELD_DATE:
        if (period_date_parse(&days, text) != STATUS_OK)
            return refuse(refusal, STATUS_DATE_INVALID, "YYYY-MM-DD");
        out->number = days;
        return true;
    default:
        return read_number(text, field, out, refusal);
    }
}

static bool read_qualifier(const json_t *object, const struct form_field *field, struct cell *out, struct entry_refusal *refusal) {
    const json_t *value = json_object_get(object, "qualifier");
    if (value == NULL || json_is_null(value) || json_string_length(value) == 0)
        return value == NULL || json_is_null(value) || json_is_string(value) || refuse(refusal, STATUS_BAD_REQUEST, "qualifier");
    bool number = field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL || field->type == FIELD_MONEY;
    for (uint8_t i = 1; i < QUALIFIERS && number; i++) {
        if (strcmp(qualifier_words[i], json_string_value(value)) == 0) {
            out->qualifier = i;
            return true;
        }
    }
    return refuse(refusal, STATUS_VALUE_INVALID, number ? "over, under, about, at_least, at_most" : "no qualifier");
}

bool entry_cells_read(const json_t *object, const struct form_field *field, struct entry_texts *texts, struct cell *out, struct entry_refusal *refusal) {
    const char *state = json_string_value(json_object_get(object, "state"));
    *out = (struct cell){0};
    *refusal = (struct entry_refusal){.status = STATUS_OK};
    if (field->type == FIELD_COMPUTED)
        return refuse(refusal, STATUS_FIELD_COMPUTED, "");
    if (field->retired)
        return refuse(refusal, STATUS_FIELD_UNKNOWN, "");
    if (!json_is_object(object) || state == NULL)
        return refuse(refusal, STATUS_BAD_REQUEST, "cell");
    if (!clean_text(json_object_get(object, "raw"), NOTE_BYTES_MAX, true, texts, &out->raw, refusal) ||
        !clean_text(json_object_get(object, "source"), NOTE_BYTES_MAX, true, texts, &out->source, refusal))
        return false;
    if (strcmp(state, "missing") == 0 || strcmp(state, "na") == 0) {
        out->state = strcmp(state, "na") == 0 ? CELL_NOT_APPLICABLE : CELL_MISSING;
        return true;
    }
    if (strcmp(state, "value") != 0)
        return refuse(refusal, STATUS_BAD_REQUEST, "value, missing, na");
    out->state = CELL_VALUE;
    return read_value(json_object_get(object, "value"), field, texts, out, refusal) && read_qualifier(object, field, out, refusal);
}

enum status entry_cells_text(const struct cell *cell, const struct form_field *field, struct buffer *out) {
    char text[48] = "";
    if (cell->state != CELL_VALUE)
        return STATUS_OK;
    if (cell->type == CELL_TEXT)
        return buffer_append(out, cell->text.data, cell->text.len);
    if (cell->type == CELL_BOOL)
        (void)snprintf(text, sizeof text, "%s", cell->number != 0 ? "yes" : "no");
    else if (field != NULL && field->type == FIELD_DATE && cell->number >= DATE_MIN && cell->number <= DATE_MAX)
        period_date_text(text, (int32_t)cell->number);
    else
        value_text_plain(text, cell->number, field != NULL ? field->places : 0);
    return buffer_append(out, text, strlen(text));
}

/* ---- packing: [[ordinal, state, value, qualifier, raw, source]...] ---- */

enum { PACKED_VALUES = 6 };

enum status entry_cells_pack(const uint16_t *ordinals, const struct cell *cells, size_t count, struct buffer *out) {
    struct writer writer;
    writer_init(&writer, out);
    writer_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_array(&writer, PACKED_VALUES);
        writer_uint(&writer, ordinals[i]);
        writer_uint(&writer, cells[i].state);
        if (cells[i].state != CELL_VALUE)
            writer_nil(&writer);
        else if (cells[i].type == CELL_TEXT)
            writer_str(&writer, cells[i].text);
        else if (cells[i].type == CELL_BOOL)
            writer_bool(&writer, cells[i].number != 0);
        else
            writer_int(&writer, cells[i].number);
        writer_uint(&writer, cells[i].qualifier);
        writer_str(&writer, cells[i].raw);
        writer_str(&writer, cells[i].source);
    }
    return writer_end(&writer);
}

enum status entry_cells_unpack(struct bytes bytes, uint16_t *ordinals, struct cell *cells, size_t *count) {
    struct reader reader;
    reader_init(&reader, bytes);
    *count = reader_array(&reader, 0, FORM_FIELDS_MAX);
    for (size_t i = 0; i < *count && reader.status == STATUS_OK; i++) {
        struct cell *cell = &cells[i];
        *cell = (struct cell){0};
        reader_array(&reader, PACKED_VALUES, PACKED_VALUES);
        ordinals[i] = (uint16_t)reader_uint(&reader, FORM_FIELDS_MAX - 1);
        cell->state = (uint8_t)reader_uint(&reader, CELL_VALUE);
        enum value_type type = reader_peek(&reader);
        cell->type = type == VALUE_STR ? CELL_TEXT : type == VALUE_BOOL ? CELL_BOOL : type == VALUE_NIL ? 0 : CELL_INT;
        if (type == VALUE_STR)
            cell->text = reader_str(&reader, 0, TEXT_VALUE_BYTES_MAX);
        else if (type == VALUE_BOOL)
            cell->number = reader_bool(&reader);
        else if (!reader_take_nil(&reader))
            cell->number = reader_int(&reader, INT64_MIN, INT64_MAX);
        cell->qualifier = (uint8_t)reader_uint(&reader, QUALIFIER_AT_MOST);
        cell->raw = reader_str(&reader, 0, NOTE_BYTES_MAX);
        cell->source = reader_str(&reader, 0, NOTE_BYTES_MAX);
        reader_close(&reader);
    }
    reader_close(&reader);
    return reader_end(&reader) == STATUS_OK ? STATUS_OK : STATUS_INTERNAL;
}
