/* Our reader against msgpack-c's, which was written by others: a value is canonical if and only if msgpack-c reads it to its end, finds only the types of
 * docs/protocol.md section 1 in it, and packs it again to the same bytes. */
#include "tests/fuzz/fuzz.h"

#include <msgpack.h>
#include <utf8proc.h>

/* msgpack-c makes room for as many elements as a header announces before it has seen one: what announces more than there are bytes is left to our reader. */
static bool announces_too_much(struct bytes in) {
    for (size_t i = 0; i + 5 <= in.len; i++) {
        if (in.data[i] == 0xdd || in.data[i] == 0xdf) {
            uint64_t count = (uint64_t)in.data[i + 1] << 24 | (uint64_t)in.data[i + 2] << 16 | (uint64_t)in.data[i + 3] << 8 | in.data[i + 4];
            if (count > in.len) {
                return true;
            }
        }
    }
    return false;
}

static bool is_text(const char *text, size_t len) {
    for (size_t at = 0; at < len;) {
        utf8proc_int32_t letter;
        utf8proc_ssize_t took = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(len - at), &letter);
        if (took <= 0 || letter == 0) {
            return false;
        }
        at += (size_t)took;
    }
    return true;
}

static bool types_allowed(const msgpack_object *object, unsigned depth) {
    switch (object->type) {
    case MSGPACK_OBJECT_NIL:
    case MSGPACK_OBJECT_BOOLEAN:
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
    case MSGPACK_OBJECT_BIN:
        return true;
    case MSGPACK_OBJECT_STR:
        return is_text(object->via.str.ptr, object->via.str.size);
    case MSGPACK_OBJECT_ARRAY:
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            if (!types_allowed(&object->via.array.ptr[i], depth + 1)) {
                return false;
            }
        }
        return depth < DEPTH_MAX;
    default:
        return false;
    }
}

static bool canonical_by_others(struct bytes in) {
    msgpack_unpacked unpacked;
    msgpack_sbuffer again;
    size_t at = 0;
    msgpack_unpacked_init(&unpacked);
    msgpack_sbuffer_init(&again);
    bool canonical = msgpack_unpack_next(&unpacked, (const char *)in.data, in.len, &at) == MSGPACK_UNPACK_SUCCESS && at == in.len;
    if (canonical && types_allowed(&unpacked.data, 0)) {
        msgpack_packer packer;
        msgpack_packer_init(&packer, &again, msgpack_sbuffer_write);
        FUZZ_REQUIRE(msgpack_pack_object(&packer, unpacked.data) == 0);
        canonical = again.size == in.len && memcmp(again.data, in.data, in.len) == 0;
    } else {
        canonical = false;
    }
    msgpack_sbuffer_destroy(&again);
    msgpack_unpacked_destroy(&unpacked);
    return canonical;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    if (size == 0 || announces_too_much(in)) {
        FUZZ_REQUIRE(size > 0 || codec_check(in) != STATUS_OK);
        return 0;
    }
    FUZZ_REQUIRE((codec_check(in) == STATUS_OK) == canonical_by_others(in));
    return 0;
}
