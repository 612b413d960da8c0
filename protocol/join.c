/* The messages of the enrolment lane (docs/protocol.md section 11); join-refused, a number only, is in message.c. */
#include "protocol/message.h"

#include "protocol/parts.h"
#include "protocol/planted.h"

enum { JOIN_VALUES = 7, JOINED_VALUES = 7, SIGNED_BYTES = TOKEN_SECRET_BYTES + TOKEN_BOND_BYTES + 3 * 32 };

/* What the joiner signs: the token it holds, its keys and whom it asks, so that nobody can hand the request to another level. The association is in the bond:
 * the joiner learns it only from the answer. */
static void signed_bytes(uint8_t out[SIGNED_BYTES], const struct join *join, const uint8_t bond[TOKEN_BOND_BYTES], const uint8_t inviter_key[32]) {
    uint8_t *at = out;
    memcpy(at, join->secret, TOKEN_SECRET_BYTES);
    memcpy(at += TOKEN_SECRET_BYTES, bond, TOKEN_BOND_BYTES);
    memcpy(at += TOKEN_BOND_BYTES, join->signing_key, 32);
    memcpy(at += 32, join->transport_key, 32);
    memcpy(at + 32, inviter_key, 32);
}

enum status join_verify(const struct join *join, const uint8_t bond[TOKEN_BOND_BYTES], const uint8_t inviter_key[32]) {
    uint8_t message[SIGNED_BYTES];
    signed_bytes(message, join, bond, inviter_key);
    return keys_verify(join->signature, "join", NULL, bytes_of(message, sizeof message), join->signing_key);
}

enum status join_encode(struct join *join, const struct token *token, const struct node_keys *keys, struct buffer *out) {
    uint8_t message[SIGNED_BYTES];
    struct writer writer;
    memcpy(join->secret, token->secret, sizeof join->secret);
    memcpy(join->signing_key, keys->signing_public, sizeof join->signing_key);
    memcpy(join->transport_key, keys->transport_public, sizeof join->transport_key);
    signed_bytes(message, join, token->bond, token->transport_key);
    keys_sign(join->signature, "join", NULL, bytes_of(message, sizeof message), keys);
    parts_open_message(&writer, out, JOIN_VALUES, MESSAGE_JOIN);
    parts_write_version(&writer);
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

/* A statement and a core that their own readers would refuse make the answer malformed, and a line that holds the unit itself, and a head of another kind of
 * log. */
static enum status judge_contents(const struct joined *joined) {
    struct founding founding;
    enum status status = founding_decode(&founding, joined->statement);
    if (status != STATUS_OK) {
        return status;
    }
    struct admission admission;
    status = admission_core_decode(&admission, joined->core);
    bool bad = parts_line_holds(&joined->line, &admission.unit) || joined->root.log.kind != LOG_DIRECTIVE;
    return status == STATUS_OK && bad ? STATUS_MALFORMED : status;
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
    parts_read_ref(&reader, &out->root);
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
    parts_write_ref(&writer, &joined->root);
    writer_fail(&writer, joined_decode(&check, writer_written(&writer)));
    return writer_end(&writer);
}

/* ---- believing the answer ---- */

enum status joined_verify(const struct joined *joined, const struct node_keys *keys, struct founding *founding, struct admission *admission) {
    enum status status = founding_decode(founding, joined->statement);
    if (status == STATUS_OK) {
        status = founding_verify(founding, joined->statement, joined->signature);
    }
    if (status == STATUS_OK) {
        status = admission_core_decode(admission, joined->core);
    }
    if (status != STATUS_OK) {
        return status;
    }
    bool ours = memcmp(admission->signing_key, keys->signing_public, 32) == 0 && memcmp(admission->transport_key, keys->transport_public, 32) == 0;
    return ours ? STATUS_OK : STATUS_JOIN_REFUSED;
}

enum status joined_bound(const struct joined *joined, const struct token *token, const struct founding *founding, const struct admission *admission) {
    uint8_t bond[TOKEN_BOND_BYTES];
    const struct token_terms terms = {.association = founding->association, .inviter = admission->inviter, .unit = admission->unit, .root = joined->root};
    enum status status = token_bond(bond, token, &terms);
    if (status == STATUS_OK && memcmp(bond, token->bond, sizeof bond) != 0 && !PLANTED("any-bond")) {
        status = STATUS_JOIN_REFUSED;
    }
    return status;
}
