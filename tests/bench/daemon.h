/* A daemon of this build as a child process: started, watched, ended. */
#ifndef TESTS_BENCH_DAEMON_H
#define TESTS_BENCH_DAEMON_H

#include <sys/types.h>

struct daemon {
    pid_t process;
    double ready_s; /* from its start to its word that it is ready (systemd's READY=1) */
};
/* hoid's path in `program`. It listens on a port of this machine. */
void daemon_start(struct daemon *out, const char *program, const char *dir, const char *scratch);
void daemon_stop(struct daemon *daemon);                /* as systemd stops it; waits for its end */
double daemon_memory(const struct daemon *daemon);      /* resident, in bytes */
double daemon_processor_s(const struct daemon *daemon); /* computed so far */

#endif
