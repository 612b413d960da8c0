#include "tests/sweep/alloc_world.h"

#include "tests/sweep/alloc.h"
#include "tests/unit/store_ask.h"

#include "store/db_internal.h"

#include <ctype.h>
#include <sys/stat.h>

#define VALUE(text) "{'state':'value','value':'" text "'}"

enum { HEX_LEAST = 16, FILES_BYTES_MAX = 64 << 20 };

/* ---- making ---- */

static const char *const root_requests[][2] = {
    {"unit.add", "{'code':'02','name':'Huế','level':'1'}"},
    {"unit.add", "{'code':'03','name':'Đà Nẵng','level':'1'}"},
    {"unit.add", "{'code':'0201','name':'Phú Xuân','level':'3','parent':'02'}"},
    {"form.add", "{'form':{'name':'f','period':'month','levels':[1],'title':{'vi':'Hội viên','en':'Members'},'fields':["
                 "{'name':'a','type':'integer','minimum':0,'maximum':1000000,'measure':'người'},{'name':'b','type':'text'},"
                 "{'name':'c','type':'decimal','places':2,'over_units':'average','weight':'a'},{'name':'d','type':'choice','choices':['x','y']},"
                 "{'name':'e','type':'yesno','over_units':'count'},{'name':'g','type':'date','over_units':'max'},"
                 "{'name':'s','type':'computed','formula':'a / 2','places':1}]}}"},
    {"form.add", "{'form':{'name':'l','period':'quarter','list':true,'fields':[{'name':'m','type':'money'},{'name':'n','type':'text'}]}}"},
    {"put", "{'form':'f','period':'2025-06','unit':'02','on_behalf':true,'cells':{'a':" VALUE("5") ",'b':" VALUE("năm") ",'c':" VALUE("1.50") ",'d':" VALUE(
                "x") ",'e':" VALUE("yes") ",'g':" VALUE("2025-06-03") "}}"},
    {"put", "{'form':'f','period':'2025-05','unit':'02','on_behalf':true,'cells':{'a':" VALUE("4") "}}"},
    {"put",
     "{'form':'f','period':'2025-06','unit':'03','on_behalf':true,'cells':{'a':{'state':'value','value':'7','qualifier':'over','raw':'trên 7'},'c':" VALUE(
         "2.25") "}}"},
    {"put", "{'form':'l','period':'2025-Q2','row':'Nguyễn Thị A','cells':{'m':" VALUE("5000000") ",'n':" VALUE("vay vốn") "}}"},
    {"put", "{'form':'l','period':'2025-Q2','row':'Trần Thị B','cells':{'m':" VALUE("3000000") "}}"},
    {"send", "{'to':'01,02','title':'Về kỳ báo cáo','text':'Nộp trước ngày 5.','number':'12/CV','date':'2025-06-01','due':'2025-07-05'}"},
    {"config", "{'key':'listen','value':'tcp://127.0.0.1:5670'}"},
};

static void carry_all(struct store *from, struct store *to, const struct log_id *log) {
    struct replica replica;
    struct log_head head;
    store_replica(from, &replica);
    assert_int_equal(replica.ops->head(replica.ctx, log, &head), STATUS_OK);
    for (uint64_t seq = 1; seq <= head.seq; seq++)
        assert_int_equal(offices_carry(from, to, log, seq, true), STATUS_OK);
}

void world_make(struct alloc_world *world) {
    struct offices offices = {0};
    struct stat memory;
    assert_int_equal(keys_init(), STATUS_OK);
    /* In memory where there is such a place: of thousands of commits none has to outlast anything. */
    bool shared = stat("/dev/shm", &memory) == 0 && S_ISDIR(memory.st_mode) && access("/dev/shm", W_OK) == 0;
    (void)snprintf(world->place, sizeof world->place, "%s/hoi-sweep-XXXXXX", shared ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(world->place));
    scratch_path(world->dir, world->place, "world");
    assert_int_equal(os_directory_make(world->dir), STATUS_OK);
    scratch_path(world->root, world->dir, "root");
    scratch_path(world->child, world->dir, "child");
    (void)snprintf(offices.root_dir, sizeof offices.root_dir, "%s", world->root);
    (void)snprintf(offices.child_dir, sizeof offices.child_dir, "%s", world->child);
    scratch_found(world->root);
    offices.root = scratch_open(world->root);
    offices_join(&offices);
    offices.child = scratch_open(world->child);
    for (size_t i = 0; i < sizeof root_requests / sizeof root_requests[0]; i++)
        ask_done(offices.root, root_requests[i][0], root_requests[i][1]);
    carry_all(offices.root, offices.child, &offices.directive);
    world->root_unit = offices.root->unit;
    world->child_unit = offices.unit;
    store_close(offices.child);
    store_close(offices.root);
}

void world_remove(struct alloc_world *world) {
    scratch_remove(world->place);
}

int world_set_up(void **state) {
    static struct alloc_world world;
    world_make(&world);
    *state = &world;
    return 0;
}

int world_tear_down(void **state) {
    world_remove(*state);
    return 0;
}

void world_copy(const char *from, const char *to) {
    static const char *const names[] = {"node.key", "store.db", "store.db-wal"};
    struct buffer bytes;
    buffer_init(&bytes, FILES_BYTES_MAX);
    assert_int_equal(os_directory_make(to), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char source[SCRATCH_PATH], target[SCRATCH_PATH];
        scratch_path(source, from, names[i]);
        scratch_path(target, to, names[i]);
        os_file_remove(target);
        if (!os_file_exists(source))
            continue;
        buffer_clear(&bytes);
        assert_int_equal(os_file_read(source, FILES_BYTES_MAX, &bytes), STATUS_OK);
        assert_int_equal(os_file_create(target, buffer_bytes(&bytes), true), STATUS_OK);
    }
    buffer_fini(&bytes);
}

/* ---- asking ---- */

json_t *world_ask(struct store *store, const char *verb, const char *args, bool short_of_memory) {
    const struct store_caller caller = {.uid = 0};
    json_t *request = json_pack("{s:s, s:o}", "do", verb, "args", ask_json(args));
    json_t *id = json_object_get(json_object_get(request, "args"), "id");
    assert_non_null(request);
    if (id != NULL)
        json_object_set(request, "id", id);
    if (short_of_memory)
        alloc_resume();
    json_t *response = store_request(store, &caller, request);
    if (short_of_memory)
        alloc_pause();
    json_decref(request);
    return response;
}

/* Digits after these keys differ from run to run. */
static bool is_volatile(const char *key, size_t len) {
    static const char *const keys[] = {"time", "last_contact", "free", "store", "expires", "as_of"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i]) == len && memcmp(keys[i], key, len) == 0)
            return true;
    }
    return false;
}

/* In place: runs of hex digits, tokens, and numbers under volatile keys become one sign. */
static void mask(char *text) {
    char *to = text;
    const char *key = text;
    for (const char *at = text; *at != '\0';) {
        size_t hex = strspn(at, "0123456789abcdef"), digits = strspn(at, "-0123456789");
        if (strncmp(at, "hoi1-", 5) == 0) {
            at += strcspn(at, "\"");
            *to++ = '#';
        } else if (hex >= HEX_LEAST) {
            at += hex;
            *to++ = '#';
        } else if (digits > 0 && at[-1] == ':' && is_volatile(key, (size_t)(at - key) - 2)) {
            at += digits;
            *to++ = '#';
        } else {
            if (at[0] == '"' && at > text && strchr("{,", at[-1]) != NULL)
                key = at + 1;
            *to++ = *at++;
        }
    }
    *to = '\0';
}

char *world_text(const json_t *response) {
    char *text = json_dumps(response, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text != NULL)
        mask(text);
    return text;
}

/* ---- looking ---- */

uint64_t world_rows(struct store *store) {
    sqlite3 *sqlite = store->db->sqlite;
    sqlite3_stmt *tables = NULL, *rows = NULL;
    uint64_t sum = 14695981039346656037U;
    assert_int_equal(
        sqlite3_prepare_v2(sqlite, "SELECT 'SELECT * FROM ' || name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name", -1, &tables, NULL),
        SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        assert_int_equal(sqlite3_prepare_v2(sqlite, (const char *)sqlite3_column_text(tables, 0), -1, &rows, NULL), SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW) {
            for (int i = 0; i < sqlite3_column_count(rows); i++) {
                const unsigned char *bytes = sqlite3_column_blob(rows, i);
                for (int j = sqlite3_column_bytes(rows, i) - 1; j >= 0; j--)
                    sum = (sum ^ bytes[j]) * 1099511628211U;
                sum = (sum ^ (uint64_t)sqlite3_column_type(rows, i)) * 1099511628211U;
            }
        }
        sqlite3_finalize(rows);
    }
    sqlite3_finalize(tables);
    return sum;
}

static const char *const views[][2] = {
    {"unit.list", "{}"},
    {"form.list", "{}"},
    {"node.list", "{}"},
    {"config", "{}"},
    {"inbox", "{'all':true}"},
    {"show", "{'form':'f','period':'2025-06','unit':'01'}"},
    {"show", "{'form':'f','period':'2025-06','unit':'02'}"},
    {"show", "{'form':'f','period':'2025-06','unit':'03'}"},
    {"show", "{'form':'l','period':'2025-Q2','unit':'00'}"},
};

char *world_views(struct store *store) {
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        json_array_append_new(all, world_ask(store, views[i][0], views[i][1], false));
    char *text = world_text(all);
    assert_non_null(text);
    json_decref(all);
    return text;
}

char *world_digest(struct store *store) {
    json_t *response = world_ask(store, "digest", "{}", false);
    char *text = json_dumps(response, JSON_COMPACT);
    assert_non_null(text);
    json_decref(response);
    return text;
}

bool world_sound(struct store *store) {
    json_t *response = world_ask(store, "check", "{}", false);
    bool sound = json_integer_value(json_object_get(response, "status")) == STATUS_OK;
    if (!sound) {
        char *text = json_dumps(response, JSON_COMPACT);
        (void)printf("    check: %s\n", text);
        free(text);
    }
    json_decref(response);
    return sound;
}

void world_cool(struct store *store) {
    struct db *db = store->db;
    for (size_t i = 0; i < DB_STATEMENTS; i++)
        sqlite3_finalize(db->statements[i].stmt);
    memset(db->statements, 0, sizeof db->statements);
    db->statement_count = 0;
}
