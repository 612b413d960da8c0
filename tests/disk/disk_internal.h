/* What the files of tests/disk share: the world, its disks, their files and names. Functions that an owner of files calls return 0 or an errno. */
#ifndef TESTS_DISK_INTERNAL_H
#define TESTS_DISK_INTERNAL_H

#include "tests/disk/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR_BYTES = 512, UNSYNCED_MAX = 8192 };

/* Bytes that grow. */
struct bytes_of_file {
    uint8_t *at;
    size_t len, capacity;
};

/* A write or a cut that no sync has confirmed. `from` counts in unsynced_bytes. */
struct unsynced {
    uint64_t offset; /* of a cut: the length that is left */
    size_t len, from;
    bool cut;
};

/* What a name stands for: a file or a directory. Lives as long as a name (also a durable or an unsynced one) or somebody who has it open refers to it. */
struct disk_file {
    struct disk *disk;
    struct disk_file *next; /* of the disk */
    uint64_t number, changed; /* changed: a number of its last change that no other change has */
    unsigned references, names, opens;
    bool directory, anonymous; /* anonymous: gone when closed, nothing of it is durable */
    unsigned mode;
    struct bytes_of_file content, durable;
    struct unsynced *unsynced;
    size_t unsynced_count, unsynced_capacity;
    struct bytes_of_file unsynced_bytes;
    int lock_descriptor; /* that holds flock; -1: none */
    unsigned shared;     /* SQLite's locks: how many read, and who is to write or does */
    const void *reserved, *exclusive;
};

/* path: the whole one. */
struct disk_name {
    char *path;
    struct disk_file *file;
};
struct disk_names {
    struct disk_name *at;
    size_t count, capacity;
};

/* A change of names whose directory is not synced since: `gone` is a name no longer, `come` stands for the file. Either may be NULL; both: renamed, as one. */
struct name_change {
    struct disk_file *directory, *file;
    const char *gone, *come; /* its own */
};

struct disk {
    struct disk *next;
    char *root;
    unsigned number;
    uint64_t starts; /* how often its power came on, from 1 */
    struct disk_file *files;
    struct disk_names names, durable_names;
    struct name_change *changes;
    size_t change_count, change_capacity;
    uint64_t file_count;
    uint64_t fates;
    struct disk_fault fault;
    uint64_t struck, matched, counts[DISK_OPERATIONS];
    int64_t capacity;
    bool dead;
    unsigned watched;
    void (*seen)(void *ctx);
    void *seen_ctx;
};

extern struct disk_world {
    struct disk *disks, *used_last;
    unsigned disk_count;
    uint64_t random, changes;
    int64_t time, monotonic_ms;
} disk_world;

/* ---- disk_world.c ---- */
void *disk_grow(void *at, size_t *capacity, size_t needed, size_t item); /* aborts without memory: these are tests */
uint64_t disk_draw(uint64_t *state);
struct disk *disk_of_path(const char *path); /* NULL: on none */
void disk_os_linked(void);                   /* disk_os.c: so that it is part of every program that has disks */
void disk_vfs_register(void);                /* disk_vfs.c */
void disk_descriptors_reset(void);           /* disk_system.c */

/* ---- disk_power.c ---- */
/* Counts an operation. 0: do it; else it fails so. *cut: it is the last, and what it does may or may not reach the disk. */
int disk_step(struct disk *disk, enum disk_operation operation, bool *cut);

/* ---- disk_file.c ---- */
struct disk_file *disk_file_new(struct disk *disk);
void disk_file_hold(struct disk_file *file);
void disk_file_drop(struct disk_file *file); /* frees it where nobody refers to it any more */
int disk_file_read(struct disk_file *file, void *out, size_t len, uint64_t offset, size_t *got);
/* Like pwrite: may do less than asked (*put), never nothing without an error. */
int disk_file_write(struct disk_file *file, const void *data, size_t len, uint64_t offset, size_t *put);
int disk_file_cut(struct disk_file *file, uint64_t len);
int disk_file_sync(struct disk_file *file); /* a directory too */
void disk_file_reread(struct disk_file *file); /* what a failed sync has forgotten is not read any more */
void disk_file_settle(struct disk_file *file, bool lossless);
void disk_file_copy(struct disk_file *out, const struct disk_file *from);
void disk_file_clone(struct disk_file *out, const struct disk_file *from); /* also what is not durable */

/* ---- disk_name.c ---- */
struct disk_file *disk_find(const char *path); /* NULL: none */
/* Opens what is there or makes it; counts as DISK_OPEN. The reference (and ->opens) is the caller's: disk_close. */
struct open_how { bool create, exclusive, directory; unsigned mode; };
int disk_open(const char *path, struct open_how how, struct disk_file **out);
void disk_close(struct disk_file *file);
int disk_make_directory(const char *path, unsigned mode);
int disk_remove(const char *path, bool directory);
int disk_link(const char *from, const char *to);
int disk_rename(const char *from, const char *to, bool replace);
void disk_names_confirm(struct disk_file *directory); /* what was done to its names is durable now */
void disk_names_settle(struct disk *disk, bool lossless);
void disk_names_clear(struct disk *disk);             /* every name, change and file goes */
void disk_name_set(struct disk_names *names, const char *path, struct disk_file *file);
/* One change more, as not durable yet; gone, come: either may be NULL. The names themselves stay as they are. */
void disk_change_note(struct disk *disk, const struct name_change *change);

#endif
