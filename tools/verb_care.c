/* hoi digest, check, rebuild: looking after the store. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/verbs.h"

enum { CARE_SECONDS = 3600 }; /* a centre's store has millions of records to read */

const struct option verb_digest_options[] = {
    {"--unit", OPTION_VALUE, N_("CODE"), N_("what a node of this unit may hold (else this node's own)")},
    {"--with", OPTION_VALUE, N_("CODE"), N_("and a node of this one (else the root)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};
const struct option verb_check_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};
const struct option verb_rebuild_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

static enum status ask(const struct command *command, const char *verb, json_t *args, json_t **result) {
    struct client client;
    json_t *borrowed;
    *result = NULL;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        client_timeout(&client, CARE_SECONDS);
        status = client_ask(&client, verb, args, &borrowed);
        *result = status == STATUS_OK ? json_incref(borrowed) : NULL;
    } else {
        json_decref(args);
    }
    client_close(&client);
    return status;
}

int verb_digest(const struct command *command) {
    json_t *result;
    enum status status = ask(command, "digest", client_args("unit", options_value(command, "--unit"), "with", options_value(command, "--with"), NULL), &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        puts(output_text(result, "state"));
    }
    json_decref(result);
    return status_exit(status);
}

static const char *number(char out[TEXT_SHORT], const json_t *result, const char *key) {
    return text_count(out, json_integer_value(json_object_get(result, key)));
}

int verb_check(const struct command *command) {
    json_t *result;
    enum status status = ask(command, "check", NULL, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        char numbers[3][TEXT_SHORT];
        size_t i;
        const json_t *finding;
        text_print(stdout, _("Checked: {entries} entries, {records} records, {units} units. Everything is in order.\n"), "entries",
                   number(numbers[0], result, "entries"), "records", number(numbers[1], result, "records"), "units", number(numbers[2], result, "units"), NULL);
        json_array_foreach(json_object_get(result, "findings"), i, finding) {
            text_print(stdout, "  {what}[ ({where})]\n", "what", output_text(finding, "what"), "where", output_text(finding, "where"), NULL);
        }
    }
    json_decref(result);
    return status_exit(status);
}

int verb_rebuild(const struct command *command) {
    json_t *result;
    enum status status = ask(command, "rebuild", NULL, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        char numbers[2][TEXT_SHORT];
        text_print(stdout, _("Everything was derived anew from {entries} entries: {records} records.\n"), "entries", number(numbers[0], result, "entries"),
                   "records", number(numbers[1], result, "records"), NULL);
    }
    json_decref(result);
    return status_exit(status);
}
