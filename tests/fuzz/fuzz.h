/* What every fuzz target is made of: its one entry, and the property of every decoder. A target is built twice from the same file: with replay.c, to go over
 * its corpus as a test, and as a libFuzzer program (-DHOI_FUZZ=ON). */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "tests/unit/recode.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that no input may break. */
#define FUZZ_REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

/* What the decoder accepts is written back byte for byte, or said to be the same by fn. Was it accepted? */
static inline bool fuzz_recode(recode_fn fn, struct bytes in) {
    struct buffer out;
    buffer_init(&out, 4 * MESSAGE_BYTES_MAX);
    enum status status = fn(in, &out);
    FUZZ_REQUIRE(status != STATUS_INTERNAL && status != STATUS_NO_MEMORY);
    FUZZ_REQUIRE(strcmp(status_name(status), "UNKNOWN") != 0);
    FUZZ_REQUIRE(status != STATUS_OK || bytes_equal(buffer_bytes(&out), in));
    buffer_fini(&out);
    return status == STATUS_OK;
}

/* Takes the first byte of *in, a choice below bound; 0 where there is none. */
static inline unsigned fuzz_choice(struct bytes *in, unsigned bound) {
    unsigned choice = in->len > 0 ? in->data[0] % bound : 0;
    if (in->len > 0) {
        *in = bytes_of(in->data + 1, in->len - 1);
    }
    return choice;
}

#endif
