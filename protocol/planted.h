/* Bugs planted on purpose, to see that the tests find them. In every build but that of the CMake option HOI_PLANTED, PLANTED is the constant 0 and leaves no
 * code behind; there, the environment variable HOI_PLANTED names the one bug that is awake. Knows none of the names: each stands where its bug does. */
#ifndef PROTOCOL_PLANTED_H
#define PROTOCOL_PLANTED_H

#ifdef HOI_PLANTED

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool planted_awake(const char *name) {
    const char *chosen = getenv("HOI_PLANTED");
    return chosen != NULL && strcmp(chosen, name) == 0;
}
#define PLANTED(name) planted_awake(name)

#else

#define PLANTED(name) 0

#endif

#endif
