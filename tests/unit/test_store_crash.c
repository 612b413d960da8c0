/* The power goes at every single write, sync, cut and change of names of a scenario (the process sees it, unlike in tests/sweep/sweep_power.c): what was
 * acknowledged before stands, whole, and the store goes on. */
#include "store_offices.h"

#include "store/check.h"
#include "tests/disk/disk.h"

enum { STEPS = 8, FATES = 2 };

/* What the store had said was durable. */
struct acknowledged {
    size_t count;
    struct stored stored[STEPS];
    uint64_t directive_head; /* of what came from above */
};

/* Own entries in both logs, entries from above with a body in parts, an idle moment in between. */
static void scenario(const struct offices *offices, const char *dir, struct acknowledged *out) {
    struct store *store = NULL;
    memset(out, 0, sizeof *out);
    if (store_open(&store, dir, 0, NULL) != STATUS_OK)
        return;
    enum status status = STATUS_OK;
    for (int i = 0; i < STEPS && status == STATUS_OK; i++) {
        struct stored stored;
        struct buffer body = offices_buffer(), payload = offices_buffer();
        const struct document document = {.title = bytes_of("title", 5)};
        const struct term audience = {.unit = store->unit};
        assert_int_equal(document_encode(&document, &payload), STATUS_OK);
        const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
        assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
        const struct draft draft = {
            .kind = i % 2 == 0 ? LOG_REPORT : LOG_DIRECTIVE, .cls = CLASS_DOCUMENT, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
        status = store_begin(store);
        if (status == STATUS_OK) {
            status = log_append(store, &draft, &stored);
            if (status == STATUS_OK)
                status = apply_pending(store);
            if (status == STATUS_OK)
                status = store_commit(store);
            else
                store_rollback(store);
        }
        if (status == STATUS_OK)
            out->stored[out->count++] = stored;
        buffer_fini(&body);
        buffer_fini(&payload);
        if (status == STATUS_OK && i >= 2 && i < 6) {
            status = offices_carry(offices->root, store, &offices->directive, (uint64_t)i + 1, true);
            if (status == STATUS_OK)
                out->directive_head = (uint64_t)i + 1;
        }
        if (status == STATUS_OK && i == 4)
            status = store_idle(store);
    }
    store_close(store);
}

static void assert_stands(const char *dir, const struct offices *offices, const struct acknowledged *acknowledged) {
    struct store *store = scratch_open(dir);
    for (size_t i = 0; i < acknowledged->count; i++) {
        const struct stored *stored = &acknowledged->stored[i];
        struct stored_entry entry;
        int64_t id;
        assert_int_equal(log_find(store, &stored->ref.log, stored->ref.seq, &id), STATUS_OK);
        assert_int_equal(log_read(store, id, &entry, NULL), STATUS_OK);
        assert_memory_equal(entry.hash.b, stored->hash.b, sizeof entry.hash.b);
    }
    int64_t id;
    if (acknowledged->directive_head > 0)
        assert_int_equal(log_find(store, &offices->directive, acknowledged->directive_head, &id), STATUS_OK);
    struct check_counts counts;
    json_t *findings = json_array();
    assert_int_equal(check_run(store, findings, &counts), STATUS_OK);
    assert_int_equal(json_array_size(findings), 0);
    json_decref(findings);
    /* No more than one entry a step can be there, and what is there goes on. */
    int64_t own = scratch_count(store, "SELECT count(*) FROM entry e JOIN log l ON l.id = e.log WHERE l.node = (SELECT value FROM meta WHERE key = 'self')");
    assert_true(own == (int64_t)acknowledged->count || own == (int64_t)acknowledged->count + 1);
    offices_document(store, LOG_REPORT, &store->unit, "after", 1);
    store_close(store);
}

/* The root on one disk, the child on another, of which each round gets a copy. */
static struct disk *child;

static int begin(void **state) {
    struct offices *offices = calloc(1, sizeof *offices);
    assert_non_null(offices);
    assert_int_equal(keys_init(), STATUS_OK);
    disk_begin(1);
    (void)disk_new("/root");
    child = disk_new("/child");
    (void)snprintf(offices->root_dir, sizeof offices->root_dir, "/root/hoi");
    (void)snprintf(offices->child_dir, sizeof offices->child_dir, "/child/hoi");
    scratch_found(offices->root_dir);
    offices->root = scratch_open(offices->root_dir);
    offices_join(offices);
    offices->child = scratch_open(offices->child_dir);
    *state = offices;
    return 0;
}

static int end(void **state) {
    struct offices *offices = *state;
    store_close(offices->root);
    store_close(offices->child);
    disk_end();
    free(offices);
    return 0;
}

static void no_cut_of_the_power_loses_what_was_acknowledged(void **state) {
    struct offices *offices = *state;
    struct disk *crash = disk_new("/crash");
    offices_introduce(offices);
    for (int i = 0; i < 4; i++)
        offices_rename(offices->root, "Again");
    store_close(offices->child);
    offices->child = NULL;
    bool died = true;
    uint64_t at = 1;
    size_t most = 0;
    for (; died; at++) {
        for (uint64_t fate = 0; fate < FATES && (died || fate == 0); fate++) {
            struct acknowledged acknowledged;
            disk_copy(crash, child);
            disk_fates(crash, at * FATES + fate);
            disk_fault(crash, (struct disk_fault){.operations = DISK_CHANGES, .nth = at, .trouble = DISK_POWER_CUT});
            scenario(offices, "/crash/hoi", &acknowledged);
            died = disk_dead(crash);
            disk_power_on(crash, false);
            assert_stands("/crash/hoi", offices, &acknowledged);
            most = acknowledged.count > most ? acknowledged.count : most;
        }
    }
    assert_int_equal(most, STEPS); /* the last round came through */
    assert_true(at > 50);
    print_message("%llu points, %d fates each\n", (unsigned long long)(at - 2), FATES);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(no_cut_of_the_power_loses_what_was_acknowledged, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
