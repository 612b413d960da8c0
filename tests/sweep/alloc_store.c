/* Making, joining and opening a store, taking in what other offices wrote, and a whole session between two offices, while memory runs out. */
#include "tests/sweep/alloc_sweep.h"
#include "tests/sweep/alloc_world.h"
#include "tests/sweep/older_store.h"
#include "tests/unit/store_ask.h"

#include "protocol/message.h"
#include "protocol/session.h"
#include "store/schema.h"

#include <sqlite3.h>

#define VALUE(text) "{'state':'value','value':'" text "'}"

enum { AGAIN_EACH = 16, ITEMS = 3 };

/* Where one act takes place. */
struct site {
    const struct alloc_world *world;
    char dir[SCRATCH_PATH];
    struct store *store; /* while it is open */
    uint64_t rows;
    char *views, *digest, *right_views;
    unsigned failures;
    /* for joining */
    struct node_keys keys;
    struct token token;
    struct joined joined;
    struct buffer token_memory, message, answer;
    /* for taking in */
    struct persist items[ITEMS];
    struct buffer bytes[ITEMS][4];
};

static void site_remove(const struct site *site) {
    if (os_file_exists(site->dir))
        scratch_remove(site->dir);
}

/* The store opens and is sound, and says what it is to say (views NULL: anything). */
static void expect_sound(struct site *site, const char *views) {
    struct store *store = NULL;
    enum status status = store_open(&store, site->dir, 0, NULL);
    sweep_expect(status == STATUS_OK, "opening it: %s", status_name(status));
    if (status != STATUS_OK)
        return;
    sweep_expect(world_sound(store), "check finds something");
    char *said = views != NULL ? world_views(store) : NULL;
    if (views != NULL)
        sweep_expect_text(said, views, "opened");
    free(said);
    store_close(store);
}

/* ---- founding ---- */

static void nothing_there(void *ctx) {
    site_remove(ctx);
}

static enum status found(void *ctx) {
    const struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    return store_found(((struct site *)ctx)->dir, &founding);
}

static bool judge_found(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    (void)count;
    if (status == STATUS_OK)
        expect_sound(site, NULL);
    else
        sweep_expect(!os_file_exists(site->dir), "it failed and left something behind");
    return false;
}

/* ---- joining ---- */

static enum status join_keys(void *ctx) {
    struct site *site = ctx;
    struct node_keys keys;
    return store_join_keys(site->dir, &keys);
}

static bool judge_join_keys(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    struct node_keys keys;
    (void)count;
    if (status == STATUS_OK)
        sweep_expect(store_join_keys(site->dir, &keys) == STATUS_OK, "the keys are not there");
    else
        sweep_expect(!os_file_exists(site->dir), "it failed and left something behind");
    return false;
}

/* A newcomer with a token of the root's for the unit 02, knocking at it. */
static void newcomer_make(struct site *site) {
    struct join join;
    struct store *root = scratch_open(site->world->root);
    json_t *invited = ask_ok(root, "invite", "{'unit':'02'}");
    const char *token = json_string_value(json_object_get(invited, "token"));
    site_remove(site);
    buffer_init(&site->token_memory, TOKEN_MEMORY_MAX);
    buffer_init(&site->message, MESSAGE_BYTES_MAX);
    buffer_init(&site->answer, MESSAGE_BYTES_MAX);
    assert_int_equal(token_decode(&site->token, bytes_of(token, strlen(token)), &site->token_memory), STATUS_OK);
    json_decref(invited);
    store_close(root);
    assert_int_equal(store_join_keys(site->dir, &site->keys), STATUS_OK);
    assert_int_equal(join_encode(&join, &site->token, &site->keys, &site->message), STATUS_OK);
}

static void newcomer_free(struct site *site) {
    buffer_fini(&site->token_memory);
    buffer_fini(&site->message);
    buffer_fini(&site->answer);
    site_remove(site);
}

static void begin_enrol(void *ctx) {
    struct site *site = ctx;
    world_copy(site->world->root, site->dir);
    site->store = scratch_open(site->dir);
    site->rows = world_rows(site->store);
    site->views = world_views(site->store);
    site->digest = world_digest(site->store);
    buffer_init(&site->answer, MESSAGE_BYTES_MAX);
}

static void end_open(void *ctx) {
    struct site *site = ctx;
    char *views = world_views(site->store);
    store_close(site->store);
    site->store = NULL;
    expect_sound(site, views);
    free(views);
    free(site->views);
    free(site->digest);
    buffer_fini(&site->answer);
}

static enum status enrol(void *ctx) {
    struct site *site = ctx;
    return store_enrol(site->store, buffer_bytes(&site->message), site->keys.transport_public, &site->answer);
}

/* It failed: nothing has changed, neither in the file nor in memory. */
static void expect_unchanged(struct site *site) {
    char *views = world_views(site->store), *digest = world_digest(site->store);
    sweep_expect(world_rows(site->store) == site->rows, "it failed and changed the store");
    sweep_expect_text(views, site->views, "failed");
    sweep_expect_text(digest, site->digest, "failed, and the digest");
    free(views);
    free(digest);
}

static bool judge_enrol(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    struct joined joined;
    (void)count;
    if (status == STATUS_OK) {
        sweep_expect(joined_decode(&joined, buffer_bytes(&site->answer)) == STATUS_OK, "the answer is none");
        return false;
    }
    sweep_expect(status == STATUS_NO_MEMORY && site->answer.len == 0, "%s, and an answer of %zu bytes", status_name(status), site->answer.len);
    expect_unchanged(site);
    if (++site->failures % AGAIN_EACH != 0)
        return true;
    sweep_expect(enrol(ctx) == STATUS_OK, "with all its memory it fails still");
    return false;
}

static void begin_join(void *ctx) {
    struct site *site = ctx;
    char key[SCRATCH_PATH];
    scratch_path(key, site->dir, "store.db");
    os_file_remove(key);
}

static enum status join(void *ctx) {
    struct site *site = ctx;
    return store_join(site->dir, &site->keys, &site->token, &site->joined);
}

static bool judge_join(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    (void)count;
    sweep_expect(status == STATUS_OK || status == STATUS_NO_MEMORY, "%s", status_name(status));
    if (status != STATUS_OK && ++site->failures % AGAIN_EACH != 0)
        return false;
    if (status != STATUS_OK)
        sweep_expect(join(ctx) == STATUS_OK, "with all its memory it fails still");
    expect_sound(site, NULL);
    return false;
}

static void leave(void *ctx) {
    (void)ctx;
}

/* ---- opening ---- */

static void begin_clean(void *ctx) {
    struct site *site = ctx;
    world_copy(site->world->root, site->dir);
}

/* As another process left it that was killed. */
static void begin_unclean(void *ctx) {
    struct site *site = ctx;
    char other[SCRATCH_PATH];
    scratch_path(other, site->world->dir, "killed");
    world_copy(site->world->root, other);
    struct store *store = scratch_open(other);
    ask_done(store, "config", "{'key':'metered','value':'yes'}");
    world_copy(other, site->dir);
    store_close(store);
}

static enum status open_it(void *ctx) {
    struct site *site = ctx;
    return store_open(&site->store, site->dir, 0, NULL);
}

static bool judge_open(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    (void)count;
    sweep_expect((status == STATUS_OK) == (site->store != NULL), "%s with%s a store", status_name(status), site->store != NULL ? "" : "out");
    sweep_expect(status == STATUS_OK || status == STATUS_NO_MEMORY, "%s", status_name(status));
    if (status == STATUS_OK) {
        sweep_expect(site->store->apply_status == STATUS_OK || count->refused > 0, "what came is not applied");
        char *views = world_views(site->store);
        if (site->right_views == NULL) {
            site->right_views = strdup(views);
            alloc_taken(site->right_views);
        }
        sweep_expect_text(views, site->right_views, "opened");
        free(views);
        store_close(site->store);
    } else if (++site->failures % AGAIN_EACH == 0) {
        expect_sound(site, site->right_views);
    } else {
        return true;
    }
    site->store = NULL;
    return false;
}

/* ---- opening what an older version of the program wrote ---- */

static void begin_older(void *ctx) {
    struct site *site = ctx;
    char made[SCRATCH_PATH], copy[SCRATCH_PATH];
    scratch_path(made, site->world->dir, "older");
    if (!os_file_exists(made))
        older_store_make(made, 0);
    world_copy(made, site->dir);
    scratch_path(copy, site->dir, "store.db.v0");
    os_file_remove(copy);
}

/* Did the store become one of this version, so that what failed came after that? */
static bool is_renewed(const struct site *site) {
    char path[SCRATCH_PATH];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    scratch_path(path, site->dir, "store.db");
    bool renewed = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                   sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
                   sqlite3_column_int64(stmt, 0) == SCHEMA_VERSION;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return renewed;
}

static bool judge_older(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    char copy[SCRATCH_PATH];
    scratch_path(copy, site->dir, "store.db.v0");
    if (status != STATUS_OK)
        sweep_expect(!os_file_exists(copy) || is_renewed(site), "it failed and left its copy");
    return judge_open(ctx, status, count);
}

/* Closing cannot fail: what it has no memory for is done at the next start. */
static void begin_close(void *ctx) {
    begin_clean(ctx);
    (void)open_it(ctx);
    ask_done(((struct site *)ctx)->store, "config", "{'key':'metered','value':'yes'}");
}

static enum status close_it(void *ctx) {
    struct site *site = ctx;
    store_close(site->store);
    site->store = NULL;
    return STATUS_OK;
}

static bool judge_close(void *ctx, enum status status, const struct alloc_count *count) {
    (void)status;
    if (count->refused > 0)
        expect_sound(ctx, NULL);
    return false;
}

/* ---- what another office wrote ---- */

static void item_copy(struct site *site, size_t at, const struct persist *item) {
    struct bytes *parts[4] = {&site->items[at].entry.header, &site->items[at].entry.signature, &site->items[at].entry.salt, &site->items[at].entry.body};
    site->items[at] = *item;
    for (size_t i = 0; i < 4; i++) {
        buffer_init(&site->bytes[at][i], BODY_BYTES_MAX);
        assert_int_equal(buffer_append(&site->bytes[at][i], parts[i]->data, parts[i]->len), STATUS_OK);
        *parts[i] = buffer_bytes(&site->bytes[at][i]);
    }
}

/* A new unit, a figure and a document of the child's. */
static void items_make(struct site *site) {
    char dir[SCRATCH_PATH];
    scratch_path(dir, site->world->dir, "author");
    world_copy(site->world->child, dir);
    struct store *child = scratch_open(dir);
    ask_done(child, "unit.add", "{'code':'0101','name':'Ba Đình','level':'3'}");
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("11") ",'b':" VALUE("mười một") "}}");
    ask_done(child, "send", "{'to':'00','title':'Báo cáo','text':'Đã nộp.'}");
    struct query query = db_query(child->db, "SELECT node, kind, epoch, head_seq FROM log WHERE node = ?");
    size_t count = 0;
    query_bind_blob(&query, bytes_of(child->self.b, sizeof child->self.b));
    while (query_next(&query)) {
        struct log_id log = {.kind = (uint8_t)query_int(&query, 1)};
        query_fixed(&query, 0, log.node.b, sizeof log.node.b);
        query_fixed(&query, 2, log.epoch.b, sizeof log.epoch.b);
        for (uint64_t seq = 1; seq <= (uint64_t)query_int(&query, 3); seq++) {
            assert_true(count < ITEMS);
            struct persist item = offices_item(child, &log, seq);
            item_copy(site, count++, &item);
        }
    }
    assert_int_equal(query_end(&query), STATUS_OK);
    assert_int_equal(count, ITEMS);
    store_close(child);
}

static void items_free(struct site *site) {
    for (size_t i = 0; i < ITEMS; i++) {
        for (size_t j = 0; j < 4; j++)
            buffer_fini(&site->bytes[i][j]);
    }
}

static enum status take_in(void *ctx) {
    struct site *site = ctx;
    return store_persist(site->store, site->items, ITEMS);
}

/* All is durable. What there was no memory to apply is applied with what comes next. */
static bool taken_in(struct site *site) {
    ask_done(site->store, "config", "{'key':'metered','value':'yes'}");
    char *views = world_views(site->store);
    if (site->right_views == NULL) {
        site->right_views = strdup(views);
        alloc_taken(site->right_views);
    }
    sweep_expect_text(views, site->right_views, "done");
    sweep_expect(site->store->apply_status == STATUS_OK, "it is durable and not applied: %s", status_name(site->store->apply_status));
    free(views);
    return false;
}

static bool judge_take_in(void *ctx, enum status status, const struct alloc_count *count) {
    struct site *site = ctx;
    (void)count;
    if (status == STATUS_OK)
        return taken_in(site);
    sweep_expect(status == STATUS_NO_MEMORY, "%s", status_name(status));
    expect_unchanged(site);
    if (++site->failures % AGAIN_EACH != 0)
        return true;
    sweep_expect(take_in(ctx) == STATUS_OK, "with all its memory it fails still");
    return taken_in(site);
}

static void cool(void *ctx) {
    world_cool(((struct site *)ctx)->store);
}

/* ---- the tests ---- */

static void sweep(struct site *site, const struct sweep_subject *subject) {
    struct sweep_subject whole = *subject;
    const char *only = getenv("ALLOC_ONLY");
    if (only != NULL && strcmp(only, subject->name) != 0)
        return;
    whole.ctx = site;
    site->failures = 0;
    sweep_run(&whole);
}

static void making(void **state) {
    struct site site = {.world = *state};
    scratch_path(site.dir, site.world->dir, "made");
    alloc_short(true, false);
    sweep(&site,
          &(struct sweep_subject){.name = "found", .refused_min = 500, .begin = nothing_there, .act = found, .judge = judge_found, .end = nothing_there});
    alloc_short(true, true);
    sweep(&site, &(struct sweep_subject){
                     .name = "join: keys", .refused_min = 200, .begin = nothing_there, .act = join_keys, .judge = judge_join_keys, .end = nothing_there});
    alloc_short(false, false);
    assert_int_equal(sweep_wrong(), 0);
}

static void joining(void **state) {
    struct site newcomer = {.world = *state}, parent;
    scratch_path(newcomer.dir, newcomer.world->dir, "newcomer");
    newcomer_make(&newcomer);
    parent = newcomer;
    scratch_path(parent.dir, parent.world->dir, "parent");
    struct sweep_subject subject = {
        .name = "enrol", .refused_min = 200, .begin = begin_enrol, .act = enrol, .judge = judge_enrol, .end = end_open, .warms = true};
    sweep(&parent, &subject);
    subject.name = "enrol (first time)";
    subject.warms = false;
    subject.cool = cool;
    alloc_short(true, false);
    sweep(&parent, &subject);
    begin_enrol(&parent);
    assert_int_equal(enrol(&parent), STATUS_OK);
    assert_int_equal(buffer_append(&newcomer.answer, parent.answer.data, parent.answer.len), STATUS_OK);
    end_open(&parent);
    assert_int_equal(joined_decode(&newcomer.joined, buffer_bytes(&newcomer.answer)), STATUS_OK);
    alloc_short(true, true);
    sweep(&newcomer, &(struct sweep_subject){.name = "join", .refused_min = 200, .begin = begin_join, .act = join, .judge = judge_join, .end = leave});
    alloc_short(false, false);
    newcomer_free(&newcomer);
    assert_int_equal(sweep_wrong(), 0);
}

static void opening(void **state) {
    struct site site = {.world = *state};
    scratch_path(site.dir, site.world->dir, "opened");
    alloc_short(true, false);
    sweep(&site, &(struct sweep_subject){.name = "open", .refused_min = 500, .begin = begin_clean, .act = open_it, .judge = judge_open, .end = leave});
    free(site.right_views);
    site.right_views = NULL;
    sweep(&site,
          &(struct sweep_subject){.name = "open after a kill", .refused_min = 500, .begin = begin_unclean, .act = open_it, .judge = judge_open, .end = leave});
    free(site.right_views);
    site.right_views = NULL;
    alloc_short(true, true);
    sweep(&site, &(struct sweep_subject){
                     .name = "open, of an older version", .refused_min = 300, .begin = begin_older, .act = open_it, .judge = judge_older, .end = leave});
    free(site.right_views);
    alloc_short(true, false);
    sweep(&site, &(struct sweep_subject){.name = "close", .refused_min = 8, .begin = begin_close, .act = close_it, .judge = judge_close, .end = leave});
    alloc_short(false, false);
    assert_int_equal(sweep_wrong(), 0);
}

static void taking_in(void **state) {
    struct site site = {.world = *state};
    scratch_path(site.dir, site.world->dir, "taking");
    items_make(&site);
    struct sweep_subject subject = {
        .name = "persist and apply", .refused_min = 200, .begin = begin_enrol, .act = take_in, .judge = judge_take_in, .end = end_open, .stride = 8, .warms = true};
    sweep(&site, &subject);
    subject.name = "persist and apply (first time)";
    subject.stride = 0;
    subject.warms = false;
    subject.cool = cool;
    alloc_short(true, false);
    sweep(&site, &subject);
    alloc_short(false, false);
    items_free(&site);
    free(site.right_views);
    assert_int_equal(sweep_wrong(), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {cmocka_unit_test(making), cmocka_unit_test(joining), cmocka_unit_test(opening), cmocka_unit_test(taking_in)};
    alloc_begin();
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
