#include "store/record_load.h"

#include <stdlib.h>

enum { ENTRY_BYTES_MAX = HEADER_BYTES_MAX + BODY_BYTES_MAX + SIGNATURE_BYTES_MAX + SALT_BYTES };

enum status record_load_entry(struct store *store, int64_t entry_id, struct buffer *memory, struct stored_entry *out, struct header *header) {
    struct buffer lent = store->read_bytes;
    buffer_init(&store->read_bytes, ENTRY_BYTES_MAX);
    enum status status = log_read(store, entry_id, out, header);
    *memory = store->read_bytes;
    store->read_bytes = lent;
    return status;
}

/* ---- one put ---- */

void record_load_columns(struct record_columns *out, const struct put *put, const struct form_version_view *version) {
    out->count = put->column_count;
    out->as_they_stand = put->whole;
    for (size_t i = 0; i < put->column_count; i++) { /* numbers rise with ordinals but for versions that moved fields about: an insertion is hardly ever far */
        uint16_t number = version->numbers[put->ordinals[i]];
        size_t at = i;
        for (; at > 0 && out->number[at - 1] > number; at--) {
            out->number[at] = out->number[at - 1];
            out->column[at] = out->column[at - 1];
        }
        out->number[at] = number;
        out->column[at] = (uint16_t)i;
        out->as_they_stand &= at == i && version->form.fields[put->ordinals[i]].type != FIELD_CHOICE;
    }
}

size_t record_load_cells(const struct record_columns *columns, const struct put *put, const struct form_version_view *version, size_t record, uint16_t *fields,
                         struct cell *cells) {
    size_t count = 0;
    for (size_t i = 0; i < columns->count; i++) {
        const struct cell *cell = &put->cells[columns->column[i] * put->record_count + record];
        if (cell->state == CELL_UNTOUCHED)
            continue;
        cells[count] = *cell;
        const struct form_field *field = &version->form.fields[put->ordinals[columns->column[i]]];
        if (field->type == FIELD_CHOICE && cell->state == CELL_VALUE) {
            cells[count].type = CELL_TEXT;
            cells[count].text = field->choices[cell->number].code;
            cells[count].number = 0;
        }
        fields[count++] = columns->number[i];
    }
    return count;
}

/* ---- one entry's write of one record ---- */

struct gathering {
    struct store *store;
    const struct record_place *place;
    const struct form_family *family;
    struct record_write *out;
    struct stored_entry entry;
};

/* Puts the later cells over the earlier ones: both ascending by field. */
static enum status lay_over(struct record_write *out, const uint16_t *fields, const struct cell *cells, size_t count) {
    size_t old = out->write.count, at = 0, i = 0, j = 0;
    uint16_t *merged_fields = malloc((old + count + 1) * sizeof *merged_fields);
    struct cell *merged_cells = malloc((old + count + 1) * sizeof *merged_cells);
    if (merged_fields == NULL || merged_cells == NULL) {
        free(merged_fields);
        free(merged_cells);
        return STATUS_NO_MEMORY;
    }
    while (i < old || j < count) {
        bool later = j < count && (i == old || fields[j] <= out->fields[i]);
        i += later && i < old && fields[j] == out->fields[i];
        merged_fields[at] = later ? fields[j] : out->fields[i];
        merged_cells[at++] = later ? cells[j] : out->cells[i];
        j += later;
        i += !later;
    }
    free(out->fields);
    free(out->cells);
    out->fields = merged_fields;
    out->cells = merged_cells;
    out->write = (struct register_write){out->write.entry, at, merged_fields, merged_cells};
    return STATUS_OK;
}

static int by_key(const void *a, const void *b) {
    return record_key_compare(a, b);
}

static enum status gather_put(struct gathering *gathering, struct bytes payload) {
    struct put put;
    const struct form_family *family;
    const struct form_version_view *version;
    enum status status = put_decode(&put, payload);
    if (status == STATUS_OK)
        status = form_view_version(gathering->store, &put.form_version, &family, &version);
    if (status == STATUS_OK && family == gathering->family) {
        const struct record_key key = {gathering->place->period, gathering->place->row};
        const struct record_key *found = bsearch(&key, put.keys, put.record_count, sizeof key, by_key);
        uint16_t fields[FORM_FIELDS_MAX];
        struct cell *cells = malloc(FORM_FIELDS_MAX * sizeof *cells);
        if (cells == NULL) {
            status = STATUS_NO_MEMORY;
        } else if (found != NULL) {
            struct record_columns columns;
            record_load_columns(&columns, &put, version);
            size_t count = record_load_cells(&columns, &put, version, (size_t)(found - put.keys), fields, cells);
            status = lay_over(gathering->out, fields, cells, count);
        }
        free(cells);
    }
    put_fini(&put);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Is the put at this place of the entry set aside? Only asked where a body has several changes. */
static enum status is_aside(struct store *store, int64_t entry, uint32_t place, bool *out) {
    struct query query = db_query(store->db, "SELECT 1 FROM set_aside WHERE entry = ? AND place = ?");
    query_bind_int(&query, entry);
    query_bind_int(&query, place);
    *out = query_next(&query);
    return query_end(&query);
}

static enum status gather_entry(struct gathering *gathering, int64_t entry_id) {
    gathering->out->write.entry = entry_id;
    enum status status = record_load_entry(gathering->store, entry_id, &gathering->out->memory, &gathering->entry, NULL);
    struct body_reader body;
    struct change change;
    if (status == STATUS_OK)
        status = body_open(&body, gathering->entry.entry.body, CLASS_RECORD);
    while (status == STATUS_OK && body_next(&body, &change)) {
        bool aside = false;
        if (body.count > 1)
            status = is_aside(gathering->store, entry_id, change.place, &aside);
        if (status == STATUS_OK && !aside && change.kind == CHANGE_PUT)
            status = gather_put(gathering, change.payload);
    }
    return status;
}

enum status record_load_writes(struct store *store, const struct record_place *place, const struct form_family *family, const int64_t *entries, size_t count,
                               struct record_writes *out) {
    *out = (struct record_writes){.writes = calloc(count + 1, sizeof *out->writes), .parts = calloc(count + 1, sizeof *out->parts)};
    if (out->writes == NULL || out->parts == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        struct record_write *part = &out->parts[out->count];
        struct gathering gathering = {.store = store, .place = place, .family = family, .out = part};
        enum status status = gather_entry(&gathering, entries[i]);
        out->writes[out->count++] = part->write;
        if (status != STATUS_OK) /* an entry that was applied and can't be read now: the disk, or memory */
            return status == STATUS_NO_MEMORY || status == STATUS_DISK_ERROR ? status : STATUS_STORE_DAMAGED;
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (out->writes[i].count > 0)
            out->writes[kept++] = out->writes[i];
    }
    out->count = kept;
    return STATUS_OK;
}

void record_load_fini(struct record_writes *writes) {
    for (size_t i = 0; writes->parts != NULL && writes->parts[i].write.entry != 0; i++) { /* one more than was asked for stands zeroed at the end */
        buffer_fini(&writes->parts[i].memory);
        free(writes->parts[i].fields);
        free(writes->parts[i].cells);
    }
    free(writes->parts);
    free(writes->writes);
    *writes = (struct record_writes){0};
}

enum status record_load_seen(void *ctx, int64_t a, int64_t b, bool *out) {
    return log_has_seen(ctx, a, b, out);
}
