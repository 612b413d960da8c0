/* Taking facts in and judging them.
 *
 * What is lawful only grows with what is held, so a list of work does it: a fact that lacks its author, its parent or its unit is hung on what it lacks and
 * comes back when that stands. One thing breaks this: two lawful creations of one unit under different parents (a contest; somebody copied a nonce). Which of
 * them holds must not depend on which came first; then all is judged anew in a fixed order (contest_settle), for as long as the contest lasts. */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <stdlib.h>

/* ---- seniority ---- */

/* The order of two places in logs of one author. */
int tree_place_order(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b) {
    const struct tree_entry *entry_a = &tree->entries[a->entry], *entry_b = &tree->entries[b->entry];
    const struct tree_log *log_a = &tree->logs[entry_a->log], *log_b = &tree->logs[entry_b->log];
    if (log_a->continued != log_b->continued) {
        return log_a->continued < log_b->continued ? -1 : 1;
    }
    int order = ID_COMPARE(&log_a->id.epoch, &log_b->id.epoch);
    if (order != 0) {
        return order;
    }
    if (entry_a->seq != entry_b->seq) {
        return (entry_a->seq < entry_b->seq) != PLANTED("later-is-senior") ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

/* A new key of the unit takes the place of the one that admits it: then the chain is no longer than before. */
static bool is_succession(const struct tree *tree, uint32_t node) {
    const struct tree_slot_node *slot = &tree->nodes[node];
    return !PLANTED("successor-as-invited") && slot->succeeds && slot->node.inviter != TREE_NONE && slot->unit == tree->nodes[slot->node.inviter].unit;
}

/* Chains may be as long as somebody wills, and are compared often: from each node, jump goes so far up that the way to any other takes but the logarithm of the
 * chain's length (a skew-binary list). */
void tree_chain_join(struct tree *tree, uint32_t node) {
    struct tree_slot_node *slot = &tree->nodes[node];
    if (slot->node.inviter == TREE_NONE) {
        slot->depth = 1;
        slot->links = 0;
        slot->jump = node;
        return;
    }
    const struct tree_slot_node *inviter = &tree->nodes[slot->node.inviter], *far = &tree->nodes[inviter->jump];
    slot->depth = inviter->depth + !is_succession(tree, node);
    slot->links = inviter->links + 1;
    slot->jump = inviter->links - far->links == far->links - tree->nodes[far->jump].links && inviter->links > 0 ? far->jump : slot->node.inviter;
}

static uint32_t lift(const struct tree *tree, uint32_t node, uint32_t links) {
    while (tree->nodes[node].links > links) {
        uint32_t jump = tree->nodes[node].jump;
        node = tree->nodes[jump].links >= links ? jump : tree->nodes[node].node.inviter;
    }
    return node;
}

int tree_chain_order(const struct tree *tree, uint32_t *a, uint32_t *b) {
    const struct tree_slot_node *nodes = tree->nodes;
    const uint32_t links_a = nodes[*a].links, links_b = nodes[*b].links;
    if (nodes[*a].depth != nodes[*b].depth) {
        return nodes[*a].depth < nodes[*b].depth ? -1 : 1;
    }
    *a = lift(tree, *a, links_b);
    *b = lift(tree, *b, links_a);
    if (*a == *b) {
        return links_a < links_b ? -1 : 1; /* of a node and who succeeds it */
    }
    while (nodes[*a].node.inviter != nodes[*b].node.inviter) {
        bool far = nodes[*a].jump != nodes[*b].jump;
        *a = far ? nodes[*a].jump : nodes[*a].node.inviter;
        *b = far ? nodes[*b].jump : nodes[*b].node.inviter;
    }
    return is_succession(tree, *a) - is_succession(tree, *b);
}

int tree_seniority(const struct tree *tree, uint32_t a, uint32_t b) {
    int order = a == b ? 0 : tree_chain_order(tree, &a, &b);
    if (a == b || order != 0) {
        return order;
    }
    uint32_t fact_a = tree->nodes[a].admission, fact_b = tree->nodes[b].admission;
    if (fact_a == TREE_NONE || fact_b == TREE_NONE) {
        return fact_a == TREE_NONE ? -1 : 1; /* the founder, before those that the recovery keys admitted */
    }
    return tree_place_order(tree, &tree->facts[fact_a], &tree->facts[fact_b]);
}

int tree_author_order(const struct tree *tree, uint32_t a, uint32_t b) {
    if (a == TREE_RECOVERY || b == TREE_RECOVERY) {
        return (b == TREE_RECOVERY) - (a == TREE_RECOVERY);
    }
    return tree_seniority(tree, a, b);
}

int tree_fact_order(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b) {
    int order = tree_author_order(tree, tree_fact_log(tree, a)->author, tree_fact_log(tree, b)->author);
    return order != 0 ? order : tree_place_order(tree, a, b);
}

/* The order in which contested creations are taken. Nearness to the root first: a nonce can be copied only from logs one holds, those of units above and below;
 * so who copies from above comes after whom he copies from, however few admissions lie between him and the founder. */
static int creation_order(const struct tree *tree, uint32_t a, uint32_t b) {
    uint32_t author_a = tree_fact_log(tree, &tree->facts[a])->author, author_b = tree_fact_log(tree, &tree->facts[b])->author;
    uint8_t depth_a = author_a == TREE_RECOVERY ? 0 : tree->units[tree->nodes[author_a].node.unit].depth;
    uint8_t depth_b = author_b == TREE_RECOVERY ? 0 : tree->units[tree->nodes[author_b].node.unit].depth;
    return depth_a != depth_b && !PLANTED("nearness-ignored") ? (depth_a < depth_b ? -1 : 1) : tree_fact_order(tree, &tree->facts[a], &tree->facts[b]);
}

/* ---- taking facts in ---- */

/* In each of these the fact is made last, when all that it needs is there: a failure leaves none half made. */

static bool is_known(const struct tree *tree, const struct fact *fact) {
    return tree_verdict(tree, fact->entry_id, fact->place) != STATUS_NOT_FOUND;
}

enum status tree_add_unit(struct tree *tree, const struct fact *fact, const struct unit_id *id, const struct unit_change *change) {
    uint32_t number, unit = TREE_NONE, parent = TREE_NONE, code = TREE_NONE, name = TREE_NONE;
    if (is_known(tree, fact)) {
        return STATUS_OK;
    }
    enum status status = tree_intern_unit(tree, id, &unit);
    if (status == STATUS_OK) {
        status = tree_intern_unit(tree, &change->parent, &parent);
    }
    if (status == STATUS_OK) {
        status = tree_text_add(tree, change->code, &code);
    }
    if (status == STATUS_OK) {
        status = tree_text_add(tree, change->name, &name);
    }
    if (status == STATUS_OK) {
        status = tree_intern_fact(tree, fact, &number);
    }
    if (status == STATUS_OK) {
        struct tree_fact *made = &tree->facts[number];
        made->kind = CHANGE_UNIT;
        made->subject = unit;
        made->parent = parent;
        made->code = code;
        made->name = name;
        made->level = change->level;
        made->effective = change->effective.set ? change->effective.days : TREE_ALWAYS;
    }
    return status;
}

static enum status add_write(struct tree *tree, const struct fact *fact, const struct unit_set_change *change) {
    uint32_t number, unit = TREE_NONE, text = TREE_NONE;
    if (is_known(tree, fact)) {
        return STATUS_OK;
    }
    enum status status = tree_intern_unit(tree, &change->unit, &unit);
    if (status == STATUS_OK) {
        status = tree_text_add(tree, change->text, &text);
    }
    if (status == STATUS_OK) {
        status = tree_reserve_write(tree, unit);
    }
    if (status == STATUS_OK) {
        status = tree_intern_fact(tree, fact, &number);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct tree_fact *made = &tree->facts[number];
    made->kind = CHANGE_UNIT_SET;
    made->subject = unit;
    made->attribute = change->attribute;
    made->code = text;
    made->level = change->level;
    made->effective = change->effective.set ? change->effective.days : TREE_ALWAYS;
    return STATUS_OK;
}

enum status tree_add_attribute(struct tree *tree, const struct fact *fact, const struct unit_set_change *change) {
    return add_write(tree, fact, change);
}

/* The level table is one more attribute of the root, always effective; its text is the payload. */
enum status tree_set_levels(struct tree *tree, const struct fact *fact, const struct level_table *table) {
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    enum status status = level_table_encode(table, &payload);
    if (status == STATUS_OK) {
        struct unit_set_change change = {.unit = tree->units[0].id, .attribute = TREE_ATTRIBUTE_LEVELS, .text = buffer_bytes(&payload)};
        status = add_write(tree, fact, &change);
    }
    buffer_fini(&payload);
    return status;
}

enum status tree_add_admission(struct tree *tree, const struct fact *fact, const struct node_id *id, const struct admission *admission) {
    uint32_t number, node = TREE_NONE, unit = TREE_NONE, inviter = TREE_RECOVERY, power = TREE_NONE;
    if (is_known(tree, fact)) {
        return STATUS_OK;
    }
    enum status status = tree_intern_node(tree, id, &node);
    if (status == STATUS_OK) {
        status = tree_intern_unit(tree, &admission->unit, &unit);
    }
    if (status == STATUS_OK && fact->log.kind != LOG_RECOVERY) {
        status = tree_intern_node(tree, &admission->inviter, &inviter);
    }
    if (status == STATUS_OK) {
        status = tree_reserve_key(tree);
    }
    if (status == STATUS_OK) {
        status = tree_power_of_admission(tree, admission, &power);
    }
    if (status == STATUS_OK) {
        status = tree_intern_fact(tree, fact, &number);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct tree_fact *made = &tree->facts[number];
    struct tree_slot_node *slot = &tree->nodes[node];
    made->kind = CHANGE_ADMISSION;
    made->subject = node;
    made->parent = unit;
    made->level = !ID_EQUAL(&admission->inviter, &fact->log.node); /* not in a log of the inviter it names: never stands */
    made->power = power;
    slot->claimed |= made->level == 0;
    if (slot->unit == TREE_NONE) {                                 /* the id is the hash of all this: every admission of the node says the same */
        slot->unit = unit;
        slot->node.inviter = inviter == TREE_RECOVERY ? TREE_NONE : inviter;
        slot->node.roles = admission->roles;
        slot->succeeds = admission->has_succeeds && ID_EQUAL(&admission->succeeds, &admission->inviter);
        memcpy(slot->node.signing_key, admission->signing_key, sizeof slot->node.signing_key);
        memcpy(slot->node.transport_key, admission->transport_key, sizeof slot->node.transport_key);
    }
    return STATUS_OK;
}

/* ---- judging ---- */

static enum status wait_for(struct tree *tree, uint32_t fact, uint32_t *list, enum status why) {
    tree->facts[fact].waiting_next = *list;
    *list = fact;
    return why;
}

static void wake(struct tree *tree, uint32_t *list) {
    for (uint32_t fact = *list; fact != TREE_NONE; fact = tree->facts[fact].waiting_next) {
        tree->work[tree->work_count++] = fact;
    }
    *list = TREE_NONE;
}

/* May what the fact says stand? What it lacks, if anything, it is hung on. */
static enum status lawful(struct tree *tree, uint32_t number) {
    const struct tree_fact *fact = &tree->facts[number];
    uint32_t author = tree_fact_log(tree, fact)->author;
    uint32_t unit = fact->kind == CHANGE_UNIT_SET ? fact->subject : fact->parent;
    if (fact->kind == CHANGE_ADMISSION && fact->level != 0 && !PLANTED("inviter-not-compared")) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    if (author != TREE_RECOVERY && !tree->nodes[author].stands) {
        return wait_for(tree, number, &tree->nodes[author].waiting, STATUS_AUTHOR_UNKNOWN);
    }
    if (!tree->units[unit].stands) {
        return wait_for(tree, number, &tree->units[unit].waiting, STATUS_UNIT_UNKNOWN);
    }
    if (author != TREE_RECOVERY) {
        const struct tree_node *node = &tree->nodes[author].node;
        uint32_t actor = PLANTED("authority-of-the-parent") && node->unit > 0 ? tree->units[node->unit].parent : node->unit;
        if (((node->roles & ROLE_STEWARD) == 0 && !PLANTED("writer-as-steward")) || !tree_over(tree, actor, unit)) {
            return STATUS_OUTSIDE_AUTHORITY;
        }
    }
    if (fact->kind == CHANGE_UNIT && (fact->subject == 0 || fact->subject == unit)) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    return fact->kind == CHANGE_UNIT && tree->units[unit].depth >= LINE_UNITS_MAX ? STATUS_LINE_BROKEN : STATUS_OK;
}

static enum status accept_unit(struct tree *tree, uint32_t number) {
    struct tree_fact *fact = &tree->facts[number];
    struct tree_unit *unit = &tree->units[fact->subject];
    tree_index_code(tree, number);
    if (unit->stands) {
        if (tree_fact_order(tree, fact, &tree->facts[unit->creation]) < 0) {
            unit->creation = number;
            tree->retractions++; /* what it says of the unit may be other than what the one before said */
            return tree_creation_stands(tree, fact->subject);
        }
        return STATUS_OK;
    }
    unit->stands = true;
    unit->parent = fact->parent;
    unit->creation = number;
    unit->depth = (uint8_t)(tree->units[fact->parent].depth + 1);
    unit->dominated = 0;
    tree->standing++;
    wake(tree, &unit->waiting);
    return STATUS_OK;
}

static void accept_admission(struct tree *tree, uint32_t number) {
    struct tree_fact *fact = &tree->facts[number];
    struct tree_slot_node *slot = &tree->nodes[fact->subject];
    bool better = !slot->stands || tree_place_order(tree, fact, &tree->facts[slot->admission]) < 0;
    tree->anew |= better && slot->stands; /* its seniority rises, and with it perhaps which of two creations holds */
    if (better) {
        slot->admission = number;
        slot->node.entry_id = tree->entries[fact->entry].id;
    }
    if (!slot->stands) {
        slot->stands = true;
        slot->node.unit = slot->unit;
        tree_chain_join(tree, fact->subject);
        tree_index_key(tree, fact->subject);
        wake(tree, &slot->waiting);
    }
}

static enum status accept(struct tree *tree, uint32_t number) {
    struct tree_fact *fact = &tree->facts[number];
    fact->verdict = STATUS_OK;
    tree->version++;
    tree->cache->ready = false;
    if (fact->kind == CHANGE_UNIT) {
        return accept_unit(tree, number);
    }
    if (fact->kind == CHANGE_ADMISSION) {
        accept_admission(tree, number);
        return STATUS_OK;
    }
    return tree_write_stands(tree, number);
}

static bool contests(const struct tree *tree, uint32_t number) {
    const struct tree_fact *fact = &tree->facts[number];
    const struct tree_unit *unit = &tree->units[fact->subject];
    return fact->kind == CHANGE_UNIT && unit->stands && unit->parent != fact->parent;
}

/* Judges the list of work until it is empty. Lawful creations are put into `ready` where it is given, else they stand at once; a contest ends it. */
static enum status work_off(struct tree *tree, uint32_t *ready, uint32_t *ready_count) {
    while (tree->work_count > 0) {
        uint32_t number = tree->work[--tree->work_count];
        enum status verdict = lawful(tree, number);
        tree->facts[number].verdict = (uint16_t)verdict;
        if (verdict != STATUS_OK) {
            continue;
        }
        if (ready != NULL && tree->facts[number].kind == CHANGE_UNIT) {
            ready[(*ready_count)++] = number;
            continue;
        }
        if (contests(tree, number)) {
            tree->facts[number].verdict = STATUS_OUTSIDE_AUTHORITY;
            tree->anew = true;
            return STATUS_OK;
        }
        enum status status = accept(tree, number);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* ---- contests ---- */

void tree_all_anew(struct tree *tree) {
    for (uint32_t i = 0; i < tree->unit_count; i++) {
        tree->units[i].waiting = TREE_NONE;
        tree->units[i].dominated = 0;
        tree->units[i].closed = false;
        if (i > 0) {
            tree->units[i].stands = false;
            tree->units[i].parent = tree->units[i].creation = TREE_NONE;
        }
    }
    for (uint32_t i = 0; i < tree->write_count; i++) {
        tree->writes[i].count = 0;
    }
    for (uint32_t i = 0; i < tree->node_count; i++) {
        tree->nodes[i].waiting = TREE_NONE;
        if (i > 0) {
            tree->nodes[i].stands = false;
            tree->nodes[i].node.unit = TREE_NONE;
            tree->nodes[i].admission = TREE_NONE;
        }
    }
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        tree->facts[i].waiting_next = TREE_NONE;
        tree->facts[i].dominated = false;
    }
    tree_clear_indexes(tree);
    tree_index_key(tree, 0);
    tree->standing = 1;
    tree->levels_stale = true;
    tree->cache->ready = false;
    tree->version++;
}

/* ready is a heap, the best creation on top. */
static void heap_sink(const struct tree *tree, uint32_t *heap, uint32_t count, uint32_t at) {
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && creation_order(tree, heap[child + 1], heap[child]) < 0) {
            child++;
        }
        if (creation_order(tree, heap[at], heap[child]) <= 0) {
            return;
        }
        uint32_t keep = heap[at];
        heap[at] = heap[child];
        heap[child] = keep;
    }
}

static void heap_rise(const struct tree *tree, uint32_t *heap, uint32_t at) {
    while (at > 0 && creation_order(tree, heap[at], heap[(at - 1) / 2]) < 0) {
        uint32_t keep = heap[at];
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
        heap[at] = keep;
    }
}

/* Judges everything anew in an order that only the facts decide: what makes no contest as soon as it is lawful, creations one by one, the best of those lawful
 * so far first. */
static enum status contest_settle(struct tree *tree) {
    uint32_t *ready = malloc((tree->fact_count + 1) * sizeof *ready), count = 0, heaped = 0;
    if (ready == NULL) {
        return STATUS_NO_MEMORY;
    }
    tree_all_anew(tree);
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        tree->facts[i].stood = tree->facts[i].verdict == STATUS_OK;
        tree->work[i] = i;
    }
    tree->work_count = tree->fact_count;
    tree->contested = false;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = work_off(tree, ready, &count);
        while (heaped < count) {
            heap_rise(tree, ready, heaped++);
        }
        if (status != STATUS_OK || count == 0) {
            break;
        }
        uint32_t best = ready[0];
        ready[0] = ready[--count];
        heaped = count;
        heap_sink(tree, ready, count, 0);
        if (contests(tree, best)) {
            tree->facts[best].verdict = STATUS_OUTSIDE_AUTHORITY;
            tree->contested = true;
        } else {
            status = accept(tree, best);
        }
    }
    free(ready);
    tree->anew = false;
    bool retracted = false;
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        retracted |= tree->facts[i].stood && tree->facts[i].verdict != STATUS_OK && !PLANTED("retraction-unnoticed");
    }
    tree->retractions += retracted;
    return status;
}

enum status tree_settle(struct tree *tree) {
    enum status status = STATUS_OK;
    if (tree->trust->power && (tree->judged != tree->fact_count || tree->trust->forked)) {
        tree->work_count = 0;
        tree->judged = tree->fact_count;
        tree->trust->forked = false;
        return tree_judge_all(tree);
    }
    if (tree->judged == tree->fact_count) {
        return STATUS_OK;
    }
    for (; tree->judged < tree->fact_count; tree->judged++) {
        tree->work[tree->work_count++] = tree->judged;
    }
    if (!tree->contested) {
        status = work_off(tree, NULL, NULL);
    }
    if (status == STATUS_OK && (tree->contested || tree->anew)) {
        status = contest_settle(tree);
    }
    if (status == STATUS_OK && tree->levels_stale) {
        status = tree_levels_refresh(tree);
    }
    return status;
}
