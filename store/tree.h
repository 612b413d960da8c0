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

#include "protocol/trust.h"

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
/* The changes of docs/protocol.md 5.6 to 5.10. An admission's pins are given with the admission. kind: CHANGE_MOVE, CHANGE_CLOSE, CHANGE_SAME. */
CHECKED enum status tree_add_placing(struct tree *tree, const struct fact *fact, uint64_t kind, const struct placing *placing);
CHECKED enum status tree_add_handover(struct tree *tree, const struct fact *fact, const struct handover *handover);
CHECKED enum status tree_add_revocation(struct tree *tree, const struct fact *fact, const struct revocation *revocation);
CHECKED enum status tree_add_pins(struct tree *tree, const struct fact *fact, const struct refs *pins);
CHECKED enum status tree_add_fork_decision(struct tree *tree, const struct fact *fact, const struct fork_decision *decision);
CHECKED enum status tree_add_erasure(struct tree *tree, const struct fact *fact, const struct erasure *erasure);
CHECKED enum status tree_add_acceptance(struct tree *tree, const struct fact *fact, const struct refs *entries);
/* Evidence: at seq of the log stand two headers with these hashes, of which one may be held as the log's entry. Of several the lowest seq counts. Takes effect with the next settle. */
CHECKED enum status tree_add_fork(struct tree *tree, const struct log_id *log, uint64_t seq, const struct hash *one, const struct hash *other);
/* Is the entry that a ref names the one held at its seq of the log (the branch that is held)? Asked for pins of forked logs. NOT_FOUND: nothing is held at that seq; any
 * other status but OK is handed on by tree_settle. Without it nothing is held. */
typedef enum status tree_holds_fn(void *ctx, const struct ref *ref, bool *holds);
void tree_set_holds(struct tree *tree, tree_holds_fn *holds, void *ctx);
/* Judges what was given since the last time, and all that now may stand (while nobody has moved, revoked, pinned anything, fact by fact; from then on all anew). Everything below speaks of the tree as last settled. NO_MEMORY, or what the seen function said: then the
 * tree is of no more use than to be freed. */
CHECKED enum status tree_settle(struct tree *tree);

/* The verdict on a fact: OK (stands), OUTSIDE_AUTHORITY, LINE_BROKEN (lines that do not hold; deeper than LINE_UNITS_MAX), UNIT_UNKNOWN, AUTHOR_UNKNOWN (wait), REQUEST_ONLY,
 * HANDED_OVER (waits), HANDOVER_EMPTY, AUTHOR_CUT, FORK (past what stands of its log), STRUCTURE_CYCLE. NOT_FOUND: never given. */
enum status tree_verdict(const struct tree *tree, int64_t entry_id, uint32_t place);
/* The verdict of the author's turn (5.11), whatever cut him off since: AUTHOR_UNKNOWN where his branch did not reach it. NOT_FOUND: never given. */
enum status tree_judged(const struct tree *tree, int64_t entry_id, uint32_t place);

/* How far a log stands by all cuts, pins and forks: entries up to `upto` do (SEQ_MAX: all), those after it are set aside for `why` (AUTHOR_CUT, FORK). */
struct tree_standing { uint64_t upto; enum status why; };
void tree_log_standing(const struct tree *tree, const struct log_id *log, struct tree_standing *out);
/* A forked log whose most senior pin names a branch that is not the one held: the seq from which what is held has to make room for it. False: none. */
bool tree_other_branch(const struct tree *tree, const struct log_id *log, uint64_t *from);
/* A forked log of which a senior has pinned an entry that is not held: a branch with that entry is to be held, whichever it is. It may be the one held now, which has
 * not come that far; tree_other_branch says where it can't be. False: none. */
bool tree_wanted(const struct tree *tree, const struct log_id *log, struct ref *out);
/* The last rule of 5.11 for an entry of class record or document: OK, AUTHOR_UNKNOWN, AUTHOR_CUT, FORK, OUTSIDE_AUTHORITY, UNIT_UNKNOWN, HANDED_OVER. hash: the entry's. */
enum status tree_entry_verdict(const struct tree *tree, const struct header *header, const struct hash *hash);
bool tree_erased(const struct tree *tree, const struct ref *entry); /* does a standing erasure name it? */
bool tree_closed(const struct tree *tree, uint32_t unit);           /* by a close or same that holds */
/* Has a standing revocation been written against the node (whatever it leaves standing)? The entry it stands in (0: none). */
bool tree_revoked(const struct tree *tree, uint32_t node, int64_t *entry_id);
/* May a node of U write for V (5.11)? U is over V over the parents ever lawfully written by whom stands. By handles. */
bool tree_may_act(const struct tree *tree, uint32_t actor, uint32_t unit);
/* U is over V over the parents ever written as far as who may hold a log asks of them (5.11): those lawfully written by whom stands, and the lines that moves name. By handles. */
bool tree_ever_over(const struct tree *tree, uint32_t actor, uint32_t unit);
/* Every parent of a unit by the same, by handle. Borrowed until the next settle. */
size_t tree_ever_parents(const struct tree *tree, uint32_t unit, const uint32_t **out);
uint64_t tree_version(const struct tree *tree);      /* rises whenever a unit, node or attribute begins to stand, and whatever else verdicts and entitlement rest on may be another */
uint64_t tree_retractions(const struct tree *tree);  /* rises when something that stood does not any more: views that rest on it are to be made anew */

/* Units whose level came to be another (a write of it stands) since this was last asked: one at a time, false when there are no more. */
bool tree_next_relevelled(struct tree *tree, uint32_t *unit);
bool tree_knows_log(const struct tree *tree, const struct log_id *log); /* has any fact been given that stands in it? */

/* ---- units: handles are dense numbers from 0 (the root), stable while the tree lives. A handle may be of a unit that does not stand (facts about it wait): it exists at no
 * date, has no parent, level 0 and empty texts. ---- */
size_t tree_unit_count(const struct tree *tree);                                           /* handles in use */
size_t tree_standing_count(const struct tree *tree);                                       /* units that stand */
bool tree_stands(const struct tree *tree, uint32_t unit);
uint32_t tree_unit(const struct tree *tree, const struct unit_id *id);                     /* TREE_NONE if it does not stand */
uint32_t tree_unit_known(const struct tree *tree, const struct unit_id *id);               /* whether it stands or not; TREE_NONE: no fact names it */
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
uint32_t tree_known_node(const struct tree *tree, const struct node_id *id);               /* an admission of it has been given, whether it stands or not; its keys are known */
uint32_t tree_node_by_transport(const struct tree *tree, const uint8_t transport_key[32]); /* of several the most senior; TREE_NONE */
const struct tree_node *tree_node_at(const struct tree *tree, uint32_t node);
size_t tree_unit_nodes(const struct tree *tree, uint32_t unit, const uint32_t **out);      /* standing ones; borrowed until the next settle */
/* Negative: a is senior to b. The design's order: shorter chain; then the senior inviter; then epoch (continuations, bytes), seq, place. Both must stand. */
int tree_seniority(const struct tree *tree, uint32_t a, uint32_t b);
uint32_t tree_chain_length(const struct tree *tree, uint32_t node); /* of its chain of admissions (5.1): the founder's is 1 */
/* Facts given of a node's logs, whatever became of them; of all. */
uint32_t tree_node_facts(const struct tree *tree, uint32_t node);
size_t tree_fact_count(const struct tree *tree);

/* ---- authority and entitlement (by unit ids, as the engine asks) ---- */
/* May a node of unit `actor` act for `unit` (itself or one above it)? */
bool tree_over(const struct tree *tree, uint32_t actor, uint32_t unit);
bool tree_may_hold_log(const struct tree *tree, const struct unit_id *unit, const struct log_id *log);
/* The same for what comes to a node of the unit itself: also directive logs of units that a move, close or same names which touches its line or its subtree, whether it stands or
 * not. By these logs it can be judged. */
bool tree_may_accept_log(const struct tree *tree, const struct unit_id *unit, const struct log_id *log);
bool tree_may_hold_body(const struct tree *tree, const struct unit_id *unit, const struct header *header);
bool tree_may_hold_receipt(const struct tree *tree, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log);
/* The unit whose logs an author's are: of a node that stands or waits (its admission may still come to stand: after a handover, a fork); the root of the recovery keys' log.
 * TREE_NONE: of nobody. */
uint32_t tree_author_unit(const struct tree *tree, const struct log_id *log);
uint32_t tree_held_node(const struct tree *tree, const struct node_id *id); /* a node that stands or waits; TREE_NONE */
/* Nodes whose directive logs go before others: who has written a revocation or fork decision that stands, and by whom he was admitted, up to the founder. out: of
 * tree_node_count bytes, zeroed, 1 for each such node. False: there are none. */
bool tree_cutters(const struct tree *tree, uint8_t *out);
bool tree_erases(const struct tree *tree);                                  /* does any erasure stand? */
/* Every unit whose directive logs a node of `unit` may hold, without those of its subtree: each once, depth 0. NO_MEMORY. */
CHECKED enum status tree_each_above(const struct tree *tree, uint32_t unit, bool (*fn)(void *arg, uint32_t above, unsigned depth), void *arg);
/* Every further unit whose directive logs a node of `unit` may accept (tree_may_accept_log). */
void tree_each_named(const struct tree *tree, uint32_t unit, bool (*fn)(void *arg, uint32_t named, unsigned depth), void *arg);
size_t tree_waiting_nodes(const struct tree *tree, const uint32_t **out); /* nodes that wait; borrowed until the next settle */
/* Is the log one that a node of unit `lower` hands up to one of `upper`: of a unit that once stood below both, and does not stand below the lower one any more? And may a body of it go so? What
 * does not reach the upper one, or somebody between, does not. */
bool tree_hands_up(const struct tree *tree, const struct unit_id *lower, const struct unit_id *upper, const struct log_id *log);
bool tree_hands_body(const struct tree *tree, const struct unit_id *lower, const struct unit_id *upper, const struct header *header);
/* Every unit whose logs a node of `lower` may have to hand up. */
void tree_each_left(const struct tree *tree, const struct unit_id *lower, bool (*fn)(void *arg, uint32_t unit, unsigned depth), void *arg);
/* What refutes that a node of unit `peer` may hold the logs of these entries, and creations of units that have lost to others in logs that it may hold: each log once, up to the last entry
 * concerned, with the entry that it speaks of. A claimed log itself, up to its lowest fork and last pin, where it is refuted at all. NO_MEMORY. */
typedef bool tree_refute_fn(void *arg, const struct log_id *log, uint64_t upto, const struct ref *of);
CHECKED enum status tree_each_refuting(const struct tree *tree, const struct unit_id *peer, const struct ref *claimed, size_t count, tree_refute_fn *fn, void *arg);
/* What the standing of a log rests on: entries in which it is cut, pinned, handed over, and in which its author was admitted, and in turn those of their logs. fn gets each such
 * log once, with the highest such seq. peer (may be NULL): logs that a node of this unit may hold anyway are left out, and not followed. NO_MEMORY. */
typedef bool tree_ground_fn(void *arg, const struct log_id *log, uint64_t upto);
CHECKED enum status tree_each_ground(const struct tree *tree, const struct log_id *log, const struct unit_id *peer, tree_ground_fn *fn, void *arg);
bool tree_selected(const struct tree *tree, const struct term *audience, size_t count, uint32_t unit); /* does a document's audience name the unit? */

size_t tree_levels(const struct tree *tree, const struct level_name **out); /* the level table in force, ascending */
/* By number ("3") or by name in any language (ASCII letters in either case). LEVEL_UNKNOWN, also for a number not in the table. */
CHECKED enum status tree_level_number(const struct tree *tree, struct bytes text, unsigned *out);

#endif
