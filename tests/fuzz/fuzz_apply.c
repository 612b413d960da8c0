/* Entries that lawful keys signed, whatever they say, given to two stores in two orders as a session would: both must end with the same views, nothing may be
 * wrong with them, and no entry may hold up another. */
#include "tests/fuzz/apply_world.h"
#include "tests/fuzz/fuzz.h"

enum { ROUNDS_MAX = ENTRIES_MAX + 2 };

struct receiver {
    struct store *store;
    struct replica replica;
    bool held[ENTRIES_MAX], whole[ENTRIES_MAX];
};

static struct persist item_of(const struct fuzz_entry *entry, uint8_t kind, bool body) {
    struct persist item = {.kind = kind, .log = entry->log, .seq = entry->seq, .hash = entry->hash};
    item.entry.header = buffer_bytes(&entry->header);
    item.entry.signature = bytes_of(entry->signature, sizeof entry->signature);
    if (body) {
        item.entry.salt = bytes_of(entry->salt, sizeof entry->salt);
        item.entry.body = buffer_bytes(&entry->body);
    }
    return item;
}

static void persist(struct receiver *receiver, const struct persist *item) {
    FUZZ_REQUIRE(store_persist(receiver->store, item, 1) == STATUS_OK);
    FUZZ_REQUIRE(receiver->store->apply_status == STATUS_OK);
}

/* What a session asks before it makes an entry durable: is the author known, is it next, who may hold the body. True: something was given. */
static bool offer(struct receiver *receiver, const struct apply_world *world, size_t place, bool bodies) {
    const struct fuzz_entry *entry = &world->entries[place];
    const struct replica_ops *ops = receiver->replica.ops;
    uint8_t key[32];
    struct unit_id unit;
    struct log_head head = {0};
    if (receiver->whole[place] || ops->node(receiver->replica.ctx, &entry->log.node, key, &unit) != STATUS_OK ||
        !ops->may_hold_log(receiver->replica.ctx, &receiver->replica.unit, &entry->log)) {
        return false;
    }
    FUZZ_REQUIRE(header_decode(world->header, buffer_bytes(&entry->header)) == STATUS_OK);
    bool body = (!entry->late || bodies) && ops->may_hold_body(receiver->replica.ctx, &receiver->replica.unit, world->header);
    if (receiver->held[place] && !body) {
        return false;
    }
    enum status status = ops->head(receiver->replica.ctx, &entry->log, &head);
    FUZZ_REQUIRE(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (!receiver->held[place] && (status == STATUS_OK ? head.seq : 0) + 1 != entry->seq) {
        return false;
    }
    struct persist item = item_of(entry, receiver->held[place] ? PERSIST_BODY : PERSIST_ENTRY, body);
    persist(receiver, &item);
    receiver->held[place] = true;
    receiver->whole[place] = body;
    return true;
}

/* Gives all that can be given, in order or in the reverse order of what is possible. */
static void deliver(struct receiver *receiver, const struct apply_world *world, bool backwards) {
    bool bodies = backwards; /* the one gets late bodies last, the other as soon as it can */
    for (unsigned round = 0;; round++) {
        bool any = false;
        FUZZ_REQUIRE(round < 2 * ROUNDS_MAX);
        for (size_t i = 0; i < world->entry_count; i++) {
            any = offer(receiver, world, backwards ? world->entry_count - 1 - i : i, bodies) || any;
        }
        if (!any && bodies) {
            return;
        }
        bodies = bodies || !any;
    }
}

static json_t *ask(struct store *store, const char *text) {
    const struct store_caller caller = {.uid = 0};
    json_t *request = json_loads(text, 0, NULL), *response = store_request(store, &caller, request);
    if (json_integer_value(json_object_get(response, "status")) != 0) {
        char *said = json_dumps(response, JSON_COMPACT);
        fprintf(stderr, "%s: %s\n", text, said);
        abort();
    }
    json_decref(request);
    return response;
}

/* Rivals for the last room of a bound may come out otherwise (107, docs/protocol.md 12): none of these inputs is so large. */
static void require_equal(struct receiver receivers[2]) {
    static const char *const questions[] = {"{\"do\":\"digest\"}", "{\"do\":\"unit.list\",\"args\":{}}", "{\"do\":\"form.list\",\"args\":{}}"};
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        json_t *answers[2] = {ask(receivers[0].store, questions[i]), ask(receivers[1].store, questions[i])};
        if (!json_equal(answers[0], answers[1])) {
            for (unsigned side = 0; side < 2; side++) {
                char *said = json_dumps(answers[side], JSON_COMPACT | JSON_SORT_KEYS);
                fprintf(stderr, "%s\n", said);
                free(said);
            }
            abort();
        }
        json_decref(answers[0]);
        json_decref(answers[1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const places[2] = {"/first/store", "/second/store"};
    struct bytes in = bytes_of(data, size);
    struct apply_world *world = apply_world();
    struct receiver receivers[2] = {{0}};
    while (apply_world_write(world, &in)) {}
    for (unsigned side = 0; side < 2; side++) {
        FUZZ_REQUIRE(store_open(&receivers[side].store, places[side], 0, NULL) == STATUS_OK);
        store_replica(receivers[side].store, &receivers[side].replica);
        deliver(&receivers[side], world, side == 1);
    }
    /* An author that stood for a while may have let one store take what the other was never offered. */
    if (memcmp(receivers[0].held, receivers[1].held, sizeof receivers[0].held) == 0 &&
        memcmp(receivers[0].whole, receivers[1].whole, sizeof receivers[0].whole) == 0) {
        require_equal(receivers);
    }
    for (unsigned side = 0; side < 2; side++) {
        json_decref(ask(receivers[side].store, "{\"do\":\"check\"}"));
        store_close(receivers[side].store);
    }
    return 0;
}
