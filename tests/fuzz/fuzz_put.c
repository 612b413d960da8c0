/* The put: what is accepted is written back byte for byte, keeps the rules over the whole, and can be held against a form whatever it says. */
#include "tests/fuzz/fuzz.h"

/* A form with a field of every type, a list. */
static bool fits(const struct put *put) {
    static struct form_field fields[FIELD_COMPUTED];
    static struct form_choice choices[2] = {{.code = {(const uint8_t *)"a", 1}}, {.code = {(const uint8_t *)"b", 1}}};
    for (uint8_t type = FIELD_INTEGER; type <= FIELD_COMPUTED; type++) {
        fields[type - 1] = (struct form_field){.type = type, .choice_count = type == FIELD_CHOICE ? 2 : 0, .choices = choices};
    }
    const struct form form = {.period = PERIOD_MONTH, .list = put->flags % 2 == 0, .field_count = FIELD_COMPUTED, .fields = fields};
    return put_fits(put, &form) == STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    struct put put;
    enum status status = put_decode(&put, in);
    if (status == STATUS_OK) {
        FUZZ_REQUIRE(put_rules_hold(&put));
        FUZZ_REQUIRE(put.record_count > 0 && put.record_count <= PUT_RECORDS_MAX && put.column_count <= FORM_FIELDS_MAX);
        for (size_t i = 1; i < put.record_count; i++) {
            FUZZ_REQUIRE(record_key_compare(&put.keys[i - 1], &put.keys[i]) < 0);
        }
        (void)fits(&put);
    }
    put_fini(&put);
    FUZZ_REQUIRE(fuzz_recode(recode_put, in) == (status == STATUS_OK));
    return 0;
}
