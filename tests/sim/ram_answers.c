/* What the engine asks of a replica in RAM. */
#include "tests/sim/ram_replica.h"

static uint64_t ask_version(void *ctx) {
    return ((struct ram_replica *)ctx)->version;
}

static uint64_t ask_views_version(void *ctx) {
    return ((struct ram_replica *)ctx)->tree.version;
}

static void fill_head(struct log_head *out, const struct ram_log *log) {
    *out = (struct log_head){.log = log->id, .seq = log->entries[log->count - 1].seq, .hash = hash_short(&log->entries[log->count - 1].hash)};
}

/* The tree keeps its nodes by seniority. */
static enum status ask_each_shared_log(void *ctx, const struct unit_id *peer, uint64_t since, log_head_fn fn, void *arg) {
    struct ram_replica *ram = ctx;
    static const uint8_t kinds[] = {LOG_DIRECTIVE, LOG_REPORT};
    for (size_t n = 0; n < ram->tree.node_count; n++) {
        for (size_t k = 0; k < sizeof kinds; k++) {
            for (size_t i = 0; i < ram->log_count; i++) {
                struct ram_log *log = &ram->logs[i];
                struct log_head head;
                if (!ID_EQUAL(&log->id.node, &ram->tree.nodes[n].id) || log->id.kind != kinds[k] || log->version <= since ||
                    !ram_tree_may_hold_log(&ram->tree, peer, &log->id) || !ram_tree_may_hold_log(&ram->tree, &ram->replica.unit, &log->id)) {
                    continue;
                }
                fill_head(&head, log);
                head.fork = ram_replica_fork(ram, log);
                if (!fn(arg, &head)) {
                    return STATUS_OK;
                }
            }
        }
    }
    return STATUS_OK;
}

static enum status ask_head(void *ctx, const struct log_id *log, struct log_head *out) {
    const struct ram_log *held = ram_replica_log(ctx, log);
    *out = (struct log_head){0};
    if (held == NULL) {
        return STATUS_NOT_FOUND;
    }
    fill_head(out, held);
    return STATUS_OK;
}

static bool ask_may_hold_log(void *ctx, const struct unit_id *unit, const struct log_id *log) {
    return ram_tree_may_hold_log(&((struct ram_replica *)ctx)->tree, unit, log);
}

static bool ask_may_accept_log(void *ctx, const struct unit_id *peer, const struct log_id *log) {
    (void)peer;
    return ask_may_hold_log(ctx, &((struct ram_replica *)ctx)->replica.unit, log);
}

static bool ask_may_hold_body(void *ctx, const struct unit_id *unit, const struct header *header) {
    struct body_facts facts;
    body_facts_of(&facts, header);
    return ram_tree_may_hold_body(&((struct ram_replica *)ctx)->tree, unit, &facts);
}

static enum status ask_entry(void *ctx, const struct log_id *log, uint64_t seq, struct entry *out) {
    const struct ram_entry *entry = ram_replica_entry(ctx, log, seq);
    *out = (struct entry){0};
    if (entry == NULL) {
        return STATUS_NOT_FOUND;
    }
    out->header = buffer_bytes(&entry->header);
    out->signature = buffer_bytes(&entry->signature);
    if (entry->has_body) {
        out->salt = bytes_of(entry->salt, SALT_BYTES);
        out->body = buffer_bytes(&entry->body);
    }
    return STATUS_OK;
}

static enum status ask_evidence(void *ctx, const struct log_id *log, const struct short_hash *hash, struct entry *out) {
    struct ram_replica *ram = ctx;
    const struct ram_log *held = ram_replica_log(ram, log);
    const struct fork_mark mark = held != NULL ? ram_replica_fork(ram, held) : (struct fork_mark){.seq = 0};
    const struct ram_entry *entry = mark.seq > 0 ? ram_replica_entry(ram, log, mark.seq) : NULL;
    *out = (struct entry){0};
    if (entry != NULL && memcmp(entry->hash.b, hash->b, sizeof hash->b) == 0) {
        *out = (struct entry){.header = buffer_bytes(&entry->header), .signature = buffer_bytes(&entry->signature)};
        return STATUS_OK;
    }
    for (size_t i = 0; i < ram->fork_count; i++) {
        const struct ram_fork *fork = &ram->forks[i];
        if (log_id_equal(&fork->log, log) && memcmp(fork->hash.b, hash->b, sizeof hash->b) == 0) {
            *out = (struct entry){.header = buffer_bytes(&fork->header), .signature = buffer_bytes(&fork->signature)};
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

/* Nobody is revoked in RAM, unless a test says so. */
static bool ask_revoked(void *ctx, const struct node_id *node) {
    const struct ram_replica *ram = ctx;
    return ram->has_revoked && ID_EQUAL(&ram->revoked, node);
}

static enum status ask_each_lane_log(void *ctx, const struct node_id *node, log_head_fn fn, void *arg) {
    struct ram_replica *ram = ctx;
    for (size_t i = 0; i < ram->log_count; i++) {
        struct log_head head;
        fill_head(&head, &ram->logs[i]);
        if ((ID_EQUAL(&ram->logs[i].id.node, node) || (ID_EQUAL(&ram->logs[i].id.node, &ram->replica.self) && head.log.kind == LOG_DIRECTIVE)) && !fn(arg, &head)) {
            break;
        }
    }
    return STATUS_OK;
}

static unsigned ask_no_room(void *ctx, const struct header *header, uint64_t entries, uint64_t bytes) {
    const struct ram_replica *ram = ctx;
    (void)entries;
    (void)bytes;
    return !ask_revoked(ctx, &header->log.node) || header->seq <= ram->room_seq ? 0 : REFUSED_CUT;
}

/* In RAM nobody pins a branch, unless a test says so. */
static bool ask_wanted(void *ctx, const struct log_id *log, uint64_t *upto) {
    struct ram_replica *ram = ctx;
    const struct ram_log *held = ram_replica_log(ram, log);
    *upto = ram->wants;
    return held != NULL && held->count > 0 && held->entries[held->count - 1].seq < ram->wants && ram_replica_fork(ram, held).seq > 0;
}

static enum status ask_beside(void *ctx, const struct log_id *log, uint64_t seq, const struct short_hash *first, uint64_t *upto, struct hash *last) {
    struct ram_replica *ram = ctx;
    bool more = true;
    *upto = 0;
    for (size_t i = 0; i < ram->beside_count && *upto == 0; i++) {
        const struct ram_fork *beside = &ram->beside[i];
        if (log_id_equal(&beside->log, log) && beside->seq == seq && memcmp(beside->hash.b, first->b, sizeof first->b) == 0) {
            *upto = seq;
            *last = beside->hash;
        }
    }
    while (more && *upto > 0) {
        more = false;
        for (size_t i = 0; i < ram->beside_count && !more; i++) {
            const struct ram_fork *beside = &ram->beside[i];
            more = log_id_equal(&beside->log, log) && beside->seq == *upto + 1 && header_decode(ram->header, buffer_bytes(&beside->header)) == STATUS_OK &&
                   ID_EQUAL(&ram->header->prev, last);
            if (more) {
                *upto = beside->seq;
                *last = beside->hash;
            }
        }
    }
    return *upto > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* Nothing moves in RAM; whoever claims what it may not hold is shown that log, and this node's own. */
static enum status ask_each_ground(void *ctx, const struct unit_id *peer, const struct ref *claimed, size_t count, ground_fn fn, void *arg) {
    struct ram_replica *ram = ctx;
    (void)peer;
    for (size_t i = 0; ram->beyond && i < count; i++) {
        for (size_t l = 0; l < ram->log_count; l++) {
            struct log_head head;
            fill_head(&head, &ram->logs[l]);
            bool own = ID_EQUAL(&head.log.node, &ram->replica.self) && head.log.kind == LOG_DIRECTIVE;
            if ((own || log_id_equal(&head.log, &claimed[i].log)) && !fn(arg, &head, &claimed[i])) {
                return STATUS_OK;
            }
        }
    }
    return STATUS_OK;
}

static bool ask_takes_ground(void *ctx, const struct node_id *peer, const struct log_id *log, const struct ref *of, size_t taken) {
    struct ram_replica *ram = ctx;
    const struct ram_entry *held = ram_replica_entry(ram, &of->log, of->seq);
    (void)peer;
    (void)log;
    return ram->beyond && taken < GROUNDS_MAX && held != NULL && memcmp(held->hash.b, of->hash.b, sizeof of->hash.b) == 0;
}

static enum status ask_each_handed(void *ctx, const struct unit_id *peer, log_head_fn fn, void *arg) {
    (void)ctx;
    (void)peer;
    (void)fn;
    (void)arg;
    return STATUS_OK;
}

static bool ask_hands_up(void *ctx, const struct unit_id *lower, const struct unit_id *upper, const struct log_id *log) {
    (void)ctx;
    (void)lower;
    (void)upper;
    (void)log;
    return false;
}

static bool ask_hands_body(void *ctx, const struct unit_id *lower, const struct unit_id *upper, const struct header *header) {
    return ask_hands_up(ctx, lower, upper, &header->log);
}

static enum status ask_each_handed_gap(void *ctx, const struct unit_id *lower, const struct log_id *log, gap_fn fn, void *arg) {
    (void)ctx;
    (void)lower;
    (void)log;
    (void)fn;
    (void)arg;
    return STATUS_OK;
}

static enum status ask_each_gap(void *ctx, const struct log_id *id, gap_fn fn, void *arg) {
    struct ram_replica *ram = ctx;
    struct ram_log *log = ram_replica_log(ram, id);
    for (size_t i = 0; log != NULL && i < log->count; i++) {
        uint64_t from = log->entries[i].seq;
        size_t end = i;
        while (end < log->count && !log->entries[end].has_body && ram_replica_entitled(ram, &log->entries[end])) {
            end++;
        }
        if (end > i && !fn(arg, from, log->entries[end - 1].seq)) {
            return STATUS_OK;
        }
        i = end > i ? end - 1 : i;
    }
    return STATUS_OK;
}

static uint32_t ask_partial(void *ctx, const struct log_id *log, uint64_t seq, struct bytes *held) {
    const struct ram_entry *entry = ram_replica_entry(ctx, log, seq);
    if (held != NULL) {
        *held = entry != NULL ? buffer_bytes(&entry->part) : (struct bytes){0};
    }
    return entry != NULL ? (uint32_t)entry->part.len : 0;
}

static enum status ask_node(void *ctx, const struct node_id *node, uint8_t signing_key[32], struct unit_id *unit) {
    const struct ram_node *known = ram_tree_node(&((struct ram_replica *)ctx)->tree, node);
    if (known == NULL) {
        return STATUS_AUTHOR_UNKNOWN;
    }
    memcpy(signing_key, known->signing_key, 32);
    *unit = known->unit;
    return STATUS_OK;
}

static bool give_receipt(struct ram_receipt *held, receipt_fn fn, void *arg) {
    struct signed_receipt sealed = {.receipt = buffer_bytes(&held->bytes)};
    memcpy(sealed.signature, held->signature, sizeof sealed.signature);
    return fn(arg, &held->receipt, &sealed);
}

static bool may_share_receipt(struct ram_replica *ram, const struct unit_id *peer, const struct receipt *receipt) {
    return ram_tree_may_hold_receipt(&ram->tree, peer, &receipt->holder, &receipt->log) &&
           ram_tree_may_hold_receipt(&ram->tree, &ram->replica.unit, &receipt->holder, &receipt->log);
}

static enum status ask_each_receipt(void *ctx, const struct unit_id *peer, const struct log_id *log, receipt_fn fn, void *arg) {
    struct ram_replica *ram = ctx;
    for (size_t i = 0; i < ram->receipt_count; i++) {
        struct ram_receipt *held = &ram->receipts[i];
        if (log_id_equal(&held->receipt.log, log) && may_share_receipt(ram, peer, &held->receipt) && !give_receipt(held, fn, arg)) {
            break;
        }
    }
    return STATUS_OK;
}

static enum status ask_each_receipt_since(void *ctx, const struct unit_id *peer, uint64_t since, receipt_fn fn, void *arg) {
    struct ram_replica *ram = ctx;
    for (size_t i = 0; i < ram->receipt_count; i++) {
        struct ram_receipt *held = &ram->receipts[i];
        if (held->version > since && may_share_receipt(ram, peer, &held->receipt) && !give_receipt(held, fn, arg)) {
            break;
        }
    }
    return STATUS_OK;
}

static enum status ask_receipt(void *ctx, const struct node_id *holder, const struct log_id *log, struct receipt *out, struct signed_receipt *bytes) {
    struct ram_receipt *held = ram_replica_receipt(ctx, holder, log);
    if (held == NULL) {
        return STATUS_NOT_FOUND;
    }
    *out = held->receipt;
    if (bytes != NULL) {
        bytes->receipt = buffer_bytes(&held->bytes);
        memcpy(bytes->signature, held->signature, sizeof bytes->signature);
    }
    return STATUS_OK;
}

static bool ask_may_hold_receipt(void *ctx, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log) {
    return ram_tree_may_hold_receipt(&((struct ram_replica *)ctx)->tree, unit, holder, log);
}

const struct replica_ops ram_answers = {
    .version = ask_version,
    .views_version = ask_views_version,
    .each_shared_log = ask_each_shared_log,
    .head = ask_head,
    .may_hold_log = ask_may_hold_log,
    .may_accept_log = ask_may_accept_log,
    .may_hold_body = ask_may_hold_body,
    .entry = ask_entry,
    .evidence = ask_evidence,
    .revoked = ask_revoked,
    .each_lane_log = ask_each_lane_log,
    .no_room = ask_no_room,
    .wanted = ask_wanted,
    .beside = ask_beside,
    .each_ground = ask_each_ground,
    .takes_ground = ask_takes_ground,
    .each_handed = ask_each_handed,
    .hands_up = ask_hands_up,
    .hands_body = ask_hands_body,
    .each_handed_gap = ask_each_handed_gap,
    .each_gap = ask_each_gap,
    .partial = ask_partial,
    .node = ask_node,
    .each_receipt = ask_each_receipt,
    .each_receipt_since = ask_each_receipt_since,
    .receipt = ask_receipt,
    .may_hold_receipt = ask_may_hold_receipt,
};
