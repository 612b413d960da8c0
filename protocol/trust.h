/* Changes by which trust and structure move (docs/protocol.md 5.6 to 5.10): move, close, same, handover, revocation, pin, fork decision, erase, accept, and the
 * reason that stands apart from them. Shape and bounds only; what they are worth is judged by store/tree_verdict.c (5.11). */
#ifndef PROTOCOL_TRUST_H
#define PROTOCOL_TRUST_H

#include "protocol/change.h"

/* A list of refs as it stands in a payload: count of them, strictly ascending; the array is the caller's and is filled by the decoder. */
struct refs {
    size_t count;
    struct ref items[TRUST_REFS_MAX];
};

/* Move, close, same: the parent of a unit anew. line and former: nearest first, the root last; line.units[0] is the new parent. */
struct placing {
    struct unit_id unit;
    struct date effective;
    struct line line, former;
    size_t successor_count; /* close only */
    struct unit_id successors[SUCCESSORS_MAX];
};
/* kind: CHANGE_MOVE, CHANGE_CLOSE or CHANGE_SAME. */
CHECKED enum status placing_encode(const struct placing *placing, uint64_t kind, struct buffer *out);
CHECKED enum status placing_decode(struct placing *out, uint64_t kind, struct bytes payload);

struct handover {
    struct unit_id unit, parent;
    struct refs upto; /* one a log */
};
CHECKED enum status handover_encode(const struct handover *handover, struct buffer *out);
CHECKED enum status handover_decode(struct handover *out, struct bytes payload);

struct revocation {
    struct node_id node;
    struct refs upto; /* one a log, all of logs of the node */
    bool has_reason;
    struct ref reason;
};
CHECKED enum status revocation_encode(const struct revocation *revocation, struct buffer *out);
CHECKED enum status revocation_decode(struct revocation *out, struct bytes payload);

CHECKED enum status pin_encode(const struct refs *pins, struct buffer *out); /* 1 to TRUST_REFS_MAX */
CHECKED enum status pin_decode(struct refs *out, struct bytes payload);

struct fork_decision {
    struct ref keeps, rival; /* of one log; hashes differ; rival.seq <= keeps.seq + 1 */
};
CHECKED enum status fork_decision_encode(const struct fork_decision *decision, struct buffer *out);
CHECKED enum status fork_decision_decode(struct fork_decision *out, struct bytes payload);

struct erasure {
    struct refs entries; /* 1 to TRUST_REFS_MAX */
    bool has_reason;
    struct ref reason;
};
CHECKED enum status erasure_encode(const struct erasure *erasure, struct buffer *out);
CHECKED enum status erasure_decode(struct erasure *out, struct bytes payload);

CHECKED enum status acceptance_encode(const struct refs *entries, struct buffer *out); /* 1 to TRUST_REFS_MAX */
CHECKED enum status acceptance_decode(struct refs *out, struct bytes payload);

/* Kind 100, class document. Borrowed text, 1 to REASON_BYTES_MAX. */
CHECKED enum status reason_encode(struct bytes text, struct buffer *out);
CHECKED enum status reason_decode(struct bytes *out, struct bytes payload);

#endif
