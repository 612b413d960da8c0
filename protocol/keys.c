#include "protocol/keys.h"

#include "protocol/limits.h"
#include "protocol/planted.h"

#include <assert.h>
#include <sodium.h>

#define TAG_BYTES_MAX 32
/* "hoi/" tag "/v1" 00 || association */
#define PREFIX_BYTES_MAX (4 + TAG_BYTES_MAX + 3 + 1 + 32)
#define SIGNED_BYTES_MAX (PREFIX_BYTES_MAX + HEADER_BYTES_MAX)

static_assert(sizeof(crypto_generichash_state) <= sizeof(struct hash_stream), "a running hash fits in its opaque place");
static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_BYTES == 64, "key and signature sizes of the suite");
static_assert(crypto_scalarmult_BYTES == 32 && crypto_scalarmult_SCALARBYTES == 32, "transport key size of the suite");

/* Writes what stands before the bytes in every hash and signature; its length. */
static size_t write_prefix(uint8_t out[PREFIX_BYTES_MAX], const char *tag, const struct association_id *association) {
    static const struct association_id NO_ASSOCIATION;
    tag = PLANTED("one-tag-for-all") ? "signed" : tag;
    size_t tag_len = strlen(tag);
    assert(tag_len > 0 && tag_len <= TAG_BYTES_MAX);
    size_t len = 0;
    memcpy(out, "hoi/", 4);
    len += 4;
    memcpy(out + len, tag, tag_len);
    len += tag_len;
    memcpy(out + len, "/v1", 4); /* with its 00 */
    len += 4;
    memcpy(out + len, association != NULL && !PLANTED("any-association") ? association->b : NO_ASSOCIATION.b, 32);
    return len + 32;
}

enum status keys_init(void) {
    return sodium_init() < 0 ? STATUS_INTERNAL : STATUS_OK;
}

enum status keys_from_seeds(struct node_keys *out, const uint8_t signing_seed[32], const uint8_t transport_seed[32]) {
    static const char PROBE[] = "probe";
    uint8_t signature[64];
    memcpy(out->signing_seed, signing_seed, sizeof out->signing_seed);
    memcpy(out->transport_secret, transport_seed, sizeof out->transport_secret);
    if (crypto_sign_seed_keypair(out->signing_public, out->signing_secret, out->signing_seed) == 0 &&
        crypto_scalarmult_base(out->transport_public, out->transport_secret) == 0) {
        keys_sign(signature, "probe", NULL, bytes_of(PROBE, sizeof PROBE), out);
        if (keys_verify(signature, "probe", NULL, bytes_of(PROBE, sizeof PROBE), out->signing_public) == STATUS_OK) {
            return STATUS_OK;
        }
    }
    keys_wipe(out);
    return STATUS_KEY_DAMAGED;
}

void keys_wipe(struct node_keys *keys) {
    sodium_memzero(keys, sizeof *keys);
}

void hash_stream_init(struct hash_stream *stream, const char *tag, const struct association_id *association) {
    uint8_t prefix[PREFIX_BYTES_MAX];
    size_t len = write_prefix(prefix, tag, association);
    crypto_generichash_state *state = (void *)stream->opaque;
    crypto_generichash_init(state, NULL, 0, sizeof(struct hash));
    crypto_generichash_update(state, prefix, len);
}

void hash_stream_add(struct hash_stream *stream, struct bytes bytes) {
    if (bytes.len > 0) {
        crypto_generichash_update((void *)stream->opaque, bytes.data, bytes.len);
    }
}

void hash_stream_end(struct hash_stream *stream, struct hash *out) {
    crypto_generichash_final((void *)stream->opaque, out->b, sizeof out->b);
}

void keys_hash(struct hash *out, const char *tag, const struct association_id *association, struct bytes a, struct bytes b) {
    struct hash_stream stream;
    hash_stream_init(&stream, tag, association);
    hash_stream_add(&stream, a);
    hash_stream_add(&stream, b);
    hash_stream_end(&stream, out);
}

/* Plain Ed25519 reads its message twice, so prefix and message have to stand in one piece. Everything that is signed is at most a header long. */
static size_t gather(uint8_t out[SIGNED_BYTES_MAX], const char *tag, const struct association_id *association, struct bytes message) {
    size_t len = write_prefix(out, tag, association);
    if (message.len > 0) {
        memcpy(out + len, message.data, message.len);
    }
    return len + message.len;
}

void keys_sign(uint8_t signature[64], const char *tag, const struct association_id *association, struct bytes message, const struct node_keys *keys) {
    uint8_t signed_bytes[SIGNED_BYTES_MAX];
    assert(message.len <= HEADER_BYTES_MAX);
    size_t len = gather(signed_bytes, tag, association, message);
    crypto_sign_detached(signature, NULL, signed_bytes, len, keys->signing_secret);
}

enum status keys_verify(const uint8_t signature[64], const char *tag, const struct association_id *association, struct bytes message,
                        const uint8_t signing_public[32]) {
    uint8_t signed_bytes[SIGNED_BYTES_MAX];
    if (message.len > HEADER_BYTES_MAX) {
        return STATUS_SIGNATURE_BAD;
    }
    size_t len = gather(signed_bytes, tag, association, message);
    return crypto_sign_verify_detached(signature, signed_bytes, len, signing_public) == 0 ? STATUS_OK : STATUS_SIGNATURE_BAD;
}

void keys_unit_id(struct unit_id *out, const struct association_id *association, const uint8_t nonce[16], uint32_t place) {
    const uint8_t big_endian[4] = {(uint8_t)(place >> 24), (uint8_t)(place >> 16), (uint8_t)(place >> 8), (uint8_t)place};
    struct hash hash;
    keys_hash(&hash, "unit", association, bytes_of(nonce, 16), bytes_of(big_endian, sizeof big_endian));
    memcpy(out->b, hash.b, sizeof out->b);
}

void keys_form_id(uint8_t out[16], const struct association_id *association, const struct unit_id *issuer, struct bytes name) {
    struct hash hash;
    keys_hash(&hash, "form-id", association, bytes_of(issuer->b, sizeof issuer->b), name);
    memcpy(out, hash.b, 16);
}
