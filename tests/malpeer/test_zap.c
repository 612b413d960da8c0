/* The handshake handler gone or silent: nobody gets in (D3). libzmq lets every key in where a CURVE server has no handler, unless it was told not to; that it
 * was told is what is seen here, from inside: the wire's own file is part of this program, so that its handler can be taken away. */
#include "daemon/link_zmq.c"

#include "protocol/keys.h"
#include "store/os.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PATIENCE_MS = 60 * 1000, NEVER_MS = 1500 };

struct world {
    struct node_keys above_keys, below_keys;
    struct link *above, *below;
    char address[LINK_ADDRESS_BYTES];
};

static bool admit_all(void *arg, const uint8_t key[32]) {
    (void)arg;
    (void)key;
    return true;
}

static void side_open(struct link **out, struct node_keys *keys) {
    uint8_t seeds[2][32];
    os_random(seeds, sizeof seeds);
    assert_int_equal(keys_from_seeds(keys, seeds[0], seeds[1]), STATUS_OK);
    struct link_config config = {.transport_secret = keys->transport_secret, .transport_public = keys->transport_public, .admit = admit_all};
    assert_int_equal(link_open(out, &config), STATUS_OK);
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(keys_init(), STATUS_OK);
    side_open(&world->above, &world->above_keys);
    side_open(&world->below, &world->below_keys);
    assert_int_equal(link_listen(world->above, "tcp://127.0.0.1:*", world->address), STATUS_OK);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    link_close(world->below);
    link_close(world->above);
    free(world);
    return 0;
}

/* The first event of the dialling side that is more than a TCP connection; 0: none in so many milliseconds. The listening side is served meanwhile, or stands
 * still. */
static unsigned first_event(struct world *world, bool served, int64_t for_ms) {
    struct link_event event;
    for (int64_t end = os_monotonic_ms() + for_ms; os_monotonic_ms() < end;) {
        link_wait(world->below, NULL, 0, 10);
        while (link_next(world->below, &event)) {
            if (event.kind != LINK_UPLINK_CONNECTED) {
                return event.kind;
            }
        }
        while (served && link_next(world->above, &event)) {
            assert_int_not_equal(event.kind, LINK_CHILD_MESSAGE);
        }
    }
    return 0;
}

static void dial(struct world *world) {
    assert_int_equal(link_dial(world->below, world->address, world->above_keys.transport_public), STATUS_OK);
}

static void a_silent_handler_admits_nobody(void **state) {
    struct world *world = *state;
    dial(world);
    assert_int_equal(first_event(world, false, NEVER_MS), 0);
    assert_int_equal(first_event(world, true, PATIENCE_MS), LINK_UPLINK_OPEN); /* it was the handler that was waited for */
}

static void no_handler_admits_nobody(void **state) {
    struct world *world = *state;
    zmq_close(world->above->zap);
    world->above->zap = NULL;
    dial(world);
    unsigned event = first_event(world, true, NEVER_MS);
    assert_int_not_equal(event, LINK_UPLINK_OPEN);
}

/* What the two above rest on: that the setting is there, under the number that the library knows it by. */
static void the_domain_is_enforced(void **state) {
    struct world *world = *state;
    int value = 0;
    size_t size = sizeof value;
    assert_int_equal(zmq_getsockopt(world->above->router, ZMQ_ZAP_ENFORCE_DOMAIN, &value, &size), 0);
    assert_int_equal(value, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_handler_admits_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_handler_admits_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_domain_is_enforced, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
