#include "store/restore.h"

#include "store/check.h"
#include "store/key_file.h"
#include "store/reissue.h"
#include "store/takeover.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PATH_BYTES = RESTORE_PATH_BYTES, DAY_NAMES_MAX = 1000, MARK_BYTES = 8, WAIT_MS = 2000 };

static void path_of(char out[PATH_BYTES], const char *dir, const char *name) {
    (void)snprintf(out, PATH_BYTES, "%s/%s", dir, name);
}

/* ---- backups ---- */

/* The mark stands in the store for as long as the copy takes. Should the process end in between, the next start takes this store for a restored one: that costs
 * an epoch. */
static enum status mark_put(struct store *store, bool set) {
    uint8_t time_bytes[MARK_BYTES];
    uint64_t now = (uint64_t)os_time();
    for (int i = 0; i < MARK_BYTES; i++)
        time_bytes[i] = (uint8_t)(now >> (56 - 8 * i));
    enum status status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    if (set) {
        status = store_meta_put(store->db, "backup", bytes_of(time_bytes, sizeof time_bytes));
    } else {
        struct query query = db_query(store->db, "DELETE FROM meta WHERE key = 'backup'");
        status = query_run(&query);
    }
    if (status == STATUS_OK)
        return store_commit(store);
    store_rollback(store);
    return status;
}

static enum status room_for_copy(struct store *store) {
    struct query query = db_query(store->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    int64_t size = query_next(&query) ? query_int(&query, 0) : 0;
    enum status status = query_end(&query);
    int64_t left = os_disk_free(store->dir);
    if (status == STATUS_OK && left >= 0 && left < size)
        status = STATUS_DISK_FULL;
    return status == STATUS_OK ? store_disk_room(store, STORE_OWN) : status;
}

enum status backup_make(struct store *store, int64_t *bytes) {
    char path[PATH_BYTES];
    *bytes = 0;
    path_of(path, store->dir, "backup.db");
    enum status status = room_for_copy(store);
    if (status == STATUS_OK)
        status = os_file_replace(path, (struct bytes){0}, true);
    if (status == STATUS_OK)
        status = mark_put(store, true);
    if (status == STATUS_OK) {
        status = db_backup(store->db, path);
        enum status cleared = mark_put(store, false);
        status = status == STATUS_OK ? cleared : status;
    }
    if (status == STATUS_OK)
        status = os_file_size(path, bytes);
    if (status != STATUS_OK)
        os_file_remove(path);
    return status;
}

enum status backup_read(struct store *store, int64_t offset, size_t bytes_max, struct buffer *out) {
    char path[PATH_BYTES];
    path_of(path, store->dir, "backup.db");
    return os_file_part(path, offset, bytes_max, out);
}

void backup_drop(struct store *store) {
    char path[PATH_BYTES];
    path_of(path, store->dir, "backup.db");
    os_file_remove(path);
}

/* ---- the copy beside the store ---- */

struct restore {
    const struct restoring *asked;
    struct restored *out;
    struct os_lock lock;
    char dir[PATH_BYTES], stage[PATH_BYTES], copy[PATH_BYTES]; /* DIR/restoring, and the copy in it */
    struct store *staged;
    struct store *held; /* merging: the store of this directory */
};

static void stage_clear(const struct restore *restore) {
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm", "store.db-journal", "node.key",   "lock",
                                        "heads",    "heads.mark",   "backup.db",    "store.db.v1",      "store.db.v2"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%.1000s/%s", restore->stage, names[i]);
        os_file_remove(path);
    }
    os_directory_remove(restore->stage);
}

static enum status stage_fill(struct restore *restore) {
    stage_clear(restore);
    enum status status = os_directory_make(restore->stage);
    return status == STATUS_OK ? os_file_copy(restore->asked->file, restore->copy) : status;
}

/* ---- who is it of? ---- */

struct identity {
    struct association_id association;
    struct node_id node;
    struct unit_id unit;
};

static enum status meta_fixed(struct db *db, const char *key, void *out, size_t len) {
    struct buffer row;
    buffer_init(&row, 64);
    enum status status = store_meta(db, key, &row);
    if (status == STATUS_OK && row.len == len)
        memcpy(out, row.data, len);
    else if (status == STATUS_OK)
        status = STATUS_BACKUP_INVALID;
    buffer_fini(&row);
    return status;
}

/* STATUS_BACKUP_INVALID: no database, or none of this program's. */
static enum status identify(struct db *db, struct restored *out, struct identity *identity) {
    struct buffer statement;
    struct founding *founding = calloc(1, sizeof *founding);
    buffer_init(&statement, 2 * FOUNDING_BYTES_MAX);
    enum status status = founding == NULL ? STATUS_NO_MEMORY : store_meta(db, "statement", &statement);
    if (status == STATUS_OK)
        status = founding_decode(founding, buffer_bytes(&statement));
    if (status == STATUS_OK) {
        identity->association = founding->association;
        status = meta_fixed(db, "self", identity->node.b, sizeof identity->node.b);
    }
    if (status == STATUS_OK)
        status = meta_fixed(db, "unit", identity->unit.b, sizeof identity->unit.b);
    uint8_t made[MARK_BYTES];
    if (status == STATUS_OK && meta_fixed(db, "backup", made, sizeof made) == STATUS_OK) {
        out->marked = true;
        for (int i = 0; i < MARK_BYTES; i++)
            out->made_at = (int64_t)((uint64_t)out->made_at << 8 | made[i]);
    }
    struct query query = db_query(db, "SELECT count(*) FROM entry");
    out->entries = query_next(&query) ? query_int(&query, 0) : 0;
    enum status counted = query_end(&query);
    buffer_fini(&statement);
    free(founding);
    if (status == STATUS_NO_MEMORY || status == STATUS_DISK_ERROR)
        return status;
    return status == STATUS_OK && counted == STATUS_OK ? STATUS_OK : STATUS_BACKUP_INVALID;
}

/* Of the copy; also makes sure that it is no older or newer kind of database than can be read. */
static enum status copy_identify(struct restore *restore, struct identity *identity) {
    struct db *db;
    enum status status = db_open(&db, restore->copy, false, NULL);
    if (status == STATUS_OK) {
        status = identify(db, restore->out, identity);
        db_close(db);
    }
    bool none = status == STATUS_STORE_DAMAGED || status == STATUS_STORE_MISSING || status == STATUS_INTERNAL;
    return none ? STATUS_BACKUP_INVALID : status;
}

/* ---- another node of the same unit: its entries come into this store ---- */

static enum status succeed_one(struct store *store, struct bytes node) {
    struct node_id former;
    if (node.len != sizeof former.b || memcmp(node.data, store->self.b, sizeof former.b) == 0)
        return STATUS_OK;
    memcpy(former.b, node.data, sizeof former.b);
    return reissue_for(store, &former);
}

/* This node goes on with what the one wrote whose store that is, and those with which that one went on. */
static enum status succeed(struct store *store, struct db *from) {
    enum status status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    struct query query = db_query(from, "SELECT value FROM meta WHERE key = 'self' OR key GLOB 'former.*'");
    while (status == STATUS_OK && query_next(&query))
        status = succeed_one(store, query_blob(&query, 0));
    enum status ended = query_end(&query);
    status = status == STATUS_OK && ended == STATUS_NO_MEMORY ? ended : status; /* one that cannot be read says nothing */
    if (status == STATUS_OK)
        return store_commit(store);
    store_rollback(store);
    return status;
}

static enum status merge(struct restore *restore) {
    struct takeover took;
    struct db *from;
    enum status status = db_open(&from, restore->copy, false, NULL);
    if (status != STATUS_OK)
        return status;
    if (!restore->asked->dry_run)
        status = succeed(restore->held, from);
    if (status == STATUS_OK && !restore->asked->dry_run)
        status = takeover_entries(restore->held, from, &took);
    db_close(from);
    restore->out->merged = true;
    if (status == STATUS_OK && !restore->asked->dry_run) {
        restore->out->taken = took.taken;
        restore->out->left = took.left;
        restore->out->unreadable = took.unreadable;
    }
    return status;
}

/* ---- the same node: the copy takes the store's place ---- */

static enum status keys_fit(const struct restore *restore) {
    char path[PATH_BYTES];
    struct node_keys *keys = key_file_room();
    if (keys == NULL)
        return STATUS_NO_MEMORY;
    enum status status = key_file_handed(keys);
    if (status == STATUS_NOT_FOUND) {
        (void)snprintf(path, sizeof path, "%.1000s/node.key", restore->dir);
        status = key_file_load(path, keys);
        if (status == STATUS_OK) {
            (void)snprintf(path, sizeof path, "%.1000s/node.key", restore->stage);
            status = key_file_put(path, keys);
        }
    }
    key_file_release(keys);
    return status == STATUS_NOT_FOUND ? STATUS_STORE_MISSING : status;
}

static enum status prove(struct restore *restore) {
    struct check_counts counts;
    enum status status = check_run(restore->staged, restore->asked->findings, &counts);
    return status == STATUS_OK && json_array_size(restore->asked->findings) > 0 ? STATUS_STORE_DAMAGED : status;
}

static enum status mark_restored(struct restore *restore, struct db *other) {
    struct store *staged = restore->staged;
    enum status status = store_begin(staged);
    if (status != STATUS_OK)
        return status;
    status = other != NULL ? takeover_settings(staged, other) : STATUS_OK;
    if (status == STATUS_OK)
        status = life_restored(staged);
    struct query query = db_query(staged->db, "DELETE FROM meta WHERE key = 'backup'");
    enum status cleared = query_run(&query);
    status = status == STATUS_OK ? cleared : status;
    if (status == STATUS_OK)
        return store_commit(staged);
    store_rollback(staged);
    return status;
}

/* What the store that is there alone has. One that cannot even be opened keeps what it has: it is moved aside all the same. */
static enum status take_over(struct restore *restore) {
    char path[PATH_BYTES];
    struct takeover took = {0};
    struct db *other = NULL;
    (void)snprintf(path, sizeof path, "%.1000s/store.db", restore->dir);
    enum status status = os_file_exists(path) ? db_open(&other, path, false, NULL) : STATUS_OK;
    if (status == STATUS_NO_MEMORY)
        return status;
    restore->out->unreadable = status != STATUS_OK;
    if (other != NULL) {
        status = takeover_entries(restore->staged, other, &took);
        restore->out->taken = took.taken;
        restore->out->left = took.left;
        restore->out->unreadable |= took.unreadable;
    } else {
        status = STATUS_OK;
    }
    if (status == STATUS_OK)
        status = mark_restored(restore, other);
    db_close(other);
    return status;
}

/* A name that nothing has yet: DIR/replaced-2026-11-23, and so on with a number. */
static enum status replaced_make(struct restore *restore) {
    char *out = restore->out->replaced;
    struct tm day = {0};
    time_t now = (time_t)os_time();
    if (gmtime_r(&now, &day) == NULL)
        now = 0;
    for (int i = 1; i < DAY_NAMES_MAX; i++) {
        char number[16] = "";
        if (i > 1)
            (void)snprintf(number, sizeof number, "-%d", i);
        (void)snprintf(out, RESTORE_PATH_BYTES, "%.1000s/replaced-%04d-%02d-%02d%s", restore->dir, day.tm_year + 1900, day.tm_mon + 1, day.tm_mday, number);
        if (!os_file_exists(out))
            return os_directory_make(out);
    }
    return STATUS_STORE_EXISTS;
}

/* 1. The log that lies beside the store is copied to where the store will be: without it the store has not all that it had. 2. The store moves there, in one
 * step: from now on the copy, which waits under its last name but one, is the store. */
static enum status store_aside(struct restore *restore) {
    char from[PATH_BYTES], to[PATH_BYTES];
    (void)snprintf(from, sizeof from, "%.1000s/store.db-wal", restore->dir);
    (void)snprintf(to, sizeof to, "%.1050s/store.db-wal", restore->out->replaced);
    enum status status = os_file_exists(from) ? os_file_copy(from, to) : STATUS_OK;
    (void)snprintf(from, sizeof from, "%.1000s/store.db", restore->dir);
    (void)snprintf(to, sizeof to, "%.1050s/store.db", restore->out->replaced);
    if (status == STATUS_OK)
        status = os_file_settle(from, to);
    return status == STATUS_OK ? os_name_sync(from) : status;
}

static enum status install(struct restore *restore) {
    char next[PATH_BYTES], store[PATH_BYTES];
    (void)snprintf(next, sizeof next, "%.1000s/store.db.next", restore->dir);
    (void)snprintf(store, sizeof store, "%.1000s/store.db", restore->dir);
    bool there = os_file_exists(store);
    enum status status = there ? replaced_make(restore) : STATUS_OK;
    if (status == STATUS_OK)
        status = os_file_settle(restore->copy, next);
    if (status == STATUS_OK && there)
        status = store_aside(restore);
    return status == STATUS_OK ? restore_complete(restore->dir) : status;
}

static enum status replace(struct restore *restore) {
    enum status status = keys_fit(restore);
    if (status == STATUS_OK)
        status = store_open(&restore->staged, restore->stage, WAIT_MS, NULL);
    if (status == STATUS_KEY_DAMAGED || status == STATUS_STORE_MISSING)
        status = status == STATUS_KEY_DAMAGED ? STATUS_BACKUP_OTHER : status;
    if (status == STATUS_OK)
        status = prove(restore);
    if (status == STATUS_OK && !restore->asked->dry_run)
        status = take_over(restore);
    store_close(restore->staged);
    restore->staged = NULL;
    return status == STATUS_OK && !restore->asked->dry_run ? install(restore) : status;
}

/* ---- the whole ---- */

/* Is this directory another node of the unit that the copy is of? Then its store is opened. */
static enum status other_node(struct restore *restore, const struct identity *of_copy) {
    struct identity here;
    struct restored ignored = {0};
    struct db *db;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%.1000s/store.db", restore->dir);
    if (!os_file_exists(path) || db_open(&db, path, false, NULL) != STATUS_OK)
        return STATUS_OK;
    enum status status = identify(db, &ignored, &here);
    db_close(db);
    if (status != STATUS_OK || (ID_EQUAL(&here.association, &of_copy->association) && ID_EQUAL(&here.node, &of_copy->node)))
        return status == STATUS_NO_MEMORY ? status : STATUS_OK;
    if (!ID_EQUAL(&here.association, &of_copy->association) || !ID_EQUAL(&here.unit, &of_copy->unit))
        return STATUS_BACKUP_OTHER;
    os_unlock(&restore->lock); /* the store takes it itself */
    restore->lock.fd = -1;
    return store_open(&restore->held, restore->dir, WAIT_MS, restore->asked->holder);
}

static enum status restore_locked(struct restore *restore) {
    struct identity identity;
    enum status status = restore_complete(restore->dir);
    if (status == STATUS_OK)
        status = stage_fill(restore);
    if (status == STATUS_OK)
        status = copy_identify(restore, &identity);
    if (status == STATUS_OK)
        status = other_node(restore, &identity);
    if (status != STATUS_OK)
        return status;
    status = restore->held != NULL ? merge(restore) : replace(restore);
    store_close(restore->held);
    return status;
}

enum status store_restore(const struct restoring *asked, struct restored *out) {
    char path[PATH_BYTES];
    *out = (struct restored){0};
    struct restore restore = {.asked = asked, .out = out, .lock = {.fd = -1}};
    if (snprintf(restore.dir, sizeof restore.dir, "%s", asked->dir) >= 1000)
        return STATUS_TOO_LARGE;
    path_of(restore.stage, asked->dir, "restoring");
    path_of(restore.copy, asked->dir, "restoring/store.db");
    path_of(path, asked->dir, "node.key");
    if (os_file_look(path) == STATUS_NOT_FOUND && !os_credential(KEY_FILE_CREDENTIAL, path, sizeof path))
        return STATUS_STORE_MISSING;
    path_of(path, asked->dir, "lock");
    enum status status = keys_init();
    if (status == STATUS_OK)
        status = os_lock(&restore.lock, path, WAIT_MS, asked->holder);
    if (status != STATUS_OK)
        return status;
    status = restore_locked(&restore);
    stage_clear(&restore);
    os_unlock(&restore.lock);
    return status;
}

/* ---- a restore that was broken off ---- */

bool restore_waits(const char *dir) {
    char store[PATH_BYTES], next[PATH_BYTES];
    path_of(store, dir, "store.db");
    path_of(next, dir, "store.db.next");
    return os_file_look(store) == STATUS_NOT_FOUND && os_file_exists(next);
}

enum status restore_complete(const char *dir) {
    char store[PATH_BYTES], next[PATH_BYTES], path[PATH_BYTES];
    path_of(store, dir, "store.db");
    path_of(next, dir, "store.db.next");
    path_of(path, dir, "backup.db"); /* that nobody fetched to its end */
    os_file_remove(path);
    if (!os_file_exists(next))
        return STATUS_OK;
    if (os_file_exists(store)) { /* it had not come to that: the command has not said that it did anything */
        os_file_remove(next);
        return STATUS_OK;
    }
    /* What lies beside by the names of its log belongs to the store that went, and lies there too. */
    static const char *const ends[] = {"store.db-wal", "store.db-shm", "store.db-journal"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        path_of(path, dir, ends[i]);
        os_file_remove(path);
    }
    enum status status = os_name_sync(store);
    return status == STATUS_OK ? os_file_settle(next, store) : status;
}
