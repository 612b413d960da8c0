/* A body of several puts of which one waited and another stood, judged again when what it waited for comes together with what makes the other fall. */
#include "store_ask.h"
#include "store_trust.h"

#include "protocol/put.h"

#define FORM "{'form':{'name':'%s','period':'month','levels':[0,1],'fields':[{'name':'a','type':'integer'}]}}"

static struct hash add_form(struct store *store, const char *name) {
    char form[200];
    struct hash version;
    (void)snprintf(form, sizeof form, FORM, name);
    ask_done(store, "form.add", form);
    struct query query = db_query(store->db, "SELECT version FROM form ORDER BY id DESC LIMIT 1");
    assert_true(query_next(&query));
    query_fixed(&query, 0, version.b, sizeof version.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    return version;
}

/* One body with a put of one value by each form, for one month. */
static struct stored put_by(struct store *store, const struct hash *versions, size_t count) {
    struct buffer payloads[2], body = offices_buffer();
    struct change changes[2];
    struct stored stored;
    struct record_key key = {.period = 2025 * 12 + 5};
    uint16_t ordinal = 0;
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT, .number = (int64_t)count};
    for (size_t i = 0; i < count; i++) {
        const struct put put = {.form_version = versions[i], .record_count = 1, .column_count = 1, .keys = &key, .ordinals = &ordinal, .cells = &cell};
        payloads[i] = offices_buffer();
        assert_int_equal(put_encode(&put, &payloads[i]), STATUS_OK);
        changes[i] = (struct change){.kind = CHANGE_PUT, .place = (uint32_t)i, .payload = buffer_bytes(&payloads[i])};
    }
    assert_int_equal(body_encode(&body, NULL, changes, count), STATUS_OK);
    const struct term audience = {.unit = store->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        buffer_fini(&payloads[i]);
    buffer_fini(&body);
    return stored;
}

static struct stored set_level(struct store *store, const struct unit_id *unit, uint8_t level) {
    struct buffer payload = offices_buffer();
    const struct unit_set_change set = {.unit = *unit, .attribute = UNIT_LEVEL, .level = level};
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    return trust_say(store, CHANGE_UNIT_SET, &payload, level);
}

static void what_falls_while_another_put_of_its_body_comes_to_stand(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct persist items[2];
    struct buffer copy = offices_buffer();
    offices_introduce(offices);
    struct hash versions[2] = {add_form(root, "f")};
    assert_int_equal(offices_carry(root, child, &offices->directive, 3, true), STATUS_OK);
    versions[1] = add_form(root, "g"); /* which the child does not get yet */
    put_by(child, versions, 1);
    put_by(child, versions, 2);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record"), 1);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM set_aside WHERE reason = 407"), 1);
    struct stored level = set_level(root, &offices->unit, 2); /* neither form is for offices of that level */
    assert_int_equal(level.ref.seq, 5);
    items[0] = offices_item(root, &offices->directive, 4);
    struct bytes *parts[] = {&items[0].entry.header, &items[0].entry.signature, &items[0].entry.salt, &items[0].entry.body};
    size_t at[4];
    for (size_t i = 0; i < 4; i++) { /* the next one takes its memory */
        at[i] = copy.len;
        assert_int_equal(buffer_append(&copy, parts[i]->data, parts[i]->len), STATUS_OK);
    }
    for (size_t i = 0; i < 4; i++)
        *parts[i] = bytes_of(copy.data + at[i], parts[i]->len);
    items[1] = offices_item(root, &offices->directive, 5);
    assert_int_equal(store_persist(child, items, 2), STATUS_OK);
    assert_int_equal(child->apply_status, STATUS_OK);
    buffer_fini(&copy);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record"), 0);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM set_aside WHERE reason = 420"), 3);
    assert_sound(child);
    /* And back. */
    struct stored back = set_level(root, &offices->unit, 1);
    assert_int_equal(offices_carry(root, child, &offices->directive, back.ref.seq, true), STATUS_OK);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record"), 2);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM set_aside"), 0);
    assert_sound(child);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_falls_while_another_put_of_its_body_comes_to_stand, offices_setup, offices_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
