/* Receipts: what is accepted is written back byte for byte, and says nothing that cannot be (bodies beyond entries). */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    struct receipt receipt;
    if (receipt_decode(&receipt, in) == STATUS_OK) {
        FUZZ_REQUIRE(receipt_compare(&receipt, &receipt) == 0);
        FUZZ_REQUIRE(receipt.applied <= receipt.bodies && receipt.bodies <= receipt.seq);
    }
    (void)fuzz_recode(recode_receipt, in);
    return 0;
}
