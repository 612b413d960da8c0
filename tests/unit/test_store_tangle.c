/* Bodies of several puts of which not all stand, and entries that claim to have seen what was not written yet: the smallest cases of what the auditor found. */
#include "store_ask.h"
#include "store_offices.h"

#include "protocol/put.h"
#include "store/form_view.h"

static int set_up(void **state) {
    int result = offices_setup(state);
    if (result == 0)
        offices_introduce(*state);
    return result;
}

enum { JUNE_2025 = 12 * 2025 + 5, CHOICE = 1 };

/* A form of the child's: a number and a choice of two. Its version. */
static struct hash add_form(struct offices *offices) {
    const struct form_family *family;
    ask_done(offices->child, "form.add",
             "{'form':{'name':'f','period':'month','fields':[{'name':'n','type':'integer'},{'name':'c','type':'choice','choices':['a','b']}]}}");
    assert_int_equal(form_view_find(offices->child, bytes_of("f", 1), tree_unit(offices->child->tree, &offices->unit), true, &family), STATUS_OK);
    return family->newest->version;
}

/* The payload of a put of one cell of June's record. */
static struct buffer put_of(const struct hash *version, uint16_t ordinal, int64_t number) {
    struct record_key key = {.period = JUNE_2025};
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT, .number = number};
    const struct put put = {.form_version = *version, .record_count = 1, .column_count = 1, .keys = &key, .ordinals = &ordinal, .cells = &cell};
    struct buffer payload = offices_buffer();
    assert_int_equal(put_encode(&put, &payload), STATUS_OK);
    return payload;
}

/* The child writes both puts as one entry about its own unit. */
static struct stored write_both(struct offices *offices, struct buffer *first, struct buffer *second) {
    const struct change changes[2] = {{.kind = CHANGE_PUT, .payload = buffer_bytes(first)}, {.kind = CHANGE_PUT, .place = 1, .payload = buffer_bytes(second)}};
    const struct term audience = {.unit = offices->unit};
    struct buffer body = offices_buffer();
    struct stored stored;
    assert_int_equal(body_encode(&body, NULL, changes, 2), STATUS_OK);
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(offices->child), STATUS_OK);
    assert_int_equal(log_append(offices->child, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(offices->child), STATUS_OK);
    assert_int_equal(store_commit(offices->child), STATUS_OK);
    buffer_fini(&body);
    buffer_fini(first);
    buffer_fini(second);
    return stored;
}

static void assert_shown(struct store *store, const char *field, const char *value) {
    char path[60];
    json_t *shown = ask_ok(store, "show", "{'form':'f','period':'2025-06','unit':'01'}");
    (void)snprintf(path, sizeof path, "rows.0.fields.%s.value", field);
    const char *text = json_string_value(member_of(shown, path));
    assert_string_equal(text != NULL ? text : "", value);
    json_decref(shown);
}

/* The first put of a record must not be merged with a second one that is not judged yet: its choice is none of the form's. */
static void a_put_that_misfits_is_not_read_with_the_one_before_it(void **state) {
    struct offices *offices = *state;
    struct hash version = add_form(offices);
    struct buffer good = put_of(&version, 0, 7), bad = put_of(&version, CHOICE, 1000000);
    struct stored stored = write_both(offices, &good, &bad);
    struct buffer more = put_of(&version, 0, 8), again = put_of(&version, CHOICE, 1000000);
    assert_int_equal(scratch_count(offices->child, "SELECT reason FROM set_aside WHERE place = 1"), STATUS_MALFORMED);
    assert_shown(offices->child, "n", "7");
    assert_shown(offices->child, "c", "");
    stored = write_both(offices, &more, &again); /* merged now with what stands of the first entry */
    assert_int_equal(stored.ref.seq, 2);
    assert_shown(offices->child, "n", "8");
    assert_shown(offices->child, "c", "");
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside"), 2);
}

static uint64_t told_aside(struct store *store, const struct log_id *log) {
    struct replica replica;
    struct receipt receipt;
    store_replica(store, &replica);
    assert_int_equal(replica.ops->receipt(replica.ctx, &store->self, log, &receipt, NULL), STATUS_OK);
    return receipt.aside;
}

/* Both wait for one form. When it comes, both stand, and the receipt tells so. */
static void two_puts_of_a_body_wait_for_one_form(void **state) {
    struct offices *offices = *state;
    struct hash version = add_form(offices);
    struct buffer number = put_of(&version, 0, 7), choice = put_of(&version, CHOICE, 1);
    struct stored stored = write_both(offices, &number, &choice);
    struct log_id directive = {.node = offices->child->self, .kind = LOG_DIRECTIVE};
    struct buffer epoch = offices_buffer();
    assert_int_equal(store_meta(offices->child->db, "epoch.2", &epoch), STATUS_OK);
    memcpy(directive.epoch.b, epoch.data, sizeof directive.epoch.b);
    buffer_fini(&epoch);
    assert_int_equal(offices_carry(offices->child, offices->root, &stored.ref.log, 1, true), STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside WHERE reason = 407"), 2);
    assert_int_equal(told_aside(offices->root, &stored.ref.log), 1);
    assert_int_equal(offices_carry(offices->child, offices->root, &directive, 1, true), STATUS_OK);
    assert_int_equal(offices->root->apply_status, STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 0);
    assert_int_equal(told_aside(offices->root, &stored.ref.log), 0);
    assert_shown(offices->root, "n", "7");
    assert_shown(offices->root, "c", "b");
}

/* One of them names the unit; seen: what its header claims. */
static struct stored rename_unit(struct store *store, const struct unit_id *unit, const char *name, const struct ref *seen) {
    static const uint8_t nonce[16] = {7};
    const struct unit_set_change set = {.unit = *unit, .attribute = UNIT_NAME, .text = bytes_of(name, strlen(name))};
    struct buffer payload = offices_buffer(), body = offices_buffer();
    struct stored stored;
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, nonce, &change, 1), STATUS_OK);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .seen = seen, .seen_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&payload);
    buffer_fini(&body);
    return stored;
}

/* The child claims to have seen whatever the root is going to write. What the root then writes, having seen that, holds all the same: else it would be the
 * child's name, or none at all, for ever. */
static void who_claims_to_have_seen_the_future_gains_nothing(void **state) {
    struct offices *offices = *state;
    const struct ref future = {.log = offices->directive, .seq = 1000, .hash = {{1}}};
    struct stored lie = rename_unit(offices->child, &offices->unit, "lie", &future);
    assert_int_equal(offices_carry(offices->child, offices->root, &lie.ref.log, 1, true), STATUS_OK);
    struct stored right = rename_unit(offices->root, &offices->unit, "right", &lie.ref);
    assert_int_equal(offices_carry(offices->root, offices->child, &right.ref.log, right.ref.seq, true), STATUS_OK);
    struct store *const stores[2] = {offices->root, offices->child};
    for (size_t i = 0; i < 2; i++) {
        struct bytes name = tree_name(stores[i]->tree, tree_unit(stores[i]->tree, &offices->unit), TREE_TODAY);
        assert_true(bytes_equal(name, bytes_of("right", 5)));
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_put_that_misfits_is_not_read_with_the_one_before_it),
        TEST(two_puts_of_a_body_wait_for_one_form),
        TEST(who_claims_to_have_seen_the_future_gains_nothing),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
