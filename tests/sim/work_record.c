/* Figures, sheets of figures, corrections, and the forms that they are entered in. */
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Few records, so that different people come to write the same. */
enum { PERIODS = 2, ROWS = 3, TEXT_MAX = 4000, FORM_FIELDS_LARGE = 60 };

/* ---- forms ---- */

static const char *const forms[] = {
    "{\"name\":\"members\",\"period\":\"month\",\"fields\":[{\"name\":\"total\",\"type\":\"integer\"},{\"name\":\"fees\",\"type\":\"money\"},"
    "{\"name\":\"rate\",\"type\":\"decimal\",\"places\":2,\"over_units\":\"average\",\"weight\":\"total\"},{\"name\":\"remark\",\"type\":\"text\"},"
    "{\"name\":\"met\",\"type\":\"yesno\",\"over_units\":\"count\"},{\"name\":\"grade\",\"type\":\"choice\",\"choices\":[\"good\",\"fair\",\"weak\"]},"
    "{\"name\":\"held\",\"type\":\"date\",\"over_units\":\"max\"},{\"name\":\"each\",\"type\":\"computed\",\"formula\":\"fees / total\"}]}",
    "{\"name\":\"welfare\",\"period\":\"month\",\"policy\":\"upper\",\"fields\":[{\"name\":\"homes\",\"type\":\"integer\"},{\"name\":\"spent\",\"type\":"
    "\"money\"}]}",
    "{\"name\":\"loans\",\"period\":\"month\",\"list\":true,\"fields\":[{\"name\":\"lent\",\"type\":\"money\"},{\"name\":\"remark\",\"type\":\"text\"},"
    "{\"name\":\"due\",\"type\":\"date\"}]}",
    "{\"name\":\"cases\",\"period\":\"month\",\"reach\":\"1\",\"fields\":[{\"name\":\"open\",\"type\":\"integer\"}]}",
    "{\"name\":\"notes\",\"period\":\"month\",\"reach\":\"private\",\"fields\":[{\"name\":\"open\",\"type\":\"integer\"},{\"name\":\"remark\",\"type\":"
    "\"text\"}]}",
};
enum { MEMBERS, WELFARE, LOANS, CASES, NOTES, FORMS };
static const char *const form_names[FORMS] = {"members", "welfare", "loans", "cases", "notes"};

static json_t *form_of(unsigned which) {
    json_t *form = json_loads(forms[which], 0, NULL);
    assert(form != NULL);
    return form;
}

void work_forms(struct world *world) {
    for (unsigned i = 0; i < FORMS && !world->failed; i++) {
        json_t *response = office_ask(world, 0, "form.add", json_pack("{s:o}", "form", form_of(i)));
        if (office_answer(response) != STATUS_OK) {
            char *text = json_dumps(response, JSON_COMPACT);
            world_fail(world, "form %s: %.300s", form_names[i], text);
            free(text);
        }
        json_decref(response);
    }
}

/* A next version of a form, or a form of one's own; large: of many fields with long labels. */
void work_form(struct world *world, unsigned office, bool large) {
    json_t *form = form_of(large ? WELFARE : (unsigned)random_below(&world->random, FORMS)), *fields = json_object_get(form, "fields");
    char name[16], label[400];
    snprintf(name, sizeof name, "extra_%u", world->form_labels++);
    if (large) {
        json_object_set_new(form, "name", json_string(random_chance(&world->random, 500) ? name : "large"));
    } else if (office > 0 || random_chance(&world->random, 100)) { /* the names of the root's forms stay its own */
        json_object_set_new(form, "name", json_string("local"));
    }
    size_t count = large ? 1 + random_below(&world->random, FORM_FIELDS_LARGE) : 1;
    for (size_t i = 0; i < count; i++) {
        char field[40];
        work_text(world, label, large ? sizeof label - 1 : 8);
        snprintf(field, sizeof field, "%s_%zu", name, i);
        json_array_append_new(fields, json_pack("{s:s, s:s, s:s}", "name", field, "type", "integer", "label", label));
    }
    work_asked(world, office, "form.add", json_pack("{s:o}", "form", form), large ? EVENT_LARGE_CONTROL : EVENT_FORM);
}

/* ---- cells ---- */

static json_t *value(const char *text) {
    return json_pack("{s:s, s:s}", "state", "value", "value", text);
}

static json_t *number(struct world *world) {
    char text[24];
    if (random_chance(&world->random, 80)) {
        return json_pack("{s:s}", "state", random_chance(&world->random, 500) ? "missing" : "na");
    }
    snprintf(text, sizeof text, "%lld", (long long)random_between(&world->random, 0, 40));
    json_t *cell = value(text);
    if (random_chance(&world->random, 100)) {
        json_object_set_new(cell, "qualifier", json_string(random_chance(&world->random, 500) ? "over" : "about"));
    }
    return cell;
}

static json_t *remark(struct world *world, size_t len) {
    char text[TEXT_MAX + 1];
    work_text(world, text, len < TEXT_MAX ? len : TEXT_MAX);
    return value(text);
}

static void one_more(struct world *world, json_t *cells) {
    static const char *const grades[] = {"good", "fair", "weak"}, *const days[] = {"2025-06-01", "2025-06-30"};
    switch (random_below(&world->random, 6)) {
    case 0:
        json_object_set_new(cells, "remark", remark(world, 5 + random_below(&world->random, 300)));
        break;
    case 1:
        json_object_set_new(cells, "met", value(random_chance(&world->random, 500) ? "yes" : "no"));
        break;
    case 2:
        json_object_set_new(cells, "grade", value(grades[random_below(&world->random, 3)]));
        break;
    case 3:
        json_object_set_new(cells, "held", value(days[random_below(&world->random, 2)]));
        break;
    case 4:
        json_object_set_new(cells, "rate", value("2.50"));
        break;
    default:
        json_object_set_new(cells, "fees", number(world));
    }
}

static json_t *cells_of(struct world *world, unsigned form) {
    json_t *cells = json_object();
    switch (form) {
    case MEMBERS:
        json_object_set_new(cells, "total", number(world));
        for (size_t i = random_below(&world->random, 3); i > 0; i--) {
            one_more(world, cells);
        }
        break;
    case WELFARE:
        json_object_set_new(cells, "homes", number(world));
        json_object_set_new(cells, "spent", number(world));
        break;
    case LOANS:
        json_object_set_new(cells, "lent", number(world));
        break;
    default:
        json_object_set_new(cells, "open", number(world));
    }
    return cells;
}

static const char *period_of(struct world *world) {
    static const char *const periods[PERIODS] = {"2025-05", "2025-06"};
    return periods[random_below(&world->random, PERIODS)];
}

static const char *row_of(struct world *world) {
    static const char *const rows[ROWS] = {"an", "binh", "chi"};
    return rows[random_below(&world->random, ROWS)];
}

/* ---- one record ---- */

static json_t *put_args(struct world *world, unsigned form) {
    json_t *args = json_pack("{s:s, s:s, s:o}", "form", form_names[form], "period", period_of(world), "cells", cells_of(world, form));
    if (form == LOANS) {
        json_object_set_new(args, "row", json_string(row_of(world)));
    }
    return args;
}

void work_record(struct world *world, unsigned office) {
    static const unsigned often[] = {MEMBERS, MEMBERS, MEMBERS, WELFARE, WELFARE, LOANS, CASES, NOTES};
    unsigned form = often[random_below(&world->random, sizeof often / sizeof often[0])];
    json_t *args = put_args(world, form);
    if (random_chance(&world->random, 300)) {
        json_object_set_new(args, "reason", json_string("xem lai so"));
    }
    work_asked(world, office, "put", args, form == CASES || form == NOTES ? EVENT_LIMITED_REACH : EVENT_RECORD);
}

/* For some unit, most often one below. */
void work_correction(struct world *world, unsigned office) {
    const struct ram_tree *tree = &world->truth;
    const struct unit_id *unit = NULL;
    char text[33];
    for (unsigned i = 0; i < 8 && (unit == NULL || !ram_tree_above(tree, world_unit(world, office), unit)); i++) {
        unit = &tree->units[random_below(&world->random, tree->unit_count)].id;
    }
    json_t *args = put_args(world, (unsigned)random_below(&world->random, 3));
    work_unit_text(unit, text);
    json_object_set_new(args, "unit", json_string(text));
    if (random_chance(&world->random, 400)) {
        json_object_set_new(args, "on_behalf", json_true());
    }
    if (random_chance(&world->random, 850)) {
        json_object_set_new(args, "reason", json_string("cong nham"));
    }
    work_asked(world, office, "put", args, EVENT_CORRECTION);
}

/* Another office that may write for the unit: a second one of its own, or one above. */
static bool find_other(struct world *world, unsigned office, unsigned *other) {
    unsigned first = (unsigned)random_below(&world->random, world->office_count);
    for (unsigned i = 0; i < world->office_count; i++) {
        unsigned at = (first + i) % (unsigned)world->office_count;
        bool may =
            ID_EQUAL(world_unit(world, at), world_unit(world, office)) || ram_tree_above(&world->truth, world_unit(world, at), world_unit(world, office));
        if (at != office && may && office_serves(world, at) && office_up(world, at)) {
            *other = at;
            return true;
        }
    }
    return false;
}

void work_together(struct world *world, unsigned office) {
    unsigned form = (unsigned)random_below(&world->random, 3), other;
    char unit[33];
    if (!find_other(world, office, &other)) {
        return;
    }
    json_t *args = put_args(world, form), *others = json_deep_copy(args);
    work_unit_text(world_unit(world, office), unit);
    json_object_set_new(others, "cells", cells_of(world, form));
    json_object_set_new(others, "unit", json_string(unit));
    json_object_set_new(args, "reason", json_string("thong nhat"));
    json_object_set_new(others, "reason", json_string("thong nhat"));
    if (random_chance(&world->random, 500)) {
        json_object_set_new(others, "on_behalf", json_true());
    }
    json_decref(office_ask(world, office, "put", args));
    json_decref(office_ask(world, other, "put", others));
    if (office_up(world, office)) {
        drive_changed(world, office, OFFICES_MAX);
    }
    if (office_up(world, other)) {
        drive_changed(world, other, OFFICES_MAX);
    }
}

/* ---- sheets ---- */

static json_t *sheet_row(struct world *world, unsigned office, size_t line, size_t text_bytes) {
    char unit[33], row[24];
    work_unit_text(world_unit(world, office), unit);
    if (text_bytes > 0) {
        snprintf(row, sizeof row, "r%zu", line);
    } else {
        snprintf(row, sizeof row, "%s", row_of(world));
    }
    json_t *last = text_bytes > 0 ? remark(world, text_bytes) : json_null();
    return json_pack("[i, s, s, s, [o, o]]", (int)line, unit, period_of(world), row, number(world), last);
}

void work_sheet(struct world *world, unsigned office, bool large) {
    size_t rows = large ? 4 + random_below(&world->random, 22) : 1 + random_below(&world->random, 3);
    json_t *begin = json_pack("{s:s, s:[s, s], s:s}", "form", form_names[LOANS], "columns", "lent", "remark", "reason", "so tay");
    json_t *response = office_ask(world, office, "import.begin", begin), *list = json_array();
    const char *import = json_string_value(json_object_get(json_object_get(response, "result"), "import"));
    for (size_t i = 0; i < rows; i++) {
        json_array_append_new(list, sheet_row(world, office, i + 1, large ? 1000 + random_below(&world->random, 3000) : 0));
    }
    if (import != NULL && office_up(world, office)) {
        json_decref(office_ask(world, office, "import.rows", json_pack("{s:s, s:O}", "import", import, "rows", list)));
    }
    if (import != NULL && office_up(world, office)) {
        work_asked(world, office, "import.commit", json_pack("{s:s}", "import", import), large ? EVENT_LARGE : EVENT_SHEET);
    }
    json_decref(list);
    json_decref(response);
}
