#include "tests/sweep/scenario.h"

#include "store/internal.h"
#include "tests/unit/store_ask.h"

#include <sodium.h>
#include <sqlite3.h>

enum { NOW = 1782000000, KILL_FATES = 2 };

/* ---- what a store is ---- */

static void hash_add(crypto_generichash_state *hash, const void *data, size_t len) {
    uint64_t prefix = len;
    (void)crypto_generichash_update(hash, (const unsigned char *)&prefix, sizeof prefix);
    if (len > 0)
        (void)crypto_generichash_update(hash, data, len);
}

/* Rows of meta that say what happened, not what the store holds: how often it changed, and what an opening noticed. */
static bool tells_what_happened(const char *key) {
    return strcmp(key, "version") == 0 || strncmp(key, "forgot.", sizeof "forgot." - 1) == 0;
}

/* Rows in the order of their keys. Counters of changes count also what came to nothing: columns of that name do not enter. */
static void hash_rows(crypto_generichash_state *hash, sqlite3 *db, const char *table) {
    char sql[200];
    sqlite3_stmt *stmt;
    (void)snprintf(sql, sizeof sql, "SELECT * FROM \"%.80s\"", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    hash_add(hash, table, strlen(table));
    int code;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *first = (const char *)sqlite3_column_text(stmt, 0);
        if (strcmp(table, "meta") == 0 && tells_what_happened(first))
            continue;
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const int type = sqlite3_column_type(stmt, i);
            if (strcmp(sqlite3_column_name(stmt, i), "version") == 0)
                continue;
            hash_add(hash, &type, sizeof type);
            hash_add(hash, sqlite3_column_blob(stmt, i), (size_t)sqlite3_column_bytes(stmt, i));
        }
    }
    assert_int_equal(code, SQLITE_DONE);
    sqlite3_finalize(stmt);
}

static bool has_self(sqlite3 *db) {
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, "SELECT 1 FROM meta WHERE key = 'self'", -1, &stmt, NULL) != SQLITE_OK)
        return false;
    bool there = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    return there;
}

static void hash_database(crypto_generichash_state *hash, const char *path) {
    sqlite3 *db;
    sqlite3_stmt *tables;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    if (has_self(db)) {
        assert_int_equal(sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1, &tables, NULL), SQLITE_OK);
        while (sqlite3_step(tables) == SQLITE_ROW)
            hash_rows(hash, db, (const char *)sqlite3_column_text(tables, 0));
        sqlite3_finalize(tables);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Of a closed store: all that it holds. Of none: its keys, where it has any. */
static struct hash state_of(const struct scene *scene, const char *dir) {
    struct hash out;
    crypto_generichash_state hash;
    char path[SCRATCH_PATH];
    struct buffer key;
    buffer_init(&key, 4096);
    (void)crypto_generichash_init(&hash, NULL, 0, sizeof out.b);
    scratch_path(path, dir, "node.key");
    if ((scene->scenario->opens || scene->scenario->repeats) && os_file_exists(path))
        assert_int_equal(os_secret_read(path, 4096, &key), STATUS_OK);
    hash_add(&hash, key.data, key.len);
    buffer_fini(&key);
    scratch_path(path, dir, "store.db");
    if (disk_length(path) > 0)
        hash_database(&hash, path);
    (void)crypto_generichash_final(&hash, out.b, sizeof out.b);
    return out;
}

/* ---- running ---- */

enum status scene_run(struct scene *scene, const char *dir, size_t from, size_t to) {
    const bool opens = scene->scenario->opens;
    struct store *store = NULL;
    enum status status = STATUS_OK;
    size_t step = scene->acknowledged = from;
    while (step < to || (opens && store == NULL)) {
        const size_t doing = opens && store == NULL ? SCENE_OPENING : step;
        if (doing == SCENE_OPENING) {
            status = store_open(&store, dir, 0, NULL);
            if (status == STATUS_OK)
                store_confirmed(store, &store->unit); /* as the level above does in an hour: so it goes on in its epochs (store/life.h), and the bytes repeat */
        } else {
            (void)disk_random(SCENE_RANDOM + step);
            status = scene->scenario->steps[step](scene, store, dir);
        }
        if (status != STATUS_OK && (scene->failed == NULL || !scene->failed(scene, &store, doing, status)))
            break;
        if (status != STATUS_OK || doing == SCENE_OPENING)
            continue;
        scene->acknowledged = ++step;
        if (scene->done != NULL)
            scene->done(scene);
    }
    store_close(store);
    return status;
}

/* The very same files, all of them on the disk: no copy that was put somewhere else, which would begin new epochs. */
void scene_same_files(struct disk *out, const struct disk *from) {
    disk_clone(out, from);
    disk_power_on(out, true);
}

void scene_again(struct scene *scene) {
    scene_same_files(scene->run, scene->base);
    disk_clock(NOW, 0);
    (void)disk_random(SCENE_RANDOM);
    scene->acknowledged = 0;
}

/* ---- judging ---- */

bool scene_sound(struct store *store) {
    json_t *response = ask(store, "check", json_object());
    bool sound = json_integer_value(json_object_get(response, "status")) == 0;
    if (!sound) {
        char *text = json_dumps(response, JSON_COMPACT);
        print_error("%s\n", text);
        free(text);
    }
    json_decref(response);
    return sound;
}

static void open_and_check(struct scene *scene, const char *dir, const char *what) {
    struct store *store;
    enum status status = store_open(&store, dir, 0, NULL);
    if (!scene->scenario->opens && (status == STATUS_STORE_MISSING || status == STATUS_KEY_DAMAGED) && scene->acknowledged < scene->step_count)
        return; /* there is none yet */
    if (status != STATUS_OK || store->apply_status != STATUS_OK)
        fail_msg("%s, %s, %zu done: does not open: %s", scene->scenario->name, what, scene->acknowledged, status_name(status));
    if (!scene_sound(store))
        fail_msg("%s, %s, %zu done: not sound", scene->scenario->name, what, scene->acknowledged);
    store_close(store);
}

size_t scene_judge(struct scene *scene, const char *dir, bool next_may_be, const char *what) {
    open_and_check(scene, dir, what);
    struct hash state = state_of(scene, dir);
    size_t least = scene->acknowledged, most = next_may_be && least < scene->step_count ? least + 1 : least;
    for (size_t i = most + 1; i-- > least;)
        if (ID_EQUAL(&scene->states[i], &state))
            return i;
    for (size_t i = 0; i <= scene->step_count; i++)
        if (ID_EQUAL(&scene->states[i], &state))
            fail_msg("%s, %s: %zu steps were acknowledged, the store is as after %zu", scene->scenario->name, what, least, i);
    fail_msg("%s, %s: %zu steps were acknowledged, the store is as after none of them", scene->scenario->name, what, least);
    return 0;
}

void scene_finish(struct scene *scene, const char *dir, size_t state, const char *what) {
    scene_failed *failed = scene->failed;
    size_t acknowledged = scene->acknowledged;
    scene->failed = NULL;
    enum status status = scene_run(scene, dir, state, scene->step_count);
    if (status != STATUS_OK)
        fail_msg("%s, %s: does not go on after step %zu: %s", scene->scenario->name, what, scene->acknowledged, status_name(status));
    scene->acknowledged = scene->step_count;
    if (scene->scenario->repeats)
        (void)scene_judge(scene, dir, false, what);
    else
        open_and_check(scene, dir, what);
    scene->failed = failed;
    scene->acknowledged = acknowledged;
}

static void cut_after_step(struct scene *scene) {
    uint64_t chance = disk_random(0);
    size_t acknowledged = scene->acknowledged;
    for (uint64_t fate = 0; fate < KILL_FATES; fate++) {
        disk_fates(scene->cut, scene->fates * KILL_FATES + fate);
        disk_image(scene->cut, scene->copy);
        if (scene->scenario->repeats)
            (void)scene_judge(scene, SCENE_DIR("cut"), false, scene->what);
        else
            open_and_check(scene, SCENE_DIR("cut"), scene->what);
        scene->acknowledged = acknowledged;
    }
    (void)disk_random(chance);
}

void scene_kill(struct scene *scene, uint64_t fates, const char *what) {
    const struct scene before = *scene;
    uint64_t chance = disk_random(0);
    scene->failed = NULL;
    scene->done = cut_after_step;
    scene->fates = fates;
    scene->what = what;
    disk_clone(scene->copy, scene->run);
    enum status status = scene_run(scene, SCENE_DIR("copy"), before.acknowledged, scene->step_count);
    if (status != STATUS_OK)
        fail_msg("%s, %s: does not go on after kill: %s", scene->scenario->name, what, status_name(status));
    *scene = before;
    (void)disk_random(chance);
}

/* ---- the whole ---- */

void scene_begin(struct scene *scene, const struct scenario *scenario) {
    *scene = (struct scene){.scenario = scenario, .items = calloc(SCENE_ITEMS_MAX, sizeof *scene->items)};
    assert_non_null(scene->items);
    assert_int_equal(keys_init(), STATUS_OK);
    for (size_t i = 0; i < 2; i++)
        scene->joined_bytes[i] = offices_buffer();
    while (scene->step_count < SCENARIO_STEPS_MAX && scenario->steps[scene->step_count] != NULL)
        scene->step_count++;
    disk_begin(SCENE_RANDOM);
    disk_clock(NOW, 0);
    scene->base = disk_new("/base");
    scene->run = disk_new("/run");
    scene->copy = disk_new("/copy");
    scene->cut = disk_new("/cut");
    scenario->prepare(scene);
    for (size_t i = 0; i <= scene->step_count; i++) {
        scene_again(scene);
        enum status status = scene_run(scene, SCENE_DIR("run"), 0, i);
        if (status != STATUS_OK)
            fail_msg("%s: step %zu of an untroubled run: %s", scenario->name, scene->acknowledged, status_name(status));
        open_and_check(scene, SCENE_DIR("run"), "no trouble"); /* as everywhere: opening applies what is pending */
        scene->states[i] = state_of(scene, SCENE_DIR("run"));
    }
}

void scene_end(struct scene *scene) {
    for (size_t i = 0; i < scene->item_count; i++)
        for (size_t j = 0; j < sizeof scene->items[i].bytes / sizeof scene->items[i].bytes[0]; j++)
            buffer_fini(&scene->items[i].bytes[j]);
    for (size_t i = 0; i < 2; i++)
        buffer_fini(&scene->joined_bytes[i]);
    free(scene->items);
    disk_end();
}

int scenario_main(const char *program, CMUnitTestFunction test, int argc, char **argv) {
    struct CMUnitTest tests[16];
    size_t count = 0;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    for (; scenarios[count] != NULL; count++)
        tests[count] = (struct CMUnitTest){scenarios[count]->name, test, NULL, NULL, (void *)scenarios[count]};
    return _cmocka_run_group_tests(program, tests, count, NULL, NULL);
}
