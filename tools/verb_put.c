/* hoi put: enter or correct one record. */
#include "tools/client.h"
#include "tools/fields.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_put_options[] = {
    {"--unit", OPTION_VALUE, "CODE", N_("the unit it is about (else this node's own)")},
    {"--row", OPTION_VALUE, "KEY", N_("which row, in forms that are lists")},
    {"--on-behalf", OPTION_FLAG, NULL, N_("make the first entry of a unit below for it")},
    {"--reason", OPTION_VALUE, "TEXT", N_("why the record of a unit below is corrected")},
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

static enum status put(const struct command *command, struct client *client, const struct fields *fields) {
    json_t *cells = json_object(), *result;
    enum status status = read_cells(command, fields, cells);
    if (status != STATUS_OK) {
        json_decref(cells);
        return status;
    }
    json_t *args = client_args("form", command->arguments[0], "period", command->arguments[1], "unit", options_value(command, "--unit"), "row",
                               options_value(command, "--row"), "reason", options_value(command, "--reason"), NULL);
    json_object_set_new(args, "cells", cells);
    if (options_flag(command, "--on-behalf")) {
        json_object_set_new(args, "on_behalf", json_true());
    }
    status = client_ask(client, "put", args, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        char count[TEXT_SHORT];
        char *unit = output_unit(json_object_get(result, "unit"));
        int64_t changed = json_integer_value(json_object_get(result, "changed"));
        if (changed == 0) {
            text_print(stdout, _("{unit}, {form}, {period}: nothing to change, all values stand like that already.\n"), "unit", unit, "form",
                       fields_title(fields), "period", output_text(result, "period"), NULL);
        } else {
            text_print(stdout, PLURAL("{unit}, {form}, {period}: {count} value written.\n", "{unit}, {form}, {period}: {count} values written.\n", changed),
                       "unit", unit, "form", fields_title(fields), "period", output_text(result, "period"), "count", text_count(count, changed), NULL);
        }
        free(unit);
    }
    return status;
}

int verb_put(const struct command *command) {
    struct client client;
    struct fields fields = {0};
    for (size_t i = 2; i < command->argument_count; i++) {
        const char *sign = strchr(command->arguments[i], '=');
        if (sign == NULL || sign == command->arguments[i]) {
            refusal_usage(_("“{word}” is not FIELD=VALUE. Usage: hoi put {arguments}"), "word", command->arguments[i], "arguments", command->verb->arguments,
                          NULL);
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
