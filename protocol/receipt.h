/* Receipts: what a holder says it has of one log (docs/protocol.md section 8). */
#ifndef PROTOCOL_RECEIPT_H
#define PROTOCOL_RECEIPT_H

#include "protocol/codec.h"
#include "protocol/keys.h"

struct receipt {
    struct node_id holder;
    struct log_id log;
    uint64_t seq;
    struct short_hash hash;
    uint64_t bodies, applied, aside;
    int64_t time;
    struct bytes extensions; /* as encoded, borrowed; empty: none */
};
struct signed_receipt {
    struct bytes receipt;
    uint8_t signature[64];
}; /* receipt borrowed */

CHECKED enum status receipt_encode(const struct receipt *receipt, struct buffer *out);
CHECKED enum status receipt_decode(struct receipt *out, struct bytes bytes);
/* Compares (seq, bodies, applied): what a relayed receipt must exceed to be taken. */
int receipt_compare(const struct receipt *a, const struct receipt *b);

#endif
