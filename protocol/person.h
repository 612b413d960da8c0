/* The person that a body says it was written by (docs/protocol.md 6.1): the account on that PC, and the name and role typed there. Knows its bytes only:
 * nothing is judged by it, and nothing proves it but the word of the node that signed. */
#ifndef PROTOCOL_PERSON_H
#define PROTOCOL_PERSON_H

#include "protocol/change.h"

struct person {
    struct bytes account, name, role; /* name and role may be empty */
};
/* Appends the payload. MALFORMED: a text out of bounds or not UTF-8; NO_MEMORY. */
CHECKED enum status person_encode(const struct person *person, struct buffer *out);
/* The texts are borrowed from the payload. MALFORMED, TRUNCATED, TRAILING; *out is empty then. */
CHECKED enum status person_decode(struct person *out, struct bytes payload);
/* The kind of change by which a body of the class names its person; 0 for control bodies, which name none. */
uint64_t person_kind(uint8_t cls);
bool person_is(uint64_t kind);
/* The person of a body, borrowed from its bytes. False where it names none, or is no body of the class. */
bool person_of(struct person *out, struct bytes body, uint8_t cls);
/* The one change of a body that has no other beside its person, or none at all: what bodies mostly are. The payload of that change is not looked at: whoever
 * decodes it finds whether it is well formed, and with it the body, as all else of the body is (a payload that reaches to the body's end too: body_only).
 * False: anything else. */
bool person_body_only(struct bytes body, uint8_t cls, struct change *out);

#endif
