/* Enrolment by two files carried by hand (docs/protocol.md 11.5), at both ends. Owns what stands in an admission file beside the answer: as much of the logs as
 * fits, made and taken in by the engine of every link, so that an office without a line has its units, forms and history at once. Reads and writes no file. */
#ifndef STORE_JOIN_FILE_H
#define STORE_JOIN_FILE_H

#include "protocol/join_file.h"
#include "store/internal.h"

/* The level above. Inside the open transaction: admits the keys of a request for a unit, or finds the admission that they have; *node is the new node. FILE as
 * below, KEY_ELSEWHERE, UNIT_OUTSIDE, OUTSIDE_AUTHORITY, LINE_BROKEN. */
CHECKED enum status join_file_admit(struct store *store, uint32_t unit, struct bytes request, struct node_id *node);

struct join_file_made {
    size_t messages;
    bool complete; /* all that the new node may hold is in it; else the rest comes over a line or by a bundle */
};
/* Appends the admission file of a node that this one has admitted; places: where the new office can reach this one, may be none. NOT_FOUND: no such node. */
struct join_file_places {
    size_t count;
    struct bytes addresses[TOKEN_ADDRESSES_MAX];
};
CHECKED enum status join_file_write(struct store *store, const struct node_id *node, const struct join_file_places *places, struct buffer *out,
                                    struct join_file_made *made);

/* What store_join does; bound: the token must be the answer's (over a line). Else only its transport key and addresses count (store/found.c). */
CHECKED enum status join_answered(const char *dir, const struct node_keys *keys, const struct token *token, const struct joined *joined, bool bound);

#endif
