/* hoi send, inbox. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <errno.h>
#include <stdlib.h>

enum { NOT_DONE = 1 };

/* ---- send ---- */

const struct option verb_send_options[] = {
    {"--to", OPTION_VALUE, N_("SELECTOR"), N_("who it is for: 560 (a unit), 560/* (with all below it), 560/level:3, joined by commas")},
    {"--title", OPTION_VALUE, N_("TEXT"), N_("its title")},
    {"--text", OPTION_VALUE, N_("FILE"), N_("a file with its text; - for standard input")},
    {"--number", OPTION_VALUE, N_("TEXT"), N_("its number, such as 05-CT/TW")},
    {"--date", OPTION_VALUE, N_("DATE"), N_("its date")},
    {"--due", OPTION_VALUE, N_("DATE"), N_("until when it is to be done")},
    {"--by", OPTION_VALUE, N_("NAME"), N_("who sends it: recorded as said, beside the account of this PC")},
    {"--role", OPTION_VALUE, N_("ROLE"), N_("that person's role, such as chair or deputy")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* The whole text, NUL-terminated; NULL: told. */
static char *read_text(const char *path) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    char *text = file != NULL ? malloc(DOCUMENT_TEXT_BYTES_MAX + 2) : NULL;
    size_t len = text != NULL ? fread(text, 1, DOCUMENT_TEXT_BYTES_MAX + 1, file) : 0;
    enum status status = file == NULL || ferror(file) != 0 ? STATUS_FILE_UNREADABLE : text == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    const char *why = file == NULL ? output_errno(errno) : NULL;
    if (status == STATUS_OK && len > DOCUMENT_TEXT_BYTES_MAX) {
        status = STATUS_TOO_LARGE;
    } else if (status == STATUS_OK && !codec_utf8_valid(bytes_of(text, len))) {
        status = STATUS_TEXT_INVALID;
    }
    if (file != NULL && !standard) {
        fclose(file);
    }
    if (status != STATUS_OK) {
        refusal_say(status, "file", path, "reason", why, "limit", status == STATUS_TOO_LARGE ? "200 kB" : NULL, NULL);
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

int verb_send(const struct command *command) {
    const char *path = options_value(command, "--text");
    json_t *result;
    if (!options_need(command, "--to") || !options_need(command, "--title")) {
        return status_exit(STATUS_USAGE);
    }
    char *text = path != NULL ? read_text(path) : text_format("", NULL);
    if (text == NULL) {
        return status_exit(STATUS_FILE_UNREADABLE);
    }
    char *question = text_format(_("Send “{title}” to {to}? It cannot be taken back. (c = yes, k = no)"), "title", options_value(command, "--title"), "to",
                                 options_value(command, "--to"), NULL);
    bool sure = options_confirm(command, question);
    free(question);
    if (!sure) {
        free(text);
        fputs(_("Nothing was sent.\n"), stderr);
        return NOT_DONE;
    }
    json_t *args = client_args("to", options_value(command, "--to"), "title", options_value(command, "--title"), "text", text, "number",
                               options_value(command, "--number"), "date", options_value(command, "--date"), "due", options_value(command, "--due"), "by",
                               options_value(command, "--by"), "role", options_value(command, "--role"), NULL);
    free(text);
    enum status status = client_once(command, "send", args, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        char count[TEXT_SHORT];
        int64_t units = json_integer_value(json_object_get(result, "units"));
        text_print(
            stdout,
            PLURAL("Written for {count} unit; it gets it at its next contact.\n", "Written for {count} units; each gets it at its next contact.\n", units),
            "count", text_count(count, units), NULL);
    }
    json_decref(result);
    return status_exit(status);
}

/* ---- inbox ---- */

const struct option verb_inbox_options[] = {
    {"--all", OPTION_FLAG, NULL, N_("also what is not addressed to this unit, and what this office sent")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static void print_document(const json_t *document) {
    char date[TEXT_SHORT], due[TEXT_SHORT], time[TEXT_SHORT];
    char *from = output_unit(json_object_get(document, "from"));
    const char *number = output_text(document, "number"), *dated = output_text(document, "date"), *until = output_text(document, "due"),
               *text = output_text(document, "text");
    char *heading = text_format("■ {title}[ ({number})]", "title", output_text(document, "title"), "number", *number != '\0' ? number : NULL, NULL);
    char *facts = text_format(_("  from {from}, {time}[, dated {date}][, due {due}]"), "from", from, "time",
                              text_time(time, json_integer_value(json_object_get(document, "time"))), "date", *dated != '\0' ? text_date(date, dated) : NULL,
                              "due", *until != '\0' ? text_date(due, until) : NULL, NULL);
    table_paragraph(stdout, heading, 2);
    table_paragraph(stdout, facts, 2);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char *line = strndup(text, len);
        char *indented = text_format("  {text}", "text", line, NULL);
        table_paragraph(stdout, indented, 2);
        free(indented);
        free(line);
        text += len + (text[len] == '\n');
    }
    putchar('\n');
    free(facts);
    free(heading);
    free(from);
}

int verb_inbox(const struct command *command) {
    json_t *result, *args = json_object();
    if (options_flag(command, "--all")) {
        json_object_set_new(args, "all", json_true());
    }
    enum status status = client_once(command, "inbox", args, &result);
    const json_t *documents = json_object_get(result, "documents"), *document;
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        size_t i;
        json_array_foreach(documents, i, document) {
            print_document(document);
        }
        if (json_array_size(documents) == 0) {
            fputs(_("Nothing has come from above.\n"), stdout);
        }
    }
    json_decref(result);
    return status_exit(status);
}
