#include "store/request_way.h"

#include "protocol/receipt.h"

#include <stdlib.h>

/* What the nodes of one unit above say of one log, each at its best. */
struct holder {
    uint32_t unit;
    uint64_t stored, counted, aside; /* counted: of the node that has applied most, less what it has set aside */
    bool entry_stored, entry_counted, entry_unknown;
};
struct way {
    struct store *store;
    uint32_t author;
    uint64_t seq; /* of the entry asked about; 0: none */
    struct holder holders[LINE_UNITS_MAX + 1];
    size_t count;
};

static struct holder *holder_of(struct way *way, uint32_t unit) {
    for (size_t i = 0; i < way->count; i++) {
        if (way->holders[i].unit == unit) {
            return &way->holders[i];
        }
    }
    if (way->count == sizeof way->holders / sizeof way->holders[0]) {
        return NULL; /* a line is no longer than that */
    }
    way->holders[way->count] = (struct holder){.unit = unit};
    return &way->holders[way->count++];
}

/* The unit whose node signed the receipt, where it stands above the author and its chain is the one held here. hash: of the entry held here at the receipt's
 * seq. */
static uint32_t judge(const struct way *way, const struct receipt *receipt, const struct hash *hash) {
    const struct tree *tree = way->store->tree;
    uint32_t node = tree_node(tree, &receipt->holder), unit = node == TREE_NONE ? TREE_NONE : tree_node_at(tree, node)->unit;
    bool above = unit != TREE_NONE && unit != way->author && tree_is_under(tree, way->author, unit, TREE_TODAY);
    return above && memcmp(hash->b, receipt->hash.b, sizeof receipt->hash.b) == 0 ? unit : TREE_NONE;
}

static void take(struct way *way, const struct receipt *receipt, uint32_t unit) {
    struct holder *holder = holder_of(way, unit);
    if (holder == NULL) {
        return;
    }
    uint64_t counted = receipt->applied > receipt->aside ? receipt->applied - receipt->aside : 0;
    holder->stored = receipt->bodies > holder->stored ? receipt->bodies : holder->stored;
    if (counted >= holder->counted) {
        holder->counted = counted;
        holder->aside = receipt->aside;
    }
    bool applied = way->seq > 0 && way->seq <= receipt->applied;
    holder->entry_stored = holder->entry_stored || (way->seq > 0 && way->seq <= receipt->bodies);
    holder->entry_counted = holder->entry_counted || (applied && receipt->aside == 0);
    holder->entry_unknown = holder->entry_unknown || (applied && receipt->aside > 0 && receipt->aside < receipt->applied);
}

/* Every receipt of a log whose last entry is held here too. */
static enum status gather(struct way *way, const struct log_id *log) {
    struct query query =
        db_query(way->store->db, "SELECT r.bytes, e.hash FROM receipt r JOIN log l ON l.node = r.node AND l.kind = r.kind AND l.epoch = r.epoch"
                                 " JOIN entry e ON e.log = l.id AND e.seq = r.seq WHERE r.node = ? AND r.kind = ? AND r.epoch = ?");
    enum status status = STATUS_OK;
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(&query, log->kind);
    query_bind_blob(&query, bytes_of(log->epoch.b, sizeof log->epoch.b));
    while (status == STATUS_OK && query_next(&query)) {
        struct receipt receipt;
        struct hash hash;
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        status = receipt_decode(&receipt, query_blob(&query, 0)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        uint32_t unit = status == STATUS_OK ? judge(way, &receipt, &hash) : TREE_NONE;
        if (unit != TREE_NONE) {
            take(way, &receipt, unit);
        }
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* How many units stand between: what is further up stands behind. */
static size_t distance(const struct way *way, uint32_t unit) {
    const struct tree *tree = way->store->tree;
    size_t steps = 0;
    for (uint32_t at = way->author; at != unit && at != TREE_NONE && steps <= LINE_UNITS_MAX; steps++) {
        at = tree_parent(tree, at, TREE_TODAY);
    }
    return steps;
}

static void sort(struct way *way) {
    for (size_t i = 1; i < way->count; i++) {
        struct holder holder = way->holders[i];
        size_t at = i;
        for (; at > 0 && distance(way, way->holders[at - 1].unit) > distance(way, holder.unit); at--) {
            way->holders[at] = way->holders[at - 1];
        }
        way->holders[at] = holder;
    }
}

/* ---- of one entry ---- */

static json_t *counted_json(const struct holder *holder, bool meant) {
    bool unknown = meant && !holder->entry_counted && holder->entry_unknown;
    return unknown ? json_null() : json_boolean(meant && holder->entry_counted);
}

enum status request_way(struct store *store, const struct stored_entry *entry, json_t *object) {
    struct way way = {.store = store, .author = TREE_NONE, .seq = entry->seq};
    uint32_t node = tree_node(store->tree, &entry->log.node);
    struct header *header = malloc(sizeof *header);
    json_t *list = json_array();
    enum status status = header == NULL || list == NULL ? STATUS_NO_MEMORY : header_decode(header, entry->entry.header);
    if (node != TREE_NONE) {
        way.author = tree_node_at(store->tree, node)->unit;
    }
    bool root = way.author == 0, stored = root, counted = root, at_root = root;
    if (status == STATUS_OK && way.author != TREE_NONE) {
        status = gather(&way, &entry->log);
    }
    sort(&way);
    for (size_t i = 0; status == STATUS_OK && i < way.count; i++) {
        const struct holder *holder = &way.holders[i];
        bool meant = tree_may_hold_body(store->tree, tree_unit_id(store->tree, holder->unit), header);
        if (!holder->entry_stored) {
            continue; /* a receipt that speaks of earlier entries only */
        }
        stored = stored || meant;
        counted = counted || (meant && holder->entry_counted);
        at_root = at_root || (meant && holder->entry_counted && holder->unit == 0);
        json_array_append_new(list, json_pack("{s:o, s:o, s:b}", "unit", request_unit_json(store, holder->unit, INT32_MIN), "counted",
                                              counted_json(holder, meant), "meant", meant));
    }
    json_object_set_new(object, "way", list);
    json_object_set_new(object, "stored_above", json_boolean(stored));
    json_object_set_new(object, "counted_above", json_boolean(counted));
    json_object_set_new(object, "at_root", json_boolean(at_root));
    free(header);
    return status;
}

/* ---- of all that was written here ---- */

static enum status add_log(struct way *all, const struct log_id *log) {
    struct way way = {.store = all->store, .author = all->author};
    enum status status = gather(&way, log);
    for (size_t i = 0; status == STATUS_OK && i < way.count; i++) {
        struct holder *sum = holder_of(all, way.holders[i].unit);
        if (sum != NULL) {
            sum->stored += way.holders[i].stored;
            sum->counted += way.holders[i].counted;
            sum->aside += way.holders[i].aside;
        }
    }
    return status;
}

enum status request_way_counts(struct store *store, json_t **out) {
    struct way all = {.store = store, .author = tree_unit(store->tree, &store->unit)};
    enum status status = STATUS_OK;
    *out = NULL;
    struct query query = db_query(store->db, "SELECT kind, epoch FROM log WHERE node = ?");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    while (status == STATUS_OK && all.author != TREE_NONE && query_next(&query)) {
        struct log_id log = {.node = store->self, .kind = (uint8_t)query_int(&query, 0)};
        query_fixed(&query, 1, log.epoch.b, sizeof log.epoch.b);
        status = add_log(&all, &log);
    }
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    json_t *list = status == STATUS_OK ? json_array() : NULL;
    sort(&all);
    for (size_t i = 0; list != NULL && i < all.count; i++) {
        const struct holder *holder = &all.holders[i];
        json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:I}", "unit", request_unit_json(store, holder->unit, INT32_MIN), "stored",
                                              (json_int_t)holder->stored, "counted", (json_int_t)holder->counted, "set_aside", (json_int_t)holder->aside));
    }
    *out = list;
    return status == STATUS_OK && list == NULL ? STATUS_NO_MEMORY : status;
}
