/* Structure, nodes and authority as derived from control entries: in memory, pure (no sqlite3.h, no clock). Rules: the design's sections 4 and 5 as far as
 * docs/protocol.md sections 5 and 10 have them. A view: a function of the set of control changes given, not of their order.
 *
 * Facts (creation, attribute, admission, level table) are given with tree_add_* and judged by tree_settle; what is not lawful yet waits and is judged again when what it
 * waits for stands. The rules:
 *   - A creation of unit x under p stands if its author's node stands with the role steward, p stands, and the author's unit is p or above p.
 *   - An admission stands if it is in a log of the inviter it names, the inviter stands with the role steward, the unit stands, and the inviter's unit is the unit or above it.
 *   - An attribute stands if its author stands with the role steward over a standing unit; a level table if its author's unit is the root.
 *   - A unit whose id several creations name (a body issued again) is one unit; of those under one parent the most senior holds. Where the parents differ (nobody honest does
 *     that: the nonce was copied), creations are taken best first, by the author's unit's nearness to the root, then seniority, and the first that is lawful holds.
 *   - Per unit, attribute and effective date there is one register. Of each log its latest standing write counts; of these, those that none of the others has seen (two
 *     that claim to have seen one another have not; in a ring of liars all count); of these, the most senior author's holds, then the one of the lower hash. At a date the latest effective date not after it counts; nil is before every date. A creation writes code, name and level at its own effective date. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "protocol/change.h"

struct tree;
#define TREE_NONE UINT32_MAX                 /* no unit, no node */
#define TREE_TODAY INT32_MAX                 /* a date later than any: the latest attribute holds */

/* Where a fact stands: the change at `place` in entry (log, seq, hash), with the store's row id. continued: how many epochs the log's epoch continues. */
struct fact { struct log_id log; uint64_t seq; struct hash hash; int64_t entry_id; uint32_t place, continued; };

/* Has entry a seen entry b? Asked for writes of one register only. Any status but OK is handed on by tree_settle. */
typedef enum status tree_seen_fn(void *ctx, int64_t a, int64_t b, bool *seen);

CHECKED enum status tree_new(struct tree **out, const struct founding *founding); /* root unit 0 and founder node 0 stand from the start */
void tree_free(struct tree *tree);                                                /* NULL harmless */
void tree_set_seen(struct tree *tree, tree_seen_fn *seen, void *ctx);             /* without it only writes of one log have seen one another */
/* The line that the answer to join named for this node's own unit: it entitles to the directive logs above until the unit itself stands. */
void tree_set_hint(struct tree *tree, const struct unit_id *unit, const struct line *line);

/* Each takes the fact in, to be judged by the next tree_settle. OK, NO_MEMORY, TOO_LARGE (more than 2^31 facts). The same fact given twice is one. Texts are copied. */
CHECKED enum status tree_add_unit(struct tree *tree, const struct fact *fact, const struct unit_id *id, const struct unit_change *change);
CHECKED enum status tree_add_attribute(struct tree *tree, const struct fact *fact, const struct unit_set_change *change);
CHECKED enum status tree_add_admission(struct tree *tree, const struct fact *fact, const struct node_id *id, const struct admission *admission);
CHECKED enum status tree_set_levels(struct tree *tree, const struct fact *fact, const struct level_table *table);
/* Judges what was given since the last time, and all that now may stand. Everything below speaks of the tree as last settled. NO_MEMORY, or what the seen function said: then the
 * tree is of no more use than to be freed. */
CHECKED enum status tree_settle(struct tree *tree);

/* The verdict on a fact: OK (stands), OUTSIDE_AUTHORITY, LINE_BROKEN (deeper than LINE_UNITS_MAX), UNIT_UNKNOWN, AUTHOR_UNKNOWN (wait). NOT_FOUND: never given. */
enum status tree_verdict(const struct tree *tree, int64_t entry_id, uint32_t place);
uint64_t tree_version(const struct tree *tree);      /* rises whenever a unit, node or attribute begins to stand */
uint64_t tree_retractions(const struct tree *tree);  /* rises when something that stood does not any more (copied nonces only): views that rest on it are to be made anew */

/* Units whose level came to be another (a write of it stands) since this was last asked: one at a time, false when there are no more. */
bool tree_next_relevelled(struct tree *tree, uint32_t *unit);
bool tree_knows_log(const struct tree *tree, const struct log_id *log); /* has any fact been given that stands in it? */

/* ---- units: handles are dense numbers from 0 (the root), stable while the tree lives. A handle may be of a unit that does not stand (facts about it wait): it exists at no
 * date, has no parent, level 0 and empty texts. ---- */
size_t tree_unit_count(const struct tree *tree);                                           /* handles in use */
size_t tree_standing_count(const struct tree *tree);                                       /* units that stand */
bool tree_stands(const struct tree *tree, uint32_t unit);
uint32_t tree_unit(const struct tree *tree, const struct unit_id *id);                     /* TREE_NONE if it does not stand */
const struct unit_id *tree_unit_id(const struct tree *tree, uint32_t unit);
uint32_t tree_parent(const struct tree *tree, uint32_t unit, int32_t date);                /* TREE_NONE for the root, and for a unit not yet there at the date */
bool tree_exists(const struct tree *tree, uint32_t unit, int32_t date);                    /* it and all above it had begun by then */
unsigned tree_level(const struct tree *tree, uint32_t unit, int32_t date);
struct bytes tree_code(const struct tree *tree, uint32_t unit, int32_t date);              /* borrowed while the tree lives */
struct bytes tree_name(const struct tree *tree, uint32_t unit, int32_t date);
size_t tree_children(const struct tree *tree, uint32_t unit, const uint32_t **out);        /* ever under it, by handle; check tree_exists at the date. Borrowed until the next settle */
bool tree_is_under(const struct tree *tree, uint32_t unit, uint32_t above, int32_t date);  /* above itself counts as under itself */
size_t tree_line(const struct tree *tree, uint32_t unit, int32_t date, uint32_t out[LINE_UNITS_MAX]); /* units above, nearest first */
/* Units bearing the code at the date: up to max handles into out, ascending by id; returns how many there are in all. An empty code names nobody. */
size_t tree_by_code(const struct tree *tree, struct bytes code, int32_t date, uint32_t *out, size_t max);
/* Depth-first walk, parents before children, siblings by the bytes of their code, those without one last by name; fn returns false to stop. Walks may be nested four deep. */
void tree_walk(const struct tree *tree, uint32_t from, int32_t date, bool (*fn)(void *arg, uint32_t unit, unsigned depth), void *arg);
/* Standing writes of one attribute (enum unit_attribute) of a unit, for people: newest effective date first. fn gets the value (text, or the level's number) and who wrote it. */
struct tree_write { uint8_t attribute, level; struct bytes text; struct date effective; struct node_id author; int64_t entry_id; bool holds; };
void tree_each_write(const struct tree *tree, uint32_t unit, void (*fn)(void *arg, const struct tree_write *write), void *arg);
/* The directive logs that wrote about a unit: its creation, its attributes, its nodes' admissions. fn returns false to stop. A log may come more than once. */
void tree_each_log_about(const struct tree *tree, uint32_t unit, bool (*fn)(void *arg, const struct log_id *log), void *arg);

/* ---- nodes: handles as for units; one that does not stand has unit TREE_NONE ---- */
struct tree_node {
    struct node_id id;
    uint32_t unit;
    uint8_t signing_key[32], transport_key[32], roles;
    uint32_t inviter; /* TREE_NONE: the founder, or admitted by the recovery keys */
    int64_t entry_id; /* of the admission, 0 for the founder */
};
size_t tree_node_count(const struct tree *tree);                                           /* handles in use */
uint32_t tree_node(const struct tree *tree, const struct node_id *id);                     /* TREE_NONE if it does not stand */
uint32_t tree_node_by_transport(const struct tree *tree, const uint8_t transport_key[32]); /* of several the most senior; TREE_NONE */
const struct tree_node *tree_node_at(const struct tree *tree, uint32_t node);
size_t tree_unit_nodes(const struct tree *tree, uint32_t unit, const uint32_t **out);      /* standing ones; borrowed until the next settle */
/* Negative: a is senior to b. The design's order: shorter chain; then the senior inviter; then epoch (continuations, bytes), seq, place. Both must stand. */
int tree_seniority(const struct tree *tree, uint32_t a, uint32_t b);

/* ---- authority and entitlement (by unit ids, as the engine asks) ---- */
/* May a node of unit `actor` act for `unit` (itself or one above it)? */
bool tree_over(const struct tree *tree, uint32_t actor, uint32_t unit);
bool tree_may_hold_log(const struct tree *tree, const struct unit_id *unit, const struct log_id *log);
bool tree_may_hold_body(const struct tree *tree, const struct unit_id *unit, const struct header *header);
bool tree_may_hold_receipt(const struct tree *tree, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log);
bool tree_selected(const struct tree *tree, const struct term *audience, size_t count, uint32_t unit); /* does a document's audience name the unit? */

size_t tree_levels(const struct tree *tree, const struct level_name **out); /* the level table in force, ascending */
/* By number ("3") or by name in any language (ASCII letters in either case). LEVEL_UNKNOWN, also for a number not in the table. */
CHECKED enum status tree_level_number(const struct tree *tree, struct bytes text, unsigned *out);

#endif
