/* Taking in what moves power: placings, handovers, revocations, pins, fork decisions, erasures, acceptances, and the evidence of forks. Also the small tools
 * that its neighbours share (tree_trust.h). */
#include "store/tree_trust.h"

#include <stdlib.h>

/* ---- tables ---- */

void tree_trust_fini(struct tree_trust *trust) {
    void *arrays[] = {trust->marks, trust->powers,     trust->lines,   trust->forks,      trust->cuts,    trust->pins,       trust->edges,
                      trust->moves, trust->bindings,   trust->accepts, trust->erasures,   trust->nodes,   trust->units,      trust->logs,
                      trust->order, trust->next,       trust->heap,    trust->ready_heap, trust->queue,   trust->denied,     trust->stack,
                      trust->ever,  trust->ever_start, trust->seen,    trust->log_list,   trust->touched, trust->hold_edges, trust->claims};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        free(arrays[i]);
    }
}

void tree_set_holds(struct tree *tree, tree_holds_fn *holds, void *ctx) {
    tree->trust->holds = holds;
    tree->trust->holds_ctx = ctx;
}

/* ---- order ---- */

static void sink(const struct tree *tree, const struct tree_heap *heap, size_t at, tree_order_fn *order) {
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && order(tree, heap->items[child + 1], heap->items[child]) < 0) {
            child++;
        }
        if (order(tree, heap->items[at], heap->items[child]) <= 0) {
            return;
        }
        uint32_t keep = heap->items[at];
        heap->items[at] = heap->items[child];
        heap->items[child] = keep;
    }
}

void tree_heap_push(const struct tree *tree, struct tree_heap *heap, uint32_t item, tree_order_fn *order) {
    size_t at = heap->count++;
    for (; at > 0 && order(tree, item, heap->items[(at - 1) / 2]) < 0; at = (at - 1) / 2) {
        heap->items[at] = heap->items[(at - 1) / 2];
    }
    heap->items[at] = item;
}

uint32_t tree_heap_pop(const struct tree *tree, struct tree_heap *heap, tree_order_fn *order) {
    uint32_t first = heap->items[0];
    heap->items[0] = heap->items[--heap->count];
    sink(tree, heap, 0, order);
    return first;
}

void tree_sort(const struct tree *tree, uint32_t *items, size_t count, tree_order_fn *order) {
    struct tree_heap heap = {items, count};
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++) {
        sorted = order(tree, items[i - 1], items[i]) <= 0;
    }
    for (size_t i = sorted ? 0 : count / 2; i-- > 0;) {
        sink(tree, &heap, i, order);
    }
    for (size_t end = sorted ? 0 : count; end > 1; end--) { /* what is popped goes behind: the first comes last */
        uint32_t first = tree_heap_pop(tree, &heap, order);
        items[end - 1] = first;
    }
    for (size_t i = 0; !sorted && i < count / 2; i++) {
        uint32_t keep = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = keep;
    }
}

int tree_mark_order(const struct tree_mark *a, const struct tree_mark *b) {
    if (a->log != b->log) {
        return a->log < b->log ? -1 : 1;
    }
    if (a->seq != b->seq) {
        return a->seq < b->seq ? -1 : 1;
    }
    return ID_COMPARE(&a->hash, &b->hash);
}

/* ---- taking in ---- */

static enum status add_marks(struct tree *tree, const struct ref *refs, size_t count) {
    struct tree_trust *trust = tree->trust;
    for (size_t i = 0; i < count; i++) {
        uint32_t log;
        enum status status = tree_intern_log(tree, &refs[i].log, &log);
        if (status == STATUS_OK) {
            status = tree_grow(&trust->marks, &trust->mark_capacity, trust->mark_count, sizeof *trust->marks);
        }
        if (status != STATUS_OK) {
            return status;
        }
        trust->marks[trust->mark_count++] = (struct tree_mark){log, refs[i].hash, refs[i].seq};
    }
    return STATUS_OK;
}

static enum status add_line(struct tree *tree, const struct line *line) {
    struct tree_trust *trust = tree->trust;
    for (size_t i = 0; i < line->count; i++) {
        uint32_t unit;
        enum status status = tree_intern_unit(tree, &line->units[i], &unit);
        if (status == STATUS_OK) {
            status = tree_grow(&trust->lines, &trust->line_capacity, trust->line_count, sizeof *trust->lines);
        }
        if (status != STATUS_OK) {
            return status;
        }
        trust->lines[trust->line_count++] = unit;
    }
    return STATUS_OK;
}

struct said { /* what a change says: unit, parent or node by number, and its refs and lines; NULL: none */
    uint64_t kind;
    uint32_t subject, parent;
    const struct ref *refs;
    size_t ref_count;
    const struct line *line, *former;
    struct date effective;
};

/* The fact is made last, when all that it needs is there: a failure leaves none half made. */
static enum status add_power(struct tree *tree, const struct fact *fact, const struct said *said) {
    struct tree_trust *trust = tree->trust;
    struct tree_power power = {.marks = (uint32_t)trust->mark_count, .lines = (uint32_t)trust->line_count};
    uint32_t number;
    if (trust->mark_count + said->ref_count > INT32_MAX || trust->line_count > INT32_MAX) {
        return STATUS_TOO_LARGE;
    }
    enum status status = tree_grow(&trust->powers, &trust->power_capacity, trust->power_count, sizeof *trust->powers);
    if (status == STATUS_OK) {
        status = add_marks(tree, said->refs, said->ref_count);
    }
    if (status == STATUS_OK && said->line != NULL) {
        status = add_line(tree, said->line);
    }
    if (status == STATUS_OK && said->former != NULL) {
        status = add_line(tree, said->former);
    }
    if (status == STATUS_OK) {
        status = tree_intern_fact(tree, fact, &number);
    }
    if (status != STATUS_OK) {
        return status;
    }
    power.mark_count =
        said->kind == CHANGE_FORK_DECISION ? 1 : (uint32_t)said->ref_count; /* the rival stands behind, and is no ref that anything is done with */
    power.line_count = said->line == NULL ? 0 : (uint32_t)said->line->count;
    power.former_count = said->former == NULL ? 0 : (uint32_t)said->former->count;
    trust->powers[trust->power_count] = power;
    trust->power = true;
    struct tree_fact *made = &tree->facts[number];
    made->kind = (uint8_t)said->kind;
    made->subject = said->subject;
    made->parent = said->parent;
    made->effective = said->effective.set ? said->effective.days : TREE_ALWAYS;
    made->power = (uint32_t)trust->power_count++;
    return STATUS_OK;
}

static bool is_known(const struct tree *tree, const struct fact *fact) {
    return tree_find_fact(tree, fact->entry_id, fact->place) != TREE_NONE;
}

enum status tree_add_placing(struct tree *tree, const struct fact *fact, uint64_t kind, const struct placing *placing) {
    struct said said = {.kind = kind, .line = &placing->line, .former = &placing->former, .effective = placing->effective};
    if (is_known(tree, fact)) {
        return STATUS_OK;
    }
    enum status status = tree_intern_unit(tree, &placing->unit, &said.subject);
    if (status == STATUS_OK) {
        status = tree_intern_unit(tree, &placing->line.units[0], &said.parent);
    }
    return status == STATUS_OK ? add_power(tree, fact, &said) : status;
}

enum status tree_add_handover(struct tree *tree, const struct fact *fact, const struct handover *handover) {
    struct said said = {.kind = CHANGE_HANDOVER, .refs = handover->upto.items, .ref_count = handover->upto.count};
    if (is_known(tree, fact)) {
        return STATUS_OK;
    }
    enum status status = tree_intern_unit(tree, &handover->unit, &said.subject);
    if (status == STATUS_OK) {
        status = tree_intern_unit(tree, &handover->parent, &said.parent);
    }
    return status == STATUS_OK ? add_power(tree, fact, &said) : status;
}

enum status tree_add_revocation(struct tree *tree, const struct fact *fact, const struct revocation *revocation) {
    struct said said = {.kind = CHANGE_REVOCATION, .parent = TREE_NONE, .refs = revocation->upto.items, .ref_count = revocation->upto.count};
    if (is_known(tree, fact)) {
        return STATUS_OK;
    }
    enum status status = tree_intern_node(tree, &revocation->node, &said.subject);
    return status == STATUS_OK ? add_power(tree, fact, &said) : status;
}

static enum status add_refs(struct tree *tree, const struct fact *fact, uint64_t kind, const struct refs *refs) {
    const struct said said = {.kind = kind, .subject = TREE_NONE, .parent = TREE_NONE, .refs = refs->items, .ref_count = refs->count};
    return is_known(tree, fact) ? STATUS_OK : add_power(tree, fact, &said);
}

enum status tree_add_pins(struct tree *tree, const struct fact *fact, const struct refs *pins) {
    return add_refs(tree, fact, CHANGE_PIN, pins);
}

enum status tree_add_erasure(struct tree *tree, const struct fact *fact, const struct erasure *erasure) {
    return add_refs(tree, fact, CHANGE_ERASE, &erasure->entries);
}

enum status tree_add_acceptance(struct tree *tree, const struct fact *fact, const struct refs *entries) {
    return add_refs(tree, fact, CHANGE_ACCEPT, entries);
}

enum status tree_add_fork_decision(struct tree *tree, const struct fact *fact, const struct fork_decision *decision) {
    const struct ref refs[] = {decision->keeps, decision->rival};
    const struct said said = {.kind = CHANGE_FORK_DECISION, .subject = TREE_NONE, .parent = TREE_NONE, .refs = refs, .ref_count = 2};
    return is_known(tree, fact) ? STATUS_OK : add_power(tree, fact, &said);
}

/* Called by tree_add_admission for the fact that it has just made. */
enum status tree_power_of_admission(struct tree *tree, const struct admission *admission, uint32_t *out) {
    struct tree_trust *trust = tree->trust;
    struct tree_power power = {.marks = (uint32_t)trust->mark_count, .mark_count = (uint32_t)admission->pin_count};
    *out = TREE_NONE;
    if (admission->pin_count == 0) {
        return STATUS_OK;
    }
    if (trust->mark_count + admission->pin_count > INT32_MAX) {
        return STATUS_TOO_LARGE;
    }
    enum status status = tree_grow(&trust->powers, &trust->power_capacity, trust->power_count, sizeof *trust->powers);
    if (status == STATUS_OK) {
        status = add_marks(tree, admission->pins, admission->pin_count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = (uint32_t)trust->power_count++;
    trust->powers[*out] = power;
    trust->power = true;
    return STATUS_OK;
}

enum status tree_add_fork(struct tree *tree, const struct log_id *log, uint64_t seq, const struct hash *one, const struct hash *other) {
    struct tree_trust *trust = tree->trust;
    struct tree_fork fork = {.seq = seq, .one = hash_short(one), .other = hash_short(other)};
    enum status status = tree_intern_log(tree, log, &fork.log);
    for (size_t i = 0; i < trust->fork_count && status == STATUS_OK; i++) {
        const struct tree_fork *have = &trust->forks[i];
        if (have->log == fork.log && have->seq == seq && ID_EQUAL(&have->one, &fork.one) && ID_EQUAL(&have->other, &fork.other)) {
            trust->forked = true; /* given again as its log has grown: a pin may name what is held now */
            return STATUS_OK;
        }
    }
    if (status == STATUS_OK) {
        status = tree_grow(&trust->forks, &trust->fork_capacity, trust->fork_count, sizeof *trust->forks);
    }
    if (status == STATUS_OK) {
        trust->forks[trust->fork_count++] = fork;
        trust->power = trust->forked = true;
    }
    return status;
}
