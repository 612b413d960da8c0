/* hoi sync: talk to the level above now. */
#include "tools/client.h"
#include "tools/hoid_process.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_sync_options[] = {
    {"--wait", OPTION_VALUE, N_("SECONDS"), N_("come back when everything written here is stored at the level above, or after so many seconds with status 3")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

enum { WAIT_SECONDS_MAX = 24 * 3600, ANSWER_SECONDS = 30 /* beyond the wait itself */ };

static void print_result(const struct command *command, const json_t *result) {
    char written[TEXT_SHORT], stored[TEXT_SHORT];
    int64_t all = json_integer_value(json_object_get(result, "written")), above = json_integer_value(json_object_get(result, "stored_above"));
    if (command->json) {
        output_json(result);
        return;
    }
    text_count(written, all);
    text_count(stored, above);
    if (all == 0) {
        fputs(_("In step with the level above; nothing was written here yet.\n"), stdout);
    } else if (above >= all) {
        text_print(stdout, _("All {written} entries written here are stored at the level above.\n"), "written", written, NULL);
    } else {
        text_print(stdout, _("{stored} of {written} entries written here are stored at the level above so far; the rest is on its way.\n"), "stored", stored,
                   "written", written, NULL);
    }
}

static enum status through_daemon(const struct command *command, struct client *client, int64_t wait) {
    json_t *result;
    client_timeout(client, wait + ANSWER_SECONDS);
    enum status status = client_ask(client, "sync", wait > 0 ? json_pack("{s:I}", "wait", (json_int_t)wait) : NULL, &result);
    if (status == STATUS_OK) {
        print_result(command, result);
    }
    return status;
}

/* hoid --once needs the store for itself, so it was closed before; what came of it is then read from there. */
static int through_once(const struct command *command, const char *wait) {
    json_t *result;
    struct hoid_process process = {.arguments = {"--once", "--log-level", "error", "--dir", command->dir, wait != NULL ? "--wait" : NULL, wait}};
    enum status status = hoid_process_run(&process);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    int exit_status = hoid_process_tell(&process);
    if (exit_status != 0) {
        return exit_status;
    }
    status = client_once(command, "status", NULL, &result);
    if (status == STATUS_OK) {
        const json_t *log = json_object_get(result, "log");
        json_t *shown = json_pack("{s:I, s:I, s:b}", "written", json_integer_value(json_object_get(log, "written")), "stored_above",
                                  json_integer_value(json_object_get(log, "stored_above")), "in_step", 1);
        print_result(command, shown);
        json_decref(shown);
    }
    json_decref(result);
    return status_exit(status);
}

int verb_sync(const struct command *command) {
    struct client client;
    const char *wait = options_value(command, "--wait");
    char *end = NULL;
    long long seconds = wait != NULL ? strtoll(wait, &end, 10) : 0;
    if (wait != NULL && (end == wait || *end != '\0' || seconds < 1 || seconds > WAIT_SECONDS_MAX)) {
        refusal_usage(_("{option} needs a number of seconds from 1 to 86400."), "option", "--wait", NULL);
        return status_exit(STATUS_USAGE);
    }
    enum status status = client_open(&client, command);
    bool daemon = client.socket >= 0;
    if (status == STATUS_OK && daemon) {
        status = through_daemon(command, &client, seconds);
    }
    client_close(&client);
    return status != STATUS_OK || daemon ? status_exit(status) : through_once(command, wait);
}
