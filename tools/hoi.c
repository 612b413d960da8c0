/* hoi: the tool that the people of an office use. This file is the one table of its commands, and the help made from it. */
#include "protocol/keys.h"
#include "protocol/planted.h"
#include "store/json_memory.h"
#include "store/os.h"
#include "tools/options.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int verb_help(const struct command *command);
static int verb_version(const struct command *command);

enum { ANY = 4096 };
#define ROW(name, function, arguments, min, max, plain, description) \
    { name, verb_##function, arguments, description, verb_##function##_options, min, max, plain }
static const struct verb VERBS[] = {
    ROW("init", init, N_("NAME --unit CODE --name TEXT --level LEVEL --recovery-dir OUT"), 1, 1, false, N_("found an association; this node is its root")),
    ROW("join", join, N_("- (reads the token from standard input) | --write-request FILE | --admission FILE"), 0, 1, false, N_("make this directory a node of an existing association, with a token")),
    ROW("invite", invite, N_("CODE [--request FILE -o ADMISSION]"), 1, 1, true, N_("print a token with which the office of that unit joins")),
    ROW("status", status, "", 0, 0, false, N_("this node, its links, what waits, what is wrong and what to do")),
    ROW("sync", sync, N_("[--wait SECONDS]"), 0, 0, false, N_("talk to the level above now")),
    ROW("config", config, N_("[KEY [VALUE]]"), 0, 2, true, N_("show or change the settings of this node")),
    ROW("unit add", unit_add, N_("CODE --name TEXT --level LEVEL [--parent CODE]"), 1, 1, false, N_("add a unit to the tree")),
    ROW("unit import", unit_import, N_("FILE.csv"), 1, 1, false, N_("add many units: code,parent_code,level,name")),
    ROW("unit list", unit_list, N_("[--tree]"), 0, 0, false, N_("the units below this one, and the line above")),
    ROW("unit show", unit_show, N_("CODE"), 1, 1, false, N_("one unit, where it stands, and what it was called before")),
    ROW("node export-key", node_export_key, N_("-o FILE"), 0, 0, false, N_("keep this node's key in a file, under a passphrase, for the day this PC dies")),
    ROW("node import-key", node_import_key, N_("FILE"), 1, 1, false, N_("bring such a key back, on the PC that takes the place of the dead one")),
    ROW("node list", node_list, "", 0, 0, false, N_("the installations known here")),
    ROW("node revoke", node_revoke, N_("NODE --reason TEXT"), 1, 1, false, N_("shut out an installation: a stolen laptop, a PC that was replaced")),
    ROW("node fork", node_fork, N_("--keep ENTRY"), 0, 0, false, N_("decide which branch of a forked log counts")),
    ROW("node rotate", node_rotate, "", 0, 0, false, N_("a new key for this node; whoever has the old one is shut out")),
    ROW("form add", form_add, N_("FILE.json"), 1, 1, false, N_("add a form, or the next version of one")),
    ROW("form check", form_check, N_("FILE.json"), 1, 1, false, N_("check a form file without adding it")),
    ROW("form list", form_list, "", 0, 0, false, N_("the forms in force here")),
    ROW("form show", form_show, N_("NAME [-o FILE.csv]"), 1, 1, false, N_("a form's fields; with -o a template to fill in")),
    ROW("put", put, N_("FORM PERIOD FIELD=VALUE..."), 3, ANY, false,
        N_("enter or correct a record; FIELD= says that there is no figure, FIELD=na that it does not apply")),
    ROW("import", import, N_("FORM FILE.csv [--period P]"), 2, 2, false, N_("enter many records from a table; a file with any mistake imports nothing")),
    ROW("show", show, N_("FORM PERIOD"), 2, 2, false, N_("a record, with who said what, when, and how far it got")),
    ROW("rollup", rollup, N_("FORM PERIOD[..PERIOD]"), 2, 2, false, N_("totals, with what is missing and what is contested")),
    ROW("send", send, N_("--to SELECTOR --title TEXT [--text FILE]"), 0, 0, false, N_("send a document down")),
    ROW("inbox", inbox, "", 0, 0, false, N_("the documents that came from above")),
    ROW("log", log, "", 0, 0, false, N_("what was written here and elsewhere, newest first")),
    ROW("erase", erase, N_("ENTRY... --reason TEXT"), 1, 256, false, N_("take the contents of entries out of every store, for good")),
    ROW("digest", digest, "", 0, 0, true, N_("a number that is equal where two nodes hold and say the same")),
    ROW("check", check, "", 0, 0, false, N_("read the whole store and verify it")),
    ROW("rebuild", rebuild, "", 0, 0, false, N_("derive every table anew from the signed entries")),
    ROW("recovery admit", recovery_admit, N_("--from BACKUP --key FILE --key FILE"), 0, 0, false, N_("make this PC the new root, with the recovery keys")),
    ROW("recovery revoke", recovery_revoke, N_("NODE --key FILE --key FILE"), 1, 1, false, N_("shut out any node, the old root too, with the recovery keys")),
    ROW("recovery follow", recovery_follow, N_("tcp://HOST:PORT NODE KEY"), 3, 3, false, N_("dial the new root: the line that `recovery admit` prints")),
    ROW("backup", backup, N_("FILE"), 1, 1, false, N_("the store of this node in one file, also while the daemon runs")),
    ROW("restore", restore, N_("FILE"), 1, 1, false, N_("go on from a backup; what only the store of before has is taken over")),
    {"help", verb_help, N_("[COMMAND]"), N_("this list, or how a command is used"), NULL, 0, 2, false},
    {"version", verb_version, "", N_("the version of hoi"), NULL, 0, 0, true},
};
enum { VERB_COUNT = sizeof VERBS / sizeof VERBS[0] };

/* ---- help ---- */

static void print_options(const struct option *options) {
    struct table *table = table_new();
    table_column(table, "", TABLE_LEFT);
    table_column(table, "", TABLE_LEFT | TABLE_WRAP);
    for (; options != NULL && options->name != NULL; options++) {
        char *name = text_format("  {name}[ {value}]", "name", options->name, "value", options_word(options->value), NULL);
        table_cell(table, name);
        table_cell(table, _(options->help));
        table_row_end(table);
        free(name);
    }
    table_print(table, stdout, false, 0);
    table_free(table);
}

static void print_verb(const struct verb *verb) {
    text_print(stdout, _("Usage: hoi {verb}[ {arguments}]\n\n"), "verb", verb->name, "arguments", options_word(verb->arguments), NULL);
    table_paragraph(stdout, _(verb->description), 0);
    if (verb->options != NULL && verb->options->name != NULL) {
        putchar('\n');
        print_options(verb->options);
    }
    fputs(_("\nEverywhere:\n"), stdout);
    print_options(options_common());
}

static void print_all(void) {
    struct table *table = table_new();
    fputs(_("Usage: hoi COMMAND [ARGUMENTS] [OPTIONS]\n\n"), stdout);
    table_paragraph(stdout, _("hoi keeps the offices of an association in step: reports go up, directives come down."), 0);
    putchar('\n');
    table_column(table, "", TABLE_LEFT);
    table_column(table, "", TABLE_LEFT | TABLE_WRAP);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        char *name = text_format("  {name}", "name", VERBS[i].name, NULL);
        table_cell(table, name);
        table_cell(table, _(VERBS[i].description));
        table_row_end(table);
        free(name);
    }
    table_print(table, stdout, false, 0);
    table_free(table);
    fputs(_("\n`hoi COMMAND --help` shows how a command is used. Everywhere:\n"), stdout);
    print_options(options_common());
    putchar('\n');
    table_paragraph(stdout, _("Exit status: 0 done, 1 refused, 2 wrong use, 3 nobody answered in time, 4 store or disk failed."), 0);
}

static int verb_help(const struct command *command) {
    char name[80];
    if (command->argument_count == 0) {
        print_all();
        return 0;
    }
    snprintf(name, sizeof name, "%s%s%s", command->arguments[0], command->argument_count > 1 ? " " : "",
             command->argument_count > 1 ? command->arguments[1] : "");
    bool found = false;
    size_t len = strlen(name);
    for (size_t i = 0; i < VERB_COUNT; i++) { /* "help unit" shows all commands of that family */
        if (strncmp(VERBS[i].name, name, len) == 0 && (VERBS[i].name[len] == '\0' || VERBS[i].name[len] == ' ')) {
            fputs(found ? "\n" : "", stdout);
            print_verb(&VERBS[i]);
            found = true;
        }
    }
    if (!found) {
        refusal_usage(_("There is no command “{given}”.[ Did you mean `hoi {nearest}`?] `hoi help` lists the commands."), "given", name, NULL);
    }
    return found ? 0 : status_exit(STATUS_USAGE);
}

static int verb_version(const struct command *command) {
    (void)command;
    puts("hoi " HOI_VERSION);
    return 0;
}

/* What was printed must have arrived: a full disk behind standard output is no success. */
static int finish(int exit_status) {
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && !PLANTED("unprinted-unnoticed")) {
        int failed = status_exit(refusal_say(STATUS_FILE_UNWRITABLE, "file", _("standard output"), NULL));
        return exit_status != 0 ? exit_status : failed;
    }
    return exit_status;
}

int main(int argc, char **argv) {
    json_memory_watch(); /* client_request sends nothing that is not whole */
    struct command command;
    const struct options_input input = {argc, argv, VERBS, VERB_COUNT};
    os_memory_guard(); /* it may open a store, and its keys with it */
    umask(077); /* what hoi writes into its directory is nobody else's */
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        return finish(verb_version(NULL));
    }
    if (!options_parse(&command, &input)) {
        return status_exit(STATUS_USAGE);
    }
    if (command.verb == NULL) {
        if (!command.help) {
            refusal_usage(_("Which command? `hoi help` lists them."), NULL);
            return status_exit(STATUS_USAGE);
        }
        print_all();
        return finish(0);
    }
    if (command.help) {
        print_verb(command.verb);
        return finish(0);
    }
    enum status status = keys_init();
    if (status != STATUS_OK) {
        return status_exit(refusal_tell(status, NULL));
    }
    return finish(command.verb->run(&command));
}
