/* Messages of a link, of the enrolment lane, and the token. */
#include "tests/golden/vectors.h"

#include "protocol/join_file.h"
#include "protocol/parts.h"

static void add(json_t *list, const struct world *world, const char *name, const char *structure, struct buffer *message) {
    vectors_add(list, world, name, structure, buffer_bytes(message));
    buffer_clear(message);
}

static void add_hello(json_t *list, const struct world *world, struct buffer *message) {
    struct hello hello = {.association = world->founding.association,
                          .node = world->commune_node,
                          .unit = world->commune_unit,
                          .window = WINDOW_BYTES,
                          .message_max = MESSAGE_BYTES_WANTED,
                          .missing = 3,
                          .time = 1735689600};
    vectors_fill(hello.incarnation, sizeof hello.incarnation, "incarnation");
    vectors_fill(hello.state.b, sizeof hello.state.b, "state");
    vectors_must(hello_encode(&hello, message), "hello");
    add(list, world, "hello", "hello", message);
    /* [[7, false, ]] */
    static const uint8_t EXTENSION[] = {0x91, 0x93, 0x07, 0xc2, 0xc4, 0x00};
    hello.extensions = bytes_of(EXTENSION, sizeof EXTENSION);
    hello.window = WINDOW_BYTES_LEAST;
    hello.message_max = MESSAGE_BYTES_MAX;
    hello.missing = 0;
    vectors_must(hello_encode(&hello, message), "hello");
    add(list, world, "hello-extension", "hello", message);
    vectors_must(state_encode(&hello.state, 70000, message), "state");
    add(list, world, "state", "state", message);
}

/* ---- have, its bucket's digest, buckets and state ---- */

static void add_log_state(struct buffer *states, struct buffer *elements, const struct log_state *state) {
    vectors_must(log_state_encode(state, states), "log state");
    const struct bucket_element element = {.log = state->log,
                                           .seq = state->seq,
                                           .hash = state->hash,
                                           .receipts = state->receipts,
                                           .receipt_count = state->receipt_count,
                                           .fork = state->fork};
    vectors_must(bucket_element_encode(&element, elements), "element");
}

static void add_have(json_t *list, const struct world *world, struct buffer *message) {
    struct buffer states, elements;
    struct log_state first = {.seq = 5}, second = {.seq = 70000};
    buffer_init(&states, MESSAGE_BYTES_MAX);
    buffer_init(&elements, MESSAGE_BYTES_MAX);
    first.log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    vectors_fill(first.hash.b, sizeof first.hash.b, "head 5");
    second.log = vectors_log(&world->commune_node, LOG_DIRECTIVE, "commune epoch 1");
    vectors_fill(second.hash.b, sizeof second.hash.b, "head 70000");
    second.gap_count = 3;
    second.gaps[0] = (struct gap){1, 1};
    second.gaps[1] = (struct gap){3, 300};
    second.gaps[2] = (struct gap){69999, 70000};
    second.partial_count = 2;
    second.partials[0] = (struct partial){3, 1};
    second.partials[1] = (struct partial){300, BODY_BYTES_MAX - 1};
    second.receipt_count = 2;
    bool root_first = ID_COMPARE(&world->founding.founder, &world->province_node) < 0;
    second.receipts[0] = (struct held_receipt){root_first ? world->founding.founder : world->province_node, 70000, 69000, 68000};
    second.receipts[1] = (struct held_receipt){root_first ? world->province_node : world->founding.founder, 80000, 0, 0};
    second.fork = (struct fork_mark){.seq = 300, .one = {{1}}, .other = {{1, 2}}};
    add_log_state(&states, &elements, &first);
    add_log_state(&states, &elements, &second);

    unsigned bucket = bucket_of(&first.log);
    uint8_t marked[BUCKETS / 8] = {0};
    struct bucket_digests digests = {0};
    struct hash digest;
    marked[bucket / 8] = (uint8_t)(1u << bucket % 8);
    keys_hash(&digest, "bucket", &world->founding.association, buffer_bytes(&elements), (struct bytes){0});
    memcpy(digests.b[bucket], digest.b, sizeof digests.b[bucket]);
    vectors_must(have_encode(marked, buffer_bytes(&states), 2, message), "have");
    json_t *vector = vectors_add(list, world, "have-gaps-partials-receipts", "have", buffer_bytes(message));
    json_object_set_new(vector, "bucket", json_integer(bucket));
    vectors_fact(vector, "bucket_digest", digests.b[bucket], sizeof digests.b[bucket]);
    buffer_clear(message);

    vectors_must(buckets_encode(&digests, message), "buckets");
    struct state_digest state;
    state_of_buckets(&state, &world->founding.association, &digests);
    vector = vectors_add(list, world, "buckets-all-but-one-empty", "buckets", buffer_bytes(message));
    vectors_fact(vector, "state", state.b, sizeof state.b);
    buffer_clear(message);

    memset(marked, 0xff, sizeof marked);
    vectors_must(have_encode(marked, (struct bytes){0}, 0, message), "have");
    add(list, world, "have-nothing", "have", message);
    buffer_fini(&states);
    buffer_fini(&elements);
}

/* ---- entries ---- */

/* The items of "entries-zstd" as zstd 1.5.4 packs them at level 3. Another version may choose other bytes, which are as good: so these are written down, and
 * what counts is that they are taken apart to the same items. */
static const uint8_t FRAME[] = {
#include "tests/golden/frame.inc"
};

/* A put's body as a commune writes it, long enough to go in parts and alike enough to be packed. */
static void make_body(struct buffer *body) {
    struct record_key key = {.period = 12 * 2025 + 0};
    uint16_t ordinals[] = {0, 3};
    struct cell cells[] = {
        {.state = CELL_VALUE, .type = CELL_INT, .number = 1200},
        {.state = CELL_VALUE,
         .type = CELL_TEXT,
         .text = vectors_text("Chi hội Ấp 1: 120 hội viên. Chi hội Ấp 2: 120 hội viên. Chi hội Ấp 3: 120 hội viên. Chi hội Ấp 4: 120 hội viên. "
                              "Chi hội Ấp 5: 120 hội viên. Chi hội Ấp 6: 120 hội viên. Chi hội Ấp 7: 120 hội viên.")}};
    struct put put = {.record_count = 1, .column_count = 2, .keys = &key, .ordinals = ordinals, .cells = cells};
    struct buffer payload;
    vectors_fill(put.form_version.b, sizeof put.form_version.b, "form version");
    buffer_init(&payload, BODY_BYTES_MAX);
    vectors_must(put_encode(&put, &payload), "put");
    const struct change change = {.kind = CHANGE_PUT, .payload = buffer_bytes(&payload)};
    vectors_must(body_encode(body, NULL, &change, 1), "body");
    buffer_fini(&payload);
}

static void fill_header(struct item *item, struct buffer *bytes, const struct world *world, const uint8_t salt[SALT_BYTES], struct bytes body) {
    struct header header = {.seq = 1, .cls = CLASS_RECORD, .audience_count = 1, .body_bytes = (uint32_t)body.len, .time = 1735689600};
    header.log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    header.audience[0] = (struct term){.unit = world->commune_unit};
    body_hash(&header.body_hash, &world->founding.association, salt, body);
    vectors_must(header_encode(&header, bytes), "header");
    item->kind = ITEM_ENTRY;
    item->entry.header = buffer_bytes(bytes);
}

/* The array of items in raw, as it is (codec 0) or packed. Emptied both. */
static void add_items(json_t *list, const struct world *world, const char *name, struct buffer *raw, struct bytes packed, struct buffer *message) {
    struct writer writer;
    writer_init(&writer, message);
    writer_array(&writer, 4);
    writer_uint(&writer, MESSAGE_ENTRIES);
    writer_uint(&writer, packed.len > 0);
    writer_uint(&writer, raw->len);
    writer_bin(&writer, packed.len > 0 ? packed : buffer_bytes(raw));
    vectors_must(writer_end(&writer), name);
    struct entries entries;
    vectors_must(entries_open(&entries, buffer_bytes(message)), name);
    if (packed.len > 0 && !bytes_equal(buffer_bytes(&entries.raw), buffer_bytes(raw))) {
        vectors_must(STATUS_COMPRESSION_BAD, "tests/golden/frame.inc holds other items");
    }
    vectors_must(entries_close(&entries), name);
    entries_fini(&entries);
    json_t *vector = vectors_add(list, world, name, "entries", buffer_bytes(message));
    vectors_fact(vector, "items", raw->data, raw->len);
    json_object_set_new(vector, "items_decoded", vectors_render(buffer_bytes(raw)));
    buffer_clear(message);
    buffer_clear(raw);
}

static void begin_items(struct buffer *raw, size_t count) {
    struct writer writer;
    writer_init(&writer, raw);
    writer_array(&writer, count);
    vectors_must(writer_end(&writer), "items");
}

/* The end of the body, from here on: a part of it. */
enum { PART_OFFSET = 200 };

static void add_entries(json_t *list, const struct world *world, struct buffer *message) {
    struct buffer raw, header, body;
    uint8_t signature[64], salt[SALT_BYTES];
    struct item item = {0};
    buffer_init(&raw, RAW_BYTES_MAX);
    buffer_init(&header, HEADER_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    vectors_fill(salt, sizeof salt, "salt");
    make_body(&body);
    fill_header(&item, &header, world, salt, buffer_bytes(&body));
    header_sign(signature, &world->founding.association, buffer_bytes(&header), &world->commune);
    item.entry.signature = bytes_of(signature, sizeof signature);
    begin_items(&raw, 1);
    vectors_must(item_encode(&item, &raw), "item");
    add_items(list, world, "entries-header-alone", &raw, (struct bytes){0}, message);

    const struct item evidence = {.kind = ITEM_EVIDENCE, .entry = {.header = item.entry.header, .signature = item.entry.signature}, .own = true};
    begin_items(&raw, 1);
    vectors_must(item_encode(&evidence, &raw), "item");
    add_items(list, world, "entries-evidence", &raw, (struct bytes){0}, message);

    const struct log_id founder_log = vectors_log(&world->founding.founder, LOG_DIRECTIVE, "founder epoch");
    const struct item offers[] = {
        {.kind = ITEM_OFFER, .log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1"), .seq = 40},
        {.kind = ITEM_OFFER,
         .log = vectors_log(&world->commune_node, LOG_DIRECTIVE, "commune epoch 2"),
         .seq = 7,
         .has_of = true,
         .of = vectors_ref(&founder_log, 3, "of")},
    };
    begin_items(&raw, 2);
    vectors_must(item_encode(&offers[0], &raw), "item");
    vectors_must(item_encode(&offers[1], &raw), "item");
    add_items(list, world, "entries-offers", &raw, (struct bytes){0}, message);

    struct item piece = {.kind = ITEM_PART, .log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1"), .seq = 1, .offset = PART_OFFSET};
    piece.salt = bytes_of(salt, sizeof salt);
    piece.part = bytes_of(body.data + PART_OFFSET, body.len - PART_OFFSET);
    begin_items(&raw, 1);
    vectors_must(item_encode(&piece, &raw), "item");
    add_items(list, world, "entries-part", &raw, (struct bytes){0}, message);

    item.entry.salt = bytes_of(salt, sizeof salt);
    item.entry.body = buffer_bytes(&body);
    begin_items(&raw, 2);
    vectors_must(item_encode(&item, &raw), "item");
    vectors_must(item_encode(&piece, &raw), "item");
    add_items(list, world, "entries-zstd", &raw, bytes_of(FRAME, sizeof FRAME), message);
    buffer_fini(&raw);
    buffer_fini(&header);
    buffer_fini(&body);
}

static void add_receipts(json_t *list, const struct world *world, struct buffer *message) {
    struct buffer bytes[2];
    struct signed_receipt receipts[2];
    struct receipt receipt = {.holder = world->province_node, .seq = 5, .bodies = 5, .applied = 4, .aside = 1, .time = 1735689600};
    receipt.log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    vectors_fill(receipt.hash.b, sizeof receipt.hash.b, "head 5");
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&bytes[i], RECEIPT_BYTES_MAX);
        receipt.holder = i == 0 ? world->province_node : world->founding.founder;
        vectors_must(receipt_encode(&receipt, &bytes[i]), "receipt");
        receipts[i].receipt = buffer_bytes(&bytes[i]);
        keys_sign(receipts[i].signature, "receipt", &world->founding.association, receipts[i].receipt, i == 0 ? &world->province : &world->founder);
    }
    vectors_must(receipts_encode(receipts, 2, message), "receipts");
    add(list, world, "receipts", "receipts", message);

    /* Of a later version, and with a critical extension: both to be passed over, in a message that is good. [[7, true, ]] */
    static const uint8_t EXTENSION[] = {0x91, 0x93, 0x07, 0xc2, 0xc4, 0x00};
    receipt.extensions = bytes_of(EXTENSION, sizeof EXTENSION);
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&bytes[i]);
        vectors_must(receipt_encode(&receipt, &bytes[i]), "receipt");
        bytes[i].data[i == 0 ? 1 : bytes[i].len - 3] = i == 0 ? 2 : 0xc3;
        receipts[i].receipt = buffer_bytes(&bytes[i]);
        keys_sign(receipts[i].signature, "receipt", &world->founding.association, receipts[i].receipt, &world->founder);
    }
    vectors_must(receipts_encode(receipts, 2, message), "receipts");
    add(list, world, "receipts-to-pass-over", "receipts", message);
    buffer_fini(&bytes[0]);
    buffer_fini(&bytes[1]);
}

static void add_numbers(json_t *list, const struct world *world, struct buffer *message) {
    struct log_id log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    vectors_must(progress_encode(UINT64_MAX, message), "progress");
    add(list, world, "progress", "progress", message);
    vectors_must(refused_encode(&log, 7, REFUSED_GAP, message), "refused");
    add(list, world, "refused", "refused", message);
    vectors_must(bye_encode(BYE_CLOSING, message), "bye");
    add(list, world, "bye", "bye", message);
    vectors_must(join_refused_encode(JOIN_USED, message), "join refused");
    add(list, world, "join-refused", "join_refused", message);
}

/* ---- enrolment ---- */

/* The head of the founder's directive log, as the province knows it. */
static struct ref root_head(const struct world *world) {
    struct log_id log = vectors_log(&world->founding.founder, LOG_DIRECTIVE, "founder epoch 1");
    return vectors_ref(&log, 5, "root head");
}

/* The province's token for the commune; terms (may be NULL): what it stands for. */
static void make_token(const struct world *world, struct token *token, struct token_terms *terms) {
    struct token_terms own = {
        .association = world->founding.association, .inviter = world->province_node, .unit = world->commune_unit, .root = root_head(world)};
    *token = (struct token){.address_count = 3};
    memcpy(token->transport_key, world->province.transport_public, sizeof token->transport_key);
    vectors_fill(token->secret, sizeof token->secret, "secret");
    vectors_must(token_bond(token->bond, token, &own), "bond");
    token->addresses[0] = vectors_text("tcp://192.0.2.10:5670");
    token->addresses[1] = vectors_text("tcp://[2001:db8::1]:5670");
    token->addresses[2] = vectors_text("tcp://tinh.example:5670");
    if (terms != NULL) {
        *terms = own;
    }
}

static void add_files(json_t *list, const struct world *world, struct bytes joined, struct buffer *file) {
    struct buffer messages, hello;
    struct writer writer;
    struct join_admission admission = {.joined = joined, .address_count = 1, .message_count = 2};
    char fingerprint[JOIN_FINGERPRINT_BYTES];
    vectors_must(join_request_encode(&world->commune, file), "request");
    json_t *vector = vectors_add(list, world, "join-request", "join_request", buffer_bytes(file));
    join_request_fingerprint(fingerprint, world->commune.signing_public, world->commune.transport_public);
    json_object_set_new(vector, "fingerprint", json_string(fingerprint));
    buffer_clear(file);
    buffer_init(&messages, MESSAGE_BYTES_MAX);
    buffer_init(&hello, MESSAGE_BYTES_MAX);
    vectors_must(progress_encode(7, &hello), "a message");
    writer_init(&writer, &messages);
    writer_bin(&writer, buffer_bytes(&hello));
    writer_bin(&writer, buffer_bytes(&hello));
    vectors_must(writer_end(&writer), "messages");
    admission.hello = buffer_bytes(&hello);
    admission.messages = buffer_bytes(&messages);
    admission.addresses[0] = vectors_text("tcp://tinh.example:5670");
    memcpy(admission.inviter_signing, world->province.signing_public, 32);
    memcpy(admission.inviter_transport, world->province.transport_public, 32);
    vectors_must(join_admission_encode(&admission, &world->founding.association, &world->province, file), "admission");
    vectors_add(list, world, "join-admission", "join_admission", buffer_bytes(file));
    buffer_clear(file);
    buffer_fini(&messages);
    buffer_fini(&hello);
}

static void add_join(json_t *list, const struct world *world, struct buffer *message) {
    struct join join;
    struct token token;
    make_token(world, &token, NULL);
    vectors_must(join_encode(&join, &token, &world->commune, message), "join");
    json_t *vector = vectors_add(list, world, "join", "join", buffer_bytes(message));
    vectors_fact(vector, "bond", token.bond, sizeof token.bond);
    vectors_fact(vector, "inviter_key", token.transport_key, sizeof token.transport_key);
    buffer_clear(message);

    struct buffer core;
    struct joined joined = {.statement = buffer_bytes(&world->statement), .line = world->commune_admission.line};
    struct log_id log = vectors_log(&world->province_node, LOG_DIRECTIVE, "province epoch 1");
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    vectors_must(admission_core_encode(&world->commune_admission, &core), "core");
    founding_sign(joined.signature, joined.statement, &world->founder);
    joined.core = buffer_bytes(&core);
    joined.admission = vectors_ref(&log, 17, "admission");
    joined.root = root_head(world);
    vectors_must(joined_encode(&joined, message), "joined");
    vector = vectors_add(list, world, "joined", "joined", buffer_bytes(message));
    vectors_fact(vector, "node_id", world->commune_node.b, sizeof world->commune_node.b);
    struct buffer file;
    buffer_init(&file, MESSAGE_BYTES_MAX);
    add_files(list, world, buffer_bytes(message), &file);
    buffer_fini(&file);
    buffer_clear(message);
    buffer_fini(&core);
}

static void add_token(json_t *list, const struct world *world, struct buffer *array) {
    struct buffer text;
    struct token token, again;
    struct token_terms terms;
    struct writer writer;
    make_token(world, &token, &terms);
    buffer_init(&text, 4 * TOKEN_BYTES_MAX);
    vectors_must(token_encode(&token, &text), "token");
    /* What token_decode leaves in memory: the array, its check byte, the addresses as text. */
    vectors_must(token_decode(&again, bytes_of(text.data, text.len - 1), array), "token");
    size_t len = array->len - 1;
    for (size_t i = 0; i < again.address_count; i++) {
        len -= again.addresses[i].len;
    }
    json_t *vector = vectors_add(list, world, "token", "token", bytes_of(array->data, len));
    json_object_set_new(vector, "text", json_string((const char *)text.data));
    vectors_fact(vector, "inviter", terms.inviter.b, sizeof terms.inviter.b);
    vectors_fact(vector, "unit", terms.unit.b, sizeof terms.unit.b);
    buffer_clear(array);
    writer_init(&writer, array);
    parts_write_ref(&writer, &terms.root);
    vectors_must(writer_end(&writer), "ref");
    vectors_fact(vector, "root", array->data, array->len);
    buffer_clear(array);
    buffer_fini(&text);
}

void vectors_add_messages(json_t *list, const struct world *world) {
    struct buffer message;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    add_hello(list, world, &message);
    add_have(list, world, &message);
    add_entries(list, world, &message);
    add_receipts(list, world, &message);
    add_numbers(list, world, &message);
    add_join(list, world, &message);
    add_token(list, world, &message);
    buffer_fini(&message);
}
