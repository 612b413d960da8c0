/* Requests to a store, one JSON object a line. The store lies in a directory made once and begins every input as it was made; whatever is asked, it answers
 * with a status of the table that is no fault of its own, and after a change it finds nothing wrong with itself. */
#include "tests/fuzz/fuzz.h"

#include "store/os.h"
#include "store/store.h"

#include <ftw.h>
#include <unistd.h>

enum { PATH_BYTES = 256, REQUESTS_MAX = 12 };
static const char *const FILES[] = {"store.db", "store.db-wal"};
static char dir[PATH_BYTES];
static struct buffer pristine[sizeof FILES / sizeof FILES[0]]; /* the files as they were when the store was made */
static bool present[sizeof FILES / sizeof FILES[0]];
static struct store *store;
static char last_import[64]; /* the id that import.begin gave in this input; a request that names the import "@" means it, for an id is random */

/* ---- the store ---- */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_all(void) {
    store_close(store);
    store = NULL;
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        buffer_fini(&pristine[i]);
    }
}

static json_t *ask(const json_t *request) {
    const struct store_caller caller = {.uid = 0};
    json_t *response = store_request(store, &caller, request);
    FUZZ_REQUIRE(json_is_object(response));
    return response;
}

static void ask_done(const char *text) {
    json_t *request = json_loads(text, 0, NULL), *response = request != NULL ? ask(request) : NULL;
    if (json_integer_value(json_object_get(response, "status")) != 0 || response == NULL) {
        fprintf(stderr, "%s\n", text);
        abort();
    }
    json_decref(request);
    json_decref(response);
}

/* A province, two communes, two forms, a record. */
static void fill(void) {
    static const char *const requests[] = {
        "{\"do\":\"unit.add\",\"args\":{\"code\":\"01\",\"name\":\"Tinh\",\"level\":\"1\"}}",
        "{\"do\":\"unit.add\",\"args\":{\"code\":\"0101\",\"name\":\"Xa A\",\"level\":\"3\",\"parent\":\"01\"}}",
        "{\"do\":\"unit.add\",\"args\":{\"code\":\"0102\",\"name\":\"Xa B\",\"level\":\"3\",\"parent\":\"01\",\"effective\":\"2025-07-01\"}}",
        "{\"do\":\"form.add\",\"args\":{\"form\":{\"name\":\"f\",\"period\":\"month\",\"fields\":[{\"name\":\"a\",\"type\":\"integer\"},"
        "{\"name\":\"b\",\"type\":\"decimal\",\"places\":2,\"over_units\":\"average\",\"weight\":\"a\"},{\"name\":\"c\",\"type\":\"text\"},"
        "{\"name\":\"d\",\"type\":\"choice\",\"choices\":[\"x\",\"y\"]},{\"name\":\"e\",\"type\":\"computed\",\"formula\":\"a / b\"}]}}}",
        "{\"do\":\"form.add\",\"args\":{\"form\":{\"name\":\"l\",\"period\":\"year\",\"list\":true,\"fields\":[{\"name\":\"m\",\"type\":\"money\"},"
        "{\"name\":\"y\",\"type\":\"yesno\",\"over_units\":\"count\"},{\"name\":\"t\",\"type\":\"date\",\"over_units\":\"max\"}]}}}",
        "{\"do\":\"put\",\"args\":{\"form\":\"f\",\"period\":\"2025-06\",\"unit\":\"0101\",\"cells\":{\"a\":{\"state\":\"value\",\"value\":\"4\"},"
        "\"b\":{\"state\":\"value\",\"value\":\"2.50\"}}}}",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        ask_done(requests[i]);
    }
}

static void path_of(char out[PATH_BYTES], size_t file) {
    FUZZ_REQUIRE(snprintf(out, PATH_BYTES, "%s/%s", dir, FILES[file]) < PATH_BYTES);
}

static void open_store(void) {
    FUZZ_REQUIRE(store_open(&store, dir, 0, NULL) == STATUS_OK);
}

static void make_store(void) {
    const char *where = getenv("TMPDIR");
    const struct store_founding founding = {.name = "fuzz", .unit_code = "00", .unit_name = "Trung uong", .practice = true};
    FUZZ_REQUIRE(snprintf(dir, sizeof dir, "%s/hoi-fuzz-XXXXXX", where != NULL ? where : "/tmp") < PATH_BYTES && mkdtemp(dir) != NULL);
    FUZZ_REQUIRE(atexit(remove_all) == 0 && store_found(dir, &founding) == STATUS_OK);
    open_store();
    fill();
    store_close(store);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[PATH_BYTES];
        path_of(path, i);
        buffer_init(&pristine[i], (size_t)8 << 20);
        present[i] = os_file_exists(path);
        FUZZ_REQUIRE(!present[i] || os_file_read(path, (size_t)8 << 20, &pristine[i]) == STATUS_OK);
    }
    FUZZ_REQUIRE(present[0]);
    open_store();
}

/* As it was made: so an input that fails fails alone, too. */
static void restore(void) {
    store_close(store);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        char path[PATH_BYTES];
        path_of(path, i);
        FILE *file = present[i] ? fopen(path, "wb") : NULL;
        FUZZ_REQUIRE(!present[i] || (file != NULL && fwrite(pristine[i].data, 1, pristine[i].len, file) == pristine[i].len && fclose(file) == 0));
        if (!present[i]) {
            (void)remove(path);
        }
    }
    open_store();
}

/* ---- asking ---- */

static bool is_fault(const char *name) {
    static const char *const faults[] = {"UNKNOWN", "INTERNAL", "NO_MEMORY", "STORE_DAMAGED", "DISK_ERROR", "DISK_FULL", "MALFORMED", "TRUNCATED", "TRAILING"};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(name, faults[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void name_import(json_t *request) {
    json_t *args = json_object_get(request, "args");
    const char *import = json_string_value(json_object_get(args, "import"));
    if (import != NULL && strcmp(import, "@") == 0) {
        FUZZ_REQUIRE(json_object_set_new(args, "import", json_string(last_import)) == 0);
    }
}

/* Asks, and looks at the answer. */
static void check_request(json_t *request) {
    name_import(request);
    json_t *response = ask(request);
    const char *import = json_string_value(json_object_get(json_object_get(response, "result"), "import"));
    if (import != NULL) {
        (void)snprintf(last_import, sizeof last_import, "%s", import);
    }
    const json_t *status = json_object_get(response, "status"), *name = json_object_get(response, "name");
    FUZZ_REQUIRE(json_is_integer(status));
    if (json_integer_value(status) == 0) {
        FUZZ_REQUIRE(json_is_object(json_object_get(response, "result")));
    } else {
        FUZZ_REQUIRE(json_is_string(name) && strcmp(json_string_value(name), status_name((enum status)json_integer_value(status))) == 0);
        if (is_fault(json_string_value(name))) {
            char *text = json_dumps(response, JSON_COMPACT);
            fprintf(stderr, "%s\n", text);
            abort();
        }
    }
    char *text = json_dumps(response, JSON_COMPACT); /* it can be sent */
    FUZZ_REQUIRE(text != NULL);
    free(text);
    json_decref(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (store == NULL) {
        make_store();
    }
    uint64_t version = store_version(store);
    bool asked = false;
    last_import[0] = '\0';
    const char *at = (const char *)data, *end = at + size;
    for (size_t i = 0; i < REQUESTS_MAX && at < end; i++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end != NULL ? line_end : end;
        json_t *request = json_loadb(at, (size_t)(line_end - at), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        if (request != NULL) {
            check_request(request);
            asked = asked || json_is_string(json_object_get(request, "do"));
        }
        json_decref(request);
        at = line_end + (line_end < end);
    }
    if (store_version(store) != version) {
        ask_done("{\"do\":\"check\"}");
    }
    if (asked) {
        restore();
    }
    return 0;
}
