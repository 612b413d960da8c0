/* The one seam to the operating system: files, the lock, local sockets, clocks, randomness. A port to another system replaces os_*.c and nothing else.
 * Paths are UTF-8. Errors: PERMISSION, DISK_FULL, DISK_ERROR, FILE_UNREADABLE, NOT_FOUND (no such file), STORE_EXISTS (already there), NO_MEMORY. */
#ifndef STORE_OS_H
#define STORE_OS_H

#include "protocol/codec.h"

void os_random(void *out, size_t len);      /* never fails: aborts if the system has none */
int64_t os_time(void);                      /* seconds since 1970, as this PC believes */
/* 2025-01-01: a clock before that has not been set, as one whose battery is empty begins anew */
enum { OS_TIME_PLAUSIBLE = 1735689600 };
int64_t os_monotonic_ms(void);

CHECKED enum status os_directory_make(const char *path);                                 /* 0700, parents too; OK if it is there */
CHECKED enum status os_file_read(const char *path, size_t bytes_max, struct buffer *out); /* any file; TOO_LARGE */
/* A secret file: a regular one of one name, never reached through a link; it and its directory belong to this user or to root, and nobody else may do anything with them. KEY_UNSAFE for any
 * other. */
CHECKED enum status os_secret_read(const char *path, size_t bytes_max, struct buffer *out);
/* The same for what the service manager handed over (os_credential): root's own file may be readable by a list of accounts, which looks like a group. */
CHECKED enum status os_handed_read(const char *path, size_t bytes_max, struct buffer *out);
/* Makes a new file durably (0600 where secret, else 0644): written beside, synced, linked into place, directory synced. STORE_EXISTS if there is one. */
CHECKED enum status os_file_create(const char *path, struct bytes content, bool secret);
/* The same, replacing what is there. */
CHECKED enum status os_file_replace(const char *path, struct bytes content, bool secret);
/* What the system believes to have on the disk already, it is to read from there again: after a sync that failed, the two may differ. As far as the system can; harmless else. */
void os_file_reread(const char *path);
/* What stands in the file's directory now, stands there for good: its name, and that older files of that name are gone. For files that somebody else makes. */
CHECKED enum status os_name_sync(const char *path);
/* Gives the file beside, which somebody else has written (SQLite), the name path durably: synced, renamed over what is there, directory synced. Else path is as it was; beside may be there. */
CHECKED enum status os_file_settle(const char *beside, const char *path);
bool os_file_exists(const char *path);
CHECKED enum status os_file_look(const char *path);                                      /* is there such a file? OK, NOT_FOUND, PERMISSION (its directory may not be searched) */
void os_file_remove(const char *path);
void os_directory_remove(const char *path); /* only an empty one; harmless else */
int64_t os_disk_free(const char *path);     /* bytes; -1 unknown */
int64_t os_disk_size(const char *path);     /* bytes of the whole disk; -1 unknown */
void os_memory_trim(void);                  /* what the process has freed goes back to the system, where there is a way */

/* ---- whether a file is the one that was here (os_witness.c) ---- */

enum { OS_BOOT_BYTES = 16 };
/* Another at each start of the system; zeros: unknown. */
void os_boot(uint8_t out[OS_BOOT_BYTES]);
/* A file's number on its disk, and when the system says that it was last changed in any way: whatever is copied over it or in its place changes the one or the other. */
struct os_mark { uint64_t file; int64_t changed_ns; };
CHECKED enum status os_mark_touch(const char *path, struct os_mark *out); /* made where it is missing, changed now */
CHECKED enum status os_mark_look(const char *path, struct os_mark *out);  /* NOT_FOUND */
/* Writes a file in place, made where it is missing, without a sync: what is lost when the power goes is of no use after it. */
CHECKED enum status os_file_note(const char *path, struct bytes content);

/* ---- large files (os_copy.c) ---- */

CHECKED enum status os_file_size(const char *path, int64_t *out);                                           /* FILE_UNREADABLE: no regular file */
CHECKED enum status os_file_part(const char *path, int64_t offset, size_t bytes_max, struct buffer *out); /* replaces what out holds; less at the end of the file */
CHECKED enum status os_file_copy(const char *from, const char *to);                                         /* durable, 0600, in place of what is at `to` */

/* ---- accounts and secrets (os_account.c) ---- */

enum { OS_ACCOUNT_BYTES = 65 };
void os_account(long uid, char out[OS_ACCOUNT_BYTES]); /* the account's name on this PC; where it has none that can be written down, its number */
long os_own_account(void);                            /* whom this process acts as */
long os_own_group(void);                              /* the group that this process runs under */
long os_owner(const char *path);                      /* whose it is; -1 unknown */
long os_group(const char *name);                      /* a group's number; -1: there is none */
/* A directory for secrets: what others may do with an empty one of this user is taken away; KEY_UNSAFE for any other with which they may do something. OK where it is not there. */
CHECKED enum status os_directory_private(const char *path);
/* Has the service manager handed over a credential of that name? Its path. */
bool os_credential(const char *name, char *out, size_t size);
/* Nothing of this process's memory goes into a core dump, or may be looked at by other processes of its user. As far as the system lets us. */
void os_memory_guard(void);
int64_t os_memory_size(void); /* bytes of memory that this PC has; -1 unknown */
/* The first line of a file; path NULL: typed at the terminal, unseen, after the prompt. NOT_FOUND (no such file, nothing in it, no terminal), TOO_LARGE (with its end it takes more than
 * size), PERMISSION, FILE_UNREADABLE. The caller wipes out whatever the outcome. */
CHECKED enum status os_passphrase_read(const char *path, const char *prompt, char *out, size_t size);

/* An exclusive lock on a file, held until os_unlock or the end of the process; who holds it may remove the file. wait_ms: how long to try. STORE_LOCKED: *holder (may be NULL) is
 * the process that has it. */
struct os_lock { int fd; };
CHECKED enum status os_lock(struct os_lock *out, const char *path, int64_t wait_ms, long *holder);
void os_unlock(struct os_lock *lock);

/* Local stream sockets: frames of docs/control.md. Descriptors are plain ints (-1: none). */
struct os_peer { long uid, gid, pid; };
CHECKED enum status os_local_listen(int *out, const char *path);          /* 0600; a dead socket file is replaced, a live one is STORE_LOCKED; non-blocking */
/* The same for a group: 0660, and given to it. PERMISSION where this user is not in it. */
CHECKED enum status os_local_listen_group(int *out, const char *path, long gid);
bool os_peer_in_group(int fd, const struct os_peer *peer, long gid);      /* of a connection that was accepted */
CHECKED enum status os_local_accept(int *out, int listener, struct os_peer *peer); /* non-blocking; NOT_FOUND: nobody waits */
CHECKED enum status os_local_connect(int *out, const char *path);         /* blocking; NO_DAEMON */
void os_local_close(int *fd);                                             /* -1 is harmless; sets -1 */
/* Blocking exchange for clients. timeout_ms for each direction. TIMEOUT, NO_DAEMON (closed), TOO_LARGE. */
CHECKED enum status os_frame_send(int fd, struct bytes frame, int64_t timeout_ms);
CHECKED enum status os_frame_receive(int fd, struct buffer *out, int64_t timeout_ms);

#endif
