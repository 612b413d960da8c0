/* Puts and extracts of a unit whose level has changed: taken out and judged as if they came now. */
#include "store/apply.h"
#include "store/record.h"
#include "store/record_apply.h"
#include "store/record_load.h"

#include <stdlib.h>

struct entry_list {
    int64_t *items;
    size_t count, capacity;
};

static enum status collect(struct entry_list *entries, int64_t entry) {
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity > 0 ? entries->capacity * 2 : 64;
        int64_t *grown = realloc(entries->items, capacity * sizeof *grown);
        if (grown == NULL)
            return STATUS_NO_MEMORY;
        entries->items = grown;
        entries->capacity = capacity;
    }
    entries->items[entries->count++] = entry;
    return STATUS_OK;
}

static int by_entry(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Entries that wrote records of the unit, or wait for its level. */
static enum status collect_entries(struct store *store, const struct unit_id *unit, struct entry_list *entries) {
    int64_t number;
    enum status status = record_unit_number(store, unit, false, &number);
    if (status == STATUS_OK) {
        struct query query = db_query(store->db, "SELECT state FROM record WHERE unit = ?");
        query_bind_int(&query, number);
        while (status == STATUS_OK && query_next(&query)) {
            int64_t entry = register_only_entry(query_blob(&query, 0));
            status = entry != 0 ? collect(entries, entry) : STATUS_OK;
        }
        enum status ended = query_end(&query);
        status = ended != STATUS_OK ? ended : status;
        query = db_query(store->db, "SELECT DISTINCT entry FROM record_write WHERE unit = ?1 UNION SELECT entry FROM extract WHERE unit = ?1");
        query_bind_int(&query, number);
        while (status == STATUS_OK && query_next(&query))
            status = collect(entries, query_int(&query, 0));
        ended = query_end(&query);
        status = ended != STATUS_OK ? ended : status;
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    struct query query = db_query(store->db, "SELECT DISTINCT entry FROM set_aside WHERE reason = ? AND detail = ?");
    query_bind_int(&query, STATUS_UNIT_NOT_REPORTING);
    query_bind_blob(&query, bytes_of(unit->b, sizeof unit->b));
    status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query))
        status = collect(entries, query_int(&query, 0));
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* Taken out and put in again: what stands by the level of now stands afterwards, the rest is set aside. */
static enum status judge_again(struct store *store, int64_t entry_id) {
    struct header *header = malloc(sizeof *header);
    struct buffer memory = {0};
    struct stored_entry entry;
    enum status status = header != NULL ? record_apply_withdraw(store, entry_id) : STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = apply_take_back_all(store, entry_id);
    if (status == STATUS_OK)
        status = record_load_entry(store, entry_id, &memory, &entry, header);
    if (status == STATUS_OK)
        status = record_apply(store, &entry, header);
    buffer_fini(&memory);
    free(header);
    return status;
}

enum status record_apply_rejudge(struct store *store, uint32_t unit) {
    struct entry_list entries = {0};
    enum status status = collect_entries(store, tree_unit_id(store->tree, unit), &entries);
    if (status == STATUS_OK && entries.count > 0)
        qsort(entries.items, entries.count, sizeof *entries.items, by_entry);
    for (size_t i = 0; i < entries.count && status == STATUS_OK; i++) {
        if (i == 0 || entries.items[i] != entries.items[i - 1])
            status = judge_again(store, entries.items[i]);
    }
    free(entries.items);
    return status;
}
