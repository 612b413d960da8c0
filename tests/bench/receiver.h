/* What a receiver does with entries that came, without the line they came by: the checks of protocol/session_check.c in its order, then store_persist. */
#ifndef TESTS_BENCH_RECEIVER_H
#define TESTS_BENCH_RECEIVER_H

#include "protocol/replica.h"
#include "store/store.h"

struct receiver {
    struct store *store;
    struct replica replica;
    struct header *header;
    struct log_id log; /* of the entry before, and where it left off */
    uint64_t seq;
    struct hash hash;
};
void receiver_open(struct receiver *out, const char *dir);
void receiver_close(struct receiver *receiver);
/* Verifies each entry (author, entitlement, signature, chain, body), then makes all of them durable and applies them in one transaction. */
void receiver_take(struct receiver *receiver, const struct persist *items, size_t count);

#endif
