/* Keys at rest: what a key file must be before it is read, what a service manager hands over, and a key under a passphrase. */
#include "store/key_export.h"
#include "store/key_file.h"
#include "store_place.h"

#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct key_export_cost CHEAP = {1, 8192}; /* the least that Argon2id takes: these tests are about bytes */
#define PASSPHRASE bytes_of("bốn từ không ai nói", sizeof "bốn từ không ai nói" - 1)

static void made(const struct place *place, struct node_keys *keys) {
    assert_int_equal(key_file_make(place->key, keys), STATUS_OK);
}

static void assert_load(const struct place *place, enum status expected) {
    struct node_keys keys;
    enum status status = key_file_load(place->key, &keys);
    if (status != expected)
        fail_msg("%s instead of %s", status_name(status), status_name(expected));
    const struct node_keys none = {0};
    assert_int_equal(memcmp(&keys, &none, sizeof keys) == 0, expected != STATUS_OK);
    keys_wipe(&keys);
}

/* ---- the file ---- */

static void only_seeds_are_on_the_disk(void **state) {
    const struct place *place = *state;
    struct node_keys keys;
    struct buffer content;
    char hex[129];
    made(place, &keys);
    buffer_init(&content, 1024);
    assert_int_equal(os_file_read(place->key, 1024, &content), STATUS_OK);
    assert_int_equal(buffer_append(&content, "", 1), STATUS_OK);
    request_hex(hex, keys.signing_seed, 32);
    assert_non_null(strstr((const char *)content.data, hex));
    request_hex(hex, keys.signing_public, 32); /* also the second half of libsodium's secret key: damaged there, it signs what nobody verifies */
    assert_null(strstr((const char *)content.data, hex));
    request_hex(hex, keys.transport_public, 32);
    assert_null(strstr((const char *)content.data, hex));
    buffer_fini(&content);
    /* A half that is not derived from its seed cannot be loaded, for no such half is there to load: */
    struct node_keys again;
    assert_int_equal(key_file_load(place->key, &again), STATUS_OK);
    assert_int_equal(memcmp(&keys, &again, sizeof keys), 0);
}

static void any_bit_of_it_counts(void **state) {
    const struct place *place = *state;
    struct node_keys keys;
    struct stat about;
    made(place, &keys);
    assert_int_equal(stat(place->key, &about), 0);
    FILE *file = fopen(place->key, "r+b");
    assert_non_null(file);
    for (long at = 0; at < about.st_size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            assert_int_equal(fseek(file, at, SEEK_SET), 0);
            int byte = fgetc(file);
            assert_int_equal(fseek(file, at, SEEK_SET), 0);
            assert_int_not_equal(fputc(byte ^ 1 << bit, file), EOF);
            assert_int_equal(fflush(file), 0);
            assert_load(place, STATUS_KEY_DAMAGED);
            assert_int_equal(fseek(file, at, SEEK_SET), 0);
            assert_int_not_equal(fputc(byte, file), EOF);
            assert_int_equal(fflush(file), 0);
        }
    }
    assert_int_equal(fclose(file), 0);
    assert_load(place, STATUS_OK);
}

static void a_key_file_is_a_file_of_one_name(void **state) {
    const struct place *place = *state;
    struct node_keys keys;
    made(place, &keys);
    assert_int_equal(link(place->key, place->file), 0); /* read by the other name, where nobody looks who may */
    assert_load(place, STATUS_KEY_UNSAFE);
    assert_int_equal(unlink(place->file), 0);
    assert_load(place, STATUS_OK);
    assert_int_equal(rename(place->key, place->file), 0);
    assert_int_equal(symlink(place->file, place->key), 0);
    assert_load(place, STATUS_KEY_UNSAFE);
    assert_int_equal(unlink(place->key), 0);
    assert_int_equal(mkfifo(place->key, 0600), 0); /* and nobody is waited for */
    assert_load(place, STATUS_KEY_UNSAFE);
    assert_int_equal(unlink(place->key), 0);
    assert_int_equal(mkdir(place->key, 0700), 0);
    assert_load(place, STATUS_KEY_UNSAFE);
}

static void nobody_else_may_do_anything_with_it_or_its_directory(void **state) {
    const struct place *place = *state;
    struct node_keys keys;
    made(place, &keys);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(place->key, 0600 | bit), 0);
        assert_load(place, STATUS_KEY_UNSAFE);
        assert_int_equal(chmod(place->key, 0600), 0);
        assert_int_equal(chmod(place->dir, 0700 | bit), 0);
        assert_load(place, STATUS_KEY_UNSAFE);
        assert_int_equal(chmod(place->dir, 0700), 0);
    }
    assert_int_equal(chmod(place->key, 0400), 0);
    assert_load(place, STATUS_OK);
}

static void it_belongs_to_this_user_or_to_root(void **state) {
    const struct place *place = *state;
    struct node_keys keys;
    int how;
    made(place, &keys);
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    assert_int_equal(chown(place->key, 4711, (gid_t)-1), 0);
    assert_load(place, STATUS_KEY_UNSAFE);
    assert_int_equal(chown(place->key, 0, (gid_t)-1), 0);
    assert_int_equal(chown(place->dir, 4711, (gid_t)-1), 0);
    assert_load(place, STATUS_KEY_UNSAFE);
    /* As another user: his own directory with his own key; then one that root put there, which he cannot read as long as nobody else may. */
    assert_int_equal(chown(place->key, 4711, (gid_t)-1), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct node_keys own;
        _exit(setuid(4711) == 0 && key_file_load(place->key, &own) == STATUS_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(chown(place->dir, 0, (gid_t)-1), 0);
}

static void a_directory_is_made_private_only_where_it_is_empty(void **state) {
    const struct place *place = *state;
    struct stat about;
    assert_int_equal(chmod(place->dir, 0755), 0);
    assert_int_equal(os_file_create(place->file, bytes_of("somebody's", 10), false), STATUS_OK);
    assert_int_equal(os_directory_private(place->dir), STATUS_KEY_UNSAFE);
    const struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .practice = true};
    assert_int_equal(store_found(place->dir, &founding), STATUS_KEY_UNSAFE); /* what else lies there is not ours to shut */
    assert_false(os_file_exists(place->key));
    assert_int_equal(stat(place->dir, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0755);
    assert_int_equal(unlink(place->file), 0);
    assert_int_equal(store_found(place->dir, &founding), STATUS_OK);
    assert_int_equal(stat(place->dir, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
}

/* ---- handed over by the service manager ---- */

static void a_credential_comes_before_the_file(void **state) {
    const struct place *place = *state;
    char handed[SCRATCH_PATH], path[SCRATCH_PATH];
    struct node_keys first, second, got;
    scratch_path(handed, place->dir, "credentials");
    scratch_path(path, handed, KEY_FILE_CREDENTIAL);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(key_file_handed(&got), STATUS_NOT_FOUND);
    assert_int_equal(mkdir(handed, 0700), 0);
    scratch_found(place->dir);
    assert_int_equal(key_file_load(place->key, &first), STATUS_OK);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", handed, 1), 0);
    assert_int_equal(key_file_handed(&got), STATUS_NOT_FOUND); /* of another name: not for us */
    store_close(scratch_open(place->dir));
    /* The key moves there: the directory needs none any more. */
    assert_int_equal(rename(place->key, path), 0);
    assert_int_equal(key_file_handed(&got), STATUS_OK);
    assert_int_equal(memcmp(&got, &first, sizeof got), 0);
    store_close(scratch_open(place->dir));
    /* A key of another node is refused, though the directory's own would fit. */
    assert_int_equal(rename(path, place->key), 0);
    assert_int_equal(key_file_make(path, &second), STATUS_OK);
    struct store *store = NULL;
    assert_int_equal(store_open(&store, place->dir, 0, NULL), STATUS_KEY_DAMAGED);
    /* Open to others, it is no secret. */
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(key_file_handed(&got), STATUS_KEY_UNSAFE);
    assert_int_equal(store_open(&store, place->dir, 0, NULL), STATUS_KEY_UNSAFE);
    if (geteuid() == 0) { /* root's own, readable by a list of accounts, as systemd hands it to a user */
        assert_int_equal(chmod(path, 0440), 0);
        assert_int_equal(key_file_handed(&got), STATUS_OK);
        assert_int_equal(chmod(path, 0460), 0);
        assert_int_equal(key_file_handed(&got), STATUS_KEY_UNSAFE);
    }
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    store_close(scratch_open(place->dir));
}

/* ---- under a passphrase ---- */

static void sealed(struct buffer *out, const struct node_keys *keys) {
    buffer_init(out, KEY_EXPORT_BYTES_MAX);
    assert_int_equal(key_export_seal(out, keys, PASSPHRASE, &CHEAP), STATUS_OK);
}

static void an_exported_key_comes_back(void **state) {
    const struct place *place = *state;
    struct node_keys keys, got;
    struct buffer text, other;
    made(place, &keys);
    sealed(&text, &keys);
    assert_int_equal(key_export_open(&got, buffer_bytes(&text), PASSPHRASE), STATUS_OK);
    assert_int_equal(memcmp(&keys, &got, sizeof keys), 0);
    /* Neither seed nor anything derived stands in it, and no two are alike. */
    char hex[65];
    assert_int_equal(buffer_append(&text, "", 1), STATUS_OK);
    request_hex(hex, keys.signing_seed, 32);
    assert_null(strstr((const char *)text.data, hex));
    request_hex(hex, keys.transport_secret, 32);
    assert_null(strstr((const char *)text.data, hex));
    text.len--;
    sealed(&other, &keys);
    assert_false(bytes_equal(buffer_bytes(&text), buffer_bytes(&other)));
    buffer_fini(&other);
    /* The wrong passphrase is told from damage. */
    assert_int_equal(key_export_open(&got, buffer_bytes(&text), bytes_of("bon tu khong ai noi", 19)), STATUS_PASSPHRASE_WRONG);
    assert_int_equal(key_export_open(&got, buffer_bytes(&text), bytes_of("short", 5)), STATUS_PASSPHRASE_WRONG);
    const struct node_keys none = {0};
    assert_int_equal(memcmp(&got, &none, sizeof got), 0);
    buffer_clear(&text);
    assert_int_equal(key_export_seal(&text, &keys, bytes_of("123456789", 9), &CHEAP), STATUS_PASSPHRASE_WEAK);
    assert_int_equal(text.len, 0);
    /* Put into place it is the file that was. */
    assert_int_equal(key_file_put(place->key, &keys), STATUS_STORE_EXISTS);
    assert_int_equal(key_file_put(place->file, &keys), STATUS_OK);
    assert_int_equal(key_file_load(place->file, &got), STATUS_OK);
    assert_int_equal(memcmp(&keys, &got, sizeof keys), 0);
    buffer_fini(&text);
}

static void any_bit_of_an_export_counts(void **state) {
    const struct place *place = *state;
    struct node_keys keys, got;
    struct buffer text;
    made(place, &keys);
    sealed(&text, &keys);
    for (size_t at = 0; at < text.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            text.data[at] = (uint8_t)(text.data[at] ^ 1 << bit);
            assert_int_equal(key_export_open(&got, buffer_bytes(&text), PASSPHRASE), STATUS_KEY_DAMAGED);
            text.data[at] = (uint8_t)(text.data[at] ^ 1 << bit);
        }
        assert_int_equal(key_export_open(&got, bytes_of(text.data, at), PASSPHRASE), STATUS_KEY_DAMAGED);
    }
    buffer_fini(&text);
}

/* Replaces a line of the text by another and makes the sum fit again: what somebody can do who means harm. */
static void altered(struct buffer *out, const struct buffer *text, const char *word, const char *line) {
    char copy[KEY_EXPORT_BYTES_MAX + 1], *save = NULL, sum[40];
    struct hash hash;
    (void)snprintf(copy, sizeof copy, "%.*s", (int)text->len, (const char *)text->data);
    buffer_clear(out);
    for (char *at = strtok_r(copy, "\n", &save); at != NULL; at = strtok_r(NULL, "\n", &save)) {
        if (strncmp(at, "sum ", 4) == 0)
            break;
        const char *put = strncmp(at, word, strlen(word)) == 0 ? line : at;
        assert_int_equal(buffer_append(out, put, strlen(put)), STATUS_OK);
        assert_int_equal(buffer_append(out, "\n", 1), STATUS_OK);
    }
    keys_hash(&hash, "key-export", NULL, buffer_bytes(out), (struct bytes){0});
    memcpy(sum, "sum ", 4);
    request_hex(sum + 4, hash.b, 16);
    assert_int_equal(buffer_append(out, sum, 36), STATUS_OK);
    assert_int_equal(buffer_append(out, "\n", 1), STATUS_OK);
}

static void an_export_cannot_ask_for_more_than_ours_do(void **state) {
    const struct place *place = *state;
    static const struct {
        const char *word, *line;
        enum status expected;
    } CASES[] = {
        {"nothing", "", STATUS_OK},
        {"mem ", "mem 268435457", STATUS_TOO_LARGE}, /* a byte more than 256 MiB */
        {"mem ", "mem 999999999999999999", STATUS_TOO_LARGE},
        {"mem ", "mem 1", STATUS_TOO_LARGE},
        {"ops ", "ops 5", STATUS_TOO_LARGE},
        {"ops ", "ops 0", STATUS_TOO_LARGE},
        {"ops ", "ops 2", STATUS_PASSPHRASE_WRONG},  /* another key comes of it */
        {"ops ", "ops 01", STATUS_PASSPHRASE_WRONG}, /* the same key; but the line is under the box's seal */
        {"ops ", "ops -1", STATUS_KEY_DAMAGED},
        {"ops ", "ops", STATUS_KEY_DAMAGED},
        {"number ", "number 0123456789abcdef", STATUS_PASSPHRASE_WRONG},
        {"salt ", "salt 00", STATUS_KEY_DAMAGED},
        {"header ", "header 000102030405060708090a0b0c0d0e0f1011121314151617", STATUS_PASSPHRASE_WRONG},
        {"box ", "box 00", STATUS_PASSPHRASE_WRONG},
    };
    struct node_keys keys, got;
    struct buffer text, changed;
    made(place, &keys);
    sealed(&text, &keys);
    buffer_init(&changed, 2 * KEY_EXPORT_BYTES_MAX);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        altered(&changed, &text, CASES[i].word, CASES[i].line);
        enum status status = key_export_open(&got, buffer_bytes(&changed), PASSPHRASE);
        if (status != CASES[i].expected)
            fail_msg("%s: %s instead of %s", CASES[i].line, status_name(status), status_name(CASES[i].expected));
    }
    buffer_fini(&text);
    buffer_fini(&changed);
}

static void hex_line(char *out, size_t size, const char *word, const uint8_t *bytes, size_t len) {
    int at = snprintf(out, size, "%s ", word);
    request_hex(out + at, bytes, len);
}

/* A stream that goes on is none that was written whole: here somebody has the passphrase, and seals the very key with another tag. */
static void an_export_ends_where_its_seal_says(void **state) {
    const struct place *place = *state;
    struct node_keys keys, got;
    struct buffer text, inner, lines, whole;
    crypto_secretstream_xchacha20poly1305_state stream;
    uint8_t salt[crypto_pwhash_SALTBYTES], header[crypto_secretstream_xchacha20poly1305_HEADERBYTES], key[crypto_secretstream_xchacha20poly1305_KEYBYTES],
        box[600];
    static const uint8_t TAGS[] = {crypto_secretstream_xchacha20poly1305_TAG_FINAL, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE};
    made(place, &keys);
    sealed(&text, &keys);
    buffer_init(&inner, 600);
    buffer_init(&lines, 2 * KEY_EXPORT_BYTES_MAX);
    buffer_init(&whole, 2 * KEY_EXPORT_BYTES_MAX);
    assert_int_equal(key_file_text(&inner, &keys), STATUS_OK);
    assert_int_equal(buffer_append(&text, "", 1), STATUS_OK);
    const char *hex = strstr((const char *)text.data, "\nsalt ") + 6;
    assert_int_equal(sodium_hex2bin(salt, sizeof salt, hex, 32, NULL, NULL, NULL), 0);
    text.len--;
    assert_int_equal(crypto_pwhash(key, sizeof key, (const char *)PASSPHRASE.data, PASSPHRASE.len, salt, CHEAP.ops, (size_t)CHEAP.memory_bytes,
                                   crypto_pwhash_ALG_ARGON2ID13),
                     0);
    for (size_t i = 0; i < sizeof TAGS; i++) {
        char line[1400];
        unsigned long long len;
        assert_int_equal(crypto_secretstream_xchacha20poly1305_init_push(&stream, header, key), 0);
        hex_line(line, sizeof line, "header", header, sizeof header);
        altered(&lines, &text, "header ", line);
        size_t above = (size_t)((const uint8_t *)strstr((const char *)lines.data, "\nbox ") + 1 - lines.data);
        assert_int_equal(crypto_secretstream_xchacha20poly1305_push(&stream, box, &len, inner.data, inner.len, lines.data, above, TAGS[i]), 0);
        hex_line(line, sizeof line, "box", box, (size_t)len);
        altered(&whole, &lines, "box ", line);
        assert_int_equal(key_export_open(&got, buffer_bytes(&whole), PASSPHRASE), i == 0 ? STATUS_OK : STATUS_KEY_DAMAGED);
    }
    buffer_fini(&text);
    buffer_fini(&inner);
    buffer_fini(&lines);
    buffer_fini(&whole);
}

static void the_cost_suits_the_pc(void **state) {
    (void)state;
    const int64_t gib = 1024 * 1024 * 1024;
    struct key_export_cost small = key_export_cost(2 * gib - 1), large = key_export_cost(2 * gib), unknown = key_export_cost(-1);
    assert_int_equal(small.memory_bytes, 64 * 1024 * 1024);
    assert_int_equal(large.memory_bytes, 256 * 1024 * 1024);
    assert_int_equal(unknown.memory_bytes, large.memory_bytes);
    assert_true(large.ops > small.ops && small.ops >= 2);
}

/* ---- memory ---- */

static void no_core_dump_is_made(void **state) {
    (void)state;
    int how;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit;
        os_memory_guard();
        _exit(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PLACE_TEST(only_seeds_are_on_the_disk),         PLACE_TEST(any_bit_of_it_counts),
        PLACE_TEST(a_key_file_is_a_file_of_one_name),   PLACE_TEST(nobody_else_may_do_anything_with_it_or_its_directory),
        PLACE_TEST(it_belongs_to_this_user_or_to_root), PLACE_TEST(a_directory_is_made_private_only_where_it_is_empty),
        PLACE_TEST(a_credential_comes_before_the_file), PLACE_TEST(an_exported_key_comes_back),
        PLACE_TEST(any_bit_of_an_export_counts),        PLACE_TEST(an_export_cannot_ask_for_more_than_ours_do),
        PLACE_TEST(an_export_ends_where_its_seal_says), cmocka_unit_test(the_cost_suits_the_pc),
        cmocka_unit_test(no_core_dump_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
