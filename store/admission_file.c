/* The level above's side of an enrolment by files: the request is admitted, and the admission file filled by a session with a peer that holds nothing yet. */
#include "store/join_file.h"

#include "protocol/session.h"
#include "store/admit.h"

#include <stdlib.h>

enum { STEPS_MAX = 1000000, QUIET_STEPS = 4, HEADROOM_BYTES = 64 * 1024 /* for the answer, the signature, and what frames them */ };

/* ---- admitting ---- */

enum status join_file_admit(struct store *store, uint32_t unit, struct bytes request, struct node_id *node) {
    struct join_request asked;
    struct applicant applicant = {.unit = *tree_unit_id(store->tree, unit)};
    struct ref root;
    struct buffer joined;
    int64_t entry = 0;
    if (join_request_decode(&asked, request) != STATUS_OK) {
        return STATUS_JOIN_FILE_WRONG;
    }
    memcpy(applicant.signing_key, asked.signing_key, 32);
    memcpy(applicant.transport_key, asked.transport_key, 32);
    os_random(applicant.nonce, sizeof applicant.nonce);
    enum status status = admit_root(store, &root);
    if (status == STATUS_OK) {
        status = admit_known(store, &applicant, &entry);
    }
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&joined, MESSAGE_BYTES_MAX);
    status = admit(store, &applicant, &root, &entry, &joined);
    buffer_fini(&joined);
    uint32_t number = status == STATUS_OK ? tree_node_by_transport(store->tree, asked.transport_key) : TREE_NONE;
    if (status == STATUS_OK && number == TREE_NONE) {
        status = STATUS_INTERNAL; /* written, and not in the views: it would never be found again */
    }
    if (status == STATUS_OK) {
        *node = tree_node_at(store->tree, number)->id;
    }
    return status;
}

/* ---- what it may hold ---- */

/* A session with a peer that only listens: what would be sent to it is kept. */
struct gathering {
    struct session *session;
    struct buffer hello, messages;
    size_t count, bytes_max;
    uint64_t bytes; /* of entries and receipts, as progress counts them */
    bool told, full;
    int64_t now_ms;
    enum status status;
};

static void keep(struct gathering *gathering, struct bytes message) {
    struct writer writer;
    unsigned type = message_type(message);
    if (type == MESSAGE_HELLO) {
        buffer_clear(&gathering->hello);
        gathering->status = buffer_append(&gathering->hello, message.data, message.len);
    } else if (type == MESSAGE_STATE) {
        gathering->told = true; /* nothing is left to send */
    } else if (type == MESSAGE_ENTRIES || type == MESSAGE_RECEIPTS) {
        gathering->bytes += message.len;
        gathering->told = false;
        if (gathering->full || gathering->messages.len + message.len + 8 > gathering->bytes_max) {
            gathering->full = true; /* what comes after a gap would only be refused */
            return;
        }
        writer_init(&writer, &gathering->messages);
        writer_bin(&writer, message);
        gathering->status = writer_end(&writer);
        gathering->count += gathering->status == STATUS_OK;
    }
}

static void step(struct gathering *gathering, uint8_t kind, struct bytes message) {
    struct session_output output;
    const struct session_event event = {.kind = kind, .now_ms = gathering->now_ms++, .time = os_time(), .message = message};
    session_step(gathering->session, &event, &output);
    for (size_t i = 0; i < output.send_count && gathering->status == STATUS_OK; i++) {
        keep(gathering, output.send[i]);
    }
    if (gathering->status == STATUS_OK && (output.closed || output.persist_count > 0)) {
        gathering->status = output.closed && output.reason == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_INTERNAL;
    }
}

/* The peer says hello, that it holds nothing, and then only that what came was kept. */
static enum status converse(struct gathering *gathering, const struct store *store, const struct tree_node *peer) {
    static const uint8_t all[BUCKETS / 8] = {255, 255, 255, 255, 255, 255, 255, 255};
    struct buffer message;
    struct hello hello = {.association = store->founding.association,
                          .node = peer->id,
                          .unit = *tree_unit_id(store->tree, peer->unit),
                          .window = WINDOW_BYTES_MOST,
                          .message_max = MESSAGE_BYTES_MAX,
                          .missing = 1,
                          .time = os_time()};
    uint64_t told_bytes = 0;
    unsigned quiet = 0;
    buffer_init(&message, MESSAGE_BYTES_MAX);
    step(gathering, SESSION_START, (struct bytes){0});
    enum status status = hello_encode(&hello, &message);
    if (status == STATUS_OK) {
        step(gathering, SESSION_MESSAGE, buffer_bytes(&message));
        buffer_clear(&message);
        status = have_encode(all, (struct bytes){0}, 0, &message);
    }
    if (status == STATUS_OK) {
        step(gathering, SESSION_MESSAGE, buffer_bytes(&message));
    }
    for (unsigned i = 0; i < STEPS_MAX && status == STATUS_OK && gathering->status == STATUS_OK && !gathering->full && quiet < QUIET_STEPS; i++) {
        bool more = gathering->bytes > told_bytes;
        quiet = more || !gathering->told ? 0 : quiet + 1;
        buffer_clear(&message);
        told_bytes = gathering->bytes;
        status = progress_encode(told_bytes, &message);
        if (status == STATUS_OK && more) {
            step(gathering, SESSION_MESSAGE, buffer_bytes(&message));
        } else if (status == STATUS_OK) {
            gathering->now_ms += 1000; /* receipts wait a moment for more of them */
            step(gathering, SESSION_TICK, (struct bytes){0});
        }
    }
    buffer_fini(&message);
    return status == STATUS_OK ? gathering->status : status;
}

static enum status gather(struct store *store, const struct tree_node *peer, struct gathering *gathering) {
    struct session_config config = {.peer = peer->id, .peer_unit = *tree_unit_id(store->tree, peer->unit), .message_max = MESSAGE_BYTES_WANTED};
    store_replica(store, &config.replica);
    os_random(config.incarnation, sizeof config.incarnation);
    enum status status = session_open(&gathering->session, &config);
    if (status == STATUS_OK) {
        status = converse(gathering, store, peer);
    }
    session_free(gathering->session);
    return status;
}

/* ---- the file ---- */

static enum status write_file(struct store *store, const struct gathering *gathering, const struct join_file_places *places, struct bytes joined,
                              struct buffer *out) {
    struct join_admission admission = {.joined = joined,
                                       .address_count = places->count,
                                       .hello = buffer_bytes(&gathering->hello),
                                       .message_count = gathering->count,
                                       .messages = buffer_bytes(&gathering->messages)};
    memcpy(admission.inviter_signing, store->keys->signing_public, 32);
    memcpy(admission.inviter_transport, store->keys->transport_public, 32);
    memcpy(admission.addresses, places->addresses, sizeof admission.addresses);
    return join_admission_encode(&admission, &store->founding.association, store->keys, out);
}

enum status join_file_write(struct store *store, const struct node_id *node, const struct join_file_places *places, struct buffer *out,
                            struct join_file_made *made) {
    uint32_t number = tree_node(store->tree, node);
    const struct tree_node *peer = number == TREE_NONE ? NULL : tree_node_at(store->tree, number);
    if (peer == NULL || peer->inviter == TREE_NONE || !ID_EQUAL(&tree_node_at(store->tree, peer->inviter)->id, &store->self)) {
        return STATUS_NOT_FOUND;
    }
    struct applicant applicant = {.unit = *tree_unit_id(store->tree, peer->unit)};
    struct ref root;
    struct buffer joined;
    int64_t entry = peer->entry_id;
    memcpy(applicant.signing_key, peer->signing_key, 32);
    memcpy(applicant.transport_key, peer->transport_key, 32);
    struct gathering gathering = {.bytes_max = JOIN_FILE_BYTES_MAX - HEADROOM_BYTES};
    buffer_init(&gathering.hello, MESSAGE_BYTES_MAX);
    buffer_init(&gathering.messages, JOIN_FILE_BYTES_MAX);
    buffer_init(&joined, MESSAGE_BYTES_MAX);
    enum status status = admit_root(store, &root);
    if (status == STATUS_OK) {
        status = admit(store, &applicant, &root, &entry, &joined);
    }
    if (status == STATUS_OK) {
        status = gather(store, peer, &gathering);
    }
    if (status == STATUS_OK) {
        status = write_file(store, &gathering, places, buffer_bytes(&joined), out);
    }
    *made = (struct join_file_made){.messages = gathering.count, .complete = !gathering.full};
    buffer_fini(&gathering.hello);
    buffer_fini(&gathering.messages);
    buffer_fini(&joined);
    return status;
}
