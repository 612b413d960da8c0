/* What befalls keys, and what people do about it. They know their offices, and what their screens say; who is shut out gets a new key from an office above. */
#include "store/internal.h"
#include "store/trust_write.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRUST_EVERY_MS = 15000, MONTH_SECONDS = 31 * 86400, ROUND_MS = 240000, ROUNDS_MAX = 8, FROM_MAX = 16, REF_TEXT = 160 };

static bool enabled(struct world *world, enum feature fault, unsigned permille) {
    return (world->faults >> fault & 1) != 0 && random_chance(&world->fate, permille);
}

/* One of the offices whose PC runs. */
static bool some_office(struct world *world, unsigned *out) {
    unsigned first = (unsigned)random_below(&world->fate, world->office_count);
    for (unsigned i = 0; i < world->office_count; i++) {
        *out = (first + i) % (unsigned)world->office_count;
        if (office_serves(world, *out) && office_up(world, *out)) {
            return true;
        }
    }
    return false;
}

static void text_of_ref(const struct ref *ref, char out[REF_TEXT]) {
    static const char *const kinds[] = {"?", "report", "directive", "recovery"};
    char node[33], epoch[17], hash[33];
    request_hex(node, ref->log.node.b, 16);
    request_hex(epoch, ref->log.epoch.b, 8);
    request_hex(hash, ref->hash.b, 16);
    snprintf(out, REF_TEXT, "%s:%s:%s:%llu:%s", node, kinds[ref->log.kind & 3], epoch, (unsigned long long)ref->seq, hash);
}

static void ask(struct world *world, unsigned place, const char *verb, json_t *args) {
    size_t before = world->written_count;
    json_decref(office_ask(world, place, verb, args));
    if (office_up(world, place) && world->written_count > before) {
        drive_changed(world, place, OFFICES_MAX);
    }
}

/* ---- shutting out ---- */

/* The first entry of each of its logs of which people can say, after all, that it is not the office's own. */
static json_t *first_bad(struct world *world, unsigned place, unsigned key) {
    json_t *from = json_array();
    for (size_t i = 0; i < world->written_count && json_array_size(from) < FROM_MAX; i++) {
        const struct written *written = &world->ledger[i];
        bool first = written->key == key && written->crooked && ledger_holds(world, place, written) != HOLDS_NOTHING;
        for (size_t j = 0; j < world->written_count && first; j++) {
            const struct written *other = &world->ledger[j];
            first = !(other->crooked && log_id_equal(&other->log, &written->log) && other->seq < written->seq &&
                      ledger_holds(world, place, other) != HOLDS_NOTHING);
        }
        if (first) {
            char text[REF_TEXT];
            text_of_ref(&(struct ref){.log = written->log, .seq = written->seq, .hash = hash_short(&written->hash)}, text);
            json_array_append_new(from, json_string(text));
        }
    }
    return from;
}

static void shut_out(struct world *world, unsigned place, unsigned key, bool knowing) {
    char node[33];
    request_hex(node, world->keys[key].id.b, 16);
    json_t *args = json_pack("{s:s, s:s}", "node", node, "reason", "mat may");
    json_t *from = knowing ? first_bad(world, place, key) : json_array();
    if (json_array_size(from) > 0) {
        json_object_set(args, "from", from);
    }
    json_decref(from);
    ask(world, place, "node.revoke", args);
}

/* ---- forks ---- */

struct told {
    struct ref held, other;
};

/* A fork that this office's screen tells of and that nobody has decided; of several, any. */
static bool some_fork(struct world *world, unsigned place, struct told *told) {
    uint64_t seen = 0;
    office_look(world, place);
    struct query query =
        db_query(world->offices[place].store->db, "SELECT l.node, l.kind, l.epoch, f.seq, f.hash, e.hash FROM fork f JOIN log l ON l.id = f.log"
                                                  " JOIN entry e ON e.log = l.id AND e.seq = f.seq WHERE f.hash <> e.hash ORDER BY l.id, f.hash");
    while (query_next(&query)) {
        struct ref ref = {.seq = (uint64_t)query_int(&query, 3)};
        struct hash other, held;
        query_fixed(&query, 0, ref.log.node.b, sizeof ref.log.node.b);
        ref.log.kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, ref.log.epoch.b, sizeof ref.log.epoch.b);
        query_fixed(&query, 4, other.b, sizeof other.b);
        query_fixed(&query, 5, held.b, sizeof held.b);
        const struct fork *fork = fork_find(world, &ref.log);
        if (fork != NULL && !fork->decided && !ID_EQUAL(&ref.log.node, &world->offices[place].self) && random_below(&world->fate, ++seen) == 0) {
            told->held = told->other = ref;
            told->held.hash = hash_short(&held);
            told->other.hash = hash_short(&other);
        }
    }
    if (query_end(&query) != STATUS_OK) {
        world_fail(world, "n%u cannot list its forks", place);
    }
    office_looked(world, place);
    return seen > 0;
}

/* What is decided may be refused: it is somebody else's to decide. */
static bool settle(struct world *world, unsigned place) {
    struct told told;
    char text[REF_TEXT];
    if (!some_fork(world, place, &told)) {
        return false;
    }
    if (random_chance(&world->fate, 300)) {
        shut_out(world, place, key_find(world, &told.held.log.node), random_chance(&world->fate, 700));
    } else {
        text_of_ref(random_chance(&world->fate, 500) ? &told.held : &told.other, text);
        ask(world, place, "node.fork", json_pack("{s:s}", "keep", text));
    }
    return true;
}

/* ---- duels ---- */

static void revoke_whatever(struct world *world, unsigned place, unsigned key) {
    struct store *store = world->offices[place].store;
    struct revocation *revocation = calloc(1, sizeof *revocation);
    struct buffer payload;
    const struct trust_heads asked = {.node = &world->keys[key].id};
    assert(revocation != NULL);
    office_look(world, place);
    enum status status = trust_heads(store, &asked, &revocation->upto);
    office_looked(world, place);
    revocation->node = world->keys[key].id;
    buffer_init(&payload, BODY_BYTES_MAX);
    if (status == STATUS_OK && revocation_encode(revocation, &payload) == STATUS_OK) {
        thief_control(world, place, CHANGE_REVOCATION, buffer_bytes(&payload), false);
    }
    buffer_fini(&payload);
    free(revocation);
}

static void cut_lines(struct world *world, unsigned place) {
    for (unsigned i = 0; i < world->link_count; i++) {
        struct link *link = &world->links[i];
        if ((link->sides[0].office == place || link->sides[1].office == place) && !link->gone) {
            link->cut_until = world->now + random_between(&world->fate, 20000, 120000);
            if (link->up) {
                drive_drop(world, i);
            }
        }
    }
}

/* Two nodes, one above the other or of one unit, revoke one another before they hear of it: by their seniority one of them is right. */
void trust_duel(struct world *world) {
    unsigned places[2];
    if (!some_office(world, &places[0]) || !some_office(world, &places[1]) || places[0] == places[1]) {
        return;
    }
    const struct unit_id *units[2] = {world_unit(world, places[0]), world_unit(world, places[1])};
    bool related = ID_EQUAL(units[0], units[1]) || ram_tree_above(&world->truth, units[0], units[1]) || ram_tree_above(&world->truth, units[1], units[0]);
    if (!related && random_chance(&world->fate, 700)) {
        return;
    }
    world_happened(world, FAULT_DUEL);
    world_trace(world, "n%u and n%u revoke one another", places[0], places[1]);
    cut_lines(world, places[0]);
    cut_lines(world, places[1]);
    unsigned keys[2] = {key_of(world, places[0]), key_of(world, places[1])};
    for (unsigned i = 0; i < 2 && !world->failed; i++) {
        if (office_up(world, places[i]) && random_chance(&world->fate, 500)) {
            shut_out(world, places[i], keys[1 - i], false);
        }
        if (office_up(world, places[i]) && random_chance(&world->fate, 700)) {
            revoke_whatever(world, places[i], keys[1 - i]);
        }
    }
}

/* ---- from time to time ---- */

/* A month goes by on that PC: when it is idle, it pins what it has of those below. */
static void pass_month(struct world *world, unsigned place) {
    for (unsigned i = 0; i < world->office_count; i++) {
        if (!world->offices[i].joined && !world->offices[i].gone && world->offices[i].inviter == place) {
            return; /* its tokens would expire */
        }
    }
    office_idle(world, place);
    if (office_up(world, place)) {
        world->offices[place].clock_ahead += MONTH_SECONDS;
        office_idle(world, place);
    }
}

void trust_once(struct world *world) {
    unsigned place;
    if (world->calm || !world->trust) {
        return;
    }
    queue_add(world, (struct event){.kind = EVENT_TRUST}, world->now + TRUST_EVERY_MS);
    if (enabled(world, FAULT_TWIN, 25)) {
        thief_twin(world);
    }
    if (enabled(world, FAULT_THEFT, 40)) {
        thief_steal(world);
    }
    thief_once(world);
    if (enabled(world, FAULT_DUEL, 20) && !world->failed) {
        trust_duel(world);
    }
    if (enabled(world, FAULT_ROOT_LOST, 25) && !world->failed) {
        recover_root(world);
    }
    if (!world->failed && random_chance(&world->fate, 60) && some_office(world, &place)) {
        pass_month(world, place);
    }
    if (!world->failed && random_chance(&world->fate, 60) && some_office(world, &place)) {
        (void)settle(world, place);
    }
    if (!world->failed && random_chance(&world->fate, 8) && some_office(world, &place)) {
        renew_rotate(world, place);
    }
    if (!world->failed && random_chance(&world->fate, 60) && some_office(world, &place) && office_up(world, world->root) && place != world->root &&
        !renew_stands(world, place)) {
        renew_office(world, place);
    }
    renew_follow(world);
}

/* ---- in the end ---- */

/* The root decides what is left to decide, and shuts out what is stolen. */
static bool decide_all(struct world *world) {
    bool any = false;
    for (unsigned key = 0; key < world->key_count && !world->failed && office_up(world, world->root); key++) {
        struct key *stolen = &world->keys[key];
        if (stolen->stolen && !stolen->dealt_with && tree_node(world->offices[world->root].store->tree, &stolen->id) != TREE_NONE) {
            shut_out(world, world->root, key, true);
            stolen->dealt_with = any = true;
        }
    }
    size_t before = world->written_count;
    for (unsigned i = 0; i < 8 && !world->failed && office_up(world, world->root) && settle(world, world->root);) {
        i++;
    }
    return any || world->written_count > before;
}

static void tidy_all(struct world *world) {
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (!office_serves(world, i) || !office_up(world, i)) {
            continue;
        }
        size_t before = world->written_count;
        office_idle(world, i);
        if (world->written_count > before) {
            world_happened(world, EVENT_REISSUED);
        }
    }
}

void trust_mend(struct world *world) {
    thief_end(world);
    bool open = random_chance(&world->fate, 150), busy = world->trust;
    for (unsigned round = 0; busy && round < ROUNDS_MAX && !world->failed; round++) {
        renew_follow(world);
        run_until(world, world->now + ROUND_MS);
        renew_follow(world);
        if (world->failed) {
            return;
        }
        tidy_all(world);
        busy = recover_revoke(world);
        busy = (!open && decide_all(world)) || busy || round == 0;
        busy = renew_all(world) || busy;
        busy = renew_start(world) || busy;
    }
}
