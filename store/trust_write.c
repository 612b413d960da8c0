#include "store/trust_write.h"

#include "store/structure.h"

#include <stdlib.h>

enum { PIN_SECONDS = 30 * 86400 };

/* ---- who may ---- */

enum status trust_allowed(const struct store *store, uint32_t node) {
    uint32_t self = tree_node(store->tree, &store->self);
    if (self == TREE_NONE)
        return STATUS_LINE_BROKEN;
    if (node == self)
        return STATUS_OK; /* whoever he is, he may always cut himself */
    enum status status = structure_allowed(store, tree_node_at(store->tree, node)->unit);
    return status == STATUS_OK && tree_seniority(store->tree, self, node) > 0 ? STATUS_REQUEST_ONLY : status;
}

/* ---- how far logs go ---- */

struct head {
    struct ref ref;
    bool continued; /* by another held log of the node */
};

static int by_ref(const void *a, const void *b) {
    return ref_compare(a, b);
}

/* The entry before one that is named, of the log that it is of. */
static enum status before(struct store *store, const struct ref *from, struct ref *out, bool *any) {
    int64_t id;
    struct stored_entry entry;
    *any = from->seq > 1;
    if (!*any)
        return STATUS_OK;
    enum status status = log_find(store, &from->log, from->seq - 1, &id);
    if (status == STATUS_OK)
        status = log_read(store, id, &entry, NULL);
    if (status == STATUS_OK)
        *out = (struct ref){.log = from->log, .seq = from->seq - 1, .hash = hash_short(&entry.hash)};
    return status;
}

static enum status head_of(struct store *store, const struct trust_heads *asked, const struct log_id *log, struct head *out, bool *any) {
    for (size_t i = 0; i < asked->from_count; i++)
        if (log_id_equal(&asked->from[i].log, log))
            return before(store, &asked->from[i], &out->ref, any);
    enum status status = log_applied_ref(store, log, &out->ref);
    *any = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The log that an epoch continues past the cut of that one does not end there: it has to end with it, as if it had not been named. */
static enum status epoch_rests(struct store *store, const struct log_id *log, struct head *heads, size_t count, bool *rests) {
    int64_t id;
    struct stored_entry entry;
    *rests = true;
    enum status status = log_find(store, log, 1, &id);
    if (status == STATUS_OK)
        status = log_read(store, id, &entry, store->scratch);
    if (status != STATUS_OK || !store->scratch->has_continues)
        return status;
    const struct ref continues = store->scratch->continues;
    for (size_t i = 0; i < count; i++) {
        if (log_id_equal(&heads[i].ref.log, &continues.log)) {
            heads[i].continued = true;
            *rests = continues.seq <= heads[i].ref.seq;
            return STATUS_OK;
        }
    }
    *rests = false;
    return STATUS_OK;
}

/* Rows in the order in which the logs were begun here: an epoch comes after the one it continues. */
static enum status heads_gather(struct store *store, const struct trust_heads *asked, struct head **out, size_t *count) {
    size_t capacity = 0;
    enum status status = STATUS_OK;
    *out = NULL;
    *count = 0;
    struct query query = db_query(store->db, "SELECT kind, epoch FROM log WHERE node = ? ORDER BY id");
    query_bind_blob(&query, bytes_of(asked->node->b, sizeof asked->node->b));
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log = {.node = *asked->node, .kind = (uint8_t)query_int(&query, 0)};
        bool any, rests = true;
        query_fixed(&query, 1, log.epoch.b, sizeof log.epoch.b);
        if (*count == capacity) {
            capacity = capacity == 0 ? 16 : 2 * capacity;
            struct head *grown = realloc(*out, capacity * sizeof **out);
            if (grown == NULL) {
                status = STATUS_NO_MEMORY;
                break;
            }
            *out = grown;
        }
        (*out)[*count] = (struct head){.continued = false};
        status = head_of(store, asked, &log, &(*out)[*count], &any);
        if (status == STATUS_OK && any)
            status = epoch_rests(store, &log, *out, *count, &rests);
        *count += status == STATUS_OK && any && rests;
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

enum status trust_heads(struct store *store, const struct trust_heads *asked, struct refs *out) {
    struct head *heads;
    size_t count;
    out->count = 0;
    enum status status = heads_gather(store, asked, &heads, &count);
    for (int round = 0; status == STATUS_OK && round < 2; round++)
        for (size_t i = count; i > 0 && out->count < TRUST_REFS_MAX; i--)
            if (heads[i - 1].continued == (round == 1))
                out->items[out->count++] = heads[i - 1].ref;
    qsort(out->items, out->count, sizeof out->items[0], by_ref);
    free(heads);
    return status;
}

/* ---- writing ---- */

static enum status append_one(struct store *store, uint64_t kind, const struct buffer *payload, uint32_t unit, struct stored *out) {
    uint8_t nonce[16];
    const struct change change = {.kind = kind, .payload = buffer_bytes(payload)};
    const struct structure_draft draft = {.nonce = nonce, .units = &unit, .unit_count = 1, .changes = &change, .change_count = 1};
    os_random(nonce, sizeof nonce);
    return structure_append(store, &draft, out);
}

enum status trust_reason(struct store *store, uint32_t unit, const struct trust_said *said, struct ref *out) {
    struct buffer payload, body;
    struct stored stored;
    buffer_init(&payload, BODY_BYTES_MAX);
    buffer_init(&body, BODY_BYTES_MAX);
    enum status status = reason_encode(said->reason, &payload);
    if (status == STATUS_OK)
        status = body_encode(&body, NULL,
                             (const struct change[]){{.kind = CHANGE_REASON, .payload = buffer_bytes(&payload)},
                                                     {.kind = CHANGE_DOCUMENT_PERSON, .place = 1, .payload = said->person}},
                             said->person.len > 0 ? 2 : 1);
    if (status == STATUS_OK) {
        const struct term audience = {*tree_unit_id(store->tree, unit), SCOPE_UNIT};
        const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_DOCUMENT, .audience_count = 1, .audience = &audience, .body = buffer_bytes(&body)};
        status = log_append(store, &draft, &stored);
        *out = stored.ref;
    }
    buffer_fini(&payload);
    buffer_fini(&body);
    return status;
}

enum status trust_revoke(struct store *store, uint32_t node, const struct refs *upto, const struct ref *reason, struct stored *out) {
    const struct tree_node *found = tree_node_at(store->tree, node);
    struct buffer payload;
    struct revocation *revocation = calloc(1, sizeof *revocation);
    if (revocation == NULL)
        return STATUS_NO_MEMORY;
    revocation->node = found->id;
    revocation->upto = *upto;
    revocation->has_reason = reason != NULL;
    if (reason != NULL)
        revocation->reason = *reason;
    buffer_init(&payload, BODY_BYTES_MAX);
    enum status status = revocation_encode(revocation, &payload);
    if (status == STATUS_OK)
        status = append_one(store, CHANGE_REVOCATION, &payload, found->unit, out);
    buffer_fini(&payload);
    free(revocation);
    return status;
}

enum status trust_decide(struct store *store, uint32_t node, const struct fork_decision *decision, struct stored *out) {
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    enum status status = fork_decision_encode(decision, &payload);
    if (status == STATUS_OK)
        status = append_one(store, CHANGE_FORK_DECISION, &payload, tree_node_at(store->tree, node)->unit, out);
    buffer_fini(&payload);
    return status;
}

enum status trust_admit_successor(struct store *store, const struct node_keys *keys, struct admission *out, struct stored *stored) {
    uint32_t self = tree_node(store->tree, &store->self);
    if (self == TREE_NONE)
        return STATUS_LINE_BROKEN;
    const struct tree_node *own = tree_node_at(store->tree, self);
    struct buffer payload;
    *out = (struct admission){.inviter = store->self, .unit = store->unit, .roles = own->roles, .has_succeeds = true, .succeeds = store->self};
    memcpy(out->signing_key, keys->signing_public, sizeof out->signing_key);
    memcpy(out->transport_key, keys->transport_public, sizeof out->transport_key);
    os_random(out->nonce, sizeof out->nonce);
    structure_line(store->tree, own->unit, false, &out->line);
    buffer_init(&payload, BODY_BYTES_MAX);
    enum status status = structure_allowed(store, own->unit);
    if (status == STATUS_OK)
        status = admission_encode(out, &payload);
    if (status == STATUS_OK)
        status = append_one(store, CHANGE_ADMISSION, &payload, own->unit, stored);
    buffer_fini(&payload);
    return status;
}

/* ---- pins ---- */

/* Logs of the nodes of the own unit (juniors) and of the units directly below, where the entry applied last is another than the one pinned here last. A pin is
 * good as long as it names what was good when it was written: which were written when stands in `meta`, so that a month without news costs nothing. */
static bool pin_wanted(struct store *store, uint32_t self, const struct node_id *id) {
    const struct tree *tree = store->tree;
    uint32_t node = tree_node(tree, id);
    if (node == TREE_NONE || node == self || trust_allowed(store, node) != STATUS_OK)
        return false;
    uint32_t own = tree_node_at(tree, self)->unit, unit = tree_node_at(tree, node)->unit;
    return unit == own || tree_parent(tree, unit, TREE_TODAY) == own;
}

static enum status write_pins(struct store *store, uint32_t unit, struct refs *pins) {
    struct buffer payload;
    struct stored stored;
    if (pins->count == 0)
        return STATUS_OK;
    buffer_init(&payload, BODY_BYTES_MAX);
    qsort(pins->items, pins->count, sizeof pins->items[0], by_ref);
    enum status status = pin_encode(pins, &payload);
    if (status == STATUS_OK)
        status = append_one(store, CHANGE_PIN, &payload, unit, &stored);
    buffer_fini(&payload);
    pins->count = 0;
    return status;
}

/* The version of the store up to which logs were pinned: those that have not changed since are passed over. */
static enum status pinned_version(struct store *store, uint64_t *out) {
    struct buffer row;
    *out = 0;
    buffer_init(&row, 8);
    enum status status = store_meta(store->db, "pinned", &row);
    for (size_t i = 0; status == STATUS_OK && i < row.len; i++)
        *out = *out << 8 | row.data[i];
    buffer_fini(&row);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status trust_pin(struct store *store, size_t *count) {
    uint32_t self = tree_node(store->tree, &store->self);
    uint64_t since;
    *count = 0;
    if (self == TREE_NONE)
        return STATUS_LINE_BROKEN;
    struct refs *pins = malloc(sizeof *pins);
    enum status status = pins == NULL ? STATUS_NO_MEMORY : pinned_version(store, &since);
    if (status != STATUS_OK) {
        free(pins);
        return status;
    }
    pins->count = 0;
    struct query query =
        db_query(store->db, "SELECT l.node, l.kind, l.epoch, e.seq, e.hash FROM log l JOIN entry e ON e.log = l.id AND e.seq = l.applied WHERE l.version > ?");
    query_bind_int(&query, (int64_t)since);
    while (status == STATUS_OK && query_next(&query)) {
        struct ref ref = {.seq = (uint64_t)query_int(&query, 3)};
        struct hash hash;
        query_fixed(&query, 0, ref.log.node.b, sizeof ref.log.node.b);
        ref.log.kind = (uint8_t)query_int(&query, 1);
        query_fixed(&query, 2, ref.log.epoch.b, sizeof ref.log.epoch.b);
        query_fixed(&query, 4, hash.b, sizeof hash.b);
        ref.hash = hash_short(&hash);
        struct tree_standing standing;
        tree_log_standing(store->tree, &ref.log, &standing);
        if (ref.log.kind == LOG_RECOVERY || standing.upto < ref.seq || !pin_wanted(store, self, &ref.log.node))
            continue;
        pins->items[pins->count++] = ref;
        ++*count;
        if (pins->count == TRUST_REFS_MAX)
            status = write_pins(store, tree_node_at(store->tree, self)->unit, pins);
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    if (status == STATUS_OK)
        status = write_pins(store, tree_node_at(store->tree, self)->unit, pins);
    free(pins);
    uint8_t version[8];
    for (int i = 0; i < 8; i++)
        version[i] = (uint8_t)(store->version >> (56 - 8 * i));
    return status == STATUS_OK ? store_meta_put(store->db, "pinned", bytes_of(version, sizeof version)) : status;
}

/* When pins were written last, as this PC believes: by a clock that was wrong they come a month too early or too late, which harms nobody. */
static enum status pins_due(struct store *store, bool *due, bool *first) {
    struct buffer row;
    int64_t last = 0, now = os_time();
    *due = *first = false;
    buffer_init(&row, 8);
    enum status status = store_meta(store->db, "pinned.time", &row);
    for (size_t i = 0; status == STATUS_OK && i < row.len; i++)
        last = (int64_t)((uint64_t)last << 8 | row.data[i]);
    buffer_fini(&row);
    *first = status == STATUS_NOT_FOUND || last > now;
    *due = status == STATUS_OK && !*first && now - last >= PIN_SECONDS;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status pin_now(struct store *store, bool first) {
    uint8_t now[8];
    size_t count;
    const uint64_t time = (uint64_t)os_time();
    for (int i = 0; i < 8; i++)
        now[i] = (uint8_t)(time >> (56 - 8 * i));
    enum status status = first ? STATUS_OK : trust_pin(store, &count);
    status = status == STATUS_OUTSIDE_AUTHORITY || status == STATUS_LINE_BROKEN ? STATUS_OK : status;
    if (status == STATUS_OK && !first)
        status = apply_pending(store);
    return status == STATUS_OK ? store_meta_put(store->db, "pinned.time", bytes_of(now, sizeof now)) : status;
}

enum status trust_pin_monthly(struct store *store) {
    bool due, first;
    enum status status = pins_due(store, &due, &first);
    if (status != STATUS_OK || (!due && !first))
        return status;
    status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    status = pin_now(store, first);
    if (status == STATUS_OK)
        return store_commit(store);
    store_rollback(store);
    return status;
}
