/* Every encoder and decoder of the protocol that asks for memory, while there is none: what it gives is whole, or nothing with NO_MEMORY. */
#include "tests/sweep/alloc_sweep.h"

#include "protocol/keys.h"
#include "protocol/message.h"
#include "protocol/put.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { BYTES_MAX = 1 << 20, RECORDS = 40, FIELDS = 3, ITEMS = 4 };

#define TEXT(literal) bytes_of(literal, sizeof(literal) - 1)

/* What the acts work on, made with all the memory there is. */
static struct {
    struct node_keys keys;
    struct founding founding;
    struct form form;
    struct put put;
    struct record_key record_keys[RECORDS];
    uint16_t ordinals[FIELDS];
    struct cell cells[RECORDS * FIELDS];
    char rows[RECORDS][16];
    struct buffer statement, form_bytes, put_bytes, body, items, entries, token, join;
} with;

static struct token token_of(void) {
    struct token token = {.transport_key = {4}, .secret = {5}, .bond = {6}, .address_count = 1};
    token.addresses[0] = TEXT("tcp://192.0.2.1:5670");
    return token;
}

/* ---- encoders: one buffer grows ---- */

static enum status encode_founding(struct buffer *out) {
    struct founding founding = with.founding;
    return founding_encode(&founding, out);
}

static enum status encode_form(struct buffer *out) {
    return form_encode(&with.form, out);
}

static enum status encode_put(struct buffer *out) {
    return put_encode(&with.put, out);
}

static enum status encode_body(struct buffer *out) {
    const struct change changes[] = {{.kind = CHANGE_PUT, .payload = buffer_bytes(&with.put_bytes)}};
    return body_encode(out, NULL, changes, 1);
}

static enum status encode_items(struct buffer *out) {
    static const uint8_t header[200] = {1}, signature[64] = {2}, salt[SALT_BYTES] = {3};
    const struct item item = {
        .kind = ITEM_ENTRY,
        .entry = {bytes_of(header, sizeof header), bytes_of(signature, sizeof signature), bytes_of(salt, sizeof salt), buffer_bytes(&with.body)}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ITEMS && status == STATUS_OK; i++)
        status = item_encode(&item, out);
    if (status != STATUS_OK)
        buffer_clear(out); /* each item is whole or not there: this is about all of them */
    return status;
}

static enum status encode_entries(struct buffer *out) {
    return entries_encode(buffer_bytes(&with.items), ITEMS, out);
}

static enum status encode_hello(struct buffer *out) {
    const struct hello hello = {.window = 1 << 20, .message_max = 1 << 16, .time = 1735689600};
    return hello_encode(&hello, out);
}

static enum status encode_buckets(struct buffer *out) {
    static const struct bucket_digests buckets;
    return buckets_encode(&buckets, out);
}

static enum status encode_log_state(struct buffer *out) {
    const struct log_state state = {.log = {.kind = LOG_REPORT}, .seq = 5, .gap_count = 1, .gaps = {{2, 3}}};
    return log_state_encode(&state, out);
}

static enum status encode_token(struct buffer *out) {
    const struct token token = token_of();
    return token_encode(&token, out);
}

static enum status encode_join(struct buffer *out) {
    struct join join;
    const struct token token = token_of();
    return join_encode(&join, &token, &with.keys, out);
}

static enum status encode_document(struct buffer *out) {
    const struct document document = {.title = TEXT("Về kỳ báo cáo"), .text = TEXT("Nộp trước ngày 5.")};
    return document_encode(&document, out);
}

static enum status encode_small_messages(struct buffer *out) {
    const struct log_id log = {.kind = LOG_REPORT};
    enum status status = refused_encode(&log, 3, REFUSED_GAP, out);
    buffer_clear(out);
    if (status == STATUS_OK)
        status = progress_encode(77, out);
    buffer_clear(out);
    return status == STATUS_OK ? bye_encode(BYE_BUSY, out) : status;
}

/* ---- decoders: out is what they read, written anew with all the memory ---- */

static enum status decode_form(struct buffer *out) {
    struct form form;
    enum status status = form_decode(&form, buffer_bytes(&with.form_bytes));
    alloc_pause();
    if (status == STATUS_OK)
        assert_int_equal(form_encode(&form, out), STATUS_OK);
    alloc_resume();
    form_fini(&form);
    return status;
}

static enum status decode_put(struct buffer *out) {
    struct put put;
    enum status status = put_decode(&put, buffer_bytes(&with.put_bytes));
    alloc_pause();
    if (status == STATUS_OK)
        assert_int_equal(put_encode(&put, out), STATUS_OK);
    alloc_resume();
    put_fini(&put);
    return status;
}

static enum status decode_entries(struct buffer *out) {
    struct entries entries;
    struct item item;
    enum status status = entries_open(&entries, buffer_bytes(&with.entries));
    while (entries_next(&entries, &item)) {
        alloc_pause();
        assert_int_equal(item_encode(&item, out), STATUS_OK);
        alloc_resume();
    }
    if (status == STATUS_OK)
        status = entries_close(&entries);
    entries_fini(&entries);
    return status;
}

static enum status decode_token(struct buffer *out) {
    struct token token;
    struct buffer memory;
    buffer_init(&memory, TOKEN_MEMORY_MAX);
    enum status status = token_decode(&token, bytes_of(with.token.data, with.token.len - 1), &memory);
    alloc_pause();
    if (status == STATUS_OK)
        assert_int_equal(token_encode(&token, out), STATUS_OK);
    alloc_resume();
    buffer_fini(&memory);
    return status;
}

/* ---- sweeping ---- */

struct codec_case {
    const char *name;
    enum status (*act)(struct buffer *out);
    uint64_t refused_min;
    struct buffer right;
    struct buffer out;
};

static struct codec_case cases[] = {
    {"founding statement", encode_founding, 2, {0}, {0}},
    {"form", encode_form, 2, {0}, {0}},
    {"put", encode_put, 2, {0}, {0}},
    {"body", encode_body, 2, {0}, {0}},
    {"items", encode_items, 2, {0}, {0}},
    {"entries", encode_entries, 4, {0}, {0}},
    {"hello", encode_hello, 2, {0}, {0}},
    {"buckets", encode_buckets, 2, {0}, {0}},
    {"log state", encode_log_state, 2, {0}, {0}},
    {"token", encode_token, 2, {0}, {0}},
    {"join", encode_join, 2, {0}, {0}},
    {"document", encode_document, 2, {0}, {0}},
    {"refused, progress, bye", encode_small_messages, 2, {0}, {0}},
    {"reading a form", decode_form, 2, {0}, {0}},
    {"reading a put", decode_put, 2, {0}, {0}},
    {"reading entries", decode_entries, 2, {0}, {0}},
    {"reading a token", decode_token, 2, {0}, {0}},
};

static void begin(void *ctx) {
    struct codec_case *one = ctx;
    buffer_init(&one->out, BYTES_MAX);
}

static enum status act(void *ctx) {
    struct codec_case *one = ctx;
    return one->act(&one->out);
}

static bool judge(void *ctx, enum status status, const struct alloc_count *count) {
    struct codec_case *one = ctx;
    if (one->right.data == NULL && count->refused == 0) {
        buffer_init(&one->right, BYTES_MAX);
        assert_int_equal(buffer_append(&one->right, one->out.data, one->out.len), STATUS_OK);
        alloc_taken(one->right.data);
    }
    sweep_expect(status == STATUS_OK || status == STATUS_NO_MEMORY, "%s", status_name(status));
    /* Entries go as they are where there is no memory to pack them. */
    bool same = bytes_equal(buffer_bytes(&one->out), buffer_bytes(&one->right)) || (one->act == encode_entries && one->out.len > one->right.len);
    if (status == STATUS_OK)
        sweep_expect(same, "done, and %zu other bytes than the right %zu", one->out.len, one->right.len);
    else
        sweep_expect(one->out.len == 0, "it failed and left %zu bytes", one->out.len);
    return false;
}

static void end(void *ctx) {
    struct codec_case *one = ctx;
    buffer_fini(&one->out);
}

/* ---- what it works on ---- */

static void make_form(void) {
    static struct form_field fields[FIELDS];
    static const char *const names[FIELDS] = {"a", "b", "c"};
    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = (struct form_field){.name = bytes_of(names[i], 1), .type = FIELD_INTEGER};
    with.form = (struct form){.name = TEXT("f"),
                              .label = 1,
                              .period = PERIOD_MONTH,
                              .window = WINDOW_CALENDAR,
                              .policy = POLICY_OWNER,
                              .list = true,
                              .fields = fields,
                              .field_count = FIELDS};
}

static void make_put(void) {
    for (size_t i = 0; i < RECORDS; i++) {
        (void)snprintf(with.rows[i], sizeof with.rows[i], "row %03zu", i);
        with.record_keys[i] = (struct record_key){.period = 24300, .row = bytes_of(with.rows[i], strlen(with.rows[i]))};
        for (size_t j = 0; j < FIELDS; j++)
            with.cells[j * RECORDS + i] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = (int64_t)(i * j)};
    }
    for (uint16_t j = 0; j < FIELDS; j++)
        with.ordinals[j] = j;
    with.put = (struct put){.record_count = RECORDS, .column_count = FIELDS, .keys = with.record_keys, .ordinals = with.ordinals, .cells = with.cells};
}

static void make(struct buffer *out, enum status (*encode)(struct buffer *)) {
    buffer_init(out, BYTES_MAX);
    assert_int_equal(encode(out), STATUS_OK);
}

static void codecs(void **state) {
    static const uint8_t seeds[2][32] = {{1}, {2}};
    (void)state;
    assert_int_equal(keys_init(), STATUS_OK);
    assert_int_equal(keys_from_seeds(&with.keys, seeds[0], seeds[1]), STATUS_OK);
    with.founding = (struct founding){.name = TEXT("Hội"), .signing_key = {1}, .transport_key = {2}, .nonce = {3}};
    make_form();
    make_put();
    make(&with.form_bytes, encode_form);
    make(&with.put_bytes, encode_put);
    make(&with.body, encode_body);
    make(&with.items, encode_items);
    make(&with.entries, encode_entries);
    make(&with.token, encode_token);
    assert_true(with.entries.len < with.items.len); /* else nothing is unpacked */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct sweep_subject subject = {
            .name = cases[i].name, .refused_min = cases[i].refused_min, .begin = begin, .act = act, .judge = judge, .end = end, .ctx = &cases[i]};
        sweep_run(&subject);
        buffer_fini(&cases[i].right);
    }
    struct buffer *const made[] = {&with.form_bytes, &with.put_bytes, &with.body, &with.items, &with.entries, &with.token};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        buffer_fini(made[i]);
    assert_int_equal(sweep_wrong(), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {cmocka_unit_test(codecs)};
    (void)setenv("ALLOC_STRIDE", "1", 0); /* quick enough in every build */
    alloc_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
