/* Admitting a node: the admission in the own directive log, and the `joined` message that tells the new node of it (docs/protocol.md 5.3 and 11). Owns the rule
 * that one key is admitted once. Must not know how the new node has asked: with a token over a line, or by a file. */
#ifndef STORE_ADMIT_H
#define STORE_ADMIT_H

#include "store/internal.h"

/* Who asks, for which unit. */
struct applicant {
    struct unit_id unit;
    uint8_t signing_key[32], transport_key[32];
    uint8_t nonce[16]; /* random; of the admission, where it is written now */
};

/* Was this key admitted here for this unit before (and the answer got lost)? *entry is that admission's, 0: it was not. KEY_ELSEWHERE: it stands for another
 * unit, or another node has admitted it: links could not tell the two nodes apart; or it is revoked: its admission is of no use any more. */
CHECKED enum status admit_known(const struct store *store, const struct applicant *applicant, int64_t *entry);
/* Inside the open transaction: *entry 0 writes the admission and applies it, and *entry becomes its own; else the answer is made from that entry. Appends the
 * `joined` message, which names root. UNIT_OUTSIDE, OUTSIDE_AUTHORITY, LINE_BROKEN, STORE_DAMAGED. */
CHECKED enum status admit(struct store *store, const struct applicant *applicant, const struct ref *root, int64_t *entry, struct buffer *joined);

/* The head of the root's directive log as it is known here: the longest that a node of the root writes. LINE_BROKEN: none is held. */
CHECKED enum status admit_root(struct store *store, struct ref *out);
/* Such a head as rows keep it: node, epoch, seq (big-endian), hash. */
enum { ADMIT_ROOT_BYTES = 16 + 8 + 8 + 16 };
void admit_root_pack(uint8_t out[ADMIT_ROOT_BYTES], const struct ref *root);
void admit_root_unpack(const uint8_t packed[ADMIT_ROOT_BYTES], struct ref *out);

#endif
