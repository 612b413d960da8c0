/* How an office comes to be: founded, or enrolled by the real two sides of an enrolment, whose every step may break off and is then tried again. */
#include "store/internal.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 5000, TRIES_MAX = 100 };

/* ---- the first ---- */

void join_found(struct world *world) {
    struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    recover_keys(world, &founding);
    unsigned place = office_new(world);
    struct office *office = &world->offices[place];
    office->clock = CLOCK_TRUE;
    office_enter(world, place);
    enum status status = store_found(office->dir, &founding);
    if (status == STATUS_OK) {
        status = store_open(&office->store, office->dir, 0, NULL);
    }
    if (status != STATUS_OK) {
        world_fail(world, "founding: %s", status_name(status));
        return;
    }
    const struct founding *made = store_founding_of(office->store);
    const struct buffer *bytes = &office->store->founding_bytes;
    buffer_init(&world->statement, FOUNDING_BYTES_MAX);
    status = buffer_append(&world->statement, bytes->data, bytes->len - 64);
    assert(status == STATUS_OK);
    status = founding_decode(&world->founding, buffer_bytes(&world->statement));
    assert(status == STATUS_OK);
    ram_tree_init(&world->truth, &world->founding);
    office->keys = *store_keys(office->store);
    office->self = made->founder;
    office->unit = made->root;
    office->joined = true;
    key_found(world);
    ledger_own(world, place, true);
}

/* ---- the others ---- */

/* Where keys are cut, changed or stolen, an enrolment may come to nothing. */
static bool refused_by_key(enum status status) {
    return status == STATUS_OUTSIDE_AUTHORITY || status == STATUS_UNIT_OUTSIDE || status == STATUS_LINE_BROKEN || status == STATUS_JOIN_REFUSED ||
           status == STATUS_TOKEN_UNKNOWN || status == STATUS_TOKEN_EXPIRED || status == STATUS_UNIT_UNKNOWN;
}

/* The newcomer's own failures: what a full or failing disk does is tried again, anything else is wrong. */
static bool went_well(struct world *world, unsigned place, const char *step, enum status status) {
    if (!office_leave(world, place)) {
        return false;
    }
    if (status != STATUS_OK && !office_excused(world, place, status) && !(world->trust && refused_by_key(status))) {
        world_fail(world, "n%u %s: %s", place, step, status_name(status));
    }
    return status == STATUS_OK;
}

/* The keys are kept before anybody hears of them: a second try has the same. */
static bool make_keys(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    struct node_keys keys;
    office_risk(world, place, 60);
    enum status status = store_join_keys(office->dir, &keys);
    if (status == STATUS_ALREADY_JOINED && office_leave(world, place)) {
        return true; /* the power went after the last step */
    }
    if (!went_well(world, place, "makes its keys", status)) {
        return false;
    }
    if (office->keys_made && memcmp(keys.signing_public, office->keys.signing_public, sizeof keys.signing_public) != 0) {
        world_fail(world, "n%u has lost the key that it began to join with", place);
    }
    office->keys = keys;
    office->keys_made = true;
    return true;
}

/* What the inviter answers. False: nothing came back. */
static bool ask_inviter(struct world *world, unsigned place, const struct token *token, struct buffer *answer) {
    struct office *office = &world->offices[place], *inviter = &world->offices[office->inviter];
    struct join join;
    struct buffer request;
    buffer_init(&request, MESSAGE_BYTES_MAX);
    enum status status = join_encode(&join, token, &office->keys, &request);
    assert(status == STATUS_OK);
    office_risk(world, office->inviter, 60);
    status = store_enrol(inviter->store, buffer_bytes(&request), office->keys.transport_public, answer);
    buffer_fini(&request);
    if (!office_leave(world, office->inviter)) {
        return false;
    }
    if (status != STATUS_OK && !office_excused(world, office->inviter, status) && !(world->trust && refused_by_key(status))) {
        world_fail(world, "n%u does not admit n%u: %s", office->inviter, place, status_name(status));
    }
    if (status == STATUS_OK) {
        ledger_own(world, office->inviter, true);
        drive_changed(world, office->inviter, OFFICES_MAX);
    } else {
        (void)office_fatal(world, office->inviter, status);
    }
    return status == STATUS_OK && !world_fault(world, FAULT_DROP, 100);
}

static bool take_answer(struct world *world, unsigned place, const struct token *token, const struct buffer *answer) {
    struct office *office = &world->offices[place];
    struct joined joined;
    enum status status = joined_decode(&joined, buffer_bytes(answer));
    assert(status == STATUS_OK);
    office_risk(world, place, 60);
    status = store_join(office->dir, &office->keys, token, &joined);
    if (status == STATUS_ALREADY_JOINED) {
        return office_leave(world, place);
    }
    return went_well(world, place, "joins", status);
}

static bool enrol(struct world *world, unsigned place) {
    struct token token;
    struct buffer memory, answer;
    buffer_init(&memory, TOKEN_MEMORY_MAX);
    buffer_init(&answer, MESSAGE_BYTES_MAX);
    enum status status = token_decode(&token, bytes_of(world->offices[place].token, strlen(world->offices[place].token)), &memory);
    assert(status == STATUS_OK);
    bool done = make_keys(world, place) && ask_inviter(world, place, &token, &answer) && take_answer(world, place, &token, &answer);
    buffer_fini(&memory);
    buffer_fini(&answer);
    return done;
}

static void is_node(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    struct replica replica;
    store_replica(office->store, &replica);
    office->self = replica.self;
    office->unit = replica.unit;
    office->joined = true;
    key_owned(world, place);
    world_trace(world, "n%u has joined under n%u, unit %02x%02x", place, office->inviter, office->unit.b[0], office->unit.b[1]);
    world_link(world, place, office->inviter);
    renew_take_over(world, place);
}

/* Whoever invited him is shut out, or has another key by now: the token is worth nothing. */
static bool is_vain(const struct world *world, unsigned place) {
    const struct office *inviter = &world->offices[world->offices[place].inviter];
    unsigned key = key_of(world, world->offices[place].inviter);
    return world->trust && (inviter->gone || key_shaken(world, key) || world->offices[place].tries > TRIES_MAX);
}

void join_try(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (disk_dead(office->disk)) {
        disk_power_on(office->disk, office->lossless);
    }
    if (!office->enrolled && office_up(world, office->inviter)) {
        office->enrolled = enrol(world, place);
    }
    if (office->enrolled) {
        office_risk(world, place, 60);
        enum status status = store_open(&office->store, office->dir, 0, NULL);
        if (went_well(world, place, "opens its new store", status)) {
            is_node(world, place);
            return;
        }
    }
    office->tries++;
    if (!world->failed && is_vain(world, place)) {
        world_trace(world, "n%u gives up joining", place);
        office->gone = true;
    } else if (!world->failed) {
        world_happened(world, EVENT_JOIN_AGAIN);
        queue_add(world, (struct event){.kind = EVENT_JOIN, .place = place}, world->now + AGAIN_MS);
    }
}

void join_begin(struct world *world, unsigned inviter, const struct unit_id *unit) {
    char text[33];
    work_unit_text(unit, text);
    json_t *response = office_ask(world, inviter, "invite", json_pack("{s:s, s:[s]}", "unit", text, "addresses", "tcp://127.0.0.1:4710"));
    const char *token = json_string_value(json_object_get(json_object_get(response, "result"), "token"));
    if (token != NULL) {
        unsigned place = office_new(world);
        struct office *office = &world->offices[place];
        office->inviter = inviter;
        office->unit = *unit;
        office->replaces = world->renews < OFFICES_MAX ? world->renews : place;
        office->token = strdup(token);
        assert(office->token != NULL);
        world->offices[inviter].admits = true;
        world_happened(world, ID_EQUAL(unit, world_unit(world, inviter)) ? EVENT_SECOND_NODE : EVENT_UNIT);
        join_try(world, place);
    }
    json_decref(response);
}
