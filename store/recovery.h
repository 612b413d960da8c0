/* The recovery log (docs/protocol.md 4.1): what m of the n recovery keys sign together. They stand above every node; they admit a new root where the old one is lost, and shut out a key that nobody
 * else may shut out. Owns the making of such an entry. The keys never come into the store's process but in the tool's own: it signs, this checks. */
#ifndef STORE_RECOVERY_H
#define STORE_RECOVERY_H

#include "protocol/trust.h"
#include "store/store.h"

/* One recovery key, as the tool has it: its seed. */
struct recovery_secret {
    uint8_t seed[32];
};

/* Signs a header with some of the recovery keys: the parts in the order of the founding statement's keys, each key once. RECOVERY_KEYS: other than exactly m of its keys were given. Appends to
 * out. */
CHECKED enum status recovery_sign(const struct founding *founding, const struct recovery_secret *secrets, size_t count, struct bytes header, struct buffer *out);

/* The next entry of the recovery log as it has to be signed: one change. Nothing is written. RECOVERY_NONE: the association has no recovery keys. */
struct recovery_draft {
    struct buffer header, body;
    uint8_t salt[32];
};
CHECKED enum status recovery_draft(struct store *store, uint64_t kind, struct bytes payload, struct recovery_draft *out); /* recovery_draft_fini also after an error */
void recovery_draft_fini(struct recovery_draft *draft);
/* Inside the open transaction: takes a signed one; does not apply it. SIGNATURE_BAD, GAP (another entry has come meanwhile), MALFORMED. */
CHECKED enum status recovery_append(struct store *store, const struct recovery_draft *draft, struct bytes signature);
/* A revocation of a node as payload: its logs end where they are applied here. */
CHECKED enum status recovery_revocation(struct store *store, const struct node_id *node, struct buffer *payload);

/* A new root, in a directory without a store: from a backup of any office of the association, which gives what that office holds. Draws the node's keys, admits them by the recovery keys, and makes
 * the store the new node's. STORE_EXISTS, BACKUP_INVALID, RECOVERY_KEYS, RECOVERY_NONE, DISK_*, as of opening. A failure leaves at most the new key. */
struct recovering {
    const char *dir, *file;
    size_t secret_count;
    const struct recovery_secret *secrets;
};
struct recovered {
    struct node_id node;
    uint8_t transport_key[32];
};
CHECKED enum status store_recover(const struct recovering *recovering, struct recovered *out);

#endif
