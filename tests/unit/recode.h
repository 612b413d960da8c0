/* Test help for the protocol layer: every structure's "decode and encode again" under one name and one signature, and mutations of its bytes.
 * The property: what a decoder accepts, its encoder writes back byte for byte, so that there is exactly one byte string per value. */
#ifndef TESTS_UNIT_RECODE_H
#define TESTS_UNIT_RECODE_H

#include "protocol/extract.h"
#include "protocol/join_file.h"
#include "protocol/message.h"
#include "protocol/parts.h"
#include "protocol/person.h"
#include "protocol/put.h"
#include "protocol/trust.h"

#include <stdlib.h>

/* ---- chance, the same on every machine: splitmix64 ---- */

struct chance {
    uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance) {
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline size_t chance_below(struct chance *chance, size_t bound) {
    return (size_t)(chance_next(chance) % bound);
}

static inline void chance_fill(struct chance *chance, void *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)out)[i] = (uint8_t)chance_next(chance);
    }
}

/* ---- decode and encode again ---- */

/* Decodes in and appends its encoding to out. Any error is the decoder's refusal; an encoder's refusal of what was decoded is INTERNAL. */
typedef enum status (*recode_fn)(struct bytes in, struct buffer *out);

static inline enum status recode_encoded(enum status status) {
    return status == STATUS_OK ? STATUS_OK : STATUS_INTERNAL;
}

/* ---- any value ---- */

/* Reads one value and writes it again. */
static inline void recode_copy(struct reader *reader, struct writer *writer) {
    size_t count;
    switch (reader_peek(reader)) {
    case VALUE_NIL:
        (void)reader_take_nil(reader);
        writer_nil(writer);
        break;
    case VALUE_BOOL:
        writer_bool(writer, reader_bool(reader));
        break;
    case VALUE_UINT:
        writer_uint(writer, reader_uint(reader, UINT64_MAX));
        break;
    case VALUE_NEGATIVE:
        writer_int(writer, reader_int(reader, INT64_MIN, -1));
        break;
    case VALUE_STR:
        writer_str(writer, reader_str(reader, 0, SIZE_MAX));
        break;
    case VALUE_BIN:
        writer_bin(writer, reader_bin(reader, 0, SIZE_MAX));
        break;
    case VALUE_ARRAY:
        count = reader_array(reader, 0, SIZE_MAX);
        writer_array(writer, count);
        for (size_t i = 0; i < count && reader->status == STATUS_OK; i++) {
            recode_copy(reader, writer);
        }
        reader_close(reader);
        break;
    default:
        reader_fail(reader, reader->at == reader->end ? STATUS_TRUNCATED : STATUS_MALFORMED);
    }
}

static inline enum status recode_value(struct bytes in, struct buffer *out) {
    struct reader reader;
    struct writer writer;
    reader_init(&reader, in);
    writer_init(&writer, out);
    recode_copy(&reader, &writer);
    enum status read = reader_end(&reader), written = writer_end(&writer);
    /* Skipping and reading are two ways through the same rules. */
    if ((codec_check(in) == STATUS_OK) != (read == STATUS_OK)) {
        return STATUS_INTERNAL;
    }
    return read != STATUS_OK ? read : recode_encoded(written);
}

static inline enum status recode_founding(struct bytes in, struct buffer *out) {
    struct founding founding;
    enum status status = founding_decode(&founding, in);
    return status != STATUS_OK ? status : recode_encoded(founding_encode(&founding, out));
}

static inline enum status recode_header(struct bytes in, struct buffer *out) {
    struct header header;
    enum status status = header_decode(&header, in);
    return status != STATUS_OK ? status : recode_encoded(header_encode(&header, out));
}

static inline enum status recode_body_of(uint8_t cls, struct bytes in, struct buffer *out) {
    struct body_reader reader;
    struct change change, *changes = calloc(CHANGES_MAX, sizeof *changes);
    size_t count = 0;
    enum status status = body_open(&reader, in, cls);
    if (status == STATUS_OK) {
        while (body_next(&reader, &change)) {
            changes[count++] = change;
        }
        status = body_close(&reader);
    }
    if (status == STATUS_OK) {
        status = recode_encoded(body_encode(out, reader.has_nonce ? reader.nonce : NULL, changes, count));
    }
    free(changes);
    return status;
}

/* A body, of whatever class it is. */
static inline enum status recode_body(struct bytes in, struct buffer *out) {
    enum status status = STATUS_MALFORMED;
    for (uint8_t cls = CLASS_CONTROL; cls <= CLASS_DOCUMENT && status != STATUS_OK; cls++) {
        status = recode_body_of(cls, in, out);
    }
    return status;
}

#define RECODE_PLAIN(name, type, decode, encode) \
    static inline enum status name(struct bytes in, struct buffer *out) { \
        type value; \
        enum status status = decode(&value, in); \
        return status != STATUS_OK ? status : recode_encoded(encode(&value, out)); \
    }
RECODE_PLAIN(recode_unit, struct unit_change, unit_change_decode, unit_change_encode)
RECODE_PLAIN(recode_unit_set, struct unit_set_change, unit_set_change_decode, unit_set_change_encode)
RECODE_PLAIN(recode_admission, struct admission, admission_decode, admission_encode)
RECODE_PLAIN(recode_core, struct admission, admission_core_decode, admission_core_encode)
RECODE_PLAIN(recode_level_table, struct level_table, level_table_decode, level_table_encode)
RECODE_PLAIN(recode_document, struct document, document_decode, document_encode)
RECODE_PLAIN(recode_person, struct person, person_decode, person_encode)
RECODE_PLAIN(recode_handover, struct handover, handover_decode, handover_encode)
RECODE_PLAIN(recode_revocation, struct revocation, revocation_decode, revocation_encode)
RECODE_PLAIN(recode_pin, struct refs, pin_decode, pin_encode)
RECODE_PLAIN(recode_fork_decision, struct fork_decision, fork_decision_decode, fork_decision_encode)
RECODE_PLAIN(recode_erasure, struct erasure, erasure_decode, erasure_encode)
RECODE_PLAIN(recode_acceptance, struct refs, acceptance_decode, acceptance_encode)
RECODE_PLAIN(recode_receipt, struct receipt, receipt_decode, receipt_encode)
RECODE_PLAIN(recode_hello, struct hello, hello_decode, hello_encode)
RECODE_PLAIN(recode_buckets, struct bucket_digests, buckets_decode, buckets_encode)
RECODE_PLAIN(recode_joined, struct joined, joined_decode, joined_encode)

#define RECODE_PLACING(name, kind) \
    static inline enum status name(struct bytes in, struct buffer *out) { \
        struct placing placing; \
        enum status status = placing_decode(&placing, kind, in); \
        return status != STATUS_OK ? status : recode_encoded(placing_encode(&placing, kind, out)); \
    }
RECODE_PLACING(recode_move, CHANGE_MOVE)
RECODE_PLACING(recode_close, CHANGE_CLOSE)
RECODE_PLACING(recode_same, CHANGE_SAME)

static inline enum status recode_reason(struct bytes in, struct buffer *out) {
    struct bytes text;
    enum status status = reason_decode(&text, in);
    return status != STATUS_OK ? status : recode_encoded(reason_encode(text, out));
}

static inline enum status recode_form(struct bytes in, struct buffer *out) {
    struct form form;
    enum status status = form_decode(&form, in);
    if (status == STATUS_OK) {
        status = recode_encoded(form_encode(&form, out));
    }
    form_fini(&form);
    return status;
}

static inline enum status recode_put(struct bytes in, struct buffer *out) {
    struct put put;
    enum status status = put_decode(&put, in);
    if (status == STATUS_OK) {
        status = recode_encoded(put_encode(&put, out));
    }
    put_fini(&put);
    return status;
}

static inline enum status recode_extract(struct bytes in, struct buffer *out) {
    struct extract *extract = calloc(1, sizeof *extract);
    if (extract == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = extract_decode(extract, in);
    if (status == STATUS_OK) {
        status = recode_encoded(extract_encode(extract, out));
    }
    extract_fini(extract);
    free(extract);
    return status;
}

static inline enum status recode_state(struct bytes in, struct buffer *out) {
    struct state_digest state;
    uint64_t missing;
    enum status status = state_decode(&state, &missing, in);
    return status != STATUS_OK ? status : recode_encoded(state_encode(&state, missing, out));
}

static inline enum status recode_progress(struct bytes in, struct buffer *out) {
    uint64_t bytes;
    enum status status = progress_decode(&bytes, in);
    return status != STATUS_OK ? status : recode_encoded(progress_encode(bytes, out));
}

static inline enum status recode_bye(struct bytes in, struct buffer *out) {
    unsigned reason;
    enum status status = bye_decode(&reason, in);
    return status != STATUS_OK ? status : recode_encoded(bye_encode(reason, out));
}

static inline enum status recode_join_refused(struct bytes in, struct buffer *out) {
    unsigned reason;
    enum status status = join_refused_decode(&reason, in);
    return status != STATUS_OK ? status : recode_encoded(join_refused_encode(reason, out));
}

static inline enum status recode_refused(struct bytes in, struct buffer *out) {
    struct log_id log;
    uint64_t seq;
    unsigned reason;
    enum status status = refused_decode(&log, &seq, &reason, in);
    return status != STATUS_OK ? status : recode_encoded(refused_encode(&log, seq, reason, out));
}

/* join_encode signs anew, so the values are written back here. */
static inline enum status recode_join(struct bytes in, struct buffer *out) {
    struct join join;
    struct writer writer;
    enum status status = join_decode(&join, in);
    if (status != STATUS_OK) {
        return status;
    }
    parts_open_message(&writer, out, 7, MESSAGE_JOIN);
    parts_write_version(&writer);
    parts_write_fixed(&writer, join.secret, sizeof join.secret);
    parts_write_fixed(&writer, join.signing_key, 32);
    parts_write_fixed(&writer, join.transport_key, 32);
    parts_write_fixed(&writer, join.signature, 64);
    return recode_encoded(writer_end(&writer));
}

/* Files are signed by who writes them: what was decoded is held to the bytes it came from, and given back as they are. */
static inline enum status recode_join_request(struct bytes in, struct buffer *out) {
    struct join_request request;
    enum status status = join_request_decode(&request, in);
    return status != STATUS_OK ? status : recode_encoded(buffer_append(out, in.data, in.len));
}

static inline enum status recode_take_message(void *ctx, struct bytes message) {
    *(size_t *)ctx += message.len > 0;
    return STATUS_OK;
}

static inline enum status recode_join_admission(struct bytes in, struct buffer *out) {
    struct join_admission file;
    struct joined joined;
    size_t taken = 0;
    enum status status = join_admission_decode(&file, &joined, in);
    if (status == STATUS_OK) {
        status = recode_encoded(join_admission_each(&file, recode_take_message, &taken));
    }
    if (status == STATUS_OK && taken != file.message_count) {
        status = STATUS_INTERNAL;
    }
    return status != STATUS_OK ? status : recode_encoded(buffer_append(out, in.data, in.len));
}

static inline enum status recode_have(struct bytes in, struct buffer *out) {
    struct have have;
    struct log_state state;
    struct buffer states;
    buffer_init(&states, MESSAGE_BYTES_MAX);
    enum status status = have_open(&have, in), encoded = STATUS_OK;
    if (status == STATUS_OK) {
        while (have_next(&have, &state) && encoded == STATUS_OK) {
            encoded = log_state_encode(&state, &states);
        }
        status = have_close(&have);
    }
    if (status == STATUS_OK) {
        status = recode_encoded(encoded == STATUS_OK ? have_encode(have.buckets, buffer_bytes(&states), have.count, out) : encoded);
    }
    buffer_fini(&states);
    return status;
}

static inline enum status recode_receipts(struct bytes in, struct buffer *out) {
    struct receipts receipts;
    struct signed_receipt *list = calloc(RECEIPTS_PER_MESSAGE_MAX + 1, sizeof *list);
    size_t count = 0;
    enum status status = receipts_open(&receipts, in);
    if (status == STATUS_OK) {
        while (receipts_next(&receipts, &list[count])) {
            count++;
        }
        status = receipts_close(&receipts);
    }
    if (status == STATUS_OK) {
        status = recode_encoded(receipts_encode(list, count, out));
    }
    free(list);
    return status;
}

/* A frame's bytes are its compressor's choice: of a compressed message the items must come back, of another the whole message. */
static inline enum status recode_entries(struct bytes in, struct buffer *out) {
    struct entries entries;
    struct item item;
    struct buffer items;
    struct writer writer;
    buffer_init(&items, RAW_BYTES_MAX);
    enum status status = entries_open(&entries, in), encoded = STATUS_OK;
    if (status == STATUS_OK) {
        writer_init(&writer, &items);
        writer_array(&writer, entries.count);
        encoded = writer_end(&writer);
        while (entries_next(&entries, &item) && encoded == STATUS_OK) {
            encoded = item_encode(&item, &items);
        }
        status = entries_close(&entries);
    }
    if (status == STATUS_OK && encoded == STATUS_OK && entries.raw.len > 0) {
        encoded = bytes_equal(buffer_bytes(&entries.raw), buffer_bytes(&items)) ? buffer_append(out, in.data, in.len) : STATUS_INTERNAL;
    } else if (status == STATUS_OK && encoded == STATUS_OK) {
        parts_open_message(&writer, out, 4, MESSAGE_ENTRIES);
        writer_uint(&writer, 0);
        writer_uint(&writer, items.len);
        writer_bin(&writer, buffer_bytes(&items));
        encoded = writer_end(&writer);
    }
    entries_fini(&entries);
    buffer_fini(&items);
    return status != STATUS_OK ? status : recode_encoded(encoded);
}

/* A token's text as hoi writes it: in lower case, grouped. */
static inline enum status recode_token(struct bytes in, struct buffer *out) {
    struct token token;
    struct buffer memory;
    buffer_init(&memory, TOKEN_MEMORY_MAX);
    enum status status = token_decode(&token, in, &memory);
    if (status == STATUS_OK) {
        status = recode_encoded(token_encode(&token, out));
        out->len -= status == STATUS_OK; /* the NUL */
    }
    buffer_fini(&memory);
    return status;
}

static const struct recode {
    const char *structure;
    recode_fn fn;
} RECODES[] = {
    {"founding", recode_founding}, {"header", recode_header},     {"body", recode_body},
    {"unit", recode_unit},         {"unit_set", recode_unit_set}, {"admission", recode_admission},
    {"core", recode_core},         {"form", recode_form},         {"level_table", recode_level_table},
    {"document", recode_document}, {"put", recode_put},           {"person", recode_person},
    {"receipt", recode_receipt},   {"move", recode_move},         {"close", recode_close},
    {"same", recode_same},         {"handover", recode_handover}, {"revocation", recode_revocation},
    {"pin", recode_pin},           {"erase", recode_erasure},     {"accept", recode_acceptance},
    {"reason", recode_reason},     {"extract", recode_extract},     {"fork_decision", recode_fork_decision},
    {"hello", recode_hello},       {"state", recode_state},       {"buckets", recode_buckets},
    {"have", recode_have},         {"entries", recode_entries},   {"receipts", recode_receipts},
    {"progress", recode_progress}, {"refused", recode_refused},   {"bye", recode_bye},
    {"join", recode_join},         {"joined", recode_joined},     {"join_refused", recode_join_refused},
    {"token", recode_token},       {"join_request", recode_join_request},
    {"join_admission", recode_join_admission},
};

static inline recode_fn recode_of(const char *structure) {
    for (size_t i = 0; i < sizeof RECODES / sizeof RECODES[0]; i++) {
        if (strcmp(RECODES[i].structure, structure) == 0) {
            return RECODES[i].fn;
        }
    }
    return NULL;
}

/* ---- mutations ---- */

static const uint8_t RECODE_TELLING[] = {0x00, 0x01, 0x1f, 0x20, 0x7f, 0x80, 0x90, 0x91, 0xa0, 0xa1, 0xbf, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5,
                                         0xc6, 0xca, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xe0, 0xff};

/* Copies in to out (room for twice its length and 16 bytes) with one to three changes: a bit, a byte, a telling first byte, a byte more, a byte less, a stretch
 * doubled, the end cut off. The new length. */
static inline size_t recode_mutate(struct chance *chance, struct bytes in, uint8_t *out) {
    size_t len = in.len, times = 1 + chance_below(chance, 3);
    memcpy(out, in.data, in.len);
    for (size_t i = 0; i < times && len > 0; i++) {
        size_t at = chance_below(chance, len), span;
        switch (chance_below(chance, 7)) {
        case 0:
            out[at] = (uint8_t)(out[at] ^ 1u << chance_below(chance, 8));
            break;
        case 1:
            out[at] = (uint8_t)chance_next(chance);
            break;
        case 2:
            out[at] = RECODE_TELLING[chance_below(chance, sizeof RECODE_TELLING)];
            break;
        case 3:
            memmove(out + at + 1, out + at, len - at);
            out[at] = (uint8_t)chance_next(chance);
            len++;
            break;
        case 4:
            memmove(out + at, out + at + 1, len - at - 1);
            len--;
            break;
        case 5:
            span = 1 + chance_below(chance, len - at < 24 ? len - at : 24);
            if (len + span <= 2 * in.len + 16) {
                memmove(out + at + span, out + at, len - at);
                len += span;
            }
            break;
        default:
            len = at;
        }
    }
    return len;
}

/* What a run of mutations came to. failed: the number, from 1, of the first mutation that was accepted and did not come back the same; 0: none. */
struct recode_tally {
    size_t accepted, refused, failed;
};

static inline struct recode_tally recode_try(recode_fn fn, struct bytes in, size_t times, uint64_t seed) {
    struct chance chance = {seed};
    struct recode_tally tally = {0};
    uint8_t *mutant = malloc(2 * in.len + 32);
    for (size_t i = 1; i <= times && tally.failed == 0; i++) {
        /* An allocation of exactly its length, so that reading one byte past it is seen by the sanitizer. */
        size_t len = recode_mutate(&chance, in, mutant);
        uint8_t *exact = malloc(len + (len == 0));
        memcpy(exact, mutant, len);
        struct buffer out;
        buffer_init(&out, 4 * MESSAGE_BYTES_MAX);
        enum status status = fn(bytes_of(exact, len), &out);
        tally.accepted += status == STATUS_OK;
        tally.refused += status != STATUS_OK;
        if (status == STATUS_INTERNAL || (status == STATUS_OK && !bytes_equal(buffer_bytes(&out), bytes_of(exact, len)))) {
            tally.failed = i;
        }
        buffer_fini(&out);
        free(exact);
    }
    free(mutant);
    return tally;
}

#endif
