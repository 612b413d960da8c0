#include "tests/disk/disk_internal.h"

/* ---- faults ---- */

void disk_fault(struct disk *disk, struct disk_fault fault) {
    disk->fault = fault;
    disk->struck = disk->matched = 0;
    memset(disk->counts, 0, sizeof disk->counts);
}

uint64_t disk_faults(const struct disk *disk) {
    return disk->struck;
}

uint64_t disk_count(const struct disk *disk, unsigned operations) {
    uint64_t count = 0;
    for (unsigned i = 0; i < DISK_OPERATIONS; i++)
        count += (operations >> i & 1) != 0 ? disk->counts[i] : 0;
    return count;
}

void disk_fates(struct disk *disk, uint64_t seed) {
    disk->fates = seed;
}

void disk_watch(struct disk *disk, unsigned operations, void (*seen)(void *ctx), void *ctx) {
    disk->watched = seen != NULL ? operations : 0;
    disk->seen = seen;
    disk->seen_ctx = ctx;
}

void disk_use(struct disk *disk) {
    disk_world.used_last = disk;
}

int disk_step(struct disk *disk, enum disk_operation operation, bool *cut) {
    *cut = false;
    disk_world.used_last = disk;
    if (disk->dead)
        return EIO;
    if ((disk->watched >> operation & 1) != 0) {
        unsigned watched = disk->watched;
        disk->watched = 0;
        disk->seen(disk->seen_ctx);
        disk->watched = watched;
        disk_world.used_last = disk;
    }
    disk->counts[operation]++;
    if ((disk->fault.operations >> operation & 1) == 0 || disk->fault.nth == 0)
        return 0;
    disk->matched++;
    if (disk->matched != disk->fault.nth && !(disk->fault.lasting && disk->matched > disk->fault.nth))
        return 0;
    disk->struck++;
    if (disk->fault.trouble == DISK_POWER_CUT) {
        disk->dead = *cut = true;
        return EIO;
    }
    return disk->fault.trouble == DISK_NO_SPACE ? ENOSPC : EIO;
}

/* ---- power ---- */

void disk_power_cut(struct disk *disk) {
    disk->dead = true;
}

bool disk_dead(const struct disk *disk) {
    return disk->dead;
}

void disk_power_on(struct disk *disk, bool lossless) {
    for (const struct disk_file *file = disk->files; file != NULL; file = file->next)
        assert(file->opens == 0);
    for (struct disk_file *file = disk->files; file != NULL; file = file->next)
        if (!file->directory)
            disk_file_settle(file, lossless);
    disk_names_settle(disk, lossless);
    disk->starts += !lossless;
    disk->dead = false;
    disk_fault(disk, (struct disk_fault){0});
}
