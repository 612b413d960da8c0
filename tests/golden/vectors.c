#include "tests/golden/vectors.h"

#include <stdio.h>
#include <stdlib.h>

enum { JSON_INTEGER_MAX_BITS = 53 }; /* beyond, readers that keep numbers as doubles would round: a string then */

void vectors_must(enum status status, const char *what) {
    if (status != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", what, status_name(status));
        exit(1);
    }
}

struct bytes vectors_text(const char *text) {
    return bytes_of(text, strlen(text));
}

void vectors_fill(void *out, size_t len, const char *seed) {
    uint8_t *to = out;
    for (uint8_t block = 0; len > 0; block++) {
        struct hash hash;
        size_t part = len < sizeof hash.b ? len : sizeof hash.b;
        keys_hash(&hash, "golden", NULL, vectors_text(seed), bytes_of(&block, 1));
        memcpy(to, hash.b, part);
        to += part;
        len -= part;
    }
}

/* ---- the association ---- */

static void make_keys(struct node_keys *out, const char *name) {
    char seed[64];
    uint8_t signing[32], transport[32];
    snprintf(seed, sizeof seed, "%s signing", name);
    vectors_fill(signing, sizeof signing, seed);
    snprintf(seed, sizeof seed, "%s transport", name);
    vectors_fill(transport, sizeof transport, seed);
    vectors_must(keys_from_seeds(out, signing, transport), name);
}

static void admit(struct world *world, struct admission *out, struct node_id *node, const char *name) {
    vectors_fill(out->nonce, sizeof out->nonce, name);
    admission_node_id(node, &world->founding.association, out);
}

void vectors_world_init(struct world *world) {
    static const char *const RECOVERY[] = {"recovery 0", "recovery 1", "recovery 2"};
    *world = (struct world){0};
    struct founding *founding = &world->founding;
    make_keys(&world->founder, "founder");
    make_keys(&world->province, "province");
    make_keys(&world->commune, "commune");
    founding->name = vectors_text("Hội Mẫu Việt Nam");
    memcpy(founding->signing_key, world->founder.signing_public, 32);
    memcpy(founding->transport_key, world->founder.transport_public, 32);
    vectors_fill(founding->nonce, sizeof founding->nonce, "founding nonce");
    founding->recovery_threshold = 2;
    founding->recovery_count = 3;
    for (size_t i = 0; i < 3; i++) {
        make_keys(&world->recovery[i], RECOVERY[i]);
        memcpy(founding->recovery_keys[i], world->recovery[i].signing_public, 32);
    }
    buffer_init(&world->statement, FOUNDING_BYTES_MAX);
    vectors_must(founding_encode(founding, &world->statement), "founding");

    vectors_fill(world->units_nonce, sizeof world->units_nonce, "units nonce");
    keys_unit_id(&world->province_unit, &founding->association, world->units_nonce, 0);
    keys_unit_id(&world->commune_unit, &founding->association, world->units_nonce, 1);

    struct admission *province = &world->province_admission, *commune = &world->commune_admission;
    *province = (struct admission){.inviter = founding->founder, .unit = world->province_unit, .roles = ROLE_WRITER | ROLE_STEWARD};
    memcpy(province->signing_key, world->province.signing_public, 32);
    memcpy(province->transport_key, world->province.transport_public, 32);
    province->line = (struct line){.count = 1, .units = {founding->root}};
    admit(world, province, &world->province_node, "province nonce");
    *commune = (struct admission){.inviter = world->province_node, .unit = world->commune_unit, .roles = ROLE_WRITER};
    memcpy(commune->signing_key, world->commune.signing_public, 32);
    memcpy(commune->transport_key, world->commune.transport_public, 32);
    commune->line = (struct line){.count = 2, .units = {world->province_unit, founding->root}};
    admit(world, commune, &world->commune_node, "commune nonce");
}

void vectors_world_fini(struct world *world) {
    buffer_fini(&world->statement);
}

struct log_id vectors_log(const struct node_id *node, uint8_t kind, const char *epoch) {
    struct log_id log = {.node = *node, .kind = kind};
    vectors_fill(log.epoch.b, sizeof log.epoch.b, epoch);
    return log;
}

struct ref vectors_ref(const struct log_id *log, uint64_t seq, const char *hash) {
    struct ref ref = {.log = *log, .seq = seq};
    vectors_fill(ref.hash.b, sizeof ref.hash.b, hash);
    return ref;
}

/* ---- JSON ---- */

static json_t *hex(const void *data, size_t len) {
    static const char DIGITS[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    char *text = malloc(2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = DIGITS[bytes[i] >> 4];
        text[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    json_t *string = json_stringn(text, 2 * len);
    free(text);
    return string;
}

static json_t *number(bool negative, uint64_t magnitude) {
    char text[24];
    if (magnitude <= 1ull << JSON_INTEGER_MAX_BITS) {
        return json_integer(negative ? -(json_int_t)magnitude : (json_int_t)magnitude);
    }
    snprintf(text, sizeof text, "%s%llu", negative ? "-" : "", (unsigned long long)magnitude);
    return json_string(text);
}

static json_t *render_next(struct reader *reader);

static json_t *render_array(struct reader *reader) {
    json_t *array = json_array();
    size_t count = reader_array(reader, 0, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, render_next(reader));
    }
    reader_close(reader);
    return array;
}

static json_t *render_next(struct reader *reader) {
    struct bytes bytes;
    int64_t negative;
    switch (reader_peek(reader)) {
    case VALUE_NIL:
        reader_take_nil(reader);
        return json_null();
    case VALUE_BOOL:
        return json_boolean(reader_bool(reader));
    case VALUE_UINT:
        return number(false, reader_uint(reader, UINT64_MAX));
    case VALUE_NEGATIVE:
        negative = reader_int(reader, INT64_MIN, -1);
        return number(true, (uint64_t) - (negative + 1) + 1);
    case VALUE_STR:
        bytes = reader_str(reader, 0, SIZE_MAX);
        return json_pack("{s:o}", "str", json_stringn((const char *)bytes.data, bytes.len));
    case VALUE_BIN:
        bytes = reader_bin(reader, 0, SIZE_MAX);
        return json_pack("{s:o}", "bin", hex(bytes.data, bytes.len));
    default:
        return render_array(reader);
    }
}

json_t *vectors_render(struct bytes canonical) {
    struct reader reader;
    reader_init(&reader, canonical);
    json_t *json = render_next(&reader);
    vectors_must(reader_end(&reader), "rendering");
    return json;
}

json_t *vectors_add(json_t *list, const struct world *world, const char *name, const char *structure, struct bytes bytes) {
    json_t *vector = json_object();
    json_object_set_new(vector, "name", json_string(name));
    json_object_set_new(vector, "structure", json_string(structure));
    json_object_set_new(vector, "bytes", hex(bytes.data, bytes.len));
    vectors_fact(vector, "association", world->founding.association.b, sizeof world->founding.association.b);
    json_object_set_new(vector, "decoded", vectors_render(bytes));
    json_array_append_new(list, vector);
    return vector;
}

void vectors_fact(json_t *vector, const char *name, const void *data, size_t len) {
    json_object_set_new(vector, name, hex(data, len));
}
