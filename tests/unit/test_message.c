/* Messages: what a peer may say of a log, receipts of later versions, packed items and what a hostile packer might send. */
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
                 {{0x9f, 1}, MESSAGE_HELLO},
                 {{0xdc, 0}, 0},
                 {{0x90, 1}, 0},
                 {{0xa0, 1}, 0},
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
    uint8_t later[3 + MEMBERS_MAX] = {0xdc, 0, MEMBERS_MAX, MESSAGE_HELLO, 2, 1}; /* more members than ours */
    assert_int_equal(message_type(bytes_of(later, 3 + MEMBERS_MAX)), MESSAGE_HELLO);
    assert_int_equal(message_type(bytes_of(later, 3)), 0);
    assert_int_equal(hello_decode(&hello, bytes_of(later, 3 + MEMBERS_MAX)), STATUS_VERSION_UNKNOWN);
    hello.window = WINDOW_BYTES;
    hello.message_max = MESSAGE_BYTES_WANTED;
    hello.extensions = (struct bytes){0};
    hello.feature_level = 7; /* what a later version can do besides */
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
    assert_int_equal(join_refused_encode(JOIN_ELSEWHERE + 1, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, 1, REFUSED_QUOTA, &message), STATUS_OK);
    assert_int_equal(refused_encode(&log, 0, REFUSED_QUOTA, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, 1, 0, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, 1, REFUSED_QUOTA + 1, &message), STATUS_MALFORMED);
    assert_int_equal(refused_encode(&log, SEQ_MAX, REFUSED_QUOTA, &message), STATUS_OK);
    assert_int_equal(refused_encode(&log, SEQ_MAX + UINT64_C(1), REFUSED_QUOTA, &message), STATUS_MALFORMED);
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
    state->fork = (struct fork_mark){.seq = SEQ_MAX, .one = {{1}}, .other = {{2}}};
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
        case 17: log->seq = SEQ_MAX + UINT64_C(1); break;
        case 18: log->receipts[0].seq = SEQ_MAX + UINT64_C(1); break;
        case 19: log->fork.other = log->fork.one; break; /* no two headers */
        case 20: log->fork.one.b[0] = 9; break;
        case 21: log->fork.seq = SEQ_MAX + UINT64_C(1); break;
        default: free(log); assert_int_equal(broken, 22); buffer_fini(&bytes); return;
        }
        /* clang-format on */
        size_t before = bytes.len;
        if (log_state_encode(log, &bytes) != STATUS_MALFORMED || bytes.len != before) {
            fail_msg("rule %u", broken);
        }
        free(log);
    }
}

static void the_last_sequence_number(void **state) {
    (void)state;
    struct log_state *log = good_state();
    struct buffer bytes;
    buffer_init(&bytes, MESSAGE_BYTES_MAX);
    log->seq = log->gaps[1].to = log->partials[0].seq = log->receipts[0].seq = SEQ_MAX;
    assert_int_equal(log_state_encode(log, &bytes), STATUS_OK);
    buffer_fini(&bytes);
    free(log);
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

/* ---- receipts ---- */

/* A message of one receipt, whatever its bytes. */
static enum status receipts_of(struct bytes receipt, size_t *count) {
    struct buffer message;
    struct writer writer;
    struct receipts receipts;
    struct signed_receipt signed_receipt;
    uint8_t signature[64] = {0};
    buffer_init(&message, MESSAGE_BYTES_MAX);
    parts_open_message(&writer, &message, 2, MESSAGE_RECEIPTS);
    writer_array(&writer, 1);
    writer_array(&writer, 2);
    writer_bin(&writer, receipt);
    parts_write_fixed(&writer, signature, sizeof signature);
    assert_int_equal(writer_end(&writer), STATUS_OK);
    enum status status = receipts_open(&receipts, buffer_bytes(&message));
    for (*count = 0; status == STATUS_OK && receipts_next(&receipts, &signed_receipt); (*count)++) {
        assert_true(bytes_equal(signed_receipt.receipt, receipt));
    }
    status = status == STATUS_OK ? receipts_close(&receipts) : status;
    if (status == STATUS_OK) {
        struct buffer again;
        buffer_init(&again, MESSAGE_BYTES_MAX);
        assert_int_equal(recode_receipts(buffer_bytes(&message), &again), STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&message)));
        buffer_fini(&again);
    }
    buffer_fini(&message);
    return status;
}

/* What only a later version can read is handed on to be passed over; what none can read makes the message malformed. */
static void receipts_of_later_versions(void **state) {
    (void)state;
    static const uint8_t EXTENSION[] = {0x91, 0x93, 0x01, 0xc2, 0xc4, 0x00};
    struct receipt receipt = {.log = {.kind = LOG_REPORT}, .seq = 10, .bodies = 9, .applied = 8, .extensions = bytes_of(EXTENSION, sizeof EXTENSION)}, read;
    struct buffer bytes;
    size_t count;
    buffer_init(&bytes, RECEIPT_BYTES_MAX);
    assert_int_equal(receipt_encode(&receipt, &bytes), STATUS_OK);
    assert_int_equal(receipts_of(buffer_bytes(&bytes), &count), STATUS_OK);
    assert_int_equal(count, 1);
    uint8_t *critical = bytes.data + bytes.len - 3;
    *critical = 0xc3;
    assert_int_equal(receipt_decode(&read, buffer_bytes(&bytes)), STATUS_CRITICAL_EXTENSION);
    assert_int_equal(receipts_of(buffer_bytes(&bytes), &count), STATUS_OK);
    assert_int_equal(count, 1);
    assert_int_equal(receipts_of(bytes_of(bytes.data, bytes.len - 1), &count), STATUS_TRUNCATED);
    assert_int_equal(count, 0);
    *critical = 0xc2;
    for (size_t member = 1; member <= 2; member++) { /* version, suite */
        bytes.data[member] = 2;
        assert_int_equal(receipt_decode(&read, buffer_bytes(&bytes)), STATUS_VERSION_UNKNOWN);
        assert_int_equal(receipts_of(buffer_bytes(&bytes), &count), STATUS_OK);
        assert_int_equal(count, 1);
        assert_int_equal(receipts_of(bytes_of(bytes.data, bytes.len - 1), &count), STATUS_MALFORMED);
        bytes.data[member] = 1;
    }
    assert_int_equal(buffer_append(&bytes, "", 1), STATUS_OK);
    assert_int_equal(receipts_of(buffer_bytes(&bytes), &count), STATUS_TRAILING);
    buffer_fini(&bytes);
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
    item.kind = ITEM_OFFER + 1;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = good_item();
    item.kind = ITEM_EVIDENCE;
    assert_int_equal(item_status(&item), STATUS_OK);
    item.entry.signature.len = 66;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item = (struct item){.kind = ITEM_OFFER, .log = {.node = {{1}}, .kind = LOG_DIRECTIVE}, .seq = 1};
    assert_int_equal(item_status(&item), STATUS_OK);
    item.has_of = true;
    item.of = (struct ref){.log = {.node = {{2}}, .kind = LOG_DIRECTIVE}, .seq = SEQ_MAX};
    assert_int_equal(item_status(&item), STATUS_OK);
    item.of.seq = 0;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item.of.seq = 1;
    item.seq = 0;
    assert_int_equal(item_status(&item), STATUS_MALFORMED);
    item.seq = 1;
    item.log.kind = LOG_RECOVERY + 1;
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
    item.seq = SEQ_MAX;
    assert_int_equal(item_status(&item), STATUS_OK);
    item.seq++;
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
    memcpy(twice + len, SKIPPABLE, sizeof SKIPPABLE);
    assert_int_equal(opened(1, items.len, bytes_of(twice, len + sizeof SKIPPABLE)), STATUS_COMPRESSION_BAD); /* a frame that holds nothing behind it */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_by_the_first_bytes),
        cmocka_unit_test(hellos_keep_their_bounds),
        cmocka_unit_test(numbers_keep_their_bounds),
        cmocka_unit_test(states_of_logs),
        cmocka_unit_test(the_last_sequence_number),
        cmocka_unit_test(have_lists_logs_in_order),
        cmocka_unit_test(receipts_of_later_versions),
        cmocka_unit_test(items_keep_their_rules),
        cmocka_unit_test(entries_are_compressed_where_that_is_shorter),
        cmocka_unit_test(a_hostile_packer),
    };
    return keys_init() != STATUS_OK ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
