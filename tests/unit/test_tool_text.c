/* tools/text.c: the choice of language, catalogs that need no locale, templates, numbers and dates; tools/refusal.c: a sentence for every status. */
#include "tools/refusal.h"
#include "tools/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set_locale(const char *all, const char *messages, const char *lang) {
    const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"}, *const values[] = {all, messages, lang};
    for (size_t i = 0; i < 3; i++) {
        if (values[i] == NULL) {
            unsetenv(names[i]);
        } else {
            setenv(names[i], values[i], 1);
        }
    }
}

static void test_language(void **state) {
    static const struct {
        const char *all, *messages, *lang;
        enum language expected;
    } CASES[] = {
        {NULL, NULL, NULL, LANGUAGE_VIETNAMESE},       {NULL, NULL, "C", LANGUAGE_VIETNAMESE},
        {NULL, NULL, "C.UTF-8", LANGUAGE_VIETNAMESE},  {NULL, NULL, "POSIX", LANGUAGE_VIETNAMESE},
        {NULL, NULL, "", LANGUAGE_VIETNAMESE},         {NULL, NULL, "vi_VN.UTF-8", LANGUAGE_VIETNAMESE},
        {NULL, NULL, "en_US.UTF-8", LANGUAGE_ENGLISH}, {NULL, NULL, "en", LANGUAGE_ENGLISH},
        {NULL, NULL, "de_DE", LANGUAGE_ENGLISH},       {NULL, "vi_VN", "en_US.UTF-8", LANGUAGE_VIETNAMESE},
        {"en_GB", "vi_VN", "vi_VN", LANGUAGE_ENGLISH}, {"", "", "en_GB", LANGUAGE_ENGLISH},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        set_locale(CASES[i].all, CASES[i].messages, CASES[i].lang);
        assert_true(text_choose(NULL));
        assert_int_equal(text_language(), CASES[i].expected);
    }
    assert_true(text_choose("en"));
    assert_int_equal(text_language(), LANGUAGE_ENGLISH);
    assert_false(text_choose("fr"));
    assert_int_equal(text_language(), LANGUAGE_ENGLISH);
}

static void test_catalogs(void **state) {
    (void)state;
    assert_true(text_choose("vi"));
    assert_string_equal(_("unit"), "đơn vị");
    assert_string_equal(_("no such text"), "no such text");
    assert_string_equal(_(""), "");
    assert_string_equal(PLURAL("{count} unit", "{count} units", 1), "{count} đơn vị");
    assert_string_equal(PLURAL("{count} unit", "{count} units", 7), "{count} đơn vị");
    assert_true(text_choose("en"));
    assert_string_equal(_("unit"), "unit");
    assert_string_equal(PLURAL("{count} unit", "{count} units", 1), "{count} unit");
    assert_string_equal(PLURAL("{count} unit", "{count} units", 7), "{count} units");
    assert_string_equal(PLURAL("{count} unit", "{count} units", 0), "{count} units");
}

static void check_format(const char *template, const char *a, const char *b, const char *expected) {
    char *text = text_format(template, "a", a, "b", b, NULL);
    assert_string_equal(text, expected);
    free(text);
}

static void test_templates(void **state) {
    (void)state;
    check_format("{b} before {a}", "1", "2", "2 before 1");
    check_format("x[, {a}][: {b}].", "1", NULL, "x, 1.");
    check_format("x[, {a} {b}].", "1", NULL, "x.");
    check_format("[{a}]", NULL, NULL, "");
    check_format("{a}", NULL, NULL, "?");
    check_format("{} { {a", "1", NULL, "{} { {a");
    check_format("[open {a}", "1", NULL, "[open 1");
    check_format("{a}", "{b} [x]", "2", "{b} [x]"); /* values are not read as templates */
}

static void test_numbers(void **state) {
    char out[TEXT_SHORT], longest[200];
    (void)state;
    text_choose("vi");
    assert_string_equal(text_number(out, "1234567.50"), "1.234.567,50");
    assert_string_equal(text_number(out, "-1234"), "-1.234");
    assert_string_equal(text_number(out, "999"), "999");
    assert_string_equal(text_number(out, "0"), "0");
    assert_string_equal(text_number(out, "100000"), "100.000");
    assert_string_equal(text_number(out, "12a"), "12a");
    assert_string_equal(text_number(out, ""), "");
    assert_string_equal(text_count(out, INT64_MIN), "-9.223.372.036.854.775.808");
    assert_string_equal(text_date(out, "2025-06-30"), "30/06/2025");
    assert_string_equal(text_bytes(out, 999), "999 B");
    assert_string_equal(text_bytes(out, 12400000), "12,4 MB");
    assert_string_equal(text_time(out, 0), "–");
    memset(longest, '7', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(strlen(text_number(out, longest)), TEXT_SHORT - 1); /* cut, never past the end */
    text_choose("en");
    assert_string_equal(text_number(out, "1234567.50"), "1,234,567.50");
    assert_string_equal(text_date(out, "2025-06-30"), "2025-06-30");
}

static void test_labels(void **state) {
    (void)state;
    json_t *texts = json_pack("{s:s, s:s}", "vi", "Hội viên", "en", "Members"), *only = json_pack("{s:s}", "km", "x"), *none = json_object();
    text_choose("vi");
    assert_string_equal(text_label(texts, "f"), "Hội viên");
    text_choose("en");
    assert_string_equal(text_label(texts, "f"), "Members");
    assert_string_equal(text_label(only, "f"), "x");
    assert_string_equal(text_label(none, "f"), "f");
    assert_string_equal(text_label(NULL, "f"), "f");
    json_decref(texts);
    json_decref(only);
    json_decref(none);
}

/* Every status has a sentence in both languages, which says something with arguments and without. */
static void test_every_status(void **state) {
    static const enum status ALL[] = {
#define ONE(name, number, exit_status, text) STATUS_##name,
        STATUS_TABLE(ONE)
#undef ONE
    };
    (void)state;
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        text_choose("en");
        char *english = refusal_sentence(ALL[i], NULL);
        text_choose("vi");
        char *vietnamese = refusal_sentence(ALL[i], NULL);
        assert_true(strlen(english) > 4 && strlen(vietnamese) > 3);
        assert_string_not_equal(english, vietnamese);
        assert_null(strchr(english, '?'));
        assert_null(strchr(vietnamese, '?'));
        assert_int_equal(refusal_status(ALL[i]), ALL[i]);
        assert_int_equal(refusal_named(status_name(ALL[i])), ALL[i]);
        free(english);
        free(vietnamese);
    }
    assert_int_equal(refusal_status(999), STATUS_INTERNAL);
}

static void test_arguments(void **state) {
    (void)state;
    text_choose("vi");
    json_t *args = json_pack("{s:s, s:s, s:i}", "form", "members", "period", "2025-06", "row", 7);
    char *sentence = refusal_sentence(STATUS_FORM_UNKNOWN, args);
    assert_non_null(strstr(sentence, "“members”"));
    assert_non_null(strstr(sentence, "kỳ: 2025-06")); /* what the sentence has no place for is not lost */
    assert_non_null(strstr(sentence, "dòng: 7"));
    free(sentence);
    json_decref(args);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_language), cmocka_unit_test(test_catalogs),     cmocka_unit_test(test_templates), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_labels),   cmocka_unit_test(test_every_status), cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
