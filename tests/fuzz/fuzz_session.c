/* The engine against a peer that says whatever the fuzzer says, also under its own lawful signature. The driver's duty is done over a replica in RAM; nothing
 * may be made durable that is not verified, entitled to and next in its chain, and all that the session sends must be well-formed. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/session_world.h"

enum { STEPS_MAX = 3 * ITEMS_MAX, CONTROL_CHANGES_MAX = 40 /* of one input: replicas in RAM hold few units */, RUN_MAX = 2 * ITEMS_MAX, OFFERED_MAX = 1024 };

struct play {
    struct ram_replica ours;
    struct fixture *world;
    const struct ram_replica *peer;
    struct session *session;
    struct header *header;
    int64_t now;
    bool closed, disk_full;
    size_t control_changes;
    struct log_id offered[OFFERED_MAX]; /* with a reference, by the peer */
    uint64_t offered_seq[OFFERED_MAX];
    size_t offered_count;
    struct buffer message; /* made anew */
};

/* ---- what is to be made durable ---- */

/* The head of a log, after the items of the run before `count`. */
static uint64_t head_of(struct play *play, const struct persist *items, size_t count, const struct log_id *log, struct hash *hash) {
    for (size_t i = count; i > 0; i--) {
        if (items[i - 1].kind == PERSIST_ENTRY && log_id_equal(&items[i - 1].log, log)) {
            *hash = items[i - 1].hash;
            return items[i - 1].seq;
        }
    }
    const struct ram_log *held = ram_replica_log(&play->ours, log);
    if (held == NULL || held->count == 0) {
        return 0;
    }
    *hash = held->entries[held->count - 1].hash;
    return held->entries[held->count - 1].seq;
}

/* What the views do not let this side hold it takes only of a log that was offered, and as far as that. */
static bool was_offered(const struct play *play, const struct persist *item) {
    for (size_t i = 0; i < play->offered_count; i++) {
        if (log_id_equal(&play->offered[i], &item->log) && item->seq <= play->offered_seq[i]) {
            return true;
        }
    }
    return play->offered_count == OFFERED_MAX;
}

static void note_offers(struct play *play, struct bytes message) {
    struct entries entries;
    struct item item;
    enum status status = message_type(message) == MESSAGE_ENTRIES ? entries_open(&entries, message) : STATUS_MALFORMED;
    while (status == STATUS_OK && entries_next(&entries, &item)) {
        if (item.kind == ITEM_OFFER && item.has_of && play->offered_count < OFFERED_MAX) {
            play->offered[play->offered_count] = item.log;
            play->offered_seq[play->offered_count++] = item.seq;
        }
    }
    if (message_type(message) == MESSAGE_ENTRIES) {
        entries_fini(&entries);
    }
}

/* Hash, author and signature of the header in entry, which is left in play->header. */
static void require_header(struct play *play, const struct persist *item) {
    const struct replica *replica = &play->ours.replica;
    uint8_t key[32];
    struct unit_id unit;
    struct hash hash;
    FUZZ_REQUIRE(header_decode(play->header, item->entry.header) == STATUS_OK);
    FUZZ_REQUIRE(log_id_equal(&play->header->log, &item->log) && play->header->seq == item->seq);
    FUZZ_REQUIRE(item->log.kind != LOG_RECOVERY); /* this association has no recovery keys */
    header_hash(&hash, &replica->founding->association, item->entry.header);
    FUZZ_REQUIRE(ID_EQUAL(&hash, &item->hash));
    FUZZ_REQUIRE(replica->ops->node(replica->ctx, &item->log.node, key, &unit) == STATUS_OK);
    FUZZ_REQUIRE(header_verify(replica->founding, play->header, item->entry.header, item->entry.signature, key) == STATUS_OK);
    bool may = replica->ops->may_hold_log(replica->ctx, &replica->unit, &item->log);
    FUZZ_REQUIRE(item->kind == PERSIST_ENTRY ? item->ground == !may : may || play->ours.beyond);
    FUZZ_REQUIRE(may || (play->ours.beyond && was_offered(play, item)));
}

/* Of another branch than is held: past the entry that both follow, one after the other, up to the one wanted. */
static void require_beside(struct play *play, const struct persist *items, size_t place) {
    const struct persist *item = &items[place];
    struct hash hash = {0};
    bool found = false;
    require_header(play, item);
    FUZZ_REQUIRE(play->ours.wants >= item->seq && ID_EQUAL(&item->peer, &play->peer->replica.self));
    for (size_t i = 0; i < place && !found; i++) {
        found = items[i].kind == PERSIST_BESIDE && log_id_equal(&items[i].log, &item->log) && items[i].seq == item->seq - 1 &&
                ID_EQUAL(&items[i].hash, &play->header->prev);
    }
    for (size_t i = 0; i < play->ours.beside_count && !found; i++) {
        const struct ram_fork *beside = &play->ours.beside[i];
        found = log_id_equal(&beside->log, &item->log) && beside->seq == item->seq - 1 && ID_EQUAL(&beside->hash, &play->header->prev);
    }
    const struct ram_entry *before = item->seq > 1 ? ram_replica_entry(&play->ours, &item->log, item->seq - 1) : NULL;
    FUZZ_REQUIRE(found || item->seq == 1 || (before != NULL && ID_EQUAL(&before->hash, &play->header->prev)));
    hash = item->hash;
    const struct ram_entry *held = ram_replica_entry(&play->ours, &item->log, item->seq);
    FUZZ_REQUIRE(held == NULL || !ID_EQUAL(&held->hash, &hash));
}

static void require_body(struct play *play, const struct persist *item) {
    const struct replica *replica = &play->ours.replica;
    FUZZ_REQUIRE(play->header->cls == CLASS_CONTROL || replica->ops->may_hold_body(replica->ctx, &replica->unit, play->header));
    FUZZ_REQUIRE(body_verify(&replica->founding->association, play->header, item->entry.salt, item->entry.body) == STATUS_OK);
}

static void require_receipt(struct play *play, const struct persist *item) {
    const struct replica *replica = &play->ours.replica;
    struct receipt receipt;
    uint8_t key[32];
    struct unit_id unit;
    FUZZ_REQUIRE(receipt_decode(&receipt, item->receipt_bytes.receipt) == STATUS_OK && receipt_compare(&receipt, &item->receipt) == 0);
    FUZZ_REQUIRE(ID_EQUAL(&receipt.holder, &item->receipt.holder) && log_id_equal(&receipt.log, &item->receipt.log));
    FUZZ_REQUIRE(!ID_EQUAL(&receipt.holder, &replica->self) && item->direct == ID_EQUAL(&receipt.holder, &play->peer->replica.self));
    FUZZ_REQUIRE(replica->ops->node(replica->ctx, &receipt.holder, key, &unit) == STATUS_OK);
    FUZZ_REQUIRE(keys_verify(item->receipt_bytes.signature, "receipt", &replica->founding->association, item->receipt_bytes.receipt, key) == STATUS_OK);
    FUZZ_REQUIRE(replica->ops->may_hold_receipt(replica->ctx, &replica->unit, &receipt.holder, &receipt.log));
}

static void require_held(struct play *play, const struct persist *item, const struct ram_entry **held) {
    *held = ram_replica_entry(&play->ours, &item->log, item->seq);
    FUZZ_REQUIRE(*held != NULL);
}

static void require_item(struct play *play, const struct persist *items, size_t place) {
    const struct persist *item = &items[place];
    const struct ram_entry *held;
    struct hash hash;
    switch (item->kind) {
    case PERSIST_ENTRY:
        require_header(play, item);
        FUZZ_REQUIRE(head_of(play, items, place, &item->log, &hash) == item->seq - 1);
        FUZZ_REQUIRE(item->seq == 1 || ID_EQUAL(&hash, &play->header->prev));
        if (item->entry.salt.len > 0) {
            require_body(play, item);
        }
        break;
    case PERSIST_BODY:
        require_held(play, item, &held);
        FUZZ_REQUIRE(!held->has_body && header_decode(play->header, buffer_bytes(&held->header)) == STATUS_OK);
        require_body(play, item);
        break;
    case PERSIST_PART:
        require_held(play, item, &held);
        FUZZ_REQUIRE(!held->has_body && header_decode(play->header, buffer_bytes(&held->header)) == STATUS_OK);
        FUZZ_REQUIRE(item->salt.len == SALT_BYTES && item->offset <= held->part.len && item->offset + item->part.len < play->header->body_bytes);
        FUZZ_REQUIRE(play->header->cls == CLASS_CONTROL || play->ours.replica.ops->may_hold_body(&play->ours, &play->ours.replica.unit, play->header));
        break;
    case PERSIST_RECEIPT:
        require_receipt(play, item);
        break;
    case PERSIST_BESIDE:
        require_beside(play, items, place);
        break;
    default:
        FUZZ_REQUIRE(item->kind == PERSIST_FORK);
        require_header(play, item);
        require_held(play, item, &held);
        FUZZ_REQUIRE(!ID_EQUAL(&held->hash, &item->hash));
    }
}

/* ---- what is sent ---- */

static void require_sent(struct bytes message) {
    static const recode_fn messages[] = {[MESSAGE_HELLO] = recode_hello,       [MESSAGE_STATE] = recode_state,     [MESSAGE_BUCKETS] = recode_buckets,
                                         [MESSAGE_HAVE] = recode_have,         [MESSAGE_ENTRIES] = recode_entries, [MESSAGE_RECEIPTS] = recode_receipts,
                                         [MESSAGE_PROGRESS] = recode_progress, [MESSAGE_REFUSED] = recode_refused, [MESSAGE_BYE] = recode_bye};
    unsigned type = message_type(message);
    FUZZ_REQUIRE(type >= MESSAGE_HELLO && type <= MESSAGE_BYE && fuzz_recode(messages[type], message));
}

/* ---- the driver ---- */

static void step(struct play *play, struct session_event event) {
    struct session_output output;
    size_t steps = 0;
    event.now_ms = play->now;
    if (event.kind == SESSION_MESSAGE) {
        note_offers(play, event.message);
    }
    session_step(play->session, &event, &output);
    while (output.persist_count > 0) {
        FUZZ_REQUIRE(output.send_count == 0 && output.persist_count <= RUN_MAX && ++steps <= STEPS_MAX);
        for (size_t i = 0; i < output.persist_count; i++) {
            require_item(play, output.persist, i);
        }
        if (!play->disk_full) {
            ram_replica_persist(&play->ours, output.persist, output.persist_count);
        }
        event = (struct session_event){.kind = SESSION_PERSISTED, .now_ms = play->now, .status = play->disk_full ? STATUS_DISK_FULL : STATUS_OK};
        session_step(play->session, &event, &output);
    }
    for (size_t i = 0; i < output.send_count; i++) {
        require_sent(output.send[i]);
    }
    FUZZ_REQUIRE(output.wait_ms >= -1 && (output.closed || output.reason == STATUS_OK));
    play->closed = output.closed;
}

/* ---- messages signed anew ---- */

static const struct node_keys *keys_of(const struct play *play, struct node_id *node) {
    const struct ram_replica *known[] = {&play->world->root, &play->world->commune, &play->world->third};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (ID_EQUAL(node, &known[i]->replica.self)) {
            return &known[i]->keys;
        }
    }
    *node = play->peer->replica.self;
    return &play->peer->keys;
}

/* Would replicas in RAM have room for what this body makes known? */
static bool has_room(struct play *play, struct bytes body) {
    struct body_reader reader;
    if (play->header->audience_count > 4) {
        return false;
    }
    if (play->header->cls == CLASS_CONTROL && body_open(&reader, body, CLASS_CONTROL) == STATUS_OK) {
        play->control_changes += reader.count;
    }
    return play->control_changes <= CONTROL_CHANGES_MAX;
}

/* What a chain of entries is signed with: the last one made. */
struct chain {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    struct buffer header;
    uint8_t signature[64];
};

static void resign_entry(struct play *play, struct item *item, struct chain *chain) {
    struct header *header = play->header;
    const struct association_id *association = &play->world->founding.association;
    if (header_decode(header, item->entry.header) != STATUS_OK || header->log.kind == LOG_RECOVERY || !has_room(play, item->entry.body)) {
        return;
    }
    const struct node_keys *keys = keys_of(play, &header->log.node);
    if (item->entry.salt.len == SALT_BYTES) {
        header->body_bytes = (uint32_t)item->entry.body.len;
        body_hash(&header->body_hash, association, item->entry.salt.data, item->entry.body);
    }
    const struct ram_entry *before = ram_replica_entry(&play->ours, &header->log, header->seq - 1);
    if (header->seq > 1 && chain->seq == header->seq - 1 && log_id_equal(&chain->log, &header->log)) {
        header->prev = chain->hash;
    } else if (header->seq > 1 && before != NULL) {
        header->prev = before->hash;
    }
    buffer_clear(&chain->header);
    if (header_encode(header, &chain->header) == STATUS_OK) {
        header_sign(chain->signature, association, buffer_bytes(&chain->header), keys);
        header_hash(&chain->hash, association, buffer_bytes(&chain->header));
        chain->log = header->log;
        chain->seq = header->seq;
        item->entry.header = buffer_bytes(&chain->header);
        item->entry.signature = bytes_of(chain->signature, sizeof chain->signature);
    }
}

/* Both leave play->message, or nothing of it where the message is none. */
static void resign_entries(struct play *play, struct bytes message) {
    struct chain *chain = calloc(1, sizeof *chain);
    struct entries entries;
    struct item item;
    struct buffer raw;
    size_t count = 0;
    FUZZ_REQUIRE(chain != NULL);
    buffer_init(&raw, RAW_BYTES_MAX);
    buffer_init(&chain->header, HEADER_BYTES_MAX);
    enum status status = entries_open(&entries, message);
    while (status == STATUS_OK && entries_next(&entries, &item)) {
        if (item.kind == ITEM_ENTRY) {
            resign_entry(play, &item, chain);
        }
        count += item_encode(&item, &raw) == STATUS_OK;
    }
    if (count > 0) {
        status = entries_encode(buffer_bytes(&raw), count, &play->message);
    }
    entries_fini(&entries);
    buffer_fini(&raw);
    buffer_fini(&chain->header);
    free(chain);
}

static void resign_receipts(struct play *play, struct bytes message) {
    struct signed_receipt *list = calloc(RECEIPTS_PER_MESSAGE_MAX + 1, sizeof *list);
    struct receipts receipts;
    struct receipt receipt;
    size_t count = 0;
    FUZZ_REQUIRE(list != NULL);
    enum status status = receipts_open(&receipts, message);
    while (status == STATUS_OK && receipts_next(&receipts, &list[count])) {
        if (receipt_decode(&receipt, list[count].receipt) == STATUS_OK) {
            struct node_id holder = receipt.holder;
            const struct node_keys *keys = keys_of(play, &holder);
            keys_sign(list[count].signature, "receipt", &play->world->founding.association, list[count].receipt, keys);
        }
        count++;
    }
    if (count > 0) {
        status = receipts_encode(list, count, &play->message);
    }
    free(list);
}

static void take_resigned(struct play *play, struct bytes message) {
    unsigned type = message_type(message);
    buffer_clear(&play->message);
    if (type == MESSAGE_ENTRIES) {
        resign_entries(play, message);
    } else if (type == MESSAGE_RECEIPTS) {
        resign_receipts(play, message);
    }
    struct bytes made = play->message.len > 0 ? buffer_bytes(&play->message) : message;
    step(play, (struct session_event){.kind = SESSION_MESSAGE, .message = made});
}

/* ---- the play ---- */

static void write_own(struct play *play, size_t bytes) {
    uint8_t *body = calloc(1, bytes + 1), salt[SALT_BYTES] = {(uint8_t)play->ours.version};
    struct ram_draft draft = {.log = {.node = play->ours.replica.self, .kind = LOG_REPORT}, .cls = CLASS_RECORD, .audience_count = 1};
    FUZZ_REQUIRE(body != NULL);
    draft.audience[0].unit = play->ours.replica.unit;
    draft.salt = bytes_of(salt, sizeof salt);
    draft.body = bytes_of(body, bytes + 1);
    (void)ram_replica_append(&play->ours, &draft);
    free(body);
    step(play, (struct session_event){.kind = SESSION_CHANGED});
}

/* Takes one frame from *in and plays it. */
static void play_frame(struct play *play, struct bytes *in) {
    unsigned kind = in->data[0] & 15;
    size_t len = (size_t)(in->data[1] << 8 | in->data[2]), rest = in->len - 3;
    play->disk_full = (in->data[0] & FRAME_DISK_FULL) != 0;
    *in = bytes_of(in->data + 3, rest);
    if (kind % FRAME_KINDS == FRAME_TIME) {
        play->now += 10 * (int64_t)len;
        step(play, (struct session_event){.kind = SESSION_TICK});
    } else if (kind % FRAME_KINDS == FRAME_APPEND) {
        write_own(play, len % 8192);
    } else {
        struct bytes message = bytes_of(in->data, len < rest ? len : rest);
        *in = bytes_of(in->data + message.len, rest - message.len);
        if (kind % FRAME_KINDS == FRAME_RESIGNED) {
            take_resigned(play, message);
        } else {
            step(play, (struct session_event){.kind = SESSION_MESSAGE, .message = message});
        }
    }
}

static void greet(struct play *play, unsigned flags) {
    const struct replica *peer = &play->peer->replica;
    bool narrow = (flags & WORLD_NARROW) != 0;
    struct hello hello = {.association = play->world->founding.association,
                          .node = peer->self,
                          .unit = peer->unit,
                          .incarnation = {1},
                          .window = narrow ? WINDOW_BYTES_LEAST : WINDOW_BYTES,
                          .message_max = narrow ? MESSAGE_BYTES_LEAST : MESSAGE_BYTES_WANTED,
                          .state = {{1}}};
    buffer_clear(&play->message);
    FUZZ_REQUIRE(hello_encode(&hello, &play->message) == STATUS_OK);
    step(play, (struct session_event){.kind = SESSION_START});
    step(play, (struct session_event){.kind = SESSION_MESSAGE, .message = buffer_bytes(&play->message)});
    FUZZ_REQUIRE(!play->closed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    struct play play = {.now = 1000, .header = malloc(sizeof *play.header)};
    unsigned flags = fuzz_choice(&in, WORLD_FLAGS);
    bool commune = (flags & WORLD_COMMUNE) != 0;
    FUZZ_REQUIRE(play.header != NULL);
    play.world = session_world(flags);
    play.peer = commune ? &play.world->root : &play.world->commune;
    ram_replica_copy(&play.ours, commune ? &play.world->commune : &play.world->root);
    play.ours.beyond = (flags & WORLD_TRUST) != 0;
    play.ours.wants = play.ours.beyond ? WORLD_WANTED : 0;
    buffer_init(&play.message, MESSAGE_BYTES_MAX);
    struct session_config config = {.replica = play.ours.replica, .peer = play.peer->replica.self, .peer_unit = play.peer->replica.unit, .dials = commune};
    FUZZ_REQUIRE(session_open(&play.session, &config) == STATUS_OK);
    greet(&play, flags);
    while (!play.closed && in.len >= 3) {
        play_frame(&play, &in);
    }
    if (!play.closed) {
        step(&play, (struct session_event){.kind = SESSION_STOP});
    }
    session_free(play.session);
    buffer_fini(&play.message);
    ram_replica_fini(&play.ours);
    free(play.header);
    return 0;
}
