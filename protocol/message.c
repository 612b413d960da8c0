/* The short messages of a link: hello, state, buckets, receipts, progress, refused, bye (docs/protocol.md section 9). */
#include "protocol/message.h"

#include "protocol/parts.h"

enum { HELLO_VALUES = 14, REFUSED_VALUES = 6 };

unsigned message_type(struct bytes message) {
    /* Every message is an array of at least 2 values whose first is a small number. Of another version a hello or join may have more values than 15, which take
     * an array's longer form: it is still told by its type, so that its version can be answered. */
    size_t at = message.len > 0 && message.data[0] == 0xdc ? 3 : 1;
    if (message.len <= at || message.len > MESSAGE_BYTES_MAX || (at == 1 && (message.data[0] < 0x92 || message.data[0] > 0x9f))) {
        return 0;
    }
    unsigned type = message.data[at];
    bool link = type >= MESSAGE_HELLO && type <= MESSAGE_BYE, enrolment = type >= MESSAGE_JOIN && type <= MESSAGE_JOIN_REFUSED;
    return link || enrolment ? type : 0;
}

/* ---- hello ---- */

enum status hello_decode(struct hello *out, struct bytes message) {
    struct reader reader;
    *out = (struct hello){0};
    reader_init(&reader, message);
    size_t count = reader_array(&reader, 3, MEMBERS_MAX);
    parts_read_type(&reader, MESSAGE_HELLO);
    parts_read_version(&reader, count, HELLO_VALUES);
    reader_fixed(&reader, out->association.b, sizeof out->association.b);
    reader_fixed(&reader, out->node.b, sizeof out->node.b);
    reader_fixed(&reader, out->unit.b, sizeof out->unit.b);
    reader_fixed(&reader, out->incarnation, sizeof out->incarnation);
    out->feature_level = reader_uint(&reader, UINT64_MAX);
    out->window = (uint32_t)reader_uint(&reader, WINDOW_BYTES_MOST);
    out->message_max = (uint32_t)reader_uint(&reader, MESSAGE_BYTES_MAX);
    reader_fixed(&reader, out->state.b, sizeof out->state.b);
    out->missing = reader_uint(&reader, UINT64_MAX);
    out->time = reader_int(&reader, INT64_MIN, INT64_MAX);
    bool critical = parts_read_extensions(&reader, &out->extensions);
    reader_close(&reader);
    if (out->window < WINDOW_BYTES_LEAST || out->message_max < MESSAGE_BYTES_LEAST) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    enum status status = parts_end(&reader, message, critical);
    if (status != STATUS_OK) {
        *out = (struct hello){0};
    }
    return status;
}

enum status hello_encode(const struct hello *hello, struct buffer *out) {
    struct writer writer;
    struct hello check;
    parts_open_message(&writer, out, HELLO_VALUES, MESSAGE_HELLO);
    parts_write_version(&writer);
    parts_write_fixed(&writer, hello->association.b, sizeof hello->association.b);
    parts_write_fixed(&writer, hello->node.b, sizeof hello->node.b);
    parts_write_fixed(&writer, hello->unit.b, sizeof hello->unit.b);
    parts_write_fixed(&writer, hello->incarnation, sizeof hello->incarnation);
    writer_uint(&writer, hello->feature_level);
    writer_uint(&writer, hello->window);
    writer_uint(&writer, hello->message_max);
    parts_write_fixed(&writer, hello->state.b, sizeof hello->state.b);
    writer_uint(&writer, hello->missing);
    writer_int(&writer, hello->time);
    parts_write_extensions(&writer, hello->extensions);
    writer_fail(&writer, hello_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

/* ---- state and buckets ---- */

enum status state_encode(const struct state_digest *state, uint64_t missing, struct buffer *out) {
    struct writer writer;
    parts_open_message(&writer, out, 3, MESSAGE_STATE);
    parts_write_fixed(&writer, state->b, sizeof state->b);
    writer_uint(&writer, missing);
    return writer_end(&writer);
}

enum status state_decode(struct state_digest *state, uint64_t *missing, struct bytes message) {
    struct reader reader;
    reader_init(&reader, message);
    reader_array(&reader, 3, 3);
    parts_read_type(&reader, MESSAGE_STATE);
    reader_fixed(&reader, state->b, sizeof state->b);
    *missing = reader_uint(&reader, UINT64_MAX);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *state = (struct state_digest){0};
        *missing = 0;
    }
    return status;
}

enum status buckets_encode(const struct bucket_digests *buckets, struct buffer *out) {
    struct writer writer;
    parts_open_message(&writer, out, 2, MESSAGE_BUCKETS);
    writer_array(&writer, BUCKETS);
    for (size_t i = 0; i < BUCKETS; i++) {
        parts_write_fixed(&writer, buckets->b[i], sizeof buckets->b[i]);
    }
    return writer_end(&writer);
}

enum status buckets_decode(struct bucket_digests *out, struct bytes message) {
    struct reader reader;
    reader_init(&reader, message);
    reader_array(&reader, 2, 2);
    parts_read_type(&reader, MESSAGE_BUCKETS);
    reader_array(&reader, BUCKETS, BUCKETS);
    for (size_t i = 0; i < BUCKETS; i++) {
        reader_fixed(&reader, out->b[i], sizeof out->b[i]);
    }
    reader_close(&reader);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *out = (struct bucket_digests){0};
    }
    return status;
}

void state_of_buckets(struct state_digest *out, const struct association_id *association, const struct bucket_digests *buckets) {
    struct hash hash;
    keys_hash(&hash, "state", association, bytes_of(buckets->b, sizeof buckets->b), (struct bytes){0});
    memcpy(out->b, hash.b, sizeof out->b);
}

/* ---- receipts ---- */

/* One that only a later version can read does not make its message malformed: who takes the receipts passes it over. */
static enum status judge_receipt(struct bytes bytes) {
    struct receipt check;
    enum status status = receipt_decode(&check, bytes);
    return status == STATUS_VERSION_UNKNOWN || status == STATUS_CRITICAL_EXTENSION ? STATUS_OK : status;
}

enum status receipts_encode(const struct signed_receipt *receipts, size_t count, struct buffer *out) {
    struct writer writer;
    parts_open_message(&writer, out, 2, MESSAGE_RECEIPTS);
    if (count > RECEIPTS_PER_MESSAGE_MAX) {
        writer_fail(&writer, STATUS_MALFORMED);
    }
    writer_array(&writer, count);
    for (size_t i = 0; i < count && writer.status == STATUS_OK; i++) {
        writer_fail(&writer, judge_receipt(receipts[i].receipt));
        writer_array(&writer, 2);
        writer_bin(&writer, receipts[i].receipt);
        parts_write_fixed(&writer, receipts[i].signature, sizeof receipts[i].signature);
    }
    return writer_end(&writer);
}

enum status receipts_open(struct receipts *out, struct bytes message) {
    *out = (struct receipts){0};
    reader_init(&out->rest, message);
    reader_array(&out->rest, 2, 2);
    parts_read_type(&out->rest, MESSAGE_RECEIPTS);
    out->count = reader_array(&out->rest, 0, RECEIPTS_PER_MESSAGE_MAX);
    return out->rest.status;
}

bool receipts_next(struct receipts *receipts, struct signed_receipt *out) {
    struct reader *reader = &receipts->rest;
    *out = (struct signed_receipt){0};
    if (receipts->place == receipts->count || reader->status != STATUS_OK) {
        return false;
    }
    reader_array(reader, 2, 2);
    struct bytes receipt = reader_bin(reader, 1, RECEIPT_BYTES_MAX);
    reader_fixed(reader, out->signature, sizeof out->signature);
    reader_close(reader);
    if (reader->status == STATUS_OK) {
        reader_fail(reader, judge_receipt(receipt));
    }
    if (reader->status != STATUS_OK) {
        *out = (struct signed_receipt){0};
        return false;
    }
    out->receipt = receipt;
    receipts->place++;
    return true;
}

enum status receipts_close(struct receipts *receipts) {
    struct signed_receipt rest;
    while (receipts_next(receipts, &rest)) { /* a message is well-formed as a whole or not at all */
    }
    reader_close(&receipts->rest);
    reader_close(&receipts->rest);
    return reader_end(&receipts->rest);
}

/* ---- progress, refused, bye ---- */

/* Messages of a type and one number. */
static enum status encode_number(unsigned type, uint64_t number, uint64_t max, struct buffer *out) {
    struct writer writer;
    parts_open_message(&writer, out, 2, type);
    writer_uint(&writer, number);
    if (number > max) {
        writer_fail(&writer, STATUS_MALFORMED);
    }
    return writer_end(&writer);
}

static enum status decode_number(unsigned type, uint64_t *number, uint64_t max, struct bytes message) {
    struct reader reader;
    reader_init(&reader, message);
    reader_array(&reader, 2, 2);
    parts_read_type(&reader, type);
    uint64_t value = reader_uint(&reader, max);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    *number = status == STATUS_OK ? value : 0;
    return status;
}

enum status progress_encode(uint64_t bytes, struct buffer *out) {
    return encode_number(MESSAGE_PROGRESS, bytes, UINT64_MAX, out);
}

enum status progress_decode(uint64_t *bytes, struct bytes message) {
    return decode_number(MESSAGE_PROGRESS, bytes, UINT64_MAX, message);
}

enum status bye_encode(unsigned reason, struct buffer *out) {
    return encode_number(MESSAGE_BYE, reason, BYE_BUSY, out);
}

enum status bye_decode(unsigned *reason, struct bytes message) {
    uint64_t number;
    enum status status = decode_number(MESSAGE_BYE, &number, BYE_BUSY, message);
    *reason = (unsigned)number;
    return status;
}

enum status join_refused_encode(unsigned reason, struct buffer *out) {
    return reason == 0 ? STATUS_MALFORMED : encode_number(MESSAGE_JOIN_REFUSED, reason, JOIN_ELSEWHERE, out);
}

enum status join_refused_decode(unsigned *reason, struct bytes message) {
    uint64_t number;
    enum status status = decode_number(MESSAGE_JOIN_REFUSED, &number, JOIN_ELSEWHERE, message);
    *reason = (unsigned)number;
    return status == STATUS_OK && number == 0 ? STATUS_MALFORMED : status;
}

enum status refused_decode(struct log_id *log, uint64_t *seq, unsigned *reason, struct bytes message) {
    struct reader reader;
    *log = (struct log_id){0};
    reader_init(&reader, message);
    reader_array(&reader, REFUSED_VALUES, REFUSED_VALUES);
    parts_read_type(&reader, MESSAGE_REFUSED);
    parts_read_log(&reader, log);
    *seq = parts_read_seq(&reader);
    *reason = (unsigned)reader_uint(&reader, REFUSED_QUOTA);
    reader_close(&reader);
    if (*reason == 0) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    enum status status = reader_end(&reader);
    if (status != STATUS_OK) {
        *log = (struct log_id){0};
        *seq = 0;
        *reason = 0;
    }
    return status;
}

enum status refused_encode(const struct log_id *log, uint64_t seq, unsigned reason, struct buffer *out) {
    struct writer writer;
    struct log_id check_log;
    uint64_t check_seq;
    unsigned check_reason;
    parts_open_message(&writer, out, REFUSED_VALUES, MESSAGE_REFUSED);
    parts_write_log(&writer, log);
    writer_uint(&writer, seq);
    writer_uint(&writer, reason);
    writer_fail(&writer, refused_decode(&check_log, &check_seq, &check_reason, writer_written(&writer)));
    return writer_end(&writer);
}
