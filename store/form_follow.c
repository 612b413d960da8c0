#include "store/form_follow.h"

#include "protocol/planted.h"
#include "store/form_words.h"

#include <stdio.h>

struct telling {
    form_mistake_fn mistake;
    void *ctx;
    size_t count;
};

static void tell(struct telling *telling, enum status status, const char *path, struct bytes name, const char *expected) {
    char read[FORM_NAME_BYTES_MAX + 1];
    (void)snprintf(read, sizeof read, "%.*s", (int)name.len, name.data == NULL ? "" : (const char *)name.data);
    telling->count++;
    telling->mistake(telling->ctx, &(struct form_mistake){status, path, read, expected});
}

static size_t place_of(const struct form *form, struct bytes name) {
    size_t i = 0;
    while (i < form->field_count && !bytes_equal(form->fields[i].name, name))
        i++;
    return i;
}

static bool has_choice(const struct form_field *field, struct bytes code) {
    for (size_t i = 0; i < field->choice_count; i++) {
        if (bytes_equal(field->choices[i].code, code))
            return true;
    }
    return false;
}

static void check_field(struct telling *telling, const struct form_field *older, const struct form *newer) {
    size_t place = place_of(newer, older->name);
    char path[64];
    if (place == newer->field_count) {
        tell(telling, STATUS_FORM_CHANGED, "fields", older->name, "retired");
        return;
    }
    const struct form_field *field = &newer->fields[place];
    (void)snprintf(path, sizeof path, "fields[%zu].type", place);
    if (field->type != older->type)
        tell(telling, STATUS_FORM_CHANGED, path, older->name, form_words_text(form_words_type, older->type));
    (void)snprintf(path, sizeof path, "fields[%zu].places", place);
    char places[4];
    (void)snprintf(places, sizeof places, "%u", older->places);
    if (field->type != FIELD_COMPUTED && field->places != older->places && !PLANTED("scale-may-change")) /* a computed field is stored nowhere */
        tell(telling, STATUS_FORM_CHANGED, path, older->name, places);
    (void)snprintf(path, sizeof path, "fields[%zu].measure", place);
    char measure[FORM_NAME_BYTES_MAX + 1];
    (void)snprintf(measure, sizeof measure, "%.*s", (int)older->measure.len, older->measure.data == NULL ? "" : (const char *)older->measure.data);
    if (!bytes_equal(field->measure, older->measure))
        tell(telling, STATUS_FORM_CHANGED, path, older->name, measure);
    (void)snprintf(path, sizeof path, "fields[%zu].choices", place);
    for (size_t i = 0; i < older->choice_count; i++) {
        if (!has_choice(field, older->choices[i].code))
            tell(telling, STATUS_FORM_CHANGED, path, older->choices[i].code, "choice kept");
    }
}

/* Level numbers grow downward; 0 is up to the root, the private reach is the narrowest. */
enum status form_follow_check(const struct form *older, const struct form *newer, form_mistake_fn mistake, void *ctx) {
    struct telling telling = {mistake, ctx, 0};
    const struct bytes none = {0};
    if (!bytes_equal(older->name, newer->name))
        tell(&telling, STATUS_FORM_CHANGED, "name", newer->name, "name kept");
    if (!ID_EQUAL(&older->issuer, &newer->issuer))
        tell(&telling, STATUS_FORM_CHANGED, "issuer", none, "issuer kept");
    if (older->period != newer->period)
        tell(&telling, STATUS_FORM_CHANGED, "period", none, form_words_text(form_words_period, older->period));
    if (older->window != newer->window)
        tell(&telling, STATUS_FORM_CHANGED, "window", none, form_words_text(form_words_window, older->window));
    if (older->list != newer->list)
        tell(&telling, STATUS_FORM_CHANGED, "list", none, older->list ? "true" : "false");
    if (newer->reach > older->reach)
        tell(&telling, STATUS_REACH_NARROWED, "reach", none, "wider or the same");
    for (size_t i = 0; i < older->field_count; i++)
        check_field(&telling, &older->fields[i], newer);
    return telling.count > 0 ? STATUS_FORM_CHANGED : STATUS_OK;
}
