/* The file that holds a node's secret halves, DIR/node.key: made once, never changed. Knows nothing of what the keys are for.
 *
 * Text, so that a person can copy it: a line naming the algorithms, the key number (from the public halves: another key is told from a damaged one), the two seeds in hex,
 * and a checksum over the lines before. */
#ifndef STORE_KEY_FILE_H
#define STORE_KEY_FILE_H

#include "protocol/keys.h"

/* Draws new keys and writes them durably (0600, never over an existing file). STORE_EXISTS, PERMISSION, DISK_FULL, DISK_ERROR, NO_MEMORY; *out is wiped then. */
CHECKED enum status key_file_make(const char *path, struct node_keys *out);
/* NOT_FOUND; KEY_UNSAFE (a link, another owner, readable by others); KEY_DAMAGED; NO_MEMORY, DISK_ERROR. *out is wiped after an error. */
CHECKED enum status key_file_load(const char *path, struct node_keys *out);

/* Room for keys outside of core dumps and swap as far as the system lets us; NULL without memory. key_file_release wipes; NULL is harmless. */
struct node_keys *key_file_room(void);
void key_file_release(struct node_keys *keys);

#endif
