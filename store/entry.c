#include "store/entry.h"

#include "protocol/planted.h"
#include "store/entry_cells.h"
#include "store/record_load.h"

#include <assert.h>
#include <stdlib.h>

enum {
    SET_BYTES_MAX = BODY_BYTES_MAX * 3 / 4, /* by a generous count of a change-set's bytes: it must fit when encoded */
    CELL_BYTES = 24,
    RECORD_BYTES = 16,
    STATE_BYTES_MAX = 16 * 1024 * 1024
};

/* A record waiting for its change-set to be full: one block holds it, its cells and their texts. */
struct waiting {
    struct record_key key;
    size_t count;
    uint16_t *ordinals;
    struct cell *cells;
};

struct entry_batch {
    struct store *store;
    struct entry_options options;
    uint32_t own;
    struct entry_counts counts;
    /* the change-set under way */
    uint32_t unit;
    uint8_t flags; /* PUT_CORRECTION or PUT_ON_BEHALF alone, PUT_SETTLES beside; records under the same of the first two go together */
    uint8_t reach;
    size_t record_count, bytes, log_count;
    struct waiting *records[PUT_RECORDS_MAX];
    struct log_id logs[SEEN_REFS_MAX];
    /* the record being judged */
    struct buffer state;
    struct log_id record_logs[SEEN_REFS_MAX];
    size_t record_log_count;
    uint8_t record_reach;
    uint16_t ordinals[FORM_FIELDS_MAX];
    struct cell cells[FORM_FIELDS_MAX];
    /* the writer asked about last, and what its header said */
    int64_t known_entry;
    struct log_id known_log;
    uint8_t known_reach;
    struct header *header;
};

/* ---- rules that need no look at what stands ---- */

enum status entry_allowed(const struct store *store, const struct form_family *family, uint32_t unit, const struct period *period, struct bytes row) {
    const struct form *form = &family->newest->form;
    uint32_t own = tree_unit(store->tree, &store->unit), issuer = tree_unit(store->tree, &family->issuer), self = tree_node(store->tree, &store->self);
    int32_t first, last;
    if (own == TREE_NONE || self == TREE_NONE || (tree_node_at(store->tree, self)->roles & ROLE_WRITER) == 0)
        return STATUS_OUTSIDE_AUTHORITY;
    if (!tree_is_under(store->tree, unit, own, TREE_TODAY))
        return STATUS_UNIT_OUTSIDE;
    if (issuer == TREE_NONE || !tree_is_under(store->tree, unit, issuer, TREE_TODAY))
        return STATUS_FORM_UNKNOWN;
    if (period->kind != form->period)
        return STATUS_PERIOD_WRONG_KIND;
    period_window(period, form->window, &first, &last);
    if (form->level_count > 0 && !form_view_expects(store, form, unit, last))
        return STATUS_UNIT_NOT_REPORTING; /* without levels any unit may add figures of its own; expected are those without children */
    if (form->list != (row.len > 0))
        return form->list ? STATUS_ROW_NEEDED : STATUS_ROW_UNWANTED;
    return row.len <= ROW_KEY_BYTES_MAX ? STATUS_OK : STATUS_TEXT_INVALID;
}

bool entry_refuses(enum status status) {
    return status == STATUS_REASON_NEEDED || status == STATUS_RECORD_EXISTS || status == STATUS_NOT_FOUND || status == STATUS_TOO_LARGE;
}

/* ---- begin and end ---- */

static void forget_set(struct entry_batch *batch) {
    for (size_t i = 0; i < batch->record_count; i++)
        free(batch->records[i]);
    batch->record_count = batch->bytes = batch->log_count = 0;
    batch->flags = 0;
    batch->reach = batch->options.version->form.reach;
}

enum status entry_begin(struct entry_batch **out, struct store *store, const struct entry_options *options) {
    struct entry_batch *batch = calloc(1, sizeof *batch);
    *out = batch;
    if (batch == NULL)
        return STATUS_NO_MEMORY;
    batch->store = store;
    batch->options = *options;
    batch->own = tree_unit(store->tree, &store->unit);
    buffer_init(&batch->state, STATE_BYTES_MAX);
    batch->header = malloc(sizeof *batch->header);
    forget_set(batch);
    return batch->header != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void entry_end(struct entry_batch *batch) {
    if (batch == NULL)
        return;
    forget_set(batch);
    buffer_fini(&batch->state);
    free(batch->header);
    free(batch);
}

/* ---- writing a change-set ---- */

static uint8_t log_kind(const struct entry_batch *batch) {
    return batch->unit == batch->own ? LOG_REPORT : LOG_DIRECTIVE;
}

static int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

/* The heads, as applied here, of the other logs that wrote its records. */
static enum status seen_refs(struct entry_batch *batch, struct ref *refs, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < batch->log_count; i++) {
        enum status status = log_applied_ref(batch->store, &batch->logs[i], &refs[*count]);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
        /* The own log and the epochs it continues are seen without saying, up to where it continues them. */
        bool own = ID_EQUAL(&batch->logs[i].node, &batch->store->self) && batch->logs[i].kind == log_kind(batch), seen = false;
        if (own)
            status = life_sees(batch->store, log_kind(batch), &refs[*count].log, refs[*count].seq, &seen);
        if (status != STATUS_OK)
            return status;
        *count += !seen;
    }
    qsort(refs, *count, sizeof *refs, by_ref);
    return STATUS_OK;
}

/* The put's tables out of the records that wait. */
static enum status build(const struct entry_batch *batch, struct put *put) {
    bool touched[FORM_FIELDS_MAX] = {false};
    uint16_t column[FORM_FIELDS_MAX];
    size_t records = batch->record_count;
    for (size_t i = 0; i < records; i++) {
        for (size_t j = 0; j < batch->records[i]->count; j++)
            touched[batch->records[i]->ordinals[j]] = true;
    }
    *put = (struct put){.form_version = batch->options.version->version, .flags = batch->flags, .reason = batch->options.reason, .record_count = records};
    put->keys = calloc(records, sizeof *put->keys);
    put->ordinals = calloc(FORM_FIELDS_MAX, sizeof *put->ordinals);
    for (size_t i = 0; i < FORM_FIELDS_MAX && put->ordinals != NULL; i++) {
        column[i] = (uint16_t)put->column_count;
        if (touched[i])
            put->ordinals[put->column_count++] = (uint16_t)i;
    }
    put->cells = calloc(records * put->column_count + 1, sizeof *put->cells);
    if (put->keys == NULL || put->ordinals == NULL || put->cells == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < records; i++) {
        const struct waiting *record = batch->records[i];
        put->keys[i] = record->key;
        for (size_t j = 0; j < record->count; j++)
            put->cells[column[record->ordinals[j]] * records + i] = record->cells[j];
    }
    return STATUS_OK;
}

static enum status encode(const struct entry_batch *batch, struct buffer *body) {
    struct put put;
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    enum status status = build(batch, &put);
    if (status == STATUS_OK)
        status = put_encode(&put, &payload);
    if (status == STATUS_OK)
        status = body_encode(body, NULL,
                             (const struct change[]){{.kind = CHANGE_PUT, .payload = buffer_bytes(&payload)},
                                                     {.kind = CHANGE_RECORD_PERSON, .place = 1, .payload = batch->options.person}},
                             batch->options.person.len > 0 ? 2 : 1);
    free(put.keys);
    free(put.ordinals);
    free(put.cells);
    buffer_fini(&payload);
    return status;
}

static enum status write_set(struct entry_batch *batch) {
    struct ref refs[SEEN_REFS_MAX];
    size_t ref_count;
    struct buffer body;
    struct stored stored;
    if (batch->record_count == 0)
        return STATUS_OK;
    const struct term audience = {*tree_unit_id(batch->store->tree, batch->unit), SCOPE_UNIT};
    buffer_init(&body, BODY_BYTES_MAX);
    enum status status = seen_refs(batch, refs, &ref_count);
    if (status == STATUS_OK)
        status = encode(batch, &body);
    if (status == STATUS_OK && !batch->options.dry_run) {
        struct draft draft = {.kind = log_kind(batch),
                              .cls = CLASS_RECORD,
                              .reach = batch->reach,
                              .audience_count = 1,
                              .audience = &audience,
                              .seen_count = ref_count,
                              .seen = refs,
                              .body = buffer_bytes(&body),
                              .batch = batch->options.batch};
        status = log_append(batch->store, &draft, &stored);
        batch->counts.last = stored.ref;
        batch->counts.has_last = status == STATUS_OK;
    }
    buffer_fini(&body);
    batch->counts.entries++;
    forget_set(batch);
    return status;
}

/* ---- what stands there ---- */

/* Adds the log of a writer to those the record was written by, and widens the reach to its own. */
static enum status look_at_writer(struct entry_batch *batch, int64_t entry) {
    if (batch->known_entry != entry) {
        struct buffer memory = {0};
        struct stored_entry stored;
        enum status status = record_load_entry(batch->store, entry, &memory, &stored, batch->header);
        buffer_fini(&memory);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
        batch->known_entry = entry;
        batch->known_log = stored.log;
        batch->known_reach = batch->header->reach;
    }
    batch->record_reach = batch->known_reach < batch->record_reach ? batch->known_reach : batch->record_reach;
    for (size_t i = 0; i < batch->record_log_count; i++) {
        if (log_id_equal(&batch->record_logs[i], &batch->known_log))
            return STATUS_OK;
    }
    if (batch->record_log_count == SEEN_REFS_MAX)
        return STATUS_TOO_LARGE;
    batch->record_logs[batch->record_log_count++] = batch->known_log;
    return STATUS_OK;
}

static enum status look_at_writers(struct entry_batch *batch, const struct record_place *place) {
    int64_t *entries;
    size_t count;
    enum status status = record_writers(batch->store, place, &entries, &count);
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = look_at_writer(batch, entries[i]);
    free(entries);
    return status;
}

/* Reads the record's state; *exists false where there is none. */
static enum status look(struct entry_batch *batch, const struct entry_record *record, bool *exists) {
    struct record_place place = {.period = record->period, .row = record->row};
    buffer_clear(&batch->state);
    batch->record_log_count = 0;
    batch->record_reach = batch->options.version->form.reach;
    enum status status = record_form_number(batch->store, batch->options.family->form_id, false, &place.form);
    if (status == STATUS_OK)
        status = record_unit_number(batch->store, tree_unit_id(batch->store->tree, record->unit), false, &place.unit);
    if (status == STATUS_OK)
        status = record_read(batch->store, &place, &batch->state);
    *exists = status == STATUS_OK;
    if (status == STATUS_OK)
        status = look_at_writers(batch, &place);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- what changes ---- */

/* The cell as registers hold it: a choice by its code. */
static struct cell as_held(const struct form_field *field, const struct cell *cell) {
    struct cell out = *cell;
    if (field->type == FIELD_CHOICE && cell->state == CELL_VALUE) {
        out.type = CELL_TEXT;
        out.text = field->choices[cell->number].code;
        out.number = 0;
    }
    return out;
}

/* Does the cell say what the field's heads, all alike, say already? *settles: they differ, and the cell settles it. */
static bool changes(const struct entry_batch *batch, uint16_t ordinal, const struct cell *cell, bool *settles) {
    struct register_walk walk;
    struct register_head head;
    const struct form_version_view *version = batch->options.version;
    struct cell held = as_held(&version->form.fields[ordinal], cell), first = {0};
    bool any = false, differ = false;
    register_begin(&walk, buffer_bytes(&batch->state)); /* of no record: nothing stands in it */
    while (register_next(&walk, &head)) {
        if (head.field != version->numbers[ordinal])
            continue;
        differ = differ || (any && !register_cell_equal(&first, &head.cell));
        first = any ? first : head.cell;
        any = true;
    }
    *settles = *settles || differ;
    if (!any) /* nothing was ever said of it: "missing" says nothing new */
        return cell->state != CELL_MISSING;
    return differ || (!register_cell_equal(&first, &held) && !(PLANTED("deletion-ignored") && cell->state == CELL_MISSING));
}

/* Leaves in batch->cells what the record changes. */
static size_t reduce(struct entry_batch *batch, const struct entry_record *record, bool *settles) {
    size_t count = 0;
    for (size_t i = 0; i < record->count; i++) {
        if (!changes(batch, record->ordinals[i], &record->cells[i], settles))
            continue;
        batch->ordinals[count] = record->ordinals[i];
        batch->cells[count++] = record->cells[i];
    }
    return count;
}

/* ---- who says so ---- */

/* Has neither the unit nor any unit between it and the own one a node of its own? */
static bool unattended(const struct entry_batch *batch, uint32_t unit) {
    const struct tree *tree = batch->store->tree;
    const uint32_t *nodes;
    while (unit != batch->own && unit != TREE_NONE) {
        if (tree_unit_nodes(tree, unit, &nodes) > 0)
            return false;
        unit = tree_parent(tree, unit, TREE_TODAY);
    }
    return true;
}

static enum status judge(const struct entry_batch *batch, uint32_t unit, bool exists, bool settles, uint8_t *flags) {
    bool reason = batch->options.reason.len > 0;
    *flags = settles ? PUT_SETTLES : 0;
    if (settles && !reason)
        return STATUS_REASON_NEEDED;
    if (unit == batch->own)
        return STATUS_OK;
    bool alone = unattended(batch, unit);
    if (batch->options.on_behalf && exists && !alone)
        return STATUS_RECORD_EXISTS;
    if (alone || batch->options.on_behalf) {
        *flags |= PUT_ON_BEHALF;
        return STATUS_OK;
    }
    *flags |= PUT_CORRECTION;
    return !reason ? STATUS_REASON_NEEDED : exists ? STATUS_OK : STATUS_NOT_FOUND;
}

/* ---- adding ---- */

static size_t text_bytes(const struct cell *cell) {
    return cell->text.len + cell->raw.len + cell->source.len;
}

static struct bytes copy_text(uint8_t **at, struct bytes text) {
    struct bytes out = {text.len > 0 ? *at : NULL, text.len};
    if (text.len > 0)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return out;
}

/* One block: the struct, the cells, the ordinals, the texts. */
static struct waiting *copy_record(const struct entry_record *record, const uint16_t *ordinals, const struct cell *cells, size_t count) {
    size_t texts = record->row.len;
    for (size_t i = 0; i < count; i++)
        texts += text_bytes(&cells[i]);
    struct waiting *out = malloc(sizeof *out + count * (sizeof *cells + sizeof *ordinals) + texts);
    if (out == NULL)
        return NULL;
    out->count = count;
    out->cells = (struct cell *)(void *)(out + 1);
    out->ordinals = (uint16_t *)(void *)(out->cells + count);
    uint8_t *at = (uint8_t *)(out->ordinals + count);
    out->key = (struct record_key){record->period, copy_text(&at, record->row)};
    for (size_t i = 0; i < count; i++) {
        out->ordinals[i] = ordinals[i];
        out->cells[i] = cells[i];
        out->cells[i].text = copy_text(&at, cells[i].text);
        out->cells[i].raw = copy_text(&at, cells[i].raw);
        out->cells[i].source = copy_text(&at, cells[i].source);
    }
    return out;
}

/* How many logs there would be with those of the record. */
static size_t join_logs(struct entry_batch *batch, bool add) {
    size_t count = batch->log_count;
    for (size_t i = 0; i < batch->record_log_count; i++) {
        size_t j = 0;
        while (j < batch->log_count && !log_id_equal(&batch->logs[j], &batch->record_logs[i]))
            j++;
        if (j < batch->log_count)
            continue;
        if (add)
            batch->logs[batch->log_count++] = batch->record_logs[i];
        count++;
    }
    return count;
}

static enum status queue(struct entry_batch *batch, const struct entry_record *record, size_t count, uint8_t flags) {
    size_t bytes = RECORD_BYTES + record->row.len;
    for (size_t i = 0; i < count; i++)
        bytes += CELL_BYTES + text_bytes(&batch->cells[i]);
    if (bytes > SET_BYTES_MAX)
        return STATUS_TOO_LARGE;
    uint8_t who = PUT_CORRECTION | PUT_ON_BEHALF;
    bool other = batch->unit != record->unit || (batch->flags & who) != (flags & who) || batch->reach != batch->record_reach;
    bool full = batch->record_count == PUT_RECORDS_MAX || batch->bytes + bytes > SET_BYTES_MAX || join_logs(batch, false) > SEEN_REFS_MAX;
    enum status status = batch->record_count > 0 && (other || full) ? write_set(batch) : STATUS_OK;
    struct waiting *waiting = status == STATUS_OK ? copy_record(record, batch->ordinals, batch->cells, count) : NULL;
    if (waiting == NULL)
        return status != STATUS_OK ? status : STATUS_NO_MEMORY;
    batch->unit = record->unit;
    batch->flags |= flags;
    batch->reach = batch->record_reach;
    batch->bytes += bytes;
    (void)join_logs(batch, true);
    batch->records[batch->record_count++] = waiting;
    return STATUS_OK;
}

enum status entry_add(struct entry_batch *batch, const struct entry_record *record) {
    bool exists, settles = false;
    uint8_t flags;
    assert(record->count <= FORM_FIELDS_MAX);
    enum status status = look(batch, record, &exists);
    if (status != STATUS_OK)
        return status;
    size_t count = reduce(batch, record, &settles);
    if (count == 0)
        return STATUS_OK;
    status = judge(batch, record->unit, exists, settles, &flags);
    if (status == STATUS_OK)
        status = queue(batch, record, count, flags);
    if (status == STATUS_OK) {
        batch->counts.records++;
        batch->counts.changed += count;
    }
    return status;
}

enum status entry_finish(struct entry_batch *batch, struct entry_counts *counts) {
    enum status status = write_set(batch);
    *counts = batch->counts;
    return status;
}
