/* Hashes, signatures and key pairs, each under a domain tag and the association's id (docs/protocol.md section 2).
 * Knows libsodium and nothing of files: key material comes and goes as bytes. keys_init must have returned OK before anything else. */
#ifndef PROTOCOL_KEYS_H
#define PROTOCOL_KEYS_H

#include "protocol/status.h"
#include "protocol/types.h"

/* The secret half of a node. Keep it in memory from sodium_malloc; wipe with keys_wipe. */
struct node_keys {
    uint8_t signing_seed[32], signing_secret[64], signing_public[32];
    uint8_t transport_secret[32], transport_public[32];
};

CHECKED enum status keys_init(void); /* libsodium; INTERNAL if it cannot start */
/* Derives everything else from two 32-byte seeds (random, from the caller) and signs and verifies once: KEY_DAMAGED if that fails. */
CHECKED enum status keys_from_seeds(struct node_keys *out, const uint8_t signing_seed[32], const uint8_t transport_seed[32]);
void keys_wipe(struct node_keys *keys);

/* H(tag, association, a || b). association NULL: 32 zero bytes. */
void keys_hash(struct hash *out, const char *tag, const struct association_id *association, struct bytes a, struct bytes b);
/* A running H, for long input. Size opaque: see keys.c; stored inline. */
struct hash_stream {
    _Alignas(64) uint8_t opaque[384];
};
void hash_stream_init(struct hash_stream *stream, const char *tag, const struct association_id *association);
void hash_stream_add(struct hash_stream *stream, struct bytes bytes);
void hash_stream_end(struct hash_stream *stream, struct hash *out);

void keys_sign(uint8_t signature[64], const char *tag, const struct association_id *association, struct bytes message, const struct node_keys *keys);
/* OK or SIGNATURE_BAD. */
CHECKED enum status keys_verify(const uint8_t signature[64], const char *tag, const struct association_id *association, struct bytes message,
                                const uint8_t signing_public[32]);

void keys_unit_id(struct unit_id *out, const struct association_id *association, const uint8_t nonce[16], uint32_t place);
void keys_form_id(uint8_t out[16], const struct association_id *association, const struct unit_id *issuer, struct bytes name);

#endif
