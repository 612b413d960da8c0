#include "protocol/join_file.h"

#include "protocol/parts.h"

enum { MESSAGE_JOIN_REQUEST = 19, MESSAGE_JOIN_ADMISSION = 20 }; /* of no link: those stand in message.h */
enum { REQUEST_VALUES = 6, ADMISSION_VALUES = 5, CONTENT_VALUES = 6, MESSAGES_MAX = 65536, FINGERPRINT_LETTERS = 20 };

/* ---- the request ---- */

static void request_signed(uint8_t out[64], const struct join_request *request) {
    memcpy(out, request->signing_key, 32);
    memcpy(out + 32, request->transport_key, 32);
}

enum status join_request_encode(const struct node_keys *keys, struct buffer *out) {
    struct join_request request;
    struct writer writer;
    uint8_t bytes[64], signature[64];
    memcpy(request.signing_key, keys->signing_public, 32);
    memcpy(request.transport_key, keys->transport_public, 32);
    request_signed(bytes, &request);
    keys_sign(signature, "join-request", NULL, bytes_of(bytes, sizeof bytes), keys);
    parts_open_message(&writer, out, REQUEST_VALUES, MESSAGE_JOIN_REQUEST);
    parts_write_version(&writer);
    parts_write_fixed(&writer, request.signing_key, sizeof request.signing_key);
    parts_write_fixed(&writer, request.transport_key, sizeof request.transport_key);
    parts_write_fixed(&writer, signature, sizeof signature);
    return writer_end(&writer);
}

enum status join_request_decode(struct join_request *out, struct bytes file) {
    struct reader reader;
    uint8_t bytes[64], signature[64];
    reader_init(&reader, file);
    size_t count = reader_array(&reader, 3, MEMBERS_MAX);
    parts_read_type(&reader, MESSAGE_JOIN_REQUEST);
    parts_read_version(&reader, count, REQUEST_VALUES);
    reader_fixed(&reader, out->signing_key, sizeof out->signing_key);
    reader_fixed(&reader, out->transport_key, sizeof out->transport_key);
    reader_fixed(&reader, signature, sizeof signature);
    reader_close(&reader);
    enum status status = parts_end(&reader, file, false);
    if (status == STATUS_OK) {
        request_signed(bytes, out);
        status = keys_verify(signature, "join-request", NULL, bytes_of(bytes, sizeof bytes), out->signing_key);
    }
    if (status != STATUS_OK) {
        *out = (struct join_request){0};
    }
    return status;
}

void join_request_fingerprint(char out[JOIN_FINGERPRINT_BYTES], const uint8_t signing_key[32], const uint8_t transport_key[32]) {
    static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct hash hash;
    char *to = out;
    keys_hash(&hash, "fingerprint", NULL, bytes_of(signing_key, 32), bytes_of(transport_key, 32));
    for (unsigned i = 0; i < FINGERPRINT_LETTERS; i++) {
        unsigned at = 5 * i / 8, two = hash.b[at] * 256u + hash.b[at + 1];
        if (i > 0 && i % 5 == 0) {
            *to++ = '-';
        }
        *to++ = ALPHABET[two >> (11 - 5 * i % 8) & 31];
    }
    *to = '\0';
}

/* ---- the admission ---- */

static void write_content(struct writer *writer, const struct join_admission *admission) {
    writer_array(writer, CONTENT_VALUES);
    writer_bin(writer, admission->joined);
    parts_write_fixed(writer, admission->inviter_signing, sizeof admission->inviter_signing);
    parts_write_fixed(writer, admission->inviter_transport, sizeof admission->inviter_transport);
    writer_array(writer, admission->address_count);
    for (size_t i = 0; i < admission->address_count; i++) {
        writer_str(writer, admission->addresses[i]);
    }
    writer_bin(writer, admission->hello);
    writer_array(writer, admission->message_count);
    writer_raw(writer, admission->messages);
}

static enum status read_content(struct join_admission *out, struct joined *answer, struct bytes content) {
    struct reader reader;
    reader_init(&reader, content);
    reader_array(&reader, CONTENT_VALUES, CONTENT_VALUES);
    out->joined = reader_bin(&reader, 1, MESSAGE_BYTES_MAX);
    reader_fixed(&reader, out->inviter_signing, sizeof out->inviter_signing);
    reader_fixed(&reader, out->inviter_transport, sizeof out->inviter_transport);
    out->address_count = reader_array(&reader, 0, TOKEN_ADDRESSES_MAX);
    for (size_t i = 0; i < out->address_count; i++) {
        out->addresses[i] = reader_str(&reader, 1, ADDRESS_BYTES_MAX);
        if (!token_address_valid(out->addresses[i])) {
            reader_fail(&reader, STATUS_MALFORMED);
        }
    }
    reader_close(&reader);
    out->hello = reader_bin(&reader, 1, MESSAGE_BYTES_MAX);
    out->message_count = reader_array(&reader, 0, MESSAGES_MAX);
    const uint8_t *start = reader.at;
    for (size_t i = 0; i < out->message_count; i++) {
        (void)reader_bin(&reader, 1, MESSAGE_BYTES_MAX);
    }
    out->messages = bytes_of(start, (size_t)(reader.at - start));
    reader_close(&reader);
    reader_close(&reader);
    enum status status = reader_end(&reader);
    return status == STATUS_OK ? joined_decode(answer, out->joined) : status;
}

/* What is signed: the hash of the content, under the association that its statement makes. */
static enum status content_association(struct association_id *out, const struct joined *answer) {
    struct founding founding;
    enum status status = founding_decode(&founding, answer->statement);
    *out = founding.association;
    return status;
}

enum status join_admission_encode(const struct join_admission *admission, const struct association_id *association, const struct node_keys *inviter,
                                  struct buffer *out) {
    struct buffer content;
    struct writer writer;
    struct join_admission check;
    struct joined answer;
    struct hash hash;
    uint8_t signature[64];
    buffer_init(&content, JOIN_FILE_BYTES_MAX);
    writer_init(&writer, &content);
    write_content(&writer, admission);
    enum status status = writer_end(&writer);
    if (status == STATUS_OK) {
        status = read_content(&check, &answer, buffer_bytes(&content));
    }
    if (status == STATUS_OK) {
        keys_hash(&hash, "admission", association, buffer_bytes(&content), (struct bytes){0});
        keys_sign(signature, "admission", association, bytes_of(hash.b, sizeof hash.b), inviter);
        parts_open_message(&writer, out, ADMISSION_VALUES, MESSAGE_JOIN_ADMISSION);
        parts_write_version(&writer);
        writer_bin(&writer, buffer_bytes(&content));
        parts_write_fixed(&writer, signature, sizeof signature);
        status = writer_end(&writer);
    }
    buffer_fini(&content);
    return status;
}

enum status join_admission_decode(struct join_admission *out, struct joined *answer, struct bytes file) {
    struct reader reader;
    struct association_id association;
    struct hash hash;
    uint8_t signature[64];
    *out = (struct join_admission){0};
    *answer = (struct joined){0};
    reader_init(&reader, file);
    size_t count = reader_array(&reader, 3, MEMBERS_MAX);
    parts_read_type(&reader, MESSAGE_JOIN_ADMISSION);
    parts_read_version(&reader, count, ADMISSION_VALUES);
    struct bytes content = reader_bin(&reader, 1, JOIN_FILE_BYTES_MAX);
    reader_fixed(&reader, signature, sizeof signature);
    reader_close(&reader);
    enum status status = parts_end(&reader, file, false);
    if (status == STATUS_OK) {
        status = read_content(out, answer, content);
    }
    if (status == STATUS_OK) {
        status = content_association(&association, answer);
    }
    if (status == STATUS_OK) {
        keys_hash(&hash, "admission", &association, content, (struct bytes){0});
        status = keys_verify(signature, "admission", &association, bytes_of(hash.b, sizeof hash.b), out->inviter_signing);
    }
    if (status != STATUS_OK) {
        *out = (struct join_admission){0};
        *answer = (struct joined){0};
    }
    return status;
}

enum status join_admission_each(const struct join_admission *admission, join_message_fn take, void *ctx) {
    struct reader reader;
    enum status status = STATUS_OK;
    reader_init(&reader, admission->messages);
    for (size_t i = 0; i < admission->message_count && status == STATUS_OK; i++) {
        status = take(ctx, reader_bin(&reader, 1, MESSAGE_BYTES_MAX));
    }
    enum status ended = status == STATUS_OK ? reader_end(&reader) : STATUS_OK;
    return status == STATUS_OK ? ended : status;
}
