/* What the tool says when something is refused: "Error HOI-0407: ..." on standard error, with every single mistake on a line of its own. One sentence for each
 * status: what was wrong, where, and what to do. Arguments come by name from the store (docs/control.md) or from the tool itself. */
#ifndef TOOLS_REFUSAL_H
#define TOOLS_REFUSAL_H

#include "protocol/status.h"

#include <jansson.h>
#include <stdio.h>

/* Prints the status with its arguments (an object of strings and integers, borrowed; may be NULL); returns the status, for `return refusal_tell(...)`. */
enum status refusal_tell(enum status status, const json_t *args);
/* The same with arguments given as pairs of strings, ended by NULL. */
enum status refusal_say(enum status status, ...);
/* A whole response of the store: the refusal and its problems. */
enum status refusal_response(const json_t *response);
/* A mistake on the command line itself: "hoi: ..." from a template already translated, with pairs of strings. */
void refusal_usage(const char *template, ...);

/* One problem ({"status", "args": {...}}) as a line: "line 12, column 3: ...". */
void refusal_problem(FILE *out, const json_t *problem);
/* A problem of the tool's own, in the same shape; args is stolen. */
json_t *refusal_new_problem(enum status status, json_t *args);
/* Sorts by line, then column, then prints them all. */
void refusal_problems(FILE *out, json_t *problems);

/* Why an entry was set aside, or why a call was refused, without number and advice: the sentence of the status for a place inside another text. malloc. */
char *refusal_sentence(enum status status, const json_t *args);
/* The status of that number; INTERNAL if there is none. */
enum status refusal_status(json_int_t number);
/* The status of that name ("FORM_UNKNOWN"); INTERNAL if there is none. */
enum status refusal_named(const char *name);

#endif
