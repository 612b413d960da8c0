#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address;
static socklen_t address_len; /* 0: nobody to tell */
static int64_t watchdog_ms = -1;

void notify_open(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path == NULL ? 0 : strlen(path);
    if (len > 1 && len < sizeof address.sun_path && (path[0] == '/' || path[0] == '@')) {
        address.sun_family = AF_UNIX;
        memcpy(address.sun_path, path, len);
        if (path[0] == '@') {
            address.sun_path[0] = 0; /* the abstract name space */
        }
        address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    }
    const char *allowed = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");
    if (address_len == 0 || allowed == NULL || (process != NULL && strtol(process, NULL, 10) != (long)getpid())) {
        return;
    }
    char *end = NULL;
    errno = 0;
    long long microseconds = strtoll(allowed, &end, 10);
    if (errno == 0 && end != allowed && *end == 0 && microseconds >= 10000) {
        watchdog_ms = (int64_t)(microseconds / 2000);
    }
}

void notify_state(const char *state) {
    if (address_len == 0) {
        return;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    /* Should it fail, systemd restarts us after its own time: there is nothing better to do about it here. */
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, address_len);
    (void)sent;
    close(fd);
}

int64_t notify_watchdog_ms(void) {
    return watchdog_ms;
}
