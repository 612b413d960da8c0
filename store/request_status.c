/* status: one page of what this node is, what waits, and what is wrong. */
#include "store/document.h"
#include "store/json_memory.h"
#include "store/record.h"
#include "store/request_care.h"
#include "store/request_way.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASIDE_UNITS_MAX = 20, ASIDE_OWN_MAX = 20 };

/* ---- set aside ---- */

/* Grouped by reason, each with the units whose nodes wrote them. Rows come by reason, then author. */
struct aside {
    struct store *store;
    json_t *groups, *group;
    int64_t reason, count;
};

static json_t *unit_of_author(struct store *store, const struct node_id *author) {
    uint32_t node = tree_node(store->tree, author);
    return node == TREE_NONE ? json_pack("{s:o}", "node", request_hex_json(author->b, sizeof author->b))
                             : request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN);
}

static void aside_end(struct aside *aside) {
    if (aside->group != NULL) {
        json_object_set_new(aside->group, "count", json_integer((json_int_t)aside->count));
        json_array_append_new(aside->groups, aside->group);
    }
    aside->group = NULL;
    aside->count = 0;
}

static void aside_row(struct aside *aside, int64_t reason, const struct node_id *author, int64_t count) {
    if (aside->group == NULL || aside->reason != reason) {
        aside_end(aside);
        aside->reason = reason;
        aside->group = json_pack("{s:s, s:I, s:[]}", "reason", status_name((enum status)reason), "status", (json_int_t)reason, "units");
    }
    aside->count += count;
    json_t *units = json_object_get(aside->group, "units");
    if (json_array_size(units) < ASIDE_UNITS_MAX) {
        json_array_append_new(units, unit_of_author(aside->store, author));
    }
}

static enum status set_aside(struct store *store, json_t *status) {
    struct aside aside = {.store = store, .groups = json_array()};
    struct query query = db_query(store->db, "SELECT s.reason, l.node, count(*) FROM set_aside s JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log"
                                             " GROUP BY s.reason, l.node ORDER BY s.reason, l.node");
    while (query_next(&query)) {
        struct node_id author;
        query_fixed(&query, 1, author.b, sizeof author.b);
        aside_row(&aside, query_int(&query, 0), &author, query_int(&query, 2));
    }
    aside_end(&aside);
    json_object_set_new(status, "set_aside", aside.groups);
    return query_end(&query);
}

/* What of the own office's entries is set aside, by name: authority and order are the same everywhere, so what is set aside here for that is set aside at every
 * level above. */
static json_t *own_row(struct store *store, int64_t entry_id, enum status reason, struct header *header) {
    struct stored_entry entry;
    struct body_reader reader;
    struct change change;
    struct ref ref;
    json_t *what = NULL;
    if (log_read(store, entry_id, &entry, header) != STATUS_OK) {
        return NULL;
    }
    header_ref(&ref, header, &entry.hash);
    struct buffer copy; /* the words for a change may need other entries read */
    buffer_init(&copy, BODY_BYTES_MAX);
    if (buffer_append(&copy, entry.entry.body.data, entry.entry.body.len) == STATUS_OK && body_open(&reader, buffer_bytes(&copy), header->cls) == STATUS_OK &&
        body_next(&reader, &change)) {
        const char *kind = request_log_kind(change.kind);
        what = json_pack("{s:s, s:o}", "kind", kind != NULL ? kind : "", "what", request_log_what(store, &change));
    }
    buffer_fini(&copy);
    return json_pack("{s:o, s:I, s:s, s:i, s:o}", "entry", request_ref_json(&ref), "time", (json_int_t)header->time, "reason", status_name(reason), "status",
                     (int)reason, "change", what != NULL ? what : json_null());
}

/* Of this node, or of another installation of its unit: the office is one. */
static bool is_own(struct store *store, const struct node_id *author) {
    uint32_t node = tree_node(store->tree, author);
    return ID_EQUAL(author, &store->self) || (node != TREE_NONE && ID_EQUAL(tree_unit_id(store->tree, tree_node_at(store->tree, node)->unit), &store->unit));
}

static enum status own_aside(struct store *store, json_t *status) {
    struct header *header = malloc(sizeof *header);
    json_t *rows = json_array();
    enum status result = header == NULL || rows == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    json_int_t count = 0;
    struct query query = db_query(store->db, "SELECT s.entry, min(s.reason), l.node FROM set_aside s JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log"
                                             " GROUP BY s.entry ORDER BY s.entry DESC");
    while (result == STATUS_OK && query_next(&query)) {
        struct node_id author;
        query_fixed(&query, 2, author.b, sizeof author.b);
        if (is_own(store, &author) && count++ < ASIDE_OWN_MAX) {
            json_t *row = own_row(store, query_int(&query, 0), (enum status)query_int(&query, 1), header);
            result = row != NULL && json_array_append_new(rows, row) == 0 ? STATUS_OK : json_memory_missed() ? STATUS_NO_MEMORY : STATUS_STORE_DAMAGED;
        }
    }
    enum status ended = query_end(&query);
    json_object_set_new(status, "own_aside", rows);
    json_object_set_new(status, "own_aside_count", json_integer(count));
    free(header);
    return result != STATUS_OK ? result : ended;
}

/* Own entries that a holder elsewhere has set aside, by its receipt: of each own log the highest count. */
static enum status aside_above(struct store *store, json_t *status) {
    struct query query = db_query(
        store->db, "SELECT coalesce(sum(most), 0) FROM (SELECT max(aside) AS most FROM receipt WHERE node = ?1 AND holder <> ?1 GROUP BY kind, epoch)");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    json_int_t count = query_next(&query) ? (json_int_t)query_int(&query, 0) : 0;
    json_object_set_new(status, "aside_above", json_integer(count));
    return query_end(&query);
}

/* ---- links, progress, disk ---- */

/* What the daemon told; without one, the addresses that are set. */
static void uplinks(struct store *store, json_t *status) {
    struct store_uplink uplink;
    if (store->uplinks != NULL) {
        json_object_set(status, "uplinks", store->uplinks);
        return;
    }
    json_t *list = json_array();
    if (store_uplink(store, &uplink) == STATUS_OK) {
        for (size_t i = 0; i < uplink.address_count; i++) {
            json_array_append_new(list, json_pack("{s:s, s:s, s:n}", "address", uplink.addresses[i], "state", "none", "last_contact"));
        }
    }
    json_object_set_new(status, "uplinks", list);
}

static enum status progress(struct store *store, json_t *status) {
    struct store_progress reached;
    enum status result = store_progress(store, &reached);
    json_t *holders = NULL;
    if (result == STATUS_OK) {
        result = request_way_counts(store, &holders);
    }
    json_object_set_new(status, "above", holders != NULL ? holders : json_array());
    json_object_set_new(status, "log",
                        json_pack("{s:I, s:I, s:I, s:I}", "written", (json_int_t)reached.written, "stored_above", (json_int_t)reached.stored_above,
                                  "counted_above", (json_int_t)reached.counted_above, "at_root", (json_int_t)reached.at_root));
    return result;
}

static enum status disk(struct store *store, json_t *status) {
    struct query query = db_query(store->db, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
    json_int_t size = query_next(&query) ? (json_int_t)query_int(&query, 0) : -1;
    enum status result = query_end(&query);
    json_object_set_new(status, "disk", json_pack("{s:I, s:I}", "free", (json_int_t)os_disk_free(store->dir), "store", size));
    return result;
}

/* The recovery keys as the founding statement has them ("2of3", "none"), and where they still lie. */
static enum status recovery(struct store *store, json_t *status) {
    char keys[16] = "none", path[1025] = "";
    struct buffer text;
    if (store->founding.recovery_count > 0) {
        snprintf(keys, sizeof keys, "%uof%u", store->founding.recovery_threshold, store->founding.recovery_count);
    }
    buffer_init(&text, sizeof path - 1);
    enum status result = store_meta(store->db, "recovery_path", &text);
    if (result == STATUS_OK) {
        snprintf(path, sizeof path, "%.*s", (int)text.len, (const char *)text.data);
    }
    buffer_fini(&text);
    json_object_set_new(status, "recovery", json_string(keys));
    json_object_set_new(status, "recovery_keys", path[0] != '\0' && os_file_exists(path) ? json_string(path) : json_null());
    return result == STATUS_NOT_FOUND ? STATUS_OK : result;
}

static json_t *node_json(const struct store *store) {
    uint32_t node = tree_node(store->tree, &store->self);
    return json_pack("{s:o, s:b, s:s}", "id", request_hex_json(store->self.b, sizeof store->self.b), "stands", node != TREE_NONE, "version", HOI_VERSION);
}

static json_t *unit_json(struct store *store) {
    uint32_t unit = tree_unit(store->tree, &store->unit);
    return unit == TREE_NONE ? json_pack("{s:o, s:s, s:s, s:i, s:n}", "id", request_hex_json(store->unit.b, 16), "code", "", "name", "", "level", 0, "parent")
                             : request_unit_json(store, unit, INT32_MIN);
}

enum status request_status(struct request *request) {
    struct store *store = request->store;
    int64_t conflicts = 0, letters = 0;
    json_t *page = json_pack("{s:o, s:o, s:o, s:b, s:I}", "node", node_json(store), "unit", unit_json(store), "association",
                             request_string(store->founding.name), "practice", store->founding.practice, "time", (json_int_t)os_time());
    if (page == NULL) {
        return STATUS_NO_MEMORY;
    }
    request->result = page;
    uplinks(store, page);
    enum status status = progress(store, page);
    if (status == STATUS_OK) {
        status = set_aside(store, page);
    }
    if (status == STATUS_OK) {
        status = own_aside(store, page);
    }
    if (status == STATUS_OK) {
        status = aside_above(store, page);
    }
    if (status == STATUS_OK) {
        status = record_contested_count(store, &conflicts);
    }
    if (status == STATUS_OK) {
        status = document_count(store, &letters);
    }
    if (status == STATUS_OK) {
        status = request_trust_status(store, page);
    }
    if (status == STATUS_OK) {
        status = request_clock_status(store, page);
    }
    if (status == STATUS_OK) {
        status = request_erase_status(store, page);
    }
    if (status == STATUS_OK) {
        status = disk(store, page);
    }
    if (status == STATUS_OK) {
        status = recovery(store, page);
    }
    json_object_set_new(page, "listening", json_false()); /* a running daemon knows better, and says so (daemon/service.c) */
    json_object_set_new(page, "children", json_integer((json_int_t)store_children(store)));
    json_object_set_new(page, "conflicts", json_integer((json_int_t)conflicts));
    json_object_set_new(page, "inbox", json_integer((json_int_t)letters));
    json_object_set_new(page, "applying",
                        json_string(status_name(store->apply_status))); /* anything but OK: what was received is kept, and applied when it can be */
    return status;
}
