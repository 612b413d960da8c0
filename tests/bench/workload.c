/* The association and its change-sets. */
#include "tests/bench/workload.h"

#include "tests/bench/ask.h"
#include "tests/bench/bench.h"

#include "store/form_view.h"
#include "store/internal.h"
#include "store/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEVEL_PROVINCE = 1, LEVEL_COMMUNE = 3, MADE_AT = 1700000000 };

static void *room_for(size_t count, size_t size) {
    void *room = calloc(count > 0 ? count : 1, size);
    bench_right(room != NULL, "memory");
    return room;
}

/* ---- offices ---- */

static void office_keys(struct workload_office *office, uint32_t number) {
    uint8_t seeds[2][32] = {{1}, {2}};
    memcpy(&seeds[0][4], &number, sizeof number);
    memcpy(&seeds[1][4], &number, sizeof number);
    bench_must(keys_from_seeds(&office->keys, seeds[0], seeds[1]), "keys");
}

static struct admission *admission_of(const struct workload *workload, const struct workload_office *office, const struct line *line) {
    struct admission *admission = room_for(1, sizeof *admission);
    admission->inviter = workload->root_node;
    admission->unit = office->unit;
    memcpy(admission->signing_key, office->keys.signing_public, sizeof admission->signing_key);
    memcpy(admission->transport_key, office->keys.transport_public, sizeof admission->transport_key);
    admission->roles = ROLE_WRITER | ROLE_STEWARD;
    admission->line = *line;
    return admission;
}

/* The changes of a body under construction. */
struct body {
    uint8_t nonce[16];
    struct change *changes;
    struct buffer *payloads;
    size_t count;
};

static struct buffer *body_room(struct body *body, enum change_kind kind) {
    struct buffer *payload = &body->payloads[body->count];
    buffer_init(payload, BODY_BYTES_MAX);
    body->changes[body->count] = (struct change){.kind = kind, .place = (uint32_t)body->count};
    body->count++;
    return payload;
}

static void add_office(struct workload *workload, struct body *units, struct body *admissions, struct workload_office *office, const struct unit_change *unit) {
    keys_unit_id(&office->unit, &workload->association, units->nonce, (uint32_t)units->count);
    bench_must(unit_change_encode(unit, body_room(units, CHANGE_UNIT)), "unit");
    struct admission *admission = admission_of(workload, office, &unit->line);
    admission_node_id(&office->node, &workload->association, admission);
    bench_must(admission_encode(admission, body_room(admissions, CHANGE_ADMISSION)), "admission");
    office->log = (struct log_id){.node = office->node, .kind = LOG_REPORT, .epoch = {{1}}};
    free(admission);
}

static void append_body(struct store *store, struct body *body, struct stored *stored) {
    struct buffer bytes;
    buffer_init(&bytes, BODY_BYTES_MAX);
    for (size_t i = 0; i < body->count; i++)
        body->changes[i].payload = buffer_bytes(&body->payloads[i]);
    bench_must(body_encode(&bytes, body->nonce, body->changes, body->count), "body");
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&bytes)};
    bench_must(store_begin(store), "begin");
    bench_must(log_append(store, &draft, stored), "append");
    bench_must(apply_pending(store), "apply");
    bench_must(store_commit(store), "commit");
    for (size_t i = 0; i < body->count; i++)
        buffer_fini(&body->payloads[i]);
    buffer_fini(&bytes);
    free(body->changes);
    free(body->payloads);
}

/* Units in one entry, admissions in the next: so *admission is what the province joins by. */
static void admit_all(struct workload *workload, struct store *root, struct stored *admission) {
    size_t offices = workload->shape.units + 1;
    struct body units = {{1}, room_for(offices, sizeof(struct change)), room_for(offices, sizeof(struct buffer)), 0};
    struct body admissions = {{2}, room_for(offices, sizeof(struct change)), room_for(offices, sizeof(struct buffer)), 0};
    const struct unit_change province = {
        .parent = workload->root_unit, .level = LEVEL_PROVINCE, .code = bytes_of("01", 2), .name = bytes_of("Tinh", 4), .line = {1, {workload->root_unit}}};
    add_office(workload, &units, &admissions, &workload->province, &province);
    for (size_t i = 0; i < workload->shape.units; i++) {
        char code[12];
        (void)snprintf(code, sizeof code, "%05u", (unsigned)(i + 1));
        const struct unit_change commune = {.parent = workload->province.unit,
                                            .level = LEVEL_COMMUNE,
                                            .code = bytes_of(code, strlen(code)),
                                            .name = bytes_of(code, strlen(code)),
                                            .line = {2, {workload->province.unit, workload->root_unit}}};
        office_keys(&workload->communes[i], (uint32_t)i + 1);
        add_office(workload, &units, &admissions, &workload->communes[i], &commune);
    }
    append_body(root, &units, admission);
    append_body(root, &admissions, admission);
    workload->directive = admission->ref.log;
}

static void add_form(struct workload *workload, struct store *root) {
    const struct form_family *family;
    ask_form(root, "figures", true, WORKLOAD_FIELDS);
    bench_must(form_view_find(root, bytes_of("figures", 7), 0, true, &family), "form");
    workload->form_version = family->newest->version;
}

/* ---- stores ---- */

static void join(struct workload *workload, const struct workload_place *place, const struct store *root, const struct stored *admission) {
    struct buffer core;
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    const struct line line = {1, {workload->root_unit}};
    struct admission *own = admission_of(workload, &workload->province, &line);
    bench_must(admission_core_encode(own, &core), "core");
    struct token token = {.secret = {1}, .address_count = 1};
    const struct token_terms terms = {
        .association = workload->association, .inviter = workload->root_node, .unit = workload->province.unit, .root = admission->ref};
    token.addresses[0] = bytes_of(place->address, strlen(place->address));
    memcpy(token.transport_key, store_keys(root)->transport_public, sizeof token.transport_key);
    struct joined joined = {
        .statement = bytes_of(workload->statement.data, workload->statement.len - 64), .core = buffer_bytes(&core), .admission = admission->ref, .line = line,
        .root = admission->ref};
    memcpy(joined.signature, workload->statement.data + workload->statement.len - 64, 64);
    bench_must(token_bond(token.bond, &token, &terms), "bond");
    bench_must(store_join(place->province, &workload->province.keys, &token, &joined), "join");
    free(own);
    buffer_fini(&core);
}

/* What the root has written, as it would come over the link. */
static void carry_directives(const struct workload *workload, struct store *root, const char *province_dir) {
    struct store *province;
    struct replica replica;
    struct log_head head;
    bench_must(store_open(&province, province_dir, 0, NULL), "open");
    store_replica(root, &replica);
    bench_must(replica.ops->head(replica.ctx, &workload->directive, &head), "head");
    for (uint64_t seq = 1; seq <= head.seq; seq++) {
        struct persist item = {.kind = PERSIST_ENTRY, .log = workload->directive, .seq = seq};
        bench_must(replica.ops->entry(replica.ctx, &workload->directive, seq, &item.entry), "entry");
        header_hash(&item.hash, &workload->association, item.entry.header);
        workload_persist(province, &item, 1, 1);
    }
    store_close(province);
}

void workload_found(struct workload *out, const struct workload_place *place, const struct workload_shape *shape) {
    const struct store_founding founding = {.name = "Hội", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    struct store *root;
    struct stored admission;
    *out = (struct workload){.shape = *shape, .communes = room_for(shape->units, sizeof *out->communes)};
    bench_must(keys_init(), "libsodium");
    if (place->province != NULL)
        bench_must(store_join_keys(place->province, &out->province.keys), "keys");
    else
        office_keys(&out->province, 0);
    bench_must(store_found(place->root, &founding), "found");
    bench_must(store_open(&root, place->root, 0, NULL), "open");
    buffer_init(&out->statement, FOUNDING_BYTES_MAX + 64);
    bench_must(buffer_append(&out->statement, root->founding_bytes.data, root->founding_bytes.len), "statement");
    out->association = root->founding.association;
    out->root_unit = root->unit;
    out->root_node = root->self;
    admit_all(out, root, &admission);
    add_form(out, root);
    if (place->province != NULL) {
        join(out, place, root, &admission);
        carry_directives(out, root, place->province);
    }
    store_close(root);
}

void workload_fini(struct workload *workload) {
    buffer_fini(&workload->statement);
    free(workload->communes);
    *workload = (struct workload){0};
}

/* ---- change-sets ---- */

/* A put in tables of the bench's own. */
struct sheet {
    struct put put;
    struct record_key *keys;
    char (*rows)[WORKLOAD_ROW_BYTES + 1];
    uint16_t ordinals[WORKLOAD_FIELDS];
    struct cell *cells;
};

static void sheet_init(struct sheet *sheet, const struct workload *workload, size_t records) {
    *sheet = (struct sheet){.keys = room_for(records, sizeof *sheet->keys),
                            .rows = room_for(records, sizeof *sheet->rows),
                            .cells = room_for(records * WORKLOAD_FIELDS, sizeof *sheet->cells)};
    for (uint16_t i = 0; i < WORKLOAD_FIELDS; i++)
        sheet->ordinals[i] = i;
    sheet->put = (struct put){.form_version = workload->form_version,
                              .record_count = records,
                              .column_count = WORKLOAD_FIELDS,
                              .keys = sheet->keys,
                              .ordinals = sheet->ordinals,
                              .cells = sheet->cells};
}

static void sheet_fini(struct sheet *sheet) {
    free(sheet->keys);
    free(sheet->rows);
    free(sheet->cells);
}

static void sheet_set(struct sheet *sheet, size_t record, size_t field, int64_t value) {
    sheet->cells[field * sheet->put.record_count + record] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = value};
}

/* All fields of the rows of one change-set. */
static void fill(struct sheet *sheet, const struct workload_shape *shape, size_t commune, size_t changeset) {
    for (size_t row = 0; row < shape->rows; row++) {
        sheet->keys[row] = workload_key(changeset, row, sheet->rows[row]);
        for (size_t field = 0; field < WORKLOAD_FIELDS; field++)
            sheet_set(sheet, row, field, workload_value(shape, commune, changeset, row, field, false));
    }
}

static void fill_changes(struct sheet *sheet, const struct workload_shape *shape, size_t commune) {
    for (size_t i = 0; i < sheet->put.record_count; i++) {
        size_t changeset, row, fields[WORKLOAD_CHANGED_FIELDS];
        workload_changed_row(shape, commune, i, &changeset, &row, fields);
        sheet->keys[i] = workload_key(changeset, row, sheet->rows[i]);
        for (size_t j = 0; j < WORKLOAD_CHANGED_FIELDS; j++)
            sheet_set(sheet, i, fields[j], workload_value(shape, commune, changeset, row, fields[j], true));
    }
}

static void encode_body(const struct workload *workload, size_t commune, uint64_t seq, struct buffer *out) {
    const struct workload_shape *shape = &workload->shape;
    bool changes = seq > shape->changesets;
    struct sheet sheet;
    struct buffer payload;
    sheet_init(&sheet, workload, changes ? workload_changed_rows(shape) : shape->rows);
    if (changes)
        fill_changes(&sheet, shape, commune);
    else
        fill(&sheet, shape, commune, (size_t)seq - 1);
    buffer_init(&payload, BODY_BYTES_MAX);
    bench_must(put_encode(&sheet.put, &payload), "put");
    const struct change change = {.kind = CHANGE_PUT, .payload = buffer_bytes(&payload)};
    bench_must(body_encode(out, NULL, &change, 1), "body");
    buffer_fini(&payload);
    sheet_fini(&sheet);
}

/* Copies the parts one after the other into memory. */
static void lay_out(struct buffer *memory, const struct entry *parts, struct entry *out) {
    buffer_init(memory, HEADER_BYTES_MAX + 64 + SALT_BYTES + BODY_BYTES_MAX);
    bench_must(buffer_append(memory, parts->header.data, parts->header.len), "entry");
    bench_must(buffer_append(memory, parts->signature.data, parts->signature.len), "entry");
    bench_must(buffer_append(memory, parts->salt.data, parts->salt.len), "entry");
    bench_must(buffer_append(memory, parts->body.data, parts->body.len), "entry");
    const uint8_t *at = memory->data;
    out->header = bytes_of(at, parts->header.len);
    out->signature = bytes_of(out->header.data + out->header.len, parts->signature.len);
    out->salt = bytes_of(out->signature.data + out->signature.len, parts->salt.len);
    out->body = bytes_of(out->salt.data + out->salt.len, parts->body.len);
}

void workload_next(struct workload *workload, size_t commune, struct buffer *memory, struct persist *out) {
    struct workload_office *office = &workload->communes[commune];
    uint8_t signature[64];
    struct hash salt;
    struct buffer body, bytes;
    struct header *header = room_for(1, sizeof *header);
    uint64_t seq = ++office->seq;
    assert(commune < workload->shape.units && seq <= workload->shape.changesets + 1);
    buffer_init(&body, BODY_BYTES_MAX);
    buffer_init(&bytes, HEADER_BYTES_MAX);
    encode_body(workload, commune, seq, &body);
    keys_hash(&salt, "salt", &workload->association, bytes_of(&commune, sizeof commune), bytes_of(&seq, sizeof seq));
    *header = (struct header){.log = office->log,
                              .seq = seq,
                              .prev = office->head,
                              .cls = CLASS_RECORD,
                              .audience_count = 1,
                              .audience = {{.unit = office->unit}},
                              .body_bytes = (uint32_t)body.len,
                              .time = MADE_AT + (int64_t)seq};
    body_hash(&header->body_hash, &workload->association, salt.b, buffer_bytes(&body));
    bench_must(header_encode(header, &bytes), "header");
    header_sign(signature, &workload->association, buffer_bytes(&bytes), &office->keys);
    header_hash(&office->head, &workload->association, buffer_bytes(&bytes));
    *out = (struct persist){.kind = PERSIST_ENTRY, .log = office->log, .seq = seq, .hash = office->head};
    const struct entry parts = {buffer_bytes(&bytes), bytes_of(signature, sizeof signature), bytes_of(salt.b, sizeof salt.b), buffer_bytes(&body)};
    lay_out(memory, &parts, &out->entry);
    buffer_fini(&body);
    buffer_fini(&bytes);
    free(header);
}

void workload_entries(struct workload *workload, struct workload_entries *out) {
    const struct workload_shape *shape = &workload->shape;
    size_t count = shape->units * shape->changesets;
    *out = (struct workload_entries){.items = room_for(count, sizeof *out->items), .bytes = room_for(count, sizeof *out->bytes)};
    for (size_t i = 0; i < shape->units; i++) {
        workload->communes[i].seq = 0;
        for (size_t j = 0; j < shape->changesets; j++, out->count++)
            workload_next(workload, i, &out->bytes[out->count], &out->items[out->count]);
    }
}

void workload_changes(struct workload *workload, struct workload_entries *out) {
    size_t count = workload->shape.units;
    *out = (struct workload_entries){.items = room_for(count, sizeof *out->items), .bytes = room_for(count, sizeof *out->bytes)};
    for (; out->count < count; out->count++) {
        assert(workload->communes[out->count].seq == workload->shape.changesets);
        workload_next(workload, out->count, &out->bytes[out->count], &out->items[out->count]);
    }
}

void workload_entries_fini(struct workload_entries *entries) {
    for (size_t i = 0; i < entries->count; i++)
        buffer_fini(&entries->bytes[i]);
    free(entries->bytes);
    free(entries->items);
    *entries = (struct workload_entries){0};
}

void workload_persist(struct store *store, const struct persist *items, size_t count, size_t at_once) {
    for (size_t i = 0; i < count; i += at_once) {
        bench_must(store_persist(store, items + i, count - i < at_once ? count - i : at_once), "persist");
        bench_must(store->apply_status, "apply");
    }
}
