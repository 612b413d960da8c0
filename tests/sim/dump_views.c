/* What a store concludes, as lines: verdicts, structure, registers, and what its digests are made of. */
#include "store/digest.h"
#include "store/log.h"
#include "store/record.h"
#include "tests/oracle/tree_lines.h"
#include "tests/sim/dump.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- the tree ---- */

struct of_log {
    struct store *store;
    struct log_id log;
    struct hash hash;
};

static const struct hash *hash_at(void *ctx, uint64_t seq) {
    struct of_log *of = ctx;
    struct query query =
        db_query(of->store->db, "SELECT e.hash FROM entry e JOIN log l ON l.id = e.log WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = ?");
    query_bind_blob(&query, bytes_of(of->log.node.b, sizeof of->log.node.b));
    query_bind_int(&query, of->log.kind);
    query_bind_blob(&query, bytes_of(of->log.epoch.b, sizeof of->log.epoch.b));
    query_bind_int(&query, (int64_t)seq);
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, of->hash.b, sizeof of->hash.b);
    }
    enum status status = query_end(&query);
    assert(found && status == STATUS_OK);
    return &of->hash;
}

static void say_logs(struct lines *lines, struct store *store) {
    struct query query = db_query(store->db, "SELECT node, kind, epoch, head_seq FROM log");
    while (query_next(&query)) {
        struct of_log of = {.store = store, .log.kind = (uint8_t)query_int(&query, 1)};
        query_fixed(&query, 0, of.log.node.b, sizeof of.log.node.b);
        query_fixed(&query, 2, of.log.epoch.b, sizeof of.log.epoch.b);
        lines_log(lines, store->tree, &of.log, (uint64_t)query_int(&query, 3), hash_at, &of);
    }
    enum status status = query_end(&query);
    assert(status == STATUS_OK);
}

static void say_changes(struct lines *lines, struct store *store) {
    struct query query = db_query(store->db, "SELECT f.entry, f.place, e.hash FROM fact f JOIN entry e ON e.id = f.entry");
    while (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 2, hash.b, sizeof hash.b);
        lines_change(lines, store->tree, query_int(&query, 0), (uint32_t)query_int(&query, 1), &hash);
    }
    enum status status = query_end(&query);
    assert(status == STATUS_OK);
}

/* Those held, and those of which the header alone is: evidence, and what is kept of other branches. */
static void say_entries(struct lines *lines, struct store *store) {
    struct header *header = malloc(sizeof *header);
    struct query query =
        db_query(store->db, "SELECT hash, header, 1 FROM entry UNION SELECT hash, header, 0 FROM fallen UNION SELECT hash, header, 0 FROM fork f"
                            " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.log = f.log AND e.seq = f.seq AND e.hash = f.hash)");
    while (header != NULL && query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        enum status status = header_decode(header, query_blob(&query, 1));
        assert(status == STATUS_OK);
        if (header->cls != CLASS_CONTROL) {
            lines_entry(lines, store->tree, header, &hash, query_int(&query, 2) != 0);
        }
    }
    enum status status = query_end(&query);
    assert(status == STATUS_OK && header != NULL);
    free(header);
}

/* ---- what the store makes of it ---- */

static void say_asides(struct lines *lines, struct store *store) {
    struct query query = db_query(store->db, "SELECT e.hash, s.place, s.reason FROM set_aside s JOIN entry e ON e.id = s.entry");
    while (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        lines_say(lines, "aside %s %lld %lld", HEX(&hash), (long long)query_int(&query, 1), (long long)query_int(&query, 2));
    }
    enum status status = query_end(&query);
    assert(status == STATUS_OK);
}

static bool every_write(void *ctx, int64_t entry) {
    (void)ctx;
    return entry > 0;
}

struct records {
    FILE *out;
    struct store *store;
    struct buffer item;
};

static enum status say_record(void *arg, const struct record_item *item) {
    struct records *records = arg;
    buffer_clear(&records->item);
    enum status status = record_canonical(records->store, item, every_write, NULL, &records->item);
    if (status == STATUS_OK && records->item.len > 0) {
        fputs("record ", records->out);
        hex_print(records->out, records->item.data, records->item.len);
        fputc('\n', records->out);
    }
    return status;
}

static void say_records(FILE *out, struct store *store) {
    struct records records = {.out = out, .store = store};
    buffer_init(&records.item, (size_t)16 << 20);
    enum status status = record_walk(store, say_record, &records);
    assert(status == STATUS_OK);
    buffer_fini(&records.item);
}

/* ---- digests ---- */

/* The linker hands every call of hash_stream_add from another file to the first of these (tests/sim/CMakeLists.txt): so what a digest is made of is seen as it
 * goes into it. */
void __wrap_hash_stream_add(struct hash_stream *stream, struct bytes bytes);
void __real_hash_stream_add(struct hash_stream *stream, struct bytes bytes);
static FILE *items;

void __wrap_hash_stream_add(struct hash_stream *stream, struct bytes bytes) {
    if (items != NULL) {
        fputs("item ", items);
        hex_print(items, bytes.data, bytes.len);
        fputc('\n', items);
    }
    __real_hash_stream_add(stream, bytes);
}

/* "digest UNIT WITH HASH", and before it an "item" line for each of its items, in their order. */
static void say_digest(FILE *out, struct store *store, uint32_t unit, uint32_t with) {
    struct hash hash;
    items = out;
    enum status status = digest_of(store, unit, with, &hash);
    items = NULL;
    assert(status == STATUS_OK);
    fprintf(out, "digest %s %s %s\n", HEX(tree_unit_id(store->tree, unit)), HEX(tree_unit_id(store->tree, with)), HEX(&hash));
}

/* Of the own unit with itself, and with each unit above and below it. */
static void say_digests(FILE *out, struct store *store, const struct unit_id *own) {
    uint32_t unit = tree_unit(store->tree, own);
    for (uint32_t i = 0; unit != TREE_NONE && i < tree_unit_count(store->tree); i++) {
        if (tree_stands(store->tree, i) && (tree_is_under(store->tree, i, unit, TREE_TODAY) || tree_is_under(store->tree, unit, i, TREE_TODAY))) {
            say_digest(out, store, unit, i);
        }
    }
}

void dump_views(FILE *out, struct store *store, const struct unit_id *own) {
    struct lines lines = {0};
    lines_nodes(&lines, store->tree);
    lines_units(&lines, store->tree);
    say_logs(&lines, store);
    say_changes(&lines, store);
    say_entries(&lines, store);
    say_asides(&lines, store);
    lines_sort(&lines);
    for (size_t i = 0; i < lines.count; i++) {
        if (i == 0 || strcmp(lines.lines[i], lines.lines[i - 1]) != 0) {
            fprintf(out, "%s\n", lines.lines[i]);
        }
    }
    lines_free(&lines);
    say_records(out, store);
    say_digests(out, store, own);
}
