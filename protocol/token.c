#include "protocol/token.h"

#include "protocol/keys.h"
#include "protocol/parts.h"

#include <stdio.h>

enum {
    KEYS_BYTES = 32 + TOKEN_SECRET_BYTES + TOKEN_BOND_BYTES,
    IPV4_BYTES = 6, /* the address, then the port */
    CHECK_BYTES = 1,
    GROUP_DATA = 4, /* characters of a group before its check character */
    CHARACTERS_MAX = (8 * TOKEN_BYTES_MAX + 4) / 5
};
static const char PREFIX[] = "hoi1-";
static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648, in lower case */
static const char SCHEME[] = "tcp://";
enum { PREFIX_LEN = sizeof PREFIX - 1, SCHEME_LEN = sizeof SCHEME - 1 };

/* ---- addresses ---- */

/* HOST:PORT, as far as its letters tell. */
static bool place_valid(struct bytes place) {
    for (size_t i = 0; i < place.len; i++) {
        if (place.data[i] <= ' ' || place.data[i] > '~') {
            return false;
        }
    }
    size_t port = place.len;
    while (port > 0 && place.data[port - 1] >= '0' && place.data[port - 1] <= '9') {
        port--;
    }
    return port < place.len && place.len - port <= 5 && port >= 2 && place.data[port - 1] == ':';
}

bool token_address_valid(struct bytes text) {
    if (text.len <= SCHEME_LEN || text.len > ADDRESS_BYTES_MAX || memcmp(text.data, SCHEME, SCHEME_LEN) != 0) {
        return false;
    }
    return place_valid(bytes_of(text.data + SCHEME_LEN, text.len - SCHEME_LEN));
}

/* A number of at most `max` without leading zeros at *at, which moves behind it; false: none. */
static bool take_number(struct bytes text, size_t *at, unsigned max, unsigned *out) {
    size_t start = *at;
    for (*out = 0; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9' && *out <= max; (*at)++) {
        *out = *out * 10 + (unsigned)(text.data[*at] - '0');
    }
    return *at > start && *out <= max && (text.data[start] != '0' || *at == start + 1);
}

/* Numbers as they stand in most tokens take six bytes instead of up to 21 letters. False: the place is to be written as text. */
static bool ipv4_of(struct bytes place, uint8_t out[IPV4_BYTES]) {
    unsigned number;
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        if (!take_number(place, &at, 255, &number) || at == place.len || place.data[at++] != (i < 3 ? '.' : ':')) {
            return false;
        }
        out[i] = (uint8_t)number;
    }
    if (!take_number(place, &at, 65535, &number) || at != place.len) {
        return false;
    }
    out[4] = (uint8_t)(number >> 8);
    out[5] = (uint8_t)number;
    return true;
}

static void write_address(struct writer *writer, struct bytes text) {
    uint8_t packed[IPV4_BYTES];
    struct bytes place = bytes_of(text.data + SCHEME_LEN, text.len - SCHEME_LEN);
    if (ipv4_of(place, packed)) {
        writer_bin(writer, bytes_of(packed, sizeof packed));
    } else {
        writer_str(writer, place);
    }
}

/* One address as text into out, at most ADDRESS_BYTES_MAX bytes; its length, 0 where it is malformed. What could be packed and is not, is: one token has one
 * text. */
static size_t read_address(struct reader *reader, char out[ADDRESS_BYTES_MAX + 1]) {
    uint8_t packed[IPV4_BYTES];
    int len = 0;
    if (reader_peek(reader) == VALUE_BIN) {
        reader_fixed(reader, packed, sizeof packed);
        len = snprintf(out, ADDRESS_BYTES_MAX + 1, "%s%u.%u.%u.%u:%u", SCHEME, packed[0], packed[1], packed[2], packed[3], packed[4] * 256u + packed[5]);
    } else {
        struct bytes place = reader_str(reader, 1, ADDRESS_BYTES_MAX - SCHEME_LEN);
        if (place_valid(place) && !ipv4_of(place, packed)) {
            len = snprintf(out, ADDRESS_BYTES_MAX + 1, "%s%.*s", SCHEME, (int)place.len, (const char *)place.data);
        }
    }
    if (len <= 0) {
        reader_fail(reader, STATUS_TOKEN_MALFORMED);
    }
    return reader->status == STATUS_OK ? (size_t)len : 0;
}

/* ---- the array ---- */

static void write_array(struct writer *writer, const struct token *token) {
    uint8_t keys[KEYS_BYTES];
    memcpy(keys, token->transport_key, 32);
    memcpy(keys + 32, token->secret, TOKEN_SECRET_BYTES);
    memcpy(keys + 32 + TOKEN_SECRET_BYTES, token->bond, TOKEN_BOND_BYTES);
    writer_array(writer, 1 + token->address_count);
    writer_bin(writer, bytes_of(keys, sizeof keys));
    for (size_t i = 0; i < token->address_count; i++) {
        write_address(writer, token->addresses[i]);
    }
}

/* The addresses' text goes behind what memory holds, which may move: so they are pointed to last. */
static enum status read_array(struct token *out, size_t array_len, struct buffer *memory) {
    uint8_t keys[KEYS_BYTES];
    char text[TOKEN_ADDRESSES_MAX][ADDRESS_BYTES_MAX + 1];
    size_t lengths[TOKEN_ADDRESSES_MAX] = {0}, at = memory->len;
    struct reader reader;
    reader_init(&reader, bytes_of(memory->data, array_len));
    size_t count = reader_array(&reader, 2, 1 + TOKEN_ADDRESSES_MAX);
    reader_fixed(&reader, keys, sizeof keys);
    for (size_t i = 0; i + 1 < count; i++) {
        lengths[i] = read_address(&reader, text[i]);
    }
    reader_close(&reader);
    if (reader_end(&reader) != STATUS_OK) {
        return STATUS_TOKEN_MALFORMED;
    }
    memcpy(out->transport_key, keys, 32);
    memcpy(out->secret, keys + 32, TOKEN_SECRET_BYTES);
    memcpy(out->bond, keys + 32 + TOKEN_SECRET_BYTES, TOKEN_BOND_BYTES);
    out->address_count = count - 1;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < out->address_count && status == STATUS_OK; i++) {
        status = buffer_append(memory, text[i], lengths[i]);
    }
    for (size_t i = 0; i < out->address_count && status == STATUS_OK; at += lengths[i++]) {
        out->addresses[i] = bytes_of(memory->data + at, lengths[i]);
    }
    return status;
}

static uint8_t check_byte(struct bytes array) {
    struct hash hash;
    keys_hash(&hash, "token", NULL, array, (struct bytes){0});
    return hash.b[0];
}

/* ---- text ---- */

/* Twice a number of the field of 32, by x^5 + x^2 + 1. */
static unsigned twice(unsigned value) {
    value <<= 1;
    return (value & 32) != 0 ? value ^ 37 : value;
}

/* The check character of a group (counted from 1): each of its characters weighs otherwise, and so does its place. Any one wrong character is found, any two
 * that changed places, and a group that stands in another's place. */
static unsigned check_of(unsigned group, const uint8_t *values, size_t count) {
    unsigned sum = group % 32;
    for (size_t i = 0; i < count; i++) {
        sum = twice(sum) ^ values[i];
    }
    return twice(sum);
}

static enum status append_group(struct buffer *text, unsigned group, const uint8_t *values, size_t count) {
    char written[GROUP_DATA + 2];
    size_t len = 0;
    if (group > 1) {
        written[len++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        written[len++] = ALPHABET[values[i]];
    }
    written[len++] = ALPHABET[check_of(group, values, count)];
    return buffer_append(text, written, len);
}

/* Base32 in groups; the last character's unused bits are 0. */
static enum status write_text(struct buffer *text, struct bytes bytes) {
    enum status status = buffer_append(text, PREFIX, PREFIX_LEN);
    uint8_t values[GROUP_DATA];
    size_t count = 0;
    unsigned group = 0;
    for (size_t bit = 0; bit < 8 * bytes.len && status == STATUS_OK; bit += 5) {
        size_t at = bit / 8;
        unsigned two = (unsigned)bytes.data[at] << 8 | (at + 1 < bytes.len ? bytes.data[at + 1] : 0u);
        values[count++] = (uint8_t)(two >> (11 - bit % 8) & 31);
        if (count == GROUP_DATA || bit + 5 >= 8 * bytes.len) {
            status = append_group(text, ++group, values, count);
            count = 0;
        }
    }
    return status == STATUS_OK ? buffer_append(text, "", 1) : status;
}

static bool is_blank(uint8_t character) {
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

/* A character's five bits; -1 for what is passed over, -2 for anything else. Three digits that the alphabet does not have are taken for the letters they look
 * like. */
static int bits_of(uint8_t character) {
    static const char ALIKE[] = "0o1l8b";
    for (size_t i = 0; i + 1 < sizeof ALIKE; i += 2) {
        character = character == (uint8_t)ALIKE[i] ? (uint8_t)ALIKE[i + 1] : character;
    }
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a';
    }
    if (character >= '2' && character <= '7') {
        return character - '2' + 26;
    }
    return character == '-' || is_blank(character) ? -1 : -2;
}

/* The characters of the groups that have come so far; held: of the group that is not whole yet. */
struct letters {
    unsigned groups;
    size_t count, held;
    uint8_t group[GROUP_DATA + 1];
    uint8_t values[CHARACTERS_MAX];
};

/* Judges the group that ends here. False: it does not fit its check character, or is none. */
static bool end_group(struct letters *letters) {
    size_t data = letters->held - 1;
    letters->groups++;
    if (letters->held < 2 || letters->count + data > CHARACTERS_MAX || check_of(letters->groups, letters->group, data) != letters->group[data]) {
        return false;
    }
    memcpy(letters->values + letters->count, letters->group, data);
    letters->count += data;
    letters->held = 0;
    return true;
}

/* The number of the first group that is wrong; 0: none is. */
static unsigned read_groups(struct letters *letters, struct bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        int value = bits_of(text.data[i]);
        if (value == -1) {
            continue;
        }
        if (value < 0) {
            return letters->groups + 1;
        }
        letters->group[letters->held++] = (uint8_t)value;
        if (letters->held == GROUP_DATA + 1 && !end_group(letters)) {
            return letters->groups;
        }
    }
    return letters->held == 0 || end_group(letters) ? 0 : letters->groups;
}

/* Bits that make no byte are 0 and fewer than a character's: one text per token, blanks, case and look-alikes apart. */
static enum status read_bytes(const struct letters *letters, struct buffer *bytes) {
    uint32_t bits = 0;
    unsigned held = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < letters->count && status == STATUS_OK; i++) {
        bits = bits << 5 | letters->values[i];
        held += 5;
        if (held >= 8) {
            held -= 8;
            uint8_t byte = (uint8_t)(bits >> held);
            bits &= (1u << held) - 1;
            status = buffer_append(bytes, &byte, 1);
        }
    }
    return status != STATUS_OK || (held < 5 && bits == 0 && bytes->len > CHECK_BYTES && bytes->len <= TOKEN_BYTES_MAX) ? status : STATUS_TOKEN_MALFORMED;
}

/* The text after "hoi1-", in either case, blanks before it passed over; empty if it does not begin so. */
static struct bytes after_prefix(struct bytes text) {
    size_t at = 0;
    while (at < text.len && is_blank(text.data[at])) {
        at++;
    }
    if (text.len - at < PREFIX_LEN) {
        return (struct bytes){0};
    }
    for (size_t i = 0; i < PREFIX_LEN; i++) {
        uint8_t byte = text.data[at + i];
        if ((byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte) != PREFIX[i]) {
            return (struct bytes){0};
        }
    }
    return bytes_of(text.data + at + PREFIX_LEN, text.len - at - PREFIX_LEN);
}

/* ---- the whole ---- */

enum status token_encode(const struct token *token, struct buffer *text) {
    struct buffer bytes;
    struct writer writer;
    size_t start = text->len;
    if (token->address_count < 1 || token->address_count > TOKEN_ADDRESSES_MAX) {
        return STATUS_TOKEN_MALFORMED;
    }
    for (size_t i = 0; i < token->address_count; i++) {
        if (!token_address_valid(token->addresses[i])) {
            return STATUS_TOKEN_MALFORMED;
        }
    }
    buffer_init(&bytes, TOKEN_BYTES_MAX);
    writer_init(&writer, &bytes);
    write_array(&writer, token);
    enum status status = writer_end(&writer);
    if (status == STATUS_OK) {
        uint8_t check = check_byte(buffer_bytes(&bytes));
        status = buffer_append(&bytes, &check, CHECK_BYTES);
    }
    if (status == STATUS_OK) {
        status = write_text(text, buffer_bytes(&bytes));
    }
    if (status != STATUS_OK) {
        text->len = start;
    }
    buffer_fini(&bytes);
    return status;
}

enum status token_decode(struct token *out, struct bytes text, struct buffer *memory) {
    struct letters letters = {0};
    *out = (struct token){0};
    buffer_clear(memory);
    unsigned wrong = read_groups(&letters, after_prefix(text));
    enum status status = wrong != 0 ? STATUS_TOKEN_MALFORMED : read_bytes(&letters, memory);
    if (status == STATUS_OK) {
        size_t array_len = memory->len - CHECK_BYTES;
        status = memory->data[array_len] == check_byte(bytes_of(memory->data, array_len)) ? read_array(out, array_len, memory) : STATUS_TOKEN_MALFORMED;
    }
    if (status != STATUS_OK) {
        *out = (struct token){.wrong_group = wrong};
    }
    return status;
}

enum status token_bond(uint8_t out[TOKEN_BOND_BYTES], const struct token *token, const struct token_terms *terms) {
    struct buffer bytes;
    struct writer writer;
    struct hash hash;
    buffer_init(&bytes, HEADER_BYTES_MAX);
    writer_init(&writer, &bytes);
    writer_array(&writer, 5);
    parts_write_fixed(&writer, token->secret, sizeof token->secret);
    parts_write_fixed(&writer, token->transport_key, sizeof token->transport_key);
    parts_write_fixed(&writer, terms->inviter.b, sizeof terms->inviter.b);
    parts_write_fixed(&writer, terms->unit.b, sizeof terms->unit.b);
    parts_write_ref(&writer, &terms->root);
    enum status status = writer_end(&writer);
    keys_hash(&hash, "bond", &terms->association, buffer_bytes(&bytes), (struct bytes){0});
    memcpy(out, hash.b, TOKEN_BOND_BYTES);
    buffer_fini(&bytes);
    return status;
}
