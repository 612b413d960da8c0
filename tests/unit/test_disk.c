/* The disk in memory: what it keeps, what it loses and how it fails; a store lives on it. */
#include "store/internal.h"
#include "tests/disk/disk.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, SECTORS = 6, SEEDS = 400 };

static struct disk *disk;

static int setup(void **state) {
    (void)state;
    disk_begin(7);
    disk = disk_new("/a");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    disk_end();
    return 0;
}

static struct bytes text(const char *string) {
    return bytes_of(string, strlen(string));
}

static void assert_content(const char *path, const char *expected) {
    struct buffer content;
    buffer_init(&content, 4096);
    assert_int_equal(os_file_read(path, 4096, &content), STATUS_OK);
    assert_int_equal(content.len, strlen(expected));
    assert_memory_equal(content.data, expected, content.len);
    buffer_fini(&content);
}

/* A file as SQLite opens it; the caller frees it after closing. */
static sqlite3_file *raw_open(const char *path) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    assert_non_null(file);
    assert_int_equal(vfs->xOpen(vfs, path, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB, NULL), SQLITE_OK);
    return file;
}

static void raw_close(sqlite3_file *file) {
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
}

static void raw_write(sqlite3_file *file, char byte, int64_t offset, int len, int code) {
    char *data = malloc((size_t)len);
    assert_non_null(data);
    memset(data, byte, (size_t)len);
    assert_int_equal(file->pMethods->xWrite(file, data, len, offset), code);
    free(data);
}

/* One letter a sector: its byte throughout, '-' where it is beyond the end, '?' where a sector is mixed. */
static void sectors_of(const char *path, char out[SECTORS + 1]) {
    struct buffer content;
    buffer_init(&content, SECTORS * SECTOR);
    memset(out, '-', SECTORS);
    out[SECTORS] = 0;
    if (os_file_exists(path))
        assert_int_equal(os_file_read(path, SECTORS * SECTOR, &content), STATUS_OK);
    for (size_t i = 0; i < content.len; i++) {
        char byte = content.data[i] == 0 ? '0' : (char)content.data[i];
        out[i / SECTOR] = i % SECTOR == 0 || out[i / SECTOR] == byte ? byte : '?';
    }
    buffer_fini(&content);
}

/* ---- what the power leaves ---- */

static void what_was_synced_stays_and_what_was_not_may_be_lost_or_torn(void **state) {
    (void)state;
    unsigned lost = 0, whole = 0, begun = 0, ended = 0, holes = 0, reordered = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char now[SECTORS + 1];
        assert_int_equal(os_file_create("/a/f", (struct bytes){0}, false), STATUS_OK);
        sqlite3_file *file = raw_open("/a/f");
        raw_write(file, 'x', 0, SECTORS * SECTOR, SQLITE_OK);
        assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        raw_write(file, 'y', SECTOR, 4 * SECTOR, SQLITE_OK);
        raw_write(file, 'z', 0, SECTOR, SQLITE_OK);
        sectors_of("/a/f", now);
        assert_string_equal(now, "zyyyyx");
        disk_fates(disk, seed);
        disk_power_cut(disk);
        raw_close(file);
        disk_power_on(disk, false);
        sectors_of("/a/f", now);
        assert_true((now[0] == 'x' || now[0] == 'z') && now[5] == 'x');
        for (int i = 1; i <= 4; i++)
            assert_true(now[i] == 'x' || now[i] == 'y');
        lost += strcmp(now, "xxxxxx") == 0;
        whole += strcmp(now, "zyyyyx") == 0;
        begun += now[1] == 'y' && now[4] == 'x';
        ended += now[1] == 'x' && now[4] == 'y';
        holes += now[1] == 'y' && now[4] == 'y' && (now[2] == 'x' || now[3] == 'x');
        reordered += now[0] == 'z' && strchr(now, 'y') == NULL;
        os_file_remove("/a/f");
    }
    assert_true(lost > 0 && whole > 0 && begun > 0 && ended > 0 && holes > 0 && reordered > 0);
}

static void a_file_grown_without_a_sync_may_have_its_length_and_not_its_bytes(void **state) {
    (void)state;
    unsigned zeros = 0, shorter = 0, cut_lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char now[SECTORS + 1];
        assert_int_equal(os_file_create("/a/f", (struct bytes){0}, false), STATUS_OK);
        sqlite3_file *file = raw_open("/a/f");
        raw_write(file, 'x', 0, 2 * SECTOR, SQLITE_OK);
        assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        assert_int_equal(file->pMethods->xTruncate(file, SECTOR), SQLITE_OK);
        raw_write(file, 'y', 4 * SECTOR, SECTOR, SQLITE_OK);
        disk_fates(disk, seed);
        disk_power_cut(disk);
        raw_close(file);
        disk_power_on(disk, false);
        sectors_of("/a/f", now);
        assert_true(now[0] == 'x' && (now[1] == 'x' || now[1] == '0' || now[1] == '-'));
        zeros += now[4] == '0';
        shorter += now[4] == '-';
        cut_lost += now[1] == 'x';
        os_file_remove("/a/f");
    }
    assert_true(zeros > 0 && shorter > 0 && cut_lost > 0);
}

static void a_name_is_durable_only_when_its_directory_is(void **state) {
    (void)state;
    unsigned lost = 0, there = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        sqlite3_file *file = raw_open("/a/f");
        raw_write(file, 'x', 0, SECTOR, SQLITE_OK);
        assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        disk_fates(disk, seed);
        disk_power_cut(disk);
        raw_close(file);
        disk_power_on(disk, false);
        lost += !os_file_exists("/a/f");
        there += os_file_exists("/a/f");
        os_file_remove("/a/f");
        assert_int_equal(os_file_replace("/a/g", text(""), false), STATUS_OK); /* syncs the directory */
    }
    assert_true(lost > 0 && there > 0);
}

/* The n-th operation is the last one, until what is done comes through. */
static unsigned cut_everywhere(enum status (*act)(void), void (*before)(void), void (*judge)(bool done)) {
    unsigned points = 0;
    for (uint64_t nth = 1;; nth++) {
        bool died = false;
        for (uint64_t seed = 0; seed < 40; seed++) {
            before();
            disk_fates(disk, seed * 1000 + nth);
            disk_fault(disk, (struct disk_fault){.operations = DISK_EVERY, .nth = nth, .trouble = DISK_POWER_CUT});
            bool done = act() == STATUS_OK;
            died = disk_dead(disk);
            disk_power_cut(disk);
            disk_power_on(disk, false);
            judge(done);
        }
        if (!died)
            return points;
        points++;
    }
}

static void none_there(void) {
    os_file_remove("/a/f");
    assert_int_equal(os_file_replace("/a/g", text(""), false), STATUS_OK); /* syncs the directory */
}
static enum status create(void) {
    return os_file_create("/a/f", text("new"), true);
}
static void judge_create(bool done) {
    assert_true(!done || os_file_exists("/a/f"));
    if (os_file_exists("/a/f"))
        assert_content("/a/f", "new");
}

static void old_there(void) {
    assert_int_equal(os_file_replace("/a/f", text("old"), false), STATUS_OK);
}
static enum status replace(void) {
    return os_file_replace("/a/f", text("newer"), false);
}
static unsigned kept_old, kept_new;
static void judge_replace(bool done) {
    int64_t len = disk_length("/a/f");
    assert_true(len == 5 || (len == 3 && !done));
    assert_content("/a/f", len == 5 ? "newer" : "old");
    kept_new += len == 5;
    kept_old += len == 3;
}

/* open, write, sync, rename, open the directory, sync it: the product's own sequence. */
static void files_are_made_and_replaced_whole_wherever_the_power_goes(void **state) {
    (void)state;
    assert_int_equal(cut_everywhere(create, none_there, judge_create), 6);
    assert_int_equal(cut_everywhere(replace, old_there, judge_replace), 6);
    assert_true(kept_old > 0 && kept_new > 0);
}

static void what_a_cut_left_beside_is_not_in_the_way(void **state) {
    (void)state;
    disk_fault(disk, (struct disk_fault){.operations = 1U << DISK_SYNC, .nth = 1, .trouble = DISK_POWER_CUT});
    (void)disk_random(5);
    assert_int_equal(os_file_create("/a/f", text("f"), true), STATUS_DISK_ERROR);
    disk_power_on(disk, true);
    assert_false(os_file_exists("/a/f"));
    (void)disk_random(5); /* the same name beside again */
    assert_int_equal(os_file_create("/a/f", text("f"), true), STATUS_OK);
    assert_content("/a/f", "f");
}

static void after_kill_everything_written_is_there(void **state) {
    (void)state;
    char now[SECTORS + 1];
    sqlite3_file *file = raw_open("/a/f");
    raw_write(file, 'x', 0, 3 * SECTOR, SQLITE_OK);
    disk_power_cut(disk);
    raw_close(file);
    disk_power_on(disk, true);
    sectors_of("/a/f", now);
    assert_string_equal(now, "xxx---");
    /* And it is durable now. */
    disk_power_cut(disk);
    disk_power_on(disk, false);
    sectors_of("/a/f", now);
    assert_string_equal(now, "xxx---");
}

static void a_sync_that_failed_has_forgotten_what_it_was_to_write(void **state) {
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char now[SECTORS + 1];
        assert_int_equal(os_file_create("/a/f", (struct bytes){0}, false), STATUS_OK);
        sqlite3_file *file = raw_open("/a/f");
        raw_write(file, 'x', 0, SECTORS * SECTOR, SQLITE_OK);
        disk_fates(disk, seed);
        disk_fault(disk, (struct disk_fault){.operations = 1U << DISK_SYNC, .nth = 1, .trouble = DISK_IO_ERROR});
        assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_IOERR_FSYNC);
        assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
        sectors_of("/a/f", now);
        assert_string_equal(now, "xxxxxx"); /* still read */
        disk_power_cut(disk);
        raw_close(file);
        disk_power_on(disk, false);
        sectors_of("/a/f", now);
        lost += strcmp(now, "xxxxxx") != 0;
        os_file_remove("/a/f");
    }
    assert_true(lost > SEEDS / 4);
}

static struct disk *images;
static unsigned images_old, images_new, images_torn;
static void image_taken(void *ctx) {
    (void)ctx;
    for (uint64_t seed = 0; seed < 40; seed++) {
        disk_fates(images, seed);
        disk_image(images, disk);
        struct buffer content;
        buffer_init(&content, 100);
        assert_int_equal(os_file_read("/i/f", 100, &content), STATUS_OK);
        images_old += content.len == 3 && memcmp(content.data, "old", 3) == 0;
        images_new += content.len == 5 && memcmp(content.data, "newer", 5) == 0;
        images_torn += content.len != 3 && content.len != 5;
        buffer_fini(&content);
    }
}

/* Every moment of an act that itself goes on undisturbed. */
static void images_of_a_cut_are_taken_while_it_is_written(void **state) {
    (void)state;
    images = disk_new("/i");
    images_old = images_new = images_torn = 0;
    assert_int_equal(os_file_replace("/a/f", text("old"), false), STATUS_OK);
    disk_watch(disk, DISK_CHANGES, image_taken, NULL);
    assert_int_equal(os_file_replace("/a/f", text("newer"), false), STATUS_OK);
    disk_watch(disk, 0, NULL, NULL);
    assert_int_equal(images_old + images_new, 4 * 40); /* before the write, its sync, the renaming, the directory's sync */
    assert_true(images_new > 0 && images_new < 40);
    assert_int_equal(images_torn, 0);
    assert_content("/a/f", "newer");
    image_taken(NULL);
    assert_true(images_new > 40);
}

/* ---- trouble ---- */

static void the_nth_of_its_kind_fails_once_or_for_good(void **state) {
    (void)state;
    sqlite3_file *file = raw_open("/a/f");
    disk_fault(disk, (struct disk_fault){.operations = 1U << DISK_WRITE, .nth = 3, .trouble = DISK_IO_ERROR});
    for (int i = 1; i <= 5; i++)
        raw_write(file, 'x', 0, SECTOR, i == 3 ? SQLITE_IOERR_WRITE : SQLITE_OK);
    assert_int_equal(disk_faults(disk), 1);
    assert_int_equal(disk_count(disk, 1U << DISK_WRITE), 5);
    assert_int_equal(disk_count(disk, DISK_EVERY), 5);
    disk_fault(disk, (struct disk_fault){.operations = 1U << DISK_WRITE | 1U << DISK_TRUNCATE, .nth = 2, .lasting = true, .trouble = DISK_NO_SPACE});
    raw_write(file, 'x', 0, SECTOR, SQLITE_OK);
    for (int i = 0; i < 3; i++)
        raw_write(file, 'x', 0, SECTOR, SQLITE_FULL);
    assert_int_equal(file->pMethods->xTruncate(file, 0), SQLITE_IOERR_TRUNCATE);
    assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    assert_int_equal(disk_faults(disk), 4);
    disk_fault(disk, (struct disk_fault){0});
    raw_write(file, 'x', 0, SECTOR, SQLITE_OK);
    raw_close(file);
}

static void every_failure_of_a_file_operation_has_its_status(void **state) {
    (void)state;
    struct buffer content;
    buffer_init(&content, 100);
    assert_int_equal(os_file_create("/a/f", text("f"), false), STATUS_OK);
    assert_int_equal(os_file_create("/a/f", text("f"), false), STATUS_STORE_EXISTS);
    disk_fault(disk, (struct disk_fault){.operations = 1U << DISK_READ, .nth = 1, .trouble = DISK_IO_ERROR});
    assert_int_equal(os_file_read("/a/f", 100, &content), STATUS_DISK_ERROR);
    static const struct {
        enum disk_operation operation;
        uint64_t nth;
    } places[] = {{DISK_OPEN, 1}, {DISK_WRITE, 1}, {DISK_SYNC, 1}, {DISK_NAME, 1}, {DISK_OPEN, 2}, {DISK_SYNC, 2}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (int full = 0; full < 2; full++) {
            disk_fault(disk,
                       (struct disk_fault){.operations = 1U << places[i].operation, .nth = places[i].nth, .trouble = full ? DISK_NO_SPACE : DISK_IO_ERROR});
            assert_int_equal(os_file_replace("/a/f", text("g"), false), full ? STATUS_DISK_FULL : STATUS_DISK_ERROR);
            assert_int_equal(disk_faults(disk), 1);
            disk_fault(disk, (struct disk_fault){0});
            assert_content("/a/f", places[i].operation == DISK_NAME || i < 4 ? "f" : "g"); /* after the rename only its durability failed */
            assert_int_equal(os_file_replace("/a/f", text("f"), false), STATUS_OK);
        }
    }
    assert_int_equal(os_file_read("/b/f", 100, &content), STATUS_NOT_FOUND);
    assert_int_equal(os_file_read("/a/f/g", 100, &content), STATUS_NOT_FOUND);
    assert_int_equal(os_file_read("/a", 100, &content), STATUS_FILE_UNREADABLE);
    buffer_fini(&content);
}

static void a_full_disk_takes_what_there_is_room_for(void **state) {
    (void)state;
    char now[SECTORS + 1];
    disk_capacity(disk, 4 * SECTOR);
    assert_int_equal(os_disk_size("/a"), 4 * SECTOR);
    assert_int_equal(os_file_create("/a/g", text("12345678"), false), STATUS_OK);
    assert_int_equal(disk_used(disk), 8);
    sqlite3_file *file = raw_open("/a/f");
    raw_write(file, 'x', 0, 3 * SECTOR, SQLITE_OK);
    assert_int_equal(os_disk_free("/a"), SECTOR - 8);
    raw_write(file, 'y', 3 * SECTOR, SECTOR, SQLITE_FULL);
    assert_int_equal(os_disk_free("/a"), 0);
    raw_write(file, 'z', 0, SECTOR, SQLITE_OK); /* what is there already can be written */
    assert_int_equal(os_file_create("/a/h", text("h"), false), STATUS_DISK_FULL);
    assert_false(os_file_exists("/a/h"));
    assert_int_equal(file->pMethods->xTruncate(file, SECTOR), SQLITE_OK);
    assert_int_equal(disk_used(disk), SECTOR + 8);
    os_file_remove("/a/g");
    assert_int_equal(os_disk_free("/a"), 3 * SECTOR);
    sectors_of("/a/f", now);
    assert_string_equal(now, "z-----");
    raw_close(file);
}

/* ---- names, locks, clocks ---- */

static void directories_hold_names(void **state) {
    (void)state;
    assert_int_equal(os_directory_make("/a/b/c"), STATUS_OK);
    assert_int_equal(os_directory_make("/a/b/c"), STATUS_OK);
    assert_int_equal(os_directory_make("/z/b"), STATUS_NOT_FOUND);
    assert_int_equal(os_file_create("/a/b/c/f", text("f"), false), STATUS_OK);
    assert_int_equal(os_directory_make("/a/b/c/f"), STATUS_FILE_UNREADABLE);
    os_directory_remove("/a/b/c");
    assert_true(os_file_exists("/a/b/c"));
    os_file_remove("/a/b/c/f");
    os_directory_remove("/a/b/c");
    assert_int_equal(os_file_look("/a/b/c"), STATUS_NOT_FOUND);
    assert_int_equal(os_file_look("/a/b"), STATUS_OK);
    os_directory_remove("/a");
    assert_true(os_file_exists("/a"));
}

static void a_secret_that_others_may_read_is_none(void **state) {
    (void)state;
    struct buffer content;
    buffer_init(&content, 100);
    assert_int_equal(os_file_create("/a/secret", text("s"), true), STATUS_OK);
    assert_int_equal(os_file_create("/a/open", text("o"), false), STATUS_OK);
    assert_int_equal(os_secret_read("/a/secret", 100, &content), STATUS_OK);
    assert_int_equal(os_secret_read("/a/open", 100, &content), STATUS_KEY_UNSAFE);
    struct disk *copy = disk_new("/copy");
    disk_copy(copy, disk);
    assert_int_equal(os_secret_read("/copy/open", 100, &content), STATUS_KEY_UNSAFE);
    buffer_fini(&content);
}

static void a_lock_is_waited_for_in_virtual_time(void **state) {
    (void)state;
    struct os_lock first, second;
    long holder;
    disk_clock(1000, 500);
    assert_int_equal(os_time(), 1000);
    assert_int_equal(os_lock(&first, "/a/lock", 0, &holder), STATUS_OK);
    assert_int_equal(os_lock(&second, "/a/lock", 3000, &holder), STATUS_STORE_LOCKED);
    assert_true(holder > 0);
    assert_in_range(os_monotonic_ms(), 3500, 3600);
    os_file_remove("/a/lock"); /* another file of that name can be locked */
    assert_int_equal(os_lock(&second, "/a/lock", 0, &holder), STATUS_OK);
    os_unlock(&first);
    os_unlock(&second);
    assert_int_equal(os_lock(&first, "/a/lock", 0, NULL), STATUS_OK);
    os_unlock(&first);
}

static void a_bit_can_be_turned_over(void **state) {
    (void)state;
    assert_int_equal(os_file_create("/a/f", text("abc"), false), STATUS_OK);
    assert_true(disk_flip("/a/f", 8));
    assert_content("/a/f", "acc");
    assert_false(disk_flip("/a/f", 24));
    assert_false(disk_flip("/a/g", 0));
    disk_power_cut(disk);
    disk_power_on(disk, false);
    assert_content("/a/f", "acc");
}

/* ---- databases ---- */

static void a_second_connection_is_told_that_the_database_is_locked(void **state) {
    (void)state;
    sqlite3 *first, *second;
    assert_int_equal(sqlite3_open("/a/db", &first), SQLITE_OK);
    assert_int_equal(sqlite3_open("/a/db", &second), SQLITE_OK);
    assert_int_equal(sqlite3_exec(first, "CREATE TABLE t(a); BEGIN IMMEDIATE; INSERT INTO t VALUES(1)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(second, "INSERT INTO t VALUES(2)", NULL, NULL, NULL), SQLITE_BUSY);
    assert_int_equal(sqlite3_exec(first, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(second, "INSERT INTO t VALUES(2)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(first), SQLITE_OK);
    assert_int_equal(sqlite3_close(second), SQLITE_OK);
}

static void found_on(const char *dir) {
    const struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    assert_int_equal(store_found(dir, &founding), STATUS_OK);
}

static void the_same_calls_give_the_same_bytes(void **state) {
    (void)state;
    struct buffer contents[2];
    for (int i = 0; i < 2; i++) {
        disk_begin(3);
        (void)disk_new("/a");
        found_on("/a/hoi");
        buffer_init(&contents[i], 1 << 20);
        assert_int_equal(os_file_read("/a/hoi/store.db", 1 << 20, &contents[i]), STATUS_OK);
    }
    assert_int_equal(contents[0].len, contents[1].len);
    assert_memory_equal(contents[0].data, contents[1].data, contents[0].len);
    disk_begin(4);
    disk = disk_new("/a");
    found_on("/a/hoi");
    assert_int_equal(os_file_read("/a/hoi/store.db", 1 << 20, &contents[1]), STATUS_OK);
    assert_true(contents[0].len != contents[1].len || memcmp(contents[0].data, contents[1].data, contents[0].len) != 0);
    buffer_fini(&contents[0]);
    buffer_fini(&contents[1]);
}

static void a_copy_of_an_open_store_is_one_after_kill(void **state) {
    (void)state;
    struct store *store, *other;
    found_on("/a/hoi");
    assert_int_equal(store_open(&store, "/a/hoi", 0, NULL), STATUS_OK);
    assert_int_equal(store_open(&other, "/a/hoi", 0, NULL), STATUS_STORE_LOCKED);
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(store_touch(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    uint64_t version = store_version(store);
    struct disk *copy = disk_new("/b");
    disk_copy(copy, disk);
    store_close(store);
    assert_int_equal(store_open(&other, "/b/hoi", 0, NULL), STATUS_OK);
    assert_int_equal(store_version(other), version);
    store_close(other);
    /* A copy takes the place of what was there. */
    disk_copy(copy, disk);
    disk_power_cut(copy);
    disk_power_on(copy, false);
    assert_int_equal(store_open(&other, "/b/hoi", 0, NULL), STATUS_OK);
    store_close(other);
}

#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        DISK_TEST(what_was_synced_stays_and_what_was_not_may_be_lost_or_torn),
        DISK_TEST(a_file_grown_without_a_sync_may_have_its_length_and_not_its_bytes),
        DISK_TEST(a_name_is_durable_only_when_its_directory_is),
        DISK_TEST(files_are_made_and_replaced_whole_wherever_the_power_goes),
        DISK_TEST(what_a_cut_left_beside_is_not_in_the_way),
        DISK_TEST(after_kill_everything_written_is_there),
        DISK_TEST(a_sync_that_failed_has_forgotten_what_it_was_to_write),
        DISK_TEST(images_of_a_cut_are_taken_while_it_is_written),
        DISK_TEST(the_nth_of_its_kind_fails_once_or_for_good),
        DISK_TEST(every_failure_of_a_file_operation_has_its_status),
        DISK_TEST(a_full_disk_takes_what_there_is_room_for),
        DISK_TEST(directories_hold_names),
        DISK_TEST(a_secret_that_others_may_read_is_none),
        DISK_TEST(a_lock_is_waited_for_in_virtual_time),
        DISK_TEST(a_bit_can_be_turned_over),
        DISK_TEST(a_second_connection_is_told_that_the_database_is_locked),
        DISK_TEST(the_same_calls_give_the_same_bytes),
        DISK_TEST(a_copy_of_an_open_store_is_one_after_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
