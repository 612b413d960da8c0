/* Payloads of changes, and the bodies that carry them. */
#include "protocol/person.h"
#include "tests/golden/vectors.h"

#include <stdio.h>

/* The payload as a vector of its own. */
static json_t *add_payload(json_t *list, const struct world *world, const char *name, const char *structure, const struct buffer *payload) {
    return vectors_add(list, world, name, structure, buffer_bytes(payload));
}

static void add_body(json_t *list, const struct world *world, const char *name, const uint8_t *nonce, const struct change *changes, size_t count) {
    struct buffer body;
    uint8_t salt[SALT_BYTES];
    struct hash hash;
    buffer_init(&body, BODY_BYTES_MAX);
    vectors_must(body_encode(&body, nonce, changes, count), name);
    vectors_fill(salt, sizeof salt, name);
    body_hash(&hash, &world->founding.association, salt, buffer_bytes(&body));
    json_t *vector = vectors_add(list, world, name, "body", buffer_bytes(&body));
    vectors_fact(vector, "salt", salt, sizeof salt);
    vectors_fact(vector, "body_hash", hash.b, sizeof hash.b);
    json_t *ids = json_array();
    for (size_t i = 0; i < count; i++) {
        if (changes[i].kind == CHANGE_UNIT) {
            struct unit_id id;
            json_t *holder = json_object();
            keys_unit_id(&id, &world->founding.association, nonce, (uint32_t)i);
            vectors_fact(holder, "unit_id", id.b, sizeof id.b);
            json_object_set_new(holder, "place", json_integer((json_int_t)i));
            json_array_append_new(ids, holder);
        }
    }
    if (json_array_size(ids) > 0) {
        json_object_set_new(vector, "unit_ids", ids);
    } else {
        json_decref(ids);
    }
    buffer_fini(&body);
}

/* ---- units ---- */

static void add_units(json_t *list, const struct world *world) {
    struct buffer province, commune, sets[3];
    struct unit_change unit = {.parent = world->founding.root, .level = 1, .code = vectors_text("56"), .name = vectors_text("Khánh Hòa")};
    unit.line = (struct line){.count = 1, .units = {world->founding.root}};
    buffer_init(&province, BODY_BYTES_MAX);
    vectors_must(unit_change_encode(&unit, &province), "unit");
    add_payload(list, world, "unit-always", "unit", &province);

    unit = (struct unit_change){.parent = world->province_unit, .level = 3, .name = vectors_text("Xã Vĩnh Hải"), .effective = {.set = true, .days = 20270}};
    unit.line = (struct line){.count = 2, .units = {world->province_unit, world->founding.root}};
    buffer_init(&commune, BODY_BYTES_MAX);
    vectors_must(unit_change_encode(&unit, &commune), "unit");
    add_payload(list, world, "unit-effective-no-code", "unit", &commune);

    const struct change units[] = {{.kind = CHANGE_UNIT, .payload = buffer_bytes(&province)}, {.kind = CHANGE_UNIT, .payload = buffer_bytes(&commune)}};
    add_body(list, world, "body-units", world->units_nonce, units, 2);

    const struct unit_set_change values[] = {
        {.unit = world->commune_unit, .attribute = UNIT_CODE, .text = vectors_text("22363"), .effective = {.set = true, .days = 20270}},
        {.unit = world->founding.root, .attribute = UNIT_NAME, .text = vectors_text("Trung ương Hội"), .effective = {.set = true, .days = DATE_MIN}},
        {.unit = world->founding.root, .attribute = UNIT_LEVEL, .level = 0},
    };
    static const char *const NAMES[] = {"unit-set-code", "unit-set-name", "unit-set-level"};
    struct change changes[3];
    uint8_t nonce[16];
    for (size_t i = 0; i < 3; i++) {
        buffer_init(&sets[i], BODY_BYTES_MAX);
        vectors_must(unit_set_change_encode(&values[i], &sets[i]), NAMES[i]);
        add_payload(list, world, NAMES[i], "unit_set", &sets[i]);
        changes[i] = (struct change){.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&sets[i])};
    }
    vectors_fill(nonce, sizeof nonce, "sets nonce");
    add_body(list, world, "body-unit-sets", nonce, changes, 3);
    buffer_fini(&province);
    buffer_fini(&commune);
    for (size_t i = 0; i < 3; i++) {
        buffer_fini(&sets[i]);
    }
}

/* ---- admissions ---- */

static void add_admission(json_t *list, const struct world *world, const char *name, const struct admission *admission) {
    struct buffer core, whole;
    struct node_id id;
    uint8_t nonce[16];
    char other[64];
    admission_node_id(&id, &world->founding.association, admission);
    buffer_init(&core, BODY_BYTES_MAX);
    vectors_must(admission_core_encode(admission, &core), name);
    snprintf(other, sizeof other, "core-%s", name);
    vectors_fact(add_payload(list, world, other, "core", &core), "node_id", id.b, sizeof id.b);
    buffer_init(&whole, BODY_BYTES_MAX);
    vectors_must(admission_encode(admission, &whole), name);
    snprintf(other, sizeof other, "admission-%s", name);
    vectors_fact(add_payload(list, world, other, "admission", &whole), "node_id", id.b, sizeof id.b);
    const struct change change = {.kind = CHANGE_ADMISSION, .payload = buffer_bytes(&whole)};
    vectors_fill(nonce, sizeof nonce, other);
    snprintf(other, sizeof other, "body-admission-%s", name);
    add_body(list, world, other, nonce, &change, 1);
    buffer_fini(&core);
    buffer_fini(&whole);
}

static void add_admissions(json_t *list, const struct world *world) {
    add_admission(list, world, "province", &world->province_admission);
    struct admission successor = world->commune_admission;
    successor.has_succeeds = true;
    successor.succeeds = world->commune_node;
    vectors_fill(successor.nonce, sizeof successor.nonce, "successor nonce");
    struct log_id log = vectors_log(&world->commune_node, LOG_REPORT, "commune epoch 1");
    successor.pin_count = 2;
    successor.pins[0] = vectors_ref(&log, 5, "pin 5");
    successor.pins[1] = vectors_ref(&log, 300, "pin 300");
    add_admission(list, world, "successor-pins", &successor);
}

/* ---- forms and levels ---- */

static struct texts texts_of(const char *english, const char *vietnamese) {
    return (struct texts){
        .count = 2, .items = {{.lang = vectors_text("en"), .text = vectors_text(english)}, {.lang = vectors_text("vi"), .text = vectors_text(vietnamese)}}};
}

static void add_form(json_t *list, const struct world *world, const char *name, const struct form *form, struct hash *version) {
    struct buffer payload;
    uint8_t id[16], nonce[16];
    char other[64];
    buffer_init(&payload, BODY_BYTES_MAX);
    vectors_must(form_encode(form, &payload), name);
    form_version(version, &world->founding.association, buffer_bytes(&payload));
    keys_form_id(id, &world->founding.association, &form->issuer, form->name);
    json_t *vector = add_payload(list, world, name, "form", &payload);
    vectors_fact(vector, "form_version", version->b, sizeof version->b);
    vectors_fact(vector, "form_id", id, sizeof id);
    const struct change change = {.kind = CHANGE_FORM, .payload = buffer_bytes(&payload)};
    snprintf(other, sizeof other, "body-%s", name);
    vectors_fill(nonce, sizeof nonce, other);
    add_body(list, world, other, nonce, &change, 1);
    if (form->extensions.len > 0) { /* the same with the extension critical: the body stands, and the form is set aside */
        payload.data[payload.len - 4] = 0xc3;
        snprintf(other, sizeof other, "body-%s-critical", name);
        add_body(list, world, other, nonce, &change, 1);
    }
    buffer_fini(&payload);
}

/* [[1, false, ff]] */
static const uint8_t EXTENSION[] = {0x91, 0x93, 0x01, 0xc2, 0xc4, 0x01, 0xff};

/* A form whose bodies stop at level 1 and whose extracts go on: extension 16. */
static void add_form_extract(json_t *list, const struct world *world) {
    struct form_field field = {.name = vectors_text("ca"), .type = FIELD_INTEGER, .over_units = AGGREGATE_SUM, .over_time = AGGREGATE_SUM};
    struct buffer extensions, payload;
    struct hash version;
    buffer_init(&extensions, BODY_BYTES_MAX);
    buffer_init(&payload, BODY_BYTES_MAX);
    vectors_must(form_extensions_encode(true, 3, &extensions), "extensions");
    const struct form form = {.issuer = world->founding.root,
                              .name = vectors_text("bao_luc"),
                              .label = 1,
                              .period = PERIOD_MONTH,
                              .window = WINDOW_CALENDAR,
                              .reach = 1,
                              .policy = POLICY_OWNER,
                              .field_count = 1,
                              .fields = &field,
                              .extensions = buffer_bytes(&extensions)};
    vectors_must(form_encode(&form, &payload), "form");
    form_version(&version, &world->founding.association, buffer_bytes(&payload));
    vectors_fact(vectors_add(list, world, "form-extract", "form", buffer_bytes(&payload)), "form_version", version.b, sizeof version.b);
    buffer_fini(&payload);
    buffer_fini(&extensions);
}

static void add_forms(json_t *list, const struct world *world) {
    struct hash version;
    struct form_field field = {.name = vectors_text("hoi_vien"), .type = FIELD_INTEGER, .over_units = AGGREGATE_SUM, .over_time = TIME_LAST};
    struct form small = {.issuer = world->founding.root,
                         .name = vectors_text("thang"),
                         .label = 1,
                         .period = PERIOD_MONTH,
                         .window = WINDOW_CALENDAR,
                         .policy = POLICY_OWNER,
                         .field_count = 1,
                         .fields = &field};
    add_form(list, world, "form-small", &small, &version);

    struct form_choice choices[] = {{.code = vectors_text("tot"), .labels = texts_of("good", "Tốt")}, {.code = vectors_text("kha"), .labels = {.count = 0}}};
    struct form_field fields[] = {
        {.name = vectors_text("so_luong"),
         .type = FIELD_INTEGER,
         .labels = texts_of("Number", "Số lượng"),
         .measure = vectors_text("người"),
         .over_units = AGGREGATE_SUM,
         .over_time = AGGREGATE_SUM,
         .required = true,
         .has_minimum = true,
         .minimum = 0,
         .has_maximum = true,
         .maximum = 1000000},
        {.name = vectors_text("ty_le"),
         .type = FIELD_DECIMAL,
         .places = 2,
         .measure = vectors_text("%"),
         .over_units = UNITS_AVERAGE,
         .over_time = TIME_AVERAGE,
         .weight = vectors_text("so_luong"),
         .has_minimum = true,
         .minimum = -10000,
         .extensions = bytes_of(EXTENSION, sizeof EXTENSION)},
        {.name = vectors_text("kinh_phi"), .type = FIELD_MONEY, .over_units = AGGREGATE_SUM, .over_time = AGGREGATE_SUM},
        {.name = vectors_text("ghi_chu"), .type = FIELD_TEXT},
        {.name = vectors_text("co_dien"), .type = FIELD_YESNO, .over_units = UNITS_COUNT, .over_time = TIME_LAST},
        {.name = vectors_text("xep_loai"), .type = FIELD_CHOICE, .over_units = UNITS_COUNT, .choice_count = 2, .choices = choices},
        {.name = vectors_text("ngay_hop"), .type = FIELD_DATE, .over_units = UNITS_MAX, .over_time = TIME_MAX, .retired = true},
        {.name = vectors_text("binh_quan"), .type = FIELD_COMPUTED, .places = 9, .formula = vectors_text("kinh_phi / so_luong")},
    };
    struct form_rule rules[] = {{.severity = 1, .expression = vectors_text("so_luong > 0"), .texts = texts_of("No members?", "Không có hội viên?")},
                                {.severity = 2, .expression = vectors_text("ty_le <= 10000")}};
    struct form full = {.issuer = world->province_unit,
                        .name = vectors_text("quy_2025"),
                        .label = 300,
                        .has_previous = true,
                        .previous = version,
                        .titles = texts_of("Quarterly report", "Báo cáo quý"),
                        .period = PERIOD_QUARTER,
                        .window = WINDOW_OFFICIAL,
                        .reach = 2,
                        .policy = POLICY_UPPER,
                        .list = true,
                        .level_count = 2,
                        .due_count = 2,
                        .field_count = 8,
                        .rule_count = 2,
                        .levels = {2, 3},
                        .due = {{.level = 2, .days = 20}, {.level = 3, .days = -3}},
                        .fields = fields,
                        .rules = rules,
                        .extensions = bytes_of(EXTENSION, sizeof EXTENSION)};
    add_form(list, world, "form-full", &full, &version);
}

static void add_levels(json_t *list, const struct world *world) {
    struct buffer payload;
    uint8_t nonce[16];
    struct level_table table = {.count = 3,
                                .levels = {{.number = 0, .names = texts_of("central", "trung ương")},
                                           {.number = 1, .names = texts_of("province", "tỉnh")},
                                           {.number = LEVEL_MAX, .names = {.count = 0}}}};
    buffer_init(&payload, BODY_BYTES_MAX);
    vectors_must(level_table_encode(&table, &payload), "level table");
    add_payload(list, world, "level-table", "level_table", &payload);
    const struct change change = {.kind = CHANGE_LEVEL_TABLE, .payload = buffer_bytes(&payload)};
    vectors_fill(nonce, sizeof nonce, "levels nonce");
    add_body(list, world, "body-level-table", nonce, &change, 1);
    buffer_fini(&payload);
}

/* ---- documents and unknown kinds ---- */

static void add_documents(json_t *list, const struct world *world) {
    static const char ATTACHED[] = "biểu mẫu";
    struct buffer payload;
    struct hash hash;
    struct log_id log = vectors_log(&world->province_node, LOG_DIRECTIVE, "province epoch 1");
    struct document document = {.title = vectors_text("Thông báo")};
    buffer_init(&payload, BODY_BYTES_MAX);
    vectors_must(document_encode(&document, &payload), "document");
    add_payload(list, world, "document-small", "document", &payload);

    keys_hash(&hash, "attachment", &world->founding.association, vectors_text(ATTACHED), (struct bytes){0});
    document = (struct document){.kind = 3,
                                 .ask = 2,
                                 .number = vectors_text("12-KH/HND"),
                                 .title = vectors_text("Kế hoạch"),
                                 .text = vectors_text("Dòng một\nDòng hai\t\xf0\x9f\x8c\xbe"),
                                 .date = {.set = true, .days = 20100},
                                 .due = {.set = true, .days = DATE_MAX},
                                 .has_supersedes = true,
                                 .supersedes = vectors_ref(&log, 9, "superseded"),
                                 .attachment_count = 1,
                                 .extensions = bytes_of(EXTENSION, sizeof EXTENSION)};
    document.attachments[0] = (struct attachment){.name = vectors_text("biểu mẫu.txt"), .bytes = sizeof ATTACHED - 1, .hash = hash};
    buffer_clear(&payload);
    vectors_must(document_encode(&document, &payload), "document");
    json_t *vector = add_payload(list, world, "document-full", "document", &payload);
    vectors_fact(vector, "attachment", ATTACHED, sizeof ATTACHED - 1);
    vectors_fact(vector, "attachment_hash", hash.b, sizeof hash.b);
    const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    add_body(list, world, "body-document", NULL, &change, 1);
    buffer_fini(&payload);
}

/* ---- persons ---- */

/* The longest account, name and role; and the bodies that name one: the smallest of each class. */
static void add_persons(json_t *list, const struct world *world) {
    static const char ACCOUNT[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static const char TEXT[] = "Nguyễn Thị Mười Một, Chủ tịch Hội LHPN xã Vĩnh Hải, Khánh Hòa, 0123456789012345";
    const struct person persons[] = {{.account = vectors_text("a")},
                                     {.account = vectors_text("lan.nt"), .name = vectors_text("Nguyễn Thị Lan"), .role = vectors_text("Chủ tịch")},
                                     {.account = vectors_text(ACCOUNT), .name = vectors_text(TEXT), .role = vectors_text(TEXT)}};
    static const char *const NAMES[] = {"person-account", "person-named", "person-longest"};
    struct buffer person, payload;
    buffer_init(&person, BODY_BYTES_MAX);
    buffer_init(&payload, BODY_BYTES_MAX);
    for (size_t i = 0; i < sizeof persons / sizeof persons[0]; i++) {
        buffer_clear(&person);
        vectors_must(person_encode(&persons[i], &person), NAMES[i]);
        add_payload(list, world, NAMES[i], "person", &person);
    }
    buffer_clear(&person);
    vectors_must(person_encode(&persons[1], &person), "person");
    const struct document document = {.title = vectors_text("Thông báo")};
    vectors_must(document_encode(&document, &payload), "document");
    const struct change letter[] = {{.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)},
                                    {.kind = CHANGE_DOCUMENT_PERSON, .place = 1, .payload = buffer_bytes(&person)}};
    add_body(list, world, "body-document-person", NULL, letter, 2);
    const uint8_t objection[] = {0x90};
    const struct change record[] = {{.kind = CHANGE_OBJECTION, .payload = bytes_of(objection, sizeof objection)},
                                    {.kind = CHANGE_RECORD_PERSON, .place = 1, .payload = buffer_bytes(&person)}};
    add_body(list, world, "body-record-person", NULL, record, 2);
    buffer_fini(&person);
    buffer_fini(&payload);
}

/* Any canonical values may stand in a payload of an unknown kind: [nil, -33, [2^64 - 1, -2^63], "x", "", true]. */
static const uint8_t UNKNOWN_PAYLOAD[] = {0x96, 0xc0, 0xd0, 0xdf, 0x92, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                          0xd3, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xa1, 'x',  0xc4, 0x00, 0xc3};
static const uint8_t EMPTY_PAYLOAD[] = {0x90};

static void add_unknown(json_t *list, const struct world *world) {
    uint8_t nonce[16];
    const struct change control[] = {{.kind = 40, .payload = bytes_of(UNKNOWN_PAYLOAD, sizeof UNKNOWN_PAYLOAD)},
                                     {.kind = CHANGE_LOCK, .payload = bytes_of(EMPTY_PAYLOAD, sizeof EMPTY_PAYLOAD)}};
    const struct change record = {.kind = 95, .payload = bytes_of(EMPTY_PAYLOAD, sizeof EMPTY_PAYLOAD)};
    const struct change document = {.kind = 127, .payload = bytes_of(UNKNOWN_PAYLOAD, sizeof UNKNOWN_PAYLOAD)};
    vectors_fill(nonce, sizeof nonce, "unknown nonce");
    add_body(list, world, "body-unknown-control", nonce, control, 2);
    add_body(list, world, "body-unknown-record", NULL, &record, 1);
    add_body(list, world, "body-unknown-document", NULL, &document, 1);
}

void vectors_add_changes(json_t *list, const struct world *world) {
    add_units(list, world);
    add_admissions(list, world);
    add_forms(list, world);
    add_form_extract(list, world);
    add_levels(list, world);
    add_documents(list, world);
    add_unknown(list, world);
    add_persons(list, world);
}
