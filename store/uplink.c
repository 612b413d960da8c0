#include "store/internal.h"

#include "protocol/planted.h"

#include <stdlib.h>

enum { UPLINK_BYTES = 48 /* meta's uplink: transport key, node */, CONFIG_BYTES_MAX = 4096 };

/* A string that was handed out before stays where it is as long as the setting says the same. */
enum status store_config(struct store *store, const char *key, const char **out) {
    *out = NULL;
    if (store->config == NULL && (store->config = json_object()) == NULL)
        return STATUS_NO_MEMORY;
    struct query query = db_query(store->db, "SELECT value FROM config WHERE key = ?");
    query_bind_text(&query, bytes_of(key, strlen(key)));
    enum status status = STATUS_OK;
    const char *held = NULL;
    if (query_next(&query)) {
        struct bytes value = query_text(&query, 0);
        json_t *kept = json_object_get(store->config, key);
        bool same = kept != NULL && bytes_equal(bytes_of(json_string_value(kept), json_string_length(kept)), value);
        if (!same && json_object_set_new(store->config, key, json_stringn(value.len > 0 ? (const char *)value.data : "", value.len)) != 0)
            status = STATUS_NO_MEMORY;
        held = json_string_value(json_object_get(store->config, key));
    }
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    *out = status == STATUS_OK ? held : NULL;
    return status;
}

/* The uplink's unit: from the views, or, before they know the node, whom the answer to join named: the parent, or (a second installation) the own unit. */
static struct unit_id unit_of_uplink(struct store *store, const struct node_id *node) {
    uint32_t at = tree_node(store->tree, node);
    if (at != TREE_NONE)
        return *tree_unit_id(store->tree, tree_node_at(store->tree, at)->unit);
    return store->line_hint.count > 0 ? store->line_hint.units[0] : store->unit;
}

static enum status uplink_get(struct store *store, uint8_t transport_key[32], struct node_id *node) {
    struct buffer row;
    buffer_init(&row, CONFIG_BYTES_MAX);
    enum status status = store_meta(store->db, "uplink", &row);
    if (status == STATUS_OK && row.len != UPLINK_BYTES)
        status = STATUS_STORE_DAMAGED;
    if (status == STATUS_OK) {
        memcpy(transport_key, row.data, 32);
        memcpy(node->b, row.data + 32, sizeof node->b);
    }
    buffer_fini(&row);
    return status;
}

/* Splits "tcp://a:1,tcp://b:1" into store->uplink_addresses. */
static enum status addresses_split(struct store *store, const char *text) {
    json_t *addresses = json_array();
    if (addresses == NULL)
        return STATUS_NO_MEMORY;
    while (*text != 0 && json_array_size(addresses) < TOKEN_ADDRESSES_MAX) {
        size_t len = strcspn(text, ", ");
        if (len > 0 && json_array_append_new(addresses, json_stringn(text, len)) != 0) {
            json_decref(addresses);
            return STATUS_NO_MEMORY;
        }
        text += len + (text[len] != 0);
    }
    json_decref(store->uplink_addresses);
    store->uplink_addresses = addresses;
    return STATUS_OK;
}

/* The node that succeeds this one by its own word (docs/protocol.md 5.3): the last one. TREE_NONE. */
static uint32_t successor_of(struct store *store, uint32_t node) {
    const uint32_t *nodes;
    uint32_t chosen = TREE_NONE;
    size_t count = tree_unit_nodes(store->tree, tree_node_at(store->tree, node)->unit, &nodes);
    for (size_t i = 0; i < count; i++) {
        const struct tree_node *other = tree_node_at(store->tree, nodes[i]);
        struct stored_entry entry;
        struct body_reader body;
        struct change change;
        struct admission *admission = other->inviter == node ? malloc(sizeof *admission) : NULL;
        bool found = false;
        if (admission != NULL && log_read(store, other->entry_id, &entry, NULL) == STATUS_OK && body_open(&body, entry.entry.body, CLASS_CONTROL) == STATUS_OK)
            while (!found && body_next(&body, &change))
                found = change.kind == CHANGE_ADMISSION && admission_decode(admission, change.payload) == STATUS_OK && admission->has_succeeds &&
                        memcmp(admission->signing_key, other->signing_key, sizeof other->signing_key) == 0 &&
                        ID_EQUAL(&admission->succeeds, &tree_node_at(store->tree, node)->id);
        free(admission);
        if (found && (chosen == TREE_NONE || tree_seniority(store->tree, chosen, nodes[i]) < 0))
            chosen = nodes[i];
    }
    return chosen;
}

/* The level above may have a new key. While its old one is not known to be shut out, either may be the one it listens with; then only the new one. */
static void follow_successor(struct store *store, struct store_uplink *out) {
    uint32_t at = tree_node(store->tree, &out->node);
    int64_t entry;
    for (int steps = 0; at != TREE_NONE && steps < 64; steps++) {
        uint32_t next = successor_of(store, at);
        if (next == TREE_NONE)
            return;
        const struct tree_node *node = tree_node_at(store->tree, next);
        out->has_successor = !tree_revoked(store->tree, at, &entry);
        if (out->has_successor) {
            out->successor = node->id;
            memcpy(out->successor_key, node->transport_key, sizeof out->successor_key);
            return;
        }
        out->node = node->id;
        memcpy(out->transport_key, node->transport_key, sizeof out->transport_key);
        at = next;
    }
}

enum status store_uplink(struct store *store, struct store_uplink *out) {
    memset(out, 0, sizeof *out);
    const char *text;
    enum status status = store_config(store, "uplink", &text);
    if (status != STATUS_OK)
        return status;
    if (text == NULL || *text == 0)
        return STATUS_NO_UPLINK;
    status = uplink_get(store, out->transport_key, &out->node);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_NO_UPLINK : status;
    follow_successor(store, out);
    out->unit = unit_of_uplink(store, &out->node);
    bool same = store->uplink_addresses != NULL && json_array_size(store->uplink_addresses) == 1 &&
                strcmp(json_string_value(json_array_get(store->uplink_addresses, 0)), text) == 0;
    if (!same)
        status = addresses_split(store, text);
    if (status != STATUS_OK)
        return status;
    out->address_count = json_array_size(store->uplink_addresses);
    for (size_t i = 0; i < out->address_count; i++)
        out->addresses[i] = json_string_value(json_array_get(store->uplink_addresses, i));
    return out->address_count > 0 ? STATUS_OK : STATUS_NO_UPLINK;
}

/* The node of that id, if the key is its own; else the most senior of those whose key it is. */
static uint32_t node_of_key(const struct tree *tree, const uint8_t key[32], const struct node_id *claimed) {
    uint32_t at = claimed != NULL ? tree_node(tree, claimed) : TREE_NONE;
    bool own = at != TREE_NONE && (memcmp(tree_node_at(tree, at)->transport_key, key, 32) == 0 || PLANTED("unknown-key-served"));
    return own ? at : tree_node_by_transport(tree, key);
}

enum status store_peer(struct store *store, const uint8_t transport_key[32], const struct node_id *claimed, struct node_id *node, struct unit_id *unit) {
    memset(node, 0, sizeof *node);
    memset(unit, 0, sizeof *unit);
    enum status status = store_tree_ready(store);
    if (status != STATUS_OK)
        return status;
    uint32_t at = node_of_key(store->tree, transport_key, claimed);
    if (at != TREE_NONE) {
        const struct tree_node *found = tree_node_at(store->tree, at);
        *node = found->id;
        *unit = *tree_unit_id(store->tree, found->unit);
        return STATUS_OK;
    }
    /* The node that invited us is trusted for what it is before its admission has come: by it, the first thing it will send. */
    uint8_t key[32];
    struct node_id inviter;
    status = uplink_get(store, key, &inviter);
    if (status == STATUS_OK && memcmp(key, transport_key, sizeof key) == 0 && tree_node(store->tree, &inviter) == TREE_NONE) {
        *node = inviter;
        *unit = unit_of_uplink(store, &inviter);
        return STATUS_OK;
    }
    return status == STATUS_OK ? STATUS_NOT_FOUND : status;
}
