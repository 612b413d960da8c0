/* Clocks that cannot be right, for `status`: offices whose newest word here, an entry or a receipt, claims a time that has not come yet, or one before there
 * was any hoi. Decides nothing: times are claims, and what such an office writes counts as everybody's does (docs/protocol.md, 4.1). */
#include "store/request_care.h"

#include <stdlib.h>

enum {
    AHEAD_S_MAX = 24 * 60 * 60, /* a time zone set wrong, a clock that drifts: not worth a telephone call */
    CLOCKS_MAX = 100            /* told by name; with more than these it is this PC's clock that is wrong */
};

/* The newest word of a node: version is that of the store's change counter when it came. */
struct claim {
    int64_t version, time;
};

struct claims {
    struct store *store;
    struct claim *of; /* by handle of the node */
};

static void claim(struct claims *claims, const struct node_id *id, int64_t version, int64_t time) {
    uint32_t node = tree_node(claims->store->tree, id);
    if (node != TREE_NONE && version >= claims->of[node].version) {
        claims->of[node] = (struct claim){.version = version, .time = time};
    }
}

static enum status claims_of_entries(struct claims *claims) {
    struct header *header = malloc(sizeof *header);
    if (header == NULL) {
        return STATUS_NO_MEMORY;
    }
    struct query query = db_query(claims->store->db, "SELECT l.node, l.version, e.header FROM log l JOIN entry e ON e.log = l.id AND e.seq = l.head_seq");
    while (query_next(&query)) {
        struct node_id id;
        query_fixed(&query, 0, id.b, sizeof id.b);
        if (header_decode(header, query_blob(&query, 2)) == STATUS_OK) {
            claim(claims, &id, query_int(&query, 1), header->time);
        }
    }
    free(header);
    return query_end(&query);
}

/* SQLite takes the time from the row in which the version is the greatest. */
static enum status claims_of_receipts(struct claims *claims) {
    struct query query = db_query(claims->store->db, "SELECT holder, max(version), time FROM receipt GROUP BY holder");
    while (query_next(&query)) {
        struct node_id id;
        query_fixed(&query, 0, id.b, sizeof id.b);
        claim(claims, &id, query_int(&query, 1), query_int(&query, 2));
    }
    return query_end(&query);
}

static enum status add(struct store *store, json_t *list, uint32_t node, int64_t time) {
    const struct tree_node *of = tree_node_at(store->tree, node);
    json_t *item = json_pack("{s:o, s:o, s:I, s:b}", "node", request_hex_json(of->id.b, sizeof of->id.b), "unit",
                             of->unit != TREE_NONE ? request_unit_json(store, of->unit, INT32_MIN) : json_null(), "time", (json_int_t)time, "own",
                             ID_EQUAL(&of->id, &store->self));
    return item != NULL && json_array_append_new(list, item) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static bool doubtful(int64_t time, int64_t now) {
    return time < OS_TIME_PLAUSIBLE || time > now + AHEAD_S_MAX;
}

static enum status judge(struct claims *claims, json_t *list) {
    struct store *store = claims->store;
    int64_t now = os_time(), entry;
    uint32_t self = tree_node(store->tree, &store->self);
    if (now < OS_TIME_PLAUSIBLE) { /* by such a clock everybody else's would be ahead */
        return self != TREE_NONE ? add(store, list, self, now) : STATUS_OK;
    }
    enum status status = STATUS_OK;
    size_t count = tree_node_count(store->tree);
    for (uint32_t node = 0; node < count && status == STATUS_OK && json_array_size(list) < CLOCKS_MAX; node++) {
        if (node != self && claims->of[node].version > 0 && doubtful(claims->of[node].time, now) && !tree_revoked(store->tree, node, &entry)) {
            status = add(store, list, node, claims->of[node].time);
        }
    }
    return status;
}

enum status request_clock_status(struct store *store, json_t *page) {
    json_t *list = json_array();
    struct claims claims = {.store = store, .of = calloc(tree_node_count(store->tree) + 1, sizeof *claims.of)};
    enum status status = list == NULL || claims.of == NULL ? STATUS_NO_MEMORY : claims_of_entries(&claims);
    if (status == STATUS_OK) {
        status = claims_of_receipts(&claims);
    }
    if (status == STATUS_OK) {
        status = judge(&claims, list);
    }
    free(claims.of);
    json_object_set_new(page, "clocks", list);
    return status;
}
