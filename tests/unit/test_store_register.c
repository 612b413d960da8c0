/* Registers: packing, and merging against a naive oracle that knows the definition only, over random writes and random knowledge of one another. */
#include "store/register.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { WRITES = 9, FIELDS = 5, LOGS = 3, ROUNDS = 4000, STATE_MAX = 1 << 20 };

/* ---- a world of writes ---- */

/* Each write stands in a log at a seq, and has seen of every other log all up to some seq: as headers say it. */
struct world {
    size_t count;
    unsigned log[WRITES], seq[WRITES], seen[WRITES][LOGS];
    uint16_t fields[WRITES][FIELDS];
    struct cell cells[WRITES][FIELDS];
    struct register_write writes[WRITES];
};

static uint64_t random_state;
static unsigned draw(unsigned below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % below;
}

static struct cell random_cell(void) {
    static const char *const texts[] = {"tốt", "khá", ""};
    struct cell cell = {.state = (uint8_t)(1 + draw(5))};
    if (cell.state < CELL_VALUE)
        return cell;
    cell.state = CELL_VALUE;
    cell.qualifier = draw(4) == 0 ? (uint8_t)draw(6) : 0;
    switch (draw(4)) {
    case 0:
        cell.type = CELL_TEXT;
        cell.text.data = (const uint8_t *)texts[draw(3)];
        cell.text.len = strlen((const char *)cell.text.data);
        break;
    case 1:
        cell.type = CELL_BOOL;
        cell.number = draw(2);
        break;
    default:
        cell.type = CELL_INT;
        cell.number = (int64_t)draw(3) - 1;
    }
    return cell;
}

/* honest: a write has seen only what was written before it. */
static void make_world(struct world *world, bool honest) {
    unsigned heads[LOGS] = {0};
    memset(world, 0, sizeof *world);
    world->count = 1 + draw(WRITES);
    for (size_t i = 0; i < world->count; i++) {
        unsigned log = world->log[i] = draw(LOGS);
        world->seq[i] = ++heads[log];
        for (unsigned other = 0; other < LOGS; other++)
            world->seen[i][other] = other == log ? world->seq[i] - 1 : honest ? draw(heads[other] + 1) : draw(5);
        struct register_write *write = &world->writes[i];
        *write = (struct register_write){(int64_t)i + 1, 0, world->fields[i], world->cells[i]};
        for (uint16_t field = 0; field < FIELDS; field++) {
            if (draw(2) == 0)
                continue;
            world->fields[i][write->count] = (uint16_t)(field * 7);
            world->cells[i][write->count++] = random_cell();
        }
        if (write->count == 0) {
            world->fields[i][0] = 0;
            world->cells[i][write->count++] = random_cell();
        }
    }
}

static bool has_seen(const struct world *world, int64_t a, int64_t b) {
    return a != b && world->seen[a - 1][world->log[b - 1]] >= world->seq[b - 1];
}

static enum status ask(void *ctx, int64_t a, int64_t b, bool *out) {
    *out = has_seen(ctx, a, b);
    return STATUS_OK;
}

static const struct cell *cell_of(const struct register_write *write, uint16_t field) {
    for (size_t i = 0; i < write->count; i++) {
        if (write->fields[i] == field)
            return &write->cells[i];
    }
    return NULL;
}

/* The oracle: is write i a head of the field, by the definition? */
static bool is_head(const struct world *world, size_t i, uint16_t field) {
    bool any = false;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t w = 0; w < world->count; w++) {
            if (cell_of(&world->writes[w], field) == NULL)
                continue;
            bool over = false;
            for (size_t x = 0; x < world->count; x++) {
                int64_t a = (int64_t)x + 1, b = (int64_t)w + 1;
                over = over || (cell_of(&world->writes[x], field) != NULL && has_seen(world, a, b) && !has_seen(world, b, a));
            }
            if (pass == 0)
                any = any || !over;
            else if (w == i)
                return !any || !over;
        }
    }
    return false;
}

static void assert_by_oracle(const struct world *world, struct bytes state, bool contested) {
    struct register_walk walk;
    struct register_head head;
    size_t heads = 0, expected = 0;
    bool differs = false;
    register_begin(&walk, state);
    const struct cell *first = NULL;
    while (register_next(&walk, &head)) {
        const struct cell *cell = cell_of(&world->writes[head.entry - 1], head.field);
        assert_non_null(cell);
        assert_true(register_cell_equal(cell, &head.cell));
        assert_true(is_head(world, (size_t)head.entry - 1, head.field));
        assert_true(head.index < head.count);
        first = head.index == 0 ? cell : first;
        differs = differs || !register_cell_equal(first, cell);
        heads++;
    }
    assert_int_equal(walk.status, STATUS_OK);
    for (uint16_t field = 0; field < FIELDS * 7; field++) {
        for (size_t i = 0; i < world->count; i++)
            expected += cell_of(&world->writes[i], field) != NULL && is_head(world, i, field);
    }
    assert_int_equal(heads, expected);
    assert_int_equal(contested, differs);
}

static void shuffle(struct register_write *writes, size_t count) {
    for (size_t i = count; i > 1; i--) {
        size_t j = draw((unsigned)i);
        struct register_write swap = writes[i - 1];
        writes[i - 1] = writes[j];
        writes[j] = swap;
    }
}

/* As store/record_apply.c does it: the first alone, one that has seen all by replacing, any other by merging anew. */
static bool arrive(const struct world *world, const struct register_write *order, size_t count, struct buffer *state) {
    struct buffer next;
    bool contested = false;
    buffer_init(&next, STATE_MAX);
    buffer_clear(state);
    assert_int_equal(register_first(&order[0], 1, state), STATUS_OK);
    for (size_t i = 1; i < count; i++) {
        bool follows = true;
        for (size_t j = 0; j < i; j++)
            follows = follows && has_seen(world, order[i].entry, order[j].entry) && !has_seen(world, order[j].entry, order[i].entry);
        buffer_clear(&next);
        if (follows)
            assert_int_equal(register_replace(buffer_bytes(state), &order[i], &next, &contested), STATUS_OK);
        else
            assert_int_equal(register_merge(order, i + 1, ask, (void *)world, &next, &contested), STATUS_OK);
        struct buffer swap = *state;
        *state = next;
        next = swap;
    }
    buffer_fini(&next);
    return contested;
}

static void any_order_gives_what_the_definition_says(void **state) {
    struct world *world = malloc(sizeof *world);
    struct buffer all, some;
    unsigned contested_seen = 0, single_seen = 0;
    (void)state;
    assert_non_null(world);
    buffer_init(&all, STATE_MAX);
    buffer_init(&some, STATE_MAX);
    for (unsigned round = 0; round < ROUNDS; round++) {
        random_state = round * 2654435761u + 1;
        make_world(world, round % 4 != 0);
        struct register_write order[WRITES];
        bool contested;
        buffer_clear(&all);
        assert_int_equal(register_merge(world->writes, world->count, ask, world, &all, &contested), STATUS_OK);
        assert_by_oracle(world, buffer_bytes(&all), contested);
        contested_seen += contested;
        single_seen += register_only_entry(buffer_bytes(&all)) != 0;
        for (unsigned again = 0; again < 3; again++) {
            memcpy(order, world->writes, sizeof order);
            shuffle(order, world->count);
            assert_int_equal(arrive(world, order, world->count, &some), contested);
            assert_true(bytes_equal(buffer_bytes(&all), buffer_bytes(&some)));
        }
    }
    assert_true(contested_seen > ROUNDS / 20 && single_seen > ROUNDS / 20); /* both were really tried */
    buffer_fini(&all);
    buffer_fini(&some);
    free(world);
}

/* ---- packing ---- */

static void every_kind_of_cell_comes_back(void **state) {
    static const int64_t numbers[] = {0, 1, -1, 63, 64, -64, -65, 173000000000, INT64_MAX, INT64_MIN};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0], CELLS = NUMBERS + 6 };
    struct cell cells[CELLS];
    uint16_t fields[CELLS];
    struct buffer packed;
    size_t at = 0;
    struct register_flat *flat = malloc(sizeof *flat);
    assert_non_null(flat);
    (void)state;
    memset(cells, 0, sizeof cells);
    for (; at < NUMBERS; at++)
        cells[at] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = numbers[at], .qualifier = (uint8_t)(at % 6)};
    cells[at++] = (struct cell){.state = CELL_MISSING};
    cells[at++] = (struct cell){.state = CELL_NOT_APPLICABLE};
    cells[at++] = (struct cell){.state = CELL_VALUE, .type = CELL_BOOL, .number = 1};
    cells[at++] = (struct cell){.state = CELL_VALUE, .type = CELL_BOOL, .number = 0};
    cells[at++] = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT, .text = bytes_of("Hũ thóc", strlen("Hũ thóc"))};
    cells[at++] = (struct cell){.state = CELL_VALUE, .type = CELL_TEXT};
    for (size_t i = 0; i < CELLS; i++)
        fields[i] = (uint16_t)(i * i); /* with gaps */
    buffer_init(&packed, STATE_MAX);
    assert_int_equal(register_first(&(struct register_write){77, CELLS, fields, cells}, 1, &packed), STATUS_OK);
    assert_int_equal(register_only_entry(buffer_bytes(&packed)), 77);
    struct register_walk walk;
    struct register_head head;
    register_begin(&walk, buffer_bytes(&packed));
    for (size_t i = 0; i < CELLS; i++) {
        assert_true(register_next(&walk, &head));
        assert_int_equal(head.field, fields[i]);
        assert_int_equal(head.entry, 77);
        assert_true(register_cell_equal(&head.cell, &cells[i]));
    }
    assert_false(register_next(&walk, &head));
    assert_int_equal(walk.status, STATUS_OK);
    /* Cut anywhere, it is damaged or shorter, never read past its end. */
    for (size_t len = 0; len < packed.len; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, packed.data, len);
        size_t count = 0;
        assert_false(register_flatten(bytes_of(copy, len), flat));
        register_begin(&walk, bytes_of(copy, len));
        while (register_next(&walk, &head))
            count++;
        assert_true(walk.status == STATUS_STORE_DAMAGED && count < CELLS);
        free(copy);
    }
    free(flat);
    buffer_fini(&packed);
}

/* What is laid out at once is what a walk gives, and only a single write is. */
static void flattening_is_walking(void **state) {
    struct world *world = malloc(sizeof *world);
    struct register_flat *flat = malloc(sizeof *flat);
    struct buffer packed;
    unsigned flattened = 0;
    (void)state;
    assert_true(world != NULL && flat != NULL);
    buffer_init(&packed, STATE_MAX);
    for (unsigned round = 0; round < ROUNDS; round++) {
        random_state = round * 40503u + 3;
        make_world(world, true);
        bool contested;
        buffer_clear(&packed);
        assert_int_equal(register_merge(world->writes, world->count, ask, world, &packed, &contested), STATUS_OK);
        bool single = register_flatten(buffer_bytes(&packed), flat);
        assert_int_equal(single, register_only_entry(buffer_bytes(&packed)) != 0);
        struct register_walk walk;
        struct register_head head;
        uint32_t next = 0;
        register_begin(&walk, buffer_bytes(&packed));
        while (single && register_next(&walk, &head)) {
            for (; next < head.field; next++)
                assert_int_equal(register_number_at(flat, next).state, CELL_UNTOUCHED);
            const struct register_number at = register_number_at(flat, next++), *number = &at;
            assert_int_equal(number->state, head.cell.state);
            assert_int_equal(number->qualifier, head.cell.qualifier);
            assert_true(head.cell.state != CELL_VALUE || (number->type == head.cell.type && number->number == head.cell.number));
        }
        assert_true(!single || next == flat->count);
        flattened += single;
    }
    assert_true(flattened > ROUNDS / 20 && flattened < ROUNDS);
    buffer_fini(&packed);
    free(world);
    free(flat);
}

/* Each number at the border of a code, alone and beside the others, and laid out without a look at its field. */
static void numbers_at_the_borders_of_codes_come_back(void **state) {
    static const int64_t numbers[] = {0, 9, 10, 11, 265, 266, 65535, 65536, 16777215, 16777216, 4294967296, REGISTER_PLAIN_MAX, REGISTER_PLAIN_MAX + 1, -1};
    enum { COUNT = sizeof numbers / sizeof numbers[0] };
    struct register_flat *flat = malloc(sizeof *flat);
    struct cell cells[COUNT];
    uint16_t fields[COUNT];
    struct buffer packed;
    (void)state;
    assert_non_null(flat);
    for (uint16_t i = 0; i < COUNT; i++) {
        fields[i] = i;
        cells[i] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = numbers[i]};
    }
    buffer_init(&packed, STATE_MAX);
    for (size_t first = 0; first < COUNT; first++) {
        for (size_t count = 1; first + count <= COUNT; count++) {
            buffer_clear(&packed);
            assert_int_equal(register_first(&(struct register_write){1, count, fields, cells + first}, 1, &packed), STATUS_OK);
            assert_true(register_flatten(buffer_bytes(&packed), flat));
            assert_int_equal(flat->count, count);
            assert_int_equal(flat->plain, first + count <= COUNT - 2); /* the last two are written out in full */
            for (uint32_t i = 0; i < count; i++) {
                assert_true(register_number_at(flat, i).number == numbers[first + i]);
                assert_int_equal(register_number_at(flat, i).state, CELL_VALUE);
            }
        }
    }
    /* From the columns of a put: every second cell. */
    const uint16_t halves[] = {0, 1, 2};
    buffer_clear(&packed);
    assert_int_equal(register_first(&(struct register_write){1, 3, halves, cells + 1}, 2, &packed), STATUS_OK);
    assert_true(register_flatten(buffer_bytes(&packed), flat) && flat->count == 3);
    assert_true(flat->numbers[0] == numbers[1] && flat->numbers[1] == numbers[3] && flat->numbers[2] == numbers[5]);
    buffer_fini(&packed);
    free(flat);
}

static void a_plain_record_is_small(void **state) {
    struct cell cells[20];
    uint16_t fields[20];
    struct buffer packed;
    (void)state;
    for (uint16_t i = 0; i < 20; i++) {
        fields[i] = i;
        cells[i] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = 500 + 200 * i};
    }
    buffer_init(&packed, STATE_MAX);
    assert_int_equal(register_first(&(struct register_write){100000, 20, fields, cells}, 1, &packed), STATUS_OK);
    assert_true(packed.len <= 56); /* two and a half bytes a cell, and the entry */
    buffer_fini(&packed);
}

static void random_bytes_never_crash(void **state) {
    struct register_flat *flat = malloc(sizeof *flat);
    assert_non_null(flat);
    (void)state;
    random_state = 7;
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = draw(24);
        uint8_t *bytes = malloc(len + 1);
        struct register_walk walk;
        struct register_head head;
        size_t count = 0;
        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = i == 0 ? (uint8_t)(1 + draw(2)) : (uint8_t)draw(draw(2) == 0 ? 16 : 256);
        register_begin(&walk, bytes_of(bytes, len));
        while (register_next(&walk, &head))
            count++;
        assert_true(count <= REGISTER_FIELDS_MAX);
        if (register_flatten(bytes_of(bytes, len), flat))
            assert_true(flat->count <= REGISTER_FIELDS_MAX);
        free(bytes);
    }
    free(flat);
}

/* ---- what a contested field counts as ---- */

static struct register_head head_of(int64_t entry, uint8_t state, int64_t number) {
    return (struct register_head){0, 0, 1, entry, {.state = state, .type = CELL_INT, .number = number}};
}

static void the_policy_chooses_a_side(void **state) {
    const struct register_head heads[] = {head_of(1, CELL_VALUE, 10), head_of(2, CELL_VALUE, 20), head_of(3, CELL_VALUE, 30)};
    const struct register_author authors[] = {{true, 3}, {false, 2}, {false, 1}};
    bool side[3];
    struct cell out;
    (void)state;
    assert_true(register_side(heads, authors, 3, POLICY_OWNER, side, &out));
    assert_int_equal(out.number, 10);
    assert_true(register_side(heads, authors, 3, POLICY_UPPER, side, &out));
    assert_int_equal(out.number, 30);
    assert_true(side[2] && !side[1] && !side[0]);
    assert_true(register_side(heads, authors, 2, POLICY_UPPER, side, &out));
    assert_int_equal(out.number, 20);
    assert_true(register_side(heads + 1, authors + 1, 2, POLICY_OWNER, side, &out)); /* nothing of its own: the nearest to the root */
    assert_int_equal(out.number, 30);
}

static void a_side_that_has_no_value_gives_way(void **state) {
    const struct register_head heads[] = {head_of(1, CELL_MISSING, 0), head_of(2, CELL_VALUE, 20)};
    const struct register_author authors[] = {{true, 3}, {false, 2}};
    bool side[2];
    struct cell out;
    (void)state;
    assert_true(register_side(heads, authors, 2, POLICY_OWNER, side, &out));
    assert_int_equal(out.number, 20);
    assert_true(register_side(heads, authors, 1, POLICY_OWNER, side, &out));
    assert_int_equal(out.state, CELL_MISSING);
}

/* Write 1 in log 0; 2 and 3 by two nodes of the unit, both having seen 1 and not each other. */
static void a_tie_counts_as_what_stood_before(void **state) {
    struct world *world = calloc(1, sizeof *world);
    const struct register_author both_own[] = {{true, 3}, {true, 3}};
    int64_t entries[] = {2, 3};
    bool side[2];
    struct cell out;
    (void)state;
    assert_non_null(world);
    world->count = 3;
    for (unsigned i = 0; i < 3; i++) {
        world->log[i] = i;
        world->seq[i] = 1;
        world->seen[i][0] = i > 0;
        world->cells[i][0] = (struct cell){.state = CELL_VALUE, .type = CELL_INT, .number = 10 * (i + 1)};
        world->writes[i] = (struct register_write){(int64_t)i + 1, 1, world->fields[i], world->cells[i]};
    }
    const struct register_head heads[] = {head_of(2, CELL_VALUE, 20), head_of(3, CELL_VALUE, 30)};
    assert_false(register_side(heads, both_own, 2, POLICY_OWNER, side, &out));
    assert_true(side[0] && side[1]);
    assert_int_equal(out.state, CELL_MISSING);
    assert_int_equal(register_base(world->writes, 3, 0, entries, 2, ask, world, &out), STATUS_OK);
    assert_int_equal(out.number, 10);
    world->seen[2][0] = 0; /* the third has not seen the first: they share nothing */
    assert_int_equal(register_base(world->writes, 3, 0, entries, 2, ask, world, &out), STATUS_OK);
    assert_int_equal(out.state, CELL_MISSING);
    free(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_what_the_definition_says),
        cmocka_unit_test(every_kind_of_cell_comes_back),
        cmocka_unit_test(flattening_is_walking),
        cmocka_unit_test(numbers_at_the_borders_of_codes_come_back),
        cmocka_unit_test(a_plain_record_is_small),
        cmocka_unit_test(random_bytes_never_crash),
        cmocka_unit_test(the_policy_chooses_a_side),
        cmocka_unit_test(a_side_that_has_no_value_gives_way),
        cmocka_unit_test(a_tie_counts_as_what_stood_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
