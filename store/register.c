#include "store/register.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A state's bytes. Integers are LEB128 varints, signed ones in zigzag.
 *
 *     single   01, entry, n, tags of fields 0 .. n - 1 (half a byte each, the first in the low half), then the values in order of the fields
 *     general  02, m, m entries, then for each field that was written: field + 1, count, count times: index of the entry, tag (a byte), value; then 00
 *
 * A tag's low three bits say what follows: nothing written, missing, not applicable, an integer, false, true, a text; bit 8: a qualifier's byte goes before the
 * value. */
enum { SINGLE = 1, GENERAL = 2 };
enum { TAG_NONE = 0, TAG_MISSING, TAG_NOT_APPLICABLE, TAG_INT, TAG_FALSE, TAG_TRUE, TAG_TEXT, TAG_MASK = 7, TAG_QUALIFIED = 8 };
enum { VARINT_MAX = 10, HEADS_MAX = 65535 };

/* ---- cells ---- */

bool register_cell_equal(const struct cell *a, const struct cell *b) {
    if (a->state != b->state || a->state != CELL_VALUE)
        return a->state == b->state;
    if (a->type != b->type || a->qualifier != b->qualifier)
        return false;
    return a->type == CELL_TEXT ? bytes_equal(a->text, b->text) : a->number == b->number;
}

bool register_heads_differ(const struct register_head *heads, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (!register_cell_equal(&heads[0].cell, &heads[i].cell))
            return true;
    }
    return false;
}

static uint8_t tag_of(const struct cell *cell) {
    static const uint8_t by_state[] = {[CELL_UNTOUCHED] = TAG_NONE, [CELL_MISSING] = TAG_MISSING, [CELL_NOT_APPLICABLE] = TAG_NOT_APPLICABLE};
    assert(cell->state <= CELL_VALUE);
    if (cell->state != CELL_VALUE)
        return by_state[cell->state];
    uint8_t tag = cell->type == CELL_TEXT ? TAG_TEXT : cell->type == CELL_INT ? TAG_INT : cell->number != 0 ? TAG_TRUE : TAG_FALSE;
    return cell->qualifier != QUALIFIER_NONE ? tag | TAG_QUALIFIED : tag;
}

/* ---- writing ---- */

struct sink {
    struct buffer *out;
    enum status status;
};

static void add(struct sink *sink, const void *data, size_t len) {
    if (sink->status == STATUS_OK)
        sink->status = buffer_append(sink->out, data, len);
}

static void add_byte(struct sink *sink, uint8_t byte) {
    add(sink, &byte, 1);
}

static void add_varint(struct sink *sink, uint64_t value) {
    uint8_t bytes[VARINT_MAX];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    add(sink, bytes, len);
}

static void add_value(struct sink *sink, const struct cell *cell, uint8_t tag) {
    if (tag & TAG_QUALIFIED)
        add_byte(sink, cell->qualifier);
    if ((tag & TAG_MASK) == TAG_INT) {
        add_varint(sink, (uint64_t)cell->number << 1 ^ (uint64_t)(cell->number >> 63));
    } else if ((tag & TAG_MASK) == TAG_TEXT) {
        add_varint(sink, cell->text.len);
        add(sink, cell->text.data, cell->text.len);
    }
}

enum status register_first(const struct register_write *write, struct buffer *out) {
    struct sink sink = {out, STATUS_OK};
    size_t before = out->len, fields = write->count > 0 ? (size_t)write->fields[write->count - 1] + 1 : 0, at = 0;
    uint8_t tags[REGISTER_FIELDS_MAX / 2] = {0};
    assert(fields <= REGISTER_FIELDS_MAX && write->entry > 0);
    for (size_t i = 0; i < write->count; i++) {
        assert(write->fields[i] >= at && write->cells[i].state != CELL_UNTOUCHED);
        at = (size_t)write->fields[i] + 1;
        tags[write->fields[i] / 2] |= (uint8_t)(tag_of(&write->cells[i]) << (write->fields[i] % 2 * 4));
    }
    add_byte(&sink, SINGLE);
    add_varint(&sink, (uint64_t)write->entry);
    add_varint(&sink, fields);
    add(&sink, tags, (fields + 1) / 2);
    for (size_t i = 0; i < write->count; i++)
        add_value(&sink, &write->cells[i], tag_of(&write->cells[i]));
    if (sink.status != STATUS_OK)
        out->len = before;
    return sink.status;
}

/* ---- reading ---- */

static uint64_t take_varint(struct register_walk *walk) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && walk->at < walk->end; shift += 7) {
        uint8_t byte = *walk->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    walk->status = STATUS_STORE_DAMAGED;
    return 0;
}

static uint32_t take_count(struct register_walk *walk, uint32_t max) {
    uint64_t value = take_varint(walk);
    if (value > max)
        walk->status = STATUS_STORE_DAMAGED;
    return walk->status == STATUS_OK ? (uint32_t)value : 0;
}

static uint8_t take_byte(struct register_walk *walk) {
    if (walk->at == walk->end) {
        walk->status = STATUS_STORE_DAMAGED;
        return 0;
    }
    return *walk->at++;
}

static struct cell take_value(struct register_walk *walk, uint8_t tag) {
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT};
    if (tag & TAG_QUALIFIED)
        cell.qualifier = take_byte(walk);
    uint64_t value;
    switch (tag & TAG_MASK) {
    case TAG_MISSING:
    case TAG_NOT_APPLICABLE:
        cell = (struct cell){.state = (tag & TAG_MASK) == TAG_MISSING ? CELL_MISSING : CELL_NOT_APPLICABLE};
        break;
    case TAG_INT:
        value = take_varint(walk);
        cell.number = (int64_t)(value >> 1 ^ (0 - (value & 1)));
        break;
    case TAG_FALSE:
    case TAG_TRUE:
        cell.type = CELL_BOOL;
        cell.number = (tag & TAG_MASK) == TAG_TRUE;
        break;
    case TAG_TEXT:
        cell.type = CELL_TEXT;
        value = take_varint(walk);
        if (value > (uint64_t)(walk->end - walk->at)) {
            walk->status = STATUS_STORE_DAMAGED;
            break;
        }
        cell.text = bytes_of(walk->at, (size_t)value);
        walk->at += value;
        break;
    default:
        walk->status = STATUS_STORE_DAMAGED;
    }
    return cell;
}

void register_begin(struct register_walk *walk, struct bytes state) {
    *walk = (struct register_walk){.at = state.data, .end = state.len > 0 ? state.data + state.len : state.data, .status = STATUS_OK};
    uint8_t form = take_byte(walk);
    walk->general = form == GENERAL;
    if (form == SINGLE) {
        walk->entry = (int64_t)take_varint(walk);
        walk->fields = take_count(walk, REGISTER_FIELDS_MAX);
        walk->tags = walk->at;
        if ((size_t)(walk->end - walk->at) < (walk->fields + 1) / 2)
            walk->status = STATUS_STORE_DAMAGED;
        else
            walk->at += (walk->fields + 1) / 2;
    } else if (form == GENERAL) {
        walk->entry_count = take_count(walk, HEADS_MAX);
        walk->entries = walk->at;
        for (uint32_t i = 0; i < walk->entry_count && walk->status == STATUS_OK; i++)
            (void)take_varint(walk);
    } else {
        walk->status = STATUS_STORE_DAMAGED;
    }
}

/* The entry of an index: they are few, so that counting from the first is no loss. */
static int64_t entry_at(const struct register_walk *walk, uint32_t index) {
    struct register_walk list = {.at = walk->entries, .end = walk->end};
    uint64_t entry = 0;
    for (uint32_t i = 0; i <= index; i++)
        entry = take_varint(&list);
    return (int64_t)entry;
}

static bool next_general(struct register_walk *walk, struct register_head *out) {
    if (walk->head == walk->heads) {
        uint32_t field = take_count(walk, REGISTER_FIELDS_MAX);
        if (field == 0)
            return false;
        walk->field = field;
        walk->head = 0;
        walk->heads = take_count(walk, HEADS_MAX);
        if (walk->heads == 0)
            walk->status = STATUS_STORE_DAMAGED;
    }
    uint32_t index = take_count(walk, walk->entry_count);
    uint8_t tag = take_byte(walk);
    if (index >= walk->entry_count)
        walk->status = STATUS_STORE_DAMAGED;
    if (walk->status != STATUS_OK)
        return false;
    *out = (struct register_head){(uint16_t)(walk->field - 1), (uint16_t)walk->head, (uint16_t)walk->heads, entry_at(walk, index), take_value(walk, tag)};
    walk->head++;
    return walk->status == STATUS_OK;
}

bool register_next(struct register_walk *walk, struct register_head *out) {
    if (walk->status != STATUS_OK)
        return false;
    if (walk->general)
        return next_general(walk, out);
    while (walk->field < walk->fields) {
        uint8_t tag = walk->tags[walk->field / 2] >> (walk->field % 2 * 4) & 15;
        walk->field++;
        if (tag == TAG_NONE)
            continue;
        *out = (struct register_head){(uint16_t)(walk->field - 1), 0, 1, walk->entry, take_value(walk, tag)};
        return walk->status == STATUS_OK;
    }
    return false;
}

int64_t register_only_entry(struct bytes state) {
    struct register_walk walk;
    register_begin(&walk, state);
    return walk.status == STATUS_OK && !walk.general ? walk.entry : 0;
}

bool register_flatten(struct bytes state, struct register_flat *out) {
    static const uint8_t states[] = {
        [TAG_NONE] = CELL_UNTOUCHED, [TAG_MISSING] = CELL_MISSING, [TAG_NOT_APPLICABLE] = CELL_NOT_APPLICABLE, [TAG_INT] = CELL_VALUE, [TAG_FALSE] = CELL_VALUE,
        [TAG_TRUE] = CELL_VALUE,     [TAG_TEXT] = CELL_VALUE};
    static const uint8_t types[] = {[TAG_INT] = CELL_INT, [TAG_FALSE] = CELL_BOOL, [TAG_TRUE] = CELL_BOOL, [TAG_TEXT] = CELL_TEXT};
    struct register_walk walk;
    register_begin(&walk, state);
    if (walk.general || walk.status != STATUS_OK)
        return false;
    const uint8_t *at = walk.at, *end = walk.end;
    for (uint32_t i = 0; i < walk.fields; i++) {
        uint8_t tag = walk.tags[i / 2] >> (i % 2 * 4) & 15, kind = tag & TAG_MASK;
        struct register_number *field = &out->fields[i];
        if (kind > TAG_TEXT || ((tag & TAG_QUALIFIED) && at == end))
            return false;
        *field = (struct register_number){kind == TAG_TRUE, states[kind], types[kind], tag & TAG_QUALIFIED ? *at++ : 0};
        if (kind != TAG_INT && kind != TAG_TEXT)
            continue;
        uint64_t value = 0;
        unsigned shift = 0;
        for (; at < end && shift < 64 && *at >= 0x80; shift += 7)
            value |= (uint64_t)(*at++ & 0x7f) << shift;
        if (at == end || shift >= 64)
            return false;
        value |= (uint64_t)*at++ << shift;
        if (kind == TAG_INT)
            field->number = (int64_t)(value >> 1 ^ (0 - (value & 1)));
        else if (value <= (uint64_t)(end - at))
            at += value;
        else
            return false;
    }
    out->count = walk.fields;
    return true;
}

/* ---- merging ---- */

struct list {
    struct register_head *items;
    size_t count;
};

/* One write's cells as a state of its own, if all heads are of one entry. */
static bool of_one_entry(const struct list *list) {
    for (size_t i = 1; i < list->count; i++) {
        if (list->items[i].entry != list->items[0].entry)
            return false;
    }
    return list->count > 0;
}

static enum status pack_single(const struct list *list, struct buffer *out) {
    uint16_t fields[REGISTER_FIELDS_MAX];
    struct cell *cells = malloc(list->count * sizeof *cells);
    if (cells == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < list->count; i++) {
        fields[i] = list->items[i].field;
        cells[i] = list->items[i].cell;
    }
    enum status status = register_first(&(struct register_write){list->items[0].entry, list->count, fields, cells}, out);
    free(cells);
    return status;
}

static int by_entry(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The distinct entries of the list, ascending; NULL where memory is out. */
static int64_t *distinct_entries(const struct list *list, size_t *count) {
    int64_t *entries = malloc((list->count + 1) * sizeof *entries);
    *count = 0;
    if (entries == NULL)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        entries[i] = list->items[i].entry;
    qsort(entries, list->count, sizeof *entries, by_entry);
    for (size_t i = 0; i < list->count; i++) {
        if (i == 0 || entries[i] != entries[i - 1])
            entries[(*count)++] = entries[i];
    }
    return entries;
}

static size_t index_of(const int64_t *entries, size_t count, int64_t entry) {
    const int64_t *found = bsearch(&entry, entries, count, sizeof *entries, by_entry);
    assert(found != NULL);
    return (size_t)(found - entries);
}

static size_t group_length(const struct list *list, size_t first) {
    size_t end = first;
    while (end < list->count && list->items[end].field == list->items[first].field)
        end++;
    return end - first;
}

/* The heads, in order of field and entry, as a state. */
static enum status pack(const struct list *list, struct buffer *out, bool *contested) {
    *contested = false;
    for (size_t i = 0; i < list->count; i += group_length(list, i))
        *contested = *contested || register_heads_differ(list->items + i, group_length(list, i));
    if (of_one_entry(list))
        return pack_single(list, out);
    size_t entry_count, before = out->len;
    int64_t *entries = distinct_entries(list, &entry_count);
    if (entries == NULL)
        return STATUS_NO_MEMORY;
    struct sink sink = {out, entry_count <= HEADS_MAX ? STATUS_OK : STATUS_TOO_LARGE};
    add_byte(&sink, GENERAL);
    add_varint(&sink, entry_count);
    for (size_t i = 0; i < entry_count; i++)
        add_varint(&sink, (uint64_t)entries[i]);
    for (size_t i = 0, left = 0; i < list->count; i++, left--) {
        if (left == 0) {
            left = group_length(list, i);
            add_varint(&sink, (uint64_t)list->items[i].field + 1);
            add_varint(&sink, left);
        }
        uint8_t tag = tag_of(&list->items[i].cell);
        add_varint(&sink, index_of(entries, entry_count, list->items[i].entry));
        add_byte(&sink, tag);
        add_value(&sink, &list->items[i].cell, tag);
    }
    add_varint(&sink, 0);
    free(entries);
    if (sink.status != STATUS_OK)
        out->len = before;
    return sink.status;
}

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
    struct list list = {.items = malloc((old + write->count + 1) * sizeof *list.items)};
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
    enum status status = pack(&list, out, contested);
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
    struct list list = {.items = malloc((cells + 1) * sizeof *list.items)};
    if (list.items == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < writes[i].count; j++)
            list.items[list.count++] = (struct register_head){writes[i].fields[j], 0, 1, writes[i].entry, writes[i].cells[j]};
    }
    qsort(list.items, list.count, sizeof *list.items, by_field);
    struct relation relation = {seen, ctx, STATUS_OK};
    struct list heads = {.items = list.items};
    enum status status = STATUS_OK;
    for (size_t i = 0, length, left; i < list.count && status == STATUS_OK; i += length) {
        length = group_length(&list, i);
        status = keep_heads(&relation, list.items + i, length, REGISTER_HEADS_MAX, &left);
        memmove(heads.items + heads.count, list.items + i, left * sizeof *list.items);
        heads.count += left;
    }
    if (status == STATUS_OK)
        status = pack(&heads, out, contested);
    free(list.items);
    return status;
}

/* ---- what a contested field counts as ---- */

/* The rank of a head's side: the preferred one first. */
static unsigned rank_of(const struct register_author *author, uint8_t policy) {
    if (author->own)
        return policy == POLICY_UPPER ? UINT32_MAX : 0;
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
    return single;
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
