#include "tests/sim/ram_tree.h"

#include <assert.h>

void ram_tree_init(struct ram_tree *tree, const struct founding *founding) {
    *tree = (struct ram_tree){.unit_count = 1, .node_count = 1, .version = 1};
    tree->units[0] = (struct ram_unit){.id = founding->root, .has_level = true};
    tree->nodes[0] = (struct ram_node){.id = founding->founder, .unit = founding->root};
    memcpy(tree->nodes[0].signing_key, founding->signing_key, sizeof founding->signing_key);
}

const struct ram_unit *ram_tree_unit(const struct ram_tree *tree, const struct unit_id *unit) {
    for (size_t i = 0; i < tree->unit_count; i++) {
        if (ID_EQUAL(&tree->units[i].id, unit)) {
            return &tree->units[i];
        }
    }
    return NULL;
}

const struct ram_node *ram_tree_node(const struct ram_tree *tree, const struct node_id *node) {
    for (size_t i = 0; i < tree->node_count; i++) {
        if (ID_EQUAL(&tree->nodes[i].id, node)) {
            return &tree->nodes[i];
        }
    }
    return NULL;
}

bool ram_tree_above(const struct ram_tree *tree, const struct unit_id *upper, const struct unit_id *lower) {
    const struct ram_unit *unit = ram_tree_unit(tree, lower);
    for (size_t i = 0; unit != NULL && i < unit->above.count; i++) {
        if (ID_EQUAL(&unit->above.units[i], upper)) {
            return true;
        }
    }
    return false;
}

/* ---- learning ---- */

void ram_tree_add_line(struct ram_tree *tree, const struct unit_id *unit, const struct line *line) {
    if (ram_tree_unit(tree, unit) == NULL) {
        assert(tree->unit_count < RAM_TREE_MAX);
        tree->units[tree->unit_count++] = (struct ram_unit){.id = *unit, .above = *line};
        tree->version++;
    }
}

static void learn_unit(struct ram_tree *tree, const struct unit_id *id, const struct unit_change *change) {
    ram_tree_add_line(tree, id, &change->line);
    for (size_t i = 0; i < tree->unit_count; i++) {
        struct ram_unit *unit = &tree->units[i];
        if (ID_EQUAL(&unit->id, id) && !unit->has_level) {
            unit->has_level = true;
            unit->level = change->level;
            tree->version++;
        }
    }
}

static void learn_node(struct ram_tree *tree, const struct association_id *association, const struct node_id *author, const struct admission *admission) {
    struct ram_node node = {.unit = admission->unit};
    static const struct node_id recovery_keys;
    const struct ram_node *inviter = ram_tree_node(tree, author);
    admission_node_id(&node.id, association, admission);
    if (!ID_EQUAL(&admission->inviter, author) || (inviter == NULL && !ID_EQUAL(author, &recovery_keys)) || ram_tree_node(tree, &node.id) != NULL) {
        return;
    }
    node.depth = inviter != NULL ? inviter->depth + 1 : 0;
    memcpy(node.signing_key, admission->signing_key, sizeof node.signing_key);
    assert(tree->node_count < RAM_TREE_MAX);
    size_t place = tree->node_count++;
    for (; place > 0 &&
           (tree->nodes[place - 1].depth > node.depth || (tree->nodes[place - 1].depth == node.depth && ID_COMPARE(&tree->nodes[place - 1].id, &node.id) > 0));
         place--) {
        tree->nodes[place] = tree->nodes[place - 1];
    }
    tree->nodes[place] = node;
    tree->version++;
    ram_tree_add_line(tree, &admission->unit, &admission->line);
}

void ram_tree_apply(struct ram_tree *tree, const struct association_id *association, const struct node_id *author, struct bytes body) {
    struct body_reader reader;
    struct change change;
    if (body_open(&reader, body, CLASS_CONTROL) != STATUS_OK) {
        return;
    }
    while (body_next(&reader, &change)) {
        struct unit_change unit;
        struct admission admission;
        if (change.kind == CHANGE_UNIT && unit_change_decode(&unit, change.payload) == STATUS_OK) {
            struct unit_id id;
            keys_unit_id(&id, association, reader.nonce, change.place);
            learn_unit(tree, &id, &unit);
        } else if (change.kind == CHANGE_ADMISSION && admission_decode(&admission, change.payload) == STATUS_OK) {
            learn_node(tree, association, author, &admission);
        }
    }
    (void)!body_close(&reader);
}

/* ---- entitlement ---- */

void body_facts_of(struct body_facts *out, const struct header *header) {
    *out = (struct body_facts){.log = header->log, .cls = header->cls, .reach = header->reach, .audience_count = header->audience_count};
    assert(header->audience_count <= sizeof out->audience / sizeof out->audience[0]);
    memcpy(out->audience, header->audience, header->audience_count * sizeof header->audience[0]);
}

bool ram_tree_may_hold_log(const struct ram_tree *tree, const struct unit_id *unit, const struct log_id *log) {
    const struct ram_node *author = ram_tree_node(tree, &log->node);
    if (author == NULL) {
        return log->kind == LOG_RECOVERY;
    }
    return ID_EQUAL(&author->unit, unit) || ram_tree_above(tree, unit, &author->unit) ||
           (log->kind == LOG_DIRECTIVE && ram_tree_above(tree, &author->unit, unit));
}

/* Every unit above the one concerned, up to this one, is of a level of at least reach; one of which no level is known is of none. */
static bool within_reach(const struct ram_tree *tree, const struct unit_id *unit, const struct unit_id *concerned, uint8_t reach) {
    for (size_t i = 0; reach != 0 && i < tree->unit_count; i++) {
        const struct ram_unit *between = &tree->units[i];
        bool on_the_way = ram_tree_above(tree, &between->id, concerned) && (ID_EQUAL(&between->id, unit) || ram_tree_above(tree, unit, &between->id));
        if (on_the_way && (!between->has_level || between->level < reach)) {
            return false;
        }
    }
    return reach != REACH_PRIVATE && ram_tree_above(tree, unit, concerned);
}

static bool may_hold_record(const struct ram_tree *tree, const struct unit_id *unit, const struct unit_id *author, const struct body_facts *facts) {
    const struct unit_id *concerned = &facts->audience[0].unit;
    if (ID_EQUAL(unit, concerned) || ID_EQUAL(unit, author)) {
        return true;
    }
    if (facts->log.kind == LOG_DIRECTIVE) {
        return ram_tree_above(tree, unit, concerned) || ram_tree_above(tree, unit, author);
    }
    return within_reach(tree, unit, concerned, facts->reach);
}

static bool selects(const struct ram_tree *tree, const struct term *term, const struct unit_id *unit) {
    const struct ram_unit *self = ram_tree_unit(tree, unit);
    bool itself = ID_EQUAL(&term->unit, unit), in_subtree = itself || ram_tree_above(tree, &term->unit, unit);
    if (term->scope >= SCOPE_LEVEL) {
        return in_subtree && self != NULL && self->has_level && self->level == term->scope - SCOPE_LEVEL;
    }
    return term->scope == SCOPE_UNIT ? itself : in_subtree;
}

/* Does the way from the author down to units that the term selects lead through this unit? */
static bool leads(const struct ram_tree *tree, const struct term *term, const struct unit_id *unit) {
    if (term->scope < SCOPE_LEVEL) {
        return ram_tree_above(tree, unit, &term->unit);
    }
    for (size_t i = 0; i < tree->unit_count; i++) {
        if (ram_tree_above(tree, unit, &tree->units[i].id) && selects(tree, term, &tree->units[i].id)) {
            return true;
        }
    }
    return false;
}

bool ram_tree_may_hold_body(const struct ram_tree *tree, const struct unit_id *unit, const struct body_facts *facts) {
    const struct ram_node *author = ram_tree_node(tree, &facts->log.node);
    if (facts->cls == CLASS_CONTROL || !ram_tree_may_hold_log(tree, unit, &facts->log) || author == NULL) {
        return ram_tree_may_hold_log(tree, unit, &facts->log);
    }
    if (facts->cls == CLASS_RECORD) {
        return may_hold_record(tree, unit, &author->unit, facts);
    }
    bool selected = ID_EQUAL(unit, &author->unit) || ram_tree_above(tree, unit, &author->unit);
    for (size_t i = 0; i < facts->audience_count; i++) {
        bool passes = ram_tree_above(tree, &author->unit, unit) && leads(tree, &facts->audience[i], unit);
        selected = selected || passes || selects(tree, &facts->audience[i], unit);
    }
    return selected;
}

/* Nodes on the path between the holder's unit and the author's, where one of the two stands above the other. */
bool ram_tree_may_hold_receipt(const struct ram_tree *tree, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log) {
    const struct ram_node root = {.unit = tree->units[0].id}; /* the recovery keys speak for it */
    const struct ram_node *h = ram_tree_node(tree, holder), *a = log->kind == LOG_RECOVERY ? &root : ram_tree_node(tree, &log->node);
    if (h == NULL || a == NULL) {
        return false;
    }
    if (ID_EQUAL(&h->unit, &a->unit)) {
        return ID_EQUAL(unit, &h->unit);
    }
    bool holder_upper = ram_tree_above(tree, &h->unit, &a->unit);
    if (!holder_upper && !ram_tree_above(tree, &a->unit, &h->unit)) {
        return false;
    }
    const struct unit_id *top = holder_upper ? &h->unit : &a->unit, *bottom = holder_upper ? &a->unit : &h->unit;
    return ID_EQUAL(unit, top) || ID_EQUAL(unit, bottom) || (ram_tree_above(tree, top, unit) && ram_tree_above(tree, unit, bottom));
}
