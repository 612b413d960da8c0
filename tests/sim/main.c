/* The command line of the simulator. */
#include "tests/sim/sim.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char running[200]; /* the command of the run under way, for when it ends in an assertion */

void main_running(const struct options *options) {
    struct options plain = *options;
    char command[sizeof running - 16];
    plain.tracing = false;
    seeds_command(&plain, command, sizeof command);
    snprintf(running, sizeof running, "    replay:  %s\n", command);
}

static void aborted(int number) {
    (void)!write(STDOUT_FILENO, running, strlen(running));
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static int usage(void) {
    fprintf(stderr, "usage: sim --seeds FROM COUNT     many seeds, with statistics; failing ones are made small\n"
                    "       sim --plain FROM COUNT     the same without anybody hostile\n"
                    "       sim --first FROM COUNT     many, up to the first that fails\n"
                    "       sim --seed S [--trace] [--offices N] [--jobs N] [--minutes N] [--faults MASK] [--until STEP] [--shrink] [--dump DIR]\n"
                    "                                  one; with a readable transcript; with at most so many offices, jobs, minutes of work,\n"
                    "                                  only the faults of a hexadecimal mask, up to a step; made small if it fails;\n"
                    "                                  with what every office holds and concludes in the end written into a directory (tests/oracle/lines.py)\n");
    return 2;
}

static int run_one(const struct options *options, bool shrink) {
    struct run run;
    run_seed(options, &run);
    printf("seed %llu: trace hash %016llx, %llu steps, %llu entries, %llu messages, converged in %llu s: %s\n", (unsigned long long)options->seed,
           (unsigned long long)run.hash, (unsigned long long)run.step, (unsigned long long)run.entries, (unsigned long long)run.messages,
           (unsigned long long)(run.converged_ms / 1000), run.failed ? run.failure : "passed");
    if (run.failed && shrink) {
        seeds_make_small(options);
    }
    return run.failed ? 1 : 0;
}

static int parse_one(int argc, char **argv) {
    static const struct option names[] = {
        {"seed", required_argument, NULL, 's'},  {"trace", no_argument, NULL, 't'},         {"offices", required_argument, NULL, 'o'},
        {"jobs", required_argument, NULL, 'j'},  {"minutes", required_argument, NULL, 'm'}, {"faults", required_argument, NULL, 'f'},
        {"until", required_argument, NULL, 'u'}, {"shrink", no_argument, NULL, 'k'},        {"dump", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.faults = UINT32_MAX};
    bool seeded = false, shrink = false;
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        unsigned long long value = optarg != NULL ? strtoull(optarg, NULL, c == 'f' ? 16 : 10) : 0;
        switch (c) {
        case 's':
            options.seed = value;
            seeded = true;
            break;
        case 't':
            options.tracing = true;
            break;
        case 'o':
            options.offices = (unsigned)value;
            break;
        case 'j':
            options.jobs = (unsigned)value;
            break;
        case 'm':
            options.minutes = (unsigned)value;
            break;
        case 'f':
            options.faults = (uint32_t)value;
            break;
        case 'u':
            options.until = value;
            break;
        case 'd':
            options.dump = optarg;
            break;
        case 'k':
            shrink = true;
            break;
        default:
            return usage();
        }
    }
    return seeded && optind == argc ? run_one(&options, shrink) : usage();
}

int main(int argc, char **argv) {
    if (keys_init() != STATUS_OK) {
        return 4;
    }
    json_object_seed(1); /* else Jansson takes a random one */
    (void)signal(SIGABRT, aborted);
    if (argc == 4 && (strcmp(argv[1], "--seeds") == 0 || strcmp(argv[1], "--plain") == 0)) {
        return seeds_many(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10), strcmp(argv[1], "--plain") != 0);
    }
    if (argc == 4 && strcmp(argv[1], "--first") == 0) {
        return seeds_first(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
    }
    return parse_one(argc, argv);
}
