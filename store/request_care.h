/* Between the files of the requests that look after a store. */
#ifndef STORE_REQUEST_CARE_H
#define STORE_REQUEST_CARE_H

#include "store/form_view.h"
#include "store/request.h"

enum status request_status(struct request *request); /* request_status.c */
enum status request_log(struct request *request);    /* request_log.c */
CHECKED enum status request_trust_status(struct store *store, json_t *status); /* request_trust_status.c: adds taken_back and forks */
CHECKED enum status request_clock_status(struct store *store, json_t *status); /* request_clock.c: adds clocks */
/* What a change says in a few words without a language (a code, a name, a form with its period), for `log`; new references. */
json_t *request_log_what(struct store *store, const struct change *change); /* request_log_what.c */
const char *request_log_kind(uint64_t kind);                           /* NULL: unknown */

/* store/request_erase.c: what was erased, for `status` (adds erased), and for `show` of a unit's figures (adds erased where there is any). */
CHECKED enum status request_erase_status(struct store *store, json_t *page);
CHECKED enum status request_erase_shown(struct store *store, const struct unit_id *unit, json_t *page);
/* store/request_extract.c: of a record that an extract stands for here, that (adds extract). */
struct request_record { const struct form_family *family; uint32_t unit, period; };
CHECKED enum status request_extract_shown(struct store *store, const struct request_record *record, json_t *page);
json_t *request_log_changes(struct store *store, struct bytes body, uint8_t cls); /* request_log.c: [{"kind","what"}...] of a body, persons left out; new reference */

#endif
