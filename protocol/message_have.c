/* What a side holds: have, its log states, and the elements that a bucket's digest is over (docs/protocol.md section 9). */
#include "protocol/message.h"

#include "protocol/parts.h"

enum { HAVE_VALUES = 3, LOG_STATE_VALUES = 9, HELD_RECEIPT_VALUES = 4, ELEMENT_VALUES = 7, FORK_VALUES = 3 };

static void write_receipts(struct writer *writer, const struct held_receipt *receipts, size_t count) {
    writer_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_array(writer, HELD_RECEIPT_VALUES);
        parts_write_fixed(writer, receipts[i].holder.b, sizeof receipts[i].holder.b);
        writer_uint(writer, receipts[i].seq);
        writer_uint(writer, receipts[i].bodies);
        writer_uint(writer, receipts[i].applied);
    }
}

static void read_receipts(struct reader *reader, struct log_state *out) {
    out->receipt_count = reader_array(reader, 0, LOG_STATE_RECEIPTS_MAX);
    for (size_t i = 0; i < out->receipt_count; i++) {
        struct held_receipt *receipt = &out->receipts[i];
        reader_array(reader, HELD_RECEIPT_VALUES, HELD_RECEIPT_VALUES);
        reader_fixed(reader, receipt->holder.b, sizeof receipt->holder.b);
        receipt->seq = parts_read_seq(reader);
        receipt->bodies = reader_uint(reader, receipt->seq);
        receipt->applied = reader_uint(reader, receipt->bodies);
        reader_close(reader);
        if (i > 0 && ID_COMPARE(&receipt[-1].holder, &receipt->holder) >= 0) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    reader_close(reader);
}

static void write_fork(struct writer *writer, const struct fork_mark *fork) {
    if (fork->seq == 0) {
        writer_nil(writer);
        return;
    }
    writer_array(writer, FORK_VALUES);
    writer_uint(writer, fork->seq);
    parts_write_fixed(writer, fork->one.b, sizeof fork->one.b);
    parts_write_fixed(writer, fork->other.b, sizeof fork->other.b);
}

static void read_fork(struct reader *reader, struct fork_mark *out) {
    *out = (struct fork_mark){0};
    if (reader_take_nil(reader)) {
        return;
    }
    reader_array(reader, FORK_VALUES, FORK_VALUES);
    out->seq = parts_read_seq(reader);
    reader_fixed(reader, out->one.b, sizeof out->one.b);
    reader_fixed(reader, out->other.b, sizeof out->other.b);
    if (ID_COMPARE(&out->one, &out->other) >= 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    reader_close(reader);
}

int fork_mark_compare(const struct fork_mark *a, const struct fork_mark *b) {
    uint64_t seq_a = a->seq - 1, seq_b = b->seq - 1; /* none is the greatest */
    if (seq_a != seq_b) {
        return seq_a < seq_b ? -1 : 1;
    }
    int order = ID_COMPARE(&a->one, &b->one);
    return order != 0 ? order : ID_COMPARE(&a->other, &b->other);
}

/* Pairs flattened; half their number. */
static size_t read_pairs(struct reader *reader, size_t pairs_max) {
    size_t values = reader_array(reader, 0, 2 * pairs_max);
    if (values % 2 != 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    return values / 2;
}

static void read_gaps(struct reader *reader, struct log_state *out) {
    out->gap_count = read_pairs(reader, GAP_PAIRS_MAX);
    uint64_t before = 0; /* the end of the gap before; the next begins after at least one body that is held */
    for (size_t i = 0; i < out->gap_count; i++) {
        struct gap *gap = &out->gaps[i];
        gap->from = reader_uint(reader, out->seq);
        gap->to = reader_uint(reader, out->seq);
        if (gap->from <= before || (i > 0 && gap->from == before + 1) || gap->to < gap->from) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        before = gap->to;
    }
    reader_close(reader);
}

static void read_partials(struct reader *reader, struct log_state *out) {
    out->partial_count = read_pairs(reader, PARTIAL_PAIRS_MAX);
    uint64_t before = 0;
    for (size_t i = 0; i < out->partial_count; i++) {
        struct partial *partial = &out->partials[i];
        partial->seq = reader_uint(reader, out->seq);
        partial->bytes = (uint32_t)reader_uint(reader, BODY_BYTES_MAX - 1);
        if (partial->seq <= before || partial->bytes == 0) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        before = partial->seq;
    }
    reader_close(reader);
}

static void read_log_state(struct reader *reader, struct log_state *out) {
    reader_array(reader, LOG_STATE_VALUES, LOG_STATE_VALUES);
    parts_read_log(reader, &out->log);
    out->seq = parts_read_seq(reader);
    reader_fixed(reader, out->hash.b, sizeof out->hash.b);
    read_gaps(reader, out);
    read_partials(reader, out);
    read_receipts(reader, out);
    read_fork(reader, &out->fork);
    reader_close(reader);
}

enum status log_state_encode(const struct log_state *state, struct buffer *out) {
    struct writer writer;
    if (state->gap_count > GAP_PAIRS_MAX || state->partial_count > PARTIAL_PAIRS_MAX || state->receipt_count > LOG_STATE_RECEIPTS_MAX) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, LOG_STATE_VALUES);
    parts_write_log(&writer, &state->log);
    writer_uint(&writer, state->seq);
    parts_write_fixed(&writer, state->hash.b, sizeof state->hash.b);
    writer_array(&writer, 2 * state->gap_count);
    for (size_t i = 0; i < state->gap_count; i++) {
        writer_uint(&writer, state->gaps[i].from);
        writer_uint(&writer, state->gaps[i].to);
    }
    writer_array(&writer, 2 * state->partial_count);
    for (size_t i = 0; i < state->partial_count; i++) {
        writer_uint(&writer, state->partials[i].seq);
        writer_uint(&writer, state->partials[i].bytes);
    }
    write_receipts(&writer, state->receipts, state->receipt_count);
    write_fork(&writer, &state->fork);
    if (writer.status == STATUS_OK) {
        struct reader reader;
        struct log_state check;
        reader_init(&reader, writer_written(&writer));
        read_log_state(&reader, &check);
        writer_fail(&writer, reader_end(&reader));
    }
    return writer_end(&writer);
}

enum status bucket_element_encode(const struct bucket_element *element, struct buffer *out) {
    struct writer writer;
    writer_init(&writer, out);
    writer_array(&writer, ELEMENT_VALUES);
    parts_write_log(&writer, &element->log);
    writer_uint(&writer, element->seq);
    parts_write_fixed(&writer, element->hash.b, sizeof element->hash.b);
    write_receipts(&writer, element->receipts, element->receipt_count);
    write_fork(&writer, &element->fork);
    return writer_end(&writer);
}

enum status have_open(struct have *out, struct bytes message) {
    *out = (struct have){0};
    reader_init(&out->rest, message);
    reader_array(&out->rest, HAVE_VALUES, HAVE_VALUES);
    parts_read_type(&out->rest, MESSAGE_HAVE);
    reader_fixed(&out->rest, out->buckets, sizeof out->buckets);
    out->count = reader_array(&out->rest, 0, MESSAGE_BYTES_MAX);
    return out->rest.status;
}

static bool bucket_marked(const struct have *have, const struct log_id *log) {
    unsigned bucket = bucket_of(log);
    return (have->buckets[bucket / 8] >> (bucket % 8) & 1) != 0;
}

bool have_next(struct have *have, struct log_state *out) {
    struct reader *reader = &have->rest;
    if (have->place == have->count || reader->status != STATUS_OK) {
        return false;
    }
    read_log_state(reader, out);
    if (reader->status == STATUS_OK && (!bucket_marked(have, &out->log) || (have->place > 0 && log_id_compare(&have->last, &out->log) >= 0))) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    if (reader->status != STATUS_OK) {
        return false;
    }
    have->last = out->log;
    have->place++;
    return true;
}

enum status have_close(struct have *have) {
    struct log_state rest;
    while (have_next(have, &rest)) { /* a message is well-formed as a whole or not at all */
    }
    reader_close(&have->rest);
    reader_close(&have->rest);
    return reader_end(&have->rest);
}

enum status have_encode(const uint8_t buckets[BUCKETS / 8], struct bytes log_states, size_t count, struct buffer *out) {
    struct writer writer;
    parts_open_message(&writer, out, HAVE_VALUES, MESSAGE_HAVE);
    parts_write_fixed(&writer, buckets, BUCKETS / 8);
    writer_array(&writer, count);
    writer_raw(&writer, log_states);
    if (writer.status == STATUS_OK) {
        struct have check;
        enum status status = have_open(&check, writer_written(&writer));
        writer_fail(&writer, status != STATUS_OK ? status : have_close(&check));
    }
    return writer_end(&writer);
}
