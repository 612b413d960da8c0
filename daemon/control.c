#include "daemon/control.h"

#include "daemon/logger.h"
#include "protocol/planted.h"
#include "store/os.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 4,
    FRAME_BYTES_MAX = 8 * 1024 * 1024, /* docs/control.md; an import goes in portions of 1,000 rows */
    READ_BYTES = 256 * 1024,           /* at most so much of one client in a round */
    WAITING_MS = 1000,                 /* how often a request that waits is looked at, when nothing else happens */
    STALLED_MS = 60 * 1000,            /* a frame begun must go on, an answer must be taken */
    LISTENERS = 2
};

struct client {
    int fd; /* -1: the place is free */
    struct store_caller caller;
    char account[OS_ACCOUNT_BYTES]; /* behind the caller's */
    int64_t active_ms;              /* the last byte either way */
    struct buffer in, out;
    size_t out_at;
    bool last_answer; /* close when the answer has gone */
    struct service_wait wait;
};
struct control {
    struct service *service;
    struct listener {
        int fd; /* -1: none */
        char *path;
    } own, shared;    /* in the directory, for its owner and root; the service's, for the people of a group */
    long gid;         /* of that group */
    uint8_t *scratch; /* READ_BYTES */
    struct client clients[CONTROL_CLIENTS_MAX];
};

static enum status listen_at(struct listener *listener, const char *path, long gid) {
    enum status status = os_local_listen_group(&listener->fd, path, gid);
    if (status == STATUS_OK) {
        listener->path = strdup(path);
        status = listener->path == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return status;
}

static void shut(struct listener *listener) {
    if (listener->path != NULL) {
        os_file_remove(listener->path);
    }
    os_local_close(&listener->fd);
    free(listener->path);
    listener->path = NULL;
}

enum status control_open(struct control **out, struct service *service, const char *path) {
    struct control *control = *out = calloc(1, sizeof *control);
    if (control == NULL) {
        return STATUS_NO_MEMORY;
    }
    control->service = service;
    control->own.fd = control->shared.fd = -1;
    control->gid = -1;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    control->scratch = malloc(READ_BYTES);
    enum status status = control->scratch == NULL ? STATUS_NO_MEMORY : listen_at(&control->own, path, -1);
    if (status != STATUS_OK) {
        control_close(control);
        *out = NULL;
    }
    return status;
}

enum status control_share(struct control *control, const char *path, const char *group) {
    control->gid = os_group(group);
    if (control->gid < 0) {
        control->gid = os_own_group();
    }
    enum status status = listen_at(&control->shared, path, control->gid);
    if (status != STATUS_OK) {
        shut(&control->shared);
    }
    return status;
}

/* ---- one client ---- */

static void hang_up(struct client *client) {
    os_local_close(&client->fd);
    buffer_fini(&client->in);
    buffer_fini(&client->out);
    client->wait.active = false;
}

static bool frame_waits(const struct client *client) {
    if (client->in.len < HEAD_BYTES) {
        return false;
    }
    const uint8_t *head = client->in.data;
    size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    return len > FRAME_BYTES_MAX || client->in.len - HEAD_BYTES >= len;
}

static bool may_read(const struct client *client) {
    return client->out.len == 0 && !client->wait.active && !client->last_answer && !frame_waits(client);
}

/* Puts an answer into the client's buffer; takes it over. */
static void reply(struct client *client, json_t *answer) {
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
    size_t len = text == NULL ? 0 : strlen(text);
    json_decref(answer);
    if (len > FRAME_BYTES_MAX) {
        free(text);
        answer = service_refusal(STATUS_TOO_LARGE, NULL);
        text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
        len = text == NULL ? 0 : strlen(text);
        json_decref(answer);
    }
    const uint8_t head[HEAD_BYTES] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    if (text == NULL || buffer_append(&client->out, head, sizeof head) != STATUS_OK || buffer_append(&client->out, text, len) != STATUS_OK) {
        hang_up(client); /* out of memory: the client sees its connection end, and may repeat its request under the same id */
    }
    free(text);
}

/* Takes the first frame out of the client's buffer and answers it. */
static void serve_frame(struct control *control, struct client *client, int64_t now_ms) {
    const uint8_t *head = client->in.data;
    size_t len = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (len > FRAME_BYTES_MAX) { /* where the next frame begins is lost with it */
        client->last_answer = true;
        buffer_clear(&client->in);
        reply(client, service_refusal(STATUS_TOO_LARGE, NULL));
        return;
    }
    json_t *request = json_loadb((const char *)client->in.data + HEAD_BYTES, len, PLANTED("key-given-twice") ? 0 : JSON_REJECT_DUPLICATES, NULL);
    size_t rest = client->in.len - HEAD_BYTES - len;
    if (rest == 0) {
        buffer_fini(&client->in);
        buffer_init(&client->in, FRAME_BYTES_MAX + HEAD_BYTES + READ_BYTES);
    } else {
        memmove(client->in.data, client->in.data + HEAD_BYTES + len, rest);
        client->in.len = rest;
    }
    json_t *answer =
        json_is_object(request) ? service_answer(control->service, &client->caller, request, &client->wait, now_ms) : service_refusal(STATUS_BAD_REQUEST, NULL);
    json_decref(request);
    if (answer != NULL || !client->wait.active) {
        reply(client, answer);
    }
}

static void read_some(struct control *control, struct client *client, int64_t now_ms) {
    ssize_t got = read(client->fd, control->scratch, READ_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0 || buffer_append(&client->in, control->scratch, (size_t)got) != STATUS_OK) {
        hang_up(client);
        return;
    }
    client->active_ms = now_ms;
}

static void write_some(struct client *client, int64_t now_ms) {
    ssize_t gone = send(client->fd, client->out.data + client->out_at, client->out.len - client->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (gone < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            hang_up(client);
        }
        return;
    }
    client->active_ms = now_ms;
    client->out_at += (size_t)gone;
    if (client->out_at == client->out.len) {
        client->out_at = 0;
        buffer_fini(&client->out);
        buffer_init(&client->out, FRAME_BYTES_MAX + HEAD_BYTES);
        if (client->last_answer) {
            hang_up(client);
        }
    }
}

/* ---- all of them ---- */

/* A place for a newcomer: a free one, else that of the client that has been idle longest, else none. */
static struct client *place_for(struct control *control) {
    struct client *best = NULL;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->fd < 0) {
            return client;
        }
        bool idle = client->in.len == 0 && client->out.len == 0 && !client->wait.active;
        if (idle && (best == NULL || client->active_ms < best->active_ms)) {
            best = client;
        }
    }
    if (best != NULL) {
        hang_up(best);
    }
    return best;
}

/* Whoever owns the directory and root, and at the service's socket the members of its group: the file's mode says so already, and this says it again. */
static bool welcome(const struct control *control, const struct listener *listener, int fd, const struct os_peer *peer, bool *member) {
    *member = listener == &control->shared && os_peer_in_group(fd, peer, control->gid);
    return *member || peer->uid == (long)geteuid() || peer->uid == 0;
}

static void accept_some(struct control *control, const struct listener *listener, int64_t now_ms) {
    int fd;
    bool member;
    struct os_peer peer;
    for (int i = 0; i < CONTROL_CLIENTS_MAX && os_local_accept(&fd, listener->fd, &peer) == STATUS_OK; i++) {
        if (!welcome(control, listener, fd, &peer, &member)) {
            logger_line(LOGGER_WARN, "control_refused", "uid=%ld", peer.uid);
            os_local_close(&fd);
            continue;
        }
        struct client *client = place_for(control);
        if (client == NULL) {
            logger_line(LOGGER_WARN, "control_full", "clients=%d", CONTROL_CLIENTS_MAX);
            os_local_close(&fd);
            continue;
        }
        *client = (struct client){.fd = fd, .active_ms = now_ms};
        os_account(peer.uid, client->account);
        client->caller = (struct store_caller){.uid = peer.uid, .daemon = true, .member = member, .account = client->account};
        buffer_init(&client->in, FRAME_BYTES_MAX + HEAD_BYTES + READ_BYTES);
        buffer_init(&client->out, FRAME_BYTES_MAX + HEAD_BYTES);
    }
}

size_t control_fds(const struct control *control, struct pollfd *fds) {
    size_t count = 0;
    fds[count++] = (struct pollfd){.fd = control->own.fd, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = control->shared.fd, .events = POLLIN}; /* a negative one is passed over */
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const struct client *client = &control->clients[i];
        if (client->fd >= 0) {
            short events = (short)((may_read(client) ? POLLIN : 0) | (client->out.len > 0 ? POLLOUT : 0));
            fds[count++] = (struct pollfd){.fd = client->fd, .events = events};
        }
    }
    return count;
}

static short events_of(const struct pollfd *fds, size_t count, int fd) {
    for (size_t i = LISTENERS; i < count; i++) {
        if (fds[i].fd == fd) {
            return fds[i].revents;
        }
    }
    return 0;
}

void control_serve(struct control *control, const struct pollfd *fds, size_t count, int64_t now_ms) {
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        short events = client->fd < 0 ? 0 : events_of(fds, count, client->fd);
        if ((events & POLLIN) != 0) {
            read_some(control, client, now_ms);
        } else if ((events & POLLERR) != 0) {
            hang_up(client);
        }
        if (client->fd >= 0 && client->out.len == 0 && !client->wait.active && frame_waits(client)) {
            serve_frame(control, client, now_ms);
        }
        if (client->fd >= 0 && client->out.len > 0) {
            write_some(client, now_ms);
        }
    }
    const struct listener *const listeners[LISTENERS] = {&control->own, &control->shared};
    for (size_t i = 0; i < LISTENERS && i < count; i++) {
        if ((fds[i].revents & POLLIN) != 0) {
            accept_some(control, listeners[i], now_ms);
        }
    }
}

int64_t control_tick(struct control *control, int64_t now_ms) {
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->fd < 0) {
            continue;
        }
        if (client->wait.active) {
            json_t *answer = service_resume(control->service, &client->wait, now_ms);
            if (answer != NULL || !client->wait.active) {
                client->active_ms = now_ms;
                reply(client, answer);
            }
        }
        bool begun = client->in.len > 0 || client->out.len > 0;
        if (client->fd >= 0 && begun && now_ms - client->active_ms >= STALLED_MS) {
            hang_up(client);
        }
        if (client->fd < 0) {
            continue;
        }
        int64_t look_ms = now_ms + WAITING_MS < client->wait.until_ms ? now_ms + WAITING_MS : client->wait.until_ms;
        int64_t next = client->wait.active ? look_ms : begun ? client->active_ms + STALLED_MS : INT64_MAX;
        if (client->out.len == 0 && !client->wait.active && frame_waits(client)) {
            next = now_ms;
        }
        due = next < due ? next : due;
    }
    return due;
}

void control_close(struct control *control) {
    if (control == NULL) {
        return;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->fd >= 0 && client->out.len > 0) {
            write_some(client, 0);
        }
        hang_up(client);
    }
    shut(&control->own);
    shut(&control->shared);
    free(control->scratch);
    free(control);
}
