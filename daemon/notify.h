/* What systemd is told over the socket that NOTIFY_SOCKET names: ready, stopping, alive. Without that variable every call is harmless. */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

void notify_open(void);          /* reads the environment; once, at the start */
void notify_state(const char *state); /* such as "READY=1" */
int64_t notify_watchdog_ms(void); /* how often to say "WATCHDOG=1": half of what systemd allows; -1: never */

#endif
