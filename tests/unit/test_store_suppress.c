/* Small figures in files that leave the program: each is suppressed, and nobody who knows the rules and all that is shown can tell which it was. */
#include "store_ask.h"
#include "store_offices.h"

#include "store/rollup_suppress.h"

enum { ROWS_MAX = 6 };

/* ---- one column, against an attacker who tries every table that could have led to what is shown ---- */

struct column {
    size_t count;
    int64_t numbers[ROWS_MAX];
    int64_t below;
    struct suppress_cell rows[ROWS_MAX], total;
};

static void suppress(struct column *column) {
    int64_t sum = 0;
    for (size_t i = 0; i < column->count; i++) {
        column->rows[i] =
            (struct suppress_cell){.given = true, .number = column->numbers[i], .small = column->numbers[i] > 0 && column->numbers[i] < column->below};
        sum += column->numbers[i];
    }
    column->total = (struct suppress_cell){.given = true, .number = sum, .small = sum > 0 && sum < column->below};
    suppress_column(column->rows, column->count, &column->total, true, column->below);
}

/* Every way to fill what is not shown (from row `at` on) so that it comes to `left`: for each row whether a number was ever in one of them. */
static bool fill(const struct column *column, size_t at, int64_t left, int64_t guess[ROWS_MAX], bool possible[ROWS_MAX][16]) {
    if (at == column->count) {
        for (size_t i = 0; left == 0 && i < column->count; i++)
            possible[i][guess[i] < 15 ? guess[i] : 15] = true;
        return left == 0;
    }
    bool any = false;
    const struct suppress_cell *row = &column->rows[at];
    int64_t from = row->mark == SUPPRESS_SMALL    ? 1
                   : row->mark == SUPPRESS_HIDDEN ? column->below
                                                  : row->number,
            to = row->mark == SUPPRESS_SMALL    ? column->below - 1
                 : row->mark == SUPPRESS_HIDDEN ? left
                                                : row->number;
    for (int64_t number = from; number <= to && number <= left; number++) {
        guess[at] = number;
        any = fill(column, at + 1, left - number, guess, possible) || any;
    }
    return any;
}

static void assert_nobody_knows(struct column *column) {
    suppress(column);
    for (size_t i = 0; i < column->count; i++) {
        bool small = column->numbers[i] > 0 && column->numbers[i] < column->below;
        assert_int_equal(column->rows[i].mark == SUPPRESS_SMALL, small);
        assert_true(column->numbers[i] > 0 || column->rows[i].mark == SUPPRESS_SHOWN); /* what is nothing hides nothing */
    }
    if (column->total.mark != SUPPRESS_SHOWN)
        return; /* nothing to subtract from */
    int64_t guess[ROWS_MAX];
    bool possible[ROWS_MAX][16] = {{false}};
    assert_true(fill(column, 0, column->total.number, guess, possible));
    for (size_t i = 0; i < column->count; i++) {
        for (int64_t number = 1; column->rows[i].mark == SUPPRESS_SMALL && number < column->below; number++) {
            if (!possible[i][number])
                fail_msg("row %zu of %zu can't be %lld (below %lld, total %lld)", i, column->count, (long long)number, (long long)column->below,
                         (long long)column->total.number);
        }
    }
}

static void every_small_table(void **state) {
    (void)state;
    static const int64_t NUMBERS[] = {0, 1, 2, 3, 4, 5, 7, 9};
    enum { NUMBER_COUNT = sizeof NUMBERS / sizeof NUMBERS[0] };
    for (int64_t below = 2; below <= 5; below++) {
        for (size_t count = 1; count <= 4; count++) {
            size_t tables = 1;
            for (size_t i = 0; i < count; i++)
                tables *= NUMBER_COUNT;
            for (size_t table = 0; table < tables; table++) {
                struct column column = {.count = count, .below = below};
                size_t rest = table;
                for (size_t i = 0; i < count; i++, rest /= NUMBER_COUNT)
                    column.numbers[i] = NUMBERS[rest % NUMBER_COUNT];
                assert_nobody_knows(&column);
            }
        }
    }
}

static void assert_marks(const int64_t *numbers, size_t count, const char *expected) {
    struct column column = {.count = count, .below = 3};
    char found[ROWS_MAX + 3] = "";
    memcpy(column.numbers, numbers, count * sizeof *numbers);
    suppress(&column);
    for (size_t i = 0; i < count; i++)
        found[i] = ".sh"[column.rows[i].mark];
    found[count] = '=';
    found[count + 1] = ".sh"[column.total.mark];
    assert_string_equal(found, expected);
}

/* No more is hidden than has to be. */
static void what_is_hidden(void **state) {
    (void)state;
    assert_marks((const int64_t[]){10, 20, 30}, 3, "...=."); /* nothing small */
    assert_marks((const int64_t[]){0, 20, 30}, 3, "...=.");  /* none is not small */
    assert_marks((const int64_t[]){2, 20, 30}, 3, "sh.=.");  /* one beside it */
    assert_marks((const int64_t[]){30, 2, 20}, 3, "hs.=.");  /* the first, whether it is the least or not */
    assert_marks((const int64_t[]){2, 3, 30}, 3, "sh.=.");
    assert_marks((const int64_t[]){1, 3, 30}, 3, "shh=."); /* 4 could only be 1 and 3 */
    assert_marks((const int64_t[]){1, 2, 30}, 3, "ss.=."); /* 3 is 1 and 2, or 2 and 1 */
    assert_marks((const int64_t[]){1, 1, 30}, 3, "ssh=."); /* 2 is 1 and 1 */
    assert_marks((const int64_t[]){2, 2, 30}, 3, "ssh=."); /* 4 is 2 and 2 */
    assert_marks((const int64_t[]){1, 0, 0}, 3, "s..=s");  /* the total is small, too */
    assert_marks((const int64_t[]){2, 2, 0}, 3, "ss.=h");  /* nothing beside them to hide */
    assert_marks((const int64_t[]){1, 3}, 2, "sh=h");
}

/* ---- a roll-up ---- */

#define FORM \
    "{'form':{'name':'c','period':'month','suppress_below':3,'fields':[{'name':'n','type':'integer'},{'name':'all','type':'integer'},{'name':'m','type':'" \
    "money'}," \
    "{'name':'share','type':'computed','places':1,'formula':'100 * n / all'},{'name':'mean','type':'integer','over_units':'average','weight':'n'}]}}"
#define FIGURES \
    "{'form':'c','period':'2025-06','unit':'%s','on_behalf':true,'cells':{'n':{'state':'value','value':'%d'},'all':{'state':'value','value':'%d'},'m':{'" \
    "state':'value','value':'1'}," \
    "'mean':{'state':'value','value':'9'}}}"

static void report(struct store *store, const char *unit, int n, int all) {
    char args[500];
    (void)snprintf(args, sizeof args, FIGURES, unit, n, all);
    ask_done(store, "put", args);
}

static int begin(void **state) {
    offices_setup(state);
    struct offices *offices = *state;
    ask_done(offices->root, "unit.add", "{'code':'02','name':'Hai','level':'1'}");
    ask_done(offices->root, "unit.add", "{'code':'03','name':'Ba','level':'1'}");
    ask_done(offices->root, "form.add", FORM);
    report(offices->root, "02", 2, 50);
    report(offices->root, "03", 40, 60);
    return 0;
}

static void assert_field(const json_t *result, const char *path, const char *expected) {
    assert_json(member_of(result, path), expected);
}

static void a_file_does_not_show_them(void **state) {
    struct offices *offices = *state;
    json_t *shown = ask_ok(offices->root, "rollup", "{'form':'c','period':'2025-06','by':'unit','suppress':true}");
    size_t small = 0, beside = 0, i;
    json_t *row;
    json_array_foreach(json_object_get(shown, "rows"), i, row) {
        const char *unit = json_string_value(json_object_get(row, "unit")), *why = json_string_value(member_of(row, "fields.n.suppressed"));
        if (strcmp(unit, "02") == 0) {
            assert_field(row, "fields.n", "{'value':null,'contested':0,'suppressed':'small','below':3}");
            assert_field(row, "fields.share", "{'value':null,'contested':0,'suppressed':'beside'}"); /* 100 * n / all, and all is shown */
            assert_field(row, "fields.m.value", "'1'");
        } else if (strcmp(unit, "03") == 0) {
            assert_field(row, "fields.n", "{'value':null,'contested':0,'suppressed':'beside'}");
            assert_field(row, "fields.all.value", "'60'");
        }
        small += why != NULL && strcmp(why, "small") == 0;
        beside += why != NULL && strcmp(why, "beside") == 0;
    }
    assert_int_equal(small, 1);
    assert_int_equal(beside, 1);
    assert_field(shown, "fields.n.value", "'42'");
    assert_field(shown, "fields.mean", "{'value':null,'contested':0,'suppressed':'beside'}"); /* weighed by n */
    json_decref(shown);
    /* On a screen, all of it. */
    shown = ask_ok(offices->root, "rollup", "{'form':'c','period':'2025-06','by':'unit'}");
    json_array_foreach(json_object_get(shown, "rows"), i, row) assert_null(member_of(row, "fields.n.suppressed"));
    json_decref(shown);
    /* A single small figure is its own total. */
    shown = ask_ok(offices->root, "rollup", "{'form':'c','period':'2025-06','unit':'02','suppress':true}");
    assert_field(shown, "fields.n.suppressed", "'small'");
    assert_field(shown, "fields.share.suppressed", "'beside'");
    json_decref(shown);
}

static void by_period_only_sums_give_away(void **state) {
    struct offices *offices = *state;
    ask_done(offices->root, "put", "{'form':'c','period':'2025-07','unit':'02','on_behalf':true,'cells':{'n':{'state':'value','value':'30'}}}");
    json_t *shown = ask_ok(offices->root, "rollup", "{'form':'c','period':'2025-06','period_to':'2025-07','unit':'02','by':'period','suppress':true}");
    assert_field(shown, "rows.0.fields.n.suppressed", "'small'");
    assert_field(shown, "rows.1.fields.n.suppressed", "'beside'"); /* numbers are summed over time where the form says nothing else */
    assert_field(shown, "fields.n.value", "'32'");
    json_decref(shown);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_table),
        cmocka_unit_test(what_is_hidden),
        TEST(a_file_does_not_show_them),
        TEST(by_period_only_sums_give_away),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
