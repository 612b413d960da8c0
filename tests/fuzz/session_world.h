/* The association in which the session's target and its seeds play: always the same, so that a conversation recorded once is good for ever. And the form of an
 * input: a byte of flags, then frames, each a byte of kind, a length in two bytes, big-endian, and so many bytes. */
#ifndef TESTS_FUZZ_SESSION_WORLD_H
#define TESTS_FUZZ_SESSION_WORLD_H

#include "tests/sim/ram_fixture.h"

enum {
    WORLD_COMMUNE = 1, /* the session is the commune's, which dials; else the root's */
    WORLD_IN_STEP = 2, /* both had been in step before they wrote what the other lacks */
    WORLD_NARROW = 4,  /* the peer takes the smallest window and messages there are */
    WORLD_FLAGS = 8
};
enum frame_kind {
    FRAME_MESSAGE,  /* a message, as it stands */
    FRAME_RESIGNED, /* entries and receipts in it hashed and signed anew: what a lawful key can say */
    FRAME_TIME,     /* the length in hundredths of a second passes */
    FRAME_APPEND,   /* this side writes a record of so many bytes; no bytes follow */
    FRAME_KINDS,
    FRAME_DISK_FULL = 16 /* added: what this frame would make durable fails */
};

/* Made once and kept; a session works on a copy of its replica. */
static inline struct fixture *session_world(bool in_step) {
    static struct fixture *worlds[2];
    if (worlds[in_step] == NULL) {
        struct fixture *fixture = fixture_new();
        fixture_write_record(fixture, &fixture->commune, 100, 0);
        if (in_step) {
            fixture_connect(fixture);
            pair_run(&fixture->pair);
            pair_close(&fixture->pair);
        }
        fixture_write_record(fixture, &fixture->commune, 50, REACH_PRIVATE);
        fixture_write_record(fixture, &fixture->commune, 7000, 0);
        fixture_write_document(fixture, &fixture->root, &fixture->commune.replica.unit, 90);
        fixture_admit(fixture, &fixture->root, false, &fixture->third);
        worlds[in_step] = fixture;
    }
    return worlds[in_step];
}

#endif
