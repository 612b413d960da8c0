#include "store/request_period.h"

#include "store/form_words.h"

#include <stdio.h>

enum { BEARERS_MAX = 8 };

static struct bytes bytes_of_text(const char *text) {
    return text == NULL ? (struct bytes){0} : bytes_of(text, strlen(text));
}

enum status request_period_read(struct request *request, const char *key, struct period *out) {
    const char *text = request_text(request, key);
    if (period_parse(out, bytes_of_text(text)) == STATUS_OK)
        return STATUS_OK;
    return request_refuse(request, STATUS_PERIOD_INVALID, "period", text == NULL ? "" : text, NULL);
}

/* "Phường Trúc Bạch (9f3c…)". */
static void describe(const struct tree *tree, uint32_t unit, int32_t date, char *out, size_t max) {
    char hex[33];
    struct bytes name = tree_name(tree, unit, date);
    request_hex(hex, tree_unit_id(tree, unit)->b, 16);
    (void)snprintf(out, max, "%.*s (%s)", (int)name.len, name.data == NULL ? "" : (const char *)name.data, hex);
}

enum status request_period_unit(struct request *request, const char *text, int32_t day, int32_t codes_as_of, uint32_t *unit) {
    const struct tree *tree = request->store->tree;
    enum status status = request_unit(request, text, codes_as_of != INT32_MIN ? codes_as_of : day, unit);
    if (status != STATUS_OK || codes_as_of != INT32_MIN || text == NULL || text[0] == 0)
        return status;
    if (!bytes_equal(tree_code(tree, *unit, day), bytes_of_text(text)))
        return STATUS_OK; /* named by its id or its path: those never change their meaning */
    uint32_t bearers[BEARERS_MAX];
    size_t count = tree_by_code(tree, bytes_of_text(text), request_today(), bearers, BEARERS_MAX);
    for (size_t i = 0; i < count && i < BEARERS_MAX; i++) {
        if (bearers[i] == *unit)
            return STATUS_OK;
    }
    if (count == 0)
        return STATUS_OK;
    char then[UNIT_NAME_BYTES_MAX + 40], now[UNIT_NAME_BYTES_MAX + 40];
    describe(tree, *unit, day, then, sizeof then);
    describe(tree, bearers[0], request_today(), now, sizeof now);
    return request_refuse(request, STATUS_CODE_CHANGED_MEANING, "unit", text, "then", then, "now", now, NULL);
}

enum status request_period_form(struct request *request, uint32_t unit, bool entering, const struct form_family **out) {
    const char *text = request_text(request, "form");
    enum status status = form_view_find(request->store, bytes_of_text(text), unit, entering, out);
    return status == STATUS_FORM_UNKNOWN || status == STATUS_FORM_AMBIGUOUS ? request_refuse(request, status, "form", text == NULL ? "" : text, NULL) : status;
}

/* The last day by the window of whatever form of that name there is: a code is looked up before it is known which issuer's form holds for the unit. */
static int32_t last_day(struct request *request, const struct period *period) {
    const struct form_family *family;
    int32_t first, last;
    bool found = form_view_find(request->store, bytes_of_text(request_text(request, "form")), tree_unit(request->store->tree, &request->store->unit), false,
                                &family) == STATUS_OK;
    period_window(period, found ? family->newest->form.window : WINDOW_CALENDAR, &first, &last);
    return last;
}

enum status request_period_all(struct request *request, bool entering, struct request_period *out) {
    int32_t codes_as_of = INT32_MIN;
    *out = (struct request_period){0};
    enum status status = request_period_read(request, "period", &out->period);
    if (status == STATUS_OK)
        status = request_date(request, "codes_as_of", &codes_as_of);
    if (status == STATUS_OK)
        status = request_period_unit(request, request_text(request, "unit"), last_day(request, &out->period), codes_as_of, &out->unit);
    if (status == STATUS_OK)
        status = request_period_form(request, out->unit, entering, &out->family);
    if (status != STATUS_OK)
        return status;
    const struct form *form = &out->family->newest->form;
    char text[PERIOD_TEXT_MAX];
    period_text(text, &out->period);
    if (form->period != out->period.kind)
        return request_refuse(request, STATUS_PERIOD_WRONG_KIND, "period", text, "form", request_text(request, "form"), "expected",
                              form_words_text(form_words_period, form->period), NULL);
    period_window(&out->period, form->window, &out->first, &out->last);
    return STATUS_OK;
}
