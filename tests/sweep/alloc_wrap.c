/* malloc and its kin where sanitizers own them: called by our own objects (--wrap), by SQLite and jansson through their hooks. What zstd and utf8proc ask
 * for inside of a call is refused with the call; libcsv, stdio and the rest of the C library have what they want here. */
#include "tests/sweep/alloc.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <zstd.h>
#include <zstd_errors.h>

void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *memory, size_t len);
void *__real_reallocarray(void *memory, size_t count, size_t len);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void __real_free(void *memory);
void *__real_sodium_malloc(size_t len);
size_t __real_ZSTD_compress(void *out, size_t out_len, const void *in, size_t in_len, int level);
size_t __real_ZSTD_decompress(void *out, size_t out_len, const void *in, size_t in_len);
size_t __real_ZSTD_compress2(ZSTD_CCtx *context, void *out, size_t out_len, const void *in, size_t in_len);
ZSTD_CCtx *__real_ZSTD_createCCtx(void);
ZSTD_DCtx *__real_ZSTD_createDCtx(void);
utf8proc_ssize_t __real_utf8proc_map(const uint8_t *text, utf8proc_ssize_t len, uint8_t **out, utf8proc_option_t options);

void *__wrap_malloc(size_t len) {
    return alloc_denied() ? NULL : alloc_given(__real_malloc(len), len);
}

void *__wrap_calloc(size_t count, size_t len) {
    return alloc_denied() ? NULL : alloc_given(__real_calloc(count, len), count * len);
}

void *__wrap_realloc(void *memory, size_t len) {
    if (alloc_denied())
        return NULL;
    void *moved = __real_realloc(memory, len);
    if (moved != NULL || len == 0)
        alloc_moved(memory, moved, len);
    return moved;
}

void *__wrap_reallocarray(void *memory, size_t count, size_t len) {
    size_t bytes;
    if (__builtin_mul_overflow(count, len, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __wrap_realloc(memory, bytes);
}

char *__wrap_strdup(const char *text) {
    return alloc_denied() ? NULL : alloc_given(__real_strdup(text), strlen(text) + 1);
}

char *__wrap_strndup(const char *text, size_t len) {
    return alloc_denied() ? NULL : alloc_given(__real_strndup(text, len), len + 1);
}

void __wrap_free(void *memory) {
    alloc_taken(memory);
    __real_free(memory);
}

void *__wrap_sodium_malloc(size_t len) {
    return alloc_denied() ? NULL : __real_sodium_malloc(len);
}

size_t __wrap_ZSTD_compress(void *out, size_t out_len, const void *in, size_t in_len, int level) {
    return alloc_denied() ? (size_t)-ZSTD_error_memory_allocation : __real_ZSTD_compress(out, out_len, in, in_len, level);
}

size_t __wrap_ZSTD_decompress(void *out, size_t out_len, const void *in, size_t in_len) {
    return alloc_denied() ? (size_t)-ZSTD_error_memory_allocation : __real_ZSTD_decompress(out, out_len, in, in_len);
}

size_t __wrap_ZSTD_compress2(ZSTD_CCtx *context, void *out, size_t out_len, const void *in, size_t in_len) {
    return alloc_denied() ? (size_t)-ZSTD_error_memory_allocation : __real_ZSTD_compress2(context, out, out_len, in, in_len);
}

ZSTD_CCtx *__wrap_ZSTD_createCCtx(void) {
    return alloc_denied() ? NULL : __real_ZSTD_createCCtx();
}

ZSTD_DCtx *__wrap_ZSTD_createDCtx(void) {
    return alloc_denied() ? NULL : __real_ZSTD_createDCtx();
}

utf8proc_ssize_t __wrap_utf8proc_map(const uint8_t *text, utf8proc_ssize_t len, uint8_t **out, utf8proc_option_t options) {
    if (alloc_denied()) {
        *out = NULL;
        return UTF8PROC_ERROR_NOMEM;
    }
    utf8proc_ssize_t mapped = __real_utf8proc_map(text, len, out, options);
    (void)alloc_given(*out, mapped > 0 ? (size_t)mapped : 0);
    return mapped;
}

/* ---- SQLite: a piece begins with its size, which SQLite asks for ---- */

enum { SIZE_BYTES = 16 };

static void *sqlite_malloc(int len) {
    uint8_t *memory = __wrap_malloc((size_t)len + SIZE_BYTES);
    if (memory == NULL)
        return NULL;
    memcpy(memory, &len, sizeof len);
    return memory + SIZE_BYTES;
}

static void sqlite_free(void *memory) {
    if (memory != NULL)
        __wrap_free((uint8_t *)memory - SIZE_BYTES);
}

static void *sqlite_realloc(void *memory, int len) {
    uint8_t *moved = __wrap_realloc((uint8_t *)memory - SIZE_BYTES, (size_t)len + SIZE_BYTES);
    if (moved == NULL)
        return NULL;
    memcpy(moved, &len, sizeof len);
    return moved + SIZE_BYTES;
}

static int sqlite_size(void *memory) {
    int len;
    memcpy(&len, (uint8_t *)memory - SIZE_BYTES, sizeof len);
    return len;
}

static int sqlite_roundup(int len) {
    return (len + 7) & ~7;
}

static int sqlite_init(void *data) {
    (void)data;
    return SQLITE_OK;
}

static void sqlite_shutdown(void *data) {
    (void)data;
}

void alloc_hook(void) {
    static const sqlite3_mem_methods methods = {sqlite_malloc, sqlite_free, sqlite_realloc, sqlite_size, sqlite_roundup, sqlite_init, sqlite_shutdown, NULL};
    (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    json_set_alloc_funcs(__wrap_malloc, __wrap_free);
}
