/* Messages: what a peer may say of a log, packed items and what a hostile packer might send, tokens as people copy them, joining. */
#include "protocol/keys.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <zstd.h>

#include <cmocka.h>

static void types_by_the_first_bytes(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[2];
        unsigned type;
    } CASES[] = {{{0x9e, 1}, MESSAGE_HELLO},
                 {{0x92, 9}, MESSAGE_BYE},
                 {{0x98, 16}, MESSAGE_JOIN},
                 {{0x92, 18}, MESSAGE_JOIN_REFUSED},
                 {{0x92, 0}, 0},
                 {{0x92, 10}, 0},
                 {{0x92, 15}, 0},
                 {{0x92, 19}, 0},
                 {{0x91, 1}, 0},
                 {{0x9f, 1}, 0},
                 {{0x92, 0xcc}, 0},
                 {{0xa2, 1}, 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(message_type(bytes_of(CASES[i].bytes, 2)), CASES[i].type);
    }
    assert_int_equal(message_type(bytes_of(CASES[0].bytes, 1)), 0);
    assert_int_equal(message_type((struct bytes){0}), 0);
    uint8_t *long_message = calloc(1, MESSAGE_BYTES_MAX + 1);
    long_message[0] = 0x94;
    long_message[1] = MESSAGE_ENTRIES;
    assert_int_equal(message_type(bytes_of(long_message, MESSAGE_BYTES_MAX)), MESSAGE_ENTRIES);
    assert_int_equal(message_type(bytes_of(long_message, MESSAGE_BYTES_MAX + 1)), 0);
    free(long_message);
}

static void hellos_keep_their_bounds(void **state) {
    (void)state;
    static const struct {
        uint32_t window, message_max;
        enum status status;
    } CASES[] = {{WINDOW_BYTES_LEAST, MESSAGE_BYTES_LEAST, STATUS_OK},
                 {WINDOW_BYTES_MOST, MESSAGE_BYTES_MAX, STATUS_OK},
                 {WINDOW_BYTES_LEAST - 1, MESSAGE_BYTES_LEAST, STATUS_MALFORMED},
                 {WINDOW_BYTES_LEAST, MESSAGE_BYTES_LEAST - 1, STATUS_MALFORMED},
                 {WINDOW_BYTES_MOST + 1, MESSAGE_BYTES_LEAST, STATUS_MALFORMED},
                 {WINDOW_BYTES_LEAST, MESSAGE_BYTES_MAX + 1, STATUS_MALFORMED}};
    static const uint8_t CRITICAL[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00};
    struct buffer message;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct hello hello = {.window = CASES[i].window, .message_max = CASES[i].message_max};
        buffer_clear(&message);
        assert_int_equal(hello_encode(&hello, &message), CASES[i].status);
    }
    struct hello hello = {.window = WINDOW_BYTES, .message_max = MESSAGE_BYTES_WANTED, .extensions = bytes_of(CRITICAL, sizeof CRITICAL)};
    assert_int_equal(hello_encode(&hello, &message), STATUS_CRITICAL_EXTENSION);
    hello.extensions = (struct bytes){0};
    buffer_clear(&message);
    assert_int_equal(hello_encode(&hello, &message), STATUS_OK);
    message.data[3] = 9; /* the suite */
    assert_int_equal(hello_decode(&hello, buffer_bytes(&message)), STATUS_VERSION_UNKNOWN);
    buffer_fini(&message);
}

static void numbers_keep_their_bounds(void **state) {
    (void)state;
    struct buffer message;
    struct log_id log = {.kind = LOG_REPORT};
    buffer_init(&message, 1024);
    assert_int_equal(bye_encode(BYE_BUSY, &message), STATUS_OK);
    assert_int_equal(bye_encode(BYE_BUSY + 1, &message), STATUS_MALFORMED);
    assert_int_equal(join_refused_encode(0, &message), STATUS_MALFORMED);
    assert_int_equal(join_refused_encode(JOIN_BUSY + 1, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, 1, REFUSED_NO_ROOM, &message), STATUS_OK);
    assert_int_equal(refused_encode(&log, 0, REFUSED_NO_ROOM, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, 1, 0, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, 1, REFUSED_NO_ROOM + 1, &message), STATUS_MALFORMED);
    static const uint8_t ZERO[] = {0x92, 18, 0}, ANOTHER[] = {0x92, 7, 1};
    unsigned reason;
    uint64_t bytes;
    assert_int_equal(join_refused_decode(&reason, bytes_of(ZERO, sizeof ZERO)), STATUS_MALFORMED);
    assert_int_equal(bye_decode(&reason, bytes_of(ANOTHER, sizeof ANOTHER)), STATUS_MALFORMED); /* of another type */
    assert_int_equal(progress_decode(&bytes, bytes_of(ANOTHER, sizeof ANOTHER)), STATUS_OK);
    assert_int_equal(bytes, 1);
    buffer_fini(&message);
}

/* ---- have ---- */

static struct log_state *good_state(void) {
    struct log_state *state = calloc(1, sizeof *state);
    state->log.kind = LOG_REPORT;
    state->seq = 10;
    state->gap_count = 2;
    state->gaps[0] = (struct gap){1, 2};
    state->gaps[1] = (struct gap){4, 10};
    state->partial_count = 1;
    state->partials[0] = (struct partial){4, 100};
    state->receipt_count = 2;
    state->receipts[0] = (struct held_receipt){{{1}}, 10, 9, 8};
    state->receipts[1] = (struct held_receipt){{{2}}, 10, 0, 0};
    return state;
}

static void states_of_logs(void **state) {
    (void)state;
    struct buffer bytes;
    buffer_init(&bytes, MESSAGE_BYTES_MAX);
    for (unsigned broken = 0;; broken++) {
        struct log_state *log = good_state();
        assert_int_equal(log_state_encode(log, &bytes), STATUS_OK);
        /* clang-format off */
        switch (broken) {
        case 0: log->seq = 9; break; /* a gap beyond it */
        case 1: log->gaps[0].from = 0; break;
        case 2: log->gaps[0].to = 3; break; /* touches the next */
        case 3: log->gaps[0].to = 0; break; /* backwards */
        case 4: log->gaps[1].from = 2; break; /* overlaps */
        case 5: log->partials[0].bytes = 0; break;
        case 6: log->partials[0].bytes = BODY_BYTES_MAX; break;
        case 7: log->partial_count = 2; log->partials[1] = log->partials[0]; break;
        case 8: log->partials[0].seq = 11; break;
        case 9: log->receipts[1].holder.b[0] = 1; break; /* one holder twice */
        case 10: log->receipts[0].applied = 10; break;
        case 11: log->receipts[0].seq = 0; break;
        case 12: log->receipt_count = LOG_STATE_RECEIPTS_MAX + 1; break;
        case 13: log->gap_count = GAP_PAIRS_MAX + 1; break;
        case 14: log->partial_count = PARTIAL_PAIRS_MAX + 1; break;
        case 15: log->log.kind = 0; break;
        case 16: log->seq = 0; break;
        default: free(log); assert_int_equal(broken, 17); buffer_fini(&bytes); return;
        }
        /* clang-format on */
        size_t before = bytes.len;
        if (log_state_encode(log, &bytes) != STATUS_MALFORMED || bytes.len != before) {
            fail_msg("rule %u", broken);
        }
        free(log);
    }
}

/* Two log states; which buckets are marked, and what the reader says. */
static enum status have_of(const struct log_state *first, const struct log_state *second, const uint8_t buckets[BUCKETS / 8], size_t count) {
    struct buffer states, message;
    buffer_init(&states, MESSAGE_BYTES_MAX);
    buffer_init(&message, MESSAGE_BYTES_MAX);
    assert_int_equal(log_state_encode(first, &states), STATUS_OK);
    assert_int_equal(log_state_encode(second, &states), STATUS_OK);
    enum status status = have_encode(buckets, buffer_bytes(&states), count, &message);
    if (status == STATUS_OK) {
        assert_int_equal(recode_try(recode_have, buffer_bytes(&message), 2000, 1).failed, 0);
    }
    buffer_fini(&states);
    buffer_fini(&message);
    return status;
}

static void have_lists_logs_in_order(void **state) {
    (void)state;
    struct log_state *first = good_state(), *second = good_state();
    uint8_t buckets[BUCKETS / 8] = {1};
    second->log.epoch.b[0] = 1;
    assert_int_equal(have_of(first, second, buckets, 2), STATUS_OK);
    assert_int_equal(have_of(second, first, buckets, 2), STATUS_MALFORMED); /* out of order */
    assert_int_equal(have_of(first, first, buckets, 2), STATUS_MALFORMED);  /* twice */
    assert_int_equal(have_of(first, second, buckets, 1), STATUS_TRAILING);  /* more than it says */
    assert_int_equal(have_of(first, second, buckets, 3), STATUS_TRUNCATED);
    second->log.node.b[0] = 65; /* bucket 1, not marked; bucket 0 is */
    assert_int_equal(bucket_of(&second->log), 1);
    assert_int_equal(have_of(first, second, buckets, 2), STATUS_MALFORMED);
    buckets[0] = 3;
    assert_int_equal(have_of(first, second, buckets, 2), STATUS_OK);
    free(first);
    free(second);
}

/* ---- entries ---- */

static uint8_t header_bytes[200], signature_bytes[130], salt_bytes[SALT_BYTES], body_bytes[4000];

static struct item good_item(void) {
    return (struct item){.kind = ITEM_ENTRY,
                         .entry = {bytes_of(header_bytes, sizeof header_bytes), bytes_of(signature_bytes, 64), bytes_of(salt_bytes, SALT_BYTES),
                                   bytes_of(body_bytes, sizeof body_bytes)}};
}

static struct item good_part(void) {
    return (struct item){.kind = ITEM_PART, .log = {.kind = LOG_REPORT}, .seq = 1, .salt = bytes_of(salt_bytes, SALT_BYTES), .part = bytes_of(body_bytes, 100)};
}

static enum status item_status(const struct item *item) {
    struct buffer raw;
    buffer_init(&raw, RAW_BYTES_MAX);
    enum status status = item_encode(item, &raw);
    buffer_fini(&raw);
    return status;
}

static void items_keep_their_rules(void **state) {
    (void)state;
    struct item item = good_item();
    assert_int_equal(item_status(&item), STATUS_OK);
    item.entry.signature.len = 130; /* two recovery keys */
    assert_int_equal(item_status(&item), STATUS_OK);
    item.entry.signature.len = 66;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_item();
    item.entry.salt.len = 0; /* a body cannot be checked without its salt */
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item.entry.body.len = 0;
    assert_int_equal(item_status(&item), STATUS_OK);
    item.entry.header.len = 0;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_item();
    item.entry.salt.len = 31;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_item();
    item.kind = 0;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_part();
    item.offset = BODY_BYTES_MAX - 100;
    assert_int_equal(item_status(&item), STATUS_OK);
    item.offset++; /* ends past any body */
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_part();
    item.part.len = 0;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_part();
    item.seq = 0;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
}

/* count items of each kind, packed. */
static void pack(struct buffer *message, size_t count) {
    struct buffer items;
    struct item entry = good_item(), part = good_part();
    buffer_init(&items, RAW_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(item_encode(&entry, &items), STATUS_OK);
        assert_int_equal(item_encode(&part, &items), STATUS_OK);
    }
    assert_int_equal(entries_encode(buffer_bytes(&items), 2 * count, message), STATUS_OK);
    buffer_fini(&items);
}

static uint8_t codec_of(const struct buffer *message) {
    return message->data[2];
}

static void entries_are_compressed_where_that_is_shorter(void **state) {
    (void)state;
    struct chance chance = {3};
    struct buffer message;
    struct entries entries;
    struct item item;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    pack(&message, 20);
    assert_int_equal(codec_of(&message), 1);
    assert_true(message.len < 2000);
    assert_int_equal(entries_open(&entries, buffer_bytes(&message)), STATUS_OK);
    size_t seen = 0;
    while (entries_next(&entries, &item)) {
        assert_int_equal(item.kind, seen % 2 == 0 ? ITEM_ENTRY : ITEM_PART);
        assert_true(seen % 2 == 1 || bytes_equal(item.entry.body, bytes_of(body_bytes, sizeof body_bytes)));
        seen++;
    }
    assert_int_equal(seen, 40);
    assert_int_equal(entries_close(&entries), STATUS_OK);
    entries_fini(&entries);
    entries_fini(&entries);
    assert_int_equal(recode_try(recode_entries, buffer_bytes(&message), 3000, 1).failed, 0);

    chance_fill(&chance, header_bytes, sizeof header_bytes);
    chance_fill(&chance, body_bytes, sizeof body_bytes);
    chance_fill(&chance, signature_bytes, sizeof signature_bytes);
    buffer_clear(&message);
    pack(&message, 1);
    assert_int_equal(codec_of(&message), 1); /* the part repeats the body's beginning */
    struct buffer items;
    struct item one = good_item();
    buffer_init(&items, RAW_BYTES_MAX);
    one.entry.salt.len = one.entry.body.len = 0;
    assert_int_equal(item_encode(&one, &items), STATUS_OK);
    buffer_clear(&message);
    assert_int_equal(entries_encode(buffer_bytes(&items), 1, &message), STATUS_OK);
    assert_int_equal(codec_of(&message), 0);
    assert_int_equal(recode_try(recode_entries, buffer_bytes(&message), 3000, 2).failed, 0);
    assert_int_equal(entries_encode(buffer_bytes(&items), 2, &message), STATUS_TRUNCATED); /* fewer than it says */
    assert_int_equal(entries_encode(buffer_bytes(&items), 0, &message), STATUS_MALFORMED);
    assert_int_equal(entries_encode(buffer_bytes(&items), ITEMS_MAX + 1, &message), STATUS_MALFORMED);
    buffer_fini(&items);
    buffer_fini(&message);
    memset(header_bytes, 0, sizeof header_bytes);
    memset(body_bytes, 0, sizeof body_bytes);
    memset(signature_bytes, 0, sizeof signature_bytes);
}

/* A message around any data, said to unpack to raw_len bytes. */
static enum status opened(unsigned codec, uint64_t raw_len, struct bytes data) {
    struct buffer message;
    struct writer writer;
    struct entries entries;
    buffer_init(&message, 4 * MESSAGE_BYTES_MAX);
    writer_init(&writer, &message);
    writer_array(&writer, 4);
    writer_uint(&writer, MESSAGE_ENTRIES);
    writer_uint(&writer, codec);
    writer_uint(&writer, raw_len);
    writer_bin(&writer, data);
    assert_int_equal(writer_end(&writer), STATUS_OK);
    enum status status = entries_open(&entries, buffer_bytes(&message));
    if (status == STATUS_OK) {
        status = entries_close(&entries);
    } else {
        assert_null(entries.raw.data); /* nothing is held for what was refused */
    }
    entries_fini(&entries);
    buffer_fini(&message);
    return status;
}

static void a_hostile_packer(void **state) {
    (void)state;
    static const uint8_t SKIPPABLE[] = {0x50, 0x2a, 0x4d, 0x18, 0x01, 0x00, 0x00, 0x00, 0xff};
    uint8_t raw[3000], frame[8192], twice[16384];
    struct buffer items;
    struct item item = good_item();
    struct writer writer;
    buffer_init(&items, RAW_BYTES_MAX);
    item.entry.body.len = 2500;
    writer_init(&writer, &items);
    writer_array(&writer, 1);
    assert_int_equal(writer_end(&writer), STATUS_OK);
    assert_int_equal(item_encode(&item, &items), STATUS_OK);
    assert_true(items.len <= sizeof raw);
    size_t len = ZSTD_compress(frame, sizeof frame, items.data, items.len, 3);
    assert_int_equal(opened(1, items.len, bytes_of(frame, len)), STATUS_OK);
    assert_int_equal(opened(0, items.len, buffer_bytes(&items)), STATUS_OK);
    assert_int_equal(opened(2, items.len, buffer_bytes(&items)), STATUS_MALFORMED);
    assert_int_equal(opened(0, items.len + 1, buffer_bytes(&items)), STATUS_MALFORMED);
    assert_int_equal(opened(1, items.len - 1, bytes_of(frame, len)), STATUS_COMPRESSION_BAD); /* says less than it is */
    assert_int_equal(opened(1, items.len + 1, bytes_of(frame, len)), STATUS_COMPRESSION_BAD);
    assert_int_equal(opened(1, RAW_BYTES_MAX + 1, bytes_of(frame, len)), STATUS_MALFORMED);
    assert_int_equal(opened(1, items.len, bytes_of(frame, len - 1)), STATUS_COMPRESSION_BAD); /* cut short */
    assert_int_equal(opened(1, items.len, bytes_of(frame, 3)), STATUS_COMPRESSION_BAD);
    assert_int_equal(opened(1, 0, bytes_of(frame, len)), STATUS_MALFORMED);

    memcpy(twice, frame, len);
    memcpy(twice + len, frame, len);
    assert_int_equal(opened(1, items.len, bytes_of(twice, 2 * len)), STATUS_COMPRESSION_BAD);     /* two frames */
    assert_int_equal(opened(1, 2 * items.len, bytes_of(twice, 2 * len)), STATUS_COMPRESSION_BAD); /* however long they say they are */
    twice[len] = 0;
    assert_int_equal(opened(1, items.len, bytes_of(twice, len + 1)), STATUS_COMPRESSION_BAD); /* a byte behind it */
    memcpy(twice, SKIPPABLE, sizeof SKIPPABLE);
    memcpy(twice + sizeof SKIPPABLE, frame, len);
    assert_int_equal(opened(1, items.len, bytes_of(twice, sizeof SKIPPABLE + len)), STATUS_COMPRESSION_BAD);
    assert_int_equal(opened(1, sizeof SKIPPABLE + 1, bytes_of(SKIPPABLE, sizeof SKIPPABLE)), STATUS_COMPRESSION_BAD);

    /* A frame that does not tell its size; one that unpacks to very much; one that is no shorter. */
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    len = ZSTD_compress2(context, frame, sizeof frame, items.data, items.len);
    assert_int_equal(opened(1, items.len, bytes_of(frame, len)), STATUS_COMPRESSION_BAD);
    ZSTD_freeCCtx(context);
    uint8_t *zeroes = calloc(1, 64u << 20);
    size_t bomb = ZSTD_compress(frame, sizeof frame, zeroes, 64u << 20, 3);
    assert_false(ZSTD_isError(bomb));
    assert_int_equal(opened(1, 64u << 20, bytes_of(frame, bomb)), STATUS_MALFORMED);
    assert_int_equal(opened(1, RAW_BYTES_MAX, bytes_of(frame, bomb)), STATUS_COMPRESSION_BAD);
    free(zeroes);
    struct chance chance = {8};
    chance_fill(&chance, raw, sizeof raw);
    len = ZSTD_compress(frame, sizeof frame, raw, sizeof raw, 3);
    assert_int_equal(opened(1, sizeof raw, bytes_of(frame, len)), STATUS_MALFORMED);
    buffer_fini(&items);
}

/* ---- enrolment ---- */

static struct token good_token(void) {
    struct token token = {
        .association = {{1}}, .inviter = {{2}}, .unit = {{3}}, .transport_key = {4}, .secret = {5}, .expires = 1735689600, .address_count = 1};
    token.addresses[0] = bytes_of("tcp://192.0.2.1:5670", 20);
    return token;
}

static void tokens_survive_people(void **state) {
    (void)state;
    struct token token = good_token(), read;
    struct buffer text, memory;
    buffer_init(&text, 4096);
    buffer_init(&memory, TOKEN_BYTES_MAX);
    assert_int_equal(token_encode(&token, &text), STATUS_OK);
    char *letters = (char *)text.data;
    assert_int_equal(strlen(letters), text.len - 1);
    assert_memory_equal(letters, "hoi1-", 5);
    assert_int_equal(token_decode(&read, bytes_of(letters, strlen(letters)), &memory), STATUS_OK);
    assert_true(ID_EQUAL(&read.inviter, &token.inviter) && ID_EQUAL(&read.unit, &token.unit) && read.expires == token.expires && read.secret[0] == 5);
    assert_true(bytes_equal(read.addresses[0], token.addresses[0]));

    char typed[8192], *to = typed; /* capitals, hyphens gone, blanks and line ends in between */
    to += sprintf(to, "  \n");
    for (size_t i = 0; letters[i] != '\0'; i++) {
        char letter = letters[i];
        if (letter == '-' && i > 4) {
            to += sprintf(to, i % 3 == 0 ? " \r\n" : "");
        } else {
            *to++ = letter >= 'a' && letter <= 'z' && i % 2 == 0 ? (char)(letter - 'a' + 'A') : letter;
        }
    }
    assert_int_equal(token_decode(&read, bytes_of(typed, (size_t)(to - typed)), &memory), STATUS_OK);
    assert_true(bytes_equal(read.addresses[0], token.addresses[0]));

    size_t slips = 0;
    for (size_t i = 0; letters[i] != '\0'; i++) { /* every letter, another */
        char held = letters[i];
        if (held == '-' && i > 4) {
            continue;
        }
        letters[i] = held == 'x' ? 'y' : 'x';
        assert_int_equal(token_decode(&read, bytes_of(letters, strlen(letters)), &memory), STATUS_TOKEN_MALFORMED);
        letters[i] = held;
        slips++;
    }
    assert_true(slips > 100);
    for (size_t len = 0; len < text.len - 1; len++) {
        assert_int_equal(token_decode(&read, bytes_of(letters, len), &memory), STATUS_TOKEN_MALFORMED);
    }
    char longer[4096]; /* and one letter too many */
    snprintf(longer, sizeof longer, "%sa", letters);
    assert_int_equal(token_decode(&read, bytes_of(longer, strlen(longer)), &memory), STATUS_TOKEN_MALFORMED);
    buffer_fini(&text);
    buffer_fini(&memory);
}

static void tokens_name_addresses(void **state) {
    (void)state;
    static const struct {
        const char *address;
        bool good;
    } CASES[] = {
        {"tcp://a:1", true},    {"tcp://[2001:db8::1]:65535", true}, {"tcp://a", false}, {"tcp://:1", false},  {"udp://a:1", false}, {"tcp://a:123456", false},
        {"tcp://a b:1", false}, {"tcp://\xe1\xba\xa5:1", false},     {"", false},        {"tcp://a:1x", false}};
    struct buffer text;
    buffer_init(&text, 4096);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct token token = good_token();
        token.addresses[0] = bytes_of(CASES[i].address, strlen(CASES[i].address));
        assert_int_equal(token_encode(&token, &text), CASES[i].good ? STATUS_OK : STATUS_TOKEN_MALFORMED);
    }
    struct token token = good_token();
    token.address_count = 0;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    token.address_count = TOKEN_ADDRESSES_MAX + 1;
    assert_int_equal(token_encode(&token, &text), STATUS_TOKEN_MALFORMED);
    buffer_fini(&text);
}

static void joining_is_signed_for_one_inviter(void **state) {
    (void)state;
    static const struct node_id inviter = {{1}}, other = {{2}};
    struct node_keys keys;
    uint8_t seed[32] = {1}, transport[32] = {2};
    struct join join = {.association = {{9}}, .secret = {7}}, read;
    struct buffer message;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    assert_int_equal(keys_from_seeds(&keys, seed, transport), STATUS_OK);
    assert_int_equal(join_encode(&join, &inviter, &keys, &message), STATUS_OK);
    assert_int_equal(join_decode(&read, buffer_bytes(&message)), STATUS_OK);
    assert_memory_equal(read.transport_key, keys.transport_public, 32);
    assert_int_equal(join_verify(&read, &inviter), STATUS_OK);
    assert_int_equal(join_verify(&read, &other), STATUS_SIGNATURE_BAD);
    read.secret[0]++;
    assert_int_equal(join_verify(&read, &inviter), STATUS_SIGNATURE_BAD);
    read.secret[0]--;
    read.transport_key[0]++;
    assert_int_equal(join_verify(&read, &inviter), STATUS_SIGNATURE_BAD);
    read.transport_key[0]--;
    read.association.b[0]++;
    assert_int_equal(join_verify(&read, &inviter), STATUS_SIGNATURE_BAD);
    buffer_fini(&message);
}

static void joined_carries_what_can_be_read(void **state) {
    (void)state;
    struct founding founding = {.name = bytes_of("hoi", 3)};
    struct admission admission = {.roles = ROLE_WRITER};
    struct buffer statement, core, message;
    buffer_init(&statement, FOUNDING_BYTES_MAX);
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    buffer_init(&message, MESSAGE_BYTES_MAX);
    assert_int_equal(founding_encode(&founding, &statement), STATUS_OK);
    assert_int_equal(admission_core_encode(&admission, &core), STATUS_OK);
    struct joined joined = {.statement = buffer_bytes(&statement), .core = buffer_bytes(&core), .admission = {.log = {.kind = LOG_DIRECTIVE}, .seq = 1}};
    assert_int_equal(joined_encode(&joined, &message), STATUS_OK);
    assert_int_equal(recode_try(recode_joined, buffer_bytes(&message), 5000, 1).failed, 0);
    joined.statement.len--;
    assert_int_equal(joined_encode(&joined, &message), STATUS_TRUNCATED);
    joined.statement.len++;
    joined.core = bytes_of("\x90", 1); /* canonical, and no core */
    assert_int_equal(joined_encode(&joined, &message), STATUS_MALFORMED);
    buffer_fini(&statement);
    buffer_fini(&core);
    buffer_fini(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_by_the_first_bytes),
        cmocka_unit_test(hellos_keep_their_bounds),
        cmocka_unit_test(numbers_keep_their_bounds),
        cmocka_unit_test(states_of_logs),
        cmocka_unit_test(have_lists_logs_in_order),
        cmocka_unit_test(items_keep_their_rules),
        cmocka_unit_test(entries_are_compressed_where_that_is_shorter),
        cmocka_unit_test(a_hostile_packer),
        cmocka_unit_test(tokens_survive_people),
        cmocka_unit_test(tokens_name_addresses),
        cmocka_unit_test(joining_is_signed_for_one_inviter),
        cmocka_unit_test(joined_carries_what_can_be_read),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
