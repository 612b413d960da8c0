/* SQLite's files on disks in memory, as its own VFS for Linux treats real ones: same errors for the same trouble, same flags, same syncs of directories.
 * Methods of version 1: no shared memory, no mapping; exclusive locking needs neither. */
#include "tests/disk/disk_internal.h"

#include <sqlite3.h>
#include <stdio.h>

enum { PATH_BYTES_MAX = 1200 };

struct vfs_file {
    sqlite3_file base;
    struct disk_file *file;
    int lock;
    bool read_only, delete_on_close, sync_directory;
    char path[PATH_BYTES_MAX]; /* empty: a file without a name */
};

static int last_error;

static struct vfs_file *own(sqlite3_file *file) {
    return (struct vfs_file *)file;
}

static int failed(int error, int code) {
    last_error = error;
    return code;
}

/* ---- locks ---- */

static int vfs_unlock(sqlite3_file *base, int level) {
    struct vfs_file *vfs = own(base);
    struct disk_file *file = vfs->file;
    if (level >= vfs->lock)
        return SQLITE_OK;
    if (file->exclusive == vfs)
        file->exclusive = NULL;
    if (file->reserved == vfs)
        file->reserved = NULL;
    if (level == SQLITE_LOCK_NONE)
        file->shared--;
    vfs->lock = level;
    return SQLITE_OK;
}

static int vfs_lock(sqlite3_file *base, int level) {
    struct vfs_file *vfs = own(base);
    struct disk_file *file = vfs->file;
    if (level <= vfs->lock)
        return SQLITE_OK;
    if (file->disk->dead)
        return failed(EIO, SQLITE_IOERR_LOCK);
    if ((file->exclusive != NULL && file->exclusive != vfs) || (level > SQLITE_LOCK_SHARED && file->reserved != NULL && file->reserved != vfs))
        return SQLITE_BUSY;
    if (vfs->lock == SQLITE_LOCK_NONE) {
        file->shared++;
        vfs->lock = SQLITE_LOCK_SHARED;
    }
    if (level >= SQLITE_LOCK_RESERVED)
        file->reserved = vfs;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
        file->exclusive = vfs; /* nobody new reads from here on, also where it is busy still */
        if (file->shared > 1) {
            vfs->lock = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
    }
    vfs->lock = level;
    return SQLITE_OK;
}

static int vfs_reserved(sqlite3_file *base, int *out) {
    *out = own(base)->file->reserved != NULL;
    return SQLITE_OK;
}

/* ---- an open file ---- */

static int vfs_close(sqlite3_file *base) {
    struct vfs_file *vfs = own(base);
    (void)vfs_unlock(base, SQLITE_LOCK_NONE);
    disk_close(vfs->file);
    if (vfs->delete_on_close && vfs->path[0] != 0)
        (void)disk_remove(vfs->path, false);
    return SQLITE_OK;
}

static int vfs_read(sqlite3_file *base, void *out, int len, sqlite3_int64 offset) {
    size_t got;
    int error = disk_file_read(own(base)->file, out, (size_t)len, (uint64_t)offset, &got);
    if (error != 0)
        return failed(error, error == EIO ? SQLITE_IOERR_CORRUPTFS : SQLITE_IOERR_READ);
    last_error = 0;
    if (got == (size_t)len)
        return SQLITE_OK;
    memset((uint8_t *)out + got, 0, (size_t)len - got);
    return SQLITE_IOERR_SHORT_READ;
}

static int vfs_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset) {
    const uint8_t *at = data;
    for (size_t left = (size_t)len, put; left > 0; left -= put, at += put, offset += (sqlite3_int64)put) {
        int error = disk_file_write(own(base)->file, at, left, (uint64_t)offset, &put);
        if (error != 0)
            return error == ENOSPC ? failed(0, SQLITE_FULL) : failed(error, SQLITE_IOERR_WRITE);
    }
    return SQLITE_OK;
}

static int vfs_truncate(sqlite3_file *base, sqlite3_int64 size) {
    int error = disk_file_cut(own(base)->file, (uint64_t)size);
    return error != 0 ? failed(error, SQLITE_IOERR_TRUNCATE) : SQLITE_OK;
}

/* A journal's directory is synced with it the first time, and what comes of that is not looked at. */
static int vfs_sync(sqlite3_file *base, int flags) {
    struct vfs_file *vfs = own(base);
    (void)flags;
    int error = disk_file_sync(vfs->file);
    if (error != 0)
        return failed(error, SQLITE_IOERR_FSYNC);
    if (vfs->sync_directory) {
        char *slash = strrchr(vfs->path, '/');
        *slash = 0;
        struct disk_file *directory = disk_find(vfs->path);
        if (directory != NULL)
            (void)disk_file_sync(directory);
        *slash = '/';
        vfs->sync_directory = false;
    }
    return SQLITE_OK;
}

static int vfs_size(sqlite3_file *base, sqlite3_int64 *out) {
    const struct disk_file *file = own(base)->file;
    if (file->disk->dead)
        return failed(EIO, SQLITE_IOERR_FSTAT);
    *out = (sqlite3_int64)file->content.len;
    return SQLITE_OK;
}

static int vfs_control(sqlite3_file *base, int operation, void *arg) {
    (void)base, (void)operation, (void)arg;
    return SQLITE_NOTFOUND;
}

static int vfs_sector(sqlite3_file *base) {
    (void)base;
    return 4096;
}

/* As on Linux: what stands beside the bytes of a torn write stays as it was. Nothing more. */
static int vfs_device(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_unlock,
                                           .xCheckReservedLock = vfs_reserved,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector,
                                           .xDeviceCharacteristics = vfs_device};

/* ---- names ---- */

static int open_anonymous(struct vfs_file *out) {
    struct disk *disk = disk_world.used_last;
    bool cut;
    int error = disk == NULL ? ENOENT : disk_step(disk, DISK_OPEN, &cut);
    if (error != 0)
        return error;
    out->file = disk_file_new(disk);
    out->file->anonymous = true;
    out->file->opens = 1;
    return 0;
}

/* What cannot be opened for writing is opened for reading: so does the real one, whatever the reason was. */
static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *flags_out) {
    struct vfs_file *out = own(base);
    (void)vfs;
    memset(out, 0, sizeof *out);
    struct open_how how = {.create = (flags & SQLITE_OPEN_CREATE) != 0, .exclusive = (flags & SQLITE_OPEN_EXCLUSIVE) != 0, .mode = 0644};
    int error = path == NULL ? open_anonymous(out) : strlen(path) >= sizeof out->path ? ENAMETOOLONG : 0;
    if (path != NULL && error == 0) {
        (void)snprintf(out->path, sizeof out->path, "%s", path);
        if ((flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0) { /* as private as the database beside it */
            char *dash = strrchr(out->path, '-');
            *dash = 0;
            const struct disk_file *database = disk_find(out->path);
            how.mode = database != NULL ? database->mode : how.mode;
            *dash = '-';
        }
        error = disk_open(path, how, &out->file);
        if (error != 0 && error != EISDIR && (flags & SQLITE_OPEN_READWRITE) != 0) {
            how.create = how.exclusive = false;
            if (disk_open(path, how, &out->file) == 0) {
                error = 0;
                out->read_only = true;
                flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
            }
        }
        const int journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
        out->sync_directory = how.create && (flags & journals) != 0;
    }
    if (error != 0)
        return failed(error, SQLITE_CANTOPEN);
    out->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    out->base.pMethods = &methods;
    if (flags_out != NULL)
        *flags_out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync) {
    (void)vfs;
    const struct disk *disk = disk_of_path(path);
    int error = disk != NULL && disk->dead ? EIO : disk_remove(path, false);
    if (error == ENOENT)
        return SQLITE_IOERR_DELETE_NOENT;
    if (error != 0)
        return failed(error, SQLITE_IOERR_DELETE);
    char directory[PATH_BYTES_MAX];
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    struct disk_file *file = disk_find(directory);
    if (sync != 0 && file != NULL && (error = disk_file_sync(file)) != 0)
        return failed(error, SQLITE_IOERR_DIR_FSYNC);
    return SQLITE_OK;
}

/* An empty file is as good as none, says the real one. */
static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
    (void)vfs;
    const struct disk_file *file = disk_find(path);
    *out = file != NULL && !file->disk->dead && (flags != SQLITE_ACCESS_EXISTS || file->directory || file->content.len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int bytes, char *out) {
    (void)vfs;
    int len = snprintf(out, (size_t)bytes, "%s", path);
    return path[0] == '/' && len < bytes ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* ---- chance and time ---- */

/* A stream of its own: what the product draws must not depend on what SQLite does. */
static int vfs_random(sqlite3_vfs *vfs, int len, char *out) {
    (void)vfs;
    uint64_t state = disk_world.random ^ UINT64_C(0x53514c697465);
    for (int i = 0; i < len; i++)
        out[i] = (char)disk_draw(&state);
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    disk_world.monotonic_ms += microseconds / 1000;
    return microseconds;
}

/* In thousandths of a day's second since noon in Greenwich on November 24, 4714 B.C. */
static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out) {
    (void)vfs;
    *out = INT64_C(210866760000000) + disk_world.time * 1000;
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *out) {
    sqlite3_int64 ms;
    int code = vfs_time_ms(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return code;
}

static int vfs_last_error(sqlite3_vfs *vfs, int bytes, char *out) {
    (void)vfs, (void)bytes, (void)out;
    return last_error;
}

void disk_vfs_register(void) {
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .szOsFile = sizeof(struct vfs_file),
                              .mxPathname = PATH_BYTES_MAX - 16,
                              .zName = "disk",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_path,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_last_error,
                              .xCurrentTimeInt64 = vfs_time_ms};
    if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
        abort();
    sqlite3_randomness(0, NULL); /* its generator begins anew, from this world's seed */
}
