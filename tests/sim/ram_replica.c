#include "tests/sim/ram_replica.h"

#include <assert.h>
#include <stdlib.h>

static void *grown(void *array, size_t count, size_t *capacity, size_t element_bytes) {
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity == 0 ? 8 : 2 * *capacity;
    array = reallocarray(array, *capacity, element_bytes);
    assert(array != NULL);
    return array;
}

static void set(struct buffer *buffer, struct bytes bytes) {
    buffer_fini(buffer);
    buffer_init(buffer, MESSAGE_BYTES_MAX);
    if (bytes.len > 0) {
        enum status status = buffer_append(buffer, bytes.data, bytes.len);
        assert(status == STATUS_OK);
    }
}

/* ---- finding ---- */

struct ram_log *ram_replica_log(struct ram_replica *ram, const struct log_id *log) {
    for (size_t i = 0; i < ram->log_count; i++) {
        if (log_id_equal(&ram->logs[i].id, log)) {
            return &ram->logs[i];
        }
    }
    return NULL;
}

/* Entries stand by seq, without gap unless somebody let one in. */
static struct ram_entry *entry_of(struct ram_log *log, uint64_t seq) {
    for (size_t i = log != NULL && seq <= log->count && seq > 0 ? seq - 1 : 0; log != NULL && i < log->count; i++) {
        if (log->entries[i].seq == seq) {
            return &log->entries[i];
        }
    }
    return NULL;
}

struct ram_entry *ram_replica_entry(struct ram_replica *ram, const struct log_id *log, uint64_t seq) {
    return entry_of(ram_replica_log(ram, log), seq);
}

bool ram_replica_entitled(struct ram_replica *ram, struct ram_entry *entry) {
    if (entry->judged != ram->tree.version) {
        entry->judged = ram->tree.version;
        entry->entitled = ram_tree_may_hold_body(&ram->tree, &ram->replica.unit, &entry->facts);
    }
    return entry->entitled;
}

struct ram_receipt *ram_replica_receipt(struct ram_replica *ram, const struct node_id *holder, const struct log_id *log) {
    for (size_t i = 0; i < ram->receipt_count; i++) {
        if (ID_EQUAL(&ram->receipts[i].receipt.holder, holder) && log_id_equal(&ram->receipts[i].receipt.log, log)) {
            return &ram->receipts[i];
        }
    }
    return NULL;
}

/* ---- writing ---- */

static struct ram_log *add_log(struct ram_replica *ram, const struct log_id *id) {
    struct ram_log *log = ram_replica_log(ram, id);
    if (log == NULL) {
        ram->logs = grown(ram->logs, ram->log_count, &ram->log_capacity, sizeof ram->logs[0]);
        log = &ram->logs[ram->log_count++];
        *log = (struct ram_log){.id = *id};
    }
    return log;
}

static void touch(struct ram_replica *ram, struct ram_log *log) {
    log->version = ram->version;
    log->receipt_due = true;
}

static void add_body(struct ram_replica *ram, struct ram_log *log, struct ram_entry *entry, const struct entry *bytes) {
    assert(bytes->salt.len == SALT_BYTES);
    memcpy(entry->salt, bytes->salt.data, SALT_BYTES);
    set(&entry->body, bytes->body);
    buffer_fini(&entry->part);
    entry->has_body = true;
    ram->control_came = ram->control_came || entry->facts.cls == CLASS_CONTROL;
    touch(ram, log);
}

static struct ram_entry *add_entry(struct ram_replica *ram, const struct log_id *id, uint64_t seq, const struct hash *hash, const struct entry *bytes) {
    struct ram_log *log = add_log(ram, id);
    log->entries = grown(log->entries, log->count, &log->capacity, sizeof log->entries[0]);
    struct ram_entry *entry = &log->entries[log->count++];
    *entry = (struct ram_entry){.seq = seq, .hash = *hash};
    set(&entry->header, bytes->header);
    set(&entry->signature, bytes->signature);
    enum status status = header_decode(ram->header, bytes->header);
    assert(status == STATUS_OK);
    body_facts_of(&entry->facts, ram->header);
    touch(ram, log);
    if (bytes->salt.len > 0) {
        add_body(ram, log, entry, bytes);
    }
    return entry;
}

static void add_part(struct ram_replica *ram, const struct persist *item) {
    struct ram_entry *entry = ram_replica_entry(ram, &item->log, item->seq);
    assert(entry != NULL && item->offset <= entry->part.len && item->salt.len == SALT_BYTES);
    struct buffer kept = {.max = BODY_BYTES_MAX};
    enum status status = buffer_append(&kept, entry->part.data, item->offset);
    if (status == STATUS_OK && item->part.len > 0) {
        status = buffer_append(&kept, item->part.data, item->part.len);
    }
    assert(status == STATUS_OK);
    buffer_fini(&entry->part);
    entry->part = kept;
    memcpy(entry->part_salt, item->salt.data, SALT_BYTES);
}

static void note_hash(struct fork_mark *mark, const struct hash *hash) {
    struct short_hash shorter = hash_short(hash);
    static const struct short_hash none;
    if (ID_EQUAL(&mark->one, &none) || ID_COMPARE(&shorter, &mark->one) < 0) {
        mark->other = mark->one;
        mark->one = shorter;
    } else if (!ID_EQUAL(&shorter, &mark->one) && (ID_EQUAL(&mark->other, &none) || ID_COMPARE(&shorter, &mark->other) < 0)) {
        mark->other = shorter;
    }
}

struct fork_mark ram_replica_fork(struct ram_replica *ram, const struct ram_log *log) {
    struct fork_mark mark = {.seq = 0};
    for (size_t i = 0; i < ram->fork_count; i++) {
        if (log_id_equal(&ram->forks[i].log, &log->id) && (mark.seq == 0 || ram->forks[i].seq < mark.seq)) {
            mark.seq = ram->forks[i].seq;
        }
    }
    for (size_t i = 0; i < ram->fork_count; i++) {
        if (log_id_equal(&ram->forks[i].log, &log->id) && ram->forks[i].seq == mark.seq) {
            note_hash(&mark, &ram->forks[i].hash);
        }
    }
    const struct ram_entry *held = mark.seq > 0 ? ram_replica_entry(ram, &log->id, mark.seq) : NULL;
    if (held != NULL) {
        note_hash(&mark, &held->hash);
    }
    return mark;
}

static void add_beside(struct ram_replica *ram, const struct persist *item) {
    ram->beside = grown(ram->beside, ram->beside_count, &ram->beside_capacity, sizeof ram->beside[0]);
    struct ram_fork *beside = &ram->beside[ram->beside_count++];
    *beside = (struct ram_fork){.log = item->log, .seq = item->seq, .hash = item->hash};
    set(&beside->header, item->entry.header);
    set(&beside->signature, item->entry.signature);
}

static void add_fork(struct ram_replica *ram, const struct persist *item) {
    for (size_t i = 0; i < ram->fork_count; i++) {
        if (ID_EQUAL(&ram->forks[i].hash, &item->hash)) {
            return;
        }
    }
    ram->forks = grown(ram->forks, ram->fork_count, &ram->fork_capacity, sizeof ram->forks[0]);
    struct ram_fork *fork = &ram->forks[ram->fork_count++];
    *fork = (struct ram_fork){.log = item->log, .seq = item->seq, .hash = item->hash};
    set(&fork->header, item->entry.header);
    set(&fork->signature, item->entry.signature);
    touch(ram, ram_replica_log(ram, &item->log));
}

static void put_receipt(struct ram_replica *ram, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct ram_receipt *held = ram_replica_receipt(ram, &receipt->holder, &receipt->log);
    if (held == NULL) {
        ram->receipts = grown(ram->receipts, ram->receipt_count, &ram->receipt_capacity, sizeof ram->receipts[0]);
        size_t place = ram->receipt_count++;
        for (; place > 0; place--) {
            const struct receipt *before = &ram->receipts[place - 1].receipt;
            int order = log_id_compare(&before->log, &receipt->log);
            if (order < 0 || (order == 0 && ID_COMPARE(&before->holder, &receipt->holder) < 0)) {
                break;
            }
            ram->receipts[place] = ram->receipts[place - 1];
        }
        held = &ram->receipts[place];
        *held = (struct ram_receipt){0};
    }
    held->receipt = *receipt;
    held->receipt.extensions = (struct bytes){0};
    set(&held->bytes, bytes->receipt);
    memcpy(held->signature, bytes->signature, sizeof held->signature);
    held->version = ram->version;
}

/* This node's word on a log of somebody else, if it says something new. */
static void sign_receipt(struct ram_replica *ram, struct ram_log *log) {
    struct receipt receipt = {.holder = ram->replica.self, .log = log->id, .time = ram->time};
    log->receipt_due = false;
    if (ID_EQUAL(&log->id.node, &ram->replica.self) || log->count == 0) {
        return;
    }
    receipt.seq = log->entries[log->count - 1].seq;
    receipt.hash = hash_short(&log->entries[log->count - 1].hash);
    receipt.bodies = receipt.seq;
    for (size_t i = log->count; i > 0; i--) {
        struct ram_entry *entry = &log->entries[i - 1];
        if (!entry->has_body && ram_replica_entitled(ram, entry)) {
            receipt.bodies = entry->seq - 1;
        }
    }
    receipt.applied = receipt.bodies;
    const struct ram_receipt *held = ram_replica_receipt(ram, &receipt.holder, &receipt.log);
    if (held != NULL && receipt_compare(&held->receipt, &receipt) == 0) {
        return;
    }
    struct buffer bytes = {.max = RECEIPT_BYTES_MAX};
    struct signed_receipt sealed;
    enum status status = receipt_encode(&receipt, &bytes);
    assert(status == STATUS_OK);
    sealed.receipt = buffer_bytes(&bytes);
    keys_sign(sealed.signature, "receipt", &ram->replica.founding->association, sealed.receipt, &ram->keys);
    put_receipt(ram, &receipt, &sealed);
    buffer_fini(&bytes);
}

/* Views do not depend on the order in which entries came: an admission may stand only now that its inviter's has come. */
static void apply_control(struct ram_replica *ram) {
    uint64_t before;
    do {
        before = ram->tree.version;
        for (size_t i = 0; i < ram->log_count; i++) {
            for (size_t j = 0; j < ram->logs[i].count; j++) {
                const struct ram_entry *entry = &ram->logs[i].entries[j];
                if (entry->facts.cls == CLASS_CONTROL && entry->has_body) {
                    ram_tree_apply(&ram->tree, &ram->replica.founding->association, &ram->logs[i].id.node, buffer_bytes(&entry->body));
                }
            }
        }
    } while (before != ram->tree.version);
    ram->control_came = false;
}

static void settle_views(struct ram_replica *ram) {
    uint64_t views_before = ram->tree.version;
    if (ram->control_came) {
        apply_control(ram);
    }
    for (size_t i = 0; i < ram->log_count; i++) {
        if (ram->logs[i].receipt_due || ram->tree.version != views_before) {
            sign_receipt(ram, &ram->logs[i]);
        }
    }
}

void ram_replica_persist(struct ram_replica *ram, const struct persist *items, size_t count) {
    ram->version++;
    for (size_t i = 0; i < count; i++) {
        const struct persist *item = &items[i];
        struct ram_entry *entry;
        switch (item->kind) {
        case PERSIST_ENTRY:
            add_entry(ram, &item->log, item->seq, &item->hash, &item->entry);
            break;
        case PERSIST_BODY:
            entry = ram_replica_entry(ram, &item->log, item->seq);
            assert(entry != NULL && !entry->has_body);
            add_body(ram, ram_replica_log(ram, &item->log), entry, &item->entry);
            break;
        case PERSIST_PART:
            add_part(ram, item);
            break;
        case PERSIST_RECEIPT:
            put_receipt(ram, &item->receipt, &item->receipt_bytes);
            break;
        case PERSIST_BESIDE:
            add_beside(ram, item);
            break;
        default:
            add_fork(ram, item);
        }
    }
    settle_views(ram);
}

const struct ram_entry *ram_replica_append(struct ram_replica *ram, const struct ram_draft *draft) {
    struct header *header = calloc(1, sizeof *header);
    struct ram_log *log = ram_replica_log(ram, &draft->log);
    struct buffer bytes = {.max = HEADER_BYTES_MAX};
    uint8_t signature[64];
    struct hash hash;
    assert(header != NULL);
    header->log = draft->log;
    header->seq = log != NULL ? log->entries[log->count - 1].seq + 1 : 1;
    if (log != NULL) {
        header->prev = log->entries[log->count - 1].hash;
    }
    header->cls = draft->cls;
    header->reach = draft->reach;
    header->audience_count = draft->audience_count;
    memcpy(header->audience, draft->audience, draft->audience_count * sizeof draft->audience[0]);
    header->body_bytes = (uint32_t)draft->body.len;
    header->time = ram->time;
    body_hash(&header->body_hash, &ram->replica.founding->association, draft->salt.data, draft->body);
    enum status status = header_encode(header, &bytes);
    assert(status == STATUS_OK);
    header_sign(signature, &ram->replica.founding->association, buffer_bytes(&bytes), &ram->keys);
    header_hash(&hash, &ram->replica.founding->association, buffer_bytes(&bytes));
    struct entry entry = {.header = buffer_bytes(&bytes), .signature = bytes_of(signature, sizeof signature), .salt = draft->salt, .body = draft->body};
    ram->version++;
    const struct ram_entry *added = add_entry(ram, &draft->log, header->seq, &hash, &entry);
    settle_views(ram);
    buffer_fini(&bytes);
    free(header);
    return added;
}

/* ---- lifecycle ---- */

void ram_replica_init(struct ram_replica *ram, const struct founding *founding, const struct node_keys *keys, const struct node_id *self,
                      const struct unit_id *unit, const struct line *line) {
    *ram = (struct ram_replica){.keys = *keys, .header = malloc(sizeof *ram->header)};
    assert(ram->header != NULL);
    ram->replica = (struct replica){.ops = &ram_answers, .ctx = ram, .founding = founding, .self = *self, .unit = *unit};
    ram_tree_init(&ram->tree, founding);
    ram_tree_add_line(&ram->tree, unit, line);
}

void ram_replica_fini(struct ram_replica *ram) {
    for (size_t i = 0; i < ram->log_count; i++) {
        for (size_t j = 0; j < ram->logs[i].count; j++) {
            struct ram_entry *entry = &ram->logs[i].entries[j];
            buffer_fini(&entry->header);
            buffer_fini(&entry->signature);
            buffer_fini(&entry->body);
            buffer_fini(&entry->part);
        }
        free(ram->logs[i].entries);
    }
    for (size_t i = 0; i < ram->receipt_count; i++) {
        buffer_fini(&ram->receipts[i].bytes);
    }
    for (size_t i = 0; i < ram->fork_count; i++) {
        buffer_fini(&ram->forks[i].header);
        buffer_fini(&ram->forks[i].signature);
    }
    for (size_t i = 0; i < ram->beside_count; i++) {
        buffer_fini(&ram->beside[i].header);
        buffer_fini(&ram->beside[i].signature);
    }
    free(ram->logs);
    free(ram->receipts);
    free(ram->forks);
    free(ram->beside);
    free(ram->header);
    *ram = (struct ram_replica){0};
}

static void copy_buffer(struct buffer *out, const struct buffer *from) {
    *out = (struct buffer){0};
    set(out, buffer_bytes(from));
}

void ram_replica_copy(struct ram_replica *out, const struct ram_replica *from) {
    *out = *from;
    out->replica.ctx = out;
    out->header = malloc(sizeof *out->header);
    out->logs = calloc(from->log_capacity + 1, sizeof out->logs[0]);
    out->receipts = calloc(from->receipt_capacity + 1, sizeof out->receipts[0]);
    out->forks = calloc(from->fork_capacity + 1, sizeof out->forks[0]);
    assert(out->header != NULL && out->logs != NULL && out->receipts != NULL && out->forks != NULL);
    for (size_t i = 0; i < from->log_count; i++) {
        struct ram_log *log = &out->logs[i];
        *log = from->logs[i];
        log->entries = calloc(log->capacity + 1, sizeof log->entries[0]);
        assert(log->entries != NULL);
        for (size_t j = 0; j < log->count; j++) {
            const struct ram_entry *entry = &from->logs[i].entries[j];
            log->entries[j] = *entry;
            copy_buffer(&log->entries[j].header, &entry->header);
            copy_buffer(&log->entries[j].signature, &entry->signature);
            copy_buffer(&log->entries[j].body, &entry->body);
            copy_buffer(&log->entries[j].part, &entry->part);
        }
    }
    for (size_t i = 0; i < from->receipt_count; i++) {
        out->receipts[i] = from->receipts[i];
        copy_buffer(&out->receipts[i].bytes, &from->receipts[i].bytes);
    }
    out->beside = NULL; /* a copy begins without it */
    out->beside_count = out->beside_capacity = 0;
    for (size_t i = 0; i < from->fork_count; i++) {
        out->forks[i] = from->forks[i];
        copy_buffer(&out->forks[i].header, &from->forks[i].header);
        copy_buffer(&out->forks[i].signature, &from->forks[i].signature);
    }
}
