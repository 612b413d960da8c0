#include "tests/bench/ask.h"

#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_AT_ONCE = 1000 };

json_t *ask(struct store *store, const char *verb, json_t *args) {
    const struct store_caller caller = {.uid = 0};
    json_t *request = json_pack("{s:s, s:o}", "do", verb, "args", args);
    json_t *response = store_request(store, &caller, request), *result = json_object_get(response, "result");
    if (response == NULL || json_integer_value(json_object_get(response, "status")) != 0) {
        char *text = json_dumps(response, JSON_COMPACT);
        (void)fprintf(stderr, "bench: %s: %.300s\n", verb, text != NULL ? text : "no memory");
        exit(1);
    }
    json_incref(result);
    json_decref(response);
    json_decref(request);
    return result;
}

void ask_done(struct store *store, const char *verb, json_t *args) {
    json_decref(ask(store, verb, args));
}

void ask_form(struct store *store, const char *name, bool list, unsigned fields) {
    json_t *items = json_array();
    for (unsigned i = 1; i <= fields; i++) {
        char field[12];
        (void)snprintf(field, sizeof field, "f%02u", i);
        (void)json_array_append_new(items, json_pack("{s:s, s:s}", "name", field, "type", "integer"));
    }
    ask_done(store, "form.add", json_pack("{s:{s:s, s:s, s:b, s:o}}", "form", "name", name, "period", "month", "list", (int)list, "fields", items));
}

json_t *ask_cell(int64_t value) {
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    return json_pack("{s:s, s:s}", "state", "value", "value", text);
}

double ask_sheet(struct store *store, const char *form, unsigned fields, bool on_behalf, size_t rows, ask_row_fn *row, const void *ctx) {
    json_t *columns = json_array();
    for (unsigned i = 1; i <= fields; i++)
        (void)json_array_append_new(columns, json_sprintf("f%02u", i));
    double began = bench_seconds(), took;
    json_t *begun = ask(store, "import.begin", json_pack("{s:s, s:o, s:b}", "form", form, "columns", columns, "on_behalf", (int)on_behalf));
    const char *id = json_string_value(json_object_get(begun, "import"));
    took = bench_seconds() - began;
    for (size_t i = 0; i < rows; i += ROWS_AT_ONCE) {
        json_t *batch = json_array();
        for (size_t j = i; j < rows && j < i + ROWS_AT_ONCE; j++)
            (void)json_array_append_new(batch, row(ctx, j));
        began = bench_seconds();
        ask_done(store, "import.rows", json_pack("{s:s, s:o}", "import", id, "rows", batch));
        took += bench_seconds() - began;
    }
    began = bench_seconds();
    ask_done(store, "import.commit", json_pack("{s:s}", "import", id));
    took += bench_seconds() - began;
    json_decref(begun);
    return took;
}
