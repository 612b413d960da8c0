#include "daemon/logger.h"

#include "store/os.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { IDS_MAX = 64, LINES_PER_WINDOW = 30, WINDOW_MS = 60 * 1000, LINE_BYTES_MAX = 1024 };

struct counter {
    const char *id;
    int64_t since_ms;
    unsigned lines, suppressed;
};

static const char *const LEVELS[] = {"error", "warn", "info", "debug"};
static enum logger_level level_shown = LOGGER_INFO;
static struct counter counters[IDS_MAX];

void logger_open(enum logger_level level) {
    level_shown = level;
}

bool logger_level_of(const char *text, enum logger_level *out) {
    for (size_t i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        if (strcmp(text, LEVELS[i]) == 0) {
            *out = (enum logger_level)i;
            return true;
        }
    }
    return false;
}

/* The counter of an id. There are fewer ids than places; should that ever change, the rest go without a limit. */
static struct counter *counter_of(const char *id) {
    for (size_t i = 0; i < IDS_MAX; i++) {
        if (counters[i].id == NULL) {
            counters[i].id = id;
            return &counters[i];
        }
        if (strcmp(counters[i].id, id) == 0) {
            return &counters[i];
        }
    }
    return NULL;
}

/* May this line be written? *suppressed: how many before it were not. */
static bool within_rate(const char *id, unsigned *suppressed) {
    struct counter *counter = counter_of(id);
    *suppressed = 0;
    if (counter == NULL) {
        return true;
    }
    int64_t now = os_monotonic_ms();
    if (counter->lines == 0 || now - counter->since_ms >= WINDOW_MS) {
        counter->since_ms = now;
        counter->lines = 0;
    }
    if (counter->lines >= LINES_PER_WINDOW) {
        counter->suppressed++;
        return false;
    }
    counter->lines++;
    *suppressed = counter->suppressed;
    counter->suppressed = 0;
    return true;
}

void logger_line(enum logger_level level, const char *id, const char *format, ...) {
    unsigned suppressed = 0;
    if (level > level_shown || (!within_rate(id, &suppressed) && level != LOGGER_ERROR)) {
        return;
    }
    time_t now = (time_t)os_time();
    struct tm parts;
    char stamp[32] = "unknown", line[LINE_BYTES_MAX];
    if (gmtime_r(&now, &parts) != NULL) {
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    size_t room = sizeof line - 1; /* the end of the line must always fit */
    int len = snprintf(line, room, "time=%s level=%s id=%s ", stamp, LEVELS[level], id);
    size_t used = len < 0 ? 0 : (size_t)len;
    va_list arguments;
    va_start(arguments, format);
    len = vsnprintf(line + used, room - used, format, arguments);
    va_end(arguments);
    used = len < 0 ? used : used + (size_t)len < room ? used + (size_t)len : room - 1;
    if (suppressed > 0) {
        len = snprintf(line + used, room - used, " suppressed=%u", suppressed);
        used = len < 0 ? used : used + (size_t)len < room ? used + (size_t)len : room - 1;
    }
    while (used > 0 && line[used - 1] == ' ') {
        used--;
    }
    line[used++] = '\n';
    /* One write a line, so that lines of several processes on one pipe never mix. A log that nobody reads must not stop the daemon. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}

struct logger_id logger_hex(const uint8_t bytes[16]) {
    static const char DIGITS[] = "0123456789abcdef";
    struct logger_id out;
    for (size_t i = 0; i < 16; i++) {
        out.text[2 * i] = DIGITS[bytes[i] >> 4];
        out.text[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    out.text[32] = 0;
    return out;
}

struct logger_text logger_safe(const char *text) {
    struct logger_text out;
    size_t len = 0;
    for (; text[len] != 0 && len < sizeof out.text - 1; len++) {
        char c = text[len];
        out.text[len] = c;
        if (c <= ' ' || c > '~' || c == '"' || c == '=') {
            out.text[len] = '_';
        }
    }
    out.text[len] = 0;
    return out;
}
