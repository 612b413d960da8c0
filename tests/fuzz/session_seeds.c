/* Records what each side of a link hears in every world of session_world.h: session_seeds DIR writes DIR/session-FLAGS and DIR/session-FLAGS-resigned. */
#include "tests/fuzz/session_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS_MAX = 200 };

static void write_seed(const char *dir, unsigned flags, const struct buffer *frames, bool resigned) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/session-%u%s", dir, flags, resigned ? "-resigned" : "");
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputc((int)flags, file) == EOF || fwrite(frames->data, 1, frames->len, file) != frames->len || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void note(struct buffer *frames, bool resigned, struct bytes message) {
    uint8_t head[3] = {resigned ? FRAME_RESIGNED : FRAME_MESSAGE, (uint8_t)(message.len >> 8), (uint8_t)message.len};
    if (message.len > UINT16_MAX || buffer_append(frames, head, sizeof head) != STATUS_OK || buffer_append(frames, message.data, message.len) != STATUS_OK) {
        exit(1);
    }
}

/* The third's directive log, because of the root's first entry. */
static void note_offer(struct buffer *frames, bool resigned, struct fixture *world) {
    struct buffer items, message;
    const struct log_id root = world->root.logs[0].id;
    const struct item offer = {.kind = ITEM_OFFER,
                               .log = {.node = world->third.replica.self, .kind = LOG_DIRECTIVE},
                               .seq = 3,
                               .has_of = true,
                               .of = {.log = root, .seq = 1, .hash = hash_short(&world->root.logs[0].entries[0].hash)}};
    buffer_init(&items, RAW_BYTES_MAX);
    buffer_init(&message, MESSAGE_BYTES_MAX);
    if (item_encode(&offer, &items) != STATUS_OK || entries_encode(buffer_bytes(&items), 1, &message) != STATUS_OK) {
        exit(1);
    }
    note(frames, resigned, buffer_bytes(&message));
    buffer_fini(&items);
    buffer_fini(&message);
}

/* Everything that `side` (0: the commune) hears after the hello. */
static void record(unsigned flags, const char *dir, bool resigned) {
    struct fixture *world = session_world(flags);
    struct ram_replica copies[2];
    struct pair *pair = calloc(1, sizeof *pair);
    struct buffer frames;
    unsigned listener = (flags & WORLD_COMMUNE) != 0 ? 0 : 1;
    bool greeted = false, any = true;
    if (pair == NULL) {
        exit(1);
    }
    buffer_init(&frames, MESSAGE_BYTES_MAX);
    ram_replica_copy(&copies[0], &world->commune);
    ram_replica_copy(&copies[1], &world->root);
    for (unsigned side = 0; side < 2; side++) {
        copies[side].beyond = (flags & WORLD_TRUST) != 0;
        copies[side].wants = copies[side].beyond ? WORLD_WANTED : 0;
    }
    bool narrow = (flags & WORLD_NARROW) != 0;
    pair_open_sized(pair, &copies[0], &copies[1], narrow ? WINDOW_BYTES_LEAST : 0, narrow ? MESSAGE_BYTES_LEAST : 0);
    for (unsigned round = 0; any && round < ROUNDS_MAX; round++) {
        any = false;
        for (unsigned side = 0; side < 2; side++) {
            if (side == listener && pair->count[side] > 0) {
                if (greeted) {
                    note(&frames, resigned, buffer_bytes(&pair->queue[side][pair->first[side]]));
                }
                greeted = true;
            }
            any = pair_deliver(pair, side) || any;
        }
    }
    if ((flags & WORLD_TRUST) != 0) {
        note_offer(&frames, resigned, world);
    }
    write_seed(dir, flags, &frames, resigned);
    pair_close(pair);
    ram_replica_fini(&copies[0]);
    ram_replica_fini(&copies[1]);
    buffer_fini(&frames);
    free(pair);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "session_seeds DIR\n");
        return 2;
    }
    for (unsigned flags = 0; flags < WORLD_FLAGS; flags++) {
        if ((flags & (WORLD_NARROW | WORLD_TRUST)) != (WORLD_NARROW | WORLD_TRUST)) {
            record(flags, argv[1], false);
            record(flags, argv[1], true);
        }
    }
    for (unsigned flags = 0; flags < WORLD_FLAGS; flags++) {
        if ((flags & ~(unsigned)(WORLD_IN_STEP | WORLD_TRUST)) == 0) {
            fixture_free(session_world(flags));
        }
    }
    return 0;
}
