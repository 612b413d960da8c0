/* The join token: a canonical array and four check bytes, as text that people copy (docs/protocol.md section 11). */
#include "protocol/message.h"

#include "protocol/parts.h"

enum { TOKEN_VALUES = 8, TOKEN_VERSION = 1, CHECK_BYTES = 4, GROUP_CHARACTERS = 5 };
static const char PREFIX[] = "hoi1-";
static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648, in lower case */

static const char SCHEME[] = "tcp://";

/* tcp://HOST:PORT, as far as its letters tell: whoever dials judges the rest. */
static bool address_valid(struct bytes address) {
    size_t scheme = sizeof SCHEME - 1;
    if (address.len <= scheme || memcmp(address.data, SCHEME, scheme) != 0) {
        return false;
    }
    for (size_t i = 0; i < address.len; i++) {
        if (address.data[i] <= ' ' || address.data[i] > '~') {
            return false;
        }
    }
    const uint8_t *host = address.data + scheme, *end = address.data + address.len, *port = end;
    while (port > host && port[-1] >= '0' && port[-1] <= '9') {
        port--;
    }
    return port < end && end - port <= 5 && port - host >= 2 && port[-1] == ':';
}

static enum status decode_array(struct token *out, struct bytes array) {
    struct reader reader;
    reader_init(&reader, array);
    reader_array(&reader, TOKEN_VALUES, TOKEN_VALUES);
    if (reader_uint(&reader, UINT64_MAX) != TOKEN_VERSION) {
        reader_fail(&reader, STATUS_TOKEN_MALFORMED);
    }
    reader_fixed(&reader, out->association.b, sizeof out->association.b);
    reader_fixed(&reader, out->inviter.b, sizeof out->inviter.b);
    reader_fixed(&reader, out->unit.b, sizeof out->unit.b);
    reader_fixed(&reader, out->transport_key, sizeof out->transport_key);
    reader_fixed(&reader, out->secret, sizeof out->secret);
    out->expires = reader_int(&reader, INT64_MIN, INT64_MAX);
    out->address_count = reader_array(&reader, 1, TOKEN_ADDRESSES_MAX);
    for (size_t i = 0; i < out->address_count; i++) {
        out->addresses[i] = reader_str(&reader, 1, ADDRESS_BYTES_MAX);
        if (!address_valid(out->addresses[i])) {
            reader_fail(&reader, STATUS_TOKEN_MALFORMED);
        }
    }
    reader_close(&reader);
    reader_close(&reader);
    return reader_end(&reader) == STATUS_OK ? STATUS_OK : STATUS_TOKEN_MALFORMED;
}

static void check_bytes(uint8_t out[CHECK_BYTES], const struct association_id *association, struct bytes array) {
    struct hash hash;
    keys_hash(&hash, "token", association, array, (struct bytes){0});
    memcpy(out, hash.b, CHECK_BYTES);
}

/* ---- text ---- */

static enum status append_character(struct buffer *text, size_t place, char character) {
    enum status status = STATUS_OK;
    if (place > 0 && place % GROUP_CHARACTERS == 0) {
        status = buffer_append(text, "-", 1);
    }
    return status == STATUS_OK ? buffer_append(text, &character, 1) : status;
}

/* Base32 in groups; the last character's unused bits are 0. */
static enum status write_text(struct buffer *text, struct bytes bytes) {
    enum status status = buffer_append(text, PREFIX, sizeof PREFIX - 1);
    uint32_t bits = 0;
    unsigned held = 0;
    size_t place = 0;
    for (size_t i = 0; i < bytes.len && status == STATUS_OK; i++) {
        bits = bits << 8 | bytes.data[i];
        held += 8;
        while (held >= 5 && status == STATUS_OK) {
            held -= 5;
            status = append_character(text, place++, ALPHABET[bits >> held & 31]);
        }
        bits &= (1u << held) - 1;
    }
    if (held > 0 && status == STATUS_OK) {
        status = append_character(text, place, ALPHABET[bits << (5 - held) & 31]);
    }
    return status == STATUS_OK ? buffer_append(text, "", 1) : status;
}

static bool is_blank(uint8_t character) {
    return character == ' ' || character == '\t' || character == '\r' || character == '\n';
}

/* A letter's five bits; -1 for what is passed over, -2 for anything else. */
static int bits_of(uint8_t character) {
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

static enum status read_text(struct buffer *bytes, struct bytes text) {
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = bits_of(text.data[i]);
        if (value == -1) {
            continue;
        }
        if (value < 0) {
            return STATUS_TOKEN_MALFORMED;
        }
        bits = bits << 5 | (uint32_t)value;
        held += 5;
        if (held >= 8) {
            held -= 8;
            uint8_t byte = (uint8_t)(bits >> held);
            bits &= (1u << held) - 1;
            enum status status = bytes->len == TOKEN_BYTES_MAX ? STATUS_TOKEN_MALFORMED : buffer_append(bytes, &byte, 1);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    /* Bits that make no byte are 0 and fewer than a character's: one text per token, blanks and case apart. */
    return held < 5 && bits == 0 ? STATUS_OK : STATUS_TOKEN_MALFORMED;
}

/* The text after "hoi1-", in either case, blanks before it passed over; empty if it does not begin so. */
static struct bytes after_prefix(struct bytes text) {
    size_t at = 0, len = sizeof PREFIX - 1;
    while (at < text.len && is_blank(text.data[at])) {
        at++;
    }
    if (text.len - at < len) {
        return (struct bytes){0};
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = text.data[at + i];
        if ((byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte) != PREFIX[i]) {
            return (struct bytes){0};
        }
    }
    return bytes_of(text.data + at + len, text.len - at - len);
}

/* ---- the whole ---- */

static enum status write_array(const struct token *token, struct buffer *out) {
    struct writer writer;
    struct token check;
    if (token->address_count > TOKEN_ADDRESSES_MAX) {
        return STATUS_TOKEN_MALFORMED;
    }
    writer_init(&writer, out);
    writer_array(&writer, TOKEN_VALUES);
    writer_uint(&writer, TOKEN_VERSION);
    parts_write_fixed(&writer, token->association.b, sizeof token->association.b);
    parts_write_fixed(&writer, token->inviter.b, sizeof token->inviter.b);
    parts_write_fixed(&writer, token->unit.b, sizeof token->unit.b);
    parts_write_fixed(&writer, token->transport_key, sizeof token->transport_key);
    parts_write_fixed(&writer, token->secret, sizeof token->secret);
    writer_int(&writer, token->expires);
    writer_array(&writer, token->address_count);
    for (size_t i = 0; i < token->address_count; i++) {
        writer_str(&writer, token->addresses[i]);
    }
    writer_fail(&writer, decode_array(&check, writer_written(&writer)));
    return writer_end(&writer);
}

enum status token_encode(const struct token *token, struct buffer *text) {
    struct buffer bytes;
    uint8_t check[CHECK_BYTES];
    size_t start = text->len;
    buffer_init(&bytes, TOKEN_BYTES_MAX);
    enum status status = write_array(token, &bytes);
    if (status == STATUS_OK) {
        check_bytes(check, &token->association, buffer_bytes(&bytes));
        status = buffer_append(&bytes, check, sizeof check);
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
    uint8_t check[CHECK_BYTES];
    *out = (struct token){0};
    buffer_clear(memory);
    enum status status = read_text(memory, after_prefix(text));
    if (status == STATUS_OK && memory->len > CHECK_BYTES) {
        struct bytes array = bytes_of(memory->data, memory->len - CHECK_BYTES);
        status = decode_array(out, array);
        check_bytes(check, &out->association, array);
        if (status == STATUS_OK && memcmp(check, array.data + array.len, CHECK_BYTES) != 0) {
            status = STATUS_TOKEN_MALFORMED;
        }
    } else if (status == STATUS_OK) {
        status = STATUS_TOKEN_MALFORMED;
    }
    if (status != STATUS_OK) {
        *out = (struct token){0};
    }
    return status;
}
