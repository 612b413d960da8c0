/* The file that holds a node's secret halves, DIR/node.key: made once, never changed. Knows nothing of what the keys are for.
 *
 * Text, so that a person can copy it: a line naming the algorithms, the key number (from the public halves: another key is told from a damaged one), the two seeds in hex,
 * and a checksum over the lines before. */
#ifndef STORE_KEY_FILE_H
#define STORE_KEY_FILE_H

#include "protocol/codec.h"
#include "protocol/keys.h"

/* Draws new keys and writes them durably (0600, never over an existing file). STORE_EXISTS, PERMISSION, DISK_FULL, DISK_ERROR, NO_MEMORY; *out is wiped then. */
CHECKED enum status key_file_make(const char *path, struct node_keys *out);
/* Writes keys that came from elsewhere (an exported key) in the same way. The same errors; keys stay as they are. */
CHECKED enum status key_file_put(const char *path, const struct node_keys *keys);
/* NOT_FOUND; KEY_UNSAFE (a link, a file of two names, another owner, others may do something with it or with its directory); KEY_DAMAGED; NO_MEMORY, DISK_ERROR. *out is wiped after
 * an error. What is loaded has signed and verified once: only the seeds are in the file, all else is derived. */
CHECKED enum status key_file_load(const char *path, struct node_keys *out);
/* The keys that the service manager handed over, where it did: the same text under this name in $CREDENTIALS_DIRECTORY. NOT_FOUND: it did not; else as key_file_load. */
#define KEY_FILE_CREDENTIAL "hoi.node.key"
CHECKED enum status key_file_handed(struct node_keys *out);

/* The text by itself, for a key that is kept in another wrapping. The caller wipes it. KEY_DAMAGED; *out is wiped after an error. */
CHECKED enum status key_file_text(struct buffer *out, const struct node_keys *keys);
CHECKED enum status key_file_parse(struct bytes text, struct node_keys *out);

/* Room for keys outside of core dumps and swap as far as the system lets us; NULL without memory. key_file_release wipes; NULL is harmless. */
struct node_keys *key_file_room(void);
void key_file_release(struct node_keys *keys);

#endif
