/* Requests about this node and others: hello, node.list, invite, config. */
#include "store/enrol.h"
#include "store/join_file.h"
#include "store/local_right.h"

#include <stdio.h>
#include <sodium.h>
#include <stdlib.h>

enum { EXPIRES_DEFAULT = 259200, EXPIRES_MAX = 366 * 86400, CONFIG_VALUE_MAX = 4 * ADDRESS_BYTES_MAX + 8 };

/* ---- hello ---- */

/* Before the first synchronisation the own unit does not stand in the own views: then its id is all there is. */
static json_t *own_unit_json(struct store *store) {
    uint32_t unit = tree_unit(store->tree, &store->unit);
    if (unit != TREE_NONE) {
        return request_unit_json(store, unit, INT32_MIN);
    }
    return json_pack("{s:o, s:s, s:s, s:i, s:n}", "id", request_hex_json(store->unit.b, sizeof store->unit.b), "code", "", "name", "", "level", 0, "parent");
}

static enum status hello(struct request *request) {
    static const char *const ROOTS[] = {[ENROL_ROOT_NONE] = "none", [ENROL_ROOT_AWAITED] = "awaited", [ENROL_ROOT_HELD] = "held", [ENROL_ROOT_OTHER] = "other"};
    struct store *store = request->store;
    enum enrol_root root;
    enum status status = enrol_root(store, &root);
    if (status != STATUS_OK) {
        return status;
    }
    request->result = json_pack("{s:s, s:o, s:o, s:b, s:o, s:o, s:b, s:s, s:s}", "version", HOI_VERSION, "association",
                                request_hex_json(store->founding.association.b, 32), "name", request_string(store->founding.name), "practice",
                                store->founding.practice, "node", request_hex_json(store->self.b, sizeof store->self.b), "unit", own_unit_json(store), "daemon",
                                request->caller != NULL && request->caller->daemon, "dir", store->dir, "root", ROOTS[root]);
    return request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- node.list ---- */

struct node_listing {
    struct store *store;
    json_t *nodes;
};

static json_t *roles_json(uint8_t roles) {
    json_t *list = json_array();
    if ((roles & ROLE_WRITER) != 0) {
        json_array_append_new(list, json_string("writer"));
    }
    if ((roles & ROLE_STEWARD) != 0) {
        json_array_append_new(list, json_string("steward"));
    }
    return list;
}

static bool list_nodes(void *arg, uint32_t unit, unsigned depth) {
    struct node_listing *listing = arg;
    struct store *store = listing->store;
    const uint32_t *nodes;
    size_t count = tree_unit_nodes(store->tree, unit, &nodes);
    (void)depth;
    for (size_t i = 0; i < count; i++) {
        const struct tree_node *node = tree_node_at(store->tree, nodes[i]);
        const struct node_id *inviter = node->inviter == TREE_NONE ? NULL : &tree_node_at(store->tree, node->inviter)->id;
        int64_t revoked;
        const char *state = tree_revoked(store->tree, nodes[i], &revoked) ? "revoked" : "live";
        json_array_append_new(listing->nodes, json_pack("{s:o, s:o, s:o, s:o, s:b, s:s}", "node", request_hex_json(node->id.b, sizeof node->id.b), "unit",
                                                        request_unit_json(store, unit, INT32_MIN), "inviter",
                                                        inviter == NULL ? json_null() : request_hex_json(inviter->b, sizeof inviter->b), "roles",
                                                        roles_json(node->roles), "self", ID_EQUAL(&node->id, &store->self), "state", state));
    }
    return true;
}

/* The nodes of the line above, the root's first, then those of the own subtree. */
static enum status node_list(struct request *request) {
    struct store *store = request->store;
    struct node_listing listing = {.store = store, .nodes = json_array()};
    uint32_t unit = tree_unit(store->tree, &store->unit), line[LINE_UNITS_MAX];
    size_t count = unit == TREE_NONE ? 0 : tree_line(store->tree, unit, TREE_TODAY, line);
    while (count > 0) {
        list_nodes(&listing, line[--count], 0);
    }
    tree_walk(store->tree, unit == TREE_NONE ? 0 : unit, TREE_TODAY, list_nodes, &listing);
    request->result = json_pack("{s:o}", "nodes", listing.nodes);
    return STATUS_OK;
}

/* ---- addresses ---- */

/* tcp://HOST:PORT, HOST a name, an IPv4 address or an IPv6 address in brackets; any: also * and the unspecified addresses, to listen on, and port * (the system
 * chooses). */
static bool address_valid(const char *text, bool any) {
    static const char scheme[] = "tcp://";
    const char *port = strrchr(text, ':');
    if (strncmp(text, scheme, sizeof scheme - 1) != 0 || strlen(text) > ADDRESS_BYTES_MAX || port < text + sizeof scheme) {
        return false;
    }
    const char *host = text + sizeof scheme - 1;
    size_t len = (size_t)(port - host), digits = strspn(port + 1, "0123456789");
    bool chosen = any && strcmp(port + 1, "*") == 0;
    if (!chosen && (digits == 0 || digits > 5 || port[1 + digits] != '\0' || atoi(port + 1) < 1 || atoi(port + 1) > 65535)) {
        return false;
    }
    bool wildcard = (len == 1 && host[0] == '*') || (len == 7 && memcmp(host, "0.0.0.0", 7) == 0) || (len == 4 && memcmp(host, "[::]", 4) == 0);
    if (wildcard) {
        return any;
    }
    bool bracketed = host[0] == '[' && host[len - 1] == ']' && len > 2;
    return strspn(host, bracketed ? "[]0123456789abcdefABCDEF:.%" : "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_") >= len;
}

/* Up to four, divided by commas. bad: the first that is none, for the refusal. */
static size_t split_addresses(char *text, const char *out[TOKEN_ADDRESSES_MAX], const char **bad) {
    size_t count = 0;
    char *rest = text;
    *bad = NULL;
    for (char *item; (item = strsep(&rest, ", ")) != NULL && *bad == NULL;) {
        if (item[0] == '\0') {
            continue;
        }
        if (count == TOKEN_ADDRESSES_MAX || !address_valid(item, false)) {
            *bad = item;
        } else {
            out[count++] = item;
        }
    }
    return count;
}

/* ---- invite ---- */

/* Where the new office will reach this one: the request's addresses, else those of the setting `advertise`, else `listen`. text owns what out points to. */
static enum status invite_addresses(struct request *request, struct token *token, char text[CONFIG_VALUE_MAX]) {
    const json_t *given = json_object_get(request->args, "addresses"), *item;
    const char *found[TOKEN_ADDRESSES_MAX], *bad;
    size_t at = 0, i;
    text[0] = '\0';
    json_array_foreach(given, i, item) {
        const char *address = json_string_value(item);
        if (address == NULL || strpbrk(address, ", ") != NULL || !address_valid(address, false) || i >= TOKEN_ADDRESSES_MAX) {
            return request_refuse(request, STATUS_ADDRESS_INVALID, "address", address, NULL);
        }
        at += (size_t)snprintf(text + at, CONFIG_VALUE_MAX - at, "%s,", address);
    }
    if (at == 0) {
        const char *set;
        enum status status = store_config(request->store, "advertise", &set);
        if (status == STATUS_OK && (set == NULL || set[0] == '\0')) {
            status = store_config(request->store, "listen", &set);
        }
        if (status != STATUS_OK) {
            return status;
        }
        snprintf(text, CONFIG_VALUE_MAX, "%s", set == NULL ? "" : set);
    }
    token->address_count = split_addresses(text, found, &bad);
    if (bad != NULL || token->address_count == 0) {
        return request_refuse(request, STATUS_ADDRESS_INVALID, "address", bad, "key", "advertise", NULL);
    }
    for (size_t j = 0; j < token->address_count; j++) {
        token->addresses[j] = bytes_of(found[j], strlen(found[j]));
    }
    return STATUS_OK;
}

static enum status invite(struct request *request) {
    struct store *store = request->store;
    struct token token, addresses = {.address_count = 0};
    char memory[CONFIG_VALUE_MAX];
    uint32_t unit;
    int64_t seconds;
    const char *name = request_text(request, "unit");
    enum status status = name == NULL ? request_refuse(request, STATUS_BAD_REQUEST, "what", "unit", NULL) : request_unit(request, name, INT32_MIN, &unit);
    if (status == STATUS_OK) {
        status = request_integer(request, "expires", EXPIRES_DEFAULT, &seconds);
    }
    if (status == STATUS_OK && (seconds < 1 || seconds > EXPIRES_MAX)) {
        status = request_refuse(request, STATUS_VALUE_RANGE, "field", "expires", "expected", "1..31622400", NULL);
    }
    if (status == STATUS_OK) {
        status = invite_addresses(request, &addresses, memory);
    }
    if (status != STATUS_OK) {
        return status;
    }
    int64_t expires = os_time() + seconds;
    status = enrol_invite(store, unit, expires, &token);
    if (status != STATUS_OK) {
        return request_refuse(request, status, "unit", name, NULL);
    }
    token.address_count = addresses.address_count;
    memcpy(token.addresses, addresses.addresses, sizeof token.addresses);
    struct buffer text;
    buffer_init(&text, 2 * TOKEN_BYTES_MAX + 1024);
    status = token_encode(&token, &text);
    if (status == STATUS_OK) {
        request->result = json_pack("{s:s, s:o, s:I}", "token", (const char *)text.data, "unit", request_unit_json(store, unit, INT32_MIN), "expires",
                                    (json_int_t)expires);
    }
    buffer_fini(&text);
    return status;
}

/* ---- enrolment by files ---- */

/* Bytes that stand in an argument as base64. */
static enum status read_base64(struct request *request, const char *key, size_t bytes_max, struct buffer *out) {
    const char *text = request_text(request, key);
    size_t len = text == NULL ? 0 : strlen(text), got = 0;
    uint8_t *bytes = len / 4 * 3 > bytes_max ? NULL : malloc(len + 1);
    if (bytes == NULL) {
        return len / 4 * 3 > bytes_max ? STATUS_TOO_LARGE : STATUS_NO_MEMORY;
    }
    enum status status = STATUS_OK;
    if (text == NULL || sodium_base642bin(bytes, len + 1, text, len, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        status = request_refuse(request, STATUS_BAD_REQUEST, "what", key, NULL);
    }
    if (status == STATUS_OK) {
        status = buffer_append(out, bytes, got);
    }
    free(bytes);
    return status;
}

static enum status admit_by_file(struct request *request) {
    struct store *store = request->store;
    struct buffer file;
    struct node_id node;
    struct join_request asked;
    uint32_t unit;
    char fingerprint[JOIN_FINGERPRINT_BYTES];
    const char *name = request_text(request, "unit");
    enum status status = name == NULL ? request_refuse(request, STATUS_BAD_REQUEST, "what", "unit", NULL) : request_unit(request, name, INT32_MIN, &unit);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&file, HEADER_BYTES_MAX);
    status = read_base64(request, "request", HEADER_BYTES_MAX, &file);
    status = status == STATUS_TOO_LARGE ? STATUS_JOIN_FILE_WRONG : status;
    if (status == STATUS_OK) {
        status = join_file_admit(store, unit, buffer_bytes(&file), &node);
        if (status == STATUS_JOIN_FILE_WRONG || status == STATUS_KEY_ELSEWHERE) {
            (void)request_refuse(request, status, "unit", status == STATUS_KEY_ELSEWHERE ? name : NULL, NULL);
        }
    }
    if (status == STATUS_OK) {
        status = join_request_decode(&asked, buffer_bytes(&file));
    }
    if (status == STATUS_OK) {
        join_request_fingerprint(fingerprint, asked.signing_key, asked.transport_key);
        request->result = json_pack("{s:o, s:o, s:s}", "node", request_hex_json(node.b, sizeof node.b), "unit", request_unit_json(store, unit, INT32_MIN),
                                    "fingerprint", fingerprint);
    }
    buffer_fini(&file);
    return status;
}

static enum status node_of(struct request *request, struct node_id *out) {
    const char *hex = request_text(request, "node");
    size_t got = 0;
    bool good = hex != NULL && strlen(hex) == 2 * sizeof out->b && sodium_hex2bin(out->b, sizeof out->b, hex, strlen(hex), NULL, &got, NULL) == 0;
    return good ? STATUS_OK : request_refuse(request, STATUS_BAD_REQUEST, "what", "node", NULL);
}

/* The file that answers: made anew each time, with what stands here by then. Without any address it is made all the same. */
static enum status admission_file(struct request *request) {
    struct token addresses = {.address_count = 0};
    struct join_file_places places = {.count = 0};
    struct join_file_made made;
    struct node_id node;
    struct buffer file;
    char memory[CONFIG_VALUE_MAX];
    enum status status = node_of(request, &node);
    if (status == STATUS_OK) {
        status = invite_addresses(request, &addresses, memory);
    }
    if (status == STATUS_ADDRESS_INVALID && json_array_size(json_object_get(request->args, "addresses")) == 0) {
        json_object_clear(request->error);
        addresses.address_count = 0;
        status = STATUS_OK;
    }
    if (status != STATUS_OK) {
        return status;
    }
    places.count = addresses.address_count;
    memcpy(places.addresses, addresses.addresses, sizeof places.addresses);
    buffer_init(&file, 2 * (size_t)JOIN_FILE_BYTES_MAX);
    status = join_file_write(request->store, &node, &places, &file, &made);
    if (status == STATUS_OK) {
        size_t len = sodium_base64_encoded_len(file.len, sodium_base64_VARIANT_ORIGINAL);
        char *text = malloc(len);
        if (text != NULL) {
            sodium_bin2base64(text, len, file.data, file.len, sodium_base64_VARIANT_ORIGINAL);
            request->result = json_pack("{s:s, s:b}", "admission", text, "complete", made.complete);
        }
        free(text);
        status = request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    buffer_fini(&file);
    return status;
}

/* ---- config ---- */

static bool value_listen(const char *value) {
    return address_valid(value, true);
}

static bool value_addresses(const char *value) {
    char copy[CONFIG_VALUE_MAX];
    const char *found[TOKEN_ADDRESSES_MAX], *bad;
    if (strlen(value) >= sizeof copy) {
        return false;
    }
    snprintf(copy, sizeof copy, "%s", value);
    return split_addresses(copy, found, &bad) > 0 && bad == NULL;
}

static bool value_yesno(const char *value) {
    return strcmp(value, "yes") == 0 || strcmp(value, "no") == 0;
}

static const struct setting {
    const char *key;
    bool (*valid)(const char *value);
    const char *expected;
} settings[] = {
    {"listen", value_listen, "tcp://ADDRESS:PORT"},
    {"uplink", value_addresses, "tcp://HOST:PORT"},
    {"advertise", value_addresses, "tcp://HOST:PORT"},
    {"metered", value_yesno, "yes, no"},
};
enum { SETTING_COUNT = sizeof settings / sizeof settings[0] };

static const struct setting *find_setting(const char *key) {
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(settings[i].key, key) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

/* An empty value takes the setting away. */
static enum status set_value(struct request *request, const struct setting *setting, const char *value) {
    if (value[0] != '\0' && !setting->valid(value)) {
        return request_refuse(request, STATUS_CONFIG_INVALID, "key", setting->key, "value", value, "expected", setting->expected, NULL);
    }
    struct query query = value[0] == '\0' ? db_query(request->store->db, "DELETE FROM config WHERE key = ?1")
                                          : db_query(request->store->db, "INSERT OR REPLACE INTO config(key, value) VALUES(?1, ?2)");
    query_bind_text(&query, bytes_of(setting->key, strlen(setting->key)));
    if (value[0] != '\0') {
        query_bind_text(&query, bytes_of(value, strlen(value)));
    }
    return query_run(&query);
}

static enum status config(struct request *request) {
    const char *key = request_text(request, "key"), *value = request_text(request, "value");
    if (key != NULL && local_right_key(key)) {
        return local_right_config(request, key, value);
    }
    const struct setting *setting = key == NULL ? NULL : find_setting(key);
    if (key != NULL && setting == NULL) {
        return request_refuse(request, STATUS_CONFIG_UNKNOWN, "key", key, NULL);
    }
    enum status status = setting != NULL && value != NULL ? set_value(request, setting, value) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    json_t *shown = json_object();
    for (size_t i = 0; i < SETTING_COUNT && status == STATUS_OK; i++) {
        const char *held = NULL;
        if (setting == NULL || setting == &settings[i]) {
            status = store_config(request->store, settings[i].key, &held);
        }
        if (held != NULL) {
            json_object_set_new(shown, settings[i].key, json_string(held));
        }
    }
    if (status == STATUS_OK && key == NULL) {
        status = local_right_list(request->store, shown);
    }
    request->result = json_pack("{s:o}", "config", shown);
    return status;
}

const struct request_verb request_node_verbs[] = {
    {"hello", hello, false}, {"node.list", node_list, false}, {"invite", invite, true}, {"admit", admit_by_file, true}, {"admission", admission_file, false}, {"config", config, true}, {NULL, NULL, false},
};
