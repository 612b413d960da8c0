/* A TCP proxy that is as bad as the lines are: delay, a rate, stalls, resets, half-open connections, flipped bytes. For the end-to-end scenarios, where the
 * kernel's own network emulation is not to be had everywhere.
 *
 *   lossy LISTEN_PORT TARGET_PORT [delay=MS] [rate=BYTES_PER_S] [lose=PERCENT,MS] [seed=N] [stall=EVERY_S,FOR_S] [reset=EVERY_S] [silent_after=BYTES]
 *         [flip_after=BYTES]
 *
 * Both on the loopback; LISTEN_PORT 0 lets the system choose. The port is printed on standard output as soon as it listens; a line on standard input is
 * answered with a line of the bytes that have passed up (from who dials), the bytes down, and the connections there were. Every connection is treated alike:
 *   delay         each segment (what one packet carries) arrives so much later, either way
 *   rate          so many bytes a second, either way: a segment leaves when those before it have
 *   lose          so many in a hundred segments, chosen by the seed, arrive MS later, and what is behind them waits: TCP sends them again
 *   stall         every EVERY_S seconds since the start nothing passes for FOR_S seconds
 *   reset         a connection is reset when it is so old
 *   silent_after  after so many bytes either way nothing passes any more and nothing is closed: a line that a NAT forgot
 *   flip_after    the byte at that place, either way, is changed
 * Ends when its standard input does, or at SIGTERM. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PAIRS_MAX = 400,
    SEGMENT_BYTES = 1448,     /* of an Ethernet packet */
    SEGMENT_BYTES_LEAST = 64, /* on a very slow line, so that a message of a few bytes need not wait for a second */
    SEGMENTS_A_SECOND_LEAST = 16,
    SEGMENTS_MAX = 256,       /* on their way: what a fast line carries in the longest delay */
    BLOCKED_MS = 5,           /* how soon a full socket is tried again */
    STALLED_MS = 20,          /* how soon a stalled line is looked at again */
    RECEIVE_BYTES = 32 * 1024 /* a line holds little: the rest waits at its sender */
};

struct segment {
    int64_t due_us;
    size_t len, gone;
    uint8_t bytes[SEGMENT_BYTES];
};
/* One way of a connection: a ring of segments on their way. */
struct way {
    int from, to;
    bool ended; /* from has said its end */
    size_t first, count;
    uint64_t passed;  /* bytes taken from `from` */
    int64_t free_us;  /* when the line has taken all that was given to it */
    int64_t after_us; /* when the last segment arrives: nothing overtakes it */
    struct segment segments[SEGMENTS_MAX];
};
struct pair {
    bool used;
    int64_t since_us;
    struct way ways[2];
};
static struct settings {
    int64_t delay_ms, rate, lose_percent, lose_ms, seed, stall_every_ms, stall_for_ms, reset_ms, silent_after, flip_after;
} settings = {.seed = 1, .silent_after = -1, .flip_after = -1};
static struct pair pairs[PAIRS_MAX];
static int64_t begun_us;
static uint64_t passed[2], connections;

static int64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Of a hundred: the same for the same seed. */
static int64_t random_percent(void) {
    static uint64_t state;
    state = state == 0 ? (uint64_t)settings.seed * UINT64_C(0x9E3779B97F4A7C15) + 1 : state;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int64_t)((state >> 20) % 100);
}

static bool read_setting(const char *text) {
    static const struct {
        const char *name;
        int64_t *value;
        int64_t scale;
    } NAMES[] = {{"delay=", &settings.delay_ms, 1},
                 {"rate=", &settings.rate, 1},
                 {"seed=", &settings.seed, 1},
                 {"reset=", &settings.reset_ms, 1000},
                 {"silent_after=", &settings.silent_after, 1},
                 {"flip_after=", &settings.flip_after, 1}};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        size_t len = strlen(NAMES[i].name);
        if (strncmp(text, NAMES[i].name, len) == 0) {
            *NAMES[i].value = strtoll(text + len, NULL, 10) * NAMES[i].scale;
            return true;
        }
    }
    long long every, during;
    if (sscanf(text, "stall=%lld,%lld", &every, &during) == 2 && every > 0) {
        settings.stall_every_ms = every * 1000;
        settings.stall_for_ms = during * 1000;
        return true;
    }
    if (sscanf(text, "lose=%lld,%lld", &every, &during) == 2) {
        settings.lose_percent = every;
        settings.lose_ms = during;
        return true;
    }
    return false;
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void close_pair(struct pair *pair, bool reset) {
    const struct linger hard = {1, 0};
    for (int i = 0; i < 2; i++) {
        if (reset) {
            (void)setsockopt(pair->ways[i].from, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        }
        close(pair->ways[i].from);
    }
    pair->used = false;
}

static void accept_pair(int listener, int target_port) {
    int near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct pair *pair = NULL;
    for (size_t i = 0; i < PAIRS_MAX && pair == NULL; i++) {
        pair = pairs[i].used ? NULL : &pairs[i];
    }
    if (near < 0 || pair == NULL) {
        if (near >= 0) {
            close(near);
        }
        return;
    }
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = loopback(target_port);
    const int room = RECEIVE_BYTES;
    if (far < 0 || setsockopt(far, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) != 0 ||
        connect(far, (const struct sockaddr *)&to, sizeof to) != 0) { /* on the loopback this is answered at once */
        const struct linger hard = {1, 0};
        (void)setsockopt(near, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(near);
        if (far >= 0) {
            close(far);
        }
        return;
    }
    const int yes = 1; /* the delays are ours alone */
    (void)setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections++;
    pair->used = true;
    pair->since_us = now_us();
    for (int i = 0; i < 2; i++) {
        struct way *way = &pair->ways[i];
        way->ended = false;
        way->first = way->count = 0;
        way->passed = 0;
        way->free_us = way->after_us = 0;
    }
    pair->ways[0].from = pair->ways[1].to = near;
    pair->ways[0].to = pair->ways[1].from = far;
}

static size_t segment_bytes(void) {
    int64_t most = settings.rate / SEGMENTS_A_SECOND_LEAST;
    return settings.rate == 0 || most > SEGMENT_BYTES ? SEGMENT_BYTES : most < SEGMENT_BYTES_LEAST ? SEGMENT_BYTES_LEAST : (size_t)most;
}

/* When the line takes the next segment: while it sends one it holds one more, so that it is never idle for want of us. INT64_MAX: not before something else
 * happens. */
static int64_t takes_us(const struct way *way) {
    bool forgotten = settings.silent_after >= 0 && way->passed >= (uint64_t)settings.silent_after;
    if (way->ended || forgotten || way->count == SEGMENTS_MAX) {
        return INT64_MAX;
    }
    return settings.rate == 0 ? 0 : way->free_us - (int64_t)segment_bytes() * 1000000 / settings.rate;
}

enum taken { TAKEN_NOTHING, TAKEN_SEGMENT, TAKEN_BROKEN };

/* Takes one segment of what has come. */
static enum taken take(struct way *way, int64_t now) {
    struct segment *segment = &way->segments[(way->first + way->count) % SEGMENTS_MAX];
    ssize_t got = recv(way->from, segment->bytes, segment_bytes(), MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? TAKEN_NOTHING : TAKEN_BROKEN;
    }
    if (got == 0) {
        way->ended = true;
        return TAKEN_NOTHING;
    }
    uint64_t place = (uint64_t)settings.flip_after - way->passed;
    if (settings.flip_after >= 0 && place < (uint64_t)got) {
        segment->bytes[place] ^= 0x20;
    }
    way->passed += (uint64_t)got;
    segment->len = (size_t)got;
    segment->gone = 0;
    way->free_us = (way->free_us > now ? way->free_us : now) + (settings.rate == 0 ? 0 : got * 1000000 / settings.rate);
    segment->due_us = way->free_us + settings.delay_ms * 1000;
    if (settings.lose_percent > 0 && random_percent() < settings.lose_percent) {
        segment->due_us += settings.lose_ms * 1000;
    }
    segment->due_us = segment->due_us > way->after_us ? segment->due_us : way->after_us;
    way->after_us = segment->due_us;
    way->count++;
    return TAKEN_SEGMENT;
}

static bool give(struct way *way, int64_t now) {
    while (way->count > 0 && way->segments[way->first].due_us <= now) {
        struct segment *segment = &way->segments[way->first];
        ssize_t gone = send(way->to, segment->bytes + segment->gone, segment->len - segment->gone, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (gone < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        segment->gone += (size_t)gone;
        if (segment->gone == segment->len) {
            way->first = (way->first + 1) % SEGMENTS_MAX;
            way->count--;
        }
    }
    if (way->ended && way->count == 0) {
        (void)shutdown(way->to, SHUT_WR);
    }
    return true;
}

static void turn_pair(struct pair *pair, int64_t now, bool stalled) {
    if (settings.reset_ms > 0 && now - pair->since_us >= settings.reset_ms * 1000) {
        close_pair(pair, true);
        return;
    }
    bool fine = true;
    for (int i = 0; i < 2 && !stalled; i++) {
        struct way *way = &pair->ways[i];
        uint64_t before = way->passed;
        enum taken taken = TAKEN_SEGMENT;
        while (taken == TAKEN_SEGMENT && takes_us(way) <= now) {
            taken = take(way, now);
        }
        passed[i] += way->passed - before;
        fine = fine && taken != TAKEN_BROKEN;
        fine = fine && give(way, now);
    }
    bool over = pair->ways[0].ended && pair->ways[1].ended && pair->ways[0].count == 0 && pair->ways[1].count == 0;
    if (!fine || over) {
        close_pair(pair, !fine);
    }
}

/* ---- waiting ---- */

/* When a pair has something to do by time; what to poll of it is added to fds. */
static int64_t pair_due_us(const struct pair *pair, int64_t now, bool stalled, struct pollfd *fds, nfds_t *count) {
    int64_t due = settings.reset_ms > 0 ? pair->since_us + settings.reset_ms * 1000 : INT64_MAX;
    for (int i = 0; i < 2; i++) {
        const struct way *way = &pair->ways[i];
        int64_t takes = takes_us(way), gives = way->count == 0 ? INT64_MAX : way->segments[way->first].due_us;
        if (stalled) {
            gives = now + STALLED_MS * 1000;
        } else if (takes <= now) {
            fds[(*count)++] = (struct pollfd){.fd = way->from, .events = POLLIN};
        } else {
            gives = takes < gives ? takes : gives;
        }
        gives = gives <= now ? now + BLOCKED_MS * 1000 : gives; /* it was due, and the socket took nothing */
        due = gives < due ? gives : due;
    }
    return due;
}

static int listen_at(int port) {
    const int room = RECEIVE_BYTES;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in at = loopback(port);
    socklen_t len = sizeof at;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) != 0 || bind(listener, (const struct sockaddr *)&at, len) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        perror("lossy");
        return -1;
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return listener;
}

/* What has passed, for a line of standard input. False: it has ended. */
static bool answer(void) {
    char ignored[64];
    if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
        return false;
    }
    printf("%llu %llu %llu\n", (unsigned long long)passed[0], (unsigned long long)passed[1], (unsigned long long)connections);
    fflush(stdout);
    return true;
}

static bool is_stalled(int64_t now) {
    int64_t passed_ms = (now - begun_us) / 1000;
    return settings.stall_every_ms > 0 && passed_ms % settings.stall_every_ms >= settings.stall_every_ms - settings.stall_for_ms;
}

int main(int argc, char **argv) {
    for (int i = 3; i < argc; i++) {
        if (!read_setting(argv[i])) {
            fprintf(stderr, "lossy: %s\n", argv[i]);
            return 2;
        }
    }
    int listener = argc < 3 ? -1 : listen_at(atoi(argv[1]));
    if (listener < 0) {
        return 2;
    }
    begun_us = now_us();
    for (bool running = true; running;) {
        static struct pollfd fds[2 + 2 * PAIRS_MAX];
        nfds_t count = 2;
        int64_t now = now_us(), due = INT64_MAX;
        fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (pairs[i].used) {
                int64_t pair_due = pair_due_us(&pairs[i], now, is_stalled(now), fds, &count);
                due = pair_due < due ? pair_due : due;
            }
        }
        const struct timespec wait = {.tv_sec = (due - now) / 1000000, .tv_nsec = (due - now) % 1000000 * 1000};
        if (ppoll(fds, count, due == INT64_MAX ? NULL : &wait, NULL) < 0 && errno != EINTR) {
            return 1;
        }
        running = (fds[0].revents & (POLLIN | POLLHUP)) == 0 || answer();
        if ((fds[1].revents & POLLIN) != 0) {
            accept_pair(listener, atoi(argv[2]));
        }
        now = now_us();
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (pairs[i].used) {
                turn_pair(&pairs[i], now, is_stalled(now));
            }
        }
    }
    return 0;
}
