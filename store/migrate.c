#include "store/migrate.h"

#include "store/schema.h"

#include <assert.h>
#include <stdio.h>

/* A step a version, ascending, each to the version after it. */
static const struct migration steps[] = {
#ifdef HOI_TEST_MIGRATION
    HOI_TEST_MIGRATION, /* from a version that never was, made up by a test */
#endif
    /* 2: a body may stand as one compressed frame (those that are held stay as they are); the views' records carry a shorter sum and are packed otherwise. */
    {1, NULL, NULL},
    /* 3: a token knows when it was made, and the head of the root's log that it stands for; a log how far its control changes were taken, and how far it stood;
     * branches that fell are kept beside the logs. */
    {2,
     "ALTER TABLE invitation ADD COLUMN invited INTEGER NOT NULL DEFAULT 0; ALTER TABLE invitation ADD COLUMN root BLOB;"
     "ALTER TABLE log ADD COLUMN controlled INTEGER NOT NULL DEFAULT 0; ALTER TABLE log ADD COLUMN stands INTEGER NOT NULL DEFAULT 9223372036854775807;"
     "ALTER TABLE log ADD COLUMN why INTEGER NOT NULL DEFAULT 0; ALTER TABLE log ADD COLUMN brought BLOB;"
     "ALTER TABLE log ADD COLUMN counted INTEGER NOT NULL DEFAULT 0; ALTER TABLE log ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE log ADD COLUMN control INTEGER NOT NULL DEFAULT 0;"
     "CREATE INDEX log_brought ON log(brought) WHERE brought IS NOT NULL;"
     "CREATE INDEX log_ahead ON log(id) WHERE controlled < head_seq AND kind > 1;"
     "CREATE INDEX entry_erased ON entry(log, seq) WHERE body_state = 4;"
     "CREATE TABLE fallen (log INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL CHECK(length(hash)=32), header BLOB NOT NULL, signature BLOB NOT "
     "NULL,"
     " salt BLOB, body BLOB, body_state INTEGER NOT NULL, peer BLOB, PRIMARY KEY(log, seq, hash)) STRICT;",
     NULL},
};
enum { STEP_COUNT = sizeof steps / sizeof steps[0], PATH_BYTES = 1100 };

/* The copy, what stands afterwards, and what SQLite writes in between to take the one for the other: each at most as large as the store, or little more. */
enum { ROOM_TIMES = 3 };

/* ---- the copy ---- */

static enum status copy_path(char out[PATH_BYTES], const struct store *store, int64_t version, const char *ending) {
    int len = snprintf(out, PATH_BYTES, "%s/store.db.v%lld%s", store->dir, (long long)version, ending);
    return len > 0 && len < PATH_BYTES ? STATUS_OK : STATUS_TOO_LARGE;
}

static enum status room(struct store *store) {
    struct query query = db_query(store->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    int64_t size = query_next(&query) ? query_int(&query, 0) : 0;
    enum status status = query_end(&query);
    int64_t left = os_disk_free(store->dir);
    if (status == STATUS_OK && left >= 0 && left / ROOM_TIMES < size)
        status = STATUS_DISK_FULL;
    return status == STATUS_OK ? store_disk_room(store, STORE_OWN) : status;
}

/* Written beside its name, as private as the store; the name is given when it is whole. */
static enum status copy_make(struct store *store, int64_t version) {
    char path[PATH_BYTES], beside[PATH_BYTES];
    enum status status = copy_path(path, store, version, "");
    if (status == STATUS_OK)
        status = copy_path(beside, store, version, ".new");
    if (status == STATUS_OK)
        status = os_file_replace(beside, (struct bytes){0}, true);
    if (status != STATUS_OK)
        return status;
    status = db_backup(store->db, beside);
    return status == STATUS_OK ? os_file_settle(beside, path) : status;
}

void migrate_undone(struct store *store, int64_t version) {
    static const char *const endings[] = {"", ".new"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (copy_path(path, store, version, endings[i]) == STATUS_OK)
            os_file_remove(path);
}

void migrate_forget(struct store *store) {
    char path[PATH_BYTES];
    for (size_t i = 0; i < STEP_COUNT; i++)
        if (copy_path(path, store, steps[i].from, "") == STATUS_OK && os_file_exists(path))
            os_file_remove(path);
}

/* ---- the change ---- */

static bool version_known(int64_t version) {
    return version >= steps[0].from && version < SCHEMA_VERSION;
}

/* Inside the transaction. */
static enum status steps_take(struct db *db, int64_t version) {
    enum status status = STATUS_OK;
    assert(steps[STEP_COUNT - 1].from == SCHEMA_VERSION - 1 && steps[0].from + STEP_COUNT == SCHEMA_VERSION); /* none is missing */
    for (size_t i = (size_t)(version - steps[0].from); status == STATUS_OK && i < STEP_COUNT; i++) {
        if (steps[i].script != NULL)
            status = db_script(db, steps[i].script);
        if (status == STATUS_OK && steps[i].run != NULL)
            status = steps[i].run(db);
        /* A table that is not there, a rule that does not hold: not what that version writes. */
        if (status == STATUS_INTERNAL)
            status = STATUS_STORE_DAMAGED;
    }
    return status == STATUS_OK ? schema_renew(db) : status;
}

static enum status change_begin(struct store *store, int64_t version) {
    enum status status = db_begin(store->db);
    if (status != STATUS_OK)
        return status;
    status = steps_take(store->db, version);
    if (status != STATUS_OK)
        db_rollback(store->db);
    return status;
}

enum status migrate_begin(struct store *store, int64_t version) {
    if (!version_known(version))
        return STATUS_STORE_DAMAGED;
    enum status status = room(store);
    if (status == STATUS_OK)
        status = copy_make(store, version);
    if (status == STATUS_OK)
        status = change_begin(store, version);
    if (status != STATUS_OK)
        migrate_undone(store, version);
    return status;
}

enum status migrate_empty(struct store *store, int64_t version) {
    if (!version_known(version))
        return STATUS_STORE_DAMAGED;
    enum status status = change_begin(store, version);
    return status == STATUS_OK ? db_commit(store->db) : status;
}
