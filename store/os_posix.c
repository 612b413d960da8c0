#include "store/os.h"

#include "protocol/planted.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 16 * 1024, LOCK_POLL_MS = 50, BESIDE_TRIES = 4 };

static enum status status_of_errno(int error) {
    switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_PERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STATUS_DISK_FULL;
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case EEXIST:
        return STATUS_STORE_EXISTS;
    case ENOMEM:
        return STATUS_NO_MEMORY;
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR:
        return STATUS_FILE_UNREADABLE;
    default:
        return STATUS_DISK_ERROR;
    }
}

/* ---- randomness and clocks ---- */

void os_random(void *out, size_t len) {
    uint8_t *at = out;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort(); /* a key or a salt that is not random is worse than no daemon */
        at += got;
        len -= (size_t)got;
    }
}

int64_t os_time(void) {
    return (int64_t)time(NULL);
}

int64_t os_monotonic_ms(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        abort();
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- directories ---- */

/* The directory that path stands in, as a new string; NULL without memory. */
static char *directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* A new name is durable only when its directory is. */
static enum status directory_sync(const char *path) {
    char *directory = directory_of(path);
    if (directory == NULL)
        return STATUS_NO_MEMORY;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        return status_of_errno(errno);
    /* Some file systems (sticks) cannot sync a directory and say EINVAL: there is nothing better to do there. */
    enum status status = fsync(fd) == 0 || errno == EINVAL ? STATUS_OK : status_of_errno(errno);
    close(fd);
    return status;
}

enum status os_name_sync(const char *path) {
    return directory_sync(path);
}

/* One that is there may have been made by a process that was killed before it could sync the name; where it may not be opened, it is older than this user's. */
static enum status directory_make_one(const char *path) {
    if (mkdir(path, 0700) == 0)
        return directory_sync(path);
    if (errno != EEXIST && errno != EISDIR)
        return status_of_errno(errno);
    struct stat about;
    if (stat(path, &about) != 0)
        return status_of_errno(errno);
    if (!S_ISDIR(about.st_mode))
        return STATUS_FILE_UNREADABLE;
    enum status status = directory_sync(path);
    return status == STATUS_PERMISSION ? STATUS_OK : status;
}

enum status os_directory_make(const char *path) {
    char *copy = strdup(path);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/')
        copy[--len] = 0;
    enum status status = len == 0 ? STATUS_NOT_FOUND : STATUS_OK;
    for (size_t i = 1; status == STATUS_OK && i < len; i++) {
        if (copy[i] != '/')
            continue;
        copy[i] = 0;
        status = directory_make_one(copy);
        copy[i] = '/';
    }
    if (status == STATUS_OK)
        status = directory_make_one(copy);
    free(copy);
    return status;
}

/* ---- reading ---- */

/* Appends what is left of the file. Wipes its own memory: the content may be a secret. */
static enum status read_all(int fd, size_t bytes_max, struct buffer *out) {
    uint8_t chunk[READ_BYTES];
    enum status status = STATUS_OK;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = errno == EISDIR ? STATUS_FILE_UNREADABLE : status_of_errno(errno);
        if (got <= 0)
            break;
        if ((size_t)got > bytes_max - out->len) {
            status = STATUS_TOO_LARGE;
            break;
        }
        status = buffer_append(out, chunk, (size_t)got);
        if (status != STATUS_OK)
            break;
    }
    sodium_memzero(chunk, sizeof chunk);
    return status;
}

enum status os_file_read(const char *path, size_t bytes_max, struct buffer *out) {
    buffer_clear(out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = read_all(fd, bytes_max, out);
    close(fd);
    return status;
}

/* Does it belong to this user or to root, and may nobody else do anything with it? */
static enum status secret_kept(const struct stat *about, bool handed) {
    mode_t others = S_IRWXG | S_IRWXO;
    if (handed && about->st_uid == 0)
        others &= ~(mode_t)(S_IRGRP | S_IXGRP);
    bool kept = ((about->st_uid == geteuid() || about->st_uid == 0) && (about->st_mode & others) == 0) || PLANTED("secret-open-to-others");
    return kept ? STATUS_OK : STATUS_KEY_UNSAFE;
}

/* Whoever may write into the directory may put another file there; whoever may search it may try. */
static enum status secret_place(const char *path, bool handed) {
    struct stat about;
    char *directory = directory_of(path);
    if (directory == NULL)
        return STATUS_NO_MEMORY;
    enum status status = stat(directory, &about) == 0 ? STATUS_OK : status_of_errno(errno);
    free(directory);
    return status == STATUS_OK ? secret_kept(&about, handed) : status;
}

static enum status secret_read(const char *path, bool handed, size_t bytes_max, struct buffer *out) {
    buffer_clear(out);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ELOOP ? STATUS_KEY_UNSAFE : status_of_errno(errno);
    struct stat about;
    enum status status = STATUS_OK;
    if (fstat(fd, &about) != 0)
        status = status_of_errno(errno);
    else if (!S_ISREG(about.st_mode) || about.st_nlink != 1)
        status = STATUS_KEY_UNSAFE; /* by another name it can be read from a place that is not looked at here */
    else
        status = secret_kept(&about, handed);
    if (status == STATUS_OK)
        status = secret_place(path, handed);
    if (status == STATUS_OK)
        status = read_all(fd, bytes_max, out);
    close(fd);
    return status;
}

enum status os_secret_read(const char *path, size_t bytes_max, struct buffer *out) {
    return secret_read(path, false, bytes_max, out);
}

enum status os_handed_read(const char *path, size_t bytes_max, struct buffer *out) {
    return secret_read(path, true, bytes_max, out);
}

static bool is_empty(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL)
        return false;
    int names = 0;
    while (names <= 2 && readdir(directory) != NULL)
        names++; /* itself and the one above are always there */
    closedir(directory);
    return names <= 2;
}

enum status os_directory_private(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return STATUS_OK;
    /* Only where nothing else can be meant by it: a directory of people's files is not ours to shut. */
    if (about.st_uid != geteuid() || !is_empty(path))
        return STATUS_KEY_UNSAFE;
    return chmod(path, S_IRWXU) == 0 ? STATUS_OK : STATUS_PERMISSION;
}

void os_file_reread(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
}

/* ---- writing ---- */

static enum status write_all(int fd, struct bytes content) {
    while (content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return status_of_errno(errno);
        content.data += put;
        content.len -= (size_t)put;
    }
    return fsync(fd) == 0 ? STATUS_OK : status_of_errno(errno);
}

/* Writes content durably into a new file beside path; its name goes to beside. What a cut of the power has left under such a name is not in the way. */
static enum status write_beside(const char *path, struct bytes content, bool secret, char beside[PATH_MAX]) {
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < BESIDE_TRIES; tries++) {
        uint32_t number;
        os_random(&number, sizeof number);
        int len = snprintf(beside, PATH_MAX, "%s.new-%08x", path, (unsigned)number);
        if (len < 0 || len >= PATH_MAX)
            return STATUS_FILE_UNREADABLE;
        fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, secret ? 0600 : 0644);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = write_all(fd, content);
    if (close(fd) != 0 && status == STATUS_OK)
        status = status_of_errno(errno);
    if (status != STATUS_OK)
        (void)unlink(beside);
    return status;
}

/* Gives a file its name only if nobody has it. File systems differ in which of the two ways they know. */
static enum status rename_into_place(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return STATUS_OK;
    if (errno != EINVAL && errno != ENOSYS)
        return status_of_errno(errno);
    if (link(from, to) != 0)
        return status_of_errno(errno);
    (void)unlink(from);
    return STATUS_OK;
}

enum status os_file_create(const char *path, struct bytes content, bool secret) {
    char beside[PATH_MAX];
    enum status status = write_beside(path, content, secret, beside);
    if (status != STATUS_OK)
        return status;
    status = rename_into_place(beside, path);
    if (status != STATUS_OK) {
        (void)unlink(beside);
        return status;
    }
    return directory_sync(path);
}

enum status os_file_replace(const char *path, struct bytes content, bool secret) {
    char beside[PATH_MAX];
    enum status status = write_beside(path, content, secret, beside);
    if (status != STATUS_OK)
        return status;
    if (rename(beside, path) != 0) {
        status = status_of_errno(errno);
        (void)unlink(beside);
        return status;
    }
    return directory_sync(path);
}

enum status os_file_settle(const char *beside, const char *path) {
    int fd = open(beside, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return status_of_errno(errno);
    enum status status = fsync(fd) == 0 ? STATUS_OK : status_of_errno(errno);
    close(fd);
    if (status == STATUS_OK && rename(beside, path) != 0)
        status = status_of_errno(errno);
    return status == STATUS_OK ? directory_sync(path) : status;
}

bool os_file_exists(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0;
}

enum status os_file_look(const char *path) {
    struct stat about;
    return lstat(path, &about) == 0 ? STATUS_OK : status_of_errno(errno);
}

void os_file_remove(const char *path) {
    (void)unlink(path);
}

void os_directory_remove(const char *path) {
    (void)rmdir(path);
}

int64_t os_disk_free(const char *path) {
    struct statvfs about;
    return statvfs(path, &about) == 0 ? (int64_t)(about.f_bavail * about.f_frsize) : -1;
}

int64_t os_disk_size(const char *path) {
    struct statvfs about;
    return statvfs(path, &about) == 0 ? (int64_t)(about.f_blocks * about.f_frsize) : -1;
}

void os_memory_trim(void) {
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}

/* ---- the lock ---- */

/* The holder writes its process id into the file: flock itself does not tell who holds it. */
static long lock_holder(int fd) {
    char text[24] = {0};
    if (pread(fd, text, sizeof text - 1, 0) <= 0)
        return 0;
    long holder = strtol(text, NULL, 10);
    return holder > 0 ? holder : 0;
}

static void lock_sign(int fd) {
    char text[24];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Only a courtesy to whoever waits: that it cannot be written is no reason to refuse the lock. */
    bool told = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) == len;
    (void)told;
}

/* Is the open file still the one of that name? Whoever held the lock may have removed it: then its lock keeps nobody out. */
static bool lock_stands(int fd, const char *path) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && lstat(path, &named) == 0 && held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/* One file: opened, and locked by `end`. */
static enum status lock_file(int *out, const char *path, int64_t end, long *holder) {
    *out = -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return status_of_errno(errno);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0 && !PLANTED("store-not-locked")) {
        if (errno == EINTR)
            continue;
        int error = errno;
        if (error == EWOULDBLOCK && os_monotonic_ms() < end) {
            const struct timespec nap = {.tv_nsec = LOCK_POLL_MS * 1000000L};
            (void)nanosleep(&nap, NULL);
            continue;
        }
        if (error == EWOULDBLOCK && holder != NULL)
            *holder = lock_holder(fd);
        close(fd);
        return error == EWOULDBLOCK ? STATUS_STORE_LOCKED : status_of_errno(error);
    }
    *out = fd;
    return STATUS_OK;
}

enum status os_lock(struct os_lock *out, const char *path, int64_t wait_ms, long *holder) {
    int64_t end = os_monotonic_ms() + wait_ms;
    out->fd = -1;
    if (holder != NULL)
        *holder = 0;
    for (;;) {
        enum status status = lock_file(&out->fd, path, end, holder);
        if (status != STATUS_OK)
            return status;
        if (lock_stands(out->fd, path)) {
            lock_sign(out->fd);
            return STATUS_OK;
        }
        os_unlock(out);
    }
}

void os_unlock(struct os_lock *lock) {
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}
