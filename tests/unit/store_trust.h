/* Changes of trust as an office would write them, and entries made by hand with an office's own key: what a copied key would sign. */
#ifndef TESTS_UNIT_STORE_TRUST_H
#define TESTS_UNIT_STORE_TRUST_H

#include "store_offices.h"

#include "protocol/trust.h"
#include "store/check.h"
#include "store/digest.h"

/* One control change of `store`, its nonce taken from `mark`. */
static inline struct stored trust_say(struct store *store, uint64_t kind, struct buffer *payload, uint8_t mark) {
    const uint8_t nonce[16] = {0x77, mark};
    const struct change change = {.kind = kind, .payload = buffer_bytes(payload)};
    struct stored stored = offices_control(store, nonce, &change, 1);
    buffer_fini(payload);
    return stored;
}

/* upto: where each of the node's logs is cut; any other at 0. */
static inline struct stored trust_revoke(struct store *store, const struct node_id *node, const struct ref *upto, size_t count, uint8_t mark) {
    struct revocation *revocation = calloc(1, sizeof *revocation);
    struct buffer payload = offices_buffer();
    assert_non_null(revocation);
    revocation->node = *node;
    revocation->upto.count = count;
    for (size_t i = 0; i < count; i++)
        revocation->upto.items[i] = upto[i];
    assert_int_equal(revocation_encode(revocation, &payload), STATUS_OK);
    free(revocation);
    return trust_say(store, CHANGE_REVOCATION, &payload, mark);
}

static inline struct stored trust_pin(struct store *store, const struct ref *pin, uint8_t mark) {
    struct refs *refs = calloc(1, sizeof *refs);
    struct buffer payload = offices_buffer();
    assert_non_null(refs);
    refs->count = 1;
    refs->items[0] = *pin;
    assert_int_equal(pin_encode(refs, &payload), STATUS_OK);
    free(refs);
    return trust_say(store, CHANGE_PIN, &payload, mark);
}

static inline struct stored trust_decide(struct store *store, const struct ref *keeps, const struct ref *rival, uint8_t mark) {
    struct buffer payload = offices_buffer();
    const struct fork_decision decision = {.keeps = *keeps, .rival = *rival};
    assert_int_equal(fork_decision_encode(&decision, &payload), STATUS_OK);
    return trust_say(store, CHANGE_FORK_DECISION, &payload, mark);
}

static inline struct stored trust_erase(struct store *store, const struct ref *entry, uint8_t mark) {
    struct erasure *erasure = calloc(1, sizeof *erasure);
    struct buffer payload = offices_buffer();
    assert_non_null(erasure);
    erasure->entries.count = 1;
    erasure->entries.items[0] = *entry;
    assert_int_equal(erasure_encode(erasure, &payload), STATUS_OK);
    free(erasure);
    return trust_say(store, CHANGE_ERASE, &payload, mark);
}

/* ---- entries made by hand ---- */

struct forged {
    struct buffer header, body;
    uint8_t signature[64], salt[SALT_BYTES];
    struct hash hash;
    struct ref ref;
};

/* A document of the store's node at seq of a log, after the entry of this hash, for one unit; mark makes it another one. extensions: of its header, as
 * encoded. */
static inline void forge_extended(struct forged *out, struct store *store, const struct log_id *log, uint64_t seq, const struct hash *prev,
                                  const struct unit_id *to, uint8_t mark, struct bytes extensions) {
    struct header *header = calloc(1, sizeof *header);
    struct buffer payload = offices_buffer();
    *out = (struct forged){.header = offices_buffer(), .body = offices_buffer(), .salt = {mark}};
    assert_non_null(header);
    const struct document document = {.title = bytes_of("khác", strlen("khác"))};
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&out->body, NULL, &change, 1), STATUS_OK);
    *header = (struct header){
        .log = *log, .seq = seq, .prev = *prev, .cls = CLASS_DOCUMENT, .audience_count = 1, .audience = {{.unit = *to}}, .time = 1600000000 + mark};
    header->extensions = extensions;
    header->body_bytes = (uint32_t)out->body.len;
    body_hash(&header->body_hash, &store->founding.association, out->salt, buffer_bytes(&out->body));
    assert_int_equal(header_encode(header, &out->header), STATUS_OK);
    header_sign(out->signature, &store->founding.association, buffer_bytes(&out->header), store->keys);
    header_hash(&out->hash, &store->founding.association, buffer_bytes(&out->header));
    header_ref(&out->ref, header, &out->hash);
    buffer_fini(&payload);
    free(header);
}

static inline void forge(struct forged *out, struct store *store, const struct log_id *log, uint64_t seq, const struct hash *prev, const struct unit_id *to,
                         uint8_t mark) {
    forge_extended(out, store, log, seq, prev, to, mark, (struct bytes){0});
}

static inline void forged_free(struct forged *forged) {
    buffer_fini(&forged->header);
    buffer_fini(&forged->body);
}

static inline struct persist forged_item(const struct forged *forged, uint8_t kind) {
    struct persist item = {.kind = kind, .log = forged->ref.log, .seq = forged->ref.seq, .hash = forged->hash};
    item.entry = (struct entry){.header = buffer_bytes(&forged->header), .signature = bytes_of(forged->signature, sizeof forged->signature)};
    if (kind == PERSIST_ENTRY) {
        item.entry.salt = bytes_of(forged->salt, sizeof forged->salt);
        item.entry.body = buffer_bytes(&forged->body);
    }
    return item;
}

static inline enum status forged_give(struct store *to, const struct forged *forged, uint8_t kind) {
    struct persist item = forged_item(forged, kind);
    enum status status = store_persist(to, &item, 1);
    assert_int_equal(to->apply_status, STATUS_OK);
    return status;
}

/* ---- what a store concludes ---- */

static inline struct hash trust_digest(struct store *store, const struct unit_id *unit, const struct unit_id *with) {
    struct hash out;
    assert_int_equal(digest_of(store, tree_unit(store->tree, unit), tree_unit(store->tree, with), &out), STATUS_OK);
    return out;
}

/* Making all views anew changes nothing, and check finds nothing. */
static inline void assert_sound(struct store *store) {
    struct check_counts counts;
    struct hash before = trust_digest(store, &store->unit, &store->unit);
    int64_t aside = scratch_count(store, "SELECT count(*) FROM set_aside");
    json_t *findings = json_array();
    assert_int_equal(check_run(store, findings, &counts), STATUS_OK);
    if (json_array_size(findings) > 0)
        fail_msg("%s", json_dumps(findings, 0));
    json_decref(findings);
    assert_int_equal(rebuild_run(store, NULL, NULL), STATUS_OK);
    struct hash after = trust_digest(store, &store->unit, &store->unit);
    assert_memory_equal(before.b, after.b, sizeof before.b);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM set_aside"), aside);
}

#endif
