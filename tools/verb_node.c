/* hoi invite, join, node list. */
#include "tools/client.h"
#include "tools/hoid_process.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/os.h"

#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- invite ---- */

const struct option verb_invite_options[] = {
    {"--address", OPTION_MANY, N_("tcp://HOST:PORT"),
     N_("where the new office reaches this one; may be given up to four times (else what `hoi config advertise` says, or where hoid listens)")},
    {"--expires", OPTION_VALUE, "72h", N_("how long the token is valid: 72h, 3d, 90m (else 72h)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* "72h", "3d", "90m", "3600s" or seconds; 0: none of these. */
static int64_t parse_duration(const char *text) {
    static const struct {
        char unit;
        int64_t seconds;
    } UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 24 * 3600}, {'\0', 1}};
    char *end;
    long long number = strtoll(text, &end, 10);
    if (end == text || number <= 0 || number > 366LL * 24 * 3600 || (*end != '\0' && end[1] != '\0')) {
        return 0;
    }
    for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
        if (UNITS[i].unit == *end) {
            return number * UNITS[i].seconds;
        }
    }
    return 0;
}

int verb_invite(const struct command *command) {
    const char *expires = options_value(command, "--expires"), *address;
    int64_t seconds = expires != NULL ? parse_duration(expires) : 0;
    if (expires != NULL && seconds == 0) {
        refusal_usage(_("“{value}” is no duration: --expires 72h, 3d or 90m."), "value", expires, NULL);
        return status_exit(STATUS_USAGE);
    }
    json_t *args = client_args("unit", command->arguments[0], NULL), *addresses = json_array(), *result;
    for (size_t i = 0; (address = options_nth(command, "--address", i)) != NULL; i++) {
        json_array_append_new(addresses, json_string(address));
    }
    if (json_array_size(addresses) > 0) {
        json_object_set(args, "addresses", addresses);
    }
    json_decref(addresses);
    if (seconds > 0) {
        json_object_set_new(args, "expires", json_integer(seconds));
    }
    struct client client;
    bool told = true;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_request(&client, "invite", args, &told);
    } else {
        json_decref(args);
    }
    result = json_incref(json_object_get(client.response, "result"));
    if (status == STATUS_ADDRESS_INVALID && !told && *output_text(json_object_get(client.response, "args"), "address") == '\0') {
        refusal_usage(
            _("How does the new office reach this one? Say it with --address tcp://HOST:PORT, or for good with `hoi config advertise tcp://HOST:PORT`."), NULL);
    } else if (status != STATUS_OK && !told) {
        refusal_response(client.response);
    }
    client_close(&client);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        char time[TEXT_SHORT];
        char *unit = output_unit(json_object_get(result, "unit"));
        puts(output_text(result, "token"));
        if (isatty(STDERR_FILENO)) {
            fflush(stdout);
            text_print(stderr, _("This token lets one PC join as {unit}, until {time}. Give it to that office only; there: hoi join -\n"), "unit", unit, "time",
                       text_time(time, json_integer_value(json_object_get(result, "expires"))), NULL);
        }
        free(unit);
    }
    json_decref(result);
    return status_exit(status);
}

/* ---- join ---- */

const struct option verb_join_options[] = {
    {"--wait", OPTION_VALUE, N_("SECONDS"), N_("how long to try to reach the level above (else 30)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

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

static enum status tell_joined(const struct command *command) {
    struct client client;
    bool fetched = first_exchange(command);
    enum status status = client_open(&client, command);
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

int verb_join(const struct command *command) {
    char token[TOKEN_TEXT_MAX];
    const char *wait = options_value(command, "--wait");
    enum status status = check_directory(command);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    if (!read_token(command, token)) {
        return status_exit(STATUS_USAGE);
    }
    struct hoid_process process = {.arguments = {"--join", "--log-level", "error", "--dir", command->dir, wait != NULL ? "--wait" : NULL, wait},
                                   .input = token};
    status = hoid_process_run(&process);
    sodium_memzero(token, sizeof token);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    int exit_status = hoid_process_tell(&process);
    return exit_status != 0 ? exit_status : status_exit(tell_joined(command));
}

/* ---- node list ---- */

const struct option verb_node_list_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

static void print_nodes(const json_t *nodes) {
    struct table *table = table_new();
    size_t i;
    const json_t *node;
    table_column(table, _("Node"), TABLE_LEFT);
    table_column(table, _("Unit"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Invited by"), TABLE_LEFT);
    table_column(table, _("Last contact"), TABLE_LEFT);
    table_column(table, "", TABLE_LEFT);
    json_array_foreach(nodes, i, node) {
        char id[12], inviter[12], time[TEXT_SHORT];
        char *unit = output_unit(json_object_get(node, "unit"));
        snprintf(id, sizeof id, "%.8s", output_text(node, "node"));
        snprintf(inviter, sizeof inviter, "%.8s", output_text(node, "inviter"));
        table_cell(table, id);
        table_cell(table, unit);
        table_cell(table, *inviter != '\0' ? inviter : _("founder"));
        table_cell(table, text_time(time, json_integer_value(json_object_get(node, "last_contact"))));
        table_cell(table, json_is_true(json_object_get(node, "self")) ? _("this one") : "");
        table_row_end(table);
        free(unit);
    }
    table_print(table, stdout, true, 0);
    table_free(table);
}

int verb_node_list(const struct command *command) {
    json_t *result;
    enum status status = client_once(command, "node.list", NULL, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        print_nodes(json_object_get(result, "nodes"));
    }
    json_decref(result);
    return status_exit(status);
}
