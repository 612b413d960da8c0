#include "store/structure.h"

#include <stdlib.h>

enum status structure_allowed(const struct store *store, uint32_t unit) {
    uint32_t self = tree_node(store->tree, &store->self);
    int64_t revocation;
    if (self == TREE_NONE) {
        return STATUS_LINE_BROKEN;
    }
    if (tree_revoked(store->tree, self, &revocation)) {
        return STATUS_KEY_REVOKED; /* it would be signed, and count nowhere */
    }
    const struct tree_node *node = tree_node_at(store->tree, self);
    if (!tree_over(store->tree, node->unit, unit)) {
        return STATUS_UNIT_OUTSIDE;
    }
    return (node->roles & ROLE_STEWARD) != 0 ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
}

void structure_line(const struct tree *tree, uint32_t unit, bool with_self, struct line *out) {
    uint32_t above[LINE_UNITS_MAX];
    size_t count = tree_line(tree, unit, TREE_TODAY, above);
    out->count = 0;
    if (with_self) {
        out->units[out->count++] = *tree_unit_id(tree, unit);
    }
    for (size_t i = 0; i < count && out->count < LINE_UNITS_MAX; i++) {
        out->units[out->count++] = *tree_unit_id(tree, above[i]);
    }
}

/* ---- what a change has seen ---- */

struct seen {
    struct store *store;
    struct ref *refs;
    size_t count;
    enum status status;
};

/* The own log is seen without saying, and the epochs it continues, up to where it does. Past the bound the farther units' logs are left out: the caller goes upwards. */
static bool see_log(void *arg, const struct log_id *log) {
    struct seen *seen = arg;
    if (log->kind != LOG_DIRECTIVE) {
        return true;
    }
    for (size_t i = 0; i < seen->count; i++) {
        if (log_id_equal(&seen->refs[i].log, log)) {
            return true;
        }
    }
    if (seen->count == SEEN_REFS_MAX) {
        return false;
    }
    seen->status = log_applied_ref(seen->store, log, &seen->refs[seen->count]);
    bool own = ID_EQUAL(&log->node, &seen->store->self), said = false;
    if (seen->status == STATUS_OK && own) {
        seen->status = life_sees(seen->store, LOG_DIRECTIVE, log, seen->refs[seen->count].seq, &said);
    }
    if (seen->status == STATUS_NOT_FOUND) {
        seen->status = STATUS_OK; /* nothing of it is applied here */
        return true;
    }
    seen->count += !said;
    return seen->status == STATUS_OK;
}

static int ref_order(const void *a, const void *b) {
    return ref_compare(a, b);
}

static enum status see(struct seen *seen, uint32_t unit) {
    uint32_t above[LINE_UNITS_MAX];
    size_t count = tree_line(seen->store->tree, unit, TREE_TODAY, above);
    tree_each_log_about(seen->store->tree, unit, see_log, seen);
    for (size_t i = 0; i < count && seen->status == STATUS_OK; i++) {
        tree_each_log_about(seen->store->tree, above[i], see_log, seen);
    }
    return seen->status;
}

enum status structure_append(struct store *store, const struct structure_draft *draft, struct stored *out) {
    struct buffer body;
    buffer_init(&body, BODY_BYTES_MAX);
    struct seen seen = {.store = store, .refs = malloc(SEEN_REFS_MAX * sizeof *seen.refs), .status = STATUS_OK};
    enum status status = seen.refs == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; i < draft->unit_count && status == STATUS_OK; i++) {
        status = see(&seen, draft->units[i]);
    }
    if (status == STATUS_OK) {
        qsort(seen.refs, seen.count, sizeof *seen.refs, ref_order);
        status = body_encode(&body, draft->nonce, draft->changes, draft->change_count);
    }
    if (status == STATUS_OK) {
        struct draft entry = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .seen_count = seen.count, .seen = seen.refs, .body = buffer_bytes(&body)};
        status = log_append(store, &entry, out);
    }
    free(seen.refs);
    buffer_fini(&body);
    return status;
}
