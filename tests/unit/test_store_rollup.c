/* Roll-ups: the arithmetic by itself, then whole roll-ups of an office against figures added up by hand. */
#include "store_ask.h"
#include "store_offices.h"

#include "store/rollup.h"

/* ---- arithmetic ---- */

static const struct rollup_rule sum = {.over_time = AGGREGATE_SUM, .over_units = AGGREGATE_SUM}, last = {.over_time = TIME_LAST, .over_units = AGGREGATE_SUM},
                                least = {.over_time = TIME_MIN, .over_units = UNITS_MIN}, most = {.over_time = TIME_MAX, .over_units = UNITS_MAX},
                                mean = {.over_time = TIME_AVERAGE, .over_units = UNITS_AVERAGE, .places = 1},
                                weighted = {.over_time = TIME_LAST, .over_units = UNITS_AVERAGE, .places = 1, .weighted = true},
                                none = {.over_time = AGGREGATE_NONE, .over_units = AGGREGATE_SUM},
                                yes = {.over_time = TIME_LAST, .over_units = UNITS_COUNT, .yes = true};

static struct rollup_time over(const struct rollup_rule *rule, const int64_t *numbers, size_t count) {
    struct rollup_time time = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rollup_time_add(&time, rule, (uint32_t)(10 + i), numbers[i], QUALIFIER_NONE), STATUS_OK);
    return time;
}

static void assert_time(const struct rollup_rule *rule, const struct rollup_time *time, uint32_t to, int64_t expected, uint32_t under, bool carried) {
    struct rollup_value value;
    assert_true(rollup_time_value(time, rule, 10, to, &value));
    assert_true(value.sum == expected);
    assert_int_equal(value.under, under);
    assert_int_equal(value.carried, carried);
}

static void over_time(void **state) {
    static const int64_t numbers[] = {5, -2, 9};
    struct rollup_time time = over(&sum, numbers, 3);
    struct rollup_value value;
    (void)state;
    assert_time(&sum, &time, 12, 12, 1, false);
    time = over(&last, numbers, 3);
    assert_time(&last, &time, 12, 9, 1, false);
    assert_time(&last, &time, 13, 9, 1, true);
    time = over(&least, numbers, 3);
    assert_time(&least, &time, 12, -2, 1, false);
    time = over(&most, numbers, 3);
    assert_time(&most, &time, 12, 9, 1, false);
    time = over(&mean, numbers, 3);
    assert_time(&mean, &time, 12, 12, 3, false);
    time = over(&none, numbers, 1);
    assert_false(rollup_time_value(&time, &none, 10, 12, &value)); /* nothing to say of a range */
    assert_true(rollup_time_value(&time, &none, 10, 10, &value));
    time = (struct rollup_time){0};
    assert_false(rollup_time_value(&time, &sum, 10, 12, &value)); /* nothing given is no value */
}

/* Two rows of a list in each of two periods. */
static void rows_of_one_period_are_joined_first(void **state) {
    static const struct {
        const struct rollup_rule *rule;
        int64_t expected;
        uint32_t under;
    } cases[] = {{&sum, 1 + 2 + 4 + 8, 1}, {&last, 4 + 8, 1}, {&least, 1, 1}, {&mean, 1 + 2 + 4 + 8, 2}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rollup_time time = {0};
        for (unsigned row = 0; row < 4; row++)
            assert_int_equal(rollup_time_add(&time, cases[i].rule, 10 + row / 2, INT64_C(1) << row, 0), STATUS_OK);
        assert_time(cases[i].rule, &time, 11, cases[i].expected, cases[i].under, false);
    }
}

static void assert_units(const struct rollup_rule *rule, const struct rollup_value *values, const struct rollup_value *weights, size_t count, uint8_t state,
                         const char *expected, uint8_t qualifier) {
    struct rollup_units units;
    struct formula_value out;
    uint8_t found;
    char text[RATIONAL_TEXT_MAX];
    rollup_units_begin(&units);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rollup_units_add(&units, rule, &values[i], weights != NULL && weights[i].under != 0 ? &weights[i] : NULL), STATUS_OK);
    assert_int_equal(rollup_units_value(&units, rule, &out, &found), STATUS_OK);
    assert_int_equal(out.state, state);
    if (state != CELL_VALUE)
        return;
    assert_int_equal(rational_text(text, &out.number, 2), STATUS_OK);
    assert_string_equal(text, expected);
    assert_int_equal(found, qualifier);
}

static void over_units(void **state) {
    const struct rollup_value values[] = {{5, 1, 0, false}, {-2, 1, QUALIFIER_OVER, false}, {10, 3, 0, true}};
    const struct rollup_value weights[] = {{1, 1, 0, false}, {2, 1, 0, false}, {0}}, nothing[] = {{0, 1, 0, false}, {0, 1, 0, false}, {0}};
    (void)state;
    assert_units(&sum, values, NULL, 3, CELL_VALUE, "6.33", QUALIFIER_OVER);
    assert_units(&least, values, NULL, 3, CELL_VALUE, "-2.00", QUALIFIER_OVER);
    assert_units(&most, values, NULL, 3, CELL_VALUE, "5.00", QUALIFIER_NONE);
    assert_units(&mean, values, NULL, 3, CELL_VALUE, "0.21", QUALIFIER_OVER);        /* (5 - 2 + 10/3) / 3 / 10 */
    assert_units(&weighted, values, weights, 3, CELL_VALUE, "0.03", QUALIFIER_OVER); /* (5 - 4) / 3 / 10; the one without a weight is left out */
    assert_units(&weighted, values, nothing, 2, CELL_NOT_APPLICABLE, NULL, 0);
    assert_units(&yes, (const struct rollup_value[]){{1, 1, 0, false}, {0, 1, 0, false}, {1, 1, 0, false}}, NULL, 3, CELL_VALUE, "2.00", 0);
    assert_units(&sum, values, NULL, 0, CELL_MISSING, NULL, 0);
}

static void qualifiers_survive_a_sum(void **state) {
    (void)state;
    assert_int_equal(rollup_qualifier(QUALIFIER_NONE, QUALIFIER_NONE), QUALIFIER_NONE);
    assert_int_equal(rollup_qualifier(QUALIFIER_OVER, QUALIFIER_NONE), QUALIFIER_OVER);
    assert_int_equal(rollup_qualifier(QUALIFIER_NONE, QUALIFIER_UNDER), QUALIFIER_UNDER);
    assert_int_equal(rollup_qualifier(QUALIFIER_OVER, QUALIFIER_OVER), QUALIFIER_OVER);
    assert_int_equal(rollup_qualifier(QUALIFIER_OVER, QUALIFIER_UNDER), QUALIFIER_ABOUT);
    assert_int_equal(rollup_qualifier(QUALIFIER_ABOUT, QUALIFIER_AT_LEAST), QUALIFIER_ABOUT);
}

static void sums_are_wide_and_overflow_is_an_error(void **state) {
    struct rollup_units units;
    struct formula_value out;
    uint8_t qualifier;
    char text[RATIONAL_TEXT_MAX];
    const struct rollup_value greatest = {INT64_MAX, 1, 0, false}, huge = {(wide)1 << 126, 1, 0, false};
    (void)state;
    rollup_units_begin(&units);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rollup_units_add(&units, &sum, &greatest, NULL), STATUS_OK);
    assert_int_equal(rollup_units_value(&units, &sum, &out, &qualifier), STATUS_OK);
    assert_int_equal(rational_text(text, &out.number, 0), STATUS_OK);
    assert_string_equal(text, "9223372036854775807000");
    rollup_units_begin(&units);
    assert_int_equal(rollup_units_add(&units, &sum, &huge, NULL), STATUS_OK);
    assert_int_equal(rollup_units_add(&units, &sum, &huge, NULL), STATUS_SUM_OVERFLOW);
    rollup_units_begin(&units);
    assert_int_equal(rollup_units_add(&units, &weighted, &huge, &greatest), STATUS_SUM_OVERFLOW);
}

/* ---- whole roll-ups ---- */

enum { PROVINCES = 2, COMMUNES = 4, MONTHS = 6 };

#define VALUE(text) "{'state':'value','value':'" text "'}"

/* 00 > P1, P2 > P1C1 .. P2C4, none of which has a node of its own. */
static int begin(void **state) {
    offices_setup(state);
    struct store *root = ((struct offices *)*state)->root;
    for (int p = 1; p <= PROVINCES; p++) {
        char args[200];
        (void)snprintf(args, sizeof args, "{'code':'P%d','name':'Tỉnh %d','level':'1'}", p, p);
        ask_done(root, "unit.add", args);
        for (int c = 1; c <= COMMUNES; c++) {
            (void)snprintf(args, sizeof args, "{'code':'P%dC%d','name':'Xã %d','level':'3','parent':'P%d'}", p, c, c, p);
            ask_done(root, "unit.add", args);
        }
    }
    ask_done(
        root, "form.add",
        "{'form':{'name':'f','period':'month','levels':[1,3],'fields':[{'name':'flow','type':'integer'},{'name':'stock','type':'integer','over_time':'last'},"
        "{'name':'low','type':'integer','over_units':'min','over_time':'min'},{'name':'high','type':'integer','over_units':'max','over_time':'max'},"
        "{'name':'rate','type':'decimal','places':1,'over_units':'average','weight':'stock','over_time':'last'},{'name':'mean','type':'decimal','places':2,'"
        "over_units':'average','over_time':'average'},"
        "{'name':'yes','type':'yesno','over_units':'count'},{'name':'who','type':'text'},{'name':'when','type':'date','over_units':'max'},"
        "{'name':'share','type':'computed','places':2,'formula':'100 * flow / stock'}]}}");
    return 0;
}

static void put(struct store *store, const char *unit, const char *period, const char *cells) {
    char args[600];
    (void)snprintf(args, sizeof args, "{'form':'f','period':'%s','unit':'%s','cells':{%s}}", period, unit, cells);
    ask_done(store, "put", args);
}

static void assert_member(const json_t *json, const char *path, const char *expected) {
    const json_t *found = member_of(json, path);
    json_t *wanted = ask_json(expected);
    if (!json_equal(found, wanted)) {
        char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_COMPACT);
        fail_msg("%s is %s, not %s", path, text, expected);
    }
    json_decref(wanted);
}

static void a_total_with_its_completeness(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    put(root, "P1C1", "2025-06",
        "'flow':" VALUE("5") ",'stock':{'state':'value','value':'100','qualifier':'over'},'rate':" VALUE("2.5") ",'yes':" VALUE("yes") ",'when':" VALUE(
            "2025-06-01"));
    put(root, "P1C2", "2025-06", "'flow':" VALUE("7") ",'stock':" VALUE("300") ",'rate':" VALUE("5") ",'yes':" VALUE("no") ",'when':" VALUE("2025-06-09"));
    put(root, "P1C3", "2025-06", "'who':" VALUE("Nguyễn Thị Hoa"));
    put(root, "P1", "2025-06", "'flow':" VALUE("1"));
    put(root, "P2C1", "2025-06", "'flow':" VALUE("1000"));
    json_t *total = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','unit':'P1'}");
    assert_member(total, "form", "'f'");
    assert_member(total, "period", "'2025-06'");
    assert_member(total, "unit", "'P1'");
    assert_member(total, "as_of", "'2025-06-30'");
    assert_member(total, "fields.flow", "{'value':'13','contested':0}");
    assert_member(total, "fields.stock", "{'value':'400','contested':0,'qualifier':'over'}");
    assert_member(total, "fields.rate", "{'value':'4.4','contested':0}"); /* (2.5 * 100 + 5 * 300) / 400 = 4.375 */
    assert_member(total, "fields.yes", "{'value':'1','contested':0}");
    assert_member(total, "fields.low", "{'value':null,'contested':0}"); /* nobody gave one: missing, not zero */
    assert_member(total, "fields.when", "{'value':'2025-06-09','contested':0}");
    assert_member(total, "fields.share", "{'value':'3.25','contested':0,'qualifier':'about'}");
    assert_null(member_of(total, "fields.who")); /* text does not add up */
    assert_member(total, "completeness", "{'expected':5,'reported':4,'submitted':0,'late':0,'missing':['P1C4'],'contested':0}");
    assert_null(member_of(total, "rows"));
    json_decref(total);
    total = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','fields':['flow','who']}");
    assert_member(total, "fields", "{'flow':{'value':'1013','contested':0},'who':{'value':null,'contested':0}}");
    assert_member(total, "completeness.missing", "['01','P1C4','P2','P2C2','P2C3','P2C4']");
    json_decref(total);
    ask_fails(root, "rollup", "{'form':'f','period':'2025-06','fields':['nothing']}", STATUS_FIELD_UNKNOWN);
    ask_fails(root, "rollup", "{'form':'f','period':'2025-06','by':'colour'}", STATUS_BAD_REQUEST);
    json_t *refused = ask_refused(root, "rollup", "{'form':'f','period':'2025-06-01'}", STATUS_PERIOD_WRONG_KIND);
    assert_json(member_of(refused, "args.expected"), "'month'");
    json_decref(refused);
    ask_fails(root, "rollup", "{'form':'f','period':'2025-06','period_to':'2025-05'}", STATUS_PERIOD_INVALID);
}

/* A figure taken back is neither a zero among the least nor a report. */
static void what_is_said_to_be_missing_is_no_zero(void **state) {
    struct store *root = ((struct offices *)*state)->root;
    put(root, "P1C1", "2025-06", "'flow':" VALUE("5") ",'low':" VALUE("3"));
    put(root, "P1C2", "2025-06", "'flow':" VALUE("0") ",'low':" VALUE("9"));
    json_t *total = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','unit':'P1'}");
    assert_member(total, "completeness.reported", "2"); /* zero is a figure */
    json_decref(total);
    put(root, "P1C2", "2025-06", "'flow':{'state':'missing'},'low':{'state':'missing'}");
    total = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','unit':'P1'}");
    assert_member(total, "fields.flow.value", "'5'");
    assert_member(total, "fields.low.value", "'3'");
    assert_member(total, "completeness.reported", "1");
    assert_member(total, "completeness.missing", "['P1','P1C2','P1C3','P1C4']");
    json_decref(total);
}

static void rows_by_unit_and_level_add_up_to_the_total(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    put(root, "P1C1", "2025-06", "'flow':" VALUE("5"));
    put(root, "P1", "2025-06", "'flow':" VALUE("1"));
    put(root, "P2C1", "2025-06", "'flow':" VALUE("1000"));
    json_t *rows = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','by':'unit','fields':['flow']}");
    assert_int_equal(json_array_size(member_of(rows, "rows")), 3); /* 01, P1, P2: the root has nothing of its own and is not expected to */
    assert_member(rows, "rows.1.unit", "'P1'");
    assert_member(rows, "rows.1.fields.flow.value", "'6'");
    assert_member(rows, "rows.2.fields.flow.value", "'1000'");
    assert_member(rows, "rows.2.completeness.expected", "5");
    assert_member(rows, "fields.flow.value", "'1006'");
    json_decref(rows);
    rows = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','unit':'P1','by':'unit','fields':['flow']}");
    assert_int_equal(json_array_size(member_of(rows, "rows")), 1 + COMMUNES);
    assert_member(rows, "rows.0.own", "true");
    assert_member(rows, "rows.0.fields.flow.value", "'1'");
    assert_member(rows, "rows.1.unit", "'P1C1'");
    assert_member(rows, "rows.1.fields.flow.value", "'5'");
    assert_member(rows, "rows.2.fields.flow.value", "null");
    json_decref(rows);
    rows = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','by':'level','level':'3','fields':['flow']}");
    assert_int_equal(json_array_size(member_of(rows, "rows")), PROVINCES * COMMUNES);
    assert_member(rows, "rows.4.unit", "'P2C1'");
    assert_member(rows, "rows.4.fields.flow.value", "'1000'");
    json_decref(rows);
}

/* Everything once more, added up the slow way. */
struct world {
    bool given[PROVINCES][COMMUNES][MONTHS];
    int64_t flow[PROVINCES][COMMUNES][MONTHS];
};

static void check_range(struct store *root, const struct world *world, int p, int from, int to) {
    char args[200], text[80];
    int64_t flow = 0, stock = 0, low = INT64_MAX, high = INT64_MIN;
    int carried = 0, reported = 0;
    for (int c = 0; c < COMMUNES; c++) {
        int latest = -1;
        for (int m = from; m <= to; m++) {
            if (!world->given[p][c][m])
                continue;
            int64_t number = world->flow[p][c][m];
            flow += number;
            low = number < low ? number : low;
            high = number > high ? number : high;
            latest = m;
        }
        stock += latest >= 0 ? world->flow[p][c][latest] : 0;
        carried += latest >= 0 && latest != to;
        reported += latest >= 0;
    }
    (void)snprintf(args, sizeof args, "{'form':'f','period':'2025-0%d','period_to':'2025-0%d','unit':'P%d'}", from + 1, to + 1, p + 1);
    json_t *total = ask_ok(root, "rollup", args);
    (void)snprintf(text, sizeof text, reported > 0 ? "'%lld'" : "null", (long long)flow);
    assert_member(total, "fields.flow.value", text);
    (void)snprintf(text, sizeof text, reported > 0 ? "'%lld'" : "null", (long long)stock);
    assert_member(total, "fields.stock.value", text);
    assert_int_equal(json_integer_value(member_of(total, "fields.stock.stale")), carried);
    (void)snprintf(text, sizeof text, reported > 0 ? "'%lld'" : "null", (long long)low);
    assert_member(total, "fields.low.value", text);
    (void)snprintf(text, sizeof text, reported > 0 ? "'%lld'" : "null", (long long)high);
    assert_member(total, "fields.high.value", text);
    assert_int_equal(json_integer_value(member_of(total, "completeness.reported")), reported);
    json_decref(total);
}

static void ranges_against_figures_added_up_by_hand(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    struct world world = {0};
    uint64_t random = 99;
    for (int p = 0; p < PROVINCES; p++) {
        for (int c = 0; c < COMMUNES; c++) {
            for (int m = 0; m < MONTHS; m++) {
                char unit[32], period[32], cells[400];
                random = random * 6364136223846793005u + 1442695040888963407u;
                long long number = (long long)(random >> 40) % 200 - 100;
                if ((random >> 33) % 3 == 0)
                    continue;
                world.given[p][c][m] = true;
                world.flow[p][c][m] = number;
                (void)snprintf(unit, sizeof unit, "P%dC%d", p + 1, c + 1);
                (void)snprintf(period, sizeof period, "2025-0%d", m + 1);
                (void)snprintf(cells, sizeof cells, "'flow':" VALUE("%lld") ",'stock':" VALUE("%lld") ",'low':" VALUE("%lld") ",'high':" VALUE("%lld"), number,
                               number, number, number);
                put(root, unit, period, cells);
            }
        }
    }
    for (int p = 0; p < PROVINCES; p++) {
        for (int from = 0; from < MONTHS; from++) {
            for (int to = from; to < MONTHS; to++)
                check_range(root, &world, p, from, to);
        }
    }
    /* A quarter of a monthly form is its months; by period each month stands alone. */
    json_t *quarter = ask_ok(root, "rollup", "{'form':'f','period':'2025-Q2','by':'period'}"),
           *months = ask_ok(root, "rollup", "{'form':'f','period':'2025-04','period_to':'2025-06'}");
    assert_true(json_equal(member_of(quarter, "fields"), member_of(months, "fields")));
    assert_member(quarter, "period", "'2025-Q2'");
    assert_member(months, "period", "'2025-04..2025-06'");
    assert_int_equal(json_array_size(member_of(quarter, "rows")), 3);
    for (size_t i = 0; i < 3; i++) {
        char args[80], path[40];
        (void)snprintf(args, sizeof args, "{'form':'f','period':'2025-0%zu'}", 4 + i);
        json_t *month = ask_ok(root, "rollup", args);
        (void)snprintf(path, sizeof path, "rows.%zu.fields", i);
        assert_true(json_equal(member_of(quarter, path), member_of(month, "fields")));
        (void)snprintf(path, sizeof path, "rows.%zu.completeness", i);
        assert_true(json_equal(member_of(quarter, path), member_of(month, "completeness")));
        json_decref(month);
    }
    json_decref(quarter);
    json_decref(months);
}

static void averages_are_rounded_once(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    put(root, "P1C1", "2025-01", "'mean':" VALUE("1"));
    put(root, "P1C1", "2025-02", "'mean':" VALUE("1"));
    put(root, "P1C1", "2025-03", "'mean':" VALUE("2"));
    put(root, "P1C2", "2025-02", "'mean':" VALUE("0.01"));
    json_t *total = ask_ok(root, "rollup", "{'form':'f','period':'2025-Q1','unit':'P1'}");
    assert_member(total, "fields.mean.value", "'0.67'"); /* (4/3 + 1/100) / 2 = 0.67166... */
    json_decref(total);
}

static void a_contested_figure_is_said(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    offices_introduce(offices);
    for (uint64_t seq = 3; seq <= 3 + PROVINCES * (COMMUNES + 1); seq++)
        assert_int_equal(offices_carry(root, child, &offices->directive, seq, true), STATUS_OK);
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'flow':" VALUE("5") ",'stock':" VALUE("10") "}}");
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','on_behalf':true,'cells':{'flow':" VALUE("6") "}}");
    struct query query = db_query(child->db, "SELECT epoch FROM log WHERE kind = 1");
    struct log_id report = {.node = child->self, .kind = LOG_REPORT};
    assert_true(query_next(&query));
    query_fixed(&query, 0, report.epoch.b, sizeof report.epoch.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    assert_int_equal(offices_carry(child, root, &report, 1, true), STATUS_OK);
    json_t *total = ask_ok(root, "rollup", "{'form':'f','period':'2025-06'}");
    assert_member(total, "fields.flow", "{'value':'5','contested':1}");
    assert_member(total, "fields.stock", "{'value':'10','contested':0}");
    assert_member(total, "fields.share", "{'value':'50.00','contested':1}");
    assert_member(total, "completeness.contested", "1");
    json_decref(total);
}

static void below_the_deepest_level_is_detail(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    ask_done(root, "unit.add", "{'code':'-','name':'Chi hội 1','level':'4','parent':'P1C1'}");
    json_t *total = ask_ok(root, "rollup", "{'form':'f','period':'2025-06','unit':'P1C1'}");
    assert_member(total, "completeness.expected", "1");
    json_decref(total);
    ask_done(root, "form.add", "{'form':{'name':'g','period':'month','fields':[{'name':'n','type':'integer'}]}}");
    ask_done(root, "put", "{'form':'g','period':'2025-06','unit':'P1C1/Chi hội 1','cells':{'n':" VALUE("3") "}}");
    total = ask_ok(root, "rollup", "{'form':'g','period':'2025-06','unit':'P1','by':'unit'}"); /* without levels: down to the last */
    assert_member(total, "fields.n.value", "'3'");
    assert_member(total, "completeness.expected", "4");
    assert_member(total, "rows.0.unit", "'P1C1'");
    json_decref(total);
}

/* One figure in many ways: given, zero, below zero, huge, qualified, taken back or not given. */
static void random_cell(char out[80], const char *field, uint64_t random) {
    static const char *const kinds[] = {"'value','value':'7'",
                                        "'value','value':'0'",
                                        "'value','value':'-41'",
                                        "'value','value':'900000000000000'",
                                        "'value','value':'250','qualifier':'about'",
                                        "'missing'",
                                        "'na'",
                                        "'value','value':'70000'"};
    (void)snprintf(out, 80, "'%s':{'state':%s}", field, kinds[random % 8]);
}

/* A form with a weighted average is added up field by field, one without as its records are read: the same figures under both come to the same sums. */
static void added_up_at_once_or_not_it_is_the_same(void **state) {
    static const char *const asked[] = {"", ",'unit':'P1'", ",'by':'unit'", ",'by':'level','level':'3'", ",'by':'period','period_to':'2025-02'"};
    struct store *root = ((struct offices *)*state)->root;
    const char *fields = "{'name':'a','type':'integer'},{'name':'b','type':'integer','over_time':'last'},{'name':'c','type':'money'}%s%s";
    static const char *const forms[] = {"s", "t", "w"}; /* sums only; with others; the same, one of them weighted */
    uint64_t random = 5;
    for (size_t i = 0; i < 3; i++) {
        char text[900], list[700];
        (void)snprintf(list, sizeof list, fields,
                       i > 0 ? ",{'name':'low','type':'integer','over_units':'min'},{'name':'n','type':'text','over_units':'count'}" : "",
                       i > 1 ? ",{'name':'x','type':'integer','over_units':'average','weight':'a'}" : "");
        (void)snprintf(text, sizeof text, "{'form':{'name':'%s','period':'month','levels':[1,3],'fields':[%s]}}", forms[i], list);
        ask_done(root, "form.add", text);
    }
    for (unsigned step = 0; step < 60; step++) {
        char cells[3][80], args[700];
        for (size_t i = 0; i < 3; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            random_cell(cells[i], (const char *[]){"a", "b", "c"}[i], random >> 40);
        }
        unsigned place = (unsigned)(random >> 33) % (PROVINCES * COMMUNES), month = 1 + (unsigned)(random >> 50) % 2;
        for (size_t i = 0; i < 3; i++) {
            (void)snprintf(args, sizeof args, "{'form':'%s','period':'2025-0%u','unit':'P%uC%u','reason':'r','cells':{%s,%s,%s%s}}", forms[i], month,
                           1 + place / COMMUNES, 1 + place % COMMUNES, cells[0], cells[1], cells[2],
                           i > 0 && step % 3 == 0 ? ",'n':" VALUE("x") ",'low':" VALUE("-3") : "");
            ask_done(root, "put", args);
        }
        for (size_t i = 0; i < sizeof asked / sizeof asked[0] && step % 12 == 11; i++) {
            json_t *found[3];
            for (size_t form = 0; form < 3; form++) {
                (void)snprintf(args, sizeof args, "{'form':'%s','period':'2025-01','fields':['a','b','c']%s}", forms[form], asked[i]);
                found[form] = ask_ok(root, "rollup", args);
                json_object_del(found[form], "form");
                json_object_del(found[form], "form_id");
            }
            assert_true(json_equal(found[0], found[1]) && json_equal(found[1], found[2]));
            (void)snprintf(args, sizeof args, "{'form':'t','period':'2025-01','fields':['low','n']%s}", asked[i]);
            json_t *others = ask_ok(root, "rollup", args);
            args[strlen("{'form':'")] = 'w';
            json_t *same = ask_ok(root, "rollup", args);
            assert_true(json_equal(member_of(others, "fields"), member_of(same, "fields")));
            json_decref(others);
            json_decref(same);
            for (size_t form = 0; form < 3; form++)
                json_decref(found[form]);
        }
    }
}

/* Who belongs to a roll-up is kept from one to the next: not longer than it is true. */
static void a_roll_up_knows_who_has_come(void **state) {
    struct store *root = ((struct offices *)*state)->root;
    ask_done(root, "form.add", "{'form':{'name':'g','period':'month','levels':[3],'fields':[{'name':'n','type':'integer'}]}}");
    ask_done(root, "put", "{'form':'g','period':'2025-06','unit':'P1C1','cells':{'n':" VALUE("1") "}}");
    for (unsigned i = 0; i < 2; i++) {
        json_t *total = ask_ok(root, "rollup", "{'form':'g','period':'2025-06'}");
        assert_member(total, "fields.n.value", "'1'");
        assert_member(total, "completeness.expected", "8");
        json_decref(total);
    }
    ask_done(root, "put", "{'form':'g','period':'2025-06','unit':'P2C1','cells':{'n':" VALUE("20") "}}"); /* a unit that never wrote before */
    json_t *total = ask_ok(root, "rollup", "{'form':'g','period':'2025-06'}");
    assert_member(total, "fields.n.value", "'21'");
    json_decref(total);
    ask_done(root, "unit.add", "{'code':'P2C9','name':'Xã 9','level':'3','parent':'P2'}");
    ask_done(root, "put", "{'form':'g','period':'2025-06','unit':'P2C9','cells':{'n':" VALUE("300") "}}");
    total = ask_ok(root, "rollup", "{'form':'g','period':'2025-06'}");
    assert_member(total, "fields.n.value", "'321'");
    assert_member(total, "completeness.expected", "9");
    json_decref(total);
    total = ask_ok(root, "rollup", "{'form':'g','period':'2025-06','unit':'P2'}");
    assert_member(total, "fields.n.value", "'320'");
    json_decref(total);
    ask_done(root, "rebuild", "{}");
    total = ask_ok(root, "rollup", "{'form':'g','period':'2025-06','unit':'P2'}");
    assert_member(total, "fields.n.value", "'320'");
    json_decref(total);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, offices_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_time),
        cmocka_unit_test(rows_of_one_period_are_joined_first),
        cmocka_unit_test(over_units),
        cmocka_unit_test(qualifiers_survive_a_sum),
        cmocka_unit_test(sums_are_wide_and_overflow_is_an_error),
        TEST(a_total_with_its_completeness),
        TEST(what_is_said_to_be_missing_is_no_zero),
        TEST(rows_by_unit_and_level_add_up_to_the_total),
        TEST(ranges_against_figures_added_up_by_hand),
        TEST(averages_are_rounded_once),
        TEST(a_contested_figure_is_said),
        TEST(below_the_deepest_level_is_detail),
        TEST(added_up_at_once_or_not_it_is_the_same),
        TEST(a_roll_up_knows_who_has_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
