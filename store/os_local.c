#include "store/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { FRAME_BYTES_MAX = 8 * 1024 * 1024, CHUNK_BYTES = 64 * 1024, BACKLOG = 16 };

/* A directory's path may be longer than a socket's name may be. Through an open descriptor of the directory the name is always short. */
struct address {
    struct sockaddr_un name;
    int directory; /* -1: not needed */
};

static void address_fini(struct address *address) {
    if (address->directory >= 0)
        close(address->directory);
    address->directory = -1;
}

static enum status address_make(struct address *out, const char *path) {
    *out = (struct address){.name.sun_family = AF_UNIX, .directory = -1};
    size_t len = strlen(path);
    if (len < sizeof out->name.sun_path) {
        memcpy(out->name.sun_path, path, len + 1);
        return STATUS_OK;
    }
    const char *slash = strrchr(path, '/');
    char directory[4096];
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof directory || strlen(slash + 1) > 64)
        return STATUS_FILE_UNREADABLE;
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = 0;
    out->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (out->directory < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : errno == EACCES ? STATUS_PERMISSION : STATUS_DISK_ERROR;
    (void)snprintf(out->name.sun_path, sizeof out->name.sun_path, "/proc/self/fd/%d/%s", out->directory, slash + 1);
    return STATUS_OK;
}

static const struct sockaddr *name_of(const struct address *address) {
    return (const struct sockaddr *)&address->name;
}

static enum status listen_at(int fd, const struct address *address, const char *path, long gid) {
    if (bind(fd, name_of(address), sizeof address->name) != 0) {
        if (errno != EADDRINUSE)
            return errno == EACCES || errno == EROFS ? STATUS_PERMISSION : errno == ENOSPC ? STATUS_DISK_FULL : STATUS_DISK_ERROR;
        int living;
        enum status status = os_local_connect(&living, path);
        if (status == STATUS_OK) {
            os_local_close(&living);
            return STATUS_STORE_LOCKED;
        }
        os_file_remove(path);
        if (bind(fd, name_of(address), sizeof address->name) != 0)
            return STATUS_DISK_ERROR;
    }
    /* Before listen nobody can connect, so there is no moment at which others could. */
    if (gid >= 0 && chown(address->name.sun_path, (uid_t)-1, (gid_t)gid) != 0)
        return STATUS_PERMISSION;
    if (chmod(address->name.sun_path, gid >= 0 ? 0660 : 0600) != 0 || listen(fd, BACKLOG) != 0)
        return STATUS_DISK_ERROR;
    return STATUS_OK;
}

enum status os_local_listen_group(int *out, const char *path, long gid) {
    *out = -1;
    struct address address;
    enum status status = address_make(&address, path); /* gid -1: for this user alone */
    if (status != STATUS_OK)
        return status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    status = fd < 0 ? STATUS_NO_MEMORY : listen_at(fd, &address, path, gid);
    address_fini(&address);
    if (status == STATUS_OK)
        *out = fd;
    else
        os_local_close(&fd);
    return status;
}

enum status os_local_listen(int *out, const char *path) {
    return os_local_listen_group(out, path, -1);
}

enum status os_local_accept(int *out, int listener, struct os_peer *peer) {
    *out = -1;
    int fd;
    do {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? STATUS_NOT_FOUND : STATUS_NO_MEMORY;
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        close(fd);
        return STATUS_PERMISSION;
    }
    *peer = (struct os_peer){.uid = (long)who.uid, .gid = (long)who.gid, .pid = (long)who.pid};
    *out = fd;
    return STATUS_OK;
}

enum status os_local_connect(int *out, const char *path) {
    *out = -1;
    struct address address;
    enum status status = address_make(&address, path);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_NO_DAEMON : status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        address_fini(&address);
        return STATUS_NO_MEMORY;
    }
    int failed;
    do {
        failed = connect(fd, name_of(&address), sizeof address.name);
    } while (failed != 0 && errno == EINTR);
    status = failed == 0 ? STATUS_OK : errno == EACCES || errno == EPERM ? STATUS_PERMISSION : STATUS_NO_DAEMON;
    address_fini(&address);
    if (status == STATUS_OK)
        *out = fd;
    else
        close(fd);
    return status;
}

void os_local_close(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- frames ---- */

/* Waits until fd is ready, no longer than until end. */
static enum status wait_for(int fd, short events, int64_t end) {
    for (;;) {
        int64_t left = end - os_monotonic_ms();
        struct pollfd entry = {.fd = fd, .events = events};
        int ready = poll(&entry, 1, left <= 0 ? 0 : left > 60000 ? 60000 : (int)left);
        if (ready > 0)
            return STATUS_OK;
        if (ready < 0 && errno != EINTR)
            return STATUS_NO_MEMORY;
        if (os_monotonic_ms() >= end)
            return STATUS_TIMEOUT;
    }
}

static enum status send_all(int fd, struct bytes bytes, int64_t end) {
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes.data += sent;
            bytes.len -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum status status = wait_for(fd, POLLOUT, end);
            if (status != STATUS_OK)
                return status;
        } else if (errno != EINTR) {
            return STATUS_NO_DAEMON;
        }
    }
    return STATUS_OK;
}

enum status os_frame_send(int fd, struct bytes frame, int64_t timeout_ms) {
    if (frame.len > FRAME_BYTES_MAX)
        return STATUS_TOO_LARGE;
    const uint8_t head[4] = {(uint8_t)(frame.len >> 24), (uint8_t)(frame.len >> 16), (uint8_t)(frame.len >> 8), (uint8_t)frame.len};
    int64_t end = os_monotonic_ms() + timeout_ms;
    enum status status = send_all(fd, bytes_of(head, sizeof head), end);
    return status == STATUS_OK ? send_all(fd, frame, end) : status;
}

static enum status receive_all(int fd, uint8_t *out, size_t len, int64_t end) {
    while (len > 0) {
        ssize_t got = recv(fd, out, len, MSG_DONTWAIT);
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        } else if (got == 0) {
            return STATUS_NO_DAEMON;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            enum status status = wait_for(fd, POLLIN, end);
            if (status != STATUS_OK)
                return status;
        } else if (errno != EINTR) {
            return STATUS_NO_DAEMON;
        }
    }
    return STATUS_OK;
}

enum status os_frame_receive(int fd, struct buffer *out, int64_t timeout_ms) {
    buffer_clear(out);
    uint8_t head[4] = {0}, chunk[CHUNK_BYTES];
    int64_t end = os_monotonic_ms() + timeout_ms;
    enum status status = receive_all(fd, head, sizeof head, end);
    size_t left = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (status == STATUS_OK && left > FRAME_BYTES_MAX)
        status = STATUS_TOO_LARGE;
    /* Memory is taken for what has come, not for what the length promises. */
    while (status == STATUS_OK && left > 0) {
        size_t len = left < sizeof chunk ? left : sizeof chunk;
        status = receive_all(fd, chunk, len, end);
        if (status == STATUS_OK)
            status = buffer_append(out, chunk, len);
        left -= len;
    }
    return status;
}
