/* The parents ever lawfully written (docs/protocol.md 5.11): the least set of edges in which each rests on the others. What may be written by a node not judged
 * yet counts as far as its log is walked, so the set is found before each judging that a cut or a pin has changed something for.
 *
 * A list of work does it, as in tree_judge.c: what lacks a unit, a node or one edge of a line is hung on that and comes back when it is there. A parent more
 * for a unit that has one may give authority anywhere below: what lacked that alone (denied) is then looked at again. Where creations of one unit differ in the
 * parent, creations are taken one by one, the best of those lawful by then first (5.1). */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <assert.h>
#include <stdlib.h>

/* ---- seniority, by what has been found so far ---- */

int tree_trust_seniority(const struct tree *tree, uint32_t a, uint32_t b) {
    const struct tree_trust_node *nodes = tree->trust->nodes;
    if (a == b) {
        return 0;
    }
    if (a == TREE_RECOVERY || b == TREE_RECOVERY) {
        return (b == TREE_RECOVERY) - (a == TREE_RECOVERY);
    }
    int order = tree_chain_order(tree, &a, &b);
    if (order != 0) {
        return order;
    }
    if (nodes[a].admission == TREE_NONE || nodes[b].admission == TREE_NONE) {
        return (nodes[b].admission == TREE_NONE) - (nodes[a].admission == TREE_NONE); /* the founder, before those that the recovery keys admitted */
    }
    return tree_place_order(tree, &tree->facts[nodes[a].admission], &tree->facts[nodes[b].admission]);
}

static uint32_t author_of(const struct tree *tree, uint32_t fact) {
    return tree_fact_log(tree, &tree->facts[fact])->author;
}

static uint32_t depth_of_author(const struct tree *tree, uint32_t fact) {
    uint32_t author = author_of(tree, fact);
    return author == TREE_RECOVERY ? 0 : tree->trust->units[tree->trust->nodes[author].unit].made_depth;
}

/* The order in which contested creations are taken: by the author's unit's nearness to the root, his seniority, the place. */
static int creation_order(const struct tree *tree, uint32_t a, uint32_t b) {
    uint32_t depth_a = depth_of_author(tree, a), depth_b = depth_of_author(tree, b);
    if (depth_a != depth_b) {
        return depth_a < depth_b ? -1 : 1;
    }
    int order = tree_trust_seniority(tree, author_of(tree, a), author_of(tree, b));
    return order != 0 ? order : tree_place_order(tree, &tree->facts[a], &tree->facts[b]);
}

/* ---- edges ---- */

bool tree_parents_known(const struct tree *tree, uint32_t unit) {
    return unit == 0 || tree->trust->units[unit].edges != TREE_NONE;
}

bool tree_parents_has(const struct tree *tree, uint32_t unit, uint32_t parent) {
    const struct tree_trust *trust = tree->trust;
    for (uint32_t i = trust->units[unit].edges; i != TREE_NONE; i = trust->edges[i].next) {
        if (trust->edges[i].parent == parent) {
            return true;
        }
    }
    return false;
}

enum status tree_parents_add(struct tree *tree, uint32_t unit, uint32_t parent) {
    struct tree_trust *trust = tree->trust;
    if (unit == 0 || tree_parents_has(tree, unit, parent)) {
        return STATUS_OK;
    }
    enum status status = tree_grow(&trust->edges, &trust->edge_capacity, trust->edge_count, sizeof *trust->edges);
    if (status == STATUS_OK) {
        trust->edges[trust->edge_count] = (struct tree_edge){parent, trust->units[unit].edges};
        trust->units[unit].edges = (uint32_t)trust->edge_count++;
    }
    return status;
}

static enum status keep_edge(struct tree *tree, uint32_t unit, uint32_t parent) {
    struct tree_trust *trust = tree->trust;
    uint32_t at = unit == 0 ? TREE_NONE : trust->units[unit].holds;
    while (at != TREE_NONE && trust->hold_edges[at].parent != parent) {
        at = trust->hold_edges[at].next;
    }
    if (at != TREE_NONE || unit == 0) {
        return STATUS_OK;
    }
    enum status status = tree_grow(&trust->hold_edges, &trust->hold_capacity, trust->hold_count, sizeof *trust->hold_edges);
    if (status == STATUS_OK) {
        trust->hold_edges[trust->hold_count] = (struct tree_edge){parent, trust->units[unit].holds};
        trust->units[unit].holds = (uint32_t)trust->hold_count++;
    }
    return status;
}

static enum status keep_line(struct tree *tree, uint32_t unit, const uint32_t *line, uint32_t count) {
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = keep_edge(tree, i == 0 ? unit : line[i - 1], line[i]);
    }
    return status;
}

enum status tree_parents_keep(struct tree *tree) {
    const struct tree_trust *trust = tree->trust;
    enum status status = STATUS_OK;
    for (uint32_t unit = 1; unit < tree->unit_count && status == STATUS_OK; unit++) {
        for (uint32_t i = trust->units[unit].edges; i != TREE_NONE && status == STATUS_OK; i = trust->edges[i].next) {
            status = keep_edge(tree, unit, trust->edges[i].parent);
        }
    }
    for (uint32_t i = 0; i < tree->fact_count && status == STATUS_OK; i++) {
        const struct tree_fact *fact = &tree->facts[i];
        if (fact->judged == STATUS_OK && (fact->kind == CHANGE_MOVE || fact->kind == CHANGE_CLOSE || fact->kind == CHANGE_SAME)) {
            const struct tree_power *power = &trust->powers[fact->power];
            status = keep_line(tree, fact->subject, trust->lines + power->lines, power->line_count);
            if (status == STATUS_OK) {
                status = keep_line(tree, fact->subject, trust->lines + power->lines + power->line_count, power->former_count);
            }
        }
    }
    return status;
}

/* Climbs from a unit by all parents but those of left_out until `wanted` (TREE_NONE: to the end) is met above it; the units met stand in list, the unit itself
 * first. */
static bool climb(const struct tree *tree, uint32_t unit, uint32_t wanted, uint32_t left_out, uint32_t *list, size_t *count) {
    struct tree_trust *trust = tree->trust;
    uint32_t stamp = ++trust->stamp;
    *count = 1;
    list[0] = unit;
    trust->units[unit].stamp = stamp;
    for (size_t at = 0; at < *count; at++) {
        for (uint32_t i = list[at] == left_out ? TREE_NONE : trust->units[list[at]].edges; i != TREE_NONE; i = trust->edges[i].next) {
            uint32_t parent = trust->edges[i].parent;
            if (parent == wanted) {
                return true;
            }
            if (trust->units[parent].stamp != stamp) {
                trust->units[parent].stamp = stamp;
                list[(*count)++] = parent;
            }
        }
    }
    return false;
}

size_t tree_parents_above(const struct tree *tree, uint32_t unit, const uint32_t **out) {
    size_t count;
    climb(tree, unit, TREE_NONE, TREE_NONE, tree->trust->stack, &count);
    *out = tree->trust->stack;
    return count;
}

bool tree_parents_over_without(const struct tree *tree, uint32_t actor, uint32_t unit, uint32_t left_out) {
    size_t count;
    return climb(tree, unit, actor, left_out, tree->trust->stack + tree->trust->stack_capacity / 2, &count);
}

bool tree_parents_over(const struct tree *tree, uint32_t actor, uint32_t unit) {
    return actor == unit || tree_parents_over_without(tree, actor, unit, TREE_NONE);
}

bool tree_parents_lines(const struct tree *tree, const struct tree_fact *placing, uint32_t *lacking) {
    const struct tree_power *power = &tree->trust->powers[placing->power];
    const uint32_t *line = tree->trust->lines + power->lines, *former = line + power->line_count;
    *lacking = TREE_NONE;
    if (power->former_count == 0 || line[power->line_count - 1] != 0 || former[power->former_count - 1] != 0) {
        return false;
    }
    if (!tree_parents_has(tree, placing->subject, former[0])) {
        *lacking = placing->subject;
    }
    for (uint32_t i = 0; i + 1 < power->line_count && *lacking == TREE_NONE; i++) {
        *lacking = tree_parents_has(tree, line[i], line[i + 1]) ? TREE_NONE : line[i];
    }
    for (uint32_t i = 0; i + 1 < power->former_count && *lacking == TREE_NONE; i++) {
        *lacking = tree_parents_has(tree, former[i], former[i + 1]) ? TREE_NONE : former[i];
    }
    return *lacking == TREE_NONE || PLANTED("lines-not-compared");
}

/* ---- the work ---- */

struct work {
    struct tree *tree;
    struct tree_trust *trust;
    struct tree_heap ready;
    size_t queued, denied;
    bool contest, grown,
        unsorted; /* grown: a unit has got another parent; unsorted: an admission was found at an earlier place, so the order of creations may be another */
};

static void hang(const struct work *work, uint32_t fact, uint32_t *list) {
    work->trust->next[fact] = *list;
    *list = fact;
}

static void wake(struct work *work, uint32_t *list) {
    for (uint32_t fact = *list; fact != TREE_NONE; fact = work->trust->next[fact]) {
        work->trust->queue[work->queued++] = fact;
    }
    *list = TREE_NONE;
}

static enum status add_edge(struct work *work, uint32_t unit, uint32_t parent) {
    struct tree_trust_unit *slot = &work->trust->units[unit];
    work->grown |= slot->edges != TREE_NONE && !tree_parents_has(work->tree, unit, parent);
    enum status status = tree_parents_add(work->tree, unit, parent);
    wake(work, &slot->waiting);
    return status;
}

static enum status take_creation(struct work *work, uint32_t number) {
    const struct tree_fact *fact = &work->tree->facts[number];
    struct tree_trust_unit *slot = &work->trust->units[fact->subject];
    if (slot->made != TREE_NONE) {
        return STATUS_OK; /* issued again; or contested, and not the one that holds */
    }
    slot->made = number;
    slot->made_depth = work->trust->units[fact->parent].made_depth + 1;
    return add_edge(work, fact->subject, fact->parent);
}

static void take_admission(struct work *work, uint32_t number) {
    const struct tree_fact *fact = &work->tree->facts[number];
    struct tree_trust_node *node = &work->trust->nodes[fact->subject];
    if (node->unit == TREE_NONE) {
        node->unit = fact->parent;
        node->admission = number;
        tree_chain_join(work->tree, fact->subject);
        wake(work, &node->waiting);
    } else if (tree_place_order(work->tree, fact, &work->tree->facts[node->admission]) < 0) {
        node->admission = number;
        work->unsorted = true;
    }
}

static enum status take_placing(struct work *work, uint32_t number) {
    const struct tree_fact *fact = &work->tree->facts[number];
    struct tree_trust *trust = work->trust;
    enum status status = tree_grow(&trust->moves, &trust->move_capacity, trust->move_count, sizeof *trust->moves);
    if (status != STATUS_OK) {
        return status;
    }
    trust->moves[trust->move_count] = (struct tree_moved){fact->parent, fact->entry, trust->units[fact->subject].moves};
    trust->units[fact->subject].moves = (uint32_t)trust->move_count++;
    return add_edge(work, fact->subject, fact->parent);
}

/* A fact from the queue: taken, made ready, hung on what it lacks, denied for now, or never to count. */
static enum status look_at(struct work *work, uint32_t number) {
    struct tree *tree = work->tree;
    struct tree_trust *trust = work->trust;
    const struct tree_fact *fact = &tree->facts[number];
    const uint32_t author = author_of(tree, number), actor = author == TREE_RECOVERY ? 0 : trust->nodes[author].unit;
    const bool placing = fact->kind != CHANGE_UNIT && fact->kind != CHANGE_ADMISSION;
    uint32_t lacking;
    if (actor == TREE_NONE) {
        hang(work, number, &trust->nodes[author].waiting);
        return STATUS_OK;
    }
    if (author != TREE_RECOVERY && (tree->nodes[author].node.roles & ROLE_STEWARD) == 0) {
        return STATUS_OK;
    }
    if (fact->kind != CHANGE_ADMISSION && (fact->subject == 0 || fact->subject == fact->parent)) {
        return STATUS_OK;
    }
    if (!tree_parents_known(tree, fact->parent)) {
        hang(work, number, &trust->units[fact->parent].waiting);
        return STATUS_OK;
    }
    if (placing && !tree_parents_lines(tree, fact, &lacking)) {
        if (lacking != TREE_NONE) {
            hang(work, number, &trust->units[lacking].waiting);
        }
        return STATUS_OK;
    }
    if (!tree_parents_over(tree, actor, fact->parent) || (placing && !tree_parents_over_without(tree, actor, fact->subject, TREE_NONE))) {
        trust->denied[work->denied++] = number;
        return STATUS_OK;
    }
    if (fact->kind == CHANGE_ADMISSION) {
        take_admission(work, number);
        return STATUS_OK;
    }
    if (placing) {
        return take_placing(work, number);
    }
    if (trust->units[fact->parent].made_depth >= LINE_UNITS_MAX) {
        return STATUS_OK;
    }
    if (work->contest) {
        tree_heap_push(tree, &work->ready, number, creation_order);
        return STATUS_OK;
    }
    return take_creation(work, number);
}

static enum status work_off(struct work *work) {
    struct tree_trust *trust = work->trust;
    for (;;) {
        while (work->queued > 0) {
            enum status status = look_at(work, trust->queue[--work->queued]);
            if (status != STATUS_OK) {
                return status;
            }
        }
        if (work->grown && work->denied > 0) {
            memcpy(trust->queue, trust->denied, work->denied * sizeof *trust->queue);
            work->queued = work->denied;
            work->denied = 0;
            work->grown = false;
            continue;
        }
        if (work->ready.count == 0) {
            return STATUS_OK;
        }
        if (work->unsorted) {
            tree_sort(work->tree, work->ready.items, work->ready.count, creation_order); /* what is sorted is a heap */
            work->unsorted = false;
        }
        enum status status = take_creation(work, tree_heap_pop(work->tree, &work->ready, creation_order));
        if (status != STATUS_OK) {
            return status;
        }
    }
}

bool tree_parents_rest_on(const struct tree_fact *fact) {
    switch (fact->kind) {
    case CHANGE_UNIT:
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
        return true;
    default:
        return fact->kind == CHANGE_ADMISSION && fact->level == 0;
    }
}

static bool counts(const struct tree *tree, const struct tree_fact *fact) {
    return tree_parents_rest_on(fact) && (fact->kind != CHANGE_ADMISSION || !tree->trust->nodes[fact->subject].pending);
}

/* Puts all that may count into the queue, and finds whether creations of one unit differ. */
static void collect(struct work *work, bool last) {
    struct tree *tree = work->tree;
    struct tree_trust *trust = work->trust;
    for (uint32_t log = tree->log_count; log-- > 0;) {
        const struct tree_trust_log *slot = &trust->logs[log];
        if (last && tree_rank(tree, tree->logs[log].author) == TREE_UNJUDGED) {
            continue;
        }
        for (uint32_t i = slot->count; i-- > 0;) {
            const uint32_t number = trust->order[slot->first + i];
            const struct tree_fact *fact = &tree->facts[number];
            if (tree->entries[fact->entry].seq > slot->judged.upto || !counts(tree, fact)) {
                continue;
            }
            trust->queue[work->queued++] = number; /* the last first, as the queue is taken from its end */
            if (fact->kind == CHANGE_UNIT) {
                uint32_t *made = &trust->units[fact->subject].made;
                work->contest |= *made != TREE_NONE && tree->facts[*made].parent != fact->parent;
                *made = number;
            }
        }
    }
    for (uint32_t i = 0; i < tree->unit_count; i++) {
        trust->units[i].made = TREE_NONE;
    }
}

enum status tree_parents_find(struct tree *tree, bool last) {
    struct tree_trust *trust = tree->trust;
    struct work work = {.tree = tree, .trust = trust, .ready = {.items = trust->ready_heap}};
    trust->edge_count = trust->move_count = 0;
    for (uint32_t i = 0; i < tree->unit_count; i++) {
        struct tree_trust_unit *unit = &trust->units[i];
        unit->edges = unit->moves = unit->waiting = unit->made = TREE_NONE;
        unit->made_depth = 0;
    }
    for (uint32_t i = 0; i < tree->node_count; i++) {
        trust->nodes[i].waiting = TREE_NONE;
        if (!trust->nodes[i].pending) {
            trust->nodes[i].unit = trust->nodes[i].admission = TREE_NONE;
        }
    }
    collect(&work, last);
    trust->contested = work.contest;
    trust->stale = false;
    trust->round++;
    return work_off(&work);
}
