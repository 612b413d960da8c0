/* What people write: values of every type of field, and periods. A value that is read has a machine form, and reading that again gives the same value. The
 * first bytes choose period or value, the field's type, its places and its measure. */
#include "tests/fuzz/fuzz.h"

#include "store/period.h"
#include "store/value_text.h"

static void check_period(struct bytes text) {
    struct period period, again;
    char canonical[PERIOD_TEXT_MAX];
    int32_t day;
    if (period_parse(&period, text) == STATUS_OK) {
        FUZZ_REQUIRE(period_valid(period.kind, period.ordinal));
        period_text(canonical, &period);
        FUZZ_REQUIRE(period_parse(&again, bytes_of(canonical, strlen(canonical))) == STATUS_OK);
        FUZZ_REQUIRE(again.kind == period.kind && again.ordinal == period.ordinal && period_within(&period, &again));
        for (uint8_t window = WINDOW_CALENDAR; window <= WINDOW_OFFICIAL; window++) {
            int32_t first, last;
            period_window(&period, window, &first, &last);
            FUZZ_REQUIRE(first <= last);
        }
        uint32_t next = period_next(period.kind, period.ordinal);
        FUZZ_REQUIRE(next == 0 || (next > period.ordinal && period_valid(period.kind, next)));
    }
    if (period_date_parse(&day, text) == STATUS_OK) {
        char date[11];
        int32_t day_again;
        FUZZ_REQUIRE(day >= DATE_MIN && day <= DATE_MAX);
        period_date_text(date, day);
        FUZZ_REQUIRE(period_date_parse(&day_again, bytes_of(date, 10)) == STATUS_OK && day_again == day);
    }
}

/* The machine form of a value that was read. */
static void check_value(const struct value_text *value, const struct form_field *field) {
    struct bytes text = bytes_of(value->value, strlen(value->value));
    struct value_text *again = malloc(sizeof *again);
    int64_t number;
    char plain[48];
    FUZZ_REQUIRE(again != NULL);
    if (field->type <= FIELD_MONEY) {
        unsigned places = field->type == FIELD_DECIMAL ? field->places : 0;
        FUZZ_REQUIRE(value_text_scaled(&number, text, places) == STATUS_OK);
        size_t len = value_text_plain(plain, number, places);
        int64_t number_again;
        FUZZ_REQUIRE(value_text_scaled(&number_again, bytes_of(plain, len), places) == STATUS_OK && number_again == number);
    } else if (field->type == FIELD_TEXT) {
        FUZZ_REQUIRE(codec_utf8_valid(text));
    }
    if (field->type != FIELD_TEXT || value->value[0] != '\0') {
        FUZZ_REQUIRE(value_text_parse(again, field, text, STYLE_MACHINE) == STATUS_OK);
        FUZZ_REQUIRE(again->state == CELL_VALUE && again->qualifier == QUALIFIER_NONE && strcmp(again->value, value->value) == 0);
    }
    free(again);
}

static void check_cell(struct bytes in) {
    static struct form_choice choices[3] = {
        {.code = {(const uint8_t *)"tot", 3}, .labels = {1, {{{(const uint8_t *)"vi", 2}, {(const uint8_t *)"T\xe1\xbb\x91t", 5}}}}},
        {.code = {(const uint8_t *)"kha", 3}, .labels = {1, {{{(const uint8_t *)"vi", 2}, {(const uint8_t *)"Kh\xc3\xa1", 4}}}}},
        {.code = {(const uint8_t *)"kem", 3}},
    };
    static const char *const measures[] = {"", "kg", "%", "h\xe1\xbb\x99"};
    struct form_field field = {.type = (uint8_t)(FIELD_INTEGER + fuzz_choice(&in, FIELD_DATE)), .choices = choices};
    unsigned shape = fuzz_choice(&in, 256);
    const char *measure = measures[shape >> 4 & 3];
    enum number_style style = (enum number_style)((shape >> 6) % 3);
    field.measure = bytes_of(measure, strlen(measure));
    field.choice_count = field.type == FIELD_CHOICE ? 3 : 0;
    field.places = field.type == FIELD_DECIMAL ? (uint8_t)((shape & 15) % (FORM_PLACES_MAX + 1)) : 0;
    struct value_text *value = malloc(sizeof *value);
    FUZZ_REQUIRE(value != NULL);
    (void)value_text_style(in);
    if (value_text_parse(value, &field, in, style) == STATUS_OK) {
        FUZZ_REQUIRE(value->state >= CELL_MISSING && value->state <= CELL_VALUE && value->qualifier <= QUALIFIER_AT_MOST);
        FUZZ_REQUIRE(value->state == CELL_VALUE || (value->value[0] == '\0' && value->qualifier == QUALIFIER_NONE));
        if (value->state == CELL_VALUE) {
            check_value(value, &field);
        }
    }
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    if (fuzz_choice(&in, 4) == 0) {
        check_period(in);
    } else {
        check_cell(in);
    }
    return 0;
}
