#include "tools/output.h"

#include "store/os.h"
#include "tools/refusal.h"
#include "tools/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *output_json_text(const json_t *object) {
    char *text = json_dumps(object, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_ENCODE_ANY);
    return text != NULL ? text : text_format("null", NULL);
}

int output_json(const json_t *object) {
    char *text = output_json_text(object);
    puts(text);
    free(text);
    return 0;
}

const char *output_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

char *output_unit(const json_t *unit) {
    const char *code = output_text(unit, "code"), *id = output_text(unit, "id"), *name = output_text(unit, "name");
    char short_id[12];
    snprintf(short_id, sizeof short_id, "%.8s", id);
    return text_format("{code}[ {name}]", "code", *code != '\0' ? code : short_id, "name", *name != '\0' ? name : NULL, NULL);
}

const json_t *output_unit_named(const json_t *units, const char *code_or_id) {
    size_t i;
    const json_t *unit;
    json_array_foreach(units, i, unit) {
        if (*code_or_id != '\0' && (strcmp(output_text(unit, "code"), code_or_id) == 0 || strcmp(output_text(unit, "id"), code_or_id) == 0)) {
            return unit;
        }
    }
    return NULL;
}

const char *output_level(const json_t *levels, json_int_t number, char out[24]) {
    size_t i;
    const json_t *level;
    snprintf(out, 24, "%lld", (long long)number);
    json_array_foreach(levels, i, level) {
        if (json_integer_value(json_object_get(level, "number")) == number) {
            return text_label(json_object_get(level, "names"), out);
        }
    }
    return out;
}

const char *output_errno(int number) {
    return number == ENOENT   ? _("there is no such file")
           : number == EACCES ? _("you may not read it")
           : number == EISDIR ? _("it is a directory")
                              : strerror(number);
}

const char *output_unwritten(enum status status) {
    return status == STATUS_NOT_FOUND    ? _("there is no such folder")
           : status == STATUS_PERMISSION ? _("you may not write there")
           : status == STATUS_DISK_FULL  ? _("the disk is full")
                                         : status_text(status);
}

/* ---- progress ---- */

enum { BAR_CELLS = 30, THOUSAND = 1000 };

void output_progress_begin(struct output_progress *progress, const char *what, int64_t total) {
    *progress = (struct output_progress){.what = what, .total = total, .shown = -1, .on = total > 0 && isatty(STDERR_FILENO)};
}

void output_progress_to(struct output_progress *progress, int64_t done) {
    if (!progress->on) {
        return;
    }
    int64_t thousandths = done >= progress->total ? THOUSAND : done * THOUSAND / progress->total;
    if (thousandths == progress->shown) {
        return;
    }
    progress->shown = thousandths;
    fprintf(stderr, "\r%s [", progress->what);
    for (int64_t i = 0; i < BAR_CELLS; i++) {
        fputs(i * THOUSAND < thousandths * BAR_CELLS ? "█" : "·", stderr);
    }
    fprintf(stderr, "] %3d %%", (int)(thousandths / 10));
}

void output_progress_end(struct output_progress *progress) {
    if (progress->on && progress->shown >= 0) {
        fprintf(stderr, "\r%*s\r", (int)table_width(progress->what) + BAR_CELLS + 10, "");
    }
    progress->on = false;
}

enum status output_file(const char *path, struct text_memory *memory) {
    char *content = text_memory_end(memory);
    enum status status = os_file_replace(path, bytes_of(content, memory->len), false);
    free(content);
    if (status != STATUS_OK) {
        return refusal_say(STATUS_FILE_UNWRITABLE, "file", path, "reason", output_unwritten(status), NULL);
    }
    text_print(stdout, _("Written: {file}\n"), "file", path, NULL);
    return STATUS_OK;
}
