/* tools/sheet.c: every dialect of a table in a text file gives the same cells with the right line numbers; what is no such file is refused. */
#include "tools/sheet.h"
#include "tools/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/hoi-test-sheet-XXXXXX";

static enum status open_text(struct sheet **out, const char *content, size_t len) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return sheet_open(out, path);
}

/* The table as "line: a|b|c" lines, header first. */
static char *rows_of(struct sheet *sheet) {
    struct text_memory memory;
    struct sheet_row row;
    text_memory_begin(&memory);
    const struct sheet_row *header = sheet_header(sheet);
    fprintf(memory.file, "%lld:", (long long)header->line);
    for (size_t i = 0; i < header->count; i++) {
        fprintf(memory.file, "|%s", header->cells[i]);
    }
    while (sheet_next(sheet, &row)) {
        fprintf(memory.file, "\n%lld:", (long long)row.line);
        for (size_t i = 0; i < row.count; i++) {
            fprintf(memory.file, "|%s", row.cells[i]);
        }
    }
    return text_memory_end(&memory);
}

static void check(const char *content, const char *expected) {
    struct sheet *sheet;
    assert_int_equal(open_text(&sheet, content, strlen(content)), STATUS_OK);
    for (int pass = 0; pass < 2; pass++) { /* a second pass gives the same */
        char *rows = rows_of(sheet);
        assert_string_equal(rows, expected);
        free(rows);
        assert_int_equal(sheet_end(sheet), STATUS_OK);
        assert_int_equal(sheet_rewind(sheet), STATUS_OK);
    }
    sheet_close(sheet);
}

static void test_dialects(void **state) {
    (void)state;
    check("unit,a\n01,x\n", "1:|unit|a\n2:|01|x");
    check("unit,a\n01,x", "1:|unit|a\n2:|01|x"); /* no line end at the end */
    check("\xef\xbb\xbfunit;a\r\n01;\"x, y\"\r\n", "1:|unit|a\n2:|01|x, y");
    check("unit\ta\r01\t3.359,80\r", "1:|unit|a\n2:|01|3.359,80"); /* CR alone */
    check("unit|a\n00004|x\n", "1:|unit|a\n2:|00004|x");
    check("sep=;\nunit;a,b\n01;2\n", "2:|unit|a,b\n3:|01|2");
    check("\"sep=;\"\r\nunit;a\r\n01;2\r\n", "2:|unit|a\n3:|01|2");
    check("\n\n  \nunit,a\n\n01,x\n\n\n02,y\n", "4:|unit|a\n6:|01|x\n9:|02|y");
    check("unit,a\n01,\"he said \"\"no\"\"\"\n", "1:|unit|a\n2:|01|he said \"no\"");
    check("unit,a\n01,\"two\nlines\"\n02,x\n", "1:|unit|a\n2:|01|two\nlines\n4:|02|x");
    check("unit,a\n01,\"\n\n\"\n02,x\n", "1:|unit|a\n2:|01|\n\n\n5:|02|x");
    check("unit,a\n,,\n ,\n01,x\n", "1:|unit|a\n4:|01|x"); /* wholly empty rows */
    check("\"a;b\",c,d\n1,2,3\n", "1:|a;b|c|d\n2:|1|2|3"); /* delimiters in quotes do not count */
    check("unit\n01\n", "1:|unit\n2:|01");
}

static void refused(const char *content, size_t len, enum status expected) {
    struct sheet *sheet;
    assert_int_equal(open_text(&sheet, content, len), expected);
    assert_null(sheet);
}

static void refused_below(const char *content, size_t len, enum status expected) {
    struct sheet *sheet;
    struct sheet_row row;
    assert_int_equal(open_text(&sheet, content, len), STATUS_OK);
    while (sheet_next(sheet, &row)) {}
    assert_int_equal(sheet_end(sheet), expected);
    sheet_close(sheet);
}
#define TEXT(literal) literal, sizeof(literal) - 1

static void test_refusals(void **state) {
    struct sheet *sheet;
    (void)state;
    refused(TEXT(""), STATUS_HEADER_LINE_INVALID);
    refused(TEXT("\n \n"), STATUS_HEADER_LINE_INVALID);
    refused(TEXT("\xff\xfeu\0n\0"), STATUS_TEXT_INVALID);
    refused(TEXT("H\xf4i,a\n"), STATUS_TEXT_INVALID); /* Windows-1258 */
    refused(TEXT("a\0b,c\n"), STATUS_TEXT_INVALID);
    refused(TEXT("\"a,b\n1,2\n"), STATUS_FILE_REJECTED);
    refused_below(TEXT("a,b\n1,2\nH\xf4i,3\n"), STATUS_TEXT_INVALID);
    refused_below(TEXT("a,b\n1,\"2\n3,4\n"), STATUS_FILE_REJECTED);
    refused_below(TEXT("a,b\n1,\"2\"3\n"), STATUS_FILE_REJECTED);
    assert_int_equal(sheet_open(&sheet, "/tmp/hoi-no-such-file.csv"), STATUS_FILE_UNREADABLE);
    assert_int_equal(sheet_open(&sheet, "/tmp"), STATUS_FILE_UNREADABLE);
}

/* A quote that is never closed must not swallow a file of any size into memory. */
static void test_bounded(void **state) {
    (void)state;
    size_t len = 3 * SHEET_ROW_BYTES_MAX;
    char *content = malloc(len);
    assert_non_null(content);
    memset(content, 'x', len);
    memcpy(content, "a,b\n1,\"", 7);
    for (size_t i = 100; i < len; i += 100) {
        content[i] = '\n';
    }
    refused_below(content, len, STATUS_TOO_LARGE);
    memset(content, 'x', len);
    memcpy(content, "a,b\n", 4);
    refused_below(content, len, STATUS_TOO_LARGE);
    free(content);
}

static void check_cell(const char *text, bool guard, const char *expected) {
    struct text_memory memory;
    text_memory_begin(&memory);
    sheet_write_cell(memory.file, text, guard);
    char *written = text_memory_end(&memory);
    assert_string_equal(written, expected);
    free(written);
}

static void test_writing(void **state) {
    (void)state;
    check_cell("Xã Hòa", true, "Xã Hòa");
    check_cell("a,b", true, "\"a,b\"");
    check_cell("a \"b\"", true, "\"a \"\"b\"\"\"");
    check_cell("=1+1", true, "\"'=1+1\"");
    check_cell("@x", true, "\"'@x\"");
    check_cell("-5", false, "-5");
    check_cell("", true, "");
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dialects), cmocka_unit_test(test_refusals), cmocka_unit_test(test_bounded),
                                       cmocka_unit_test(test_writing)};
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, remove_file);
}
