#include "protocol/founding.h"

#include "protocol/parts.h"

#include <stdlib.h>

enum { FOUNDING_VALUES = 10 };

static int compare_keys(const void *a, const void *b) {
    return memcmp(a, b, 32);
}

/* The ids that follow from the statement's bytes (section 2). */
static void derive(struct founding *founding, struct bytes statement) {
    static const struct bytes NOTHING;
    struct hash hash;
    keys_hash(&hash, "founding", NULL, statement, NOTHING);
    memcpy(founding->association.b, hash.b, sizeof founding->association.b);
    keys_hash(&hash, "node", &founding->association, statement, NOTHING);
    memcpy(founding->founder.b, hash.b, sizeof founding->founder.b);
    keys_unit_id(&founding->root, &founding->association, founding->nonce, 0);
}

static void read_recovery(struct reader *reader, struct founding *out) {
    out->recovery_threshold = (unsigned)reader_uint(reader, RECOVERY_KEYS_MAX);
    out->recovery_count = (unsigned)reader_array(reader, 0, RECOVERY_KEYS_MAX);
    for (unsigned i = 0; i < out->recovery_count; i++) {
        reader_fixed(reader, out->recovery_keys[i], 32);
        if (i > 0 && compare_keys(out->recovery_keys[i - 1], out->recovery_keys[i]) >= 0) {
            reader_fail(reader, STATUS_MALFORMED);
        }
    }
    if (out->recovery_threshold > out->recovery_count || (out->recovery_threshold == 0) != (out->recovery_count == 0)) {
        reader_fail(reader, STATUS_MALFORMED);
    }
    reader_close(reader);
}

enum status founding_decode(struct founding *out, struct bytes statement) {
    struct reader reader;
    *out = (struct founding){0};
    reader_init(&reader, statement);
    if (statement.len > FOUNDING_BYTES_MAX) {
        reader_fail(&reader, STATUS_MALFORMED);
    }
    size_t count = reader_array(&reader, 2, MEMBERS_MAX);
    parts_read_version(&reader, count, FOUNDING_VALUES);
    out->name = reader_str(&reader, 1, ASSOCIATION_NAME_BYTES_MAX);
    out->practice = reader_bool(&reader);
    reader_fixed(&reader, out->signing_key, sizeof out->signing_key);
    reader_fixed(&reader, out->transport_key, sizeof out->transport_key);
    reader_fixed(&reader, out->nonce, sizeof out->nonce);
    read_recovery(&reader, out);
    bool critical = parts_read_extensions(&reader, &out->extensions);
    reader_close(&reader);
    enum status status = parts_end(&reader, statement, critical);
    if (status != STATUS_OK) {
        *out = (struct founding){0};
        return status;
    }
    derive(out, statement);
    return STATUS_OK;
}

enum status founding_encode(struct founding *founding, struct buffer *out) {
    struct writer writer;
    struct founding check = {0};
    if (founding->recovery_count > RECOVERY_KEYS_MAX) {
        return STATUS_MALFORMED;
    }
    qsort(founding->recovery_keys, founding->recovery_count, sizeof founding->recovery_keys[0], compare_keys);
    writer_init(&writer, out);
    writer_array(&writer, FOUNDING_VALUES);
    parts_write_version(&writer);
    writer_str(&writer, founding->name);
    writer_bool(&writer, founding->practice);
    parts_write_fixed(&writer, founding->signing_key, sizeof founding->signing_key);
    parts_write_fixed(&writer, founding->transport_key, sizeof founding->transport_key);
    parts_write_fixed(&writer, founding->nonce, sizeof founding->nonce);
    writer_uint(&writer, founding->recovery_threshold);
    writer_array(&writer, founding->recovery_count);
    for (unsigned i = 0; i < founding->recovery_count; i++) {
        parts_write_fixed(&writer, founding->recovery_keys[i], 32);
    }
    parts_write_extensions(&writer, founding->extensions);
    /* What our own reader would refuse is not written: every rule of a structure stands once, in its decoder. */
    writer_fail(&writer, founding_decode(&check, writer_written(&writer)));
    founding->association = check.association;
    founding->founder = check.founder;
    founding->root = check.root;
    return writer_end(&writer);
}

void founding_sign(uint8_t signature[64], struct bytes statement, const struct node_keys *keys) {
    keys_sign(signature, "founding", NULL, statement, keys);
}

enum status founding_verify(const struct founding *founding, struct bytes statement, const uint8_t signature[64]) {
    return keys_verify(signature, "founding", NULL, statement, founding->signing_key);
}
