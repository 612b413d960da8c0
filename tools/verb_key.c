/* hoi node export-key, import-key: the node's key under a passphrase, away from its PC and back. All of it in this process: the daemon has no part in it. */
#include "protocol/codec.h"
#include "store/key_export.h"
#include "store/key_file.h"
#include "store/os.h"
#include "store/value_text.h"
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH_BYTES = 1200, TYPED_BYTES = PASSPHRASE_BYTES_MAX + 2 };

#define PASSPHRASE_OPTION \
    { "--passphrase-file", OPTION_VALUE, N_("FILE"), N_("its first line is the passphrase (else it is asked for, unseen)") }

const struct option verb_node_export_key_options[] = {
    {"-o", OPTION_VALUE, N_("FILE"), N_("where the key goes; a file that is there is not replaced")},
    PASSPHRASE_OPTION,
    {NULL, OPTION_FLAG, NULL, NULL},
};
const struct option verb_node_import_key_options[] = {PASSPHRASE_OPTION, {NULL, OPTION_FLAG, NULL, NULL}};

static void key_path(const struct command *command, char out[PATH_BYTES]) {
    snprintf(out, PATH_BYTES, "%s/node.key", command->dir);
}

/* ---- the passphrase ---- */

/* In NFC: two keyboards write the same letters as different bytes. passphrase: of sodium_malloc. What goes wrong is told. */
static enum status read_passphrase(const struct command *command, const char *prompt, char *typed, struct buffer *out) {
    const char *path = options_value(command, "--passphrase-file");
    enum status status = os_passphrase_read(path, prompt, typed, TYPED_BYTES);
    if (status == STATUS_NOT_FOUND && path == NULL) {
        refusal_usage(_("There is no terminal to type the passphrase at: give it with --passphrase-file FILE."), NULL);
        return STATUS_USAGE;
    }
    if (status == STATUS_NOT_FOUND || status == STATUS_FILE_UNREADABLE || status == STATUS_PERMISSION) {
        return refusal_say(STATUS_FILE_UNREADABLE, "file", path, NULL);
    }
    if (status == STATUS_OK) {
        struct bytes text = bytes_of(typed, strlen(typed));
        status = text.len == 0 ? STATUS_OK : codec_utf8_valid(text) ? value_text_nfc(text, out) : buffer_append(out, text.data, text.len);
    }
    return status == STATUS_OK ? status : refusal_say(status == STATUS_TOO_LARGE ? STATUS_PASSPHRASE_WEAK : status, NULL);
}

static void wipe(struct buffer *buffer) {
    if (buffer->data != NULL) {
        sodium_memzero(buffer->data, buffer->capacity);
    }
    buffer_fini(buffer);
}

/* At a terminal twice: a slip here would only be noticed when it is too late. */
static enum status new_passphrase(const struct command *command, char *typed, struct buffer *out) {
    struct buffer again;
    enum status status = read_passphrase(command, _("New passphrase for the key: "), typed, out);
    if (status != STATUS_OK || options_value(command, "--passphrase-file") != NULL) {
        return status;
    }
    buffer_init(&again, out->max);
    status = read_passphrase(command, _("The same once more: "), typed, &again);
    if (status == STATUS_OK && !bytes_equal(buffer_bytes(out), buffer_bytes(&again))) {
        refusal_usage(_("These were two different passphrases. Nothing was written."), NULL);
        status = STATUS_USAGE;
    }
    wipe(&again);
    return status;
}

/* ---- export ---- */

static enum status export_key(const struct command *command, struct node_keys *keys, struct bytes passphrase) {
    const char *file = options_value(command, "-o");
    const struct key_export_cost cost = key_export_cost(os_memory_size());
    struct buffer text;
    buffer_init(&text, KEY_EXPORT_BYTES_MAX);
    enum status status = key_export_seal(&text, keys, passphrase, &cost);
    if (status != STATUS_OK) {
        buffer_fini(&text);
        return refusal_say(status, NULL);
    }
    status = os_file_create(file, buffer_bytes(&text), true);
    buffer_fini(&text);
    if (status != STATUS_OK) {
        return refusal_say(STATUS_FILE_UNWRITABLE, "file", file, "reason", status == STATUS_STORE_EXISTS ? _("it is there already") : output_unwritten(status),
                           NULL);
    }
    if (command->json) {
        json_t *result = json_pack("{s:s}", "file", file);
        output_json(result);
        json_decref(result);
    } else {
        char *line = text_format(
            _("The key of this node is in {file}, under the passphrase. Carry it away from this PC, and keep the passphrase elsewhere: whoever has both is "
              "this office."),
            "file", file, NULL);
        table_paragraph(stdout, line, 0);
        free(line);
    }
    return STATUS_OK;
}

static enum status load_key(const struct command *command, struct node_keys *keys) {
    char path[PATH_BYTES];
    key_path(command, path);
    enum status status = key_file_load(path, keys);
    if (status == STATUS_NOT_FOUND) {
        return refusal_say(STATUS_FILE_UNREADABLE, "file", path, "reason", output_errno(ENOENT), NULL);
    }
    return status == STATUS_OK ? status : refusal_say(status, "path", path, NULL);
}

/* ---- import ---- */

/* A store that lies there must be that node's: else its entries would be signed by somebody else. */
static enum status fits_store(const struct command *command) {
    struct store *store = NULL;
    enum status status = store_open(&store, command->dir, 0, NULL);
    store_close(store);
    return status == STATUS_KEY_DAMAGED ? STATUS_KEY_DAMAGED : STATUS_OK;
}

static enum status place_key(const struct command *command, const struct node_keys *keys, bool *store_there) {
    char path[PATH_BYTES], store[PATH_BYTES];
    key_path(command, path);
    snprintf(store, sizeof store, "%s/store.db", command->dir);
    *store_there = os_file_exists(store);
    enum status status = os_directory_make(command->dir);
    if (status == STATUS_OK) {
        status = os_directory_private(command->dir);
    }
    if (status == STATUS_OK) {
        status = key_file_put(path, keys);
    }
    if (status == STATUS_STORE_EXISTS) {
        return refusal_say(STATUS_ALREADY_JOINED, "dir", command->dir, NULL);
    }
    if (status == STATUS_OK && *store_there && fits_store(command) != STATUS_OK) {
        os_file_remove(path);
        return refusal_say(STATUS_KEY_DAMAGED, "path", _("it is the key of another node than that of the store there"), NULL);
    }
    return status == STATUS_OK ? status : refusal_say(status, "path", status == STATUS_PERMISSION ? command->dir : path, NULL);
}

static enum status import_key(const struct command *command, struct node_keys *keys, struct bytes text, struct bytes passphrase) {
    const char *file = command->arguments[0];
    bool store_there = false;
    enum status status = key_export_open(keys, text, passphrase);
    if (status != STATUS_OK) {
        return refusal_say(status, status == STATUS_KEY_DAMAGED ? "path" : "file", file, NULL);
    }
    status = place_key(command, keys, &store_there);
    if (status == STATUS_OK && command->json) {
        json_t *result = json_pack("{s:s, s:b}", "dir", command->dir, "store", store_there);
        output_json(result);
        json_decref(result);
    } else if (status == STATUS_OK) {
        table_say(stdout,
                  store_there ? _("The key is back in its directory, and fits the store there.")
                              : _("The key is in its directory. Now get a token from the level above (`hoi invite`), and `hoi join -` here: this office begins "
                                  "a new log, and what it "
                                  "had sent comes back from above. The dead PC must not come on line again."),
                  0);
    }
    return status;
}

static enum status read_export(const char *file, struct buffer *text) {
    enum status status = os_file_read(file, KEY_EXPORT_BYTES_MAX, text);
    return status == STATUS_OK ? status
                               : refusal_say(status == STATUS_TOO_LARGE ? STATUS_KEY_DAMAGED : STATUS_FILE_UNREADABLE,
                                             status == STATUS_TOO_LARGE ? "path" : "file", file, NULL);
}

/* ---- both ---- */

/* Secrets in memory that does not go to swap or a core dump, as far as the system lets us; all of it wiped at the end. */
static int with_secrets(const struct command *command, bool export) {
    struct node_keys *keys = key_file_room();
    char *typed = sodium_malloc(TYPED_BYTES);
    struct buffer passphrase, text;
    buffer_init(&passphrase, 4 * PASSPHRASE_BYTES_MAX);
    buffer_init(&text, KEY_EXPORT_BYTES_MAX);
    enum status status = keys == NULL || typed == NULL ? refusal_say(STATUS_NO_MEMORY, NULL) : STATUS_OK;
    if (status == STATUS_OK) {
        status = export ? load_key(command, keys) : read_export(command->arguments[0], &text);
    }
    if (status == STATUS_OK) {
        status = export ? new_passphrase(command, typed, &passphrase) : read_passphrase(command, _("Passphrase of the key: "), typed, &passphrase);
    }
    if (status == STATUS_OK) {
        status = export ? export_key(command, keys, buffer_bytes(&passphrase)) : import_key(command, keys, buffer_bytes(&text), buffer_bytes(&passphrase));
    }
    wipe(&passphrase);
    buffer_fini(&text);
    sodium_free(typed);
    key_file_release(keys);
    return status_exit(status);
}

int verb_node_export_key(const struct command *command) {
    return options_need(command, "-o") ? with_secrets(command, true) : status_exit(STATUS_USAGE);
}

int verb_node_import_key(const struct command *command) {
    return with_secrets(command, false);
}
