/* The step function: one event in, messages and items to persist out. */
#include "protocol/session_internal.h"

#include <stdlib.h>

/* ---- lifecycle ---- */

enum status session_open(struct session **out, const struct session_config *config) {
    struct session *session = calloc(1, sizeof *session);
    *out = session;
    if (session == NULL) {
        return STATUS_NO_MEMORY;
    }
    session->config = *config;
    if (session->config.window == 0) {
        session->config.window = WINDOW_BYTES;
    }
    if (session->config.message_max == 0) {
        session->config.message_max = MESSAGE_BYTES_WANTED;
    }
    session->retry_delay_ms = RETRY_MS_MIN;
    return STATUS_OK;
}

static void drop_messages(struct session *session) {
    for (size_t i = 0; i < session->message_count; i++) {
        buffer_fini(&session->messages[i]);
    }
    free(session->messages);
    free(session->sends);
    session->messages = NULL;
    session->sends = NULL;
    session->message_count = session->message_capacity = 0;
}

/* Forgets all that was learned of the peer. */
static void forget(struct session *session) {
    session_log_clear(session);
    session_receive_fini(session);
}

void session_free(struct session *session) {
    if (session != NULL) {
        forget(session);
        drop_messages(session);
        free(session->scratch);
        free(session);
    }
}

/* The peer began anew on the same link: so do we. */
static void begin_anew(struct session *session) {
    struct session fresh = {.config = session->config, .now_ms = session->now_ms, .started_ms = session->now_ms, .time = session->time};
    forget(session);
    fresh.retry_delay_ms = RETRY_MS_MIN;
    fresh.messages = session->messages;
    fresh.sends = session->sends;
    fresh.message_count = session->message_count;
    fresh.message_capacity = session->message_capacity;
    fresh.scratch = session->scratch;
    fresh.stats = session->stats;
    *session = fresh;
}

/* ---- what the other files build on ---- */

void session_fail(struct session *session, enum status status) {
    if (session->reason == STATUS_OK) {
        session->reason = status;
    }
}

bool session_failed(const struct session *session) {
    return session->reason != STATUS_OK;
}

bool session_grow(struct session *session, void *array, size_t count, size_t *capacity, size_t element_bytes) {
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 4 : 2 * *capacity;
    void *memory; /* copied out and in: the caller's pointer is of another type */
    memcpy(&memory, array, sizeof memory);
    uint8_t *grown = reallocarray(memory, wanted, element_bytes);
    if (grown == NULL) {
        session_fail(session, STATUS_NO_MEMORY);
        return false;
    }
    memset(grown + *capacity * element_bytes, 0, (wanted - *capacity) * element_bytes);
    memory = grown;
    memcpy(array, &memory, sizeof memory);
    *capacity = wanted;
    return true;
}

struct buffer *session_message(struct session *session) {
    if (session_failed(session) ||
        !session_grow(session, &session->messages, session->message_count, &session->message_capacity, sizeof session->messages[0])) {
        return NULL;
    }
    struct buffer *message = &session->messages[session->message_count++];
    buffer_init(message, MESSAGE_BYTES_MAX);
    return message;
}

void session_sent(struct session *session, enum status status) {
    struct buffer *message = &session->messages[session->message_count - 1];
    if (status != STATUS_OK) {
        session_fail(session, status);
        buffer_fini(message);
        session->message_count--;
        return;
    }
    session->stats.messages_out++;
    session->stats.bytes_out += message->len;
}

struct scratch *session_scratch(struct session *session) {
    if (session->scratch == NULL) {
        session->scratch = malloc(sizeof *session->scratch);
        session_fail(session, session->scratch == NULL ? STATUS_NO_MEMORY : STATUS_OK);
    }
    return session->scratch;
}

/* ---- greeting ---- */

static void say_hello(struct session *session) {
    const struct session_config *config = &session->config;
    session_state_refresh(session);
    struct hello hello = {.association = config->replica.founding->association,
                          .node = config->replica.self,
                          .unit = config->replica.unit,
                          .window = config->window,
                          .message_max = config->message_max,
                          .state = session->fresh.digest,
                          .missing = session->fresh.missing,
                          .time = session->time};
    memcpy(hello.incarnation, config->incarnation, sizeof hello.incarnation);
    struct buffer *message = session_message(session);
    if (message != NULL) {
        session_sent(session, hello_encode(&hello, message));
        session_state_told(session);
    }
}

/* A newcomer does not know for which unit the node that invited it acts (it need not be the parent): while the views do not know the node, its own word counts,
 * and what was learned for the unit guessed before is forgotten. The key is authenticated, and a unit that the views do not know may hold next to nothing. */
static void adopt_unit(struct session *session, const struct unit_id *unit) {
    struct unit_id known;
    uint8_t key[32];
    if (!ID_EQUAL(unit, &session->config.peer_unit) && ASK(session, node, &session->config.peer, key, &known) == STATUS_AUTHOR_UNKNOWN) {
        session_log_clear(session);
        session->config.peer_unit = *unit;
    }
}

static enum status judge_hello(struct session *session, const struct hello *hello) {
    const struct session_config *config = &session->config;
    if (!ID_EQUAL(&hello->association, &config->replica.founding->association)) {
        return STATUS_ASSOCIATION_OTHER;
    }
    if (!ID_EQUAL(&hello->node, &config->peer)) {
        return STATUS_PEER_PROTOCOL;
    }
    adopt_unit(session, &hello->unit);
    return ID_EQUAL(&hello->unit, &config->peer_unit) ? STATUS_OK : STATUS_PEER_PROTOCOL;
}

static void take_hello(struct session *session, struct bytes message) {
    struct hello hello;
    enum status status = hello_decode(&hello, message);
    if (status == STATUS_OK) {
        status = judge_hello(session, &hello);
    } else if (status != STATUS_VERSION_UNKNOWN && status != STATUS_CRITICAL_EXTENSION) {
        status = STATUS_PEER_PROTOCOL;
    }
    if (status == STATUS_OK && session->phase == PHASE_OPEN) {
        if (session->config.dials) {
            status = STATUS_PEER_PROTOCOL; /* the listening side only answers */
        } else {
            begin_anew(session);
        }
    }
    if (status != STATUS_OK) {
        session_fail(session, status);
        return;
    }
    if (!session->config.dials) {
        say_hello(session);
    }
    session->phase = PHASE_OPEN;
    session_line_init(&session->line, hello.window, hello.message_max);
    session_state_heard(session, &hello.state, hello.missing);
}

/* ---- messages ---- */

static void take_state(struct session *session, struct bytes message) {
    struct state_digest digest;
    uint64_t missing;
    if (state_decode(&digest, &missing, message) != STATUS_OK) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    session_state_heard(session, &digest, missing);
}

static void take_entries(struct session *session, struct bytes message) {
    session_receive_message(session, MESSAGE_ENTRIES, message);
}

static void take_receipts(struct session *session, struct bytes message) {
    session_receive_message(session, MESSAGE_RECEIPTS, message);
}

static void take_progress(struct session *session, struct bytes message) {
    uint64_t bytes;
    if (progress_decode(&bytes, message) != STATUS_OK || !session_line_progress(&session->line, bytes, session->now_ms)) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    if (session->probing) {
        session->probing = false;
        session->rescan = true; /* what was tried may have been taken */
    }
}

static void take_bye(struct session *session, struct bytes message) {
    static const enum status reasons[] = {[BYE_CLOSING] = STATUS_OK,
                                          [BYE_PROTOCOL] = STATUS_PEER_PROTOCOL,
                                          [BYE_ASSOCIATION] = STATUS_ASSOCIATION_OTHER,
                                          [BYE_VERSION] = STATUS_VERSION_UNKNOWN,
                                          [BYE_NOT_ADMITTED] = STATUS_AUTHOR_UNKNOWN,
                                          [BYE_BUSY] = STATUS_BUSY};
    unsigned reason;
    if (bye_decode(&reason, message) != STATUS_OK) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    session_fail(session, reasons[reason]);
    session->phase = PHASE_CLOSED;
}

struct taker {
    void (*take)(struct session *session, struct bytes message);
    bool greeting;
};

/* What a revoked key says is heard in the one lane that is left to it from the next message on. */
static void look_at_cut(struct session *session) {
    if (session->phase == PHASE_OPEN && ASK(session, revoked, &session->config.peer) != session->seen_cut) {
        session_log_look(session);
    }
}

static void take_message(struct session *session, struct bytes message) {
    static const struct taker takers[] = {
        [MESSAGE_HELLO] = {take_hello, true},
        [MESSAGE_STATE] = {take_state, false},
        [MESSAGE_BUCKETS] = {session_have_take_buckets, false},
        [MESSAGE_HAVE] = {session_have_take, false},
        [MESSAGE_ENTRIES] = {take_entries, false},
        [MESSAGE_RECEIPTS] = {take_receipts, false},
        [MESSAGE_PROGRESS] = {take_progress, false},
        [MESSAGE_REFUSED] = {session_send_take_refused, false},
        [MESSAGE_BYE] = {take_bye, true},
    };
    unsigned type = message_type(message);
    session->stats.messages_in++;
    session->stats.bytes_in += message.len;
    session->quiet_ms = session->now_ms;
    if (type == 0 || type >= sizeof takers / sizeof takers[0] || (session->phase == PHASE_GREETING && !takers[type].greeting)) {
        session_fail(session, STATUS_PEER_PROTOCOL);
        return;
    }
    look_at_cut(session);
    takers[type].take(session, message);
}

/* ---- ending a step ---- */

/* Is the peer to answer something? */
static bool is_waiting(const struct session *session) {
    return session->phase == PHASE_OPEN && (session->line.progressed < session->line.entries_mark || session->awaiting_close || session->peer_burst);
}

/* How long nothing may come before the session is given up; -1: for ever. */
static int64_t patience_ms(const struct session *session) {
    int64_t until = session->quiet_ms + SILENCE_MS_MAX;
    if (session->phase == PHASE_GREETING) {
        until = session->started_ms + GREETING_MS_MAX;
    } else if (!session->waiting) {
        return -1;
    }
    return until > session->now_ms ? until - session->now_ms : 0;
}

static void look_after_time(struct session *session) {
    bool waiting = is_waiting(session);
    if (waiting && !session->waiting) {
        session->quiet_ms = session->now_ms;
    }
    session->waiting = waiting;
    if (patience_ms(session) == 0) {
        session_fail(session, STATUS_TIMEOUT);
    }
}

static int64_t next_tick_ms(const struct session *session) {
    int64_t wait = patience_ms(session);
    int64_t receipts = session_send_receipts_wait_ms(session);
    if (receipts > 0) {
        wait = wait < 0 || receipts < wait ? receipts : wait;
    }
    if (session->retry_mask != 0) {
        int64_t retry = session->retry_at_ms > session->now_ms ? session->retry_at_ms - session->now_ms : 0;
        wait = wait < 0 || retry < wait ? retry : wait;
    }
    return wait;
}

/* Sends what there is to send, and compares what there is to compare. Comparing may find more to send; a pair of states is compared once, so this ends. */
static void send_and_settle(struct session *session) {
    bool more = true;
    while (more && session->phase == PHASE_OPEN && !session->receiving.active && !session_failed(session)) {
        session_log_look(session);
        session_receive_retry(session);
        session_send_pump(session);
        more = session_state_settle(session);
    }
}

static void say_bye(struct session *session, enum status reason) {
    static const struct {
        enum status status;
        unsigned reason;
    } reasons[] = {
        {STATUS_OK, BYE_CLOSING},
        {STATUS_PEER_PROTOCOL, BYE_PROTOCOL},
        {STATUS_ASSOCIATION_OTHER, BYE_ASSOCIATION},
        {STATUS_VERSION_UNKNOWN, BYE_VERSION},
        {STATUS_CRITICAL_EXTENSION, BYE_VERSION},
    };
    unsigned said = BYE_BUSY;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == reason) {
            said = reasons[i].reason;
        }
    }
    session->reason = STATUS_OK; /* a failed session makes no messages */
    struct buffer *message = session_message(session);
    if (message != NULL) {
        session_sent(session, bye_encode(said, message));
    }
    session->reason = reason;
    session->phase = PHASE_CLOSED;
}

static void give_output(struct session *session, struct session_output *output) {
    struct receiving *receiving = &session->receiving;
    output->wait_ms = -1;
    if (session->phase == PHASE_CLOSED) {
        output->closed = true;
        output->reason = session->reason;
    } else if (receiving->run_count > 0) {
        output->persist_count = receiving->run_count; /* messages wait until this is durable */
        output->persist = receiving->run;
        return;
    } else {
        output->wait_ms = next_tick_ms(session);
    }
    session->sends = calloc(session->message_count + 1, sizeof session->sends[0]);
    for (size_t i = 0; i < session->message_count && session->sends != NULL; i++) {
        session->sends[i] = buffer_bytes(&session->messages[i]);
    }
    output->send = session->sends;
    output->send_count = session->sends != NULL ? session->message_count : 0;
    if (session->sends == NULL) {
        output->closed = true;
        output->reason = session->reason = STATUS_NO_MEMORY;
        session->phase = PHASE_CLOSED;
    }
}

static void take_event(struct session *session, const struct session_event *event) {
    switch (event->kind) {
    case SESSION_START:
        session->started_ms = event->now_ms;
        session->time = event->time;
        if (session->config.dials) {
            say_hello(session);
        }
        break;
    case SESSION_MESSAGE:
        take_message(session, event->message);
        break;
    case SESSION_PERSISTED:
        session_receive_persisted(session, event->status);
        break;
    case SESSION_STOP:
        say_bye(session, STATUS_OK);
        break;
    case SESSION_ASK:
        if (session_state_in_step(session)) {
            session_have_ask(session);
        }
        break;
    default:
        break; /* a tick or a change: ending the step looks at both */
    }
}

void session_step(struct session *session, const struct session_event *event, struct session_output *output) {
    *output = (struct session_output){.wait_ms = -1};
    bool persisting = session->receiving.run_count > 0;
    assert(persisting == (event->kind == SESSION_PERSISTED));
    if (!persisting) {
        drop_messages(session);
    }
    session->now_ms = event->now_ms;
    if (session->phase != PHASE_CLOSED) {
        take_event(session, event);
        send_and_settle(session);
        look_after_time(session);
        if (session_failed(session) && session->phase != PHASE_CLOSED) {
            say_bye(session, session->reason);
        }
    }
    if (!session->receiving.active || session->phase == PHASE_CLOSED) {
        free(session->scratch);
        session->scratch = NULL;
    }
    give_output(session, output);
}

bool session_in_step(const struct session *session) {
    return session_state_in_step(session);
}

void session_stats(const struct session *session, struct session_stats *out) {
    *out = session->stats;
    out->message_target = session->line.target;
    out->open = session->phase == PHASE_OPEN;
}
