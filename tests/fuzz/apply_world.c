#include "tests/fuzz/apply_world.h"

#include "protocol/person.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

enum { PAYLOAD_BYTES = 16 * 1024, CHANGES_AN_ENTRY = 3, SEEN_AN_ENTRY = 3, COMMUNE = 2 /* its place among the units */ };

static struct bytes word(const char *text) {
    return bytes_of(text, strlen(text));
}

/* ---- the world as it begins ---- */

static void make_author(struct apply_world *world, unsigned place, const struct node_id *inviter, const struct unit_id *unit) {
    struct author *author = &world->authors[place];
    uint8_t seeds[2][32] = {{1, (uint8_t)place}, {2, (uint8_t)place}};
    FUZZ_REQUIRE(keys_from_seeds(&author->keys, seeds[0], seeds[1]) == STATUS_OK);
    author->admission = (struct admission){.inviter = *inviter, .unit = *unit, .roles = place == 1 || place == 4 ? ROLE_WRITER : ROLE_WRITER | ROLE_STEWARD};
    memcpy(author->admission.signing_key, author->keys.signing_public, 32);
    memcpy(author->admission.transport_key, author->keys.transport_public, 32);
    author->admission.line = (struct line){1, {world->founding.root}};
    admission_node_id(&author->node, &world->founding.association, &author->admission);
}

static void write_root(struct store *store, const uint8_t nonce[16], const struct change *changes, size_t count) {
    struct buffer body;
    struct stored stored;
    buffer_init(&body, BODY_BYTES_MAX);
    FUZZ_REQUIRE(body_encode(&body, nonce, changes, count) == STATUS_OK);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
    FUZZ_REQUIRE(store_begin(store) == STATUS_OK && log_append(store, &draft, &stored) == STATUS_OK);
    FUZZ_REQUIRE(apply_pending(store) == STATUS_OK && store_commit(store) == STATUS_OK);
    buffer_fini(&body);
}

/* A province, a commune below it, and a node of each. */
static void write_structure(struct apply_world *world, struct store *store) {
    static const uint8_t nonce[16] = {200};
    struct buffer payloads[4];
    struct change changes[4];
    struct unit_id *units = world->units;
    units[0] = world->founding.root;
    keys_unit_id(&units[1], &world->founding.association, nonce, 0);
    keys_unit_id(&units[COMMUNE], &world->founding.association, nonce, 1);
    world->unit_count = UNITS_FIRST;
    make_author(world, 0, &store->self, &units[1]);
    make_author(world, 1, &store->self, &units[COMMUNE]);
    make_author(world, 2, &world->authors[0].node, &units[1]);
    make_author(world, 3, &world->authors[0].node, &units[COMMUNE]);
    make_author(world, 4, &world->authors[2].node, &units[COMMUNE]);
    make_author(world, 5, &world->authors[1].node, &units[COMMUNE]); /* by one who is no steward */
    for (unsigned i = 0; i < 4; i++) {
        buffer_init(&payloads[i], PAYLOAD_BYTES);
    }
    const struct unit_change province = {.parent = units[0], .level = 1, .code = word("01"), .name = word("Tinh"), .line = {1, {units[0]}}};
    const struct unit_change commune = {.parent = units[1], .level = 3, .code = word("0101"), .name = word("Xa"), .line = {2, {units[1], units[0]}}};
    FUZZ_REQUIRE(unit_change_encode(&province, &payloads[0]) == STATUS_OK && unit_change_encode(&commune, &payloads[1]) == STATUS_OK);
    FUZZ_REQUIRE(admission_encode(&world->authors[0].admission, &payloads[2]) == STATUS_OK);
    FUZZ_REQUIRE(admission_encode(&world->authors[1].admission, &payloads[3]) == STATUS_OK);
    for (unsigned i = 0; i < 4; i++) {
        changes[i] = (struct change){.kind = i < 2 ? CHANGE_UNIT : CHANGE_ADMISSION, .place = i, .payload = buffer_bytes(&payloads[i])};
    }
    write_root(store, nonce, changes, 4);
    for (unsigned i = 0; i < 4; i++) {
        buffer_fini(&payloads[i]);
    }
}

static void write_form(struct apply_world *world, const char *name, bool list, uint8_t policy, struct buffer *out) {
    struct form_field fields[] = {{.name = word("a"), .type = FIELD_INTEGER, .over_units = AGGREGATE_SUM, .over_time = AGGREGATE_SUM},
                                  {.name = word("b"), .type = FIELD_DECIMAL, .places = 2, .over_units = AGGREGATE_SUM, .over_time = TIME_LAST},
                                  {.name = word("c"), .type = FIELD_TEXT}};
    const struct form form = {.issuer = world->units[0],
                              .name = word(name),
                              .label = 1,
                              .period = PERIOD_MONTH,
                              .window = WINDOW_CALENDAR,
                              .policy = policy,
                              .list = list,
                              .field_count = 3,
                              .fields = fields};
    FUZZ_REQUIRE(form_encode(&form, out) == STATUS_OK);
    form_version(&world->versions[world->version_count++], &world->founding.association, buffer_bytes(out));
}

static void write_forms(struct apply_world *world, struct store *store) {
    static const uint8_t nonce[16] = {201};
    struct buffer payloads[2];
    struct change changes[2];
    for (unsigned i = 0; i < 2; i++) {
        buffer_init(&payloads[i], PAYLOAD_BYTES);
        write_form(world, i == 0 ? "single" : "list", i == 1, i == 0 ? POLICY_OWNER : POLICY_UPPER, &payloads[i]);
        changes[i] = (struct change){.kind = CHANGE_FORM, .place = i, .payload = buffer_bytes(&payloads[i])};
    }
    write_root(store, nonce, changes, 2);
    world->version_first = world->version_count;
    for (unsigned i = 0; i < 2; i++) {
        buffer_fini(&payloads[i]);
    }
}

static struct apply_world *make_world(void) {
    const struct store_founding founding = {.name = "fuzz", .unit_code = "00", .unit_name = "Trung uong", .practice = true};
    struct apply_world *world = calloc(1, sizeof *world);
    struct store *store;
    FUZZ_REQUIRE(world != NULL && keys_init() == STATUS_OK);
    world->header = malloc(sizeof *world->header);
    FUZZ_REQUIRE(world->header != NULL);
    disk_begin(1);
    disk_clock(1750000000, 1);
    world->pristine = disk_new("/pristine");
    world->disks[0] = disk_new("/first");
    world->disks[1] = disk_new("/second");
    FUZZ_REQUIRE(store_found("/pristine/store", &founding) == STATUS_OK && store_open(&store, "/pristine/store", 0, NULL) == STATUS_OK);
    buffer_init(&world->statement, FOUNDING_BYTES_MAX + 64);
    FUZZ_REQUIRE(buffer_append(&world->statement, store->founding_bytes.data, store->founding_bytes.len - 64) == STATUS_OK);
    FUZZ_REQUIRE(founding_decode(&world->founding, buffer_bytes(&world->statement)) == STATUS_OK);
    write_structure(world, store);
    write_forms(world, store);
    store_close(store);
    return world;
}

struct apply_world *apply_world(void) {
    static struct apply_world *world;
    if (world == NULL) {
        world = make_world();
    }
    for (size_t i = 0; i < world->entry_count; i++) {
        buffer_fini(&world->entries[i].header);
        buffer_fini(&world->entries[i].body);
    }
    world->entry_count = 0;
    world->unit_count = UNITS_FIRST;
    world->version_count = world->version_first;
    disk_copy(world->disks[0], world->pristine);
    disk_copy(world->disks[1], world->pristine);
    return world;
}

/* ---- one entry ---- */

static const struct unit_id *take_unit(struct apply_world *world, struct bytes *in) {
    return &world->units[fuzz_choice(in, 256) % world->unit_count];
}

static struct date take_date(struct bytes *in) {
    unsigned choice = fuzz_choice(in, 8);
    return (struct date){.set = choice > 3, .days = 20000 + (int32_t)choice * 40};
}

static enum status write_unit(struct apply_world *world, struct bytes *in, struct buffer *out) {
    char code[8];
    (void)snprintf(code, sizeof code, "%u", fuzz_choice(in, 10));
    struct unit_change change = {.parent = *take_unit(world, in), .level = (uint8_t)fuzz_choice(in, 5), .code = word(code), .name = word("moi")};
    change.effective = take_date(in);
    change.line = (struct line){1, {change.parent}};
    return unit_change_encode(&change, out);
}

static enum status write_unit_set(struct apply_world *world, struct bytes *in, struct buffer *out) {
    struct unit_set_change change = {.unit = *take_unit(world, in), .attribute = (uint8_t)(UNIT_CODE + fuzz_choice(in, 3)), .effective = take_date(in)};
    if (change.attribute == UNIT_LEVEL) {
        change.level = (uint8_t)fuzz_choice(in, 5);
    } else {
        change.text = fuzz_choice(in, 2) == 0 ? word("7") : word("khac");
    }
    return unit_set_change_encode(&change, out);
}

static enum status write_version(struct apply_world *world, struct bytes *in, struct buffer *out) {
    static const uint8_t types[] = {FIELD_INTEGER, FIELD_DECIMAL, FIELD_MONEY, FIELD_TEXT, FIELD_YESNO, FIELD_DATE};
    struct form_field fields[3];
    memset(fields, 0, sizeof fields);
    struct form form = {.issuer = *take_unit(world, in),
                        .name = word(fuzz_choice(in, 2) == 0 ? "single" : "own"),
                        .label = fuzz_choice(in, 4),
                        .period = (uint8_t)(PERIOD_MONTH + fuzz_choice(in, 5)),
                        .window = WINDOW_CALENDAR,
                        .policy = (uint8_t)(POLICY_OWNER + fuzz_choice(in, 2)),
                        .list = fuzz_choice(in, 2) == 1,
                        .field_count = 1 + fuzz_choice(in, 3),
                        .fields = fields};
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < form.field_count; i++) {
        fields[i] = (struct form_field){.name = word(names[i]), .type = types[fuzz_choice(in, 6)]};
        fields[i].places = fields[i].type == FIELD_DECIMAL ? 2 : 0;
        bool figure = fields[i].type <= FIELD_MONEY;
        fields[i].over_units = figure ? AGGREGATE_SUM : AGGREGATE_NONE;
        fields[i].over_time = figure ? AGGREGATE_SUM : AGGREGATE_NONE;
    }
    if (fuzz_choice(in, 2) == 1) {
        form.has_previous = true;
        form.previous = world->versions[fuzz_choice(in, 256) % world->version_count];
    }
    enum status status = form_encode(&form, out);
    if (status == STATUS_OK && world->version_count < VERSIONS_MAX) {
        form_version(&world->versions[world->version_count++], &world->founding.association, buffer_bytes(out));
    }
    return status;
}

static struct cell take_cell(struct bytes *in) {
    unsigned choice = fuzz_choice(in, 16);
    if (choice < 10) {
        return (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = (int64_t)choice * 1000 - 3000, .qualifier = choice == 9 ? QUALIFIER_OVER : 0};
    }
    return choice == 10   ? (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .text = word("chu")}
           : choice == 11 ? (struct cell){.state = CELL_VALUE, .type = CELL_BOOL, .number = 1}
           : choice < 14  ? (struct cell){.state = CELL_MISSING}
                          : (struct cell){.state = CELL_UNTOUCHED};
}

/* 2025-06 or 2025-07, as section 6 numbers months. */
static enum status write_put(struct apply_world *world, struct bytes *in, struct buffer *out) {
    uint16_t ordinals[3];
    struct record_key keys[2];
    struct cell cells[6];
    struct put put = {.form_version = world->versions[fuzz_choice(in, 256) % world->version_count],
                      .record_count = 1 + fuzz_choice(in, 2),
                      .column_count = 1 + fuzz_choice(in, 3),
                      .keys = keys,
                      .ordinals = ordinals,
                      .cells = cells};
    uint32_t period = (uint32_t)fuzz_choice(in, 256) << 8 | (uint32_t)fuzz_choice(in, 256);
    bool row = fuzz_choice(in, 2) == 1;
    for (size_t i = 0; i < put.record_count; i++) {
        keys[i] = (struct record_key){.period = row ? period : period + (uint32_t)i, .row = row ? word(i == 0 ? "an" : "binh") : (struct bytes){0}};
    }
    for (size_t i = 0; i < put.column_count; i++) {
        ordinals[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < put.column_count * put.record_count; i++) {
        cells[i] = take_cell(in);
    }
    if (fuzz_choice(in, 4) == 3) {
        put.flags = PUT_CORRECTION;
        put.reason = word("sua");
    }
    return put_encode(&put, out);
}

static enum status write_document(struct bytes *in, struct buffer *out) {
    const struct document document = {.kind = 1, .title = word("t"), .text = bytes_of("long text", fuzz_choice(in, 9))};
    return document_encode(&document, out);
}

static uint64_t write_person(uint8_t cls, struct buffer *out) {
    const struct person person = {.account = word("lan"), .name = word("Lan")};
    FUZZ_REQUIRE(person_encode(&person, out) == STATUS_OK);
    return person_kind(cls);
}

/* The payload of one change of a class, or bytes as they come. */
static uint64_t write_change(struct apply_world *world, uint8_t cls, struct bytes *in, struct buffer *out) {
    static const uint8_t control[] = {CHANGE_UNIT, CHANGE_UNIT_SET, CHANGE_ADMISSION, CHANGE_FORM, CHANGE_LEVEL_TABLE, CHANGE_MOVE};
    uint64_t kind = cls == CLASS_CONTROL ? control[fuzz_choice(in, 6)] : cls == CLASS_RECORD ? CHANGE_PUT : CHANGE_DOCUMENT;
    enum status status = STATUS_MALFORMED;
    if (kind == CHANGE_UNIT) {
        status = write_unit(world, in, out);
    } else if (kind == CHANGE_UNIT_SET) {
        status = write_unit_set(world, in, out);
    } else if (kind == CHANGE_ADMISSION) {
        status = admission_encode(&world->authors[fuzz_choice(in, AUTHORS)].admission, out);
    } else if (kind == CHANGE_FORM) {
        status = write_version(world, in, out);
    } else if (kind == CHANGE_PUT) {
        status = write_put(world, in, out);
    } else if (kind == CHANGE_DOCUMENT) {
        status = write_document(in, out);
    } else {
        size_t len = fuzz_choice(in, 64);
        len = len < in->len ? len : in->len;
        status = buffer_append(out, in->data, len);
        *in = bytes_of(in->data + len, in->len - len);
    }
    if (status != STATUS_OK) { /* one of its parameters was out of bounds: an array of nothing stands in */
        buffer_clear(out);
        FUZZ_REQUIRE(buffer_append(out, "\x90", 1) == STATUS_OK);
    }
    return kind;
}

static void note_units(struct apply_world *world, const uint8_t nonce[16], const struct change *changes, size_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (changes[i].kind == CHANGE_UNIT && world->unit_count < WORLD_UNITS_MAX) {
            keys_unit_id(&world->units[world->unit_count++], &world->founding.association, nonce, i);
        }
    }
}

static void write_body(struct apply_world *world, uint8_t cls, struct bytes *in, struct buffer *body) {
    struct buffer payloads[CHANGES_AN_ENTRY];
    struct change changes[CHANGES_AN_ENTRY];
    const uint8_t nonce[16] = {(uint8_t)fuzz_choice(in, 8)};
    size_t count = 1 + fuzz_choice(in, CHANGES_AN_ENTRY);
    bool signs = cls != CLASS_CONTROL && count > 1 && nonce[0] % 2 == 1; /* a person stands last; sometimes in its place elsewhere, which no body has */
    for (size_t i = 0; i < count; i++) {
        buffer_init(&payloads[i], PAYLOAD_BYTES);
        bool person = signs && i == (nonce[0] == 7 ? 0 : count - 1);
        uint64_t kind = person ? write_person(cls, &payloads[i]) : write_change(world, cls, in, &payloads[i]);
        changes[i] = (struct change){.kind = kind, .place = (uint32_t)i, .payload = buffer_bytes(&payloads[i])};
    }
    if (body_encode(body, cls == CLASS_CONTROL ? nonce : NULL, changes, count) != STATUS_OK) {
        buffer_clear(body); /* a raw payload was no value: the body is none either, and must be set aside as a whole */
        FUZZ_REQUIRE(buffer_append(body, payloads[0].data, payloads[0].len) == STATUS_OK);
    }
    if (cls == CLASS_CONTROL) {
        note_units(world, nonce, changes, count);
    }
    unsigned damage = fuzz_choice(in, 256);
    if (damage > 240 && body->len > 0) { /* signed as it stands: what a stranger's program might write */
        body->data[(damage * 7U + fuzz_choice(in, 256)) % body->len] ^= (uint8_t)(1U << damage % 8);
    }
    for (size_t i = 0; i < count; i++) {
        buffer_fini(&payloads[i]);
    }
}

/* The entry of a log with the highest seq; NULL: none. */
static const struct fuzz_entry *last_of(const struct apply_world *world, const struct log_id *log) {
    for (size_t i = world->entry_count; i > 0; i--) {
        if (log_id_equal(&world->entries[i - 1].log, log)) {
            return &world->entries[i - 1];
        }
    }
    return NULL;
}

/* Refs to entries written before, by other authors, in the order that a header wants, one a log. */
static void take_seen(const struct apply_world *world, struct bytes *in, struct header *header) {
    for (unsigned i = fuzz_choice(in, SEEN_AN_ENTRY + 1); i > 0 && world->entry_count > 0; i--) {
        const struct fuzz_entry *other = &world->entries[fuzz_choice(in, 256) % world->entry_count];
        struct ref ref = {.log = other->log, .seq = other->seq, .hash = hash_short(&other->hash)};
        if (!log_id_equal(&other->log, &header->log) &&
            (header->seen_count == 0 || log_id_compare(&header->seen[header->seen_count - 1].log, &other->log) < 0)) {
            header->seen[header->seen_count++] = ref;
        }
    }
}

bool apply_world_write(struct apply_world *world, struct bytes *in) {
    if (world->entry_count == ENTRIES_MAX || in->len == 0) {
        return false;
    }
    struct fuzz_entry *entry = &world->entries[world->entry_count];
    struct header *header = world->header;
    const struct author *author = &world->authors[fuzz_choice(in, AUTHORS)];
    unsigned flags = fuzz_choice(in, 64);
    *entry = (struct fuzz_entry){.log = {.node = author->node, .kind = flags & 1 ? LOG_DIRECTIVE : LOG_REPORT, .epoch = {{(uint8_t)(flags >> 1 & 1)}}},
                                 .late = (flags & 4) != 0};
    uint8_t cls = (uint8_t)(CLASS_CONTROL + (flags >> 3) % 3);
    if (cls == CLASS_CONTROL) {
        entry->log.kind = LOG_DIRECTIVE;
        entry->late = false; /* control bodies go with their headers */
    }
    const struct fuzz_entry *before = last_of(world, &entry->log);
    *header = (struct header){.log = entry->log, .seq = before != NULL ? before->seq + 1 : 1, .cls = cls, .time = 1750000000};
    entry->seq = header->seq;
    if (before != NULL) {
        header->prev = before->hash;
    }
    if (cls != CLASS_CONTROL) {
        header->audience_count = 1;
        header->audience[0] = (struct term){.unit = *take_unit(world, in), .scope = cls == CLASS_DOCUMENT ? (uint8_t)fuzz_choice(in, 3) : SCOPE_UNIT};
    }
    take_seen(world, in, header);
    buffer_init(&entry->header, HEADER_BYTES_MAX);
    buffer_init(&entry->body, BODY_BYTES_MAX);
    write_body(world, cls, in, &entry->body);
    memset(entry->salt, (int)world->entry_count + 1, sizeof entry->salt);
    header->body_bytes = (uint32_t)entry->body.len;
    body_hash(&header->body_hash, &world->founding.association, entry->salt, buffer_bytes(&entry->body));
    world->entry_count++;
    FUZZ_REQUIRE(header_encode(header, &entry->header) == STATUS_OK);
    header_hash(&entry->hash, &world->founding.association, buffer_bytes(&entry->header));
    header_sign(entry->signature, &world->founding.association, buffer_bytes(&entry->header), &author->keys);
    return true;
}
