/* What no request lets anybody write, written all the same: a node of another make, or of somebody who knows its key file. Signed and chained as it should be,
 * it has to be kept by all, and to count for nothing. */
#include "protocol/put.h"
#include "store/internal.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

struct forgery {
    struct world *world;
    unsigned place;
    struct unit_id target; /* a unit that is none of this node's business */
    struct buffer payload, body;
    struct draft draft;
    struct term term;
};

static void body_of(struct forgery *forgery, uint64_t kind, bool control) {
    uint8_t nonce[16];
    const struct change change = {.kind = kind, .payload = buffer_bytes(&forgery->payload)};
    random_fill(&forgery->world->random, nonce, sizeof nonce);
    enum status status = body_encode(&forgery->body, control ? nonce : NULL, &change, 1);
    assert(status == STATUS_OK);
    forgery->draft.body = buffer_bytes(&forgery->body);
}

static void about(struct forgery *forgery, const struct unit_id *unit, uint8_t kind) {
    forgery->term = (struct term){*unit, SCOPE_UNIT};
    forgery->draft = (struct draft){.kind = kind, .cls = CLASS_RECORD, .audience_count = 1, .audience = &forgery->term};
}

/* ---- records ---- */

/* Of an office's form versions one, or one that nobody ever wrote. */
static void some_version(struct forgery *forgery, bool known, struct hash *out) {
    random_fill(&forgery->world->random, out, sizeof *out);
    struct query query = db_query(forgery->world->offices[forgery->place].store->db, "SELECT version FROM form ORDER BY entry, place LIMIT 1");
    if (known && query_next(&query)) {
        query_fixed(&query, 0, out->b, sizeof out->b);
    }
    enum status status = query_end(&query);
    assert(status == STATUS_OK);
}

static void write_put(struct forgery *forgery, bool known, uint16_t ordinal) {
    struct record_key key = {.period = 665};
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT, .number = (int64_t)random_below(&forgery->world->random, 100)};
    struct put put = {.record_count = 1, .column_count = 1, .keys = &key, .ordinals = &ordinal, .cells = &cell};
    some_version(forgery, known, &put.form_version);
    enum status status = put_encode(&put, &forgery->payload);
    assert(status == STATUS_OK);
    body_of(forgery, CHANGE_PUT, false);
}

/* Of the unit right above, which everybody on the way up knows; a figure for any other would not get far: those between may not have its body. */
static void others_record(struct forgery *forgery) {
    about(forgery, &ram_tree_unit(&forgery->world->truth, world_unit(forgery->world, forgery->place))->above.units[0], LOG_REPORT);
    write_put(forgery, true, 0);
}

static void others_correction(struct forgery *forgery) {
    about(forgery, &forgery->target, LOG_DIRECTIVE);
    write_put(forgery, true, 0);
}

static void unknown_form(struct forgery *forgery) {
    about(forgery, world_unit(forgery->world, forgery->place), LOG_REPORT);
    write_put(forgery, false, 0);
}

static void misfit(struct forgery *forgery) {
    about(forgery, world_unit(forgery->world, forgery->place), LOG_REPORT);
    write_put(forgery, true, 250);
}

static void garbage(struct forgery *forgery) {
    uint8_t bytes[40];
    about(forgery, world_unit(forgery->world, forgery->place), LOG_REPORT);
    random_fill(&forgery->world->random, bytes, sizeof bytes);
    enum status status = buffer_append(&forgery->body, bytes, sizeof bytes);
    assert(status == STATUS_OK);
    forgery->draft.body = buffer_bytes(&forgery->body);
}

static void others_document(struct forgery *forgery) {
    about(forgery, &forgery->target, LOG_DIRECTIVE);
    forgery->draft.cls = CLASS_DOCUMENT;
    forgery->term.scope = SCOPE_SUBTREE;
    const struct document document = {.title = bytes_of("lenh", 4), .text = bytes_of("x", 1)};
    enum status status = document_encode(&document, &forgery->payload);
    assert(status == STATUS_OK);
    body_of(forgery, CHANGE_DOCUMENT, false);
}

/* ---- control ---- */

static void control(struct forgery *forgery, uint64_t kind) {
    forgery->draft = (struct draft){.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL};
    body_of(forgery, kind, true);
}

static struct line line_at(const struct forgery *forgery, bool below) {
    const struct ram_unit *unit = ram_tree_unit(&forgery->world->truth, &forgery->target);
    struct line line = unit->above;
    if (below) {
        line = (struct line){.count = unit->above.count + 1, .units = {unit->id}};
        memcpy(&line.units[1], unit->above.units, unit->above.count * sizeof line.units[0]);
    }
    return line;
}

static void others_unit(struct forgery *forgery) {
    const struct unit_change change = {.parent = forgery->target, .level = 20, .name = bytes_of("cuop", 4), .line = line_at(forgery, true)};
    enum status status = unit_change_encode(&change, &forgery->payload);
    assert(status == STATUS_OK);
    control(forgery, CHANGE_UNIT);
}

static void others_name(struct forgery *forgery) {
    const struct unit_set_change change = {.unit = forgery->target, .attribute = UNIT_NAME, .text = bytes_of("cuop", 4)};
    enum status status = unit_set_change_encode(&change, &forgery->payload);
    assert(status == STATUS_OK);
    control(forgery, CHANGE_UNIT_SET);
}

static void others_node(struct forgery *forgery) {
    struct admission *admission = calloc(1, sizeof *admission);
    assert(admission != NULL);
    *admission = (struct admission){
        .inviter = forgery->world->offices[forgery->place].self, .unit = forgery->target, .roles = ROLE_WRITER | ROLE_STEWARD, .line = line_at(forgery, false)};
    random_fill(&forgery->world->random, admission->signing_key, sizeof admission->signing_key);
    random_fill(&forgery->world->random, admission->transport_key, sizeof admission->transport_key);
    random_fill(&forgery->world->random, admission->nonce, sizeof admission->nonce);
    enum status status = admission_encode(admission, &forgery->payload);
    assert(status == STATUS_OK);
    free(admission);
    control(forgery, CHANGE_ADMISSION);
}

/* A kind of change that this version gives no meaning to. */
static void later_version(struct forgery *forgery) {
    static const uint8_t empty_array[] = {0x90};
    enum status status = buffer_append(&forgery->payload, empty_array, sizeof empty_array);
    assert(status == STATUS_OK);
    control(forgery, 60);
}

/* ---- writing ---- */

static bool find_target(struct forgery *forgery) {
    const struct ram_tree *truth = &forgery->world->truth;
    const struct unit_id *own = world_unit(forgery->world, forgery->place);
    size_t first = random_below(&forgery->world->random, truth->unit_count);
    for (size_t i = 0; i < truth->unit_count; i++) {
        const struct unit_id *unit = &truth->units[(first + i) % truth->unit_count].id;
        if (!ID_EQUAL(unit, own) && !ram_tree_above(truth, own, unit)) {
            forgery->target = *unit;
            return true;
        }
    }
    return false;
}

static enum status append(struct forgery *forgery) {
    struct store *store = forgery->world->offices[forgery->place].store;
    struct stored stored;
    enum status status = store_begin(store);
    if (status != STATUS_OK) {
        return status;
    }
    status = log_append(store, &forgery->draft, &stored);
    if (status == STATUS_OK) {
        status = apply_pending(store);
    }
    if (status == STATUS_OK) {
        return store_commit(store);
    }
    store_rollback(store);
    return status;
}

void work_outside(struct world *world, unsigned place) {
    static void (*const own[])(struct forgery *) = {unknown_form, misfit, garbage, later_version};
    static void (*const others[])(struct forgery *) = {others_record, others_correction, others_document, others_unit, others_name, others_node};
    struct forgery forgery = {.world = world, .place = place};
    buffer_init(&forgery.payload, BODY_BYTES_MAX);
    buffer_init(&forgery.body, BODY_BYTES_MAX);
    office_look(world, place);
    if (random_chance(&world->random, 700) && find_target(&forgery)) {
        size_t which = random_below(&world->random, sizeof others / sizeof others[0]);
        world_trace(world, "n%u goes outside its authority: %zu, unit %02x%02x", place, which, forgery.target.b[0], forgery.target.b[1]);
        others[which](&forgery);
    } else {
        own[random_below(&world->random, sizeof own / sizeof own[0])](&forgery);
    }
    office_looked(world, place);
    office_risk(world, place, 40);
    enum status status = append(&forgery);
    if (office_leave(world, place)) {
        if (!office_excused(world, place, status)) {
            world_fail(world, "n%u cannot write outside its authority: %s", place, status_name(status));
        }
        size_t before = world->written_count;
        world->outside = true;
        ledger_own(world, place, status == STATUS_OK);
        world->outside = false;
        if (world->written_count > before) {
            world_happened(world, EVENT_OUTSIDE);
            drive_changed(world, place, OFFICES_MAX);
        }
    }
    buffer_fini(&forgery.payload);
    buffer_fini(&forgery.body);
}
