/* Changes by which trust and structure move: every kind's payload, one body that carries all control ones, a reason, and the entry by which two of three
 * recovery keys shut out the founder. */
#include "protocol/trust.h"
#include "tests/golden/vectors.h"

enum { TRUST_KINDS_MAX = 16 };

/* The payloads made so far, for the body that carries them all. */
struct payloads {
    size_t count;
    struct buffer bytes[TRUST_KINDS_MAX];
    struct change changes[TRUST_KINDS_MAX];
};

static struct buffer *begin_payload(struct payloads *payloads) {
    struct buffer *bytes = &payloads->bytes[payloads->count];
    buffer_init(bytes, BODY_BYTES_MAX);
    return bytes;
}

static void end_payload(struct payloads *payloads, json_t *list, const struct world *world, const char *name, uint64_t kind) {
    static const struct {
        uint64_t kind;
        const char *structure;
    } STRUCTURES[] = {{CHANGE_MOVE, "move"},         {CHANGE_CLOSE, "close"},   {CHANGE_SAME, "same"},
                      {CHANGE_HANDOVER, "handover"}, {CHANGE_PIN, "pin"},       {CHANGE_REVOCATION, "revocation"},
                      {CHANGE_ERASE, "erase"},       {CHANGE_ACCEPT, "accept"}, {CHANGE_FORK_DECISION, "fork_decision"}};
    struct bytes payload = buffer_bytes(&payloads->bytes[payloads->count]);
    for (size_t i = 0; i < sizeof STRUCTURES / sizeof STRUCTURES[0]; i++) {
        if (STRUCTURES[i].kind == kind) {
            vectors_add(list, world, name, STRUCTURES[i].structure, payload);
        }
    }
    payloads->changes[payloads->count] = (struct change){.kind = kind, .place = (uint32_t)payloads->count, .payload = payload};
    payloads->count++;
}

/* Salt and hash as of any body. */
static void add_body(json_t *list, const struct world *world, const char *name, struct bytes body, struct hash *hash) {
    uint8_t salt[SALT_BYTES];
    vectors_fill(salt, sizeof salt, name);
    body_hash(hash, &world->founding.association, salt, body);
    json_t *vector = vectors_add(list, world, name, "body", body);
    vectors_fact(vector, "salt", salt, sizeof salt);
    vectors_fact(vector, "body_hash", hash->b, sizeof hash->b);
}

static struct unit_id unit_of(const char *seed) {
    struct unit_id unit;
    vectors_fill(unit.b, sizeof unit.b, seed);
    return unit;
}

static void add_placings(struct payloads *payloads, json_t *list, const struct world *world) {
    const struct unit_id district = unit_of("district"), root = world->founding.root;
    struct placing placing = {.unit = world->commune_unit, .effective = {.set = true, .days = 20270}};
    placing.line = (struct line){.count = 2, .units = {world->province_unit, root}};
    placing.former = (struct line){.count = 3, .units = {district, world->province_unit, root}};
    vectors_must(placing_encode(&placing, CHANGE_MOVE, begin_payload(payloads)), "move");
    end_payload(payloads, list, world, "move", CHANGE_MOVE);

    placing = (struct placing){.unit = district, .line = {.count = 1, .units = {root}}, .former = {.count = 2, .units = {world->province_unit, root}}};
    vectors_must(placing_encode(&placing, CHANGE_CLOSE, begin_payload(payloads)), "close");
    end_payload(payloads, list, world, "close-no-successor", CHANGE_CLOSE);
    placing.line = (struct line){.count = 3, .units = {world->commune_unit, world->province_unit, root}};
    placing.successor_count = 2;
    placing.successors[0] = world->commune_unit;
    placing.successors[1] = unit_of("other successor");
    vectors_must(placing_encode(&placing, CHANGE_CLOSE, begin_payload(payloads)), "close");
    end_payload(payloads, list, world, "close-two-successors", CHANGE_CLOSE);

    placing = (struct placing){.unit = unit_of("made twice"), .effective = {.set = true, .days = DATE_MIN}};
    placing.line = (struct line){.count = 3, .units = {world->commune_unit, world->province_unit, root}};
    placing.former = (struct line){.count = 2, .units = {world->province_unit, root}};
    vectors_must(placing_encode(&placing, CHANGE_SAME, begin_payload(payloads)), "same");
    end_payload(payloads, list, world, "same", CHANGE_SAME);
}

/* Two logs of the commune's node, in the order of their epochs, and one of the province's. */
static struct refs some_refs(const struct world *world) {
    struct log_id logs[] = {vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1"), vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 2")};
    size_t first = log_id_compare(&logs[0], &logs[1]) < 0 ? 0 : 1;
    return (struct refs){.count = 2, .items = {vectors_ref(&logs[first], 5, "pin 5"), vectors_ref(&logs[1 - first], 70000, "pin 70000")}};
}

static void add_refs(struct payloads *payloads, json_t *list, const struct world *world) {
    const struct log_id directive = vectors_log(&world->province_node, LOG_DIRECTIVE, "province epoch 1");
    const struct ref reason = vectors_ref(&directive, 12, "reason");
    const struct refs refs = some_refs(world);

    struct handover handover = {.unit = world->commune_unit, .parent = world->province_unit, .upto = {.count = 0}};
    vectors_must(handover_encode(&handover, begin_payload(payloads)), "handover");
    end_payload(payloads, list, world, "handover-of-nothing", CHANGE_HANDOVER);
    handover.upto = refs;
    vectors_must(handover_encode(&handover, begin_payload(payloads)), "handover");
    end_payload(payloads, list, world, "handover", CHANGE_HANDOVER);

    struct revocation revocation = {.node = world->commune_node, .upto = refs, .has_reason = true, .reason = reason};
    vectors_must(revocation_encode(&revocation, begin_payload(payloads)), "revocation");
    end_payload(payloads, list, world, "revocation", CHANGE_REVOCATION);

    struct refs pins = refs;
    pins.items[pins.count++] = vectors_ref(&refs.items[1].log, SEQ_MAX, "pin last");
    vectors_must(pin_encode(&pins, begin_payload(payloads)), "pin");
    end_payload(payloads, list, world, "pin", CHANGE_PIN);

    struct fork_decision decision = {.keeps = refs.items[0], .rival = vectors_ref(&refs.items[0].log, refs.items[0].seq + 1, "rival")};
    vectors_must(fork_decision_encode(&decision, begin_payload(payloads)), "fork decision");
    end_payload(payloads, list, world, "fork-decision", CHANGE_FORK_DECISION);

    struct erasure erasure = {.entries = refs, .has_reason = true, .reason = reason};
    vectors_must(erasure_encode(&erasure, begin_payload(payloads)), "erase");
    end_payload(payloads, list, world, "erase", CHANGE_ERASE);

    vectors_must(acceptance_encode(&refs, begin_payload(payloads)), "accept");
    end_payload(payloads, list, world, "accept", CHANGE_ACCEPT);
}

static void add_reason(json_t *list, const struct world *world) {
    struct buffer payload, body;
    struct hash hash;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    vectors_must(reason_encode(vectors_text("Máy tính của xã bị mất trộm"), &payload), "reason");
    vectors_add(list, world, "reason", "reason", buffer_bytes(&payload));
    const struct change change = {.kind = CHANGE_REASON, .payload = buffer_bytes(&payload)};
    vectors_must(body_encode(&body, NULL, &change, 1), "reason");
    add_body(list, world, "body-reason", buffer_bytes(&body), &hash);
    buffer_fini(&payload);
    buffer_fini(&body);
}

/* Signed by the first and the last of the three keys, in the statement's order. */
static void sign_recovery(uint8_t signature[2 * 65], const struct world *world, struct bytes header) {
    static const uint8_t SIGNERS[] = {0, 2};
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *wanted = world->founding.recovery_keys[SIGNERS[i]];
        signature[i * 65] = SIGNERS[i];
        for (size_t j = 0; j < 3; j++) {
            if (memcmp(world->recovery[j].signing_public, wanted, 32) == 0) {
                header_sign(signature + i * 65 + 1, &world->founding.association, header, &world->recovery[j]);
            }
        }
    }
}

static void add_recovery(json_t *list, const struct world *world) {
    struct buffer payload, body, bytes;
    struct header header = {.log = {.kind = LOG_RECOVERY}, .seq = 1, .cls = CLASS_CONTROL, .time = 1735689600};
    const struct log_id log = vectors_log(&world->founding.founder, LOG_DIRECTIVE, "founder epoch 1");
    struct revocation revocation = {.node = world->founding.founder, .upto = {.count = 1, .items = {vectors_ref(&log, 41, "last good")}}};
    struct hash hash;
    uint8_t nonce[16], signature[2 * 65];
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    buffer_init(&bytes, HEADER_BYTES_MAX);
    vectors_must(revocation_encode(&revocation, &payload), "recovery");
    vectors_add(list, world, "revocation-founder", "revocation", buffer_bytes(&payload));
    const struct change change = {.kind = CHANGE_REVOCATION, .payload = buffer_bytes(&payload)};
    vectors_fill(nonce, sizeof nonce, "recovery nonce");
    vectors_must(body_encode(&body, nonce, &change, 1), "recovery");
    add_body(list, world, "body-recovery-revocation", buffer_bytes(&body), &hash);

    header.body_hash = hash;
    header.body_bytes = (uint32_t)body.len;
    vectors_must(header_encode(&header, &bytes), "recovery");
    json_t *vector = vectors_add(list, world, "header-recovery-revocation", "header", buffer_bytes(&bytes));
    header_hash(&hash, &world->founding.association, buffer_bytes(&bytes));
    vectors_fact(vector, "entry_hash", hash.b, sizeof hash.b);
    sign_recovery(signature, world, buffer_bytes(&bytes));
    vectors_must(header_verify(&world->founding, &header, buffer_bytes(&bytes), bytes_of(signature, sizeof signature), NULL), "recovery");
    vectors_fact(vector, "statement", world->statement.data, world->statement.len);
    vectors_fact(vector, "signature", signature, sizeof signature);
    buffer_fini(&payload);
    buffer_fini(&body);
    buffer_fini(&bytes);
}

void vectors_add_trust(json_t *list, const struct world *world) {
    struct payloads payloads = {.count = 0};
    struct buffer body;
    struct hash hash;
    uint8_t nonce[16];
    add_placings(&payloads, list, world);
    add_refs(&payloads, list, world);
    buffer_init(&body, BODY_BYTES_MAX);
    vectors_fill(nonce, sizeof nonce, "trust nonce");
    vectors_must(body_encode(&body, nonce, payloads.changes, payloads.count), "trust");
    add_body(list, world, "body-trust", buffer_bytes(&body), &hash);
    for (size_t i = 0; i < payloads.count; i++) {
        buffer_fini(&payloads.bytes[i]);
    }
    buffer_fini(&body);
    add_reason(list, world);
    add_recovery(list, world);
}
