/* What must hold of all that is sent and made durable, and in the end. The ledger knows all that was ever written, who wrote it and who said that he holds it;
 * the tree of truth knows all units and offices at once. */
#include "store/internal.h"
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
        written = ledger_held(world, from->office, &item->log, item->seq);
        if (item->offset > 0 && (from->shipped_count == 0 || from->shipped[from->shipped_count - 1].entry)) {
            world_happened(world, EVENT_RESUME);
        }
    } else { /* a header, as an entry or as evidence */
        struct hash hash;
        header_hash(&hash, &world->founding.association, item->entry.header);
        enum status status = header_decode(world->header, item->entry.header);
        assert(status == STATUS_OK);
        written = ledger_find(world, &world->header->log, world->header->seq, &hash);
    }
    if (written == NULL) {
        char log[32];
        world_name(world, item->kind == ITEM_PART ? &item->log : &world->header->log, log);
        world_fail(world, "n%u sends an entry that nobody wrote, of %s", from->office, log);
        return;
    }
    world_name(world, &written->log, name);
    world_trace(world, "    %s:%llu %s%zu bytes at %u", name, (unsigned long long)written->seq, item->kind == ITEM_PART ? "part of " : "header, body of ",
                item->kind == ITEM_PART ? item->part.len : item->entry.body.len, item->offset);
    /* What shows a peer that another log is not what he takes it for may be anybody's control entries. */
    bool shown =
        world->powers && written->log.kind != LOG_REPORT && (written->facts.cls == CLASS_CONTROL || item->kind != ITEM_ENTRY || item->entry.salt.len == 0);
    if (!shown && !ram_tree_may_hold_log(&world->truth, unit, &written->log)) {
        world_fail(world, "n%u sends %s to n%u, which may not hold it", from->office, name, to);
    }
    if (!shown && (item->kind == ITEM_PART || item->entry.salt.len > 0) && !ram_tree_may_hold_body(&world->truth, unit, &written->facts)) {
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
    if (message.len > world->offices[to].message_max && entries.count > 1 && world->offices[to].kind != OFFICE_THIEF) {
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
        const struct written *held = ledger_held(world, here->office, &shipped->log, shipped->seq);
        if (!was_refused(here, &shipped->log) && fork_find(world, &shipped->log) == NULL &&
            (held == NULL || (shipped->entry && !ID_EQUAL(&held->hash, &shipped->hash)))) {
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

/* What an office says of itself is so at this moment: it is durable there, and of the bodies none is missing that it may hold and knows of. */
static void check_own_receipt(struct world *world, unsigned place, const struct receipt *receipt) {
    const struct office *office = &world->offices[place];
    const struct written *head = ledger_held(world, place, &receipt->log, receipt->seq);
    struct short_hash hash = head != NULL ? hash_short(&head->hash) : (struct short_hash){0};
    char name[32];
    world_name(world, &receipt->log, name);
    if (head == NULL || !ID_EQUAL(&hash, &receipt->hash) || receipt->bodies > receipt->seq || receipt->applied > receipt->bodies) {
        world_fail(world, "n%u promises %s:%llu, which it does not hold", place, name, (unsigned long long)receipt->seq);
    }
    for (uint64_t seq = 1; seq <= receipt->bodies && !world->failed; seq++) {
        const struct written *written = ledger_held(world, place, &receipt->log, seq);
        if (written != NULL && ledger_holds(world, place, written) == HOLDS_HEADER && ram_tree_may_hold_body(&world->truth, &office->unit, &written->facts) &&
            header_decode(world->header, buffer_bytes(&written->header)) == STATUS_OK &&
            tree_may_hold_body(office->store->tree, &office->unit, world->header)) {
            world_fail(world, "n%u promises the body of %s:%llu, which it does not hold", place, name, (unsigned long long)seq);
        }
    }
}

static void hear(struct side *side, const struct receipt *receipt) {
    if (side->heard_count == side->heard_capacity) {
        side->heard_capacity = side->heard_capacity == 0 ? 32 : 2 * side->heard_capacity;
        side->heard = reallocarray(side->heard, side->heard_capacity, sizeof side->heard[0]);
        assert(side->heard != NULL);
    }
    side->heard[side->heard_count++] = *receipt;
}

void oracle_came(struct world *world, unsigned place, unsigned side, struct bytes message) {
    struct receipts receipts;
    struct signed_receipt sealed;
    struct receipt receipt;
    if (message_type(message) == MESSAGE_HAVE) { /* says anew what is there, as it was when that left */
        world->links[place].sides[side].heard_count = 0;
    }
    if (message_type(message) != MESSAGE_RECEIPTS || receipts_open(&receipts, message) != STATUS_OK) {
        return;
    }
    while (receipts_next(&receipts, &sealed)) {
        if (receipt_decode(&receipt, sealed.receipt) == STATUS_OK) {
            hear(&world->links[place].sides[side], &receipt);
        }
    }
}

/* What came from there since it said all that is there, is known there. */
static bool is_echo(const struct side *from, const struct receipt *receipt) {
    for (size_t i = 0; i < from->heard_count; i++) {
        const struct receipt *heard = &from->heard[i];
        if (ID_EQUAL(&heard->holder, &receipt->holder) && log_id_equal(&heard->log, &receipt->log) && receipt_compare(heard, receipt) == 0) {
            return true;
        }
    }
    return false;
}

static void check_receipts(struct world *world, const struct link *link, const struct side *side, struct bytes message) {
    struct receipts receipts;
    struct signed_receipt sealed;
    struct receipt receipt;
    unsigned from = side->office, to = side == &link->sides[0] ? link->sides[1].office : link->sides[0].office;
    char name[32];
    enum status status = receipts_open(&receipts, message);
    assert(status == STATUS_OK);
    while (receipts_next(&receipts, &sealed)) {
        status = receipt_decode(&receipt, sealed.receipt);
        assert(status == STATUS_OK);
        world_name(world, &receipt.log, name);
        world_trace(world, "    receipt by %02x for %s: %llu, bodies %llu", receipt.holder.b[0], name, (unsigned long long)receipt.seq,
                    (unsigned long long)receipt.bodies);
        if (world->offices[to].kind != OFFICE_THIEF && !ram_tree_may_hold_receipt(&world->truth, world_unit(world, to), &receipt.holder, &receipt.log)) {
            world_fail(world, "n%u sends a receipt by %02x about %s to n%u, which may not hold it", from, receipt.holder.b[0], name, to);
        }
        if ((!link->hostile && is_echo(side, &receipt)) || ID_EQUAL(&receipt.holder, &world->offices[to].self)) {
            world_fail(world, "n%u tells n%u of a receipt that it has from there", from, to);
        }
        if (ID_EQUAL(&receipt.holder, &world->offices[from].self)) {
            check_own_receipt(world, from, &receipt);
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
        check_receipts(world, link, from, message);
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
    const struct written *written =
        item->kind == PERSIST_BODY ? ledger_held(world, place, &item->log, item->seq) : ledger_find(world, &item->log, item->seq, &item->hash);
    bool body = item->entry.salt.len > 0;
    if (written == NULL && item->kind != PERSIST_BODY) {
        written = ledger_stolen(world, item);
    }
    if (written == NULL && item->kind == PERSIST_BODY && fork_find(world, &item->log) != NULL) {
        written = ledger_find(world, &item->log, item->seq, NULL); /* of a branch that fell */
    }
    if (written == NULL || (item->kind != PERSIST_BODY && !bytes_equal(item->entry.header, buffer_bytes(&written->header)))) {
        char name[32];
        world_name(world, &item->log, name);
        world_fail(world, "n%u stores an entry that its author did not write: %s:%llu%s", place, name, (unsigned long long)item->seq,
                   item->kind == PERSIST_FORK   ? " as evidence"
                   : item->kind == PERSIST_BODY ? ", a body"
                                                : "");
        return;
    }
    if (!ram_tree_may_hold_log(&world->truth, world_unit(world, place), &item->log)) {
        world_fail(world, "n%u stores an entry that it may not hold", place);
    }
    bool body_written = false;
    for (size_t i = 0; i < world->written_count && body; i++) { /* of a stolen key there may be two with one number */
        const struct written *other = &world->ledger[i];
        body_written =
            body_written || (other->seq == item->seq && log_id_equal(&other->log, &item->log) && bytes_equal(item->entry.body, buffer_bytes(&other->body)));
    }
    if (body && !body_written) {
        world_fail(world, "n%u stores a body that its author did not write", place);
    }
    if (body && !ram_tree_may_hold_body(&world->truth, world_unit(world, place), &written->facts)) {
        world_fail(world, "n%u stores a body that it may not hold", place);
    }
}

/* It follows what is held, or what stands before it in the same transaction, and takes nobody's place. */
static void check_follows(struct world *world, unsigned place, const struct persist *items, size_t at) {
    const struct persist *item = &items[at];
    bool follows = item->seq == 1 || ledger_held(world, place, &item->log, item->seq - 1) != NULL;
    for (size_t i = 0; i < at; i++) {
        follows = follows || (items[i].kind == PERSIST_ENTRY && items[i].seq == item->seq - 1 && log_id_equal(&items[i].log, &item->log));
    }
    if ((!follows || ledger_held(world, place, &item->log, item->seq) != NULL) && fork_find(world, &item->log) == NULL) {
        world_fail(world, "n%u stores an entry that does not follow its head", place);
    }
}

static void check_persisted_receipt(struct world *world, unsigned place, const struct receipt *receipt) {
    unsigned key = key_find(world, &receipt->holder), owner = key < KEYS_MAX ? world->keys[key].owner : OFFICES_MAX;
    if (key == KEYS_MAX) {
        world_fail(world, "n%u has a receipt of nobody", place);
    }
    if (owner == OFFICES_MAX) {
        return; /* a key that only a thief has put into force */
    }
    const struct office *holder = &world->offices[owner];
    /* Of a restored holder older words may still be under way; of a key on two PCs nobody knows whose they are. */
    bool doubtful = holder->restored || holder->gone || world->keys[key].stolen || world->keys[key].twice || fork_find(world, &receipt->log) != NULL;
    if (!doubtful && ledger_held(world, owner, &receipt->log, receipt->seq) == NULL) {
        world_fail(world, "n%u has a receipt of n%u for what that does not hold", place, owner);
    }
}

/* Two entries at one place, each signed: evidence against its author, who has written both. */
static void check_fork(struct world *world, unsigned place, const struct persist *item) {
    const struct written *written = ledger_find(world, &item->log, item->seq, &item->hash);
    const struct fork *fork = fork_find(world, &item->log);
    if (written != NULL && (fork == NULL || item->seq < fork->seq || !world->keys[written->key].stolen)) {
        world_fail(world, "n%u calls an honest office a thief", place);
    }
    world_happened(world, EVENT_EVIDENCE);
}

void oracle_persisted(struct world *world, unsigned office, const struct persist *items, size_t count) {
    for (size_t i = 0; i < count && !world->failed; i++) {
        if (items[i].kind == PERSIST_ENTRY || items[i].kind == PERSIST_BODY || items[i].kind == PERSIST_FORK) {
            check_persisted_entry(world, office, &items[i]);
        }
        if (items[i].kind == PERSIST_ENTRY) {
            check_follows(world, office, items, i);
        } else if (items[i].kind == PERSIST_RECEIPT) {
            check_persisted_receipt(world, office, &items[i].receipt);
        } else if (items[i].kind == PERSIST_FORK) {
            check_fork(world, office, &items[i]);
        }
    }
}

/* ---- the end ---- */

/* Whatever one side of a line holds and the other may hold, both hold. */
static bool closed_over(struct world *world, unsigned from, unsigned to, bool complain) {
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        enum holding here = ledger_holds(world, from, written), there = ledger_holds(world, to, written);
        char name[32];
        /* What a cut key wrote goes to some and not to others, and of a fork each may have another branch: their digests tell whether they agree. */
        bool sure = written->log.kind == LOG_RECOVERY || (fork_find(world, &written->log) == NULL && !key_shaken(world, written->key));
        if (here == HOLDS_NOTHING || !sure || !ram_tree_may_hold_log(&world->truth, world_unit(world, to), &written->log)) {
            continue;
        }
        bool body = here == HOLDS_BODY && ram_tree_may_hold_body(&world->truth, world_unit(world, to), &written->facts);
        if (there == HOLDS_NOTHING || (body && there != HOLDS_BODY)) {
            if (complain) {
                world_name(world, &written->log, name);
                world_fail(world, "n%u does not give n%u %s:%llu%s", from, to, name, (unsigned long long)written->seq,
                           there == HOLDS_NOTHING ? "" : ", its body");
            }
            return false;
        }
    }
    return true;
}

/* What its author was told is written, is with its author; what a restore took from there, it has come by again. */
static bool nothing_lost(struct world *world, bool complain) {
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        unsigned heir = office_heir(world, written->author);
        enum holding held = ledger_keeps(world, heir, written);
        bool private = written->facts.reach == REACH_PRIVATE, nobody = written->crooked || world->offices[heir].gone;
        char name[32];
        if (nobody || written->lost || (held == HOLDS_NOTHING && oracle_again(world, written)) || held == HOLDS_BODY ||
            (held == HOLDS_HEADER && (written->body_lost || private))) {
            continue;
        }
        if (complain) {
            world_name(world, &written->log, name);
            world_fail(world, "%s:%llu is lost", name, (unsigned long long)written->seq);
        }
        return false;
    }
    return true;
}

bool oracle_may_differ(const struct world *world) {
    for (size_t i = 0; i < world->written_count; i++) {
        if (world->ledger[i].lost || world->ledger[i].body_lost) {
            return true;
        }
    }
    return false;
}

bool oracle_converged(struct world *world, bool complain) {
    for (unsigned i = 0; i < world->office_count; i++) {
        if (!world->offices[i].gone && (!world->offices[i].joined || !office_up(world, i))) {
            if (complain) {
                world_fail(world, "n%u is not there", i);
            }
            return false;
        }
    }
    for (unsigned i = 0; i < world->link_count; i++) {
        const struct link *link = &world->links[i];
        /* Of what cut keys wrote each may hold another part, and of a fork another branch: whether they agree their digests tell. */
        bool open = !link->gone && oracle_open_fork(world, link->sides[0].office, link->sides[1].office);
        for (unsigned side = 0; side < 2 && !link->gone; side++) {
            bool in_step = link->up && session_in_step(link->sides[side].session);
            if (!link->up || (!in_step && !open && !world->powers && !oracle_may_differ(world))) {
                if (complain) {
                    oracle_trace(world, link->sides[side].office, link->sides[1 - side].office);
                    world_fail(world, "n%u is not in step with n%u (%s)", link->sides[side].office, link->sides[1 - side].office, link->up ? "up" : "down");
                }
                return false;
            }
            if (!closed_over(world, link->sides[side].office, link->sides[1 - side].office, complain)) {
                return false;
            }
        }
    }
    return nothing_lost(world, complain);
}
