/* Two offices of one association, the root and a province that joined it, and what a link would carry between them, without a link. */
#ifndef TESTS_UNIT_STORE_OFFICES_H
#define TESTS_UNIT_STORE_OFFICES_H

#include "store_scratch.h"

struct offices {
    char dir[SCRATCH_PATH], root_dir[SCRATCH_PATH], child_dir[SCRATCH_PATH];
    struct store *root, *child;
    struct unit_id unit; /* the child's */
    struct log_id directive;
};

/* A buffer that grows as one payload needs. */
static inline struct buffer offices_buffer(void) {
    struct buffer buffer;
    buffer_init(&buffer, BODY_BYTES_MAX);
    return buffer;
}

/* Appends and applies one control body of these changes in a transaction of its own. */
static inline struct stored offices_control(struct store *store, const uint8_t nonce[16], const struct change *changes, size_t count) {
    struct buffer body = offices_buffer();
    struct stored stored;
    assert_int_equal(body_encode(&body, nonce, changes, count), STATUS_OK);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&body);
    return stored;
}

static inline struct stored offices_rename(struct store *store, const char *name) {
    assert_int_equal(store_begin(store), STATUS_OK);
    struct stored stored = scratch_rename(store, name);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    return stored;
}

/* A document in one of the own logs, for units above (a report's) or below. */
static inline struct stored offices_document(struct store *store, uint8_t kind, const struct unit_id *to, const char *text, size_t repeats) {
    struct buffer payload = offices_buffer(), body = offices_buffer(), long_text = offices_buffer();
    struct stored stored;
    for (size_t i = 0; i < repeats; i++)
        assert_int_equal(buffer_append(&long_text, text, strlen(text)), STATUS_OK);
    const struct document document = {.title = bytes_of("title", 5), .text = buffer_bytes(&long_text)};
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    const struct term audience = {.unit = *to};
    const struct draft draft = {.kind = kind, .cls = CLASS_DOCUMENT, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&payload);
    buffer_fini(&body);
    buffer_fini(&long_text);
    return stored;
}

static inline void offices_join(struct offices *offices) {
    struct store *root = offices->root;
    struct node_keys keys;
    struct buffer unit = offices_buffer(), admission_bytes = offices_buffer(), core = offices_buffer();
    uint8_t nonce[16] = {42};
    assert_int_equal(store_join_keys(offices->child_dir, &keys), STATUS_OK);
    const struct unit_change creation = {
        .parent = root->unit, .level = 1, .code = bytes_of("01", 2), .name = bytes_of("Hà Nội", strlen("Hà Nội")), .line = {1, {root->unit}}};
    assert_int_equal(unit_change_encode(&creation, &unit), STATUS_OK);
    keys_unit_id(&offices->unit, &root->founding.association, nonce, 0);
    struct admission *admission = calloc(1, sizeof *admission);
    assert_non_null(admission);
    admission->inviter = root->self;
    admission->unit = offices->unit;
    memcpy(admission->signing_key, keys.signing_public, 32);
    memcpy(admission->transport_key, keys.transport_public, 32);
    admission->roles = ROLE_WRITER | ROLE_STEWARD;
    admission->line = (struct line){1, {root->unit}};
    assert_int_equal(admission_encode(admission, &admission_bytes), STATUS_OK);
    assert_int_equal(admission_core_encode(admission, &core), STATUS_OK);
    const struct change changes[2] = {{.kind = CHANGE_UNIT, .place = 0, .payload = buffer_bytes(&unit)},
                                      {.kind = CHANGE_ADMISSION, .place = 1, .payload = buffer_bytes(&admission_bytes)}};
    struct stored stored = offices_control(root, nonce, changes, 2);
    offices->directive = stored.ref.log;
    struct token token = {.secret = {7}};
    struct joined joined = {.statement = bytes_of(root->founding_bytes.data, root->founding_bytes.len - 64),
                            .core = buffer_bytes(&core),
                            .admission = stored.ref,
                            .line = {1, {root->unit}}};
    memcpy(joined.signature, root->founding_bytes.data + root->founding_bytes.len - 64, 64);
    joined.root = stored.ref;
    const struct token_terms terms = {.association = root->founding.association, .inviter = root->self, .unit = offices->unit, .root = joined.root};
    assert_int_equal(token_bond(token.bond, &token, &terms), STATUS_OK);
    assert_int_equal(store_join(offices->child_dir, &keys, &token, &joined), STATUS_OK);
    free(admission);
    buffer_fini(&unit);
    buffer_fini(&admission_bytes);
    buffer_fini(&core);
}

/* The item that would carry an entry of `from`; its bytes live until the next of the same store. */
static inline struct persist offices_item(struct store *from, const struct log_id *log, uint64_t seq) {
    struct replica replica;
    struct persist item = {.kind = PERSIST_ENTRY, .log = *log, .seq = seq};
    store_replica(from, &replica);
    assert_int_equal(replica.ops->entry(replica.ctx, log, seq, &item.entry), STATUS_OK);
    header_hash(&item.hash, &from->founding.association, item.entry.header);
    return item;
}

static inline enum status offices_carry(struct store *from, struct store *to, const struct log_id *log, uint64_t seq, bool with_body) {
    struct persist item = offices_item(from, log, seq);
    if (!with_body)
        item.entry.salt = item.entry.body = (struct bytes){0};
    return store_persist(to, &item, 1);
}

static inline int offices_setup(void **state) {
    struct offices *offices = calloc(1, sizeof *offices);
    assert_non_null(offices);
    assert_int_equal(keys_init(), STATUS_OK);
    scratch_make(offices->dir);
    scratch_path(offices->root_dir, offices->dir, "root");
    scratch_path(offices->child_dir, offices->dir, "child");
    scratch_found(offices->root_dir);
    offices->root = scratch_open(offices->root_dir);
    offices_join(offices);
    offices->child = scratch_open(offices->child_dir);
    *state = offices;
    return 0;
}

static inline int offices_teardown(void **state) {
    struct offices *offices = *state;
    store_close(offices->root);
    store_close(offices->child);
    scratch_remove(offices->dir);
    free(offices);
    return 0;
}

/* The first two directives: after them the child knows itself and its parent. */
static inline void offices_introduce(struct offices *offices) {
    assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, 1, true), STATUS_OK);
    assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, 2, true), STATUS_OK);
    assert_int_not_equal(tree_unit(offices->child->tree, &offices->unit), TREE_NONE);
}

#endif
