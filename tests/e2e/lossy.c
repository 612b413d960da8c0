/* A TCP proxy that is as bad as the lines are: delay, a rate, stalls, resets, half-open connections, flipped bytes. For the end-to-end scenarios, where the
 * kernel's own network emulation is not to be had everywhere.
 *
 *   lossy LISTEN_PORT TARGET_PORT [delay=MS] [rate=BYTES_PER_S] [stall=EVERY_S,FOR_S] [reset=EVERY_S] [silent_after=BYTES] [flip_after=BYTES]
 *
 * Both on the loopback; LISTEN_PORT 0 lets the system choose. The port is printed on standard output as soon as it listens. Every connection is treated alike:
 *   delay         each portion of bytes waits so long, either way
 *   rate          at most so many bytes a second, either way
 *   stall         every EVERY_S seconds since the start nothing passes for FOR_S seconds
 *   reset         a connection is reset when it is so old
 *   silent_after  after so many bytes either way nothing passes any more and nothing is closed: a line that a NAT forgot
 *   flip_after    the byte at that place, either way, is changed
 * Ends when its standard input does, or at SIGTERM. */
#include <arpa/inet.h>
#include <errno.h>
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
    PORTION_BYTES = 4096,
    PORTIONS_MAX = 64,
    TURN_MS = 5,
    RECEIVE_BYTES = 32 * 1024 /* a line holds little: the rest waits at its sender */
};

struct portion {
    int64_t due_ms;
    size_t len, gone;
    uint8_t bytes[PORTION_BYTES];
};
/* One way of a connection: a ring of portions on their way. */
struct way {
    int from, to;
    bool ended; /* from has said its end */
    size_t first, count;
    uint64_t passed; /* bytes taken from `from` */
    double credit;   /* bytes that the rate allows now */
    struct portion portions[PORTIONS_MAX];
};
struct pair {
    bool used;
    int64_t since_ms;
    struct way ways[2];
};
static struct settings { int64_t delay_ms, rate, stall_every_ms, stall_for_ms, reset_ms, silent_after, flip_after; } settings = {0, 0, 0, 0, 0, -1, -1};
static struct pair pairs[PAIRS_MAX];
static int64_t begun_ms, turned_ms;

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_setting(const char *text) {
    static const struct {
        const char *name;
        int64_t *value;
        int64_t scale;
    } NAMES[] = {{"delay=", &settings.delay_ms, 1},
                 {"rate=", &settings.rate, 1},
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
    pair->used = true;
    pair->since_ms = now_ms();
    for (int i = 0; i < 2; i++) {
        struct way *way = &pair->ways[i];
        way->ended = false;
        way->first = way->count = 0;
        way->passed = 0;
        way->credit = 0;
    }
    pair->ways[0].from = pair->ways[1].to = near;
    pair->ways[0].to = pair->ways[1].from = far;
}

/* Takes what has come, as far as rate and room allow. False: the connection broke. */
static bool take(struct way *way, int64_t now) {
    bool forgotten = settings.silent_after >= 0 && way->passed >= (uint64_t)settings.silent_after;
    double least = (double)settings.rate / 16; /* fewer and larger portions: the ring must hold what a long delay keeps on its way */
    if (way->ended || forgotten || way->count == PORTIONS_MAX || (settings.rate > 0 && way->credit < (least < 1 ? 1 : least))) {
        return true;
    }
    struct portion *portion = &way->portions[(way->first + way->count) % PORTIONS_MAX];
    size_t most = settings.rate > 0 && way->credit < PORTION_BYTES ? (size_t)way->credit : PORTION_BYTES;
    ssize_t got = recv(way->from, portion->bytes, most, MSG_DONTWAIT);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (got == 0) {
        way->ended = true;
        return true;
    }
    uint64_t place = (uint64_t)settings.flip_after - way->passed;
    if (settings.flip_after >= 0 && place < (uint64_t)got) {
        portion->bytes[place] ^= 0x20;
    }
    way->credit -= (double)got;
    way->passed += (uint64_t)got;
    portion->len = (size_t)got;
    portion->gone = 0;
    portion->due_ms = now + settings.delay_ms;
    way->count++;
    return true;
}

static bool give(struct way *way, int64_t now) {
    while (way->count > 0 && way->portions[way->first].due_ms <= now) {
        struct portion *portion = &way->portions[way->first];
        ssize_t gone = send(way->to, portion->bytes + portion->gone, portion->len - portion->gone, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (gone < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        portion->gone += (size_t)gone;
        if (portion->gone == portion->len) {
            way->first = (way->first + 1) % PORTIONS_MAX;
            way->count--;
        }
    }
    if (way->ended && way->count == 0) {
        (void)shutdown(way->to, SHUT_WR);
    }
    return true;
}

static void turn_pair(struct pair *pair, int64_t now, bool stalled) {
    if (settings.reset_ms > 0 && now - pair->since_ms >= settings.reset_ms) {
        close_pair(pair, true);
        return;
    }
    bool fine = true;
    for (int i = 0; i < 2; i++) {
        struct way *way = &pair->ways[i];
        double earned = (double)settings.rate * (double)(now - turned_ms) / 1000, most = (double)settings.rate / 10 + PORTION_BYTES;
        way->credit = way->credit + earned > most ? most : way->credit + earned;
        fine = fine && (stalled || (take(way, now) && give(way, now)));
    }
    bool over = pair->ways[0].ended && pair->ways[1].ended && pair->ways[0].count == 0 && pair->ways[1].count == 0;
    if (!fine || over) {
        close_pair(pair, !fine);
    }
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
    begun_ms = turned_ms = now_ms();
    for (bool running = true; running;) {
        struct pollfd fds[2 + 2 * PAIRS_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        nfds_t count = 2;
        bool busy = settings.rate > 0 || settings.stall_every_ms > 0;
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            for (int k = 0; pairs[i].used && k < 2; k++) {
                busy = busy || pairs[i].ways[k].count > 0 || pairs[i].ways[k].ended;
                fds[count++] = (struct pollfd){.fd = pairs[i].ways[k].from, .events = POLLIN};
            }
        }
        bool limited = busy || settings.silent_after >= 0; /* what may not be read yet would wake poll for nothing */
        if (poll(fds, limited ? 2 : count, count == 2 ? -1 : limited ? TURN_MS : 200) < 0 && errno != EINTR) {
            return 1;
        }
        char ignored[64];
        running = (fds[0].revents & (POLLIN | POLLHUP)) == 0 || read(STDIN_FILENO, ignored, sizeof ignored) > 0;
        if ((fds[1].revents & POLLIN) != 0) {
            accept_pair(listener, atoi(argv[2]));
        }
        int64_t now = now_ms();
        bool stalled = settings.stall_every_ms > 0 && (now - begun_ms) % settings.stall_every_ms >= settings.stall_every_ms - settings.stall_for_ms;
        for (size_t i = 0; i < PAIRS_MAX; i++) {
            if (pairs[i].used) {
                turn_pair(&pairs[i], now, stalled);
            }
        }
        turned_ms = now;
    }
    return 0;
}
