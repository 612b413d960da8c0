/* Text in the user's language: which language that is, the catalogs, sentences with named arguments, and numbers, dates and times as people write them.
 * The msgids in the source are English. The catalogs are made by msgfmt from the po files in tools/po and built into the program, so that they are there on
 * every machine: libc's own gettext needs an installed locale, and newer ones ignore LANGUAGE in C.UTF-8. Knows nothing of stores and requests. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum language { LANGUAGE_VIETNAMESE, LANGUAGE_ENGLISH };

/* option: the value of --lang, or NULL for what LC_ALL, LC_MESSAGES and LANG say (the first that is set). Not set, C and POSIX mean Vietnamese, as does vi_*;
 * any other language is answered in English. False, and nothing chosen, if option is neither vi nor en. */
bool text_choose(const char *option);
enum language text_language(void);
const char *text_language_tag(void); /* "vi" or "en" */

#define _(msgid) text_of(msgid)
#define N_(msgid) msgid                 /* marks a string for the catalogs that is looked up later */
const char *text_of(const char *msgid); /* the translation, or msgid itself. Static */
const char *text_in(enum language language, const char *msgid);
const char *text_plural(const char *one, const char *many, int64_t count);
#define PLURAL(one, many, count) text_plural(one, many, count)

/* Templates: {name} is replaced by the argument of that name; a part in [brackets] is left out where one of its arguments is missing (elsewhere a missing one
 * prints as "?"). Arguments are pairs of strings (name, value; value NULL: missing), ended by a NULL name. */
void text_print(FILE *out, const char *template, ...);
char *text_format(const char *template, ...); /* malloc; never NULL: the program ends when memory is out */
/* The same with arguments looked up by a function; name is not NUL-terminated. */
typedef const char *text_find(void *context, const char *name, size_t len);
void text_render(FILE *out, const char *template, text_find *find, void *context);

/* A file in memory whose text text_memory_end gives (malloc). Ends the program when memory is out. */
struct text_memory {
    FILE *file;
    char *data;
    size_t len;
};
void text_memory_begin(struct text_memory *memory);
char *text_memory_end(struct text_memory *memory);

enum { TEXT_SHORT = 96 };
/* "-1234567.50" as "-1.234.567,50" (Vietnamese) or "-1,234,567.50". Anything that is no plain decimal, or too long, is copied as it is. */
const char *text_number(char out[TEXT_SHORT], const char *plain);
const char *text_count(char out[TEXT_SHORT], int64_t count);  /* the same from an integer */
const char *text_bytes(char out[TEXT_SHORT], int64_t bytes);  /* "12,4 MB" */
const char *text_date(char out[TEXT_SHORT], const char *iso); /* "2025-06-30" as "30/06/2025" in Vietnamese */
const char *text_time(char out[TEXT_SHORT], int64_t seconds); /* local time of this PC, to the minute; "–" for 0 */
/* Of {"vi": ..., "en": ...}: the user's language, else any; fallback if there is none. Borrowed. */
const char *text_label(const json_t *texts, const char *fallback);

#endif
