/* Changes by which trust and structure move (docs/protocol.md 5.6 to 5.10): every bound and every rule, one by one, and random ones that come back the same. */
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* What an encoder says of a value; and that it leaves nothing behind where it refuses. */
#define SAYS(status, call) \
    do { \
        buffer_init(&scratch, 2 * BODY_BYTES_MAX); \
        assert_int_equal(call, status); \
        assert_int_equal(scratch.len == 0, (status) != STATUS_OK); \
        buffer_fini(&scratch); \
    } while (0)
#define TAKEN(call) SAYS(STATUS_OK, call)
#define REFUSED(call) SAYS(STATUS_MALFORMED, call)
static struct buffer scratch;

static struct unit_id unit_of(uint8_t number) {
    return (struct unit_id){{number}};
}

/* count units, from number on. */
static struct line line_of(uint8_t number, size_t count) {
    struct line line = {.count = count};
    for (size_t i = 0; i < count && i < LINE_UNITS_MAX; i++) {
        line.units[i] = unit_of((uint8_t)(number + i));
    }
    return line;
}

static struct ref ref_of(uint8_t node, uint8_t epoch, uint64_t seq) {
    return (struct ref){.log = {.node = {{node}}, .kind = LOG_REPORT, .epoch = {{epoch}}}, .seq = seq};
}

/* One log each, of nodes from 1 on, as many as a change may name; the next one too, for a count above the bound to be about the count alone. */
static void fill_refs(struct refs *refs, size_t count) {
    refs->count = count;
    for (size_t i = 0; i < count && i < TRUST_REFS_MAX; i++) {
        refs->items[i] = ref_of((uint8_t)(i / 16 + 1), (uint8_t)(i % 16), i + 1);
    }
}

/* ---- move, close, same ---- */

static const uint64_t PLACINGS[] = {CHANGE_MOVE, CHANGE_CLOSE, CHANGE_SAME};

static void placings_name_two_lines(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct placing good = {.unit = unit_of(200), .line = line_of(1, 1), .former = line_of(1, 1)};
        struct placing placing = good;
        TAKEN(placing_encode(&placing, PLACINGS[i], &scratch));
        placing.line = line_of(1, LINE_UNITS_MAX);
        placing.former = line_of(100, LINE_UNITS_MAX);
        TAKEN(placing_encode(&placing, PLACINGS[i], &scratch));
        struct line *const lines[] = {&placing.line, &placing.former};
        for (size_t j = 0; j < 2; j++) {
            struct line *line = lines[j];
            placing = good;
            line->count = 0;
            REFUSED(placing_encode(&placing, PLACINGS[i], &scratch));
            line->count = LINE_UNITS_MAX + 1;
            REFUSED(placing_encode(&placing, PLACINGS[i], &scratch));
            *line = line_of(1, 5);
            line->units[4] = line->units[1]; /* a circle */
            REFUSED(placing_encode(&placing, PLACINGS[i], &scratch));
            *line = line_of(1, 5);
            line->units[4] = placing.unit; /* above itself */
            REFUSED(placing_encode(&placing, PLACINGS[i], &scratch));
        }
    }
}

static void placings_have_a_date(void **state) {
    (void)state;
    static const struct date good[] = {{0}, {.set = true, .days = DATE_MIN}, {.set = true, .days = DATE_MAX}};
    static const struct date bad[] = {{.set = true, .days = DATE_MIN - 1}, {.set = true, .days = DATE_MAX + 1}};
    for (size_t i = 0; i < 3; i++) {
        struct placing placing = {.unit = unit_of(200), .line = line_of(1, 2), .former = line_of(3, 2)};
        for (size_t j = 0; j < 3; j++) {
            placing.effective = good[j];
            TAKEN(placing_encode(&placing, PLACINGS[i], &scratch));
        }
        for (size_t j = 0; j < 2; j++) {
            placing.effective = bad[j];
            REFUSED(placing_encode(&placing, PLACINGS[i], &scratch));
        }
    }
}

static void the_main_successor_is_the_new_parent(void **state) {
    (void)state;
    const struct placing good = {.unit = unit_of(200), .line = line_of(1, 2), .former = line_of(3, 2)};
    struct placing placing = good;
    placing.successor_count = 1;
    placing.successors[0] = unit_of(1);
    TAKEN(placing_encode(&placing, CHANGE_CLOSE, &scratch));
    placing.successors[0] = unit_of(2); /* stands in the line, but not first */
    REFUSED(placing_encode(&placing, CHANGE_CLOSE, &scratch));
    placing.successor_count = SUCCESSORS_MAX;
    for (size_t i = 0; i < SUCCESSORS_MAX; i++) {
        placing.successors[i] = unit_of((uint8_t)(1 + i)); /* another successor may stand anywhere */
    }
    TAKEN(placing_encode(&placing, CHANGE_CLOSE, &scratch));
    placing.successors[SUCCESSORS_MAX - 1] = placing.successors[3];
    REFUSED(placing_encode(&placing, CHANGE_CLOSE, &scratch));
    placing.successors[SUCCESSORS_MAX - 1] = placing.unit;
    REFUSED(placing_encode(&placing, CHANGE_CLOSE, &scratch));
    placing.successor_count = SUCCESSORS_MAX + 1;
    REFUSED(placing_encode(&placing, CHANGE_CLOSE, &scratch));
}

/* A move is no closing without successors: the lengths tell them apart. */
static void placings_are_told_apart(void **state) {
    (void)state;
    const struct placing placing = {.unit = unit_of(200), .line = line_of(1, 1), .former = line_of(2, 1)};
    struct placing read;
    for (size_t i = 0; i < 3; i++) {
        buffer_init(&scratch, BODY_BYTES_MAX);
        assert_int_equal(placing_encode(&placing, PLACINGS[i], &scratch), STATUS_OK);
        for (size_t j = 0; j < 3; j++) {
            bool alike = (PLACINGS[i] == CHANGE_CLOSE) == (PLACINGS[j] == CHANGE_CLOSE);
            assert_int_equal(placing_decode(&read, PLACINGS[j], buffer_bytes(&scratch)), alike ? STATUS_OK : STATUS_MALFORMED);
            assert_int_equal(read.line.count, alike ? 1 : 0);
        }
        buffer_fini(&scratch);
    }
}

/* ---- lists of refs ---- */

/* Every change that is a list of refs, by what encodes it with the refs given. */
static enum status encode_list(unsigned which, const struct refs *refs) {
    struct handover handover = {.upto = *refs};
    struct erasure erasure = {.entries = *refs};
    switch (which) {
    case 0:
        return handover_encode(&handover, &scratch);
    case 1:
        return pin_encode(refs, &scratch);
    case 2:
        return erasure_encode(&erasure, &scratch);
    default:
        return acceptance_encode(refs, &scratch);
    }
}

static void lists_are_bounded_and_in_order(void **state) {
    (void)state;
    static struct refs refs;
    for (unsigned which = 0; which < 4; which++) {
        fill_refs(&refs, TRUST_REFS_MAX);
        TAKEN(encode_list(which, &refs));
        refs.count = TRUST_REFS_MAX + 1;
        REFUSED(encode_list(which, &refs));
        fill_refs(&refs, 0);
        SAYS(which == 0 ? STATUS_OK : STATUS_MALFORMED, encode_list(which, &refs)); /* a handover may name nothing */
        fill_refs(&refs, 3);
        refs.items[2] = refs.items[1]; /* one twice */
        REFUSED(encode_list(which, &refs));
        refs.items[2] = refs.items[0]; /* out of order */
        REFUSED(encode_list(which, &refs));
        fill_refs(&refs, 3);
        refs.items[1].seq = 0;
        REFUSED(encode_list(which, &refs));
        fill_refs(&refs, 3);
        refs.items[2].log.kind = LOG_RECOVERY; /* a second recovery log */
        REFUSED(encode_list(which, &refs));
        fill_refs(&refs, 2);
        refs.items[1] = refs.items[0]; /* two entries of one log: a handover ends each log once */
        refs.items[1].seq++;
        SAYS(which == 0 ? STATUS_MALFORMED : STATUS_OK, encode_list(which, &refs));
    }
}

static void revocations_are_about_one_node(void **state) {
    (void)state;
    static struct revocation revocation;
    revocation = (struct revocation){.node = {{7}}};
    TAKEN(revocation_encode(&revocation, &scratch)); /* every log cut at 0 */
    revocation.upto.count = TRUST_REFS_MAX;
    for (size_t i = 0; i < TRUST_REFS_MAX; i++) {
        revocation.upto.items[i] = ref_of(7, (uint8_t)i, i + 1);
    }
    revocation.has_reason = true;
    revocation.reason = ref_of(9, 9, 9); /* whoever wrote it */
    TAKEN(revocation_encode(&revocation, &scratch));
    revocation.reason.seq = 0;
    REFUSED(revocation_encode(&revocation, &scratch));
    revocation.has_reason = false;
    TAKEN(revocation_encode(&revocation, &scratch));
    revocation.upto.count = TRUST_REFS_MAX + 1;
    REFUSED(revocation_encode(&revocation, &scratch));
    revocation.upto.count = 2;
    revocation.upto.items[1] = ref_of(8, 1, 1);
    REFUSED(revocation_encode(&revocation, &scratch));
    revocation.upto.items[1] = revocation.upto.items[0];
    revocation.upto.items[1].seq++;
    REFUSED(revocation_encode(&revocation, &scratch)); /* cut at two places */
    revocation.upto.items[1] = ref_of(7, 1, 1);
    TAKEN(revocation_encode(&revocation, &scratch));
    revocation.node.b[15] = 1;
    REFUSED(revocation_encode(&revocation, &scratch));
}

static void what_is_refused_names_nothing(void **state) {
    (void)state;
    static struct revocation revocation;
    static struct handover handover;
    static struct erasure erasure;
    static struct refs refs;
    static const uint8_t NOTHING[] = {0x90};
    struct bytes in = bytes_of(NOTHING, sizeof NOTHING);
    revocation.upto.count = handover.upto.count = erasure.entries.count = refs.count = 9;
    revocation.has_reason = erasure.has_reason = true;
    assert_int_equal(revocation_decode(&revocation, in), STATUS_MALFORMED);
    assert_int_equal(handover_decode(&handover, in), STATUS_MALFORMED);
    assert_int_equal(erasure_decode(&erasure, in), STATUS_MALFORMED);
    assert_int_equal(pin_decode(&refs, in), STATUS_MALFORMED);
    assert_int_equal(revocation.upto.count + handover.upto.count + erasure.entries.count + refs.count, 0);
    assert_false(revocation.has_reason || erasure.has_reason);
    refs.count = 9;
    assert_int_equal(acceptance_decode(&refs, in), STATUS_MALFORMED);
    assert_int_equal(refs.count, 0);
}

static void erasures_may_say_why(void **state) {
    (void)state;
    static struct erasure erasure;
    fill_refs(&erasure.entries, 1);
    erasure.has_reason = true;
    erasure.reason = ref_of(9, 9, SEQ_MAX);
    TAKEN(erasure_encode(&erasure, &scratch));
    erasure.reason.seq++;
    REFUSED(erasure_encode(&erasure, &scratch));
}

/* ---- fork decision and reason ---- */

static void decisions_are_between_two_entries_of_one_log(void **state) {
    (void)state;
    struct fork_decision decision = {.keeps = ref_of(1, 1, 7), .rival = ref_of(1, 1, 8)};
    REFUSED(fork_decision_encode(&decision, &scratch)); /* one hash */
    decision.rival.hash.b[15] = 1;
    TAKEN(fork_decision_encode(&decision, &scratch)); /* both branches fall */
    for (uint64_t seq = 1; seq <= 7; seq++) {
        decision.rival.seq = seq;
        TAKEN(fork_decision_encode(&decision, &scratch));
    }
    decision.rival.seq = 9;
    REFUSED(fork_decision_encode(&decision, &scratch));
    decision.rival.seq = 0;
    REFUSED(fork_decision_encode(&decision, &scratch));
    decision.rival.seq = decision.keeps.seq = SEQ_MAX;
    TAKEN(fork_decision_encode(&decision, &scratch));
    decision.rival.log.epoch.b[0] = 2;
    REFUSED(fork_decision_encode(&decision, &scratch));
    decision.rival.log = decision.keeps.log;
    decision.rival.log.kind = LOG_DIRECTIVE;
    REFUSED(fork_decision_encode(&decision, &scratch));
    decision.rival.log = decision.keeps.log;
    decision.rival.log.node.b[0] = 2;
    REFUSED(fork_decision_encode(&decision, &scratch));
}

static void reasons_are_text(void **state) {
    (void)state;
    static char text[REASON_BYTES_MAX + 1];
    memset(text, 'r', sizeof text);
    REFUSED(reason_encode(bytes_of(text, 0), &scratch));
    TAKEN(reason_encode(bytes_of(text, 1), &scratch));
    TAKEN(reason_encode(bytes_of(text, REASON_BYTES_MAX), &scratch));
    REFUSED(reason_encode(bytes_of(text, REASON_BYTES_MAX + 1), &scratch));
    text[1] = '\0';
    REFUSED(reason_encode(bytes_of(text, 2), &scratch));
}

/* ---- what was written is what is read ---- */

static void random_refs(struct chance *chance, struct refs *refs, const struct node_id *node, size_t least) {
    refs->count = least + chance_below(chance, TRUST_REFS_MAX + 1 - least);
    for (size_t i = 0; i < refs->count; i++) {
        struct ref *ref = &refs->items[i];
        *ref = ref_of(0, 0, 1 + (chance_next(chance) & INT64_MAX) % SEQ_MAX);
        chance_fill(chance, &ref->hash, sizeof ref->hash);
        chance_fill(chance, &ref->log.epoch, sizeof ref->log.epoch);
        ref->log.epoch.b[0] = (uint8_t)i; /* in order */
        ref->log.node = *node;
    }
}

static void random_values_come_back(void **state) {
    (void)state;
    static struct revocation revocation, revoked;
    static struct handover handover, handed;
    struct chance chance = {5};
    for (unsigned i = 0; i < 200; i++) {
        chance_fill(&chance, &revocation.node, sizeof revocation.node);
        random_refs(&chance, &revocation.upto, &revocation.node, 0);
        revocation.has_reason = i % 2 == 0;
        revocation.reason = revocation.has_reason ? ref_of(1, 2, 1 + i) : (struct ref){0};
        buffer_init(&scratch, BODY_BYTES_MAX);
        assert_int_equal(revocation_encode(&revocation, &scratch), STATUS_OK);
        assert_int_equal(revocation_decode(&revoked, buffer_bytes(&scratch)), STATUS_OK);
        assert_true(ID_EQUAL(&revoked.node, &revocation.node) && revoked.has_reason == revocation.has_reason && revoked.upto.count == revocation.upto.count);
        assert_int_equal(ref_compare(&revoked.reason, &revocation.reason), 0);
        for (size_t j = 0; j < revoked.upto.count; j++) {
            assert_int_equal(ref_compare(&revoked.upto.items[j], &revocation.upto.items[j]), 0);
        }
        buffer_clear(&scratch);
        chance_fill(&chance, &handover.unit, sizeof handover.unit);
        chance_fill(&chance, &handover.parent, sizeof handover.parent);
        handover.upto = revocation.upto;
        assert_int_equal(handover_encode(&handover, &scratch), STATUS_OK);
        assert_int_equal(handover_decode(&handed, buffer_bytes(&scratch)), STATUS_OK);
        assert_true(ID_EQUAL(&handed.unit, &handover.unit) && ID_EQUAL(&handed.parent, &handover.parent) && handed.upto.count == handover.upto.count);
        buffer_fini(&scratch);
    }
}

static void damage_is_refused_or_another_value(void **state) {
    (void)state;
    static struct revocation revocation;
    static const recode_fn FNS[] = {recode_move, recode_close, recode_same, recode_revocation, recode_fork_decision};
    struct placing placing = {.unit = unit_of(200), .line = line_of(1, 2), .former = line_of(3, 4)};
    struct fork_decision decision = {.keeps = ref_of(1, 1, 7), .rival = ref_of(1, 1, 8)};
    decision.rival.hash.b[0] = 1;
    revocation.node.b[0] = 7;
    revocation.upto.count = 2;
    revocation.upto.items[0] = ref_of(7, 1, 300);
    revocation.upto.items[1] = ref_of(7, 2, 70000);
    for (size_t i = 0; i < 5; i++) {
        buffer_init(&scratch, BODY_BYTES_MAX);
        placing.successor_count = i == 1 ? 2 : 0;
        placing.successors[0] = unit_of(1);
        placing.successors[1] = unit_of(9);
        enum status status = i < 3    ? placing_encode(&placing, PLACINGS[i], &scratch)
                             : i == 3 ? revocation_encode(&revocation, &scratch)
                                      : fork_decision_encode(&decision, &scratch);
        assert_int_equal(status, STATUS_OK);
        struct recode_tally tally = recode_try(FNS[i], buffer_bytes(&scratch), 5000, i);
        assert_int_equal(tally.failed, 0);
        assert_true(tally.refused > 1000 && tally.accepted > 100);
        buffer_fini(&scratch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placings_name_two_lines),
        cmocka_unit_test(placings_have_a_date),
        cmocka_unit_test(the_main_successor_is_the_new_parent),
        cmocka_unit_test(placings_are_told_apart),
        cmocka_unit_test(lists_are_bounded_and_in_order),
        cmocka_unit_test(revocations_are_about_one_node),
        cmocka_unit_test(what_is_refused_names_nothing),
        cmocka_unit_test(erasures_may_say_why),
        cmocka_unit_test(decisions_are_between_two_entries_of_one_log),
        cmocka_unit_test(reasons_are_text),
        cmocka_unit_test(random_values_come_back),
        cmocka_unit_test(damage_is_refused_or_another_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
