/* The simulator's own random numbers: xoshiro256** seeded by splitmix64, the same on every machine. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t s[4];
};

static inline void random_init(struct random *random, uint64_t seed) {
    for (size_t i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        random->s[i] = z ^ z >> 31;
    }
}

static inline uint64_t random_next(struct random *random) {
    uint64_t *s = random->s, middle = s[1] * 5, result = (middle << 7 | middle >> 57) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

/* A number from 0 to below `below`. */
static inline uint64_t random_below(struct random *random, uint64_t below) {
    return random_next(random) % below;
}
static inline int64_t random_between(struct random *random, int64_t low, int64_t high) {
    return low + (int64_t)random_below(random, (uint64_t)(high - low + 1));
}
static inline bool random_chance(struct random *random, unsigned permille) {
    return random_below(random, 1000) < permille;
}
static inline void random_fill(struct random *random, void *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)random_next(random);
    }
}

#endif
