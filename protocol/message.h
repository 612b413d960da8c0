/* Messages of a link (docs/protocol.md section 9): one place that encodes and decodes each. All decoded bytes are borrowed from the message. Those of the enrolment
 * lane, and the join token, stand in protocol/join.h and protocol/token.h. */
#ifndef PROTOCOL_MESSAGE_H
#define PROTOCOL_MESSAGE_H

#include "protocol/change.h"
#include "protocol/changeset.h"
#include "protocol/join.h"
#include "protocol/receipt.h"

enum message_type {
    MESSAGE_HELLO = 1,
    MESSAGE_STATE,
    MESSAGE_BUCKETS,
    MESSAGE_HAVE,
    MESSAGE_ENTRIES,
    MESSAGE_RECEIPTS,
    MESSAGE_PROGRESS,
    MESSAGE_REFUSED,
    MESSAGE_BYE,
    MESSAGE_JOIN = 16,
    MESSAGE_JOINED,
    MESSAGE_JOIN_REFUSED
};
enum refusal {
    REFUSED_AUTHOR_UNKNOWN = 1,
    REFUSED_NOT_ENTITLED,
    REFUSED_GAP,
    REFUSED_FORK,
    REFUSED_SIGNATURE,
    REFUSED_MALFORMED,
    REFUSED_CUT,
    REFUSED_NO_ROOM,
    REFUSED_QUOTA
};
enum bye_reason { BYE_CLOSING = 0, BYE_PROTOCOL, BYE_ASSOCIATION, BYE_VERSION, BYE_NOT_ADMITTED, BYE_BUSY };

struct state_digest {
    uint8_t b[16];
};
struct bucket_digests {
    uint8_t b[BUCKETS][8];
};

struct hello {
    struct association_id association;
    struct node_id node;
    struct unit_id unit;
    uint8_t incarnation[8];
    uint64_t feature_level;
    uint32_t window, message_max;
    struct state_digest state;
    uint64_t missing;
    int64_t time;
    struct bytes extensions; /* as encoded, borrowed; empty: none */
};

struct held_receipt {
    struct node_id holder;
    uint64_t seq, bodies, applied;
};
struct gap {
    uint64_t from, to;
};
struct partial {
    uint64_t seq;
    uint32_t bytes;
};
/* Evidence that a log is forked: at seq stand two headers with these hashes, one below other. seq 0: none is known. Of all that is known of a log the lowest seq, and
 * of the headers there those of the two lowest hashes. */
struct fork_mark {
    uint64_t seq;
    struct short_hash one, other;
};
/* Lower says more: negative if a is what one who knows both keeps. */
int fork_mark_compare(const struct fork_mark *a, const struct fork_mark *b);

/* What one side says of one log. A have's log states are read one by one (have_next), so that memory stays bounded. */
struct log_state {
    struct log_id log;
    uint64_t seq;
    struct short_hash hash;
    size_t gap_count, partial_count, receipt_count;
    struct gap gaps[GAP_PAIRS_MAX];
    struct partial partials[PARTIAL_PAIRS_MAX];
    struct held_receipt receipts[LOG_STATE_RECEIPTS_MAX];
    struct fork_mark fork;
};
struct have {
    uint8_t buckets[BUCKETS / 8];
    size_t count, place;
    struct log_id last;
    struct reader rest;
};

enum item_kind { ITEM_ENTRY = 1, ITEM_PART = 2, ITEM_EVIDENCE = 3, ITEM_OFFER = 4 };
struct item {
    uint8_t kind;
    struct entry entry; /* ITEM_ENTRY; ITEM_EVIDENCE: header and signature */
    bool own;           /* ITEM_EVIDENCE: the sender holds it in its log */
    struct log_id log;
    uint64_t seq;
    struct bytes salt; /* ITEM_PART */
    uint32_t offset;
    struct bytes part;
    bool has_of; /* ITEM_OFFER: the log is offered up to seq because of this entry; else it is handed up */
    struct ref of;
};

/* The type of a message by its first bytes; 0 if it cannot be one, also if it is longer than MESSAGE_BYTES_MAX. Decoding judges the rest. */
unsigned message_type(struct bytes message);

CHECKED enum status hello_encode(const struct hello *hello, struct buffer *out);
CHECKED enum status hello_decode(struct hello *out, struct bytes message);
CHECKED enum status state_encode(const struct state_digest *state, uint64_t missing, struct buffer *out);
CHECKED enum status state_decode(struct state_digest *state, uint64_t *missing, struct bytes message);
CHECKED enum status buckets_encode(const struct bucket_digests *buckets, struct buffer *out);
CHECKED enum status buckets_decode(struct bucket_digests *out, struct bytes message);

CHECKED enum status have_encode(const uint8_t buckets[BUCKETS / 8], struct bytes log_states /* canonical, one after the other */, size_t count,
                                struct buffer *out);
CHECKED enum status log_state_encode(const struct log_state *state, struct buffer *out);
CHECKED enum status have_open(struct have *out, struct bytes message);
bool have_next(struct have *have, struct log_state *out);
CHECKED enum status have_close(struct have *have);
/* The canonical element of a log in a bucket's digest, with all of its receipts: it is never sent, and has no bound but out's. */
struct bucket_element {
    struct log_id log;
    uint64_t seq;
    struct short_hash hash;
    const struct held_receipt *receipts;
    size_t receipt_count;
    struct fork_mark fork;
};
CHECKED enum status bucket_element_encode(const struct bucket_element *element, struct buffer *out);
static inline unsigned bucket_of(const struct log_id *log) {
    return log->node.b[0] & (BUCKETS - 1);
}
void state_of_buckets(struct state_digest *out, const struct association_id *association, const struct bucket_digests *buckets);

/* Items are gathered in raw (each item_encode appends one), then packed into a message, compressed where that is shorter. */
CHECKED enum status item_encode(const struct item *item, struct buffer *raw);
CHECKED enum status entries_encode(struct bytes items, size_t count, struct buffer *out);
struct entries {
    size_t count, place;
    struct reader rest;
    struct buffer raw;
};                                                                           /* owns the unpacked items */
CHECKED enum status entries_open(struct entries *out, struct bytes message); /* out needs entries_fini also after an error */
bool entries_next(struct entries *entries, struct item *out);
CHECKED enum status entries_close(struct entries *entries);
void entries_fini(struct entries *entries);

CHECKED enum status receipts_encode(const struct signed_receipt *receipts, size_t count, struct buffer *out);
/* One malformed receipt makes the message malformed; one that receipt_decode calls VERSION_UNKNOWN or CRITICAL_EXTENSION does not, and is handed on. */
struct receipts {
    size_t count, place;
    struct reader rest;
};
CHECKED enum status receipts_open(struct receipts *out, struct bytes message);
bool receipts_next(struct receipts *receipts, struct signed_receipt *out);
CHECKED enum status receipts_close(struct receipts *receipts);

CHECKED enum status progress_encode(uint64_t bytes, struct buffer *out);
CHECKED enum status progress_decode(uint64_t *bytes, struct bytes message);
CHECKED enum status refused_encode(const struct log_id *log, uint64_t seq, unsigned reason, struct buffer *out);
CHECKED enum status refused_decode(struct log_id *log, uint64_t *seq, unsigned *reason, struct bytes message);
CHECKED enum status bye_encode(unsigned reason, struct buffer *out);
CHECKED enum status bye_decode(unsigned *reason, struct bytes message);

#endif
