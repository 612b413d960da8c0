/* Random histories: the association, its logs, and how an entry comes to stand in one of them. What entries say is in audit_changes.c. */
#include "tests/sim/audit_history.h"

#include <assert.h>
#include <stdlib.h>

/* Per mille, of each entry. */
enum { NEW_EPOCH = 60, WITHOUT_CONTINUES = 300, FROM_EARLIER = 300, SEES_ALL = 450, SEES_NOTHING = 200, SEES_THE_FUTURE = 10, CRITICAL = 10, GARBLED_REF = 10 };

struct line history_line(const struct history *history, int unit) {
    struct line line = {0};
    for (int at = history->units[unit].parent; at >= 0 && line.count < LINE_UNITS_MAX; at = history->units[at].parent) {
        line.units[line.count++] = history->units[at].id;
    }
    return line;
}

/* ---- logs ---- */

static bool is_continued(const struct history *history, int log, int other) {
    for (int at = log; at >= 0; at = history->logs[at].continues) {
        if (at == other) {
            return true;
        }
    }
    return false;
}

/* The place of a new log; where there is no more room, of the one that it would have continued, if any. */
static int begin_log(struct history *history, int node, uint8_t kind, int continues) {
    if (history->log_count == HISTORY_LOGS) {
        return continues;
    }
    struct history_log *log = &history->logs[history->log_count];
    *log = (struct history_log){.id = {.node = history->nodes[node].id, .kind = kind}, .node = node, .continues = -1};
    if (kind == LOG_RECOVERY) { /* there is one, of nobody */
        log->id = (struct log_id){.kind = LOG_RECOVERY};
        return (int)history->log_count++;
    }
    random_fill(&history->random, log->id.epoch.b, sizeof log->id.epoch.b);
    if (continues >= 0 && history->logs[continues].head > 0 && !random_chance(&history->random, WITHOUT_CONTINUES)) {
        uint64_t head = history->logs[continues].head; /* a restored office continues from an earlier entry than its last */
        log->continues = continues;
        log->continues_seq = random_chance(&history->random, FROM_EARLIER) ? 1 + random_below(&history->random, head) : head;
    }
    return (int)history->log_count++;
}

/* The log that a node writes in: its newest of that kind, now and then an older one (a clone goes on), or a new one; -1: no room. */
static int choose_log(struct history *history, int node, uint8_t kind) {
    int found = -1;
    for (size_t i = 0; i < history->log_count; i++) {
        bool is_its = history->logs[i].node == node && history->logs[i].id.kind == kind;
        if (is_its && (found < 0 || !random_chance(&history->random, 150))) {
            found = (int)i;
        }
    }
    bool anew = history->entry_count > 10 && random_chance(&history->random, NEW_EPOCH) && kind != LOG_RECOVERY;
    if (found < 0 || anew) {
        found = begin_log(history, node, kind, found);
    }
    return found;
}

static const struct history_entry *entry_at(const struct history *history, int log, uint64_t seq) {
    for (size_t i = 0; i < history->entry_count; i++) {
        if ((int)history->entries[i].log == log && history->entries[i].seq == seq) {
            return &history->entries[i];
        }
    }
    abort(); /* no such entry */
}

static struct ref ref_to(const struct history *history, int log, uint64_t seq) {
    return (struct ref){.log = history->logs[log].id, .seq = seq, .hash = hash_short(&entry_at(history, log, seq)->hash)};
}

/* ---- what an entry has seen ---- */

static int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

static void add_seen(struct history *history, struct header *header, int log, bool all) {
    uint64_t head = history->logs[log].head;
    if (head == 0 || (!all && random_chance(&history->random, 500))) {
        return;
    }
    uint64_t seq = all || random_chance(&history->random, 500) ? head : 1 + random_below(&history->random, head);
    struct ref *ref = &header->seen[header->seen_count++];
    *ref = ref_to(history, log, seq);
    if (random_chance(&history->random, SEES_THE_FUTURE)) { /* nobody can know that entry's hash */
        ref->seq = head + 1 + random_below(&history->random, 3);
        random_fill(&history->random, ref->hash.b, sizeof ref->hash.b);
    } else if (random_chance(&history->random, GARBLED_REF)) {
        ref->hash.b[0] ^= 1;
    }
}

static void fill_seen(struct history *history, struct header *header, int own) {
    bool all = random_chance(&history->random, SEES_ALL);
    if (random_chance(&history->random, SEES_NOTHING)) {
        return;
    }
    for (int i = 0; i < (int)history->log_count; i++) {
        if (!is_continued(history, own, i)) {
            add_seen(history, header, i, all);
        }
    }
    qsort(header->seen, header->seen_count, sizeof *header->seen, by_ref);
}

void history_append(struct history *history, const struct history_draft *draft) {
    static const uint8_t EXTENSION[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00}; /* [[1, true, ""]] */
    if (history->entry_count == HISTORY_ENTRIES) {
        return;
    }
    int place = choose_log(history, draft->node, draft->kind);
    if (place < 0) {
        return;
    }
    struct history_log *log = &history->logs[place];
    struct history_entry *entry = &history->entries[history->entry_count];
    struct header *header = calloc(1, sizeof *header);
    assert(header != NULL);
    *entry = (struct history_entry){.log = (size_t)place, .seq = log->head + 1};
    *header = (struct header){.log = log->id,
                              .seq = entry->seq,
                              .prev = log->head_hash,
                              .cls = draft->cls,
                              .reach = draft->reach,
                              .audience_count = draft->audience_count,
                              .body_bytes = (uint32_t)draft->body.len,
                              .time = 1750000000};
    memcpy(header->audience, draft->audience, draft->audience_count * sizeof *draft->audience);
    if (entry->seq == 1 && log->continues >= 0) {
        header->has_continues = true;
        header->continues = ref_to(history, log->continues, log->continues_seq);
    }
    fill_seen(history, header, place);
    if (history->entry_count > 10 && random_chance(&history->random, CRITICAL)) {
        header->extensions = bytes_of(EXTENSION, sizeof EXTENSION);
    }
    random_fill(&history->random, entry->salt, sizeof entry->salt);
    buffer_init(&entry->header, HEADER_BYTES_MAX);
    buffer_init(&entry->body, BODY_BYTES_MAX);
    body_hash(&header->body_hash, &history->founding.association, entry->salt, draft->body);
    enum status status = buffer_append(&entry->body, draft->body.data, draft->body.len);
    status = status == STATUS_OK ? header_encode(header, &entry->header) : status;
    assert(status == STATUS_OK);
    header_hash(&entry->hash, &history->founding.association, buffer_bytes(&entry->header));
    log->head = entry->seq;
    log->head_hash = entry->hash;
    history->entry_count++;
    free(header);
}

/* ---- the association ---- */

static void found(struct history *history, uint64_t seed) {
    uint8_t seeds[2][32];
    random_init(&history->random, seed);
    random_fill(&history->random, seeds, sizeof seeds);
    enum status status = keys_from_seeds(&history->keys, seeds[0], seeds[1]);
    assert(status == STATUS_OK);
    struct founding founding = {.name = bytes_of("Hoi", 3), .practice = true};
    memcpy(founding.signing_key, history->keys.signing_public, 32);
    memcpy(founding.transport_key, history->keys.transport_public, 32);
    random_fill(&history->random, founding.nonce, sizeof founding.nonce);
    founding.recovery_threshold = founding.recovery_count = 1;
    random_fill(&history->random, founding.recovery_keys[0], sizeof founding.recovery_keys[0]);
    buffer_init(&history->statement, FOUNDING_BYTES_MAX);
    status = founding_encode(&founding, &history->statement);
    assert(status == STATUS_OK);
    status = founding_decode(&history->founding, buffer_bytes(&history->statement));
    assert(status == STATUS_OK);
    founding_sign(history->statement_signature, buffer_bytes(&history->statement), &history->keys);
    history->units[0] = (struct history_unit){.id = history->founding.root, .parent = -1};
    history->nodes[0] = (struct history_node){.id = history->founding.founder, .unit = 0, .roles = ROLE_WRITER | ROLE_STEWARD};
    history->unit_count = history->node_count = 1;
}

struct history *history_new(uint64_t seed, size_t count) {
    struct history *history = calloc(1, sizeof *history);
    assert(history != NULL);
    found(history, seed);
    history_begin(history);
    for (size_t i = 0; i < count; i++) {
        history_random_entry(history);
    }
    return history;
}

void history_free(struct history *history) {
    for (size_t i = 0; i < history->entry_count; i++) {
        buffer_fini(&history->entries[i].header);
        buffer_fini(&history->entries[i].body);
    }
    buffer_fini(&history->statement);
    free(history);
}
