/* What is on its way to the peer, how fast the line carries it away, and how long the next message may be. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

enum { MESSAGE_FRAME_BYTES = 32 }; /* what packing adds to the items at most */

void session_line_init(struct session_line *line, uint32_t peer_window, uint32_t peer_message_max) {
    /* Two messages must fit into the window, so that one may be on the way while another is answered. */
    uint32_t message_max = peer_message_max < peer_window / 2 ? peer_message_max : peer_window / 2;
    *line = (struct session_line){
        .window = peer_window, .message_max = message_max, .target = message_max < MESSAGE_BYTES_FIRST ? message_max : MESSAGE_BYTES_FIRST};
}

uint64_t session_line_in_flight(const struct session_line *line) {
    return line->sent - line->progressed;
}

/* A slow line gets little ahead of what it has carried, so that what is more urgent need not wait behind half a megabyte. */
static uint64_t flight_limit(const struct session_line *line) {
    uint64_t limit = line->rate * FLIGHT_MS / 1000, least = 2 * (uint64_t)line->target;
    if (limit < least) {
        limit = least;
    }
    return limit < line->window ? limit : line->window;
}

uint32_t session_line_room(const struct session_line *line) {
    uint64_t in_flight = PLANTED("ignore-window") ? 0 : session_line_in_flight(line);
    /* Where a whole message has no room yet, progress is waited for: else each answer would call forth a message as short as itself, for ever. */
    if (in_flight >= flight_limit(line) || line->window - in_flight < line->target) {
        return 0;
    }
    return line->target - MESSAGE_FRAME_BYTES;
}

void session_line_sent(struct session_line *line, size_t bytes, bool entries, int64_t now_ms) {
    line->sent += bytes;
    if (entries) {
        line->entries_mark = line->sent;
        /* Receipts alone are covered by progress only when it suits the peer: they say nothing of the line. */
        if (!line->sampling) {
            line->sampling = true;
            line->sample_mark = line->sent;
            line->sample_base = line->progressed;
            line->sample_ms = now_ms;
        }
    }
}

static void adapt(struct session_line *line, int64_t elapsed_ms) {
    uint64_t rate = (line->progressed - line->sample_base) * 1000 / (uint64_t)(elapsed_ms > 0 ? elapsed_ms : 1);
    line->rate = line->rate == 0 ? rate : (line->rate + rate) / 2;
    uint64_t target = line->rate * LINE_MS_A_MESSAGE / 1000;
    if (target > 2 * (uint64_t)line->target) {
        target = 2 * (uint64_t)line->target; /* one lucky answer proves little */
    }
    if (target > line->message_max) {
        target = line->message_max;
    }
    line->target = target < MESSAGE_BYTES_LEAST ? MESSAGE_BYTES_LEAST : (uint32_t)target;
}

bool session_line_progress(struct session_line *line, uint64_t bytes, int64_t now_ms) {
    if (bytes > line->sent) {
        return false;
    }
    if (bytes > line->progressed) {
        line->progressed = bytes;
    }
    if (line->sampling && line->progressed >= line->sample_mark) {
        line->sampling = false;
        adapt(line, now_ms - line->sample_ms);
    }
    return true;
}
