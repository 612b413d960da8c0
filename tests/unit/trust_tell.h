/* What a store holds and concludes, in lines: to be compared, and for whoever reads a failure. */
#ifndef TESTS_UNIT_TRUST_TELL_H
#define TESTS_UNIT_TRUST_TELL_H

#include "store_delivery.h"

static inline int unit_number(const struct history *history, const struct unit_id *id) {
    for (size_t i = 0; i < history->unit_count; i++) {
        if (ID_EQUAL(&history->units[i].id, id))
            return (int)i;
    }
    return -1;
}

static inline void tell_tree(const struct office *office, FILE *out) {
    const struct history *history = office->history;
    const struct tree *tree = office->store->tree;
    for (size_t i = 0; i < history->unit_count; i++) {
        uint32_t unit = tree_unit(tree, &history->units[i].id), parent = unit == TREE_NONE ? TREE_NONE : tree_parent(tree, unit, TREE_TODAY);
        (void)fprintf(out, "unit %zu %s, under %d, level %u%s\n", i, unit == TREE_NONE ? "does not stand" : "stands",
                      parent == TREE_NONE ? -1 : unit_number(history, tree_unit_id(tree, parent)), unit == TREE_NONE ? 0 : tree_level(tree, unit, TREE_TODAY),
                      unit != TREE_NONE && tree_closed(tree, unit) ? ", closed" : "");
    }
    for (size_t i = 0; i < history->node_count; i++) {
        uint32_t node = tree_node(tree, &history->nodes[i].id);
        int64_t entry;
        (void)fprintf(out, "node %zu %s%s\n", i, node == TREE_NONE ? "does not stand" : "stands",
                      node != TREE_NONE && tree_revoked(tree, node, &entry) ? ", revoked" : "");
    }
    for (size_t i = 0; i < history->log_count; i++) {
        struct tree_standing standing;
        tree_log_standing(tree, &history->logs[i].id, &standing);
        if (standing.upto < SEQ_MAX)
            (void)fprintf(out, "log %zu of node %d, kind %u, stands up to %llu: %u\n", i, history->logs[i].node, history->logs[i].id.kind,
                          (unsigned long long)standing.upto, (unsigned)standing.why);
    }
}

static inline void tell_list(const struct office *office, const char *what, const char *sql, FILE *out) {
    struct query query = db_query(office->store->db, sql);
    while (query_next(&query)) {
        struct bytes text = query_text(&query, 0);
        (void)fprintf(out, "%s %.*s\n", what, (int)text.len, (const char *)text.data);
    }
    assert_int_equal(query_end(&query), STATUS_OK);
}

static inline void tell_rows(const struct office *office, FILE *out) {
    static const struct {
        const char *what, *sql;
    } LISTS[] = {
        {"aside",
         "SELECT hex(l.node) || ' ' || l.kind || ' ' || hex(l.epoch) || ' ' || e.seq || ' place ' || s.place || ' reason ' || s.reason FROM set_aside s"
         " JOIN entry e ON e.id = s.entry JOIN log l ON l.id = e.log WHERE e.seq <= l.stands ORDER BY 1"},
        {"form", "SELECT hex(version) FROM form ORDER BY 1"},
        {"document", "SELECT hex(e.hash) || ' place ' || d.place FROM document d JOIN entry e ON e.id = d.entry ORDER BY 1"},
        {"erased", "SELECT hex(e.hash) FROM entry e JOIN log l ON l.id = e.log WHERE body_state = 4 AND e.seq <= l.stands ORDER BY 1"},
        {"record", "SELECT hex(k.form_id) || ' ' || period || ' ' || hex(u.unit) || ' ' || row || ' ' || contested FROM record r"
                   " JOIN form_key k ON k.id = r.form JOIN unit_key u ON u.id = r.unit ORDER BY 1"},
    };
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++)
        tell_list(office, LISTS[i].what, LISTS[i].sql, out);
}

/* What follows from what is held; free it. */
static inline char *tell_views(const struct office *office) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    tell_tree(office, out);
    tell_rows(office, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* What is held: of a log whose fork nobody has settled it may differ. */
static inline char *tell_held(const struct office *office) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    tell_list(office, "head", "SELECT hex(node) || ' ' || kind || ' ' || hex(epoch) || ' ' || head_seq || ' ' || hex(head_hash) FROM log ORDER BY 1", out);
    tell_list(office, "fork", "SELECT hex(l.epoch) || ' ' || f.seq || ' ' || hex(f.hash) FROM fork f JOIN log l ON l.id = f.log ORDER BY 1", out);
    tell_list(office, "fallen", "SELECT hex(l.epoch) || ' ' || f.seq || ' ' || hex(f.hash) FROM fallen f JOIN log l ON l.id = f.log ORDER BY 1", out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static inline bool has_line(const char *text, const char *line, size_t len) {
    for (const char *at = text; *at != 0; at = strchr(at, '\n') + 1) {
        if (strncmp(at, line, len) == 0 && at[len] == '\n')
            return true;
    }
    return false;
}

static inline void tell_lacking(const char *what, const char *text, const char *other) {
    for (const char *at = text; *at != 0; at = strchr(at, '\n') + 1) {
        size_t len = (size_t)(strchr(at, '\n') - at);
        if (!has_line(other, at, len))
            print_error("    %s %.*s\n", what, (int)len, at);
    }
}

#endif
