/* Founding statements, headers of every kind, receipts. */
#include "tests/golden/vectors.h"

static void add_founding(json_t *list, const struct world *world, const char *name, struct founding *founding) {
    struct buffer statement;
    uint8_t signature[64];
    buffer_init(&statement, FOUNDING_BYTES_MAX);
    vectors_must(founding_encode(founding, &statement), name);
    founding_sign(signature, buffer_bytes(&statement), &world->founder);
    json_t *vector = vectors_add(list, world, name, "founding", buffer_bytes(&statement));
    vectors_fact(vector, "association", founding->association.b, sizeof founding->association.b); /* its own, not the world's */
    vectors_fact(vector, "node_id", founding->founder.b, sizeof founding->founder.b);
    vectors_fact(vector, "unit_id", founding->root.b, sizeof founding->root.b);
    vectors_fact(vector, "signing_key", founding->signing_key, sizeof founding->signing_key);
    vectors_fact(vector, "signature", signature, sizeof signature);
    buffer_fini(&statement);
}

/* [[7, false, 0102]]; and with a critical one behind it. */
static const uint8_t KNOWN_EXTENSIONS[] = {0x91, 0x93, 0x07, 0xc2, 0xc4, 0x02, 0x01, 0x02};
static const uint8_t CRITICAL_EXTENSIONS[] = {0x92, 0x93, 0x07, 0xc2, 0xc4, 0x02, 0x01, 0x02, 0x93, 0xcd, 0x01, 0x2c, 0xc3, 0xc4, 0x00};

static void add_foundings(json_t *list, const struct world *world) {
    struct founding founding = world->founding;
    add_founding(list, world, "founding-recovery-2-of-3", &founding);
    founding.recovery_threshold = founding.recovery_count = 0;
    founding.practice = true;
    founding.name = vectors_text("Hội tập dượt");
    add_founding(list, world, "founding-practice-no-recovery", &founding);
    founding.extensions = bytes_of(KNOWN_EXTENSIONS, sizeof KNOWN_EXTENSIONS);
    add_founding(list, world, "founding-extension", &founding);
}

/* What is the same in every header here; the members that matter are the caller's. */
static struct header base_header(const struct log_id *log, uint64_t seq, uint8_t cls, const char *name) {
    struct header header = {.log = *log, .seq = seq, .cls = cls, .body_bytes = 300, .time = 1735689600};
    vectors_fill(header.body_hash.b, sizeof header.body_hash.b, name);
    if (seq > 1) {
        vectors_fill(header.prev.b, sizeof header.prev.b, "entry before");
    }
    return header;
}

static json_t *add_header(json_t *list, const struct world *world, const char *name, const struct header *header, struct buffer *bytes) {
    struct hash hash;
    buffer_clear(bytes);
    vectors_must(header_encode(header, bytes), name);
    json_t *vector = vectors_add(list, world, name, "header", buffer_bytes(bytes));
    header_hash(&hash, &world->founding.association, buffer_bytes(bytes));
    vectors_fact(vector, "entry_hash", hash.b, sizeof hash.b);
    return vector;
}

static void add_signed(json_t *list, const struct world *world, const char *name, const struct header *header, const struct node_keys *keys) {
    struct buffer bytes;
    uint8_t signature[64];
    buffer_init(&bytes, HEADER_BYTES_MAX);
    json_t *vector = add_header(list, world, name, header, &bytes);
    header_sign(signature, &world->founding.association, buffer_bytes(&bytes), keys);
    vectors_must(header_verify(&world->founding, header, buffer_bytes(&bytes), bytes_of(signature, sizeof signature), keys->signing_public), name);
    vectors_fact(vector, "signing_key", keys->signing_public, sizeof keys->signing_public);
    vectors_fact(vector, "signature", signature, sizeof signature);
    buffer_fini(&bytes);
}

static void add_recovery(json_t *list, const struct world *world) {
    struct log_id log = {.kind = LOG_RECOVERY};
    struct header header = base_header(&log, 1, CLASS_CONTROL, "recovery body");
    struct buffer bytes;
    uint8_t signature[2 * 65];
    size_t parts = 0;
    buffer_init(&bytes, HEADER_BYTES_MAX);
    json_t *vector = add_header(list, world, "header-recovery", &header, &bytes);
    /* The first two keys in the statement's order, wherever sorting put them. */
    for (uint8_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (memcmp(world->recovery[j].signing_public, world->founding.recovery_keys[i], 32) == 0) {
                signature[parts * 65] = i;
                header_sign(signature + parts * 65 + 1, &world->founding.association, buffer_bytes(&bytes), &world->recovery[j]);
                parts++;
            }
        }
    }
    vectors_must(header_verify(&world->founding, &header, buffer_bytes(&bytes), bytes_of(signature, sizeof signature), NULL), "header-recovery");
    vectors_fact(vector, "statement", world->statement.data, world->statement.len);
    vectors_fact(vector, "signature", signature, sizeof signature);
    buffer_fini(&bytes);
}

static void add_report_headers(json_t *list, const struct world *world) {
    struct log_id log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    struct log_id later = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 2");
    struct log_id directive = vectors_log(&world->province_node, LOG_DIRECTIVE, "province epoch 1");
    struct header header = base_header(&log, 1, CLASS_RECORD, "record body");
    header.audience_count = 1;
    header.audience[0] = (struct term){.unit = world->commune_unit, .scope = SCOPE_UNIT};
    add_signed(list, world, "header-report-first", &header, &world->commune);

    header.seq = 2;
    vectors_fill(header.prev.b, sizeof header.prev.b, "entry before");
    header.reach = REACH_PRIVATE;
    header.has_batch = true;
    vectors_fill(header.batch.b, sizeof header.batch.b, "batch");
    header.seen_count = 1;
    header.seen[0] = vectors_ref(&directive, 4294967296, "correction");
    header.time = -1;
    header.body_bytes = BODY_BYTES_MAX;
    add_signed(list, world, "header-report-seen-batch-private", &header, &world->commune);

    struct header continued = base_header(&later, 1, CLASS_RECORD, "record body");
    continued.has_continues = true;
    continued.continues = vectors_ref(&log, 2, "last held");
    continued.audience_count = 1;
    continued.audience[0] = header.audience[0];
    add_signed(list, world, "header-continuation", &continued, &world->commune);
}

static void add_directive_headers(json_t *list, const struct world *world) {
    static const char *const EPOCHS[] = {"seen 0", "seen 1", "seen 2", "seen 3"};
    struct log_id log = vectors_log(&world->province_node, LOG_DIRECTIVE, "province epoch 1");
    struct header header = base_header(&log, 70000, CLASS_CONTROL, "control body");
    struct log_id seen = log; /* of one node, so that the order of the epochs' bytes decides */
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        vectors_fill(seen.epoch.b, sizeof seen.epoch.b, EPOCHS[i]);
        header.seen[count] = vectors_ref(&seen, i + 1, EPOCHS[i]);
        for (size_t j = count; j > 0 && ref_compare(&header.seen[j - 1], &header.seen[j]) > 0; j--) {
            struct ref swapped = header.seen[j];
            header.seen[j] = header.seen[j - 1];
            header.seen[j - 1] = swapped;
        }
        count++;
    }
    header.seen_count = count;
    add_signed(list, world, "header-directive-control-seen", &header, &world->province);
    header.extensions = bytes_of(KNOWN_EXTENSIONS, sizeof KNOWN_EXTENSIONS);
    add_signed(list, world, "header-extension", &header, &world->province);
    header.extensions = bytes_of(CRITICAL_EXTENSIONS, sizeof CRITICAL_EXTENSIONS);
    json_t *vector;
    add_signed(list, world, "header-extension-critical", &header, &world->province);
    vector = json_array_get(list, json_array_size(list) - 1);
    json_object_set_new(vector, "critical", json_true());

    struct header document = base_header(&log, 2, CLASS_DOCUMENT, "document body");
    bool root_first = ID_COMPARE(&world->founding.root, &world->province_unit) < 0;
    const struct unit_id *units[] = {root_first ? &world->founding.root : &world->province_unit, root_first ? &world->province_unit : &world->founding.root};
    document.audience_count = 4;
    document.audience[0] = (struct term){.unit = *units[0], .scope = SCOPE_UNIT};
    document.audience[1] = (struct term){.unit = *units[0], .scope = SCOPE_LEVEL + LEVEL_MAX};
    document.audience[2] = (struct term){.unit = *units[1], .scope = SCOPE_SUBTREE};
    document.audience[3] = (struct term){.unit = *units[1], .scope = SCOPE_LEVEL + 3};
    add_signed(list, world, "header-document-audience", &document, &world->province);

    struct header correction = base_header(&log, 3, CLASS_RECORD, "correction body");
    correction.audience_count = 1;
    correction.audience[0] = (struct term){.unit = world->commune_unit, .scope = SCOPE_UNIT};
    add_signed(list, world, "header-correction", &correction, &world->province);
}

static void add_receipt(json_t *list, const struct world *world, const char *name, const struct receipt *receipt) {
    struct buffer bytes;
    uint8_t signature[64];
    buffer_init(&bytes, RECEIPT_BYTES_MAX);
    vectors_must(receipt_encode(receipt, &bytes), name);
    keys_sign(signature, "receipt", &world->founding.association, buffer_bytes(&bytes), &world->province);
    json_t *vector = vectors_add(list, world, name, "receipt", buffer_bytes(&bytes));
    vectors_fact(vector, "signing_key", world->province.signing_public, sizeof world->province.signing_public);
    vectors_fact(vector, "signature", signature, sizeof signature);
    buffer_fini(&bytes);
}

static void add_receipts(json_t *list, const struct world *world) {
    struct receipt receipt = {.holder = world->province_node, .seq = 120, .bodies = 119, .applied = 60, .aside = 3, .time = 1735689600};
    receipt.log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    vectors_fill(receipt.hash.b, sizeof receipt.hash.b, "head");
    add_receipt(list, world, "receipt", &receipt);
    receipt.extensions = bytes_of(KNOWN_EXTENSIONS, sizeof KNOWN_EXTENSIONS);
    receipt.seq = receipt.bodies = receipt.applied = receipt.aside = SEQ_MAX;
    receipt.time = INT64_MIN;
    add_receipt(list, world, "receipt-extension-extremes", &receipt);
}

void vectors_add_identity(json_t *list, const struct world *world) {
    add_foundings(list, world);
    add_report_headers(list, world);
    add_directive_headers(list, world);
    add_recovery(list, world);
    add_receipts(list, world);
}
