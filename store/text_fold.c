#include "store/text_fold.h"

/* Ranges of composed letters and the letter they are built on; U+1EA0 to U+1EF9 hold the Vietnamese ones in this order. */
static const struct range {
    uint32_t first, last;
    char letter;
} ranges[] = {
    {0x00c0, 0x00c5, 'a'}, {0x00c8, 0x00cb, 'e'}, {0x00cc, 0x00cf, 'i'}, {0x00d2, 0x00d6, 'o'}, {0x00d9, 0x00dc, 'u'}, {0x00dd, 0x00dd, 'y'},
    {0x00e0, 0x00e5, 'a'}, {0x00e8, 0x00eb, 'e'}, {0x00ec, 0x00ef, 'i'}, {0x00f2, 0x00f6, 'o'}, {0x00f9, 0x00fc, 'u'}, {0x00fd, 0x00fd, 'y'},
    {0x0102, 0x0103, 'a'}, {0x0110, 0x0111, 'd'}, {0x0128, 0x0129, 'i'}, {0x0168, 0x0169, 'u'}, {0x01a0, 0x01a1, 'o'}, {0x01af, 0x01b0, 'u'},
    {0x1ea0, 0x1eb7, 'a'}, {0x1eb8, 0x1ec7, 'e'}, {0x1ec8, 0x1ecb, 'i'}, {0x1ecc, 0x1ee3, 'o'}, {0x1ee4, 0x1ef1, 'u'}, {0x1ef2, 0x1ef9, 'y'},
    {0x2010, 0x2015, '-'}, {0x2212, 0x2212, '-'}, {0x00a0, 0x00a0, ' '}, {0x2000, 0x200a, ' '}, {0x202f, 0x202f, ' '}, {0x3000, 0x3000, ' '},
    {0x0009, 0x000d, ' '},
};

size_t text_fold_next(struct bytes text, uint32_t *out) {
    uint8_t first = text.data[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len > text.len) { /* not valid: the caller's bytes are passed on one by one */
        *out = first;
        return 1;
    }
    uint32_t point = len == 1 ? first : first & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (text.data[i] & 0x3fu);
    *out = point;
    return len;
}

/* The letter for a code point, 0 for one that stays as it is. */
static char letter_of(uint32_t point) {
    if (point >= 'A' && point <= 'Z')
        return (char)(point - 'A' + 'a');
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return ranges[i].letter;
    }
    return 0;
}

struct sink {
    char *out;
    size_t len, max;
    bool blank; /* one is due before the next character */
};

static void put(struct sink *sink, const void *data, size_t len) {
    size_t blank = sink->blank && sink->len > 0 ? 1 : 0;
    if (sink->len + blank + len >= sink->max) {
        sink->len = sink->max;
        return;
    }
    if (blank > 0)
        sink->out[sink->len++] = ' ';
    memcpy(sink->out + sink->len, data, len);
    sink->len += len;
    sink->blank = false;
}

size_t text_fold(char *out, size_t max, struct bytes text) {
    struct sink sink = {out, 0, max, false};
    while (text.len > 0 && sink.len < max) {
        uint32_t point;
        size_t len = text_fold_next(text, &point);
        char letter = letter_of(point);
        bool mark = point >= 0x0300 && point <= 0x036f; /* combining tones, horn, breve, circumflex */
        if (letter == ' ' || point == ' ')
            sink.blank = true;
        else if (point == 0x2026)
            put(&sink, "...", 3);
        else if (letter != 0)
            put(&sink, &letter, 1);
        else if (!mark && point != 0x200b && point != 0xfeff) /* zero width: nothing to see */
            put(&sink, text.data, len);
        text = (struct bytes){text.data + len, text.len - len};
    }
    if (sink.len < max)
        out[sink.len] = 0;
    return sink.len;
}
