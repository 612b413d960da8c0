#include "store/rollup_plan.h"

#include <stdlib.h>

/* What a plan was made for: equal keys, equal plans. */
struct key {
    uint64_t views;
    int64_t numbers; /* the greatest of unit_key: numbers are only ever added while the views stand */
    struct hash form;
    uint32_t unit;
    int32_t as_of, ends;
    enum rollup_query_by by;
    unsigned level;
};
struct rollup_kept {
    struct rollup_plan plan;
    struct key key;
};

/* One being made. */
struct making {
    struct store *store;
    const struct rollup_query *query;
    const struct form *form;
    const struct key *key;
    struct rollup_plan *plan;
    size_t member_capacity;
    int32_t *places; /* by unit handle: index of the member */
    enum status status;
    /* while walking the tree */
    unsigned cut_depth; /* below a unit deeper than the form's levels: everything of a greater depth is detail */
    bool cut;
    unsigned row_depth; /* depth of the unit that opened the row under way */
};

static void plan_fini(struct rollup_plan *plan) {
    free(plan->members);
    free(plan->rows);
    free(plan->by_number);
    *plan = (struct rollup_plan){0};
}

static int32_t *make_places(struct making *making, size_t count) {
    int32_t *places = malloc((count + 1) * sizeof *places);
    if (places == NULL)
        making->status = STATUS_NO_MEMORY;
    else
        memset(places, 0xff, (count + 1) * sizeof *places); /* ROLLUP_NOWHERE */
    return places;
}

/* ---- the walk ---- */

static int32_t row_begin(struct making *making, uint32_t unit, bool own) {
    struct rollup_plan *plan = making->plan;
    if ((plan->row_count & (plan->row_count - 1)) == 0) { /* full at every power of two */
        struct rollup_row *grown = realloc(plan->rows, (plan->row_count > 0 ? plan->row_count * 2 : 1) * sizeof *grown);
        if (grown == NULL) {
            making->status = STATUS_NO_MEMORY;
            return ROLLUP_NOWHERE;
        }
        plan->rows = grown;
    }
    plan->rows[plan->row_count] = (struct rollup_row){unit, own};
    return (int32_t)plan->row_count++;
}

/* The row of a unit at a depth of the walk. Rows by unit: the unit's own, and one a child with all below it. By level: one a unit of the level, with all below
 * it. */
static int32_t row_of(struct making *making, uint32_t unit, unsigned depth, int32_t open) {
    if (making->key->by == ROLLUP_BY_UNIT)
        return depth <= 1 ? row_begin(making, unit, depth == 0) : open;
    if (making->key->by != ROLLUP_BY_LEVEL)
        return ROLLUP_NOWHERE;
    if (open != ROLLUP_NOWHERE && depth > making->row_depth)
        return open;
    if (tree_level(making->store->tree, unit, making->key->as_of) != making->key->level)
        return ROLLUP_NOWHERE;
    making->row_depth = depth;
    return row_begin(making, unit, false);
}

static bool add_member(struct making *making, uint32_t unit, unsigned depth) {
    struct rollup_plan *plan = making->plan;
    const struct key *key = making->key;
    if (plan->member_count == making->member_capacity) {
        size_t capacity = making->member_capacity > 0 ? making->member_capacity * 2 : 256;
        struct rollup_member *grown = realloc(plan->members, capacity * sizeof *grown);
        if (grown == NULL) {
            making->status = STATUS_NO_MEMORY;
            return false;
        }
        plan->members = grown;
        making->member_capacity = capacity;
    }
    int32_t open = plan->member_count > 0 ? plan->members[plan->member_count - 1].row : ROLLUP_NOWHERE;
    plan->members[plan->member_count] = (struct rollup_member){.unit = unit,
                                                               .row = row_of(making, unit, depth, open),
                                                               .expected = form_view_expects(making->store, making->form, unit, key->as_of),
                                                               .at_end = key->as_of == key->ends || tree_exists(making->store->tree, unit, key->ends)};
    making->places[unit] = (int32_t)plan->member_count++;
    return making->status == STATUS_OK;
}

static bool visit(void *arg, uint32_t unit, unsigned depth) {
    struct making *making = arg;
    const struct form *form = making->form;
    if (making->cut && depth > making->cut_depth)
        return true;
    making->cut = form->level_count > 0 && tree_level(making->store->tree, unit, making->key->as_of) > form->levels[form->level_count - 1];
    making->cut_depth = depth;
    return making->cut ? true : add_member(making, unit, depth);
}

/* ---- local numbers ---- */

static enum status greatest_number(struct store *store, int64_t *out) {
    struct query query = db_query(store->db, "SELECT max(id) FROM unit_key");
    *out = query_next(&query) ? query_int(&query, 0) : 0;
    return query_end(&query);
}

static void number_members(struct making *making) {
    struct rollup_plan *plan = making->plan;
    plan->number_count = (size_t)making->key->numbers + 1;
    plan->by_number = make_places(making, plan->number_count);
    if (plan->by_number == NULL)
        return;
    struct query query = db_query(making->store->db, "SELECT id, unit FROM unit_key");
    while (query_next(&query)) {
        struct unit_id id;
        query_fixed(&query, 1, id.b, sizeof id.b);
        uint32_t unit = tree_unit(making->store->tree, &id);
        size_t number = (size_t)query_int(&query, 0);
        if (unit != TREE_NONE && number < plan->number_count)
            plan->by_number[number] = making->places[unit];
    }
    making->status = query_end(&query);
}

/* ---- the whole ---- */

static enum status make(struct store *store, const struct rollup_query *query, const struct key *key, struct rollup_plan *out) {
    struct making making = {.store = store, .query = query, .form = &query->family->newest->form, .key = key, .plan = out, .status = STATUS_OK};
    *out = (struct rollup_plan){0};
    making.places = make_places(&making, tree_unit_count(store->tree));
    if (making.status == STATUS_OK && tree_exists(store->tree, query->unit, key->as_of))
        tree_walk(store->tree, query->unit, key->as_of, visit, &making);
    if (making.status == STATUS_OK)
        number_members(&making);
    free(making.places);
    if (making.status != STATUS_OK)
        plan_fini(out);
    return making.status;
}

static bool key_equal(const struct key *a, const struct key *b) {
    return a->views == b->views && a->numbers == b->numbers && ID_EQUAL(&a->form, &b->form) && a->unit == b->unit && a->as_of == b->as_of &&
           a->ends == b->ends && a->by == b->by && a->level == b->level;
}

enum status rollup_plan_get(struct store *store, const struct rollup_query *query, int32_t as_of, int32_t ends, const struct rollup_plan **out) {
    struct key key = {.views = store_views_version(store),
                      .form = query->family->newest->version,
                      .unit = query->unit,
                      .as_of = as_of,
                      .ends = ends,
                      .by = query->by == ROLLUP_BY_PERIOD ? ROLLUP_TOTAL : query->by,
                      .level = query->by == ROLLUP_BY_LEVEL ? query->level : 0};
    *out = NULL;
    enum status status = greatest_number(store, &key.numbers);
    if (status == STATUS_OK && store->rollup_kept == NULL) {
        store->rollup_kept = calloc(1, sizeof *store->rollup_kept);
        status = store->rollup_kept != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    }
    if (status != STATUS_OK)
        return status;
    struct rollup_kept *kept = store->rollup_kept;
    if (kept->plan.by_number == NULL || !key_equal(&kept->key, &key)) {
        plan_fini(&kept->plan);
        status = make(store, query, &key, &kept->plan);
        kept->key = key;
    }
    *out = status == STATUS_OK ? &kept->plan : NULL;
    return status;
}

void rollup_plan_close(struct store *store) {
    if (store->rollup_kept != NULL)
        plan_fini(&store->rollup_kept->plan);
    free(store->rollup_kept);
    store->rollup_kept = NULL;
}
