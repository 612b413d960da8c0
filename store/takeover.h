/* Taking over, into one store, what only another one has: entries, bodies, and where both are the same node's its settings. Reads the other's database row by row and believes nothing that
 * does not verify: it may be the damaged one that a backup replaces. */
#ifndef STORE_TAKEOVER_H
#define STORE_TAKEOVER_H

#include "store/log.h"

struct takeover {
    int64_t taken, left; /* entries and bodies; entries whose author is not known here */
    bool unreadable;     /* the other could not be read to its end */
};
/* into: open, no transaction. from: the other's database, of any version; only read. Errors are those of `into`. */
CHECKED enum status takeover_entries(struct store *into, struct db *from, struct takeover *out);
/* Inside a transaction of `into`: settings, the level above, and tokens handed out. */
CHECKED enum status takeover_settings(struct store *into, struct db *from);

#endif
