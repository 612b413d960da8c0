#include "tools/options.h"

#include "protocol/codec.h"
#include "tools/refusal.h"
#include "tools/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { DIR_BYTES_MAX = 1000 }; /* the names of the files in it must fit as well */

static const struct option COMMON[] = {
    {"--dir", OPTION_VALUE, N_("DIR"), N_("the directory of this node (else $HOI_DIR, else /var/lib/hoi)")},
    {"--json", OPTION_FLAG, NULL, N_("print a JSON object instead of text")},
    {"--lang", OPTION_VALUE, "vi|en", N_("the language of texts (else from LANG; Vietnamese where none is set)")},
    {"--help", OPTION_FLAG, NULL, N_("show how the command is used")},
    {"--yes", OPTION_FLAG, NULL, N_("do not ask")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

const char *options_word(const char *msgid) {
    return msgid != NULL && *msgid != '\0' ? _(msgid) : NULL;
}

/* Does word name the option, alone or as NAME=VALUE? *value is what follows "=", or NULL. */
static bool option_is(const struct option *option, const char *word, const char **value) {
    size_t len = strlen(option->name);
    *value = NULL;
    if (strncmp(word, option->name, len) != 0) {
        return false;
    }
    if (word[len] == '=' && len > 2 && option->kind != OPTION_FLAG) {
        *value = word + len + 1;
        return true;
    }
    return word[len] == '\0';
}

static const struct option *option_find(const struct option *options, const char *word, const char **value) {
    for (; options != NULL && options->name != NULL; options++) {
        if (option_is(options, word, value)) {
            return options;
        }
    }
    return NULL;
}

static bool is_option(const char *word) {
    return word[0] == '-' && word[1] != '\0';
}

/* The place of the next word after `from` that is neither a common option nor its value; argc if there is none. */
static int next_word(const struct options_input *input, int from) {
    for (int i = from; i < input->argc; i++) {
        const char *value;
        if (strcmp(input->argv[i], "--") == 0) {
            return input->argc;
        }
        const struct option *option = option_find(COMMON, input->argv[i], &value);
        if (option != NULL && option->kind != OPTION_FLAG && value == NULL) {
            i++;
        } else if (option == NULL) {
            return is_option(input->argv[i]) ? input->argc : i;
        }
    }
    return input->argc;
}

static const struct verb *verb_find(const struct options_input *input, const char *first, const char *second) {
    size_t len = strlen(first);
    for (size_t i = 0; i < input->verb_count; i++) {
        const char *name = input->verbs[i].name;
        if (strncmp(name, first, len) == 0 && (second == NULL ? name[len] == '\0' : name[len] == ' ' && strcmp(name + len + 1, second) == 0)) {
            return &input->verbs[i];
        }
    }
    return NULL;
}

/* How many letters have to be changed, added or dropped: for a hint at a slip of the pen. Words of commands are short. */
static size_t distance(const char *a, const char *b) {
    enum { WORD_MAX = 24 };
    size_t row[WORD_MAX + 1], len = strlen(b);
    if (strlen(a) > WORD_MAX || len > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t least = diagonal + (a[i - 1] != b[j - 1]);
            least = row[j] + 1 < least ? row[j] + 1 : least;
            least = row[j - 1] + 1 < least ? row[j - 1] + 1 : least;
            diagonal = row[j];
            row[j] = least;
        }
    }
    return row[len];
}

static bool is_family(const struct options_input *input, const char *first) {
    size_t len = strlen(first);
    for (size_t i = 0; i < input->verb_count; i++) {
        if (strncmp(input->verbs[i].name, first, len) == 0 && input->verbs[i].name[len] == ' ') {
            return true;
        }
    }
    return false;
}

static void tell_unknown(const struct options_input *input, const char *first, const char *second) {
    char given[80];
    const char *nearest = NULL;
    size_t least = 3;
    bool family = is_family(input, first);
    snprintf(given, sizeof given, "%s%s%s", first, second != NULL ? " " : "", second != NULL ? second : "");
    for (size_t i = 0; i < input->verb_count; i++) {
        const char *name = input->verbs[i].name;
        size_t far = distance(strchr(name, ' ') != NULL ? given : first, name);
        if (far < least) {
            least = far;
            nearest = name;
        }
    }
    if (family) {
        struct text_memory memory;
        size_t len = strlen(first), count = 0;
        text_memory_begin(&memory);
        for (size_t i = 0; i < input->verb_count; i++) {
            if (strncmp(input->verbs[i].name, first, len) == 0 && input->verbs[i].name[len] == ' ') {
                fprintf(memory.file, "%s`hoi %s`", count++ > 0 ? ", " : "", input->verbs[i].name);
            }
        }
        char *list = text_memory_end(&memory);
        refusal_usage(_("“{given}” is no complete command. There are: {list}."), "given", given, "list", list, NULL);
        free(list);
    } else {
        refusal_usage(_("There is no command “{given}”.[ Did you mean `hoi {nearest}`?] `hoi help` lists the commands."), "given", first, "nearest", nearest,
                      NULL);
    }
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "unit --help" is "help unit": true, and the family stays as the argument of help. */
static bool take_family_help(struct command *out, struct options_input *input, const char *first) {
    int kept = 1;
    for (int i = 1; i < input->argc; i++) {
        if (!is_help(input->argv[i])) {
            input->argv[kept++] = input->argv[i];
        }
    }
    if (kept == input->argc || !is_family(input, first)) {
        return false;
    }
    input->argc = kept;
    out->verb = verb_find(input, "help", NULL);
    return out->verb != NULL;
}

/* Moves the verb's words out of the way: what is left in argv after it are options and arguments. */
static bool take_verb(struct command *out, struct options_input *input) {
    int at = next_word(input, 1);
    if (at == input->argc) {
        return true;
    }
    int second = next_word(input, at + 1);
    const char *word = second < input->argc ? input->argv[second] : NULL;
    out->verb = word != NULL ? verb_find(input, input->argv[at], word) : NULL;
    int taken = out->verb != NULL ? second : -1;
    if (out->verb == NULL) {
        out->verb = verb_find(input, input->argv[at], NULL);
    }
    if (out->verb == NULL && word == NULL && take_family_help(out, input, input->argv[at])) {
        return true;
    }
    if (out->verb == NULL) {
        tell_unknown(input, input->argv[at], word);
        return false;
    }
    int kept = 1;
    for (int i = 1; i < input->argc; i++) {
        if (i != at && i != taken) {
            input->argv[kept++] = input->argv[i];
        }
    }
    input->argc = kept;
    return true;
}

static bool record(struct command *out, const struct option *option, const char *value) {
    if (out->given_count == OPTIONS_GIVEN_MAX) {
        refusal_usage(_("Too many options."), NULL);
        return false;
    }
    if (option->kind != OPTION_MANY && options_value(out, option->name) != NULL) {
        refusal_usage(_("{option} is given twice."), "option", option->name, NULL);
        return false;
    }
    out->given[out->given_count].option = option;
    out->given[out->given_count++].value = value;
    return true;
}

/* One word that begins with "-"; *at moves on where its value is the next word. */
static bool take_option(struct command *out, const struct options_input *input, int *at) {
    const char *word = input->argv[*at], *value;
    const struct option *option = option_find(COMMON, word, &value);
    if (option == NULL && out->verb != NULL) {
        option = option_find(out->verb->options, word, &value);
    }
    if (option == NULL) {
        refusal_usage(_("{option} is no option here.[ `hoi {verb} --help` lists them.]"), "option", word, "verb", out->verb != NULL ? out->verb->name : NULL,
                      NULL);
        return false;
    }
    if (option->kind == OPTION_FLAG) {
        return options_flag(out, option->name) || record(out, option, "");
    }
    if (value == NULL && *at + 1 >= input->argc) {
        refusal_usage(_("{option} needs a value: {option} {value}."), "option", option->name, "value", options_word(option->value), NULL);
        return false;
    }
    value = value != NULL ? value : input->argv[++*at];
    if (!record(out, option, value)) {
        return false;
    }
    /* "--by level LEVEL" is the one option with two words. */
    if (strcmp(option->name, "--by") != 0 || strcmp(value, "level") != 0) {
        return true;
    }
    if (*at + 1 >= input->argc || out->given_count == OPTIONS_GIVEN_MAX) {
        refusal_usage(_("{option} needs a value: {option} {value}."), "option", "--by level", "value", _("LEVEL"), NULL);
        return false;
    }
    out->given[out->given_count].option = option;
    out->given[out->given_count++].value = input->argv[++*at];
    return true;
}

static bool take_words(struct command *out, const struct options_input *input) {
    int kept = 0;
    bool options_over = false;
    for (int i = 1; i < input->argc; i++) {
        if (!options_over && strcmp(input->argv[i], "--") == 0) {
            options_over = true;
        } else if (!options_over && is_option(input->argv[i])) {
            if (!take_option(out, input, &i)) {
                return false;
            }
        } else {
            input->argv[kept++] = input->argv[i];
        }
    }
    out->arguments = input->argv;
    out->argument_count = (size_t)kept;
    return true;
}

static bool count_arguments(const struct command *command) {
    const struct verb *verb = command->verb;
    if (verb == NULL || command->help || (command->argument_count >= verb->arguments_min && command->argument_count <= verb->arguments_max)) {
        return true;
    }
    if (command->argument_count > verb->arguments_max) {
        refusal_usage(_("“{word}” is too much here. Usage: hoi {verb}[ {arguments}]"), "word", command->arguments[verb->arguments_max], "verb", verb->name,
                      "arguments", options_word(verb->arguments), NULL);
    } else {
        refusal_usage(_("Something is missing. Usage: hoi {verb}[ {arguments}]"), "verb", verb->name, "arguments", options_word(verb->arguments), NULL);
    }
    return false;
}

/* --lang decides in which language mistakes in the rest of the line are told, so it is looked for first. */
static bool choose_language(const struct options_input *input) {
    text_choose(NULL);
    for (int i = 1; i < input->argc && strcmp(input->argv[i], "--") != 0; i++) {
        const char *value;
        if (option_is(&COMMON[2], input->argv[i], &value)) {
            value = value == NULL && i + 1 < input->argc ? input->argv[i + 1] : value;
            if (value != NULL && !text_choose(value)) {
                refusal_usage(_("“{value}” is no language here: --lang vi or --lang en."), "value", value, NULL);
                return false;
            }
        }
    }
    return true;
}

/* What is no UTF-8 could not be passed on, and a word that gets lost on the way (--unit) would change what is meant. */
static bool check_words(const struct options_input *input) {
    for (int i = 1; i < input->argc; i++) {
        if (!codec_utf8_valid(bytes_of(input->argv[i], strlen(input->argv[i])))) {
            char number[12];
            snprintf(number, sizeof number, "%d", i);
            refusal_usage(_("Word {number} of the command is not in UTF-8. Set the terminal to UTF-8."), "number", number, NULL);
            return false;
        }
    }
    return true;
}

bool options_parse(struct command *out, const struct options_input *input) {
    static const char DEFAULT_DIR[] = OPTIONS_DIR_DEFAULT;
    struct options_input rest = *input;
    *out = (struct command){0};
    if (!choose_language(input) || !check_words(input) || !take_verb(out, &rest)) {
        return false;
    }
    for (int i = 1; i < rest.argc; i++) { /* --help wins over every other mistake on the line */
        out->help = out->help || is_help(rest.argv[i]);
    }
    if (out->help) {
        return true;
    }
    if (!take_words(out, &rest) || !count_arguments(out)) {
        return false;
    }
    const char *environment = getenv("HOI_DIR");
    out->dir = options_value(out, "--dir");
    if (out->dir == NULL) {
        out->dir = environment != NULL && *environment != '\0' ? environment : DEFAULT_DIR;
    }
    if (strlen(out->dir) > DIR_BYTES_MAX || *out->dir == '\0') {
        refusal_usage(_("The name of the directory (--dir) is empty or too long."), NULL);
        return false;
    }
    out->json = options_flag(out, "--json");
    out->lang = options_value(out, "--lang");
    return true;
}

const struct option *options_common(void) {
    return COMMON;
}

const char *options_nth(const struct command *command, const char *name, size_t nth) {
    for (size_t i = 0; i < command->given_count; i++) {
        if (strcmp(command->given[i].option->name, name) == 0 && nth-- == 0) {
            return command->given[i].value;
        }
    }
    return NULL;
}

const char *options_value(const struct command *command, const char *name) {
    return options_nth(command, name, 0);
}

bool options_flag(const struct command *command, const char *name) {
    return options_value(command, name) != NULL;
}

bool options_need(const struct command *command, const char *name) {
    if (options_flag(command, name)) {
        return true;
    }
    refusal_usage(_("{option} is missing. Usage: hoi {verb}[ {arguments}]"), "option", name, "verb", command->verb->name, "arguments",
                  options_word(command->verb->arguments), NULL);
    return false;
}

bool options_confirm(const struct command *command, const char *question) {
    static const char *const YES[] = {"c", "co", "có", "y", "yes"}; /* "c" for "có", and "y" for those used to it */
    char answer[64] = "";
    if (options_flag(command, "--yes") || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return true;
    }
    fprintf(stderr, "%s ", question);
    if (fgets(answer, sizeof answer, stdin) == NULL) {
        return false;
    }
    answer[strcspn(answer, " \r\n")] = '\0';
    for (size_t i = 0; i < sizeof YES / sizeof YES[0]; i++) {
        if (strcasecmp(answer, YES[i]) == 0) {
            return true;
        }
    }
    return false;
}
