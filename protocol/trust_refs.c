/* What names entries of others: handover, revocation, pin, fork decision, erase, accept (docs/protocol.md 5.7 to 5.10), and the reason that such a change may
 * name in its turn. */
#include "protocol/parts.h"
#include "protocol/trust.h"

enum { HANDOVER_VALUES = 3, REVOCATION_VALUES = 3, LIST_VALUES = 1, FORK_DECISION_VALUES = 2, ERASURE_VALUES = 2, REASON_VALUES = 1 };

/* ---- lists ---- */

static void read_refs(struct reader *reader, struct refs *out) {
    out->count = parts_read_refs(reader, out->items, TRUST_REFS_MAX);
}

/* Where a ref ends a log, two of one log would say two things. As refs are in the order of logs first, the two stand beside each other. */
static void read_refs_one_a_log(struct reader *reader, struct refs *out) {
    read_refs(reader, out);
    for (size_t i = 1; i < out->count; i++) {
        if (log_id_equal(&out->items[i - 1].log, &out->items[i].log)) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
}

static void read_some_refs(struct reader *reader, struct refs *out) {
    read_refs(reader, out);
    if (out->count == 0) {
        reader_fail(reader, STATUS_MALFORMED);
    }
}

static void write_refs(struct writer *writer, const struct refs *refs) {
    parts_write_refs(writer, refs->items, refs->count, TRUST_REFS_MAX);
}

/* A payload that is one list with something in it: pin, accept. */
static enum status list_decode(struct refs *out, struct bytes payload) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, LIST_VALUES, LIST_VALUES);
    read_some_refs(&reader, out);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        out->count = 0;
    }
    return status;
}

static enum status list_encode(const struct refs *refs, struct buffer *out) {
    struct writer writer;
    struct refs check;
    writer_init(&writer, out);
    writer_array(&writer, LIST_VALUES);
    write_refs(&writer, refs);
    writer_fail(&writer, list_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

enum status pin_decode(struct refs *out, struct bytes payload) {
    return list_decode(out, payload);
}

enum status pin_encode(const struct refs *pins, struct buffer *out) {
    return list_encode(pins, out);
}

enum status acceptance_decode(struct refs *out, struct bytes payload) {
    return list_decode(out, payload);
}

enum status acceptance_encode(const struct refs *entries, struct buffer *out) {
    return list_encode(entries, out);
}

/* ---- handover ---- */

enum status handover_decode(struct handover *out, struct bytes payload) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, HANDOVER_VALUES, HANDOVER_VALUES);
    reader_fixed(&reader, out->unit.b, sizeof out->unit.b);
    reader_fixed(&reader, out->parent.b, sizeof out->parent.b);
    read_refs_one_a_log(&reader, &out->upto);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        out->upto.count = 0;
    }
    return status;
}

enum status handover_encode(const struct handover *handover, struct buffer *out) {
    struct writer writer;
    struct handover check;
    writer_init(&writer, out);
    writer_array(&writer, HANDOVER_VALUES);
    parts_write_fixed(&writer, handover->unit.b, sizeof handover->unit.b);
    parts_write_fixed(&writer, handover->parent.b, sizeof handover->parent.b);
    write_refs(&writer, &handover->upto);
    writer_fail(&writer, handover_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

/* ---- revocation ---- */

enum status revocation_decode(struct revocation *out, struct bytes payload) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, REVOCATION_VALUES, REVOCATION_VALUES);
    reader_fixed(&reader, out->node.b, sizeof out->node.b);
    read_refs_one_a_log(&reader, &out->upto);
    for (size_t i = 0; i < out->upto.count; i++) {
        if (!ID_EQUAL(&out->upto.items[i].log.node, &out->node)) {
            reader_fail(&reader, STATUS_MALFORMED);
        }
    }
    out->reason = (struct ref){0};
    out->has_reason = parts_read_optional_ref(&reader, &out->reason);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        out->upto.count = 0;
        out->has_reason = false;
    }
    return status;
}

enum status revocation_encode(const struct revocation *revocation, struct buffer *out) {
    struct writer writer;
    struct revocation check;
    writer_init(&writer, out);
    writer_array(&writer, REVOCATION_VALUES);
    parts_write_fixed(&writer, revocation->node.b, sizeof revocation->node.b);
    write_refs(&writer, &revocation->upto);
    parts_write_optional_ref(&writer, revocation->has_reason, &revocation->reason);
    writer_fail(&writer, revocation_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

/* ---- fork decision ---- */

enum status fork_decision_decode(struct fork_decision *out, struct bytes payload) {
    struct reader reader;
    *out = (struct fork_decision){0};
    reader_init(&reader, payload);
    reader_array(&reader, FORK_DECISION_VALUES, FORK_DECISION_VALUES);
    parts_read_ref(&reader, &out->keeps);
    parts_read_ref(&reader, &out->rival);
    reader_close(&reader);
    /* SEQ_MAX is far below the greatest uint, so that one more is no overflow. */
    if (!log_id_equal(&out->keeps.log, &out->rival.log) || ID_EQUAL(&out->keeps.hash, &out->rival.hash) || out->rival.seq > out->keeps.seq + 1) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct fork_decision){0};
    }
    return status;
}

enum status fork_decision_encode(const struct fork_decision *decision, struct buffer *out) {
    struct writer writer;
    struct fork_decision check;
    writer_init(&writer, out);
    writer_array(&writer, FORK_DECISION_VALUES);
    parts_write_ref(&writer, &decision->keeps);
    parts_write_ref(&writer, &decision->rival);
    writer_fail(&writer, fork_decision_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

/* ---- erase ---- */

enum status erasure_decode(struct erasure *out, struct bytes payload) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, ERASURE_VALUES, ERASURE_VALUES);
    read_some_refs(&reader, &out->entries);
    out->reason = (struct ref){0};
    out->has_reason = parts_read_optional_ref(&reader, &out->reason);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        out->entries.count = 0;
        out->has_reason = false;
    }
    return status;
}

enum status erasure_encode(const struct erasure *erasure, struct buffer *out) {
    struct writer writer;
    struct erasure check;
    writer_init(&writer, out);
    writer_array(&writer, ERASURE_VALUES);
    write_refs(&writer, &erasure->entries);
    parts_write_optional_ref(&writer, erasure->has_reason, &erasure->reason);
    writer_fail(&writer, erasure_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

/* ---- reason ---- */

enum status reason_decode(struct bytes *out, struct bytes payload) {
    struct reader reader;
    reader_init(&reader, payload);
    reader_array(&reader, REASON_VALUES, REASON_VALUES);
    *out = reader_str(&reader, 1, REASON_BYTES_MAX);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct bytes){0};
    }
    return status;
}

enum status reason_encode(struct bytes text, struct buffer *out) {
    struct writer writer;
    struct bytes check;
    writer_init(&writer, out);
    writer_array(&writer, REASON_VALUES);
    writer_str(&writer, text);
    writer_fail(&writer, reason_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}
