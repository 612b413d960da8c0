/* Who may hold what: docs/protocol.md section 10. Logs by all parents ever lawfully written (tree_scope.c), what stands in them by the units as they stand
 * today. */
#include "store/tree_trust.h"

#include "protocol/planted.h"

bool tree_over(const struct tree *tree, uint32_t actor, uint32_t unit) {
    if (!tree_stands(tree, actor) || !tree_stands(tree, unit)) {
        return false;
    }
    while (tree->units[unit].depth > tree->units[actor].depth) {
        unit = tree->units[unit].parent;
    }
    return unit == actor;
}

uint32_t tree_held_node(const struct tree *tree, const struct node_id *id) {
    uint32_t node = tree_find_node(tree, id);
    return node != TREE_NONE && (tree->nodes[node].stands || tree_scope_waits(tree, node)) ? node : TREE_NONE;
}

uint32_t tree_author_unit(const struct tree *tree, const struct log_id *log) {
    if (log->kind == LOG_RECOVERY) {
        return 0;
    }
    uint32_t node = tree_held_node(tree, &log->node);
    if (node == TREE_NONE) {
        return TREE_NONE;
    }
    return tree->nodes[node].stands ? tree->nodes[node].node.unit : tree->nodes[node].unit;
}

/* Does the answer to join say that `above` stands above this unit, which does not stand yet? The root stands above every unit. */
static bool hinted(const struct tree *tree, const struct unit_id *unit, uint32_t above) {
    if (above == 0) {
        return true;
    }
    if (!tree->has_hint || !ID_EQUAL(&tree->hint_unit, unit)) {
        return false;
    }
    for (size_t i = 0; i < tree->hint_line.count; i++) {
        if (ID_EQUAL(&tree->hint_line.units[i], &tree->units[above].id)) {
            return true;
        }
    }
    return false;
}

bool tree_may_hold_log(const struct tree *tree, const struct unit_id *unit, const struct log_id *log) {
    if (log->kind == LOG_RECOVERY) {
        return true;
    }
    uint32_t author = tree_author_unit(tree, log), holder = tree_unit(tree, unit);
    if (author == TREE_NONE) {
        return false;
    }
    if (holder == TREE_NONE) {
        return log->kind == LOG_DIRECTIVE && hinted(tree, unit, author);
    }
    return tree_over(tree, holder, author) || ((log->kind == LOG_DIRECTIVE || PLANTED("report-goes-down")) && tree_scope_reaches(tree, author, holder));
}

bool tree_may_accept_log(const struct tree *tree, const struct unit_id *unit, const struct log_id *log) {
    uint32_t author = tree_author_unit(tree, log), holder = tree_unit(tree, unit);
    if (tree_may_hold_log(tree, unit, log)) {
        return true;
    }
    return log->kind == LOG_DIRECTIVE && author != TREE_NONE && holder != TREE_NONE && tree_scope_names(tree, holder, author);
}

/* May every unit from the one above `concerned` up to the holder have what reaches so far? Levels need not fall along a line: a unit on the way that may not
 * would not pass it on. The root's level number may have been set to any: a reach of 0 means up to the root whatever its number is. */
static bool within_reach(const struct tree *tree, uint32_t holder, uint32_t concerned, uint8_t reach) {
    if (reach == REACH_PRIVATE || !tree_over(tree, holder, concerned)) {
        return false;
    }
    for (uint32_t unit = concerned; reach != 0 && unit != holder;) {
        unit = tree->units[unit].parent;
        if (tree_level(tree, unit, TREE_TODAY) < reach) {
            return false;
        }
    }
    return true;
}

static bool may_hold_record(const struct tree *tree, uint32_t holder, uint32_t author, const struct header *header) {
    uint32_t concerned = tree_unit(tree, &header->audience[0].unit);
    if (holder == author || holder == concerned) {
        return true;
    }
    if (header->log.kind == LOG_DIRECTIVE) {
        return tree_over(tree, holder, author) || (tree_over(tree, holder, concerned) && !PLANTED("correction-withheld"));
    }
    return within_reach(tree, holder, concerned, header->reach);
}

static bool level_below(const struct tree *tree, uint32_t unit, unsigned level) {
    const uint32_t *children;
    size_t count = tree_children(tree, unit, &children);
    for (size_t i = 0; i < count; i++) {
        if (tree_level(tree, children[i], TREE_TODAY) == level || level_below(tree, children[i], level)) {
            return true;
        }
    }
    return false;
}

/* Is a unit below this one selected? Then a document from above reaches it only through this one. */
static bool passes_on(const struct tree *tree, const struct header *header, uint32_t holder) {
    for (size_t i = 0; i < header->audience_count; i++) {
        const struct term *term = &header->audience[i];
        uint32_t named = tree_unit(tree, &term->unit);
        if (named == TREE_NONE) {
            continue;
        }
        bool above = tree_over(tree, holder, named), below = tree_over(tree, named, holder);
        if (term->scope < SCOPE_LEVEL) {
            if (above && !below) {
                return true;
            }
            continue;
        }
        unsigned level = (unsigned)term->scope - SCOPE_LEVEL;
        if ((above && !below && tree_level(tree, named, TREE_TODAY) == level) || (above && level_below(tree, named, level)) ||
            (below && level_below(tree, holder, level))) {
            return true;
        }
    }
    return false;
}

bool tree_may_hold_body(const struct tree *tree, const struct unit_id *unit, const struct header *header) {
    if (header->cls == CLASS_CONTROL || !tree_may_hold_log(tree, unit, &header->log)) {
        return tree_may_hold_log(tree, unit, &header->log);
    }
    uint32_t author = tree_author_unit(tree, &header->log), holder = tree_unit(tree, unit);
    if (holder == TREE_NONE || author == TREE_NONE) {
        return false;
    }
    if (header->cls == CLASS_RECORD) {
        return header->audience_count == 1 && may_hold_record(tree, holder, author, header);
    }
    return tree_over(tree, holder, author) || tree_selected(tree, header->audience, header->audience_count, holder) ||
           (tree_over(tree, author, holder) && passes_on(tree, header, holder) && !PLANTED("document-not-passed-on"));
}

/* ---- what is handed up ---- */

/* Both units in one line of today, the author's once below both and in no line with the lower one any more. */
bool tree_hands_up(const struct tree *tree, const struct unit_id *lower, const struct unit_id *upper, const struct log_id *log) {
    uint32_t from = tree_unit(tree, lower), to = tree_unit(tree, upper), author = log->kind == LOG_RECOVERY ? TREE_NONE : tree_author_unit(tree, log);
    if (from == TREE_NONE || to == TREE_NONE || author == TREE_NONE || from == to || !tree_over(tree, to, from)) {
        return false;
    }
    return !tree_over(tree, author, from) && !tree_over(tree, from, author) && tree_ever_over(tree, from, author) && tree_ever_over(tree, to, author);
}

bool tree_hands_body(const struct tree *tree, const struct unit_id *lower, const struct unit_id *upper, const struct header *header) {
    if (!tree_hands_up(tree, lower, upper, &header->log)) {
        return false;
    }
    if (header->cls != CLASS_RECORD || header->log.kind == LOG_DIRECTIVE || PLANTED("reach-forgotten-when-handed")) {
        return true;
    }
    return header->audience_count == 1 && within_reach(tree, tree_unit(tree, upper), tree_unit(tree, lower), header->reach);
}

void tree_each_left(const struct tree *tree, const struct unit_id *lower, bool (*fn)(void *arg, uint32_t unit, unsigned depth), void *arg) {
    uint32_t from = tree_unit(tree, lower);
    bool going = from != TREE_NONE && tree->trust->ready; /* else nobody has moved */
    for (uint32_t unit = 1; going && unit < tree->unit_count; unit++) {
        if (tree_stands(tree, unit) && !tree_over(tree, from, unit) && tree_ever_over(tree, from, unit)) {
            going = fn(arg, unit, 0);
        }
    }
}

bool tree_may_hold_receipt(const struct tree *tree, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log) {
    uint32_t node = tree_node(tree, holder), asks = tree_unit(tree, unit), author = tree_author_unit(tree, log);
    if (node == TREE_NONE || asks == TREE_NONE || author == TREE_NONE) {
        return false;
    }
    uint32_t holds = tree->nodes[node].node.unit;
    return ((tree_over(tree, holds, asks) || PLANTED("receipts-sideways")) && tree_over(tree, asks, author)) ||
           (tree_over(tree, author, asks) && tree_over(tree, asks, holds));
}

bool tree_selected(const struct tree *tree, const struct term *audience, size_t count, uint32_t unit) {
    for (size_t i = 0; i < count; i++) {
        uint32_t named = tree_unit(tree, &audience[i].unit);
        if (named == TREE_NONE || !tree_stands(tree, unit)) {
            continue;
        }
        if (audience[i].scope == SCOPE_UNIT
                ? named == unit
                : tree_over(tree, named, unit) &&
                      (audience[i].scope == SCOPE_SUBTREE || tree_level(tree, unit, TREE_TODAY) == (unsigned)audience[i].scope - SCOPE_LEVEL)) {
            return true;
        }
    }
    return false;
}

bool tree_cutters(const struct tree *tree, uint8_t *out) {
    const struct tree_trust *trust = tree->trust;
    for (size_t i = 0; i < trust->cut_count; i++) {
        uint32_t node = trust->cuts[i].issuer;
        while (node < tree->node_count && out[node] == 0) {
            out[node] = 1;
            node = tree->nodes[node].node.inviter;
        }
    }
    return trust->cut_count > 0;
}

bool tree_erases(const struct tree *tree) {
    return tree->trust->erasure_count > 0;
}

/* ---- the level table ---- */

size_t tree_levels(const struct tree *tree, const struct level_name **out) {
    *out = tree->levels->levels;
    return tree->levels->count;
}

static bool same_name(struct bytes a, struct bytes b) {
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        uint8_t x = a.data[i], y = b.data[i];
        x = x >= 'A' && x <= 'Z' ? (uint8_t)(x + ('a' - 'A')) : x;
        y = y >= 'A' && y <= 'Z' ? (uint8_t)(y + ('a' - 'A')) : y;
        if (x != y) {
            return false;
        }
    }
    return true;
}

static bool level_is(const struct level_name *level, struct bytes text) {
    char number[4];
    size_t len = 0;
    if (level->number >= 10) {
        number[len++] = (char)('0' + level->number / 10);
    }
    number[len++] = (char)('0' + level->number % 10);
    if (bytes_equal(text, bytes_of(number, len))) {
        return true;
    }
    for (size_t i = 0; i < level->names.count; i++) {
        if (same_name(level->names.items[i].text, text)) {
            return true;
        }
    }
    return false;
}

enum status tree_level_number(const struct tree *tree, struct bytes text, unsigned *out) {
    *out = 0;
    for (size_t i = 0; i < tree->levels->count; i++) {
        if (level_is(&tree->levels->levels[i], text)) {
            *out = tree->levels->levels[i].number;
            return STATUS_OK;
        }
    }
    return STATUS_LEVEL_UNKNOWN;
}
