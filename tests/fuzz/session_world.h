/* The association in which the session's target and its seeds play: always the same, so that a conversation recorded once is good for ever. And the form of an
 * input: a byte of flags, then frames, each a byte of kind, a length in two bytes, big-endian, and so many bytes. */
#ifndef TESTS_FUZZ_SESSION_WORLD_H
#define TESTS_FUZZ_SESSION_WORLD_H

#include "tests/sim/ram_fixture.h"

enum {
    WORLD_COMMUNE = 1, /* the session is the commune's, which dials; else the root's */
    WORLD_IN_STEP = 2, /* both had been in step before they wrote what the other lacks */
    WORLD_NARROW = 4,  /* the peer takes the smallest window and messages there are */
    WORLD_TRUST = 8,   /* this side wants entries of forked logs up to WORLD_WANTED, takes what is offered, and refutes what is claimed */
    WORLD_WANTED = 5,
    WORLD_FLAGS = 16
};
enum frame_kind {
    FRAME_MESSAGE,  /* a message, as it stands */
    FRAME_RESIGNED, /* entries and receipts in it hashed and signed anew: what a lawful key can say */
    FRAME_TIME,     /* the length in hundredths of a second passes */
    FRAME_APPEND,   /* this side writes a record of so many bytes; no bytes follow */
    FRAME_KINDS,
    FRAME_DISK_FULL = 16 /* added: what this frame would make durable fails */
};

/* Of the commune's log the root has what somebody with its key wrote, from its second entry on. */
static inline void session_world_steal(struct fixture *fixture) {
    struct ram_replica copy;
    ram_replica_copy(&copy, &fixture->commune);
    fixture_write_record(fixture, &copy, 60, 0);
    fixture_write_record(fixture, &copy, 61, 0);
    for (size_t i = 0; i < copy.log_count; i++) {
        const struct ram_log *log = &copy.logs[i];
        for (size_t j = 0; j < log->count && log->id.kind == LOG_REPORT; j++) {
            const struct ram_entry *entry = &log->entries[j];
            struct persist item = {.kind = PERSIST_ENTRY, .log = log->id, .seq = entry->seq, .hash = entry->hash};
            item.entry =
                (struct entry){buffer_bytes(&entry->header), buffer_bytes(&entry->signature), bytes_of(entry->salt, SALT_BYTES), buffer_bytes(&entry->body)};
            if (ram_replica_entry(&fixture->root, &log->id, entry->seq) == NULL) {
                ram_replica_persist(&fixture->root, &item, 1);
            }
        }
    }
    ram_replica_fini(&copy);
}

/* Made once and kept; a session works on a copy of its replica. */
static inline struct fixture *session_world(unsigned flags) {
    static struct fixture *worlds[WORLD_FLAGS];
    unsigned kind = flags & (WORLD_IN_STEP | WORLD_TRUST);
    if (worlds[kind] == NULL) {
        struct fixture *fixture = fixture_new();
        fixture_write_record(fixture, &fixture->commune, 100, 0);
        if ((kind & WORLD_IN_STEP) != 0) {
            fixture_connect(fixture);
            pair_run(&fixture->pair);
            pair_close(&fixture->pair);
        }
        if ((kind & WORLD_TRUST) != 0) {
            session_world_steal(fixture);
        }
        fixture_write_record(fixture, &fixture->commune, 50, REACH_PRIVATE);
        fixture_write_record(fixture, &fixture->commune, 7000, 0);
        fixture_write_document(fixture, &fixture->root, &fixture->commune.replica.unit, 90);
        fixture_admit(fixture, &fixture->root, false, &fixture->third);
        if ((kind & WORLD_TRUST) != 0) {
            for (unsigned i = 0; i < WORLD_WANTED; i++) {
                fixture_write_record(fixture, &fixture->commune, 52, 0);
            }
        }
        worlds[kind] = fixture;
    }
    return worlds[kind];
}

#endif
