#include "protocol/types.h"

int log_id_compare(const struct log_id *a, const struct log_id *b) {
    int order = ID_COMPARE(&a->node, &b->node);
    if (order == 0) {
        order = (a->kind > b->kind) - (a->kind < b->kind);
    }
    return order != 0 ? order : ID_COMPARE(&a->epoch, &b->epoch);
}

int ref_compare(const struct ref *a, const struct ref *b) {
    int order = log_id_compare(&a->log, &b->log);
    if (order == 0) {
        order = (a->seq > b->seq) - (a->seq < b->seq);
    }
    return order != 0 ? order : ID_COMPARE(&a->hash, &b->hash);
}

struct short_hash hash_short(const struct hash *hash) {
    struct short_hash out;
    memcpy(out.b, hash->b, sizeof out.b);
    return out;
}

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int bytes_compare(struct bytes a, struct bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}
