/* What the peer lacks, in lanes, and the messages made of it. Lanes are filled in the order of seniority in which the replica walks its logs; within a log
 * entries go by seq. Control first, then reports, then receipts, then bodies too large to go with their header, or asked for after it. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

#include <stdlib.h>

enum { ITEM_FRAME_BYTES = 96 }; /* what an item adds to its bytes at most */

/* Items gathered for one message. */
struct gathering {
    struct buffer raw;
    size_t count, room;
};
enum fill { FILL_NEXT, FILL_FULL }; /* nothing more to send here; or the message is full, or the session has failed */

/* ---- lanes ---- */

static void lane_push(struct session *session, struct session_log *log, enum lane lane) {
    struct lane_queue *queue = &session->lanes[lane];
    if ((log->lanes >> lane & 1) != 0) {
        return;
    }
    if (queue->first > 0 && queue->first + queue->count == queue->capacity) {
        memmove(queue->logs, queue->logs + queue->first, queue->count * sizeof queue->logs[0]);
        queue->first = 0;
    }
    if (!session_grow(session, &queue->logs, queue->first + queue->count, &queue->capacity, sizeof queue->logs[0])) {
        return;
    }
    queue->logs[queue->first + queue->count++] = log;
    log->lanes = (uint8_t)(log->lanes | 1U << lane);
}

static void lane_pop(struct session *session, enum lane lane) {
    struct lane_queue *queue = &session->lanes[lane];
    struct session_log *log = queue->logs[queue->first];
    log->lanes = (uint8_t)(log->lanes & ~(1U << lane));
    queue->first++;
    if (--queue->count == 0) {
        free(queue->logs);
        *queue = (struct lane_queue){0};
    }
}

void session_send_clear_lanes(struct session *session) {
    for (enum lane lane = 0; lane < LANES; lane++) {
        while (session->lanes[lane].count > 0) {
            lane_pop(session, lane);
        }
    }
}

bool session_send_idle(const struct session *session) {
    for (enum lane lane = 0; lane < LANES; lane++) {
        if (session->lanes[lane].count > 0) {
            return false;
        }
    }
    return true;
}

/* Nothing more of it may go now: refused, or one item of it is being tried. */
static bool held_back(const struct session *session, const struct session_log *log) {
    return log->blocked || (log->probing && session_log_in_flight(session, log));
}

static bool lacks_entries(const struct session *session, const struct session_log *log) {
    bool own = session->cut && ID_EQUAL(&log->log.node, &session->config.peer); /* a revoked key is given nothing back */
    bool known = log->shared ? session->buckets[bucket_of(&log->log)].known : log->claimed || log->offer_known;
    return !own && known && !held_back(session, log) && log->peer_seq < log->head_seq;
}

void session_send_consider(struct session *session, struct session_log *log) {
    if (session->phase != PHASE_OPEN || (!log->shared && !session_offer_gives(log))) {
        return;
    }
    if (log->probing && log->sent_mark > 0 && !session_log_in_flight(session, log)) {
        log->probing = false; /* what was tried has been taken: a refusal would have come before the progress */
    }
    session->probing = session->probing || log->probing;
    if (lacks_entries(session, log) || log->offer_due || log->show[0] > 0 || session_fork_lacks_evidence(session, log)) {
        enum lane lane = log->log.kind == LOG_RECOVERY || (log->cuts && log->log.kind == LOG_DIRECTIVE) ? LANE_CUTS : LANE_CONTROL;
        lane_push(session, log, log->log.kind == LOG_REPORT ? LANE_REPORT : lane);
    }
    if (log->wanted_at < log->wanted_count && !held_back(session, log)) {
        lane_push(session, log, log->urgent ? LANE_URGENT : LANE_BODIES);
    }
    if (log->due_count > 0 && log->shared && !session->cut) {
        lane_push(session, log, LANE_RECEIPTS);
    }
}

/* ---- items ---- */

/* One item more, if it has room; the first always has (nothing is longer than half the peer's window). */
static enum fill gather(struct session *session, struct gathering *gathering, struct session_log *log, uint64_t seq, const struct item *item) {
    size_t bytes = item->entry.header.len + item->entry.signature.len + item->entry.body.len + item->part.len + ITEM_FRAME_BYTES;
    uint64_t left = session->line.window - session_line_in_flight(&session->line);
    if ((gathering->count > 0 && gathering->raw.len + bytes > gathering->room) || gathering->count == ITEMS_MAX ||
        (gathering->count == 0 && bytes > gathering->room && session_line_in_flight(&session->line) > 0 && bytes > left)) {
        return FILL_FULL;
    }
    enum status status = item_encode(item, &gathering->raw);
    if (status != STATUS_OK) {
        session_fail(session, status);
        return FILL_FULL;
    }
    gathering->count++;
    session->stats.entries_out++;
    if (!session_log_in_flight(session, log) || seq < log->flight_low) {
        log->flight_low = seq;
    }
    log->sent_mark = session->line.sent + 1;
    return FILL_NEXT;
}

/* Reads one entry, and its header into the scratch. The body's bytes are left out where the peer may not hold them. */
static enum status read_entry(struct session *session, struct session_log *log, uint64_t seq, struct entry *entry, bool *entitled) {
    struct scratch *scratch = session_scratch(session);
    if (scratch == NULL) {
        return STATUS_NO_MEMORY;
    }
    enum status status = ASK(session, entry, &log->log, seq, entry);
    if (status == STATUS_OK) {
        status = header_decode(&scratch->header, entry->header);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *entitled = session_offer_body_given(session, log, &scratch->header) || PLANTED("entitlement-too-wide");
    *entitled = *entitled && (!session->cut || scratch->header.cls == CLASS_CONTROL);
    if (!*entitled) {
        entry->salt = entry->body = (struct bytes){0};
    }
    return STATUS_OK;
}

/* The next entry of a log. A body that is long, or not here yet, follows later. */
static enum fill gather_entry(struct session *session, struct gathering *gathering, struct session_log *log) {
    struct item item = {.kind = ITEM_ENTRY};
    bool entitled;
    uint64_t seq = log->peer_seq + 1;
    enum status status = read_entry(session, log, seq, &item.entry, &entitled);
    if (status != STATUS_OK) {
        session_fail(session, status);
        return FILL_FULL;
    }
    const struct header *header = &session->scratch->header;
    bool follows = entitled && (item.entry.salt.len == 0 || item.entry.body.len > session->line.message_max / 4);
    if (follows) {
        item.entry.salt = item.entry.body = (struct bytes){0};
    }
    if (gather(session, gathering, log, seq, &item) != FILL_NEXT) {
        return FILL_FULL;
    }
    log->peer_seq = seq;
    if (follows) {
        session_log_want(session, log, (struct wanted){.from = seq, .to = seq});
        log->urgent = log->urgent || header->cls == CLASS_CONTROL;
    }
    return FILL_NEXT;
}

static enum fill gather_offer(struct session *session, struct gathering *gathering, struct session_log *log) {
    const struct item item = {.kind = ITEM_OFFER, .log = log->log, .seq = log->offer_seq, .has_of = log->offer_of.seq > 0, .of = log->offer_of};
    if (gather(session, gathering, log, log->offer_seq, &item) != FILL_NEXT) {
        return FILL_FULL;
    }
    log->offer_due = false;
    log->offer_mark = session->line.sent + 1;
    return FILL_NEXT;
}

/* Headers of our branch, for the place to be found where the peer's parts from it. */
static enum fill gather_shown(struct session *session, struct gathering *gathering, struct session_log *log) {
    while (log->show[0] > 0) {
        struct item item = {.kind = ITEM_EVIDENCE, .own = true};
        if (ASK(session, entry, &log->log, log->show[0], &item.entry) == STATUS_OK) {
            item.entry.salt = item.entry.body = (struct bytes){0};
            if (gather(session, gathering, log, log->show[0], &item) != FILL_NEXT) {
                return FILL_FULL;
            }
        }
        log->show[0] = log->show[1];
        log->show[1] = 0;
    }
    return FILL_NEXT;
}

/* The two headers that prove a fork. */
static enum fill gather_evidence(struct session *session, struct gathering *gathering, struct session_log *log) {
    const struct short_hash *const hashes[] = {&log->fork.one, &log->fork.other};
    for (size_t i = 0; i < 2; i++) {
        struct item item = {.kind = ITEM_EVIDENCE};
        struct entry held;
        if (ASK(session, evidence, &log->log, hashes[i], &item.entry) != STATUS_OK) {
            continue;
        }
        item.own = ASK(session, entry, &log->log, log->fork.seq, &held) == STATUS_OK && bytes_equal(held.header, item.entry.header);
        if (gather(session, gathering, log, log->fork.seq, &item) != FILL_NEXT) {
            return FILL_FULL; /* both go again in the next message */
        }
    }
    log->peer_fork = log->fork;
    return FILL_NEXT;
}

static enum fill gather_log(struct session *session, struct gathering *gathering, struct session_log *log) {
    if (log->offer_due && gather_offer(session, gathering, log) != FILL_NEXT) {
        return FILL_FULL;
    }
    if (log->show[0] > 0 && gather_shown(session, gathering, log) != FILL_NEXT) {
        return FILL_FULL;
    }
    if (session_fork_lacks_evidence(session, log) && gather_evidence(session, gathering, log) != FILL_NEXT) {
        return FILL_FULL;
    }
    while (lacks_entries(session, log)) {
        if (gather_entry(session, gathering, log) != FILL_NEXT) {
            return FILL_FULL;
        }
    }
    session_send_consider(session, log); /* bodies that follow */
    return FILL_NEXT;
}

/* ---- bodies ---- */

static bool note_gap(void *arg, uint64_t from, uint64_t to) {
    struct scratch *scratch = arg;
    scratch->gaps[scratch->gap_count++] = (struct gap){from, to};
    return scratch->gap_count < GAP_PAIRS_MAX;
}

/* The gap of our own that seq lies in; NULL: none known. */
static const struct gap *own_gap(const struct scratch *scratch, uint64_t seq) {
    for (size_t i = 0; i < scratch->gap_count; i++) {
        if (seq >= scratch->gaps[i].from && seq <= scratch->gaps[i].to) {
            return &scratch->gaps[i];
        }
    }
    return NULL;
}

static void drop_wanted(struct session *session, struct session_log *log, size_t place) {
    memmove(&log->wanted[place], &log->wanted[place + 1], (log->wanted_count - place - 1) * sizeof log->wanted[0]);
    log->wanted_count--;
    session->wanted_pairs--;
    if (log->wanted_count == 0) {
        session_log_unwant(session, log);
    }
}

/* The first body of the range at wanted_at is dealt with. */
static void step_wanted(struct session *session, struct session_log *log) {
    struct wanted *wanted = &log->wanted[log->wanted_at];
    if (wanted->from == wanted->to) {
        drop_wanted(session, log, log->wanted_at);
        return;
    }
    wanted->from++;
    wanted->offset = 0;
}

/* What lies in a gap of our own is kept for when it comes; true if so. */
static bool keep_for_later(struct session *session, struct session_log *log) {
    struct wanted *wanted = &log->wanted[log->wanted_at];
    const struct gap *gap = own_gap(session->scratch, wanted->from);
    if (gap == NULL) {
        return false;
    }
    if (gap->to >= wanted->to) {
        log->wanted_at++;
        return true;
    }
    if (session->wanted_pairs >= WANTED_PAIRS_MAX || !session_grow(session, &log->wanted, log->wanted_count, &log->wanted_capacity, sizeof log->wanted[0])) {
        log->wanted[log->wanted_at].from = gap->to + 1;
        log->wanted[log->wanted_at].offset = 0;
        return true;
    }
    wanted = &log->wanted[log->wanted_at];
    memmove(wanted + 1, wanted, (log->wanted_count - log->wanted_at) * sizeof *wanted);
    wanted[0].to = gap->to;
    wanted[1].from = gap->to + 1;
    wanted[1].offset = 0;
    log->wanted_count++;
    session->wanted_pairs++;
    log->wanted_at++;
    return true;
}

/* The rest of one body, as far as the message has room. */
static enum fill gather_body(struct session *session, struct gathering *gathering, struct session_log *log) {
    struct wanted *wanted = &log->wanted[log->wanted_at];
    struct entry entry;
    bool entitled;
    enum status status = read_entry(session, log, wanted->from, &entry, &entitled);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        session_fail(session, status);
        return FILL_FULL;
    }
    if (status == STATUS_NOT_FOUND || entry.salt.len == 0 || wanted->offset >= entry.body.len) {
        step_wanted(session, log);
        return FILL_NEXT;
    }
    size_t left = entry.body.len - wanted->offset;
    size_t room = gathering->room > gathering->raw.len + ITEM_FRAME_BYTES ? gathering->room - gathering->raw.len - ITEM_FRAME_BYTES : 0;
    if (left > room && room < MESSAGE_BYTES_LEAST / 4 && gathering->count > 0) {
        return FILL_FULL; /* no crumbs */
    }
    size_t bytes = left < room ? left : room;
    struct item item = {.kind = ITEM_PART,
                        .log = log->log,
                        .seq = wanted->from,
                        .salt = entry.salt,
                        .offset = wanted->offset,
                        .part = bytes_of(entry.body.data + (PLANTED("body-from-its-start") ? 0 : wanted->offset), bytes)};
    if (gather(session, gathering, log, wanted->from, &item) != FILL_NEXT) {
        return FILL_FULL;
    }
    wanted->offset += (uint32_t)bytes;
    if (bytes == left) {
        step_wanted(session, log);
    }
    return FILL_NEXT;
}

static enum fill gather_bodies(struct session *session, struct gathering *gathering, struct session_log *log) {
    struct scratch *scratch = session_scratch(session);
    if (scratch == NULL) {
        return FILL_FULL;
    }
    scratch->gap_count = 0;
    session_fail(session, ASK(session, each_gap, &log->log, note_gap, scratch));
    while (log->wanted_at < log->wanted_count && !held_back(session, log) && !session_failed(session)) {
        if (!keep_for_later(session, log) && gather_body(session, gathering, log) != FILL_NEXT) {
            return FILL_FULL;
        }
    }
    return FILL_NEXT;
}

/* ---- messages ---- */

static void gather_from_lanes(struct session *session, struct gathering *gathering, enum fill *fill) {
    for (enum lane lane = 0; lane < LANES && *fill == FILL_NEXT; lane++) {
        struct lane_queue *queue = &session->lanes[lane];
        if (lane == LANE_RECEIPTS && queue->count > 0) {
            return; /* their turn, in a message of their own */
        }
        while (queue->count > 0 && *fill == FILL_NEXT) {
            struct session_log *log = queue->logs[queue->first];
            bool bodies = lane == LANE_URGENT || lane == LANE_BODIES;
            *fill = bodies ? gather_bodies(session, gathering, log) : gather_log(session, gathering, log);
            if (*fill == FILL_NEXT) {
                lane_pop(session, lane);
            }
        }
        if (lane > LANE_URGENT && session->lanes[LANE_URGENT].count > 0) {
            return; /* a control body has just been left behind: it goes first in the next message */
        }
    }
}

/* One entries message out of the lanes. False: nothing can go before there is progress. */
static bool send_entries(struct session *session, uint32_t room) {
    struct gathering gathering = {.room = room};
    enum fill fill = FILL_NEXT;
    buffer_init(&gathering.raw, RAW_BYTES_MAX - 16);
    gather_from_lanes(session, &gathering, &fill);
    struct buffer *message = gathering.count > 0 ? session_message(session) : NULL;
    if (message != NULL) {
        session_sent(session, entries_encode(buffer_bytes(&gathering.raw), gathering.count, message));
    }
    if (message != NULL && !session_failed(session)) { /* else there is none */
        session_line_sent(&session->line, message->len, true, session->now_ms);
        session->close_due = !PLANTED("forget-close");
        session->sent_since_heard = true;
    }
    buffer_fini(&gathering.raw);
    return message != NULL || fill == FILL_NEXT;
}

/* Receipts gathered for one message; their bytes are copied one after the other. */
struct receipt_gathering {
    struct signed_receipt receipts[RECEIPTS_PER_MESSAGE_MAX];
    struct buffer bytes;
    size_t count, room;
};

static bool receipts_full(const struct receipt_gathering *gathering) {
    enum { FRAME_BYTES = 72 };
    return gathering->count == RECEIPTS_PER_MESSAGE_MAX || (gathering->count > 0 && gathering->bytes.len + gathering->count * FRAME_BYTES >= gathering->room);
}

static void gather_receipts(struct session *session, struct receipt_gathering *gathering, struct session_log *log) {
    for (size_t i = 0; i < log->receipt_count && log->due_count > 0 && !receipts_full(gathering); i++) {
        struct known_receipt *known = &log->receipts[i];
        struct signed_receipt *bytes = &gathering->receipts[gathering->count];
        struct receipt receipt;
        if (!known->due) {
            continue;
        }
        if (ASK(session, receipt, &known->holder, &log->log, &receipt, bytes) != STATUS_OK) {
            known->due = false;
            log->due_count--;
            continue;
        }
        session_fail(session, buffer_append(&gathering->bytes, bytes->receipt.data, bytes->receipt.len));
        known->said = (struct receipt_mark){receipt.seq, receipt.bodies, receipt.applied};
        known->sent = true;
        session_log_receipt_known(known, log, known->said);
        gathering->count++;
    }
}

/* One receipts message out of its lane. */
static void send_receipts(struct session *session, uint32_t room) {
    struct lane_queue *queue = &session->lanes[LANE_RECEIPTS];
    struct receipt_gathering *gathering = calloc(1, sizeof *gathering);
    if (gathering == NULL) {
        session_fail(session, STATUS_NO_MEMORY);
        return;
    }
    gathering->room = room;
    buffer_init(&gathering->bytes, MESSAGE_BYTES_MAX);
    while (queue->count > 0 && !receipts_full(gathering) && !session_failed(session)) {
        gather_receipts(session, gathering, queue->logs[queue->first]);
        if (queue->logs[queue->first]->due_count == 0) {
            lane_pop(session, LANE_RECEIPTS);
        }
    }
    size_t at = 0;
    for (size_t i = 0; i < gathering->count && !session_failed(session); i++) {
        gathering->receipts[i].receipt.data = gathering->bytes.data + at; /* the copies have stopped moving */
        at += gathering->receipts[i].receipt.len;
    }
    struct buffer *message = gathering->count > 0 ? session_message(session) : NULL;
    if (message != NULL) {
        session_sent(session, receipts_encode(gathering->receipts, gathering->count, message));
        session_line_sent(&session->line, message->len, false, session->now_ms);
        session->stats.receipts_out += gathering->count;
        session->receipts_ms = session->now_ms + RECEIPTS_MS;
        session->sent_since_heard = true;
    }
    buffer_fini(&gathering->bytes);
    free(gathering);
}

int64_t session_send_receipts_wait_ms(const struct session *session) {
    bool wait = session->lanes[LANE_RECEIPTS].count > 0 && session->peer_burst && session->now_ms < session->receipts_ms;
    return wait ? session->receipts_ms - session->now_ms : 0;
}

void session_send_receipts(struct session *session) {
    uint32_t room;
    while (session->lanes[LANE_RECEIPTS].count > 0 && session_send_receipts_wait_ms(session) == 0 && !session_failed(session) &&
           (room = session_line_room(&session->line)) > 0) {
        send_receipts(session, room);
    }
}

void session_send_pump(struct session *session) {
    uint32_t room;
    while (!session_failed(session) && !session_send_idle(session) && (room = session_line_room(&session->line)) > 0) {
        enum lane lane = 0;
        while (session->lanes[lane].count == 0) {
            lane++;
        }
        if (lane == LANE_RECEIPTS && session_send_receipts_wait_ms(session) > 0) {
            return;
        }
        if (lane == LANE_RECEIPTS) {
            send_receipts(session, room);
        } else if (!send_entries(session, room)) {
            return;
        }
    }
}

void session_send_take_refused(struct session *session, struct bytes message) {
    struct log_id id;
    uint64_t seq;
    unsigned reason;
    enum status status = refused_decode(&id, &seq, &reason, message);
    if (status != STATUS_OK) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    session->stats.refused_in++;
    session->stats.refused_reasons |= UINT32_C(1) << reason;
    struct session_log *log = session_log_find(session, &id);
    if (log == NULL) {
        return;
    }
    log->blocked = true;
    log->probing = false;
    log->not_entitled = reason == REFUSED_NOT_ENTITLED;
    session->offers_stale = session->offers_stale || log->not_entitled;
    if (log->peer_seq >= seq) {
        log->peer_seq = seq - 1;
    }
    session_log_unwant(session, log); /* the peer's have will name them again */
}
