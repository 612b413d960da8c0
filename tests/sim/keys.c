/* Whose key is whose, and what was said of keys and logs by anybody: kept outside the nodes, from the entries as they were written. Nothing here asks a store
 * or judges by its rules; what it says of a key is what everybody could say who had read everything. */
#include "protocol/trust.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

/* ---- keys ---- */

unsigned key_find(const struct world *world, const struct node_id *id) {
    for (unsigned i = 0; i < world->key_count; i++) {
        if (ID_EQUAL(&world->keys[i].id, id)) {
            return i;
        }
    }
    return KEYS_MAX;
}

unsigned key_of(const struct world *world, unsigned place) {
    return key_find(world, &world->offices[place].self);
}

static void add_key(struct world *world, struct key key) {
    if (key_find(world, &key.id) == KEYS_MAX && world->key_count < KEYS_MAX) {
        world->keys[world->key_count++] = key;
    }
}

void key_found(struct world *world) {
    struct key key = {.id = world->founding.founder, .owner = 0, .inviter = KEYS_MAX, .unit = world->founding.root};
    memcpy(key.signing_key, world->founding.signing_key, sizeof key.signing_key);
    add_key(world, key);
}

void key_owned(struct world *world, unsigned place) {
    unsigned key = key_of(world, place);
    assert(key < KEYS_MAX);
    world->keys[key].owner = place;
}

static bool is_over(const struct world *world, const struct key *upper, const struct key *lower) {
    return ID_EQUAL(&upper->unit, &lower->unit) || ram_tree_above(&world->truth, &upper->unit, &lower->unit);
}

bool key_chain_shaken(const struct world *world, unsigned key) {
    for (unsigned at = key, steps = 0; at < KEYS_MAX && steps < KEYS_MAX; at = world->keys[at].inviter, steps++) {
        if (world->keys[at].cut || world->keys[at].stolen) {
            return true;
        }
    }
    return false;
}

bool key_shaken(const struct world *world, unsigned key) {
    bool shaken = key_chain_shaken(world, key);
    for (unsigned i = 0; i < world->key_count && key < KEYS_MAX && !shaken; i++) {
        const struct key *other = &world->keys[i];
        shaken = is_over(world, other, &world->keys[key]) && (other->cut || other->stolen);
    }
    return shaken;
}

/* ---- forks ---- */

struct fork *fork_find(struct world *world, const struct log_id *log) {
    for (size_t i = 0; i < world->fork_count; i++) {
        if (log_id_equal(&world->forks[i].log, log)) {
            return &world->forks[i];
        }
    }
    return NULL;
}

void fork_note(struct world *world, const struct log_id *log, uint64_t seq) {
    struct fork *fork = fork_find(world, log);
    char name[32];
    world_name(world, log, name);
    world_trace(world, "    %s forks at %llu", name, (unsigned long long)seq);
    world_happened(world, EVENT_FORK);
    world->powers = true;
    if (fork == NULL && world->fork_count < FORKS_MAX) {
        fork = &world->forks[world->fork_count++];
        *fork = (struct fork){.log = *log, .seq = seq};
    }
    if (fork != NULL && seq < fork->seq) {
        fork->seq = seq;
    }
}

/* ---- what is said ---- */

/* Of somebody who is junior to the key for certain, or has no say over its unit, it is but a request. */
static bool is_request(const struct world *world, unsigned author, unsigned key) {
    const struct key *says = &world->keys[author], *of = &world->keys[key];
    return author < KEYS_MAX && author != key && (says->rank > of->rank || !is_over(world, says, of));
}

static void cut(struct world *world, unsigned author, const struct node_id *node, const struct log_id *log) {
    unsigned key = key_find(world, node);
    if (key == KEYS_MAX || is_request(world, author, key)) {
        return;
    }
    unsigned rank = author < KEYS_MAX ? world->keys[author].rank : 0;
    world->keys[key].cut_rank = world->keys[key].cut && world->keys[key].cut_rank < rank ? world->keys[key].cut_rank : rank;
    world->keys[key].cut = true;
    for (size_t i = 0; i < world->fork_count; i++) {
        struct fork *fork = &world->forks[i];
        fork->decided = fork->decided || (log != NULL ? log_id_equal(&fork->log, log) : ID_EQUAL(&fork->log.node, node));
    }
    world_happened(world, EVENT_CUT);
}

static void pin(struct world *world, const struct ref *refs, size_t count, size_t entry) {
    for (size_t i = 0; i < count && world->pin_count < PINS_KEPT; i++) {
        world->pins[world->pin_count++] = (struct pin){.ref = refs[i], .entry = entry};
    }
    world->powers = world->powers || count > 0;
}

static void note_admission(struct world *world, const struct admission *admission, size_t entry) {
    const struct written *written = &world->ledger[entry];
    struct key key = {.owner = OFFICES_MAX, .inviter = written->key, .unit = admission->unit};
    if (!ID_EQUAL(&admission->inviter, &written->log.node)) {
        return;
    }
    key.rank = written->key < KEYS_MAX ? world->keys[written->key].rank + 2 : 1;
    admission_node_id(&key.id, &world->founding.association, admission);
    memcpy(key.signing_key, admission->signing_key, sizeof key.signing_key);
    add_key(world, key);
    pin(world, admission->pins, admission->pin_count, entry);
}

/* What is big to decode, once a run. */
struct said {
    struct admission admission;
    struct revocation revocation;
    struct fork_decision decision;
    struct refs pins;
};

static void note_change(struct world *world, const struct change *change, struct said *said, size_t entry) {
    world->powers = world->powers || change->kind == CHANGE_REVOCATION || change->kind == CHANGE_FORK_DECISION;
    const struct node_id *author = &world->ledger[entry].log.node;
    if (change->kind == CHANGE_ADMISSION && admission_decode(&said->admission, change->payload) == STATUS_OK) {
        note_admission(world, &said->admission, entry);
    } else if (change->kind == CHANGE_REVOCATION && revocation_decode(&said->revocation, change->payload) == STATUS_OK) {
        cut(world, world->ledger[entry].key, &said->revocation.node, NULL);
        if (!ID_EQUAL(&said->revocation.node, author)) {
            pin(world, said->revocation.upto.items, said->revocation.upto.count, entry);
        }
    } else if (change->kind == CHANGE_FORK_DECISION && fork_decision_decode(&said->decision, change->payload) == STATUS_OK) {
        cut(world, world->ledger[entry].key, &said->decision.keeps.log.node, &said->decision.keeps.log);
        pin(world, &said->decision.keeps, 1, entry);
    } else if (change->kind == CHANGE_PIN && pin_decode(&said->pins, change->payload) == STATUS_OK) {
        pin(world, said->pins.items, said->pins.count, entry);
        world_happened(world, EVENT_PIN);
    }
}

void key_note(struct world *world, size_t entry) {
    struct body_reader reader;
    struct change change;
    struct said *said = malloc(sizeof *said);
    assert(said != NULL);
    if (body_open(&reader, buffer_bytes(&world->ledger[entry].body), CLASS_CONTROL) == STATUS_OK) {
        while (body_next(&reader, &change)) {
            note_change(world, &change, said, entry);
        }
        (void)!body_close(&reader);
    }
    free(said);
}
