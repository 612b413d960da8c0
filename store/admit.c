#include "store/admit.h"

#include "protocol/planted.h"
#include "store/structure.h"

#include <stdlib.h>

/* What is told; the buffers own what it borrows. */
struct answer {
    struct admission admission;
    struct buffer core, payload;
    struct ref ref;
};

static bool is_of(const struct admission *admission, const struct applicant *applicant) {
    return memcmp(admission->signing_key, applicant->signing_key, sizeof admission->signing_key) == 0 &&
           memcmp(admission->transport_key, applicant->transport_key, sizeof admission->transport_key) == 0;
}

/* The first time: the admission is written into the own directive log. */
static enum status write_admission(struct store *store, const struct applicant *applicant, struct answer *answer, int64_t *entry) {
    struct admission *admission = &answer->admission;
    uint32_t unit = tree_unit(store->tree, &applicant->unit);
    uint8_t nonce[16];
    struct stored stored;
    enum status status = unit == TREE_NONE ? STATUS_LINE_BROKEN : structure_allowed(store, unit);
    if (status != STATUS_OK) {
        return status;
    }
    *admission = (struct admission){.inviter = store->self, .unit = applicant->unit, .roles = ROLE_WRITER | ROLE_STEWARD};
    memcpy(admission->signing_key, applicant->signing_key, sizeof admission->signing_key);
    memcpy(admission->transport_key, applicant->transport_key, sizeof admission->transport_key);
    memcpy(admission->nonce, applicant->nonce, sizeof admission->nonce);
    structure_line(store->tree, unit, false, &admission->line);
    os_random(nonce, sizeof nonce);
    status = admission_encode(admission, &answer->payload);
    if (status == STATUS_OK) {
        const struct change change = {.kind = CHANGE_ADMISSION, .payload = buffer_bytes(&answer->payload)};
        const struct structure_draft draft = {.nonce = nonce, .units = &unit, .unit_count = 1, .changes = &change, .change_count = 1};
        status = structure_append(store, &draft, &stored);
    }
    if (status == STATUS_OK) {
        answer->ref = stored.ref;
        *entry = stored.id;
        status = apply_pending(store);
    }
    return status;
}

/* Again: the answer is made from the admission as it was written. */
static enum status read_admission(struct store *store, const struct applicant *applicant, int64_t entry_id, struct answer *answer) {
    struct stored_entry entry;
    struct body_reader reader;
    struct change change;
    bool found = false;
    enum status status = log_read(store, entry_id, &entry, store->scratch);
    if (status == STATUS_OK) {
        header_ref(&answer->ref, store->scratch, &entry.hash);
        status = body_open(&reader, entry.entry.body, CLASS_CONTROL);
    }
    while (status == STATUS_OK && !found && body_next(&reader, &change)) {
        found = change.kind == CHANGE_ADMISSION && admission_decode(&answer->admission, change.payload) == STATUS_OK && is_of(&answer->admission, applicant);
    }
    return status == STATUS_NOT_FOUND || (status == STATUS_OK && !found) ? STATUS_STORE_DAMAGED : status;
}

static enum status tell(const struct store *store, struct answer *answer, const struct ref *root, struct buffer *out) {
    const struct buffer *bytes = &store->founding_bytes;
    enum status status = admission_core_encode(&answer->admission, &answer->core);
    if (status != STATUS_OK) {
        return status;
    }
    struct joined joined = {.statement = bytes_of(bytes->data, bytes->len - 64),
                            .core = buffer_bytes(&answer->core),
                            .admission = answer->ref,
                            .line = answer->admission.line,
                            .root = *root};
    memcpy(joined.signature, bytes->data + bytes->len - 64, sizeof joined.signature);
    return joined_encode(&joined, out);
}

enum status admit(struct store *store, const struct applicant *applicant, const struct ref *root, int64_t *entry, struct buffer *joined) {
    struct answer *answer = calloc(1, sizeof *answer);
    if (answer == NULL) {
        return STATUS_NO_MEMORY;
    }
    buffer_init(&answer->core, BODY_BYTES_MAX);
    buffer_init(&answer->payload, BODY_BYTES_MAX);
    enum status status = *entry == 0 ? write_admission(store, applicant, answer, entry) : read_admission(store, applicant, *entry, answer);
    if (status == STATUS_OK) {
        status = tell(store, answer, root, joined);
    }
    buffer_fini(&answer->core);
    buffer_fini(&answer->payload);
    free(answer);
    return status;
}

enum status admit_known(const struct store *store, const struct applicant *applicant, int64_t *entry) {
    uint32_t number = tree_node_by_transport(store->tree, applicant->transport_key);
    *entry = 0;
    if (number == TREE_NONE) {
        return STATUS_OK;
    }
    const struct tree_node *node = tree_node_at(store->tree, number);
    bool ours = node->inviter != TREE_NONE && ID_EQUAL(&tree_node_at(store->tree, node->inviter)->id, &store->self) &&
                (ID_EQUAL(tree_unit_id(store->tree, node->unit), &applicant->unit) || PLANTED("token-of-another-unit")) &&
                memcmp(node->signing_key, applicant->signing_key, sizeof applicant->signing_key) == 0;
    int64_t revocation;
    if (tree_revoked(store->tree, number, &revocation)) {
        return STATUS_KEY_ELSEWHERE; /* its old admission is worth nothing any more, and a token would be used up for it */
    }
    *entry = ours ? node->entry_id : 0;
    return ours ? STATUS_OK : STATUS_KEY_ELSEWHERE;
}

enum status admit_root(struct store *store, struct ref *out) {
    const uint32_t *nodes;
    uint32_t root = tree_unit(store->tree, &store->founding.root);
    size_t count = root == TREE_NONE ? 0 : tree_unit_nodes(store->tree, root, &nodes);
    enum status status = STATUS_OK;
    *out = (struct ref){0};
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct node_id *node = &tree_node_at(store->tree, nodes[i])->id;
        struct query query = db_query(store->db, "SELECT epoch, head_seq, head_hash FROM log WHERE node = ? AND kind = ? ORDER BY head_seq DESC LIMIT 1");
        query_bind_blob(&query, bytes_of(node->b, sizeof node->b));
        query_bind_int(&query, LOG_DIRECTIVE);
        if (query_next(&query) && (uint64_t)query_int(&query, 1) > out->seq) {
            struct hash hash;
            *out = (struct ref){.log = {.node = *node, .kind = LOG_DIRECTIVE}, .seq = (uint64_t)query_int(&query, 1)};
            query_fixed(&query, 0, out->log.epoch.b, sizeof out->log.epoch.b);
            query_fixed(&query, 2, hash.b, sizeof hash.b);
            out->hash = hash_short(&hash);
        }
        status = query_end(&query);
    }
    return status == STATUS_OK && out->seq == 0 ? STATUS_LINE_BROKEN : status;
}

void admit_root_pack(uint8_t out[ADMIT_ROOT_BYTES], const struct ref *root) {
    memcpy(out, root->log.node.b, 16);
    memcpy(out + 16, root->log.epoch.b, 8);
    for (unsigned i = 0; i < 8; i++) {
        out[24 + i] = (uint8_t)(root->seq >> (56 - 8 * i));
    }
    memcpy(out + 32, root->hash.b, 16);
}

void admit_root_unpack(const uint8_t packed[ADMIT_ROOT_BYTES], struct ref *out) {
    *out = (struct ref){.log = {.kind = LOG_DIRECTIVE}};
    memcpy(out->log.node.b, packed, 16);
    memcpy(out->log.epoch.b, packed + 16, 8);
    for (unsigned i = 0; i < 8; i++) {
        out->seq = out->seq << 8 | packed[24 + i];
    }
    memcpy(out->hash.b, packed + 32, 16);
}
