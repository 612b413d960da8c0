/* hoi form add, check, list, show. */
#include "tools/client.h"
#include "tools/fields.h"
#include "tools/form_text.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/sheet.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/os.h"

#include <errno.h>
#include <stdlib.h>

const struct option verb_form_add_options[] = {
    {"--dry-run", OPTION_FLAG, NULL, N_("only check, write nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};
const struct option verb_form_check_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};
const struct option verb_form_list_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};
const struct option verb_form_show_options[] = {
    {"-o", OPTION_VALUE, N_("FILE.csv/.json"), N_("write a template to fill in (.csv), or the form file (.json)")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* ---- add, check ---- */

enum { FORM_FILE_BYTES_MAX = 1024 * 1024 };

static enum status read_form(const char *path, json_t **out) {
    struct buffer content;
    json_error_t error;
    buffer_init(&content, FORM_FILE_BYTES_MAX);
    errno = 0;
    enum status status = os_file_read(path, FORM_FILE_BYTES_MAX, &content);
    if (status != STATUS_OK) {
        buffer_fini(&content);
        const char *why = status == STATUS_TOO_LARGE ? NULL : output_errno(errno);
        status = status == STATUS_TOO_LARGE ? status : STATUS_FILE_UNREADABLE;
        return refusal_say(status, "file", path, "reason", why, NULL);
    }
    /* A byte order mark, as some editors write it, is no mistake. */
    size_t mark = content.len >= 3 && memcmp(content.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    *out = json_loadb((const char *)content.data + mark, content.len - mark, JSON_REJECT_DUPLICATES, &error);
    buffer_fini(&content);
    if (*out == NULL) {
        char line[24], column[24];
        snprintf(line, sizeof line, "%d", error.line);
        snprintf(column, sizeof column, "%d", error.column);
        char *what = text_format(_("{file}, line {line}, character {column}: the file is no JSON ({error})"), "file", path, "line", line, "column", column,
                                 "error", error.text, NULL);
        refusal_say(STATUS_FORM_INVALID, "what", what, NULL);
        free(what);
        return STATUS_FORM_INVALID;
    }
    return STATUS_OK;
}

static int add_or_check(const struct command *command, bool check) {
    json_t *form = NULL, *result = NULL;
    enum status status = read_form(command->arguments[0], &form);
    if (status == STATUS_OK) {
        status = client_once(command, check ? "form.check" : "form.add", json_pack("{s:o}", "form", form), &result);
    }
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        char label[24];
        bool changed = !json_is_false(json_object_get(result, "changed"));
        snprintf(label, sizeof label, "%lld", (long long)json_integer_value(json_object_get(result, "label")));
        const char *template = check     ? _("The form “{name}” is in order; it would be version {label}. Nothing was written.\n")
                               : changed ? _("The form “{name}” was added as version {label}. Offices below get it at their next contact.\n")
                                         : _("The form “{name}” is there already, unchanged, as version {label}.\n");
        text_print(stdout, template, "name", output_text(result, "name"), "label", label, NULL);
    }
    json_decref(result);
    return status_exit(status);
}

int verb_form_add(const struct command *command) {
    return add_or_check(command, options_flag(command, "--dry-run"));
}

int verb_form_check(const struct command *command) {
    return add_or_check(command, true);
}

/* ---- list ---- */

static void print_forms(const json_t *forms) {
    struct table *table = table_new();
    size_t i;
    const json_t *form;
    table_column(table, _("Form"), TABLE_LEFT);
    table_column(table, _("Title"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Period"), TABLE_LEFT);
    table_column(table, _("Version"), TABLE_RIGHT);
    table_column(table, _("Fields"), TABLE_RIGHT);
    table_column(table, _("Issued by"), TABLE_LEFT | TABLE_WRAP);
    json_array_foreach(forms, i, form) {
        char label[TEXT_SHORT], fields[TEXT_SHORT];
        char *issuer = output_unit(json_object_get(form, "issuer"));
        table_cell(table, output_text(form, "name"));
        table_cell(table, text_label(json_object_get(form, "title"), ""));
        table_cell(table, form_text_word(output_text(form, "period")));
        table_cell(table, text_count(label, json_integer_value(json_object_get(form, "label"))));
        table_cell(table, text_count(fields, json_integer_value(json_object_get(form, "fields"))));
        table_cell(table, issuer);
        table_row_end(table);
        free(issuer);
    }
    table_print(table, stdout, true, 0);
    table_free(table);
}

int verb_form_list(const struct command *command) {
    json_t *result;
    enum status status = client_once(command, "form.list", NULL, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK && json_array_size(json_object_get(result, "forms")) == 0) {
        fputs(_("There are no forms yet. `hoi form add FILE.json` adds one; offices below get theirs from the level above.\n"), stdout);
    } else if (status == STATUS_OK) {
        print_forms(json_object_get(result, "forms"));
    }
    json_decref(result);
    return status_exit(status);
}

/* ---- show ---- */

static void print_form(const struct fields *fields) {
    struct table *table = table_new();
    char label[TEXT_SHORT];
    char *issuer = output_unit(json_object_get(fields->form, "issuer"));
    text_print(stdout, _("{title}\nForm {name}, version {label}, issued by {issuer}; reported by {period}.\n\n"), "title", fields_title(fields), "name",
               output_text(fields->form, "name"), "label", text_count(label, json_integer_value(json_object_get(fields->form, "label"))), "issuer", issuer,
               "period", form_text_word(output_text(fields->file, "period")), NULL);
    free(issuer);
    table_column(table, _("Field"), TABLE_LEFT);
    table_column(table, _("What it is called"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Type"), TABLE_LEFT);
    table_column(table, _("Over units"), TABLE_LEFT);
    table_column(table, _("Over time"), TABLE_LEFT);
    for (size_t i = 0; i < fields->count; i++) {
        const json_t *field = json_array_get(json_object_get(fields->file, "fields"), i);
        char *type = text_format("{type}[ ({measure})]", "type", form_text_word(output_text(field, "type")), "measure",
                                 fields->items[i].type != FIELD_MONEY && *output_text(field, "measure") != '\0' ? output_text(field, "measure") : NULL, NULL);
        table_cell(table, fields_name(fields, i));
        table_cell(table, fields_label(fields, i));
        table_cell(table, type);
        table_cell(table, form_text_word(output_text(field, "over_units")));
        table_cell(table, form_text_word(output_text(field, "over_time")));
        table_row_end(table);
        free(type);
    }
    table_print(table, stdout, true, 0);
    table_free(table);
}

/* A header line to fill in below: unit, row where the form is a list, and every field that can be entered, by its label. */
static void write_template(FILE *file, const struct fields *fields) {
    fputs("\xef\xbb\xbf", file); /* the mark by which spreadsheets know UTF-8 */
    fputs(fields_list(fields) ? "unit,period,row" : "unit,period", file);
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].type != FIELD_COMPUTED && !fields->items[i].retired) {
            fputc(',', file);
            sheet_write_cell(file, fields_label(fields, i), true);
        }
    }
    fputs("\r\n", file);
}

static enum status write_file(const struct fields *fields, const char *path) {
    const char *ending = strrchr(path, '.');
    struct text_memory memory;
    bool csv = ending != NULL && strcasecmp(ending, ".csv") == 0;
    if (!csv && (ending == NULL || strcasecmp(ending, ".json") != 0)) {
        refusal_usage(_("{file}: only .csv and .json can be written here."), "file", path, NULL);
        return STATUS_USAGE;
    }
    text_memory_begin(&memory);
    if (csv) {
        write_template(memory.file, fields);
    } else {
        char *json = output_json_text(fields->file);
        fprintf(memory.file, "%s\n", json);
        free(json);
    }
    return output_file(path, &memory);
}

int verb_form_show(const struct command *command) {
    struct client client;
    struct fields fields = {0};
    const char *path = options_value(command, "-o");
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = fields_load(&fields, &client, command->arguments[0]);
    }
    if (status == STATUS_OK && path != NULL && os_file_exists(path) &&
        !options_confirm(command, _("The file is there already, perhaps filled in. Write over it? (c = yes, k = no)"))) {
        status = refusal_say(STATUS_STORE_EXISTS, "path", path, NULL);
    } else if (status == STATUS_OK && path != NULL) {
        status = write_file(&fields, path);
    } else if (status == STATUS_OK && command->json) {
        output_json(fields.form);
    } else if (status == STATUS_OK) {
        print_form(&fields);
    }
    fields_fini(&fields);
    client_close(&client);
    return status_exit(status);
}
