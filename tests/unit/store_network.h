/* Several offices of one association with real stores, and real sessions between any two of them: what is made durable is persisted and applied, what is sent
 * arrives. */
#ifndef TESTS_UNIT_STORE_NETWORK_H
#define TESTS_UNIT_STORE_NETWORK_H

#include "store_trust.h"

#include "protocol/session.h"
#include "store/branch.h"

enum { NETWORK_OFFICES_MAX = 8, NETWORK_QUEUE_MAX = 4096, NETWORK_STEPS_MAX = 20000 };

struct network_office {
    char dir[SCRATCH_PATH];
    struct store *store;
    struct unit_id unit; /* it was admitted for */
};
struct network {
    char dir[SCRATCH_PATH];
    struct network_office offices[NETWORK_OFFICES_MAX];
    size_t count;
    uint8_t nonce;
    struct log_id root_log; /* the founder's directive log, once it has admitted somebody */
};

/* ---- offices ---- */

static inline struct store *at(struct network *network, size_t office) {
    return network->offices[office].store;
}

static inline struct line network_line(struct store *store, const struct unit_id *parent) {
    struct line line = {1, {*parent}};
    uint32_t above[LINE_UNITS_MAX];
    size_t count = tree_line(store->tree, tree_unit(store->tree, parent), TREE_TODAY, above);
    for (size_t i = 0; i < count; i++)
        line.units[line.count++] = *tree_unit_id(store->tree, above[i]);
    return line;
}

/* A node admitted by the office `inviter`: for a unit made in the same body under parent, or for one that exists. */
static inline size_t network_admit(struct network *network, size_t inviter, const struct unit_id *parent, const struct unit_id *existing) {
    struct store *by = at(network, inviter);
    struct network_office *office = &network->offices[network->count];
    struct buffer unit = offices_buffer(), admission_bytes = offices_buffer(), core = offices_buffer();
    struct node_keys keys;
    char name[16];
    const uint8_t nonce[16] = {0x42, ++network->nonce};
    assert_true(network->count < NETWORK_OFFICES_MAX);
    (void)snprintf(name, sizeof name, "office%zu", network->count);
    scratch_path(office->dir, network->dir, name);
    assert_int_equal(store_join_keys(office->dir, &keys), STATUS_OK);
    struct line line = network_line(by, existing != NULL ? existing : parent);
    if (existing != NULL) {
        line.count--;
        memmove(&line.units[0], &line.units[1], line.count * sizeof line.units[0]);
        office->unit = *existing;
    } else {
        const struct unit_change creation = {.parent = *parent, .level = (uint8_t)line.count, .name = bytes_of(name, strlen(name)), .line = line};
        assert_int_equal(unit_change_encode(&creation, &unit), STATUS_OK);
        keys_unit_id(&office->unit, &by->founding.association, nonce, 0);
    }
    struct admission *admission = calloc(1, sizeof *admission);
    assert_non_null(admission);
    admission->inviter = by->self;
    admission->unit = office->unit;
    memcpy(admission->signing_key, keys.signing_public, 32);
    memcpy(admission->transport_key, keys.transport_public, 32);
    admission->roles = ROLE_WRITER | ROLE_STEWARD;
    admission->line = line;
    assert_int_equal(admission_encode(admission, &admission_bytes), STATUS_OK);
    assert_int_equal(admission_core_encode(admission, &core), STATUS_OK);
    const struct change changes[2] = {{.kind = CHANGE_UNIT, .place = 0, .payload = buffer_bytes(&unit)},
                                      {.kind = CHANGE_ADMISSION, .place = 1, .payload = buffer_bytes(&admission_bytes)}};
    const struct stored stored = offices_control(by, nonce, existing != NULL ? &changes[1] : changes, existing != NULL ? 1 : 2);
    if (inviter == 0)
        network->root_log = stored.ref.log;
    struct token token = {.secret = {7}};
    struct joined joined = {
        .statement = bytes_of(by->founding_bytes.data, by->founding_bytes.len - 64), .core = buffer_bytes(&core), .admission = stored.ref, .line = line};
    memcpy(joined.signature, by->founding_bytes.data + by->founding_bytes.len - 64, 64);
    joined.root = stored.ref;
    const struct token_terms terms = {.association = by->founding.association, .inviter = by->self, .unit = office->unit, .root = joined.root};
    assert_int_equal(token_bond(token.bond, &token, &terms), STATUS_OK);
    assert_int_equal(store_join(office->dir, &keys, &token, &joined), STATUS_OK);
    free(admission);
    buffer_fini(&unit);
    buffer_fini(&admission_bytes);
    buffer_fini(&core);
    office->store = scratch_open(office->dir);
    return network->count++;
}

/* A unit made by an office under a unit, with a nonce of one's choice: the unit's id follows from that alone. */
static inline struct stored network_create(struct network *network, size_t by, const struct unit_id *parent, const uint8_t nonce[16]) {
    struct buffer unit = offices_buffer();
    const struct line line = network_line(at(network, by), parent);
    const struct unit_change creation = {.parent = *parent, .level = (uint8_t)line.count, .name = bytes_of("đơn vị", strlen("đơn vị")), .line = line};
    assert_int_equal(unit_change_encode(&creation, &unit), STATUS_OK);
    const struct change change = {.kind = CHANGE_UNIT, .payload = buffer_bytes(&unit)};
    struct stored stored = offices_control(at(network, by), nonce, &change, 1);
    buffer_fini(&unit);
    return stored;
}

static inline size_t network_add(struct network *network, size_t inviter, size_t parent) {
    return network_admit(network, inviter, &network->offices[parent].unit, NULL);
}

static inline int network_setup(void **state) {
    struct network *network = calloc(1, sizeof *network);
    assert_non_null(network);
    assert_int_equal(keys_init(), STATUS_OK);
    scratch_make(network->dir);
    struct network_office *root = &network->offices[network->count++];
    scratch_path(root->dir, network->dir, "root");
    scratch_found(root->dir);
    root->store = scratch_open(root->dir);
    root->unit = root->store->unit;
    *state = network;
    return 0;
}

static inline int network_teardown(void **state) {
    struct network *network = *state;
    for (size_t i = 0; i < network->count; i++)
        store_close(network->offices[i].store);
    scratch_remove(network->dir);
    free(network);
    return 0;
}

/* The heads of all directive logs of others, as what has been seen. */
static inline size_t network_seen(struct store *store, struct ref *out, size_t max) {
    struct query query =
        db_query(store->db, "SELECT node, epoch, head_seq, head_hash FROM log WHERE kind = 2 AND node != ? AND head_seq > 0 ORDER BY node, epoch");
    size_t count = 0;
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    while (query_next(&query)) {
        struct hash hash;
        assert_true(count < max);
        out[count] = (struct ref){.log = {.kind = LOG_DIRECTIVE}, .seq = (uint64_t)query_int(&query, 2)};
        query_fixed(&query, 0, out[count].log.node.b, sizeof out[count].log.node.b);
        query_fixed(&query, 1, out[count].log.epoch.b, sizeof out[count].log.epoch.b);
        query_fixed(&query, 3, hash.b, sizeof hash.b);
        out[count++].hash = hash_short(&hash);
    }
    assert_int_equal(query_end(&query), STATUS_OK);
    return count;
}

/* A move of a unit, from below one unit to below another, as the office sees both. */
static inline struct stored network_move(struct network *network, size_t by, const struct unit_id *unit, const struct unit_id *from, const struct unit_id *to) {
    struct buffer payload = offices_buffer();
    struct placing *placing = calloc(1, sizeof *placing);
    const uint8_t nonce[16] = {0x43, ++network->nonce};
    assert_non_null(placing);
    *placing = (struct placing){.unit = *unit, .line = network_line(at(network, by), to), .former = network_line(at(network, by), from)};
    assert_int_equal(placing_encode(placing, CHANGE_MOVE, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_MOVE, .payload = buffer_bytes(&payload)};
    struct ref seen[2 * NETWORK_OFFICES_MAX];
    struct buffer body = offices_buffer();
    struct stored stored;
    assert_int_equal(body_encode(&body, nonce, &change, 1), STATUS_OK);
    struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .seen = seen, .body = buffer_bytes(&body)};
    draft.seen_count = network_seen(at(network, by), seen, sizeof seen / sizeof seen[0]);
    assert_int_equal(store_begin(at(network, by)), STATUS_OK);
    assert_int_equal(log_append(at(network, by), &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(at(network, by)), STATUS_OK);
    assert_int_equal(store_commit(at(network, by)), STATUS_OK);
    buffer_fini(&body);
    buffer_fini(&payload);
    free(placing);
    return stored;
}

/* All that the founder has said reaches an office, as if on a stick. */
static inline void network_tell(struct network *network, size_t to);

/* ---- a link ---- */

struct network_link {
    struct store *stores[2];
    struct session *session[2];
    struct buffer *queue[2];
    size_t first[2], count[2];
    int64_t now, wait[2];
    size_t to_carry; /* entries messages that arrive yet; then the line is dead */
    size_t messages, bytes;
    bool closed;
};

static inline void network_step(struct network_link *link, unsigned side, struct session_event event) {
    struct session_output output;
    event.now_ms = link->now;
    session_step(link->session[side], &event, &output);
    while (output.persist_count > 0) {
        enum status status = store_persist(link->stores[side], output.persist, output.persist_count);
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(link->stores[side]->apply_status, STATUS_OK);
        session_step(link->session[side], &(struct session_event){.kind = SESSION_PERSISTED, .now_ms = link->now, .status = status}, &output);
    }
    for (size_t i = 0; i < output.send_count; i++) {
        struct buffer *message = &link->queue[1 - side][link->count[1 - side]++];
        assert_true(link->count[1 - side] < NETWORK_QUEUE_MAX);
        buffer_init(message, MESSAGE_BYTES_MAX);
        assert_int_equal(buffer_append(message, output.send[i].data, output.send[i].len), STATUS_OK);
        if (getenv("NETWORK_TRACE") != NULL) {
            print_message("%lld side %u type %u len %zu\n", (long long)link->now, side, message_type(output.send[i]), output.send[i].len);
        }
        link->messages++;
        link->bytes += output.send[i].len;
    }
    link->wait[side] = output.wait_ms;
    link->closed |= output.closed;
    if (output.closed)
        assert_int_equal(output.reason, STATUS_OK);
}

static inline struct network_link *network_open(struct network *network, size_t lower, size_t upper) {
    struct network_link *link = calloc(1, sizeof *link);
    assert_non_null(link);
    link->stores[0] = at(network, lower);
    link->stores[1] = at(network, upper);
    link->to_carry = SIZE_MAX;
    for (unsigned side = 0; side < 2; side++) {
        struct session_config config = {
            .dials = side == 0, .peer = link->stores[1 - side]->self, .peer_unit = link->stores[1 - side]->unit, .incarnation = {1}};
        store_replica(link->stores[side], &config.replica);
        link->queue[side] = calloc(NETWORK_QUEUE_MAX, sizeof *link->queue[side]);
        assert_non_null(link->queue[side]);
        assert_int_equal(session_open(&link->session[side], &config), STATUS_OK);
    }
    for (unsigned side = 0; side < 2; side++)
        network_step(link, side, (struct session_event){.kind = SESSION_START});
    return link;
}

/* Until nothing is under way, and for `ms` after that. */
static inline void network_run(struct network_link *link, int64_t ms) {
    int64_t until = link->now + ms;
    for (size_t steps = 0; !link->closed; steps++) {
        bool any = false;
        assert_true(steps < NETWORK_STEPS_MAX); /* an exchange that does not end */
        for (unsigned side = 0; side < 2; side++) {
            if (link->first[side] == link->count[side])
                continue;
            any = true;
            struct buffer *message = &link->queue[side][link->first[side]++];
            if (message_type(buffer_bytes(message)) == MESSAGE_ENTRIES && link->to_carry-- == 0)
                return; /* the line is dead */
            network_step(link, side, (struct session_event){.kind = SESSION_MESSAGE, .message = buffer_bytes(message)});
            buffer_fini(message);
        }
        if (any)
            continue;
        int64_t next = -1;
        for (unsigned side = 0; side < 2; side++)
            next = link->wait[side] >= 0 && (next < 0 || link->wait[side] < next) ? link->wait[side] : next;
        if (next < 0 || link->now + next > until)
            return;
        link->now += next > 0 ? next : 1;
        for (unsigned side = 0; side < 2; side++)
            network_step(link, side, (struct session_event){.kind = SESSION_TICK});
    }
}

/* Something was written at one side outside the session. */
static inline void network_changed(struct network_link *link, unsigned side) {
    network_step(link, side, (struct session_event){.kind = SESSION_CHANGED});
    network_run(link, 60 * 1000);
}

static inline bool network_in_step(const struct network_link *link) {
    return !link->closed && session_in_step(link->session[0]) && session_in_step(link->session[1]);
}

static inline void network_close(struct network_link *link) {
    for (unsigned side = 0; side < 2; side++) {
        session_free(link->session[side]);
        for (size_t i = 0; i < link->count[side]; i++)
            buffer_fini(&link->queue[side][i]);
        free(link->queue[side]);
    }
    free(link);
}

/* One whole exchange over a new link; true: in step at its end. */
static inline bool network_sync(struct network *network, size_t lower, size_t upper) {
    struct network_link *link = network_open(network, lower, upper);
    network_run(link, 60 * 1000);
    bool in_step = network_in_step(link);
    network_close(link);
    return in_step;
}

/* ---- why not ---- */

static inline bool network_show_head(void *arg, const struct log_head *head) {
    struct network *network = ((void **)arg)[0];
    const char *who = ((const void **)arg)[1];
    size_t author = 0;
    while (author < network->count && !ID_EQUAL(&at(network, author)->self, &head->log.node))
        author++;
    print_message("%s: log of %zu, kind %u, epoch %02x: %llu %02x%02x, fork %llu\n", who, author, head->log.kind, head->log.epoch.b[0],
                  (unsigned long long)head->seq, head->hash.b[0], head->hash.b[1], (unsigned long long)head->fork.seq);
    return true;
}

/* For people: what each of two sides thinks that both may hold. */
static inline void network_explain(struct network *network, size_t lower, size_t upper) {
    const size_t sides[2] = {lower, upper};
    for (unsigned side = 0; side < 2; side++) {
        struct replica replica;
        void *arg[2] = {network, side == 0 ? "lower" : "upper"};
        store_replica(at(network, sides[side]), &replica);
        (void)!replica.ops->each_shared_log(replica.ctx, &at(network, sides[1 - side])->unit, 0, network_show_head, arg);
        const struct tree *tree = at(network, sides[side])->tree;
        for (size_t i = 0; i < network->count; i++) {
            uint32_t unit = tree_unit(tree, &network->offices[i].unit), above = unit == TREE_NONE ? TREE_NONE : tree_parent(tree, unit, TREE_TODAY);
            size_t parent = 0;
            while (above != TREE_NONE && parent < network->count && !ID_EQUAL(tree_unit_id(tree, above), &network->offices[parent].unit))
                parent++;
            print_message("%s: unit of %zu under %zd\n", side == 0 ? "lower" : "upper", i, above == TREE_NONE ? (ssize_t)-1 : (ssize_t)parent);
        }
    }
}

/* ---- what they hold ---- */

static inline uint64_t network_head(struct network *network, size_t office, const struct log_id *log) {
    struct replica replica;
    struct log_head head = {.seq = 0};
    store_replica(at(network, office), &replica);
    (void)!replica.ops->head(replica.ctx, log, &head);
    return head.seq;
}

static inline void network_tell(struct network *network, size_t to) {
    const struct log_id log = network->root_log;
    for (uint64_t seq = network_head(network, to, &log) + 1; seq <= network_head(network, 0, &log); seq++)
        assert_int_equal(offices_carry(at(network, 0), at(network, to), &log, seq, true), STATUS_OK);
}

static inline bool network_holds(struct network *network, size_t office, const struct ref *ref) {
    bool holds = false;
    (void)!branch_holds(at(network, office), ref, &holds);
    return holds;
}

static inline bool network_has_body(struct network *network, size_t office, const struct log_id *log, uint64_t seq) {
    struct replica replica;
    struct entry entry;
    store_replica(at(network, office), &replica);
    return replica.ops->entry(replica.ctx, log, seq, &entry) == STATUS_OK && entry.salt.len > 0;
}

#endif
