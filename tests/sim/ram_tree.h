/* Units, nodes and who may hold what (docs/protocol.md 8 and 10, "Entitlement"), for replicas in RAM: learned from control bodies, only ever growing. */
#ifndef SIM_RAM_TREE_H
#define SIM_RAM_TREE_H

#include "protocol/change.h"

enum { RAM_TREE_MAX = 96 };

struct ram_unit {
    struct unit_id id;
    bool has_level;
    uint8_t level;
    struct line above;
};
struct ram_node {
    struct node_id id;
    struct unit_id unit;
    uint8_t signing_key[32];
    unsigned depth;
};

struct ram_tree {
    size_t unit_count, node_count;
    struct ram_unit units[RAM_TREE_MAX];
    struct ram_node nodes[RAM_TREE_MAX]; /* by depth, then id */
    uint64_t version;                 /* rises when something was learned */
};

/* What entitlement needs of a header. */
struct body_facts {
    struct log_id log;
    uint8_t cls, reach;
    size_t audience_count;
    struct term audience[4];
};

void ram_tree_init(struct ram_tree *tree, const struct founding *founding);
/* What is known of a unit without its creation: its line, as joining tells. */
void ram_tree_add_line(struct ram_tree *tree, const struct unit_id *unit, const struct line *line);
/* Learns units and nodes from a control body by author. Malformed changes are passed over. */
void ram_tree_apply(struct ram_tree *tree, const struct association_id *association, const struct node_id *author, struct bytes body);

const struct ram_unit *ram_tree_unit(const struct ram_tree *tree, const struct unit_id *unit); /* NULL: unknown */
const struct ram_node *ram_tree_node(const struct ram_tree *tree, const struct node_id *node);
bool ram_tree_above(const struct ram_tree *tree, const struct unit_id *upper, const struct unit_id *lower); /* strictly */

void body_facts_of(struct body_facts *out, const struct header *header);
bool ram_tree_may_hold_log(const struct ram_tree *tree, const struct unit_id *unit, const struct log_id *log);
bool ram_tree_may_hold_body(const struct ram_tree *tree, const struct unit_id *unit, const struct body_facts *facts);
bool ram_tree_may_hold_receipt(const struct ram_tree *tree, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log);

#endif
