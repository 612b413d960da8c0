#include "tests/disk/disk_system.h"

#include "tests/disk/disk_internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>

/* Above every real descriptor. The user and the process are always the same ones. */
enum { FIRST_DESCRIPTOR = 1 << 24, USER = 1000, PROCESS = 4711 };

static struct descriptor {
    struct disk_file *file;
    uint64_t at;
} * descriptors;
static size_t descriptor_count, descriptor_capacity;

/* 0, or -1 with errno. */
static int answer(int error) {
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

static struct descriptor *descriptor_of(int fd) {
    size_t at = (size_t)(fd - FIRST_DESCRIPTOR);
    if (fd < FIRST_DESCRIPTOR || at >= descriptor_count || descriptors[at].file == NULL) {
        errno = EBADF;
        return NULL;
    }
    return &descriptors[at];
}

static int descriptor_new(struct disk_file *file) {
    size_t at = 0;
    while (at < descriptor_count && descriptors[at].file != NULL)
        at++;
    if (at == descriptor_count) {
        descriptors = disk_grow(descriptors, &descriptor_capacity, at + 1, sizeof *descriptors);
        descriptor_count++;
    }
    descriptors[at] = (struct descriptor){.file = file};
    return FIRST_DESCRIPTOR + (int)at;
}

void disk_descriptors_reset(void) {
    free(descriptors);
    descriptors = NULL;
    descriptor_count = descriptor_capacity = 0;
}

/* ---- open files ---- */

int disk_sys_open(const char *path, int flags, ...) {
    struct open_how how = {.create = (flags & O_CREAT) != 0, .exclusive = (flags & O_EXCL) != 0, .directory = (flags & O_DIRECTORY) != 0};
    if (how.create) {
        va_list more;
        va_start(more, flags);
        how.mode = va_arg(more, mode_t);
        va_end(more);
    }
    /* A directory may be opened for reading like a file; only reading it fails. */
    const struct disk_file *there = disk_find(path);
    if (strcmp(path, "/") == 0)
        return answer(EACCES); /* what all disks hang from is nobody's to open */
    if (there != NULL && there->directory && (flags & O_ACCMODE) == O_RDONLY && !how.create)
        how.directory = true;
    struct disk_file *file;
    int error = disk_open(path, how, &file);
    return error != 0 ? answer(error) : descriptor_new(file);
}

int disk_sys_close(int fd) {
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return -1;
    struct disk_file *file = descriptor->file;
    if (file->lock_descriptor == fd)
        file->lock_descriptor = -1;
    descriptor->file = NULL;
    disk_close(file);
    return 0;
}

ssize_t disk_sys_pread(int fd, void *out, size_t len, off_t offset) {
    struct descriptor *descriptor = descriptor_of(fd);
    size_t got;
    if (descriptor == NULL)
        return -1;
    int error = disk_file_read(descriptor->file, out, len, (uint64_t)offset, &got);
    return error != 0 ? answer(error) : (ssize_t)got;
}

ssize_t disk_sys_read(int fd, void *out, size_t len) {
    struct descriptor *descriptor = descriptor_of(fd);
    ssize_t got = descriptor == NULL ? -1 : disk_sys_pread(fd, out, len, (off_t)descriptor->at);
    if (got > 0)
        descriptor->at += (uint64_t)got;
    return got;
}

ssize_t disk_sys_pwrite(int fd, const void *data, size_t len, off_t offset) {
    struct descriptor *descriptor = descriptor_of(fd);
    size_t put;
    if (descriptor == NULL)
        return -1;
    int error = disk_file_write(descriptor->file, data, len, (uint64_t)offset, &put);
    return error != 0 ? answer(error) : (ssize_t)put;
}

ssize_t disk_sys_write(int fd, const void *data, size_t len) {
    struct descriptor *descriptor = descriptor_of(fd);
    ssize_t put = descriptor == NULL ? -1 : disk_sys_pwrite(fd, data, len, (off_t)descriptor->at);
    if (put > 0)
        descriptor->at += (uint64_t)put;
    return put;
}

int disk_sys_ftruncate(int fd, off_t len) {
    struct descriptor *descriptor = descriptor_of(fd);
    return descriptor == NULL ? -1 : answer(disk_file_cut(descriptor->file, (uint64_t)len));
}

int disk_sys_fsync(int fd) {
    struct descriptor *descriptor = descriptor_of(fd);
    return descriptor == NULL ? -1 : answer(disk_file_sync(descriptor->file));
}

/* The error itself, not by errno. */
int disk_sys_posix_fadvise(int fd, off_t offset, off_t len, int advice) {
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return EBADF;
    assert(offset == 0 && len == 0 && advice == POSIX_FADV_DONTNEED);
    (void)offset, (void)len, (void)advice;
    disk_file_reread(descriptor->file);
    return 0;
}

int disk_sys_flock(int fd, int operation) {
    struct descriptor *descriptor = descriptor_of(fd);
    if (descriptor == NULL)
        return -1;
    assert(operation == (LOCK_EX | LOCK_NB));
    (void)operation;
    struct disk_file *file = descriptor->file;
    if (file->disk->dead)
        return answer(EIO);
    if (file->lock_descriptor != -1 && file->lock_descriptor != fd)
        return answer(EWOULDBLOCK);
    file->lock_descriptor = fd;
    return 0;
}

/* ---- looking ---- */

static int look(const struct disk_file *file, struct stat *out) {
    if (file->disk->dead)
        return answer(EIO);
    *out = (struct stat){.st_dev = file->disk->number,
                         .st_ino = file->number,
                         .st_mode = (file->directory ? S_IFDIR : S_IFREG) | file->mode,
                         .st_nlink = file->names,
                         .st_uid = USER,
                         .st_gid = USER,
                         .st_size = (off_t)file->content.len,
                         .st_ctim = {.tv_sec = (time_t)file->changed}};
    return 0;
}

int disk_sys_fstat(int fd, struct stat *out) {
    struct descriptor *descriptor = descriptor_of(fd);
    return descriptor == NULL ? -1 : look(descriptor->file, out);
}

/* There are no links to follow. "/" is a directory like any other, on none of the disks. */
int disk_sys_stat(const char *path, struct stat *out) {
    if (strcmp(path, "/") == 0) {
        *out = (struct stat){.st_ino = 1, .st_mode = S_IFDIR | 0755, .st_nlink = 1};
        return 0;
    }
    const struct disk_file *file = disk_find(path);
    return file == NULL ? answer(ENOENT) : look(file, out);
}

int disk_sys_statvfs(const char *path, struct statvfs *out) {
    const struct disk_file *file = disk_find(path);
    if (file == NULL)
        return answer(ENOENT);
    const struct disk *disk = file->disk;
    if (disk->dead)
        return answer(EIO);
    int64_t used = disk_used(disk), size = disk->capacity >= 0 ? disk->capacity : INT64_C(1) << 40;
    *out = (struct statvfs){.f_bsize = 4096, .f_frsize = 1, .f_blocks = (fsblkcnt_t)size, .f_bavail = size > used ? (fsblkcnt_t)(size - used) : 0};
    out->f_bfree = out->f_bavail;
    return 0;
}

/* ---- names ---- */

int disk_sys_mkdir(const char *path, mode_t mode) {
    return answer(disk_make_directory(path, mode));
}

int disk_sys_rmdir(const char *path) {
    return answer(disk_remove(path, true));
}

int disk_sys_unlink(const char *path) {
    return answer(disk_remove(path, false));
}

int disk_sys_link(const char *from, const char *to) {
    return answer(disk_link(from, to));
}

int disk_sys_rename(const char *from, const char *to) {
    return answer(disk_rename(from, to, true));
}

int disk_sys_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    assert(from_directory == AT_FDCWD && to_directory == AT_FDCWD && flags == RENAME_NOREPLACE);
    (void)from_directory, (void)to_directory, (void)flags;
    return answer(disk_rename(from, to, false));
}

/* ---- who, when, chance ---- */

uid_t disk_sys_geteuid(void) {
    return USER;
}

pid_t disk_sys_getpid(void) {
    return PROCESS;
}

ssize_t disk_sys_getrandom(void *out, size_t len, unsigned flags) {
    (void)flags;
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t drawn = disk_draw(&disk_world.random);
        memcpy((uint8_t *)out + at, &drawn, len - at < sizeof drawn ? len - at : sizeof drawn);
    }
    return (ssize_t)len;
}

time_t disk_sys_time(time_t *out) {
    (void)out;
    return (time_t)disk_world.time;
}

int disk_sys_clock_gettime(clockid_t clock, struct timespec *out) {
    (void)clock;
    *out = (struct timespec){.tv_sec = disk_world.monotonic_ms / 1000, .tv_nsec = disk_world.monotonic_ms % 1000 * 1000000};
    return 0;
}

int disk_sys_nanosleep(const struct timespec *time, struct timespec *left) {
    (void)left;
    disk_world.monotonic_ms += (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
    return 0;
}
