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
    {"--limit", OPTION_VALUE, N_("N"), N_("at most so many entries (else 100)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static const struct {
    const char *word, *msgid;
} CHANGES[] = {
    {"unit", N_("unit created")}, {"unit-set", N_("unit changed")}, {"unit_set", N_("unit changed")}, {"admission", N_("installation admitted")},
    {"form", N_("form")},         {"level table", N_("levels")},    {"level_table", N_("levels")},    {"put", N_("figures")},
    {"document", N_("document")},
};
static const struct {
    const char *word, *msgid;
} LOG_STATES[] = {
    {"applied", ""}, {"aside", N_("set aside")}, {"set_aside", N_("set aside")}, {"pending", N_("waiting")}, {"withheld", N_("contents not for this office")},
};

static const char *change_word(const char *kind) {
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        if (strcmp(CHANGES[i].word, kind) == 0) {
            return _(CHANGES[i].msgid);
        }
    }
    return kind;
}

static const char *state_word(const char *state) {
    for (size_t i = 0; i < sizeof LOG_STATES / sizeof LOG_STATES[0]; i++) {
        if (strcmp(LOG_STATES[i].word, state) == 0) {
            return *LOG_STATES[i].msgid != '\0' ? _(LOG_STATES[i].msgid) : "";
        }
    }
    return state;
}

/* "figures members 2025-06", or "unit created ×12" where many changes of one kind stand in an entry. malloc. */
static char *changes_text(const json_t *changes) {
    struct text_memory memory;
    size_t count = json_array_size(changes);
    text_memory_begin(&memory);
    for (size_t i = 0; i < count;) {
        const json_t *change = json_array_get(changes, i);
        const char *kind = output_text(change, "kind");
        size_t same = i + 1;
        while (same < count && strcmp(output_text(json_array_get(changes, same), "kind"), kind) == 0) {
            same++;
        }
        fprintf(memory.file, "%s%s", i > 0 ? "; " : "", change_word(kind));
        if (same - i > 1) {
            fprintf(memory.file, " ×%zu", same - i);
        } else if (*output_text(change, "what") != '\0') {
            fprintf(memory.file, ": %s", output_text(change, "what"));
        }
        i = same;
    }
    return text_memory_end(&memory);
}

static void print_entries(const json_t *entries) {
    struct table *table = table_new();
    size_t i;
    const json_t *entry;
    table_column(table, _("Time"), TABLE_LEFT);
    table_column(table, _("Unit"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("No."), TABLE_RIGHT);
    table_column(table, _("What"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("State"), TABLE_LEFT | TABLE_WRAP);
    json_array_foreach(entries, i, entry) {
        char time[TEXT_SHORT], number[24];
        char *unit = output_unit(json_object_get(entry, "unit")), *changes = changes_text(json_object_get(entry, "changes"));
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
        print_entries(json_object_get(result, "entries"));
    }
    json_decref(result);
    return status_exit(status);
}
