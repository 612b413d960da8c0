#include "tools/refusal.h"

#include "tools/form_text.h"
#include "tools/refusal_texts.h"
#include "tools/refusal_words.h"
#include "tools/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct sentence {
    enum status status;
    const char *msgid;
} SENTENCES[] = {
#define REFUSAL_ROW(name, number, exit_status, text) {STATUS_##name, REFUSAL_##name},
    STATUS_TABLE(REFUSAL_ROW)
#undef REFUSAL_ROW
};
enum { SENTENCE_COUNT = sizeof SENTENCES / sizeof SENTENCES[0] };

/* What arguments are called where a sentence has no place of its own for them. */
static const struct {
    const char *key, *msgid;
} NAMES[] = {
    {"unit", N_("unit")},       {"form", N_("form")},         {"field", N_("field")}, {"period", N_("period")}, {"code", N_("code")},
    {"level", N_("level")},     {"row", N_("row")},           {"read", N_("read")},   {"line", N_("line")},     {"column", N_("column")},
    {"address", N_("address")}, {"value", N_("value")},       {"path", N_("place")},  {"parent", N_("parent")}, {"name", N_("name")},
    {"reason", N_("reason")},   {"expected", N_("expected")}, {"what", N_("what")},   {"file", N_("file")},     {"dir", N_("directory")},
    {"key", N_("setting")},     {"date", N_("date")},         {"id", N_("id")},       {"where", N_("where")},   {"candidates", N_("possible")},
};

static const struct sentence *sentence_of(enum status status) {
    for (size_t i = 0; i < SENTENCE_COUNT; i++) {
        if (SENTENCES[i].status == status) {
            return &SENTENCES[i];
        }
    }
    return NULL;
}

static const char *template_of(enum status status) {
    const struct sentence *sentence = sentence_of(status);
    return sentence != NULL ? _(sentence->msgid) : status_text(status);
}

/* Statuses that stand for a whole file say something else of one place in it. */
static const char *problem_template_of(enum status status) {
    switch (status) {
    case STATUS_FORM_INVALID:
        return _("[“{read}” ]is wrong here[; expected: {expected}].");
    case STATUS_FORM_CHANGED:
        return _("[{read} ]may not change in a form that is in use[; it must stay: {expected}].");
    case STATUS_FIELD_UNKNOWN:
        return _("[“{read}” ]names a field that the form does not have[: {field}][; expected: {expected}].");
    case STATUS_PERIOD_WRONG_KIND:
        return _("[“{read}” ]does not fit: the form is reported by another kind of period[: {expected}].");
    case STATUS_UNIT_NOT_REPORTING:
        return _("[“{read}”: ]units of this level do not report this form.");
    case STATUS_COLUMN_UNKNOWN:
        return _("no field of the form, and not unit, period or row.");
    case STATUS_PERIOD_INVALID:
        return _("[“{read}” is ]not a period. Write 2025-06, 2025-Q2, 2025-H1, 2025-9M, 2025 or 2021-2026.");
    case STATUS_STORE_DAMAGED:
        return _("[{what}][: {where}]");
    case STATUS_UNIT_EXISTS:
        return _("The code[ “{code}”] is in use already[ by {name}], as another unit.");
    default:
        return template_of(status);
    }
}

enum status refusal_status(json_int_t number) {
    for (size_t i = 0; i < SENTENCE_COUNT; i++) {
        if ((json_int_t)SENTENCES[i].status == number) {
            return SENTENCES[i].status;
        }
    }
    return STATUS_INTERNAL;
}

enum status refusal_named(const char *name) {
    for (size_t i = 0; i < SENTENCE_COUNT; i++) {
        if (strcmp(status_name(SENTENCES[i].status), name) == 0) {
            return SENTENCES[i].status;
        }
    }
    return STATUS_INTERNAL;
}

/* ---- a sentence with its arguments ---- */

enum { KEYS_MAX = 32 };
struct lookup {
    const json_t *args;
    char number[32], range[96];
    bool problem; /* one line of a list */
    bool kinds;   /* what was expected is a kind of period */
    size_t used_count;
    char used[KEYS_MAX][32];
};

static bool was_used(const struct lookup *lookup, const char *key) {
    for (size_t i = 0; i < lookup->used_count; i++) {
        if (strcmp(lookup->used[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void mark_used(struct lookup *lookup, const char *key) {
    if (lookup->used_count < KEYS_MAX && !was_used(lookup, key)) {
        snprintf(lookup->used[lookup->used_count++], sizeof lookup->used[0], "%s", key);
    }
}

/* "0..100", "0..", "..100", "1..200 UTF-8 bytes" as the store says bounds. False: it is none. */
static bool range_text(char out[96], const char *word) {
    static const char DIGITS[] = "-0123456789.";
    const char *dots = strstr(word, "..");
    char low[TEXT_SHORT], high[TEXT_SHORT], first[40];
    if (dots != NULL && strcmp(dots + strspn(dots, DIGITS), " UTF-8 bytes") == 0 && strspn(word, DIGITS) < sizeof first) {
        snprintf(first, sizeof first, "%.*s", (int)strspn(word, DIGITS), word);
        char *length = text_format(_("text of {length} bytes"), "length", first, NULL);
        snprintf(out, 96, "%s", length);
        free(length);
        return true;
    }
    if (dots == NULL || strspn(word, DIGITS) != strlen(word) || dots - word >= (ptrdiff_t)sizeof first) {
        return false;
    }
    snprintf(first, sizeof first, "%.*s", (int)(dots - word), word);
    bool has_low = *first != '\0', has_high = dots[2] != '\0';
    const char *template = has_low && has_high ? _("from {low} to {high}") : has_low ? _("{low} or more") : _("{high} or less");
    char *text = text_format(template, "low", text_number(low, first), "high", text_number(high, dots + 2), NULL);
    snprintf(out, 96, "%s", text);
    free(text);
    return true;
}

static const char *word_text(const char *word) {
    for (size_t i = 0; i < sizeof REFUSAL_WORDS / sizeof REFUSAL_WORDS[0]; i++) {
        if (strcmp(REFUSAL_WORDS[i].word, word) == 0) {
            return _(REFUSAL_WORDS[i].msgid);
        }
    }
    return word;
}

/* An argument as text; integers are written into the lookup. NULL: no such argument, or an empty one. */
static const char *argument_text(struct lookup *lookup, const char *key) {
    const json_t *value = json_object_get(lookup->args, key);
    if (json_is_integer(value)) {
        snprintf(lookup->number, sizeof lookup->number, "%lld", (long long)json_integer_value(value));
        return lookup->number;
    }
    const char *text = json_string_value(value);
    if (text != NULL && lookup->kinds && strcmp(key, "expected") == 0) {
        text = form_text_word(text);
    } else if (text != NULL && (strcmp(key, "expected") == 0 || strcmp(key, "what") == 0)) {
        text = range_text(lookup->range, text) ? lookup->range : word_text(text);
    }
    return text != NULL && *text != '\0' ? text : NULL;
}

static const char *find_argument(void *context, const char *name, size_t len) {
    struct lookup *lookup = context;
    char key[32];
    if (len >= sizeof key) {
        return NULL;
    }
    memcpy(key, name, len);
    key[len] = '\0';
    const char *value = argument_text(lookup, key);
    if (value == NULL && lookup->problem && strcmp(key, "unit") == 0) { /* of a cell it is what was read there */
        memcpy(key, "read", sizeof "read");
        value = argument_text(lookup, key);
    }
    if (value != NULL) {
        mark_used(lookup, key);
    }
    return value;
}

static const char *argument_name(const char *key) {
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if (strcmp(NAMES[i].key, key) == 0) {
            return _(NAMES[i].msgid);
        }
    }
    return key;
}

/* Did the sentence say the same already under another name ("unit" and "read")? */
static bool was_said(const struct lookup *lookup, const char *text) {
    for (size_t i = 0; i < lookup->used_count; i++) {
        const char *said = json_string_value(json_object_get(lookup->args, lookup->used[i]));
        if (said != NULL && strcmp(said, text) == 0) {
            return true;
        }
    }
    return false;
}

/* Nothing that the store said is lost: arguments that the sentence has no place for follow in brackets. */
static void write_rest(FILE *out, struct lookup *lookup) {
    const char *key, *separator = " (";
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)lookup->args, key, value) {
        const char *text = was_used(lookup, key) ? NULL : argument_text(lookup, key);
        if (text != NULL && !was_said(lookup, text)) {
            fprintf(out, "%s%s: %s", separator, argument_name(key), text);
            separator = "; ";
        }
    }
    if (*separator == ';') {
        fputc(')', out);
    }
}

/* Does the text begin with an argument, which must stay as it is? */
static bool begins_with_argument(const char *template, struct lookup *lookup) {
    const char *open = *template == '[' ? strchr(template, '{') : NULL, *close = open != NULL ? strchr(open, '}') : NULL;
    return close != NULL && find_argument(lookup, open + 1, (size_t)(close - open) - 1) != NULL;
}

/* A template may begin with a part that is left out: its first letter is then raised. ASCII is enough for that: sentences that begin so are written with such
 * letters. */
static void write_sentence(FILE *out, const char *template, struct lookup *lookup, bool begins) {
    struct text_memory memory;
    text_memory_begin(&memory);
    text_render(memory.file, template, find_argument, lookup);
    write_rest(memory.file, lookup);
    char *text = text_memory_end(&memory);
    if (begins && text[0] >= 'a' && text[0] <= 'z' && !begins_with_argument(template, lookup)) {
        text[0] = (char)(text[0] - 'a' + 'A');
    }
    fputs(text, out);
    free(text);
}

char *refusal_sentence(enum status status, const json_t *args) {
    struct lookup lookup = {.args = args, .kinds = status == STATUS_PERIOD_WRONG_KIND};
    struct text_memory memory;
    text_memory_begin(&memory);
    write_sentence(memory.file, template_of(status), &lookup, true);
    return text_memory_end(&memory);
}

enum status refusal_tell(enum status status, const json_t *args) {
    char number[16];
    char *sentence = refusal_sentence(status, args);
    snprintf(number, sizeof number, "HOI-%04d", (int)status);
    fflush(stdout);
    char *text = text_format(_("Error {number}: {sentence}"), "number", number, "sentence", sentence, NULL);
    table_say(stderr, text, 2);
    free(text);
    free(sentence);
    return status;
}

enum status refusal_say(enum status status, ...) {
    json_t *args = json_object();
    va_list list;
    va_start(list, status);
    for (const char *key = va_arg(list, const char *); key != NULL; key = va_arg(list, const char *)) {
        const char *value = va_arg(list, const char *);
        if (value != NULL) {
            json_object_set_new(args, key, json_string(value));
        }
    }
    va_end(list);
    refusal_tell(status, args);
    json_decref(args);
    return status;
}

enum status refusal_response(const json_t *response) {
    enum status status = refusal_status(json_integer_value(json_object_get(response, "status")));
    refusal_tell(status, json_object_get(response, "args"));
    refusal_problems(stderr, json_object_get(response, "problems"));
    return status;
}

void refusal_usage(const char *template, ...) {
    json_t *args = json_object();
    va_list list;
    va_start(list, template);
    for (const char *key = va_arg(list, const char *); key != NULL; key = va_arg(list, const char *)) {
        const char *value = va_arg(list, const char *);
        if (value != NULL) {
            json_object_set_new(args, key, json_string(value));
        }
    }
    va_end(list);
    struct lookup lookup = {.args = args};
    fflush(stdout);
    struct text_memory memory;
    text_memory_begin(&memory);
    fputs("hoi: ", memory.file);
    text_render(memory.file, template, find_argument, &lookup);
    char *text = text_memory_end(&memory);
    table_say(stderr, text, 2);
    free(text);
    json_decref(args);
}

/* ---- problems ---- */

json_t *refusal_new_problem(enum status status, json_t *args) {
    return json_pack("{s:i, s:s, s:o}", "status", (int)status, "name", status_name(status), "args", args);
}

void refusal_problem(FILE *out, const json_t *problem) {
    enum status status = refusal_status(json_integer_value(json_object_get(problem, "status")));
    struct lookup lookup = {.args = json_object_get(problem, "args"), .problem = true, .kinds = status == STATUS_PERIOD_WRONG_KIND};
    struct text_memory memory;
    text_memory_begin(&memory);
    fputs("  ", memory.file);
    size_t before = lookup.used_count;
    text_render(memory.file, _("[line {line}][, column {column}][ ({column_name})][{path}]"), find_argument, &lookup);
    bool placed = lookup.used_count > before;
    fputs(placed ? ": " : "", memory.file);
    write_sentence(memory.file, problem_template_of(status), &lookup, !placed);
    char *text = text_memory_end(&memory);
    table_say(out, text, 4);
    free(text);
}

struct place {
    json_int_t line, column;
    size_t order;
    json_t *problem;
};

static int place_compare(const void *left, const void *right) {
    const struct place *a = left, *b = right;
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    if (a->column != b->column) {
        return a->column < b->column ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The number in args under key: the store gives integers, the tool too; a column may also be a field's name, which sorts as 0. */
static json_int_t place_number(const json_t *problem, const char *key) {
    const json_t *value = json_object_get(json_object_get(problem, "args"), key);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

void refusal_problems(FILE *out, json_t *problems) {
    size_t count = json_array_size(problems);
    struct place *places = count > 0 ? calloc(count, sizeof *places) : NULL;
    for (size_t i = 0; places != NULL && i < count; i++) {
        json_t *problem = json_array_get(problems, i);
        places[i] = (struct place){place_number(problem, "line"), place_number(problem, "column"), i, problem};
    }
    if (places != NULL) {
        qsort(places, count, sizeof *places, place_compare);
    }
    for (size_t i = 0; i < count; i++) {
        refusal_problem(out, places != NULL ? places[i].problem : json_array_get(problems, i));
    }
    free(places);
}
