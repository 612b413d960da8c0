/* Random histories with revocations, pins, moves, handovers, forks, erasures and accepts among everything else, all from one seed; and how a store that has no
 * views to judge by yet is given all of one, in any order. */
#ifndef TESTS_UNIT_TRUST_TRIAL_H
#define TESTS_UNIT_TRUST_TRIAL_H

#include "store_delivery.h"

#include "protocol/trust.h"
#include "store/branch.h"
#include "store/log.h"

enum { TRIAL_FORKS = 6, TRIAL_FORK_ENTRIES = 4, TRIAL_ROUNDS = 4, TRIAL_MOVES = 32, TRIAL_LIKELY = 7, TRIAL_ITEMS = 30 };

/* Another branch of a log from seq on, signed as well: what came of a copied key. It says what the first one says, a second later. */
struct fork_entry {
    struct hash hash;
    struct buffer header;
    const struct history_entry *beside; /* whose body is its own, too */
};
struct fork {
    size_t log, count;
    uint64_t seq;
    struct fork_entry entries[TRIAL_FORK_ENTRIES];
};
struct trial {
    struct history *history;
    struct random random;
    struct fork forks[TRIAL_FORKS];
    size_t fork_count;
    struct moved {
        struct unit_id unit, parent;
    } moved[TRIAL_MOVES]; /* what somebody said to move, for those who hand it over */
    size_t moved_count;
    const struct history_entry *at[HISTORY_LOGS][HISTORY_ENTRIES + 1]; /* by log and seq */
};

static inline size_t below(struct trial *trial, size_t count) {
    return (size_t)random_below(&trial->random, count);
}

static inline struct ref ref_of(const struct trial *trial, const struct history_entry *entry) {
    return (struct ref){.log = trial->history->logs[entry->log].id, .seq = entry->seq, .hash = hash_short(&entry->hash)};
}

static const struct history_entry *any_entry(struct trial *trial) {
    return &trial->history->entries[below(trial, trial->history->entry_count)];
}

/* Now and then the other branch. */
static inline struct ref any_ref(struct trial *trial) {
    if (trial->fork_count > 0 && random_chance(&trial->random, 300)) {
        const struct fork *fork = &trial->forks[below(trial, trial->fork_count)];
        return (struct ref){.log = trial->history->logs[fork->log].id, .seq = fork->seq, .hash = hash_short(&fork->entries[0].hash)};
    }
    return ref_of(trial, any_entry(trial));
}

static inline int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

/* Some refs, ascending, one a log. */
static inline void any_refs(struct trial *trial, struct refs *out, size_t most) {
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
static inline void cut_refs(struct trial *trial, int node, struct refs *out) {
    out->count = 0;
    for (size_t i = 0; i < trial->history->log_count; i++) {
        const struct history_log *log = &trial->history->logs[i];
        if (log->node == node && log->id.kind != LOG_RECOVERY && log->head > 0 && random_chance(&trial->random, 800))
            out->items[out->count++] = ref_of(trial, entry_of(trial->history, i, 1 + random_below(&trial->random, log->head)));
    }
    qsort(out->items, out->count, sizeof *out->items, by_ref);
}

static inline struct line line_with(const struct history *history, int parent) {
    struct line rest = history_line(history, parent), line = {.count = 1, .units = {history->units[parent].id}};
    for (size_t i = 0; i < rest.count && line.count < LINE_UNITS_MAX; i++)
        line.units[line.count++] = rest.units[i];
    return line;
}

/* Mostly one of the first, which stand: those that come later are often of somebody who had no right. */
static inline int likely_unit(struct trial *trial, size_t from) {
    size_t count = trial->history->unit_count, few = count < TRIAL_LIKELY ? count : TRIAL_LIKELY;
    return (int)(from + below(trial, (random_chance(&trial->random, 700) ? few : count) - from));
}

static inline bool write_placing(struct trial *trial, uint64_t kind, struct buffer *out) {
    const struct history *history = trial->history;
    struct moved *moved = &trial->moved[trial->moved_count % TRIAL_MOVES];
    int unit = likely_unit(trial, 1), parent = likely_unit(trial, 0);
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
    if (written) {
        *moved = (struct moved){placing->unit, placing->line.units[0]};
        trial->moved_count++;
    }
    free(placing);
    return written;
}

/* One change of trust by a node; false: there was nothing to say. */
static inline bool write_change(struct trial *trial, int author, uint64_t kind, struct buffer *out) {
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
    int node = 1 + (int)below(trial, history->node_count - 1), unit = likely_unit(trial, 0);
    node = node == author && random_chance(&trial->random, 900) ? node % (int)(history->node_count - 1) + 1 : node; /* who cuts himself off says nothing more */
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
        if (trial->moved_count > 0 && random_chance(&trial->random, 800)) {
            const struct moved *moved = &trial->moved[below(trial, trial->moved_count < TRIAL_MOVES ? trial->moved_count : TRIAL_MOVES)];
            room->handover.unit = moved->unit;
            room->handover.parent = moved->parent;
        }
        room->handover.upto = *refs;
        status = handover_encode(&room->handover, out);
        break;
    case CHANGE_FORK_DECISION:
        room->decision.rival = any_ref(trial);
        room->decision.keeps = room->decision.rival;
        room->decision.keeps.hash = ref_of(trial, any_entry(trial)).hash;
        if (trial->fork_count > 0) { /* some nobody decides about */
            const struct fork *fork = &trial->forks[below(trial, trial->fork_count) / 2 * 2];
            room->decision.keeps = ref_of(trial, fork->entries[0].beside);
            room->decision.rival = (struct ref){.log = room->decision.keeps.log, .seq = fork->seq, .hash = hash_short(&fork->entries[0].hash)};
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

static inline void trust_entry(struct trial *trial) {
    static const uint64_t KINDS[] = {CHANGE_REVOCATION, CHANGE_REVOCATION, CHANGE_PIN,   CHANGE_PIN,  CHANGE_MOVE,          CHANGE_MOVE,  CHANGE_HANDOVER,
                                     CHANGE_CLOSE,      CHANGE_ERASE,      CHANGE_ERASE, CHANGE_SAME, CHANGE_FORK_DECISION, CHANGE_ACCEPT};
    struct buffer payload, body;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    uint64_t kind = KINDS[below(trial, sizeof KINDS / sizeof *KINDS)];
    /* Mostly by those above, who are heard. */
    int node = random_chance(&trial->random, 450) ? 0 : random_chance(&trial->random, 300) ? 1 : (int)below(trial, trial->history->node_count);
    if (write_change(trial, node, kind, &payload)) {
        uint8_t nonce[16];
        random_fill(&trial->random, nonce, sizeof nonce);
        const struct change change = {.kind = kind, .payload = buffer_bytes(&payload)};
        assert_int_equal(body_encode(&body, nonce, &change, 1), STATUS_OK);
        const struct history_draft draft = {.node = node, .kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
        history_append(trial->history, &draft);
    }
    buffer_fini(&payload);
    buffer_fini(&body);
}

/* ---- forks ---- */

static inline void fork_entry_make(struct trial *trial, struct fork *fork, const struct history_entry *beside) {
    struct fork_entry *made = &fork->entries[fork->count];
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    assert_int_equal(header_decode(header, buffer_bytes(&beside->header)), STATUS_OK);
    if (!header->critical_unknown) {
        *made = (struct fork_entry){.beside = beside};
        header->time++;
        if (fork->count > 0)
            header->prev = fork->entries[fork->count - 1].hash;
        buffer_init(&made->header, HEADER_BYTES_MAX);
        assert_int_equal(header_encode(header, &made->header), STATUS_OK);
        header_hash(&made->hash, &trial->history->founding.association, buffer_bytes(&made->header));
        fork->count++;
    }
    free(header);
}

static inline void add_fork(struct trial *trial) {
    const struct history_entry *beside = any_entry(trial);
    const struct history_log *log = &trial->history->logs[beside->log];
    bool taken = log->id.kind == LOG_RECOVERY || log->node == 0 || trial->fork_count == TRIAL_FORKS;
    for (size_t i = 0; i < trial->fork_count; i++)
        taken |= trial->forks[i].log == beside->log;
    if (!taken) {
        struct fork *fork = &trial->forks[trial->fork_count];
        *fork = (struct fork){.log = beside->log, .seq = beside->seq};
        fork_entry_make(trial, fork, beside);
        trial->fork_count += fork->count;
    }
}

/* ---- the whole ---- */

static inline void trial_begin(struct trial *trial, uint64_t seed, uint64_t entries) {
    *trial = (struct trial){.history = history_new(seed, 30)};
    struct history *history = trial->history;
    random_init(&trial->random, seed * 77777);
    for (uint64_t i = 0; i < 4 * entries && history->entry_count < entries; i++) {
        if (i % 60 == 20)
            add_fork(trial);
        if (random_chance(&trial->random, 250))
            trust_entry(trial);
        else
            history_random_entry(history);
    }
    for (size_t i = 0; i < history->entry_count; i++)
        trial->at[history->entries[i].log][history->entries[i].seq] = &history->entries[i];
    for (size_t i = 0; i < trial->fork_count; i++) { /* the thief goes on a little */
        struct fork *fork = &trial->forks[i];
        for (size_t made = 1; made < 1 + i % TRIAL_FORK_ENTRIES && fork->count == made && fork->seq + made <= history->logs[fork->log].head; made++)
            fork_entry_make(trial, fork, trial->at[fork->log][fork->seq + made]);
    }
}

static inline void trial_end(struct trial *trial) {
    for (size_t i = 0; i < trial->fork_count; i++) {
        for (size_t k = 0; k < trial->forks[i].count; k++)
            buffer_fini(&trial->forks[i].entries[k].header);
    }
    history_free(trial->history);
}

/* ---- given to a store ---- */

/* A branch of a log as somebody holds it: the history's own, or (fork) another one. */
struct branch_shown {
    size_t log;
    const struct fork *fork;
};

static inline uint64_t shown_head(const struct trial *trial, const struct branch_shown *branch) {
    return branch->fork != NULL ? branch->fork->seq + branch->fork->count - 1 : trial->history->logs[branch->log].head;
}

static inline struct persist shown_item(const struct trial *trial, const struct branch_shown *branch, uint64_t seq) {
    struct persist item = item_of(trial->history, trial->at[branch->log][seq]);
    if (branch->fork != NULL && seq >= branch->fork->seq) {
        const struct fork_entry *entry = &branch->fork->entries[seq - branch->fork->seq];
        item.hash = entry->hash;
        item.entry.header = buffer_bytes(&entry->header);
    }
    return item;
}

static inline void give_items(struct office *office, const struct persist *items, size_t count) {
    assert_int_equal(store_persist(office->store, items, count), STATUS_OK);
    assert_int_equal(office->store->apply_status, STATUS_OK);
}

/* How far the log is held, and the hash of the entry held at seq (zeros: none). */
static inline uint64_t held_head(struct office *office, size_t log) {
    struct log_head head = {.seq = 0};
    (void)!office->replica.ops->head(office->replica.ctx, &office->history->logs[log].id, &head);
    return head.seq;
}

static inline struct hash held_hash(struct office *office, size_t log, uint64_t seq) {
    struct entry held;
    struct hash hash = {{0}};
    if (office->replica.ops->entry(office->replica.ctx, &office->history->logs[log].id, seq, &held) == STATUS_OK)
        header_hash(&hash, &office->history->founding.association, held.header);
    return hash;
}

static inline void give_evidence(struct office *office, const struct trial *trial, const struct branch_shown *branch, uint64_t seq) {
    struct persist item = shown_item(trial, branch, seq);
    item.kind = PERSIST_FORK;
    item.entry.salt = item.entry.body = (struct bytes){0};
    give_items(office, &item, 1);
}

/* The first seq at which what is held is not the branch's entry; 0: there is none. */
static inline uint64_t parts_at(struct office *office, const struct trial *trial, const struct branch_shown *branch) {
    uint64_t head = held_head(office, branch->log), last = shown_head(trial, branch);
    for (uint64_t seq = 1; seq <= head && seq <= last; seq++) {
        const struct hash held = held_hash(office, branch->log, seq), shown = shown_item(trial, branch, seq).hash;
        if (!ID_EQUAL(&held, &shown))
            return seq;
    }
    return 0;
}

/* Whoever holds a branch shows it, as a session does: where another one is held the evidence, and as far as a pinned entry is wanted that may be on his the
 * branch beside it; then what follows what is held, if that is his own now. */
static inline void show_branch(struct office *office, const struct trial *trial, const struct branch_shown *branch) {
    uint64_t last = shown_head(trial, branch), parts = parts_at(office, trial, branch);
    struct ref wanted;
    if (parts != 0)
        give_evidence(office, trial, branch, parts);
    if (parts != 0 && tree_wanted(office->store->tree, &office->history->logs[branch->log].id, &wanted) && last >= wanted.seq) {
        for (uint64_t seq = parts; seq <= wanted.seq; seq++) {
            struct persist item = shown_item(trial, branch, seq);
            item.kind = PERSIST_BESIDE;
            item.peer.b[0] = branch->fork != NULL ? 2 : 1;
            give_items(office, &item, 1);
        }
    }
    while (held_head(office, branch->log) < last && parts_at(office, trial, branch) == 0) {
        uint64_t before = held_head(office, branch->log);
        struct persist item = shown_item(trial, branch, before + 1);
        give_items(office, &item, 1);
        if (held_head(office, branch->log) <= before)
            return;
    }
}

/* Every body that did not come with its entry. */
static inline void give_bodies(struct office *office, const struct trial *trial) {
    struct missing {
        size_t log;
        uint64_t seq;
    } *missing = calloc(HISTORY_ENTRIES + TRIAL_FORKS * TRIAL_FORK_ENTRIES, sizeof *missing);
    size_t count = 0;
    assert_non_null(missing);
    struct query query = db_query(office->store->db, "SELECT l.epoch, l.kind, e.seq FROM entry e JOIN log l ON l.id = e.log WHERE e.body_state IN (2, 3)");
    while (query_next(&query)) {
        struct epoch epoch;
        query_fixed(&query, 0, epoch.b, sizeof epoch.b);
        for (size_t log = 0; log < office->history->log_count; log++) {
            if (ID_EQUAL(&epoch, &office->history->logs[log].id.epoch) && office->history->logs[log].id.kind == query_int(&query, 1))
                missing[count++] = (struct missing){log, (uint64_t)query_int(&query, 2)};
        }
    }
    assert_int_equal(query_end(&query), STATUS_OK);
    for (size_t i = 0; i < count;) {
        struct persist items[ITEMS_AT_ONCE];
        size_t most = 1 + random_below(&office->random, ITEMS_AT_ONCE), wanted = 0;
        for (; wanted < most && i < count; wanted++, i++) {
            items[wanted] = item_of(office->history, trial->at[missing[i].log][missing[i].seq]); /* of both branches the bodies are the same */
            items[wanted].kind = PERSIST_BODY;
        }
        give_items(office, items, wanted);
    }
    free(missing);
}

/* Some entries of one log, in their order. */
static inline bool give_some(struct office *office, const struct trial *trial, size_t log) {
    struct persist items[TRIAL_ITEMS];
    size_t count = 0, most = office->late ? ITEMS_AT_ONCE : TRIAL_ITEMS, wanted = 1 + random_below(&office->random, most);
    for (; count < wanted && office->next[log] <= office->history->logs[log].head; count++) {
        items[count] = item_of(office->history, trial->at[log][office->next[log]++]);
        if (office->late && random_chance(&office->random, 200))
            items[count].entry.salt = items[count].entry.body = (struct bytes){0};
    }
    if (count > 0)
        give_items(office, items, count);
    return count > 0;
}

/* Evidence of some forks, of those whose log has come so far. */
static inline void give_some_evidence(struct office *office, const struct trial *trial, unsigned chance) {
    for (size_t i = 0; i < trial->fork_count; i++) {
        const struct branch_shown branch = {trial->forks[i].log, &trial->forks[i]};
        if (held_head(office, branch.log) >= branch.fork->seq && random_chance(&office->random, chance))
            give_evidence(office, trial, &branch, branch.fork->seq);
    }
}

/* Everything, in an order that the office's random numbers say; in the end those who hold one branch of a forked log or the other show them in turn, as a pin
 * may name either. */
static inline void give_all(struct office *office, const struct trial *trial) {
    size_t logs = office->history->log_count;
    for (size_t log = 0; log < HISTORY_LOGS; log++)
        office->next[log] = 1;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < 2 * logs; i++) {
            more |= give_some(office, trial, random_below(&office->random, logs));
            give_some_evidence(office, trial, 4);
        }
        for (size_t log = 0; log < logs; log++)
            more |= give_some(office, trial, log);
    }
    for (size_t i = 0; i < TRIAL_ROUNDS; i++) {
        for (size_t k = 0; k < trial->fork_count; k++) {
            const struct fork *fork = &trial->forks[k];
            bool first = random_chance(&office->random, 500);
            show_branch(office, trial, &(struct branch_shown){fork->log, first ? fork : NULL});
            show_branch(office, trial, &(struct branch_shown){fork->log, first ? NULL : fork});
        }
        give_bodies(office, trial);
    }
}

#endif
