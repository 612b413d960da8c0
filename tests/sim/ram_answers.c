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

static bool ask_has_room(void *ctx, const struct log_id *log, uint64_t seq, uint64_t entries, uint64_t bytes) {
    const struct ram_replica *ram = ctx;
    (void)entries;
    (void)bytes;
    return !ask_revoked(ctx, &log->node) || seq <= ram->room_seq;
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
    .has_room = ask_has_room,
    .each_gap = ask_each_gap,
    .partial = ask_partial,
    .node = ask_node,
    .each_receipt = ask_each_receipt,
    .each_receipt_since = ask_each_receipt_since,
    .receipt = ask_receipt,
    .may_hold_receipt = ask_may_hold_receipt,
};
