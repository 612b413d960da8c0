#include "store/digest.h"

#include "protocol/planted.h"
#include "store/digest_scope.h"
#include "store/extract.h"
#include "store/record.h"

#include <stdlib.h>

enum { ITEM_BYTES_MAX = 16 * 1024 * 1024, JUDGED_CACHE = 4096 };
enum { ITEM_UNIT = 1, ITEM_NODE, ITEM_LEVELS, ITEM_FORM, ITEM_RECORD, ITEM_DOCUMENT, ITEM_ASIDE, ITEM_LOG, ITEM_EXTRACT };

struct judged {
    int64_t entry;
    bool may, stands; /* both may hold it; (of one that is for others than this node) it may stand by its header */
    bool past;        /* past a cut or a fork of its log */
    uint8_t cls;
};
struct digest {
    struct store *store;
    struct digest_scope scope;
    struct hash_stream stream;
    struct buffer item;
    struct header *header;
    struct judged *cache; /* by entry: a change-set of a thousand records is asked for a thousand times */
    enum status status;
};

/* Every item is written into the same buffer and hashed from there. */
static enum status item_end(struct digest *digest, struct writer *writer) {
    enum status status = writer_end(writer);
    if (status == STATUS_OK)
        hash_stream_add(&digest->stream, buffer_bytes(&digest->item));
    return status;
}

static struct writer item_begin(struct digest *digest, size_t count, unsigned kind) {
    struct writer writer;
    buffer_clear(&digest->item);
    writer_init(&writer, &digest->item);
    writer_array(&writer, count);
    writer_uint(&writer, kind);
    return writer;
}

static enum status short_hash_of(struct store *store, int64_t entry_id, struct short_hash *out) {
    struct query query = db_query(store->db, "SELECT hash FROM entry WHERE id = ?");
    query_bind_int(&query, entry_id);
    struct hash hash = {0};
    bool found = query_next(&query);
    if (found)
        query_fixed(&query, 0, hash.b, sizeof hash.b);
    enum status status = query_end(&query);
    *out = hash_short(&hash);
    return status == STATUS_OK && !found ? STATUS_STORE_DAMAGED : status;
}

/* ---- units and nodes ---- */

struct write {
    struct tree_write write;
    struct short_hash hash;
};
struct writes {
    struct digest *digest;
    struct write *items;
    size_t count, capacity;
    enum status status;
};

static void take_write(void *arg, const struct tree_write *write) {
    struct writes *writes = arg;
    if (writes->status == STATUS_OK && writes->count == writes->capacity) {
        size_t capacity = writes->capacity > 0 ? writes->capacity * 2 : 16;
        struct write *grown = realloc(writes->items, capacity * sizeof *grown);
        if (grown == NULL) {
            writes->status = STATUS_NO_MEMORY;
            return;
        }
        writes->items = grown;
        writes->capacity = capacity;
    }
    if (writes->status != STATUS_OK)
        return;
    struct write *item = &writes->items[writes->count];
    item->write = *write;
    writes->status = short_hash_of(writes->digest->store, write->entry_id, &item->hash);
    writes->count += writes->status == STATUS_OK;
}

/* By attribute, effective date (always first), hash, value. */
static int write_order(const void *x, const void *y) {
    const struct write *a = x, *b = y;
    if (a->write.attribute != b->write.attribute)
        return a->write.attribute < b->write.attribute ? -1 : 1;
    if (a->write.effective.set != b->write.effective.set)
        return a->write.effective.set ? 1 : -1;
    if (a->write.effective.set && a->write.effective.days != b->write.effective.days)
        return a->write.effective.days < b->write.effective.days ? -1 : 1;
    int order = ID_COMPARE(&a->hash, &b->hash);
    if (order == 0 && a->write.attribute == UNIT_LEVEL) /* a creation's other writes have its level at hand, too */
        order = (int)a->write.level - (int)b->write.level;
    order = order != 0 ? order : bytes_compare(a->write.text, b->write.text);
    return order != 0 ? order : (int)a->write.holds - (int)b->write.holds;
}

static void write_write(struct writer *writer, const struct write *item) {
    writer_array(writer, 5);
    writer_uint(writer, item->write.attribute);
    if (item->write.effective.set)
        writer_int(writer, item->write.effective.days);
    else
        writer_nil(writer);
    if (item->write.attribute == UNIT_LEVEL)
        writer_uint(writer, item->write.level);
    else
        writer_str(writer, item->write.text);
    writer_bool(writer, item->write.holds);
    writer_bin(writer, bytes_of(item->hash.b, sizeof item->hash.b));
}

static enum status unit_add(struct digest *digest, uint32_t unit) {
    struct tree *tree = digest->store->tree;
    struct writes writes = {.digest = digest};
    tree_each_write(tree, unit, take_write, &writes);
    enum status status = writes.status;
    if (status == STATUS_OK) {
        if (writes.count > 1)
            qsort(writes.items, writes.count, sizeof writes.items[0], write_order);
        uint32_t parent = tree_parent(tree, unit, TREE_TODAY);
        struct writer writer = item_begin(digest, 5, ITEM_UNIT);
        writer_bin(&writer, bytes_of(tree_unit_id(tree, unit)->b, 16));
        writer_bin(&writer, parent == TREE_NONE ? (struct bytes){0} : bytes_of(tree_unit_id(tree, parent)->b, 16));
        writer_bool(&writer, tree_closed(tree, unit));
        writer_array(&writer, writes.count);
        for (size_t i = 0; i < writes.count; i++)
            write_write(&writer, &writes.items[i]);
        status = item_end(digest, &writer);
    }
    free(writes.items);
    return status;
}

static int node_order(const void *x, const void *y, void *arg) {
    const uint32_t *a = x, *b = y;
    return ID_COMPARE(&tree_node_at(arg, *a)->id, &tree_node_at(arg, *b)->id);
}

static enum status node_add(struct digest *digest, uint32_t number) {
    const struct tree_node *node = tree_node_at(digest->store->tree, number);
    int64_t revocation;
    struct writer writer = item_begin(digest, 8, ITEM_NODE);
    writer_bin(&writer, bytes_of(node->id.b, sizeof node->id.b));
    writer_bin(&writer, bytes_of(tree_unit_id(digest->store->tree, node->unit)->b, 16));
    writer_bin(&writer, bytes_of(node->signing_key, sizeof node->signing_key));
    writer_bin(&writer, bytes_of(node->transport_key, sizeof node->transport_key));
    writer_uint(&writer, node->roles);
    uint8_t inviter[16] = {0};
    if (node->inviter != TREE_NONE)
        memcpy(inviter, tree_node_at(digest->store->tree, node->inviter)->id.b, sizeof inviter);
    writer_bin(&writer, bytes_of(inviter, node->inviter != TREE_NONE ? sizeof inviter : 0));
    writer_bool(&writer, tree_revoked(digest->store->tree, number, &revocation));
    return item_end(digest, &writer);
}

static enum status nodes_add(struct digest *digest) {
    struct tree *tree = digest->store->tree;
    size_t count = 0, capacity = tree_node_count(tree);
    uint32_t *nodes = calloc(capacity > 0 ? capacity : 1, sizeof *nodes);
    if (nodes == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < capacity; i++) {
        uint32_t unit = tree_node_at(tree, i)->unit;
        if (unit != TREE_NONE && digest_scope_has(&digest->scope, unit))
            nodes[count++] = i;
    }
    if (count > 1)
        qsort_r(nodes, count, sizeof nodes[0], node_order, tree);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = node_add(digest, nodes[i]);
    free(nodes);
    return status;
}

/* ---- levels and forms ---- */

/* The level table, if one was ever lawfully written. */
static enum status levels_add(struct digest *digest) {
    struct tree *tree = digest->store->tree;
    bool written = false;
    struct query query = db_query(digest->store->db, "SELECT entry, place FROM fact WHERE kind = 12");
    while (!written && query_next(&query))
        written = tree_verdict(tree, query_int(&query, 0), (uint32_t)query_int(&query, 1)) == STATUS_OK;
    enum status status = query_end(&query);
    if (status != STATUS_OK || !written)
        return status;
    const struct level_name *levels;
    size_t count = tree_levels(tree, &levels);
    struct writer writer = item_begin(digest, 2, ITEM_LEVELS);
    writer_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_array(&writer, 2);
        writer_uint(&writer, levels[i].number);
        writer_array(&writer, levels[i].names.count);
        for (size_t j = 0; j < levels[i].names.count; j++) {
            writer_array(&writer, 2);
            writer_str(&writer, levels[i].names.items[j].lang);
            writer_str(&writer, levels[i].names.items[j].text);
        }
    }
    return item_end(digest, &writer);
}

static enum status forms_add(struct digest *digest) {
    enum status status = STATUS_OK;
    struct query query = db_query(digest->store->db, "SELECT version, issuer FROM form ORDER BY version");
    while (status == STATUS_OK && query_next(&query)) {
        struct hash version;
        struct unit_id issuer;
        query_fixed(&query, 0, version.b, sizeof version.b);
        query_fixed(&query, 1, issuer.b, sizeof issuer.b);
        uint32_t unit = tree_unit(digest->store->tree, &issuer);
        if (unit == TREE_NONE || !digest_scope_has(&digest->scope, unit))
            continue;
        struct writer writer = item_begin(digest, 3, ITEM_FORM);
        writer_bin(&writer, bytes_of(version.b, sizeof version.b));
        writer_bin(&writer, bytes_of(issuer.b, sizeof issuer.b));
        status = item_end(digest, &writer);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* ---- what stands in bodies ---- */

/* A body goes only where its log goes: somebody may write about units that never get to hold his log. */
static bool may_hold(const struct tree *tree, uint32_t unit, const struct header *header) {
    const struct unit_id *id = tree_unit_id(tree, unit);
    return tree_may_hold_log(tree, id, &header->log) && tree_may_hold_body(tree, id, header);
}

/* May a node of either unit hold the entry's body? One that is missing here does not count: then this node does not hold what it should. One that this node may
 * not hold does, for what its header says. */
static const struct judged *judge(struct digest *digest, int64_t entry_id) {
    struct judged *kept = &digest->cache[(uint64_t)entry_id % JUDGED_CACHE];
    if (kept->entry == entry_id)
        return kept;
    struct store *store = digest->store;
    *kept = (struct judged){.entry = entry_id};
    struct query query = db_query(store->db, "SELECT header, hash FROM entry WHERE id = ? AND body_state IN (1, 3)");
    query_bind_int(&query, entry_id);
    if (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        if (header_decode(digest->header, query_blob(&query, 0)) == STATUS_OK) {
            struct tree_standing standing;
            tree_log_standing(store->tree, &digest->header->log, &standing);
            kept->cls = digest->header->cls;
            kept->past = digest->header->seq > standing.upto;
            kept->stands = kept->cls == CLASS_CONTROL || tree_entry_verdict(store->tree, digest->header, &hash) == STATUS_OK;
            kept->may = may_hold(store->tree, digest->scope.unit, digest->header) && may_hold(store->tree, digest->scope.with, digest->header);
        } else {
            digest->status = STATUS_STORE_DAMAGED;
        }
    }
    enum status status = query_end(&query);
    if (status != STATUS_OK)
        digest->status = status;
    return kept;
}

static bool holdable(void *ctx, int64_t entry_id) {
    return judge(ctx, entry_id)->may;
}

static enum status record_add(void *arg, const struct record_item *item) {
    struct digest *digest = arg;
    struct store *store = digest->store;
    uint32_t unit = tree_unit(store->tree, &item->unit);
    if (unit == TREE_NONE || !tree_is_under(store->tree, unit, digest->scope.lower, TREE_TODAY))
        return STATUS_OK;
    if (!item->sound)
        return STATUS_STORE_DAMAGED;
    struct writer writer = item_begin(digest, 2, ITEM_RECORD);
    enum status status = writer_end(&writer);
    size_t empty = digest->item.len;
    if (status == STATUS_OK)
        status = record_canonical(store, item, holdable, digest, &digest->item);
    if (status == STATUS_OK)
        status = digest->status;
    if (status == STATUS_OK && digest->item.len > empty)
        hash_stream_add(&digest->stream, buffer_bytes(&digest->item));
    return status;
}

/* Has the body of a held entry of class document a document in it? One with a reason alone has no row of its own in the views. */
static enum status has_document(struct digest *digest, int64_t entry_id, bool *out) {
    struct stored_entry stored;
    struct body_reader reader;
    struct change change;
    enum status status = log_read(digest->store, entry_id, &stored, NULL);
    *out = false;
    if (status == STATUS_OK && body_open(&reader, stored.entry.body, CLASS_DOCUMENT) == STATUS_OK)
        while (body_next(&reader, &change))
            *out = *out || change.kind == CHANGE_DOCUMENT;
    return status;
}

/* Entries of class document of which nothing is set aside here, a reason alone, too; and those whose body is for others than this node. */
static enum status documents_add(struct digest *digest) {
    struct query query = db_query(digest->store->db, "SELECT e.id, e.hash, e.body_state = 3 OR EXISTS (SELECT 1 FROM document d WHERE d.entry = e.id) FROM entry e"
                                                     " JOIN log l ON l.id = e.log WHERE (e.body_state = 3 OR (e.body_state = 1 AND e.seq <= l.applied))"
                                                     " AND NOT EXISTS (SELECT 1 FROM set_aside s WHERE s.entry = e.id) ORDER BY e.hash");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 1, hash.b, sizeof hash.b);
        const struct judged *judged = judge(digest, query_int(&query, 0));
        status = digest->status;
        if (status != STATUS_OK || !judged->may || !judged->stands || judged->cls != CLASS_DOCUMENT)
            continue;
        bool lost = false; /* a document that the views should have */
        if (query_int(&query, 2) == 0)
            status = has_document(digest, query_int(&query, 0), &lost);
        if (status != STATUS_OK || lost)
            continue;
        struct writer writer = item_begin(digest, 2, ITEM_DOCUMENT);
        writer_bin(&writer, bytes_of(hash.b, sizeof(struct short_hash)));
        status = item_end(digest, &writer);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* What is past a cut or a fork, not every office holds, whatever else may be said of it; the log's own item says it. */
static enum status asides_add(struct digest *digest) {
    static_assert(STATUS_FORK == 305 && STATUS_AUTHOR_CUT == 313, "the statement below says the same");
    struct query query = db_query(digest->store->db, "SELECT s.entry, s.place, s.reason, e.hash FROM set_aside s JOIN entry e ON e.id = s.entry"
                                                     " WHERE s.reason NOT IN (305, 313) ORDER BY e.hash, s.place");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        const struct digest_aside aside = {query_int(&query, 0), (uint32_t)query_int(&query, 1), (enum status)query_int(&query, 2)};
        struct hash hash;
        query_fixed(&query, 3, hash.b, sizeof hash.b);
        const struct judged *judged = judge(digest, aside.entry);
        bool in = judged->may && (!judged->past || PLANTED("open-fork-in-digest"));
        status = digest->status;
        if (status == STATUS_OK && in)
            status = digest_scope_concerns(digest->store, &digest->scope, &aside, digest->header, &in);
        if (status != STATUS_OK || !in)
            continue;
        struct writer writer = item_begin(digest, 4, ITEM_ASIDE);
        writer_bin(&writer, bytes_of(hash.b, sizeof(struct short_hash)));
        writer_uint(&writer, aside.place);
        writer_uint(&writer, (uint64_t)aside.reason);
        status = item_end(digest, &writer);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* ---- logs ---- */

/* Logs of nodes of the scope that do not stand whole, as far as what stands of them is held. One of which nothing stands by a cut is not said: not every office
 * holds it. */
static enum status logs_add(struct digest *digest) {
    struct store *store = digest->store;
    const struct unit_id *unit = tree_unit_id(store->tree, digest->scope.unit), *with = tree_unit_id(store->tree, digest->scope.with);
    struct query query = db_query(store->db, "SELECT node, kind, epoch, head_seq FROM log ORDER BY node, kind, epoch");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log = {.kind = (uint8_t)query_int(&query, 1)};
        struct tree_standing standing;
        query_fixed(&query, 0, log.node.b, sizeof log.node.b);
        query_fixed(&query, 2, log.epoch.b, sizeof log.epoch.b);
        uint32_t node = tree_node(store->tree, &log.node), of = node == TREE_NONE ? TREE_NONE : tree_node_at(store->tree, node)->unit;
        tree_log_standing(store->tree, &log, &standing);
        bool said = standing.upto < SEQ_MAX && standing.upto <= (uint64_t)query_int(&query, 3) && (standing.upto > 0 || standing.why == STATUS_FORK);
        if (!said || of == TREE_NONE || !digest_scope_has(&digest->scope, of) || !tree_may_hold_log(store->tree, unit, &log) ||
            !tree_may_hold_log(store->tree, with, &log))
            continue;
        struct writer writer = item_begin(digest, 6, ITEM_LOG);
        writer_bin(&writer, bytes_of(log.node.b, sizeof log.node.b));
        writer_uint(&writer, log.kind);
        writer_bin(&writer, bytes_of(log.epoch.b, sizeof log.epoch.b));
        writer_uint(&writer, standing.upto);
        writer_uint(&writer, (uint64_t)standing.why);
        status = item_end(digest, &writer);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* ---- extracts ---- */

static enum status extract_add(void *arg, int64_t entry, const struct short_hash *hash, uint32_t place, const struct unit_id *id) {
    struct digest *digest = arg;
    uint32_t unit = tree_unit(digest->store->tree, id);
    if (unit == TREE_NONE || !tree_is_under(digest->store->tree, unit, digest->scope.lower, TREE_TODAY) || !holdable(digest, entry) || digest->status != STATUS_OK)
        return digest->status;
    struct writer writer = item_begin(digest, 3, ITEM_EXTRACT);
    writer_bin(&writer, bytes_of(hash->b, sizeof hash->b));
    writer_uint(&writer, place);
    return item_end(digest, &writer);
}

/* ---- the whole ---- */

static enum status all_add(struct digest *digest) {
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < digest->scope.count; i++)
        status = unit_add(digest, digest->scope.units[i]);
    if (status == STATUS_OK)
        status = nodes_add(digest);
    if (status == STATUS_OK)
        status = levels_add(digest);
    if (status == STATUS_OK)
        status = forms_add(digest);
    if (status == STATUS_OK)
        status = record_walk(digest->store, record_add, digest);
    if (status == STATUS_OK)
        status = documents_add(digest);
    if (status == STATUS_OK)
        status = asides_add(digest);
    if (status == STATUS_OK)
        status = logs_add(digest);
    return status == STATUS_OK ? extract_walk(digest->store, extract_add, digest) : status;
}

enum status digest_of(struct store *store, uint32_t unit, uint32_t with, struct hash *out) {
    memset(out, 0, sizeof *out);
    struct digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL)
        return STATUS_NO_MEMORY;
    digest->store = store;
    buffer_init(&digest->item, ITEM_BYTES_MAX);
    hash_stream_init(&digest->stream, "digest", &store->founding.association);
    digest->header = malloc(sizeof *digest->header);
    digest->cache = calloc(JUDGED_CACHE, sizeof *digest->cache);
    enum status status = digest->header == NULL || digest->cache == NULL ? STATUS_NO_MEMORY : digest_scope_init(&digest->scope, store->tree, unit, with);
    if (status == STATUS_OK)
        status = all_add(digest);
    struct hash hash;
    hash_stream_end(&digest->stream, &hash);
    if (status == STATUS_OK)
        *out = hash;
    digest_scope_fini(&digest->scope);
    buffer_fini(&digest->item);
    free(digest->header);
    free(digest->cache);
    free(digest);
    return status;
}
