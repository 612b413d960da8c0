/* hoi rollup: totals with their completeness. */
#include "tools/client.h"
#include "tools/fields.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/rollup_screen.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/os.h"

#include <stdlib.h>

const struct option verb_rollup_options[] = {
    {"--unit", OPTION_VALUE, N_("CODE"), N_("the unit whose total is wanted (else this node's own)")},
    {"--by", OPTION_VALUE, N_("unit|level LEVEL|period"), N_("a line for each unit directly below, each unit of a level, or each period")},
    {"--as-of", OPTION_VALUE, N_("DATE"), N_("the structure of that day (else of the period's last day)")},
    {"-o", OPTION_VALUE, N_("FILE.csv/.json"), N_("write into a file")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

enum file_kind { FILE_NONE, FILE_CSV, FILE_JSON };

static bool read_ending(const char *path, enum file_kind *kind) {
    const char *ending = path != NULL ? strrchr(path, '.') : NULL;
    *kind = path == NULL ? FILE_NONE : ending != NULL && strcasecmp(ending, ".csv") == 0 ? FILE_CSV : FILE_JSON;
    if (*kind == FILE_JSON && (ending == NULL || strcasecmp(ending, ".json") != 0)) {
        refusal_usage(_("{file}: only .csv and .json can be written here."), "file", path, NULL);
        return false;
    }
    return true;
}

static bool check_by(const char *by) {
    if (by == NULL || strcmp(by, "unit") == 0 || strcmp(by, "level") == 0 || strcmp(by, "period") == 0) {
        return true;
    }
    refusal_usage(_("“{value}” is no way to divide a roll-up: --by unit, --by level LEVEL or --by period."), "value", by, NULL);
    return false;
}

/* "2025-01..2025-06": two periods; one period stands alone. */
static json_t *new_args(const struct command *command, bool file) {
    const char *period = command->arguments[1], *dots = strstr(period, "..");
    const char *by = options_value(command, "--by"), *level = options_nth(command, "--by", 1);
    char *first = dots != NULL ? strndup(period, (size_t)(dots - period)) : strdup(period);
    json_t *args = client_args("form", command->arguments[0], "period", first, "period_to", dots != NULL ? dots + 2 : NULL, "unit",
                               options_value(command, "--unit"), "as_of", options_value(command, "--as-of"), "by", by, "level", level, NULL);
    if (file) { /* what leaves the program shows no figure that the form wants suppressed */
        json_object_set_new(args, "suppress", json_true());
    }
    free(first);
    return args;
}

static enum status write_file(const struct rollup_screen *screen, enum file_kind kind, const char *path) {
    struct text_memory memory;
    text_memory_begin(&memory);
    if (kind == FILE_CSV) {
        rollup_screen_csv(screen, memory.file);
    } else {
        char *json = output_json_text(screen->result);
        fprintf(memory.file, "%s\n", json);
        free(json);
    }
    enum status status = output_file(path, &memory);
    int64_t suppressed = rollup_screen_suppressed(screen);
    if (status == STATUS_OK && suppressed > 0) {
        char count[TEXT_SHORT];
        char *line = text_format(
            PLURAL("{count} figure is not shown in the file: the form asks that small figures be suppressed, and what they could be worked out from.",
                   "{count} figures are not shown in the file: the form asks that small figures be suppressed, and what they could be worked out from.",
                   suppressed),
            "count", text_count(count, suppressed), NULL);
        table_paragraph(stdout, line, 0);
        free(line);
    }
    return status;
}

/* The names of units are asked for at the roll-up's own date, and only where people read them. */
static enum status show(const struct command *command, struct client *client, json_t *result, enum file_kind kind) {
    struct fields fields = {0};
    json_t *units;
    const char *as_of = output_text(result, "as_of");
    enum status status = fields_load(&fields, client, command->arguments[0]);
    if (status == STATUS_OK) {
        status = client_ask(client, "unit.list", client_args("as_of", *as_of != '\0' ? as_of : NULL, NULL), &units);
    }
    if (status == STATUS_OK) {
        const struct rollup_screen screen = {&fields, result, json_object_get(units, "units"), client_practice(client)};
        if (kind != FILE_NONE) {
            status = write_file(&screen, kind, options_value(command, "-o"));
        } else {
            rollup_screen_print(&screen, stdout);
        }
    }
    fields_fini(&fields);
    return status;
}

int verb_rollup(const struct command *command) {
    struct client client;
    json_t *result = NULL, *borrowed;
    enum file_kind kind;
    if (!read_ending(options_value(command, "-o"), &kind) || !check_by(options_value(command, "--by"))) {
        return status_exit(STATUS_USAGE);
    }
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, "rollup", new_args(command, kind != FILE_NONE), &borrowed);
        result = status == STATUS_OK ? json_incref(borrowed) : NULL;
    }
    if (status == STATUS_OK && command->json && kind == FILE_NONE) {
        output_json(result);
    } else if (status == STATUS_OK) {
        status = show(command, &client, result, kind);
    }
    json_decref(result);
    client_close(&client);
    return status_exit(status);
}
