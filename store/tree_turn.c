/* The judging of all that was ever said (docs/protocol.md 5.11): nodes from the most senior down, each once, its control changes against the parents ever
 * lawfully written by what is known when its turn comes. */
#include "store/tree_trust.h"

#include <stdlib.h>

/* ---- room ---- */

static enum status resize(void *array, size_t count, size_t item_bytes) {
    void *memory;
    memcpy(&memory, array, sizeof memory);
    void *grown = realloc(memory, (count + 1) * item_bytes);
    if (grown == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(array, &grown, sizeof grown);
    return STATUS_OK;
}

struct array {
    void *array;
    size_t item_bytes;
};

static enum status resize_all(const struct array *arrays, size_t count, size_t *capacity, size_t wanted) {
    for (size_t i = 0; i < count && *capacity < wanted; i++) {
        if (resize(arrays[i].array, wanted, arrays[i].item_bytes) != STATUS_OK) {
            return STATUS_NO_MEMORY;
        }
    }
    *capacity = *capacity < wanted ? wanted : *capacity;
    return STATUS_OK;
}

/* All that the judging needs but what grows with what it finds, made in step with the tables that it stands beside. */
static enum status reserve(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    const struct array nodes[] = {{&trust->nodes, sizeof *trust->nodes}, {&trust->heap, sizeof *trust->heap}, {&trust->touched, sizeof *trust->touched}};
    const struct array units[] = {{&trust->units, sizeof *trust->units}}, stack[] = {{&trust->stack, sizeof *trust->stack}};
    const struct array logs[] = {{&trust->logs, sizeof *trust->logs}, {&trust->log_list, sizeof *trust->log_list}};
    const struct array facts[] = {{&trust->order, sizeof *trust->order},   {&trust->next, sizeof *trust->next},
                                  {&trust->claims, sizeof *trust->claims}, {&trust->ready_heap, sizeof *trust->ready_heap},
                                  {&trust->queue, sizeof *trust->queue},   {&trust->denied, sizeof *trust->denied}};
    enum status status = resize_all(nodes, 3, &trust->node_capacity, tree->node_capacity);
    if (status == STATUS_OK) {
        status = resize_all(units, 1, &trust->unit_capacity, tree->unit_capacity);
    }
    if (status == STATUS_OK) {
        status = resize_all(stack, 1, &trust->stack_capacity, 2 * (tree->unit_capacity + 1));
    }
    if (status == STATUS_OK) {
        status = resize_all(logs, 2, &trust->log_capacity, tree->log_capacity);
    }
    return status == STATUS_OK ? resize_all(facts, sizeof facts / sizeof facts[0], &trust->order_capacity, tree->fact_capacity) : status;
}

/* ---- what is known before anybody is judged ---- */

static int order_in_log(const struct tree *tree, uint32_t a, uint32_t b) {
    const struct tree_fact *fact_a = &tree->facts[a], *fact_b = &tree->facts[b];
    uint64_t seq_a = tree->entries[fact_a->entry].seq, seq_b = tree->entries[fact_b->entry].seq;
    if (seq_a != seq_b) {
        return seq_a < seq_b ? -1 : 1;
    }
    return fact_a->place < fact_b->place ? -1 : fact_a->place > fact_b->place;
}

/* Facts by log (counted), seq and place. */
static void put_in_order(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    uint32_t first = 0;
    for (uint32_t i = 0; i < tree->log_count; i++) {
        trust->logs[i].count = 0;
    }
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        trust->logs[tree->entries[tree->facts[i].entry].log].count++;
    }
    for (uint32_t i = 0; i < tree->log_count; i++) {
        trust->logs[i].first = first;
        first += trust->logs[i].count;
        trust->logs[i].count = 0;
    }
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        struct tree_trust_log *log = &trust->logs[tree->entries[tree->facts[i].entry].log];
        trust->order[log->first + log->count++] = i;
    }
    for (uint32_t i = 0; i < tree->log_count; i++) {
        tree_sort(tree, trust->order + trust->logs[i].first, trust->logs[i].count, order_in_log);
    }
}

static void chain_forks(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    for (uint32_t i = 0; i < trust->fork_count; i++) {
        uint32_t *at = &trust->logs[trust->forks[i].log].forks;
        while (*at != TREE_NONE && trust->forks[*at].seq < trust->forks[i].seq) {
            at = &trust->forks[*at].next;
        }
        trust->forks[i].next = *at;
        *at = i;
    }
}

static void chain_claims(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        if (tree->facts[i].kind == CHANGE_ADMISSION && tree->facts[i].level == 0) {
            uint32_t *first = &trust->nodes[tree->facts[i].subject].claims;
            trust->claims[i] = *first;
            *first = i;
        }
    }
}

static enum status begin(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    enum status status = reserve(tree);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < tree->node_count; i++) {
        uint64_t before = i < trust->nodes_known ? trust->nodes[i].before : SEQ_MAX;
        trust->nodes[i] = (struct tree_trust_node){.rank = TREE_UNJUDGED,
                                                   .unit = TREE_NONE,
                                                   .admission = TREE_NONE,
                                                   .cuts = TREE_NONE,
                                                   .waiting = TREE_NONE,
                                                   .claims = TREE_NONE,
                                                   .before = before};
    }
    for (uint32_t i = 0; i < tree->unit_count; i++) {
        trust->units[i].bindings = trust->units[i].writes = trust->units[i].holds = TREE_NONE;
        trust->units[i].stamp = 0;
        trust->units[i].asked = TREE_UNJUDGED;
    }
    for (uint32_t i = 0; i < tree->log_count; i++) {
        uint32_t author = tree->logs[i].author;
        uint64_t before = i < trust->logs_known || author == TREE_RECOVERY ? trust->logs[i].before : trust->nodes[author].before;
        before = i >= trust->logs_known && author == TREE_RECOVERY ? SEQ_MAX : before;
        trust->logs[i] = (struct tree_trust_log){.pins = TREE_NONE, .forks = TREE_NONE, .wanted = TREE_NONE, .before = before};
    }
    trust->nodes_known = tree->node_count;
    trust->logs_known = tree->log_count;
    trust->stamp = trust->ranks = trust->round = trust->touched_count = 0;
    trust->hold_count = trust->cut_count = trust->pin_count = trust->binding_count = trust->accept_count = trust->erasure_count = trust->accepts_sorted = 0;
    trust->stale = true;
    put_in_order(tree);
    chain_forks(tree);
    chain_claims(tree);
    for (uint32_t i = 0; i < tree->log_count && status == STATUS_OK; i++) {
        status = tree_walk_log(tree, i, &trust->logs[i].judged);
    }
    return status;
}

/* ---- turns ---- */

static int epoch_order(const struct tree *tree, uint32_t a, uint32_t b) {
    if (tree->logs[a].continued != tree->logs[b].continued) {
        return tree->logs[a].continued < tree->logs[b].continued ? -1 : 1;
    }
    return ID_COMPARE(&tree->logs[a].id.epoch, &tree->logs[b].id.epoch);
}

/* The author's logs in which facts stand, in order. */
static size_t logs_of(const struct tree *tree, uint32_t author) {
    size_t count = 0;
    for (uint32_t log = author == TREE_RECOVERY ? tree->recovery_logs : tree->nodes[author].logs; log != TREE_NONE; log = tree->logs[log].next) {
        if (tree->trust->logs[log].count > 0) {
            tree->trust->log_list[count++] = log;
        }
    }
    tree_sort(tree, tree->trust->log_list, count, epoch_order);
    return count;
}

/* Do facts by which parents are found stand between two bounds? */
static bool differs(const struct tree *tree, uint32_t log, uint64_t one, uint64_t other) {
    const struct tree_trust_log *slot = &tree->trust->logs[log];
    for (uint32_t i = 0; i < slot->count && one != other; i++) {
        const struct tree_fact *fact = &tree->facts[tree->trust->order[slot->first + i]];
        uint64_t seq = tree->entries[fact->entry].seq;
        if ((seq > one) != (seq > other) && tree_parents_rest_on(fact)) {
            return true;
        }
    }
    return false;
}

/* Walks anew the logs that this turn has cut or pinned. Those of who has been judged stay as they were judged. */
static enum status walk_touched(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    for (; trust->touched_count > 0; trust->touched_count--) {
        uint32_t node = trust->touched[trust->touched_count - 1];
        trust->nodes[node].touched = false;
        for (uint32_t log = tree->nodes[node].logs; log != TREE_NONE && trust->nodes[node].rank == TREE_UNJUDGED; log = tree->logs[log].next) {
            uint64_t before = trust->logs[log].judged.upto;
            enum status status = tree_walk_log(tree, log, &trust->logs[log].judged);
            if (status != STATUS_OK) {
                return status;
            }
            trust->stale |= differs(tree, log, before, trust->logs[log].judged.upto);
        }
    }
    return STATUS_OK;
}

/* What a node pins counts at once: else nobody could ever act on what was written past a fork that he alone settles. What it cuts counts from the next turn on:
 * within this one walks but grow. */
static enum status walk_pinned(struct tree_turn *turn) {
    struct tree *tree = turn->tree;
    struct tree_trust *trust = tree->trust;
    turn->pinned = false;
    for (uint32_t i = 0; i < trust->touched_count; i++) {
        uint32_t node = trust->touched[i];
        for (uint32_t log = tree->nodes[node].logs; log != TREE_NONE && trust->nodes[node].rank == TREE_UNJUDGED; log = tree->logs[log].next) {
            struct tree_bound bound, *now = &trust->logs[log].judged;
            enum status status = trust->logs[log].forks == TREE_NONE ? STATUS_OK : tree_walk_log(tree, log, &bound);
            if (status != STATUS_OK) {
                return status;
            }
            if (trust->logs[log].forks != TREE_NONE) {
                trust->stale |= differs(tree, log, now->upto, bound.upto);
                *now = bound;
            }
        }
    }
    return STATUS_OK;
}

static enum status judge_log(struct tree_turn *turn, uint32_t log) {
    struct tree *tree = turn->tree;
    struct tree_trust *trust = turn->trust;
    const struct tree_trust_log *slot = &trust->logs[log];
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < slot->count && status == STATUS_OK; i++) {
        uint32_t number = trust->order[slot->first + i];
        uint64_t seq = tree->entries[tree->facts[number].entry].seq;
        if (seq <= slot->judged.upto) {
            status = trust->stale ? tree_parents_find(tree, false) : STATUS_OK;
            status = status == STATUS_OK ? tree_verdict_take(turn, number) : status;
            status = status == STATUS_OK && turn->pinned ? walk_pinned(turn) : status;
        } else {
            tree->facts[number].judged = seq > slot->judged.cut ? STATUS_AUTHOR_CUT : STATUS_FORK;
        }
    }
    return status;
}

static void join_cuts(struct tree_turn *turn, size_t first) {
    struct tree_trust *trust = turn->trust;
    for (size_t i = first; i < trust->cut_count; i++) {
        struct tree_cut *cut = &trust->cuts[i];
        uint32_t node = cut->log == TREE_NONE ? turn->tree->facts[cut->fact].subject : turn->tree->logs[cut->log].author;
        cut->next = trust->nodes[node].cuts;
        trust->nodes[node].cuts = (uint32_t)i;
        tree_verdict_touch(trust, node);
    }
}

static enum status take_turn(struct tree_turn *turn, uint32_t author) {
    struct tree_trust *trust = turn->trust;
    size_t count = logs_of(turn->tree, author), cuts = trust->cut_count;
    enum status status = STATUS_OK;
    turn->author = author;
    trust->round++;
    turn->actor = author == TREE_RECOVERY ? 0 : trust->nodes[author].unit;
    turn->steward = author == TREE_RECOVERY || (turn->tree->nodes[author].node.roles & ROLE_STEWARD) != 0;
    if (author != TREE_RECOVERY) {
        trust->nodes[author].rank = ++trust->ranks;
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = judge_log(turn, trust->log_list[i]);
    }
    join_cuts(turn, cuts);
    return status == STATUS_OK ? walk_touched(turn->tree) : status;
}

/* Did somebody count among the parents who has never been judged? */
static bool somebody_counted(const struct tree *tree) {
    for (uint32_t i = 1; i < tree->node_count; i++) {
        if (tree->trust->nodes[i].unit != TREE_NONE && !tree->trust->nodes[i].pending) {
            return true;
        }
    }
    return false;
}

/* How far each log stands at last: a cut by its own author changes that, and no verdict. */
static enum status walk_at_last(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    enum status status = STATUS_OK;
    for (uint32_t log = 0; log < tree->log_count && status == STATUS_OK; log++) {
        uint32_t author = tree->logs[log].author;
        bool own = false;
        for (uint32_t i = author == TREE_RECOVERY ? TREE_NONE : trust->nodes[author].cuts; i != TREE_NONE; i = trust->cuts[i].next) {
            own |= trust->cuts[i].issuer == author;
        }
        trust->logs[log].at_last = trust->logs[log].judged;
        if (own) {
            status = tree_walk_log(tree, log, &trust->logs[log].at_last);
        }
    }
    return status;
}

/* The parents of what stands at last, and those that standing writes gave when they were judged: what a verdict rested on stays known. */
static enum status parents_at_last(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    enum status status = STATUS_OK;
    if (trust->stale || somebody_counted(tree)) {
        status = tree_parents_find(tree, true);
    }
    for (uint32_t i = 0; i < tree->fact_count && status == STATUS_OK; i++) {
        const struct tree_fact *fact = &tree->facts[i];
        if (fact->judged == STATUS_OK && fact->kind != CHANGE_ADMISSION && tree_parents_rest_on(fact) && tree_trust_stands(tree, fact)) {
            status = tree_parents_add(tree, fact->subject, fact->parent);
        }
    }
    if (status == STATUS_OK) {
        status = tree_parents_keep(tree);
    }
    for (uint32_t i = 1; i < tree->node_count; i++) {
        trust->nodes[i].unit = trust->nodes[i].pending ? trust->nodes[i].unit : TREE_NONE;
    }
    return status;
}

bool tree_trust_stands(const struct tree *tree, const struct tree_fact *fact) {
    const struct tree_entry *entry = &tree->entries[fact->entry];
    return fact->judged == STATUS_OK && entry->seq <= tree->trust->logs[entry->log].at_last.upto;
}

enum status tree_judge_all(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    enum status status = begin(tree);
    struct tree_turn turn = {.tree = tree, .trust = trust, .pending = {.items = trust->heap}};
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        tree->facts[i].stood = tree->facts[i].verdict == STATUS_OK;
        tree->facts[i].judged = STATUS_AUTHOR_UNKNOWN;
    }
    trust->nodes[0].pending = true; /* the founder */
    trust->nodes[0].unit = 0;
    tree_heap_push(tree, &turn.pending, 0, tree_trust_seniority);
    status = take_turn(&turn, TREE_RECOVERY);
    while (status == STATUS_OK && turn.pending.count > 0) {
        status = take_turn(&turn, tree_heap_pop(tree, &turn.pending, tree_trust_seniority));
    }
    if (status == STATUS_OK) {
        status = walk_at_last(tree);
    }
    if (status == STATUS_OK) {
        status = parents_at_last(tree);
    }
    if (status == STATUS_OK) {
        tree_standing_erasures(tree);
        status = tree_standing_parents(tree);
    }
    if (status == STATUS_OK) {
        status = tree_today(tree);
    }
    return status == STATUS_OK ? tree_standing_note(tree) : status;
}
