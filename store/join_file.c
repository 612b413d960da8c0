/* The new office's side of an enrolment by files: its request, and an admission file that makes the directory a node, or leaves it as it was. */
#include "store/join_file.h"

#include "protocol/planted.h"
#include "protocol/session.h"

#include <stdio.h>
#include <stdlib.h>

enum status store_join_request(const char *dir, struct buffer *out, char fingerprint[JOIN_FINGERPRINT_BYTES]) {
    struct node_keys *keys = calloc(1, sizeof *keys);
    enum status status = keys == NULL ? STATUS_NO_MEMORY : store_join_keys(dir, keys);
    if (status == STATUS_OK) {
        join_request_fingerprint(fingerprint, keys->signing_public, keys->transport_public);
        status = join_request_encode(keys, out);
    }
    if (keys != NULL) {
        keys_wipe(keys);
    }
    free(keys);
    return status;
}

/* ---- taking in what the file carries ---- */

struct taking {
    struct store *store;
    struct session *session;
    int64_t now_ms;
};

/* One message, and the transaction or transactions that it gives. Answers are for nobody. */
static enum status take(void *ctx, struct bytes message) {
    struct taking *taking = ctx;
    struct session_output output;
    struct session_event event = {
        .kind = message.data == NULL ? SESSION_START : SESSION_MESSAGE, .now_ms = taking->now_ms++, .time = os_time(), .message = message};
    session_step(taking->session, &event, &output);
    while (!output.closed && output.persist_count > 0) {
        const struct session_event done = {
            .kind = SESSION_PERSISTED, .now_ms = taking->now_ms++, .status = store_persist(taking->store, output.persist, output.persist_count)};
        if (done.status != STATUS_OK) {
            return done.status;
        }
        session_step(taking->session, &done, &output);
    }
    return !output.closed ? STATUS_OK : output.reason == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_JOIN_FILE_WRONG;
}

/* Is the file's signer the node that has admitted this one, by logs whose every entry is signed up to the founder? Then it is proven, as over a line. */
static enum status proven(struct store *store, const struct join_admission *file, const struct joined *joined, const struct node_id *inviter) {
    struct replica replica;
    struct unit_id unit;
    struct entry entry;
    uint8_t key[32];
    struct hash hash;
    store_replica(store, &replica);
    enum status status = replica.ops->node(replica.ctx, inviter, key, &unit);
    bool good = status == STATUS_OK && memcmp(key, file->inviter_signing, sizeof key) == 0 && tree_node(store->tree, &store->self) != TREE_NONE &&
                replica.ops->entry(replica.ctx, &joined->admission.log, joined->admission.seq, &entry) == STATUS_OK;
    if (good) {
        struct short_hash held;
        keys_hash(&hash, "header", &store->founding.association, entry.header, (struct bytes){0});
        held = hash_short(&hash);
        good = ID_EQUAL(&held, &joined->admission.hash);
    }
    return good || PLANTED("file-unproven") ? STATUS_OK : STATUS_JOIN_FILE_WRONG;
}

static enum status fill(const char *dir, const struct join_admission *file, const struct joined *joined) {
    struct taking taking = {.now_ms = 0};
    struct admission *admission = calloc(1, sizeof *admission);
    struct hello hello;
    enum status status = admission == NULL ? STATUS_NO_MEMORY : admission_core_decode(admission, joined->core);
    if (status == STATUS_OK && hello_decode(&hello, file->hello) != STATUS_OK) {
        status = STATUS_JOIN_FILE_WRONG;
    }
    if (status == STATUS_OK) {
        status = store_open(&taking.store, dir, 0, NULL);
    }
    if (status == STATUS_OK) {
        struct session_config config = {.peer = admission->inviter, .peer_unit = hello.unit, .dials = true};
        store_replica(taking.store, &config.replica);
        os_random(config.incarnation, sizeof config.incarnation);
        status = session_open(&taking.session, &config);
    }
    if (status == STATUS_OK) {
        status = take(&taking, (struct bytes){0});
    }
    if (status == STATUS_OK) {
        status = take(&taking, file->hello);
    }
    if (status == STATUS_OK) {
        status = join_admission_each(file, take, &taking);
    }
    if (status == STATUS_OK) {
        status = proven(taking.store, file, joined, &admission->inviter);
    }
    session_free(taking.session);
    store_close(taking.store);
    free(admission);
    return status;
}

/* ---- the whole ---- */

/* The store that a refused file has begun: nothing was ever written into it here. The keys stay, and another file may be tried. */
static void undo(const char *dir) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
    char path[1200];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        os_file_remove(path);
    }
}

enum status store_join_file(const char *dir, struct bytes bytes) {
    struct join_admission file;
    struct joined *joined = calloc(1, sizeof *joined);
    struct node_keys *keys = calloc(1, sizeof *keys);
    enum status status = joined == NULL || keys == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && join_admission_decode(&file, joined, bytes) != STATUS_OK) {
        status = STATUS_JOIN_FILE_WRONG;
    }
    if (status == STATUS_OK) {
        status = store_join_keys(dir, keys);
    }
    if (status == STATUS_OK) {
        struct token places = {.address_count = file.address_count};
        memcpy(places.transport_key, file.inviter_transport, sizeof places.transport_key);
        memcpy(places.addresses, file.addresses, sizeof places.addresses);
        status = join_answered(dir, keys, &places, joined, false);
        status = status == STATUS_JOIN_REFUSED ? STATUS_JOIN_OTHER_PC : status;
        if (status == STATUS_OK) {
            status = fill(dir, &file, joined);
            if (status != STATUS_OK) {
                undo(dir);
            }
        }
    }
    if (keys != NULL) {
        keys_wipe(keys);
    }
    free(keys);
    free(joined);
    return status;
}
