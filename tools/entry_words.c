#include "tools/entry_words.h"

#include "tools/output.h"

#include <stdlib.h>
#include <string.h>

char *entry_words_person(const json_t *entry) {
    const json_t *person = json_object_get(entry, "person");
    const char *name = output_text(person, "name"), *role = output_text(person, "role"), *account = output_text(person, "account");
    if (*account == '\0') {
        return NULL;
    }
    if (*name == '\0' && *role == '\0') {
        return text_format(_("account {account}"), "account", account, NULL);
    }
    return text_format(_("given as {name}[, {role}] (account {account})"), "name", *name != '\0' ? name : role, "role",
                       *name != '\0' && *role != '\0' ? role : NULL, "account", account, NULL);
}

/* One unit of the way. */
static char *stage(const json_t *step) {
    const json_t *unit = json_object_get(step, "unit"), *counted = json_object_get(step, "counted");
    bool centre = json_is_null(json_object_get(unit, "parent"));
    char *shown = output_unit(unit), *out;
    if (json_is_false(json_object_get(step, "meant"))) {
        out = text_format(_("known at {unit}, which does not get its contents"), "unit", shown, NULL);
    } else if (json_is_true(counted)) {
        out = centre ? text_format("{text}", "text", _("at the centre"), NULL) : text_format(_("stored and counted at {unit}"), "unit", shown, NULL);
    } else if (json_is_null(counted)) {
        out = text_format(_("stored at {unit}; whether it counts there is not known: something of this office is set aside there"), "unit", shown, NULL);
    } else {
        out = text_format(_("stored at {unit}, not counted there"), "unit", shown, NULL);
    }
    free(shown);
    return out;
}

static char *nowhere(const json_t *entry, const char *self) {
    const char *words = json_is_true(json_object_get(entry, "at_root")) ? _("at the centre")
                        : strcmp(output_text(entry, "node"), self) == 0 ? _("written here; that it is stored at any level above is not known yet")
                                                                        : _("has arrived here");
    return text_format("{text}", "text", words, NULL);
}

char *entry_words_way(const json_t *entry, const char *self, bool whole) {
    const json_t *way = json_object_get(entry, "way");
    size_t count = json_array_size(way);
    struct text_memory memory;
    if (count == 0) {
        return nowhere(entry, self);
    }
    text_memory_begin(&memory);
    for (size_t i = whole ? 0 : count - 1; i < count; i++) {
        char *words = stage(json_array_get(way, i));
        fprintf(memory.file, "%s%s", whole && i > 0 ? "; " : "", words);
        free(words);
    }
    return text_memory_end(&memory);
}

/* ---- what an entry says ---- */

static const struct {
    const char *word, *msgid;
} CHANGES[] = {
    {"unit", N_("unit created")}, {"unit-set", N_("unit changed")}, {"unit_set", N_("unit changed")}, {"admission", N_("installation admitted")},
    {"form", N_("form")},         {"level table", N_("levels")},    {"level_table", N_("levels")},    {"put", N_("figures")},
    {"document", N_("document")}, {"erase", N_("contents erased")}, {"reason", N_("reason")}, {"extract", N_("extract of figures")},
};
static const char *change_word(const char *kind) {
    for (size_t i = 0; i < sizeof CHANGES / sizeof CHANGES[0]; i++) {
        if (strcmp(CHANGES[i].word, kind) == 0) {
            return _(CHANGES[i].msgid);
        }
    }
    return kind;
}

char *entry_words_changes(const json_t *changes) {
    struct text_memory memory;
    size_t count = json_array_size(changes);
    text_memory_begin(&memory);
    for (size_t i = 0; i < count;) {
        const json_t *change = json_array_get(changes, i);
        const char *kind = output_text(change, "kind");
        size_t same = i + 1;
        while (same < count && strcmp(output_text(json_array_get(changes, same), "kind"), kind) == 0) {
            same++;
        }
        fprintf(memory.file, "%s%s", i > 0 ? "; " : "", change_word(kind));
        if (same - i > 1) {
            fprintf(memory.file, " ×%zu", same - i);
        } else if (*output_text(change, "what") != '\0') {
            fprintf(memory.file, ": %s", output_text(change, "what"));
        }
        i = same;
    }
    return text_memory_end(&memory);
}
