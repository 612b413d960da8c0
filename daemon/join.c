#include "daemon/join.h"

#include "daemon/link_zmq.h"
#include "store/key_file.h"
#include "store/os.h"
#include "store/store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ADDRESS_MS = 20 * 1000, /* one address has so long before the next has its turn: a handshake on the worst line takes 11 s */
    PAUSE_MS = 500,         /* between two tries: longer makes a person wait, shorter makes the level above busy */
    SEND_AGAIN_MS = 25
};

struct joiner {
    struct link *link;
    struct token token;
    struct node_keys *keys;
    struct buffer request, answer; /* the messages */
    char address[LINK_ADDRESS_BYTES];
};

static int complain(enum status status, const struct joiner *joiner) {
    json_t *args = json_object();
    if (joiner->address[0] != 0)
        json_object_set_new(args, "address", json_string(joiner->address));
    if (joiner->token.wrong_group != 0)
        json_object_set_new(args, "group", json_integer(joiner->token.wrong_group));
    json_t *line = json_pack("{s:i, s:s, s:o}", "status", (int)status, "name", status_name(status), "args", args);
    char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT);
    fprintf(stderr, "%s\n", text != NULL ? text : "{}");
    free(text);
    json_decref(line);
    return status_exit(status);
}

static enum status read_token(struct token *token, struct buffer *memory) {
    char text[2 * TOKEN_BYTES_MAX]; /* blanks and line ends besides */
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && len<sizeof text; len += got> 0 ? (size_t)got : 0) {
        got = read(STDIN_FILENO, text + len, sizeof text - len);
    }
    enum status status = len == sizeof text ? STATUS_TOKEN_MALFORMED : token_decode(token, bytes_of(text, len), memory);
    explicit_bzero(text, sizeof text);
    return status;
}

/* ---- the dialogue ---- */

/* What the level above said. OK: it is `joined`, kept. BUSY: worth another try. */
static enum status judge(struct joiner *joiner, struct bytes message) {
    static const enum status REFUSALS[] = {[JOIN_UNKNOWN] = STATUS_TOKEN_UNKNOWN, [JOIN_USED] = STATUS_TOKEN_USED, [JOIN_MALFORMED] = STATUS_JOIN_REFUSED,
                                           [JOIN_EXPIRED] = STATUS_TOKEN_EXPIRED, [JOIN_BUSY] = STATUS_BUSY,       [JOIN_ELSEWHERE] = STATUS_KEY_ELSEWHERE};
    unsigned reason;
    switch (message_type(message)) {
    case MESSAGE_JOINED:
        buffer_clear(&joiner->answer);
        return buffer_append(&joiner->answer, message.data, message.len);
    case MESSAGE_JOIN_REFUSED:
        if (join_refused_decode(&reason, message) == STATUS_OK && reason >= JOIN_UNKNOWN && reason <= JOIN_ELSEWHERE) {
            return REFUSALS[reason];
        }
        return STATUS_PEER_PROTOCOL;
    case MESSAGE_BYE:
        return STATUS_BUSY;
    default:
        return STATUS_PEER_PROTOCOL;
    }
}

/* Waits for what one connection brings. BUSY: nobody there, or not now. */
static enum status converse(struct joiner *joiner, int64_t end_ms) {
    bool open = false, sent = false;
    for (int64_t now_ms = os_monotonic_ms(); now_ms < end_ms; now_ms = os_monotonic_ms()) {
        if (open && !sent) {
            sent = link_send_up(joiner->link, buffer_bytes(&joiner->request)) == STATUS_OK;
        }
        int64_t wait_ms = open && !sent ? SEND_AGAIN_MS : end_ms - now_ms;
        link_wait(joiner->link, NULL, 0, wait_ms);
        struct link_event event;
        while (link_next(joiner->link, &event)) {
            if (event.kind == LINK_UPLINK_OPEN) {
                open = true;
            } else if (event.kind == LINK_UPLINK_LOST || event.kind == LINK_UPLINK_REFUSED) {
                return STATUS_BUSY;
            } else if (event.kind == LINK_UPLINK_MESSAGE) {
                return event.malformed ? STATUS_PEER_PROTOCOL : judge(joiner, event.message);
            }
        }
    }
    return STATUS_BUSY;
}

static enum status ask_one(struct joiner *joiner, struct bytes address, int64_t end_ms) {
    snprintf(joiner->address, sizeof joiner->address, "%.*s", (int)address.len, (const char *)address.data);
    enum status status = link_dial(joiner->link, joiner->address, joiner->token.transport_key);
    if (status == STATUS_OK) {
        status = converse(joiner, end_ms);
    }
    link_hang_up(joiner->link);
    return status;
}

/* The address that answered is the one to dial first from now on. */
static void prefer(struct token *token, size_t place) {
    struct bytes answered = token->addresses[place];
    memmove(&token->addresses[1], &token->addresses[0], place * sizeof token->addresses[0]);
    token->addresses[0] = answered;
}

/* One address after the other, round and round, until one answers for good or the time is over. */
static enum status ask_all(struct joiner *joiner, int64_t end_ms) {
    size_t count = joiner->token.address_count;
    enum status last = STATUS_BUSY;
    for (size_t i = 0; os_monotonic_ms() < end_ms; i++) {
        int64_t now_ms = os_monotonic_ms(), until_ms = now_ms + (count > 1 ? ADDRESS_MS : end_ms - now_ms);
        enum status status = ask_one(joiner, joiner->token.addresses[i % count], until_ms < end_ms ? until_ms : end_ms);
        if (status == STATUS_OK) {
            prefer(&joiner->token, i % count);
        }
        if (status != STATUS_BUSY && status != STATUS_ADDRESS_INVALID) {
            return status;
        }
        last = status;
        link_wait(joiner->link, NULL, 0, PAUSE_MS);
    }
    return last == STATUS_ADDRESS_INVALID ? last : STATUS_TIMEOUT;
}

static enum status join(struct joiner *joiner, const char *dir, int64_t wait_s) {
    struct join request;
    struct link_config config = {.transport_secret = joiner->keys->transport_secret, .transport_public = joiner->keys->transport_public};
    struct joined joined;
    enum status status = join_encode(&request, &joiner->token, joiner->keys, &joiner->request);
    if (status == STATUS_OK) {
        status = link_open(&joiner->link, &config);
    }
    if (status == STATUS_OK) {
        status = ask_all(joiner, os_monotonic_ms() + wait_s * 1000);
    }
    if (status == STATUS_OK) {
        status = joined_decode(&joined, buffer_bytes(&joiner->answer));
    }
    if (status == STATUS_OK) {
        status = store_join(dir, joiner->keys, &joiner->token, &joined);
    }
    return status;
}

/* For whoever started us by hand: which unit this became. store_join has judged the answer. */
static void print_unit(const struct joiner *joiner) {
    struct joined joined;
    struct admission *admission = calloc(1, sizeof *admission);
    if (admission != NULL && joined_decode(&joined, buffer_bytes(&joiner->answer)) == STATUS_OK && admission_core_decode(admission, joined.core) == STATUS_OK) {
        for (size_t i = 0; i < sizeof admission->unit.b; i++) {
            printf("%02x", admission->unit.b[i]);
        }
        printf("\n");
    }
    free(admission);
}

int join_run(const char *dir, int64_t wait_s) {
    enum status status = keys_init();
    struct joiner joiner = {.keys = status == STATUS_OK ? key_file_room() : NULL};
    struct buffer memory;
    buffer_init(&memory, TOKEN_MEMORY_MAX);
    buffer_init(&joiner.request, MESSAGE_BYTES_MAX);
    buffer_init(&joiner.answer, MESSAGE_BYTES_MAX);
    (void)signal(SIGPIPE, SIG_IGN);
    if (status == STATUS_OK) {
        status = joiner.keys == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = read_token(&joiner.token, &memory);
    }
    if (status == STATUS_OK) {
        status = store_join_keys(dir, joiner.keys);
    }
    if (status == STATUS_OK) {
        status = join(&joiner, dir, wait_s);
    }
    if (status == STATUS_OK) {
        print_unit(&joiner);
    }
    int exit_status = status == STATUS_OK ? 0 : complain(status, &joiner);
    link_close(joiner.link);
    key_file_release(joiner.keys);
    buffer_fini(&joiner.request);
    buffer_fini(&joiner.answer);
    buffer_fini(&memory);
    return exit_status;
}
