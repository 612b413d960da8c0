/* Every message of a link and of the enrolment lane. The type stands in the message itself: all decoders get all bytes, and only the one of the type may accept
 * them. What is unpacked stays within its limit. */
#include "tests/fuzz/fuzz.h"

static const struct {
    unsigned type;
    recode_fn fn;
} MESSAGES[] = {
    {MESSAGE_HELLO, recode_hello},     {MESSAGE_STATE, recode_state},       {MESSAGE_BUCKETS, recode_buckets},   {MESSAGE_HAVE, recode_have},
    {MESSAGE_ENTRIES, recode_entries}, {MESSAGE_RECEIPTS, recode_receipts}, {MESSAGE_PROGRESS, recode_progress}, {MESSAGE_REFUSED, recode_refused},
    {MESSAGE_BYE, recode_bye},         {MESSAGE_JOIN, recode_join},         {MESSAGE_JOINED, recode_joined},     {MESSAGE_JOIN_REFUSED, recode_join_refused},
};

static void unpack(struct bytes in) {
    struct entries entries;
    struct item item;
    if (entries_open(&entries, in) == STATUS_OK) {
        FUZZ_REQUIRE(entries.raw.capacity <= RAW_BYTES_MAX && entries.count <= ITEMS_MAX);
        while (entries_next(&entries, &item)) {
            FUZZ_REQUIRE(item.kind == ITEM_ENTRY || item.kind == ITEM_PART || item.kind == ITEM_EVIDENCE || item.kind == ITEM_OFFER);
            FUZZ_REQUIRE(item.entry.header.len <= HEADER_BYTES_MAX && item.entry.body.len <= BODY_BYTES_MAX && item.part.len <= BODY_BYTES_MAX);
        }
    }
    entries_fini(&entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    unsigned type = message_type(in);
    for (size_t i = 0; i < sizeof MESSAGES / sizeof MESSAGES[0]; i++) {
        bool accepted = fuzz_recode(MESSAGES[i].fn, in);
        FUZZ_REQUIRE(!accepted || type == MESSAGES[i].type);
    }
    unpack(in);
    return 0;
}
