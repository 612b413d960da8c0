#include "tests/sim/ram_pair.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void note(struct pair *pair, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct pair *pair, const char *format, ...) {
    size_t len = strlen(pair->transcript);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(pair->transcript + len, sizeof pair->transcript - len, format, arguments);
    va_end(arguments);
}

static char kind_letter(const struct log_id *log) {
    return log->kind == LOG_REPORT ? 'r' : log->kind == LOG_DIRECTIVE ? 'd' : 'R';
}

static void note_entries(struct pair *pair, struct bytes message) {
    struct header *header = malloc(sizeof *header);
    struct entries entries;
    struct item item;
    enum status status = entries_open(&entries, message);
    assert(status == STATUS_OK && header != NULL);
    while (entries_next(&entries, &item)) {
        if (item.kind == ITEM_PART) {
            note(pair, " %c%llu@%u", kind_letter(&item.log), (unsigned long long)item.seq, item.offset);
        } else {
            status = header_decode(header, item.entry.header);
            assert(status == STATUS_OK);
            const char *how = item.kind == ITEM_EVIDENCE ? "?" : item.entry.salt.len > 0 ? "+" : "";
            note(pair, " %c%llu%s", kind_letter(&header->log), (unsigned long long)header->seq, how);
        }
    }
    entries_fini(&entries);
    free(header);
}

static void note_receipts(struct pair *pair, struct bytes message) {
    struct receipts receipts;
    struct signed_receipt sealed;
    struct receipt receipt;
    enum status status = receipts_open(&receipts, message);
    while (receipts_next(&receipts, &sealed)) {
        status = receipt_decode(&receipt, sealed.receipt);
        assert(status == STATUS_OK);
        note(pair, " %c%llu", kind_letter(&receipt.log), (unsigned long long)receipt.seq);
    }
}

static void note_message(struct pair *pair, unsigned side, struct bytes message) {
    static const char *const names[] = {"?", "hello", "state", "buckets", "have", "entries", "receipts", "progress", "refused", "bye"};
    unsigned type = message_type(message), reason;
    struct log_id log;
    uint64_t seq;
    assert(type < sizeof names / sizeof names[0]);
    note(pair, "%c %s", "AB"[side], names[type]);
    if (type == MESSAGE_ENTRIES) {
        note_entries(pair, message);
    } else if (type == MESSAGE_RECEIPTS) {
        note_receipts(pair, message);
    } else if (type == MESSAGE_REFUSED && refused_decode(&log, &seq, &reason, message) == STATUS_OK) {
        note(pair, " %c%llu:%u", kind_letter(&log), (unsigned long long)seq, reason);
    } else if (type == MESSAGE_BYE && bye_decode(&reason, message) == STATUS_OK) {
        note(pair, " %u", reason);
    }
    note(pair, "\n");
}

static void queue(struct pair *pair, unsigned to, struct bytes message) {
    assert(pair->first[to] + pair->count[to] < PAIR_QUEUE_MAX);
    struct buffer *copy = &pair->queue[to][pair->first[to] + pair->count[to]++];
    buffer_init(copy, MESSAGE_BYTES_MAX);
    enum status status = buffer_append(copy, message.data, message.len);
    assert(status == STATUS_OK);
}

static void step(struct pair *pair, unsigned side, struct session_event event) {
    struct session_output output;
    event.now_ms = pair->now;
    session_step(pair->session[side], &event, &output);
    while (output.persist_count > 0) {
        pair->runs[side]++;
        assert(output.send_count == 0);
        if (pair->disk[side] == STATUS_OK) {
            ram_replica_persist(pair->ram[side], output.persist, output.persist_count);
        }
        event = (struct session_event){.kind = SESSION_PERSISTED, .now_ms = pair->now, .status = pair->disk[side]};
        session_step(pair->session[side], &event, &output);
    }
    for (size_t i = 0; i < output.send_count; i++) {
        note_message(pair, side, output.send[i]);
        pair->bytes[side] += output.send[i].len;
        queue(pair, 1 - side, output.send[i]);
    }
    pair->wait[side] = output.wait_ms < 0 ? INT64_MAX : pair->now + output.wait_ms;
    pair->closed[side] = output.closed;
    pair->reason[side] = output.reason;
}

void pair_event(struct pair *pair, unsigned side, uint8_t kind) {
    step(pair, side, (struct session_event){.kind = kind});
}

void pair_message(struct pair *pair, unsigned side, struct bytes message) {
    step(pair, side, (struct session_event){.kind = SESSION_MESSAGE, .message = message});
}

bool pair_deliver(struct pair *pair, unsigned side) {
    if (pair->count[side] == 0) {
        return false;
    }
    struct buffer message = pair->queue[side][pair->first[side]++];
    if (--pair->count[side] == 0) {
        pair->first[side] = 0;
    }
    pair->now += pair->delay;
    if (!pair->closed[side]) {
        pair_message(pair, side, buffer_bytes(&message));
    }
    buffer_fini(&message);
    return true;
}

void pair_run(struct pair *pair) {
    bool any = true;
    while (any) {
        any = false;
        for (unsigned side = 0; side < 2; side++) {
            any = (!pair->held[side] && pair_deliver(pair, side)) || any;
        }
    }
}

void pair_wait(struct pair *pair, int64_t ms) {
    int64_t until = pair->now + ms;
    for (;;) {
        unsigned side = pair->wait[1] < pair->wait[0];
        if (pair->wait[side] > until || pair->closed[side]) {
            break;
        }
        pair->now = pair->wait[side];
        pair_event(pair, side, SESSION_TICK);
        pair_run(pair);
    }
    pair->now = until;
}

void pair_forget(struct pair *pair) {
    pair->transcript[0] = 0;
}

void pair_open_sized(struct pair *pair, struct ram_replica *a, struct ram_replica *b, uint32_t window, uint32_t message_max) {
    *pair = (struct pair){.ram = {a, b}, .now = 1000};
    for (unsigned side = 0; side < 2; side++) {
        const struct replica *peer = &pair->ram[1 - side]->replica;
        struct session_config config = {
            .replica = pair->ram[side]->replica, .peer = peer->self, .peer_unit = peer->unit, .dials = side == 0, .window = window, .message_max = message_max};
        enum status status = session_open(&pair->session[side], &config);
        assert(status == STATUS_OK);
    }
    pair_event(pair, 1, SESSION_START);
    pair_event(pair, 0, SESSION_START);
}

void pair_open(struct pair *pair, struct ram_replica *a, struct ram_replica *b) {
    pair_open_sized(pair, a, b, 0, 0);
}

void pair_close(struct pair *pair) {
    for (unsigned side = 0; side < 2; side++) {
        session_free(pair->session[side]);
        pair->session[side] = NULL;
        while (pair->count[side] > 0) {
            buffer_fini(&pair->queue[side][pair->first[side]++]);
            pair->count[side]--;
        }
    }
}
