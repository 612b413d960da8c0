/* The founding statement: the identity of an association (docs/protocol.md section 3). */
#ifndef PROTOCOL_FOUNDING_H
#define PROTOCOL_FOUNDING_H

#include "protocol/codec.h"
#include "protocol/keys.h"

struct founding {
    struct bytes name; /* borrowed from the statement's bytes */
    bool practice;
    uint8_t signing_key[32], transport_key[32], nonce[16];
    unsigned recovery_threshold, recovery_count; /* m of n; 0 of 0: none */
    uint8_t recovery_keys[RECOVERY_KEYS_MAX][32];
    struct bytes extensions; /* as encoded, borrowed; empty: none */
    /* derived: */
    struct association_id association;
    struct node_id founder;
    struct unit_id root;
};

/* Appends the statement's bytes to out and fills the derived members. MALFORMED if a member is out of bounds (recovery keys are sorted first).
 * The name stays the caller's. On error out is as it was. */
CHECKED enum status founding_encode(struct founding *founding, struct buffer *out);
/* Decodes and derives. Errors: MALFORMED, TRUNCATED, TRAILING, VERSION_UNKNOWN, CRITICAL_EXTENSION; *out is then zero. */
CHECKED enum status founding_decode(struct founding *out, struct bytes statement);
void founding_sign(uint8_t signature[64], struct bytes statement, const struct node_keys *keys);
/* OK or SIGNATURE_BAD. */
CHECKED enum status founding_verify(const struct founding *founding, struct bytes statement, const uint8_t signature[64]);

#endif
