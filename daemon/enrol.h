/* The enrolment lane: the only thing that a key nobody knows can reach. One bounded message in, one answer out, at a bounded rate. */
#ifndef DAEMON_ENROL_H
#define DAEMON_ENROL_H

#include "daemon/driver.h"
#include "daemon/enrol_rate.h"

struct enrol {
    bool begun;
    struct enrol_rate rate;
};

/* Serves a `join` message that came with key; its answer goes back the same way. Malformed ones, and more than the lane takes, are refused. False: refused. */
bool enrol_serve(struct enrol *enrol, struct driver *driver, const struct link_event *event, int64_t now_ms);

#endif
