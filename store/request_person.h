/* The person that a request is written down under: the account that asked, and the name and role typed with it (docs/protocol.md 6.1). What it says are claims.
 */
#ifndef STORE_REQUEST_PERSON_H
#define STORE_REQUEST_PERSON_H

#include "protocol/person.h"
#include "store/request.h"

/* The person's payload, appended to out, from the caller's account and the arguments `by` and `role`; nothing where the caller has no account. VALUE_INVALID,
 * TEXT_INVALID (refused). */
CHECKED enum status request_person(struct request *request, struct buffer *out);
/* The person of an entry's body as {"account", "name", "role"}: a new reference; NULL where it names none. */
json_t *request_person_json(const struct stored_entry *entry, uint8_t cls);

#endif
