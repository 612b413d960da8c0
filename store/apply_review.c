/* Judging anew when the tree has changed, without walking over what cannot come out otherwise:
 *
 *   - facts that are set aside; where something was taken back, all facts (they are in the tree, and few);
 *   - logs of which another part stands than when their entries were last judged: the entries between;
 *   - entries that wait for a unit, an author, an accept; where something was taken back, all entries of directive logs (who may write about other units
 * changes with the tree; in a report log everything hangs on the log);
 *   - forms that stand. Records rest on them: if one falls, or the creation or place of a unit, all views are made anew. */
#include "protocol/planted.h"
#include "store/apply.h"
#include "store/erase.h"
#include "store/log.h"
#include "store/record_apply.h"

#include <stdlib.h>

/* Reasons that rest on the tree alone: what is set aside for one of these may stand when the tree has changed. */
#define TREE_REASONS "302, 305, 306, 313, 315, 401"
static_assert(STATUS_AUTHOR_UNKNOWN == 302 && STATUS_FORK == 305 && STATUS_OUTSIDE_AUTHORITY == 306 && STATUS_AUTHOR_CUT == 313 && STATUS_HANDED_OVER == 315 &&
                  STATUS_UNIT_UNKNOWN == 401 && STATUS_FORM_UNKNOWN == 407,
              "the statements below say the same");

/* What comes out otherwise. A fact: with its verdict; else an entry, taken up as a whole. */
struct otherwise {
    int64_t entry;
    uint32_t place;
    enum status verdict;
    uint8_t kind; /* of a fact */
};
struct review {
    struct store *store;
    struct header *header;
    struct otherwise *items;
    size_t count, capacity;
    bool taken_back, *anew;
};

static enum status note(struct review *review, const struct otherwise *item) {
    if (review->count == review->capacity) {
        size_t capacity = review->capacity > 0 ? review->capacity * 2 : 64;
        struct otherwise *grown = realloc(review->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        review->items = grown;
        review->capacity = capacity;
    }
    review->items[review->count++] = *item;
    return STATUS_OK;
}

/* ---- facts ---- */

/* Ends the query (entry, place, kind, reason or NULL). */
static enum status facts_compare(struct review *review, struct query *query) {
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        struct otherwise item = {.entry = query_int(query, 0), .place = (uint32_t)query_int(query, 1), .kind = (uint8_t)query_int(query, 2)};
        item.verdict = tree_verdict(review->store->tree, item.entry, item.place);
        if (item.verdict != (enum status)query_int(query, 3)) {
            status = note(review, &item);
        }
    }
    enum status ended = query_end(query);
    return status != STATUS_OK ? status : ended;
}

/* Records rest on where units are. */
static bool carries_records(uint8_t kind) {
    return kind == CHANGE_UNIT || kind == CHANGE_MOVE || kind == CHANGE_CLOSE || kind == CHANGE_SAME;
}

static enum status facts_review(struct review *review) {
    struct store *store = review->store;
    struct query query = db_query(store->db, review->taken_back ? "SELECT f.entry, f.place, f.kind, s.reason FROM fact f"
                                                                  " LEFT JOIN set_aside s ON s.entry = f.entry AND s.place = f.place"
                                                                : "SELECT f.entry, f.place, f.kind, s.reason FROM set_aside s"
                                                                  " JOIN fact f ON f.entry = s.entry AND f.place = s.place");
    enum status status = facts_compare(review, &query);
    for (size_t i = 0; status == STATUS_OK && i < review->count; i++) {
        const struct otherwise *item = &review->items[i];
        if (item->verdict == STATUS_OK) {
            status = apply_take_back(store, item->entry, item->place);
        } else {
            status = apply_set_aside(store, item->entry, item->place, item->verdict, (struct bytes){0});
            *review->anew |= carries_records(item->kind) && review->taken_back;
        }
    }
    review->count = 0;
    return status;
}

/* ---- forms ---- */

static enum status forms_review(struct review *review) {
    struct query query = db_query(review->store->db, "SELECT f.issuer, l.node, l.kind, l.epoch, e.seq FROM form f JOIN entry e ON e.id = f.entry"
                                                     " JOIN log l ON l.id = e.log");
    while (query_next(&query)) {
        struct unit_id issuer;
        struct log_id log;
        query_fixed(&query, 0, issuer.b, sizeof issuer.b);
        query_fixed(&query, 1, log.node.b, sizeof log.node.b);
        log.kind = (uint8_t)query_int(&query, 2);
        query_fixed(&query, 3, log.epoch.b, sizeof log.epoch.b);
        *review->anew |= control_form_lawful(review->store, &log, (uint64_t)query_int(&query, 4), &issuer) != STATUS_OK && !PLANTED("fallen-form-kept");
    }
    return query_end(&query);
}

/* ---- entries ---- */

/* The entries that a query gives (id, header, hash, reason by the tree or NULL) of which the tree says something else now. Control entries: where a form of
 * theirs is set aside. Ends the query. */
static enum status entries_compare(struct review *review, struct query *query) {
    struct header *header = review->header;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(query)) {
        struct otherwise item = {.entry = query_int(query, 0)};
        struct hash hash;
        enum status reason = (enum status)query_int(query, 3);
        query_fixed(query, 2, hash.b, sizeof hash.b);
        if (header_decode(header, query_blob(query, 1)) != STATUS_OK) {
            status = STATUS_STORE_DAMAGED;
            break;
        }
        if (header->critical_unknown) {
            continue;
        }
        item.verdict = header->cls == CLASS_CONTROL ? STATUS_OK : apply_lawful(review->store, header, &hash);
        if (item.verdict != reason) {
            status = note(review, &item);
        }
    }
    enum status ended = query_end(query);
    return status != STATUS_OK ? status : ended;
}

/* What of those was noted stands now, or falls. */
static enum status entries_settle(struct review *review) {
    struct store *store = review->store;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < review->count; i++) {
        const struct otherwise *item = &review->items[i];
        struct stored_entry entry;
        status = log_read(store, item->entry, &entry, review->header);
        if (status != STATUS_OK || entry.entry.salt.len == 0) {
            continue;
        }
        if (item->verdict == STATUS_OK) {
            status = apply_entry(store, &entry, review->header);
            continue;
        }
        status = apply_withdraw(store, item->entry, review->header);
        if (status == STATUS_OK) {
            status = apply_take_back_all(store, item->entry);
        }
        if (status == STATUS_OK) {
            status = apply_whole_aside(store, item->entry, item->verdict);
        }
    }
    review->count = 0;
    return status;
}

#define ENTRY_AND_REASON "SELECT e.id, e.header, e.hash, (SELECT min(s.reason) FROM set_aside s WHERE s.entry = e.id AND s.reason IN (" TREE_REASONS ")) FROM"

/* Those that wait, but for what only their log's standing says. */
static enum status waiting_review(struct review *review) {
    struct query query = db_query(review->store->db, ENTRY_AND_REASON
                                  " (SELECT DISTINCT s.entry AS id FROM set_aside s LEFT JOIN fact f ON f.entry = s.entry AND f.place = s.place"
                                  " WHERE s.reason IN (302, 306, 315, 401) AND f.kind IS NULL) w JOIN entry e ON e.id = w.id WHERE e.body_state = 1");
    enum status status = entries_compare(review, &query);
    return status == STATUS_OK ? entries_settle(review) : status;
}

/* A form that was out of force for a unit may be in force now that units have moved: puts that no form's coming would help. */
static enum status out_of_force_review(struct review *review) {
    struct query query = db_query(review->store->db, "SELECT s.entry FROM set_aside s WHERE s.reason = 407 AND s.detail IS NULL"
                                                     " AND EXISTS (SELECT 1 FROM fact WHERE kind IN (3, 4, 5))");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        status = note(review, &(struct otherwise){.entry = query_int(&query, 0)});
    }
    enum status ended = query_end(&query);
    status = status != STATUS_OK ? status : ended;
    return status == STATUS_OK ? entries_settle(review) : status;
}

static enum status directives_review(struct review *review) {
    struct query query =
        db_query(review->store->db, ENTRY_AND_REASON " log l JOIN entry e ON e.log = l.id WHERE l.kind = 2 AND e.seq <= l.applied AND e.body_state = 1");
    enum status status = entries_compare(review, &query);
    return status == STATUS_OK ? entries_settle(review) : status;
}

/* ---- logs ---- */

struct standing {
    int64_t id;
    uint64_t upto, from, to; /* entries from + 1 to `to` are to be judged anew */
    enum status why;
};
struct standings {
    struct standing *items;
    size_t count, capacity;
};

static enum status standing_note(struct standings *list, const struct standing *item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
        struct standing *grown = realloc(list->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = *item;
    return STATUS_OK;
}

static enum status standings_read(struct store *store, struct standings *list) {
    struct query query = db_query(store->db, "SELECT id, node, kind, epoch, stands, why, applied FROM log");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct log_id log = {.kind = (uint8_t)query_int(&query, 2)};
        query_fixed(&query, 1, log.node.b, sizeof log.node.b);
        query_fixed(&query, 3, log.epoch.b, sizeof log.epoch.b);
        const struct apply_standing now = apply_standing_of(store->tree, &log);
        uint64_t upto = (uint64_t)now.upto, before = (uint64_t)query_int(&query, 4);
        if (upto == before && now.why == (enum status)query_int(&query, 5)) {
            continue;
        }
        status = standing_note(
            list, &(struct standing){
                      .id = query_int(&query, 0), .upto = upto, .from = upto < before ? upto : before, .to = (uint64_t)query_int(&query, 6), .why = now.why});
    }
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

static enum status log_review(struct review *review, const struct standing *log) {
    struct store *store = review->store;
    struct query query = db_query(store->db, ENTRY_AND_REASON " entry e WHERE e.log = ?1 AND e.seq > ?2 AND e.seq <= ?3 AND e.body_state = 1");
    query_bind_int(&query, log->id);
    query_bind_int(&query, (int64_t)log->from);
    query_bind_int(&query, (int64_t)log->to);
    enum status status = entries_compare(review, &query);
    if (status == STATUS_OK) {
        status = entries_settle(review);
    }
    if (status != STATUS_OK) {
        return status;
    }
    query = db_query(store->db, "UPDATE log SET stands = ?, why = ?, version = ?, receipt_due = 1 WHERE id = ?");
    query_bind_int(&query, (int64_t)log->upto);
    query_bind_int(&query, log->why);
    query_bind_int(&query, (int64_t)store->version);
    query_bind_int(&query, log->id);
    return query_run(&query);
}

static enum status logs_review(struct review *review) {
    struct standings list = {0};
    enum status status = standings_read(review->store, &list);
    for (size_t i = 0; status == STATUS_OK && i < list.count; i++) {
        status = log_review(review, &list.items[i]);
    }
    free(list.items);
    return status;
}

/* ---- all together ---- */

/* Levels may have changed with what came to stand: puts are judged by them. */
static enum status rejudge_levels(struct store *store) {
    uint32_t unit;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && tree_next_relevelled(store->tree, &unit)) {
        status = record_apply_rejudge(store, unit);
    }
    return status;
}

enum status apply_review(struct store *store, struct header *header, bool taken_back, const struct apply_since *since, bool *anew) {
    struct review review = {.store = store, .header = header, .taken_back = taken_back, .anew = anew};
    enum status status = facts_review(&review);
    if (status == STATUS_OK) {
        status = forms_review(&review);
    }
    if (status == STATUS_OK && !*anew) {
        status = logs_review(&review);
    }
    if (status == STATUS_OK && !*anew && !PLANTED("waits-for-ever")) {
        status = waiting_review(&review);
    }
    if (status == STATUS_OK && !*anew && taken_back) {
        status = directives_review(&review);
    }
    if (status == STATUS_OK && !*anew) {
        status = out_of_force_review(&review);
    }
    if (status == STATUS_OK && !*anew) {
        status = rejudge_levels(store);
    }
    if (status == STATUS_OK && !*anew) {
        status = apply_since_review(store, since);
    }
    if (status == STATUS_OK && !*anew) {
        status = erase_review(store);
    }
    free(review.items);
    return status;
}
