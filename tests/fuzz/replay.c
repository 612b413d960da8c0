/* Runs a fuzz target over the files and folders given (not into folders of folders), each file in memory of exactly its length. Fails if there was none: a test
 * of nothing is no test. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static size_t replay_file(const char *path, size_t len) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(len + (len == 0)); /* so that the sanitizer sees one byte read too far */
    if (file == NULL || data == NULL || fread(data, 1, len, file) != len) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
    (void)LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 1;
}

static size_t replay(const char *path, bool deeper) {
    struct stat about;
    size_t count = 0;
    if (stat(path, &about) != 0) {
        fprintf(stderr, "%s: no such file\n", path);
        exit(1);
    }
    if (!S_ISDIR(about.st_mode)) {
        return replay_file(path, (size_t)about.st_size);
    }
    struct dirent **entries = NULL;
    int found = deeper ? scandir(path, &entries, NULL, alphasort) : 0;
    for (int i = 0; i < found; i++) {
        char inner[PATH_BYTES];
        int len = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && len < (int)sizeof inner) {
            count += replay(inner, false);
        }
        free(entries[i]);
    }
    free(entries);
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        count += replay(argv[i], true);
    }
    printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
