#include "daemon/guard.h"

#include "daemon/logger.h"
#include "protocol/planted.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FDS = 16384,                   /* highest socket number + 1 that is looked after; main.c asks for 8,192 descriptors */
    TICK_MS = 2000,                /* connections are looked at one by one so long after something came */
    MEMORY_MS = 100,               /* and memory so often while something comes: on a fast line 20 MiB of an endless message */
    UNKNOWN_MS = 60 * 1000,        /* a handshake on the worst line takes 11 s, its bound is 30 s */
    UNKNOWN_LEAST_MS = 2000,       /* under pressure the oldest unknown connection goes, but not one that had no time to speak */
    UNKNOWN_BYTES_MAX = 64 * 1024, /* handshake and a join are 3 KB */
    HIDDEN_BYTES_MAX =
        24 * 1024 * 1024, /* of one connection, received and not taken yet: 16 queued messages of 1 MiB, and the kernel's buffer of at most 6 MiB */
    CROWD_BYTES_MAX = 32 * 1024 * 1024, /* the same of all of them together: many keys of one hand can do what one may not */
    QUEUED_BYTES_MAX = 2 * 1024 * 1024, /* then who keeps to the window that we offered (512 KiB, and a message on its way) stays, and who does not goes */
    MESSAGE_SEAL_BYTES = 33,            /* on the wire around each message: CURVE's name, nonce, flags and authenticator */
    FRAME_BYTES_SHORT = 2,              /* and the frame's head: of up to 255 bytes, of more */
    FRAME_BYTES_LONG = 9,
    HEARTBEAT_BYTES_SECOND = 8,      /* and what belongs to no message: at most two heartbeats of 45 bytes in 20 s */
    GROWTH_BYTES = 48 * 1024 * 1024, /* resident memory must grow by this much before connections are looked at one by one */
    TRIM_MS = 1000,                  /* after such a connection was ended: by then the library has let its parts go */
    TRIM_BYTES = 1024 * 1024,        /* and after so much was taken: what was queued is freed only then, long after its connection has gone on a busy PC */
    DENIED_MAX = 64,
    DENIED_MS = 10 * 60 * 1000
};

struct connection {
    int64_t since_ms, end_ms;                     /* end_ms 0: no end set */
    uint64_t taken_bytes;                         /* of the whole messages that came, with their frames */
    bool used, heard, admitted, ended, unwatched; /* heard: a whole message came; unwatched: its traffic cannot be noticed */
    struct link_route route;
    uint8_t key[32];
};
struct denied {
    uint8_t key[32];
    int64_t until_ms;
};
struct guard {
    size_t count, max;
    int highest; /* no connection has a greater number */
    int statm;
    int traffic; /* an epoll instance over all connections: readable when bytes have come since they were last looked at */
    bool busy;   /* it has been: a look is due, and until then it need not be asked */
    uint64_t memory_base;
    int64_t full_ms;      /* when connections are to be looked at one by one, unless memory grows before */
    int64_t trim_ms;      /* when freed memory is to be given back; 0: not at all */
    uint64_t freed_bytes; /* of messages taken since that was done last; a connection that went counts as much as calls for it */
    struct denied denied[DENIED_MAX];
    struct connection connections[FDS];
};

enum status guard_open(struct guard **out, size_t connections_max) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return STATUS_NO_MEMORY;
    }
    (*out)->max = connections_max;
    (*out)->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    (*out)->traffic = epoll_create1(EPOLL_CLOEXEC);
    return STATUS_OK;
}

void guard_close(struct guard *guard) {
    if (guard == NULL) {
        return;
    }
    if (guard->statm >= 0) {
        close(guard->statm);
    }
    if (guard->traffic >= 0) {
        close(guard->traffic);
    }
    free(guard);
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static struct connection *connection_of(struct guard *guard, int fd) {
    return fd >= 0 && fd < FDS && guard->connections[fd].used ? &guard->connections[fd] : NULL;
}

static void end_now(struct guard *guard, int fd, const char *reason) {
    struct connection *connection = &guard->connections[fd];
    if (!connection->ended) {
        connection->ended = true;
        (void)shutdown(fd, SHUT_RDWR);
        logger_line(LOGGER_INFO, "connection_ended", "reason=%s connections=%zu", reason, guard->count);
    }
}

/* At the bound, the oldest connection that has not shown an admitted key makes room; where there is none, the newcomer goes. */
static void make_room(struct guard *guard, int newcomer, int64_t now_ms) {
    int oldest = newcomer;
    int64_t since_ms = now_ms - UNKNOWN_LEAST_MS;
    for (int fd = 0; fd <= guard->highest; fd++) {
        const struct connection *connection = &guard->connections[fd];
        if (connection->used && !connection->admitted && !connection->ended && connection->since_ms < since_ms) {
            oldest = fd;
            since_ms = connection->since_ms;
        }
    }
    end_now(guard, oldest, "too_many");
}

void guard_accepted(struct guard *guard, int fd, int64_t now_ms) {
    if (fd < 0 || fd >= FDS) {
        (void)shutdown(fd, SHUT_RDWR);
        return;
    }
    struct connection *connection = &guard->connections[fd];
    guard->count += connection->used ? 0 : 1;
    *connection = (struct connection){.used = true, .since_ms = now_ms};
    guard->full_ms = now_ms;
    guard->highest = fd > guard->highest ? fd : guard->highest;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET}; /* edges only: libzmq reads the bytes, not we; it leaves the instance when the socket is closed */
    if (epoll_ctl(guard->traffic, EPOLL_CTL_ADD, fd, &event) != 0) {
        guard->busy = true; /* looked after all the same, every two seconds as long as the connection lasts */
        connection->unwatched = true;
    }
    if (guard->count > guard->max) {
        make_room(guard, fd, now_ms);
    }
}

void guard_forget(struct guard *guard, int fd) {
    struct connection *connection = connection_of(guard, fd);
    if (connection == NULL) {
        return;
    }
    connection->used = false;
    guard->count--;
    guard->freed_bytes += connection->admitted ? TRIM_BYTES : 0; /* with what it had begun to say */
    while (guard->highest > 0 && !guard->connections[guard->highest].used) {
        guard->highest--;
    }
}

bool guard_gone(struct guard *guard, int fd, struct link_route *route, uint8_t key[32]) {
    struct connection *connection = connection_of(guard, fd);
    if (connection == NULL) {
        return false;
    }
    bool admitted = connection->admitted;
    if (!connection->heard && !connection->ended) {
        logger_line(LOGGER_INFO, "stranger_gone", "connections=%zu", guard->count);
    }
    *route = connection->route;
    memcpy(key, connection->key, 32);
    guard_forget(guard, fd);
    return admitted;
}

/* Bytes that have come in over a socket since it was opened; 0 where it is none. */
static uint64_t bytes_received(int fd) {
    struct tcp_info info;
    memset(&info, 0, sizeof info);
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_received : 0;
}

void guard_heard(struct guard *guard, const struct link_event *event, bool admitted) {
    guard->freed_bytes += event->message.len; /* also when its connection is no more: the library hands over what was queued */
    struct connection *connection = connection_of(guard, event->fd);
    if (connection == NULL) {
        return;
    }
    connection->heard = true;
    connection->route = event->route;
    memcpy(connection->key, event->key, 32);
    connection->admitted = admitted;
    /* To the byte: what were counted too much here could be held unseen later. */
    size_t sealed = event->message.len + MESSAGE_SEAL_BYTES;
    connection->taken_bytes += sealed + (sealed > UINT8_MAX ? FRAME_BYTES_LONG : FRAME_BYTES_SHORT);
}

/* What came over a connection and is held somewhere before us: in the kernel, in the library's queue, in a message that has not ended. */
static uint64_t hidden_bytes(const struct connection *connection, int fd, int64_t now_ms) {
    uint64_t received = bytes_received(fd), known = connection->taken_bytes + (uint64_t)(now_ms - connection->since_ms) * HEARTBEAT_BYTES_SECOND / 1000;
    return received > known ? received - known : 0;
}

void guard_end(struct guard *guard, int fd, int64_t now_ms, int64_t delay_ms) {
    struct connection *connection = connection_of(guard, fd);
    if (connection != NULL && (connection->end_ms == 0 || connection->end_ms > now_ms + delay_ms)) {
        connection->end_ms = now_ms + delay_ms;
        guard->full_ms = earlier(guard->full_ms, connection->end_ms);
    }
}

bool guard_denied(const struct guard *guard, const uint8_t key[32], int64_t now_ms) {
    for (size_t i = 0; i < DENIED_MAX; i++) {
        if (guard->denied[i].until_ms > now_ms && memcmp(guard->denied[i].key, key, 32) == 0) {
            return true;
        }
    }
    return false;
}

static void deny(struct guard *guard, const uint8_t key[32], int64_t now_ms) {
    size_t place = 0; /* the one that would be let in again first makes room */
    for (size_t i = 1; i < DENIED_MAX; i++) {
        if (guard->denied[i].until_ms < guard->denied[place].until_ms) {
            place = i;
        }
    }
    memcpy(guard->denied[place].key, key, 32);
    guard->denied[place].until_ms = now_ms + DENIED_MS;
}

/* Resident memory in bytes; 0 where it cannot be read. */
static uint64_t memory_used(const struct guard *guard) {
    char text[128];
    ssize_t len = guard->statm < 0 ? -1 : pread(guard->statm, text, sizeof text - 1, 0);
    if (len <= 0) {
        return 0;
    }
    text[len] = 0;
    unsigned long long total, resident;
    return sscanf(text, "%llu %llu", &total, &resident) == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Has memory grown so much since connections were last looked at that they must be again? */
static bool memory_grew(struct guard *guard) {
    uint64_t used = memory_used(guard);
    bool grew = guard->memory_base > 0 && used > guard->memory_base + GROWTH_BYTES;
    if (grew || used < guard->memory_base || guard->memory_base == 0) {
        guard->memory_base = used;
    }
    return grew;
}

/* Ends a connection for what it made us hold. */
static void relieve(struct guard *guard, int fd, const char *reason, int64_t now_ms) {
    guard->trim_ms = now_ms + TRIM_MS;
    end_now(guard, fd, reason);
}

/* How full memory has become since it was looked at last. */
enum pressure { PRESSURE_NONE, PRESSURE_GREW, PRESSURE_CROWD };

static void look_at(struct guard *guard, int fd, enum pressure pressure, int64_t now_ms) {
    struct connection *connection = &guard->connections[fd];
    bool asked = connection->admitted && pressure != PRESSURE_NONE && !PLANTED("endless-message-borne");
    uint64_t hidden = asked ? hidden_bytes(connection, fd, now_ms) : 0;
    if (connection->end_ms != 0 && now_ms >= connection->end_ms) {
        end_now(guard, fd, "session_over");
    } else if (!connection->admitted && now_ms - connection->since_ms >= UNKNOWN_MS) {
        end_now(guard, fd, "silent");
    } else if (!connection->admitted && bytes_received(fd) > UNKNOWN_BYTES_MAX) {
        end_now(guard, fd, "unknown_and_loud");
    } else if (hidden > HIDDEN_BYTES_MAX) {
        deny(guard, connection->key, now_ms);
        relieve(guard, fd, "endless_message", now_ms);
    } else if (hidden > QUEUED_BYTES_MAX && pressure == PRESSURE_CROWD) {
        relieve(guard, fd, "crowd", now_ms);
    }
}

static enum pressure pressure_of(const struct guard *guard, bool grew, int64_t now_ms) {
    uint64_t hidden = 0;
    for (int fd = 0; grew && fd <= guard->highest; fd++) {
        const struct connection *connection = &guard->connections[fd];
        hidden += connection->used && !connection->ended ? hidden_bytes(connection, fd, now_ms) : 0;
    }
    return !grew ? PRESSURE_NONE : hidden > CROWD_BYTES_MAX ? PRESSURE_CROWD : PRESSURE_GREW;
}

/* Have bytes come on any connection since this was last asked? */
static bool traffic_taken(struct guard *guard) {
    struct epoll_event events[64];
    bool any = guard->traffic < 0;
    for (int count = 1; guard->traffic >= 0 && count > 0;) {
        count = epoll_wait(guard->traffic, events, sizeof events / sizeof events[0], 0);
        any |= count > 0;
    }
    return any;
}

/* When a connection is to be ended though nothing comes from it: INT64_MAX where no such time is set. */
static int64_t ends_at(const struct connection *connection) {
    int64_t end_ms = connection->admitted ? INT64_MAX : connection->since_ms + UNKNOWN_MS;
    return connection->end_ms != 0 && connection->end_ms < end_ms ? connection->end_ms : end_ms;
}

/* Looks at the connections one by one; when that must be done again though nothing comes. */
static int64_t look_at_all(struct guard *guard, bool grew, int64_t now_ms) {
    int64_t due_ms = INT64_MAX;
    enum pressure pressure = pressure_of(guard, grew, now_ms);
    for (int fd = 0; fd <= guard->highest; fd++) {
        const struct connection *connection = &guard->connections[fd];
        if (connection->used && !connection->ended) {
            look_at(guard, fd, pressure, now_ms);
        }
        if (connection->used && !connection->ended) {
            due_ms = earlier(ends_at(connection), due_ms);
            guard->busy |= connection->unwatched;
        }
    }
    return due_ms;
}

/* What was freed in small pieces stays with the process otherwise: its limit of memory would be so much nearer until it ends. INT64_MAX: nothing is to be done.
 */
static int64_t trim(struct guard *guard, int64_t now_ms) {
    if (guard->trim_ms == 0) {
        return INT64_MAX;
    }
    if (now_ms >= guard->trim_ms) {
        guard->trim_ms = 0;
        guard->freed_bytes = 0;
        (void)malloc_trim(0);
        return INT64_MAX;
    }
    return guard->trim_ms;
}

int64_t guard_trim_due(struct guard *guard, int64_t now_ms) {
    if (guard->trim_ms == 0 && guard->freed_bytes >= TRIM_BYTES) {
        guard->trim_ms = now_ms + TRIM_MS;
    }
    return guard->trim_ms == 0 ? INT64_MAX : guard->trim_ms;
}

int64_t guard_tick(struct guard *guard, int64_t now_ms) {
    guard->busy = traffic_taken(guard);
    if (guard->count == 0) {
        guard->memory_base = 0;
        return trim(guard, now_ms);
    }
    bool grew = memory_grew(guard);
    if (grew || now_ms >= guard->full_ms) {
        guard->full_ms = look_at_all(guard, grew, now_ms);
    }
    int64_t due_ms = trim(guard, now_ms);
    if (!guard->busy) {
        return earlier(guard->full_ms, due_ms);
    }
    guard->full_ms = earlier(guard->full_ms, now_ms + TICK_MS);
    return earlier(earlier(guard->full_ms, due_ms), now_ms + MEMORY_MS);
}

int guard_traffic_fd(const struct guard *guard) {
    return guard->busy || guard->count == 0 ? -1 : guard->traffic;
}

int64_t guard_traffic(struct guard *guard, int64_t now_ms) {
    guard->busy = true;
    guard->full_ms = earlier(guard->full_ms, now_ms + TICK_MS);
    return now_ms + MEMORY_MS;
}

size_t guard_connections(const struct guard *guard) {
    return guard->count;
}
