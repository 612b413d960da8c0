#include "tools/fields.h"

#include "store/form_words.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <utf8proc.h>

static const char *const EXPECTED[] = {
    [FIELD_INTEGER] = N_("a whole number, such as 4731 or 4.731"),
    [FIELD_DECIMAL] = N_("a number with at most {places} decimals, such as 82,5"),
    [FIELD_MONEY] = N_("an amount in đồng, such as 275000000 or 275 triệu"),
    [FIELD_TEXT] = N_("text of at most 4000 bytes"),
    [FIELD_YESNO] = N_("yes or no"),
    [FIELD_CHOICE] = N_("one of the choices of the form"),
    [FIELD_DATE] = N_("a date, such as 30/06/2025"),
    [FIELD_COMPUTED] = N_("nothing: the field is computed"),
};
enum { TYPE_COUNT = sizeof EXPECTED / sizeof EXPECTED[0] };

static struct bytes text_bytes_of(const char *text) {
    return bytes_of(text, strlen(text));
}

/* ---- loading ---- */

/* {"vi": ..., "en": ...}; what is too much for the engine's structure is left out, it would not have been accepted as a form. */
static void load_texts(struct texts *out, const json_t *texts) {
    const char *lang;
    json_t *text;
    out->count = 0;
    json_object_foreach((json_t *)(uintptr_t)texts, lang, text) {
        if (json_is_string(text) && out->count < FORM_LANGUAGES_MAX) {
            out->items[out->count].lang = text_bytes_of(lang);
            out->items[out->count++].text = text_bytes_of(json_string_value(text));
        }
    }
}

/* A choice is {"code": ..., "label": {...}}, or its code alone. */
static const char *choice_code(const json_t *choice) {
    return json_is_string(choice) ? json_string_value(choice) : output_text(choice, "code");
}

static enum status load_choices(struct form_field *out, const json_t *choices) {
    size_t count = json_array_size(choices), i;
    const json_t *choice;
    out->choices = count > 0 ? calloc(count, sizeof *out->choices) : NULL;
    if (count > 0 && out->choices == NULL) {
        return STATUS_NO_MEMORY;
    }
    json_array_foreach(choices, i, choice) {
        out->choices[i].code = text_bytes_of(choice_code(choice));
        load_texts(&out->choices[i].labels, json_object_get(choice, "label"));
    }
    out->choice_count = count;
    return STATUS_OK;
}

static enum status load_field(struct form_field *out, const json_t *field) {
    int type = form_words_number(form_words_type, output_text(field, "type"));
    out->name = text_bytes_of(output_text(field, "name"));
    out->places = (uint8_t)json_integer_value(json_object_get(field, "places"));
    out->retired = json_is_true(json_object_get(field, "retired"));
    out->type = (uint8_t)(type > 0 ? type : FIELD_TEXT);
    load_texts(&out->labels, json_object_get(field, "label"));
    return out->type == FIELD_CHOICE ? load_choices(out, json_object_get(field, "choices")) : STATUS_OK;
}

enum status fields_load(struct fields *out, struct client *client, const char *form) {
    json_t *result;
    *out = (struct fields){0};
    enum status status = client_ask(client, "form.show", client_args("form", form, NULL), &result);
    if (status != STATUS_OK) {
        return status;
    }
    out->form = json_incref(result);
    out->file = json_object_get(result, "form");
    const json_t *fields = json_object_get(out->file, "fields");
    out->count = json_array_size(fields);
    out->items = calloc(out->count > 0 ? out->count : 1, sizeof *out->items);
    status = out->items != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; status == STATUS_OK && i < out->count; i++) {
        status = load_field(&out->items[i], json_array_get(fields, i));
    }
    return status == STATUS_OK ? status : refusal_tell(status, NULL);
}

void fields_fini(struct fields *fields) {
    for (size_t i = 0; fields->items != NULL && i < fields->count; i++) {
        free(fields->items[i].choices);
    }
    free(fields->items);
    json_decref(fields->form);
    *fields = (struct fields){0};
}

/* ---- names ---- */

static const json_t *field_json(const struct fields *fields, size_t index) {
    return json_array_get(json_object_get(fields->file, "fields"), index);
}

const char *fields_title(const struct fields *fields) {
    return text_label(json_object_get(fields->file, "title"), output_text(fields->form, "name"));
}

const char *fields_name(const struct fields *fields, size_t index) {
    return output_text(field_json(fields, index), "name");
}

const char *fields_label(const struct fields *fields, size_t index) {
    return text_label(json_object_get(field_json(fields, index), "label"), fields_name(fields, index));
}

char *fields_label_measured(const struct fields *fields, size_t index) {
    const char *measure = output_text(field_json(fields, index), "measure"), *label = fields_label(fields, index);
    bool said = *measure == '\0' || strstr(label, measure) != NULL;
    return text_format("{label}[ ({measure})]", "label", label, "measure", said ? NULL : measure, NULL);
}

bool fields_numeric(const struct fields *fields, size_t index) {
    uint8_t type = fields->items[index].type;
    return type == FIELD_INTEGER || type == FIELD_DECIMAL || type == FIELD_MONEY || type == FIELD_COMPUTED;
}

bool fields_list(const struct fields *fields) {
    return json_is_true(json_object_get(fields->file, "list"));
}

char *fields_fold(const char *text) {
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded, UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    if (len < 0) {
        return NULL;
    }
    /* Blanks, no-break spaces and line feeds inside a heading are one blank; none at the ends. */
    char *out = (char *)folded, *to = out;
    for (const char *from = out; *from != '\0';) {
        bool nbsp = strncmp(from, "\xc2\xa0", 2) == 0;
        if (nbsp || isspace((unsigned char)*from)) {
            from += nbsp ? 2 : 1;
            if (to != out && to[-1] != ' ') {
                *to++ = ' ';
            }
        } else {
            *to++ = *from++;
        }
    }
    to -= to != out && to[-1] == ' ';
    *to = '\0';
    return out;
}

static bool folded_equal(const char *folded, const char *text) {
    char *other = fields_fold(text);
    bool equal = other != NULL && strcmp(folded, other) == 0;
    free(other);
    return equal;
}

static bool field_bears(const struct fields *fields, size_t index, const char *folded) {
    const char *lang;
    json_t *label;
    if (folded_equal(folded, fields_name(fields, index))) {
        return true;
    }
    json_object_foreach(json_object_get(field_json(fields, index), "label"), lang, label) {
        if (json_is_string(label) && folded_equal(folded, json_string_value(label))) {
            return true;
        }
    }
    return false;
}

enum status fields_find(const struct fields *fields, const char *text, size_t *index) {
    char *folded = fields_fold(text);
    enum status status = STATUS_FIELD_UNKNOWN;
    *index = 0;
    for (size_t i = 0; folded != NULL && i < fields->count; i++) {
        if (strcmp(text, fields_name(fields, i)) == 0) { /* a name beats every label */
            *index = i;
            status = STATUS_OK;
            break;
        }
        if (field_bears(fields, i, folded)) {
            status = status == STATUS_FIELD_UNKNOWN ? STATUS_OK : STATUS_FORM_AMBIGUOUS;
            *index = i;
        }
    }
    free(folded);
    return status;
}

/* ---- values going in ---- */

static const char *const QUALIFIERS[] = {
    [QUALIFIER_NONE] = NULL,     [QUALIFIER_OVER] = "over",         [QUALIFIER_UNDER] = "under",
    [QUALIFIER_ABOUT] = "about", [QUALIFIER_AT_LEAST] = "at_least", [QUALIFIER_AT_MOST] = "at_most",
};
static const char *const QUALIFIER_WORDS[] = {
    [QUALIFIER_NONE] = NULL,         [QUALIFIER_OVER] = N_("over"),         [QUALIFIER_UNDER] = N_("under"),
    [QUALIFIER_ABOUT] = N_("about"), [QUALIFIER_AT_LEAST] = N_("at least"), [QUALIFIER_AT_MOST] = N_("at most"),
};
enum { QUALIFIER_COUNT = sizeof QUALIFIERS / sizeof QUALIFIERS[0] };

/* The raw text is worth keeping where words were read into a number: "trên 173 tỉ đồng". Blanks, dots and commas alone say nothing more than the value. */
static bool raw_wanted(const struct form_field *field, const char *text) {
    if (field->type != FIELD_INTEGER && field->type != FIELD_DECIMAL && field->type != FIELD_MONEY) {
        return false;
    }
    return text[strspn(text, "0123456789., -+\t")] != '\0' && strlen(text) <= NOTE_BYTES_MAX;
}

enum status fields_cell(const struct fields *fields, size_t index, const char *text, enum number_style style, const char *source, json_t **cell) {
    static const char *const STATES[] = {[CELL_MISSING] = "missing", [CELL_NOT_APPLICABLE] = "na", [CELL_VALUE] = "value"};
    const struct form_field *field = &fields->items[index];
    struct value_text value;
    *cell = NULL;
    if (field->type == FIELD_COMPUTED) {
        return STATUS_FIELD_COMPUTED;
    }
    enum status status = value_text_parse(&value, field, text_bytes_of(text), style);
    if (status != STATUS_OK) {
        return status;
    }
    *cell = client_args("state", STATES[value.state], "value", value.state == CELL_VALUE ? value.value : NULL, "qualifier",
                        value.qualifier < QUALIFIER_COUNT ? QUALIFIERS[value.qualifier] : NULL, NULL);
    if (value.state == CELL_VALUE && raw_wanted(field, text)) {
        json_object_set_new(*cell, "raw", json_string(text));
        if (source != NULL) {
            json_object_set_new(*cell, "source", json_string(source));
        }
    }
    return STATUS_OK;
}

char *fields_expected(const struct fields *fields, size_t index) {
    uint8_t type = fields->items[index].type;
    char places[12];
    snprintf(places, sizeof places, "%u", (unsigned)fields->items[index].places);
    return text_format(type < TYPE_COUNT && EXPECTED[type] != NULL ? _(EXPECTED[type]) : "", "places", places, NULL);
}

/* ---- values coming out ---- */

static const char *choice_label(const struct fields *fields, size_t index, const char *code) {
    size_t i;
    const json_t *choice;
    json_array_foreach(json_object_get(field_json(fields, index), "choices"), i, choice) {
        if (strcmp(choice_code(choice), code) == 0) {
            return text_label(json_object_get(choice, "label"), code);
        }
    }
    return code;
}

static const char *value_words(const struct fields *fields, size_t index, const char *value, char out[TEXT_SHORT]) {
    switch (fields->items[index].type) {
    case FIELD_YESNO:
        return strcmp(value, "yes") == 0 ? _("yes") : _("no");
    case FIELD_CHOICE:
        return choice_label(fields, index, value);
    case FIELD_DATE:
        return text_date(out, value);
    case FIELD_TEXT:
        return value;
    default:
        return text_number(out, value);
    }
}

static const char *qualifier_word(const char *qualifier) {
    for (size_t i = 1; i < QUALIFIER_COUNT; i++) {
        if (strcmp(QUALIFIERS[i], qualifier) == 0) {
            return _(QUALIFIER_WORDS[i]);
        }
    }
    return *qualifier != '\0' ? qualifier : NULL;
}

char *fields_shown(const struct fields *fields, size_t index, const json_t *state) {
    char number[TEXT_SHORT];
    const char *value = json_string_value(json_object_get(state, "value"));
    if (strcmp(output_text(state, "state"), "na") == 0) {
        return text_format(_("not applicable"), NULL);
    }
    if (value == NULL) { /* said to be missing, or never said anything about */
        return text_format(strcmp(output_text(state, "state"), "missing") == 0 ? _("no figure") : "–", NULL);
    }
    return text_format("[{qualifier} ]{value}", "qualifier", qualifier_word(output_text(state, "qualifier")), "value",
                       value_words(fields, index, value, number), NULL);
}
