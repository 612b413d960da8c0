#include "tests/oracle/tree_lines.h"

#include <stdarg.h>
#include <stdlib.h>

enum { LINE_TEXT_MAX = 2048 };

/* ---- lines ---- */

void lines_say(struct lines *lines, const char *format, ...) {
    char text[LINE_TEXT_MAX];
    va_list list;
    va_start(list, format);
    int len = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    lines->lines = realloc(lines->lines, (lines->count + 1) * sizeof *lines->lines);
    char *line = strdup(text);
    if (lines->lines == NULL || line == NULL || len >= LINE_TEXT_MAX) {
        abort();
    }
    lines->lines[lines->count++] = line;
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_sort(struct lines *lines) {
    if (lines->count > 0) {
        qsort(lines->lines, lines->count, sizeof *lines->lines, compare_lines);
    }
}

void lines_free(struct lines *lines) {
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->lines[i]);
    }
    free(lines->lines);
    *lines = (struct lines){0};
}

void hex_print(FILE *out, const void *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        fprintf(out, "%02x", ((const uint8_t *)bytes)[i]);
    }
}

const char *hex_text(const uint8_t *bytes, size_t len) {
    static char texts[8][65];
    static size_t turn;
    char *text = texts[turn++ % 8];
    for (size_t i = 0; i < len; i++) {
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    return text;
}

/* ---- what a tree says ---- */

const char *lines_verdict(enum status verdict) {
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

void lines_nodes(struct lines *lines, const struct tree *tree) {
    for (uint32_t i = 0; i < tree_node_count(tree); i++) {
        const struct tree_node *node = tree_node_at(tree, i);
        unsigned rank = 1;
        if (node->unit == TREE_NONE) {
            continue;
        }
        for (uint32_t j = 0; j < tree_node_count(tree); j++) {
            rank += tree_node_at(tree, j)->unit != TREE_NONE && tree_seniority(tree, j, i) < 0;
        }
        lines_say(lines, "node %s %s %u %u", HEX(&node->id), HEX(tree_unit_id(tree, node->unit)), rank, node->roles);
    }
}

static void say_name(struct lines *lines, const struct tree *tree, uint32_t unit) {
    struct bytes name = tree_name(tree, unit, TREE_TODAY);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (name.len > 0 && out != NULL) {
        hex_print(out, name.data, name.len);
        fflush(out);
        lines_say(lines, "name %s %s", HEX(tree_unit_id(tree, unit)), text);
    }
    if (out == NULL || fclose(out) != 0) {
        abort();
    }
    free(text);
}

void lines_units(struct lines *lines, const struct tree *tree) {
    for (uint32_t i = 0; i < tree_unit_count(tree); i++) {
        if (!tree_stands(tree, i)) {
            continue;
        }
        uint32_t parent = tree_parent(tree, i, TREE_TODAY);
        if (i != 0) {
            lines_say(lines, "parent %s %s", HEX(tree_unit_id(tree, i)), HEX(tree_unit_id(tree, parent)));
        }
        if (tree_closed(tree, i)) {
            lines_say(lines, "closed %s %s", HEX(tree_unit_id(tree, i)), HEX(tree_unit_id(tree, parent)));
        }
        say_name(lines, tree, i);
    }
    for (uint32_t i = 0; i < tree_unit_count(tree); i++) {
        const uint32_t *parents;
        size_t count = tree_ever_parents(tree, i, &parents);
        for (size_t j = 0; j < count; j++) {
            lines_say(lines, "ever %s %s", HEX(tree_unit_id(tree, i)), HEX(tree_unit_id(tree, parents[j])));
        }
    }
}

void lines_log(struct lines *lines, const struct tree *tree, const struct log_id *log, uint64_t held, lines_hash_fn *hash_at, void *ctx) {
    struct tree_standing standing;
    char cut[24] = "-", fork[24] = "-";
    if (log->kind != LOG_RECOVERY && tree_node(tree, &log->node) == TREE_NONE) {
        return;
    }
    tree_log_standing(tree, log, &standing);
    uint64_t length = standing.upto < held ? standing.upto : held;
    if (standing.why == STATUS_AUTHOR_CUT) {
        snprintf(cut, sizeof cut, "%llu", (unsigned long long)standing.upto);
    } else if (standing.why == STATUS_FORK) {
        snprintf(fork, sizeof fork, "%llu", (unsigned long long)standing.upto + 1);
    }
    lines_say(lines, "log %s:%d:%s %llu %s %s %s", HEX(&log->node), log->kind, HEX(&log->epoch), (unsigned long long)length,
              length == 0 ? "-" : HEX(hash_at(ctx, length)), cut, fork);
}

void lines_change(struct lines *lines, const struct tree *tree, int64_t entry, uint32_t place, const struct hash *hash) {
    enum status verdict = tree_judged(tree, entry, place);
    if (verdict != STATUS_NOT_FOUND && verdict != STATUS_AUTHOR_UNKNOWN && verdict != STATUS_AUTHOR_CUT && verdict != STATUS_FORK) {
        lines_say(lines, "change %s %u %s", HEX(hash), place, lines_verdict(verdict));
    }
}

void lines_entry(struct lines *lines, const struct tree *tree, const struct header *header, const struct hash *hash, bool held) {
    struct ref ref = {header->log, header->seq, hash_short(hash)};
    enum status verdict = tree_entry_verdict(tree, header, hash);
    if (!held && verdict != STATUS_AUTHOR_UNKNOWN && verdict != STATUS_AUTHOR_CUT) {
        verdict = STATUS_FORK; /* what fell with its branch */
    }
    if (header->cls == CLASS_DOCUMENT && verdict == STATUS_UNIT_UNKNOWN) {
        verdict = STATUS_OUTSIDE_AUTHORITY; /* a document waits for a unit that it may be for */
    }
    lines_say(lines, "entry %s %s", HEX(hash), lines_verdict(verdict));
    if (tree_erased(tree, &ref)) {
        lines_say(lines, "erased %s", HEX(hash));
    }
}
