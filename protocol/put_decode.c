/* Reads a put: once over the keys to learn how many records and bytes of row keys there are, then one allocation, then everything into its tables. */
#include "protocol/put.h"

#include "protocol/planted.h"

#include <stdlib.h>

enum { PUT_VALUES = 5, COLUMN_VALUES = 5, FLAGS_MAX = PUT_CORRECTION | PUT_ON_BEHALF | PUT_SETTLES };

/* What the tables need, each part within its limit. */
struct size {
    size_t records, row_bytes, columns;
};

static void measure_rows(struct reader *reader, size_t rows, struct size *size) {
    for (size_t i = 0; i < rows; i++) {
        reader_array(reader, 2, 2);
        size_t shared = (size_t)reader_uint(reader, ROW_KEY_BYTES_MAX);
        size_t len = shared + reader_str(reader, 1, ROW_KEY_BYTES_MAX).len;
        if (len > ROW_KEY_BYTES_MAX) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        size->row_bytes += len;
        reader_close(reader);
    }
}

/* Takes the reader by value: what follows it is read again, into the tables. The first error goes to failed. */
static struct size measure(struct reader reader, enum status *failed) {
    struct size size = {0};
    size_t groups = reader_array(&reader, 1, PUT_RECORDS_MAX);
    for (size_t i = 0; i < groups; i++) {
        reader_array(&reader, 2, 2);
        reader_uint(&reader, UINT32_MAX);
        size_t rows = reader_array(&reader, 0, PUT_RECORDS_MAX);
        size.records += rows > 0 ? rows : 1;
        if (size.records > PUT_RECORDS_MAX) {
            reader_fail(&reader, STATUS_MALFORMED);
        }
        measure_rows(&reader, rows, &size);
        reader_close(&reader);
        reader_close(&reader);
    }
    reader_close(&reader);
    size.columns = reader_array(&reader, 1, FORM_FIELDS_MAX);
    /* A column takes at least two bits a record: a small put cannot ask for a large table. */
    if (size.columns * ((size.records + 3) / 4) > (size_t)(reader.end - reader.at)) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    *failed = reader.status;
    return size;
}

static_assert(_Alignof(struct record_key) <= _Alignof(struct cell) && _Alignof(uint16_t) <= _Alignof(struct record_key),
              "cells, keys, ordinals and row keys can stand one after the other");

/* The tables, and behind them the place of the row keys. */
static uint8_t *allocate(struct put *put, const struct size *size) {
    size_t cells = size->records * size->columns * sizeof *put->cells, keys = size->records * sizeof *put->keys;
    size_t ordinals = size->columns * sizeof *put->ordinals;
    uint8_t *memory = malloc(cells + keys + ordinals + size->row_bytes);
    if (memory == NULL) {
        return NULL;
    }
    put->memory = memory;
    put->cells = put->memory;
    put->keys = (void *)(memory + cells);
    put->ordinals = (void *)(memory + cells + keys);
    put->record_count = size->records;
    put->column_count = size->columns;
    return memory + cells + keys + ordinals;
}

/* One row key, put together from the one before it and what is its own. Returns where the next goes. */
static uint8_t *read_row(struct reader *reader, struct bytes before, struct bytes *out, uint8_t *memory) {
    reader_array(reader, 2, 2);
    size_t shared = (size_t)reader_uint(reader, before.len);
    struct bytes rest = reader_str(reader, 1, ROW_KEY_BYTES_MAX);
    reader_close(reader);
    if (reader->status != STATUS_OK) {
        return memory;
    }
    if (shared > 0) {
        memcpy(memory, before.data, shared);
    }
    memcpy(memory + shared, rest.data, rest.len);
    *out = (struct bytes){memory, shared + rest.len};
    /* A cut within a character of the key before would leave bytes that are no text. */
    bool within = shared < before.len && (before.data[shared] & 0xc0) == 0x80;
    if (within || bytes_compare(before, *out) >= 0 || put_shared_bytes(before, *out) != shared) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    return memory + out->len;
}

static void read_keys(struct reader *reader, struct put *put, uint8_t *memory) {
    struct record_key *key = put->keys;
    uint64_t period = 0;
    size_t groups = reader_array(reader, 1, PUT_RECORDS_MAX);
    for (size_t i = 0; i < groups && reader->status == STATUS_OK; i++) {
        reader_array(reader, 2, 2);
        uint64_t step = reader_uint(reader, UINT32_MAX);
        period += step;
        if (period > UINT32_MAX || (i > 0 && step == 0)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        size_t rows = reader_array(reader, 0, PUT_RECORDS_MAX);
        struct bytes before = {0};
        if (rows == 0) {
            *key++ = (struct record_key){.period = (uint32_t)period};
        }
        for (size_t j = 0; j < rows && reader->status == STATUS_OK; j++) {
            *key = (struct record_key){.period = (uint32_t)period};
            memory = read_row(reader, before, &key->row, memory);
            before = key->row;
            key++;
        }
        reader_close(reader);
        reader_close(reader);
    }
    reader_close(reader);
}

static void read_value(struct reader *reader, struct cell *cell) {
    if (reader->at < reader->end && *reader->at <= 0x7f) { /* a number of one byte: most figures */
        cell->type = CELL_INT;
        cell->number = *reader->at++;
        return;
    }
    switch (reader_peek(reader)) {
    case VALUE_STR:
        cell->type = CELL_TEXT;
        cell->text = reader_str(reader, 0, TEXT_VALUE_BYTES_MAX);
        break;
    case VALUE_BOOL:
        cell->type = CELL_BOOL;
        cell->number = reader_bool(reader);
        break;
    default:
        cell->type = CELL_INT;
        cell->number = reader_int(reader, INT64_MIN, INT64_MAX);
    }
}

/* Sets every cell's state; returns how many have a value. The bytes are empty exactly where all have. *whole becomes false where a cell is untouched. */
static size_t read_states(struct reader *reader, struct cell *cells, size_t count, bool *whole) {
    struct bytes states = reader_bin(reader, 0, (PUT_RECORDS_MAX + 3) / 4);
    if (reader->status != STATUS_OK || states.len == 0) {
        for (size_t i = 0; i < count; i++) {
            cells[i] = (struct cell){.state = CELL_VALUE};
        }
        return count;
    }
    size_t values = 0, touched = 0;
    if (states.len != (count + 3) / 4 || (count % 4 != 0 && states.data[count / 4] >> (2 * (count % 4)) != 0)) {
        reader_fail(reader, STATUS_MALFORMED);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t state = states.data[i / 4] >> (2 * (i % 4)) & 3;
        cells[i] = (struct cell){.state = state};
        values += state == CELL_VALUE;
        touched += state != CELL_UNTOUCHED;
    }
    if (touched == 0 || values == count) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    *whole = *whole && touched == count;
    return values;
}

/* The index of a cell in a list of them, strictly ascending: after is 0 for the first, else one past the one before. */
static size_t read_cell_index(struct reader *reader, size_t count, size_t *after) {
    size_t cell = (size_t)reader_uint(reader, count - 1);
    if (cell < *after) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    *after = cell + 1;
    return cell;
}

static void read_qualifiers(struct reader *reader, struct cell *cells, size_t count) {
    size_t values = reader_array(reader, 0, 2 * count), after = 0;
    if (values % 2 != 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    for (size_t i = 0; i < values / 2 && reader->status == STATUS_OK; i++) {
        struct cell *cell = &cells[read_cell_index(reader, count, &after)];
        cell->qualifier = (uint8_t)reader_uint(reader, QUALIFIER_AT_MOST);
        if (cell->qualifier == QUALIFIER_NONE || cell->state != CELL_VALUE || cell->type != CELL_INT) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
}

static void read_notes(struct reader *reader, struct cell *cells, size_t count) {
    size_t notes = reader_array(reader, 0, count), after = 0;
    for (size_t i = 0; i < notes && reader->status == STATUS_OK; i++) {
        reader_array(reader, 3, 3);
        struct cell *cell = &cells[read_cell_index(reader, count, &after)];
        cell->raw = reader_str(reader, 0, NOTE_BYTES_MAX);
        cell->source = reader_str(reader, 0, NOTE_BYTES_MAX);
        if (cell->raw.len + cell->source.len == 0 || cell->state == CELL_UNTOUCHED) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        reader_close(reader);
    }
    reader_close(reader);
}

static void read_column(struct reader *reader, uint16_t *ordinal, struct cell *cells, size_t count, bool *whole) {
    reader_array(reader, COLUMN_VALUES, COLUMN_VALUES);
    *ordinal = (uint16_t)reader_uint(reader, FORM_FIELDS_MAX - 1);
    size_t values = read_states(reader, cells, count, whole);
    reader_array(reader, values, values);
    for (size_t i = 0; i < count && reader->status == STATUS_OK; i++) {
        if (cells[i].state == CELL_VALUE) {
            read_value(reader, &cells[i]);
        }
    }
    reader_close(reader);
    read_qualifiers(reader, cells, count);
    read_notes(reader, cells, count);
    reader_close(reader);
}

static void read_columns(struct reader *reader, struct put *put) {
    put->whole = true;
    reader_array(reader, put->column_count, put->column_count);
    for (size_t i = 0; i < put->column_count && reader->status == STATUS_OK; i++) {
        read_column(reader, &put->ordinals[i], put->cells + i * put->record_count, put->record_count, &put->whole);
        if (i > 0 && put->ordinals[i - 1] >= put->ordinals[i] + PLANTED("column-twice")) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
}

/* Keys and columns: the tables. */
static void read_tables(struct reader *reader, struct put *out) {
    enum status failed;
    struct size size = measure(*reader, &failed);
    if (failed != STATUS_OK) {
        reader_fail(reader, failed);
        return;
    }
    uint8_t *rows = allocate(out, &size);
    if (rows == NULL) {
        reader_fail(reader, STATUS_NO_MEMORY);
        return;
    }
    read_keys(reader, out, rows);
    read_columns(reader, out);
    if (reader->status == STATUS_OK && !put_rules_hold(out)) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

enum status put_decode(struct put *out, struct bytes payload) {
    struct reader reader;
    *out = (struct put){0};
    reader_init(&reader, payload);
    if (payload.len > BODY_BYTES_MAX) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    reader_array(&reader, PUT_VALUES, PUT_VALUES);
    reader_fixed(&reader, out->form_version.b, sizeof out->form_version.b);
    out->flags = (uint8_t)reader_uint(&reader, FLAGS_MAX);
    out->reason = reader_str(&reader, 0, REASON_BYTES_MAX);
    if (reader.status == STATUS_OK) {
        read_tables(&reader, out);
    }
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        put_fini(out);
    }
    return status;
}
