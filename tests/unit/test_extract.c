/* Extracts: what shape they have, what they may never carry, and which figures of a form go into one. */
#include "recode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { RECORDS = 2, COLUMNS = 2 };

/* Two records of two columns, cut from two entries, the second column contested. */
struct sample {
    struct extract extract;
    struct record_key keys[RECORDS];
    uint16_t ordinals[COLUMNS];
    struct cell cells[RECORDS * COLUMNS];
};

static struct cell number(int64_t value) {
    return (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = value};
}

static void sample_make(struct sample *out) {
    *out = (struct sample){.keys = {{.period = 24300}, {.period = 24301}}, .ordinals = {0, 3}};
    out->extract.put = (struct put){.record_count = RECORDS, .column_count = COLUMNS, .keys = out->keys, .ordinals = out->ordinals, .cells = out->cells};
    for (size_t i = 0; i < RECORDS * COLUMNS; i++)
        out->cells[i] = number((int64_t)i * 100 - 1);
    out->extract.cut_count = 2;
    out->extract.cut[0] = (struct ref){.log = {.node = {{1}}, .kind = LOG_REPORT, .epoch = {{1}}}, .seq = 5, .hash = {{9}}};
    out->extract.cut[1] = (struct ref){.log = {.node = {{2}}, .kind = LOG_DIRECTIVE, .epoch = {{1}}}, .seq = 7, .hash = {{8}}};
    out->extract.contested_count = 1;
    out->extract.contested[0] = 3;
}

static enum status encode(const struct sample *sample) {
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    enum status status = extract_encode(&sample->extract, &payload);
    buffer_fini(&payload);
    return status;
}

static void it_reads_what_it_writes(void **state) {
    (void)state;
    struct sample *sample = calloc(1, sizeof *sample);
    struct extract *read = calloc(1, sizeof *read);
    struct buffer payload, again;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&again, BODY_BYTES_MAX);
    sample_make(sample);
    assert_int_equal(extract_encode(&sample->extract, &payload), STATUS_OK);
    assert_int_equal(extract_decode(read, buffer_bytes(&payload)), STATUS_OK);
    assert_int_equal(read->cut_count, 2);
    assert_int_equal(ref_compare(&read->cut[1], &sample->extract.cut[1]), 0);
    assert_int_equal(read->contested_count, 1);
    assert_int_equal(read->contested[0], 3);
    assert_int_equal(read->put.cells[3].number, 299);
    extract_fini(read);
    assert_int_equal(recode_extract(buffer_bytes(&payload), &again), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&payload), buffer_bytes(&again)));
    for (size_t len = 0; len < payload.len; len++)
        assert_int_not_equal(extract_decode(read, bytes_of(payload.data, len)), STATUS_OK);
    assert_int_equal(buffer_append(&payload, "\xc0", 1), STATUS_OK);
    assert_int_equal(extract_decode(read, buffer_bytes(&payload)), STATUS_TRAILING);
    buffer_fini(&payload);
    buffer_fini(&again);
    free(sample);
    free(read);
}

/* Each breaks one rule; the writer refuses it, and so does the reader what a put alone would allow. */
static void break_rule(struct sample *sample, int rule) {
    struct extract *extract = &sample->extract;
    switch (rule) {
    case 0: extract->cut_count = 0; break;
    case 1: extract->cut[1] = extract->cut[0]; break;
    case 2: extract->put.flags = PUT_ON_BEHALF; break;
    case 3: extract->put.reason = bytes_of("why", 3); break;
    case 4: sample->cells[0].raw = bytes_of("x", 1); break;
    case 5: sample->cells[0].source = bytes_of("x", 1); break;
    case 6: sample->cells[0] = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .text = bytes_of("Lan", 3)}; break;
    case 7: sample->cells[0] = (struct cell){.state = CELL_VALUE, .type = CELL_BOOL, .number = 1}; break;
    case 8: extract->contested[0] = 2; break;
    case 9: extract->contested[0] = 4; break;
    case 10:
        extract->contested_count = 2;
        extract->contested[1] = 3;
        break;
    default: extract->contested[0] = FORM_FIELDS_MAX; break;
    }
}

static void nothing_but_figures(void **state) {
    (void)state;
    struct sample *sample = calloc(1, sizeof *sample);
    for (int rule = 0; rule < 12; rule++) {
        sample_make(sample);
        assert_int_equal(encode(sample), STATUS_OK);
        break_rule(sample, rule);
        if (encode(sample) == STATUS_OK)
            fail_msg("rule %d", rule);
    }
    free(sample);
}

/* The reader alone: a put that is good by itself, wrapped by hand. */
static void the_reader_refuses_what_the_writer_would(void **state) {
    (void)state;
    struct sample *sample = calloc(1, sizeof *sample);
    struct extract *read = calloc(1, sizeof *read);
    for (int rule = 2; rule < 12; rule++) {
        struct buffer payload, put;
        struct writer writer;
        buffer_init(&payload, BODY_BYTES_MAX);
        buffer_init(&put, BODY_BYTES_MAX);
        sample_make(sample);
        break_rule(sample, rule);
        const struct extract *extract = &sample->extract;
        assert_int_equal(put_encode(&extract->put, &put), STATUS_OK);
        writer_init(&writer, &payload);
        writer_array(&writer, 3);
        parts_write_refs(&writer, extract->cut, extract->cut_count, TRUST_REFS_MAX);
        writer_array(&writer, extract->contested_count);
        for (size_t i = 0; i < extract->contested_count; i++)
            writer_uint(&writer, extract->contested[i]);
        writer_raw(&writer, buffer_bytes(&put));
        assert_int_equal(writer_end(&writer), STATUS_OK);
        if (extract_decode(read, buffer_bytes(&payload)) != STATUS_MALFORMED)
            fail_msg("rule %d", rule);
        buffer_fini(&payload);
        buffer_fini(&put);
    }
    free(sample);
    free(read);
}

/* ---- by the form ---- */

static struct form form_of(struct form_field *fields, size_t count) {
    return (struct form){.period = PERIOD_MONTH, .window = WINDOW_CALENDAR, .policy = POLICY_OWNER, .reach = 1, .extract = true, .field_count = count, .fields = fields};
}

static void only_sums_fit(void **state) {
    (void)state;
    struct form_field fields[4] = {{.name = bytes_of("a", 1), .type = FIELD_INTEGER, .over_units = AGGREGATE_SUM},
                                   {.name = bytes_of("b", 1), .type = FIELD_TEXT},
                                   {.name = bytes_of("c", 1), .type = FIELD_INTEGER, .over_units = UNITS_MAX},
                                   {.name = bytes_of("d", 1), .type = FIELD_MONEY, .over_units = AGGREGATE_SUM}};
    struct form form = form_of(fields, 4);
    struct sample *sample = calloc(1, sizeof *sample);
    sample_make(sample);
    assert_int_equal(extract_fits(&sample->extract, &form), STATUS_OK);
    sample->ordinals[1] = 2; /* the greatest of all units says whose it is */
    assert_int_equal(extract_fits(&sample->extract, &form), STATUS_MALFORMED);
    sample->ordinals[1] = 3;
    form.extract = false;
    assert_int_equal(extract_fits(&sample->extract, &form), STATUS_MALFORMED);
    form.extract = true;
    for (int reach = 0; reach <= REACH_PRIVATE; reach++) {
        form.reach = (uint8_t)reach;
        assert_int_equal(extract_fits(&sample->extract, &form) == STATUS_OK, reach > 0 && reach < REACH_PRIVATE);
    }
    form.reach = 1;
    form.list = true;
    assert_int_equal(extract_fits(&sample->extract, &form), STATUS_MALFORMED); /* no row */
    sample->keys[0].row = sample->keys[1].row = bytes_of("*", 1);
    assert_int_equal(extract_fits(&sample->extract, &form), STATUS_OK);
    sample->keys[1].row = bytes_of("Lan", 3);
    assert_int_equal(extract_fits(&sample->extract, &form), STATUS_MALFORMED);
    free(sample);
}

static void small_figures(void **state) {
    (void)state;
    struct form_field fields[2] = {{.type = FIELD_INTEGER}, {.type = FIELD_MONEY}};
    struct form form = form_of(fields, 2);
    assert_false(extract_small(&form, &fields[0], 1)); /* the form does not ask */
    form.suppress_below = 3;
    static const struct {
        int64_t number;
        bool small;
    } cases[] = {{-2, false}, {0, false}, {1, true}, {2, true}, {3, false}, {INT64_MAX, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(extract_small(&form, &fields[0], cases[i].number), cases[i].small);
        assert_false(extract_small(&form, &fields[1], cases[i].number)); /* money counts no people */
    }
}

/* ---- the form's extension ---- */

static enum status form_with(const uint8_t *extensions, size_t len, struct form *out, struct buffer *payload) {
    struct form_field field = {.name = bytes_of("a", 1), .type = FIELD_INTEGER};
    struct form form = form_of(&field, 1);
    form.name = bytes_of("f", 1);
    form.label = 1;
    form.extensions = bytes_of(extensions, len);
    buffer_clear(payload);
    enum status status = form_encode(&form, payload);
    return status == STATUS_OK ? form_decode(out, buffer_bytes(payload)) : status;
}

static void the_extension_says_it(void **state) {
    (void)state;
    /* [[16, false, [extract, below]]] and what is none of it. */
    static const struct {
        uint8_t bytes[16];
        size_t len;
        enum status status;
        bool extract;
        uint16_t below;
    } cases[] = {
        {{0x91, 0x93, 0x10, 0xc2, 0xc4, 0x03, 0x92, 0xc3, 0x03}, 9, STATUS_OK, true, 3},
        {{0x91, 0x93, 0x10, 0xc3, 0xc4, 0x03, 0x92, 0xc2, 0x05}, 9, STATUS_OK, false, 5}, /* critical, and known */
        {{0x91, 0x93, 0x10, 0xc2, 0xc4, 0x05, 0x92, 0xc3, 0xcd, 0x03, 0xe8}, 11, STATUS_OK, true, 1000},
        {{0x91, 0x93, 0x10, 0xc2, 0xc4, 0x05, 0x92, 0xc3, 0xcd, 0x03, 0xe9}, 11, STATUS_MALFORMED, false, 0},
        {{0x91, 0x93, 0x10, 0xc2, 0xc4, 0x02, 0x91, 0xc3}, 8, STATUS_MALFORMED, false, 0},
        {{0x91, 0x93, 0x10, 0xc2, 0xc4, 0x04, 0x92, 0xc3, 0x03, 0xc0}, 10, STATUS_MALFORMED, false, 0},
        {{0x91, 0x93, 0x10, 0xc2, 0xc4, 0x00}, 6, STATUS_MALFORMED, false, 0},
        {{0x91, 0x93, 0x11, 0xc2, 0xc4, 0x00}, 6, STATUS_OK, false, 0}, /* another one, of no meaning */
        {{0x91, 0x93, 0x11, 0xc3, 0xc4, 0x00}, 6, STATUS_CRITICAL_EXTENSION, false, 0},
    };
    struct form form;
    struct buffer payload, made;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&made, 64);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum status status = form_with(cases[i].bytes, cases[i].len, &form, &payload);
        if (status != cases[i].status)
            fail_msg("case %zu: %s", i, status_name(status));
        if (status == STATUS_OK) {
            assert_int_equal(form.extract, cases[i].extract);
            assert_int_equal(form.suppress_below, cases[i].below);
            form_fini(&form);
        }
    }
    assert_int_equal(form_extensions_encode(true, 3, &made), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&made), bytes_of(cases[0].bytes, cases[0].len)));
    buffer_clear(&made);
    assert_int_equal(form_extensions_encode(false, 0, &made), STATUS_OK);
    assert_int_equal(made.len, 0);
    assert_int_equal(form_extensions_encode(true, FORM_SUPPRESS_BELOW_MAX + 1, &made), STATUS_MALFORMED);
    buffer_fini(&payload);
    buffer_fini(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_what_it_writes), cmocka_unit_test(nothing_but_figures), cmocka_unit_test(the_reader_refuses_what_the_writer_would),
        cmocka_unit_test(only_sums_fit),           cmocka_unit_test(small_figures),       cmocka_unit_test(the_extension_says_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
