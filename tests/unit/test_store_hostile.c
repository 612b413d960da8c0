/* What somebody with a key of this association may sign and send: it must not stop this node, nor hold up what others sent. */
#include "store_ask.h"
#include "store_offices.h"

#include "store/form_view.h"
#include "store/register.h"

#include "protocol/put.h"

static int set_up(void **state) {
    int result = offices_setup(state);
    if (result == 0)
        offices_introduce(*state);
    return result;
}

static bool send = true;

/* The child writes one entry as its own program never would, in a log of any epoch, and the root takes it. ref: of the entry that the epoch continues, if its
 * seq is not 0; then of this one. */
static enum status write_strange(struct offices *offices, const struct log_id *log, uint8_t cls, struct bytes body, struct ref *ref) {
    struct header *header = calloc(1, sizeof *header);
    struct buffer bytes = offices_buffer();
    uint8_t salt[SALT_BYTES] = {1}, signature[64];
    assert_non_null(header);
    *header = (struct header){.log = *log, .seq = 1, .cls = cls, .body_bytes = (uint32_t)body.len, .time = 1};
    if (ref != NULL && ref->seq > 0) {
        header->has_continues = true;
        header->continues = *ref;
    }
    if (cls != CLASS_CONTROL) {
        header->audience_count = 1;
        header->audience[0].unit = offices->unit;
    }
    body_hash(&header->body_hash, &offices->root->founding.association, salt, body);
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    header_sign(signature, &offices->root->founding.association, buffer_bytes(&bytes), offices->child->keys);
    struct persist item = {.kind = PERSIST_ENTRY, .log = *log, .seq = 1};
    header_hash(&item.hash, &offices->root->founding.association, buffer_bytes(&bytes));
    item.entry = (struct entry){buffer_bytes(&bytes), bytes_of(signature, sizeof signature), bytes_of(salt, sizeof salt), body};
    if (ref != NULL)
        header_ref(ref, header, &item.hash);
    enum status status = send ? store_persist(offices->root, &item, 1) : STATUS_OK;
    buffer_fini(&bytes);
    free(header);
    return status;
}

/* All is well at the root: what comes next from the child is applied. */
static void assert_goes_on(struct offices *offices) {
    assert_int_equal(offices->root->apply_status, STATUS_OK);
    int64_t before = scratch_count(offices->root, "SELECT count(*) FROM document");
    struct stored stored = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "x", 1);
    assert_int_equal(offices_carry(offices->child, offices->root, &stored.ref.log, stored.ref.seq, true), STATUS_OK);
    assert_int_equal(offices->root->apply_status, STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM document"), before + 1);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM log WHERE applied < head_seq"), 0);
}

/* ---- forms ---- */

/* Thousands of versions, each naming the one before, in a body that gives the last one first: all wait for the very last to come. */
static void versions_that_wait_in_a_row(void **state) {
    enum { VERSIONS = 2400 };
    struct offices *offices = *state;
    struct form_field field = {.name = bytes_of("n", 1), .type = FIELD_INTEGER};
    struct form form = {.issuer = offices->unit,
                        .name = bytes_of("f", 1),
                        .period = PERIOD_MONTH,
                        .window = WINDOW_CALENDAR,
                        .policy = POLICY_OWNER,
                        .field_count = 1,
                        .fields = &field};
    struct buffer *payloads = calloc(VERSIONS, sizeof *payloads), body = offices_buffer();
    struct change *changes = calloc(VERSIONS, sizeof *changes);
    const uint8_t nonce[16] = {1};
    assert_true(payloads != NULL && changes != NULL);
    for (unsigned i = 0; i < VERSIONS; i++) {
        payloads[i] = offices_buffer();
        form.label = i + 1;
        assert_int_equal(form_encode(&form, &payloads[i]), STATUS_OK);
        changes[VERSIONS - 1 - i] = (struct change){.kind = CHANGE_FORM, .place = VERSIONS - 1 - i, .payload = buffer_bytes(&payloads[i])};
        form.has_previous = true;
        form_version(&form.previous, &offices->root->founding.association, buffer_bytes(&payloads[i]));
    }
    assert_int_equal(body_encode(&body, nonce, changes, VERSIONS), STATUS_OK);
    const struct log_id log = {.node = offices->child->self, .kind = LOG_DIRECTIVE, .epoch = {{9}}};
    assert_int_equal(write_strange(offices, &log, CLASS_CONTROL, buffer_bytes(&body), NULL), STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM form"), FORM_VIEW_VERSIONS_MAX);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), VERSIONS - FORM_VIEW_VERSIONS_MAX);
    const struct form_family *family;
    assert_int_equal(form_view_find(offices->root, bytes_of("f", 1), tree_unit(offices->root->tree, &offices->unit), true, &family), STATUS_OK);
    assert_int_equal(family->newest->form.label, FORM_VIEW_VERSIONS_MAX);
    assert_goes_on(offices);
    for (unsigned i = 0; i < VERSIONS; i++)
        buffer_fini(&payloads[i]);
    buffer_fini(&body);
    free(payloads);
    free(changes);
}

/* ---- records ---- */

enum { TEXTS = 120, TEXTS_A_PUT = 60, TEXT_BYTES = 4000 };

/* A form of the child's with as many texts as fill a body. Its version. */
static struct hash add_form(struct offices *offices) {
    json_t *fields = json_array();
    for (int i = 0; i < TEXTS; i++)
        json_array_append_new(fields, json_pack("{s:o, s:s}", "name", json_sprintf("t%d", i), "type", "text"));
    json_t *response =
        ask(offices->child, "form.add", json_pack("{s:{s:s, s:s, s:[i], s:o}}", "form", "name", "big", "period", "month", "levels", 1, "fields", fields));
    assert_int_equal(json_integer_value(json_object_get(response, "status")), 0);
    json_decref(response);
    const struct form_family *family;
    assert_int_equal(form_view_find(offices->child, bytes_of("big", 3), tree_unit(offices->child->tree, &offices->unit), true, &family), STATUS_OK);
    struct log_id log = {.node = offices->child->self, .kind = LOG_DIRECTIVE};
    struct buffer epoch = offices_buffer();
    assert_int_equal(store_meta(offices->child->db, "epoch.2", &epoch), STATUS_OK);
    memcpy(log.epoch.b, epoch.data, sizeof log.epoch.b);
    buffer_fini(&epoch);
    assert_int_equal(offices_carry(offices->child, offices->root, &log, 1, true), STATUS_OK);
    return family->newest->version;
}

/* One record of one period, `fields` of its texts, each beginning with `mark`: of odd marks the later ones, of even marks the first. */
static void put_body(struct buffer *out, const struct hash *version, size_t fields, size_t bytes, unsigned mark) {
    struct buffer payload = offices_buffer();
    struct cell *cells = calloc(fields, sizeof *cells);
    uint16_t *ordinals = calloc(fields, sizeof *ordinals);
    char *text = malloc(TEXT_BYTES);
    assert_true(cells != NULL && ordinals != NULL && text != NULL && bytes <= TEXT_BYTES);
    memset(text, 'x', TEXT_BYTES);
    (void)snprintf(text, 12, "%010u", mark);
    text[10] = 'x';
    text[11] = 'x';
    for (size_t i = 0; i < fields; i++) {
        ordinals[i] = (uint16_t)(i + mark % 2 * TEXTS_A_PUT);
        cells[i] = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .text = bytes_of(text, bytes)};
    }
    struct record_key key = {.period = 12 * 2024};
    const struct put put = {.form_version = *version, .record_count = 1, .column_count = fields, .keys = &key, .ordinals = ordinals, .cells = cells};
    assert_int_equal(put_encode(&put, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_PUT, .payload = buffer_bytes(&payload)};
    buffer_clear(out);
    assert_int_equal(body_encode(out, NULL, &change, 1), STATUS_OK);
    buffer_fini(&payload);
    free(cells);
    free(ordinals);
    free(text);
}

static void write_epochs(struct offices *offices, unsigned epochs, size_t fields, size_t bytes) {
    struct hash version = add_form(offices);
    struct buffer body = offices_buffer();
    for (unsigned i = 0; i < epochs; i++) {
        const struct log_id log = {.node = offices->child->self, .kind = LOG_REPORT, .epoch = {{7, (uint8_t)(i / 256), (uint8_t)i}}};
        put_body(&body, &version, fields, bytes, i);
        assert_int_equal(write_strange(offices, &log, CLASS_RECORD, buffer_bytes(&body), NULL), STATUS_OK);
        assert_int_equal(offices->root->apply_status, STATUS_OK);
    }
    buffer_fini(&body);
}

/* A quarter of a megabyte in each of some epochs that know nothing of one another: together more than a row may hold. */
static void a_record_too_large_to_keep(void **state) {
    struct offices *offices = *state;
    enum { EPOCHS = 20, KEPT = 4 * 1024 * 1024 / (TEXTS_A_PUT * TEXT_BYTES) };
    write_epochs(offices, EPOCHS, TEXTS_A_PUT, TEXT_BYTES);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM record"), 1);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM record_write"), KEPT);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside WHERE reason = 107"), EPOCHS - KEPT);
    assert_goes_on(offices);
}

/* Small ones, but more than anybody compares with one another. The two halves of the texts have their own heads. */
static void more_heads_than_a_field_may_have(void **state) {
    struct offices *offices = *state;
    enum { EPOCHS = 50 };
    write_epochs(offices, EPOCHS, 1, 20);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM record_write"), 2 * REGISTER_HEADS_MAX);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside WHERE reason = 107"), EPOCHS - 2 * REGISTER_HEADS_MAX);
    assert_goes_on(offices);
}

/* ---- epochs ---- */

/* Three epochs, each continuing the one before, come last first: nothing of them is judged before the chain is whole. */
static void epochs_wait_for_what_they_continue(void **state) {
    struct offices *offices = *state;
    struct buffer payload = offices_buffer(), body = offices_buffer();
    const struct document document = {.title = bytes_of("title", 5)};
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    for (unsigned order = 0; order < 6; order++) { /* in any order: what has come is applied as far as it goes back to the first */
        static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        bool come[3] = {false};
        int64_t before = scratch_count(offices->root, "SELECT count(*) FROM document");
        for (unsigned i = 0; i < 3; i++) {
            unsigned epoch = orders[order][i];
            struct ref ref = {0};
            for (unsigned at = 0; at <= epoch; at++) { /* those before it have been sent, or say only what their refs are */
                const struct log_id log = {.node = offices->child->self, .kind = LOG_REPORT, .epoch = {{6, (uint8_t)order, (uint8_t)at}}};
                send = at == epoch;
                assert_int_equal(write_strange(offices, &log, CLASS_DOCUMENT, buffer_bytes(&body), &ref), STATUS_OK);
            }
            come[epoch] = true;
            int64_t applied = come[0] ? come[1] ? come[2] ? 3 : 2 : 1 : 0;
            assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM document"), before + applied);
        }
    }
    buffer_fini(&payload);
    buffer_fini(&body);
}

/* ---- somebody else's key ---- */

/* The root admits one more node with the child's own transport key (as a thief of a senior key would): the child is still who it says it is. */
static void a_copied_transport_key_shuts_nobody_out(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    struct buffer payload = offices_buffer();
    struct admission *admission = calloc(1, sizeof *admission);
    struct node_id node, other;
    struct unit_id unit;
    const uint8_t *key = offices->child->keys->transport_public;
    assert_non_null(admission);
    *admission = (struct admission){.inviter = root->self, .unit = root->unit, .signing_key = {7}, .roles = ROLE_WRITER | ROLE_STEWARD};
    memcpy(admission->transport_key, key, 32);
    assert_int_equal(admission_encode(admission, &payload), STATUS_OK);
    admission_node_id(&other, &root->founding.association, admission);
    const struct change change = {.kind = CHANGE_ADMISSION, .payload = buffer_bytes(&payload)};
    const uint8_t nonce[16] = {8};
    offices_control(root, nonce, &change, 1);
    assert_int_equal(store_peer(root, key, &offices->child->self, &node, &unit), STATUS_OK);
    assert_true(ID_EQUAL(&node, &offices->child->self) && ID_EQUAL(&unit, &offices->unit));
    assert_int_equal(store_peer(root, key, &other, &node, &unit), STATUS_OK);
    assert_true(ID_EQUAL(&node, &other) && ID_EQUAL(&unit, &root->unit));
    assert_int_equal(store_peer(root, key, &root->self, &node, &unit), STATUS_OK); /* not the root's own key: it is not the root */
    assert_false(ID_EQUAL(&node, &root->self));
    free(admission);
    buffer_fini(&payload);
}

/* ---- when applying has trouble of its own ---- */

/* Something from above cannot be applied: what is entered here is kept all the same, status says so, and both are applied when the trouble is over. */
static void a_figure_is_not_refused_for_what_others_sent(void **state) {
    struct offices *offices = *state;
    struct store *child = offices->child;
    ask_done(child, "form.add", "{'form':{'name':'f','period':'month','levels':[1],'fields':[{'name':'n','type':'integer'}]}}");
    assert_int_equal(db_script(child->db, "ALTER TABLE document RENAME TO kept"), STATUS_OK);
    struct stored stored = offices_document(offices->root, LOG_DIRECTIVE, &offices->unit, "x", 1);
    assert_int_equal(offices_carry(offices->root, child, &stored.ref.log, stored.ref.seq, true), STATUS_OK);
    assert_int_not_equal(child->apply_status, STATUS_OK);
    int64_t before = scratch_count(child, "SELECT count(*) FROM entry");
    json_t *answer = ask_ok(child, "put", "{'form':'f','period':'2025-01','cells':{'n':{'state':'value','value':'5'}}}");
    assert_true(json_is_string(json_object_get(answer, "entry")));
    json_decref(answer);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM entry"), before + 1);
    assert_int_not_equal(child->apply_status, STATUS_OK);
    assert_int_equal(db_script(child->db, "ALTER TABLE kept RENAME TO document"), STATUS_OK);
    json_t *status = ask_ok(child, "status", "{}");
    assert_string_not_equal(json_string_value(json_object_get(status, "applying")), "OK");
    json_decref(status);
    stored = offices_document(offices->root, LOG_DIRECTIVE, &offices->unit, "y", 1);
    assert_int_equal(offices_carry(offices->root, child, &stored.ref.log, stored.ref.seq, true), STATUS_OK);
    assert_int_equal(child->apply_status, STATUS_OK);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM document"), 2);
    assert_int_equal(scratch_count(child, "SELECT count(*) FROM record"), 1);
    status = ask_ok(child, "status", "{}");
    assert_string_equal(json_string_value(json_object_get(status, "applying")), "OK");
    json_decref(status);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(versions_that_wait_in_a_row),
        TEST(a_record_too_large_to_keep),
        TEST(more_heads_than_a_field_may_have),
        TEST(epochs_wait_for_what_they_continue),
        TEST(a_copied_transport_key_shuts_nobody_out),
        TEST(a_figure_is_not_refused_for_what_others_sent),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
