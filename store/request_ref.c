/* Entries as people and programs write them: NODE:KIND:EPOCH:SEQ:HASH, as they are printed everywhere. */
#include "store/request.h"

#include <sodium.h>
#include <stdlib.h>

bool request_read_hex(const char **text, void *out, size_t len) {
    size_t got = 0;
    const char *end = NULL;
    bool fits = strlen(*text) >= 2 * len && sodium_hex2bin(out, len, *text, 2 * len, NULL, &got, &end) == 0 && got == len;
    *text += fits ? 2 * len : 0;
    return fits;
}

static bool read_kind(const char **text, uint8_t *out) {
    static const struct {
        const char *word;
        uint8_t kind;
    } KINDS[] = {{":report:", LOG_REPORT}, {":directive:", LOG_DIRECTIVE}};
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        size_t len = strlen(KINDS[i].word);
        if (strncmp(*text, KINDS[i].word, len) == 0) {
            *out = KINDS[i].kind;
            *text += len;
            return true;
        }
    }
    return false;
}

bool request_ref(const char *text, struct ref *out) {
    char *end = NULL;
    if (text == NULL || !request_read_hex(&text, out->log.node.b, 16) || !read_kind(&text, &out->log.kind) || !request_read_hex(&text, out->log.epoch.b, 8) ||
        *text++ != ':') {
        return false;
    }
    if (*text < '0' || *text > '9') { /* strtoull would take blanks and signs */
        return false;
    }
    out->seq = strtoull(text, &end, 10);
    if (*end != ':' || out->seq == 0 || out->seq > SEQ_MAX) {
        return false;
    }
    text = end + 1;
    return request_read_hex(&text, out->hash.b, 16) && *text == '\0';
}

enum status request_refuse_ref(struct request *request, const char *key, const char *text) {
    return request_refuse(request, STATUS_VALUE_INVALID, "field", key, "read", text, "expected", "NODE:KIND:EPOCH:SEQ:HASH", NULL);
}
