#include "store/extract_cut.h"

#include "protocol/planted.h"
#include "store/extract.h"
#include "store/extract_figures.h"

#include <stdlib.h>

enum { SET_BYTES_MAX = BODY_BYTES_MAX / 2, CHANGES_MOST = 512 };

uint32_t extract_boundary(const struct tree *tree, uint32_t unit, uint8_t reach) {
    uint32_t best = TREE_NONE;
    for (;;) {
        const uint32_t *nodes;
        int64_t revocation;
        size_t count = tree_unit_nodes(tree, unit, &nodes);
        for (size_t i = 0; i < count; i++)
            best = tree_revoked(tree, nodes[i], &revocation) ? best : unit;
        uint32_t above = tree_parent(tree, unit, TREE_TODAY);
        if (above == TREE_NONE || reach == 0)
            return TREE_NONE; /* they go to the root */
        if (tree_level(tree, above, TREE_TODAY) < reach)
            return best;
        unit = above;
    }
}

/* ---- what has changed since the last time ---- */

struct cutting {
    struct store *store;
    uint32_t own;
    bool all, *changed; /* by unit handle */
    size_t unit_count;
    struct header *header;
    /* the change-set under way, of one unit */
    uint32_t unit;
    struct extract_figures *figures;
    size_t change_count;
    struct change changes[CHANGES_MOST];
    struct buffer payloads[CHANGES_MOST];
    size_t bytes, seen_count;
    struct log_id seen[SEEN_REFS_MAX];
    size_t written;
};

static void mark(struct cutting *cutting, uint32_t unit) {
    if (unit < cutting->unit_count)
        cutting->changed[unit] = true;
}

/* Records of other units stand in directive logs: those whose headers name them. Of the own node's log only what is new has to be looked at: its bodies are all
 * here. */
static enum status mark_directive(struct cutting *cutting, int64_t log, bool own) {
    struct store *store = cutting->store;
    struct query query = db_query(store->db, "SELECT header FROM entry WHERE log = ? AND id > ?");
    enum status status = STATUS_OK;
    query_bind_int(&query, log);
    query_bind_int(&query, own ? store->extracted.entry : 0);
    while (status == STATUS_OK && query_next(&query)) {
        if (header_decode(cutting->header, query_blob(&query, 0)) != STATUS_OK)
            status = STATUS_STORE_DAMAGED;
        else if (cutting->header->cls == CLASS_RECORD && cutting->header->audience_count == 1)
            mark(cutting, tree_unit(store->tree, &cutting->header->audience[0].unit));
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status mark_changed(struct cutting *cutting) {
    struct store *store = cutting->store;
    struct query query = db_query(store->db, "SELECT id, node, kind FROM log WHERE version > ?");
    enum status status = STATUS_OK;
    query_bind_int(&query, (int64_t)store->extracted.version);
    while (status == STATUS_OK && query_next(&query)) {
        struct node_id id;
        query_fixed(&query, 1, id.b, sizeof id.b);
        uint32_t node = tree_node(store->tree, &id);
        if (query_int(&query, 2) == LOG_REPORT && node != TREE_NONE)
            mark(cutting, tree_node_at(store->tree, node)->unit);
        else if (query_int(&query, 2) == LOG_DIRECTIVE)
            status = mark_directive(cutting, query_int(&query, 0), ID_EQUAL(&id, &store->self));
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status greatest_entry(struct store *store, int64_t *out) {
    struct query query = db_query(store->db, "SELECT coalesce(max(id), 0) FROM entry");
    *out = query_next(&query) ? query_int(&query, 0) : 0;
    return query_end(&query);
}

/* ---- writing ---- */

static void forget_set(struct cutting *cutting) {
    for (size_t i = 0; i < cutting->change_count; i++)
        buffer_fini(&cutting->payloads[i]);
    cutting->change_count = cutting->bytes = cutting->seen_count = 0;
}

static int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

/* The heads of the logs that the extracts stand in which these replace. */
static enum status seen_refs(struct cutting *cutting, struct ref *refs, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < cutting->seen_count; i++) {
        bool said = false;
        enum status status = log_applied_ref(cutting->store, &cutting->seen[i], &refs[*count]);
        if (status == STATUS_OK && ID_EQUAL(&cutting->seen[i].node, &cutting->store->self))
            status = life_sees(cutting->store, LOG_DIRECTIVE, &cutting->seen[i], refs[*count].seq, &said);
        if (status != STATUS_OK)
            return status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
        *count += !said;
    }
    if (*count > 1)
        qsort(refs, *count, sizeof *refs, by_ref);
    return STATUS_OK;
}

static enum status write_set(struct cutting *cutting) {
    struct ref *refs = malloc(SEEN_REFS_MAX * sizeof *refs);
    struct buffer body;
    struct stored stored;
    size_t ref_count = 0;
    buffer_init(&body, BODY_BYTES_MAX);
    enum status status = refs == NULL ? STATUS_NO_MEMORY : seen_refs(cutting, refs, &ref_count);
    if (status == STATUS_OK)
        status = body_encode(&body, NULL, cutting->changes, cutting->change_count);
    if (status == STATUS_OK) {
        const struct term audience = {*tree_unit_id(cutting->store->tree, cutting->unit), SCOPE_UNIT};
        const struct draft draft = {.kind = LOG_DIRECTIVE,
                                    .cls = CLASS_RECORD,
                                    .audience_count = 1,
                                    .audience = &audience,
                                    .seen_count = ref_count,
                                    .seen = refs,
                                    .body = buffer_bytes(&body)};
        status = log_append(cutting->store, &draft, &stored);
        cutting->written += status == STATUS_OK;
    }
    forget_set(cutting);
    buffer_fini(&body);
    free(refs);
    return status;
}

/* The figures gathered become a change; the change-set is written where it is full, or `last` says that nothing of the unit follows. */
static enum status end_change(struct cutting *cutting, bool last) {
    enum status status = STATUS_OK;
    if (extract_figures_count(cutting->figures) > 0) {
        struct buffer *payload = &cutting->payloads[cutting->change_count];
        buffer_init(payload, BODY_BYTES_MAX);
        status = extract_figures_encode(cutting->figures, payload);
        cutting->changes[cutting->change_count] =
            (struct change){.kind = CHANGE_EXTRACT, .place = (uint32_t)cutting->change_count, .payload = buffer_bytes(payload)};
        cutting->change_count++;
        cutting->bytes += payload->len;
    }
    bool full = last || cutting->bytes > SET_BYTES_MAX || cutting->change_count == CHANGES_MOST;
    return status == STATUS_OK && full && cutting->change_count > 0 ? write_set(cutting) : status;
}

/* ---- one record ---- */

static enum status log_of(struct store *store, int64_t entry, struct log_id *out) {
    struct query query = db_query(store->db, "SELECT l.node, l.kind, l.epoch FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
    query_bind_int(&query, entry);
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, out->node.b, sizeof out->node.b);
        out->kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, out->epoch.b, sizeof out->epoch.b);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_STORE_DAMAGED : status;
}

/* Adds the logs of what is replaced. *room false: there are too many for one header; they go into the next. */
static enum status see(struct cutting *cutting, const struct extract_list *heads, bool *room) {
    *room = cutting->seen_count + heads->count <= SEEN_REFS_MAX;
    for (size_t i = 0; *room && i < heads->count; i++) {
        struct log_id log;
        size_t j = 0;
        enum status status = log_of(cutting->store, heads->items[i].entry, &log);
        if (status != STATUS_OK)
            return status;
        while (j < cutting->seen_count && !log_id_equal(&cutting->seen[j], &log))
            j++;
        if (j == cutting->seen_count)
            cutting->seen[cutting->seen_count++] = log;
    }
    return STATUS_OK;
}

/* Is what would be cut there already, or cut from more than is here? */
static enum status is_due(struct cutting *cutting, const struct extract_list *heads, bool *due) {
    bool same = heads->count > 0;
    for (size_t i = 0; i < heads->count; i++) {
        bool stands, held;
        enum status status = extract_stands(cutting->store, buffer_bytes(&heads->items[i].cut), &stands, &held);
        if (status != STATUS_OK)
            return status;
        if (!held && !PLANTED("extract-goes-back")) {
            *due = false;
            return STATUS_OK;
        }
        same = same && extract_figures_are(cutting->figures, &heads->items[i]);
    }
    *due = !same;
    return STATUS_OK;
}

/* The record that has just been gathered, whole. */
static enum status end_record(struct cutting *cutting) {
    struct extract_list heads = {0};
    struct record_place place;
    bool due = false, room = true, any;
    enum status status = extract_figures_take(cutting->figures, &place, &any);
    if (status != STATUS_OK || !any)
        return status; /* nothing of it is summable */
    status = extract_heads(cutting->store, &place, &heads);
    if (status == STATUS_OK)
        status = is_due(cutting, &heads, &due);
    if (status == STATUS_OK && due && !extract_figures_fit(cutting->figures))
        status = end_change(cutting, false);
    if (status == STATUS_OK && due)
        status = see(cutting, &heads, &room);
    if (status == STATUS_OK && due && !room) {
        status = end_change(cutting, true);
        if (status == STATUS_OK)
            status = see(cutting, &heads, &room);
    }
    if (status == STATUS_OK && due)
        status = extract_figures_add(cutting->figures);
    extract_list_fini(&heads);
    return status;
}

/* ---- one form ---- */

static uint32_t unit_of(struct cutting *cutting, struct bytes id) {
    struct unit_id unit;
    if (id.len != sizeof unit.b)
        return TREE_NONE;
    memcpy(unit.b, id.data, sizeof unit.b);
    return tree_unit(cutting->store->tree, &unit);
}

/* Records by unit, period, row: of a list all rows of a period make one. */
static enum status walk_form(struct cutting *cutting, const struct form_family *family, int64_t form) {
    struct store *store = cutting->store;
    struct query query =
        db_query(store->db, "SELECT k.unit, r.unit, r.period, r.row, r.state, r.sum FROM record r JOIN unit_key k ON k.id = r.unit WHERE r.form = ?"
                            " ORDER BY r.unit, r.period, r.row");
    enum status status = STATUS_OK;
    int64_t number = 0;
    bool mine = false;
    query_bind_int(&query, form);
    while (status == STATUS_OK && query_next(&query)) {
        struct record_place place = {.form = form, .unit = query_int(&query, 1), .period = (uint32_t)query_int(&query, 2), .row = query_text(&query, 3)};
        if (place.unit != number) {
            status = end_record(cutting);
            if (status == STATUS_OK)
                status = end_change(cutting, true);
            number = place.unit;
            uint32_t unit = unit_of(cutting, query_blob(&query, 0));
            mine = unit != TREE_NONE && (cutting->all || cutting->changed[unit]) &&
                   extract_boundary(store->tree, unit, family->newest->form.reach) == cutting->own;
            cutting->unit = unit;
        } else if (mine && !extract_figures_same(cutting->figures, &place)) {
            status = end_record(cutting);
        }
        if (status != STATUS_OK || !mine)
            continue;
        status = record_sound(&place, query_blob(&query, 4), query_int(&query, 5))
                     ? extract_figures_gather(cutting->figures, &place, cutting->unit, query_blob(&query, 4))
                     : STATUS_STORE_DAMAGED;
    }
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    if (status == STATUS_OK)
        status = end_record(cutting);
    return status == STATUS_OK ? end_change(cutting, true) : status;
}

static enum status cut_family(struct cutting *cutting, const struct form_family *family) {
    int64_t form;
    enum status status = record_form_number(cutting->store, family->form_id, false, &form);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    status = extract_figures_new(&cutting->figures, cutting->store, family);
    if (status == STATUS_OK)
        status = walk_form(cutting, family, form);
    forget_set(cutting);
    extract_figures_free(cutting->figures);
    cutting->figures = NULL;
    return status;
}

/* ---- all of them ---- */

static enum status any_wanted(struct store *store, bool *wanted) {
    const struct form_family *const *families;
    size_t count;
    *wanted = false;
    enum status status = form_view_all(store, &families, &count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        *wanted = *wanted || extract_wanted(&families[i]->newest->form);
    return status;
}

/* A node that would begin a new epoch only for want of a peer's word waits for that word. */
static enum status may_write(struct store *store, uint32_t *own) {
    uint32_t self = tree_node(store->tree, &store->self);
    *own = TREE_NONE;
    if (self == TREE_NONE || (tree_node_at(store->tree, self)->roles & ROLE_WRITER) == 0)
        return STATUS_OK;
    struct query query = db_query(store->db, "SELECT 1 FROM log WHERE node = ? AND kind = 2");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    bool begun = query_next(&query);
    enum status status = query_end(&query);
    if (status == STATUS_OK && !(begun && store->life.states[LOG_DIRECTIVE] == LIFE_WAITING))
        *own = tree_node_at(store->tree, self)->unit;
    return status;
}

static enum status cut_all(struct cutting *cutting) {
    struct store *store = cutting->store;
    const struct form_family *const *families;
    size_t count;
    cutting->unit_count = tree_unit_count(store->tree);
    cutting->changed = calloc(cutting->unit_count + 1, sizeof *cutting->changed);
    cutting->header = malloc(sizeof *cutting->header);
    cutting->all = store->extracted.version == 0 || store->extracted.views != store_views_version(store);
    enum status status = cutting->changed == NULL || cutting->header == NULL ? STATUS_NO_MEMORY : cutting->all ? STATUS_OK : mark_changed(cutting);
    if (status == STATUS_OK)
        status = form_view_all(store, &families, &count);
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        if (extract_wanted(&families[i]->newest->form))
            status = cut_family(cutting, families[i]);
    return status == STATUS_OK && cutting->written > 0 ? apply_pending(store) : status;
}

static enum status cut_in_transaction(struct store *store, uint32_t own, size_t *written) {
    struct cutting *cutting = calloc(1, sizeof *cutting);
    if (cutting == NULL)
        return STATUS_NO_MEMORY;
    cutting->store = store;
    cutting->own = own;
    enum status status = cut_all(cutting);
    *written = cutting->written;
    forget_set(cutting);
    free(cutting->changed);
    free(cutting->header);
    free(cutting);
    return status;
}

enum status extract_cut(struct store *store, size_t *count) {
    bool wanted;
    uint32_t own = TREE_NONE;
    size_t written = 0;
    const struct extracted now = {store->version, store_views_version(store), 0};
    if (count != NULL)
        *count = 0;
    if (store->extracted.version == now.version && store->extracted.views == now.views)
        return STATUS_OK;
    enum status status = any_wanted(store, &wanted);
    if (status == STATUS_OK && wanted)
        status = may_write(store, &own);
    if (status != STATUS_OK || own == TREE_NONE)
        return status;
    status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    status = cut_in_transaction(store, own, &written);
    int64_t greatest = 0;
    if (status == STATUS_OK)
        status = greatest_entry(store, &greatest);
    if (status == STATUS_OK && written > 0) {
        status = store_commit(store);
    } else {
        store_rollback(store);
    }
    if (status == STATUS_OK)
        store->extracted = (struct extracted){store->version, store_views_version(store), greatest};
    if (count != NULL && status == STATUS_OK)
        *count = written;
    return status;
}
