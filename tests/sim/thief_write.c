/* What a thief writes with the key that he has: what its office might write as well, and what it might not. Where he writes what only its people may, he does
 * it by its requests; the rest he signs himself. */
#include "protocol/trust.h"
#include "store/structure.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

/* ---- control changes ---- */

static enum status append(struct store *store, uint64_t kind, struct bytes payload, bool blind) {
    uint8_t nonce[16];
    struct stored stored;
    struct buffer body;
    const struct change change = {.kind = kind, .payload = payload};
    uint32_t self = tree_node(store->tree, &store->self), unit = self != TREE_NONE ? tree_node_at(store->tree, self)->unit : 0;
    os_random(nonce, sizeof nonce);
    if (!blind) {
        const struct structure_draft draft = {.nonce = nonce, .units = &unit, .unit_count = 1, .changes = &change, .change_count = 1};
        return structure_append(store, &draft, &stored);
    }
    buffer_init(&body, BODY_BYTES_MAX);
    enum status status = body_encode(&body, nonce, &change, 1);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
    status = status == STATUS_OK ? log_append(store, &draft, &stored) : status;
    buffer_fini(&body);
    return status;
}

void thief_control(struct world *world, unsigned place, uint64_t kind, struct bytes payload, bool blind) {
    struct office *office = &world->offices[place];
    office_enter(world, place);
    enum status status = store_begin(office->store);
    if (status == STATUS_OK) {
        status = append(office->store, kind, payload, blind);
        status = status == STATUS_OK ? apply_pending(office->store) : status;
        if (status == STATUS_OK) {
            status = store_commit(office->store);
        } else {
            store_rollback(office->store);
        }
    }
    if (!office_leave(world, place)) {
        return;
    }
    if (office->kind != OFFICE_THIEF && !office_excused(world, place, status)) {
        world_fail(world, "n%u cannot write a change of kind %u: %s", place, (unsigned)kind, status_name(status));
    }
    ledger_own(world, place, status == STATUS_OK);
    ledger_follow(world, place);
    if (office_up(world, place)) {
        drive_changed(world, place, OFFICES_MAX);
    }
}

/* Some key but his own. */
static const struct key *some_key(struct world *world, unsigned place) {
    const struct key *key = &world->keys[random_below(&world->fate, world->key_count)];
    return ID_EQUAL(&key->id, &world->offices[place].self) ? NULL : key;
}

/* What is written of a log that he has, as a ref. */
static bool some_ref(struct world *world, unsigned place, const struct node_id *node, struct ref *out) {
    struct query query = db_query(world->offices[place].store->db,
                                  "SELECT l.kind, l.epoch, e.seq, e.hash FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? ORDER BY e.id");
    uint64_t seen = 0;
    query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
    while (query_next(&query)) {
        struct hash hash;
        if (random_below(&world->fate, ++seen) == 0) {
            *out = (struct ref){.log = {.node = *node, .kind = (uint8_t)query_int(&query, 0)}, .seq = (uint64_t)query_int(&query, 2)};
            query_fixed(&query, 1, out->log.epoch.b, sizeof out->log.epoch.b);
            query_fixed(&query, 3, hash.b, sizeof hash.b);
            out->hash = hash_short(&hash);
        }
    }
    return query_end(&query) == STATUS_OK && seen > 0;
}

/* Of all that another wrote nothing counts any more, or no more than to some entry. Of a senior that is a request. */
static void revoke(struct world *world, unsigned place, struct buffer *payload) {
    const struct key *key = some_key(world, place);
    struct revocation *revocation = calloc(1, sizeof *revocation);
    assert(revocation != NULL);
    if (key != NULL) {
        revocation->node = key->id;
        revocation->upto.count = random_chance(&world->fate, 500) && some_ref(world, place, &key->id, &revocation->upto.items[0]);
        enum status status = revocation_encode(revocation, payload);
        assert(status == STATUS_OK);
        thief_control(world, place, CHANGE_REVOCATION, buffer_bytes(payload), random_chance(&world->fate, 400));
    }
    free(revocation);
}

static void pin(struct world *world, unsigned place, struct buffer *payload) {
    const struct key *key = random_chance(&world->fate, 300) ? &world->keys[key_of(world, place)] : some_key(world, place);
    struct refs *refs = calloc(1, sizeof *refs);
    assert(refs != NULL);
    if (key != NULL && some_ref(world, place, &key->id, &refs->items[0])) {
        refs->count = 1;
        enum status status = pin_encode(refs, payload);
        assert(status == STATUS_OK);
        thief_control(world, place, CHANGE_PIN, buffer_bytes(payload), random_chance(&world->fate, 400));
    }
    free(refs);
}

/* A key of his own, for the office's unit or another one. */
static void admit(struct world *world, unsigned place, struct buffer *payload) {
    const struct ram_unit *unit = random_chance(&world->fate, 500) ? ram_tree_unit(&world->truth, world_unit(world, place))
                                                                   : &world->truth.units[random_below(&world->fate, world->truth.unit_count)];
    struct admission *admission = calloc(1, sizeof *admission);
    assert(admission != NULL && unit != NULL);
    *admission = (struct admission){.inviter = world->offices[place].self, .unit = unit->id, .roles = ROLE_WRITER | ROLE_STEWARD, .line = unit->above};
    random_fill(&world->fate, admission->signing_key, sizeof admission->signing_key);
    random_fill(&world->fate, admission->transport_key, sizeof admission->transport_key);
    random_fill(&world->fate, admission->nonce, sizeof admission->nonce);
    enum status status = admission_encode(admission, payload);
    assert(status == STATUS_OK);
    free(admission);
    world->outside = true; /* whether it is lawful or not: nobody comes with that key */
    thief_control(world, place, CHANGE_ADMISSION, buffer_bytes(payload), random_chance(&world->fate, 400));
    world->outside = false;
}

/* A new unit, at a place where the key may make one or not. */
static void create(struct world *world, unsigned place, struct buffer *payload) {
    const struct ram_unit *parent = &world->truth.units[random_below(&world->fate, world->truth.unit_count)];
    if (random_chance(&world->fate, 600)) {
        parent = ram_tree_unit(&world->truth, world_unit(world, place));
    }
    struct unit_change change = {
        .parent = parent->id, .level = 20, .name = bytes_of("ma", 2), .line = {.count = parent->above.count + 1, .units = {parent->id}}};
    memcpy(&change.line.units[1], parent->above.units, parent->above.count * sizeof change.line.units[0]);
    enum status status = unit_change_encode(&change, payload);
    assert(status == STATUS_OK);
    world->outside = true;
    thief_control(world, place, CHANGE_UNIT, buffer_bytes(payload), random_chance(&world->fate, 400));
    world->outside = false;
}

/* ---- all together ---- */

void thief_write(struct world *world, unsigned place) {
    struct buffer payload;
    unsigned what = (unsigned)random_below(&world->fate, 100);
    size_t before = world->written_count;
    thief_ready(world, place);
    buffer_init(&payload, BODY_BYTES_MAX);
    if (what < 45) {
        work_record(world, place);
    } else if (what < 53) {
        work_correction(world, place);
    } else if (what < 59) {
        work_form(world, place, false);
    } else if (what < 75) {
        revoke(world, place, &payload);
    } else if (what < 85) {
        pin(world, place, &payload);
    } else if (what < 93) {
        admit(world, place, &payload);
    } else {
        create(world, place, &payload);
    }
    buffer_fini(&payload);
    if (world->written_count > before) {
        world_trace(world, "n%u, a thief, has written", place);
    }
}
