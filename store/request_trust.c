/* Requests by which trust moves: node.revoke, node.fork, node.rotate. What may not be done is refused before anything is written. */
#include "store/recovery.h"
#include "store/request_person.h"
#include "store/rotate.h"
#include "store/trust_write.h"

#include <sodium.h>
#include <stdlib.h>

enum { PREFIX_MIN = 6, FROM_MAX = 16 };

/* ---- what people name ---- */

/* A node by its id, or by six or more of its first hex digits. */
static enum status read_node(struct request *request, uint32_t *out) {
    const struct tree *tree = request->store->tree;
    const char *text = request_text(request, "node");
    size_t len = text == NULL ? 0 : strlen(text), found = 0;
    *out = TREE_NONE;
    for (uint32_t i = 0; len >= PREFIX_MIN && len <= 32 && i < tree_node_count(tree); i++) {
        char hex[33];
        request_hex(hex, tree_node_at(tree, i)->id.b, 16);
        if (tree_node_at(tree, i)->unit != TREE_NONE && strncmp(hex, text, len) == 0) {
            *out = i;
            found++;
        }
    }
    return found == 1 ? STATUS_OK : request_refuse(request, STATUS_NODE_UNKNOWN, "node", text, NULL);
}

static enum status read_reason(struct request *request, struct buffer *out) {
    static const struct text_bounds bounds = {"reason", 1, REASON_BYTES_MAX};
    const char *text = request_text(request, "reason");
    if (text == NULL || text[0] == '\0') {
        return request_refuse(request, STATUS_REASON_NEEDED, NULL);
    }
    return request_clean(request, &bounds, out);
}

static enum status allowed(struct request *request, uint32_t node) {
    char hex[33];
    enum status status = trust_allowed(request->store, node);
    request_hex(hex, tree_node_at(request->store->tree, node)->id.b, 16);
    return status == STATUS_OK ? status : request_refuse(request, status, "node", hex, NULL);
}

/* ---- node.revoke ---- */

struct revoking {
    uint32_t node;
    size_t from_count;
    struct ref from[FROM_MAX];
    struct refs upto;
    struct buffer reason, person;
};

/* `from`: the first bad entry of a log; one or a list, each of another log. */
static enum status read_from(struct request *request, struct revoking *revoking) {
    const json_t *given = json_object_get(request->args, "from"), *item;
    size_t i;
    revoking->from_count = 0;
    json_array_foreach(given, i, item) {
        int64_t id;
        struct stored_entry entry;
        struct ref *ref = &revoking->from[revoking->from_count];
        const char *text = json_string_value(item);
        if (i >= FROM_MAX || !request_ref(text, ref) || !ID_EQUAL(&ref->log.node, &tree_node_at(request->store->tree, revoking->node)->id)) {
            return request_refuse_ref(request, "from", text);
        }
        enum status status = log_find(request->store, &ref->log, ref->seq, &id);
        if (status == STATUS_OK) {
            status = log_read(request->store, id, &entry, NULL);
        }
        if (status != STATUS_OK || memcmp(entry.hash.b, ref->hash.b, sizeof ref->hash.b) != 0) {
            return status == STATUS_OK || status == STATUS_NOT_FOUND ? request_refuse_ref(request, "from", text) : status;
        }
        revoking->from_count++;
    }
    return STATUS_OK;
}

/* How many entries held here stand past the cuts, by class. */
static enum status count_past(struct store *store, const struct revoking *revoking, json_int_t counts[4]) {
    const struct node_id *node = &tree_node_at(store->tree, revoking->node)->id;
    struct header *header = malloc(sizeof *header);
    enum status status = header == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    struct query query = db_query(store->db, "SELECT l.kind, l.epoch, e.seq, e.header FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ?");
    query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log = {.node = *node, .kind = (uint8_t)query_int(&query, 0)};
        uint64_t seq = (uint64_t)query_int(&query, 2);
        bool past = true;
        query_fixed(&query, 1, log.epoch.b, sizeof log.epoch.b);
        for (size_t i = 0; i < revoking->upto.count && past; i++) {
            past = !(log_id_equal(&revoking->upto.items[i].log, &log) && seq <= revoking->upto.items[i].seq);
        }
        if (past && header_decode(header, query_blob(&query, 3)) == STATUS_OK && header->cls <= CLASS_DOCUMENT) {
            counts[header->cls]++;
        }
    }
    enum status ended = query_end(&query);
    free(header);
    return status != STATUS_OK ? status : ended;
}

static json_t *revoking_json(struct store *store, const struct revoking *revoking, const json_int_t counts[4], const struct stored *stored) {
    const struct tree_node *node = tree_node_at(store->tree, revoking->node);
    json_t *upto = json_array();
    for (size_t i = 0; i < revoking->upto.count; i++) {
        json_array_append_new(upto, request_ref_json(&revoking->upto.items[i]));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I}}", "node", request_hex_json(node->id.b, 16), "unit",
                     request_unit_json(store, node->unit, INT32_MIN), "entry", stored != NULL ? request_ref_json(&stored->ref) : json_null(), "upto", upto,
                     "aside", "control", counts[CLASS_CONTROL], "record", counts[CLASS_RECORD], "document", counts[CLASS_DOCUMENT]);
}

static enum status revoke_with(struct request *request, struct revoking *revoking) {
    struct store *store = request->store;
    json_int_t counts[4] = {0};
    struct ref reason;
    struct stored stored;
    enum status status = read_node(request, &revoking->node);
    if (status == STATUS_OK) {
        status = allowed(request, revoking->node);
    }
    if (status == STATUS_OK) {
        status = read_from(request, revoking);
    }
    if (status == STATUS_OK) {
        status = read_reason(request, &revoking->reason);
    }
    if (status == STATUS_OK) {
        status = request_person(request, &revoking->person);
    }
    const struct tree_node *node = status == STATUS_OK ? tree_node_at(store->tree, revoking->node) : NULL;
    if (status == STATUS_OK) {
        const struct trust_heads asked = {.node = &node->id, .from_count = revoking->from_count, .from = revoking->from};
        status = trust_heads(store, &asked, &revoking->upto);
    }
    if (status == STATUS_OK) {
        status = count_past(store, revoking, counts);
    }
    bool dry = request_flag(request, "dry_run");
    if (status == STATUS_OK && !dry) {
        const struct trust_said said = {buffer_bytes(&revoking->reason), buffer_bytes(&revoking->person)};
        status = trust_reason(store, node->unit, &said, &reason);
    }
    if (status == STATUS_OK && !dry) {
        status = trust_revoke(store, revoking->node, &revoking->upto, &reason, &stored);
    }
    if (status == STATUS_OK) {
        request->result = revoking_json(store, revoking, counts, dry ? NULL : &stored);
        status = request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return status;
}

static enum status node_revoke(struct request *request) {
    struct revoking *revoking = calloc(1, sizeof *revoking);
    if (revoking == NULL) {
        return STATUS_NO_MEMORY;
    }
    buffer_init(&revoking->reason, 4 * REASON_BYTES_MAX);
    buffer_init(&revoking->person, BODY_BYTES_MAX);
    enum status status = revoke_with(request, revoking);
    buffer_fini(&revoking->reason);
    buffer_fini(&revoking->person);
    free(revoking);
    return status;
}

/* ---- node.fork ---- */

/* The evidence about the log that `keep` is of: where it forks, and the hash of the branch that is not held. */
static enum status find_fork(struct store *store, const struct log_id *log, struct ref *other) {
    struct hash hash;
    struct query query = db_query(store->db, "SELECT f.seq, f.hash FROM fork f JOIN log l ON l.id = f.log LEFT JOIN entry e ON e.log = l.id AND e.seq = f.seq"
                                             " WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND f.hash IS NOT e.hash ORDER BY f.hash LIMIT 1");
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(&query, log->kind);
    query_bind_blob(&query, bytes_of(log->epoch.b, sizeof log->epoch.b));
    bool found = query_next(&query);
    if (found) {
        *other = (struct ref){.log = *log, .seq = (uint64_t)query_int(&query, 0)};
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        other->hash = hash_short(&hash);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

static enum status held_ref(struct store *store, const struct log_id *log, uint64_t seq, struct ref *out) {
    int64_t id;
    struct stored_entry entry;
    enum status status = log_find(store, log, seq, &id);
    if (status == STATUS_OK) {
        status = log_read(store, id, &entry, NULL);
    }
    if (status == STATUS_OK) {
        *out = (struct ref){.log = *log, .seq = seq, .hash = hash_short(&entry.hash)};
    }
    return status;
}

/* What is kept is an entry of the branch held (the other falls), the other branch's first entry (the one held falls), or the last before both. */
static enum status read_decision(struct request *request, struct fork_decision *decision) {
    struct store *store = request->store;
    const char *text = request_text(request, "keep");
    struct ref other, held;
    if (!request_ref(text, &decision->keeps)) {
        return request_refuse_ref(request, "keep", text);
    }
    enum status status = find_fork(store, &decision->keeps.log, &other);
    if (status == STATUS_NOT_FOUND) {
        return request_refuse(request, STATUS_NOT_FOUND, "what", "fork", NULL);
    }
    bool keeps_other = status == STATUS_OK && ref_compare(&decision->keeps, &other) == 0;
    if (status == STATUS_OK && keeps_other) {
        status = held_ref(store, &other.log, other.seq, &decision->rival);
    } else if (status == STATUS_OK) {
        status = held_ref(store, &decision->keeps.log, decision->keeps.seq, &held);
        decision->rival = other;
    }
    bool named = keeps_other || (status == STATUS_OK && ref_compare(&held, &decision->keeps) == 0 && other.seq <= decision->keeps.seq + 1);
    return status == STATUS_NOT_FOUND || (status == STATUS_OK && !named) ? request_refuse_ref(request, "keep", text) : status;
}

static enum status node_fork(struct request *request) {
    struct fork_decision decision;
    struct stored stored;
    uint32_t node = TREE_NONE;
    enum status status = read_decision(request, &decision);
    if (status == STATUS_OK) {
        node = tree_node(request->store->tree, &decision.keeps.log.node);
        bool self = ID_EQUAL(&decision.keeps.log.node, &request->store->self); /* of its own two words no node may choose one */
        status = node == TREE_NONE ? request_refuse(request, STATUS_NODE_UNKNOWN, NULL)
                 : self            ? request_refuse(request, STATUS_REQUEST_ONLY, NULL)
                                   : allowed(request, node);
    }
    if (status == STATUS_OK) {
        status = trust_decide(request->store, node, &decision, &stored);
    }
    if (status == STATUS_OK) {
        request->result = json_pack("{s:o, s:o, s:o}", "entry", request_ref_json(&stored.ref), "keeps", request_ref_json(&decision.keeps), "falls",
                                    request_ref_json(&decision.rival));
        status = request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return status;
}

/* ---- node.rotate ---- */

static enum status node_rotate(struct request *request) {
    static const char *const STATES[] = {[ROTATE_NONE] = "none", [ROTATE_WAITS] = "waits", [ROTATE_READY] = "ready"};
    struct node_id node;
    enum rotate_state state = ROTATE_NONE;
    enum status status = rotate_begin(request->store, &node);
    if (status == STATUS_OK) {
        status = rotate_state(request->store, &state);
    }
    if (status == STATUS_OK) {
        request->result = json_pack("{s:o, s:s}", "node", request_hex_json(node.b, sizeof node.b), "state", STATES[state]);
        status = request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return status;
}

/* ---- the recovery keys ---- */

static json_t *base64_json(struct bytes bytes) {
    size_t len = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(len);
    json_t *out = NULL;
    if (text != NULL) {
        sodium_bin2base64(text, len, bytes.data, bytes.len, sodium_base64_VARIANT_ORIGINAL);
        out = json_string(text);
    }
    free(text);
    return out;
}

static enum status read_base64(struct request *request, const char *key, struct buffer *out) {
    const char *text = request_text(request, key);
    size_t len = text == NULL ? 0 : strlen(text), got = 0;
    uint8_t *bytes = malloc(len + 1);
    enum status status = bytes == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && (text == NULL || sodium_base642bin(bytes, len + 1, text, len, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)) {
        status = request_refuse(request, STATUS_BAD_REQUEST, "what", key, NULL);
    }
    if (status == STATUS_OK) {
        status = buffer_append(out, bytes, got);
    }
    free(bytes);
    return status;
}

/* What is to be signed: the header. Statement: by it the tool knows whose keys are asked for. */
static enum status recovery_draft_verb(struct request *request) {
    struct store *store = request->store;
    struct recovery_draft draft;
    struct buffer payload;
    uint32_t node;
    enum status status = read_node(request, &node);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&payload, BODY_BYTES_MAX);
    status = recovery_revocation(store, &tree_node_at(store->tree, node)->id, &payload);
    if (status == STATUS_OK) {
        status = recovery_draft(store, CHANGE_REVOCATION, buffer_bytes(&payload), &draft);
        if (status == STATUS_OK) {
            request->result =
                json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "node", request_hex_json(tree_node_at(store->tree, node)->id.b, 16), "unit",
                          request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN), "statement",
                          base64_json(bytes_of(store->founding_bytes.data, store->founding_bytes.len - 64)), "header", base64_json(buffer_bytes(&draft.header)),
                          "body", base64_json(buffer_bytes(&draft.body)), "salt", base64_json(bytes_of(draft.salt, sizeof draft.salt)));
            status = request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
        }
        recovery_draft_fini(&draft);
    }
    buffer_fini(&payload);
    return status;
}

static enum status recovery_sign_verb(struct request *request) {
    struct recovery_draft draft;
    struct buffer salt, signature;
    buffer_init(&draft.header, HEADER_BYTES_MAX);
    buffer_init(&draft.body, BODY_BYTES_MAX);
    buffer_init(&salt, sizeof draft.salt);
    buffer_init(&signature, SIGNATURE_BYTES_MAX);
    enum status status = read_base64(request, "header", &draft.header);
    if (status == STATUS_OK) {
        status = read_base64(request, "body", &draft.body);
    }
    if (status == STATUS_OK) {
        status = read_base64(request, "salt", &salt);
    }
    if (status == STATUS_OK) {
        status =
            salt.len == sizeof draft.salt ? read_base64(request, "signature", &signature) : request_refuse(request, STATUS_BAD_REQUEST, "what", "salt", NULL);
    }
    if (status == STATUS_OK) {
        memcpy(draft.salt, salt.data, sizeof draft.salt);
        status = recovery_append(request->store, &draft, buffer_bytes(&signature));
    }
    recovery_draft_fini(&draft);
    buffer_fini(&salt);
    buffer_fini(&signature);
    return status;
}

/* The level above has a new root's key that no log here tells of yet: said by a person who read it there. */
static enum status uplink_follow(struct request *request) {
    uint8_t row[48];
    const char *address = request_text(request, "address"), *key = request_text(request, "key"), *node = request_text(request, "node");
    if (address == NULL || strncmp(address, "tcp://", 6) != 0 || strlen(address) > ADDRESS_BYTES_MAX) {
        return request_refuse(request, STATUS_ADDRESS_INVALID, "address", address, NULL);
    }
    if (key == NULL || node == NULL || strlen(key) != 64 || strlen(node) != 32 || !request_read_hex(&key, row, 32) || !request_read_hex(&node, row + 32, 16)) {
        return request_refuse(request, STATUS_BAD_REQUEST, "what", "key", NULL);
    }
    enum status status = store_meta_put(request->store->db, "uplink", bytes_of(row, sizeof row));
    struct query query =
        db_query(request->store->db, "INSERT INTO config(key, value) VALUES('uplink', ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    query_bind_text(&query, bytes_of(address, strlen(address)));
    enum status put = query_run(&query);
    return status != STATUS_OK ? status : put;
}

const struct request_verb request_trust_verbs[] = {
    {"node.revoke", node_revoke, true},
    {"node.fork", node_fork, true},
    {"node.rotate", node_rotate, true},
    {"recovery.draft", recovery_draft_verb, false},
    {"recovery.sign", recovery_sign_verb, true},
    {"uplink.follow", uplink_follow, true},
    {NULL, NULL, false},
};
