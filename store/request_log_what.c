/* What a change says, in a few words that need no language. */
#include "store/form_view.h"
#include "store/json_memory.h"
#include "store/period.h"
#include "store/request_care.h"

#include "protocol/put.h"
#include "protocol/trust.h"

#include <stdlib.h>

const char *request_log_kind(uint64_t kind) {
    static const struct {
        uint64_t kind;
        const char *name;
    } names[] = {{CHANGE_UNIT, "unit"},        {CHANGE_UNIT_SET, "unit_set"},       {CHANGE_ADMISSION, "admission"},
                 {CHANGE_FORM, "form"},        {CHANGE_LEVEL_TABLE, "level_table"}, {CHANGE_PUT, "put"},
                 {CHANGE_DOCUMENT, "document"},
                 {CHANGE_ERASE, "erase"},      {CHANGE_REASON, "reason"},         {CHANGE_EXTRACT, "extract"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].kind == kind) {
            return names[i].name;
        }
    }
    return NULL;
}

/* "560 Tỉnh A": code and name as far as there are any; the id of a unit that does not stand. */
static json_t *unit_words(const struct tree *tree, const struct unit_id *id) {
    uint32_t unit = tree_unit(tree, id);
    if (unit == TREE_NONE) {
        return request_hex_json(id->b, sizeof id->b);
    }
    struct bytes code = tree_code(tree, unit, TREE_TODAY), name = tree_name(tree, unit, TREE_TODAY);
    return json_sprintf("%.*s%s%.*s", (int)code.len, code.len > 0 ? (const char *)code.data : "", code.len > 0 && name.len > 0 ? " " : "", (int)name.len,
                        name.len > 0 ? (const char *)name.data : "");
}

static json_t *text_words(struct bytes a, struct bytes b) {
    return json_sprintf("%.*s%s%.*s", (int)a.len, a.len > 0 ? (const char *)a.data : "", a.len > 0 && b.len > 0 ? " " : "", (int)b.len,
                        b.len > 0 ? (const char *)b.data : "");
}

static json_t *attribute_words(const struct unit_set_change *change) {
    static const char *const names[] = {[UNIT_CODE] = "code", [UNIT_NAME] = "name", [UNIT_LEVEL] = "level"};
    if (change->attribute == UNIT_LEVEL) {
        return json_sprintf("level=%u", (unsigned)change->level);
    }
    return json_sprintf("%s=%.*s", names[change->attribute], (int)change->text.len, change->text.len > 0 ? (const char *)change->text.data : "");
}

/* "members 2025-06 ×100": the form, the first period, how many records. */
static json_t *put_words(struct store *store, const struct change *change) {
    const struct form_family *family;
    const struct form_version_view *version;
    struct put put;
    char period[PERIOD_TEXT_MAX] = "";
    json_t *words = NULL;
    enum status status = put_decode(&put, change->payload);
    if (status == STATUS_OK && put.record_count > 0) {
        status = form_view_version(store, &put.form_version, &family, &version);
        if (status == STATUS_OK) {
            period_text(period, &(struct period){version->form.period, put.keys[0].period});
            struct bytes name = version->form.name;
            words = put.record_count == 1 ? json_sprintf("%.*s %s", (int)name.len, (const char *)name.data, period)
                                          : json_sprintf("%.*s %s ×%zu", (int)name.len, (const char *)name.data, period, put.record_count);
        } else {
            words = request_hex_json(put.form_version.b, 8);
        }
    }
    if (status == STATUS_NO_MEMORY) {
        json_memory_miss();
    }
    put_fini(&put);
    return words;
}

/* Decoded on the heap: an admission and a document are large. */
union decoded {
    struct unit_change unit;
    struct unit_set_change attribute;
    struct admission admission;
    struct document document;
    struct form form;
    struct erasure erasure;
};

static json_t *words_of(struct store *store, const struct change *change, union decoded *room) {
    json_t *words = NULL;
    enum status status;
    switch (change->kind) {
    case CHANGE_UNIT:
        return unit_change_decode(&room->unit, change->payload) == STATUS_OK ? text_words(room->unit.code, room->unit.name) : NULL;
    case CHANGE_UNIT_SET:
        return unit_set_change_decode(&room->attribute, change->payload) == STATUS_OK ? attribute_words(&room->attribute) : NULL;
    case CHANGE_ADMISSION:
        return admission_decode(&room->admission, change->payload) == STATUS_OK ? unit_words(store->tree, &room->admission.unit) : NULL;
    case CHANGE_DOCUMENT:
        return document_decode(&room->document, change->payload) == STATUS_OK ? text_words(room->document.number, room->document.title) : NULL;
    case CHANGE_FORM:
        status = form_decode(&room->form, change->payload);
        words = status == STATUS_OK ? text_words(room->form.name, (struct bytes){0}) : NULL;
        if (status == STATUS_NO_MEMORY) {
            json_memory_miss();
        }
        form_fini(&room->form);
        return words;
    case CHANGE_ERASE: /* how many */
        return erasure_decode(&room->erasure, change->payload) == STATUS_OK ? json_sprintf("%zu", room->erasure.entries.count) : NULL;
    case CHANGE_REASON: {
        struct bytes text;
        return reason_decode(&text, change->payload) == STATUS_OK ? text_words(text, (struct bytes){0}) : NULL;
    }
    case CHANGE_PUT:
        return put_words(store, change);
    default:
        return NULL;
    }
}

json_t *request_log_what(struct store *store, const struct change *change) {
    union decoded *room = malloc(sizeof *room);
    if (room == NULL) {
        json_memory_miss();
        return NULL;
    }
    json_t *words = words_of(store, change, room);
    free(room);
    return words != NULL ? words : json_string("");
}
