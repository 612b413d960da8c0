#include "store/form_json.h"

#include "store/form_words.h"
#include "store/formula.h"
#include "store/value_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_MAX_BYTES = 160, READ_MAX_BYTES = 80 };

struct reading {
    struct form_json *out;
    const struct tree *tree;
    form_mistake_fn mistake;
    void *ctx;
    size_t mistakes;
    bool no_memory;
};

/* ---- telling mistakes ---- */

/* A path made of a place and a member: "fields[2]" and "type". The place itself where member is empty. */
struct path {
    char text[PATH_MAX_BYTES];
};

__attribute__((format(printf, 1, 2))) static struct path path_of(const char *format, ...) {
    struct path path;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(path.text, sizeof path.text, format, args);
    va_end(args);
    return path;
}

static struct path member(const struct path *place, const char *name) {
    return place->text[0] == 0 ? path_of("%.80s", name) : path_of("%.100s.%.50s", place->text, name);
}

static void tell(struct reading *reading, enum status status, const struct path *path, const json_t *read, const char *expected) {
    char shown[READ_MAX_BYTES] = "";
    if (json_is_string(read)) {
        (void)snprintf(shown, sizeof shown, "%s", json_string_value(read));
        while (!codec_utf8_valid(bytes_of(shown, strlen(shown)))) /* cut within a character */
            shown[strlen(shown) - 1] = 0;
    } else if (read != NULL) {
        char *text = json_dumps(read, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
        (void)snprintf(shown, sizeof shown, "%s", text != NULL ? text : "");
        free(text);
    }
    reading->mistakes++;
    reading->mistake(reading->ctx, &(struct form_mistake){status, path->text, shown, expected});
}

/* ---- memory: what the form's texts and tables point into ---- */

static void *keep(struct reading *reading, size_t len) {
    struct form_json *out = reading->out;
    void **blocks = realloc(out->blocks, (out->block_count + 1) * sizeof *blocks);
    if (blocks != NULL)
        out->blocks = blocks;
    void *block = blocks != NULL ? calloc(1, len > 0 ? len : 1) : NULL;
    if (block == NULL) {
        reading->no_memory = true;
        return NULL;
    }
    out->blocks[out->block_count++] = block;
    return block;
}

static struct bytes keep_text(struct reading *reading, const char *text, size_t len) {
    struct buffer nfc;
    buffer_init(&nfc, len * 3 + 16); /* composing never makes text longer than that */
    enum status status = value_text_nfc(bytes_of(text, len), &nfc);
    char *copy = status == STATUS_OK ? keep(reading, nfc.len + 1) : NULL;
    if (copy != NULL && nfc.len > 0)
        memcpy(copy, nfc.data, nfc.len);
    struct bytes out = copy != NULL ? bytes_of(copy, nfc.len) : (struct bytes){0};
    reading->no_memory = reading->no_memory || status == STATUS_NO_MEMORY;
    buffer_fini(&nfc);
    return out;
}

void form_json_fini(struct form_json *form) {
    for (size_t i = 0; i < form->block_count; i++)
        free(form->blocks[i]);
    free(form->blocks);
    *form = (struct form_json){0};
}

/* ---- members by kind ---- */

/* A text of at most max bytes; absent or wrong: empty (wrong is told). */
static struct bytes text_member(struct reading *reading, const json_t *object, const struct path *place, const char *name, size_t max) {
    const json_t *value = json_object_get(object, name);
    struct path path = member(place, name);
    if (value == NULL)
        return (struct bytes){0};
    struct bytes text = json_is_string(value) ? keep_text(reading, json_string_value(value), json_string_length(value)) : (struct bytes){0};
    if (!json_is_string(value) || text.len > max || memchr(json_string_value(value), 0, json_string_length(value)) != NULL) {
        tell(reading, STATUS_FORM_INVALID, &path, value, json_is_string(value) ? "shorter text" : "text");
        return (struct bytes){0};
    }
    return text;
}

static uint8_t word_member(struct reading *reading, const json_t *object, const struct path *place, const char *name, const struct form_word *words,
                           uint8_t otherwise) {
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        return otherwise;
    int number = json_is_string(value) ? form_words_number(words, json_string_value(value)) : -1;
    if (number >= 0)
        return (uint8_t)number;
    struct path path = member(place, name);
    char list[READ_MAX_BYTES * 2] = "";
    for (const struct form_word *word = words; word->word != NULL; word++)
        (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", word == words ? "" : ", ", word->word);
    tell(reading, STATUS_FORM_INVALID, &path, value, list);
    return otherwise;
}

static bool bool_member(struct reading *reading, const json_t *object, const struct path *place, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (value != NULL && !json_is_boolean(value)) {
        struct path path = member(place, name);
        tell(reading, STATUS_FORM_INVALID, &path, value, "true, false");
    }
    return json_is_true(value);
}

static bool lang_valid(const char *lang) {
    size_t len = strlen(lang);
    return len >= 2 && len <= 8 && strspn(lang, "abcdefghijklmnopqrstuvwxyz-") == len;
}

static int by_lang(const void *a, const void *b) {
    return bytes_compare(((const struct text *)a)->lang, ((const struct text *)b)->lang);
}

/* {LANG: TEXT}, or one text, which is taken as Vietnamese. */
static struct texts texts_member(struct reading *reading, const json_t *object, const struct path *place, const char *name) {
    struct texts out = {0};
    const json_t *value = json_object_get(object, name);
    struct path path = member(place, name);
    if (json_is_string(value)) {
        out.items[0] = (struct text){bytes_of("vi", 2), text_member(reading, object, place, name, FORM_TEXT_BYTES_MAX)};
        out.count = 1;
        return out;
    }
    if (value != NULL && (!json_is_object(value) || json_object_size(value) > FORM_LANGUAGES_MAX)) {
        tell(reading, STATUS_FORM_INVALID, &path, value, "texts by language");
        return out;
    }
    const char *lang;
    json_t *text;
    json_object_foreach((json_t *)value, lang, text) {
        struct path inner = member(&path, lang);
        if (!lang_valid(lang) || !json_is_string(text)) {
            tell(reading, STATUS_FORM_INVALID, &inner, text, lang_valid(lang) ? "text" : "language of 2 to 8 letters");
            continue;
        }
        out.items[out.count++] = (struct text){keep_text(reading, lang, strlen(lang)), text_member(reading, value, &path, lang, FORM_TEXT_BYTES_MAX)};
    }
    qsort(out.items, out.count, sizeof out.items[0], by_lang);
    return out;
}

/* A level by number or name; -1 after telling. special: a word that stands for special_number. */
static int level_value(struct reading *reading, const json_t *value, const struct path *path, const char *special, int special_number) {
    unsigned number;
    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= LEVEL_MAX)
        return (int)json_integer_value(value);
    if (json_is_string(value) && special != NULL && strcmp(json_string_value(value), special) == 0)
        return special_number;
    if (json_is_string(value) && tree_level_number(reading->tree, bytes_of(json_string_value(value), json_string_length(value)), &number) == STATUS_OK &&
        number <= LEVEL_MAX)
        return (int)number;
    tell(reading, STATUS_LEVEL_UNKNOWN, path, value, "level");
    return -1;
}

static void unknown_members(struct reading *reading, const json_t *object, const struct path *place, const char *const *known) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        const char *const *at = known;
        while (*at != NULL && strcmp(*at, name) != 0)
            at++;
        if (*at == NULL) {
            struct path path = member(place, name);
            tell(reading, STATUS_FORM_INVALID, &path, NULL, "known key");
        }
    }
}

static bool name_valid(struct bytes name) {
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (i > 0 && ((c >= '0' && c <= '9') || c == '_'))))
            return false;
    }
    return name.len > 0;
}

static struct bytes name_member(struct reading *reading, const json_t *object, const struct path *place) {
    const json_t *value = json_object_get(object, "name");
    struct bytes name = text_member(reading, object, place, "name", FORM_NAME_BYTES_MAX);
    if (!name_valid(name) && (value == NULL || name.len > 0 || json_string_length(value) == 0)) {
        struct path path = member(place, "name");
        tell(reading, STATUS_FORM_INVALID, &path, value, "name of a-z, 0-9, _");
    }
    return name;
}

/* ---- fields ---- */

static bool is_number(uint8_t type) {
    return type == FIELD_INTEGER || type == FIELD_DECIMAL || type == FIELD_MONEY;
}

static bool limit_member(struct reading *reading, const json_t *object, const struct path *place, const char *name, const struct form_field *field,
                         int64_t *out) {
    const json_t *value = json_object_get(object, name);
    char text[READ_MAX_BYTES] = "";
    if (value == NULL || json_is_null(value))
        return false;
    if (json_is_string(value))
        (void)snprintf(text, sizeof text, "%s", json_string_value(value));
    else if (json_is_integer(value))
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value)) /* 0.5 in the file is the decimal 0.5: fifteen digits give back what was written */
        (void)snprintf(text, sizeof text, "%.15g", json_real_value(value));
    if (is_number(field->type) && value_text_scaled(out, bytes_of(text, strlen(text)), field->places) == STATUS_OK)
        return true;
    struct path path = member(place, name);
    tell(reading, STATUS_FORM_INVALID, &path, value, is_number(field->type) ? "number" : "nothing for this type");
    return false;
}

static void read_places(struct reading *reading, const json_t *object, const struct path *place, struct form_field *field) {
    const json_t *value = json_object_get(object, "places");
    bool allowed = field->type == FIELD_DECIMAL || field->type == FIELD_COMPUTED;
    if (value == NULL)
        return;
    json_int_t places = json_is_integer(value) ? json_integer_value(value) : -1;
    if (places >= 0 && places <= (allowed ? FORM_PLACES_MAX : 0)) {
        field->places = (uint8_t)places;
        return;
    }
    struct path path = member(place, "places");
    tell(reading, STATUS_FORM_INVALID, &path, value, allowed ? "0 to 9" : "nothing for this type");
}

static void read_choice(struct reading *reading, const json_t *value, const struct path *place, struct form_choice *out) {
    static const char *const known[] = {"code", "label", NULL};
    if (json_is_string(value)) {
        out->code = keep_text(reading, json_string_value(value), json_string_length(value));
    } else if (json_is_object(value)) {
        unknown_members(reading, value, place, known);
        out->code = text_member(reading, value, place, "code", FORM_CHOICE_CODE_BYTES_MAX);
        out->labels = texts_member(reading, value, place, "label");
    }
    if (out->code.len == 0 || out->code.len > FORM_CHOICE_CODE_BYTES_MAX)
        tell(reading, STATUS_FORM_INVALID, place, value, "code of 1 to 64 bytes");
}

static void read_choices(struct reading *reading, const json_t *object, const struct path *place, struct form_field *field) {
    const json_t *list = json_object_get(object, "choices");
    struct path path = member(place, "choices");
    size_t count = json_array_size(list);
    if (field->type != FIELD_CHOICE) {
        if (list != NULL)
            tell(reading, STATUS_FORM_INVALID, &path, NULL, "nothing for this type");
        return;
    }
    if (!json_is_array(list) || count == 0 || count > FORM_CHOICES_MAX) {
        tell(reading, STATUS_FORM_INVALID, &path, NULL, "list of 1 to 100 choices");
        return;
    }
    field->choices = keep(reading, count * sizeof *field->choices);
    if (field->choices == NULL)
        return;
    field->choice_count = count;
    for (size_t i = 0; i < count; i++) {
        struct path inner = path_of("%.100s[%zu]", path.text, i);
        read_choice(reading, json_array_get(list, i), &inner, &field->choices[i]);
        for (size_t j = 0; j < i; j++) {
            if (bytes_equal(field->choices[i].code, field->choices[j].code))
                tell(reading, STATUS_FORM_INVALID, &inner, json_array_get(list, i), "distinct codes");
        }
    }
}

/* What adding up a type allows, and what it does where the file says nothing. */
static void read_adding_up(struct reading *reading, const json_t *object, const struct path *place, struct form_field *field) {
    bool number = is_number(field->type), computed = field->type == FIELD_COMPUTED, ordered = number || field->type == FIELD_DATE;
    field->over_units = word_member(reading, object, place, "over_units", form_words_units, number ? AGGREGATE_SUM : AGGREGATE_NONE);
    field->over_time = word_member(reading, object, place, "over_time", form_words_time, number ? AGGREGATE_SUM : computed ? AGGREGATE_NONE : TIME_LAST);
    uint8_t units = field->over_units, time = field->over_time;
    bool units_fit = units == AGGREGATE_NONE || number || (units == UNITS_COUNT && !computed) || (ordered && (units == UNITS_MIN || units == UNITS_MAX));
    bool time_fits = time == AGGREGATE_NONE || number || (time == TIME_LAST && !computed) || (ordered && (time == TIME_MIN || time == TIME_MAX));
    struct path path = member(place, "over_units");
    if (!units_fit)
        tell(reading, STATUS_FORM_INVALID, &path, json_object_get(object, "over_units"),
             computed  ? "nothing for this type"
             : ordered ? "none, min, max, count"
                       : "none, count");
    path = member(place, "over_time");
    if (!time_fits)
        tell(reading, STATUS_FORM_INVALID, &path, json_object_get(object, "over_time"),
             computed  ? "nothing for this type"
             : ordered ? "none, last, min, max"
                       : "none, last");
    field->weight = text_member(reading, object, place, "weight", FORM_NAME_BYTES_MAX);
    path = member(place, "weight");
    if (field->weight.len > 0 && units != UNITS_AVERAGE)
        tell(reading, STATUS_FORM_INVALID, &path, json_object_get(object, "weight"), "over_units average");
}

static void read_field(struct reading *reading, const json_t *object, const struct path *place, struct form_field *field) {
    static const char *const known[] = {"name",     "type",    "label",   "places",  "measure", "over_units", "over_time", "weight",
                                        "required", "minimum", "maximum", "choices", "formula", "retired",    NULL};
    if (!json_is_object(object)) {
        tell(reading, STATUS_FORM_INVALID, place, object, "object");
        return;
    }
    unknown_members(reading, object, place, known);
    field->name = name_member(reading, object, place);
    field->type = word_member(reading, object, place, "type", form_words_type, 0);
    struct path path = member(place, "type");
    if (json_object_get(object, "type") == NULL)
        tell(reading, STATUS_FORM_INVALID, &path, NULL, "integer, decimal, money, text, yesno, choice, date, computed");
    field->labels = texts_member(reading, object, place, "label");
    field->measure = text_member(reading, object, place, "measure", FORM_NAME_BYTES_MAX);
    field->required = bool_member(reading, object, place, "required");
    field->retired = bool_member(reading, object, place, "retired");
    field->formula = text_member(reading, object, place, "formula", FORM_FORMULA_BYTES_MAX);
    if (field->type == 0)
        return;
    read_places(reading, object, place, field);
    read_adding_up(reading, object, place, field);
    field->has_minimum = limit_member(reading, object, place, "minimum", field, &field->minimum);
    field->has_maximum = limit_member(reading, object, place, "maximum", field, &field->maximum);
    path = member(place, "maximum");
    if (field->has_minimum && field->has_maximum && field->minimum > field->maximum)
        tell(reading, STATUS_FORM_INVALID, &path, json_object_get(object, "maximum"), "at least the minimum");
    read_choices(reading, object, place, field);
    path = member(place, "formula");
    if ((field->type == FIELD_COMPUTED) != (field->formula.len > 0))
        tell(reading, STATUS_FORM_INVALID, &path, json_object_get(object, "formula"), field->type == FIELD_COMPUTED ? "formula" : "nothing for this type");
}

/* ---- what one field says of another ---- */

static const struct form_field *find(const struct form *form, struct bytes name) {
    for (size_t i = 0; i < form->field_count; i++) {
        if (bytes_equal(form->fields[i].name, name))
            return &form->fields[i];
    }
    return NULL;
}

static bool lookup_number(void *ctx, struct bytes name, struct formula_value *out) {
    const struct form_field *field = find(ctx, name);
    *out = (struct formula_value){CELL_VALUE, false, {1, 1}};
    return field != NULL && is_number(field->type);
}

static void check_between(struct reading *reading, struct form *form) {
    for (size_t i = 0; i < form->field_count; i++) {
        const struct form_field *field = &form->fields[i], *same = find(form, field->name);
        if (field->name.len > 0 && same != field) {
            struct path path = path_of("fields[%zu].name", i);
            json_t *name = json_stringn((const char *)field->name.data, field->name.len);
            tell(reading, STATUS_FORM_INVALID, &path, name, "distinct names");
            json_decref(name);
        }
        const struct form_field *weight = find(form, field->weight);
        if (field->weight.len > 0 && (weight == NULL || !is_number(weight->type) || weight == field)) {
            struct path path = path_of("fields[%zu].weight", i);
            tell(reading, STATUS_FIELD_UNKNOWN, &path, NULL, "another field that is a number");
        }
        struct formula_value value;
        size_t at;
        enum status status =
            field->type == FIELD_COMPUTED && field->formula.len > 0 ? formula_evaluate(&value, field->formula, lookup_number, form, &at) : STATUS_OK;
        if (status != STATUS_OK && status != STATUS_SUM_OVERFLOW) {
            struct path path = path_of("fields[%zu].formula", i);
            json_t *rest = json_stringn((const char *)field->formula.data + at, field->formula.len - at);
            tell(reading, status == STATUS_FIELD_UNKNOWN ? status : STATUS_FORM_INVALID, &path, rest,
                 status == STATUS_FIELD_UNKNOWN ? "field that is a number" : "formula");
            json_decref(rest);
        }
    }
}

/* ---- the form ---- */

static void read_levels(struct reading *reading, const json_t *object, struct form *form) {
    const json_t *list = json_object_get(object, "levels");
    bool named[LEVEL_MAX + 1] = {false};
    struct path path = path_of("levels");
    if (list != NULL && !json_is_array(list))
        tell(reading, STATUS_FORM_INVALID, &path, list, "list of levels");
    for (size_t i = 0; i < json_array_size(list); i++) {
        path = path_of("levels[%zu]", i);
        int level = level_value(reading, json_array_get(list, i), &path, NULL, 0);
        if (level >= 0 && named[level])
            tell(reading, STATUS_FORM_INVALID, &path, json_array_get(list, i), "distinct levels");
        if (level >= 0)
            named[level] = true;
    }
    for (uint8_t level = 0; level <= LEVEL_MAX; level++) {
        if (named[level])
            form->levels[form->level_count++] = level;
    }
}

static void read_due(struct reading *reading, const json_t *object, struct form *form) {
    const json_t *due = json_object_get(object, "due");
    bool named[LEVEL_MAX + 1] = {false};
    int64_t days[LEVEL_MAX + 1];
    struct path path = path_of("due");
    if (due != NULL && !json_is_object(due))
        tell(reading, STATUS_FORM_INVALID, &path, due, "days by level");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)due, name, value) {
        struct path inner = member(&path, name);
        json_t *text = json_string(name);
        int level = level_value(reading, text, &inner, NULL, 0);
        json_decref(text);
        if (!json_is_integer(value) || json_integer_value(value) < -FORM_DUE_DAYS_MAX || json_integer_value(value) > FORM_DUE_DAYS_MAX)
            tell(reading, STATUS_FORM_INVALID, &inner, value, "days");
        else if (level >= 0 && !named[level]) {
            named[level] = true;
            days[level] = json_integer_value(value);
        }
    }
    for (uint8_t level = 0; level <= LEVEL_MAX; level++) {
        if (named[level])
            form->due[form->due_count++] = (struct form_due){level, days[level]};
    }
}

static void read_fields(struct reading *reading, const json_t *object, struct form *form) {
    const json_t *list = json_object_get(object, "fields");
    struct path path = path_of("fields");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0 || count > FORM_FIELDS_MAX) {
        tell(reading, STATUS_FORM_INVALID, &path, NULL, "list of 1 to 300 fields");
        return;
    }
    form->fields = keep(reading, count * sizeof *form->fields);
    if (form->fields == NULL)
        return;
    form->field_count = count;
    for (size_t i = 0; i < count; i++) {
        path = path_of("fields[%zu]", i);
        read_field(reading, json_array_get(list, i), &path, &form->fields[i]);
    }
    check_between(reading, form);
}

/* What goes on beyond the reach, and which figures are too small to be shown: an extension of the form (docs/protocol.md 5.4). */
static void read_extract(struct reading *reading, const json_t *object, const struct path *top, struct form *form) {
    const json_t *extract = json_object_get(object, "extract"), *below = json_object_get(object, "suppress_below");
    struct path path = path_of("extract");
    form->extract = bool_member(reading, object, top, "extract");
    if (form->extract && (form->reach == 0 || form->reach == REACH_PRIVATE))
        tell(reading, STATUS_FORM_INVALID, &path, extract, "reach of a level");
    path = path_of("suppress_below");
    if (below != NULL && (!json_is_integer(below) || json_integer_value(below) < 2 || json_integer_value(below) > FORM_SUPPRESS_BELOW_MAX))
        tell(reading, STATUS_FORM_INVALID, &path, below, "2 to 1000");
    else if (below != NULL)
        form->suppress_below = (uint16_t)json_integer_value(below);
    struct buffer bytes;
    buffer_init(&bytes, 64);
    enum status status = form_extensions_encode(form->extract, form->suppress_below, &bytes);
    void *kept = status == STATUS_OK && bytes.len > 0 ? keep(reading, bytes.len) : NULL;
    if (kept != NULL)
        form->extensions = bytes_of(memcpy(kept, bytes.data, bytes.len), bytes.len);
    reading->no_memory = reading->no_memory || status == STATUS_NO_MEMORY;
    buffer_fini(&bytes);
}

static void read_form(struct reading *reading, const json_t *object, struct form *form) {
    static const char *const known[] = {"name", "title", "period", "window", "levels", "list", "reach", "extract", "suppress_below", "policy", "due", "fields", NULL};
    const struct path top = path_of("%s", "");
    unknown_members(reading, object, &top, known);
    form->label = 1;
    form->name = name_member(reading, object, &top);
    form->titles = texts_member(reading, object, &top, "title");
    if (form->titles.count == 0) {
        form->titles.items[0] = (struct text){bytes_of("vi", 2), form->name};
        form->titles.count = 1;
    }
    form->period = word_member(reading, object, &top, "period", form_words_period, 0);
    struct path path = path_of("period");
    if (json_object_get(object, "period") == NULL)
        tell(reading, STATUS_FORM_INVALID, &path, NULL, "month, quarter, half_year, nine_months, year, term, school_year, ad_hoc");
    form->window = word_member(reading, object, &top, "window", form_words_window, WINDOW_CALENDAR);
    form->policy = word_member(reading, object, &top, "policy", form_words_policy, POLICY_OWNER);
    form->list = bool_member(reading, object, &top, "list");
    path = path_of("reach");
    if (json_object_get(object, "reach") != NULL) {
        int reach = level_value(reading, json_object_get(object, "reach"), &path, "private", REACH_PRIVATE);
        form->reach = reach >= 0 ? (uint8_t)reach : 0;
    }
    read_extract(reading, object, &top, form);
    read_levels(reading, object, form);
    read_due(reading, object, form);
    read_fields(reading, object, form);
}

enum status form_json_read(struct form_json *out, const json_t *object, const struct tree *tree, form_mistake_fn mistake, void *ctx) {
    *out = (struct form_json){0};
    struct reading reading = {.out = out, .tree = tree, .mistake = mistake, .ctx = ctx};
    if (!json_is_object(object)) {
        struct path top = path_of("%s", "");
        tell(&reading, STATUS_FORM_INVALID, &top, object, "object");
        return STATUS_FORM_INVALID;
    }
    read_form(&reading, object, &out->form);
    return reading.no_memory ? STATUS_NO_MEMORY : reading.mistakes > 0 ? STATUS_FORM_INVALID : STATUS_OK;
}
