/* Puts: one of each feature of section 6. */
#include "protocol/extract.h"
#include "tests/golden/vectors.h"

enum { COLUMNS_MOST = 8, RECORDS_MOST = 12 };

/* A put under construction, in fixed tables. */
struct draft {
    struct put put;
    struct record_key keys[RECORDS_MOST];
    uint16_t ordinals[COLUMNS_MOST];
    struct cell cells[COLUMNS_MOST * RECORDS_MOST];
};

static void begin(struct draft *draft, size_t records, size_t columns) {
    *draft = (struct draft){0};
    draft->put = (struct put){.record_count = records, .column_count = columns, .keys = draft->keys, .ordinals = draft->ordinals, .cells = draft->cells};
    vectors_fill(draft->put.form_version.b, sizeof draft->put.form_version.b, "form version");
    for (size_t i = 0; i < columns; i++) {
        draft->ordinals[i] = (uint16_t)i;
    }
}

static struct cell *cell_at(struct draft *draft, size_t column, size_t record) {
    return &draft->cells[column * draft->put.record_count + record];
}

static struct cell whole(int64_t number) {
    return (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = number};
}

static void add(json_t *list, const struct world *world, const char *name, const struct draft *draft) {
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    vectors_must(put_encode(&draft->put, &payload), name);
    vectors_add(list, world, name, "put", buffer_bytes(&payload));
    buffer_fini(&payload);
}

static void add_plain(json_t *list, const struct world *world) {
    struct draft draft;
    begin(&draft, 1, 1);
    draft.keys[0].period = 12 * 2025 + 0;
    *cell_at(&draft, 0, 0) = whole(42);
    add(list, world, "put-one-cell", &draft);

    /* Three periods, the second and third as differences; and every width of integer. */
    static const int64_t NUMBERS[3][6] = {
        {0, 127, 128, 255, 256, 65535}, {65536, 4294967295, 4294967296, INT64_MAX, -1, -32}, {-33, -128, -129, -32769, -2147483649, INT64_MIN}};
    begin(&draft, 3, 6);
    draft.keys[0].period = 12 * 2024 + 10;
    draft.keys[1].period = 12 * 2024 + 11;
    draft.keys[2].period = 12 * 2025 + 10;
    for (size_t i = 0; i < 18; i++) {
        *cell_at(&draft, i % 6, i / 6) = whole(NUMBERS[i / 6][i % 6]);
    }
    draft.ordinals[5] = FORM_FIELDS_MAX - 1;
    add(list, world, "put-periods-integers", &draft);
}

static void add_states(json_t *list, const struct world *world) {
    struct draft draft;
    begin(&draft, 5, 4);
    for (uint32_t i = 0; i < 5; i++) {
        draft.keys[i].period = 2025 * 4 + i;
    }
    for (size_t i = 0; i < 5; i++) {
        *cell_at(&draft, 0, i) = (struct cell){.state = (uint8_t)(i % 4)};
        *cell_at(&draft, 2, i) = (struct cell){.state = CELL_MISSING};
        *cell_at(&draft, 3, i) = whole((int64_t)i);
    }
    *cell_at(&draft, 0, 3) = whole(3);
    add(list, world, "put-states-untouched-column-left-out", &draft); /* column 1 is touched nowhere */
}

static void add_types(json_t *list, const struct world *world) {
    struct draft draft;
    begin(&draft, 2, 7);
    draft.keys[0].period = 20250630;
    draft.keys[1].period = 20250701;
    const struct cell first[] = {whole(1200),
                                 whole(-1234567),
                                 whole(5000000000),
                                 {.state = CELL_VALUE, .type = CELL_TEXT, .text = vectors_text("Nguyễn Thị Ánh")},
                                 {.state = CELL_VALUE, .type = CELL_BOOL, .number = 1},
                                 whole(1),
                                 whole(20270)};
    const struct cell second[] = {whole(0), whole(99),      whole(-1), {.state = CELL_VALUE, .type = CELL_TEXT}, {.state = CELL_VALUE, .type = CELL_BOOL},
                                  whole(0), whole(DATE_MIN)};
    for (size_t i = 0; i < 7; i++) {
        *cell_at(&draft, i, 0) = first[i];
        *cell_at(&draft, i, 1) = second[i];
    }
    add(list, world, "put-every-type", &draft);
}

static void add_marks(json_t *list, const struct world *world) {
    struct draft draft;
    begin(&draft, 6, 2);
    draft.put.flags = PUT_CORRECTION | PUT_SETTLES;
    draft.put.reason = vectors_text("Cộng nhầm hai chi hội");
    for (uint32_t i = 0; i < 6; i++) {
        draft.keys[i].period = 2020 + i;
        *cell_at(&draft, 0, i) = whole(i * 10);
        cell_at(&draft, 0, i)->qualifier = (uint8_t)i;
    }
    cell_at(&draft, 0, 0)->raw = vectors_text("1.200 (ước)");
    cell_at(&draft, 0, 0)->source = vectors_text("bao-cao.csv:4");
    cell_at(&draft, 0, 5)->source = vectors_text("bao-cao.csv:9");
    *cell_at(&draft, 1, 2) = (struct cell){.state = CELL_NOT_APPLICABLE, .raw = vectors_text("x")};
    *cell_at(&draft, 1, 4) = (struct cell){.state = CELL_MISSING, .raw = vectors_text("?")};
    add(list, world, "put-qualifiers-notes-reason", &draft);
    draft.put.flags = PUT_ON_BEHALF;
    draft.put.reason = (struct bytes){0};
    add(list, world, "put-on-behalf", &draft);
}

static void add_rows(json_t *list, const struct world *world) {
    /* Shared beginnings that end within a character: "ấ" e1 ba a5 and "ầ" e1 ba a7, "Đ" c4 90 and "đ" c4 91. */
    static const struct {
        uint32_t period;
        const char *row;
    } KEYS[] = {{24300, "An"},   {24300, "An Bình"}, {24300, "An Bình 2"}, {24300, "Tấn"},    {24300, "Tầm"},
                {24300, "Đông"}, {24300, "đông"},    {24301, "An"},        {24301, "An Phú"}, {24400, "1"}};
    struct draft draft;
    begin(&draft, sizeof KEYS / sizeof KEYS[0], 2);
    for (size_t i = 0; i < draft.put.record_count; i++) {
        draft.keys[i] = (struct record_key){.period = KEYS[i].period, .row = vectors_text(KEYS[i].row)};
        *cell_at(&draft, 0, i) = whole((int64_t)i);
    }
    *cell_at(&draft, 1, 9) = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .text = vectors_text("hàng cuối")};
    add(list, world, "put-rows", &draft);
}

/* Two months of one commune, one figure suppressed, one contested column, cut from two entries; and the one row of a list. */
static void add_extracts(json_t *list, const struct world *world) {
    const struct log_id report = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1"), above = vectors_log(&world->province_node, LOG_DIRECTIVE, "province epoch 1");
    struct extract *extract = calloc(1, sizeof *extract);
    struct draft draft;
    struct buffer payload;
    vectors_must(extract != NULL ? STATUS_OK : STATUS_NO_MEMORY, "extract");
    buffer_init(&payload, BODY_BYTES_MAX);
    begin(&draft, 2, 3);
    draft.keys[0].period = 12 * 2025 + 4;
    draft.keys[1].period = 12 * 2025 + 5;
    draft.ordinals[2] = 7;
    *cell_at(&draft, 0, 0) = whole(120);
    *cell_at(&draft, 0, 1) = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = 3, .qualifier = QUALIFIER_UNDER};
    *cell_at(&draft, 1, 0) = (struct cell){.state = CELL_NOT_APPLICABLE};
    *cell_at(&draft, 1, 1) = whole(-5);
    *cell_at(&draft, 2, 1) = whole(173000000000);
    extract->put = draft.put;
    extract->cut_count = 2;
    extract->cut[0] = vectors_ref(&report, 5, "cut 5");
    extract->cut[1] = vectors_ref(&above, 70000, "cut 70000");
    if (ref_compare(&extract->cut[0], &extract->cut[1]) > 0) {
        const struct ref first = extract->cut[1];
        extract->cut[1] = extract->cut[0];
        extract->cut[0] = first;
    }
    extract->contested_count = 1;
    extract->contested[0] = 7;
    vectors_must(extract_encode(extract, &payload), "extract");
    vectors_add(list, world, "extract", "extract", buffer_bytes(&payload));

    buffer_clear(&payload);
    begin(&draft, 1, 1);
    draft.keys[0] = (struct record_key){.period = 20250630, .row = vectors_text(EXTRACT_ROW)};
    *cell_at(&draft, 0, 0) = whole(0);
    extract->put = draft.put;
    extract->cut_count = 1;
    extract->contested_count = 0;
    vectors_must(extract_encode(extract, &payload), "extract");
    vectors_add(list, world, "extract-of-a-list", "extract", buffer_bytes(&payload));
    buffer_fini(&payload);
    free(extract);
}

void vectors_add_puts(json_t *list, const struct world *world) {
    add_plain(list, world);
    add_states(list, world);
    add_types(list, world);
    add_marks(list, world);
    add_rows(list, world);
    add_extracts(list, world);
    /* One of them in its body, as it is signed. */
    struct draft draft;
    struct buffer payload, body;
    begin(&draft, 1, 1);
    draft.keys[0].period = 2021005;
    *cell_at(&draft, 0, 0) = (struct cell){.state = CELL_MISSING};
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    vectors_must(put_encode(&draft.put, &payload), "put");
    const struct change change = {.kind = CHANGE_PUT, .payload = buffer_bytes(&payload)};
    vectors_must(body_encode(&body, NULL, &change, 1), "put body");
    uint8_t salt[SALT_BYTES];
    struct hash hash;
    vectors_fill(salt, sizeof salt, "put salt");
    body_hash(&hash, &world->founding.association, salt, buffer_bytes(&body));
    json_t *vector = vectors_add(list, world, "body-put-term", "body", buffer_bytes(&body));
    vectors_fact(vector, "salt", salt, sizeof salt);
    vectors_fact(vector, "body_hash", hash.b, sizeof hash.b);
    buffer_fini(&payload);
    buffer_fini(&body);
}
