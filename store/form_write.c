#include "store/form_write.h"

#include "store/form_words.h"
#include "store/value_text.h"

#include <stdio.h>

static json_t *text_of(struct bytes text) {
    return json_stringn((const char *)text.data, text.len);
}

json_t *form_write_texts(const struct texts *texts) {
    json_t *out = json_object();
    for (size_t i = 0; i < texts->count; i++) {
        char lang[16];
        (void)snprintf(lang, sizeof lang, "%.*s", (int)texts->items[i].lang.len, (const char *)texts->items[i].lang.data);
        if (json_object_set_new(out, lang, text_of(texts->items[i].text)) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

static json_t *limit(bool present, int64_t value, unsigned places) {
    char text[48];
    if (!present)
        return NULL;
    value_text_plain(text, value, places);
    return places == 0 ? json_integer(value) : json_string(text);
}

static json_t *choices(const struct form_field *field) {
    json_t *out = json_array();
    for (size_t i = 0; i < field->choice_count; i++) {
        json_t *choice = json_object();
        json_object_set_new(choice, "code", text_of(field->choices[i].code));
        json_object_set_new(choice, "label", form_write_texts(&field->choices[i].labels));
        json_array_append_new(out, choice);
    }
    return out;
}

/* NULL for what is not to stand in the file: setting NULL sets nothing. */
static void set(json_t *object, const char *name, json_t *value) {
    if (value != NULL)
        json_object_set_new(object, name, value);
}

static json_t *text_unless_empty(struct bytes text) {
    return text.len > 0 ? text_of(text) : NULL;
}

static json_t *field_of(const struct form_field *field) {
    json_t *out = json_object();
    bool computed = field->type == FIELD_COMPUTED, places = computed || field->type == FIELD_DECIMAL;
    set(out, "name", text_of(field->name));
    set(out, "type", json_string(form_words_text(form_words_type, field->type)));
    set(out, "label", form_write_texts(&field->labels));
    set(out, "places", places ? json_integer(field->places) : NULL);
    set(out, "measure", text_unless_empty(field->measure));
    set(out, "over_units", computed ? NULL : json_string(form_words_text(form_words_units, field->over_units)));
    set(out, "over_time", computed ? NULL : json_string(form_words_text(form_words_time, field->over_time)));
    set(out, "weight", text_unless_empty(field->weight));
    set(out, "required", field->required ? json_true() : NULL);
    set(out, "minimum", limit(field->has_minimum, field->minimum, field->places));
    set(out, "maximum", limit(field->has_maximum, field->maximum, field->places));
    set(out, "choices", field->type == FIELD_CHOICE ? choices(field) : NULL);
    set(out, "formula", text_unless_empty(field->formula));
    set(out, "retired", field->retired ? json_true() : NULL);
    return out;
}

static json_t *levels(const struct form *form) {
    json_t *out = json_array();
    for (size_t i = 0; i < form->level_count; i++)
        json_array_append_new(out, json_integer(form->levels[i]));
    return out;
}

static json_t *due(const struct form *form) {
    json_t *out = json_object();
    for (size_t i = 0; i < form->due_count; i++) {
        char level[8];
        (void)snprintf(level, sizeof level, "%u", form->due[i].level);
        json_object_set_new(out, level, json_integer(form->due[i].days));
    }
    return out;
}

json_t *form_write_json(const struct form *form) {
    json_t *out = json_object(), *fields = json_array();
    set(out, "name", text_of(form->name));
    set(out, "title", form_write_texts(&form->titles));
    set(out, "period", json_string(form_words_text(form_words_period, form->period)));
    set(out, "window", json_string(form_words_text(form_words_window, form->window)));
    set(out, "levels", form->level_count > 0 ? levels(form) : NULL);
    set(out, "list", form->list ? json_true() : NULL);
    set(out, "reach", form->reach == REACH_PRIVATE ? json_string("private") : json_integer(form->reach));
    set(out, "extract", form->extract ? json_true() : NULL);
    set(out, "suppress_below", form->suppress_below > 0 ? json_integer(form->suppress_below) : NULL);
    set(out, "policy", json_string(form_words_text(form_words_policy, form->policy)));
    set(out, "due", form->due_count > 0 ? due(form) : NULL);
    for (size_t i = 0; i < form->field_count; i++)
        json_array_append_new(fields, field_of(&form->fields[i]));
    set(out, "fields", fields);
    return out;
}
