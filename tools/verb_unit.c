/* hoi unit add, import, list, show. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/sheet.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

/* ---- unit add ---- */

const struct option verb_unit_add_options[] = {
    {"--name", OPTION_VALUE, N_("TEXT"), N_("the unit's name")},
    {"--level", OPTION_VALUE, N_("LEVEL"), N_("its level: a number from 0 (the root), or a name such as province, commune")},
    {"--parent", OPTION_VALUE, N_("CODE"), N_("the unit it stands under (else this node's own)")},
    {"--effective", OPTION_VALUE, N_("DATE"), N_("from when on (else it has always been there)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

int verb_unit_add(const struct command *command) {
    if (!options_need(command, "--name") || !options_need(command, "--level")) {
        return status_exit(STATUS_USAGE);
    }
    const char *code = command->arguments[0];
    json_t *args = client_args("code", strcmp(code, "-") == 0 ? "" : code, "name", options_value(command, "--name"), "level", options_value(command, "--level"),
                               "parent", options_value(command, "--parent"), "effective", options_value(command, "--effective"), NULL);
    json_t *unit;
    enum status status = client_once(command, "unit.add", args, &unit);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    if (command->json) {
        output_json(unit);
    } else {
        char *shown = output_unit(unit);
        text_print(stdout, _("Added: {unit} (id {id})"), "unit", shown, "id", output_text(unit, "id"), NULL);
        putchar('\n');
        free(shown);
    }
    json_decref(unit);
    return 0;
}

/* ---- unit import ---- */

const struct option verb_unit_import_options[] = {
    {"--ignore-columns", OPTION_FLAG, NULL, N_("pass over columns that are none of these four")},
    {"--dry-run", OPTION_FLAG, NULL, N_("only check, import nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

enum { CODE, PARENT_CODE, LEVEL, NAME, COLUMN_COUNT };
static const char *const COLUMNS[COLUMN_COUNT] = {[CODE] = "code", [PARENT_CODE] = "parent_code", [LEVEL] = "level", [NAME] = "name"};
enum { REQUEST_BYTES_MAX = 8 * 1024 * 1024 - 4096 /* a frame of the control socket, and what stands around the rows */ };

/* Which column of the file holds which of ours. */
static enum status match_columns(const struct command *command, const struct sheet *sheet, size_t places[COLUMN_COUNT]) {
    const struct sheet_row *header = sheet_header(sheet);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        places[i] = SIZE_MAX;
    }
    for (size_t i = 0; i < header->count; i++) {
        size_t ours = 0;
        while (ours < COLUMN_COUNT && strcasecmp(header->cells[i], COLUMNS[ours]) != 0) {
            ours++;
        }
        if (ours < COLUMN_COUNT && places[ours] == SIZE_MAX) {
            places[ours] = i;
        } else if (ours < COLUMN_COUNT) {
            return refusal_say(STATUS_CELL_DUPLICATE, "field", header->cells[i], "file", sheet_name(sheet), NULL);
        } else if (!options_flag(command, "--ignore-columns")) {
            char *what = text_format(_("the column “{column}” is none of code, parent_code, level, name (--ignore-columns passes it over)"), "column",
                                     header->cells[i], NULL);
            refusal_say(STATUS_HEADER_LINE_INVALID, "file", sheet_name(sheet), "what", what, NULL);
            free(what);
            return STATUS_HEADER_LINE_INVALID;
        }
    }
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (places[i] == SIZE_MAX) {
            char *what = text_format(_("the column “{column}” is missing; needed are code, parent_code, level, name"), "column", COLUMNS[i], NULL);
            refusal_say(STATUS_HEADER_LINE_INVALID, "file", sheet_name(sheet), "what", what, NULL);
            free(what);
            return STATUS_HEADER_LINE_INVALID;
        }
    }
    return STATUS_OK;
}

static enum status read_units(const struct command *command, struct sheet *sheet, json_t *rows) {
    size_t places[COLUMN_COUNT], bytes = 0;
    struct sheet_row row;
    struct output_progress progress;
    enum status status = match_columns(command, sheet, places);
    if (status != STATUS_OK) {
        return status;
    }
    output_progress_begin(&progress, _("Reading"), sheet_bytes(sheet));
    while (status == STATUS_OK && sheet_next(sheet, &row)) {
        json_t *cells = json_pack("[I]", (json_int_t)row.line);
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            const char *cell = places[i] < row.count ? row.cells[places[i]] : "";
            bytes += strlen(cell) + 4;
            json_array_append_new(cells, json_string(cell));
        }
        json_array_append_new(rows, cells);
        bytes += 16;
        if (bytes > REQUEST_BYTES_MAX) {
            status = refusal_say(STATUS_TOO_LARGE, "what", sheet_name(sheet), "limit", "8 MB", NULL);
        }
        output_progress_to(&progress, sheet_position(sheet));
    }
    output_progress_end(&progress);
    return status == STATUS_OK ? sheet_end(sheet) : status;
}

/* The store names our columns; people look for them by number in their file. */
static void place_problems(const struct sheet *sheet, json_t *problems) {
    const struct sheet_row *header = sheet_header(sheet);
    size_t i;
    json_t *problem;
    json_array_foreach(problems, i, problem) {
        json_t *args = json_object_get(problem, "args");
        const char *name = json_string_value(json_object_get(args, "column"));
        for (size_t at = 0; name != NULL && at < header->count; at++) {
            if (strcasecmp(header->cells[at], name) == 0) {
                json_object_set_new(args, "column_name", json_string(name));
                json_object_set_new(args, "column", json_integer((json_int_t)at + 1));
                break;
            }
        }
    }
}

static enum status send_units(const struct command *command, struct client *client, const struct sheet *sheet, json_t *rows) {
    bool told = false;
    enum status status = client_request(client, "unit.import", json_pack("{s:O, s:b}", "rows", rows, "dry_run", options_flag(command, "--dry-run")), &told);
    json_t *problems = json_object_get(client->response, "problems");
    if (status == STATUS_OK || told) {
        return status;
    }
    if (status != STATUS_FILE_REJECTED) {
        return refusal_response(client->response);
    }
    place_problems(sheet, problems);
    refusal_say(status, "file", sheet_name(sheet), NULL);
    refusal_problems(stderr, problems);
    return status;
}

static void print_imported(const struct command *command, const json_t *result) {
    char added[TEXT_SHORT], unchanged[TEXT_SHORT];
    const char *template = options_flag(command, "--dry-run")
                               ? _("The file is in order. It would add {added} units; {unchanged} are there already. Nothing was imported (--dry-run).")
                               : _("Units added: {added}. There already, unchanged: {unchanged}.");
    text_print(stdout, template, "added", text_count(added, json_integer_value(json_object_get(result, "added"))), "unchanged",
               text_count(unchanged, json_integer_value(json_object_get(result, "unchanged"))), NULL);
    putchar('\n');
}

int verb_unit_import(const struct command *command) {
    struct client client = {.socket = -1};
    struct sheet *sheet;
    json_t *rows = json_array();
    enum status status = sheet_open(&sheet, command->arguments[0]);
    if (status == STATUS_OK) {
        status = read_units(command, sheet, rows);
    }
    if (status == STATUS_OK) {
        status = client_open(&client, command);
    }
    if (status == STATUS_OK) {
        status = send_units(command, &client, sheet, rows);
    }
    if (status == STATUS_OK && command->json) {
        output_json(json_object_get(client.response, "result"));
    } else if (status == STATUS_OK) {
        print_imported(command, json_object_get(client.response, "result"));
    }
    json_decref(rows);
    client_close(&client);
    sheet_close(sheet);
    return status_exit(status);
}

/* ---- unit list ---- */

const struct option verb_unit_list_options[] = {
    {"--tree", OPTION_FLAG, NULL, N_("indent each unit below the one it stands under")},
    {"--under", OPTION_VALUE, N_("CODE"), N_("only this unit and those below it")},
    {"--as-of", OPTION_VALUE, N_("DATE"), N_("the structure of that day (else today's)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* How deep each unit stands, by the parents that are in the list: parents come before children. ids stands in an object for quick finding. */
static size_t depth_of(json_t *depths, const json_t *unit) {
    const json_t *above = json_object_get(depths, output_text(unit, "parent"));
    size_t depth = above != NULL ? (size_t)json_integer_value(above) + 1 : 0;
    json_object_set_new(depths, output_text(unit, "id"), json_integer((json_int_t)depth));
    return depth;
}

static void print_units(const json_t *units, const json_t *levels, bool tree) {
    struct table *table = table_new();
    json_t *depths = json_object();
    size_t i;
    const json_t *unit;
    table_column(table, _("Code"), TABLE_LEFT);
    table_column(table, _("Name"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Level"), TABLE_LEFT);
    json_array_foreach(units, i, unit) {
        char number[24], indented[320], id[12];
        const char *code = output_text(unit, "code");
        size_t depth = depth_of(depths, unit);
        snprintf(indented, sizeof indented, "%*s%s", tree ? (int)(2 * depth) : 0, "", output_text(unit, "name"));
        snprintf(id, sizeof id, "%.8s", output_text(unit, "id")); /* by which a unit without a code is named */
        table_cell(table, *code != '\0' ? code : id);
        table_cell(table, indented);
        table_cell(table, output_level(levels, json_integer_value(json_object_get(unit, "level")), number));
        table_row_end(table);
    }
    table_print(table, stdout, true, 0);
    table_free(table);
    json_decref(depths);
}

int verb_unit_list(const struct command *command) {
    struct client client;
    json_t *result, *levels;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, "unit.list", client_args("as_of", options_value(command, "--as-of"), "under", options_value(command, "--under"), NULL),
                            &result);
    }
    json_t *list = status == STATUS_OK ? json_incref(result) : NULL;
    if (status == STATUS_OK && command->json) {
        output_json(list);
    } else if (status == STATUS_OK) {
        status = client_ask(&client, "level.list", NULL, &levels);
        if (status == STATUS_OK) {
            char count[TEXT_SHORT];
            json_t *units = json_object_get(list, "units");
            int64_t units_count = (int64_t)json_array_size(units);
            print_units(units, json_object_get(levels, "levels"), options_flag(command, "--tree"));
            text_print(stdout, PLURAL("{count} unit", "{count} units", units_count), "count", text_count(count, units_count), NULL);
            putchar('\n');
        }
    }
    json_decref(list);
    client_close(&client);
    return status_exit(status);
}

/* ---- unit show ---- */

const struct option verb_unit_show_options[] = {
    {"--as-of", OPTION_VALUE, N_("DATE"), N_("the structure of that day (else today's)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static void fact(struct table *table, const char *what, const char *value) {
    table_cell(table, what);
    table_cell(table, value);
    table_row_end(table);
}

static void print_history(const json_t *history, const json_t *levels) {
    static const struct {
        const char *attribute, *msgid;
    } ATTRIBUTES[] = {{"code", N_("code")}, {"name", N_("name")}, {"level", N_("level")}, {"parent", N_("parent")}};
    struct table *table = table_new();
    size_t i;
    const json_t *item;
    table_column(table, _("From"), TABLE_LEFT);
    table_column(table, _("What"), TABLE_LEFT);
    table_column(table, _("Value"), TABLE_LEFT | TABLE_WRAP);
    json_array_foreach(history, i, item) {
        char date[TEXT_SHORT], number[24];
        const char *effective = output_text(item, "effective"), *attribute = output_text(item, "attribute");
        const json_t *value = json_object_get(item, "value");
        bool level = strcmp(attribute, "level") == 0; /* the number of a level comes as text */
        for (size_t j = 0; j < sizeof ATTRIBUTES / sizeof ATTRIBUTES[0]; j++) {
            attribute = strcmp(attribute, ATTRIBUTES[j].attribute) == 0 ? _(ATTRIBUTES[j].msgid) : attribute;
        }
        table_cell(table, *effective != '\0' ? text_date(date, effective) : _("always"));
        table_cell(table, attribute);
        table_cell(table, json_is_string(value) && !level
                              ? json_string_value(value)
                              : output_level(levels, json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value), number));
        table_row_end(table);
    }
    if (table_rows(table) > 0) {
        putchar('\n');
        table_print(table, stdout, true, 0);
    }
    table_free(table);
}

static void print_unit(const json_t *unit, const json_t *levels) {
    struct table *table = table_new();
    struct text_memory line;
    char number[24], count[TEXT_SHORT];
    size_t i;
    const json_t *above;
    table_column(table, "", TABLE_LEFT);
    table_column(table, "", TABLE_LEFT | TABLE_WRAP);
    text_memory_begin(&line);
    json_array_foreach(json_object_get(unit, "line"), i, above) {
        char *shown = output_unit(above);
        fprintf(line.file, "%s%s", i > 0 ? " < " : "", shown);
        free(shown);
    }
    char *above_all = text_memory_end(&line);
    fact(table, _("Code"), output_text(unit, "code"));
    fact(table, _("Name"), output_text(unit, "name"));
    fact(table, _("Level"), output_level(levels, json_integer_value(json_object_get(unit, "level")), number));
    fact(table, _("Under"), *above_all != '\0' ? above_all : _("nothing: it is the root"));
    fact(table, _("Units directly below"), text_count(count, json_integer_value(json_object_get(unit, "children"))));
    fact(table, _("Installations"), text_count(count, json_integer_value(json_object_get(unit, "nodes"))));
    fact(table, _("Permanent id"), output_text(unit, "id"));
    table_print(table, stdout, false, 0);
    table_free(table);
    free(above_all);
    print_history(json_object_get(unit, "history"), levels);
}

int verb_unit_show(const struct command *command) {
    struct client client;
    json_t *result, *levels;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, "unit.show", client_args("unit", command->arguments[0], "as_of", options_value(command, "--as-of"), NULL), &result);
    }
    json_t *unit = status == STATUS_OK ? json_incref(result) : NULL;
    if (status == STATUS_OK && command->json) {
        output_json(unit);
    } else if (status == STATUS_OK) {
        status = client_ask(&client, "level.list", NULL, &levels);
        if (status == STATUS_OK) {
            print_unit(unit, json_object_get(levels, "levels"));
        }
    }
    json_decref(unit);
    client_close(&client);
    return status_exit(status);
}
