#include "store/form_words.h"

#include "protocol/change.h"

#include <string.h>

const struct form_word form_words_type[] = {{"integer", FIELD_INTEGER}, {"decimal", FIELD_DECIMAL},   {"money", FIELD_MONEY},
                                            {"text", FIELD_TEXT},       {"yesno", FIELD_YESNO},       {"choice", FIELD_CHOICE},
                                            {"date", FIELD_DATE},       {"computed", FIELD_COMPUTED}, {NULL, 0}};
const struct form_word form_words_units[] = {{"none", AGGREGATE_NONE},   {"sum", AGGREGATE_SUM}, {"min", UNITS_MIN}, {"max", UNITS_MAX},
                                             {"average", UNITS_AVERAGE}, {"count", UNITS_COUNT}, {NULL, 0}};
const struct form_word form_words_time[] = {
    {"none", AGGREGATE_NONE}, {"sum", AGGREGATE_SUM}, {"last", TIME_LAST}, {"min", TIME_MIN}, {"max", TIME_MAX}, {"average", TIME_AVERAGE}, {NULL, 0}};
const struct form_word form_words_period[] = {{"month", PERIOD_MONTH},
                                              {"quarter", PERIOD_QUARTER},
                                              {"half_year", PERIOD_HALF},
                                              {"nine_months", PERIOD_NINE_MONTHS},
                                              {"year", PERIOD_YEAR},
                                              {"term", PERIOD_TERM},
                                              {"school_year", PERIOD_SCHOOL_YEAR},
                                              {"ad_hoc", PERIOD_AD_HOC},
                                              {NULL, 0}};
const struct form_word form_words_window[] = {{"calendar", WINDOW_CALENDAR}, {"official", WINDOW_OFFICIAL}, {NULL, 0}};
const struct form_word form_words_policy[] = {{"owner", POLICY_OWNER}, {"upper", POLICY_UPPER}, {NULL, 0}};

int form_words_number(const struct form_word *words, const char *word) {
    for (; words->word != NULL; words++) {
        if (strcmp(words->word, word) == 0)
            return words->number;
    }
    return -1;
}

const char *form_words_text(const struct form_word *words, uint8_t number) {
    for (; words->word != NULL; words++) {
        if (words->number == number)
            return words->word;
    }
    return "";
}
