#include "protocol/codec.h"

#include "protocol/planted.h"

/* What the first byte of a value from c0 to df announces: the type, how many bytes of number or length follow, and the least
 * number (or magnitude below zero) that this form may carry; anything less has a shorter form and is refused. */
struct wide_form {
    uint8_t type, width;
    uint64_t least;
};
#define UNUSED \
    { VALUE_NONE, 0, 0 }
/* clang-format off */
static const struct wide_form FORMS[0x20] = {
    /* c0 */ {VALUE_NIL, 0, 0},         UNUSED,
    /* c2 */ {VALUE_BOOL, 0, 0},        {VALUE_BOOL, 0, 0},
    /* c4 */ {VALUE_BIN, 1, 0},         {VALUE_BIN, 2, 0x100},      {VALUE_BIN, 4, 0x10000},
    /* c7 */ UNUSED,                    UNUSED,                     UNUSED,
    /* ca */ UNUSED,                    UNUSED,
    /* cc */ {VALUE_UINT, 1, 0x80},     {VALUE_UINT, 2, 0x100},     {VALUE_UINT, 4, 0x10000},    {VALUE_UINT, 8, 0x100000000},
    /* d0 */ {VALUE_NEGATIVE, 1, 0x21}, {VALUE_NEGATIVE, 2, 0x81},  {VALUE_NEGATIVE, 4, 0x8001}, {VALUE_NEGATIVE, 8, 0x80000001},
    /* d4 */ UNUSED,                    UNUSED,                     UNUSED,                      UNUSED,
    /* d8 */ UNUSED,
    /* d9 */ {VALUE_STR, 1, 0x20},      {VALUE_STR, 2, 0x100},      {VALUE_STR, 4, 0x10000},
    /* dc */ {VALUE_ARRAY, 2, 0x10},    {VALUE_ARRAY, 4, 0x10000},
    /* de */ UNUSED,                    UNUSED,
};
/* clang-format on */

/* The head of a value: its type and its number, length, count, or (below zero) its magnitude. */
struct head {
    enum value_type type;
    uint64_t number;
};

void reader_init(struct reader *reader, struct bytes bytes) {
    *reader = (struct reader){.at = bytes.data, .end = bytes.len == 0 ? bytes.data : bytes.data + bytes.len, .depth = 0, .status = STATUS_OK};
}

void reader_fail(struct reader *reader, enum status status) {
    if (reader->status == STATUS_OK && status != STATUS_OK) {
        reader->status = status;
        reader->at = reader->end;
    }
}

static size_t bytes_left(const struct reader *reader) {
    return (size_t)(reader->end - reader->at);
}

static enum value_type type_of(uint8_t first) {
    if (first <= 0x7f) {
        return VALUE_UINT;
    }
    if (first <= 0x8f) {
        return VALUE_NONE;
    }
    if (first <= 0x9f) {
        return VALUE_ARRAY;
    }
    if (first <= 0xbf) {
        return VALUE_STR;
    }
    return first >= 0xe0 ? VALUE_NEGATIVE : (enum value_type)FORMS[first - 0xc0].type;
}

enum value_type reader_peek(const struct reader *reader) {
    return reader->at == reader->end ? VALUE_NONE : type_of(*reader->at);
}

/* The forms whose number stands in the first byte itself. */
static uint64_t number_within(uint8_t first, enum value_type type) {
    switch (type) {
    case VALUE_UINT:
        return first;
    case VALUE_NEGATIVE:
        return 0x100u - first;
    case VALUE_STR:
        return first & 0x1f;
    default:
        return first & 0x0f; /* array */
    }
}

/* Of 1, 2, 4 or 8 bytes: written out, so that each is one load. */
static inline uint64_t big_endian(const uint8_t *at, unsigned width) {
    if (width == 1) {
        return at[0];
    }
    if (width == 2) {
        return (uint64_t)at[0] << 8 | at[1];
    }
    uint64_t value = (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 | (uint64_t)at[2] << 8 | at[3];
    if (width == 8) {
        value = value << 32 | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | at[7];
    }
    return value;
}

/* Below zero: two's complement of that width. A clear sign bit is a number that must be written as uint. The magnitude of -2^63 fits uint64. */
static bool magnitude(unsigned width, uint64_t *value) {
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    bool below = (*value & sign) != 0;
    *value = sign - (*value & (sign - 1));
    return below;
}

/* The head that follows a first byte from c0 to df; its number is refused unless it needed this form. */
static inline bool read_wide(struct reader *reader, uint8_t first, struct head *head) {
    const struct wide_form *form = &FORMS[first - 0xc0];
    head->type = form->type;
    if (form->width == 0) {
        head->number = first & 1; /* bool */
        if (form->type == VALUE_NONE) {
            reader_fail(reader, STATUS_MALFORMED);
        }
        return form->type != VALUE_NONE;
    }
    if (bytes_left(reader) < form->width) {
        reader_fail(reader, STATUS_TRUNCATED);
        return false;
    }
    head->number = big_endian(reader->at, form->width);
    reader->at += form->width;
    if ((form->type == VALUE_NEGATIVE && !magnitude(form->width, &head->number)) || (head->number < form->least && !PLANTED("integer-not-minimal"))) {
        reader_fail(reader, STATUS_MALFORMED);
        return false;
    }
    return true;
}

/* Consumes the head of the next value; what follows it (bytes, elements) is left. */
static inline bool read_head(struct reader *reader, struct head *head) {
    if (reader->at == reader->end) {
        reader_fail(reader, STATUS_TRUNCATED); /* after an error nothing is left: the error stays what it was */
        return false;
    }
    uint8_t first = *reader->at++;
    if (first >= 0xc0 && first <= 0xdf) {
        return read_wide(reader, first, head);
    }
    head->type = type_of(first);
    if (head->type == VALUE_NONE) {
        reader_fail(reader, STATUS_MALFORMED);
        return false;
    }
    head->number = number_within(first, head->type);
    return true;
}

/* Reads a head that must be of one type. */
static bool expect(struct reader *reader, enum value_type type, struct head *head) {
    if (!read_head(reader, head)) {
        return false;
    }
    if (head->type != type) {
        reader_fail(reader, STATUS_MALFORMED);
        return false;
    }
    return true;
}

static struct bytes take(struct reader *reader, uint64_t len) {
    if (len > bytes_left(reader)) {
        reader_fail(reader, STATUS_TRUNCATED);
        return (struct bytes){0};
    }
    struct bytes bytes = {reader->at, (size_t)len};
    reader->at += len;
    return bytes;
}

static struct bytes take_text(struct reader *reader, uint64_t len) {
    struct bytes text = take(reader, len);
    if (!codec_utf8_valid(text)) {
        reader_fail(reader, STATUS_MALFORMED);
        return (struct bytes){0};
    }
    return text;
}

bool reader_take_nil(struct reader *reader) {
    if (reader_peek(reader) != VALUE_NIL) {
        return false;
    }
    reader->at++;
    return true;
}

bool reader_bool(struct reader *reader) {
    struct head head;
    return expect(reader, VALUE_BOOL, &head) && head.number == 1;
}

uint64_t reader_uint(struct reader *reader, uint64_t max) {
    struct head head;
    if (!expect(reader, VALUE_UINT, &head)) {
        return 0;
    }
    if (head.number > max) {
        reader_fail(reader, STATUS_MALFORMED);
        return 0;
    }
    return head.number;
}

int64_t reader_int(struct reader *reader, int64_t min, int64_t max) {
    struct head head;
    if (!read_head(reader, &head)) {
        return 0;
    }
    bool positive = head.type == VALUE_UINT && head.number <= INT64_MAX;
    if (!positive && head.type != VALUE_NEGATIVE) {
        reader_fail(reader, STATUS_MALFORMED);
        return 0;
    }
    int64_t value = positive ? (int64_t)head.number : -(int64_t)(head.number - 1) - 1;
    if (value < min || value > max) {
        reader_fail(reader, STATUS_MALFORMED);
        return 0;
    }
    return value;
}

struct bytes reader_str(struct reader *reader, size_t len_min, size_t len_max) {
    struct head head;
    if (!expect(reader, VALUE_STR, &head)) {
        return (struct bytes){0};
    }
    if (head.number < len_min || head.number > len_max) {
        reader_fail(reader, STATUS_MALFORMED);
        return (struct bytes){0};
    }
    return take_text(reader, head.number);
}

struct bytes reader_bin(struct reader *reader, size_t len_min, size_t len_max) {
    struct head head;
    if (!expect(reader, VALUE_BIN, &head)) {
        return (struct bytes){0};
    }
    if (head.number < len_min || head.number > len_max) {
        reader_fail(reader, STATUS_MALFORMED);
        return (struct bytes){0};
    }
    return take(reader, head.number);
}

void reader_fixed(struct reader *reader, void *out, size_t len) {
    struct bytes bytes = reader_bin(reader, len, len);
    if (reader->status == STATUS_OK) {
        memcpy(out, bytes.data, len);
    } else {
        memset(out, 0, len);
    }
}

/* Opens an array. Every element takes at least a byte, so that a count past the bytes left is known to be cut short before anybody allocates by it. */
static bool enter(struct reader *reader, uint64_t count) {
    if (reader->depth >= DEPTH_MAX) {
        reader_fail(reader, STATUS_MALFORMED);
        return false;
    }
    if (count > bytes_left(reader)) {
        reader_fail(reader, STATUS_TRUNCATED);
        return false;
    }
    reader->depth++;
    return true;
}

size_t reader_array(struct reader *reader, size_t count_min, size_t count_max) {
    struct head head;
    if (!expect(reader, VALUE_ARRAY, &head)) {
        return 0;
    }
    if (head.number < count_min || head.number > count_max) {
        reader_fail(reader, STATUS_MALFORMED);
        return 0;
    }
    return enter(reader, head.number) ? (size_t)head.number : 0;
}

void reader_close(struct reader *reader) {
    if (reader->status == STATUS_OK) {
        assert(reader->depth > 0);
        reader->depth--;
    }
}

struct bytes reader_skip(struct reader *reader) {
    const uint8_t *start = reader->at;
    uint64_t left[DEPTH_MAX + 1] = {1}; /* values still to come, per array open here; [0] is the one asked for */
    unsigned level = 0;
    for (;;) {
        for (; left[level] > 0 && reader->at < reader->end && *reader->at <= 0x7f; left[level]--) {
            reader->at++; /* numbers of one byte: most of what is ever skipped */
        }
        while (level > 0 && left[level] == 0) {
            level--;
            reader_close(reader);
        }
        if (left[level] == 0) {
            break;
        }
        left[level]--;
        struct head head;
        if (!read_head(reader, &head)) {
            break;
        }
        if (head.type == VALUE_STR) {
            take_text(reader, head.number);
        } else if (head.type == VALUE_BIN) {
            take(reader, head.number);
        } else if (head.type == VALUE_ARRAY && enter(reader, head.number)) {
            left[++level] = head.number;
        }
    }
    return reader->status == STATUS_OK ? (struct bytes){start, (size_t)(reader->at - start)} : (struct bytes){0};
}

enum status reader_end(struct reader *reader) {
    if (reader->status == STATUS_OK && reader->at != reader->end && !PLANTED("trailing-bytes")) {
        reader_fail(reader, STATUS_TRAILING);
    }
    assert(reader->status != STATUS_OK || reader->depth == 0);
    return reader->status;
}
