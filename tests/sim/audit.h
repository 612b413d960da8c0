/* The auditor: what a node must conclude from the entries that it holds. A second, slow and plain statement of the rules of docs/protocol.md (sections 4 to 7,
 * 10 and 12) and docs/forms.md (2, 4 and 6), written from those pages and sharing with store/ nothing but the decoders of protocol/: where the two differ, the
 * store, the auditor or the page is wrong.
 *
 * Everything is computed anew by each audit_conclude, from the entries as a set: the order of audit_entry makes no difference. There is no state but in struct
 * audit, no clock, no randomness, no I/O. Where memory runs out the process ends: this is a test's tool.
 *
 * Not judged, because the page makes it depend on the order in which entries came: what is past the bounds at the end of section 6 (TOO_LARGE). */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include "protocol/change.h"
#include "protocol/changeset.h"
#include "protocol/person.h"
#include "protocol/put.h"

struct audit;

enum { AUDIT_LATEST = INT32_MAX }; /* a day later than any: structure of today, where the latest effective date counts */

/* founding: borrowed until audit_free. */
struct audit *audit_new(const struct founding *founding);
void audit_free(struct audit *audit); /* NULL harmless */
/* An entry held: header as signed; body as signed, empty where it is not held. Bytes are copied. Signatures, hashes and the chain are taken for verified; an
 * entry given again counts once, with its body if it came with one of the times. Of each log what is held without a gap from seq 1 is looked at. */
void audit_entry(struct audit *audit, struct bytes header, struct bytes body);
/* Computes all that follows. own: the unit whose node this is; line: what its answer to join named, for as long as the unit does not stand (NULL: none). */
void audit_conclude(struct audit *audit, const struct unit_id *own, const struct line *line);

/* ---- conclusions, valid until the next audit_entry, audit_conclude or audit_free ---- */

/* One field of one record of a put that stands. */
struct audit_cell {
    const struct unit_id *unit;
    uint8_t form[16];
    uint64_t period;
    struct bytes row, field;
    size_t heads;        /* writes of it that no later write of it has seen */
    bool contested;      /* they differ in value */
    struct cell counted; /* what counts at present: state CELL_UNTOUCHED never; a choice is CELL_TEXT, its code; raw and source are empty */
};
typedef void audit_cell_fn(void *arg, const struct audit_cell *cell);
/* Ascending by form, period, unit, row, field. */
void audit_each_cell(const struct audit *audit, audit_cell_fn *fn, void *arg);

/* How far a log is applied: entries from seq 1, each applied or set aside. What comes after waits for a body, or for the epoch that this one continues. */
uint64_t audit_applied(const struct audit *audit, const struct log_id *log);
/* Entries of a log of which a change is set aside, and its changes set aside (an entry set aside as a whole counts as one). */
size_t audit_aside_entries(const struct audit *audit, const struct log_id *log);
size_t audit_aside_count(const struct audit *audit, const struct log_id *log);
/* The reason of one; place 0 where the whole is set aside. STATUS_OK: it stands. NOT_FOUND: not applied, or no such change in what is held. */
enum status audit_aside(const struct audit *audit, const struct log_id *log, uint64_t seq, uint32_t place);
/* Every change set aside, by log, seq, place. */
typedef void audit_aside_fn(void *arg, const struct log_id *log, uint64_t seq, uint32_t place, enum status reason);
void audit_each_aside(const struct audit *audit, audit_aside_fn *fn, void *arg);

/* Does the unit stand on that day (days since 1970, or AUDIT_LATEST)? parent may be NULL; all zeros for the root. */
bool audit_unit(const struct audit *audit, const struct unit_id *unit, int32_t day, struct unit_id *parent);
/* The attribute's value on that day (enum unit_attribute): level, or text. False where the unit does not stand or nothing says it then. */
bool audit_attribute(const struct audit *audit, const struct unit_id *unit, uint8_t attribute, int32_t day, struct bytes *text, uint8_t *level);
/* Does the node stand, for which unit? unit may be NULL. */
bool audit_node(const struct audit *audit, const struct node_id *node, struct unit_id *unit);
/* Negative: a is senior to b. Both must stand. */
int audit_seniority(const struct audit *audit, const struct node_id *a, const struct node_id *b);
/* The newest version of a form that stands. False: none. */
bool audit_newest_form(const struct audit *audit, const uint8_t form[16], struct hash *version);

/* Section 10 and 8: may a node of `unit` hold it? */
bool audit_may_hold_log(const struct audit *audit, const struct unit_id *unit, const struct log_id *log);
bool audit_may_hold_body(const struct audit *audit, const struct unit_id *unit, const struct header *header);
bool audit_may_hold_receipt(const struct audit *audit, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log);

/* Section 12. False where the two units do not stand, or neither is the other nor above it. */
bool audit_digest(const struct audit *audit, const struct unit_id *unit, const struct unit_id *with, struct hash *out);

#endif
