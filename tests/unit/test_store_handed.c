/* What one former level holds of a moved unit's logs goes up its own line, until a level that stands above the unit today has it: when the unit has lost it, it
 * is nowhere else. Over real links. */
#include "store_network.h"

enum { ROOT, PROVINCE, OTHER, DISTRICT, COMMUNE, LETTERS = 4 };

/* The commune was under the district, under the province. It wrote letters and reports, which the district has and nobody else; its PC is gone. It was moved
 * under the other province, and the district knows. */
struct moved {
    struct network *network;
    struct log_id log;
    uint64_t head; /* of its last three reports one reaches the root, one the district, the last the provinces */
};

/* One report of class record. Nobody here knows its kind, so what is in it does not matter. */
static struct stored write_report(struct store *store, uint8_t reach) {
    struct buffer body = offices_buffer();
    const uint8_t payload[] = {0x91, 0x01};
    const struct change change = {.kind = 66, .payload = bytes_of(payload, sizeof payload)};
    const struct term audience = {.unit = store->unit};
    struct stored stored;
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    const struct draft draft = {
        .kind = LOG_REPORT, .cls = CLASS_RECORD, .reach = reach, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&body);
    return stored;
}

static void begin_with(struct moved *moved, size_t repeats) {
    network_setup((void **)&moved->network);
    struct network *network = moved->network;
    assert_int_equal(network_add(network, ROOT, ROOT), PROVINCE);
    assert_int_equal(network_add(network, ROOT, ROOT), OTHER);
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_true(network_sync(network, OTHER, ROOT));
    assert_int_equal(network_add(network, PROVINCE, PROVINCE), DISTRICT);
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_int_equal(network_add(network, DISTRICT, DISTRICT), COMMUNE);
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_true(network_sync(network, OTHER, ROOT));
    struct store *commune = at(network, COMMUNE);
    for (size_t i = 0; i < LETTERS; i++)
        moved->log = offices_document(commune, LOG_REPORT, &commune->founding.root, "thư ", i == 1 ? repeats : 1).ref.log;
    (void)write_report(commune, 0);
    (void)write_report(commune, 2);
    moved->head = write_report(commune, 1).ref.seq;
    assert_true(network_sync(network, COMMUNE, DISTRICT));
    network_move(network, ROOT, &network->offices[COMMUNE].unit, &network->offices[DISTRICT].unit, &network->offices[OTHER].unit);
    network_tell(network, DISTRICT);
    network_tell(network, PROVINCE);
}

static int begin(void **state) {
    struct moved *moved = calloc(1, sizeof *moved);
    assert_non_null(moved);
    begin_with(moved, 1);
    *state = moved;
    return 0;
}

static int end(void **state) {
    struct moved *moved = *state;
    void *network = moved->network;
    network_teardown(&network);
    free(moved);
    return 0;
}

/* All entries, and the bodies of those that reach up to this level. */
static void assert_handed(struct moved *moved, size_t office, unsigned level) {
    struct network *network = moved->network;
    assert_int_equal(network_head(network, office, &moved->log), moved->head);
    for (uint64_t seq = 1; seq <= moved->head; seq++) {
        bool reaches = seq <= LETTERS + 1 || (seq == moved->head ? level >= 1 : level >= 2);
        assert_int_equal(network_has_body(network, office, &moved->log, seq), reaches);
    }
    assert_sound(at(network, office));
}

/* Up the old line to the root, which stands above the commune today, and from there down to its new province. */
static void up_the_old_line(void **state) {
    struct moved *moved = *state;
    struct network *network = moved->network;
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_handed(moved, PROVINCE, 1);
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_handed(moved, ROOT, 0);
    assert_true(network_sync(network, OTHER, ROOT));
    assert_handed(moved, OTHER, 0);    /* through the root */
    assert_handed(moved, DISTRICT, 2); /* what reaches no further stays where it is */
}

/* It is known again what was handed up: the next link asks, and nothing goes twice. */
static void nothing_goes_twice(void **state) {
    struct moved *moved = *state;
    struct network *network = moved->network;
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    struct network_link *link = network_open(network, DISTRICT, PROVINCE);
    struct session_stats stats;
    network_run(link, 60 * 1000);
    assert_true(network_in_step(link));
    session_stats(link->session[0], &stats);
    assert_int_equal(stats.entries_out, 1); /* the offer */
    session_stats(link->session[1], &stats);
    assert_int_equal(stats.entries_out, 0);
    network_close(link);
}

/* A former level gets nothing of what comes later, neither from above nor from the unit, and learns of nothing. */
static void nothing_new_comes_down(void **state) {
    struct moved *moved = *state;
    struct network *network = moved->network;
    struct store *commune = at(network, COMMUNE);
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_true(network_sync(network, PROVINCE, ROOT));
    network_tell(network, COMMUNE);
    network_tell(network, OTHER);
    offices_document(commune, LOG_REPORT, &commune->founding.root, "mới", 1);
    assert_true(network_sync(network, COMMUNE, OTHER));
    assert_true(network_sync(network, OTHER, ROOT));
    assert_int_equal(network_head(network, ROOT, &moved->log), moved->head + 1);
    assert_true(network_sync(network, PROVINCE, ROOT));
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_int_equal(network_head(network, PROVINCE, &moved->log), moved->head);
    assert_int_equal(network_head(network, DISTRICT, &moved->log), moved->head);
    /* Nor does the root say how far it has come since. */
    struct network_link *link = network_open(network, PROVINCE, ROOT);
    network_run(link, 60 * 1000);
    for (size_t i = 0; i < link->count[0]; i++) {
        struct bytes message = buffer_bytes(&link->queue[0][i]);
        struct have have;
        struct log_state *state_of = calloc(1, sizeof *state_of);
        assert_non_null(state_of);
        if (message.len > 0 && message_type(message) == MESSAGE_HAVE && have_open(&have, message) == STATUS_OK)
            while (have_next(&have, state_of))
                assert_true(!log_id_equal(&state_of->log, &moved->log) || state_of->seq <= moved->head);
        free(state_of);
    }
    network_close(link);
}

/* While the district does not know that the commune has moved, and its province does. */
static void before_the_lower_side_knows(void **state) {
    struct moved *moved = *state;
    struct network *network = moved->network;
    struct store *commune = at(network, COMMUNE);
    /* Another commune goes the same way, and the district is not told. */
    assert_int_equal(network_add(network, DISTRICT, DISTRICT), COMMUNE + 1);
    assert_true(network_sync(network, COMMUNE + 1, DISTRICT));
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_true(network_sync(network, PROVINCE, ROOT));
    struct log_id log = offices_document(at(network, COMMUNE + 1), LOG_REPORT, &commune->founding.root, "thư", 1).ref.log;
    assert_true(network_sync(network, COMMUNE + 1, DISTRICT));
    network_move(network, ROOT, &network->offices[COMMUNE + 1].unit, &network->offices[DISTRICT].unit, &network->offices[OTHER].unit);
    network_tell(network, PROVINCE);
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_true(network_has_body(network, PROVINCE, &log, 1));
}

/* In parts, over a line that dies. */
static void long_bodies_over_a_line_that_dies(void **state) {
    struct moved *moved = *state;
    (void)end(state);
    moved = calloc(1, sizeof *moved);
    assert_non_null(moved);
    *state = moved;
    begin_with(moved, 30000);
    struct network *network = moved->network;
    unsigned links = 0;
    for (; !network_has_body(network, PROVINCE, &moved->log, 2); links++) {
        struct network_link *link = network_open(network, DISTRICT, PROVINCE);
        link->to_carry = links < 2 ? 2 : 4; /* the offer, and something */
        network_run(link, 60 * 1000);
        network_close(link);
        assert_true(links < 30);
    }
    assert_true(links > 1);
    assert_true(network_sync(network, DISTRICT, PROVINCE));
    assert_handed(moved, PROVINCE, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(up_the_old_line),
        TEST(nothing_goes_twice),
        TEST(nothing_new_comes_down),
        TEST(before_the_lower_side_knows),
        TEST(long_bodies_over_a_line_that_dies),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
