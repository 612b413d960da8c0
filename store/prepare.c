/* The first steps of opening a store or making one: the directory, the lock, the keys, the database with its tables; and taking back what was made. */
#include "store/internal.h"

#include "store/key_file.h"
#include "store/restore.h"
#include "store/schema.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STATEMENT_BYTES_MAX = 4096, /* sixteen recovery keys, a name, a few extensions */
    PATH_BYTES = 1100,
    ENTRY_BYTES_MAX = HEADER_BYTES_MAX + BODY_BYTES_MAX + SIGNATURE_BYTES_MAX + SALT_BYTES
};

static enum status path_in(char out[PATH_BYTES], const char *dir, const char *name) {
    int len = snprintf(out, PATH_BYTES, "%s/%s", dir, name);
    return len > 0 && len < PATH_BYTES ? STATUS_OK : STATUS_TOO_LARGE;
}

/* ---- directories ---- */

/* The length of the path without its last part and the slashes before that; of "/" and of a single name what stands before: 1 and 0. */
static size_t parent_length(const char *path, size_t len) {
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len;
}

/* How much of the directory's path is there already. */
static size_t length_there(const char *dir) {
    char path[PATH_BYTES];
    size_t len = strlen(dir);
    while (len > 0) {
        (void)snprintf(path, sizeof path, "%.*s", (int)len, dir);
        if (os_file_exists(path) || strcmp(path, "/") == 0)
            return len;
        len = parent_length(dir, len);
    }
    return 0;
}

/* The directories below the first `there` bytes of the path go, the innermost first, as far as they are empty. */
static void directories_remove(const char *dir, size_t there) {
    char path[PATH_BYTES];
    for (size_t len = strlen(dir); len > there; len = parent_length(dir, len)) {
        (void)snprintf(path, sizeof path, "%.*s", (int)len, dir);
        os_directory_remove(path);
    }
}

/* ---- the steps ---- */

static enum status directory_ready(struct store *store, bool create) {
    char path[PATH_BYTES];
    if (create) {
        store->made.directory_there = length_there(store->dir);
        enum status made = os_directory_make(store->dir);
        return made == STATUS_OK ? os_directory_private(store->dir) : made;
    }
    enum status status = path_in(path, store->dir, "store.db");
    if (status == STATUS_OK)
        status = os_file_look(path);
    if (status == STATUS_NOT_FOUND && restore_waits(store->dir))
        return STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_STORE_MISSING : status;
}

static enum status lock_ready(struct store *store, bool create, int64_t wait_ms, long *holder) {
    char path[PATH_BYTES];
    enum status status = path_in(path, store->dir, "lock");
    if (status != STATUS_OK)
        return status;
    bool there = os_file_exists(path);
    status = os_lock(&store->lock, path, wait_ms, holder);
    store->made.lock = status == STATUS_OK && create && !there;
    return status;
}

static enum status keys_ready(struct store *store, bool create) {
    char path[PATH_BYTES];
    enum status status = path_in(path, store->dir, "node.key");
    if (status != STATUS_OK)
        return status;
    store->keys = key_file_room();
    if (store->keys == NULL)
        return STATUS_NO_MEMORY;
    status = key_file_handed(store->keys); /* what the service manager hands over comes first: then no key need lie in the directory */
    if (status == STATUS_NOT_FOUND)
        status = key_file_load(path, store->keys);
    if (status != STATUS_NOT_FOUND)
        return status;
    if (!create)
        return STATUS_KEY_DAMAGED;
    status = key_file_make(path, store->keys);
    store->made.keys = status != STATUS_STORE_EXISTS;
    return status;
}

/* Where the last process has left its write-ahead log: had a sync failed it, what it takes for durable and what is could differ, and carrying over the one
 * would damage the other. */
static void reread_unclean(const char *database) {
    char log[PATH_BYTES];
    (void)snprintf(log, sizeof log, "%.*s-wal", (int)(sizeof log - sizeof "-wal"), database);
    if (!os_file_exists(log))
        return;
    os_file_reread(database);
    os_file_reread(log);
}

static enum status database_ready(struct store *store, bool create) {
    char path[PATH_BYTES];
    enum status status = path_in(path, store->dir, "store.db");
    if (status != STATUS_OK)
        return status;
    /* Made here and not by SQLite, so that no other user can read it whatever the umask. */
    if (create)
        status = os_file_create(path, (struct bytes){0}, true);
    store->made.database = create && status != STATUS_STORE_EXISTS;
    if (status != STATUS_OK && status != STATUS_STORE_EXISTS)
        return status;
    reread_unclean(path);
    status = db_open(&store->db, path, create, NULL);
    /* SQLite asks for that, and does not hear the answer: without it a write-ahead log that the last process deleted could come back in place of this one's. */
    if (status == STATUS_OK)
        status = os_name_sync(path);
    return status == STATUS_OK ? schema_ready(store->db, &store->schema_version) : status;
}

static struct store *store_new(void) {
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->lock.fd = -1;
    buffer_init(&store->founding_bytes, STATEMENT_BYTES_MAX);
    buffer_init(&store->read_bytes, ENTRY_BYTES_MAX);
    buffer_init(&store->replica_entry, ENTRY_BYTES_MAX);
    buffer_init(&store->replica_part, ENTRY_BYTES_MAX);
    buffer_init(&store->replica_receipt, RECEIPT_BYTES_MAX);
    buffer_init(&store->replica_evidence, ENTRY_BYTES_MAX);
    store->scratch = malloc(sizeof *store->scratch);
    store->seen_header = malloc(sizeof *store->seen_header);
    return store;
}

enum status store_prepare(struct store **out, const char *dir, bool create, int64_t wait_ms, long *holder) {
    *out = NULL;
    if (holder != NULL)
        *holder = 0;
    struct store *store = store_new();
    if (store == NULL)
        return STATUS_NO_MEMORY;
    enum status status = store->scratch == NULL || store->seen_header == NULL ? STATUS_NO_MEMORY : keys_init();
    if (status == STATUS_OK && snprintf(store->dir, sizeof store->dir, "%s", dir) >= (int)sizeof store->dir)
        status = STATUS_TOO_LARGE;
    store->made.directory_there = strlen(store->dir);
    if (status == STATUS_OK)
        status = directory_ready(store, create);
    if (status == STATUS_OK)
        status = lock_ready(store, create, wait_ms, holder);
    if (status == STATUS_OK)
        status = restore_complete(store->dir);
    if (status == STATUS_OK)
        status = keys_ready(store, create);
    if (status == STATUS_OK)
        status = database_ready(store, create);
    if (status != STATUS_OK) {
        store_abandon(store);
        return status;
    }
    *out = store;
    return STATUS_OK;
}

/* ---- taking back ---- */

static void remove_in(const char *dir, const char *name) {
    char path[PATH_BYTES];
    if (path_in(path, dir, name) == STATUS_OK)
        os_file_remove(path);
}

void store_abandon(struct store *store) {
    char dir[sizeof store->dir];
    struct store_made made = store->made;
    struct os_lock lock = store->lock; /* held until the files are gone: whoever waits for it must not find half of them */
    memcpy(dir, store->dir, sizeof dir);
    store->lock.fd = -1;
    store_close(store);
    if (made.database) {
        remove_in(dir, "store.db");
        remove_in(dir, "store.db-wal");
        remove_in(dir, "store.db-shm");
        remove_in(dir, "store.db-journal"); /* of the switch to the write-ahead log, where that failed */
    }
    if (made.keys)
        remove_in(dir, "node.key");
    if (made.lock)
        remove_in(dir, "lock");
    os_unlock(&lock);
    directories_remove(dir, made.directory_there);
}
