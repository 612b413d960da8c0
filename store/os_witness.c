/* What tells a file that stayed where it was from one that was copied there: its number, and the time of its last change, which no program can set. */
#include "store/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

static const char BOOT_PATH[] = "/proc/sys/kernel/random/boot_id";

void os_boot(uint8_t out[OS_BOOT_BYTES]) {
    struct buffer text;
    size_t len = 0;
    buffer_init(&text, 64);
    bool read = os_file_read(BOOT_PATH, 64, &text) == STATUS_OK &&
                sodium_hex2bin(out, OS_BOOT_BYTES, (const char *)text.data, text.len, "-\n", &len, NULL) == 0 && len == OS_BOOT_BYTES;
    if (!read)
        memset(out, 0, OS_BOOT_BYTES);
    buffer_fini(&text);
}

static enum status failure(int error) {
    switch (error) {
    case ENOENT:
        return STATUS_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_PERMISSION;
    default:
        return STATUS_DISK_ERROR;
    }
}

static enum status mark_of(int fd, struct os_mark *out) {
    struct stat about;
    if (fstat(fd, &about) != 0)
        return failure(errno);
    *out = (struct os_mark){.file = (uint64_t)about.st_ino, .changed_ns = (int64_t)about.st_ctim.tv_sec * 1000000000 + about.st_ctim.tv_nsec};
    return STATUS_OK;
}

static enum status put(int fd, struct bytes content) {
    for (size_t done = 0; done < content.len;) {
        ssize_t put_now = pwrite(fd, content.data + done, content.len - done, (off_t)done);
        if (put_now <= 0)
            return failure(put_now < 0 ? errno : EIO);
        done += (size_t)put_now;
    }
    return STATUS_OK;
}

enum status os_mark_touch(const char *path, struct os_mark *out) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failure(errno);
    enum status status = put(fd, bytes_of("\n", 1));
    if (status == STATUS_OK)
        status = mark_of(fd, out);
    close(fd);
    return status;
}

enum status os_mark_look(const char *path, struct os_mark *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return failure(errno);
    enum status status = mark_of(fd, out);
    close(fd);
    return status;
}

enum status os_file_note(const char *path, struct bytes content) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failure(errno);
    enum status status = put(fd, content);
    close(fd);
    return status;
}
