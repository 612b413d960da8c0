/* What must hold where keys are stolen, cut and replaced. Judged by the ledger and by what was said of keys in it (keys.c), and by no rule of the store: only
 * where these leave no doubt.
 *
 *   oracle_links   a fork is known on both sides of a line at the latest when it has been silent twice after both could know
 *   oracle_root    every fork is known at the root in the end
 *   oracle_trust   of one office: nobody is accused of a fork that was not; what honest people wrote is set aside for a fork or cut only where a key was stolen
 * or cut; what is pinned stands; each figure is counted or shown with a reason */
#include "store/internal.h"
#include "store/register.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

enum { SILENT_MS = 20000, STRIKES_MAX = 2 };

static void take_log(struct query *query, struct log_id *log) {
    query_fixed(query, 0, log->node.b, sizeof log->node.b);
    log->kind = (uint8_t)query_int(query, 1);
    query_fixed(query, 2, log->epoch.b, sizeof log->epoch.b);
}

static void ended(struct world *world, unsigned place, struct query *query) {
    enum status status = query_end(query);
    if (status != STATUS_OK) {
        world_fail(world, "n%u cannot be looked into: %s", place, status_name(status));
    }
}

/* ---- forks ---- */

static bool has_evidence(struct world *world, unsigned place, const struct log_id *log) {
    struct query query =
        db_query(world->offices[place].store->db,
                 "SELECT 1 FROM fork f JOIN log l ON l.id = f.log WHERE l.node = ? AND l.kind = ? AND l.epoch = ? GROUP BY f.seq HAVING count(*) > 1"
                 " UNION ALL SELECT 1 FROM fork f JOIN log l ON l.id = f.log JOIN entry e ON e.log = l.id AND e.seq = f.seq"
                 " WHERE l.node = ?1 AND l.kind = ?2 AND l.epoch = ?3 AND e.hash <> f.hash");
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(&query, log->kind);
    query_bind_blob(&query, bytes_of(log->epoch.b, sizeof log->epoch.b));
    bool any = query_next(&query);
    ended(world, place, &query);
    return any;
}

/* As far as both hold the log: it may have forked more than once. */
static bool same_branch(struct world *world, const struct fork *fork, unsigned a, unsigned b) {
    for (uint64_t seq = fork->seq;; seq++) {
        const struct written *here = ledger_held(world, a, &fork->log, seq), *there = ledger_held(world, b, &fork->log, seq);
        if (here == NULL || there == NULL || here != there) {
            return here == NULL || there == NULL;
        }
    }
}

bool oracle_open_fork(struct world *world, unsigned a, unsigned b) {
    for (size_t i = 0; i < world->fork_count; i++) {
        if (!same_branch(world, &world->forks[i], a, b)) {
            return true;
        }
    }
    return false;
}

static bool both_may_hold(const struct world *world, const struct log_id *log, unsigned a, unsigned b) {
    return ram_tree_may_hold_log(&world->truth, world_unit(world, a), log) && ram_tree_may_hold_log(&world->truth, world_unit(world, b), log);
}

/* The first fork of which one of the two can know, and one of the two does not. A key that may not stand is nobody's business for long: its logs may not be
 * exchanged any more. */
static const struct fork *untold(struct world *world, unsigned a, unsigned b) {
    for (size_t i = 0; i < world->fork_count; i++) {
        const struct fork *fork = &world->forks[i];
        unsigned key = key_find(world, &fork->log.node), inviter = key < KEYS_MAX ? world->keys[key].inviter : KEYS_MAX;
        bool sure = key < KEYS_MAX && !world->keys[key].cut && (inviter == KEYS_MAX || !key_shaken(world, inviter));
        if (!sure || !both_may_hold(world, &fork->log, a, b) || ledger_held(world, a, &fork->log, fork->seq) == NULL ||
            ledger_held(world, b, &fork->log, fork->seq) == NULL) {
            continue;
        }
        bool here = has_evidence(world, a, &fork->log), there = has_evidence(world, b, &fork->log);
        if ((here || there || !same_branch(world, fork, a, b)) && !(here && there)) {
            return fork;
        }
    }
    return NULL;
}

static bool is_silent(const struct world *world, const struct link *link) {
    const struct office *one = &world->offices[link->sides[0].office], *other = &world->offices[link->sides[1].office];
    return link->up && !link->gone && !link->hostile && !link->disk_failed && !link->stood_still && world->now - link->said_at >= SILENT_MS &&
           one->store != NULL && other->store != NULL && !one->trouble && !other->trouble;
}

void oracle_links(struct world *world) {
    for (unsigned i = 0; i < world->link_count && world->fork_count > 0 && !world->failed; i++) {
        struct link *link = &world->links[i];
        unsigned a = link->sides[0].office, b = link->sides[1].office;
        if (!is_silent(world, link)) {
            continue;
        }
        office_look(world, a);
        office_look(world, b);
        const struct fork *fork = untold(world, a, b);
        office_looked(world, a);
        office_looked(world, b);
        link->strikes = fork != NULL ? link->strikes + 1 : 0;
        if (link->strikes >= STRIKES_MAX) {
            char name[32];
            world_name(world, &fork->log, name);
            world_fail(world, "n%u and n%u are silent, and one of them does not know that %s forks at %llu", a, b, name, (unsigned long long)fork->seq);
        }
    }
}

/* A fork of which the branches, or the evidence, are with offices that have an honest way up. */
void oracle_root(struct world *world) {
    for (size_t i = 0; i < world->fork_count && !world->failed; i++) {
        const struct fork *fork = &world->forks[i];
        unsigned key = key_find(world, &fork->log.node);
        bool reason = false;
        char name[32];
        for (unsigned place = 0; place < world->office_count && !world->failed; place++) {
            if (office_serves(world, place) && ledger_held(world, place, &fork->log, fork->seq) != NULL) {
                reason = reason || has_evidence(world, place, &fork->log) || !same_branch(world, fork, place, world->root);
            }
        }
        bool sure = key < KEYS_MAX && (world->keys[key].inviter == KEYS_MAX || !key_shaken(world, world->keys[key].inviter));
        if (reason && sure && ledger_held(world, world->root, &fork->log, fork->seq) != NULL && !has_evidence(world, world->root, &fork->log)) {
            world_name(world, &fork->log, name);
            world_fail(world, "the root does not know that %s forks at %llu", name, (unsigned long long)fork->seq);
        }
    }
}

/* ---- accusations ---- */

/* What is kept as evidence is a fork that was. */
static void judge_evidence(struct world *world, unsigned place) {
    struct query query = db_query(world->offices[place].store->db, "SELECT l.node, l.kind, l.epoch, f.seq, f.hash FROM fork f JOIN log l ON l.id = f.log");
    while (query_next(&query)) {
        struct log_id log;
        struct hash hash;
        char name[32];
        take_log(&query, &log);
        query_fixed(&query, 4, hash.b, sizeof hash.b);
        uint64_t seq = (uint64_t)query_int(&query, 3);
        const struct fork *fork = fork_find(world, &log);
        if (fork == NULL || seq < fork->seq || ledger_find(world, &log, seq, &hash) == NULL) {
            world_name(world, &log, name);
            world_fail(world, "n%u accuses %s of a fork at %llu that was not", place, name, (unsigned long long)seq);
        }
    }
    ended(world, place, &query);
}

/* Nothing of those whom nobody stole from and nobody cut is set aside for a fork, a cut, or for want of an author. */
static void judge_asides(struct world *world, unsigned place) {
    struct query query =
        db_query(world->offices[place].store->db, "SELECT l.node, l.kind, l.epoch, e.seq, s.reason FROM set_aside s"
                                                  " JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log WHERE s.reason IN (302, 305, 313)");
    while (query_next(&query)) {
        struct log_id log;
        char name[32];
        take_log(&query, &log);
        unsigned key = key_find(world, &log.node);
        if (log.kind == LOG_RECOVERY || (key < KEYS_MAX && !key_shaken(world, key))) {
            world_name(world, &log, name);
            world_fail(world, "n%u sets %s:%llu aside for %s, and nobody stole or cut a key", place, name, (unsigned long long)query_int(&query, 3),
                       status_name((enum status)query_int(&query, 4)));
        }
    }
    ended(world, place, &query);
}

/* ---- pins ---- */

static bool is_before(struct world *world, const struct written *early, const struct written *late) {
    while (late != NULL && late->seq > early->seq) {
        late = ledger_before(world, late);
    }
    return late == early;
}

/* Can nobody doubt the pin: by an honest senior, and of those senior to him or of his rank nobody's key was stolen or cut, and nobody says otherwise of that
 * log? Against the others it has to hold. */
static bool is_sure(struct world *world, const struct pin *pin, const struct written *pinned) {
    const struct written *says = &world->ledger[pin->entry];
    if (says->crooked || pinned->key >= KEYS_MAX || says->key >= KEYS_MAX || key_chain_shaken(world, says->key)) {
        return false;
    }
    const struct key *senior = &world->keys[says->key], *junior = &world->keys[pinned->key];
    bool over = ID_EQUAL(&senior->unit, &junior->unit) || ram_tree_above(&world->truth, &senior->unit, &junior->unit);
    for (unsigned i = 0; i < world->key_count; i++) {
        const struct key *other = &world->keys[i];
        if (i != says->key && other->rank <= senior->rank && (other->stolen || other->cut)) {
            return false;
        }
    }
    for (size_t i = 0; i < world->pin_count; i++) {
        const struct pin *other = &world->pins[i];
        unsigned author = world->ledger[other->entry].key;
        const struct written *entry = ledger_named(world, &other->ref);
        bool weighs = log_id_equal(&other->ref.log, &pin->ref.log) && (author == KEYS_MAX || world->keys[author].rank <= senior->rank);
        if (weighs && (entry == NULL || (!is_before(world, entry, pinned) && !is_before(world, pinned, entry)))) {
            return false;
        }
    }
    bool taken_back = junior->cut && junior->cut_rank <= senior->rank; /* who pins, and who is senior to him, may cut below it */
    return over && !taken_back && senior->rank < junior->rank && !key_chain_shaken(world, junior->inviter);
}

static bool any_aside(struct world *world, unsigned place, const struct ref *ref) {
    struct query query =
        db_query(world->offices[place].store->db, "SELECT 1 FROM set_aside s JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log"
                                                  " WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq <= ? AND s.reason IN (302, 305, 313)");
    query_bind_blob(&query, bytes_of(ref->log.node.b, sizeof ref->log.node.b));
    query_bind_int(&query, ref->log.kind);
    query_bind_blob(&query, bytes_of(ref->log.epoch.b, sizeof ref->log.epoch.b));
    query_bind_int(&query, (int64_t)ref->seq);
    bool any = query_next(&query);
    ended(world, place, &query);
    return any;
}

static void judge_pins(struct world *world, unsigned place) {
    for (size_t i = 0; i < world->pin_count && !world->failed; i++) {
        const struct pin *pin = &world->pins[i];
        const struct written *pinned = ledger_named(world, &pin->ref), *held = ledger_held(world, place, &pin->ref.log, pin->ref.seq);
        char name[32];
        if (pinned == NULL || ledger_holds(world, place, &world->ledger[pin->entry]) == HOLDS_NOTHING || held == NULL || !is_sure(world, pin, pinned)) {
            continue;
        }
        world->pins_judged++;
        if (held != pinned || any_aside(world, place, &pin->ref)) {
            world_name(world, &pin->ref.log, name);
            world_fail(world, "n%u: %s:%llu is pinned, and %s", place, name, (unsigned long long)pin->ref.seq,
                       held != pinned ? "another entry stands there" : "something before it is set aside");
        }
    }
}

/* ---- figures ---- */

/* Written again by whoever has taken over, in a log that stands. */
bool oracle_again(struct world *world, const struct written *fell) {
    unsigned heir = office_heir(world, fell->author);
    for (size_t i = 0; i < world->written_count; i++) {
        const struct written *written = &world->ledger[i];
        if (written != fell && written->facts.cls == fell->facts.cls && office_heir(world, written->author) == heir &&
            bytes_equal(buffer_bytes(&written->body), buffer_bytes(&fell->body)) && ledger_holds(world, heir, written) == HOLDS_BODY) {
            return true;
        }
    }
    return false;
}

/* Its own figures are all in its logs, or were written again. */
static void judge_own(struct world *world, unsigned place) {
    for (size_t i = 0; i < world->written_count && !world->failed; i++) {
        const struct written *written = &world->ledger[i];
        bool own = !written->crooked && written->facts.cls == CLASS_RECORD && office_heir(world, written->author) == place;
        bool fell = own && ledger_holds(world, place, written) == HOLDS_NOTHING && ledger_keeps(world, place, written) == HOLDS_BODY;
        char name[32];
        if (fell && !oracle_again(world, written)) {
            world_name(world, &written->log, name);
            world_fail(world, "n%u: %s:%llu fell, and was not written again", place, name, (unsigned long long)written->seq);
        }
    }
}

/* Entries that wrote some record, as its registers have it: where there are several they stand beside, one alone is in the state. */
struct writers {
    int64_t *ids;
    size_t count, capacity;
};

static void add_writer(struct writers *writers, int64_t id) {
    if (writers->count == writers->capacity) {
        writers->capacity = writers->capacity == 0 ? 64 : 2 * writers->capacity;
        writers->ids = reallocarray(writers->ids, writers->capacity, sizeof writers->ids[0]);
        assert(writers->ids != NULL);
    }
    writers->ids[writers->count++] = id;
}

static int by_id(const void *a, const void *b) {
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static void find_writers(struct world *world, unsigned place, struct writers *out) {
    struct db *db = world->offices[place].store->db;
    *out = (struct writers){0};
    struct query query = db_query(db, "SELECT entry FROM record_write");
    while (query_next(&query)) {
        add_writer(out, query_int(&query, 0));
    }
    ended(world, place, &query);
    query = db_query(db, "SELECT state FROM record r WHERE NOT EXISTS (SELECT 1 FROM record_write w WHERE w.form = r.form AND w.period = r.period AND w.unit = "
                         "r.unit AND w.row = r.row)");
    while (query_next(&query)) {
        add_writer(out, register_only_entry(query_blob(&query, 0)));
    }
    ended(world, place, &query);
    if (out->count > 0) {
        qsort(out->ids, out->count, sizeof out->ids[0], by_id);
    }
}

/* What is applied is counted, or shown with a reason. */
static void judge_figures(struct world *world, unsigned place) {
    struct writers writers;
    find_writers(world, place, &writers);
    struct query query =
        db_query(world->offices[place].store->db,
                 "SELECT l.node, l.kind, l.epoch, e.seq, e.hash, e.id FROM entry e JOIN log l ON l.id = e.log WHERE e.body_state = 1 AND e.seq <= l.applied"
                 " AND e.id NOT IN (SELECT entry FROM set_aside)");
    while (query_next(&query)) {
        struct log_id log;
        struct hash hash;
        char name[32];
        int64_t id = query_int(&query, 5);
        take_log(&query, &log);
        query_fixed(&query, 4, hash.b, sizeof hash.b);
        const struct written *written = ledger_find(world, &log, (uint64_t)query_int(&query, 3), &hash);
        bool counted = writers.count > 0 && bsearch(&id, writers.ids, writers.count, sizeof writers.ids[0], by_id) != NULL;
        if (written != NULL && written->facts.cls == CLASS_RECORD && !counted) {
            world_name(world, &log, name);
            world_fail(world, "n%u: the figures of %s:%llu are neither counted nor set aside", place, name, (unsigned long long)written->seq);
        }
    }
    ended(world, place, &query);
    free(writers.ids);
}

void oracle_trust(struct world *world, unsigned place) {
    judge_evidence(world, place);
    judge_asides(world, place);
    judge_pins(world, place);
    judge_own(world, place);
    judge_figures(world, place);
}
