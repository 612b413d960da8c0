/* A store against the auditor (audit.h): given the entries that the store holds, and nothing else, both must conclude the same. */
#include "tests/sim/audit.h"

#include "store/digest.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct compared {
    struct world *world;
    unsigned place;
    struct store *store;
    struct audit *audit;
    size_t asides;
};

#define DIFFERS(compared, ...) \
    do { \
        world_trace((compared)->world, __VA_ARGS__); \
        world_fail((compared)->world, __VA_ARGS__); \
    } while (0)

static void ended(struct compared *compared, enum status status) {
    if (status != STATUS_OK) {
        world_fail(compared->world, "n%u cannot be audited: %s", compared->place, status_name(status));
    }
}

static void take_log(struct query *query, struct log_id *log) {
    query_fixed(query, 0, log->node.b, sizeof log->node.b);
    log->kind = (uint8_t)query_int(query, 1);
    query_fixed(query, 2, log->epoch.b, sizeof log->epoch.b);
}

static void give_entries(struct compared *compared) {
    struct query query = db_query(compared->store->db, "SELECT id FROM entry");
    while (query_next(&query)) {
        struct stored_entry entry;
        ended(compared, log_read(compared->store, query_int(&query, 0), &entry, NULL));
        audit_entry(compared->audit, entry.entry.header, entry.entry.body);
    }
    ended(compared, query_end(&query));
    audit_conclude(compared->audit, world_unit(compared->world, compared->place), compared->store->line_hint.count > 0 ? &compared->store->line_hint : NULL);
}

/* ---- verdicts ---- */

static void compare_applied(struct compared *compared) {
    struct query query = db_query(compared->store->db, "SELECT node, kind, epoch, applied FROM log");
    while (query_next(&query)) {
        struct log_id log;
        char name[32];
        take_log(&query, &log);
        uint64_t applied = (uint64_t)query_int(&query, 3), audited = audit_applied(compared->audit, &log);
        world_name(compared->world, &log, name);
        if (applied != audited) {
            DIFFERS(compared, "n%u has applied %s up to %llu, the auditor up to %llu", compared->place, name, (unsigned long long)applied,
                    (unsigned long long)audited);
        }
    }
    ended(compared, query_end(&query));
}

static void count_aside(void *arg, const struct log_id *log, uint64_t seq, uint32_t place, enum status reason) {
    struct compared *compared = arg;
    char name[32];
    world_name(compared->world, log, name);
    world_trace(compared->world, "    audited: %s:%llu place %u %s", name, (unsigned long long)seq, place, status_name(reason));
    compared->asides++;
}

static void compare_asides(struct compared *compared) {
    size_t stored = 0;
    audit_each_aside(compared->audit, count_aside, compared);
    struct query query = db_query(compared->store->db, "SELECT l.node, l.kind, l.epoch, e.seq, s.place, s.reason FROM set_aside s"
                                                       " JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log");
    while (query_next(&query)) {
        struct log_id log;
        char name[32];
        take_log(&query, &log);
        uint64_t seq = (uint64_t)query_int(&query, 3);
        enum status reason = (enum status)query_int(&query, 5), audited = audit_aside(compared->audit, &log, seq, (uint32_t)query_int(&query, 4));
        world_name(compared->world, &log, name);
        if (reason != audited) {
            DIFFERS(compared, "n%u sets %s:%llu aside for %s, the auditor says %s", compared->place, name, (unsigned long long)seq, status_name(reason),
                    status_name(audited));
        }
        stored++;
    }
    ended(compared, query_end(&query));
    if (stored != compared->asides) {
        DIFFERS(compared, "n%u has set %zu changes aside, the auditor %zu", compared->place, stored, compared->asides);
    }
}

/* With each unit above, as far as both see them. */
static void compare_digests(struct compared *compared) {
    const struct unit_id *own = world_unit(compared->world, compared->place);
    const struct ram_unit *known = ram_tree_unit(&compared->world->truth, own);
    for (size_t i = 0; i <= known->above.count; i++) {
        const struct unit_id *with = i == 0 ? own : &known->above.units[i - 1];
        struct hash audited, stored;
        uint32_t a = tree_unit(compared->store->tree, own), b = tree_unit(compared->store->tree, with);
        if (audit_digest(compared->audit, own, with, &audited)) {
            ended(compared, digest_of(compared->store, a, b, &stored));
            if (!ID_EQUAL(&audited, &stored)) {
                DIFFERS(compared, "n%u's digest with the unit %zu above it is not the auditor's", compared->place, i);
            }
        }
    }
}

/* ---- figures ---- */

/* What is shown of one field: the state, the number of versions, whether it is contested, and the value where that is a number or a word. */
static void compare_shown(struct compared *compared, const struct audit_cell *cell, const json_t *shown) {
    static const char *const states[] = {"untouched", "missing", "na", "value"};
    const char *state = json_string_value(json_object_get(shown, "state")), *value = json_string_value(json_object_get(shown, "value"));
    size_t versions = json_array_size(json_object_get(shown, "versions"));
    bool contested = json_is_true(json_object_get(shown, "contested")), same = state != NULL && strcmp(state, states[cell->counted.state]) == 0;
    if (contested && cell->counted.type == CELL_TEXT && state != NULL && strcmp(state, "missing") == 0) {
        same = true; /* what stood before two texts parted is not looked for: store/record.c, base_of */
    } else if (same && cell->counted.state == CELL_VALUE && cell->counted.type == CELL_TEXT) {
        same = value != NULL && bytes_equal(bytes_of(value, strlen(value)), cell->counted.text);
    }
    if (same && cell->counted.state == CELL_VALUE && bytes_equal(cell->field, bytes_of("total", 5))) {
        same = value != NULL && strtoll(value, NULL, 10) == cell->counted.number;
    }
    if (!same || contested != cell->contested || versions != cell->heads) {
        char *text = json_dumps(shown, JSON_COMPACT);
        world_trace(compared->world, "    unit %02x%02x, period %llu, row %.*s: %s; audited text %.*s", cell->unit->b[0], cell->unit->b[1],
                    (unsigned long long)cell->period, (int)cell->row.len, cell->row.len > 0 ? (const char *)cell->row.data : "", text,
                    (int)cell->counted.text.len, cell->counted.text.len > 0 ? (const char *)cell->counted.text.data : "");
        free(text);
        DIFFERS(compared, "n%u shows %.*s as %s %.20s, %zu versions%s; the auditor: %s %lld, %zu versions%s", compared->place, (int)cell->field.len,
                (const char *)cell->field.data, state == NULL ? "nothing" : state, value == NULL ? "" : value, versions, contested ? ", contested" : "",
                states[cell->counted.state], (long long)cell->counted.number, cell->heads, cell->contested ? ", contested" : "");
    }
}

static json_t *ask(struct compared *compared, const char *verb, json_t *args) {
    const struct store_caller caller = {.daemon = true};
    json_t *request = json_pack("{s:s, s:o}", "do", verb, "args", args), *response = store_request(compared->store, &caller, request);
    json_decref(request);
    if (office_answer(response) != STATUS_OK) {
        char *text = json_dumps(response, JSON_COMPACT);
        world_fail(compared->world, "n%u answers the auditor's %s: %.300s", compared->place, verb, text);
        free(text);
    }
    return response;
}

static void text_of_period(uint64_t ordinal, char out[32]) {
    snprintf(out, 32, "%llu-%02llu", (unsigned long long)(ordinal / 12), (unsigned long long)(ordinal % 12 + 1));
}

/* One of the root's forms, with what the auditor counts of it under the own unit. */
struct figures {
    struct compared *compared;
    const char *form, *field; /* field: one that is added up */
    uint8_t form_id[16];
    uint64_t period;
    int64_t sum;
    size_t numbers;
    json_t *shown; /* the last answer to `show`, and what for */
    struct unit_id unit;
    uint64_t shown_period;
};

static void show(struct figures *figures, const struct audit_cell *cell) {
    char unit[33], period[32], form[32];
    if (figures->shown != NULL && ID_EQUAL(&figures->unit, cell->unit) && figures->shown_period == cell->period) {
        return;
    }
    json_decref(figures->shown);
    work_unit_text(cell->unit, unit);
    text_of_period(cell->period, period);
    snprintf(form, sizeof form, "%s@00", figures->form);
    figures->shown = ask(figures->compared, "show", json_pack("{s:s, s:s, s:s}", "form", form, "period", period, "unit", unit));
    figures->unit = *cell->unit;
    figures->shown_period = cell->period;
}

static void each_cell(void *arg, const struct audit_cell *cell) {
    struct figures *figures = arg;
    char field[65];
    if (memcmp(cell->form, figures->form_id, sizeof figures->form_id) != 0 || figures->compared->world->failed) {
        return;
    }
    show(figures, cell);
    snprintf(field, sizeof field, "%.*s", (int)cell->field.len, (const char *)cell->field.data);
    size_t i;
    json_t *row, *found = NULL, *result = json_object_get(figures->shown, "result");
    json_array_foreach(json_object_get(result, "rows"), i, row) {
        const char *key = json_string_value(json_object_get(row, "row"));
        size_t len = key != NULL ? strlen(key) : 0; /* null: the form has no rows */
        if (len == cell->row.len && (len == 0 || memcmp(key, cell->row.data, len) == 0)) {
            found = json_object_get(json_object_get(row, "fields"), field);
        }
    }
    if (found == NULL && json_is_true(json_object_get(result, "more"))) {
        return; /* on a later page */
    }
    compare_shown(figures->compared, cell, found);
}

static void add_cell(void *arg, const struct audit_cell *cell) {
    struct figures *figures = arg;
    bool ours = memcmp(cell->form, figures->form_id, sizeof figures->form_id) == 0 && cell->period == figures->period &&
                bytes_equal(cell->field, bytes_of(figures->field, strlen(figures->field)));
    if (ours && cell->counted.state == CELL_VALUE) {
        const struct unit_id *own = world_unit(figures->compared->world, figures->compared->place);
        if (ID_EQUAL(own, cell->unit) || ram_tree_above(&figures->compared->world->truth, own, cell->unit)) {
            figures->sum += cell->counted.number;
            figures->numbers++;
        }
    }
}

/* The roll-up of the own subtree is the sum of what the auditor counts there. */
static void compare_rollup(struct figures *figures, uint64_t period) {
    struct compared *compared = figures->compared;
    char text[32], form[32];
    figures->period = period;
    figures->sum = 0;
    figures->numbers = 0;
    audit_each_cell(compared->audit, add_cell, figures);
    text_of_period(period, text);
    snprintf(form, sizeof form, "%s@00", figures->form);
    json_t *response = ask(compared, "rollup", json_pack("{s:s, s:s}", "form", form, "period", text));
    const json_t *sum = json_object_get(json_object_get(json_object_get(response, "result"), "fields"), figures->field);
    const char *value = json_string_value(json_object_get(sum, "value"));
    if ((value == NULL) != (figures->numbers == 0) || (value != NULL && strtoll(value, NULL, 10) != figures->sum)) {
        DIFFERS(compared, "n%u adds %s of %s in %s up to %s, the auditor to %lld of %zu", compared->place, figures->field, figures->form, text,
                value == NULL ? "nothing" : value, (long long)figures->sum, figures->numbers);
    }
    json_decref(response);
}

static void compare_figures(struct compared *compared, const char *form, const char *field) {
    enum { MAY_2025 = 2025 * 12 + 4 };
    struct figures figures = {.compared = compared, .form = form, .field = field};
    keys_form_id(figures.form_id, &compared->world->founding.association, &compared->world->founding.root, bytes_of(form, strlen(form)));
    struct hash version;
    if (!audit_newest_form(compared->audit, figures.form_id, &version)) {
        return; /* has not come here yet */
    }
    audit_each_cell(compared->audit, each_cell, &figures);
    for (uint64_t period = MAY_2025; period < MAY_2025 + 2 && !compared->world->failed; period++) {
        compare_rollup(&figures, period);
    }
    json_decref(figures.shown);
}

void audit_compare(struct world *world, unsigned place) {
    struct compared compared = {.world = world, .place = place, .store = world->offices[place].store};
    office_enter(world, place);
    compared.audit = audit_new(&world->founding);
    give_entries(&compared);
    compare_applied(&compared);
    compare_asides(&compared);
    if (tree_unit(compared.store->tree, world_unit(world, place)) != TREE_NONE) {
        compare_digests(&compared);
        compare_figures(&compared, "members", "total");
        compare_figures(&compared, "welfare", "homes");
        compare_figures(&compared, "loans", "lent");
    }
    audit_free(compared.audit);
}
