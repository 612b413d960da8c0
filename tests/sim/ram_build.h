/* Building blocks for associations in RAM: keys, a founding statement, the control bodies by which units and nodes come to be. */
#ifndef SIM_RAM_BUILD_H
#define SIM_RAM_BUILD_H

#include "tests/sim/ram_replica.h"
#include "tests/sim/random.h"

void ram_build_keys(struct node_keys *out, struct random *random);
/* statement receives the bytes that founding borrows from. */
void ram_build_founding(struct founding *founding, struct buffer *statement, const struct node_keys *keys, struct random *random);

/* A node to be admitted by the node of `inviter`: of a new unit right below its own, or a second one of its own unit. */
struct newcomer {
    struct node_keys keys;
    struct node_id node;
    struct admission admission;
    bool second;
    uint8_t nonce[16];          /* of the body that holds the unit's creation */
    struct buffer unit_payload; /* empty for a second node */
    struct buffer admission_payload;
};
struct newcomer *ram_build_newcomer(const struct ram_replica *inviter, bool second, struct random *random);
void ram_build_newcomer_free(struct newcomer *newcomer);
/* The bodies of the entries that admit it, one (all in one) or two (the unit first): their number. */
size_t ram_build_bodies(const struct newcomer *newcomer, bool apart, struct random *random, struct buffer bodies[2]);

#endif
