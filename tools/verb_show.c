/* hoi show: a record, with who said what, when, and how far it got. */
#include "tools/client.h"
#include "tools/entry_words.h"
#include "tools/fields.h"
#include "tools/output.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_show_options[] = {
    {"--unit", OPTION_VALUE, N_("CODE"), N_("the unit it is about (else this node's own)")},
    {"--row", OPTION_VALUE, N_("KEY"), N_("only this row, in forms that are lists")},
    {"--history", OPTION_FLAG, NULL, N_("also the whole story: who wrote which values, when, and why")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* The versions of a field that nobody has settled: who said what, when, and why. */
static void print_versions(const struct fields *fields, size_t index, const json_t *versions) {
    size_t i;
    const json_t *version;
    json_array_foreach(versions, i, version) {
        char time[TEXT_SHORT];
        const json_t *unit = json_object_get(version, "unit");
        char *value = fields_shown(fields, index, version);
        char *who = json_is_object(unit) ? output_unit(unit) : text_format("{unit}", "unit", json_is_string(unit) ? json_string_value(unit) : NULL, NULL);
        const char *reason = output_text(version, "reason");
        char *line = text_format(_("    {value}: {who}, {time}[, reason: {reason}]"), "value", value, "who", who, "time",
                                 text_time(time, json_integer_value(json_object_get(version, "time"))), "reason", *reason != '\0' ? reason : NULL, NULL);
        table_paragraph(stdout, line, 6);
        free(line);
        free(who);
        free(value);
    }
}

static void print_fields(const struct fields *fields, const json_t *states) {
    struct table *table = table_new();
    table_column(table, "", TABLE_LEFT | TABLE_WRAP);
    table_column(table, "", TABLE_RIGHT | TABLE_WRAP);
    table_column(table, "", TABLE_LEFT | TABLE_WRAP);
    for (size_t i = 0; i < fields->count; i++) {
        const json_t *state = json_object_get(states, fields_name(fields, i));
        if (state == NULL && fields->items[i].retired) {
            continue;
        }
        char *value = fields_shown(fields, i, state);
        const char *raw = output_text(state, "raw");
        bool contested = json_is_true(json_object_get(state, "contested"));
        char *note = text_format("[{contested}][ “{raw}”]", "contested", contested ? _("contested") : NULL, "raw", *raw != '\0' ? raw : NULL, NULL);
        char *label = fields_label_measured(fields, i);
        table_cell(table, label);
        table_cell(table, value);
        table_cell(table, note);
        table_row_end(table);
        free(label);
        free(note);
        free(value);
    }
    table_print(table, stdout, false, 0);
    table_free(table);
    for (size_t i = 0; i < fields->count; i++) {
        const json_t *state = json_object_get(states, fields_name(fields, i));
        if (json_is_true(json_object_get(state, "contested"))) {
            text_print(stdout, _("\n  {field} is contested; these values stand side by side:\n"), "field", fields_label(fields, i), NULL);
            print_versions(fields, i, json_object_get(state, "versions"));
        }
    }
}

/* Flags of docs/protocol.md section 6: words where the store sends them, else the bits. */
static const char *entry_kind(const json_t *entry) {
    const json_t *flags = json_object_get(entry, "flags");
    json_int_t bits = json_integer_value(flags);
    size_t i;
    const json_t *flag;
    json_array_foreach(flags, i, flag) {
        const char *name = json_is_string(flag) ? json_string_value(flag) : "";
        bits |= strcmp(name, "correction") == 0  ? PUT_CORRECTION
                : strcmp(name, "on_behalf") == 0 ? PUT_ON_BEHALF
                : strcmp(name, "settles") == 0   ? PUT_SETTLES
                                                 : 0;
    }
    if ((bits & PUT_SETTLES) != 0) {
        return _("settled");
    }
    if ((bits & PUT_CORRECTION) != 0) {
        return _("corrected");
    }
    return (bits & PUT_ON_BEHALF) != 0 ? _("entered on its behalf") : _("entered");
}

static void print_entries(const json_t *entries, const char *self) {
    size_t i;
    const json_t *entry;
    json_array_foreach(entries, i, entry) {
        char time[TEXT_SHORT];
        const char *reason = output_text(entry, "reason");
        char *who = output_unit(json_object_get(entry, "unit")), *stage = entry_words_way(entry, self, false);
        char *line = text_format(_("  {time}  {kind} by {who}[, reason: {reason}] — {stage}"), "time",
                                 text_time(time, json_integer_value(json_object_get(entry, "time"))), "kind", entry_kind(entry), "who", who, "reason",
                                 *reason != '\0' ? reason : NULL, "stage", stage, NULL);
        table_paragraph(stdout, line, 4);
        free(line);
        free(stage);
        free(who);
    }
}

/* ---- the history ---- */

struct told {
    size_t order; /* of arrival */
    json_int_t time;
    const json_t *entry;
};

static int told_compare(const void *left, const void *right) {
    const struct told *a = left, *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The fields that an entry set, each with the value it gave: also what no longer counts. */
static void print_written(const struct fields *fields, const json_t *written) {
    for (size_t i = 0; i < fields->count; i++) {
        const json_t *cell = json_object_get(written, fields_name(fields, i));
        if (cell == NULL) {
            continue;
        }
        const char *raw = output_text(cell, "raw"), *source = output_text(cell, "source");
        char *label = fields_label_measured(fields, i), *value = fields_shown(fields, i, cell);
        char *line = text_format("      {label}: {value}[ “{raw}”][ ({source})]", "label", label, "value", value, "raw", *raw != '\0' ? raw : NULL, "source",
                                 *source != '\0' ? source : NULL, NULL);
        table_paragraph(stdout, line, 8);
        free(line);
        free(value);
        free(label);
    }
}

static void print_told(const struct fields *fields, const json_t *entry, const char *self) {
    char time[TEXT_SHORT], node[8], batch[12];
    const char *reason = output_text(entry, "reason");
    char *who = output_unit(json_object_get(entry, "unit")), *stage = entry_words_way(entry, self, true), *person = entry_words_person(entry);
    snprintf(node, sizeof node, "%.6s", output_text(entry, "node"));
    snprintf(batch, sizeof batch, "%.8s", output_text(entry, "batch"));
    char *line = text_format(_("  {time}  {kind} by {who} (node {node})[, {person}][, reason: {reason}][, import {batch}] — {stage}"), "time",
                             text_time(time, json_integer_value(json_object_get(entry, "time"))), "kind", entry_kind(entry), "who", who, "node", node, "person",
                             person, "reason", *reason != '\0' ? reason : NULL, "batch", *batch != '\0' ? batch : NULL, "stage", stage, NULL);
    table_paragraph(stdout, line, 4);
    print_written(fields, json_object_get(entry, "fields"));
    free(line);
    free(stage);
    free(person);
    free(who);
}

/* Oldest first by the clocks of those who wrote: the order in which entries came here is an accident of the lines. */
static void print_history(const struct fields *fields, const json_t *entries, const char *self) {
    size_t count = json_array_size(entries);
    struct told *story = calloc(count + 1, sizeof *story);
    if (story == NULL) {
        print_entries(entries, self);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(entries, i);
        story[i] = (struct told){.order = i, .time = json_integer_value(json_object_get(entry, "time")), .entry = entry};
    }
    qsort(story, count, sizeof *story, told_compare);
    fputs(_("History, the oldest first:\n"), stdout);
    for (size_t i = 0; i < count; i++) {
        print_told(fields, story[i].entry, self);
    }
    free(story);
}

/* Only the sums of the record come so far. */
static void print_extract(const struct fields *fields, const json_t *extract) {
    char time[TEXT_SHORT];
    char *unit = output_unit(json_object_get(extract, "unit"));
    char *line = text_format(_("Its contents do not come as far as this office, only its sums: cut by {unit}, {time}."), "unit", unit, "time",
                             text_time(time, json_integer_value(json_object_get(extract, "time"))), NULL);
    putchar('\n');
    table_paragraph(stdout, line, 0);
    free(line);
    free(unit);
    putchar('\n');
    print_fields(fields, json_object_get(extract, "fields"));
}

/* Of which period a figure was cannot be told any more. */
static void print_erased(const json_t *erased) {
    const json_t *item;
    size_t i;
    if (json_array_size(erased) > 0) {
        fputs(_("\nErased of this unit's figures, of whatever form and period:\n"), stdout);
    }
    json_array_foreach(erased, i, item) {
        char count[TEXT_SHORT], time[TEXT_SHORT];
        int64_t entries = json_integer_value(json_object_get(item, "entries"));
        char *unit = output_unit(json_object_get(item, "unit"));
        const char *reason = output_text(item, "reason");
        char *line = text_format(PLURAL("  {time}  contents of {count} entry, by {unit}[, reason: {reason}]",
                                        "  {time}  contents of {count} entries, by {unit}[, reason: {reason}]", entries),
                                 "time", text_time(time, json_integer_value(json_object_get(item, "time"))), "count", text_count(count, entries), "unit", unit,
                                 "reason", *reason != '\0' ? reason : NULL, NULL);
        table_paragraph(stdout, line, 4);
        free(line);
        free(unit);
    }
}

static void print_record(const struct fields *fields, const json_t *result, bool history, const char *self) {
    size_t i;
    const json_t *row;
    char *unit = output_unit(json_object_get(result, "unit"));
    text_print(stdout, _("{title}\n{unit}, {period}\n"), "title", fields_title(fields), "unit", unit, "period", output_text(result, "period"), NULL);
    free(unit);
    const json_t *extract = json_object_get(result, "extract");
    if (extract != NULL) {
        print_extract(fields, extract);
    } else if (json_array_size(json_object_get(result, "rows")) == 0) {
        fputs(_("\nNothing was entered for this period yet.\n"), stdout);
    }
    json_array_foreach(json_object_get(result, "rows"), i, row) {
        const char *key = output_text(row, "row");
        putchar('\n');
        if (*key != '\0') {
            text_print(stdout, _("Row {row}\n"), "row", key, NULL);
        }
        print_fields(fields, json_object_get(row, "fields"));
        putchar('\n');
        if (history) {
            print_history(fields, json_object_get(row, "entries"), self);
        } else {
            print_entries(json_object_get(row, "entries"), self);
        }
    }
    print_erased(json_object_get(result, "erased"));
}

/* Lists come in portions: asks on from the last row until there is no more. args is stolen; *out is a new reference, NULL on failure. */
static enum status ask_all(struct client *client, json_t *args, json_t **out) {
    json_t *portion, *rows = NULL;
    enum status status;
    *out = NULL;
    do {
        status = client_ask(client, "show", json_deep_copy(args), &portion);
        if (status == STATUS_OK && *out == NULL) {
            *out = json_incref(portion);
            rows = json_object_get(*out, "rows");
        } else if (status == STATUS_OK) {
            json_array_extend(rows, json_object_get(portion, "rows"));
        }
        const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
        json_object_set(args, "after", json_object_get(last, "row"));
    } while (status == STATUS_OK && json_is_true(json_object_get(portion, "more")));
    json_object_del(*out, "more");
    if (status != STATUS_OK) {
        json_decref(*out);
        *out = NULL;
    }
    json_decref(args);
    return status;
}

int verb_show(const struct command *command) {
    struct client client;
    struct fields fields = {0};
    json_t *result = NULL;
    bool history = options_flag(command, "--history");
    enum status status = client_open(&client, command);
    if (status == STATUS_OK && !command->json) {
        status = fields_load(&fields, &client, command->arguments[0]);
    }
    if (status == STATUS_OK) {
        json_t *args = client_args("form", command->arguments[0], "period", command->arguments[1], "unit", options_value(command, "--unit"), "row",
                                   options_value(command, "--row"), NULL);
        if (history) {
            json_object_set_new(args, "history", json_true());
        }
        status = ask_all(&client, args, &result);
    }
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        print_record(&fields, result, history, output_text(client.hello, "node"));
    }
    json_decref(result);
    fields_fini(&fields);
    client_close(&client);
    return status_exit(status);
}
