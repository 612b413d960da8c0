/* Backups, and going on from one. Owns the forms of both: a backup is the store's database, whole, in one file, marked as what it is; it holds no key. Requests make one (store/request_care.c);
 * the tool restores one, in a directory whose daemon does not run. */
#ifndef STORE_RESTORE_H
#define STORE_RESTORE_H

#include "store/store.h"

/* ---- backups ---- */

/* Writes DIR/backup.db in place of one that is there: the store as it is now. Not inside a transaction. bytes: how long it became. DISK_FULL where there is no room for it. */
CHECKED enum status backup_make(struct store *store, int64_t *bytes);
CHECKED enum status backup_read(struct store *store, int64_t offset, size_t bytes_max, struct buffer *out); /* NOT_FOUND: there is none */
void backup_drop(struct store *store);

/* ---- restoring ---- */

enum { RESTORE_PATH_BYTES = 1100 };
/* What was done, or (dry_run) would be. */
struct restored {
    bool marked;           /* the file is what `hoi backup` made; then made_at says when */
    int64_t made_at;
    bool merged;           /* the file is another node's of the same unit: what it has was taken over, and nothing else changed */
    bool unreadable;       /* the store that was there could not be read, or not to its end: what it alone had is still only in `replaced` */
    int64_t entries;       /* in the file */
    int64_t taken;         /* entries and bodies that were only in the other of the two */
    int64_t left;          /* entries of the other one whose author is not known here: still only there */
    char replaced[RESTORE_PATH_BYTES]; /* where the store that was there lies now; empty: there was none */
};
/* Goes on from the backup in `file`, in dir, where node.key is (also alone). 1. The file is copied beside the store, opened with the directory's key, and proved as `check` does. 2. What the store
 * that is there has and the copy has not, entries, bodies and settings, is taken over. 3. The copy is marked, so that its next own entries begin new epochs (store/life.h). 4. It takes
 * the store's place, which moves to DIR/replaced-DATE. Up to 4 nothing has changed; whatever ends the process in 4, the next opening completes it (restore_complete).
 * If dir is another node of the unit that the file is of, what the file alone has is taken over into its store.
 * STORE_LOCKED (*holder), STORE_MISSING (no key in dir: nothing to be that node with), BACKUP_INVALID (no store of this program), BACKUP_OTHER (of another association, or another unit's node), STORE_DAMAGED (findings
 * added), STORE_NEWER, KEY_*, FILE_UNREADABLE, NOT_FOUND (the file), DISK_*, PERMISSION. */
struct restoring { const char *dir, *file; bool dry_run; json_t *findings; long *holder; };
CHECKED enum status store_restore(const struct restoring *restoring, struct restored *out);

/* Before the database is opened, under the lock: a restore that was broken off is completed, or taken back where the old store still has its place. */
CHECKED enum status restore_complete(const char *dir);
bool restore_waits(const char *dir); /* is there no store.db, but one that waits to take its place? */

#endif
