#include "tests/bench/receiver.h"

#include "tests/bench/bench.h"

#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

void receiver_open(struct receiver *out, const char *dir) {
    *out = (struct receiver){.header = malloc(sizeof *out->header)};
    bench_right(out->header != NULL, "memory");
    bench_must(store_open(&out->store, dir, 0, NULL), "open");
    store_replica(out->store, &out->replica);
}

void receiver_close(struct receiver *receiver) {
    store_close(receiver->store);
    free(receiver->header);
}

/* Where the entry's log left off: in the run under way, or in the store. */
static void find_head(struct receiver *receiver, const struct log_id *log) {
    const struct replica *replica = &receiver->replica;
    struct log_head head;
    struct entry entry;
    if (log_id_equal(&receiver->log, log))
        return;
    receiver->log = *log;
    receiver->seq = 0;
    if (replica->ops->head(replica->ctx, log, &head) != STATUS_OK)
        return;
    bench_must(replica->ops->entry(replica->ctx, log, head.seq, &entry), "the head's entry");
    header_hash(&receiver->hash, &replica->founding->association, entry.header);
    receiver->seq = head.seq;
}

static void verify(struct receiver *receiver, const struct persist *item) {
    const struct replica *replica = &receiver->replica;
    struct header *header = receiver->header;
    uint8_t key[32];
    struct unit_id unit;
    struct hash hash;
    bench_must(header_decode(header, item->entry.header), "header");
    bench_must(replica->ops->node(replica->ctx, &header->log.node, key, &unit), "author");
    bench_right(replica->ops->may_hold_log(replica->ctx, &replica->unit, &header->log), "entitlement to the log");
    bench_must(header_verify(replica->founding, header, item->entry.header, item->entry.signature, key), "signature");
    find_head(receiver, &header->log);
    header_hash(&hash, &replica->founding->association, item->entry.header);
    bench_right(header->seq == receiver->seq + 1 && (header->seq == 1 || ID_EQUAL(&header->prev, &receiver->hash)) && ID_EQUAL(&hash, &item->hash), "chain");
    bench_right(replica->ops->may_hold_body(replica->ctx, &replica->unit, header), "entitlement to the body");
    bench_must(body_verify(&replica->founding->association, header, item->entry.salt, item->entry.body), "body");
    receiver->seq = header->seq;
    receiver->hash = hash;
}

void receiver_take(struct receiver *receiver, const struct persist *items, size_t count) {
    for (size_t i = 0; i < count; i++)
        verify(receiver, &items[i]);
    bench_must(store_persist(receiver->store, items, count), "persist");
    bench_must(receiver->store->apply_status, "apply");
}
