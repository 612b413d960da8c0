/* hoi recovery admit, revoke, follow: what the recovery keys are for. They are read and used in this process alone. */
#include "protocol/founding.h"
#include "store/recovery.h"
#include "tools/client.h"
#include "tools/output.h"
#include "tools/recovery_key.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <sodium.h>
#include <stdlib.h>

enum { REFUSED = 1, PART_BYTES_MAX = 2 * 1024 * 1024 };

#define KEY_OPTION \
    { "--key", OPTION_MANY, N_("FILE"), N_("a recovery key: its file, or a file into which its page was typed; as many as are needed") }

const struct option verb_recovery_admit_options[] = {
    {"--from", OPTION_VALUE, N_("FILE"), N_("a backup (`hoi backup`) of any office of the association, best of one directly below")},
    KEY_OPTION,
    {"--address", OPTION_VALUE, N_("tcp://HOST:PORT"), N_("where this PC will be reached: for the line that is printed")},
    {NULL, OPTION_FLAG, NULL, NULL},
};
const struct option verb_recovery_revoke_options[] = {KEY_OPTION, {NULL, OPTION_FLAG, NULL, NULL}};
const struct option verb_recovery_follow_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

/* ---- the keys ---- */

static enum status read_secrets(const struct command *command, struct recovery_secret *secrets, size_t *count) {
    for (*count = 0; options_nth(command, "--key", *count) != NULL; ++*count) {
        const char *path = options_nth(command, "--key", *count);
        if (*count == RECOVERY_KEYS_MAX) {
            return refusal_say(STATUS_RECOVERY_KEYS, NULL);
        }
        enum status status = recovery_key_read(path, secrets[*count].seed);
        if (status != STATUS_OK) {
            return refusal_say(status, "path", path, "file", path, NULL);
        }
    }
    return *count > 0 || !options_need(command, "--key") ? STATUS_OK : STATUS_USAGE;
}

static struct recovery_secret *secrets_new(void) {
    return sodium_allocarray(RECOVERY_KEYS_MAX, sizeof(struct recovery_secret));
}

/* ---- a new root ---- */

static void tell_admitted(const struct command *command, const struct recovered *recovered) {
    char node[33], key[65];
    const char *address = options_value(command, "--address");
    sodium_bin2hex(node, sizeof node, recovered->node.b, sizeof recovered->node.b);
    sodium_bin2hex(key, sizeof key, recovered->transport_key, sizeof recovered->transport_key);
    address = address != NULL ? address : "tcp://HOST:PORT";
    if (command->json) {
        json_t *result = json_pack("{s:s, s:s, s:s}", "node", node, "key", key, "address", address);
        output_json(result);
        json_decref(result);
        return;
    }
    char *done = text_format(_("This PC is the root from now on: node {node}. Next: `hoi config listen tcp://0.0.0.0:PORT`, start hoid."), "node", node, NULL);
    table_say(stdout, done, 2);
    free(done);
    table_say(stdout, _("In each office directly below, this line lets it find the new root; what it holds comes back here by itself:"), 2);
    text_print(stdout, "  hoi recovery follow {address} {node} {key}\n", "address", address, "node", node, "key", key, NULL);
    table_say(stdout, _("If the old PC was stolen: `hoi node list`, then `hoi recovery revoke NODE --key ... --key ...` for the old root's node."), 2);
}

int verb_recovery_admit(const struct command *command) {
    struct recovered recovered;
    struct recovering recovering = {.dir = command->dir, .file = options_value(command, "--from")};
    if (!options_need(command, "--from") || !options_need(command, "--key")) {
        return status_exit(STATUS_USAGE);
    }
    struct recovery_secret *secrets = secrets_new();
    enum status status = secrets == NULL ? refusal_say(STATUS_NO_MEMORY, NULL) : read_secrets(command, secrets, &recovering.secret_count);
    if (status == STATUS_OK && !options_confirm(command, _("Make this PC the root of the association, with the recovery keys? (c = yes, k = no)"))) {
        sodium_free(secrets);
        return REFUSED;
    }
    if (status == STATUS_OK) {
        recovering.secrets = secrets;
        status = store_recover(&recovering, &recovered);
        if (status == STATUS_OK) {
            tell_admitted(command, &recovered);
        } else {
            bool file = status == STATUS_NOT_FOUND;
            (void)refusal_say(file ? STATUS_FILE_UNREADABLE : status, "file", recovering.file, "path", command->dir, "dir", command->dir, NULL);
        }
    }
    sodium_free(secrets);
    return status_exit(status);
}

/* ---- shutting out ---- */

static struct bytes from_base64(const json_t *object, const char *key, uint8_t *memory) {
    const char *text = output_text(object, key);
    size_t len = 0;
    bool read = sodium_base642bin(memory, PART_BYTES_MAX, text, strlen(text), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
    return read ? bytes_of(memory, len) : (struct bytes){0};
}

/* The header that the store wants signed, by keys that it never sees. */
static enum status sign_draft(const struct command *command, const json_t *draft, char **signature) {
    size_t count;
    uint8_t *memory = malloc(PART_BYTES_MAX);
    struct founding *founding = calloc(1, sizeof *founding);
    struct recovery_secret *secrets = secrets_new();
    struct buffer statement, out;
    buffer_init(&statement, 2 * FOUNDING_BYTES_MAX);
    buffer_init(&out, SIGNATURE_BYTES_MAX);
    *signature = NULL;
    enum status status = memory == NULL || founding == NULL || secrets == NULL ? refusal_say(STATUS_NO_MEMORY, NULL) : read_secrets(command, secrets, &count);
    if (status == STATUS_OK) {
        struct bytes bytes = from_base64(draft, "statement", memory);
        status = buffer_append(&statement, bytes.data, bytes.len);
        if (status == STATUS_OK) {
            status = founding_decode(founding, buffer_bytes(&statement));
        }
        if (status == STATUS_OK) {
            status = recovery_sign(founding, secrets, count, from_base64(draft, "header", memory), &out);
        }
        if (status != STATUS_OK) {
            char needed[24];
            snprintf(needed, sizeof needed, "%u", founding->recovery_threshold);
            (void)refusal_say(status, "needed", needed, NULL);
        }
    }
    if (status == STATUS_OK) {
        size_t len = sodium_base64_encoded_len(out.len, sodium_base64_VARIANT_ORIGINAL);
        *signature = malloc(len);
        if (*signature != NULL) {
            sodium_bin2base64(*signature, len, out.data, out.len, sodium_base64_VARIANT_ORIGINAL);
        }
        status = *signature == NULL ? refusal_say(STATUS_NO_MEMORY, NULL) : STATUS_OK;
    }
    buffer_fini(&statement);
    buffer_fini(&out);
    sodium_free(secrets);
    free(founding);
    free(memory);
    return status;
}

int verb_recovery_revoke(const struct command *command) {
    struct client client;
    json_t *draft = NULL, *result;
    char *signature = NULL;
    if (!options_need(command, "--key")) {
        return status_exit(STATUS_USAGE);
    }
    if (!options_confirm(command, _("Shut this node out with the recovery keys? (c = yes, k = no)"))) {
        return REFUSED;
    }
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, "recovery.draft", client_args("node", command->arguments[0], NULL), &result);
        draft = status == STATUS_OK ? json_deep_copy(result) : NULL;
    }
    if (status == STATUS_OK) {
        status = sign_draft(command, draft, &signature);
    }
    if (status == STATUS_OK) {
        status = client_ask(&client, "recovery.sign",
                            client_args("header", output_text(draft, "header"), "body", output_text(draft, "body"), "salt", output_text(draft, "salt"),
                                        "signature", signature, NULL),
                            &result);
    }
    if (status == STATUS_OK && command->json) {
        json_t *said = json_pack("{s:s}", "node", output_text(draft, "node"));
        output_json(said);
        json_decref(said);
    } else if (status == STATUS_OK) {
        char *unit = output_unit(json_object_get(draft, "unit"));
        char *done = text_format(_("Shut out by the recovery keys: node {node} of {unit}. What came from it so far goes on counting."), "node",
                                 output_text(draft, "node"), "unit", unit, NULL);
        table_say(stdout, done, 2);
        free(done);
        free(unit);
    }
    free(signature);
    json_decref(draft);
    client_close(&client);
    return status_exit(status);
}

/* ---- the level above is another ---- */

int verb_recovery_follow(const struct command *command) {
    json_t *result;
    enum status status = client_once(command, "uplink.follow",
                                     client_args("address", command->arguments[0], "node", command->arguments[1], "key", command->arguments[2], NULL), &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        table_say(stdout, _("This office dials the new root from now on. `hoi sync --wait 60` does it at once."), 2);
    }
    json_decref(result);
    return status_exit(status);
}
