/* The auditor's entries: what is held, decoded, in order; what of it is applied; what has seen what. And what it answers about changes set aside. */
#include "tests/sim/audit_parts.h"

#include <stdlib.h>

enum { ROUNDS_MAX = 8 /* of applying: a round more where a body that is waited for depends on units that came to stand */ };

void *audit_memory(size_t count, size_t bytes) {
    void *memory = calloc(count > 0 ? count : 1, bytes);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

void *audit_room(void *items, size_t count, size_t bytes) {
    if ((count & (count - 1)) == 0) { /* a power of two is full */
        items = realloc(items, (count > 0 ? 2 * count : 1) * bytes);
        if (items == NULL) {
            abort();
        }
    }
    return items;
}

static struct bytes copy(struct bytes bytes) {
    uint8_t *memory = audit_memory(bytes.len, 1);
    if (bytes.len > 0) {
        memcpy(memory, bytes.data, bytes.len);
    }
    return bytes_of(memory, bytes.len);
}

/* ---- taking entries in ---- */

static enum status decode_change(struct audit_change *change) {
    switch (change->kind) {
    case CHANGE_UNIT:
        return unit_change_decode(&change->unit, change->payload);
    case CHANGE_UNIT_SET:
        return unit_set_change_decode(&change->set, change->payload);
    case CHANGE_ADMISSION:
        change->admission = audit_memory(1, sizeof *change->admission);
        return admission_decode(change->admission, change->payload);
    case CHANGE_FORM:
        return form_decode(&change->form, change->payload);
    case CHANGE_LEVEL_TABLE:
        change->levels = audit_memory(1, sizeof *change->levels);
        return level_table_decode(change->levels, change->payload);
    case CHANGE_PUT:
        return put_decode(&change->put, change->payload);
    case CHANGE_DOCUMENT: {
        struct document *document = audit_memory(1, sizeof *document);
        enum status status = document_decode(document, change->payload);
        free(document);
        return status;
    }
    case CHANGE_RECORD_PERSON:
    case CHANGE_DOCUMENT_PERSON: {
        struct person person;
        return person_decode(&person, change->payload);
    }
    default:
        return STATUS_OK;
    }
}

static void read_body(const struct founding *founding, struct audit_item *item) {
    struct body_reader reader;
    struct change change;
    if (body_open(&reader, item->body, item->cls) != STATUS_OK) {
        item->malformed = true;
        return;
    }
    while (body_next(&reader, &change)) {
        item->changes = AUDIT_ROOM(item->changes, item->change_count);
        struct audit_change *out = &item->changes[item->change_count++];
        *out =
            (struct audit_change){.place = change.place, .kind = change.kind, .payload = change.payload, .subject = NOBODY, .parent = NOBODY, .node = NOBODY};
        out->decoded = decode_change(out);
        item->malformed |= out->decoded != STATUS_OK && out->decoded != STATUS_CRITICAL_EXTENSION;
        if (change.kind == CHANGE_FORM) {
            form_version(&out->version, &founding->association, change.payload);
        }
    }
    item->malformed |= body_close(&reader) != STATUS_OK;
    memcpy(item->nonce, reader.nonce, sizeof item->nonce);
}

static void give_body(struct audit *audit, struct audit_item *item, struct bytes body) {
    if (!item->has_body && body.len > 0) {
        item->has_body = true;
        item->body = copy(body);
        read_body(audit->founding, item);
    }
}

void audit_entry(struct audit *audit, struct bytes header_bytes, struct bytes body) {
    struct header *header = audit_memory(1, sizeof *header);
    struct hash hash;
    struct bytes own_bytes = copy(header_bytes);
    if (header_decode(header, own_bytes) != STATUS_OK) {
        abort(); /* nobody holds such an entry */
    }
    header_hash(&hash, &audit->founding->association, own_bytes);
    for (size_t i = 0; i < audit->item_count; i++) {
        if (ID_EQUAL(&audit->items[i].hash, &hash)) {
            give_body(audit, &audit->items[i], body);
            free((void *)own_bytes.data);
            free(header);
            return;
        }
    }
    audit->items = AUDIT_ROOM(audit->items, audit->item_count);
    struct audit_item *item = &audit->items[audit->item_count++];
    *item = (struct audit_item){.log = header->log,
                                .seq = header->seq,
                                .hash = hash,
                                .cls = header->cls,
                                .reach = header->reach,
                                .critical = header->critical_unknown,
                                .has_continues = header->has_continues,
                                .continues = header->continues,
                                .audience_count = header->audience_count,
                                .seen_count = header->seen_count,
                                .header = own_bytes};
    item->audience = (struct term *)copy(bytes_of(header->audience, header->audience_count * sizeof *header->audience)).data;
    item->seen = (struct ref *)copy(bytes_of(header->seen, header->seen_count * sizeof *header->seen)).data;
    give_body(audit, item, body);
    free(header);
}

static void free_item(struct audit_item *item) {
    for (size_t i = 0; i < item->change_count; i++) {
        struct audit_change *change = &item->changes[i];
        switch (change->kind) {
        case CHANGE_ADMISSION:
            free(change->admission);
            break;
        case CHANGE_LEVEL_TABLE:
            free(change->levels);
            break;
        case CHANGE_FORM:
            form_fini(&change->form);
            break;
        case CHANGE_PUT:
            put_fini(&change->put);
            break;
        default:
            break;
        }
    }
    free(item->changes);
    free(item->audience);
    free(item->seen);
    free((void *)item->header.data);
    free((void *)item->body.data);
}

struct audit *audit_new(const struct founding *founding) {
    struct audit *audit = audit_memory(1, sizeof *audit);
    audit->founding = founding;
    return audit;
}

static void forget(struct audit *audit) {
    free(audit->logs);
    free(audit->units);
    free(audit->nodes);
    free(audit->writes);
    free(audit->forms);
    free(audit->cells);
    audit->logs = NULL;
    audit->units = NULL;
    audit->nodes = NULL;
    audit->writes = NULL;
    audit->forms = NULL;
    audit->cells = NULL;
    audit->levels = NULL;
    audit->log_count = audit->unit_count = audit->node_count = audit->write_count = audit->form_count = audit->cell_count = 0;
}

void audit_free(struct audit *audit) {
    if (audit != NULL) {
        forget(audit);
        for (size_t i = 0; i < audit->item_count; i++) {
            free_item(&audit->items[i]);
        }
        free(audit->items);
        free(audit);
    }
}

/* ---- logs ---- */

static int by_place(const void *a, const void *b) {
    const struct audit_item *x = a, *y = b;
    int order = log_id_compare(&x->log, &y->log);
    order = order != 0 ? order : (x->seq > y->seq) - (x->seq < y->seq);
    return order != 0 ? order : ID_COMPARE(&x->hash, &y->hash);
}

static void gather_logs(struct audit *audit) {
    qsort(audit->items, audit->item_count, sizeof *audit->items, by_place);
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        item->applied = false;
        item->whole = STATUS_OK;
        item->author = NOBODY;
        for (size_t c = 0; c < item->change_count; c++) {
            item->changes[c].item = item;
            item->changes[c].aside = STATUS_OK;
        }
        struct audit_log *log = audit->log_count > 0 ? &audit->logs[audit->log_count - 1] : NULL;
        if (log == NULL || !log_id_equal(&log->id, &item->log)) {
            audit->logs = AUDIT_ROOM(audit->logs, audit->log_count);
            log = &audit->logs[audit->log_count++];
            *log = (struct audit_log){.id = item->log, .first = i, .continues_log = SIZE_MAX};
        }
        if (item->seq == log->count + 1 && i == log->first + log->count) {
            log->count++;
        }
    }
}

static int by_log_id(const void *key, const void *element) {
    return log_id_compare(key, &((const struct audit_log *)element)->id);
}

const struct audit_log *audit_find_log(const struct audit *audit, const struct log_id *log) {
    return audit->log_count == 0 ? NULL : bsearch(log, audit->logs, audit->log_count, sizeof *audit->logs, by_log_id);
}

static const struct audit_item *find_item(const struct audit *audit, const struct log_id *id, uint64_t seq) {
    const struct audit_log *log = audit_find_log(audit, id);
    return log != NULL && seq >= 1 && seq <= log->count ? &audit->items[log->first + seq - 1] : NULL;
}

/* Which log each continues, if the entry that it names is held. */
static void link_epochs(struct audit *audit) {
    for (size_t i = 0; i < audit->log_count; i++) {
        struct audit_log *log = &audit->logs[i];
        const struct audit_item *first = &audit->items[log->first];
        if (log->count > 0 && first->has_continues) {
            const struct audit_item *before = find_item(audit, &first->continues.log, first->continues.seq);
            struct short_hash hash = before != NULL ? hash_short(&before->hash) : (struct short_hash){{0}};
            if (before != NULL && ID_EQUAL(&hash, &first->continues.hash)) {
                log->continues_log = (size_t)(audit_find_log(audit, &before->log) - audit->logs);
            }
        }
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        size_t at = i;
        for (size_t steps = 0; audit->logs[at].continues_log != SIZE_MAX && steps < audit->log_count; steps++) {
            audit->logs[i].continued++;
            at = audit->logs[at].continues_log;
        }
    }
}

/* ---- what is applied ---- */

/* A body that is entitled and not held is waited for, and what comes after it in its log with it. Before units are known control bodies are: they go with their
 * logs. */
static bool waits(const struct audit *audit, const struct audit_item *item, bool structure_known) {
    if (item->has_body || !structure_known) {
        return !item->has_body && item->cls == CLASS_CONTROL;
    }
    return audit_unit_may_hold_log(audit, audit->own, &item->log) && audit_unit_may_hold_body(audit, audit->own, item);
}

/* 1. A log begins to be applied at once, or when the entry that its epoch continues is held and that epoch has begun. 2. Then its entries in their order, up to
 * one whose body is waited for; its control entries beyond that, up to one of theirs that is. True if more or less is applied than before. */
static bool apply(struct audit *audit, bool structure_known) {
    bool changed = false, more = true;
    for (size_t i = 0; i < audit->log_count; i++) {
        audit->logs[i].begun = false;
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < audit->log_count; i++) {
            struct audit_log *log = &audit->logs[i];
            const struct audit_item *first = &audit->items[log->first];
            bool ready = !first->has_continues || (log->continues_log != SIZE_MAX && audit->logs[log->continues_log].begun);
            if (!log->begun && log->count > 0 && ready) {
                log->begun = more = true;
            }
        }
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        struct audit_log *log = &audit->logs[i];
        bool on = log->begun, ahead = log->begun;
        log->applied = 0;
        for (size_t e = 0; e < log->count; e++) {
            struct audit_item *item = &audit->items[log->first + e];
            bool waited = waits(audit, item, structure_known), control = item->cls == CLASS_CONTROL;
            on = on && !waited;
            ahead = ahead && !(control && waited);
            changed |= item->applied != (control ? ahead : on);
            item->applied = control ? ahead : on;
            log->applied += on ? 1 : 0;
        }
    }
    return changed;
}

void audit_conclude(struct audit *audit, const struct unit_id *own, const struct line *line) {
    forget(audit);
    gather_logs(audit);
    link_epochs(audit);
    audit->own_id = *own;
    audit->line = line != NULL ? *line : (struct line){0};
    (void)apply(audit, false);
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        audit_conclude_tree(audit);
        audit_conclude_attributes(audit);
        audit->own = audit_unit_index(audit, own);
        if (!apply(audit, true)) {
            break;
        }
    }
    audit_conclude_forms(audit);
    audit_conclude_records(audit);
}

void audit_each_change(struct audit *audit, audit_change_fn *fn) {
    for (size_t i = 0; i < audit->item_count; i++) {
        struct audit_item *item = &audit->items[i];
        for (size_t c = 0; item->applied && item->has_body && item->whole == STATUS_OK && c < item->change_count; c++) {
            fn(audit, &item->changes[c]);
        }
    }
}

/* ---- what has seen what ---- */

bool audit_has_seen(const struct audit *audit, const struct audit_item *a, const struct audit_item *b) {
    if (log_id_equal(&a->log, &b->log)) {
        return b->seq < a->seq;
    }
    const struct audit_log *log = audit_find_log(audit, &a->log);
    for (size_t steps = 0; log->continues_log != SIZE_MAX && steps < audit->log_count; steps++) {
        const struct ref *continues = &audit->items[log->first].continues;
        if (log_id_equal(&continues->log, &b->log) && b->seq <= continues->seq) {
            return true; /* what came back later of a log that is continued is named like what others wrote */
        }
        log = &audit->logs[log->continues_log];
    }
    for (size_t i = 0; i < a->seen_count; i++) {
        if (log_id_equal(&a->seen[i].log, &b->log) && b->seq <= a->seen[i].seq) {
            return true;
        }
    }
    return false;
}

bool audit_overtakes(const struct audit *audit, const struct audit_change *a, const struct audit_change *b) {
    if (a->item == b->item) {
        return b->place < a->place;
    }
    return audit_has_seen(audit, a->item, b->item) && !audit_has_seen(audit, b->item, a->item);
}

/* ---- answers ---- */

uint64_t audit_applied(const struct audit *audit, const struct log_id *id) {
    const struct audit_log *log = audit_find_log(audit, id);
    return log != NULL ? log->applied : 0;
}

/* Changes of an entry that are set aside. */
static size_t aside_of(const struct audit_item *item) {
    size_t count = item->whole != STATUS_OK ? 1 : 0;
    for (size_t c = 0; item->whole == STATUS_OK && item->has_body && c < item->change_count; c++) {
        count += item->changes[c].aside != STATUS_OK ? 1 : 0;
    }
    return item->applied ? count : 0;
}

size_t audit_aside_entries(const struct audit *audit, const struct log_id *id) {
    const struct audit_log *log = audit_find_log(audit, id);
    size_t count = 0;
    for (size_t e = 0; log != NULL && e < log->count; e++) {
        count += aside_of(&audit->items[log->first + e]) > 0 ? 1 : 0;
    }
    return count;
}

size_t audit_aside_count(const struct audit *audit, const struct log_id *id) {
    const struct audit_log *log = audit_find_log(audit, id);
    size_t count = 0;
    for (size_t e = 0; log != NULL && e < log->count; e++) {
        count += aside_of(&audit->items[log->first + e]);
    }
    return count;
}

enum status audit_aside(const struct audit *audit, const struct log_id *log, uint64_t seq, uint32_t place) {
    const struct audit_item *item = find_item(audit, log, seq);
    if (item == NULL || !item->applied) {
        return STATUS_NOT_FOUND;
    }
    if (item->whole != STATUS_OK) {
        return place == 0 ? item->whole : STATUS_NOT_FOUND;
    }
    return item->has_body && place < item->change_count ? item->changes[place].aside : STATUS_NOT_FOUND;
}

void audit_each_aside(const struct audit *audit, audit_aside_fn *fn, void *arg) {
    for (size_t i = 0; i < audit->item_count; i++) {
        const struct audit_item *item = &audit->items[i];
        if (item->applied && item->whole != STATUS_OK) {
            fn(arg, &item->log, item->seq, 0, item->whole);
        }
        for (size_t c = 0; item->applied && item->whole == STATUS_OK && c < item->change_count; c++) {
            if (item->changes[c].aside != STATUS_OK) {
                fn(arg, &item->log, item->seq, item->changes[c].place, item->changes[c].aside);
            }
        }
    }
}
