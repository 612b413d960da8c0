/* What several verbs print alike: JSON, units, references, the progress bar. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include "tools/options.h"
#include "tools/text.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* The object on standard output, keys sorted: the same bytes wherever the same object is printed. Returns 0, the exit status. */
int output_json(const json_t *object);
/* The same as text (malloc). */
char *output_json_text(const json_t *object);

/* "22102 Xã Xuân Quang 2"; without a code its id's first characters. malloc. */
char *output_unit(const json_t *unit);
/* The unit of that code or id in an array of units; NULL. */
const json_t *output_unit_named(const json_t *units, const char *code_or_id);
/* A level's name in the user's language, of the result of level.list; its number where it has none. out holds the number. */
const char *output_level(const json_t *levels, json_int_t number, char out[24]);
/* The string at key of an object, "" if there is none. Borrowed. */
const char *output_text(const json_t *object, const char *key);

/* Why a file could not be opened (errno), in the user's language where it is one of the usual reasons. Static. */
const char *output_errno(int number);
/* Why a file could not be written, the same way. Static. */
const char *output_unwritten(enum status status);

/* A bar on standard error, on a terminal only; cheap to call often. */
struct output_progress {
    const char *what;
    int64_t total, shown;
    bool on;
};
void output_progress_begin(struct output_progress *progress, const char *what, int64_t total);
void output_progress_to(struct output_progress *progress, int64_t done);
void output_progress_end(struct output_progress *progress);

/* Ends the memory and writes what it holds into a person's file, replacing what is there; says so, or why not (FILE_UNWRITABLE). */
CHECKED enum status output_file(const char *path, struct text_memory *memory);

#endif
