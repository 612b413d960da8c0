/* `hoid --join`: makes a directory a node, with a token from the level above. Owns the dialogue of enrolment on the joiner's side (docs/protocol.md section 11). */
#ifndef DAEMON_JOIN_H
#define DAEMON_JOIN_H

#include <stdint.h>

/* Reads the token on standard input, asks each of its addresses in turn for wait_s seconds at most, makes the store, and prints the unit's id on standard output. A
 * refusal is one line of JSON on standard error, as docs/control.md has responses. Repeating it after a dropped line ends in one enrolment: the keys made first are
 * kept. The exit status. */
int join_run(const char *dir, int64_t wait_s);

#endif
