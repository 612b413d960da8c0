#include "store/period.h"

#include "protocol/planted.h"
#include "store/text_fold.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { YEAR_MIN = 1900, YEAR_MAX = 2099, TERM_YEARS_MAX = YEAR_MAX - YEAR_MIN, WRITTEN_MAX = 64 };

/* ---- days ---- */

/* Days of the civil calendar by counting in 400-year cycles that begin on 1 March. */
int32_t period_days(int year, unsigned month, unsigned day) {
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    int of_era = year - era * 400;
    int of_year = (153 * ((int)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int)day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil(int32_t days, int *year, unsigned *month, unsigned *day) {
    int z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * years + years / 4 - years / 100), shifted = (5 * of_year + 2) / 153;
    *day = (unsigned)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = years + era * 400 + (*month <= 2);
}

static bool year_fits(int year) {
    return year >= YEAR_MIN && year <= YEAR_MAX;
}

static bool day_fits(int year, unsigned month, unsigned day) {
    if (!year_fits(year) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    int back;
    unsigned m, d;
    civil(period_days(year, month, day), &back, &m, &d);
    return back == year && m == month && d == day;
}

void period_date_text(char out[11], int32_t days) {
    int year;
    unsigned month, day;
    assert(days >= DATE_MIN && days <= DATE_MAX);
    civil(days, &year, &month, &day);
    char text[40]; /* wide enough for any numbers, which the compiler cannot know to be small */
    (void)snprintf(text, sizeof text, "%04d-%02u-%02u", year, month, day);
    memcpy(out, text, 10);
    out[10] = 0;
}

enum status period_date_parse(int32_t *out, struct bytes text) {
    *out = 0;
    char folded[WRITTEN_MAX];
    if (text_fold(folded, sizeof folded, text) == sizeof folded)
        return STATUS_DATE_INVALID;
    int year, end = 0;
    unsigned month, day;
    char first, second;
    bool iso = sscanf(folded, "%4d-%2u-%2u%n", &year, &month, &day, &end) == 3 && folded[end] == 0 && end == 10;
    if (!iso) {
        bool short_form = sscanf(folded, "%2u%c%2u%c%4d%n", &day, &first, &month, &second, &year, &end) == 5 && folded[end] == 0 && first == second &&
                          strchr("/-.", first) != NULL;
        if (!short_form && (sscanf(folded, "ngay %2u thang %2u nam %4d%n", &day, &month, &year, &end) != 3 || folded[end] != 0))
            return STATUS_DATE_INVALID;
    }
    if (strpbrk(folded, "+") != NULL || !day_fits(year, month, day))
        return STATUS_DATE_INVALID;
    *out = period_days(year, month, day);
    return STATUS_OK;
}

/* ---- ordinals ---- */

/* How many of a kind there are in a year; 0: not counted so. */
static unsigned in_a_year(uint8_t kind) {
    static const uint8_t table[] = {
        [PERIOD_MONTH] = 12, [PERIOD_QUARTER] = 4, [PERIOD_HALF] = 2, [PERIOD_NINE_MONTHS] = 1, [PERIOD_YEAR] = 1, [PERIOD_SCHOOL_YEAR] = 1};
    return kind < sizeof table ? table[kind] : 0;
}

bool period_valid(uint8_t kind, uint32_t ordinal) {
    if (kind == PERIOD_TERM)
        return year_fits((int)(ordinal / 1000)) && ordinal % 1000 >= 1 && year_fits((int)(ordinal / 1000 + ordinal % 1000));
    if (kind == PERIOD_AD_HOC)
        return ordinal < 100000000 && day_fits((int)(ordinal / 10000), ordinal / 100 % 100, ordinal % 100);
    unsigned parts = in_a_year(kind);
    return parts > 0 && year_fits((int)(ordinal / parts));
}

uint32_t period_next(uint8_t kind, uint32_t ordinal) {
    assert(period_valid(kind, ordinal));
    if (kind == PERIOD_AD_HOC) {
        int year;
        unsigned month, day;
        civil(period_days((int)(ordinal / 10000), ordinal / 100 % 100, ordinal % 100) + 1, &year, &month, &day);
        return year_fits(year) ? (uint32_t)year * 10000 + month * 100 + day : 0;
    }
    for (uint32_t next = ordinal + 1; next <= ordinal + 1000; next++) { /* the next term may begin in the next year */
        if (period_valid(kind, next))
            return next;
    }
    return 0;
}

void period_text(char out[PERIOD_TEXT_MAX], const struct period *period) {
    assert(period_valid(period->kind, period->ordinal));
    uint32_t ordinal = period->ordinal, parts = in_a_year(period->kind);
    unsigned year = parts > 0 ? ordinal / parts : 0, part = parts > 0 ? ordinal % parts + 1 : 0;
    char text[64];
    switch (period->kind) {
    case PERIOD_MONTH:
        (void)snprintf(text, sizeof text, "%04u-%02u", year, part);
        break;
    case PERIOD_QUARTER:
        (void)snprintf(text, sizeof text, "%04u-Q%u", year, part);
        break;
    case PERIOD_HALF:
        (void)snprintf(text, sizeof text, "%04u-H%u", year, part);
        break;
    case PERIOD_NINE_MONTHS:
        (void)snprintf(text, sizeof text, "%04u-9M", year);
        break;
    case PERIOD_SCHOOL_YEAR:
        (void)snprintf(text, sizeof text, "%04u-SY", year);
        break;
    case PERIOD_TERM:
        (void)snprintf(text, sizeof text, "%04u-%04u", ordinal / 1000, ordinal / 1000 + ordinal % 1000);
        break;
    case PERIOD_AD_HOC:
        (void)snprintf(text, sizeof text, "%04u-%02u-%02u", ordinal / 10000, ordinal / 100 % 100, ordinal % 100);
        break;
    default:
        (void)snprintf(text, sizeof text, "%04u", year);
    }
    size_t len = strlen(text);
    assert(len < PERIOD_TEXT_MAX);
    memcpy(out, text, len + 1);
}

/* ---- windows ---- */

static int32_t month_start(int year, int month /* from 1; 13 is January of the next year, 0 December of the one before */) {
    int shifted = year * 12 + month - 1;
    return period_days(shifted / 12, (unsigned)(shifted % 12) + 1, 1);
}

/* The months a period is made of, as an ordinal of months and a count; false for a day. */
static bool months_of(const struct period *period, int *first, int *count) {
    int ordinal = (int)period->ordinal;
    switch (period->kind) {
    case PERIOD_TERM:
        *first = ordinal / 1000 * 12;
        *count = (ordinal % 1000 + 1) * 12;
        return true;
    case PERIOD_SCHOOL_YEAR:
        *first = ordinal * 12 + 8;
        *count = 12;
        return true;
    case PERIOD_NINE_MONTHS:
        *first = ordinal * 12;
        *count = 9;
        return true;
    case PERIOD_AD_HOC:
        return false;
    default:
        *count = 12 / (int)in_a_year(period->kind);
        *first = ordinal * *count;
        return true;
    }
}

void period_window(const struct period *period, uint8_t window, int32_t *first, int32_t *last) {
    assert(period_valid(period->kind, period->ordinal));
    int month, count;
    if (!months_of(period, &month, &count)) {
        *first = *last = period_days((int)(period->ordinal / 10000), period->ordinal / 100 % 100, period->ordinal % 100);
        return;
    }
    bool official = window == WINDOW_OFFICIAL && period->kind != PERIOD_TERM && period->kind != PERIOD_SCHOOL_YEAR;
    int32_t next = month_start(0, month + count + 1);
    *first = official ? month_start(0, month) + 14 : month_start(0, month + 1);                            /* from the 15th of the month before */
    *last = official ? month_start(0, month + count) + 13 : next - (PLANTED("window-a-day-long") ? 0 : 1); /* to the 14th of the last month */
}

bool period_within(const struct period *inner, const struct period *outer) {
    int32_t first, last, outer_first, outer_last;
    if (inner->kind == outer->kind && inner->kind == PERIOD_NINE_MONTHS)
        return inner->ordinal == outer->ordinal;
    period_window(inner, WINDOW_CALENDAR, &first, &last);
    period_window(outer, WINDOW_CALENDAR, &outer_first, &outer_last);
    return first >= outer_first && last <= outer_last;
}

/* The ordinal of the kind whose calendar window begins on the day or, if none does, is the first to begin after it. Terms have lengths of their own and are
 * never found so. */
static uint32_t first_from(uint8_t kind, int32_t day) {
    int year;
    unsigned month, of_month;
    civil(day, &year, &month, &of_month);
    if (kind == PERIOD_AD_HOC)
        return (uint32_t)year * 10000 + month * 100 + of_month;
    unsigned parts = in_a_year(kind), months = 12 / parts;
    struct period period = {kind, (uint32_t)year * parts + (month - 1) / months};
    int32_t first, last;
    period_window(&period, WINDOW_CALENDAR, &first, &last);
    return first >= day ? period.ordinal : period.ordinal + 1;
}

enum status period_span(uint8_t kind, const struct period *from, const struct period *to, uint32_t *first, uint32_t *last) {
    int32_t from_first, from_last, to_first, to_last;
    *first = *last = 0;
    period_window(from, WINDOW_CALENDAR, &from_first, &from_last);
    period_window(to, WINDOW_CALENDAR, &to_first, &to_last);
    if (to_last < from_last || to_first < from_first)
        return STATUS_PERIOD_INVALID;
    if (from->kind == kind && to->kind == kind) {
        *first = from->ordinal;
        *last = to->ordinal;
        return STATUS_OK;
    }
    if (kind == PERIOD_TERM)
        return STATUS_PERIOD_WRONG_KIND;
    struct period period = {kind, first_from(kind, from_first)};
    *first = period.ordinal;
    while (period.ordinal != 0 && period_valid(kind, period.ordinal)) {
        int32_t begins, ends;
        period_window(&period, WINDOW_CALENDAR, &begins, &ends);
        if (ends > to_last)
            break;
        *last = period.ordinal;
        period.ordinal = period_next(kind, period.ordinal);
    }
    return *last != 0 ? STATUS_OK : STATUS_PERIOD_WRONG_KIND;
}

/* ---- what people write ---- */

static unsigned roman(const char *text) {
    static const char *const numerals[] = {"i", "ii", "iii", "iv"};
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(text, numerals[i]) == 0)
            return i + 1;
    }
    return text[0] >= '1' && text[0] <= '4' && text[1] == 0 ? (unsigned)(text[0] - '0') : 0;
}

static bool made(struct period *out, uint8_t kind, uint64_t ordinal) {
    if (ordinal > UINT32_MAX || !period_valid(kind, (uint32_t)ordinal))
        return false;
    *out = (struct period){kind, (uint32_t)ordinal};
    return true;
}

/* Two years as a term or a school year. */
static bool years(struct period *out, uint8_t kind, unsigned first, unsigned last) {
    if (last <= first || last - first > TERM_YEARS_MAX)
        return false;
    if (kind == PERIOD_SCHOOL_YEAR)
        return last == first + 1 && made(out, kind, first);
    return made(out, kind, (uint64_t)first * 1000 + (last - first));
}

/* Does the text match the pattern (of one to three numbers or words) to its very end? */
#define MATCHES(pattern, count, ...) (end = 0, sscanf(text, pattern "%n", __VA_ARGS__, &end) == (count) && end > 0 && text[end] == 0)

static bool canonical(const char *text, struct period *out) {
    unsigned year, part, last;
    char letter;
    int end;
    if (MATCHES("%4u-q%1u", 2, &year, &part) && end == 7)
        return part >= 1 && part <= 4 && made(out, PERIOD_QUARTER, (uint64_t)year * 4 + part - 1);
    if (MATCHES("%4u-h%1u", 2, &year, &part) && end == 7)
        return part >= 1 && part <= 2 && made(out, PERIOD_HALF, (uint64_t)year * 2 + part - 1);
    if (MATCHES("%4u-9%c", 2, &year, &letter) && letter == 'm' && end == 7)
        return made(out, PERIOD_NINE_MONTHS, year);
    if (MATCHES("%4u-s%c", 2, &year, &letter) && letter == 'y' && end == 7)
        return made(out, PERIOD_SCHOOL_YEAR, year);
    if (MATCHES("%4u-%4u", 2, &year, &last) && end == 9)
        return years(out, PERIOD_TERM, year, last);
    if (MATCHES("%4u-%2u", 2, &year, &part) && end == 7)
        return part >= 1 && part <= 12 && made(out, PERIOD_MONTH, (uint64_t)year * 12 + part - 1);
    return MATCHES("%4u", 1, &year) && end == 4 && made(out, PERIOD_YEAR, year);
}

/* "thang 6/2025", "t6/2025", "thang 06 nam 2025", "6/2025". */
static bool month(const char *text, struct period *out) {
    unsigned year, part;
    char between;
    int end;
    bool found = MATCHES("thang %2u nam %4u", 2, &part, &year) || MATCHES("%2u/%4u", 2, &part, &year) ||
                 (MATCHES("thang %2u%c%4u", 3, &part, &between, &year) && strchr("/-", between)) ||
                 (MATCHES("t%2u%c%4u", 3, &part, &between, &year) && strchr("/-_", between));
    return found && part >= 1 && part <= 12 && made(out, PERIOD_MONTH, (uint64_t)year * 12 + part - 1);
}

/* "quy ii/2025", "quy 1-2011", "quy iii nam 2026", "q2/2025". */
static bool quarter(const char *text, struct period *out) {
    char word[4];
    unsigned year;
    int end;
    bool found = MATCHES("quy %3[iv1-4] nam %4u", 2, word, &year) || MATCHES("quy %3[iv1-4] / %4u", 2, word, &year) ||
                 MATCHES("quy %3[iv1-4] - %4u", 2, word, &year) || MATCHES("q%1[1-4]/%4u", 2, word, &year);
    unsigned part = found ? roman(word) : 0;
    return part > 0 && made(out, PERIOD_QUARTER, (uint64_t)year * 4 + part - 1);
}

static bool longer(const char *text, struct period *out) {
    unsigned year, last;
    int end;
    if (MATCHES("6 thang dau nam %4u", 1, &year) || MATCHES("sau thang dau nam %4u", 1, &year) || MATCHES("6 thang nam %4u", 1, &year) ||
        MATCHES("6 thang/%4u", 1, &year))
        return made(out, PERIOD_HALF, (uint64_t)year * 2);
    if (MATCHES("6 thang cuoi nam %4u", 1, &year) || MATCHES("sau thang cuoi nam %4u", 1, &year))
        return made(out, PERIOD_HALF, (uint64_t)year * 2 + 1);
    if (MATCHES("9 thang nam %4u", 1, &year) || MATCHES("9 thang dau nam %4u", 1, &year) || MATCHES("chin thang dau nam %4u", 1, &year) ||
        MATCHES("9 thang/%4u", 1, &year))
        return made(out, PERIOD_NINE_MONTHS, year);
    if (MATCHES("nam hoc %4u-%4u", 2, &year, &last) || MATCHES("nam hoc %4u - %4u", 2, &year, &last))
        return years(out, PERIOD_SCHOOL_YEAR, year, last);
    if (MATCHES("nhiem ky %4u-%4u", 2, &year, &last) || MATCHES("nhiem ky %4u - %4u", 2, &year, &last) || MATCHES("%4u - %4u", 2, &year, &last))
        return years(out, PERIOD_TERM, year, last);
    return (MATCHES("nam %4u", 1, &year) || MATCHES("ca nam %4u", 1, &year)) && made(out, PERIOD_YEAR, year);
}

enum status period_parse(struct period *out, struct bytes text) {
    char folded[WRITTEN_MAX];
    int32_t day;
    *out = (struct period){0};
    if (text_fold(folded, sizeof folded, text) == sizeof folded || strpbrk(folded, "+") != NULL || strstr(folded, "--") != NULL)
        return STATUS_PERIOD_INVALID;
    if (canonical(folded, out) || month(folded, out) || quarter(folded, out) || longer(folded, out))
        return STATUS_OK;
    if (period_date_parse(&day, text) == STATUS_OK) {
        int year;
        unsigned of_year, of_month;
        civil(day, &year, &of_year, &of_month);
        *out = (struct period){PERIOD_AD_HOC, (uint32_t)year * 10000 + of_year * 100 + of_month};
        return STATUS_OK;
    }
    return STATUS_PERIOD_INVALID;
}
