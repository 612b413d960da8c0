/* unit.import: a table of units, all or nothing.
 *
 * 1. Every row is read (code, parent's code, level, name) and put into a table by code: what is given twice is found.
 * 2. Each row finds its parent, among the rows or the units held, in whatever order they stand in the file; rows that are there already unchanged are passed
 * over. Every mistake is told with its line.
 * 3. Rows are written by level, so that parents come first, in as few change-sets as hold them. */
#include "store/request_unit.h"

#include "store/structure.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 5, ROWS_MAX = 200000, CHANGE_EXTRA_BYTES = 4 /* array and kind around a payload */, BODY_EXTRA_BYTES = 32 };

struct row {
    int64_t line;
    struct bytes code, parent_code, name; /* code and name clean, in the import's texts */
    unsigned level;
    bool bad;
    uint32_t unit;        /* the unit that it is already, TREE_NONE: to be made */
    uint32_t parent_unit; /* a unit held, or TREE_NONE: parent_row */
    uint32_t parent_row;
    uint32_t next;     /* in a bucket */
    struct unit_id id; /* once written */
};

struct import {
    struct request *request;
    const struct tree *tree;
    struct row *rows;
    uint32_t count, *buckets, bucket_count, *order;
    struct buffer texts;
    json_int_t added, unchanged;
};

/* ---- telling mistakes ---- */

static void tell(struct import *import, struct row *row, enum status status, const char *column, json_t *args) {
    json_object_set_new(args, "line", json_integer(row->line));
    json_object_set_new(args, "column", json_string(column));
    row->bad = true;
    request_problem(import->request, status, args);
}

static json_t *read_and_expected(struct bytes read, const char *expected) {
    return json_pack("{s:o, s:s}", "read", request_string(read), "expected", expected);
}

/* ---- 1. reading ---- */

static uint64_t hash_of(struct bytes text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ text.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash ^ hash >> 32;
}

/* A unit is named by its code; one without a code by its name under its parent. */
static uint64_t hash_of_row(const struct row *row) {
    return row->code.len > 0 ? hash_of(row->code) : hash_of(row->name) ^ hash_of(row->parent_code) * 3;
}

static bool same_unit(const struct row *a, const struct row *b) {
    if (a->code.len > 0 || b->code.len > 0) {
        return bytes_equal(a->code, b->code);
    }
    return bytes_equal(a->name, b->name) && bytes_equal(a->parent_code, b->parent_code);
}

static uint32_t find_same(const struct import *import, const struct row *row) {
    uint32_t at = import->buckets[hash_of_row(row) & (import->bucket_count - 1)];
    while (at != TREE_NONE && !same_unit(&import->rows[at], row)) {
        at = import->rows[at].next;
    }
    return at;
}

static uint32_t find_row(const struct import *import, struct bytes code) {
    const struct row row = {.code = code};
    return find_same(import, &row);
}

/* Room that cannot fail later: texts must not move, since rows point into them. NFC never lengthens text by more than three times. */
static enum status reserve(struct import *import, const json_t *rows) {
    size_t bytes = 0, i, j;
    const json_t *row, *cell;
    json_array_foreach(rows, i, row) {
        json_array_foreach(row, j, cell) {
            bytes += json_string_length(cell) * 3;
        }
    }
    import->count = (uint32_t)json_array_size(rows);
    for (import->bucket_count = 64; import->bucket_count < import->count;) {
        import->bucket_count *= 2;
    }
    import->rows = calloc(import->count + 1, sizeof *import->rows);
    import->order = calloc(import->count + 1, sizeof *import->order);
    import->buckets = malloc(import->bucket_count * sizeof *import->buckets);
    import->texts = (struct buffer){.data = malloc(bytes + 1), .capacity = bytes + 1, .max = bytes + 1};
    if (import->rows == NULL || import->order == NULL || import->buckets == NULL || import->texts.data == NULL) {
        return STATUS_NO_MEMORY;
    }
    memset(import->buckets, 0xff, import->bucket_count * sizeof *import->buckets);
    return STATUS_OK;
}

static struct bytes read_text(struct import *import, struct row *row, const json_t *cell, const struct text_bounds *bounds) {
    size_t before = import->texts.len;
    char expected[48];
    struct bytes text = bytes_of(json_string_value(cell), json_string_length(cell));
    enum status status = request_clean_text(text, bounds, false, &import->texts);
    if (status != STATUS_OK) {
        snprintf(expected, sizeof expected, "%zu..%zu UTF-8 bytes", bounds->min, bounds->max);
        tell(import, row, status, bounds->key, read_and_expected(text, expected));
        return (struct bytes){0};
    }
    return bytes_of(import->texts.data + before, import->texts.len - before);
}

static enum status read_row(struct import *import, uint32_t number, const json_t *cells) {
    static const struct text_bounds code = {"code", 0, UNIT_CODE_BYTES_MAX}, parent = {"parent_code", 0, 64}, level = {"level", 1, 200},
                                    name = {"name", 1, UNIT_NAME_BYTES_MAX};
    struct row *row = &import->rows[number];
    if (!json_is_array(cells) || json_array_size(cells) != COLUMNS || !json_is_integer(json_array_get(cells, 0))) {
        return STATUS_BAD_REQUEST;
    }
    for (size_t i = 1; i < COLUMNS; i++) {
        if (!json_is_string(json_array_get(cells, i))) {
            return STATUS_BAD_REQUEST;
        }
    }
    *row = (struct row){
        .line = json_integer_value(json_array_get(cells, 0)), .unit = TREE_NONE, .parent_unit = TREE_NONE, .parent_row = TREE_NONE, .next = TREE_NONE};
    row->code = read_text(import, row, json_array_get(cells, 1), &code);
    row->parent_code = read_text(import, row, json_array_get(cells, 2), &parent);
    struct bytes level_text = read_text(import, row, json_array_get(cells, 3), &level);
    row->name = read_text(import, row, json_array_get(cells, 4), &name);
    if (request_unit_code_valid(row->code) != STATUS_OK) {
        tell(import, row, STATUS_VALUE_INVALID, "code", read_and_expected(row->code, "A-Z 0-9 . - _"));
    }
    if (level_text.len > 0 && tree_level_number(import->tree, level_text, &row->level) != STATUS_OK) {
        tell(import, row, STATUS_LEVEL_UNKNOWN, "level", json_pack("{s:o}", "level", request_string(level_text)));
    }
    if (row->bad && row->code.len == 0) {
        return STATUS_OK; /* which unit it means is not known */
    }
    uint32_t first = find_same(import, row);
    if (first != TREE_NONE) {
        struct bytes shown = row->code.len > 0 ? row->code : row->name;
        json_t *args = json_pack("{s:o, s:I}", "field", request_string(shown), "first_line", (json_int_t)import->rows[first].line);
        tell(import, row, STATUS_CELL_DUPLICATE, row->code.len > 0 ? "code" : "name", args);
        return STATUS_OK;
    }
    uint32_t *bucket = &import->buckets[hash_of_row(row) & (import->bucket_count - 1)];
    row->next = *bucket;
    *bucket = number;
    return STATUS_OK;
}

/* ---- 2. finding parents, and what is there already ---- */

static bool is_root(const struct import *import, const struct row *row) {
    return row->parent_code.len == 0 && row->code.len > 0 && bytes_equal(row->code, tree_code(import->tree, 0, TREE_TODAY));
}

/* The units that the row names as its parent: another row, or one held (by code, or by its id). */
static void find_parent(struct import *import, struct row *row) {
    uint32_t unit;
    if (row->parent_code.len == 0) {
        if (row->level == 0) {
            struct bytes root = tree_code(import->tree, 0, TREE_TODAY);
            json_t *args = json_pack("{s:o, s:o, s:o}", "unit", request_string(row->code), "read", request_string(row->code), "expected", request_string(root));
            tell(import, row, STATUS_UNIT_UNKNOWN, "code", args);
        } else {
            tell(import, row, STATUS_UNIT_UNKNOWN, "parent_code", read_and_expected(row->parent_code, "CODE"));
        }
        return;
    }
    row->parent_row = find_row(import, row->parent_code);
    if (row->parent_row != TREE_NONE) {
        return;
    }
    size_t count = tree_by_code(import->tree, row->parent_code, TREE_TODAY, &unit, 1);
    if (count == 1) {
        row->parent_unit = unit;
    } else {
        tell(import, row, count == 0 ? STATUS_UNIT_UNKNOWN : STATUS_UNIT_AMBIGUOUS, "parent_code",
             json_pack("{s:o}", "unit", request_string(row->parent_code)));
    }
}

/* A unit held that bears the row's code: the very same, or the code is taken. */
static void compare(struct import *import, struct row *row, uint32_t unit) {
    const struct tree *tree = import->tree;
    uint32_t parent = tree_parent(tree, unit, TREE_TODAY);
    bool same = parent != TREE_NONE && bytes_equal(tree_code(tree, parent, TREE_TODAY), row->parent_code);
    const char *column = !same                                                        ? "parent_code"
                         : tree_level(tree, unit, TREE_TODAY) != row->level           ? "level"
                         : !bytes_equal(tree_name(tree, unit, TREE_TODAY), row->name) ? "name"
                                                                                      : NULL;
    if (column == NULL) {
        row->unit = unit;
        return;
    }
    json_t *args = json_pack("{s:o, s:o, s:o}", "code", request_string(row->code), "name", request_string(tree_name(tree, unit, TREE_TODAY)), "id",
                             request_hex_json(tree_unit_id(tree, unit)->b, 16));
    tell(import, row, STATUS_UNIT_EXISTS, column, args);
}

static void find_existing(struct import *import, struct row *row) {
    uint32_t unit;
    if (row->bad) {
        return;
    }
    if (row->code.len > 0) {
        size_t count = tree_by_code(import->tree, row->code, TREE_TODAY, &unit, 1);
        if (count == 1) {
            compare(import, row, unit);
        } else if (count > 1) {
            tell(import, row, STATUS_UNIT_AMBIGUOUS, "code", json_pack("{s:o}", "unit", request_string(row->code)));
        }
    }
}

/* The unit that the row's parent is already, TREE_NONE where it is made by this import too. */
static uint32_t parent_held(const struct import *import, const struct row *row) {
    return row->parent_row != TREE_NONE ? import->rows[row->parent_row].unit : row->parent_unit;
}

/* A row to be made: is the parent one's own to write under, does the level fit, is a unit without a code there already? */
static void check_row(struct import *import, struct row *row) {
    if (row->bad || row->unit != TREE_NONE) {
        return;
    }
    uint32_t parent = parent_held(import, row);
    if (parent != TREE_NONE) {
        enum status status = structure_allowed(import->request->store, parent);
        if (status != STATUS_OK) {
            tell(import, row, status, "parent_code", json_pack("{s:o}", "unit", request_string(row->parent_code)));
            return;
        }
        if (row->code.len == 0) {
            row->unit = request_unit_namesake(import->tree, parent, row->name);
        }
    }
    unsigned level = row->parent_row != TREE_NONE ? import->rows[row->parent_row].level : tree_level(import->tree, parent, TREE_TODAY);
    if (row->level <= level) {
        json_t *args = json_pack("{s:o, s:o}", "level", json_sprintf("%u", row->level), "parent_level", json_sprintf("%u", level));
        tell(import, row, STATUS_LEVEL_WRONG, "level", args);
    }
}

static enum status resolve(struct import *import) {
    for (uint32_t i = 0; i < import->count; i++) {
        if (is_root(import, &import->rows[i])) {
            import->rows[i].unit = 0; /* whatever it is called in the file */
            import->rows[i].level = tree_level(import->tree, 0, TREE_TODAY);
        } else {
            find_parent(import, &import->rows[i]);
            find_existing(import, &import->rows[i]);
        }
    }
    for (uint32_t i = 0; i < import->count; i++) {
        check_row(import, &import->rows[i]);
    }
    if (import->request->problems != NULL) {
        return request_refuse(import->request, STATUS_FILE_REJECTED, NULL);
    }
    for (uint32_t i = 0; i < import->count; i++) {
        import->unchanged += import->rows[i].unit != TREE_NONE;
        import->added += import->rows[i].unit == TREE_NONE;
    }
    return STATUS_OK;
}

/* ---- 3. writing ---- */

/* Levels rise from parent to child, so a counting sort by level puts parents first and keeps the file's order otherwise. */
static void sort_rows(struct import *import) {
    uint32_t starts[LEVEL_MAX + 2] = {0};
    for (uint32_t i = 0; i < import->count; i++) {
        starts[import->rows[i].level + 1]++;
    }
    for (size_t level = 1; level <= LEVEL_MAX + 1; level++) {
        starts[level] += starts[level - 1];
    }
    for (uint32_t i = 0; i < import->count; i++) {
        import->order[starts[import->rows[i].level]++] = i;
    }
}

static void line_of(const struct import *import, const struct row *row, struct line *out) {
    out->count = 0;
    while (parent_held(import, row) == TREE_NONE && out->count < LINE_UNITS_MAX) {
        row = &import->rows[row->parent_row];
        out->units[out->count++] = row->id;
    }
    struct line above;
    structure_line(import->tree, parent_held(import, row), true, &above);
    for (size_t i = 0; i < above.count && out->count < LINE_UNITS_MAX; i++) {
        out->units[out->count++] = above.units[i];
    }
}

/* One change-set in the making. */
struct batch {
    uint8_t nonce[16];
    struct buffer payloads;
    struct change *changes;
    size_t *starts;
    uint32_t *parents;
    size_t count, parent_count;
};

static enum status batch_end(struct import *import, struct batch *batch) {
    struct stored stored;
    if (batch->count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < batch->count; i++) {
        size_t end = i + 1 < batch->count ? batch->starts[i + 1] : batch->payloads.len;
        batch->changes[i] =
            (struct change){.kind = CHANGE_UNIT, .place = (uint32_t)i, .payload = bytes_of(batch->payloads.data + batch->starts[i], end - batch->starts[i])};
    }
    const struct structure_draft draft = {
        .nonce = batch->nonce, .units = batch->parents, .unit_count = batch->parent_count, .changes = batch->changes, .change_count = batch->count};
    enum status status = structure_append(import->request->store, &draft, &stored);
    batch->count = batch->parent_count = 0;
    buffer_clear(&batch->payloads);
    os_random(batch->nonce, sizeof batch->nonce);
    return status;
}

static enum status batch_add(struct import *import, struct batch *batch, struct row *row) {
    struct unit_change unit = {.level = (uint8_t)row->level, .code = row->code, .name = row->name};
    uint32_t parent = parent_held(import, row);
    line_of(import, row, &unit.line);
    unit.parent = unit.line.units[0];
    size_t before = batch->payloads.len;
    enum status status = unit_change_encode(&unit, &batch->payloads);
    if (status != STATUS_OK) {
        return status;
    }
    bool full = batch->count == CHANGES_MAX || batch->payloads.len + (batch->count + 1) * CHANGE_EXTRA_BYTES + BODY_EXTRA_BYTES > BODY_BYTES_MAX;
    if (full) {
        batch->payloads.len = before;
        status = batch_end(import, batch);
        before = 0;
        if (status == STATUS_OK) {
            status = unit_change_encode(&unit, &batch->payloads);
        }
    }
    if (status == STATUS_OK) {
        keys_unit_id(&row->id, &import->request->store->founding.association, batch->nonce, (uint32_t)batch->count);
        batch->starts[batch->count++] = before;
        if (parent != TREE_NONE && (batch->parent_count == 0 || batch->parents[batch->parent_count - 1] != parent)) {
            batch->parents[batch->parent_count++] = parent;
        }
    }
    return status;
}

static enum status write_rows(struct import *import) {
    struct batch batch = {.changes = malloc(CHANGES_MAX * sizeof *batch.changes),
                          .starts = malloc(CHANGES_MAX * sizeof *batch.starts),
                          .parents = malloc(CHANGES_MAX * sizeof *batch.parents)};
    buffer_init(&batch.payloads, 2 * BODY_BYTES_MAX);
    os_random(batch.nonce, sizeof batch.nonce);
    enum status status = batch.changes == NULL || batch.starts == NULL || batch.parents == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    sort_rows(import);
    for (uint32_t i = 0; i < import->count && status == STATUS_OK; i++) {
        struct row *row = &import->rows[import->order[i]];
        if (row->unit == TREE_NONE) {
            status = batch_add(import, &batch, row);
        }
    }
    if (status == STATUS_OK) {
        status = batch_end(import, &batch);
    }
    free(batch.changes);
    free(batch.starts);
    free(batch.parents);
    buffer_fini(&batch.payloads);
    return status == STATUS_OK ? apply_pending(import->request->store) : status;
}

/* ---- the whole ---- */

static enum status run(struct import *import, const json_t *rows) {
    enum status status = reserve(import, rows);
    size_t i;
    const json_t *cells;
    json_array_foreach(rows, i, cells) {
        if (status == STATUS_OK) {
            status = read_row(import, (uint32_t)i, cells);
        }
    }
    if (status == STATUS_OK) {
        status = resolve(import);
    }
    if (status == STATUS_OK && !request_flag(import->request, "dry_run")) {
        status = write_rows(import);
    }
    return status;
}

enum status request_unit_import(struct request *request) {
    const json_t *rows = json_object_get(request->args, "rows");
    if (!json_is_array(rows) || json_array_size(rows) == 0) {
        return request_refuse(request, STATUS_BAD_REQUEST, "what", "rows", NULL);
    }
    if (json_array_size(rows) > ROWS_MAX) {
        return request_refuse(request, STATUS_TOO_LARGE, "what", "rows", "limit", "200000", NULL);
    }
    struct import import = {.request = request, .tree = request->store->tree};
    enum status status = run(&import, rows);
    free(import.rows);
    free(import.order);
    free(import.buckets);
    buffer_fini(&import.texts);
    if (status == STATUS_OK) {
        request->result = json_pack("{s:I, s:I, s:b}", "added", import.added, "unchanged", import.unchanged, "dry_run", request_flag(request, "dry_run"));
    }
    return status;
}
