/* hoi config: the settings kept in the directory. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

const struct option verb_config_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

static const struct {
    const char *key, *msgid;
} KEYS[] = {
    {"listen", N_("where hoid listens for the offices below, such as tcp://0.0.0.0:7400")},
    {"uplink", N_("where the level above is reached, such as tcp://HOST:7400")},
    {"advertise", N_("what invitations say about how to reach this office")},
    {"metered", N_("yes on a line paid by volume: talk less often")},
    {"local.ACCOUNT", N_("what that account of this PC may do: read, enter, submit, lock, send, form, unit, invite, revoke, export, config, care; all; none")},
};

static void print_settings(const json_t *settings) {
    struct table *table = table_new();
    const char *key;
    json_t *value;
    table_column(table, _("Setting"), TABLE_LEFT);
    table_column(table, _("Value"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Meaning"), TABLE_LEFT | TABLE_WRAP);
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        const char *set = output_text(settings, KEYS[i].key);
        table_cell(table, KEYS[i].key);
        table_cell(table, *set != '\0' ? set : "–");
        table_cell(table, _(KEYS[i].msgid));
        table_row_end(table);
    }
    json_object_foreach((json_t *)(uintptr_t)settings, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
            known = known || strcmp(KEYS[i].key, key) == 0;
        }
        if (!known && json_is_string(value)) {
            table_cell(table, key);
            table_cell(table, json_string_value(value));
            table_row_end(table);
        }
    }
    table_print(table, stdout, true, 0);
    table_free(table);
}

int verb_config(const struct command *command) {
    const char *key = command->argument_count > 0 ? command->arguments[0] : NULL, *value = command->argument_count > 1 ? command->arguments[1] : NULL;
    json_t *result;
    enum status status = client_once(command, "config", client_args("key", key, "value", value, NULL), &result);
    const json_t *settings = json_object_get(result, "config");
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK && key == NULL) {
        print_settings(settings);
    } else if (status == STATUS_OK) {
        puts(output_text(settings, key));
        if (value != NULL && strncmp(key, "local.", 6) != 0 && client_daemon_runs(command)) {
            table_say(stderr, _("Note: the running hoid goes on as before; the setting counts from its next start."), 2);
        }
    }
    json_decref(result);
    return status_exit(status);
}
