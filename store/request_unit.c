/* Requests about units: adding one, listing, showing; the level table. Importing many: request_unit_import.c. */
#include "store/request_unit.h"

#include "store/period.h"
#include "store/structure.h"

#include <stdio.h>

/* ---- checks that adding and importing share ---- */

enum status request_unit_code_valid(struct bytes code) {
    for (size_t i = 0; i < code.len; i++) {
        if (code.data[i] <= ' ' || strchr("/,*@", code.data[i]) != NULL) {
            return STATUS_VALUE_INVALID;
        }
    }
    return STATUS_OK;
}

uint32_t request_unit_namesake(const struct tree *tree, uint32_t parent, struct bytes name) {
    const uint32_t *children;
    size_t count = tree_children(tree, parent, &children);
    for (size_t i = 0; i < count; i++) {
        if (tree_code(tree, children[i], TREE_TODAY).len == 0 && bytes_equal(tree_name(tree, children[i], TREE_TODAY), name)) {
            return children[i];
        }
    }
    return TREE_NONE;
}

/* ---- unit.add ---- */

/* What unit.add was asked for; code and name stand in the buffers. */
struct wanted {
    struct buffer code, name;
    unsigned level;
    uint32_t parent;
    struct date effective;
};

static enum status read_wanted(struct request *request, struct wanted *wanted) {
    static const struct text_bounds code = {"code", 0, UNIT_CODE_BYTES_MAX}, name = {"name", 1, UNIT_NAME_BYTES_MAX};
    int32_t effective = INT32_MIN;
    enum status status = request_clean(request, &code, &wanted->code);
    if (status == STATUS_OK) {
        status = request_unit_code_valid(buffer_bytes(&wanted->code));
        if (status != STATUS_OK) {
            return request_refuse(request, status, "field", "code", "read", request_text(request, "code"), "expected", "A-Z 0-9 . - _", NULL);
        }
    }
    if (status == STATUS_OK) {
        status = request_clean(request, &name, &wanted->name);
    }
    if (status == STATUS_OK) {
        status = request_unit(request, request_text(request, "parent"), INT32_MIN, &wanted->parent);
    }
    if (status == STATUS_OK) {
        status = request_level(request, request_text(request, "level"), &wanted->level);
    }
    if (status == STATUS_OK) {
        status = request_date(request, "effective", &effective);
    }
    wanted->effective = (struct date){.set = effective != INT32_MIN, .days = effective == INT32_MIN ? 0 : effective};
    return status;
}

static enum status refuse_unit(struct request *request, enum status status, uint32_t unit) {
    char id[33], name[UNIT_NAME_BYTES_MAX + 1];
    struct bytes code = tree_code(request->store->tree, unit, TREE_TODAY);
    struct bytes shown = code.len > 0 ? code : tree_name(request->store->tree, unit, TREE_TODAY);
    request_hex(id, tree_unit_id(request->store->tree, unit)->b, 16);
    snprintf(name, sizeof name, "%.*s", (int)shown.len, shown.len > 0 ? (const char *)shown.data : "");
    return request_refuse(request, status, "unit", name[0] != '\0' ? name : id, "id", id, NULL);
}

static enum status refuse_existing(struct request *request, uint32_t unit, struct bytes code) {
    char name[UNIT_NAME_BYTES_MAX + 1], shown[UNIT_CODE_BYTES_MAX + 1], id[33];
    struct bytes existing = tree_name(request->store->tree, unit, TREE_TODAY);
    snprintf(name, sizeof name, "%.*s", (int)existing.len, existing.len > 0 ? (const char *)existing.data : "");
    snprintf(shown, sizeof shown, "%.*s", (int)code.len, code.len > 0 ? (const char *)code.data : "");
    request_hex(id, tree_unit_id(request->store->tree, unit)->b, 16);
    return request_refuse(request, STATUS_UNIT_EXISTS, "code", shown[0] != '\0' ? shown : NULL, "name", name, "id", id, NULL);
}

static enum status check_wanted(struct request *request, const struct wanted *wanted) {
    const struct tree *tree = request->store->tree;
    char level[8], parent_level[8];
    uint32_t existing;
    enum status status = structure_allowed(request->store, wanted->parent);
    if (status != STATUS_OK) {
        return refuse_unit(request, status, wanted->parent);
    }
    if (wanted->level <= tree_level(tree, wanted->parent, TREE_TODAY)) {
        snprintf(level, sizeof level, "%u", wanted->level);
        snprintf(parent_level, sizeof parent_level, "%u", tree_level(tree, wanted->parent, TREE_TODAY));
        return request_refuse(request, STATUS_LEVEL_WRONG, "level", level, "parent_level", parent_level, NULL);
    }
    if (tree_by_code(tree, buffer_bytes(&wanted->code), TREE_TODAY, &existing, 1) > 0) {
        return refuse_existing(request, existing, buffer_bytes(&wanted->code));
    }
    if (wanted->code.len == 0) {
        existing = request_unit_namesake(tree, wanted->parent, buffer_bytes(&wanted->name));
        if (existing != TREE_NONE) {
            return refuse_existing(request, existing, (struct bytes){0});
        }
    }
    return STATUS_OK;
}

static enum status write_wanted(struct request *request, const struct wanted *wanted, struct unit_id *id) {
    struct store *store = request->store;
    struct unit_change unit = {.parent = *tree_unit_id(store->tree, wanted->parent),
                               .level = (uint8_t)wanted->level,
                               .code = buffer_bytes(&wanted->code),
                               .name = buffer_bytes(&wanted->name),
                               .effective = wanted->effective};
    struct buffer payload;
    struct stored stored;
    uint8_t nonce[16];
    buffer_init(&payload, BODY_BYTES_MAX);
    os_random(nonce, sizeof nonce);
    keys_unit_id(id, &store->founding.association, nonce, 0);
    structure_line(store->tree, wanted->parent, true, &unit.line);
    enum status status = unit_change_encode(&unit, &payload);
    if (status == STATUS_OK) {
        const struct change change = {.kind = CHANGE_UNIT, .payload = buffer_bytes(&payload)};
        const struct structure_draft draft = {.nonce = nonce, .units = &wanted->parent, .unit_count = 1, .changes = &change, .change_count = 1};
        status = structure_append(store, &draft, &stored);
    }
    buffer_fini(&payload);
    return status == STATUS_OK ? apply_pending(store) : status;
}

static enum status unit_add(struct request *request) {
    struct wanted wanted;
    struct unit_id id;
    memset(&wanted, 0, sizeof wanted);
    buffer_init(&wanted.code, UNIT_NAME_BYTES_MAX * 4);
    buffer_init(&wanted.name, UNIT_NAME_BYTES_MAX * 4);
    enum status status = read_wanted(request, &wanted);
    if (status == STATUS_OK) {
        status = check_wanted(request, &wanted);
    }
    if (status == STATUS_OK) {
        status = write_wanted(request, &wanted, &id);
    }
    buffer_fini(&wanted.code);
    buffer_fini(&wanted.name);
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t unit = tree_unit(request->store->tree, &id);
    if (unit == TREE_NONE) {
        return STATUS_INTERNAL; /* what was checked above must stand */
    }
    request->result = request_unit_json(request->store, unit, INT32_MIN);
    return STATUS_OK;
}

/* ---- unit.list ---- */

struct listing {
    struct store *store;
    json_t *units;
    int32_t date;
};

static bool list_unit(void *arg, uint32_t unit, unsigned depth) {
    struct listing *listing = arg;
    (void)depth;
    json_array_append_new(listing->units, request_unit_json(listing->store, unit, listing->date));
    return true;
}

static json_t *date_json(int32_t days) {
    char text[11];
    period_date_text(text, days);
    return json_string(text);
}

static enum status unit_list(struct request *request) {
    struct store *store = request->store;
    const char *under = request_text(request, "under");
    int32_t date;
    uint32_t unit, line[LINE_UNITS_MAX];
    enum status status = request_date(request, "as_of", &date);
    if (status == STATUS_OK) {
        date = date == INT32_MIN ? request_today() : date;
        status = request_unit(request, under, date, &unit);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct listing listing = {.store = store, .units = json_array(), .date = date};
    size_t count = under == NULL || under[0] == '\0' ? tree_line(store->tree, unit, date, line) : 0;
    while (count > 0) {
        list_unit(&listing, line[--count], 0);
    }
    tree_walk(store->tree, unit, date, list_unit, &listing);
    request->result = json_pack("{s:o, s:o}", "as_of", date_json(date), "units", listing.units);
    return STATUS_OK;
}

/* ---- unit.show ---- */

static void tell_write(void *arg, const struct tree_write *write) {
    static const char *const names[] = {[UNIT_CODE] = "code", [UNIT_NAME] = "name", [UNIT_LEVEL] = "level"};
    char level[8];
    snprintf(level, sizeof level, "%u", write->level);
    json_array_append_new(arg, json_pack("{s:s, s:o, s:o, s:o, s:b}", "attribute", names[write->attribute], "value",
                                         write->attribute == UNIT_LEVEL ? json_string(level) : request_string(write->text), "effective",
                                         write->effective.set ? date_json(write->effective.days) : json_null(), "node",
                                         request_hex_json(write->author.b, sizeof write->author.b), "holds", write->holds));
}

static enum status unit_show(struct request *request) {
    struct store *store = request->store;
    int32_t date;
    uint32_t unit, line[LINE_UNITS_MAX];
    const uint32_t *items;
    enum status status = request_date(request, "as_of", &date);
    if (status == STATUS_OK) {
        date = date == INT32_MIN ? request_today() : date;
        status = request_unit(request, request_text(request, "unit"), date, &unit);
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *shown = request_unit_json(store, unit, date), *above = json_array(), *history = json_array();
    size_t count = tree_line(store->tree, unit, TREE_TODAY, line), children = 0;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(above, request_unit_json(store, line[i], date));
    }
    count = tree_children(store->tree, unit, &items);
    for (size_t i = 0; i < count; i++) {
        children += tree_exists(store->tree, items[i], date);
    }
    tree_each_write(store->tree, unit, tell_write, history);
    json_object_set_new(shown, "line", above);
    json_object_set_new(shown, "nodes", json_integer((json_int_t)tree_unit_nodes(store->tree, unit, &items)));
    json_object_set_new(shown, "children", json_integer((json_int_t)children));
    json_object_set_new(shown, "history", history);
    request->result = shown;
    return STATUS_OK;
}

/* ---- level.list ---- */

static enum status level_list(struct request *request) {
    const struct level_name *levels;
    size_t count = tree_levels(request->store->tree, &levels);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *names = json_object();
        for (size_t j = 0; j < levels[i].names.count; j++) {
            const struct text *text = &levels[i].names.items[j];
            char lang[9];
            snprintf(lang, sizeof lang, "%.*s", (int)text->lang.len, (const char *)text->lang.data);
            json_object_set_new(names, lang, request_string(text->text));
        }
        json_array_append_new(list, json_pack("{s:i, s:o}", "number", (int)levels[i].number, "names", names));
    }
    request->result = json_pack("{s:o}", "levels", list);
    return STATUS_OK;
}

const struct request_verb request_unit_verbs[] = {
    {"unit.add", unit_add, true},    {"unit.import", request_unit_import, true}, {"unit.list", unit_list, false},
    {"unit.show", unit_show, false}, {"level.list", level_list, false},          {NULL, NULL, false},
};
