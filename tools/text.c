#include "tools/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The catalogs as msgfmt wrote them, built in by tools/po/CMakeLists.txt. */
extern const uint8_t catalog_vi[], catalog_en[];
extern const size_t catalog_vi_len, catalog_en_len;

static enum language chosen = LANGUAGE_VIETNAMESE;

/* ---- which language ---- */

static bool names_language(const char *value, const char *tag) {
    return strncasecmp(value, tag, 2) == 0 && (value[2] == '\0' || strchr("_.-@", value[2]) != NULL);
}

bool text_choose(const char *option) {
    static const char *const VARIABLES[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    if (option != NULL) {
        bool vietnamese = strcmp(option, "vi") == 0;
        if (!vietnamese && strcmp(option, "en") != 0) {
            return false;
        }
        chosen = vietnamese ? LANGUAGE_VIETNAMESE : LANGUAGE_ENGLISH;
        return true;
    }
    const char *value = "";
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0] && *value == '\0'; i++) {
        const char *set = getenv(VARIABLES[i]);
        value = set != NULL ? set : "";
    }
    /* C and POSIX are what a machine says on which nobody has chosen a language. */
    bool unset = *value == '\0' || strcmp(value, "C") == 0 || strncmp(value, "C.", 2) == 0 || strcmp(value, "POSIX") == 0;
    chosen = unset || names_language(value, "vi") ? LANGUAGE_VIETNAMESE : LANGUAGE_ENGLISH;
    return true;
}

enum language text_language(void) {
    return chosen;
}

const char *text_language_tag(void) {
    return chosen == LANGUAGE_VIETNAMESE ? "vi" : "en";
}

/* ---- catalogs: the .mo format, little-endian as our msgfmt call writes it ---- */

static uint32_t catalog_word(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* msgids stand sorted by their bytes; a plural's key is its singular, and its translations follow one another, each ended by NUL. */
static const char *catalog_find(enum language language, const char *msgid) {
    const uint8_t *catalog = language == LANGUAGE_VIETNAMESE ? catalog_vi : catalog_en;
    size_t len = language == LANGUAGE_VIETNAMESE ? catalog_vi_len : catalog_en_len;
    assert(len >= 28 && catalog_word(catalog) == 0x950412deu);
    const uint8_t *originals = catalog + catalog_word(catalog + 12), *translations = catalog + catalog_word(catalog + 16);
    size_t low = 0, high = catalog_word(catalog + 8);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *key = (const char *)catalog + catalog_word(originals + 8 * middle + 4);
        int order = strcmp(msgid, key);
        if (order == 0) {
            const char *found = (const char *)catalog + catalog_word(translations + 8 * middle + 4);
            return *found != '\0' ? found : NULL;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const char *text_in(enum language language, const char *msgid) {
    const char *found = *msgid != '\0' ? catalog_find(language, msgid) : NULL; /* the empty msgid is the catalog's header */
    return found != NULL ? found : msgid;
}

const char *text_of(const char *msgid) {
    return text_in(chosen, msgid);
}

const char *text_plural(const char *one, const char *many, int64_t count) {
    const char *found = catalog_find(chosen, one);
    if (found == NULL) {
        return count == 1 ? one : many;
    }
    /* Vietnamese has one form; the English catalog has two. */
    return chosen == LANGUAGE_ENGLISH && count != 1 ? found + strlen(found) + 1 : found;
}

/* ---- templates ---- */

static _Noreturn void out_of_memory(void) {
    fputs("hoi: out of memory\n", stderr);
    exit(4);
}

void text_memory_begin(struct text_memory *memory) {
    *memory = (struct text_memory){0};
    memory->file = open_memstream(&memory->data, &memory->len);
    if (memory->file == NULL) {
        out_of_memory();
    }
}

char *text_memory_end(struct text_memory *memory) {
    bool failed = ferror(memory->file) != 0;
    if (fclose(memory->file) != 0 || failed || memory->data == NULL) { /* glibc's fclose succeeds also where its last realloc does not */
        out_of_memory();
    }
    return memory->data;
}

/* Length of the {name} that begins at text; 0 if none does. */
static size_t placeholder(const char *text, size_t len) {
    size_t name = len > 2 && *text == '{' ? strspn(text + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
    return name > 0 && name + 1 < len && text[name + 1] == '}' ? name + 2 : 0;
}

static void render_part(FILE *out, const char *part, size_t len, text_find *find, void *context) {
    for (size_t i = 0; i < len;) {
        size_t name = placeholder(part + i, len - i);
        if (name == 0) {
            fputc(part[i++], out);
            continue;
        }
        const char *value = find(context, part + i + 1, name - 2);
        fputs(value != NULL ? value : "?", out);
        i += name;
    }
}

static bool part_complete(const char *part, size_t len, text_find *find, void *context) {
    for (size_t i = 0; i < len; i++) {
        size_t name = placeholder(part + i, len - i);
        if (name != 0 && find(context, part + i + 1, name - 2) == NULL) {
            return false;
        }
    }
    return true;
}

void text_render(FILE *out, const char *template, text_find *find, void *context) {
    while (*template != '\0') {
        const char *close = *template == '[' ? strchr(template, ']') : NULL;
        if (close != NULL) {
            size_t len = (size_t)(close - template) - 1;
            if (part_complete(template + 1, len, find, context)) {
                render_part(out, template + 1, len, find, context);
            }
            template = close + 1;
        } else {
            size_t len = strcspn(template + 1, "[") + 1;
            render_part(out, template, len, find, context);
            template += len;
        }
    }
}

enum { ARGUMENTS_MAX = 12 };
struct arguments {
    size_t count;
    struct {
        const char *name, *value;
    } items[ARGUMENTS_MAX];
};

static const char *find_argument(void *context, const char *name, size_t len) {
    const struct arguments *arguments = context;
    for (size_t i = 0; i < arguments->count; i++) {
        if (strlen(arguments->items[i].name) == len && memcmp(arguments->items[i].name, name, len) == 0) {
            return arguments->items[i].value;
        }
    }
    return NULL;
}

static void gather(struct arguments *out, va_list list) {
    out->count = 0;
    for (const char *name = va_arg(list, const char *); name != NULL; name = va_arg(list, const char *)) {
        assert(out->count < ARGUMENTS_MAX);
        out->items[out->count].name = name;
        out->items[out->count++].value = va_arg(list, const char *);
    }
}

void text_print(FILE *out, const char *template, ...) {
    struct arguments arguments;
    va_list list;
    va_start(list, template);
    gather(&arguments, list);
    va_end(list);
    text_render(out, template, find_argument, &arguments);
}

char *text_format(const char *template, ...) {
    struct arguments arguments;
    struct text_memory memory;
    va_list list;
    va_start(list, template);
    gather(&arguments, list);
    va_end(list);
    text_memory_begin(&memory);
    text_render(memory.file, template, find_argument, &arguments);
    return text_memory_end(&memory);
}

/* ---- numbers, dates, times ---- */

const char *text_number(char out[TEXT_SHORT], const char *plain) {
    const char *digits = *plain == '-' ? plain + 1 : plain;
    size_t whole = strspn(digits, "0123456789");
    size_t places = digits[whole] == '.' ? strspn(digits + whole + 1, "0123456789") : 0;
    size_t len = whole + (digits[whole] == '.' ? 1 + places : 0);
    if (whole == 0 || digits[len] != '\0' || len + whole / 3 + 2 >= TEXT_SHORT) {
        snprintf(out, TEXT_SHORT, "%s", plain);
        return out;
    }
    char thousands = chosen == LANGUAGE_VIETNAMESE ? '.' : ',', decimal = chosen == LANGUAGE_VIETNAMESE ? ',' : '.';
    char *at = out;
    if (digits != plain) {
        *at++ = '-';
    }
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0) {
            *at++ = thousands;
        }
        *at++ = digits[i];
    }
    if (places > 0) {
        *at++ = decimal;
        memcpy(at, digits + whole + 1, places);
        at += places;
    }
    *at = '\0';
    return out;
}

const char *text_count(char out[TEXT_SHORT], int64_t count) {
    char plain[24];
    snprintf(plain, sizeof plain, "%lld", (long long)count);
    return text_number(out, plain);
}

const char *text_bytes(char out[TEXT_SHORT], int64_t bytes) {
    static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    int64_t tenths = bytes * 10;
    while (tenths >= 10000 && unit + 1 < sizeof UNITS / sizeof UNITS[0]) {
        tenths = (tenths + 500) / 1000;
        unit++;
    }
    char plain[32], number[TEXT_SHORT];
    if (unit == 0) {
        snprintf(plain, sizeof plain, "%lld", (long long)bytes);
    } else {
        snprintf(plain, sizeof plain, "%lld.%lld", (long long)(tenths / 10), (long long)(tenths % 10));
    }
    snprintf(out, TEXT_SHORT, "%.80s %s", text_number(number, plain), UNITS[unit]);
    return out;
}

const char *text_date(char out[TEXT_SHORT], const char *iso) {
    bool dated = strlen(iso) == 10 && iso[4] == '-' && iso[7] == '-';
    if (dated && chosen == LANGUAGE_VIETNAMESE) {
        snprintf(out, TEXT_SHORT, "%.2s/%.2s/%.4s", iso + 8, iso + 5, iso);
    } else {
        snprintf(out, TEXT_SHORT, "%s", iso);
    }
    return out;
}

const char *text_time(char out[TEXT_SHORT], int64_t seconds) {
    time_t when = (time_t)seconds;
    struct tm parts;
    if (seconds == 0 || localtime_r(&when, &parts) == NULL) {
        snprintf(out, TEXT_SHORT, "–");
    } else if (strftime(out, TEXT_SHORT, chosen == LANGUAGE_VIETNAMESE ? "%H:%M %d/%m/%Y" : "%Y-%m-%d %H:%M", &parts) == 0) {
        *out = '\0';
    }
    return out;
}

const char *text_label(const json_t *texts, const char *fallback) {
    const char *label = json_string_value(json_object_get(texts, text_language_tag()));
    if (label == NULL) {
        label = json_string_value(json_object_iter_value(json_object_iter((json_t *)(uintptr_t)texts)));
    }
    return label != NULL && *label != '\0' ? label : fallback;
}
