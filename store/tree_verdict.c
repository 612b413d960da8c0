/* The verdict on one control change at its author's turn, and what a change that stands brings about (docs/protocol.md 5.11). */
#include "store/tree_trust.h"

#include "protocol/planted.h"

/* ---- one change ---- */

/* The unit that an admission gives a node, in its inviter's own log as far as that is walked by now; TREE_NONE: none does. What stands past a cut or an open
 * fork says nothing: of a forked log each holds another branch. */
static uint32_t claimed_unit(const struct tree *tree, uint32_t node) {
    const struct tree_trust *trust = tree->trust;
    for (uint32_t fact = trust->nodes[node].claims; fact != TREE_NONE; fact = trust->claims[fact]) {
        const struct tree_entry *entry = &tree->entries[tree->facts[fact].entry];
        if (entry->seq <= trust->logs[entry->log].judged.upto) {
            return tree->nodes[node].unit;
        }
    }
    return node == 0 ? 0 : TREE_NONE;
}

/* Answers are kept for the turn, as long as the parents are the same: a pin of a whole district asks of few units again and again. */
static enum status judge_unit(const struct tree_turn *turn, uint32_t unit) {
    const uint32_t round = turn->trust->round;
    if (unit == TREE_NONE || !tree_parents_known(turn->tree, unit)) {
        return STATUS_UNIT_UNKNOWN;
    }
    struct tree_trust_unit *slot = &turn->trust->units[unit];
    if (slot->asked != round) {
        slot->asked = round;
        slot->answer = turn->steward && tree_parents_over(turn->tree, turn->actor, unit) ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
    }
    return slot->answer;
}

/* May the author pin (juniors) or erase what the ref names? */
static enum status judge_ref(const struct tree_turn *turn, const struct tree_mark *mark, bool juniors) {
    uint32_t node = turn->tree->logs[mark->log].author;
    if (node == TREE_RECOVERY) {
        return juniors ? STATUS_REQUEST_ONLY : judge_unit(turn, 0);
    }
    if (juniors && turn->trust->nodes[node].rank != TREE_UNJUDGED && !PLANTED("junior-pins-senior")) {
        return STATUS_REQUEST_ONLY;
    }
    return judge_unit(turn, claimed_unit(turn->tree, node));
}

/* Of several refs the change has the verdict of the first if none stands. */
static enum status judge_refs(const struct tree_turn *turn, const struct tree_fact *fact, bool juniors) {
    const struct tree_power *power = &turn->trust->powers[fact->power];
    enum status first = STATUS_OK;
    for (uint32_t i = 0; i < power->mark_count; i++) {
        enum status verdict = judge_ref(turn, &turn->trust->marks[power->marks + i], juniors);
        if (verdict == STATUS_OK) {
            return STATUS_OK;
        }
        first = first == STATUS_OK ? verdict : first;
    }
    return first;
}

static bool is_recovery_id(const struct node_id *id) {
    static const struct node_id zero;
    return ID_EQUAL(id, &zero);
}

static enum status judge_revocation(const struct tree_turn *turn, const struct tree_fact *fact) {
    if (fact->subject == turn->author) {
        return STATUS_OK; /* a node may always cut itself */
    }
    if (turn->trust->nodes[fact->subject].rank != TREE_UNJUDGED || is_recovery_id(&turn->tree->nodes[fact->subject].node.id)) {
        return PLANTED("junior-revokes-senior") ? STATUS_OK : STATUS_REQUEST_ONLY;
    }
    return judge_unit(turn, claimed_unit(turn->tree, fact->subject));
}

/* Where the unit goes to, and where it stood. */
static enum status judge_two(const struct tree_turn *turn, const struct tree_fact *fact) {
    if (!tree_parents_known(turn->tree, fact->subject) || !tree_parents_known(turn->tree, fact->parent)) {
        return STATUS_UNIT_UNKNOWN;
    }
    bool over = turn->steward && tree_parents_over_without(turn->tree, turn->actor, fact->subject, TREE_NONE) &&
                tree_parents_over(turn->tree, turn->actor, fact->parent);
    return over && fact->subject != fact->parent ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
}

static enum status judge_creation(const struct tree_turn *turn, const struct tree_fact *fact) {
    const struct tree_trust_unit *unit = &turn->trust->units[fact->subject];
    enum status verdict = judge_unit(turn, fact->parent);
    if (verdict != STATUS_OK) {
        return verdict;
    }
    if (fact->subject == 0 || fact->subject == fact->parent) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    if (turn->trust->units[fact->parent].made_depth >= LINE_UNITS_MAX) {
        return STATUS_LINE_BROKEN;
    }
    return unit->made != TREE_NONE && turn->tree->facts[unit->made].parent != fact->parent ? STATUS_OUTSIDE_AUTHORITY : STATUS_OK;
}

/* All of the verdict but what a handover does. */
static enum status judge_right(const struct tree_turn *turn, const struct tree_fact *fact) {
    uint32_t lacking;
    enum status verdict;
    switch (fact->kind) {
    case CHANGE_UNIT:
        return judge_creation(turn, fact);
    case CHANGE_ADMISSION:
        return fact->level != 0 ? STATUS_OUTSIDE_AUTHORITY : judge_unit(turn, fact->parent);
    case CHANGE_UNIT_SET:
        return judge_unit(turn, fact->subject);
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
        verdict = judge_two(turn, fact);
        return verdict == STATUS_OK && !tree_parents_lines(turn->tree, fact, &lacking) ? STATUS_LINE_BROKEN : verdict;
    case CHANGE_HANDOVER:
        verdict = judge_two(turn, fact);
        return verdict == STATUS_OK && !tree_parents_has(turn->tree, fact->subject, fact->parent) ? STATUS_HANDOVER_EMPTY : verdict;
    case CHANGE_REVOCATION:
        return judge_revocation(turn, fact);
    case CHANGE_ACCEPT:
        return turn->steward ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
    default:
        return judge_refs(turn, fact, fact->kind != CHANGE_ERASE);
    }
}

/* The unit that a change is about where a handover may bind it, TREE_NONE: none binds it. */
static uint32_t handed_unit(const struct tree_turn *turn, const struct tree_fact *fact) {
    switch (fact->kind) {
    case CHANGE_UNIT:
    case CHANGE_ADMISSION:
        return fact->parent;
    case CHANGE_UNIT_SET:
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
        return fact->subject;
    case CHANGE_REVOCATION:
        return fact->subject == turn->author ? TREE_NONE : claimed_unit(turn->tree, fact->subject);
    default:
        return TREE_NONE;
    }
}

/* ---- what a change that stands brings about ---- */

void tree_verdict_touch(struct tree_trust *trust, uint32_t node) {
    if (!trust->nodes[node].touched) {
        trust->nodes[node].touched = true;
        trust->touched[trust->touched_count++] = node;
    }
}

static enum status add_pin(struct tree_turn *turn, uint32_t mark, bool decides) {
    struct tree_trust *trust = turn->trust;
    uint32_t log = trust->marks[mark].log;
    enum status status = tree_grow(&trust->pins, &trust->pin_capacity, trust->pin_count, sizeof *trust->pins);
    if (status == STATUS_OK) {
        trust->pins[trust->pin_count] = (struct tree_pin){mark, tree_rank(turn->tree, turn->author), trust->logs[log].pins, decides};
        trust->logs[log].pins = (uint32_t)trust->pin_count++;
        if (trust->logs[log].forks != TREE_NONE || trust->nodes[turn->tree->logs[log].author].cuts != TREE_NONE) {
            tree_verdict_touch(trust, turn->tree->logs[log].author); /* else a pin changes nothing yet */
            turn->pinned = true;
        }
    }
    return status;
}

/* Each ref that the author may pin is one, also where another is not. */
static enum status add_pins(struct tree_turn *turn, const struct tree_fact *fact) {
    enum status status = STATUS_OK;
    if (fact->power == TREE_NONE) {
        return STATUS_OK;
    }
    const struct tree_power *power = &turn->trust->powers[fact->power];
    for (uint32_t i = 0; i < power->mark_count && status == STATUS_OK; i++) {
        const struct tree_mark *mark = &turn->trust->marks[power->marks + i];
        bool counts = judge_ref(turn, mark, true) == STATUS_OK;
        counts &= fact->kind != CHANGE_REVOCATION || turn->tree->logs[mark->log].author == fact->subject;
        status = counts ? add_pin(turn, power->marks + i, fact->kind == CHANGE_FORK_DECISION) : STATUS_OK;
    }
    return status;
}

/* Its node's cuts it joins when the turn is over (tree_turn.c): within it nobody is cut. */
static enum status add_cut(struct tree_turn *turn, uint32_t number, uint32_t log) {
    struct tree_trust *trust = turn->trust;
    enum status status = tree_grow(&trust->cuts, &trust->cut_capacity, trust->cut_count, sizeof *trust->cuts);
    if (status == STATUS_OK) {
        trust->cuts[trust->cut_count++] = (struct tree_cut){number, turn->author, log, TREE_NONE};
    }
    return status;
}

static enum status add_binding(const struct tree_turn *turn, uint32_t number) {
    struct tree_trust *trust = turn->trust;
    enum status status = tree_grow(&trust->bindings, &trust->binding_capacity, trust->binding_count, sizeof *trust->bindings);
    if (status == STATUS_OK) {
        uint32_t *first = &trust->units[turn->tree->facts[number].subject].bindings;
        trust->bindings[trust->binding_count] = (struct tree_binding){number, turn->author, *first};
        *first = (uint32_t)trust->binding_count++;
    }
    return status;
}

static enum status add_consents(const struct tree_turn *turn, const struct tree_fact *fact) {
    struct tree_trust *trust = turn->trust;
    const struct tree_power *power = &trust->powers[fact->power];
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < power->mark_count && status == STATUS_OK; i++) {
        const struct tree_consent consent = {trust->marks[power->marks + i], turn->author};
        if (fact->kind == CHANGE_ACCEPT) {
            status = tree_grow(&trust->accepts, &trust->accept_capacity, trust->accept_count, sizeof *trust->accepts);
            if (status == STATUS_OK) {
                trust->accepts[trust->accept_count++] = consent;
            }
        } else if (judge_ref(turn, &consent.mark, false) == STATUS_OK) {
            status = tree_grow(&trust->erasures, &trust->erasure_capacity, trust->erasure_count, sizeof *trust->erasures);
            if (status == STATUS_OK) {
                trust->erasures[trust->erasure_count++] = (struct tree_consent){consent.mark, fact->entry}; /* who holds it on: the entry */
            }
        }
    }
    return status;
}

static void add_admission(struct tree_turn *turn, uint32_t number) {
    struct tree_trust *trust = turn->trust;
    const struct tree_fact *fact = &turn->tree->facts[number];
    struct tree_trust_node *node = &trust->nodes[fact->subject];
    if (!node->pending) {
        trust->stale |= trust->contested && node->admission != number; /* which of two creations holds may rest on its seniority */
        node->pending = true;
        node->unit = fact->parent;
        node->admission = number;
        tree_chain_join(turn->tree, fact->subject);
        tree_heap_push(turn->tree, &turn->pending, fact->subject, tree_trust_seniority);
    }
}

static enum status follow(struct tree_turn *turn, uint32_t number) {
    const struct tree_fact *fact = &turn->tree->facts[number];
    enum status status = STATUS_OK;
    switch (fact->kind) {
    case CHANGE_ADMISSION:
        add_admission(turn, number);
        return STATUS_OK;
    case CHANGE_PIN:
        return add_pins(turn, fact);
    case CHANGE_HANDOVER:
        return add_binding(turn, number);
    case CHANGE_REVOCATION:
        status = add_cut(turn, number, TREE_NONE);
        return status == STATUS_OK && fact->subject != turn->author ? add_pins(turn, fact) : status;
    case CHANGE_FORK_DECISION: {
        const uint32_t mark = turn->trust->powers[fact->power].marks, log = turn->trust->marks[mark].log;
        status = add_cut(turn, number, log);
        return status == STATUS_OK ? add_pin(turn, mark, true) : status;
    }
    case CHANGE_ACCEPT:
    case CHANGE_ERASE:
        return add_consents(turn, fact);
    default:
        return STATUS_OK;
    }
}

enum status tree_verdict_take(struct tree_turn *turn, uint32_t number) {
    struct tree_fact *fact = &turn->tree->facts[number];
    const struct tree_entry *entry = &turn->tree->entries[fact->entry];
    enum status verdict = judge_right(turn, fact), status = STATUS_OK;
    uint32_t unit = verdict == STATUS_OK ? handed_unit(turn, fact) : TREE_NONE;
    if (unit != TREE_NONE) {
        const struct tree_past past = {turn->author, unit, entry->log, entry->seq, entry->hash};
        bool is_past;
        status = tree_past_handover(turn->tree, &past, &is_past);
        if (status != STATUS_OK) {
            return status;
        }
        verdict = is_past ? STATUS_HANDED_OVER : STATUS_OK;
    }
    fact->judged = (uint16_t)verdict;
    if (fact->kind == CHANGE_ADMISSION || fact->kind == CHANGE_HANDOVER) {
        status = add_pins(turn, fact); /* they count whatever becomes of what carries them */
    }
    return verdict == STATUS_OK && status == STATUS_OK ? follow(turn, number) : status;
}
