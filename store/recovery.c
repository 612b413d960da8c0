#include "store/recovery.h"

#include "store/key_file.h"
#include "store/log.h"
#include "store/restore.h"
#include "store/trust_write.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 1100, STATEMENT_BYTES = 2 * FOUNDING_BYTES_MAX, WAIT_MS = 2000 };

/* ---- signing ---- */

static enum status sign_one(const struct founding *founding, const struct recovery_secret *secret, struct bytes header, unsigned *index,
                            uint8_t signature[64]) {
    struct node_keys *keys = key_file_room();
    if (keys == NULL)
        return STATUS_NO_MEMORY;
    enum status status = keys_from_seeds(keys, secret->seed, secret->seed); /* the transport half is not used */
    for (*index = 0; status == STATUS_OK && *index < founding->recovery_count; ++*index)
        if (memcmp(founding->recovery_keys[*index], keys->signing_public, 32) == 0)
            break;
    if (status == STATUS_OK && *index == founding->recovery_count)
        status = STATUS_RECOVERY_KEYS;
    if (status == STATUS_OK)
        header_sign(signature, &founding->association, header, keys);
    key_file_release(keys);
    return status;
}

enum status recovery_sign(const struct founding *founding, const struct recovery_secret *secrets, size_t count, struct bytes header, struct buffer *out) {
    uint8_t signatures[RECOVERY_KEYS_MAX][64];
    bool signed_by[RECOVERY_KEYS_MAX] = {false};
    if (founding->recovery_threshold == 0)
        return STATUS_RECOVERY_NONE;
    if (count != founding->recovery_threshold)
        return STATUS_RECOVERY_KEYS;
    for (size_t i = 0; i < count; i++) {
        unsigned index;
        uint8_t signature[64];
        enum status status = sign_one(founding, &secrets[i], header, &index, signature);
        if (status == STATUS_OK && signed_by[index])
            status = STATUS_RECOVERY_KEYS; /* the same key twice */
        if (status != STATUS_OK)
            return status;
        signed_by[index] = true;
        memcpy(signatures[index], signature, sizeof signature);
    }
    for (uint8_t i = 0; i < RECOVERY_KEYS_MAX; i++) {
        if (!signed_by[i])
            continue;
        enum status status = buffer_append(out, &i, 1);
        if (status == STATUS_OK)
            status = buffer_append(out, signatures[i], 64);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* ---- the entry ---- */

static const struct log_id recovery_log = {.kind = LOG_RECOVERY};

static enum status head_row(struct store *store, struct log_row *row) {
    enum status status = log_row(store, &recovery_log, row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status draft_header(struct store *store, struct recovery_draft *draft) {
    struct log_row row;
    struct header *header = calloc(1, sizeof *header);
    enum status status = header == NULL ? STATUS_NO_MEMORY : head_row(store, &row);
    if (status == STATUS_OK) {
        *header = (struct header){.log = recovery_log,
                                  .seq = row.head_seq + 1,
                                  .prev = row.head_hash,
                                  .cls = CLASS_CONTROL,
                                  .body_bytes = (uint32_t)draft->body.len,
                                  .time = os_time()};
        body_hash(&header->body_hash, &store->founding.association, draft->salt, buffer_bytes(&draft->body));
        status = header_encode(header, &draft->header);
    }
    free(header);
    return status;
}

enum status recovery_draft(struct store *store, uint64_t kind, struct bytes payload, struct recovery_draft *out) {
    uint8_t nonce[16];
    buffer_init(&out->header, HEADER_BYTES_MAX);
    buffer_init(&out->body, BODY_BYTES_MAX);
    os_random(out->salt, sizeof out->salt);
    os_random(nonce, sizeof nonce);
    if (store->founding.recovery_threshold == 0)
        return STATUS_RECOVERY_NONE;
    enum status status = body_encode(&out->body, nonce, &(const struct change){.kind = kind, .payload = payload}, 1);
    return status == STATUS_OK ? draft_header(store, out) : status;
}

void recovery_draft_fini(struct recovery_draft *draft) {
    buffer_fini(&draft->header);
    buffer_fini(&draft->body);
}

enum status recovery_append(struct store *store, const struct recovery_draft *draft, struct bytes signature) {
    struct log_row row;
    struct header *header = calloc(1, sizeof *header);
    int64_t id;
    enum status status = header == NULL ? STATUS_NO_MEMORY : header_decode(header, buffer_bytes(&draft->header));
    if (status == STATUS_OK && header->log.kind != LOG_RECOVERY)
        status = STATUS_MALFORMED;
    if (status == STATUS_OK)
        status = header_verify(&store->founding, header, buffer_bytes(&draft->header), signature, NULL);
    if (status == STATUS_OK)
        status = body_verify(&store->founding.association, header, bytes_of(draft->salt, sizeof draft->salt), buffer_bytes(&draft->body));
    if (status == STATUS_OK)
        status = head_row(store, &row);
    if (status == STATUS_OK && (header->seq != row.head_seq + 1 || (header->seq > 1 && !ID_EQUAL(&header->prev, &row.head_hash))))
        status = STATUS_GAP;
    if (status == STATUS_OK && row.id == 0)
        status = log_begin(store, &recovery_log, &row.id);
    if (status == STATUS_OK)
        status = store_touch(store);
    if (status == STATUS_OK) {
        struct stored_entry entry = {.log = recovery_log, .seq = header->seq};
        header_hash(&entry.hash, &store->founding.association, buffer_bytes(&draft->header));
        entry.entry = (struct entry){buffer_bytes(&draft->header), signature, bytes_of(draft->salt, sizeof draft->salt), buffer_bytes(&draft->body)};
        store->tree_touched = true;
        status = log_add(store, &row, &entry, BODY_HELD, &id);
    }
    free(header);
    return status == STATUS_OK ? log_changed(store, row.id) : status;
}

enum status recovery_revocation(struct store *store, const struct node_id *node, struct buffer *payload) {
    struct revocation *revocation = calloc(1, sizeof *revocation);
    const struct trust_heads asked = {.node = node};
    enum status status = revocation == NULL ? STATUS_NO_MEMORY : trust_heads(store, &asked, &revocation->upto);
    if (status == STATUS_OK) {
        revocation->node = *node;
        status = revocation_encode(revocation, payload);
    }
    free(revocation);
    return status;
}

/* ---- a new root ---- */

struct recover {
    const struct recovering *asked;
    struct os_lock lock;
    char stage[PATH_BYTES], copy[PATH_BYTES], store[PATH_BYTES], key[PATH_BYTES];
    struct founding *founding;
    struct buffer statement;
    struct admission *admission;
    struct node_keys *keys;
};

/* The statement of the association that the backup is of. */
static enum status read_association(struct recover *recover, struct db *db) {
    enum status status = store_meta(db, "statement", &recover->statement);
    if (status == STATUS_OK)
        status = founding_decode(recover->founding, buffer_bytes(&recover->statement));
    return status == STATUS_OK || status == STATUS_NO_MEMORY ? status : STATUS_BACKUP_INVALID;
}

/* The keys are asked for before anything is made: a header of no meaning is signed, and thrown away. */
static enum status try_keys(const struct recover *recover) {
    struct buffer out;
    buffer_init(&out, SIGNATURE_BYTES_MAX);
    enum status status = recovery_sign(recover->founding, recover->asked->secrets, recover->asked->secret_count, bytes_of("", 0), &out);
    buffer_fini(&out);
    return status;
}

static enum status identity_write(struct recover *recover, struct db *db) {
    struct admission *admission = recover->admission;
    struct node_id self;
    struct buffer core;
    *admission = (struct admission){.unit = recover->founding->root, .roles = ROLE_WRITER | ROLE_STEWARD};
    memcpy(admission->signing_key, recover->keys->signing_public, sizeof admission->signing_key);
    memcpy(admission->transport_key, recover->keys->transport_public, sizeof admission->transport_key);
    os_random(admission->nonce, sizeof admission->nonce);
    admission_node_id(&self, &recover->founding->association, admission);
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    enum status status = admission_core_encode(admission, &core);
    if (status == STATUS_OK)
        status = db_begin(db);
    if (status == STATUS_OK) {
        status = db_script(db, "DELETE FROM meta WHERE key NOT IN ('statement', 'signature', 'version'); DELETE FROM config; DELETE FROM request; DELETE FROM "
                               "invitation; UPDATE log SET receipt_due = 1");
        if (status == STATUS_OK)
            status = store_meta_put(db, "self", bytes_of(self.b, sizeof self.b));
        if (status == STATUS_OK)
            status = store_meta_put(db, "unit", bytes_of(recover->founding->root.b, sizeof recover->founding->root.b));
        if (status == STATUS_OK)
            status = store_meta_put(db, "core", buffer_bytes(&core));
        if (status == STATUS_OK)
            status = db_commit(db);
        else
            db_rollback(db);
    }
    buffer_fini(&core);
    return status;
}

static enum status copy_prepare(struct recover *recover) {
    struct db *db;
    enum status status = os_file_copy(recover->asked->file, recover->copy);
    if (status == STATUS_OK)
        status = db_open(&db, recover->copy, false, NULL);
    if (status != STATUS_OK)
        return status == STATUS_STORE_DAMAGED ? STATUS_BACKUP_INVALID : status;
    status = read_association(recover, db);
    if (status == STATUS_OK)
        status = try_keys(recover);
    if (status == STATUS_OK)
        status = identity_write(recover, db);
    db_close(db);
    return status;
}

/* The copy is the new node's store already; now it is admitted. */
static enum status admit_self(struct recover *recover, struct recovered *out) {
    struct store *store;
    struct recovery_draft draft;
    struct buffer payload, signature;
    enum status status = store_open(&store, recover->stage, WAIT_MS, NULL);
    if (status != STATUS_OK)
        return status;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&signature, SIGNATURE_BYTES_MAX);
    status = admission_encode(recover->admission, &payload);
    if (status == STATUS_OK) {
        status = recovery_draft(store, CHANGE_ADMISSION, buffer_bytes(&payload), &draft);
        if (status == STATUS_OK)
            status = recovery_sign(&store->founding, recover->asked->secrets, recover->asked->secret_count, buffer_bytes(&draft.header), &signature);
        if (status == STATUS_OK)
            status = store_begin(store);
        if (status == STATUS_OK) {
            status = recovery_append(store, &draft, buffer_bytes(&signature));
            if (status == STATUS_OK)
                status = apply_pending(store);
            if (status == STATUS_OK)
                status = store_commit(store);
            else
                store_rollback(store);
        }
        recovery_draft_fini(&draft);
    }
    if (status == STATUS_OK && tree_node(store->tree, &store->self) == TREE_NONE)
        status = STATUS_INTERNAL; /* signed, applied, and not standing: a rule of ours is wrong */
    out->node = store->self;
    memcpy(out->transport_key, store->keys->transport_public, sizeof out->transport_key);
    buffer_fini(&payload);
    buffer_fini(&signature);
    store_close(store);
    return status;
}

static void stage_clear(const struct recover *recover) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-journal", "node.key",
                                        "lock",     "heads",        "heads.mark",   "store.db.v1",      "store.db.v2"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%.1050s/%s", recover->stage, names[i]);
        os_file_remove(path);
    }
    os_directory_remove(recover->stage);
}

static enum status recover_staged(struct recover *recover, struct recovered *out) {
    char key[PATH_BYTES];
    (void)snprintf(key, sizeof key, "%.1050s/node.key", recover->stage);
    stage_clear(recover);
    enum status status = os_directory_make(recover->stage);
    if (status == STATUS_OK) {
        status = key_file_load(recover->key, recover->keys); /* of a try before */
        if (status == STATUS_NOT_FOUND)
            status = key_file_make(recover->key, recover->keys);
    }
    if (status == STATUS_OK)
        status = key_file_put(key, recover->keys);
    if (status == STATUS_OK)
        status = copy_prepare(recover);
    if (status == STATUS_OK)
        status = admit_self(recover, out);
    return status == STATUS_OK ? os_file_settle(recover->copy, recover->store) : status;
}

enum status store_recover(const struct recovering *asked, struct recovered *out) {
    struct recover recover = {.asked = asked,
                              .lock = {.fd = -1},
                              .founding = calloc(1, sizeof *recover.founding),
                              .admission = calloc(1, sizeof *recover.admission),
                              .keys = key_file_room()};
    char path[PATH_BYTES];
    *out = (struct recovered){0};
    buffer_init(&recover.statement, STATEMENT_BYTES);
    (void)snprintf(recover.stage, PATH_BYTES, "%.1000s/restoring", asked->dir);
    (void)snprintf(recover.copy, PATH_BYTES, "%.1000s/restoring/store.db", asked->dir);
    (void)snprintf(recover.store, PATH_BYTES, "%.1000s/store.db", asked->dir);
    (void)snprintf(recover.key, PATH_BYTES, "%.1000s/node.key", asked->dir);
    (void)snprintf(path, PATH_BYTES, "%.1000s/lock", asked->dir);
    enum status status = recover.founding == NULL || recover.admission == NULL || recover.keys == NULL ? STATUS_NO_MEMORY : keys_init();
    if (status == STATUS_OK && os_file_exists(recover.store))
        status = STATUS_STORE_EXISTS;
    if (status == STATUS_OK)
        status = os_directory_make(asked->dir);
    if (status == STATUS_OK)
        status = os_directory_private(asked->dir);
    if (status == STATUS_OK)
        status = os_lock(&recover.lock, path, WAIT_MS, NULL);
    if (status == STATUS_OK) {
        status = recover_staged(&recover, out);
        stage_clear(&recover);
        os_unlock(&recover.lock);
    }
    buffer_fini(&recover.statement);
    key_file_release(recover.keys);
    free(recover.admission);
    free(recover.founding);
    return status;
}
