#include "tools/client.h"

#include "store/json_memory.h"
#include "store/os.h"
#include "tools/refusal.h"
#include "tools/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    OPEN_MS_MAX = 5000, /* the socket, then the lock: what a person at the keyboard waits for */
    LOCK_MS = 200,      /* how long one try at the lock takes, before the socket is tried again: a daemon may be starting */
    ANSWER_MS_MAX = 10 * 60 * 1000,
    FRAME_BYTES_MAX = 8 * 1024 * 1024
};

void client_timeout(struct client *client, int64_t seconds) {
    client->answer_ms = seconds > 0 ? seconds * 1000 : ANSWER_MS_MAX;
}

/* ---- finding the store ---- */

/* The socket in the directory is for its owner. Everybody else of this PC comes by that of the installed service, which serves the directory that is meant
 * where none is named. */
static enum status connect_daemon(const struct command *command, int *out) {
    char path[1200];
    snprintf(path, sizeof path, "%s/control.sock", command->dir);
    enum status status = os_local_connect(out, path);
    const char *shared = getenv("HOI_CONTROL");
    if (status == STATUS_OK || (shared == NULL && strcmp(command->dir, OPTIONS_DIR_DEFAULT) != 0)) {
        return status;
    }
    return os_local_connect(out, shared != NULL ? shared : "/run/hoi/control.sock") == STATUS_OK ? STATUS_OK : status;
}

bool client_daemon_runs(const struct command *command) {
    int socket = -1;
    bool runs = connect_daemon(command, &socket) == STATUS_OK;
    os_local_close(&socket);
    return runs;
}

bool client_node_lives(const struct command *command) {
    char path[1200];
    struct store *store = NULL;
    snprintf(path, sizeof path, "%s/store.db", command->dir);
    if (!os_file_exists(path)) {
        return false;
    }
    enum status status = store_open(&store, command->dir, LOCK_MS, NULL);
    store_close(store);
    return status != STATUS_STORE_MISSING;
}

static enum status tell_open(const struct command *command, enum status status, long holder) {
    char process[24];
    snprintf(process, sizeof process, "%ld", holder);
    if (status == STATUS_PERMISSION) {
        return refusal_say(STATUS_PERMISSION, "path", command->dir, NULL);
    }
    if (status == STATUS_KEY_UNSAFE || status == STATUS_KEY_DAMAGED) {
        char path[1200];
        snprintf(path, sizeof path, "%s/node.key", command->dir);
        return refusal_say(status, "path", path, NULL);
    }
    return refusal_say(status, "dir", command->dir, "holder", status == STATUS_STORE_LOCKED && holder > 0 ? process : NULL, NULL);
}

static enum status reach(struct client *client) {
    int64_t start = os_monotonic_ms();
    long holder = 0;
    for (;;) {
        if (connect_daemon(client->command, &client->socket) == STATUS_OK) {
            return STATUS_OK;
        }
        enum status status = store_open(&client->store, client->command->dir, LOCK_MS, &holder);
        if (status == STATUS_OK) {
            return STATUS_OK;
        }
        if (status != STATUS_STORE_LOCKED || os_monotonic_ms() - start >= OPEN_MS_MAX) {
            return tell_open(client->command, status, holder);
        }
    }
}

static void leave(struct client *client) {
    os_local_close(&client->socket);
    store_close(client->store);
    client->store = NULL;
}

/* ---- one request ---- */

static enum status exchange(struct client *client, const char *frame, size_t len) {
    struct buffer answer;
    buffer_init(&answer, FRAME_BYTES_MAX);
    enum status status = os_frame_send(client->socket, bytes_of(frame, len), client->answer_ms);
    if (status == STATUS_OK) {
        status = os_frame_receive(client->socket, &answer, client->answer_ms);
    }
    if (status == STATUS_OK) {
        client->response = json_loadb((const char *)answer.data, answer.len, JSON_REJECT_DUPLICATES, NULL);
        status = client->response != NULL ? STATUS_OK : json_memory_missed() ? STATUS_NO_MEMORY : STATUS_PEER_PROTOCOL;
    }
    buffer_fini(&answer);
    return status;
}

/* The daemon may end between our sending and its answer: the request is asked once more, of whoever has the store then. Its id makes that safe. */
static enum status over_socket(struct client *client, const json_t *request, bool *told) {
    char *frame = json_dumps(request, JSON_COMPACT);
    if (frame == NULL) {
        return STATUS_NO_MEMORY;
    }
    size_t len = strlen(frame);
    enum status status = len <= FRAME_BYTES_MAX ? exchange(client, frame, len) : STATUS_TOO_LARGE;
    if (status == STATUS_NO_DAEMON) {
        leave(client);
        status = reach(client);
        *told = status != STATUS_OK;
        if (status == STATUS_OK && client->socket >= 0) {
            status = exchange(client, frame, len);
        }
    }
    free(frame);
    return status;
}

static json_t *new_request(const char *verb, json_t *args) {
    uint8_t random[16];
    char id[33];
    os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    }
    return json_pack("{s:s, s:s, s:o}", "do", verb, "id", id, "args", args != NULL ? args : json_object());
}

enum status client_request(struct client *client, const char *verb, json_t *args, bool *told) {
    json_t *request = new_request(verb, args);
    enum status status = STATUS_OK;
    *told = false;
    json_decref(client->response);
    client->response = NULL;
    if (request == NULL || json_memory_missed()) { /* what was to be asked is not all there: a figure may be missing in it */
        status = STATUS_NO_MEMORY;
    } else if (client->socket >= 0) {
        status = over_socket(client, request, told);
    }
    if (status == STATUS_OK && client->response == NULL) {
        char account[OS_ACCOUNT_BYTES];
        struct store_caller caller = {.uid = os_own_account(), .account = account};
        os_account(caller.uid, account);
        client->response = store_request(client->store, &caller, request);
        status = client->response != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    }
    json_decref(request);
    if (*told) {
        return status;
    }
    if (status != STATUS_OK) {
        *told = true;
        return refusal_say(status, "dir", status == STATUS_NO_DAEMON ? client->command->dir : NULL, NULL);
    }
    return refusal_status(json_integer_value(json_object_get(client->response, "status")));
}

enum status client_ask(struct client *client, const char *verb, json_t *args, json_t **result) {
    bool told = false;
    *result = NULL;
    enum status status = client_request(client, verb, args, &told);
    if (status != STATUS_OK) {
        return told ? status : refusal_response(client->response);
    }
    *result = json_object_get(client->response, "result");
    return STATUS_OK;
}

/* ---- lifecycle ---- */

bool client_practice(const struct client *client) {
    return json_is_true(json_object_get(client->hello, "practice"));
}

enum status client_open(struct client *out, const struct command *command) {
    json_t *hello;
    *out = (struct client){.command = command, .socket = -1};
    client_timeout(out, 0);
    enum status status = reach(out);
    if (status == STATUS_OK) {
        status = client_ask(out, "hello", NULL, &hello);
    }
    if (status != STATUS_OK) {
        return status;
    }
    out->hello = json_incref(hello);
    if (client_practice(out)) {
        bool screen = !command->json && !command->verb->plain;
        if (screen || isatty(STDERR_FILENO)) { /* what a program reads is no screen */
            fprintf(screen ? stdout : stderr, "%s\n", _("*** TRIAL: an association for practice, its figures are not real ***"));
        }
    }
    return STATUS_OK;
}

void client_close(struct client *client) {
    leave(client);
    json_decref(client->hello);
    json_decref(client->response);
    client->hello = client->response = NULL;
}

enum status client_once(const struct command *command, const char *verb, json_t *args, json_t **result) {
    struct client client;
    json_t *borrowed;
    *result = NULL;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, verb, args, &borrowed);
        *result = status == STATUS_OK ? json_incref(borrowed) : NULL;
    } else {
        json_decref(args);
    }
    client_close(&client);
    return status;
}

json_t *client_args(const char *key, ...) {
    json_t *args = json_object();
    va_list list;
    va_start(list, key);
    while (key != NULL) {
        const char *value = va_arg(list, const char *);
        if (value != NULL) {
            json_object_set_new(args, key, json_string(value)); /* NULL for text that is not UTF-8: told by the caller's check of the command line */
        }
        key = va_arg(list, const char *);
    }
    va_end(list);
    return args;
}
