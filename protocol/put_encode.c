/* Writes a put from its tables. The rules that put_decode holds against peers are held here against ourselves; tests/unit/test_put.c checks that they are the
 * same. */
#include "protocol/put.h"

#include "protocol/parts.h"

enum { PUT_VALUES = 5, COLUMN_VALUES = 5, FLAGS_MAX = PUT_CORRECTION | PUT_ON_BEHALF | PUT_SETTLES };

/* How many records, from first on, are of one period: a group. */
static size_t group_length(const struct put *put, size_t first) {
    size_t end = first + 1;
    while (end < put->record_count && put->keys[end].period == put->keys[first].period) {
        end++;
    }
    return end - first;
}

static void write_group(struct writer *writer, const struct record_key *keys, size_t count, uint32_t period) {
    struct bytes before = {0};
    writer_array(writer, 2);
    writer_uint(writer, period);
    if (count == 1 && keys[0].row.len == 0) {
        writer_array(writer, 0);
        return;
    }
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        struct bytes row = keys[i].row;
        if (row.len == 0 || row.len > ROW_KEY_BYTES_MAX || bytes_compare(before, row) >= 0) {
            writer_fail(writer, STATUS_MALFORMED);
            return;
        }
        size_t shared = put_shared_bytes(before, row);
        writer_array(writer, 2);
        writer_uint(writer, shared);
        writer_str(writer, bytes_of(row.data + shared, row.len - shared));
        before = row;
    }
}

static void write_keys(struct writer *writer, const struct put *put) {
    size_t groups = 0;
    for (size_t i = 0; i < put->record_count; i += group_length(put, i)) {
        groups++;
    }
    writer_array(writer, groups);
    uint32_t before = 0;
    for (size_t i = 0; i < put->record_count; i += group_length(put, i)) {
        uint32_t period = put->keys[i].period;
        if (i > 0 && period <= before) {
            writer_fail(writer, STATUS_MALFORMED);
            return;
        }
        write_group(writer, put->keys + i, group_length(put, i), i == 0 ? period : period - before);
        before = period;
    }
}

static bool value_valid(const struct cell *cell) {
    if (cell->qualifier != QUALIFIER_NONE && cell->type != CELL_INT) {
        return false;
    }
    switch (cell->type) {
    case CELL_INT:
        return true;
    case CELL_BOOL:
        return cell->number == 0 || cell->number == 1;
    case CELL_TEXT:
        return cell->text.len <= TEXT_VALUE_BYTES_MAX;
    default:
        return false;
    }
}

static bool cell_valid(const struct cell *cell) {
    if (cell->state > CELL_VALUE || cell->qualifier > QUALIFIER_AT_MOST || cell->raw.len > NOTE_BYTES_MAX || cell->source.len > NOTE_BYTES_MAX) {
        return false;
    }
    if (cell->state == CELL_UNTOUCHED && cell->raw.len + cell->source.len > 0) {
        return false;
    }
    return cell->state == CELL_VALUE ? value_valid(cell) : cell->qualifier == QUALIFIER_NONE;
}

/* What a column's parts will count. */
struct counts {
    size_t touched, values, qualified, noted;
};

static struct counts count_cells(const struct cell *cells, size_t count) {
    struct counts counts = {0};
    for (size_t i = 0; i < count; i++) {
        counts.touched += cells[i].state != CELL_UNTOUCHED;
        counts.values += cells[i].state == CELL_VALUE;
        counts.qualified += cells[i].qualifier != QUALIFIER_NONE;
        counts.noted += cells[i].raw.len + cells[i].source.len > 0;
    }
    return counts;
}

static void write_states(struct writer *writer, const struct cell *cells, size_t count, bool all_values) {
    uint8_t states[(PUT_RECORDS_MAX + 3) / 4] = {0};
    for (size_t i = 0; i < count && !all_values; i++) {
        states[i / 4] = (uint8_t)(states[i / 4] | cells[i].state << (2 * (i % 4)));
    }
    writer_bin(writer, bytes_of(states, all_values ? 0 : (count + 3) / 4));
}

static void write_value(struct writer *writer, const struct cell *cell) {
    if (cell->type == CELL_TEXT) {
        writer_str(writer, cell->text);
    } else if (cell->type == CELL_BOOL) {
        writer_bool(writer, cell->number == 1);
    } else {
        writer_int(writer, cell->number);
    }
}

static void write_notes(struct writer *writer, const struct cell *cells, size_t count, size_t noted) {
    writer_array(writer, noted);
    for (size_t i = 0; i < count && noted > 0; i++) {
        if (cells[i].raw.len + cells[i].source.len > 0) {
            writer_array(writer, 3);
            writer_uint(writer, i);
            writer_str(writer, cells[i].raw);
            writer_str(writer, cells[i].source);
        }
    }
}

static void write_column(struct writer *writer, uint16_t ordinal, const struct cell *cells, size_t count) {
    struct counts counts = count_cells(cells, count);
    writer_array(writer, COLUMN_VALUES);
    writer_uint(writer, ordinal);
    write_states(writer, cells, count, counts.values == count);
    writer_array(writer, counts.values);
    for (size_t i = 0; i < count; i++) {
        if (cells[i].state == CELL_VALUE) {
            write_value(writer, &cells[i]);
        }
    }
    writer_array(writer, 2 * counts.qualified);
    for (size_t i = 0; i < count && counts.qualified > 0; i++) {
        if (cells[i].qualifier != QUALIFIER_NONE) {
            writer_uint(writer, i);
            writer_uint(writer, cells[i].qualifier);
        }
    }
    write_notes(writer, cells, count, counts.noted);
}

static bool put_valid(const struct put *put) {
    if (put->record_count == 0 || put->record_count > PUT_RECORDS_MAX || put->column_count > FORM_FIELDS_MAX || put->flags > FLAGS_MAX ||
        put->reason.len > REASON_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < put->column_count; i++) {
        if (put->ordinals[i] >= FORM_FIELDS_MAX || (i > 0 && put->ordinals[i - 1] >= put->ordinals[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < put->column_count * put->record_count; i++) {
        if (!cell_valid(&put->cells[i])) {
            return false;
        }
    }
    return put_rules_hold(put);
}

static bool column_touched(const struct put *put, size_t column) {
    const struct cell *cells = put->cells + column * put->record_count;
    for (size_t i = 0; i < put->record_count; i++) {
        if (cells[i].state != CELL_UNTOUCHED) {
            return true;
        }
    }
    return false;
}

static void write_columns(struct writer *writer, const struct put *put) {
    size_t touched = 0;
    for (size_t i = 0; i < put->column_count; i++) {
        touched += column_touched(put, i);
    }
    if (touched == 0) {
        writer_fail(writer, STATUS_MALFORMED);
    }
    writer_array(writer, touched);
    for (size_t i = 0; i < put->column_count; i++) {
        if (column_touched(put, i)) {
            write_column(writer, put->ordinals[i], put->cells + i * put->record_count, put->record_count);
        }
    }
}

enum status put_encode(const struct put *put, struct buffer *out) {
    struct writer writer;
    if (!put_valid(put)) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, PUT_VALUES);
    parts_write_fixed(&writer, put->form_version.b, sizeof put->form_version.b);
    writer_uint(&writer, put->flags);
    writer_str(&writer, put->reason);
    write_keys(&writer, put);
    write_columns(&writer, put);
    if (writer_written(&writer).len > BODY_BYTES_MAX) {
        writer_fail(&writer, STATUS_TOO_LARGE);
    }
    return writer_end(&writer);
}
