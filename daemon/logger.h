/* The daemon's log: one line an event on standard error, `time=... level=... id=... key=value`. Owns the level and the rate limit, knows nothing of what is logged.
 * Ids are stable words (docs/operations.md lists them). No secrets and no personal data go in: node ids, addresses, numbers and names of statuses do. */
#ifndef DAEMON_LOGGER_H
#define DAEMON_LOGGER_H

#include "protocol/types.h"

enum logger_level { LOGGER_ERROR, LOGGER_WARN, LOGGER_INFO, LOGGER_DEBUG };

/* Lines above the level are left out. Without a call: info. */
void logger_open(enum logger_level level);
/* "error", "warn", "info", "debug". False for any other text. */
bool logger_level_of(const char *text, enum logger_level *out);
/* Writes one line: id must be a literal, format gives `key=value` pairs parted by one blank. An id is written at most 30 times a minute; what was left out is
 * counted in `suppressed=` on its next line. Errors are never left out. */
void logger_line(enum logger_level level, const char *id, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Values, to be used inside the call itself: an id in hex; text from outside, with whatever would break the line replaced. */
struct logger_id { char text[33]; };
struct logger_text { char text[256]; };
struct logger_id logger_hex(const uint8_t bytes[16]);
struct logger_text logger_safe(const char *text);

#endif
