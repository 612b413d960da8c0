/* The auditor's attributes of units (docs/protocol.md 5.2) and level tables (5.5): which stand, and which of them holds. Each attribute of a unit from one
 * effective date on is a register. Of each log its latest standing unit-set of it counts, and the creation's write; of these, those that none of the others has
 * seen; of these the most senior author's holds, of one author's that of the lower hash. */
#include "tests/sim/audit_parts.h"

#include <stdlib.h>

static enum status judge_levels(const struct audit *audit, const struct audit_change *change) {
    int author = change->item->author;
    if (!audit_author_stands(audit, author)) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    return audit_author_may(audit, author, ROLE_STEWARD) && audit_author_unit(audit, author) == ROOT ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
}

static void add_write(struct audit *audit, struct audit_write write) {
    audit->writes = AUDIT_ROOM(audit->writes, audit->write_count);
    audit->writes[audit->write_count++] = write;
}

/* A creation writes code, name and level from its own effective date on, if it is the one that holds. */
static void add_creation(struct audit *audit, struct audit_change *change) {
    const struct unit_change *unit = &change->unit;
    struct audit_write write = {.change = change, .unit = change->subject, .effective = unit->effective};
    write.attribute = UNIT_CODE;
    write.text = unit->code;
    add_write(audit, write);
    write.attribute = UNIT_NAME;
    write.text = unit->name;
    add_write(audit, write);
    write.attribute = UNIT_LEVEL;
    write.text = (struct bytes){0};
    write.level = unit->level;
    add_write(audit, write);
}

static void judge_change(struct audit *audit, struct audit_change *change) {
    switch (change->kind) {
    case CHANGE_UNIT:
        if (change->aside == STATUS_OK && audit->units[change->subject].creation == change) {
            add_creation(audit, change);
        }
        break;
    case CHANGE_UNIT_SET:
        change->aside = audit_judge_steward(audit, change);
        if (change->aside == STATUS_OK) {
            add_write(audit, (struct audit_write){.change = change,
                                                  .unit = change->subject,
                                                  .attribute = change->set.attribute,
                                                  .level = change->set.level,
                                                  .text = change->set.text,
                                                  .effective = change->set.effective});
        }
        break;
    case CHANGE_LEVEL_TABLE:
        change->aside = judge_levels(audit, change);
        break;
    default:
        change->aside = change_known(change->kind) ? change->aside : STATUS_CHANGE_UNKNOWN;
        break;
    }
}

static int compare_dates(const struct date *a, const struct date *b) {
    if (a->set != b->set) {
        return a->set ? 1 : -1;
    }
    return a->set ? (a->days > b->days) - (a->days < b->days) : 0;
}

/* By register, then by entry and place. */
static int by_register(const void *a, const void *b) {
    const struct audit_write *x = a, *y = b;
    int order = (x->unit > y->unit) - (x->unit < y->unit);
    order = order != 0 ? order : (x->attribute > y->attribute) - (x->attribute < y->attribute);
    order = order != 0 ? order : compare_dates(&x->effective, &y->effective);
    order = order != 0 ? order : ID_COMPARE(&x->change->item->hash, &y->change->item->hash);
    return order != 0 ? order : (x->change->place > y->change->place) - (x->change->place < y->change->place);
}

static bool same_register(const struct audit_write *a, const struct audit_write *b) {
    return a->unit == b->unit && a->attribute == b->attribute && compare_dates(&a->effective, &b->effective) == 0;
}

static bool holds_before(const struct audit *audit, const struct audit_change *a, const struct audit_change *b) {
    int order = audit_compare_authors(audit, a->item->author, b->item->author);
    return (order != 0 ? order : ID_COMPARE(&a->item->hash, &b->item->hash)) < 0;
}

/* Of each log its latest unit-set counts, as if those before had never been; the creation's write counts beside it. */
static bool is_latest(const struct audit_write *writes, size_t count, const struct audit_change *change) {
    bool latest = true;
    for (size_t i = 0; i < count; i++) {
        const struct audit_change *other = writes[i].change;
        bool same_log = other->kind == change->kind && log_id_equal(&other->item->log, &change->item->log);
        bool later = other->item->seq != change->item->seq ? other->item->seq > change->item->seq : other->place > change->place;
        latest = latest && !(same_log && later);
    }
    return latest;
}

/* The writes of one register stand side by side. */
static void settle(const struct audit *audit, struct audit_write *writes, size_t count) {
    struct audit_write *best = NULL, *best_of_all = NULL;
    for (size_t i = 0; i < count; i++) {
        writes[i].latest = is_latest(writes, count, writes[i].change);
    }
    for (size_t i = 0; i < count; i++) {
        bool overtaken = false;
        for (size_t k = 0; k < count && !overtaken; k++) {
            overtaken = k != i && writes[k].latest && audit_overtakes(audit, writes[k].change, writes[i].change);
        }
        if (writes[i].latest && (best_of_all == NULL || holds_before(audit, writes[i].change, best_of_all->change))) {
            best_of_all = &writes[i];
        }
        if (writes[i].latest && !overtaken && (best == NULL || holds_before(audit, writes[i].change, best->change))) {
            best = &writes[i];
        }
    }
    best = best != NULL ? best : best_of_all; /* a ring of liars, each of whom has seen the next: all of them count */
    best->holds = true;
}

/* All level tables that stand are one register. */
static void settle_levels(struct audit *audit) {
    struct audit_change **tables = NULL;
    size_t count = 0;
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        for (size_t c = 0; item->applied && item->whole == STATUS_OK && c < item->change_count; c++) {
            if (item->changes[c].kind == CHANGE_LEVEL_TABLE && item->changes[c].aside == STATUS_OK) {
                tables = AUDIT_ROOM(tables, count);
                tables[count++] = &item->changes[c];
            }
        }
    }
    audit->levels = NULL;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t k = 0; k < count && !seen; k++) {
            seen = k != i && audit_overtakes(audit, tables[k], tables[i]);
        }
        if (!seen && (audit->levels == NULL || holds_before(audit, tables[i], audit->levels))) {
            audit->levels = tables[i];
        }
    }
    free(tables);
}

void audit_conclude_attributes(struct audit *audit) {
    free(audit->writes);
    audit->writes = NULL;
    audit->write_count = 0;
    audit_each_change(audit, judge_change);
    if (audit->write_count > 0) {
        qsort(audit->writes, audit->write_count, sizeof *audit->writes, by_register);
    }
    for (size_t from = 0, to; from < audit->write_count; from = to) {
        for (to = from + 1; to < audit->write_count && same_register(&audit->writes[from], &audit->writes[to]); to++) {}
        settle(audit, audit->writes + from, to - from);
    }
    settle_levels(audit);
}

/* ---- answers ---- */

/* The value of the latest effective date that is not after the day; nil is before every date. */
static const struct audit_write *write_on(const struct audit *audit, int unit, uint8_t attribute, int32_t day) {
    const struct audit_write *found = NULL;
    for (size_t i = 0; i < audit->write_count; i++) {
        const struct audit_write *write = &audit->writes[i];
        if (write->unit == unit && write->attribute == attribute && write->holds && (!write->effective.set || write->effective.days <= day)) {
            found = write; /* they ascend by date */
        }
    }
    return found;
}

int audit_level(const struct audit *audit, int unit, int32_t day) {
    const struct audit_write *write = write_on(audit, unit, UNIT_LEVEL, day);
    return write != NULL ? write->level : unit == ROOT ? 0 : -1;
}

bool audit_attribute(const struct audit *audit, const struct unit_id *id, uint8_t attribute, int32_t day, struct bytes *text, uint8_t *level) {
    int unit = audit_unit_index(audit, id);
    bool stands = unit != NOBODY && audit->units[unit].stands;
    const struct audit_write *write = stands ? write_on(audit, unit, attribute, day) : NULL;
    *text = write != NULL ? write->text : (struct bytes){0};
    *level = write != NULL ? write->level : 0;
    return stands && (write != NULL || unit == ROOT);
}
