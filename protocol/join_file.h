/* The two files of an enrolment without a line (docs/protocol.md 11.5): the request that a new office writes, and the admission that answers it. Knows what
 * stands in them and who signed it, not where they lie. Decoded bytes are borrowed from the file's. */
#ifndef PROTOCOL_JOIN_FILE_H
#define PROTOCOL_JOIN_FILE_H

#include "protocol/join.h"

struct join_request {
    uint8_t signing_key[32], transport_key[32];
};
CHECKED enum status join_request_encode(const struct node_keys *keys, struct buffer *out);
/* MALFORMED, TRUNCATED, TRAILING, VERSION_UNKNOWN; SIGNATURE_BAD: not written by who has these keys. */
CHECKED enum status join_request_decode(struct join_request *out, struct bytes file);

/* Twenty letters, in groups, that two people compare over a telephone: the same only where the keys are. */
enum { JOIN_FINGERPRINT_BYTES = 24 };
void join_request_fingerprint(char out[JOIN_FINGERPRINT_BYTES], const uint8_t signing_key[32], const uint8_t transport_key[32]);

struct join_admission {
    struct bytes joined; /* the message, as over a line */
    uint8_t inviter_signing[32], inviter_transport[32];
    size_t address_count;                        /* 0: no line is known yet */
    struct bytes addresses[TOKEN_ADDRESSES_MAX]; /* tcp://HOST:PORT */
    struct bytes hello;                          /* the inviter's, with which what follows begins */
    size_t message_count;
    struct bytes messages; /* canonical bins one after the other: entries and receipts as over a line */
};
/* Writes and signs it. MALFORMED, TOO_LARGE (past JOIN_FILE_BYTES_MAX). */
CHECKED enum status join_admission_encode(const struct join_admission *admission, const struct association_id *association, const struct node_keys *inviter,
                                          struct buffer *out);
/* Also checks the signature, by the key that the file itself names: whose that is, only the logs in it can tell. joined is decoded into *answer. Errors as
 * above. */
CHECKED enum status join_admission_decode(struct join_admission *out, struct joined *answer, struct bytes file);
/* Calls take for each message in turn, as long as it gives OK. */
typedef enum status (*join_message_fn)(void *ctx, struct bytes message);
CHECKED enum status join_admission_each(const struct join_admission *admission, join_message_fn take, void *ctx);

#endif
