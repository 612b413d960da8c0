#include "tests/sim/ram_build.h"

#include <assert.h>
#include <stdlib.h>

void ram_build_keys(struct node_keys *out, struct random *random) {
    uint8_t seeds[2][32];
    random_fill(random, seeds, sizeof seeds);
    enum status status = keys_from_seeds(out, seeds[0], seeds[1]);
    assert(status == STATUS_OK);
}

void ram_build_founding(struct founding *founding, struct buffer *statement, const struct node_keys *keys, struct random *random) {
    static const uint8_t name[] = "Hội thử";
    *founding = (struct founding){.name = bytes_of(name, sizeof name - 1), .practice = true};
    memcpy(founding->signing_key, keys->signing_public, sizeof founding->signing_key);
    memcpy(founding->transport_key, keys->transport_public, sizeof founding->transport_key);
    random_fill(random, founding->nonce, sizeof founding->nonce);
    buffer_init(statement, MESSAGE_BYTES_MAX);
    enum status status = founding_encode(founding, statement);
    assert(status == STATUS_OK);
}

/* The line of a unit right below the inviter's. */
static struct line line_below(const struct ram_unit *unit) {
    struct line line = {.count = unit->above.count + 1, .units = {unit->id}};
    memcpy(&line.units[1], unit->above.units, unit->above.count * sizeof line.units[0]);
    return line;
}

struct newcomer *ram_build_newcomer(const struct ram_replica *inviter, bool second, struct random *random) {
    const struct association_id *association = &inviter->replica.founding->association;
    const struct ram_unit *own = ram_tree_unit(&inviter->tree, &inviter->replica.unit);
    struct newcomer *newcomer = calloc(1, sizeof *newcomer);
    assert(newcomer != NULL);
    newcomer->second = second;
    ram_build_keys(&newcomer->keys, random);
    random_fill(random, newcomer->nonce, sizeof newcomer->nonce);
    buffer_init(&newcomer->unit_payload, BODY_BYTES_MAX);
    buffer_init(&newcomer->admission_payload, BODY_BYTES_MAX);
    struct admission *admission = &newcomer->admission;
    *admission = (struct admission){.inviter = inviter->replica.self, .unit = own->id, .roles = ROLE_WRITER | ROLE_STEWARD, .line = own->above};
    memcpy(admission->signing_key, newcomer->keys.signing_public, sizeof admission->signing_key);
    memcpy(admission->transport_key, newcomer->keys.transport_public, sizeof admission->transport_key);
    random_fill(random, admission->nonce, sizeof admission->nonce);
    enum status status = STATUS_OK;
    if (!second) {
        keys_unit_id(&admission->unit, association, newcomer->nonce, 0);
        admission->line = line_below(own);
        struct unit_change unit = {
            .parent = own->id, .level = (uint8_t)admission->line.count, .name = bytes_of((const uint8_t *)"xã", 3), .line = admission->line};
        status = unit_change_encode(&unit, &newcomer->unit_payload);
        assert(status == STATUS_OK);
    }
    status = admission_encode(admission, &newcomer->admission_payload);
    assert(status == STATUS_OK);
    admission_node_id(&newcomer->node, association, admission);
    return newcomer;
}

void ram_build_newcomer_free(struct newcomer *newcomer) {
    if (newcomer != NULL) {
        buffer_fini(&newcomer->unit_payload);
        buffer_fini(&newcomer->admission_payload);
        free(newcomer);
    }
}

static void encode(struct buffer *out, const uint8_t nonce[16], const struct change *changes, size_t count) {
    buffer_init(out, BODY_BYTES_MAX);
    enum status status = body_encode(out, nonce, changes, count);
    assert(status == STATUS_OK);
}

size_t ram_build_bodies(const struct newcomer *newcomer, bool apart, struct random *random, struct buffer bodies[2]) {
    struct change unit = {.kind = CHANGE_UNIT, .payload = buffer_bytes(&newcomer->unit_payload)};
    struct change admission = {.kind = CHANGE_ADMISSION, .payload = buffer_bytes(&newcomer->admission_payload)};
    uint8_t nonce[16];
    if (!newcomer->second && !apart) {
        admission.place = 1;
        encode(&bodies[0], newcomer->nonce, (struct change[]){unit, admission}, 2);
        return 1;
    }
    size_t count = 0;
    if (!newcomer->second) {
        encode(&bodies[count++], newcomer->nonce, &unit, 1);
    }
    random_fill(random, nonce, sizeof nonce);
    encode(&bodies[count++], nonce, &admission, 1);
    return count;
}
