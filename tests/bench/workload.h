/* What every benchmark works on: the figures of an association's offices, the same on every machine and in every run. Owns the values, the small tree that
 * reports them, and the change-sets, signed by the offices' own nodes. Knows no clock, no table, no socket.
 *
 * W is 1,000,000 values: 5 communes, 100 change-sets each (a month each), 100 rows of a list form of 20 integer fields a change-set. Of the 20 fields 12 are
 * small counts (two in five are 0, else 1 to 9), 5 medium (200 to 699) and 3 large (65,536 to 196,607). The 1 % variant is one change-set more a commune, which
 * changes 3 fields in one of every hundred of its rows: 5 change-sets, 500 rows, 1,500 values.
 *
 * Failures end the program: a benchmark has nobody to report to. */
#ifndef TESTS_BENCH_WORKLOAD_H
#define TESTS_BENCH_WORKLOAD_H

#include "protocol/put.h"
#include "protocol/replica.h"
#include "store/store.h"

enum {
    WORKLOAD_FIELDS = 20,        /* "f01" to "f20" */
    WORKLOAD_CHANGED_FIELDS = 3, /* in each row of the 1 % variant */
    WORKLOAD_FIRST_MONTH = 12 * 2015,
    WORKLOAD_ROW_BYTES = 3 /* of a row key: "000" to "999" */
};

/* How much: offices that report, change-sets each, rows a change-set. At most 1,000 rows. */
struct workload_shape {
    size_t units, changesets, rows;
};
#define WORKLOAD_W ((struct workload_shape){5, 100, 100})
#define WORKLOAD_SMOKE ((struct workload_shape){1, 5, 10}) /* W / 1000 */
size_t workload_values(const struct workload_shape *shape);

/* ---- values ---- */

/* Of a row of a change-set of an office, all counted from 0. after: with the 1 % variant applied. */
int64_t workload_value(const struct workload_shape *shape, size_t unit, size_t changeset, size_t row, size_t field, bool after);
/* The rows that the 1 % variant changes: how many an office, and which the index-th is (ascending); fields ascending. */
size_t workload_changed_rows(const struct workload_shape *shape);
void workload_changed_row(const struct workload_shape *shape, size_t unit, size_t index, size_t *changeset, size_t *row,
                          size_t fields[WORKLOAD_CHANGED_FIELDS]);
/* A row's key, and its period's ordinal. */
struct record_key workload_key(size_t changeset, size_t row, char key[WORKLOAD_ROW_BYTES + 1]);

/* All values row by row as msgpack, an array a row: [unit, period, row key, 20 integers]. Appends. changed: only the rows of the 1 % variant, after it. */
void workload_msgpack(const struct workload_shape *shape, bool changed, struct buffer *out);
/* What zstd -3 makes of bytes. */
size_t workload_zstd_bytes(struct bytes bytes);

/* ---- the association ---- */

struct workload_office {
    struct node_keys keys;
    struct node_id node;
    struct unit_id unit;
    struct log_id log; /* its report log */
    uint64_t seq;      /* of the last change-set made, and its hash */
    struct hash head;
};

/* A root ("00") that admits a province ("01"), under which `units` communes ("00001" and on) stand, each with a node of its own; and the list form "figures".
 * All of it stands in the root's directive log. */
struct workload {
    struct workload_shape shape;
    struct association_id association;
    struct buffer statement; /* the founding statement and its signature (64 bytes) */
    struct unit_id root_unit;
    struct node_id root_node;
    struct log_id directive; /* of the root's node */
    struct hash form_version;
    struct workload_office province, *communes;
};

/* Where the stores are made. province: NULL, no store for it (its node is admitted all the same). address: what the province dials, "tcp://HOST:PORT". */
struct workload_place {
    const char *root, *province, *address;
};
/* Founds the association in a new store at place->root and writes all admissions and the form: the receiver's store, ready and closed. The province's store,
 * the sender's, holds the same. Its keys and the communes' are the same in every run; the root's, and the province's where it has a store, are not. */
void workload_found(struct workload *out, const struct workload_place *place, const struct workload_shape *shape);
void workload_fini(struct workload *workload);

/* ---- change-sets ---- */

/* Signed entries as a session hands them to store_persist, commune by commune. They own their bytes. */
struct workload_entries {
    struct persist *items;
    size_t count;
    struct buffer *bytes; /* of each entry */
};
/* All change-sets of the shape, in order. Calling it again makes the same entries. */
void workload_entries(struct workload *workload, struct workload_entries *out);
/* The change-set of the 1 % variant of each commune. Follows workload_entries. */
void workload_changes(struct workload *workload, struct workload_entries *out);
void workload_entries_fini(struct workload_entries *entries);
/* One at a time, for what must not keep them all: the commune's next change-set, then that of the 1 % variant. Its bytes stand in memory. */
void workload_next(struct workload *workload, size_t commune, struct buffer *memory, struct persist *out);

/* Persists and applies entries into an open store, `at_once` entries a transaction. */
void workload_persist(struct store *store, const struct persist *items, size_t count, size_t at_once);

#endif
