/* zstd frames: what goes in comes out, what would not be shorter is left, and nothing but one whole frame is taken apart. */
#include "protocol/compress.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { RAW_BYTES = 5000 };

/* Bytes of which few are used: they shrink. */
static void fill(uint8_t raw[RAW_BYTES]) {
    uint32_t random = 7;
    for (size_t i = 0; i < RAW_BYTES; i++) {
        random = random * 1664525u + 1013904223u;
        raw[i] = (uint8_t)(random >> 28);
    }
}

static int begin(void **state) {
    struct compressor *compressor;
    assert_int_equal(compressor_new(&compressor), STATUS_OK);
    *state = compressor;
    return 0;
}

static int end(void **state) {
    compressor_free(*state);
    return 0;
}

static void what_goes_in_comes_out(void **state) {
    struct compressor *kept[] = {*state, NULL, *state};
    uint8_t raw[RAW_BYTES];
    struct buffer frame, out;
    fill(raw);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        buffer_init(&frame, RAW_BYTES);
        buffer_init(&out, RAW_BYTES + 3);
        assert_int_equal(buffer_append(&out, "xyz", 3), STATUS_OK);
        assert_int_equal(compress_frame(kept[i], bytes_of(raw, sizeof raw), RAW_BYTES - 1, &frame), STATUS_OK);
        assert_true(frame.len > 0 && frame.len < RAW_BYTES * 3 / 4);
        assert_int_equal(compress_frame_bytes(buffer_bytes(&frame)), RAW_BYTES);
        assert_int_equal(compress_expand(kept[i], buffer_bytes(&frame), RAW_BYTES, &out), STATUS_OK);
        assert_int_equal(out.len, RAW_BYTES + 3); /* behind what was there */
        assert_memory_equal(out.data + 3, raw, RAW_BYTES);
        buffer_fini(&frame);
        buffer_fini(&out);
    }
}

static void what_is_not_short_enough_is_left(void **state) {
    uint8_t raw[RAW_BYTES];
    struct buffer frame;
    fill(raw);
    buffer_init(&frame, RAW_BYTES);
    assert_int_equal(compress_frame(*state, bytes_of(raw, sizeof raw), RAW_BYTES, &frame), STATUS_OK);
    size_t len = frame.len;
    assert_int_equal(compress_frame(*state, bytes_of(raw, sizeof raw), len - 1, &frame), STATUS_OK);
    assert_int_equal(frame.len, 0);
    assert_int_equal(compress_frame(NULL, bytes_of(raw, 1), 0, &frame), STATUS_OK);
    assert_int_equal(frame.len, 0);
    assert_int_equal(compress_frame(*state, bytes_of(raw, sizeof raw), RAW_BYTES + 1, &frame), STATUS_TOO_LARGE); /* past its own bound */
    assert_int_equal(compress_frame(*state, bytes_of(raw, sizeof raw), RAW_BYTES, &frame), STATUS_OK);            /* and it can be used again */
    assert_int_equal(frame.len, len);
    buffer_fini(&frame);
}

static void only_one_whole_frame_is_taken(void **state) {
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0};
    uint8_t raw[RAW_BYTES];
    struct buffer frame, out;
    fill(raw);
    buffer_init(&frame, RAW_BYTES);
    buffer_init(&out, RAW_BYTES);
    assert_int_equal(compress_frame(*state, bytes_of(raw, sizeof raw), RAW_BYTES - 1, &frame), STATUS_OK);
    size_t len = frame.len;
    assert_int_equal(compress_expand(*state, buffer_bytes(&frame), RAW_BYTES - 1, &out), STATUS_COMPRESSION_BAD); /* it says otherwise */
    assert_int_equal(compress_expand(*state, buffer_bytes(&frame), 0, &out), STATUS_COMPRESSION_BAD);
    assert_int_equal(compress_expand(*state, bytes_of(frame.data, len - 1), RAW_BYTES, &out), STATUS_COMPRESSION_BAD);
    assert_int_equal(buffer_append(&frame, "", 1), STATUS_OK);
    assert_int_equal(compress_expand(*state, buffer_bytes(&frame), RAW_BYTES, &out), STATUS_COMPRESSION_BAD); /* bytes behind it */
    frame.data[len - 1] ^= 0x40;
    frame.data[len / 2] ^= 0x01;
    (void)!compress_expand(*state, bytes_of(frame.data, len), RAW_BYTES, &out); /* other bytes or an error: no checksum tells, the hash of what is in it does */
    out.len = 0;
    assert_int_equal(compress_frame_bytes(bytes_of(skippable, sizeof skippable)), 0);
    assert_int_equal(compress_expand(*state, bytes_of(skippable, sizeof skippable), 1, &out), STATUS_COMPRESSION_BAD);
    assert_int_equal(compress_frame_bytes((struct bytes){0}), 0);
    struct buffer small;
    buffer_init(&small, RAW_BYTES - 1);
    frame.data[len - 1] ^= 0x40;
    frame.data[len / 2] ^= 0x01;
    assert_int_equal(compress_expand(*state, bytes_of(frame.data, len), RAW_BYTES, &small), STATUS_TOO_LARGE);
    assert_null(small.data); /* nothing was allocated for what has no room */
    assert_int_equal(out.len, 0);
    buffer_fini(&small);
    buffer_fini(&frame);
    buffer_fini(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_goes_in_comes_out),
        TEST(what_is_not_short_enough_is_left),
        TEST(only_one_whole_frame_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
