/* What comes from other offices is made durable, judged and told on: persist, bodies, forks, receipts, and the engine's table of questions. */
#include "store_offices.h"

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

static struct heads shared(struct store *store, const struct unit_id *peer, uint64_t since) {
    struct heads heads = {0};
    struct replica replica;
    store_replica(store, &replica);
    assert_int_equal(replica.ops->each_shared_log(replica.ctx, peer, since, take_head, &heads), STATUS_OK);
    return heads;
}

struct ranges {
    size_t count;
    uint64_t items[8];
};

static bool take_gap(void *arg, uint64_t from, uint64_t to) {
    struct ranges *ranges = arg;
    assert_true(ranges->count + 2 <= 8);
    ranges->items[ranges->count++] = from;
    ranges->items[ranges->count++] = to;
    return true;
}

static struct ranges gaps(struct store *store, const struct log_id *log) {
    struct ranges ranges = {0};
    struct replica replica;
    store_replica(store, &replica);
    assert_int_equal(replica.ops->each_gap(replica.ctx, log, take_gap, &ranges), STATUS_OK);
    return ranges;
}

static void a_newcomer_learns_its_place(void **state) {
    struct offices *offices = *state;
    struct replica replica;
    store_replica(offices->child, &replica);
    assert_true(replica.ops->may_hold_log(replica.ctx, &offices->unit, &offices->directive)); /* by the line named in the answer */
    uint64_t views = replica.ops->views_version(replica.ctx), version = replica.ops->version(replica.ctx);
    offices_introduce(offices);
    assert_true(replica.ops->views_version(replica.ctx) > views);
    assert_true(replica.ops->version(replica.ctx) > version);
    assert_true(bytes_equal(tree_name(offices->child->tree, 0, TREE_TODAY), bytes_of("Trung ương", strlen("Trung ương"))));
    uint8_t key[32];
    struct unit_id unit;
    assert_int_equal(replica.ops->node(replica.ctx, &offices->child->self, key, &unit), STATUS_OK);
    assert_memory_equal(key, offices->child->keys->signing_public, 32);
    assert_memory_equal(unit.b, offices->unit.b, 16);
    const struct node_id nobody = {{1}};
    assert_int_equal(replica.ops->node(replica.ctx, &nobody, key, &unit), STATUS_AUTHOR_UNKNOWN);
    /* The same again changes nothing but the version. */
    assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, 2, true), STATUS_OK);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM entry"), 2);
}

static void shared_logs_come_in_order_and_only_what_is_new(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct stored report = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "x", 1);
    struct stored own = offices_document(offices->child, LOG_DIRECTIVE, &offices->unit, "x", 1);
    struct heads heads = shared(offices->child, &offices->root->unit, 0);
    assert_int_equal(heads.count, 3);
    assert_true(log_id_equal(&heads.items[0].log, &offices->directive)); /* the senior author */
    assert_int_equal(heads.items[0].seq, 2);
    assert_true(log_id_equal(&heads.items[1].log, &own.ref.log)); /* directive before report */
    assert_true(log_id_equal(&heads.items[2].log, &report.ref.log));
    uint64_t version = store_version(offices->child);
    assert_int_equal(shared(offices->child, &offices->root->unit, version).count, 0);
    offices_document(offices->child, LOG_REPORT, &offices->root->unit, "y", 1);
    heads = shared(offices->child, &offices->root->unit, version);
    assert_int_equal(heads.count, 1);
    assert_int_equal(heads.items[0].seq, 2);
    /* At the root, before anything of the child's has come: */
    assert_int_equal(shared(offices->root, &offices->unit, 0).count, 1);
}

static void bodies_may_come_later_and_are_told_as_gaps(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    for (int i = 0; i < 3; i++)
        offices_document(root, LOG_DIRECTIVE, &offices->unit, "text", 1); /* 3, 4, 5 */
    assert_int_equal(offices_carry(root, child, &offices->directive, 3, false), STATUS_OK);
    assert_int_equal(offices_carry(root, child, &offices->directive, 4, true), STATUS_OK);
    assert_int_equal(offices_carry(root, child, &offices->directive, 5, false), STATUS_OK);
    struct ranges ranges = gaps(child, &offices->directive);
    assert_int_equal(ranges.count, 4);
    assert_int_equal(ranges.items[0], 3);
    assert_int_equal(ranges.items[1], 3);
    assert_int_equal(ranges.items[2], 5);
    struct log_row row;
    assert_int_equal(log_row(child, &offices->directive, &row), STATUS_OK);
    assert_int_equal(row.head_seq, 5);
    assert_int_equal(row.bodies, 2);
    struct persist item = offices_item(root, &offices->directive, 3);
    item.kind = PERSIST_BODY;
    assert_int_equal(store_persist(child, &item, 1), STATUS_OK);
    assert_int_equal(gaps(child, &offices->directive).count, 2);
    assert_int_equal(log_row(child, &offices->directive, &row), STATUS_OK);
    assert_int_equal(row.bodies, 4);
    assert_int_equal(scratch_count(child, "SELECT applied FROM log"), 4);
    struct entry entry;
    struct replica replica;
    store_replica(child, &replica);
    assert_int_equal(replica.ops->entry(replica.ctx, &offices->directive, 5, &entry), STATUS_OK);
    assert_int_equal(entry.salt.len, 0);
    assert_int_equal(replica.ops->entry(replica.ctx, &offices->directive, 3, &entry), STATUS_OK);
    assert_int_equal(entry.salt.len, SALT_BYTES);
    assert_int_equal(replica.ops->entry(replica.ctx, &offices->directive, 6, &entry), STATUS_NOT_FOUND);
}

static void a_body_that_is_not_for_us_is_no_gap(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    offices_document(offices->root, LOG_DIRECTIVE, &offices->root->unit, "for the root's own", 1);
    assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, 3, false), STATUS_OK);
    assert_int_equal(gaps(offices->child, &offices->directive).count, 0);
    assert_int_equal(scratch_count(offices->child, "SELECT bodies FROM log"), 3);
    assert_int_equal(scratch_count(offices->child, "SELECT applied FROM log"), 3);
}

/* A document for a level reaches a unit that comes to that level later: then its body is asked for. */
static void bodies_are_judged_anew_when_the_views_change(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    struct buffer payload = offices_buffer(), body = offices_buffer();
    const struct document document = {.title = bytes_of("t", 1)};
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    const struct term level_0 = {.unit = root->unit, .scope = SCOPE_LEVEL + 0}; /* no units of it below the child: nothing passes through */
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_DOCUMENT, .audience = &level_0, .audience_count = 1, .body = buffer_bytes(&body)};
    struct stored stored;
    assert_int_equal(store_begin(root), STATUS_OK);
    assert_int_equal(log_append(root, &draft, &stored), STATUS_OK);
    assert_int_equal(store_commit(root), STATUS_OK);
    assert_int_equal(offices_carry(root, child, &offices->directive, 3, false), STATUS_OK);
    assert_int_equal(gaps(child, &offices->directive).count, 0);
    buffer_clear(&payload);
    const uint8_t nonce[16] = {5};
    const struct unit_set_change set = {.unit = offices->unit, .attribute = UNIT_LEVEL, .level = 0};
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    change = (struct change){.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)};
    offices_control(root, nonce, &change, 1);
    assert_int_equal(offices_carry(root, child, &offices->directive, 4, true), STATUS_OK);
    struct ranges ranges = gaps(child, &offices->directive);
    assert_int_equal(ranges.count, 2);
    assert_int_equal(ranges.items[0], 3);
    buffer_fini(&payload);
    buffer_fini(&body);
}

static void parts_add_up_and_go_when_the_body_stands(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct replica replica;
    offices_introduce(offices);
    offices_document(root, LOG_DIRECTIVE, &offices->unit, "0123456789", 1000);
    assert_int_equal(offices_carry(root, child, &offices->directive, 3, false), STATUS_OK);
    store_replica(child, &replica);
    struct persist whole = offices_item(root, &offices->directive, 3);
    struct persist part = {.kind = PERSIST_PART, .log = offices->directive, .seq = 3, .salt = whole.entry.salt};
    struct bytes held;
    assert_int_equal(replica.ops->partial(replica.ctx, &part.log, 3, &held), 0);
    part.part = bytes_of(whole.entry.body.data, 4000);
    assert_int_equal(store_persist(child, &part, 1), STATUS_OK);
    part.offset = 3000; /* another link had got that far */
    part.part = bytes_of(whole.entry.body.data + 3000, 3000);
    assert_int_equal(store_persist(child, &part, 1), STATUS_OK);
    assert_int_equal(replica.ops->partial(replica.ctx, &part.log, 3, &held), 6000);
    assert_memory_equal(held.data, whole.entry.body.data, 6000);
    part.offset = 7000; /* past what is held: of no use */
    assert_int_equal(store_persist(child, &part, 1), STATUS_OK);
    assert_int_equal(replica.ops->partial(replica.ctx, &part.log, 3, NULL), 6000);
    whole.kind = PERSIST_BODY;
    assert_int_equal(store_persist(child, &whole, 1), STATUS_OK);
    assert_int_equal(replica.ops->partial(replica.ctx, &part.log, 3, NULL), 0);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM part"), 0);
    assert_int_equal(gaps(child, &offices->directive).count, 0);
}

static void all_of_one_call_or_nothing(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    offices_rename(root, "One");
    offices_rename(root, "Two");
    struct persist items[2] = {offices_item(root, &offices->directive, 3), {.kind = PERSIST_ENTRY}};
    struct buffer header = offices_buffer();
    assert_int_equal(buffer_append(&header, items[0].entry.header.data, items[0].entry.header.len), STATUS_OK);
    items[1] = items[0];
    items[1].seq = 5; /* what an engine must never ask for */
    assert_int_equal(store_persist(child, items, 2), STATUS_GAP);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM entry"), 2);
    assert_int_equal(scratch_count(child, "SELECT head_seq FROM log"), 2);
    assert_true(bytes_equal(tree_name(child->tree, 0, TREE_TODAY), bytes_of("Trung ương", strlen("Trung ương"))));
    buffer_fini(&header);
    assert_int_equal(offices_carry(root, child, &offices->directive, 3, true), STATUS_OK);
    assert_true(bytes_equal(tree_name(child->tree, 0, TREE_TODAY), bytes_of("One", 3)));
}

static void what_cannot_be_applied_stands_all_the_same(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    offices_rename(root, "Later");
    offices_document(root, LOG_DIRECTIVE, &offices->unit, "x", 1);
    /* A view that takes nothing, as if applying had a fault of its own. */
    assert_int_equal(db_script(child->db, "ALTER TABLE document RENAME TO kept"), STATUS_OK);
    struct persist items[2];
    struct buffer copies[4];
    for (int i = 0; i < 2; i++) { /* what an item borrows lives until the next: both are needed at once */
        items[i] = offices_item(root, &offices->directive, (uint64_t)(3 + i));
        struct bytes *parts[4] = {&items[i].entry.header, &items[i].entry.signature, &items[i].entry.salt, &items[i].entry.body};
        for (int j = 0; i == 0 && j < 4; j++) {
            copies[j] = offices_buffer();
            assert_int_equal(buffer_append(&copies[j], parts[j]->data, parts[j]->len), STATUS_OK);
            *parts[j] = buffer_bytes(&copies[j]);
        }
    }
    assert_int_equal(store_persist(child, items, 2), STATUS_OK);
    assert_int_not_equal(child->apply_status, STATUS_OK);
    assert_int_equal(scratch_count(child, "SELECT head_seq FROM log"), 4);
    assert_int_equal(scratch_count(child, "SELECT applied FROM log"), 2);
    assert_int_equal(scratch_count(child, "SELECT seq FROM receipt"), 4); /* it is here, and said to be */
    assert_int_equal(scratch_count(child, "SELECT applied FROM receipt"), 2);
    assert_true(bytes_equal(tree_name(child->tree, 0, TREE_TODAY), bytes_of("Trung ương", strlen("Trung ương")))); /* the tree went back too */
    assert_int_equal(db_script(child->db, "ALTER TABLE kept RENAME TO document"), STATUS_OK);
    offices_rename(root, "Last");
    assert_int_equal(offices_carry(root, child, &offices->directive, 5, true), STATUS_OK);
    assert_int_equal(child->apply_status, STATUS_OK);
    assert_int_equal(scratch_count(child, "SELECT applied FROM receipt"), 5);
    assert_true(bytes_equal(tree_name(child->tree, 0, TREE_TODAY), bytes_of("Last", 4)));
    for (int j = 0; j < 4; j++)
        buffer_fini(&copies[j]);
}

/* Evidence is the same whatever the order in which it comes. */
static void evidence_of_forks_is_canonical(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    offices_introduce(offices);
    uint8_t signature[64] = {1};
    static const uint8_t headers[4] = {1, 2, 3, 4};
    for (int round = 0; round < 2; round++) {
        assert_int_equal(db_script(child->db, "DELETE FROM fork"), STATUS_OK);
        for (int i = 0; i < 4; i++) {
            int which = round == 0 ? i : 3 - i;
            struct persist item = {.kind = PERSIST_FORK,
                                   .log = offices->directive,
                                   .seq = which == 0 ? 2 : 1, /* one above, three at the lowest */
                                   .hash = {{headers[which]}},
                                   .entry = {.header = bytes_of(&headers[which], 1), .signature = bytes_of(signature, 64)}};
            assert_int_equal(store_persist(child, &item, 1), STATUS_OK);
        }
        assert_int_equal(scratch_count(child, "SELECT count(*) FROM fork"), 2);
        assert_int_equal(scratch_count(child, "SELECT count(*) FROM fork WHERE seq = 1 AND substr(hash, 1, 1) IN (x'02', x'03')"), 2);
    }
}

/* ---- receipts ---- */

struct told {
    size_t count;
    struct receipt items[8];
    struct buffer bytes[8];
    uint8_t signatures[8][64];
};

static bool take_receipt(void *arg, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct told *receipts = arg;
    assert_true(receipts->count < 8);
    buffer_init(&receipts->bytes[receipts->count], RECEIPT_BYTES_MAX);
    assert_int_equal(buffer_append(&receipts->bytes[receipts->count], bytes->receipt.data, bytes->receipt.len), STATUS_OK);
    memcpy(receipts->signatures[receipts->count], bytes->signature, 64);
    receipts->items[receipts->count++] = *receipt;
    return true;
}

static void receipts_free(struct told *receipts) {
    for (size_t i = 0; i < receipts->count; i++)
        buffer_fini(&receipts->bytes[i]);
}

static struct persist receipt_item(const struct told *receipts, size_t at, bool direct) {
    struct persist item = {.kind = PERSIST_RECEIPT, .log = receipts->items[at].log, .receipt = receipts->items[at], .direct = direct};
    item.receipt_bytes.receipt = buffer_bytes(&receipts->bytes[at]);
    memcpy(item.receipt_bytes.signature, receipts->signatures[at], 64);
    return item;
}

static void a_holder_says_what_it_holds_and_the_author_sees_it(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct replica above, below;
    struct store_progress progress;
    offices_introduce(offices);
    store_replica(root, &above);
    store_replica(child, &below);
    struct stored stored = offices_document(child, LOG_REPORT, &root->unit, "x", 1);
    offices_document(child, LOG_REPORT, &root->unit, "y", 1);
    assert_int_equal(store_progress(child, &progress), STATUS_OK);
    assert_int_equal(progress.written, 2);
    assert_int_equal(progress.stored_above, 0);
    uint64_t version = store_version(root);
    assert_int_equal(offices_carry(child, root, &stored.ref.log, 1, true), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &stored.ref.log, 2, false), STATUS_OK);
    struct told receipts = {0};
    assert_int_equal(above.ops->each_receipt_since(above.ctx, &offices->unit, version, take_receipt, &receipts), STATUS_OK);
    assert_int_equal(receipts.count, 1);
    assert_int_equal(receipts.items[0].seq, 2);
    assert_int_equal(receipts.items[0].bodies, 1);
    assert_int_equal(receipts.items[0].applied, 1);
    assert_int_equal(keys_verify(receipts.signatures[0], "receipt", &root->founding.association, buffer_bytes(&receipts.bytes[0]), root->keys->signing_public),
                     STATUS_OK);
    struct persist item = receipt_item(&receipts, 0, true);
    assert_int_equal(store_persist(child, &item, 1), STATUS_OK);
    assert_int_equal(store_progress(child, &progress), STATUS_OK);
    assert_int_equal(progress.written, 2);
    assert_int_equal(progress.stored_above, 1);
    assert_int_equal(progress.counted_above, 1);
    assert_int_equal(progress.at_root, 1);
    struct receipt found;
    assert_int_equal(below.ops->receipt(below.ctx, &root->self, &stored.ref.log, &found, NULL), STATUS_OK);
    assert_int_equal(found.bodies, 1);
    assert_int_equal(below.ops->receipt(below.ctx, &child->self, &stored.ref.log, &found, NULL), STATUS_NOT_FOUND); /* about oneself nobody asks */
    assert_true(below.ops->may_hold_receipt(below.ctx, &root->unit, &root->self, &stored.ref.log));
    /* The body comes; then an old receipt, relayed, does not lower what stands; direct it does: the holder knows best. */
    struct persist body = offices_item(child, &stored.ref.log, 2);
    body.kind = PERSIST_BODY;
    assert_int_equal(store_persist(root, &body, 1), STATUS_OK);
    assert_int_equal(above.ops->each_receipt(above.ctx, &offices->unit, &stored.ref.log, take_receipt, &receipts), STATUS_OK);
    assert_int_equal(receipts.count, 2);
    assert_int_equal(receipts.items[1].bodies, 2);
    struct persist better = receipt_item(&receipts, 1, false), worse = receipt_item(&receipts, 0, false);
    assert_int_equal(store_persist(child, &better, 1), STATUS_OK);
    assert_int_equal(store_persist(child, &worse, 1), STATUS_OK);
    assert_int_equal(store_progress(child, &progress), STATUS_OK);
    assert_int_equal(progress.stored_above, 2);
    worse.direct = true;
    assert_int_equal(store_persist(child, &worse, 1), STATUS_OK);
    assert_int_equal(store_progress(child, &progress), STATUS_OK);
    assert_int_equal(progress.stored_above, 1);
    receipts_free(&receipts);
}

/* A receipt of the holder about the child's first report, as its node would sign it, taken in by the child. */
static void take_told(struct store *child, const struct receipt *receipt, struct buffer *bytes) {
    buffer_clear(bytes);
    assert_int_equal(receipt_encode(receipt, bytes), STATUS_OK);
    const struct persist item = {
        .kind = PERSIST_RECEIPT, .log = receipt->log, .receipt = *receipt, .receipt_bytes = {.receipt = buffer_bytes(bytes)}, .direct = true};
    assert_int_equal(store_persist(child, &item, 1), STATUS_OK);
}

static uint64_t stored_above(struct store *store) {
    struct store_progress progress;
    assert_int_equal(store_progress(store, &progress), STATUS_OK);
    return progress.stored_above;
}

/* A node of a unit below the child's, admitted by the child. */
static void admit_below(struct offices *offices, struct node_id *out) {
    struct store *child = offices->child;
    struct buffer unit = offices_buffer(), admitted = offices_buffer();
    const struct line line = {2, {offices->unit, offices->root->unit}};
    const uint8_t nonce[16] = {43};
    struct admission *admission = calloc(1, sizeof *admission);
    assert_non_null(admission);
    const struct unit_change creation = {.parent = offices->unit, .level = 2, .code = bytes_of("011", 3), .name = bytes_of("X", 1), .line = line};
    assert_int_equal(unit_change_encode(&creation, &unit), STATUS_OK);
    *admission = (struct admission){.inviter = child->self, .signing_key = {9}, .transport_key = {9}, .roles = ROLE_WRITER, .line = line};
    keys_unit_id(&admission->unit, &child->founding.association, nonce, 0);
    assert_int_equal(admission_encode(admission, &admitted), STATUS_OK);
    admission_node_id(out, &child->founding.association, admission);
    const struct change changes[2] = {{.kind = CHANGE_UNIT, .payload = buffer_bytes(&unit)},
                                      {.kind = CHANGE_ADMISSION, .place = 1, .payload = buffer_bytes(&admitted)}};
    offices_control(child, nonce, changes, 2);
    assert_int_not_equal(tree_node(child->tree, out), TREE_NONE);
    free(admission);
    buffer_fini(&unit);
    buffer_fini(&admitted);
}

/* "Stored above" is said only by who is above, of the very entries that are here; and what this node holds it knows itself. */
static void not_every_receipt_counts(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct buffer bytes = offices_buffer();
    offices_introduce(offices);
    struct stored stored = offices_document(child, LOG_REPORT, &root->unit, "x", 1);
    struct receipt receipt = {.log = stored.ref.log, .seq = 1, .hash = stored.ref.hash, .bodies = 1, .applied = 1};
    admit_below(offices, &receipt.holder);
    uint64_t written = stored_above(child);
    take_told(child, &receipt, &bytes); /* from below */
    assert_int_equal(stored_above(child), written);
    receipt.holder = root->self;
    receipt.hash.b[0] ^= 1;
    take_told(child, &receipt, &bytes); /* of another branch */
    assert_int_equal(stored_above(child), written);
    receipt.hash.b[0] ^= 1;
    take_told(child, &receipt, &bytes);
    assert_int_equal(stored_above(child), written + 1);
    receipt = (struct receipt){.holder = child->self, .log = offices->directive, .seq = 9, .bodies = 9, .applied = 9};
    take_told(child, &receipt, &bytes); /* one's own word, out of another's mouth */
    assert_int_equal(scratch_count(child, "SELECT max(seq) FROM receipt"), 2);
    buffer_fini(&bytes);
}

static void a_receipt_is_not_rewritten_for_its_time_alone(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    assert_int_equal(db_script(offices->child->db, "UPDATE log SET receipt_due = 1; UPDATE receipt SET version = 0"), STATUS_OK);
    assert_int_equal(store_begin(offices->child), STATUS_OK);
    assert_int_equal(receipt_refresh(offices->child), STATUS_OK);
    assert_int_equal(store_commit(offices->child), STATUS_OK);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM receipt WHERE version = 0"), 1);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM log WHERE receipt_due = 1"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_newcomer_learns_its_place, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(shared_logs_come_in_order_and_only_what_is_new, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(bodies_may_come_later_and_are_told_as_gaps, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_body_that_is_not_for_us_is_no_gap, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(bodies_are_judged_anew_when_the_views_change, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(parts_add_up_and_go_when_the_body_stands, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(all_of_one_call_or_nothing, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_applied_stands_all_the_same, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(evidence_of_forks_is_canonical, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_holder_says_what_it_holds_and_the_author_sees_it, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(not_every_receipt_counts, offices_setup, offices_teardown),
        cmocka_unit_test_setup_teardown(a_receipt_is_not_rewritten_for_its_time_alone, offices_setup, offices_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
