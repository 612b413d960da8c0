/* Dated attributes as registers, and what is asked about units at a date. */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <assert.h>

/* ---- registers ---- */

static enum status has_seen(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b, bool *out) {
    const struct tree_entry *entry_a = &tree->entries[a->entry], *entry_b = &tree->entries[b->entry];
    *out = false;
    if (entry_a->log == entry_b->log) {
        *out = entry_a->seq != entry_b->seq ? entry_a->seq > entry_b->seq : a->place > b->place;
        return STATUS_OK;
    }
    return tree_has_seen(tree, a->entry, b->entry, out);
}

/* Has a seen b, and b not a? Two that claim to have seen one another (only a liar makes such) have not: else whoever names what is yet to come would blank a
 * register for good, as every write that puts it right has seen his. */
static enum status overtakes(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b, bool *out) {
    bool seen_by = false;
    enum status status = has_seen(tree, a, b, out);
    if (status == STATUS_OK && *out) {
        status = has_seen(tree, b, a, &seen_by);
        *out = !seen_by;
    }
    return status;
}

static bool same_log(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b) {
    return tree->entries[a->entry].log == tree->entries[b->entry].log;
}

/* The first write of the unit's list that stands at or behind (attribute, effective date from the latest down). */
static uint32_t find_write(const struct tree *tree, const struct tree_writes *writes, uint8_t attribute, int32_t effective) {
    uint32_t low = 0, high = writes->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct tree_fact *fact = &tree->facts[writes->facts[middle]];
        if (fact->attribute < attribute || (fact->attribute == attribute && fact->effective > effective)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool in_register(const struct tree *tree, const struct tree_writes *writes, uint32_t at, uint8_t attribute, int32_t effective) {
    return at < writes->count && tree->facts[writes->facts[at]].attribute == attribute && tree->facts[writes->facts[at]].effective == effective;
}

/* Does the creation write this register too? */
static bool creation_writes(const struct tree *tree, const struct tree_unit *unit, const struct tree_fact *write) {
    return unit->creation != TREE_NONE && write->attribute <= UNIT_LEVEL && tree->facts[unit->creation].effective == write->effective;
}

/* Marks which of two writes of one register the other has overtaken. */
static enum status compare_writes(struct tree *tree, struct tree_fact *a, struct tree_fact *b) {
    bool seen = false, seen_by = false;
    enum status status = has_seen(tree, a, b, &seen);
    if (status == STATUS_OK) {
        status = has_seen(tree, b, a, &seen_by);
    }
    b->dominated |= seen && !seen_by;
    a->dominated |= seen_by && !seen;
    return status;
}

static enum status compare_creation(struct tree *tree, struct tree_unit *unit, struct tree_fact *write) {
    if (!creation_writes(tree, unit, write)) {
        return STATUS_OK;
    }
    bool seen = false, seen_by = false;
    enum status status = has_seen(tree, write, &tree->facts[unit->creation], &seen);
    if (status == STATUS_OK) {
        status = has_seen(tree, &tree->facts[unit->creation], write, &seen_by);
    }
    if (seen && !seen_by) {
        unit->dominated |= (uint8_t)(1U << write->attribute);
    }
    write->dominated |= seen_by && !seen;
    return status;
}

/* Finds anew what has been seen in the register that begins at `first`; *next is where the next one begins. */
static enum status refresh_register(struct tree *tree, struct tree_unit *unit, uint32_t first, uint32_t *next) {
    const struct tree_writes *writes = &tree->writes[unit->writes];
    const uint8_t attribute = tree->facts[writes->facts[first]].attribute;
    const int32_t effective = tree->facts[writes->facts[first]].effective;
    enum status status = STATUS_OK;
    if (creation_writes(tree, unit, &tree->facts[writes->facts[first]])) {
        unit->dominated &= (uint8_t) ~(1U << attribute);
    }
    for (*next = first; in_register(tree, writes, *next, attribute, effective); ++*next) {
        tree->facts[writes->facts[*next]].dominated = false;
    }
    for (uint32_t i = first; i < *next && status == STATUS_OK; i++) {
        for (uint32_t j = i + 1; j < *next && status == STATUS_OK; j++) {
            status = compare_writes(tree, &tree->facts[writes->facts[i]], &tree->facts[writes->facts[j]]);
        }
        if (status == STATUS_OK) {
            status = compare_creation(tree, unit, &tree->facts[writes->facts[i]]);
        }
    }
    return status;
}

/* Takes the place of an earlier write of the same log. What only that one had seen comes back, so the register is judged anew if there is such. */
static enum status replace_write(struct tree *tree, struct tree_unit *unit, uint32_t first, uint32_t at, uint32_t number) {
    struct tree_writes *writes = &tree->writes[unit->writes];
    struct tree_fact *fact = &tree->facts[number], *before = &tree->facts[writes->facts[at]];
    uint32_t end = first;
    enum status status = STATUS_OK;
    writes->facts[at] = number;
    fact->dominated = false;
    for (; in_register(tree, writes, end, fact->attribute, fact->effective) && status == STATUS_OK; end++) {
        struct tree_fact *other = &tree->facts[writes->facts[end]];
        bool had_seen = false, sees = true;
        if (end != at && other->dominated) {
            status = overtakes(tree, before, other, &had_seen);
        }
        if (had_seen && status == STATUS_OK) {
            status = overtakes(tree, fact, other, &sees);
        }
        if (!sees) {
            return refresh_register(tree, unit, first, &end);
        }
        if (end != at && status == STATUS_OK) {
            status = compare_writes(tree, fact, other);
        }
    }
    if (creation_writes(tree, unit, fact) && (unit->dominated >> fact->attribute & 1) != 0) {
        return refresh_register(tree, unit, first, &end);
    }
    return status == STATUS_OK ? compare_creation(tree, unit, fact) : status;
}

void tree_note_level(struct tree *tree, uint32_t unit) {
    tree->relevelled += !tree->units[unit].relevelled;
    tree->units[unit].relevelled = true;
}

/* Of one log only the latest write of a register counts: it has seen the others. */
enum status tree_write_stands(struct tree *tree, uint32_t number) {
    struct tree_fact *fact = &tree->facts[number];
    struct tree_unit *unit = &tree->units[fact->subject];
    struct tree_writes *writes = &tree->writes[unit->writes];
    uint32_t first = find_write(tree, writes, fact->attribute, fact->effective), at = first;
    if (fact->attribute == UNIT_CODE) {
        tree_index_code(tree, number);
    }
    tree->levels_stale |= fact->attribute == TREE_ATTRIBUTE_LEVELS;
    if (fact->attribute == UNIT_LEVEL && !fact->stood) {
        tree_note_level(tree, fact->subject);
    }
    for (; in_register(tree, writes, at, fact->attribute, fact->effective); at++) {
        struct tree_fact *other = &tree->facts[writes->facts[at]];
        if (same_log(tree, fact, other)) {
            bool later = false;
            enum status status = has_seen(tree, fact, other, &later);
            return status == STATUS_OK && later ? replace_write(tree, unit, first, at, number) : status;
        }
    }
    enum status status = STATUS_OK;
    for (uint32_t i = first; i < at && status == STATUS_OK; i++) {
        status = compare_writes(tree, fact, &tree->facts[writes->facts[i]]);
    }
    assert(writes->count < writes->capacity);
    memmove(writes->facts + first + 1, writes->facts + first, (writes->count - first) * sizeof *writes->facts);
    writes->facts[first] = number;
    writes->count++;
    return status == STATUS_OK ? compare_creation(tree, unit, fact) : status;
}

enum status tree_creation_stands(struct tree *tree, uint32_t number) {
    struct tree_unit *unit = &tree->units[number];
    enum status status = STATUS_OK;
    unit->dominated = 0;
    for (uint32_t at = 0; unit->writes != TREE_NONE && at < tree->writes[unit->writes].count && status == STATUS_OK;) {
        status = refresh_register(tree, unit, at, &at);
    }
    return status;
}

static bool better(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b) {
    int order = tree_author_order(tree, tree_fact_log(tree, a)->author, tree_fact_log(tree, b)->author);
    order = order == 0 && PLANTED("tie-by-arrival") ? (int)a->entry - (int)b->entry : order;
    return order != 0 ? order < 0 : ID_COMPARE(&tree->entries[a->entry].hash, &tree->entries[b->entry].hash) < 0;
}

/* The best of the register that begins at `at`: of those that nobody has overtaken, or of all. */
static uint32_t best_write(const struct tree *tree, const struct tree_writes *writes, uint32_t at, bool all) {
    const uint8_t attribute = tree->facts[writes->facts[at]].attribute;
    const int32_t effective = tree->facts[writes->facts[at]].effective;
    uint32_t best = TREE_NONE;
    for (; in_register(tree, writes, at, attribute, effective); at++) {
        uint32_t fact = writes->facts[at];
        if ((all || !tree->facts[fact].dominated) && (best == TREE_NONE || better(tree, &tree->facts[fact], &tree->facts[best]))) {
            best = fact;
        }
    }
    return best;
}

/* The fact whose value of the attribute holds at the date, TREE_NONE: nobody wrote any. */
static uint32_t holder(const struct tree *tree, uint32_t number, uint8_t attribute, int32_t date) {
    const struct tree_unit *unit = &tree->units[number];
    uint32_t best = TREE_NONE;
    bool created = unit->creation != TREE_NONE && attribute <= UNIT_LEVEL && tree->facts[unit->creation].effective <= date;
    if (unit->writes != TREE_NONE) {
        const struct tree_writes *writes = &tree->writes[unit->writes];
        uint32_t at = find_write(tree, writes, attribute, date - PLANTED("effective-a-day-late"));
        if (at < writes->count && tree->facts[writes->facts[at]].attribute == attribute) {
            int32_t effective = tree->facts[writes->facts[at]].effective;
            if (created && tree->facts[unit->creation].effective > effective) {
                return unit->creation;
            }
            bool written = created && tree->facts[unit->creation].effective == effective;
            created = written && (unit->dominated >> attribute & 1) == 0;
            best = best_write(tree, writes, at, false);
            if (best == TREE_NONE && !created) { /* a ring of liars, each of whom has seen the next: all of them count */
                best = best_write(tree, writes, at, true);
                created = written;
            }
        }
    }
    return created && (best == TREE_NONE || better(tree, &tree->facts[unit->creation], &tree->facts[best])) ? unit->creation : best;
}

enum status tree_levels_refresh(struct tree *tree) {
#define NAMES(vi, en) \
    { \
        .count = 2, .items = { \
            {{(const uint8_t *)"en", 2}, {(const uint8_t *)en, sizeof en - 1}}, \
            {{(const uint8_t *)"vi", 2}, {(const uint8_t *)vi, sizeof vi - 1}} \
        } \
    }
    static const struct level_table first = {.count = 5,
                                             .levels = {{0, NAMES("trung ương", "central")},
                                                        {1, NAMES("tỉnh", "province")},
                                                        {2, NAMES("huyện", "district")},
                                                        {3, NAMES("xã", "commune")},
                                                        {4, NAMES("chi hội", "chapter")}}};
#undef NAMES
    uint32_t fact = holder(tree, 0, TREE_ATTRIBUTE_LEVELS, TREE_TODAY);
    tree->levels_stale = false;
    if (fact == TREE_NONE) {
        *tree->levels = first;
        return STATUS_OK;
    }
    return level_table_decode(tree->levels, tree_text(tree, tree->facts[fact].code));
}

/* ---- units at a date ---- */

/* From when on a unit is there. One whose creation has been cut off since, and that stands by a move, has always been. */
static int32_t begins(const struct tree *tree, uint32_t unit) {
    uint32_t creation = tree->units[unit].creation;
    return creation == TREE_NONE ? TREE_ALWAYS : tree->facts[creation].effective;
}

bool tree_exists(const struct tree *tree, uint32_t unit, int32_t date) {
    if (!tree_stands(tree, unit)) {
        return false;
    }
    for (; unit != 0; unit = tree->units[unit].parent) {
        if (begins(tree, unit) > date) {
            return false;
        }
    }
    return true;
}

uint32_t tree_parent(const struct tree *tree, uint32_t unit, int32_t date) {
    return unit != 0 && tree_exists(tree, unit, date) ? tree->units[unit].parent : TREE_NONE;
}

static uint32_t value_at(const struct tree *tree, uint32_t unit, uint8_t attribute, int32_t date) {
    return tree_stands(tree, unit) ? holder(tree, unit, attribute, date) : TREE_NONE;
}

unsigned tree_level(const struct tree *tree, uint32_t unit, int32_t date) {
    uint32_t fact = value_at(tree, unit, UNIT_LEVEL, date);
    return fact == TREE_NONE ? 0 : tree->facts[fact].level;
}

struct bytes tree_code(const struct tree *tree, uint32_t unit, int32_t date) {
    uint32_t fact = value_at(tree, unit, UNIT_CODE, date);
    return fact == TREE_NONE ? (struct bytes){0} : tree_text(tree, tree->facts[fact].code);
}

struct bytes tree_name(const struct tree *tree, uint32_t unit, int32_t date) {
    uint32_t fact = value_at(tree, unit, UNIT_NAME, date);
    if (fact == TREE_NONE) {
        return (struct bytes){0};
    }
    return tree_text(tree, tree->facts[fact].kind == CHANGE_UNIT ? tree->facts[fact].name : tree->facts[fact].code);
}

bool tree_is_under(const struct tree *tree, uint32_t unit, uint32_t above, int32_t date) {
    return tree_exists(tree, unit, date) && tree_over(tree, above, unit);
}

size_t tree_line(const struct tree *tree, uint32_t unit, int32_t date, uint32_t out[LINE_UNITS_MAX]) {
    size_t count = 0;
    if (tree_exists(tree, unit, date)) {
        for (uint32_t above = tree->units[unit].parent; above != TREE_NONE; above = tree->units[above].parent) {
            out[count++] = above;
        }
    }
    return count;
}

size_t tree_by_code(const struct tree *tree, struct bytes code, int32_t date, uint32_t *out, size_t max) {
    size_t count = 0;
    if (code.len == 0) {
        return 0;
    }
    for (uint32_t fact = tree->code_buckets[tree_hash(tree, code) & (tree->code_capacity - 1)]; fact != TREE_NONE; fact = tree->facts[fact].code_next) {
        uint32_t unit = tree->facts[fact].subject;
        if (!bytes_equal(tree_text(tree, tree->facts[fact].code), code) || !tree_exists(tree, unit, date) || holder(tree, unit, UNIT_CODE, date) != fact) {
            continue;
        }
        size_t place = count < max ? count : max;
        for (; place > 0 && ID_COMPARE(&tree->units[unit].id, &tree->units[out[place - 1]].id) < 0; place--) {
            if (place < max) {
                out[place] = out[place - 1];
            }
        }
        if (place < max) {
            out[place] = unit;
        }
        count++;
    }
    return count;
}

/* ---- walking ---- */

/* The order in which siblings come: by code, those without one last by name. */
static int sibling_order(const struct tree *tree, uint32_t a, uint32_t b, int32_t date) {
    struct bytes code_a = tree_code(tree, a, date), code_b = tree_code(tree, b, date);
    if ((code_a.len == 0) != (code_b.len == 0)) {
        return code_a.len == 0 ? 1 : -1;
    }
    int order = code_a.len > 0 ? bytes_compare(code_a, code_b) : bytes_compare(tree_name(tree, a, date), tree_name(tree, b, date));
    return order != 0 ? order : ID_COMPARE(&tree->units[a].id, &tree->units[b].id);
}

static void sink(const struct tree *tree, uint32_t *units, size_t count, size_t at, int32_t date) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && sibling_order(tree, units[child + 1], units[child], date) < 0) {
            child++;
        }
        if (sibling_order(tree, units[at], units[child], date) <= 0) {
            return;
        }
        uint32_t keep = units[at];
        units[at] = units[child];
        units[child] = keep;
    }
}

/* In place, the last in order first, so that the first is taken first from a stack. (A heap: no memory of its own.) */
static void sort_down(const struct tree *tree, uint32_t *units, size_t count, int32_t date) {
    for (size_t i = count / 2; i-- > 0;) {
        sink(tree, units, count, i, date);
    }
    for (size_t end = count; end > 1; end--) {
        uint32_t keep = units[0];
        units[0] = units[end - 1];
        units[end - 1] = keep;
        sink(tree, units, end - 1, 0, date);
    }
}

void tree_walk(const struct tree *tree, uint32_t from, int32_t date, bool (*fn)(void *arg, uint32_t unit, unsigned depth), void *arg) {
    struct tree_cache *cache = tree->cache;
    size_t base = cache->walk_used;
    if (!tree_exists(tree, from, date)) {
        return;
    }
    assert(base + tree->unit_count <= cache->walk_capacity);
    cache->walk[cache->walk_used++] = from;
    while (cache->walk_used > base) {
        uint32_t unit = cache->walk[--cache->walk_used];
        if (!fn(arg, unit, (unsigned)(tree->units[unit].depth - tree->units[from].depth))) {
            break;
        }
        const uint32_t *children;
        size_t count = tree_children(tree, unit, &children), first = cache->walk_used;
        for (size_t i = 0; i < count; i++) {
            if (begins(tree, children[i]) <= date) {
                cache->walk[cache->walk_used++] = children[i];
            }
        }
        sort_down(tree, cache->walk + first, cache->walk_used - first, date);
    }
    cache->walk_used = base;
}

static void tell_write(const struct tree *tree, uint32_t unit, uint8_t attribute, uint32_t number, struct tree_write *write) {
    const struct tree_fact *fact = &tree->facts[number];
    *write = (struct tree_write){
        .attribute = attribute, .level = fact->level, .entry_id = tree->entries[fact->entry].id, .author = tree_fact_log(tree, fact)->id.node};
    write->effective = (struct date){.set = fact->effective != TREE_ALWAYS, .days = fact->effective == TREE_ALWAYS ? 0 : fact->effective};
    if (attribute != UNIT_LEVEL) {
        write->text = tree_text(tree, fact->kind == CHANGE_UNIT && attribute == UNIT_NAME ? fact->name : fact->code);
    }
    write->holds = holder(tree, unit, attribute, fact->effective) == number;
}

void tree_each_write(const struct tree *tree, uint32_t unit, void (*fn)(void *arg, const struct tree_write *write), void *arg) {
    static const struct tree_writes none = {0};
    uint32_t creation = tree->units[unit].creation;
    const struct tree_writes *writes = tree->units[unit].writes == TREE_NONE ? &none : &tree->writes[tree->units[unit].writes];
    struct tree_write write;
    for (uint8_t attribute = UNIT_CODE; attribute <= UNIT_LEVEL && tree_stands(tree, unit); attribute++) {
        bool told = creation == TREE_NONE;
        for (uint32_t at = find_write(tree, writes, attribute, INT32_MAX); at < writes->count && tree->facts[writes->facts[at]].attribute == attribute; at++) {
            if (!told && tree->facts[creation].effective > tree->facts[writes->facts[at]].effective) {
                tell_write(tree, unit, attribute, creation, &write);
                fn(arg, &write);
                told = true;
            }
            tell_write(tree, unit, attribute, writes->facts[at], &write);
            fn(arg, &write);
        }
        if (!told) {
            tell_write(tree, unit, attribute, creation, &write);
            fn(arg, &write);
        }
    }
}

void tree_each_log_about(const struct tree *tree, uint32_t unit, bool (*fn)(void *arg, const struct log_id *log), void *arg) {
    const struct tree_unit *slot = &tree->units[unit];
    if (slot->creation != TREE_NONE && !fn(arg, &tree_fact_log(tree, &tree->facts[slot->creation])->id)) {
        return;
    }
    for (uint32_t i = 0; slot->writes != TREE_NONE && i < tree->writes[slot->writes].count; i++) {
        if (!fn(arg, &tree_fact_log(tree, &tree->facts[tree->writes[slot->writes].facts[i]])->id)) {
            return;
        }
    }
    const uint32_t *nodes;
    size_t count = tree_unit_nodes(tree, unit, &nodes);
    for (size_t i = 0; i < count; i++) {
        uint32_t admission = tree->nodes[nodes[i]].admission;
        if (admission != TREE_NONE && !fn(arg, &tree_fact_log(tree, &tree->facts[admission])->id)) {
            return;
        }
    }
}
