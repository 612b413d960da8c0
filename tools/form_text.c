#include "tools/form_text.h"

#include "tools/text.h"

#include <string.h>

static const struct {
    const char *word, *msgid;
} WORDS[] = {
    {"month", N_("month")},
    {"quarter", N_("quarter")},
    {"half_year", N_("half-year")},
    {"nine_months", N_("nine months")},
    {"year", N_("year")},
    {"term", N_("term")},
    {"school_year", N_("school year")},
    {"ad_hoc", N_("ad hoc")},
    {"integer", N_("whole number")},
    {"decimal", N_("decimal")},
    {"money", N_("money (đồng)")},
    {"text", N_("text")},
    {"yesno", N_("yes/no")},
    {"choice", N_("choice")},
    {"date", N_("date")},
    {"computed", N_("computed")},
    {"sum", N_("sum")},
    {"min", N_("least")},
    {"max", N_("greatest")},
    {"average", N_("average")},
    {"count", N_("count")},
    {"none", N_("not added")},
    {"last", N_("last value")},
};

const char *form_text_word(const char *word) {
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strcmp(WORDS[i].word, word) == 0) {
            return _(WORDS[i].msgid);
        }
    }
    return word;
}
