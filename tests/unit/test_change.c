/* Payloads of changes: the rules of sections 5 and 7 one by one, and random forms. */
#include "protocol/keys.h"
#include "tests/unit/recode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct bytes text(const char *string) {
    return bytes_of(string, strlen(string));
}

static const char *repeat(char character, size_t times) {
    static char buffer[2 * DOCUMENT_TEXT_BYTES_MAX];
    memset(buffer, character, times);
    buffer[times] = '\0';
    return buffer;
}

/* What an encoder says of a value; and that it leaves nothing behind where it refuses. */
#define ENCODED(encode, value) \
    do { \
        buffer_init(&scratch, 2 * BODY_BYTES_MAX); \
        encoded = encode(value, &scratch); \
        assert_true(encoded == STATUS_OK || scratch.len == 0); \
        buffer_fini(&scratch); \
    } while (0)
static struct buffer scratch;
static enum status encoded;

#define REFUSED(encode, value) \
    do { \
        ENCODED(encode, value); \
        assert_int_equal(encoded, STATUS_MALFORMED); \
    } while (0)
#define TAKEN(encode, value) \
    do { \
        ENCODED(encode, value); \
        assert_int_equal(encoded, STATUS_OK); \
    } while (0)

/* As many units as a line may have, from {1} on. */
static struct line long_line(void) {
    struct line line = {.count = LINE_UNITS_MAX};
    for (size_t i = 0; i < LINE_UNITS_MAX; i++) {
        line.units[i].b[0] = (uint8_t)(1 + i);
    }
    return line;
}

static void units(void **state) {
    (void)state;
    const struct unit_change good = {.parent = {{1}}, .level = 1, .name = text("x"), .line = {.count = 1, .units = {{{1}}}}};
    struct unit_change unit = good;
    TAKEN(unit_change_encode, &unit);
    unit.level = LEVEL_MAX;
    unit.code = text(repeat('c', UNIT_CODE_BYTES_MAX));
    unit.effective = (struct date){.set = true, .days = DATE_MAX};
    unit.line = long_line();
    TAKEN(unit_change_encode, &unit);
    unit.line.units[LINE_UNITS_MAX - 1] = unit.line.units[3]; /* a circle */
    REFUSED(unit_change_encode, &unit);
    unit.line = long_line();
    unit.level = 0; /* the root is not made */
    REFUSED(unit_change_encode, &unit);
    unit.level = LEVEL_MAX + 1;
    REFUSED(unit_change_encode, &unit);
    unit = good;
    unit.code = text(repeat('c', UNIT_CODE_BYTES_MAX + 1));
    REFUSED(unit_change_encode, &unit);
    unit = good;
    unit.name = text("");
    REFUSED(unit_change_encode, &unit);
    unit = good;
    unit.line.count = 0;
    REFUSED(unit_change_encode, &unit);
    unit.line.count = LINE_UNITS_MAX + 1;
    REFUSED(unit_change_encode, &unit);
    unit = good;
    unit.line.units[0].b[0] = 2; /* not the parent */
    REFUSED(unit_change_encode, &unit);
    unit = good;
    unit.effective = (struct date){.set = true, .days = DATE_MAX + 1};
    REFUSED(unit_change_encode, &unit);
    unit.effective.days = DATE_MIN - 1;
    REFUSED(unit_change_encode, &unit);
}

static void attributes(void **state) {
    (void)state;
    struct unit_set_change set = {.attribute = UNIT_CODE, .text = text("")};
    TAKEN(unit_set_change_encode, &set); /* a code may be taken away, a name not */
    set.attribute = UNIT_NAME;
    REFUSED(unit_set_change_encode, &set);
    set.text = text(repeat('n', UNIT_NAME_BYTES_MAX));
    TAKEN(unit_set_change_encode, &set);
    set.attribute = UNIT_CODE;
    REFUSED(unit_set_change_encode, &set);
    set.attribute = UNIT_LEVEL;
    set.level = 0; /* the root's */
    TAKEN(unit_set_change_encode, &set);
    set.level = LEVEL_MAX + 1;
    REFUSED(unit_set_change_encode, &set);
    set.level = 1;
    set.attribute = UNIT_LEVEL + 1;
    REFUSED(unit_set_change_encode, &set);
    set.attribute = 0;
    REFUSED(unit_set_change_encode, &set);
}

static void admissions(void **state) {
    (void)state;
    static const struct association_id association = {{1}}, elsewhere = {{2}};
    struct admission admission = {.inviter = {{1}}, .unit = {{2}}, .roles = ROLE_WRITER}, read;
    struct node_id id, other;
    struct buffer core, whole;
    TAKEN(admission_encode, &admission);
    admission_node_id(&id, &association, &admission);
    admission.line.count = 1; /* line and pins are no part of the name */
    admission.pin_count = 1;
    admission.pins[0] = (struct ref){.log = {.kind = LOG_REPORT}, .seq = 1};
    admission_node_id(&other, &association, &admission);
    assert_true(ID_EQUAL(&id, &other));
    admission_node_id(&other, &elsewhere, &admission);
    assert_false(ID_EQUAL(&id, &other));
    admission.nonce[0] = 1;
    admission_node_id(&other, &association, &admission);
    assert_false(ID_EQUAL(&id, &other));

    /* The core in an admission is the bytes that the name is a hash of. */
    buffer_init(&core, ADMISSION_CORE_BYTES_MAX);
    buffer_init(&whole, BODY_BYTES_MAX);
    assert_int_equal(admission_core_encode(&admission, &core), STATUS_OK);
    assert_int_equal(admission_encode(&admission, &whole), STATUS_OK);
    assert_memory_equal(whole.data + 1, core.data, core.len);
    struct hash hash;
    keys_hash(&hash, "node", &association, buffer_bytes(&core), (struct bytes){0});
    assert_memory_equal(hash.b, other.b, sizeof other.b);
    assert_int_equal(admission_core_decode(&read, buffer_bytes(&core)), STATUS_OK);
    assert_int_equal(read.line.count + read.pin_count, 0);
    buffer_fini(&core);
    buffer_fini(&whole);

    admission.line = long_line();
    admission.line.units[1].b[0] = 0;
    TAKEN(admission_encode, &admission);
    admission.line.units[1] = admission.unit; /* stands above itself */
    REFUSED(admission_encode, &admission);
    admission.line.units[1] = admission.line.units[0];
    REFUSED(admission_encode, &admission);
    admission.line.count = 0; /* the root's */
    TAKEN(admission_encode, &admission);

    admission.roles = 0;
    REFUSED(admission_encode, &admission);
    REFUSED(admission_core_encode, &admission);
    admission.roles = 4;
    REFUSED(admission_encode, &admission);
    admission.roles = ROLE_WRITER | ROLE_STEWARD;
    admission.pin_count = 2;
    admission.pins[1] = admission.pins[0];
    REFUSED(admission_encode, &admission);
    admission.pin_count = PINS_MAX + 1;
    REFUSED(admission_encode, &admission);
}

static void levels(void **state) {
    (void)state;
    struct level_table *table = calloc(1, sizeof *table);
    TAKEN(level_table_encode, table);
    table->count = LEVEL_MAX + 1;
    for (uint8_t i = 0; i <= LEVEL_MAX; i++) {
        table->levels[i] = (struct level_name){.number = i, .names = {.count = 1, .items = {{text("vi"), text("xã")}}}};
    }
    TAKEN(level_table_encode, table);
    table->levels[3].number = 2;
    REFUSED(level_table_encode, table);
    table->levels[3].number = 3;
    table->levels[LEVEL_MAX].number = LEVEL_MAX + 1;
    REFUSED(level_table_encode, table);
    table->count = LEVEL_MAX + 2;
    REFUSED(level_table_encode, table);
    free(table);
}

/* Languages: two to eight letters or hyphens, ascending; as a level's names. */
static void languages(void **state) {
    (void)state;
    static const struct {
        const char *first, *second;
        bool good;
    } CASES[] = {{"en", "vi", true},       {"vi", "en", false}, {"vi", "vi", false}, {"e", "vi", false}, {"en", "vietnamese", false},
                 {"en", "vi-latin", true}, {"EN", "vi", false}, {"en", "v1", false}, {"", "vi", false}};
    struct level_table *table = calloc(1, sizeof *table);
    table->count = 1;
    struct texts *names = &table->levels[0].names;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        *names = (struct texts){.count = 2, .items = {{text(CASES[i].first), text("")}, {text(CASES[i].second), text("x")}}};
        ENCODED(level_table_encode, table);
        assert_int_equal(encoded, CASES[i].good ? STATUS_OK : STATUS_MALFORMED);
    }
    *names = (struct texts){.count = 1, .items = {{text("vi"), text(repeat('t', FORM_TEXT_BYTES_MAX))}}};
    TAKEN(level_table_encode, table);
    names->items[0].text = text(repeat('t', FORM_TEXT_BYTES_MAX + 1));
    REFUSED(level_table_encode, table);
    names->count = FORM_LANGUAGES_MAX + 1;
    REFUSED(level_table_encode, table);
    free(table);
}

static void persons(void **state) {
    (void)state;
    struct person person = {.account = text(repeat('a', 64))};
    TAKEN(person_encode, &person);
    person.name = text(repeat('n', 100));
    person.role = text(repeat('r', 100));
    TAKEN(person_encode, &person);
    person.account = text("");
    REFUSED(person_encode, &person);
    person.account = text(repeat('a', 65));
    REFUSED(person_encode, &person);
    person.account = text("a");
    person.name = text(repeat('n', 101));
    REFUSED(person_encode, &person);
    person.name = text("");
    person.role = text(repeat('r', 101));
    REFUSED(person_encode, &person);
    person.role = text("\xff");
    REFUSED(person_encode, &person);
}

static void documents(void **state) {
    (void)state;
    const struct document good = {.title = text("x")};
    struct document *document = malloc(sizeof *document);
    *document = good;
    document->kind = 4;
    document->ask = 2;
    document->attachment_count = 1;
    document->attachments[0].name = text("a");
    document->text = text(repeat('t', DOCUMENT_TEXT_BYTES_MAX));
    TAKEN(document_encode, document);
    document->text = text(repeat('t', DOCUMENT_TEXT_BYTES_MAX + 1));
    REFUSED(document_encode, document);
    *document = good;
    document->kind = 5;
    REFUSED(document_encode, document);
    *document = good;
    document->ask = 3;
    REFUSED(document_encode, document);
    *document = good;
    document->title = text("");
    REFUSED(document_encode, document);
    *document = good;
    document->number = text(repeat('n', DOCUMENT_NUMBER_BYTES_MAX + 1));
    REFUSED(document_encode, document);
    *document = good;
    document->has_supersedes = true; /* seq 0 */
    REFUSED(document_encode, document);
    *document = good;
    document->attachment_count = 1; /* without a name */
    REFUSED(document_encode, document);
    document->attachment_count = ATTACHMENTS_MAX + 1;
    REFUSED(document_encode, document);
    document->attachment_count = 3;
    document->attachments[0].name = text("a");
    document->attachments[1].name = text("b");
    document->attachments[2].name = text("c");
    TAKEN(document_encode, document);
    document->attachments[2].name = text("a"); /* one name twice, whatever it holds */
    document->attachments[2].bytes = 9;
    REFUSED(document_encode, document);
    static const uint8_t CRITICAL[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00};
    *document = good;
    document->extensions = bytes_of(CRITICAL, sizeof CRITICAL);
    ENCODED(document_encode, document);
    assert_int_equal(encoded, STATUS_CRITICAL_EXTENSION);
    document->ask = 3; /* malformed besides: that is what it is then */
    REFUSED(document_encode, document);
    free(document);
}

/* ---- forms ---- */

static struct form_choice choices[2];
static struct form_field fields[2];
static struct form_rule rule;

static struct form good_form(void) {
    choices[0] = (struct form_choice){.code = text("a")};
    choices[1] = (struct form_choice){.code = text("b")};
    fields[0] = (struct form_field){.name = text("a_1"), .type = FIELD_INTEGER};
    fields[1] = (struct form_field){.name = text("b"), .type = FIELD_CHOICE, .choice_count = 2, .choices = choices};
    rule = (struct form_rule){.severity = 1, .expression = text("a_1 > 0")};
    return (struct form){.name = text("thang"),
                         .label = 1,
                         .period = PERIOD_MONTH,
                         .window = WINDOW_CALENDAR,
                         .policy = POLICY_OWNER,
                         .field_count = 2,
                         .fields = fields,
                         .rule_count = 1,
                         .rules = &rule};
}

static void field_rules(void **state) {
    (void)state;
    static const char *const BAD_NAMES[] = {"", "A", "1a", "_a", "a b", "a-b", "ấ"};
    struct form form = good_form();
    TAKEN(form_encode, &form);
    for (size_t i = 0; i < sizeof BAD_NAMES / sizeof BAD_NAMES[0]; i++) {
        fields[0].name = text(BAD_NAMES[i]);
        REFUSED(form_encode, &form);
    }
    for (unsigned broken = 0;; broken++) {
        form = good_form();
        struct form_field *field = &fields[0], *choice = &fields[1];
        /* clang-format off */
        switch (broken) {
        case 0: field->name = fields[1].name; break; /* one name twice */
        case 1: field->name = text(repeat('n', FORM_NAME_BYTES_MAX + 1)); break;
        case 2: field->type = 0; break;
        case 3: field->type = FIELD_COMPUTED + 1; break;
        case 4: field->places = 1; break; /* an integer has none */
        case 5: field->type = FIELD_DECIMAL; field->places = FORM_PLACES_MAX + 1; break;
        case 6: field->type = FIELD_COMPUTED; break; /* without a formula */
        case 7: field->formula = text("b"); break; /* and not computed */
        case 8: field->type = FIELD_CHOICE; break; /* without choices */
        case 9: choice->type = FIELD_INTEGER; break; /* with choices */
        case 10: choices[1].code = choices[0].code; break;
        case 11: choices[1].code = text(""); break;
        case 12: choice->choice_count = FORM_CHOICES_MAX + 1; break;
        case 13: field->over_units = UNITS_COUNT + 1; break;
        case 14: field->over_time = TIME_AVERAGE + 1; break;
        case 15: field->weight = text("b"); break; /* not an average */
        case 16: field->over_units = UNITS_AVERAGE; field->weight = text("B"); break;
        case 17: field->measure = text(repeat('m', FORM_NAME_BYTES_MAX + 1)); break;
        case 18: field->type = FIELD_COMPUTED; field->formula = text(repeat('f', FORM_FORMULA_BYTES_MAX + 1)); break;
        case 19: field->has_minimum = field->has_maximum = true; field->minimum = 1; break; /* above the maximum */
        case 20: choice->has_minimum = true; break; /* not a number */
        case 21: field->type = FIELD_DATE; field->has_maximum = true; break;
        case 22: field->type = FIELD_COMPUTED; field->formula = text("b"); field->has_maximum = true; break;
        case 23: field->over_units = UNITS_AVERAGE; field->weight = text("c"); break; /* no such field */
        case 24: field->over_units = UNITS_AVERAGE; field->weight = text("b"); break; /* a choice */
        case 25: choice->over_units = UNITS_AVERAGE; choice->weight = fields[0].name; field->type = FIELD_TEXT; break;
        default: assert_int_equal(broken, 26); return;
        }
        /* clang-format on */
        ENCODED(form_encode, &form);
        if (encoded != STATUS_MALFORMED) {
            fail_msg("field rule %u", broken);
        }
    }
}

static void limits_and_weights(void **state) {
    (void)state;
    static const uint8_t NUMBERS[] = {FIELD_INTEGER, FIELD_DECIMAL, FIELD_MONEY};
    for (size_t i = 0; i < sizeof NUMBERS; i++) {
        struct form form = good_form();
        fields[0].type = NUMBERS[i];
        fields[0].has_minimum = fields[0].has_maximum = true;
        fields[0].minimum = fields[0].maximum = -7;
        fields[1].over_units = UNITS_AVERAGE;
        fields[1].weight = fields[0].name;
        TAKEN(form_encode, &form);
        struct form_field first = fields[0]; /* a weight may stand behind what it weighs */
        fields[0] = fields[1];
        fields[1] = first;
        TAKEN(form_encode, &form);
        fields[1].has_maximum = false; /* whatever stands in it */
        fields[1].maximum = INT64_MIN;
        TAKEN(form_encode, &form);
    }
}

static void forms_of_a_later_version(void **state) {
    (void)state;
    static const uint8_t CRITICAL[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00}, OTHER[] = {0x91, 0x93, 0x01, 0xc2, 0xc4, 0x00};
    for (unsigned where = 0; where < 3; where++) {
        struct form form = good_form();
        struct bytes *extensions = where == 0 ? &form.extensions : &fields[where - 1].extensions;
        *extensions = bytes_of(OTHER, sizeof OTHER);
        TAKEN(form_encode, &form);
        *extensions = bytes_of(CRITICAL, sizeof CRITICAL);
        ENCODED(form_encode, &form);
        assert_int_equal(encoded, STATUS_CRITICAL_EXTENSION);
        rule.severity = 3; /* malformed besides: that is what it is then */
        REFUSED(form_encode, &form);
    }
}

static void form_rules(void **state) {
    (void)state;
    for (unsigned broken = 0;; broken++) {
        struct form form = good_form();
        /* clang-format off */
        switch (broken) {
        case 0: form.name = text("Thang"); break;
        case 1: form.label = 0; break;
        case 2: form.period = 0; break;
        case 3: form.period = PERIOD_AD_HOC + 1; break;
        case 4: form.window = 0; break;
        case 5: form.policy = POLICY_UPPER + 1; break;
        case 6: form.reach = REACH_PRIVATE + 1; break;
        case 7: form.level_count = 2; form.levels[0] = form.levels[1] = 3; break;
        case 8: form.level_count = 1; form.levels[0] = LEVEL_MAX + 1; break;
        case 9: form.level_count = LEVEL_MAX + 2; break;
        case 10: form.due_count = 2; break; /* one level twice */
        case 11: form.due_count = 1; form.due[0].days = FORM_DUE_DAYS_MAX + 1; break;
        case 12: form.due_count = 1; form.due[0].days = -FORM_DUE_DAYS_MAX - 1; break;
        case 13: form.field_count = 0; break;
        case 14: form.field_count = FORM_FIELDS_MAX + 1; break;
        case 15: form.rule_count = FORM_RULES_MAX + 1; break;
        case 16: rule.severity = 3; break;
        case 17: rule.severity = 0; break;
        case 18: rule.expression = text(""); break;
        case 19: form.titles = (struct texts){.count = FORM_LANGUAGES_MAX + 1}; break;
        default: assert_int_equal(broken, 20); return;
        }
        /* clang-format on */
        ENCODED(form_encode, &form);
        if (encoded != STATUS_MALFORMED) {
            fail_msg("form rule %u", broken);
        }
    }
}

/* As many fields, choices and rules as may be: what is read is what was written, wherever the one allocation put it. */
static void the_largest_form(void **state) {
    (void)state;
    static char names[FORM_FIELDS_MAX][8], codes[FORM_CHOICES_MAX][4];
    struct form_field *many = calloc(FORM_FIELDS_MAX, sizeof *many);
    struct form_choice *hundred = calloc(FORM_CHOICES_MAX, sizeof *hundred);
    struct form_rule *rules = calloc(FORM_RULES_MAX, sizeof *rules);
    struct form form = good_form(), read;
    for (unsigned i = 0; i < FORM_CHOICES_MAX; i++) {
        snprintf(codes[i], sizeof codes[i], "%u", i);
        hundred[i].code = text(codes[i]);
        rules[i] = (struct form_rule){.severity = 2, .expression = text(codes[i])};
    }
    for (unsigned i = 0; i < FORM_FIELDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "f%u", i);
        many[i] = (struct form_field){.name = text(names[i]), .type = FIELD_CHOICE, .choice_count = 1 + i % FORM_CHOICES_MAX, .choices = hundred};
    }
    form.field_count = FORM_FIELDS_MAX;
    form.fields = many;
    form.rule_count = FORM_RULES_MAX;
    form.rules = rules;
    struct buffer payload;
    buffer_init(&payload, BODY_BYTES_MAX);
    assert_int_equal(form_encode(&form, &payload), STATUS_OK);
    assert_int_equal(form_decode(&read, buffer_bytes(&payload)), STATUS_OK);
    assert_int_equal(read.field_count, FORM_FIELDS_MAX);
    for (size_t i = 0; i < FORM_FIELDS_MAX; i++) {
        assert_true(bytes_equal(read.fields[i].name, many[i].name));
        assert_int_equal(read.fields[i].choice_count, many[i].choice_count);
        for (size_t j = 0; j < read.fields[i].choice_count; j++) {
            assert_true(bytes_equal(read.fields[i].choices[j].code, hundred[j].code));
        }
    }
    assert_int_equal(read.rule_count, FORM_RULES_MAX);
    for (size_t i = 0; i < FORM_RULES_MAX; i++) {
        assert_true(bytes_equal(read.rules[i].expression, rules[i].expression));
    }
    form_fini(&read);
    form_fini(&read);
    buffer_fini(&payload);
    free(many);
    free(hundred);
    free(rules);
}

static void random_form(struct chance *chance, struct form *form, struct form_field *random_fields, struct form_choice *random_choices) {
    static const char *const NAMES[] = {"a", "b_2", "so_hoi_vien", "d", "e"};
    *form = good_form();
    form->period = (uint8_t)(1 + chance_below(chance, PERIOD_AD_HOC));
    form->reach = (uint8_t)chance_below(chance, REACH_PRIVATE + 1);
    form->list = chance_below(chance, 2) == 0;
    form->label = 1 + chance_below(chance, 1000);
    form->level_count = chance_below(chance, 3);
    form->levels[1] = 5;
    form->field_count = 1 + chance_below(chance, 5);
    form->fields = random_fields;
    for (size_t i = 0; i < form->field_count; i++) {
        struct form_field *field = &random_fields[i];
        *field = (struct form_field){.name = text(NAMES[i]), .type = (uint8_t)(1 + chance_below(chance, FIELD_COMPUTED))};
        field->over_units = (uint8_t)chance_below(chance, UNITS_COUNT + 1);
        field->over_time = (uint8_t)chance_below(chance, TIME_AVERAGE + 1);
        field->required = chance_below(chance, 2) == 0;
        field->has_minimum = field->type <= FIELD_MONEY && chance_below(chance, 2) == 0;
        field->minimum = field->has_minimum ? (int64_t)chance_next(chance) : 0;
        field->labels = (struct texts){.count = 1, .items = {{text("vi"), text("Số hội viên")}}};
        if (field->type == FIELD_DECIMAL || field->type == FIELD_COMPUTED) {
            field->places = (uint8_t)chance_below(chance, FORM_PLACES_MAX + 1);
        }
        if (field->type == FIELD_COMPUTED) {
            field->formula = text("a / b_2");
        }
        if (field->type == FIELD_CHOICE) {
            field->choice_count = 2;
            field->choices = random_choices;
        }
    }
}

static void random_forms_come_back(void **state) {
    (void)state;
    struct chance chance = {5};
    struct form_choice random_choices[2] = {{.code = text("tot")}, {.code = text("kha"), .labels = {.count = 1, .items = {{text("vi"), text("Khá")}}}}};
    for (unsigned i = 0; i < 200; i++) {
        struct form form;
        struct form_field random_fields[5];
        struct buffer payload, again;
        random_form(&chance, &form, random_fields, random_choices);
        buffer_init(&payload, BODY_BYTES_MAX);
        buffer_init(&again, BODY_BYTES_MAX);
        assert_int_equal(form_encode(&form, &payload), STATUS_OK);
        assert_int_equal(recode_form(buffer_bytes(&payload), &again), STATUS_OK);
        assert_true(bytes_equal(buffer_bytes(&payload), buffer_bytes(&again)));
        assert_int_equal(recode_try(recode_form, buffer_bytes(&payload), 100, i).failed, 0);
        buffer_fini(&payload);
        buffer_fini(&again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units),       cmocka_unit_test(attributes),         cmocka_unit_test(admissions),
        cmocka_unit_test(levels),      cmocka_unit_test(languages),          cmocka_unit_test(documents), cmocka_unit_test(persons),
        cmocka_unit_test(field_rules), cmocka_unit_test(limits_and_weights), cmocka_unit_test(forms_of_a_later_version),
        cmocka_unit_test(form_rules),  cmocka_unit_test(the_largest_form),   cmocka_unit_test(random_forms_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
