/* All that was ever written, and, of every office, what it is known to hold: kept outside the nodes, from what they said. What was said to be durable must be
 * there ever after. */
#include "store/log.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

/* ---- looking up ---- */

static uint32_t *index_of(const struct world *world, const struct log_id *log, uint64_t seq) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ seq ^ (uint64_t)log->kind << 32;
    for (size_t i = 0; i < sizeof log->node.b; i++) {
        sum = (sum ^ log->node.b[i] ^ (uint64_t)log->epoch.b[i % sizeof log->epoch.b] << 8) * UINT64_C(0x100000001b3);
    }
    return &world->index[(sum ^ sum >> 29) & (world->index_capacity - 1)];
}

/* The first entry of that log and number at or after a place in the index, from 1. */
static struct written *next_at(const struct world *world, uint32_t place, const struct log_id *log, uint64_t seq) {
    for (; place > 0; place = world->ledger[place - 1].next) {
        struct written *written = &world->ledger[place - 1];
        if (written->seq == seq && log_id_equal(&written->log, log)) {
            return written;
        }
    }
    return NULL;
}

static struct written *first_at(const struct world *world, const struct log_id *log, uint64_t seq) {
    return world->index_capacity > 0 ? next_at(world, *index_of(world, log, seq), log, seq) : NULL;
}

struct written *ledger_find(struct world *world, const struct log_id *log, uint64_t seq, const struct hash *hash) {
    struct written *written = first_at(world, log, seq);
    while (written != NULL && hash != NULL && !ID_EQUAL(&written->hash, hash)) {
        written = next_at(world, written->next, log, seq);
    }
    return written;
}

struct written *ledger_named(struct world *world, const struct ref *ref) {
    struct written *written = first_at(world, &ref->log, ref->seq);
    while (written != NULL && memcmp(written->hash.b, ref->hash.b, sizeof ref->hash.b) != 0) {
        written = next_at(world, written->next, &ref->log, ref->seq);
    }
    return written;
}

struct written *ledger_held(struct world *world, unsigned place, const struct log_id *log, uint64_t seq) {
    struct written *written = first_at(world, log, seq);
    while (written != NULL && ledger_holds(world, place, written) == HOLDS_NOTHING) {
        written = next_at(world, written->next, log, seq);
    }
    return written;
}

struct written *ledger_before(struct world *world, const struct written *written) {
    enum status status = header_decode(world->header, buffer_bytes(&written->header));
    assert(status == STATUS_OK);
    return written->seq > 1 ? ledger_find(world, &written->log, written->seq - 1, &world->header->prev) : NULL;
}

enum holding ledger_keeps(const struct world *world, unsigned place, const struct written *written) {
    return world->offices[place].held[written - world->ledger] & 3;
}

enum holding ledger_holds(const struct world *world, unsigned place, const struct written *written) {
    uint8_t held = world->offices[place].held[written - world->ledger];
    return (held & HOLDS_FALLEN) != 0 ? HOLDS_NOTHING : held;
}

/* ---- writing down ---- */

static void note(struct buffer *out, struct bytes bytes) {
    buffer_init(out, BODY_BYTES_MAX);
    enum status status = buffer_append(out, bytes.data, bytes.len);
    assert(status == STATUS_OK);
}

static void enter(struct world *world, size_t at) {
    struct written *written = &world->ledger[at];
    uint32_t *first = index_of(world, &written->log, written->seq);
    written->next = *first;
    *first = (uint32_t)at + 1;
}

static void grow(struct world *world) {
    size_t capacity = world->written_capacity == 0 ? 128 : 2 * world->written_capacity;
    world->ledger = reallocarray(world->ledger, capacity, sizeof world->ledger[0]);
    assert(world->ledger != NULL);
    for (unsigned i = 0; i < world->office_count; i++) {
        struct office *office = &world->offices[i];
        office->held = realloc(office->held, capacity + 1);
        assert(office->held != NULL);
        memset(office->held + world->written_count, HOLDS_NOTHING, capacity + 1 - world->written_count);
    }
    world->written_capacity = capacity;
    free(world->index);
    world->index_capacity = 2 * capacity;
    world->index = calloc(world->index_capacity, sizeof world->index[0]);
    assert(world->index != NULL);
    for (size_t i = 0; i < world->written_count; i++) {
        enter(world, i);
    }
}

/* Does what the office has signed stand as its author may write it: after the entry before, under its key, once? */
static void check_new(struct world *world, unsigned place, const struct written *written, struct bytes signature) {
    const struct header *header = world->header;
    const struct key *key = written->key < KEYS_MAX ? &world->keys[written->key] : NULL;
    bool recovery = written->log.kind == LOG_RECOVERY;
    char name[32];
    world_name(world, &written->log, name);
    if (key == NULL && !recovery) {
        world_fail(world, "n%u writes under a key that nobody admitted", place);
        return;
    }
    if (header_verify(&world->founding, header, buffer_bytes(&written->header), signature, recovery ? NULL : key->signing_key) != STATUS_OK) {
        world_fail(world, "n%u signs %s:%llu, and that does not verify", place, name, (unsigned long long)written->seq);
    }
    if (written->seq > 1 && ledger_find(world, &written->log, written->seq - 1, &header->prev) == NULL) {
        world_fail(world, "%s:%llu does not follow what stands before it", name, (unsigned long long)written->seq);
    }
    if (ledger_find(world, &written->log, written->seq, NULL) != NULL) {
        if (recovery || !key->stolen) {
            world_fail(world, "n%u, an honest office, signs two entries at %s:%llu", place, name, (unsigned long long)written->seq);
        }
        fork_note(world, &written->log, written->seq);
    }
}

static void add(struct world *world, unsigned place, const struct stored_entry *entry, bool acknowledged) {
    char name[32];
    if (world->written_count == world->written_capacity) {
        grow(world);
    }
    struct written written = {.log = entry->log, .seq = entry->seq, .hash = entry->hash, .author = place, .acknowledged = acknowledged};
    written.key = key_find(world, &entry->log.node);
    written.crooked = world->offices[place].kind == OFFICE_THIEF;
    enum status status = header_decode(world->header, entry->entry.header);
    assert(status == STATUS_OK);
    body_facts_of(&written.facts, world->header);
    note(&written.header, entry->entry.header);
    note(&written.body, entry->entry.body);
    check_new(world, place, &written, entry->entry.signature);
    world->offices[place].held[world->written_count] = HOLDS_BODY;
    world->ledger[world->written_count] = written;
    enter(world, world->written_count++);
    if (written.facts.cls == CLASS_CONTROL) {
        key_note(world, world->written_count - 1);
    }
    if (written.facts.cls == CLASS_CONTROL && !world->outside) {
        ram_tree_apply(&world->truth, &world->founding.association, &written.log.node, entry->entry.body);
    }
    world_hash(world, entry->hash.b, sizeof entry->hash.b);
    world_name(world, &written.log, name);
    world_trace(world, "n%u writes %s:%llu class %u, %zu bytes, %02x%02x%02x%02x", place, name, (unsigned long long)written.seq, written.facts.cls,
                entry->entry.body.len, entry->hash.b[0], entry->hash.b[1], entry->hash.b[2], entry->hash.b[3]);
}

/* Rows after `last` that nobody has taken down, of the node itself and of the recovery log; of a thief of any node, as he may have had several keys: at most so
 * many at once. */
static size_t new_rows(struct world *world, unsigned place, int64_t *rows, size_t max) {
    struct office *office = &world->offices[place];
    size_t count = 0;
    struct query query = db_query(office->store->db, "SELECT e.id, l.node, l.kind, l.epoch, e.seq, e.hash FROM entry e JOIN log l ON l.id = e.log"
                                                     " WHERE e.id > ?1 AND (l.node = ?2 OR l.kind = 3 OR ?3) ORDER BY e.id");
    query_bind_int(&query, office->last_entry);
    query_bind_blob(&query, bytes_of(office->self.b, sizeof office->self.b));
    query_bind_int(&query, office->kind == OFFICE_THIEF);
    while (count < max && query_next(&query)) {
        struct log_id log = {.kind = (uint8_t)query_int(&query, 2)};
        struct hash hash;
        query_fixed(&query, 1, log.node.b, sizeof log.node.b);
        query_fixed(&query, 3, log.epoch.b, sizeof log.epoch.b);
        query_fixed(&query, 5, hash.b, sizeof hash.b);
        office->last_entry = query_int(&query, 0);
        if (ledger_find(world, &log, (uint64_t)query_int(&query, 4), &hash) == NULL) {
            rows[count++] = office->last_entry;
        }
    }
    enum status status = query_end(&query);
    if (status != STATUS_OK) {
        world_fail(world, "n%u cannot list its entries: %s", place, status_name(status));
    }
    return status == STATUS_OK ? count : 0;
}

void ledger_own(struct world *world, unsigned place, bool acknowledged) {
    enum { AT_ONCE = 64 };
    struct office *office = &world->offices[place];
    int64_t rows[AT_ONCE];
    size_t count;
    if (office->kind == OFFICE_THIEF) {
        office->last_entry = 0; /* whose rows may be numbered anew at any time */
    }
    office_look(world, place);
    do {
        count = new_rows(world, place, rows, AT_ONCE);
        for (size_t i = 0; i < count && !world->failed; i++) {
            struct stored_entry entry;
            enum status status = log_read(office->store, rows[i], &entry, NULL);
            if (status != STATUS_OK) {
                world_fail(world, "n%u cannot read what it wrote: %s", place, status_name(status));
                break;
            }
            add(world, place, &entry, acknowledged);
        }
    } while (count == AT_ONCE && !world->failed);
    office_looked(world, place);
}

void ledger_give_up(struct world *world, unsigned place, unsigned heir) {
    for (size_t i = 0; i < world->written_count; i++) {
        struct written *written = &world->ledger[i];
        if (written->author == place && ledger_keeps(world, heir, written) < HOLDS_BODY) {
            written->lost = written->lost || ledger_keeps(world, heir, written) == HOLDS_NOTHING;
            written->body_lost = true;
        }
    }
}

struct written *ledger_stolen(struct world *world, const struct persist *item) {
    unsigned key = key_find(world, &item->log.node), thief = 0;
    while (thief < world->office_count && world->offices[thief].kind != OFFICE_THIEF) {
        thief++;
    }
    if (key == KEYS_MAX || !world->keys[key].stolen || thief == world->office_count || header_decode(world->header, item->entry.header) != STATUS_OK) {
        return NULL;
    }
    const struct stored_entry entry = {.log = item->log, .seq = item->seq, .hash = item->hash, .entry = item->entry};
    add(world, thief, &entry, false);
    return ledger_find(world, &item->log, item->seq, &item->hash);
}

void ledger_persisted(struct world *world, unsigned place, const struct persist *items, size_t count) {
    uint8_t *held = world->offices[place].held;
    for (size_t i = 0; i < count; i++) {
        const struct persist *item = &items[i];
        struct written *written = NULL;
        if (fork_find(world, &item->log) != NULL) {
            world->offices[place].unsure = true; /* it may go beside: ledger_follow looks */
        } else if (item->kind == PERSIST_ENTRY) {
            written = ledger_find(world, &item->log, item->seq, &item->hash);
        } else if (item->kind == PERSIST_BODY) {
            written = ledger_held(world, place, &item->log, item->seq);
        }
        if (written != NULL) {
            uint8_t now = item->kind == PERSIST_BODY || item->entry.salt.len > 0 ? HOLDS_BODY : HOLDS_HEADER;
            uint8_t *before = &held[written - world->ledger];
            *before = *before > now ? *before : now;
        }
    }
}

/* ---- comparing ---- */

/* A row of a store. */
struct row {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    int64_t body_state;
    bool fallen;
};

static void compare_row(struct world *world, unsigned place, const struct row *entry, bool started, uint8_t *found) {
    char name[32];
    struct written *written = ledger_find(world, &entry->log, entry->seq, &entry->hash);
    uint8_t now = entry->body_state == BODY_HELD ? HOLDS_BODY : HOLDS_HEADER;
    world_name(world, &entry->log, name);
    if (written == NULL) {
        world_fail(world, "n%u holds %s:%llu, which nobody wrote", place, name, (unsigned long long)entry->seq);
        return;
    }
    size_t at = (size_t)(written - world->ledger);
    if (!started && ledger_keeps(world, place, written) < now) {
        world_fail(world, "n%u holds %s:%llu, and has not said so", place, name, (unsigned long long)entry->seq);
    }
    found[at] = now | (entry->fallen ? HOLDS_FALLEN : 0);
    if (entry->fallen) {
        world_happened(world, EVENT_FALLEN);
    }
}

static void compare_found(struct world *world, unsigned place, const uint8_t *found) {
    struct office *office = &world->offices[place];
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        char name[32];
        if ((found[i] & 3) < (office->held[i] & 3)) {
            world_name(world, &written->log, name);
            world_fail(world, "n%u has lost %s:%llu%s, which was durable", place, name, (unsigned long long)written->seq,
                       found[i] == HOLDS_NOTHING ? "" : "'s body");
            return;
        }
    }
}

void ledger_compare(struct world *world, unsigned place, bool started) {
    struct office *office = &world->offices[place];
    if (started) { /* what a power cut left undecided is decided now */
        office->last_entry = 0;
        ledger_own(world, place, false);
    }
    office_look(world, place);
    uint8_t *found = calloc(world->written_capacity + 1, 1);
    assert(found != NULL);
    struct query query =
        db_query(office->store->db, "SELECT l.node, l.kind, l.epoch, e.seq, e.hash, e.body_state, 0 FROM entry e JOIN log l ON l.id = e.log"
                                    " UNION ALL SELECT l.node, l.kind, l.epoch, f.seq, f.hash, f.body_state, 1 FROM fallen f JOIN log l ON l.id = f.log");
    while (query_next(&query)) {
        struct row entry = {.seq = (uint64_t)query_int(&query, 3), .body_state = query_int(&query, 5), .fallen = query_int(&query, 6) != 0};
        query_fixed(&query, 0, entry.log.node.b, sizeof entry.log.node.b);
        entry.log.kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, entry.log.epoch.b, sizeof entry.log.epoch.b);
        query_fixed(&query, 4, entry.hash.b, sizeof entry.hash.b);
        compare_row(world, place, &entry, started, found);
    }
    enum status status = query_end(&query);
    if (status != STATUS_OK) {
        world_fail(world, "n%u cannot read its entries: %s", place, status_name(status));
    } else {
        compare_found(world, place, found);
        memcpy(office->held, found, world->written_count);
    }
    free(found);
    office_looked(world, place);
}

/* What has fallen there, as a number that changes with it. */
static int64_t fallen_in(struct world *world, unsigned place) {
    int64_t sum = 0;
    office_look(world, place);
    struct query query = db_query(world->offices[place].store->db, "SELECT count(*), coalesce(sum(rowid), 0) FROM fallen");
    if (query_next(&query)) {
        sum = query_int(&query, 0) * 1000003 + query_int(&query, 1);
    }
    if (query_end(&query) != STATUS_OK) {
        world_fail(world, "n%u cannot say what fell", place);
    }
    office_looked(world, place);
    return sum;
}

void ledger_follow(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (world->fork_count == 0 || office->store == NULL || office->kind == OFFICE_THIEF || world->failed) {
        return;
    }
    int64_t fallen = fallen_in(world, place);
    if (fallen != office->fallen) {
        world_trace(world, "n%u: a branch makes room", place);
    }
    if (fallen != office->fallen || office->unsure) {
        office->fallen = fallen;
        office->unsure = false;
        ledger_compare(world, place, true); /* rows are numbered anew */
    }
}
