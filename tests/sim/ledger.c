/* All that was ever written, and, of every office, what it is known to hold: kept outside the nodes, from what they said. What was said to be durable must be
 * there ever after. */
#include "store/log.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

/* ---- looking up ---- */

static bool is_at(const struct written *written, const struct log_id *log, uint64_t seq) {
    return written->seq == seq && log_id_equal(&written->log, log);
}

struct written *ledger_find(struct world *world, const struct log_id *log, uint64_t seq, const struct hash *hash) {
    for (size_t i = 0; i < world->written_count; i++) {
        struct written *written = &world->ledger[i];
        if (is_at(written, log, seq) && (hash == NULL || ID_EQUAL(&written->hash, hash))) {
            return written;
        }
    }
    return NULL;
}

struct written *ledger_held(struct world *world, unsigned place, const struct log_id *log, uint64_t seq) {
    for (size_t i = 0; i < world->written_count; i++) {
        if (world->offices[place].held[i] != HOLDS_NOTHING && is_at(&world->ledger[i], log, seq)) {
            return &world->ledger[i];
        }
    }
    return NULL;
}

enum holding ledger_holds(const struct world *world, unsigned place, const struct written *written) {
    return world->offices[place].held[written - world->ledger];
}

/* ---- writing down ---- */

static void note(struct buffer *out, struct bytes bytes) {
    buffer_init(out, BODY_BYTES_MAX);
    enum status status = buffer_append(out, bytes.data, bytes.len);
    assert(status == STATUS_OK);
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
}

/* Does what the office has signed stand as its author may write it: after the entry before, under its key, once? */
static void check_new(struct world *world, unsigned place, const struct written *written, struct bytes signature) {
    const struct office *office = &world->offices[place];
    const struct header *header = world->header;
    char name[32];
    world_name(world, &written->log, name);
    if (header_verify(&world->founding, header, buffer_bytes(&written->header), signature, office->keys.signing_public) != STATUS_OK) {
        world_fail(world, "n%u signs %s:%llu, and that does not verify", place, name, (unsigned long long)written->seq);
    }
    if (written->seq > 1 && ledger_find(world, &written->log, written->seq - 1, &header->prev) == NULL) {
        world_fail(world, "%s:%llu does not follow what stands before it", name, (unsigned long long)written->seq);
    }
    if (!office->cloned && ledger_find(world, &written->log, written->seq, NULL) != NULL) {
        world_fail(world, "n%u, an honest office, signs two entries at %s:%llu", place, name, (unsigned long long)written->seq);
    }
}

static void add(struct world *world, unsigned place, const struct stored_entry *entry, bool acknowledged) {
    char name[32];
    if (world->written_count == world->written_capacity) {
        grow(world);
    }
    struct written written = {.log = entry->log, .seq = entry->seq, .hash = entry->hash, .author = place, .acknowledged = acknowledged};
    enum status status = header_decode(world->header, entry->entry.header);
    assert(status == STATUS_OK);
    body_facts_of(&written.facts, world->header);
    note(&written.header, entry->entry.header);
    note(&written.body, entry->entry.body);
    check_new(world, place, &written, entry->entry.signature);
    world->offices[place].held[world->written_count] = HOLDS_BODY;
    world->ledger[world->written_count++] = written;
    if (written.facts.cls == CLASS_CONTROL && !world->outside) {
        ram_tree_apply(&world->truth, &world->founding.association, &written.log.node, entry->entry.body);
    }
    world_hash(world, entry->hash.b, sizeof entry->hash.b);
    world_name(world, &written.log, name);
    world_trace(world, "n%u writes %s:%llu class %u, %zu bytes, %02x%02x%02x%02x", place, name, (unsigned long long)written.seq, written.facts.cls,
                entry->entry.body.len, entry->hash.b[0], entry->hash.b[1], entry->hash.b[2], entry->hash.b[3]);
}

/* Rows after `last` of the node itself: at most so many at once. */
static size_t new_rows(struct world *world, unsigned place, int64_t *rows, size_t max) {
    struct office *office = &world->offices[place];
    size_t count = 0;
    struct query query = db_query(office->store->db, "SELECT e.id FROM entry e JOIN log l ON l.id = e.log WHERE e.id > ? AND l.node = ? ORDER BY e.id");
    query_bind_int(&query, office->last_entry);
    query_bind_blob(&query, bytes_of(office->self.b, sizeof office->self.b));
    while (count < max && query_next(&query)) {
        rows[count++] = query_int(&query, 0);
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
            office->last_entry = rows[i];
            if (ledger_find(world, &entry.log, entry.seq, &entry.hash) == NULL) {
                add(world, place, &entry, acknowledged);
            }
        }
    } while (count == AT_ONCE && !world->failed);
    office_looked(world, place);
}

void ledger_persisted(struct world *world, unsigned place, const struct persist *items, size_t count) {
    uint8_t *held = world->offices[place].held;
    for (size_t i = 0; i < count; i++) {
        const struct persist *item = &items[i];
        struct written *written = NULL;
        if (item->kind == PERSIST_ENTRY) {
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

static void compare_row(struct world *world, unsigned place, const struct stored_entry *entry, int64_t body_state, bool started, uint8_t *found) {
    char name[32];
    struct written *written = ledger_find(world, &entry->log, entry->seq, &entry->hash);
    uint8_t now = body_state == BODY_HELD ? HOLDS_BODY : HOLDS_HEADER;
    world_name(world, &entry->log, name);
    if (written == NULL) {
        world_fail(world, "n%u holds %s:%llu, which nobody wrote", place, name, (unsigned long long)entry->seq);
        return;
    }
    size_t at = (size_t)(written - world->ledger);
    if (!started && world->offices[place].held[at] < now) {
        world_fail(world, "n%u holds %s:%llu, and has not said so", place, name, (unsigned long long)entry->seq);
    }
    found[at] = now;
}

static void compare_found(struct world *world, unsigned place, const uint8_t *found) {
    struct office *office = &world->offices[place];
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        char name[32];
        if (found[i] < office->held[i]) {
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
    struct query query = db_query(office->store->db, "SELECT l.node, l.kind, l.epoch, e.seq, e.hash, e.body_state FROM entry e JOIN log l ON l.id = e.log");
    while (query_next(&query)) {
        struct stored_entry entry = {.seq = (uint64_t)query_int(&query, 3)};
        query_fixed(&query, 0, entry.log.node.b, sizeof entry.log.node.b);
        entry.log.kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, entry.log.epoch.b, sizeof entry.log.epoch.b);
        query_fixed(&query, 4, entry.hash.b, sizeof entry.hash.b);
        compare_row(world, place, &entry, query_int(&query, 5), started, found);
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
