/* A replica in RAM: what the engine asks a store for, without disk. It keeps what it is given in one step all or nothing, learns units and nodes from control
 * bodies, and signs its own receipts with real keys. */
#ifndef SIM_RAM_REPLICA_H
#define SIM_RAM_REPLICA_H

#include "protocol/replica.h"
#include "tests/sim/ram_tree.h"

struct ram_entry {
    uint64_t seq;
    struct hash hash;
    struct buffer header, signature, body, part;
    uint8_t salt[SALT_BYTES], part_salt[SALT_BYTES];
    bool has_body;
    struct body_facts facts;
    uint64_t judged; /* tree version at which `entitled` was found */
    bool entitled;
};
struct ram_log {
    struct log_id id;
    struct ram_entry *entries;
    size_t count, capacity;
    uint64_t version;
    bool receipt_due;
};
struct ram_receipt {
    struct receipt receipt;
    struct buffer bytes;
    uint8_t signature[64];
    uint64_t version;
};
struct ram_fork {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    struct buffer header, signature;
};

struct ram_replica {
    struct replica replica; /* what a session is opened with */
    struct node_keys keys;
    struct ram_tree tree;
    struct ram_log *logs;
    size_t log_count, log_capacity;
    struct ram_receipt *receipts; /* by log, then holder */
    size_t receipt_count, receipt_capacity;
    struct ram_fork *forks;
    size_t fork_count, fork_capacity;
    uint64_t version;
    bool control_came; /* since views were made */
    bool has_revoked;  /* set by a test: */
    struct node_id revoked;
    uint64_t room_seq; /* there is room for entries of the revoked node up to this one */
    uint64_t wants;    /* of each forked log an entry of that seq is wanted, if nothing is held there. It never comes to stand */
    bool beyond;       /* offers are taken, and what the peer claims without right is refuted */
    struct ram_fork *beside;
    size_t beside_count, beside_capacity;
    int64_t time;
    struct header *header; /* scratch */
};

/* line: the units above unit, as joining tells. founding and keys are copied by reference and by value. */
void ram_replica_init(struct ram_replica *ram, const struct founding *founding, const struct node_keys *keys, const struct node_id *self,
                      const struct unit_id *unit, const struct line *line);
void ram_replica_fini(struct ram_replica *ram);
void ram_replica_copy(struct ram_replica *out, const struct ram_replica *from); /* as a backup does; out is not initialised before */

/* All of the items, in order, then views and receipts. */
void ram_replica_persist(struct ram_replica *ram, const struct persist *items, size_t count);

/* One entry more in this node's own log, signed. */
struct ram_draft {
    struct log_id log;
    uint8_t cls, reach;
    size_t audience_count;
    struct term audience[4];
    struct bytes salt, body;
};
const struct ram_entry *ram_replica_append(struct ram_replica *ram, const struct ram_draft *draft);

struct ram_log *ram_replica_log(struct ram_replica *ram, const struct log_id *log); /* NULL: none */
struct ram_entry *ram_replica_entry(struct ram_replica *ram, const struct log_id *log, uint64_t seq);
struct ram_receipt *ram_replica_receipt(struct ram_replica *ram, const struct node_id *holder, const struct log_id *log);
struct fork_mark ram_replica_fork(struct ram_replica *ram, const struct ram_log *log); /* seq 0: none is known */
bool ram_replica_entitled(struct ram_replica *ram, struct ram_entry *entry); /* to the body */

extern const struct replica_ops ram_answers; /* ram_answers.c */

#endif
