/* A node's process: started, ended in good order, killed, or cut off from its power; and every call that it makes into its store. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    TIME_BEGIN = 1750000000, /* June 2025 */
    TEN_YEARS = 10 * 365 * 86400,
    SAW_SECONDS = 600,
    RETRY_MS = 5000,       /* hoid.service: RestartSec */
    OPERATIONS_AHEAD = 14, /* a persist takes about so many */
    LOCK_WAIT_MS = 0,
};

unsigned office_new(struct world *world) {
    static const uint32_t message_sizes[] = {4096, 8192, 16384, 65536}, windows[] = {65536, 65536, 131072, 524288};
    char root[PATH_TEXT];
    assert(world->office_count < OFFICES_MAX);
    unsigned place = (unsigned)world->office_count++;
    struct office *office = &world->offices[place];
    *office = (struct office){.heir = place, .replaces = place, .patient = random_chance(&world->random, 300)};
    snprintf(root, sizeof root, "/n%u", place);
    office->disk = disk_new(root);
    snprintf(office->dir, sizeof office->dir, "/n%u/hoi", place);
    office->message_max = message_sizes[random_below(&world->random, 4)];
    office->window = windows[random_below(&world->random, 4)];
    office->held = calloc(world->written_capacity + 1, 1);
    assert(office->held != NULL);
    if (world_fault(world, FAULT_CLOCK, 400)) {
        office->clock = (enum clock_kind)(CLOCK_1970 + random_below(&world->random, CLOCKS - CLOCK_1970));
        office->clock_frozen = TIME_BEGIN + random_between(&world->random, -TEN_YEARS, TEN_YEARS);
    }
    return place;
}

bool office_up(const struct world *world, unsigned place) {
    return world->offices[place].store != NULL;
}

bool office_serves(const struct world *world, unsigned place) {
    const struct office *office = &world->offices[place];
    return office->kind == OFFICE_HONEST && office->joined && !office->gone;
}

unsigned office_heir(const struct world *world, unsigned place) {
    while (world->offices[place].heir != place) {
        place = world->offices[place].heir;
    }
    return place;
}

/* ---- calls ---- */

static int64_t clock_of(const struct world *world, const struct office *office) {
    int64_t seconds = world->now / 1000 + office->clock_ahead;
    switch (office->clock) {
    case CLOCK_1970:
        return seconds;
    case CLOCK_AHEAD:
        return TIME_BEGIN + TEN_YEARS + seconds;
    case CLOCK_SAWTOOTH:
        return TIME_BEGIN + seconds % SAW_SECONDS;
    case CLOCK_FROZEN:
        return office->clock_frozen + office->clock_ahead;
    default:
        return TIME_BEGIN + seconds;
    }
}

void office_enter(struct world *world, unsigned place) {
    disk_clock(clock_of(world, &world->offices[place]), world->now);
    disk_use(world->offices[place].disk);
}

void office_risk(struct world *world, unsigned place, unsigned permille) {
    struct office *office = &world->offices[place];
    office_enter(world, place);
    if (!office->trouble && world_fault(world, FAULT_POWER_OPERATION, permille)) {
        disk_fault(office->disk, (struct disk_fault){.operations = random_chance(&world->random, 700) ? DISK_CHANGES : DISK_EVERY,
                                                     .nth = 1 + random_below(&world->random, OPERATIONS_AHEAD),
                                                     .trouble = DISK_POWER_CUT});
    }
}

static void process_gone(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    drive_hang_up(world, place);
    office_enter(world, place);
    store_close(office->store);
    office->store = NULL;
    office->sick = false;
    office->starts++;
}

static void start_later(struct world *world, unsigned place, int64_t down_ms) {
    queue_add(world, (struct event){.kind = EVENT_START, .place = place}, world->now + down_ms);
}

void office_cut(struct world *world, unsigned place, bool lossless, int64_t down_ms) {
    struct office *office = &world->offices[place];
    world_trace(world, "n%u %s", place, lossless ? "is killed" : "loses its power");
    world_happened(world, EVENT_CRASH);
    disk_power_cut(office->disk);
    office->lossless = lossless;
    process_gone(world, place);
    start_later(world, place, down_ms);
}

void office_end(struct world *world, unsigned place, int64_t down_ms) {
    world_trace(world, "n%u ends", place);
    process_gone(world, place);
    start_later(world, place, down_ms);
}

void office_note(struct office *office) {
    office->sick = office->sick || (office->trouble && disk_faults(office->disk) > 0);
}

bool office_leave(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    office_note(office);
    if (!office->trouble) {
        disk_fault(office->disk, (struct disk_fault){0});
    }
    if (!disk_dead(office->disk)) {
        return true;
    }
    office_cut(world, place, random_chance(&world->random, 250), random_between(&world->random, 1000, 60000));
    return false;
}

void office_look(struct world *world, unsigned place) {
    office_note(&world->offices[place]);
    disk_fault(world->offices[place].disk, (struct disk_fault){0});
}

void office_looked(struct world *world, unsigned place) {
    if (world->offices[place].trouble) {
        disk_fault(world->offices[place].disk, world->offices[place].fault);
    }
}

bool office_excused(struct world *world, unsigned place, enum status status) {
    struct office *office = &world->offices[place];
    office_note(office);
    /* A read that fails with EIO is to SQLite a damaged file system: SQLITE_CORRUPT. After a restart on a disk that is well again the store is whole. */
    bool failed = status == STATUS_DISK_ERROR || status == STATUS_STORE_DAMAGED;
    bool full = status == STATUS_DISK_FULL && office->trouble;
    if (full) {
        world_happened(world, EVENT_OUT_OF_SPACE);
    }
    return status == STATUS_OK || full || (office->sick && failed);
}

bool office_fatal(struct world *world, unsigned place, enum status status) {
    if (status != STATUS_DISK_ERROR && status != STATUS_STORE_DAMAGED) {
        return false;
    }
    world_happened(world, EVENT_FATAL);
    world_trace(world, "n%u: its store has failed: %s", place, status_name(status));
    office_end(world, place, RETRY_MS);
    return true;
}

/* As daemon/loop.c does after every turn: a process whose store has failed ends; what is new, were it only views that a refusal
 * has made anew, is told to its sessions. */
static void mind(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    enum status status = store_failed(office->store);
    if (status != STATUS_OK) {
        if (office->kind != OFFICE_THIEF && !office_excused(world, place, status)) {
            world_fail(world, "n%u's store has failed: %s", place, status_name(status));
        }
        (void)office_fatal(world, place, status);
    } else if (drive_knows_more(office)) {
        drive_changed(world, place, OFFICES_MAX);
    }
}

void office_mind(struct world *world) {
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (office_up(world, i)) {
            mind(world, i);
        }
    }
}

void office_idle(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    size_t before = world->written_count;
    office_risk(world, place, 60);
    enum status status = store_idle(office->store);
    if (!office_leave(world, place)) {
        return;
    }
    if (!office_excused(world, place, status)) {
        world_fail(world, "n%u cannot tidy up: %s", place, status_name(status));
    }
    ledger_own(world, place, true); /* pins of the month, and what fell and is written again */
    ledger_follow(world, place);
    if (world->written_count > before) {
        drive_changed(world, place, OFFICES_MAX);
    }
}

/* ---- requests ---- */

enum status office_answer(const json_t *response) {
    return response == NULL ? STATUS_TIMEOUT : (enum status)json_integer_value(json_object_get(response, "status"));
}

/* Refusals are part of the work; what is here is nobody's fault but the store's. */
static bool is_fault(enum status status) {
    return status == STATUS_INTERNAL || status == STATUS_NO_MEMORY || status == STATUS_MALFORMED || status == STATUS_TRUNCATED || status == STATUS_TRAILING ||
           status == STATUS_STORE_DAMAGED || status == STATUS_DISK_ERROR || status == STATUS_DISK_FULL || status == STATUS_BAD_REQUEST ||
           status == STATUS_UNKNOWN_REQUEST;
}

static json_t *run_request(struct world *world, unsigned place, const json_t *request) {
    const struct store_caller caller = {.daemon = true};
    struct office *office = &world->offices[place];
    office_risk(world, place, 40);
    json_t *response = store_request(office->store, &caller, request);
    assert(response != NULL);
    if (!office_leave(world, place)) {
        json_decref(response);
        return NULL;
    }
    enum status status = office_answer(response);
    const char *verb = json_string_value(json_object_get(request, "do"));
    world_trace(world, "n%u %s: %s", place, verb, status_name(status));
    world_hash(world, &status, sizeof status);
    if (office->kind != OFFICE_THIEF && is_fault(status) && !office_excused(world, place, status)) {
        char *text = json_dumps(response, JSON_COMPACT);
        world_fail(world, "n%u answers %s: %.300s", place, verb, text);
        free(text);
    }
    size_t before = world->written_count;
    ledger_own(world, place, true);
    if (status != STATUS_OK && world->written_count != before) {
        world_fail(world, "n%u has written what it refused: %s", place, verb);
    }
    ledger_follow(world, place);
    return response;
}

json_t *office_ask(struct world *world, unsigned place, const char *verb, json_t *args) {
    struct office *office = &world->offices[place];
    char id[24];
    assert(office->store != NULL);
    snprintf(id, sizeof id, "%016llx", (unsigned long long)random_next(&world->random));
    json_t *request = json_pack("{s:s, s:s, s:o}", "do", verb, "id", id, "args", args);
    assert(request != NULL);
    json_t *response = run_request(world, place, request);
    if (response == NULL) { /* whoever asked asks again when the PC is back */
        json_decref(office->undecided);
        office->undecided = json_incref(request);
    }
    json_decref(request);
    return response;
}

/* Whether the first try was made durable or not: after the second it is there once. */
static void ask_again(struct world *world, unsigned place, size_t written_by_start) {
    struct office *office = &world->offices[place];
    json_t *request = office->undecided;
    size_t before = world->written_count;
    if (request == NULL) {
        return;
    }
    office->undecided = NULL;
    world_happened(world, EVENT_UNDECIDED);
    json_t *response = run_request(world, place, request);
    if (response != NULL && office_answer(response) == STATUS_OK && written_by_start > 0 && world->written_count > before) {
        world_fail(world, "n%u does twice what it was asked twice with one id: %s", place, json_string_value(json_object_get(request, "do")));
    }
    if (response == NULL) {
        office->undecided = json_incref(request);
    } else if (world->written_count > before) {
        drive_changed(world, place, OFFICES_MAX);
    }
    json_decref(response);
    json_decref(request);
}

/* ---- start ---- */

/* A key that was waiting has come into force: what the old one wrote last is taken down as its own. */
static bool follow_key(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    struct replica replica;
    store_replica(office->store, &replica);
    if (ID_EQUAL(&replica.self, &office->self)) {
        return false;
    }
    office->last_entry = 0;
    ledger_own(world, place, true);
    office->last_entry = 0;
    office->self = replica.self;
    office->keys = *store_keys(office->store);
    key_owned(world, place);
    office->rotates = false;
    world_happened(world, EVENT_NEW_KEY);
    world_trace(world, "n%u has a new key", place);
    return true;
}

void office_start(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (office->store != NULL || office->gone || world->failed) {
        return;
    }
    if (disk_dead(office->disk)) {
        disk_power_on(office->disk, office->lossless);
    }
    if (!office->joined) {
        return; /* a newcomer: its enrolment goes on */
    }
    office_risk(world, place, 40);
    enum status status = store_open(&office->store, office->dir, LOCK_WAIT_MS, NULL);
    if (!office_leave(world, place)) {
        return;
    }
    if (status != STATUS_OK) {
        if (!office_excused(world, place, status)) {
            world_fail(world, "n%u does not start: %s", place, status_name(status));
        }
        start_later(world, place, RETRY_MS);
        return;
    }
    world_trace(world, "n%u is up", place);
    size_t before = world->written_count;
    if (office->kind == OFFICE_THIEF) {
        thief_follow(world, place);
        return;
    }
    bool renewed = follow_key(world, place); /* then entries of the start's own are there */
    ledger_compare(world, place, true);
    if (office->forgetful) {
        office->forgetful = false;
        work_epoch(world, place, LOG_REPORT);
        work_epoch(world, place, LOG_DIRECTIVE);
    }
    ask_again(world, place, renewed ? 0 : world->written_count - before);
}
