/* hoi backup, restore: the store in one file, and going on from such a file. The file is a person's: it is written and read here, never by the daemon. */
#include "store/os.h"
#include "store/restore.h"
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKUP_SECONDS = 3600, PATH_BYTES = 1200 };

const struct option verb_backup_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};
const struct option verb_restore_options[] = {
    {"--dry-run", OPTION_FLAG, NULL, N_("only check the file, change nothing")},
    {NULL, OPTION_FLAG, NULL, NULL},
};

/* ---- backup ---- */

/* The person's file while it is written: under another name, so that an older backup stands until the new one is whole. */
struct target {
    const char *path;
    char beside[PATH_BYTES];
    int fd;
    int64_t written;
};

static enum status target_fail(const struct target *target) {
    int error = errno;
    return refusal_say(STATUS_FILE_UNWRITABLE, "file", target->path, "what", output_errno(error), NULL);
}

static enum status target_open(struct target *target) {
    if (snprintf(target->beside, sizeof target->beside, "%s.new", target->path) >= (int)sizeof target->beside) {
        errno = ENAMETOOLONG;
        return target_fail(target);
    }
    (void)unlink(target->beside);
    target->fd = open(target->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return target->fd < 0 ? target_fail(target) : STATUS_OK;
}

static enum status target_put(struct target *target, const uint8_t *data, size_t len) {
    while (len > 0) {
        ssize_t put = write(target->fd, data, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return target_fail(target);
        }
        data += put;
        len -= (size_t)put;
        target->written += put;
    }
    return STATUS_OK;
}

static enum status target_close(struct target *target, enum status status) {
    if (target->fd >= 0) {
        bool synced = status != STATUS_OK || fsync(target->fd) == 0;
        bool closed = close(target->fd) == 0;
        if (status == STATUS_OK && (!synced || !closed)) {
            status = target_fail(target);
        }
        target->fd = -1;
    }
    if (status == STATUS_OK && os_file_settle(target->beside, target->path) != STATUS_OK) {
        status = target_fail(target);
    }
    if (status != STATUS_OK) {
        (void)unlink(target->beside);
    }
    return status;
}

static enum status fetch_part(struct client *client, struct target *target, uint8_t *memory, size_t room) {
    json_t *result;
    size_t len = 0;
    enum status status = client_ask(client, "backup.part", json_pack("{s:I}", "offset", (json_int_t)target->written), &result);
    if (status != STATUS_OK) {
        return status;
    }
    const char *data = output_text(result, "data");
    if (sodium_base642bin(memory, room, data, strlen(data), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 || len == 0) {
        return refusal_say(STATUS_INTERNAL, NULL);
    }
    return target_put(target, memory, len);
}

static enum status fetch(struct client *client, struct target *target, const json_t *begun) {
    struct output_progress progress;
    int64_t bytes = json_integer_value(json_object_get(begun, "bytes"));
    size_t room = (size_t)json_integer_value(json_object_get(begun, "part"));
    uint8_t *memory = malloc(room + 1);
    enum status status = memory == NULL ? refusal_say(STATUS_NO_MEMORY, NULL) : target_open(target);
    output_progress_begin(&progress, _("Writing"), bytes);
    while (status == STATUS_OK && target->written < bytes) {
        status = fetch_part(client, target, memory, room);
        output_progress_to(&progress, target->written);
    }
    output_progress_end(&progress);
    free(memory);
    return target_close(target, status);
}

static void tell_backup(const struct command *command, const struct target *target) {
    char size[TEXT_SHORT];
    if (command->json) {
        json_t *result = json_pack("{s:s, s:I}", "file", target->path, "bytes", (json_int_t)target->written);
        output_json(result);
        json_decref(result);
        return;
    }
    char *done = text_format(_("Backed up to {file} ({bytes} bytes). The key of this node is not in it: `hoi node export-key` keeps that apart. To go on from "
                               "it: `hoi restore {file}`."),
                             "file", target->path, "bytes", text_count(size, target->written), NULL);
    table_say(stdout, done, 2);
    free(done);
}

int verb_backup(const struct command *command) {
    struct client client;
    struct target target = {.path = command->arguments[0], .fd = -1};
    json_t *begun, *copy = NULL;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        client_timeout(&client, BACKUP_SECONDS);
        status = client_ask(&client, "backup.begin", NULL, &begun);
    }
    if (status == STATUS_OK) {
        copy = json_deep_copy(begun);
        status = fetch(&client, &target, copy);
        bool told;
        (void)!client_request(&client, "backup.end", NULL, &told);
    }
    json_decref(copy);
    client_close(&client);
    if (status == STATUS_OK) {
        tell_backup(command, &target);
    }
    return status_exit(status);
}

/* ---- restore ---- */

static enum status tell_refusal(const struct restoring *restoring, enum status status, long holder) {
    char process[24];
    size_t i;
    const json_t *finding;
    snprintf(process, sizeof process, "%ld", holder);
    json_array_foreach(restoring->findings, i, finding) {
        text_print(stderr, "  {what}[ ({where})]\n", "what", output_text(finding, "what"), "where", output_text(finding, "where"), NULL);
    }
    if (status == STATUS_STORE_LOCKED) {
        return refusal_say(status, "dir", restoring->dir, "holder", holder > 0 ? process : NULL, NULL);
    }
    if (status == STATUS_STORE_DAMAGED || status == STATUS_STORE_NEWER) {
        return refusal_say(status, "dir", restoring->file, NULL);
    }
    bool file = status == STATUS_NOT_FOUND || status == STATUS_FILE_UNREADABLE || status == STATUS_PERMISSION;
    return refusal_say(file ? STATUS_FILE_UNREADABLE : status, "file", restoring->file, "dir", restoring->dir, "path", restoring->dir, NULL);
}

static json_t *as_json(const struct restored *restored) {
    return json_pack("{s:b, s:o, s:b, s:b, s:I, s:I, s:I, s:o}", "backup", restored->marked, "made",
                     restored->marked ? json_integer((json_int_t)restored->made_at) : json_null(), "merged", restored->merged, "unreadable",
                     restored->unreadable, "entries", (json_int_t)restored->entries, "taken", (json_int_t)restored->taken, "left", (json_int_t)restored->left,
                     "replaced", restored->replaced[0] != '\0' ? json_string(restored->replaced) : json_null());
}

static void say(const char *template, const struct restored *restored) {
    char numbers[3][TEXT_SHORT];
    char *text = text_format(template, "entries", text_count(numbers[0], restored->entries), "taken", text_count(numbers[1], restored->taken), "left",
                             text_count(numbers[2], restored->left), "replaced", restored->replaced, NULL);
    table_say(stdout, text, 2);
    free(text);
}

static void tell_restored(const struct command *command, const struct restored *restored) {
    if (command->json) {
        json_t *result = as_json(restored);
        output_json(result);
        json_decref(result);
        return;
    }
    if (options_flag(command, "--dry-run")) {
        say(_("The backup is in order: {entries} entries. Nothing was changed."), restored);
        return;
    }
    if (restored->merged) {
        say(_("The backup is of another installation of this office: {taken} entries and texts that only it had were taken over. They go up with the next "
              "contact."),
            restored);
    } else {
        say(_("This node goes on from the backup: {entries} entries, and {taken} that only the store of before had."), restored);
    }
    if (restored->unreadable) {
        say(_("Part of the store of before could not be read. What only it had, and no other office, is still there alone: keep it."), restored);
    }
    if (restored->left > 0) {
        say(_("{left} entries were left: their authors are not known here yet. Synchronise, then restore from the same file once more."), restored);
    }
    if (restored->replaced[0] != '\0') {
        say(_("The store of before lies in {replaced}. When everything is in order, delete it."), restored);
    }
    if (!restored->merged) {
        say(_("Next: start hoid (or `hoi sync`). What was entered here since the backup and has gone up comes back by itself."), restored);
    }
}

enum { REFUSED = 1 };

int verb_restore(const struct command *command) {
    struct restored restored;
    long holder = 0;
    const struct restoring restoring = {
        .dir = command->dir, .file = command->arguments[0], .dry_run = options_flag(command, "--dry-run"), .findings = json_array(), .holder = &holder};
    if (restoring.findings == NULL) {
        return status_exit(refusal_say(STATUS_NO_MEMORY, NULL));
    }
    if (client_daemon_runs(command)) {
        json_decref(restoring.findings);
        refusal_usage(_("The daemon hoid runs here ({dir}). Stop it first (`systemctl stop hoid`), then restore."), "dir", command->dir, NULL);
        return REFUSED;
    }
    if (!restoring.dry_run && !options_confirm(command, _("Go on from this backup? The store that is here is moved aside, not deleted. (c = yes, k = no)"))) {
        json_decref(restoring.findings);
        return REFUSED;
    }
    enum status status = store_restore(&restoring, &restored);
    if (status == STATUS_OK) {
        tell_restored(command, &restored);
    } else {
        status = tell_refusal(&restoring, status, holder);
    }
    json_decref(restoring.findings);
    return status_exit(status);
}
