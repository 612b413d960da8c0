/* Requests about one record: putting cells into it, showing it with what was said by whom. */
#include "store/entry.h"
#include "store/entry_cells.h"
#include "store/json_memory.h"
#include "store/record_load.h"
#include "store/request_care.h"
#include "store/request_period.h"
#include "store/request_person.h"
#include "store/request_way.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- put ---- */

/* The cells of a put, in order of the form. */
struct given {
    struct entry_texts texts;
    uint16_t ordinals[FORM_FIELDS_MAX];
    struct cell cells[FORM_FIELDS_MAX];
    size_t count;
    enum status first; /* of the mistakes */
    json_t *first_args;
};

static void add_mistake(struct request *request, struct given *given, enum status status, const char *field, const json_t *cell, const char *expected) {
    const char *read = json_string_value(json_object_get(cell, "raw"));
    if (read == NULL)
        read = json_string_value(json_object_get(cell, "value"));
    json_t *args = json_pack("{s:s, s:s, s:s}", "field", field, "read", read == NULL ? "" : read, "expected", expected);
    if (given->first == STATUS_OK) {
        given->first = status;
        given->first_args = json_incref(args);
    }
    request_problem(request, status, args);
}

/* All cells, all mistakes. */
static enum status read_cells(struct request *request, const struct form *form, struct given *given) {
    const json_t *cells = json_object_get(request->args, "cells");
    const char *name;
    json_t *object;
    if (!json_is_object(cells) || json_object_size(cells) == 0)
        return request_refuse(request, STATUS_BAD_REQUEST, "what", "cells", NULL);
    json_object_foreach((json_t *)cells, name, object) {
        if (form_view_field(form, bytes_of(name, strlen(name))) < 0)
            add_mistake(request, given, STATUS_FIELD_UNKNOWN, name, object, "");
    }
    for (size_t i = 0; i < form->field_count; i++) {
        char field[FORM_NAME_BYTES_MAX + 1];
        struct entry_refusal refusal;
        (void)snprintf(field, sizeof field, "%.*s", (int)form->fields[i].name.len, (const char *)form->fields[i].name.data);
        object = json_object_get(cells, field);
        if (object == NULL)
            continue;
        given->ordinals[given->count] = (uint16_t)i;
        if (entry_cells_read(object, &form->fields[i], &given->texts, &given->cells[given->count], &refusal))
            given->count++;
        else if (refusal.status == STATUS_NO_MEMORY)
            return STATUS_NO_MEMORY;
        else
            add_mistake(request, given, refusal.status, field, object, refusal.expected);
    }
    if (given->first == STATUS_OK)
        return STATUS_OK;
    json_decref(request->error);
    request->error = json_incref(given->first_args);
    return given->first;
}

static enum status refuse_place(struct request *request, enum status status, const struct request_period *at, const char *row) {
    char period[PERIOD_TEXT_MAX];
    period_text(period, &at->period);
    struct bytes code = tree_code(request->store->tree, at->unit, TREE_TODAY);
    char unit[UNIT_CODE_BYTES_MAX + 40];
    (void)snprintf(unit, sizeof unit, "%.*s", (int)code.len, code.data == NULL ? "" : (const char *)code.data);
    if (code.len == 0)
        request_hex(unit, tree_unit_id(request->store->tree, at->unit)->b, 16);
    return request_refuse(request, status, "form", request_text(request, "form"), "unit", unit, "period", period, "row", row, NULL);
}

/* What stands beside the figures: why, and who says so. */
struct said {
    struct bytes row, reason, person;
};

static enum status write_record(struct request *request, const struct request_period *at, const struct given *given, const struct said *said) {
    struct entry_options options = {.family = at->family,
                                    .version = at->family->newest,
                                    .on_behalf = request_flag(request, "on_behalf"),
                                    .dry_run = request_flag(request, "dry_run"),
                                    .reason = said->reason,
                                    .person = said->person};
    const struct entry_record record = {at->unit, at->period.ordinal, said->row, given->count, given->ordinals, given->cells};
    struct entry_batch *batch;
    struct entry_counts counts = {0};
    enum status status = entry_begin(&batch, request->store, &options);
    if (status == STATUS_OK)
        status = entry_add(batch, &record);
    if (status == STATUS_OK)
        status = entry_finish(batch, &counts);
    entry_end(batch);
    if (entry_refuses(status))
        return refuse_place(request, status, at, request_text(request, "row"));
    if (status != STATUS_OK)
        return status;
    char period[PERIOD_TEXT_MAX];
    period_text(period, &at->period);
    request->result =
        json_pack("{s:o, s:o, s:s, s:o, s:I, s:b}", "entry", counts.has_last ? request_ref_json(&counts.last) : json_null(), "unit",
                  request_unit_json(request->store, at->unit, at->last), "period", period, "form", request_string(at->family->newest->form.name), "changed",
                  (json_int_t)counts.changed, "expected", form_view_expects(request->store, &at->family->newest->form, at->unit, at->last));
    return request->result != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status put_checked(struct request *request, const struct request_period *at, struct given *given, struct buffer *texts) {
    static const struct text_bounds row_bounds = {"row", 0, ROW_KEY_BYTES_MAX}, reason_bounds = {"reason", 0, REASON_BYTES_MAX};
    enum status status = request_clean(request, &row_bounds, texts);
    size_t row_len = texts->len;
    if (status == STATUS_OK)
        status = request_clean(request, &reason_bounds, texts);
    if (status != STATUS_OK)
        return status;
    struct said said = {bytes_of(texts->data, row_len), {texts->len > row_len ? texts->data + row_len : NULL, texts->len - row_len}, {0}};
    status = entry_allowed(request->store, at->family, at->unit, &at->period, said.row);
    if (status != STATUS_OK)
        return refuse_place(request, status, at, request_text(request, "row"));
    struct buffer person;
    buffer_init(&person, BODY_BYTES_MAX);
    status = request_person(request, &person);
    said.person = buffer_bytes(&person);
    if (status == STATUS_OK)
        status = read_cells(request, &at->family->newest->form, given);
    if (status == STATUS_OK)
        status = write_record(request, at, given, &said);
    buffer_fini(&person);
    return status;
}

static enum status handle_put(struct request *request) {
    struct request_period at;
    struct buffer texts;
    enum status status = request_period_all(request, true, &at);
    if (status != STATUS_OK)
        return status;
    struct given *given = calloc(1, sizeof *given);
    if (given == NULL)
        return STATUS_NO_MEMORY;
    buffer_init(&texts, 4 * (ROW_KEY_BYTES_MAX + REASON_BYTES_MAX) + TEXT_VALUE_BYTES_MAX);
    status = put_checked(request, &at, given, &texts);
    buffer_fini(&texts);
    entry_cells_clear(&given->texts);
    json_decref(given->first_args);
    free(given);
    return status;
}

/* ---- show ---- */

/* Rows of a portion: so many, and none more once the cells shown take this much memory (by a generous count), so that it stays within a frame. */
enum { SHOW_ROWS_MAX = 1000, SHOW_BYTES_MAX = 4 * 1024 * 1024, VERSION_BYTES = 512, CELL_BYTES = 128 };

/* One record being shown. */
struct showing {
    struct request *request;
    const struct request_period *at;
    const struct form_family *family;
    struct record_place place;
    struct record_writes writes;
    struct header *header;
    bool history;
    size_t bytes; /* of what was shown, about */
};

static const char *const state_words[] = {[CELL_UNTOUCHED] = "missing", [CELL_MISSING] = "missing", [CELL_NOT_APPLICABLE] = "na", [CELL_VALUE] = "value"};

static void add_value(json_t *object, const struct cell *cell, const struct form_field *field) {
    struct buffer text;
    buffer_init(&text, TEXT_VALUE_BYTES_MAX);
    bool value = cell->state == CELL_VALUE;
    if (value && entry_cells_text(cell, field, &text) != STATUS_OK)
        json_memory_miss(); /* a text of one cell has room in any other way */
    json_object_set_new(object, "state", json_string(state_words[cell->state]));
    json_object_set_new(object, "value", value ? request_string(bytes_of(text.len > 0 ? text.data : (const uint8_t *)"", text.len)) : json_null());
    if (value && cell->qualifier != QUALIFIER_NONE)
        json_object_set_new(object, "qualifier", json_string(entry_cells_qualifier(cell->qualifier)));
    buffer_fini(&text);
}

/* The entry's put of this record: flags and reason. Borrowed from memory. */
static void put_of(const struct stored_entry *entry, uint8_t *flags, struct bytes *reason) {
    struct body_reader body;
    struct change change;
    *flags = 0;
    *reason = (struct bytes){0};
    enum status status = body_open(&body, entry->entry.body, CLASS_RECORD);
    while (status == STATUS_OK && body_next(&body, &change)) {
        struct put put;
        if (change.kind != CHANGE_PUT)
            continue;
        enum status decoded = put_decode(&put, change.payload);
        if (decoded == STATUS_OK) {
            *flags |= put.flags;
            *reason = put.reason.len > 0 ? put.reason : *reason;
        } else if (decoded == STATUS_NO_MEMORY) {
            json_memory_miss();
        }
        put_fini(&put);
    }
}

/* Who wrote an entry, when, why: what versions and entries share. full: what only ENTRY has. */
static enum status add_entry(struct showing *showing, int64_t id, bool full, json_t *object) {
    struct store *store = showing->request->store;
    struct stored_entry entry;
    struct buffer memory = {0};
    struct ref ref;
    uint8_t flags;
    struct bytes reason;
    enum status status = record_load_entry(store, id, &memory, &entry, showing->header);
    if (status == STATUS_OK) {
        header_ref(&ref, showing->header, &entry.hash);
        put_of(&entry, &flags, &reason);
        uint32_t node = tree_node(store->tree, &entry.log.node);
        json_object_set_new(object, "entry", request_ref_json(&ref));
        json_object_set_new(object, "unit", node == TREE_NONE ? json_null() : request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN));
        json_object_set_new(object, "node", request_hex_json(entry.log.node.b, sizeof entry.log.node.b));
        json_object_set_new(object, "time", json_integer(showing->header->time));
        json_object_set_new(object, "reason", request_string(bytes_of(reason.data == NULL ? (const uint8_t *)"" : reason.data, reason.len)));
        if (full) {
            json_object_set_new(object, "flags", json_integer(flags));
            if (showing->header->has_batch)
                json_object_set_new(object, "batch", request_hex_json(showing->header->batch.b, sizeof showing->header->batch.b));
            json_t *person = request_person_json(&entry, CLASS_RECORD);
            if (person != NULL)
                json_object_set_new(object, "person", person);
            status = request_way(store, &entry, object);
        }
    }
    buffer_fini(&memory);
    return status;
}

static void add_cell_note(json_t *object, const struct cell *cell) {
    if (cell->raw.len > 0)
        json_object_set_new(object, "raw", request_string(cell->raw));
    if (cell->source.len > 0)
        json_object_set_new(object, "source", request_string(cell->source));
}

/* The note of a head's cell, from the put that wrote it. */
static void add_note(const struct showing *showing, const struct register_head *head, json_t *object) {
    for (size_t i = 0; i < showing->writes.count; i++) {
        const struct register_write *write = &showing->writes.writes[i];
        for (size_t j = 0; j < write->count && write->entry == head->entry; j++) {
            if (write->fields[j] == head->field)
                add_cell_note(object, &write->cells[j]);
        }
    }
}

/* The field of a number in the newest version, NULL where that has none of the name; its name goes to `name`. */
static const struct form_field *field_of(const struct showing *showing, uint16_t number, char name[FORM_NAME_BYTES_MAX + 1]) {
    const struct form *form = &showing->family->newest->form;
    struct bytes known = showing->family->fields[number];
    int ordinal = form_view_field(form, known);
    (void)snprintf(name, FORM_NAME_BYTES_MAX + 1, "%.*s", (int)known.len, (const char *)known.data);
    return ordinal >= 0 ? &form->fields[ordinal] : NULL;
}

static enum status show_field(struct showing *showing, const struct register_head *heads, size_t count, json_t *fields) {
    const struct form *form = &showing->family->newest->form;
    char text[FORM_NAME_BYTES_MAX + 1];
    const struct form_field *field = field_of(showing, heads[0].field, text);
    struct cell cell;
    bool contested;
    enum status status = record_counted(showing->request->store, &showing->place, showing->at->unit, form->policy, heads, count, &cell, &contested);
    if (status != STATUS_OK)
        return status;
    json_t *object = json_object(), *versions = json_array();
    add_value(object, &cell, field);
    if (!contested)
        add_note(showing, &heads[0], object);
    json_object_set_new(object, "contested", json_boolean(contested));
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        json_t *version = json_object();
        add_value(version, &heads[i].cell, field);
        status = add_entry(showing, heads[i].entry, false, version);
        json_array_append_new(versions, version);
        showing->bytes += VERSION_BYTES + heads[i].cell.text.len;
    }
    json_object_set_new(object, "versions", versions);
    json_object_set_new(fields, text, object);
    return status;
}

/* Fields in the order in which the family came to know them: that of the form. */
static enum status show_fields(struct showing *showing, struct bytes state, json_t *fields) {
    struct register_walk walk;
    struct register_head head, *heads = NULL;
    enum status status = STATUS_OK;
    register_begin(&walk, state);
    while (status == STATUS_OK && register_next(&walk, &head)) {
        struct register_head *grown = head.index == 0 ? realloc(heads, head.count * sizeof *heads) : heads;
        if (grown == NULL || head.field >= showing->family->field_count) {
            status = grown == NULL ? STATUS_NO_MEMORY : STATUS_STORE_DAMAGED;
            break;
        }
        heads = grown;
        heads[head.index] = head;
        if (head.index + 1 == head.count)
            status = show_field(showing, heads, head.count, fields);
    }
    free(heads);
    return status != STATUS_OK ? status : walk.status;
}

/* What an entry wrote into the record, whatever counts today. */
static void add_written(struct showing *showing, int64_t entry, json_t *object) {
    json_t *fields = json_object();
    for (size_t i = 0; i < showing->writes.count; i++) {
        const struct register_write *write = &showing->writes.writes[i];
        for (size_t j = 0; j < write->count && write->entry == entry; j++) {
            char name[FORM_NAME_BYTES_MAX + 1];
            const struct form_field *field = field_of(showing, write->fields[j], name);
            const struct cell *cell = &write->cells[j];
            json_t *written = json_object();
            add_value(written, cell, field);
            add_cell_note(written, cell);
            json_object_set_new(fields, name, written);
            showing->bytes += CELL_BYTES + cell->text.len + cell->raw.len + cell->source.len;
        }
    }
    json_object_set_new(object, "fields", fields);
}

/* All standing entries of the record, the oldest here first. */
static enum status show_entries(struct showing *showing, const int64_t *entries, size_t count, json_t *list) {
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        enum status status = add_entry(showing, entries[i], true, object);
        if (showing->history)
            add_written(showing, entries[i], object);
        json_array_append_new(list, object);
        showing->bytes += VERSION_BYTES;
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status show_record(struct showing *showing, struct bytes state, json_t *rows) {
    struct store *store = showing->request->store;
    json_t *row = json_object(), *fields = json_object(), *list = json_array();
    int64_t *entries;
    size_t count;
    enum status status = record_writers(store, &showing->place, &entries, &count);
    if (status == STATUS_OK)
        status = record_load_writes(store, &showing->place, showing->family, entries, count, &showing->writes);
    if (status == STATUS_OK)
        status = show_fields(showing, state, fields);
    if (status == STATUS_OK)
        status = show_entries(showing, entries, count, list);
    json_object_set_new(row, "row", showing->place.row.len > 0 ? request_string(showing->place.row) : json_null());
    json_object_set_new(row, "fields", fields);
    json_object_set_new(row, "entries", list);
    json_array_append_new(rows, row);
    record_load_fini(&showing->writes);
    free(entries);
    return status;
}

static enum status refuse_damaged(struct request *request, const struct request_period *at, struct bytes row) {
    char text[ROW_KEY_BYTES_MAX + 1];
    (void)snprintf(text, sizeof text, "%.*s", (int)row.len, row.len > 0 ? (const char *)row.data : "");
    return refuse_place(request, STATUS_STORE_DAMAGED, at, text);
}

static void bind_text_or_null(struct query *query, const char *text) {
    if (text != NULL)
        query_bind_text(query, bytes_of(text, strlen(text)));
    else
        query_bind_null(query);
}

/* The rows after `after` (NULL: from the first), or the one wanted; a portion of them, then *more. */
static enum status show_rows(struct showing *showing, const char *wanted, const char *after, json_t *rows, bool *more) {
    struct store *store = showing->request->store;
    enum status status = STATUS_OK;
    struct query query = db_query(store->db, "SELECT row, state, sum FROM record WHERE form = ? AND period = ? AND unit = ? AND (?4 IS NULL OR row > ?4)"
                                             " AND (?5 IS NULL OR row = ?5) ORDER BY row");
    query_bind_int(&query, showing->place.form);
    query_bind_int(&query, showing->place.period);
    query_bind_int(&query, showing->place.unit);
    bind_text_or_null(&query, after);
    bind_text_or_null(&query, wanted);
    while (status == STATUS_OK && query_next(&query)) {
        *more = json_array_size(rows) == SHOW_ROWS_MAX || showing->bytes > SHOW_BYTES_MAX;
        if (*more)
            break;
        showing->place.row = query_text(&query, 0);
        struct bytes state = query_blob(&query, 1);
        bool sound = record_sound(&showing->place, state, query_int(&query, 2));
        status = sound ? show_record(showing, state, rows) : refuse_damaged(showing->request, showing->at, showing->place.row);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status handle_show(struct request *request) {
    struct request_period at;
    struct store *store = request->store;
    enum status status = request_period_all(request, false, &at);
    if (status != STATUS_OK)
        return status;
    struct showing showing = {.request = request,
                              .at = &at,
                              .family = at.family,
                              .place = {.period = at.period.ordinal},
                              .history = request_flag(request, "history"),
                              .header = malloc(sizeof *showing.header)};
    json_t *rows = json_array();
    status = showing.header == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        status = record_form_number(store, at.family->form_id, false, &showing.place.form);
    if (status == STATUS_OK)
        status = record_unit_number(store, tree_unit_id(store->tree, at.unit), false, &showing.place.unit);
    bool more = false;
    if (status == STATUS_OK)
        status = show_rows(&showing, request_text(request, "row"), request_text(request, "after"), rows, &more);
    free(showing.header);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) { /* no number yet: no record yet */
        json_decref(rows);
        return status;
    }
    char period[PERIOD_TEXT_MAX];
    period_text(period, &at.period);
    request->result =
        json_pack("{s:o, s:o, s:s, s:o, s:o, s:b}", "form", request_string(at.family->newest->form.name), "form_id", request_hex_json(at.family->form_id, 16),
                  "period", period, "unit", request_unit_json(store, at.unit, at.last), "rows", rows, "more", more);
    const struct request_record record = {at.family, at.unit, at.period.ordinal};
    status = request->result != NULL ? request_extract_shown(store, &record, request->result) : STATUS_NO_MEMORY;
    return status == STATUS_OK ? request_erase_shown(store, tree_unit_id(store->tree, at.unit), request->result) : status;
}

const struct request_verb request_record_verbs[] = {{"put", handle_put, true}, {"show", handle_show, false}, {NULL, NULL, false}};
