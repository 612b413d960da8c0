/* The C library's malloc and its kin, for the whole process. */
#include "tests/sweep/alloc.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *memory, size_t len);
void *__libc_memalign(size_t alignment, size_t len);
void __libc_free(void *memory);

void *malloc(size_t len) {
    return alloc_denied() ? NULL : alloc_given(__libc_malloc(len), len);
}

void *calloc(size_t count, size_t len) {
    return alloc_denied() ? NULL : alloc_given(__libc_calloc(count, len), count * len);
}

void *realloc(void *memory, size_t len) {
    if (alloc_denied())
        return NULL;
    void *moved = __libc_realloc(memory, len);
    if (moved != NULL || len == 0)
        alloc_moved(memory, moved, len);
    return moved;
}

void *reallocarray(void *memory, size_t count, size_t len) {
    size_t bytes;
    if (__builtin_mul_overflow(count, len, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t len) {
    return alloc_denied() ? NULL : alloc_given(__libc_memalign(alignment, len), len);
}

void *aligned_alloc(size_t alignment, size_t len) {
    return memalign(alignment, len);
}

int posix_memalign(void **out, size_t alignment, size_t len) {
    void *memory = memalign(alignment, len);
    if (memory == NULL)
        return ENOMEM;
    *out = memory;
    return 0;
}

void free(void *memory) {
    int error = errno; /* free leaves errno alone */
    alloc_taken(memory);
    __libc_free(memory);
    errno = error;
}

/* libsodium maps pages of its own, past malloc. */
void *__real_sodium_malloc(size_t len);
void *__wrap_sodium_malloc(size_t len) {
    return alloc_denied() ? NULL : __real_sodium_malloc(len);
}

void alloc_hook(void) {}
