/* What people ask of their offices. They know the words of docs/control.md, not what the code will say to them: refusals are part of the work. */
#include "store/internal.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- words ---- */

void work_text(struct world *world, char *out, size_t len) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    for (size_t i = 0; i < len; i++) {
        out[i] = letters[random_below(&world->random, sizeof letters - 1)];
    }
    out[len] = '\0';
}

void work_unit_text(const struct unit_id *unit, char out[33]) {
    request_hex(out, unit->b, sizeof unit->b);
}

void work_asked(struct world *world, unsigned place, const char *verb, json_t *args, enum feature feature) {
    size_t before = world->written_count;
    json_t *response = office_ask(world, place, verb, args);
    if (world->written_count > before) {
        world_happened(world, feature);
    }
    if (world->written_count > before && office_up(world, place)) {
        drive_changed(world, place, OFFICES_MAX);
    }
    json_decref(response);
}

/* ---- documents ---- */

static void add_selector(struct world *world, char *out, size_t size) {
    char unit[33];
    size_t len = strlen(out);
    work_unit_text(&world->truth.units[random_below(&world->random, world->truth.unit_count)].id, unit);
    unsigned how = (unsigned)random_below(&world->random, 4);
    if (how == 0) {
        snprintf(out + len, size - len, "%s%s", len > 0 ? "," : "", unit);
    } else if (how < 3) {
        snprintf(out + len, size - len, "%s%s/*", len > 0 ? "," : "", unit);
    } else {
        snprintf(out + len, size - len, "%s%s/level:%u", len > 0 ? "," : "", unit, (unsigned)random_below(&world->random, 4));
    }
}

static void send_document(struct world *world, unsigned office) {
    char to[200] = "", unit[33];
    size_t len = 50 + random_below(&world->random, random_chance(&world->random, 200) ? 60000 : 3000);
    char *text = malloc(len + 1);
    assert(text != NULL);
    work_text(world, text, len);
    if (random_chance(&world->random, 500)) { /* to one's own subtree, which is allowed; else to anybody */
        work_unit_text(world_unit(world, office), unit);
        snprintf(to, sizeof to, "%s/*", unit);
    }
    for (size_t i = random_below(&world->random, 3); i > 0; i--) {
        add_selector(world, to, sizeof to);
    }
    if (to[0] == '\0') {
        add_selector(world, to, sizeof to);
    }
    world_happened(world, len > 10000 ? EVENT_LARGE : EVENT_DOCUMENT);
    work_asked(world, office, "send", json_pack("{s:s, s:s, s:s}", "to", to, "title", "giay moi", "text", text), EVENT_DOCUMENT);
    free(text);
}

/* ---- units and offices ---- */

static unsigned level_of(const struct world *world, const struct unit_id *unit) {
    const struct ram_unit *known = ram_tree_unit(&world->truth, unit);
    return known != NULL ? (unsigned)known->above.count : 0;
}

/* Below the own unit. Its id, or false. */
static bool add_unit(struct world *world, unsigned office, struct unit_id *out) {
    char name[12], code[12], level[4], parent[33];
    size_t units = world->truth.unit_count;
    if (units + 2 > OFFICES_ENROLLED * 3) {
        return false;
    }
    work_text(world, name, sizeof name - 1);
    snprintf(code, sizeof code, "%u", (unsigned)random_below(&world->random, 100000));
    snprintf(level, sizeof level, "%u", 1 + level_of(world, world_unit(world, office)));
    work_unit_text(world_unit(world, office), parent);
    json_t *response =
        office_ask(world, office, "unit.add",
                   json_pack("{s:s, s:s, s:s, s:s}", "code", random_chance(&world->random, 800) ? code : "", "name", name, "level", level, "parent", parent));
    json_decref(response);
    if (world->truth.unit_count == units) {
        return false;
    }
    *out = world->truth.units[units].id;
    return true;
}

static void admit(struct world *world, unsigned inviter, bool second) {
    struct unit_id unit = *world_unit(world, inviter);
    if (world->office_count >= OFFICES_ENROLLED || !office_serves(world, inviter) || !office_up(world, inviter)) {
        return;
    }
    if (!second && !add_unit(world, inviter, &unit)) {
        return;
    }
    if (!second && office_up(world, inviter)) {
        drive_changed(world, inviter, OFFICES_MAX);
    }
    if (office_up(world, inviter)) {
        join_begin(world, inviter, &unit);
    }
}

/* ---- epochs ---- */

void work_epoch(struct world *world, unsigned place, uint8_t kind) {
    struct office *office = &world->offices[place];
    char key[16];
    uint8_t epoch[8];
    snprintf(key, sizeof key, "epoch.%u", kind);
    random_fill(&world->random, epoch, sizeof epoch);
    office_enter(world, place);
    enum status status = store_begin(office->store);
    if (status == STATUS_OK) {
        status = store_meta_put(office->store->db, key, bytes_of(epoch, sizeof epoch));
        if (status == STATUS_OK) {
            status = store_commit(office->store);
        } else {
            store_rollback(office->store);
        }
    }
    if (office_leave(world, place) && !office_excused(world, place, status)) {
        world_fail(world, "n%u begins no new epoch: %s", place, status_name(status));
    }
}

/* ---- what happens when ---- */

void work_begin(struct world *world) {
    world->calm = true;
    work_forms(world);
    for (unsigned tries = 0; world->office_count < world->office_limit && tries < 2 * OFFICES_MAX && !world->failed; tries++) {
        world->calm = random_chance(&world->random, 400); /* some join on a quiet day */
        admit(world, (unsigned)random_below(&world->random, world->office_count), random_chance(&world->random, 300));
    }
    world->calm = false;
    size_t more = random_below(&world->random, 4);
    world->office_limit = world->options.offices > 0 && world->office_limit + more > world->options.offices ? world->office_limit : world->office_limit + more;
}

static bool control_work(struct world *world, unsigned office, unsigned what) {
    if (world->offices[office].kind == OFFICE_TWIN) {
        return true;
    }
    if (what < 82) {
        work_form(world, office, false);
    } else if (what < 86) {
        work_form(world, office, true);
    } else if (what < 91) {
        work_outside(world, office);
    } else if (world->office_count < world->office_limit) {
        admit(world, office, what >= 96);
    } else {
        return false;
    }
    return true;
}

void work_once(struct world *world) {
    unsigned office = (unsigned)random_below(&world->random, world->office_count);
    unsigned what = (unsigned)random_below(&world->random, 100);
    if (!world->offices[office].joined || !office_up(world, office) || world->offices[office].kind == OFFICE_THIEF) {
        return;
    }
    if (world->many_logs) {
        work_epoch(world, office, LOG_REPORT);
        if (office_up(world, office)) {
            work_epoch(world, office, LOG_DIRECTIVE);
        }
    }
    if (!office_up(world, office)) {
        return;
    }
    if (what >= 76 && control_work(world, office, what)) {
        return;
    }
    if (what < 18) {
        send_document(world, office);
    } else if (what < 26) {
        work_sheet(world, office, what < 20);
    } else if (what < 42) {
        work_correction(world, office);
    } else if (what < 52) {
        work_together(world, office);
    } else {
        work_record(world, office);
    }
}
