/* What must hold. The ledger knows all that was ever written and who wrote it; the tree of truth knows all units and offices at once. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

/* ---- what goes over a line ---- */

static void ship(struct side *side, const struct log_id *log, uint64_t seq, const struct hash *hash, bool entry) {
    if (side->shipped_count == side->shipped_capacity) {
        side->shipped_capacity = side->shipped_capacity == 0 ? 64 : 2 * side->shipped_capacity;
        side->shipped = reallocarray(side->shipped, side->shipped_capacity, sizeof side->shipped[0]);
        assert(side->shipped != NULL);
    }
    side->shipped[side->shipped_count++] = (struct shipped){.mark = side->sent, .log = *log, .seq = seq, .hash = *hash, .entry = entry};
}

static void check_item(struct world *world, struct side *from, unsigned to, const struct item *item) {
    const struct unit_id *unit = world_unit(world, to);
    struct written *written;
    char name[32];
    if (item->kind == ITEM_PART) {
        const struct ram_entry *held = ram_replica_entry(&world->offices[from->office].ram, &item->log, item->seq);
        written = held != NULL ? world_written(world, &item->log, item->seq, &held->hash) : NULL;
        if (item->offset > 0 && (from->shipped_count == 0 || from->shipped[from->shipped_count - 1].entry)) {
            world_happened(world, EVENT_RESUME);
        }
    } else {
        struct hash hash;
        header_hash(&hash, &world->founding.association, item->entry.header);
        enum status status = header_decode(world->header, item->entry.header);
        assert(status == STATUS_OK);
        written = world_written(world, &world->header->log, world->header->seq, &hash);
    }
    if (written == NULL) {
        world_fail(world, "n%u sends an entry that nobody wrote", from->office);
        return;
    }
    world_name(world, &written->log, name);
    world_trace(world, "    %s:%llu %s%zu bytes at %u", name, (unsigned long long)written->seq, item->kind == ITEM_PART ? "part of " : "header, body of ",
                item->kind == ITEM_PART ? item->part.len : item->entry.body.len, item->offset);
    if (!ram_tree_may_hold_log(&world->truth, unit, &written->log)) {
        world_fail(world, "n%u sends %s to n%u, which may not hold it", from->office, name, to);
    }
    if ((item->kind == ITEM_PART || item->entry.salt.len > 0) && !ram_tree_may_hold_body(&world->truth, unit, &written->facts)) {
        world_fail(world, "n%u sends the body of %s:%llu to n%u, which may not hold it", from->office, name, (unsigned long long)written->seq, to);
    }
    ship(from, &written->log, written->seq, &written->hash, item->kind == ITEM_ENTRY);
}

static void check_entries(struct world *world, struct side *from, unsigned to, struct bytes message) {
    struct entries entries;
    struct item item;
    enum status status = entries_open(&entries, message);
    assert(status == STATUS_OK);
    while (entries_next(&entries, &item)) {
        check_item(world, from, to, &item);
    }
    if (message.len > world->offices[to].message_max && entries.count > 1) {
        world_fail(world, "n%u sends %zu bytes to n%u, which wants %u", from->office, message.len, to, world->offices[to].message_max);
    }
    entries_fini(&entries);
}

static bool was_refused(const struct side *side, const struct log_id *log) {
    for (size_t i = 0; i < side->refused_count; i++) {
        if (log_id_equal(&side->refused[i], log)) {
            return true;
        }
    }
    return false;
}

/* Progress: what the other side sent up to there is held here, or was refused. */
static void check_progress(struct world *world, struct link *link, unsigned from, struct bytes message) {
    struct side *here = &link->sides[from], *other = &link->sides[1 - from];
    uint64_t bytes;
    char name[32];
    enum status status = progress_decode(&bytes, message);
    assert(status == STATUS_OK);
    size_t kept = 0;
    for (size_t i = 0; i < other->shipped_count; i++) {
        const struct shipped *shipped = &other->shipped[i];
        if (shipped->mark >= bytes || link->hostile) {
            other->shipped[kept++] = *shipped;
            continue;
        }
        const struct ram_entry *held = ram_replica_entry(&world->offices[here->office].ram, &shipped->log, shipped->seq);
        if (!was_refused(here, &shipped->log) && (held == NULL || (shipped->entry && !ID_EQUAL(&held->hash, &shipped->hash)))) {
            world_name(world, &shipped->log, name);
            world_fail(world, "n%u acknowledges %s:%llu and does not hold it", here->office, name, (unsigned long long)shipped->seq);
        }
    }
    other->shipped_count = kept;
}

static void check_refused(struct world *world, struct side *from, struct bytes message) {
    struct log_id log;
    uint64_t seq;
    unsigned reason;
    char name[32];
    enum status status = refused_decode(&log, &seq, &reason, message);
    assert(status == STATUS_OK);
    world_name(world, &log, name);
    world_trace(world, "    refuses %s:%llu for %u", name, (unsigned long long)seq, reason);
    world_happened(world, EVENT_REFUSED);
    if (was_refused(from, &log)) {
        return;
    }
    if (from->refused_count == from->refused_capacity) {
        from->refused_capacity = from->refused_capacity == 0 ? 8 : 2 * from->refused_capacity;
        from->refused = reallocarray(from->refused, from->refused_capacity, sizeof from->refused[0]);
        assert(from->refused != NULL);
    }
    from->refused[from->refused_count++] = log;
}

static void check_receipts(struct world *world, unsigned from, unsigned to, struct bytes message) {
    struct receipts receipts;
    struct signed_receipt sealed;
    struct receipt receipt;
    char name[32];
    enum status status = receipts_open(&receipts, message);
    assert(status == STATUS_OK);
    while (receipts_next(&receipts, &sealed)) {
        status = receipt_decode(&receipt, sealed.receipt);
        assert(status == STATUS_OK);
        world_name(world, &receipt.log, name);
        world_trace(world, "    receipt by %02x for %s: %llu, bodies %llu", receipt.holder.b[0], name, (unsigned long long)receipt.seq,
                    (unsigned long long)receipt.bodies);
        if (!ram_tree_may_hold_receipt(&world->truth, world_unit(world, to), &receipt.holder, &receipt.log)) {
            world_fail(world, "n%u sends a receipt to n%u, which may not hold it", from, to);
        }
    }
}

void oracle_sent(struct world *world, unsigned place, unsigned side, struct bytes message) {
    struct link *link = &world->links[place];
    struct side *from = &link->sides[side], *to = &link->sides[1 - side];
    switch (message_type(message)) {
    case MESSAGE_ENTRIES:
        check_entries(world, from, to->office, message);
        from->sent += message.len;
        break;
    case MESSAGE_RECEIPTS:
        check_receipts(world, from->office, to->office, message);
        from->sent += message.len;
        break;
    case MESSAGE_BUCKETS:
        world_happened(world, EVENT_BUCKETS);
        break;
    case MESSAGE_PROGRESS:
        check_progress(world, link, side, message);
        break;
    case MESSAGE_REFUSED:
        check_refused(world, from, message);
        break;
    default:
        break;
    }
    if (!link->hostile && from->sent - from->progressed > world->offices[to->office].window) {
        world_fail(world, "n%u has %llu bytes under way to n%u, which has room for %u", from->office, (unsigned long long)(from->sent - from->progressed),
                   to->office, world->offices[to->office].window);
    }
}

/* ---- what is made durable ---- */

static void check_persisted_entry(struct world *world, unsigned place, const struct persist *item) {
    struct ram_replica *ram = &world->offices[place].ram;
    const struct ram_entry *held = ram_replica_entry(ram, &item->log, item->seq);
    struct written *written = world_written(world, &item->log, item->seq, item->kind == PERSIST_BODY && held != NULL ? &held->hash : &item->hash);
    bool body = item->entry.salt.len > 0;
    if (written == NULL || (item->kind != PERSIST_BODY && !bytes_equal(item->entry.header, buffer_bytes(&written->header)))) {
        world_fail(world, "n%u stores an entry that its author did not write", place);
        return;
    }
    bool body_written = false;
    for (size_t i = 0; i < world->written_count && body; i++) { /* of a cloned office there may be two with one number */
        const struct written *other = &world->ledger[i];
        body_written =
            body_written || (other->seq == item->seq && log_id_equal(&other->log, &item->log) && bytes_equal(item->entry.body, buffer_bytes(&other->body)));
    }
    if (body && !body_written) {
        world_fail(world, "n%u stores a body that its author did not write", place);
    }
    if (body && !ram_tree_may_hold_body(&world->truth, &ram->replica.unit, &written->facts)) {
        world_fail(world, "n%u stores a body that it may not hold", place);
    }
}

/* It follows what is held, or what stands before it in the same transaction. */
static void check_follows(struct world *world, unsigned place, const struct persist *items, size_t at) {
    const struct persist *item = &items[at];
    bool follows = item->seq == 1 || ram_replica_entry(&world->offices[place].ram, &item->log, item->seq - 1) != NULL;
    for (size_t i = 0; i < at; i++) {
        follows = follows || (items[i].kind == PERSIST_ENTRY && items[i].seq == item->seq - 1 && log_id_equal(&items[i].log, &item->log));
    }
    if (!follows || ram_replica_entry(&world->offices[place].ram, &item->log, item->seq) != NULL) {
        world_fail(world, "n%u stores an entry that does not follow its head", place);
    }
}

static void check_persisted_receipt(struct world *world, unsigned place, const struct receipt *receipt) {
    for (unsigned i = 0; i < world->office_count; i++) {
        struct office *holder = &world->offices[i];
        if (!ID_EQUAL(&holder->ram.replica.self, &receipt->holder)) {
            continue;
        }
        /* Of a restored holder older words may still be under way. */
        const struct ram_entry *head = ram_replica_entry(&holder->ram, &receipt->log, receipt->seq);
        if (!holder->restored && head == NULL) {
            world_fail(world, "n%u has a receipt of n%u for what that does not hold", place, i);
        }
        for (uint64_t seq = 1; seq <= receipt->bodies && !holder->restored; seq++) {
            const struct ram_entry *entry = ram_replica_entry(&holder->ram, &receipt->log, seq);
            if (entry == NULL || (!entry->has_body && ram_tree_may_hold_body(&holder->ram.tree, &holder->ram.replica.unit, &entry->facts) &&
                                  entry->judged == holder->ram.tree.version && receipt->time * 1000 >= world->now)) {
                world_fail(world, "n%u has a receipt of n%u for bodies that that does not hold", place, i);
                return;
            }
        }
        return;
    }
    world_fail(world, "n%u has a receipt of nobody", place);
}

void oracle_persisted(struct world *world, unsigned office, const struct persist *items, size_t count) {
    for (size_t i = 0; i < count && !world->failed; i++) {
        if (items[i].kind == PERSIST_ENTRY || items[i].kind == PERSIST_BODY || items[i].kind == PERSIST_FORK) {
            check_persisted_entry(world, office, &items[i]);
            if (items[i].kind == PERSIST_ENTRY) {
                check_follows(world, office, items, i);
            }
        } else if (items[i].kind == PERSIST_RECEIPT) {
            check_persisted_receipt(world, office, &items[i].receipt);
        }
        if (items[i].kind == PERSIST_FORK && !world->offices[world_written(world, &items[i].log, items[i].seq, &items[i].hash)->author].cloned) {
            world_fail(world, "n%u calls an honest office a thief", office);
        }
    }
}

void oracle_whole(struct world *world) {
    for (unsigned i = 0; i < world->office_count; i++) {
        const struct ram_replica *ram = &world->offices[i].ram;
        for (size_t l = 0; l < ram->log_count; l++) {
            for (size_t e = 0; e < ram->logs[l].count; e++) {
                const struct ram_entry *entry = &ram->logs[l].entries[e];
                enum status status = header_decode(world->header, buffer_bytes(&entry->header));
                if (status != STATUS_OK || entry->seq != e + 1 || (e > 0 && !ID_EQUAL(&world->header->prev, &ram->logs[l].entries[e - 1].hash))) {
                    world_fail(world, "n%u holds a chain with a gap or a wrong link", i);
                }
            }
        }
    }
}

/* ---- the end ---- */

/* Whatever one side of a line holds and the other may hold, both hold. */
static bool closed_over(struct world *world, unsigned from, unsigned to, bool complain) {
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        const struct ram_entry *here = ram_replica_entry(&world->offices[from].ram, &written->log, written->seq);
        const struct ram_entry *there = ram_replica_entry(&world->offices[to].ram, &written->log, written->seq);
        char name[32];
        if (here == NULL || world->offices[written->author].cloned || !ram_tree_may_hold_log(&world->truth, world_unit(world, to), &written->log)) {
            continue;
        }
        bool body = here->has_body && ram_tree_may_hold_body(&world->truth, world_unit(world, to), &written->facts);
        if (there == NULL || (body && !there->has_body)) {
            if (complain) {
                world_name(world, &written->log, name);
                world_fail(world, "n%u does not give n%u %s:%llu%s", from, to, name, (unsigned long long)written->seq, there == NULL ? "" : ", its body");
            }
            return false;
        }
    }
    return true;
}

static bool nothing_lost(struct world *world) {
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        const struct ram_entry *held = ram_replica_entry(&world->offices[written->author].ram, &written->log, written->seq);
        bool forked = world->offices[written->author].cloned;
        char name[32];
        if (!forked &&
            ((held == NULL && !written->lost) || (held != NULL && !held->has_body && !written->body_lost && written->facts.reach != REACH_PRIVATE))) {
            bool body_elsewhere = false;
            for (unsigned j = 0; j < world->office_count; j++) {
                const struct ram_entry *entry = ram_replica_entry(&world->offices[j].ram, &written->log, written->seq);
                body_elsewhere = body_elsewhere || (entry != NULL && entry->has_body);
            }
            if (held == NULL || !body_elsewhere) {
                world_name(world, &written->log, name);
                world_fail(world, "%s:%llu is lost", name, (unsigned long long)written->seq);
                return false;
            }
        }
    }
    return true;
}

/* Where a restore took what a receipt had promised, or an office was cloned, two sides may differ for good. */
static bool may_differ(const struct world *world) {
    for (size_t i = 0; i < world->written_count; i++) {
        if (world->ledger[i].lost || world->ledger[i].body_lost || world->offices[world->ledger[i].author].cloned) {
            return true;
        }
    }
    return false;
}

bool oracle_converged(struct world *world, bool complain) {
    for (unsigned i = 0; i < world->link_count; i++) {
        const struct link *link = &world->links[i];
        for (unsigned side = 0; side < 2; side++) {
            bool in_step = link->up && session_in_step(link->sides[side].session);
            if (!link->up || (!in_step && !may_differ(world))) {
                if (complain) {
                    world_fail(world, "n%u is not in step with n%u (%s)", link->sides[side].office, link->sides[1 - side].office, link->up ? "up" : "down");
                }
                return false;
            }
            if (!closed_over(world, link->sides[side].office, link->sides[1 - side].office, complain)) {
                return false;
            }
        }
    }
    return nothing_lost(world);
}
