/* The database: settings, transactions, queries, and what a fault of the disk turns into. */
#include "store_scratch.h"

#include <sys/stat.h>

struct place {
    char dir[SCRATCH_PATH], path[SCRATCH_PATH];
    struct db *db;
};

static int setup(void **state) {
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    assert_int_equal(keys_init(), STATUS_OK);
    scratch_make(place->dir);
    scratch_path(place->path, place->dir, "x.db");
    assert_int_equal(db_open(&place->db, place->path, true, NULL), STATUS_OK);
    assert_int_equal(db_script(place->db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB) STRICT"), STATUS_OK);
    *state = place;
    return 0;
}

static int teardown(void **state) {
    struct place *place = *state;
    db_close(place->db);
    scratch_remove(place->dir);
    free(place);
    return 0;
}

static enum status put(struct db *db, int64_t a, struct bytes b) {
    struct query query = db_query(db, "INSERT INTO t(a, b) VALUES(?, ?)");
    query_bind_int(&query, a);
    query_bind_blob(&query, b);
    return query_run(&query);
}

static int64_t number(struct db *db, const char *sql) {
    struct query query = db_query(db, sql);
    assert_true(query_next(&query));
    int64_t value = query_int(&query, 0);
    assert_int_equal(query_end(&query), STATUS_OK);
    return value;
}

static void settings_are_made(void **state) {
    struct place *place = *state;
    assert_int_equal(number(place->db, "PRAGMA synchronous"), 2);
    assert_int_equal(number(place->db, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(number(place->db, "PRAGMA foreign_keys"), 1);
    struct query query = db_query(place->db, "PRAGMA journal_mode");
    assert_true(query_next(&query));
    assert_true(bytes_equal(query_text(&query, 0), bytes_of("wal", 3)));
    assert_int_equal(query_end(&query), STATUS_OK);
    char shm[SCRATCH_PATH];
    scratch_path(shm, place->dir, "x.db-shm");
    assert_int_equal(put(place->db, 1, bytes_of("x", 1)), STATUS_OK);
    assert_false(os_file_exists(shm)); /* exclusive before WAL: no memory shared with anybody */
    assert_int_not_equal(db_script(place->db, "ATTACH '/tmp/other.db' AS other"), STATUS_OK);
    assert_int_not_equal(db_script(place->db, "SELECT \"no such column\" FROM t"), STATUS_OK); /* double quotes are no strings */
    assert_int_not_equal(db_script(place->db, "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema"), STATUS_OK);
}

static void a_second_opener_is_locked_out(void **state) {
    struct place *place = *state;
    struct db *other = NULL;
    assert_int_equal(db_open(&other, place->path, false, NULL), STATUS_STORE_LOCKED);
    assert_null(other);
}

static void opening_tells_what_is_wrong(void **state) {
    struct place *place = *state;
    struct db *db = NULL;
    char path[SCRATCH_PATH];
    scratch_path(path, place->dir, "none.db");
    assert_int_equal(db_open(&db, path, false, NULL), STATUS_STORE_MISSING);
    assert_false(os_file_exists(path));
    assert_int_equal(os_file_create(path, bytes_of("this is not a database, but it is long enough to be one", 55), true), STATUS_OK);
    assert_int_equal(db_open(&db, path, false, NULL), STATUS_STORE_DAMAGED);
    scratch_path(path, place->dir, "no/x.db");
    assert_int_equal(db_open(&db, path, true, NULL), STATUS_STORE_MISSING);
}

static void a_rollback_leaves_nothing(void **state) {
    struct place *place = *state;
    assert_int_equal(db_begin(place->db), STATUS_OK);
    assert_true(db_in_transaction(place->db));
    assert_int_equal(put(place->db, 1, bytes_of("one", 3)), STATUS_OK);
    assert_int_equal(db_last_id(place->db), 1);
    db_rollback(place->db);
    assert_false(db_in_transaction(place->db));
    assert_int_equal(number(place->db, "SELECT count(*) FROM t"), 0);
    db_rollback(place->db); /* harmless */
}

static void a_savepoint_takes_back_only_its_part(void **state) {
    struct place *place = *state;
    assert_int_equal(db_begin(place->db), STATUS_OK);
    assert_int_equal(put(place->db, 1, bytes_of("one", 3)), STATUS_OK);
    assert_int_equal(db_savepoint(place->db), STATUS_OK);
    assert_int_equal(put(place->db, 2, bytes_of("two", 3)), STATUS_OK);
    db_back(place->db);
    assert_int_equal(db_savepoint(place->db), STATUS_OK);
    assert_int_equal(put(place->db, 3, bytes_of("three", 5)), STATUS_OK);
    assert_int_equal(db_release(place->db), STATUS_OK);
    assert_int_equal(db_commit(place->db), STATUS_OK);
    assert_int_equal(number(place->db, "SELECT sum(a) FROM t"), 4);
}

static void an_error_is_sticky_and_does_not_end_the_transaction(void **state) {
    struct place *place = *state;
    assert_int_equal(db_begin(place->db), STATUS_OK);
    assert_int_equal(put(place->db, 1, bytes_of("one", 3)), STATUS_OK);
    assert_int_equal(put(place->db, 1, bytes_of("again", 5)), STATUS_INTERNAL); /* the key is taken */
    assert_int_equal(put(place->db, 2, bytes_of("two", 3)), STATUS_OK);
    assert_int_equal(db_commit(place->db), STATUS_OK);
    assert_int_equal(number(place->db, "SELECT count(*) FROM t"), 2);
    struct query query = db_query(place->db, "SELECT nothing FROM nowhere");
    query_bind_int(&query, 1);
    assert_false(query_next(&query));
    assert_int_equal(query_int(&query, 0), 0);
    assert_int_equal(query_end(&query), STATUS_INTERNAL);
}

static void one_literal_can_be_walked_twice_at_a_time(void **state) {
    struct place *place = *state;
    static const char sql[] = "SELECT a FROM t WHERE a > ? ORDER BY a";
    for (int i = 1; i <= 3; i++)
        assert_int_equal(put(place->db, i, bytes_of("x", 1)), STATUS_OK);
    struct query outer = db_query(place->db, sql);
    query_bind_int(&outer, 0);
    int64_t sum = 0;
    while (query_next(&outer)) {
        struct query inner = db_query(place->db, sql);
        query_bind_int(&inner, query_int(&outer, 0));
        while (query_next(&inner))
            sum += query_int(&outer, 0) * 10 + query_int(&inner, 0);
        assert_int_equal(query_end(&inner), STATUS_OK);
    }
    assert_int_equal(query_end(&outer), STATUS_OK);
    assert_int_equal(sum, 12 + 13 + 23);
}

static void values_come_back_as_they_went(void **state) {
    struct place *place = *state;
    const uint8_t bytes[3] = {0, 255, 7};
    uint8_t out[3], longer[4] = {9, 9, 9, 9};
    assert_int_equal(put(place->db, 1, bytes_of(bytes, 3)), STATUS_OK);
    assert_int_equal(put(place->db, 2, (struct bytes){0}), STATUS_OK); /* no bytes are not NULL */
    struct query query = db_query(place->db, "SELECT b, NULL FROM t ORDER BY a");
    assert_true(query_next(&query));
    query_fixed(&query, 0, out, sizeof out);
    assert_memory_equal(out, bytes, 3);
    assert_true(query_is_null(&query, 1));
    assert_true(query_next(&query));
    assert_false(query_is_null(&query, 0));
    assert_int_equal(query_blob(&query, 0).len, 0);
    assert_int_equal(query_end(&query), STATUS_OK);
    query = db_query(place->db, "SELECT b FROM t WHERE a = 1");
    assert_true(query_next(&query));
    query_fixed(&query, 0, longer, sizeof longer);
    assert_int_equal(longer[0], 0);
    assert_int_equal(query_end(&query), STATUS_STORE_DAMAGED);
}

static void a_full_disk_loses_the_whole_transaction_and_nothing_else(void **state) {
    struct place *place = *state;
    static uint8_t large[64 * 1024];
    assert_int_equal(put(place->db, 1, bytes_of("kept", 4)), STATUS_OK);
    assert_int_equal(db_script(place->db, "PRAGMA max_page_count = 40"), STATUS_OK);
    assert_int_equal(db_begin(place->db), STATUS_OK);
    enum status status = STATUS_OK;
    for (int i = 2; i < 20 && status == STATUS_OK; i++)
        status = put(place->db, i, bytes_of(large, sizeof large));
    assert_int_equal(status, STATUS_DISK_FULL);
    /* Whatever SQLite has done of itself, what follows is not written by itself outside the transaction. */
    enum status after = put(place->db, 100, bytes_of("small", 5));
    enum status ended = db_commit(place->db);
    assert_false(db_in_transaction(place->db));
    if (after != STATUS_OK || ended != STATUS_OK)
        assert_int_equal(number(place->db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_script(place->db, "PRAGMA max_page_count = 100000"), STATUS_OK);
    assert_int_equal(put(place->db, 200, bytes_of("again", 5)), STATUS_OK);
    assert_int_equal(db_quick_check(place->db), STATUS_OK);
}

static void what_was_committed_stands_without_a_close(void **state) {
    struct place *place = *state;
    char copy[SCRATCH_PATH], path[SCRATCH_PATH];
    assert_int_equal(db_begin(place->db), STATUS_OK);
    assert_int_equal(put(place->db, 1, bytes_of("one", 3)), STATUS_OK);
    assert_int_equal(db_commit(place->db), STATUS_OK);
    assert_int_equal(db_begin(place->db), STATUS_OK);
    assert_int_equal(put(place->db, 2, bytes_of("two", 3)), STATUS_OK);
    (void)snprintf(copy, sizeof copy, "%.120s-copy", place->dir);
    scratch_copy(place->dir, copy); /* as the power leaves it */
    db_rollback(place->db);
    struct db *db = NULL;
    scratch_path(path, copy, "x.db");
    assert_int_equal(db_open(&db, path, false, NULL), STATUS_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
    assert_int_equal(db_quick_check(db), STATUS_OK);
    db_close(db);
    scratch_remove(copy);
}

static void damaged_pages_are_found(void **state) {
    struct place *place = *state;
    static uint8_t row[512];
    for (int i = 1; i <= 200; i++)
        assert_int_equal(put(place->db, i, bytes_of(row, sizeof row)), STATUS_OK);
    db_close(place->db);
    scratch_flip(place->path, 3 * 4096L + 3); /* the count of cells on a leaf */
    assert_int_equal(db_open(&place->db, place->path, false, NULL), STATUS_OK);
    assert_int_equal(db_quick_check(place->db), STATUS_STORE_DAMAGED);
}

static void tidying_cuts_the_log_and_gives_pages_back(void **state) {
    struct place *place = *state;
    static uint8_t row[3000];
    char wal[SCRATCH_PATH];
    scratch_path(wal, place->dir, "x.db-wal");
    for (int i = 1; i <= 300; i++)
        assert_int_equal(put(place->db, i, bytes_of(row, sizeof row)), STATUS_OK);
    assert_int_equal(db_script(place->db, "DELETE FROM t"), STATUS_OK);
    assert_true(number(place->db, "PRAGMA freelist_count") > 100);
    assert_int_equal(db_tidy(place->db), STATUS_OK);
    assert_int_equal(number(place->db, "PRAGMA freelist_count"), 0);
    struct stat about;
    assert_int_equal(stat(wal, &about), 0);
    assert_int_equal(about.st_size, 0);
    assert_int_equal(stat(place->path, &about), 0);
    assert_true(about.st_size < 100 * 4096);
}

static void a_backup_is_a_database(void **state) {
    struct place *place = *state;
    char path[SCRATCH_PATH];
    scratch_path(path, place->dir, "backup.db");
    assert_int_equal(put(place->db, 7, bytes_of("x", 1)), STATUS_OK);
    assert_int_equal(db_backup(place->db, path), STATUS_OK);
    assert_int_not_equal(db_backup(place->db, path), STATUS_OK); /* never over what is there */
    struct db *copy = NULL;
    assert_int_equal(db_open(&copy, path, false, NULL), STATUS_OK);
    assert_int_equal(number(copy, "SELECT a FROM t"), 7);
    db_close(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_are_made, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_opener_is_locked_out, setup, teardown),
        cmocka_unit_test_setup_teardown(opening_tells_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rollback_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_savepoint_takes_back_only_its_part, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_is_sticky_and_does_not_end_the_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(one_literal_can_be_walked_twice_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(values_come_back_as_they_went, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_the_whole_transaction_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_committed_stands_without_a_close, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_pages_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(tidying_cuts_the_log_and_gives_pages_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_backup_is_a_database, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
