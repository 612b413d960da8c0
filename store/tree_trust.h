/* What the files share that judge a tree in which somebody has more power than to add: moves, handovers, revocations, pins, forks (docs/protocol.md 5.11). Nobody else
 * includes this. The files, from what is said to what follows:
 *
 *   tree_power.c    takes such changes in
 *   tree_cut.c      cuts, pins and forks as far as they stand by now: how far a log is walked
 *   tree_parents.c  the parents ever lawfully written, and who is over whom by them
 *   tree_turn.c     the judging: nodes from the most senior down, each once
 *   tree_verdict.c  the verdict on one change, and what follows from one that stands
 *   tree_handover.c what is past a handover
 *   tree_today.c    the tree of today, and the tables that all other questions are answered from
 *   tree_standing.c what is asked afterwards: logs, entries, erasures
 *
 * Until there is such a change, tree_judge.c does all that is to be done, fact by fact; from then on each settle judges everything anew, as a single cut may turn any verdict. */
#ifndef STORE_TREE_TRUST_H
#define STORE_TREE_TRUST_H

#include "store/tree_parts.h"

#define TREE_UNJUDGED UINT32_MAX /* as a rank: junior to all that have one */

struct tree_mark { uint32_t log; struct short_hash hash; uint64_t seq; };                       /* a ref, its log by number */
struct tree_power { uint32_t marks, mark_count, lines, line_count, former_count; };             /* places in trust->marks, and in trust->lines: line, then former */
struct tree_fork { uint32_t log, next; uint64_t seq; struct short_hash one, other; };           /* evidence; of a log from the lowest seq up */
struct tree_cut { uint32_t fact, issuer, log, next; };                                          /* of a node; log: the only one that is cut, TREE_NONE: all */
struct tree_pin { uint32_t mark, rank, next; bool decides; };                                   /* of a log; rank: of who signed it; decides: the mark behind it names a rival */
struct tree_edge { uint32_t parent, next; };                                                    /* of a unit: a parent ever written, each once */
struct tree_moved { uint32_t parent, entry, next; };                                            /* of a unit: a lawful move, close, same */
struct tree_binding { uint32_t fact, issuer, next; };                                           /* of a unit: a handover that stands */
struct tree_consent { struct tree_mark mark; uint32_t issuer; };                                /* an accept by that author; an erasure that stands in that entry */

/* Of a node, while judging and after. */
struct tree_trust_node {
    uint32_t rank, unit, admission; /* rank: TREE_UNJUDGED; unit: as admitted by who has been judged, or for the time being (tree_parents.c); TREE_NONE */
    uint32_t cuts, waiting, claims;        /* claims: the first of its admissions in logs of the inviter that it names */
    uint64_t before;                       /* where its logs that nothing names were cut, as settled before; SEQ_MAX: nowhere */
    bool pending, touched, fallen;         /* pending: admitted by who has been judged; touched: what cuts or pins its logs is another; fallen: something of it may stand no more */
};
struct tree_trust_unit {
    uint32_t edges, moves, bindings, waiting, stamp;
    uint32_t asked;                        /* the question round (trust->round) in which it was last asked who is over it, and the answer */
    enum status answer;
    uint32_t made, made_depth;             /* the creation that holds among the parents ever written, and the units above it by such */
    uint32_t writes, by;                   /* standing ones of its parent, of each log the latest first; the one that holds */
    uint32_t holds;                        /* edges by which directive logs may be held */
    uint32_t before_parent, before_creation;
    bool before_stood;
};
struct tree_bound { uint64_t upto, cut, fork; };                                                /* how far a log is walked, the cut and the open fork; SEQ_MAX: all, none */
struct tree_trust_log {
    struct tree_bound judged, at_last;     /* by what stood at its author's turn, and by all */
    uint64_t before;                       /* at_last.upto as settled before */
    uint32_t first, count;                 /* its facts in trust->order */
    uint32_t pins, forks;
    bool elsewhere;                        /* a pin names a branch that is not held */
    uint64_t elsewhere_from;
    uint32_t wanted;                       /* of an open fork: the mark of a pin of which nothing is held, TREE_NONE: none */
};

struct tree_heap { uint32_t *items; size_t count; };
struct tree_list { void *items; size_t count, capacity; };

struct tree_trust {
    bool power, forked;                    /* there is a change of these kinds; evidence has come since the last settle */
    bool ready;                            /* edges and bounds below are those of the tree as settled */
    struct tree_mark *marks;
    struct tree_power *powers;
    uint32_t *lines;
    struct tree_fork *forks;
    size_t mark_count, mark_capacity, power_count, power_capacity, line_count, line_capacity, fork_count, fork_capacity;

    struct tree_cut *cuts;
    struct tree_pin *pins;
    struct tree_edge *edges;
    struct tree_moved *moves;
    struct tree_binding *bindings;
    struct tree_consent *accepts, *erasures;
    size_t cut_count, cut_capacity, pin_count, pin_capacity, edge_count, edge_capacity, move_count, move_capacity, binding_count, binding_capacity;
    size_t accept_count, accept_capacity, erasure_count, erasure_capacity;

    struct tree_trust_node *nodes;
    struct tree_trust_unit *units;
    struct tree_trust_log *logs;
    size_t node_capacity, unit_capacity, log_capacity;
    uint32_t nodes_known, units_known, logs_known; /* for how many the arrays are filled */

    uint32_t *order;                       /* facts by log, seq, place */
    uint32_t *next;                        /* by fact: in a list of what waits; in a list of a unit's writes */
    uint32_t *claims;                      /* by fact: the next admission of the same node */
    uint32_t *heap, *ready_heap, *queue, *denied, *stack, *log_list, *touched;
    size_t order_capacity, stack_capacity;
    uint32_t ordered, touched_count;       /* facts in `order` */
    uint32_t stamp, ranks, round;          /* round: rises with each turn, and when parents are found anew */
    bool stale, contested;                 /* the parents are to be found anew; creations of one unit differed in the parent */
    size_t accepts_sorted;

    struct tree_edge *hold_edges;
    size_t hold_count, hold_capacity;
    uint32_t *ever, *ever_start;           /* the same as settled: the list of unit u is what stands from ever_start[u] to ever_start[u + 1] */
    size_t ever_capacity, ever_start_capacity;

    uint64_t *seen;                        /* answers of the seen function: open addressing, (a, b) of entries and the answer */
    size_t seen_capacity, seen_count;

    tree_holds_fn *holds;
    void *holds_ctx;
};

void tree_trust_fini(struct tree_trust *trust);
/* Heap sort by an order that the tree decides. */
typedef int tree_order_fn(const struct tree *tree, uint32_t a, uint32_t b);
void tree_sort(const struct tree *tree, uint32_t *items, size_t count, tree_order_fn *order);
void tree_heap_push(const struct tree *tree, struct tree_heap *heap, uint32_t item, tree_order_fn *order);
uint32_t tree_heap_pop(const struct tree *tree, struct tree_heap *heap, tree_order_fn *order);
/* Has entry a seen entry b, and b not a? By numbers; answers are kept. */
CHECKED enum status tree_overtakes(const struct tree *tree, uint32_t a, uint32_t b, bool *out);
CHECKED enum status tree_has_seen(const struct tree *tree, uint32_t a, uint32_t b, bool *out); /* what the headers say alone */
int tree_mark_order(const struct tree_mark *a, const struct tree_mark *b);

/* ---- tree_cut.c ---- */
uint32_t tree_rank(const struct tree *tree, uint32_t author);                                                  /* TREE_RECOVERY: 0; of a node not judged TREE_UNJUDGED */
CHECKED enum status tree_cut_of(const struct tree *tree, uint32_t node, uint32_t log, uint64_t *out); /* log TREE_NONE: one that nothing names. SEQ_MAX: none */
CHECKED enum status tree_walk_log(const struct tree *tree, uint32_t log, struct tree_bound *out);

/* ---- tree_parents.c ---- */
/* Finds the parents ever lawfully written by the logs as far as they are walked; last: those of authors who have been judged only. */
CHECKED enum status tree_parents_find(struct tree *tree, bool last);
CHECKED enum status tree_parents_add(struct tree *tree, uint32_t unit, uint32_t parent); /* one edge more */
CHECKED enum status tree_parents_keep(struct tree *tree);                                /* finds by which directive logs may be held: the parents, and the lines that moves name */
bool tree_parents_known(const struct tree *tree, uint32_t unit);
bool tree_parents_has(const struct tree *tree, uint32_t unit, uint32_t parent);
bool tree_parents_over(const struct tree *tree, uint32_t actor, uint32_t unit);          /* itself or above it */
bool tree_parents_over_without(const struct tree *tree, uint32_t actor, uint32_t unit, uint32_t left_out); /* above it, by parents that are not those of left_out */
size_t tree_parents_above(const struct tree *tree, uint32_t unit, const uint32_t **out); /* itself first, then all above, each once. Borrowed until the next question */
bool tree_parents_lines(const struct tree *tree, const struct tree_fact *placing, uint32_t *lacking); /* do its lines hold? lacking: a unit of which a parent lacks */
int tree_trust_seniority(const struct tree *tree, uint32_t a, uint32_t b);               /* as tree_seniority, by what has been judged so far */

/* May the parents ever written rest on such a fact? */
bool tree_parents_rest_on(const struct tree_fact *fact);

/* ---- tree_turn.c ---- */
struct tree_turn { /* whose turn it is; pending: who will be judged, the most senior first */
    struct tree *tree;
    struct tree_trust *trust;
    uint32_t author, actor;
    bool steward, pinned; /* pinned: a log has been pinned since its walk was last looked at */
    struct tree_heap pending;
};
CHECKED enum status tree_judge_all(struct tree *tree);
bool tree_trust_stands(const struct tree *tree, const struct tree_fact *fact); /* judged so, and on what stands of its log at last */

/* ---- tree_verdict.c ---- */
CHECKED enum status tree_verdict_take(struct tree_turn *turn, uint32_t fact); /* judges it, and does what follows where it stands */
void tree_verdict_touch(struct tree_trust *trust, uint32_t node);            /* its logs will be walked anew when the turn is over */

/* ---- tree_handover.c ---- */
/* Is an entry about a unit past a handover that binds its author (a node)? By the parents as they are found. */
struct tree_past { uint32_t author, unit, log; uint64_t seq; struct short_hash hash; };
CHECKED enum status tree_past_handover(const struct tree *tree, const struct tree_past *entry, bool *out);

/* ---- tree_today.c ---- */
CHECKED enum status tree_today(struct tree *tree);

/* ---- tree_standing.c ---- */
void tree_standing_erasures(struct tree *tree);                /* leaves the erasures that stand at last, in order */
CHECKED enum status tree_standing_parents(struct tree *tree); /* the parents to hold by, in lists */
CHECKED enum status tree_standing_note(struct tree *tree);    /* has something that stood fallen? */

/* ---- tree_power.c ---- */
CHECKED enum status tree_power_of_admission(struct tree *tree, const struct admission *admission, uint32_t *out);

#endif
