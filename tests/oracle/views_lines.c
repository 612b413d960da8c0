/* A set of change-sets as lines (tests/oracle/lines.py), given to the store's tree as a store would: control changes in a random order, of each log one branch,
 * forks as evidence; and the views of it as lines. tests/oracle/compare.py sets them beside those of the model.
 *
 *     views_lines SET SEED [ORDERS]
 *
 * ORDERS (1): so many random orders are tried, all of which have to come to the same lines. */
#include "tests/oracle/set_lines.h"

#include <assert.h>
#include <stdarg.h>
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

struct lines {
    char **lines;
    size_t count;
};

__attribute__((format(printf, 2, 3))) static void say(struct lines *lines, const char *format, ...) {
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    lines->lines = more(lines->lines, (lines->count + 1) * sizeof *lines->lines);
    lines->lines[lines->count++] = strdup(text);
}

static const char *hex(const uint8_t *bytes, size_t len) {
    static char texts[8][65];
    static size_t turn;
    char *text = texts[turn++ % 8];
    for (size_t i = 0; i < len; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    return text;
}
#define HEX(id) hex((id)->b, sizeof(id)->b)

static const char *word_of(enum status verdict) {
    switch (verdict) {
    case STATUS_OK:
        return "ok";
    case STATUS_OUTSIDE_AUTHORITY:
        return "outside";
    case STATUS_REQUEST_ONLY:
        return "request";
    case STATUS_UNIT_UNKNOWN:
        return "foreign";
    case STATUS_LINE_BROKEN:
        return "line";
    case STATUS_HANDOVER_EMPTY:
        return "no-move";
    case STATUS_HANDED_OVER:
        return "handover";
    case STATUS_AUTHOR_CUT:
        return "cut";
    case STATUS_FORK:
        return "fork";
    case STATUS_AUTHOR_UNKNOWN:
        return "no-admission";
    default:
        return "?";
    }
}

static void say_nodes(struct lines *lines, const struct tree *tree) {
    for (uint32_t i = 0; i < tree_node_count(tree); i++) {
        const struct tree_node *node = tree_node_at(tree, i);
        unsigned rank = 1;
        if (node->unit == TREE_NONE) {
            continue;
        }
        for (uint32_t j = 0; j < tree_node_count(tree); j++) {
            rank += tree_node_at(tree, j)->unit != TREE_NONE && tree_seniority(tree, j, i) < 0;
        }
        say(lines, "node %s %s %u %u", HEX(&node->id), HEX(tree_unit_id(tree, node->unit)), rank, node->roles);
    }
}

static void say_units(struct lines *lines, const struct tree *tree) {
    for (uint32_t i = 0; i < tree_unit_count(tree); i++) {
        if (!tree_stands(tree, i)) {
            continue;
        }
        uint32_t parent = tree_parent(tree, i, TREE_TODAY);
        struct bytes name = tree_name(tree, i, TREE_TODAY);
        if (i != 0) {
            say(lines, "parent %s %s", HEX(tree_unit_id(tree, i)), HEX(tree_unit_id(tree, parent)));
        }
        if (tree_closed(tree, i)) {
            say(lines, "closed %s %s", HEX(tree_unit_id(tree, i)), HEX(tree_unit_id(tree, parent)));
        }
        if (name.len > 0) {
            say(lines, "name %s %.*s", HEX(tree_unit_id(tree, i)), (int)name.len, (const char *)name.data);
        }
    }
    for (uint32_t i = 0; i < tree_unit_count(tree); i++) {
        const uint32_t *parents;
        size_t count = tree_ever_parents(tree, i, &parents);
        for (size_t j = 0; j < count; j++) {
            say(lines, "ever %s %s", HEX(tree_unit_id(tree, i)), HEX(tree_unit_id(tree, parents[j])));
        }
    }
}

static void say_logs(struct lines *lines, const struct set *set, const struct tree *tree) {
    for (size_t i = 0; i < set->chain_count; i++) {
        const struct chain *chain = &set->chains[i];
        struct tree_standing standing;
        char cut[24] = "-", fork[24] = "-";
        if (chain->id.kind != LOG_RECOVERY && tree_node(tree, &chain->id.node) == TREE_NONE) {
            continue;
        }
        tree_log_standing(tree, &chain->id, &standing);
        size_t length = standing.upto < chain->held_count ? (size_t)standing.upto : chain->held_count;
        if (standing.why == STATUS_AUTHOR_CUT) {
            snprintf(cut, sizeof cut, "%llu", (unsigned long long)standing.upto);
        } else if (standing.why == STATUS_FORK) {
            snprintf(fork, sizeof fork, "%llu", (unsigned long long)standing.upto + 1);
        }
        say(lines, "log %s:%d:%s %zu %s %s %s", HEX(&chain->id.node), chain->id.kind, HEX(&chain->id.epoch), length,
            length == 0 ? "-" : HEX(&set->items[chain->held[length - 1]].hash), cut, fork);
    }
}

static void say_entry(struct lines *lines, const struct set *set, const struct tree *tree, const struct item *item) {
    const struct chain *chain = set_chain(set, &item->header.log);
    bool held = item->header.seq <= chain->held_count && &set->items[chain->held[item->header.seq - 1]] == item;
    int64_t id = (int64_t)(item - set->items) + 1;
    for (uint32_t place = 0; place < item->change_count && held && item->header.cls == CLASS_CONTROL; place++) {
        enum status verdict = tree_judged(tree, id, place);
        if (verdict != STATUS_AUTHOR_UNKNOWN && verdict != STATUS_AUTHOR_CUT && verdict != STATUS_FORK) {
            say(lines, "change %s %u %s", HEX(&item->hash), place, word_of(verdict));
        }
    }
    if (item->header.cls == CLASS_CONTROL) {
        return;
    }
    struct ref ref = {item->header.log, item->header.seq, hash_short(&item->hash)};
    enum status verdict = tree_entry_verdict(tree, &item->header, &item->hash);
    if (!held && verdict != STATUS_AUTHOR_UNKNOWN && verdict != STATUS_AUTHOR_CUT) {
        verdict = STATUS_FORK; /* what fell with its branch */
    }
    if (item->header.cls == CLASS_DOCUMENT && verdict == STATUS_UNIT_UNKNOWN) {
        verdict = STATUS_OUTSIDE_AUTHORITY; /* a document waits for a unit that it may be for */
    }
    say(lines, "entry %s %s", HEX(&item->hash), word_of(verdict));
    if (tree_erased(tree, &ref)) {
        say(lines, "erased %s", HEX(&item->hash));
    }
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct lines views(struct set *set) {
    struct lines lines = {0};
    struct tree *tree = settle_branches(set);
    say_nodes(&lines, tree);
    say_units(&lines, tree);
    say_logs(&lines, set, tree);
    for (size_t i = 0; i < set->count; i++) {
        say_entry(&lines, set, tree, &set->items[i]);
    }
    qsort(lines.lines, lines.count, sizeof *lines.lines, compare_lines);
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

static void free_lines(struct lines *lines) {
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->lines[i]);
    }
    free(lines->lines);
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
        free_lines(&other);
    }
    for (size_t i = 0; i < first.count; i++) {
        puts(first.lines[i]);
    }
    free_lines(&first);
    set_free(&set);
    return same ? 0 : 1;
}
