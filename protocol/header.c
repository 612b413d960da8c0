#include "protocol/changeset.h"

#include "protocol/parts.h"
#include "protocol/planted.h"

enum { HEADER_VALUES = 17, SCOPE_MAX = SCOPE_LEVEL + LEVEL_MAX, RECOVERY_PART_BYTES = 1 + 64 };

static void read_audience(struct reader *reader, struct header *out) {
    out->audience_count = reader_array(reader, 0, AUDIENCE_TERMS_MAX);
    for (size_t i = 0; i < out->audience_count; i++) {
        struct term *term = &out->audience[i];
        reader_array(reader, 2, 2);
        reader_fixed(reader, term->unit.b, sizeof term->unit.b);
        term->scope = (uint8_t)reader_uint(reader, SCOPE_MAX);
        if (i > 0) {
            int order = ID_COMPARE(&term[-1].unit, &term->unit);
            if (order > 0 || (order == 0 && term[-1].scope >= term->scope)) {
                reader_fail(reader, STATUS_MALFORMED);
            }
        }
        reader_close(reader);
    }
    reader_close(reader);
}

/* Which class may stand in which kind of log. */
static const bool CLASS_IN_KIND[LOG_RECOVERY + 1][CLASS_DOCUMENT + 1] = {
    [LOG_REPORT] = {[CLASS_RECORD] = true, [CLASS_DOCUMENT] = true},
    [LOG_DIRECTIVE] = {[CLASS_CONTROL] = true, [CLASS_RECORD] = true, [CLASS_DOCUMENT] = true},
    [LOG_RECOVERY] = {[CLASS_CONTROL] = true},
};

static bool audience_fits(const struct header *header) {
    switch (header->cls) {
    case CLASS_CONTROL:
        return header->audience_count == 0 && header->reach == 0;
    case CLASS_RECORD:
        return header->audience_count == 1 && header->audience[0].scope == SCOPE_UNIT;
    default:
        return header->audience_count >= 1 && header->reach == 0; /* whom a document is for, its audience says */
    }
}

static bool continues_fits(const struct header *header) {
    const struct log_id *earlier = &header->continues.log;
    return !header->has_continues || (header->seq == 1 && header->log.kind != LOG_RECOVERY && ID_EQUAL(&earlier->node, &header->log.node) &&
                                      earlier->kind == header->log.kind && !ID_EQUAL(&earlier->epoch, &header->log.epoch));
}

/* The author's own log, and the epoch it continues, are seen without saying. */
static bool seen_fits(const struct header *header) {
    for (size_t i = 0; i < header->seen_count; i++) {
        const struct log_id *log = &header->seen[i].log;
        if (log_id_equal(log, &header->log) || (header->has_continues && log_id_equal(log, &header->continues.log)) ||
            (i > 0 && log_id_equal(log, &header->seen[i - 1].log))) {
            return false;
        }
    }
    return true;
}

/* The rules of section 4.1 that tie members to one another. */
static bool rules_hold(const struct header *header, bool has_prev) {
    return has_prev == (header->seq > 1) && CLASS_IN_KIND[header->log.kind][header->cls] && audience_fits(header) && continues_fits(header) &&
           seen_fits(header);
}

enum status header_decode(struct header *out, struct bytes bytes) {
    struct reader reader;
    /* But for the refs that are not there: they are most of it, and this is done for every entry more than once. */
    memset(out, 0, offsetof(struct header, seen));
    memset((uint8_t *)out + offsetof(struct header, body_hash), 0, sizeof *out - offsetof(struct header, body_hash));
    reader_init(&reader, bytes);
    if (bytes.len > HEADER_BYTES_MAX) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    size_t count = reader_array(&reader, 2, MEMBERS_MAX);
    parts_read_version(&reader, count, HEADER_VALUES);
    parts_read_log(&reader, &out->log);
    out->seq = parts_read_seq(&reader);
    bool has_prev = parts_read_optional_fixed(&reader, out->prev.b, sizeof out->prev.b);
    out->has_continues = parts_read_optional_ref(&reader, &out->continues);
    out->cls = (uint8_t)reader_uint(&reader, CLASS_DOCUMENT);
    out->reach = (uint8_t)reader_uint(&reader, REACH_PRIVATE);
    read_audience(&reader, out);
    out->seen_count = parts_read_refs(&reader, out->seen, SEEN_REFS_MAX);
    reader_fixed(&reader, out->body_hash.b, sizeof out->body_hash.b);
    out->body_bytes = (uint32_t)reader_uint(&reader, BODY_BYTES_MAX);
    out->has_batch = parts_read_optional_fixed(&reader, out->batch.b, sizeof out->batch.b);
    out->time = reader_int(&reader, INT64_MIN, INT64_MAX);
    out->critical_unknown = parts_read_extensions(&reader, &out->extensions);
    reader_close(&reader);
    if (reader.status == STATUS_OK && !rules_hold(out, has_prev)) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    enum status status = parts_end(&reader, bytes, false); /* a critical extension is told apart */
    if (status != STATUS_OK) {
        memset(out, 0, sizeof *out);
    }
    return status;
}

static void write_audience(struct writer *writer, const struct header *header) {
    writer_array(writer, header->audience_count);
    for (size_t i = 0; i < header->audience_count; i++) {
        writer_array(writer, 2);
        parts_write_fixed(writer, header->audience[i].unit.b, sizeof header->audience[i].unit.b);
        writer_uint(writer, header->audience[i].scope);
    }
}

enum status header_encode(const struct header *header, struct buffer *out) {
    struct writer writer;
    struct header check;
    if (header->audience_count > AUDIENCE_TERMS_MAX) {
        return STATUS_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, HEADER_VALUES);
    parts_write_version(&writer);
    parts_write_log(&writer, &header->log);
    writer_uint(&writer, header->seq);
    parts_write_optional_fixed(&writer, header->seq > 1, header->prev.b, sizeof header->prev.b);
    parts_write_optional_ref(&writer, header->has_continues, &header->continues);
    writer_uint(&writer, header->cls);
    writer_uint(&writer, header->reach);
    write_audience(&writer, header);
    parts_write_refs(&writer, header->seen, header->seen_count, SEEN_REFS_MAX);
    parts_write_fixed(&writer, header->body_hash.b, sizeof header->body_hash.b);
    writer_uint(&writer, header->body_bytes);
    parts_write_optional_fixed(&writer, header->has_batch, header->batch.b, sizeof header->batch.b);
    writer_int(&writer, header->time);
    parts_write_extensions(&writer, header->extensions);
    /* What our own reader would refuse is not written: every rule stands once, in header_decode. */
    writer_fail(&writer, header_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

void header_hash(struct hash *out, const struct association_id *association, struct bytes header) {
    keys_hash(out, "header", association, header, (struct bytes){0});
}

void header_ref(struct ref *out, const struct header *header, const struct hash *entry_hash) {
    *out = (struct ref){.log = header->log, .seq = header->seq, .hash = hash_short(entry_hash)};
}

void header_sign(uint8_t signature[64], const struct association_id *association, struct bytes header, const struct node_keys *keys) {
    keys_sign(signature, "header", association, header, keys);
}

/* Exactly m parts, each the index of a recovery key and its signature, indices strictly ascending. */
static enum status verify_recovery(const struct founding *founding, struct bytes header_bytes, struct bytes signature) {
    if (founding->recovery_threshold == 0 || signature.len != founding->recovery_threshold * (size_t)RECOVERY_PART_BYTES) {
        return STATUS_SIGNATURE_BAD;
    }
    int previous = -1;
    for (const uint8_t *part = signature.data; part < signature.data + signature.len; part += RECOVERY_PART_BYTES) {
        if ((part[0] <= previous && !PLANTED("one-key-signs-twice")) || part[0] >= founding->recovery_count) {
            return STATUS_SIGNATURE_BAD;
        }
        previous = part[0];
        enum status status = keys_verify(part + 1, "header", &founding->association, header_bytes, founding->recovery_keys[part[0]]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status header_verify(const struct founding *founding, const struct header *header, struct bytes header_bytes, struct bytes signature,
                          const uint8_t signing_key[32]) {
    if (header->log.kind == LOG_RECOVERY) {
        return verify_recovery(founding, header_bytes, signature);
    }
    if (signing_key == NULL || signature.len != 64) {
        return STATUS_SIGNATURE_BAD;
    }
    return keys_verify(signature.data, "header", &founding->association, header_bytes, signing_key);
}
