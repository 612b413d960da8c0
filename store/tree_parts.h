/* What the tree's own files share: its tables. Nobody else includes this.
 *
 * Everything is numbers into arrays that grow by half: a unit costs about 200 bytes with its texts, so that a country's tree takes two to three megabytes. Nothing is allocated
 * by tree_settle but in the rare case of a contest (tree_judge.c): what it needs is reserved when a fact is given. */
#ifndef STORE_TREE_PARTS_H
#define STORE_TREE_PARTS_H

#include "store/tree.h"

#define TREE_RECOVERY (UINT32_MAX - 1) /* as an author: the recovery keys */
#define TREE_ALWAYS INT32_MIN          /* an effective date of nil */
enum { TREE_ATTRIBUTE_LEVELS = UNIT_LEVEL + 1, TREE_WALKS_NESTED = 4 };

struct tree_log {
    struct log_id id;
    uint32_t author, continued, next; /* next: of the same author */
    bool given;                       /* a fact stands in it: else it is but named */
};
struct tree_entry { int64_t id; uint64_t seq; struct short_hash hash; uint32_t log; };

struct tree_fact {
    uint32_t entry, place;
    uint32_t subject;           /* unit created or written, node admitted */
    uint32_t parent;            /* creation: the parent; admission: the node's unit */
    uint32_t code, name;        /* texts; an attribute's text is in code */
    uint32_t waiting_next;      /* in the list of what waits for one unit or node */
    uint32_t code_next;         /* in a bucket of the code index */
    uint32_t power;             /* number in trust->powers: lines, refs. TREE_NONE: none */
    int32_t effective;          /* TREE_ALWAYS: nil */
    uint16_t verdict, judged;   /* enum status; judged: at its author's turn, whatever has cut him off or set the write aside since */
    uint8_t kind, attribute, level;
    bool dominated, stood;      /* another standing write has seen it; (contests) it stood before */
};

struct tree_writes { uint32_t *facts; uint32_t count, given, capacity; }; /* standing ones, by attribute, then effective date from the latest down */

struct tree_unit {
    struct unit_id id;
    uint32_t parent, creation;  /* the fact that holds; TREE_NONE: does not stand (the root has none and stands) */
    uint32_t waiting, writes;   /* list of facts; number in tree->writes, TREE_NONE: none */
    uint8_t depth, dominated;   /* units above it; bit a: the creation's value of attribute a has been seen by another write */
    bool stands, relevelled, closed; /* closed: by a close or same that holds */
};

struct tree_slot_node {
    struct tree_node node;
    uint32_t unit, waiting, admission, depth, key_next; /* unit it is admitted for, standing or not; depth: length of its chain of admissions, the founder's 1 */
    uint32_t facts;                                     /* that stand in its logs, whatever became of them */
    uint32_t links, jump;                               /* admissions from it up to the founder, successions too; a node further up that chain (tree_judge.c) */
    uint32_t logs;                                      /* the first of its logs */
    bool stands, claimed, succeeds;                     /* claimed: an admission of it stands in a log of the inviter that it names; succeeds: it names its inviter as whom it succeeds */
};

struct tree_table { uint64_t *slots; size_t capacity, count; }; /* open addressing: hash in the upper half, number + 1 in the lower */
typedef bool tree_match_fn(const struct tree *tree, uint32_t number, const void *key);

/* Filled when asked for after a settle; reserved when units and nodes are. */
struct tree_cache {
    bool ready;
    uint32_t *child_start, *children, *node_start, *nodes; /* starts: one more than units */
    uint32_t *walk;
    size_t walk_used, walk_capacity;
};

struct tree {
    struct association_id association;
    uint64_t seed, version, retractions;
    struct tree_log *logs;
    struct tree_entry *entries;
    struct tree_fact *facts;
    struct tree_unit *units;
    struct tree_slot_node *nodes;
    struct tree_writes *writes;
    uint32_t log_count, entry_count, fact_count, unit_count, node_count, write_count, standing, relevelled;
    size_t log_capacity, entry_capacity, fact_capacity, unit_capacity, node_capacity, write_capacity;
    struct tree_table log_table, entry_table, fact_table, unit_table, node_table, key_table;
    uint32_t *code_buckets;
    size_t code_capacity;
    uint32_t *work;             /* facts to be judged */
    uint32_t work_count, judged; /* facts below `judged` have been through tree_settle */
    bool contested, anew, levels_stale; /* creations contest a unit; all is to be judged anew; the level table has changed */
    uint8_t **chunks;           /* texts */
    size_t chunk_count, chunk_capacity, chunk_used, chunk_size;
    struct level_table *levels;
    struct tree_cache *cache;
    struct tree_trust *trust;   /* tree_trust.h */
    struct tree_scope *scope;   /* tree_scope.c */
    uint32_t recovery_logs;     /* the first (and only) log of the recovery keys */
    tree_seen_fn *seen;
    void *seen_ctx;
    bool has_hint;
    struct unit_id hint_unit;
    struct line hint_line;
};

/* ---- tree_table.c ---- */
struct bytes tree_text(const struct tree *tree, uint32_t text);
CHECKED enum status tree_text_add(struct tree *tree, struct bytes bytes, uint32_t *out);
/* The number of a unit, node or log, made where it is new. */
CHECKED enum status tree_intern_unit(struct tree *tree, const struct unit_id *id, uint32_t *out);
CHECKED enum status tree_intern_node(struct tree *tree, const struct node_id *id, uint32_t *out);
/* A new fact with its entry and log, not yet judged. It must not have been given before (tree_verdict). */
CHECKED enum status tree_intern_fact(struct tree *tree, const struct fact *fact, uint32_t *out);
CHECKED enum status tree_intern_log(struct tree *tree, const struct log_id *id, uint32_t *out);
CHECKED enum status tree_grow(void *array, size_t *capacity, size_t count, size_t item_bytes); /* room for one more item; what is new is zero */
CHECKED enum status tree_reserve_fact(struct tree *tree);          /* room for one more, in the list of work too, and buckets for its code */
CHECKED enum status tree_reserve_key(struct tree *tree);           /* room for one more in the index of transport keys */
CHECKED enum status tree_reserve_write(struct tree *tree, uint32_t unit); /* room for one more write of the unit */
void tree_index_key(struct tree *tree, uint32_t node);
void tree_index_code(struct tree *tree, uint32_t fact);
void tree_clear_indexes(struct tree *tree);                        /* codes and transport keys */
/* Numbers, TREE_NONE where there is none. A key's is the first of a chain (key_next) of standing nodes. */
uint32_t tree_find_unit(const struct tree *tree, const struct unit_id *id);
uint32_t tree_find_node(const struct tree *tree, const struct node_id *id);
uint32_t tree_find_log(const struct tree *tree, const struct log_id *log);
uint32_t tree_find_key(const struct tree *tree, const uint8_t transport_key[32]);
uint32_t tree_find_fact(const struct tree *tree, int64_t entry_id, uint32_t place);
uint64_t tree_hash(const struct tree *tree, struct bytes bytes);
const struct tree_log *tree_fact_log(const struct tree *tree, const struct tree_fact *fact);

/* ---- tree_judge.c ---- */
/* A node is admitted, whose inviter was before: its place in the chain of admissions, which is always the same. */
void tree_chain_join(struct tree *tree, uint32_t node);
/* Which of two nodes is senior by their chains alone. 0: *a and *b are now the first two above them that have one inviter, and who of these was admitted first decides. */
int tree_chain_order(const struct tree *tree, uint32_t *a, uint32_t *b);
int tree_place_order(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b); /* the order of two places in logs of one author */
void tree_all_anew(struct tree *tree);                                                              /* nothing stands but the root and the founder */
/* The order of two facts by their authors' seniority, then epoch, seq and place. */
int tree_fact_order(const struct tree *tree, const struct tree_fact *a, const struct tree_fact *b);
int tree_author_order(const struct tree *tree, uint32_t a, uint32_t b); /* TREE_RECOVERY before all nodes */

/* ---- tree_scope.c: who may hold directive logs because of moves ---- */
CHECKED enum status tree_scope_new(struct tree_scope **out);
void tree_scope_free(struct tree_scope *scope);                                       /* NULL harmless */
bool tree_scope_reaches(const struct tree *tree, uint32_t above, uint32_t unit);      /* stood `above` ever above unit, its subtree, or what left it? */
bool tree_scope_names(const struct tree *tree, uint32_t unit, uint32_t named);        /* does a placing that touches unit's line or subtree name the other? */
bool tree_scope_waits(const struct tree *tree, uint32_t node);                        /* its admission may still come to stand */

/* ---- tree_attribute.c ---- */
/* A write begins to stand: it takes its place in its register. */
CHECKED enum status tree_write_stands(struct tree *tree, uint32_t fact);
/* The creation that holds has changed: what of it was seen is found anew. */
CHECKED enum status tree_creation_stands(struct tree *tree, uint32_t unit);
CHECKED enum status tree_levels_refresh(struct tree *tree);
void tree_note_level(struct tree *tree, uint32_t unit); /* tree_next_relevelled will tell of it */

#endif
