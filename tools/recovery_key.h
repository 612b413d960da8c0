/* The recovery keys that `hoi init` makes: each a file for a stick and a page for a cupboard, both with the same key in groups of five and a checksum. Owns the
 * two formats. */
#ifndef TOOLS_RECOVERY_KEY_H
#define TOOLS_RECOVERY_KEY_H

#include "protocol/limits.h"
#include "protocol/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECOVERY_PATH_MAX = 1200, RECOVERY_TEXT_MAX = 80 };

struct recovery_set {
    const char *association;             /* its name */
    const char *dir;                     /* where they are written; made (0700) if it is not there */
    unsigned threshold, count;           /* 2 of 3 */
    uint8_t keys[RECOVERY_KEYS_MAX][32]; /* out: the public halves */
    unsigned written;                    /* out: how many files stand */
};

/* Draws and writes all keys durably, never over a file that is there. On an error nothing that was written stays. Told on standard error: STORE_EXISTS,
 * PERMISSION, DISK_*. */
CHECKED enum status recovery_key_write(struct recovery_set *set);
/* Takes back what recovery_key_write wrote: founding failed. */
void recovery_key_remove(struct recovery_set *set);

/* The key as people copy it: "hoir1-" and RFC 4648 base32 of the 32-byte seed and the first 4 bytes of H("recovery-key", none, seed), in small letters, in
 * groups of five. */
void recovery_key_text(char out[RECOVERY_TEXT_MAX], const uint8_t seed[32]);

/* A key read back: from its file, or from a file into which the page was typed: the first "hoir1-..." counts, whatever the size of its letters. FILE_UNREADABLE, PERMISSION; KEY_DAMAGED: none is
 * there, or a letter is wrong. The caller wipes seed. */
CHECKED enum status recovery_key_read(const char *path, uint8_t seed[32]);
/* The same from the text alone. False: damaged. */
bool recovery_key_parse(const char *text, uint8_t seed[32]);

#endif
