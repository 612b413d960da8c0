/* A disk that can lose its power: a VFS over the system's own that knows what of each file is durable. At the chosen write, sync or cut it dies: nothing more
 * succeeds, and crash_power_off leaves each file as durable content plus any subset of the writes that no sync had confirmed, each of them whole, torn at a
 * sector, or not there. */
#ifndef TESTS_UNIT_CRASH_VFS_H
#define TESTS_UNIT_CRASH_VFS_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CRASH_FILES = 4, CRASH_PENDING = 4096, CRASH_SECTOR = 512, CRASH_PATH = 512 };

struct crash_write {
    int file;
    sqlite3_int64 offset; /* or, where data is NULL, the length the file is cut to */
    int len;
    unsigned char *data;
};
static struct crash_disk {
    sqlite3_vfs vfs, *system;
    struct {
        char path[CRASH_PATH];
        unsigned char *durable;
        size_t len;
    } files[CRASH_FILES];
    int file_count, pending_count;
    struct crash_write pending[CRASH_PENDING];
    long operations, dies_at; /* 0: never */
    int dead;
    uint32_t seed;
} crash_disk;

struct crash_file {
    sqlite3_file base;
    int which; /* -1: a file without a name, of no interest */
    sqlite3_file *real;
};

static inline uint32_t crash_random(void) {
    crash_disk.seed ^= crash_disk.seed << 13;
    crash_disk.seed ^= crash_disk.seed >> 17;
    crash_disk.seed ^= crash_disk.seed << 5;
    return crash_disk.seed;
}

static inline void crash_apply(unsigned char **content, size_t *len, const struct crash_write *write, size_t from, size_t to) {
    size_t end = (size_t)write->offset + to;
    if (write->data == NULL)
        end = (size_t)write->offset;
    if (end > *len || write->data == NULL) {
        *content = realloc(*content, end > 0 ? end : 1);
        if (end > *len)
            memset(*content + *len, 0, end - *len);
        *len = end;
    }
    if (write->data != NULL)
        memcpy(*content + write->offset + from, write->data + from, to - from);
}

/* Everything written to the file is durable now. */
static inline void crash_confirm(int which) {
    int kept = 0;
    for (int i = 0; i < crash_disk.pending_count; i++) {
        struct crash_write *write = &crash_disk.pending[i];
        if (write->file != which) {
            crash_disk.pending[kept++] = *write;
            continue;
        }
        crash_apply(&crash_disk.files[which].durable, &crash_disk.files[which].len, write, 0, (size_t)write->len);
        free(write->data);
    }
    crash_disk.pending_count = kept;
}

static inline void crash_note(int which, sqlite3_int64 offset, const void *data, int len) {
    if (which < 0)
        return;
    if (crash_disk.pending_count == CRASH_PENDING)
        abort();
    struct crash_write *write = &crash_disk.pending[crash_disk.pending_count++];
    *write = (struct crash_write){.file = which, .offset = offset, .len = len};
    if (data != NULL) {
        write->data = malloc((size_t)len + 1);
        memcpy(write->data, data, (size_t)len);
    }
}

/* Counts an operation; the one at which the disk dies is noted but not confirmed. */
static inline int crash_step(int which) {
    if (crash_disk.dead)
        return 1;
    if (which >= 0 && ++crash_disk.operations == crash_disk.dies_at)
        crash_disk.dead = 1;
    return crash_disk.dead;
}

static inline sqlite3_file *crash_real(sqlite3_file *file) {
    return ((struct crash_file *)file)->real;
}
static inline int crash_which(sqlite3_file *file) {
    return ((struct crash_file *)file)->which;
}

static int crash_close(sqlite3_file *file) {
    return crash_real(file)->pMethods->xClose(crash_real(file));
}
static int crash_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at) {
    return crash_real(file)->pMethods->xRead(crash_real(file), out, len, at);
}

static int crash_write_at(sqlite3_file *file, const void *data, int len, sqlite3_int64 at) {
    int was_dead = crash_disk.dead;
    int dead = crash_step(crash_which(file));
    if (!was_dead)
        crash_note(crash_which(file), at, data, len);
    return dead ? SQLITE_IOERR_WRITE : crash_real(file)->pMethods->xWrite(crash_real(file), data, len, at);
}

static int crash_truncate(sqlite3_file *file, sqlite3_int64 size) {
    int was_dead = crash_disk.dead;
    int dead = crash_step(crash_which(file));
    if (!was_dead)
        crash_note(crash_which(file), size, NULL, 0);
    return dead ? SQLITE_IOERR_TRUNCATE : crash_real(file)->pMethods->xTruncate(crash_real(file), size);
}

static int crash_sync(sqlite3_file *file, int flags) {
    if (crash_step(crash_which(file)))
        return SQLITE_IOERR_FSYNC;
    if (crash_which(file) >= 0)
        crash_confirm(crash_which(file));
    return crash_real(file)->pMethods->xSync(crash_real(file), flags);
}

static int crash_size(sqlite3_file *file, sqlite3_int64 *out) {
    return crash_real(file)->pMethods->xFileSize(crash_real(file), out);
}
static int crash_lock(sqlite3_file *file, int how) {
    return crash_real(file)->pMethods->xLock(crash_real(file), how);
}
static int crash_unlock(sqlite3_file *file, int how) {
    return crash_real(file)->pMethods->xUnlock(crash_real(file), how);
}
static int crash_reserved(sqlite3_file *file, int *out) {
    return crash_real(file)->pMethods->xCheckReservedLock(crash_real(file), out);
}
static int crash_control(sqlite3_file *file, int op, void *arg) {
    return crash_real(file)->pMethods->xFileControl(crash_real(file), op, arg);
}
static int crash_sector(sqlite3_file *file) {
    (void)file;
    return CRASH_SECTOR;
}
/* Promises nothing: neither atomic writes nor order. */
static int crash_device(sqlite3_file *file) {
    (void)file;
    return 0;
}

/* Version 1: no shared memory, no mapping. Exclusive locking needs neither. */
static const sqlite3_io_methods crash_methods = {.iVersion = 1,
                                                 .xClose = crash_close,
                                                 .xRead = crash_read,
                                                 .xWrite = crash_write_at,
                                                 .xTruncate = crash_truncate,
                                                 .xSync = crash_sync,
                                                 .xFileSize = crash_size,
                                                 .xLock = crash_lock,
                                                 .xUnlock = crash_unlock,
                                                 .xCheckReservedLock = crash_reserved,
                                                 .xFileControl = crash_control,
                                                 .xSectorSize = crash_sector,
                                                 .xDeviceCharacteristics = crash_device};

static inline int crash_find(const char *path) {
    for (int i = 0; i < crash_disk.file_count; i++) {
        if (strcmp(crash_disk.files[i].path, path) == 0)
            return i;
    }
    if (crash_disk.file_count == CRASH_FILES)
        abort();
    int which = crash_disk.file_count++;
    (void)snprintf(crash_disk.files[which].path, CRASH_PATH, "%s", path);
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        (void)fseek(file, 0, SEEK_END);
        long len = ftell(file);
        rewind(file);
        crash_disk.files[which].durable = malloc((size_t)len + 1);
        crash_disk.files[which].len = fread(crash_disk.files[which].durable, 1, (size_t)len, file);
        (void)fclose(file);
    }
    return which;
}

static int crash_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out) {
    (void)vfs;
    struct crash_file *own = (struct crash_file *)file;
    own->base.pMethods = NULL;
    own->real = (sqlite3_file *)(own + 1);
    own->which = path == NULL ? -1 : crash_find(path);
    int code = crash_disk.system->xOpen(crash_disk.system, path, own->real, flags, flags_out);
    if (code == SQLITE_OK)
        own->base.pMethods = &crash_methods;
    return code;
}

/* A dead process removes nothing. One that lives: the file is gone with all that was pending. */
static int crash_delete(sqlite3_vfs *vfs, const char *path, int sync) {
    (void)vfs;
    int which = crash_find(path);
    if (crash_step(which))
        return SQLITE_IOERR_DELETE;
    crash_confirm(which);
    free(crash_disk.files[which].durable);
    crash_disk.files[which].durable = NULL;
    crash_disk.files[which].len = 0;
    return crash_disk.system->xDelete(crash_disk.system, path, sync);
}

/* From now on every database is opened on such a disk. */
static inline void crash_begin(long dies_at, uint32_t seed) {
    sqlite3_vfs *system = crash_disk.system != NULL ? crash_disk.system : sqlite3_vfs_find(NULL);
    memset(&crash_disk, 0, sizeof crash_disk);
    crash_disk.system = system;
    crash_disk.dies_at = dies_at;
    crash_disk.seed = seed * 2654435761U + 1;
    crash_disk.vfs = *system;
    crash_disk.vfs.zName = "crash";
    crash_disk.vfs.pNext = NULL;
    crash_disk.vfs.szOsFile = (int)sizeof(struct crash_file) + system->szOsFile;
    crash_disk.vfs.xOpen = crash_open;
    crash_disk.vfs.xDelete = crash_delete;
    sqlite3_vfs_register(&crash_disk.vfs, 1);
}

static inline void crash_write_out(int which) {
    unsigned char *content = malloc(crash_disk.files[which].len + 1);
    size_t len = crash_disk.files[which].len;
    memcpy(content, crash_disk.files[which].durable != NULL ? crash_disk.files[which].durable : (unsigned char *)"", len);
    for (int i = 0; i < crash_disk.pending_count; i++) {
        const struct crash_write *write = &crash_disk.pending[i];
        uint32_t fate = write->file == which ? crash_random() % 4 : 0;
        size_t cut = (size_t)write->len / 2 / CRASH_SECTOR * CRASH_SECTOR;
        if (fate == 1) /* the beginning only */
            crash_apply(&content, &len, write, 0, write->data == NULL ? 0 : cut);
        else if (fate == 2) /* the end only */
            crash_apply(&content, &len, write, write->data == NULL ? 0 : cut, (size_t)write->len);
        else if (fate == 3)
            crash_apply(&content, &len, write, 0, (size_t)write->len);
    }
    FILE *file = fopen(crash_disk.files[which].path, "wb");
    if (file == NULL || fwrite(content, 1, len, file) != len || fclose(file) != 0)
        abort();
    free(content);
}

/* The process is gone: the files are what the disk has. Returns whether the disk had died. */
static inline int crash_power_off(void) {
    sqlite3_vfs_unregister(&crash_disk.vfs);
    sqlite3_vfs_register(crash_disk.system, 1);
    for (int i = 0; i < crash_disk.file_count; i++) {
        if (crash_disk.dead && (crash_disk.files[i].len > 0 || crash_disk.files[i].durable != NULL || crash_disk.pending_count > 0))
            crash_write_out(i);
        free(crash_disk.files[i].durable);
    }
    for (int i = 0; i < crash_disk.pending_count; i++)
        free(crash_disk.pending[i].data);
    return crash_disk.dead;
}

#endif
