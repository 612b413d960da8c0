/* hoid: the daemon that every office runs. This file reads the command line and prepares the process; loop.c and join.c do the work. */
#include "daemon/join.h"
#include "daemon/logger.h"
#include "daemon/loop.h"
#include "protocol/status.h"
#include "store/os.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    DESCRIPTORS = 8192,    /* 3,321 children and their doubles while they dial anew; at the limit libzmq would spin */
    DESCRIPTORS_OWN = 192, /* store, control clients, sockets of our own */
    CONNECTIONS_LEAST = 16,
    WAIT_S = 30,
    WAIT_S_MAX = 24 * 60 * 60,
    EXIT_USAGE = 2
};

static const char USAGE[] = "usage: hoid [--dir DIR] [--listen tcp://ADDRESS:PORT] [--uplink tcp://HOST:PORT] [--log-level error|warn|info|debug]\n"
                            "       hoid [--dir DIR] --once [--wait SECONDS] [--uplink tcp://HOST:PORT]\n"
                            "       hoid [--dir DIR] --join [--wait SECONDS]          reads the token on standard input\n"
                            "\n"
                            "Runs the node that lives in DIR (else $HOI_DIR, else /var/lib/hoi) in the foreground. What is not given here comes from\n"
                            "the node's settings (hoi config). PORT may be *: the system chooses, and DIR/listen says what it became.\n"
                            "  --once   talk to the level above until everything is stored there and fetched here, then end\n"
                            "  --join   make DIR a node with a token from the level above, then end\n"
                            "Exit status: 0 ended as asked, 1 refused, 2 wrong use, 3 nobody answered in time, 4 store or disk failed.\n";

struct arguments {
    struct loop_options loop;
    bool join;
    enum logger_level level;
};

static int usage(const char *option, const char *value) {
    if (option != NULL) {
        fprintf(stderr, "hoid: %s: %s\n", option, value);
    }
    fputs(USAGE, stderr);
    return EXIT_USAGE;
}

static bool seconds_of(const char *text, int64_t *out) {
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *out = value;
    return errno == 0 && end != text && *end == 0 && value >= 1 && value <= WAIT_S_MAX;
}

/* -1: go on; else the exit status. */
static int read_arguments(int argc, char **argv, struct arguments *out) {
    static const struct option OPTIONS[] = {
        {"dir", required_argument, NULL, 'd'},    {"listen", required_argument, NULL, 'l'},
        {"uplink", required_argument, NULL, 'u'}, {"log-level", required_argument, NULL, 'v'},
        {"once", no_argument, NULL, 'o'},         {"wait", required_argument, NULL, 'w'},
        {"join", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
    };
    bool level_given = false;
    const char *home = getenv("HOI_DIR");
    *out = (struct arguments){.loop = {.dir = home != NULL && home[0] != 0 ? home : "/var/lib/hoi", .wait_s = WAIT_S}, .level = LOGGER_INFO};
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (c) {
        case 'd':
            out->loop.dir = optarg;
            break;
        case 'l':
            out->loop.listen = optarg;
            break;
        case 'u':
            out->loop.uplink = optarg;
            break;
        case 'v':
            if (!logger_level_of(optarg, &out->level)) {
                return usage("--log-level", optarg);
            }
            level_given = true;
            break;
        case 'o':
            out->loop.once = true;
            out->level = level_given ? out->level : LOGGER_ERROR; /* whoever asked for it reads the outcome, not a log */
            break;
        case 'w':
            if (!seconds_of(optarg, &out->loop.wait_s)) {
                return usage("--wait", optarg);
            }
            break;
        case 'j':
            out->join = true;
            break;
        case 'h':
            fputs(USAGE, stdout);
            return 0;
        case 'V':
            puts("hoid " HOI_VERSION);
            return 0;
        default:
            return usage(NULL, NULL);
        }
    }
    if (optind < argc) {
        return usage("unexpected argument", argv[optind]);
    }
    if (strlen(out->loop.dir) > 1000 || out->loop.dir[0] == 0) {
        return usage("--dir", "empty or too long");
    }
    return out->join && (out->loop.once || out->loop.listen != NULL || out->loop.uplink != NULL) ? usage("--join", "takes --dir and --wait only") : -1;
}

/* Nobody else may read what we write, nothing of our memory goes to a file, and there are descriptors for every child. How many connections that leaves room
 * for. */
static size_t prepare(void) {
    umask(077);
    os_memory_guard();
    struct rlimit files = {DESCRIPTORS, DESCRIPTORS};
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < DESCRIPTORS) {
        const struct rlimit before = files;
        files.rlim_cur = DESCRIPTORS;
        files.rlim_max = files.rlim_max < DESCRIPTORS ? DESCRIPTORS : files.rlim_max; /* only the superuser may; then at least up to the hard limit */
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            files = (struct rlimit){before.rlim_max, before.rlim_max};
            (void)setrlimit(RLIMIT_NOFILE, &files);
        }
        (void)getrlimit(RLIMIT_NOFILE, &files);
    }
    rlim_t usable = files.rlim_cur > DESCRIPTORS ? DESCRIPTORS : files.rlim_cur;
    return usable > DESCRIPTORS_OWN + CONNECTIONS_LEAST ? (size_t)(usable - DESCRIPTORS_OWN) : CONNECTIONS_LEAST;
}

int main(int argc, char **argv) {
    struct arguments arguments;
    int exit_status = read_arguments(argc, argv, &arguments);
    if (exit_status >= 0) {
        return exit_status;
    }
    logger_open(arguments.level);
    arguments.loop.connections_max = prepare();
    return arguments.join ? join_run(arguments.loop.dir, arguments.loop.wait_s) : loop_run(&arguments.loop);
}
