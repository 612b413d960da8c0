#include "protocol/codec.h"

#include "protocol/planted.h"

/* One character beyond ASCII: what its first byte says, and the range of the second, which is where overlong forms,
 * surrogates and values past U+10FFFF would hide. */
struct utf8_range {
    uint8_t first_min, first_max, second_min, second_max, len;
};
static const struct utf8_range UTF8_RANGES[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* Length of the well-formed character that begins at data, 0 if none does. */
static size_t utf8_character(const uint8_t *data, size_t len) {
    for (size_t i = 0; i < sizeof UTF8_RANGES / sizeof UTF8_RANGES[0]; i++) {
        const struct utf8_range *range = &UTF8_RANGES[i];
        if (data[0] < range->first_min || data[0] > range->first_max) {
            continue;
        }
        if (len < range->len || (data[1] < range->second_min && !PLANTED("overlong-text")) || data[1] > range->second_max) {
            return 0;
        }
        for (size_t j = 2; j < range->len; j++) {
            if ((data[j] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return range->len;
    }
    return 0;
}

bool codec_utf8_valid(struct bytes text) {
    size_t at = 0;
    while (at < text.len) {
        uint8_t byte = text.data[at];
        if (byte == 0) {
            return false;
        }
        size_t len = byte < 0x80 ? 1 : utf8_character(text.data + at, text.len - at);
        if (len == 0) {
            return false;
        }
        at += len;
    }
    return true;
}

enum status codec_check(struct bytes bytes) {
    struct reader reader;
    reader_init(&reader, bytes);
    reader_skip(&reader);
    return reader_end(&reader);
}
