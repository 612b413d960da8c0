#include "tests/disk/disk_internal.h"

#include <stdio.h>

struct disk_world disk_world;

/* ---- odds and ends ---- */

void *disk_grow(void *at, size_t *capacity, size_t needed, size_t item) {
    if (needed <= *capacity)
        return at;
    size_t wanted = *capacity > 0 ? *capacity : 16;
    while (wanted < needed)
        wanted *= 2;
    void *grown = realloc(at, wanted * item);
    if (grown == NULL)
        abort();
    *capacity = wanted;
    return grown;
}

/* splitmix64 */
uint64_t disk_draw(uint64_t *state) {
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

/* ---- the world ---- */

void disk_begin(uint64_t seed) {
    disk_os_linked();
    disk_end();
    disk_world.random = seed;
    disk_vfs_register();
}

static bool anything_open(void) {
    for (const struct disk *disk = disk_world.disks; disk != NULL; disk = disk->next)
        for (const struct disk_file *file = disk->files; file != NULL; file = file->next)
            if (file->opens > 0)
                return true;
    return false;
}

/* Where a test has failed in the middle, stores are open still: their files stay in memory, and the test's own message is what is read. */
void disk_end(void) {
    disk_descriptors_reset();
    if (anything_open())
        disk_world.disks = NULL;
    while (disk_world.disks != NULL) {
        struct disk *disk = disk_world.disks;
        disk_world.disks = disk->next;
        disk_names_clear(disk);
        free(disk->names.at);
        free(disk->durable_names.at);
        free(disk->changes);
        free(disk->root);
        free(disk);
    }
    disk_world = (struct disk_world){0};
}

uint64_t disk_random(uint64_t seed) {
    uint64_t before = disk_world.random;
    disk_world.random = seed;
    return before;
}

void disk_clock(int64_t time, int64_t monotonic_ms) {
    disk_world.time = time;
    disk_world.monotonic_ms = monotonic_ms;
}

static void root_make(struct disk *disk) {
    struct disk_file *root = disk_file_new(disk);
    root->directory = true;
    root->mode = 0700;
    disk_name_set(&disk->names, disk->root, root);
    disk_name_set(&disk->durable_names, disk->root, root);
    disk_file_drop(root);
}

struct disk *disk_new(const char *root) {
    assert(root[0] == '/' && root[1] != 0 && strchr(root + 1, '/') == NULL);
    assert(disk_of_path(root) == NULL);
    struct disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL || (disk->root = strdup(root)) == NULL)
        abort();
    disk->number = ++disk_world.disk_count;
    disk->capacity = -1;
    disk->starts = 1;
    disk->fates = disk_world.random ^ (uint64_t)disk->number << 32;
    disk->next = disk_world.disks;
    disk_world.disks = disk;
    root_make(disk);
    return disk;
}

struct disk *disk_of_path(const char *path) {
    for (struct disk *disk = disk_world.disks; disk != NULL; disk = disk->next) {
        size_t len = strlen(disk->root);
        if (strncmp(path, disk->root, len) == 0 && (path[len] == '/' || path[len] == 0))
            return disk;
    }
    return NULL;
}

/* ---- copies ---- */

enum { PATH_BYTES_MAX = 4096 };

/* The same place on the other disk. */
static void path_on(char out[PATH_BYTES_MAX], const struct disk *disk, const struct disk *from, const char *path) {
    int len = snprintf(out, PATH_BYTES_MAX, "%s%s", disk->root, path + strlen(from->root));
    assert(len > 0 && len < PATH_BYTES_MAX);
    (void)len;
}

static void emptied(struct disk *disk) {
    disk_names_clear(disk);
    disk->dead = false;
    disk_fault(disk, (struct disk_fault){0});
}

void disk_copy(struct disk *out, const struct disk *from) {
    assert(out != from);
    emptied(out);
    for (size_t i = 0; i < from->names.count; i++) {
        char path[PATH_BYTES_MAX];
        struct disk_file *file = disk_file_new(out);
        path_on(path, out, from, from->names.at[i].path);
        disk_file_copy(file, from->names.at[i].file);
        disk_name_set(&out->names, path, file);
        disk_name_set(&out->durable_names, path, file);
        disk_file_drop(file);
    }
}

static struct disk_file *file_numbered(const struct disk *disk, uint64_t number) {
    for (struct disk_file *file = disk->files; file != NULL; file = file->next)
        if (file->number == number)
            return file;
    abort();
}

static void names_clone(struct disk *out, struct disk_names *names, const struct disk *from, const struct disk_names *from_names) {
    for (size_t i = 0; i < from_names->count; i++) {
        char path[PATH_BYTES_MAX];
        path_on(path, out, from, from_names->at[i].path);
        disk_name_set(names, path, file_numbered(out, from_names->at[i].file->number));
    }
}

void disk_clone(struct disk *out, const struct disk *from) {
    assert(out != from);
    emptied(out);
    for (const struct disk_file *file = from->files; file != NULL; file = file->next) {
        struct disk_file *clone = disk_file_new(out);
        clone->number = file->number;
        disk_file_clone(clone, file);
    }
    out->file_count = from->file_count;
    names_clone(out, &out->names, from, &from->names);
    names_clone(out, &out->durable_names, from, &from->durable_names);
    for (size_t i = 0; i < from->change_count; i++) {
        char gone[PATH_BYTES_MAX], come[PATH_BYTES_MAX];
        const struct name_change *change = &from->changes[i];
        struct name_change clone = {.directory = file_numbered(out, change->directory->number), .file = file_numbered(out, change->file->number)};
        if (change->gone != NULL)
            path_on(gone, out, from, change->gone);
        if (change->come != NULL)
            path_on(come, out, from, change->come);
        clone.gone = change->gone != NULL ? gone : NULL;
        clone.come = change->come != NULL ? come : NULL;
        disk_change_note(out, &clone);
    }
    for (struct disk_file *file = out->files, *next; file != NULL; file = next) {
        next = file->next;
        disk_file_drop(file); /* those that no name refers to go */
    }
}

void disk_image(struct disk *out, const struct disk *from) {
    disk_clone(out, from);
    disk_power_on(out, false);
}

/* ---- capacity ---- */

void disk_capacity(struct disk *disk, int64_t bytes) {
    disk->capacity = bytes;
}

int64_t disk_used(const struct disk *disk) {
    int64_t used = 0;
    for (const struct disk_file *file = disk->files; file != NULL; file = file->next)
        used += file->names > 0 || file->opens > 0 ? (int64_t)file->content.len : 0;
    return used;
}

/* ---- looking and spoiling ---- */

int64_t disk_length(const char *path) {
    const struct disk_file *file = disk_find(path);
    return file == NULL ? -1 : (int64_t)file->content.len;
}

bool disk_flip(const char *path, uint64_t bit) {
    struct disk_file *file = disk_find(path);
    if (file == NULL || bit / 8 >= file->content.len)
        return false;
    assert(file->opens == 0);
    disk_file_settle(file, true);
    file->content.at[bit / 8] ^= (uint8_t)(1U << bit % 8);
    file->durable.at[bit / 8] ^= (uint8_t)(1U << bit % 8);
    return true;
}
