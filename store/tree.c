/* The tree's life, what is looked up in it by id, and its lists of children and nodes. */
#include "store/tree_trust.h"

#include <stdlib.h>

/* ---- lifecycle ---- */

static enum status begin(struct tree *tree, const struct founding *founding) {
    uint32_t root, founder;
    enum status status = tree_intern_unit(tree, &founding->root, &root);
    if (status == STATUS_OK) {
        status = tree_intern_node(tree, &founding->founder, &founder);
    }
    if (status == STATUS_OK) {
        status = tree_reserve_key(tree);
    }
    if (status == STATUS_OK) {
        status = tree_reserve_fact(tree);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct tree_slot_node *node = &tree->nodes[founder];
    tree->units[root].stands = true;
    tree->standing = 1;
    memcpy(node->node.signing_key, founding->signing_key, sizeof founding->signing_key);
    memcpy(node->node.transport_key, founding->transport_key, sizeof founding->transport_key);
    node->node.roles = ROLE_WRITER | ROLE_STEWARD;
    node->node.unit = node->unit = root;
    tree_chain_join(tree, founder);
    node->stands = node->claimed = true;
    tree_index_key(tree, founder);
    tree->version = 1;
    tree->levels_stale = true;
    return tree_levels_refresh(tree);
}

enum status tree_new(struct tree **out, const struct founding *founding) {
    struct tree *tree = calloc(1, sizeof *tree);
    *out = NULL;
    if (tree == NULL) {
        return STATUS_NO_MEMORY;
    }
    tree->association = founding->association;
    tree->seed = (uint64_t)(uintptr_t)tree * UINT64_C(0x9e3779b97f4a7c15); /* differs from run to run: nobody can choose ids that collide */
    tree->cache = calloc(1, sizeof *tree->cache);
    tree->levels = calloc(1, sizeof *tree->levels);
    tree->trust = calloc(1, sizeof *tree->trust);
    enum status scoped = tree_scope_new(&tree->scope);
    tree->recovery_logs = TREE_NONE;
    enum status status = tree->cache == NULL || tree->levels == NULL || tree->trust == NULL || scoped != STATUS_OK ? STATUS_NO_MEMORY : begin(tree, founding);
    if (status != STATUS_OK) {
        tree_free(tree);
        return status;
    }
    *out = tree;
    return STATUS_OK;
}

void tree_free(struct tree *tree) {
    if (tree == NULL) {
        return;
    }
    for (uint32_t i = 0; i < tree->write_count; i++) {
        free(tree->writes[i].facts);
    }
    for (size_t i = 0; i < tree->chunk_count; i++) {
        free(tree->chunks[i]);
    }
    if (tree->cache != NULL) {
        free(tree->cache->child_start);
        free(tree->cache->children);
        free(tree->cache->node_start);
        free(tree->cache->nodes);
        free(tree->cache->walk);
    }
    struct tree_table *tables[] = {&tree->log_table, &tree->entry_table, &tree->fact_table, &tree->unit_table, &tree->node_table, &tree->key_table};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        free(tables[i]->slots);
    }
    if (tree->trust != NULL) {
        tree_trust_fini(tree->trust);
    }
    free(tree->trust);
    tree_scope_free(tree->scope);
    free(tree->logs);
    free(tree->entries);
    free(tree->facts);
    free(tree->units);
    free(tree->nodes);
    free(tree->writes);
    free(tree->code_buckets);
    free(tree->work);
    free(tree->chunks);
    free(tree->levels);
    free(tree->cache);
    free(tree);
}

void tree_set_seen(struct tree *tree, tree_seen_fn *seen, void *ctx) {
    tree->seen = seen;
    tree->seen_ctx = ctx;
}

void tree_set_hint(struct tree *tree, const struct unit_id *unit, const struct line *line) {
    tree->has_hint = true;
    tree->hint_unit = *unit;
    tree->hint_line = *line;
}

/* ---- lookups ---- */

uint32_t tree_unit_known(const struct tree *tree, const struct unit_id *id) {
    return tree_find_unit(tree, id);
}

uint32_t tree_unit(const struct tree *tree, const struct unit_id *id) {
    uint32_t unit = tree_find_unit(tree, id);
    return tree_stands(tree, unit) ? unit : TREE_NONE;
}

uint32_t tree_node(const struct tree *tree, const struct node_id *id) {
    uint32_t node = tree_find_node(tree, id);
    return node != TREE_NONE && tree->nodes[node].stands ? node : TREE_NONE;
}

uint32_t tree_known_node(const struct tree *tree, const struct node_id *id) {
    uint32_t node = tree_find_node(tree, id);
    return node != TREE_NONE && tree->nodes[node].unit != TREE_NONE ? node : TREE_NONE;
}

uint32_t tree_node_by_transport(const struct tree *tree, const uint8_t transport_key[32]) {
    uint32_t best = TREE_NONE;
    for (uint32_t node = tree_find_key(tree, transport_key); node != TREE_NONE; node = tree->nodes[node].key_next) {
        if (best == TREE_NONE || tree_seniority(tree, node, best) < 0) {
            best = node;
        }
    }
    return best;
}

enum status tree_verdict(const struct tree *tree, int64_t entry_id, uint32_t place) {
    uint32_t fact = tree_find_fact(tree, entry_id, place);
    return fact == TREE_NONE ? STATUS_NOT_FOUND : (enum status)tree->facts[fact].verdict;
}

size_t tree_unit_count(const struct tree *tree) {
    return tree->unit_count;
}

size_t tree_standing_count(const struct tree *tree) {
    return tree->standing;
}

bool tree_stands(const struct tree *tree, uint32_t unit) {
    return unit < tree->unit_count && tree->units[unit].stands;
}

const struct unit_id *tree_unit_id(const struct tree *tree, uint32_t unit) {
    return &tree->units[unit].id;
}

size_t tree_node_count(const struct tree *tree) {
    return tree->node_count;
}

const struct tree_node *tree_node_at(const struct tree *tree, uint32_t node) {
    return &tree->nodes[node].node;
}

uint32_t tree_chain_length(const struct tree *tree, uint32_t node) {
    return tree->nodes[node].depth;
}

uint32_t tree_node_facts(const struct tree *tree, uint32_t node) {
    return tree->nodes[node].facts;
}

size_t tree_fact_count(const struct tree *tree) {
    return tree->fact_count;
}

uint64_t tree_version(const struct tree *tree) {
    return tree->version;
}

bool tree_next_relevelled(struct tree *tree, uint32_t *unit) {
    *unit = TREE_NONE;
    for (uint32_t i = 0; tree->relevelled > 0 && i < tree->unit_count; i++) {
        if (tree->units[i].relevelled) {
            tree->units[i].relevelled = false;
            tree->relevelled--;
            *unit = i;
            return true;
        }
    }
    return false;
}

bool tree_knows_log(const struct tree *tree, const struct log_id *log) {
    uint32_t number = tree_find_log(tree, log);
    return number != TREE_NONE && tree->logs[number].given;
}

uint64_t tree_retractions(const struct tree *tree) {
    return tree->retractions;
}

/* Counting sort: the list of unit u is what stands from starts[u] to starts[u + 1]. owner gives the unit of item i, TREE_NONE for none. */
static void cache_sort(uint32_t *starts, uint32_t *list, const struct tree *tree, uint32_t items, uint32_t (*owner)(const struct tree *tree, uint32_t item)) {
    memset(starts, 0, (tree->unit_count + 1) * sizeof *starts);
    for (uint32_t i = 0; i < items; i++) {
        uint32_t unit = owner(tree, i);
        if (unit != TREE_NONE) {
            starts[unit]++;
        }
    }
    for (uint32_t unit = 1; unit <= tree->unit_count; unit++) {
        starts[unit] += starts[unit - 1];
    }
    /* Filled from behind: each list's end moves down to its beginning, and its items come out ascending. */
    for (uint32_t i = items; i-- > 0;) {
        uint32_t unit = owner(tree, i);
        if (unit != TREE_NONE) {
            list[--starts[unit]] = i;
        }
    }
}

static uint32_t owner_of_unit(const struct tree *tree, uint32_t unit) {
    return tree->units[unit].stands ? tree->units[unit].parent : TREE_NONE;
}

static uint32_t owner_of_node(const struct tree *tree, uint32_t node) {
    return tree->nodes[node].stands ? tree->nodes[node].node.unit : TREE_NONE;
}

static void cache_fill(const struct tree *tree) {
    struct tree_cache *cache = tree->cache;
    if (!cache->ready) {
        cache_sort(cache->child_start, cache->children, tree, tree->unit_count, owner_of_unit);
        cache_sort(cache->node_start, cache->nodes, tree, tree->node_count, owner_of_node);
        cache->ready = true;
    }
}

size_t tree_children(const struct tree *tree, uint32_t unit, const uint32_t **out) {
    cache_fill(tree);
    *out = tree->cache->children + tree->cache->child_start[unit];
    return tree->cache->child_start[unit + 1] - tree->cache->child_start[unit];
}

size_t tree_unit_nodes(const struct tree *tree, uint32_t unit, const uint32_t **out) {
    cache_fill(tree);
    *out = tree->cache->nodes + tree->cache->node_start[unit];
    return tree->cache->node_start[unit + 1] - tree->cache->node_start[unit];
}
