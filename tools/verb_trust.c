/* hoi node revoke, node fork, node rotate: shutting out a key, settling a fork, a new key for this node. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/os.h"

#include <stdlib.h>

enum { REFUSED = 1, TRUST_SECONDS = 3600 };

const struct option verb_node_revoke_options[] = {
    {"--reason", OPTION_VALUE, N_("TEXT"), N_("why; the offices concerned read it")},
    {"--from", OPTION_MANY, N_("ENTRY"), N_("the first entry that counts no more, as `hoi log` names it (else all that is held here goes on counting)")},
    {"--dry-run", OPTION_FLAG, NULL, N_("only say what would be set aside, write nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};
const struct option verb_node_fork_options[] = {
    {"--keep", OPTION_VALUE, N_("ENTRY"), N_("the entry that goes on counting, as `hoi status` names it; the other branch is set aside")},
    {NULL, OPTION_FLAG, NULL, NULL},
};
const struct option verb_node_rotate_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

static void say(const char *template, const char *const facts[6]) {
    char *text =
        text_format(template, "node", facts[0], "unit", facts[1], "records", facts[2], "documents", facts[3], "changes", facts[4], "entry", facts[5], NULL);
    table_say(stdout, text, 2);
    free(text);
}

/* ---- revoke ---- */

static json_t *revoke_args(const struct command *command, bool dry) {
    json_t *args = client_args("node", command->arguments[0], "reason", options_value(command, "--reason"), NULL), *from = json_array();
    for (size_t i = 0; options_nth(command, "--from", i) != NULL; i++) {
        json_array_append_new(from, json_string(options_nth(command, "--from", i)));
    }
    json_object_set_new(args, "from", from);
    json_object_set_new(args, "dry_run", json_boolean(dry));
    return args;
}

static void tell_revoked(const json_t *result, bool dry) {
    const json_t *aside = json_object_get(result, "aside");
    char numbers[3][TEXT_SHORT];
    char *unit = output_unit(json_object_get(result, "unit"));
    const char *const facts[6] = {output_text(result, "node"),
                                  unit,
                                  text_count(numbers[0], json_integer_value(json_object_get(aside, "record"))),
                                  text_count(numbers[1], json_integer_value(json_object_get(aside, "document"))),
                                  text_count(numbers[2], json_integer_value(json_object_get(aside, "control"))),
                                  output_text(result, "entry")};
    say(dry ? _("Would be shut out: node {node} of {unit}. Of what is held here, these count no more: {records} change-sets of figures, {documents} documents, "
                "{changes} changes of structure.")
            : _("Shut out: node {node} of {unit}. Of what is held here, these count no more: {records} change-sets of figures, {documents} documents, "
                "{changes} changes of structure."),
        facts);
    if (!dry) {
        say(_("It goes down and up with the next contacts; from then on that key is refused everywhere. The office itself goes on with a new installation: "
              "`hoi invite`."),
            facts);
    }
    free(unit);
}

int verb_node_revoke(const struct command *command) {
    struct client client;
    json_t *result;
    bool dry = options_flag(command, "--dry-run");
    if (!options_need(command, "--reason")) {
        return status_exit(STATUS_USAGE);
    }
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        client_timeout(&client, TRUST_SECONDS);
        status = client_ask(&client, "node.revoke", revoke_args(command, true), &result);
    }
    if (status == STATUS_OK && !dry) {
        if (!command->json) {
            tell_revoked(result, true);
        }
        if (!options_confirm(command, _("Shut this node out? (c = yes, k = no)"))) {
            client_close(&client);
            return REFUSED;
        }
        status = client_ask(&client, "node.revoke", revoke_args(command, false), &result);
    }
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        tell_revoked(result, dry);
    }
    client_close(&client);
    return status_exit(status);
}

/* ---- fork ---- */

int verb_node_fork(const struct command *command) {
    json_t *result;
    if (!options_need(command, "--keep")) {
        return status_exit(STATUS_USAGE);
    }
    if (!options_confirm(command, _("Decide this fork? What stands on the other branch is set aside. (c = yes, k = no)"))) {
        return REFUSED;
    }
    enum status status = client_once(command, "node.fork", client_args("keep", options_value(command, "--keep"), NULL), &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        const char *const facts[6] = {"", "", "", "", "", output_text(result, "keeps")};
        say(_("Decided: {entry} and what stands before it count, the other branch does not. The decision goes to every office that holds the log."), facts);
    }
    json_decref(result);
    return status_exit(status);
}

/* ---- rotate ---- */

static void tell_rotated(const json_t *result, bool served) {
    const char *const facts[6] = {output_text(result, "node"), "", "", "", "", ""};
    bool ready = strcmp(output_text(result, "state"), "ready") == 0;
    say(_("A new key is made for this node: {node}."), facts);
    if (!ready) {
        say(_("It comes into force when the level above has heard of it: `hoi sync --wait 60`, then start hoid again (or run any hoi command, where none "
              "runs)."),
            facts);
    } else if (served) {
        say(_("It comes into force with the next start of hoid: start it again now."), facts);
    } else {
        say(_("It comes into force with the next command. From then on, what anybody writes with the old key counts nowhere."), facts);
    }
}

int verb_node_rotate(const struct command *command) {
    struct client client;
    json_t *result;
    if (!options_confirm(command, _("Give this node a new key? Any other copy of this directory is shut out by it. (c = yes, k = no)"))) {
        return REFUSED;
    }
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, "node.rotate", NULL, &result);
    }
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        tell_rotated(result, client.store == NULL);
    }
    client_close(&client);
    return status_exit(status);
}
