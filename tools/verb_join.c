/* hoi join: with a token over a line, or by two files that somebody carries. */
#include "tools/client.h"
#include "tools/hoid_process.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/os.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

const struct option verb_join_options[] = {
    {"--wait", OPTION_VALUE, N_("SECONDS"), N_("how long to try to reach the level above (else 30)")},
    {"--write-request", OPTION_VALUE, N_("FILE"),
     N_("without a line, first: write the request that the level above answers (`hoi invite CODE --request FILE -o ADMISSION`)")},
    {"--admission", OPTION_VALUE, N_("FILE"), N_("without a line, then: join with the admission that came back")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

enum { ADMISSION_FILE_MAX = 2 * 5242880, REQUEST_FILE_MAX = 4096, FINGERPRINT_BYTES = 24 };
enum { TOKEN_TEXT_MAX = 4096 };

static bool read_token(const struct command *command, char out[TOKEN_TEXT_MAX]) {
    const char *given = command->arguments[0];
    if (strcmp(given, "-") != 0) {
        fprintf(stderr, "%s\n", _("Warning: other users of this PC can see a token on the command line. `hoi join -` reads it from standard input instead."));
        snprintf(out, TOKEN_TEXT_MAX, "%s", given);
        return true;
    }
    if (isatty(STDIN_FILENO)) {
        fprintf(stderr, "%s\n", _("Paste the token that the level above gave you, then press Enter and Ctrl-D:"));
    }
    size_t len = fread(out, 1, TOKEN_TEXT_MAX - 1, stdin);
    out[len] = '\0';
    if (len == 0) {
        refusal_usage(_("No token was read from standard input."), NULL);
    }
    return len > 0;
}

/* Where a node lives already, a token must not be used up. */
static enum status check_directory(const struct command *command) {
    if (client_node_lives(command)) {
        return refusal_say(STATUS_ALREADY_JOINED, "dir", command->dir, NULL);
    }
    enum status status = os_directory_make(command->dir);
    if (status == STATUS_OK && access(command->dir, W_OK | X_OK) != 0) {
        status = STATUS_PERMISSION;
    }
    return status == STATUS_OK ? status : refusal_say(status, "path", command->dir, NULL);
}

/* The first exchange brings the units, the forms and the place of this office among them. Where the line drops, hoid does it later: joining is done all the
 * same. */
static bool first_exchange(const struct command *command) {
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "%s\n", _("Joined. Fetching units and forms from the level above …"));
    }
    struct hoid_process process = {.arguments = {"--once", "--log-level", "error", "--dir", command->dir}};
    bool fetched = hoid_process_run(&process) == STATUS_OK && process.exit_status == 0;
    json_decref(process.refusal);
    return fetched;
}

/* Where another log of the root came than the token or the admission named, nothing here is to be believed. */
static enum status check_root(const struct client *client) {
    return strcmp(output_text(client->hello, "root"), "other") == 0 ? refusal_say(STATUS_ROOT_OTHER, NULL) : STATUS_OK;
}

static enum status tell_joined(const struct command *command, bool fetched) {
    struct client client;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = check_root(&client);
    }
    if (status == STATUS_OK && command->json) {
        output_json(client.hello);
    } else if (status == STATUS_OK) {
        const char *next = fetched ? _("Next: start hoid; `hoi status` shows how it is, `hoi form list` which forms there are.\n")
                                   : _("The level above could not be reached again yet: start hoid (or `hoi sync`) to fetch units and forms.\n");
        char *unit = output_unit(json_object_get(client.hello, "unit"));
        text_print(stdout, _("This PC is now an office of “{name}”: {unit}.\n"), "name", output_text(client.hello, "name"), "unit", unit, NULL);
        fputs(next, stdout);
        free(unit);
    }
    client_close(&client);
    return status;
}

/* ---- files ---- */

static enum status write_request(const struct command *command, const char *path) {
    struct buffer file;
    char fingerprint[FINGERPRINT_BYTES];
    buffer_init(&file, REQUEST_FILE_MAX);
    enum status status = store_join_request(command->dir, &file, fingerprint);
    if (status != STATUS_OK) {
        status = refusal_say(status, "dir", command->dir, NULL);
    } else {
        status = os_file_replace(path, buffer_bytes(&file), false);
        status = status == STATUS_PERMISSION || status == STATUS_NOT_FOUND ? STATUS_FILE_UNWRITABLE : status;
        status = status == STATUS_OK ? status : refusal_say(status, "path", path, NULL);
    }
    buffer_fini(&file);
    if (status == STATUS_OK && command->json) {
        json_t *told = json_pack("{s:s, s:s}", "file", path, "fingerprint", fingerprint);
        output_json(told);
        json_decref(told);
    } else if (status == STATUS_OK) {
        text_print(stdout, _("Request written to {path}. The fingerprint of this PC is {fingerprint}: the level above must see the same.\n"), "path", path,
                   "fingerprint", fingerprint, NULL);
        fputs(_("Carry the file there: hoi invite CODE --request FILE -o ADMISSION. With what comes back, here: hoi join --admission ADMISSION\n"), stdout);
    }
    return status;
}

static enum status take_admission(const struct command *command, const char *path) {
    struct buffer file;
    buffer_init(&file, ADMISSION_FILE_MAX);
    enum status status = os_file_read(path, ADMISSION_FILE_MAX, &file);
    if (status == STATUS_TOO_LARGE) {
        status = STATUS_JOIN_FILE_WRONG;
    } else if (status == STATUS_NOT_FOUND || status == STATUS_PERMISSION) {
        status = STATUS_FILE_UNREADABLE;
    }
    if (status == STATUS_OK) {
        status = store_join_file(command->dir, buffer_bytes(&file));
    }
    buffer_fini(&file);
    return status == STATUS_OK ? tell_joined(command, true)
                               : refusal_say(status, "path", path, "expected", status == STATUS_JOIN_FILE_WRONG ? _("an admission") : NULL, NULL);
}

/* ---- the verb ---- */

static int join_by_token(const struct command *command) {
    char token[TOKEN_TEXT_MAX];
    const char *wait = options_value(command, "--wait");
    if (!read_token(command, token)) {
        return status_exit(STATUS_USAGE);
    }
    struct hoid_process process = {.arguments = {"--join", "--log-level", "error", "--dir", command->dir, wait != NULL ? "--wait" : NULL, wait},
                                   .input = token};
    enum status status = hoid_process_run(&process);
    sodium_memzero(token, sizeof token);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    int exit_status = hoid_process_tell(&process);
    return exit_status != 0 ? exit_status : status_exit(tell_joined(command, first_exchange(command)));
}

int verb_join(const struct command *command) {
    const char *request = options_value(command, "--write-request"), *admission = options_value(command, "--admission");
    if ((request != NULL) + (admission != NULL) + (command->argument_count > 0) != 1) {
        refusal_usage(_("Say one of these: `hoi join -` (with a token), `hoi join --write-request FILE`, `hoi join --admission FILE`."), NULL);
        return status_exit(STATUS_USAGE);
    }
    enum status status = check_directory(command);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    if (request != NULL) {
        return status_exit(write_request(command, request));
    }
    return admission != NULL ? status_exit(take_admission(command, admission)) : join_by_token(command);
}
