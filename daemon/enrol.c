#include "daemon/enrol.h"

#include "daemon/logger.h"
#include "store/os.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { JOIN_BYTES_MAX = 1024 /* the message is 185 bytes long; extensions do not exist */ };

static const struct {
    enum status status;
    unsigned reason;
} REFUSALS[] = {
    {STATUS_TOKEN_UNKNOWN, JOIN_UNKNOWN}, {STATUS_TOKEN_USED, JOIN_USED},         {STATUS_MALFORMED, JOIN_MALFORMED},
    {STATUS_TOKEN_EXPIRED, JOIN_EXPIRED}, {STATUS_KEY_ELSEWHERE, JOIN_ELSEWHERE},
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

/* Who is at the other end, as far as the system knows; a peer chooses the rest of an IPv6 address as it likes. */
static bool address_of(int fd, uint8_t out[8]) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    memset(out, 0, 8);
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&peer, &len) != 0) {
        return false;
    }
    if (peer.ss_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)&peer)->sin_addr, 4);
        return true;
    }
    if (peer.ss_family != AF_INET6) {
        return false;
    }
    const struct in6_addr *address = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        memcpy(out, address->s6_addr + 12, 4);
    } else {
        memcpy(out, address->s6_addr, 8);
    }
    return true;
}

static bool within_rate(struct enrol *enrol, const struct link_event *event, int64_t now_ms) {
    struct enrol_asker asker = {.address_known = false};
    if (!enrol->begun) {
        os_random(&enrol->rate.seed, sizeof enrol->rate.seed);
        enrol->begun = true;
    }
    memcpy(asker.key, event->key, sizeof asker.key);
    asker.address_known = address_of(event->fd, asker.address);
    return enrol_rate_take(&enrol->rate, &asker, now_ms);
}

bool enrol_serve(struct enrol *enrol, struct driver *driver, const struct link_event *event, int64_t now_ms) {
    struct buffer answer;
    buffer_init(&answer, MESSAGE_BYTES_MAX);
    enum status status = STATUS_BUSY;
    if (event->message.len > JOIN_BYTES_MAX) {
        status = STATUS_MALFORMED;
    } else if (within_rate(enrol, event, now_ms)) {
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
