/* Stores of older versions come to this one whole, with a copy beside them as long as it is needed, or stay as they were; newer ones are left alone. */
#include "store_ask.h"

#include "store/check.h"
#include "store/log.h"
#include "store/schema.h"
#include "tests/disk/disk.h"
#include "tests/sweep/older_store.h"

#define DIR "/pc/hoi"
#define DATABASE DIR "/store.db"

static struct disk *pc;

static int setup(void **state) {
    (void)state;
    assert_int_equal(keys_init(), STATUS_OK);
    disk_begin(5);
    disk_clock(1795400000, 0); /* a little after it was written */
    pc = disk_new("/pc");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    disk_end();
    return 0;
}

static int64_t number(const char *path, const char *sql) {
    sqlite3_stmt *stmt;
    sqlite3 *db = older_store_open(path);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return out;
}

static int64_t version_of(const char *path) {
    return number(path, "PRAGMA user_version");
}

/* All rows that the statement gives, as text; to be freed. */
static char *rows_of(const char *path, const char *sql) {
    char *out = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&out, &len);
    sqlite3_stmt *stmt;
    sqlite3 *db = older_store_open(path);
    assert_non_null(stream);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++)
            (void)fprintf(stream, "%s|", sqlite3_column_text(stmt, i) != NULL ? (const char *)sqlite3_column_text(stmt, i) : "NULL");
        (void)fprintf(stream, "\n");
    }
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(fclose(stream), 0);
    return out;
}

static void assert_same_rows(const char *a, const char *b, const char *sql) {
    char *rows_a = rows_of(a, sql), *rows_b = rows_of(b, sql);
    assert_string_equal(rows_a, rows_b);
    free(rows_a);
    free(rows_b);
}

static void assert_text(struct store *store, const char *verb, const char *args, const char *member, const char *expected) {
    json_t *result = ask_ok(store, verb, args), *found = member[0] != 0 ? member_of(result, member) : result;
    char *text = json_dumps(found != NULL ? found : result, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, expected);
    free(text);
    json_decref(result);
}

/* What the people of that office knew before: as the older version itself answered when the store was made. */
static void assert_content(struct store *store) {
    assert_text(store, "unit.show", "{'unit':'01'}", "name", "\"Hà Nội\"");
    assert_text(store, "rollup", "{'form':'f','period':'2025-05'}", "fields.a", "{\"value\":\"23\",\"contested\":1,\"qualifier\":\"over\"}");
    assert_text(store, "rollup", "{'form':'f','period':'2025-05'}", "fields.d.value", "\"2.25\"");
    assert_text(store, "show", "{'form':'f','period':'2025-05','unit':'01'}", "rows.0.fields.b.value", "\"mười\"");
    assert_text(store, "show", "{'form':'l','period':'2025-Q2','unit':'01'}", "rows.0.fields.m.value", "\"5000000\"");
    assert_text(store, "config", "{'key':'listen'}", "config.listen", "\"tcp://127.0.0.1:5670\"");
    /* A body that had come in part goes on where it was, and a request that had been answered is not done twice. */
    assert_int_equal(scratch_count(store, "SELECT held FROM part"), 100);
    assert_int_equal(scratch_count(store, "SELECT gaps FROM log WHERE kind = 1"), 1);
    assert_int_equal(scratch_count(store, "SELECT bodies FROM log WHERE kind = 1"), 3);
    json_t *request = ask_json("{'do':'put','id':'phone-0001-0001','args':{'form':'f','period':'2025-06','unit':'03','on_behalf':true,"
                               "'cells':{'a':{'state':'value','value':'1'}}}}");
    const struct store_caller caller = {.uid = 0};
    json_t *answer = store_request(store, &caller, request);
    assert_json(member_of(answer, "status"), "0");
    json_decref(answer);
    json_decref(request);
}

static void assert_all_there(struct store *store) {
    assert_text(store, "check", "{}", "", "{\"entries\":16,\"records\":5,\"units\":4,\"findings\":[]}");
    assert_content(store);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM entry"), 16);
}

/* Every entry is given out byte for byte as the older database holds it. */
static void assert_entries(struct store *store, const char *older, size_t expected) {
    sqlite3 *db = older_store_open(older);
    sqlite3_stmt *stmt;
    struct header *header = malloc(sizeof *header);
    struct buffer body;
    size_t count = 0;
    buffer_init(&body, BODY_BYTES_MAX);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT id, header, signature, salt, body FROM entry", -1, &stmt, NULL), SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; count++) {
        struct stored_entry entry;
        assert_int_equal(log_read(store, sqlite3_column_int64(stmt, 0), &entry, header), STATUS_OK);
        const struct bytes parts[4] = {entry.entry.header, entry.entry.signature, entry.entry.salt, entry.entry.body};
        for (int i = 0; i < 4; i++) {
            struct bytes old = bytes_of(sqlite3_column_blob(stmt, i + 1), (size_t)sqlite3_column_bytes(stmt, i + 1));
            buffer_clear(&body);
            if (i == 3) { /* kept compressed where that is shorter */
                assert_int_equal(log_take_body(store, old, &body), STATUS_OK);
                old = buffer_bytes(&body);
            }
            assert_true(bytes_equal(parts[i], old));
        }
    }
    sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(count, expected);
    buffer_fini(&body);
    free(header);
}

static void a_store_of_version_1_comes_over_whole(void **state) {
    (void)state;
    older_store_make(DIR, 1);
    struct disk *before = disk_new("/before");
    disk_copy(before, pc);
    struct store *store = scratch_open(DIR);
    assert_all_there(store);
    assert_entries(store, "/before/hoi/store.db", 16);
    ask_done(store, "put", "{'form':'f','period':'2025-07','unit':'02','on_behalf':true,'cells':{'a':{'state':'value','value':'3'}}}");
    store_close(store);
    assert_int_equal(version_of(DATABASE), SCHEMA_VERSION);
}

static void a_store_of_version_2_comes_over_whole(void **state) {
    (void)state;
    older_store_make(DIR, 2);
    struct disk *before = disk_new("/before");
    disk_copy(before, pc);
    struct store *store = scratch_open(DIR);
    assert_text(store, "check", "{}", "", "{\"entries\":17,\"records\":6,\"units\":4,\"findings\":[]}");
    assert_content(store);
    assert_entries(store, "/before/hoi/store.db", 17);
    assert_text(store, "rollup", "{'form':'f','period':'2025-08'}", "fields.a.value", "\"7\"");
    ask_done(store, "put", "{'form':'f','period':'2025-07','unit':'02','on_behalf':true,'cells':{'a':{'state':'value','value':'3'}}}");
    store_close(store);
    assert_int_equal(version_of(DATABASE), SCHEMA_VERSION);
}

static void a_store_of_other_tables_comes_to_the_same(void **state) {
    (void)state;
    (void)disk_new("/one");
    (void)disk_new("/new");
    older_store_make(DIR, 0);
    older_store_make("/one/hoi", 1);
    scratch_found("/new/hoi");
    struct store *store = scratch_open(DIR);
    assert_all_there(store);
    store_close(store);
    store_close(scratch_open("/one/hoi"));
    static const char *const rows[] = {"SELECT id, hex(node), kind, hex(epoch), head_seq, hex(head_hash), bodies, gaps, applied, receipt_due FROM log",
                                       "SELECT id, log, seq, hex(hash), hex(header), hex(signature), hex(salt), hex(body), body_state FROM entry",
                                       "SELECT * FROM config",
                                       "SELECT key, hex(value) FROM meta WHERE key <> 'version'",
                                       "SELECT entry, hex(salt), held, hex(body) FROM part",
                                       "SELECT hex(bytes), hex(signature) FROM receipt",
                                       "SELECT * FROM request",
                                       "SELECT hex(secret_hash), hex(unit), expires FROM invitation",
                                       "SELECT form, period, unit, row, hex(state), sum, contested FROM record",
                                       "SELECT * FROM fact"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_same_rows(DATABASE, "/one/hoi/store.db", rows[i]);
    /* The same tables, columns, rules and indexes as a store that is made now. A renamed table's name is kept in quotes. */
    static const char schema[] = "SELECT type, name, tbl_name, replace(replace(sql, '\"', ''), ' ', '') FROM sqlite_schema ORDER BY type, name";
    assert_same_rows(DATABASE, "/new/hoi/store.db", schema);
    assert_same_rows("/one/hoi/store.db", "/new/hoi/store.db", schema);
}

static void the_copy_stays_until_the_store_has_opened_after_a_clean_end(void **state) {
    (void)state;
    older_store_make(DIR, 1);
    struct store *store = scratch_open(DIR);
    ask_done(store, "put", "{'form':'f','period':'2025-07','unit':'02','on_behalf':true,'cells':{'a':{'state':'value','value':'3'}}}");
    disk_power_cut(pc);
    store_close(store);
    disk_power_on(pc, true);
    assert_true(os_file_exists(DIR "/store.db.v1"));
    assert_false(os_file_exists(DIR "/store.db.v1.new"));
    store_close(scratch_open(DIR)); /* after an end that was not clean */
    assert_true(os_file_exists(DIR "/store.db.v1"));
    assert_int_equal(version_of(DIR "/store.db.v1"), 1);
    assert_int_equal(number(DIR "/store.db.v1", "SELECT count(*) FROM entry"), 16);
    store_close(scratch_open(DIR));
    assert_false(os_file_exists(DIR "/store.db.v1"));
}

/* Back to the older program: the copy is put in the store's place, and what that program reads is what it wrote. */
static void the_copy_is_the_older_store(void **state) {
    (void)state;
    older_store_make(DIR, 1);
    struct disk *before = disk_new("/before");
    disk_copy(before, pc);
    store_close(scratch_open(DIR));
    static const char *const tables[] = {"meta",    "config",     "log",  "entry", "part",   "fork",    "receipt",
                                         "request", "invitation", "fact", "form",  "record", "document"};
    struct buffer copy;
    buffer_init(&copy, 1 << 20);
    assert_int_equal(os_secret_read(DIR "/store.db.v1", 1 << 20, &copy), STATUS_OK); /* nobody else can read it */
    buffer_fini(&copy);
    assert_int_equal(number(DIR "/store.db.v1", "PRAGMA application_id"), number("/before/hoi/store.db", "PRAGMA application_id"));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[80];
        (void)snprintf(sql, sizeof sql, "SELECT * FROM %s", tables[i]);
        assert_same_rows(DIR "/store.db.v1", "/before/hoi/store.db", sql);
    }
    assert_int_equal(os_file_settle(DIR "/store.db.v1", DATABASE), STATUS_OK);
    struct store *store = scratch_open(DIR); /* and forward again */
    assert_all_there(store);
    store_close(store);
}

static void a_newer_store_is_left_alone(void **state) {
    (void)state;
    struct store *store;
    scratch_found(DIR);
    older_store_sql(DATABASE, "PRAGMA user_version = 77");
    assert_int_equal(store_open(&store, DIR, 0, NULL), STATUS_STORE_NEWER);
    assert_int_equal(version_of(DATABASE), 77);
    older_store_sql(DATABASE, "PRAGMA user_version = -1");
    assert_int_equal(store_open(&store, DIR, 0, NULL), STATUS_STORE_DAMAGED);
    assert_int_equal(version_of(DATABASE), -1);
    assert_false(os_file_exists(DIR "/store.db.v-1"));
}

static void assert_untouched(int64_t version) {
    assert_int_equal(version_of(DATABASE), version);
    assert_int_equal(number(DATABASE, "SELECT count(*) FROM entry"), 16);
    assert_false(os_file_exists(DIR "/store.db.v0"));
    assert_false(os_file_exists(DIR "/store.db.v0.new"));
    assert_false(os_file_exists(DIR "/store.db.v1"));
    assert_false(os_file_exists(DIR "/store.db.v1.new"));
}

static void without_room_it_stays_as_it_was(void **state) {
    (void)state;
    struct store *store;
    older_store_make(DIR, 1);
    int64_t used = disk_used(pc), size = disk_length(DATABASE);
    for (int64_t room = 4096; room < 3 * size; room += 16 * 4096) {
        disk_capacity(pc, used + room);
        disk_fault(pc, (struct disk_fault){0});
        assert_int_equal(store_open(&store, DIR, 0, NULL), STATUS_DISK_FULL);
        assert_untouched(1);
    }
    disk_capacity(pc, used + 8 * size);
    store = scratch_open(DIR);
    assert_all_there(store);
    store_close(store);
}

/* The disk says that there is room, and fills up on the way. */
static void a_disk_that_fills_up_in_between_undoes_it(void **state) {
    (void)state;
    uint64_t refused = 0;
    bool done = false;
    older_store_make(DIR, 0);
    for (uint64_t nth = 1; !done; nth++) {
        struct store *store;
        disk_fault(pc, (struct disk_fault){.operations = 1U << DISK_WRITE, .nth = nth, .lasting = true, .trouble = DISK_NO_SPACE});
        enum status status = store_open(&store, DIR, 0, NULL);
        if (status == STATUS_OK)
            store_close(store);
        disk_fault(pc, (struct disk_fault){0});
        done = version_of(DATABASE) == SCHEMA_VERSION;
        assert_true(done ? status == STATUS_OK : status == STATUS_DISK_FULL);
        if (!done)
            assert_untouched(0);
        refused += !done;
    }
    assert_true(refused > 50);
    struct store *store = scratch_open(DIR);
    assert_all_there(store);
    store_close(store);
}

static struct disk *image;
static unsigned images_older, images_newer;
static void image_taken(void *ctx) {
    (void)ctx;
    for (uint64_t fate = 0; fate < 4; fate++) {
        disk_fates(image, fate + 4 * (images_older + images_newer));
        disk_image(image, pc);
        static const char database[] = "/image/hoi/store.db", copy[] = "/image/hoi/store.db.v1";
        const bool newer = version_of(database) == SCHEMA_VERSION;
        assert_int_equal(number(database, "SELECT count(*) FROM entry"), 16);
        if (newer) {
            assert_int_equal(version_of(copy), 1);
            assert_int_equal(number(copy, "SELECT count(*) FROM entry"), 16);
            char *found = rows_of(copy, "PRAGMA integrity_check");
            assert_string_equal(found, "ok|\n");
            free(found);
        }
        images_older += !newer;
        images_newer += newer;
    }
}

/* Wherever the power goes: whole, in one version or the other, and in the newer one never without the copy. */
static void no_cut_of_the_power_takes_store_or_copy(void **state) {
    (void)state;
    older_store_make(DIR, 1);
    image = disk_new("/image");
    images_older = images_newer = 0;
    disk_watch(pc, DISK_CHANGES, image_taken, NULL);
    struct store *store = scratch_open(DIR);
    store_close(store);
    disk_watch(pc, 0, NULL, NULL);
    assert_true(images_older > 100 && images_newer > 50);
}

static void what_is_not_what_it_says_stays_as_it_was(void **state) {
    (void)state;
    struct store *store;
    older_store_make(DIR, 0);
    older_store_sql(DATABASE, "ALTER TABLE body RENAME TO bodies");
    assert_int_equal(store_open(&store, DIR, 0, NULL), STATUS_STORE_DAMAGED);
    assert_untouched(0);
    older_store_sql(DATABASE, "ALTER TABLE bodies RENAME TO body; UPDATE entry SET hash = x'00' WHERE id = 3");
    assert_int_equal(store_open(&store, DIR, 0, NULL), STATUS_STORE_DAMAGED);
    assert_untouched(0);
    older_store_sql(DATABASE, "UPDATE entry SET hash = zeroblob(32) WHERE id = 3; CREATE TABLE \"Robert'); DROP TABLE entry; --\" (a)");
    assert_int_equal(store_open(&store, DIR, 0, NULL), STATUS_STORE_DAMAGED);
    assert_untouched(0);
}

static void founding_takes_over_what_an_older_program_broke_off(void **state) {
    (void)state;
    const struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    older_store_make(DIR, 1);
    assert_int_equal(store_found(DIR, &founding), STATUS_STORE_EXISTS);
    assert_untouched(1);
    older_store_sql(DATABASE, "DELETE FROM meta; DELETE FROM config; DELETE FROM log; DELETE FROM entry; DELETE FROM part; DELETE FROM receipt;"
                              "DELETE FROM request; DELETE FROM invitation");
    assert_int_equal(store_found(DIR, &founding), STATUS_OK);
    assert_int_equal(version_of(DATABASE), SCHEMA_VERSION);
    struct store *store = scratch_open(DIR);
    assert_text(store, "check", "{}", "findings", "[]");
    store_close(store);
}

#define MIGRATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        MIGRATE_TEST(a_store_of_version_1_comes_over_whole),
        MIGRATE_TEST(a_store_of_version_2_comes_over_whole),
        MIGRATE_TEST(a_store_of_other_tables_comes_to_the_same),
        MIGRATE_TEST(the_copy_stays_until_the_store_has_opened_after_a_clean_end),
        MIGRATE_TEST(the_copy_is_the_older_store),
        MIGRATE_TEST(a_newer_store_is_left_alone),
        MIGRATE_TEST(without_room_it_stays_as_it_was),
        MIGRATE_TEST(a_disk_that_fills_up_in_between_undoes_it),
        MIGRATE_TEST(no_cut_of_the_power_takes_store_or_copy),
        MIGRATE_TEST(what_is_not_what_it_says_stays_as_it_was),
        MIGRATE_TEST(founding_takes_over_what_an_older_program_broke_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
