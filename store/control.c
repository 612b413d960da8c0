/* Control changes: facts for the tree, forms for the form view. */
#include "protocol/trust.h"
#include "store/apply.h"
#include "store/branch.h"

#include <stdlib.h>

enum { EPOCHS_MAX = 10000 }; /* as in log.c: ends a ring of a damaged store */

/* How many epochs the log's epoch continues, as the first header of each says. */
static enum status count_continued(struct store *store, struct log_id log, uint32_t *out) {
    struct header *header = malloc(sizeof *header);
    enum status status = header == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    bool more = true;
    *out = 0;
    while (status == STATUS_OK && more && *out < EPOCHS_MAX) {
        struct query query =
            db_query(store->db, "SELECT e.header FROM log l JOIN entry e ON e.log = l.id WHERE l.node = ? AND l.kind = ? AND l.epoch = ? AND e.seq = 1");
        query_bind_blob(&query, bytes_of(log.node.b, sizeof log.node.b));
        query_bind_int(&query, log.kind);
        query_bind_blob(&query, bytes_of(log.epoch.b, sizeof log.epoch.b));
        more = query_next(&query);
        if (more && header_decode(header, query_blob(&query, 0)) != STATUS_OK) {
            status = STATUS_STORE_DAMAGED;
        }
        enum status ended = query_end(&query);
        status = ended != STATUS_OK ? ended : status;
        more = more && status == STATUS_OK && header->has_continues;
        if (more) {
            log = header->continues.log;
            ++*out;
        }
    }
    free(header);
    return status;
}

static bool is_fact(uint64_t kind) {
    switch (kind) {
    case CHANGE_UNIT:
    case CHANGE_UNIT_SET:
    case CHANGE_ADMISSION:
    case CHANGE_LEVEL_TABLE:
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
    case CHANGE_HANDOVER:
    case CHANGE_REVOCATION:
    case CHANGE_PIN:
    case CHANGE_FORK_DECISION:
    case CHANGE_ERASE:
    case CHANGE_ACCEPT:
        return apply_knows(kind);
    default:
        return false;
    }
}

/* One decoded change at a time: they are large. */
union decoded {
    struct unit_change unit;
    struct unit_set_change attribute;
    struct admission admission;
    struct level_table levels;
    struct placing placing;
    struct handover handover;
    struct revocation revocation;
    struct refs refs;
    struct fork_decision decision;
    struct erasure erasure;
};

static enum status decode_form(struct bytes payload) {
    struct form form;
    enum status status = form_decode(&form, payload);
    form_fini(&form);
    return status == STATUS_CRITICAL_EXTENSION ? STATUS_OK : status; /* well formed: only this change is set aside */
}

static enum status decode(union decoded *out, const struct change *change) {
    switch (change->kind) {
    case CHANGE_UNIT:
        return unit_change_decode(&out->unit, change->payload);
    case CHANGE_UNIT_SET:
        return unit_set_change_decode(&out->attribute, change->payload);
    case CHANGE_ADMISSION:
        return admission_decode(&out->admission, change->payload);
    case CHANGE_LEVEL_TABLE:
        return level_table_decode(&out->levels, change->payload);
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
        return placing_decode(&out->placing, change->kind, change->payload);
    case CHANGE_HANDOVER:
        return handover_decode(&out->handover, change->payload);
    case CHANGE_REVOCATION:
        return revocation_decode(&out->revocation, change->payload);
    case CHANGE_PIN:
        return pin_decode(&out->refs, change->payload);
    case CHANGE_FORK_DECISION:
        return fork_decision_decode(&out->decision, change->payload);
    case CHANGE_ERASE:
        return erasure_decode(&out->erasure, change->payload);
    case CHANGE_ACCEPT:
        return acceptance_decode(&out->refs, change->payload);
    case CHANGE_FORM:
        return decode_form(change->payload);
    default:
        return STATUS_OK;
    }
}

/* Are all known changes well formed? A body is taken or set aside as a whole. */
static enum status body_check(struct bytes body, union decoded *room) {
    struct body_reader reader;
    struct change change;
    enum status status = body_open(&reader, body, CLASS_CONTROL);
    while (status == STATUS_OK && body_next(&reader, &change)) {
        status = decode(room, &change);
    }
    return status == STATUS_OK ? body_close(&reader) : status;
}

static enum status give_fact(struct store *store, const struct fact *fact, const struct body_reader *reader, const struct change *change, union decoded *room) {
    struct unit_id unit;
    struct node_id node;
    enum status status = decode(room, change);
    if (status != STATUS_OK) {
        return STATUS_STORE_DAMAGED; /* body_check took it before */
    }
    switch (change->kind) {
    case CHANGE_UNIT:
        keys_unit_id(&unit, &store->founding.association, reader->nonce, change->place);
        return tree_add_unit(store->tree, fact, &unit, &room->unit);
    case CHANGE_UNIT_SET:
        return tree_add_attribute(store->tree, fact, &room->attribute);
    case CHANGE_ADMISSION:
        admission_node_id(&node, &store->founding.association, &room->admission);
        return tree_add_admission(store->tree, fact, &node, &room->admission);
    case CHANGE_LEVEL_TABLE:
        return tree_set_levels(store->tree, fact, &room->levels);
    case CHANGE_HANDOVER:
        return tree_add_handover(store->tree, fact, &room->handover);
    case CHANGE_REVOCATION:
        return tree_add_revocation(store->tree, fact, &room->revocation);
    case CHANGE_PIN:
        return tree_add_pins(store->tree, fact, &room->refs);
    case CHANGE_FORK_DECISION:
        return tree_add_fork_decision(store->tree, fact, &room->decision);
    case CHANGE_ERASE:
        return tree_add_erasure(store->tree, fact, &room->erasure);
    case CHANGE_ACCEPT:
        return tree_add_acceptance(store->tree, fact, &room->refs);
    default:
        return tree_add_placing(store->tree, fact, change->kind, &room->placing);
    }
}

static enum status keep_fact(struct store *store, const struct fact *fact, uint64_t kind) {
    struct query query = db_query(store->db, "INSERT OR IGNORE INTO fact(entry, place, kind) VALUES(?, ?, ?)");
    query_bind_int(&query, fact->entry_id);
    query_bind_int(&query, fact->place);
    query_bind_int(&query, (int64_t)kind);
    return query_run(&query);
}

/* Gives all facts of a body to the tree; keep: and to the fact view; of other kinds those this version does not know are set aside. */
static enum status give_body(struct store *store, struct fact *fact, struct bytes body, bool keep, union decoded *room) {
    struct body_reader reader;
    struct change change;
    enum status status = body_open(&reader, body, CLASS_CONTROL);
    while (status == STATUS_OK && body_next(&reader, &change)) {
        fact->place = change.place;
        if (is_fact(change.kind)) {
            status = give_fact(store, fact, &reader, &change, room);
            if (status == STATUS_OK && keep) {
                status = keep_fact(store, fact, change.kind);
            }
        } else if (keep && !apply_knows(change.kind)) {
            status = apply_set_aside(store, fact->entry_id, change.place, STATUS_CHANGE_UNKNOWN, (struct bytes){0});
        }
    }
    return status == STATUS_OK ? body_close(&reader) : status;
}

/* A form stands only if its issuer is the author's unit, and on what stands of its log. */
enum status control_form_lawful(struct store *store, const struct log_id *log, uint64_t seq, const struct unit_id *issuer) {
    uint32_t unit;
    uint8_t roles;
    enum status status = apply_author(store, log, &unit, &roles);
    if (status != STATUS_OK) {
        return status;
    }
    struct tree_standing standing;
    tree_log_standing(store->tree, log, &standing);
    if (seq > standing.upto) {
        return standing.why;
    }
    bool lawful = unit != TREE_NONE && (roles & ROLE_STEWARD) != 0 && ID_EQUAL(tree_unit_id(store->tree, unit), issuer);
    return lawful ? STATUS_OK : STATUS_OUTSIDE_AUTHORITY;
}

static bool form_waits(enum status status) {
    return status == STATUS_OUTSIDE_AUTHORITY || status == STATUS_AUTHOR_UNKNOWN || status == STATUS_CRITICAL_EXTENSION || status == STATUS_AUTHOR_CUT ||
           status == STATUS_FORK;
}

static enum status judge_form(struct store *store, const struct stored_entry *entry, const struct header *header, const struct change *change) {
    struct form form;
    enum status status = form_decode(&form, change->payload);
    if (status == STATUS_OK) {
        status = control_form_lawful(store, &header->log, header->seq, &form.issuer);
    }
    form_fini(&form);
    if (status == STATUS_OK) {
        status = apply_take_back(store, entry->id, change->place);
        return status == STATUS_OK ? form_apply(store, entry, header, change) : status;
    }
    return form_waits(status) ? apply_set_aside(store, entry->id, change->place, status, (struct bytes){0}) : status;
}

/* The verdicts on what was given, and the forms. only: UINT32_MAX for all places. */
static enum status judge_body(struct store *store, const struct stored_entry *entry, const struct header *header, uint32_t only) {
    struct body_reader reader;
    struct change change;
    enum status status = body_open(&reader, entry->entry.body, CLASS_CONTROL);
    while (status == STATUS_OK && body_next(&reader, &change)) {
        if (only != UINT32_MAX && change.place != only) {
            continue;
        }
        if (change.kind == CHANGE_FORM) {
            status = judge_form(store, entry, header, &change);
        } else if (is_fact(change.kind)) {
            enum status verdict = tree_verdict(store->tree, entry->id, change.place);
            if (verdict != STATUS_OK) {
                status = apply_set_aside(store, entry->id, change.place, verdict, (struct bytes){0});
            }
        }
    }
    return status == STATUS_OK ? body_close(&reader) : status;
}

/* Forms retry what waited for them, which reads other entries: the body is copied out of log_read's memory first. */
enum status control_retry(struct store *store, const struct stored_entry *entry, const struct header *header, uint32_t place) {
    struct buffer copy;
    struct stored_entry copied = *entry;
    buffer_init(&copy, BODY_BYTES_MAX);
    enum status status = buffer_append(&copy, entry->entry.body.data, entry->entry.body.len);
    if (status == STATUS_OK) {
        copied.entry.body = buffer_bytes(&copy);
        status = judge_body(store, &copied, header, place);
    }
    buffer_fini(&copy);
    return status;
}

enum status control_give(struct store *store, const struct stored_entry *entry, const struct header *header, bool *given) {
    union decoded *room = malloc(sizeof *room);
    *given = false;
    if (room == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = body_check(entry->entry.body, room);
    if (status != STATUS_OK) {
        free(room);
        return status == STATUS_NO_MEMORY ? status : apply_whole_aside(store, entry->id, STATUS_MALFORMED);
    }
    struct fact fact = {.log = header->log, .seq = header->seq, .hash = entry->hash, .entry_id = entry->id};
    if (!tree_knows_log(store->tree, &header->log)) {
        status = count_continued(store, header->log, &fact.continued);
    }
    if (status == STATUS_OK) {
        store->tree_touched = true;
        status = give_body(store, &fact, entry->entry.body, true, room);
    }
    free(room);
    *given = status == STATUS_OK;
    return status;
}

/* ---- loading ---- */

static enum status load_entry(struct store *store, int64_t id, struct header *header, union decoded *room) {
    struct stored_entry entry;
    enum status status = log_read(store, id, &entry, header);
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
    }
    struct fact fact = {.log = header->log, .seq = header->seq, .hash = entry.hash, .entry_id = id};
    if (!tree_knows_log(store->tree, &header->log)) {
        status = count_continued(store, header->log, &fact.continued);
    }
    return status == STATUS_OK ? give_body(store, &fact, entry.entry.body, false, room) : status;
}

enum status control_load(struct store *store) {
    struct header *header = malloc(sizeof *header);
    union decoded *room = malloc(sizeof *room);
    enum status status = header == NULL || room == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    struct query query = db_query(store->db, "SELECT DISTINCT entry FROM fact ORDER BY entry");
    while (status == STATUS_OK && query_next(&query)) {
        status = load_entry(store, query_int(&query, 0), header, room);
    }
    enum status ended = query_end(&query);
    free(header);
    free(room);
    if (status == STATUS_OK) {
        status = ended;
    }
    if (status == STATUS_OK) {
        status = branch_evidence_load(store);
    }
    if (status == STATUS_OK) {
        status = tree_settle(store->tree);
    }
    uint32_t unit;
    while (status == STATUS_OK && tree_next_relevelled(store->tree, &unit)) {
        /* The views know these levels already. */
    }
    return status;
}
