#include "store/rotate.h"

#include "store/key_file.h"
#include "store/reissue.h"
#include "store/structure.h"
#include "store/trust_write.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 1100, PLACE_BYTES = 16 /* of the admission: epoch, seq */, NEXT_BYTES_MAX = PLACE_BYTES + ADMISSION_CORE_BYTES_MAX };

static void path_of(char out[PATH_BYTES], const struct store *store, const char *name) {
    (void)snprintf(out, PATH_BYTES, "%s/%s", store->dir, name);
}

/* ---- what is under way: meta's row `next` ---- */

struct next {
    struct epoch epoch;
    uint64_t seq;
    struct bytes core;
    struct buffer row;
};

/* NOT_FOUND: nothing is. The row is the caller's to free whatever the outcome. */
static enum status next_get(struct store *store, struct next *out) {
    *out = (struct next){.seq = 0};
    buffer_init(&out->row, NEXT_BYTES_MAX);
    enum status status = store_meta(store->db, "next", &out->row);
    if (status != STATUS_OK)
        return status;
    if (out->row.len <= PLACE_BYTES)
        return STATUS_STORE_DAMAGED;
    memcpy(out->epoch.b, out->row.data, 8);
    for (size_t i = 8; i < PLACE_BYTES; i++)
        out->seq = out->seq << 8 | out->row.data[i];
    out->core = bytes_of(out->row.data + PLACE_BYTES, out->row.len - PLACE_BYTES);
    return STATUS_OK;
}

static enum status next_put(struct store *store, const struct admission *admission, const struct ref *place) {
    struct buffer row;
    uint8_t seq[8];
    for (int i = 0; i < 8; i++)
        seq[i] = (uint8_t)(place->seq >> (56 - 8 * i));
    buffer_init(&row, NEXT_BYTES_MAX);
    enum status status = buffer_append(&row, place->log.epoch.b, 8);
    if (status == STATUS_OK)
        status = buffer_append(&row, seq, 8);
    if (status == STATUS_OK)
        status = admission_core_encode(admission, &row);
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "next", buffer_bytes(&row));
    buffer_fini(&row);
    return status;
}

/* Has a node of a unit above applied the admission? */
static enum status heard_above(struct store *store, const struct next *next, bool *out) {
    uint32_t own = tree_unit(store->tree, &store->unit);
    *out = false;
    struct query query = db_query(store->db, "SELECT holder FROM receipt WHERE node = ? AND kind = 2 AND epoch = ? AND applied >= ?");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    query_bind_blob(&query, bytes_of(next->epoch.b, sizeof next->epoch.b));
    query_bind_int(&query, (int64_t)next->seq);
    while (!*out && query_next(&query)) {
        struct node_id holder;
        query_fixed(&query, 0, holder.b, sizeof holder.b);
        uint32_t node = tree_node(store->tree, &holder), unit = node != TREE_NONE ? tree_node_at(store->tree, node)->unit : TREE_NONE;
        *out = own != TREE_NONE && unit != TREE_NONE && unit != own && tree_is_under(store->tree, own, unit, TREE_TODAY);
    }
    return query_end(&query);
}

enum status rotate_state(struct store *store, enum rotate_state *out) {
    struct next next;
    bool heard = ID_EQUAL(&store->unit, &store->founding.root);
    *out = ROTATE_NONE;
    enum status status = next_get(store, &next);
    if (status == STATUS_OK && !heard)
        status = heard_above(store, &next, &heard);
    if (status == STATUS_OK)
        *out = heard ? ROTATE_READY : ROTATE_WAITS;
    buffer_fini(&next.row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* ---- beginning ---- */

static enum status keys_next(struct store *store, struct node_keys *out) {
    char path[PATH_BYTES];
    if (os_credential(KEY_FILE_CREDENTIAL, path, sizeof path))
        return STATUS_PERMISSION; /* what is put into the directory would never be looked at */
    path_of(path, store, "node.key.next");
    enum status status = key_file_load(path, out); /* of one that was broken off */
    return status == STATUS_NOT_FOUND ? key_file_make(path, out) : status;
}

static enum status begin(struct store *store, struct node_id *node) {
    struct stored stored;
    struct node_keys *keys = key_file_room();
    struct admission *admission = calloc(1, sizeof *admission);
    enum status status = keys == NULL || admission == NULL ? STATUS_NO_MEMORY : keys_next(store, keys);
    if (status == STATUS_OK)
        status = trust_admit_successor(store, keys, admission, &stored);
    if (status == STATUS_OK)
        status = next_put(store, admission, &stored.ref);
    if (status == STATUS_OK)
        admission_node_id(node, &store->founding.association, admission);
    free(admission);
    key_file_release(keys);
    return status;
}

enum status rotate_begin(struct store *store, struct node_id *node) {
    struct next next;
    struct admission *admission = calloc(1, sizeof *admission);
    enum status status = admission == NULL ? STATUS_NO_MEMORY : next_get(store, &next);
    if (status == STATUS_OK)
        status = admission_core_decode(admission, next.core);
    if (status == STATUS_OK)
        admission_node_id(node, &store->founding.association, admission);
    if (admission != NULL)
        buffer_fini(&next.row);
    free(admission);
    return status == STATUS_NOT_FOUND ? begin(store, node) : status;
}

/* ---- completing ---- */

/* Only after the store says that it is the new node's. */
static enum status key_settle(struct store *store) {
    char next[PATH_BYTES], path[PATH_BYTES];
    path_of(next, store, "node.key.next");
    path_of(path, store, "node.key");
    return os_file_settle(next, path);
}

/* The keys that wait are the process's from now on, if they are the ones that are meant. */
static enum status keys_take(struct store *store, const uint8_t signing[32], const uint8_t transport[32]) {
    char path[PATH_BYTES];
    struct node_keys *keys = key_file_room();
    if (keys == NULL)
        return STATUS_NO_MEMORY;
    path_of(path, store, "node.key.next");
    enum status status = key_file_load(path, keys);
    if (status == STATUS_OK && (memcmp(keys->signing_public, signing, 32) != 0 || memcmp(keys->transport_public, transport, 32) != 0))
        status = STATUS_KEY_DAMAGED;
    if (status == STATUS_OK)
        *store->keys = *keys;
    key_file_release(keys);
    return status == STATUS_NOT_FOUND ? STATUS_KEY_DAMAGED : status;
}

/* Inside the transaction: the old key's last word, and whose the store is from now on. */
static enum status hand_on(struct store *store, const struct next *next, const struct node_id *node) {
    struct refs *upto = malloc(sizeof *upto);
    struct stored stored;
    uint32_t self = tree_node(store->tree, &store->self);
    const struct trust_heads asked = {.node = &store->self};
    enum status status = upto == NULL ? STATUS_NO_MEMORY : self == TREE_NONE ? STATUS_LINE_BROKEN : trust_heads(store, &asked, upto);
    if (status == STATUS_OK)
        status = trust_revoke(store, self, upto, NULL, &stored);
    free(upto);
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "core", next->core);
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "self", bytes_of(node->b, sizeof node->b));
    if (status == STATUS_OK)
        status = reissue_for(store, &store->self);
    if (status == STATUS_OK)
        status = db_script(
            store->db,
            "DELETE FROM meta WHERE key IN ('next', 'epoch.1', 'epoch.2', 'forgot.1', 'forgot.2', 'backup', 'pinned'); UPDATE log SET receipt_due = 1");
    return status;
}

static enum status complete(struct store *store, const struct next *next, const struct admission *admission) {
    struct node_id node, old = store->self;
    admission_node_id(&node, &store->founding.association, admission);
    enum status status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    status = hand_on(store, next, &node);
    if (status == STATUS_OK) {
        store->self = node; /* receipts are the new node's, with its key */
        status = keys_take(store, admission->signing_key, admission->transport_key);
    }
    if (status == STATUS_OK)
        status = apply_pending(store);
    if (status == STATUS_OK)
        status = store_commit(store);
    else
        store_rollback(store);
    if (status != STATUS_OK) {
        char path[PATH_BYTES];
        path_of(path, store, "node.key");
        store->self = old;
        enum status loaded = key_file_load(path, store->keys);
        return loaded != STATUS_OK ? loaded : status;
    }
    status = key_settle(store);
    return status == STATUS_OK ? life_open(store) : status;
}

enum status rotate_complete(struct store *store) {
    enum rotate_state state;
    struct next next;
    enum status status = rotate_state(store, &state);
    if (status != STATUS_OK || state != ROTATE_READY)
        return status;
    struct admission *admission = calloc(1, sizeof *admission);
    status = next_get(store, &next);
    if (status == STATUS_OK)
        status = admission == NULL ? STATUS_NO_MEMORY : admission_core_decode(admission, next.core);
    if (status == STATUS_OK)
        status = complete(store, &next, admission);
    buffer_fini(&next.row);
    free(admission);
    return status;
}

enum status rotate_keys(struct store *store, const uint8_t signing[32], const uint8_t transport[32]) {
    enum status status = keys_take(store, signing, transport);
    return status == STATUS_OK ? key_settle(store) : status;
}
