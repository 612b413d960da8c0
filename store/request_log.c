/* log: the entries held here, newest first, with what each says as data. */
#include "store/json_memory.h"
#include "store/log.h"
#include "store/request_care.h"
#include "store/request_person.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 10000, CHANGES_SHOWN = 50, NODE_PREFIX_MIN = 6 };

struct walk {
    struct request *request;
    struct store *store;
    struct header *header;
    json_t *entries;
    int64_t limit;
    uint32_t unit; /* TREE_NONE: any */
    char node[33]; /* the first hex digits; empty: any */
};

static const char *state_of(int64_t body_state, bool applied, int64_t reason) {
    if (reason != 0) {
        return "set_aside";
    }
    switch (body_state) {
    case BODY_MISSING:
        return "pending";
    case BODY_WITHHELD:
        return "withheld";
    case BODY_ERASED:
        return "erased";
    default:
        return applied ? "applied" : "pending";
    }
}

/* Written by a node of the unit, or a record of it. */
static bool concerns(const struct walk *walk, const struct header *header) {
    if (walk->unit == TREE_NONE) {
        return true;
    }
    const struct unit_id *id = tree_unit_id(walk->store->tree, walk->unit);
    uint32_t node = tree_node(walk->store->tree, &header->log.node);
    return (node != TREE_NONE && tree_node_at(walk->store->tree, node)->unit == walk->unit) ||
           (header->cls == CLASS_RECORD && header->audience_count == 1 && ID_EQUAL(&header->audience[0].unit, id));
}

json_t *request_log_changes(struct store *store, struct bytes body, uint8_t cls) {
    json_t *changes = json_array();
    struct body_reader reader;
    struct change change;
    struct buffer copy;
    buffer_init(&copy, BODY_BYTES_MAX); /* the words for a change may need other entries read */
    enum status status = buffer_append(&copy, body.data, body.len);
    if (status == STATUS_OK) {
        status = body_open(&reader, buffer_bytes(&copy), cls);
    }
    while (status == STATUS_OK && json_array_size(changes) < CHANGES_SHOWN && body_next(&reader, &change)) {
        if (person_is(change.kind)) {
            continue; /* shown beside what was done: who did it */
        }
        const char *kind = request_log_kind(change.kind);
        char number[16];
        snprintf(number, sizeof number, "%u", (unsigned)change.kind);
        json_array_append_new(changes, json_pack("{s:s, s:o}", "kind", kind != NULL ? kind : number, "what", request_log_what(store, &change)));
    }
    if (status == STATUS_NO_MEMORY) {
        json_memory_miss();
    }
    buffer_fini(&copy);
    return changes;
}

static json_t *author_json(struct store *store, const struct log_id *log) {
    uint32_t node = log->kind == LOG_RECOVERY ? TREE_NONE : tree_node(store->tree, &log->node);
    return node == TREE_NONE ? json_null() : request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN);
}

struct row {
    int64_t id, body_state, reason;
    bool applied;
};

static enum status show(struct walk *walk, const struct row *row) {
    static const char *const kinds[] = {[LOG_REPORT] = "report", [LOG_DIRECTIVE] = "directive", [LOG_RECOVERY] = "recovery"};
    static const char *const classes[] = {[CLASS_CONTROL] = "control", [CLASS_RECORD] = "record", [CLASS_DOCUMENT] = "document"};
    struct stored_entry entry;
    enum status status = log_read(walk->store, row->id, &entry, walk->header);
    if (status != STATUS_OK || !concerns(walk, walk->header)) {
        return status;
    }
    const struct header *header = walk->header;
    struct ref ref;
    header_ref(&ref, header, &entry.hash);
    json_t *shown = json_pack("{s:o, s:I, s:s, s:s, s:o, s:o, s:I, s:I, s:s}", "ref", request_ref_json(&ref), "seq", (json_int_t)header->seq, "kind",
                              kinds[header->log.kind], "class", classes[header->cls], "unit", author_json(walk->store, &header->log), "node",
                              request_hex_json(header->log.node.b, sizeof header->log.node.b), "time", (json_int_t)header->time, "bytes",
                              (json_int_t)header->body_bytes, "state", state_of(row->body_state, row->applied, row->reason));
    if (shown == NULL) {
        return STATUS_NO_MEMORY;
    }
    if (row->reason != 0) {
        json_object_set_new(shown, "reason", json_string(status_name((enum status)row->reason)));
    }
    if (header->has_batch) {
        json_object_set_new(shown, "batch", request_hex_json(header->batch.b, sizeof header->batch.b));
    }
    json_t *person = request_person_json(&entry, header->cls);
    if (person != NULL) {
        json_object_set_new(shown, "person", person);
    }
    bool held = entry.entry.salt.len > 0;
    json_object_set_new(shown, "changes", held ? request_log_changes(walk->store, entry.entry.body, header->cls) : json_array());
    json_array_append_new(walk->entries, shown);
    return STATUS_OK;
}

static enum status walk_entries(struct walk *walk) {
    struct query query =
        db_query(walk->store->db, "SELECT e.id, e.body_state, e.seq <= l.applied, (SELECT min(reason) FROM set_aside s WHERE s.entry = e.id)"
                                  " FROM entry e JOIN log l ON l.id = e.log WHERE ?1 = '' OR lower(hex(l.node)) LIKE ?1 || '%' ORDER BY e.id DESC");
    query_bind_text(&query, bytes_of(walk->node, strlen(walk->node)));
    enum status status = STATUS_OK;
    while (status == STATUS_OK && (int64_t)json_array_size(walk->entries) < walk->limit && query_next(&query)) {
        const struct row row = {query_int(&query, 0), query_int(&query, 1), query_int(&query, 3), query_int(&query, 2) != 0};
        status = show(walk, &row);
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

static enum status read_node(struct walk *walk) {
    const char *text = request_text(walk->request, "node");
    size_t len = text == NULL ? 0 : strlen(text);
    if (len == 0) {
        return STATUS_OK;
    }
    if (len < NODE_PREFIX_MIN || len > 32 || strspn(text, "0123456789abcdefABCDEF") != len) {
        return request_refuse(walk->request, STATUS_NOT_FOUND, "what", text, NULL);
    }
    for (size_t i = 0; i < len; i++) {
        walk->node[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i]);
    }
    return STATUS_OK;
}

enum status request_log(struct request *request) {
    struct walk walk = {.request = request, .store = request->store, .unit = TREE_NONE};
    const char *unit = request_text(request, "unit");
    enum status status = request_integer(request, "limit", LIMIT_DEFAULT, &walk.limit);
    if (status == STATUS_OK && (walk.limit < 1 || walk.limit > LIMIT_MAX)) {
        walk.limit = walk.limit < 1 ? 1 : LIMIT_MAX;
    }
    if (status == STATUS_OK && unit != NULL) {
        status = request_unit(request, unit, INT32_MIN, &walk.unit);
    }
    if (status == STATUS_OK) {
        status = read_node(&walk);
    }
    if (status != STATUS_OK) {
        return status;
    }
    walk.header = malloc(sizeof *walk.header);
    walk.entries = json_array();
    status = walk.header == NULL || walk.entries == NULL ? STATUS_NO_MEMORY : walk_entries(&walk);
    free(walk.header);
    request->result = json_pack("{s:o}", "entries", walk.entries);
    return status;
}
