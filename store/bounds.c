#include "store/bounds.h"

#include "protocol/planted.h"
#include "store/lane.h"
#include "store/os.h"

#include <stdlib.h>

/* Entries that come between two savings of what logs come to: so many are read again after the next start. */
enum { SAVED_EVERY = 20000, CAPACITY_EVERY = 256 };

struct weight {
    uint64_t bytes, control, changes, waiting, waiting_bytes;
};
struct bounds {
    struct weight *families; /* by node: it, and all that it admitted */
    size_t count;
    uint64_t above;        /* of all authors above this office */
    uint64_t capacity;     /* of the store: what it takes and what is free; UINT64_MAX: unknown */
    uint64_t tree_version; /* of the tree by which revoked nodes and what waits were found */
    size_t facts;
    uint64_t noted, uncounted;
};

void bounds_forget(struct store *store) {
    if (store->bounds != NULL) {
        free(store->bounds->families);
    }
    free(store->bounds);
    store->bounds = NULL;
}

/* ---- who counts with whom ---- */

static uint32_t inviter_of(const struct store *store, uint32_t node) {
    return tree_node_at(store->tree, node)->inviter;
}

/* Is the node of this office's unit, or of one above? Before the own unit is known, all that come are of those above. */
static bool is_over(const struct store *store, uint32_t node) {
    uint32_t own = tree_unit(store->tree, &store->unit), unit = tree_node_at(store->tree, node)->unit;
    return own == TREE_NONE || (unit != TREE_NONE && tree_over(store->tree, unit, own));
}

static bool is_of_own_unit(const struct store *store, uint32_t node) {
    return tree_node_at(store->tree, node)->unit == tree_unit(store->tree, &store->unit);
}

static bool is_self(const struct store *store, const struct node_id *node) {
    return ID_EQUAL(node, &store->self);
}

/* Room for every node that the tree knows: more may have come since. */
static bool reserve(struct store *store) {
    struct bounds *bounds = store->bounds;
    size_t count = tree_node_count(store->tree);
    if (count <= bounds->count) {
        return true;
    }
    struct weight *grown = realloc(bounds->families, count * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    memset(grown + bounds->count, 0, (count - bounds->count) * sizeof *grown);
    bounds->families = grown;
    bounds->count = count;
    return true;
}

static void add(struct store *store, uint32_t node, const struct weight *weight) {
    struct bounds *bounds = store->bounds;
    int64_t entry;
    if (is_over(store, node) && !is_of_own_unit(store, node)) {
        bounds->above += weight->bytes;
    }
    if (tree_revoked(store->tree, node, &entry)) {
        return;
    }
    for (; node != TREE_NONE; node = PLANTED("admitted-not-counted") ? TREE_NONE : inviter_of(store, node)) {
        struct weight *family = &bounds->families[node];
        family->bytes += weight->bytes;
        family->control += weight->control;
        family->changes += weight->changes;
        family->waiting += weight->waiting;
        family->waiting_bytes += weight->waiting_bytes;
    }
}

/* ---- what is held ---- */

static void add_log(void *arg, const struct node_id *author, const struct bounds_weight *counted) {
    struct store *store = arg;
    uint32_t node = tree_node(store->tree, author);
    const struct weight weight = {.bytes = counted->bytes, .control = counted->control};
    if (node != TREE_NONE && !is_self(store, author)) {
        add(store, node, &weight);
    }
}

static enum status add_waiting(struct store *store) {
    static_assert(STATUS_AUTHOR_UNKNOWN == 302 && STATUS_FORK == 305 && STATUS_OUTSIDE_AUTHORITY == 306 && STATUS_HANDED_OVER == 315 &&
                      STATUS_UNIT_UNKNOWN == 401,
                  "the statement below says the same");
    struct query query = db_query(store->db, "SELECT l.node, count(*), sum(length(e.header) + coalesce(length(e.body), 0))"
                                             " FROM (SELECT DISTINCT entry FROM set_aside WHERE reason IN (302, 305, 306, 315, 401)) w"
                                             " JOIN entry e ON e.id = w.entry JOIN log l ON l.id = e.log GROUP BY l.node");
    while (query_next(&query)) {
        struct node_id author;
        query_fixed(&query, 0, author.b, sizeof author.b);
        uint32_t node = tree_node(store->tree, &author);
        const struct weight weight = {.waiting = (uint64_t)query_int(&query, 1), .waiting_bytes = (uint64_t)query_int(&query, 2)};
        if (node != TREE_NONE && !is_self(store, &author)) {
            add(store, node, &weight);
        }
    }
    return query_end(&query);
}

static void find_capacity(struct store *store) {
    int64_t left = os_disk_free(store->dir);
    struct query query = db_query(store->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    int64_t size = query_next(&query) ? query_int(&query, 0) : 0;
    bool known = query_end(&query) == STATUS_OK && left >= 0;
    store->bounds->capacity = known ? (uint64_t)left + (uint64_t)size : UINT64_MAX;
}

static enum status load(struct store *store) {
    bounds_forget(store);
    store->bounds = calloc(1, sizeof *store->bounds);
    enum status status = store->bounds == NULL || !reserve(store) ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK) {
        status = bounds_count(store, false, add_log, store, &store->bounds->uncounted);
    }
    if (status == STATUS_OK) {
        status = add_waiting(store);
    }
    if (status != STATUS_OK) {
        bounds_forget(store);
        return status;
    }
    for (uint32_t i = 0; i < tree_node_count(store->tree); i++) {
        const struct weight weight = {.changes = tree_node_facts(store->tree, i)};
        if (weight.changes > 0 && !is_self(store, &tree_node_at(store->tree, i)->id)) {
            add(store, i, &weight);
        }
    }
    store->bounds->tree_version = tree_version(store->tree);
    store->bounds->facts = tree_fact_count(store->tree);
    find_capacity(store);
    return STATUS_OK;
}

/* ---- what comes ---- */

static void tell_nobody(void *arg, const struct node_id *author, const struct bounds_weight *weight) {
    (void)arg;
    (void)author;
    (void)weight;
}

/* By its header alone: a hash is asked of what was accepted after a handover only, and without it that waits here. */
static bool waits(const struct store *store, const struct header *header) {
    static const struct hash none;
    return header->cls != CLASS_CONTROL && tree_entry_verdict(store->tree, header, &none) != STATUS_OK;
}

enum status bounds_note(struct store *store, const struct header *header, size_t header_bytes, int body_state) {
    struct bounds *bounds = store->bounds;
    uint32_t node = header->log.kind == LOG_RECOVERY ? TREE_NONE : tree_node(store->tree, &header->log.node);
    if (bounds == NULL) {
        return STATUS_OK; /* it is counted when that is asked for */
    }
    if (node != TREE_NONE && !is_self(store, &header->log.node)) {
        if (!reserve(store)) {
            return STATUS_NO_MEMORY;
        }
        const struct bounds_weight counted = bounds_weight_of(header, header_bytes, body_state);
        const bool waiting = waits(store, header);
        add(store, node,
            &(struct weight){.bytes = counted.bytes, .control = counted.control, .waiting = waiting, .waiting_bytes = waiting ? counted.bytes : 0});
    }
    if (++bounds->noted % CAPACITY_EVERY == 0) {
        find_capacity(store);
    }
    if (++bounds->uncounted < SAVED_EVERY) {
        return STATUS_OK;
    }
    uint64_t saved;
    bounds->uncounted = 0;
    return bounds_count(store, true, tell_nobody, NULL, &saved);
}

/* ---- the bounds ---- */

static uint64_t halved(uint64_t most, uint64_t times, uint64_t least) {
    uint64_t bound = times < 64 ? most >> times : 0;
    return bound > least ? bound : least;
}

static bool control_fits(const struct store *store, uint32_t node, uint64_t bytes) {
    const struct bounds *bounds = store->bounds;
    const uint64_t times = ID_EQUAL(&store->unit, &store->founding.root) ? BOUNDS_ROOT_TIMES : 1;
    const uint64_t since = tree_fact_count(store->tree) - bounds->facts;
    for (; node != TREE_NONE; node = inviter_of(store, node)) {
        uint64_t links = tree_chain_length(store->tree, node) - 1;
        const struct weight *family = &bounds->families[node];
        if (family->control + bytes > halved(times * BOUNDS_CONTROL_BYTES, links, BOUNDS_CONTROL_LEAST) ||
            family->changes + since > halved(times * BOUNDS_CHANGES, links, BOUNDS_CHANGES_LEAST)) {
            return false;
        }
    }
    return true;
}

static bool waiting_fits(const struct store *store, uint32_t node, uint64_t entries, uint64_t bytes) {
    for (; node != TREE_NONE && !is_over(store, node); node = inviter_of(store, node)) {
        const struct weight *family = &store->bounds->families[node];
        if (family->waiting + entries > BOUNDS_WAITING || family->waiting_bytes + bytes > BOUNDS_WAITING_BYTES) {
            return false;
        }
    }
    return true;
}

static bool bytes_fit(const struct store *store, uint32_t node, uint64_t bytes) {
    const struct bounds *bounds = store->bounds;
    if (bounds->capacity == UINT64_MAX) {
        return true; /* the disk itself says when it is full */
    }
    if (is_over(store, node)) {
        uint64_t held = is_of_own_unit(store, node) ? bounds->families[node].bytes : bounds->above;
        return held + bytes <= halved(bounds->capacity, 1, BOUNDS_BYTES_LEAST);
    }
    uint64_t links = 0;
    for (uint32_t at = inviter_of(store, node); at != TREE_NONE && !is_over(store, at); at = inviter_of(store, at)) {
        links++;
    }
    for (; node != TREE_NONE && !is_over(store, node); node = inviter_of(store, node), links--) {
        if (bounds->families[node].bytes + bytes > halved(bounds->capacity, links + 2, BOUNDS_BYTES_LEAST)) {
            return false;
        }
    }
    return true;
}

static bool fits(struct store *store, const struct header *header, uint64_t entries, uint64_t bytes) {
    uint32_t node = tree_node(store->tree, &header->log.node);
    const uint64_t all = bytes + header->body_bytes;
    if (node == TREE_NONE || !reserve(store)) {
        return true; /* who is not known is refused for that */
    }
    return bytes_fit(store, node, all) &&
           (header->cls == CLASS_CONTROL ? control_fits(store, node, all) : !waits(store, header) || waiting_fits(store, node, entries + 1, all));
}

unsigned bounds_no_room(struct store *store, const struct header *header, uint64_t entries, uint64_t bytes) {
    if (header->log.kind == LOG_RECOVERY || is_self(store, &header->log.node)) {
        return 0;
    }
    if (!lane_has_room(store, &header->log, header->seq, entries, bytes)) {
        return REFUSED_CUT;
    }
    if (PLANTED("author-without-bound") || (store->bounds == NULL && load(store) != STATUS_OK) || fits(store, header, entries, bytes)) {
        return 0; /* what is wrong with the disk shows when it is written */
    }
    bool stale = store->bounds->tree_version != tree_version(store->tree) || store->bounds->facts != tree_fact_count(store->tree);
    return stale && load(store) == STATUS_OK && fits(store, header, entries, bytes) ? 0 : REFUSED_QUOTA;
}
