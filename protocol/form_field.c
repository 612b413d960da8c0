#include "protocol/form_field.h"

enum { FIELD_VALUES = 15, VALUES_BEFORE_CHOICES = 11, VALUES_AFTER_CHOICES = 3 };

bool form_field_name_valid(struct bytes name) {
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i];
        bool letter = byte >= 'a' && byte <= 'z';
        bool later = (byte >= '0' && byte <= '9') || byte == '_';
        if (!letter && (i == 0 || !later)) {
            return false;
        }
    }
    return name.len > 0;
}

bool form_field_is_number(const struct form_field *field) {
    return field->type == FIELD_INTEGER || field->type == FIELD_DECIMAL || field->type == FIELD_MONEY;
}

size_t form_field_skip(struct reader *reader) {
    reader_array(reader, FIELD_VALUES, FIELD_VALUES);
    for (unsigned i = 0; i < VALUES_BEFORE_CHOICES; i++) {
        reader_skip(reader);
    }
    size_t count = reader_array(reader, 0, FORM_CHOICES_MAX);
    for (size_t i = 0; i < count; i++) {
        reader_skip(reader);
    }
    reader_close(reader);
    for (unsigned i = 0; i < VALUES_AFTER_CHOICES; i++) {
        reader_skip(reader);
    }
    reader_close(reader);
    return reader->status == STATUS_OK ? count : 0;
}

static bool choice_repeated(const struct form_choice *choices, size_t place) {
    for (size_t i = 0; i < place; i++) {
        if (bytes_equal(choices[i].code, choices[place].code)) {
            return true;
        }
    }
    return false;
}

static void read_choices(struct reader *reader, struct form_field *out, struct form_choice *choices) {
    out->choice_count = reader_array(reader, 0, FORM_CHOICES_MAX);
    out->choices = out->choice_count > 0 ? choices : NULL;
    for (size_t i = 0; i < out->choice_count; i++) {
        reader_array(reader, 2, 2);
        choices[i].code = reader_str(reader, 1, FORM_CHOICE_CODE_BYTES_MAX);
        parts_read_texts(reader, &choices[i].labels);
        if (choice_repeated(choices, i)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        reader_close(reader);
    }
    reader_close(reader);
}

static bool read_limit(struct reader *reader, int64_t *out) {
    if (reader_take_nil(reader)) {
        return false;
    }
    *out = reader_int(reader, INT64_MIN, INT64_MAX);
    return true;
}

/* What a field's type allows it to carry. */
static bool type_fits(const struct form_field *field) {
    bool places = field->type == FIELD_DECIMAL || field->type == FIELD_COMPUTED;
    bool weighted = field->over_units == UNITS_AVERAGE;
    return field->type != 0 && (places || field->places == 0) && (field->weight.len == 0 || (weighted && form_field_name_valid(field->weight))) &&
           (field->type == FIELD_CHOICE) == (field->choice_count > 0) && (field->type == FIELD_COMPUTED) == (field->formula.len > 0);
}

static bool limits_fit(const struct form_field *field) {
    if ((field->has_minimum || field->has_maximum) && !form_field_is_number(field)) {
        return false;
    }
    return !field->has_minimum || !field->has_maximum || field->minimum <= field->maximum;
}

bool form_field_read(struct reader *reader, struct form_field *out, struct form_choice *choices) {
    *out = (struct form_field){0};
    reader_array(reader, FIELD_VALUES, FIELD_VALUES);
    out->name = reader_str(reader, 1, FORM_NAME_BYTES_MAX);
    out->type = (uint8_t)reader_uint(reader, FIELD_COMPUTED);
    parts_read_texts(reader, &out->labels);
    out->places = (uint8_t)reader_uint(reader, FORM_PLACES_MAX);
    out->measure = reader_str(reader, 0, FORM_NAME_BYTES_MAX);
    out->over_units = (uint8_t)reader_uint(reader, UNITS_COUNT);
    out->over_time = (uint8_t)reader_uint(reader, TIME_AVERAGE);
    out->weight = reader_str(reader, 0, FORM_NAME_BYTES_MAX);
    out->required = reader_bool(reader);
    out->has_minimum = read_limit(reader, &out->minimum);
    out->has_maximum = read_limit(reader, &out->maximum);
    read_choices(reader, out, choices);
    out->formula = reader_str(reader, 0, FORM_FORMULA_BYTES_MAX);
    out->retired = reader_bool(reader);
    bool critical = parts_read_extensions(reader, &out->extensions);
    reader_close(reader);
    if (!form_field_name_valid(out->name) || !type_fits(out) || !limits_fit(out)) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    return critical;
}

static void write_limit(struct writer *writer, bool present, int64_t value) {
    if (present) {
        writer_int(writer, value);
    } else {
        writer_nil(writer);
    }
}

void form_field_write(struct writer *writer, const struct form_field *field) {
    writer_array(writer, FIELD_VALUES);
    writer_str(writer, field->name);
    writer_uint(writer, field->type);
    parts_write_texts(writer, &field->labels);
    writer_uint(writer, field->places);
    writer_str(writer, field->measure);
    writer_uint(writer, field->over_units);
    writer_uint(writer, field->over_time);
    writer_str(writer, field->weight);
    writer_bool(writer, field->required);
    write_limit(writer, field->has_minimum, field->minimum);
    write_limit(writer, field->has_maximum, field->maximum);
    writer_array(writer, field->choice_count);
    for (size_t i = 0; i < field->choice_count; i++) {
        writer_array(writer, 2);
        writer_str(writer, field->choices[i].code);
        parts_write_texts(writer, &field->choices[i].labels);
    }
    writer_str(writer, field->formula);
    writer_bool(writer, field->retired);
    parts_write_extensions(writer, field->extensions);
}
