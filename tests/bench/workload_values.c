/* The values, and what they come to as msgpack. */
#include "tests/bench/workload.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

enum { SMALL_FIELDS = 12, MEDIUM_FIELDS = 5, ZSTD_LEVEL = 3, MSGPACK_BYTES_MAX = 1 << 30 };
static_assert(SMALL_FIELDS + MEDIUM_FIELDS < WORKLOAD_FIELDS, "the rest are large");

size_t workload_values(const struct workload_shape *shape) {
    return shape->units * shape->changesets * shape->rows * WORKLOAD_FIELDS;
}

/* ---- values ---- */

/* splitmix64: a number that looks drawn, from where it stands. */
static uint64_t mixed(uint64_t x) {
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t drawn(const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, size_t what) {
    return mixed((((uint64_t)unit * shape->changesets + changeset) * shape->rows + row) * 64 + what);
}

static int64_t value_of(uint64_t chance, size_t field) {
    uint64_t rest = chance >> 8;
    if (field < SMALL_FIELDS)
        return chance % 5 < 2 ? 0 : 1 + (int64_t)(rest % 9);
    return field < SMALL_FIELDS + MEDIUM_FIELDS ? 200 + (int64_t)(rest % 500) : 65536 + (int64_t)(rest % 131072);
}

size_t workload_changed_rows(const struct workload_shape *shape) {
    size_t rows = shape->changesets * shape->rows;
    return rows >= 100 ? rows / 100 : 1;
}

/* One row of each hundred. */
void workload_changed_row(const struct workload_shape *shape, size_t unit, size_t index, size_t *changeset, size_t *row,
                          size_t fields[WORKLOAD_CHANGED_FIELDS]) {
    size_t rows = shape->changesets * shape->rows, hundred = rows >= 100 ? 100 : rows;
    uint64_t chance = mixed(mixed(unit) + index);
    size_t place = index * hundred + (size_t)(chance % hundred);
    *changeset = place / shape->rows;
    *row = place % shape->rows;
    for (size_t i = 0; i < WORKLOAD_CHANGED_FIELDS; i++) { /* one of each third: ascending, and none twice */
        size_t third = WORKLOAD_FIELDS / WORKLOAD_CHANGED_FIELDS;
        fields[i] = i * third + (size_t)(chance >> (16 + 8 * i)) % third;
    }
}

static bool is_changed(const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, size_t field) {
    size_t index = (changeset * shape->rows + row) / 100, at, of, fields[WORKLOAD_CHANGED_FIELDS];
    if (index >= workload_changed_rows(shape))
        return false;
    workload_changed_row(shape, unit, index, &at, &of, fields);
    return at == changeset && of == row && (fields[0] == field || fields[1] == field || fields[2] == field);
}

int64_t workload_value(const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, size_t field, bool after) {
    int64_t value = value_of(drawn(shape, unit, changeset, row, field), field);
    if (!after || !is_changed(shape, unit, changeset, row, field))
        return value;
    int64_t other = value_of(drawn(shape, unit, changeset, row, field + 32), field);
    return other != value ? other : value + 1;
}

struct record_key workload_key(size_t changeset, size_t row, char key[WORKLOAD_ROW_BYTES + 1]) {
    assert(row < 1000);
    (void)snprintf(key, WORKLOAD_ROW_BYTES + 1, "%03u", (unsigned)(row % 1000));
    return (struct record_key){(uint32_t)(WORKLOAD_FIRST_MONTH + changeset), bytes_of(key, WORKLOAD_ROW_BYTES)};
}

/* ---- as msgpack ---- */

static void write_row(const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, bool after, struct writer *writer) {
    char text[WORKLOAD_ROW_BYTES + 1];
    struct record_key key = workload_key(changeset, row, text);
    writer_array(writer, 3 + WORKLOAD_FIELDS);
    writer_uint(writer, unit);
    writer_uint(writer, key.period);
    writer_str(writer, key.row);
    for (size_t field = 0; field < WORKLOAD_FIELDS; field++)
        writer_int(writer, workload_value(shape, unit, changeset, row, field, after));
}

void workload_msgpack(const struct workload_shape *shape, bool changed, struct buffer *out) {
    struct writer writer;
    buffer_init(out, MSGPACK_BYTES_MAX);
    writer_init(&writer, out);
    for (size_t unit = 0; unit < shape->units; unit++) {
        for (size_t i = 0; changed && i < workload_changed_rows(shape); i++) {
            size_t changeset, row, fields[WORKLOAD_CHANGED_FIELDS];
            workload_changed_row(shape, unit, i, &changeset, &row, fields);
            write_row(shape, unit, changeset, row, true, &writer);
        }
        for (size_t i = 0; !changed && i < shape->changesets * shape->rows; i++)
            write_row(shape, unit, i / shape->rows, i % shape->rows, false, &writer);
    }
    enum status status = writer_end(&writer);
    assert(status == STATUS_OK);
    (void)status;
}

size_t workload_zstd_bytes(struct bytes bytes) {
    size_t bound = ZSTD_compressBound(bytes.len);
    void *room = malloc(bound);
    assert(room != NULL);
    size_t len = ZSTD_compress(room, bound, bytes.data, bytes.len, ZSTD_LEVEL);
    assert(!ZSTD_isError(len));
    free(room);
    return len;
}
