/* The store of one node: its directory, its database, its keys. Public face for daemon and tool: open, persist, requests, the replica for the engine.
 * One process owns it at a time (the lock file). Not thread-safe. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "protocol/replica.h"

#include <jansson.h>

struct store;

/* ---- making one ---- */

struct store_founding {
    const char *name, *unit_code, *unit_name; /* of the association; of the root unit */
    unsigned level;
    bool practice;
    unsigned recovery_threshold, recovery_count; /* 0 of 0: none */
    uint8_t recovery_keys[RECOVERY_KEYS_MAX][32];
    const char *recovery_path; /* where the recovery keys were written, or NULL: status reminds while they lie there */
};
/* Makes dir (0700), keys, founding statement and the first directives, durably. STORE_EXISTS if a node lives there. Texts are held to the rules of unit.add (docs/control.md): VALUE_INVALID,
 * TEXT_INVALID, LEVEL_UNKNOWN; only the code may be empty. A failure leaves nothing behind that was not there before. */
CHECKED enum status store_found(const char *dir, const struct store_founding *founding);

/* Joining: keys first (kept, so that a repeated try is the same key), then the answer. */
CHECKED enum status store_join_keys(const char *dir, struct node_keys *out);               /* makes or loads node.key; ALREADY_JOINED if a store is there; a failure leaves nothing new behind */
/* Makes the store from the parent's answer, if it is one to this token and these keys (JOIN_REFUSED); remembers the uplink (addresses of the token, parent's transport key). */
CHECKED enum status store_join(const char *dir, const struct node_keys *keys, const struct token *token, const struct joined *joined);

/* The same without a line (docs/protocol.md 11.5). The request of this directory's keys, made where there are none, and their fingerprint (24 bytes with its NUL). */
CHECKED enum status store_join_request(const char *dir, struct buffer *out, char fingerprint[24]);
/* Makes the store from an admission file and takes in what it carries. JOIN_FILE_WRONG (damaged, another file, or nothing in it proves its signer), JOIN_OTHER_PC,
 * ALREADY_JOINED; a failure leaves the keys and nothing else. */
CHECKED enum status store_join_file(const char *dir, struct bytes file);

/* ---- using one ---- */

/* Opens under the lock, waiting up to wait_ms for it (STORE_LOCKED, *holder the process that has it; holder may be NULL). Unclean last end: quick check first. Pending work is applied.
 * STORE_MISSING, STORE_DAMAGED, STORE_NEWER, KEY_DAMAGED, KEY_UNSAFE, DISK_*. */
CHECKED enum status store_open(struct store **out, const char *dir, int64_t wait_ms, long *holder);
void store_close(struct store *store); /* NULL harmless */
/* DISK_ERROR, STORE_DAMAGED: the disk has failed so that this process can write no more, whatever becomes of the disk. It should end, and open the store anew. */
enum status store_failed(const struct store *store);

const struct founding *store_founding_of(const struct store *store);
const struct node_keys *store_keys(const struct store *store);
/* The engine's read-only view; valid as long as the store is open. */
void store_replica(struct store *store, struct replica *out);
/* Rises with every durable change, whoever made it. */
uint64_t store_version(const struct store *store);

/* Makes a session's items durable and applies what can be applied, one transaction. On any error nothing of it stands (DISK_FULL, DISK_ERROR, STORE_DAMAGED, NO_MEMORY). */
CHECKED enum status store_persist(struct store *store, const struct persist *items, size_t count);

/* A session with a peer of this unit is in step: what both may hold, it holds as it is here. So the own logs may be gone on with (store/life.h). Cheap: said after every step. */
void store_confirmed(struct store *store, const struct unit_id *peer);

/* Is this transport key one of an admitted, standing node? Its node and unit. NOT_FOUND. Every message asks this. Somebody may admit a node
 * with another's key, whom that must not shut out: of several nodes it is the one that the peer says it is (claimed; NULL: it says nothing), else the most senior. */
CHECKED enum status store_peer(struct store *store, const uint8_t transport_key[32], const struct node_id *claimed, struct node_id *node, struct unit_id *unit);
/* An enrolment: checks the join against open tokens, writes the admission (or finds the one written before), appends the `joined` message to out.
 * TOKEN_UNKNOWN, TOKEN_EXPIRED, TOKEN_USED, KEY_ELSEWHERE, MALFORMED, DISK_*. link_key: the transport key the link was authenticated with. */
CHECKED enum status store_enrol(struct store *store, struct bytes join_message, const uint8_t link_key[32], struct buffer *out);

/* Housekeeping for when nothing has been asked for some seconds: what no transaction needs to wait for. Cheap where there is nothing to do. Errors need no answer: it is tried again. */
enum status store_idle(struct store *store);

/* The uplink, where there is one: NO_UPLINK. addresses NUL-terminated, owned by the store until config changes. */
struct store_uplink {
    size_t address_count;
    const char *addresses[TOKEN_ADDRESSES_MAX];
    uint8_t transport_key[32];
    struct node_id node;
    struct unit_id unit;
    bool has_successor; /* it has admitted a node that succeeds it, and may be that one by now: the two are dialled in turn */
    struct node_id successor;
    uint8_t successor_key[32];
};
CHECKED enum status store_uplink(struct store *store, struct store_uplink *out);
size_t store_children(const struct store *store); /* standing nodes that this one has admitted: those dial it */
/* A setting; *out NULL: not set. Owned by the store until it changes. */
CHECKED enum status store_config(struct store *store, const char *key, const char **out);

/* How far own entries have got, by signed receipts of the level above and of the root. Counted: applied there, and not set aside. */
struct store_progress { uint64_t written, stored_above, counted_above, at_root; };
CHECKED enum status store_progress(struct store *store, struct store_progress *out);

/* ---- requests (docs/control.md) ---- */

/* Who asks; whether a daemon serves it. account: his name on this PC (NULL: not known, then nothing is recorded of him); member: of the group that the service's socket is for. What he
 * may ask: store/local_right.h. */
struct store_caller { long uid; bool daemon; bool member; const char *account; };
/* May the caller ask that? Else *refused is the response (a new reference; NULL only if memory is out). store_request asks this first; a daemon does before what it serves by itself. */
bool store_request_allowed(struct store *store, const struct store_caller *caller, const json_t *request, json_t **refused);
/* Always a new response object (owned by the caller), never NULL unless memory is out. Verbs that only a daemon serves give NO_DAEMON. */
json_t *store_request(struct store *store, const struct store_caller *caller, const json_t *request);
/* What the daemon knows and `status` shows: state of links. Replaces what was told before; NULL clears. A new reference is taken. */
void store_set_links(struct store *store, json_t *uplinks);

#endif
