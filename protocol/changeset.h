/* Change-sets: header, salted body, entry hash and signature (docs/protocol.md section 4). The one place that encodes, decodes and verifies them.
 * Says nothing about whether an author may say what it says (store/authority.h). */
#ifndef PROTOCOL_CHANGESET_H
#define PROTOCOL_CHANGESET_H

#include "protocol/codec.h"
#include "protocol/founding.h"
#include "protocol/keys.h"

enum { SCOPE_UNIT = 0, SCOPE_SUBTREE = 1, SCOPE_LEVEL = 2 /* SCOPE_LEVEL + level */ };
struct term {
    struct unit_id unit;
    uint8_t scope;
};

/* A header. The arrays are whole (about 20 KB): allocate it once, not per entry on the stack of a loop. */
struct header {
    struct log_id log; /* author, kind, epoch */
    uint64_t seq;      /* from 1 */
    struct hash prev;  /* meaningful where seq > 1 */
    bool has_continues;
    struct ref continues;
    uint8_t cls;   /* enum entry_class */
    uint8_t reach; /* level number, 0 = root, REACH_PRIVATE */
    size_t audience_count;
    struct term audience[AUDIENCE_TERMS_MAX];
    size_t seen_count;
    struct ref seen[SEEN_REFS_MAX];
    struct hash body_hash;
    uint32_t body_bytes;
    bool has_batch;
    struct batch_id batch;
    int64_t time;            /* seconds since 1970, as claimed */
    struct bytes extensions; /* as encoded, borrowed; empty: none */
    bool critical_unknown;   /* decoded: carries a critical extension: keep and relay, do not apply */
};

/* An entry as stored and sent: the bytes received, never a re-encoding. Empty salt: the body is not held (or not entitled). All borrowed. */
struct entry {
    struct bytes header, signature, salt, body;
};

/* Appends the header's bytes. MALFORMED if a rule of 4.1 is broken. */
CHECKED enum status header_encode(const struct header *header, struct buffer *out);
/* MALFORMED, TRUNCATED, TRAILING, VERSION_UNKNOWN; a critical extension is no error here (critical_unknown). */
CHECKED enum status header_decode(struct header *out, struct bytes bytes);
void header_hash(struct hash *out, const struct association_id *association, struct bytes header);
void header_ref(struct ref *out, const struct header *header, const struct hash *entry_hash);
/* H("body", salt || body). */
void body_hash(struct hash *out, const struct association_id *association, const uint8_t salt[SALT_BYTES], struct bytes body);

/* Signature of a node's header, 64 bytes. */
void header_sign(uint8_t signature[64], const struct association_id *association, struct bytes header, const struct node_keys *keys);
/* Verifies any header's signature: by signing_key, or for the recovery log (signing_key NULL) by the founding statement's keys. OK, SIGNATURE_BAD. */
CHECKED enum status header_verify(const struct founding *founding, const struct header *header, struct bytes header_bytes, struct bytes signature,
                                  const uint8_t signing_key[32]);
/* Does this body belong to that header? OK, MALFORMED (length), HASH_MISMATCH. */
CHECKED enum status body_verify(const struct association_id *association, const struct header *header, struct bytes salt, struct bytes body);

#endif
