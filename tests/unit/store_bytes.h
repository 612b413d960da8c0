/* What stands on the disk, byte by byte: is a text in any file of a directory (the database, its write-ahead log, whatever else lies there)? */
#ifndef TESTS_UNIT_STORE_BYTES_H
#define TESTS_UNIT_STORE_BYTES_H

#include "store_scratch.h"

#include <dirent.h>

static inline size_t bytes_in_file(const char *path, const char *text) {
    FILE *file = fopen(path, "rb");
    size_t found = 0, len = strlen(text);
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size >= 0);
    rewind(file);
    char *bytes = malloc((size_t)size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    for (size_t i = 0; i + len <= (size_t)size; i++)
        found += memcmp(bytes + i, text, len) == 0;
    free(bytes);
    (void)fclose(file);
    return found;
}

/* How often the text stands in files of the directory. It must be short and of letters as they come, so that no compression takes it apart: whoever asserts that it is nowhere
 * has first to find it somewhere by the same function. */
static inline size_t bytes_on_disk(const char *dir, const char *text) {
    DIR *opened = opendir(dir);
    size_t found = 0;
    assert_non_null(opened);
    for (const struct dirent *entry; (entry = readdir(opened)) != NULL;) {
        char path[2 * SCRATCH_PATH + 256];
        struct stat info;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (lstat(path, &info) == 0 && S_ISREG(info.st_mode))
            found += bytes_in_file(path, text);
    }
    (void)closedir(opened);
    return found;
}

#endif
