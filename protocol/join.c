/* The messages of the enrolment lane (docs/protocol.md section 11); join-refused, a number only, is in message.c. */
#include "protocol/message.h"

#include "protocol/parts.h"

enum { JOIN_VALUES = 8, JOINED_VALUES = 6 };

/* What the joiner signs, after tag and association: secret, both keys and the inviter, so that nobody can hand the request to another level. */
static void signed_bytes(uint8_t out[16 + 32 + 32 + 16], const struct join *join, const struct node_id *inviter) {
    memcpy(out, join->secret, 16);
    memcpy(out + 16, join->signing_key, 32);
    memcpy(out + 48, join->transport_key, 32);
    memcpy(out + 80, inviter->b, 16);
}

enum status join_verify(const struct join *join, const struct node_id *inviter) {
    uint8_t message[96];
    signed_bytes(message, join, inviter);
    return keys_verify(join->signature, "join", &join->association, bytes_of(message, sizeof message), join->signing_key);
}

enum status join_encode(struct join *join, const struct node_id *inviter, const struct node_keys *keys, struct buffer *out) {
    uint8_t message[96];
    struct writer writer;
    memcpy(join->signing_key, keys->signing_public, sizeof join->signing_key);
    memcpy(join->transport_key, keys->transport_public, sizeof join->transport_key);
    signed_bytes(message, join, inviter);
    keys_sign(join->signature, "join", &join->association, bytes_of(message, sizeof message), keys);
    parts_open_message(&writer, out, JOIN_VALUES, MESSAGE_JOIN);
    parts_write_version(&writer);
    parts_write_fixed(&writer, join->association.b, sizeof join->association.b);
    parts_write_fixed(&writer, join->secret, sizeof join->secret);
    parts_write_fixed(&writer, join->signing_key, sizeof join->signing_key);
    parts_write_fixed(&writer, join->transport_key, sizeof join->transport_key);
    parts_write_fixed(&writer, join->signature, sizeof join->signature);
    return writer_end(&writer);
}

enum status join_decode(struct join *out, struct bytes message) {
    struct reader reader;
    *out = (struct join){0};
    reader_init(&reader, message);
    size_t count = reader_array(&reader, 3, MEMBERS_MAX);
    parts_read_type(&reader, MESSAGE_JOIN);
    parts_read_version(&reader, count, JOIN_VALUES);
    reader_fixed(&reader, out->association.b, sizeof out->association.b);
    reader_fixed(&reader, out->secret, sizeof out->secret);
    reader_fixed(&reader, out->signing_key, sizeof out->signing_key);
    reader_fixed(&reader, out->transport_key, sizeof out->transport_key);
    reader_fixed(&reader, out->signature, sizeof out->signature);
    reader_close(&reader);
    enum status status = parts_end(&reader, message, false);
    if (status != STATUS_OK) {
        *out = (struct join){0};
    }
    return status;
}

/* A statement and a core that their own readers would refuse make the answer malformed, and a line that holds the unit itself. */
static enum status judge_contents(const struct joined *joined) {
    struct founding founding;
    enum status status = founding_decode(&founding, joined->statement);
    if (status != STATUS_OK) {
        return status;
    }
    struct admission admission;
    status = admission_core_decode(&admission, joined->core);
    return status == STATUS_OK && parts_line_holds(&joined->line, &admission.unit) ? STATUS_MALFORMED : status;
}

enum status joined_decode(struct joined *out, struct bytes message) {
    struct reader reader;
    *out = (struct joined){0};
    reader_init(&reader, message);
    reader_array(&reader, JOINED_VALUES, JOINED_VALUES);
    parts_read_type(&reader, MESSAGE_JOINED);
    out->statement = reader_bin(&reader, 1, FOUNDING_BYTES_MAX);
    reader_fixed(&reader, out->signature, sizeof out->signature);
    out->core = reader_skip(&reader);
    parts_read_ref(&reader, &out->admission);
    parts_read_line(&reader, &out->line);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    if (status == STATUS_OK) {
        status = judge_contents(out);
    }
    if (status != STATUS_OK) {
        *out = (struct joined){0};
    }
    return status;
}

enum status joined_encode(const struct joined *joined, struct buffer *out) {
    struct writer writer;
    struct joined check;
    parts_open_message(&writer, out, JOINED_VALUES, MESSAGE_JOINED);
    writer_bin(&writer, joined->statement);
    parts_write_fixed(&writer, joined->signature, sizeof joined->signature);
    writer_raw(&writer, joined->core);
    parts_write_ref(&writer, &joined->admission);
    parts_write_line(&writer, &joined->line);
    writer_fail(&writer, joined_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}
