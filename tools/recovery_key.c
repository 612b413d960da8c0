#include "tools/recovery_key.h"

#include "protocol/keys.h"
#include "store/os.h"
#include "tools/refusal.h"
#include "tools/text.h"

#include <sodium.h>
#include <stdlib.h>
#include <time.h>

void recovery_key_text(char out[RECOVERY_TEXT_MAX], const uint8_t seed[32]) {
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz234567";
    struct hash check;
    uint8_t bytes[36];
    keys_hash(&check, "recovery-key", NULL, bytes_of(seed, 32), bytes_of(NULL, 0));
    memcpy(bytes, seed, 32);
    memcpy(bytes + 32, check.b, 4);
    size_t len = (size_t)snprintf(out, RECOVERY_TEXT_MAX, "hoir1");
    for (size_t letter = 0; letter * 5 < sizeof bytes * 8; letter++) {
        size_t byte = letter * 5 / 8, shift = 11 - letter * 5 % 8;
        unsigned window = (unsigned)bytes[byte] << 8 | (byte + 1 < sizeof bytes ? bytes[byte + 1] : 0u);
        if (letter % 5 == 0) {
            out[len++] = '-';
        }
        out[len++] = LETTERS[window >> shift & 31];
    }
    out[len] = '\0';
    sodium_memzero(bytes, sizeof bytes);
}

/* ---- files ---- */

static const char KEY_FILE[] = "hoi recovery key\n"
                               "association: {association}\n"
                               "key: {number} of {count}, {threshold} needed\n"
                               "public: {public}\n"
                               "made: {made}\n"
                               "secret: {secret}\n";

/* The page for the cupboard, once in each language. */
#define PAGE \
    N_("RECOVERY KEY {number} OF {count}\n" \
       "Association: {association}\n" \
       "Made on {made}\n" \
       "\n" \
       "{secret}\n" \
       "\n" \
       "What it is for: if the PC of the founding office is lost, or its key is stolen,\n" \
       "{threshold} of the {count} recovery keys together appoint a new one. Nobody can do it with\n" \
       "fewer, and nobody can replace lost recovery keys.\n" \
       "Where to keep it: print this page, put it into a sealed envelope and give each key\n" \
       "to another person at another place (a safe, a cupboard under lock). Then delete\n" \
       "the files from the PC and the stick they came from. Show the key to nobody.\n")

static void key_path(char out[RECOVERY_PATH_MAX], const struct recovery_set *set, unsigned file) {
    snprintf(out, RECOVERY_PATH_MAX, "%s/hoi-recovery-%u.%s", set->dir, file / 2 + 1, file % 2 == 0 ? "key" : "txt");
}

static enum status write_file(struct recovery_set *set, const char *template, const char *second, const char *const facts[6]) {
    char path[RECOVERY_PATH_MAX];
    struct text_memory memory;
    const char *const templates[] = {template, second};
    text_memory_begin(&memory);
    for (size_t i = 0; i < 2 && templates[i] != NULL; i++) {
        fputs(i > 0 ? "\n----------------------------------------------------------------------\n\n" : "", memory.file);
        text_print(memory.file, templates[i], "association", set->association, "number", facts[0], "count", facts[1], "threshold", facts[2], "public", facts[3],
                   "made", facts[4], "secret", facts[5], NULL);
    }
    char *content = text_memory_end(&memory);
    key_path(path, set, set->written);
    enum status status = os_file_create(path, bytes_of(content, strlen(content)), true);
    sodium_memzero(content, strlen(content));
    free(content);
    if (status != STATUS_OK) {
        return refusal_say(status, "path", path, NULL);
    }
    set->written++;
    return STATUS_OK;
}

static enum status write_key(struct recovery_set *set, unsigned index) {
    struct node_keys *keys = sodium_malloc(sizeof *keys);
    uint8_t seeds[2][32];
    char number[12], count[12], threshold[12], public_hex[65], made[16], secret[RECOVERY_TEXT_MAX];
    time_t now = (time_t)os_time();
    struct tm today = {0};
    if (keys == NULL) {
        return refusal_tell(STATUS_NO_MEMORY, NULL);
    }
    os_random(seeds, sizeof seeds);
    enum status status = keys_from_seeds(keys, seeds[0], seeds[1]); /* signs and verifies once; the transport half is not used */
    if (status == STATUS_OK) {
        memcpy(set->keys[index], keys->signing_public, 32);
        recovery_key_text(secret, seeds[0]);
        sodium_bin2hex(public_hex, sizeof public_hex, keys->signing_public, 32);
        localtime_r(&now, &today);
        strftime(made, sizeof made, "%Y-%m-%d", &today);
        snprintf(number, sizeof number, "%u", index + 1);
        snprintf(count, sizeof count, "%u", set->count);
        snprintf(threshold, sizeof threshold, "%u", set->threshold);
        const char *const facts[6] = {number, count, threshold, public_hex, made, secret};
        status = write_file(set, KEY_FILE, NULL, facts);
        if (status == STATUS_OK) {
            status = write_file(set, text_in(LANGUAGE_VIETNAMESE, PAGE), text_in(LANGUAGE_ENGLISH, PAGE), facts);
        }
    } else {
        refusal_tell(status, NULL);
    }
    sodium_memzero(seeds, sizeof seeds);
    sodium_memzero(secret, sizeof secret);
    sodium_free(keys); /* wipes */
    return status;
}

enum status recovery_key_write(struct recovery_set *set) {
    set->written = 0;
    enum status status = os_directory_make(set->dir);
    if (status != STATUS_OK) {
        return refusal_say(status, "path", set->dir, NULL);
    }
    for (unsigned i = 0; i < set->count && status == STATUS_OK; i++) {
        status = write_key(set, i);
    }
    if (status != STATUS_OK) {
        recovery_key_remove(set);
    }
    return status;
}

void recovery_key_remove(struct recovery_set *set) {
    char path[RECOVERY_PATH_MAX];
    while (set->written > 0) {
        key_path(path, set, --set->written);
        os_file_remove(path);
    }
}

/* ---- reading ---- */

enum { KEY_BYTES = 36, FILE_BYTES_MAX = 16 * 1024 };

bool recovery_key_parse(const char *text, uint8_t seed[32]) {
    uint8_t bytes[KEY_BYTES] = {0};
    struct hash check;
    size_t bits = 0;
    for (const char *at = text; *at != '\0' && bits < KEY_BYTES * 8; at++) {
        unsigned value;
        if (*at == '-' || *at == ' ') {
            continue;
        }
        if (*at >= 'a' && *at <= 'z') {
            value = (unsigned)(*at - 'a');
        } else if (*at >= 'A' && *at <= 'Z') {
            value = (unsigned)(*at - 'A');
        } else if (*at >= '2' && *at <= '7') {
            value = (unsigned)(*at - '2') + 26;
        } else {
            break;
        }
        for (unsigned bit = 5; bit-- > 0 && bits < KEY_BYTES * 8; bits++) {
            bytes[bits / 8] = (uint8_t)(bytes[bits / 8] | (value >> bit & 1) << (7 - bits % 8));
        }
    }
    keys_hash(&check, "recovery-key", NULL, bytes_of(bytes, 32), bytes_of(NULL, 0));
    bool whole = bits == KEY_BYTES * 8 && memcmp(check.b, bytes + 32, 4) == 0;
    if (whole) {
        memcpy(seed, bytes, 32);
    }
    sodium_memzero(bytes, sizeof bytes);
    return whole;
}

enum status recovery_key_read(const char *path, uint8_t seed[32]) {
    struct buffer content;
    buffer_init(&content, FILE_BYTES_MAX + 1);
    enum status status = os_file_read(path, FILE_BYTES_MAX, &content);
    if (status == STATUS_OK) {
        status = buffer_append(&content, "", 1);
    }
    if (status == STATUS_OK) {
        const char *found = strcasestr((const char *)content.data, "hoir1-");
        status = found != NULL && recovery_key_parse(found + 6, seed) ? STATUS_OK : STATUS_KEY_DAMAGED;
    } else if (status != STATUS_NO_MEMORY && status != STATUS_PERMISSION) {
        status = STATUS_FILE_UNREADABLE;
    }
    if (content.data != NULL) {
        sodium_memzero(content.data, content.capacity);
    }
    buffer_fini(&content);
    return status;
}
