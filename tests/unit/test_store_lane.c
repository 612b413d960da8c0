/* The lane of a revoked key, what is kept past a cut, and evidence of forks as it is told to peers. */
#include "store_trust.h"

#include "store_ask.h"

#include "store/lane.h"
#include "store/log.h"

struct heads {
    size_t count;
    struct log_head items[16];
};

static bool take_head(void *arg, const struct log_head *head) {
    struct heads *heads = arg;
    assert_true(heads->count < 16);
    heads->items[heads->count++] = *head;
    return true;
}

static struct heads lane_of(struct store *store, const struct node_id *node) {
    struct heads heads = {0};
    struct replica replica;
    store_replica(store, &replica);
    assert_int_equal(replica.ops->each_lane_log(replica.ctx, node, take_head, &heads), STATUS_OK);
    return heads;
}

static struct log_head shared_head(struct store *store, const struct unit_id *peer, const struct log_id *log) {
    struct heads heads = {0};
    struct replica replica;
    store_replica(store, &replica);
    assert_int_equal(replica.ops->each_shared_log(replica.ctx, peer, 0, take_head, &heads), STATUS_OK);
    for (size_t i = 0; i < heads.count; i++)
        if (log_id_equal(&heads.items[i].log, log))
            return heads.items[i];
    fail();
    return (struct log_head){.seq = 0};
}

/* The child has written three documents into its report log, of which the root holds two when it revokes the child at the first; two more things are said by
 * the root. */
static void a_revoked_key_is_shown_its_revocation(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct stored last = {0}, first = {0};
    offices_introduce(offices);
    for (int i = 0; i < 3; i++) {
        last = offices_document(child, LOG_REPORT, &root->unit, "x", 1);
        first = i == 0 ? last : first;
    }
    assert_int_equal(offices_carry(child, root, &last.ref.log, 1, true), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &last.ref.log, 2, true), STATUS_OK);
    assert_false(lane_revoked(root, &child->self));
    assert_false(shared_head(root, &offices->unit, &offices->directive).cuts);
    struct stored revocation = trust_revoke(root, &child->self, &first.ref, 1, 1);
    offices_document(root, LOG_DIRECTIVE, &offices->unit, "later", 1);
    assert_true(lane_revoked(root, &child->self));
    assert_false(lane_revoked(root, &root->self));
    assert_true(shared_head(root, &offices->unit, &offices->directive).cuts); /* goes before other logs */
    struct heads lane = lane_of(root, &child->self);
    assert_int_equal(lane.count, 2);
    assert_true(log_id_equal(&lane.items[0].log, &offices->directive));
    assert_int_equal(lane.items[0].seq, revocation.ref.seq); /* and not what came after it */
    assert_memory_equal(&lane.items[0].hash, &revocation.ref.hash, sizeof revocation.ref.hash);
    assert_true(log_id_equal(&lane.items[1].log, &last.ref.log));
    assert_int_equal(lane.items[1].seq, 2);
}

/* An office that knows its key to be shut out is told so where it would change the structure, and nothing is signed. */
static void a_revoked_key_is_told_so(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    ask_done(child, "unit.add", "{'code':'0101','name':'Ba Đình','level':'2'}");
    struct stored revocation = trust_revoke(root, &child->self, NULL, 0, 1);
    for (uint64_t seq = 3; seq <= revocation.ref.seq; seq++)
        assert_int_equal(offices_carry(root, child, &revocation.ref.log, seq, true), STATUS_OK);
    int64_t entries = scratch_count(child, "SELECT count(*) FROM entry");
    ask_fails(child, "unit.add", "{'code':'0102','name':'Hoàn Kiếm','level':'2'}", STATUS_KEY_REVOKED);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM entry"), entries);
}

static void past_a_cut_there_is_room_for_so_much(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    struct stored first = offices_document(child, LOG_REPORT, &root->unit, "x", 1);
    struct stored second = offices_document(child, LOG_REPORT, &root->unit, "x", 1);
    assert_int_equal(offices_carry(child, root, &first.ref.log, 1, true), STATUS_OK);
    assert_true(lane_has_room(root, &first.ref.log, 2, LANE_ENTRIES_MAX, LANE_BYTES_MAX)); /* no cut, no bound */
    trust_revoke(root, &child->self, &first.ref, 1, 1);
    assert_true(lane_has_room(root, &first.ref.log, 1, LANE_ENTRIES_MAX, LANE_BYTES_MAX)); /* before the cut */
    assert_true(lane_has_room(root, &first.ref.log, 2, LANE_ENTRIES_MAX - 1, 0));
    assert_false(lane_has_room(root, &first.ref.log, 2, LANE_ENTRIES_MAX, 0));
    assert_true(lane_has_room(root, &first.ref.log, 2, 0, LANE_BYTES_MAX - 1));
    assert_false(lane_has_room(root, &first.ref.log, 2, 0, LANE_BYTES_MAX));
    /* What has been kept counts, in whichever of its logs; a log that the revocation does not name is cut at 0. */
    assert_int_equal(offices_carry(child, root, &second.ref.log, 2, true), STATUS_OK);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside WHERE reason = 313"), 1);
    const struct log_id other = {.node = child->self, .kind = LOG_DIRECTIVE, .epoch = {{7}}};
    assert_true(lane_has_room(root, &other, 1, LANE_ENTRIES_MAX - 2, 0));
    assert_false(lane_has_room(root, &other, 1, LANE_ENTRIES_MAX - 1, 0));
}

/* Both headers are told by their short hashes, the lower one first, and given by them; what is told rises with what comes to be known. */
static void evidence_is_told(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct replica replica;
    struct entry entry;
    struct forged forged;
    offices_introduce(offices);
    struct stored first = offices_document(child, LOG_REPORT, &root->unit, "x", 1);
    assert_int_equal(offices_carry(child, root, &first.ref.log, 1, true), STATUS_OK);
    assert_int_equal(shared_head(root, &offices->unit, &first.ref.log).fork.seq, 0);
    forge(&forged, child, &first.ref.log, 1, &(struct hash){{0}}, &root->unit, 9);
    const struct persist item = {.kind = PERSIST_FORK,
                                 .log = first.ref.log,
                                 .seq = 1,
                                 .hash = forged.hash,
                                 .entry = {.header = buffer_bytes(&forged.header), .signature = bytes_of(forged.signature, 64)}};
    uint64_t version = store_version(root);
    assert_int_equal(store_persist(root, &item, 1), STATUS_OK);
    struct heads heads = {0};
    store_replica(root, &replica);
    assert_int_equal(replica.ops->each_shared_log(replica.ctx, &offices->unit, version, take_head, &heads), STATUS_OK);
    assert_int_equal(heads.count, 1); /* peers are told */
    const struct fork_mark *fork = &heads.items[0].fork;
    assert_int_equal(fork->seq, 1);
    assert_true(ID_COMPARE(&fork->one, &fork->other) < 0);
    const struct short_hash held = first.ref.hash, other = hash_short(&forged.hash);
    assert_true(ID_EQUAL(&fork->one, &held) ? ID_EQUAL(&fork->other, &other) : ID_EQUAL(&fork->one, &other) && ID_EQUAL(&fork->other, &held));
    assert_int_equal(replica.ops->evidence(replica.ctx, &first.ref.log, &other, &entry), STATUS_OK);
    assert_true(bytes_equal(entry.header, buffer_bytes(&forged.header)) && bytes_equal(entry.signature, bytes_of(forged.signature, 64)));
    assert_int_equal(replica.ops->evidence(replica.ctx, &first.ref.log, &held, &entry), STATUS_OK);
    assert_int_equal(replica.ops->evidence(replica.ctx, &first.ref.log, &(struct short_hash){{1}}, &entry), STATUS_NOT_FOUND);
    buffer_fini(&forged.header);
    buffer_fini(&forged.body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_revoked_key_is_shown_its_revocation, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_revoked_key_is_told_so, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(past_a_cut_there_is_room_for_so_much, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(evidence_is_told, offices_setup, offices_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
