#include "store/internal.h"

#include "protocol/compress.h"
#include "protocol/planted.h"
#include "store/bounds.h"
#include "store/branch.h"
#include "store/extract_cut.h"
#include "store/key_file.h"
#include "store/migrate.h"
#include "store/reissue.h"
#include "store/rotate.h"
#include "store/schema.h"
#include "store/trust_write.h"

#include <assert.h>
#include <stdlib.h>

enum {
    META_BYTES_MAX = 8192,
    MARK_CLEAN = 0, /* last byte of meta's version: how the last process ended */
    MARK_OPEN = 1
};
/* What is left when nothing new is taken: enough for the write-ahead log to be carried over in full (journal_size_limit), so that what was acknowledged stays
 * whole, for revocations and receipts, and for `hoi` to say what is wrong. On a small disk (a stick, a test) an eighth of it. */
#define DISK_FLOOR (INT64_C(16) * 1024 * 1024)

/* ---- meta ---- */

enum status store_meta(struct db *db, const char *key, struct buffer *out) {
    buffer_clear(out);
    struct query query = db_query(db, "SELECT value FROM meta WHERE key = ?");
    query_bind_text(&query, bytes_of(key, strlen(key)));
    enum status status = STATUS_NOT_FOUND;
    if (query_next(&query)) {
        struct bytes value = query_blob(&query, 0);
        status = buffer_append(out, value.data, value.len);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

enum status store_meta_put(struct db *db, const char *key, struct bytes value) {
    struct query query = db_query(db, "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    query_bind_text(&query, bytes_of(key, strlen(key)));
    query_bind_blob(&query, value);
    return query_run(&query);
}

/* A row of exactly len bytes. */
static enum status meta_fixed(struct store *store, const char *key, void *out, size_t len) {
    struct buffer value;
    buffer_init(&value, META_BYTES_MAX);
    enum status status = store_meta(store->db, key, &value);
    if (status == STATUS_OK && value.len != len)
        status = STATUS_STORE_DAMAGED;
    if (status == STATUS_OK)
        memcpy(out, value.data, len);
    buffer_fini(&value);
    return status;
}

/* The version is kept with the mark of an unclean end, so that one row says both, in the transaction it speaks of. */
static enum status version_put(struct store *store, uint8_t mark) {
    uint8_t row[9];
    for (int i = 0; i < 8; i++)
        row[i] = (uint8_t)(store->version >> (56 - 8 * i));
    row[8] = mark;
    return store_meta_put(store->db, "version", bytes_of(row, sizeof row));
}

static enum status version_get(struct store *store, uint8_t *mark) {
    uint8_t row[9];
    *mark = MARK_CLEAN;
    enum status status = meta_fixed(store, "version", row, sizeof row);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status; /* joined, and nothing written yet */
    uint64_t version = 0;
    for (int i = 0; i < 8; i++)
        version = version << 8 | row[i];
    store->version = version > store->version ? version : store->version;
    *mark = row[8];
    return STATUS_OK;
}

/* ---- transactions ---- */

enum status store_touch(struct store *store) {
    assert(db_in_transaction(store->db));
    store->version += PLANTED("change-untold") ? 0 : 1;
    return version_put(store, MARK_OPEN);
}

enum status store_begin(struct store *store) {
    enum status status = store_tree_ready(store);
    if (status != STATUS_OK)
        return status;
    /* What could not be applied before is tried again with whatever comes: then the tree may change in any transaction. */
    store->tree_touched |= store->apply_status != STATUS_OK;
    return db_begin(store->db);
}

enum status store_commit(struct store *store) {
    enum status status = db_commit(store->db);
    if (status != STATUS_OK)
        store_rollback(store);
    else
        life_committed(store);
    if (status == STATUS_OK && store->erased && !PLANTED("erased-stays-on-disk"))
        (void)!db_tidy(store->db); /* what stops it stops the next to write as well, and the day's tidying does it again */
    store->tree_touched = store->erased = false;
    return status;
}

void store_rollback(struct store *store) {
    db_rollback(store->db);
    life_rolled_back(store);
    bounds_forget(store);
    store->erased = false;
    if (!store->tree_touched)
        return;
    form_view_close(store);
    store->tree_touched = false;
    store->tree_stale = store_load_tree(store) != STATUS_OK; /* then the next to come in does it */
}

enum status store_tree_ready(struct store *store) {
    enum status status = store->tree_stale ? store_load_tree(store) : STATUS_OK;
    store->tree_stale = status != STATUS_OK;
    return status;
}

static enum status tree_asks(void *ctx, int64_t a, int64_t b, bool *seen) {
    return log_has_seen(ctx, a, b, seen);
}

enum status store_load_tree(struct store *store) {
    struct tree *old = store->tree;
    store->tree = NULL;
    enum status status = tree_new(&store->tree, &store->founding);
    if (status == STATUS_OK) {
        tree_set_seen(store->tree, tree_asks, store);
        tree_set_holds(store->tree, branch_holds, store);
        if (store->line_hint.count > 0)
            tree_set_hint(store->tree, &store->unit, &store->line_hint);
        status = control_load(store);
    }
    if (status == STATUS_OK)
        status = tree_settle(store->tree);
    if (status != STATUS_OK) {
        tree_free(store->tree);
        store->tree = old;
        return status;
    }
    if (old != NULL) /* the new tree counts its versions from the start: what others remember must never come again */
        store->views_version += tree_version(old) + 1;
    tree_free(old);
    bounds_forget(store); /* it speaks of nodes by the numbers of the old one */
    return STATUS_OK;
}

enum status store_disk_room(struct store *store, enum store_taking taking) {
    int64_t left = os_disk_free(store->dir), size = os_disk_size(store->dir);
    if (left < 0 || size < 0)
        return STATUS_OK; /* unknown: SQLite itself says so when it is full */
    int64_t floor = size / 8 < DISK_FLOOR ? size / 8 : DISK_FLOOR;
    return left < floor >> taking ? STATUS_DISK_FULL : STATUS_OK;
}

/* ---- opening ---- */

/* Are these the keys of the node that the store belongs to? */
static enum status keys_fit(struct store *store) {
    struct buffer core;
    buffer_init(&core, META_BYTES_MAX);
    struct admission *admission = calloc(1, sizeof *admission);
    enum status status = admission == NULL ? STATUS_NO_MEMORY : store_meta(store->db, "core", &core);
    const uint8_t *signing = store->founding.signing_key, *transport = store->founding.transport_key;
    if (status == STATUS_OK) {
        status = admission_core_decode(admission, buffer_bytes(&core));
        signing = admission->signing_key;
        transport = admission->transport_key;
    } else if (status == STATUS_NOT_FOUND) {
        status = STATUS_OK; /* the founder */
    }
    if (status == STATUS_OK && (memcmp(signing, store->keys->signing_public, 32) != 0 || memcmp(transport, store->keys->transport_public, 32) != 0))
        status = rotate_keys(store, signing, transport); /* the power may have gone before a new key took its name */
    free(admission);
    buffer_fini(&core);
    return status;
}

static enum status line_get(struct store *store) {
    struct buffer line;
    buffer_init(&line, META_BYTES_MAX);
    enum status status = store_meta(store->db, "line", &line);
    if (status == STATUS_OK && (line.len % 16 != 0 || line.len / 16 > LINE_UNITS_MAX))
        status = STATUS_STORE_DAMAGED;
    if (status == STATUS_OK) {
        store->line_hint.count = line.len / 16;
        for (size_t i = 0; i < store->line_hint.count; i++)
            memcpy(store->line_hint.units[i].b, line.data + 16 * i, 16);
    }
    buffer_fini(&line);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Who we are: from meta. */
static enum status identity_get(struct store *store) {
    struct buffer signature;
    buffer_init(&signature, META_BYTES_MAX);
    enum status status = store_meta(store->db, "statement", &store->founding_bytes);
    if (status == STATUS_OK)
        status = founding_decode(&store->founding, buffer_bytes(&store->founding_bytes));
    if (status == STATUS_OK)
        status = store_meta(store->db, "signature", &signature);
    if (status == STATUS_OK)
        status = signature.len != 64 ? STATUS_STORE_DAMAGED : founding_verify(&store->founding, buffer_bytes(&store->founding_bytes), signature.data);
    if (status == STATUS_OK)
        status = buffer_append(&store->founding_bytes, signature.data, signature.len);
    buffer_fini(&signature);
    if (status == STATUS_OK) /* appending may have moved the bytes that the founding borrows */
        status = founding_decode(&store->founding, bytes_of(store->founding_bytes.data, store->founding_bytes.len - 64));
    if (status == STATUS_OK)
        status = meta_fixed(store, "self", store->self.b, sizeof store->self.b);
    if (status == STATUS_OK)
        status = meta_fixed(store, "unit", store->unit.b, sizeof store->unit.b);
    if (status == STATUS_OK)
        status = line_get(store);
    if (status == STATUS_OK)
        status = life_open(store);
    if (status == STATUS_MALFORMED || status == STATUS_TRUNCATED || status == STATUS_TRAILING || status == STATUS_SIGNATURE_BAD)
        status = STATUS_STORE_DAMAGED;
    return status == STATUS_OK ? keys_fit(store) : status;
}

/* The views of a store just brought to this version, all of them, in the transaction that did it. */
static enum status migrate_end(struct store *store) {
    enum status status = apply_pending(store);
    if (status == STATUS_OK)
        status = store_touch(store);
    if (status == STATUS_OK)
        status = db_commit(store->db);
    store->tree_touched = false;
    return status;
}

/* What an earlier process left undone. That it cannot be done now (a full disk) is no reason to refuse reading. */
static enum status catch_up(struct store *store) {
    enum status status = store_begin(store);
    if (status == STATUS_OK) {
        status = apply_pending(store);
        if (status == STATUS_OK)
            status = store_commit(store);
        else
            store_rollback(store);
    }
    store->apply_status = status;
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

/* Everything but the directory, its keys and its tables. older: the transaction of a migration is open. */
static enum status open_rest(struct store *store, bool older) {
    enum status status = identity_get(store);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_STORE_MISSING; /* an init or join that was broken off: it can be repeated */
    if (status == STATUS_OK) {
        store->tree_touched = true; /* whatever goes wrong before the first commit, the tree is made from what is kept */
        status = store_load_tree(store);
    }
    if (status == STATUS_OK)
        store->views_reviewed = store_views_version(store);
    if (status == STATUS_OK)
        status = older ? migrate_end(store) : catch_up(store);
    return status;
}

enum status store_open(struct store **out, const char *dir, int64_t wait_ms, long *holder) {
    enum status status = store_prepare(out, dir, false, wait_ms, holder);
    if (status != STATUS_OK)
        return status;
    struct store *store = *out;
    const int64_t version = store->schema_version;
    const bool older = version != SCHEMA_VERSION;
    uint8_t mark;
    status = version_get(store, &mark);
    if (status == STATUS_OK && mark != MARK_CLEAN)
        status = db_quick_check(store->db);
    if (status == STATUS_OK && older)
        status = migrate_begin(store, version);
    if (status == STATUS_OK) {
        status = open_rest(store, older);
        if (status != STATUS_OK && older) {
            db_rollback(store->db);
            migrate_undone(store, version);
        }
    }
    if (status == STATUS_OK && !older && mark == MARK_CLEAN && store->apply_status == STATUS_OK)
        migrate_forget(store);
    if (status == STATUS_OK)
        life_keep(store);
    if (status == STATUS_OK) {
        enum status rotated = rotate_complete(store); /* a disk that is full now, or a node that stands no longer: no reason to refuse reading */
        status = rotated == STATUS_NO_MEMORY || rotated == STATUS_KEY_DAMAGED ? rotated : STATUS_OK;
        if (status == STATUS_OK)
            reissue(store, NULL);
    }
    if (status != STATUS_OK) {
        store_close(store);
        *out = NULL;
    }
    return status;
}

/* A store without the mark of an open one needs no check at the next start. If it cannot be written, the next start checks once for nothing. */
static void mark_clean(struct store *store) {
    uint8_t mark;
    if (version_get(store, &mark) != STATUS_OK || mark == MARK_CLEAN || db_begin(store->db) != STATUS_OK)
        return;
    if (version_put(store, MARK_CLEAN) != STATUS_OK || db_commit(store->db) != STATUS_OK)
        db_rollback(store->db);
}

void store_close(struct store *store) {
    if (store == NULL)
        return;
    request_import_close(store);
    form_view_close(store);
    rollup_plan_close(store);
    bounds_forget(store);
    if (store->db != NULL) {
        db_rollback(store->db);
        mark_clean(store);
        db_close(store->db);
    }
    tree_free(store->tree);
    key_file_release(store->keys);
    buffer_fini(&store->founding_bytes);
    buffer_fini(&store->read_bytes);
    buffer_fini(&store->kept_body);
    compressor_free(store->compressor);
    buffer_fini(&store->replica_entry);
    buffer_fini(&store->replica_part);
    buffer_fini(&store->replica_receipt);
    buffer_fini(&store->replica_evidence);
    json_decref(store->uplinks);
    json_decref(store->config);
    json_decref(store->uplink_addresses);
    free(store->scratch);
    free(store->seen_header);
    os_unlock(&store->lock);
    free(store);
}

enum status store_failed(const struct store *store) {
    return db_failed(store->db);
}

enum status store_idle(struct store *store) {
    enum status status = db_tidy(store->db);
    if (status == STATUS_OK) /* what these write is tidied up in the next idle spell; each does next time what it could not do now */
        status = extract_cut(store, NULL);
    if (status == STATUS_OK) { /* last, so that an error says that nothing was written where no extract was due */
        reissue(store, NULL);
        status = trust_pin_monthly(store);
    }
    os_memory_trim(); /* most of the time an office does nothing: its PC has other uses for the memory of a busy minute */
    return status;
}

/* ---- small answers ---- */

const struct founding *store_founding_of(const struct store *store) {
    return &store->founding;
}

const struct node_keys *store_keys(const struct store *store) {
    return store->keys;
}

uint64_t store_version(const struct store *store) {
    return store->version;
}

uint64_t store_views_version(const struct store *store) {
    return store->views_version + tree_version(store->tree);
}

size_t store_children(const struct store *store) {
    size_t count = 0, handles = tree_node_count(store->tree);
    uint32_t self = tree_node(store->tree, &store->self);
    for (uint32_t i = 0; self != TREE_NONE && i < handles; i++) {
        const struct tree_node *node = tree_node_at(store->tree, i);
        count += node->unit != TREE_NONE && node->inviter == self;
    }
    return count;
}

void store_set_links(struct store *store, json_t *uplinks) {
    json_decref(store->uplinks);
    store->uplinks = json_incref(uplinks);
}
