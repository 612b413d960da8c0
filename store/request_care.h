/* Between the files of the requests that look after a store. */
#ifndef STORE_REQUEST_CARE_H
#define STORE_REQUEST_CARE_H

#include "store/request.h"

enum status request_status(struct request *request); /* request_status.c */
enum status request_log(struct request *request);    /* request_log.c */
CHECKED enum status request_trust_status(struct store *store, json_t *status); /* request_trust_status.c: adds taken_back and forks */
/* What a change says in a few words without a language (a code, a name, a form with its period), for `log`; new references. */
json_t *request_log_what(struct store *store, const struct change *change); /* request_log_what.c */
const char *request_log_kind(uint64_t kind);                           /* NULL: unknown */

#endif
