/* Two replicas in RAM and one link between them, A (dialling) and B, for small situations: what is sent stands in a transcript, a line a message:
 *
 *   A hello           B receipts r2            directive entry 1 with its body, 2 without, a part of report
 *   A entries d1+ d2 r3@4096                   body 3 from byte 4096
 *   B refused r1:2    (log kind and seq, reason) */
#ifndef SIM_RAM_PAIR_H
#define SIM_RAM_PAIR_H

#include "protocol/session.h"
#include "tests/sim/ram_build.h"

enum { PAIR_QUEUE_MAX = 512 };

struct pair {
    struct ram_replica *ram[2];
    struct session *session[2];
    struct buffer queue[2][PAIR_QUEUE_MAX]; /* on the way to each side */
    size_t first[2], count[2];
    bool held[2]; /* what is on the way to that side stays there */
    bool closed[2];
    enum status reason[2];
    enum status disk[2];         /* what persisting gives */
    size_t runs[2];              /* times that a step asked for something to be made durable */
    int64_t now, wait[2], delay; /* delay: ms that delivering one message takes */
    uint64_t bytes[2];           /* sent by each */
    char transcript[16384];
};

void pair_open(struct pair *pair, struct ram_replica *a, struct ram_replica *b); /* and starts both */
void pair_open_sized(struct pair *pair, struct ram_replica *a, struct ram_replica *b, uint32_t window, uint32_t message_max);
void pair_close(struct pair *pair);
void pair_event(struct pair *pair, unsigned side, uint8_t kind);
void pair_message(struct pair *pair, unsigned side, struct bytes message); /* as if it had come from the other side */
bool pair_deliver(struct pair *pair, unsigned side);                       /* one message; false: none */
void pair_run(struct pair *pair);                                          /* until nothing is under way */
void pair_wait(struct pair *pair, int64_t ms);                             /* time passes: ticks come when they were asked for */
void pair_forget(struct pair *pair);                                       /* the transcript */

#endif
