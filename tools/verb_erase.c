/* hoi erase: taking the contents of entries out of every store, for good. */
#include "tools/client.h"
#include "tools/entry_words.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

enum { REFUSED = 1, ERASE_SECONDS = 3600 };

const struct option verb_erase_options[] = {
    {"--reason", OPTION_VALUE, N_("TEXT"), N_("why; the office concerned and those above it read it, so it must not say again what is erased")},
    {"--by", OPTION_VALUE, N_("NAME"), N_("who says so: recorded as said, beside the account of this PC")},
    {"--role", OPTION_VALUE, N_("ROLE"), N_("that person's role, such as chair or deputy")},
    {"--dry-run", OPTION_FLAG, NULL, N_("only say what would be erased, write nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static json_t *erase_args(const struct command *command) {
    json_t *args =
               client_args("reason", options_value(command, "--reason"), "by", options_value(command, "--by"), "role", options_value(command, "--role"), NULL),
           *entries = json_array();
    for (size_t i = 0; i < command->argument_count; i++) {
        json_array_append_new(entries, json_string(command->arguments[i]));
    }
    json_object_set_new(args, "entries", entries);
    return args;
}

static void tell_entry(const json_t *entry) {
    char time[TEXT_SHORT];
    bool figures = strcmp(output_text(entry, "class"), "record") == 0, erased = json_is_true(json_object_get(entry, "erased"));
    char *unit = output_unit(json_object_get(entry, "unit")), *changes = entry_words_changes(json_object_get(entry, "changes"));
    char *line = text_format(erased    ? _("  {time}  {unit}: erased already")
                             : figures ? _("  {time}  {unit}: figures[ ({changes})]")
                                       : _("  {time}  {unit}: a document[ ({changes})]"),
                             "time", text_time(time, json_integer_value(json_object_get(entry, "time"))), "unit", unit, "changes",
                             *changes != '\0' ? changes : NULL, NULL);
    table_paragraph(stdout, line, 4);
    free(line);
    free(changes);
    free(unit);
}

static void tell(const json_t *result, bool done) {
    size_t i;
    const json_t *entry;
    fputs(done ? _("Erased here, and at every other office as soon as it hears of it:\n") : _("To be erased at every office, for good:\n"), stdout);
    json_array_foreach(json_object_get(result, "entries"), i, entry) {
        tell_entry(entry);
    }
    if (done) {
        table_paragraph(
            stdout,
            _("Who wrote it and when stays, and that it was erased, by whom and why. Backups and other files made before still hold it, until they are "
              "restored or thrown away; what somebody has printed or copied is out of reach."),
            0);
    }
}

static bool nothing_left(const json_t *result) {
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(result, "entries"), i, entry) {
        if (!json_is_true(json_object_get(entry, "erased"))) {
            return false;
        }
    }
    return true;
}

int verb_erase(const struct command *command) {
    struct client client;
    json_t *result;
    bool dry = options_flag(command, "--dry-run");
    if (!options_need(command, "--reason")) {
        return status_exit(STATUS_USAGE);
    }
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        client_timeout(&client, ERASE_SECONDS);
        status = client_ask(&client, "erase.look", erase_args(command), &result);
    }
    if (status == STATUS_OK && !dry && !nothing_left(result)) {
        if (!command->json) {
            tell(result, false);
        }
        if (!options_confirm(command, _("Erase this for good? It cannot be taken back. (c = yes, k = no)"))) {
            client_close(&client);
            return REFUSED;
        }
        status = client_ask(&client, "erase", erase_args(command), &result);
    } else if (status == STATUS_OK) {
        dry = true; /* nothing was written */
    }
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        tell(result, !dry);
    }
    client_close(&client);
    return status_exit(status);
}
