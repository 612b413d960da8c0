/* Prepares offices for the benchmarks of the link: stores as they are before the clock starts. What is timed is done by real daemons and by the peers.
 *
 *   link_stage make DIR UNITS CHANGESETS ROWS   DIR/root knows the offices and the form, DIR/province holds all change-sets besides; DIR/changes keeps those of
 *                                               the 1 % variant. Prints the bytes of the values as row-wise msgpack, and under zstd -3; then of those changed.
 *   link_stage add STORE CHANGES                lets a store of DIR, closed, receive the change-sets that `make` kept
 *   link_stage json UNITS CHANGESETS ROWS       the values as documents for peers that take JSON: an object a line
 *   link_stage rows UNITS CHANGESETS ROWS       the values as rows of `import.rows` for the province itself: an array a line */
#include "store/os.h"
#include "tests/bench/workload.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANGES_BYTES_MAX = 64 * 1024 * 1024, AT_ONCE = 100, PARTS = 4 };

static void die(const char *what, enum status status) {
    fprintf(stderr, "link_stage: %s: %s\n", what, status_name(status));
    exit(1);
}

static void need(const char *what, enum status status) {
    if (status != STATUS_OK) {
        die(what, status);
    }
}

static struct store *open_store(const char *dir) {
    struct store *store;
    need(dir, store_open(&store, dir, 5000, NULL));
    return store;
}

/* ---- change-sets in a file: of each its four parts, a length of 4 bytes before each ---- */

static void keep(const struct workload_entries *entries, const char *path) {
    struct buffer file;
    buffer_init(&file, CHANGES_BYTES_MAX);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *entry = &entries->items[i].entry;
        const struct bytes parts[PARTS] = {entry->header, entry->signature, entry->salt, entry->body};
        for (size_t k = 0; k < PARTS; k++) {
            uint32_t len = (uint32_t)parts[k].len;
            need("memory", buffer_append(&file, &len, sizeof len));
            need("memory", buffer_append(&file, parts[k].data, len));
        }
    }
    need(path, os_file_replace(path, buffer_bytes(&file), false));
    buffer_fini(&file);
}

static struct bytes next_part(struct bytes *rest) {
    uint32_t len;
    if (rest->len < sizeof len) {
        die("changes", STATUS_TRUNCATED);
    }
    memcpy(&len, rest->data, sizeof len);
    if (rest->len - sizeof len < len) {
        die("changes", STATUS_TRUNCATED);
    }
    struct bytes part = bytes_of((const uint8_t *)rest->data + sizeof len, len);
    *rest = bytes_of((const uint8_t *)part.data + len, rest->len - sizeof len - len);
    return part;
}

static void add(const char *dir, const char *path) {
    struct store *store = open_store(dir);
    struct header *header = malloc(sizeof *header);
    struct buffer file;
    buffer_init(&file, CHANGES_BYTES_MAX);
    need(path, os_file_read(path, CHANGES_BYTES_MAX, &file));
    for (struct bytes rest = buffer_bytes(&file); rest.len > 0;) {
        struct persist item = {.kind = PERSIST_ENTRY};
        item.entry.header = next_part(&rest);
        item.entry.signature = next_part(&rest);
        item.entry.salt = next_part(&rest);
        item.entry.body = next_part(&rest);
        need("header", header == NULL ? STATUS_NO_MEMORY : header_decode(header, item.entry.header));
        header_hash(&item.hash, &store_founding_of(store)->association, item.entry.header);
        item.log = header->log;
        item.seq = header->seq;
        workload_persist(store, &item, 1, 1);
    }
    buffer_fini(&file);
    free(header);
    store_close(store);
}

/* ---- the offices ---- */

static void print_bytes(const struct workload_shape *shape, bool changed) {
    struct buffer rows;
    buffer_init(&rows, SIZE_MAX / 2);
    workload_msgpack(shape, changed, &rows);
    printf("%zu %zu\n", rows.len, workload_zstd_bytes(buffer_bytes(&rows)));
    buffer_fini(&rows);
}

static void make(const char *dir, const struct workload_shape *shape) {
    char root[PATH_MAX], province[PATH_MAX], changes[PATH_MAX];
    struct workload workload;
    struct workload_entries entries;
    snprintf(root, sizeof root, "%s/root", dir);
    snprintf(province, sizeof province, "%s/province", dir);
    snprintf(changes, sizeof changes, "%s/changes", dir);
    const struct workload_place place = {.root = root, .province = province, .address = "tcp://127.0.0.1:1"}; /* the daemon is told where to dial */
    workload_found(&workload, &place, shape);
    struct store *store = open_store(province);
    workload_entries(&workload, &entries);
    workload_persist(store, entries.items, entries.count, AT_ONCE);
    workload_entries_fini(&entries);
    store_close(store);
    workload_changes(&workload, &entries);
    keep(&entries, changes);
    workload_entries_fini(&entries);
    workload_fini(&workload);
    print_bytes(shape, false);
    print_bytes(shape, true);
}

/* ---- values as text ---- */

static void print_row(const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, bool document) {
    char key[WORKLOAD_ROW_BYTES + 1];
    struct record_key record = workload_key(changeset, row, key);
    if (document) {
        printf("{\"_id\":\"%zu-%u-%s\"", unit, (unsigned)record.period, key);
    } else {
        printf("[%zu,null,\"%02u/%u\",\"%s\",[", unit * shape->changesets * shape->rows + changeset * shape->rows + row + 1, (unsigned)record.period % 12 + 1,
               (unsigned)record.period / 12, key);
    }
    for (size_t field = 0; field < WORKLOAD_FIELDS; field++) {
        long long value = (long long)workload_value(shape, unit, changeset, row, field, false);
        if (document) {
            printf(",\"f%02zu\":%lld", field + 1, value);
        } else {
            printf("%s{\"state\":\"value\",\"value\":\"%lld\"}", field > 0 ? "," : "", value);
        }
    }
    puts(document ? "}" : "]]");
}

static void print_rows(const struct workload_shape *shape, bool documents) {
    for (size_t unit = 0; unit < shape->units; unit++) {
        for (size_t changeset = 0; changeset < shape->changesets; changeset++) {
            for (size_t row = 0; row < shape->rows; row++) {
                print_row(shape, unit, changeset, row, documents);
            }
        }
    }
}

static struct workload_shape shape_of(char **argv) {
    return (struct workload_shape){strtoul(argv[0], NULL, 10), strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10)};
}

int main(int argc, char **argv) {
    need("keys", keys_init());
    if (argc == 6 && strcmp(argv[1], "make") == 0) {
        const struct workload_shape shape = shape_of(argv + 3);
        make(argv[2], &shape);
    } else if (argc == 4 && strcmp(argv[1], "add") == 0) {
        add(argv[2], argv[3]);
    } else if (argc == 5 && (strcmp(argv[1], "json") == 0 || strcmp(argv[1], "rows") == 0)) {
        const struct workload_shape shape = shape_of(argv + 2);
        print_rows(&shape, strcmp(argv[1], "json") == 0);
    } else {
        fputs("usage: see the head of tests/bench/link_stage.c\n", stderr);
        return 2;
    }
    return 0;
}
