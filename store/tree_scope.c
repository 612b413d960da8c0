/* Whose directive logs a unit may hold because of moves: those of every unit that ever stood above it, above a unit of its subtree, or above a unit that was
 * directly under one of these and left (docs/protocol.md section 10).
 *
 * Where nobody has moved, these are the units above it, and nothing is kept here. Where a way up from a unit of the subtree over any parents ever written does
 * not pass through the unit itself, it leaves today's tree at some unit of the subtree whose parents ever written are not just the one of today: a *mover*. So
 * it is enough to know the movers of a subtree, and those that a unit of the subtree once was a parent of.
 *
 * Also who waits: nodes of an admission that does not stand yet, but may once somebody decides about a fork, accepts what came after a handover, or the unit
 * comes to be known. Their logs are held and passed on like those of others. What hangs from a cut waits for nothing. */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <stdlib.h>

/* mover is in the subtree of unit, or was directly under a unit of it. */
struct mover_of {
    uint32_t unit, mover;
};
struct tree_scope {
    bool ready;
    uint64_t version;
    struct mover_of *items; /* by unit, then mover; each once */
    uint32_t *waiting;      /* nodes, ascending */
    size_t count, capacity, waiting_count, waiting_capacity;
    /* Units that changes about one unit's line and subtree name, whatever became of the changes. */
    bool named_ready;
    uint64_t named_version;
    uint32_t named_for;
    uint8_t *named; /* by unit */
    size_t named_units;
};

enum status tree_scope_new(struct tree_scope **out) {
    *out = calloc(1, sizeof **out);
    return *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void tree_scope_free(struct tree_scope *scope) {
    if (scope != NULL) {
        free(scope->items);
        free(scope->waiting);
        free(scope->named);
    }
    free(scope);
}

static bool is_mover(const struct tree *tree, uint32_t unit, const uint32_t **parents, size_t *count) {
    *count = tree_ever_parents(tree, unit, parents);
    return *count > 1 || (*count == 1 && (!tree->units[unit].stands || tree->units[unit].parent != (*parents)[0]));
}

static bool add(struct tree_scope *scope, uint32_t unit, uint32_t mover) {
    if (tree_grow(&scope->items, &scope->capacity, scope->count, sizeof *scope->items) != STATUS_OK) {
        return false;
    }
    scope->items[scope->count++] = (struct mover_of){unit, mover};
    return true;
}

/* For a unit that stands and all above it. */
static bool add_line(const struct tree *tree, struct tree_scope *scope, uint32_t unit, uint32_t mover) {
    while (tree_stands(tree, unit)) {
        if (!add(scope, unit, mover)) {
            return false;
        }
        if (unit == 0) {
            break;
        }
        unit = tree->units[unit].parent;
    }
    return true;
}

static int order(const void *x, const void *y) {
    const struct mover_of *a = x, *b = y;
    if (a->unit != b->unit) {
        return a->unit < b->unit ? -1 : 1;
    }
    return a->mover < b->mover ? -1 : a->mover > b->mover;
}

static bool fill_movers(const struct tree *tree, struct tree_scope *scope) {
    const uint32_t *parents;
    size_t count;
    bool good = true;
    scope->count = 0;
    for (uint32_t unit = 1; good && unit < tree->unit_count; unit++) {
        if (is_mover(tree, unit, &parents, &count)) {
            good = add_line(tree, scope, unit, unit);
            for (size_t i = 0; good && i < count; i++) {
                good = add_line(tree, scope, parents[i], unit);
            }
        }
    }
    if (good && scope->count > 0) {
        size_t kept = 1;
        qsort(scope->items, scope->count, sizeof scope->items[0], order);
        for (size_t i = 1; i < scope->count; i++) {
            if (order(&scope->items[i - 1], &scope->items[i]) != 0) {
                scope->items[kept++] = scope->items[i];
            }
        }
        scope->count = kept;
    }
    return good;
}

static bool is_waiting(const struct tree_scope *scope, uint32_t node) {
    size_t low = 0, high = scope->waiting_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scope->waiting[middle] == node) {
            return true;
        }
        if (scope->waiting[middle] < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* Does this admission, which does not stand, wait for somebody's word? */
static bool admission_waits(const struct tree *tree, const struct tree_scope *scope, const struct tree_fact *fact) {
    uint32_t author = tree_fact_log(tree, fact)->author;
    switch (fact->verdict) {
    case STATUS_HANDED_OVER:
    case STATUS_UNIT_UNKNOWN:
    case STATUS_FORK:
        return true;
    case STATUS_AUTHOR_UNKNOWN:
        return author != TREE_RECOVERY && is_waiting(scope, author);
    default:
        return false;
    }
}

static bool add_waiting(struct tree_scope *scope, uint32_t node) {
    size_t at = scope->waiting_count;
    if (tree_grow(&scope->waiting, &scope->waiting_capacity, scope->waiting_count, sizeof *scope->waiting) != STATUS_OK) {
        return false;
    }
    for (; at > 0 && scope->waiting[at - 1] > node; at--) {
        scope->waiting[at] = scope->waiting[at - 1];
    }
    scope->waiting[at] = node;
    scope->waiting_count++;
    return true;
}

/* Once more for each link in the longest chain of those that wait. */
static bool fill_waiting(const struct tree *tree, struct tree_scope *scope) {
    bool good = true, more = true;
    scope->waiting_count = 0;
    while (good && more) {
        more = false;
        for (uint32_t i = 0; good && i < tree->fact_count; i++) {
            const struct tree_fact *fact = &tree->facts[i];
            if (fact->kind == CHANGE_ADMISSION && fact->level == 0 && fact->verdict != STATUS_OK && !tree->nodes[fact->subject].stands &&
                !is_waiting(scope, fact->subject) && admission_waits(tree, scope, fact)) {
                good = more = add_waiting(scope, fact->subject);
            }
        }
    }
    return good;
}

static const struct tree_scope *scope_ready(const struct tree *tree) {
    struct tree_scope *scope = tree->scope;
    if (!tree->trust->ready) { /* nobody has moved, and nothing waits for a decision */
        scope->count = scope->waiting_count = 0;
        scope->ready = true;
        scope->version = 0;
    } else if (!scope->ready || scope->version != tree->version) {
        scope->ready = fill_movers(tree, scope) && fill_waiting(tree, scope);
        scope->version = tree->version;
    }
    return scope;
}

bool tree_scope_waits(const struct tree *tree, uint32_t node) {
    return is_waiting(scope_ready(tree), node);
}

/* Above it, by one parent ever written or more: of a unit itself only where the parents ever written make a circle. */
static bool stood_above(const struct tree *tree, uint32_t above, uint32_t unit) {
    const uint32_t *parents;
    if (above != unit) {
        return tree_ever_over(tree, above, unit);
    }
    size_t count = tree_ever_parents(tree, unit, &parents);
    for (size_t i = 0; i < count; i++) {
        if (tree_ever_over(tree, above, parents[i])) {
            return true;
        }
    }
    return false;
}

/* Without the memory for the list every unit is looked at. */
static bool reaches_slowly(const struct tree *tree, uint32_t above, uint32_t unit) {
    const uint32_t *parents;
    size_t count;
    for (uint32_t mover = 1; mover < tree->unit_count; mover++) {
        if (!is_mover(tree, mover, &parents, &count)) {
            continue;
        }
        bool near = tree_over(tree, unit, mover);
        for (size_t i = 0; i < count && !near; i++) {
            near = tree_over(tree, unit, parents[i]);
        }
        if (near && stood_above(tree, above, mover)) {
            return true;
        }
    }
    return false;
}

static size_t first_of(const struct tree_scope *scope, uint32_t unit) {
    size_t low = 0, high = scope->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scope->items[middle].unit < unit) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool tree_scope_reaches(const struct tree *tree, uint32_t above, uint32_t unit) {
    if (tree_ever_over(tree, above, unit)) {
        return true;
    }
    const struct tree_scope *scope = scope_ready(tree);
    if (!scope->ready) {
        return reaches_slowly(tree, above, unit);
    }
    for (size_t i = first_of(scope, unit); !PLANTED("only-own-line-followed") && i < scope->count && scope->items[i].unit == unit; i++) {
        if (stood_above(tree, above, scope->items[i].mover)) {
            return true;
        }
    }
    return false;
}

/* ---- what is named ---- */

/* Does the change put a unit under, or take one from, what has been named, the unit or its subtree; or is it a unit above that it puts elsewhere? Then who
 * stands in its lines has a say about these. */
static bool names_line(const struct tree *tree, const struct tree_scope *scope, const struct tree_fact *fact, uint32_t unit) {
    const struct tree_power *power = &tree->trust->powers[fact->power];
    if (scope->named[fact->subject] || tree_over(tree, unit, fact->subject) ||
        (tree_ever_over(tree, fact->subject, unit) && !PLANTED("named-above-not-accepted"))) {
        return true;
    }
    for (uint32_t i = 0; i < power->line_count + power->former_count; i++) {
        if (tree_over(tree, unit, tree->trust->lines[power->lines + i])) {
            return true;
        }
    }
    return false;
}

/* Once more for each link in the longest chain of changes that name one another. */
static void fill_named(const struct tree *tree, struct tree_scope *scope, uint32_t unit) {
    bool more = true;
    while (more) {
        more = false;
        for (uint32_t i = 0; i < tree->fact_count; i++) {
            const struct tree_fact *fact = &tree->facts[i];
            if (fact->kind < CHANGE_MOVE || fact->kind > CHANGE_SAME || !names_line(tree, scope, fact, unit)) {
                continue;
            }
            const struct tree_power *power = &tree->trust->powers[fact->power];
            more |= !scope->named[fact->subject];
            scope->named[fact->subject] = 1;
            for (uint32_t j = 0; j < power->line_count + power->former_count; j++) {
                uint32_t above = tree->trust->lines[power->lines + j];
                more |= !scope->named[above];
                scope->named[above] = 1;
            }
        }
    }
}

bool tree_scope_names(const struct tree *tree, uint32_t unit, uint32_t named) {
    struct tree_scope *scope = tree->scope;
    if (!tree->trust->power || PLANTED("named-not-accepted")) {
        return false;
    }
    if (!scope->named_ready || scope->named_version != tree->version || scope->named_for != unit || scope->named_units != tree->unit_count) {
        uint8_t *units = calloc(tree->unit_count, 1);
        scope->named_ready = units != NULL;
        if (units == NULL) {
            return false; /* it is asked again */
        }
        free(scope->named);
        scope->named = units;
        scope->named_units = tree->unit_count;
        scope->named_version = tree->version;
        scope->named_for = unit;
        fill_named(tree, scope, unit);
    }
    return named < scope->named_units && scope->named[named] != 0;
}

/* ---- all of them ---- */

struct reach {
    const struct tree *tree;
    uint8_t *met; /* by unit: START, ABOVE */
    uint32_t *stack;
    size_t count;
};
enum { START = 1, ABOVE = 2 };

static void start_from(struct reach *reach, uint32_t unit) {
    if (reach->met[unit] == 0) {
        reach->met[unit] = START;
        reach->stack[reach->count++] = unit;
    }
}

enum status tree_each_above(const struct tree *tree, uint32_t unit, bool (*fn)(void *arg, uint32_t above, unsigned depth), void *arg) {
    struct reach reach = {.tree = tree, .met = calloc(tree->unit_count, 1), .stack = malloc(tree->unit_count * sizeof *reach.stack)};
    const struct tree_scope *scope = scope_ready(tree);
    enum status status = reach.met == NULL || reach.stack == NULL || !scope->ready ? STATUS_NO_MEMORY : STATUS_OK;
    bool going = true;
    if (status == STATUS_OK) {
        start_from(&reach, unit);
        for (size_t i = first_of(scope, unit); i < scope->count && scope->items[i].unit == unit; i++) {
            start_from(&reach, scope->items[i].mover);
        }
    }
    while (status == STATUS_OK && going && reach.count > 0) {
        const uint32_t *parents;
        size_t count = tree_ever_parents(tree, reach.stack[--reach.count], &parents);
        for (size_t i = 0; i < count && going; i++) {
            uint32_t above = parents[i];
            if (reach.met[above] == 0) {
                reach.stack[reach.count++] = above;
            }
            if (reach.met[above] != ABOVE) {
                reach.met[above] = ABOVE;
                going = tree_over(tree, unit, above) || fn(arg, above, 0);
            }
        }
    }
    free(reach.met);
    free(reach.stack);
    return status;
}

void tree_each_named(const struct tree *tree, uint32_t unit, bool (*fn)(void *arg, uint32_t named, unsigned depth), void *arg) {
    bool going = true;
    for (uint32_t named = 0; going && tree->trust->power && named < tree->unit_count; named++) {
        if (tree_scope_names(tree, unit, named) && !tree_over(tree, unit, named) && !tree_scope_reaches(tree, named, unit)) {
            going = fn(arg, named, 0);
        }
    }
}

size_t tree_waiting_nodes(const struct tree *tree, const uint32_t **out) {
    const struct tree_scope *scope = scope_ready(tree);
    *out = scope->waiting;
    return scope->waiting_count;
}
