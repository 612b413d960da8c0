/* Puts: what is written is read, cell by cell; what the reader refuses the writer refuses; and whether a put fits a form. */
#include "protocol/keys.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { RECORDS = 60, COLUMNS = 9 };

/* A put in fixed tables. */
struct draft {
    struct put put;
    struct record_key keys[RECORDS];
    uint16_t ordinals[COLUMNS];
    struct cell cells[COLUMNS * RECORDS];
    char rows[RECORDS][32];
};

static const char *const WORDS[] = {"An", "An Bình", "Tấn", "Tầm", "Đông", "đông", "x", "\xf0\x9f\x8c\xbe", "Tân Phú Đông", "1.200 (ước)"};

static struct bytes word(struct chance *chance) {
    const char *text = WORDS[chance_below(chance, sizeof WORDS / sizeof WORDS[0])];
    return bytes_of(text, strlen(text));
}

static struct draft *small_draft(size_t records, size_t columns) {
    struct draft *draft = calloc(1, sizeof *draft);
    draft->put = (struct put){.record_count = records, .column_count = columns, .keys = draft->keys, .ordinals = draft->ordinals, .cells = draft->cells};
    for (uint32_t i = 0; i < records; i++) {
        draft->keys[i].period = 24300 + i;
    }
    for (size_t i = 0; i < columns; i++) {
        draft->ordinals[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < columns * records; i++) {
        draft->cells[i] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = (int64_t)i};
    }
    return draft;
}

static struct cell random_cell(struct chance *chance) {
    struct cell cell = {.state = (uint8_t)chance_below(chance, 4)};
    if (cell.state == CELL_VALUE) {
        cell.type = (uint8_t)(CELL_INT + chance_below(chance, 3));
        cell.number = cell.type == CELL_INT    ? (int64_t)chance_next(chance) >> chance_below(chance, 64)
                      : cell.type == CELL_BOOL ? (int64_t)chance_below(chance, 2)
                                               : 0;
        if (cell.type == CELL_TEXT) {
            cell.text = word(chance);
        }
        cell.qualifier = cell.type == CELL_INT && chance_below(chance, 4) == 0 ? (uint8_t)(1 + chance_below(chance, QUALIFIER_AT_MOST)) : 0;
    }
    if (cell.state != CELL_UNTOUCHED && chance_below(chance, 6) == 0) {
        cell.raw = word(chance);
        cell.source = chance_below(chance, 2) == 0 ? word(chance) : (struct bytes){0};
    }
    return cell;
}

static int compare_keys(const void *a, const void *b) {
    return record_key_compare(a, b);
}

/* A put with rows or without, dense or sparse. */
static struct draft *random_draft(struct chance *chance) {
    struct draft *draft = small_draft(1 + chance_below(chance, RECORDS), 1 + chance_below(chance, COLUMNS));
    struct put *put = &draft->put;
    bool rows = chance_below(chance, 2) == 0, dense = chance_below(chance, 3) == 0;
    chance_fill(chance, put->form_version.b, sizeof put->form_version.b);
    put->flags = (uint8_t)chance_below(chance, 8);
    put->reason = (put->flags & (PUT_CORRECTION | PUT_SETTLES)) != 0 || chance_below(chance, 2) == 0 ? word(chance) : (struct bytes){0};
    for (size_t i = 0; i < put->record_count && rows; i++) {
        struct bytes first = word(chance), second = word(chance);
        snprintf(draft->rows[i], sizeof draft->rows[i], "%.*s%.*s", (int)(first.len < 14 ? first.len : 1), (const char *)first.data,
                 (int)(second.len < 14 ? second.len : 1), (const char *)second.data);
        put->keys[i] = (struct record_key){.period = 24300 + (uint32_t)chance_below(chance, 4), .row = bytes_of(draft->rows[i], strlen(draft->rows[i]))};
    }
    qsort(put->keys, put->record_count, sizeof put->keys[0], compare_keys);
    size_t kept = 1; /* equal keys once */
    for (size_t i = 1; i < put->record_count; i++) {
        if (record_key_compare(&put->keys[kept - 1], &put->keys[i]) < 0) {
            put->keys[kept++] = put->keys[i];
        }
    }
    put->record_count = kept;
    uint16_t ordinal = 0;
    for (size_t i = 0; i < put->column_count; i++) {
        ordinal = (uint16_t)(ordinal + 1 + chance_below(chance, 30));
        put->ordinals[i] = ordinal;
    }
    for (size_t i = 0; i < put->column_count * kept; i++) {
        do {
            draft->cells[i] = random_cell(chance);
        } while (dense && draft->cells[i].state != CELL_VALUE);
    }
    for (size_t i = 0; i < kept; i++) { /* something of each record is touched */
        struct cell *cell = &draft->cells[chance_below(chance, put->column_count) * kept + i];
        *cell = cell->state == CELL_UNTOUCHED ? (struct cell){.state = CELL_VALUE, .type = CELL_INT} : *cell;
    }
    return draft;
}

static void assert_cells_equal(const struct cell *a, const struct cell *b) {
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->qualifier, b->qualifier);
    assert_true(a->number == b->number);
    assert_true(bytes_equal(a->text, b->text) && bytes_equal(a->raw, b->raw) && bytes_equal(a->source, b->source));
}

static bool untouched(const struct put *put, size_t column) {
    for (size_t i = 0; i < put->record_count; i++) {
        if (put->cells[column * put->record_count + i].state != CELL_UNTOUCHED) {
            return false;
        }
    }
    return true;
}

/* The decoded put is the written one, without the columns that nothing touches. */
static void assert_same(const struct put *read, const struct put *written) {
    assert_int_equal(read->record_count, written->record_count);
    assert_memory_equal(read->form_version.b, written->form_version.b, sizeof read->form_version.b);
    assert_int_equal(read->flags, written->flags);
    assert_true(bytes_equal(read->reason, written->reason));
    for (size_t i = 0; i < read->record_count; i++) {
        assert_int_equal(record_key_compare(&read->keys[i], &written->keys[i]), 0);
    }
    size_t column = 0;
    bool whole = true;
    for (size_t i = 0; i < written->column_count; i++) {
        if (untouched(written, i)) {
            continue;
        }
        for (size_t j = 0; j < written->record_count; j++) {
            whole = whole && written->cells[i * written->record_count + j].state != CELL_UNTOUCHED;
        }
        assert_true(column < read->column_count);
        assert_int_equal(read->ordinals[column], written->ordinals[i]);
        for (size_t j = 0; j < read->record_count; j++) {
            assert_cells_equal(&read->cells[column * read->record_count + j], &written->cells[i * read->record_count + j]);
        }
        column++;
    }
    assert_int_equal(column, read->column_count);
    assert_int_equal(read->whole, whole);
}

static void random_puts_come_back(void **state) {
    (void)state;
    struct chance chance = {6};
    size_t accepted = 0, refused = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct draft *draft = random_draft(&chance);
        struct buffer payload, again;
        struct put read;
        buffer_init(&payload, BODY_BYTES_MAX);
        buffer_init(&again, BODY_BYTES_MAX);
        assert_int_equal(put_encode(&draft->put, &payload), STATUS_OK);
        assert_int_equal(put_decode(&read, buffer_bytes(&payload)), STATUS_OK);
        assert_same(&read, &draft->put);
        assert_int_equal(put_encode(&read, &again), STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&payload), buffer_bytes(&again)));
        struct recode_tally tally = recode_try(recode_put, buffer_bytes(&payload), 100, i);
        assert_int_equal(tally.failed, 0);
        accepted += tally.accepted;
        refused += tally.refused;
        put_fini(&read);
        buffer_fini(&payload);
        buffer_fini(&again);
        free(draft);
    }
    assert_true(accepted > 0 && refused > accepted); /* both outcomes were seen */
}

static enum status encoded(const struct put *put) {
    struct buffer payload;
    buffer_init(&payload, 2 * BODY_BYTES_MAX);
    enum status status = put_encode(put, &payload);
    assert_true(status == STATUS_OK || payload.len == 0);
    buffer_fini(&payload);
    return status;
}

static void the_writer_refuses_broken_rules(void **state) {
    (void)state;
    static char long_text[TEXT_VALUE_BYTES_MAX + 1];
    static const uint8_t FLAGS_WITH_REASON[] = {1, 3, 4, 5, 6, 7};
    memset(long_text, 'x', sizeof long_text);
    for (unsigned rule = 0; rule < 30; rule++) {
        struct draft *draft = small_draft(3, 2);
        struct put *put = &draft->put;
        struct cell *cell = &draft->cells[4];
        assert_int_equal(encoded(put), STATUS_OK);
        /* clang-format off */
        switch (rule) {
        case 0: put->record_count = 0; break;
        case 1: put->flags = 8; break;
        case 2: put->reason = bytes_of(long_text, REASON_BYTES_MAX + 1); break;
        case 3: put->keys[1].period = put->keys[0].period; break;
        case 4: put->keys[2].period = 1; break;
        case 5: put->ordinals[1] = put->ordinals[0]; break;
        case 6: put->ordinals[1] = FORM_FIELDS_MAX; break;
        case 7: cell->state = 4; break;
        case 8: cell->type = 0; break;
        case 9: cell->type = CELL_TEXT + 1; break;
        case 10: *cell = (struct cell){.state = CELL_VALUE, .type = CELL_BOOL, .number = 2}; break;
        case 11: cell->qualifier = QUALIFIER_AT_MOST + 1; break;
        case 12: *cell = (struct cell){.state = CELL_MISSING, .qualifier = QUALIFIER_OVER}; break;
        case 13: *cell = (struct cell){.state = CELL_UNTOUCHED, .raw = bytes_of("x", 1)}; break;
        case 14: cell->raw = bytes_of(long_text, NOTE_BYTES_MAX + 1); break;
        case 15: cell->source = bytes_of("\xc0\xaf", 2); break;
        case 16: *cell = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .text = bytes_of(long_text, sizeof long_text)}; break;
        case 17: memset(draft->cells, 0, sizeof draft->cells); break; /* nothing is touched */
        case 18:   /* a row key, and none, in one period */ put->keys[1] = (struct record_key){.period = put->keys[0].period, .row = bytes_of("a", 1)}; break;
        case 19: put->keys[0].row = bytes_of(long_text, ROW_KEY_BYTES_MAX + 1); break;
        case 20: put->keys[0].row = bytes_of("\xe1\xba", 2); break;
        case 21: draft->cells[1] = draft->cells[4] = (struct cell){0}; break; /* of the second record nothing */
        case 22: *cell = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .qualifier = QUALIFIER_OVER}; break;
        case 23: *cell = (struct cell){.state = CELL_VALUE, .type = CELL_BOOL, .qualifier = QUALIFIER_OVER}; break;
        default: put->flags = FLAGS_WITH_REASON[rule - 24]; break; /* without one */
        }
        /* clang-format on */
        assert_int_equal(encoded(put), STATUS_MALFORMED);
        free(draft);
    }
}

static void flags_with_and_without_a_reason(void **state) {
    (void)state;
    struct draft *draft = small_draft(1, 1);
    draft->put.flags = PUT_ON_BEHALF;
    assert_int_equal(encoded(&draft->put), STATUS_OK);
    draft->put.reason = bytes_of("x", 1);
    for (uint8_t flags = 0; flags < 8; flags++) {
        draft->put.flags = flags;
        assert_int_equal(encoded(&draft->put), STATUS_OK);
    }
    free(draft);
}

static void rows_share_whole_characters(void **state) {
    (void)state;
    static const struct {
        const char *before, *row;
        size_t shared;
    } CASES[] = {{"", "An", 0},
                 {"An", "An Bình", 2},
                 {"Tấn", "Tầm", 1},
                 {"Đông", "đông", 0},
                 {"ấ", "ấấ", 3},
                 {"abc", "abd", 2},
                 {"\xf0\x9f\x8c\xbe", "\xf0\x9f\x8c\xbf", 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        assert_int_equal(put_shared_bytes(bytes_of(CASES[i].before, strlen(CASES[i].before)), bytes_of(CASES[i].row, strlen(CASES[i].row))), CASES[i].shared);
    }
}

/* What the reader says of [version, flags, reason, keys, columns], which is canonical whatever else it is. */
static enum status decoded_under(uint8_t flags, struct bytes reason, struct bytes keys, struct bytes columns) {
    struct buffer payload;
    struct writer writer;
    struct put put;
    uint8_t version[32] = {0};
    buffer_init(&payload, BODY_BYTES_MAX);
    writer_init(&writer, &payload);
    writer_array(&writer, 5);
    writer_bin(&writer, bytes_of(version, sizeof version));
    writer_uint(&writer, flags);
    writer_str(&writer, reason);
    writer_raw(&writer, keys);
    writer_raw(&writer, columns);
    assert_int_equal(writer_end(&writer), STATUS_OK);
    assert_int_equal(codec_check(buffer_bytes(&payload)), STATUS_OK);
    enum status status = put_decode(&put, buffer_bytes(&payload));
    assert_true(status == STATUS_OK || put.memory == NULL);
    put_fini(&put);
    buffer_fini(&payload);
    return status;
}

static enum status decoded(struct bytes keys, struct bytes columns) {
    return decoded_under(0, (struct bytes){0}, keys, columns);
}

/* Hand-made payloads, which no writer of ours makes. */
static void the_reader_refuses_what_is_not_canonical(void **state) {
    (void)state;
    static const struct {
        const char *keys, *columns; /* as bytes, up to their length */
        size_t keys_len, columns_len;
        enum status status;
    } CASES[] = {
#define CASE(keys, columns, status) {keys, columns, sizeof keys - 1, sizeof columns - 1, status}
        /* one record, one cell of value 5 */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x90\x90", STATUS_OK),
        CASE("\x90", "\x91\x95\x00\xc4\x00\x91\x05\x90\x90", STATUS_MALFORMED),                 /* no record */
        CASE("\x91\x92\x01\x90", "\x90", STATUS_MALFORMED),                                     /* no column */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x01\x03\x91\x05\x90\x90", STATUS_MALFORMED), /* states spelt out though all have values */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x01\x01\x90\x90\x90", STATUS_OK),            /* missing */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x01\x00\x90\x90\x90", STATUS_MALFORMED),     /* an untouched column */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x01\x05\x90\x90\x90", STATUS_MALFORMED),     /* unused bits */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x02\x01\x00\x90\x90\x90", STATUS_MALFORMED), /* a byte too many */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_MALFORMED), /* a value too many */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\xc0\x90\x90", STATUS_MALFORMED),     /* nil is no value */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\xcf\x80\x00\x00\x00\x00\x00\x00\x00\x90\x90", STATUS_MALFORMED), /* past int64 */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x92\x00\x03\x90", STATUS_OK),                                /* about 5 */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x92\x00\x00\x90", STATUS_MALFORMED),                         /* qualifier none, said */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x92\x00\x06\x90", STATUS_MALFORMED),                         /* unknown qualifier */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x92\x01\x03\x90", STATUS_MALFORMED),                         /* of a cell that is not */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x91\x00\x90", STATUS_MALFORMED),                             /* half a pair */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x01\x01\x90\x92\x00\x03\x90", STATUS_MALFORMED),                         /* of a missing cell */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x90\x91\x93\x00\xa1x\xa0", STATUS_OK),                       /* a note */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\x05\x90\x91\x93\x00\xa0\xa0", STATUS_MALFORMED),                 /* an empty one */
        CASE("\x91\x92\x01\x90", "\x92\x95\x00\xc4\x00\x91\x05\x90\x90\x95\x00\xc4\x00\x91\x05\x90\x90", STATUS_MALFORMED), /* one ordinal twice */
        CASE("\x92\x92\x01\x90\x92\x00\x90", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_MALFORMED),                 /* one period twice */
        CASE("\x92\x92\x01\x90\x92\xce\xff\xff\xff\xff\x90", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_MALFORMED), /* a period past 2^32 */
        /* two rows "ab", "ac" */
        CASE("\x91\x92\x01\x92\x92\x00\xa2\x61\x62\x92\x01\xa1\x63", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_OK),
        CASE("\x91\x92\x01\x92\x92\x00\xa2\x61\x62\x92\x00\xa2\x61\x63", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90",
             STATUS_MALFORMED), /* shares less than it could */
        CASE("\x91\x92\x01\x92\x92\x00\xa2\x61\x62\x92\x03\xa1\x63", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90",
             STATUS_MALFORMED), /* shares more than there is */
        CASE("\x91\x92\x01\x92\x92\x00\xa2\x61\x63\x92\x01\xa1\x62", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_MALFORMED), /* out of order */
        CASE("\x91\x92\x01\x91\x92\x00\xa0", "\x91\x95\x00\xc4\x00\x91\x05\x90\x90", STATUS_MALFORMED),                             /* an empty row key */
        CASE("\x91\x92\x01\x91\x92\x01\xa1\x61", "\x91\x95\x00\xc4\x00\x91\x05\x90\x90", STATUS_MALFORMED), /* the first shares nothing */
        /* "ấ" e1 ba a5 and "ầ" e1 ba a7: nothing is shared, not two bytes */
        CASE("\x91\x92\x01\x92\x92\x00\xa3\xe1\xba\xa5\x92\x00\xa3\xe1\xba\xa7", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_OK),
        /* "à" c3 a0 and "á" c3 a1, the second sharing half of the first: its rest is text, and the whole is none */
        CASE("\x91\x92\x01\x92\x92\x00\xa2\xc3\xa0\x92\x01\xa2\xc3\xa1", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_MALFORMED),
        CASE("\x91\x92\x01\x92\x92\x00\xa2\xc3\xa0\x92\x00\xa2\xc3\xa1", "\x91\x95\x00\xc4\x00\x92\x05\x05\x90\x90", STATUS_OK),
        /* two records, of which one column touches the first and another the second; and the second column gone */
        CASE("\x92\x92\x01\x90\x92\x01\x90", "\x92\x95\x00\xc4\x01\x01\x90\x90\x90\x95\x01\xc4\x01\x04\x90\x90\x90", STATUS_OK),
        CASE("\x92\x92\x01\x90\x92\x01\x90", "\x91\x95\x00\xc4\x01\x01\x90\x90\x90", STATUS_MALFORMED),
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\xa1x\x92\x00\x03\x90", STATUS_MALFORMED), /* about "x" */
        CASE("\x91\x92\x01\x90", "\x91\x95\x00\xc4\x00\x91\xc3\x92\x00\x03\x90", STATUS_MALFORMED),  /* about true */
#undef CASE
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        if (decoded(bytes_of(CASES[i].keys, CASES[i].keys_len), bytes_of(CASES[i].columns, CASES[i].columns_len)) != CASES[i].status) {
            fail_msg("case %zu", i);
        }
    }
}

static void the_reader_wants_reasons(void **state) {
    (void)state;
    struct bytes keys = bytes_of("\x91\x92\x01\x90", 4), columns = bytes_of("\x91\x95\x00\xc4\x00\x91\x05\x90\x90", 9);
    for (uint8_t flags = 0; flags < 9; flags++) {
        bool wanted = (flags & (PUT_CORRECTION | PUT_SETTLES)) != 0;
        assert_int_equal(decoded_under(flags, bytes_of("x", 1), keys, columns), flags < 8 ? STATUS_OK : STATUS_MALFORMED);
        assert_int_equal(decoded_under(flags, (struct bytes){0}, keys, columns), flags < 8 && !wanted ? STATUS_OK : STATUS_MALFORMED);
    }
}

/* Groups of rows, each group's rows two letters and all in order. */
static enum status decoded_groups(size_t groups, size_t rows) {
    struct buffer keys, columns;
    struct writer writer;
    buffer_init(&keys, BODY_BYTES_MAX);
    buffer_init(&columns, BODY_BYTES_MAX);
    writer_init(&writer, &keys);
    writer_array(&writer, groups);
    for (size_t i = 0; i < groups; i++) {
        writer_array(&writer, 2);
        writer_uint(&writer, 1);
        writer_array(&writer, rows);
        for (size_t j = 0; j < rows; j++) {
            uint8_t row[2] = {(uint8_t)('0' + j / 60), (uint8_t)('0' + j % 60)};
            size_t shared = j % 60 > 0;
            writer_array(&writer, 2);
            writer_uint(&writer, shared);
            writer_str(&writer, bytes_of(row + shared, 2 - shared));
        }
    }
    assert_int_equal(writer_end(&writer), STATUS_OK);
    writer_init(&writer, &columns);
    writer_array(&writer, 1);
    writer_array(&writer, 5);
    writer_uint(&writer, 0);
    writer_bin(&writer, (struct bytes){0});
    writer_array(&writer, groups * rows);
    for (size_t i = 0; i < groups * rows; i++) {
        writer_int(&writer, 7);
    }
    writer_array(&writer, 0);
    writer_array(&writer, 0);
    assert_int_equal(writer_end(&writer), STATUS_OK);
    enum status status = decoded(buffer_bytes(&keys), buffer_bytes(&columns));
    buffer_fini(&keys);
    buffer_fini(&columns);
    return status;
}

static void records_are_counted_over_all_groups(void **state) {
    (void)state;
    assert_int_equal(decoded_groups(2, 500), STATUS_OK);
    assert_int_equal(decoded_groups(1, 1000), STATUS_OK);
    assert_int_equal(decoded_groups(3, 334), STATUS_MALFORMED);
    assert_int_equal(decoded_groups(1, 1001), STATUS_MALFORMED);
    /* Two rows of 200 and then 200 shared and 1 more. */
    uint8_t keys[300] = {0x91, 0x92, 0x01, 0x92, 0x92, 0x00, 0xd9, 200};
    memset(keys + 8, 'x', 200);
    memcpy(keys + 208, "\x92\xcc\xc8\xa1x", 5);
    static const uint8_t COLUMNS_BYTES[] = {0x91, 0x95, 0x00, 0xc4, 0x00, 0x92, 0x05, 0x05, 0x90, 0x90};
    assert_int_equal(decoded(bytes_of(keys, 213), bytes_of(COLUMNS_BYTES, sizeof COLUMNS_BYTES)), STATUS_MALFORMED);
}

static void the_largest_put_fits_and_one_more_does_not(void **state) {
    (void)state;
    size_t records = PUT_RECORDS_MAX, columns = FORM_FIELDS_MAX;
    struct put put = {.record_count = records, .column_count = columns}, read;
    put.keys = calloc(records + 1, sizeof *put.keys);
    put.ordinals = calloc(columns + 1, sizeof *put.ordinals);
    put.cells = calloc((records + 1) * (columns + 1), sizeof *put.cells);
    for (uint32_t i = 0; i <= records; i++) {
        put.keys[i].period = i;
    }
    for (uint16_t i = 0; i <= columns; i++) {
        put.ordinals[i] = i;
    }
    for (size_t i = 0; i < records * columns; i++) {
        put.cells[i].state = CELL_MISSING;
    }
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    assert_int_equal(put_encode(&put, &payload), STATUS_OK);
    assert_int_equal(put_decode(&read, buffer_bytes(&payload)), STATUS_OK);
    assert_int_equal(read.record_count * read.column_count, records * columns);
    put_fini(&read);
    put.record_count++;
    assert_int_equal(encoded(&put), STATUS_MALFORMED);
    put.record_count--;
    put.column_count++;
    assert_int_equal(encoded(&put), STATUS_MALFORMED);
    put.column_count--;
    for (size_t i = 0; i < records * columns; i++) {
        put.cells[i] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = INT64_MIN};
    }
    assert_int_equal(encoded(&put), STATUS_TOO_LARGE);
    free(put.keys);
    free(put.ordinals);
    free(put.cells);
    buffer_fini(&payload);
}

/* ---- fitting a form ---- */

static struct form_choice two_choices[2];
static struct form_field FIELDS[] = {{.type = FIELD_INTEGER},
                                     {.type = FIELD_DECIMAL},
                                     {.type = FIELD_MONEY},
                                     {.type = FIELD_TEXT},
                                     {.type = FIELD_YESNO},
                                     {.type = FIELD_CHOICE, .choice_count = 2, .choices = two_choices},
                                     {.type = FIELD_DATE, .retired = true},
                                     {.type = FIELD_COMPUTED}};

static void values_fit_their_fields(void **state) {
    (void)state;
    static const struct cell CELLS[] = {{.type = CELL_INT, .number = 2},
                                        {.type = CELL_INT, .number = 1},
                                        {.type = CELL_INT, .number = -1},
                                        {.type = CELL_INT, .number = DATE_MAX},
                                        {.type = CELL_INT, .number = DATE_MAX + 1},
                                        {.type = CELL_INT, .number = DATE_MIN - 1},
                                        {.type = CELL_BOOL, .number = 1},
                                        {.type = CELL_TEXT}};
    static const char *const FITS[] = {/* by field, for each cell above */
                                       "++++++--", "++++++--", "++++++--", "-------+", "------+-", "-+------", "++++----", "--------"};
    struct form form = {.period = PERIOD_MONTH, .field_count = 8, .fields = FIELDS};
    for (uint16_t field = 0; field < 8; field++) {
        for (size_t i = 0; i < 8; i++) {
            struct draft *draft = small_draft(1, 1);
            draft->ordinals[0] = field;
            draft->cells[0] = CELLS[i];
            draft->cells[0].state = CELL_VALUE;
            assert_int_equal(put_fits(&draft->put, &form), FITS[field][i] == '+' ? STATUS_OK : STATUS_MALFORMED);
            draft->cells[0].qualifier = QUALIFIER_ABOUT; /* of a number only */
            assert_int_equal(put_fits(&draft->put, &form), field < 3 && FITS[field][i] == '+' ? STATUS_OK : STATUS_MALFORMED);
            draft->cells[0] = (struct cell){.state = CELL_MISSING}; /* any field but a computed one may be missing */
            assert_int_equal(put_fits(&draft->put, &form), field == 7 ? STATUS_MALFORMED : STATUS_OK);
            free(draft);
        }
    }
    struct draft *draft = small_draft(1, 1);
    draft->ordinals[0] = 8; /* no such field */
    assert_int_equal(put_fits(&draft->put, &form), STATUS_MALFORMED);
    draft->ordinals[0] = 0;
    form.list = true; /* a list's records carry a row key, others none */
    assert_int_equal(put_fits(&draft->put, &form), STATUS_MALFORMED);
    draft->keys[0].row = bytes_of("a", 1);
    assert_int_equal(put_fits(&draft->put, &form), STATUS_OK);
    form.list = false;
    assert_int_equal(put_fits(&draft->put, &form), STATUS_MALFORMED);
    free(draft);
}

static void periods_fit_their_kind(void **state) {
    (void)state;
    static const struct {
        uint8_t kind;
        uint32_t first, last; /* the lowest and the highest ordinal */
    } KINDS[] = {{PERIOD_MONTH, 22800, 25199}, {PERIOD_QUARTER, 7600, 8399},     {PERIOD_HALF, 3800, 4199},       {PERIOD_NINE_MONTHS, 1900, 2099},
                 {PERIOD_YEAR, 1900, 2099},    {PERIOD_SCHOOL_YEAR, 1900, 2099}, {PERIOD_TERM, 1900000, 2099000}, {PERIOD_AD_HOC, 19000101, 20991231}};
    struct draft *draft = small_draft(1, 1);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        struct form form = {.period = KINDS[i].kind, .field_count = 1, .fields = FIELDS};
        const uint32_t periods[] = {KINDS[i].first, KINDS[i].last, KINDS[i].first - 1, KINDS[i].last + 1};
        for (size_t j = 0; j < 4; j++) {
            draft->keys[0].period = periods[j];
            assert_int_equal(put_fits(&draft->put, &form), j < 2 ? STATUS_OK : STATUS_MALFORMED);
        }
    }
    static const struct {
        uint32_t day;
        bool good;
    } DAYS[] = {{20240229, true},  {20250229, false}, {19000229, false}, {20000229, true},
                {20250431, false}, {20251301, false}, {20250100, false}, {20250630, true}};
    struct form form = {.period = PERIOD_AD_HOC, .field_count = 1, .fields = FIELDS};
    for (size_t i = 0; i < sizeof DAYS / sizeof DAYS[0]; i++) {
        draft->keys[0].period = DAYS[i].day;
        assert_int_equal(put_fits(&draft->put, &form), DAYS[i].good ? STATUS_OK : STATUS_MALFORMED);
    }
    form.period = PERIOD_TERM;
    draft->keys[0].period = 2021005;
    assert_int_equal(put_fits(&draft->put, &form), STATUS_OK);
    draft->keys[0].period = 2095005; /* ends past 2099 */
    assert_int_equal(put_fits(&draft->put, &form), STATUS_MALFORMED);
    free(draft);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_puts_come_back),
        cmocka_unit_test(the_writer_refuses_broken_rules),
        cmocka_unit_test(flags_with_and_without_a_reason),
        cmocka_unit_test(rows_share_whole_characters),
        cmocka_unit_test(the_reader_refuses_what_is_not_canonical),
        cmocka_unit_test(the_reader_wants_reasons),
        cmocka_unit_test(records_are_counted_over_all_groups),
        cmocka_unit_test(the_largest_put_fits_and_one_more_does_not),
        cmocka_unit_test(values_fit_their_fields),
        cmocka_unit_test(periods_fit_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
