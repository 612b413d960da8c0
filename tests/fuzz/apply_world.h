/* The association in which the target `apply` plays: a root, whose store it is, a province and a commune below it, six nodes whose keys everybody here has. Two
 * of the nodes are admitted from the beginning, the others are when somebody writes it. */
#ifndef TESTS_FUZZ_APPLY_WORLD_H
#define TESTS_FUZZ_APPLY_WORLD_H

#include "protocol/put.h"
#include "store/internal.h"
#include "tests/disk/disk.h"

enum { AUTHORS = 6, ADMITTED = 2, UNITS_FIRST = 3, WORLD_UNITS_MAX = 24, VERSIONS_MAX = 16, ENTRIES_MAX = 24 };

struct author {
    struct node_keys keys;
    struct node_id node;
    struct admission admission;
};

/* One entry as its author signed it. */
struct fuzz_entry {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    struct buffer header, body;
    uint8_t signature[64], salt[SALT_BYTES];
    bool late; /* its body comes after everything else */
};

struct apply_world {
    struct disk *pristine, *disks[2];
    struct founding founding;
    struct buffer statement;
    struct author authors[AUTHORS];
    /* What inputs may speak of; those past the first are forgotten with the input. */
    struct unit_id units[WORLD_UNITS_MAX];
    size_t unit_count;
    struct hash versions[VERSIONS_MAX];
    size_t version_count, version_first;
    struct fuzz_entry entries[ENTRIES_MAX];
    size_t entry_count;
    struct header *header; /* scratch */
};

/* Made once and kept; begins every input as it was made. */
struct apply_world *apply_world(void);

/* Signs the changes of one entry by what the bytes say, taking them from *in. False: there is no room for more. */
bool apply_world_write(struct apply_world *world, struct bytes *in);

#endif
