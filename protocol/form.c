/* Form versions (docs/protocol.md 5.4). */
#include "protocol/form_field.h"

#include <stdlib.h>

enum { FORM_VALUES = 15, RULE_VALUES = 3, SEVERITY_MAX = 2 };
enum { EXTENSION_EXTRACT = 16, EXTRACT_VALUES = 2 };

/* How many fields, rules and choices follow, so that one allocation holds them all. */
struct shape {
    size_t fields, choices, rules;
};

static struct shape measure(struct reader reader /* a copy: nothing is consumed */) {
    struct shape shape = {0};
    shape.fields = reader_array(&reader, 1, FORM_FIELDS_MAX);
    for (size_t i = 0; i < shape.fields; i++) {
        shape.choices += form_field_skip(&reader);
    }
    reader_close(&reader);
    shape.rules = reader_array(&reader, 0, FORM_RULES_MAX);
    return reader.status == STATUS_OK ? shape : (struct shape){0};
}

static_assert(_Alignof(struct form_rule) <= _Alignof(struct form_field) && _Alignof(struct form_choice) <= _Alignof(struct form_rule),
              "fields, rules and choices can stand one after the other");

static struct form_choice *allocate(struct form *form, struct reader *reader, const struct shape *shape) {
    size_t fields = shape->fields * sizeof *form->fields, rules = shape->rules * sizeof *form->rules;
    form->memory = calloc(1, fields + rules + shape->choices * sizeof(struct form_choice) + 1);
    if (form->memory == NULL) {
        reader_fail(reader, STATUS_NO_MEMORY);
        return NULL;
    }
    char *at = form->memory;
    form->fields = (void *)at;
    form->rules = (void *)(at + fields);
    return (void *)(at + fields + rules);
}

static bool name_repeated(const struct form *form, size_t place) {
    for (size_t i = 0; i < place; i++) {
        if (bytes_equal(form->fields[i].name, form->fields[place].name)) {
            return true;
        }
    }
    return false;
}

/* The field that a weight names may stand before or behind the one it weighs. */
static bool weight_fits(const struct form *form, size_t field_count, struct bytes weight) {
    for (size_t i = 0; i < field_count; i++) {
        if (bytes_equal(form->fields[i].name, weight)) {
            return form_field_is_number(&form->fields[i]);
        }
    }
    return weight.len == 0;
}

/* Says whether a field has a critical extension. */
static bool read_fields_and_rules(struct reader *reader, struct form *out) {
    bool critical = false;
    struct shape shape = measure(*reader);
    struct form_choice *choices = allocate(out, reader, &shape);
    size_t fields = reader_array(reader, 1, FORM_FIELDS_MAX);
    if (fields != shape.fields) {
        reader_fail(reader, STATUS_MALFORMED); /* measuring failed: it saw what reading would have seen */
    }
    for (size_t i = 0; i < fields && reader->status == STATUS_OK; i++) {
        struct form_field *field = &out->fields[i];
        critical |= form_field_read(reader, field, choices);
        choices += field->choice_count;
        if (reader->status == STATUS_OK && name_repeated(out, i)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    for (size_t i = 0; i < fields && reader->status == STATUS_OK; i++) {
        if (!weight_fits(out, fields, out->fields[i].weight)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
    size_t rules = reader_array(reader, 0, FORM_RULES_MAX);
    for (size_t i = 0; i < rules && reader->status == STATUS_OK; i++) {
        struct form_rule *rule = &out->rules[i];
        reader_array(reader, RULE_VALUES, RULE_VALUES);
        rule->severity = (uint8_t)reader_uint(reader, SEVERITY_MAX);
        rule->expression = reader_str(reader, 1, FORM_FORMULA_BYTES_MAX);
        parts_read_texts(reader, &rule->texts);
        reader_close(reader);
        if (rule->severity == 0) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
    out->field_count = fields;
    out->rule_count = rules;
    return critical;
}

static void read_levels(struct reader *reader, struct form *out) {
    out->level_count = reader_array(reader, 0, LEVEL_MAX + 1);
    for (size_t i = 0; i < out->level_count; i++) {
        out->levels[i] = (uint8_t)reader_uint(reader, LEVEL_MAX);
        if (i > 0 && out->levels[i - 1] >= out->levels[i]) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
}

static void read_due(struct reader *reader, struct form *out) {
    out->due_count = reader_array(reader, 0, LEVEL_MAX + 1);
    for (size_t i = 0; i < out->due_count; i++) {
        reader_array(reader, 2, 2);
        out->due[i].level = (uint8_t)reader_uint(reader, LEVEL_MAX);
        out->due[i].days = reader_int(reader, -FORM_DUE_DAYS_MAX, FORM_DUE_DAYS_MAX);
        if (i > 0 && out->due[i - 1].level >= out->due[i].level) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        reader_close(reader);
    }
    reader_close(reader);
}

static void read_extract(struct reader *reader, struct form *out, struct bytes data) {
    struct reader inner;
    reader_init(&inner, data);
    reader_array(&inner, EXTRACT_VALUES, EXTRACT_VALUES);
    out->extract = reader_bool(&inner);
    out->suppress_below = (uint16_t)reader_uint(&inner, FORM_SUPPRESS_BELOW_MAX);
    reader_close(&inner);
    if (reader_end(&inner) != STATUS_OK) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

/* Says whether one that this version does not know is critical. */
static bool read_extensions(struct reader *reader, struct form *out) {
    bool critical = false;
    (void)parts_read_extensions(reader, &out->extensions);
    struct reader again;
    if (reader->status != STATUS_OK || out->extensions.len == 0) {
        return false;
    }
    reader_init(&again, out->extensions);
    size_t count = reader_array(&again, 1, EXTENSIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        reader_array(&again, 3, 3);
        bool known = reader_uint(&again, UINT64_MAX) == EXTENSION_EXTRACT;
        critical |= reader_bool(&again) && !known;
        struct bytes data = reader_bin(&again, 0, EXTENSION_BYTES_MAX);
        if (known) {
            read_extract(reader, out, data);
        }
        reader_close(&again);
    }
    return critical;
}

enum status form_extensions_encode(bool extract, unsigned suppress_below, struct buffer *out) {
    struct writer writer;
    struct buffer data;
    if (!extract && suppress_below == 0) {
        return STATUS_OK;
    }
    buffer_init(&data, EXTENSION_BYTES_MAX);
    writer_init(&writer, &data);
    writer_array(&writer, EXTRACT_VALUES);
    writer_bool(&writer, extract);
    writer_uint(&writer, suppress_below);
    enum status status = suppress_below > FORM_SUPPRESS_BELOW_MAX ? STATUS_MALFORMED : writer_end(&writer);
    if (status == STATUS_OK) {
        writer_init(&writer, out);
        writer_array(&writer, 1);
        writer_array(&writer, 3);
        writer_uint(&writer, EXTENSION_EXTRACT);
        writer_bool(&writer, false);
        writer_bin(&writer, buffer_bytes(&data));
        status = writer_end(&writer);
    }
    buffer_fini(&data);
    return status;
}

enum status form_decode(struct form *out, struct bytes payload) {
    bool critical = false;
    struct reader reader;
    *out = (struct form){0};
    reader_init(&reader, payload);
    if (payload.len > BODY_BYTES_MAX) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    reader_array(&reader, FORM_VALUES, FORM_VALUES);
    reader_fixed(&reader, out->issuer.b, sizeof out->issuer.b);
    out->name = reader_str(&reader, 1, FORM_NAME_BYTES_MAX);
    out->label = reader_uint(&reader, UINT64_MAX);
    out->has_previous = parts_read_optional_fixed(&reader, out->previous.b, sizeof out->previous.b);
    parts_read_texts(&reader, &out->titles);
    out->period = (uint8_t)reader_uint(&reader, PERIOD_AD_HOC);
    out->window = (uint8_t)reader_uint(&reader, WINDOW_OFFICIAL);
    read_levels(&reader, out);
    out->list = reader_bool(&reader);
    out->reach = (uint8_t)reader_uint(&reader, REACH_PRIVATE);
    out->policy = (uint8_t)reader_uint(&reader, POLICY_UPPER);
    read_due(&reader, out);
    if (out->label == 0 || out->period == 0 || out->window == 0 || out->policy == 0 || !form_field_name_valid(out->name)) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    if (reader.status == STATUS_OK) {
        critical = read_fields_and_rules(&reader, out);
    }
    critical |= read_extensions(&reader, out);
    reader_close(&reader);
    enum status status = parts_end(&reader, payload, critical);
    if (status != STATUS_OK) {
        form_fini(out);
    }
    return status;
}

void form_fini(struct form *form) {
    free(form->memory);
    *form = (struct form){0};
}

static enum status judge(struct bytes payload) {
    struct form check;
    enum status status = form_decode(&check, payload);
    form_fini(&check);
    return status;
}

/* The arrays that a count outside its bound would read past. */
static bool counts_fit(const struct form *form) {
    if (form->level_count > LEVEL_MAX + 1 || form->due_count > LEVEL_MAX + 1 || form->field_count > FORM_FIELDS_MAX || form->rule_count > FORM_RULES_MAX) {
        return false;
    }
    for (size_t i = 0; i < form->field_count; i++) {
        if (form->fields[i].choice_count > FORM_CHOICES_MAX) {
            return false;
        }
    }
    return true;
}

static void write_lists(struct writer *writer, const struct form *form) {
    writer_array(writer, form->due_count);
    for (size_t i = 0; i < form->due_count; i++) {
        writer_array(writer, 2);
        writer_uint(writer, form->due[i].level);
        writer_int(writer, form->due[i].days);
    }
    writer_array(writer, form->field_count);
    for (size_t i = 0; i < form->field_count; i++) {
        form_field_write(writer, &form->fields[i]);
    }
    writer_array(writer, form->rule_count);
    for (size_t i = 0; i < form->rule_count; i++) {
        writer_array(writer, RULE_VALUES);
        writer_uint(writer, form->rules[i].severity);
        writer_str(writer, form->rules[i].expression);
        parts_write_texts(writer, &form->rules[i].texts);
    }
}

enum status form_encode(const struct form *form, struct buffer *out) {
    struct writer writer;
    if (!counts_fit(form)) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, FORM_VALUES);
    parts_write_fixed(&writer, form->issuer.b, sizeof form->issuer.b);
    writer_str(&writer, form->name);
    writer_uint(&writer, form->label);
    parts_write_optional_fixed(&writer, form->has_previous, form->previous.b, sizeof form->previous.b);
    parts_write_texts(&writer, &form->titles);
    writer_uint(&writer, form->period);
    writer_uint(&writer, form->window);
    writer_array(&writer, form->level_count);
    for (size_t i = 0; i < form->level_count; i++) {
        writer_uint(&writer, form->levels[i]);
    }
    writer_bool(&writer, form->list);
    writer_uint(&writer, form->reach);
    writer_uint(&writer, form->policy);
    write_lists(&writer, form);
    parts_write_extensions(&writer, form->extensions);
    writer_fail(&writer, judge(writer_written(&writer)));
    return writer_end(&writer);
}

void form_version(struct hash *out, const struct association_id *association, struct bytes payload) {
    keys_hash(out, "form", association, payload, (struct bytes){0});
}
