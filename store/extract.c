#include "store/extract.h"

#include "protocol/planted.h"
#include "store/log.h"
#include "store/record_load.h"

#include <stdlib.h>

enum { STATE_BYTES_MAX = 64 * 1024, CUT_BYTES_MAX = TRUST_REFS_MAX * EXTRACT_REF_BYTES, CONTESTED_BYTES_MAX = 2 * FORM_FIELDS_MAX };

/* ---- refs, as a row keeps them: node, kind, epoch, seq (high byte first), hash ---- */

enum status extract_cut_write(const struct ref *cut, size_t count, struct buffer *out) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        uint8_t bytes[EXTRACT_REF_BYTES];
        memcpy(bytes, cut[i].log.node.b, 16);
        bytes[16] = cut[i].log.kind;
        memcpy(bytes + 17, cut[i].log.epoch.b, 8);
        for (int j = 0; j < 8; j++)
            bytes[25 + j] = (uint8_t)(cut[i].seq >> (56 - 8 * j));
        memcpy(bytes + 33, cut[i].hash.b, 16);
        status = buffer_append(out, bytes, sizeof bytes);
    }
    return status;
}

static void cut_read(const uint8_t *bytes, struct ref *out) {
    memcpy(out->log.node.b, bytes, 16);
    out->log.kind = bytes[16];
    memcpy(out->log.epoch.b, bytes + 17, 8);
    out->seq = 0;
    for (int i = 0; i < 8; i++)
        out->seq = out->seq << 8 | bytes[25 + i];
    memcpy(out->hash.b, bytes + 33, 16);
}

/* ---- applying ---- */

static enum status insert(struct store *store, const struct extract_item *item) {
    struct query query =
        db_query(store->db, "INSERT INTO extract(form, period, unit, row, entry, place, state, sum, contested, cut) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                            " ON CONFLICT DO NOTHING");
    query_bind_int(&query, item->place.form);
    query_bind_int(&query, item->place.period);
    query_bind_int(&query, item->place.unit);
    query_bind_text(&query, item->place.row);
    query_bind_int(&query, item->entry);
    query_bind_int(&query, item->change);
    query_bind_blob(&query, buffer_bytes(&item->state));
    query_bind_int(&query, record_sum(&item->place, buffer_bytes(&item->state)));
    query_bind_blob(&query, buffer_bytes(&item->contested));
    query_bind_blob(&query, buffer_bytes(&item->cut));
    return query_run(&query);
}

static enum status contested_write(const struct extract *extract, const struct form_version_view *version, struct buffer *out) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < extract->contested_count && status == STATUS_OK; i++) {
        uint16_t number = version->numbers[extract->contested[i]];
        const uint8_t bytes[2] = {(uint8_t)number, (uint8_t)(number >> 8)};
        status = buffer_append(out, bytes, sizeof bytes);
    }
    return status;
}

enum status extract_apply(struct store *store, int64_t entry, uint32_t place, const struct extract *extract, const struct form_family *family,
                          const struct form_version_view *version, const struct unit_id *unit) {
    struct extract_item item = {.entry = entry, .change = place};
    struct record_columns columns;
    uint16_t fields[FORM_FIELDS_MAX];
    struct cell *cells = malloc(FORM_FIELDS_MAX * sizeof *cells);
    buffer_init(&item.state, STATE_BYTES_MAX);
    buffer_init(&item.contested, CONTESTED_BYTES_MAX);
    buffer_init(&item.cut, CUT_BYTES_MAX);
    record_load_columns(&columns, &extract->put, version);
    enum status status = cells == NULL ? STATUS_NO_MEMORY : record_form_number(store, family->form_id, true, &item.place.form);
    if (status == STATUS_OK)
        status = record_unit_number(store, unit, true, &item.place.unit);
    if (status == STATUS_OK)
        status = contested_write(extract, version, &item.contested);
    if (status == STATUS_OK)
        status = extract_cut_write(extract->cut, extract->cut_count, &item.cut);
    for (size_t i = 0; status == STATUS_OK && i < extract->put.record_count; i++) {
        size_t count = record_load_cells(&columns, &extract->put, version, i, fields, cells);
        const struct register_write write = {EXTRACT_ENTRY, count, fields, cells};
        item.place.period = extract->put.keys[i].period;
        item.place.row = extract->put.keys[i].row;
        buffer_clear(&item.state);
        status = register_first(&write, 1, &item.state);
        if (status == STATUS_OK)
            status = insert(store, &item);
    }
    extract_item_fini(&item);
    free(cells);
    return status;
}

enum status extract_withdraw(struct store *store, int64_t entry, uint32_t place) {
    static_assert(UINT32_MAX == 4294967295, "the statement below says the same");
    struct query query = db_query(store->db, "DELETE FROM extract WHERE entry = ?1 AND (place = ?2 OR ?2 = 4294967295)");
    query_bind_int(&query, entry);
    query_bind_int(&query, place);
    return query_run(&query);
}

/* ---- which one stands ---- */

void extract_item_fini(struct extract_item *item) {
    buffer_fini(&item->row);
    buffer_fini(&item->state);
    buffer_fini(&item->contested);
    buffer_fini(&item->cut);
}

void extract_list_fini(struct extract_list *list) {
    for (size_t i = 0; i < list->count; i++)
        extract_item_fini(&list->items[i]);
    free(list->items);
    *list = (struct extract_list){0};
}

static enum status ref_stands(struct store *store, const struct ref *ref, bool *stands, bool *held) {
    struct tree_standing standing;
    tree_log_standing(store->tree, &ref->log, &standing);
    *held = false;
    *stands = ref->seq <= standing.upto && tree_node(store->tree, &ref->log.node) != TREE_NONE &&
              (!tree_erased(store->tree, ref) || PLANTED("extract-outlives-erasure"));
    if (!*stands)
        return STATUS_OK;
    struct query query = db_query(
        store->db, "SELECT e.hash, e.body_state FROM log l JOIN entry e ON e.log = l.id AND e.seq = ?4 WHERE l.node = ?1 AND l.kind = ?2 AND l.epoch = ?3");
    query_bind_blob(&query, bytes_of(ref->log.node.b, sizeof ref->log.node.b));
    query_bind_int(&query, ref->log.kind);
    query_bind_blob(&query, bytes_of(ref->log.epoch.b, sizeof ref->log.epoch.b));
    query_bind_int(&query, (int64_t)ref->seq);
    if (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        *stands = memcmp(hash.b, ref->hash.b, sizeof ref->hash.b) == 0;
        *held = query_int(&query, 1) == BODY_HELD;
    }
    return query_end(&query);
}

enum status extract_stands(struct store *store, struct bytes cut, bool *stands, bool *held) {
    enum status status = cut.len > 0 && cut.len % EXTRACT_REF_BYTES == 0 ? STATUS_OK : STATUS_STORE_DAMAGED;
    *stands = *held = true;
    for (size_t at = 0; status == STATUS_OK && *stands && at < cut.len; at += EXTRACT_REF_BYTES) {
        struct ref ref;
        bool here;
        cut_read(cut.data + at, &ref);
        status = ref_stands(store, &ref, stands, &here);
        *held = *held && here;
    }
    return status;
}

/* The row that the query shows: form, period, unit, row, entry, place, state, sum, contested, cut. */
static enum status item_read(struct query *query, struct extract_item *out) {
    struct bytes row = query_text(query, 3), state = query_blob(query, 6), contested = query_blob(query, 8), cut = query_blob(query, 9);
    *out = (struct extract_item){.place = {query_int(query, 0), query_int(query, 2), (uint32_t)query_int(query, 1), row},
                                 .entry = query_int(query, 4),
                                 .change = (uint32_t)query_int(query, 5)};
    buffer_init(&out->row, ROW_KEY_BYTES_MAX);
    buffer_init(&out->state, STATE_BYTES_MAX);
    buffer_init(&out->contested, CONTESTED_BYTES_MAX);
    buffer_init(&out->cut, CUT_BYTES_MAX);
    enum status status = record_sound(&out->place, state, query_int(query, 7)) ? STATUS_OK : STATUS_STORE_DAMAGED;
    if (status == STATUS_OK && row.len > 0)
        status = buffer_append(&out->row, row.data, row.len);
    if (status == STATUS_OK)
        status = buffer_append(&out->state, state.data, state.len);
    if (status == STATUS_OK && contested.len > 0)
        status = buffer_append(&out->contested, contested.data, contested.len);
    if (status == STATUS_OK && cut.len > 0)
        status = buffer_append(&out->cut, cut.data, cut.len);
    out->place.row = buffer_bytes(&out->row);
    return status;
}

static enum status list_add(struct extract_list *list, struct extract_item **out) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
        struct extract_item *grown = realloc(list->items, capacity * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        list->items = grown;
        list->capacity = capacity;
    }
    *out = &list->items[list->count++];
    **out = (struct extract_item){0};
    return STATUS_OK;
}

/* Ends the query. Those that fall are left out. */
static enum status list_read(struct store *store, struct query *query, struct extract_list *list) {
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        struct extract_item *item;
        bool stands = true, held;
        status = list_add(list, &item);
        if (status == STATUS_OK)
            status = item_read(query, item);
        if (status == STATUS_OK)
            status = extract_stands(store, buffer_bytes(&item->cut), &stands, &held);
        if (status == STATUS_OK && !stands) {
            extract_item_fini(item);
            list->count--;
        }
    }
    enum status ended = query_end(query);
    return ended != STATUS_OK ? ended : status;
}

/* Has a seen b, and not the other way round? In one body the later place has seen the earlier. */
static enum status replaces(struct store *store, const struct extract_item *a, const struct extract_item *b, bool *out) {
    bool back = false;
    if (a->entry == b->entry) {
        *out = a->change > b->change;
        return STATUS_OK;
    }
    enum status status = log_has_seen(store, a->entry, b->entry, out);
    if (status == STATUS_OK && *out)
        status = log_has_seen(store, b->entry, a->entry, &back);
    *out = *out && !back;
    return status;
}

/* Of the items from first on, all of one record, takes those out that another has seen. */
static enum status keep_heads(struct store *store, struct extract_list *list, size_t first) {
    size_t count = list->count - first, kept = first;
    if (count < 2)
        return STATUS_OK;
    bool *seen = calloc(count, sizeof *seen);
    enum status status = seen == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        for (size_t j = 0; j < count && status == STATUS_OK && !seen[i]; j++)
            if (i != j)
                status = replaces(store, &list->items[first + j], &list->items[first + i], &seen[i]);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (seen[i] && !PLANTED("old-extract-counts"))
            extract_item_fini(&list->items[first + i]);
        else
            list->items[kept++] = list->items[first + i];
    }
    if (status == STATUS_OK)
        list->count = kept;
    free(seen);
    return status;
}

static bool same_figures(const struct extract_item *a, const struct extract_item *b) {
    return bytes_equal(buffer_bytes(&a->state), buffer_bytes(&b->state)) && bytes_equal(buffer_bytes(&a->contested), buffer_bytes(&b->contested));
}

/* Negative: a's author is senior, or of one author a's entry has the lower hash. */
static enum status rank(struct store *store, const struct extract_item *a, const struct extract_item *b, int *out) {
    const int64_t entries[2] = {a->entry, b->entry};
    struct node_id authors[2] = {{{0}}};
    struct hash hashes[2] = {{{0}}};
    enum status status = STATUS_OK;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        struct query query = db_query(store->db, "SELECT l.node, e.hash FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
        query_bind_int(&query, entries[i]);
        if (query_next(&query)) {
            query_fixed(&query, 0, authors[i].b, sizeof authors[i].b);
            query_fixed(&query, 1, hashes[i].b, sizeof hashes[i].b);
        }
        status = query_end(&query);
    }
    uint32_t x = tree_node(store->tree, &authors[0]), y = tree_node(store->tree, &authors[1]);
    *out = x == y || x == TREE_NONE || y == TREE_NONE ? 0 : tree_seniority(store->tree, x, y);
    *out = *out != 0 ? *out : ID_COMPARE(&hashes[0], &hashes[1]);
    return status;
}

/* Of the items from first on, all of one record, leaves the one that counts. */
static enum status keep_one(struct store *store, struct extract_list *list, size_t first) {
    enum status status = keep_heads(store, list, first);
    size_t best = first;
    for (size_t i = first + 1; status == STATUS_OK && i < list->count; i++) {
        int order = 0;
        if (!same_figures(&list->items[i], &list->items[best]))
            status = rank(store, &list->items[i], &list->items[best], &order);
        best = order < 0 ? i : best;
    }
    for (size_t i = first; status == STATUS_OK && i < list->count; i++) {
        if (i != best)
            extract_item_fini(&list->items[i]);
        else if (i != first)
            list->items[first] = list->items[i];
    }
    if (status == STATUS_OK && list->count > first)
        list->count = first + 1;
    return status;
}

static bool same_record(const struct extract_item *a, const struct extract_item *b) {
    return a->place.period == b->place.period && a->place.unit == b->place.unit && bytes_equal(buffer_bytes(&a->row), buffer_bytes(&b->row));
}

/* Of one record the rows stand together: each is brought down to the one that counts, and dropped where the record itself is here. */
static enum status list_judge(struct store *store, struct extract_list *all, struct extract_list *out) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < all->count;) {
        size_t first = out->count;
        bool stands, held = false;
        do {
            struct extract_item *item;
            status = list_add(out, &item);
            if (status == STATUS_OK) {
                *item = all->items[i];
                all->items[i++] = (struct extract_item){.place = item->place, .row = {.data = NULL}};
            }
        } while (status == STATUS_OK && i < all->count && same_record(&all->items[i], &out->items[out->count - 1]));
        if (status == STATUS_OK)
            status = keep_one(store, out, first);
        if (status == STATUS_OK)
            status = extract_stands(store, buffer_bytes(&out->items[first].cut), &stands, &held);
        if (status == STATUS_OK && held && !PLANTED("extract-and-record")) {
            extract_item_fini(&out->items[first]);
            out->count--;
        }
    }
    return status;
}

#define COLUMNS "SELECT form, period, unit, row, entry, place, state, sum, contested, cut FROM extract WHERE form = ? AND period "

enum status extract_counted(struct store *store, int64_t form, uint32_t first, uint32_t last, struct extract_list *out) {
    struct extract_list all = {0};
    struct query query = db_query(store->db, COLUMNS "BETWEEN ? AND ? ORDER BY period, unit, row, entry, place");
    *out = (struct extract_list){0};
    query_bind_int(&query, form);
    query_bind_int(&query, first);
    query_bind_int(&query, last);
    enum status status = list_read(store, &query, &all);
    if (status == STATUS_OK)
        status = list_judge(store, &all, out);
    for (size_t i = 0; i < out->count; i++)
        out->items[i].place.row = buffer_bytes(&out->items[i].row);
    extract_list_fini(&all);
    return status;
}

enum status extract_heads(struct store *store, const struct record_place *place, struct extract_list *out) {
    struct query query = db_query(store->db, COLUMNS "= ? AND unit = ? AND row = ? ORDER BY entry, place");
    *out = (struct extract_list){0};
    query_bind_int(&query, place->form);
    query_bind_int(&query, place->period);
    query_bind_int(&query, place->unit);
    query_bind_text(&query, place->row);
    enum status status = list_read(store, &query, out);
    return status == STATUS_OK ? keep_heads(store, out, 0) : status;
}

size_t extract_find(const struct extract_list *list, uint32_t period, int64_t unit) {
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct record_place *place = &list->items[middle].place;
        if (place->period < period || (place->period == period && place->unit < unit))
            low = middle + 1;
        else
            high = middle;
    }
    return low < list->count && list->items[low].place.period == period && list->items[low].place.unit == unit ? low : list->count;
}

/* ---- for the digest ---- */

enum status extract_walk(struct store *store, extract_walk_fn fn, void *arg) {
    struct query query = db_query(
        store->db, "SELECT DISTINCT x.entry, x.place, x.cut, k.unit, e.hash FROM extract x JOIN entry e ON e.id = x.entry JOIN unit_key k ON k.id = x.unit"
                   " ORDER BY e.hash, x.place");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct unit_id unit;
        struct hash hash;
        bool stands, held;
        query_fixed(&query, 3, unit.b, sizeof unit.b);
        query_fixed(&query, 4, hash.b, sizeof hash.b);
        const struct short_hash brief = hash_short(&hash);
        status = extract_stands(store, query_blob(&query, 2), &stands, &held);
        if (status == STATUS_OK && stands)
            status = fn(arg, query_int(&query, 0), &brief, (uint32_t)query_int(&query, 1), &unit);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}
