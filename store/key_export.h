/* A node's key under a passphrase, to be kept away from its PC: text, so that it can be printed and typed again. Knows bytes only: where they come from and go
 * to is the caller's. Made and opened in the tool's process, never in the daemon: deriving takes as much memory as a small office's daemon may have.
 *
 *   hoi exported key 1 argon2id13 xchacha20poly1305
 *   number HEX       which key this is (key_file.c), so that it is known before anybody types a passphrase
 *   ops N, mem N     what the key of the box was derived with (libsodium's crypto_pwhash, bytes), and its salt
 *   salt HEX
 *   header HEX       of the secretstream
 *   box HEX          its one message, tag FINAL: the text of the key file; additional data: all lines before this one
 *   sum HEX          over all lines before it: damage is told from a wrong passphrase
 *
 * An imported key is the same node again, on a PC that died or lost its key file. Where its store is gone too, what it writes next must stand in a new epoch: a
 * store made by `join` or `restore` begins one. */
#ifndef STORE_KEY_EXPORT_H
#define STORE_KEY_EXPORT_H

#include "protocol/codec.h"
#include "protocol/keys.h"

enum {
    KEY_EXPORT_BYTES_MAX = 4096,
    PASSPHRASE_BYTES_MIN = 10, /* below that, a list of likely ones is short */
    PASSPHRASE_BYTES_MAX = 1024
};
/* What deriving costs. key_export_cost: what suits a PC with so much memory (bytes; -1: not known). */
struct key_export_cost {
    uint64_t ops, memory_bytes;
};
struct key_export_cost key_export_cost(int64_t memory_bytes);

/* Appends the text. The passphrase: in NFC, PASSPHRASE_BYTES_MIN to PASSPHRASE_BYTES_MAX (PASSPHRASE_WEAK else). NO_MEMORY: this PC has not the memory that it
 * costs. */
CHECKED enum status key_export_seal(struct buffer *out, const struct node_keys *keys, struct bytes passphrase, const struct key_export_cost *cost);
/* KEY_DAMAGED: no such text, or not as it was written; TOO_LARGE: it asks for more time or memory than any export of ours (never derived with);
 * PASSPHRASE_WRONG; NO_MEMORY. *out is wiped after an error. */
CHECKED enum status key_export_open(struct node_keys *out, struct bytes text, struct bytes passphrase);

#endif
