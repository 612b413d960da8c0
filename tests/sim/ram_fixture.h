/* The smallest association that the engine's unit tests need: a root office, a commune below it, room for a third node, and a link from commune (A) to root
 * (B). */
#ifndef SIM_RAM_FIXTURE_H
#define SIM_RAM_FIXTURE_H

#include "tests/sim/ram_pair.h"

struct fixture {
    struct random random;
    struct founding founding;
    struct buffer statement;
    struct ram_replica root, commune, third; /* third: empty until admitted */
    struct pair pair;
};

struct fixture *fixture_new(void); /* the commune is admitted by the root and knows nothing but its line */
void fixture_free(struct fixture *fixture);

/* One entry of random bytes; draft's node, salt and body are filled in. */
void fixture_write(struct fixture *fixture, struct ram_replica *ram, struct ram_draft draft, size_t bytes);
void fixture_write_record(struct fixture *fixture, struct ram_replica *ram, size_t bytes, uint8_t reach); /* in its report log, about its own unit */
void fixture_write_document(struct fixture *fixture, struct ram_replica *ram, const struct unit_id *to, size_t bytes);
/* The inviter admits a node (of a new unit below, or a second one of its own), which gets an empty replica. */
void fixture_admit(struct fixture *fixture, struct ram_replica *inviter, bool second, struct ram_replica *out);
void fixture_connect(struct fixture *fixture); /* drops the link there may be */
struct ram_entry *fixture_held(struct ram_replica *ram, const struct ram_replica *author, uint8_t kind, uint64_t seq);

#endif
