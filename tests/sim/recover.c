/* The root's PC is lost, and with it what only it had. Two of three recovery keys make another PC the root: from a backup of an office below, which the others
 * fill up. Later the recovery keys cut the old key, which may have got into other hands. */
#include "store/internal.h"
#include "store/recovery.h"
#include "store/restore.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 3, THRESHOLD = 2 };

void recover_keys(struct world *world, struct store_founding *founding) {
    if ((world->faults >> FAULT_ROOT_LOST & 1) == 0) {
        return;
    }
    founding->recovery_threshold = THRESHOLD;
    founding->recovery_count = KEYS;
    for (unsigned i = 0; i < KEYS; i++) {
        struct node_keys keys;
        random_fill(&world->fate, world->recovery_seeds[i], sizeof world->recovery_seeds[i]);
        enum status status = keys_from_seeds(&keys, world->recovery_seeds[i], world->recovery_seeds[i]);
        assert(status == STATUS_OK);
        memcpy(founding->recovery_keys[i], keys.signing_public, 32);
    }
}

/* Any two of them, in any order. */
static void some_secrets(struct world *world, struct recovery_secret out[THRESHOLD]) {
    unsigned first = (unsigned)random_below(&world->fate, KEYS), second = (first + 1 + (unsigned)random_below(&world->fate, KEYS - 1)) % KEYS;
    memcpy(out[0].seed, world->recovery_seeds[first], sizeof out[0].seed);
    memcpy(out[1].seed, world->recovery_seeds[second], sizeof out[1].seed);
}

/* ---- the loss ---- */

static bool held_elsewhere(const struct world *world, const struct written *written, enum holding what) {
    for (unsigned i = 0; i < world->office_count; i++) {
        if (i != world->root && office_serves(world, i) && ledger_keeps(world, i, written) >= what) {
            return true;
        }
    }
    return false;
}

/* What only the root had is gone; a moment at which that is structure is not the one that we look at. */
static bool count_losses(struct world *world, bool mark) {
    for (size_t i = 0; i < world->written_count; i++) {
        struct written *written = &world->ledger[i];
        enum holding kept = ledger_keeps(world, world->root, written);
        bool lost = kept > HOLDS_NOTHING && !held_elsewhere(world, written, HOLDS_HEADER),
             body_lost = kept == HOLDS_BODY && !held_elsewhere(world, written, HOLDS_BODY);
        if ((lost || body_lost) && written->facts.cls == CLASS_CONTROL) {
            return false;
        }
        if (mark) {
            written->lost = written->lost || lost;
            written->body_lost = written->body_lost || body_lost;
        }
    }
    return true;
}

/* An office that dials the root. */
static bool some_child(struct world *world, unsigned *out) {
    for (unsigned i = 0; i < world->link_count; i++) {
        const struct link *link = &world->links[i];
        *out = link->sides[0].office;
        if (!link->gone && !link->crooked && link->sides[1].office == world->root && office_serves(world, *out) && office_up(world, *out) &&
            !world->offices[*out].trouble && !ID_EQUAL(world_unit(world, *out), world_unit(world, world->root))) {
            return true;
        }
    }
    return false;
}

/* ---- another root ---- */

static void begin_root(struct world *world, unsigned place, const struct recovered *recovered) {
    struct office *office = &world->offices[place], *old = &world->offices[world->root];
    office_enter(world, place);
    enum status status = store_open(&office->store, office->dir, 0, NULL);
    if (status != STATUS_OK) {
        world_fail(world, "n%u, the new root, does not start: %s", place, status_name(status));
        return;
    }
    office->self = recovered->node;
    office->keys = *store_keys(office->store);
    office->unit = old->unit;
    office->restored = true;
    ledger_own(world, place, true);
    office->enrolled = office->joined = true;
    key_owned(world, place);
    ledger_compare(world, place, true);
    old->gone = true;
    old->heir = place;
    if (old->store != NULL) {
        office_end(world, world->root, 0);
    }
    link_retire(world, world->root);
    world->root = place;
    world_happened(world, FAULT_ROOT_LOST);
    world_happened(world, EVENT_NEW_KEY);
    world_trace(world, "n%u is the root now", place);
}

void recover_root(struct world *world) {
    unsigned child;
    char file[PATH_TEXT + 16];
    int64_t bytes;
    struct recovered recovered;
    struct recovery_secret secrets[THRESHOLD];
    if (world->root != 0 || world->office_count >= OFFICES_MAX || !some_child(world, &child) || !count_losses(world, false)) {
        return;
    }
    for (unsigned i = 0; i < world->office_count; i++) {
        if (!world->offices[i].joined && !world->offices[i].gone) {
            return; /* somebody is about to join: whoever invited him should be there */
        }
    }
    office_enter(world, child);
    enum status status = backup_make(world->offices[child].store, &bytes);
    if (!office_leave(world, child) || !office_excused(world, child, status) || status != STATUS_OK) {
        return;
    }
    world_trace(world, "the root is lost: n%u gives a backup", child);
    (void)count_losses(world, true);
    snprintf(file, sizeof file, "%s/backup.db", world->offices[child].dir);
    unsigned place = office_new(world);
    some_secrets(world, secrets);
    office_enter(world, place);
    status = store_recover(&(struct recovering){.dir = world->offices[place].dir, .file = file, .secret_count = THRESHOLD, .secrets = secrets}, &recovered);
    if (status != STATUS_OK) {
        world_fail(world, "n%u cannot be made the root: %s", place, status_name(status));
        return;
    }
    office_enter(world, child);
    backup_drop(world->offices[child].store);
    begin_root(world, place, &recovered);
}

/* ---- the old key ---- */

static json_t *sign(struct world *world, const json_t *draft) {
    struct recovery_secret secrets[THRESHOLD];
    struct buffer signature;
    uint8_t header[HEADER_BYTES_MAX];
    char text[2 * SIGNATURE_BYTES_MAX];
    size_t len = 0;
    const char *given = json_string_value(json_object_get(draft, "header"));
    some_secrets(world, secrets);
    buffer_init(&signature, SIGNATURE_BYTES_MAX);
    int wrong = given == NULL || sodium_base642bin(header, sizeof header, given, strlen(given), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL);
    assert(!wrong);
    enum status status = recovery_sign(&world->founding, secrets, THRESHOLD, bytes_of(header, len), &signature);
    assert(status == STATUS_OK);
    sodium_bin2base64(text, sizeof text, signature.data, signature.len, sodium_base64_VARIANT_ORIGINAL);
    buffer_fini(&signature);
    return json_pack("{s:O, s:O, s:O, s:s}", "header", json_object_get(draft, "header"), "body", json_object_get(draft, "body"), "salt",
                     json_object_get(draft, "salt"), "signature", text);
}

bool recover_revoke(struct world *world) {
    char node[33];
    struct key *old = &world->keys[0];
    if (world->root == 0 || old->dealt_with || !office_up(world, world->root)) {
        return false;
    }
    old->dealt_with = true;
    if (random_chance(&world->fate, 300)) {
        return false; /* it lies at the bottom of the river */
    }
    request_hex(node, old->id.b, 16);
    json_t *response = office_ask(world, world->root, "recovery.draft", json_pack("{s:s}", "node", node));
    const json_t *draft = json_object_get(response, "result");
    if (draft == NULL) {
        world_fail(world, "the old root's key cannot be cut: %s", status_name(office_answer(response)));
    } else if (office_up(world, world->root)) {
        json_t *done = office_ask(world, world->root, "recovery.sign", sign(world, draft));
        if (office_answer(done) != STATUS_OK) {
            world_fail(world, "what the recovery keys sign is not taken: %s", status_name(office_answer(done)));
        }
        json_decref(done);
        drive_changed(world, world->root, OFFICES_MAX);
    }
    json_decref(response);
    return true;
}
