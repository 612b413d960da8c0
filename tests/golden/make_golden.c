/* make_golden write FILE   writes the golden vectors
 * make_golden check FILE   makes them anew in memory and compares byte for byte; decodes and encodes each again; then damages each structure's vectors ten
 * thousand times: every damaged copy must be refused or come back byte for byte. Exit status 0 if all is well, 1 otherwise. */
#include "tests/golden/vectors.h"
#include "tests/unit/recode.h"

#include <stdio.h>

enum { MUTATIONS_PER_STRUCTURE = 10000 };

/* One vector a line, so that a change shows as the lines it is about. */
static char *make_text(const json_t *list) {
    struct buffer text;
    buffer_init(&text, 16u << 20);
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *line = json_dumps(json_array_get(list, i), JSON_COMPACT);
        vectors_must(buffer_append(&text, i == 0 ? "[\n" : ",\n", 2), "text");
        vectors_must(buffer_append(&text, line, strlen(line)), "text");
        free(line);
    }
    vectors_must(buffer_append(&text, "\n]\n", 4), "text");
    return (char *)text.data;
}

static json_t *make_list(void) {
    struct world world;
    json_t *list = json_array();
    vectors_world_init(&world);
    vectors_add_identity(list, &world);
    vectors_add_changes(list, &world);
    vectors_add_puts(list, &world);
    vectors_add_messages(list, &world);
    vectors_add_trust(list, &world);
    vectors_world_fini(&world);
    return list;
}

static int write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    bool good = file != NULL && fwrite(text, 1, strlen(text), file) == strlen(text);
    if (file != NULL && fclose(file) != 0) {
        good = false;
    }
    if (!good) {
        perror(path);
    }
    return good ? 0 : 1;
}

static bool file_is(const char *path, const char *text) {
    size_t len = strlen(text);
    char *held = malloc(len + 1);
    FILE *file = fopen(path, "rb");
    /* One byte more is asked for than there should be: a longer file is another file. */
    bool same = file != NULL && fread(held, 1, len + 1, file) == len && memcmp(held, text, len) == 0;
    if (file != NULL) {
        fclose(file);
    }
    free(held);
    return same;
}

static uint8_t digit(char character) {
    return (uint8_t)(character <= '9' ? character - '0' : character - 'a' + 10);
}

static struct buffer vector_bytes(const json_t *vector) {
    const char *hex = json_string_value(json_object_get(vector, "bytes"));
    struct buffer bytes;
    buffer_init(&bytes, MESSAGE_BYTES_MAX);
    for (; hex[0] != '\0'; hex += 2) {
        uint8_t byte = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
        vectors_must(buffer_append(&bytes, &byte, 1), "bytes");
    }
    return bytes;
}

static size_t vectors_of(const json_t *list, const char *structure) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        count += strcmp(json_string_value(json_object_get(json_array_get(list, i), "structure")), structure) == 0;
    }
    return count;
}

/* Whole, and then damaged: prints what is wrong; how many things were. */
static size_t check_vector(const json_t *vector, recode_fn fn, size_t mutations, uint64_t seed) {
    const char *name = json_string_value(json_object_get(vector, "name"));
    struct buffer bytes = vector_bytes(vector), again;
    size_t wrong = 0;
    buffer_init(&again, MESSAGE_BYTES_MAX);
    enum status status = fn(buffer_bytes(&bytes), &again);
    if (status != STATUS_OK || !bytes_equal(buffer_bytes(&bytes), buffer_bytes(&again))) {
        fprintf(stderr, "%s: does not come back the same: %s\n", name, status_name(status));
        wrong++;
    }
    struct recode_tally tally = recode_try(fn, buffer_bytes(&bytes), mutations, seed);
    if (tally.failed != 0) {
        fprintf(stderr, "%s: mutation %zu of seed %llu is accepted and does not come back the same\n", name, tally.failed, (unsigned long long)seed);
        wrong++;
    }
    if (tally.refused == 0) {
        fprintf(stderr, "%s: no mutation was refused\n", name);
        wrong++;
    }
    buffer_fini(&bytes);
    buffer_fini(&again);
    return wrong;
}

static int check(const json_t *list, const char *path, const char *text) {
    size_t wrong = 0, mutations = 0;
    if (!file_is(path, text)) {
        fprintf(stderr, "%s is not what this source writes: a format has changed\n", path);
        wrong++;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *vector = json_array_get(list, i);
        const char *structure = json_string_value(json_object_get(vector, "structure"));
        recode_fn fn = recode_of(structure);
        if (fn == NULL || strcmp(structure, "token") == 0) { /* token: bytes are not its text; tests/unit/test_enrolment.c has it */
            continue;
        }
        size_t times = MUTATIONS_PER_STRUCTURE / vectors_of(list, structure) + 1;
        wrong += check_vector(vector, fn, times, i + 1);
        mutations += times;
    }
    for (size_t i = 0; i < sizeof RECODES / sizeof RECODES[0]; i++) {
        if (vectors_of(list, RECODES[i].structure) == 0) {
            fprintf(stderr, "no vector of structure %s\n", RECODES[i].structure);
            wrong++;
        }
    }
    printf("%zu vectors, %zu mutations, %zu wrong\n", json_array_size(list), mutations, wrong);
    return wrong == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 3 || (strcmp(argv[1], "write") != 0 && strcmp(argv[1], "check") != 0)) {
        fprintf(stderr, "usage: make_golden write|check FILE\n");
        return 2;
    }
    vectors_must(keys_init(), "libsodium");
    json_t *list = make_list();
    char *text = make_text(list);
    int result = strcmp(argv[1], "write") == 0 ? write_file(argv[2], text) : check(list, argv[2], text);
    free(text);
    json_decref(list);
    return result;
}
