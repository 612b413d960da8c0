/* How many joins are looked at: the stated bounds of one key, one address and all, however they come. */
#include "daemon/enrol_rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct enrol_rate *rate;

static int setup(void **state) {
    (void)state;
    rate = calloc(1, sizeof *rate);
    assert_non_null(rate);
    rate->seed = 77;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    free(rate);
    return 0;
}

static struct enrol_asker asker_of(unsigned key, unsigned address) {
    struct enrol_asker asker = {.address_known = address != 0};
    memcpy(asker.key, &key, sizeof key);
    memcpy(asker.address, &address, sizeof address);
    return asker;
}

/* How many of count joins are let through: each of a new key from key on, or (keys false) all of that one key. */
static unsigned taken(unsigned count, unsigned key, bool keys, unsigned address, int64_t now_ms) {
    unsigned out = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct enrol_asker asker = asker_of(keys ? key + i : key, address);
        out += enrol_rate_take(rate, &asker, now_ms);
    }
    return out;
}

static void one_key(void **state) {
    (void)state;
    assert_int_equal(taken(1000, 1, false, 0, 5), ENROL_RATE_KEY_BURST);
    assert_int_equal(taken(10, 1, false, 0, 5 + 999), 0);
    assert_int_equal(taken(10, 1, false, 0, 5 + 1000), 1);
    assert_int_equal(taken(1, 2, false, 0, 5 + 1000), 1); /* nobody else is held up */
    assert_int_equal(taken(1000, 1, false, 0, 1 << 30), ENROL_RATE_KEY_BURST);
}

static void one_address(void **state) {
    (void)state;
    assert_int_equal(taken(200, 1, true, 7, 0), ENROL_RATE_ADDRESS_BURST);
    assert_int_equal(taken(200, 1000, true, 7, 1000), ENROL_RATE_ADDRESS_SECOND);
    assert_int_equal(taken(20, 2000, true, 8, 1000), 20); /* from elsewhere */
}

/* However many keys and addresses somebody has: in an hour no more than the bound of all. */
static void all_of_them(void **state) {
    (void)state;
    unsigned out = 0, count = 0;
    for (int64_t now_ms = 0; now_ms < 60 * 1000; now_ms++) {
        count++;
        out += taken(1, count, false, count, now_ms);
        count++;
        out += taken(1, count, false, count, now_ms);
    }
    assert_true(out <= ENROL_RATE_ALL_BURST + 60 * ENROL_RATE_ALL_SECOND);
    assert_true(out > ENROL_RATE_ALL_BURST + 59 * ENROL_RATE_ALL_SECOND);
}

/* Whoever is refused has not used up what others may ask. */
static void a_refusal_costs_the_others_nothing(void **state) {
    (void)state;
    assert_int_equal(taken(100000, 1, false, 9, 0), ENROL_RATE_KEY_BURST);
    assert_int_equal(taken(1000, 10, true, 9, 0), ENROL_RATE_ADDRESS_BURST - ENROL_RATE_KEY_BURST);
}

/* A clock that stands, or a process that slept for years. */
static void time_is_bounded(void **state) {
    (void)state;
    assert_int_equal(taken(100, 1, false, 0, INT64_MAX / 2), ENROL_RATE_KEY_BURST);
    assert_int_equal(taken(100, 1, false, 0, INT64_MAX / 2), 0);
    assert_int_equal(taken(100, 1, false, 0, INT64_MAX), ENROL_RATE_KEY_BURST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_key, setup, teardown),         cmocka_unit_test_setup_teardown(one_address, setup, teardown),
        cmocka_unit_test_setup_teardown(all_of_them, setup, teardown),     cmocka_unit_test_setup_teardown(a_refusal_costs_the_others_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(time_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
