#include "store/value_text.h"

#include "protocol/planted.h"
#include "store/period.h"
#include "store/text_fold.h"
#include "store/value_number.h"

#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

enum { FOLDED_MAX = 256 }; /* no number, date or choice is longer */

/* ---- NFC ---- */

/* Plain ASCII, and what has neither marks apart from its letters nor anything else that NFC could join, is NFC as it stands. */
static bool plain(struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 0x80)
            return false;
    }
    return true;
}

enum status value_text_nfc(struct bytes text, struct buffer *out) {
    if (!codec_utf8_valid(text))
        return STATUS_TEXT_INVALID;
    if (plain(text))
        return buffer_append(out, text.data, text.len);
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t len = utf8proc_map(text.data, (utf8proc_ssize_t)text.len, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (len < 0) {
        free(composed);
        return len == UTF8PROC_ERROR_NOMEM ? STATUS_NO_MEMORY : STATUS_TEXT_INVALID;
    }
    enum status status = buffer_append(out, composed, (size_t)len);
    free(composed);
    return status;
}

/* ---- scaled numbers ---- */

size_t value_text_plain(char out[48], int64_t number, unsigned places) {
    char digits[24];
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    size_t count = 0, len = 0;
    while (left > 0 || count <= places) {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    }
    if (number < 0)
        out[len++] = '-';
    while (count > 0) {
        if (count == places)
            out[len++] = '.';
        out[len++] = digits[--count];
    }
    out[len] = 0;
    return len;
}

enum status value_text_scaled(int64_t *out, struct bytes text, unsigned places) {
    *out = 0;
    struct number number = {0};
    size_t at = 0;
    if (text.len > 0 && text.data[0] == '-') {
        number.negative = true;
        at = 1;
    }
    bool behind = false;
    for (size_t start = at; at < text.len; at++) {
        uint8_t byte = text.data[at];
        if (byte == '.' && !behind && at > start && at + 1 < text.len) {
            behind = true;
            continue;
        }
        if (byte < '0' || byte > '9')
            return STATUS_VALUE_INVALID;
        if (number.digits == sizeof number.text)
            return STATUS_VALUE_RANGE;
        number.text[number.digits++] = (char)byte;
        number.decimals += behind;
    }
    if (number.digits == 0)
        return STATUS_VALUE_INVALID;
    return value_number_scale(out, &number, 0, places);
}

/* ---- words ---- */

static const char *const missing_words[] = {"-", "x", "--", "---", "dang cap nhat", "chua cap nhat", "chua co so lieu", "khong co so lieu"};
static const char *const not_applicable_words[] = {"khong ap dung", "n/a", "na", "kad"};
static const char *const yes_words[] = {"co", "yes", "y", "true", "1", "dung"};
static const char *const no_words[] = {"khong", "no", "n", "false", "0", "sai"};

#define IS_ONE_OF(text, words) is_one_of(text, words, sizeof words / sizeof words[0])
static bool is_one_of(const char *text, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* "..........", "……. %", "": a line to be filled in that nobody filled in. */
static bool blank_line(const char *text) {
    return text[strspn(text, "._ ")] == 0 || (text[strspn(text, "._ ")] == '%' && text[strspn(text, "._ ") + 1] == 0 && text[0] != '%');
}

static const struct qualifier_word {
    const char *word;
    uint8_t qualifier;
} qualifier_words[] = {
    {"khong duoi ", QUALIFIER_AT_LEAST},
    {"khong qua ", QUALIFIER_AT_MOST},
    {"khoang ", QUALIFIER_ABOUT},
    {"xap xi ", QUALIFIER_ABOUT},
    {"chung ", QUALIFIER_ABOUT},
    {"it nhat ", QUALIFIER_AT_LEAST},
    {"toi thieu ", QUALIFIER_AT_LEAST},
    {"tu ", QUALIFIER_AT_LEAST},
    {"toi da ", QUALIFIER_AT_MOST},
    {"nhieu nhat ", QUALIFIER_AT_MOST},
    {"tren ", QUALIFIER_OVER},
    {"hon ", QUALIFIER_OVER},
    {"duoi ", QUALIFIER_UNDER},
    {"gan ", QUALIFIER_UNDER},
    {">=", QUALIFIER_AT_LEAST},
    {"<=", QUALIFIER_AT_MOST},
    {"\xe2\x89\xa5", QUALIFIER_AT_LEAST},
    {"\xe2\x89\xa4", QUALIFIER_AT_MOST},
    {">", QUALIFIER_OVER},
    {"<", QUALIFIER_UNDER},
    {"~", QUALIFIER_ABOUT},
    {"\xe2\x89\x88", QUALIFIER_ABOUT},
};

static const char *take_qualifier(const char *text, uint8_t *out) {
    *out = QUALIFIER_NONE;
    for (size_t i = 0; i < sizeof qualifier_words / sizeof qualifier_words[0]; i++) {
        size_t len = strlen(qualifier_words[i].word);
        if (strncmp(text, qualifier_words[i].word, len) == 0) {
            *out = qualifier_words[i].qualifier;
            return text + len + strspn(text + len, " ");
        }
    }
    return text;
}

/* Words of scale behind an amount; the longer first. */
static const struct scale_word {
    const char *word;
    unsigned exponent;
} scale_words[] = {{"nghin ty", 12}, {"ngan ty", 12}, {"trieu", 6}, {"nghin", 3}, {"ngan", 3}, {"ty", 9}, {"ti", 9}, {"tr", 6}, {"k", 3}};

/* The word must end where it ends: "ti" is not the beginning of "tin". */
static const char *take_word(const char *text, const char *word) {
    size_t len = strlen(word);
    const char *start = text + strspn(text, " ");
    bool found = strncmp(start, word, len) == 0 && !(start[len] >= 'a' && start[len] <= 'z');
    return found ? start + len : NULL;
}

static const char *take_scale(const char *text, unsigned *exponent) {
    *exponent = 0;
    for (size_t i = 0; i < sizeof scale_words / sizeof scale_words[0]; i++) {
        const char *rest = take_word(text, scale_words[i].word);
        if (rest != NULL) {
            *exponent = scale_words[i].exponent;
            return rest;
        }
    }
    return text;
}

/* ---- numbers ---- */

/* What may stand behind a number: nothing, or the field's own unit of measure; a heavier one of the same kind gives an exponent. */
static bool take_measure(const char *text, const struct form_field *field, unsigned *exponent) {
    static const struct {
        const char *written, *measure;
        unsigned exponent;
    } heavier[] = {{"tan", "kg", 3}, {"ta", "kg", 2}, {"yen", "kg", 1}};
    char measure[FOLDED_MAX];
    *exponent = 0;
    text += strspn(text, " ");
    if (*text == 0)
        return true;
    if (field->type == FIELD_MONEY)
        return strcmp(text, "dong") == 0 || strcmp(text, "d") == 0 || strcmp(text, "vnd") == 0;
    if (text_fold(measure, sizeof measure, field->measure) == sizeof measure)
        return false;
    if (strcmp(text, measure) == 0)
        return true;
    for (size_t i = 0; i < sizeof heavier / sizeof heavier[0]; i++) {
        if (strcmp(text, heavier[i].written) == 0 && strcmp(measure, heavier[i].measure) == 0) {
            *exponent = heavier[i].exponent;
            return true;
        }
    }
    return false;
}

/* "173 ti dong", "5 ty 298,2 trieu dong": amounts of falling scale, added up. *rest: what stands behind. */
static enum status read_amounts(const char *text, enum number_style style, int64_t *sum, const char **rest) {
    unsigned before = UINT32_MAX, exponent = 0;
    *sum = 0;
    do {
        struct number number;
        size_t used;
        text += strspn(text, " ");
        enum status status = value_number_read(&number, text, &used, NUMBER_SCALED, style);
        const char *behind = take_scale(text + used, &exponent);
        if (exponent == 0) /* a plain number, or the đồng at the end of a composite: thousands, never decimals of a đồng */
            status = value_number_read(&number, text, &used, NUMBER_WHOLE, style);
        if (status != STATUS_OK)
            return status;
        if (exponent >= before || (before != UINT32_MAX && number.negative))
            return STATUS_VALUE_INVALID;
        if (exponent == 0 && before != UINT32_MAX && behind[strspn(behind, " ")] == 0) /* "1 triệu 500": five hundred đồng, or five hundred thousand? */
            return STATUS_VALUE_AMBIGUOUS;
        /* "133.396 tỷ": a hundred thousand billion for one unit, or a comma gone wrong? Nobody can tell but who wrote it. */
        if (exponent >= 9 && number.grouped && number.digits > 4 && style == STYLE_UNKNOWN)
            return STATUS_VALUE_AMBIGUOUS;
        int64_t part;
        status = value_number_scale(&part, &number, exponent, 0);
        if (status != STATUS_OK)
            return status;
        if (__builtin_add_overflow(*sum, *sum < 0 ? -part : part, sum))
            return STATUS_VALUE_RANGE;
        before = exponent;
        text = behind;
    } while (exponent > 0 && text[0] == ' ' && text[1] >= '0' && text[1] <= '9');
    *rest = text;
    return STATUS_OK;
}

static enum status read_number(const char *text, const struct form_field *field, enum number_style style, int64_t *out) {
    unsigned exponent;
    *out = 0;
    if (strcmp(text, "khong") == 0 || strcmp(text, "khong co") == 0)
        return STATUS_OK;
    if (field->type == FIELD_MONEY) {
        enum status status = read_amounts(text, style, out, &text);
        return status != STATUS_OK || take_measure(text, field, &exponent) ? status : STATUS_VALUE_INVALID;
    }
    struct number number;
    size_t used;
    enum status status = value_number_read(&number, text, &used, field->type == FIELD_DECIMAL ? NUMBER_DECIMAL : NUMBER_WHOLE, style);
    if (status != STATUS_OK)
        return status;
    if (!take_measure(text + used, field, &exponent))
        return STATUS_VALUE_INVALID;
    return value_number_scale(out, &number, exponent, field->places);
}

enum number_style value_text_style(struct bytes text) {
    char folded[FOLDED_MAX];
    return text_fold(folded, sizeof folded, text) == sizeof folded ? STYLE_UNKNOWN : value_number_style(folded);
}

/* ---- by type ---- */

static bool folds_to(struct bytes text, const char *folded) {
    char own[FOLDED_MAX];
    return text_fold(own, sizeof own, text) < sizeof own && strcmp(own, folded) == 0;
}

/* By code or label exactly; else without regard to case and marks, if only one choice is meant so. */
static enum status read_choice(struct value_text *out, const struct form_field *field, struct bytes nfc, const char *folded) {
    const struct form_choice *found = NULL;
    size_t loosely = 0;
    for (size_t i = 0; i < field->choice_count; i++) {
        const struct form_choice *choice = &field->choices[i];
        bool exact = bytes_equal(choice->code, nfc), loose = folds_to(choice->code, folded);
        for (size_t j = 0; j < choice->labels.count; j++) {
            exact = exact || bytes_equal(choice->labels.items[j].text, nfc);
            loose = loose || folds_to(choice->labels.items[j].text, folded);
        }
        if (exact || loose)
            found = choice;
        if (exact) {
            loosely = 1;
            break;
        }
        loosely += loose;
    }
    if (loosely != 1)
        return loosely == 0 ? STATUS_VALUE_INVALID : STATUS_VALUE_AMBIGUOUS;
    memcpy(out->value, found->code.data, found->code.len);
    out->value[found->code.len] = 0;
    return STATUS_OK;
}

static enum status read_typed(struct value_text *out, const struct form_field *field, struct bytes nfc, const char *folded, enum number_style style) {
    int64_t number;
    int32_t days;
    enum status status;
    switch (field->type) {
    case FIELD_YESNO:
        if (!IS_ONE_OF(folded, yes_words) && !IS_ONE_OF(folded, no_words))
            return STATUS_VALUE_INVALID;
        memcpy(out->value, IS_ONE_OF(folded, yes_words) ? "yes" : "no", IS_ONE_OF(folded, yes_words) ? 4 : 3);
        return STATUS_OK;
    case FIELD_CHOICE:
        return read_choice(out, field, nfc, folded);
    case FIELD_DATE:
        status = period_date_parse(&days, nfc);
        if (status == STATUS_OK)
            period_date_text(out->value, days);
        return status;
    case FIELD_COMPUTED:
        return STATUS_FIELD_COMPUTED;
    default:
        status = read_number(take_qualifier(folded, &out->qualifier), field, style, &number);
        if (status == STATUS_OK)
            value_text_plain(out->value, number, field->places);
        else
            out->qualifier = QUALIFIER_NONE;
        return status;
    }
}

static struct bytes trimmed(struct bytes text) {
    while (text.len > 0 && text.data[0] <= ' ')
        text = (struct bytes){text.data + 1, text.len - 1};
    while (text.len > 0 && text.data[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static enum status parse_nfc(struct value_text *out, const struct form_field *field, struct bytes nfc, enum number_style style) {
    char folded[FOLDED_MAX];
    bool long_text = text_fold(folded, sizeof folded, nfc) == sizeof folded;
    if (long_text && field->type != FIELD_TEXT)
        return STATUS_VALUE_INVALID;
    if (!long_text && field->type == FIELD_YESNO && strcmp(folded, "x") == 0) /* a tick to some, a stroke to others */
        return STATUS_VALUE_AMBIGUOUS;
    if (!long_text && (blank_line(folded) || (PLANTED("zero-is-missing") && strcmp(folded, "0") == 0) || IS_ONE_OF(folded, missing_words))) {
        out->state = CELL_MISSING;
        return STATUS_OK;
    }
    if (!long_text && IS_ONE_OF(folded, not_applicable_words)) {
        out->state = CELL_NOT_APPLICABLE;
        return STATUS_OK;
    }
    out->state = CELL_VALUE;
    if (field->type != FIELD_TEXT)
        return read_typed(out, field, nfc, folded, style);
    memcpy(out->value, nfc.data, nfc.len);
    out->value[nfc.len] = 0;
    return STATUS_OK;
}

enum status value_text_parse(struct value_text *out, const struct form_field *field, struct bytes text, enum number_style style) {
    out->state = CELL_MISSING;
    out->qualifier = QUALIFIER_NONE;
    out->value[0] = 0;
    struct buffer nfc;
    buffer_init(&nfc, TEXT_VALUE_BYTES_MAX);
    enum status status = value_text_nfc(trimmed(text), &nfc);
    if (status == STATUS_OK)
        status = parse_nfc(out, field, buffer_bytes(&nfc), style);
    buffer_fini(&nfc);
    if (status != STATUS_OK) {
        out->state = CELL_MISSING;
        out->value[0] = 0;
    }
    return status;
}
