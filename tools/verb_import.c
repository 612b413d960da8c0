/* hoi import: a sheet into records, all of it or nothing. Three passes over the file, so that memory stays bounded: how it writes decimals, what is wrong with
 * it, sending it. */
#include "tools/import_sheet.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_import_options[] = {
    {"--period", OPTION_VALUE, N_("P"), N_("the period of all rows, where the file has no column for it")},
    {"--codes-as-of", OPTION_VALUE, N_("DATE"), N_("units bear the codes of that day (else of the period's last day)")},
    {"--on-behalf", OPTION_FLAG, NULL, N_("make the first entry of units below for them")},
    {"--reason", OPTION_VALUE, N_("TEXT"), N_("why records of units below are corrected")},
    {"--by", OPTION_VALUE, N_("NAME"), N_("who says so: recorded as said, beside the account of this PC")},
    {"--role", OPTION_VALUE, N_("ROLE"), N_("that person's role, such as chair or deputy")},
    {"--ignore-columns", OPTION_FLAG, NULL, N_("pass over columns that are no field of the form")},
    {"--dry-run", OPTION_FLAG, NULL, N_("only check, import nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

enum {
    BATCH_ROWS_MAX = 1000,             /* docs/control.md, import.rows */
    BATCH_BYTES_MAX = 4 * 1024 * 1024, /* half a frame: the estimate of a row may be short */
    COMMIT_SECONDS = 3600              /* a sheet of a million rows is one transaction */
};

static enum status send_batch(struct client *client, const char *id, json_t **rows) {
    json_t *result;
    if (json_array_size(*rows) == 0) {
        return STATUS_OK;
    }
    enum status status = client_ask(client, "import.rows", json_pack("{s:s, s:O}", "import", id, "rows", *rows), &result);
    json_array_clear(*rows);
    return status;
}

/* Third pass. Cells that cannot be read go as null: the store is then only asked what else is wrong. */
static enum status send_rows(struct import_sheet *import, struct client *client, const char *id) {
    struct sheet_row row;
    struct output_progress progress;
    json_t *rows = json_array();
    size_t waiting = 0, bytes;
    enum status status = sheet_rewind(import->sheet);
    output_progress_begin(&progress, _("Importing"), sheet_bytes(import->sheet));
    while (status == STATUS_OK && sheet_next(import->sheet, &row)) {
        if (import_sheet_nameless(import, &row)) {
            continue;
        }
        json_array_append_new(rows, import_sheet_row(import, &row, false, &bytes));
        waiting += bytes;
        if (json_array_size(rows) == BATCH_ROWS_MAX || waiting > BATCH_BYTES_MAX) {
            status = send_batch(client, id, &rows);
            waiting = 0;
        }
        output_progress_to(&progress, sheet_position(import->sheet));
    }
    if (status == STATUS_OK) {
        status = sheet_end(import->sheet);
    }
    if (status == STATUS_OK) {
        status = send_batch(client, id, &rows);
    }
    output_progress_end(&progress);
    json_decref(rows);
    return status;
}

/* The tool's own problems and the store's, in one list by line. */
static enum status tell_problems(struct import_sheet *import, json_t *of_store, int64_t more_of_store) {
    size_t i;
    json_t *problem;
    char count[TEXT_SHORT];
    import->problems_more += more_of_store;
    json_array_foreach(of_store, i, problem) {
        import_sheet_place(import, problem);
        json_array_append(import->problems, problem);
    }
    int64_t all = (int64_t)json_array_size(import->problems) + import->problems_more;
    refusal_say(STATUS_FILE_REJECTED, "file", sheet_name(import->sheet), NULL);
    refusal_problems(stderr, import->problems);
    if (import->problems_more > 0) {
        text_print(stderr, _("  … and {count} more.\n"), "count", text_count(count, import->problems_more), NULL);
    }
    text_print(
        stderr,
        PLURAL("{count} mistake. Correct it in the file and import it again.\n", "{count} mistakes. Correct them in the file and import it again.\n", all),
        "count", text_count(count, all), NULL);
    return STATUS_FILE_REJECTED;
}

static enum status begin(const struct command *command, struct import_sheet *import, struct client *client, char id[80]) {
    json_t *result;
    json_t *args =
        client_args("form", command->arguments[0], "reason", options_value(command, "--reason"), "codes_as_of", options_value(command, "--codes-as-of"), NULL);
    json_object_set_new(args, "columns", import_sheet_fields(import));
    json_object_set_new(args, "on_behalf", json_boolean(options_flag(command, "--on-behalf")));
    json_object_set_new(args, "dry_run", json_boolean(options_flag(command, "--dry-run") || json_array_size(import->problems) > 0));
    enum status status = client_ask(client, "import.begin", args, &result);
    if (status == STATUS_OK) {
        const json_t *given = json_object_get(result, "import");
        snprintf(id, 80, "%s", json_is_string(given) ? json_string_value(given) : "");
    }
    return status;
}

static void print_done(const struct command *command, const struct import_sheet *import, const json_t *result) {
    char records[TEXT_SHORT], rows[TEXT_SHORT];
    int64_t count = json_integer_value(json_object_get(result, "records"));
    const char *batch = output_text(result, "batch");
    text_count(rows, import->rows);
    text_count(records, count);
    if (options_flag(command, "--dry-run")) {
        text_print(stdout, _("The file is in order: {rows} rows, {records} records. Nothing was imported (--dry-run).\n"), "rows", rows, "records", records,
                   NULL);
    } else {
        text_print(stdout, _("Imported: {rows} rows, {records} records changed.[\nBatch: {batch}]\n"), "rows", rows, "records", records, "batch",
                   *batch != '\0' ? batch : NULL, NULL);
    }
}

static enum status commit(const struct command *command, struct import_sheet *import, struct client *client, const char *id) {
    bool told = false;
    client_timeout(client, COMMIT_SECONDS);
    enum status status = client_request(client, "import.commit",
                                        client_args("import", id, "by", options_value(command, "--by"), "role", options_value(command, "--role"), NULL), &told);
    client_timeout(client, 0);
    json_t *problems = json_object_get(client->response, "problems");
    if (told) {
        return status;
    }
    if (json_array_size(import->problems) > 0 || (status != STATUS_OK && json_array_size(problems) > 0)) {
        const char *all = output_text(json_object_get(client->response, "args"), "problems"); /* the store lists the first thousand */
        int64_t listed = (int64_t)json_array_size(problems), counted = strtoll(all, NULL, 10);
        return tell_problems(import, problems, counted > listed ? counted - listed : 0);
    }
    if (status != STATUS_OK) {
        return refusal_response(client->response);
    }
    if (command->json) {
        output_json(json_object_get(client->response, "result"));
    } else {
        print_done(command, import, json_object_get(client->response, "result"));
    }
    return STATUS_OK;
}

static enum status import_file(const struct command *command, struct import_sheet *import, struct client *client) {
    char id[80] = "";
    enum status status = import_sheet_columns(import);
    if (status == STATUS_OK) {
        status = import_sheet_style(import);
    }
    if (status == STATUS_OK) {
        status = import_sheet_check(import);
    }
    if (status == STATUS_OK) {
        status = begin(command, import, client, id);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = send_rows(import, client, id);
    if (status != STATUS_OK) {
        bool told; /* what went wrong was told; a daemon forgets an import that is not taken back when the connection ends */
        enum status ignored = client_request(client, "import.abort", client_args("import", id, NULL), &told);
        (void)ignored;
        return status;
    }
    return commit(command, import, client, id);
}

int verb_import(const struct command *command) {
    struct client client = {.socket = -1};
    struct fields fields = {0};
    struct import_sheet import = {.fields = &fields, .period = options_value(command, "--period"), .ignore_columns = options_flag(command, "--ignore-columns")};
    enum status status = sheet_open(&import.sheet, command->arguments[1]);
    if (status == STATUS_OK) {
        status = client_open(&client, command);
    }
    if (status == STATUS_OK) {
        status = fields_load(&fields, &client, command->arguments[0]);
    }
    if (status == STATUS_OK) {
        status = import_file(command, &import, &client);
    }
    json_decref(import.problems);
    sheet_close(import.sheet);
    fields_fini(&fields);
    client_close(&client);
    return status_exit(status);
}
