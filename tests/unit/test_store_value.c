/* Text as people write it: every example is one of docs/forms.md, taken from real papers. */
#include "store/formula.h"
#include "store/value_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

static const struct form_field whole = {.type = FIELD_INTEGER}, money = {.type = FIELD_MONEY},
                               households = {.type = FIELD_INTEGER, .measure = {(const uint8_t *)"hộ", 4}},
                               kilograms = {.type = FIELD_DECIMAL, .places = 1, .measure = {(const uint8_t *)"kg", 2}},
                               percent = {.type = FIELD_DECIMAL, .places = 2, .measure = {(const uint8_t *)"%", 1}},
                               area = {.type = FIELD_DECIMAL, .places = 3}, text_field = {.type = FIELD_TEXT}, yesno = {.type = FIELD_YESNO},
                               date = {.type = FIELD_DATE};

static struct value_text value; /* 4 KB: kept off the stack */

static enum status parse(const struct form_field *field, const char *text, enum number_style style) {
    return value_text_parse(&value, field, bytes_of(text, strlen(text)), style);
}

struct reading {
    const struct form_field *field;
    const char *text, *value;
    uint8_t qualifier;
};

static void assert_readings(const struct reading *readings, size_t count, enum number_style style) {
    for (size_t i = 0; i < count; i++) {
        enum status status = parse(readings[i].field, readings[i].text, style);
        if (status != STATUS_OK || value.state != CELL_VALUE || strcmp(value.value, readings[i].value) != 0 || value.qualifier != readings[i].qualifier)
            fail_msg("%s: %s, \"%s\", qualifier %u", readings[i].text, status_name(status), value.value, value.qualifier);
    }
}

static void whole_numbers(void **state) {
    static const struct reading readings[] = {{&whole, "4.731", "4731", 0},
                                              {&whole, "16.657", "16657", 0},
                                              {&whole, "8.718.000", "8718000", 0},
                                              {&whole, "19 136", "19136", 0},
                                              {&whole, "30,509", "30509", 0},
                                              {&whole, "14,917", "14917", 0},
                                              {&whole, "04", "4", 0},
                                              {&whole, "00", "0", 0},
                                              {&whole, "0", "0", 0},
                                              {&whole, "không", "0", 0},
                                              {&whole, "-5", "-5", 0},
                                              {&whole,
                                               "\xe2\x88\x92"
                                               "5",
                                               "-5", 0},
                                              {&whole, "1.0", "1", 0},
                                              {&whole, " 74 ", "74", 0},
                                              {&whole,
                                               "19\xc2\xa0"
                                               "136",
                                               "19136", 0},
                                              {&households, "18.498 hộ", "18498", 0},
                                              {&households, "14,917 hộ", "14917", 0},
                                              {&whole, "trên 4.000", "4000", QUALIFIER_OVER},
                                              {&whole, "hơn 4.000", "4000", QUALIFIER_OVER},
                                              {&whole, "dưới 60", "60", QUALIFIER_UNDER},
                                              {&whole, "gần 122", "122", QUALIFIER_UNDER},
                                              {&whole, "khoảng 1.300", "1300", QUALIFIER_ABOUT},
                                              {&whole, "từ 67", "67", QUALIFIER_AT_LEAST},
                                              {&whole, "ít nhất 1", "1", QUALIFIER_AT_LEAST},
                                              {&whole, "tối đa 30", "30", QUALIFIER_AT_MOST},
                                              {&whole, ">=7", "7", QUALIFIER_AT_LEAST},
                                              {&whole, "> 7", "7", QUALIFIER_OVER},
                                              {&whole, "9223372036854775807", "9223372036854775807", 0},
                                              {&whole, "-9223372036854775808", "-9223372036854775808", 0}};
    (void)state;
    assert_readings(readings, sizeof readings / sizeof readings[0], STYLE_UNKNOWN);
    assert_readings(readings, sizeof readings / sizeof readings[0], STYLE_MACHINE);
    assert_readings(readings, sizeof readings / sizeof readings[0], STYLE_VIETNAMESE);
}

static void amounts_of_money(void **state) {
    static const struct reading readings[] = {{&money, "trên 173 tỉ đồng", "173000000000", QUALIFIER_OVER},
                                              {&money, "trên 275 triệu đồng", "275000000", QUALIFIER_OVER},
                                              {&money, "122 tỷ", "122000000000", 0},
                                              {&money, "gần 122 tỷ", "122000000000", QUALIFIER_UNDER},
                                              {&money, "khoảng 1.300 tỷ đồng", "1300000000000", QUALIFIER_ABOUT},
                                              {&money, "5 tỷ 298,2 triệu đồng", "5298200000", 0},
                                              {&money, "1 tỷ 345 triệu", "1345000000", 0},
                                              {&money, "1.982 triệu đồng", "1982000000", 0},
                                              {&money, "2.847 tỷ đồng", "2847000000000", 0},
                                              {&money, "500k", "500000", 0},
                                              {&money, "20 nghìn", "20000", 0},
                                              {&money, "20 ngàn đồng", "20000", 0},
                                              {&money, "8.718.000", "8718000", 0},
                                              {&money, "8.718.000 đồng", "8718000", 0},
                                              {&money, "8.718.000đ", "8718000", 0},
                                              {&money, "1 triệu 500.000 đồng", "1500000", 0},
                                              {&money, "0", "0", 0},
                                              {&money, "1,5 tỷ", "1500000000", 0},
                                              {&money, "2 nghìn tỷ", "2000000000000", 0}};
    (void)state;
    assert_readings(readings, sizeof readings / sizeof readings[0], STYLE_UNKNOWN);
    assert_int_equal(parse(&money, "133.396 tỷ đồng", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&money, "1 triệu 500", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&money, "14,917 tỷ", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&money, "14,917 tỷ", STYLE_VIETNAMESE), STATUS_OK);
    assert_string_equal(value.value, "14917000000");
    assert_int_equal(parse(&money, "3 triệu 2 tỷ", STYLE_UNKNOWN), STATUS_VALUE_INVALID);
    assert_int_equal(parse(&money, "0,5", STYLE_UNKNOWN), STATUS_VALUE_INVALID); /* half a đồng */
    assert_int_equal(parse(&money, "5 tin", STYLE_UNKNOWN), STATUS_VALUE_INVALID);
    assert_int_equal(parse(&money, "99999999999 tỷ", STYLE_UNKNOWN), STATUS_VALUE_RANGE);
}

static void decimals(void **state) {
    static const struct reading any[] = {{&percent, "1,5", "1.50", 0},
                                         {&percent, "82,91%", "82.91", 0},
                                         {&percent, "60.5%", "60.50", 0},
                                         {&percent, "0,05%", "0.05", 0},
                                         {&percent, "từ 67,5%", "67.50", QUALIFIER_AT_LEAST},
                                         {&area, "3.359,80", "3359.800", 0},
                                         {&area, "2.97", "2.970", 0},
                                         {&area, "3,359.80", "3359.800", 0},
                                         {&area, "1.234.567,891", "1234567.891", 0},
                                         {&area, "0.125", "0.125", 0},
                                         {&area, "0,125", "0.125", 0},
                                         {&area, "8.718.000", "8718000.000", 0},
                                         {&area, "19 136,5", "19136.500", 0},
                                         {&kilograms, "350kg", "350.0", 0},
                                         {&kilograms, "3,9 tấn", "3900.0", 0},
                                         {&kilograms, "-0,5", "-0.5", 0}};
    static const struct reading vietnamese[] = {{&area, "101.705", "101705.000", 0}, {&area, "101,705", "101.705", 0}};
    static const struct reading machine[] = {{&area, "101.705", "101.705", 0}, {&area, "101,705", "101705.000", 0}};
    (void)state;
    assert_readings(any, sizeof any / sizeof any[0], STYLE_UNKNOWN);
    assert_readings(vietnamese, 2, STYLE_VIETNAMESE);
    assert_readings(machine, 2, STYLE_MACHINE);
    assert_int_equal(parse(&area, "101.705", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&area, "101,705", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&percent, "22.4206", STYLE_UNKNOWN), STATUS_VALUE_INVALID); /* more decimals than the field has: refused, not rounded */
    assert_int_equal(parse(&kilograms, "350 lít", STYLE_UNKNOWN), STATUS_VALUE_INVALID);
}

static void what_no_number_is(void **state) {
    static const char *const bad[] = {"56.538/84.735", "139/139", "8.460 cuộc", "1,23457E+11", "1.2.3",
                                      "12.34.567",     "abc",     "1 2",        "4.73",        "12,5",
                                      "--5",           "5-",      "1..000",     "XVII",        "01 đặc khu, 08 phường"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse(&whole, bad[i], STYLE_UNKNOWN) != STATUS_VALUE_INVALID)
            fail_msg("read: %s as %s", bad[i], value.value);
        assert_int_equal(value.state, CELL_MISSING);
        assert_string_equal(value.value, "");
    }
    assert_int_equal(parse(&whole, "9223372036854775808", STYLE_UNKNOWN), STATUS_VALUE_RANGE);
    assert_int_equal(parse(&whole, "\xff", STYLE_UNKNOWN), STATUS_TEXT_INVALID);
    assert_int_equal(parse(&(struct form_field){.type = FIELD_COMPUTED}, "1", STYLE_UNKNOWN), STATUS_FIELD_COMPUTED);
}

static void blanks_are_missing_and_not_zero(void **state) {
    static const char *const blanks[] = {"", "   ", "-", "–", "x", "X", "..........", "……. %", "…", "đang cập nhật", "Đang cập nhật", "\xc2\xa0"};
    static const char *const none[] = {"không áp dụng", "n/a", "N/A"};
    (void)state;
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        assert_int_equal(parse(&whole, blanks[i], STYLE_UNKNOWN), STATUS_OK);
        assert_int_equal(value.state, CELL_MISSING);
        assert_int_equal(parse(&text_field, blanks[i], STYLE_UNKNOWN), STATUS_OK);
        assert_int_equal(value.state, CELL_MISSING);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(parse(&money, none[i], STYLE_UNKNOWN), STATUS_OK);
        assert_int_equal(value.state, CELL_NOT_APPLICABLE);
    }
}

static void yes_no_choices_and_dates(void **state) {
    struct form_choice choices[] = {{bytes_of("good", 4), {1, {{bytes_of("vi", 2), bytes_of("tốt", strlen("tốt"))}}}},
                                    {bytes_of("fair", 4), {1, {{bytes_of("vi", 2), bytes_of("khá", strlen("khá"))}}}},
                                    {bytes_of("kha", 3), {0}}};
    const struct form_field choice = {.type = FIELD_CHOICE, .choice_count = 3, .choices = choices};
    static const struct reading readings[] = {{&yesno, "có", "yes", 0},
                                              {&yesno, "Có", "yes", 0},
                                              {&yesno, "yes", "yes", 0},
                                              {&yesno, "không", "no", 0},
                                              {&yesno, "0", "no", 0},
                                              {&date, "30.11.2025", "2025-11-30", 0},
                                              {&date, "15/07/2025", "2025-07-15", 0},
                                              {&text_field, "Hũ thóc", "Hũ thóc", 0},
                                              {&text_field,
                                               "Hu\xcc\x83 tho\xcc\x81"
                                               "c",
                                               "Hũ thóc", 0}};
    (void)state;
    assert_readings(readings, sizeof readings / sizeof readings[0], STYLE_UNKNOWN);
    assert_int_equal(parse(&yesno, "x", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&date, "7/17/2026", STYLE_UNKNOWN), STATUS_DATE_INVALID);
    assert_int_equal(parse(&choice, "tốt", STYLE_UNKNOWN), STATUS_OK);
    assert_string_equal(value.value, "good");
    assert_int_equal(parse(&choice, "TOT", STYLE_UNKNOWN), STATUS_OK);
    assert_string_equal(value.value, "good");
    assert_int_equal(parse(&choice, "khá", STYLE_UNKNOWN), STATUS_OK); /* exactly: though without marks two would fit */
    assert_string_equal(value.value, "fair");
    assert_int_equal(parse(&choice, "Kha", STYLE_UNKNOWN), STATUS_VALUE_AMBIGUOUS);
    assert_int_equal(parse(&choice, "yếu", STYLE_UNKNOWN), STATUS_VALUE_INVALID);
}

static void a_text_as_long_as_allowed(void **state) {
    char text[TEXT_VALUE_BYTES_MAX + 2];
    (void)state;
    memset(text, 'a', sizeof text);
    text[TEXT_VALUE_BYTES_MAX] = 0;
    assert_int_equal(parse(&text_field, text, STYLE_UNKNOWN), STATUS_OK);
    assert_int_equal(strlen(value.value), TEXT_VALUE_BYTES_MAX);
    assert_int_equal(parse(&whole, text, STYLE_UNKNOWN), STATUS_VALUE_INVALID);
    text[TEXT_VALUE_BYTES_MAX] = 'a';
    text[TEXT_VALUE_BYTES_MAX + 1] = 0;
    assert_int_equal(parse(&text_field, text, STYLE_UNKNOWN), STATUS_TOO_LARGE);
}

static void cells_prove_a_style(void **state) {
    static const struct {
        const char *text;
        enum number_style style;
    } cells[] = {{"3.359,80", STYLE_VIETNAMESE},
                 {"1,5", STYLE_VIETNAMESE},
                 {"8.718.000", STYLE_VIETNAMESE},
                 {"82,91%", STYLE_VIETNAMESE},
                 {"28.69", STYLE_MACHINE},
                 {"3,359.80", STYLE_MACHINE},
                 {"22.4206", STYLE_MACHINE},
                 {"1,234,567", STYLE_MACHINE},
                 {"0.125", STYLE_MACHINE},
                 {"101.705", STYLE_UNKNOWN},
                 {"14,917", STYLE_UNKNOWN},
                 {"4731", STYLE_UNKNOWN},
                 {"", STYLE_UNKNOWN},
                 {"19 136", STYLE_UNKNOWN},
                 {"abc", STYLE_UNKNOWN}};
    (void)state;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (value_text_style(bytes_of(cells[i].text, strlen(cells[i].text))) != cells[i].style)
            fail_msg("%s", cells[i].text);
    }
}

static void scaled_numbers_go_both_ways(void **state) {
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -1250, INT64_MAX, INT64_MIN};
    char text[48];
    int64_t back;
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (unsigned places = 0; places <= FORM_PLACES_MAX; places++) {
            size_t len = value_text_plain(text, numbers[i], places);
            assert_int_equal(value_text_scaled(&back, bytes_of(text, len), places), STATUS_OK);
            assert_true(back == numbers[i]);
        }
    }
    value_text_plain(text, -1250, 2);
    assert_string_equal(text, "-12.50");
    assert_int_equal(value_text_scaled(&back, bytes_of("12.505", 6), 2), STATUS_VALUE_INVALID);
    assert_int_equal(value_text_scaled(&back, bytes_of("12.500", 6), 2), STATUS_OK);
    static const char *const bad[] = {"", "-", ".5", "5.", "1.2.3", "1,5", "+5", " 5", "5 ", "0x5", "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(value_text_scaled(&back, bytes_of(bad[i], strlen(bad[i])), 2), STATUS_VALUE_INVALID);
    assert_int_equal(value_text_scaled(&back, bytes_of("9223372036854775808", 19), 0), STATUS_VALUE_RANGE);
}

/* ---- formulas and fractions ---- */

static bool lookup(void *ctx, struct bytes name, struct formula_value *out) {
    (void)ctx;
    *out = (struct formula_value){CELL_VALUE, false, {name.data[0] == 'a' ? 6 : name.data[0] == 'b' ? 4 : 0, 1}};
    if (name.data[0] == 'm')
        out->state = CELL_MISSING;
    out->qualified = name.data[0] == 'b';
    return name.len == 1;
}

static void assert_formula(const char *formula, enum status status, uint8_t state, const char *text) {
    struct formula_value out;
    char number[RATIONAL_TEXT_MAX] = "";
    size_t at;
    assert_int_equal(formula_evaluate(&out, bytes_of(formula, strlen(formula)), lookup, NULL, &at), status);
    if (status != STATUS_OK)
        return;
    assert_int_equal(out.state, state);
    if (state == CELL_VALUE) {
        assert_int_equal(rational_text(number, &out.number, 2), STATUS_OK);
        assert_string_equal(number, text);
    }
}

static void formulas_are_exact(void **state) {
    (void)state;
    assert_formula("a + b * 2", STATUS_OK, CELL_VALUE, "14.00");
    assert_formula("(a + b) * 2", STATUS_OK, CELL_VALUE, "20.00");
    assert_formula("100 * b / a", STATUS_OK, CELL_VALUE, "66.67");
    assert_formula("a - b - 1", STATUS_OK, CELL_VALUE, "1.00");
    assert_formula("a / b / 3", STATUS_OK, CELL_VALUE, "0.50");
    assert_formula("-a + 0.005", STATUS_OK, CELL_VALUE, "-6.00"); /* -5.995: half away from zero */
    assert_formula("0.005", STATUS_OK, CELL_VALUE, "0.01");
    assert_formula("-0.005", STATUS_OK, CELL_VALUE, "-0.01");
    assert_formula("-0.004", STATUS_OK, CELL_VALUE, "0.00"); /* never "-0.00" */
    assert_formula("b / a * a - b", STATUS_OK, CELL_VALUE, "0.00");
    assert_formula("a / (b - 4)", STATUS_OK, CELL_NOT_APPLICABLE, NULL);
    assert_formula("a + m", STATUS_OK, CELL_MISSING, NULL);
    assert_formula("m + a / 0", STATUS_OK, CELL_NOT_APPLICABLE, NULL);
    assert_formula("a +", STATUS_VALUE_INVALID, 0, NULL);
    assert_formula("", STATUS_VALUE_INVALID, 0, NULL);
    assert_formula("(a", STATUS_VALUE_INVALID, 0, NULL);
    assert_formula("a b", STATUS_VALUE_INVALID, 0, NULL);
    assert_formula("a ^ 2", STATUS_VALUE_INVALID, 0, NULL);
    assert_formula("nothing + 1", STATUS_FIELD_UNKNOWN, 0, NULL);
    assert_formula("9000000000 * 9000000000 * 9000000000 * 9000000000", STATUS_SUM_OVERFLOW, 0, NULL);
    char deep[201];
    memset(deep, '(', 200);
    deep[200] = 0;
    assert_formula(deep, STATUS_VALUE_INVALID, 0, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(amounts_of_money),
        cmocka_unit_test(decimals),
        cmocka_unit_test(what_no_number_is),
        cmocka_unit_test(blanks_are_missing_and_not_zero),
        cmocka_unit_test(yes_no_choices_and_dates),
        cmocka_unit_test(a_text_as_long_as_allowed),
        cmocka_unit_test(cells_prove_a_style),
        cmocka_unit_test(scaled_numbers_go_both_ways),
        cmocka_unit_test(formulas_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
