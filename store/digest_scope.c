#include "store/digest_scope.h"

#include <stdlib.h>

static bool take_unit(void *arg, uint32_t unit, unsigned depth) {
    struct digest_scope *scope = arg;
    (void)depth;
    if (!scope->has[unit])
        scope->units[scope->count++] = unit;
    scope->has[unit] = true;
    return true;
}

static int unit_order(const void *x, const void *y, void *arg) {
    const uint32_t *a = x, *b = y;
    return ID_COMPARE(tree_unit_id(arg, *a), tree_unit_id(arg, *b));
}

enum status digest_scope_init(struct digest_scope *out, const struct tree *tree, uint32_t unit, uint32_t with) {
    memset(out, 0, sizeof *out);
    out->unit = unit;
    out->with = with;
    if (tree_is_under(tree, unit, with, TREE_TODAY))
        out->lower = unit;
    else if (tree_is_under(tree, with, unit, TREE_TODAY))
        out->lower = with;
    else
        return STATUS_UNIT_OUTSIDE;
    out->has_count = tree_unit_count(tree);
    out->units = calloc(out->has_count, sizeof *out->units);
    out->has = calloc(out->has_count, sizeof *out->has);
    if (out->units == NULL || out->has == NULL)
        return STATUS_NO_MEMORY;
    uint32_t line[LINE_UNITS_MAX];
    size_t above = tree_line(tree, out->lower, TREE_TODAY, line);
    for (size_t i = 0; i < above; i++)
        (void)take_unit(out, line[i], 0);
    tree_walk(tree, out->lower, TREE_TODAY, take_unit, out);
    qsort_r(out->units, out->count, sizeof out->units[0], unit_order, (void *)(uintptr_t)tree);
    return STATUS_OK;
}

void digest_scope_fini(struct digest_scope *scope) {
    free(scope->units);
    free(scope->has);
    memset(scope, 0, sizeof *scope);
}

bool digest_scope_has(const struct digest_scope *scope, uint32_t unit) {
    return unit < scope->has_count && scope->has[unit];
}

/* ---- the unit concerned ---- */

/* The unit that a control change names. False: of a kind that names none here. */
/* The unit of the node that a revocation names, or of the author of the first entry that a pin, fork decision or erasure names. Who does not know that node has
 * another verdict than who does, and neither is wrong: then it is no unit's. */
static void unit_of_named(const struct store *store, const struct change *change, struct unit_id *out) {
    struct reader reader;
    struct node_id node = {0};
    reader_init(&reader, change->payload);
    (void)reader_array(&reader, 1, MEMBERS_MAX);
    if (change->kind == CHANGE_PIN || change->kind == CHANGE_ERASE)
        (void)reader_array(&reader, 1, TRUST_REFS_MAX);
    if (change->kind != CHANGE_REVOCATION)
        (void)reader_array(&reader, 1, MEMBERS_MAX);
    reader_fixed(&reader, node.b, sizeof node.b);
    uint32_t at = reader.status == STATUS_OK ? tree_node(store->tree, &node) : TREE_NONE;
    *out = at == TREE_NONE ? (struct unit_id){0} : *tree_unit_id(store->tree, tree_node_at(store->tree, at)->unit);
}

static enum status control_unit(const struct store *store, const struct change *change, struct unit_id *out, bool *named) {
    enum status status = STATUS_OK;
    *named = true;
    if (change->kind == CHANGE_UNIT) {
        struct unit_change unit;
        status = unit_change_decode(&unit, change->payload);
        *out = unit.parent;
    } else if (change->kind == CHANGE_UNIT_SET) {
        struct unit_set_change set;
        status = unit_set_change_decode(&set, change->payload);
        *out = set.unit;
    } else if (change->kind == CHANGE_ADMISSION) {
        struct admission *admission = calloc(1, sizeof *admission);
        if (admission == NULL)
            return STATUS_NO_MEMORY;
        status = admission_decode(admission, change->payload);
        *out = admission->unit;
        free(admission);
    } else if (change->kind == CHANGE_FORM || change->kind == CHANGE_MOVE || change->kind == CHANGE_CLOSE || change->kind == CHANGE_SAME ||
               change->kind == CHANGE_HANDOVER) {
        struct reader reader; /* the first member, also of a form that a critical extension keeps from being understood */
        reader_init(&reader, change->payload);
        (void)reader_array(&reader, 1, MEMBERS_MAX);
        reader_fixed(&reader, out->b, sizeof out->b);
        status = reader.status;
    } else if (change->kind == CHANGE_REVOCATION || change->kind == CHANGE_PIN || change->kind == CHANGE_FORK_DECISION || change->kind == CHANGE_ERASE) {
        unit_of_named(store, change, out);
    } else {
        *named = false;
    }
    if (status == STATUS_NO_MEMORY)
        return status;
    *named = *named && status == STATUS_OK;
    return STATUS_OK;
}

static enum status change_unit(const struct store *store, const struct entry *entry, const struct header *header, const struct digest_aside *aside,
                               struct unit_id *out, bool *named) {
    *named = false;
    if (header->cls == CLASS_RECORD && header->audience_count == 1) {
        *out = header->audience[0].unit;
        *named = true;
        return STATUS_OK;
    }
    struct body_reader reader;
    struct change change;
    enum status status = STATUS_OK;
    bool whole = header->critical_unknown || aside->reason == STATUS_MALFORMED; /* what its changes say counts for nothing */
    if (header->cls != CLASS_CONTROL || whole || body_open(&reader, entry->body, header->cls) != STATUS_OK)
        return STATUS_OK;
    while (body_next(&reader, &change)) {
        if (change.place != aside->place)
            continue;
        status = control_unit(store, &change, out, named);
        break;
    }
    return status;
}

enum status digest_scope_concerns(struct store *store, const struct digest_scope *scope, const struct digest_aside *aside, struct header *header, bool *out) {
    *out = false;
    struct stored_entry stored;
    struct unit_id id;
    bool named;
    enum status status = log_read(store, aside->entry, &stored, header);
    if (status == STATUS_OK)
        status = change_unit(store, &stored.entry, header, aside, &id, &named);
    if (status != STATUS_OK)
        return status;
    uint32_t unit = 0; /* the recovery log's author stands above the root */
    if (named) {
        unit = tree_unit(store->tree, &id);
    } else if (stored.log.kind != LOG_RECOVERY) {
        uint32_t node = tree_node(store->tree, &stored.log.node);
        unit = node == TREE_NONE ? TREE_NONE : tree_node_at(store->tree, node)->unit;
    }
    *out = unit != TREE_NONE && digest_scope_has(scope, unit);
    return STATUS_OK;
}
