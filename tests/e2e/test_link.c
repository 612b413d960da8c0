/* The wire against real sockets and hostile peers: daemon/link_zmq.c and daemon/guard.c, no store and no session. Every wait is for something that must happen,
 * and ends when it has: patience is only how long a busy machine may take. Nothing is judged by the time it took. */
#include "daemon/guard.h"
#include "daemon/logger.h"
#include "protocol/keys.h"
#include "store/os.h"
#include "tests/e2e/curve_client.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

enum {
    PATIENCE_MS = 60 * 1000,
    CONNECTIONS = 32,
    HUGE_BYTES = 64 * 1024 * 1024,     /* of a frame of 300 MiB: so much is sent, unless the connection is closed before */
    ENDLESS_BYTES = 160 * 1024 * 1024, /* of a message without end: the guard's 48 and 32 MiB, twice */
    GROWTH_KIB_LEAST = 16 * 1024,
    GROWTH_KIB_MAX = 200 * 1024
};

/* The address sanitizer keeps freed memory back, 256 MiB by default: more than all that is measured here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}

struct side {
    struct node_keys keys;
    struct link *link;
};
struct world {
    struct side above, below;
    struct guard *guard;
    char address[LINK_ADDRESS_BYTES];
    bool admit;
    size_t accepted, gone;  /* connections of the listening side, ever */
    struct link_event last; /* of the listening side */
    char text[64];          /* its message */
};

static bool admit(void *arg, const uint8_t key[32]) {
    struct world *world = arg;
    return world->admit && !guard_denied(world->guard, key, os_monotonic_ms());
}

static void side_open(struct side *side, struct world *world) {
    uint8_t seeds[2][32];
    os_random(seeds, sizeof seeds);
    assert_int_equal(keys_from_seeds(&side->keys, seeds[0], seeds[1]), STATUS_OK);
    struct link_config config = {
        .transport_secret = side->keys.transport_secret, .transport_public = side->keys.transport_public, .admit = admit, .admit_arg = world};
    assert_int_equal(link_open(&side->link, &config), STATUS_OK);
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(keys_init(), STATUS_OK);
    logger_open(LOGGER_ERROR);
    world->admit = true;
    side_open(&world->above, world);
    side_open(&world->below, world);
    assert_int_equal(guard_open(&world->guard, CONNECTIONS), STATUS_OK);
    assert_int_equal(link_listen(world->above.link, "tcp://127.0.0.1:*", world->address), STATUS_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    link_close(world->below.link);
    link_close(world->above.link);
    guard_close(world->guard);
    free(world);
    return 0;
}

/* Lets the listening side work as the daemon would; true when it got a message. */
static bool serve(struct world *world) {
    struct link_event event;
    struct link_route route;
    uint8_t key[32];
    bool got = false;
    link_wait(world->above.link, NULL, 0, 10);
    while (!got && link_next(world->above.link, &event)) {
        if (event.kind == LINK_CHILD_ACCEPTED) {
            world->accepted++;
            guard_accepted(world->guard, event.fd, os_monotonic_ms());
        } else if (event.kind == LINK_CHILD_GONE) {
            world->gone++;
            (void)guard_gone(world->guard, event.fd, &route, key);
        } else if (event.kind == LINK_CHILD_MESSAGE) {
            guard_heard(world->guard, &event, !event.malformed);
            world->last = event;
            snprintf(world->text, sizeof world->text, "%.*s", (int)event.message.len, (const char *)event.message.data);
            got = true;
        }
    }
    return got;
}

/* Serves until the dialling side sees an event, which is returned; 0 when patience ends. */
static enum link_event_kind await_below(struct world *world, struct link_event *out) {
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; os_monotonic_ms() < end;) {
        (void)serve(world);
        while (link_next(world->below.link, out)) {
            if (out->kind != LINK_UPLINK_CONNECTED) {
                return out->kind;
            }
        }
    }
    return 0;
}

static bool await_above(struct world *world) {
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; os_monotonic_ms() < end;) {
        if (serve(world)) {
            return true;
        }
    }
    return false;
}

/* Serves until so many connections have ended, ever; meanwhile no message may come. */
static void await_gone(struct world *world, size_t gone) {
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; world->gone < gone && os_monotonic_ms() < end;) {
        assert_false(serve(world));
    }
    assert_true(world->gone >= gone);
}

static void dial(struct world *world, const uint8_t server_key[32]) {
    assert_int_equal(link_dial(world->below.link, world->address, server_key), STATUS_OK);
}

static void send_up(struct world *world, const char *text) {
    enum status status = STATUS_BUSY;
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; status == STATUS_BUSY && os_monotonic_ms() < end;) {
        status = link_send_up(world->below.link, bytes_of(text, strlen(text)));
    }
    assert_int_equal(status, STATUS_OK);
}

/* An honest peer still gets through: the end of every attack below. */
static void honest_exchange(struct world *world) {
    struct link_event event;
    dial(world, world->above.keys.transport_public);
    assert_int_equal(await_below(world, &event), LINK_UPLINK_OPEN);
    send_up(world, "report");
    assert_true(await_above(world));
    assert_string_equal(world->text, "report");
    assert_false(world->last.malformed);
    assert_memory_equal(world->last.key, world->below.keys.transport_public, 32);
    enum status status = link_send_down(world->above.link, &world->last.route, bytes_of("directive", 9));
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(await_below(world, &event), LINK_UPLINK_MESSAGE);
    assert_int_equal(event.message.len, 9);
    assert_memory_equal(event.message.data, "directive", 9);
}

/* ---- peers of all kinds ---- */

static int port_of(const struct world *world) {
    return atoi(strrchr(world->address, ':') + 1);
}

static int raw_connect(const struct world *world) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(world)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
                connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

/* Serves until the other side has closed fd. */
static bool closed_by_above(struct world *world, int fd) {
    char bytes[4096];
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; os_monotonic_ms() < end;) {
        (void)serve(world);
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return true;
        }
    }
    return false;
}

/* A client made with the bare library: CURVE with a key of its own unless mechanism is NULL's. */
static void *bare_client(void *context, const struct world *world, bool curve, const char *routing_id) {
    static uint8_t public[32], secret[32];
    char text_public[41], text_secret[41];
    void *client = zmq_socket(context, ZMQ_DEALER);
    int zero = 0, no_bound = 0;
    assert_non_null(client);
    zmq_setsockopt(client, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(client, ZMQ_SNDHWM, &no_bound, sizeof no_bound);
    if (curve) {
        assert_int_equal(zmq_curve_keypair(text_public, text_secret), 0);
        assert_non_null(zmq_z85_decode(public, text_public));
        assert_non_null(zmq_z85_decode(secret, text_secret));
        zmq_setsockopt(client, ZMQ_CURVE_SERVERKEY, world->above.keys.transport_public, 32);
        zmq_setsockopt(client, ZMQ_CURVE_PUBLICKEY, public, 32);
        zmq_setsockopt(client, ZMQ_CURVE_SECRETKEY, secret, 32);
    }
    if (routing_id != NULL) {
        zmq_setsockopt(client, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    }
    assert_int_equal(zmq_connect(client, world->address), 0);
    return client;
}

static long resident_kib(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ---- scenarios ---- */

static void messages_go_both_ways_and_carry_the_proved_key(void **state) {
    honest_exchange(*state);
}

/* A refused dealer never comes back by itself; a new one does, once the level above knows the key. */
static void a_refused_key_may_come_back(void **state) {
    struct world *world = *state;
    struct link_event event;
    world->admit = false;
    dial(world, world->above.keys.transport_public);
    assert_int_equal(await_below(world, &event), LINK_UPLINK_REFUSED);
    world->admit = true;
    honest_exchange(world);
}

/* The server proves its key too: a false one is not talked to. */
static void a_false_server_is_not_talked_to(void **state) {
    struct world *world = *state;
    struct link_event event;
    dial(world, world->below.keys.transport_public);
    (void)await_below(world, &event);
    assert_int_not_equal(event.kind, LINK_UPLINK_OPEN);
    honest_exchange(world);
}

static void nobody_there_is_said_at_once(void **state) {
    struct world *world = *state;
    struct link_event event;
    assert_int_equal(link_dial(world->below.link, "tcp://127.0.0.1:1", world->above.keys.transport_public), STATUS_OK);
    assert_int_equal(await_below(world, &event), LINK_UPLINK_LOST);
    honest_exchange(world);
}

static void bad_addresses_are_refused(void **state) {
    struct world *world = *state;
    char bound[LINK_ADDRESS_BYTES];
    static const char *const BAD[] = {
        "", "tcp://", "ipc:///tmp/x", "inproc://x", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "tcp://127.0.0.1:1;tcp://127.0.0.1:2"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_int_equal(link_dial(world->below.link, BAD[i], world->above.keys.transport_public), STATUS_ADDRESS_INVALID);
        assert_int_equal(link_listen(world->below.link, BAD[i], bound), STATUS_ADDRESS_INVALID);
    }
    assert_int_equal(link_listen(world->below.link, world->address, bound), STATUS_ADDRESS_IN_USE);
}

/* Without CURVE nobody gets in. Whichever side finds out first ends the connection. */
static void a_client_without_curve_reaches_nothing(void **state) {
    struct world *world = *state;
    void *context = zmq_ctx_new();
    for (size_t i = 0; i < 3; i++) {
        void *client = bare_client(context, world, false, NULL);
        (void)zmq_send(client, "x", 1, ZMQ_DONTWAIT);
        await_gone(world, world->gone + 1);
        zmq_close(client);
    }
    zmq_ctx_term(context);
    honest_exchange(world);
}

/* Whoever does not speak the protocol is dropped, and nothing else happens. */
static void strangers_are_dropped(void **state) {
    struct world *world = *state;
    static const char HTTP[] = "GET / HTTP/1.1\r\nHost: hoi\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    int fd = raw_connect(world);
    assert_true(send(fd, HTTP, sizeof HTTP, MSG_NOSIGNAL) > 0);
    assert_true(closed_by_above(world, fd));
    close(fd);
    honest_exchange(world);
}

/* A command frame that announces 300 MiB before any key is shown costs no memory. */
static void a_huge_frame_before_the_handshake_is_cut_off(void **state) {
    struct world *world = *state;
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    static const uint8_t FRAME[] = {0x06, 0, 0, 0, 0, 0x12, 0xc0, 0, 0};
    static uint8_t filler[65536];
    long before = resident_kib();
    int fd = raw_connect(world);
    assert_true(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL) == (ssize_t)sizeof greeting);
    assert_true(send(fd, FRAME, sizeof FRAME, MSG_NOSIGNAL) == (ssize_t)sizeof FRAME);
    size_t sent = 0; /* what is not closed would take all of it in: that is seen below */
    while (sent < HUGE_BYTES && send(fd, filler, sizeof filler, MSG_NOSIGNAL) > 0) {
        sent += sizeof filler;
    }
    assert_true(closed_by_above(world, fd));
    close(fd);
    assert_true(sent < HUGE_BYTES);
    assert_true(resident_kib() - before < 8 * 1024);
    honest_exchange(world);
}

/* A routing id of one's own is no way in. */
static void a_chosen_routing_id_is_refused(void **state) {
    struct world *world = *state;
    void *context = zmq_ctx_new();
    void *client = bare_client(context, world, true, "victim");
    assert_int_equal(zmq_send(client, "x", 1, 0), 1);
    assert_true(await_above(world));
    assert_true(world->last.malformed);
    zmq_close(client);
    zmq_ctx_term(context);
    honest_exchange(world);
}

static void two_parts_are_malformed(void **state) {
    struct world *world = *state;
    void *context = zmq_ctx_new();
    void *client = bare_client(context, world, true, NULL);
    assert_int_equal(zmq_send(client, "x", 1, ZMQ_SNDMORE), 1);
    assert_int_equal(zmq_send(client, "y", 1, 0), 1);
    assert_true(await_above(world));
    assert_true(world->last.malformed);
    assert_int_equal(world->last.message.len, 0);
    zmq_close(client);
    zmq_ctx_term(context);
    honest_exchange(world);
}

static void a_message_above_the_bound_closes_its_connection(void **state) {
    struct world *world = *state;
    void *context = zmq_ctx_new();
    void *client = bare_client(context, world, true, NULL);
    size_t len = MESSAGE_BYTES_MAX + 4096;
    uint8_t *bytes = calloc(1, len);
    assert_non_null(bytes);
    assert_int_equal(zmq_send(client, bytes, MESSAGE_BYTES_MAX, 0), MESSAGE_BYTES_MAX); /* exactly at the bound: it arrives */
    assert_true(await_above(world));
    assert_false(world->last.malformed);
    assert_int_equal(world->last.message.len, MESSAGE_BYTES_MAX);
    assert_int_equal(zmq_send(client, bytes, len, 0), (int)len);
    await_gone(world, 1);
    free(bytes);
    zmq_close(client);
    zmq_ctx_term(context);
    honest_exchange(world);
}

/* A connection of the hand-written client, its handshake done and one whole message delivered, so that the guard knows its key. */
static void hostile_connect(struct world *world, struct curve_client *client) {
    bool closed;
    curve_client_connect(client, port_of(world), world->above.keys.transport_public);
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; !curve_client_shake(client, world->above.keys.transport_public);) {
        assert_true(os_monotonic_ms() < end);
        (void)serve(world);
    }
    assert_true(curve_client_send(client, "x", 1, false, &closed));
    assert_true(await_above(world));
    assert_false(world->last.malformed);
    assert_memory_equal(world->last.key, client->public, 32);
}

/* The parts of one message without end, each within the bound. The guard ends the connection and shuts the key out for a while. It is asked after each MiB, and
 * not by the clock: how much comes in between two looks is then the same on every machine. */
static void an_endless_message_is_ended(void **state) {
    struct world *world = *state;
    static uint8_t part[256 * 1024];
    struct curve_client client;
    hostile_connect(world, &client);
    (void)guard_tick(world->guard, os_monotonic_ms());
    long before = resident_kib(), most = before;
    bool closed = false;
    size_t sent = 0, seen = 0;
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; !closed && sent < ENDLESS_BYTES && os_monotonic_ms() < end;) {
        sent += curve_client_send(&client, part, sizeof part, true, &closed) ? sizeof part : 0;
        if (sent >= seen + 1024 * 1024) {
            seen = sent;
            assert_false(serve(world));
            (void)guard_tick(world->guard, os_monotonic_ms());
        }
        most = resident_kib() > most ? resident_kib() : most;
    }
    assert_true(closed);
    assert_true(guard_denied(world->guard, client.public, os_monotonic_ms()));
    assert_false(guard_denied(world->guard, world->below.keys.transport_public, os_monotonic_ms()));
    assert_true(most - before > GROWTH_KIB_LEAST); /* it did make us hold something: else this test would prove nothing */
    assert_true(most - before < GROWTH_KIB_MAX);
    curve_client_close(&client);
    honest_exchange(world);
}

/* Silent connections are bounded in number and in time. Each has been accepted before its time is let pass: how soon the library takes them out of the kernel's
 * queue is its own affair. */
static void silent_connections_make_room(void **state) {
    struct world *world = *state;
    int fds[CONNECTIONS + 8];
    for (size_t i = 0; i < CONNECTIONS + 8; i++) {
        fds[i] = raw_connect(world);
        (void)serve(world);
    }
    for (int64_t end = os_monotonic_ms() + PATIENCE_MS; world->accepted < CONNECTIONS + 8 && os_monotonic_ms() < end;) {
        assert_false(serve(world));
    }
    assert_int_equal(world->accepted, CONNECTIONS + 8);
    await_gone(world, 8);
    assert_true(guard_connections(world->guard) <= CONNECTIONS);
    (void)guard_tick(world->guard, os_monotonic_ms() + 61 * 1000);
    await_gone(world, CONNECTIONS + 8);
    assert_int_equal(guard_connections(world->guard), 0);
    for (size_t i = 0; i < CONNECTIONS + 8; i++) {
        close(fds[i]);
    }
    honest_exchange(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_go_both_ways_and_carry_the_proved_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_key_may_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_false_server_is_not_talked_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_there_is_said_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_addresses_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_without_curve_reaches_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strangers_are_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_huge_frame_before_the_handshake_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chosen_routing_id_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_parts_are_malformed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_message_above_the_bound_closes_its_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_endless_message_is_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silent_connections_make_room, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
