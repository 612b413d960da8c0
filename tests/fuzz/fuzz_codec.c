/* Canonical msgpack: a value that codec_check accepts can be read piece by piece and written again, byte for byte; what it refuses, the reader refuses too. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    struct reader reader;
    bool checked = codec_check(in) == STATUS_OK;
    FUZZ_REQUIRE(fuzz_recode(recode_value, in) == checked);
    reader_init(&reader, in);
    struct bytes skipped = reader_skip(&reader);
    FUZZ_REQUIRE((reader_end(&reader) == STATUS_OK) == checked);
    FUZZ_REQUIRE(!checked || bytes_equal(skipped, in));
    return 0;
}
