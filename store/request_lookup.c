/* What people write, as what is meant: units, dates, levels, clean text. */
#include "store/request.h"

#include "store/period.h"
#include "store/value_text.h"

#include <stdio.h>

enum { CANDIDATES_MAX = 8, PREFIX_MIN = 6, ZONE_SECONDS = 7 * 3600, DAY_SECONDS = 86400 };

int32_t request_today(void) {
    int64_t seconds = os_time() + ZONE_SECONDS, days = seconds / DAY_SECONDS - (seconds % DAY_SECONDS < 0);
    return days < DATE_MIN ? DATE_MIN : days > DATE_MAX ? DATE_MAX : (int32_t)days;
}

enum status request_date(struct request *request, const char *key, int32_t *out) {
    const char *text = request_text(request, key);
    *out = INT32_MIN;
    if (text == NULL || text[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = period_date_parse(out, bytes_of(text, strlen(text)));
    return status == STATUS_OK ? STATUS_OK : request_refuse(request, STATUS_DATE_INVALID, "read", text, "field", key, NULL);
}

enum status request_level(struct request *request, const char *text, unsigned *out) {
    if (text == NULL || tree_level_number(request->store->tree, bytes_of(text, strlen(text)), out) != STATUS_OK) {
        return request_refuse(request, STATUS_LEVEL_UNKNOWN, "level", text, NULL);
    }
    return STATUS_OK;
}

/* ---- clean text ---- */

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Characters that move a cursor or end a line have no place in a name. */
static bool has_control(struct bytes text, bool lines) {
    for (size_t i = 0; i < text.len; i++) {
        bool allowed = text.data[i] >= 0x20 && text.data[i] != 0x7f;
        if (!allowed && !(lines && is_blank(text.data[i]))) {
            return true;
        }
    }
    return false;
}

enum status request_clean_text(struct bytes text, const struct text_bounds *bounds, bool lines, struct buffer *out) {
    size_t before = out->len;
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    enum status status = text.len > 0 ? value_text_nfc(text, out) : STATUS_OK;
    if (status == STATUS_OK && (out->len - before < bounds->min || out->len - before > bounds->max)) {
        status = STATUS_VALUE_INVALID;
    }
    if (status == STATUS_OK && out->len > before && has_control(bytes_of(out->data + before, out->len - before), lines)) {
        status = STATUS_VALUE_INVALID;
    }
    if (status != STATUS_OK) {
        out->len = before;
    }
    return status == STATUS_TOO_LARGE ? STATUS_VALUE_INVALID : status;
}

enum status request_clean(struct request *request, const struct text_bounds *bounds, struct buffer *out) {
    const json_t *value = json_object_get(request->args, bounds->key);
    char expected[48];
    if (value != NULL && !json_is_null(value) && !json_is_string(value)) {
        return request_refuse(request, STATUS_BAD_REQUEST, "what", bounds->key, NULL);
    }
    struct bytes text = json_is_string(value) ? bytes_of(json_string_value(value), json_string_length(value)) : (struct bytes){0};
    enum status status = request_clean_text(text, bounds, strcmp(bounds->key, "text") == 0 || strcmp(bounds->key, "reason") == 0, out);
    if (status == STATUS_VALUE_INVALID) {
        snprintf(expected, sizeof expected, "%zu..%zu UTF-8 bytes", bounds->min, bounds->max);
        return request_refuse(request, status, "field", bounds->key, "read", text.len <= 200 ? json_string_value(value) : NULL, "expected", expected, NULL);
    }
    return status == STATUS_TEXT_INVALID ? request_refuse(request, status, "field", bounds->key, NULL) : status;
}

/* ---- units ---- */

/* Hex digits of an id; the number of digits, 0 if there are others or too many. */
static size_t read_hex(const char *text, uint8_t out[16]) {
    size_t len = strlen(text);
    memset(out, 0, 16);
    if (len > 32) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) {
            return 0;
        }
        out[i / 2] |= (uint8_t)(i % 2 == 0 ? digit << 4 : digit);
    }
    return len;
}

static bool has_prefix(const struct unit_id *id, const uint8_t prefix[16], size_t digits) {
    return memcmp(id->b, prefix, digits / 2) == 0 && (digits % 2 == 0 || id->b[digits / 2] >> 4 == prefix[digits / 2] >> 4);
}

struct found {
    uint32_t units[CANDIDATES_MAX];
    size_t count;
};

static void found_add(struct found *found, uint32_t unit) {
    if (found->count < CANDIDATES_MAX) {
        found->units[found->count] = unit;
    }
    found->count++;
}

static void find_by_id(const struct tree *tree, const char *text, struct found *found) {
    uint8_t prefix[16];
    size_t digits = read_hex(text, prefix);
    if (digits < PREFIX_MIN) {
        return;
    }
    for (uint32_t unit = 0; unit < tree_unit_count(tree); unit++) {
        if (tree_stands(tree, unit) && has_prefix(tree_unit_id(tree, unit), prefix, digits)) {
            found_add(found, unit);
        }
    }
}

static void find_by_code(const struct tree *tree, const char *text, int32_t date, struct found *found) {
    found->count = tree_by_code(tree, bytes_of(text, strlen(text)), date, found->units, CANDIDATES_MAX);
}

static enum status refuse_candidates(struct request *request, const char *text, const struct found *found) {
    char list[CANDIDATES_MAX * 35 + 8], id[33];
    size_t len = 0;
    for (size_t i = 0; i < found->count && i < CANDIDATES_MAX; i++) {
        request_hex(id, tree_unit_id(request->store->tree, found->units[i])->b, 16);
        len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", i > 0 ? ", " : "", id);
    }
    if (found->count > CANDIDATES_MAX) {
        snprintf(list + len, sizeof list - len, ", ...");
    }
    return request_refuse(request, STATUS_UNIT_AMBIGUOUS, "unit", text, "candidates", list, NULL);
}

/* PARENT/NAME: the parent is found first, in any of these ways; of its children those that bear the name. */
static enum status find_by_path(struct request *request, const char *text, int32_t date, struct found *found) {
    const struct tree *tree = request->store->tree;
    const char *slash = strrchr(text, '/');
    char above[512];
    if (slash == NULL || slash == text || slash[1] == '\0' || (size_t)(slash - text) >= sizeof above) {
        return STATUS_OK;
    }
    memcpy(above, text, (size_t)(slash - text));
    above[slash - text] = '\0';
    uint32_t parent;
    enum status status = request_unit(request, above, date, &parent);
    if (status != STATUS_OK) {
        return status;
    }
    struct buffer name;
    buffer_init(&name, UNIT_NAME_BYTES_MAX * 4);
    const struct text_bounds bounds = {.key = "unit", .min = 1, .max = UNIT_NAME_BYTES_MAX};
    status = request_clean_text(bytes_of(slash + 1, strlen(slash + 1)), &bounds, false, &name);
    if (status == STATUS_OK) {
        const uint32_t *children;
        size_t count = tree_children(tree, parent, &children);
        for (size_t i = 0; i < count; i++) {
            if (tree_exists(tree, children[i], date) && bytes_equal(tree_name(tree, children[i], date), buffer_bytes(&name))) {
                found_add(found, children[i]);
            }
        }
    }
    buffer_fini(&name);
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

enum status request_unit(struct request *request, const char *text, int32_t date, uint32_t *unit) {
    const struct store *store = request->store;
    struct found found = {.count = 0};
    enum status status = STATUS_OK;
    *unit = TREE_NONE;
    if (text == NULL || text[0] == '\0') {
        *unit = tree_unit(store->tree, &store->unit);
        return *unit != TREE_NONE ? STATUS_OK : request_refuse(request, STATUS_LINE_BROKEN, NULL);
    }
    if (date == INT32_MIN) {
        date = request_today();
    }
    uint8_t id[16];
    if (read_hex(text, id) == 32) {
        find_by_id(store->tree, text, &found);
    }
    if (found.count == 0) {
        find_by_code(store->tree, text, date, &found);
    }
    if (found.count == 0) {
        find_by_id(store->tree, text, &found);
    }
    if (found.count == 0) {
        status = find_by_path(request, text, date, &found);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (found.count == 0) {
        return request_refuse(request, STATUS_UNIT_UNKNOWN, "unit", text, NULL);
    }
    if (found.count > 1) {
        return refuse_candidates(request, text, &found);
    }
    *unit = found.units[0];
    return STATUS_OK;
}

/* A unit that is not there yet at the date is shown as it will be. */
json_t *request_unit_json(struct store *store, uint32_t unit, int32_t date) {
    const struct tree *tree = store->tree;
    if (date == INT32_MIN) {
        date = request_today();
    }
    if (!tree_exists(tree, unit, date)) {
        date = TREE_TODAY;
    }
    uint32_t parent = tree_parent(tree, unit, TREE_TODAY);
    return json_pack("{s:o, s:o, s:o, s:i, s:o}", "id", request_hex_json(tree_unit_id(tree, unit)->b, 16), "code", request_string(tree_code(tree, unit, date)),
                     "name", request_string(tree_name(tree, unit, date)), "level", (int)tree_level(tree, unit, date), "parent",
                     parent == TREE_NONE ? json_null() : request_hex_json(tree_unit_id(tree, parent)->b, 16));
}
