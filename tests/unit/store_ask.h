/* Requests as a client makes them, for tests: arguments as JSON text with single quotes for double ones. */
#ifndef TESTS_UNIT_STORE_ASK_H
#define TESTS_UNIT_STORE_ASK_H

#include "store_scratch.h"

/* JSON from text with ' for ". */
static inline json_t *ask_json(const char *text) {
    char *copy = strdup(text);
    json_error_t error;
    assert_non_null(copy);
    for (char *at = copy; *at != 0; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *out = json_loads(copy, JSON_DECODE_ANY, &error);
    if (out == NULL)
        fail_msg("%s: %s", error.text, text);
    free(copy);
    return out;
}

/* args is taken over. The whole response. */
static inline json_t *ask(struct store *store, const char *verb, json_t *args) {
    const struct store_caller caller = {.uid = 0};
    json_t *request = json_pack("{s:s, s:o}", "do", verb, "args", args);
    json_t *response = store_request(store, &caller, request);
    assert_non_null(response);
    json_decref(request);
    return response;
}

/* The result, which the caller frees. */
static inline json_t *ask_ok(struct store *store, const char *verb, const char *args) {
    json_t *response = ask(store, verb, ask_json(args)), *result = json_object_get(response, "result");
    if (json_integer_value(json_object_get(response, "status")) != 0) {
        char *text = json_dumps(response, JSON_COMPACT);
        fail_msg("%s %s: %s", verb, args, text);
    }
    json_incref(result);
    json_decref(response);
    return result;
}

static inline void ask_done(struct store *store, const char *verb, const char *args) {
    json_decref(ask_ok(store, verb, args));
}

/* The refusal, which the caller frees. */
static inline json_t *ask_refused(struct store *store, const char *verb, const char *args, enum status expected) {
    json_t *response = ask(store, verb, ask_json(args));
    if (json_integer_value(json_object_get(response, "status")) != (json_int_t)expected) {
        char *text = json_dumps(response, JSON_COMPACT);
        fail_msg("%s %s: %s instead of %s", verb, args, text, status_name(expected));
    }
    return response;
}

static inline void ask_fails(struct store *store, const char *verb, const char *args, enum status expected) {
    json_decref(ask_refused(store, verb, args, expected));
}

/* Is the JSON what the text says (single quotes)? */
static inline void assert_json(const json_t *json, const char *expected) {
    json_t *wanted = ask_json(expected);
    if (!json_equal(json, wanted)) {
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
        fail_msg("%s\ninstead of %s", text, expected);
    }
    json_decref(wanted);
}

/* A member by a path of keys and places, such as "fields.a.value" or "rows.0.unit". */
static inline json_t *member_of(const json_t *json, const char *path) {
    char copy[200], *save = NULL;
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *key = strtok_r(copy, ".", &save); key != NULL; key = strtok_r(NULL, ".", &save))
        json = json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10)) : json_object_get(json, key);
    return (json_t *)json;
}

#endif
