/* Who uses this PC, and what of our memory others may see. */
#include "store/os.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { RECORD_BYTES = 16 * 1024, GROUPS_MAX = 65536 };

/* ---- accounts ---- */

/* A name that can be written down and typed again: letters of any script, digits and a few marks; no blanks, no control characters. */
static bool name_usable(const char *name) {
    size_t len = strlen(name);
    bool usable = len > 0 && len < OS_ACCOUNT_BYTES && codec_utf8_valid(bytes_of(name, len));
    for (size_t i = 0; usable && i < len; i++)
        usable = (uint8_t)name[i] > ' ' && name[i] != 0x7f && name[i] != ',';
    return usable;
}

void os_account(long uid, char out[OS_ACCOUNT_BYTES]) {
    char memory[RECORD_BYTES];
    struct passwd record, *found = NULL;
    if (getpwuid_r((uid_t)uid, &record, memory, sizeof memory, &found) == 0 && found != NULL && name_usable(found->pw_name))
        (void)snprintf(out, OS_ACCOUNT_BYTES, "%s", found->pw_name);
    else
        (void)snprintf(out, OS_ACCOUNT_BYTES, "%ld", uid);
}

long os_own_account(void) {
    return (long)geteuid();
}

long os_own_group(void) {
    return (long)getegid();
}

long os_owner(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 ? (long)about.st_uid : -1;
}

long os_group(const char *name) {
    char memory[RECORD_BYTES];
    struct group record, *found = NULL;
    return getgrnam_r(name, &record, memory, sizeof memory, &found) == 0 && found != NULL ? (long)found->gr_gid : -1;
}

/* The groups that the kernel knew the other side by when it connected: what files say of them today does not matter, and no directory service is asked. */
bool os_peer_in_group(int fd, const struct os_peer *peer, long gid) {
    if (gid < 0)
        return false;
    if (peer->gid == gid)
        return true;
    bool member = false;
    socklen_t size = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0 || errno != ERANGE || size == 0 || size > GROUPS_MAX * sizeof(gid_t))
        return false; /* 0: it has none */
    gid_t *groups = malloc(size);
    if (groups != NULL && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
        for (size_t i = 0; i < size / sizeof *groups; i++)
            member = member || (long)groups[i] == gid;
    }
    free(groups);
    return member;
}

/* ---- secrets ---- */

bool os_credential(const char *name, char *out, size_t size) {
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (directory == NULL || directory[0] != '/')
        return false;
    int len = snprintf(out, size, "%s/%s", directory, name);
    return len > 0 && (size_t)len < size && os_file_exists(out);
}

void os_memory_guard(void) {
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* also nobody of this user may look into the running process */
}

int64_t os_memory_size(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (int64_t)pages * size : -1;
}

/* A line without its end. What does not fit is no passphrase. */
static enum status read_line(int fd, char *out, size_t size) {
    size_t len = 0;
    for (;;) {
        char byte;
        ssize_t got = read(fd, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return STATUS_FILE_UNREADABLE;
        if (got == 0 && len == 0)
            return STATUS_NOT_FOUND;
        if (got == 0 || byte == '\n')
            break;
        if (len + 1 == size)
            return STATUS_TOO_LARGE;
        out[len++] = byte;
    }
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = 0;
    return STATUS_OK;
}

enum status os_passphrase_read(const char *path, const char *prompt, char *out, size_t size) {
    int fd = open(path != NULL ? path : "/dev/tty", (path != NULL ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENXIO || errno == ENODEV ? STATUS_NOT_FOUND : errno == EACCES ? STATUS_PERMISSION : STATUS_FILE_UNREADABLE;
    struct termios before, silent;
    bool terminal = path == NULL && tcgetattr(fd, &before) == 0;
    if (terminal) {
        silent = before;
        silent.c_lflag = (silent.c_lflag & ~(tcflag_t)(ECHO | ECHONL)) | ICANON;
        bool said = tcsetattr(fd, TCSAFLUSH, &silent) == 0 && write(fd, prompt, strlen(prompt)) >= 0;
        (void)said;
    }
    enum status status = read_line(fd, out, size);
    if (terminal) {
        (void)tcsetattr(fd, TCSAFLUSH, &before);
        bool ended = write(fd, "\n", 1) == 1; /* the one that was typed was not shown */
        (void)ended;
    }
    close(fd);
    return status;
}
