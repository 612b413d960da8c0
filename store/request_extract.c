/* What `show` says of a record whose own contents do not come as far as this office, where an extract of it does: its sums, who cut them, from which entries.
 */
#include "store/entry_cells.h"
#include "store/extract.h"
#include "store/json_memory.h"
#include "store/request_care.h"

#include <stdio.h>
#include <stdlib.h>

static bool is_contested(const struct extract_item *item, uint16_t number) {
    for (size_t i = 0; i + 1 < item->contested.len; i += 2) {
        if ((item->contested.data[i] | item->contested.data[i + 1] << 8) == number) {
            return true;
        }
    }
    return false;
}

static json_t *value_json(const struct cell *cell, const struct form_field *field, bool contested) {
    static const char *const states[] = {[CELL_UNTOUCHED] = "missing", [CELL_MISSING] = "missing", [CELL_NOT_APPLICABLE] = "na", [CELL_VALUE] = "value"};
    struct buffer text;
    buffer_init(&text, TEXT_VALUE_BYTES_MAX);
    bool value = cell->state == CELL_VALUE && entry_cells_text(cell, field, &text) == STATUS_OK;
    json_t *out = json_pack("{s:s, s:o, s:b}", "state", states[cell->state], "value",
                            value ? request_string(bytes_of(text.len > 0 ? text.data : (const uint8_t *)"", text.len)) : json_null(), "contested", contested);
    if (value && cell->qualifier != QUALIFIER_NONE) {
        json_object_set_new(out, "qualifier", json_string(entry_cells_qualifier(cell->qualifier)));
    }
    buffer_fini(&text);
    return out;
}

static json_t *fields_json(const struct form_family *family, const struct extract_item *item) {
    const struct form *form = &family->newest->form;
    struct register_walk walk;
    struct register_head head;
    json_t *out = json_object();
    register_begin(&walk, buffer_bytes(&item->state));
    while (register_next(&walk, &head)) {
        char name[FORM_NAME_BYTES_MAX + 1];
        int ordinal = head.field < family->field_count ? form_view_field(form, family->fields[head.field]) : -1;
        if (ordinal < 0) {
            continue; /* of a rival version */
        }
        (void)snprintf(name, sizeof name, "%.*s", (int)family->fields[head.field].len, (const char *)family->fields[head.field].data);
        json_object_set_new(out, name, value_json(&head.cell, &form->fields[ordinal], is_contested(item, head.field)));
    }
    return out;
}

static enum status item_json(struct store *store, const struct form_family *family, const struct extract_item *item, json_t **out) {
    struct header *header = malloc(sizeof *header);
    struct stored_entry entry;
    struct ref ref;
    *out = NULL;
    if (header == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = log_read(store, item->entry, &entry, header);
    if (status == STATUS_OK) {
        uint32_t node = tree_node(store->tree, &header->log.node);
        header_ref(&ref, header, &entry.hash);
        *out =
            json_pack("{s:o, s:o, s:o, s:I, s:o}", "entry", request_ref_json(&ref), "unit",
                      node == TREE_NONE ? json_null() : request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN), "node",
                      request_hex_json(header->log.node.b, sizeof header->log.node.b), "time", (json_int_t)header->time, "fields", fields_json(family, item));
        status = *out == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    free(header);
    return status;
}

enum status request_extract_shown(struct store *store, const struct request_record *record, json_t *page) {
    struct extract_list list = {0};
    int64_t form, unit;
    json_t *shown = NULL;
    enum status status = record_form_number(store, record->family->form_id, false, &form);
    if (status == STATUS_OK) {
        status = record_unit_number(store, tree_unit_id(store->tree, record->unit), false, &unit);
    }
    if (status == STATUS_OK) {
        status = extract_counted(store, form, record->period, record->period, &list);
        size_t at = extract_find(&list, record->period, unit);
        if (status == STATUS_OK && at < list.count) {
            status = item_json(store, record->family, &list.items[at], &shown);
        }
        extract_list_fini(&list);
    }
    if (shown != NULL) {
        json_object_set_new(page, "extract", shown);
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
