#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>

static bool before(const struct event *a, const struct event *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void queue_add(struct world *world, struct event event, int64_t at) {
    if (world->event_count == world->event_capacity) {
        world->event_capacity = world->event_capacity == 0 ? 64 : 2 * world->event_capacity;
        world->events = reallocarray(world->events, world->event_capacity, sizeof world->events[0]);
        assert(world->events != NULL);
    }
    event.at = at;
    event.order = world->order++;
    size_t place = world->event_count++;
    while (place > 0 && before(&event, &world->events[(place - 1) / 2])) {
        world->events[place] = world->events[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    world->events[place] = event;
}

bool queue_take(struct world *world, struct event *out) {
    if (world->event_count == 0) {
        return false;
    }
    *out = world->events[0];
    struct event last = world->events[--world->event_count];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= world->event_count) {
            break;
        }
        if (child + 1 < world->event_count && before(&world->events[child + 1], &world->events[child])) {
            child++;
        }
        if (!before(&world->events[child], &last)) {
            break;
        }
        world->events[place] = world->events[child];
        place = child;
    }
    world->events[place] = last;
    return true;
}
