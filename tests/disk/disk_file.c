#include "tests/disk/disk_internal.h"

/* ---- bytes ---- */

/* A file that grows has zeros where nothing was written. */
static void bytes_resize(struct bytes_of_file *bytes, size_t len) {
    bytes->at = disk_grow(bytes->at, &bytes->capacity, len, 1);
    if (len > bytes->len)
        memset(bytes->at + bytes->len, 0, len - bytes->len);
    bytes->len = len;
}

static void bytes_put(struct bytes_of_file *bytes, uint64_t offset, const uint8_t *data, size_t len) {
    if (len == 0)
        return;
    if (offset + len > bytes->len)
        bytes_resize(bytes, (size_t)offset + len);
    memcpy(bytes->at + offset, data, len);
}

static void bytes_set(struct bytes_of_file *bytes, const struct bytes_of_file *from) {
    bytes->len = 0;
    bytes_put(bytes, 0, from->at, from->len);
}

/* ---- lives ---- */

struct disk_file *disk_file_new(struct disk *disk) {
    struct disk_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        abort();
    *file = (struct disk_file){.disk = disk, .next = disk->files, .number = ++disk->file_count, .references = 1, .lock_descriptor = -1};
    disk->files = file;
    return file;
}

void disk_file_hold(struct disk_file *file) {
    file->references++;
}

void disk_file_drop(struct disk_file *file) {
    assert(file->references > 0);
    if (--file->references > 0)
        return;
    struct disk_file **at = &file->disk->files;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
    free(file->content.at);
    free(file->durable.at);
    free(file->unsynced);
    free(file->unsynced_bytes.at);
    free(file);
}

void disk_file_copy(struct disk_file *out, const struct disk_file *from) {
    out->directory = from->directory;
    out->mode = from->mode;
    out->changed = ++disk_world.changes;
    bytes_set(&out->content, &from->content);
    bytes_set(&out->durable, &from->content);
}

void disk_file_clone(struct disk_file *out, const struct disk_file *from) {
    disk_file_copy(out, from);
    out->changed = from->changed;
    bytes_set(&out->durable, &from->durable);
    bytes_set(&out->unsynced_bytes, &from->unsynced_bytes);
    out->unsynced = disk_grow(out->unsynced, &out->unsynced_capacity, from->unsynced_count, sizeof *out->unsynced);
    if (from->unsynced_count > 0)
        memcpy(out->unsynced, from->unsynced, from->unsynced_count * sizeof *out->unsynced);
    out->unsynced_count = from->unsynced_count;
}

/* ---- what is not durable yet ---- */

static void unsynced_clear(struct disk_file *file) {
    file->unsynced_count = 0;
    file->unsynced_bytes.len = 0;
}

static void unsynced_apply(const struct disk_file *file, struct bytes_of_file *to, const struct unsynced *change) {
    if (change->cut)
        bytes_resize(to, (size_t)change->offset);
    else
        bytes_put(to, change->offset, file->unsynced_bytes.at + change->from, change->len);
}

static void unsynced_confirm(struct disk_file *file) {
    for (size_t i = 0; i < file->unsynced_count; i++)
        unsynced_apply(file, &file->durable, &file->unsynced[i]);
    unsynced_clear(file);
}

/* So long without a sync, the system has written it back by itself. */
static void unsynced_note(struct disk_file *file, const struct unsynced *change, const void *data) {
    if (file->anonymous)
        return;
    if (file->unsynced_count == UNSYNCED_MAX)
        unsynced_confirm(file);
    file->unsynced = disk_grow(file->unsynced, &file->unsynced_capacity, file->unsynced_count + 1, sizeof *file->unsynced);
    struct unsynced *noted = &file->unsynced[file->unsynced_count++];
    *noted = *change;
    noted->from = file->unsynced_bytes.len;
    bytes_put(&file->unsynced_bytes, noted->from, data, change->len);
}

/* Only some of the sectors: the first ones, the last ones, any. The length may have grown all the same. */
static void unsynced_tear(struct disk_file *file, const struct unsynced *change) {
    uint64_t *fates = &file->disk->fates, how = disk_draw(fates) % 4;
    uint64_t first = change->offset / SECTOR_BYTES, count = (change->offset + change->len - 1) / SECTOR_BYTES - first + 1;
    uint64_t border = disk_draw(fates) % (count + 1);
    for (uint64_t i = 0; i < count; i++) {
        bool there = how == 0 ? i < border : how == 1 ? i >= border : how == 2 && disk_draw(fates) % 2 == 0;
        if (!there)
            continue;
        uint64_t from = (first + i) * SECTOR_BYTES, to = from + SECTOR_BYTES;
        from = from < change->offset ? change->offset : from;
        to = to > change->offset + change->len ? change->offset + change->len : to;
        bytes_put(&file->durable, from, file->unsynced_bytes.at + change->from + (from - change->offset), (size_t)(to - from));
    }
    if (how == 3 && change->offset + change->len > file->durable.len)
        bytes_resize(&file->durable, (size_t)(change->offset + change->len));
}

/* Each change whole, torn or not there, whatever became of the others; sometimes all of them one or the other. */
static void unsynced_draw(struct disk_file *file) {
    uint64_t mood = disk_draw(&file->disk->fates) % 8;
    for (size_t i = 0; i < file->unsynced_count; i++) {
        const struct unsynced *change = &file->unsynced[i];
        uint64_t fate = mood == 0 ? 0 : mood == 1 ? 1 : disk_draw(&file->disk->fates) % 3;
        if (fate == 1)
            unsynced_apply(file, &file->durable, change);
        else if (fate == 2 && !change->cut && change->len > 0)
            unsynced_tear(file, change);
    }
    unsynced_clear(file);
}

void disk_file_reread(struct disk_file *file) {
    if (file->directory || file->disk->dead)
        return;
    bytes_set(&file->content, &file->durable);
    for (size_t i = 0; i < file->unsynced_count; i++)
        unsynced_apply(file, &file->content, &file->unsynced[i]);
}

void disk_file_settle(struct disk_file *file, bool lossless) {
    if (lossless) {
        unsynced_clear(file);
        bytes_set(&file->durable, &file->content);
        return;
    }
    unsynced_draw(file);
    bytes_set(&file->content, &file->durable);
}

/* ---- operations ---- */

int disk_file_read(struct disk_file *file, void *out, size_t len, uint64_t offset, size_t *got) {
    bool cut;
    *got = 0;
    int error = disk_step(file->disk, DISK_READ, &cut);
    if (error != 0)
        return error;
    if (file->directory)
        return EISDIR;
    if (offset < file->content.len)
        *got = len < file->content.len - offset ? len : (size_t)(file->content.len - offset);
    if (*got > 0)
        memcpy(out, file->content.at + offset, *got);
    return 0;
}

/* How much of a write at the end there is room for. */
static size_t room_for(const struct disk_file *file, uint64_t offset, size_t len) {
    const struct disk *disk = file->disk;
    if (disk->capacity < 0 || offset + len <= file->content.len)
        return len;
    int64_t left = disk->capacity - disk_used(disk);
    uint64_t end = file->content.len + (left > 0 ? (uint64_t)left : 0);
    return offset >= end ? 0 : offset + len <= end ? len : (size_t)(end - offset);
}

static void write_do(struct disk_file *file, const void *data, size_t len, uint64_t offset) {
    const struct unsynced change = {.offset = offset, .len = len};
    bytes_put(&file->content, offset, data, len);
    file->changed = ++disk_world.changes;
    unsynced_note(file, &change, data);
}

int disk_file_write(struct disk_file *file, const void *data, size_t len, uint64_t offset, size_t *put) {
    bool cut;
    *put = 0;
    int error = disk_step(file->disk, DISK_WRITE, &cut);
    if (cut) {
        write_do(file, data, len, offset);
        return error;
    }
    if (error != 0 && file->disk->dead)
        return error;
    size_t room = room_for(file, offset, len);
    if (error != 0) { /* how much of it was done, nobody knows */
        size_t part = (size_t)(disk_draw(&file->disk->fates) % (room + 1));
        if (part > 0)
            write_do(file, data, part, offset);
        return error;
    }
    if (room == 0 && len > 0)
        return ENOSPC;
    write_do(file, data, room, offset);
    *put = room;
    return 0;
}

int disk_file_cut(struct disk_file *file, uint64_t len) {
    bool cut;
    int error = disk_step(file->disk, DISK_TRUNCATE, &cut);
    if (error != 0 && !cut)
        return error;
    if (len > file->content.len && room_for(file, file->content.len, (size_t)(len - file->content.len)) < len - file->content.len)
        return ENOSPC;
    const struct unsynced change = {.offset = len, .cut = true};
    bytes_resize(&file->content, (size_t)len);
    file->changed = ++disk_world.changes;
    unsynced_note(file, &change, "");
    return error;
}

int disk_file_sync(struct disk_file *file) {
    bool cut;
    int error = disk_step(file->disk, DISK_SYNC, &cut);
    if (error != 0) {
        /* The system counts the pages as clean from here on, whatever became of them. A directory's journal is tried again. */
        if (!cut && !file->disk->dead && !file->directory)
            unsynced_draw(file);
        return error;
    }
    if (file->directory)
        disk_names_confirm(file);
    else
        unsynced_confirm(file);
    return 0;
}
