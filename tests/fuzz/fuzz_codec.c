/* Canonical msgpack: a value that codec_check accepts can be read piece by piece and written again, byte for byte; what it refuses, the reader refuses too. */
#include "tests/fuzz/fuzz.h"

/* Reads one value of whatever type and writes it. */
static void copy_value(struct reader *reader, struct writer *writer) {
    struct bytes text;
    size_t count;
    switch (reader_peek(reader)) {
    case VALUE_NIL:
        FUZZ_REQUIRE(reader_take_nil(reader));
        writer_nil(writer);
        break;
    case VALUE_BOOL:
        writer_bool(writer, reader_bool(reader));
        break;
    case VALUE_UINT:
        writer_uint(writer, reader_uint(reader, UINT64_MAX));
        break;
    case VALUE_NEGATIVE:
        writer_int(writer, reader_int(reader, INT64_MIN, -1));
        break;
    case VALUE_STR:
        text = reader_str(reader, 0, SIZE_MAX);
        FUZZ_REQUIRE(reader->status != STATUS_OK || codec_utf8_valid(text));
        writer_str(writer, text);
        break;
    case VALUE_BIN:
        writer_bin(writer, reader_bin(reader, 0, SIZE_MAX));
        break;
    case VALUE_ARRAY:
        count = reader_array(reader, 0, SIZE_MAX);
        writer_array(writer, count);
        for (size_t i = 0; i < count && reader->status == STATUS_OK; i++) {
            copy_value(reader, writer);
        }
        reader_close(reader);
        break;
    case VALUE_NONE:
        reader_fail(reader, STATUS_MALFORMED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    struct reader reader;
    struct writer writer;
    struct buffer out;
    enum status checked = codec_check(in);
    buffer_init(&out, 2 * size + 16);
    reader_init(&reader, in);
    writer_init(&writer, &out);
    copy_value(&reader, &writer);
    enum status read = reader_end(&reader), written = writer_end(&writer);
    FUZZ_REQUIRE((read == STATUS_OK) == (checked == STATUS_OK));
    FUZZ_REQUIRE(read != STATUS_OK || (written == STATUS_OK && bytes_equal(buffer_bytes(&out), in)));
    reader_init(&reader, in);
    struct bytes skipped = reader_skip(&reader);
    FUZZ_REQUIRE((reader_end(&reader) == STATUS_OK) == (checked == STATUS_OK));
    FUZZ_REQUIRE(checked != STATUS_OK || bytes_equal(skipped, in));
    buffer_fini(&out);
    return 0;
}
