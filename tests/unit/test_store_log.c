/* Logs: appending under the own signature, reading back, what has been seen, and damage that is never built upon. */
#include "store_scratch.h"

#include "store/log.h"

struct place {
    char dir[SCRATCH_PATH];
    struct store *store;
    struct header *header;
};

static int setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    place->header = malloc(sizeof *place->header);
    assert_non_null(place->header);
    assert_int_equal(keys_init(), STATUS_OK);
    scratch_make(place->dir);
    scratch_found(place->dir);
    place->store = scratch_open(place->dir);
    *state = place;
    return 0;
}

static int teardown(void **state) {
    struct place *place = *state;
    store_close(place->store);
    scratch_remove(place->dir);
    free(place->header);
    free(place);
    return 0;
}

/* A record of one cell is not needed here: any canonical body of a change this version does not know will do. */
static void body_make(struct buffer *body, const char *text) {
    struct buffer payload;
    struct writer writer;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(body, BODY_BYTES_MAX);
    writer_init(&writer, &payload);
    writer_array(&writer, 1);
    writer_str(&writer, bytes_of(text, strlen(text)));
    assert_int_equal(writer_end(&writer), STATUS_OK);
    const struct change change = {.kind = CHANGE_EXTRACT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(body, NULL, &change, 1), STATUS_OK);
    buffer_fini(&payload);
}

static struct stored append(struct store *store, uint8_t kind, const struct ref *seen, size_t seen_count) {
    struct buffer body;
    struct stored stored;
    body_make(&body, "text");
    const struct term audience = {.unit = store->unit};
    const struct draft draft = {
        .kind = kind, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .seen = seen, .seen_count = seen_count, .body = buffer_bytes(&body)};
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    buffer_fini(&body);
    return stored;
}

static void entries_chain_and_verify(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    uint64_t version = store_version(store);
    assert_int_equal(store_begin(store), STATUS_OK);
    struct stored first = append(store, LOG_REPORT, NULL, 0), second = append(store, LOG_REPORT, NULL, 0), other = append(store, LOG_DIRECTIVE, NULL, 0);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    assert_true(store_version(store) > version);
    assert_int_equal(first.ref.seq, 1);
    assert_int_equal(second.ref.seq, 2);
    assert_int_equal(other.ref.seq, 2); /* after the founding's */
    assert_true(log_id_equal(&first.ref.log, &second.ref.log));
    struct stored_entry entry;
    assert_int_equal(log_read(store, second.id, &entry, place->header), STATUS_OK);
    assert_memory_equal(place->header->prev.b, first.hash.b, 32);
    assert_memory_equal(entry.hash.b, second.hash.b, 32);
    assert_int_equal(header_verify(&store->founding, place->header, entry.entry.header, entry.entry.signature, store->keys->signing_public), STATUS_OK);
    assert_int_equal(body_verify(&store->founding.association, place->header, entry.entry.salt, entry.entry.body), STATUS_OK);
    int64_t id;
    assert_int_equal(log_find(store, &first.ref.log, 2, &id), STATUS_OK);
    assert_int_equal(id, second.id);
    assert_int_equal(log_find(store, &first.ref.log, 3, &id), STATUS_NOT_FOUND);
    assert_int_equal(log_find(store, &first.ref.log, UINT64_MAX, &id), STATUS_NOT_FOUND);
    assert_int_equal(log_read(store, 12345, &entry, NULL), STATUS_NOT_FOUND);
    struct ref applied;
    assert_int_equal(log_applied_ref(store, &first.ref.log, &applied), STATUS_OK);
    assert_int_equal(ref_compare(&applied, &second.ref), 0);
}

static void a_log_goes_on_after_reopening(void **state) {
    struct place *place = *state;
    assert_int_equal(store_begin(place->store), STATUS_OK);
    struct stored first = append(place->store, LOG_REPORT, NULL, 0);
    assert_int_equal(store_commit(place->store), STATUS_OK);
    uint64_t version = store_version(place->store);
    store_close(place->store);
    place->store = scratch_open(place->dir);
    assert_true(store_version(place->store) >= version);
    assert_int_equal(store_begin(place->store), STATUS_OK);
    struct stored second = append(place->store, LOG_REPORT, NULL, 0);
    assert_int_equal(store_commit(place->store), STATUS_OK);
    assert_true(log_id_equal(&first.ref.log, &second.ref.log));
    assert_int_equal(second.ref.seq, 2);
}

static void a_rolled_back_entry_was_never_there(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    assert_int_equal(store_begin(store), STATUS_OK);
    struct stored gone = append(store, LOG_REPORT, NULL, 0);
    scratch_rename(store, "Never");
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_true(bytes_equal(tree_name(store->tree, 0, TREE_TODAY), bytes_of("Never", 5)));
    uint64_t views = store_views_version(store);
    store_rollback(store);
    assert_true(bytes_equal(tree_name(store->tree, 0, TREE_TODAY), bytes_of("Trung ương", strlen("Trung ương")))); /* the tree too */
    assert_true(store_views_version(store) > views);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM entry"), 1);
    assert_int_equal(store_begin(store), STATUS_OK);
    struct stored stays = append(store, LOG_REPORT, NULL, 0);
    assert_int_equal(store_commit(store), STATUS_OK);
    assert_int_equal(stays.ref.seq, 1);
    assert_int_not_equal(memcmp(stays.ref.log.epoch.b, gone.ref.log.epoch.b, 8), 0); /* the log itself had not begun */
}

static void too_large_a_body_is_refused(void **state) {
    const struct place *place = *state;
    static uint8_t large[BODY_BYTES_MAX + 1];
    struct stored stored;
    const struct term audience = {.unit = place->store->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = bytes_of(large, sizeof large)};
    assert_int_equal(store_begin(place->store), STATUS_OK);
    assert_int_equal(log_append(place->store, &draft, &stored), STATUS_TOO_LARGE);
    store_rollback(place->store);
}

static bool seen(struct store *store, int64_t a, int64_t b) {
    bool out = true;
    assert_int_equal(log_has_seen(store, a, b, &out), STATUS_OK);
    return out;
}

static void seen_is_by_chain_and_by_name(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    assert_int_equal(store_begin(store), STATUS_OK);
    struct stored report[3], directive[3];
    for (int i = 0; i < 3; i++)
        report[i] = append(store, LOG_REPORT, NULL, 0);
    directive[0] = append(store, LOG_DIRECTIVE, NULL, 0);
    directive[1] = append(store, LOG_DIRECTIVE, &report[1].ref, 1);
    directive[2] = append(store, LOG_DIRECTIVE, NULL, 0);
    assert_int_equal(store_commit(store), STATUS_OK);
    assert_true(seen(store, report[2].id, report[0].id));
    assert_false(seen(store, report[0].id, report[2].id));
    assert_false(seen(store, report[0].id, report[0].id));
    assert_false(seen(store, directive[0].id, report[0].id));
    assert_true(seen(store, directive[1].id, report[0].id)); /* earlier in the log named */
    assert_true(seen(store, directive[1].id, report[1].id));
    assert_false(seen(store, directive[1].id, report[2].id));
    assert_false(seen(store, directive[2].id, report[0].id)); /* only its own header speaks for it */
    bool out;
    assert_int_equal(log_has_seen(store, 999, report[0].id, &out), STATUS_NOT_FOUND);
}

/* Persists an entry of a new epoch that continues (log, seq): as the own node's other installation would have written it. */
static int64_t continue_log(struct store *store, const struct ref *continued, struct ref *out) {
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    struct buffer bytes, body;
    uint8_t salt[SALT_BYTES], signature[64];
    body_make(&body, "later");
    buffer_init(&bytes, HEADER_BYTES_MAX);
    os_random(salt, sizeof salt);
    header->log = (struct log_id){.node = store->self, .kind = LOG_REPORT};
    os_random(header->log.epoch.b, sizeof header->log.epoch.b);
    header->seq = 1;
    header->has_continues = true;
    header->continues = *continued;
    header->cls = CLASS_RECORD;
    header->audience_count = 1;
    header->audience[0] = (struct term){.unit = store->unit};
    header->body_bytes = (uint32_t)body.len;
    body_hash(&header->body_hash, &store->founding.association, salt, buffer_bytes(&body));
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    header_sign(signature, &store->founding.association, buffer_bytes(&bytes), store->keys);
    struct persist item = {.kind = PERSIST_ENTRY,
                           .log = header->log,
                           .seq = 1,
                           .entry = {buffer_bytes(&bytes), bytes_of(signature, 64), bytes_of(salt, sizeof salt), buffer_bytes(&body)}};
    header_hash(&item.hash, &store->founding.association, buffer_bytes(&bytes));
    header_ref(out, header, &item.hash);
    assert_int_equal(store_persist(store, &item, 1), STATUS_OK);
    int64_t id;
    assert_int_equal(log_find(store, &header->log, 1, &id), STATUS_OK);
    buffer_fini(&bytes);
    buffer_fini(&body);
    free(header);
    return id;
}

static void seen_goes_through_the_epochs_continued(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    struct stored report[3];
    struct ref second, third;
    assert_int_equal(store_begin(store), STATUS_OK);
    for (int i = 0; i < 3; i++)
        report[i] = append(store, LOG_REPORT, NULL, 0);
    assert_int_equal(store_commit(store), STATUS_OK);
    int64_t middle = continue_log(store, &report[1].ref, &second), last = continue_log(store, &second, &third);
    assert_true(seen(store, middle, report[1].id));
    assert_false(seen(store, middle, report[2].id)); /* written after the point that was continued */
    assert_true(seen(store, last, middle));
    assert_true(seen(store, last, report[0].id));
    assert_false(seen(store, last, report[2].id));
    assert_false(seen(store, report[0].id, last));
}

static void a_damaged_entry_is_never_handed_on(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    assert_int_equal(store_begin(store), STATUS_OK);
    struct stored stored = append(store, LOG_REPORT, NULL, 0);
    assert_int_equal(store_commit(store), STATUS_OK);
    struct stored_entry entry;
    assert_int_equal(db_script(store->db, "UPDATE entry SET body = CAST('x' || substr(body, 2) AS BLOB) WHERE id = 2"), STATUS_OK);
    assert_int_equal(stored.id, 2);
    assert_int_equal(log_read(store, stored.id, &entry, NULL), STATUS_STORE_DAMAGED);
    struct replica replica;
    store_replica(store, &replica);
    assert_int_equal(replica.ops->entry(replica.ctx, &stored.ref.log, 1, &entry.entry), STATUS_STORE_DAMAGED);
}

/* Columns of figures take less room on the disk than in the body; who reads does not know. One that does not shrink, or is short, is kept as it is. */
static void a_body_is_kept_short_and_read_whole(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    struct buffer short_body, long_body, out;
    struct bytes kept;
    char text[3000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    body_make(&short_body, "text");
    body_make(&long_body, text);
    buffer_init(&out, BODY_BYTES_MAX);
    assert_int_equal(log_keep_body(store, buffer_bytes(&long_body), &kept), STATUS_OK);
    assert_true(kept.len < long_body.len / 4);
    assert_int_equal(log_take_body(store, kept, &out), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&long_body)));
    assert_int_equal(log_keep_body(store, buffer_bytes(&short_body), &kept), STATUS_OK);
    assert_true(kept.data == short_body.data && kept.len == short_body.len);
    for (size_t i = 4; i < long_body.len; i++)
        os_random(long_body.data + i, 1); /* no body any more, but nothing that shrinks */
    assert_int_equal(log_keep_body(store, buffer_bytes(&long_body), &kept), STATUS_OK);
    assert_true(kept.data == long_body.data && kept.len == long_body.len);
    buffer_clear(&out);
    assert_int_equal(log_take_body(store, kept, &out), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&long_body)));
    buffer_fini(&short_body);
    buffer_fini(&long_body);
    buffer_fini(&out);
}

static void a_damaged_frame_is_a_damaged_entry(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    struct buffer body;
    struct stored stored;
    struct stored_entry entry;
    char text[3000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 7);
    text[sizeof text - 1] = 0;
    body_make(&body, text);
    const struct term audience = {.unit = store->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    assert_int_equal(log_read(store, stored.id, &entry, NULL), STATUS_OK);
    assert_true(bytes_equal(entry.entry.body, buffer_bytes(&body)));
    int64_t kept = scratch_count(store, "SELECT length(body) FROM entry WHERE id = 2");
    assert_true(kept > 8 && kept < (int64_t)body.len);
    assert_int_equal(db_script(store->db, "UPDATE entry SET body = substr(body, 1, length(body) - 1) WHERE id = 2"), STATUS_OK);
    assert_int_equal(log_read(store, stored.id, &entry, NULL), STATUS_STORE_DAMAGED);
    buffer_fini(&body);
}

static void nothing_is_signed_on_top_of_a_damaged_tail(void **state) {
    const struct place *place = *state;
    struct store *store = place->store;
    assert_int_equal(store_begin(store), STATUS_OK);
    append(store, LOG_REPORT, NULL, 0);
    assert_int_equal(store_commit(store), STATUS_OK);
    assert_int_equal(db_script(store->db, "UPDATE log SET head_hash = zeroblob(32) WHERE kind = 1"), STATUS_OK);
    struct buffer body;
    struct stored stored;
    body_make(&body, "text");
    const struct term audience = {.unit = store->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_STORE_DAMAGED);
    store_rollback(store);
    buffer_fini(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(entries_chain_and_verify, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_goes_on_after_reopening, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rolled_back_entry_was_never_there, setup, teardown),
        cmocka_unit_test_setup_teardown(too_large_a_body_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(seen_is_by_chain_and_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(seen_goes_through_the_epochs_continued, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_entry_is_never_handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_is_kept_short_and_read_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_frame_is_a_damaged_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_signed_on_top_of_a_damaged_tail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
