/* The store held against the auditor (tests/sim/audit.h): random histories are given to stores of some units in random orders, and whatever both conclude from
 * the entries that a store then holds has to be the same. Neither knows the other's code.
 *
 *     test_store_audit [FIRST [COUNT [ENTRIES]]]      seeds from FIRST; a seed is a history, and the order in which it comes */
#include "store_ask.h"
#include "store_delivery.h"

#include "store/digest.h"
#include "store/form_view.h"
#include "store/log.h"
#include "tests/sim/audit.h"

enum { SEEDS = 300, ENTRIES = 40, OFFICES = 3 };

static uint64_t first_seed = 1, seed_count = SEEDS, entry_count = ENTRIES;
static size_t figure_count;

/* ---- what the auditor is given: what the store holds ---- */

static struct audit *audit_of(const struct office *office) {
    const struct history *history = office->history;
    struct audit *audit = audit_new(&history->founding);
    for (size_t log = 0; log < history->log_count; log++) {
        for (uint64_t seq = 1; seq < office->next[log]; seq++) {
            struct entry entry;
            assert_int_equal(office->replica.ops->entry(office->replica.ctx, &history->logs[log].id, seq, &entry), STATUS_OK);
            audit_entry(audit, entry.header, entry.body);
        }
    }
    const struct line line = history_line(history, office->unit);
    audit_conclude(audit, &history->units[office->unit].id, &line);
    return audit;
}

/* ---- comparing ---- */

struct compared {
    struct office *office;
    const struct audit *audit;
    uint64_t seed;
    size_t differences;
};

#define DIFFERS(compared, ...) \
    do { \
        print_error("seed %llu, unit %d: ", (unsigned long long)(compared)->seed, (compared)->office->unit); \
        print_error(__VA_ARGS__); \
        print_error("\n"); \
        (compared)->differences++; \
    } while (0)

static const char *log_text(const struct history *history, size_t log, char out[64]) {
    (void)snprintf(out, 64, "log %zu (node %d, kind %u)", log, history->logs[log].node, history->logs[log].id.kind);
    return out;
}

/* What an entry is, for whoever reads a difference. */
static void describe(const struct office *office, size_t log, uint64_t seq) {
    static const char *const CLASSES[] = {"?", "control", "record", "document"};
    const struct history *history = office->history;
    struct header *header = calloc(1, sizeof *header);
    struct entry entry;
    struct body_reader body;
    struct change change;
    assert_non_null(header);
    assert_int_equal(office->replica.ops->entry(office->replica.ctx, &history->logs[log].id, seq, &entry), STATUS_OK);
    assert_int_equal(header_decode(header, entry.header), STATUS_OK);
    print_error("    %s, reach %u, body %s, changes", CLASSES[header->cls], header->reach, entry.body.len > 0 ? "held" : "not held");
    if (entry.body.len > 0 && body_open(&body, entry.body, header->cls) == STATUS_OK) {
        while (body_next(&body, &change)) {
            print_error(" %u", (unsigned)change.kind);
        }
    }
    for (size_t i = 0; i < header->audience_count; i++) {
        for (size_t unit = 0; unit < history->unit_count; unit++) {
            if (ID_EQUAL(&history->units[unit].id, &header->audience[i].unit)) {
                print_error(", for unit %zu scope %u", unit, header->audience[i].scope);
            }
        }
    }
    print_error(", author's unit %d\n", history->nodes[history->logs[log].node].unit);
    free(header);
}

/* How far the log is applied, and what the own receipt tells others. */
static void compare_applied(struct compared *compared, size_t log) {
    const struct office *office = compared->office;
    const struct log_id *id = &office->history->logs[log].id;
    struct ref ref = {.seq = 0};
    struct receipt receipt;
    char text[64];
    if (office->next[log] == 1) {
        return;
    }
    enum status status = log_applied_ref(office->store, id, &ref);
    uint64_t applied = status == STATUS_OK ? ref.seq : 0;
    size_t aside = audit_aside_entries(compared->audit, id);
    if (applied != audit_applied(compared->audit, id)) {
        DIFFERS(compared, "%s: applied %llu, audited %llu", log_text(office->history, log, text), (unsigned long long)applied,
                (unsigned long long)audit_applied(compared->audit, id));
    }
    status = office->replica.ops->receipt(office->replica.ctx, &office->replica.self, id, &receipt, NULL);
    if (status != STATUS_OK || receipt.applied != applied || receipt.aside != aside) {
        DIFFERS(compared, "%s: receipt %s, applied %llu, %llu set aside, audited %zu", log_text(office->history, log, text), status_name(status),
                (unsigned long long)receipt.applied, (unsigned long long)receipt.aside, aside);
    }
}

static void one_aside(struct compared *compared, size_t log, uint64_t seq, uint32_t place, enum status stored) {
    enum status audited = audit_aside(compared->audit, &compared->office->history->logs[log].id, seq, place);
    char text[64];
    if (audited != stored && !(audited == STATUS_NOT_FOUND && stored == STATUS_OK)) {
        DIFFERS(compared, "%s seq %llu place %u: store %s, auditor %s", log_text(compared->office->history, log, text), (unsigned long long)seq, place,
                status_name(stored), status_name(audited));
        describe(compared->office, log, seq);
    }
}

/* What either has set aside, by the store's own list. */
static void compare_aside(struct compared *compared, size_t log) {
    enum { PLACES = 4 };
    const struct log_id *id = &compared->office->history->logs[log].id;
    uint64_t head = compared->office->next[log] - 1;
    enum status(*stored)[PLACES] = calloc(head + 1, sizeof *stored);
    assert_non_null(stored);
    struct query query = db_query(compared->office->store->db, "SELECT e.seq, s.place, s.reason FROM set_aside s JOIN entry e ON e.id = s.entry JOIN log l ON"
                                                               " l.id = e.log WHERE l.node = ? AND l.kind = ? AND l.epoch = ?");
    query_bind_blob(&query, bytes_of(id->node.b, sizeof id->node.b));
    query_bind_int(&query, id->kind);
    query_bind_blob(&query, bytes_of(id->epoch.b, sizeof id->epoch.b));
    while (query_next(&query)) {
        int64_t seq = query_int(&query, 0), place = query_int(&query, 1);
        assert_true(seq >= 1 && (uint64_t)seq <= head && place >= 0 && place < PLACES);
        stored[seq][place] = (enum status)query_int(&query, 2);
    }
    assert_int_equal(query_end(&query), STATUS_OK);
    for (uint64_t seq = 1; seq <= head; seq++) {
        for (uint32_t place = 0; place < PLACES; place++) {
            one_aside(compared, log, seq, place, stored[seq][place]);
        }
    }
    free(stored);
}

static void compare_holding(struct compared *compared, struct header *header) {
    const struct office *office = compared->office;
    const struct history *history = office->history;
    char text[64];
    for (size_t unit = 0; unit < history->unit_count; unit++) {
        const struct unit_id *id = &history->units[unit].id;
        for (size_t log = 0; log < history->log_count; log++) {
            bool store = office->replica.ops->may_hold_log(office->replica.ctx, id, &history->logs[log].id);
            if (store != audit_may_hold_log(compared->audit, id, &history->logs[log].id)) {
                DIFFERS(compared, "%s may be held by unit %zu: store %d", log_text(history, log, text), unit, store);
            }
            const struct node_id *holder = &history->nodes[(unit + log) % history->node_count].id;
            store = office->replica.ops->may_hold_receipt(office->replica.ctx, id, holder, &history->logs[log].id);
            if (store != audit_may_hold_receipt(compared->audit, id, holder, &history->logs[log].id)) {
                DIFFERS(compared, "receipt of %s may be held by unit %zu: store %d", log_text(history, log, text), unit, store);
            }
        }
    }
    for (size_t i = 0; i < history->entry_count; i++) {
        const struct history_entry *entry = &history->entries[i];
        assert_int_equal(header_decode(header, buffer_bytes(&entry->header)), STATUS_OK);
        for (size_t unit = 0; unit < history->unit_count; unit++) {
            const struct unit_id *id = &history->units[unit].id;
            bool log_held = audit_may_hold_log(compared->audit, id, &header->log);
            bool store = log_held && office->replica.ops->may_hold_body(office->replica.ctx, id, header);
            if (store != audit_may_hold_body(compared->audit, id, header)) {
                DIFFERS(compared, "body of %s seq %llu may be held by unit %zu: store %d", log_text(history, entry->log, text), (unsigned long long)entry->seq,
                        unit, store);
            }
        }
    }
}

static void compare_structure(struct compared *compared) {
    static const int32_t DAYS[] = {20000, 20269, 20270, AUDIT_LATEST};
    const struct history *history = compared->office->history;
    const struct tree *tree = compared->office->store->tree;
    for (size_t i = 0; i < history->unit_count; i++) {
        const struct unit_id *id = &history->units[i].id;
        uint32_t unit = tree_unit(tree, id);
        for (size_t d = 0; d < sizeof DAYS / sizeof *DAYS; d++) {
            struct unit_id parent;
            struct bytes text;
            uint8_t level;
            bool stands = audit_unit(compared->audit, id, DAYS[d], &parent);
            if (stands != (unit != TREE_NONE && tree_exists(tree, unit, DAYS[d]))) {
                DIFFERS(compared, "unit %zu stands on day %d: auditor %d", i, DAYS[d], stands);
                continue;
            }
            if (!stands) {
                continue;
            }
            uint32_t above = tree_parent(tree, unit, DAYS[d]);
            if ((above == TREE_NONE) != (i == 0) || (above != TREE_NONE && !ID_EQUAL(tree_unit_id(tree, above), &parent))) {
                DIFFERS(compared, "parent of unit %zu on day %d", i, DAYS[d]);
            }
            (void)audit_attribute(compared->audit, id, UNIT_CODE, DAYS[d], &text, &level);
            if (!bytes_equal(text, tree_code(tree, unit, DAYS[d]))) {
                DIFFERS(compared, "code of unit %zu on day %d: auditor '%.*s'", i, DAYS[d], (int)text.len, (const char *)text.data);
            }
            (void)audit_attribute(compared->audit, id, UNIT_NAME, DAYS[d], &text, &level);
            if (!bytes_equal(text, tree_name(tree, unit, DAYS[d]))) {
                DIFFERS(compared, "name of unit %zu on day %d: auditor '%.*s'", i, DAYS[d], (int)text.len, (const char *)text.data);
            }
            (void)audit_attribute(compared->audit, id, UNIT_LEVEL, DAYS[d], &text, &level);
            if (level != tree_level(tree, unit, DAYS[d])) {
                DIFFERS(compared, "level of unit %zu on day %d: auditor %u", i, DAYS[d], level);
            }
        }
    }
}

static void compare_nodes(struct compared *compared) {
    const struct history *history = compared->office->history;
    const struct tree *tree = compared->office->store->tree;
    for (size_t i = 0; i < history->node_count; i++) {
        struct unit_id unit;
        uint32_t node = tree_node(tree, &history->nodes[i].id);
        if (audit_node(compared->audit, &history->nodes[i].id, &unit) != (node != TREE_NONE)) {
            DIFFERS(compared, "node %zu stands: store %d", i, node != TREE_NONE);
            continue;
        }
        for (size_t k = 0; k < i && node != TREE_NONE; k++) {
            uint32_t other = tree_node(tree, &history->nodes[k].id);
            if (other != TREE_NONE) {
                int store = tree_seniority(tree, node, other), audited = audit_seniority(compared->audit, &history->nodes[i].id, &history->nodes[k].id);
                if ((store < 0) != (audited < 0) || (store > 0) != (audited > 0)) {
                    DIFFERS(compared, "seniority of nodes %zu and %zu: store %d, auditor %d", i, k, store, audited);
                }
            }
        }
    }
}

static void compare_digests(struct compared *compared) {
    const struct history *history = compared->office->history;
    struct store *store = compared->office->store;
    for (size_t i = 0; i < history->unit_count; i++) {
        for (size_t k = 0; k < history->unit_count; k++) {
            struct hash audited, stored;
            bool is_its = (int)i == compared->office->unit || (int)k == compared->office->unit; /* of others' it may lack what they both hold */
            if (is_its && audit_digest(compared->audit, &history->units[i].id, &history->units[k].id, &audited)) {
                uint32_t unit = tree_unit(store->tree, &history->units[i].id), with = tree_unit(store->tree, &history->units[k].id);
                assert_int_equal(digest_of(store, unit, with, &stored), STATUS_OK);
                if (!ID_EQUAL(&audited, &stored)) {
                    DIFFERS(compared, "digest of units %zu and %zu", i, k);
                }
            }
        }
    }
}

/* ---- figures: what `show` says of each cell ---- */

struct figures {
    struct compared *compared;
    json_t *shown; /* the answer about the record before, for one unit, form and period */
    struct unit_id unit;
    uint8_t form[16];
    uint64_t period;
    size_t count;
};

static void period_text(uint8_t kind, uint64_t period, char out[32]) {
    unsigned p = (unsigned)period;
    switch (kind) {
    case PERIOD_MONTH:
        (void)snprintf(out, 32, "%u-%02u", p / 12, p % 12 + 1);
        break;
    case PERIOD_QUARTER:
        (void)snprintf(out, 32, "%u-Q%u", p / 4, p % 4 + 1);
        break;
    case PERIOD_HALF:
        (void)snprintf(out, 32, "%u-H%u", p / 2, p % 2 + 1);
        break;
    case PERIOD_TERM:
        (void)snprintf(out, 32, "%u-%u", p / 1000, p / 1000 + p % 1000);
        break;
    case PERIOD_AD_HOC:
        (void)snprintf(out, 32, "%u-%02u-%02u", p / 10000, p / 100 % 100, p % 100);
        break;
    default:
        (void)snprintf(out, 32, "%u%s", p, kind == PERIOD_NINE_MONTHS ? "-9M" : kind == PERIOD_SCHOOL_YEAR ? "-SY" : "");
        break;
    }
}

/* Histories hold the numbers 0, 1 and 2 alone. */
static void value_text(const struct cell *cell, const struct form_field *field, char out[64]) {
    if (field->type == FIELD_DATE) {
        (void)snprintf(out, 64, "1970-01-%02lld", (long long)cell->number + 1);
    } else if (cell->type == CELL_BOOL) {
        (void)snprintf(out, 64, "%s", cell->number != 0 ? "yes" : "no");
    } else if (cell->type == CELL_TEXT) {
        (void)snprintf(out, 64, "%.*s", (int)cell->text.len, (const char *)cell->text.data);
    } else if (field->places > 0) {
        (void)snprintf(out, 64, "0.%0*lld", field->places, (long long)cell->number);
    } else {
        (void)snprintf(out, 64, "%lld", (long long)cell->number);
    }
}

static const json_t *shown_field(const struct figures *figures, const struct audit_cell *cell) {
    size_t place;
    json_t *row;
    char name[8];
    (void)snprintf(name, sizeof name, "%.*s", (int)cell->field.len, (const char *)cell->field.data);
    json_array_foreach(json_object_get(json_object_get(figures->shown, "result"), "rows"), place, row) {
        const char *key = json_string_value(json_object_get(row, "row")); /* null where the form has no rows */
        key = key != NULL ? key : "";
        if (bytes_equal(bytes_of(key, strlen(key)), cell->row)) {
            return json_object_get(json_object_get(row, "fields"), name);
        }
    }
    return NULL;
}

static void ask_record(struct figures *figures, const struct audit_cell *cell, const struct form_family *family) {
    char unit[33], issuer[33], period[32];
    request_hex(unit, cell->unit->b, 16);
    request_hex(issuer, family->issuer.b, 16);
    period_text(family->newest->form.period, cell->period, period);
    json_decref(figures->shown);
    const struct bytes name = family->newest->form.name;
    figures->shown =
        ask(figures->compared->office->store, "show",
            json_pack("{s:o, s:s, s:s}", "form", json_sprintf("%.*s@%s", (int)name.len, (const char *)name.data, issuer), "period", period, "unit", unit));
    const json_int_t status = json_integer_value(json_object_get(figures->shown, "status"));
    assert_true(status == STATUS_OK || status == STATUS_PERIOD_INVALID || status == STATUS_PERIOD_WRONG_KIND); /* rivals may have other kinds of period */
    figures->unit = *cell->unit;
    memcpy(figures->form, cell->form, 16);
    figures->period = cell->period;
}

static void compare_cell(void *arg, const struct audit_cell *cell) {
    static const char *const STATES[] = {"untouched", "missing", "na", "value"}, *const QUALIFIERS[] = {NULL, "over", "under", "about", "at_least", "at_most"};
    struct figures *figures = arg;
    const struct form_family *family;
    assert_int_equal(form_view_family(figures->compared->office->store, cell->form, &family), STATUS_OK);
    const struct form *newest = &family->newest->form;
    struct hash version;
    if (!audit_newest_form(figures->compared->audit, cell->form, &version) || !ID_EQUAL(&version, &family->newest->version)) {
        DIFFERS(figures->compared, "the newest version of a form");
        return;
    }
    int field = form_view_field(newest, cell->field);
    if (field < 0) {
        return; /* shown are the fields that it has now */
    }
    if (figures->shown == NULL || !ID_EQUAL(&figures->unit, cell->unit) || memcmp(figures->form, cell->form, 16) != 0 || figures->period != cell->period) {
        ask_record(figures, cell, family);
    }
    if (json_integer_value(json_object_get(figures->shown, "status")) != STATUS_OK) {
        return;
    }
    const json_t *shown = shown_field(figures, cell);
    char value[64] = "";
    if (cell->counted.state == CELL_VALUE) {
        value_text(&cell->counted, &newest->fields[field], value);
    }
    const char *state = json_string_value(json_object_get(shown, "state")), *text = json_string_value(json_object_get(shown, "value"));
    const char *qualifier = json_string_value(json_object_get(shown, "qualifier")), *audited = QUALIFIERS[cell->counted.qualifier];
    bool same = state != NULL && strcmp(state, STATES[cell->counted.state]) == 0 && strcmp(text != NULL ? text : "", value) == 0 &&
                strcmp(qualifier != NULL ? qualifier : "", audited != NULL ? audited : "") == 0 &&
                json_is_true(json_object_get(shown, "contested")) == cell->contested;
    if (!same) {
        char *all = json_dumps(shown, JSON_COMPACT | JSON_ENCODE_ANY);
        DIFFERS(figures->compared, "field %.*s, period %llu, row '%.*s': auditor %s '%s' of %zu heads%s, store %s", (int)cell->field.len,
                (const char *)cell->field.data, (unsigned long long)cell->period, (int)cell->row.len, (const char *)cell->row.data, STATES[cell->counted.state],
                value, cell->heads, cell->contested ? ", contested" : "", all != NULL ? all : "nothing");
        free(all);
    }
    figures->count++;
}

static size_t compare_figures(struct compared *compared) {
    struct figures figures = {.compared = compared};
    audit_each_cell(compared->audit, compare_cell, &figures);
    json_decref(figures.shown);
    return figures.count;
}

/* What two offices may both hold they see alike: once each holds all that it may. */
struct shared {
    struct hash digests[OFFICES][OFFICES]; /* what the first says of itself and the second */
    bool known[OFFICES][OFFICES];
};

static void note_shared(struct shared *shared, const struct audit *audit, const struct history *history, const int units[OFFICES], size_t own) {
    for (size_t i = 0; i < OFFICES; i++) {
        const struct unit_id *a = &history->units[units[own]].id, *b = &history->units[units[i]].id;
        shared->known[own][i] = audit_digest(audit, a, b, &shared->digests[own][i]);
    }
}

static size_t compare_shared(const struct shared *shared, uint64_t seed) {
    size_t differences = 0;
    for (size_t i = 0; i < OFFICES; i++) {
        for (size_t k = 0; k < i; k++) {
            if (shared->known[i][k] && shared->known[k][i] && !ID_EQUAL(&shared->digests[i][k], &shared->digests[k][i])) {
                print_error("seed %llu: offices %zu and %zu see what they share differently\n", (unsigned long long)seed, k, i);
                differences++;
            }
        }
    }
    return differences;
}

/* ---- one seed ---- */

static size_t run_seed(uint64_t seed) {
    static const int UNITS[OFFICES] = {0, 1, 3};
    struct history *history = history_new(seed, entry_count);
    struct header *header = calloc(1, sizeof *header);
    struct shared shared = {0};
    size_t differences = 0;
    assert_non_null(header);
    for (size_t i = 0; i < OFFICES; i++) {
        char dir[SCRATCH_PATH];
        struct office office = {.history = history, .unit = UNITS[i], .late = seed % 2 == 0};
        random_init(&office.random, seed * OFFICES + i);
        scratch_make(dir);
        office_open(&office, dir);
        deliver_all(&office, seed % 10 != 0);
        for (int again = 0; seed % 10 == 0 && again < 2;
             again++) { /* a body may have come to be waited for when something behind it was applied already; which are, follows the views */
            assert_int_equal(rebuild_run(office.store, NULL, NULL), STATUS_OK);
        }
        struct audit *audit = audit_of(&office);
        struct compared compared = {.office = &office, .audit = audit, .seed = seed};
        for (size_t log = 0; log < history->log_count; log++) {
            compare_applied(&compared, log);
            compare_aside(&compared, log);
        }
        compare_structure(&compared);
        compare_nodes(&compared);
        compare_holding(&compared, header);
        compare_digests(&compared);
        figure_count += compare_figures(&compared);
        differences += compared.differences;
        note_shared(&shared, audit, history, UNITS, i);
        audit_free(audit);
        store_close(office.store);
        scratch_remove(dir);
    }
    differences += seed % 10 != 0 ? compare_shared(&shared, seed) : 0;
    free(header);
    history_free(history);
    return differences;
}

static void test_store_and_auditor_agree(void **state) {
    (void)state;
    size_t differing = 0;
    assert_int_equal(keys_init(), STATUS_OK);
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        differing += run_seed(seed) > 0 ? 1 : 0;
    }
    assert_int_equal(differing, 0);
    assert_true(figure_count > seed_count); /* there was something to compare */
}

int main(int argc, char **argv) {
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : first_seed;
    seed_count = argc > 2 ? strtoull(argv[2], NULL, 10) : seed_count;
    entry_count = argc > 3 ? strtoull(argv[3], NULL, 10) : entry_count;
    if (access("/dev/shm", W_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm", 0); /* what survives a cut of the power is none of this test's business: a disk would only hold it up */
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_store_and_auditor_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
