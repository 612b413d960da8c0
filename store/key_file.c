#include "store/key_file.h"

#include "store/os.h"

#include <sodium.h>
#include <stdio.h>

static const char algorithm[] = "hoi node key 1 ed25519 x25519\n";

enum { TEXT_BYTES_MAX = 512, NUMBER_BYTES = 8, SUM_BYTES = 16, HANDED_PATH_BYTES = 1200 };

static void hex(char *out, const uint8_t *bytes, size_t len) {
    (void)sodium_bin2hex(out, 2 * len + 1, bytes, len);
}

/* The key number: which key this is, without telling it. */
static void number_of(uint8_t number[NUMBER_BYTES], const struct node_keys *keys) {
    struct hash hash;
    keys_hash(&hash, "key-number", NULL, bytes_of(keys->signing_public, 32), bytes_of(keys->transport_public, 32));
    memcpy(number, hash.b, NUMBER_BYTES);
}

/* The lines before the checksum, and then the checksum's own. The length of the text. */
static size_t text_of(char text[TEXT_BYTES_MAX], const struct node_keys *keys) {
    uint8_t number[NUMBER_BYTES];
    char number_hex[2 * NUMBER_BYTES + 1], signing[65], transport[65], sum[2 * SUM_BYTES + 1];
    struct hash hash;
    number_of(number, keys);
    hex(number_hex, number, sizeof number);
    hex(signing, keys->signing_seed, 32);
    hex(transport, keys->transport_secret, 32);
    int len = snprintf(text, TEXT_BYTES_MAX, "%snumber %s\nsigning %s\ntransport %s\n", algorithm, number_hex, signing, transport);
    keys_hash(&hash, "key-file", NULL, bytes_of(text, (size_t)len), (struct bytes){0});
    hex(sum, hash.b, SUM_BYTES);
    len += snprintf(text + len, TEXT_BYTES_MAX - (size_t)len, "sum %s\n", sum);
    sodium_memzero(signing, sizeof signing);
    sodium_memzero(transport, sizeof transport);
    return (size_t)len;
}

enum status key_file_make(const char *path, struct node_keys *out) {
    uint8_t seeds[2][32];
    char text[TEXT_BYTES_MAX];
    os_random(seeds, sizeof seeds);
    enum status status = keys_from_seeds(out, seeds[0], seeds[1]);
    if (status == STATUS_OK)
        status = os_file_create(path, bytes_of(text, text_of(text, out)), true);
    if (status != STATUS_OK)
        keys_wipe(out);
    sodium_memzero(seeds, sizeof seeds);
    sodium_memzero(text, sizeof text);
    return status;
}

enum status key_file_put(const char *path, const struct node_keys *keys) {
    char text[TEXT_BYTES_MAX];
    enum status status = os_file_create(path, bytes_of(text, text_of(text, keys)), true);
    sodium_memzero(text, sizeof text);
    return status;
}

/* Takes "word HEX\n" from the front of *text. */
static bool take_line(struct bytes *text, const char *word, uint8_t out[32]) {
    size_t word_len = strlen(word), line_len = word_len + 64 + 1, got = 0;
    if (text->len < line_len || memcmp(text->data, word, word_len) != 0 || text->data[line_len - 1] != '\n')
        return false;
    bool whole = sodium_hex2bin(out, 32, (const char *)text->data + word_len, 64, NULL, &got, NULL) == 0 && got == 32;
    *text = bytes_of(text->data + line_len, text->len - line_len);
    return whole;
}

/* Any other text than the one these keys are written as is damage: reading it so leaves nothing unjudged. */
static enum status parse(struct bytes content, struct node_keys *out) {
    uint8_t signing[32] = {0}, transport[32] = {0};
    char again[TEXT_BYTES_MAX];
    const size_t skipped = sizeof algorithm - 1 + strlen("number ") + 2 * NUMBER_BYTES + 1;
    struct bytes rest = content.len > skipped ? bytes_of(content.data + skipped, content.len - skipped) : (struct bytes){0};
    enum status status = STATUS_KEY_DAMAGED;
    if (take_line(&rest, "signing ", signing) && take_line(&rest, "transport ", transport))
        status = keys_from_seeds(out, signing, transport);
    if (status == STATUS_OK) {
        size_t len = text_of(again, out);
        if (len != content.len || sodium_memcmp(again, content.data, len) != 0)
            status = STATUS_KEY_DAMAGED;
    }
    sodium_memzero(signing, sizeof signing);
    sodium_memzero(transport, sizeof transport);
    sodium_memzero(again, sizeof again);
    return status;
}

static enum status load(const char *path, struct node_keys *out, enum status (*read)(const char *path, size_t bytes_max, struct buffer *out)) {
    struct buffer content;
    buffer_init(&content, TEXT_BYTES_MAX);
    enum status status = read(path, TEXT_BYTES_MAX, &content);
    if (status == STATUS_TOO_LARGE)
        status = STATUS_KEY_DAMAGED;
    if (status == STATUS_OK)
        status = parse(buffer_bytes(&content), out);
    if (content.data != NULL)
        sodium_memzero(content.data, content.capacity);
    buffer_fini(&content);
    if (status != STATUS_OK)
        keys_wipe(out);
    return status;
}

enum status key_file_load(const char *path, struct node_keys *out) {
    return load(path, out, os_secret_read);
}

enum status key_file_handed(struct node_keys *out) {
    char path[HANDED_PATH_BYTES];
    if (!os_credential(KEY_FILE_CREDENTIAL, path, sizeof path)) {
        keys_wipe(out);
        return STATUS_NOT_FOUND;
    }
    return load(path, out, os_handed_read);
}

enum status key_file_text(struct buffer *out, const struct node_keys *keys) {
    char text[TEXT_BYTES_MAX];
    enum status status = buffer_append(out, text, text_of(text, keys));
    sodium_memzero(text, sizeof text);
    return status;
}

enum status key_file_parse(struct bytes text, struct node_keys *out) {
    enum status status = text.len <= TEXT_BYTES_MAX ? parse(text, out) : STATUS_KEY_DAMAGED;
    if (status != STATUS_OK)
        keys_wipe(out);
    return status;
}

struct node_keys *key_file_room(void) {
    struct node_keys *keys = sodium_malloc(sizeof *keys);
    if (keys != NULL)
        sodium_memzero(keys, sizeof *keys);
    return keys;
}

void key_file_release(struct node_keys *keys) {
    sodium_free(keys); /* wipes, and knows NULL */
}
