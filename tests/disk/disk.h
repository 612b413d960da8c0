/* Disks in memory under the real store: a file system for store/os.h and for SQLite at once. A test program that links `disk` has this VFS as SQLite's default,
 * and store/os_posix.c itself compiled over system calls that end here (disk_os.c): the sequence of writing beside, syncing, linking and syncing the directory
 * is the product's own. Only the local sockets (os_local.c) stay real. The disk knows what is durable: what was written to a file since its last sync, and
 * names made, changed or taken away since the last sync of their directory, may be lost, torn at a sector or reordered when the power goes. A sync that
 * fails forgets what it was to write, as Linux does: it is still read, but another sync does not bring it to the disk.
 *
 * A disk is the part of the name space below its root ("/n3"): one PC each; paths outside every root are not there. The root is an empty directory at first.
 * SQLite's files without a name (temporary ones) count on the disk that was last used. Single-threaded; nothing here reads a real clock, file or source of
 * randomness: the same calls after the same disk_begin give the same bytes. What the product draws (os_random) does not depend on faults and fates.
 *
 * A process that dies at a fault: disk_power_cut (or the fault did it), store_close, disk_power_on. */
#ifndef TESTS_DISK_H
#define TESTS_DISK_H

#include "store/os.h"

struct disk;

/* Kinds of operation, SQLite's and os.h's alike; counted a disk. Looking at a name or a length is none. */
enum disk_operation { DISK_OPEN, DISK_READ, DISK_WRITE, DISK_SYNC, DISK_TRUNCATE, DISK_DELETE, DISK_NAME /* link, rename, mkdir */, DISK_OPERATIONS };
#define DISK_EVERY ((1U << DISK_OPERATIONS) - 1)
#define DISK_CHANGES (1U << DISK_WRITE | 1U << DISK_SYNC | 1U << DISK_TRUNCATE | 1U << DISK_DELETE | 1U << DISK_NAME)

/* The world: no disks yet, time 0, randomness from seed. Once more: everything from before is gone (stores on it must be closed). */
void disk_begin(uint64_t seed);
void disk_end(void);
/* What os_time and os_monotonic_ms say from now on. Whoever waits for a lock moves the second on. */
void disk_clock(int64_t time, int64_t monotonic_ms);
/* What os_random draws from now on: the same act after the same seed writes the same bytes. Returns the seed with which it would have gone on. */
uint64_t disk_random(uint64_t seed);

/* root: "/" and one name. The disk belongs to the world (disk_end frees it). */
struct disk *disk_new(const char *root);
/* SQLite's files without a name are made on the disk that did something last. Who drives several at once says before each call whose it is. */
void disk_use(struct disk *disk);
/* out becomes what a file-by-file copy of `from` would be now (also unsynced content; all of it durable in the copy), under out's own root, with its power
 * on and without a fault. No file of out may be open. */
void disk_copy(struct disk *out, const struct disk *from);
/* out becomes what from is: what is not durable there is not here. As after kill -9, without settling anything: what a sync has forgotten may still be lost. */
void disk_clone(struct disk *out, const struct disk *from);
/* out becomes what a cut of from's power at this moment would leave (drawn from out's fates), with its power on: many fates of one moment. from stays as it is,
 * and may be in the middle of an operation (disk_watch). */
void disk_image(struct disk *out, const struct disk *from);

/* ---- faults ---- */

enum disk_trouble {
    DISK_IO_ERROR,  /* EIO; a write that fails may have been done in part */
    DISK_NO_SPACE,  /* ENOSPC */
    DISK_POWER_CUT  /* this operation is the last: it and everything since the last sync may or may not reach the disk; all later ones fail until disk_power_on */
};
/* From now on the nth (from 1) of the operations in the set goes wrong, and where lasting every later one of the set too. nth 0: nothing does. Counts anew. */
struct disk_fault { unsigned operations; uint64_t nth; bool lasting; enum disk_trouble trouble; };
void disk_fault(struct disk *disk, struct disk_fault fault);
uint64_t disk_faults(const struct disk *disk);                                   /* how often it struck since disk_fault */
uint64_t disk_count(const struct disk *disk, unsigned operations);               /* how many of the set since disk_fault */
/* Draws this disk's fates (what a cut leaves, how much of a failing write is done) from seed from now on: for naming one of many runs. */
void disk_fates(struct disk *disk, uint64_t seed);
/* Calls seen before each operation of the set that is going to be done, and is not called again for what that does to this disk. NULL: no more. */
void disk_watch(struct disk *disk, unsigned operations, void (*seen)(void *ctx), void *ctx);
/* Files of this disk may hold so many bytes in all; writes past it are ENOSPC. Negative: no bound. What os_disk_free says follows from it. */
void disk_capacity(struct disk *disk, int64_t bytes);
int64_t disk_used(const struct disk *disk);

/* Cuts the power now (harmless where it is off). Open files stay open to their owner, who can only close them. */
void disk_power_cut(struct disk *disk);
bool disk_dead(const struct disk *disk);
/* Settles what unsynced writes came to (each whole, torn at 512 bytes, or not there, in any order between files), takes the fault away.
 * Nothing may be open. lossless: as after kill -9, everything written is there. */
void disk_power_on(struct disk *disk, bool lossless);

/* A bit of a file turned over, for what must be found; counted from the file's first. false: no such file or shorter. Nobody may have it open. */
bool disk_flip(const char *path, uint64_t bit);
/* Bytes of a file; -1: there is none. */
int64_t disk_length(const char *path);

#endif
