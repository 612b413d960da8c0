/* The auditor's entitlement (docs/protocol.md sections 8 and 10): who may hold which log, body and receipt. */
#include "tests/sim/audit_parts.h"

static bool is_above(const struct audit *audit, int above, int unit) {
    return above != unit && audit_is_under(audit, unit, above);
}

/* Of a unit that does not stand (a newcomer's): the recovery log, the directive logs of the root's nodes and, on the newcomer's own side, of the line it was
 * told. */
static bool newcomer_may_hold_log(const struct audit *audit, const struct unit_id *id, int author_unit, uint8_t kind) {
    bool hinted = author_unit == ROOT;
    for (size_t i = 0; ID_EQUAL(id, &audit->own_id) && i < audit->line.count; i++) {
        hinted |= ID_EQUAL(&audit->line.units[i], &audit->units[author_unit].id);
    }
    return kind == LOG_DIRECTIVE && hinted;
}

static bool may_hold_log(const struct audit *audit, const struct unit_id *id, int unit, const struct log_id *log) {
    if (log->kind == LOG_RECOVERY) {
        return true;
    }
    int author = audit_node_index(audit, &log->node);
    if (!audit_author_stands(audit, author)) {
        return false;
    }
    int author_unit = audit->nodes[author].unit;
    if (unit == NOBODY || !audit->units[unit].stands) {
        return newcomer_may_hold_log(audit, id, author_unit, log->kind);
    }
    return audit_is_under(audit, author_unit, unit) || (log->kind == LOG_DIRECTIVE && is_above(audit, author_unit, unit));
}

bool audit_unit_may_hold_log(const struct audit *audit, int unit, const struct log_id *log) {
    return may_hold_log(audit, unit != NOBODY ? &audit->units[unit].id : &audit->own_id, unit, log);
}

bool audit_may_hold_log(const struct audit *audit, const struct unit_id *unit, const struct log_id *log) {
    return may_hold_log(audit, unit, audit_unit_index(audit, unit), log);
}

/* The level of every unit above the one concerned, up to `unit` and that too, is at least `reach`. */
static bool reaches(const struct audit *audit, int unit, int concerned, int reach) {
    for (size_t between = 0; between < audit->unit_count; between++) {
        if (audit->units[between].stands && is_above(audit, (int)between, concerned) && audit_is_under(audit, (int)between, unit) &&
            audit_level(audit, (int)between, AUDIT_LATEST) < reach) {
            return false;
        }
    }
    return is_above(audit, unit, concerned) && reach != REACH_PRIVATE;
}

static bool may_hold_record(const struct audit *audit, int unit, int author_unit, const struct audit_item *item) {
    int concerned = audit_unit_index(audit, &item->audience[0].unit);
    bool stands = concerned != NOBODY && audit->units[concerned].stands;
    if (unit == author_unit || (stands && unit == concerned)) {
        return true;
    }
    if (item->log.kind == LOG_DIRECTIVE) {
        return is_above(audit, unit, author_unit) || (stands && is_above(audit, unit, concerned));
    }
    return stands && reaches(audit, unit, concerned, item->reach);
}

static bool selects(const struct audit *audit, const struct term *term, int named, int unit) {
    if (term->scope == SCOPE_UNIT) {
        return unit == named;
    }
    return audit->units[unit].stands && audit_is_under(audit, unit, named) &&
           (term->scope == SCOPE_SUBTREE || audit_level(audit, unit, AUDIT_LATEST) == term->scope - SCOPE_LEVEL);
}

/* The audience selects it, or the document has to pass through it. */
static bool term_reaches(const struct audit *audit, int unit, int author_unit, const struct term *term) {
    int named = audit_unit_index(audit, &term->unit);
    if (named == NOBODY || !audit->units[named].stands) {
        return false;
    }
    bool may = selects(audit, term, named, unit);
    for (size_t meant = 0; !may && meant < audit->unit_count; meant++) {
        may = audit->units[meant].stands && is_above(audit, author_unit, unit) && is_above(audit, unit, (int)meant) && selects(audit, term, named, (int)meant);
    }
    return may;
}

static bool may_hold_document(const struct audit *audit, int unit, int author_unit, const struct audit_item *item) {
    bool may = audit_is_under(audit, author_unit, unit);
    for (size_t i = 0; i < item->audience_count; i++) {
        may |= term_reaches(audit, unit, author_unit, &item->audience[i]);
    }
    return may;
}

bool audit_unit_may_hold_body(const struct audit *audit, int unit, const struct audit_item *item) {
    if (item->cls == CLASS_CONTROL) {
        return true;
    }
    int author = audit_node_index(audit, &item->log.node);
    if (unit == NOBODY || !audit->units[unit].stands || !audit_author_stands(audit, author)) {
        return false;
    }
    int author_unit = audit->nodes[author].unit;
    return item->cls == CLASS_RECORD ? may_hold_record(audit, unit, author_unit, item) : may_hold_document(audit, unit, author_unit, item);
}

bool audit_may_hold_body(const struct audit *audit, const struct unit_id *unit, const struct header *header) {
    const struct audit_item item = {
        .log = header->log, .cls = header->cls, .reach = header->reach, .audience_count = header->audience_count, .audience = (struct term *)header->audience};
    return audit_may_hold_log(audit, unit, &header->log) && audit_unit_may_hold_body(audit, audit_unit_index(audit, unit), &item);
}

bool audit_may_hold_receipt(const struct audit *audit, const struct unit_id *id, const struct node_id *holder_id, const struct log_id *log) {
    int unit = audit_unit_index(audit, id), holder = audit_node_index(audit, holder_id);
    int author = log->kind == LOG_RECOVERY ? RECOVERY : audit_node_index(audit, &log->node);
    if (unit == NOBODY || !audit->units[unit].stands || !audit_author_stands(audit, holder) || !audit_author_stands(audit, author)) {
        return false;
    }
    int one = audit->nodes[holder].unit, other = audit_author_unit(audit, author);
    int low = audit_is_under(audit, one, other) ? one : other, high = low == one ? other : one;
    return audit_is_under(audit, low, high) && audit_is_under(audit, low, unit) && audit_is_under(audit, unit, high);
}
