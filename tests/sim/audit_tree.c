/* The auditor's structure: which units and nodes stand (docs/protocol.md 5.1, 5.3), who is senior to whom, and the verdicts on creations and admissions.
 *
 * Creations are taken one by one: of those that are lawful by then the one whose author's unit is nearest to the root, then the most senior author's, then the
 * earlier place. After each, every admission that is lawful by then. An author's own admission rests on units nearer to the root than those he may create, so
 * that none who would have come first comes later. */
#include "tests/sim/audit_parts.h"

#include <stdlib.h>

/* ---- the tables of units and nodes ---- */

static int by_unit_id(const void *a, const void *b) {
    return ID_COMPARE(&((const struct audit_unit *)a)->id, &((const struct audit_unit *)b)->id);
}

static int by_node_id(const void *a, const void *b) {
    return ID_COMPARE(&((const struct audit_node *)a)->id, &((const struct audit_node *)b)->id);
}

int audit_unit_index(const struct audit *audit, const struct unit_id *id) {
    if (ID_EQUAL(id, &audit->founding->root)) {
        return ROOT;
    }
    for (size_t low = 1, high = audit->unit_count; low < high;) {
        size_t middle = (low + high) / 2;
        int order = ID_COMPARE(id, &audit->units[middle].id);
        if (order == 0) {
            return (int)middle;
        }
        low = order > 0 ? middle + 1 : low;
        high = order < 0 ? middle : high;
    }
    return NOBODY;
}

int audit_node_index(const struct audit *audit, const struct node_id *id) {
    if (ID_EQUAL(id, &audit->founding->founder)) {
        return FOUNDER;
    }
    for (size_t low = 1, high = audit->node_count; low < high;) {
        size_t middle = (low + high) / 2;
        int order = ID_COMPARE(id, &audit->nodes[middle].id);
        if (order == 0) {
            return (int)middle;
        }
        low = order > 0 ? middle + 1 : low;
        high = order < 0 ? middle : high;
    }
    return NOBODY;
}

static void created_id(const struct audit *audit, const struct audit_change *change, struct unit_id *out) {
    keys_unit_id(out, &audit->founding->association, change->item->nonce, change->place);
}

/* Names for whatever a creation or an admission that is held might make stand. */
static void name_subject(struct audit *audit, struct audit_change *change) {
    if (change->kind == CHANGE_UNIT) {
        audit->units = AUDIT_ROOM(audit->units, audit->unit_count);
        audit->units[audit->unit_count] = (struct audit_unit){.parent = NOBODY};
        created_id(audit, change, &audit->units[audit->unit_count++].id);
    } else if (change->kind == CHANGE_ADMISSION) {
        audit->nodes = AUDIT_ROOM(audit->nodes, audit->node_count);
        audit->nodes[audit->node_count] = (struct audit_node){.unit = NOBODY, .inviter = NOBODY};
        admission_node_id(&audit->nodes[audit->node_count++].id, &audit->founding->association, change->admission);
    }
}

/* Sorted and each once, behind the first, which stands from the beginning. */
static void make_tables(struct audit *audit) {
    const struct founding *founding = audit->founding;
    free(audit->units);
    free(audit->nodes);
    audit->units = audit_memory(1, sizeof *audit->units);
    audit->nodes = audit_memory(1, sizeof *audit->nodes);
    audit->unit_count = audit->node_count = 1;
    audit->units[ROOT] = (struct audit_unit){.id = founding->root, .stands = true, .parent = NOBODY};
    audit->nodes[FOUNDER] = (struct audit_node){.id = founding->founder,
                                                .stands = true,
                                                .unit = ROOT,
                                                .inviter = NOBODY,
                                                .roles = ROLE_WRITER | ROLE_STEWARD,
                                                .signing_key = founding->signing_key,
                                                .transport_key = founding->transport_key};
    audit_each_change(audit, name_subject);
    qsort(audit->units + 1, audit->unit_count - 1, sizeof *audit->units, by_unit_id);
    qsort(audit->nodes + 1, audit->node_count - 1, sizeof *audit->nodes, by_node_id);
    size_t kept = 1;
    for (size_t i = 1; i < audit->unit_count; i++) {
        if (!ID_EQUAL(&audit->units[i].id, &audit->units[kept - 1].id) && !ID_EQUAL(&audit->units[i].id, &founding->root)) {
            audit->units[kept++] = audit->units[i];
        }
    }
    audit->unit_count = kept;
    kept = 1;
    for (size_t i = 1; i < audit->node_count; i++) {
        if (!ID_EQUAL(&audit->nodes[i].id, &audit->nodes[kept - 1].id)) {
            audit->nodes[kept++] = audit->nodes[i];
        }
    }
    audit->node_count = kept;
}

static void resolve(struct audit *audit, struct audit_change *change) {
    struct unit_id id;
    switch (change->kind) {
    case CHANGE_UNIT:
        created_id(audit, change, &id);
        change->subject = audit_unit_index(audit, &id);
        change->parent = audit_unit_index(audit, &change->unit.parent);
        break;
    case CHANGE_UNIT_SET:
        change->subject = audit_unit_index(audit, &change->set.unit);
        break;
    case CHANGE_ADMISSION: {
        struct node_id node;
        admission_node_id(&node, &audit->founding->association, change->admission);
        change->subject = audit_unit_index(audit, &change->admission->unit);
        change->node = audit_node_index(audit, &node);
        break;
    }
    default:
        break;
    }
}

/* ---- authors ---- */

bool audit_author_stands(const struct audit *audit, int author) {
    return author == RECOVERY || (author != NOBODY && audit->nodes[author].stands);
}

int audit_author_unit(const struct audit *audit, int author) {
    return author == RECOVERY ? ROOT : audit->nodes[author].unit;
}

bool audit_author_may(const struct audit *audit, int author, uint8_t role) {
    return author == RECOVERY ? role == ROLE_STEWARD : (audit->nodes[author].roles & role) != 0;
}

bool audit_is_under(const struct audit *audit, int unit, int above) {
    while (unit != above && unit != NOBODY) {
        unit = audit->units[unit].parent;
    }
    return unit == above;
}

static unsigned continued(const struct audit *audit, const struct audit_change *change) {
    return audit_find_log(audit, &change->item->log)->continued;
}

int audit_compare_places(const struct audit *audit, const struct audit_change *a, const struct audit_change *b) {
    unsigned x = continued(audit, a), y = continued(audit, b);
    if (x != y) {
        return x < y ? -1 : 1;
    }
    int order = ID_COMPARE(&a->item->log.epoch, &b->item->log.epoch);
    order = order != 0 ? order : (a->item->seq > b->item->seq) - (a->item->seq < b->item->seq);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static bool is_succession(const struct audit *audit, const struct audit_node *node) {
    return node->inviter != NOBODY && node->inviter != RECOVERY && node->admission->admission->has_succeeds && node->unit == audit->nodes[node->inviter].unit &&
           ID_EQUAL(&node->admission->admission->succeeds, &audit->nodes[node->inviter].id);
}

static unsigned admissions_above(const struct audit *audit, int node) {
    unsigned count = 0;
    for (; audit->nodes[node].inviter != NOBODY && audit->nodes[node].inviter != RECOVERY; node = audit->nodes[node].inviter) {
        count++;
    }
    return count;
}

/* The recovery log before all nodes. Of nodes: the shorter chain, in which a successor is no link; who is succeeded before who succeeds him; the founder before
 * those that the recovery keys admitted; the senior inviter; then, of one inviter, whoever succeeds him last, and the earlier admission. */
int audit_compare_authors(const struct audit *audit, int a, int b) {
    if (a == b || a == RECOVERY || b == RECOVERY) { /* of one and the same both terms are alike */
        return (a != RECOVERY) - (b != RECOVERY);
    }
    const struct audit_node *x = &audit->nodes[a], *y = &audit->nodes[b];
    if (x->chain != y->chain) {
        return x->chain < y->chain ? -1 : 1;
    }
    unsigned above_a = admissions_above(audit, a), above_b = admissions_above(audit, b);
    for (unsigned i = above_b; i < above_a; i++) {
        a = audit->nodes[a].inviter;
    }
    for (unsigned i = above_a; i < above_b; i++) {
        b = audit->nodes[b].inviter;
    }
    if (a == b) {
        return above_a < above_b ? -1 : 1;
    }
    while (audit->nodes[a].inviter != audit->nodes[b].inviter && a != FOUNDER && b != FOUNDER) {
        a = audit->nodes[a].inviter;
        b = audit->nodes[b].inviter;
    }
    if (a == FOUNDER || b == FOUNDER) {
        return a == FOUNDER ? -1 : 1;
    }
    x = &audit->nodes[a];
    y = &audit->nodes[b];
    int order = is_succession(audit, x) - is_succession(audit, y);
    return order != 0 ? order : audit_compare_places(audit, x->admission, y->admission);
}

/* ---- verdicts ---- */

/* The reasons of section 12 in their order; what it says of a unit that stands elsewhere comes last, and is asked once all stand. */
static enum status judge_creation(const struct audit *audit, const struct audit_change *change) {
    int author = change->item->author;
    if (!audit_author_stands(audit, author)) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    if (change->parent == NOBODY || !audit->units[change->parent].stands) {
        return STATUS_UNIT_UNKNOWN;
    }
    if (!audit_author_may(audit, author, ROLE_STEWARD) || !audit_is_under(audit, change->parent, audit_author_unit(audit, author)) ||
        change->subject == change->parent || change->subject == ROOT) {
        return STATUS_OUTSIDE_AUTHORITY;
    }
    return audit->units[change->parent].depth + 1 > LINE_UNITS_MAX ? STATUS_LINE_BROKEN : STATUS_OK;
}

enum status audit_judge_steward(const struct audit *audit, const struct audit_change *change) {
    int author = change->item->author;
    if (!audit_author_stands(audit, author)) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    if (change->subject == NOBODY || !audit->units[change->subject].stands) {
        return STATUS_UNIT_UNKNOWN;
    }
    bool may = audit_author_may(audit, author, ROLE_STEWARD) && audit_is_under(audit, change->subject, audit_author_unit(audit, author));
    return may ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
}

static enum status judge_admission(const struct audit *audit, const struct audit_change *change) {
    bool own = ID_EQUAL(&change->item->log.node, &change->admission->inviter);
    return own ? audit_judge_steward(audit, change) : STATUS_OUTSIDE_AUTHORITY;
}

/* ---- what comes to stand ---- */

static bool applies(const struct audit_item *item) {
    return item->applied && item->has_body && item->whole == STATUS_OK && item->cls == CLASS_CONTROL;
}

/* Every admission that is lawful by now. Of one at several places the earliest counts. */
static void admit(struct audit *audit) {
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < audit->item_count; i++) {
            struct audit_item *item = &audit->items[i];
            for (size_t c = 0; applies(item) && c < item->change_count; c++) {
                struct audit_change *change = &item->changes[c];
                if (change->kind != CHANGE_ADMISSION || judge_admission(audit, change) != STATUS_OK) {
                    continue;
                }
                struct audit_node *node = &audit->nodes[change->node];
                if (!node->stands || audit_compare_places(audit, change, node->admission) < 0) {
                    more |= !node->stands;
                    node->stands = true;
                    node->unit = change->subject;
                    node->inviter = item->author;
                    node->roles = change->admission->roles;
                    node->signing_key = change->admission->signing_key;
                    node->transport_key = change->admission->transport_key;
                    node->admission = change;
                    node->chain = item->author == RECOVERY ? 0 : audit->nodes[item->author].chain + !is_succession(audit, node);
                }
            }
        }
    }
}

static int compare_creations(const struct audit *audit, const struct audit_change *a, const struct audit_change *b) {
    int order = audit_compare_authors(audit, a->item->author, b->item->author);
    return order != 0 ? order : audit_compare_places(audit, a, b);
}

static bool is_taken_before(const struct audit *audit, const struct audit_change *a, const struct audit_change *b) {
    unsigned x = audit->units[audit_author_unit(audit, a->item->author)].depth, y = audit->units[audit_author_unit(audit, b->item->author)].depth;
    return x != y ? x < y : compare_creations(audit, a, b) < 0;
}

/* The creation to be taken next, or NULL. */
static struct audit_change *next_creation(struct audit *audit) {
    struct audit_change *best = NULL;
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        for (size_t c = 0; applies(item) && c < item->change_count; c++) {
            struct audit_change *change = &item->changes[c];
            if (change->kind == CHANGE_UNIT && !audit->units[change->subject].stands && judge_creation(audit, change) == STATUS_OK &&
                (best == NULL || is_taken_before(audit, change, best))) {
                best = change;
            }
        }
    }
    return best;
}

/* Of the creations of a unit under the parent that it has, the most senior author's holds. */
static void judge_at_last(struct audit *audit, struct audit_change *change) {
    if (change->kind == CHANGE_ADMISSION) {
        change->aside = judge_admission(audit, change);
    } else if (change->kind == CHANGE_UNIT) {
        change->aside = judge_creation(audit, change);
        struct audit_unit *unit = change->subject != ROOT && change->subject != NOBODY ? &audit->units[change->subject] : NULL;
        if (change->aside == STATUS_OK && unit != NULL && unit->parent != change->parent) {
            change->aside = STATUS_OUTSIDE_AUTHORITY;
        }
        if (change->aside == STATUS_OK && unit != NULL && (unit->creation == NULL || compare_creations(audit, change, unit->creation) < 0)) {
            unit->creation = change;
        }
    }
}

void audit_conclude_tree(struct audit *audit) {
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        if (item->cls == CLASS_CONTROL && item->has_body) {
            item->whole = item->critical ? STATUS_CRITICAL_EXTENSION : item->malformed ? STATUS_MALFORMED : STATUS_OK;
        }
    }
    make_tables(audit);
    audit_each_change(audit, resolve);
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        item->author = item->log.kind == LOG_RECOVERY ? RECOVERY : audit_node_index(audit, &item->log.node);
    }
    admit(audit);
    for (struct audit_change *taken; (taken = next_creation(audit)) != NULL;) {
        struct audit_unit *unit = &audit->units[taken->subject];
        unit->stands = true;
        unit->parent = taken->parent;
        unit->depth = audit->units[taken->parent].depth + 1;
        admit(audit);
    }
    audit_each_change(audit, judge_at_last);
}

/* ---- answers ---- */

bool audit_is_there(const struct audit *audit, int unit, int32_t day) {
    for (; unit != ROOT; unit = audit->units[unit].parent) {
        const struct date *from = &audit->units[unit].creation->unit.effective;
        if (from->set && from->days > day) {
            return false;
        }
    }
    return true;
}

bool audit_unit(const struct audit *audit, const struct unit_id *id, int32_t day, struct unit_id *parent) {
    int unit = audit_unit_index(audit, id);
    if (parent != NULL) {
        *parent = (struct unit_id){{0}};
    }
    if (unit == NOBODY || !audit->units[unit].stands || !audit_is_there(audit, unit, day)) {
        return false;
    }
    if (parent != NULL && unit != ROOT) {
        *parent = audit->units[audit->units[unit].parent].id;
    }
    return true;
}

bool audit_node(const struct audit *audit, const struct node_id *id, struct unit_id *unit) {
    int node = audit_node_index(audit, id);
    bool stands = node != NOBODY && audit->nodes[node].stands;
    if (unit != NULL) {
        *unit = stands ? audit->units[audit->nodes[node].unit].id : (struct unit_id){{0}};
    }
    return stands;
}

int audit_seniority(const struct audit *audit, const struct node_id *a, const struct node_id *b) {
    return audit_compare_authors(audit, audit_node_index(audit, a), audit_node_index(audit, b));
}
