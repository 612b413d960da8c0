/* Whether jansson had all the memory it asked for. Most of its calls that fail leave out what they should have added, and those who build an answer need not
 * look at each: whether anything at all was left out is asked once, before the answer counts. Knows nothing of what is built. */
#ifndef STORE_JSON_MEMORY_H
#define STORE_JSON_MEMORY_H

#include <stdbool.h>

/* From now on jansson's requests for memory are watched. What was allocated before stays good. */
void json_memory_watch(void);
/* Has one failed since? */
bool json_memory_missed(void);
/* As if one had: for what else an answer was to be made of. */
void json_memory_miss(void);

#endif
