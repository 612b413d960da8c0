/* What the standing of a log rests on: the entries in which its author was admitted, and in which the log is cut, pinned or handed over; and in their turn the
 * logs in which these stand. Whoever holds a log that he may not hold any more is shown this much, and it is all that a revoked key is still told. */
#include "store/tree_trust.h"

#include <stdlib.h>

struct ground {
    uint32_t log;
    uint64_t upto;
};
struct grounds {
    const struct tree *tree;
    const struct unit_id *peer;
    struct ground *items;
    size_t count, capacity;
};

static enum status add(struct grounds *grounds, uint32_t log, uint64_t upto) {
    for (size_t i = 0; i < grounds->count; i++) {
        struct ground *ground = &grounds->items[i];
        if (ground->log == log) {
            ground->upto = upto > ground->upto ? upto : ground->upto;
            return STATUS_OK;
        }
    }
    enum status status = tree_grow(&grounds->items, &grounds->capacity, grounds->count, sizeof *grounds->items);
    if (status == STATUS_OK) {
        grounds->items[grounds->count++] = (struct ground){log, upto};
    }
    return status;
}

/* The entry in which a fact stands. What the peer may hold anyway it has whole, and by that also what it rests on. */
static enum status add_fact(struct grounds *grounds, const struct tree_fact *fact) {
    const struct tree_entry *entry = &grounds->tree->entries[fact->entry];
    bool entitled = grounds->peer != NULL && tree_may_hold_log(grounds->tree, grounds->peer, &grounds->tree->logs[entry->log].id);
    return entitled ? STATUS_OK : add(grounds, entry->log, entry->seq);
}

/* Has the fact, as it was judged, a say in how far the log stands? */
static bool speaks_of(const struct tree *tree, const struct tree_fact *fact, uint32_t author, uint32_t log) {
    if (fact->judged != STATUS_OK || fact->power == TREE_NONE) {
        return false;
    }
    if (fact->kind == CHANGE_REVOCATION && fact->subject == author) {
        return true;
    }
    if (fact->kind == CHANGE_ERASE || fact->kind == CHANGE_ACCEPT) {
        return false;
    }
    const struct tree_power *power = &tree->trust->powers[fact->power];
    for (uint32_t i = 0; i < power->mark_count; i++) {
        if (tree->trust->marks[power->marks + i].log == log) {
            return true;
        }
    }
    return false;
}

static enum status follow(struct grounds *grounds, uint32_t author, uint32_t log) {
    const struct tree *tree = grounds->tree;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < tree->fact_count; i++) {
        if (speaks_of(tree, &tree->facts[i], author, log)) {
            status = add_fact(grounds, &tree->facts[i]);
        }
    }
    uint32_t admission = author < tree->node_count && tree->nodes[author].stands ? tree->nodes[author].admission : TREE_NONE;
    return status == STATUS_OK && admission != TREE_NONE ? add_fact(grounds, &tree->facts[admission]) : status;
}

enum status tree_each_ground(const struct tree *tree, const struct log_id *log, const struct unit_id *peer, tree_ground_fn *fn, void *arg) {
    struct grounds grounds = {.tree = tree, .peer = peer};
    uint32_t author =
        log->kind == LOG_RECOVERY ? TREE_RECOVERY : tree_find_node(tree, &log->node); /* a log of which nothing is known may be cut all the same */
    enum status status = author == TREE_NONE ? STATUS_OK : follow(&grounds, author, tree_find_log(tree, log));
    for (size_t i = 0; status == STATUS_OK && i < grounds.count; i++) { /* the list grows while it is walked */
        status = follow(&grounds, tree->logs[grounds.items[i].log].author, grounds.items[i].log);
    }
    bool going = true;
    for (size_t i = 0; status == STATUS_OK && going && i < grounds.count; i++) {
        going = fn(arg, &tree->logs[grounds.items[i].log].id, grounds.items[i].upto);
    }
    free(grounds.items);
    return status;
}
