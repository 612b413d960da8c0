/* hoi invite: a token for an office that joins over a line, an admission file for one that has none. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/os.h"

#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { REQUEST_FILE_MAX = 32768, TOKEN_PREFIX = 5, GROUP = 6, ROW_GROUPS = 5 };

const struct option verb_invite_options[] = {
    {"--address", OPTION_MANY, N_("tcp://HOST:PORT"),
     N_("where the new office reaches this one; may be given up to four times (else what `hoi config advertise` says, or where hoid listens)")},
    {"--expires", OPTION_VALUE, "72h", N_("how long the token is valid: 72h, 3d, 90m (else 72h)")},
    {"--request", OPTION_VALUE, N_("FILE"), N_("no token: admit the office that wrote this file (`hoi join --write-request FILE`), without a line")},
    {"-o", OPTION_VALUE, N_("FILE"), N_("with --request: where the admission goes, for `hoi join --admission FILE` there")},
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

/* What was said of addresses and time; NULL: told. */
static json_t *invite_args(const struct command *command) {
    const char *expires = options_value(command, "--expires"), *address;
    int64_t seconds = expires != NULL ? parse_duration(expires) : 0;
    if (expires != NULL && seconds == 0) {
        refusal_usage(_("“{value}” is no duration: --expires 72h, 3d or 90m."), "value", expires, NULL);
        return NULL;
    }
    json_t *args = client_args("unit", command->arguments[0], NULL), *addresses = json_array();
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
    return args;
}

/* ---- a token ---- */

/* In rows of five groups with the number of each row's first, as it is read out over a telephone. */
static void print_rows(FILE *out, const char *token) {
    size_t len = strlen(token);
    unsigned group = 1;
    fprintf(out, "%.*s\n", TOKEN_PREFIX, token);
    for (size_t at = TOKEN_PREFIX; at < len; at += GROUP * ROW_GROUPS, group += ROW_GROUPS) {
        fprintf(out, "%4u  %.*s\n", group, GROUP * ROW_GROUPS, token + at);
    }
}

static void tell_token(const json_t *result) {
    char time[TEXT_SHORT];
    char *unit = output_unit(json_object_get(result, "unit"));
    puts(output_text(result, "token"));
    if (isatty(STDERR_FILENO)) {
        fflush(stdout);
        text_print(stderr, _("This token lets one PC join as {unit}, until {time}. Give it to that office only; there: hoi join -\n"), "unit", unit, "time",
                   text_time(time, json_integer_value(json_object_get(result, "expires"))), NULL);
        fprintf(stderr, "%s\n", _("To read it out over a telephone, group by group (a wrong group is named there by its number):"));
        print_rows(stderr, output_text(result, "token"));
    }
    free(unit);
}

static int invite_by_token(const struct command *command, json_t *args) {
    struct client client;
    bool told = true;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_request(&client, "invite", args, &told);
    } else {
        json_decref(args);
    }
    json_t *result = json_incref(json_object_get(client.response, "result"));
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
        tell_token(result);
    }
    json_decref(result);
    return status_exit(status);
}

/* ---- files ---- */

/* The request as base64; NULL: told. */
static char *read_request(const char *path, int *exit_status) {
    struct buffer file;
    char *text = NULL;
    buffer_init(&file, REQUEST_FILE_MAX);
    enum status status = os_file_read(path, REQUEST_FILE_MAX, &file);
    if (status == STATUS_TOO_LARGE) {
        status = STATUS_JOIN_FILE_WRONG; /* another file: a request has some 150 bytes */
    } else if (status == STATUS_NOT_FOUND || status == STATUS_PERMISSION) {
        status = STATUS_FILE_UNREADABLE;
    }
    size_t len = sodium_base64_encoded_len(file.len, sodium_base64_VARIANT_ORIGINAL);
    if (status == STATUS_OK && (text = malloc(len)) != NULL) {
        sodium_bin2base64(text, len, file.data, file.len, sodium_base64_VARIANT_ORIGINAL);
    }
    if (text == NULL) {
        *exit_status = status_exit(refusal_say(status == STATUS_OK ? STATUS_NO_MEMORY : status, "path", path, "expected", _("a request"), NULL));
    }
    buffer_fini(&file);
    return text;
}

static enum status write_admission(const json_t *result, const char *path) {
    const char *text = output_text(result, "admission");
    size_t len = strlen(text), got = 0;
    uint8_t *bytes = malloc(len + 1);
    enum status status = bytes == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK && sodium_base642bin(bytes, len + 1, text, len, NULL, &got, NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        status = STATUS_PEER_PROTOCOL;
    }
    if (status == STATUS_OK) {
        status = os_file_replace(path, bytes_of(bytes, got), false);
        status = status == STATUS_PERMISSION || status == STATUS_NOT_FOUND ? STATUS_FILE_UNWRITABLE : status;
    }
    free(bytes);
    return status == STATUS_OK ? status : refusal_say(status, "path", path, NULL);
}

static void tell_admission(const struct command *command, const json_t *admitted, const json_t *result, const char *path) {
    if (command->json) {
        json_t *told = json_pack("{s:O, s:O, s:O, s:O, s:s}", "node", json_object_get(admitted, "node"), "unit", json_object_get(admitted, "unit"),
                                 "fingerprint", json_object_get(admitted, "fingerprint"), "complete", json_object_get(result, "complete"), "file", path);
        output_json(told);
        json_decref(told);
        return;
    }
    char *unit = output_unit(json_object_get(admitted, "unit"));
    text_print(stdout, _("Admitted as {unit}: the PC with the fingerprint {fingerprint}. Make sure by telephone that it is the one shown there.\n"), "unit",
               unit, "fingerprint", output_text(admitted, "fingerprint"), NULL);
    text_print(stdout, _("Carry {path} to that office; there: hoi join --admission FILE\n"), "path", path, NULL);
    if (!json_is_true(json_object_get(result, "complete"))) {
        puts(_("It does not hold all that the office will need: the rest comes with its first exchange."));
    }
    free(unit);
}

static int invite_by_file(const struct command *command, json_t *args, const char *path, const char *out) {
    struct client client;
    bool told = true;
    int exit_status = 0;
    char *request = read_request(path, &exit_status);
    json_t *admitted = NULL, *again = json_object();
    if (request == NULL) {
        json_decref(args);
        json_decref(again);
        return exit_status;
    }
    if (json_object_get(args, "addresses") != NULL) {
        json_object_set(again, "addresses", json_object_get(args, "addresses"));
    }
    json_object_set_new(args, "request", json_string(request));
    free(request);
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_request(&client, "admit", args, &told);
        admitted = json_incref(json_object_get(client.response, "result"));
    } else {
        json_decref(args);
    }
    if (status == STATUS_OK) {
        json_object_set(again, "node", json_object_get(admitted, "node"));
        status = client_request(&client, "admission", again, &told);
    } else {
        json_decref(again);
    }
    json_t *result = json_incref(json_object_get(client.response, "result"));
    if (status != STATUS_OK && !told) {
        refusal_response(client.response);
    }
    client_close(&client);
    if (status == STATUS_OK) {
        status = write_admission(result, out);
    }
    if (status == STATUS_OK) {
        tell_admission(command, admitted, result, out);
    }
    json_decref(admitted);
    json_decref(result);
    return status_exit(status);
}

int verb_invite(const struct command *command) {
    const char *request = options_value(command, "--request"), *out = options_value(command, "-o");
    if ((request == NULL) != (out == NULL)) {
        (void)options_need(command, request == NULL ? "--request" : "-o");
        return status_exit(STATUS_USAGE);
    }
    json_t *args = invite_args(command);
    if (args == NULL) {
        return status_exit(STATUS_USAGE);
    }
    return request != NULL ? invite_by_file(command, args, request, out) : invite_by_token(command, args);
}
