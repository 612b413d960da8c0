/* Periods: ordinals, canonical text, what people write, windows, and the ranges of roll-ups. */
#include "store/period.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static struct period parsed(const char *text) {
    struct period period;
    if (period_parse(&period, bytes_of(text, strlen(text))) != STATUS_OK)
        fail_msg("not read: %s", text);
    return period;
}

static void assert_period(const char *text, uint8_t kind, uint32_t ordinal, const char *canonical) {
    struct period period = parsed(text);
    char back[PERIOD_TEXT_MAX];
    assert_int_equal(period.kind, kind);
    assert_int_equal(period.ordinal, ordinal);
    period_text(back, &period);
    assert_string_equal(back, canonical);
}

static void the_canonical_form_is_read_and_written(void **state) {
    (void)state;
    assert_period("2025-06", PERIOD_MONTH, 2025 * 12 + 5, "2025-06");
    assert_period("2025-Q2", PERIOD_QUARTER, 2025 * 4 + 1, "2025-Q2");
    assert_period("2025-H1", PERIOD_HALF, 2025 * 2, "2025-H1");
    assert_period("2025-9M", PERIOD_NINE_MONTHS, 2025, "2025-9M");
    assert_period("2025", PERIOD_YEAR, 2025, "2025");
    assert_period("2021-2026", PERIOD_TERM, 2021005, "2021-2026");
    assert_period("2025-SY", PERIOD_SCHOOL_YEAR, 2025, "2025-SY");
    assert_period("2024-02-29", PERIOD_AD_HOC, 20240229, "2024-02-29");
    assert_period("1900-01", PERIOD_MONTH, 1900 * 12, "1900-01");
    assert_period("2099-12", PERIOD_MONTH, 2099 * 12 + 11, "2099-12");
}

static void what_people_write_is_read(void **state) {
    (void)state;
    assert_period("tháng 6/2025", PERIOD_MONTH, 2025 * 12 + 5, "2025-06");
    assert_period("Tháng 06 năm 2025", PERIOD_MONTH, 2025 * 12 + 5, "2025-06");
    assert_period("T6/2025", PERIOD_MONTH, 2025 * 12 + 5, "2025-06");
    assert_period("T12_2025", PERIOD_MONTH, 2025 * 12 + 11, "2025-12");
    assert_period("6/2025", PERIOD_MONTH, 2025 * 12 + 5, "2025-06");
    assert_period("quý I/2019", PERIOD_QUARTER, 2019 * 4, "2019-Q1");
    assert_period("Quý III/2026", PERIOD_QUARTER, 2026 * 4 + 2, "2026-Q3");
    assert_period("Quý 1-2011", PERIOD_QUARTER, 2011 * 4, "2011-Q1");
    assert_period("quý IV năm 2025", PERIOD_QUARTER, 2025 * 4 + 3, "2025-Q4");
    assert_period("6 tháng đầu năm 2025", PERIOD_HALF, 2025 * 2, "2025-H1");
    assert_period("6 tháng cuối năm 2025", PERIOD_HALF, 2025 * 2 + 1, "2025-H2");
    assert_period("9 tháng năm 2024", PERIOD_NINE_MONTHS, 2024, "2024-9M");
    assert_period("năm 2025", PERIOD_YEAR, 2025, "2025");
    assert_period("nhiệm kỳ 2021-2026", PERIOD_TERM, 2021005, "2021-2026");
    assert_period("nhiệm kỳ 2021 – 2026", PERIOD_TERM, 2021005, "2021-2026");
    assert_period("năm học 2025-2026", PERIOD_SCHOOL_YEAR, 2025, "2025-SY");
    assert_period("Tha\xcc\x81ng 6/2025", PERIOD_MONTH, 2025 * 12 + 5, "2025-06"); /* decomposed, as from a telephone */
    assert_period("30/6/2025", PERIOD_AD_HOC, 20250630, "2025-06-30");
}

static void nonsense_is_refused(void **state) {
    static const char *const bad[] = {
        "",          "2025-13",       "2025-00",    "2025-Q5",  "2025-Q0",           "2025-H3",      "25-06",     "1899",    "2100",  "2026-2021",
        "2021-2021", "tháng 13/2025", "quý V/2025", "10 tháng", "năm học 2025-2027", "2025-02-30",   "30.2.2025", "2025-6x", "tháng", "2025 06",
        "-2025",     "+2025",         "2025--06",   "2025-Q",   "quý 0/2025",        "nhiệm kỳ 2021"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct period period;
        if (period_parse(&period, bytes_of(bad[i], strlen(bad[i]))) != STATUS_PERIOD_INVALID)
            fail_msg("read: %s", bad[i]);
    }
}

static void assert_window(const char *text, uint8_t window, const char *first, const char *last) {
    struct period period = parsed(text);
    int32_t from, to;
    char date[11];
    period_window(&period, window, &from, &to);
    period_date_text(date, from);
    assert_string_equal(date, first);
    period_date_text(date, to);
    assert_string_equal(date, last);
}

static void windows_are_the_form_s(void **state) {
    (void)state;
    assert_window("2025-06", WINDOW_CALENDAR, "2025-06-01", "2025-06-30");
    assert_window("2025-06", WINDOW_OFFICIAL, "2025-05-15", "2025-06-14");
    assert_window("2025-01", WINDOW_OFFICIAL, "2024-12-15", "2025-01-14");
    assert_window("2024-02", WINDOW_CALENDAR, "2024-02-01", "2024-02-29");
    assert_window("2025-Q1", WINDOW_OFFICIAL, "2024-12-15", "2025-03-14");
    assert_window("2025-Q4", WINDOW_CALENDAR, "2025-10-01", "2025-12-31");
    assert_window("2025-H1", WINDOW_OFFICIAL, "2024-12-15", "2025-06-14");
    assert_window("2025-H2", WINDOW_OFFICIAL, "2025-06-15", "2025-12-14");
    assert_window("2025-9M", WINDOW_OFFICIAL, "2024-12-15", "2025-09-14");
    assert_window("2025", WINDOW_OFFICIAL, "2024-12-15", "2025-12-14");
    assert_window("2021-2026", WINDOW_OFFICIAL, "2021-01-01", "2026-12-31");
    assert_window("2025-SY", WINDOW_CALENDAR, "2025-09-01", "2026-08-31");
    assert_window("2025-06-17", WINDOW_OFFICIAL, "2025-06-17", "2025-06-17");
}

static void assert_span(uint8_t kind, const char *from, const char *to, enum status expected, uint32_t first, uint32_t last) {
    struct period a = parsed(from), b = parsed(to);
    uint32_t begins, ends;
    assert_int_equal(period_span(kind, &a, &b, &begins, &ends), expected);
    assert_int_equal(begins, first);
    assert_int_equal(ends, last);
}

static void ranges_are_of_the_form_s_kind(void **state) {
    (void)state;
    assert_span(PERIOD_MONTH, "2025-Q2", "2025-Q2", STATUS_OK, 2025 * 12 + 3, 2025 * 12 + 5);
    assert_span(PERIOD_MONTH, "2025-04", "2025-06", STATUS_OK, 2025 * 12 + 3, 2025 * 12 + 5);
    assert_span(PERIOD_MONTH, "2021-2026", "2021-2026", STATUS_OK, 2021 * 12, 2026 * 12 + 11);
    assert_span(PERIOD_QUARTER, "2025", "2025", STATUS_OK, 2025 * 4, 2025 * 4 + 3);
    assert_span(PERIOD_QUARTER, "2025-9M", "2025-9M", STATUS_OK, 2025 * 4, 2025 * 4 + 2);
    assert_span(PERIOD_AD_HOC, "2025-02", "2025-02", STATUS_OK, 20250201, 20250228);
    assert_span(PERIOD_TERM, "2021-2026", "2021-2026", STATUS_OK, 2021005, 2021005);
    assert_span(PERIOD_QUARTER, "2025-06", "2025-06", STATUS_PERIOD_WRONG_KIND, 2025 * 4 + 2, 0);
    struct period june = parsed("2025-06"), april = parsed("2025-04");
    uint32_t first, last;
    assert_int_equal(period_span(PERIOD_MONTH, &june, &april, &first, &last), STATUS_PERIOD_INVALID);
}

static void a_period_lies_within_a_longer_one(void **state) {
    (void)state;
    struct period june = parsed("2025-06"), quarter = parsed("2025-Q2"), next = parsed("2025-Q3"), year = parsed("2025");
    assert_true(period_within(&june, &quarter));
    assert_true(period_within(&quarter, &year));
    assert_false(period_within(&june, &next));
    assert_false(period_within(&year, &quarter));
}

static void every_ordinal_has_a_successor_and_its_own_text(void **state) {
    static const struct {
        uint8_t kind;
        uint32_t first, count;
    } kinds[] = {{PERIOD_MONTH, 1900 * 12, 2400},
                 {PERIOD_QUARTER, 1900 * 4, 800},
                 {PERIOD_HALF, 1900 * 2, 400},
                 {PERIOD_YEAR, 1900, 200},
                 {PERIOD_AD_HOC, 19000101, 73049}};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint32_t ordinal = kinds[i].first, count = 0;
        int32_t day_before = 0, first, last;
        while (ordinal != 0) {
            struct period period = {kinds[i].kind, ordinal};
            char text[PERIOD_TEXT_MAX];
            period_text(text, &period);
            struct period back = parsed(text);
            assert_true(back.kind == period.kind && back.ordinal == ordinal);
            period_window(&period, WINDOW_CALENDAR, &first, &last);
            assert_true(count == 0 || first == day_before + 1);
            day_before = last;
            count++;
            ordinal = period_next(kinds[i].kind, ordinal);
        }
        assert_int_equal(count, kinds[i].count);
        assert_int_equal(day_before, DATE_MAX);
    }
}

static void dates_are_read_as_people_write_them(void **state) {
    static const char *const written[] = {"2025-06-16", "16/6/2025", "16-06-2025", "16.6.2025", "ngày 16 tháng 6 năm 2025"};
    static const char *const bad[] = {"7/17/2026", "2025-6-16", "16/6-2025", "16/6/25", "31/4/2025", "45855", "16/6", ""};
    int32_t days;
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        assert_int_equal(period_date_parse(&days, bytes_of(written[i], strlen(written[i]))), STATUS_OK);
        assert_int_equal(days, period_days(2025, 6, 16));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (period_date_parse(&days, bytes_of(bad[i], strlen(bad[i]))) != STATUS_DATE_INVALID)
            fail_msg("read: %s", bad[i]);
    }
    assert_int_equal(period_days(1970, 1, 1), 0);
    assert_int_equal(period_days(1900, 1, 1), DATE_MIN);
    assert_int_equal(period_days(2099, 12, 31), DATE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_canonical_form_is_read_and_written),
        cmocka_unit_test(what_people_write_is_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(windows_are_the_form_s),
        cmocka_unit_test(ranges_are_of_the_form_s_kind),
        cmocka_unit_test(a_period_lies_within_a_longer_one),
        cmocka_unit_test(every_ordinal_has_a_successor_and_its_own_text),
        cmocka_unit_test(dates_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
