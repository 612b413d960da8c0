/* A store of one unit to which a random history is delivered, as a session would: in any order, but each log in its own, and only what the store's views let it
 * hold. */
#ifndef TESTS_UNIT_STORE_DELIVERY_H
#define TESTS_UNIT_STORE_DELIVERY_H

#include "store_scratch.h"

#include "tests/sim/audit_history.h"

enum { ITEMS_AT_ONCE = 4 };

/* A store of one unit, which takes what its views let it hold. */
struct office {
    struct history *history;
    struct random random;
    char dir[SCRATCH_PATH];
    struct store *store;
    struct replica replica;
    int unit;
    uint64_t next[HISTORY_LOGS]; /* of each log, the seq that comes next */
    bool late;                   /* some bodies come after their headers */
};

static inline void office_open(struct office *office, const char *dir) {
    const struct history *history = office->history;
    struct node_keys keys;
    struct buffer core;
    buffer_init(&core, BODY_BYTES_MAX);
    scratch_path(office->dir, dir, "office");
    assert_int_equal(store_join_keys(office->dir, &keys), STATUS_OK);
    struct admission *admission = calloc(1, sizeof *admission);
    assert_non_null(admission);
    admission->inviter = history->founding.founder;
    admission->unit = history->units[office->unit].id;
    memcpy(admission->signing_key, keys.signing_public, 32);
    memcpy(admission->transport_key, keys.transport_public, 32);
    admission->roles = ROLE_WRITER | ROLE_STEWARD;
    assert_int_equal(admission_core_encode(admission, &core), STATUS_OK);
    struct token token = {.secret = {7}};
    struct joined joined = {.statement = buffer_bytes(&history->statement),
                            .core = buffer_bytes(&core),
                            .admission = {.log = history->logs[0].id, .seq = 1},
                            .line = history_line(history, office->unit)};
    memcpy(joined.signature, history->statement_signature, 64);
    joined.root = joined.admission;
    const struct token_terms terms = {
        .association = history->founding.association, .inviter = admission->inviter, .unit = admission->unit, .root = joined.root};
    assert_int_equal(token_bond(token.bond, &token, &terms), STATUS_OK);
    assert_int_equal(store_join(office->dir, &keys, &token, &joined), STATUS_OK);
    office->store = scratch_open(office->dir);
    store_replica(office->store, &office->replica);
    free(admission);
    buffer_fini(&core);
}

/* ---- delivery ---- */

static inline const struct history_entry *entry_of(const struct history *history, size_t log, uint64_t seq) {
    for (size_t i = 0; i < history->entry_count; i++) {
        if (history->entries[i].log == log && history->entries[i].seq == seq) {
            return &history->entries[i];
        }
    }
    fail();
    return NULL;
}

static inline struct persist item_of(const struct history *history, const struct history_entry *entry) {
    static const uint8_t SIGNATURE[64] = {0};
    return (struct persist){
        .kind = PERSIST_ENTRY,
        .log = history->logs[entry->log].id,
        .seq = entry->seq,
        .hash = entry->hash,
        .entry = {buffer_bytes(&entry->header), bytes_of(SIGNATURE, sizeof SIGNATURE), bytes_of(entry->salt, SALT_BYTES), buffer_bytes(&entry->body)}};
}

/* As a session judges before it takes an entry: the author is known, and the views let the unit hold the log. */
static inline bool takes(const struct office *office, const struct log_id *log) {
    uint8_t key[32];
    struct unit_id unit;
    bool known = log->kind == LOG_RECOVERY || office->replica.ops->node(office->replica.ctx, &log->node, key, &unit) == STATUS_OK;
    return known && office->replica.ops->may_hold_log(office->replica.ctx, &office->replica.unit, log);
}

/* Some entries of one log, those bodies with them that may be held. */
static inline bool deliver_some(struct office *office, size_t log, struct header *header) {
    const struct history *history = office->history;
    struct persist items[ITEMS_AT_ONCE];
    size_t count = 0, wanted = 1 + random_below(&office->random, ITEMS_AT_ONCE);
    if (office->next[log] > history->logs[log].head || !takes(office, &history->logs[log].id)) {
        return false;
    }
    while (count < wanted && office->next[log] <= history->logs[log].head) {
        struct persist *item = &items[count++];
        *item = item_of(history, entry_of(history, log, office->next[log]++));
        assert_int_equal(header_decode(header, item->entry.header), STATUS_OK);
        bool may = office->replica.ops->may_hold_body(office->replica.ctx, &office->replica.unit, header);
        if (!may || (office->late && random_chance(&office->random, 200))) {
            item->entry.salt = item->entry.body = (struct bytes){0};
        }
    }
    assert_int_equal(store_persist(office->store, items, count), STATUS_OK);
    assert_int_equal(office->store->apply_status, STATUS_OK);
    return true;
}

struct missing {
    uint64_t seqs[HISTORY_ENTRIES];
    size_t count;
};

static inline bool note_gap(void *arg, uint64_t from, uint64_t to) {
    struct missing *gap = arg;
    for (uint64_t seq = from; seq <= to; seq++) {
        gap->seqs[gap->count++] = seq;
    }
    return true;
}

/* The bodies of one log that are missing, each in a transaction of its own. */
static inline bool deliver_bodies(struct office *office, size_t log) {
    struct missing gap = {.count = 0};
    if (office->next[log] == 1) {
        return false;
    }
    assert_int_equal(office->replica.ops->each_gap(office->replica.ctx, &office->history->logs[log].id, note_gap, &gap), STATUS_OK);
    for (size_t i = 0; i < gap.count; i++) {
        struct persist item = item_of(office->history, entry_of(office->history, log, gap.seqs[i]));
        item.kind = PERSIST_BODY;
        assert_int_equal(store_persist(office->store, &item, 1), STATUS_OK);
        assert_int_equal(office->store->apply_status, STATUS_OK);
    }
    return gap.count > 0;
}

static inline void deliver_all(struct office *office, bool bodies_too) {
    struct header *header = calloc(1, sizeof *header);
    bool more = true;
    assert_non_null(header);
    for (size_t log = 0; log < HISTORY_LOGS; log++) {
        office->next[log] = 1;
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < 2 * office->history->log_count; i++) {
            more |= deliver_some(office, random_below(&office->random, office->history->log_count), header);
        }
        for (size_t log = 0; log < office->history->log_count; log++) {
            more |= deliver_some(office, log, header) || (bodies_too && deliver_bodies(office, log));
        }
    }
    free(header);
}

#endif
