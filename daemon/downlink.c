#include "daemon/downlink.h"

#include "daemon/enrol.h"
#include "daemon/logger.h"
#include "store/os.h"

#include <stdlib.h>

enum {
    CHAINS = 4096,         /* power of two: of the table by key */
    LAST_WORD_MS = 3000,   /* so long a connection stays after its session has ended, so that the farewell can leave */
    JOINER_MS = 20 * 1000, /* a joiner may ask again over the same connection */
    TOLD_AT_ONCE = 64,     /* sessions that hear of a change in one call */
    TOLD_MS = 20           /* or in so much time: requests and messages have their turn in between */
};

/* One child: kept as long as there is room, so that its last contact is known; its session only while its connection stands. */
struct child {
    uint8_t key[32];
    struct peer peer;
    int fd;
    int64_t last_contact;
    uint8_t incarnation[8], replaced[8]; /* of the process behind its session; of the one whose place that took */
    bool returned;                       /* the replaced one has dialled again: it has still to say more than hello */
    bool twice;                          /* both have been proved alive: two copies of one directory run */
    struct child *chain;
    size_t place; /* in downlink.children */
};
struct downlink {
    struct driver *driver;
    struct guard *guard;
    struct enrol enrol;
    int64_t guard_ms, due_ms;
    size_t count, max, cursor, waiting; /* cursor: who hears of a change next; waiting: how many still must */
    uint64_t version;                   /* of the store, when telling last began */
    uint64_t seed;                      /* keys are chosen by strangers: where they fall in the table is not theirs to know */
    struct child *chains[CHAINS];
    struct child **children;
};

enum status downlink_open(struct downlink **out, struct driver *driver, size_t connections_max) {
    struct downlink *downlink = *out = calloc(1, sizeof *downlink);
    if (downlink == NULL) {
        return STATUS_NO_MEMORY;
    }
    downlink->driver = driver;
    downlink->max = connections_max;
    downlink->due_ms = downlink->guard_ms = INT64_MAX;
    downlink->version = store_version(driver->store);
    os_random(&downlink->seed, sizeof downlink->seed);
    downlink->children = calloc(connections_max, sizeof(struct child *));
    if (downlink->children == NULL || guard_open(&downlink->guard, connections_max) != STATUS_OK) {
        downlink_close(downlink);
        *out = NULL;
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void downlink_close(struct downlink *downlink) {
    if (downlink == NULL) {
        return;
    }
    for (size_t i = 0; i < downlink->count; i++) {
        driver_drop(downlink->driver, &downlink->children[i]->peer);
        free(downlink->children[i]);
    }
    guard_close(downlink->guard);
    free(downlink->children);
    free(downlink);
}

/* ---- children by key ---- */

static struct child **chain_of(struct downlink *downlink, const uint8_t key[32]) {
    uint64_t part;
    memcpy(&part, key, sizeof part);
    part = (part ^ downlink->seed) * UINT64_C(0x9E3779B97F4A7C15);
    return &downlink->chains[part >> 52 & (CHAINS - 1)];
}

static struct child *find(struct downlink *downlink, const uint8_t key[32]) {
    struct child *child = *chain_of(downlink, key);
    while (child != NULL && memcmp(child->key, key, 32) != 0) {
        child = child->chain;
    }
    return child;
}

static void forget(struct downlink *downlink, struct child *child) {
    struct child **link = chain_of(downlink, child->key);
    while (*link != child) {
        link = &(*link)->chain;
    }
    *link = child->chain;
    struct child *last = downlink->children[--downlink->count];
    downlink->children[child->place] = last;
    last->place = child->place;
    driver_drop(downlink->driver, &child->peer);
    free(child);
}

/* The child heard longest ago, one without a session first. */
static struct child *least_needed(struct downlink *downlink) {
    struct child *least = downlink->children[0];
    for (size_t i = 1; i < downlink->count; i++) {
        struct child *child = downlink->children[i];
        bool idle = child->peer.session == NULL, least_idle = least->peer.session == NULL;
        if (idle != least_idle ? idle : child->last_contact < least->last_contact) {
            least = child;
        }
    }
    return least;
}

static struct child *find_or_add(struct downlink *downlink, const uint8_t key[32]) {
    struct child *child = find(downlink, key);
    if (child != NULL) {
        return child;
    }
    child = calloc(1, sizeof *child);
    if (child == NULL) {
        return NULL;
    }
    if (downlink->count == downlink->max) {
        forget(downlink, least_needed(downlink));
    }
    memcpy(child->key, key, 32);
    child->fd = -1;
    child->peer.tick_ms = child->peer.retry_ms = INT64_MAX;
    child->place = downlink->count;
    downlink->children[downlink->count++] = child;
    struct child **chain = chain_of(downlink, key);
    child->chain = *chain;
    *chain = child;
    return child;
}

bool downlink_admit(void *arg, const uint8_t key[32]) {
    const struct downlink *downlink = arg;
    return !guard_denied(downlink->guard, key, os_monotonic_ms());
}

int64_t downlink_contact(const struct downlink *downlink, const struct node_id *node) {
    int64_t contact = 0;
    for (size_t i = 0; i < downlink->count; i++) {
        const struct child *child = downlink->children[i];
        if (ID_EQUAL(&child->peer.node, node)) {
            int64_t heard = child->peer.session != NULL ? os_time() : child->last_contact; /* heartbeats prove a line that stands; they are not told to us */
            contact = heard > contact ? heard : contact;
        }
    }
    return contact;
}

bool downlink_twice(const struct downlink *downlink, const struct node_id *node) {
    for (size_t i = 0; i < downlink->count; i++) {
        if (downlink->children[i]->twice && ID_EQUAL(&downlink->children[i]->peer.node, node)) {
            return true;
        }
    }
    return false;
}

/* ---- the guard's time ---- */

static void look_by(struct downlink *downlink, int64_t due_ms) {
    downlink->guard_ms = due_ms < downlink->guard_ms ? due_ms : downlink->guard_ms;
}

static void end_connection(struct downlink *downlink, int fd, int64_t now_ms, int64_t delay_ms) {
    guard_end(downlink->guard, fd, now_ms, delay_ms);
    look_by(downlink, now_ms + delay_ms);
}

/* ---- messages ---- */

static void set_due(struct downlink *downlink, const struct child *child) {
    int64_t due = driver_due(&child->peer);
    downlink->due_ms = due < downlink->due_ms ? due : downlink->due_ms;
}

/* Not admitted, or broke the rules below any session: a word, then the connection ends. */
static void turn_away(struct downlink *downlink, const struct link_event *event, unsigned reason, const char *why, int64_t now_ms) {
    logger_line(LOGGER_WARN, "message_refused", "reason=%s", why);
    driver_bye(downlink->driver, &event->route, reason);
    end_connection(downlink, event->fd, now_ms, LAST_WORD_MS);
}

/* The session is over: the child dials again when it has something to say. */
static void part_with(struct downlink *downlink, struct child *child, int64_t now_ms) {
    driver_drop(downlink->driver, &child->peer);
    end_connection(downlink, child->fd, now_ms, LAST_WORD_MS);
    child->fd = -1;
}

/* Every start of a daemon draws an incarnation. One that another had replaced, and that comes back, was never dead: one directory runs on two PCs. A hello
 * alone may have been on its way for long, what answers ours was not. From then on the one that has a session keeps it, and the other is refused; which of the
 * two is the office, only people know. */
static void notice_incarnation(struct child *child, const struct link_event *event) {
    struct hello hello;
    if (hello_decode(&hello, event->message) != STATUS_OK || memcmp(hello.incarnation, child->incarnation, sizeof child->incarnation) == 0) {
        return;
    }
    child->returned = memcmp(hello.incarnation, child->replaced, sizeof child->replaced) == 0;
    memcpy(child->replaced, child->incarnation, sizeof child->replaced);
    memcpy(child->incarnation, hello.incarnation, sizeof child->incarnation);
}

static bool is_the_other(const struct child *child, const struct link_event *event) {
    struct hello hello;
    return child->twice && child->peer.session != NULL && hello_decode(&hello, event->message) == STATUS_OK &&
           memcmp(hello.incarnation, child->incarnation, sizeof child->incarnation) != 0;
}

static void notice_twice(struct child *child) {
    if (child->returned) {
        child->returned = false;
        child->twice = true;
        logger_line(LOGGER_WARN, "child_twice", "node=%s unit=%s next=hoi_node_rotate_where_it_goes_on", logger_hex(child->peer.node.b).text,
                    logger_hex(child->peer.unit.b).text);
    }
}

/* A hello over a connection that the child's session is not on: the child has dialled anew, the old connection is dead or a copy of its key is at work. */
static bool begin(struct downlink *downlink, struct child *child, const struct link_event *event, int64_t now_ms) {
    if (child->peer.session != NULL) {
        logger_line(LOGGER_INFO, "child_replaced", "node=%s", logger_hex(child->peer.node.b).text);
        if (child->fd != event->fd) {
            end_connection(downlink, child->fd, now_ms, 0);
        }
    }
    child->peer.route = event->route;
    child->fd = event->fd;
    enum status status = driver_begin(downlink->driver, &child->peer, now_ms);
    if (status != STATUS_OK) {
        turn_away(downlink, event, BYE_BUSY, status_name(status), now_ms);
        return false;
    }
    logger_line(LOGGER_INFO, "child_up", "node=%s unit=%s", logger_hex(child->peer.node.b).text, logger_hex(child->peer.unit.b).text);
    return true;
}

static void admitted_message(struct downlink *downlink, const struct link_event *event, const struct node_id *node, const struct unit_id *unit,
                             int64_t now_ms) {
    struct child *child = find_or_add(downlink, event->key);
    if (child == NULL) {
        turn_away(downlink, event, BYE_BUSY, "no_memory", now_ms);
        return;
    }
    child->peer.node = *node;
    child->last_contact = os_time();
    bool same = child->peer.session != NULL && memcmp(&child->peer.route, &event->route, sizeof event->route) == 0;
    if (same && !ID_EQUAL(&child->peer.unit, unit)) {
        same = false; /* the session was opened for another unit than the node acts for now: it begins anew */
        driver_drop(downlink->driver, &child->peer);
    }
    child->peer.unit = *unit;
    if (!same && message_type(event->message) != MESSAGE_HELLO) {
        /* What a replaced or forgotten session left on the way. The other side begins anew when told. */
        driver_bye(downlink->driver, &event->route, BYE_CLOSING);
        end_connection(downlink, event->fd, now_ms, LAST_WORD_MS);
        return;
    }
    if (message_type(event->message) == MESSAGE_HELLO) {
        if (is_the_other(child, event)) {
            turn_away(downlink, event, BYE_BUSY, "copy_of_a_node", now_ms);
            return;
        }
        notice_incarnation(child, event);
    } else {
        notice_twice(child);
    }
    if (!same && !begin(downlink, child, event, now_ms)) {
        return;
    }
    if (!driver_message(downlink->driver, &child->peer, event->message, now_ms, NULL)) {
        part_with(downlink, child, now_ms);
        return;
    }
    set_due(downlink, child);
}

/* Who the peer says it is: in this hello, or as its session has it. */
static struct node_id claim_of(struct downlink *downlink, const struct link_event *event) {
    struct hello hello;
    const struct child *child = find(downlink, event->key);
    if (message_type(event->message) == MESSAGE_HELLO && hello_decode(&hello, event->message) == STATUS_OK) {
        return hello.node;
    }
    return child != NULL ? child->peer.node : (struct node_id){{0}};
}

static void message(struct downlink *downlink, const struct link_event *event, int64_t now_ms) {
    struct node_id node;
    struct unit_id unit;
    if (event->malformed) {
        struct child *child = find(downlink, event->key);
        if (child != NULL && memcmp(&child->peer.route, &event->route, sizeof event->route) == 0) {
            part_with(downlink, child, now_ms);
        }
        turn_away(downlink, event, BYE_PROTOCOL, "malformed", now_ms);
        return;
    }
    struct node_id claimed = claim_of(downlink, event);
    enum status status = store_peer(downlink->driver->store, event->key, &claimed, &node, &unit);
    bool admitted = status == STATUS_OK;
    guard_heard(downlink->guard, event, admitted);
    if (message_type(event->message) == MESSAGE_JOIN) { /* an admitted key may ask again: the answer may have been lost */
        bool enrolled = enrol_serve(&downlink->enrol, downlink->driver, event, now_ms);
        /* Without a session the connection goes, whoever's it is: else one key could hold all there are. */
        const struct child *child = find(downlink, event->key);
        if (child == NULL || child->peer.session == NULL || child->fd != event->fd) {
            end_connection(downlink, event->fd, now_ms, enrolled && !admitted ? JOINER_MS : LAST_WORD_MS);
        }
        return;
    }
    if (admitted) {
        admitted_message(downlink, event, &node, &unit, now_ms);
        return;
    }
    if (status == STATUS_DISK_ERROR || status == STATUS_STORE_DAMAGED) {
        logger_line(LOGGER_ERROR, "store_failed", "status=%s number=%d", status_name(status), (int)status);
        downlink->driver->fatal = status;
    }
    struct child *child = find(downlink, event->key);
    if (child != NULL) { /* it was admitted and is no longer */
        part_with(downlink, child, now_ms);
    }
    turn_away(downlink, event, BYE_NOT_ADMITTED, "not_admitted", now_ms);
}

void downlink_event(struct downlink *downlink, const struct link_event *event, int64_t now_ms) {
    struct link_route route;
    uint8_t key[32];
    if (event->kind == LINK_CHILD_ACCEPTED) {
        guard_accepted(downlink->guard, event->fd, now_ms);
        look_by(downlink, now_ms);
    } else if (event->kind == LINK_CHILD_MESSAGE) {
        message(downlink, event, now_ms);
    } else if (event->kind == LINK_CHILD_GONE && guard_gone(downlink->guard, event->fd, &route, key)) {
        struct child *child = find(downlink, key);
        if (child != NULL && memcmp(&child->peer.route, &route, sizeof route) == 0 && child->peer.session != NULL) {
            logger_line(LOGGER_INFO, "child_down", "node=%s", logger_hex(child->peer.node.b).text);
            driver_drop(downlink->driver, &child->peer);
            child->fd = -1;
            child->last_contact = os_time();
        }
    }
}

int downlink_traffic_fd(const struct downlink *downlink) {
    return guard_traffic_fd(downlink->guard);
}

void downlink_traffic(struct downlink *downlink, int64_t now_ms) {
    look_by(downlink, guard_traffic(downlink->guard, now_ms));
}

/* ---- time and change ---- */

/* A session goes on only while its node is admitted: what is pushed to it must not outlive its admission by one entry. */
static bool still_admitted(struct downlink *downlink, const struct child *child) {
    struct node_id node;
    struct unit_id unit;
    return store_peer(downlink->driver->store, child->key, &child->peer.node, &node, &unit) == STATUS_OK && ID_EQUAL(&unit, &child->peer.unit);
}

static void tell(struct downlink *downlink, struct child *child, int64_t now_ms) {
    if (child->peer.session == NULL) {
        return;
    }
    if (!still_admitted(downlink, child)) {
        logger_line(LOGGER_WARN, "child_shut_out", "node=%s", logger_hex(child->peer.node.b).text);
        driver_bye(downlink->driver, &child->peer.route, BYE_NOT_ADMITTED);
        part_with(downlink, child, now_ms);
    } else if (!driver_changed(downlink->driver, &child->peer, now_ms)) {
        part_with(downlink, child, now_ms);
    } else {
        set_due(downlink, child);
    }
}

/* Goes round the children, a bounded part in a call. A change during a round begins another round after it: each session hears of many changes at once. */
static bool tell_some(struct downlink *downlink, int64_t now_ms) {
    uint64_t version = store_version(downlink->driver->store);
    if (downlink->waiting == 0 && downlink->version != version) {
        downlink->version = version;
        downlink->waiting = downlink->count;
    }
    int64_t end_ms = now_ms + TOLD_MS;
    for (int told = 0; downlink->waiting > 0 && told < TOLD_AT_ONCE && os_monotonic_ms() < end_ms; told++) {
        if (downlink->count == 0) {
            downlink->waiting = 0;
            break;
        }
        downlink->cursor = (downlink->cursor + 1) % downlink->count;
        tell(downlink, downlink->children[downlink->cursor], now_ms);
        downlink->waiting--;
    }
    return downlink->waiting > 0 || downlink->version != store_version(downlink->driver->store);
}

int64_t downlink_tick(struct downlink *downlink, int64_t now_ms) {
    bool more = tell_some(downlink, now_ms);
    if (now_ms >= downlink->due_ms) {
        downlink->due_ms = INT64_MAX;
        for (size_t i = 0; i < downlink->count; i++) {
            struct child *child = downlink->children[i];
            if (child->peer.session != NULL && !driver_tick(downlink->driver, &child->peer, now_ms)) {
                part_with(downlink, child, now_ms);
            }
            set_due(downlink, child);
        }
    }
    look_by(downlink, guard_trim_due(downlink->guard, now_ms));
    if (now_ms >= downlink->guard_ms) {
        downlink->guard_ms = guard_tick(downlink->guard, now_ms);
    }
    int64_t due = downlink->due_ms < downlink->guard_ms ? downlink->due_ms : downlink->guard_ms;
    return more ? now_ms : due;
}
