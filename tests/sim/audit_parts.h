/* The parts of the auditor: what audit.c gathers, and what each of the other files concludes from it. Nobody outside tests/sim/audit*.c includes this. */
#ifndef SIM_AUDIT_PARTS_H
#define SIM_AUDIT_PARTS_H

#include "tests/sim/audit.h"

enum { NOBODY = -1, RECOVERY = -2 /* an author: the recovery keys */, ROOT = 0, FOUNDER = 0 };

/* ---- entries (audit.c) ---- */

/* One change of a body, decoded where this version has a shape for it. */
struct audit_change {
    struct audit_item *item;
    uint32_t place;
    uint64_t kind;
    struct bytes payload;
    enum status decoded; /* OK, CRITICAL_EXTENSION, or what else decoding said */
    enum status aside;   /* the verdict; OK: it stands */
    union {
        struct unit_change unit;
        struct unit_set_change set;
        struct admission *admission; /* too large for each change to have room for one */
        struct form form;
        struct level_table *levels;
        struct put put;
    };
    /* Indices into the tables of units and nodes, NOBODY where there is none: of a creation its unit and the parent, of an attribute or admission the unit. */
    int subject, parent, node;
    struct hash version; /* of a form */
};

struct audit_item {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    uint8_t cls, reach;
    bool critical, has_continues, has_body, applied;
    struct ref continues;
    size_t audience_count, seen_count, change_count;
    struct term *audience;
    struct ref *seen;
    struct bytes header, body; /* owned copies */
    uint8_t nonce[16];         /* of the body */
    struct audit_change *changes;
    bool malformed;    /* the body as a whole */
    enum status whole; /* set aside as a whole; OK: change by change */
    int author;        /* index of the node, RECOVERY, or NOBODY where no admission of it is held */
};

struct audit_log {
    struct log_id id;
    size_t first, count;  /* into items: without a gap from seq 1 */
    size_t applied;       /* how many of them */
    unsigned continued;   /* epochs that it continues, directly or through others */
    size_t continues_log; /* index of the log continued; SIZE_MAX: none, or not held */
    bool begun;
};

/* ---- structure (audit_tree.c) ---- */

/* A unit that some creation names, or the root (index 0). */
struct audit_unit {
    struct unit_id id;
    bool stands;
    int parent; /* index; NOBODY for the root */
    unsigned depth;
    struct audit_change *creation; /* the one that holds; NULL for the root */
};
/* A node that some admission names, or the founder (index 0). */
struct audit_node {
    struct node_id id;
    bool stands;
    int unit, inviter; /* indices; inviter NOBODY for the founder, RECOVERY */
    unsigned chain;    /* admissions from the founder, or from one that the recovery keys admitted */
    uint8_t roles;
    const uint8_t *signing_key, *transport_key;
    struct audit_change *admission; /* at its earliest valid place; NULL for the founder */
};
/* One value of one attribute of a unit from a date on. */
struct audit_write {
    struct audit_change *change;
    int unit;
    uint8_t attribute, level;
    struct bytes text;
    struct date effective;
    bool latest; /* of its log */
    bool holds;
};

/* ---- forms (audit_form.c) ---- */

struct audit_form {
    struct hash version;
    uint8_t id[16];
    struct audit_change *change; /* of several places the most senior author's, among those that stand */
    bool newest;
};

/* ---- records (audit_record.c) ---- */

struct audit_cell_write {
    struct audit_change *change;
    int unit;
    struct unit_id unit_id;
    const uint8_t *form;
    uint64_t period;
    struct bytes row, field;
    struct cell cell;
};

struct audit {
    const struct founding *founding;
    struct audit_item *items;
    size_t item_count;
    struct audit_log *logs;
    size_t log_count;
    int own;
    struct unit_id own_id;
    struct line line;

    struct audit_unit *units; /* behind the root ascending by id; so are nodes behind the founder */
    size_t unit_count;
    struct audit_node *nodes;
    size_t node_count;
    struct audit_write *writes; /* those that stand: by unit, attribute, effective date, entry's hash, place */
    size_t write_count;
    struct audit_change *levels; /* the level table that holds, or NULL */

    struct audit_form *forms; /* those that stand, ascending by version */
    size_t form_count;
    struct audit_cell_write *cells; /* those that stand: by form, period, unit, row, field, entry's hash, place */
    size_t cell_count;
};

/* audit.c: memory that is there, or the process ends; items, of which there are `count`, with room for one more. */
void *audit_memory(size_t count, size_t bytes);
#define AUDIT_ROOM(items, count) audit_room((items), (count), sizeof *(items))
void *audit_room(void *items, size_t count, size_t bytes);
/* Has entry a seen entry b (4.1)? */
bool audit_has_seen(const struct audit *audit, const struct audit_item *a, const struct audit_item *b);
/* Has the write a overtaken the write b of the same register: has it seen b (by their entries, and of one entry's changes by their places), and b not it? Two
 * that claim to have seen one another, as only a liar can, have not. */
bool audit_overtakes(const struct audit *audit, const struct audit_change *a, const struct audit_change *b);
const struct audit_log *audit_find_log(const struct audit *audit, const struct log_id *log);
/* Calls fn for every change of every applied entry whose body is held and that is not set aside as a whole. */
typedef void audit_change_fn(struct audit *audit, struct audit_change *change);
void audit_each_change(struct audit *audit, audit_change_fn *fn);

/* audit_tree.c: units, nodes and their verdicts; audit_attribute.c: attributes, level tables. Both leave their reason in each change. */
void audit_conclude_tree(struct audit *audit);
void audit_conclude_attributes(struct audit *audit);
int audit_unit_index(const struct audit *audit, const struct unit_id *id); /* NOBODY: no creation names it */
int audit_node_index(const struct audit *audit, const struct node_id *id);
bool audit_author_stands(const struct audit *audit, int author); /* RECOVERY always does */
int audit_author_unit(const struct audit *audit, int author);    /* of one that stands */
bool audit_author_may(const struct audit *audit, int author, uint8_t role);
bool audit_is_under(const struct audit *audit, int unit, int above);   /* or the same; both must stand */
/* Of a change about a unit, its subject: only a steward of it or above it may. AUTHOR_UNKNOWN, UNIT_UNKNOWN, OUTSIDE_AUTHORITY. */
enum status audit_judge_steward(const struct audit *audit, const struct audit_change *change);
bool audit_is_there(const struct audit *audit, int unit, int32_t day); /* a standing unit: it and all above had begun by then */
int audit_compare_authors(const struct audit *audit, int a, int b);    /* negative: a is senior */
/* Of one author: the log whose epoch continues fewer, the epoch's bytes, seq, place. */
int audit_compare_places(const struct audit *audit, const struct audit_change *a, const struct audit_change *b);
/* The level on a day; -1 where nothing says it. */
int audit_level(const struct audit *audit, int unit, int32_t day);

/* audit_form.c */
void audit_conclude_forms(struct audit *audit);
const struct audit_form *audit_form_of(const struct audit *audit, const struct hash *version);
bool audit_put_fits(const struct put *put, const struct form *form);
int32_t audit_last_day(const struct form *form, uint64_t period);

/* audit_record.c: verdicts on entries of records and documents; the cells of puts that stand. */
void audit_conclude_records(struct audit *audit);
/* Which of `count` writes of one register, from `writes`, are heads: heads[i] true. Only those for which `count_in` is true take part. */
void audit_heads(const struct audit *audit, const struct audit_cell_write *writes, size_t count, const bool *count_in, bool *heads);
bool audit_same_register(const struct audit_cell_write *a, const struct audit_cell_write *b);
bool audit_same_record(const struct audit_cell_write *a, const struct audit_cell_write *b);

/* audit_hold.c */
bool audit_unit_may_hold_log(const struct audit *audit, int unit, const struct log_id *log);
/* Entitlement to the body of an entry of a log that the unit may hold. */
bool audit_unit_may_hold_body(const struct audit *audit, int unit, const struct audit_item *item);

#endif
