#include "store/extract_figures.h"

#include "store/rollup.h"

#include <stdlib.h>

enum { CELLS_MOST = 60000, NOWHERE = -1 }; /* cells of a change: far from the longest body */

struct figure {
    bool value, not_applicable, missing, contested, overflow;
    uint8_t qualifier;
    wide sum;
};

/* What was said of one record: by ordinal, whole. */
struct taken {
    struct cell cells[FORM_FIELDS_MAX];
    struct buffer state, contested, cut; /* as struct extract_item has them */
    size_t cut_count, contested_count;
    struct ref refs[TRUST_REFS_MAX];
    uint16_t ordinals[FORM_FIELDS_MAX]; /* contested ones */
};

struct extract_figures {
    struct store *store;
    const struct form_family *family;
    const struct form *form;
    int *ordinals;   /* by number: the newest version's summable field, NOWHERE */
    uint16_t *order; /* ordinals of summable fields, by number */
    size_t order_count;
    bool gathering;
    struct record_place place;
    struct figure figures[FORM_FIELDS_MAX];
    size_t entry_count, entry_capacity;
    int64_t *entries;
    struct taken now, group; /* group: what all records added have in common; its cells are not used */
    size_t count;
    uint32_t *periods;
    struct cell *cells; /* record by record, form->field_count each */
};

/* ---- making ---- */

static void taken_init(struct taken *taken) {
    buffer_init(&taken->state, 64 * 1024);
    buffer_init(&taken->contested, 2 * FORM_FIELDS_MAX);
    buffer_init(&taken->cut, TRUST_REFS_MAX * EXTRACT_REF_BYTES);
}

static void taken_fini(struct taken *taken) {
    buffer_fini(&taken->state);
    buffer_fini(&taken->contested);
    buffer_fini(&taken->cut);
}

static int by_number(const void *a, const void *b, void *arg) {
    const uint16_t *numbers = arg;
    uint16_t x = numbers[*(const uint16_t *)a], y = numbers[*(const uint16_t *)b];
    return (x > y) - (x < y);
}

static void map_fields(struct extract_figures *figures) {
    const struct form_version_view *newest = figures->family->newest;
    for (size_t i = 0; i < figures->family->field_count; i++)
        figures->ordinals[i] = NOWHERE;
    for (size_t i = 0; i < figures->form->field_count; i++) {
        if (!extract_summable(&figures->form->fields[i]))
            continue;
        figures->ordinals[newest->numbers[i]] = (int)i;
        figures->order[figures->order_count++] = (uint16_t)i;
    }
    if (figures->order_count > 1)
        qsort_r(figures->order, figures->order_count, sizeof figures->order[0], by_number, newest->numbers);
}

enum status extract_figures_new(struct extract_figures **out, struct store *store, const struct form_family *family) {
    struct extract_figures *figures = calloc(1, sizeof *figures);
    *out = NULL;
    if (figures == NULL)
        return STATUS_NO_MEMORY;
    figures->store = store;
    figures->family = family;
    figures->form = &family->newest->form;
    taken_init(&figures->now);
    taken_init(&figures->group);
    figures->ordinals = calloc(family->field_count + 1, sizeof *figures->ordinals);
    figures->order = calloc(figures->form->field_count + 1, sizeof *figures->order);
    figures->periods = calloc(PUT_RECORDS_MAX, sizeof *figures->periods);
    figures->cells = calloc(CELLS_MOST, sizeof *figures->cells);
    if (figures->ordinals == NULL || figures->order == NULL || figures->periods == NULL || figures->cells == NULL) {
        extract_figures_free(figures);
        return STATUS_NO_MEMORY;
    }
    map_fields(figures);
    *out = figures;
    return STATUS_OK;
}

void extract_figures_free(struct extract_figures *figures) {
    if (figures == NULL)
        return;
    taken_fini(&figures->now);
    taken_fini(&figures->group);
    free(figures->ordinals);
    free(figures->order);
    free(figures->periods);
    free(figures->cells);
    free(figures->entries);
    free(figures);
}

/* ---- 1. gathering ---- */

bool extract_figures_same(const struct extract_figures *figures, const struct record_place *place) {
    return !figures->gathering || (figures->place.unit == place->unit && figures->place.period == place->period);
}

static enum status rests_on(struct extract_figures *figures, int64_t entry) {
    for (size_t i = figures->entry_count; i-- > 0;) { /* mostly the last one */
        if (figures->entries[i] == entry)
            return STATUS_OK;
    }
    if (figures->entry_count == figures->entry_capacity) {
        size_t capacity = figures->entry_capacity > 0 ? figures->entry_capacity * 2 : 16;
        int64_t *grown = realloc(figures->entries, capacity * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        figures->entries = grown;
        figures->entry_capacity = capacity;
    }
    figures->entries[figures->entry_count++] = entry;
    return STATUS_OK;
}

static void add_cell(struct figure *figure, const struct cell *cell, bool contested) {
    figure->contested = figure->contested || contested;
    if (cell->state != CELL_VALUE || cell->type != CELL_INT) {
        figure->not_applicable = figure->not_applicable || cell->state == CELL_NOT_APPLICABLE;
        figure->missing = true;
        return;
    }
    figure->qualifier = figure->value ? rollup_qualifier(figure->qualifier, cell->qualifier) : cell->qualifier;
    figure->value = true;
    figure->sum += cell->number;
    figure->overflow = figure->overflow || figure->sum > INT64_MAX || figure->sum < INT64_MIN;
}

static enum status add_field(struct extract_figures *figures, const struct record_place *place, uint32_t unit, const struct register_head *heads,
                             size_t count) {
    int ordinal = heads[0].field < figures->family->field_count ? figures->ordinals[heads[0].field] : NOWHERE;
    struct cell cell;
    bool contested;
    if (ordinal == NOWHERE)
        return STATUS_OK;
    enum status status = record_counted(figures->store, place, unit, figures->form->policy, heads, count, &cell, &contested);
    if (status == STATUS_OK)
        add_cell(&figures->figures[ordinal], &cell, contested);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = rests_on(figures, heads[i].entry);
    return status;
}

enum status extract_figures_gather(struct extract_figures *figures, const struct record_place *place, uint32_t unit, struct bytes state) {
    struct register_walk walk;
    struct register_head head, *heads = NULL;
    enum status status = STATUS_OK;
    figures->gathering = true;
    figures->place = (struct record_place){.form = place->form, .unit = place->unit, .period = place->period};
    register_begin(&walk, state);
    while (status == STATUS_OK && register_next(&walk, &head)) {
        struct register_head *grown = head.index == 0 ? realloc(heads, head.count * sizeof *heads) : heads;
        if (grown == NULL) {
            status = STATUS_NO_MEMORY;
            break;
        }
        heads = grown;
        heads[head.index] = head;
        if (head.index + 1 == head.count)
            status = add_field(figures, place, unit, heads, head.count);
    }
    free(heads);
    return status != STATUS_OK ? status : walk.status;
}

/* ---- 2. one record ---- */

static enum status ref_of(struct store *store, int64_t entry, struct ref *out) {
    struct query query = db_query(store->db, "SELECT l.node, l.kind, l.epoch, e.seq, e.hash FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
    struct hash hash;
    query_bind_int(&query, entry);
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, out->log.node.b, sizeof out->log.node.b);
        out->log.kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, out->log.epoch.b, sizeof out->log.epoch.b);
        out->seq = (uint64_t)query_int(&query, 3);
        query_fixed(&query, 4, hash.b, sizeof hash.b);
        out->hash = hash_short(&hash);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_STORE_DAMAGED : status;
}

static int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

/* Of each log the last of the entries. A record that more logs wrote than a list of refs holds is cut from those that are named. */
static enum status take_cut(struct extract_figures *figures) {
    struct taken *now = &figures->now;
    now->cut_count = 0;
    for (size_t i = 0; i < figures->entry_count; i++) {
        struct ref ref;
        size_t j = 0;
        enum status status = ref_of(figures->store, figures->entries[i], &ref);
        if (status != STATUS_OK)
            return status;
        while (j < now->cut_count && !log_id_equal(&now->refs[j].log, &ref.log))
            j++;
        if (j == TRUST_REFS_MAX)
            continue;
        if (j == now->cut_count || now->refs[j].seq < ref.seq)
            now->refs[j] = ref;
        now->cut_count += j == now->cut_count;
    }
    if (now->cut_count > 1)
        qsort(now->refs, now->cut_count, sizeof now->refs[0], by_ref);
    buffer_clear(&now->cut);
    return extract_cut_write(now->refs, now->cut_count, &now->cut);
}

static struct cell cell_of(const struct form *form, size_t ordinal, const struct figure *figure) {
    struct cell cell = {.state = CELL_UNTOUCHED};
    if (figure->value && !figure->overflow) {
        cell = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = (int64_t)figure->sum, .qualifier = figure->qualifier};
        if (extract_small(form, &form->fields[ordinal], cell.number)) {
            cell.number = form->suppress_below;
            cell.qualifier = QUALIFIER_UNDER;
        }
    } else if (figure->value || figure->missing) {
        cell.state = figure->not_applicable && !figure->overflow ? CELL_NOT_APPLICABLE : CELL_MISSING;
    }
    return cell;
}

/* By number, as a register has them; the contested ones by ordinal, too, as a change has them. */
static enum status take_cells(struct extract_figures *figures, bool *any) {
    struct taken *now = &figures->now;
    uint16_t numbers[FORM_FIELDS_MAX];
    struct cell *cells = calloc(figures->order_count + 1, sizeof *cells);
    const struct register_write write = {EXTRACT_ENTRY, figures->order_count, numbers, cells};
    struct register_write touched = write;
    enum status status = cells == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    memset(now->cells, 0, sizeof now->cells);
    buffer_clear(&now->state);
    buffer_clear(&now->contested);
    now->contested_count = touched.count = 0;
    for (size_t i = 0; status == STATUS_OK && i < figures->order_count; i++) {
        uint16_t ordinal = figures->order[i], number = figures->family->newest->numbers[ordinal];
        struct cell cell = cell_of(figures->form, ordinal, &figures->figures[ordinal]);
        now->cells[ordinal] = cell;
        if (cell.state == CELL_UNTOUCHED)
            continue;
        numbers[touched.count] = number;
        cells[touched.count++] = cell;
    }
    for (uint16_t i = 0; status == STATUS_OK && i < figures->form->field_count; i++) {
        uint16_t number = figures->family->newest->numbers[i];
        const uint8_t bytes[2] = {(uint8_t)number, (uint8_t)(number >> 8)};
        if (now->cells[i].state == CELL_UNTOUCHED || !figures->figures[i].contested)
            continue;
        now->ordinals[now->contested_count++] = i;
        status = buffer_append(&now->contested, bytes, sizeof bytes);
    }
    *any = touched.count > 0;
    if (status == STATUS_OK && *any)
        status = register_first(&touched, 1, &now->state);
    free(cells);
    return status;
}

enum status extract_figures_take(struct extract_figures *figures, struct record_place *place, bool *any) {
    enum status status = STATUS_OK;
    *any = false;
    if (!figures->gathering)
        return STATUS_OK;
    *place = figures->place;
    if (figures->form->list)
        place->row = bytes_of(EXTRACT_ROW, strlen(EXTRACT_ROW));
    status = take_cells(figures, any);
    if (status == STATUS_OK && *any)
        status = take_cut(figures);
    figures->gathering = false;
    figures->entry_count = 0;
    memset(figures->figures, 0, sizeof figures->figures);
    return status;
}

/* ---- 3. comparing ---- */

bool extract_figures_are(const struct extract_figures *figures, const struct extract_item *item) {
    const struct taken *now = &figures->now;
    return bytes_equal(buffer_bytes(&now->state), buffer_bytes(&item->state)) && bytes_equal(buffer_bytes(&now->contested), buffer_bytes(&item->contested)) &&
           bytes_equal(buffer_bytes(&now->cut), buffer_bytes(&item->cut));
}

/* ---- 4. one change ---- */

bool extract_figures_fit(const struct extract_figures *figures) {
    const struct taken *now = &figures->now, *group = &figures->group;
    if (figures->count == 0)
        return true;
    return figures->count < PUT_RECORDS_MAX && (figures->count + 1) * figures->form->field_count <= CELLS_MOST &&
           bytes_equal(buffer_bytes(&now->cut), buffer_bytes(&group->cut)) && bytes_equal(buffer_bytes(&now->contested), buffer_bytes(&group->contested));
}

enum status extract_figures_add(struct extract_figures *figures) {
    const struct taken *now = &figures->now;
    struct taken *group = &figures->group;
    enum status status = STATUS_OK;
    if (figures->count == 0) {
        buffer_clear(&group->cut);
        buffer_clear(&group->contested);
        status = buffer_append(&group->cut, now->cut.data, now->cut.len);
        if (status == STATUS_OK && now->contested.len > 0)
            status = buffer_append(&group->contested, now->contested.data, now->contested.len);
        group->cut_count = now->cut_count;
        memcpy(group->refs, now->refs, now->cut_count * sizeof now->refs[0]);
        group->contested_count = now->contested_count;
        memcpy(group->ordinals, now->ordinals, now->contested_count * sizeof now->ordinals[0]);
    }
    if (status != STATUS_OK)
        return status;
    figures->periods[figures->count] = figures->place.period;
    memcpy(figures->cells + figures->count * figures->form->field_count, now->cells, figures->form->field_count * sizeof *figures->cells);
    figures->count++;
    return STATUS_OK;
}

size_t extract_figures_count(const struct extract_figures *figures) {
    return figures->count;
}

/* The tables of a put, column by column: ordinals that any record touches. */
static enum status build(const struct extract_figures *figures, struct put *put) {
    const size_t fields = figures->form->field_count;
    *put = (struct put){.form_version = figures->family->newest->version, .record_count = figures->count};
    put->keys = calloc(figures->count, sizeof *put->keys);
    put->ordinals = calloc(fields + 1, sizeof *put->ordinals);
    put->cells = calloc(figures->count * fields + 1, sizeof *put->cells);
    if (put->keys == NULL || put->ordinals == NULL || put->cells == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < figures->count; i++)
        put->keys[i] = (struct record_key){figures->periods[i], figures->form->list ? bytes_of(EXTRACT_ROW, strlen(EXTRACT_ROW)) : (struct bytes){0}};
    for (size_t ordinal = 0; ordinal < fields; ordinal++) {
        struct cell *column = put->cells + put->column_count * figures->count;
        bool touched = false;
        for (size_t i = 0; i < figures->count; i++) {
            column[i] = figures->cells[i * fields + ordinal];
            touched = touched || column[i].state != CELL_UNTOUCHED;
        }
        if (touched)
            put->ordinals[put->column_count++] = (uint16_t)ordinal;
    }
    return STATUS_OK;
}

enum status extract_figures_encode(struct extract_figures *figures, struct buffer *out) {
    struct extract *extract = calloc(1, sizeof *extract);
    if (extract == NULL)
        return STATUS_NO_MEMORY;
    const struct taken *group = &figures->group;
    enum status status = build(figures, &extract->put);
    extract->cut_count = group->cut_count;
    memcpy(extract->cut, group->refs, group->cut_count * sizeof group->refs[0]);
    extract->contested_count = group->contested_count;
    memcpy(extract->contested, group->ordinals, group->contested_count * sizeof group->ordinals[0]);
    if (status == STATUS_OK)
        status = extract_encode(extract, out);
    free(extract->put.keys);
    free(extract->put.ordinals);
    free(extract->put.cells);
    free(extract);
    figures->count = 0;
    return status;
}
