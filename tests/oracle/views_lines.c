/* A set of change-sets as lines (tests/oracle/lines.py), given to the store's tree as a store would: control changes in a random order, of each log one branch,
 * forks as evidence; and the views of it as lines. tests/oracle/compare.py sets them beside those of the model.
 *
 *     views_lines SET SEED [ORDERS]
 *
 * ORDERS (1): so many random orders are tried, all of which have to come to the same lines. */
#include "tests/oracle/set_lines.h"
#include "tests/oracle/tree_lines.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BRANCH_TRIES_MAX = 64 };

/* ---- giving ---- */

/* Each entry that stands beside one of the branch that is held is evidence. */
static enum status give_forks(struct set *set, struct tree *tree, const struct chain *chain) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < set->count; i++) {
        const struct item *item = &set->items[i];
        uint64_t seq = item->header.seq;
        if (log_id_equal(&item->header.log, &chain->id) && seq <= chain->held_count && chain->held[seq - 1] != i &&
            (seq == 1 || item->before == chain->held[seq - 2]) && status == STATUS_OK) {
            const struct hash *held = &set->items[chain->held[seq - 1]].hash;
            bool swap = set_random(set, 2) == 0;
            status = tree_add_fork(tree, &chain->id, seq, swap ? &item->hash : held, swap ? held : &item->hash);
        }
    }
    return status;
}

struct place {
    size_t item, chain;
    uint32_t place;
};

/* The tree of what is held by now, given in a random order, settled now and then. */
static struct tree *make_tree(struct set *set) {
    struct tree *tree;
    struct place *places = NULL;
    size_t count = 0;
    for (size_t i = 0; i < set->chain_count; i++) {
        const struct chain *chain = &set->chains[i];
        for (size_t j = 0; j < chain->held_count; j++) {
            const struct item *item = &set->items[chain->held[j]];
            places = more(places, (count + item->change_count + 1) * sizeof *places);
            for (uint32_t k = 0; k < item->change_count && item->header.cls == CLASS_CONTROL; k++) {
                places[count++] = (struct place){chain->held[j], SIZE_MAX, k};
            }
        }
        places = more(places, (count + 2) * sizeof *places);
        places[count++] = (struct place){SIZE_MAX, i, 0};
    }
    enum status status = tree_new(&tree, &set->founding);
    tree_set_seen(tree, set_seen, set);
    tree_set_holds(tree, set_holds, set);
    uint64_t settle_in = 1 + set_random(set, 40);
    for (size_t i = count; i > 0 && status == STATUS_OK; i--) {
        size_t other = (size_t)set_random(set, i);
        struct place place = places[other];
        places[other] = places[i - 1];
        status = place.chain != SIZE_MAX ? give_forks(set, tree, &set->chains[place.chain]) : set_give(set, tree, place.item, place.place);
        if (status == STATUS_OK && --settle_in == 0) {
            status = tree_settle(tree);
            settle_in = 1 + set_random(set, 40);
        }
    }
    status = status == STATUS_OK ? tree_settle(tree) : status;
    assert(status == STATUS_OK);
    free(places);
    return tree;
}

/* The next branch of the log that has the entry a pin names, if there is one. */
static bool hold_wanted(struct set *set, struct chain *chain, const struct ref *wanted) {
    size_t at = set_find(set, &wanted->log, wanted->seq, wanted->hash.b, sizeof wanted->hash.b);
    for (size_t i = 1; i <= chain->leaf_count && at != SIZE_MAX; i++) {
        size_t leaf = (chain->leaf + i) % chain->leaf_count, up = chain->leaves[leaf];
        while (up != SIZE_MAX && up != at) {
            up = set->items[up].before;
        }
        if (up == at) {
            set_hold(set, chain, leaf);
            return true;
        }
    }
    return false;
}

/* Holds some branch of each log, and another where the tree says that a pin names one. */
static struct tree *settle_branches(struct set *set) {
    for (size_t i = 0; i < set->chain_count; i++) {
        set_hold(set, &set->chains[i], (size_t)set_random(set, set->chains[i].leaf_count));
    }
    struct tree *tree = make_tree(set);
    for (int tries = 0; tries < BRANCH_TRIES_MAX; tries++) {
        bool changed = false;
        for (size_t i = 0; i < set->chain_count; i++) {
            struct ref wanted;
            changed |= tree_wanted(tree, &set->chains[i].id, &wanted) && hold_wanted(set, &set->chains[i], &wanted);
        }
        if (!changed) {
            break;
        }
        tree_free(tree);
        tree = make_tree(set);
    }
    return tree;
}

/* ---- writing ---- */

struct chain_of {
    const struct set *set;
    const struct chain *chain;
};

static const struct hash *hash_at(void *ctx, uint64_t seq) {
    struct chain_of *of = ctx;
    return &of->set->items[of->chain->held[seq - 1]].hash;
}

static void say_entry(struct lines *lines, const struct set *set, const struct tree *tree, const struct item *item) {
    const struct chain *chain = set_chain(set, &item->header.log);
    bool held = item->header.seq <= chain->held_count && &set->items[chain->held[item->header.seq - 1]] == item;
    if (item->header.cls != CLASS_CONTROL) {
        lines_entry(lines, tree, &item->header, &item->hash, held);
        return;
    }
    for (uint32_t place = 0; place < item->change_count && held; place++) {
        lines_change(lines, tree, (int64_t)(item - set->items) + 1, place, &item->hash);
    }
}

static struct lines views(struct set *set) {
    struct lines lines = {0};
    struct tree *tree = settle_branches(set);
    lines_nodes(&lines, tree);
    lines_units(&lines, tree);
    for (size_t i = 0; i < set->chain_count; i++) {
        struct chain_of of = {set, &set->chains[i]};
        lines_log(&lines, tree, &of.chain->id, of.chain->held_count, hash_at, &of);
    }
    for (size_t i = 0; i < set->count; i++) {
        say_entry(&lines, set, tree, &set->items[i]);
    }
    lines_sort(&lines);
    tree_free(tree);
    return lines;
}

static bool same_lines(const struct lines *a, const struct lines *b, unsigned order) {
    for (size_t i = 0; i < a->count || i < b->count; i++) {
        if (i >= a->count || i >= b->count || strcmp(a->lines[i], b->lines[i]) != 0) {
            fprintf(stderr, "order %u differs:\n  %s\n  %s\n", order, i < a->count ? a->lines[i] : "(end)", i < b->count ? b->lines[i] : "(end)");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct set set = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: views_lines SET SEED [ORDERS]\n");
        return 2;
    }
    set_read(&set, argv[1]);
    set.random = strtoull(argv[2], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    unsigned orders = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    struct lines first = views(&set);
    bool same = true;
    for (unsigned order = 1; order < orders && same; order++) {
        struct lines other = views(&set);
        same = same_lines(&first, &other, order);
        lines_free(&other);
    }
    for (size_t i = 0; i < first.count; i++) {
        puts(first.lines[i]);
    }
    lines_free(&first);
    set_free(&set);
    return same ? 0 : 1;
}
