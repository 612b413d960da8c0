#include "daemon/enrol_rate.h"

#include "protocol/planted.h"

#include <stddef.h>

enum { WHOLE = 1000 };

struct limit {
    struct enrol_bucket *bucket;
    uint32_t burst, per_second;
};

/* Fills by per_second, up to burst. */
static void fill(const struct limit *limit, int64_t now_ms) {
    struct enrol_bucket *bucket = limit->bucket;
    uint64_t full = (uint64_t)limit->burst * WHOLE, passed_ms = now_ms > bucket->since_ms ? (uint64_t)(now_ms - bucket->since_ms) : 0;
    uint64_t level = passed_ms >= full ? full : bucket->level + passed_ms * limit->per_second;
    bucket->level = (uint32_t)(!bucket->begun || level > full ? full : level);
    bucket->since_ms = now_ms;
    bucket->begun = true;
}

/* Where something falls among the slots: who asks chooses what it is, not where that is. */
static size_t slot_of(uint64_t seed, const uint8_t *bytes, size_t len) {
    uint64_t sum = seed;
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x9E3779B97F4A7C15);
        sum ^= sum >> 29;
    }
    return (size_t)(sum % ENROL_RATE_SLOTS);
}

bool enrol_rate_take(struct enrol_rate *rate, const struct enrol_asker *asker, int64_t now_ms) {
    const struct limit limits[] = {
        {&rate->all, ENROL_RATE_ALL_BURST, ENROL_RATE_ALL_SECOND},
        {&rate->keys[slot_of(rate->seed, asker->key, sizeof asker->key)], ENROL_RATE_KEY_BURST, ENROL_RATE_KEY_SECOND},
        {&rate->addresses[slot_of(rate->seed, asker->address, sizeof asker->address)], ENROL_RATE_ADDRESS_BURST, ENROL_RATE_ADDRESS_SECOND},
    };
    size_t count = asker->address_known ? 3 : 2;
    bool room = true;
    for (size_t i = 0; i < count; i++) {
        fill(&limits[i], now_ms);
        room = room && limits[i].bucket->level >= WHOLE;
    }
    for (size_t i = 0; i < count && room && !PLANTED("joins-without-limit"); i++) {
        limits[i].bucket->level -= WHOLE;
    }
    return room;
}
