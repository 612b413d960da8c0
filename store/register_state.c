#include "store/register_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A state's bytes. Varints are LEB128, signed ones in zigzag; fixed numbers go lowest byte first.
 *
 *     single   03, entry, n, codes of fields 0 .. n - 1 (half a byte each, the first in the low half), then what the codes leave over, in order of the fields
 *     general  02, m, m entries, then for each field that was written: field + 1, count, count times: index of the entry, cell; then 00
 *
 * A cell is a tag and a value. The tag's low three bits say what follows: missing, not applicable, an integer (varint), false, true, a text; bit 8: a
 * qualifier's byte goes before the value. A code stands for the commonest cells, numbers without a qualifier: 0 to 9 is that number, 11 a number of one byte
 * from 10 on, 12 to 14 numbers of two, three and six bytes; 10 is nothing written, and 15 a cell in full. */
enum { SINGLE = 3, GENERAL = 2 };
enum { TAG_NONE = 0, TAG_MISSING, TAG_NOT_APPLICABLE, TAG_INT, TAG_FALSE, TAG_TRUE, TAG_TEXT, TAG_MASK = 7, TAG_QUALIFIED = 8 };
enum { CODE_NONE = 10, CODE_ONE_BYTE, CODE_TWO_BYTES, CODE_THREE_BYTES, CODE_SIX_BYTES, CODE_CELL, CODES };
enum { VARINT_MAX = 10, HEADS_MAX = 65535, SINK_BYTES = 512 };
/* What a code means for a number: least plus the number of the bytes that follow. NOT_A_NUMBER is more than any state has. */
#define NOT_A_NUMBER (SIZE_MAX / 2)
static const struct code {
    size_t bytes;
    uint64_t mask, least;
} codes_of[CODES] = {
    {.least = 0},
    {.least = 1},
    {.least = 2},
    {.least = 3},
    {.least = 4},
    {.least = 5},
    {.least = 6},
    {.least = 7},
    {.least = 8},
    {.least = 9},
    [CODE_NONE] = {.bytes = NOT_A_NUMBER},
    [CODE_ONE_BYTE] = {1, 0xff, CODE_NONE},
    [CODE_TWO_BYTES] = {2, 0xffff, 0},
    [CODE_THREE_BYTES] = {3, 0xffffff, 0},
    [CODE_SIX_BYTES] = {6, REGISTER_PLAIN_MAX, 0},
    [CODE_CELL] = {.bytes = NOT_A_NUMBER},
};

/* ---- cells ---- */

bool register_cell_equal(const struct cell *a, const struct cell *b) {
    if (a->state != b->state || a->state != CELL_VALUE)
        return a->state == b->state;
    if (a->type != b->type || a->qualifier != b->qualifier)
        return false;
    return a->type == CELL_TEXT ? bytes_equal(a->text, b->text) : a->number == b->number;
}

bool register_heads_differ(const struct register_head *heads, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (!register_cell_equal(&heads[0].cell, &heads[i].cell))
            return true;
    }
    return false;
}

static uint8_t tag_of(const struct cell *cell) {
    static const uint8_t by_state[] = {[CELL_UNTOUCHED] = TAG_NONE, [CELL_MISSING] = TAG_MISSING, [CELL_NOT_APPLICABLE] = TAG_NOT_APPLICABLE};
    assert(cell->state <= CELL_VALUE);
    if (cell->state != CELL_VALUE)
        return by_state[cell->state];
    uint8_t tag = cell->type == CELL_TEXT ? TAG_TEXT : cell->type == CELL_INT ? TAG_INT : cell->number != 0 ? TAG_TRUE : TAG_FALSE;
    return cell->qualifier != QUALIFIER_NONE ? tag | TAG_QUALIFIED : tag;
}

/* ---- writing ---- */

/* Gathers small pieces before they go to the buffer. */
struct sink {
    struct buffer *out;
    enum status status;
    size_t used;
    uint8_t room[SINK_BYTES];
};

/* All but the room, which needs no clearing. */
static void sink_begin(struct sink *sink, struct buffer *out) {
    sink->out = out;
    sink->status = STATUS_OK;
    sink->used = 0;
}

static void flush(struct sink *sink) {
    if (sink->status == STATUS_OK && sink->used > 0)
        sink->status = buffer_append(sink->out, sink->room, sink->used);
    sink->used = 0;
}

static void add(struct sink *sink, const void *data, size_t len) {
    flush(sink);
    if (sink->status == STATUS_OK)
        sink->status = buffer_append(sink->out, data, len);
}

static void add_byte(struct sink *sink, uint8_t byte) {
    if (sink->used == sizeof sink->room)
        flush(sink);
    sink->room[sink->used++] = byte;
}

static void add_varint(struct sink *sink, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        add_byte(sink, (uint8_t)(value | 0x80));
    add_byte(sink, (uint8_t)value);
}

static void add_cell(struct sink *sink, const struct cell *cell) {
    uint8_t tag = tag_of(cell);
    add_byte(sink, tag);
    if (tag & TAG_QUALIFIED)
        add_byte(sink, cell->qualifier);
    if ((tag & TAG_MASK) == TAG_INT) {
        add_varint(sink, (uint64_t)cell->number << 1 ^ (uint64_t)(cell->number >> 63));
    } else if ((tag & TAG_MASK) == TAG_TEXT) {
        add_varint(sink, cell->text.len);
        add(sink, cell->text.data, cell->text.len);
    }
}

static inline void put_eight(uint8_t *at, uint64_t number) {
    at[0] = (uint8_t)number;
    at[1] = (uint8_t)(number >> 8);
    at[2] = (uint8_t)(number >> 16);
    at[3] = (uint8_t)(number >> 24);
    at[4] = (uint8_t)(number >> 32);
    at[5] = (uint8_t)(number >> 40);
    at[6] = (uint8_t)(number >> 48);
    at[7] = (uint8_t)(number >> 56);
}

/* Adds what the code leaves over; returns the code. */
static uint8_t add_coded(struct sink *sink, const struct cell *cell) {
    uint64_t number = (uint64_t)cell->number;
    if (cell->state != CELL_VALUE || cell->type != CELL_INT || cell->qualifier != QUALIFIER_NONE || number > REGISTER_PLAIN_MAX) {
        add_cell(sink, cell);
        return CODE_CELL;
    }
    if (number < CODE_NONE)
        return (uint8_t)number;
    uint8_t code = number < CODE_NONE + 0x100 ? CODE_ONE_BYTE : number < 0x10000 ? CODE_TWO_BYTES : number < 0x1000000 ? CODE_THREE_BYTES : CODE_SIX_BYTES;
    if (sizeof sink->room - sink->used < sizeof number)
        flush(sink);
    put_eight(sink->room + sink->used, number - codes_of[code].least); /* what is too much is written over by what follows */
    sink->used += codes_of[code].bytes;
    return code;
}

enum status register_first(const struct register_write *write, size_t stride, struct buffer *out) {
    struct sink sink;
    size_t before = out->len, fields = write->count > 0 ? (size_t)write->fields[write->count - 1] + 1 : 0, next = 0;
    uint8_t codes[REGISTER_FIELDS_MAX / 2];
    assert(fields <= REGISTER_FIELDS_MAX && write->entry > 0);
    memset(codes, CODE_NONE << 4 | CODE_NONE, (fields + 1) / 2);
    sink_begin(&sink, out);
    add_byte(&sink, SINGLE);
    add_varint(&sink, (uint64_t)write->entry);
    add_varint(&sink, fields);
    add(&sink, codes, (fields + 1) / 2); /* their place, for now */
    size_t place = out->len - (fields + 1) / 2;
    for (size_t i = 0; i < write->count; i++) {
        const struct cell *cell = &write->cells[i * stride];
        size_t field = write->fields[i];
        assert(field >= next && cell->state != CELL_UNTOUCHED);
        next = field + 1;
        codes[field / 2] ^= (uint8_t)((add_coded(&sink, cell) ^ CODE_NONE) << (field % 2 * 4));
    }
    flush(&sink);
    if (sink.status == STATUS_OK)
        memcpy(out->data + place, codes, (fields + 1) / 2);
    else
        out->len = before;
    return sink.status;
}

/* ---- reading ---- */

static uint64_t take_varint(struct register_walk *walk) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && walk->at < walk->end; shift += 7) {
        uint8_t byte = *walk->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    walk->status = STATUS_STORE_DAMAGED;
    return 0;
}

static uint32_t take_count(struct register_walk *walk, uint32_t max) {
    uint64_t value = take_varint(walk);
    if (value > max)
        walk->status = STATUS_STORE_DAMAGED;
    return walk->status == STATUS_OK ? (uint32_t)value : 0;
}

static uint8_t take_byte(struct register_walk *walk) {
    if (walk->at == walk->end) {
        walk->status = STATUS_STORE_DAMAGED;
        return 0;
    }
    return *walk->at++;
}

static struct cell take_cell(struct register_walk *walk) {
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT};
    uint8_t tag = take_byte(walk);
    if (tag & TAG_QUALIFIED)
        cell.qualifier = take_byte(walk);
    uint64_t value;
    switch (tag & TAG_MASK) {
    case TAG_MISSING:
    case TAG_NOT_APPLICABLE:
        cell = (struct cell){.state = (tag & TAG_MASK) == TAG_MISSING ? CELL_MISSING : CELL_NOT_APPLICABLE};
        break;
    case TAG_INT:
        value = take_varint(walk);
        cell.number = (int64_t)(value >> 1 ^ (0 - (value & 1)));
        break;
    case TAG_FALSE:
    case TAG_TRUE:
        cell.type = CELL_BOOL;
        cell.number = (tag & TAG_MASK) == TAG_TRUE;
        break;
    case TAG_TEXT:
        cell.type = CELL_TEXT;
        value = take_varint(walk);
        if (value > (uint64_t)(walk->end - walk->at)) {
            walk->status = STATUS_STORE_DAMAGED;
            break;
        }
        cell.text = bytes_of(walk->at, (size_t)value);
        walk->at += value;
        break;
    default:
        walk->status = STATUS_STORE_DAMAGED;
    }
    return cell;
}

static inline uint64_t word_of_eight(const uint8_t *at) {
    return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 | (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 |
           (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

/* A number by its code; returns where the next stands, NULL: it is none, or cut short. Without a loop but at the end, where eight bytes cannot be loaded. */
static inline const uint8_t *take_number(const uint8_t *at, const uint8_t *end, unsigned code, int64_t *out) {
    const struct code *means = &codes_of[code];
    size_t left = (size_t)(end - at);
    if (left < means->bytes)
        return NULL;
    uint64_t number = 0;
    if (left >= 8)
        number = word_of_eight(at) & means->mask;
    else
        for (size_t i = 0; i < means->bytes; i++)
            number |= (uint64_t)at[i] << 8 * i;
    *out = (int64_t)(number + means->least);
    return at + means->bytes;
}

static struct cell take_coded(struct register_walk *walk, uint8_t code) {
    if (code == CODE_CELL)
        return take_cell(walk);
    struct cell cell = {.state = CELL_VALUE, .type = CELL_INT};
    const uint8_t *next = take_number(walk->at, walk->end, code, &cell.number);
    if (next == NULL)
        walk->status = STATUS_STORE_DAMAGED;
    else
        walk->at = next;
    return cell;
}

void register_begin(struct register_walk *walk, struct bytes state) {
    *walk = (struct register_walk){.at = state.data, .end = state.len > 0 ? state.data + state.len : state.data, .status = STATUS_OK};
    uint8_t form = take_byte(walk);
    walk->general = form == GENERAL;
    if (form == SINGLE) {
        walk->entry = (int64_t)take_varint(walk);
        walk->fields = take_count(walk, REGISTER_FIELDS_MAX);
        walk->codes = walk->at;
        if ((size_t)(walk->end - walk->at) < (walk->fields + 1) / 2)
            walk->status = STATUS_STORE_DAMAGED;
        else
            walk->at += (walk->fields + 1) / 2;
    } else if (form == GENERAL) {
        walk->entry_count = take_count(walk, HEADS_MAX);
        walk->entries = walk->at;
        for (uint32_t i = 0; i < walk->entry_count && walk->status == STATUS_OK; i++)
            (void)take_varint(walk);
    } else {
        walk->status = STATUS_STORE_DAMAGED;
    }
}

/* The entry of an index: they are few, so that counting from the first is no loss. */
static int64_t entry_at(const struct register_walk *walk, uint32_t index) {
    struct register_walk list = {.at = walk->entries, .end = walk->end};
    uint64_t entry = 0;
    for (uint32_t i = 0; i <= index; i++)
        entry = take_varint(&list);
    return (int64_t)entry;
}

static bool next_general(struct register_walk *walk, struct register_head *out) {
    if (walk->head == walk->heads) {
        uint32_t field = take_count(walk, REGISTER_FIELDS_MAX);
        if (field == 0)
            return false;
        walk->field = field;
        walk->head = 0;
        walk->heads = take_count(walk, HEADS_MAX);
        if (walk->heads == 0)
            walk->status = STATUS_STORE_DAMAGED;
    }
    uint32_t index = take_count(walk, walk->entry_count);
    if (index >= walk->entry_count)
        walk->status = STATUS_STORE_DAMAGED;
    if (walk->status != STATUS_OK)
        return false;
    *out = (struct register_head){(uint16_t)(walk->field - 1), (uint16_t)walk->head, (uint16_t)walk->heads, entry_at(walk, index), take_cell(walk)};
    walk->head++;
    return walk->status == STATUS_OK;
}

bool register_next(struct register_walk *walk, struct register_head *out) {
    if (walk->status != STATUS_OK)
        return false;
    if (walk->general)
        return next_general(walk, out);
    while (walk->field < walk->fields) {
        uint8_t code = walk->codes[walk->field / 2] >> (walk->field % 2 * 4) & 15;
        walk->field++;
        if (code == CODE_NONE)
            continue;
        *out = (struct register_head){(uint16_t)(walk->field - 1), 0, 1, walk->entry, take_coded(walk, code)};
        return walk->status == STATUS_OK;
    }
    return false;
}

int64_t register_only_entry(struct bytes state) {
    struct register_walk walk;
    register_begin(&walk, state);
    return walk.status == STATUS_OK && !walk.general ? walk.entry : 0;
}

/* How many bytes two codes leave over; PAIR_OTHER: one of them is no number. */
enum { PAIR_OTHER = 255, PLAIN_BYTES_MAX = 512 };
#define BYTES(code) ((code) < CODE_ONE_BYTE ? 0 : (code) == CODE_SIX_BYTES ? 6 : (code)-CODE_NONE)
#define OTHER(code) ((code) == CODE_NONE || (code) == CODE_CELL)
#define PAIR(low, high) (OTHER(low) || OTHER(high) ? PAIR_OTHER : BYTES(low) + BYTES(high))
#define PAIRS_4(low, high) PAIR(low, high), PAIR((low) + 1, high), PAIR((low) + 2, high), PAIR((low) + 3, high)
#define PAIRS(high) PAIRS_4(0, high), PAIRS_4(4, high), PAIRS_4(8, high), PAIRS_4(12, high)
static const uint8_t pair_bytes[256] = {PAIRS(0), PAIRS(1), PAIRS(2),  PAIRS(3),  PAIRS(4),  PAIRS(5),  PAIRS(6),  PAIRS(7),
                                        PAIRS(8), PAIRS(9), PAIRS(10), PAIRS(11), PAIRS(12), PAIRS(13), PAIRS(14), PAIRS(15)};

/* What all codes leave over, if they are numbers all and it is there; SIZE_MAX: not so. An odd last code has nothing beside it. */
static size_t plain_bytes(const struct register_walk *walk) {
    size_t bytes = 0, left = (size_t)(walk->end - walk->at);
    for (uint32_t i = 0; i + 1 < walk->fields; i += 2) {
        uint8_t pair = pair_bytes[walk->codes[i / 2]];
        if (pair == PAIR_OTHER)
            return SIZE_MAX;
        bytes += pair;
    }
    if (walk->fields % 2 != 0)
        bytes += codes_of[walk->codes[walk->fields / 2] & 15].bytes;
    return bytes <= left && bytes <= PLAIN_BYTES_MAX ? bytes : SIZE_MAX;
}

/* Measured first, then taken from a copy with room behind it: so no field is looked at twice, and each number is one load. */
static bool flatten_plain(const struct register_walk *walk, int64_t *numbers) {
    uint8_t copy[PLAIN_BYTES_MAX + sizeof(uint64_t)];
    const uint8_t *at = copy;
    size_t bytes = plain_bytes(walk);
    if (bytes == SIZE_MAX)
        return false;
    if (bytes > 0)
        memcpy(copy, walk->at, bytes);
    memset(copy + bytes, 0, sizeof(uint64_t));
    for (uint32_t i = 0; i < walk->fields; i += 2) { /* one more than there are does no harm: it reads the zeros at the end */
        const struct code *low = &codes_of[walk->codes[i / 2] & 15], *high = &codes_of[walk->codes[i / 2] >> 4];
        numbers[i] = (int64_t)((word_of_eight(at) & low->mask) + low->least);
        at += low->bytes;
        numbers[i + 1] = (int64_t)((word_of_eight(at) & high->mask) + high->least);
        at += i + 1 < walk->fields ? high->bytes : 0;
    }
    return true;
}

bool register_flatten(struct bytes state, struct register_flat *out) {
    struct register_walk walk;
    register_begin(&walk, state);
    if (walk.general || walk.status != STATUS_OK)
        return false;
    out->count = walk.fields;
    out->plain = flatten_plain(&walk, out->numbers);
    for (uint32_t i = 0; i < walk.fields && !out->plain && walk.status == STATUS_OK; i++) {
        uint8_t code = walk.codes[i / 2] >> (i % 2 * 4) & 15;
        struct cell cell = {.state = CELL_UNTOUCHED};
        if (code != CODE_NONE)
            cell = take_coded(&walk, code);
        out->numbers[i] = cell.number;
        out->kinds[i] = (struct register_kind){cell.state, cell.state == CELL_VALUE ? cell.type : 0, cell.qualifier};
    }
    return walk.status == STATUS_OK;
}

struct register_number register_number_at(const struct register_flat *flat, uint32_t field) {
    const struct register_kind plain = {CELL_VALUE, CELL_INT, QUALIFIER_NONE}, kind = flat->plain ? plain : flat->kinds[field];
    return (struct register_number){flat->numbers[field], kind.state, kind.type, kind.qualifier};
}
/* ---- several writes ---- */

/* One write's cells as a state of its own, if all heads are of one entry. */
static bool of_one_entry(const struct register_list *list) {
    for (size_t i = 1; i < list->count; i++) {
        if (list->items[i].entry != list->items[0].entry)
            return false;
    }
    return list->count > 0;
}

static enum status pack_single(const struct register_list *list, struct buffer *out) {
    uint16_t fields[REGISTER_FIELDS_MAX];
    struct cell *cells = malloc(list->count * sizeof *cells);
    if (cells == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < list->count; i++) {
        fields[i] = list->items[i].field;
        cells[i] = list->items[i].cell;
    }
    enum status status = register_first(&(struct register_write){list->items[0].entry, list->count, fields, cells}, 1, out);
    free(cells);
    return status;
}

static int by_entry(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The distinct entries of the list, ascending; NULL where memory is out. */
static int64_t *distinct_entries(const struct register_list *list, size_t *count) {
    int64_t *entries = malloc((list->count + 1) * sizeof *entries);
    *count = 0;
    if (entries == NULL)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        entries[i] = list->items[i].entry;
    qsort(entries, list->count, sizeof *entries, by_entry);
    for (size_t i = 0; i < list->count; i++) {
        if (i == 0 || entries[i] != entries[i - 1])
            entries[(*count)++] = entries[i];
    }
    return entries;
}

static size_t index_of(const int64_t *entries, size_t count, int64_t entry) {
    const int64_t *found = bsearch(&entry, entries, count, sizeof *entries, by_entry);
    assert(found != NULL);
    return (size_t)(found - entries);
}

size_t register_group_length(const struct register_list *list, size_t first) {
    size_t end = first;
    while (end < list->count && list->items[end].field == list->items[first].field)
        end++;
    return end - first;
}

/* The heads, in order of field and entry, as a state. */
enum status register_pack(const struct register_list *list, struct buffer *out, bool *contested) {
    *contested = false;
    for (size_t i = 0; i < list->count; i += register_group_length(list, i))
        *contested = *contested || register_heads_differ(list->items + i, register_group_length(list, i));
    if (of_one_entry(list))
        return pack_single(list, out);
    size_t entry_count, before = out->len;
    int64_t *entries = distinct_entries(list, &entry_count);
    if (entries == NULL)
        return STATUS_NO_MEMORY;
    struct sink sink;
    sink_begin(&sink, out);
    sink.status = entry_count <= HEADS_MAX ? STATUS_OK : STATUS_TOO_LARGE;
    add_byte(&sink, GENERAL);
    add_varint(&sink, entry_count);
    for (size_t i = 0; i < entry_count; i++)
        add_varint(&sink, (uint64_t)entries[i]);
    for (size_t i = 0, left = 0; i < list->count; i++, left--) {
        if (left == 0) {
            left = register_group_length(list, i);
            add_varint(&sink, (uint64_t)list->items[i].field + 1);
            add_varint(&sink, left);
        }
        add_varint(&sink, index_of(entries, entry_count, list->items[i].entry));
        add_cell(&sink, &list->items[i].cell);
    }
    add_varint(&sink, 0);
    flush(&sink);
    free(entries);
    if (sink.status != STATUS_OK)
        out->len = before;
    return sink.status;
}
