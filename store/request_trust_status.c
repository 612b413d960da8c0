/* What `status` says of trust: offices that took back what they did not remember, copies that seem to be at work twice, forks that wait for a decision. All of
 * it follows from the logs that are held, so that every level above sees it. */
#include "store/request_care.h"

#include <stdlib.h>

/* ---- taken back ---- */

/* An epoch whose first header names what it continues. */
struct beginning {
    struct node_id node;
    struct header *header;
    int64_t beyond; /* entries of the epoch that it continues, past the one named */
    bool both;      /* the last of them says that it was written later than this epoch began */
};

static enum status beyond(struct store *store, struct beginning *beginning, struct header *last) {
    const struct ref *ref = &beginning->header->continues;
    struct query query = db_query(store->db, "SELECT l.head_seq, e.header FROM log l JOIN entry e ON e.log = l.id AND e.seq = l.head_seq"
                                             " WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND l.head_seq > ?");
    query_bind_blob(&query, bytes_of(ref->log.node.b, sizeof ref->log.node.b));
    query_bind_int(&query, ref->log.kind);
    query_bind_blob(&query, bytes_of(ref->log.epoch.b, sizeof ref->log.epoch.b));
    query_bind_int(&query, (int64_t)ref->seq);
    beginning->beyond = 0;
    beginning->both = false;
    if (query_next(&query)) {
        beginning->beyond = query_int(&query, 0) - (int64_t)ref->seq;
        beginning->both = header_decode(last, query_blob(&query, 1)) == STATUS_OK && last->time > beginning->header->time;
    }
    return query_end(&query);
}

/* One object a node; rows come node by node. */
static enum status taken_add(struct store *store, json_t *list, const struct beginning *beginning) {
    json_t *last = json_array_get(list, json_array_size(list) - 1);
    char node[33];
    request_hex(node, beginning->node.b, sizeof beginning->node.b);
    if (last == NULL || strcmp(json_string_value(json_object_get(last, "node")), node) != 0) {
        uint32_t at = tree_node(store->tree, &beginning->node);
        json_t *unit = at != TREE_NONE ? request_unit_json(store, tree_node_at(store->tree, at)->unit, INT32_MIN) : json_null();
        last = json_pack("{s:s, s:o, s:I, s:b, s:I}", "node", node, "unit", unit, "entries", (json_int_t)0, "both", 0, "time",
                         (json_int_t)beginning->header->time);
        if (last == NULL || json_array_append_new(list, last) != 0)
            return STATUS_NO_MEMORY;
    }
    json_int_t entries = json_integer_value(json_object_get(last, "entries"));
    json_object_set_new(last, "entries", json_integer(entries + (json_int_t)beginning->beyond));
    if (beginning->both)
        json_object_set_new(last, "both", json_true());
    if (json_integer_value(json_object_get(last, "time")) < beginning->header->time)
        json_object_set_new(last, "time", json_integer((json_int_t)beginning->header->time));
    return STATUS_OK;
}

static enum status taken_back(struct store *store, json_t *list) {
    struct header *headers = malloc(2 * sizeof *headers);
    enum status status = headers == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(store->db, "SELECT l.node, e.header FROM log l JOIN entry e ON e.log = l.id AND e.seq = 1 WHERE (l.node, l.kind) IN"
                                             " (SELECT node, kind FROM log GROUP BY node, kind HAVING count(*) > 1) ORDER BY l.node, l.kind, l.id");
    while (status == STATUS_OK && query_next(&query)) {
        struct beginning beginning = {.header = &headers[0]};
        query_fixed(&query, 0, beginning.node.b, sizeof beginning.node.b);
        if (header_decode(beginning.header, query_blob(&query, 1)) != STATUS_OK || !beginning.header->has_continues)
            continue;
        status = beyond(store, &beginning, &headers[1]);
        if (status == STATUS_OK && beginning.beyond > 0)
            status = taken_add(store, list, &beginning);
    }
    enum status ended = query_end(&query);
    free(headers);
    return status != STATUS_OK ? status : ended;
}

/* ---- forks ---- */

static json_t *ref_of(const struct log_id *log, uint64_t seq, const struct hash *hash) {
    const struct ref ref = {.log = *log, .seq = seq, .hash = hash_short(hash)};
    return request_ref_json(&ref);
}

static enum status forks(struct store *store, json_t *list) {
    struct query query =
        db_query(store->db, "SELECT l.node, l.kind, l.epoch, f.seq, f.hash, e.hash, l.head_seq, l.head_hash FROM fork f JOIN log l ON l.id = f.log"
                            " LEFT JOIN entry e ON e.log = l.id AND e.seq = f.seq ORDER BY l.node, l.kind, l.epoch, f.hash");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log;
        struct hash other, held = {0}, head;
        query_fixed(&query, 0, log.node.b, sizeof log.node.b);
        log.kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, log.epoch.b, sizeof log.epoch.b);
        uint64_t seq = (uint64_t)query_int(&query, 3), head_seq = (uint64_t)query_int(&query, 6);
        query_fixed(&query, 4, other.b, sizeof other.b);
        bool here = !query_is_null(&query, 5);
        if (here)
            query_fixed(&query, 5, held.b, sizeof held.b);
        query_fixed(&query, 7, head.b, sizeof head.b);
        uint32_t node = tree_node(store->tree, &log.node);
        struct tree_standing standing;
        tree_log_standing(store->tree, &log, &standing);
        json_t *unit = node != TREE_NONE ? request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN) : json_null();
        json_t *fork = json_pack("{s:o, s:o, s:o, s:o, s:o, s:b}", "node", request_hex_json(log.node.b, sizeof log.node.b), "unit", unit, "held",
                                 here ? ref_of(&log, seq, &held) : json_null(), "other", ref_of(&log, seq, &other), "head", ref_of(&log, head_seq, &head),
                                 "waits", standing.why == STATUS_FORK);
        status = fork != NULL && json_array_append_new(list, fork) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

enum status request_trust_status(struct store *store, json_t *status) {
    json_t *taken = json_array(), *forked = json_array();
    enum status result = taken == NULL || forked == NULL ? STATUS_NO_MEMORY : taken_back(store, taken);
    if (result == STATUS_OK)
        result = forks(store, forked);
    json_object_set_new(status, "taken_back", taken);
    json_object_set_new(status, "forks", forked);
    return result;
}
