#include "store/record.h"

#include "protocol/planted.h"
#include "store/form_view.h"
#include "store/record_load.h"

#include <stdlib.h>

enum { STATE_BYTES_MAX = 16 * 1024 * 1024, AUTHOR_NOWHERE = 1000 };

/* ---- numbers ---- */

/* sql_find: SELECT by the key; sql_make: INSERT of it. */
static enum status number_of(struct store *store, const char *sql_find, const char *sql_make, struct bytes key, int64_t *out) {
    struct query query = db_query(store->db, sql_find);
    query_bind_blob(&query, key);
    bool found = query_next(&query);
    *out = found ? query_int(&query, 0) : 0;
    enum status status = query_end(&query);
    if (status != STATUS_OK || found)
        return status;
    if (sql_make == NULL)
        return STATUS_NOT_FOUND;
    query = db_query(store->db, sql_make);
    query_bind_blob(&query, key);
    status = query_run(&query);
    *out = db_last_id(store->db);
    return status;
}

enum status record_form_number(struct store *store, const uint8_t form_id[16], bool make, int64_t *out) {
    return number_of(store, "SELECT id FROM form_key WHERE form_id = ?", make ? "INSERT INTO form_key(form_id) VALUES(?)" : NULL, bytes_of(form_id, 16), out);
}

enum status record_unit_number(struct store *store, const struct unit_id *unit, bool make, int64_t *out) {
    return number_of(store, "SELECT id FROM unit_key WHERE unit = ?", make ? "INSERT INTO unit_key(unit) VALUES(?)" : NULL, bytes_of(unit->b, sizeof unit->b),
                     out);
}

/* ---- rows ---- */

/* Bytes as a number, the lowest first: one load where there are eight. */
static inline uint64_t word_of_eight(const uint8_t *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 |
           (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

static uint64_t word_of(const uint8_t *at, size_t len) {
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)at[i] << 8 * i;
    return word;
}

static inline uint64_t mixed(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return sum ^ sum >> 32;
}

static inline uint64_t mixed_bytes(uint64_t sum, struct bytes bytes) {
    size_t at = 0;
    for (; at + 8 <= bytes.len; at += 8)
        sum = mixed(sum, word_of_eight(bytes.data + at));
    return mixed(sum, at < bytes.len ? word_of(bytes.data + at, bytes.len - at) : 0); /* of empty bytes there may be no pointer to reckon with */
}

/* It finds what a disk has changed, not what somebody has: so it may be fast, and need not be long. Both lengths go in first, so that no bytes can move from
 * one part to another. */
int64_t record_sum(const struct record_place *place, struct bytes state) {
    uint64_t sum = mixed(0, (uint64_t)place->row.len << 32 | (uint64_t)state.len);
    sum = mixed(sum, (uint64_t)place->form);
    sum = mixed(sum, (uint64_t)place->unit);
    sum = mixed(sum, place->period);
    sum = mixed_bytes(sum, place->row);
    return (int64_t)(mixed_bytes(sum, state) >> 41);
}

bool record_sound(const struct record_place *place, struct bytes state, int64_t sum) {
    return place->row.len <= ROW_KEY_BYTES_MAX && (record_sum(place, state) == sum || PLANTED("checksum-believed"));
}

static void bind_place(struct query *query, const struct record_place *place) {
    query_bind_int(query, place->form);
    query_bind_int(query, place->period);
    query_bind_int(query, place->unit);
    query_bind_text(query, place->row);
}

enum status record_read(struct store *store, const struct record_place *place, struct buffer *state) {
    buffer_clear(state);
    struct query query = db_query(store->db, "SELECT state, sum FROM record WHERE form = ? AND period = ? AND unit = ? AND row = ?");
    bind_place(&query, place);
    enum status status = STATUS_NOT_FOUND;
    if (query_next(&query)) {
        struct bytes bytes = query_blob(&query, 0);
        status = record_sound(place, bytes, query_int(&query, 1)) ? buffer_append(state, bytes.data, bytes.len) : STATUS_STORE_DAMAGED;
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

enum status record_contested_count(struct store *store, int64_t *out) {
    struct query query = db_query(store->db, "SELECT count(*) FROM record WHERE contested = 1");
    *out = query_next(&query) ? query_int(&query, 0) : 0;
    return query_end(&query);
}

static enum status add_entry(int64_t **entries, size_t *count, int64_t entry) {
    if ((*count & (*count - 1)) == 0) { /* full at every power of two */
        int64_t *grown = realloc(*entries, (*count > 0 ? *count * 2 : 1) * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        *entries = grown;
    }
    (*entries)[(*count)++] = entry;
    return STATUS_OK;
}

enum status record_writers(struct store *store, const struct record_place *place, int64_t **out, size_t *count) {
    *out = NULL;
    *count = 0;
    struct query query = db_query(store->db, "SELECT entry FROM record_write WHERE form = ? AND period = ? AND unit = ? AND row = ? ORDER BY entry");
    bind_place(&query, place);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query))
        status = add_entry(out, count, query_int(&query, 0));
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    if (status == STATUS_OK && *count == 0) { /* one write alone is named by the state itself */
        struct buffer state;
        buffer_init(&state, STATE_BYTES_MAX);
        status = record_read(store, place, &state);
        int64_t entry = status == STATUS_OK ? register_only_entry(buffer_bytes(&state)) : 0;
        if (status == STATUS_OK)
            status = entry != 0 ? add_entry(out, count, entry) : STATUS_STORE_DAMAGED;
        buffer_fini(&state);
    }
    if (status != STATUS_OK) {
        free(*out);
        *out = NULL;
        *count = 0;
    }
    return status;
}

/* ---- what a field counts as ---- */

/* Where the author of an entry stands as seen from the reporting unit. */
static enum status author_of(struct store *store, int64_t entry, uint32_t unit, struct register_author *out) {
    struct node_id id = {0};
    struct query query = db_query(store->db, "SELECT l.node FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
    query_bind_int(&query, entry);
    if (query_next(&query))
        query_fixed(&query, 0, id.b, sizeof id.b);
    enum status status = query_end(&query);
    uint32_t node = tree_node(store->tree, &id);
    *out = (struct register_author){false, AUTHOR_NOWHERE};
    if (status == STATUS_OK && node != TREE_NONE) {
        uint32_t line[LINE_UNITS_MAX], author = tree_node_at(store->tree, node)->unit;
        out->own = author == unit;
        out->depth = (unsigned)tree_line(store->tree, author, TREE_TODAY, line);
    }
    return status;
}

/* A tie: all the writes are needed. */
static enum status base_of(struct store *store, const struct record_place *place, const struct register_head *heads, const bool *in_side, size_t count,
                           struct cell *out) {
    int64_t *side = malloc((count + 1) * sizeof *side), *entries = NULL;
    size_t side_count = 0, entry_count = 0;
    uint8_t form_id[16] = {0};
    const struct form_family *family = NULL;
    struct record_writes writes = {0};
    for (size_t i = 0; side != NULL && i < count; i++) {
        if (in_side[i])
            side[side_count++] = heads[i].entry;
    }
    struct query query = db_query(store->db, "SELECT form_id FROM form_key WHERE id = ?");
    query_bind_int(&query, place->form);
    if (query_next(&query))
        query_fixed(&query, 0, form_id, sizeof form_id);
    enum status status = query_end(&query);
    if (status == STATUS_OK)
        status = side == NULL ? STATUS_NO_MEMORY : form_view_family(store, form_id, &family);
    if (status == STATUS_OK)
        status = record_writers(store, place, &entries, &entry_count);
    if (status == STATUS_OK)
        status = record_load_writes(store, place, family, entries, entry_count, &writes);
    if (status == STATUS_OK)
        status = register_base(writes.writes, writes.count, heads[0].field, side, side_count, record_load_seen, store, out);
    /* A text would be borrowed from what is freed now: a contested text has no figure to count, so that missing is as good. */
    if (out->type == CELL_TEXT)
        *out = (struct cell){.state = CELL_MISSING};
    record_load_fini(&writes);
    free(entries);
    free(side);
    return status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
}

enum status record_counted(struct store *store, const struct record_place *place, uint32_t unit, uint8_t policy, const struct register_head *heads,
                           size_t count, struct cell *out, bool *contested) {
    *out = heads[0].cell;
    *contested = register_heads_differ(heads, count) && !PLANTED("contested-as-settled");
    if (!*contested)
        return STATUS_OK;
    struct register_author *authors = malloc(count * sizeof *authors);
    bool *in_side = calloc(count, sizeof *in_side);
    enum status status = authors != NULL && in_side != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = author_of(store, heads[i].entry, unit, &authors[i]);
    if (status == STATUS_OK && !register_side(heads, authors, count, policy, in_side, out))
        status = base_of(store, place, heads, in_side, count, out);
    free(authors);
    free(in_side);
    return status;
}

/* ---- walking ---- */

enum status record_walk(struct store *store, record_walk_fn fn, void *arg) {
    struct query query = db_query(
        store->db, "SELECT f.form_id, r.period, u.unit, r.row, r.form, r.unit, r.state, r.sum, EXISTS(SELECT 1 FROM record_write w WHERE w.form = r.form"
                   " AND w.period = r.period AND w.unit = r.unit AND w.row = r.row) FROM record r JOIN form_key f ON f.id = r.form"
                   " JOIN unit_key u ON u.id = r.unit ORDER BY f.form_id, r.period, u.unit, r.row");
    const struct form_family *family = NULL;
    int64_t form = 0; /* whose family that is */
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct record_item item = {
            .place = {.form = query_int(&query, 4), .unit = query_int(&query, 5), .period = (uint32_t)query_int(&query, 1), .row = query_text(&query, 3)}};
        query_fixed(&query, 0, item.form_id, sizeof item.form_id);
        query_fixed(&query, 2, item.unit.b, sizeof item.unit.b);
        item.state = query_blob(&query, 6);
        item.sound = record_sound(&item.place, item.state, query_int(&query, 7));
        item.several = query_int(&query, 8) != 0;
        if (item.place.form != form)
            status = form_view_family(store, item.form_id, &family);
        form = item.place.form;
        item.family = family;
        if (status == STATUS_OK || status == STATUS_NOT_FOUND)
            status = fn(arg, &item);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* ---- the canonical item ---- */

/* A head as others know it: by its field's name and its entry's hash. */
struct named_head {
    struct bytes name;
    uint8_t hash[16];
    struct cell cell;
};

static int by_name_and_hash(const void *a, const void *b) {
    const struct named_head *x = a, *y = b;
    int order = bytes_compare(x->name, y->name);
    return order != 0 ? order : memcmp(x->hash, y->hash, sizeof x->hash);
}

static enum status hash_of(struct store *store, int64_t entry, uint8_t out[16]) {
    struct hash hash = {0};
    struct query query = db_query(store->db, "SELECT hash FROM entry WHERE id = ?");
    query_bind_int(&query, entry);
    bool found = query_next(&query);
    if (found)
        query_fixed(&query, 0, hash.b, sizeof hash.b);
    memcpy(out, hash.b, 16);
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_STORE_DAMAGED : status;
}

static void write_head(struct writer *writer, const struct named_head *head) {
    writer_array(writer, 4);
    writer_bin(writer, bytes_of(head->hash, sizeof head->hash));
    writer_uint(writer, head->cell.state);
    if (head->cell.state != CELL_VALUE)
        writer_nil(writer);
    else if (head->cell.type == CELL_TEXT)
        writer_str(writer, head->cell.text);
    else if (head->cell.type == CELL_BOOL)
        writer_bool(writer, head->cell.number != 0);
    else
        writer_int(writer, head->cell.number);
    writer_uint(writer, head->cell.qualifier);
}

static enum status write_item(const struct record_item *item, struct named_head *heads, size_t count, struct buffer *out) {
    struct writer writer;
    size_t fields = 0, in_order = 1;
    while (in_order < count && by_name_and_hash(&heads[in_order - 1], &heads[in_order]) <= 0)
        in_order++;
    if (in_order < count) /* names mostly ascend with their numbers */
        qsort(heads, count, sizeof *heads, by_name_and_hash);
    for (size_t i = 0; i < count; i++)
        fields += i == 0 || !bytes_equal(heads[i].name, heads[i - 1].name);
    writer_init(&writer, out);
    writer_array(&writer, 5);
    writer_bin(&writer, bytes_of(item->unit.b, sizeof item->unit.b));
    writer_bin(&writer, bytes_of(item->form_id, sizeof item->form_id));
    writer_uint(&writer, PLANTED("digest-without-periods") ? 0 : item->place.period);
    writer_str(&writer, item->place.row);
    writer_array(&writer, fields);
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && bytes_equal(heads[end].name, heads[i].name))
            end++;
        writer_array(&writer, 2);
        writer_str(&writer, heads[i].name);
        writer_array(&writer, end - i);
        for (; i < end; i++)
            write_head(&writer, &heads[i]);
    }
    return writer_end(&writer);
}

/* Names the state's heads and writes them. */
static enum status write_state(struct store *store, const struct record_item *item, const struct form_family *family, struct bytes state, struct buffer *out) {
    struct register_walk walk;
    struct register_head head;
    size_t count = 0, at = 0;
    register_begin(&walk, state);
    while (register_next(&walk, &head))
        count++;
    struct named_head *heads = malloc((count + 1) * sizeof *heads);
    if (heads == NULL)
        return STATUS_NO_MEMORY;
    enum status status = walk.status;
    int64_t last = 0;
    register_begin(&walk, state);
    while (status == STATUS_OK && register_next(&walk, &head)) {
        if (head.field >= family->field_count) {
            status = STATUS_STORE_DAMAGED;
            break;
        }
        heads[at] = (struct named_head){.name = family->fields[head.field], .cell = head.cell};
        if (at > 0 && head.entry == last) /* nearly always all of one entry */
            memcpy(heads[at].hash, heads[at - 1].hash, sizeof heads[at].hash);
        else
            status = hash_of(store, head.entry, heads[at].hash);
        last = head.entry;
        at++;
    }
    if (status == STATUS_OK)
        status = write_item(item, heads, at, out);
    free(heads);
    return status;
}

/* Some writes are not to be counted: the registers as they would be without them. */
static enum status merge_some(struct store *store, const struct record_item *item, const struct form_family *family, const int64_t *entries, size_t count,
                              struct buffer *state) {
    struct record_writes writes;
    bool contested;
    enum status status = record_load_writes(store, &item->place, family, entries, count, &writes);
    if (status == STATUS_OK)
        status = register_merge(writes.writes, writes.count, record_load_seen, store, state, &contested);
    record_load_fini(&writes);
    return status;
}

/* All that wrote the record. */
static enum status item_writers(struct store *store, const struct record_item *item, int64_t **entries, size_t *count) {
    *entries = NULL;
    *count = 0;
    if (item->several)
        return record_writers(store, &item->place, entries, count);
    int64_t only = register_only_entry(item->state);
    return only != 0 ? add_entry(entries, count, only) : STATUS_STORE_DAMAGED;
}

enum status record_canonical(struct store *store, const struct record_item *item, record_holdable_fn holdable, void *ctx, struct buffer *out) {
    int64_t *entries;
    size_t count, kept = 0;
    if (!item->sound || item->family == NULL)
        return STATUS_STORE_DAMAGED;
    enum status status = item_writers(store, item, &entries, &count);
    for (size_t i = 0; i < count; i++) {
        if (holdable(ctx, entries[i]))
            entries[kept++] = entries[i];
    }
    if (status == STATUS_OK && kept > 0 && kept == count) {
        status = write_state(store, item, item->family, item->state, out);
    } else if (status == STATUS_OK && kept > 0) {
        struct buffer state;
        buffer_init(&state, STATE_BYTES_MAX);
        status = merge_some(store, item, item->family, entries, kept, &state);
        if (status == STATUS_OK)
            status = write_state(store, item, item->family, buffer_bytes(&state), out);
        buffer_fini(&state);
    }
    free(entries);
    return status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
}
