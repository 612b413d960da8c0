/* What a handover of a unit to a new line binds (docs/protocol.md 5.11, "Past a handover"). */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <stdlib.h>

static int consent_order(const void *a, const void *b) {
    return tree_mark_order(&((const struct tree_consent *)a)->mark, &((const struct tree_consent *)b)->mark);
}

/* Has somebody over the new parent accepted the entry? */
static bool accepted(const struct tree *tree, const struct tree_mark *mark, uint32_t parent) {
    struct tree_trust *trust = tree->trust;
    size_t low = 0, high = trust->accept_count;
    if (trust->accepts_sorted != trust->accept_count) {
        qsort(trust->accepts, trust->accept_count, sizeof *trust->accepts, consent_order);
        trust->accepts_sorted = trust->accept_count;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tree_mark_order(&trust->accepts[middle].mark, mark) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < trust->accept_count && tree_mark_order(&trust->accepts[low].mark, mark) == 0; low++) {
        uint32_t issuer = trust->accepts[low].issuer;
        if (tree_parents_over(tree, issuer == TREE_RECOVERY ? 0 : trust->nodes[issuer].unit, parent)) {
            return true;
        }
    }
    return false;
}

/* Has a move that has seen the handover put the unit under the actor's line again? */
static enum status is_back(const struct tree *tree, const struct tree_fact *handover, uint32_t actor, bool *out) {
    const struct tree_trust *trust = tree->trust;
    *out = false;
    for (uint32_t i = trust->units[handover->subject].moves; i != TREE_NONE; i = trust->moves[i].next) {
        if (tree_parents_over(tree, actor, trust->moves[i].parent)) {
            enum status status = tree_overtakes(tree, trust->moves[i].entry, handover->entry, out);
            if (status != STATUS_OK || *out) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

static uint64_t handed_upto(const struct tree *tree, const struct tree_fact *handover, uint32_t log) {
    const struct tree_power *power = &tree->trust->powers[handover->power];
    for (uint32_t i = 0; i < power->mark_count; i++) {
        if (tree->trust->marks[power->marks + i].log == log) {
            return tree->trust->marks[power->marks + i].seq;
        }
    }
    return 0;
}

static enum status binds(const struct tree *tree, const struct tree_binding *binding, const struct tree_past *entry, bool *out) {
    const struct tree_fact *handover = &tree->facts[binding->fact];
    const struct tree_mark mark = {entry->log, entry->hash, entry->seq};
    const uint32_t unit = handover->subject, parent = handover->parent, actor = tree->trust->nodes[entry->author].unit;
    bool back;
    *out = false;
    if (tree_rank(tree, binding->issuer) >= tree_rank(tree, entry->author) || entry->seq <= handed_upto(tree, handover, entry->log)) {
        return STATUS_OK;
    }
    if (actor == unit || actor == entry->unit || tree_parents_over(tree, actor, parent) || tree_parents_over_without(tree, actor, entry->unit, unit)) {
        return STATUS_OK;
    }
    enum status status = is_back(tree, handover, actor, &back);
    *out = status == STATUS_OK && !back && !accepted(tree, &mark, parent) && !PLANTED("handover-binds-nobody");
    return status;
}

enum status tree_past_handover(const struct tree *tree, const struct tree_past *entry, bool *out) {
    const struct tree_trust *trust = tree->trust;
    const uint32_t *above;
    *out = false;
    if (trust->binding_count == 0 || entry->author == TREE_RECOVERY) {
        return STATUS_OK;
    }
    size_t count = tree_parents_above(tree, entry->unit, &above);
    for (size_t i = 0; i < count; i++) {
        for (uint32_t b = trust->units[above[i]].bindings; b != TREE_NONE; b = trust->bindings[b].next) {
            enum status status = binds(tree, &trust->bindings[b], entry, out);
            if (status != STATUS_OK || *out) {
                return status;
            }
        }
    }
    return STATUS_OK;
}
