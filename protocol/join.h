/* The messages of the enrolment lane (docs/protocol.md section 11), and who has to believe what of them. All decoded bytes are borrowed from the message. */
#ifndef PROTOCOL_JOIN_H
#define PROTOCOL_JOIN_H

#include "protocol/change.h"
#include "protocol/founding.h"
#include "protocol/token.h"

enum join_refusal { JOIN_UNKNOWN = 1, JOIN_USED, JOIN_MALFORMED, JOIN_EXPIRED, JOIN_BUSY, JOIN_ELSEWHERE };

struct join {
    uint8_t secret[TOKEN_SECRET_BYTES], signing_key[32], transport_key[32], signature[64];
};
CHECKED enum status join_encode(struct join *join, const struct token *token, const struct node_keys *keys, struct buffer *out); /* fills *join */
CHECKED enum status join_decode(struct join *out, struct bytes message);
/* Is it signed by its own key, for the token with this bond, of the inviter with this transport key? OK or SIGNATURE_BAD. */
CHECKED enum status join_verify(const struct join *join, const uint8_t bond[TOKEN_BOND_BYTES], const uint8_t inviter_key[32]);

struct joined {
    struct bytes statement;
    uint8_t signature[64];
    struct bytes core;
    struct ref admission;
    struct line line;
    struct ref root; /* the head of the root's directive log that the inviter knew when it made the token */
};
CHECKED enum status joined_encode(const struct joined *joined, struct buffer *out);
CHECKED enum status joined_decode(struct joined *out, struct bytes message);
/* Is the answer about these keys, and sound in itself? Fills what it says of the association and of the new node. JOIN_REFUSED: other keys; errors of
 * founding_decode, founding_verify and admission_core_decode. */
CHECKED enum status joined_verify(const struct joined *joined, const struct node_keys *keys, struct founding *founding, struct admission *admission);
/* And is it what the token was made for: its bond is that of the association, inviter, unit and root's head named? JOIN_REFUSED. */
CHECKED enum status joined_bound(const struct joined *joined, const struct token *token, const struct founding *founding, const struct admission *admission);

CHECKED enum status join_refused_encode(unsigned reason, struct buffer *out);
CHECKED enum status join_refused_decode(unsigned *reason, struct bytes message);

#endif
