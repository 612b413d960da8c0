/* Whether a store notices that it is another copy than the one that was left (store/life.h), backups and restores, and a new key: on real files. */
#include "store_ask.h"

#include "store/restore.h"
#include "store/rotate.h"

#include <sys/stat.h>

enum { UNIT_ADD_BYTES = 128 };

/* ---- what the tests ask ---- */

static void add_unit(struct store *store, const char *code) {
    char args[UNIT_ADD_BYTES];
    (void)snprintf(args, sizeof args, "{'code': '%s', 'name': 'Tỉnh %s', 'level': '1'}", code, code);
    ask_done(store, "unit.add", args);
}

/* One process, one act. */
static void add_unit_in(const char *dir, const char *code) {
    struct store *store = scratch_open(dir);
    add_unit(store, code);
    store_close(store);
}

static int64_t epochs(struct store *store) {
    return scratch_count(store, "SELECT count(*) FROM log WHERE node = (SELECT value FROM meta WHERE key = 'self') AND kind = 2");
}

static int64_t epochs_in(const char *dir) {
    struct store *store = scratch_open(dir);
    int64_t count = epochs(store);
    store_close(store);
    return count;
}

/* The first header of the epoch that is written now. */
static void first_header(struct store *store, struct header *out) {
    struct query query = db_query(
        store->db,
        "SELECT e.header FROM log l JOIN entry e ON e.log = l.id AND e.seq = 1 WHERE l.kind = 2 AND l.epoch = (SELECT value FROM meta WHERE key = 'epoch.2')");
    assert_true(query_next(&query));
    assert_int_equal(header_decode(out, query_blob(&query, 0)), STATUS_OK);
    assert_int_equal(query_end(&query), STATUS_OK);
}

static bool has_unit(const char *dir, const char *code) {
    struct store *store = scratch_open(dir);
    char sql[200];
    uint32_t unit;
    bool found = tree_by_code(store->tree, bytes_of(code, strlen(code)), TREE_TODAY, &unit, 1) == 1;
    (void)sql;
    store_close(store);
    return found;
}

static void shell(const char *format, const char *a, const char *b) {
    char command[1000];
    (void)snprintf(command, sizeof command, format, a, b);
    assert_int_equal(system(command), 0);
}

struct scene {
    char dir[SCRATCH_PATH], node[SCRATCH_PATH], other[SCRATCH_PATH], file[SCRATCH_PATH];
};

static void scene_make(struct scene *scene) {
    scratch_make(scene->dir);
    scratch_path(scene->node, scene->dir, "node");
    scratch_path(scene->other, scene->dir, "other");
    scratch_path(scene->file, scene->dir, "file");
    scratch_found(scene->node);
}

/* ---- is it the copy that was left? ---- */

static void goes_on_in_one_epoch(void **state) {
    struct scene scene;
    (void)state;
    scene_make(&scene);
    for (int i = 0; i < 5; i++) {
        char code[16];
        (void)snprintf(code, sizeof code, "%d", 10 + i);
        add_unit_in(scene.node, code);
    }
    assert_int_equal(epochs_in(scene.node), 1);
    scratch_remove(scene.dir);
}

/* Every way in which people put a copy back; each has to be noticed, and each new epoch to go on from the last entry held. */
static void copies_are_noticed(void **state) {
    static const char *const ways[] = {
        "cp -a '%s/.' '%s/'",                                 /* written over in place, times and all */
        "cp '%s/store.db' '%s/store.db'",                     /* the database alone, in place */
        "cp '%s/store.db' '%s/x' && mv '%s/x' '%s/store.db'", /* the database alone, a new file */
        "rm -rf '%2$s' && cp -a '%1$s' '%2$s'",               /* the folder made anew */
    };
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct scene scene;
        struct header *header = malloc(sizeof *header);
        assert_non_null(header);
        scene_make(&scene);
        add_unit_in(scene.node, "10");
        scratch_copy(scene.node, scene.other);
        add_unit_in(scene.node, "11");
        if (i == 2) {
            char command[1000];
            (void)snprintf(command, sizeof command, ways[i], scene.other, scene.node, scene.node, scene.node);
            assert_int_equal(system(command), 0);
        } else {
            shell(ways[i], scene.other, scene.node);
        }
        struct store *store = scratch_open(scene.node);
        assert_int_equal(store->life.states[LOG_DIRECTIVE], LIFE_FORGOT);
        store_confirmed(store, &store->unit); /* nobody's word is enough */
        add_unit(store, "12");
        assert_int_equal(epochs(store), 2);
        first_header(store, header);
        assert_true(header->has_continues);
        assert_int_equal(header->continues.seq, 2);
        add_unit(store, "13");
        store_close(store);
        add_unit_in(scene.node, "14");
        assert_int_equal(epochs_in(scene.node), 2); /* from then on it is the copy that was left */
        free(header);
        scratch_remove(scene.dir);
    }
}

/* What was found forgotten stays so, though nothing else is written and the files that say it are gone by the next start. */
static void forgotten_for_good(void **state) {
    struct scene scene;
    (void)state;
    scene_make(&scene);
    add_unit_in(scene.node, "10");
    scratch_copy(scene.node, scene.other);
    add_unit_in(scene.node, "11");
    shell("cp -a '%s/.' '%s/'", scene.other, scene.node);
    store_close(scratch_open(scene.node));
    shell("rm '%s/heads' '%s/heads.mark'", scene.node, scene.node);
    struct store *store = scratch_open(scene.node);
    store_confirmed(store, &store->unit);
    add_unit(store, "12");
    assert_int_equal(epochs(store), 2);
    store_close(store);
    scratch_remove(scene.dir);
}

/* The same copy at another place, with what was beside it: whoever runs it there is another. */
static void moved_copy_is_another(void **state) {
    struct scene scene;
    (void)state;
    scene_make(&scene);
    add_unit_in(scene.node, "10");
    scratch_copy(scene.node, scene.other);
    add_unit_in(scene.other, "11");
    add_unit_in(scene.node, "12");
    assert_int_equal(epochs_in(scene.other), 2);
    assert_int_equal(epochs_in(scene.node), 1);
    scratch_remove(scene.dir);
}

/* A start about which the files say nothing: a peer that shows the same head lets the epoch go on; without one, the first entry begins another. */
static void waits_for_a_word(void **state) {
    (void)state;
    for (int confirmed = 0; confirmed < 2; confirmed++) {
        struct scene scene;
        scene_make(&scene);
        add_unit_in(scene.node, "10");
        shell("rm '%s/heads' '%s/heads.mark'", scene.node, scene.node);
        struct store *store = scratch_open(scene.node);
        assert_int_equal(store->life.states[LOG_DIRECTIVE], LIFE_WAITING);
        if (confirmed == 1)
            store_confirmed(store, &store->unit);
        add_unit(store, "11");
        assert_int_equal(epochs(store), confirmed == 1 ? 1 : 2);
        store_close(store);
        add_unit_in(scene.node, "12");
        assert_int_equal(epochs_in(scene.node), confirmed == 1 ? 1 : 2);
        scratch_remove(scene.dir);
    }
}

/* A refused request takes the epoch back that it had begun; reading begins none. */
static void a_refusal_begins_none(void **state) {
    struct scene scene;
    (void)state;
    scene_make(&scene);
    shell("rm '%s/heads' '%s/heads.mark'", scene.node, scene.node);
    struct store *store = scratch_open(scene.node);
    assert_int_equal(store_begin(store), STATUS_OK);
    (void)scratch_rename(store, "Khác");
    store_rollback(store);
    ask_done(store, "status", "{}");
    assert_int_equal(epochs(store), 1);
    add_unit(store, "10");
    assert_int_equal(epochs(store), 2);
    store_close(store);
    scratch_remove(scene.dir);
}

/* Own entries that a peer gives back: some other peer may have more, so that nothing lets this epoch go on. */
static void entries_that_come_back(void **state) {
    struct scene scene;
    struct stored_entry entry;
    struct log_id log;
    (void)state;
    scene_make(&scene);
    add_unit_in(scene.node, "10");
    scratch_copy(scene.node, scene.other);
    add_unit_in(scene.node, "11");
    struct store *whole = scratch_open(scene.node), *old = scratch_open(scene.other);
    old->life.states[LOG_DIRECTIVE] = LIFE_OPEN; /* as if nothing had been noticed */
    struct query query = db_query(whole->db, "SELECT max(id) FROM entry");
    assert_true(query_next(&query));
    int64_t id = query_int(&query, 0);
    assert_int_equal(query_end(&query), STATUS_OK);
    assert_int_equal(log_read(whole, id, &entry, NULL), STATUS_OK);
    log = entry.log;
    const struct persist item = {.kind = PERSIST_ENTRY, .log = log, .seq = entry.seq, .hash = entry.hash, .entry = entry.entry};
    assert_int_equal(store_persist(old, &item, 1), STATUS_OK);
    store_confirmed(old, &old->unit);
    add_unit(old, "12");
    assert_int_equal(epochs(old), 2);
    struct header *header = malloc(sizeof *header);
    assert_non_null(header);
    first_header(old, header);
    assert_int_equal(header->continues.seq, 3); /* the one that came back */
    bool seen = false;
    assert_int_equal(life_sees(old, LOG_DIRECTIVE, &log, 3, &seen), STATUS_OK);
    assert_true(seen);
    assert_int_equal(life_sees(old, LOG_DIRECTIVE, &log, 4, &seen), STATUS_OK);
    assert_false(seen);
    free(header);
    store_close(whole);
    store_close(old);
    scratch_remove(scene.dir);
}

/* ---- backups ---- */

static void back_up(const char *dir, const char *file) {
    char path[SCRATCH_PATH];
    int64_t bytes;
    struct store *store = scratch_open(dir);
    assert_int_equal(backup_make(store, &bytes), STATUS_OK);
    scratch_path(path, dir, "backup.db");
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, bytes);
    assert_int_equal(about.st_mode & 0777, 0600);
    shell("cp '%s' '%s'", path, file);
    backup_drop(store);
    assert_false(os_file_exists(path));
    store_close(store);
}

static enum status restore(const char *dir, const char *file, bool dry, struct restored *out) {
    const struct restoring restoring = {.dir = dir, .file = file, .dry_run = dry, .findings = json_array()};
    enum status status = store_restore(&restoring, out);
    json_decref(restoring.findings);
    char stage[SCRATCH_PATH];
    scratch_path(stage, dir, "restoring");
    assert_false(os_file_exists(stage));
    return status;
}

static void restore_takes_over(void **state) {
    struct scene scene;
    struct restored restored;
    (void)state;
    scene_make(&scene);
    add_unit_in(scene.node, "10");
    back_up(scene.node, scene.file);
    assert_int_equal(epochs_in(scene.node), 1); /* making a backup is no reason for a new one */
    add_unit_in(scene.node, "11");
    assert_int_equal(restore(scene.node, scene.file, true, &restored), STATUS_OK);
    assert_true(restored.marked);
    assert_int_equal(restored.taken, 0);
    assert_int_equal(restored.replaced[0], 0);
    assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_OK);
    assert_int_equal(restored.taken, 1);
    assert_false(restored.unreadable);
    assert_true(os_file_exists(restored.replaced));
    assert_true(has_unit(scene.node, "10"));
    assert_true(has_unit(scene.node, "11"));
    add_unit_in(scene.node, "12");
    assert_int_equal(epochs_in(scene.node), 2);
    add_unit_in(scene.node, "13");
    assert_int_equal(epochs_in(scene.node), 2);
    assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_OK); /* again: another place for the store of before */
    assert_true(has_unit(scene.node, "13"));
    scratch_remove(scene.dir);
}

/* Damaged at any of many places, the store that was there is moved aside with what could not be read; the backup stands. */
static void restore_over_damage(void **state) {
    struct restored restored;
    (void)state;
    for (long at = 20; at < 160000; at += 13000) {
        struct scene scene;
        char path[SCRATCH_PATH];
        scene_make(&scene);
        add_unit_in(scene.node, "10");
        back_up(scene.node, scene.file);
        add_unit_in(scene.node, "11");
        scratch_path(path, scene.node, "store.db");
        scratch_flip(path, at);
        assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_OK);
        assert_true(has_unit(scene.node, "10"));
        struct store *store = scratch_open(scene.node);
        ask_done(store, "check", "{}");
        store_close(store);
        scratch_remove(scene.dir);
    }
}

static void restore_refuses(void **state) {
    struct scene scene;
    struct restored restored;
    (void)state;
    scene_make(&scene);
    scratch_found(scene.other);
    back_up(scene.other, scene.file);
    assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_BACKUP_OTHER);
    shell("head -c 100000 /dev/zero > '%s' # %s", scene.file, "");
    assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_BACKUP_INVALID);
    shell("rm '%s' # %s", scene.file, "");
    assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_NOT_FOUND);
    add_unit_in(scene.node, "10");
    assert_int_equal(epochs_in(scene.node), 1); /* nothing was changed */
    scratch_remove(scene.dir);
}

/* The power goes in the last step: the store has moved aside, the copy has not its name yet. And one step before: nothing has happened. */
static void restore_broken_off(void **state) {
    struct scene scene;
    struct restored restored;
    (void)state;
    scene_make(&scene);
    add_unit_in(scene.node, "10");
    back_up(scene.node, scene.file);
    assert_int_equal(restore(scene.node, scene.file, false, &restored), STATUS_OK);
    shell("mv '%s/store.db' '%s/store.db.next'", scene.node, scene.node);
    shell("head -c 5000 /dev/urandom > '%s/store.db-wal' # %s", scene.node, ""); /* of the store that went */
    assert_true(has_unit(scene.node, "10"));
    add_unit_in(scene.node, "11");
    shell("cp '%s' '%s/store.db.next'", scene.file, scene.node);
    assert_true(has_unit(scene.node, "11"));
    char path[SCRATCH_PATH];
    scratch_path(path, scene.node, "store.db.next");
    assert_false(os_file_exists(path));
    scratch_remove(scene.dir);
}

/* Whoever puts a backup into place by hand has it noticed by its mark. */
static void backup_put_by_hand(void **state) {
    struct scene scene;
    (void)state;
    scene_make(&scene);
    back_up(scene.node, scene.file);
    shell("cp '%s' '%s/store.db'", scene.file, scene.node);
    struct store *store = scratch_open(scene.node);
    assert_int_equal(store->life.states[LOG_REPORT], LIFE_FORGOT);
    assert_int_equal(store->life.states[LOG_DIRECTIVE], LIFE_FORGOT);
    add_unit(store, "10");
    assert_int_equal(epochs(store), 2);
    store_close(store);
    store = scratch_open(scene.node);
    assert_int_equal(store->life.states[LOG_REPORT], LIFE_FORGOT); /* still: of that log nothing was written */
    assert_int_equal(store->life.states[LOG_DIRECTIVE], LIFE_OPEN);
    store_close(store);
    scratch_remove(scene.dir);
}

/* ---- a new key ---- */

static void a_new_key(void **state) {
    struct scene scene;
    char path[SCRATCH_PATH], next[SCRATCH_PATH];
    (void)state;
    scene_make(&scene);
    add_unit_in(scene.node, "10");
    scratch_path(path, scene.node, "node.key");
    scratch_path(next, scene.node, "node.key.next");
    shell("cp -a '%s' '%s'", path, scene.file);
    struct store *store = scratch_open(scene.node);
    const struct node_id old = store->self;
    json_t *begun = ask_ok(store, "node.rotate", "{}"), *again = ask_ok(store, "node.rotate", "{}");
    assert_true(json_equal(begun, again));                                            /* one at a time */
    assert_string_equal(json_string_value(json_object_get(begun, "state")), "ready"); /* the root asks nobody */
    json_decref(begun);
    json_decref(again);
    assert_memory_equal(store->self.b, old.b, sizeof old.b);
    store_close(store);
    store = scratch_open(scene.node);
    assert_memory_not_equal(store->self.b, old.b, sizeof old.b);
    assert_false(os_file_exists(next));
    int64_t entry;
    assert_true(tree_revoked(store->tree, tree_node(store->tree, &old), &entry));
    add_unit(store, "11");
    store_close(store);
    /* The power went after the store had changed hands and before the key's file had its name. */
    shell("mv '%s' '%s'", path, next);
    shell("cp -a '%s' '%s'", scene.file, path);
    store = scratch_open(scene.node);
    add_unit(store, "12");
    ask_done(store, "check", "{}");
    store_close(store);
    assert_false(os_file_exists(next));
    assert_true(has_unit(scene.node, "10") && has_unit(scene.node, "11") && has_unit(scene.node, "12"));
    /* The old key alone opens nothing any more. */
    shell("cp -a '%s' '%s'", scene.file, path);
    assert_int_equal(store_open(&store, scene.node, 0, NULL), STATUS_KEY_DAMAGED);
    scratch_remove(scene.dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_in_one_epoch),
        cmocka_unit_test(copies_are_noticed),
        cmocka_unit_test(forgotten_for_good),
        cmocka_unit_test(moved_copy_is_another),
        cmocka_unit_test(waits_for_a_word),
        cmocka_unit_test(a_refusal_begins_none),
        cmocka_unit_test(entries_that_come_back),
        cmocka_unit_test(restore_takes_over),
        cmocka_unit_test(restore_over_damage),
        cmocka_unit_test(restore_refuses),
        cmocka_unit_test(restore_broken_off),
        cmocka_unit_test(backup_put_by_hand),
        cmocka_unit_test(a_new_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
