#include "tests/sim/dump.h"

#include "store/log.h"
#include "tests/oracle/tree_lines.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PATH_BYTES = 4096 };

struct dump {
    struct world *world;
    struct store *store;
    struct header *header;
    FILE *out;
};

/* ---- what is held ---- */

static void say_header(FILE *out, const struct header *header, const struct hash *hash) {
    fputs("entry ", out);
    dump_log(out, &header->log);
    fprintf(out, " %" PRIu64 " %s %s %u ", header->seq, HEX(hash), header->seq > 1 ? HEX(&header->prev) : "-", header->cls);
    if (header->has_continues) {
        dump_log(out, &header->continues.log);
        fprintf(out, ":%" PRIu64 ":%s", header->continues.seq, HEX(&header->continues.hash));
    } else {
        fputc('-', out);
    }
    fprintf(out, " %s %u ", header->cls == CLASS_RECORD ? HEX(&header->audience[0].unit) : "-", header->reach);
    bool document = header->cls == CLASS_DOCUMENT;
    for (size_t i = 0; document && i < header->audience_count; i++) {
        fprintf(out, "%s%s/%u", i > 0 ? "," : "", HEX(&header->audience[i].unit), header->audience[i].scope);
    }
    fputs(document ? " " : "- ", out);
    for (size_t i = 0; i < header->seen_count; i++) {
        const struct ref *seen = &header->seen[i];
        fputs(i > 0 ? "," : "", out);
        dump_log(out, &seen->log);
        fprintf(out, ":%" PRIu64 ":%s", seen->seq, HEX(&seen->hash));
    }
    fputs(header->seen_count > 0 ? " " : "- ", out);
}

/* body empty: none is held, or it has not been applied. */
static void say_entry(struct dump *dump, struct bytes header, const struct hash *hash, struct bytes body) {
    char *changes = NULL;
    size_t len;
    enum status status = header_decode(dump->header, header);
    assert(status == STATUS_OK);
    say_header(dump->out, dump->header, hash);
    FILE *out = open_memstream(&changes, &len);
    if (out == NULL) {
        abort();
    }
    bool sound = body.len == 0 || dump_changes(out, &dump->store->founding, dump->header->cls, body);
    if (fclose(out) != 0) {
        abort();
    }
    const char *word = body.len == 0 ? "absent" : dump->header->critical_unknown ? "critical" : sound ? "held" : "broken";
    fprintf(dump->out, "%s%s\n", word, strcmp(word, "held") == 0 ? changes : "");
    free(changes);
}

static void ended(struct dump *dump, struct query *query) {
    enum status status = query_end(query);
    if (status != STATUS_OK) {
        world_fail(dump->world, "a store cannot be written down: %s", status_name(status));
    }
}

/* What is in the logs; of what has not been applied the header alone counts, as for the store's views. */
static void say_logs(struct dump *dump) {
    struct query query = db_query(dump->store->db, "SELECT e.id, e.body_state = 1 AND e.seq <= max(l.applied, l.controlled), e.seq <= l.applied FROM entry e"
                                                   " JOIN log l ON l.id = e.log ORDER BY l.node, l.kind, l.epoch, e.seq");
    while (query_next(&query)) {
        struct stored_entry entry;
        bool held = query_int(&query, 1) != 0, applied = query_int(&query, 2) != 0;
        enum status status = log_read(dump->store, query_int(&query, 0), &entry, dump->header);
        if (status != STATUS_OK) {
            world_fail(dump->world, "an entry cannot be read: %s", status_name(status));
            break;
        }
        held = held && (applied || dump->header->cls == CLASS_CONTROL);
        say_entry(dump, entry.entry.header, &entry.hash, held ? entry.entry.body : (struct bytes){0});
    }
    ended(dump, &query);
}

/* Evidence, and what is kept of branches beside the one held: no part of the log, so that the header alone counts. */
static void say_others(struct dump *dump) {
    struct query query = db_query(dump->store->db, "SELECT hash, header FROM fallen UNION SELECT hash, header FROM fork f"
                                                   " WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.log = f.log AND e.seq = f.seq AND e.hash = f.hash)");
    while (query_next(&query)) {
        struct hash hash;
        query_fixed(&query, 0, hash.b, sizeof hash.b);
        say_entry(dump, query_blob(&query, 1), &hash, (struct bytes){0});
    }
    ended(dump, &query);
}

static void say_set(struct dump *dump) {
    const struct founding *founding = &dump->store->founding;
    fprintf(dump->out, "hoi-lines 1\nroot %s\nfounder %s %s %s\n", HEX(&founding->root), HEX(&founding->founder),
            hex_text(founding->signing_key, sizeof founding->signing_key), hex_text(founding->transport_key, sizeof founding->transport_key));
    say_logs(dump);
    say_others(dump);
}

/* ---- files ---- */

static FILE *begin(const char *dir, unsigned place, const char *what) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%u.%s", dir, place, what);
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        perror(path);
        exit(2);
    }
    return out;
}

static void end(FILE *out) {
    if (ferror(out) != 0 || fclose(out) != 0) {
        perror("dump");
        exit(2);
    }
}

void dump_world(struct world *world, const char *dir) {
    struct dump dump = {.world = world, .header = malloc(sizeof *dump.header)};
    if (dump.header == NULL) {
        abort();
    }
    for (unsigned i = 0; i < world->office_count; i++) {
        if (!office_up(world, i)) {
            continue;
        }
        office_look(world, i);
        dump.store = world->offices[i].store;
        dump.out = begin(dir, i, "set");
        say_set(&dump);
        end(dump.out);
        dump.out = begin(dir, i, "views");
        dump_views(dump.out, dump.store, world_unit(world, i));
        end(dump.out);
        office_looked(world, i);
    }
    free(dump.header);
}
