/* A link between a commune and the root above it for each test of the engine, and how both stand. */
#ifndef TESTS_UNIT_SESSION_FIXTURE_H
#define TESTS_UNIT_SESSION_FIXTURE_H

#include "tests/sim/ram_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static inline int session_set_up(void **state) {
    *state = fixture_new();
    return 0;
}

static inline int session_tear_down(void **state) {
    fixture_free(*state);
    return 0;
}

static inline void assert_in_step(const struct fixture *fixture) {
    assert_true(session_in_step(fixture->pair.session[0]));
    assert_true(session_in_step(fixture->pair.session[1]));
}

/* Connected, in step, transcript empty. */
static inline void connect_in_step(struct fixture *fixture) {
    fixture_connect(fixture);
    pair_run(&fixture->pair);
    assert_in_step(fixture);
    pair_forget(&fixture->pair);
}

/* One test with a fixture of its own. */
#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, session_set_up, session_tear_down)

#endif
