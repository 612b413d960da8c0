/* The running daemon: opens store, wire and control socket, turns one event loop until told to end, and puts everything away in order. */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop_options {
    const char *dir;
    const char *listen, *uplink; /* instead of the settings; NULL: the settings hold */
    bool once;                   /* talk to the level above until in step, listen to nobody below, end */
    int64_t wait_s;              /* with once: how long to try */
    size_t connections_max;
};
/* The exit status: 0 ended as asked, 1 refused, 3 nobody answered in time or the store is in use, 4 store or disk failed. */
int loop_run(const struct loop_options *options);

#endif
