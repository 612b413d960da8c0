/* The one way in for requests: finds the handler, keeps changing ones inside one transaction with their answer, builds the response (docs/control.md). */
#include "store/request.h"

#include "protocol/planted.h"
#include "store/json_memory.h"
#include "store/local_right.h"

#include <stdarg.h>

enum { ID_LENGTH_MIN = 8, ID_LENGTH_MAX = 64, ANSWERS_KEPT = 1000, PROBLEMS_MAX = 1000 };

static const struct request_verb *const verb_tables[] = {
    request_unit_verbs,   request_form_verbs, request_record_verbs,   request_import_verbs,
    request_rollup_verbs, request_node_verbs, request_document_verbs, request_care_verbs, request_trust_verbs,
    request_erase_verbs,
};
static const char *const daemon_verbs[] = {"sync", "stop"};

const char *request_verb_name(size_t at) {
    for (size_t i = 0; i < sizeof verb_tables / sizeof verb_tables[0]; i++) {
        for (const struct request_verb *verb = verb_tables[i]; verb->name != NULL; verb++) {
            if (at-- == 0) {
                return verb->name;
            }
        }
    }
    return at < sizeof daemon_verbs / sizeof daemon_verbs[0] ? daemon_verbs[at] : NULL;
}

/* ---- refusing ---- */

enum status request_refuse(struct request *request, enum status status, ...) {
    va_list pairs;
    if (request->error == NULL) {
        request->error = json_object();
    }
    va_start(pairs, status);
    for (const char *key = va_arg(pairs, const char *); key != NULL; key = va_arg(pairs, const char *)) {
        const char *value = va_arg(pairs, const char *);
        if (value != NULL) {
            json_object_set_new(request->error, key, json_string(value));
        }
    }
    va_end(pairs);
    return status;
}

void request_problem(struct request *request, enum status status, json_t *args) {
    if (status == STATUS_NO_MEMORY) { /* no mistake of whoever asks */
        json_memory_miss();
    }
    if (request->problems == NULL) {
        request->problems = json_array();
    }
    if (json_array_size(request->problems) >= PROBLEMS_MAX) { /* nobody reads more at once */
        json_decref(args);
        return;
    }
    json_array_append_new(request->problems,
                          json_pack("{s:i, s:s, s:o}", "status", (int)status, "name", status_name(status), "args", args != NULL ? args : json_object()));
}

static json_t *refusal_whole(enum status status, json_t *args, json_t *problems) {
    json_t *response = json_pack("{s:i, s:s, s:o*}", "status", (int)status, "name", status_name(status), "args", args != NULL ? args : json_object());
    if (response != NULL && problems != NULL) {
        json_object_set_new(response, "problems", problems);
    } else {
        json_decref(problems);
    }
    return response;
}

/* What the memory was not enough for says so, and nothing else by halves. */
static json_t *refusal(enum status status, json_t *args, json_t *problems) {
    json_t *response = refusal_whole(status, args, problems);
    if (!json_memory_missed()) {
        return response;
    }
    json_decref(response);
    json_memory_watch();
    response = refusal_whole(STATUS_NO_MEMORY, NULL, NULL);
    if (json_memory_missed()) {
        json_decref(response);
        response = NULL;
    }
    return response;
}

/* ---- answers kept by id ---- */

static struct bytes key_of(const char *id) {
    return bytes_of(id, PLANTED("answer-of-another-id") ? ID_LENGTH_MIN : strlen(id));
}

/* The answer given before, NULL in *out where there is none. */
static enum status answer_find(struct store *store, const char *id, json_t **out) {
    struct query query = db_query(store->db, "SELECT response FROM request WHERE id = ?");
    query_bind_text(&query, key_of(id));
    enum status status = STATUS_OK;
    *out = NULL;
    if (query_next(&query)) {
        struct bytes text = query_text(&query, 0);
        *out = json_loadb((const char *)text.data, text.len, 0, NULL);
        status = *out == NULL ? STATUS_STORE_DAMAGED : STATUS_OK;
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status answer_keep(struct store *store, const char *id, const json_t *response) {
    char *text = json_dumps(response, JSON_COMPACT);
    if (text == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct query query = db_query(store->db, "INSERT INTO request(id, time, response) VALUES(?, (SELECT coalesce(max(time), 0) + 1 FROM request), ?)");
    query_bind_text(&query, key_of(id));
    query_bind_text(&query, bytes_of(text, strlen(text)));
    enum status status = query_run(&query);
    free(text);
    if (status != STATUS_OK) {
        return status;
    }
    query = db_query(store->db,
                     "DELETE FROM request WHERE time <= (SELECT max(time) FROM request) - ?"); /* `time` counts answers: a clock may stand still or run back */
    query_bind_int(&query, ANSWERS_KEPT);
    return query_run(&query);
}

/* ---- running ---- */

/* What the request wrote is applied, or refused with it. But where what came from others could not be applied before (a fault of our own, shown by status), a
 * figure entered here is not refused for that: it is kept as theirs is, and applied when that can be. */
static enum status apply_written(struct store *store) {
    return store->apply_status == STATUS_OK ? apply_pending(store) : apply_apart(store);
}

static enum status run_changing(struct request *request, const struct request_verb *verb, const char *id, json_t **response) {
    struct store *store = request->store;
    enum status status = store_begin(store);
    if (status != STATUS_OK) {
        return status;
    }
    if (id != NULL) {
        status = answer_find(store, id, response);
    }
    if (status == STATUS_OK && *response == NULL) {
        status = verb->fn(request);
        if (status == STATUS_OK) {
            status = apply_written(store);
        }
        if (status == STATUS_OK) {
            *response = json_pack("{s:i, s:o}", "status", 0, "result", request->result != NULL ? request->result : json_object());
            request->result = NULL;
            status = *response == NULL ? STATUS_NO_MEMORY : id != NULL ? answer_keep(store, id, *response) : STATUS_OK;
        }
    }
    if (status == STATUS_OK && json_memory_missed()) {
        status = STATUS_NO_MEMORY;
    }
    if (status == STATUS_OK) {
        status = store_commit(store);
    } else {
        PLANTED("refusal-commits") ? (void)!store_commit(store) : store_rollback(store);
    }
    if (status != STATUS_OK) {
        json_decref(*response);
        *response = NULL;
    }
    return status;
}

static enum status run(struct request *request, const struct request_verb *verb, const char *id, json_t **response) {
    if (verb->changes) {
        return run_changing(request, verb, id, response);
    }
    enum status status = store_tree_ready(request->store);
    if (status == STATUS_OK) {
        status = verb->fn(request);
    }
    if (status == STATUS_OK) {
        *response = json_pack("{s:i, s:o}", "status", 0, "result", request->result != NULL ? request->result : json_object());
        request->result = NULL;
        status = *response == NULL || json_memory_missed() ? STATUS_NO_MEMORY : STATUS_OK;
        if (status != STATUS_OK) {
            json_decref(*response);
            *response = NULL;
        }
    }
    return status;
}

static const struct request_verb *find_verb(const char *name) {
    for (size_t i = 0; i < sizeof verb_tables / sizeof verb_tables[0]; i++) {
        for (const struct request_verb *verb = verb_tables[i]; verb->name != NULL; verb++) {
            if (strcmp(verb->name, name) == 0) {
                return verb;
            }
        }
    }
    return NULL;
}

static bool is_daemon_verb(const char *name) {
    for (size_t i = 0; i < sizeof daemon_verbs / sizeof daemon_verbs[0]; i++) {
        if (strcmp(daemon_verbs[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool id_valid(const json_t *id) {
    if (!json_is_string(id)) {
        return id == NULL || json_is_null(id);
    }
    size_t len = json_string_length(id);
    return len >= ID_LENGTH_MIN && len <= ID_LENGTH_MAX && strlen(json_string_value(id)) == len;
}

bool store_request_allowed(struct store *store, const struct store_caller *caller, const json_t *request, json_t **refused) {
    json_memory_watch();
    const char *name = json_string_value(json_object_get(request, "do"));
    json_t *args = NULL;
    *refused = NULL;
    if (name == NULL) {
        return true; /* it is no request, and refused for that */
    }
    enum status status = local_right_check(store, caller, name, json_object_get(request, "args"), &args);
    if (status != STATUS_OK) {
        *refused = refusal(status, args, NULL);
    }
    return status == STATUS_OK;
}

json_t *store_request(struct store *store, const struct store_caller *caller, const json_t *request) {
    json_t *refused;
    if (!store_request_allowed(store, caller, request, &refused)) {
        return refused;
    }
    json_memory_watch();
    const char *name = json_string_value(json_object_get(request, "do"));
    const json_t *id = json_object_get(request, "id"), *args = json_object_get(request, "args");
    if (name == NULL || !id_valid(id) || (args != NULL && !json_is_object(args) && !json_is_null(args))) {
        return refusal(STATUS_BAD_REQUEST, NULL, NULL);
    }
    const struct request_verb *verb = find_verb(name);
    if (verb == NULL) {
        return refusal(is_daemon_verb(name) ? STATUS_NO_DAEMON : STATUS_UNKNOWN_REQUEST, json_pack("{s:s}", "request", name), NULL);
    }
    struct request running = {.store = store, .caller = caller, .args = json_is_object(args) ? args : NULL};
    json_t *response = NULL;
    enum status status = run(&running, verb, json_string_value(id), &response);
    json_decref(running.result);
    if (status == STATUS_OK) {
        json_decref(running.error);
        json_decref(running.problems);
        return response;
    }
    return refusal(status, running.error, running.problems);
}

/* ---- arguments ---- */

const char *request_text(struct request *request, const char *key) {
    const json_t *value = json_object_get(request->args, key);
    const char *text = json_string_value(value);
    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

bool request_flag(const struct request *request, const char *key) {
    return json_is_true(json_object_get(request->args, key));
}

enum status request_integer(struct request *request, const char *key, int64_t fallback, int64_t *out) {
    const json_t *value = json_object_get(request->args, key);
    *out = json_is_integer(value) ? json_integer_value(value) : fallback;
    if (value != NULL && !json_is_null(value) && !json_is_integer(value)) {
        return request_refuse(request, STATUS_BAD_REQUEST, "what", key, NULL);
    }
    return STATUS_OK;
}

/* ---- answers ---- */

void request_hex(char *out, const void *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[byte[i] >> 4];
        out[2 * i + 1] = digits[byte[i] & 15];
    }
    out[2 * len] = '\0';
}

json_t *request_hex_json(const void *bytes, size_t len) {
    char text[129];
    if (len > sizeof text / 2) {
        return NULL;
    }
    request_hex(text, bytes, len);
    return json_string(text);
}

json_t *request_string(struct bytes text) {
    return json_stringn(text.len > 0 ? (const char *)text.data : "", text.len);
}

json_t *request_ref_json(const struct ref *ref) {
    static const char *const kinds[] = {[LOG_REPORT] = "report", [LOG_DIRECTIVE] = "directive", [LOG_RECOVERY] = "recovery"};
    char node[33], epoch[17], hash[33];
    request_hex(node, ref->log.node.b, sizeof ref->log.node.b);
    request_hex(epoch, ref->log.epoch.b, sizeof ref->log.epoch.b);
    request_hex(hash, ref->hash.b, sizeof ref->hash.b);
    return json_sprintf("%s:%s:%s:%llu:%s", node, kinds[ref->log.kind], epoch, (unsigned long long)ref->seq, hash);
}
