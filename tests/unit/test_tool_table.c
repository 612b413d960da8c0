/* tools/table.c: display widths of Vietnamese text in every form of Unicode, alignment, wrapping, blocks; no line is longer than the screen. */
#include "tools/table.h"
#include "tools/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *printed(const struct table *table, bool headers, size_t width) {
    struct text_memory memory;
    text_memory_begin(&memory);
    table_print(table, memory.file, headers, width);
    return text_memory_end(&memory);
}

static size_t longest_line(const char *text) {
    size_t longest = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char *line = strndup(text, len);
        size_t width = table_width(line);
        longest = width > longest ? width : longest;
        free(line);
        text += len + (text[len] == '\n');
    }
    return longest;
}

static void test_width(void **state) {
    (void)state;
    assert_int_equal(table_width(""), 0);
    assert_int_equal(table_width("Huyện Sơn Hòa"), 13);
    assert_int_equal(table_width("Huye\xcc\xa3\xcc\x82n"), 5); /* decomposed: letters with two marks each */
    assert_int_equal(table_width("đồng"), 4);
    assert_int_equal(table_width("会"), 2);
    assert_int_equal(table_width("\xff\xfe"), 2); /* no UTF-8: one cell a byte, and no endless loop */
}

static void test_alignment(void **state) {
    (void)state;
    struct table *table = table_new();
    table_column(table, "Đơn vị", TABLE_LEFT);
    table_column(table, "Số", TABLE_RIGHT);
    table_cell(table, "Xã Hòa");
    table_cell(table, "4.731");
    table_row_end(table);
    table_cell(table, "Ấp");
    table_cell(table, "7");
    table_row_end(table);
    table_cell(table, "một mình");
    table_row_end(table);
    char *text = printed(table, true, 80);
    assert_string_equal(text, "Đơn vị       Số\n"
                              "────────  ─────\n"
                              "Xã Hòa    4.731\n"
                              "Ấp            7\n"
                              "một mình\n");
    free(text);
    table_free(table);
}

static void test_wrapping(void **state) {
    (void)state;
    struct table *table = table_new();
    table_column(table, "", TABLE_LEFT);
    table_column(table, "", TABLE_LEFT | TABLE_WRAP);
    table_cell(table, "mã");
    table_cell(table, "một hai ba bốn năm sáu bảy");
    table_row_end(table);
    table_cell(table, "dài");
    table_cell(table, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    table_row_end(table);
    char *text = printed(table, false, 20);
    assert_string_equal(text, "mã   một hai ba bốn\n"
                              "     năm sáu bảy\n"
                              "dài  xxxxxxxxxxxxxxx\n"
                              "     xxxxxxxxxxxxxxx\n"
                              "     xx\n");
    free(text);
    table_free(table);
}

/* Forty columns of figures on an 80-column screen: every block repeats the key column and keeps to the width, and no column is lost. */
static void test_blocks(void **state) {
    (void)state;
    struct table *table = table_new();
    char name[40];
    table_column(table, "Đơn vị", TABLE_LEFT | TABLE_WRAP);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "Chỉ tiêu thứ %d", i);
        table_column(table, name, TABLE_RIGHT);
    }
    table_keys(table, 1);
    for (int r = 0; r < 3; r++) {
        table_cell(table, "22102 Xã Xuân Quang 2, một tên rất dài không vừa nửa màn hình");
        for (int i = 0; i < 40; i++) {
            snprintf(name, sizeof name, "=%d.%03d.000", r, i);
            table_cell(table, name);
        }
        table_row_end(table);
    }
    char *text = printed(table, true, 80);
    assert_true(longest_line(text) <= 80);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "=2.%03d.000", i);
        assert_non_null(strstr(text, name));
    }
    size_t keys = 0;
    for (const char *at = strstr(text, "Đơn vị"); at != NULL; at = strstr(at + 1, "Đơn vị")) {
        keys++;
    }
    assert_true(keys >= 8);
    free(text);
    table_free(table);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_width), cmocka_unit_test(test_alignment), cmocka_unit_test(test_wrapping),
                                       cmocka_unit_test(test_blocks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
