/* What a settle has changed, and what is asked of a settled tree about logs, entries and parents ever written (docs/protocol.md 5.11). */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <stdlib.h>

/* ---- what has changed ---- */

/* A node's entries are to be looked at again where less of a log stands than before, or a handover has come that may bind them. */
static enum status note_logs(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    for (uint32_t i = 0; i < tree->log_count; i++) {
        uint32_t author = tree->logs[i].author;
        if (author != TREE_RECOVERY) {
            trust->nodes[author].fallen |= trust->logs[i].at_last.upto < trust->logs[i].before;
        }
        trust->logs[i].before = trust->logs[i].at_last.upto;
    }
    for (uint32_t i = 0; i < tree->node_count; i++) {
        uint64_t cut;
        enum status status = tree_cut_of(tree, i, TREE_NONE, &cut);
        if (status != STATUS_OK) {
            return status;
        }
        trust->nodes[i].fallen |= cut < trust->nodes[i].before;
        trust->nodes[i].before = cut;
    }
    return STATUS_OK;
}

static void note_handovers(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    bool any = false;
    for (uint32_t i = 0; i < tree->unit_count; i++) {
        trust->units[i].waiting = 0; /* now: is it over a unit that has been handed over since? */
    }
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        const struct tree_fact *fact = &tree->facts[i];
        if (fact->kind == CHANGE_HANDOVER && fact->judged == STATUS_OK && !fact->stood) {
            const uint32_t *above;
            size_t count = tree_parents_above(tree, fact->subject, &above);
            for (size_t j = 1; j < count; j++) {
                trust->units[above[j]].waiting = 1;
            }
            any = true;
        }
    }
    for (uint32_t i = 0; i < tree->node_count && any; i++) {
        trust->nodes[i].fallen |= trust->nodes[i].pending && trust->units[trust->nodes[i].unit].waiting != 0;
    }
}

static bool structure_fell(const struct tree *tree) {
    for (uint32_t i = 0; i < tree->fact_count; i++) {
        const struct tree_fact *fact = &tree->facts[i];
        if (fact->stood && fact->verdict != STATUS_OK) {
            return true;
        }
    }
    for (uint32_t i = 1; i < tree->trust->units_known && i < tree->unit_count; i++) {
        const struct tree_trust_unit *before = &tree->trust->units[i];
        const struct tree_unit *now = &tree->units[i];
        if (before->before_stood && (!now->stands || now->parent != before->before_parent || now->creation != before->before_creation)) {
            return true;
        }
    }
    return false;
}

enum status tree_standing_note(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    trust->units_known = tree->unit_count;
    bool fell = structure_fell(tree);
    enum status status = note_logs(tree);
    note_handovers(tree);
    trust->ready = true;
    for (uint32_t i = 0; i < tree->node_count && !fell; i++) {
        fell = trust->nodes[i].fallen;
    }
    tree->retractions += fell;
    return status;
}

static enum status room(uint32_t **array, size_t *capacity, size_t wanted) {
    if (*capacity >= wanted && *array != NULL) {
        return STATUS_OK;
    }
    uint32_t *grown = realloc(*array, (wanted + 1) * sizeof *grown);
    if (grown == NULL) {
        return STATUS_NO_MEMORY;
    }
    *array = grown;
    *capacity = wanted;
    return STATUS_OK;
}

enum status tree_standing_parents(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    enum status status = room(&trust->ever_start, &trust->ever_start_capacity, (size_t)tree->unit_count + 1);
    if (status == STATUS_OK) {
        status = room(&trust->ever, &trust->ever_capacity, trust->hold_count);
    }
    uint32_t count = 0;
    for (uint32_t unit = 0; unit < tree->unit_count && status == STATUS_OK; unit++) {
        trust->ever_start[unit] = count;
        for (uint32_t i = trust->units[unit].holds; i != TREE_NONE; i = trust->hold_edges[i].next) {
            trust->ever[count++] = trust->hold_edges[i].parent;
        }
    }
    if (status == STATUS_OK) {
        trust->ever_start[tree->unit_count] = count;
    }
    return status;
}

/* ---- parents ever written ---- */

size_t tree_ever_parents(const struct tree *tree, uint32_t unit, const uint32_t **out) {
    const struct tree_trust *trust = tree->trust;
    if (!trust->ready) {
        *out = &tree->units[unit].parent;
        return unit != 0 && tree->units[unit].stands;
    }
    if (unit >= trust->units_known) {
        *out = NULL;
        return 0;
    }
    *out = trust->ever + trust->ever_start[unit];
    return trust->ever_start[unit + 1] - trust->ever_start[unit];
}

bool tree_ever_over(const struct tree *tree, uint32_t actor, uint32_t unit) {
    struct tree_trust *trust = tree->trust;
    if (actor == unit) {
        return actor == 0 || (trust->ready ? unit < trust->units_known && trust->ever_start[unit + 1] > trust->ever_start[unit] : tree_stands(tree, unit));
    }
    if (!trust->ready) {
        return tree_over(tree, actor, unit);
    }
    if (actor >= trust->units_known || unit >= trust->units_known) {
        return false;
    }
    uint32_t *list = trust->stack, stamp = ++trust->stamp;
    size_t count = 1;
    list[0] = unit;
    trust->units[unit].stamp = stamp;
    for (size_t at = 0; at < count; at++) {
        for (uint32_t i = trust->ever_start[list[at]]; i < trust->ever_start[list[at] + 1]; i++) {
            uint32_t parent = trust->ever[i];
            if (parent == actor) {
                return true;
            }
            if (trust->units[parent].stamp != stamp) {
                trust->units[parent].stamp = stamp;
                list[count++] = parent;
            }
        }
    }
    return false;
}

bool tree_may_act(const struct tree *tree, uint32_t actor, uint32_t unit) {
    const struct tree_trust *trust = tree->trust;
    if (!trust->ready) {
        return tree_over(tree, actor, unit);
    }
    return actor < trust->units_known && unit < trust->units_known && tree_parents_known(tree, unit) && tree_parents_over(tree, actor, unit);
}

/* ---- logs ---- */

/* The log's bound; one that nothing has named stands as its author does. */
static struct tree_bound bound_of(const struct tree *tree, const struct log_id *log) {
    const struct tree_trust *trust = tree->trust;
    struct tree_bound bound = {SEQ_MAX, SEQ_MAX, SEQ_MAX};
    uint32_t number = trust->ready ? tree_find_log(tree, log) : TREE_NONE, node = trust->ready ? tree_find_node(tree, &log->node) : TREE_NONE;
    if (number != TREE_NONE && number < trust->logs_known) {
        return trust->logs[number].at_last;
    }
    if (node != TREE_NONE && node < trust->nodes_known) {
        bound.upto = bound.cut = trust->nodes[node].before;
    }
    return bound;
}

void tree_log_standing(const struct tree *tree, const struct log_id *log, struct tree_standing *out) {
    struct tree_bound bound = bound_of(tree, log);
    out->upto = bound.upto;
    out->why = bound.upto == SEQ_MAX ? STATUS_OK : bound.cut <= bound.upto ? STATUS_AUTHOR_CUT : STATUS_FORK;
}

bool tree_other_branch(const struct tree *tree, const struct log_id *log, uint64_t *from) {
    const struct tree_trust *trust = tree->trust;
    uint32_t number = trust->ready ? tree_find_log(tree, log) : TREE_NONE;
    *from = 0;
    if (number == TREE_NONE || number >= trust->logs_known || !trust->logs[number].elsewhere) {
        return false;
    }
    *from = trust->logs[number].elsewhere_from;
    return true;
}

bool tree_wanted(const struct tree *tree, const struct log_id *log, struct ref *out) {
    const struct tree_trust *trust = tree->trust;
    uint32_t number = trust->ready ? tree_find_log(tree, log) : TREE_NONE;
    if (number == TREE_NONE || number >= trust->logs_known || trust->logs[number].wanted == TREE_NONE) {
        return false;
    }
    const struct tree_mark *mark = &trust->marks[trust->logs[number].wanted];
    *out = (struct ref){*log, mark->seq, mark->hash};
    return true;
}

bool tree_closed(const struct tree *tree, uint32_t unit) {
    return tree_stands(tree, unit) && tree->units[unit].closed;
}

bool tree_revoked(const struct tree *tree, uint32_t node, int64_t *entry_id) {
    const struct tree_trust *trust = tree->trust;
    const struct tree_cut *best = NULL;
    *entry_id = 0;
    for (uint32_t i = trust->ready && node < trust->nodes_known ? trust->nodes[node].cuts : TREE_NONE; i != TREE_NONE; i = trust->cuts[i].next) {
        const struct tree_cut *cut = &trust->cuts[i];
        if (cut->log == TREE_NONE && (best == NULL || tree_rank(tree, cut->issuer) <= tree_rank(tree, best->issuer))) {
            best = cut; /* of one author the first: lists are from the last on */
        }
    }
    if (best != NULL) {
        *entry_id = tree->entries[tree->facts[best->fact].entry].id;
    }
    return best != NULL;
}

/* ---- entries ---- */

static int erasure_order(const void *a, const void *b) {
    return tree_mark_order(&((const struct tree_consent *)a)->mark, &((const struct tree_consent *)b)->mark);
}

/* Leaves those that stand at last, in order. */
void tree_standing_erasures(struct tree *tree) {
    struct tree_trust *trust = tree->trust;
    size_t kept = 0;
    for (size_t i = 0; i < trust->erasure_count; i++) {
        const struct tree_entry *entry = &tree->entries[trust->erasures[i].issuer];
        if (entry->seq <= trust->logs[entry->log].at_last.upto) {
            trust->erasures[kept++] = trust->erasures[i];
        }
    }
    trust->erasure_count = kept;
    if (kept > 1) {
        qsort(trust->erasures, kept, sizeof *trust->erasures, erasure_order);
    }
}

bool tree_erased(const struct tree *tree, const struct ref *entry) {
    const struct tree_trust *trust = tree->trust;
    const struct tree_consent key = {.mark = {trust->ready ? tree_find_log(tree, &entry->log) : TREE_NONE, entry->hash, entry->seq}};
    return key.mark.log != TREE_NONE && trust->erasure_count > 0 &&
           bsearch(&key, trust->erasures, trust->erasure_count, sizeof *trust->erasures, erasure_order) != NULL;
}

static enum status document_verdict(const struct tree *tree, const struct header *header, uint32_t actor) {
    for (size_t i = 0; i < header->audience_count; i++) {
        const struct term *term = &header->audience[i];
        uint32_t unit = tree_find_unit(tree, &term->unit);
        if (unit == TREE_NONE) {
            continue;
        }
        bool known = tree->trust->ready && unit < tree->trust->units_known;
        if (known ? tree_parents_over(tree, actor, unit) : tree_over(tree, actor, unit)) {
            return STATUS_OK;
        }
        if (term->scope == SCOPE_UNIT && (known ? tree_parents_over(tree, unit, actor) : tree_over(tree, unit, actor))) {
            return STATUS_OK;
        }
    }
    return STATUS_UNIT_UNKNOWN;
}

static enum status record_verdict(const struct tree *tree, const struct header *header, const struct hash *hash, uint32_t node) {
    const struct tree_trust *trust = tree->trust;
    uint32_t unit = header->audience_count == 1 ? tree_find_unit(tree, &header->audience[0].unit) : TREE_NONE;
    const uint32_t actor = tree->nodes[node].node.unit;
    bool known = unit != TREE_NONE && (trust->ready ? unit < trust->units_known && tree_parents_known(tree, unit) : tree_stands(tree, unit));
    if (!known) {
        return STATUS_UNIT_UNKNOWN;
    }
    if (header->log.kind == LOG_REPORT) {
        return unit == actor || PLANTED("report-of-another-unit") ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
    }
    if (!(trust->ready ? tree_parents_over(tree, actor, unit) : tree_over(tree, actor, unit))) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    const struct tree_past past = {node, unit, tree_find_log(tree, &header->log), header->seq, hash_short(hash)};
    bool is_past = false;
    enum status status = trust->ready ? tree_past_handover(tree, &past, &is_past) : STATUS_OK;
    return status != STATUS_OK ? status : is_past ? STATUS_HANDED_OVER : STATUS_OK;
}

enum status tree_entry_verdict(const struct tree *tree, const struct header *header, const struct hash *hash) {
    uint32_t node = header->log.kind == LOG_RECOVERY ? TREE_NONE : tree_node(tree, &header->log.node);
    if (node == TREE_NONE) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    struct tree_bound bound = bound_of(tree, &header->log);
    if (header->seq > bound.cut) {
        return STATUS_AUTHOR_CUT;
    }
    if (header->seq > bound.upto) {
        return STATUS_FORK;
    }
    if ((tree->nodes[node].node.roles & ROLE_WRITER) == 0) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    return header->cls == CLASS_DOCUMENT ? document_verdict(tree, header, tree->nodes[node].node.unit) : record_verdict(tree, header, hash, node);
}

enum status tree_judged(const struct tree *tree, int64_t entry_id, uint32_t place) {
    uint32_t fact = tree_find_fact(tree, entry_id, place);
    if (fact == TREE_NONE) {
        return STATUS_NOT_FOUND;
    }
    return (enum status)(tree->trust->ready ? tree->facts[fact].judged : tree->facts[fact].verdict);
}
