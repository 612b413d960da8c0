/* What the standing of a log rests on: the entries in which its author was admitted, and in which the log is cut, pinned or handed over; and in their turn the
 * logs in which these stand. Whoever holds a log that he may not hold any more is shown this much, and it is all that a revoked key is still told. */
#include "store/tree_trust.h"

#include <stdlib.h>

struct ground {
    struct log_id log;
    uint64_t upto;
    const struct ref *of;
};
struct grounds {
    const struct tree *tree;
    const struct unit_id *peer;
    const struct ref *of; /* what the next ones speak of */
    struct ground *items;
    size_t count, capacity;
};

static enum status add(struct grounds *grounds, const struct log_id *log, uint64_t upto) {
    for (size_t i = 0; i < grounds->count; i++) {
        struct ground *ground = &grounds->items[i];
        if (log_id_equal(&ground->log, log)) {
            ground->upto = upto > ground->upto ? upto : ground->upto;
            return STATUS_OK;
        }
    }
    enum status status = tree_grow(&grounds->items, &grounds->capacity, grounds->count, sizeof *grounds->items);
    if (status == STATUS_OK) {
        grounds->items[grounds->count++] = (struct ground){*log, upto, grounds->of};
    }
    return status;
}

/* The entry in which a fact stands. What the peer may hold anyway it has whole, and by that also what it rests on. */
static enum status add_fact(struct grounds *grounds, const struct tree_fact *fact) {
    const struct tree_entry *entry = &grounds->tree->entries[fact->entry];
    bool entitled = grounds->peer != NULL && tree_may_hold_log(grounds->tree, grounds->peer, &grounds->tree->logs[entry->log].id);
    return entitled ? STATUS_OK : add(grounds, &grounds->tree->logs[entry->log].id, entry->seq);
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

/* The admission that stands; of a node that does not stand every one in a log of the inviter it names: that is what does not stand. */
static enum status follow_admission(struct grounds *grounds, uint32_t author) {
    const struct tree *tree = grounds->tree;
    enum status status = STATUS_OK;
    if (author >= tree->node_count) {
        return STATUS_OK;
    }
    if (tree->nodes[author].stands) {
        uint32_t admission = tree->nodes[author].admission;
        return admission != TREE_NONE ? add_fact(grounds, &tree->facts[admission]) : STATUS_OK;
    }
    for (uint32_t i = 0; status == STATUS_OK && i < tree->fact_count; i++) {
        const struct tree_fact *fact = &tree->facts[i];
        if (fact->kind == CHANGE_ADMISSION && fact->subject == author && tree_fact_log(tree, fact)->author == tree->nodes[author].node.inviter) {
            status = add_fact(grounds, fact);
        }
    }
    return status;
}

static enum status follow(struct grounds *grounds, const struct log_id *id) {
    const struct tree *tree = grounds->tree;
    /* A log of which nothing is known may be cut all the same. */
    uint32_t author = id->kind == LOG_RECOVERY ? TREE_RECOVERY : tree_find_node(tree, &id->node), log = tree_find_log(tree, id);
    enum status status = STATUS_OK;
    for (uint32_t i = 0; author != TREE_NONE && status == STATUS_OK && i < tree->fact_count; i++) {
        if (speaks_of(tree, &tree->facts[i], author, log)) {
            status = add_fact(grounds, &tree->facts[i]);
        }
    }
    return author != TREE_NONE && status == STATUS_OK ? follow_admission(grounds, author) : status;
}

/* The list grows while it is walked. */
static enum status follow_from(struct grounds *grounds, size_t first) {
    enum status status = STATUS_OK;
    for (size_t i = first; status == STATUS_OK && i < grounds->count; i++) {
        const struct log_id log = grounds->items[i].log;
        grounds->of = grounds->items[i].of;
        status = follow(grounds, &log);
    }
    return status;
}

enum status tree_each_ground(const struct tree *tree, const struct log_id *log, const struct unit_id *peer, tree_ground_fn *fn, void *arg) {
    struct grounds grounds = {.tree = tree, .peer = peer};
    enum status status = follow(&grounds, log);
    if (status == STATUS_OK) {
        status = follow_from(&grounds, 0);
    }
    bool going = true;
    for (size_t i = 0; status == STATUS_OK && going && i < grounds.count; i++) {
        going = fn(arg, &grounds.items[i].log, grounds.items[i].upto);
    }
    free(grounds.items);
    return status;
}

/* ---- what refutes a peer ---- */

/* The lowest fork of a log and its last pin, whichever comes last; at least 1, as it is held. */
static uint64_t last_of(const struct tree *tree, const struct log_id *id) {
    uint32_t log = tree_find_log(tree, id);
    uint64_t upto = 1, fork = 0;
    for (uint32_t i = 0; log != TREE_NONE && i < tree->trust->fork_count; i++) {
        const struct tree_fork *known = &tree->trust->forks[i];
        fork = known->log == log && (fork == 0 || known->seq < fork) ? known->seq : fork;
    }
    for (size_t i = 0; log != TREE_NONE && i < tree->trust->pin_count; i++) {
        const struct tree_mark *mark = &tree->trust->marks[tree->trust->pins[i].mark];
        upto = mark->log == log && mark->seq > upto ? mark->seq : upto;
    }
    return fork > upto ? fork : upto;
}

/* Creations of a unit and of those above it, as they hold. */
static enum status add_line(struct grounds *grounds, uint32_t unit) {
    const struct tree *tree = grounds->tree;
    enum status status = STATUS_OK;
    for (; status == STATUS_OK && unit != 0 && tree_stands(tree, unit); unit = tree->units[unit].parent) {
        uint32_t creation = tree->units[unit].creation;
        if (creation < tree->fact_count && tree->facts[creation].kind == CHANGE_UNIT) {
            status = add_fact(grounds, &tree->facts[creation]);
        }
    }
    return status;
}

static bool is_contested(const struct tree *tree) {
    return tree->contested || tree->trust->contested;
}

struct lost {
    struct ref ref;
    uint32_t unit;
};

/* Creations that have lost to one under another parent, in logs that the peer may hold, or claims. */
static enum status find_lost(const struct grounds *grounds, const struct ref *claimed, size_t count, struct lost **out, size_t *lost_count) {
    const struct tree *tree = grounds->tree;
    size_t capacity = 0;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && is_contested(tree) && i < tree->fact_count; i++) {
        const struct tree_fact *fact = &tree->facts[i];
        uint32_t won = fact->kind == CHANGE_UNIT ? tree->units[fact->subject].creation : TREE_NONE;
        if (won >= tree->fact_count || won == i || fact->verdict != STATUS_OUTSIDE_AUTHORITY || tree->facts[won].parent == fact->parent) {
            continue;
        }
        const struct tree_entry *entry = &tree->entries[fact->entry];
        const struct log_id *log = &tree->logs[entry->log].id;
        bool concerned = tree_may_hold_log(tree, grounds->peer, log);
        for (size_t c = 0; c < count; c++) {
            concerned |= log_id_equal(log, &claimed[c].log);
        }
        status = concerned ? tree_grow(out, &capacity, *lost_count, sizeof **out) : STATUS_OK;
        if (concerned && status == STATUS_OK) {
            (*out)[(*lost_count)++] = (struct lost){{.log = *log, .seq = entry->seq, .hash = entry->hash}, fact->subject};
        }
    }
    return status;
}

enum status tree_each_refuting(const struct tree *tree, const struct unit_id *peer, const struct ref *claimed, size_t count, tree_refute_fn *fn, void *arg) {
    struct grounds grounds = {.tree = tree, .peer = peer};
    struct lost *lost = NULL;
    size_t lost_count = 0;
    enum status status = STATUS_OK;
    if (count == 0 && !is_contested(tree)) {
        return STATUS_OK;
    }
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        grounds.of = &claimed[i];
        if (!tree_may_hold_log(tree, peer, &claimed[i].log)) {
            status = add(&grounds, &claimed[i].log, last_of(tree, &claimed[i].log));
        }
    }
    if (status == STATUS_OK) {
        status = find_lost(&grounds, claimed, count, &lost, &lost_count);
    }
    grounds.peer = NULL; /* all of them: it may hold more than it knows of, and refuse that */
    for (size_t i = 0; status == STATUS_OK && i < lost_count; i++) {
        grounds.of = &lost[i].ref;
        status = add_line(&grounds, lost[i].unit);
    }
    if (status == STATUS_OK) {
        status = follow_from(&grounds, 0);
    }
    bool going = true;
    for (size_t i = 0; status == STATUS_OK && going && i < grounds.count; i++) {
        going = fn(arg, &grounds.items[i].log, grounds.items[i].upto, grounds.items[i].of);
    }
    free(lost);
    free(grounds.items);
    return status;
}
