#include "store/key_export.h"

#include "protocol/planted.h"
#include "store/key_file.h"
#include "store/os.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

static const char TITLE[] = "hoi exported key 1 argon2id13 xchacha20poly1305\n";

enum {
    INNER_BYTES_MAX = 512,
    BOX_BYTES_MAX = INNER_BYTES_MAX + crypto_secretstream_xchacha20poly1305_ABYTES,
    SUM_BYTES = 16,
    NUMBER_LINE_AT = sizeof "hoi node key 1 ed25519 x25519\n" - 1, /* where the key file names its number, and how long that line is */
    NUMBER_LINE_BYTES = sizeof "number 0123456789abcdef\n" - 1,
    OPS_MAX = 4 /* libsodium's SENSITIVE; a byte of memory more than MODERATE asks for is never written by hoi */
};
#define MEMORY_MAX crypto_pwhash_MEMLIMIT_MODERATE
#define SMALL_PC_BYTES ((int64_t)2 * 1024 * 1024 * 1024)

static_assert(crypto_pwhash_OPSLIMIT_MODERATE <= OPS_MAX && crypto_pwhash_OPSLIMIT_INTERACTIVE <= OPS_MAX, "what is written can be read");
static_assert(crypto_pwhash_ALG_ARGON2ID13 == crypto_pwhash_ALG_DEFAULT, "the algorithm that the title names is the one in use");

struct key_export_cost key_export_cost(int64_t memory_bytes) {
    bool small = memory_bytes >= 0 && memory_bytes < SMALL_PC_BYTES;
    return small ? (struct key_export_cost){crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE}
                 : (struct key_export_cost){crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_MODERATE};
}

/* What stands in the lines. */
struct exported {
    struct bytes number_line; /* with its line feed */
    struct key_export_cost cost;
    uint8_t salt[crypto_pwhash_SALTBYTES], header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
    uint8_t box[BOX_BYTES_MAX];
    size_t box_len, lines_len; /* of all lines before the box */
};

/* ---- deriving ---- */

/* The key of the box in memory of its own; NULL without that much memory. */
static uint8_t *derive(const struct exported *exported, struct bytes passphrase) {
    uint8_t *key = sodium_malloc(crypto_secretstream_xchacha20poly1305_KEYBYTES);
    if (key == NULL)
        return NULL;
    if (crypto_pwhash(key, crypto_secretstream_xchacha20poly1305_KEYBYTES, (const char *)passphrase.data, passphrase.len, exported->salt, exported->cost.ops,
                      (size_t)exported->cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return key;
    sodium_free(key);
    return NULL;
}

/* ---- writing ---- */

static enum status append_text(struct buffer *out, const char *text) {
    return buffer_append(out, text, strlen(text));
}

static enum status append_hex(struct buffer *out, const char *word, const uint8_t *bytes, size_t len) {
    char text[2 * BOX_BYTES_MAX + 1];
    (void)sodium_bin2hex(text, sizeof text, bytes, len);
    enum status status = append_text(out, word);
    if (status == STATUS_OK)
        status = append_text(out, " ");
    if (status == STATUS_OK)
        status = append_text(out, text);
    return status == STATUS_OK ? append_text(out, "\n") : status;
}

static enum status write_lines(struct buffer *out, const struct exported *exported) {
    char costs[96];
    (void)snprintf(costs, sizeof costs, "ops %" PRIu64 "\nmem %" PRIu64 "\n", exported->cost.ops, exported->cost.memory_bytes);
    enum status status = append_text(out, TITLE);
    if (status == STATUS_OK)
        status = buffer_append(out, exported->number_line.data, exported->number_line.len);
    if (status == STATUS_OK)
        status = append_text(out, costs);
    if (status == STATUS_OK)
        status = append_hex(out, "salt", exported->salt, sizeof exported->salt);
    return status == STATUS_OK ? append_hex(out, "header", exported->header, sizeof exported->header) : status;
}

static enum status write_sum(struct buffer *out) {
    struct hash hash;
    keys_hash(&hash, "key-export", NULL, buffer_bytes(out), (struct bytes){0});
    return append_hex(out, "sum", hash.b, SUM_BYTES);
}

/* Lines, box and sum, into an empty buffer. */
static enum status seal(struct buffer *out, struct exported *exported, struct bytes inner, const uint8_t *key) {
    crypto_secretstream_xchacha20poly1305_state state;
    unsigned long long box_len = 0;
    if (crypto_secretstream_xchacha20poly1305_init_push(&state, exported->header, key) != 0)
        return STATUS_INTERNAL;
    enum status status = write_lines(out, exported);
    if (status == STATUS_OK && crypto_secretstream_xchacha20poly1305_push(&state, exported->box, &box_len, inner.data, inner.len, out->data, out->len,
                                                                          crypto_secretstream_xchacha20poly1305_TAG_FINAL) != 0)
        status = STATUS_INTERNAL;
    if (status == STATUS_OK)
        status = append_hex(out, "box", exported->box, (size_t)box_len);
    if (status == STATUS_OK)
        status = write_sum(out);
    sodium_memzero(&state, sizeof state);
    return status;
}

static bool passphrase_fits(struct bytes passphrase) {
    return passphrase.len >= PASSPHRASE_BYTES_MIN && passphrase.len <= PASSPHRASE_BYTES_MAX;
}

static void wipe(struct buffer *buffer) {
    if (buffer->data != NULL)
        sodium_memzero(buffer->data, buffer->capacity);
    buffer_fini(buffer);
}

enum status key_export_seal(struct buffer *out, const struct node_keys *keys, struct bytes passphrase, const struct key_export_cost *cost) {
    struct exported exported = {.cost = *cost};
    struct buffer inner, text;
    if (!passphrase_fits(passphrase))
        return STATUS_PASSPHRASE_WEAK;
    buffer_init(&inner, INNER_BYTES_MAX);
    buffer_init(&text, KEY_EXPORT_BYTES_MAX);
    os_random(exported.salt, sizeof exported.salt);
    uint8_t *key = derive(&exported, passphrase);
    enum status status = key == NULL ? STATUS_NO_MEMORY : key_file_text(&inner, keys);
    if (status == STATUS_OK) {
        exported.number_line = bytes_of(inner.data + NUMBER_LINE_AT, NUMBER_LINE_BYTES);
        status = seal(&text, &exported, buffer_bytes(&inner), key);
    }
    if (status == STATUS_OK)
        status = buffer_append(out, text.data, text.len);
    sodium_free(key);
    wipe(&inner);
    buffer_fini(&text);
    return status;
}

/* ---- reading ---- */

/* Takes "word VALUE\n" from the front of *text; the value, empty where the line is another. */
static struct bytes take_line(struct bytes *text, const char *word) {
    size_t word_len = strlen(word);
    const uint8_t *end = text->len > word_len + 1 ? memchr(text->data, '\n', text->len) : NULL;
    if (end == NULL || memcmp(text->data, word, word_len) != 0 || text->data[word_len] != ' ')
        return (struct bytes){0};
    struct bytes value = {text->data + word_len + 1, (size_t)(end - text->data) - word_len - 1};
    text->len -= (size_t)(end - text->data) + 1;
    text->data = end + 1;
    return value;
}

static bool take_hex(struct bytes *text, const char *word, uint8_t *out, size_t max, size_t *len) {
    struct bytes value = take_line(text, word);
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] >= 'A' && value.data[i] <= 'F')
            return false; /* one way of writing each */
    }
    return value.len > 0 && sodium_hex2bin(out, max, (const char *)value.data, value.len, NULL, len, NULL) == 0 && *len * 2 == value.len;
}

static bool take_number(struct bytes *text, const char *word, uint64_t *out) {
    struct bytes value = take_line(text, word);
    *out = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i >= 18)
            return false;
        *out = *out * 10 + (uint64_t)(value.data[i] - '0');
    }
    return value.len > 0;
}

/* Any other text than the one that these values are written as is damage: reading it so leaves nothing unjudged. */
static bool read_text(struct exported *out, struct bytes text) {
    struct bytes rest = text;
    size_t salt = 0, header = 0, sum = 0;
    uint8_t given[SUM_BYTES];
    struct hash hash;
    if (text.len > KEY_EXPORT_BYTES_MAX || rest.len < sizeof TITLE - 1 || memcmp(rest.data, TITLE, sizeof TITLE - 1) != 0)
        return false;
    rest = bytes_of(rest.data + sizeof TITLE - 1, rest.len - (sizeof TITLE - 1));
    out->number_line = bytes_of(rest.data, NUMBER_LINE_BYTES);
    bool fine = take_line(&rest, "number").len == NUMBER_LINE_BYTES - sizeof "number " && take_number(&rest, "ops", &out->cost.ops) &&
                take_number(&rest, "mem", &out->cost.memory_bytes) && take_hex(&rest, "salt", out->salt, sizeof out->salt, &salt) && salt == sizeof out->salt &&
                take_hex(&rest, "header", out->header, sizeof out->header, &header) && header == sizeof out->header;
    out->lines_len = (size_t)(rest.data - text.data);
    fine = fine && take_hex(&rest, "box", out->box, sizeof out->box, &out->box_len);
    keys_hash(&hash, "key-export", NULL, bytes_of(text.data, (size_t)(rest.data - text.data)), (struct bytes){0});
    return fine && take_hex(&rest, "sum", given, sizeof given, &sum) && sum == sizeof given && rest.len == 0 && memcmp(given, hash.b, sizeof given) == 0;
}

static bool cost_within_bounds(const struct key_export_cost *cost) {
    return cost->ops >= crypto_pwhash_OPSLIMIT_MIN && cost->ops <= OPS_MAX && cost->memory_bytes >= crypto_pwhash_MEMLIMIT_MIN &&
           cost->memory_bytes <= MEMORY_MAX;
}

static enum status unseal(struct node_keys *out, const struct exported *exported, struct bytes text, const uint8_t *key) {
    crypto_secretstream_xchacha20poly1305_state state;
    unsigned long long inner_len = 0;
    unsigned char tag = 0;
    uint8_t *inner = sodium_malloc(BOX_BYTES_MAX);
    if (inner == NULL)
        return STATUS_NO_MEMORY;
    enum status status = STATUS_PASSPHRASE_WRONG;
    if (exported->box_len >= crypto_secretstream_xchacha20poly1305_ABYTES &&
        crypto_secretstream_xchacha20poly1305_init_pull(&state, exported->header, key) == 0 &&
        crypto_secretstream_xchacha20poly1305_pull(&state, inner, &inner_len, &tag, exported->box, exported->box_len, text.data, exported->lines_len) == 0) {
        bool whole = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL || PLANTED("export-cut-short");
        bool same = inner_len > NUMBER_LINE_AT + NUMBER_LINE_BYTES && memcmp(inner + NUMBER_LINE_AT, exported->number_line.data, NUMBER_LINE_BYTES) == 0;
        status = whole && same ? key_file_parse(bytes_of(inner, (size_t)inner_len), out) : STATUS_KEY_DAMAGED;
    }
    sodium_memzero(&state, sizeof state);
    sodium_free(inner);
    return status;
}

enum status key_export_open(struct node_keys *out, struct bytes text, struct bytes passphrase) {
    struct exported *exported = calloc(1, sizeof *exported);
    keys_wipe(out);
    if (exported == NULL)
        return STATUS_NO_MEMORY;
    enum status status = !read_text(exported, text) ? STATUS_KEY_DAMAGED : !cost_within_bounds(&exported->cost) ? STATUS_TOO_LARGE : STATUS_OK;
    if (status == STATUS_OK && !passphrase_fits(passphrase))
        status = STATUS_PASSPHRASE_WRONG; /* none such was ever taken */
    uint8_t *key = status == STATUS_OK ? derive(exported, passphrase) : NULL;
    if (status == STATUS_OK)
        status = key == NULL ? STATUS_NO_MEMORY : unseal(out, exported, text, key);
    sodium_free(key);
    free(exported);
    if (status != STATUS_OK)
        keys_wipe(out);
    return status;
}
