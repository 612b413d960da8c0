/* tools/options.c: where options may stand, verbs of one and two words, what is refused; tools/recovery_key.c: the written form of a key, and that a failure
 * leaves nothing. */
#include "tools/options.h"
#include "tools/recovery_key.h"
#include "tools/text.h"

#include "protocol/keys.h"
#include "store/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int run(const struct command *command) {
    (void)command;
    return 0;
}

static const struct option PUT_OPTIONS[] = {
    {"--unit", OPTION_VALUE, "CODE", "unit"},   {"--by", OPTION_VALUE, "unit|level LEVEL", "by"},
    {"--on-behalf", OPTION_FLAG, NULL, "flag"}, {"--address", OPTION_MANY, "A", "many"},
    {"-o", OPTION_VALUE, "FILE", "file"},       {NULL, OPTION_FLAG, NULL, NULL},
};
static const struct verb VERBS[] = {
    {"put", run, "FORM", "put", PUT_OPTIONS, 1, 3, false},
    {"unit add", run, "CODE", "add", NULL, 1, 1, false},
    {"unit list", run, "", "list", NULL, 0, 0, false},
    {"status", run, "", "status", NULL, 0, 0, false},
};

static char *words[16];
static struct command command;

/* Parses "hoi " followed by the words of line, divided by blanks. */
static bool parse(const char *line) {
    static char text[400];
    int count = 0;
    snprintf(text, sizeof text, "hoi %s", line);
    for (char *at = strtok(text, " "); at != NULL && count < 15; at = strtok(NULL, " ")) {
        words[count++] = at;
    }
    words[count] = NULL;
    const struct options_input input = {count, words, VERBS, sizeof VERBS / sizeof VERBS[0]};
    return options_parse(&command, &input);
}

static void test_places(void **state) {
    (void)state;
    unsetenv("HOI_DIR");
    assert_true(parse("put a"));
    assert_string_equal(command.verb->name, "put");
    assert_string_equal(command.dir, "/var/lib/hoi");
    assert_true(parse("--dir D --lang en put --unit 560 a b"));
    assert_string_equal(command.dir, "D");
    assert_int_equal(command.argument_count, 2);
    assert_string_equal(command.arguments[1], "b");
    assert_string_equal(options_value(&command, "--unit"), "560");
    assert_true(parse("unit --json add --dir=D X"));
    assert_string_equal(command.verb->name, "unit add");
    assert_string_equal(command.arguments[0], "X");
    assert_string_equal(command.dir, "D");
    assert_true(command.json);
    assert_true(parse("put - x=-5"));
    assert_string_equal(command.arguments[0], "-");
    assert_string_equal(command.arguments[1], "x=-5");
    assert_true(parse("put -- --unit"));
    assert_string_equal(command.arguments[0], "--unit");
    assert_true(parse("put a --address 1 --address 2 -o F --on-behalf --on-behalf"));
    assert_string_equal(options_nth(&command, "--address", 1), "2");
    assert_null(options_nth(&command, "--address", 2));
    assert_true(options_flag(&command, "--on-behalf"));
    assert_true(parse("put --by level 1 a b"));
    assert_string_equal(options_value(&command, "--by"), "level");
    assert_string_equal(options_nth(&command, "--by", 1), "1");
    assert_int_equal(command.argument_count, 2);
    assert_true(parse("put --by unit a b"));
    assert_int_equal(command.argument_count, 2);
    setenv("HOI_DIR", "E", 1);
    assert_true(parse("status"));
    assert_string_equal(command.dir, "E");
    unsetenv("HOI_DIR");
    assert_true(parse("--help"));
    assert_null(command.verb);
    assert_true(parse("unit add --help --nonsense"));
    assert_true(command.help);
}

static void test_mistakes(void **state) {
    static const char *const LINES[] = {
        "ptu a",
        "unit",
        "unit ad X",
        "submit a b",
        "put",
        "put a b c d",
        "put a --nonsense",
        "put a --unit",
        "status --unit",
        "put a -x",
        "put a --unit 1 --unit 2",
        "put a --by level",
        "put --lang fr a",
        "unit list X",
        "put a --dir",
    };
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof LINES[0]; i++) {
        assert_false(parse(LINES[i]));
    }
}

static void test_key_text(void **state) {
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz234567";
    char text[RECOVERY_TEXT_MAX];
    uint8_t seed[32], bytes[37] = {0};
    struct hash check;
    (void)state;
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)(i * 37 + 11);
    }
    recovery_key_text(text, seed);
    assert_int_equal(strncmp(text, "hoir1-", 6), 0);
    size_t bit = 0;
    for (const char *at = text + 6; *at != '\0'; at++) { /* read back by another way: bit by bit */
        const char *letter = strchr(LETTERS, *at);
        if (*at == '-') {
            assert_int_equal((at - (text + 6)) % 6, 5);
            continue;
        }
        assert_non_null(letter);
        for (int i = 4; i >= 0; i--, bit++) {
            assert_true(bit / 8 < sizeof bytes);
            bytes[bit / 8] |= (uint8_t)(((letter - LETTERS) >> i & 1) << (7 - bit % 8));
        }
    }
    assert_int_equal(bit, 290);
    assert_memory_equal(bytes, seed, 32);
    keys_hash(&check, "recovery-key", NULL, bytes_of(seed, 32), bytes_of(NULL, 0));
    assert_memory_equal(bytes + 32, check.b, 4);
    assert_int_equal(bytes[36], 0);
}

static void path_in(char out[256], const char *dir, const char *name) {
    snprintf(out, 256, "%s/%s", dir, name);
}

static void test_key_files(void **state) {
    char dir[] = "/tmp/hoi-test-keys-XXXXXX", path[256];
    struct stat about;
    (void)state;
    assert_non_null(mkdtemp(dir));
    struct recovery_set set = {.association = "Hội thử", .dir = dir, .threshold = 2, .count = 3};
    assert_int_equal(recovery_key_write(&set), STATUS_OK);
    assert_int_equal(set.written, 6);
    assert_memory_not_equal(set.keys[0], set.keys[1], 32);
    path_in(path, dir, "hoi-recovery-3.key");
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    /* Never over keys that lie there; and the one that stands stays. */
    struct recovery_set again = set;
    assert_int_equal(recovery_key_write(&again), STATUS_STORE_EXISTS);
    assert_int_equal(stat(path, &about), 0);
    recovery_key_remove(&set);
    assert_int_not_equal(stat(path, &about), 0);
    /* A failure half-way takes back what was written. */
    assert_int_equal(os_file_create(path, bytes_of("x", 1), true), STATUS_OK);
    assert_int_equal(recovery_key_write(&set), STATUS_STORE_EXISTS);
    path_in(path, dir, "hoi-recovery-1.key");
    assert_int_not_equal(stat(path, &about), 0);
    path_in(path, dir, "hoi-recovery-3.key");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_key_text),
                                       cmocka_unit_test(test_key_files)};
    if (keys_init() != STATUS_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
