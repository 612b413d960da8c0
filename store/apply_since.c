/* From which day on each unit is there: that hangs on the units above it (docs/protocol.md 5.2), so a move changes it for all below, and puts are judged by it.
 * The tree tells of levels that changed (tree_next_relevelled), not of this. */
#include "store/apply.h"
#include "store/record_apply.h"

#include <stdlib.h>

/* The first day: dates are ordered so that a unit is there on every later one, too. */
static int32_t first_day(const struct tree *tree, uint32_t unit) {
    int32_t low = DATE_MIN - 1, high = DATE_MAX + 1;
    if (!tree_exists(tree, unit, high)) {
        return INT32_MAX;
    }
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (tree_exists(tree, unit, middle)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

enum status apply_since_take(struct store *store, struct apply_since *out) {
    static_assert(CHANGE_MOVE == 3 && CHANGE_CLOSE == 4 && CHANGE_SAME == 5, "the statement below says the same");
    struct query query = db_query(store->db, "SELECT 1 FROM fact WHERE kind IN (3, 4, 5) LIMIT 1");
    bool moved = query_next(&query);
    enum status status = query_end(&query);
    if (status != STATUS_OK || !moved || out->days != NULL) {
        return status; /* nobody ever moved; or it is known already how it was */
    }
    size_t count = tree_unit_count(store->tree);
    out->days = malloc((count + 1) * sizeof *out->days);
    if (out->days == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (out->count = 0; out->count < count; out->count++) {
        out->days[out->count] = (struct unit_since){*tree_unit_id(store->tree, (uint32_t)out->count), first_day(store->tree, (uint32_t)out->count)};
    }
    return STATUS_OK;
}

enum status apply_since_review(struct store *store, const struct apply_since *before) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < before->count; i++) {
        uint32_t unit = tree_unit_known(store->tree, &before->days[i].unit); /* the tree may have been made anew since: its handles are others then */
        if (unit != TREE_NONE && first_day(store->tree, unit) != before->days[i].first) {
            status = record_apply_rejudge(store, unit);
        }
    }
    return status;
}

void apply_since_fini(struct apply_since *since) {
    free(since->days);
    *since = (struct apply_since){0};
}
