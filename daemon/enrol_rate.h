/* How many joins are looked at: of one key, from one address, and in all. Owns three kinds of buckets that fill with time. Knows no socket, clock or store: who
 * asks, and when, comes in.
 *
 * What is refused for being too many is refused as "busy", and the joiner tries again: so a meeting at which a province enrols its communes through one line
 * takes a little longer, and who tries tokens gets nowhere: a secret has 80 bits. */
#ifndef DAEMON_ENROL_RATE_H
#define DAEMON_ENROL_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ENROL_RATE_KEY_BURST = 16, /* a joiner asks twice a second while the line is bad or we are busy */
    ENROL_RATE_KEY_SECOND = 1,
    ENROL_RATE_ADDRESS_BURST = 64, /* the communes of a district, at one table, behind one address */
    ENROL_RATE_ADDRESS_SECOND = 5,
    ENROL_RATE_ALL_BURST = 256, /* a province that enrols its communes in one meeting */
    ENROL_RATE_ALL_SECOND = 50, /* a wrong token costs a look into a table, and its sender a new connection */
    ENROL_RATE_SLOTS = 1024     /* keys and addresses that share one share its bucket: rare, as who asks cannot know where it falls */
};

/* level: thousandths of a join */
struct enrol_bucket {
    int64_t since_ms;
    uint32_t level;
    bool begun;
};
struct enrol_rate {
    uint64_t seed; /* random, from the owner, before the first call; the rest zero */
    struct enrol_bucket all, keys[ENROL_RATE_SLOTS], addresses[ENROL_RATE_SLOTS];
};
struct enrol_asker {
    uint8_t key[32];
    bool address_known;
    uint8_t address[8]; /* an IPv4 address, or the part of an IPv6 one that names a network */
};
/* May this join be looked at now? Counts it if so. now_ms never goes back. */
bool enrol_rate_take(struct enrol_rate *rate, const struct enrol_asker *asker, int64_t now_ms);

#endif
