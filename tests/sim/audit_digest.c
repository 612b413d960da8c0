/* The auditor's digest (docs/protocol.md section 12): item by item, each as the page has it, none of it kept from one to the next. */
#include "tests/sim/audit_parts.h"

#include <stdlib.h>

enum { ITEM_UNIT = 1, ITEM_NODE, ITEM_LEVELS, ITEM_FORM, ITEM_RECORD, ITEM_DOCUMENT, ITEM_ASIDE };

struct digest {
    const struct audit *audit;
    int unit, with, lower;
    bool *scope; /* of each unit of the table */
    struct buffer buffer;
    struct writer writer;
    struct hash_stream stream;
};

/* ---- one item after the other ---- */

static void item_begin(struct digest *digest, size_t members, unsigned number) {
    buffer_clear(&digest->buffer);
    writer_init(&digest->writer, &digest->buffer);
    writer_array(&digest->writer, members);
    writer_uint(&digest->writer, number);
}

static void item_end(struct digest *digest) {
    if (writer_end(&digest->writer) != STATUS_OK) {
        abort();
    }
    hash_stream_add(&digest->stream, buffer_bytes(&digest->buffer));
}

static void write_bytes(struct digest *digest, const void *data, size_t len) {
    writer_bin(&digest->writer, bytes_of(data, len));
}

static void write_entry(struct digest *digest, const struct audit_item *item) {
    write_bytes(digest, item->hash.b, sizeof(struct short_hash));
}

static bool both_hold_body(const struct digest *digest, const struct audit_item *item) {
    const struct audit *audit = digest->audit;
    return item->applied && item->has_body && audit_unit_may_hold_log(audit, digest->unit, &item->log) &&
           audit_unit_may_hold_log(audit, digest->with, &item->log) && audit_unit_may_hold_body(audit, digest->unit, item) &&
           audit_unit_may_hold_body(audit, digest->with, item);
}

/* ---- 1 and 2: structure ---- */

/* The root's place among the others: the table has it first. */
static int unit_at(const struct audit *audit, size_t place) {
    size_t before_root = 0;
    for (size_t i = 1; i < audit->unit_count; i++) {
        before_root += ID_COMPARE(&audit->units[i].id, &audit->units[ROOT].id) < 0 ? 1 : 0;
    }
    return place == before_root ? ROOT : (int)(place < before_root ? place + 1 : place);
}

static int node_at(const struct audit *audit, size_t place) {
    size_t before_founder = 0;
    for (size_t i = 1; i < audit->node_count; i++) {
        before_founder += ID_COMPARE(&audit->nodes[i].id, &audit->nodes[FOUNDER].id) < 0 ? 1 : 0;
    }
    return place == before_founder ? FOUNDER : (int)(place < before_founder ? place + 1 : place);
}

static void write_date(struct writer *writer, const struct date *date) {
    if (date->set) {
        writer_int(writer, date->days);
    } else {
        writer_nil(writer);
    }
}

static int by_value(const void *a, const void *b) {
    const struct audit_write *x = *(const struct audit_write *const *)a, *y = *(const struct audit_write *const *)b;
    int order = (x->attribute > y->attribute) - (x->attribute < y->attribute);
    order = order != 0 ? order : (x->effective.set > y->effective.set) - (x->effective.set < y->effective.set);
    if (order == 0 && x->effective.set) {
        order = (x->effective.days > y->effective.days) - (x->effective.days < y->effective.days);
    }
    order = order != 0 ? order : memcmp(x->change->item->hash.b, y->change->item->hash.b, sizeof(struct short_hash));
    order = order != 0 ? order : (x->level > y->level) - (x->level < y->level);
    order = order != 0 ? order : bytes_compare(x->text, y->text);
    return order != 0 ? order : (int)x->holds - (int)y->holds;
}

static void add_unit(struct digest *digest, int unit) {
    const struct audit *audit = digest->audit;
    const struct audit_write **writes = audit_memory(audit->write_count, sizeof *writes);
    size_t count = 0;
    for (size_t i = 0; i < audit->write_count; i++) {
        if (audit->writes[i].unit == unit && audit->writes[i].latest && both_hold_body(digest, audit->writes[i].change->item)) {
            writes[count++] = &audit->writes[i];
        }
    }
    qsort(writes, count, sizeof *writes, by_value);
    item_begin(digest, 5, ITEM_UNIT);
    write_bytes(digest, audit->units[unit].id.b, sizeof(struct unit_id));
    write_bytes(digest, unit == ROOT ? NULL : audit->units[audit->units[unit].parent].id.b, unit == ROOT ? 0 : sizeof(struct unit_id));
    writer_bool(&digest->writer, false); /* in the auditor's histories nobody closes units */
    writer_array(&digest->writer, count);
    for (size_t i = 0; i < count; i++) {
        writer_array(&digest->writer, 5);
        writer_uint(&digest->writer, writes[i]->attribute);
        write_date(&digest->writer, &writes[i]->effective);
        if (writes[i]->attribute == UNIT_LEVEL) {
            writer_uint(&digest->writer, writes[i]->level);
        } else {
            writer_str(&digest->writer, writes[i]->text);
        }
        writer_bool(&digest->writer, writes[i]->holds);
        write_entry(digest, writes[i]->change->item);
    }
    item_end(digest);
    free(writes);
}

static void add_node(struct digest *digest, const struct audit_node *node) {
    const struct audit *audit = digest->audit;
    const uint8_t *inviter = node->inviter < 0 ? NULL : audit->nodes[node->inviter].id.b; /* the founder, or admitted by the recovery keys */
    item_begin(digest, 8, ITEM_NODE);
    write_bytes(digest, node->id.b, sizeof node->id);
    write_bytes(digest, audit->units[node->unit].id.b, sizeof(struct unit_id));
    write_bytes(digest, node->signing_key, 32);
    write_bytes(digest, node->transport_key, 32);
    writer_uint(&digest->writer, node->roles);
    write_bytes(digest, inviter, inviter != NULL ? sizeof(struct node_id) : 0);
    writer_bool(&digest->writer, false); /* nor is anybody revoked */
    item_end(digest);
}

static void add_structure(struct digest *digest) {
    const struct audit *audit = digest->audit;
    for (size_t i = 0; i < audit->unit_count; i++) {
        int unit = unit_at(audit, i);
        if (digest->scope[unit]) {
            add_unit(digest, unit);
        }
    }
    for (size_t i = 0; i < audit->node_count; i++) {
        const struct audit_node *node = &audit->nodes[node_at(audit, i)];
        if (node->stands && digest->scope[node->unit]) {
            add_node(digest, node);
        }
    }
    if (audit->levels != NULL) {
        struct reader reader;
        item_begin(digest, 2, ITEM_LEVELS);
        reader_init(&reader, audit->levels->payload);
        reader_array(&reader, 1, 1);
        writer_raw(&digest->writer, reader_skip(&reader)); /* as it was written: there is one way to write it */
        item_end(digest);
    }
}

static void add_forms(struct digest *digest) {
    const struct audit *audit = digest->audit;
    for (size_t i = 0; i < audit->form_count; i++) {
        const struct unit_id *issuer = &audit->forms[i].change->form.issuer;
        int unit = audit_unit_index(audit, issuer);
        if (unit != NOBODY && digest->scope[unit]) {
            item_begin(digest, 3, ITEM_FORM);
            write_bytes(digest, audit->forms[i].version.b, sizeof(struct hash));
            write_bytes(digest, issuer->b, sizeof issuer->b);
            item_end(digest);
        }
    }
}

/* ---- 5: records ---- */

static void write_value(struct writer *writer, const struct cell *cell) {
    if (cell->state != CELL_VALUE) {
        writer_nil(writer);
    } else if (cell->type == CELL_TEXT) {
        writer_str(writer, cell->text);
    } else if (cell->type == CELL_BOOL) {
        writer_bool(writer, cell->number != 0);
    } else {
        writer_int(writer, cell->number);
    }
}

/* The heads of one field, among the writes both may hold; none: the field is left out. */
static void write_field(struct digest *digest, const struct audit_cell_write *writes, size_t count, const bool *shared) {
    bool *heads = audit_memory(count, sizeof *heads);
    size_t head_count = 0;
    audit_heads(digest->audit, writes, count, shared, heads);
    for (size_t i = 0; i < count; i++) {
        head_count += heads[i] ? 1 : 0;
    }
    writer_array(&digest->writer, 2);
    writer_str(&digest->writer, writes->field);
    writer_array(&digest->writer, head_count);
    for (size_t i = 0; i < count; i++) { /* by entry already */
        if (heads[i]) {
            writer_array(&digest->writer, 4);
            write_entry(digest, writes[i].change->item);
            writer_uint(&digest->writer, writes[i].cell.state);
            write_value(&digest->writer, &writes[i].cell);
            writer_uint(&digest->writer, writes[i].cell.qualifier);
        }
    }
    free(heads);
}

/* Where the writes of one field end, and whether one of them both may hold. */
static size_t field_end(const struct audit_cell_write *writes, size_t count, const bool *shared, bool *any) {
    size_t end = 0;
    *any = false;
    while (end < count && audit_same_register(writes, &writes[end])) {
        *any |= shared[end++];
    }
    return end;
}

static void add_record(struct digest *digest, const struct audit_cell_write *writes, size_t count) {
    bool *shared = audit_memory(count, sizeof *shared), any;
    size_t fields = 0;
    for (size_t i = 0; i < count; i++) {
        shared[i] = both_hold_body(digest, writes[i].change->item);
    }
    for (size_t i = 0; i < count;) {
        i += field_end(writes + i, count - i, shared + i, &any);
        fields += any ? 1 : 0;
    }
    if (fields > 0) {
        item_begin(digest, 2, ITEM_RECORD);
        writer_array(&digest->writer, 5);
        write_bytes(digest, writes->unit_id.b, sizeof writes->unit_id);
        write_bytes(digest, writes->form, 16);
        writer_uint(&digest->writer, writes->period);
        writer_str(&digest->writer, writes->row);
        writer_array(&digest->writer, fields);
        for (size_t i = 0, of_field; i < count; i += of_field) {
            of_field = field_end(writes + i, count - i, shared + i, &any);
            if (any) {
                write_field(digest, writes + i, of_field, shared + i);
            }
        }
        item_end(digest);
    }
    free(shared);
}

static void add_records(struct digest *digest) {
    const struct audit *audit = digest->audit;
    for (size_t from = 0, to; from < audit->cell_count; from = to) {
        for (to = from + 1; to < audit->cell_count && audit_same_record(&audit->cells[from], &audit->cells[to]); to++) {}
        if (audit_is_under(audit, audit->cells[from].unit, digest->lower)) {
            add_record(digest, &audit->cells[from], to - from);
        }
    }
}

/* ---- 6 and 7: documents, and what is set aside ---- */

static int by_hash(const void *a, const void *b) {
    return ID_COMPARE(&(*(const struct audit_item *const *)a)->hash, &(*(const struct audit_item *const *)b)->hash);
}

/* The unit that a change set aside concerns, NOBODY where it is not known here. */
static int concerned(const struct audit *audit, const struct audit_item *item, const struct audit_change *change) {
    if (item->cls == CLASS_RECORD) {
        return audit_unit_index(audit, &item->audience[0].unit);
    }
    switch (change != NULL ? change->kind : 0) {
    case CHANGE_UNIT:
        return change->parent;
    case CHANGE_UNIT_SET:
    case CHANGE_ADMISSION:
        return change->subject;
    case CHANGE_FORM: {
        struct reader reader; /* of one with a critical extension nothing was decoded: its issuer is the first member */
        struct unit_id issuer;
        reader_init(&reader, change->payload);
        (void)reader_array(&reader, 1, MEMBERS_MAX);
        reader_fixed(&reader, issuer.b, sizeof issuer.b);
        return audit_unit_index(audit, &issuer);
    }
    default:
        return audit_author_stands(audit, item->author) ? audit_author_unit(audit, item->author) : NOBODY;
    }
}

static void add_aside(struct digest *digest, const struct audit_item *item, const struct audit_change *change) {
    int unit = concerned(digest->audit, item, change);
    if (unit != NOBODY && digest->scope[unit]) {
        item_begin(digest, 4, ITEM_ASIDE);
        write_entry(digest, item);
        writer_uint(&digest->writer, change != NULL ? change->place : 0);
        writer_uint(&digest->writer, (uint64_t)(change != NULL ? change->aside : item->whole));
        item_end(digest);
    }
}

/* An entry of documents is listed unless it, or a change of it, is set aside. */
static bool document_stands(const struct audit_item *item) {
    bool stands = item->cls == CLASS_DOCUMENT && item->whole == STATUS_OK;
    for (size_t c = 0; c < item->change_count; c++) {
        stands = stands && item->changes[c].aside == STATUS_OK;
    }
    return stands;
}

static void add_entries(struct digest *digest) {
    const struct audit *audit = digest->audit;
    const struct audit_item **items = audit_memory(audit->item_count, sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < audit->item_count; i++) {
        if (both_hold_body(digest, &audit->items[i])) {
            items[count++] = &audit->items[i];
        }
    }
    qsort(items, count, sizeof *items, by_hash);
    for (size_t i = 0; i < count; i++) {
        if (document_stands(items[i])) {
            item_begin(digest, 2, ITEM_DOCUMENT);
            write_entry(digest, items[i]);
            item_end(digest);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i]->whole != STATUS_OK) {
            add_aside(digest, items[i], NULL);
        }
        for (size_t c = 0; items[i]->whole == STATUS_OK && c < items[i]->change_count; c++) {
            if (items[i]->changes[c].aside != STATUS_OK) {
                add_aside(digest, items[i], &items[i]->changes[c]);
            }
        }
    }
    free(items);
}

bool audit_digest(const struct audit *audit, const struct unit_id *unit, const struct unit_id *with, struct hash *out) {
    struct digest digest = {.audit = audit, .unit = audit_unit_index(audit, unit), .with = audit_unit_index(audit, with)};
    *out = (struct hash){{0}};
    if (digest.unit == NOBODY || digest.with == NOBODY || !audit->units[digest.unit].stands || !audit->units[digest.with].stands) {
        return false;
    }
    digest.lower = audit_is_under(audit, digest.unit, digest.with) ? digest.unit : digest.with;
    if (!audit_is_under(audit, digest.lower, digest.unit) || !audit_is_under(audit, digest.lower, digest.with)) {
        return false;
    }
    digest.scope = audit_memory(audit->unit_count, sizeof *digest.scope);
    for (int i = 0; i < (int)audit->unit_count; i++) {
        digest.scope[i] = audit->units[i].stands && (audit_is_under(audit, i, digest.lower) || audit_is_under(audit, digest.lower, i));
    }
    buffer_init(&digest.buffer, SIZE_MAX / 2);
    hash_stream_init(&digest.stream, "digest", &audit->founding->association);
    add_structure(&digest);
    add_forms(&digest);
    add_records(&digest);
    add_entries(&digest);
    hash_stream_end(&digest.stream, out);
    buffer_fini(&digest.buffer);
    free(digest.scope);
    return true;
}
