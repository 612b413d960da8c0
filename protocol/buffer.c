#include "protocol/codec.h"

#include <stdlib.h>

#define CAPACITY_LEAST 256

void buffer_init(struct buffer *buffer, size_t bytes_max) {
    *buffer = (struct buffer){.max = bytes_max};
}

void buffer_fini(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){.max = buffer->max};
}

void buffer_clear(struct buffer *buffer) {
    buffer->len = 0;
}

/* Doubles, so that appending n bytes one by one copies O(n); never past max, so that a bound on bytes is a bound on memory. */
static enum status grow(struct buffer *buffer, size_t needed) {
    size_t capacity = buffer->capacity > buffer->max / 2 ? buffer->max : buffer->capacity * 2;
    if (capacity < CAPACITY_LEAST && CAPACITY_LEAST <= buffer->max) {
        capacity = CAPACITY_LEAST;
    }
    if (capacity < needed) {
        capacity = needed;
    }
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        return STATUS_NO_MEMORY;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return STATUS_OK;
}

enum status buffer_append(struct buffer *buffer, const void *data, size_t len) {
    if (len > buffer->max || buffer->len > buffer->max - len) {
        return STATUS_TOO_LARGE;
    }
    if (len == 0) {
        return STATUS_OK;
    }
    if (len > buffer->capacity - buffer->len) {
        enum status status = grow(buffer, buffer->len + len);
        if (status != STATUS_OK) {
            return status;
        }
    }
    memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    return STATUS_OK;
}
