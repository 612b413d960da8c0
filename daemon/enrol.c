#include "daemon/enrol.h"

#include "daemon/logger.h"

enum {
    JOIN_BYTES_MAX = 1024, /* the message is 240 bytes long; extensions do not exist */
    BURST = 256,           /* a province that enrols its communes in one meeting */
    PER_SECOND = 50        /* a wrong token costs a look into a table, and its sender a new connection */
};

static const struct {
    enum status status;
    unsigned reason;
} REFUSALS[] = {
    {STATUS_TOKEN_UNKNOWN, JOIN_UNKNOWN},   {STATUS_TOKEN_USED, JOIN_USED},
    {STATUS_MALFORMED, JOIN_MALFORMED},     {STATUS_TRUNCATED, JOIN_MALFORMED},
    {STATUS_TRAILING, JOIN_MALFORMED},      {STATUS_VERSION_UNKNOWN, JOIN_MALFORMED},
    {STATUS_SIGNATURE_BAD, JOIN_MALFORMED}, {STATUS_ASSOCIATION_OTHER, JOIN_ASSOCIATION},
};

/* What is not in the table will pass: a full disk, no memory. The joiner tries again. */
static unsigned refusal_of(enum status status) {
    for (size_t i = 0; i < sizeof REFUSALS / sizeof REFUSALS[0]; i++) {
        if (REFUSALS[i].status == status) {
            return REFUSALS[i].reason;
        }
    }
    return JOIN_BUSY;
}

/* A bucket that holds BURST and fills by PER_SECOND. */
static bool within_rate(struct enrol *enrol, int64_t now_ms) {
    if (enrol->since_ms == 0) {
        enrol->tokens = BURST;
    }
    enrol->tokens += (double)(now_ms - enrol->since_ms) * PER_SECOND / 1000;
    enrol->tokens = enrol->tokens > BURST ? BURST : enrol->tokens;
    enrol->since_ms = now_ms;
    if (enrol->tokens < 1) {
        return false;
    }
    enrol->tokens -= 1;
    return true;
}

bool enrol_serve(struct enrol *enrol, struct driver *driver, const struct link_event *event, int64_t now_ms) {
    struct buffer answer;
    buffer_init(&answer, MESSAGE_BYTES_MAX);
    enum status status = STATUS_BUSY;
    if (event->message.len > JOIN_BYTES_MAX) {
        status = STATUS_MALFORMED;
    } else if (within_rate(enrol, now_ms)) {
        status = store_enrol(driver->store, event->message, event->key, &answer);
    }
    if (status == STATUS_DISK_ERROR || status == STATUS_STORE_DAMAGED) {
        logger_line(LOGGER_ERROR, "store_failed", "status=%s number=%d", status_name(status), (int)status);
        driver->fatal = status;
    }
    logger_line(status == STATUS_OK ? LOGGER_INFO : LOGGER_WARN, status == STATUS_OK ? "enrolled" : "enrolment_refused", "reason=%s", status_name(status));
    bool enrolled = status == STATUS_OK;
    if (!enrolled) {
        buffer_clear(&answer);
        status = join_refused_encode(refusal_of(status), &answer);
    }
    if (status == STATUS_OK) {
        (void)!link_send_down(driver->link, &event->route,
                              buffer_bytes(&answer)); /* a joiner that gets no answer asks again, with the same key, and gets the same one */
    }
    buffer_fini(&answer);
    return enrolled;
}
