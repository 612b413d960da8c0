/* Random histories of a small association for tests of the auditor: entries as honest, careless and hostile offices might write them, all from one seed. Every
 * entry is well-formed as a header (a session takes nothing else); what its body says may be anything. Signatures are not made: nothing here looks at them. */
#ifndef SIM_AUDIT_HISTORY_H
#define SIM_AUDIT_HISTORY_H

#include "protocol/change.h"
#include "protocol/person.h"
#include "protocol/put.h"
#include "tests/sim/random.h"

enum { HISTORY_UNITS = 24, HISTORY_NODES = 12, HISTORY_LOGS = 64, HISTORY_FORMS = 16, HISTORY_FIELDS = 7, HISTORY_ENTRIES = 600 };

struct history_unit {
    struct unit_id id;
    int parent, creator, thief; /* places of other units: under which it is, whose node made it, whose node used its nonce again; -1: none */
    uint8_t nonce[16];          /* of the body that creates it, at place */
    uint32_t place;
};
struct history_node {
    struct node_id id;
    int unit;
    uint8_t roles;
};
struct history_log {
    struct log_id id;
    int node;
    uint64_t head;
    struct hash head_hash;
    int continues; /* place of another log; -1: none */
    uint64_t continues_seq;
};
/* What a form version says, as far as puts have to know. */
struct history_form {
    struct hash version;
    struct unit_id issuer;
    char name[2];
    uint8_t period, window, reach, policy;
    bool list;
    uint8_t level_count, levels[3];
    size_t field_count;
    uint8_t types[HISTORY_FIELDS]; /* fields are named by their type's letter */
    uint8_t choices, places;       /* of its choice, of its decimal */
};
struct history_entry {
    size_t log;
    uint64_t seq;
    struct hash hash;
    struct buffer header, body;
    uint8_t salt[SALT_BYTES];
};
struct history {
    struct random random;
    struct founding founding;
    struct node_keys keys; /* the founder's */
    struct buffer statement;
    uint8_t statement_signature[64];
    struct history_unit units[HISTORY_UNITS];
    size_t unit_count;
    struct history_node nodes[HISTORY_NODES];
    size_t node_count;
    struct history_log logs[HISTORY_LOGS];
    size_t log_count;
    struct history_form forms[HISTORY_FORMS];
    size_t form_count;
    struct history_entry entries[HISTORY_ENTRIES];
    size_t entry_count;
};

/* The association, its first units (a province, a district below it, a commune below that; a second province) with a node each, one form of the root's, and
 * then `count` entries of any kind. The same seed: the same history. Free with history_free. */
struct history *history_new(uint64_t seed, size_t count);
void history_free(struct history *history);
/* The line of a unit as the history has it: nearest first. */
struct line history_line(const struct history *history, int unit);

/* ---- between the two files that make histories ---- */

/* What the header of the next entry is to say beside its place. kind LOG_RECOVERY: node 0, who has the recovery keys at hand. */
struct history_draft {
    int node;
    uint8_t kind, cls, reach;
    size_t audience_count;
    struct term audience[3];
    struct bytes body;
};
void history_append(struct history *history, const struct history_draft *draft);
/* audit_changes.c: one random entry; and the fixed ones that each history begins with. */
void history_random_entry(struct history *history);
void history_begin(struct history *history);

#endif
