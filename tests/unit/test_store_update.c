/* A change of a kind that this version does not know is kept, passed on and shown; a version that knows it applies it. Both versions are played by one program:
 * the files that know kinds are compiled here with a made-up kind that can be switched on. */
#include <stdbool.h>

static bool newer_version;
#define HOI_TEST_KIND newer_version
#include "store/apply.c"
#include "store/document.c"

#include "store_offices.h"

static int64_t letters(struct store *store) {
    int64_t count;
    assert_int_equal(document_count(store, &count), STATUS_OK);
    return count;
}

/* A document-class body with the made-up kind [title, text] and a document beside it. */
static struct stored write_new_kind(struct store *store, const struct unit_id *to) {
    struct buffer payload = offices_buffer(), known = offices_buffer(), body = offices_buffer();
    struct writer writer;
    struct stored stored;
    writer_init(&writer, &payload);
    writer_array(&writer, 2);
    writer_str(&writer, bytes_of("Mới", strlen("Mới")));
    writer_str(&writer, bytes_of("chữ", strlen("chữ")));
    assert_int_equal(writer_end(&writer), STATUS_OK);
    const struct document document = {.title = bytes_of("t", 1)};
    assert_int_equal(document_encode(&document, &known), STATUS_OK);
    const struct change changes[] = {{.kind = APPLY_TEST_KIND, .payload = buffer_bytes(&payload)}, {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&known)}};
    assert_int_equal(body_encode(&body, NULL, changes, 2), STATUS_OK);
    const struct term audience = {.unit = *to};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_DOCUMENT, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&payload);
    buffer_fini(&known);
    buffer_fini(&body);
    return stored;
}

static void test_kept_passed_on_shown_and_applied_after_an_update(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    newer_version = false;
    struct stored stored = write_new_kind(offices->child, &offices->root->unit);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside WHERE reason = 208 AND place = 0"), 1); /* shown to its author too */
    assert_int_equal(offices_carry(offices->child, offices->root, &stored.ref.log, 1, true), STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside WHERE reason = 208 AND place = 0"), 1);
    assert_int_equal(letters(offices->root), 1);                           /* the document beside it counts */
    struct persist held = offices_item(offices->root, &stored.ref.log, 1); /* what was received is what is passed on */
    assert_true(ID_EQUAL(&held.hash, &stored.hash));
    assert_true(held.entry.body.len > 0);

    char dir[SCRATCH_PATH];
    store_close(offices->root); /* the same version once more: nothing changes */
    scratch_path(dir, offices->dir, "root");
    offices->root = scratch_open(dir);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 1);

    store_close(offices->root);
    newer_version = true;
    offices->root = scratch_open(dir);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 0);
    assert_int_equal(letters(offices->root), 2);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM log WHERE applied < head_seq"), 0);
    newer_version = false;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_kept_passed_on_shown_and_applied_after_an_update, offices_setup, offices_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
