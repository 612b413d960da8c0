/* The join token: what one office gives another so that it may enrol, as text that people copy or read out over a telephone (docs/protocol.md section 11). Owns
 * the text, its groups and their check characters. Must not know who holds which token, nor when one expires: that is its inviter's. */
#ifndef PROTOCOL_TOKEN_H
#define PROTOCOL_TOKEN_H

#include "protocol/codec.h"

enum {
    TOKEN_SECRET_BYTES = 10,               /* 80 bits: nobody guesses one over a line, nor from the hash that the inviter keeps */
    TOKEN_BOND_BYTES = 8,                  /* made under a secret that is known to nobody else before it is used */
    TOKEN_MEMORY_MAX = 2 * TOKEN_BYTES_MAX /* what token_decode needs of its buffer: the bytes, and addresses as text */
};

struct token {
    uint8_t transport_key[32], secret[TOKEN_SECRET_BYTES], bond[TOKEN_BOND_BYTES];
    size_t address_count;
    struct bytes addresses[TOKEN_ADDRESSES_MAX]; /* tcp://HOST:PORT; borrowed: from memory on decoding */
    unsigned wrong_group;                        /* after TOKEN_MALFORMED: the first group (from 1) that does not fit its check character; 0: they all do */
};
/* Appends the text as people copy it, and a NUL (counted in text->len). TOKEN_MALFORMED for what token_decode would refuse. */
CHECKED enum status token_encode(const struct token *token, struct buffer *text);
/* memory (emptied first; its max at least TOKEN_MEMORY_MAX) receives the token's array, its check byte, and the text that the addresses point into; text
 * without its NUL. TOKEN_MALFORMED for anything wrong; of *out only wrong_group is set then. */
CHECKED enum status token_decode(struct token *out, struct bytes text, struct buffer *memory);

/* What a token stands for and does not say: its bond is a hash of these, so that the answer to a join can be held to them. */
struct token_terms {
    struct association_id association;
    struct node_id inviter;
    struct unit_id unit;
    struct ref root; /* the head of the root's directive log, as the inviter knew it */
};
CHECKED enum status token_bond(uint8_t out[TOKEN_BOND_BYTES], const struct token *token, const struct token_terms *terms); /* NO_MEMORY */

/* Is text an address that a token can name: tcp://HOST:PORT, as far as its letters tell? Whoever dials judges the rest. */
bool token_address_valid(struct bytes text);

#endif
