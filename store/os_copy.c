/* Large files, a part at a time: a store is longer than memory should hold. */
#include "store/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 256 * 1024 };

static enum status failure(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STATUS_DISK_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_PERMISSION;
    case EISDIR:
    case ELOOP:
        return STATUS_FILE_UNREADABLE;
    default:
        return STATUS_DISK_ERROR;
    }
}

enum status os_file_size(const char *path, int64_t *out) {
    struct stat about;
    *out = 0;
    if (stat(path, &about) != 0)
        return failure(errno);
    if (!S_ISREG(about.st_mode))
        return STATUS_FILE_UNREADABLE;
    *out = (int64_t)about.st_size;
    return STATUS_OK;
}

/* Reads up to len bytes; *got less only at the end of the file. */
static enum status read_part(int fd, uint8_t *out, size_t len, int64_t offset, size_t *got) {
    *got = 0;
    while (*got < len) {
        ssize_t now = pread(fd, out + *got, len - *got, (off_t)offset + (off_t)*got);
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            return failure(errno);
        if (now == 0)
            break;
        *got += (size_t)now;
    }
    return STATUS_OK;
}

enum status os_file_part(const char *path, int64_t offset, size_t bytes_max, struct buffer *out) {
    size_t got = 0;
    buffer_clear(out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failure(errno);
    uint8_t *memory = malloc(bytes_max);
    enum status status = memory == NULL ? STATUS_NO_MEMORY : read_part(fd, memory, bytes_max, offset, &got);
    if (status == STATUS_OK)
        status = buffer_append(out, memory, got);
    free(memory);
    close(fd);
    return status;
}

static enum status write_part(int fd, const uint8_t *from, size_t len, int64_t offset) {
    while (len > 0) {
        ssize_t put = pwrite(fd, from, len, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return failure(put < 0 ? errno : EIO);
        from += put;
        len -= (size_t)put;
        offset += put;
    }
    return STATUS_OK;
}

static enum status copy_all(int from, int to) {
    uint8_t *memory = malloc(COPY_BYTES);
    enum status status = memory == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    size_t got = COPY_BYTES;
    for (int64_t offset = 0; status == STATUS_OK && got == COPY_BYTES; offset += (int64_t)got) {
        status = read_part(from, memory, COPY_BYTES, offset, &got);
        if (status == STATUS_OK)
            status = write_part(to, memory, got, offset);
    }
    free(memory);
    if (status == STATUS_OK && fsync(to) != 0)
        status = failure(errno);
    return status;
}

enum status os_file_copy(const char *from, const char *to) {
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return failure(errno);
    (void)unlink(to);
    int copy = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum status status = copy < 0 ? failure(errno) : copy_all(source, copy);
    close(source);
    if (copy >= 0 && close(copy) != 0 && status == STATUS_OK)
        status = failure(errno);
    return status == STATUS_OK ? os_name_sync(to) : status;
}
