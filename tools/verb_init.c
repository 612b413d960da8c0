/* hoi init: found an association; this node is its root. */
#include "tools/client.h"
#include "tools/fields.h"
#include "tools/output.h"
#include "tools/recovery_key.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include "store/request_unit.h"

#include <limits.h>
#include <stdlib.h>

const struct option verb_init_options[] = {
    {"--unit", OPTION_VALUE, N_("CODE"), N_("the code of the root unit, such as VN")},
    {"--name", OPTION_VALUE, N_("TEXT"), N_("the root unit's name")},
    {"--level", OPTION_VALUE, N_("LEVEL"), N_("its level: 0 or central for a whole country")},
    {"--recovery-dir", OPTION_VALUE, N_("OUT"), N_("where the recovery keys are written: outside the node's directory, best on a stick")},
    {"--recovery", OPTION_VALUE, "MofN", N_("how many of how many recovery keys are needed (else 2of3); none: for trials only")},
    {"--practice", OPTION_FLAG, NULL, N_("for practice: every screen says so")},
    {"--dry-run", OPTION_FLAG, NULL, N_("only check, write nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* The level table that an association begins with (docs/protocol.md 5.5); there is no store yet to ask. */
static const struct {
    const char *names[3];
    unsigned level;
} LEVELS[] = {
    {{"central", "trung ương", "0"}, 0}, {{"province", "tỉnh", "1"}, 1},   {{"district", "huyện", "2"}, 2},
    {{"commune", "xã", "3"}, 3},         {{"chapter", "chi hội", "4"}, 4},
};

static bool parse_level(const char *text, unsigned *level) {
    char *folded = fields_fold(text);
    bool found = false;
    for (size_t i = 0; folded != NULL && i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        for (size_t j = 0; j < 3; j++) {
            if (strcmp(folded, LEVELS[i].names[j]) == 0) {
                *level = LEVELS[i].level;
                found = true;
            }
        }
    }
    free(folded);
    return found;
}

/* "2of3", or "none". */
static bool parse_recovery(const char *text, unsigned *threshold, unsigned *count) {
    int end = 0;
    if (strcmp(text, "none") == 0) {
        *threshold = *count = 0;
        return true;
    }
    return sscanf(text, "%2uof%2u%n", threshold, count, &end) == 2 && text[end] == '\0' && *threshold >= 1 && *threshold <= *count &&
           *count <= RECOVERY_KEYS_MAX;
}

/* The path without links and dots, as far as it is there already; the rest is appended as written. */
static void real_path(char out[PATH_MAX], const char *path) {
    char parent[PATH_MAX], resolved[PATH_MAX];
    if (realpath(path, out) != NULL) {
        return;
    }
    snprintf(parent, sizeof parent, "%s", path);
    size_t len = strlen(parent);
    while (len > 1 && parent[len - 1] == '/') {
        parent[--len] = '\0';
    }
    char *slash = strrchr(parent, '/');
    const char *last = slash != NULL ? path + (slash - parent) + 1 : path;
    if (slash == NULL || slash == parent) {
        snprintf(out, PATH_MAX, "%s%s", slash != NULL ? "/" : "", path + (slash != NULL));
        if (slash == NULL && realpath(".", resolved) != NULL) {
            snprintf(out, PATH_MAX, "%.2000s/%.2000s", resolved, path);
        }
        return;
    }
    *slash = '\0';
    real_path(resolved, parent);
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", resolved, last);
}

static bool inside(const char *path, const char *dir) {
    char paths[2][PATH_MAX];
    real_path(paths[0], path);
    real_path(paths[1], dir);
    size_t len = strlen(paths[1]);
    return strncmp(paths[0], paths[1], len) == 0 && (paths[0][len] == '\0' || paths[0][len] == '/');
}

/* What the first directive will say for ever, as unit.add would take it: NFC, no blanks around, no control characters. */
struct names {
    char association[ASSOCIATION_NAME_BYTES_MAX + 1], code[UNIT_CODE_BYTES_MAX + 1], unit[UNIT_NAME_BYTES_MAX + 1];
};

static enum status read_name(char *out, size_t max, const char *text, const char *what) {
    struct buffer clean;
    char expected[40];
    const struct text_bounds bounds = {what, 1, max};
    buffer_init(&clean, max);
    enum status status = request_clean_text(bytes_of(text, strlen(text)), &bounds, false, &clean);
    snprintf(out, max + 1, "%.*s", (int)clean.len, clean.len > 0 ? (const char *)clean.data : "");
    buffer_fini(&clean);
    snprintf(expected, sizeof expected, "1..%zu UTF-8 bytes", max);
    return status == STATUS_OK ? status : refusal_say(STATUS_VALUE_INVALID, "field", what, "read", text, "expected", expected, NULL);
}

static enum status read_names(const struct command *command, struct names *names) {
    enum status status = read_name(names->association, ASSOCIATION_NAME_BYTES_MAX, command->arguments[0], _("NAME"));
    if (status == STATUS_OK) {
        status = read_name(names->code, UNIT_CODE_BYTES_MAX, options_value(command, "--unit"), "--unit");
    }
    if (status == STATUS_OK && request_unit_code_valid(bytes_of(names->code, strlen(names->code))) != STATUS_OK) {
        status = refusal_say(STATUS_VALUE_INVALID, "field", "--unit", "read", names->code, "expected", "A-Z 0-9 . - _", NULL);
    }
    return status == STATUS_OK ? read_name(names->unit, UNIT_NAME_BYTES_MAX, options_value(command, "--name"), "--name") : status;
}

static enum status read_command(const struct command *command, struct store_founding *founding, struct recovery_set *recovery, struct names *names) {
    const char *recovery_text = options_value(command, "--recovery"), *out = options_value(command, "--recovery-dir");
    if (!options_need(command, "--unit") || !options_need(command, "--name") || !options_need(command, "--level")) {
        return STATUS_USAGE;
    }
    if (!parse_level(options_value(command, "--level"), &founding->level)) {
        return refusal_say(STATUS_LEVEL_UNKNOWN, "level", options_value(command, "--level"), NULL);
    }
    enum status status = read_names(command, names);
    if (status != STATUS_OK) {
        return status;
    }
    if (!parse_recovery(recovery_text != NULL ? recovery_text : "2of3", &founding->recovery_threshold, &founding->recovery_count)) {
        refusal_usage(_("“{value}” does not say how many recovery keys are needed: --recovery 2of3 (at most 16), or --recovery none for trials."), "value",
                      recovery_text, NULL);
        return STATUS_USAGE;
    }
    if (founding->recovery_count > 0 && !options_need(command, "--recovery-dir")) {
        return STATUS_USAGE;
    }
    if (founding->recovery_count > 0 && inside(out, command->dir)) {
        refusal_usage(_("The recovery keys must lie outside the directory of the node ({dir}): whoever steals the one must not have the other. Name another "
                        "--recovery-dir."),
                      "dir", command->dir, NULL);
        return STATUS_USAGE;
    }
    founding->name = names->association;
    founding->unit_code = names->code;
    founding->unit_name = names->unit;
    founding->practice = options_flag(command, "--practice");
    *recovery = (struct recovery_set){.association = founding->name, .dir = out, .threshold = founding->recovery_threshold, .count = founding->recovery_count};
    return STATUS_OK;
}

static void print_next_steps(const struct store_founding *founding, const struct recovery_set *recovery, const json_t *hello) {
    char count[12];
    char *unit = output_unit(json_object_get(hello, "unit"));
    snprintf(count, sizeof count, "%u", recovery->count);
    char *done = text_format(_("The association “{name}” is founded. This node is its root: {unit}."), "name", founding->name, "unit", unit, NULL);
    char *keys =
        recovery->count > 0
            ? text_format(
                  _("{count} recovery keys were written to {dir}: print the pages, put each key in another place, and delete the files there. Until then "
                    "`hoi status` reminds."),
                  "count", count, "dir", founding->recovery_path, NULL)
            : text_format(_("There are no recovery keys: if this PC is lost, nobody can ever appoint another root. That is for trials only."), NULL);
    table_say(stdout, done, 2);
    table_say(stdout, keys, 2);
    table_say(stdout, _("Next: `hoi unit import FILE.csv` (the units), `hoi form add FILE.json` (the forms), `hoi invite CODE` (let another office join)."), 2);
    free(keys);
    free(done);
    free(unit);
}

static enum status found(const struct command *command, struct store_founding *founding, struct recovery_set *recovery) {
    char path[PATH_MAX];
    enum status status = recovery->count > 0 ? recovery_key_write(recovery) : STATUS_OK;
    if (status != STATUS_OK) {
        return status;
    }
    if (recovery->count > 0) {
        real_path(path, recovery->dir);
        founding->recovery_path = path;
        memcpy(founding->recovery_keys, recovery->keys, sizeof founding->recovery_keys);
    }
    status = store_found(command->dir, founding);
    if (status != STATUS_OK) {
        recovery_key_remove(recovery);
        return refusal_say(status, "path", command->dir, NULL);
    }
    /* Opened as every later command will: what is said below was read from the store itself. */
    struct client client;
    status = client_open(&client, command);
    if (status == STATUS_OK && command->json) {
        output_json(client.hello);
    } else if (status == STATUS_OK) {
        print_next_steps(founding, recovery, client.hello);
    }
    client_close(&client);
    return status;
}

enum { REFUSED = 1 };

int verb_init(const struct command *command) {
    char store[PATH_MAX];
    struct store_founding founding = {0};
    struct recovery_set recovery;
    struct names names;
    enum status status = read_command(command, &founding, &recovery, &names);
    if (status != STATUS_OK) {
        return status_exit(status);
    }
    snprintf(store, sizeof store, "%.4000s/store.db", command->dir);
    if (client_node_lives(command)) {
        return status_exit(refusal_say(STATUS_STORE_EXISTS, "path", store, NULL));
    }
    if (options_flag(command, "--dry-run")) {
        text_print(stdout, _("Nothing was written. The association would be founded in {dir}.\n"), "dir", command->dir, NULL);
        return 0;
    }
    if (!options_confirm(command,
                         _("Found a new association here? Another office of an existing association joins with `hoi join` instead. (c = yes, k = no)"))) {
        return REFUSED;
    }
    return status_exit(found(command, &founding, &recovery));
}
