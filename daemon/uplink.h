/* The link to the level above: which address is dialled when, with what back-off, and the session over it. Owns that schedule. Knows the driver and the wire. */
#ifndef DAEMON_UPLINK_H
#define DAEMON_UPLINK_H

#include "daemon/driver.h"
#include "daemon/guard.h"

enum uplink_state { UPLINK_NONE, UPLINK_WAITING, UPLINK_CONNECTING, UPLINK_CONNECTED, UPLINK_REFUSED };

struct uplink {
    struct driver *driver;
    const char *address_given; /* from the command line: instead of the store's; NULL: none */
    enum uplink_state state;
    size_t place, count;       /* of the address dialled now or next; how many there are */
    size_t tries;              /* dialled so often while the level above may have a new key */
    char address[LINK_ADDRESS_BYTES];
    int64_t due_ms;            /* WAITING, REFUSED: dial then; CONNECTING: give up then */
    int64_t since_ms;          /* CONNECTED: since when */
    int64_t delay_ms;          /* the last back-off, before jitter */
    int64_t last_contact;      /* seconds since 1970; 0: never since the start */
    int64_t asked_ms;          /* when the peer was asked whether it is there, and has not answered so far; 0: it was not */
    struct peer peer;
    struct guard *guard;       /* over the one connection: what the level above may make us hold is bounded as well */
    int fd;                    /* of that connection; -1: none is known */
    int64_t guard_ms;          /* when the guard is to look next */
};

/* Nothing is dialled yet: the first uplink_tick does. A random part of start_delay_ms passes before it, so that a district does not dial as one when power
 * returns. NO_MEMORY. */
CHECKED enum status uplink_init(struct uplink *uplink, struct driver *driver, const char *address_given, int64_t start_delay_ms, int64_t now_ms);
/* Events of the wire that are the uplink's. */
void uplink_event(struct uplink *uplink, const struct link_event *event, int64_t now_ms);
/* Does what is due; gives the time of the next call (INT64_MAX: none). */
int64_t uplink_tick(struct uplink *uplink, int64_t now_ms);
/* The store has changed (or not: then nothing happens). */
void uplink_changed(struct uplink *uplink, int64_t now_ms);
/* Somebody asks for contact now, or a setting changed: back-off is forgotten, a waiting link dials at once, a standing one proves that it stands: the peer is asked.
 * NO_UPLINK. */
CHECKED enum status uplink_wake(struct uplink *uplink, int64_t now_ms);
/* Somebody waits for the link to be in step: an exchange that has fallen silent is probed, well before heartbeats would tell. */
void uplink_watch(struct uplink *uplink, int64_t now_ms);
/* Is the session open and in step, as far as is known since the last wake? */
bool uplink_in_step(const struct uplink *uplink);
/* Was the last try refused by the level above? */
bool uplink_refused(const struct uplink *uplink);
/* For `status`: an array of {"address","state","last_contact"}, a new reference; NULL: memory is out. */
json_t *uplink_report(const struct uplink *uplink);
/* Readable when bytes have come: then uplink_traffic. -1: it need not be waited for. */
int uplink_traffic_fd(const struct uplink *uplink);
void uplink_traffic(struct uplink *uplink, int64_t now_ms);
/* Says farewell and hangs up. */
void uplink_stop(struct uplink *uplink, int64_t now_ms);
/* After driver_drop of its peer. Harmless on one that is zero. */
void uplink_close(struct uplink *uplink);

#endif
