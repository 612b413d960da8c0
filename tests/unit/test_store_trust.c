/* Histories with revocations, pins, moves, handovers, forks, erasures and accepts among everything else, given to stores in many orders, some bodies after
 * their headers: whatever comes first, all conclude the same, and what rebuild concludes. Every store gets all of it, also what a session would not take yet:
 * what a session takes is another matter.
 *
 *     test_store_trust [FIRST [COUNT [ORDERS [ENTRIES]]]]      seeds from FIRST; of each so many orders */
#include "store_delivery.h"

#include "protocol/trust.h"
#include "store/branch.h"
#include "store/digest.h"
#include "store/log.h"

enum { SEEDS = 3, ORDERS = 50, ENTRIES = 200, FORKS = 3 };

static uint64_t first_seed = 1, seed_count = SEEDS, order_count = ORDERS, entry_count = ENTRIES;

/* ---- histories ---- */

/* Another header at a seq, signed as well: what came of a copied key. */
struct fork {
    size_t log;
    uint64_t seq;
    struct hash hash;
    struct buffer header;
    const struct history_entry *beside;
};
struct trial {
    struct history *history;
    struct random random;
    struct fork forks[FORKS];
    size_t fork_count;
};

static size_t below(struct trial *trial, size_t count) {
    return (size_t)random_below(&trial->random, count);
}

static struct ref ref_of(const struct trial *trial, const struct history_entry *entry) {
    return (struct ref){.log = trial->history->logs[entry->log].id, .seq = entry->seq, .hash = hash_short(&entry->hash)};
}

static const struct history_entry *any_entry(struct trial *trial) {
    return &trial->history->entries[below(trial, trial->history->entry_count)];
}

/* Now and then the other branch. */
static struct ref any_ref(struct trial *trial) {
    if (trial->fork_count > 0 && random_chance(&trial->random, 300)) {
        const struct fork *fork = &trial->forks[below(trial, trial->fork_count)];
        return (struct ref){.log = trial->history->logs[fork->log].id, .seq = fork->seq, .hash = hash_short(&fork->hash)};
    }
    return ref_of(trial, any_entry(trial));
}

static int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

/* Some refs, ascending, one a log. */
static void any_refs(struct trial *trial, struct refs *out, size_t most) {
    size_t wanted = 1 + below(trial, most), kept = 0;
    for (out->count = 0; out->count < wanted; out->count++)
        out->items[out->count] = any_ref(trial);
    qsort(out->items, out->count, sizeof *out->items, by_ref);
    for (size_t i = 0; i < out->count; i++) {
        if (kept == 0 || !log_id_equal(&out->items[kept - 1].log, &out->items[i].log))
            out->items[kept++] = out->items[i];
    }
    out->count = kept;
}

/* Where a node's logs are cut: some at an entry that stands in them, the rest at 0. */
static void cut_refs(struct trial *trial, int node, struct refs *out) {
    out->count = 0;
    for (size_t i = 0; i < trial->history->log_count; i++) {
        const struct history_log *log = &trial->history->logs[i];
        if (log->node == node && log->id.kind != LOG_RECOVERY && log->head > 0 && random_chance(&trial->random, 800))
            out->items[out->count++] = ref_of(trial, entry_of(trial->history, i, 1 + random_below(&trial->random, log->head)));
    }
    qsort(out->items, out->count, sizeof *out->items, by_ref);
}

static struct line line_with(const struct history *history, int parent) {
    struct line rest = history_line(history, parent), line = {.count = 1, .units = {history->units[parent].id}};
    for (size_t i = 0; i < rest.count && line.count < LINE_UNITS_MAX; i++)
        line.units[line.count++] = rest.units[i];
    return line;
}

static bool write_placing(struct trial *trial, uint64_t kind, struct buffer *out) {
    const struct history *history = trial->history;
    int unit = 1 + (int)below(trial, history->unit_count - 1), parent = (int)below(trial, history->unit_count);
    struct placing *placing = calloc(1, sizeof *placing);
    assert_non_null(placing);
    placing->unit = history->units[unit].id;
    placing->line = line_with(history, parent);
    placing->former = history_line(history, unit);
    bool under = unit == parent;
    for (size_t i = 0; i < placing->line.count; i++)
        under |= ID_EQUAL(&placing->line.units[i], &placing->unit);
    if (kind == CHANGE_CLOSE) {
        placing->successor_count = 1;
        placing->successors[0] = placing->line.units[0];
    }
    bool written = !under && placing_encode(placing, kind, out) == STATUS_OK;
    free(placing);
    return written;
}

/* One change of trust by a node; false: there was nothing to say. */
static bool write_change(struct trial *trial, uint64_t kind, struct buffer *out) {
    const struct history *history = trial->history;
    struct refs *refs = calloc(1, sizeof *refs);
    union {
        struct revocation revocation;
        struct handover handover;
        struct erasure erasure;
        struct fork_decision decision;
    } *room = calloc(1, sizeof *room);
    assert_non_null(refs);
    assert_non_null(room);
    enum status status = STATUS_MALFORMED;
    int node = (int)below(trial, history->node_count), unit = (int)below(trial, history->unit_count);
    any_refs(trial, refs, 3);
    switch (kind) {
    case CHANGE_REVOCATION:
        room->revocation.node = history->nodes[node].id;
        cut_refs(trial, node, &room->revocation.upto);
        status = revocation_encode(&room->revocation, out);
        break;
    case CHANGE_HANDOVER:
        room->handover.unit = history->units[unit].id;
        room->handover.parent = history->units[below(trial, history->unit_count)].id;
        room->handover.upto = *refs;
        status = handover_encode(&room->handover, out);
        break;
    case CHANGE_FORK_DECISION:
        room->decision.rival = any_ref(trial);
        room->decision.keeps = room->decision.rival;
        room->decision.keeps.hash = ref_of(trial, any_entry(trial)).hash;
        for (size_t i = 0; i < trial->fork_count; i++) {
            const struct fork *fork = &trial->forks[i];
            room->decision.keeps = ref_of(trial, fork->beside);
            room->decision.rival = (struct ref){.log = room->decision.keeps.log, .seq = fork->seq, .hash = hash_short(&fork->hash)};
        }
        status = fork_decision_encode(&room->decision, out);
        break;
    case CHANGE_ERASE:
        room->erasure.entries = *refs;
        status = erasure_encode(&room->erasure, out);
        break;
    case CHANGE_PIN:
        status = pin_encode(refs, out);
        break;
    case CHANGE_ACCEPT:
        status = acceptance_encode(refs, out);
        break;
    default:
        status = write_placing(trial, kind, out) ? STATUS_OK : STATUS_MALFORMED;
        break;
    }
    free(refs);
    free(room);
    return status == STATUS_OK;
}

static void trust_entry(struct trial *trial) {
    static const uint64_t KINDS[] = {CHANGE_REVOCATION, CHANGE_REVOCATION, CHANGE_PIN,   CHANGE_PIN,  CHANGE_MOVE,          CHANGE_MOVE,  CHANGE_HANDOVER,
                                     CHANGE_CLOSE,      CHANGE_ERASE,      CHANGE_ERASE, CHANGE_SAME, CHANGE_FORK_DECISION, CHANGE_ACCEPT};
    struct buffer payload, body;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    uint64_t kind = KINDS[below(trial, sizeof KINDS / sizeof *KINDS)];
    if (write_change(trial, kind, &payload)) {
        uint8_t nonce[16];
        random_fill(&trial->random, nonce, sizeof nonce);
        const struct change change = {.kind = kind, .payload = buffer_bytes(&payload)};
        assert_int_equal(body_encode(&body, nonce, &change, 1), STATUS_OK);
        /* Mostly by those above, who are heard. */
        int node = random_chance(&trial->random, 500) ? (int)below(trial, 2) : (int)below(trial, trial->history->node_count);
        const struct history_draft draft = {.node = node, .kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
        history_append(trial->history, &draft);
    }
    buffer_fini(&payload);
    buffer_fini(&body);
}

static void add_fork(struct trial *trial) {
    const struct history_entry *beside = any_entry(trial);
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    bool taken = trial->history->logs[beside->log].id.kind == LOG_RECOVERY || trial->history->logs[beside->log].node == 0 || trial->fork_count == FORKS;
    for (size_t i = 0; i < trial->fork_count; i++)
        taken |= trial->forks[i].log == beside->log;
    assert_int_equal(header_decode(header, buffer_bytes(&beside->header)), STATUS_OK);
    if (!taken && !header->critical_unknown) {
        struct fork *fork = &trial->forks[trial->fork_count++];
        *fork = (struct fork){.log = beside->log, .seq = beside->seq, .beside = beside};
        buffer_init(&fork->header, HEADER_BYTES_MAX);
        header->time++;
        assert_int_equal(header_encode(header, &fork->header), STATUS_OK);
        header_hash(&fork->hash, &trial->history->founding.association, buffer_bytes(&fork->header));
    }
    free(header);
}

static void trial_begin(struct trial *trial, uint64_t seed) {
    *trial = (struct trial){.history = history_new(seed, 30)};
    random_init(&trial->random, seed * 77777);
    for (uint64_t i = 0; i < 4 * entry_count && trial->history->entry_count < entry_count; i++) {
        if (i % 60 == 20)
            add_fork(trial);
        if (random_chance(&trial->random, 250))
            trust_entry(trial);
        else
            history_random_entry(trial->history);
    }
}

static void trial_end(struct trial *trial) {
    for (size_t i = 0; i < trial->fork_count; i++)
        buffer_fini(&trial->forks[i].header);
    history_free(trial->history);
}

/* ---- one order ---- */

static uint64_t head_of(struct office *office, size_t log) {
    struct log_head head = {.seq = 0};
    (void)!office->replica.ops->head(office->replica.ctx, &office->history->logs[log].id, &head);
    return head.seq;
}

static void give(struct office *office, const struct fork *fork, uint8_t kind) {
    struct persist item = item_of(office->history, fork->beside);
    item.kind = kind;
    item.hash = fork->hash;
    item.entry.header = buffer_bytes(&fork->header);
    if (kind == PERSIST_FORK)
        item.entry.salt = item.entry.body = (struct bytes){0};
    assert_int_equal(store_persist(office->store, &item, 1), STATUS_OK);
    assert_int_equal(office->store->apply_status, STATUS_OK);
}

/* Evidence of some forks, of those whose log has come so far. */
static void give_evidence(struct office *office, const struct trial *trial, unsigned chance) {
    for (size_t i = 0; i < trial->fork_count; i++) {
        const struct fork *fork = &trial->forks[i];
        if (head_of(office, fork->log) >= fork->seq && random_chance(&office->random, chance))
            give(office, fork, PERSIST_FORK);
    }
}

/* The branch that somebody pinned, where room was made for it. */
static void give_branches(struct office *office, const struct trial *trial) {
    for (size_t i = 0; i < trial->fork_count; i++) {
        const struct fork *fork = &trial->forks[i];
        struct log_row row;
        bool forked, fallen;
        if (log_row(office->store, &office->history->logs[fork->log].id, &row) != STATUS_OK)
            continue;
        assert_int_equal(branch_marks(office->store, row.id, &forked, &fallen), STATUS_OK);
        if (fallen && row.head_seq + 1 == fork->seq)
            give(office, fork, PERSIST_ENTRY);
    }
}

/* Some entries of one log, in their order. */
static bool give_some(struct office *office, size_t log) {
    const struct history *history = office->history;
    struct persist items[ITEMS_AT_ONCE];
    size_t count = 0, wanted = 1 + random_below(&office->random, ITEMS_AT_ONCE);
    for (; count < wanted && office->next[log] <= history->logs[log].head; count++) {
        items[count] = item_of(history, entry_of(history, log, office->next[log]++));
        if (office->late && random_chance(&office->random, 200))
            items[count].entry.salt = items[count].entry.body = (struct bytes){0};
    }
    if (count == 0)
        return false;
    assert_int_equal(store_persist(office->store, items, count), STATUS_OK);
    assert_int_equal(office->store->apply_status, STATUS_OK);
    return true;
}

/* Every body that did not come with its entry. */
static void give_bodies(struct office *office) {
    const struct history *history = office->history;
    for (size_t i = 0; i < history->entry_count; i++) {
        struct persist item = item_of(history, &history->entries[i]);
        struct entry held;
        struct hash hash;
        if (office->replica.ops->entry(office->replica.ctx, &item.log, item.seq, &held) != STATUS_OK)
            continue; /* its branch fell */
        header_hash(&hash, &history->founding.association, held.header);
        item.kind = PERSIST_BODY;
        if (held.salt.len == 0 && ID_EQUAL(&hash, &item.hash)) {
            assert_int_equal(store_persist(office->store, &item, 1), STATUS_OK);
            assert_int_equal(office->store->apply_status, STATUS_OK);
        }
    }
}

static void deliver(struct office *office, const struct trial *trial) {
    for (size_t log = 0; log < HISTORY_LOGS; log++)
        office->next[log] = 1;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < 2 * office->history->log_count; i++) {
            more |= give_some(office, random_below(&office->random, office->history->log_count));
            give_evidence(office, trial, 10);
        }
        for (size_t log = 0; log < office->history->log_count; log++)
            more |= give_some(office, log);
    }
    give_evidence(office, trial, 1000);
    for (size_t i = 0; i < 3; i++) {
        give_branches(office, trial);
        give_bodies(office);
    }
}

static void digests(struct office *office, struct hash out[2]) {
    struct store *store = office->store;
    assert_int_equal(digest_of(store, 0, 0, &out[0]), STATUS_OK);
    uint32_t unit = tree_unit(store->tree, &office->history->units[1].id);
    out[1] = (struct hash){{0}};
    if (unit != TREE_NONE)
        assert_int_equal(digest_of(store, unit, 0, &out[1]), STATUS_OK);
}

static size_t differences;

/* ---- what differs, for whoever reads a failure ---- */

static int unit_number(const struct history *history, const struct unit_id *id) {
    for (size_t i = 0; i < history->unit_count; i++) {
        if (ID_EQUAL(&history->units[i].id, id))
            return (int)i;
    }
    return -1;
}

static void tell_tree(const struct office *office, FILE *out) {
    const struct history *history = office->history;
    const struct tree *tree = office->store->tree;
    for (size_t i = 0; i < history->unit_count; i++) {
        uint32_t unit = tree_unit(tree, &history->units[i].id), parent = unit == TREE_NONE ? TREE_NONE : tree_parent(tree, unit, TREE_TODAY);
        (void)fprintf(out, "unit %zu %s, under %d, level %u%s\n", i, unit == TREE_NONE ? "does not stand" : "stands",
                      parent == TREE_NONE ? -1 : unit_number(history, tree_unit_id(tree, parent)), unit == TREE_NONE ? 0 : tree_level(tree, unit, TREE_TODAY),
                      unit != TREE_NONE && tree_closed(tree, unit) ? ", closed" : "");
    }
    for (size_t i = 0; i < history->node_count; i++) {
        uint32_t node = tree_node(tree, &history->nodes[i].id);
        int64_t entry;
        (void)fprintf(out, "node %zu %s%s\n", i, node == TREE_NONE ? "does not stand" : "stands",
                      node != TREE_NONE && tree_revoked(tree, node, &entry) ? ", revoked" : "");
    }
    for (size_t i = 0; i < history->log_count; i++) {
        struct tree_standing standing;
        tree_log_standing(tree, &history->logs[i].id, &standing);
        if (standing.upto < SEQ_MAX)
            (void)fprintf(out, "log %zu of node %d, kind %u, stands up to %llu: %u\n", i, history->logs[i].node, history->logs[i].id.kind,
                          (unsigned long long)standing.upto, (unsigned)standing.why);
    }
}

static void tell_rows(const struct office *office, FILE *out) {
    static const struct {
        const char *what, *sql;
    } LISTS[] = {
        {"aside",
         "SELECT hex(l.node) || ' ' || l.kind || ' ' || hex(l.epoch) || ' ' || e.seq || ' place ' || s.place || ' reason ' || s.reason FROM set_aside s"
         " JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log WHERE s.reason NOT IN (305, 313) ORDER BY 1"},
        {"form", "SELECT hex(version) FROM form ORDER BY 1"},
        {"document", "SELECT hex(e.hash) || ' place ' || d.place FROM document d JOIN entry e ON e.id = d.entry ORDER BY 1"},
        {"erased", "SELECT hex(hash) FROM entry WHERE body_state = 4 ORDER BY 1"},
        {"record", "SELECT hex(k.form_id) || ' ' || period || ' ' || hex(u.unit) || ' ' || row || ' ' || contested FROM record r"
                   " JOIN form_key k ON k.id = r.form JOIN unit_key u ON u.id = r.unit ORDER BY 1"},
    };
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        struct query query = db_query(office->store->db, LISTS[i].sql);
        while (query_next(&query)) {
            struct bytes text = query_text(&query, 0);
            (void)fprintf(out, "%s %.*s\n", LISTS[i].what, (int)text.len, (const char *)text.data);
        }
        assert_int_equal(query_end(&query), STATUS_OK);
    }
}

static char *tell(const struct office *office) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    tell_tree(office, out);
    tell_rows(office, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static bool has_line(const char *text, const char *line, size_t len) {
    for (const char *at = text; *at != 0; at = strchr(at, '\n') + 1) {
        if (strncmp(at, line, len) == 0 && at[len] == '\n')
            return true;
    }
    return false;
}

static void tell_lacking(const char *what, const char *text, const char *other) {
    for (const char *at = text; *at != 0; at = strchr(at, '\n') + 1) {
        size_t len = (size_t)(strchr(at, '\n') - at);
        if (!has_line(other, at, len))
            print_error("    %s %.*s\n", what, (int)len, at);
    }
}

static void differ(uint64_t seed, uint64_t order, const char *how, const char *before, const char *after) {
    print_error("seed %llu, order %llu: %s\n", (unsigned long long)seed, (unsigned long long)order, how);
    tell_lacking("-", before, after);
    tell_lacking("+", after, before);
    differences++;
}

/* ---- all of them ---- */

struct outcome {
    struct hash digests[2];
    char *text;
};

static void one_order(struct trial *trial, uint64_t seed, uint64_t order, struct outcome *expected) {
    char dir[SCRATCH_PATH];
    struct hash found[2], rebuilt[2];
    struct office office = {.history = trial->history, .unit = 0, .late = order % 2 == 1};
    random_init(&office.random, seed * 1000003 + order);
    scratch_make(dir);
    office_open(&office, dir);
    deliver(&office, trial);
    digests(&office, found);
    char *text = tell(&office);
    assert_int_equal(rebuild_run(office.store, NULL, NULL), STATUS_OK);
    digests(&office, rebuilt);
    char *text_rebuilt = tell(&office);
    if (memcmp(found, rebuilt, sizeof found) != 0)
        differ(seed, order, "rebuild comes to something else", text, text_rebuilt);
    if (order == 0) {
        memcpy(expected->digests, found, sizeof found);
        expected->text = strdup(text);
    }
    if (memcmp(found, expected->digests, sizeof found) != 0)
        differ(seed, order, "another digest than in order 0", expected->text, text);
    free(text);
    free(text_rebuilt);
    store_close(office.store);
    scratch_remove(dir);
}

static void no_order_makes_a_difference(void **state) {
    (void)state;
    assert_int_equal(keys_init(), STATUS_OK);
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        struct trial trial;
        struct outcome expected = {.text = NULL};
        trial_begin(&trial, seed);
        for (uint64_t order = 0; order < order_count; order++)
            one_order(&trial, seed, order, &expected);
        free(expected.text);
        trial_end(&trial);
    }
    assert_int_equal(differences, 0);
}

int main(int argc, char **argv) {
    uint64_t *const numbers[] = {&first_seed, &seed_count, &order_count, &entry_count};
    for (int i = 1; i < argc && i <= 4; i++)
        *numbers[i - 1] = strtoull(argv[i], NULL, 10);
    if (access("/dev/shm", W_OK) == 0)
        (void)setenv("TMPDIR", "/dev/shm", 0); /* what survives a cut of the power is none of this test's business */
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_order_makes_a_difference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
