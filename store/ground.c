#include "store/ground.h"

#include "protocol/planted.h"
#include "store/branch.h"
#include "store/log.h"

#include <stdlib.h>

/* ---- what refutes ---- */

struct ground {
    struct log_head head;
    struct ref of;
    uint32_t author; /* TREE_NONE: the recovery keys, or a node that does not stand */
};
struct grounds {
    struct store *store;
    struct ground *items;
    size_t count, capacity;
    enum status status;
};

static enum status hash_at(struct store *store, const struct log_id *log, uint64_t *seq, struct short_hash *out) {
    struct log_row row;
    struct hash hash = {0};
    enum status status = log_row(store, log, &row);
    if (status == STATUS_OK && row.head_seq == 0)
        status = STATUS_NOT_FOUND;
    if (status != STATUS_OK)
        return status;
    *seq = row.head_seq < *seq ? row.head_seq : *seq;
    struct query query = db_query(store->db, "SELECT hash FROM entry WHERE log = ? AND seq = ?");
    query_bind_int(&query, row.id);
    query_bind_int(&query, (int64_t)*seq);
    bool found = query_next(&query);
    if (found)
        query_fixed(&query, 0, hash.b, sizeof hash.b);
    *out = hash_short(&hash);
    status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_NOT_FOUND : status;
}

/* A log as if it ended with the last entry concerned, or with what is held of it. */
static bool add(void *arg, const struct log_id *log, uint64_t upto, const struct ref *of) {
    struct grounds *grounds = arg;
    struct ground ground = {.head = {.log = *log, .seq = PLANTED("all-of-a-ground") ? SEQ_MAX : upto, .cuts = true}, .of = *of, .author = TREE_NONE};
    enum status status = hash_at(grounds->store, log, &ground.head.seq, &ground.head.hash);
    if (status == STATUS_NOT_FOUND)
        return true;
    if (status == STATUS_OK)
        status = branch_fork_mark(grounds->store, log, &ground.head.fork);
    if (status == STATUS_OK && grounds->count == grounds->capacity) {
        size_t capacity = grounds->capacity > 0 ? 2 * grounds->capacity : 16;
        struct ground *grown = realloc(grounds->items, capacity * sizeof *grown);
        status = grown != NULL ? STATUS_OK : STATUS_NO_MEMORY;
        grounds->items = grown != NULL ? grown : grounds->items;
        grounds->capacity = grown != NULL ? capacity : grounds->capacity;
    }
    if (status == STATUS_OK && log->kind != LOG_RECOVERY)
        ground.author = tree_node(grounds->store->tree, &log->node);
    if (status == STATUS_OK)
        grounds->items[grounds->count++] = ground;
    grounds->status = status;
    return status == STATUS_OK;
}

/* Senior ones first: by their admissions the others are known. */
static int by_seniority(const void *x, const void *y, void *arg) {
    const struct ground *a = x, *b = y;
    bool a_recovery = a->head.log.kind == LOG_RECOVERY, b_recovery = b->head.log.kind == LOG_RECOVERY;
    if (a_recovery != b_recovery)
        return (int)b_recovery - (int)a_recovery;
    if ((a->author == TREE_NONE) != (b->author == TREE_NONE))
        return a->author == TREE_NONE ? 1 : -1;
    if (a->author != b->author)
        return tree_seniority(arg, a->author, b->author);
    return log_id_compare(&a->head.log, &b->head.log);
}

enum status ground_each(struct store *store, const struct ground_of *of, ground_fn fn, void *arg) {
    struct grounds grounds = {.store = store, .status = store_tree_ready(store)};
    if (grounds.status != STATUS_OK)
        return grounds.status;
    enum status status = tree_each_refuting(store->tree, of->peer, of->claimed, of->count, add, &grounds);
    status = grounds.status != STATUS_OK ? grounds.status : status;
    if (status == STATUS_OK && grounds.count > 0)
        qsort_r(grounds.items, grounds.count, sizeof grounds.items[0], by_seniority, store->tree);
    for (size_t i = 0; status == STATUS_OK && i < grounds.count && fn(arg, &grounds.items[i].head, &grounds.items[i].of); i++) {}
    free(grounds.items);
    return status;
}

/* ---- what is taken of it ---- */

enum status ground_brought(struct store *store, int64_t log_row_id, const struct node_id *peer) {
    struct query query = db_query(store->db, "UPDATE log SET brought = ? WHERE id = ?");
    query_bind_blob(&query, bytes_of(peer->b, sizeof peer->b));
    query_bind_int(&query, log_row_id);
    return query_run(&query);
}

/* Of those that the peer has brought, how many do the views still not let this node hold? */
static enum status count_brought(struct store *store, const struct node_id *peer, size_t *count) {
    struct query query = db_query(store->db, "SELECT node, kind, epoch FROM log WHERE brought = ?");
    query_bind_blob(&query, bytes_of(peer->b, sizeof peer->b));
    while (query_next(&query)) {
        struct log_id log = {.kind = (uint8_t)query_int(&query, 1)};
        query_fixed(&query, 0, log.node.b, sizeof log.node.b);
        query_fixed(&query, 2, log.epoch.b, sizeof log.epoch.b);
        *count += tree_may_accept_log(store->tree, &store->unit, &log) ? 0 : 1;
    }
    return query_end(&query);
}

bool ground_taken(struct store *store, const struct node_id *peer, const struct log_id *log, const struct ref *of, size_t taken) {
    struct log_row row;
    bool holds = false;
    if (of->log.kind != LOG_DIRECTIVE || !tree_may_accept_log(store->tree, &store->unit, &of->log) || branch_holds(store, of, &holds) != STATUS_OK || !holds)
        return false;
    if (log_row(store, log, &row) == STATUS_OK)
        return true;
    return (count_brought(store, peer, &taken) == STATUS_OK && taken < GROUNDS_MAX) || PLANTED("grounds-without-bound");
}

/* ---- what is handed up ---- */

struct handing {
    struct store *store;
    const struct unit_id *peer;
    log_head_fn fn;
    void *arg;
    bool going;
    enum status status;
};

static void hand_node(struct handing *handing, const struct node_id *node) {
    struct store *store = handing->store;
    struct query query = db_query(store->db, "SELECT kind, epoch, head_seq, head_hash FROM log WHERE node = ? AND head_seq > 0 ORDER BY kind DESC, epoch");
    query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
    while (handing->going && handing->status == STATUS_OK && query_next(&query)) {
        struct log_head head = {.log = {.node = *node, .kind = (uint8_t)query_int(&query, 0)}};
        struct hash hash;
        query_fixed(&query, 1, head.log.epoch.b, sizeof head.log.epoch.b);
        head.seq = (uint64_t)query_int(&query, 2);
        query_fixed(&query, 3, hash.b, sizeof hash.b);
        head.hash = hash_short(&hash);
        if (!tree_hands_up(store->tree, &store->unit, handing->peer, &head.log))
            continue;
        handing->status = branch_fork_mark(store, &head.log, &head.fork);
        handing->going = handing->status == STATUS_OK && handing->fn(handing->arg, &head);
    }
    enum status status = query_end(&query);
    handing->status = handing->status != STATUS_OK ? handing->status : status;
}

static bool hand_unit(void *arg, uint32_t unit, unsigned depth) {
    struct handing *handing = arg;
    const struct tree *tree = handing->store->tree;
    const uint32_t *nodes;
    size_t count = tree_unit_nodes(tree, unit, &nodes);
    (void)depth;
    for (size_t i = 0; handing->going && handing->status == STATUS_OK && i < count; i++)
        hand_node(handing, &tree_node_at(tree, nodes[i])->id);
    return handing->going && handing->status == STATUS_OK;
}

enum status ground_each_handed(struct store *store, const struct unit_id *peer, log_head_fn fn, void *arg) {
    struct handing handing = {.store = store, .peer = peer, .fn = fn, .arg = arg, .going = true, .status = store_tree_ready(store)};
    if (handing.status != STATUS_OK)
        return handing.status;
    uint32_t own = tree_unit(store->tree, &store->unit), above = tree_unit(store->tree, peer);
    if (own != TREE_NONE && above != TREE_NONE && own != above && tree_over(store->tree, above, own))
        tree_each_left(store->tree, &store->unit, hand_unit, &handing);
    return handing.status;
}

enum status ground_each_handed_gap(struct store *store, const struct unit_id *lower, const struct log_id *log, gap_fn fn, void *arg) {
    struct log_row row;
    struct header *header = malloc(sizeof *header);
    uint64_t from = 0, to = 0;
    bool going = true;
    enum status status = header != NULL ? log_row(store, log, &row) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        free(header);
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    struct query query = db_query(store->db, "SELECT seq, header FROM entry WHERE log = ? AND body_state IN (2, 3) ORDER BY seq");
    query_bind_int(&query, row.id);
    while (status == STATUS_OK && going && query_next(&query)) {
        uint64_t seq = (uint64_t)query_int(&query, 0);
        status = header_decode(header, query_blob(&query, 1)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
        if (status != STATUS_OK || !tree_hands_body(store->tree, lower, &store->unit, header))
            continue;
        if (from != 0 && seq != to + 1)
            going = fn(arg, from, to);
        from = from == 0 || seq != to + 1 ? seq : from;
        to = seq;
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    if (status == STATUS_OK && going && from != 0)
        (void)fn(arg, from, to);
    free(header);
    return status;
}
