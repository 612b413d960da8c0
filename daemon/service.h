/* The requests of the control socket (docs/control.md): hands them to the store, and adds what only a running daemon knows or can do: `sync`, `stop`, the state of
 * links, when children were heard, the addresses of an invitation. Knows no socket. */
#ifndef DAEMON_SERVICE_H
#define DAEMON_SERVICE_H

#include "daemon/downlink.h"
#include "daemon/uplink.h"

struct service {
    struct store *store;
    struct uplink *uplink;
    struct downlink *downlink; /* NULL: nobody below is listened for */
    const char *bound;         /* the address listened at; "" without */
    bool stop;                 /* somebody asked the daemon to end */
};

/* A request that is answered later: `sync` with `wait`. */
struct service_wait { bool active; int64_t until_ms, wait_s; uint64_t written; };

/* Answers a request; a new reference. NULL: memory is out, or *wait is active: ask service_resume. */
json_t *service_answer(struct service *service, const struct store_caller *caller, const json_t *request, struct service_wait *wait, int64_t now_ms);
/* The answer of a waiting request once there is one, else NULL. */
json_t *service_resume(struct service *service, struct service_wait *wait, int64_t now_ms);
/* A refusal as docs/control.md has it; args are taken over and may be NULL. */
json_t *service_refusal(enum status status, json_t *args);
/* Is everything written here stored above, and the link in step? *progress as far as it could be read. */
bool service_in_step(struct service *service, uint64_t written, struct store_progress *progress);

#endif
