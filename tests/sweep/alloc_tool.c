/* What the tool reads and prints while memory runs out, each try in a process of its own: all of it, or the program ends as it does without memory. */
#include "tests/sweep/alloc_sweep.h"

#include "tools/sheet.h"
#include "tools/table.h"
#include "tools/text.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 8192, EXIT_NO_MEMORY = 4, EXIT_HALF = 9, EXIT_OTHER = 10 };

static char path[] = "/tmp/hoi-sweep-XXXXXX";

/* ---- what is done ---- */

/* Twice, as an import does. */
static void print_sheet(FILE *out) {
    struct sheet *sheet = NULL;
    struct sheet_row row;
    enum status status = sheet_open(&sheet, path);
    for (int round = 0; round < 2 && status == STATUS_OK; round++) {
        while (sheet_next(sheet, &row)) {
            for (size_t i = 0; i < row.count; i++)
                (void)fprintf(out, "%s|", row.cells[i]);
        }
        status = sheet_end(sheet);
        if (status == STATUS_OK && round == 0)
            status = sheet_rewind(sheet);
    }
    sheet_close(sheet);
    if (status != STATUS_OK)
        _exit(status == STATUS_NO_MEMORY ? EXIT_NO_MEMORY : EXIT_OTHER);
}

static void print_table(FILE *out) {
    struct table *table = table_new();
    table_column(table, "Đơn vị", TABLE_WRAP);
    table_column(table, "Hội viên", TABLE_RIGHT);
    table_column(table, "Ghi chú", TABLE_WRAP);
    table_keys(table, 1);
    for (int i = 0; i < 5; i++) {
        table_cell(table, "Xã Xuân Quang 2, huyện Đồng Xuân");
        table_cell(table, "4.731");
        table_cell(table, "một ghi chú khá dài, dài hơn chỗ còn lại trên màn hình");
        table_row_end(table);
    }
    table_rule(table);
    table_print(table, out, true, 60);
    table_free(table);
}

static void print_text(FILE *out) {
    char *text = text_format("{a}: [{b} ]{c}", "a", "Huế", "b", "5", "c", "hội viên", NULL);
    table_paragraph(out, text, 4);
    free(text);
}

/* ---- sweeping ---- */

/* In a child: ends with 0 and all of it printed, or as the program ends without memory. What the child prints goes where the parent compares it. */
static int printed(void (*print)(FILE *out), uint64_t nth, bool lasting, char out[TEXT_MAX], uint64_t *refused) {
    int ends[2], counts[2], status = 0;
    assert_int_equal(pipe(ends) | pipe(counts), 0);
    (void)fflush(stdout);
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        static char memory[TEXT_MAX];
        FILE *to = fdopen(ends[1], "w");
        (void)setvbuf(to, memory, _IOFBF, sizeof memory);
        (void)!freopen("/dev/null", "w", stderr);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGABRT, SIG_DFL);
        alloc_refuse(nth, lasting);
        print(to);
        struct alloc_count count = alloc_back();
        (void)!write(counts[1], &count.refused, sizeof count.refused);
        _exit(fclose(to) == 0 ? 0 : EXIT_HALF);
    }
    (void)close(ends[1]);
    (void)close(counts[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(ends[0], out + len, TEXT_MAX - 1 - len)) > 0;)
        len += (size_t)got;
    out[len] = '\0';
    *refused = 1;
    (void)!read(counts[0], refused, sizeof *refused);
    (void)close(ends[0]);
    (void)close(counts[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void sweep_printing(const char *name, void (*print)(FILE *out)) {
    static char right[TEXT_MAX], text[TEXT_MAX];
    uint64_t total = 0, refused;
    assert_int_equal(printed(print, 0, false, right, &refused), 0);
    assert_true(strlen(right) > 10);
    for (int lasting = 0; lasting < 2; lasting++) {
        refused = 1;
        for (uint64_t nth = 1; refused > 0; nth += sweep_stride()) {
            int end = printed(print, nth, lasting == 1, text, &refused);
            total += refused > 0;
            sweep_expect(end == 0 || end == EXIT_NO_MEMORY, "%s, request %llu: ended with %d", name, (unsigned long long)nth, end);
            if (end == 0)
                sweep_expect_text(text, right, name);
        }
    }
    printf("%-40s %6llu refused\n", name, (unsigned long long)total);
    sweep_expect(total >= 6 / sweep_stride(), "only %llu refusals", (unsigned long long)total);
}

static void make_sheet(void) {
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    (void)fputs("\xef\xbb\xbf"
                "Mã;Tên xã;Hội viên\r\n22102;\"Xuân Quang; 2\";4.731\r\n",
                file);
    for (int i = 0; i < 40; i++)
        (void)fprintf(file, "%05d;\"Xã \"\"%d\"\"\";%d\r\n", i, i, i * 7);
    assert_int_equal(fclose(file), 0);
}

static void printing(void **state) {
    (void)state;
    make_sheet();
    sweep_printing("sheet", print_sheet);
    assert_int_equal(unlink(path), 0);
    sweep_printing("table", print_table);
#ifndef __SANITIZE_ADDRESS__ /* there only the C library asks for memory in it, out of reach */
    sweep_printing("text", print_text);
#else
    (void)print_text;
#endif
    assert_int_equal(sweep_wrong(), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {cmocka_unit_test(printing)};
    (void)setenv("ALLOC_STRIDE", "1", 0); /* quick enough in every build */
    alloc_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
