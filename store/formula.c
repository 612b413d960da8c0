#include "store/formula.h"

#include "protocol/planted.h"
#include "store/value_text.h"

enum { DEPTH_LIMIT = 32, CONSTANT_PLACES_MAX = 9 };

struct parser {
    struct bytes text;
    size_t at;
    unsigned depth;
    formula_lookup_fn lookup;
    void *ctx;
    enum status status;
};

static struct formula_value expression(struct parser *parser);

static void fail(struct parser *parser, enum status status) {
    if (parser->status == STATUS_OK)
        parser->status = status;
}

static char peek(struct parser *parser) {
    while (parser->at < parser->text.len && parser->text.data[parser->at] == ' ')
        parser->at++;
    return parser->at < parser->text.len ? (char)parser->text.data[parser->at] : 0;
}

static bool take(struct parser *parser, char c) {
    if (parser->status != STATUS_OK || peek(parser) != c)
        return false;
    parser->at++;
    return true;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* The run of characters that fit from here on. */
static struct bytes run(struct parser *parser, bool name) {
    size_t start = parser->at;
    while (parser->at < parser->text.len) {
        char c = (char)parser->text.data[parser->at];
        if (!is_digit(c) && !(name ? is_name(c) : c == '.'))
            break;
        parser->at++;
    }
    return bytes_of(parser->text.data + start, parser->at - start);
}

static struct formula_value constant(struct parser *parser) {
    struct bytes text = run(parser, false);
    int64_t number;
    if (value_text_scaled(&number, text, CONSTANT_PLACES_MAX) != STATUS_OK) {
        parser->at -= text.len;
        fail(parser, STATUS_VALUE_INVALID);
        return (struct formula_value){0};
    }
    return (struct formula_value){CELL_VALUE, false, rational_of(number, CONSTANT_PLACES_MAX)};
}

static struct formula_value factor(struct parser *parser) {
    struct formula_value out = {.state = CELL_VALUE, .number = {0, 1}};
    char c = peek(parser);
    if (parser->status != STATUS_OK)
        return out;
    if (parser->depth == DEPTH_LIMIT) {
        fail(parser, STATUS_VALUE_INVALID);
        return out;
    }
    parser->depth++;
    if (is_digit(c)) {
        out = constant(parser);
    } else if (is_name(c)) {
        struct bytes name = run(parser, true);
        if (!parser->lookup(parser->ctx, name, &out)) {
            parser->at -= name.len;
            fail(parser, STATUS_FIELD_UNKNOWN);
        }
    } else if (take(parser, '-')) {
        out = factor(parser);
        struct rational zero = {0, 1};
        if (parser->status == STATUS_OK && out.state == CELL_VALUE)
            fail(parser, rational_subtract(&out.number, &zero, &out.number));
    } else if (take(parser, '(')) {
        out = expression(parser);
        if (!take(parser, ')'))
            fail(parser, STATUS_VALUE_INVALID);
    } else {
        fail(parser, STATUS_VALUE_INVALID);
    }
    parser->depth--;
    return out;
}

/* a op b: what is missing or not applicable goes before any figure. */
static struct formula_value combine(struct parser *parser, struct formula_value a, char op, struct formula_value b) {
    struct formula_value out = {.state = CELL_VALUE, .qualified = a.qualified || b.qualified, .number = {0, 1}};
    if (parser->status != STATUS_OK)
        return out;
    if (a.state != CELL_VALUE || b.state != CELL_VALUE) {
        out.state = a.state == CELL_NOT_APPLICABLE || b.state == CELL_NOT_APPLICABLE ? CELL_NOT_APPLICABLE : CELL_MISSING;
        return out;
    }
    if (op == '/' && b.number.over == 0) {
        out.state = PLANTED("zero-by-division") ? CELL_VALUE : CELL_NOT_APPLICABLE;
        return out;
    }
    switch (op) {
    case '+':
        fail(parser, rational_add(&out.number, &a.number, &b.number));
        break;
    case '-':
        fail(parser, rational_subtract(&out.number, &a.number, &b.number));
        break;
    case '*':
        fail(parser, rational_multiply(&out.number, &a.number, &b.number));
        break;
    default:
        fail(parser, rational_divide(&out.number, &a.number, &b.number));
    }
    return out;
}

static struct formula_value term(struct parser *parser) {
    struct formula_value out = factor(parser);
    for (char op = peek(parser); parser->status == STATUS_OK && (op == '*' || op == '/'); op = peek(parser)) {
        parser->at++;
        out = combine(parser, out, op, factor(parser));
    }
    return out;
}

static struct formula_value expression(struct parser *parser) {
    struct formula_value out = term(parser);
    for (char op = peek(parser); parser->status == STATUS_OK && (op == '+' || op == '-'); op = peek(parser)) {
        parser->at++;
        out = combine(parser, out, op, term(parser));
    }
    return out;
}

enum status formula_evaluate(struct formula_value *out, struct bytes formula, formula_lookup_fn lookup, void *ctx, size_t *at) {
    struct parser parser = {.text = formula, .lookup = lookup, .ctx = ctx, .status = STATUS_OK};
    *out = expression(&parser);
    if (parser.status == STATUS_OK && peek(&parser) != 0)
        fail(&parser, STATUS_VALUE_INVALID);
    *at = parser.at;
    if (parser.status != STATUS_OK)
        *out = (struct formula_value){.number = {0, 1}};
    return parser.status;
}
