/* Bugs planted on purpose, to see that the tests find them. In every build but that of the CMake option HOI_PLANTED, PLANTED is the constant 0 and leaves no
 * code behind; there, the environment variable HOI_PLANTED, read once, names the one bug that is awake. Knows none of the names: each stands where its bug
 * does, and in tests/planted/bugs.csv beside the test that finds it. */
#ifndef PROTOCOL_PLANTED_H
#define PROTOCOL_PLANTED_H

#ifdef HOI_PLANTED

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool planted_awake(const char *name) {
    static const char *chosen;
    if (chosen == NULL) {
        chosen = getenv("HOI_PLANTED");
        chosen = chosen == NULL ? "" : chosen;
    }
    return *chosen != 0 && strcmp(chosen, name) == 0;
}
#define PLANTED(name) planted_awake(name)

#else

#define PLANTED(name) 0

#endif

#endif
