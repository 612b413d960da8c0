/* Sheets: rows are checked as they come and wait in a temporary table; the commit writes all of them in one transaction, or nothing. Memory is bounded whatever
 * the sheet's size. */
#include "store/entry.h"
#include "store/entry_cells.h"
#include "store/form_words.h"
#include "store/request_period.h"
#include "store/request_person.h"
#include "store/schema.h"

#include <stdio.h>
#include <stdlib.h>

enum { IMPORTS_MAX = 4, ROWS_AT_ONCE_MAX = 1000, PROBLEMS_KEPT = 1000, ROWS_MAX = 1048576, PACKED_BYTES_MAX = 2 * 1024 * 1024, READ_BYTES_MAX = 120 };

/* One sheet under way. */
struct import {
    char id[33];
    int64_t number, used; /* used: when last, by count of requests: the longest untouched gives way to a new one */
    bool on_behalf, dry_run;
    char *reason;
    int32_t codes_as_of;
    uint8_t form_id[16];
    struct hash version;
    size_t column_count;
    uint16_t columns[FORM_FIELDS_MAX]; /* ordinals of the version */
    size_t rows, problem_count;
    json_t *problems;
};
struct imports {
    int64_t last_number, clock;
    struct import *items[IMPORTS_MAX];
};

/* ---- memory ---- */

static void import_free(struct import *import) {
    if (import == NULL)
        return;
    free(import->reason);
    json_decref(import->problems);
    free(import);
}

void request_import_close(struct store *store) {
    for (size_t i = 0; store->imports != NULL && i < IMPORTS_MAX; i++)
        import_free(store->imports->items[i]);
    free(store->imports);
    store->imports = NULL;
}

static struct import **slot_of(struct store *store, const char *id) {
    for (size_t i = 0; store->imports != NULL && id != NULL && i < IMPORTS_MAX; i++) {
        struct import **slot = &store->imports->items[i];
        if (*slot != NULL && strcmp((*slot)->id, id) == 0) {
            (*slot)->used = ++store->imports->clock;
            return slot;
        }
    }
    return NULL;
}

static enum status drop_rows(struct store *store, int64_t number) {
    struct query query = db_query(store->db, "DELETE FROM temp.spool WHERE import = ?");
    query_bind_int(&query, number);
    return query_run(&query);
}

/* The import is over: its rows go, and its memory. */
static enum status drop(struct store *store, struct import **slot) {
    enum status status = drop_rows(store, (*slot)->number);
    import_free(*slot);
    *slot = NULL;
    return status;
}

/* Rows of imports that ended in a refusal: the rollback has brought back what their end had deleted. */
static enum status drop_orphans(struct store *store) {
    struct query query = db_query(store->db, "DELETE FROM temp.spool WHERE import NOT IN (?, ?, ?, ?)");
    static_assert(IMPORTS_MAX == 4, "the statement above says the same");
    for (size_t i = 0; i < IMPORTS_MAX; i++)
        query_bind_int(&query, store->imports->items[i] != NULL ? store->imports->items[i]->number : 0);
    return query_run(&query);
}

/* A place for one more: a free one, or that of the import longest untouched (its client is gone). */
static enum status free_slot(struct store *store, struct import ***out) {
    *out = NULL;
    if (store->imports == NULL)
        store->imports = calloc(1, sizeof *store->imports);
    if (store->imports == NULL)
        return STATUS_NO_MEMORY;
    struct import **items = store->imports->items, **oldest = &items[0];
    for (size_t i = 0; i < IMPORTS_MAX; i++) {
        if (items[i] == NULL) {
            *out = &items[i];
            return STATUS_OK;
        }
        if (items[i]->used < (*oldest)->used)
            oldest = &items[i];
    }
    *out = oldest;
    return drop(store, oldest);
}

static enum status find(struct request *request, struct import ***out) {
    *out = slot_of(request->store, request_text(request, "import"));
    return *out != NULL ? STATUS_OK : request_refuse(request, STATUS_NOT_FOUND, "what", "import", NULL);
}

/* The form as it was when the import began. */
static enum status find_form(struct store *store, const struct import *import, const struct form_family **family, const struct form_version_view **version) {
    return form_view_version(store, &import->version, family, version);
}

/* ---- begin ---- */

static enum status read_columns(struct request *request, const struct form *form, struct import *import) {
    const json_t *list = json_object_get(request->args, "columns");
    bool named[FORM_FIELDS_MAX] = {false};
    enum status first = STATUS_OK;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > FORM_FIELDS_MAX)
        return request_refuse(request, STATUS_BAD_REQUEST, "what", "columns", NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        int ordinal = name != NULL ? form_view_field(form, bytes_of(name, strlen(name))) : -1;
        const struct form_field *field = ordinal >= 0 ? &form->fields[ordinal] : NULL;
        enum status status = field == NULL || field->retired ? STATUS_COLUMN_UNKNOWN
                             : field->type == FIELD_COMPUTED ? STATUS_FIELD_COMPUTED
                             : named[ordinal]                ? STATUS_CELL_DUPLICATE
                                                             : STATUS_OK;
        if (status != STATUS_OK) {
            first = first == STATUS_OK ? request_refuse(request, status, "column", name == NULL ? "" : name, NULL) : first;
            request_problem(request, status, json_pack("{s:s}", "column", name == NULL ? "" : name));
            continue;
        }
        named[ordinal] = true;
        import->columns[import->column_count++] = (uint16_t)ordinal;
    }
    return first;
}

static enum status read_options(struct request *request, struct import *import) {
    static const struct text_bounds bounds = {"reason", 0, REASON_BYTES_MAX};
    struct buffer reason;
    buffer_init(&reason, 4 * REASON_BYTES_MAX);
    import->on_behalf = request_flag(request, "on_behalf");
    import->dry_run = request_flag(request, "dry_run");
    enum status status = request_date(request, "codes_as_of", &import->codes_as_of);
    if (status == STATUS_OK)
        status = request_clean(request, &bounds, &reason);
    if (status == STATUS_OK) {
        import->reason = strndup(reason.len > 0 ? (const char *)reason.data : "", reason.len);
        status = import->reason != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    }
    buffer_fini(&reason);
    return status;
}

static enum status handle_begin(struct request *request) {
    struct store *store = request->store;
    const struct form_family *family;
    struct import **slot, *import;
    uint8_t id[16];
    enum status status = request_period_form(request, tree_unit(store->tree, &store->unit), false, &family);
    if (status != STATUS_OK)
        return status;
    import = calloc(1, sizeof *import);
    if (import == NULL)
        return STATUS_NO_MEMORY;
    import->version = family->newest->version;
    memcpy(import->form_id, family->form_id, sizeof import->form_id);
    import->problems = json_array();
    status = import->problems != NULL ? read_columns(request, &family->newest->form, import) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = read_options(request, import);
    if (status == STATUS_OK)
        status = schema_spool_ready(store->db);
    if (status == STATUS_OK)
        status = free_slot(store, &slot);
    if (status == STATUS_OK)
        status = drop_orphans(store);
    if (status != STATUS_OK) {
        import_free(import);
        return status;
    }
    os_random(id, sizeof id);
    request_hex(import->id, id, sizeof id);
    import->number = ++store->imports->last_number;
    import->used = ++store->imports->clock;
    *slot = import;
    request->result = json_pack("{s:s}", "import", import->id);
    return STATUS_OK;
}

/* ---- rows ---- */

/* Where a row stands in the sheet, and what is being read of it. */
struct row {
    struct request *request;
    struct import *import;
    const struct form_family *family;
    const struct form_version_view *version;
    int64_t line;
    const json_t *cells;
    struct request_period at;
    struct buffer key, packed;
    struct entry_texts texts;
    uint16_t ordinals[FORM_FIELDS_MAX];
    struct cell values[FORM_FIELDS_MAX];
    size_t count;
    bool bad;
};

static void add_problem(struct import *import, enum status status, json_t *args) {
    import->problem_count++;
    if (json_array_size(import->problems) < PROBLEMS_KEPT)
        json_array_append_new(import->problems, json_pack("{s:i, s:o}", "status", (int)status, "args", args));
    else
        json_decref(args);
}

static void mistake(struct row *row, enum status status, const char *column, const char *read, const char *expected) {
    char shown[READ_BYTES_MAX + 1];
    size_t len = strlen(read);
    if (len > READ_BYTES_MAX) { /* whole characters only */
        for (len = READ_BYTES_MAX; len > 0 && ((unsigned char)read[len] & 0xc0) == 0x80;)
            len--;
    }
    memcpy(shown, read, len);
    shown[len] = 0;
    row->bad = true;
    add_problem(row->import, status, json_pack("{s:I, s:s, s:s, s:s}", "line", (json_int_t)row->line, "column", column, "read", shown, "expected", expected));
}

static const char *text_at(const json_t *row, size_t index) {
    const char *text = json_string_value(json_array_get(row, index));
    return text == NULL ? "" : text;
}

/* A refusal that a helper has put into the request goes to the row's problems, with its line. */
static void take_refusal(struct row *row, enum status status, const char *column, const char *read) {
    json_t *args = row->request->error != NULL ? row->request->error : json_object();
    row->request->error = NULL;
    json_object_set_new(args, "line", json_integer(row->line));
    json_object_set_new(args, "column", json_string(column));
    json_object_set_new(args, "read", json_string(read));
    row->bad = true;
    add_problem(row->import, status, args);
}

static bool is_failure(enum status status) {
    return status == STATUS_NO_MEMORY || status == STATUS_DISK_ERROR || status == STATUS_DISK_FULL || status == STATUS_STORE_DAMAGED ||
           status == STATUS_INTERNAL;
}

/* Period, unit and row key. */
static enum status read_place(struct row *row, const json_t *json) {
    const struct form *form = &row->version->form;
    const char *unit = text_at(json, 1), *period = text_at(json, 2), *key = text_at(json, 3);
    int32_t first, last;
    static const struct text_bounds bounds = {"row", 0, ROW_KEY_BYTES_MAX};
    if (period_parse(&row->at.period, bytes_of(period, strlen(period))) != STATUS_OK) {
        mistake(row, STATUS_PERIOD_INVALID, "period", period, "");
        return STATUS_OK;
    }
    period_window(&row->at.period, form->window, &first, &last);
    enum status status = request_period_unit(row->request, unit, last, row->import->codes_as_of, &row->at.unit);
    if (status != STATUS_OK) {
        take_refusal(row, status, "unit", unit);
        return is_failure(status) ? status : STATUS_OK;
    }
    status = request_clean_text(bytes_of(key, strlen(key)), &bounds, false, &row->key);
    if (status != STATUS_OK) {
        mistake(row, STATUS_TEXT_INVALID, "row", key, "1..200 UTF-8 bytes");
        return is_failure(status) ? status : STATUS_OK;
    }
    status = entry_allowed(row->request->store, row->family, row->at.unit, &row->at.period, buffer_bytes(&row->key));
    bool of_row = status == STATUS_ROW_NEEDED || status == STATUS_ROW_UNWANTED || status == STATUS_TEXT_INVALID;
    if (status == STATUS_PERIOD_WRONG_KIND)
        mistake(row, status, "period", period, form_words_text(form_words_period, form->period));
    else if (status != STATUS_OK)
        mistake(row, status, of_row ? "row" : "unit", of_row ? key : unit, "");
    return STATUS_OK;
}

static enum status read_cells(struct row *row, const json_t *cells) {
    if (json_array_size(cells) != row->import->column_count) {
        mistake(row, STATUS_BAD_REQUEST, "", "", "a cell a column");
        return STATUS_OK;
    }
    for (size_t i = 0; i < row->import->column_count; i++) {
        const json_t *cell = json_array_get(cells, i);
        struct entry_refusal refusal;
        uint16_t ordinal = row->import->columns[i];
        const struct form_field *field = &row->version->form.fields[ordinal];
        if (json_is_null(cell))
            continue;
        row->ordinals[row->count] = ordinal;
        if (entry_cells_read(cell, field, &row->texts, &row->values[row->count], &refusal)) {
            row->count++;
            continue;
        }
        if (is_failure(refusal.status))
            return refusal.status;
        char name[FORM_NAME_BYTES_MAX + 1];
        const char *raw = json_string_value(json_object_get(cell, "raw")), *value = json_string_value(json_object_get(cell, "value"));
        (void)snprintf(name, sizeof name, "%.*s", (int)field->name.len, (const char *)field->name.data);
        mistake(row, refusal.status, name, raw != NULL && raw[0] != 0 ? raw : value != NULL ? value : "", refusal.expected);
    }
    return STATUS_OK;
}

/* Columns stand in the sheet's order; puts want the form's. */
static void sort_cells(struct row *row) {
    for (size_t i = 1; i < row->count; i++) {
        uint16_t ordinal = row->ordinals[i];
        struct cell cell = row->values[i];
        size_t at = i;
        for (; at > 0 && row->ordinals[at - 1] > ordinal; at--) {
            row->ordinals[at] = row->ordinals[at - 1];
            row->values[at] = row->values[at - 1];
        }
        row->ordinals[at] = ordinal;
        row->values[at] = cell;
    }
}

/* The record has cells already from an earlier line of the sheet: the problem says which. */
static enum status mistake_twice(struct row *row) {
    struct store *store = row->request->store;
    struct query query = db_query(store->db, "SELECT line FROM temp.spool WHERE import = ? AND unit = ? AND period = ? AND row = ?");
    query_bind_int(&query, row->import->number);
    query_bind_blob(&query, bytes_of(tree_unit_id(store->tree, row->at.unit)->b, 16));
    query_bind_int(&query, row->at.period.ordinal);
    query_bind_text(&query, buffer_bytes(&row->key));
    json_int_t first = query_next(&query) ? (json_int_t)query_int(&query, 0) : 0;
    row->bad = true;
    add_problem(row->import, STATUS_CELL_DUPLICATE,
                json_pack("{s:I, s:s, s:s, s:s, s:I}", "line", (json_int_t)row->line, "column", "unit", "read", "", "expected", "", "first_line", first));
    return query_end(&query);
}

static enum status spool(struct row *row) {
    struct store *store = row->request->store;
    buffer_clear(&row->packed);
    sort_cells(row);
    enum status status = entry_cells_pack(row->ordinals, row->values, row->count, &row->packed);
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(store->db, "INSERT INTO temp.spool(import, unit, period, row, line, cells) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    query_bind_int(&query, row->import->number);
    query_bind_blob(&query, bytes_of(tree_unit_id(store->tree, row->at.unit)->b, 16));
    query_bind_int(&query, row->at.period.ordinal);
    query_bind_text(&query, buffer_bytes(&row->key));
    query_bind_int(&query, row->line);
    query_bind_blob(&query, buffer_bytes(&row->packed));
    status = query_run(&query);
    return status == STATUS_OK && db_changes(store->db) == 0 ? mistake_twice(row) : status;
}

static enum status read_row(struct row *row, const json_t *json) {
    row->line = json_integer_value(json_array_get(json, 0));
    row->count = 0;
    row->bad = false;
    buffer_clear(&row->key);
    if (row->import->rows >= ROWS_MAX)
        return request_refuse(row->request, STATUS_TOO_LARGE, "what", "rows", NULL);
    row->import->rows++;
    if (json_array_size(json) != 5) {
        mistake(row, STATUS_BAD_REQUEST, "", "", "row");
        return STATUS_OK;
    }
    enum status status = read_place(row, json);
    if (status == STATUS_OK)
        status = read_cells(row, json_array_get(json, 4));
    if (status == STATUS_OK && !row->bad && row->count > 0)
        status = spool(row);
    entry_cells_clear(&row->texts);
    return status;
}

static enum status read_rows(struct row *row, const json_t *rows) {
    struct store *store = row->request->store;
    enum status status = db_begin(store->db); /* the temporary table alone is written: one commit for all of the rows, without any sync */
    for (size_t i = 0; i < json_array_size(rows) && status == STATUS_OK; i++)
        status = read_row(row, json_array_get(rows, i));
    if (status == STATUS_OK)
        return db_commit(store->db);
    db_rollback(store->db);
    return status;
}

static enum status handle_rows(struct request *request) {
    struct import **slot;
    const json_t *rows = json_object_get(request->args, "rows");
    enum status status = find(request, &slot);
    if (status != STATUS_OK)
        return status;
    if (!json_is_array(rows) || json_array_size(rows) > ROWS_AT_ONCE_MAX)
        return request_refuse(request, STATUS_BAD_REQUEST, "what", "rows", NULL);
    struct row *row = calloc(1, sizeof *row);
    if (row == NULL)
        return STATUS_NO_MEMORY;
    row->request = request;
    row->import = *slot;
    buffer_init(&row->key, 4 * ROW_KEY_BYTES_MAX);
    buffer_init(&row->packed, PACKED_BYTES_MAX);
    status = find_form(request->store, *slot, &row->family, &row->version);
    if (status == STATUS_OK)
        status = read_rows(row, rows);
    if (status == STATUS_OK)
        request->result = json_pack("{s:I}", "rows", (json_int_t)(*slot)->rows);
    entry_cells_clear(&row->texts);
    buffer_fini(&row->key);
    buffer_fini(&row->packed);
    free(row);
    if (status != STATUS_OK) /* rows of this request are lost: what is left is no longer the sheet */
        (void)drop(request->store, slot);
    return status;
}

/* ---- commit ---- */

static enum status refuse_all(struct request *request, const struct import *import) {
    char count[24];
    size_t index;
    json_t *problem;
    (void)snprintf(count, sizeof count, "%zu", import->problem_count);
    json_array_foreach(import->problems, index, problem)
        request_problem(request, (enum status)json_integer_value(json_object_get(problem, "status")), json_incref(json_object_get(problem, "args")));
    return request_refuse(request, STATUS_FILE_REJECTED, "problems", count, NULL);
}

static void note_refusal(struct request *request, struct import *import, enum status status, uint32_t unit, int64_t line) {
    struct bytes code = tree_code(request->store->tree, unit, TREE_TODAY);
    add_problem(import, status,
                json_pack("{s:I, s:s, s:o, s:s}", "line", (json_int_t)line, "column", "unit", "read",
                          request_string(bytes_of(code.data == NULL ? (const uint8_t *)"" : code.data, code.len)), "expected", ""));
}

/* Walks the rows in the order in which change-sets want them. A row that may not be written does not end the walk: all mistakes are told at once. */
static enum status add_rows(struct request *request, struct import *import, struct entry_batch *batch) {
    struct store *store = request->store;
    uint16_t ordinals[FORM_FIELDS_MAX];
    enum status status = STATUS_OK;
    struct cell *cells = malloc(FORM_FIELDS_MAX * sizeof *cells);
    if (cells == NULL)
        return STATUS_NO_MEMORY;
    struct query query = db_query(store->db, "SELECT unit, period, row, line, cells FROM temp.spool WHERE import = ? ORDER BY unit, period, row");
    query_bind_int(&query, import->number);
    while (status == STATUS_OK && query_next(&query)) {
        struct unit_id id;
        struct entry_record record = {.period = (uint32_t)query_int(&query, 1), .row = query_text(&query, 2), .ordinals = ordinals, .cells = cells};
        query_fixed(&query, 0, id.b, sizeof id.b);
        record.unit = tree_unit(store->tree, &id);
        status = record.unit == TREE_NONE ? STATUS_UNIT_UNKNOWN : entry_cells_unpack(query_blob(&query, 4), ordinals, cells, &record.count);
        if (status == STATUS_OK)
            status = entry_add(batch, &record);
        if (entry_refuses(status)) {
            note_refusal(request, import, status, record.unit, query_int(&query, 3));
            status = STATUS_OK;
        }
    }
    enum status ended = query_end(&query);
    free(cells);
    return ended != STATUS_OK ? ended : status;
}

static enum status write_rows(struct request *request, struct import *import, struct entry_counts *counts, struct batch_id *id) {
    struct entry_options options = {
        .on_behalf = import->on_behalf, .dry_run = import->dry_run, .reason = bytes_of(import->reason, strlen(import->reason)), .batch = id};
    struct entry_batch *batch = NULL;
    struct buffer person;
    buffer_init(&person, BODY_BYTES_MAX);
    os_random(id->b, sizeof id->b);
    enum status status = request_person(request, &person);
    options.person = buffer_bytes(&person);
    if (status == STATUS_OK)
        status = find_form(request->store, import, &options.family, &options.version);
    if (status == STATUS_OK)
        status = entry_begin(&batch, request->store, &options);
    if (status == STATUS_OK)
        status = add_rows(request, import, batch);
    if (status == STATUS_OK)
        status = entry_finish(batch, counts);
    entry_end(batch);
    buffer_fini(&person);
    if (status == STATUS_OK && import->problem_count > 0)
        status = refuse_all(request, import);
    return status;
}

static enum status handle_commit(struct request *request) {
    struct import **slot;
    struct entry_counts counts = {0};
    struct batch_id id;
    enum status status = find(request, &slot);
    if (status != STATUS_OK)
        return status;
    status = (*slot)->problem_count > 0 ? refuse_all(request, *slot) : write_rows(request, *slot, &counts, &id);
    if (status == STATUS_OK)
        request->result = json_pack("{s:I, s:I, s:o, s:b, s:I}", "records", (json_int_t)counts.records, "entries", (json_int_t)counts.entries, "batch",
                                    counts.entries > 0 && !(*slot)->dry_run ? request_hex_json(id.b, sizeof id.b) : json_null(), "dry_run", (*slot)->dry_run,
                                    "changed", (json_int_t)counts.changed);
    if (is_failure(status)) /* the sheet may be committed again once there is room */
        return status;
    enum status dropped = drop(request->store, slot);
    return status != STATUS_OK ? status : dropped;
}

static enum status handle_abort(struct request *request) {
    struct import **slot;
    enum status status = find(request, &slot);
    if (status != STATUS_OK)
        return status;
    request->result = json_object();
    return drop(request->store, slot);
}

const struct request_verb request_import_verbs[] = {{"import.begin", handle_begin, false},
                                                    {"import.rows", handle_rows, false},
                                                    {"import.commit", handle_commit, true},
                                                    {"import.abort", handle_abort, false},
                                                    {NULL, NULL, false}};
