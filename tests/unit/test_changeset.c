/* Founding statements, headers, bodies, receipts: the rules of section 4 one by one, signatures, and random values. */
#include "protocol/change.h"
#include "protocol/receipt.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct node_keys keys_of(uint8_t seed) {
    struct node_keys keys;
    uint8_t signing[32] = {seed}, transport[32] = {seed, 1};
    assert_int_equal(keys_from_seeds(&keys, signing, transport), STATUS_OK);
    return keys;
}

/* ---- founding ---- */

static struct founding founding_of(unsigned threshold, unsigned count) {
    struct founding founding = {.name = bytes_of("hoi", 3), .recovery_threshold = threshold, .recovery_count = count};
    for (unsigned i = 0; i < count && i < RECOVERY_KEYS_MAX; i++) {
        struct node_keys keys = keys_of((uint8_t)(100 + i));
        memcpy(founding.recovery_keys[i], keys.signing_public, 32);
    }
    return founding;
}

static enum status found(struct founding *founding) {
    struct buffer statement;
    buffer_init(&statement, FOUNDING_BYTES_MAX);
    enum status status = founding_encode(founding, &statement);
    buffer_fini(&statement);
    return status;
}

static void founding_statements(void **state) {
    (void)state;
    struct founding founding = founding_of(2, 3);
    struct node_keys keys = keys_of(1), stranger = keys_of(2);
    uint8_t signature[64];
    struct buffer statement;
    memcpy(founding.signing_key, keys.signing_public, 32);
    buffer_init(&statement, FOUNDING_BYTES_MAX);
    assert_int_equal(founding_encode(&founding, &statement), STATUS_OK);
    assert_true(memcmp(founding.recovery_keys[0], founding.recovery_keys[1], 32) < 0 && memcmp(founding.recovery_keys[1], founding.recovery_keys[2], 32) < 0);
    founding_sign(signature, buffer_bytes(&statement), &keys);
    assert_int_equal(founding_verify(&founding, buffer_bytes(&statement), signature), STATUS_OK);
    founding_sign(signature, buffer_bytes(&statement), &stranger);
    assert_int_equal(founding_verify(&founding, buffer_bytes(&statement), signature), STATUS_SIGNATURE_BAD);
    struct founding read;
    assert_int_equal(founding_decode(&read, buffer_bytes(&statement)), STATUS_OK);
    assert_true(ID_EQUAL(&read.association, &founding.association) && ID_EQUAL(&read.founder, &founding.founder) && ID_EQUAL(&read.root, &founding.root));
    statement.data[1] = 2; /* the version */
    assert_int_equal(founding_decode(&read, buffer_bytes(&statement)), STATUS_VERSION_UNKNOWN);
    assert_int_equal(read.recovery_count, 0); /* nothing is left of what was refused */
    buffer_fini(&statement);

    static const struct {
        unsigned threshold, count;
        enum status status;
    } RECOVERY[] = {{0, 0, STATUS_OK},        {1, 1, STATUS_OK},        {16, 16, STATUS_OK},      {0, 1, STATUS_MALFORMED},
                    {1, 0, STATUS_MALFORMED}, {4, 3, STATUS_MALFORMED}, {1, 17, STATUS_MALFORMED}};
    for (size_t i = 0; i < sizeof RECOVERY / sizeof RECOVERY[0]; i++) {
        founding = founding_of(RECOVERY[i].threshold, RECOVERY[i].count);
        assert_int_equal(found(&founding), RECOVERY[i].status);
    }
    founding = founding_of(1, 2);
    memcpy(founding.recovery_keys[0], founding.recovery_keys[1], 32); /* one key twice would be one signer twice */
    assert_int_equal(found(&founding), STATUS_MALFORMED);
    founding = founding_of(0, 0);
    founding.name = (struct bytes){0};
    assert_int_equal(found(&founding), STATUS_MALFORMED);
    static const uint8_t CRITICAL[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00};
    founding.name = bytes_of("hoi", 3);
    founding.extensions = bytes_of(CRITICAL, sizeof CRITICAL);
    assert_int_equal(found(&founding), STATUS_CRITICAL_EXTENSION);
}

/* ---- headers ---- */

static struct header *base_header(uint8_t kind, uint8_t cls, uint64_t seq) {
    struct header *header = calloc(1, sizeof *header);
    header->log = (struct log_id){.node = {{kind == LOG_RECOVERY ? 0 : 7}}, .kind = kind, .epoch = {{kind == LOG_RECOVERY ? 0 : 3}}};
    header->seq = seq;
    header->cls = cls;
    header->audience_count = cls != CLASS_CONTROL;
    header->body_bytes = 100;
    return header;
}

static enum status encoded(const struct header *header) {
    struct buffer bytes;
    buffer_init(&bytes, 2 * HEADER_BYTES_MAX);
    enum status status = header_encode(header, &bytes);
    assert_true(status == STATUS_OK || bytes.len == 0);
    buffer_fini(&bytes);
    return status;
}

static void classes_stand_in_their_logs(void **state) {
    (void)state;
    static const char *const STANDS[] = {/* by kind: control, record, document */ "", "-++", "+++", "+--"};
    for (uint8_t kind = LOG_REPORT; kind <= LOG_RECOVERY; kind++) {
        for (uint8_t cls = CLASS_CONTROL; cls <= CLASS_DOCUMENT; cls++) {
            struct header *header = base_header(kind, cls, 1);
            assert_int_equal(encoded(header), STANDS[kind][cls - 1] == '+' ? STATUS_OK : STATUS_MALFORMED);
            free(header);
        }
    }
}

/* Each rule of 4.1 broken alone. */
static void broken_rules_are_refused(void **state) {
    (void)state;
    for (unsigned rule = 0;; rule++) {
        bool control = rule < 3, document = (rule >= 3 && rule < 7) || rule == 25;
        struct header *header = base_header(LOG_DIRECTIVE, control ? CLASS_CONTROL : document ? CLASS_DOCUMENT : CLASS_RECORD, 1);
        struct log_id other = header->log;
        other.epoch.b[0] = 1;
        const struct ref ref = {.log = other, .seq = 1};
        assert_int_equal(encoded(header), STATUS_OK);
        /* clang-format off */
        switch (rule) {
        case 0: header->audience_count = 1; break; /* control has no audience */
        case 1: header->reach = 1; break; /* nor a reach */
        case 2: header->seq = 0; break;
        case 3: header->audience_count = 0; break; /* a document for nobody */
        case 4: header->audience_count = 2; break; /* one term twice */
        case 5: header->audience_count = AUDIENCE_TERMS_MAX + 1; break;
        case 6: header->audience[0].scope = SCOPE_LEVEL + LEVEL_MAX + 1; break;
        case 7: header->audience[0].scope = SCOPE_SUBTREE; break; /* a record is of one unit */
        case 8: header->audience_count = 2; header->audience[1].unit.b[0] = 1; break;
        case 9: header->reach = REACH_PRIVATE + 1; break;
        case 10: header->cls = 0; break;
        case 11: header->log.kind = 0; break;
        case 12: header->log.kind = LOG_RECOVERY; break; /* with a node's name */
        case 13: header->has_continues = true; header->continues = ref; header->seq = 2; break; /* not at the beginning */
        case 14: header->has_continues = true; header->continues = ref; header->continues.log = header->log; break; /* itself */
        case 15: header->has_continues = true; header->continues = ref; header->continues.log.node.b[0] = 9; break; /* another's */
        case 16: header->has_continues = true; header->continues = ref; header->continues.log.kind = LOG_REPORT; break;
        case 17: header->has_continues = true; header->continues = ref; header->continues.seq = 0; break;
        case 18: header->seen_count = 1; header->seen[0] = ref; header->seen[0].log = header->log; break; /* its own log */
        case 19: header->seen_count = 1; header->seen[0] = ref; header->has_continues = true; header->continues = ref; break;
        case 20: header->seen_count = 2; header->seen[0] = header->seen[1] = ref; header->seen[1].seq = 2; break; /* one log twice */
        case 21: header->seen_count = 2; header->seen[0] = header->seen[1] = ref; header->seen[1].log.epoch.b[0] = 0; break; /* out of order */
        case 22: header->seen_count = SEEN_REFS_MAX + 1; break;
        case 23: header->body_bytes = BODY_BYTES_MAX + 1; break;
        case 24: header->seen_count = 1; header->seen[0] = ref; header->seen[0].log.kind = LOG_RECOVERY; break; /* a recovery log of somebody */
        case 25: header->reach = 1; break; /* a document's audience says it all */
        case 26: header->seq = SEQ_MAX + UINT64_C(1); header->prev.b[0] = 1; break;
        case 27: header->seen_count = 1; header->seen[0] = ref; header->seen[0].seq = SEQ_MAX + UINT64_C(1); break;
        default: free(header); assert_int_equal(rule, 28); return;
        }
        /* clang-format on */
        if (encoded(header) != STATUS_MALFORMED) {
            fail_msg("rule %u", rule);
        }
        free(header);
    }
}

static void the_fullest_header_fits(void **state) {
    (void)state;
    struct header *header = base_header(LOG_DIRECTIVE, CLASS_DOCUMENT, SEQ_MAX);
    header->audience_count = AUDIENCE_TERMS_MAX;
    header->seen_count = SEEN_REFS_MAX;
    for (size_t i = 0; i < AUDIENCE_TERMS_MAX; i++) {
        header->audience[i] = (struct term){.unit = {{(uint8_t)i}}, .scope = SCOPE_LEVEL + LEVEL_MAX};
    }
    for (size_t i = 0; i < SEEN_REFS_MAX; i++) {
        header->seen[i] = (struct ref){.log = {.node = {{(uint8_t)i, 1}}, .kind = LOG_REPORT}, .seq = SEQ_MAX};
    }
    assert_int_equal(encoded(header), STATUS_OK);
    free(header);
}

static void versions_and_extensions(void **state) {
    (void)state;
    static const uint8_t CRITICAL[] = {0x92, 0x93, 0x01, 0xc2, 0xc4, 0x00, 0x93, 0x02, 0xc3, 0xc4, 0x00},
                         UNORDERED[] = {0x92, 0x93, 0x02, 0xc2, 0xc4, 0x00, 0x93, 0x02, 0xc2, 0xc4, 0x00};
    struct header *header = base_header(LOG_REPORT, CLASS_RECORD, 1), *read = calloc(1, sizeof *read);
    struct buffer bytes;
    header->extensions = bytes_of(CRITICAL, sizeof CRITICAL);
    buffer_init(&bytes, HEADER_BYTES_MAX);
    assert_int_equal(header_encode(header, &bytes), STATUS_OK); /* a header with one is kept and relayed */
    assert_int_equal(header_decode(read, buffer_bytes(&bytes)), STATUS_OK);
    assert_true(read->critical_unknown);
    assert_true(bytes_equal(read->extensions, header->extensions));
    header->extensions = bytes_of(CRITICAL + 1, 0);
    buffer_clear(&bytes);
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    assert_int_equal(header_decode(read, buffer_bytes(&bytes)), STATUS_OK);
    assert_false(read->critical_unknown);
    header->extensions = bytes_of(UNORDERED, sizeof UNORDERED);
    assert_int_equal(encoded(header), STATUS_MALFORMED);
    bytes.data[3] = 2; /* array 16: dc 00 11, version */
    assert_int_equal(header_decode(read, buffer_bytes(&bytes)), STATUS_VERSION_UNKNOWN);
    bytes.data[3] = 1;
    bytes.data[4] = 2; /* suite */
    assert_int_equal(header_decode(read, buffer_bytes(&bytes)), STATUS_VERSION_UNKNOWN);
    assert_int_equal(header_decode(read, bytes_of(bytes.data, bytes.len - 1)), STATUS_MALFORMED); /* not canonical, whatever the version */
    assert_int_equal(buffer_append(&bytes, "", 1), STATUS_OK);
    assert_int_equal(header_decode(read, buffer_bytes(&bytes)), STATUS_MALFORMED);
    /* Another version has other members: at least the two that say so, and at most MEMBERS_MAX. */
    static const uint8_t LATER[] = {0x93, 2, 1, 0xc0}, SHORT[] = {0x91, 2}, NO_NUMBER[] = {0x92, 2, 0xc0};
    uint8_t many[3 + MEMBERS_MAX + 1] = {0xdc, 0, MEMBERS_MAX, 2, 1};
    assert_int_equal(header_decode(read, bytes_of(LATER, sizeof LATER)), STATUS_VERSION_UNKNOWN);
    assert_int_equal(header_decode(read, bytes_of(SHORT, sizeof SHORT)), STATUS_MALFORMED);
    assert_int_equal(header_decode(read, bytes_of(NO_NUMBER, sizeof NO_NUMBER)), STATUS_MALFORMED);
    assert_int_equal(header_decode(read, bytes_of(many, 3 + MEMBERS_MAX)), STATUS_VERSION_UNKNOWN);
    many[2]++;
    assert_int_equal(header_decode(read, bytes_of(many, sizeof many)), STATUS_MALFORMED);
    buffer_fini(&bytes);
    free(header);
    free(read);
}

static struct header *random_header(struct chance *chance) {
    static const uint8_t KINDS[][2] = {{LOG_REPORT, CLASS_RECORD},    {LOG_REPORT, CLASS_DOCUMENT},    {LOG_DIRECTIVE, CLASS_CONTROL},
                                       {LOG_DIRECTIVE, CLASS_RECORD}, {LOG_DIRECTIVE, CLASS_DOCUMENT}, {LOG_RECOVERY, CLASS_CONTROL}};
    size_t of = chance_below(chance, 6);
    struct header *header = base_header(KINDS[of][0], KINDS[of][1], 1 + (chance_next(chance) >> chance_below(chance, 64)) % SEQ_MAX);
    chance_fill(chance, header->prev.b, header->seq > 1 ? 32 : 0);
    if (chance_below(chance, 4) == 0 && header->log.kind != LOG_RECOVERY) {
        header->seq = 1;
        memset(header->prev.b, 0, 32);
        header->has_continues = true;
        header->continues = (struct ref){.log = header->log, .seq = 1 + chance_below(chance, 1000)};
        header->continues.log.epoch.b[7] = 200;
    }
    if (header->cls == CLASS_DOCUMENT) {
        header->audience_count = 1 + chance_below(chance, 6);
        for (size_t i = 0; i < header->audience_count; i++) {
            header->audience[i] = (struct term){.unit = {{(uint8_t)i}}, .scope = (uint8_t)chance_below(chance, SCOPE_LEVEL + LEVEL_MAX + 1)};
        }
    }
    header->reach = header->cls != CLASS_RECORD ? 0 : (uint8_t)chance_below(chance, REACH_PRIVATE + 1);
    header->seen_count = chance_below(chance, 5);
    for (size_t i = 0; i < header->seen_count; i++) {
        header->seen[i] =
            (struct ref){.log = {.node = {{(uint8_t)(i + 20)}}, .kind = (uint8_t)(1 + chance_below(chance, 2))}, .seq = 1 + chance_below(chance, 100000)};
        chance_fill(chance, header->seen[i].hash.b, 16);
    }
    chance_fill(chance, header->body_hash.b, 32);
    header->body_bytes = (uint32_t)chance_below(chance, BODY_BYTES_MAX + 1);
    header->has_batch = chance_below(chance, 2) == 0;
    chance_fill(chance, header->batch.b, header->has_batch ? 16 : 0);
    header->time = (int64_t)chance_next(chance) >> chance_below(chance, 64);
    return header;
}

static void random_headers_come_back(void **state) {
    (void)state;
    struct chance chance = {4};
    for (unsigned i = 0; i < 300; i++) {
        struct header *header = random_header(&chance), *read = calloc(1, sizeof *read);
        struct buffer bytes, again;
        buffer_init(&bytes, HEADER_BYTES_MAX);
        buffer_init(&again, HEADER_BYTES_MAX);
        assert_int_equal(header_encode(header, &bytes), STATUS_OK);
        assert_int_equal(header_decode(read, buffer_bytes(&bytes)), STATUS_OK);
        assert_true(read->seen_count == header->seen_count && read->audience_count == header->audience_count);
        for (size_t j = 0; j < read->seen_count; j++) {
            assert_int_equal(ref_compare(&read->seen[j], &header->seen[j]), 0);
        }
        for (size_t j = 0; j < read->audience_count; j++) {
            assert_true(ID_EQUAL(&read->audience[j].unit, &header->audience[j].unit) && read->audience[j].scope == header->audience[j].scope);
        }
        assert_true(read->seq == header->seq && read->time == header->time && read->has_batch == header->has_batch &&
                    read->has_continues == header->has_continues);
        assert_int_equal(header_encode(read, &again), STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&again)));
        assert_int_equal(recode_try(recode_header, buffer_bytes(&bytes), 100, i).failed, 0);
        buffer_fini(&bytes);
        buffer_fini(&again);
        free(header);
        free(read);
    }
}

/* ---- signatures ---- */

static void a_node_signs_its_header(void **state) {
    (void)state;
    struct founding founding = founding_of(2, 3);
    struct node_keys keys = keys_of(1), stranger = keys_of(2);
    struct header *header = base_header(LOG_REPORT, CLASS_RECORD, 1);
    struct buffer bytes;
    uint8_t signature[64];
    assert_int_equal(found(&founding), STATUS_OK);
    buffer_init(&bytes, HEADER_BYTES_MAX);
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    header_sign(signature, &founding.association, buffer_bytes(&bytes), &keys);
    struct bytes good = bytes_of(signature, sizeof signature);
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), good, keys.signing_public), STATUS_OK);
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), good, stranger.signing_public), STATUS_SIGNATURE_BAD);
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), good, NULL), STATUS_SIGNATURE_BAD);
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), bytes_of(signature, 63), keys.signing_public), STATUS_SIGNATURE_BAD);
    bytes.data[bytes.len - 2] ^= 1;
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), good, keys.signing_public), STATUS_SIGNATURE_BAD);
    bytes.data[bytes.len - 2] ^= 1;
    founding.association.b[0] ^= 1;
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), good, keys.signing_public), STATUS_SIGNATURE_BAD);
    buffer_fini(&bytes);
    free(header);
}

/* Signs with the recovery key at an index of the sorted statement. */
static void sign_part(uint8_t part[65], const struct founding *founding, struct bytes header, uint8_t index) {
    part[0] = index;
    for (uint8_t seed = 100; seed < 103; seed++) {
        struct node_keys keys = keys_of(seed);
        if (memcmp(keys.signing_public, founding->recovery_keys[index], 32) == 0) {
            header_sign(part + 1, &founding->association, header, &keys);
        }
    }
}

static void m_recovery_keys_sign_the_recovery_log(void **state) {
    (void)state;
    static const struct {
        uint8_t parts[3];
        size_t count;
        enum status status;
    } CASES[] = {{{0, 1}, 2, STATUS_OK},
                 {{0, 2}, 2, STATUS_OK},
                 {{1, 2}, 2, STATUS_OK},
                 {{1, 0}, 2, STATUS_SIGNATURE_BAD},
                 {{1, 1}, 2, STATUS_SIGNATURE_BAD},
                 {{0}, 1, STATUS_SIGNATURE_BAD},
                 {{0, 1, 2}, 3, STATUS_SIGNATURE_BAD},
                 {{0}, 0, STATUS_SIGNATURE_BAD}};
    struct founding founding = founding_of(2, 3), none = founding_of(0, 0);
    struct header *header = base_header(LOG_RECOVERY, CLASS_CONTROL, 1);
    struct buffer bytes;
    uint8_t signature[3 * 65] = {0};
    assert_int_equal(found(&founding), STATUS_OK);
    buffer_init(&bytes, HEADER_BYTES_MAX);
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (size_t j = 0; j < CASES[i].count; j++) {
            sign_part(signature + j * 65, &founding, buffer_bytes(&bytes), CASES[i].parts[j]);
        }
        assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), bytes_of(signature, CASES[i].count * 65), NULL), CASES[i].status);
    }
    sign_part(signature, &founding, buffer_bytes(&bytes), 0);
    sign_part(signature + 65, &founding, buffer_bytes(&bytes), 1);
    signature[65] = 2; /* a good signature under another key's index */
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), bytes_of(signature, 130), NULL), STATUS_SIGNATURE_BAD);
    signature[65] = 3; /* no such key */
    assert_int_equal(header_verify(&founding, header, buffer_bytes(&bytes), bytes_of(signature, 130), NULL), STATUS_SIGNATURE_BAD);
    assert_int_equal(header_verify(&none, header, buffer_bytes(&bytes), bytes_of(signature, 0), NULL), STATUS_SIGNATURE_BAD); /* nobody may write it */
    buffer_fini(&bytes);
    free(header);
}

/* ---- bodies ---- */

static void bodies_are_of_one_class(void **state) {
    (void)state;
    static const uint8_t EMPTY[] = {0x90}, NONCE[16] = {1}, NO_ARRAY[] = {0x05};
    struct change changes[2] = {{.kind = CHANGE_UNIT, .payload = bytes_of(EMPTY, 1)}, {.kind = CHANGE_FORM, .payload = bytes_of(EMPTY, 1)}};
    struct buffer body;
    struct body_reader reader;
    struct change change;
    buffer_init(&body, BODY_BYTES_MAX);
    assert_int_equal(body_encode(&body, NONCE, changes, 2), STATUS_OK);
    assert_int_equal(body_open(&reader, buffer_bytes(&body), CLASS_CONTROL), STATUS_OK);
    assert_true(reader.has_nonce && memcmp(reader.nonce, NONCE, 16) == 0);
    assert_true(body_next(&reader, &change) && change.kind == CHANGE_UNIT && change.place == 0 && change.payload.len == 1);
    assert_true(body_next(&reader, &change) && change.kind == CHANGE_FORM && change.place == 1);
    assert_false(body_next(&reader, &change));
    assert_int_equal(body_close(&reader), STATUS_OK);
    assert_int_equal(body_open(&reader, buffer_bytes(&body), CLASS_RECORD), STATUS_MALFORMED); /* a nonce tells control */
    buffer_clear(&body);
    assert_int_equal(body_encode(&body, NULL, changes, 2), STATUS_MALFORMED);
    assert_int_equal(body_encode(&body, NONCE, changes, 0), STATUS_MALFORMED);
    changes[1].kind = CHANGE_PUT;
    assert_int_equal(body_encode(&body, NONCE, changes, 2), STATUS_MALFORMED); /* two classes */
    changes[1].kind = 128;
    assert_int_equal(body_encode(&body, NONCE, changes, 2), STATUS_MALFORMED);
    changes[0].kind = 0;
    assert_int_equal(body_encode(&body, NONCE, changes, 1), STATUS_MALFORMED);
    changes[0] = (struct change){.kind = CHANGE_UNIT, .payload = bytes_of(NO_ARRAY, 1)};
    assert_int_equal(body_encode(&body, NONCE, changes, 1), STATUS_MALFORMED);
    assert_int_equal(body.len, 0);
    buffer_fini(&body);
}

/* What stands alone is handed on without being looked at, up to the body's end. */
static void a_change_that_stands_alone_goes_unread(void **state) {
    (void)state;
    static const uint8_t ALONE[] = {0x92, 0xc4, 0x00, 0x91, 0x92, 0x40, 0x91, 0xc1, 0xc1}, TWO[] = {0x92, 0xc4, 0x00, 0x92, 0x92, 0x40, 0x90, 0x92, 0x41, 0x90},
                         OTHER[] = {0x92, 0xc4, 0x00, 0x91, 0x92, 0x60, 0x90}, CUT[] = {0x92, 0xc4, 0x00, 0x91, 0x92};
    struct body_reader reader;
    struct change change;
    assert_int_equal(body_open(&reader, bytes_of(ALONE, sizeof ALONE), CLASS_RECORD), STATUS_OK);
    assert_true(body_only(&reader, &change));
    assert_int_equal(change.kind, CHANGE_PUT);
    assert_int_equal(change.place, 0);
    assert_true(change.payload.data == ALONE + 6 && change.payload.len == 3); /* c1 is no value, and a byte too many */
    assert_int_equal(body_open(&reader, bytes_of(TWO, sizeof TWO), CLASS_RECORD), STATUS_OK);
    assert_false(body_only(&reader, &change));
    assert_int_equal(body_open(&reader, bytes_of(OTHER, sizeof OTHER), CLASS_RECORD), STATUS_OK);
    assert_false(body_only(&reader, &change)); /* a document among records */
    assert_int_equal(body_open(&reader, bytes_of(CUT, sizeof CUT), CLASS_RECORD), STATUS_OK);
    assert_false(body_only(&reader, &change));
}

/* Account "a", no name, no role. */
#define PERSON 0x93, 0xa1, 'a', 0xa0, 0xa0

/* A person stands once, last, and behind something: in whichever of the two classes. */
static void a_person_stands_last(void **state) {
    (void)state;
    static const struct {
        uint8_t cls, bytes[24], len;
        bool good;
    } CASES[] = {
        {CLASS_RECORD, {0x92, 0xc4, 0x00, 0x92, 0x92, 0x41, 0x90, 0x92, 0x44, PERSON}, 14, true},
        {CLASS_DOCUMENT, {0x92, 0xc4, 0x00, 0x92, 0x92, 0x61, 0x90, 0x92, 0x65, PERSON}, 14, true},
        {CLASS_RECORD, {0x92, 0xc4, 0x00, 0x91, 0x92, 0x44, PERSON}, 11, false},                               /* of nothing */
        {CLASS_RECORD, {0x92, 0xc4, 0x00, 0x92, 0x92, 0x44, PERSON, 0x92, 0x41, 0x90}, 14, false},             /* first */
        {CLASS_RECORD, {0x92, 0xc4, 0x00, 0x93, 0x92, 0x41, 0x90, 0x92, 0x44, PERSON, 0x92, 0x41, 0x90}, 17, false}, /* in the middle */
        {CLASS_DOCUMENT, {0x92, 0xc4, 0x00, 0x93, 0x92, 0x61, 0x90, 0x92, 0x65, PERSON, 0x92, 0x65, PERSON}, 21, false}, /* twice */
        {CLASS_RECORD, {0x92, 0xc4, 0x00, 0x92, 0x92, 0x41, 0x90, 0x92, 0x65, PERSON}, 14, false},             /* of the other class */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct bytes body = bytes_of(CASES[i].bytes, CASES[i].len);
        struct body_reader reader;
        struct person person;
        assert_int_equal(body_open(&reader, body, CASES[i].cls), STATUS_OK);
        assert_int_equal(body_close(&reader), CASES[i].good ? STATUS_OK : STATUS_MALFORMED);
        assert_int_equal(person_of(&person, body, CASES[i].cls), CASES[i].good);
        assert_int_equal(person.account.len, CASES[i].good ? 1 : 0);
    }
}

/* What bodies mostly are: one change, and perhaps who wrote it. */
static void one_change_beside_its_person_goes_unread(void **state) {
    (void)state;
    static const uint8_t BOTH[] = {0x92, 0xc4, 0x00, 0x92, 0x92, 0x40, 0x90, 0x92, 0x44, PERSON}, ALONE[] = {0x92, 0xc4, 0x00, 0x91, 0x92, 0x40, 0x91, 0xc1},
                         TWO[] = {0x92, 0xc4, 0x00, 0x92, 0x92, 0x40, 0x90, 0x92, 0x41, 0x90},
                         UNSHAPED[] = {0x92, 0xc4, 0x00, 0x92, 0x92, 0x40, 0x90, 0x92, 0x44, 0x90},
                         LONGER[] = {0x92, 0xc4, 0x00, 0x92, 0x92, 0x40, 0x90, 0x92, 0x44, PERSON, 0xc0};
    struct change change;
    assert_true(person_body_only(bytes_of(BOTH, sizeof BOTH), CLASS_RECORD, &change));
    assert_int_equal(change.kind, CHANGE_PUT);
    assert_true(change.place == 0 && change.payload.data == BOTH + 6 && change.payload.len == 1);
    assert_true(person_body_only(bytes_of(ALONE, sizeof ALONE), CLASS_RECORD, &change));
    assert_true(change.payload.data == ALONE + 6 && change.payload.len == 2);
    assert_false(person_body_only(bytes_of(TWO, sizeof TWO), CLASS_RECORD, &change));
    assert_false(person_body_only(bytes_of(UNSHAPED, sizeof UNSHAPED), CLASS_RECORD, &change));
    assert_false(person_body_only(bytes_of(LONGER, sizeof LONGER), CLASS_RECORD, &change));
    assert_false(person_body_only(bytes_of(BOTH, sizeof BOTH), CLASS_CONTROL, &change));
}

/* A walk that stops early still learns at the end that the rest is bad. */
static void a_body_is_judged_to_its_end(void **state) {
    (void)state;
    static const uint8_t BODY[] = {0x92, 0xc4, 0x00, 0x92, 0x92, 0x40, 0x90, 0x92, 0x60, 0x90}; /* a put and a document */
    struct body_reader reader;
    struct change change;
    assert_int_equal(body_open(&reader, bytes_of(BODY, sizeof BODY), CLASS_RECORD), STATUS_OK);
    assert_true(body_next(&reader, &change));
    assert_int_equal(body_close(&reader), STATUS_MALFORMED);
    uint8_t longer[sizeof BODY + 1];
    memcpy(longer, BODY, sizeof BODY);
    longer[8] = 0x41;
    longer[sizeof BODY] = 0xc0;
    assert_int_equal(body_open(&reader, bytes_of(longer, sizeof BODY), CLASS_RECORD), STATUS_OK);
    assert_int_equal(body_close(&reader), STATUS_OK);
    assert_int_equal(body_open(&reader, bytes_of(longer, sizeof longer), CLASS_RECORD), STATUS_OK);
    assert_int_equal(body_close(&reader), STATUS_TRAILING);
    assert_int_equal(body_open(&reader, bytes_of(longer, sizeof BODY - 1), CLASS_RECORD), STATUS_OK);
    assert_int_equal(body_close(&reader), STATUS_TRUNCATED);
}

static void a_body_belongs_to_one_header(void **state) {
    (void)state;
    static const struct association_id association = {{5}}, elsewhere = {{6}};
    uint8_t salt[SALT_BYTES] = {9}, body[] = "body";
    struct header *header = base_header(LOG_REPORT, CLASS_RECORD, 1);
    header->body_bytes = 4;
    body_hash(&header->body_hash, &association, salt, bytes_of(body, 4));
    assert_int_equal(body_verify(&association, header, bytes_of(salt, 32), bytes_of(body, 4)), STATUS_OK);
    assert_int_equal(body_verify(&elsewhere, header, bytes_of(salt, 32), bytes_of(body, 4)), STATUS_HASH_MISMATCH);
    assert_int_equal(body_verify(&association, header, bytes_of(salt, 32), bytes_of(body, 3)), STATUS_MALFORMED);
    assert_int_equal(body_verify(&association, header, bytes_of(salt, 31), bytes_of(body, 4)), STATUS_MALFORMED);
    salt[31] = 1;
    assert_int_equal(body_verify(&association, header, bytes_of(salt, 32), bytes_of(body, 4)), STATUS_HASH_MISMATCH);
    free(header);
}

static void kinds_have_classes(void **state) {
    (void)state;
    static const uint64_t EDGES[] = {0, 1, 63, 64, 95, 96, 127, 128, UINT64_MAX};
    static const uint8_t CLASSES[] = {0, 1, 1, 2, 2, 3, 3, 0, 0};
    for (size_t i = 0; i < sizeof CLASSES; i++) {
        assert_int_equal(change_class(EDGES[i]), CLASSES[i]);
    }
    size_t known = 0;
    for (uint64_t kind = 0; kind < 200; kind++) {
        known += change_known(kind);
    }
    assert_int_equal(known, 20);
    assert_true(change_known(CHANGE_PUT) && change_known(CHANGE_MOVE) && !change_known(CHANGE_LOCK));
}

/* ---- receipts ---- */

static void receipts_say_no_more_than_they_hold(void **state) {
    (void)state;
    struct receipt receipt = {.log = {.kind = LOG_REPORT}, .seq = 10, .bodies = 9, .applied = 8, .aside = 10}, other = receipt, read;
    struct buffer bytes;
    buffer_init(&bytes, RECEIPT_BYTES_MAX);
    assert_int_equal(receipt_encode(&receipt, &bytes), STATUS_OK);
    assert_int_equal(receipt_decode(&read, buffer_bytes(&bytes)), STATUS_OK);
    assert_int_equal(receipt_compare(&receipt, &read), 0);
    other.applied = 10; /* more than it has bodies */
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_MALFORMED);
    other = receipt;
    other.bodies = 11;
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_MALFORMED);
    other = receipt;
    other.aside = 11;
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_MALFORMED);
    other = receipt;
    other.seq = SEQ_MAX;
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_OK);
    buffer_clear(&bytes);
    other.seq++;
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_MALFORMED);
    assert_int_equal(receipt_encode(&receipt, &bytes), STATUS_OK);
    static const uint8_t CRITICAL[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00};
    other = receipt;
    other.extensions = bytes_of(CRITICAL, sizeof CRITICAL);
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_CRITICAL_EXTENSION);
    other.bodies = 11; /* malformed besides: that is what it is then */
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_MALFORMED);
    other = (struct receipt){.log = {.kind = LOG_REPORT}};
    assert_int_equal(receipt_encode(&other, &bytes), STATUS_MALFORMED); /* of nothing */
    other = receipt;
    other.applied = 9;
    assert_true(receipt_compare(&receipt, &other) < 0);
    other.bodies = 8;
    assert_true(receipt_compare(&receipt, &other) > 0); /* bodies before applied */
    other.seq = 11;
    assert_true(receipt_compare(&receipt, &other) < 0); /* seq before bodies */
    assert_int_equal(recode_try(recode_receipt, buffer_bytes(&bytes), 5000, 1).failed, 0);
    buffer_fini(&bytes);
}

/* Each member is within its bounds, and the whole is too long: extensions allow that. */
static void no_structure_passes_its_length(void **state) {
    (void)state;
    static uint8_t data[EXTENSION_BYTES_MAX];
    struct buffer extensions, out;
    struct writer writer;
    buffer_init(&extensions, 1u << 20);
    buffer_init(&out, 1u << 20);
    writer_init(&writer, &extensions);
    writer_array(&writer, EXTENSIONS_MAX);
    for (uint64_t i = 0; i < EXTENSIONS_MAX; i++) {
        writer_array(&writer, 3);
        writer_uint(&writer, i);
        writer_bool(&writer, false);
        writer_bin(&writer, bytes_of(data, sizeof data));
    }
    assert_int_equal(writer_end(&writer), STATUS_OK);
    struct founding founding = founding_of(0, 0);
    struct receipt receipt = {.log = {.kind = LOG_REPORT}, .seq = 1, .extensions = buffer_bytes(&extensions)};
    struct header *header = base_header(LOG_REPORT, CLASS_RECORD, 1);
    founding.extensions = header->extensions = buffer_bytes(&extensions);
    assert_int_equal(founding_encode(&founding, &out), STATUS_MALFORMED);
    assert_int_equal(receipt_encode(&receipt, &out), STATUS_MALFORMED);
    assert_int_equal(header_encode(header, &out), STATUS_MALFORMED);
    assert_int_equal(out.len, 0);
    struct body_reader reader;
    uint8_t *large = calloc(1, BODY_BYTES_MAX + 1);
    assert_int_equal(body_open(&reader, bytes_of(large, BODY_BYTES_MAX + 1), CLASS_RECORD), STATUS_MALFORMED);
    free(large);
    free(header);
    buffer_fini(&extensions);
    buffer_fini(&out);
}

static void refs_name_entries(void **state) {
    (void)state;
    struct header *header = base_header(LOG_REPORT, CLASS_RECORD, 9);
    struct hash hash;
    struct ref ref;
    header_hash(&hash, NULL, bytes_of("header", 6));
    header_ref(&ref, header, &hash);
    assert_true(log_id_equal(&ref.log, &header->log) && ref.seq == 9);
    assert_memory_equal(ref.hash.b, hash.b, sizeof ref.hash.b);
    free(header);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(founding_statements),
        cmocka_unit_test(classes_stand_in_their_logs),
        cmocka_unit_test(a_person_stands_last),
        cmocka_unit_test(one_change_beside_its_person_goes_unread),
        cmocka_unit_test(broken_rules_are_refused),
        cmocka_unit_test(the_fullest_header_fits),
        cmocka_unit_test(versions_and_extensions),
        cmocka_unit_test(random_headers_come_back),
        cmocka_unit_test(a_node_signs_its_header),
        cmocka_unit_test(m_recovery_keys_sign_the_recovery_log),
        cmocka_unit_test(bodies_are_of_one_class),
        cmocka_unit_test(a_change_that_stands_alone_goes_unread),
        cmocka_unit_test(a_body_is_judged_to_its_end),
        cmocka_unit_test(a_body_belongs_to_one_header),
        cmocka_unit_test(kinds_have_classes),
        cmocka_unit_test(receipts_say_no_more_than_they_hold),
        cmocka_unit_test(no_structure_passes_its_length),
        cmocka_unit_test(refs_name_entries),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
