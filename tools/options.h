/* The command line of one verb: its options, its arguments, and the table of verbs that hoi.c keeps. Knows no verb.
 * Common options (--dir, --json, --lang, --help) may stand anywhere; a verb names the others that it takes. */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "protocol/status.h"

#include <stdbool.h>
#include <stddef.h>

enum option_kind { OPTION_FLAG, OPTION_VALUE, OPTION_MANY };
struct option {
    const char *name; /* "--unit"; NULL ends a list */
    enum option_kind kind;
    const char *value; /* what its value is called in the help, such as CODE (msgid) */
    const char *help;  /* msgid */
};

struct command;
struct verb {
    const char *name;                          /* "unit add" */
    int (*run)(const struct command *command); /* returns the exit status of the tool */
    const char *arguments;                     /* "CODE --name TEXT": what follows the name in the usage line (msgid, or empty) */
    const char *description;                   /* msgid, one line */
    const struct option *options;              /* NULL: none */
    size_t arguments_min, arguments_max;
    bool plain; /* its standard output is for programs: nothing else may be printed there */
};

#define OPTIONS_DIR_DEFAULT "/var/lib/hoi"
enum { OPTIONS_GIVEN_MAX = 64 };
struct command {
    const struct verb *verb;
    const char *dir;
    bool json, help;
    const char *lang;
    char **arguments; /* what is no option, in order */
    size_t argument_count;
    struct {
        const struct option *option;
        const char *value;
    } given[OPTIONS_GIVEN_MAX];
    size_t given_count;
};

/* Takes the common options and the verb out of the command line. Verbs of two words are looked for first. False: USAGE, told on standard error. verb NULL with
 * true: none was named. A family with --help ("unit --help") becomes "help unit". argv's array is reordered. */
struct options_input {
    int argc;
    char **argv;
    const struct verb *verbs;
    size_t verb_count;
};
bool options_parse(struct command *out, const struct options_input *input);
const struct option *options_common(void); /* for the help; ended by a NULL name */
/* What arguments and values are called, in the user's language; NULL where there are none. */
const char *options_word(const char *msgid);

/* The value of an option; the nth where it may be given many times. NULL: not given. A flag's value is "". */
const char *options_value(const struct command *command, const char *name);
const char *options_nth(const struct command *command, const char *name, size_t nth);
bool options_flag(const struct command *command, const char *name);
/* Says that a needed option is missing (USAGE); false. */
bool options_need(const struct command *command, const char *name);
/* On a terminal: asks, unless --yes was given; elsewhere true. */
bool options_confirm(const struct command *command, const char *question);

#endif
