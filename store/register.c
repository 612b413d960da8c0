#include "store/register.h"

#include "protocol/planted.h"
#include "store/register_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- merging ---- */

enum status register_replace(struct bytes state, const struct register_write *write, struct buffer *out, bool *contested) {
    struct register_walk walk;
    struct register_head head;
    size_t old = 0, next = 0;
    *contested = false;
    register_begin(&walk, state);
    while (register_next(&walk, &head))
        old++;
    if (walk.status != STATUS_OK)
        return walk.status;
    struct register_list list = {.items = malloc((old + write->count + 1) * sizeof *list.items)};
    if (list.items == NULL)
        return STATUS_NO_MEMORY;
    register_begin(&walk, state);
    bool more = register_next(&walk, &head);
    while (more || next < write->count) {
        if (next < write->count && (!more || write->fields[next] <= head.field)) {
            list.items[list.count++] = (struct register_head){write->fields[next], 0, 1, write->entry, write->cells[next]};
            while (more && head.field == write->fields[next])
                more = register_next(&walk, &head);
            next++;
        } else {
            list.items[list.count++] = head;
            more = register_next(&walk, &head);
        }
    }
    enum status status = register_pack(&list, out, contested);
    free(list.items);
    return status;
}

static int by_field(const void *a, const void *b) {
    const struct register_head *x = a, *y = b;
    if (x->field != y->field)
        return x->field < y->field ? -1 : 1;
    return (x->entry > y->entry) - (x->entry < y->entry);
}

struct relation {
    register_seen_fn seen;
    void *ctx;
    enum status status;
};

/* Has a seen b, and b not a? */
static bool over(struct relation *relation, int64_t a, int64_t b) {
    bool forth = false, back = false;
    if (relation->status == STATUS_OK)
        relation->status = relation->seen(relation->ctx, a, b, &forth);
    if (forth && relation->status == STATUS_OK)
        relation->status = relation->seen(relation->ctx, b, a, &back);
    return forth && !back;
}

/* Is item i of the group overwritten by another? Those that came just after it are the likeliest. */
static bool overwritten(struct relation *relation, const struct register_head *group, size_t count, size_t i) {
    for (size_t step = 1; step < count; step++) {
        size_t other = (i + step) % count;
        if (over(relation, group[other].entry, group[i].entry))
            return true;
    }
    return false;
}

/* Keeps of a group its heads; a ring in which each has overwritten another keeps all. Returns how many are left; TOO_LARGE: more than `most`. */
static enum status keep_heads(struct relation *relation, struct register_head *group, size_t count, size_t most, size_t *left) {
    struct register_head *kept = malloc((count + 1) * sizeof *kept);
    *left = count;
    if (kept == NULL)
        return STATUS_NO_MEMORY;
    size_t heads = 0;
    for (size_t i = 0; i < count && relation->status == STATUS_OK; i++) {
        if (!overwritten(relation, group, count, i))
            kept[heads++] = group[i];
        if (heads > most)
            relation->status = STATUS_TOO_LARGE;
    }
    if (heads > 0 && relation->status == STATUS_OK) {
        memcpy(group, kept, heads * sizeof *kept);
        *left = heads;
    }
    free(kept);
    return relation->status;
}

enum status register_merge(const struct register_write *writes, size_t count, register_seen_fn seen, void *ctx, struct buffer *out, bool *contested) {
    size_t cells = 0;
    *contested = false;
    for (size_t i = 0; i < count; i++)
        cells += writes[i].count;
    struct register_list list = {.items = malloc((cells + 1) * sizeof *list.items)};
    if (list.items == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < writes[i].count; j++)
            list.items[list.count++] = (struct register_head){writes[i].fields[j], 0, 1, writes[i].entry, writes[i].cells[j]};
    }
    qsort(list.items, list.count, sizeof *list.items, by_field);
    struct relation relation = {seen, ctx, STATUS_OK};
    struct register_list heads = {.items = list.items};
    enum status status = STATUS_OK;
    for (size_t i = 0, length, left; i < list.count && status == STATUS_OK; i += length) {
        length = register_group_length(&list, i);
        status = keep_heads(&relation, list.items + i, length, REGISTER_HEADS_MAX, &left);
        memmove(heads.items + heads.count, list.items + i, left * sizeof *list.items);
        heads.count += left;
    }
    if (status == STATUS_OK)
        status = register_pack(&heads, out, contested);
    free(list.items);
    return status;
}

/* ---- what a contested field counts as ---- */

/* The rank of a head's side: the preferred one first. */
static unsigned rank_of(const struct register_author *author, uint8_t policy) {
    if (author->own)
        return (policy == POLICY_UPPER) != PLANTED("policy-swapped") ? UINT32_MAX : 0;
    return author->depth + 1;
}

bool register_side(const struct register_head *heads, const struct register_author *authors, size_t count, uint8_t policy, bool *in_side, struct cell *out) {
    unsigned best = UINT32_MAX;
    const struct cell *value = NULL;
    bool single = true, any = false;
    *out = (struct cell){.state = CELL_MISSING};
    for (size_t i = 0; i < count; i++) {
        any = any || heads[i].cell.state != CELL_MISSING;
        if (heads[i].cell.state != CELL_MISSING && rank_of(&authors[i], policy) <= best)
            best = rank_of(&authors[i], policy);
    }
    for (size_t i = 0; i < count; i++) {
        in_side[i] = any && rank_of(&authors[i], policy) == best;
        if (!in_side[i])
            continue;
        single = single && (value == NULL || register_cell_equal(value, &heads[i].cell));
        value = &heads[i].cell;
    }
    if (single && value != NULL)
        *out = *value;
    return single || PLANTED("tie-counts-as-missing");
}

/* Has every head of the side seen the entry (and is none of them it)? */
static bool seen_by_all(struct relation *relation, int64_t entry, const int64_t *side, size_t side_count) {
    for (size_t i = 0; i < side_count; i++) {
        if (!over(relation, side[i], entry))
            return false;
    }
    return true;
}

enum status register_base(const struct register_write *writes, size_t count, uint16_t field, const int64_t *side, size_t side_count, register_seen_fn seen,
                          void *ctx, struct cell *out) {
    struct relation relation = {seen, ctx, STATUS_OK};
    size_t common = 0, left;
    *out = (struct cell){.state = CELL_MISSING};
    struct register_head *group = malloc((count + 1) * sizeof *group);
    if (group == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < writes[i].count; j++) {
            if (writes[i].fields[j] == field && seen_by_all(&relation, writes[i].entry, side, side_count))
                group[common++] = (struct register_head){field, 0, 1, writes[i].entry, writes[i].cells[j]};
        }
    }
    enum status status = relation.status;
    if (status == STATUS_OK && common > 0)
        status = keep_heads(&relation, group, common, common, &left);
    if (status == STATUS_OK && common > 0 && !register_heads_differ(group, left))
        *out = group[0].cell;
    free(group);
    return status;
}
