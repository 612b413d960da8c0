#include "tests/disk/disk_internal.h"

/* ---- tables of names ---- */

static struct disk_name *names_find(const struct disk_names *names, const char *path) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->at[i].path, path) == 0)
            return &names->at[i];
    return NULL;
}

static char *copy_of(const char *path) {
    char *copy = strdup(path);
    if (copy == NULL)
        abort();
    return copy;
}

static void names_take_at(struct disk_names *names, struct disk_name *name) {
    struct disk_file *file = name->file;
    free(name->path);
    /* Kept in order: whoever walks the names meets a directory before what is in it. */
    memmove(name, name + 1, (size_t)(names->at + names->count - (name + 1)) * sizeof *name);
    names->count--;
    file->names -= names == &file->disk->names;
    disk_file_drop(file);
}

static void names_take(struct disk_names *names, const char *path) {
    struct disk_name *name = names_find(names, path);
    if (name != NULL)
        names_take_at(names, name);
}

void disk_name_set(struct disk_names *names, const char *path, struct disk_file *file) {
    disk_file_hold(file);
    names_take(names, path);
    names->at = disk_grow(names->at, &names->capacity, names->count + 1, sizeof *names->at);
    names->at[names->count++] = (struct disk_name){.path = copy_of(path), .file = file};
    file->names += names == &file->disk->names;
}

/* The directory that path stands in; NULL: it is not there. */
static struct disk_file *directory_of(struct disk *disk, const char *path) {
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < disk->names.count; i++) {
        const struct disk_name *name = &disk->names.at[i];
        if (name->file->directory && strlen(name->path) == (size_t)(slash - path) && strncmp(name->path, path, (size_t)(slash - path)) == 0)
            return name->file;
    }
    return NULL;
}

struct disk_file *disk_find(const char *path) {
    struct disk *disk = disk_of_path(path);
    struct disk_name *name = disk == NULL ? NULL : names_find(&disk->names, path);
    return name == NULL ? NULL : name->file;
}

/* ---- changes ---- */

static void change_free(struct name_change *change) {
    free((char *)change->gone);
    free((char *)change->come);
    disk_file_drop(change->directory);
    disk_file_drop(change->file);
}

void disk_change_note(struct disk *disk, const struct name_change *change) {
    disk->changes = disk_grow(disk->changes, &disk->change_capacity, disk->change_count + 1, sizeof *disk->changes);
    struct name_change *noted = &disk->changes[disk->change_count++];
    *noted = *change;
    noted->gone = change->gone != NULL ? copy_of(change->gone) : NULL;
    noted->come = change->come != NULL ? copy_of(change->come) : NULL;
    disk_file_hold(noted->directory);
    disk_file_hold(noted->file);
}

/* gone, come: either may be NULL. file: what the name stands for, or stood for. */
static void names_change(struct disk *disk, const char *gone, const char *come, struct disk_file *file) {
    const struct name_change change = {.directory = directory_of(disk, come != NULL ? come : gone), .file = file, .gone = gone, .come = come};
    assert(change.directory != NULL);
    disk_change_note(disk, &change);
    if (gone != NULL)
        names_take(&disk->names, gone);
    if (come != NULL)
        disk_name_set(&disk->names, come, file);
}

/* Whatever stands below the path goes. */
static void names_take_below(struct disk_names *names, const char *path) {
    size_t len = strlen(path);
    for (size_t i = 0; i < names->count;)
        if (strncmp(names->at[i].path, path, len) == 0 && names->at[i].path[len] == '/')
            names_take_at(names, &names->at[i]);
        else
            i++;
}

static void change_apply(struct disk *disk, const struct name_change *change) {
    if (change->gone != NULL) {
        names_take(&disk->durable_names, change->gone);
        if (change->file->directory) /* another directory of that name will not have what was in this one */
            names_take_below(&disk->durable_names, change->gone);
    }
    if (change->come != NULL)
        disk_name_set(&disk->durable_names, change->come, change->file);
}

/* The changes in the directory are durable, or never will be. */
static void changes_end(struct disk_file *directory, bool durable) {
    struct disk *disk = directory->disk;
    size_t kept = 0;
    for (size_t i = 0; i < disk->change_count; i++) {
        struct name_change change = disk->changes[i];
        if (change.directory != directory) {
            disk->changes[kept++] = change;
            continue;
        }
        if (durable)
            change_apply(disk, &change);
        change_free(&change);
    }
    disk->change_count = kept;
}

void disk_names_confirm(struct disk_file *directory) {
    changes_end(directory, true);
}

/* ---- after a cut ---- */

static bool directory_durable(const struct disk *disk, const char *path) {
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; i < disk->durable_names.count; i++) {
        const struct disk_name *name = &disk->durable_names.at[i];
        if (strlen(name->path) == (size_t)(slash - path) && strncmp(name->path, path, (size_t)(slash - path)) == 0)
            return true;
    }
    return false;
}

/* Names below a directory that is not there are not there. */
static void orphans_take(struct disk *disk) {
    for (size_t i = 0; i < disk->durable_names.count;) {
        struct disk_name *name = &disk->durable_names.at[i];
        if (strcmp(name->path, disk->root) == 0 || directory_durable(disk, name->path)) {
            i++;
            continue;
        }
        names_take_at(&disk->durable_names, name);
        i = 0;
    }
}

/* A journal keeps the order (then the last changes are missing); nothing promises that it does. */
void disk_names_settle(struct disk *disk, bool lossless) {
    bool ordered = disk_draw(&disk->fates) % 2 == 0;
    size_t border = (size_t)(disk_draw(&disk->fates) % (disk->change_count + 1));
    for (size_t i = 0; i < disk->change_count; i++) {
        bool there = ordered ? i < border : disk_draw(&disk->fates) % 2 == 0;
        if (lossless || there)
            change_apply(disk, &disk->changes[i]);
    }
    for (size_t i = 0; i < disk->change_count; i++)
        change_free(&disk->changes[i]);
    disk->change_count = 0;
    orphans_take(disk);
    while (disk->names.count > 0)
        names_take_at(&disk->names, &disk->names.at[disk->names.count - 1]);
    for (size_t i = 0; i < disk->durable_names.count; i++)
        disk_name_set(&disk->names, disk->durable_names.at[i].path, disk->durable_names.at[i].file);
}

void disk_names_clear(struct disk *disk) {
    for (const struct disk_file *file = disk->files; file != NULL; file = file->next)
        assert(file->opens == 0);
    for (size_t i = 0; i < disk->change_count; i++)
        change_free(&disk->changes[i]);
    disk->change_count = 0;
    while (disk->names.count > 0)
        names_take_at(&disk->names, &disk->names.at[disk->names.count - 1]);
    while (disk->durable_names.count > 0)
        names_take_at(&disk->durable_names, &disk->durable_names.at[disk->durable_names.count - 1]);
    assert(disk->files == NULL);
}

/* ---- operations ---- */

/* Counts the operation on the disk of the path. ENOENT: the path is on none. */
static int step_at(const char *path, enum disk_operation operation, struct disk **disk, bool *cut) {
    *cut = false;
    *disk = disk_of_path(path);
    return *disk == NULL ? ENOENT : disk_step(*disk, operation, cut);
}

int disk_open(const char *path, struct open_how how, struct disk_file **out) {
    struct disk *disk;
    bool cut;
    *out = NULL;
    int error = step_at(path, DISK_OPEN, &disk, &cut);
    if (error != 0)
        return error;
    struct disk_file *file = disk_find(path);
    if (file == NULL && !how.create)
        return ENOENT;
    if (file != NULL && how.create && how.exclusive)
        return EEXIST;
    if (file != NULL && file->directory != how.directory)
        return how.directory ? ENOTDIR : EISDIR;
    if (file == NULL && directory_of(disk, path) == NULL)
        return ENOENT;
    if (file == NULL) {
        file = disk_file_new(disk);
        file->mode = how.mode;
        names_change(disk, NULL, path, file);
    } else {
        disk_file_hold(file);
    }
    file->opens++;
    *out = file;
    return 0;
}

void disk_close(struct disk_file *file) {
    assert(file->opens > 0);
    file->opens--;
    disk_file_drop(file);
}

int disk_make_directory(const char *path, unsigned mode) {
    struct disk *disk;
    bool cut;
    if (disk_find(path) != NULL || strcmp(path, "/") == 0)
        return EEXIST;
    int error = step_at(path, DISK_NAME, &disk, &cut);
    if (error != 0 && !cut)
        return error;
    if (directory_of(disk, path) == NULL)
        return ENOENT;
    struct disk_file *file = disk_file_new(disk);
    file->directory = true;
    file->mode = mode;
    names_change(disk, NULL, path, file);
    disk_file_drop(file);
    return error;
}

static bool directory_empty(const struct disk *disk, const char *path) {
    size_t len = strlen(path);
    for (size_t i = 0; i < disk->names.count; i++)
        if (strncmp(disk->names.at[i].path, path, len) == 0 && disk->names.at[i].path[len] == '/')
            return false;
    return true;
}

int disk_remove(const char *path, bool directory) {
    struct disk *disk;
    bool cut;
    struct disk_file *file = disk_find(path);
    if (file == NULL)
        return ENOENT;
    if (file->directory != directory)
        return directory ? ENOTDIR : EISDIR;
    if (directory && strcmp(path, file->disk->root) == 0)
        return EBUSY;
    if (directory && !directory_empty(file->disk, path))
        return ENOTEMPTY;
    int error = step_at(path, DISK_DELETE, &disk, &cut);
    if (error != 0 && !cut)
        return error;
    disk_file_hold(file);
    names_change(disk, path, NULL, file);
    if (directory)
        changes_end(file, false);
    disk_file_drop(file);
    return error;
}

int disk_link(const char *from, const char *to) {
    struct disk *disk;
    bool cut;
    struct disk_file *file = disk_find(from);
    if (file == NULL || disk_of_path(to) != file->disk)
        return file == NULL ? ENOENT : EXDEV;
    if (disk_find(to) != NULL)
        return EEXIST;
    int error = step_at(from, DISK_NAME, &disk, &cut);
    if (error == 0 || cut)
        names_change(disk, NULL, to, file);
    return error;
}

int disk_rename(const char *from, const char *to, bool replace) {
    struct disk *disk;
    bool cut;
    struct disk_file *file = disk_find(from);
    if (file == NULL || disk_of_path(to) != file->disk)
        return file == NULL ? ENOENT : EXDEV;
    assert(!file->directory); /* no more is needed of a disk for this store */
    struct disk_file *there = disk_find(to);
    if (there != NULL && (!replace || there->directory))
        return replace ? EISDIR : EEXIST;
    int error = step_at(from, DISK_NAME, &disk, &cut);
    if (error != 0 && !cut)
        return error;
    if (directory_of(disk, from) == directory_of(disk, to)) {
        names_change(disk, from, to, file);
    } else { /* two directories, each synced by itself: of the two names a cut may leave both, one or none */
        names_change(disk, NULL, to, file);
        names_change(disk, from, NULL, file);
    }
    return error;
}
