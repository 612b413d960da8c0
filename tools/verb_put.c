/* hoi put: enter or correct one record. */
#include "tools/client.h"
#include "tools/fields.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>
#include <time.h>

const struct option verb_put_options[] = {
    {"--unit", OPTION_VALUE, N_("CODE"), N_("the unit it is about (else this node's own)")},
    {"--row", OPTION_VALUE, N_("KEY"), N_("which row, in forms that are lists")},
    {"--on-behalf", OPTION_FLAG, NULL, N_("make the first entry of a unit below for it")},
    {"--reason", OPTION_VALUE, N_("TEXT"), N_("why the record of a unit below is corrected")},
    {"--by", OPTION_VALUE, N_("NAME"), N_("who says so: recorded as said, beside the account of this PC")},
    {"--role", OPTION_VALUE, N_("ROLE"), N_("that person's role, such as chair or deputy")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static void add_problem(json_t *problems, enum status status, const char *field, const char *read, const char *expected) {
    json_array_append_new(problems, refusal_new_problem(status, client_args("field", field, "read", read, "expected", expected, NULL)));
}

/* One FIELD=VALUE. "=" alone says that there is no figure: missing is not zero. */
static void read_assignment(const struct fields *fields, const char *text, json_t *cells, json_t *problems) {
    size_t index;
    json_t *cell;
    const char *sign = strchr(text, '=');
    char *name = strndup(text, (size_t)(sign - text));
    enum status status = name != NULL ? fields_find(fields, name, &index) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        json_array_append_new(problems, refusal_new_problem(STATUS_FIELD_UNKNOWN, client_args("field", name, "form", output_text(fields->form, "name"), NULL)));
    } else if (json_object_get(cells, fields_name(fields, index)) != NULL) {
        add_problem(problems, STATUS_CELL_DUPLICATE, fields_name(fields, index), NULL, NULL);
    } else {
        status = fields_cell(fields, index, sign + 1, STYLE_UNKNOWN, NULL, &cell);
        if (status == STATUS_OK) {
            json_object_set_new(cells, fields_name(fields, index), cell);
        } else {
            bool computed = status == STATUS_FIELD_COMPUTED;
            char *expected = fields_expected(fields, index);
            add_problem(problems, status, fields_name(fields, index), computed ? NULL : sign + 1, computed ? NULL : expected);
            free(expected);
        }
    }
    free(name);
}

static enum status read_cells(const struct command *command, const struct fields *fields, json_t *cells) {
    json_t *problems = json_array();
    enum status status = STATUS_OK;
    for (size_t i = 2; i < command->argument_count; i++) {
        read_assignment(fields, command->arguments[i], cells, problems);
    }
    if (json_array_size(problems) > 0) {
        const json_t *first = json_array_get(problems, 0);
        status = refusal_status(json_integer_value(json_object_get(first, "status")));
        for (size_t i = 0; i < json_array_size(problems); i++) {
            const json_t *problem = json_array_get(problems, i);
            refusal_tell(refusal_status(json_integer_value(json_object_get(problem, "status"))), json_object_get(problem, "args"));
        }
        fputs(_("Nothing was entered.\n"), stderr);
    }
    json_decref(problems);
    return status;
}

/* A period of a later year is most often a slip of the pen: allowed (plans are reported too), and said. */
static void warn_period(const char *period) {
    char year[8];
    time_t now = time(NULL) + 7 * 3600; /* the day in Vietnam, whatever the zone of the PC */
    struct tm today;
    if (gmtime_r(&now, &today) != NULL && strftime(year, sizeof year, "%Y", &today) > 0 && strncmp(period, year, 4) > 0) {
        char *text = text_format(_("Note: {period} has not begun yet. If another period was meant: take the values back with FIELD= and enter them there."),
                                 "period", period, NULL);
        table_say(stderr, text, 2);
        free(text);
    }
}

/* Figures of an office whose units below report: allowed, but hardly ever meant, and no list of who is missing would show it. */
static void warn_unexpected(const json_t *result, const char *unit) {
    if (json_is_false(json_object_get(result, "expected"))) {
        char *text = text_format(_("Note: {unit} is not expected to report this form itself, the units below it are. Its own figures count beside theirs."),
                                 "unit", unit, NULL);
        table_say(stderr, text, 2);
        free(text);
    }
}

/* Every value as it was understood: 4.731 typed and 4.731 meant is what people must be able to see. */
static void print_done(const struct fields *fields, const json_t *cells, const json_t *result) {
    char count[TEXT_SHORT];
    char *unit = output_unit(json_object_get(result, "unit"));
    const char *period = output_text(result, "period");
    int64_t changed = json_integer_value(json_object_get(result, "changed"));
    const char *template = changed == 0
                               ? _("{unit}, {form}, {period}: nothing to change, all values stand like that already.\n")
                               : PLURAL("{unit}, {form}, {period}: {count} value written.\n", "{unit}, {form}, {period}: {count} values written.\n", changed);
    text_print(stdout, template, "unit", unit, "form", fields_title(fields), "period", period, "count", text_count(count, changed), NULL);
    for (size_t i = 0; i < fields->count; i++) {
        const json_t *cell = json_object_get(cells, fields_name(fields, i));
        if (cell != NULL) {
            char *label = fields_label_measured(fields, i), *value = fields_shown(fields, i, cell);
            char *line = text_format("  {label}: {value}", "label", label, "value", value, NULL);
            table_paragraph(stdout, line, 4);
            free(line);
            free(value);
            free(label);
        }
    }
    warn_unexpected(result, unit);
    warn_period(period);
    free(unit);
}

/* What the store cannot say: what to do where there is no record yet. */
static void tell_refused(struct client *client) {
    json_t *args = json_object_get(client->response, "args");
    enum status status = refusal_status(json_integer_value(json_object_get(client->response, "status")));
    if (status == STATUS_NOT_FOUND && json_object_get(args, "what") == NULL) {
        json_object_set_new(args, "what", json_string(_("there is no record yet that could be corrected; --on-behalf makes its first entry")));
    }
    refusal_response(client->response);
}

static enum status put(const struct command *command, struct client *client, const struct fields *fields) {
    json_t *cells = json_object();
    bool told = false;
    enum status status = read_cells(command, fields, cells);
    if (status != STATUS_OK) {
        json_decref(cells);
        return status;
    }
    json_t *args = client_args("form", command->arguments[0], "period", command->arguments[1], "unit", options_value(command, "--unit"), "row",
                               options_value(command, "--row"), "reason", options_value(command, "--reason"), "by", options_value(command, "--by"), "role",
                               options_value(command, "--role"), NULL);
    json_object_set(args, "cells", cells);
    if (options_flag(command, "--on-behalf")) {
        json_object_set_new(args, "on_behalf", json_true());
    }
    status = client_request(client, "put", args, &told);
    const json_t *result = json_object_get(client->response, "result");
    if (status != STATUS_OK && !told) {
        tell_refused(client);
    } else if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        print_done(fields, cells, result);
    }
    json_decref(cells);
    return status;
}

int verb_put(const struct command *command) {
    struct client client;
    struct fields fields = {0};
    for (size_t i = 2; i < command->argument_count; i++) {
        const char *sign = strchr(command->arguments[i], '=');
        if (sign == NULL || sign == command->arguments[i]) {
            refusal_usage(_("“{word}” is not FIELD=VALUE. Usage: hoi put {arguments}"), "word", command->arguments[i], "arguments",
                          options_word(command->verb->arguments), NULL);
            return status_exit(STATUS_USAGE);
        }
    }
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = fields_load(&fields, &client, command->arguments[0]);
    }
    if (status == STATUS_OK) {
        status = put(command, &client, &fields);
    }
    fields_fini(&fields);
    client_close(&client);
    return status_exit(status);
}
