/* Answers lines "STRUCTURE HEX" with what the protocol layer makes of the bytes: a status number, and for 0 the bytes it writes again, in hex. The other
 * side of against_c.py; it knows nothing of any structure. */
#include "tests/unit/recode.h"

#include <stdio.h>

#define LINE_BYTES_MAX ((size_t)8 << 20)

static int digit(char letter) {
    static const char digits[] = "0123456789abcdef";
    const char *found = letter != '\0' ? strchr(digits, letter) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* Writes the bytes that the hex digits at the beginning of text stand for. Their number. */
static size_t unhex(const char *text, uint8_t *out) {
    size_t len = 0;
    for (int high, low; (high = digit(text[0])) >= 0 && (low = digit(text[1])) >= 0; text += 2) {
        out[len++] = (uint8_t)(high << 4 | low);
    }
    return len;
}

static void answer(recode_fn fn, struct bytes in) {
    struct buffer out;
    buffer_init(&out, 4 * MESSAGE_BYTES_MAX);
    enum status status = fn(in, &out);
    printf("%d ", (int)status);
    for (size_t i = 0; status == STATUS_OK && i < out.len; i++) {
        printf("%02x", out.data[i]);
    }
    putchar('\n');
    buffer_fini(&out);
}

int main(void) {
    char *line = malloc(LINE_BYTES_MAX);
    int failed = line == NULL;
    while (!failed && fgets(line, (int)LINE_BYTES_MAX, stdin) != NULL) {
        char *blank = strchr(line, ' ');
        if (blank != NULL) {
            *blank = '\0';
        }
        recode_fn fn = blank != NULL ? recode_of(line) : NULL;
        /* An allocation of its own, so that reading past the bytes is seen by the sanitizer. */
        uint8_t *data = fn != NULL ? malloc(strlen(blank + 1) / 2 + 1) : NULL;
        failed = data == NULL;
        if (!failed) {
            size_t len = unhex(blank + 1, data);
            uint8_t *exact = realloc(data, len + (len == 0));
            data = exact != NULL ? exact : data;
            answer(fn, bytes_of(data, len));
        }
        free(data);
    }
    free(line);
    return failed;
}
