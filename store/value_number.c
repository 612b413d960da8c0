#include "store/value_number.h"

#include "protocol/planted.h"

#include <string.h>

enum { GROUPS_MAX = 16 };

/* The pieces of a written number: runs of digits and the one sign between each two. */
struct pieces {
    size_t count, used;
    const char *start[GROUPS_MAX];
    size_t len[GROUPS_MAX];
    char sign[GROUPS_MAX]; /* sign[i] stands before piece i */
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_sign(char c) {
    return c == '.' || c == ',' || c == ' ' || c == '\'';
}

static void split(struct pieces *out, const char *text) {
    const char *at = text;
    *out = (struct pieces){0};
    while (is_digit(*at) && out->count < GROUPS_MAX) {
        size_t len = strspn(at, "0123456789");
        out->start[out->count] = at;
        out->len[out->count] = len;
        out->sign[out->count] = out->count > 0 ? at[-1] : 0;
        out->count++;
        at += len;
        out->used = (size_t)(at - text);
        /* A blank joins only where it parts thousands: "5 298" does, "5 ty" and "1 2" do not. */
        bool blank_joins = *at == ' ' && strspn(at + 1, "0123456789") == 3;
        if (!is_sign(*at) || !is_digit(at[1]) || (*at == ' ' && !blank_joins))
            break;
        at++;
    }
}

/* Are pieces first..last - 1 thousands: one to three digits, then threes, all parted by the same sign? */
static bool thousands(const struct pieces *pieces, size_t last) {
    if (pieces->len[0] < 1 || pieces->len[0] > 3)
        return false;
    for (size_t i = 1; i < last; i++) {
        if (pieces->len[i] != 3 || pieces->sign[i] != pieces->sign[1])
            return false;
    }
    return true;
}

/* The readings that the signs allow. */
struct reading {
    bool whole, decimal; /* the last piece belongs to the thousands; it stands behind a decimal sign */
};

static struct reading readings(const struct pieces *pieces) {
    size_t last = pieces->count - 1;
    char sign = pieces->sign[last];
    if (pieces->count == 1)
        return (struct reading){.whole = true};
    bool decimal_sign = sign == '.' || sign == ',';
    bool zero_first = pieces->start[0][0] == '0' && pieces->len[0] == 1; /* "0.125": nobody writes thousands so */
    struct reading out = {.whole = thousands(pieces, pieces->count) && !zero_first};
    if (pieces->count == 2)
        out.decimal = decimal_sign;
    else /* "1.234,5", "19 136,5": the last sign is another than those before it */
        out.decimal = decimal_sign && sign != pieces->sign[1] && thousands(pieces, last) && !zero_first;
    return out;
}

/* Both readings are possible: exactly "d.ddd" or "d,ddd". Which one? */
static enum status choose(bool *decimal, char sign, enum number_kind kind, enum number_style style) {
    *decimal = false;
    if (kind == NUMBER_WHOLE)
        return STATUS_OK;
    if (style != STYLE_UNKNOWN) {
        *decimal = ((sign == ',') == (style == STYLE_VIETNAMESE)) != PLANTED("point-for-comma");
        return STATUS_OK;
    }
    if (kind == NUMBER_SCALED && sign == '.') /* "1.982 triệu": prose, so Vietnamese */
        return STATUS_OK;
    return STATUS_VALUE_AMBIGUOUS;
}

enum status value_number_read(struct number *out, const char *text, size_t *used, enum number_kind kind, enum number_style style) {
    *out = (struct number){0};
    *used = 0;
    const char *at = text;
    if (*at == '-' || *at == '+') {
        out->negative = *at == '-';
        at += at[1] == ' ' ? 2 : 1;
    }
    struct pieces pieces;
    split(&pieces, at);
    if (pieces.count == 0)
        return STATUS_VALUE_INVALID;
    *used = (size_t)(at - text) + pieces.used;
    struct reading reading = readings(&pieces);
    bool decimal = reading.decimal;
    if (reading.whole && reading.decimal) {
        enum status status = choose(&decimal, pieces.sign[pieces.count - 1], kind, style);
        if (status != STATUS_OK)
            return status;
    }
    if (!reading.whole && !reading.decimal)
        return STATUS_VALUE_INVALID;
    for (size_t i = 0; i < pieces.count; i++) {
        if (out->digits + pieces.len[i] >= sizeof out->text)
            return STATUS_VALUE_RANGE;
        memcpy(out->text + out->digits, pieces.start[i], pieces.len[i]);
        out->digits += pieces.len[i];
    }
    out->decimals = decimal ? pieces.len[pieces.count - 1] : 0;
    out->grouped = pieces.count > 1 && !decimal;
    return STATUS_OK;
}

enum status value_number_scale(int64_t *out, const struct number *number, unsigned exponent, unsigned places) {
    *out = 0;
    uint64_t value = 0;
    size_t wanted = number->digits - number->decimals + exponent + (PLANTED("scale-forgotten") ? 0 : places); /* digits that count */
    for (size_t i = 0; i < wanted || i < number->digits; i++) {
        unsigned digit = i < number->digits ? (unsigned)(number->text[i] - '0') : 0;
        if (i >= wanted) {
            if (digit != 0)
                return STATUS_VALUE_INVALID;
        } else if (__builtin_mul_overflow(value, (uint64_t)10, &value) || __builtin_add_overflow(value, (uint64_t)digit, &value)) {
            return STATUS_VALUE_RANGE;
        }
    }
    uint64_t limit = (uint64_t)INT64_MAX + (number->negative ? 1 : 0);
    if (value > limit)
        return STATUS_VALUE_RANGE;
    *out = number->negative ? (int64_t)(0 - value) : (int64_t)value;
    return STATUS_OK;
}

enum number_style value_number_style(const char *text) {
    while (*text != 0 && !is_digit(*text))
        text++;
    struct pieces pieces;
    split(&pieces, text);
    if (pieces.count < 2)
        return STYLE_UNKNOWN;
    struct reading reading = readings(&pieces);
    char last = pieces.sign[pieces.count - 1], first = pieces.sign[1];
    if (reading.whole == reading.decimal || (first != '.' && first != ',' && last != '.' && last != ','))
        return STYLE_UNKNOWN;
    if (reading.decimal)
        return last == ',' ? STYLE_VIETNAMESE : STYLE_MACHINE;
    return first == '.' ? STYLE_VIETNAMESE : first == ',' ? STYLE_MACHINE : STYLE_UNKNOWN; /* "1.234.567": thousands without doubt */
}
