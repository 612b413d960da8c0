/* hoi log: the entries held here, newest first. */
#include "tools/client.h"
#include "tools/entry_words.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_log_options[] = {
    {"--unit", OPTION_VALUE, N_("CODE"), N_("only what this unit wrote")},
    {"--node", OPTION_VALUE, N_("NODE"), N_("only what this installation wrote")},
    {"--refs", OPTION_FLAG, NULL, N_("also what each entry is called where a command needs an ENTRY")},
    {"--limit", OPTION_VALUE, N_("N"), N_("at most so many entries (else 100)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static const struct {
    const char *word, *msgid;
} LOG_STATES[] = {
    {"applied", ""}, {"aside", N_("set aside")}, {"set_aside", N_("set aside")}, {"pending", N_("waiting")}, {"withheld", N_("contents not for this office")},
    {"erased", N_("contents erased")},
};

static const char *state_word(const char *state) {
    for (size_t i = 0; i < sizeof LOG_STATES / sizeof LOG_STATES[0]; i++) {
        if (strcmp(LOG_STATES[i].word, state) == 0) {
            return *LOG_STATES[i].msgid != '\0' ? _(LOG_STATES[i].msgid) : "";
        }
    }
    return state;
}

static void print_entries(const json_t *entries, bool refs) {
    struct table *table = table_new();
    size_t i;
    const json_t *entry;
    table_column(table, _("Time"), TABLE_LEFT);
    table_column(table, _("Unit"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("No."), TABLE_RIGHT);
    table_column(table, _("What"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("State"), TABLE_LEFT | TABLE_WRAP);
    if (refs) {
        table_column(table, _("Entry"), TABLE_LEFT);
    }
    json_array_foreach(entries, i, entry) {
        char time[TEXT_SHORT], number[24];
        char *unit = output_unit(json_object_get(entry, "unit")), *changes = entry_words_changes(json_object_get(entry, "changes"));
        snprintf(number, sizeof number, "%s%lld", strcmp(output_text(entry, "kind"), "directive") == 0 ? "↓" : "↑",
                 (long long)json_integer_value(json_object_get(entry, "seq")));
        table_cell(table, text_time(time, json_integer_value(json_object_get(entry, "time"))));
        table_cell(table, unit);
        table_cell(table, number);
        char *person = entry_words_person(entry), *what = text_format("{changes}[ — {person}]", "changes", changes, "person", person, NULL);
        const char *why = output_text(entry, "reason");
        char *reason = *why != '\0' ? refusal_sentence(refusal_named(why), NULL) : NULL;
        char *state = text_format("{state}[: {reason}]", "state", state_word(output_text(entry, "state")), "reason", reason, NULL);
        table_cell(table, what);
        table_cell(table, state);
        if (refs) {
            table_cell(table, output_text(entry, "ref"));
        }
        table_row_end(table);
        free(person);
        free(what);
        free(reason);
        free(state);
        free(changes);
        free(unit);
    }
    table_print(table, stdout, true, 0);
    table_free(table);
}

int verb_log(const struct command *command) {
    const char *limit = options_value(command, "--limit");
    char *end = NULL;
    long long most = limit != NULL ? strtoll(limit, &end, 10) : 100;
    if (limit != NULL && (*limit == '\0' || *end != '\0' || most < 1)) {
        refusal_usage(_("{option} needs a number from 1."), "option", "--limit", NULL);
        return status_exit(STATUS_USAGE);
    }
    json_t *args = client_args("unit", options_value(command, "--unit"), "node", options_value(command, "--node"), NULL), *result;
    json_object_set_new(args, "limit", json_integer(most));
    enum status status = client_once(command, "log", args, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        print_entries(json_object_get(result, "entries"), options_flag(command, "--refs"));
    }
    json_decref(result);
    return status_exit(status);
}
