#include "tests/sim/ram_fixture.h"

#include <assert.h>
#include <stdlib.h>

void fixture_write(struct fixture *fixture, struct ram_replica *ram, struct ram_draft draft, size_t bytes) {
    uint8_t *body = malloc(bytes), salt[SALT_BYTES];
    assert(body != NULL);
    random_fill(&fixture->random, body, bytes);
    random_fill(&fixture->random, salt, sizeof salt);
    draft.salt = bytes_of(salt, sizeof salt);
    draft.body = bytes_of(body, bytes);
    draft.log.node = ram->replica.self;
    (void)ram_replica_append(ram, &draft);
    free(body);
}

void fixture_write_record(struct fixture *fixture, struct ram_replica *ram, size_t bytes, uint8_t reach) {
    struct ram_draft draft = {.log = {.kind = LOG_REPORT}, .cls = CLASS_RECORD, .reach = reach, .audience_count = 1, .audience = {{.unit = ram->replica.unit}}};
    fixture_write(fixture, ram, draft, bytes);
}

void fixture_write_document(struct fixture *fixture, struct ram_replica *ram, const struct unit_id *to, size_t bytes) {
    struct ram_draft draft = {.log = {.kind = LOG_DIRECTIVE}, .cls = CLASS_DOCUMENT, .audience_count = 1, .audience = {{.unit = *to}}};
    fixture_write(fixture, ram, draft, bytes);
}

void fixture_admit(struct fixture *fixture, struct ram_replica *inviter, bool second, struct ram_replica *out) {
    struct newcomer *newcomer = ram_build_newcomer(inviter, second, &fixture->random);
    struct buffer bodies[2];
    uint8_t salt[SALT_BYTES] = {1};
    size_t count = ram_build_bodies(newcomer, false, &fixture->random, bodies);
    for (size_t i = 0; i < count; i++) {
        struct ram_draft draft = {.log = {.node = inviter->replica.self, .kind = LOG_DIRECTIVE},
                                  .cls = CLASS_CONTROL,
                                  .salt = bytes_of(salt, sizeof salt),
                                  .body = buffer_bytes(&bodies[i])};
        (void)ram_replica_append(inviter, &draft);
        buffer_fini(&bodies[i]);
    }
    ram_replica_init(out, &fixture->founding, &newcomer->keys, &newcomer->node, &newcomer->admission.unit, &newcomer->admission.line);
    ram_build_newcomer_free(newcomer);
}

struct fixture *fixture_new(void) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct node_keys keys;
    enum status status = keys_init();
    assert(fixture != NULL && status == STATUS_OK);
    random_init(&fixture->random, 1);
    ram_build_keys(&keys, &fixture->random);
    ram_build_founding(&fixture->founding, &fixture->statement, &keys, &fixture->random);
    ram_replica_init(&fixture->root, &fixture->founding, &keys, &fixture->founding.founder, &fixture->founding.root, &(struct line){0});
    fixture_admit(fixture, &fixture->root, false, &fixture->commune);
    return fixture;
}

void fixture_free(struct fixture *fixture) {
    pair_close(&fixture->pair);
    ram_replica_fini(&fixture->root);
    ram_replica_fini(&fixture->commune);
    ram_replica_fini(&fixture->third);
    buffer_fini(&fixture->statement);
    free(fixture);
}

void fixture_connect(struct fixture *fixture) {
    pair_close(&fixture->pair);
    pair_open(&fixture->pair, &fixture->commune, &fixture->root);
}

struct ram_entry *fixture_held(struct ram_replica *ram, const struct ram_replica *author, uint8_t kind, uint64_t seq) {
    return ram_replica_entry(ram, &(struct log_id){.node = author->replica.self, .kind = kind}, seq);
}
