#include "tests/bench/daemon.h"

#include "tests/bench/bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT_FIRST = 20000, PORTS = 10000, READY_MAX_S = 60 };

/* Where the daemon will say that it is ready. */
static int open_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {READY_MAX_S, 0};
    int listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)unlink(path);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    bench_right(listener >= 0 && bind(listener, (const struct sockaddr *)&address, sizeof address) == 0, "a socket for the daemon's word");
    bench_right(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0, "a socket for the daemon's word");
    return listener;
}

static void run(const char *program, const char *dir, const char *path) {
    char listen_at[64];
    (void)snprintf(listen_at, sizeof listen_at, "tcp://127.0.0.1:%d", PORT_FIRST + (int)(getpid() % PORTS));
    (void)setenv("NOTIFY_SOCKET", path, 1);
    (void)unsetenv("WATCHDOG_USEC");
    (void)execl(program, program, "--dir", dir, "--listen", listen_at, "--log-level", "error", (char *)NULL);
    _exit(127);
}

void daemon_start(struct daemon *out, const char *program, const char *dir, const char *scratch) {
    char path[BENCH_PATH_BYTES], word[200] = "";
    (void)snprintf(path, sizeof path, "%.150s/notify", scratch);
    int listener = open_socket(path);
    double began = bench_seconds();
    out->process = fork();
    if (out->process == 0)
        run(program, dir, path);
    while (strstr(word, "READY=1") == NULL) {
        ssize_t len = recv(listener, word, sizeof word - 1, 0);
        bench_right(len > 0, "the daemon's word that it is ready");
        word[len] = 0;
    }
    out->ready_s = bench_seconds() - began;
    (void)close(listener);
}

void daemon_stop(struct daemon *daemon) {
    int status = 0;
    bench_right(kill(daemon->process, SIGTERM) == 0 && waitpid(daemon->process, &status, 0) == daemon->process, "the daemon's end");
    bench_right(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the daemon's clean end");
}

static FILE *open_about(const struct daemon *daemon, const char *name) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)daemon->process, name);
    FILE *file = fopen(path, "r");
    bench_right(file != NULL, path);
    return file;
}

double daemon_memory(const struct daemon *daemon) {
    char line[200];
    long kilobytes = 0;
    FILE *file = open_about(daemon, "status");
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmRSS: %ld kB", &kilobytes) != 1) {}
    (void)fclose(file);
    return (double)kilobytes * 1024;
}

/* Of all its threads: libzmq has one of its own for the sockets. */
double daemon_processor_s(const struct daemon *daemon) {
    char command[120];
    long long nanoseconds = 0, of_thread;
    (void)snprintf(command, sizeof command, "cat /proc/%ld/task/*/schedstat", (long)daemon->process);
    FILE *pipe = popen(command, "r");
    bench_right(pipe != NULL, "the daemon's processor time");
    while (fscanf(pipe, "%lld %*d %*d", &of_thread) == 1)
        nanoseconds += of_thread;
    (void)pclose(pipe);
    return (double)nanoseconds / 1e9;
}
