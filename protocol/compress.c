/* The only file that includes zstd.h. */
#include "protocol/compress.h"

#include "protocol/planted.h"

#include <assert.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* For a disk: columns of figures shrink by their distribution, and hardly by repeats. To look only for long ones costs 3 % of size and saves 40 % of the time.
 */
enum { DISK_LEVEL = 1, DISK_REPEAT_BYTES = 7, LINE_LEVEL = 3 };

struct compressor {
    ZSTD_CCtx *packing;
    ZSTD_DCtx *expanding;
};

enum status compressor_new(struct compressor **out) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        return STATUS_NO_MEMORY;
    }
    (*out)->packing = ZSTD_createCCtx();
    (*out)->expanding = ZSTD_createDCtx();
    if ((*out)->packing == NULL || (*out)->expanding == NULL) {
        compressor_free(*out);
        *out = NULL;
        return STATUS_NO_MEMORY;
    }
    size_t level = ZSTD_CCtx_setParameter((*out)->packing, ZSTD_c_compressionLevel, DISK_LEVEL);
    size_t repeat = ZSTD_CCtx_setParameter((*out)->packing, ZSTD_c_minMatch, DISK_REPEAT_BYTES);
    assert(!ZSTD_isError(level) && !ZSTD_isError(repeat)); /* both stand within zstd's bounds */
    return STATUS_OK;
}

void compressor_free(struct compressor *compressor) {
    if (compressor == NULL) {
        return;
    }
    ZSTD_freeCCtx(compressor->packing);
    ZSTD_freeDCtx(compressor->expanding);
    free(compressor);
}

/* Room for len bytes more, and not a byte more than that. */
static enum status reserve(struct buffer *out, size_t len) {
    if (len > out->max || out->len > out->max - len) {
        return STATUS_TOO_LARGE;
    }
    if (len <= out->capacity - out->len) {
        return STATUS_OK;
    }
    uint8_t *data = realloc(out->data, out->len + len);
    if (data == NULL) {
        return STATUS_NO_MEMORY;
    }
    out->data = data;
    out->capacity = out->len + len;
    return STATUS_OK;
}

enum status compress_frame(struct compressor *compressor, struct bytes raw, size_t bytes_most, struct buffer *out) {
    out->len = 0;
    enum status status = reserve(out, bytes_most);
    if (status != STATUS_OK || bytes_most == 0) {
        return status;
    }
    size_t len = compressor != NULL ? ZSTD_compress2(compressor->packing, out->data, bytes_most, raw.data, raw.len)
                                    : ZSTD_compress(out->data, bytes_most, raw.data, raw.len, LINE_LEVEL);
    /* Hardly any error but that it does not fit; and whatever else it is, the bytes can go as they are. */
    out->len = ZSTD_isError(len) ? 0 : len;
    return STATUS_OK;
}

/* A skippable frame is a frame to zstd too, and holds nothing: only the magic number of a real one is taken. */
static bool frame_begins(struct bytes data) {
    static const uint8_t MAGIC[] = {0x28, 0xb5, 0x2f, 0xfd};
    return data.len > sizeof MAGIC && memcmp(data.data, MAGIC, sizeof MAGIC) == 0;
}

size_t compress_frame_bytes(struct bytes frame) {
    unsigned long long bytes = frame_begins(frame) ? ZSTD_getFrameContentSize(frame.data, frame.len) : ZSTD_CONTENTSIZE_UNKNOWN;
    return bytes == ZSTD_CONTENTSIZE_UNKNOWN || bytes == ZSTD_CONTENTSIZE_ERROR || bytes > SIZE_MAX ? 0 : (size_t)bytes;
}

enum status compress_expand(struct compressor *compressor, struct bytes frame, size_t raw_len, struct buffer *out) {
    if (raw_len == 0 || compress_frame_bytes(frame) != raw_len ||
        (ZSTD_findFrameCompressedSize(frame.data, frame.len) != frame.len && !PLANTED("bytes-behind-the-frame"))) {
        return STATUS_COMPRESSION_BAD;
    }
    enum status status = reserve(out, raw_len);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *at = out->data + out->len;
    size_t len = compressor != NULL ? ZSTD_decompressDCtx(compressor->expanding, at, raw_len, frame.data, frame.len)
                                    : ZSTD_decompress(at, raw_len, frame.data, frame.len);
    if (len != raw_len) {
        return ZSTD_getErrorCode(len) == ZSTD_error_memory_allocation ? STATUS_NO_MEMORY : STATUS_COMPRESSION_BAD;
    }
    out->len += raw_len;
    return STATUS_OK;
}
