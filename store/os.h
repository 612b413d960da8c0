/* The one seam to the operating system: files, the lock, local sockets, clocks, randomness. A port to another system replaces os_*.c and nothing else.
 * Paths are UTF-8. Errors: PERMISSION, DISK_FULL, DISK_ERROR, FILE_UNREADABLE, NOT_FOUND (no such file), STORE_EXISTS (already there), NO_MEMORY. */
#ifndef STORE_OS_H
#define STORE_OS_H

#include "protocol/codec.h"

void os_random(void *out, size_t len);      /* never fails: aborts if the system has none */
int64_t os_time(void);                      /* seconds since 1970, as this PC believes */
int64_t os_monotonic_ms(void);

CHECKED enum status os_directory_make(const char *path);                                 /* 0700, parents too; OK if it is there */
CHECKED enum status os_file_read(const char *path, size_t bytes_max, struct buffer *out); /* any file; TOO_LARGE */
/* A secret file: never through a link, owned by this user, readable by nobody else (KEY_UNSAFE). */
CHECKED enum status os_secret_read(const char *path, size_t bytes_max, struct buffer *out);
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

/* An exclusive lock on a file, held until os_unlock or the end of the process; who holds it may remove the file. wait_ms: how long to try. STORE_LOCKED: *holder (may be NULL) is
 * the process that has it. */
struct os_lock { int fd; };
CHECKED enum status os_lock(struct os_lock *out, const char *path, int64_t wait_ms, long *holder);
void os_unlock(struct os_lock *lock);

/* Local stream sockets: frames of docs/control.md. Descriptors are plain ints (-1: none). */
struct os_peer { long uid, gid, pid; };
CHECKED enum status os_local_listen(int *out, const char *path);          /* 0600; a dead socket file is replaced, a live one is STORE_LOCKED; non-blocking */
CHECKED enum status os_local_accept(int *out, int listener, struct os_peer *peer); /* non-blocking; NOT_FOUND: nobody waits */
CHECKED enum status os_local_connect(int *out, const char *path);         /* blocking; NO_DAEMON */
void os_local_close(int *fd);                                             /* -1 is harmless; sets -1 */
/* Blocking exchange for clients. timeout_ms for each direction. TIMEOUT, NO_DAEMON (closed), TOO_LARGE. */
CHECKED enum status os_frame_send(int fd, struct bytes frame, int64_t timeout_ms);
CHECKED enum status os_frame_receive(int fd, struct buffer *out, int64_t timeout_ms);

#endif
