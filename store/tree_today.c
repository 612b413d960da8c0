/* The tree of today as it follows from what was judged (docs/protocol.md 5.11, "The tree of today"), and the tables that all questions are answered from. */
#include "store/tree_trust.h"

/* ---- the register of a unit's parent ---- */

static bool writes_parent(const struct tree_fact *fact) {
    return fact->kind == CHANGE_UNIT || fact->kind == CHANGE_MOVE || fact->kind == CHANGE_CLOSE || fact->kind == CHANGE_SAME;
}

/* The most senior author's first, then the lower entry hash, then the earlier place. */
static int write_order(const struct tree *tree, uint32_t a, uint32_t b) {
    const struct tree_fact *fact_a = &tree->facts[a], *fact_b = &tree->facts[b];
    uint32_t rank_a = tree_rank(tree, tree_fact_log(tree, fact_a)->author), rank_b = tree_rank(tree, tree_fact_log(tree, fact_b)->author);
    if (rank_a != rank_b) {
        return rank_a < rank_b ? -1 : 1;
    }
    int order = ID_COMPARE(&tree->entries[fact_a->entry].hash, &tree->entries[fact_b->entry].hash);
    return order != 0 ? order : (fact_a->place > fact_b->place) - (fact_a->place < fact_b->place);
}

static uint32_t log_of(const struct tree *tree, uint32_t fact) {
    return tree->entries[tree->facts[fact].entry].log;
}

/* The next write from this one on that has not been set aside. */
static uint32_t left(const struct tree *tree, uint32_t fact) {
    while (fact != TREE_NONE && tree->facts[fact].verdict != STATUS_OK) {
        fact = tree->trust->next[fact];
    }
    return fact;
}

/* Has a write in another log overtaken this one? */
static enum status is_overtaken(const struct tree *tree, uint32_t unit, uint32_t write, bool *out) {
    *out = false;
    for (uint32_t at = left(tree, tree->trust->units[unit].writes); at != TREE_NONE && !*out; at = left(tree, tree->trust->next[at])) {
        enum status status = log_of(tree, at) == log_of(tree, write) ? STATUS_OK : tree_overtakes(tree, tree->facts[at].entry, tree->facts[write].entry, out);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* Which write holds. The latest of a log has seen those before it; where each is seen by another (a ring of liars), none is. */
static enum status find_holder(struct tree *tree, uint32_t unit) {
    struct tree_trust_unit *slot = &tree->trust->units[unit];
    uint32_t best = TREE_NONE, best_of_all = TREE_NONE, log = TREE_NONE;
    for (uint32_t at = left(tree, slot->writes); at != TREE_NONE; at = left(tree, tree->trust->next[at])) {
        bool overtaken = log_of(tree, at) == log;
        enum status status = overtaken ? STATUS_OK : is_overtaken(tree, unit, at, &overtaken);
        if (status != STATUS_OK) {
            return status;
        }
        log = log_of(tree, at);
        if (!overtaken && (best == TREE_NONE || write_order(tree, at, best) < 0)) {
            best = at;
        }
        if (best_of_all == TREE_NONE || write_order(tree, at, best_of_all) < 0) {
            best_of_all = at;
        }
    }
    slot->by = best != TREE_NONE ? best : best_of_all;
    return STATUS_OK;
}

static enum status set_aside(struct tree *tree, uint32_t unit, enum status why) {
    tree->facts[tree->trust->units[unit].by].verdict = (uint16_t)why;
    return find_holder(tree, unit);
}

static uint32_t parent_of(const struct tree *tree, uint32_t unit) {
    uint32_t by = tree->trust->units[unit].by;
    return unit == 0 || by == TREE_NONE ? TREE_NONE : tree->facts[by].parent;
}

/* Of each circle of units sets aside the most junior write. */
static enum status break_cycles(struct tree *tree, bool *found) {
    struct tree_trust *trust = tree->trust;
    const uint32_t before = trust->stamp;
    uint32_t count = 0;
    for (uint32_t unit = 1; unit < tree->unit_count; unit++) {
        uint32_t stamp = ++trust->stamp, at = unit;
        for (; at != TREE_NONE && trust->units[at].stamp <= before; at = parent_of(tree, at)) {
            trust->units[at].stamp = stamp;
        }
        if (at == TREE_NONE || trust->units[at].stamp != stamp || parent_of(tree, at) == TREE_NONE) {
            continue; /* ends, or meets a path that has been walked */
        }
        uint32_t worst = at;
        for (uint32_t other = parent_of(tree, at); other != at; other = parent_of(tree, other)) {
            if (write_order(tree, trust->units[other].by, trust->units[worst].by) > 0) {
                worst = other;
            }
        }
        trust->stack[count++] = worst; /* when all circles have been found: what one falls back to may lie in another */
    }
    *found = count > 0;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = set_aside(tree, trust->stack[i], STATUS_STRUCTURE_CYCLE);
    }
    return status;
}

/* Sets aside what puts a unit under one that has no parent, or, where there is no such, more than LINE_UNITS_MAX levels down. No circle is left. */
static enum status break_lines(struct tree *tree, bool *found) {
    struct tree_trust *trust = tree->trust;
    uint32_t count = 0;
    *found = false;
    for (uint32_t unit = 1; unit < tree->unit_count; unit++) {
        uint32_t parent = parent_of(tree, unit);
        if (parent != TREE_NONE && parent != 0 && parent_of(tree, parent) == TREE_NONE) {
            trust->stack[count++] = unit;
        }
    }
    enum status why = count > 0 ? STATUS_STRUCTURE_CYCLE : STATUS_LINE_BROKEN;
    for (uint32_t unit = 1; unit < tree->unit_count && why == STATUS_LINE_BROKEN; unit++) {
        uint32_t depth = 0;
        for (uint32_t at = unit; at != TREE_NONE && at != 0 && depth <= LINE_UNITS_MAX + 1; at = parent_of(tree, at)) {
            depth++;
        }
        if (depth == LINE_UNITS_MAX + 1) {
            trust->stack[count++] = unit;
        }
    }
    *found = count > 0;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = set_aside(tree, trust->stack[i], why);
    }
    return status;
}

static enum status find_tree(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    enum status status = STATUS_OK;
    bool found = true;
    for (uint32_t i = tree->log_count; i-- > 0;) { /* put in front of a list one by one: of each log the latest comes first */
        for (uint32_t j = 0; j < trust->logs[i].count; j++) {
            uint32_t number = trust->order[trust->logs[i].first + j];
            if (writes_parent(&tree->facts[number]) && tree->facts[number].verdict == STATUS_OK) {
                uint32_t *writes = &trust->units[tree->facts[number].subject].writes;
                trust->next[number] = *writes;
                *writes = number;
            }
        }
    }
    for (uint32_t unit = 1; unit < tree->unit_count && status == STATUS_OK; unit++) {
        status = find_holder(tree, unit);
    }
    while (status == STATUS_OK && found) {
        status = break_cycles(tree, &found);
        if (status == STATUS_OK && !found) {
            status = break_lines(tree, &found);
        }
    }
    return status;
}

/* ---- the tables ---- */

/* What was judged to stand is on what stands of its log at last, or says why not. */
static void settle_verdicts(struct tree *tree) {
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        struct tree_fact *fact = &tree->facts[i];
        const struct tree_entry *entry = &tree->entries[fact->entry];
        fact->verdict = fact->judged;
        if (fact->judged == STATUS_OK && !tree_trust_stands(tree, fact)) {
            fact->verdict = entry->seq > tree->trust->logs[entry->log].at_last.cut ? STATUS_AUTHOR_CUT : STATUS_FORK;
        }
    }
}

static void fill_nodes(struct tree *tree) {
    for (uint32_t i = 1; i < tree->node_count; i++) {
        const struct tree_trust_node *judged = &tree->trust->nodes[i];
        struct tree_slot_node *node = &tree->nodes[i];
        if (judged->pending) {
            node->stands = true;
            node->node.unit = judged->unit;
            node->admission = judged->admission;
            node->node.entry_id = tree->entries[tree->facts[judged->admission].entry].id;
            tree_index_key(tree, i);
        }
    }
}

static void fill_unit(struct tree *tree, uint32_t number) {
    struct tree_unit *unit = &tree->units[number];
    const struct tree_trust *trust = tree->trust;
    unit->parent = parent_of(tree, number);
    unit->stands = unit->parent != TREE_NONE;
    if (!unit->stands) {
        return;
    }
    tree->standing++;
    unit->closed = tree->facts[trust->units[number].by].kind == CHANGE_CLOSE || tree->facts[trust->units[number].by].kind == CHANGE_SAME;
    unit->depth = 0;
    for (uint32_t at = number; at != 0; at = parent_of(tree, at)) {
        unit->depth++;
    }
}

/* The creation that holds says of the unit what nobody has written since, wherever the unit has been moved: the most senior of those that stand. */
static void fill_creation(struct tree *tree, uint32_t number) {
    const struct tree_fact *fact = &tree->facts[number];
    struct tree_unit *unit = &tree->units[fact->subject];
    if (fact->kind != CHANGE_UNIT || !tree_trust_stands(tree, fact)) {
        return;
    }
    tree_index_code(tree, number);
    if (unit->creation == TREE_NONE || tree_fact_order(tree, fact, &tree->facts[unit->creation]) < 0) {
        unit->creation = number;
    }
}

enum status tree_today(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    settle_verdicts(tree);
    enum status status = find_tree(tree);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < tree->unit_count; i++) {
        trust->units[i].before_parent = tree->units[i].parent;
        trust->units[i].before_creation = tree->units[i].creation;
        trust->units[i].before_stood = tree->units[i].stands;
    }
    tree_all_anew(tree);
    fill_nodes(tree);
    for (uint32_t i = 1; i < tree->unit_count; i++) {
        fill_unit(tree, i);
    }
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        fill_creation(tree, i);
    }
    for (uint32_t i = 0; i < tree->fact_count && status == STATUS_OK; i++) {
        if (tree->facts[i].kind == CHANGE_UNIT_SET && tree->facts[i].verdict == STATUS_OK) {
            status = tree_write_stands(tree, i);
        }
    }
    return status == STATUS_OK ? tree_levels_refresh(tree) : status;
}
